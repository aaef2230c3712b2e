//! flow-log: which packets a network let through and refused, written down in a log group or a bucket.
mod read;

use crate::{
    aws::{Error, gone},
    call::{Ctx, Scope, SweepCtx},
    diagnostic::codes,
    field::{Field, Ref},
    kinds::{Bucket, LogGroup, Subnet, Vpc, ec2},
    price::{PriceContext, PriceLine, network},
    resource::{About, Call, Changes, Class, Durations, Gone, Id, Live, Lookup, Output, Problem, Resource},
    units::Span,
};
use aws_sdk_ec2::types::{FlowLogsResourceType, LogDestinationType, ResourceType, TrafficType, UnsuccessfulItem};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// The packets that a VPC or a subnet accepted and rejected: who spoke with whom, and when, but not what they said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FlowLog {
    /// The VPC; this, or `subnet`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc: Option<Ref<Vpc>>,
    /// The subnet; this, or `vpc`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subnet: Option<Ref<Subnet>>,
    /// Which packets are recorded.
    #[serde(default)]
    pub traffic: Traffic,
    /// The log group that it is written to, with `role`; this, or `bucket`. What is written is paid for with the group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_group: Option<Ref<LogGroup>>,
    /// The ARN of the role that writes to the log group: it must trust `vpc-flow-logs.amazonaws.com`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Field<String>>,
    /// The bucket that it is written to; this, or `log_group`. The bucket's policy must let `delivery.logs.amazonaws.com`
    /// read its ACL and put objects: write this there; otherwise AWS adds it, and the next plan removes it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket: Option<Ref<Bucket>>,
    /// Over what time the packets of a connection are aggregated: 1m or 10m.
    #[serde(default = "ten_minutes")]
    pub interval: Span,
    /// What is written of each connection, in AWS's format (`$${srcaddr} $${dstaddr} $${bytes}`); AWS's default without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
}

/// Which packets are written down.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Traffic {
    /// Those that were let through, and those that were not.
    #[default]
    All,
    /// Those that were let through.
    Accept,
    /// Those that a security group or a network ACL refused.
    Reject,
}

fn ten_minutes() -> Span {
    Span::from_seconds(600)
}

const CREATE: Call = Call::new("ec2:CreateFlowLogs", Class::Token);

/// What AWS writes when nothing is said.
const FORMAT: &str = "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} \
                      ${packets} ${bytes} ${start} ${end} ${action} ${log-status}";

codes! {
    CODES:
    SOURCE = "DL2501", "Flow log without exactly one source",
        "A flow log is of one VPC or of one subnet: write either `vpc` or `subnet`.";
    DESTINATION = "DL2502", "Flow log without exactly one destination",
        "A flow log is written to a log group or to a bucket: write `log_group` with the `role` that writes, or `bucket`. \
         A bucket needs no role: its policy lets `delivery.logs.amazonaws.com` write.";
    INTERVAL = "DL2503", "Interval that flow logs do not have",
        "The packets of a connection are aggregated over one minute or over ten. On Nitro instances AWS always takes one \
         minute or less.";
}

impl Resource for FlowLog {
    const KIND: &'static str = "flow-log";
    const ABOUT: About = About {
        outputs: &[Output { name: "id", ty: "string", doc: "fl-…" }],
        // EC2 has no call that changes one.
        fixed: &["vpc", "subnet", "traffic", "log_group", "role", "bucket", "interval", "format"],
        id_prefix: "fl-",
        terraform: "aws_flow_log",
        calls: &[CREATE],
        iam: &[
            "ec2:CreateFlowLogs",
            "ec2:DescribeFlowLogs",
            "ec2:DeleteFlowLogs",
            "ec2:CreateTags",
            "ec2:DeleteTags",
            "iam:PassRole",
            "logs:CreateLogDelivery",
            "logs:DeleteLogDelivery",
        ],
        codes: CODES,
        prices: "vpc",
        durations: Some(Durations::quick(3, 3, 3)),
        gone: Gone::AtOnce,
        ..About::new("The packets that a network accepted and rejected, written to a log group or a bucket")
    };

    fn summary(&self) -> String {
        let place = |place: Option<String>| place.unwrap_or("nothing".to_owned());
        let of = self.vpc.as_ref().map(Ref::to_string).or(self.subnet.as_ref().map(Ref::to_string));
        let to = self.log_group.as_ref().map(Ref::to_string).or(self.bucket.as_ref().map(Ref::to_string));
        format!("of {} to {}", place(of), place(to))
    }

