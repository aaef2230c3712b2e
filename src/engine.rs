//! The commands as library calls: connect, look, plan, execute, prove. Plan and apply share every step until execution.
//!
//! One file: every command takes a part of the same sequence, and the sequence is read from top to bottom.
pub mod codes;
mod contents;
mod execute;
mod existing;
mod extend;
mod find;
mod foresee;
mod import;
mod jobs;
mod known;
mod look;
mod names;
mod reach;
mod removal;
mod reveal;

pub use codes::CODES;
pub use execute::Execution;
#[cfg(feature = "internals")]
pub use extend::Extended;
pub use import::{By, Claim as ImportClaim, Import};
pub use known::{Gap, Untagged};
pub use removal::{Removal, Removed};

pub use crate::{
    apply::{Event, Outcome, What},
    aws::log_events::LogLine,
    resource::{Live, Lookup, Served, State},
    snapshot::{Found as Object, Snapshot},
};

use crate::{
    address::Address,
    aws::{Aws, Error, Identity, ownership::Ownership},
    call::{Scope, SweepCtx},
    diagnostic::{Diagnostic, Diagnostics, Severity},
    journal::{self, Backend, JournalError, LockStatus, Memory},
    kind::Kind,
    plan::{self, Image, Plan, Wanted, images},
    record::{self, Expiry, Pin, Recorder},
    resource::{Class, Discovery},
    snapshot::{self, Found},
    units::Span,
};
use jiff::{SignedDuration, Timestamp};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

/// What a stack is called and who answers for it.
#[derive(Debug, Clone, Default)]
pub struct Target {
    /// The stack's name.
    pub stack: String,
    /// Twelve digits, if the blueprint states them.
    pub account: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// How long it may live.
    pub ttl: Option<Span>,
    /// Does the end of its life also remove what holds data?
    pub ttl_data: bool,
    /// May the reaper end it?
    pub ttl_enforced: bool,
    /// The user's tags.
    pub tags: BTreeMap<String, String>,
}

/// One stack in one account and region.
pub struct Engine {
    aws: Aws,
    kinds: &'static [&'static dyn Kind],
    backend: Arc<dyn Backend>,
    target: Target,
    identity: Identity,
    memory: Memory,
    /// In the sandbox what `existing:` names is imagined when it is not there.
    imagine: bool,
    /// What a saved plan has settled.
    settled: Option<Settled>,
    watching: OnceLock<Watching>,
    /// Recognises dead processes of this machine.
    presence: Option<journal::Presence>,
    /// Names that a search through the whole account has found.
    searched: BTreeSet<String>,
    /// Kinds that such a search could not look at.
    gaps: Vec<Gap>,
    /// What AWS said is gone while this engine executed.
    removed: Mutex<BTreeSet<String>>,
    /// The stack-id that was found or settled when this engine looked.
    looked_for: OnceLock<String>,
}

/// What was settled when a plan was saved, so that the same inputs give the same steps later.
#[derive(Debug, Clone, Default)]
pub struct Settled {
    /// The time that ages and a new time of expiry are told from.
    pub now: Timestamp,
    /// The id of a stack that nobody has claimed yet; empty = a new one.
    pub stack_id: String,
    /// What named images stand for.
    pub images: BTreeMap<Address, Image>,
}

/// Told when the lock of a silent holder is watched before it is taken over.
pub type Watching = Arc<dyn Fn(&LockStatus) + Send + Sync>;

/// So long AWS may show what it said is gone.
const LINGERING: SignedDuration = SignedDuration::from_secs(60);

/// What was found in the account, and who the stack is.
#[derive(Debug, Clone)]
pub struct View {
    /// Identity.
    pub scope: Arc<Scope>,
    /// Everything owned.
    pub snapshot: Snapshot,
    /// What the journal knows and what is there without the stack's tags.
    pub untagged: Vec<Untagged>,
    /// The tags of every object, without its address.
    pub tags: BTreeMap<String, String>,
    /// When the stack may be removed.
    pub expires: Option<Expiry>,
    /// What the public parameters that name images hold now; those that exist.
    pub parameters: BTreeMap<String, String>,
    /// Another run that changes the stack meanwhile.
    pub at_work: Option<LockStatus>,
    /// What people should know.
    pub notes: Diagnostics,
}

