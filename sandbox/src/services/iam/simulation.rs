//! SimulatePrincipalPolicy: what a role may, without doing it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{cut, no_such};
use crate::authorize::Policies;
use crate::call::Call;
use crate::error::ApiError;
use crate::iam_model::Role;
use crate::page::Page;
use crate::policy::decide::{Asked, Context, Decision};
use crate::policy::{self, Use};
use crate::service::{Operation, read};
use crate::wire::reply::Reply;
use crate::wire::xml::Xml;

pub(super) const OPERATIONS: &[Operation] = &[read("SimulatePrincipalPolicy", simulate)];

fn simulate(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let arn = call.params.text("PolicySourceArn")?;
    let actions = call.params.texts("ActionNames")?;
    let mut resources = call.params.texts("ResourceArns")?;
    let context = context(call)?;
    let (more, boundary) =
        (documents(call, "PolicyInputList")?, documents(call, "PermissionsBoundaryPolicyInputList")?);
    let page = Page::take(call, 100)?;
    if !call.all::<Role>().any(|role| role.arn == arn) {
        return Err(no_such(format!("Entity {arn} cannot be found.")));
    }
    if let Some(wrong) = actions.iter().find(|action| !action.contains(':')) {
        let message = format!("Invalid input: Action {wrong} is not valid. It must be prefaced by a vendor.");
        return Err(ApiError::bad("InvalidInput", message));
    }
    if resources.is_empty() {
        resources.push("*".to_owned());
    }
    let policies = Policies::of(call.world, &arn).with(more, boundary);
    let mut results = Vec::new();
    for action in &actions {
        for resource in &resources {
            let resource = std::slice::from_ref(resource);
            let asked = Asked { action, resource, context: &context, knows_every_key: true };
            let verdict = policies.judge(asked);
            // Sorted by their place.
            results.push((
                format!("{:08}", results.len()),
                result(action, &resource[0], verdict.decision, verdict.missing),
            ));
        }
    }
    let (results, end) = cut(&page, results);
    Ok(Reply::xml(Xml::new().list("EvaluationResults", "member", results).extend(end)))
}

fn result(action: &str, resource: &str, decision: Decision, missing: BTreeSet<String>) -> Xml {
    let decision = match decision {
        Decision::Allowed => "allowed",
        Decision::ImplicitDeny => "implicitDeny",
        Decision::ExplicitDeny => "explicitDeny",
    };
    Xml::new().text("EvalActionName", action).text("EvalResourceName", resource).text("EvalDecision", decision).texts(
        "MissingContextValues",
        "member",
        missing,
    )
}

/// What is to be taken for known of the request.
fn context(call: &mut Call<'_>) -> Result<Context, ApiError> {
    let mut context = Context::new();
    for mut entry in call.params.structs("ContextEntries")? {
        let key = entry.text("ContextKeyName")?;
        let values = entry.texts("ContextKeyValues")?;
        entry.text_opt("ContextKeyType")?;
        context.insert(key.to_lowercase(), values);
    }
    Ok(context)
}

fn documents(call: &mut Call<'_>, field: &str) -> Result<Vec<Value>, ApiError> {
    let texts = call.params.texts(field)?;
    let read = |text: &String| policy::check(text, Use::Identity);
    texts.iter().map(read).collect::<Result<_, _>>().map_err(|why| ApiError::bad("InvalidInput", why))
}
