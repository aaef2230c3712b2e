//! iam-role: what instances or services may do, with its policies and, for instances, its profile.
use crate::{
    address::Address,
    aws::{Error, ErrorClass, gone, optional, tags, tags::TagTarget},
    call::{Ctx, SweepCtx},
    diagnostic::Code,
    kinds::policy::Policy,
    resource::{
        About, Call, Changes, Class, Discovery, Durations, Id, Live, Lookup, NameRule, Output, Problem, Quota,
        Resource, State,
    },
    units::Span,
};
use aws_sdk_iam::types::{Role, Tag};
use futures_util::{StreamExt, TryStreamExt, future::try_join, stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// An IAM role: who may take it, and what it may then do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IamRole {
    /// The services that may take the role, such as `ec2.amazonaws.com`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trust: Vec<String>,
    /// Who may take the role, as a policy document, where a list of services is not enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust_policy: Option<Policy>,
    /// Policies of its own, by name.
    #[serde(default)]
    pub policies: BTreeMap<String, Policy>,
    /// Managed policies: the name of one of AWS's (`AmazonSSMManagedInstanceCore`) or the ARN of one of yours.
    #[serde(default)]
    pub managed_policies: Vec<String>,
    /// Makes an instance profile of the same name, which instances need.
    // Absent on live data while the profile exists without the role in it: that differs from both answers.
    #[serde(default = "no", skip_serializing_if = "Option::is_none")]
    pub instance_profile: Option<bool>,
    /// The managed policy (name or ARN) that bounds what the role can be allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions_boundary: Option<String>,
    /// The longest session of a caller that takes the role, 1h to 12h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_session: Option<Span>,
}

fn no() -> Option<bool> {
    Some(false)
}

const CREATE: Call = Call::new("iam:CreateRole", Class::Name);
const CREATE_PROFILE: Call = Call::new("iam:CreateInstanceProfile", Class::Name);
const ADD_TO_PROFILE: Call = Call::new("iam:AddRoleToInstanceProfile", Class::Parent);
const PROFILE: &str = "instance-profile";
const NAME: NameRule = NameRule { max: 64, extra: "-", lower: false };
/// All inline policies of a role together.
const LONGEST_POLICIES: usize = 10_240;
/// The most that AWS raises the quota of a trust policy to.
const LONGEST_TRUST: usize = 8192;

/// Field checks, for `explain`.
pub(super) const CODES: &[Code] = &[
    Code {
        code: "DL0330",
        title: "nobody, or two different answers, may take the role",
        explain: "A role says who may take it: `trust`, a list of services, or `trust_policy`, a whole policy document. \
                  Exactly one of the two must be written.",
    },
    Code {
        code: "DL0331",
        title: "not a service that can take a role",
        explain: "Services are named by their principal, which is a domain name: `ec2.amazonaws.com`, \
                  `sagemaker.amazonaws.com`, `fsx.amazonaws.com`.",
    },
    Code {
        code: "DL0332",
        title: "session length out of range",
        explain: "IAM takes a longest session of 1 to 12 hours. Instances renew their credentials by themselves and are \
                  not bound by it.",
    },
    Code {
        code: "DL0333",
        title: "a policy that AWS would refuse",
        explain: "A policy is a map with `Statement`, a list of statements; each has an `Effect` (Allow or Deny) and an \
                  `Action`. All inline policies of a role together have at most 10,240 characters.",
    },
    Code {
        code: "DL0334",
        title: "a policy's name is not legal",
        explain: "Names of inline policies have 1 to 128 characters out of letters, digits and `_+=,.@-`.",
    },
    Code {
        code: "DL0335",
        title: "managed policy not named as AWS names it, or too many",
        explain: "`managed_policies` holds names of AWS's own policies (`AmazonSSMManagedInstanceCore`, \
                  `service-role/AmazonEC2ContainerServiceforEC2Role`) or ARNs of yours. A role has at most 20 of them \
                  (10 unless the quota was raised).",
    },
];

