//! Alarms: put whole, whoever had the name before.

use std::time::Duration;

use serde_json::Map;

use super::actions::{self, Held};
use super::evaluation::{self, Window};
use super::rule::Rule;
use super::{composites, metrics, queries};
use crate::life::after;
use crate::services::prelude::*;
use crate::store::World;

pub(super) const OPERATIONS: &[Operation] = &[
    write("PutMetricAlarm", put),
    read("DescribeAlarms", describe),
    write("DeleteAlarms", delete),
    write("SetAlarmState", set_state),
];

/// What is kept of a request, and shown as it came.
const FIELDS: [&str; 21] = [
    "AlarmDescription",
    "ActionsEnabled",
    "OKActions",
    "AlarmActions",
    "InsufficientDataActions",
    "MetricName",
    "Namespace",
    "Statistic",
    "ExtendedStatistic",
    "Dimensions",
    "Period",
    "Unit",
    "EvaluationPeriods",
    "DatapointsToAlarm",
    "Threshold",
    "ComparisonOperator",
    "TreatMissingData",
    "EvaluateLowSampleCountPercentile",
    "Metrics",
    "ThresholdMetricId",
    "WarmUpConfiguration",
];
const DAY: i64 = 24 * 3600;

/// A new alarm is evaluated after so long.
const FIRST: Duration = Duration::from_secs(60);

/// The state's name, its reason, and since when.
pub(super) type State = (String, String, Timestamp);

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Alarm {
    pub(super) name: String,
    created: Timestamp,
    updated: Timestamp,
    pub(super) fields: Map<String, Value>,
    pub(super) state: State,
    tags: Tags,
    /// When it is evaluated next; an alarm to whose metrics nothing has been added for long sleeps.
    #[serde(default)]
    pub(super) timer: Option<Timestamp>,
    /// What it will do about its last change of state, unless another alarm suppresses it.
    #[serde(default)]
    pub(super) held: Option<Held>,
}

object!(Alarm, "monitoring/alarm", name, due timer, tags of "cloudwatch" "alarm:{name}");

impl Alarm {
    /// The rule of a composite alarm.
    pub(super) fn rule(&self) -> Option<Rule> {
        Rule::parse(self.fields.get("AlarmRule")?.as_str()?).ok()
    }

    pub(super) fn is_composite(&self) -> bool {
        self.fields.contains_key("AlarmRule")
    }
}

fn put(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let name = call.params.text("AlarmName")?;
    let tags = tagged::take(call)?;
    let kept = FIELDS.iter().filter_map(|field| Some(((*field).to_owned(), call.params.raw(field)?)));
    let fields: Map<String, Value> = kept.collect();
    check(call, &fields)?;
    queries::check(call, &fields)?;
    keep(call, name, fields, tags)
}

/// Keeps what was put: a new alarm, or all of an old one.
pub(super) fn keep(
    call: &mut Call<'_>,
    name: String,
    fields: Map<String, Value>,
    tags: Tags,
) -> Result<Reply, ApiError> {
    let (created, updated) = (call.now, call.now);
    let alarm = match call.get::<Alarm>(&name).cloned() {
        Some(old) if old.is_composite() != fields.contains_key("AlarmRule") => {
            return Err(call.invalid(format!("{name} is an alarm of the other type")));
        }
        // The tags of a call count for a new alarm only; the state stays.
        Some(old) => Alarm { updated, fields, timer: Some(next(call.now, 1)), ..old },
        None => {
            let state = ("INSUFFICIENT_DATA".to_owned(), "Unchecked: Initial alarm creation".to_owned(), created);
            let timer = if fields.contains_key("AlarmRule") {
                after(created, Duration::from_secs(1))
            } else {
                after(created, FIRST)
            };
            Alarm { name, created, updated, fields, state, tags, timer: Some(timer), held: None }
        }
    };
    call.put(alarm);
    Ok(Reply::empty())
}

/// The next whole step of so many seconds.
fn next(at: Timestamp, step: i64) -> Timestamp {
    let second = (at.as_second().div_euclid(step) + 1) * step;
    Timestamp::from_second(second).unwrap_or(Timestamp::MAX)
}

/// New values may mean another state: who sleeps is evaluated at the next full minute.
pub(super) fn wake(world: &mut World, region: &str, now: Timestamp) {
    let sleeping = world.all::<Alarm>(region).filter(|it| it.timer.is_none() && !it.is_composite());
    for name in sleeping.map(|it| it.name.clone()).collect::<Vec<_>>() {
        world.update::<Alarm>(region, &name, |it| it.timer = Some(next(now, step(&it.fields))));
    }
}

