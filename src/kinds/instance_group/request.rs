//! What one launch says to EC2.
use super::{InstanceGroup, Market, ladder::Bought, machine_image::MachineImage};
use crate::{
    aws::{
        Error,
        tags::{self, Tags},
    },
    call::{Attempt, Ctx},
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
        MarketType, Placement, ResourceType, RunInstancesMonitoringEnabled, ShutdownBehavior, SpotMarketOptions,
        VolumeType,
    },
};
use base64::Engine as _;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What one launch says.
pub(super) struct Plan<'w> {
    pub(super) way: &'w Bought,
    pub(super) image: &'w MachineImage,
    pub(super) profile: Option<&'w str>,
    pub(super) user_data: Option<&'w str>,
}

impl Plan<'_> {
    pub(super) fn want(&self) -> &InstanceGroup {
        &self.way.group
    }

    /// For the journal. `beside` makes each launch of a run its own: a later one must not take an earlier one's token.
    pub(super) fn params(&self, group: Option<&Placement>, count: u32, beside: &BTreeSet<Id>) -> Result<Value, Error> {
        let want = self.want();
        let mut params = json!({
            "count": count,
            "beside": spec::digest(&json!(beside)),
            "image": self.image.id,
            "security_groups": self.security_groups()?,
            "interfaces": want.layout().iter().map(|i| format!("{}/{} {}", i.card, i.device, i.interface_type.name())).collect::<Vec<_>>(),
            "public_ip": want.public_ip,
            "placement_group": group.and_then(|group| group.group_name().or(group.group_id())),
            "profile": self.profile,
            "max_price": self.way.max_price,
            "root_volume": want.root_volume,
            "kms_key": want.kms_key.as_ref().map(|k| k.get()).transpose()?,
            "key_name": want.key_name.as_ref().map(Field::get).transpose()?,
            "metadata_hops": want.metadata_hops,
            "monitoring": want.monitoring,
            "user_data": self.user_data.map(|text| spec::sha256(text.as_bytes())),
        });
        if let (Value::Object(all), Value::Object(way)) = (&mut params, want.way_params()?) {
            all.extend(way);
        }
        Ok(params)
    }

    fn security_groups(&self) -> Result<Vec<String>, Error> {
        self.want().interfaces.security_groups.iter().map(|g| g.id().map(str::to_owned)).collect()
    }

    pub(super) fn request(
        &self,
        ctx: &Ctx,
        group: Option<&Placement>,
        count: u32,
        attempt: &Attempt,
    ) -> Result<RunInstancesFluentBuilder, Error> {
        let want = self.want();
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
        if let Some(group) = group {
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
            let price =
                self.way.max_price.filter(|_| want.market == Market::Spot).map(|most| most.amount().to_string());
            let spot = price.map(|price| SpotMarketOptions::builder().max_price(price).build());
            let options = InstanceMarketOptionsRequest::builder().market_type(market).set_spot_options(spot);
            call = call.instance_market_options(options.build());
        }
        if let Some(reserved) = &want.reservation {
            let (id, target) = (reserved.id()?, CapacityReservationTarget::builder());
            let target = match id.starts_with("arn:") {
                true => target.capacity_reservation_resource_group_arn(id).build(),
                false => target.capacity_reservation_id(id).build(),
            };
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
        let layout = self.want().layout();
        let groups = self.security_groups()?;
        let subnet = self.want().subnet.id()?;
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
                .set_associate_public_ip_address(one.then_some(self.want().public_ip == Some(true)))
                .build()
        };
        Ok(layout.iter().map(specification).collect())
    }

    fn root_volume(&self) -> Result<BlockDeviceMapping, Error> {
        let mut disk = EbsBlockDevice::builder().delete_on_termination(true).encrypted(true);
        if let Some(root) = &self.want().root_volume {
            let number = |n: u64| i32::try_from(n).unwrap_or(i32::MAX);
            disk = disk
                .volume_type(VolumeType::Gp3)
                .volume_size(number(root.size.gib_rounded_up()))
                .iops(number(u64::from(root.iops)))
                .throughput(number(root.throughput.mib_per_second()));
        }
        if let Some(key) = &self.want().kms_key {
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
