//! One pass: what has expired is removed, as `dlinfra destroy --stack` would.
use crate::{
    aws::{Aws, ownership::Ownership},
    diagnostic::{Diagnostic, Diagnostics},
    engine::{Engine, Execution, Object, Target},
    journal::{self, S3Backend},
    kind::Kind,
    plan::Action,
    record::{Expiry, Pin},
};
use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use tokio::sync::watch;

/// How many stacks are ended at the same time: what takes long is waiting for AWS.
const AT_ONCE: usize = 8;

/// Which stacks, and how.
#[derive(Clone)]
pub struct Reap {
    /// Only this one.
    pub stack: Option<String>,
    /// Say what would go, and change nothing.
    pub dry_run: bool,
    /// Becomes true when the pass shall stop.
    pub cancel: watch::Receiver<bool>,
}

/// What became of an expired stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// Nothing is left of it.
    Removed,
    /// Something is left, and named.
    Left,
    /// It would be removed now.
    Due,
    /// Somebody works on it.
    Busy,
    /// Its journal says another time than its tags, or cannot be found.
    Doubtful,
    /// It could not be removed this time.
    Failed,
}

/// What became of one stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Its name.
    pub stack: String,
    /// When its time was over.
    pub expired: Timestamp,
    /// What became of it.
    pub end: End,
    /// How many of its resources were removed, or would be.
    pub removed: usize,
    /// What is left, or would be, as `address (kind id)` with the reason where one is known.
    pub left: Vec<String>,
    /// Why it did not end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// What one pass did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pass {
    /// When it began.
    pub at: Timestamp,
    /// Which dlinfra it was.
    pub version: String,
    /// Stacks whose time was over.
    pub stacks: Vec<Ended>,
    /// What could not be looked at.
    pub not_seen: Vec<String>,
}

impl Pass {
    /// Has everything ended that should, as far as it could look? What only looks expired is none of that.
    pub fn is_clean(&self) -> bool {
        let over = |s: &Ended| matches!(s.end, End::Removed | End::Due | End::Doubtful);
        self.not_seen.is_empty() && self.stacks.iter().all(over)
    }
}

/// The latest end that the tags of any object of a stack say, for stacks where some object says one.
fn ends(found: &[Object]) -> BTreeMap<String, Timestamp> {
    let mut out: BTreeMap<String, Timestamp> = BTreeMap::new();
    for owner in found.iter().filter_map(|object| Ownership::read(&object.live.tags)) {
        let Some(at) = owner.expires.and_then(|text| text.parse().ok()) else { continue };
        let latest = out.entry(owner.stack).or_insert(at);
        *latest = at.max(*latest);
    }
    out
}

/// Ends every stack whose time is over.
///
/// # Errors
/// Nothing could be looked at. What happens to single stacks is in the answer.
pub async fn pass(aws: &Aws, kinds: &'static [&'static dyn Kind], reap: Reap) -> Result<Pass, Diagnostics> {
    let at = aws.clock().now();
    let (found, notes) = Engine::all_stacks(aws, kinds).await?;
    let mut over = ends(&found);
    over.retain(|stack, end| *end <= at && reap.stack.as_ref().is_none_or(|only| only == stack));
    let reap = &reap;
    let work = over.into_iter().map(|(stack, expired)| async move {
        // A gate of its own: the lease of one stack says nothing about another.
        let mut ended = one(&aws.apart(), kinds, &stack, expired, reap).await.unwrap_or_else(|problems| Ended {
            stack: stack.clone(),
            expired,
            end: if is_locked(&problems) { End::Busy } else { End::Failed },
            removed: 0,
            left: Vec::new(),
            why: problems.iter().next().map(|d| d.summary.clone()),
        });
        ended.left.sort();
        ended
    });
    let mut stacks: Vec<Ended> = stream::iter(work).buffer_unordered(AT_ONCE).collect().await;
    stacks.sort_by(|one, other| one.stack.cmp(&other.stack));
    let not_seen = notes.iter().map(|d| d.summary.clone()).collect();
    Ok(Pass { at, version: env!("CARGO_PKG_VERSION").to_owned(), stacks, not_seen })
}

