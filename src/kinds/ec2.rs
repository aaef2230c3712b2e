//! What all kinds in EC2 read and write alike: tags, filters, lookups.
use crate::{address::Address, call::SweepCtx, resource::Lookup};
use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification};
use std::collections::BTreeMap;

/// A filter on one value.
pub(super) fn filter(name: &str, value: impl Into<String>) -> Filter {
    Filter::builder().name(name).values(value).build()
}

/// Tags as a map.
pub(super) fn tags(tags: &[Tag]) -> BTreeMap<String, String> {
    tags.iter().filter_map(|t| Some((t.key()?.to_owned(), t.value().unwrap_or("").to_owned()))).collect()
}

/// Tags in a create call.
pub(super) fn tag_specification(resource: ResourceType, tags: &BTreeMap<String, String>) -> TagSpecification {
    let tags = tags.iter().map(|(k, v)| Tag::builder().key(k).value(v).build()).collect();
    TagSpecification::builder().resource_type(resource).set_tags(Some(tags)).build()
}

/// The filters of a lookup; names in EC2 are `Name` tags unless the kind has its own.
pub(super) fn lookup_filters(id: &str, by: &Lookup) -> Vec<Filter> {
    match by {
        Lookup::Id(value) => vec![filter(id, value)],
        Lookup::Name(value) => vec![filter("tag:Name", value)],
        Lookup::Tags(tags) => tags.iter().map(|(k, v)| filter(&format!("tag:{k}"), v)).collect(),
    }
}

/// The owned address in these tags, or the placeholder that lookups give to objects that nobody owns.
pub(super) fn address(ctx: &SweepCtx, tags: &BTreeMap<String, String>) -> Address {
    ctx.owned(tags).unwrap_or_else(Address::unowned)
}
