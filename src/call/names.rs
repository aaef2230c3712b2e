//! Names of AWS objects: those that dlinfra chooses, and those that may exist.
use super::Scope;
use crate::{address::Address, resource::NameRule, spec};
use std::collections::{BTreeMap, BTreeSet};

/// AWS names that may exist (wanted or journaled), for kinds that are found by name. Each costs a request of every kind
/// that it may be of, so what is known of it is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// By kind; true = the journal says that the object is there.
    of: BTreeMap<String, BTreeMap<String, bool>>,
    /// Names of which nobody knows the kind.
    any: BTreeSet<String>,
}

impl Names {
    /// This object of this kind may exist.
    pub fn add(&mut self, kind: &str, name: impl Into<String>) {
        self.of.entry(kind.to_owned()).or_default().entry(name.into()).or_insert(false);
    }

    /// The journal says that this object of this kind is there.
    pub fn add_known(&mut self, kind: &str, name: impl Into<String>) {
        self.of.entry(kind.to_owned()).or_default().insert(name.into(), true);
    }

    /// Something of this name may exist.
    pub fn add_any(&mut self, name: impl Into<String>) {
        self.any.insert(name.into());
    }

    /// Every name that an object of this kind may have.
    pub fn of(&self, kind: &str) -> BTreeSet<String> {
        self.of.get(kind).into_iter().flat_map(BTreeMap::keys).chain(&self.any).cloned().collect()
    }

    /// The same names, of which nobody says that anything is there.
    #[must_use]
    pub fn in_doubt(mut self) -> Self {
        self.of.values_mut().flat_map(BTreeMap::values_mut).for_each(|known| *known = false);
        self
    }

    /// Names of objects of this kind that the journal says are there: asking such a one for everything at once is no
    /// waste.
    pub fn known(&self, kind: &str) -> BTreeSet<String> {
        let own = self.of.get(kind).into_iter().flatten();
        own.filter(|(_, known)| **known).map(|(name, _)| name.clone()).collect()
    }
}

impl FromIterator<String> for Names {
    /// Names of which nobody knows the kind.
    fn from_iter<I: IntoIterator<Item = String>>(names: I) -> Self {
        Self { any: names.into_iter().collect(), ..Self::default() }
    }
}

/// The AWS name of a resource (see [`super::Ctx::name`]).
pub fn name(scope: &Scope, address: &Address, rule: &NameRule, salt: &str) -> String {
    let hash = spec::hashed_name(&[&scope.account, &scope.region, &scope.stack, address.as_str(), salt], 10);
    let keep = |c: &char| c.is_ascii_alphanumeric() || rule.extra.contains(*c);
    let clean = |text: &str| text.chars().map(|c| if c == '_' { '-' } else { c }).filter(keep).collect::<String>();
    let mut text = format!("{}-{}", clean(&scope.stack), clean(address.leaf()));
    text.truncate(rule.max.saturating_sub(11));
    let text = text.trim_end_matches('-');
    let text = format!("{text}-{hash}");
    if rule.lower { text.to_ascii_lowercase() } else { text }
}

/// How every name starts that dlinfra chooses for an object of this stack under this rule.
pub fn name_prefix(stack: &str, rule: &NameRule) -> String {
    let keep = |c: &char| c.is_ascii_alphanumeric() || rule.extra.contains(*c);
    let mut text: String = stack.chars().map(|c| if c == '_' { '-' } else { c }).filter(keep).collect();
    if rule.lower {
        text.make_ascii_lowercase();
    }
    text.push('-');
    // The hash at the end takes 11 characters, and no name keeps a dash before it.
    text.truncate(rule.max.saturating_sub(11));
    text.trim_end_matches('-').to_owned()
}
