//! Inline and attached policies of roles.

use super::roles::{named, seen};
use super::{cut, document, done, limit, managed, name, no_such, percent};
use crate::call::Call;
use crate::error::ApiError;
use crate::iam_model::Role;
use crate::page::Page;
use crate::policy::Use;
use crate::service::{Operation, read, write};
use crate::wire::reply::Reply;
use crate::wire::xml::Xml;

pub(super) const OPERATIONS: &[Operation] = &[
    write("PutRolePolicy", put_role_policy),
    read("GetRolePolicy", get_role_policy),
    read("ListRolePolicies", list_role_policies),
    write("DeleteRolePolicy", delete_role_policy),
    write("AttachRolePolicy", attach_role_policy),
    write("DetachRolePolicy", detach_role_policy),
    read("ListAttachedRolePolicies", list_attached_role_policies),
    read("GetPolicy", get_policy),
];

/// All inline policies of a role together, without white space.
const INLINE_SIZE: usize = 10_240;
const ATTACHED: usize = 10;

fn missing(policy: &str) -> ApiError {
    no_such(format!("The role policy with name {policy} cannot be found."))
}

fn put_role_policy(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let mut role = named(call)?;
    let policy = name(call, "PolicyName", 128)?;
    let text = document(call, "PolicyDocument", Use::Identity)?;
    role.inline.insert(policy, text);
    let size: usize = role.inline.values().map(|text| text.chars().filter(|ch| !ch.is_whitespace()).count()).sum();
    if size > INLINE_SIZE {
        let message = format!("Maximum policy size of {INLINE_SIZE} bytes exceeded for role {}", role.name);
        return Err(ApiError::new(409, "LimitExceeded", message));
    }
    call.put(role);
    done()
}

fn get_role_policy(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let role = seen(call)?;
    let policy = name(call, "PolicyName", 128)?;
    let text = role.inline.get(&policy).ok_or_else(|| missing(&policy))?;
    Ok(Reply::xml(
        Xml::new().text("RoleName", &role.name).text("PolicyName", &policy).text("PolicyDocument", percent(text)),
    ))
}

fn list_role_policies(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let role = seen(call)?;
    let page = Page::take(call, 100)?;
    let (names, end) = cut(&page, role.inline.keys().map(|name| (name.clone(), name.clone())).collect());
    Ok(Reply::xml(Xml::new().texts("PolicyNames", "member", names).extend(end)))
}

fn delete_role_policy(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let mut role = named(call)?;
    let policy = name(call, "PolicyName", 128)?;
    if role.inline.remove(&policy).is_none() {
        return Err(missing(&policy));
    }
    call.put(role);
    done()
}

fn policy_arn(call: &mut Call<'_>) -> Result<String, ApiError> {
    let arn = call.params.text("PolicyArn")?;
    if arn.len() < 20 || !arn.starts_with("arn:aws") || !arn.contains(":policy/") {
        return Err(ApiError::bad("InvalidInput", format!("ARN {arn} is not valid.")));
    }
    Ok(arn)
}

/// The account has no policies of its own, only AWS's.
fn get_policy(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let arn = policy_arn(call)?;
    let name = managed::name_of(&arn).ok_or_else(|| no_such(format!("Policy {arn} was not found.")))?;
    let attached = call.seen::<Role>().filter(|role| role.attached.contains(&arn)).count();
    let bounding = call.seen::<Role>().filter(|role| role.boundary.as_ref() == Some(&arn)).count();
    let policy = Xml::new()
        .text("PolicyName", name)
        .text("Arn", &arn)
        .text("Path", managed::path_of(&arn))
        .text("AttachmentCount", attached)
        .text("PermissionsBoundaryUsageCount", bounding)
        .text("IsAttachable", true);
    Ok(Reply::xml(Xml::new().child("Policy", policy)))
}

fn attach_role_policy(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let mut role = named(call)?;
    let arn = policy_arn(call)?;
    if managed::name_of(&arn).is_none() {
        return Err(no_such(format!("Policy {arn} does not exist or is not attachable.")));
    }
    role.attached.insert(arn);
    if role.attached.len() > ATTACHED {
        return Err(limit("PoliciesPerRole", ATTACHED));
    }
    call.put(role);
    done()
}

fn detach_role_policy(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let mut role = named(call)?;
    let arn = policy_arn(call)?;
    if !role.attached.remove(&arn) {
        return Err(no_such(format!("Policy {arn} was not found.")));
    }
    call.put(role);
    done()
}

fn list_attached_role_policies(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let role = seen(call)?;
    let prefix = super::path_prefix(call)?;
    let page = Page::take(call, 100)?;
    let mut items: Vec<_> = role
        .attached
        .iter()
        .filter(|arn| managed::path_of(arn).starts_with(&prefix))
        .map(|arn| {
            let name = managed::name_of(arn).unwrap_or_default();
            (name.to_owned(), Xml::new().text("PolicyName", name).text("PolicyArn", arn))
        })
        .collect();
    items.sort_by(|(left, _), (right, _)| left.cmp(right));
    let (items, end) = cut(&page, items);
    Ok(Reply::xml(Xml::new().list("AttachedPolicies", "member", items).extend(end)))
}
