//! schedule-group: what EventBridge Scheduler calls at which times, and the group that carries the tags.
mod check;
mod schedules;

use super::{document::Document, named};
use crate::{
    address::Address,
    aws::{
        Error, gone,
        json::rest::{Rest, segment},
        optional, tags,
        tags::Tags,
    },
    call::{Ctx, SweepCtx},
    field::Field,
    kinds::named::Named,
    price::{PriceContext, PriceLine, service},
    resource::{
        About, Call, Changes, Class, Discovery, Durations, Id, Live, Lookup, NameRule, Output, Problem, Resource, State,
    },
    units::Span,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::json;
use std::collections::BTreeMap;

/// A group of schedules. A schedule has no tags of its own, so everything in the group belongs to whom the group belongs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleGroup {
    /// Its name; without one, the stack's and its own with ten characters more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The schedules in it, by name. What else is in the group is removed.
    #[serde(default)]
    pub schedules: BTreeMap<String, Schedule>,
}

/// When something is called.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// `rate(15 minutes)`, `cron(0 20 ? * MON-FRI *)`, or once `at(2027-01-31T08:00:00)`.
    pub expression: String,
    /// The time zone of the expression (`Europe/Berlin`).
    #[serde(default = "utc")]
    pub timezone: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Is it on?
    #[serde(default = "yes")]
    pub enabled: bool,
    /// The call may come this much later, in whole minutes up to 24h: many schedules then do not all call at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Span>,
    /// What is called.
    pub target: ScheduleTarget,
}

/// What a schedule calls, and as whom.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleTarget {
    /// The ARN of a function, a queue, a topic, or of an action of AWS's API
    /// (`arn:aws:scheduler:::aws-sdk:ec2:stopInstances`).
    pub arn: Field<String>,
    /// The ARN of the role that Scheduler takes for it: it must trust `scheduler.amazonaws.com`.
    pub role: Field<String>,
    /// What it is told. For an action of AWS's API, its parameters under their names in the SDK (`InstanceIds`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Document>,
    /// How often a failed call is retried, up to 185 times.
    #[serde(default = "often")]
    pub retries: u32,
    /// For how long it is retried, 1m to 24h.
    #[serde(default = "a_day")]
    pub max_age: Span,
    /// The ARN of the queue for calls that failed to the end; the role must be allowed to send there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letter: Option<Field<String>>,
}

fn utc() -> String {
    "UTC".to_owned()
}
fn yes() -> bool {
    true
}
fn often() -> u32 {
    185
}
fn a_day() -> Span {
    Span::from_hours(24)
}

const CREATE: Call = Call::new("scheduler:CreateScheduleGroup", Class::Name);
const RULE: NameRule = NameRule { max: 64, extra: "-", lower: false };

impl Resource for ScheduleGroup {
    const KIND: &'static str = "schedule-group";
    const ABOUT: About = About {
        codes: check::CODES,
        outputs: &[
            Output { name: "name", ty: "string", doc: "the group's name" },
            Output { name: "arn", ty: "string", doc: "the group's ARN" },
        ],
        fixed: &["name"],
        discovery: Discovery::Prefix,
        tagger: &tags::SCHEDULE_GROUPS,
        terraform: "aws_scheduler_schedule_group",
        calls: &[CREATE],
        name: Some(RULE),
        iam: &[
            "scheduler:CreateScheduleGroup",
            "scheduler:GetScheduleGroup",
            "scheduler:ListScheduleGroups",
            "scheduler:DeleteScheduleGroup",
            "scheduler:CreateSchedule",
            "scheduler:GetSchedule",
            "scheduler:ListSchedules",
            "scheduler:UpdateSchedule",
            "scheduler:DeleteSchedule",
            "scheduler:ListTagsForResource",
            "scheduler:TagResource",
            "scheduler:UntagResource",
            "iam:PassRole",
        ],
        prices: "scheduler",
        durations: Some(Durations::quick(3, 3, 20)),
        ..About::new("Schedules of EventBridge Scheduler: what is called at which times")
    };

