//! The parameters of RunInstances besides network and disks, each read and checked by itself.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::catalogue::InstanceType;
use super::instances::{Instance, Market, Metadata};
use super::invalid;
use super::placement::{self, PlacementGroup};
use super::types::check_id;
use crate::call::Call;
use crate::error::ApiError;
use crate::iam_model::{ProfileProblem, usable_profile};
use crate::images::{Image, image};
use crate::wire::params::Params;

pub(super) fn combination(message: impl Into<String>) -> ApiError {
    ApiError::bad("InvalidParameterCombination", message)
}

pub(super) fn take_image(call: &mut Call<'_>, kind: &InstanceType) -> Result<Image, ApiError> {
    let id = call.params.text("ImageId")?;
    check_id(&id)?;
    let image = image(&id, call.region)
        .ok_or_else(|| ApiError::bad("InvalidAMIID.NotFound", format!("The image id '[{id}]' does not exist")))?;
    if image.architecture != kind.arch {
        return Err(invalid(format!(
            "The architecture '{}' of the specified instance type does not match the architecture '{}' of the specified \
             AMI. Specify an instance type and an AMI that have matching architectures, and try again.",
            kind.arch, image.architecture
        )));
    }
    Ok(image)
}

/// The market, and the most that is to be paid for spot instances, if that is limited.
pub(super) fn take_market(call: &mut Call<'_>, kind: &InstanceType) -> Result<(Market, Option<f64>), ApiError> {
    let Some(mut options) = call.params.child_opt("InstanceMarketOptions")? else {
        return Ok((Market::OnDemand, None));
    };
    let name = options.text_opt("MarketType")?;
    let spot = options.child_opt("SpotOptions")?;
    let market = match name.as_deref() {
        None | Some("on-demand") => Market::OnDemand,
        Some("spot") => Market::Spot,
        Some("capacity-block") => Market::CapacityBlock,
        Some(other) => return Err(options.invalid("MarketType", other, "Expecting spot or capacity-block.")),
    };
    let class = market.usage_class();
    if !kind.usage_classes.iter().any(|known| known == class) {
        let message = format!("The instance type {} is not available in the market {class}", kind.name);
        return Err(ApiError::bad("Unsupported", message));
    }
    let mut maximum = None;
    if let Some(mut spot) = spot {
        if market != Market::Spot {
            return Err(combination("SpotOptions can be used with MarketType spot only"));
        }
        if let Some(text) = spot.text_opt("MaxPrice")? {
            let price: f64 = text.parse().map_err(|_| spot.invalid("MaxPrice", &text, "A price is expected."))?;
            maximum = Some(price);
        }
        match spot.text_opt("SpotInstanceType")?.as_deref() {
            None | Some("one-time") => {}
            Some(other) => return Err(ApiError::not_implemented(format!("SpotInstanceType {other}"))),
        }
        match spot.text_opt("InstanceInterruptionBehavior")?.as_deref() {
            None | Some("terminate") => {}
            Some(other) => {
                let message = format!("The interruption behavior {other} needs a persistent Spot request");
                return Err(combination(message));
            }
        }
    }
    Ok((market, maximum))
}

pub(super) fn take_placement(
    call: &mut Call<'_>,
    kind: &InstanceType,
    zone: &str,
    market: Market,
) -> Result<(Option<String>, String), ApiError> {
    let default = "default".to_owned();
    let Some(mut placement) = call.params.child_opt("Placement")? else { return Ok((None, default)) };
    let group = placement.text_opt("GroupName")?.filter(|name| !name.is_empty());
    let group_id = placement.text_opt("GroupId")?;
    let wanted = placement.text_opt("AvailabilityZone")?.filter(|zone| !zone.is_empty());
    let tenancy = placement.text_opt("Tenancy")?.unwrap_or(default);
    if !["default", "dedicated"].contains(&tenancy.as_str()) {
        return Err(placement.invalid("Tenancy", tenancy, "Expecting default or dedicated."));
    }
    if wanted.as_deref().is_some_and(|wanted| wanted != zone) {
        let wanted = wanted.unwrap_or_default();
        return Err(invalid(format!("The availability zone {wanted} does not match that of the subnet, {zone}")));
    }
    let group = placement::named(call, group, group_id)?;
    if let Some(name) = &group {
        let facts = call.find::<PlacementGroup>(name).ok_or_else(|| placement::unknown(name))?;
        if market == Market::CapacityBlock {
            return Err(combination("Placement groups are not supported for launches into a Capacity Block"));
        }
        if facts.strategy == "cluster" {
            if kind.family().starts_with('t') && !kind.is_accelerated() {
                let message = format!(
                    "Cluster placement groups are not supported by the '{}' instance type. Specify a supported instance type or change the placement group strategy, and try again.",
                    kind.name
                );
                return Err(combination(message));
            }
            let elsewhere = call.all::<Instance>().find(|it| {
                it.placement_group.as_ref() == Some(name) && it.zone != zone && it.life.state(call.now) != "terminated"
            });
            if let Some(other) = elsewhere {
                return Err(invalid(format!(
                    "The cluster placement group '{name}' has instances in {}: it cannot span Availability Zones",
                    other.zone
                )));
            }
        }
    }
    Ok((group, tenancy))
}

