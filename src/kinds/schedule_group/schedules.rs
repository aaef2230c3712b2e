//! Schedules of a group. An update replaces everything that is said of one, so all of it is said each time.
use super::{Schedule, ScheduleGroup, ScheduleTarget};
use crate::{
    aws::{
        Error, ErrorClass, gone,
        json::rest::{Rest, segment},
        optional,
    },
    call::{Ctx, SweepCtx},
    field::Field,
    kinds::document::Document,
    resource::Live,
    units::Span,
};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn path(name: &str) -> String {
    format!("/schedules/{}", segment(name))
}

/// The group in a query.
fn within(group: &str) -> String {
    format!("?groupName={}", segment(group))
}

/// Takes away what is not wanted, and puts what is new or differs.
pub(super) async fn bring(want: &ScheduleGroup, ctx: &Ctx, live: &Live<ScheduleGroup>) -> Result<(), Error> {
    let (service, now) = (ctx.aws.scheduler(), &live.spec.schedules);
    for name in now.keys().filter(|name| !want.schedules.contains_key(*name)) {
        let ask = Rest::delete(path(name) + &within(&live.id));
        gone(service.rest::<IgnoredAny>("DeleteSchedule", ask).await.map(drop))?;
    }
    for (name, one) in want.schedules.iter().filter(|(name, one)| now.get(*name) != Some(one)) {
        let input = request(&live.id, one)?;
        if !now.contains_key(name) {
            let made = service.rest_once::<IgnoredAny>("CreateSchedule", Rest::post(path(name), input.clone())).await;
            match made {
                Ok(_) => continue,
                // The group is ours, and so is what is in it: somebody was faster, or an answer was lost.
                Err(e) if e.class == ErrorClass::Exists => {}
                Err(e) => return Err(e),
            }
        }
        service.rest::<IgnoredAny>("UpdateSchedule", Rest::put(path(name), input)).await?;
    }
    Ok(())
}

fn request(group: &str, of: &Schedule) -> Result<Value, Error> {
    let target = &of.target;
    let mut out = json!({
        "GroupName": group, "ScheduleExpression": of.expression, "ScheduleExpressionTimezone": of.timezone,
        "Description": of.description.clone().unwrap_or_default(),
        "State": if of.enabled { "ENABLED" } else { "DISABLED" },
        "FlexibleTimeWindow": match of.window {
            Some(window) => json!({ "Mode": "FLEXIBLE", "MaximumWindowInMinutes": window.seconds() / 60 }),
            None => json!({ "Mode": "OFF" }),
        },
        "Target": {
            "Arn": target.arn.get()?, "RoleArn": target.role.get()?,
            "RetryPolicy": {
                "MaximumRetryAttempts": target.retries, "MaximumEventAgeInSeconds": target.max_age.seconds(),
            },
        },
    });
    if let Some(input) = &target.input {
        out["Target"]["Input"] = json!(input.text());
    }
    if let Some(queue) = &target.dead_letter {
        out["Target"]["DeadLetterConfig"] = json!({ "Arn": queue.get()? });
    }
    Ok(out)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Name {
    name: String,
}

/// Everything in a group.
pub(super) async fn read(ctx: &SweepCtx, group: &str) -> Result<BTreeMap<String, Schedule>, Error> {
    let (service, words) = (ctx.aws.scheduler(), ["Schedules", "NextToken", "NextToken"]);
    let list = format!("/schedules?ScheduleGroup={}", segment(group));
    let names: Vec<Name> = service.rest_pages("ListSchedules", &list, words).await?;
    let mut out = BTreeMap::new();
    for Name { name } in names {
        let ask = Rest::get(path(&name) + &within(group));
        let found: Option<Value> = optional(service.rest("GetSchedule", ask).await)?;
        if let Some(found) = found {
            out.insert(name, schedule(&found)?);
        }
    }
    Ok(out)
}

fn schedule(found: &Value) -> Result<Schedule, Error> {
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let stated =
        |value: &Value, what: &str| text(value).ok_or_else(|| Error::missing(&format!("{what} of a schedule")));
    let (target, retry) = (&found["Target"], &found["Target"]["RetryPolicy"]);
    let window = &found["FlexibleTimeWindow"]["MaximumWindowInMinutes"];
    let input = text(&target["Input"]).map(|text| Document::parse(&text, "the input of a schedule")).transpose()?;
    Ok(Schedule {
        expression: stated(&found["ScheduleExpression"], "the expression")?,
        timezone: text(&found["ScheduleExpressionTimezone"]).unwrap_or_else(super::utc),
        description: text(&found["Description"]),
        enabled: found["State"] != "DISABLED",
        window: window.as_u64().map(|minutes| Span::from_seconds(minutes * 60)),
        target: ScheduleTarget {
            arn: Field::Known(stated(&target["Arn"], "the target")?),
            role: Field::Known(stated(&target["RoleArn"], "the role")?),
            input,
            retries: retry["MaximumRetryAttempts"]
                .as_u64()
                .and_then(|n| u32::try_from(n).ok())
                .unwrap_or_else(super::often),
            max_age: retry["MaximumEventAgeInSeconds"].as_u64().map_or_else(super::a_day, Span::from_seconds),
            dead_letter: text(&target["DeadLetterConfig"]["Arn"]).map(Field::Known),
        },
    })
}