/// What is left of a stack.
#[derive(Debug, Clone)]
pub struct Proof {
    /// Every owned object that a full sweep still found, and everything of the journal that is there without its tags,
    /// as kind, id, address and state.
    pub left: Vec<(String, String, String, String)>,
    /// What it could not see.
    pub gaps: Vec<Gap>,
    /// Does no journal say of which kinds the stack has nothing? Then a gap may hide something.
    pub blind: bool,
}

impl Proof {
    /// Is nothing left, as far as anybody can tell?
    pub fn holds(&self) -> bool {
        self.left.is_empty() && (!self.blind || self.gaps.is_empty())
    }

    /// What it could not see, for people.
    pub fn notes(&self) -> Diagnostics {
        self.gaps.iter().map(Gap::diagnostic).collect()
    }
}

impl Engine {
    /// Asks who the caller is and reads the journal; changes nothing.
    ///
    /// # Errors
    /// No credentials, no connection, another account than stated, a journal that cannot be read.
    pub async fn connect(
        aws: Aws,
        kinds: &'static [&'static dyn Kind],
        target: Target,
        backend: Arc<dyn Backend>,
        imagine: bool,
    ) -> Result<Self, Diagnostics> {
        let mut engine = Self::without_memory(aws, kinds, target, backend, imagine).await?;
        engine.memory = journal::read(&*engine.backend).await.map_err(|e| e.diagnostic())?;
        engine.check_claim(&engine.memory)?;
        Ok(engine)
    }

    /// The same without the journal, which may be lost or damaged: what is looked at is found by tags alone.
    ///
    /// # Errors
    /// No credentials, no connection, another account than stated.
    pub async fn without_memory(
        aws: Aws,
        kinds: &'static [&'static dyn Kind],
        target: Target,
        backend: Arc<dyn Backend>,
        imagine: bool,
    ) -> Result<Self, Diagnostics> {
        let identity = aws.identity().await?.clone();
        if let Some(stated) = target.account.as_ref().filter(|a| **a != identity.account) {
            let text = format!("the blueprint is for the account {stated}, the caller is in {}", identity.account);
            return Err(Diagnostic::error(&crate::aws::codes::OTHER_ACCOUNT_OR_REGION, text)
                .with_detail(format!("the caller is {}", identity.arn))
                .with_help("use the credentials of that account (`--profile`), or correct `account:`")
                .into());
        }
        let (memory, watching, presence) = (Memory::default(), OnceLock::new(), backend.presence());
        let (settled, searched, removed) = (None, BTreeSet::new(), Mutex::default());
        let (gaps, looked_for) = (Vec::new(), OnceLock::new());
        Ok(Self {
            aws,
            kinds,
            backend,
            target,
            identity,
            memory,
            imagine,
            settled,
            watching,
            presence,
            searched,
            gaps,
            removed,
            looked_for,
        })
    }

    /// How dead processes of this machine are recognised, where the journal itself cannot tell.
    pub fn recognise(&mut self, presence: journal::Presence) {
        self.presence = Some(presence);
    }

    /// Takes what was settled before instead of settling it anew.
    pub fn settle(&mut self, settled: Settled) {
        self.settled = Some(settled);
    }

    /// The time that plans are told from.
    pub fn now(&self) -> Timestamp {
        self.settled.as_ref().map_or_else(|| self.aws.clock().now(), |s| s.now)
    }

    /// Is this journal the one of this stack, account and region?
    ///
    /// # Errors
    /// Both are named when it is not.
    pub fn check_claim(&self, memory: &Memory) -> Result<(), Diagnostics> {
        let Some(claim) = &memory.claim else { return Ok(()) };
        let (place, account) = (self.backend.place(), &self.identity.account);
        journal::check(&place, claim, &self.target.stack, account, self.aws.region()).map_err(|e| e.diagnostic())?;
        Ok(())
    }

    /// Who is told when a silent holder's lock is watched; said once.
    pub fn on_watching(&self, told: Watching) {
        let _ = self.watching.set(told);
    }

    /// Where the journal lies.
    pub fn backend(&self) -> &Arc<dyn Backend> {
        &self.backend
    }

    /// The bucket that the first mutating command makes for the journal, if there is none yet.
    ///
    /// # Errors
    /// A place that cannot be looked at.
    pub async fn bucket_to_be_made(&self) -> Result<Option<String>, Diagnostics> {
        let Some(bucket) = self.backend.bucket().filter(|_| self.memory.is_empty()) else { return Ok(None) };
        let place = self.backend.look().await.map_err(|e| e.diagnostic())?;
        Ok((place == journal::Place::ToBeMade).then(|| bucket.to_owned()))
    }

    /// Live objects of which the journal knows nothing: they were made with another one, or it was lost. Whoever
    /// changes things then asks for the right journal first.
    pub fn no_memory(&self, view: &View) -> Option<JournalError> {
        let live = &view.snapshot.owned;
        if !self.memory.is_empty() || live.is_empty() {
            return None;
        }
        let first = live.values().find_map(|f| Ownership::read(&f.live.tags));
        let owner = first.as_ref().and_then(|o| o.owner.clone());
        let owner = owner.as_deref().unwrap_or("an unknown owner");
        // Of what is live: the view has an id of its own where the tags name none.
        let id = first.as_ref().map(|o| o.stack_id.clone()).filter(|id| !id.is_empty());
        let theirs = id.map_or(owner.to_owned(), |id| format!("{owner} (stack-id {id})"));
        let ours = journal::Holder::current("").name;
        Some(JournalError::NoMemory {
            stack: self.target.stack.clone(),
            count: live.len(),
            theirs,
            ours: self.target.owner.as_ref().map_or(ours.clone(), |owner| format!("{owner} ({ours})")),
            place: self.backend.place(),
        })
    }

    /// The caller.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Clients.
    pub fn aws(&self) -> &Aws {
        &self.aws
    }

    /// What the journal remembers.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// What existed when, by the journal; empty without one.
    ///
    /// # Errors
    /// A journal that cannot be read.
    pub async fn history(&self) -> Result<Vec<journal::Stretch>, Diagnostics> {
        journal::history(&*self.backend).await.map_err(|e| e.diagnostic().into())
    }

    /// Where the journal lies.
    pub fn journal_place(&self) -> String {
        self.backend.place()
    }

    /// Looks through the whole account for objects that are found by name, when nobody knows their names any more: one
    /// request for each bucket that there is, so only when the journal is lost and the blueprint cannot tell.
    ///
    /// # Errors
    /// Anything that could not be read.
    pub async fn search(&mut self) -> Result<(), Diagnostics> {
        let ctx = SweepCtx { all_stacks: true, ..self.sweep("", &[]) };
        let ours = |l: &Live| Ownership::read(&l.tags).is_some_and(|o| o.stack == self.target.stack);
        let (mut searched, mut gaps) = (BTreeSet::new(), Vec::new());
        for kind in self.kinds {
            if matches!(kind.about().discovery, Discovery::Prefix) {
                match kind.sweep(&ctx).await {
                    Ok(found) => searched.extend(found.into_iter().filter(ours).map(|l| l.id)),
                    Err(why) if known::is_gap(&why) => gaps.push(Gap { kind: kind.name(), why }),
                    Err(why) => return Err(why.into()),
                }
            }
        }
        self.searched.extend(searched);
        self.gaps = gaps;
        Ok(())
    }

    /// Makes the plan over a fresh view.
    ///
    /// # Errors
    /// A ring among resources.
    pub fn plan(&self, wanted: &[Wanted], view: &View, replace: &BTreeSet<Address>) -> Result<Plan, Diagnostics> {
        self.imports_are_whole(wanted, view)?;
        let opened = self.memory.open.iter().filter_map(|(a, i)| Some((a.clone(), i.first()?.time)));
        let accepted = self.memory.accepted.iter().filter_map(|(a, i)| Some((a.clone(), i.first()?.time)));
        let interrupted: BTreeMap<Address, Timestamp> = opened.chain(accepted).collect();
        let settings = self.memory.settings();
        let now = self.now();
        let choices = wanted.iter().map(|w| &w.address);
        let choices = choices.filter_map(|a| Some((a.clone(), self.memory.pinned(&Pin::Choice(a.clone()))?))).collect();
        // Where nothing is wanted, everything goes.
        let whole = wanted.is_empty().then(|| view.snapshot.with_surplus());
        let mut plan = plan::plan(&plan::Input {
            wanted,
            snapshot: whole.as_ref().unwrap_or(&view.snapshot),
            applied: &self.memory.applied,
            interrupted: &interrupted,
            settings: &settings,
            pinned: &choices,
            tags: &view.tags,
            replace,
            now,
        })?;
        // What was removed since starts anew; a group that is known keeps its image although no member is left.
        let known = |a: &&Address| self.memory.applied.contains_key(*a) || interrupted.contains_key(*a);
        let pin = |a: &Address| self.memory.pinned(&Pin::Image(a.clone()));
        let pinned = wanted.iter().map(|w| &w.address).filter(known);
        let pinned = pinned.filter_map(|a| Some((a.clone(), pin(a)?))).collect();
        let none = BTreeMap::new();
        let settled = self.settled.as_ref().map_or(&none, |s| &s.images);
        plan.notes.extend(view.notes.iter().cloned());
        if let Some(lock) = &view.at_work {
            look::under_way(&mut plan, lock, &interrupted, now);
        }
        images::decide(&mut plan, &images::Known { settled, pinned: &pinned, parameters: &view.parameters });
        for step in plan.steps.iter_mut().filter(|s| matches!(s.action, plan::Action::Create | plan::Action::Replace)) {
            if let Some(intent) = self.purchases().find(|i| i.address == step.address) {
                let when = plan::ago(intent.time, now);
                step.reason = format!(
                    "{} was sent {when} and nobody knows whether AWS executed it: it is looked for, and not bought again",
                    intent.call
                );
            }
        }
        Ok(plan)
    }

    /// Calls that spend money and have no answer.
    fn purchases(&self) -> impl Iterator<Item = &record::Intent> {
        self.memory.open.values().flatten().filter(|i| i.class == Class::Money)
    }

    /// Records what a person found out: that no purchase without an answer at this address was executed. The next
    /// apply may buy.
    ///
    /// # Errors
    /// Nothing is in doubt at the address; a lock that somebody holds; a journal that cannot be written.
    pub async fn not_bought(
        &mut self,
        address: &Address,
        presence: Option<journal::Presence>,
    ) -> Result<(), Diagnostics> {
        let doubtful: Vec<String> = self.purchases().filter(|i| i.address == *address).map(|i| i.id.clone()).collect();
        let Some(claim) = self.memory.claim.clone().filter(|_| !doubtful.is_empty()) else {
            return Err(Diagnostic::error(
                &codes::NO_PURCHASE,
                format!("no purchase at {address} waits for an answer"),
            )
            .at_address(address.as_str())
            .with_help("leave out `--not-bought`: nothing is in doubt")
            .into());
        };
        let holder = journal::Holder::current("not-bought");
        let mut lease = journal::Request::new(self.backend.clone(), self.aws.clock().clone(), holder);
        lease.presence = presence.or(lease.presence);
        let begin = journal::Begin {
            lease,
            stack: claim.stack,
            account: claim.account,
            region: claim.region,
            stack_id: Some(claim.stack_id),
            seen: self.memory.next,
            waiting: Arc::new(|_, _| ()),
        };
        let session = journal::Session::begin(begin).await.map_err(|e| e.diagnostic())?;
        for intent in doubtful {
            session.recorder().failed(address, &intent, "it was not executed: a person looked").await?;
        }
        session.end("ok").await.map_err(|e| e.diagnostic())?;
        self.memory = journal::read(&*self.backend).await.map_err(|e| e.diagnostic())?;
        Ok(())
    }

    /// A full sweep, and a look at every id that the journal knows: what the stack still owns.
    ///
    /// # Errors
    /// Anything that could not be read of a kind that is wanted or remembered: that is no proof.
    pub async fn prove(&self, wanted: &[Wanted]) -> Result<Proof, Diagnostics> {
        let claimed = self.memory.claim.as_ref().map(|c| c.stack_id.clone());
        let stack_id = claimed.or_else(|| self.looked_for.get().cloned()).unwrap_or_default();
        // The journal was read before everything went.
        let names = Arc::new(self.names(wanted).in_doubt());
        let ctx = SweepCtx { names, ..self.sweep(&stack_id, wanted) };
        let removed = self.removed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let needed = self.needed(wanted);
        // What AWS said is gone may be shown for a moment longer.
        let end = self.aws.clock().now() + LINGERING;
        let (found, untagged, gaps) = loop {
            let (mut found, gaps) = self.swept(self.kinds, needed.as_ref(), &ctx).await?;
            let asked = self.ask_for_missing(&ctx, &found).await?;
            found.extend(asked.found);
            let shown = found.iter().map(|f| &f.live.id).chain(asked.untagged.iter().map(|u| &u.id));
            if self.aws.clock().now() >= end || !shown.into_iter().any(|id| removed.contains(id)) {
                break (found, asked.untagged, gaps);
            }
            self.aws.clock().sleep(Duration::from_secs(5)).await;
        };
        let state = |s: &State| match s {
            State::Failed(why) => format!("failed: {why}"),
            State::Degraded(why) => format!("degraded: {why}"),
            other => format!("{other:?}").to_lowercase(),
        };
        let snapshot = Snapshot::arrange(found, BTreeMap::new(), &ctx.scope, &ctx.remembered).with_surplus();
        let mut left: Vec<_> = snapshot
            .owned
            .values()
            .map(|f| (f.kind.name().to_owned(), f.live.id.clone(), f.live.address.to_string(), state(&f.live.state)))
            .collect();
        let lost = "there, without this stack's tags".to_owned();
        left.extend(untagged.into_iter().map(|u| (u.kind.to_owned(), u.id, u.address.to_string(), lost.clone())));
        // What may have been bought is no proof of emptiness.
        let doubt = "nobody knows whether it was bought".to_owned();
        left.extend(
            self.purchases().map(|i| ("purchase".to_owned(), i.call.clone(), i.address.to_string(), doubt.clone())),
        );
        left.sort();
        let gaps = self.gaps.iter().cloned().chain(gaps).collect();
        Ok(Proof { left, gaps, blind: self.memory.is_empty() })
    }

    /// Every object of every stack in the account and region, and what people should know of what could not be read.
    ///
    /// # Errors
    /// Nothing could be read at all.
    pub async fn all_stacks(aws: &Aws, kinds: &[&'static dyn Kind]) -> Result<(Vec<Found>, Diagnostics), Diagnostics> {
        let ctx = of_all(aws).await?;
        let (mut out, mut notes) = (Vec::new(), Diagnostics::new());
        for (kind, found) in snapshot::each(kinds, &ctx).await {
            match found {
                Ok(found) => {
                    notes.extend(found.iter().flat_map(look::novel));
                    out.extend(found);
                }
                Err(why) if known::is_gap(&why) => {
                    let gap = Gap { kind: kind.name(), why };
                    notes.push(Diagnostic { severity: Severity::Warning, ..gap.diagnostic() });
                }
                Err(why) => return Err(why.into()),
            }
        }
        notes.extend(ctx.unread.take().into_iter().map(|text| Diagnostic::warning(&codes::DETAIL_NOT_READ, text)));
        Ok((out, notes))
    }

    /// Kinds that the caller cannot look at, each with the reason.
    ///
    /// # Errors
    /// What is no refusal: a service that does not answer.
    pub async fn unseen(aws: &Aws, kinds: &[&'static dyn Kind]) -> Result<BTreeMap<String, String>, Diagnostics> {
        let ctx = of_all(aws).await?;
        let mut out = BTreeMap::new();
        for (kind, found) in snapshot::each(kinds, &ctx).await {
            match found {
                Ok(_) => {}
                Err(why) if known::is_gap(&why) => drop(out.insert(kind.name().to_owned(), why.to_string())),
                Err(why) => return Err(why.into()),
            }
        }
        Ok(out)
    }
}

/// Looks at every stack in the account and region.
async fn of_all(aws: &Aws) -> Result<SweepCtx, Error> {
    let identity = aws.identity().await?;
    let scope = Scope {
        partition: identity.partition.clone(),
        account: identity.account.clone(),
        region: aws.region().to_owned(),
        stack: String::new(),
        stack_id: String::new(),
    };
    Ok(SweepCtx { all_stacks: true, ..SweepCtx::new(aws.clone(), Arc::new(scope)) })
}
