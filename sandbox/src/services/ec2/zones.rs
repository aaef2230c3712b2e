//! Regions and zones.

use super::catalogue::zones;
use super::filters::Filters;
use super::invalid;
use crate::call::Call;
use crate::error::ApiError;
use crate::regions;
use crate::service::{Operation, read};
use crate::wire::reply::Reply;
use crate::wire::xml::Xml;

pub(super) const OPERATIONS: &[Operation] =
    &[read("DescribeRegions", describe_regions), read("DescribeAvailabilityZones", describe_zones)];

fn describe_regions(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let names = call.params.texts("RegionName")?;
    // It adds those that the account has not opted in to, of which there are none.
    call.params.flag("AllRegions")?;
    let filters = Filters::take(call, &["region-name", "endpoint", "opt-in-status"])?;
    let all: Vec<&str> = regions::beside(call.region).collect();
    if let Some(name) = names.iter().find(|name| !all.contains(&name.as_str())) {
        return Err(invalid(format!("Invalid region provided: [{name}]")));
    }
    let endpoint = |region: &str| format!("ec2.{region}.{}", regions::suffix(region));
    let status = |region: &str| if regions::is_optional(region) { "opted-in" } else { "opt-in-not-required" };
    let no_tags = std::collections::BTreeMap::new();
    let wanted = all.into_iter().filter(|region| names.is_empty() || names.iter().any(|name| name == region));
    let items = wanted
        .filter(|region| {
            filters.pass(&no_tags, |name| {
                vec![match name {
                    "region-name" => (*region).to_owned(),
                    "endpoint" => endpoint(region),
                    _ => status(region).to_owned(),
                }]
            })
        })
        .map(|region| {
            Xml::new()
                .text("regionName", region)
                .text("regionEndpoint", endpoint(region))
                .text("optInStatus", status(region))
        });
    Ok(Reply::xml(Xml::new().list("regionInfo", "item", items)))
}

fn describe_zones(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let names = call.params.texts("ZoneName")?;
    let ids = call.params.texts("ZoneId")?;
    let _all_are_enabled = call.params.flag("AllAvailabilityZones")?;
    let known = ["zone-name", "zone-id", "region-name", "state", "opt-in-status", "zone-type"];
    let filters = Filters::take(call, &known)?;
    let region = call.region;
    let all = zones(region);
    if let Some(name) = names.iter().find(|name| !all.iter().any(|(zone, _)| zone == *name)) {
        return Err(invalid(format!("Invalid availability zone: [{name}]")));
    }
    if let Some(id) = ids.iter().find(|id| !all.iter().any(|(_, zone)| zone == *id)) {
        return Err(invalid(format!("Invalid availability zone-id: [{id}]")));
    }
    let no_tags = std::collections::BTreeMap::new();
    let items = all
        .into_iter()
        .filter(|(name, id)| (names.is_empty() || names.contains(name)) && (ids.is_empty() || ids.contains(id)))
        .filter(|(name, id)| {
            filters.pass(&no_tags, |filter| {
                vec![match filter {
                    "zone-name" => name.clone(),
                    "zone-id" => id.clone(),
                    "region-name" => region.to_owned(),
                    "state" => "available".to_owned(),
                    "zone-type" => "availability-zone".to_owned(),
                    _ => "opt-in-not-required".to_owned(),
                }]
            })
        })
        .map(|(name, id)| {
            Xml::new()
                .text("zoneName", name)
                .text("zoneId", id)
                .text("regionName", region)
                .text("zoneState", "available")
                .text("zoneType", "availability-zone")
                .text("groupName", region)
                .text("networkBorderGroup", region)
                .text("optInStatus", "opt-in-not-required")
                .list("messageSet", "item", [])
        });
    Ok(Reply::xml(Xml::new().list("availabilityZoneInfo", "item", items)))
}