    fn check(&self, problems: &mut Vec<Problem>) {
        let mut add = |code, path: &str, summary: String, help: &str| {
            problems.push(Problem { code, path: path.to_owned(), summary, help: help.to_owned() });
        };
        if self.vpc.is_some() == self.subnet.is_some() {
            add(&SOURCE, "vpc", "a flow log has one source".to_owned(), "write either `vpc` or `subnet`");
        }
        if self.log_group.is_some() == self.bucket.is_some() {
            let summary = "a flow log has one destination".to_owned();
            add(&DESTINATION, "log_group", summary, "write either `log_group` and `role`, or `bucket`");
        } else if self.log_group.is_some() != self.role.is_some() {
            let summary = "a role writes to log groups, and to nothing else".to_owned();
            add(&DESTINATION, "role", summary, "write `role` with `log_group`, and none with `bucket`");
        }
        if ![60, 600].contains(&self.interval.seconds()) {
            add(&INTERVAL, "interval", format!("{} is no interval of flow logs", self.interval), "write `1m` or `10m`");
        }
    }

    fn normalize(&mut self) {
        self.format.take_if(|format| format == FORMAT);
    }

    /// What a log group takes is paid for there.
    fn price(&self, ctx: &PriceContext<'_>) -> Vec<PriceLine> {
        if self.bucket.is_some() { vec![network::delivered_logs(ctx)] } else { Vec::new() }
    }

    async fn sweep(ctx: &SweepCtx) -> Result<Vec<Live<Self>>, Error> {
        read::find(ctx, ec2::owned(ctx)).await
    }

    async fn create(&self, ctx: &Ctx, _: Option<&Live<Self>>) -> Result<Id, Error> {
        let (class, source) = match (&self.vpc, &self.subnet) {
            (Some(vpc), _) => (FlowLogsResourceType::Vpc, vpc.id()?),
            (None, Some(subnet)) => (FlowLogsResourceType::Subnet, subnet.id()?),
            (None, None) => return Err(Error::bug("a flow log without a source was not refused")),
        };
        let role = self.role.as_ref().map(Field::get).transpose()?.cloned();
        let group = self.log_group.as_ref().map(Ref::id).transpose()?;
        let bucket = self.bucket.as_ref().map(Ref::id).transpose()?.map(|name| arn(&ctx.scope, name));
        let to = if group.is_some() { LogDestinationType::CloudWatchLogs } else { LogDestinationType::S3 };
        let interval = i32::try_from(self.interval.seconds()).unwrap_or(600);
        let params = &json!({ "source": source, "spec": self, "role": role, "group": group, "bucket": bucket });
        let ids = ctx
            .call(&CREATE, "", params, |attempt| {
                let tags = ec2::tag_specification(ResourceType::VpcFlowLog, &attempt.tags);
                let call = ctx.aws.ec2_once().create_flow_logs().resource_ids(source).resource_type(class.clone());
                let call = call.client_token(attempt.token).tag_specifications(tags).traffic_type(self.traffic.aws());
                let call = call.log_destination_type(to.clone()).set_log_group_name(group.map(str::to_owned));
                let call = call.set_log_destination(bucket.clone()).set_deliver_logs_permission_arn(role.clone());
                let call = call.max_aggregation_interval(interval).set_log_format(self.format.clone());
                async move {
                    let out = call.send().await?;
                    refused("ec2:CreateFlowLogs", out.unsuccessful())?;
                    Ok(out.flow_log_ids.unwrap_or_default())
                }
            })
            .await?;
        ec2::only(ids, "the flow log's id")
    }

    async fn update(_: &Self, _: &Ctx, _: &Live<Self>, _: &Changes) -> Result<(), Error> {
        Ok(())
    }

    async fn delete(ctx: &Ctx, live: &Live<Self>) -> Result<(), Error> {
        let sent = ctx.aws.ec2().delete_flow_logs().flow_log_ids(&live.id).send().await.map_err(Error::from);
        gone(sent.and_then(|out| refused("ec2:DeleteFlowLogs", out.unsuccessful())))
    }

    async fn lookup(ctx: &SweepCtx, by: &Lookup) -> Result<Vec<Live<Self>>, Error> {
        read::find(ctx, ec2::lookup_filters("flow-log-id", by)).await
    }

    async fn lookup_ids(ctx: &SweepCtx, ids: &[Id]) -> Result<Vec<Live<Self>>, Error> {
        ec2::with_ids("flow-log-id", ids, |filters| read::find(ctx, filters)).await
    }
}

impl Traffic {
    const ALL: [Self; 3] = [Self::All, Self::Accept, Self::Reject];

    fn aws(self) -> TrafficType {
        match self {
            Self::All => TrafficType::All,
            Self::Accept => TrafficType::Accept,
            Self::Reject => TrafficType::Reject,
        }
    }
}

/// What could not be done stands in an answer that is a success.
fn refused(operation: &str, items: &[UnsuccessfulItem]) -> Result<(), Error> {
    let Some(error) = items.iter().find_map(UnsuccessfulItem::error) else { return Ok(()) };
    Err(Error::inside(operation, error.code().unwrap_or_default(), error.message().unwrap_or_default()))
}

fn arn(scope: &Scope, bucket: &str) -> String {
    format!("arn:{}:s3:::{bucket}", scope.partition)
}
