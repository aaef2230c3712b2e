//! What a kind is given for its calls: clients, identity, tags, names, and the wrapper that journals every create.
mod names;
mod senders;
mod unread;

pub use names::{Names, name, name_prefix};
pub use senders::Senders;
pub use unread::Unread;

use crate::{
    address::Address,
    aws::{
        Aws, Error, ErrorClass,
        ownership::{self, Ownership, Whose},
        tags::{self, Tags},
    },
    clock::Clock,
    record::{Intent, Recorder},
    resource::{Call, Class, Id, Live, NameRule},
    spec,
};
use serde::Serialize;
use std::{
    any::Any,
    collections::{BTreeMap, BTreeSet},
    future::Future,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio::sync::OnceCell;

/// Which stack of which account and region this is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: String,
    /// Twelve digits.
    pub account: String,
    /// `us-east-1`.
    pub region: String,
    /// The stack's name.
    pub stack: String,
    /// Minted once, in the journal's claim.
    pub stack_id: String,
}

impl Scope {
    /// Whose an object is that is owned like this.
    pub fn whose(&self, found: Option<&Ownership>) -> Whose {
        ownership::whose(found, &self.stack, &self.stack_id)
    }

    /// Does this stack own an object with these tags? What it does not own is never changed.
    pub fn owns(&self, found: &Tags) -> bool {
        self.whose(Ownership::read(found).as_ref()) == Whose::Ours
    }

    /// The same for a part of the resource at an address.
    pub fn owns_at(&self, address: &Address, found: &Tags) -> bool {
        let found = Ownership::read(found);
        self.whose(found.as_ref()) == Whose::Ours && found.and_then(|o| o.address).as_ref() == Some(address)
    }
}

/// What the journal says is there. An id that a create call returned says whose an object is where its tags, read by
/// the stack's name, leave out the rest.
#[derive(Debug, Clone, Default)]
pub struct Remembered {
    addresses: BTreeMap<Id, Address>,
    ids: BTreeMap<Address, BTreeSet<Id>>,
    parts: BTreeMap<Address, BTreeMap<String, Id>>,
}

impl Remembered {
    /// The object with this id is at this address.
    pub fn add(&mut self, id: &str, address: &Address) {
        self.addresses.insert(id.to_owned(), address.clone());
        self.ids.entry(address.clone()).or_default().insert(id.to_owned());
    }

    /// So is this part of it.
    pub fn add_part(&mut self, address: &Address, part: &str, id: &str) {
        self.addresses.entry(id.to_owned()).or_insert_with(|| address.clone());
        self.parts.entry(address.clone()).or_default().insert(part.to_owned(), id.to_owned());
    }

    /// The address of the object with this id.
    pub fn address(&self, id: &str) -> Option<&Address> {
        self.addresses.get(id)
    }

    /// The address of an object by its own id, or by those of its members and parts: a fleet has no id in AWS.
    pub fn address_of<S>(&self, live: &Live<S>) -> Option<&Address> {
        let members = live.members.iter().map(|m| &m.id);
        members.chain([&live.id]).chain(live.parts.values()).find_map(|id| self.address(id))
    }

    /// The ids of what is at an address, or of its members.
    pub fn ids(&self, address: &Address) -> BTreeSet<Id> {
        self.ids.get(address).cloned().unwrap_or_default()
    }

    /// The ids of the parts of what is at an address.
    pub fn parts(&self, address: &Address) -> BTreeSet<Id> {
        self.parts.get(address).into_iter().flat_map(BTreeMap::values).cloned().collect()
    }
}

