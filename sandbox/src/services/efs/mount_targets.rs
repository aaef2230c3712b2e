//! Mount targets: the address of a file system in a subnet, with a network interface of its own.

use super::file_systems::{self, FileSystem};
use super::{bad, id_in, refused};
use crate::life::{Life, durations};
use crate::services::ec2::groups::{check_groups, default_group};
use crate::services::ec2::interfaces::{Interface, ManagedInterface, create_managed, release};
use crate::services::ec2::subnets::Subnet;
use crate::services::prelude::*;
use crate::store::{Object, World};

pub(super) const OPERATIONS: &[Operation] = &[
    write("CreateMountTarget", create),
    read("DescribeMountTargets", describe),
    read("DescribeMountTargetSecurityGroups", describe_groups),
    write("ModifyMountTargetSecurityGroups", modify_groups),
    write("DeleteMountTarget", delete),
];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct MountTarget {
    id: String,
    created: Timestamp,
    pub(super) file_system: String,
    subnet: String,
    zone: String,
    vpc: String,
    interface: String,
    life: Life,
    gone: Option<Timestamp>,
}

impl Object for MountTarget {
    const KIND: &'static str = "elasticfilesystem/mount-target";
    fn id(&self) -> &str {
        &self.id
    }
    fn created(&self) -> Timestamp {
        self.created
    }
    fn due(&self) -> Option<Timestamp> {
        self.gone
    }
    fn state(&self, now: Timestamp) -> &str {
        self.life.state(now)
    }
}

fn missing(id: &str) -> ApiError {
    refused(404, "MountTargetNotFound", format!("Mount target '{id}' does not exist."))
}

fn named(call: &mut Call<'_>) -> Result<MountTarget, ApiError> {
    let id = call.params.text("MountTargetId")?;
    call.find::<MountTarget>(&id).cloned().ok_or_else(|| missing(&id))
}

fn create(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let file_system = file_systems::available(call)?;
    let subnet = call.params.text("SubnetId")?;
    let groups = call.params.texts("SecurityGroups")?;
    let subnet = call
        .find::<Subnet>(&subnet)
        .cloned()
        .ok_or_else(|| refused(400, "SubnetNotFound", format!("The subnet ID '{subnet}' does not exist")))?;
    if file_system.zone.as_ref().is_some_and(|zone| *zone != subnet.zone) {
        let message = "The subnet is not in the availability zone of the file system";
        return Err(refused(400, "AvailabilityZonesMismatch", message));
    }
    let others: Vec<&MountTarget> = call.all::<MountTarget>().filter(|it| it.file_system == file_system.id).collect();
    let conflict = |message: &str| refused(409, "MountTargetConflict", message);
    if others.iter().any(|it| it.zone == subnet.zone) {
        return Err(conflict("mount target already exists in this AZ"));
    }
    if others.iter().any(|it| it.vpc != subnet.vpc) {
        return Err(conflict("requested subnet for new mount target is not in the same VPC as existing mount targets"));
    }
    let groups = if groups.is_empty() {
        default_group(call.world, call.region, &subnet.vpc).into_iter().collect()
    } else {
        let unknown = |_| refused(400, "SecurityGroupNotFound", "One of the security groups does not exist");
        check_groups(call.world, call.region, &groups, &subnet.vpc).map_err(unknown)?;
        groups
    };
    let id = call.world.new_id("fsmt-");
    let wanted = ManagedInterface {
        subnet: &subnet.id,
        groups,
        interface_type: "efs",
        description: format!("EFS mount target for {} ({id})", file_system.id),
        requester: "amazon-efs",
    };
    let interface = create_managed(call.world, call.region, call.now, wanted)
        .map_err(|error| refused(409, "NoFreeAddressesInSubnet", error.message))?;
    let ready = call.done_after(durations::MOUNT_TARGET_CREATE);
    let it = MountTarget {
        id,
        created: call.now,
        file_system: file_system.id,
        subnet: subnet.id,
        zone: subnet.zone,
        vpc: subnet.vpc,
        interface,
        life: Life::begin(call.now, "creating").then(ready, "available"),
        gone: None,
    };
    let reply = shown(call, &it);
    call.put(it);
    Ok(Reply::json(reply))
}

fn shown(call: &Call<'_>, it: &MountTarget) -> Value {
    let address = call.get::<Interface>(&it.interface).and_then(|eni| eni.address);
    json!({
        "OwnerId": call.account(), "MountTargetId": it.id, "FileSystemId": it.file_system, "SubnetId": it.subnet,
        "LifeCycleState": it.state(call.now), "IpAddress": address, "NetworkInterfaceId": it.interface,
        "AvailabilityZoneName": it.zone, "VpcId": it.vpc,
    })
}

fn describe(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let page = Page::take(call, 100)?;
    let file_system = call.params.text_opt("FileSystemId")?;
    let id = call.params.text_opt("MountTargetId")?;
    if let Some(id) = id {
        let it = call.see::<MountTarget>(&id).ok_or_else(|| missing(&id))?;
        return Ok(page.reply([it], |it| &it.id, |it| shown(call, it)));
    }
    let file_system = file_system.ok_or_else(|| bad("One of FileSystemId, MountTargetId is required"))?;
    let owner = id_in(&file_system);
    call.see::<FileSystem>(owner).ok_or_else(|| file_systems::missing(owner))?;
    let found: Vec<&MountTarget> = call.seen::<MountTarget>().filter(|it| it.file_system == owner).collect();
    Ok(page.reply(found, |it| &it.id, |it| shown(call, it)))
}

fn describe_groups(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let it = named(call)?;
    let groups = call.get::<Interface>(&it.interface).map(|eni| eni.groups.clone()).unwrap_or_default();
    Ok(Reply::json(json!({ "SecurityGroups": groups })))
}

fn modify_groups(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let it = named(call)?;
    let groups = call.params.texts("SecurityGroups")?;
    if it.state(call.now) != "available" {
        let message = format!("Mount target '{}' is {}", it.id, it.state(call.now));
        return Err(refused(409, "IncorrectMountTargetState", message));
    }
    let unknown = |_| refused(400, "SecurityGroupNotFound", "One of the security groups does not exist");
    check_groups(call.world, call.region, &groups, &it.vpc).map_err(unknown)?;
    call.update::<Interface>(&it.interface, |eni| eni.groups = groups);
    Ok(Reply::empty())
}

fn delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let mut it = named(call)?;
    if it.gone.is_none() {
        it.life.enter(call.now, "deleting");
        it.gone = Some(call.done_after(durations::MOUNT_TARGET_DELETE));
        call.put(it);
    }
    Ok(Reply::empty())
}

/// It goes with its interface.
pub(super) fn settle(world: &mut World, region: &str, id: &str) {
    let interface = world.get::<MountTarget>(region, id).map(|it| it.interface.clone());
    if let Some(interface) = interface {
        release(world, region, &interface);
    }
    world.remove::<MountTarget>(region, id);
}
