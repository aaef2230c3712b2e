//! event-rule: which events of AWS and of programs, or which times, are told to whom.
mod check;
mod read;
mod targets;

pub(super) use check::is_schedule;

use crate::{
    aws::{Error, gone, optional, tags},
    call::{Ctx, SweepCtx},
    field::Field,
    kinds::{document::Document, named},
    resource::{
        About, Call, Changes, Class, DefaultValue, Discovery, Durations, Gone, Id, Live, Lookup, NameRule, Output,
        Problem, Resource,
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A rule of EventBridge, on the bus that every account has and AWS's own events go to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventRule {
    /// Its name; without one, the stack's and its own with ten characters more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A text for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Which events it takes, as an event pattern (`source: [aws.sagemaker]`); or `schedule`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<Document>,
    /// When it fires by itself: `rate(5 minutes)`, or `cron(0 8 ? * MON-FRI *)` in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// `disabled` keeps the rule and tells nobody.
    #[serde(default)]
    pub state: RuleState,
    /// Who is told, up to five.
    #[serde(default)]
    pub targets: Vec<Target>,
}

/// Does a rule tell anybody?
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RuleState {
    /// Yes.
    #[default]
    Enabled,
    /// No.
    Disabled,
}

/// Who is told, and what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// What the rule calls it.
    pub name: String,
    /// The ARN of a queue, topic, log group or whatever else EventBridge can tell. The policy of a queue or topic must let
    /// `events.amazonaws.com` in.
    pub arn: Field<String>,
    /// What it is told in place of the event, always the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Document>,
    /// The part of the event that it is told (`$.detail`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_path: Option<String>,
    /// A text with parts of the event that it is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transformer: Option<Transformer>,
    /// The ARN of the queue for what could not be delivered within a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letter: Option<Field<String>>,
    /// The ARN of the role that EventBridge takes to tell it, where its service wants one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Field<String>>,
}

/// A text with parts of the event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Transformer {
    /// Where the parts are in the event, by the names that the text has for them: `run: $.detail.run`.
    #[serde(default)]
    pub paths: BTreeMap<String, String>,
    /// The text, in which `<run>` stands for a part: JSON, or a text in double quotes.
    pub template: Field<String>,
}

// A put takes over whatever has the name, without a word.
const PUT: Call = Call::new("events:PutRule", Class::NameIdempotent);
const RULE: NameRule = NameRule { max: 64, extra: "-", lower: false };

impl Resource for EventRule {
    const KIND: &'static str = "event-rule";
    const ABOUT: About = About {
        codes: check::CODES,
        outputs: &[
            Output { name: "name", ty: "string", doc: "the rule's name" },
            Output { name: "arn", ty: "string", doc: "the rule's ARN, by which policies know who sends" },
        ],
        fixed: &["name"],
        discovery: Discovery::Prefix,
        tagger: &tags::EVENTS,
        terraform: "aws_cloudwatch_event_rule",
        calls: &[PUT],
        name: Some(RULE),
        iam: &[
            "events:PutRule",
            "events:ListRules",
            "events:DescribeRule",
            "events:PutTargets",
            "events:RemoveTargets",
            "events:ListTargetsByRule",
            "events:ListTagsForResource",
            "events:TagResource",
            "events:UntagResource",
            "events:DeleteRule",
            "iam:PassRole",
        ],
        free: true,
        defaults: &[
            ("description", DefaultValue::Nothing),
            ("pattern", DefaultValue::Nothing),
            ("schedule", DefaultValue::Nothing),
        ],
        durations: Some(Durations::quick(2, 2, 2)),
        gone: Gone::AtOnce,
        ..About::new("An EventBridge rule: which events or times are told to whom")
    };

    fn summary(&self) -> String {
        let what = self.schedule.clone().unwrap_or_else(|| "events".to_owned());
        let whom = match &self.targets[..] {
            [] => "nobody".to_owned(),
            [one] => one.name.clone(),
            several => format!("{} targets", several.len()),
        };
        format!("{what} to {whom}")
    }

    fn check(&self, problems: &mut Vec<Problem>) {
        check::check(self, problems);
    }

    fn normalize(&mut self) {
        self.targets.sort_by(|one, other| one.name.cmp(&other.name));
    }

    async fn sweep(ctx: &SweepCtx) -> Result<Vec<Live<Self>>, Error> {
        named::sweep(ctx).await
    }

    async fn create(&self, ctx: &Ctx, _: Option<&Live<Self>>) -> Result<Id, Error> {
        let name = &self.name.clone().unwrap_or_else(|| ctx.name(&RULE, ""));
        let request = &self.request(name);
        named::create::<Self, _, _>(ctx, &PUT, name, self, |attempt| async move {
            let mut input = request.clone();
            input["Tags"] = tags::pairs(&attempt.tags);
            ctx.aws.events().once::<IgnoredAny>("PutRule", &input).await.map(drop)
        })
        .await
    }

    async fn update(want: &Self, ctx: &Ctx, live: &Live<Self>, changes: &Changes) -> Result<(), Error> {
        if ["description", "pattern", "schedule", "state"].iter().any(|field| changes.touches(field)) {
            // What is left out of a put is taken away, so a state that this dlinfra does not know is said again.
            let mut input = want.request(&live.id);
            if let Some(word) = live.novel.get("state") {
                input["State"] = json!(word);
            }
            ctx.aws.events().call::<IgnoredAny>("PutRule", &input).await?;
        }
        if changes.touches("targets") { targets::bring(&want.targets, ctx, live).await } else { Ok(()) }
    }

    async fn delete(ctx: &Ctx, live: &Live<Self>) -> Result<(), Error> {
        // With targets it cannot be deleted, and somebody may have added one.
        let Some(found) = optional(targets::list(&ctx.sweep(), &live.id).await)? else { return Ok(()) };
        targets::remove(ctx, &live.id, found.iter().map(|target| target.name.as_str()).collect()).await?;
        gone(ctx.aws.events().call::<IgnoredAny>("DeleteRule", &json!({ "Name": live.id })).await)
    }

    async fn lookup(ctx: &SweepCtx, by: &Lookup) -> Result<Vec<Live<Self>>, Error> {
        named::lookup(ctx, by).await
    }
}

impl EventRule {
    /// The whole rule, without its targets.
    fn request(&self, name: &str) -> Value {
        let state = if self.state == RuleState::Enabled { "ENABLED" } else { "DISABLED" };
        let mut out = json!({ "Name": name, "State": state });
        let texts = [
            ("Description", self.description.clone()),
            ("EventPattern", self.pattern.as_ref().map(Document::text)),
            ("ScheduleExpression", self.schedule.clone()),
        ];
        for (member, text) in texts {
            if let Some(text) = text {
                out[member] = json!(text);
            }
        }
        out
    }
}
