//! Cost allocation tags: which keys there are, and from when on usage carries them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::bad;
use super::usage::known_until;
use crate::call::Call;
use crate::error::ApiError;
use crate::history::Past;
use crate::store::Object;
use crate::wire::reply::Reply;

/// A tag key whose status was ever set.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct CostTag {
    pub(super) key: String,
    pub(super) changed: Timestamp,
    pub(super) active: bool,
    /// Usage from here on carries the tag.
    pub(super) since: Timestamp,
}

impl Object for CostTag {
    const KIND: &'static str = "ce/tag";
    const GLOBAL: bool = true;
    fn id(&self) -> &str {
        &self.key
    }
    fn created(&self) -> Timestamp {
        self.changed
    }
}

/// Every key that usage has carried for a day, with when it was first used.
pub(super) fn known_keys(call: &Call<'_>) -> BTreeMap<String, Timestamp> {
    let mut out: BTreeMap<String, Timestamp> = BTreeMap::new();
    for region in call.world.regions() {
        let past = call.world.all::<Past>(&region).cloned().map(|row| (row.removed, row));
        for (at, row) in past.chain(call.world.present(&region)) {
            for key in row.tags.into_iter().flatten().map(|(key, _)| key) {
                let first = out.entry(key).or_insert(at);
                *first = (*first).min(at);
            }
        }
    }
    let known = known_until(call);
    out.retain(|_, first| *first <= known);
    out
}

pub(super) fn list_tags(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let status = call.params.text_opt("Status")?;
    let keys = call.params.texts("TagKeys")?;
    let kind = call.params.text_opt("Type")?;
    let size = call.params.int_opt("MaxResults")?.unwrap_or(100);
    let size = usize::try_from(size).ok().filter(|size| (1..=1000).contains(size));
    let size = size.ok_or_else(|| bad("MaxResults is between 1 and 1000"))?;
    // Keys are their own tokens: a page goes on after one.
    let begin = call.params.text_opt("NextToken")?.unwrap_or_default();
    let mut found = Vec::new();
    for (key, first) in known_keys(call) {
        let tag = call.get::<CostTag>(&key);
        let active = if tag.is_some_and(|tag| tag.active) { "Active" } else { "Inactive" };
        let wanted = key > begin
            && status.as_deref().is_none_or(|status| status == active)
            && (keys.is_empty() || keys.contains(&key))
            && kind.as_deref().is_none_or(|kind| kind == "UserDefined");
        if wanted {
            let updated = tag.map_or(first, |tag| tag.changed).strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
            found.push(json!({"TagKey": key, "Type": "UserDefined", "Status": active, "LastUpdatedDate": updated}));
        }
    }
    let next = (found.len() > size).then(|| found[size - 1]["TagKey"].clone());
    found.truncate(size);
    let mut answer = json!({"CostAllocationTags": found});
    if let Some(next) = next {
        answer["NextToken"] = next;
    }
    Ok(Reply::json(answer))
}

pub(super) fn update_tags(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let known = known_keys(call);
    let entries = call.params.structs("CostAllocationTagsStatus")?;
    if entries.is_empty() || entries.len() > 20 {
        return Err(bad("CostAllocationTagsStatus has 1 to 20 entries"));
    }
    let mut errors = Vec::new();
    for mut entry in entries {
        let (key, status) = (entry.text("TagKey")?, entry.text("Status")?);
        if !["Active", "Inactive"].contains(&status.as_str()) {
            return Err(bad(format!("Status {status} is invalid: Active or Inactive")));
        }
        if !known.contains_key(&key) {
            errors.push(json!({"TagKey": key, "Code": "TagKeysNotFoundException", "Message": "Tag keys not found"}));
            continue;
        }
        let active = status == "Active";
        let now = call.now;
        let before = call.get::<CostTag>(&key).filter(|tag| tag.active && active).map(|tag| tag.since);
        call.put(CostTag { key, changed: now, active, since: before.unwrap_or(now) });
    }
    Ok(Reply::json(json!({"Errors": errors})))
}
