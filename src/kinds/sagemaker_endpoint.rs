//! sagemaker-endpoint: what answers requests of a model, with its configuration, its models and its log group.
//!
//! Models and configurations never change: their names carry a digest of what they say. A new version is made beside the
//! old one, the endpoint moves to it, and what it no longer names is removed last, after another look.
mod change;
pub(crate) mod check;
mod check_machines;
mod fields;
mod parts;
mod read;
mod wire;

pub(crate) use fields::Variant;
use fields::{Async, Capture, Network, Rollout};

use crate::{
    aws::{
        Error,
        log_events::{LogLine, log_lines},
        tags::{self, Carrier},
    },
    call::{Ctx, SweepCtx},
    field::{Field, Ref},
    kinds::{
        IamRole,
        hosting::{self, LOGS, MODEL, RULE, WAKE, fields::Scaling, scaling, watches},
    },
    price::{PriceContext, PriceLine, service, serving},
    resource::{
        About, Call, Changes, Class, Compares, DefaultValue, Discovery, Durations, Expected, Gone, Id, Live, Logs,
        Lookup, Output, Problem, Quota, Resource, Served, Serves, State, Teardown,
    },
    spec::Difference,
    units::{Size, Span},
};
use fields::Strategy;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// An endpoint of SageMaker that answers requests of a model: in real time, serverless or asynchronously.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SagemakerEndpoint {
    /// Its name in lower case; without one, the stack's and its own with ten characters more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The role that its containers have: it must trust `sagemaker.amazonaws.com` and may read image, data and topics.
    pub role: Ref<IamRole>,
    /// What serves requests, which are distributed by weight.
    #[schemars(length(min = 1, max = 10))]
    pub variants: Vec<Variant>,
    /// A variant that gets a copy of requests and answers nobody: to try a new version on real requests. Its `weight` to
    /// that of the only variant in `variants` says how many of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<Variant>,
    /// The subnets that its containers reach; without them they have AWS's own network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<Network>,
    /// Containers reach nothing at all: what they need is in the image and in the model's data.
    #[serde(default)]
    pub isolation: bool,
    /// Requests may wait, and responses are written to a bucket.
    #[serde(default, rename = "async", skip_serializing_if = "Option::is_none")]
    pub asynchronous: Option<Async>,
    /// Captures requests and responses in a bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capture: Option<Capture>,
    /// How it moves to a new version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<Rollout>,
    /// The ARN of the KMS key of the machines' disks; types with disks of their own take none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<Field<String>>,
    /// How long the containers' logs are kept; `null` leaves them to SageMaker, which keeps them indefinitely.
    #[serde(default = "month")]
    pub log_retention: Option<Span>,
}

#[allow(clippy::unnecessary_wraps, reason = "the default of an optional field")]
fn month() -> Option<Span> {
    Some(Span::from_hours(30 * 24))
}

const CONFIG: Call = Call::new("sagemaker:CreateEndpointConfig", Class::Name);
const ENDPOINT: Call = Call::new("sagemaker:CreateEndpoint", Class::Name);

impl Resource for SagemakerEndpoint {
    const KIND: &'static str = "sagemaker-endpoint";
    const ABOUT: About = About {
        codes: check::CODES,
        outputs: &[
            Output { name: "name", ty: "string", doc: "the endpoint's name" },
            Output { name: "arn", ty: "string", doc: "the endpoint's ARN" },
            Output { name: "config", ty: "string", doc: "the configuration that serves" },
            Output { name: "log_group", ty: "string", doc: "the log group of its containers" },
        ],
        unsettled: &[(
            "config",
            &["variants", "shadow", "role", "network", "isolation", "async", "capture", "kms_key"],
        )],
        fixed: &["name"],
        local: &["rollout"],
        defaults: &[
            ("shadow", DefaultValue::Nothing),
            ("network", DefaultValue::Nothing),
            ("async", DefaultValue::Nothing),
            ("capture", DefaultValue::Nothing),
            ("kms_key", DefaultValue::Nothing),
        ],
        discovery: Discovery::Prefix,
        tagger: &tags::SAGEMAKER,
        terraform: "aws_sagemaker_endpoint",
        calls: &[LOGS, MODEL, CONFIG, ENDPOINT, WAKE],
        name: Some(RULE),
        iam: &hosting::actions::<49>(&[
            "sagemaker:CreateEndpointConfig",
            "sagemaker:DescribeEndpointConfig",
            "sagemaker:ListEndpointConfigs",
            "sagemaker:DeleteEndpointConfig",
            "sagemaker:CreateEndpoint",
            "sagemaker:DescribeEndpoint",
            "sagemaker:ListEndpoints",
            "sagemaker:UpdateEndpoint",
            "sagemaker:UpdateEndpointWeightsAndCapacities",
            "sagemaker:DeleteEndpoint",
            "ec2:DescribeNetworkInterfaces",
        ]),
        quotas: &[Quota { code: "L-7A3DF611", name: "Number of instances across active endpoints" }],
        spends: true,
        prices: "sagemaker",
        // The endpoint takes a while; what is left of it then goes at once.
        gone: Gone::PartsAtOnce,
        ..About::new("A SageMaker endpoint that answers requests of a model, with its models and configuration")
    };