/// How often an alarm is evaluated.
fn step(fields: &Map<String, Value>) -> i64 {
    evaluation::span(fields).0.min(60)
}

/// An alarm's timer has come due.
pub(super) fn settle(world: &mut World, region: &str, name: &str, at: Timestamp) {
    let Some(mut it) = world.get::<Alarm>(region, name).cloned() else { return };
    it.timer = None;
    let said = match it.rule() {
        Some(rule) => Some(composites::evaluated(world, region, &rule)),
        None => {
            let (period, count) = evaluation::span(&it.fields);
            let window = Window { world, region, at, period, count };
            // So long a value may still count, or its period end; at the end nothing changes any more.
            let reach = period.saturating_mul(i64::try_from(count).unwrap_or(i64::MAX).saturating_add(2));
            let warm = it.warm_until().filter(|until| at < *until);
            if metrics::latest(world, region).is_some_and(|latest| at.as_second() <= latest.saturating_add(reach + 60))
            {
                it.timer = Some(next(at, step(&it.fields)));
            } else {
                it.timer = warm;
            }
            match warm {
                Some(_) if it.waits_all_of_it() || !evaluation::is_filled(window, &it.fields) => None,
                _ => evaluation::evaluated(window, &it.fields),
            }
        }
    };
    let before = it.state.clone();
    if let Some((state, reason)) = said {
        it.state = if state == before.0 { (state, reason, before.2) } else { (state, reason, at) };
    }
    enter(world, region, it, &before.0, at);
}

/// Keeps an alarm in its state; where that is another one than before, it acts, and those above it look.
pub(super) fn enter(world: &mut World, region: &str, mut it: Alarm, before: &str, at: Timestamp) {
    if it.state.0 != before {
        for above in composites::above(world, region, &it.name) {
            world.update::<Alarm>(region, &above, |above| above.timer = Some(at));
        }
        it.held = Some(Held::new(before, at));
    }
    actions::settle(world, region, &mut it, at);
    world.put(region, it);
}

impl Alarm {
    /// Until when missing values say nothing about a new alarm.
    fn warm_until(&self) -> Option<Timestamp> {
        let minutes = self.fields.get("WarmUpConfiguration")?["WarmUpPeriodDurationInMinutes"].as_u64()?;
        Some(after(self.created, Duration::from_secs(minutes * 60)))
    }

    fn waits_all_of_it(&self) -> bool {
        let config = self.fields.get("WarmUpConfiguration");
        config.is_some_and(|config| config["OnlyStartEvaluatingAfterWarmUpPeriodEnds"] == true)
    }
}

/// What goes together, from the API reference of PutMetricAlarm.
fn check(call: &Call<'_>, fields: &Map<String, Value>) -> Result<(), ApiError> {
    let has = |name: &str| fields.contains_key(name);
    let int = |name: &str| fields.get(name).and_then(Value::as_i64);
    let refuse = |message: &str| Err(call.invalid(message));
    if has("MetricName") == has("Metrics") {
        return refuse("Exactly one of the parameters MetricName and Metrics must be specified");
    }
    if has("MetricName") && !(has("Namespace") && has("Period") && has("Statistic") != has("ExtendedStatistic")) {
        return refuse("Namespace, Period and exactly one of Statistic and ExtendedStatistic go with MetricName");
    }
    if !has("ComparisonOperator") || !has("EvaluationPeriods") || has("Threshold") == has("ThresholdMetricId") {
        return refuse("ComparisonOperator, EvaluationPeriods and one of Threshold and ThresholdMetricId are required");
    }
    let periods = int("EvaluationPeriods").unwrap_or(1);
    if int("DatapointsToAlarm").is_some_and(|count| count > periods) {
        return refuse("DatapointsToAlarm must not be above EvaluationPeriods");
    }
    if let Some(period) = int("Period") {
        if !matches!(period, 10 | 20 | 30) && period % 60 != 0 {
            return refuse("Period must be 10, 20, 30 or a multiple of 60");
        }
        if period * periods > if period < 3600 { DAY } else { 7 * DAY } {
            return refuse(
                "Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400)",
            );
        }
    }
    let missing = fields.get("TreatMissingData").and_then(Value::as_str).unwrap_or("missing");
    if !["breaching", "notBreaching", "ignore", "missing"].contains(&missing) {
        return refuse("TreatMissingData must be one of breaching, notBreaching, ignore, missing");
    }
    Ok(())
}

