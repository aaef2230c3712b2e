//! alarm: a metric, or an expression over several, that is watched, and who is notified when it breaches a threshold.
mod check;
mod fields;
pub(crate) mod published;
mod read;
mod rule;
mod wire;

pub(crate) use fields::{Comparison, Metric, NoData, Query, Suppressor};

use crate::{
    aws::{Error, gone, tags},
    call::{Ctx, SweepCtx},
    field::Field,
    kinds::named,
    price::{PriceContext, PriceLine, service},
    resource::{
        About, Call, Changes, Class, Compares, DefaultValue, Discovery, Durations, Gone, Id, Live, Lookup, NameRule,
        Output, Problem, Resource,
    },
    spec::Difference,
    units::Span,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::{Number, json};

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
    /// The states of other alarms in which it goes into ALARM, in CloudWatch's words: `ALARM("…") OR ALARM("…") AND NOT OK("…")`, with names or
    /// ARNs. It watches no metric of its own then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<Field<String>>,
    /// Another alarm: while it is in ALARM, an alarm with a `rule` runs no actions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppressor: Option<Suppressor>,
    /// How values are compared with the threshold, or with a band.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Comparison>,
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
    /// For so long after it was made, missing values mean nothing: 1 minute to 2 days. It ends early when every period has
    /// a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm_up: Option<Span>,
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

fn yes() -> bool {
    true
}
fn one() -> u32 {
    1
}

// A put takes over whatever has the name, without a word.
const PUT: Call = Call::new("cloudwatch:PutMetricAlarm", Class::NameIdempotent);
const PUT_COMPOSITE: Call = Call::new("cloudwatch:PutCompositeAlarm", Class::NameIdempotent);
const METRIC: &str = "PutMetricAlarm";
const COMPOSITE: &str = "PutCompositeAlarm";
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
        calls: &[PUT, PUT_COMPOSITE],
        name: Some(RULE),
        iam: &[
            "cloudwatch:PutMetricAlarm",
            "cloudwatch:PutCompositeAlarm",
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
            ("comparison", DefaultValue::Nothing),
            ("rule", DefaultValue::Nothing),
            ("suppressor", DefaultValue::Nothing),
            ("warm_up", DefaultValue::Nothing),
        ],
        durations: Some(Durations::quick(2, 2, 2)),
        gone: Gone::AtOnce,
        ..About::new("A CloudWatch alarm on a metric, on an expression over several, or on other alarms")
    };

    fn summary(&self) -> String {
        if let Some(rule) = &self.rule {
            let known = rule.known().and_then(|rule| rule::names(rule).ok());
            return known.map_or("on other alarms".to_owned(), |names| format!("on {} alarms", names.len()));
        }
        let what = match (&self.metric, self.queries.iter().find(|q| q.returns)) {
            (Some(metric), _) => format!("{} of {}", metric.statistic, metric.name),
            (None, Some(query)) => query.expression.as_ref().map_or_else(|| query.id.clone(), ToString::to_string),
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
        if self.rule.is_some() {
            return vec![service::composite_alarm(ctx)];
        }
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
        let (call, operation) = if self.rule.is_some() { (&PUT_COMPOSITE, COMPOSITE) } else { (&PUT, METRIC) };
        named::create::<Self, _, _>(ctx, call, name, self, |attempt| async move {
            let mut input = request.clone();
            input["Tags"] = tags::pairs(&attempt.tags);
            ctx.aws.cloudwatch().once::<IgnoredAny>(operation, &input).await.map(drop)
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
        let operation = if want.rule.is_some() { COMPOSITE } else { METRIC };
        ctx.aws.cloudwatch().call::<IgnoredAny>(operation, &input).await.map(drop)
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
    /// Every metric, with where it is written.
    pub(crate) fn metrics(&self) -> Vec<(String, &Metric)> {
        let own = self.metric.iter().map(|metric| ("metric".to_owned(), metric));
        let queried = self.queries.iter().enumerate();
        own.chain(queried.filter_map(|(i, q)| Some((format!("queries.{i}.metric"), q.metric.as_ref()?)))).collect()
    }

    /// How long one of its periods is.
    fn period(&self) -> Span {
        let of_query = |q: &Query| q.metric.as_ref().map(|m| m.period).or(q.period);
        self.metric
            .as_ref()
            .map(|m| m.period)
            .or_else(|| self.queries.iter().find_map(of_query))
            .unwrap_or_else(fields::minute)
    }
}

impl Compares for Alarm {
    /// An alarm on metrics never becomes one on alarms, nor the other way round.
    fn must_replace(&self, change: &Difference) -> bool {
        change.path == "rule" && (change.before.is_null() || change.after.is_null())
    }
}