impl Resource for IamRole {
    const KIND: &'static str = "iam-role";
    const ABOUT: About = About {
        outputs: &[
            Output { name: "name", ty: "string", doc: "the role's name" },
            Output { name: "arn", ty: "string", doc: "the role's ARN" },
            Output { name: "instance_profile", ty: "string", doc: "the instance profile's name, if it has one" },
            Output { name: "instance_profile_arn", ty: "string", doc: "the instance profile's ARN, if it has one" },
        ],
        discovery: Discovery::Prefix,
        calls: &[CREATE, CREATE_PROFILE, ADD_TO_PROFILE],
        name: Some(NAME),
        iam: &[
            "iam:CreateRole", "iam:GetRole", "iam:ListRoles", "iam:UpdateRole", "iam:UpdateAssumeRolePolicy",
            "iam:DeleteRole", "iam:TagRole", "iam:UntagRole", "iam:ListRoleTags", "iam:ListRolePolicies",
            "iam:GetRolePolicy", "iam:PutRolePolicy", "iam:DeleteRolePolicy", "iam:ListAttachedRolePolicies",
            "iam:AttachRolePolicy", "iam:DetachRolePolicy", "iam:PutRolePermissionsBoundary",
            "iam:DeleteRolePermissionsBoundary", "iam:CreateInstanceProfile", "iam:GetInstanceProfile",
            "iam:ListInstanceProfiles", "iam:ListInstanceProfilesForRole", "iam:ListInstanceProfileTags",
            "iam:AddRoleToInstanceProfile", "iam:RemoveRoleFromInstanceProfile", "iam:DeleteInstanceProfile",
            "iam:TagInstanceProfile", "iam:UntagInstanceProfile",
        ],
        quotas: &[
            Quota { code: "L-FE177D64", name: "Roles per account" },
            Quota { code: "L-6E65F664", name: "Instance profiles per account" },
        ],
        ..About::new("An IAM role: who may take it and what it may do, with inline policies and an instance profile")
    };

    fn summary(&self) -> String {
        let who = if self.trust.is_empty() { "by policy".to_owned() } else { self.trust.join(", ") };
        let count = self.policies.len() + self.managed_policies.len();
        format!("for {who}, {count} {}", if count == 1 { "policy" } else { "policies" })
    }

    fn check(&self, problems: &mut Vec<Problem>) {
        let mut add = |code, path: &str, summary: String, help: &str| {
            problems.push(Problem { code, path: path.to_owned(), summary, help: help.to_owned() });
        };
        match (self.trust.is_empty(), &self.trust_policy) {
            (true, None) => add(
                "DL0330",
                "trust",
                "nobody may take this role".to_owned(),
                "write `trust: [ec2.amazonaws.com]` for instances, or a `trust_policy`",
            ),
            (false, Some(_)) => add(
                "DL0330",
                "trust_policy",
                "both `trust` and `trust_policy` are written".to_owned(),
                "keep one: a policy document can name services as well",
            ),
            _ => {}
        }
        for service in self.trust.iter().filter(|s| !s.contains(".amazonaws.")) {
            add(
                "DL0331",
                "trust",
                format!("`{service}` is not a service principal"),
                &format!("write `{}.amazonaws.com`", service.split('.').next().unwrap_or("ec2")),
            );
        }
        if self.max_session.is_some_and(|s| !(3600..=43_200).contains(&s.seconds())) {
            add("DL0332", "max_session", "the longest session is 1h to 12h".to_owned(), "write for example `4h`");
        }
        if let Some((summary, help)) = self.trust_policy.as_ref().and_then(|p| p.problem(LONGEST_TRUST)) {
            add("DL0333", "trust_policy", summary, &help);
        }
        for (name, policy) in &self.policies {
            let path = format!("policies.{name}");
            if !legal_policy_name(name) {
                add(
                    "DL0334",
                    &path,
                    format!("`{name}` is not a legal policy name"),
                    "use up to 128 letters, digits and `_+=,.@-`",
                );
            }
            if let Some((summary, help)) = policy.problem(LONGEST_POLICIES) {
                add("DL0333", &path, summary, &help);
            }
        }
        let total: usize = self.policies.values().map(|p| p.text().len()).sum();
        if self.policies.len() > 1 && total > LONGEST_POLICIES {
            add(
                "DL0333",
                "policies",
                format!("the policies have {total} characters together; AWS takes {LONGEST_POLICIES}"),
                "give fewer statements, use wildcards, or attach a managed policy",
            );
        }
        for name in self.managed_policies.iter().chain(&self.permissions_boundary) {
            let arn = name.starts_with("arn:");
            if arn && !name.contains(":policy/") || !arn && !name.split('/').all(legal_policy_name) {
                add(
                    "DL0335",
                    "managed_policies",
                    format!("`{name}` is neither the name of an AWS policy nor a policy's ARN"),
                    "write for example `AmazonSSMManagedInstanceCore` or `arn:aws:iam::123456789012:policy/mine`",
                );
            }
        }
        if self.managed_policies.len() > 20 {
            add(
                "DL0335",
                "managed_policies",
                format!("{} managed policies; a role takes 20", self.managed_policies.len()),
                "put statements together into `policies`",
            );
        }
    }

