//! Tags of EC2 resources, kept apart from the resources: one set per id.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::filters::{Filters, listing, tags_of};
use super::{done, invalid};
use crate::call::Call;
use crate::error::ApiError;
use crate::service::{Operation, read, write};
use crate::store::{Object, World};
use crate::wire::params::Params;
use crate::wire::reply::Reply;
use crate::wire::xml::Xml;

pub(super) const OPERATIONS: &[Operation] =
    &[write("CreateTags", create_tags), write("DeleteTags", delete_tags), read("DescribeTags", describe_tags)];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct TagSet {
    pub(super) id: String,
    pub(super) resource_type: String,
    pub(super) created: Timestamp,
    pub(super) tags: BTreeMap<String, String>,
}

impl Object for TagSet {
    const KIND: &'static str = "ec2/tags";
    fn id(&self) -> &str {
        &self.id
    }
    fn created(&self) -> Timestamp {
        self.created
    }
    fn tags(&self) -> Option<&BTreeMap<String, String>> {
        Some(&self.tags)
    }
    fn arn(&self) -> Option<(String, String)> {
        Some(("ec2".to_owned(), format!("{}/{}", self.resource_type, self.id)))
    }
}

/// The resource type of an id, by its prefix.
pub(super) fn resource_type(id: &str) -> Option<&'static str> {
    let (prefix, _) = id.rsplit_once('-')?;
    Some(match prefix {
        "vpc" => "vpc",
        "subnet" => "subnet",
        "igw" => "internet-gateway",
        "eipalloc" => "elastic-ip",
        "nat" => "natgateway",
        "rtb" => "route-table",
        "sg" => "security-group",
        "sgr" => "security-group-rule",
        "eni" => "network-interface",
        "pg" => "placement-group",
        "key" => "key-pair",
        "i" => "instance",
        "vol" => "volume",
        "vpce" => "vpc-endpoint",
        "fl" => "vpc-flow-log",
        "cr" => "capacity-reservation",
        _ => return None,
    })
}

/// The tags that a create call gives to each of the resource types that it creates.
#[derive(Debug, Default)]
pub(super) struct TagSpecs(BTreeMap<String, BTreeMap<String, String>>);

impl TagSpecs {
    /// Takes `TagSpecification.N` out of a request that creates resources of the types `allowed`.
    pub(super) fn take(call: &mut Call<'_>, allowed: &[&str]) -> Result<Self, ApiError> {
        let mut out: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        // CreateCapacityReservation alone has the plural.
        let mut specs = call.params.structs("TagSpecification")?;
        specs.extend(call.params.structs("TagSpecifications")?);
        for mut spec in specs {
            let kind = spec.text("ResourceType")?;
            if !allowed.contains(&kind.as_str()) {
                return Err(invalid(format!("'{kind}' is not a valid taggable resource type for this operation.")));
            }
            let tags = read_tags(spec.structs("Tag")?)?;
            out.entry(kind).or_default().extend(tags);
        }
        Ok(Self(out))
    }

    /// Gives a new resource its tags.
    pub(super) fn apply(&self, call: &mut Call<'_>, kind: &str, id: &str) {
        if let Some(tags) = self.0.get(kind).filter(|tags| !tags.is_empty()) {
            let (created, tags) = (call.now, tags.clone());
            call.put(TagSet { id: id.to_owned(), resource_type: kind.to_owned(), created, tags });
        }
    }
}

fn read_tags(items: Vec<Params>) -> Result<BTreeMap<String, String>, ApiError> {
    let mut tags = BTreeMap::new();
    for mut item in items {
        let key = item.text("Key")?;
        let value = item.text_opt("Value")?.unwrap_or_default();
        check(&key, &value)?;
        if tags.insert(key.clone(), value).is_some() {
            return Err(invalid(format!("Duplicate tag key '{key}' specified.")));
        }
    }
    if tags.len() > 50 {
        return Err(ApiError::bad("TagLimitExceeded", "The maximum number of tags for a resource is 50"));
    }
    Ok(tags)
}

fn check(key: &str, value: &str) -> Result<(), ApiError> {
    if key.is_empty() || key.chars().count() > 127 {
        return Err(invalid(format!("Tag key '{key}' must have 1 to 127 characters")));
    }
    if key.to_ascii_lowercase().starts_with("aws:") {
        return Err(invalid("Tag keys starting with 'aws:' are reserved for internal use"));
    }
    if value.chars().count() > 255 {
        return Err(invalid(format!("Tag value of '{key}' exceeds the maximum length of 255 characters")));
    }
    Ok(())
}

