//! The next step of a fleet towards its size and its spec, whatever its members are: this knows ids and numbers only.
use crate::resource::Id;

/// What a fleet has now, oldest first.
pub(super) struct Members {
    /// Those that work, or are about to.
    pub(super) alive: Vec<Id>,
    /// Those that will never work again.
    pub(super) dead: Vec<Id>,
    /// Is one of those alive not ready yet?
    pub(super) starting: bool,
    /// Does one go away that AWS still counts?
    pub(super) ending: bool,
}

/// What is wanted of it.
pub(super) struct Wanted<'a> {
    /// How many.
    pub(super) count: usize,
    /// Members that do not match the wanted spec.
    pub(super) outdated: &'a [Id],
    /// How many of those are replaced at a time.
    pub(super) batch: usize,
}

/// One bounded step.
#[derive(Debug, PartialEq)]
pub(super) enum Step {
    /// AWS is at work.
    Wait,
    /// These end; with none the fleet is as wanted.
    End(Vec<Id>),
    /// So many more start.
    Start(usize),
}

/// The next step. It is asked for again, with what is there then, until nothing differs: a roll is one batch that ends
/// and the same number that starts, over and over.
pub(super) fn next(members: Members, wanted: &Wanted<'_>) -> Step {
    let Members { mut alive, dead, starting, ending } = members;
    if !dead.is_empty() {
        return Step::End(dead);
    }
    // What ends still holds its reservation, quota and addresses; what starts is not ready to take over.
    if ending || starting && alive.len() >= wanted.count {
        return Step::Wait;
    }
    if alive.len() < wanted.count {
        return Step::Start(wanted.count - alive.len());
    }
    // Those that run longest stay.
    if alive.len() > wanted.count {
        return Step::End(alive.split_off(wanted.count));
    }
    alive.retain(|id| wanted.outdated.contains(id));
    alive.truncate(wanted.batch);
    Step::End(alive)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(all: &str) -> Vec<Id> {
        all.split_whitespace().map(str::to_owned).collect()
    }

    /// Of a fleet of three, of which two are outdated, one at a time.
    fn step(alive: &str, dead: &str, starting: bool, ending: bool) -> Step {
        let members = Members { alive: ids(alive), dead: ids(dead), starting, ending };
        next(members, &Wanted { count: 3, outdated: &ids("a b"), batch: 1 })
    }

    #[test]
    fn a_roll_ends_one_batch_and_starts_as_many() {
        assert_eq!(step("a b c", "", false, false), Step::End(ids("a")));
        assert_eq!(step("b c", "", false, true), Step::Wait);
        assert_eq!(step("b c", "", false, false), Step::Start(1));
        assert_eq!(step("b c d", "", true, false), Step::Wait);
        assert_eq!(step("b c d", "", false, false), Step::End(ids("b")));
        assert_eq!(step("c d e", "", false, false), Step::End(Vec::new()));
    }

    #[test]
    fn what_is_dead_goes_before_anything_starts_and_the_youngest_before_the_oldest() {
        assert_eq!(step("a", "b c", false, false), Step::End(ids("b c")));
        assert_eq!(step("c d e f g", "", false, false), Step::End(ids("f g")));
        // A fleet that is too small is filled although some of it only starts.
        assert_eq!(step("c d", "", true, false), Step::Start(1));
    }
}
