//! What is in an account, for tests that must not rely on what the API says.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::store::World;

/// Something that the account holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StoredObject {
    /// `service/type`, for example `ec2/instance`.
    pub kind: String,
    /// Its region, or `global`.
    pub region: String,
    /// Its id, or its name where that is what calls use.
    pub id: String,
    /// Where it is in its life cycle, in AWS's word; empty when it has none.
    pub state: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Everything that is stored of it.
    pub value: Value,
}

impl StoredObject {
    /// Whether it is there to stay: neither gone nor on its way out.
    pub fn is_live(&self) -> bool {
        let state = self.state.to_ascii_lowercase();
        !matches!(state.as_str(), "terminated" | "shutting-down" | "deleted" | "deleting" | "failed")
    }
}

fn tags(value: &Value) -> Option<BTreeMap<String, String>> {
    let map = value.get("tags")?.as_object()?;
    Some(map.iter().filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect())
}

/// Everything but the sandbox's own records.
pub(crate) fn take(world: &World, now: Timestamp) -> Result<Vec<StoredObject>, serde_json::Error> {
    let all = world.everything()?;
    // EC2's tags are kept beside its objects.
    let mut beside: BTreeMap<(String, String), BTreeMap<String, String>> = BTreeMap::new();
    for change in all.iter().filter(|change| change.kind == "ec2/tags") {
        if let Some(tags) = change.value.as_ref().and_then(tags) {
            beside.insert((change.region.clone(), change.id.clone()), tags);
        }
    }
    let mut out = Vec::new();
    for change in all {
        if change.kind == "ec2/tags" || change.kind.starts_with("token/") {
            continue;
        }
        let Some(state) = world.shown(change.kind, &change.region, &change.id, now) else { continue };
        let value = change.value.unwrap_or_default();
        let id = value.get("id").and_then(Value::as_str).unwrap_or(&change.id).to_owned();
        let tags = tags(&value).or_else(|| beside.get(&(change.region.clone(), id)).cloned()).unwrap_or_default();
        let kind = change.kind.to_owned();
        out.push(StoredObject { kind, region: change.region, id: change.id, state, tags, value });
    }
    Ok(out)
}
