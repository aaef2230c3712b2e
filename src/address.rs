//! Addresses: where a resource stands in a blueprint.
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::{fmt, sync::Arc};

/// Where a resource stands in the blueprint: `train.group`, `worker/a.group`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(Arc<str>);

impl Address {
    /// The longest address; every tag API takes it as it stands.
    pub const MAX: usize = 200;

    /// An address, if it is a legal one.
    pub fn parse(text: &str) -> Option<Self> {
        let segment = |s: &str| {
            let mut parts = s.split('/');
            let name = parts.next().is_some_and(|n| {
                n.starts_with(|c: char| c.is_ascii_lowercase())
                    && n.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_')
            });
            name && parts.clone().count() <= 1
                && parts.all(|k| {
                    (1..=63).contains(&k.len()) && k.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
                })
        };
        // A key may hold dots, so only a dot that starts a new legal name ends a segment.
        let legal = text.len() <= Self::MAX && !text.is_empty() && split_segments(text).all(segment);
        legal.then(|| Self(text.into()))
    }

    /// The placeholder for objects that carry no address of this stack: no resource can have it.
    pub fn unowned() -> Self {
        Self("(no address)".into())
    }

    /// Where an object stands that the stack owns and that has no place in it: a second one at an address, or one whose
    /// address cannot be read. A legal address, so that plans and journals take it like any other.
    pub fn surplus(id: &str) -> Self {
        let key: String =
            id.chars().map(|c| if c.is_ascii_alphanumeric() || "_.-".contains(c) { c } else { '-' }).collect();
        Self(format!("surplus/{}", &key[key.len().saturating_sub(63)..]).into())
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last name in it, without a key: `group` of `worker/a.group`.
    pub fn leaf(&self) -> &str {
        let last = split_segments(&self.0).last().unwrap_or(&self.0);
        last.split('/').next().unwrap_or(last)
    }
}

fn split_segments(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let whole = rest?;
        let key_at = whole.find('/').unwrap_or(usize::MAX);
        let cut = whole.char_indices().find(|&(i, c)| {
            // Inside a key a dot followed by a lower-case letter starts the next segment.
            c == '.' && (i < key_at || whole[i + 1..].starts_with(|n: char| n.is_ascii_lowercase()))
        });
        match cut {
            Some((i, _)) => {
                rest = Some(&whole[i + 1..]);
                Some(&whole[..i])
            }
            None => {
                rest = None;
                Some(whole)
            }
        }
    })
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl Serialize for Address {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}
impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom(format!("`{text}` is not an address")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_parsed_and_split() {
        for good in ["vpc", "train.group", "worker/a.group", "worker/3", "worker/1.2", "a/us-east-1a.b-c", "x/A.B"] {
            assert!(Address::parse(good).is_some(), "{good}");
        }
        for bad in ["", ".", "A", "a.", "a/", "a b", "a/b/c", "a[0]", "1a"] {
            assert!(Address::parse(bad).is_none(), "{bad}");
        }
        assert_eq!(Address::parse("worker/a.group").unwrap().leaf(), "group");
        assert_eq!(Address::parse("worker/1.2").unwrap().leaf(), "worker");
    }
}
