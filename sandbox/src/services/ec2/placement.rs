//! Placement groups.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::filters::{Filters, tags_of};
use super::instances::Instance;
use super::tags::{TagSet, TagSpecs, tag_set};
use super::{done, invalid};
use crate::call::Call;
use crate::error::ApiError;
use crate::service::{Operation, read, write};
use crate::store::Object;
use crate::wire::reply::Reply;
use crate::wire::xml::Xml;

pub(super) const OPERATIONS: &[Operation] = &[
    write("CreatePlacementGroup", create),
    read("DescribePlacementGroups", describe),
    write("DeletePlacementGroup", delete),
];

/// Kept under its name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct PlacementGroup {
    pub(super) name: String,
    pub(super) id: String,
    pub(super) created: Timestamp,
    pub(super) strategy: String,
    pub(super) partitions: Option<i64>,
}

impl Object for PlacementGroup {
    const KIND: &'static str = "ec2/placement-group";
    // Calls name a group by its name, which is unique; its id only carries its tags.
    #[allow(clippy::misnamed_getters)]
    fn id(&self) -> &str {
        &self.name
    }
    fn created(&self) -> Timestamp {
        self.created
    }
}

pub(super) fn unknown(name: &str) -> ApiError {
    ApiError::bad("InvalidPlacementGroup.Unknown", format!("The Placement Group '{name}' is unknown."))
}

/// The name of the group that a launch says by name or by id. What EC2 answers to both is unverified.
pub(super) fn named(call: &Call<'_>, name: Option<String>, id: Option<String>) -> Result<Option<String>, ApiError> {
    match (name, id) {
        (Some(_), Some(_)) => {
            let message = "The parameters GroupName and GroupId cannot be used together";
            Err(ApiError::bad("InvalidParameterCombination", message))
        }
        (name, None) => Ok(name),
        (None, Some(id)) => {
            let found = call.all::<PlacementGroup>().find(|group| group.id == id).map(|group| group.name.clone());
            found.map(Some).ok_or_else(|| unknown(&id))
        }
    }
}

fn create(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let name = call.params.text("GroupName")?;
    let strategy = call.params.text_opt("Strategy")?.unwrap_or_else(|| "cluster".to_owned());
    let partitions = call.params.int_opt("PartitionCount")?;
    let tags = TagSpecs::take(call, &["placement-group"])?;
    if name.is_empty() || name.len() > 255 || !name.is_ascii() {
        return Err(invalid(format!("Value ({name}) for parameter groupName is invalid.")));
    }
    if !["cluster", "spread", "partition"].contains(&strategy.as_str()) {
        return Err(call.params.invalid("strategy", strategy, "Expecting cluster, spread or partition."));
    }
    if partitions.is_some() && strategy != "partition" {
        let message = "PartitionCount is valid only with the partition strategy";
        return Err(ApiError::bad("InvalidParameterCombination", message));
    }
    if partitions.is_some_and(|count| !(1..=7).contains(&count)) {
        return Err(invalid(format!("Value ({}) for parameter PartitionCount is invalid.", partitions.unwrap_or(0))));
    }
    let partitions = partitions.or((strategy == "partition").then_some(2));
    if call.get::<PlacementGroup>(&name).is_some() {
        let message = format!("The Placement Group '{name}' already exists.");
        return Err(ApiError::bad("InvalidPlacementGroup.Duplicate", message));
    }
    if call.all::<PlacementGroup>().count() >= 500 {
        let message = "The maximum number of placement groups has been reached.";
        return Err(ApiError::bad("PlacementGroupLimitExceeded", message));
    }
    let group = PlacementGroup { name, id: call.world.new_id("pg-"), created: call.now, strategy, partitions };
    tags.apply(call, "placement-group", &group.id);
    let xml = group_xml(call, &group);
    call.put(group);
    Ok(Reply::xml(Xml::new().text("return", true).child("placementGroup", xml)))
}

fn group_xml(call: &Call<'_>, group: &PlacementGroup) -> Xml {
    Xml::new()
        .text("groupName", &group.name)
        .text("groupId", &group.id)
        .text("groupArn", call.arn(format!("placement-group/{}", group.name)))
        .text("strategy", &group.strategy)
        .text("state", "available")
        .text_opt("partitionCount", group.partitions)
        .extend(tag_set(call, &group.id))
}

fn describe(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let names = call.params.texts("GroupName")?;
    let ids = call.params.texts("GroupId")?;
    let filters = Filters::take(call, &["group-name", "group-arn", "state", "strategy"])?;
    if let Some(name) = names.iter().find(|name| call.see::<PlacementGroup>(name).is_none()) {
        return Err(unknown(name));
    }
    if let Some(id) = ids.iter().find(|id| !call.seen::<PlacementGroup>().any(|group| group.id == **id)) {
        return Err(unknown(id));
    }
    let items = call
        .seen::<PlacementGroup>()
        .filter(|group| names.is_empty() || names.contains(&group.name))
        .filter(|group| ids.is_empty() || ids.contains(&group.id))
        .filter(|group| {
            filters.pass(tags_of(call, &group.id), |name| {
                vec![match name {
                    "group-name" => group.name.clone(),
                    "group-arn" => call.arn(format!("placement-group/{}", group.name)),
                    "state" => "available".to_owned(),
                    _ => group.strategy.clone(),
                }]
            })
        })
        .map(|group| group_xml(call, group));
    Ok(Reply::xml(Xml::new().list("placementGroupSet", "item", items)))
}

fn delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let name = call.params.text("GroupName")?;
    let group = call.find::<PlacementGroup>(&name).ok_or_else(|| unknown(&name))?;
    let id = group.id.clone();
    let in_use = |instance: &Instance| {
        instance.placement_group.as_ref() == Some(&name) && instance.life.state(call.now) != "terminated"
    };
    if call.all::<Instance>().any(in_use) {
        let message = format!("The placement group '{name}' is in use and may not be deleted.");
        return Err(ApiError::bad("InvalidPlacementGroup.InUse", message));
    }
    call.remove::<PlacementGroup>(&name);
    call.remove::<TagSet>(&id);
    done()
}
