//! Reading roles back: found by path, each asked for its tags, policies and profile.
use super::{IamRole, NAME, PROFILE, check, from_tags, path};
use crate::{
    address::Address,
    aws::{Error, ErrorClass, optional, tags::Tags},
    call::SweepCtx,
    kinds::policy::Policy,
    resource::{Live, Resource, State},
    units::Span,
};
use aws_sdk_iam::types::Role;
use futures_util::{
    StreamExt, TryStreamExt,
    future::{join, try_join, try_join3},
    stream,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// An instance profile under our path.
struct Profile {
    name: String,
    arn: String,
    roles: Vec<String>,
}

impl Profile {
    /// Is it the profile that was made for this role? One under the stack's path, of the role's name and with the role
    /// in it, is asked for its tags only before it is removed.
    fn is_of(&self, role: &str) -> bool {
        self.name == role && self.roles.iter().any(|r| r == role)
    }
}

/// Whose roles are wanted.
#[derive(Clone, Copy)]
enum Owner<'a> {
    /// This stack's; others are passed over.
    This,
    /// Anybody's that carry these tags.
    Any(&'a Tags),
}

/// What belongs to one role, but for its profile.
struct Parts {
    role: Role,
    address: Address,
    tags: Tags,
    policies: BTreeMap<String, Policy>,
    attached: Vec<String>,
}

/// A profile as a role shows it: its name, its ARN, and whether it holds the role.
type Own = (String, String, bool);

/// Every role of the stack, and profiles whose role is gone.
pub(super) async fn sweep(ctx: &SweepCtx) -> Result<Vec<Live<IamRole>>, Error> {
    // Imported roles lie anywhere: a search over all stacks looks at every role that is not AWS's own.
    let (under, profiles_under) = match ctx.all_stacks {
        true => ("/".to_owned(), "/dlinfra/".to_owned()),
        false => (path(&ctx.scope.stack), path(&ctx.scope.stack)),
    };
    // Of what the journal knows everything is asked for at once; others say first whose they are.
    let known = ctx.names.known(IamRole::KIND);
    let (listed, profiles, mut found) =
        try_join3(role_names(ctx, &under), profiles(ctx, &profiles_under), all(ctx, &known, Owner::This, true)).await?;
    let mut names = listed;
    // An imported role lies elsewhere; the journal knows its name.
    let legal = |n: &String| n.len() <= NAME.max && check::legal_name(n);
    names.extend(ctx.names.of(IamRole::KIND).into_iter().filter(legal));
    names.retain(|name| !known.contains(name));
    found.extend(all(ctx, &names, Owner::This, false).await?);
    let is_of_any = |p: &Profile| found.iter().any(|f| p.is_of(&f.role.role_name));
    let (clear, unclear): (Vec<_>, Vec<_>) = profiles.into_iter().partition(is_of_any);
    let mut others = owners(ctx, unclear).await?;
    let mut out = Vec::new();
    for parts in found {
        let name = &parts.role.role_name;
        let own = match clear.iter().find(|p| p.is_of(name)) {
            Some(profile) => Some((profile.name.clone(), profile.arn.clone(), true)),
            None => own(ctx, &parts, &mut others).await?,
        };
        out.push(live(parts, own)?);
    }
    // Roles that were deleted by hand, or never made.
    for (tags, profile) in others {
        out.push(orphan(ctx.address(&profile.name, &tags), tags, &profile));
    }
    Ok(out)
}

/// The profile of a role that its name does not give away.
async fn own(ctx: &SweepCtx, parts: &Parts, others: &mut Vec<(Tags, Profile)>) -> Result<Option<Own>, Error> {
    let name = &parts.role.role_name;
    let role = ctx.owner(name, &parts.tags);
    let of_role = |id: &str, tags: &Tags| {
        let its = ctx.owner(id, tags);
        matches!((&its, &role), (Some(its), Some(role)) if its.address.is_some() && its.is_of(role))
    };
    if let Some(at) = others.iter().position(|(tags, profile)| of_role(&profile.name, tags)) {
        let (_, profile) = others.remove(at);
        let holds = profile.roles.iter().any(|r| r == name);
        return Ok(Some((profile.name, profile.arn, holds)));
    }
    // That of an imported role lies elsewhere, as the role does.
    if parts.role.path.starts_with("/dlinfra/") {
        return Ok(None);
    }
    let Some(found) = profile_of(ctx, name).await? else { return Ok(None) };
    let tags = profile_tags(ctx, &found.0).await?.unwrap_or_default();
    Ok(of_role(&found.0, &tags).then_some(found))
}

/// Roles with these names, whoever owns them, that carry these tags.
pub(super) async fn lookup(
    ctx: &SweepCtx,
    names: &BTreeSet<String>,
    wanted: &Tags,
) -> Result<Vec<Live<IamRole>>, Error> {
    let mut out = Vec::new();
    for parts in all(ctx, names, Owner::Any(wanted), false).await? {
        let own = profile_of(ctx, &parts.role.role_name).await?;
        out.push(live(parts, own)?);
    }
    Ok(out)
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

/// Lists leave out tags.
async fn profiles(ctx: &SweepCtx, prefix: &str) -> Result<Vec<Profile>, Error> {
    let mut out = Vec::new();
    let mut pages = ctx.aws.iam().list_instance_profiles().path_prefix(prefix).into_paginator().send();
    while let Some(page) = pages.next().await {
        out.extend(page?.instance_profiles.into_iter().map(|found| Profile {
            name: found.instance_profile_name,
            arn: found.arn,
            roles: found.roles.into_iter().map(|r| r.role_name).collect(),
        }));
    }
    Ok(out)
}

/// Whose these profiles are; those of others, and those that were deleted between the list and this, are left out.
async fn owners(ctx: &SweepCtx, profiles: Vec<Profile>) -> Result<Vec<(Tags, Profile)>, Error> {
    let read = |profile: Profile| async move {
        let Some(tags) = profile_tags(ctx, &profile.name).await? else { return Ok::<_, Error>(None) };
        Ok(ctx.takes(&tags).then_some((tags, profile)))
    };
    let reads: Vec<_> = profiles.into_iter().map(read).collect();
    let found: Vec<_> = stream::iter(reads).buffered(8).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

/// A profile whose role is gone, or was never made.
fn orphan(address: Address, tags: Tags, profile: &Profile) -> Live<IamRole> {
    let spec = IamRole {
        trust: Vec::new(),
        trust_policy: None,
        policies: BTreeMap::new(),
        managed_policies: Vec::new(),
        instance_profile: None,
        permissions_boundary: None,
        max_session: None,
    };
    let mut live = Live::new(address, &profile.name, tags, spec);
    live.state = State::Partial;
    live.ids = vec![profile.arn.clone()];
    live.parts.insert(PROFILE.to_owned(), profile.name.clone());
    live.outputs =
        json!({ "name": null, "arn": null, "instance_profile": profile.name, "instance_profile_arn": profile.arn })
            .into();
    live
}

async fn all(ctx: &SweepCtx, names: &BTreeSet<String>, owner: Owner<'_>, at_once: bool) -> Result<Vec<Parts>, Error> {
    let reads: Vec<_> = names.iter().map(|name| parts(ctx, name, owner, at_once)).collect();
    // IAM grants few requests a second.
    let found: Vec<_> = stream::iter(reads).buffered(if at_once { 3 } else { 8 }).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

/// IAM has no bulk read of roles with tags and policies: a getter for each. Nothing if the role is gone or not wanted.
async fn parts(ctx: &SweepCtx, name: &str, owner: Owner<'_>, at_once: bool) -> Result<Option<Parts>, Error> {
    let get = async { ctx.aws.iam().get_role().role_name(name).send().await.map_err(Error::from) };
    let rest = try_join(attached(ctx, name), policies(ctx, name));
    let (read, rest) = match at_once {
        true => {
            let (read, rest) = join(get, rest).await;
            (read, Ok(rest))
        }
        false => (get.await, Err(rest)),
    };
    let Some(role) = optional(read)?.and_then(|out| out.role) else { return Ok(None) };
    let tags = from_tags(role.tags());
    let taken = match owner {
        Owner::This => ctx.takes(&tags),
        Owner::Any(wanted) => wanted.iter().all(|(k, v)| tags.get(k) == Some(v)),
    };
    if !taken {
        return Ok(None);
    }
    let address = ctx.address(&role.role_name, &tags);
    let rest = match rest {
        Ok(read) => read,
        Err(rest) => rest.await,
    };
    match rest {
        Ok((attached, policies)) => Ok(Some(Parts { role, address, tags, policies, attached })),
        Err(e) if e.class == ErrorClass::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

/// The role's own policies with their documents.
async fn policies(ctx: &SweepCtx, role: &str) -> Result<BTreeMap<String, Policy>, Error> {
    let read = |policy: String| async move {
        let read = ctx.aws.iam().get_role_policy().role_name(role).policy_name(&policy).send().await;
        // Deleted between the list and the read.
        let Some(out) = optional(read.map_err(Error::from))? else { return Ok::<_, Error>(None) };
        Ok(Some((policy, Policy::parse(&out.policy_document)?)))
    };
    let reads: Vec<_> = inline(ctx, role).await?.into_iter().map(read).collect();
    let found: Vec<_> = stream::iter(reads).buffered(8).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

fn live(parts: Parts, profile: Option<Own>) -> Result<Live<IamRole>, Error> {
    let Parts { role, address, tags, policies, attached } = parts;
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
    live.outputs =
        json!({ "name": role.role_name, "arn": role.arn, "instance_profile": name, "instance_profile_arn": arn })
            .into();
    Ok(live)
}

async fn attached(ctx: &SweepCtx, role: &str) -> Result<Vec<String>, Error> {
    let mut out = Vec::new();
    let mut pages = ctx.aws.iam().list_attached_role_policies().role_name(role).into_paginator().send();
    while let Some(page) = pages.next().await {
        let policies = page?.attached_policies.unwrap_or_default();
        out.extend(policies.into_iter().filter_map(|p| p.policy_arn));
    }
    Ok(out)
}

async fn inline(ctx: &SweepCtx, role: &str) -> Result<Vec<String>, Error> {
    let mut out = Vec::new();
    let mut pages = ctx.aws.iam().list_role_policies().role_name(role).into_paginator().send();
    while let Some(page) = pages.next().await {
        out.extend(page?.policy_names);
    }
    Ok(out)
}

/// Nothing if there is no such profile.
pub(super) async fn profile_tags(ctx: &SweepCtx, name: &str) -> Result<Option<Tags>, Error> {
    let read = ctx.aws.iam().get_instance_profile().instance_profile_name(name).send().await;
    let profile = optional(read.map_err(Error::from))?.and_then(|out| out.instance_profile);
    Ok(profile.map(|p| from_tags(p.tags())))
}

/// The name of the role in a profile; nothing if there is no such profile, or no role in it.
pub(in crate::kinds) async fn role_of(ctx: &SweepCtx, profile: &str) -> Result<Option<String>, Error> {
    let read = ctx.aws.iam().get_instance_profile().instance_profile_name(profile).send().await;
    let found = optional(read.map_err(Error::from))?.and_then(|out| out.instance_profile);
    Ok(found.and_then(|p| p.roles.into_iter().next()).map(|role| role.role_name))
}

/// The profile of the same name that holds a role, or the only one.
pub(in crate::kinds) async fn profile_of(ctx: &SweepCtx, role: &str) -> Result<Option<Own>, Error> {
    let read = ctx.aws.iam().list_instance_profiles_for_role().role_name(role).send().await.map_err(Error::from);
    let all = optional(read)?.map(|out| out.instance_profiles).unwrap_or_default();
    let one = all.iter().find(|p| p.instance_profile_name == role).or_else(|| all.first());
    Ok(one.map(|p| (p.instance_profile_name.clone(), p.arn.clone(), true)))
}
