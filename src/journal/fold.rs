//! What a journal says, taken together: the memory of a stack.
use crate::{
    address::Address,
    record::{Applied, Intent, Pin, Record, Setting},
    resource::{Class, Id},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

/// The number of a journal object. A recovered journal is a new generation, which counts from 1 again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Sequence {
    /// 1, and one more with each recovery.
    pub generation: u32,
    /// From 1, without gaps.
    pub number: u64,
}

impl Sequence {
    /// The first of a generation.
    pub const fn first(generation: u32) -> Self {
        Self { generation, number: 1 }
    }

    /// The one after this.
    #[must_use]
    pub const fn next(self) -> Self {
        Self { generation: self.generation, number: self.number + 1 }
    }
}

impl Default for Sequence {
    fn default() -> Self {
        Self::first(1)
    }
}

/// `0001-000000000042`: sorts as text as it does by number.
impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:012}", self.generation, self.number)
    }
}

impl FromStr for Sequence {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (generation, number) = text.split_once('-').ok_or(())?;
        let out = Self { generation: generation.parse().map_err(|_| ())?, number: number.parse().map_err(|_| ())? };
        // Only the one spelling that sorts counts.
        if out.to_string() == text { Ok(out) } else { Err(()) }
    }
}

/// Whose journal it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The stack's name.
    pub stack: String,
    /// Minted once; in the tag `dlinfra:stack-id` of every object.
    pub stack_id: String,
    /// Twelve digits.
    pub account: String,
    /// `us-east-1`.
    pub region: String,
    /// When.
    pub time: Timestamp,
}

/// A call that AWS answered, on a resource that was not reported stable or gone since.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Accepted {
    /// The intent's id.
    pub intent: String,
    /// `ec2:RunInstances`; empty when the intent is not in the journal.
    pub call: String,
    /// The part that it made; empty = the primary object.
    pub part: String,
    /// What AWS returned.
    pub ids: Vec<Id>,
    /// When.
    pub time: Timestamp,
}

/// The last mutating command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastRun {
    /// `apply`, `destroy`, …
    pub command: String,
    /// Who and where.
    pub holder: String,
    /// When it began.
    pub time: Timestamp,
    /// How it ended; nothing if it was killed, or still runs.
    pub ended: Option<Ended>,
}

/// The end of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// `ok`, `partial`, `interrupted`, `failed`.
    pub outcome: String,
    /// When.
    pub time: Timestamp,
}

/// The fold of a journal.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// Whose journal this is; nothing before the first mutating command.
    pub claim: Option<Claim>,
    /// What was applied last, by address.
    pub applied: BTreeMap<Address, Applied>,
    /// Calls without an answer, oldest first.
    pub open: BTreeMap<Address, Vec<Intent>>,
    /// Calls with an answer on resources that did not become stable, oldest first.
    pub accepted: BTreeMap<Address, Vec<Accepted>>,
    /// Secondary objects that calls have made on resources which are not gone: part to id, by address.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parts: BTreeMap<Address, BTreeMap<String, Id>>,
    /// What was resolved at the first apply and kept.
    pub pins: BTreeMap<String, Value>,
    /// The last mutating command.
    pub run: Option<LastRun>,
    /// AWS names that may exist, by address, for kinds that are found by name.
    pub named: BTreeMap<Address, BTreeSet<String>>,
    /// The number of the next journal object.
    pub next: Sequence,
}

impl Memory {
    /// Nothing was ever recorded.
    pub fn is_empty(&self) -> bool {
        self.claim.is_none()
    }

    /// Every AWS name that may exist, for [`crate::call::SweepCtx::names`].
    #[cfg(any(test, feature = "internals"))]
    pub fn names(&self) -> BTreeSet<String> {
        self.named.values().flatten().cloned().collect()
    }

    /// Did the journal ever see an object that has not been reported gone? An empty sweep is then an error
    /// ("wrong account or region?"), never a proof of emptiness.
    pub fn expects_objects(&self) -> bool {
        !self.applied.is_empty() || !self.accepted.is_empty()
    }

    /// The last command, if it did not end: it was killed, or it still runs.
    pub fn interrupted(&self) -> Option<&LastRun> {
        self.run.as_ref().filter(|r| r.ended.is_none())
    }

    /// The last answer for each resource that was made by a run which ended before it saw the result.
    pub fn unseen(&self) -> BTreeMap<Address, Timestamp> {
        let last =
            |(address, all): (&Address, &Vec<Accepted>)| Some((address.clone(), all.iter().map(|a| a.time).max()?));
        self.accepted.iter().filter_map(last).collect()
    }

    /// Intents without an answer on one address.
    pub fn open_at(&self, address: &Address) -> &[Intent] {
        self.open.get(address).map_or(&[], Vec::as_slice)
    }

    /// What runs that never ended were about to set, by address.
    pub fn settings(&self) -> BTreeMap<Address, Setting> {
        let setting = |(key, value): (&String, &Value)| match key.parse() {
            Ok(Pin::Setting(address)) => Some((address, serde_json::from_value(value.clone()).ok()?)),
            _ => None,
        };
        self.pins.iter().filter_map(setting).collect()
    }

    /// What is kept under this pin, in its own form.
    pub fn pinned<T: DeserializeOwned>(&self, pin: &Pin) -> Option<T> {
        serde_json::from_value(self.pins.get(&pin.to_string())?.clone()).ok()
    }

