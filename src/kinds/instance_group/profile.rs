//! Machines take a role through an instance profile: which profile holds a role, and which role a profile.
use super::InstanceGroup;
use crate::{
    address::Address,
    aws::{Error, ErrorClass},
    call::{Ctx, SweepCtx},
    kinds::iam_role,
};
use aws_sdk_ec2::types::Instance;
use std::collections::{BTreeMap, BTreeSet};

/// A role by the name of the profile that holds it.
pub(super) type Roles = BTreeMap<String, String>;

/// The name at the end of an ARN, or the name itself.
pub(super) fn name(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

/// The name of the profile to launch with. Whoever made the role has named its profile, so IAM is asked, unless dlinfra
/// named both.
pub(super) async fn of(want: &InstanceGroup, ctx: &Ctx) -> Result<Option<String>, Error> {
    let Some(role) = &want.role else { return Ok(None) };
    let name = name(role.id()?);
    let address = role.address.as_deref().and_then(Address::parse);
    if address.is_some_and(|address| iam_role::own_name(&ctx.scope, &address) == name) {
        return Ok(Some(name.to_owned()));
    }
    match iam_role::profile_of(&ctx.sweep(), name).await? {
        Some((profile, ..)) => Ok(Some(profile)),
        None => Err(lacking(name)),
    }
}

fn lacking(role: &str) -> Error {
    let text =
        format!("there is no instance profile that holds the role {role}, and machines take a role only through one");
    Error::new(ErrorClass::Invalid, text).help(
        "check the role's name; make a profile for it (`aws iam create-instance-profile`, then \
         `add-role-to-instance-profile`), or use a role of this blueprint with `instance_profile: true`",
    )
}

/// The profiles of these instances that dlinfra did not name.
pub(super) fn foreign<'i>(instances: impl Iterator<Item = &'i Instance>) -> BTreeSet<String> {
    let arns = instances.filter_map(|i| i.iam_instance_profile()?.arn());
    arns.filter(|arn| !arn.contains(":instance-profile/dlinfra/")).map(|arn| name(arn).to_owned()).collect()
}

/// The roles in these profiles, one request for each.
pub(super) async fn roles(ctx: &SweepCtx, profiles: BTreeSet<String>) -> Result<Roles, Error> {
    let mut out = Roles::new();
    for profile in profiles {
        // A profile that was deleted under its machines goes by its own name.
        let role = iam_role::role_of(ctx, &profile).await?.unwrap_or_else(|| profile.clone());
        out.insert(profile, role);
    }
    Ok(out)
}

/// What EC2's refusal of a profile means: it names the profile, which the author has not written.
pub(super) fn refused(error: Error, want: &InstanceGroup) -> Error {
    let role = want.role.as_ref().map(ToString::to_string).unwrap_or_default();
    error.help(format!(
        "EC2 means the instance profile of the role {role}: check that it is there and holds the role \
         (`aws iam list-instance-profiles-for-role`)"
    ))
}