/// Answers that several kinds need in one sweep: the first who asks sends the request, the others wait for it.
#[derive(Debug, Clone, Default)]
pub struct Answers(Arc<Mutex<BTreeMap<&'static str, Slot>>>);

type Slot = Arc<OnceCell<Arc<dyn Any + Send + Sync>>>;

impl Answers {
    /// What `ask` answers, or has answered to somebody else in this sweep.
    ///
    /// # Errors
    /// Those of `ask`; the next one asks again then.
    pub async fn once<T, F>(&self, key: &'static str, ask: F) -> Result<Arc<T>, Error>
    where
        T: Any + Send + Sync,
        F: Future<Output = Result<T, Error>>,
    {
        let slot = self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default().clone();
        let ask = async { ask.await.map(|answer| Arc::new(answer) as Arc<dyn Any + Send + Sync>) };
        let answer = slot.get_or_try_init(|| ask).await?.clone();
        answer.downcast().map_err(|_| Error::bug(format!("`{key}` stands for two kinds of answers")))
    }
}

/// What a sweep is given.
#[derive(Debug, Clone)]
pub struct SweepCtx {
    /// Clients.
    pub aws: Aws,
    /// Whose objects count as owned.
    pub scope: Arc<Scope>,
    /// AWS names that may exist, for kinds found by name.
    pub names: Arc<Names>,
    /// Every stack in the account, not just this one (`dlinfra list`).
    pub all_stacks: bool,
    /// Shared by kinds that are swept together; nothing where a kind is looked at alone.
    pub answers: Option<Answers>,
    /// What the journal says is there.
    pub remembered: Arc<Remembered>,
    /// Details that could not be read, of objects that are read all the same.
    pub unread: Unread,
    /// Only what is at these addresses is of interest; nothing = all there is.
    pub only: Option<Arc<Only>>,
}

/// Addresses, each with the ids of what may be there; `None` = no id is known, and only its tag tells what is there.
pub type Sought = BTreeMap<Address, Option<BTreeSet<Id>>>;

/// Addresses that a sweep is made for. A kind that can ask AWS for them alone may leave out everything else.
#[derive(Debug)]
pub struct Only {
    sought: Sought,
    heeded: AtomicBool,
}

impl Only {
    /// These.
    pub fn new(sought: Sought) -> Self {
        Self { sought, heeded: AtomicBool::new(false) }
    }

    /// The addresses, if everything else was left out.
    pub fn heeded(&self) -> Option<impl Iterator<Item = &Address>> {
        self.heeded.load(Ordering::SeqCst).then(|| self.sought.keys())
    }
}

impl SweepCtx {
    /// For one stack, of which no names are known.
    pub fn new(aws: Aws, scope: Arc<Scope>) -> Self {
        let (remembered, unread) = Default::default();
        Self { aws, scope, names: Arc::default(), all_stacks: false, answers: None, remembered, unread, only: None }
    }

    /// The addresses of which alone the sweep must read everything, if there are at most so many: whoever takes them leaves
    /// out the rest. What kinds share is read whole.
    pub fn only(&self, most: usize) -> Option<impl Iterator<Item = &Address>> {
        let only = self.only.as_ref().filter(|only| self.answers.is_none() && only.sought.len() <= most)?;
        only.heeded.store(true, Ordering::SeqCst);
        Some(only.sought.keys())
    }

    /// The same for kinds that are asked for by id: the ids of all that the sweep must read, if they are known.
    pub fn only_ids(&self) -> Option<BTreeSet<&Id>> {
        let only = self.only.as_ref().filter(|_| self.answers.is_none())?;
        let ids: Vec<_> = only.sought.values().map(Option::as_ref).collect::<Option<_>>()?;
        only.heeded.store(true, Ordering::SeqCst);
        Some(ids.into_iter().flatten().collect())
    }

    /// Is this an object for a sweep: one that carries the stack's name, or any stack's where all are looked at?
    pub fn takes(&self, found: &Tags) -> bool {
        match self.all_stacks {
            true => found.contains_key(tags::STACK),
            false => found.get(tags::STACK) == Some(&self.scope.stack),
        }
    }

    /// Who owns an object that a sweep takes: its tags, and where they leave something out, the journal by its id.
    pub fn owner(&self, id: &str, found: &Tags) -> Option<Ownership> {
        let mut out = Ownership::read(found).filter(|_| self.takes(found))?;
        if let Some(known) = self.remembered.address(id).filter(|_| !self.all_stacks) {
            if out.stack_id.is_empty() {
                out.stack_id.clone_from(&self.scope.stack_id);
            }
            if out.stack_id == self.scope.stack_id {
                out.address.get_or_insert_with(|| known.clone());
            }
        }
        Some(out)
    }

    /// The address of an object of this stack; the stand-in of [`Address::unowned`] where it has none.
    pub fn address(&self, id: &str, found: &Tags) -> Address {
        self.owner(id, found).and_then(|o| o.address).unwrap_or_else(Address::unowned)
    }

    /// The address in these tags, if they say that this stack owns the object.
    #[cfg(any(test, feature = "internals"))]
    pub fn owned(&self, tags: &Tags) -> Option<Address> {
        Ownership::read(tags).filter(|_| self.takes(tags)).and_then(|o| o.address)
    }

    /// The value of an EC2 tag filter (`tag:dlinfra:stack`), or `*` for all stacks.
    pub fn stack_filter(&self) -> &str {
        if self.all_stacks { "*" } else { &self.scope.stack }
    }
}

/// One attempt of a journaled call.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Idempotency token, 52 characters of base32; FSx takes 63 at most, everything else 64.
    pub token: String,
    /// Every tag that the object must carry, in the create call.
    pub tags: Tags,
}

/// What create, update and delete are given.
#[derive(Clone)]
pub struct Ctx {
    /// Clients.
    pub aws: Aws,
    /// Identity of the stack.
    pub scope: Arc<Scope>,
    /// The resource.
    pub address: Address,
    /// Time.
    pub clock: Clock,
    /// The stack's and the user's tags, without part, intent and spec.
    pub tags: Tags,
    /// The value of the `dlinfra:spec` tag; empty = none.
    pub spec_tag: String,
    /// What the plan says that the image's name stands for.
    pub image: Option<String>,
    /// The journal.
    pub recorder: Arc<dyn Recorder>,
    /// Intents of earlier runs on this address that have no answer yet.
    pub open: Arc<Vec<Intent>>,
    /// Counts the calls of this step, so that each has its own token.
    pub ordinal: Arc<AtomicU32>,
    /// What is given as live, or as not there, was seen by this run and changed by nobody else in it, so it need not be
    /// read again before a change.
    pub fresh: bool,
    /// An answer did not say that what was asked for is so now.
    pub doubt: Arc<AtomicBool>,
    /// What this run has asked AWS for, and AWS may have taken back since: by address, in the kind's words.
    pub tried: Arc<Mutex<BTreeSet<(Address, String)>>>,
    /// Who sends something to members of fleets, and must let them go before they end.
    pub senders: Arc<dyn Senders>,
}

impl Ctx {
    /// From now on only a look tells what the object is: a call found that somebody had been faster.
    pub fn doubtful(&self) {
        self.doubt.store(true, Ordering::Relaxed);
    }

    /// AWS has taken this change on, and only time tells whether it keeps it.
    pub fn tried(&self, what: &str) {
        let key = (self.address.clone(), what.to_owned());
        self.tried.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
    }

    /// Has this run asked for this change before? Then AWS has taken it back.
    pub fn has_tried(&self, what: &str) -> bool {
        let key = (self.address.clone(), what.to_owned());
        self.tried.lock().unwrap_or_else(PoisonError::into_inner).contains(&key)
    }

    /// The same identity for reading.
    pub fn sweep(&self) -> SweepCtx {
        SweepCtx::new(self.aws.clone(), self.scope.clone())
    }

    /// The AWS name of this resource: its leaf and ten characters that depend on account, region, stack, address and
    /// `salt` (what forces replacement), cut to the kind's rule.
    pub fn name(&self, rule: &NameRule, salt: &str) -> String {
        name(&self.scope, &self.address, rule, salt)
    }

    /// The tags of a part of this resource, without an intent (for calls that are no journaled creates).
    pub fn part_tags(&self, part: &str) -> Tags {
        let mut out = self.tags.clone();
        if !part.is_empty() {
            out.insert(tags::PART, part.to_owned());
        }
        if !self.spec_tag.is_empty() {
            out.insert(tags::SPEC, self.spec_tag.clone());
        }
        out
    }

    /// Runs one call that makes something: intent before, accepted id after, retries by the call's class.
    ///
    /// `part` is empty for the primary object. `params` is what the call will say (resolved, without token and tags):
    /// an open intent of a killed run is taken up with its own token only if it said exactly the same.
    ///
    /// # Errors
    /// [`ErrorClass::Ambiguous`] = nobody knows whether it happened: the engine looks before it calls again.
    /// [`ErrorClass::Purchase`] = the same of a call that spends money, in this run or an earlier one: it is not sent
    /// again until a person has decided.
    pub async fn call<P, F, Fut>(&self, call: &'static Call, part: &str, params: &P, send: F) -> Result<Vec<Id>, Error>
    where
        P: Serialize + ?Sized,
        F: Fn(Attempt) -> Fut,
        Fut: Future<Output = Result<Vec<Id>, Error>>,
    {
        // A killed run would leave something that nobody finds.
        if matches!(call.class, Class::Name | Class::NameIdempotent) {
            return Err(Error::bug(format!("{} gives a name, which must be recorded", call.api)));
        }
        self.run(call, part, None, params, send).await
    }

    /// The same of a call that gives what it makes a name of its own: the journal knows it before AWS does.
    ///
    /// # Errors
    /// As [`Ctx::call`].
    pub async fn call_named<P, F, Fut>(
        &self,
        call: &'static Call,
        part: &str,
        name: &str,
        params: &P,
        send: F,
    ) -> Result<Vec<Id>, Error>
    where
        P: Serialize + ?Sized,
        F: Fn(Attempt) -> Fut,
        Fut: Future<Output = Result<Vec<Id>, Error>>,
    {
        self.run(call, part, Some(name), params, send).await
    }

    async fn run<P, F, Fut>(
        &self,
        call: &'static Call,
        part: &str,
        name: Option<&str>,
        params: &P,
        send: F,
    ) -> Result<Vec<Id>, Error>
    where
        P: Serialize + ?Sized,
        F: Fn(Attempt) -> Fut,
        Fut: Future<Output = Result<Vec<Id>, Error>>,
    {
        let bought = |i: &&Intent| i.class == Class::Money && i.call == call.api && i.part == part;
        if let Some(open) = self.open.iter().find(bought).filter(|_| call.class == Class::Money) {
            return Err(Error::purchase(call.api, &self.address, open.time));
        }
        let params = serde_json::to_value(params).map_err(|e| Error::bug(e.to_string()))?;
        let ordinal = self.ordinal.fetch_add(1, Ordering::Relaxed);
        let intent = self.intent(call, part, name, &params, ordinal);
        let mut tags = self.part_tags(part);
        tags.insert(tags::INTENT, intent.id.clone());
        let attempt = Attempt { token: self.token(&intent), tags };
        self.recorder.intent(Intent { tags: attempt.tags.clone(), ..intent.clone() }).await?;
        let started = self.clock.now();
        let mut tries = 0u32;
        loop {
            let error = match send(attempt.clone()).await {
                Ok(ids) => {
                    self.recorder.accepted(&self.address, &intent.id, &ids).await?;
                    return Ok(ids);
                }
                Err(error) => error,
            };
            tries += 1;
            let waited = self.clock.now().duration_since(started);
            let again = match error.class {
                ErrorClass::NotVisibleYet => waited < jiff::SignedDuration::from_secs(120),
                ErrorClass::Throttled => waited < jiff::SignedDuration::from_secs(600),
                // A name cannot be taken twice. A token goes out again only after a look: not everything that speaks
                // AWS's protocol remembers tokens, and AWS does not say for every call how long it does.
                ErrorClass::Ambiguous => call.class == Class::Name && tries < 6,
                _ => false,
            };
            if !again {
                if error.class == ErrorClass::Ambiguous && call.class == Class::Money {
                    return Err(Error::purchase(call.api, &self.address, started));
                }
                if error.class != ErrorClass::Ambiguous {
                    self.recorder.failed(&self.address, &intent.id, &error.to_string()).await?;
                }
                return Err(error);
            }
            self.recorder.waiting(&self.address, &error);
            self.clock.sleep(backoff(tries)).await;
        }
    }

    /// Tells people why something takes another way or more time.
    pub fn waiting(&self, why: &Error) {
        self.recorder.waiting(&self.address, why);
    }

    fn intent(
        &self,
        call: &'static Call,
        part: &str,
        name: Option<&str>,
        params: &serde_json::Value,
        ordinal: u32,
    ) -> Intent {
        let digest = spec::sha256(spec::canonical(params).as_bytes());
        // A token is trusted for an hour: how long AWS remembers it is documented for few calls only.
        let fresh = |i: &&Intent| self.clock.now().duration_since(i.time) < jiff::SignedDuration::from_hours(1);
        let open = self.open.iter().filter(|_| call.class == Class::Token).filter(fresh);
        if let Some(same) = open.into_iter().find(|i| i.call == call.api && i.part == part && i.params_digest == digest)
        {
            return same.clone();
        }
        Intent {
            id: crate::record::mint(self.clock.now()),
            address: self.address.clone(),
            call: call.api.to_owned(),
            class: call.class,
            part: part.to_owned(),
            ordinal,
            params: params.clone(),
            params_digest: digest,
            names: name.into_iter().map(str::to_owned).collect(),
            tags: Tags::new(),
            time: self.clock.now(),
        }
    }

    fn token(&self, intent: &Intent) -> String {
        spec::hashed_name(&[&self.scope.stack_id, &intent.id, &intent.ordinal.to_string()], 52)
    }

    /// Does this resource own a part with these tags?
    pub fn owns(&self, found: &Tags) -> bool {
        self.scope.owns_at(&self.address, found)
    }

    /// After "it exists already": the object with these tags is ours only if they say so.
    ///
    /// # Errors
    /// Names the object as somebody else's, with the two ways on.
    pub fn ours(&self, what: &str, found: &Tags) -> Result<(), Error> {
        if self.owns(found) {
            return Ok(());
        }
        Err(Error::stranger(what, Ownership::read(found).map(|o| o.stack).as_deref()))
    }
}

/// Exponential pause between tries, without jitter: what collides is spread by the rate buckets.
pub fn backoff(tries: u32) -> Duration {
    Duration::from_millis(500u64.saturating_mul(1 << tries.min(5)))
}
