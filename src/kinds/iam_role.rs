//! iam-role: what instances or services may do, with its policies and, for instances, its profile.
mod check;
mod foresee;
mod profile;
mod read;

use check::CODES;
pub(super) use read::{profile_of, role_of};

use crate::{
    address::Address,
    aws::{
        Error, ErrorClass, gone,
        tags::{self, Carrier},
    },
    call::{self, Ctx, Scope, SweepCtx},
    kinds::policy::Policy,
    resource::{
        About, Answers, Asks, Call, Changes, Class, DefaultValue, Discovery, Durations, Foreseen, Gone, Id, Live,
        Lookup, NameRule, Output, Problem, Quota, Resource, State, Teardown,
    },
    units::Span,
};
use aws_sdk_iam::types::Tag;
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
/// A session of a role about which nothing is said.
const SESSION: Span = Span::from_seconds(3600);
const NAME: NameRule = NameRule { max: 64, extra: "-", lower: false };
impl Resource for IamRole {
    const KIND: &'static str = "iam-role";
    const ABOUT: About = About {
        codes: CODES,
        outputs: &[
            Output { name: "name", ty: "string", doc: "the role's name" },
            Output { name: "arn", ty: "string", doc: "the role's ARN" },
            Output { name: "instance_profile", ty: "string", doc: "the instance profile's name, if it has one" },
            Output { name: "instance_profile_arn", ty: "string", doc: "the instance profile's ARN, if it has one" },
        ],
        asked: &["managed_policies", "permissions_boundary"],
        unsettled: &[("instance_profile", &["instance_profile"]), ("instance_profile_arn", &["instance_profile"])],
        tagger: &tags::ROLES,
        discovery: Discovery::Prefix,
        terraform: "aws_iam_role",
        calls: &[CREATE, CREATE_PROFILE, ADD_TO_PROFILE],
        name: Some(NAME),
        iam: &[
            "iam:CreateRole",
            "iam:GetRole",
            "iam:ListRoles",
            "iam:UpdateRole",
            "iam:UpdateAssumeRolePolicy",
            "iam:DeleteRole",
            "iam:TagRole",
            "iam:UntagRole",
            "iam:ListRoleTags",
            "iam:ListRolePolicies",
            "iam:GetRolePolicy",
            "iam:PutRolePolicy",
            "iam:DeleteRolePolicy",
            "iam:ListAttachedRolePolicies",
            "iam:AttachRolePolicy",
            "iam:GetPolicy",
            "iam:DetachRolePolicy",
            "iam:PutRolePermissionsBoundary",
            "iam:DeleteRolePermissionsBoundary",
            "iam:CreateInstanceProfile",
            "iam:GetInstanceProfile",
            "iam:ListInstanceProfiles",
            "iam:ListInstanceProfilesForRole",
            "iam:ListInstanceProfileTags",
            "iam:AddRoleToInstanceProfile",
            "iam:RemoveRoleFromInstanceProfile",
            "iam:DeleteInstanceProfile",
            "iam:TagInstanceProfile",
            "iam:UntagInstanceProfile",
        ],
        quotas: &[
            Quota { code: "L-FE177D64", name: "Roles per account" },
            Quota { code: "L-6E65F664", name: "Instance profiles per account" },
        ],
        free: true,
        defaults: &[
            ("permissions_boundary", DefaultValue::Nothing),
            ("max_session", DefaultValue::Other(|| json!("1h"))),
            ("instance_profile", DefaultValue::Flag(false)),
            ("policies", DefaultValue::Other(|| json!({}))),
            ("managed_policies", DefaultValue::EmptyList),
        ],
        gone: Gone::AtOnce,
        stand_in: r#"{"trust":["ec2.amazonaws.com"],"instance_profile":true}"#,
        ..About::new("An IAM role: who may take it and what it may do, with inline policies and an instance profile")
    };

    fn summary(&self) -> String {
        let who = if self.trust.is_empty() { "by policy".to_owned() } else { self.trust.join(", ") };
        let count = self.policies.len() + self.managed_policies.len();
        format!("for {who}, {count} {}", if count == 1 { "policy" } else { "policies" })
    }

    fn check(&self, problems: &mut Vec<Problem>) {
        check::check(self, problems);
    }

