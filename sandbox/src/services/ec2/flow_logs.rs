//! Flow logs: what is to be written down of a network, and where. Nothing is written, because no packet travels here.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::filters::{Query, listing};
use super::interfaces::Interface;
use super::subnets::{self, Subnet};
use super::tags::{TagSpecs, erase, tag_set};
use super::vpc::{self, Vpc};
use super::{invalid, not_found};
use crate::call::Call;
use crate::error::ApiError;
use crate::service::{Operation, create, read, write};
use crate::store::Object;
use crate::wire::reply::Reply;
use crate::wire::xml::Xml;

pub(super) const OPERATIONS: &[Operation] =
    &[create("CreateFlowLogs", make, show), read("DescribeFlowLogs", describe), write("DeleteFlowLogs", delete)];

/// What AWS writes of a connection when nothing is said.
const FORMAT: &str = "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} ${bytes} ${start} ${end} ${action} ${log-status}";

/// Stands before what has such a flow log already.
const TWICE: &str = "twice ";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct FlowLog {
    id: String,
    created: Timestamp,
    resource: String,
    traffic: String,
    /// `cloud-watch-logs` or `s3`.
    class: String,
    destination: Option<String>,
    group: Option<String>,
    role: Option<String>,
    format: String,
    interval: i64,
}

impl Object for FlowLog {
    const KIND: &'static str = "ec2/vpc-flow-log";
    fn id(&self) -> &str {
        &self.id
    }
    fn created(&self) -> Timestamp {
        self.created
    }
}

pub(super) fn missing(id: &str) -> ApiError {
    not_found("InvalidFlowLogId.NotFound", "flow log", id)
}

fn make(call: &mut Call<'_>) -> Result<String, ApiError> {
    let resources = call.params.texts("ResourceId")?;
    let class = call.params.text("ResourceType")?;
    let traffic = call.params.text_opt("TrafficType")?.unwrap_or_else(|| "ALL".to_owned());
    let to = call.params.text_opt("LogDestinationType")?.unwrap_or_else(|| "cloud-watch-logs".to_owned());
    let destination = call.params.text_opt("LogDestination")?;
    let group = call.params.text_opt("LogGroupName")?;
    let role = call.params.text_opt("DeliverLogsPermissionArn")?;
    let format = call.params.text_opt("LogFormat")?.unwrap_or_else(|| FORMAT.to_owned());
    let interval = call.params.int_opt("MaxAggregationInterval")?.unwrap_or(600);
    let tags = TagSpecs::take(call, &["vpc-flow-log"])?;
    let [resource] = resources.as_slice() else {
        return Err(ApiError::not_implemented("flow logs of several resources in one call"));
    };
    match class.as_str() {
        "VPC" => drop(call.find::<Vpc>(resource).ok_or_else(|| vpc::missing(resource))?),
        "Subnet" => drop(call.find::<Subnet>(resource).ok_or_else(|| subnets::missing(resource))?),
        "NetworkInterface" if call.find::<Interface>(resource).is_some() => {}
        _ => return Err(invalid(format!("Value ({resource}) for parameter ResourceId is invalid."))),
    }
    if ![60, 600].contains(&interval) {
        return Err(invalid("Invalid max aggregation interval, must be 60 or 600"));
    }
    let is_bucket = destination.as_deref().is_some_and(|arn| arn.contains(":s3:::"));
    let fits = match to.as_str() {
        "cloud-watch-logs" => role.is_some() && (group.is_some() || destination.is_some()),
        "s3" => is_bucket && group.is_none() && role.is_none(),
        _ => return Err(ApiError::not_implemented(format!("flow logs to {to}"))),
    };
    if !fits {
        let message = format!("The destination or the permissions do not fit the destination type {to}");
        return Err(ApiError::bad("InvalidParameter", message));
    }
    let log = FlowLog {
        id: call.world.new_id("fl-"),
        created: call.now,
        resource: resource.clone(),
        traffic,
        class: to,
        destination,
        group,
        role,
        format,
        interval,
    };
    let same = |other: &FlowLog| {
        let other = FlowLog { id: log.id.clone(), created: log.created, ..other.clone() };
        other == log
    };
    if call.all::<FlowLog>().any(same) {
        return Ok(format!("{TWICE}{resource}"));
    }
    let id = log.id.clone();
    tags.apply(call, "vpc-flow-log", &id);
    call.put(log);
    Ok(id)
}

/// What could not be made is listed in a reply that says 200.
fn show(call: &Call<'_>, id: &str) -> Option<Reply> {
    if let Some(resource) = id.strip_prefix(TWICE) {
        let message = "There is an existing Flow Log with the same configuration and log destination.";
        let failed = unsuccessful(resource, "FlowLogAlreadyExists", message);
        return Some(Reply::xml(Xml::new().list("flowLogIdSet", "item", []).list("unsuccessful", "item", [failed])));
    }
    call.get::<FlowLog>(id)?;
    let made = Xml::new().texts("flowLogIdSet", "item", [id]).text_opt("clientToken", call.token.as_ref());
    Some(Reply::xml(made.list("unsuccessful", "item", [])))
}

fn unsuccessful(id: &str, code: &'static str, message: &str) -> Xml {
    let error = Xml::new().text("code", code).text("message", message);
    Xml::new().text("resourceId", id).child("error", error)
}

fn describe(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let known = ["flow-log-id", "resource-id", "log-group-name", "log-destination-type", "traffic-type"];
    let query = Query::take(call, "FlowLogId", &known)?;
    let (found, next) = query.run::<FlowLog>(call, missing, |log, name| match name {
        "flow-log-id" => vec![log.id.clone()],
        "resource-id" => vec![log.resource.clone()],
        "log-group-name" => log.group.iter().cloned().collect(),
        "log-destination-type" => vec![log.class.clone()],
        _ => vec![log.traffic.clone()],
    })?;
    let item = |log: &FlowLog| {
        Xml::new()
            .text("flowLogId", &log.id)
            .text("resourceId", &log.resource)
            .text("trafficType", &log.traffic)
            .text("logDestinationType", &log.class)
            .text_opt("logDestination", log.destination.as_ref())
            .text_opt("logGroupName", log.group.as_ref())
            .text_opt("deliverLogsPermissionArn", log.role.as_ref())
            .text("logFormat", &log.format)
            .text("maxAggregationInterval", log.interval)
            .text("flowLogStatus", "ACTIVE")
            .text("deliverLogsStatus", "SUCCESS")
            .text("creationTime", log.created)
            .extend(tag_set(call, &log.id))
    };
    Ok(listing("flowLogSet", found.into_iter().map(item), next))
}

/// What could not be deleted is listed in a reply that says 200.
fn delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let ids = call.params.texts("FlowLogId")?;
    let mut failed = Vec::new();
    for id in ids {
        if call.find::<FlowLog>(&id).is_some() {
            erase::<FlowLog>(call.world, call.region, &id);
            continue;
        }
        let message = format!("The flow log ID '{id}' does not exist");
        failed.push(unsuccessful(&id, "InvalidFlowLogId.NotFound", &message));
    }
    Ok(Reply::xml(Xml::new().list("unsuccessful", "item", failed)))
}
