//! What Systems Manager asks of EC2: machines as an agent on them sees them.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};

use super::instances::Instance;
use super::interfaces::Interface;
use crate::iam_model::{InstanceProfile, Role};
use crate::images::image;
use crate::store::{GLOBAL, World};

/// A machine that is shown and not terminated.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    pub(crate) id: String,
    /// Since when it runs, if it does.
    pub(crate) running: Option<Timestamp>,
    /// When it will run, if it starts.
    pub(crate) starts: Option<Timestamp>,
    /// The longest time that it has run without a break.
    longest: SignedDuration,
    /// The ARN of the role of its profile.
    pub(crate) role: Option<String>,
    pub(crate) address: String,
    /// What its image is a release of.
    pub(crate) platform: &'static str,
    /// User data that are a script.
    pub(crate) script: Option<String>,
}

impl Host {
    /// Whether it was ever up for so long.
    pub(crate) fn was_up_for(&self, time: Duration) -> bool {
        SignedDuration::try_from(time).is_ok_and(|time| self.longest >= time)
    }
}

/// The machines of a region, in the order of their ids.
pub(crate) fn hosts(world: &World, region: &str, now: Timestamp) -> Vec<Host> {
    let shown = |it: &&Instance| !matches!(it.life.state(now), "terminated" | "shutting-down");
    world.all::<Instance>(region).filter(shown).map(|it| host(world, region, it, now)).collect()
}

/// Every region in which there ever was a machine.
pub(crate) fn regions(world: &World) -> Vec<String> {
    world.places::<Instance>()
}

fn host(world: &World, region: &str, it: &Instance, now: Timestamp) -> Host {
    let running = it.life.last("running", now).filter(|_| it.life.state(now) == "running");
    let begun = it.life.spans("running").filter(|(from, _)| *from <= now);
    let spans = begun.map(|(from, to)| to.map_or(now, |to| to.min(now)).duration_since(from));
    let profile = it
        .profile
        .as_ref()
        .and_then(|(arn, _)| world.all::<InstanceProfile>(GLOBAL).find(|profile| profile.arn == *arn));
    let role = profile.and_then(|profile| world.get::<Role>(GLOBAL, profile.role.as_deref()?));
    let primary = it.interfaces.first().and_then(|eni| world.get::<Interface>(region, eni));
    let is_ubuntu = image(&it.image, region).is_some_and(|image| image.name.contains("ubuntu"));
    Host {
        id: it.id.clone(),
        running,
        starts: it.life.next("running", now),
        longest: spans.max().unwrap_or_default(),
        role: role.map(|role| role.arn.clone()),
        address: primary.and_then(|eni| eni.address).map(|address| address.to_string()).unwrap_or_default(),
        platform: if is_ubuntu { "Ubuntu" } else { "Amazon Linux" },
        script: it.user_data.as_deref().and_then(script),
    }
}

/// User data as text, if they are a script.
fn script(user_data: &str) -> Option<String> {
    let text = String::from_utf8(STANDARD.decode(user_data.trim()).ok()?).ok()?;
    text.starts_with("#!").then_some(text)
}
