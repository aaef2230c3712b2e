//! Reading roles back: found by path, each asked for its tags, policies and profile.
use super::{IamRole, PROFILE, from_tags};
use crate::{
    address::Address,
    aws::{Error, ErrorClass, optional, tags::Tags},
    call::SweepCtx,
    kinds::policy::Policy,
    resource::{Live, Resource, State},
    units::Span,
};
use aws_sdk_iam::types::Role;
use futures_util::future::try_join;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// An instance profile under our path.
pub(super) struct Profile {
    pub(super) name: String,
    pub(super) arn: String,
    pub(super) roles: Vec<String>,
    pub(super) tags: Tags,
}

/// Whose roles are wanted.
#[derive(Clone, Copy)]
pub(super) enum Owner<'a> {
    /// This stack's; others are passed over.
    This,
    /// Anybody's that carry these tags.
    Any(&'a Tags),
}

pub(super) async fn role_names(ctx: &SweepCtx, prefix: &str) -> Result<BTreeSet<String>, Error> {
    let mut out = BTreeSet::new();
    let mut pages = ctx.aws.iam().list_roles().path_prefix(prefix).into_paginator().send();
    while let Some(page) = pages.next().await {
        let by_aws = |r: &Role| r.path.starts_with("/aws-service-role/") || r.path.starts_with("/aws-reserved/");
        out.extend(page?.roles.into_iter().filter(|r| !by_aws(r)).map(|r| r.role_name));
    }
    Ok(out)
}

/// Lists leave out tags, so each profile is asked for them.
pub(super) async fn profiles(ctx: &SweepCtx, prefix: &str) -> Result<Vec<Profile>, Error> {
    let mut out = Vec::new();
    let mut pages = ctx.aws.iam().list_instance_profiles().path_prefix(prefix).into_paginator().send();
    while let Some(page) = pages.next().await {
        for found in page?.instance_profiles {
            let name = found.instance_profile_name;
            let read = ctx.aws.iam().get_instance_profile().instance_profile_name(&name).send().await;
            // Deleted between the list and the read.
            let Some(read) = optional(read.map_err(Error::from))? else { continue };
            let tags = read.instance_profile.map(|p| from_tags(p.tags())).unwrap_or_default();
            let roles = found.roles.into_iter().map(|r| r.role_name).collect();
            out.push(Profile { name, arn: found.arn, roles, tags });
        }
    }
    Ok(out)
}

/// A profile whose role is gone, or was never made.
pub(super) fn orphan(address: Address, profile: &Profile) -> Live<IamRole> {
    let spec = IamRole {
        trust: Vec::new(),
        trust_policy: None,
        policies: BTreeMap::new(),
        managed_policies: Vec::new(),
        instance_profile: None,
        permissions_boundary: None,
        max_session: None,
    };
    let mut live = Live::new(address, &profile.name, profile.tags.clone(), spec);
    live.state = State::Partial;
    live.ids = vec![profile.arn.clone()];
    live.parts.insert(PROFILE.to_owned(), profile.name.clone());
    let outputs = json!({ "name": null, "arn": null, "instance_profile": profile.name, "instance_profile_arn": profile.arn });
    live.outputs = outputs.as_object().cloned().unwrap_or_default();
    live
}

