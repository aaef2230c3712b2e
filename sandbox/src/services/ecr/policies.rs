//! What documents say of a repository: who may use it, and which images expire.

use std::collections::BTreeSet;

use super::repositories::Repository;
use super::{about, named, seen, unfit};
use crate::iam_model::is_principal;
use crate::policy::{self, Use};
use crate::services::prelude::*;

pub(super) const OPERATIONS: &[Operation] = &[
    write("PutLifecyclePolicy", put_lifecycle),
    read("GetLifecyclePolicy", get_lifecycle),
    write("DeleteLifecyclePolicy", delete_lifecycle),
    write("SetRepositoryPolicy", set_policy),
    read("GetRepositoryPolicy", get_policy),
    write("DeleteRepositoryPolicy", delete_policy),
];

fn no_lifecycle(call: &Call<'_>, name: &str) -> ApiError {
    let (code, what) = ("LifecyclePolicyNotFoundException", "Lifecycle");
    none(call, code, what, name)
}

fn no_policy(call: &Call<'_>, name: &str) -> ApiError {
    none(call, "RepositoryPolicyNotFoundException", "Repository", name)
}

fn none(call: &Call<'_>, code: &'static str, what: &str, name: &str) -> ApiError {
    let registry = call.account();
    let message = format!(
        "{what} policy does not exist for the repository with name '{name}' in the registry with id '{registry}'"
    );
    ApiError::bad(code, message)
}

/// Why ECR does not take a lifecycle policy.
fn wrong(text: &str) -> Option<String> {
    let Ok(document) = serde_json::from_str::<Value>(text) else { return Some("Invalid JSON syntax".to_owned()) };
    let fail = |why: &str| Some(format!("Lifecycle policy validation failure: {why}"));
    let Some(rules) = document["rules"].as_array().filter(|rules| !rules.is_empty()) else {
        return fail("object has missing required properties ([\"rules\"])");
    };
    let (mut priorities, mut any) = (BTreeSet::new(), None);
    for rule in rules {
        let (selection, Some(priority)) = (&rule["selection"], rule["rulePriority"].as_u64()) else {
            return fail("object has missing required properties ([\"rulePriority\"])");
        };
        let count = selection["countNumber"].as_u64().is_some_and(|count| count > 0);
        let by = match selection["countType"].as_str() {
            Some("imageCountMoreThan") => selection["countUnit"].is_null(),
            Some("sinceImagePushed") => selection["countUnit"] == "days",
            _ => false,
        };
        if !count || !by || rule["action"]["type"] != "expire" {
            return fail("a rule has a selection with countType, countNumber and countUnit, and an action");
        }
        match selection["tagStatus"].as_str() {
            Some("any") if any.replace(priority).is_some() => return fail("only one rule can have tagStatus any"),
            Some("any" | "untagged") => {}
            Some("tagged") if !selection["tagPrefixList"].is_null() || !selection["tagPatternList"].is_null() => {}
            _ => return fail("tagStatus is tagged with a list, untagged or any"),
        }
        if !priorities.insert(priority) {
            return fail("two rules have the same rulePriority");
        }
    }
    match any {
        Some(any) if priorities.last() != Some(&any) => {
            fail("the rule with tagStatus any has the highest rulePriority")
        }
        _ => None,
    }
}

fn put_lifecycle(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (repository, text) = (named(call)?, call.params.text("lifecyclePolicyText")?);
    if let Some(why) = wrong(&text) {
        return Err(unfit(call, "LifecyclePolicyText", &why));
    }
    let reply = about(call, &repository, json!({"lifecyclePolicyText": text}));
    call.put(Repository { lifecycle: Some(text), ..repository });
    Ok(reply)
}

fn get_lifecycle(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let repository = seen(call)?;
    let text = repository.lifecycle.as_ref().ok_or_else(|| no_lifecycle(call, &repository.name))?;
    Ok(about(call, &repository, json!({"lifecyclePolicyText": text})))
}

fn delete_lifecycle(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let repository = named(call)?;
    let text = repository.lifecycle.as_ref().ok_or_else(|| no_lifecycle(call, &repository.name))?;
    let reply = about(call, &repository, json!({"lifecyclePolicyText": text}));
    call.put(Repository { lifecycle: None, ..repository });
    Ok(reply)
}

/// A policy as it is kept. A role that nobody knows yet makes it wrong.
fn checked(call: &Call<'_>, text: &str) -> Result<String, ApiError> {
    let refused = || unfit(call, "PolicyText", "Invalid repository policy provided");
    let document = policy::check(text, Use::Repository).map_err(|_| refused())?;
    let is_known = |arn: &str| is_principal(call.world, arn, call.now);
    if policy::unknown_role(&document, call.partition(), &call.account(), is_known).is_some() {
        return Err(refused());
    }
    Ok(policy::with_roots(document, call.partition()).unwrap_or_else(|| text.to_owned()))
}

fn set_policy(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (repository, text) = (named(call)?, call.params.text("policyText")?);
    // Whether it locks its author out is not simulated.
    call.params.flag("force")?;
    let text = checked(call, &text)?;
    let reply = about(call, &repository, json!({"policyText": text}));
    call.put(Repository { policy: Some(text), ..repository });
    Ok(reply)
}

fn get_policy(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let repository = seen(call)?;
    let text = repository.policy.as_ref().ok_or_else(|| no_policy(call, &repository.name))?;
    Ok(about(call, &repository, json!({"policyText": text})))
}

fn delete_policy(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let repository = named(call)?;
    let text = repository.policy.as_ref().ok_or_else(|| no_policy(call, &repository.name))?;
    let reply = about(call, &repository, json!({"policyText": text}));
    call.put(Repository { policy: None, ..repository });
    Ok(reply)
}
