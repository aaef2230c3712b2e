//! Alarms as AWS shows them, and how they are found by their names.
use super::{Alarm, wire};
use crate::{
    address::Address,
    aws::{Error, tags::Tags},
    call::SweepCtx,
    kinds::named::{self, Named},
    resource::Live,
};
use serde_json::{Map, Value, json};

/// Alarms on metrics and composite ones: AWS shows the latter only to those who ask for both.
async fn described(ctx: &SweepCtx, mut input: Value) -> Result<Vec<Map<String, Value>>, Error> {
    input["AlarmTypes"] = json!(["MetricAlarm", "CompositeAlarm"]);
    let (metric, composite) = ("MetricAlarms", "CompositeAlarms");
    ctx.aws.cloudwatch().pages_of("DescribeAlarms", input, (&[metric, composite], "NextToken")).await
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
        described(ctx, if prefix.is_empty() { json!({}) } else { json!({ "AlarmNamePrefix": prefix }) }).await
    }

    async fn get(ctx: &SweepCtx, name: &str) -> Result<Option<Self::Found>, Error> {
        Ok(described(ctx, json!({ "AlarmNames": [name] })).await?.into_iter().next())
    }

    async fn tags(ctx: &SweepCtx, found: &Self::Found) -> Result<Option<Tags>, Error> {
        named::tags_by_arn::<Self>(ctx, &wire::arn(found)?).await
    }

    async fn live(_: &SweepCtx, found: Self::Found, at: Address, tags: Tags) -> Result<Option<Live<Self>>, Error> {
        let (spec, novel) = wire::read(&found)?;
        let text = |name: &str| found.get(name).and_then(Value::as_str).unwrap_or_default();
        let now = match text("StateValue") {
            "ALARM" => Some(format!("in ALARM: {}", text("StateReason"))),
            "INSUFFICIENT_DATA" => Some("no data".to_owned()),
            _ => None,
        };
        Ok(Some(Live { novel, now, ..named::live(at, Self::name(&found), wire::arn(&found)?, tags, spec) }))
    }
}