fn describe(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (names, prefix) = (call.params.texts("AlarmNames")?, call.params.text_opt("AlarmNamePrefix")?);
    if !names.is_empty() && prefix.is_some() {
        return Err(call.invalid("AlarmNamePrefix and AlarmNames are mutually exclusive"));
    }
    let (types, state) = (call.params.texts("AlarmTypes")?, call.params.text_opt("StateValue")?);
    let page = Page::take(call, 50)?;
    // Composite alarms are shown to those only who ask for them.
    let asked = |it: &Alarm| match it.is_composite() {
        true => types.iter().any(|one| one == "CompositeAlarm"),
        false => types.is_empty() || types.iter().any(|one| one == "MetricAlarm"),
    };
    let wanted = |it: &&Alarm| {
        asked(it)
            && (names.is_empty() || names.contains(&it.name))
            && prefix.as_ref().is_none_or(|prefix| it.name.starts_with(prefix))
            && state.as_ref().is_none_or(|state| it.state.0 == *state)
    };
    let (found, next) = page.cut(call.seen::<Alarm>().filter(wanted), |it| &it.name);
    let shown = |composite: bool| -> Vec<Value> {
        found.iter().filter(|it| it.is_composite() == composite).map(|it| shown(call, it)).collect()
    };
    Ok(Reply::json(json!({"MetricAlarms": shown(false), "CompositeAlarms": shown(true), "NextToken": next})))
}

fn shown(call: &Call<'_>, it: &Alarm) -> Value {
    let (state, reason, since) = &it.state;
    let mut out = json!({
        "AlarmName": it.name, "AlarmArn": call.arn(format_args!("alarm:{}", it.name)),
        "AlarmConfigurationUpdatedTimestamp": it.updated.as_second(), "ActionsEnabled": true, "OKActions": [],
        "AlarmActions": [], "InsufficientDataActions": [], "StateValue": state, "StateReason": reason,
        "StateUpdatedTimestamp": since.as_second(), "StateTransitionedTimestamp": since.as_second(),
    });
    if let Value::Object(map) = &mut out {
        map.extend(it.fields.clone());
        if let Some(by) = it.held.as_ref().and_then(|held| held.suppressed_by(it)) {
            map.insert("ActionsSuppressedBy".to_owned(), by.into());
        }
    }
    out
}

/// Is the alarm of this name in ALARM?
pub(crate) fn is_in_alarm(world: &World, region: &str, name: &str) -> bool {
    world.get::<Alarm>(region, name).is_some_and(|it| it.state.0 == "ALARM")
}

/// How far the latest value is from the threshold of an alarm in ALARM that runs this action, if there is one.
pub(crate) fn breach(world: &World, region: &str, action: &str, at: Timestamp) -> Option<f64> {
    let names = |it: &Alarm| it.fields.get("AlarmActions").and_then(Value::as_array).cloned().unwrap_or_default();
    let runs = |it: &&Alarm| it.state.0 == "ALARM" && names(it).iter().any(|one| one == action);
    let it = world.all::<Alarm>(region).find(runs)?;
    let (period, count) = evaluation::span(&it.fields);
    let latest = evaluation::latest(Window { world, region, at, period, count }, &it.fields);
    let threshold = it.fields.get("Threshold").and_then(Value::as_f64).unwrap_or_default();
    Some(latest.map_or(0.0, |value| value - threshold))
}

fn delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let names = call.params.texts("AlarmNames")?;
    let missing = |name: &&String| call.get::<Alarm>(name).is_none();
    // With one name AWS says that it is not there; of several, those that are there go.
    if let [only] = names.as_slice()
        && missing(&only)
    {
        return Err(no_alarm());
    }
    if names.iter().filter_map(|name| call.get::<Alarm>(name)).filter(|it| it.is_composite()).count() > 1 {
        return Err(call.invalid("Only one composite alarm can be deleted at a time"));
    }
    let held = |name: &&String| composites::above(call.world, call.region, name).iter().any(|it| !names.contains(it));
    if let Some(name) = names.iter().find(held) {
        let message = format!("Cannot delete {name} as there are composite alarm(s) depending on it.");
        return Err(call.invalid(message));
    }
    names.iter().for_each(|name| call.remove::<Alarm>(name));
    Ok(Reply::empty())
}

fn no_alarm() -> ApiError {
    ApiError::new(404, "ResourceNotFound", "The named resource does not exist.")
}

fn set_state(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (name, now) = (call.params.text("AlarmName")?, call.now);
    let (state, reason) = (call.params.text("StateValue")?, call.params.text("StateReason")?);
    call.params.text_opt("StateReasonData")?;
    let mut alarm = call.get::<Alarm>(&name).cloned().ok_or_else(no_alarm)?;
    let before = std::mem::replace(&mut alarm.state, (state, reason, now)).0;
    // What its metrics say counts again after a minute.
    alarm.timer = Some(after(now, FIRST));
    enter(call.world, call.region, alarm, &before, now);
    Ok(Reply::empty())
}
