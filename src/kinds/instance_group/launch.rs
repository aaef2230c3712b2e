//! Starting, changing and ending instances.
use super::{
    Boot, InstanceGroup, Market, RUN, live,
    live::Fleet,
    machine_image::{self, MachineImage},
    placement, profile,
};
use crate::{
    aws::{
        Error, ErrorClass,
        tags::{self, Tags},
    },
    call::{Attempt, Ctx, backoff},
    catalog,
    field::Field,
    kinds::ec2,
    resource::Id,
    spec,
};
use aws_sdk_ec2::{
    operation::run_instances::builders::RunInstancesFluentBuilder,
    types::{
        BlockDeviceMapping, CapacityReservationSpecification, CapacityReservationTarget, EbsBlockDevice,
        HttpTokensState, IamInstanceProfileSpecification, InstanceMarketOptionsRequest, InstanceMetadataEndpointState,
        InstanceMetadataOptionsRequest, InstanceMetadataTagsState, InstanceNetworkInterfaceSpecification, InstanceType,
        MarketType, Placement, ResourceType, RunInstancesMonitoringEnabled, ShutdownBehavior, VolumeType,
    },
};
use base64::Engine as _;
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// RunInstances starts this many at once, all or nothing.
const GANG: u32 = 256;

/// Starts `count` more members beside those of `fleet`.
pub(super) async fn launch(want: &InstanceGroup, ctx: &Ctx, fleet: &Fleet, count: u32) -> Result<(), Error> {
    let first = fleet.members.is_empty();
    let ways = want.rungs();
    let profile = profile::of(want, ctx).await?;
    let group = placement::ensure(want, ctx, first).await?;
    let image = image(want, ctx, fleet).await?;
    let user_data = want.boot.as_ref().map(Boot::user_data).transpose()?;
    let one = |want| Plan {
        want,
        image: &image,
        group: group.as_ref(),
        profile: profile.as_deref(),
        user_data: user_data.as_deref(),
    };
    let plans: Vec<Plan<'_>> = ways.iter().map(one).collect();
    let mut beside: BTreeSet<Id> = fleet.members.iter().filter_map(|m| m.instance_id().map(str::to_owned)).collect();
    let mut left = count;
    while left > 0 {
        let gang = left.min(GANG);
        let started = start(ctx, &plans, gang, count, &beside).await?;
        wait_until_seen(ctx, &started).await?;
        beside.extend(started);
        left -= gang;
    }
    Ok(())
}

