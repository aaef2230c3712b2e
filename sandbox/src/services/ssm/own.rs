//! An account's own parameters: put by name, described with filters, tagged and removed. Only the newest version of each
//! is kept, and secret ones are not simulated.

use regex::Regex;

use super::parameters::check_name;
use crate::images::image;
use crate::services::prelude::*;
use crate::store::Object;
use crate::wire::params::Params;

pub(super) const OPERATIONS: &[Operation] = &[
    write("PutParameter", put),
    write("DeleteParameter", delete),
    read("DescribeParameters", describe),
    write("AddTagsToResource", add_tags),
    write("RemoveTagsFromResource", remove_tags),
    read("ListTagsForResource", list_tags),
];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Parameter {
    pub(super) name: String,
    created: Timestamp,
    modified: Timestamp,
    version: u64,
    value: String,
    kind: String,
    tier: String,
    data_type: String,
    pattern: String,
    description: String,
    tags: Tags,
}

impl Object for Parameter {
    const KIND: &'static str = "ssm/parameter";
    fn id(&self) -> &str {
        &self.name
    }
    fn created(&self) -> Timestamp {
        self.created
    }
    fn tags(&self) -> Option<&Tags> {
        Some(&self.tags)
    }
    fn tags_mut(&mut self) -> Option<&mut Tags> {
        Some(&mut self.tags)
    }
    fn arn(&self) -> Option<(String, String)> {
        Some(("ssm".to_owned(), self.tail()))
    }
}

impl Parameter {
    /// The last part of its ARN, in which a path has no slash before it.
    fn tail(&self) -> String {
        format!("parameter/{}", self.name.trim_start_matches('/'))
    }

    pub(super) fn with_value(&self, call: &Call<'_>) -> Value {
        json!({
            "Name": self.name, "Type": self.kind, "Value": self.value, "Version": self.version, "ARN": call.arn(self.tail()),
            "LastModifiedDate": self.modified.as_second(), "DataType": self.data_type,
        })
    }

    fn described(&self, call: &Call<'_>) -> Value {
        let said = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        json!({
            "Name": self.name, "Type": self.kind, "Version": self.version, "ARN": call.arn(self.tail()), "Tier": self.tier,
            "LastModifiedDate": self.modified.as_second(), "LastModifiedUser": call.iam_arn("user/sandbox"),
            "DataType": self.data_type, "Description": said(&self.description),
            "AllowedPattern": said(&self.pattern), "Policies": [],
        })
    }
}

/// A name that an account may give.
fn check_own(name: &str) -> Result<(), ApiError> {
    let first = name.trim_start_matches('/').to_ascii_lowercase();
    let is_path = name.matches('/').count() > 1;
    if first.starts_with("aws") && is_path {
        let message = format!("No access to reserved parameter name: {name}.");
        return Err(ApiError::bad("AccessDeniedException", message));
    }
    if first.starts_with("aws") || first.starts_with("ssm") {
        let message = "Parameter name: can't be prefixed with \"aws\" or \"ssm\" (case-insensitive).";
        return Err(ApiError::bad("ValidationException", message));
    }
    if name.contains('/') && !name.starts_with('/') {
        let message = "Parameter name must be a fully qualified name.";
        return Err(ApiError::bad("ValidationException", message));
    }
    if name.matches('/').count() > 15 {
        let message = "A hierarchy can have a maximum of 15 levels.";
        return Err(ApiError::bad("HierarchyLevelLimitExceededException", message));
    }
    check_name(name)
}

fn put(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let name = call.params.text("Name")?;
    let (value, kind) = (call.params.text("Value")?, call.params.text_opt("Type")?);
    let (overwrite, tier) = (call.params.flag("Overwrite")?, call.params.text_opt("Tier")?);
    let (pattern, description) = (call.params.text_opt("AllowedPattern")?, call.params.text_opt("Description")?);
    let data_type = call.params.text_opt("DataType")?;
    let has_tags = call.params.has("Tags");
    let tags = tagged::take(call)?;
    check_own(&name)?;
    if overwrite && has_tags {
        let message = "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please \
                       remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or \
                       RemoveTagsFromResource.";
        return Err(call.invalid(message));
    }
    let old = call.get::<Parameter>(&name).cloned();
    if old.is_some() && !overwrite {
        let message =
            "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.";
        return Err(ApiError::bad("ParameterAlreadyExists", message));
    }
    let Some(kind) = kind.or_else(|| old.as_ref().map(|old| old.kind.clone())) else {
        return Err(call.invalid("A parameter type is required when you create a parameter."));
    };
    if kind == "SecureString" || tier.as_deref() == Some("Intelligent-Tiering") {
        return Err(ApiError::not_implemented("SecureString and Intelligent-Tiering of parameters"));
    }
    if old.as_ref().is_some_and(|old| old.kind != kind) {
        return Err(ApiError::bad("HierarchyTypeMismatchException", "The type of a parameter cannot be changed."));
    }
    let was = |field: fn(&Parameter) -> &String| old.as_ref().map(|old| field(old).clone());
    let new = Parameter {
        created: old.as_ref().map_or(call.now, |old| old.created),
        modified: call.now,
        version: old.as_ref().map_or(1, |old| old.version + 1),
        tier: tier.or_else(|| was(|old| &old.tier)).unwrap_or_else(|| "Standard".to_owned()),
        data_type: data_type.or_else(|| was(|old| &old.data_type)).unwrap_or_else(|| "text".to_owned()),
        pattern: pattern.or_else(|| was(|old| &old.pattern)).unwrap_or_default(),
        description: description.or_else(|| was(|old| &old.description)).unwrap_or_default(),
        tags: old.as_ref().map_or(tags, |old| old.tags.clone()),
        name,
        value,
        kind,
    };
    check(call, old.as_ref(), &new)?;
    let reply = Reply::json(json!({"Version": new.version, "Tier": new.tier}));
    // Whether an image is there is looked at after the answer, and what is none is dropped without a word.
    if new.data_type == "text" || image(&new.value, call.region).is_some() {
        call.put(new);
    }
    Ok(reply)
}

