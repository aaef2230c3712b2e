//! Conditions of statements: operators, sets of values, and keys that requests do not have.

use super::decide::{Asked, filled};
use crate::faults::matches;

/// Whether a condition is met.
pub(super) enum Met {
    Yes,
    No,
    /// It needs something that is not simulated.
    Unknown(String),
}

impl From<bool> for Met {
    fn from(met: bool) -> Self {
        if met { Self::Yes } else { Self::No }
    }
}

/// How values of a request are asked for where there can be several.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Set {
    /// There is at most one.
    One,
    All,
    Any,
}

/// Keys that requests have, or have not, in the sandbox as in AWS.
const KEYS: [&str; 20] = [
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalisawsservice",
    "aws:principaltype",
    "aws:requestedregion",
    "aws:resourceaccount",
    "aws:securetransport",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:tagkeys",
    "aws:userid",
    "aws:viaawsservice",
    "ec2:createaction",
    "ec2:region",
    "iam:associatedresourcearn",
    "iam:passedtoservice",
    "iam:permissionsboundary",
    "iam:policyarn",
    "s3:delimiter",
    "s3:prefix",
];

/// What the keys begin with that end in the key of a tag.
const TAGS: [&str; 4] = ["aws:requesttag/", "aws:resourcetag/", "aws:principaltag/", "ec2:resourcetag/"];

fn is_known(key: &str) -> bool {
    KEYS.contains(&key)
        || TAGS.iter().any(|prefix| key.starts_with(prefix))
        || key.split_once(':').is_some_and(|(_, rest)| rest.starts_with("resourcetag/"))
}

/// Whether one condition holds.
pub(super) fn holds(operator: &str, key: &str, wanted: &[String], asked: Asked<'_>) -> Met {
    let (set, name) = match operator.split_once(':') {
        Some(("ForAllValues", name)) => (Set::All, name),
        Some(("ForAnyValue", name)) => (Set::Any, name),
        Some(_) => return Met::Unknown(operator.to_owned()),
        None => (Set::One, operator),
    };
    let (name, if_exists) = match name.strip_suffix("IfExists") {
        Some(name) => (name, true),
        None => (name, false),
    };
    let lower = key.to_lowercase();
    if !asked.knows_every_key && !is_known(&lower) {
        return Met::Unknown(key.to_owned());
    }
    let found = asked.context.get(&lower);
    if name == "Null" {
        // True = it must not be there.
        return wanted.iter().any(|wanted| wanted.eq_ignore_ascii_case("true") == found.is_none()).into();
    }
    let Some((test, negated)) = test(name) else { return Met::Unknown(operator.to_owned()) };
    let wanted: Result<Vec<String>, String> = wanted.iter().map(|text| filled(text, asked.context)).collect();
    let wanted = match wanted {
        Ok(wanted) => wanted,
        Err(variable) => return Met::Unknown(variable),
    };
    let Some(found) = found else {
        // What is not there differs from everything, and is in every set.
        return match set {
            Set::One => (if_exists || negated).into(),
            Set::All => Met::Yes,
            Set::Any => if_exists.into(),
        };
    };
    let fits = |found: &String| wanted.iter().any(|wanted| test(wanted, found)) != negated;
    match set {
        Set::All => found.iter().all(fits).into(),
        Set::Any => found.iter().any(fits).into(),
        // Of several values that are not asked for as a set, none may break what is forbidden.
        Set::One if negated => found.iter().all(fits).into(),
        Set::One => found.iter().any(fits).into(),
    }
}

type Test = fn(&str, &str) -> bool;

/// How an operator compares a value that is wanted with one that was found, and whether it is met by the opposite.
fn test(operator: &str) -> Option<(Test, bool)> {
    let is: Test = |wanted, found| wanted == found;
    let is_in_any_case: Test = |wanted, found| wanted.eq_ignore_ascii_case(found);
    Some(match operator {
        "StringEquals" => (is, false),
        "StringNotEquals" => (is, true),
        "StringEqualsIgnoreCase" | "Bool" => (is_in_any_case, false),
        "StringNotEqualsIgnoreCase" => (is_in_any_case, true),
        "StringLike" => (matches, false),
        "StringNotLike" => (matches, true),
        "ArnEquals" | "ArnLike" => (arn, false),
        "ArnNotEquals" | "ArnNotLike" => (arn, true),
        _ => return None,
    })
}

/// Compares ARNs part by part: a wildcard does not reach over a colon.
fn arn(wanted: &str, found: &str) -> bool {
    let parts = |text: &str| text.splitn(6, ':').map(str::to_owned).collect::<Vec<_>>();
    let (wanted, found) = (parts(wanted), parts(found));
    wanted.len() == 6 && found.len() == 6 && wanted.iter().zip(&found).all(|(wanted, found)| matches(wanted, found))
}
