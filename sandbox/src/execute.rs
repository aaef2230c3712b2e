//! How an operation is executed: what AWS's front end refuses, client tokens, one transaction.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use crate::call::Call;
use crate::client_token::Token;
use crate::error::ApiError;
use crate::service::{Handler, Operation, Service};
use crate::wire::Protocol;
use crate::wire::params::Params;
use crate::wire::reply::{Body, Reply};

/// Parameters that a handler asked for and `PARAMETERS` does not know.
fn lacking(name: &str, asked: &BTreeSet<String>) -> String {
    let known = PARAMETERS.get(name);
    // Every call of EC2 takes it, and no handler reads it.
    let lacks = |asked: &&String| *asked != "DryRun" && known.is_none_or(|known| !known.contains(asked.as_str()));
    asked.iter().filter(lacks).map(String::as_str).collect::<Vec<_>>().join(" ")
}

/// The parameters that each operation reads at the top of its requests, one operation a line.
///
/// Without it a parameter that is not simulated would be found out only if the handler got to its end: before that, a
/// form of the request that lacks what the handler wants would be answered with an error that AWS does not give.
static PARAMETERS: LazyLock<BTreeMap<&'static str, BTreeSet<&'static str>>> = LazyLock::new(|| {
    let lines = include_str!("../data/parameters.txt").lines();
    let line = |line: &'static str| {
        let (operation, names) = line.split_once(' ').unwrap_or((line, ""));
        (operation, names.split_whitespace().collect())
    };
    lines.map(line).collect()
});

/// Refuses parameters that an operation never reads.
fn check_parameters(name: &str, params: &Params) -> Result<(), ApiError> {
    let Some(known) = PARAMETERS.get(name) else { return Ok(()) };
    let strange = params.besides(known);
    if strange.is_empty() {
        return Ok(());
    }
    Err(ApiError::not_implemented(format!("{name} with {}", strange.join(", "))))
}

/// Runs a handler, unless the request came before with the same client token.
fn answer(operation: &Operation, call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let parameter = call.model().token(operation.name).filter(|_| operation.mutating);
    let token = parameter.map(|name| Token::take(call, operation.name, name)).transpose()?;
    let earlier = token.as_ref().map(|token| token.earlier(call, call.service.token_differs)).transpose()?.flatten();
    let again = earlier.and_then(|kept| match &operation.handler {
        Handler::Whole(_) => serde_json::from_str(&kept).ok().map(Reply::json),
        Handler::Shown(_, show) => show(call, &kept),
    });
    if let Some(again) = again {
        // What was understood the first time.
        drop(call.params.rest());
        return Ok(again);
    }
    let (reply, kept) = match &operation.handler {
        Handler::Whole(handler) => {
            let reply = handler(call)?;
            let kept = match &reply.body {
                Body::Json(value) => value.to_string(),
                _ => String::new(),
            };
            (reply, kept)
        }
        Handler::Shown(make, show) => {
            let id = make(call)?;
            let shown = show(call, &id);
            (shown.ok_or_else(|| ApiError::new(500, "InternalFailure", format!("{id} is not there")))?, id)
        }
    };
    if let Some(token) = token {
        token.remember(call, &kept);
    }
    Ok(reply)
}

/// Runs a handler as one transaction: nothing stays of it on an error, a dry run or an unread parameter. `name` is
/// `service:Operation`.
pub(crate) fn execute(name: &str, operation: &Operation, mut call: Call<'_>) -> Result<Reply, ApiError> {
    let (service, checkpoint) = (call.service, call.world.checkpoint());
    let unread = call.params.unread();
    let dry_run = match service.protocol {
        Protocol::Ec2Query => call.params.flag("DryRun")?,
        _ => false,
    };
    service.check(operation.name, &call.params)?;
    check_parameters(name, &call.params)?;
    let asked = call.params.asked();
    let mut result = answer(operation, &mut call);
    debug_assert_eq!(stranger(service, operation, &result), None, "{name}: a member that AWS's reply does not have");
    debug_assert_eq!(lacking(name, &asked.borrow()), "", "data/parameters.txt lacks parameters of {name}");
    let Call { world, params, .. } = call;
    drop(params);
    let unread = unread.take();
    if result.is_ok() && !unread.is_empty() {
        let names = unread.join(", ");
        result = Err(ApiError::not_implemented(format!("{name} with {names}")));
    }
    if result.is_ok() && dry_run {
        result = Err(Service::dry_run());
    }
    if result.is_err() {
        world.roll_back(checkpoint);
    }
    result
}

/// The first member of a reply that AWS's model does not have.
fn stranger(service: &Service, operation: &Operation, result: &Result<Reply, ApiError>) -> Option<String> {
    let told = service.model.told(operation.name);
    match &result.as_ref().ok()?.body {
        Body::Json(value) => told.stranger("", value),
        Body::Xml(xml) => {
            let mut value = xml.value();
            // EC2 says so where its model says nothing.
            value.as_object_mut().and_then(|fields| fields.remove("return"));
            told.stranger("", &value)
        }
        Body::Document(_, xml) => match told.payload() {
            Some(name) => told.member(name).stranger("", &xml.value()),
            None => told.stranger("", &xml.value()),
        },
        Body::Raw(_) => None,
    }
}
