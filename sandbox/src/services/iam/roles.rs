//! Roles, their trust policies, tags and boundaries.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    conflict, constraint, cut, description, document, done, exists, limit, managed, merge_tags, name, no_such, path,
    path_prefix, percent, read_tags, seconds, tag_items, unique_id, without_tags,
};
use crate::call::Call;
use crate::error::ApiError;
use crate::iam_model::{InstanceProfile, Role};
use crate::page::Page;
use crate::policy::Use;
use crate::service::{Operation, read, write};
use crate::wire::reply::Reply;
use crate::wire::xml::Xml;

pub(super) const OPERATIONS: &[Operation] = &[
    write("CreateRole", create_role),
    read("GetRole", get_role),
    read("ListRoles", list_roles),
    write("UpdateRole", update_role),
    write("UpdateAssumeRolePolicy", update_assume_role_policy),
    write("DeleteRole", delete_role),
    write("TagRole", tag_role),
    write("UntagRole", untag_role),
    read("ListRoleTags", list_role_tags),
    write("PutRolePermissionsBoundary", put_boundary),
    write("DeleteRolePermissionsBoundary", delete_boundary),
];

pub(super) fn missing(name: &str) -> ApiError {
    no_such(format!("The role with name {name} cannot be found."))
}

/// The role that a changing call names.
pub(super) fn named(call: &mut Call<'_>) -> Result<Role, ApiError> {
    let name = name(call, "RoleName", 64)?;
    call.find::<Role>(&name).cloned().ok_or_else(|| missing(&name))
}

/// The role that a reading call names.
pub(super) fn seen(call: &mut Call<'_>) -> Result<Role, ApiError> {
    let name = name(call, "RoleName", 64)?;
    call.see::<Role>(&name).cloned().ok_or_else(|| missing(&name))
}

fn trust(call: &mut Call<'_>, field: &str) -> Result<String, ApiError> {
    let text = document(call, field, Use::Trust)?;
    if text.chars().filter(|ch| !ch.is_whitespace()).count() > 2048 {
        return Err(limit("ACLSizePerRole", 2048));
    }
    Ok(text)
}

fn session_seconds(call: &mut Call<'_>) -> Result<Option<i64>, ApiError> {
    let value = call.params.int_opt("MaxSessionDuration")?;
    match value {
        Some(given) if !(3600..=43_200).contains(&given) => {
            let rule = "Member must have value between 3600 and 43200";
            Err(constraint("maxSessionDuration", &given.to_string(), rule))
        }
        _ => Ok(value),
    }
}

fn boundary(arn: String) -> Result<String, ApiError> {
    if arn.len() < 20 || !arn.starts_with("arn:aws") || !arn.contains(":iam::") {
        return Err(ApiError::bad("InvalidInput", format!("ARN {arn} is not valid.")));
    }
    match managed::name_of(&arn) {
        Some(_) => Ok(arn),
        None => Err(no_such(format!("Scope ARN: {arn} does not exist or is not attachable."))),
    }
}

fn create_role(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let name = name(call, "RoleName", 64)?;
    let path = path(call)?;
    let trust = trust(call, "AssumeRolePolicyDocument")?;
    let description = description(call)?;
    let max_session_seconds = session_seconds(call)?.unwrap_or(3600);
    let boundary = call.params.text_opt("PermissionsBoundary")?.map(boundary).transpose()?;
    let tags = merge_tags(&BTreeMap::new(), read_tags(call)?, "TagsPerRole")?;
    // Names differ in more than case, whatever their paths.
    if call.all::<Role>().any(|role| role.name.eq_ignore_ascii_case(&name)) {
        return Err(exists(format!("Role with name {name} already exists.")));
    }
    if call.all::<Role>().count() >= 1000 {
        return Err(limit("RolesPerAccount", 1000));
    }
    let role = Role {
        arn: call.iam_arn(format!("role{path}{name}")),
        unique_id: unique_id(call, "AROA"),
        created: call.now,
        inline: BTreeMap::new(),
        attached: BTreeSet::new(),
        name,
        path,
        trust,
        description,
        max_session_seconds,
        boundary,
        tags,
    };
    // The create call answers less than GetRole does.
    let mut xml = brief(&role);
    if !role.tags.is_empty() {
        xml = xml.extend(tag_items(&role.tags));
    }
    if let Some(arn) = &role.boundary {
        xml = xml.child("PermissionsBoundary", boundary_xml(arn));
    }
    call.put(role);
    Ok(Reply::xml(Xml::new().child("Role", xml)))
}

