//! Scheduled actions of targets: other bounds from certain times on. Time zones are kept, but times are those of UTC.

use serde_json::Map;

use super::scaled::{Scaled, dimension, resource};
use super::targets::{Target, id};
use super::when::When;
use super::{refused, unknown};
use crate::life::after;
use crate::services::prelude::*;
use crate::store::World;

pub(super) const OPERATIONS: &[Operation] = &[
    write("PutScheduledAction", put),
    read("DescribeScheduledActions", describe),
    write("DeleteScheduledAction", delete),
];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Action {
    /// The target's resource, and its own name.
    pub(super) id: String,
    created: Timestamp,
    name: String,
    pub(super) resource: String,
    arn: String,
    fields: Map<String, Value>,
    timer: Option<Timestamp>,
}

object!(Action, "application-autoscaling/scheduled-action", id, due timer);

/// What is kept of a request, and shown as it came.
const FIELDS: [&str; 5] = ["Schedule", "Timezone", "StartTime", "EndTime", "ScalableTargetAction"];

impl Action {
    /// When it acts next.
    fn next(&self, now: Timestamp) -> Result<Option<Timestamp>, ApiError> {
        let when = When::parse(self.fields.get("Schedule").and_then(Value::as_str).unwrap_or_default())?;
        Ok(when.next(self.created, now))
    }
}

fn put(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (resource, name) = (resource(call)?, call.params.text("ScheduledActionName")?);
    let given: Map<String, Value> =
        FIELDS.iter().filter_map(|field| Some(((*field).to_owned(), call.params.raw(field)?))).collect();
    if given.contains_key("StartTime") || given.contains_key("EndTime") {
        return Err(ApiError::not_implemented("scheduled actions that are limited in time"));
    }
    if call.get::<Target>(&id(&resource)).is_none() {
        return Err(unknown("scalable target"));
    }
    let key = format!("{resource}|{name}");
    let mut action = match call.get::<Action>(&key).cloned() {
        Some(old) => old,
        None => {
            let uuid = call.world.new_uuid();
            let arn = call.arn_of(
                "autoscaling",
                format_args!("scheduledAction:{uuid}:resource/sagemaker/{resource}:scheduledActionName/{name}"),
            );
            Action { id: key, created: call.now, name, resource, arn, fields: Map::new(), timer: None }
        }
    };
    // What is there keeps what is not said.
    action.fields.extend(given);
    let bounds = action.fields.get("ScalableTargetAction").cloned().unwrap_or_default();
    let (least, most) = (bounds["MinCapacity"].as_i64(), bounds["MaxCapacity"].as_i64());
    if least.is_none() && most.is_none() {
        return Err(refused("At least one of MinCapacity and MaxCapacity is required"));
    }
    if least.zip(most).is_some_and(|(least, most)| least > most) || least.is_some_and(|least| least < 0) {
        return Err(refused("MinCapacity must not be above MaxCapacity, nor below 0"));
    }
    action.timer = action.next(call.now)?;
    call.put(action);
    Ok(Reply::empty())
}

fn describe(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    call.params.text("ServiceNamespace")?;
    let (names, resource) = (call.params.texts("ScheduledActionNames")?, call.params.text_opt("ResourceId")?);
    if call.params.text_opt("ScalableDimension")?.is_some() && resource.is_none() {
        return Err(refused("ResourceId is required with ScalableDimension"));
    }
    let page = Page::take(call, 50)?;
    let wanted = |it: &&Action| {
        (names.is_empty() || names.contains(&it.name)) && resource.as_ref().is_none_or(|one| *one == it.resource)
    };
    let shown = |it: &&Action| {
        let mut out = json!({
            "ScheduledActionARN": it.arn, "ScheduledActionName": it.name, "ServiceNamespace": "sagemaker",
            "ResourceId": it.resource, "ScalableDimension": dimension(&it.resource),
            "CreationTime": it.created.as_second(),
        });
        if let Value::Object(map) = &mut out {
            map.extend(it.fields.clone());
        }
        out
    };
    Ok(page.reply(call.seen::<Action>().filter(wanted), |it| &it.id, shown))
}

fn delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (resource, name) = (resource(call)?, call.params.text("ScheduledActionName")?);
    let id = format!("{resource}|{name}");
    if call.get::<Action>(&id).is_none() {
        return Err(unknown("scheduled action"));
    }
    call.remove::<Action>(&id);
    Ok(Reply::empty())
}

/// Its time has come: the target has other bounds, and its resource is moved into them.
pub(super) fn settle(world: &mut World, region: &str, action: &str, at: Timestamp) {
    let Some(it) = world.get::<Action>(region, action).cloned() else { return };
    let next = it.next(at).ok().flatten();
    world.update::<Action>(region, action, |it| it.timer = next);
    let bounds = it.fields.get("ScalableTargetAction").cloned().unwrap_or_default();
    let target = id(&it.resource);
    world.update::<Target>(region, &target, |target| {
        target.least = bounds["MinCapacity"].as_i64().unwrap_or(target.least);
        target.most = bounds["MaxCapacity"].as_i64().unwrap_or(target.most);
        // Policies look again, and a resource that is just being changed is moved then.
        target.timer = Some(after(at, std::time::Duration::from_secs(60)));
    });
    let Some(target) = world.get::<Target>(region, &target).cloned() else { return };
    let Some(scaled) = Scaled::parse(&it.resource) else { return };
    let count = scaled.count(world, region);
    if let Some(count) = count.filter(|count| !(target.least..=target.most).contains(count)) {
        scaled.resize(world, region, at, count.clamp(target.least, target.most));
    }
}
