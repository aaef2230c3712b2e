//! Field checks of a bucket.
use super::{
    Bucket,
    lifecycle::{LifecycleRule, StorageClass},
    name,
    statements::TLS_ONLY,
};
use crate::{diagnostic::codes, kinds::policy::Policy, resource::Problem, units::Span};
use serde_json::Value;

codes! {
    /// Field checks, for `explain`.
    pub(super) CODES:
    NAME = "DL0340", "Not a legal bucket name",
        "Bucket names have 3 to 63 lower-case letters, digits and dashes, and start and end with a letter or a \
         digit. Dots are legal in S3, but break TLS, which dlinfra's buckets require. Without `name` dlinfra \
         makes one from stack and address.";
    IDLE_RULE = "DL0341", "A lifecycle rule that does nothing",
        "A lifecycle rule expires objects (`expire`), expires old versions (`expire_noncurrent`) or moves \
         objects to cheaper storage (`transitions`). Two rules for the same prefix are one rule.";
    WHOLE_DAYS = "DL0342", "Lifecycle times are whole days",
        "S3 counts the age of objects in whole days, from 1 on.";
    TRANSITION = "DL0343", "Objects cannot move like that",
        "Infrequent-access classes take objects from 30 days on, and an object moves only before it expires and \
         only to colder storage as it grows older.";
    POLICY = "DL0344", "A bucket policy that AWS would refuse",
        "A policy is a map with `Statement`, a list of statements; each has an `Effect`, a `Principal` and an \
         `Action`. S3 takes 20 KiB. `Resource` may be left out: the bucket and everything in it is meant then.";
    PUBLIC_POLICY = "DL0345", "The policy would open the bucket to everybody",
        "A statement that allows something to the principal `*` without a condition makes a bucket public. \
         Buckets made by dlinfra block public access, so S3 would refuse the policy. Name the accounts or \
         roles, or put a CDN in front.";
    NONCURRENT = "DL0346", "Old versions are not kept like that",
        "`keep_noncurrent` is 1 to 100 and belongs to `expire_noncurrent`: old versions expire after that time, \
         except the newest ones that are kept.";
}

/// S3 takes 20 KiB of policy; ours is part of it.
const LONGEST_POLICY: usize = 20 * 1024 - 300;

pub(super) fn check(bucket: &Bucket, problems: &mut Vec<Problem>) {
    let mut add = |code, path: &str, summary: String, help: &str| {
        problems.push(Problem { code, path: path.to_owned(), summary, help: help.to_owned() });
    };
    if let Some(name) = bucket.name.as_deref().filter(|n| !usable_name(n)) {
        let help = if name.contains('.') {
            format!("write `{}`: a dot in the name breaks TLS, which this bucket requires", name.replace('.', "-"))
        } else {
            "use 3 to 63 lower-case letters, digits and dashes, or leave `name` out".to_owned()
        };
        add(&NAME, "name", format!("`{name}` is not a legal bucket name"), &help);
    }
    if bucket.abort_incomplete_uploads.is_some_and(|s| !whole_days(s)) {
        let summary = "unfinished uploads end after whole days".to_owned();
        add(&WHOLE_DAYS, "abort_incomplete_uploads", summary, "write for example `7d`");
    }
    for (i, rule) in bucket.lifecycle.iter().enumerate() {
        let path = format!("lifecycle[{i}]");
        if !rule.acts() {
            let help = "give it `expire`, `expire_noncurrent` or `transitions`";
            add(&IDLE_RULE, &path, format!("the rule for {} does nothing", about(rule)), help);
        }
        if bucket.lifecycle[..i].iter().any(|other| other.prefix == rule.prefix) {
            let help = "put them together into one";
            add(&IDLE_RULE, &path, format!("there are two rules for {}", about(rule)), help);
        }
        let moves = rule.transitions.iter().map(|t| t.after);
        if rule.expire.into_iter().chain(rule.expire_noncurrent).chain(moves).any(|s| !whole_days(s)) {
            add(&WHOLE_DAYS, &path, "lifecycle times are whole days".to_owned(), "write for example `30d`");
        }
        if let Some((summary, help)) = wrong_move(rule) {
            add(&TRANSITION, &path, summary, help);
        }
        let keep = rule.keep_noncurrent;
        if keep.is_some_and(|n| !(1..=100).contains(&n)) || keep.is_some() && rule.expire_noncurrent.is_none() {
            let summary = "`keep_noncurrent` is 1 to 100 and needs `expire_noncurrent`".to_owned();
            add(&NONCURRENT, &path, summary, "write for example `expire_noncurrent: 30d` beside it");
        }
    }
    if let Some(policy) = &bucket.policy {
        if let Some((summary, help)) = policy.problem(LONGEST_POLICY) {
            add(&POLICY, "policy", summary, &help);
        }
        if policy.statements().iter().any(|s| s.get("Sid").and_then(Value::as_str) == Some(TLS_ONLY)) {
            let summary = format!("the `Sid` {TLS_ONLY} belongs to the statement that dlinfra adds");
            add(&POLICY, "policy", summary, "remove the statement, or give it another `Sid`");
        }
        if opens(policy) {
            add(
                &PUBLIC_POLICY,
                "policy",
                "the policy allows something to everybody, which this bucket blocks".to_owned(),
                "name accounts or roles as `Principal`, or add a `Condition`",
            );
        }
    }
}

