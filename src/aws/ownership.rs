//! Who owns an object: the one place that reads ownership from tags and writes it into them.
use super::tags::{self, Tags};
use crate::address::Address;

/// What the tags of one object say about who owns it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ownership {
    /// The stack's name; empty when no tag says it.
    pub stack: String,
    /// The stack's id; empty when no tag says it.
    pub stack_id: String,
    /// Where in the blueprint it belongs; nothing when no tag says it, or not a legal address.
    pub address: Option<Address>,
    /// Which secondary object of its address it is; empty = the primary one.
    pub part: String,
    /// The attempt that made it.
    pub intent: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// When it may be removed, as the tag has it.
    pub expires: Option<String>,
}

impl Ownership {
    /// What these tags say; nothing = they name no stack.
    pub fn read(found: &Tags) -> Option<Self> {
        let tag = |key: &str| found.get(key).cloned();
        if !found.contains_key(tags::STACK) && !found.contains_key(tags::STACK_ID) {
            return None;
        }
        Some(Self {
            stack: tag(tags::STACK).unwrap_or_default(),
            stack_id: tag(tags::STACK_ID).unwrap_or_default(),
            address: Self::address(found),
            part: tag(tags::PART).unwrap_or_default(),
            intent: tag(tags::INTENT),
            owner: tag(tags::OWNER),
            expires: tag(tags::EXPIRES),
        })
    }

    /// The address that these tags claim.
    pub fn address(found: &Tags) -> Option<Address> {
        Address::parse(found.get(tags::ADDRESS)?)
    }

    /// The tags that say this.
    pub fn write(&self) -> Tags {
        let mut out = Tags::new();
        out.insert(tags::VERSION, "1".to_owned());
        let address = self.address.as_ref().map(ToString::to_string);
        let known = |text: &String| Some(text.clone()).filter(|t| !t.is_empty());
        let pairs = [
            (tags::STACK, known(&self.stack)),
            (tags::STACK_ID, known(&self.stack_id)),
            (tags::ADDRESS, address),
            (tags::PART, known(&self.part)),
            (tags::INTENT, self.intent.clone()),
            (tags::OWNER, self.owner.clone()),
            (tags::EXPIRES, self.expires.clone()),
        ];
        out.extend(pairs.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
        out
    }

    /// Do both say the same stack, stack-id and address? Then one is a part of what the other is, or both claim one
    /// place.
    pub fn is_of(&self, other: &Self) -> bool {
        (&self.stack, &self.stack_id, &self.address) == (&other.stack, &other.stack_id, &other.address)
    }

    /// Who that is, for people: ``the stack `train` (5f3c…, owner ada)``.
    pub fn words(&self) -> String {
        let stack = if self.stack.is_empty() { "unnamed" } else { &self.stack };
        let id = if self.stack_id.is_empty() { "no stack-id" } else { &self.stack_id };
        let owner = self.owner.as_ref().map(|o| format!(", owner {o}")).unwrap_or_default();
        format!("the stack `{stack}` ({id}{owner})")
    }
}

/// Whose an object is, seen from one stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// This stack's: only what is ours is ever changed.
    Ours,
    /// Another stack's, also one of the same name.
    Others,
    /// It carries this stack's name and not its id: nothing proves that a create call of this stack made it.
    Unproved,
    /// Nobody's that dlinfra knows of.
    Nobodys,
}

/// Whose an object with this ownership is. Before the stack's id is known, its name decides.
pub fn whose(found: Option<&Ownership>, stack: &str, stack_id: &str) -> Whose {
    let Some(found) = found else { return Whose::Nobodys };
    match (found.stack == stack, found.stack_id.as_str()) {
        (true, _) if stack_id.is_empty() => Whose::Ours,
        (true, id) if id == stack_id => Whose::Ours,
        (true, "") => Whose::Unproved,
        // Its name was changed or removed by hand; what it is now, nobody can tell.
        (false, id) if !id.is_empty() && id == stack_id => Whose::Unproved,
        _ => Whose::Others,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn full() -> Ownership {
        Ownership {
            stack: "train".to_owned(),
            stack_id: "5f3c".to_owned(),
            address: Address::parse("net.vpc"),
            part: "address".to_owned(),
            intent: Some("01".to_owned()),
            owner: Some("ada".to_owned()),
            expires: Some("2027-01-01T00:00:00Z".to_owned()),
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        assert_eq!(Ownership::read(&full().write()), Some(full()));
        assert_eq!(Ownership::read(&Tags::new()), None);
        assert_eq!(Ownership::read(&Tags::from([("Name".to_owned(), "x".to_owned())])), None);
    }

    #[test]
    fn only_name_and_id_together_prove_that_it_is_ours() {
        let is = |change: &dyn Fn(&mut Ownership)| {
            let mut found = full();
            change(&mut found);
            whose(Some(&found), "train", "5f3c")
        };
        assert_eq!(is(&|_| ()), Whose::Ours);
        assert_eq!(is(&|o| o.address = None), Whose::Ours);
        assert_eq!(is(&|o| o.stack_id = "other".to_owned()), Whose::Others);
        assert_eq!(is(&|o| o.stack_id.clear()), Whose::Unproved);
        assert_eq!(is(&|o| o.stack.clear()), Whose::Unproved);
        assert_eq!(is(&|o| (o.stack, o.stack_id) = ("b".to_owned(), String::new())), Whose::Others);
        assert_eq!(whose(None, "train", "5f3c"), Whose::Nobodys);
        assert_eq!(whose(Some(&full()), "train", ""), Whose::Ours, "before the id is known");
    }

    #[test]
    fn one_address_of_two_stacks_is_two_places() {
        assert!(full().is_of(&Ownership { part: String::new(), intent: None, ..full() }));
        assert!(!full().is_of(&Ownership { stack_id: "other".to_owned(), ..full() }));
        assert!(!full().is_of(&Ownership { stack: "other".to_owned(), ..full() }));
        assert!(!full().is_of(&Ownership { address: Address::parse("net.other"), ..full() }));
    }
}
