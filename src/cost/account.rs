//! Every stack of an account and region by its owner: what it costs now, what it has cost, and whether its time is over.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::bill::Sum;
use super::pricing::{Pricing, Spent};
use crate::aws::tags;
use crate::snapshot::Found;

/// One stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stack {
    /// Its name.
    pub name: String,
    /// Its id; two stacks of one name have two.
    pub id: String,
    /// Who answers for it, if a tag says so.
    pub owner: Option<String>,
    /// When it may be removed, if a tag says so.
    pub expires: Option<Timestamp>,
    /// Whether that time is over.
    pub expired: bool,
    /// How many objects it has.
    pub objects: usize,
    /// What it costs.
    pub sum: Sum,
    /// What it has cost since its objects were made.
    pub spent: Spent,
}

/// What an owner's stacks come to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Owner {
    /// The value of the tag; empty when no tag says who it is.
    pub name: String,
    /// How many stacks.
    pub stacks: usize,
    /// How many of them have outlived their time.
    pub expired: usize,
    /// What they cost.
    pub sum: Sum,
    /// What they have cost.
    pub spent: Spent,
}

/// All stacks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Account {
    /// Expired ones first, then by what an hour costs, the most expensive first, then by name.
    pub stacks: Vec<Stack>,
    /// Owners with something expired first, then by what an hour costs.
    pub owners: Vec<Owner>,
}

impl Account {
    /// Sums live objects by the tags that they carry.
    #[must_use]
    pub fn of(found: &[Found], pricing: &Pricing<'_>, now: Timestamp) -> Self {
        let mut by_stack: BTreeMap<(&str, &str), Vec<&Found>> = BTreeMap::new();
        for object in found {
            let tag = |key: &str| object.live.tags.get(key).map(String::as_str);
            if let Some(stack) = tag(tags::STACK) {
                by_stack.entry((stack, tag(tags::STACK_ID).unwrap_or_default())).or_default().push(object);
            }
        }
        let mut stacks: Vec<Stack> = by_stack
            .into_iter()
            .map(|((name, id), objects)| {
                let tag = |key: &str| objects.iter().find_map(|object| object.live.tags.get(key));
                let expires = tag(tags::EXPIRES).and_then(|text| text.parse::<Timestamp>().ok());
                Stack {
                    name: name.to_owned(),
                    id: id.to_owned(),
                    owner: tag(tags::OWNER).cloned(),
                    expires,
                    expired: expires.is_some_and(|at| at <= now),
                    objects: objects.len(),
                    sum: pricing.live(objects.iter().copied()).sum(),
                    spent: pricing.spent(objects.iter().copied(), now),
                }
            })
            .collect();
        let hourly = |sum: &Sum| std::cmp::Reverse(sum.total().hourly());
        stacks.sort_by_key(|stack| (!stack.expired, hourly(&stack.sum), stack.name.clone(), stack.id.clone()));
        let mut owners: BTreeMap<&str, Owner> = BTreeMap::new();
        for stack in &stacks {
            let name = stack.owner.as_deref().unwrap_or_default();
            let owner = owners.entry(name).or_insert_with(|| Owner { name: name.to_owned(), ..Owner::default() });
            owner.stacks += 1;
            owner.expired += usize::from(stack.expired);
            owner.sum = owner.sum.plus(stack.sum);
            owner.spent = plus(owner.spent, stack.spent);
        }
        let mut owners: Vec<Owner> = owners.into_values().collect();
        owners.sort_by_key(|owner| (owner.expired == 0, hourly(&owner.sum), owner.name.clone()));
        Self { stacks, owners }
    }

    /// Everything together.
    #[must_use]
    pub fn total(&self) -> (Sum, Spent) {
        let start = (Sum::default(), Spent::default());
        self.stacks.iter().fold(start, |(sum, spent), stack| (sum.plus(stack.sum), plus(spent, stack.spent)))
    }
}

fn plus(a: Spent, b: Spent) -> Spent {
    Spent { dollars: a.dollars.saturating_add(b.dollars), unknown_age: a.unknown_age + b.unknown_age }
}