    fn normalize(&mut self) {
        if let Some(policy) = &mut self.trust_policy {
            policy.normalize();
        }
        // A document that only names services is shown, and compared, as the list.
        if self.trust.is_empty()
            && let Some(services) = self.trust_policy.as_ref().and_then(Policy::trusted_services)
        {
            self.trust = services;
            self.trust_policy = None;
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

    fn durations(&self) -> Durations {
        Durations::quick(if self.instance_profile == Some(true) { 12 } else { 6 }, 5, 5)
    }

    async fn sweep(ctx: &SweepCtx) -> Result<Vec<Live<Self>>, Error> {
        read::sweep(ctx).await
    }

    async fn create(&self, ctx: &Ctx, found: Option<&Live<Self>>) -> Result<Id, Error> {
        let name = &found.map_or_else(|| ctx.name(&NAME, ""), |profile| profile.id.clone());
        let boundary = &self.permissions_boundary.as_deref().map(|p| arn(&ctx.scope, p));
        let ids = ctx
            .call_named(&CREATE, "", name, &json!({ "name": name, "spec": self }), |attempt| async move {
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
                        let found = ctx.aws.iam().get_role().role_name(name).send().await;
                        let out = found.map_err(|e| Error::from(e).after_exists())?;
                        let role = out.role.ok_or_else(|| Error::missing("the role"))?;
                        ctx.ours(&format!("the role {name}"), &from_tags(role.tags()))?;
                        ctx.doubtful();
                        Ok(vec![name.clone()])
                    }
                    Err(e) => Err(self.trusts().refused(ctx, e).await),
                }
            })
            .await?;
        ids.into_iter().next().ok_or_else(|| Error::missing("the role's name"))
    }

    async fn update(want: &Self, ctx: &Ctx, live: &Live<Self>, changes: &Changes) -> Result<(), Error> {
        let (iam, name) = (ctx.aws.iam(), &live.id);
        if changes.touches("trust") || changes.touches("trust_policy") {
            let trusts = want.trusts();
            let update = iam.update_assume_role_policy().role_name(name).policy_document(trusts.text());
            if let Err(e) = update.send().await {
                return Err(trusts.refused(ctx, e.into()).await);
            }
        }
        if changes.touches("max_session") {
            let length = seconds(want.max_session.unwrap_or(SESSION));
            iam.update_role().role_name(name).max_session_duration(length).send().await?;
        }
        if changes.touches("permissions_boundary") {
            match &want.permissions_boundary {
                Some(policy) => {
                    let policy = arn(&ctx.scope, policy);
                    iam.put_role_permissions_boundary().role_name(name).permissions_boundary(policy).send().await?;
                }
                None => gone(iam.delete_role_permissions_boundary().role_name(name).send().await.map_err(Error::from))?,
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
                iam.attach_role_policy().role_name(name).policy_arn(arn(&ctx.scope, policy)).send().await?;
            }
            for policy in live.spec.managed_policies.iter().filter(|p| !want.managed_policies.contains(p)) {
                let detach = iam.detach_role_policy().role_name(name).policy_arn(arn(&ctx.scope, policy));
                gone(detach.send().await.map_err(Error::from))?;
            }
        }
        if changes.touches("instance_profile") {
            match want.instance_profile {
                Some(true) => profile::add(ctx, live).await?,
                _ => profile::remove(ctx, live).await?,
            }
        }
        Ok(())
    }

    async fn delete(ctx: &Ctx, live: &Live<Self>) -> Result<(), Error> {
        let (iam, name) = (ctx.aws.iam(), &live.id);
        profile::remove(ctx, live).await?;
        if live.state == State::Partial {
            return Ok(());
        }
        // Those of a look: one that came since holds the role, and the next look shows it.
        for policy in &live.spec.managed_policies {
            let detach = iam.detach_role_policy().role_name(name).policy_arn(arn(&ctx.scope, policy));
            gone(detach.send().await.map_err(Error::from))?;
        }
        for policy in live.spec.policies.keys() {
            let delete = iam.delete_role_policy().role_name(name).policy_name(policy);
            gone(delete.send().await.map_err(Error::from))?;
        }
        gone(iam.delete_role().role_name(name).send().await.map_err(Error::from))
    }

    async fn lookup(ctx: &SweepCtx, by: &Lookup) -> Result<Vec<Live<Self>>, Error> {
        let (names, wanted) = match by {
            // An ARN ends with the name.
            Lookup::Id(id) | Lookup::Name(id) => {
                (BTreeSet::from([id.rsplit('/').next().unwrap_or(id).to_owned()]), tags::Tags::new())
            }
            Lookup::Tags(tags) => (read::role_names(ctx, "/").await?, tags.clone()),
        };
        read::lookup(ctx, &names, &wanted).await
    }

