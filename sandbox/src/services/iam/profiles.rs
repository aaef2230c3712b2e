//! Instance profiles: what carries a role to an instance.

use std::collections::BTreeMap;

use super::roles::{brief, named, seen as seen_role};
use super::{
    conflict, cut, done, exists, limit, merge_tags, name, no_such, path, path_prefix, read_tags, seconds, tag_items,
    unique_id, without_tags,
};
use crate::call::Call;
use crate::error::ApiError;
use crate::iam_model::{InstanceProfile, Role};
use crate::page::Page;
use crate::service::{Operation, read, write};
use crate::wire::reply::Reply;
use crate::wire::xml::Xml;

pub(super) const OPERATIONS: &[Operation] = &[
    write("CreateInstanceProfile", create_instance_profile),
    read("GetInstanceProfile", get_instance_profile),
    read("ListInstanceProfiles", list_instance_profiles),
    read("ListInstanceProfilesForRole", list_instance_profiles_for_role),
    write("AddRoleToInstanceProfile", add_role),
    write("RemoveRoleFromInstanceProfile", remove_role),
    write("DeleteInstanceProfile", delete_instance_profile),
    write("TagInstanceProfile", tag_instance_profile),
    write("UntagInstanceProfile", untag_instance_profile),
    read("ListInstanceProfileTags", list_instance_profile_tags),
];

fn missing(name: &str) -> ApiError {
    no_such(format!("Instance Profile {name} cannot be found."))
}

fn profile(call: &mut Call<'_>) -> Result<InstanceProfile, ApiError> {
    let name = name(call, "InstanceProfileName", 128)?;
    call.find::<InstanceProfile>(&name).cloned().ok_or_else(|| missing(&name))
}

fn seen(call: &mut Call<'_>) -> Result<InstanceProfile, ApiError> {
    let name = name(call, "InstanceProfileName", 128)?;
    call.see::<InstanceProfile>(&name).cloned().ok_or_else(|| missing(&name))
}

fn profile_xml(call: &Call<'_>, profile: &InstanceProfile, with_tags: bool) -> Xml {
    let role = profile.role.as_deref().and_then(|role| call.get::<Role>(role));
    let xml = Xml::new()
        .text("Path", &profile.path)
        .text("InstanceProfileName", &profile.name)
        .text("InstanceProfileId", &profile.unique_id)
        .text("Arn", &profile.arn)
        .text("CreateDate", seconds(profile.created))
        .list("Roles", "member", role.map(brief));
    if with_tags { xml.extend(tag_items(&profile.tags)) } else { xml }
}

fn create_instance_profile(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let name = name(call, "InstanceProfileName", 128)?;
    let path = path(call)?;
    let tags = merge_tags(&BTreeMap::new(), read_tags(call)?, "TagsPerInstanceProfile")?;
    if call.all::<InstanceProfile>().any(|profile| profile.name.eq_ignore_ascii_case(&name)) {
        return Err(exists(format!("Instance Profile {name} already exists.")));
    }
    if call.all::<InstanceProfile>().count() >= 1000 {
        return Err(limit("InstanceProfilesPerAccount", 1000));
    }
    let profile = InstanceProfile {
        arn: call.iam_arn(format!("instance-profile{path}{name}")),
        unique_id: unique_id(call, "AIPA"),
        created: call.now,
        changed: call.now,
        role: None,
        name,
        path,
        tags,
    };
    let xml = profile_xml(call, &profile, true);
    call.put(profile);
    Ok(Reply::xml(Xml::new().child("InstanceProfile", xml)))
}

fn get_instance_profile(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let profile = seen(call)?;
    Ok(Reply::xml(Xml::new().child("InstanceProfile", profile_xml(call, &profile, true))))
}

fn list(call: &mut Call<'_>, wanted: impl Fn(&InstanceProfile) -> bool) -> Result<Reply, ApiError> {
    let page = Page::take(call, 100)?;
    let profiles = call.seen::<InstanceProfile>().filter(|profile| wanted(profile));
    // Listing leaves out tags.
    let items = profiles.map(|profile| (profile.name.clone(), profile_xml(call, profile, false))).collect();
    let (items, end) = cut(&page, items);
    Ok(Reply::xml(Xml::new().list("InstanceProfiles", "member", items).extend(end)))
}

fn list_instance_profiles(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let prefix = path_prefix(call)?;
    list(call, |profile| profile.path.starts_with(&prefix))
}

fn list_instance_profiles_for_role(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let role = seen_role(call)?;
    list(call, |profile| profile.role.as_ref() == Some(&role.name))
}

fn add_role(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let mut profile = profile(call)?;
    let role = named(call)?;
    if profile.role.is_some() {
        return Err(limit("InstanceSessionsPerInstanceProfile", 1));
    }
    profile.role = Some(role.name);
    profile.changed = call.now;
    call.put(profile);
    done()
}

fn remove_role(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let mut profile = profile(call)?;
    let role = named(call)?;
    if profile.role.as_ref() != Some(&role.name) {
        return Err(no_such(format!("Role {} is not in Instance Profile {}.", role.name, profile.name)));
    }
    profile.role = None;
    profile.changed = call.now;
    call.put(profile);
    done()
}

fn delete_instance_profile(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let profile = profile(call)?;
    if profile.role.is_some() {
        return Err(conflict("Cannot delete entity, must remove roles from instance profile first."));
    }
    call.remove::<InstanceProfile>(&profile.name);
    done()
}

fn tag_instance_profile(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let mut profile = profile(call)?;
    if !call.params.has("Tags") {
        return Err(call.params.missing("Tags"));
    }
    profile.tags = merge_tags(&profile.tags, read_tags(call)?, "TagsPerInstanceProfile")?;
    call.put(profile);
    done()
}

fn untag_instance_profile(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let mut profile = profile(call)?;
    if !call.params.has("TagKeys") {
        return Err(call.params.missing("TagKeys"));
    }
    profile.tags = without_tags(&profile.tags, &call.params.texts("TagKeys")?);
    call.put(profile);
    done()
}

fn list_instance_profile_tags(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let profile = seen(call)?;
    let page = Page::take(call, 100)?;
    let item = |(key, value): (&String, &String)| (key.clone(), Xml::new().text("Key", key).text("Value", value));
    let (items, end) = cut(&page, profile.tags.iter().map(item).collect());
    Ok(Reply::xml(Xml::new().list("Tags", "member", items).extend(end)))
}
