//! Instances: what is stored of them and how they end.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::catalogue::{InstanceType, instance_type};
use super::instance_view::state_xml;
use super::interfaces::{Interface, release};
use super::tags::{TagSet, erase};
use super::volumes::Volume;
use crate::call::Call;
use crate::error::ApiError;
use crate::history::Meter;
use crate::life::{Life, after, durations};
use crate::service::{Operation, write};
use crate::store::{Object, World};
use crate::throttle::rate;
use crate::wire::reply::Reply;
use crate::wire::xml::Xml;

pub(super) const OPERATIONS: &[Operation] = &[write("TerminateInstances", terminate)];

/// How long a terminated instance is kept for client tokens, after it is no longer shown.
const TOKEN_MEMORY: std::time::Duration = std::time::Duration::from_secs(25 * 3600);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Market {
    OnDemand,
    Spot,
    CapacityBlock,
}

impl Market {
    pub(super) fn usage_class(self) -> &'static str {
        match self {
            Self::OnDemand => "on-demand",
            Self::Spot => "spot",
            Self::CapacityBlock => "capacity-block",
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Metadata {
    pub(super) tokens: String,
    pub(super) hop_limit: i64,
    pub(super) endpoint: String,
    pub(super) ipv6: String,
    pub(super) tags: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Disk {
    pub(super) device: String,
    pub(super) volume: String,
    pub(super) delete_on_termination: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Instance {
    pub(super) id: String,
    pub(super) created: Timestamp,
    /// `r-…`: the launch that it came from.
    pub(super) reservation: String,
    pub(super) index: usize,
    pub(super) image: String,
    pub(super) instance_type: String,
    pub(super) arch: String,
    pub(super) zone: String,
    pub(super) vpc: String,
    pub(super) subnet: String,
    pub(super) interfaces: Vec<String>,
    pub(super) disks: Vec<Disk>,
    pub(super) root_device: String,
    pub(super) key_name: Option<String>,
    /// ARN and unique id.
    pub(super) profile: Option<(String, String)>,
    pub(super) placement_group: Option<String>,
    pub(super) tenancy: String,
    pub(super) market: Market,
    pub(super) spot_request: Option<String>,
    pub(super) reservation_preference: String,
    pub(super) target_reservation: Option<String>,
    /// The capacity reservation or block that it runs in.
    pub(super) capacity_reservation: Option<String>,
    pub(super) user_data: Option<String>,
    pub(super) monitoring: bool,
    pub(super) shutdown: String,
    pub(super) protected: bool,
    pub(super) metadata: Metadata,
    pub(super) client_token: Option<String>,
    pub(super) life: Life,
    pub(super) checks_passed: Timestamp,
    /// Why it ended: code and message.
    pub(super) reason: Option<(String, String)>,
    pub(super) timer: Option<Timestamp>,
    /// Its interfaces and volumes are gone.
    pub(super) released: bool,
    /// It is no longer shown, and its tags are gone.
    pub(super) forgotten: bool,
    /// Its primary interface gets a public address at every start.
    pub(super) auto_public: bool,
}

impl Instance {
    /// Whether it occupies a machine and counts against quotas.
    pub(super) fn is_up(&self, now: Timestamp) -> bool {
        !matches!(self.life.state(now), "terminated" | "stopped")
    }
}

impl Object for Instance {
    const KIND: &'static str = "ec2/instance";
    fn id(&self) -> &str {
        &self.id
    }
    fn created(&self) -> Timestamp {
        self.created
    }
    fn due(&self) -> Option<Timestamp> {
        self.timer
    }
    fn state(&self, now: Timestamp) -> &str {
        self.life.state(now)
    }
    fn is_hidden(&self, now: Timestamp) -> bool {
        self.life.since("terminated").is_some_and(|at| after(at, durations::AFTERGLOW) <= now)
    }
    fn meters(&self) -> Vec<Meter> {
        let usage = match self.market {
            Market::OnDemand => format!("BoxUsage:{}", self.instance_type),
            Market::Spot => format!("SpotUsage:{}", self.instance_type),
            // Paid for at purchase.
            Market::CapacityBlock => return Vec::new(),
        };
        let meter = |(from, to)| Meter::new("Amazon Elastic Compute Cloud - Compute", usage.clone(), from, to);
        self.life.spans("running").map(meter).collect()
    }
}

/// The instances that a call names, in its order. Of several that are not there, all are named at once.
pub(super) fn named(call: &mut Call<'_>) -> Result<Vec<Instance>, ApiError> {
    let ids = call.params.texts("InstanceId")?;
    if ids.is_empty() {
        let message = "No instances specified";
        return Err(ApiError::bad("InvalidParameterCombination", message));
    }
    if ids.len() > 1000 {
        return Err(super::invalid("At most 1000 instances can be named in one call"));
    }
    check_known(&ids, |id| call.find::<Instance>(id).is_some())?;
    Ok(ids.iter().filter_map(|id| call.find::<Instance>(id).cloned()).collect())
}

/// Refuses ids that are malformed or unknown.
pub(super) fn check_known(ids: &[String], is_known: impl Fn(&str) -> bool) -> Result<(), ApiError> {
    let unknown: Vec<&str> = ids.iter().map(String::as_str).filter(|id| !is_known(id)).collect();
    let malformed = unknown.iter().map(|id| missing(id)).find(|error| error.code == "InvalidInstanceID.Malformed");
    match (malformed, unknown.as_slice()) {
        (Some(error), _) => Err(error),
        (None, []) => Ok(()),
        (None, [id]) => Err(missing(id)),
        (None, several) => {
            let message = format!("The instance IDs '{}' do not exist", several.join(", "));
            Err(ApiError::bad("InvalidInstanceID.NotFound", message))
        }
    }
}

/// How a call that changes states tells of one instance.
pub(super) fn change_xml(id: &str, before: &str, current: &str) -> Xml {
    Xml::new()
        .text("instanceId", id)
        .child("currentState", state_xml(current))
        .child("previousState", state_xml(before))
}

pub(super) fn missing(id: &str) -> ApiError {
    let hex = id.strip_prefix("i-").unwrap_or_default();
    if hex.is_empty() || !hex.chars().all(|ch| ch.is_ascii_hexdigit()) {
        return ApiError::bad("InvalidInstanceID.Malformed", format!("Invalid id: \"{id}\""));
    }
    ApiError::bad("InvalidInstanceID.NotFound", format!("The instance ID '{id}' does not exist"))
}

fn terminate(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let ids: Vec<String> = named(call)?.into_iter().map(|instance| instance.id).collect();
    call.charge("ec2:TerminateInstances/instances", rate(1000.0, 20.0), ids.len() as f64)?;
    for id in &ids {
        let instance = call.find::<Instance>(id).ok_or_else(|| missing(id))?;
        if instance.protected {
            let message = format!(
                "The instance '{id}' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again."
            );
            return Err(ApiError::bad("OperationNotPermitted", message));
        }
    }
    let mut items = Vec::new();
    for id in ids {
        let before = call.get::<Instance>(&id).map(|it| it.life.state(call.now).to_owned()).unwrap_or_default();
        let reason = ("Client.UserInitiatedShutdown", "Client.UserInitiatedShutdown: User initiated shutdown");
        end(call.world, call.region, &id, call.now, reason);
        let current = call.get::<Instance>(&id).map(|it| it.life.state(call.now).to_owned()).unwrap_or_default();
        items.push(change_xml(&id, &before, &current));
    }
    Ok(Reply::xml(Xml::new().list("instancesSet", "item", items)))
}

/// AWS takes an instance back; `false` where none of this id runs.
pub(crate) fn interrupt(world: &mut World, region: &str, id: &str, now: Timestamp) -> bool {
    let Some(instance) = world.get::<Instance>(region, id).filter(|it| it.is_up(now) && it.timer.is_none()) else {
        return false;
    };
    let reason = match instance.market {
        Market::Spot => ("Server.SpotInstanceTermination", "Server.SpotInstanceTermination: Spot instance termination"),
        _ => ("Server.InternalError", "Server.InternalError: Internal error"),
    };
    end(world, region, id, now, reason);
    true
}

/// Begins to shut an instance down, unless that has begun already.
pub(super) fn end(world: &mut World, region: &str, id: &str, now: Timestamp, (code, why): (&str, &str)) {
    let Some(instance) = world.get::<Instance>(region, id) else { return };
    if instance.timer.is_some() {
        return;
    }
    let accelerated = instance_type(&instance.instance_type).is_some_and(InstanceType::is_accelerated);
    let wait = if accelerated { durations::INSTANCE_STOP_GPU } else { durations::INSTANCE_STOP };
    let gone = after(now, world.scaled(wait));
    world.update::<Instance>(region, id, |instance| {
        instance.life.enter(now, "shutting-down");
        instance.life.plan(gone, "terminated");
        instance.reason = Some((code.to_owned(), why.to_owned()));
        instance.timer = Some(gone);
    });
}

/// Terminated: gives back what it held. An hour later it is no longer shown, a day after that no longer known.
pub(super) fn settle(world: &mut World, region: &str, id: &str, at: Timestamp) {
    let Some(instance) = world.get::<Instance>(region, id).cloned() else { return };
    if instance.released {
        if instance.forgotten {
            erase::<Instance>(world, region, id);
        } else {
            world.remove::<TagSet>(region, id);
            world.update::<Instance>(region, id, |instance| {
                instance.forgotten = true;
                instance.timer = Some(after(at, TOKEN_MEMORY));
            });
        }
        return;
    }
    for eni in &instance.interfaces {
        let attachment = world.get::<Interface>(region, eni).and_then(|eni| eni.attachment.clone());
        if attachment.is_some_and(|attachment| attachment.delete_on_termination) {
            release(world, region, eni);
        } else {
            world.update::<Interface>(region, eni, |eni| eni.attachment = None);
        }
    }
    for disk in &instance.disks {
        if disk.delete_on_termination {
            erase::<Volume>(world, region, &disk.volume);
        } else {
            world.update::<Volume>(region, &disk.volume, |volume| volume.instance = None);
        }
    }
    world.update::<Instance>(region, id, |instance| {
        instance.released = true;
        instance.timer = Some(after(at, durations::AFTERGLOW));
    });
}