/// Starts one gang in the first of these ways for which AWS has room.
async fn start(ctx: &Ctx, plans: &[Plan<'_>], gang: u32, count: u32, beside: &BTreeSet<Id>) -> Result<Vec<Id>, Error> {
    let mut refused: Vec<String> = Vec::new();
    for (at, plan) in plans.iter().enumerate() {
        let params = plan.params(gang, beside)?;
        let started = ctx.call(&RUN, "", &params, |attempt| {
            let call = plan.request(ctx, gang, &attempt);
            async move {
                let out = call?.send().await?;
                Ok(out.instances.unwrap_or_default().into_iter().filter_map(|i| i.instance_id).collect())
            }
        });
        let mut error = match started.await {
            Ok(ids) => return Ok(ids),
            Err(error) => error,
        };
        let full = matches!(error.class, ErrorClass::Capacity | ErrorClass::Quota);
        if full && at + 1 < plans.len() {
            ctx.waiting(&error);
            refused.push(format!("{}: {}", plan.want.bought(), error.message));
            continue;
        }
        if !refused.is_empty() {
            refused.push(format!("{}: {}", plan.want.bought(), error.message));
            error.message = refused.join("; ");
        }
        return Err(explain(error, plan.want, gang, count));
    }
    Err(Error::bug("a group is bought in no way"))
}

/// Members that were launched with the same name of an image decide what that name means here; then the plan, which
/// the journal keeps.
async fn image(want: &InstanceGroup, ctx: &Ctx, fleet: &Fleet) -> Result<MachineImage, Error> {
    let name = want.image.as_deref().ok_or_else(|| Error::bug("a group without an image was not refused"))?;
    let digest = |tag: &str| tag.split('/').find_map(|pair| pair.strip_prefix("image=")).map(str::to_owned);
    let wanted = digest(&ctx.spec_tag);
    let same = fleet.members.iter().find(|m| {
        let tag = ec2::tags(m.tags()).get(tags::SPEC).and_then(|t| digest(t));
        tag.is_some() && tag == wanted && m.instance_type().map(InstanceType::as_str) == Some(&want.instance_type)
    });
    let id = match same.and_then(|m| m.image_id()).or(ctx.image.as_deref()) {
        Some(id) => id.to_owned(),
        None => machine_image::resolve(ctx, name, &want.instance_type).await?,
    };
    machine_image::describe(ctx, id).await
}

/// EC2 may hide for a while what it just started; a second launch in that time would be one too many.
async fn wait_until_seen(ctx: &Ctx, ids: &[Id]) -> Result<(), Error> {
    let began = ctx.clock.now();
    let mut tries = 0;
    loop {
        let fleet = live::fleet(ctx).await?;
        if ids.iter().all(|id| fleet.shows(id)) {
            return Ok(());
        }
        if ctx.clock.now().duration_since(began) > SignedDuration::from_mins(5) {
            return Err(Error::new(
                ErrorClass::Other,
                "EC2 started instances that it does not show after five minutes",
            )
            .help("apply again: what was started is found by its tags"));
        }
        ctx.clock.sleep(backoff(tries)).await;
        tries += 1;
    }
}

/// Ends instances, when nobody sends them anything any more; TerminateInstances is all or nothing and takes 1,000.
pub(super) async fn terminate(ctx: &Ctx, ids: &[Id], staying: &[Id]) -> Result<(), Error> {
    if !ids.is_empty() {
        ctx.let_go(ids, staying).await?;
    }
    for some in ids.chunks(1000) {
        let sent = ctx.aws.ec2().terminate_instances().set_instance_ids(Some(some.to_vec())).send().await;
        crate::aws::gone(sent.map_err(Error::from))?;
    }
    Ok(())
}

/// Changes what EC2 changes while instances run. The sweep looks at the oldest, so it comes last: a run that was killed
/// half-way is seen as unfinished.
pub(super) async fn change_in_place(want: &InstanceGroup, ctx: &Ctx, ids: &[Id]) -> Result<(), Error> {
    let ec2 = ctx.aws.ec2();
    let ids: Vec<Id> = ids.iter().rev().cloned().collect();
    for some in ids.chunks(500) {
        match want.monitoring {
            true => drop(ec2.monitor_instances().set_instance_ids(Some(some.to_vec())).send().await?),
            false => drop(ec2.unmonitor_instances().set_instance_ids(Some(some.to_vec())).send().await?),
        }
    }
    let hops = i32::try_from(want.metadata_hops).unwrap_or(2);
    for id in ids {
        let call = ec2.modify_instance_metadata_options().instance_id(id).http_put_response_hop_limit(hops);
        call.http_tokens(HttpTokensState::Required).send().await?;
    }
    Ok(())
}

/// What one launch says.
struct Plan<'w> {
    want: &'w InstanceGroup,
    image: &'w MachineImage,
    group: Option<&'w Placement>,
    profile: Option<&'w str>,
    user_data: Option<&'w str>,
}

