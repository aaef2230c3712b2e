//! Targets: where a rule sends what it matches. What becomes of each is told by itself, in an answer that is a success.

use super::{named, rules::Rule};
use crate::services::prelude::*;

pub(super) const OPERATIONS: &[Operation] =
    &[write("PutTargets", put), write("RemoveTargets", remove), read("ListTargetsByRule", list)];

/// How many targets a rule has at most.
const MOST: usize = 5;
/// Parameters for single services.
const SPECIAL: [&str; 9] = [
    "AppSyncParameters",
    "BatchParameters",
    "EcsParameters",
    "HttpParameters",
    "KinesisParameters",
    "RedshiftDataParameters",
    "RunCommandParameters",
    "SageMakerPipelineParameters",
    "SqsParameters",
];

fn id(target: &Value) -> &str {
    target["Id"].as_str().unwrap_or_default()
}

fn put(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let mut rule = named(call, "Rule")?;
    let given = call.params.raw("Targets").unwrap_or_default();
    for target in given.as_array().into_iter().flatten() {
        check(call, target)?;
        rule.targets.retain(|old| id(old) != id(target));
        rule.targets.push(target.clone());
    }
    rule.targets.sort_by(|one, other| id(one).cmp(id(other)));
    if rule.targets.len() > MOST {
        let message = "The requested resource exceeds the maximum number allowed.";
        return Err(ApiError::bad("LimitExceededException", message));
    }
    call.put(rule);
    Ok(Reply::json(json!({"FailedEntryCount": 0, "FailedEntries": []})))
}

fn check(call: &Call<'_>, target: &Value) -> Result<(), ApiError> {
    let text = |name: &str| target[name].as_str();
    let has = |name: &&&str| !target[**name].is_null();
    if let Some(name) = SPECIAL.iter().find(has) {
        return Err(ApiError::not_implemented(format!("targets with {name}")));
    }
    let arn = text("Arn").unwrap_or_default();
    if !arn.starts_with("arn:") || arn.split(':').count() < 6 {
        let message = format!("Parameter {arn} is not valid. Reason: Provided Arn is not in correct format.");
        return Err(call.invalid(message));
    }
    let id = id(target);
    if ["Input", "InputPath", "InputTransformer"].iter().filter(has).count() > 1 {
        let message = format!("Only one of Input, InputPath, or InputTransformer must be provided for target {id}.");
        return Err(call.invalid(message));
    }
    if text("Input").is_some_and(|input| serde_json::from_str::<Value>(input).is_err()) {
        return Err(call.invalid(format!("JSON syntax error in input for target {id} :")));
    }
    if text("InputPath").is_some_and(|path| !path.starts_with('$')) {
        return Err(call.invalid(format!("Invalid InputPath for target {id} :")));
    }
    let paths = target["InputTransformer"]["InputPathsMap"].as_object();
    if paths.into_iter().flatten().any(|(_, path)| !path.as_str().is_some_and(|path| path.starts_with('$'))) {
        return Err(call.invalid(format!("Invalid InputTransformer for target {id} :")));
    }
    Ok(())
}

fn remove(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let mut rule = named(call, "Rule")?;
    let ids = call.params.texts("Ids")?;
    call.params.flag("Force")?;
    rule.targets.retain(|target| !ids.iter().any(|one| one == id(target)));
    call.put(rule);
    Ok(Reply::json(json!({"FailedEntryCount": 0, "FailedEntries": []})))
}

fn list(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let rule: Rule = named(call, "Rule")?;
    let page = Page::take(call, 100)?;
    let (targets, next) = page.cut(&rule.targets, |target| id(target));
    Ok(Reply::json(json!({"Targets": targets, "NextToken": next})))
}
