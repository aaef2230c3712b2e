//! A map of few entries, packed: the tags of an object, the outputs of a resource.
//!
//! A plan of a large stack holds four of these for each resource. The smallest `BTreeMap` has room for eleven entries,
//! and every key in it is a text of its own; here the entries stand side by side, and equal keys are one text.
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, Visitor},
};
use serde_json::{Map, Value};
use std::{
    collections::{BTreeMap, HashSet},
    fmt,
    marker::PhantomData,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

/// Texts to values, in the order of the texts.
#[derive(Clone, PartialEq, Eq)]
pub struct Packed<V>(Vec<(Key, V)>);

type Key = Arc<str>;

/// How many keys are kept: those of tags and outputs are few, and what is beyond is no more expensive than elsewhere.
const KEPT: usize = 4_096;

/// The one text that all equal keys share.
fn key(text: &str) -> Key {
    static KEYS: LazyLock<Mutex<HashSet<Key>>> = LazyLock::new(Mutex::default);
    let mut known = KEYS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(key) = known.get(text) {
        return Arc::clone(key);
    }
    let key = Key::from(text);
    if known.len() < KEPT {
        known.insert(Arc::clone(&key));
    }
    key
}

impl<V> Packed<V> {
    /// Without entries.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    fn find(&self, key: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| (**known).cmp(key))
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&V> {
        self.0.get(self.find(key).ok()?).map(|(_, value)| value)
    }

    /// Is the key there?
    #[must_use]
    pub fn contains_key(&self, key: &str) -> bool {
        self.find(key).is_ok()
    }

    /// Gives the key this value; the former one comes back.
    pub fn insert(&mut self, text: impl AsRef<str>, value: V) -> Option<V> {
        let text = text.as_ref();
        match self.find(text) {
            Ok(at) => self.0.get_mut(at).map(|(_, old)| std::mem::replace(old, value)),
            Err(at) => {
                // Room for a few more, as a growing vector takes it, would be for nothing.
                self.0.reserve_exact(1);
                self.0.insert(at, (key(text), value));
                None
            }
        }
    }

    /// Takes a key out.
    pub fn remove(&mut self, key: &str) -> Option<V> {
        Some(self.0.remove(self.find(key).ok()?).1)
    }

    /// Takes out what this is false of.
    pub fn retain(&mut self, mut stays: impl FnMut(&str, &mut V) -> bool) {
        self.0.retain_mut(|(key, value)| stays(key, value));
    }

    /// The entries in order.
    pub fn iter(&self) -> Iter<'_, V> {
        Iter(self.0.iter())
    }

    /// The keys in order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.iter().map(|(key, _)| key)
    }

    /// The values in the order of their keys.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Is there none?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The entries in order.
pub struct Iter<'a, V>(std::slice::Iter<'a, (Key, V)>);

impl<'a, V> Iterator for Iter<'a, V> {
    type Item = (&'a str, &'a V);
    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(key, value)| (&**key, value))
    }
}

/// The value of a key that is there.
#[cfg(any(test, feature = "internals"))]
impl<V> std::ops::Index<&str> for Packed<V> {
    type Output = V;
    fn index(&self, key: &str) -> &V {
        &self.0[self.find(key).unwrap_or(usize::MAX)].1
    }
}

impl<V> Default for Packed<V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<V: fmt::Debug> fmt::Debug for Packed<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<'a, V> IntoIterator for &'a Packed<V> {
    type Item = (&'a str, &'a V);
    type IntoIter = Iter<'a, V>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<V> IntoIterator for Packed<V> {
    type Item = (Arc<str>, V);
    type IntoIter = std::vec::IntoIter<Self::Item>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<K: AsRef<str>, V> Extend<(K, V)> for Packed<V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        for (key, value) in entries {
            self.insert(key, value);
        }
    }
}

/// Of equal keys the last one counts.
impl<K: AsRef<str>, V> FromIterator<(K, V)> for Packed<V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let entries = entries.into_iter();
        let mut out = Self(Vec::with_capacity(entries.size_hint().0));
        out.extend(entries);
        out.0.shrink_to_fit();
        out
    }
}

impl<K: AsRef<str>, V, const N: usize> From<[(K, V); N]> for Packed<V> {
    fn from(entries: [(K, V); N]) -> Self {
        entries.into_iter().collect()
    }
}

impl<V> From<BTreeMap<String, V>> for Packed<V> {
    fn from(map: BTreeMap<String, V>) -> Self {
        map.into_iter().collect()
    }
}

impl From<Map<String, Value>> for Packed<Value> {
    fn from(map: Map<String, Value>) -> Self {
        map.into_iter().collect()
    }
}

/// Of anything but an object nothing.
impl From<Value> for Packed<Value> {
    fn from(value: Value) -> Self {
        if let Value::Object(map) = value { map.into() } else { Self::new() }
    }
}

impl From<Packed<Value>> for Value {
    fn from(map: Packed<Value>) -> Self {
        Value::Object(map.into_iter().map(|(key, value)| (key.to_string(), value)).collect())
    }
}

impl<V: Serialize> Serialize for Packed<V> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_map(self.iter())
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Packed<V> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Entries<V>(PhantomData<V>);
        impl<'de, V: Deserialize<'de>> Visitor<'de> for Entries<V> {
            type Value = Packed<V>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut out = Packed::new();
                // A text that may be borrowed needs no copy; one with escapes is made here.
                while let Some((key, value)) = map.next_entry::<Text<'de>, V>()? {
                    out.insert(key.0, value);
                }
                Ok(out)
            }
        }
        d.deserialize_map(Entries(PhantomData))
    }
}

/// A text that is borrowed where it can be.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] std::borrow::Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_map_in_order() {
        let mut map = Packed::from([("b", 2), ("a", 1), ("b", 3)]);
        assert_eq!(format!("{map:?}"), r#"{"a": 1, "b": 3}"#);
        assert_eq!(
            (map.insert("a", 4), map.insert("c", 5), map.remove("b"), map.remove("d")),
            (Some(1), None, Some(3), None)
        );
        assert_eq!(map.iter().collect::<Vec<_>>(), [("a", &4), ("c", &5)]);
        map.retain(|key, _| key == "c");
        assert_eq!((map.get("a"), map.get("c"), map.contains_key("c"), map.len()), (None, Some(&5), true, 1));
    }

    #[test]
    fn its_json_is_that_of_any_map() {
        let text = r#"{"a":"1","q\"":"2","z":"3"}"#;
        let map: Packed<String> = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&map).unwrap(), text);
        let same: Packed<String> = serde_json::from_value(serde_json::from_str(text).unwrap()).unwrap();
        assert_eq!(map, same);
        let tree: BTreeMap<String, String> = serde_json::from_str(text).unwrap();
        assert_eq!(Packed::from(tree), map);
    }
}
