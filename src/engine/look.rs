//! Looking: one sweep per kind, what names stand for, and who the stack is.
use super::{Engine, View};
use crate::{
    address::Address,
    aws::{Error, ErrorClass, tags},
    call::{Scope, SweepCtx},
    diagnostic::{Diagnostic, Diagnostics},
    journal::{self, LockStatus},
    plan::{self, Plan, Wanted},
    record::{Expiry, Pin},
    resource::{Class, Live, Lookup},
    snapshot::{self, Found, Snapshot},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

impl Engine {
    pub(super) fn sweep(&self, stack_id: &str, wanted: &[Wanted]) -> SweepCtx {
        let scope = Scope {
            partition: self.identity.partition.clone(),
            account: self.identity.account.clone(),
            region: self.aws.region().to_owned(),
            stack: self.target.stack.clone(),
            stack_id: stack_id.to_owned(),
        };
        SweepCtx { names: Arc::new(self.names(wanted)), ..SweepCtx::new(self.aws.clone(), Arc::new(scope)) }
    }

    /// One sweep per kind, all at once, and one lookup per `existing:`.
    ///
    /// # Errors
    /// Anything that could not be read; two stacks of one name; an `existing:` that matches nothing or several.
    pub async fn look(&self, wanted: &[Wanted]) -> Result<View, Diagnostics> {
        let claimed = self.memory.claim.as_ref().map(|c| c.stack_id.clone());
        let ctx = self.sweep(claimed.as_deref().unwrap_or_default(), wanted);
        let (found, existing, parameters, at_work) = tokio::join!(
            self.found(&ctx, wanted),
            self.existing(&ctx, wanted),
            self.parameters(wanted),
            self.at_work()
        );
        let (found, existing, at_work) = (found?, existing?, at_work?);
        let mut notes = Diagnostics::default();
        let parameters = parameters.unwrap_or_else(|e| {
            // Who may only look at machines can still plan; an apply asks again.
            let text = format!("what the names of images stand for is not known: {e}");
            notes.push(Diagnostic::warning("DL0537", text).with_help_opt(e.help.clone()));
            BTreeMap::new()
        });
        let stack_id = self.stack_id(claimed.as_ref(), &found)?;
        // A run that did not end well may have removed the last of them without a word.
        let settled = self.memory.run.as_ref().is_none_or(|r| r.ended.as_ref().is_some_and(|e| e.outcome == "ok"));
        if found.is_empty() && settled && self.memory.applied.len() > 1 {
            let text = format!(
                "the journal knows {} objects of {} and AWS shows none",
                self.memory.applied.len(),
                self.target.stack
            );
            return Err(Diagnostic::error("DL0531", text)
                .with_detail(format!("account {}, region {}, journal {}", self.identity.account, self.aws.region(), self.backend.place()))
                .with_help("check account, region and `--endpoint-url`; if everything was really deleted by hand, `dlinfra recover --forget`")
                .into());
        }
        let snapshot = Snapshot::build(found, existing)?;
        let expires = self.expires(&snapshot);
        let mut tags = self.target.tags.clone();
        tags.insert(tags::VERSION.to_owned(), "1".to_owned());
        tags.insert(tags::STACK.to_owned(), self.target.stack.clone());
        tags.insert(tags::STACK_ID.to_owned(), stack_id.clone());
        if let Some(owner) = &self.target.owner {
            tags.insert(tags::OWNER.to_owned(), owner.clone());
        }
        if let Some(expiry) = expires {
            tags.insert(tags::EXPIRES.to_owned(), expiry.at.to_string());
        }
        let scope = Arc::new(Scope { stack_id, ..(*ctx.scope).clone() });
        Ok(View { scope, snapshot, tags, expires, parameters, at_work, notes })
    }

    /// The run that has begun and not ended, if it seems to live. Asked only when there is one, so it costs nothing else.
    async fn at_work(&self) -> Result<Option<LockStatus>, Diagnostics> {
        if self.memory.interrupted().is_none() {
            return Ok(None);
        }
        let lock = journal::lock::status(&*self.backend).await.map_err(|e| e.diagnostic())?;
        let dead = |lock: &LockStatus| self.presence.as_ref().is_some_and(|here| lock.is_dead(here));
        Ok(lock.filter(|lock| lock.held && !dead(lock) && !lock.is_silent(self.aws.clock())))
    }

    /// What the names of wanted images stand for now.
    async fn parameters(&self, wanted: &[Wanted]) -> Result<BTreeMap<String, String>, Error> {
        let named = wanted.iter().filter(|w| w.existing.is_none()).filter_map(|w| w.kind.image(&w.spec));
        let names: BTreeSet<String> = named.flat_map(|image| image.parameters).collect();
        if names.is_empty() { Ok(BTreeMap::new()) } else { self.aws.parameters(&names).await }
    }

    /// A sweep that does not pass over what a killed run made a moment ago. What is wanted is looked for when its turn
    /// comes; what is not wanted any more would be forgotten for good, so AWS gets the time that it may hide it.
    async fn found(&self, ctx: &SweepCtx, wanted: &[Wanted]) -> Result<Vec<Found>, Error> {
        let mut hidden = self.in_flight(wanted);
        loop {
            let found = snapshot::take(self.kinds, ctx).await?;
            let now = self.aws.clock().now();
            hidden.retain(|address, end| *end > now && !found.iter().any(|f| f.live.address == *address));
            if hidden.is_empty() {
                return Ok(found);
            }
            self.aws.clock().sleep(Duration::from_secs(5)).await;
        }
    }

    /// Addresses at which a call of a killed run may have made something that no step of a plan looks for, and until
    /// when AWS may hide it.
    fn in_flight(&self, wanted: &[Wanted]) -> BTreeMap<Address, Timestamp> {
        let opened = self.memory.open.iter().flat_map(|(a, all)| all.iter().map(move |i| (a, i.call.as_str(), i.time)));
        let accepted =
            self.memory.accepted.iter().flat_map(|(a, all)| all.iter().map(move |i| (a, i.call.as_str(), i.time)));
        let mut out = BTreeMap::new();
        for (address, api, time) in opened.chain(accepted) {
            let call = self.kinds.iter().find_map(|k| Some((*k, k.about().calls.iter().find(|c| c.api == api)?)));
            // What was bought is looked for by people.
            if call.is_some_and(|(_, c)| c.class == Class::Money) {
                continue;
            }
            let looked_for = |w: &&Wanted| {
                w.address == *address && w.existing.is_none() && call.is_none_or(|(k, _)| k.name() == w.kind.name())
            };
            if wanted.iter().find(looked_for).is_some_and(|w| !w.kind.is_empty(&w.spec)) {
                continue;
            }
            let window = call.map_or(Duration::from_secs(60), |(_, c)| c.visible_within);
            let end = SignedDuration::try_from(window).ok().and_then(|w| time.checked_add(w).ok()).unwrap_or(time);
            let slot: &mut Timestamp = out.entry(address.clone()).or_insert(end);
            *slot = end.max(*slot);
        }
        out
    }

    /// The journal's stack-id, else the one in the live tags (the journal was lost), else a new one.
    fn stack_id(&self, claimed: Option<&String>, found: &[Found]) -> Result<String, Diagnostics> {
        let live: BTreeMap<&String, &Found> =
            found.iter().filter_map(|f| Some((f.live.tags.get(tags::STACK_ID)?, f))).collect();
        let all: BTreeSet<&String> = live.keys().copied().chain(claimed).collect();
        if all.len() > 1 {
            let owners: Vec<String> = live
                .iter()
                .map(|(id, f)| {
                    format!("{id} (owner {})", f.live.tags.get(tags::OWNER).map_or("unknown", String::as_str))
                })
                .chain(claimed.iter().filter(|c| !live.contains_key(*c)).map(|c| format!("{c} (this journal)")))
                .collect();
            return Err(Diagnostic::error(
                "DL0532",
                format!("two stacks are called {} here: {}", self.target.stack, owners.join(" and ")),
            )
            .with_help(
                "rename one of them (`blueprint:` or `environment:`), or use the journal of the stack that is live",
            )
            .into());
        }
        let minted = self.settled.as_ref().map(|s| s.stack_id.clone()).filter(|id| !id.is_empty());
        Ok(all.first().map(|id| (*id).clone()).or(minted).unwrap_or_else(crate::record::uuid))
    }

    /// Fixed at the first apply, changed only by a changed `ttl`.
    fn expires(&self, snapshot: &Snapshot) -> Option<Expiry> {
        let ttl = self.target.ttl?;
        // Of a stack whose journal was lost, what is live tells.
        let live = || snapshot.owned.values().find_map(|f| f.live.tags.get(tags::EXPIRES)?.parse().ok());
        let kept = match self.memory.pinned::<Expiry>(&Pin::Expiry) {
            Some(pinned) => Some(pinned).filter(|p| p.ttl == ttl),
            None => live().map(|at| Expiry::at(at, ttl)),
        };
        kept.or_else(|| Expiry::after(self.now(), ttl))
    }

    async fn existing(&self, ctx: &SweepCtx, wanted: &[Wanted]) -> Result<BTreeMap<Address, Found>, Diagnostics> {
        let mut out = BTreeMap::new();
        let mut problems = Diagnostics::default();
        for item in wanted {
            let Some(by) = &item.existing else { continue };
            let mut lives = match item.kind.lookup(ctx, by).await {
                Ok(lives) => lives,
                Err(e) if e.class == ErrorClass::NotFound => Vec::new(),
                Err(e) => {
                    problems.push(e.diagnostic().at_address(item.address.as_str()));
                    continue;
                }
            };
            match lives.len() {
                1 => {
                    let mut live = lives.remove(0);
                    live.address = item.address.clone();
                    out.insert(item.address.clone(), Found { kind: item.kind, live: Arc::new(live) });
                }
                0 if self.imagine => {
                    out.insert(item.address.clone(), Found { kind: item.kind, live: Arc::new(imagined(item, by)) });
                }
                n => {
                    let text = format!("`existing:` of {} matches {n} objects and must match one", item.address);
                    problems.push(
                        Diagnostic::error("DL0533", text)
                            .at_address(item.address.as_str())
                            .with_help("name it by its id, or give more tags"),
                    );
                }
            }
        }
        problems.into_result(out).map(|(out, _)| out)
    }
}

/// Stands for an object that exists in the real account, but not in the sandbox.
fn imagined(item: &Wanted, by: &Lookup) -> Live {
    let id = match by {
        Lookup::Id(id) => id.clone(),
        Lookup::Name(name) => name.clone(),
        Lookup::Tags(_) => format!("imagined-{}", item.address),
    };
    let mut outputs = Map::new();
    for output in item.kind.about().outputs {
        let value =
            if matches!(output.name, "id" | "name") { json!(id) } else { json!(format!("imagined-{}", output.name)) };
        outputs.insert(output.name.to_owned(), if output.ty.starts_with("list") { json!([]) } else { value });
    }
    let mut live = Live::new(item.address.clone(), id, BTreeMap::new(), item.spec.clone());
    live.outputs = outputs;
    live
}

/// Says in a plan that somebody is changing what it was made from.
pub(super) fn under_way(plan: &mut Plan, lock: &LockStatus, unanswered: &BTreeMap<Address, Timestamp>, now: Timestamp) {
    for step in plan.steps.iter_mut().filter(|s| s.action == plan::Action::Adopt) {
        if let (Some(live), Some(since)) = (&step.live, unanswered.get(&step.address)) {
            step.reason = format!("{}, made {} by a run that is at work", live.id, plan::ago(*since, now));
        }
    }
    let holder = lock.holder.as_ref();
    let (name, command) = holder.map_or(("somebody unknown", "a command"), |h| (&h.name, &h.command));
    let text = format!("{name} is changing this stack (`{command}`): this plan is from the middle of that");
    plan.notes
        .push(Diagnostic::warning("DL0538", text).with_help("plan again when it has ended: `dlinfra lock status`"));
}
