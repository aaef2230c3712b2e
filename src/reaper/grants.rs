//! What the reaper may do: every reading action that a sweep needs, and every removing one, generated from what the kinds
//! state. What AWS lets a condition bound is bound to objects with dlinfra's tags.
use crate::{
    aws::tags,
    grants::{Condition, Grant, Ground, LOOKING, REMOVING, stated, untagged},
    kind::Kind,
};
use std::collections::{BTreeMap, BTreeSet};

/// These look at what is in things, or change what stays: no teardown does. Whoever could take the boundary off a role
/// could do more than the boundary says.
const NEITHER: [&str; 13] = [
    "DeleteLifecyclePolicy",
    "DeleteMetricFilter",
    "DeleteRepositoryPolicy",
    "DeleteResourcePolicy",
    "DeleteRetentionPolicy",
    "DeleteRolePermissionsBoundary",
    "DeleteTags",
    "DisassociateKmsKey",
    "GetConsoleOutput",
    "GetLogEvents",
    "GetObject",
    "GetParameter",
    "RemoveTags",
];
/// What empties a bucket.
const DATA: [&str; 2] = ["s3:DeleteObject", "s3:DeleteObjectVersion"];

fn is(action: &str, verbs: &[&str]) -> bool {
    crate::grants::is(action, verbs) && !crate::grants::is(action, &NEITHER)
}

/// The actions that each kind needs to remove what it made.
pub fn removing(kinds: &[&'static dyn Kind]) -> BTreeMap<&'static str, Vec<&'static str>> {
    let of = |kind: &&'static dyn Kind| {
        let actions = kind.about().iam.iter().copied().filter(|action| is(action, &REMOVING));
        (kind.name(), actions.collect())
    };
    kinds.iter().map(of).collect()
}

/// Everything that the reaper is allowed.
pub(super) fn grants(kinds: &[&'static dyn Kind], ground: &Ground) -> Vec<Grant> {
    let all = stated(kinds);
    let everything = || vec!["*".to_owned()];
    let looks =
        all.iter().filter(|a| is(a, &LOOKING)).map(|a| (*a).to_owned()).chain(["sts:GetCallerIdentity".to_owned()]);
    let removes: BTreeSet<&str> =
        all.iter().copied().filter(|a| is(a, &REMOVING) && (ground.data || !DATA.contains(a))).collect();
    let mut out = vec![
        Grant::new("Look", looks, everything()),
        Grant::new("RemoveOwn", removes.iter().filter(|a| place(a).is_none()).copied(), everything()).when(condition()),
    ];
    // What has no tags is bounded by where it is.
    let mut places: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for action in &removes {
        if let Some(arn) = place(action) {
            places.entry(arn).or_default().insert(action);
        }
    }
    for (nth, (arn, actions)) in places.into_iter().enumerate() {
        out.push(Grant::new(&format!("RemoveIn{nth}"), actions, vec![ground.fill(arn).replace("{name}", "*")]));
    }
    let bucket = format!("arn:{}:s3:::{}", ground.partition, ground.bucket);
    let journal = ["s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:PutObject"];
    out.push(Grant::new("Journal", journal, vec![bucket.clone(), format!("{bucket}/*")]));
    let roles = format!("arn:{}:iam::{}:role/dlinfra/*", ground.partition, ground.account);
    out.push(Grant::new("Rehearse", ["iam:SimulatePrincipalPolicy"], vec![roles]));
    let log = ground.fill("arn:{partition}:logs:{region}:{account}:log-group:/aws/lambda/dlinfra-reaper:*");
    out.push(Grant::new("Log", ["logs:CreateLogStream", "logs:PutLogEvents"], vec![log]));
    out
}

/// Where a removing action may be used that no tag bounds.
fn place(action: &str) -> Option<&'static str> {
    untagged(action).or_else(|| action.starts_with("s3:").then_some("arn:{partition}:s3:::*"))
}

/// Only dlinfra's own objects are removed.
fn condition() -> Condition {
    Condition::new("StringLike", format!("aws:ResourceTag/{}", tags::VERSION), "*")
}
