//! Looking: one sweep per kind, what names stand for, and who the stack is.
use super::{
    Engine, View,
    known::{Gap, Untagged},
};
use crate::engine::codes;
use crate::{
    address::Address,
    aws::{Error, ownership::Ownership, tags},
    call::{Scope, SweepCtx},
    diagnostic::{Diagnostic, Diagnostics},
    journal::{self, LockStatus},
    kind::Kind,
    plan::{self, Plan, Wanted},
    record::{Expiry, Pin},
    resource::{Class, State},
    snapshot::{Found, Snapshot, Surplus},
};
use jiff::{SignedDuration, Timestamp};
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
        let remembered = Arc::new(self.remembered());
        let ctx = SweepCtx::new(self.aws.clone(), Arc::new(scope));
        SweepCtx { names: Arc::new(self.names(wanted)), remembered, ..ctx }
    }

    /// One sweep for each kind of which something is wanted or remembered, all at once, and one lookup per `existing:`.
    /// Without a journal every kind is swept.
    ///
    /// # Errors
    /// Anything that could not be read; two stacks of one name; an `existing:` that matches nothing or several.
    pub async fn look(&self, wanted: &[Wanted]) -> Result<View, Diagnostics> {
        self.look_at(wanted, self.memory.is_empty()).await
    }

    /// The same with a sweep of every kind, so that nothing is passed over which the journal does not know. A kind that
    /// cannot be read is a gap, unless something of it is wanted or remembered.
    ///
    /// # Errors
    /// As [`Engine::look`].
    pub async fn look_everywhere(&self, wanted: &[Wanted]) -> Result<View, Diagnostics> {
        self.look_at(wanted, true).await
    }

    async fn look_at(&self, wanted: &[Wanted], everywhere: bool) -> Result<View, Diagnostics> {
        let claimed = self.memory.claim.as_ref().map(|c| c.stack_id.clone());
        let ctx = self.sweep(claimed.as_deref().unwrap_or_default(), wanted);
        let (found, existing, parameters, at_work) = tokio::join!(
            self.found(&ctx, wanted, everywhere),
            self.existing(&ctx, wanted),
            self.parameters(wanted),
            self.at_work()
        );
        let ((mut found, gaps), (existing, imagined), at_work) = (found?, existing?, at_work?);
        let mut notes: Diagnostics = self.gaps.iter().chain(&gaps).map(Gap::diagnostic).collect();
        notes.extend(imagined);
        let parameters = parameters.unwrap_or_else(|e| {
            // Who may only look at machines can still plan; an apply asks again.
            let text = format!("what the names of images stand for is not known: {e}");
            notes.push(Diagnostic::warning(&codes::IMAGES_NOT_READ, text).with_help_opt(e.help.clone()));
            BTreeMap::new()
        });
        let stack_id = self.stack_id(claimed.as_ref(), &found)?;
        let _ = self.looked_for.set(stack_id.clone());
        let scope = Arc::new(Scope { stack_id, ..(*ctx.scope).clone() });
        // What a sweep does not show may be hidden, or have lost its tags: the journal's ids tell.
        let asked = self.ask_for_missing(&SweepCtx { scope: scope.clone(), ..ctx.clone() }, &found).await?;
        found.extend(asked.found);
        // A run that did not end well may have removed the last of them without a word.
        let settled = self.memory.run.as_ref().is_none_or(|r| r.ended.as_ref().is_some_and(|e| e.outcome == "ok"));
        if found.is_empty() && asked.untagged.is_empty() && settled && self.memory.applied.len() > 1 {
            let text = format!(
                "the journal knows {} objects of {} and AWS shows none",
                self.memory.applied.len(),
                self.target.stack
            );
            return Err(Diagnostic::error(&codes::ALL_MISSING, text)
                .with_detail(format!("account {}, region {}, journal {}", self.identity.account, self.aws.region(), self.backend.place()))
                .with_help("check account, region and `--endpoint-url`; if everything was really deleted by hand, `dlinfra recover --forget`")
                .into());
        }
        let snapshot = Snapshot::arrange(found, existing, &scope, &ctx.remembered);
        notes.extend(apart(&snapshot));
        notes.extend(snapshot.owned.values().chain(snapshot.surplus.values().map(|s| &s.found)).flat_map(novel));
        notes.extend(snapshot.owned.values().filter_map(degraded));
        notes.extend(asked.untagged.iter().map(Untagged::diagnostic));
        notes.extend(ctx.unread.take().into_iter().map(|text| Diagnostic::warning(&codes::DETAIL_NOT_READ, text)));
        let expires = self.expires(&snapshot);
        let mut tags = self.target.tags.clone();
        let ownership = Ownership {
            stack: scope.stack.clone(),
            stack_id: scope.stack_id.clone(),
            owner: self.target.owner.clone(),
            expires: expires.as_ref().map(|expiry| expiry.at.to_string()),
            ..Ownership::default()
        };
        tags.extend(ownership.write().into_iter().map(|(key, value)| (key.to_string(), value)));
        let untagged = asked.untagged.into_iter().collect();
        Ok(View { scope, snapshot, untagged, tags, expires, parameters, at_work, notes })
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
    async fn found(
        &self,
        ctx: &SweepCtx,
        wanted: &[Wanted],
        everywhere: bool,
    ) -> Result<(Vec<Found>, Vec<Gap>), Error> {
        let needed = self.needed(wanted);
        let swept = |kind: &&&'static dyn Kind| everywhere || needed.as_ref().is_none_or(|n| n.contains(kind.name()));
        let kinds: Vec<&'static dyn Kind> = self.kinds.iter().filter(swept).copied().collect();
        let mut hidden = self.in_flight(wanted);
        loop {
            let (found, gaps) = self.swept(&kinds, needed.as_ref(), ctx).await?;
            let now = self.aws.clock().now();
            hidden.retain(|address, end| *end > now && !found.iter().any(|f| f.live.address == *address));
            if hidden.is_empty() {
                return Ok((found, gaps));
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

    /// The journal's stack-id, else the one in the live tags (the journal was lost), else a new one. With the journal's
    /// own objects in sight, others of the same name are only named; where there are only others, nobody goes on.
    fn stack_id(&self, claimed: Option<&String>, found: &[Found]) -> Result<String, Diagnostics> {
        let mut live: BTreeMap<String, (Ownership, bool)> = BTreeMap::new();
        for found in found {
            if let Some(owner) = Ownership::read(&found.live.tags).filter(|o| !o.stack_id.is_empty()) {
                let whole = found.live.state != State::Partial;
                live.entry(owner.stack_id.clone()).or_insert((owner, false)).1 |= whole;
            }
        }
        let blocks = match claimed {
            Some(own) => !live.contains_key(own) && live.values().any(|(_, whole)| *whole),
            None => live.len() > 1,
        };
        if blocks {
            let owners: Vec<String> = live
                .iter()
                .map(|(id, (o, _))| format!("{id} (owner {})", o.owner.as_deref().unwrap_or("unknown")))
                .chain(claimed.iter().map(|c| format!("{c} (this journal)")))
                .collect();
            return Err(Diagnostic::error(
                &codes::STACK_NAME_TWICE,
                format!("two stacks are called {} here: {}", self.target.stack, owners.join(" and ")),
            )
            .with_help(
                "rename one of them (`blueprint:` or `environment:`), or use the journal of the stack that is live",
            )
            .into());
        }
        let minted = self.settled.as_ref().map(|s| s.stack_id.clone()).filter(|id| !id.is_empty());
        let only = || live.into_keys().next();
        Ok(claimed.cloned().or_else(only).or(minted).unwrap_or_else(crate::record::uuid))
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
        let expiry = kept.or_else(|| Expiry::after(self.now(), ttl))?;
        Some(Expiry { delete_data: self.target.ttl_data, enforced: self.target.ttl_enforced, ..expiry })
    }
}

/// What this dlinfra does not know of an object.
pub(super) fn novel(found: &Found) -> Vec<Diagnostic> {
    let (live, kind) = (&found.live, found.kind.name());
    let note = |(field, text): (&String, &String)| {
        let id = live.members.first().map_or(&live.id, |m| &m.id);
        let text = format!("`{field}` of {id} ({kind}) is `{text}`, which this dlinfra does not know");
        let help = "it is not compared and stays as it is; a newer dlinfra may know it";
        Diagnostic::warning(&codes::DETAIL_NOT_READ, text).at_address(live.address.as_str()).with_help(help)
    };
    live.novel.iter().map(note).collect()
}

/// What works, but not as it should: said each time, since no change of the blueprint may be needed.
fn degraded(found: &Found) -> Option<Diagnostic> {
    let (live, kind) = (&found.live, found.kind.name());
    let State::Degraded(why) = &live.state else { return None };
    let text = format!("{} ({kind}) is degraded: {why}", live.id);
    Some(Diagnostic::warning(&codes::DEGRADED, text).at_address(live.address.as_str()))
}

/// What carries the stack's name and has no place in it.
fn apart(snapshot: &Snapshot) -> Diagnostics {
    // The predecessor of something goes by itself.
    let stays = |s: &&Surplus| s.claims.is_none() || !s.found.kind.about().successors;
    let surplus = snapshot.surplus.values().filter(stays).map(|surplus| {
        let live = &surplus.found.live;
        let kind = surplus.found.kind.name();
        match &surplus.claims {
            Some((address, id)) => Diagnostic::warning(
                &codes::TWO_AT_ONE_ADDRESS,
                format!("{} ({kind}) is a second object at {address}, beside {id}", live.id),
            )
            .at_address(address.as_str())
            .with_help("it stays until `dlinfra destroy`; delete it by hand if nothing uses it"),
            None => Diagnostic::warning(
                &codes::WITHOUT_ADDRESS,
                format!("{} ({kind}) is this stack's, and its `{}` cannot be read", live.id, tags::ADDRESS),
            )
            .with_help("set the tag to the address of its resource; `dlinfra destroy` removes it as it is"),
        }
    });
    let others = snapshot.others.iter().map(|found| {
        let (id, kind) = (&found.live.id, found.kind.name());
        match Ownership::read(&found.live.tags).filter(|o| !o.stack_id.is_empty()) {
            Some(owner) => Diagnostic::warning(
                &codes::STACK_NAME_TWICE,
                format!("{id} ({kind}) belongs to another stack of this name: {}", owner.words()),
            )
            .with_help("rename one of the stacks; this one changes only its own objects"),
            None => Diagnostic::warning(
                &codes::UNPROVEN,
                format!("{id} ({kind}) carries this stack's name and no `{}`", tags::STACK_ID),
            )
            .with_help("remove the `dlinfra:` tags if it is not this stack's; if it is, set the tag, or import it"),
        }
    });
    surplus.chain(others).collect()
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
    plan.notes.push(
        Diagnostic::warning(&codes::ANOTHER_RUN, text).with_help("plan again when it has ended: `dlinfra lock status`"),
    );
}
