//! Managed policies of a length that AWS takes.
use super::{Grant, document};
use serde_json::Value;

/// The most characters of a managed policy; white space does not count
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>).
pub const MOST: usize = 6144;

/// One managed policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// What to call it.
    pub name: String,
    /// What it says.
    pub document: Value,
}

impl Part {
    /// Characters as AWS counts them.
    #[must_use]
    pub fn length(&self) -> usize {
        length(&self.document)
    }
}

fn length(document: &Value) -> usize {
    document.to_string().chars().filter(|c| !c.is_whitespace()).count()
}

/// The fewest policies, in order, that hold all of it, named after the stack.
pub fn parts(grants: &[Grant], stack: &str) -> Vec<Part> {
    let mut all: Vec<Vec<Grant>> = Vec::new();
    for grant in grants.iter().flat_map(split) {
        let fits = |part: &Vec<Grant>| {
            let with: Vec<Grant> = part.iter().cloned().chain([grant.clone()]).collect();
            length(&document(&with)) <= MOST
        };
        match all.iter_mut().find(|part| fits(part)) {
            Some(part) => part.push(grant),
            None => all.push(vec![grant]),
        }
    }
    let name = |number: usize| match all.len() {
        1 => format!("dlinfra-{stack}"),
        _ => format!("dlinfra-{stack}-{}", number + 1),
    };
    all.iter().enumerate().map(|(number, part)| Part { name: name(number), document: document(part) }).collect()
}

/// A statement that is too long for one policy becomes several.
fn split(grant: &Grant) -> Vec<Grant> {
    if length(&document(std::slice::from_ref(grant))) <= MOST || grant.actions.len() < 2 {
        return vec![grant.clone()];
    }
    let half = grant.actions.len() / 2;
    let piece = |actions: Vec<&String>, end: &str| Grant {
        sid: format!("{}{end}", grant.sid),
        actions: actions.into_iter().cloned().collect(),
        ..grant.clone()
    };
    let (first, second) = (grant.actions.iter().take(half).collect(), grant.actions.iter().skip(half).collect());
    [piece(first, "A"), piece(second, "B")].iter().flat_map(split).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_and_nothing_is_too_long() {
        let many: Vec<String> = (0..900).map(|n| format!("ec2:DescribeSomethingOrOther{n}")).collect();
        let grants = [
            Grant::new("Look", many.clone(), vec!["*".to_owned()]),
            Grant::new("Small", ["a:B"], vec!["*".to_owned()]),
        ];
        let found = parts(&grants, "train");
        assert!(found.len() > 4 && found.iter().all(|part| part.length() <= MOST));
        assert_eq!((found[0].name.as_str(), found[1].name.as_str()), ("dlinfra-train-1", "dlinfra-train-2"));
        let text: String = found.iter().map(|part| part.document.to_string()).collect();
        assert!(many.iter().all(|action| text.contains(&format!("\"{action}\""))));
        assert_eq!(parts(&grants[1..], "train")[0].name, "dlinfra-train");
    }
}
