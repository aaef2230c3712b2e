//! inference-component: a container with its share of the machines of an endpoint, its model, its log group and its copies.
mod change;
mod check;
mod fields;
mod read;
mod wire;

use fields::{Container, OwnModel, Placement, Resources, Rollout};

use crate::{
    aws::{
        Error,
        log_events::{LogLine, log_lines},
        tags::{self, Carrier},
    },
    call::{Ctx, SweepCtx},
    field::Ref,
    kinds::{
        SagemakerEndpoint,
        hosting::{self, LOGS, MODEL, RULE, WAKE, fields::Scaling, scaling, watches},
    },
    price::{PriceContext, PriceLine, service},
    resource::{
        About, Call, Changes, Class, Compares, DefaultValue, Discovery, Durations, Expected, Gone, Id, Live, Logs,
        Lookup, Output, Problem, Resource, Served, Serves, State, Teardown,
    },
    units::Span,
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A model on the machines of an endpoint whose variants have no containers; several of them can share machines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InferenceComponent {
    /// Its name in lower case; without one, the stack's and its own with ten characters more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The endpoint whose machines it runs on.
    pub endpoint: Ref<SagemakerEndpoint>,
    /// The endpoint's variant, which has no container of its own.
    pub variant: String,
    /// The container that answers requests, under the endpoint's role; or `model`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<Container>,
    /// A container with a role of its own, and data that need not be an archive; or `container`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<OwnModel>,
    /// What each copy has of a machine.
    pub resources: Resources,
    /// How many copies; 1 by default. Not with `scaling`: then it starts with `min`, at least one, and AWS
    /// decides from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copies: Option<u32>,
    /// How the number of copies follows the load. With `min: 0` there is none while nobody asks; the first requests are
    /// then refused for some minutes, so that who asks must try again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scaling: Option<Scaling>,
    /// How copies are placed on machines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<Placement>,
    /// How long the container may take until it answers `/ping`: 1m to 1h. Large language models need 15m and more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check_timeout: Option<Span>,
    /// How long the download of the data may take: 1m to 1h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub download_timeout: Option<Span>,
    /// How it moves to a new version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<Rollout>,
    /// How long the container's logs are kept; `null` leaves them to SageMaker, which keeps them indefinitely.
    #[serde(default = "month")]
    pub log_retention: Option<Span>,
}

#[allow(clippy::unnecessary_wraps, reason = "the default of an optional field")]
fn month() -> Option<Span> {
    Some(Span::from_hours(30 * 24))
}

/// What the names of their log groups begin with.
const LOGS_OF: &str = "/aws/sagemaker/InferenceComponents/";
const COMPONENT: Call = Call::new("sagemaker:CreateInferenceComponent", Class::Name);

impl Resource for InferenceComponent {
    const KIND: &'static str = "inference-component";
    const ABOUT: About = About {
        codes: check::CODES,
        outputs: &[
            Output { name: "name", ty: "string", doc: "the component's name" },
            Output { name: "arn", ty: "string", doc: "the component's ARN" },
            Output { name: "model", ty: "string", doc: "the model of SageMaker that it runs, if it has one" },
            Output { name: "log_group", ty: "string", doc: "the log group of its containers" },
        ],
        unsettled: &[("model", &["model", "container"])],
        fixed: &["name", "endpoint", "variant"],
        local: &["rollout"],
        defaults: &[
            ("health_check_timeout", DefaultValue::Nothing),
            ("download_timeout", DefaultValue::Nothing),
            ("placement", DefaultValue::Nothing),
            ("container", DefaultValue::Nothing),
            ("model", DefaultValue::Nothing),
            ("scaling", DefaultValue::Nothing),
        ],
        discovery: Discovery::Prefix,
        tagger: &tags::SAGEMAKER,
        terraform: "",
        calls: &[LOGS, MODEL, COMPONENT, WAKE],
        name: Some(RULE),
        iam: &hosting::actions::<43>(&[
            "sagemaker:CreateInferenceComponent",
            "sagemaker:DescribeInferenceComponent",
            "sagemaker:UpdateInferenceComponent",
            "sagemaker:UpdateInferenceComponentRuntimeConfig",
            "sagemaker:DeleteInferenceComponent",
        ]),
        gone: Gone::PartsAtOnce,
        prices: "cloudwatch",
        ..About::new("A model on the machines of an endpoint, which several such components can share")
    };

    fn summary(&self) -> String {
        let copies = match &self.scaling {
            Some(scaling) => {
                let (min, max) = scaling.bounds();
                format!("{min} to {max} copies")
            }
            None if self.copies == Some(1) || self.copies.is_none() => "1 copy".to_owned(),
            None => format!("{} copies", self.copies.unwrap_or(1)),
        };
        let devices = self.resources.accelerators.map(|count| format!(", {count} accelerators each"));
        format!("{copies}{}", devices.unwrap_or_default())
    }

    fn check(&self, problems: &mut Vec<Problem>) {
        check::check(self, problems);
    }

    fn normalize(&mut self) {
        match &mut self.scaling {
            None => self.copies = Some(self.copies.unwrap_or(1)),
            Some(scaling) => scaling.normalize(),
        }
    }

    /// The machines are those of its endpoint, and priced there.
    fn price(&self, ctx: &PriceContext<'_>) -> Vec<PriceLine> {
        watches::of(self.scaling.as_ref()).map(|_| service::alarms(ctx, 1, false)).collect()
    }

    fn durations(&self) -> Durations {
        let slow = self.health_check_timeout.map_or(0, Span::seconds);
        // Image and model: some minutes; a container that never answers is given up after its time.
        let start = Expected::secs(360 + slow / 4, 1800 + slow);
        Durations { create: start, update: start, delete: Expected::secs(60, 1800) }
    }

    async fn sweep(ctx: &SweepCtx) -> Result<Vec<Live<Self>>, Error> {
        read::sweep(ctx).await
    }

    async fn create(&self, ctx: &Ctx, found: Option<&Live<Self>>) -> Result<Id, Error> {
        let name = &self.name.clone().unwrap_or_else(|| ctx.name(&RULE, ""));
        let there = found.map(|live| live.parts.clone()).unwrap_or_default();
        if self.name.is_some() {
            let tail = format!("inference-component/{name}");
            hosting::parts::free(ctx, "the inference component", name, &tail).await?;
        }
        change::prepare(self, ctx, name, &there).await?;
        let copies = self.scaling.as_ref().map_or(self.copies, |scaling| Some(scaling.min));
        let input = &json!({
            "InferenceComponentName": name, "EndpointName": self.endpoint.id()?, "VariantName": self.variant,
            "Specification": wire::specification(ctx, self)?,
            // AWS makes none without a copy.
            "RuntimeConfig": { "CopyCount": copies.unwrap_or(1).max(1) },
        });
        ctx.call_named(&COMPONENT, "", name, input, |attempt| async move {
            let mut input = input.clone();
            input["Tags"] = tags::pairs(&attempt.tags);
            let made = ctx.aws.sagemaker().once::<Value>("CreateInferenceComponent", &input).await;
            let tail = format!("inference-component/{name}");
            hosting::parts::made(ctx, made, "InferenceComponentArn", &tail).await.map(|_| vec![name.clone()])
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

impl Compares for InferenceComponent {
    /// Bounds of its copies are what a schedule has set last.
    fn accept(want: &Value, found: &Value) -> Option<Value> {
        let mut seen = found.as_object()?.clone();
        seen.insert("scaling".to_owned(), scaling::accept(&want["scaling"], &found["scaling"])?);
        Some(Value::Object(seen))
    }
}

impl Logs for InferenceComponent {
    async fn lines(ctx: &SweepCtx, live: &Live<Self>, since: Timestamp) -> Result<Vec<LogLine>, Error> {
        log_lines(&ctx.aws, &format!("{LOGS_OF}{}", live.id), since).await
    }
}

impl Serves for InferenceComponent {
    async fn invoke(ctx: &SweepCtx, live: &Live<Self>, content_type: &str, body: Vec<u8>) -> Result<Served, Error> {
        // What is seen by address does not say the endpoint's name any more.
        let found = read::running(ctx, &live.id).await?.ok_or_else(|| Error::missing("the component"))?;
        let headers = vec![("x-amzn-sagemaker-inference-component", live.id.clone())];
        hosting::runtime::ask(ctx, found.endpoint(), headers, content_type, body).await
    }
}

impl Teardown for InferenceComponent {
    async fn parts_there(ctx: &SweepCtx, ids: &BTreeSet<Id>) -> Result<Vec<(Id, tags::Tags)>, Error> {
        hosting::parts::there(ctx, ids).await
    }
}
