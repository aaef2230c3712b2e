//! EventBridge: rules of the default bus, and the events that are put there and matched. Schedules are kept, not kept up.

mod delivery;
mod pattern;
mod rules;
mod targets;
mod transform;

use super::prelude::*;

pub(crate) static SERVICE: Service = Service {
    operations: &[rules::OPERATIONS, targets::OPERATIONS, delivery::OPERATIONS, tagged::OPERATIONS],
    objects: || vec![ObjectKind::of::<rules::Rule>()],
    ..Service::new("events", Protocol::AwsJson("1.1"), facts!("events"))
};

/// Refuses every bus but the one that each account has.
fn on_default_bus(call: &mut Call<'_>) -> Result<(), ApiError> {
    let bus = call.params.text_opt("EventBusName")?;
    is_default(call, bus.as_deref())
}

fn is_default(call: &Call<'_>, bus: Option<&str>) -> Result<(), ApiError> {
    let bus = bus.unwrap_or("default");
    if bus == "default" || tagged::here(call, bus) == Some("event-bus/default") {
        return Ok(());
    }
    Err(ApiError::bad("ResourceNotFoundException", format!("Event bus {bus} does not exist.")))
}

/// The rule that a request names by this parameter.
fn named(call: &mut Call<'_>, parameter: &str) -> Result<rules::Rule, ApiError> {
    on_default_bus(call)?;
    let name = call.params.text(parameter)?;
    call.find::<rules::Rule>(&name).cloned().ok_or_else(|| missing(&name))
}

fn missing(name: &str) -> ApiError {
    ApiError::bad("ResourceNotFoundException", format!("Rule {name} does not exist on EventBus default."))
}