    fn normalize(&mut self) {
        if let Some(policy) = &mut self.trust_policy {
            policy.normalize();
        }
        // A document that only names services is shown, and compared, as the list.
        if self.trust.is_empty() {
            if let Some(services) = self.trust_policy.as_ref().and_then(Policy::trusted_services) {
                self.trust = services;
                self.trust_policy = None;
            }
        }
        self.trust.sort();
        self.trust.dedup();
        self.policies.values_mut().for_each(Policy::normalize);
        for name in self.managed_policies.iter_mut().chain(&mut self.permissions_boundary) {
            *name = short(name);
        }
        self.managed_policies.sort();
        self.managed_policies.dedup();
    }

    fn default_of(path: &str) -> Option<Value> {
        match path {
            "permissions_boundary" => Some(Value::Null),
            "max_session" => Some(json!("1h")),
            "instance_profile" => Some(json!(false)),
            "policies" => Some(json!({})),
            "managed_policies" => Some(json!([])),
            _ => None,
        }
    }

    fn durations(&self) -> Durations {
        Durations::quick(if self.instance_profile == Some(true) { 12 } else { 6 }, 5, 5)
    }

    async fn sweep(ctx: &SweepCtx) -> Result<Vec<Live<Self>>, Error> {
        let prefix = if ctx.all_stacks { "/dlinfra/".to_owned() } else { path(&ctx.scope.stack) };
        let (mut names, profiles) = try_join(role_names(ctx, &prefix), profiles(ctx, &prefix)).await?;
        // An imported role lies elsewhere; the journal knows its name.
        names.extend(ctx.names.iter().filter(|n| n.len() <= NAME.max && legal_policy_name(n)).cloned());
        let reads: Vec<_> = names.iter().map(|name| read_role(ctx, name, Owner::This, &profiles)).collect();
        let found: Vec<_> = stream::iter(reads).buffered(8).try_collect().await?;
        let mut out: Vec<_> = found.into_iter().flatten().collect();
        for profile in &profiles {
            let Some(address) = ctx.owned(&profile.tags) else { continue };
            if !out.iter().any(|role| role.address == address) {
                out.push(orphan(address, profile));
            }
        }
        Ok(out)
    }

    async fn create(&self, ctx: &Ctx, found: Option<&Live<Self>>) -> Result<Id, Error> {
        let name = &found.map_or_else(|| ctx.name(&NAME, ""), |profile| profile.id.clone());
        let boundary = &self.permissions_boundary.as_deref().map(|p| arn(ctx, p));
        let ids = ctx
            .call(&CREATE, "", &json!({ "name": name, "spec": self }), |attempt| async move {
                let call = ctx
                    .aws
                    .iam_once()
                    .create_role()
                    .role_name(name)
                    .path(path(&ctx.scope.stack))
                    .assume_role_policy_document(self.trusts().text())
                    .set_max_session_duration(self.max_session.map(seconds))
                    .set_permissions_boundary(boundary.clone())
                    .set_tags(Some(to_tags(&attempt.tags)?));
                match call.send().await.map_err(Error::from) {
                    Ok(_) => Ok(vec![name.clone()]),
                    Err(e) if e.class == ErrorClass::Exists => {
                        let out = ctx.aws.iam().get_role().role_name(name).send().await?;
                        let role = out.role.ok_or_else(|| Error::missing("the role"))?;
                        ctx.ours(&format!("the role {name}"), &from_tags(role.tags()))?;
                        Ok(vec![name.clone()])
                    }
                    Err(e) => Err(e),
                }
            })
            .await?;
        ids.into_iter().next().ok_or_else(|| Error::missing("the role's name"))
    }

