//! What may be changed of an instance that runs.

use super::catalogue::instance_type;
use super::groups::check_groups;
use super::instance_view::metadata_xml;
use super::instances::{Instance, missing, named};
use super::interfaces::Interface;
use super::launch_options::change_metadata;
use super::{done, invalid};
use crate::call::Call;
use crate::error::ApiError;
use crate::service::{Operation, write};
use crate::wire::reply::Reply;
use crate::wire::xml::Xml;

pub(super) const OPERATIONS: &[Operation] = &[
    write("ModifyInstanceMetadataOptions", modify_metadata),
    write("ModifyInstanceAttribute", modify_attribute),
    write("MonitorInstances", |call| monitor(call, true)),
    write("UnmonitorInstances", |call| monitor(call, false)),
];

fn ended(id: &str) -> ApiError {
    let message = format!("The instance '{id}' is not in a state from which it can be changed.");
    ApiError::bad("IncorrectInstanceState", message)
}

/// An instance that has not ended.
fn take_live(call: &Call<'_>, id: &str) -> Result<Instance, ApiError> {
    let instance = call.find::<Instance>(id).cloned().ok_or_else(|| missing(id))?;
    match instance.life.state(call.now) {
        "shutting-down" | "terminated" => Err(ended(id)),
        _ => Ok(instance),
    }
}

fn modify_metadata(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = call.params.text("InstanceId")?;
    let mut instance = take_live(call, &id)?;
    change_metadata(&mut call.params, &mut instance.metadata)?;
    let xml = Xml::new().text("instanceId", &id).child("instanceMetadataOptions", metadata_xml(&instance, call.now));
    call.put(instance);
    Ok(Reply::xml(xml))
}

fn modify_attribute(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = call.params.text("InstanceId")?;
    let mut instance = take_live(call, &id)?;
    let groups = call.params.texts("GroupId")?;
    let mut changes = 0;
    // The older form names the attribute beside its value.
    if let Some(attribute) = call.params.text_opt("Attribute")? {
        let value = call.params.text("Value")?;
        let mut fields = serde_json::Map::new();
        let field = match attribute.as_str() {
            "disableApiTermination" => "DisableApiTermination",
            "instanceInitiatedShutdownBehavior" => "InstanceInitiatedShutdownBehavior",
            "instanceType" => "InstanceType",
            other => return Err(ApiError::not_implemented(format!("a change of the instance attribute {other}"))),
        };
        fields.insert(field.to_owned(), serde_json::json!({ "Value": value }));
        call.params.take_over(fields);
    }
    if let Some(mut value) = call.params.child_opt("InstanceType")? {
        let wanted = value.text("Value")?;
        let unknown = || invalid(format!("Invalid value '{wanted}' for InstanceType."));
        let kind = instance_type(&wanted).ok_or_else(unknown)?;
        if instance.life.state(call.now) != "stopped" {
            let message = format!("The instance '{id}' is not in the 'stopped' state.");
            return Err(ApiError::bad("IncorrectInstanceState", message));
        }
        if kind.arch != instance.arch || !kind.is_offered(&instance.zone) {
            return Err(ApiError::bad("Unsupported", format!("The instance '{id}' cannot become a {wanted}.")));
        }
        instance.instance_type = wanted;
        changes += 1;
    }
    if let Some(mut value) = call.params.child_opt("DisableApiTermination")? {
        instance.protected = value.flag("Value")?;
        changes += 1;
    }
    if let Some(mut value) = call.params.child_opt("InstanceInitiatedShutdownBehavior")? {
        let behaviour = value.text("Value")?;
        if !["stop", "terminate"].contains(&behaviour.as_str()) {
            return Err(invalid(format!(
                "Value ({behaviour}) for parameter instanceInitiatedShutdownBehavior is invalid."
            )));
        }
        instance.shutdown = behaviour;
        changes += 1;
    }
    if !groups.is_empty() {
        if instance.interfaces.len() > 1 {
            let message = format!(
                "There are multiple interfaces attached to instance '{id}'. Please specify an interface ID for the operation instead."
            );
            return Err(ApiError::bad("InvalidInstanceID", message));
        }
        check_groups(call.world, call.region, &groups, &instance.vpc)?;
        for eni in &instance.interfaces {
            call.update::<Interface>(eni, |eni| eni.groups.clone_from(&groups));
        }
        changes += 1;
    }
    if changes != 1 {
        let message = "Exactly one attribute may be changed at a time";
        return Err(ApiError::bad("InvalidParameterCombination", message));
    }
    call.put(instance);
    done()
}

fn monitor(call: &mut Call<'_>, on: bool) -> Result<Reply, ApiError> {
    let mut items = Vec::new();
    for mut instance in named(call)? {
        let id = instance.id.clone();
        if matches!(instance.life.state(call.now), "shutting-down" | "terminated") {
            return Err(ended(&id));
        }
        instance.monitoring = on;
        call.put(instance);
        let state = Xml::new().text("state", if on { "pending" } else { "disabling" });
        items.push(Xml::new().text("instanceId", id).child("monitoring", state));
    }
    Ok(Reply::xml(Xml::new().list("instancesSet", "item", items)))
}
