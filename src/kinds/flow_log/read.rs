//! Flow logs as AWS shows them.
use super::{FlowLog, Traffic, ten_minutes};
use crate::{
    aws::Error,
    call::SweepCtx,
    field::Ref,
    kinds::ec2,
    resource::{Live, State},
    units::Span,
};
use aws_sdk_ec2::types::{Filter, FlowLog as Log, LogDestinationType};
use serde_json::json;

/// Every flow log that matches.
pub(super) async fn find(ctx: &SweepCtx, filters: Vec<Filter>) -> Result<Vec<Live<FlowLog>>, Error> {
    let mut out = Vec::new();
    let mut pages = ctx.aws.ec2().describe_flow_logs().set_filter(Some(filters)).into_paginator().send();
    while let Some(page) = pages.next().await {
        for log in page?.flow_logs.unwrap_or_default() {
            out.push(read(ctx, &log)?);
        }
    }
    Ok(out)
}

fn read(ctx: &SweepCtx, log: &Log) -> Result<Live<FlowLog>, Error> {
    let tags = ec2::tags(log.tags());
    let id = log.flow_log_id().ok_or_else(|| Error::missing("the flow log's id"))?;
    let source = log.resource_id().ok_or_else(|| Error::missing("what the flow log is of"))?;
    let class = log.log_destination_type().map_or("cloud-watch-logs", LogDestinationType::as_str);
    let traffic = log.traffic_type().and_then(|said| Traffic::ALL.into_iter().find(|known| known.aws() == *said));
    let place = log.log_destination().and_then(|arn| arn.split_once(":::")).map_or("", |(_, place)| place);
    let place = place.trim_end_matches('/');
    let spec = FlowLog {
        vpc: source.starts_with("vpc-").then(|| Ref::to_id(source)),
        subnet: source.starts_with("subnet-").then(|| Ref::to_id(source)),
        traffic: traffic.unwrap_or_default(),
        log_group: log.log_group_name().filter(|_| class == "cloud-watch-logs").map(Ref::to_id),
        role: log.deliver_logs_permission_arn().map(|arn| arn.to_owned().into()),
        bucket: (class == "s3").then(|| Ref::to_id(place)),
        interval: log
            .max_aggregation_interval()
            .and_then(|s| u64::try_from(s).ok())
            .map_or(ten_minutes(), Span::from_seconds),
        format: log.log_format().map(str::to_owned),
    };
    let mut live = Live::new(ctx.address(id, &tags), id, tags, spec);
    live.created = ec2::time(log.creation_time().copied());
    if log.deliver_logs_status() == Some("FAILED") {
        let why = log.deliver_logs_error_message().unwrap_or("AWS gives no reason");
        live.state = State::Degraded(format!("nothing can be written: {why}"));
    }
    live.outputs = ec2::outputs([("id", json!(id))]);
    Ok(live)
}
