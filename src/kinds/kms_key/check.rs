//! What KMS would refuse of a key.
use super::{KmsKey, policy};
use crate::{diagnostic::codes, kinds::window, resource::Problem, units::Span};
use serde_json::Value;
use std::ops::RangeInclusive;

codes! {
    pub(super) CODES:
    ALIAS = "DL2801", "Not a legal alias of a key",
        "An alias has up to 250 of the characters a-z, A-Z, 0-9, `/`, `_` and `-`, behind `alias/`, which need not be \
         written. Those that start with `aws/` are AWS's own.";
    ROTATION = "DL2802", "KMS does not rotate a key this often",
        "KMS takes new material every 90 to 2560 whole days. Leave `rotation` out to keep the first.";
    WINDOW = "DL2803", "KMS does not keep a key for this long",
        "A key that was removed is kept for 7 to 30 whole days, in which its removal can be cancelled.";
    POLICY = "DL2804", "A policy of a key that KMS would refuse",
        "The policy is a map with `Statement`, a list of { Effect, Principal, Action }. It is about this key, so its \
         statements have no `Resource`. dlinfra adds the statement that leaves the key to the account's IAM policies.";
    TEXT = "DL2805", "A description that is too long",
        "A description has up to 8192 characters.";
}

const ROTATION_DAYS: RangeInclusive<u64> = 90..=2560;
/// KMS takes 32 KB (KMS quotas); ours is part of it.
const LONGEST_POLICY: usize = 32 * 1024 - 300;
const LONGEST_TEXT: usize = 8192;
const LONGEST_ALIAS: usize = 250;

pub(super) fn check(key: &KmsKey, problems: &mut Vec<Problem>) {
    let mut add = |code, path: &str, summary: String, help: &str| {
        problems.push(Problem { code, path: path.to_owned(), summary, help: help.to_owned() });
    };
    if let Some(alias) = key.alias.as_deref().filter(|alias| !legal(alias)) {
        add(&ALIAS, "alias", format!("`{alias}` is not a legal alias of a key"), "write for example `training`");
    }
    let within = |time: Span, days: RangeInclusive<u64>| time.whole_days().is_some_and(|time| days.contains(&time));
    if let Some(time) = key.rotation.filter(|time| !within(*time, ROTATION_DAYS)) {
        let summary = format!("a key cannot be rotated every {time}");
        add(&ROTATION, "rotation", summary, "write `90d` to `2560d`; `365d` is usual");
    }
    if !within(key.deletion_window, window::SHORTEST..=window::LONGEST) {
        let summary = format!("a key that was removed cannot be kept for {}", key.deletion_window);
        add(&WINDOW, "deletion_window", summary, "write `7d` to `30d`");
    }
    if let Some(policy) = &key.policy {
        if let Some((summary, help)) = policy.about_one(LONGEST_POLICY) {
            add(&POLICY, "policy", summary, &help);
        }
        if policy.statements().iter().any(|s| s.get("Sid").and_then(Value::as_str) == Some(policy::DELEGATES)) {
            let summary = format!("the `Sid` {} belongs to the statement that dlinfra adds", policy::DELEGATES);
            add(&POLICY, "policy", summary, "remove the statement, or give it another `Sid`");
        }
    }
    let length = key.description.as_ref().map_or(0, |text| text.chars().count());
    if length > LONGEST_TEXT {
        add(&TEXT, "description", format!("{length} characters; KMS takes {LONGEST_TEXT}"), "write fewer");
    }
}

fn legal(alias: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/_-".contains(c);
    (1..=LONGEST_ALIAS).contains(&alias.len()) && alias.chars().all(plain) && !alias.starts_with("aws/")
}
