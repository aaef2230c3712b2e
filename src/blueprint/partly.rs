//! Resources that can be read only in part, checked all the same: one mistake must not hide the next.

use super::{Dialect, ResourceDecl};
use crate::resource::Problem;

/// A resource of which some elements of lists cannot be read.
pub(crate) struct Partly {
    pub(crate) resource: ResourceDecl,
    /// The lists, and the numbers of the elements that are left out.
    pub(crate) left_out: Vec<(String, usize)>,
}

impl Partly {
    /// What the kind finds in the elements that are left; the rest may be wrong for want of the others.
    pub(crate) fn check(&self, dialect: &Dialect) -> Vec<Problem> {
        let found = (dialect.check)(&self.resource.kind, &self.resource.spec);
        found.into_iter().filter_map(|p| Some(Problem { path: self.original(&p.path)?, ..p })).collect()
    }

    /// The path of something in a list, with the number that its element has in the file.
    fn original(&self, path: &str) -> Option<String> {
        let (list, _) = self.left_out.iter().find(|(list, _)| {
            path.strip_prefix(list.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('['))
        })?;
        let rest = &path[list.len()..];
        let Some((number, rest)) = rest.strip_prefix('[').and_then(|r| r.split_once(']')) else {
            return Some(path.to_string());
        };
        let mut number: usize = number.parse().ok()?;
        let mut gone: Vec<usize> = self.left_out.iter().filter(|(l, _)| l == list).map(|(_, n)| *n).collect();
        gone.sort_unstable();
        for n in gone {
            number += usize::from(n <= number);
        }
        Some(format!("{list}[{number}]{rest}"))
    }
}