    fn summary(&self) -> String {
        match self.schedules.iter().next() {
            None => "no schedules".to_owned(),
            Some((name, one)) if self.schedules.len() == 1 => format!("{name}: {}", one.expression),
            Some(_) => format!("{} schedules", self.schedules.len()),
        }
    }

    fn check(&self, problems: &mut Vec<Problem>) {
        check::check(self, problems);
    }

    fn price(&self, ctx: &PriceContext<'_>) -> Vec<PriceLine> {
        service::schedules(ctx)
    }

    async fn sweep(ctx: &SweepCtx) -> Result<Vec<Live<Self>>, Error> {
        named::sweep(ctx).await
    }

    async fn create(&self, ctx: &Ctx, _: Option<&Live<Self>>) -> Result<Id, Error> {
        let name = &self.name.clone().unwrap_or_else(|| ctx.name(&RULE, ""));
        named::create::<Self, _, _>(ctx, &CREATE, name, self, |attempt| async move {
            let input = json!({ "Tags": tags::pairs(&attempt.tags), "ClientToken": attempt.token });
            let ask = Rest::post(path(name), input);
            ctx.aws.scheduler().rest_once::<IgnoredAny>("CreateScheduleGroup", ask).await.map(drop)
        })
        .await
    }

    async fn update(want: &Self, ctx: &Ctx, live: &Live<Self>, _: &Changes) -> Result<(), Error> {
        schedules::bring(want, ctx, live).await
    }

    /// With everything in it.
    async fn delete(ctx: &Ctx, live: &Live<Self>) -> Result<(), Error> {
        if live.state == State::Deleting {
            return Ok(());
        }
        let ask = Rest::delete(path(&live.id));
        gone(ctx.aws.scheduler().rest::<IgnoredAny>("DeleteScheduleGroup", ask).await.map(drop))
    }

    async fn lookup(ctx: &SweepCtx, by: &Lookup) -> Result<Vec<Live<Self>>, Error> {
        named::lookup(ctx, by).await
    }
}

fn path(name: &str) -> String {
    format!("/schedule-groups/{}", segment(name))
}

/// As ListScheduleGroups and GetScheduleGroup show it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Found {
    name: String,
    arn: String,
    state: String,
}

impl Named for ScheduleGroup {
    type Found = Found;
    const WHAT: &'static str = "the schedule group";

    fn legal(name: &str) -> bool {
        check::is_name(name)
    }

    fn name_in(id: &str) -> &str {
        id.rsplit('/').next().unwrap_or(id)
    }

    fn name(found: &Found) -> &str {
        &found.name
    }

    async fn list(ctx: &SweepCtx, prefix: &str) -> Result<Vec<Found>, Error> {
        let filter = if prefix.is_empty() { String::new() } else { format!("?NamePrefix={}", segment(prefix)) };
        let words = ["ScheduleGroups", "NextToken", "NextToken"];
        let path = format!("/schedule-groups{filter}");
        let mut found: Vec<Found> = ctx.aws.scheduler().rest_pages("ListScheduleGroups", &path, words).await?;
        // AWS's own, which takes no tags.
        found.retain(|group| group.name != "default");
        Ok(found)
    }

    async fn get(ctx: &SweepCtx, name: &str) -> Result<Option<Found>, Error> {
        optional(ctx.aws.scheduler().rest("GetScheduleGroup", Rest::get(path(name))).await)
    }

    async fn tags(ctx: &SweepCtx, found: &Found) -> Result<Option<Tags>, Error> {
        named::tags_by_arn::<Self>(ctx, &found.arn).await
    }

    async fn live(ctx: &SweepCtx, found: Found, at: Address, tags: Tags) -> Result<Option<Live<Self>>, Error> {
        let Some(schedules) = optional(schedules::read(ctx, &found.name).await)? else { return Ok(None) };
        let spec = Self { name: Some(found.name.clone()), schedules };
        let mut live = named::live(at, &found.name, found.arn, tags, spec);
        if found.state == "DELETING" {
            live.state = State::Deleting;
        }
        Ok(Some(live))
    }
}
