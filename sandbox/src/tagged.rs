//! Tags, under the names and in the form that the model gives them: with a create call, and of a resource by its ARN.

use serde_json::{Map, Value, json};

use crate::call::Call;
use crate::error::ApiError;
use crate::model::TagForm;
use crate::service::{Operation, read, write};
use crate::store::{GLOBAL, Tagged, Tags};
use crate::wire::params::Params;
use crate::wire::reply::Reply;

/// The three operations, where a service calls them what most call them.
pub(crate) const OPERATIONS: &[Operation] =
    &[write("TagResource", tag), write("UntagResource", untag), read("ListTagsForResource", list)];

/// How many tags a resource has at most.
const MOST: usize = 50;

/// The tags of a request, checked; none where it has none.
pub(crate) fn take(call: &mut Call<'_>) -> Result<Tags, ApiError> {
    let facts = call.model().tags_in(call.operation);
    let (name, form) = facts.ok_or_else(|| ApiError::not_implemented(format!("tags of {}", call.operation)))?;
    let pairs = match form {
        TagForm::Map => {
            let map = call.params.child_opt(name)?.map(|mut map| map.rest()).unwrap_or_default();
            let text = |value: Value| value.as_str().map(str::to_owned);
            let pairs = map.into_iter().map(|(key, value)| Some((key, text(value)?))).collect::<Option<_>>();
            pairs.ok_or_else(|| call.invalid("The value of a tag is a text"))?
        }
        TagForm::List { key, value } => read_pairs(call.params.structs(name)?, &key, &value)?,
    };
    checked(call, pairs)
}

/// The pairs of a list of tags.
pub(crate) fn read_pairs(items: Vec<Params>, key: &str, value: &str) -> Result<Vec<(String, String)>, ApiError> {
    let pair = |mut item: Params| Ok((item.text(key)?, item.text_opt(value)?.unwrap_or_default()));
    items.into_iter().map(pair).collect()
}

/// Refuses what the model does not say of tags.
pub(crate) fn checked(call: &Call<'_>, pairs: Vec<(String, String)>) -> Result<Tags, ApiError> {
    let mut tags = Tags::new();
    for (key, value) in pairs {
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(call.invalid(format!("The tag key {key} is reserved: aws: belongs to AWS")));
        }
        if tags.insert(key.clone(), value).is_some() {
            return Err(call.invalid(format!("The tag key {key} is given twice")));
        }
    }
    if tags.len() > MOST { Err((call.service.too_many_tags)()) } else { Ok(tags) }
}

/// Tags as a list of objects with `Key` and `Value`.
pub(crate) fn pairs(tags: &Tags) -> Value {
    listed(tags, "Key", "Value")
}

fn listed(tags: &Tags, key: &str, value: &str) -> Value {
    tags.iter().map(|(name, text)| json!({key: name, value: text})).collect()
}

/// Adds tags to a resource.
pub(crate) fn tag(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (found, new) = (resource(call, call.window.reference)?, take(call)?);
    let mut tags = found.tags.clone();
    tags.extend(new);
    if tags.len() > MOST {
        return Err((call.service.too_many_tags)());
    }
    call.world.retag(&found, tags);
    Ok(Reply::json(json!({})))
}

/// Takes tags from a resource.
pub(crate) fn untag(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let found = resource(call, call.window.reference)?;
    let name = call.model().tag_keys(call.operation).unwrap_or("TagKeys");
    let keys = call.params.texts(name)?;
    let mut tags = found.tags.clone();
    tags.retain(|key, _| !keys.contains(key));
    call.world.retag(&found, tags);
    Ok(Reply::json(json!({})))
}

/// Shows the tags of a resource.
pub(crate) fn list(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let tags = resource(call, call.window.describe)?.tags;
    let mut fields = Map::new();
    match call.model().tags_out(call.operation) {
        Some((name, TagForm::Map)) => fields.insert(name.to_owned(), json!(tags)),
        Some((name, TagForm::List { key, value })) => fields.insert(name.to_owned(), listed(&tags, &key, &value)),
        None => None,
    };
    Ok(Reply::json(Value::Object(fields)))
}

/// The resource whose ARN a request has, if it is older than a consistency window.
fn resource(call: &mut Call<'_>, window: f64) -> Result<Tagged, ApiError> {
    let name = call.model().resource(call.operation).unwrap_or("ResourceArn");
    let arn = call.params.text(name)?;
    let everywhere = format!("arn:{}:{}::{}:", call.partition(), call.service.prefix, call.account());
    let tagged = |region, tail| call.world.tagged(region, call.service.prefix, tail);
    let found = match arn.strip_prefix(&everywhere) {
        Some(tail) => tagged(GLOBAL, tail),
        None => here(call, &arn).and_then(|tail| tagged(call.region, tail)),
    };
    found.filter(|it| call.is_old_enough(it.created, window)).ok_or_else(|| (call.service.no_resource)(&arn))
}

/// The last part of an ARN of the call's service in this account and region.
pub(crate) fn here<'a>(call: &Call<'_>, arn: &'a str) -> Option<&'a str> {
    arn.strip_prefix(&call.arn(""))
}
