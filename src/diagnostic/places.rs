//! Where the fields of something were written.
use super::Label;
use std::collections::BTreeMap;

/// Where something was written, and what passed it on to where it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The author's line.
    pub label: Label,
    /// From there to the field that takes it.
    pub via: Box<[Label]>,
}

impl Written {
    /// The author's line first.
    pub fn labels(self) -> impl Iterator<Item = Label> {
        std::iter::once(self.label).chain(self.via)
    }
}

impl From<Label> for Written {
    fn from(label: Label) -> Self {
        Self { label, via: Box::default() }
    }
}

/// Places by path (`interfaces.layout`, `subnets[0]`); the empty path is the thing itself. Sorted and packed: there is one
/// for each resource, and a stack may have ten thousand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places(Box<[(Box<str>, Written)]>);

impl Places {
    fn written(&self, path: &str) -> Option<&Written> {
        let at = self.0.binary_search_by(|(key, _)| (**key).cmp(path)).ok()?;
        self.0.get(at).map(|(_, written)| written)
    }

    /// The place of a path.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Label> {
        self.written(path).map(|w| &w.label)
    }

    /// The place of a path, or of the nearest thing around it that has one.
    #[must_use]
    pub fn nearest(&self, path: &str) -> Option<&Label> {
        self.around(path).map(|w| &w.label)
    }

    /// The same with whatever passed the value on: all labels of a diagnostic.
    #[must_use]
    pub fn labels(&self, path: &str) -> Vec<Label> {
        self.around(path).cloned().map(|w| w.labels().collect()).unwrap_or_default()
    }

    fn around(&self, path: &str) -> Option<&Written> {
        let mut path = path;
        loop {
            if let Some(written) = self.written(path) {
                return Some(written);
            }
            if path.is_empty() {
                return None;
            }
            path = path.rfind(['.', '[']).map_or("", |cut| &path[..cut]);
        }
    }

    /// The thing itself and these of its fields, for those who have checked the others.
    #[must_use]
    pub fn only(self, fields: impl Fn(&str) -> bool) -> Self {
        let top = |path: &str| path.split(['.', '[']).next().is_some_and(&fields);
        Self(self.0.into_iter().filter(|(path, _)| path.is_empty() || top(path)).collect())
    }
}

/// Of what is sorted by path, each path once.
impl From<Vec<(String, Written)>> for Places {
    fn from(places: Vec<(String, Written)>) -> Self {
        Self(places.into_iter().map(|(path, written)| (path.into_boxed_str(), written)).collect())
    }
}

impl<W: Into<Written>> From<BTreeMap<String, W>> for Places {
    fn from(places: BTreeMap<String, W>) -> Self {
        Self(places.into_iter().map(|(path, written)| (path.into_boxed_str(), written.into())).collect())
    }
}
