//! alarm: a metric, or an expression over several, that is watched, and who is notified when it breaches a threshold.
mod check;
mod wire;

use crate::{
    address::Address,
    aws::{
        Error, gone,
        tags::{self, Tags},
    },
    call::{Ctx, SweepCtx},
    field::Field,
    kinds::named::{self, Named},
    price::{PriceContext, PriceLine, service},
    resource::{
        About, Call, Changes, Class, DefaultValue, Discovery, Durations, Gone, Id, Live, Lookup, NameRule, Output,
        Problem, Resource,
    },
    units::Span,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::{Map, Number, Value, json};
use std::collections::BTreeMap;

/// An alarm of CloudWatch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Alarm {
    /// Its name; without one, the stack's and its own with ten characters more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A text for those who are notified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The metric that is watched; or `queries`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<Metric>,
    /// What is watched, computed from several metrics: one of them `returns` the values that are compared.
    #[serde(default)]
    pub queries: Vec<Query>,
    /// How values are compared with the threshold, or with a band.
    pub comparison: Comparison,
    /// The threshold, in the unit of the metric; or `band`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<Number>,
    /// The id of the query that gives the band of expected values (`ANOMALY_DETECTION_BAND(m1, 2)`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub band: Option<String>,
    /// How many of the most recent periods are evaluated.
    #[serde(default = "one")]
    pub periods: u32,
    /// How many of these must breach the threshold; without it, all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub datapoints: Option<u32>,
    /// What a period without a value counts as: `breaching` for a heartbeat, `not-breaching` for a count of errors.
    #[serde(default)]
    pub missing: NoData,
    /// Does it act at all? Somebody may have switched its actions off in the console.
    #[serde(default = "yes")]
    pub actions_enabled: bool,
    /// ARNs to notify or run when it goes into ALARM, such as a topic's.
    #[serde(default)]
    pub alarm_actions: Vec<Field<String>>,
    /// ARNs to notify or run when it returns to OK.
    #[serde(default)]
    pub ok_actions: Vec<Field<String>>,
    /// ARNs to notify or run when there is not enough data.
    #[serde(default)]
    pub insufficient_data_actions: Vec<Field<String>>,
}

/// A metric and what is made of its values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// Its namespace: `AWS/EC2`, `CWAgent`.
    pub namespace: String,
    /// Its name: `CPUUtilization`.
    pub name: String,
    /// All of its dimensions, by name: with one too many or too few it is another metric, which nothing publishes.
    #[serde(default)]
    pub dimensions: BTreeMap<String, Field<String>>,
    /// `average`, `sum`, `minimum`, `maximum`, `sample-count`, or a percentile such as `p99`.
    #[serde(default = "average")]
    pub statistic: String,
    /// 10s, 20s, 30s or whole minutes.
    #[serde(default = "minute")]
    pub period: Span,
}

/// One of the things that are computed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// What expressions call it: a small letter first, then letters, digits and `_`.
    pub id: String,
    /// A metric; or `expression`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<Metric>,
    /// Metric math over other ids (`errors / calls`), or a query (`SELECT …`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
    /// The period of an expression that has no metric to take it from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<Span>,
    /// What charts call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Are these the values that are compared?
    #[serde(default)]
    pub returns: bool,
}

/// How a value and the threshold are compared, in CloudWatch's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, clippy::enum_variant_names, reason = "CloudWatch's words say it all")]
pub enum Comparison {
    GreaterThanOrEqualToThreshold,
    GreaterThanThreshold,
    LessThanThreshold,
    LessThanOrEqualToThreshold,
    LessThanLowerOrGreaterThanUpperThreshold,
    LessThanLowerThreshold,
    GreaterThanUpperThreshold,
}

/// What a period without a value counts as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NoData {
    /// Nothing: with no values at all the state is INSUFFICIENT_DATA.
    #[default]
    Missing,
    /// The state stays.
    Ignore,
    /// A breach.
    Breaching,
    /// No breach.
    NotBreaching,
}

fn yes() -> bool {
    true
}
fn one() -> u32 {
    1
}
fn average() -> String {
    "average".to_owned()
}
fn minute() -> Span {
    Span::from_seconds(60)
}

// A put takes over whatever has the name, without a word.
const PUT: Call = Call::new("cloudwatch:PutMetricAlarm", Class::NameIdempotent);
const RULE: NameRule = NameRule { max: 255, extra: "-", lower: false };

impl Resource for Alarm {
    const KIND: &'static str = "alarm";
    const ABOUT: About = About {
        codes: check::CODES,
        outputs: &[
            Output { name: "name", ty: "string", doc: "the alarm's name" },
            Output { name: "arn", ty: "string", doc: "the alarm's ARN" },
        ],
        fixed: &["name"],
        discovery: Discovery::Prefix,
        tagger: &tags::CLOUDWATCH,
        terraform: "aws_cloudwatch_metric_alarm",
        calls: &[PUT],
        name: Some(RULE),
        iam: &[
            "cloudwatch:PutMetricAlarm",
            "cloudwatch:DescribeAlarms",
            "cloudwatch:DeleteAlarms",
            "cloudwatch:ListTagsForResource",
            "cloudwatch:TagResource",
            "cloudwatch:UntagResource",
        ],
        prices: "cloudwatch",
        defaults: &[
            ("description", DefaultValue::Nothing),
            ("datapoints", DefaultValue::Nothing),
            ("metric", DefaultValue::Nothing),
            ("threshold", DefaultValue::Nothing),
            ("band", DefaultValue::Nothing),
        ],
        durations: Some(Durations::quick(2, 2, 2)),
        gone: Gone::AtOnce,
        ..About::new("A CloudWatch alarm on a metric, or on an expression over several")
    };

