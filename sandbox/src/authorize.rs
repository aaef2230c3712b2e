//! Who may do what: a request of a session is authorised by the policies of its role, all others may do everything.
//!
//! Policies of resources (buckets, queues, functions) are not asked here.

mod actions;
mod documents;
mod needs;
mod resources;

use std::collections::BTreeSet;

use serde_json::{Map, Value};

pub(crate) use documents::Policies;

use crate::error::ApiError;
use crate::iam_model::Role;
use crate::policy::decide::{Asked, Context, Decision};
use crate::regions;
use crate::service::Service;
use crate::session::{Session, Signer, signer};
use crate::store::{GLOBAL, Tags, World};
use crate::wire::request::Incoming;

/// What a request needs to be allowed.
struct Need {
    /// `ec2:DeleteVpc`
    action: String,
    /// None = the action is for no resource.
    resources: Vec<Resource>,
    /// What only this action knows of the request.
    context: Context,
}

/// Something that a request is for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Resource {
    /// Its ARN, in each form that policies may name it by.
    arns: Vec<String>,
    tags: Tags,
}

/// Refuses a request of a session whose role may not make it.
pub(crate) fn check(
    world: &World,
    request: &Incoming,
    service: &'static Service,
    operation: &str,
    fields: &Map<String, Value>,
) -> Result<(), ApiError> {
    let session = match signer(world, &request.access_key) {
        Signer::Anybody => return Ok(()),
        Signer::Ended => return Err(service.expired_token()),
        Signer::Role(session) => session,
    };
    // Everybody may ask who they are.
    if service.prefix == "sts" {
        return Ok(());
    }
    let base = base(world, request, &session);
    let policies = Policies::of(world, &session.role);
    for need in needs::of(world, request, service, operation, fields) {
        let nowhere = [Resource { arns: vec!["*".to_owned()], tags: Tags::new() }];
        let resources = if need.resources.is_empty() { &nowhere[..] } else { &need.resources };
        for resource in resources {
            let context = with_tags(&base, &need.context, resource, service.prefix);
            let asked =
                Asked { action: &need.action, resource: &resource.arns, context: &context, knows_every_key: false };
            let verdict = policies.judge(asked);
            if verdict.decision != Decision::Allowed {
                let who = caller(world, &request.region, &session);
                let (action, place) = (&need.action, &resource.arns[0]);
                let why = verdict.why(action);
                let message = format!("User: {who} is not authorized to perform: {action} on resource: {place} {why}");
                return Err(service.denied(message));
            }
        }
    }
    Ok(())
}

/// The ARN that stands for a session.
pub(crate) fn caller(world: &World, region: &str, session: &Session) -> String {
    let role = session.role.rsplit('/').next().unwrap_or_default();
    let partition = regions::partition(region);
    format!("arn:{partition}:sts::{}:assumed-role/{role}/{}", world.config.account, session.name)
}

/// Whether a role may do something outside of a request of its own, as a service that takes it does.
pub(crate) fn may(world: &World, role: &str, action: &str, resource: &[String]) -> bool {
    let context = Context::from([("aws:principalarn".to_owned(), vec![role.to_owned()])]);
    let asked = Asked { action, resource, context: &context, knows_every_key: false };
    Policies::of(world, role).judge(asked).decision == Decision::Allowed
}

/// What is known of every request of a session.
fn base(world: &World, request: &Incoming, session: &Session) -> Context {
    let account = world.config.account.clone();
    let role = world.all::<Role>(GLOBAL).find(|role| role.arn == session.role);
    let id = role.map_or_else(String::new, |role| role.unique_id.clone());
    let mut context: Context = [
        ("aws:principalarn", session.role.clone()),
        ("aws:principalaccount", account.clone()),
        ("aws:principaltype", "AssumedRole".to_owned()),
        ("aws:principalisawsservice", "false".to_owned()),
        ("aws:requestedregion", request.region.clone()),
        ("aws:resourceaccount", account),
        // The sandbox is on this machine only; AWS is not.
        ("aws:securetransport", "true".to_owned()),
        ("aws:userid", format!("{id}:{}", session.name)),
        ("aws:viaawsservice", "false".to_owned()),
        ("ec2:region", request.region.clone()),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), vec![value]))
    .collect();
    for (key, value) in role.into_iter().flat_map(|role| &role.tags) {
        context.insert(format!("aws:principaltag/{}", key.to_lowercase()), vec![value.clone()]);
    }
    context
}

fn with_tags(base: &Context, own: &Context, resource: &Resource, prefix: &str) -> Context {
    let mut context = base.clone();
    context.extend(own.clone());
    for (key, value) in &resource.tags {
        for of in ["aws", prefix] {
            context.insert(format!("{of}:resourcetag/{}", key.to_lowercase()), vec![value.clone()]);
        }
    }
    context
}

/// What the policies of a role make of a request.
pub(crate) struct Verdict {
    pub(crate) decision: Decision,
    /// Whether it is the boundary that does not allow it.
    bounded: bool,
    pub(crate) missing: BTreeSet<String>,
    unknown: BTreeSet<String>,
}

impl Verdict {
    /// The end of the sentence in which AWS refuses, and what the sandbox could not judge.
    fn why(&self, action: &str) -> String {
        let kind = if self.bounded { "permissions boundary" } else { "identity-based policy" };
        let why = match self.decision {
            Decision::ExplicitDeny => {
                format!("with an explicit deny in {} {kind}", if self.bounded { "a" } else { "an" })
            }
            _ => format!("because no {kind} allows the {action} action"),
        };
        if self.unknown.is_empty() {
            return why;
        }
        let names: Vec<&str> = self.unknown.iter().map(String::as_str).collect();
        format!("{why} (the sandbox does not simulate {}, so what asks for it did not match)", names.join(", "))
    }
}
