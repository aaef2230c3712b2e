//! Places by path as they are found: in no order until all are there. A tree of each resource's few would cost more than
//! sorting them once.

use crate::diagnostic::{Places, Written};

/// Values may be shared, their places are not: parts after these are found at what is around them.
const MOST: usize = 2_000;

/// Of one path the last place counts.
#[derive(Default)]
pub(crate) struct Collected {
    places: Vec<(String, Written)>,
    /// Are there as many as may be, each with a path of its own?
    full: bool,
}

impl Collected {
    pub(crate) fn add(&mut self, path: &str, written: Written) {
        self.places.push((path.to_owned(), written));
    }

    pub(crate) fn is_full(&mut self) -> bool {
        if !self.full && self.places.len() >= MOST {
            self.sort();
            self.full = self.places.len() >= MOST;
        }
        self.full
    }

    /// The place of the whole.
    pub(crate) fn whole(self) -> Option<Written> {
        self.places.into_iter().rfind(|(path, _)| path.is_empty()).map(|(_, written)| written)
    }

    pub(crate) fn into_places(mut self) -> Places {
        self.sort();
        self.places.into()
    }

    /// Each path once, in order.
    fn sort(&mut self) {
        // Of equal paths the last comes first, and only the first stays.
        self.places.reverse();
        self.places.sort_by(|(a, _), (b, _)| a.cmp(b));
        self.places.dedup_by(|(later, _), (earlier, _)| later == earlier);
    }
}

#[cfg(test)]
mod tests {
    use super::Collected;
    use crate::diagnostic::{SourceFile, Written};

    #[test]
    fn the_last_place_of_a_path_counts() {
        let source = SourceFile::new("a.yaml", "0123456789");
        let at = |n: usize| Written::from(source.label(n..n + 1, ""));
        let mut found = Collected::default();
        for (n, path) in ["b", "", "a", "b", "a.c"].into_iter().enumerate() {
            found.add(path, at(n));
        }
        assert!(!found.is_full());
        let places = found.into_places();
        let starts = ["", "a", "a.c", "b"].map(|path| places.get(path).map(|label| label.span.start));
        assert_eq!(starts, [Some(1), Some(2), Some(4), Some(3)]);
    }
}
