//! The network side of RunInstances: which interfaces are asked for, and whether the instance type takes them.

use std::collections::BTreeSet;

use super::catalogue::InstanceType;
use super::groups::{check_groups, default_group, no_default_vpc};
use super::invalid;
use super::subnets::{self, Subnet};
use crate::call::Call;
use crate::error::ApiError;

/// One interface that every instance of a launch gets.
#[derive(Debug, Clone)]
pub(super) struct WantedInterface {
    pub(super) card: usize,
    pub(super) device: usize,
    pub(super) interface_type: String,
    pub(super) groups: Vec<String>,
    pub(super) description: String,
    pub(super) delete_on_termination: bool,
    pub(super) public: bool,
}

/// The interfaces of a launch, the primary one first.
#[derive(Debug, Clone)]
pub(super) struct Network {
    pub(super) subnet: Subnet,
    pub(super) interfaces: Vec<WantedInterface>,
}

fn combination(message: impl Into<String>) -> ApiError {
    ApiError::bad("InvalidParameterCombination", message)
}

/// Takes the network parameters out of a RunInstances request.
pub(super) fn take(call: &mut Call<'_>, kind: &InstanceType) -> Result<Network, ApiError> {
    let subnet_id = call.params.text_opt("SubnetId")?;
    let groups = call.params.texts("SecurityGroupId")?;
    let specs = call.params.structs("NetworkInterface")?;
    if specs.is_empty() {
        let Some(subnet_id) = subnet_id else { return Err(no_default_vpc()) };
        let subnet = call.find::<Subnet>(&subnet_id).cloned().ok_or_else(|| subnets::missing(&subnet_id))?;
        let primary = WantedInterface {
            card: 0,
            device: 0,
            interface_type: "interface".to_owned(),
            groups: settle_groups(call, groups, &subnet)?,
            description: String::new(),
            delete_on_termination: true,
            public: subnet.map_public,
        };
        return Ok(Network { subnet, interfaces: vec![primary] });
    }
    if subnet_id.is_some() {
        let message = "Network interfaces and an instance-level subnet ID may not be specified on the same request";
        return Err(combination(message));
    }
    if !groups.is_empty() {
        let message =
            "Network interfaces and an instance-level security groups may not be specified on the same request";
        return Err(combination(message));
    }
    let several = specs.len() > 1;
    let mut subnet: Option<Subnet> = None;
    let mut interfaces = Vec::new();
    for mut spec in specs {
        let device = index(spec.int("DeviceIndex")?, "deviceIndex")?;
        let card = index(spec.int_opt("NetworkCardIndex")?.unwrap_or(0), "networkCardIndex")?;
        let interface_type = spec.text_opt("InterfaceType")?.unwrap_or_else(|| "interface".to_owned());
        let its_subnet = spec.text_opt("SubnetId")?.ok_or_else(no_default_vpc)?;
        let its_groups = spec.texts("SecurityGroupId")?;
        let public = spec.flag_opt("AssociatePublicIpAddress")?;
        let description = spec.text_opt("Description")?.unwrap_or_default();
        let delete = spec.flag_opt("DeleteOnTermination")?;
        let found = call.find::<Subnet>(&its_subnet).cloned().ok_or_else(|| subnets::missing(&its_subnet))?;
        if subnet.as_ref().is_some_and(|first| first.id != found.id) {
            let message = "The network interfaces of a launch have to be in one subnet";
            return Err(combination(message));
        }
        // EC2 refuses the parameter beside a second interface, whatever its value.
        if public.is_some() && several {
            return Err(combination(
                "The associatePublicIPAddress parameter cannot be specified when launching with multiple network \
                 interfaces.",
            ));
        }
        if public == Some(true) && interface_type == "efa-only" {
            return Err(combination("An efa-only network interface cannot have a public IP address"));
        }
        let groups = settle_groups(call, its_groups, &found)?;
        interfaces.push(WantedInterface {
            card,
            device,
            groups,
            description,
            // Unless told otherwise, AWS deletes the primary interface with its instance and leaves the others behind.
            delete_on_termination: delete.unwrap_or(card == 0 && device == 0),
            public: public.unwrap_or(found.map_public && !several),
            interface_type,
        });
        subnet = Some(found);
    }
    check_layout(&interfaces, kind)?;
    interfaces.sort_by_key(|interface| (interface.card, interface.device));
    let subnet = subnet.ok_or_else(no_default_vpc)?;
    Ok(Network { subnet, interfaces })
}

fn index(value: i64, field: &str) -> Result<usize, ApiError> {
    usize::try_from(value).map_err(|_| invalid(format!("Value ({value}) for parameter {field} is invalid.")))
}

fn settle_groups(call: &Call<'_>, groups: Vec<String>, subnet: &Subnet) -> Result<Vec<String>, ApiError> {
    if groups.is_empty() {
        return Ok(default_group(call.world, call.region, &subnet.vpc).into_iter().collect());
    }
    check_groups(call.world, call.region, &groups, &subnet.vpc)?;
    Ok(groups)
}

