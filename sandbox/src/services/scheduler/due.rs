//! Schedules that have come due: they call their functions, and wait for the next time or end.

use super::schedules::Schedule;
use crate::authorize;
use crate::services::prelude::*;
use crate::services::{lambda, sqs};
use crate::store::{Due, World};

/// When the next schedule is due.
pub(crate) fn next_time(world: &World) -> Option<Timestamp> {
    let times = |region: String| world.all::<Schedule>(&region).filter_map(|it| it.next).min();
    world.places::<Schedule>().into_iter().filter_map(times).min()
}

pub(super) fn settle(world: &mut World, due: &Due) {
    let Some(mut it) = world.get::<Schedule>(&due.region, &due.id).cloned() else { return };
    fire(world, &it, due);
    let next = due.at.checked_add(jiff::SignedDuration::from_millis(1)).ok();
    it.next = next.and_then(|next| it.due_from(next));
    match it.next {
        // It has done all that it will do, whatever came of it.
        None if it.delete_after => world.remove::<Schedule>(&due.region, &due.id),
        _ => world.put(&due.region, it),
    }
}

/// Calls the target, if it is a function; a call that cannot be made is a dead letter.
fn fire(world: &mut World, it: &Schedule, due: &Due) {
    let target = it.target["Arn"].as_str().unwrap_or_default();
    let parts: Vec<&str> = target.split(':').collect();
    let ["arn", _, "lambda", region, _, "function", name, ..] = parts[..] else { return };
    let input = input(world, it, due);
    let role = it.target["RoleArn"].as_str().unwrap_or_default();
    let may = |action: &str, arn: &str| authorize::may(world, role, action, &[arn.to_owned()]);
    let (calls, writes) = (may("lambda:InvokeFunction", target), |arn: &str| may("sqs:SendMessage", arn));
    let letters = it.target["DeadLetterConfig"]["Arn"].as_str().filter(|arn| writes(arn));
    if calls && lambda::add(world, region, name, input.clone(), due.at) {
        return;
    }
    if let Some(queue) = letters {
        sqs::post(world, &due.region, queue, &input);
    }
}

/// What the target is called with: its input with the words of the context replaced, or a notice of the schedule.
fn input(world: &mut World, it: &Schedule, due: &Due) -> String {
    let (id, at) = (world.new_uuid(), due.at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    match it.target["Input"].as_str() {
        Some(text) => text
            .replace("<aws.scheduler.schedule-arn>", &it.arn)
            .replace("<aws.scheduler.scheduled-time>", &at)
            .replace("<aws.scheduler.execution-id>", &id)
            .replace("<aws.scheduler.attempt-number>", "1"),
        None => json!({
            "version": "0", "id": id, "detail-type": "Scheduled Event", "source": "aws.scheduler",
            "account": world.config.account, "time": at, "region": due.region, "resources": [it.arn], "detail": "{}",
        })
        .to_string(),
    }
}