    fn summary(&self) -> String {
        let machines = |one: &Variant| one.types().collect::<Vec<_>>().join(" or ");
        let of = |one: &Variant| match (&one.serverless, one.bounds()) {
            (Some(serverless), _) => format!("serverless, {}", serverless.memory),
            (None, Some((min, max))) => format!("{min} to {max} x {}", machines(one)),
            (None, None) => format!("{} x {}", one.count.unwrap_or(1), machines(one)),
        };
        let shadow = self.shadow.iter().map(|one| format!("{} in the shadow", of(one)));
        self.variants.iter().map(of).chain(shadow).collect::<Vec<_>>().join(", ")
    }

    fn check(&self, problems: &mut Vec<Problem>) {
        check::check(self, problems);
    }

    fn normalize(&mut self) {
        self.variants.sort_by(|a, b| a.name.cmp(&b.name));
        for variant in self.variants.iter_mut().chain(&mut self.shadow) {
            if variant.bounds().is_none() && variant.serverless.is_none() {
                variant.count = Some(variant.count.unwrap_or(1));
            }
            variant.scaling.iter_mut().for_each(Scaling::normalize);
        }
        if let Some(network) = &mut self.network {
            network.subnets.sort();
            network.security_groups.sort();
        }
    }

    fn durations(&self) -> Durations {
        let slow = |one: &Variant| one.health_check_timeout.map_or(0, Span::seconds);
        let start = self.all().map(slow).max().unwrap_or(0);
        let capacity = self.all().filter_map(|one| one.capacity_timeout).map(Span::seconds).max().unwrap_or(0);
        // Capacity, image and model: 3 to 15 minutes; a container that never answers is given up after 20 to 25.
        let start = Expected::secs(420 + start / 4, 1800 + start + capacity);
        let rollout = self.rollout.as_ref();
        let steps = rollout.map_or(0, |rollout| match rollout.strategy {
            Strategy::AllAtOnce => 1,
            Strategy::Canary => 2,
            Strategy::Linear | Strategy::Rolling => 100 / u64::from(rollout.percent.unwrap_or(25).max(1)),
        });
        let bake = std::time::Duration::from_secs(rollout.map_or(0, |rollout| steps * rollout.bake.seconds()));
        let update = Expected { typical: start.typical + bake, worst: start.worst + bake };
        let idle = if self.network.is_some() { 600 } else { 0 };
        Durations { create: start, update, delete: Expected::secs(60 + idle, 3600) }
    }

    fn price(&self, ctx: &PriceContext<'_>) -> Vec<PriceLine> {
        let lines = self.all().flat_map(|one| {
            let machines: Vec<&str> = one.types().collect();
            let plan = one.capacity_reservation.as_ref();
            serving::variant(
                ctx,
                &serving::Hosted {
                    variant: &one.name,
                    machines: &machines,
                    reserved: plan.map(|arn| arn.known().map_or("a training plan", String::as_str)),
                    count: one.count.unwrap_or(1),
                    now: one.served(ctx),
                    scaling: one.bounds(),
                    memory_gib: one.serverless.as_ref().map(|s| s.memory.gib_rounded_up()),
                    disk_gib: one.volume.map(Size::gib_rounded_up),
                },
            )
        });
        let alarms = self.variants.iter().flat_map(|one| watches::of(one.scaling.as_ref()));
        lines.chain(alarms.map(|_| service::alarms(ctx, 1, false))).collect()
    }

    async fn sweep(ctx: &SweepCtx) -> Result<Vec<Live<Self>>, Error> {
        read::sweep(ctx).await
    }

