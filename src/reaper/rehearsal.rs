//! The rehearsal: everything is looked at, IAM is asked about every removing action, and nothing is changed.
use super::{
    grants::{self, Grant},
    presence::{ground, installed, try_bucket},
};
use crate::{
    aws::{Aws, Error, simulate::Question},
    diagnostic::Diagnostics,
    engine::Engine,
    kind::Kind,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What a rehearsal found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rehearsal {
    /// When.
    pub at: Timestamp,
    /// Which dlinfra it was.
    pub version: String,
    /// By kind: the actions that it would be refused when it removes one.
    pub refused: BTreeMap<String, Vec<String>>,
    /// By kind: why it cannot look at them.
    pub not_seen: BTreeMap<String, String>,
    /// Why it cannot work with the journals, if it cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub journal: Option<String>,
}

impl Rehearsal {
    /// What it may not do, of these kinds, in words.
    pub fn holes<'a>(&self, kinds: impl Iterator<Item = &'a str>) -> Vec<String> {
        let kinds: BTreeSet<&str> = kinds.collect();
        let refused = self.refused.iter().filter(|(kind, _)| kinds.contains(kind.as_str()));
        let refused = refused.map(|(kind, actions)| format!("{kind}: {}", actions.join(", ")));
        let unseen = self.not_seen.iter().filter(|(kind, _)| kinds.contains(kind.as_str()));
        let unseen = unseen.map(|(kind, why)| format!("{kind}: it cannot be looked at ({why})"));
        let journal = self.journal.iter().map(|why| format!("the journals: {why}"));
        journal.chain(refused).chain(unseen).collect()
    }
}

/// Looks at everything, and asks about every removing action of every kind.
///
/// # Errors
/// IAM cannot be asked.
pub async fn check(aws: &Aws, kinds: &'static [&'static dyn Kind]) -> Result<Rehearsal, Diagnostics> {
    let (at, version) = (aws.clock().now(), env!("CARGO_PKG_VERSION").to_owned());
    let not_seen = Engine::unseen(aws, kinds).await?;
    let mut ground = ground(aws).await?;
    ground.data = installed(aws).await?.is_some_and(|it| it.data);
    let refused = refused(aws, &grants::grants(kinds, &ground)).await?;
    let of = |(kind, actions): (&'static str, Vec<&'static str>)| {
        let actions: Vec<String> = actions.into_iter().filter(|a| refused.contains(*a)).map(str::to_owned).collect();
        (!actions.is_empty()).then(|| (kind.to_owned(), actions))
    };
    let journal = try_bucket(aws).await.err().map(|e| e.to_string());
    let refused = grants::removing(kinds).into_iter().filter_map(of).collect();
    Ok(Rehearsal { at, version, refused, not_seen, journal })
}

/// The actions that the caller's role would be refused.
async fn refused(aws: &Aws, grants: &[Grant]) -> Result<BTreeSet<String>, Error> {
    let role = aws.principal().await?;
    let mut out = BTreeSet::new();
    for grant in grants.iter().filter(|grant| grant.sid.starts_with("Remove")) {
        let context = if grant.tagged { vec![(grants::condition(), "1".to_owned())] } else { Vec::new() };
        let actions: Vec<String> = grant.actions.iter().cloned().collect();
        // Where a statement is for all of a place, something of it is asked about.
        let there = grant.resources.iter().filter(|_| !grant.tagged);
        let resources: Vec<String> = there.map(|arn| arn.replace('*', "any")).collect();
        let ask = Question { role: &role, actions: &actions, resources: &resources, context: &context };
        out.extend(aws.refused(&ask).await?);
    }
    Ok(out)
}
