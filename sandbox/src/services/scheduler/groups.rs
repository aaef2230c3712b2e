//! Groups of schedules, which alone have tags. Every account has `default`, which cannot be deleted.

use super::schedules::Schedule;
use super::{conflict, missing, seconds};
use crate::life::durations;
use crate::services::prelude::*;
use crate::store::{Due, Object, World};

pub(super) const OPERATIONS: &[Operation] = &[
    write("CreateScheduleGroup", create),
    read("GetScheduleGroup", get),
    read("ListScheduleGroups", list),
    write("DeleteScheduleGroup", delete),
];

/// The group that every account has.
pub(super) const DEFAULT: &str = "default";

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Group {
    name: String,
    created: Timestamp,
    modified: Timestamp,
    /// When it is gone, with its schedules.
    gone: Option<Timestamp>,
    tags: Tags,
}

impl Object for Group {
    const KIND: &'static str = "scheduler/schedule-group";
    fn id(&self) -> &str {
        &self.name
    }
    fn created(&self) -> Timestamp {
        self.created
    }
    fn due(&self) -> Option<Timestamp> {
        self.gone
    }
    fn state(&self, _now: Timestamp) -> &str {
        if self.gone.is_some() { "DELETING" } else { "ACTIVE" }
    }
    fn tags(&self) -> Option<&Tags> {
        Some(&self.tags)
    }
    fn tags_mut(&mut self) -> Option<&mut Tags> {
        Some(&mut self.tags)
    }
    fn arn(&self) -> Option<(String, String)> {
        Some(("scheduler".to_owned(), format!("schedule-group/{}", self.name)))
    }
}

fn no_group(name: &str) -> ApiError {
    missing(format!("Schedule group {name} does not exist."))
}

/// The group that is there without being made.
fn default_group() -> Group {
    let (name, made) = (DEFAULT.to_owned(), Timestamp::UNIX_EPOCH);
    Group { name, created: made, modified: made, gone: None, tags: Tags::new() }
}

/// Refuses a schedule for a group that is not there to stay.
pub(super) fn must_be(call: &Call<'_>, name: &str) -> Result<(), ApiError> {
    if name == DEFAULT {
        return Ok(());
    }
    match call.find::<Group>(name) {
        None => Err(no_group(name)),
        Some(group) if group.gone.is_some() => Err(conflict(format!("Schedule group {name} is being deleted."))),
        Some(_) => Ok(()),
    }
}

fn create(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let name = call.params.text("Name")?;
    let tags = tagged::take(call)?;
    if name == DEFAULT || call.get::<Group>(&name).is_some() {
        return Err(conflict(format!("Schedule group {name} already exists.")));
    }
    let arn = call.arn(format_args!("schedule-group/{name}"));
    call.put(Group { name, created: call.now, modified: call.now, gone: None, tags });
    Ok(Reply::json(json!({"ScheduleGroupArn": arn})))
}

fn shown(call: &Call<'_>, it: &Group) -> Value {
    json!({
        "Arn": call.arn(format_args!("schedule-group/{}", it.name)), "Name": it.name, "State": it.state(call.now),
        "CreationDate": seconds(it.created), "LastModificationDate": seconds(it.modified),
    })
}

fn get(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let name = call.params.text("Name")?;
    if name == DEFAULT {
        return Ok(Reply::json(shown(call, &default_group())));
    }
    let it = call.see::<Group>(&name).ok_or_else(|| no_group(&name))?;
    Ok(Reply::json(shown(call, it)))
}

fn list(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let prefix = call.params.text_opt("NamePrefix")?.unwrap_or_default();
    let page = Page::take(call, 100)?;
    let mut all: Vec<Group> = std::iter::once(default_group()).chain(call.seen::<Group>().cloned()).collect();
    all.retain(|it| it.name.starts_with(&prefix));
    all.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(page.reply(all, |it| &it.name, |it| shown(call, it)))
}

fn delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let name = call.params.text("Name")?;
    if name == DEFAULT {
        return Err(call.invalid("The default schedule group cannot be deleted."));
    }
    if call.find::<Group>(&name).is_none_or(|it| it.gone.is_some()) {
        return Err(no_group(&name));
    }
    let gone = Some(call.done_after(durations::SCHEDULES_DELETE));
    let now = call.now;
    call.update::<Group>(&name, |it| (it.gone, it.modified) = (gone, now));
    Ok(Reply::empty())
}

/// A group goes with its schedules, which may have been due until now.
pub(super) fn settle(world: &mut World, due: &Due) {
    let of = |it: &&Schedule| it.group == due.id;
    let ids: Vec<String> = world.all::<Schedule>(&due.region).filter(of).map(|it| it.id().to_owned()).collect();
    ids.iter().for_each(|id| world.remove::<Schedule>(&due.region, id));
    world.remove::<Group>(&due.region, &due.id);
}