    fn carriers(live: &Live<Self>) -> Vec<Carrier> {
        let role = (live.state != State::Partial).then(|| Carrier::own(&tags::ROLES, &live.id));
        let profile = live.parts.get(PROFILE).map(|name| Carrier {
            // The name that the role has, whoever made it.
            by_name: true,
            ..Carrier::part(PROFILE, &tags::INSTANCE_PROFILES, name)
        });
        role.into_iter().chain(profile).collect()
    }
}

impl Answers for IamRole {
    /// A new role has what CreateRole gave it, and no policy.
    fn made(&self, ctx: &Ctx, id: &Id) -> Option<Live<Self>> {
        let spec = Self {
            policies: BTreeMap::new(),
            managed_policies: Vec::new(),
            instance_profile: Some(false),
            max_session: self.max_session.or(Some(SESSION)),
            ..self.clone()
        };
        let mut live = Live::new(ctx.address.clone(), id, ctx.part_tags(""), spec);
        let arn = own_arn(ctx, "role", id);
        live.ids = vec![arn.clone()];
        live.outputs = json!({ "name": id, "arn": arn, "instance_profile": null, "instance_profile_arn": null }).into();
        Some(live)
    }

    fn updated(want: &Self, ctx: &Ctx, live: &Live<Self>) -> Option<Live<Self>> {
        let max_session = want.max_session.or(Some(SESSION));
        let mut after = live.with_spec(Self { max_session, ..want.clone() });
        let (mut name, mut arn) = (Value::Null, Value::Null);
        after.parts.clear();
        after.ids.truncate(1);
        if want.instance_profile == Some(true) {
            let own = own_arn(ctx, "instance-profile", &live.id);
            (name, arn) = (json!(live.id), json!(own));
            after.ids.push(own);
            after.parts.insert(PROFILE.to_owned(), live.id.clone());
        }
        after.outputs.insert("instance_profile", name);
        after.outputs.insert("instance_profile_arn", arn);
        Some(after)
    }
}

impl Asks for IamRole {
    async fn foresee(ctx: &SweepCtx, made: &[Foreseen<Self>]) -> Result<Vec<(usize, Problem)>, Error> {
        foresee::ask(ctx, made).await
    }
}

impl Teardown for IamRole {
    async fn parts_there(ctx: &SweepCtx, ids: &BTreeSet<Id>) -> Result<Vec<(Id, tags::Tags)>, Error> {
        let mut out = Vec::new();
        for name in ids.iter().filter(|n| check::legal_name(n)) {
            out.extend(read::profile_tags(ctx, name).await?.map(|tags| (name.clone(), tags)));
        }
        Ok(out)
    }
}

impl IamRole {
    /// The trust policy, whichever way it was written.
    fn trusts(&self) -> Policy {
        self.trust_policy.clone().unwrap_or_else(|| Policy::trusting(&self.trust))
    }
}

/// The name of a role, and of its profile, that dlinfra makes at this address.
pub(in crate::kinds) fn own_name(scope: &Scope, address: &Address) -> String {
    call::name(scope, address, &NAME, "")
}

fn path(stack: &str) -> String {
    format!("/dlinfra/{stack}/")
}

fn seconds(span: Span) -> i32 {
    i32::try_from(span.seconds()).unwrap_or(i32::MAX)
}

/// AWS's own policies by name, so that blueprints read alike in every partition.
fn short(policy: &str) -> String {
    policy.split_once(":iam::aws:policy/").map_or(policy, |(_, name)| name).to_owned()
}

fn arn(scope: &Scope, policy: &str) -> String {
    match policy.starts_with("arn:") {
        true => policy.to_owned(),
        false => format!("arn:{}:iam::aws:policy/{policy}", scope.partition),
    }
}

/// The ARN of the role, or of its profile, that is made under the stack's path.
fn own_arn(ctx: &Ctx, what: &str, name: &str) -> String {
    let Scope { partition, account, stack, .. } = &*ctx.scope;
    format!("arn:{partition}:iam::{account}:{what}{}{name}", path(stack))
}

fn to_tags(tags: &tags::Tags) -> Result<Vec<Tag>, Error> {
    tags.iter().map(|(k, v)| Tag::builder().key(k).value(v).build().map_err(|e| Error::bug(e.to_string()))).collect()
}

fn from_tags(tags: &[Tag]) -> tags::Tags {
    tags.iter().map(|t| (t.key.clone(), t.value.clone())).collect()
}

#[cfg(test)]
mod tests;