/// What every reply says of a role.
pub(super) fn brief(role: &Role) -> Xml {
    Xml::new()
        .text("Path", &role.path)
        .text("RoleName", &role.name)
        .text("RoleId", &role.unique_id)
        .text("Arn", &role.arn)
        .text("CreateDate", seconds(role.created))
        .text("AssumeRolePolicyDocument", percent(&role.trust))
}

fn boundary_xml(arn: &str) -> Xml {
    Xml::new().text("PermissionsBoundaryType", "PermissionsBoundaryPolicy").text("PermissionsBoundaryArn", arn)
}

fn get_role(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let role = seen(call)?;
    let mut xml = brief(&role)
        .text_opt("Description", role.description.as_ref())
        .text("MaxSessionDuration", role.max_session_seconds)
        .child_opt("PermissionsBoundary", role.boundary.as_deref().map(boundary_xml));
    if !role.tags.is_empty() {
        xml = xml.extend(tag_items(&role.tags));
    }
    Ok(Reply::xml(Xml::new().child("Role", xml.child("RoleLastUsed", Xml::new()))))
}

fn list_roles(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let prefix = path_prefix(call)?;
    let page = Page::take(call, 100)?;
    let roles = call.seen::<Role>().filter(|role| role.path.starts_with(&prefix));
    // Listing leaves out tags, boundaries and last use.
    let item = |role: &Role| {
        brief(role)
            .text_opt("Description", role.description.as_ref())
            .text("MaxSessionDuration", role.max_session_seconds)
    };
    let (items, end) = cut(&page, roles.map(|role| (role.name.clone(), item(role))).collect());
    Ok(Reply::xml(Xml::new().list("Roles", "member", items).extend(end)))
}

fn update_role(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let mut role = named(call)?;
    if let Some(text) = description(call)? {
        role.description = Some(text).filter(|text| !text.is_empty());
    }
    role.max_session_seconds = session_seconds(call)?.unwrap_or(role.max_session_seconds);
    call.put(role);
    done()
}

fn update_assume_role_policy(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let mut role = named(call)?;
    role.trust = trust(call, "PolicyDocument")?;
    call.put(role);
    done()
}

fn delete_role(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let role = named(call)?;
    let in_profile = |profile: &InstanceProfile| profile.role.as_deref() == Some(role.name.as_str());
    if call.all::<InstanceProfile>().any(in_profile) {
        return Err(conflict("Cannot delete entity, must remove roles from instance profile first."));
    }
    if !role.attached.is_empty() {
        return Err(conflict("Cannot delete entity, must detach all policies first."));
    }
    if !role.inline.is_empty() {
        return Err(conflict("Cannot delete entity, must delete policies first."));
    }
    call.remove::<Role>(&role.name);
    done()
}

fn tag_role(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let mut role = named(call)?;
    if !call.params.has("Tags") {
        return Err(call.params.missing("Tags"));
    }
    role.tags = merge_tags(&role.tags, read_tags(call)?, "TagsPerRole")?;
    call.put(role);
    done()
}

fn untag_role(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let mut role = named(call)?;
    if !call.params.has("TagKeys") {
        return Err(call.params.missing("TagKeys"));
    }
    role.tags = without_tags(&role.tags, &call.params.texts("TagKeys")?);
    call.put(role);
    done()
}

fn list_role_tags(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let role = seen(call)?;
    let page = Page::take(call, 100)?;
    let item = |(key, value): (&String, &String)| (key.clone(), Xml::new().text("Key", key).text("Value", value));
    let (items, end) = cut(&page, role.tags.iter().map(item).collect());
    Ok(Reply::xml(Xml::new().list("Tags", "member", items).extend(end)))
}

fn put_boundary(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let mut role = named(call)?;
    role.boundary = Some(boundary(call.params.text("PermissionsBoundary")?)?);
    call.put(role);
    done()
}

fn delete_boundary(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let mut role = named(call)?;
    if role.boundary.take().is_none() {
        return Err(no_such(format!("The role with name {} has no permissions boundary.", role.name)));
    }
    call.put(role);
    done()
}