    async fn update(want: &Self, ctx: &Ctx, live: &Live<Self>, changes: &Changes) -> Result<(), Error> {
        let (iam, name) = (ctx.aws.iam(), &live.id);
        if changes.touches("trust") || changes.touches("trust_policy") {
            iam.update_assume_role_policy().role_name(name).policy_document(want.trusts().text()).send().await?;
        }
        if changes.touches("max_session") {
            let length = want.max_session.map_or(3600, seconds);
            iam.update_role().role_name(name).max_session_duration(length).send().await?;
        }
        if changes.touches("permissions_boundary") {
            match &want.permissions_boundary {
                Some(policy) => {
                    let policy = arn(ctx, policy);
                    iam.put_role_permissions_boundary().role_name(name).permissions_boundary(policy).send().await?;
                }
                None => gone(
                    iam.delete_role_permissions_boundary().role_name(name).send().await.map_err(Error::from),
                )?,
            }
        }
        if changes.touches("policies") {
            for (policy, document) in want.policies.iter().filter(|(n, d)| live.spec.policies.get(*n) != Some(d)) {
                let put = iam.put_role_policy().role_name(name).policy_name(policy);
                put.policy_document(document.text()).send().await?;
            }
            for policy in live.spec.policies.keys().filter(|n| !want.policies.contains_key(*n)) {
                let delete = iam.delete_role_policy().role_name(name).policy_name(policy);
                gone(delete.send().await.map_err(Error::from))?;
            }
        }
        if changes.touches("managed_policies") {
            for policy in want.managed_policies.iter().filter(|p| !live.spec.managed_policies.contains(p)) {
                iam.attach_role_policy().role_name(name).policy_arn(arn(ctx, policy)).send().await?;
            }
            for policy in live.spec.managed_policies.iter().filter(|p| !want.managed_policies.contains(p)) {
                let detach = iam.detach_role_policy().role_name(name).policy_arn(arn(ctx, policy));
                gone(detach.send().await.map_err(Error::from))?;
            }
        }
        if changes.touches("instance_profile") {
            match want.instance_profile {
                Some(true) => add_profile(ctx, live).await?,
                _ => remove_profile(ctx, live).await?,
            }
        }
        Ok(())
    }

    async fn delete(ctx: &Ctx, live: &Live<Self>) -> Result<(), Error> {
        let (iam, name) = (ctx.aws.iam(), &live.id);
        remove_profile(ctx, live).await?;
        if live.state == State::Partial {
            return Ok(());
        }
        // Read again: a policy that came after the sweep would block the role.
        let sweep = ctx.sweep();
        let policies = try_join(attached(&sweep, name), inline(&sweep, name)).await;
        let Some((attached, inline)) = optional(policies)? else { return Ok(()) };
        for policy in attached {
            let detach = iam.detach_role_policy().role_name(name).policy_arn(policy);
            gone(detach.send().await.map_err(Error::from))?;
        }
        for policy in inline {
            let delete = iam.delete_role_policy().role_name(name).policy_name(policy);
            gone(delete.send().await.map_err(Error::from))?;
        }
        gone(iam.delete_role().role_name(name).send().await.map_err(Error::from))
    }

