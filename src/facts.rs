//! How embedded facts are written down: CSV tables, named sources with dates, and how far to trust a row.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

const SOURCES: &str = include_str!("../data/sources.csv");

/// How far a fact can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidence {
    /// An estimate, an inference or an unverified statement.
    Low,
    /// A copy of a published value that is older or second-hand.
    Medium,
    /// A recent copy of a published value.
    High,
}

impl Confidence {
    /// The name used in the data and in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }

    /// The confidence called `name`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Low, Self::Medium, Self::High].into_iter().find(|confidence| confidence.name() == name)
    }
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where a fact comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// As exact as it is known; empty when undated.
    pub date: String,
    /// Who says so.
    pub title: String,
}

/// The source with this id in `data/sources.csv`.
#[must_use]
pub fn source(id: &str) -> Option<&'static Source> {
    static TABLE: LazyLock<BTreeMap<String, Source>> = LazyLock::new(|| {
        let rows = records(SOURCES).filter_map(|fields| <[String; 3]>::try_from(fields).ok());
        rows.map(|[id, date, title]| (id, Source { date, title })).collect()
    });
    TABLE.get(id)
}

/// The records of a CSV text without its header; quotes as RFC 4180 says, no line break inside a field.
pub fn records(text: &str) -> impl Iterator<Item = Vec<String>> + '_ {
    text.lines().skip(1).filter(|line| !line.is_empty()).map(fields)
}

fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                push(&mut fields, '"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            other => push(&mut fields, other),
        }
    }
    fields
}

fn push(fields: &mut [String], character: char) {
    if let Some(last) = fields.last_mut() {
        last.push(character);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes() {
        assert_eq!(fields("a,\"b, c\",\"d\"\"e\","), ["a", "b, c", "d\"e", ""]);
    }

    #[test]
    fn sources_have_titles() {
        assert_eq!(source("karpenter").unwrap().date, "2026-07-20");
        assert_eq!(source("nobody"), None);
        assert!(records(SOURCES).all(|fields| fields.len() == 3 && !fields[2].is_empty()));
    }

    #[test]
    fn confidence_orders_and_round_trips() {
        assert!(Confidence::Low < Confidence::High);
        assert_eq!(Confidence::from_name(Confidence::Medium.name()), Some(Confidence::Medium));
        assert_eq!(Confidence::from_name("certain"), None);
    }
}
