//! What a stack has cost until now: what its journal knows, gone things included, and what is live in no journal by its age.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rust_decimal::Decimal;

use super::actual::Life;
use super::pricing::{Pricing, intended, since};
use crate::address::Address;
use crate::journal::Stretch;
use crate::kind::Kind;
use crate::snapshot::Found;

/// How a stretch of time ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It is live.
    Runs,
    /// It was changed or removed at the end of the stretch.
    Ended,
    /// The journal has it and AWS has not: somebody removed it, and nobody knows when.
    Unknown,
}

/// A stretch of time in which something ran, priced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spell {
    /// What, from when, until when; until now where it runs and where nobody knows.
    pub life: Life,
    /// How it ends.
    pub end: End,
    /// Does it go on with what ran at the same address before? Then nothing is paid upfront again.
    goes_on: bool,
}

/// All stretches of a stack.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Past {
    /// In the order of addresses and times.
    pub spells: Vec<Spell>,
    /// Live objects that cost money and do not say when they were made.
    pub ageless: usize,
}

/// What all of them come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spending {
    /// Estimated dollars.
    pub dollars: Decimal,
    /// The part of them that went to what is gone.
    pub gone: Decimal,
    /// Since when something costs money.
    pub since: Option<Timestamp>,
    /// Resources that cost money for nobody knows how long.
    pub unknown: usize,
}

impl Past {
    /// Prices what the journal knows and what is live.
    #[must_use]
    pub fn of(
        pricing: &Pricing<'_>,
        history: &[Stretch],
        live: &BTreeMap<Address, Found>,
        kinds: &[&dyn Kind],
        now: Timestamp,
    ) -> Self {
        let mut past = Self::default();
        let mut known: BTreeSet<&Address> = BTreeSet::new();
        let mut before: Option<&Stretch> = None;
        for stretch in history {
            let Some(kind) = kinds.iter().find(|kind| kind.name() == stretch.applied.kind) else { continue };
            let first = known.insert(&stretch.address);
            let here = live.get(&stretch.address);
            let end = match (stretch.to, here) {
                (Some(_), _) => End::Ended,
                (None, Some(_)) => End::Runs,
                (None, None) => End::Unknown,
            };
            // A journal that was lost and begun anew knows less than the tag of what runs.
            let older = here.filter(|_| first && end == End::Runs).and_then(intended);
            let from = older.map_or(stretch.from, |older| older.min(stretch.from));
            let goes_on = before.is_some_and(|b| b.address == stretch.address && b.to == Some(stretch.from));
            before = Some(stretch);
            let item = pricing.item(stretch.address.as_str(), *kind, &stretch.applied.spec);
            let life = Life { item, from, to: stretch.to.unwrap_or(now) };
            past.spells.push(Spell { life, end, goes_on });
        }
        for (address, found) in live.iter().filter(|(address, _)| !known.contains(address)) {
            let item = pricing.item(address.as_str(), found.kind, &found.live.spec);
            match since(found) {
                Some(from) => {
                    let life = Life { item, from, to: now };
                    past.spells.push(Spell { life, end: End::Runs, goes_on: false });
                }
                None if item.sum().total().is_zero() => {}
                None => past.ageless += 1,
            }
        }
        past
    }

    /// Everything that ran, for a comparison with bills.
    #[must_use]
    pub fn lives(&self) -> Vec<Life> {
        self.spells.iter().map(|spell| spell.life.clone()).collect()
    }

    /// Adds up. What ended nobody knows when is counted and not priced.
    #[must_use]
    pub fn spending(&self) -> Spending {
        let mut out = Spending { unknown: self.ageless, ..Spending::default() };
        for Spell { life, end, goes_on } in &self.spells {
            let rate = life.item.sum().total();
            if rate.is_zero() {
                continue;
            }
            out.since = Some(out.since.map_or(life.from, |since| since.min(life.from)));
            if *end == End::Unknown {
                out.unknown += 1;
                continue;
            }
            let seconds = life.to.duration_since(life.from).as_secs().max(0);
            let upfront = if *goes_on { Decimal::ZERO } else { rate.upfront };
            let dollars = rate.run(Decimal::from(seconds) / Decimal::from(3600)).saturating_add(upfront);
            out.dollars = out.dollars.saturating_add(dollars);
            if *end == End::Ended {
                out.gone = out.gone.saturating_add(dollars);
            }
        }
        out
    }
}
