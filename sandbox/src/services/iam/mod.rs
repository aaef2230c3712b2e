//! IAM: roles, their policies and instance profiles, and simulations of what a role may. The policies count for requests
//! that are signed with the credentials of a role, which functions have; everybody else may do everything.

mod managed;
mod profiles;
mod role_policies;
mod roles;
mod simulation;

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::call::Call;
use crate::error::ApiError;
use crate::iam_model::{InstanceProfile, Role, is_principal};
use crate::model::facts;
use crate::page::Page;
use crate::policy;
use crate::service::Service;
use crate::store::ObjectKind;
use crate::wire::Protocol;
use crate::wire::params::InputErrors;
use crate::wire::reply::Reply;
use crate::wire::xml::Xml;

pub(crate) static SERVICE: Service = Service {
    xmlns: Some("https://iam.amazonaws.com/doc/2010-05-08/"),
    input: InputErrors::both("ValidationError"),
    operations: &[roles::OPERATIONS, role_policies::OPERATIONS, profiles::OPERATIONS, simulation::OPERATIONS],
    objects: || vec![ObjectKind::of::<Role>(), ObjectKind::of::<InstanceProfile>()],
    ..Service::new("iam", Protocol::AwsQuery, facts!("iam"))
};

const NAME: &str = r"[\w+=,.@-]+";

fn done() -> Result<Reply, ApiError> {
    Ok(Reply::xml(Xml::new()))
}

fn no_such(message: impl Into<String>) -> ApiError {
    ApiError::new(404, "NoSuchEntity", message)
}

fn exists(message: impl Into<String>) -> ApiError {
    ApiError::new(409, "EntityAlreadyExists", message)
}

fn conflict(message: impl Into<String>) -> ApiError {
    ApiError::new(409, "DeleteConflict", message)
}

fn limit(quota: &str, value: usize) -> ApiError {
    ApiError::new(409, "LimitExceeded", format!("Cannot exceed quota for {quota}: {value}"))
}

/// The sentence that IAM makes of a parameter that breaks its model.
fn constraint(field: &str, value: &str, rule: &str) -> ApiError {
    let mut name = field.to_owned();
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    let message =
        format!("1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: {rule}");
    ApiError::bad("ValidationError", message)
}

/// A name of at most `max` characters.
fn name(call: &mut Call<'_>, field: &str, max: usize) -> Result<String, ApiError> {
    let value = call.params.text(field)?;
    if !value.chars().all(|ch| ch.is_ascii_alphanumeric() || "_+=,.@-".contains(ch)) || value.is_empty() {
        return Err(constraint(field, &value, &format!("Member must satisfy regular expression pattern: {NAME}")));
    }
    if value.len() > max {
        let rule = format!("Member must have length less than or equal to {max}");
        return Err(constraint(field, &value, &rule));
    }
    Ok(value)
}

/// The path of a new object, `/` when none is given.
fn path(call: &mut Call<'_>) -> Result<String, ApiError> {
    let value = call.params.text_opt("Path")?.unwrap_or_else(|| "/".to_owned());
    let valid =
        value.starts_with('/') && value.ends_with('/') && value.bytes().all(|byte| (0x21..=0x7e).contains(&byte));
    if !valid || value.len() > 512 {
        let message = format!(
            "The specified value for path is invalid: {value}. It must begin and end with / and \
                               contain only ASCII characters of at most 512."
        );
        return Err(ApiError::bad("ValidationError", message));
    }
    Ok(value)
}

fn path_prefix(call: &mut Call<'_>) -> Result<String, ApiError> {
    let value = call.params.text_opt("PathPrefix")?.unwrap_or_else(|| "/".to_owned());
    if !value.starts_with('/') {
        let message = "The specified value for pathPrefix is invalid. It must begin with /.";
        return Err(ApiError::bad("ValidationError", message));
    }
    Ok(value)
}

fn description(call: &mut Call<'_>) -> Result<Option<String>, ApiError> {
    let value = call.params.text_opt("Description")?;
    match &value {
        Some(text) if text.chars().count() > 1000 => {
            Err(constraint("description", text, "Member must have length less than or equal to 1000"))
        }
        Some(text) if !text.chars().all(|ch| matches!(ch, '\t' | '\n' | '\r' | ' '..='~' | '\u{a1}'..='\u{ff}')) => {
            let rule =
                r"Member must satisfy regular expression pattern: [\u0009\u000A\u000D\u0020-\u007E\u00A1-\u00FF]*";
            Err(constraint("description", text, rule))
        }
        _ => Ok(value),
    }
}