    fn summary(&self) -> String {
        let what = match (&self.metric, self.queries.iter().find(|q| q.returns)) {
            (Some(metric), _) => format!("{} of {}", metric.statistic, metric.name),
            (None, Some(query)) => query.expression.clone().unwrap_or_else(|| query.id.clone()),
            (None, None) => String::new(),
        };
        let times = self.datapoints.map_or(String::new(), |needed| format!("{needed} of "));
        format!("{what}, {times}{} x {}", self.periods, self.period())
    }

    fn check(&self, problems: &mut Vec<Problem>) {
        check::check(self, problems);
    }

    fn normalize(&mut self) {
        let by_text = |field: &Field<String>| field.to_string();
        for actions in [&mut self.alarm_actions, &mut self.ok_actions, &mut self.insufficient_data_actions] {
            actions.sort_by_key(by_text);
        }
        // As many as are looked at is what AWS means by none.
        self.datapoints = self.datapoints.filter(|needed| *needed != self.periods);
    }

    fn price(&self, ctx: &PriceContext<'_>) -> Vec<PriceLine> {
        let queried = self.queries.iter().filter(|q| q.metric.is_some()).count().max(1);
        // A band is two metrics beside the one that it is around.
        let count = u32::try_from(queried).unwrap_or(u32::MAX).saturating_add(if self.band.is_some() { 2 } else { 0 });
        vec![service::alarms(ctx, count, self.period().seconds() < 60)]
    }

    async fn sweep(ctx: &SweepCtx) -> Result<Vec<Live<Self>>, Error> {
        named::sweep(ctx).await
    }

    async fn create(&self, ctx: &Ctx, _: Option<&Live<Self>>) -> Result<Id, Error> {
        let name = &self.name.clone().unwrap_or_else(|| ctx.name(&RULE, ""));
        let request = &self.request(name)?;
        named::create::<Self, _, _>(ctx, &PUT, name, self, |attempt| async move {
            let mut input = request.clone();
            input["Tags"] = tags::pairs(&attempt.tags);
            ctx.aws.cloudwatch().once::<IgnoredAny>("PutMetricAlarm", &input).await.map(drop)
        })
        .await
    }

    async fn update(want: &Self, ctx: &Ctx, live: &Live<Self>, _: &Changes) -> Result<(), Error> {
        // What is left out of a put is taken away. Its state stays, and so does what this dlinfra does not know.
        let mut input = want.request(&live.id)?;
        for (field, member) in wire::WORDS {
            if let Some(word) = live.novel.get(field) {
                input[member] = json!(word);
            }
        }
        ctx.aws.cloudwatch().call::<IgnoredAny>("PutMetricAlarm", &input).await.map(drop)
    }

    async fn delete(ctx: &Ctx, live: &Live<Self>) -> Result<(), Error> {
        let input = json!({ "AlarmNames": [live.id] });
        gone(ctx.aws.cloudwatch().call::<IgnoredAny>("DeleteAlarms", &input).await)
    }

    async fn lookup(ctx: &SweepCtx, by: &Lookup) -> Result<Vec<Live<Self>>, Error> {
        named::lookup(ctx, by).await
    }
}

impl Alarm {
    /// How long one of its periods is.
    fn period(&self) -> Span {
        let of_query = |q: &Query| q.metric.as_ref().map(|m| m.period).or(q.period);
        self.metric.as_ref().map(|m| m.period).or_else(|| self.queries.iter().find_map(of_query)).unwrap_or_else(minute)
    }
}

impl Named for Alarm {
    type Found = Map<String, Value>;
    const WHAT: &'static str = "the alarm";

    fn legal(name: &str) -> bool {
        (1..=255).contains(&name.len()) && name.chars().all(|c| c == ' ' || c.is_ascii_graphic())
    }

    fn name_in(id: &str) -> &str {
        if id.starts_with("arn:") { id.split_once(":alarm:").map_or(id, |(_, name)| name) } else { id }
    }

    fn name(found: &Self::Found) -> &str {
        found.get("AlarmName").and_then(Value::as_str).unwrap_or_default()
    }

    async fn list(ctx: &SweepCtx, prefix: &str) -> Result<Vec<Self::Found>, Error> {
        let input = if prefix.is_empty() { json!({}) } else { json!({ "AlarmNamePrefix": prefix }) };
        ctx.aws.cloudwatch().pages("DescribeAlarms", input, ("MetricAlarms", "NextToken")).await
    }

    async fn get(ctx: &SweepCtx, name: &str) -> Result<Option<Self::Found>, Error> {
        let input = json!({ "AlarmNames": [name] });
        let found = ctx.aws.cloudwatch().pages("DescribeAlarms", input, ("MetricAlarms", "NextToken")).await?;
        Ok(found.into_iter().next())
    }

    async fn tags(ctx: &SweepCtx, found: &Self::Found) -> Result<Option<Tags>, Error> {
        named::tags_by_arn::<Self>(ctx, &wire::arn(found)?).await
    }

    async fn live(_: &SweepCtx, found: Self::Found, at: Address, tags: Tags) -> Result<Option<Live<Self>>, Error> {
        let (spec, novel) = wire::read(&found)?;
        Ok(Some(Live { novel, ..named::live(at, Self::name(&found), wire::arn(&found)?, tags, spec) }))
    }
}