fn is_locked(problems: &Diagnostics) -> bool {
    problems.iter().any(|d: &Diagnostic| d.code == journal::codes::LOCKED.code)
}

async fn one(
    aws: &Aws,
    kinds: &'static [&'static dyn Kind],
    stack: &str,
    expired: Timestamp,
    reap: &Reap,
) -> Result<Ended, Diagnostics> {
    let ended = |end, why: &str| Ended {
        stack: stack.to_owned(),
        expired,
        end,
        removed: 0,
        left: Vec::new(),
        why: Some(why.to_owned()).filter(|why| !why.is_empty()),
    };
    if *reap.cancel.borrow() {
        return Ok(ended(End::Failed, "this pass ended before its turn"));
    }
    let account = aws.account().await?;
    let backend = Arc::new(S3Backend::own(aws, &account, stack));
    let target = Target { stack: stack.to_owned(), ..Target::default() };
    let engine = Engine::connect(aws.clone(), kinds, target, backend, false).await?;
    // Both must say so: a run that extends it, or gives it a ttl, writes the journal first.
    let Some(expiry) = engine.memory().pinned::<Expiry>(&Pin::Expiry) else {
        return Ok(ended(End::Doubtful, "its journal is not in the account's own bucket, or knows no end of it"));
    };
    if !expiry.enforced {
        let why = "it was applied with `--no-reaper`, or by a dlinfra that did not write down what is protected";
        return Ok(ended(End::Doubtful, why));
    }
    if expiry.at > engine.now() {
        return Ok(ended(End::Doubtful, &format!("its journal says {}", expiry.at)));
    }
    let removal = engine.plan_removal(&[], expiry.delete_data).await?;
    let (plan, view) = (&removal.plan, &removal.view);
    let goes = plan.steps.iter().filter(|s| s.action == Action::Delete).count();
    let stays = |address: &str| removal.stays.iter().find(|(a, _)| a.as_str() == address).map(|(_, why)| why.clone());
    if reap.dry_run {
        let left = removal.stays.iter().map(|(address, why)| format!("{address}: {why}")).collect();
        return Ok(Ended { removed: goes, left, ..ended(End::Due, "") });
    }
    if goes == 0 && !removal.stays.is_empty() {
        // What is protected stays, and is named each time; nothing is written for it.
        let left = removal.stays.iter().map(|(address, why)| format!("{address}: {why}")).collect();
        return Ok(Ended { left, ..ended(End::Left, "") });
    }
    let run = Execution {
        command: "reap",
        presence: None,
        delete_data: expiry.delete_data,
        sink: Arc::new(|_| {}),
        cancel: reap.cancel.clone(),
    };
    let removed = engine.destroy(plan, view, &[], run).await?;
    let Some(proof) = removed.proof else {
        let why = if removed.outcome.cancelled { "this pass ended first" } else { "the account could not be swept" };
        return Ok(Ended { removed: removed.outcome.done, ..ended(End::Failed, &format!("no proof: {why}")) });
    };
    let failed: BTreeMap<&str, String> =
        removed.outcome.failed.iter().map(|(address, e)| (address.as_str(), e.to_string())).collect();
    let left: BTreeSet<String> = proof
        .left
        .iter()
        .map(|(kind, id, address, state)| {
            let why = stays(address).or_else(|| failed.get(address.as_str()).cloned()).unwrap_or_else(|| state.clone());
            format!("{address} ({kind} {id}): {why}")
        })
        .collect();
    let end = if proof.holds() { End::Removed } else { End::Left };
    Ok(Ended { removed: removed.outcome.done, left: left.into_iter().collect(), ..ended(end, "") })
}