    async fn lookup(ctx: &SweepCtx, by: &Lookup) -> Result<Vec<Live<Self>>, Error> {
        let (names, wanted) = match by {
            // An ARN ends with the name.
            Lookup::Id(id) | Lookup::Name(id) => {
                (BTreeSet::from([id.rsplit('/').next().unwrap_or(id).to_owned()]), BTreeMap::new())
            }
            Lookup::Tags(tags) => (role_names(ctx, "/").await?, tags.clone()),
        };
        let reads: Vec<_> = names.iter().map(|name| read_role(ctx, name, Owner::Any(&wanted), &[])).collect();
        let found: Vec<_> = stream::iter(reads).buffered(8).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    fn tag_targets(live: &Live<Self>) -> Vec<TagTarget> {
        let role = (live.state != State::Partial).then(|| TagTarget::Role(live.id.clone()));
        role.into_iter().chain(live.parts.get(PROFILE).map(|p| TagTarget::InstanceProfile(p.clone()))).collect()
    }
}

impl IamRole {
    /// The trust policy, whichever way it was written.
    fn trusts(&self) -> Policy {
        self.trust_policy.clone().unwrap_or_else(|| Policy::trusting(&self.trust))
    }
}

/// An instance profile under our path.
struct Profile {
    name: String,
    arn: String,
    roles: Vec<String>,
    tags: tags::Tags,
}

/// Whose roles are wanted.
#[derive(Clone, Copy)]
enum Owner<'a> {
    /// This stack's; others are passed over.
    This,
    /// Anybody's that carry these tags.
    Any(&'a tags::Tags),
}

fn path(stack: &str) -> String {
    format!("/dlinfra/{stack}/")
}

fn seconds(span: Span) -> i32 {
    i32::try_from(span.seconds()).unwrap_or(i32::MAX)
}

fn legal_policy_name(name: &str) -> bool {
    (1..=128).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c))
}

/// AWS's own policies by name, so that blueprints read alike in every partition.
fn short(policy: &str) -> String {
    policy.split_once(":iam::aws:policy/").map_or(policy, |(_, name)| name).to_owned()
}

fn arn(ctx: &Ctx, policy: &str) -> String {
    match policy.starts_with("arn:") {
        true => policy.to_owned(),
        false => format!("arn:{}:iam::aws:policy/{policy}", ctx.scope.partition),
    }
}

fn to_tags(tags: &tags::Tags) -> Result<Vec<Tag>, Error> {
    tags.iter()
        .map(|(k, v)| Tag::builder().key(k).value(v).build().map_err(|e| Error::bug(e.to_string())))
        .collect()
}

fn from_tags(tags: &[Tag]) -> tags::Tags {
    tags.iter().map(|t| (t.key.clone(), t.value.clone())).collect()
}

async fn role_names(ctx: &SweepCtx, prefix: &str) -> Result<BTreeSet<String>, Error> {
    let mut out = BTreeSet::new();
    let mut pages = ctx.aws.iam().list_roles().path_prefix(prefix).into_paginator().send();
    while let Some(page) = pages.next().await {
        out.extend(page?.roles.into_iter().map(|r| r.role_name));
    }
    Ok(out)
}