/// A policy document of the request, checked.
fn document(call: &mut Call<'_>, field: &str, place: policy::Use<'_>) -> Result<String, ApiError> {
    let text = call.params.text(field)?;
    if !text.chars().all(|ch| matches!(ch, '\t' | '\n' | '\r' | ' '..='\u{ff}')) || text.is_empty() {
        let rule = r"Member must satisfy regular expression pattern: [\u0009\u000A\u000D\u0020-\u00FF]+";
        return Err(constraint(field, &text, rule));
    }
    let malformed = |why| ApiError::bad("MalformedPolicyDocument", why);
    let read = policy::check(&text, place).map_err(malformed)?;
    if place != policy::Use::Trust {
        return Ok(text);
    }
    let is_known = |arn: &str| is_principal(call.world, arn, call.now);
    match policy::unknown_role(&read, call.partition(), &call.account(), is_known) {
        Some(arn) => Err(malformed(format!("Invalid principal in policy: \"AWS\":\"{arn}\""))),
        None => Ok(policy::with_roots(read, call.partition()).unwrap_or(text)),
    }
}

/// The tags of a request. IAM compares keys without regard to case.
fn read_tags(call: &mut Call<'_>) -> Result<BTreeMap<String, String>, ApiError> {
    let mut tags = BTreeMap::new();
    for mut item in call.params.structs("Tags")? {
        let (key, value) = (item.text("Key")?, item.text("Value")?);
        check_tag(&key, &value)?;
        if tags.keys().any(|known: &String| known.eq_ignore_ascii_case(&key)) {
            let message = "Duplicate tag keys found. Please note that Tag keys are case insensitive.";
            return Err(ApiError::bad("InvalidInput", message));
        }
        tags.insert(key, value);
    }
    Ok(tags)
}

fn check_tag(key: &str, value: &str) -> Result<(), ApiError> {
    let legal =
        |text: &str| text.chars().all(|ch| ch.is_alphanumeric() || ch.is_whitespace() || "_.:/=+-@".contains(ch));
    let pattern =
        |end| format!(r"Member must satisfy regular expression pattern: [\p{{L}}\p{{Z}}\p{{N}}_.:/=+\-@]{end}");
    if key.is_empty() || key.chars().count() > 128 {
        return Err(constraint("tags.member.key", key, "Member must have length between 1 and 128"));
    }
    if !legal(key) {
        return Err(constraint("tags.member.key", key, &pattern('+')));
    }
    if value.chars().count() > 256 {
        return Err(constraint("tags.member.value", value, "Member must have length less than or equal to 256"));
    }
    if !legal(value) {
        return Err(constraint("tags.member.value", value, &pattern('*')));
    }
    if key.to_ascii_lowercase().starts_with("aws:") {
        return Err(ApiError::bad("InvalidInput", "Tag keys that begin with aws: are reserved for system use."));
    }
    Ok(())
}

/// Adds tags to those of an object; a key that differs only in case is the same key.
fn merge_tags(
    old: &BTreeMap<String, String>,
    new: BTreeMap<String, String>,
    quota: &str,
) -> Result<BTreeMap<String, String>, ApiError> {
    let mut tags = old.clone();
    tags.retain(|key, _| !new.keys().any(|fresh| fresh.eq_ignore_ascii_case(key)));
    tags.extend(new);
    if tags.len() > 50 { Err(limit(quota, 50)) } else { Ok(tags) }
}

fn without_tags(old: &BTreeMap<String, String>, keys: &[String]) -> BTreeMap<String, String> {
    let gone = |key: &String| keys.iter().any(|dead| dead.eq_ignore_ascii_case(key));
    old.iter().filter(|(key, _)| !gone(key)).map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn tag_items(tags: &BTreeMap<String, String>) -> Xml {
    let items = tags.iter().map(|(key, value)| Xml::new().text("Key", key).text("Value", value));
    Xml::new().list("Tags", "member", items)
}

/// Cuts a page out of items that are sorted by name; gives the elements that end the reply.
fn cut<T>(page: &Page, items: Vec<(String, T)>) -> (Vec<T>, Xml) {
    let (shown, marker) = page.cut(items, |(name, _)| name);
    let end = Xml::new().text("IsTruncated", marker.is_some()).text_opt("Marker", marker);
    (shown.into_iter().map(|(_, item)| item).collect(), end)
}

/// IAM answers with documents percent-encoded as in RFC 3986.
fn percent(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// To the second, as IAM gives times.
fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A unique id such as `AROA…`.
fn unique_id(call: &mut Call<'_>, prefix: &str) -> String {
    format!("{prefix}{}", call.world.new_hex(17).to_uppercase())
}