impl Plan<'_> {
    /// For the journal. `beside` makes each launch of a run its own: a later one must not take an earlier one's token.
    fn params(&self, count: u32, beside: &BTreeSet<Id>) -> Result<Value, Error> {
        let want = self.want;
        Ok(json!({
            "instance_type": want.instance_type,
            "count": count,
            "beside": spec::digest(&json!(beside)),
            "image": self.image.id,
            "subnet": want.subnet.id()?,
            "security_groups": self.security_groups()?,
            "interfaces": want.layout().iter().map(|i| format!("{}/{} {}", i.card, i.device, i.interface_type.name())).collect::<Vec<_>>(),
            "placement_group": self.group.and_then(|group| group.group_name().or(group.group_id())),
            "profile": self.profile,
            "market": want.market,
            "reservation": want.reservation,
            "root_volume": want.root_volume,
            "kms_key": want.kms_key.as_ref().map(|k| k.get()).transpose()?,
            "key_name": want.key_name.as_ref().map(Field::get).transpose()?,
            "metadata_hops": want.metadata_hops,
            "monitoring": want.monitoring,
            "user_data": self.user_data.map(|text| spec::sha256(text.as_bytes())),
        }))
    }

    fn security_groups(&self) -> Result<Vec<String>, Error> {
        self.want.interfaces.security_groups.iter().map(|g| g.id().map(str::to_owned)).collect()
    }

    fn request(&self, ctx: &Ctx, count: u32, attempt: &Attempt) -> Result<RunInstancesFluentBuilder, Error> {
        let want = self.want;
        let count = i32::try_from(count).unwrap_or(i32::MAX);
        let tagged = |what, part: &str| {
            let mut tags = attempt.tags.clone();
            tags.insert(tags::PART, part.to_owned());
            ec2::tag_specification(what, &tags)
        };
        let mut call = ctx
            .aws
            .ec2_once()
            .run_instances()
            .client_token(&attempt.token)
            .min_count(count)
            .max_count(count)
            .instance_type(InstanceType::from(want.instance_type.as_str()))
            .image_id(&self.image.id)
            .set_network_interfaces(Some(self.interfaces()?))
            .metadata_options(
                InstanceMetadataOptionsRequest::builder()
                    .http_tokens(HttpTokensState::Required)
                    .http_endpoint(InstanceMetadataEndpointState::Enabled)
                    .http_put_response_hop_limit(i32::try_from(want.metadata_hops).unwrap_or(2))
                    .set_instance_metadata_tags(sees_tags(&attempt.tags).then_some(InstanceMetadataTagsState::Enabled))
                    .build(),
            )
            .set_instance_initiated_shutdown_behavior(ends(&attempt.tags).then_some(ShutdownBehavior::Terminate))
            .monitoring(RunInstancesMonitoringEnabled::builder().enabled(want.monitoring).build())
            .block_device_mappings(self.root_volume()?)
            .tag_specifications(tagged(ResourceType::Instance, "member"))
            .tag_specifications(tagged(ResourceType::Volume, "volume"))
            .tag_specifications(tagged(ResourceType::NetworkInterface, "interface"))
            .set_key_name(want.key_name.as_ref().map(Field::get).transpose()?.cloned());
        if let Some(group) = self.group {
            call = call.placement(group.clone());
        }
        if let Some(name) = self.profile {
            call = call.iam_instance_profile(IamInstanceProfileSpecification::builder().name(name).build());
        }
        let market = match want.market {
            Market::OnDemand => None,
            Market::Spot => Some(MarketType::Spot),
            Market::CapacityBlock => Some(MarketType::CapacityBlock),
        };
        if let Some(market) = market {
            call = call.instance_market_options(InstanceMarketOptionsRequest::builder().market_type(market).build());
        }
        if let Some(id) = &want.reservation {
            let target = CapacityReservationTarget::builder().capacity_reservation_id(id).build();
            call = call.capacity_reservation_specification(
                CapacityReservationSpecification::builder().capacity_reservation_target(target).build(),
            );
        }
        if let Some(text) = self.user_data {
            call = call.user_data(base64::engine::general_purpose::STANDARD.encode(text));
        }
        Ok(call)
    }

    fn interfaces(&self) -> Result<Vec<InstanceNetworkInterfaceSpecification>, Error> {
        let layout = self.want.layout();
        let groups = self.security_groups()?;
        let subnet = self.want.subnet.id()?;
        let number = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
        let one = layout.len() == 1;
        let specification = |i: &crate::topology::Interface| {
            InstanceNetworkInterfaceSpecification::builder()
                .network_card_index(number(i.card))
                .device_index(number(i.device))
                .interface_type(i.interface_type.name())
                .subnet_id(subnet)
                .set_groups(Some(groups.clone()))
                .delete_on_termination(true)
                // AWS refuses the parameter, whatever its value, beside a second interface.
                .set_associate_public_ip_address(one.then_some(false))
                .build()
        };
        Ok(layout.iter().map(specification).collect())
    }

    fn root_volume(&self) -> Result<BlockDeviceMapping, Error> {
        let mut disk = EbsBlockDevice::builder().delete_on_termination(true).encrypted(true);
        if let Some(root) = &self.want.root_volume {
            let number = |n: u64| i32::try_from(n).unwrap_or(i32::MAX);
            disk = disk
                .volume_type(VolumeType::Gp3)
                .volume_size(number(root.size.gib_rounded_up()))
                .iops(number(u64::from(root.iops)))
                .throughput(number(root.throughput.mib_per_second()));
        }
        if let Some(key) = &self.want.kms_key {
            disk = disk.kms_key_id(key.get()?);
        }
        Ok(BlockDeviceMapping::builder().device_name(&self.image.root_device).ebs(disk.build()).build())
    }
}