/// IAM has no bulk read of roles with tags and policies: a getter for each. Nothing if the role is gone or not wanted.
pub(super) async fn role(
    ctx: &SweepCtx,
    name: &str,
    owner: Owner<'_>,
    profiles: &[Profile],
) -> Result<Option<Live<IamRole>>, Error> {
    let read = ctx.aws.iam().get_role().role_name(name).send().await.map_err(Error::from);
    let Some(role) = optional(read)?.and_then(|out| out.role) else { return Ok(None) };
    let tags = from_tags(role.tags());
    let address = match owner {
        Owner::This => ctx.owned(&tags),
        Owner::Any(wanted) if wanted.iter().all(|(k, v)| tags.get(k) == Some(v)) => {
            Some(ctx.owned(&tags).unwrap_or_else(Address::unowned))
        }
        Owner::Any(_) => None,
    };
    let Some(address) = address else { return Ok(None) };
    let (attached, inline) = match try_join(attached(ctx, name), inline(ctx, name)).await {
        Ok(both) => both,
        Err(e) if e.class == ErrorClass::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    let mut policies = BTreeMap::new();
    for policy in inline {
        let read = ctx.aws.iam().get_role_policy().role_name(name).policy_name(&policy).send().await;
        if let Some(out) = optional(read.map_err(Error::from))? {
            policies.insert(policy, Policy::parse(&out.policy_document)?);
        }
    }
    let own = match owner {
        Owner::This => {
            let ours = |tags: &Tags| ctx.owned(tags).as_ref() == Some(&address);
            let known = profiles.iter().find(|p| ours(&p.tags));
            match known.map(|p| (p.name.clone(), p.arn.clone(), p.roles.iter().any(|r| r == name))) {
                // That of an imported role lies elsewhere, as the role does.
                None if !role.path.starts_with("/dlinfra/") => match profile_of(ctx, name).await? {
                    Some(found) if ours(&profile_tags(ctx, &found.0).await?) => Some(found),
                    _ => None,
                },
                known => known,
            }
        }
        Owner::Any(_) => profile_of(ctx, name).await?,
    };
    live(role, address, tags, policies, attached, own).map(Some)
}

fn live(
    role: Role,
    address: Address,
    tags: Tags,
    policies: BTreeMap<String, Policy>,
    attached: Vec<String>,
    profile: Option<(String, String, bool)>,
) -> Result<Live<IamRole>, Error> {
    let trust = role.assume_role_policy_document.as_deref().ok_or_else(|| Error::missing("a role's trust policy"))?;
    let mut spec = IamRole {
        trust: Vec::new(),
        trust_policy: Some(Policy::parse(trust)?),
        policies,
        managed_policies: attached,
        instance_profile: match &profile {
            None => Some(false),
            Some((_, _, has_role)) => has_role.then_some(true),
        },
        permissions_boundary: role.permissions_boundary.and_then(|b| b.permissions_boundary_arn),
        max_session: role.max_session_duration.and_then(|s| u64::try_from(s).ok()).map(Span::from_seconds),
    };
    spec.normalize();
    let mut live = Live::new(address, &role.role_name, tags, spec);
    live.ids = vec![role.arn.clone()];
    live.created = jiff::Timestamp::from_second(role.create_date.secs()).ok();
    let (mut name, mut arn) = (Value::Null, Value::Null);
    if let Some((profile, profile_arn, _)) = profile {
        (name, arn) = (json!(profile), json!(profile_arn));
        live.ids.push(profile_arn);
        live.parts.insert(PROFILE.to_owned(), profile);
    }
    let outputs = json!({ "name": role.role_name, "arn": role.arn, "instance_profile": name, "instance_profile_arn": arn });
    live.outputs = outputs.as_object().cloned().unwrap_or_default();
    Ok(live)
}

pub(super) async fn attached(ctx: &SweepCtx, role: &str) -> Result<Vec<String>, Error> {
    let mut out = Vec::new();
    let mut pages = ctx.aws.iam().list_attached_role_policies().role_name(role).into_paginator().send();
    while let Some(page) = pages.next().await {
        let policies = page?.attached_policies.unwrap_or_default();
        out.extend(policies.into_iter().filter_map(|p| p.policy_arn));
    }
    Ok(out)
}

pub(super) async fn inline(ctx: &SweepCtx, role: &str) -> Result<Vec<String>, Error> {
    let mut out = Vec::new();
    let mut pages = ctx.aws.iam().list_role_policies().role_name(role).into_paginator().send();
    while let Some(page) = pages.next().await {
        out.extend(page?.policy_names);
    }
    Ok(out)
}

async fn profile_tags(ctx: &SweepCtx, name: &str) -> Result<Tags, Error> {
    let read = ctx.aws.iam().list_instance_profile_tags().instance_profile_name(name).send().await;
    Ok(optional(read.map_err(Error::from))?.map(|out| from_tags(&out.tags)).unwrap_or_default())
}

/// The profile of the same name that holds a role, or the only one.
async fn profile_of(ctx: &SweepCtx, role: &str) -> Result<Option<(String, String, bool)>, Error> {
    let read = ctx.aws.iam().list_instance_profiles_for_role().role_name(role).send().await.map_err(Error::from);
    let all = optional(read)?.map(|out| out.instance_profiles).unwrap_or_default();
    let one = all.iter().find(|p| p.instance_profile_name == role).or_else(|| all.first());
    Ok(one.map(|p| (p.instance_profile_name.clone(), p.arn.clone(), true)))
}