    async fn create(&self, ctx: &Ctx, found: Option<&Live<Self>>) -> Result<Id, Error> {
        let name = &self.name.clone().unwrap_or_else(|| ctx.name(&RULE, ""));
        let there = found.map(|live| live.parts.clone()).unwrap_or_default();
        if self.name.is_some() {
            hosting::parts::free(ctx, "the endpoint", name, &format!("endpoint/{name}")).await?;
        }
        parts::logs(ctx, self, name, &there).await?;
        let config = &parts::config(ctx, self, &there).await?;
        let params = json!({ "name": name, "config": config });
        ctx.call_named(&ENDPOINT, "", name, &params, |attempt| async move {
            let tags = tags::pairs(&attempt.tags);
            let input = json!({ "EndpointName": name, "EndpointConfigName": config, "Tags": tags });
            let made = ctx.aws.sagemaker().once::<Value>("CreateEndpoint", &input).await;
            parts::made(ctx, made, "EndpointArn", &format!("endpoint/{name}")).await.map(|_| vec![name.clone()])
        })
        .await?;
        Ok(name.clone())
    }

    async fn update(want: &Self, ctx: &Ctx, live: &Live<Self>, changes: &Changes) -> Result<(), Error> {
        change::update(want, ctx, live, changes).await
    }

    async fn delete(ctx: &Ctx, live: &Live<Self>) -> Result<(), Error> {
        change::delete(ctx, live).await
    }

    async fn lookup(ctx: &SweepCtx, by: &Lookup) -> Result<Vec<Live<Self>>, Error> {
        read::lookup(ctx, by).await
    }

    fn carriers(live: &Live<Self>) -> Vec<Carrier> {
        let own = live.outputs.get("arn").and_then(Value::as_str).filter(|_| live.state != State::Partial);
        let parts = live.parts.iter().map(|(part, arn)| Carrier::part(part, hosting::parts::tagger(arn), arn));
        own.map(|arn| Carrier::own(&tags::SAGEMAKER, arn)).into_iter().chain(parts).collect()
    }
}

impl SagemakerEndpoint {
    /// Its variants, with the one in the shadow.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Variant> {
        self.variants.iter().chain(&self.shadow)
    }
}

impl Compares for SagemakerEndpoint {
    /// Bounds of a count are what a schedule has set last.
    fn accept(want: &Value, found: &Value) -> Option<Value> {
        let mut seen = found.as_object()?.clone();
        let mut changed = false;
        for variant in seen.get_mut("variants")?.as_array_mut()? {
            let wanted = want["variants"].as_array()?.iter().find(|one| one["name"] == variant["name"]);
            let scaling = wanted.and_then(|wanted| scaling::accept(&wanted["scaling"], &variant["scaling"]));
            if let (Some(scaling), Some(variant)) = (scaling, variant.as_object_mut()) {
                variant.insert("scaling".to_owned(), scaling);
                changed = true;
            }
        }
        changed.then_some(Value::Object(seen))
    }

    /// What runs on machines cannot become serverless (SageMaker Developer Guide, "Serverless endpoint operations").
    fn must_replace(&self, change: &Difference) -> bool {
        let serverless =
            |value: &Value| value.as_array().is_some_and(|all| all.iter().any(|one| !one["serverless"].is_null()));
        change.path == "variants" && serverless(&change.after) && !serverless(&change.before)
    }
}

impl Logs for SagemakerEndpoint {
    async fn lines(ctx: &SweepCtx, live: &Live<Self>, since: Timestamp) -> Result<Vec<LogLine>, Error> {
        log_lines(&ctx.aws, &parts::log_group_of(&live.id), since).await
    }
}

impl Serves for SagemakerEndpoint {
    async fn invoke(ctx: &SweepCtx, live: &Live<Self>, content_type: &str, body: Vec<u8>) -> Result<Served, Error> {
        hosting::runtime::ask(ctx, &live.id, Vec::new(), content_type, body).await
    }
}

impl Teardown for SagemakerEndpoint {
    async fn held_by(ctx: &SweepCtx, live: &Live<Self>) -> Result<Vec<String>, Error> {
        let found = read::components(ctx, live).await?;
        Ok(found.iter().map(|name| format!("the inference component {name}")).collect())
    }

    async fn parts_there(ctx: &SweepCtx, ids: &BTreeSet<Id>) -> Result<Vec<(Id, tags::Tags)>, Error> {
        parts::there(ctx, ids).await
    }
}