/// Whether an instance type takes these interfaces at these places.
fn check_layout(interfaces: &[WantedInterface], kind: &InstanceType) -> Result<(), ApiError> {
    let name = &kind.name;
    let primary = interfaces.iter().find(|interface| interface.card == 0 && interface.device == 0);
    match primary {
        None => {
            let message = "The primary network interface (network card 0, device index 0) is missing";
            return Err(combination(message));
        }
        Some(primary) if primary.interface_type == "efa-only" => {
            return Err(combination("An efa-only network interface cannot be the primary network interface"));
        }
        Some(_) => {}
    }
    let mut places = BTreeSet::new();
    let mut efa_cards = BTreeSet::new();
    for WantedInterface { card, device, interface_type, .. } in interfaces {
        if !places.insert((card, device)) {
            let message = format!(
                "Each network interface requires a unique device index: {device} on network card {card} was used twice"
            );
            return Err(invalid(message));
        }
        let Some(facts) = kind.cards.get(*card) else {
            let cards = kind.cards.len();
            return Err(invalid(format!(
                "Value ({card}) for parameter networkCardIndex is invalid. {name} has {cards} network card(s)."
            )));
        };
        if *device >= facts.max_interfaces {
            let max = facts.max_interfaces;
            let message = format!(
                "Interface count {} exceeds the limit for {name}: network card {card} takes device indexes below {max}",
                device + 1
            );
            return Err(ApiError::bad("AttachmentLimitExceeded", message));
        }
        if !["interface", "efa", "efa-only"].contains(&interface_type.as_str()) {
            return Err(invalid(format!("Value ({interface_type}) for parameter interfaceType is invalid.")));
        }
        if !facts.types.contains(&interface_type.as_str()) {
            let message = if kind.max_efa == 0 {
                format!("EFA interfaces are not supported on {name}")
            } else {
                format!("Network card {card} of {name} does not support interfaces of type {interface_type}")
            };
            return Err(combination(message));
        }
        if interface_type.starts_with("efa") && !efa_cards.insert(*card) {
            return Err(combination(format!("Network card {card} takes one EFA interface only")));
        }
    }
    if efa_cards.len() > kind.max_efa {
        let message = format!("EFA interface count {} exceeds the limit for {name}: {}", efa_cards.len(), kind.max_efa);
        return Err(ApiError::bad("AttachmentLimitExceeded", message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::ec2::catalogue::instance_type;

    fn layout(places: &[(usize, usize, &str)]) -> Vec<WantedInterface> {
        let wanted = |(card, device, interface_type): &(usize, usize, &str)| WantedInterface {
            card: *card,
            device: *device,
            interface_type: (*interface_type).to_owned(),
            groups: Vec::new(),
            description: String::new(),
            delete_on_termination: true,
            public: false,
        };
        places.iter().map(wanted).collect()
    }

    fn code(kind: &str, places: &[(usize, usize, &str)]) -> Option<String> {
        let kind = instance_type(kind).unwrap();
        check_layout(&layout(places), kind).err().map(|error| error.code.into_owned())
    }

    #[test]
    fn both_generations_of_efa_layouts_pass() {
        let new: Vec<_> = [(0, 0, "interface"), (0, 1, "efa-only")]
            .into_iter()
            .chain((1..32).map(|card| (card, 0, "efa-only")))
            .collect();
        assert_eq!(code("p5.48xlarge", &new), None);
        let old: Vec<_> = [(0, 0, "efa")].into_iter().chain((1..32).map(|card| (card, 1, "efa"))).collect();
        assert_eq!(code("p5.48xlarge", &old), None);
        let b300: Vec<_> = [(0, 0, "interface")].into_iter().chain((1..17).map(|card| (card, 0, "efa-only"))).collect();
        assert_eq!(code("p6-b300.48xlarge", &b300), None);
    }

    #[test]
    fn impossible_layouts_are_refused() {
        let combination = Some("InvalidParameterCombination".to_owned());
        assert_eq!(code("p5.48xlarge", &[(0, 0, "efa-only")]), combination);
        assert_eq!(code("p5.48xlarge", &[(0, 1, "interface")]), combination);
        assert_eq!(code("p5.48xlarge", &[(0, 0, "efa"), (0, 1, "efa-only")]), combination);
        assert_eq!(code("p6-b300.48xlarge", &[(0, 0, "interface"), (0, 1, "efa-only")]), combination);
        assert_eq!(code("g5.xlarge", &[(0, 0, "interface"), (0, 1, "efa-only")]), combination);
        let value = Some("InvalidParameterValue".to_owned());
        assert_eq!(code("g5.xlarge", &[(0, 0, "interface"), (1, 0, "interface")]), value);
        assert_eq!(code("g5.xlarge", &[(0, 0, "interface"), (0, 0, "interface")]), value);
        let limit = Some("AttachmentLimitExceeded".to_owned());
        assert_eq!(code("p5.48xlarge", &[(0, 0, "interface"), (1, 2, "efa-only")]), limit);
    }
}