pub(super) fn take_reservation(call: &mut Call<'_>) -> Result<(String, Option<String>), ApiError> {
    let open = "open".to_owned();
    let Some(mut spec) = call.params.child_opt("CapacityReservationSpecification")? else { return Ok((open, None)) };
    let preference = spec.text_opt("CapacityReservationPreference")?;
    let target = match spec.child_opt("CapacityReservationTarget")? {
        Some(mut target) => Some(target.text("CapacityReservationId")?),
        None => None,
    };
    if let Some(preference) = &preference {
        if !["open", "none", "capacity-reservations-only"].contains(&preference.as_str()) {
            return Err(spec.invalid("CapacityReservationPreference", preference, "Unknown preference."));
        }
        if target.is_some() && preference != "capacity-reservations-only" {
            return Err(combination("CapacityReservationPreference and CapacityReservationTarget exclude each other"));
        }
    }
    Ok((preference.unwrap_or(open), target))
}

pub(super) fn take_profile(call: &mut Call<'_>) -> Result<Option<(String, String)>, ApiError> {
    let Some(mut spec) = call.params.child_opt("IamInstanceProfile")? else { return Ok(None) };
    let (name, arn) = (spec.text_opt("Name")?, spec.text_opt("Arn")?);
    let (value, field, noun) = match (name, arn) {
        (Some(name), None) => (name, "iamInstanceProfile.name", "name"),
        (None, Some(arn)) => (arn, "iamInstanceProfile.arn", "ARN"),
        (None, None) => return Ok(None),
        _ => {
            let message =
                "The parameter 'iamInstanceProfile.name' may not be used in combination with 'iamInstanceProfile.arn'";
            return Err(combination(message));
        }
    };
    match usable_profile(call.world, &value, call.now) {
        Ok(profile) => Ok(Some((profile.arn.clone(), profile.unique_id.clone()))),
        Err(ProfileProblem::Unknown) => Err(invalid(format!(
            "Value ({value}) for parameter {field} is invalid. Invalid IAM Instance Profile {noun}"
        ))),
        Err(ProfileProblem::Empty) => {
            Err(invalid(format!("IAM Instance Profile \"{value}\" has no associated IAM Roles")))
        }
    }
}

pub(super) fn take_user_data(call: &mut Call<'_>) -> Result<Option<String>, ApiError> {
    let Some(text) = call.params.text_opt("UserData")? else { return Ok(None) };
    let Ok(bytes) = STANDARD.decode(text.trim()) else {
        return Err(ApiError::bad("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data."));
    };
    if bytes.len() > 16384 {
        return Err(invalid("User data is limited to 16384 bytes"));
    }
    Ok(Some(text))
}

pub(super) fn take_metadata(call: &mut Call<'_>) -> Result<Metadata, ApiError> {
    let mut metadata = Metadata {
        tokens: "optional".to_owned(),
        hop_limit: 1,
        endpoint: "enabled".to_owned(),
        ipv6: "disabled".to_owned(),
        tags: "disabled".to_owned(),
    };
    if let Some(mut options) = call.params.child_opt("MetadataOptions")? {
        change_metadata(&mut options, &mut metadata)?;
    }
    Ok(metadata)
}

/// Reads the metadata options that are given; the others stay.
pub(super) fn change_metadata(options: &mut Params, metadata: &mut Metadata) -> Result<(), ApiError> {
    for (field, slot, allowed) in [
        ("HttpTokens", &mut metadata.tokens, ["optional", "required"]),
        ("HttpEndpoint", &mut metadata.endpoint, ["enabled", "disabled"]),
        ("HttpProtocolIpv6", &mut metadata.ipv6, ["enabled", "disabled"]),
        ("InstanceMetadataTags", &mut metadata.tags, ["enabled", "disabled"]),
    ] {
        if let Some(value) = options.text_opt(field)? {
            if !allowed.contains(&value.as_str()) {
                return Err(options.invalid(field, value, format!("Expecting {} or {}.", allowed[0], allowed[1])));
            }
            *slot = value;
        }
    }
    if let Some(hops) = options.int_opt("HttpPutResponseHopLimit")? {
        if !(1..=64).contains(&hops) {
            return Err(options.invalid("HttpPutResponseHopLimit", hops, "Expecting 1 to 64."));
        }
        metadata.hop_limit = hops;
    }
    Ok(())
}