fn about(rule: &LifecycleRule) -> String {
    if rule.prefix.is_empty() { "all objects".to_owned() } else { format!("`{}`", rule.prefix) }
}

fn usable_name(name: &str) -> bool {
    let reserved = name.starts_with("xn--")
        || name.starts_with("sthree-")
        || name.starts_with("amzn-s3-demo-")
        || ["-s3alias", "--ol-s3", "--x-s3", "--table-s3"].iter().any(|end| name.ends_with(end));
    name::legal(name) && !name.contains('.') && !reserved
}

fn whole_days(span: Span) -> bool {
    span.whole_days().is_some_and(|d| d > 0)
}

fn wrong_move(rule: &LifecycleRule) -> Option<(String, &'static str)> {
    use StorageClass::{OnezoneIa, StandardIa};
    let days = |span: Span| span.whole_days().unwrap_or(0);
    let early = rule.transitions.iter().find(|t| matches!(t.class, StandardIa | OnezoneIa) && days(t.after) < 30);
    if early.is_some() {
        return Some((
            "infrequent-access storage takes objects from 30 days on".to_owned(),
            "write `after: 30d` or more, or use `class: intelligent-tiering`",
        ));
    }
    if rule
        .transitions
        .windows(2)
        .any(|pair| pair[0].after == pair[1].after || colder(pair[0].class) >= colder(pair[1].class))
    {
        return Some((
            "objects move only to colder storage as they grow older, once at a time".to_owned(),
            "order them: standard-ia, intelligent-tiering, onezone-ia, glacier-ir, glacier, deep-archive",
        ));
    }
    let last = rule.transitions.last().map(|t| days(t.after));
    match (rule.expire, last) {
        (Some(expire), Some(last)) if days(expire) <= last => {
            Some(("objects expire before they move".to_owned(), "let `expire` be longer than every `after`"))
        }
        _ => None,
    }
}

/// The order in which S3 lets objects go down.
fn colder(class: StorageClass) -> u8 {
    match class {
        StorageClass::StandardIa => 0,
        StorageClass::IntelligentTiering => 1,
        StorageClass::OnezoneIa => 2,
        StorageClass::GlacierIr => 3,
        StorageClass::Glacier => 4,
        StorageClass::DeepArchive => 5,
    }
}

/// Allows something to everybody, unconditionally.
fn opens(policy: &Policy) -> bool {
    let everybody = |statement: &Value| match statement.get("Principal").and_then(|p| p.get("AWS")) {
        Some(Value::Array(all)) => all.iter().any(|id| id == "*"),
        Some(one) => one == "*",
        None => false,
    };
    let allows = |s: &Value| s.get("Effect").and_then(Value::as_str) == Some("Allow");
    policy.statements().iter().any(|s| everybody(s) && allows(s) && s.get("Condition").is_none())
}
