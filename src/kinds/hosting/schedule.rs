//! Bounds of a count that change at certain times: scheduled actions of Application Auto Scaling, which go with their
//! target.
use super::{
    fields::{Scaling, Timed},
    models::compact,
    scaling::Scaled,
};
use crate::{
    aws::{Error, gone},
    call::{Ctx, SweepCtx},
};
use serde::de::IgnoredAny;
use serde_json::{Value, json};

/// What is scheduled of a target that is there, whoever asked for it.
pub(super) async fn read(ctx: &SweepCtx, scaled: &Scaled) -> Result<Vec<Timed>, Error> {
    let service = ctx.aws.application_autoscaling();
    let list = ("ScheduledActions", "NextToken");
    let found: Vec<Value> = service.pages("DescribeScheduledActions", scaled.named(), list).await?;
    Ok(found.iter().map(timed).collect())
}

fn timed(raw: &Value) -> Timed {
    let text = |name: &str| raw[name].as_str().map(str::to_owned);
    let bound = |name: &str| raw["ScalableTargetAction"][name].as_u64().and_then(|bound| u32::try_from(bound).ok());
    let mut at = text("Schedule").unwrap_or_default();
    // Who limited it in time wants it back without limits.
    for (word, name) in [("from", "StartTime"), ("until", "EndTime")] {
        if !raw[name].is_null() {
            at.push_str(&format!(" {word} {}", raw[name]));
        }
    }
    Timed {
        name: text("ScheduledActionName").unwrap_or_default(),
        at,
        time_zone: text("Timezone"),
        min: bound("MinCapacity"),
        max: bound("MaxCapacity"),
    }
}

/// Brings what is scheduled to what is wanted.
pub(super) async fn update(ctx: &Ctx, scaled: &Scaled, want: &Scaling, live: Option<&Scaling>) -> Result<(), Error> {
    let service = ctx.aws.application_autoscaling();
    let named = |one: &Timed| {
        let mut out = scaled.named();
        out["ScheduledActionName"] = json!(one.name);
        out
    };
    let there = live.map_or(&[][..], |live| &live.schedule);
    // What is there keeps all that a put does not say.
    for old in there.iter().filter(|old| !want.schedule.contains(old)) {
        gone(service.call::<IgnoredAny>("DeleteScheduledAction", &named(old)).await)?;
    }
    for new in want.schedule.iter().filter(|new| !there.contains(new)) {
        let mut input = named(new);
        input["Schedule"] = json!(new.at);
        input["Timezone"] = json!(new.time_zone);
        input["ScalableTargetAction"] = json!({ "MinCapacity": new.min, "MaxCapacity": new.max });
        service.call::<IgnoredAny>("PutScheduledAction", &compact(input)).await?;
    }
    Ok(())
}
