//! Where the fields of something were written.
use super::Label;
use std::collections::BTreeMap;

/// Places by path (`interfaces.layout`, `subnets[0]`); the empty path is the thing itself. Sorted and packed: there is one
/// for each resource, and a stack may have ten thousand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places(Box<[(Box<str>, Label)]>);

impl Places {
    /// The place of a path.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Label> {
        let at = self.0.binary_search_by(|(key, _)| (**key).cmp(path)).ok()?;
        self.0.get(at).map(|(_, label)| label)
    }

    /// The place of a path, or of the nearest thing around it that has one.
    #[must_use]
    pub fn nearest(&self, path: &str) -> Option<&Label> {
        let mut path = path;
        loop {
            if let Some(label) = self.get(path) {
                return Some(label);
            }
            if path.is_empty() {
                return None;
            }
            path = path.rfind(['.', '[']).map_or("", |cut| &path[..cut]);
        }
    }

    /// The thing itself alone, for those who have checked its fields.
    #[must_use]
    pub fn without_fields(self) -> Self {
        Self(self.0.into_iter().filter(|(path, _)| path.is_empty()).collect())
    }
}

impl From<BTreeMap<String, Label>> for Places {
    fn from(places: BTreeMap<String, Label>) -> Self {
        Self(places.into_iter().map(|(path, label)| (path.into_boxed_str(), label)).collect())
    }
}