/// May it end by itself? Then a machine that shuts itself down is gone, and does not go on costing money for its disks.
fn ends(tags: &Tags) -> bool {
    [tags::EXPIRES, tags::IDLE].iter().any(|key| tags.contains_key(key))
}

/// May a machine read its tags, which say when it ends? AWS refuses to launch one that may where a key of a tag is
/// no name in the metadata (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/work-with-tags-in-IMDS.html).
fn sees_tags(tags: &Tags) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || "+-=.,_:@".contains(c);
    let name = |key: &str| key.chars().all(legal) && ![".", "..", "_index"].contains(&key);
    ends(tags) && tags.keys().all(name)
}

/// Capacity and quota errors in words that say what to do.
fn explain(error: Error, want: &InstanceGroup, gang: u32, count: u32) -> Error {
    let what = format!("{gang} x {}", want.instance_type);
    let gangs = match count > gang {
        true => format!(" ({count} are wanted; each {GANG} start all or nothing, by themselves)"),
        false => " (all or nothing: none of them was started)".to_owned(),
    };
    let help = match error.class {
        ErrorClass::Capacity => match want.reservation {
            Some(_) => {
                "the reservation is full, over, or for another type or zone: check it, or lower `count`".to_owned()
            }
            None => "apply again later, or use a subnet in another zone, another type, another `market` or a `fallback`, or \
                     buy a Capacity Block and name it in `reservation`"
                .to_owned(),
        },
        ErrorClass::Quota => {
            let facts = catalog::instance_type(&want.instance_type).ok();
            let quota = facts.and_then(|f| match want.market {
                Market::Spot => f.spot_quota(),
                _ => f.on_demand_quota(),
            });
            let need = facts.map_or(0, |f| f.vcpus.saturating_mul(want.count));
            match quota {
                Some(q) => {
                    format!("ask for {need} vCPU of `{}` ({}) in Service Quotas, or lower `count`", q.name, q.code)
                }
                None => format!("ask for {need} vCPU of this family in Service Quotas, or lower `count`"),
            }
        }
        ErrorClass::NotVisibleYet if error.message.contains("Instance Profile") => return profile::refused(error, want),
        _ => return error,
    };
    let message = format!("{what}{gangs}: {}", error.message);
    Error { message, ..error }.help(help)
}