    /// Adds one record.
    pub fn apply(&mut self, record: &Record) {
        match record {
            Record::Claim { stack, stack_id, account, region, time } => {
                // The first claim stands: a generation has one.
                self.claim.get_or_insert_with(|| Claim {
                    stack: stack.clone(),
                    stack_id: stack_id.clone(),
                    account: account.clone(),
                    region: region.clone(),
                    time: *time,
                });
            }
            Record::Run { command, holder, time } => {
                let (command, holder) = (command.clone(), holder.clone());
                self.run = Some(LastRun { command, holder, time: *time, ended: None });
            }
            Record::Intent(intent) => self.intend(intent),
            Record::Accepted { address, intent, ids, time } => self.accept(address, intent, ids, *time),
            Record::Failed { address, intent, .. } => {
                self.close(address, intent);
            }
            Record::Stable { address, applied, .. } => {
                self.settle(address);
                self.pins.remove(&Pin::Setting(address.clone()).to_string());
                self.applied.insert(address.clone(), applied.clone());
            }
            Record::Gone { address, .. } => {
                self.settle(address);
                self.pins.remove(&Pin::Setting(address.clone()).to_string());
                self.applied.remove(address);
                self.named.remove(address);
                self.parts.remove(address);
            }
            Record::Pinned { key, value: Value::Null, .. } => {
                self.pins.remove(key);
            }
            Record::Pinned { key, value, .. } => {
                self.pins.insert(key.clone(), value.clone());
            }
            Record::End { outcome, time } => {
                if let Some(run) = &mut self.run {
                    run.ended = Some(Ended { outcome: outcome.clone(), time: *time });
                }
            }
        }
    }

    fn intend(&mut self, intent: &Intent) {
        if !intent.names.is_empty() {
            self.name(&intent.address, intent.names.clone());
        } else if matches!(intent.class, Class::Name | Class::NameIdempotent) {
            // Journals of earlier versions do not say it.
            self.name(&intent.address, names_in(&intent.params));
        }
        let open = self.open.entry(intent.address.clone()).or_default();
        // A call that is sent again with its old token is the same intent.
        match open.iter_mut().find(|i| i.id == intent.id) {
            Some(same) => *same = intent.clone(),
            None => open.push(intent.clone()),
        }
    }

    fn accept(&mut self, address: &Address, intent: &str, ids: &[Id], time: Timestamp) {
        let known = self.close(address, intent);
        if known.as_ref().is_some_and(|i| matches!(i.class, Class::Name | Class::NameIdempotent)) {
            self.name(address, ids.to_vec());
        }
        let (call, part) = known.map(|i| (i.call, i.part)).unwrap_or_default();
        if let Some(id) = ids.first().filter(|_| !part.is_empty()) {
            self.parts.entry(address.clone()).or_default().insert(part.clone(), id.clone());
        }
        let made = Accepted { intent: intent.to_owned(), call, part, ids: ids.to_vec(), time };
        let list = self.accepted.entry(address.clone()).or_default();
        match list.iter_mut().find(|a| a.intent == intent) {
            Some(same) => *same = made,
            None => list.push(made),
        }
    }

    /// Takes an intent out of the open ones.
    fn close(&mut self, address: &Address, intent: &str) -> Option<Intent> {
        let open = self.open.get_mut(address)?;
        let at = open.iter().position(|i| i.id == intent)?;
        let closed = open.remove(at);
        if open.is_empty() {
            self.open.remove(address);
        }
        Some(closed)
    }

    /// The engine has looked at everything that this address could have: nothing is in doubt any more, except money
    /// that may have been spent, which only an answer settles.
    fn settle(&mut self, address: &Address) {
        if let Some(open) = self.open.get_mut(address) {
            open.retain(|i| i.class == Class::Money);
            if open.is_empty() {
                self.open.remove(address);
            }
        }
        self.accepted.remove(address);
    }

    fn name(&mut self, address: &Address, names: Vec<String>) {
        if !names.is_empty() {
            self.named.entry(address.clone()).or_default().extend(names);
        }
    }
}

/// The name that a call with a unique name gives: known before AWS answers.
fn names_in(params: &Value) -> Vec<String> {
    let names = |key: &str| {
        let key = key.to_ascii_lowercase();
        key == "bucket" || key.ends_with("name")
    };
    match params {
        Value::String(name) => vec![name.clone()],
        Value::Object(map) => {
            let named = map.iter().filter(|(k, _)| names(k));
            named.filter_map(|(_, v)| v.as_str()).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}

/// The fold of these records, from nothing.
#[cfg(any(test, feature = "internals"))]
pub fn fold<'r>(records: impl IntoIterator<Item = &'r Record>) -> Memory {
    let mut memory = Memory::default();
    records.into_iter().for_each(|r| memory.apply(r));
    memory
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_sort_as_text() {
        let mut all =
            [Sequence { generation: 2, number: 1 }, Sequence { generation: 1, number: 10 }, Sequence::first(1)];
        all.sort();
        let text: Vec<_> = all.iter().map(ToString::to_string).collect();
        assert!(text.is_sorted());
        assert_eq!(text[1].parse(), Ok(all[1]));
        assert_eq!("1-1".parse::<Sequence>(), Err(()));
    }
}