fn check(call: &Call<'_>, old: Option<&Parameter>, new: &Parameter) -> Result<(), ApiError> {
    if old.is_some_and(|old| old.tier == "Advanced") && new.tier == "Standard" {
        let message = "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the \
                       advanced-parameter tier to the standard-parameter tier. If necessary, you can delete the advanced \
                       parameter and recreate it as a standard parameter.";
        return Err(call.invalid(message));
    }
    let most = if new.tier == "Advanced" { 8192 } else { 4096 };
    if new.value.is_empty() {
        return Err(call.invalid("Value at 'value' failed to satisfy constraint: Member must not be empty"));
    }
    if new.value.len() > most {
        let message = format!("{} tier parameters support a maximum parameter value of {most} characters.", new.tier);
        return Err(call.invalid(message));
    }
    if !["text", "aws:ec2:image"].contains(&new.data_type.as_str()) {
        return Err(ApiError::not_implemented(format!("parameters of the data type {}", new.data_type)));
    }
    if new.pattern.is_empty() {
        return Ok(());
    }
    let refused = |_| {
        ApiError::bad("InvalidAllowedPatternException", "The request doesn't meet the regular expression requirement.")
    };
    if Regex::new(&new.pattern).map_err(refused)?.is_match(&new.value) {
        return Ok(());
    }
    let message = format!("Parameter value, cannot be validated against allowedPattern: {}", new.pattern);
    Err(ApiError::bad("ParameterPatternMismatchException", message))
}

fn missing(name: &str) -> ApiError {
    ApiError::bad("ParameterNotFound", format!("Parameter {name} not found."))
}

fn delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let name = call.params.text("Name")?;
    if call.find::<Parameter>(&name).is_none() {
        return Err(missing(&name));
    }
    call.remove::<Parameter>(&name);
    Ok(Reply::json(json!({})))
}

/// Does a parameter pass a filter?
fn passes(it: &Parameter, key: &str, option: &str, values: &[String]) -> Result<bool, ApiError> {
    let tag = key.strip_prefix("tag:").map(|key| it.tags.get(key));
    let found = match (key, tag) {
        (_, Some(None)) => return Ok(false),
        (_, Some(Some(value))) if !values.is_empty() => value,
        (_, Some(Some(_))) => return Ok(true),
        ("Name", _) => &it.name,
        ("Type", _) => &it.kind,
        ("Tier", _) => &it.tier,
        ("DataType", _) => &it.data_type,
        _ => return Err(ApiError::not_implemented(format!("ssm:DescribeParameters with the filter {key}"))),
    };
    match option {
        "Equals" => Ok(values.contains(found)),
        "BeginsWith" if key == "Name" => Ok(values.iter().any(|value| found.starts_with(value))),
        "Contains" if key == "Name" => Ok(values.iter().any(|value| found.contains(value))),
        _ => Err(ApiError::bad("InvalidFilterOption", format!("The filter option {option} is not valid."))),
    }
}

fn describe(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let read = |mut filter: Params| {
        let option = filter.text_opt("Option")?.unwrap_or_else(|| "Equals".to_owned());
        Ok((filter.text("Key")?, option, filter.texts("Values")?))
    };
    let filters = call.params.structs("ParameterFilters")?;
    let filters = filters.into_iter().map(read).collect::<Result<Vec<_>, ApiError>>()?;
    let page = Page::take(call, 10)?;
    let mut found = Vec::new();
    for it in call.seen::<Parameter>() {
        let mut all = true;
        for (key, option, values) in &filters {
            all &= passes(it, key, option, values)?;
        }
        found.extend(all.then_some(it));
    }
    Ok(page.reply(found, |it| &it.name, |it| it.described(call)))
}

/// The parameter whose tags a request is about.
fn resource(call: &mut Call<'_>) -> Result<Parameter, ApiError> {
    let (kind, name) = (call.params.text("ResourceType")?, call.params.text("ResourceId")?);
    if kind != "Parameter" {
        return Err(ApiError::not_implemented(format!("tags of {kind}")));
    }
    let unknown = || {
        let message = "The resource ID isn't valid. Verify that you entered the correct ID and try again.";
        ApiError::bad("InvalidResourceId", message)
    };
    call.find::<Parameter>(&name).cloned().ok_or_else(unknown)
}

fn add_tags(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (mut it, new) = (resource(call)?, tagged::take(call)?);
    it.tags.extend(new);
    if it.tags.len() > 50 {
        return Err((call.service.too_many_tags)());
    }
    call.put(it);
    Ok(Reply::json(json!({})))
}

fn remove_tags(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (mut it, keys) = (resource(call)?, call.params.texts("TagKeys")?);
    it.tags.retain(|key, _| !keys.contains(key));
    call.put(it);
    Ok(Reply::json(json!({})))
}

fn list_tags(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let it = resource(call)?;
    Ok(Reply::json(json!({"TagList": tagged::pairs(&it.tags)})))
}
