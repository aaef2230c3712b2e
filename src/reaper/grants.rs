//! What the reaper may do: every reading action that a sweep needs, and every removing one, generated from what the kinds
//! state. What AWS lets a condition bound is bound to objects with dlinfra's tags.
use crate::{aws::tags, kind::Kind};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Verbs of actions that only look.
const LOOKING: [&str; 4] = ["Describe", "Get", "Head", "List"];
/// Verbs of actions that a teardown needs.
const REMOVING: [&str; 9] =
    ["Cancel", "Delete", "Deregister", "Detach", "Disassociate", "Release", "Remove", "Revoke", "Terminate"];
/// These look at what is in things, or change what stays: no teardown does. Whoever could take the boundary off a role
/// could do more than the boundary says.
const NEITHER: [&str; 10] = [
    "DeleteMetricFilter",
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

/// Removing actions that no tag bounds, with the ARNs that do
/// (https://docs.aws.amazon.com/service-authorization/latest/reference/).
const BY_ARN: &[(&str, &str)] = &[
    ("cloudwatch:DeleteDashboards", "arn:{partition}:cloudwatch::{account}:dashboard/*"),
    ("fsx:DeleteDataRepositoryAssociation", "arn:{partition}:fsx:{region}:{account}:association/*"),
    ("s3:DeleteBucket", "arn:{partition}:s3:::*"),
    ("s3:DeleteObject", "arn:{partition}:s3:::*"),
    ("s3:DeleteObjectVersion", "arn:{partition}:s3:::*"),
    ("scheduler:DeleteSchedule", "arn:{partition}:scheduler:{region}:{account}:schedule/*"),
];

/// Where the reaper works.
#[derive(Debug, Clone)]
pub struct Ground {
    /// `aws`, `aws-cn`, …
    pub partition: String,
    /// Twelve digits.
    pub account: String,
    /// `us-east-1`.
    pub region: String,
    /// The bucket with the journals.
    pub bucket: String,
    /// May it empty what holds data? Some stack says `ttl_data: delete`.
    pub data: bool,
}

impl Ground {
    fn fill(&self, arn: &str) -> String {
        let parts = [("{partition}", &self.partition), ("{region}", &self.region), ("{account}", &self.account)];
        parts.iter().fold(arn.to_owned(), |arn, (from, to)| arn.replace(from, to))
    }
}

/// Actions that are allowed together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grant {
    /// What the statement is called; `Remove…` for removing.
    pub sid: String,
    /// `ec2:DeleteVpc`.
    pub actions: BTreeSet<String>,
    /// The ARNs that they are for.
    pub resources: Vec<String>,
    /// Only for what carries dlinfra's tags?
    pub tagged: bool,
}

fn verb(action: &str) -> &str {
    action.split_once(':').map_or(action, |(_, verb)| verb)
}

fn is(action: &str, verbs: &[&str]) -> bool {
    let verb = verb(action);
    verbs.iter().any(|v| verb.starts_with(v)) && !NEITHER.iter().any(|word| verb.starts_with(word))
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
    // Where a kind lets a service act for itself, it names all of its actions: no teardown needs those.
    let whole = |action: &&str| !action.contains('*');
    let all: BTreeSet<&str> = kinds.iter().flat_map(|k| k.about().iam.iter().copied()).filter(whole).collect();
    let set = |actions: &[&str]| actions.iter().map(|a| (*a).to_owned()).collect::<BTreeSet<_>>();
    let everything = || vec!["*".to_owned()];
    let looks =
        all.iter().filter(|a| is(a, &LOOKING)).map(|a| (*a).to_owned()).chain(["sts:GetCallerIdentity".to_owned()]);
    let removes: BTreeSet<&str> =
        all.iter().copied().filter(|a| is(a, &REMOVING) && (ground.data || !DATA.contains(a))).collect();
    let mut out = vec![
        Grant { sid: "Look".to_owned(), actions: looks.collect(), resources: everything(), tagged: false },
        Grant {
            sid: "RemoveOwn".to_owned(),
            actions: removes.iter().filter(|a| by_arn(a).is_none()).map(|a| (*a).to_owned()).collect(),
            resources: everything(),
            tagged: true,
        },
    ];
    // What has no tags is bounded by where it is.
    let mut places: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for action in &removes {
        if let Some(arn) = by_arn(action) {
            places.entry(arn).or_default().insert((*action).to_owned());
        }
    }
    for (nth, (arn, actions)) in places.into_iter().enumerate() {
        out.push(Grant { sid: format!("RemoveIn{nth}"), actions, resources: vec![ground.fill(arn)], tagged: false });
    }
    let bucket = format!("arn:{}:s3:::{}", ground.partition, ground.bucket);
    out.push(Grant {
        sid: "Journal".to_owned(),
        actions: set(&["s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:PutObject"]),
        resources: vec![bucket.clone(), format!("{bucket}/*")],
        tagged: false,
    });
    out.push(Grant {
        sid: "Rehearse".to_owned(),
        actions: set(&["iam:SimulatePrincipalPolicy"]),
        resources: vec![format!("arn:{}:iam::{}:role/dlinfra/*", ground.partition, ground.account)],
        tagged: false,
    });
    out.push(Grant {
        sid: "Log".to_owned(),
        actions: set(&["logs:CreateLogStream", "logs:PutLogEvents"]),
        resources: vec![ground.fill("arn:{partition}:logs:{region}:{account}:log-group:/aws/lambda/dlinfra-reaper:*")],
        tagged: false,
    });
    out
}

fn by_arn(action: &str) -> Option<&'static str> {
    BY_ARN.iter().find(|(known, _)| *known == action).map(|(_, arn)| *arn)
}

/// The same as a policy document.
pub(super) fn document(grants: &[Grant]) -> Value {
    let statements: Vec<Value> = grants
        .iter()
        .filter(|grant| !grant.actions.is_empty())
        .map(|grant| {
            let mut out = json!({
                "Sid": grant.sid, "Effect": "Allow", "Action": grant.actions, "Resource": grant.resources,
            });
            if grant.tagged {
                out["Condition"] = json!({ "StringLike": { condition(): "*" } });
            }
            out
        })
        .collect();
    json!({ "Version": "2012-10-17", "Statement": statements })
}

/// The key of the condition by which only dlinfra's own objects are removed.
pub(super) fn condition() -> String {
    format!("aws:ResourceTag/{}", tags::VERSION)
}
