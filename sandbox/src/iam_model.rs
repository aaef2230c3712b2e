//! Roles and instance profiles as stored: IAM writes them, EC2 reads them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::life::{after, durations};
use crate::store::{GLOBAL, Object, World};

/// An IAM role.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Role {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) arn: String,
    /// `AROA…`
    pub(crate) unique_id: String,
    pub(crate) created: Timestamp,
    /// The trust policy, as JSON text.
    pub(crate) trust: String,
    pub(crate) description: Option<String>,
    pub(crate) max_session_seconds: i64,
    pub(crate) boundary: Option<String>,
    /// Inline policies: name to JSON text.
    pub(crate) inline: BTreeMap<String, String>,
    /// ARNs of attached policies.
    pub(crate) attached: BTreeSet<String>,
    pub(crate) tags: BTreeMap<String, String>,
}

impl Object for Role {
    const KIND: &'static str = "iam/role";
    const GLOBAL: bool = true;
    fn id(&self) -> &str {
        &self.name
    }
    fn created(&self) -> Timestamp {
        self.created
    }
}

/// An IAM instance profile.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct InstanceProfile {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) arn: String,
    /// `AIPA…`
    pub(crate) unique_id: String,
    pub(crate) created: Timestamp,
    /// When it or its role last changed; EC2 learns of that some seconds later.
    pub(crate) changed: Timestamp,
    /// The name of its role; AWS allows one.
    pub(crate) role: Option<String>,
    pub(crate) tags: BTreeMap<String, String>,
}

impl Object for InstanceProfile {
    const KIND: &'static str = "iam/instance-profile";
    const GLOBAL: bool = true;
    fn id(&self) -> &str {
        &self.name
    }
    fn created(&self) -> Timestamp {
        self.created
    }
}

/// Why EC2 refuses a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProfileProblem {
    /// Not known, or not yet known to EC2.
    Unknown,
    /// It has no role.
    Empty,
}

/// The profile with this name or ARN, if EC2 can use it now.
pub(crate) fn usable_profile<'w>(
    world: &'w World,
    name_or_arn: &str,
    now: Timestamp,
) -> Result<&'w InstanceProfile, ProfileProblem> {
    let profile = if name_or_arn.starts_with("arn:") {
        world.all::<InstanceProfile>(GLOBAL).find(|profile| profile.arn == name_or_arn)
    } else {
        world.get::<InstanceProfile>(GLOBAL, name_or_arn)
    };
    let profile = profile.ok_or(ProfileProblem::Unknown)?;
    if now < after(profile.changed, world.scaled(durations::PROFILE_READY)) {
        return Err(ProfileProblem::Unknown);
    }
    if profile.role.is_none() {
        return Err(ProfileProblem::Empty);
    }
    Ok(profile)
}

/// Can a service take the role with this ARN now? Services learn of a new one some seconds later.
pub(crate) fn trusts(world: &World, arn: &str, service: &str, now: Timestamp) -> bool {
    let name = arn.rsplit('/').next().unwrap_or(arn);
    let Some(role) = world.get::<Role>(GLOBAL, name).filter(|role| role.arn == arn) else { return false };
    let document: serde_json::Value = serde_json::from_str(&role.trust).unwrap_or_default();
    let one_or_many = |value: &serde_json::Value| value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
    let mut statements = one_or_many(&document["Statement"]).into_iter();
    let allows = statements
        .any(|it| it["Effect"] == "Allow" && one_or_many(&it["Principal"]["Service"]).iter().any(|one| one == service));
    allows && now >= after(role.created, world.scaled(durations::PROFILE_READY))
}

/// Can a policy name the role with this ARN now? Other services learn of a new one some seconds later.
pub(crate) fn is_principal(world: &World, arn: &str, now: Timestamp) -> bool {
    let name = arn.rsplit('/').next().unwrap_or(arn);
    let known = |role: &Role| role.arn == arn && now >= after(role.created, world.scaled(durations::PROFILE_READY));
    world.get::<Role>(GLOBAL, name).is_some_and(known)
}