/// A resource's tags as `tagSet`, which some kinds of resources lack as long as they have no tags.
pub(super) fn tag_set_if_any(call: &Call<'_>, id: &str) -> Xml {
    if tags_of(call, id).is_empty() { Xml::new() } else { tag_set(call, id) }
}

/// A resource's tags as `tagSet`.
pub(super) fn tag_set(call: &Call<'_>, id: &str) -> Xml {
    let items = tags_of(call, id).iter().map(|(key, value)| Xml::new().text("key", key).text("value", value));
    Xml::new().list("tagSet", "item", items)
}

/// Removes a resource and its tags.
pub(super) fn erase<T: Object>(world: &mut World, region: &str, id: &str) {
    world.remove::<T>(region, id);
    world.remove::<TagSet>(region, id);
}

fn targets(call: &mut Call<'_>) -> Result<Vec<(String, &'static str)>, ApiError> {
    let ids = call.params.texts("ResourceId")?;
    if ids.is_empty() {
        // EC2 calls them as its own code does, and not as they are sent.
        return Err(call.params.missing("resourceIdSet"));
    }
    if ids.len() > 1000 {
        return Err(invalid("At most 1000 resources can be tagged in one call"));
    }
    ids.into_iter()
        .map(|id| match resource_type(&id) {
            Some(kind) if super::exists(call, kind, &id) => Ok((id, kind)),
            Some(kind) => Err(super::missing(kind, &id)),
            None => Err(ApiError::bad("InvalidID", format!("The ID '{id}' is not valid"))),
        })
        .collect()
}

fn create_tags(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let targets = targets(call)?;
    let tags = call.params.structs("Tag")?;
    let tags = read_tags(tags)?;
    if tags.is_empty() {
        return Err(call.params.missing("tagSet"));
    }
    for (id, kind) in targets {
        let mut set = call.get::<TagSet>(&id).cloned().unwrap_or_else(|| TagSet {
            id: id.clone(),
            resource_type: kind.to_owned(),
            created: call.now,
            tags: BTreeMap::new(),
        });
        set.tags.extend(tags.clone());
        if set.tags.len() > 50 {
            return Err(ApiError::bad("TagLimitExceeded", "The maximum number of tags for a resource is 50"));
        }
        call.put(set);
    }
    done()
}

fn delete_tags(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let targets = targets(call)?;
    let mut wanted: Vec<(String, Option<String>)> = Vec::new();
    for mut tag in call.params.structs("Tag")? {
        wanted.push((tag.text("Key")?, tag.text_opt("Value")?));
    }
    for (id, _) in targets {
        call.update::<TagSet>(&id, |set| {
            set.tags.retain(|key, value| {
                // Without any tag in the request, all go; with a value, only a tag with that value.
                let hit = |(k, v): &(String, Option<String>)| k == key && v.as_ref().is_none_or(|v| v == value);
                !wanted.is_empty() && !wanted.iter().any(hit)
            });
        });
    }
    done()
}

fn describe_tags(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let filters = Filters::take(call, &["key", "value", "resource-id", "resource-type"])?;
    let size = call.params.int_opt("MaxResults")?.and_then(|size| usize::try_from(size).ok()).unwrap_or(usize::MAX);
    let skip = match call.params.text_opt("NextToken")? {
        Some(token) => token.parse::<usize>().map_err(|_| invalid("The nextToken is not valid"))?,
        None => 0,
    };
    let mut items = Vec::new();
    for set in call.seen::<TagSet>() {
        for (key, value) in &set.tags {
            let passes = filters.pass(&set.tags, |name| {
                vec![match name {
                    "key" => key.clone(),
                    "value" => value.clone(),
                    "resource-id" => set.id.clone(),
                    _ => set.resource_type.clone(),
                }]
            });
            if passes {
                let item = Xml::new().text("key", key).text("value", value);
                items.push(item.text("resourceId", &set.id).text("resourceType", &set.resource_type));
            }
        }
    }
    let more = items.len() > skip.saturating_add(size);
    let page = items.into_iter().skip(skip).take(size);
    Ok(listing("tagSet", page, more.then(|| (skip + size).to_string())))
}