/// Lists leave out tags, so each profile is asked for them.
async fn profiles(ctx: &SweepCtx, prefix: &str) -> Result<Vec<Profile>, Error> {
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
fn orphan(address: Address, profile: &Profile) -> Live<IamRole> {
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
async fn read_role(
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
        Owner::This => profiles.iter().find(|p| ctx.owned(&p.tags).as_ref() == Some(&address)).map(|p| {
            (p.name.clone(), p.arn.clone(), p.roles.iter().any(|r| r == name))
        }),
        Owner::Any(_) => profile_of(ctx, name).await?,
    };
    live(role, address, tags, policies, attached, own).map(Some)
}

fn live(
    role: Role,
    address: Address,
    tags: tags::Tags,
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

/// The profile of the same name that holds a role, or the only one.
async fn profile_of(ctx: &SweepCtx, role: &str) -> Result<Option<(String, String, bool)>, Error> {
    let read = ctx.aws.iam().list_instance_profiles_for_role().role_name(role).send().await.map_err(Error::from);
    let all = optional(read)?.map(|out| out.instance_profiles).unwrap_or_default();
    let one = all.iter().find(|p| p.instance_profile_name == role).or_else(|| all.first());
    Ok(one.map(|p| (p.instance_profile_name.clone(), p.arn.clone(), true)))
}

async fn add_profile(ctx: &Ctx, live: &Live<IamRole>) -> Result<(), Error> {
    let name = &live.id;
    if !live.parts.contains_key(PROFILE) {
        ctx.call(&CREATE_PROFILE, PROFILE, &json!({ "name": name }), |attempt| async move {
            let call = ctx.aws.iam_once().create_instance_profile().instance_profile_name(name);
            let call = call.path(path(&ctx.scope.stack)).set_tags(Some(to_tags(&attempt.tags)?));
            match call.send().await.map_err(Error::from) {
                Ok(_) => Ok(vec![name.clone()]),
                Err(e) if e.class == ErrorClass::Exists => {
                    let out = ctx.aws.iam().get_instance_profile().instance_profile_name(name).send().await?;
                    let profile = out.instance_profile.ok_or_else(|| Error::missing("the instance profile"))?;
                    ctx.ours(&format!("the instance profile {name}"), &from_tags(profile.tags()))?;
                    Ok(vec![name.clone()])
                }
                Err(e) => Err(e),
            }
        })
        .await?;
    }
    let profile = live.parts.get(PROFILE).unwrap_or(name);
    let params = json!({ "profile": profile, "role": name });
    ctx.call(&ADD_TO_PROFILE, PROFILE, &params, |_| async move {
        let add = ctx.aws.iam().add_role_to_instance_profile().instance_profile_name(profile).role_name(name);
        match add.send().await.map_err(Error::from) {
            // A profile holds one role: it may be there already, which the next sweep will show.
            Err(e) if e.class != ErrorClass::Quota => Err(e),
            _ => Ok(vec![profile.clone()]),
        }
    })
    .await?;
    Ok(())
}

async fn remove_profile(ctx: &Ctx, live: &Live<IamRole>) -> Result<(), Error> {
    let Some(profile) = live.parts.get(PROFILE) else { return Ok(()) };
    let iam = ctx.aws.iam();
    let remove = iam.remove_role_from_instance_profile().instance_profile_name(profile).role_name(&live.id);
    gone(remove.send().await.map_err(Error::from))?;
    gone(iam.delete_instance_profile().instance_profile_name(profile).send().await.map_err(Error::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(value: Value) -> IamRole {
        let mut role: IamRole = serde_json::from_value(value).unwrap();
        role.normalize();
        role
    }

    fn codes(value: Value) -> Vec<&'static str> {
        let mut problems = Vec::new();
        role(value).check(&mut problems);
        problems.iter().map(|p| p.code).collect()
    }

    #[test]
    fn a_trust_policy_of_services_is_shown_as_the_list() {
        let list = role(json!({ "trust": ["ec2.amazonaws.com"] }));
        let document = role(json!({ "trust_policy": { "Statement": {
            "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "Service": "ec2.amazonaws.com" } } } }));
        assert_eq!(list, document);
        assert_eq!(list.summary(), "for ec2.amazonaws.com, 0 policies");
        let other = role(json!({ "trust_policy": { "Statement": {
            "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "AWS": "123456789012" } } } }));
        assert!(other.trust.is_empty() && other.trust_policy.is_some());
    }

    #[test]
    fn managed_policies_are_a_set_of_names() {
        let role = role(json!({ "trust": ["ec2.amazonaws.com"], "managed_policies":
            ["arn:aws-cn:iam::aws:policy/AmazonSSMManagedInstanceCore", "arn:aws:iam::123456789012:policy/mine"] }));
        assert_eq!(role.managed_policies, ["AmazonSSMManagedInstanceCore", "arn:aws:iam::123456789012:policy/mine"]);
    }

    #[test]
    fn fields_are_checked() {
        let trust = json!(["ec2.amazonaws.com"]);
        assert!(codes(json!({ "trust": trust })).is_empty());
        assert_eq!(codes(json!({})), ["DL0330"]);
        assert_eq!(codes(json!({ "trust": ["ec2"] })), ["DL0331"]);
        assert_eq!(codes(json!({ "trust": trust, "max_session": "13h" })), ["DL0332"]);
        assert_eq!(codes(json!({ "trust": trust, "policies": { "a b": { "Statement": [] } } })), ["DL0334", "DL0333"]);
        assert_eq!(codes(json!({ "trust": trust, "managed_policies": ["no such thing"] })), ["DL0335"]);
        let both = json!({ "trust": trust, "trust_policy": { "Statement": { "Effect": "Allow", "Action": "sts:*" } } });
        assert_eq!(codes(both), ["DL0330"]);
    }

    #[test]
    fn a_profile_without_its_role_differs_from_both_answers() {
        let mut half = role(json!({ "trust": ["ec2.amazonaws.com"] }));
        assert_eq!(serde_json::to_value(&half).unwrap()["instance_profile"], false);
        half.instance_profile = None;
        assert!(serde_json::to_value(&half).unwrap().get("instance_profile").is_none());
    }
}
