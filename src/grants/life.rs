//! What the life of one blueprint takes: plan, apply, change and destroy, the journal, and asking beforehand.
use super::{
    Condition, Grant, Ground, LOOKING,
    arns::{CONTENTS, IDS, INSIDE, MADE, NAMED, PATTERNS, UNTAGGED},
    is, untagged,
};
use crate::{
    aws::tags,
    blueprint::Backend,
    call::name_prefix,
    kind::Kind,
    plan::Wanted,
    resource::{Lookup, NameRule},
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Something that is made, changed, removed or only read.
#[derive(Clone, Copy)]
pub struct Item<'a> {
    /// Its kind.
    pub kind: &'static dyn Kind,
    /// What is wanted of it; null where it only goes.
    pub spec: &'a Value,
    /// It is somebody else's, and found so.
    pub existing: Option<&'a Lookup>,
}

impl<'a> From<&'a Wanted> for Item<'a> {
    fn from(item: &'a Wanted) -> Self {
        Self { kind: item.kind, spec: &item.spec, existing: item.existing.as_ref() }
    }
}

/// One blueprint, and where it is applied.
#[derive(Clone, Copy)]
pub struct Life<'a> {
    /// What there is of it.
    pub items: &'a [Item<'a>],
    /// The stack's name.
    pub stack: &'a str,
    /// What its `backend:` says.
    pub backend: Option<&'a Backend>,
    /// Does it end by itself? Then the reaper is looked at.
    pub ends: bool,
    /// The account and region.
    pub ground: &'a Ground,
}

/// Everything that the life of a blueprint takes, and no more than policies can say.
pub fn life(of: Life<'_>) -> Vec<Grant> {
    let own = || of.items.iter().filter(|item| item.existing.is_none());
    let all: BTreeSet<&str> = own().flat_map(|item| item.kind.about().iam.iter().copied()).flat_map(whole).collect();
    let seen = of.items.iter().flat_map(|item| item.kind.about().iam.iter().copied()).filter(|a| is(a, &LOOKING));
    let contents = |action: &str| CONTENTS.iter().any(|(known, _)| *known == action) || IN_OBJECTS.contains(&action);
    let counted = own().any(|item| !item.kind.needs(item.spec).is_empty());
    let asking = ASKING.iter().chain(COUNTING.iter().filter(|_| counted)).copied();
    let reaper = of.ends.then_some("lambda:GetFunction");
    let looks = seen.flat_map(whole).chain(["sts:GetCallerIdentity"]).chain(reaper).filter(|action| !contents(action));
    let mut out = vec![Grant::new("Look", looks, vec!["*".to_owned()]), Grant::new(ASK, asking, vec!["*".to_owned()])];
    let rest: BTreeSet<&str> = all.into_iter().filter(|a| !is(a, &LOOKING) || contents(a)).collect();

    let tag = |prefix: &str| format!("{prefix}/{}", tags::STACK);
    let ours = || Condition::new("StringEquals", tag("aws:ResourceTag"), of.stack);
    let made = || Condition::new("StringEquals", tag("aws:RequestTag"), of.stack);
    let by_arn = |action: &str| {
        // What links a file system is about the file system as well, which has tags.
        UNTAGGED.iter().chain(CONTENTS).any(|(known, _)| *known == action && service(known) != "fsx")
            || SPECIAL.contains(&action)
            || action.starts_with("s3:")
    };
    // What carries the stack's tag may be changed and removed, and new things may be put into it.
    let tagged = rest.iter().filter(|action| !by_arn(action)).copied();
    out.push(Grant::new("Own", tagged.clone(), vec!["*".to_owned()]).when(ours()));
    of.make(&rest, &made, &mut out);
    of.by_place(&rest, &mut out);
    of.special(&rest, &mut out);
    out.extend(of.journal());
    out.retain(|grant| !grant.actions.is_empty());
    out
}

/// What is asked beforehand. Whoever may not ask learns less, and can apply all the same.
const ASKING: &[&str] = &["iam:GetRole", "iam:SimulatePrincipalPolicy"];

/// The same, where something counts against quotas.
const COUNTING: &[&str] = &[
    "ec2:DescribeAddresses",
    "ec2:DescribeInstanceTypeOfferings",
    "ec2:DescribeInstances",
    "ec2:DescribeVpcs",
    "servicequotas:ListAWSDefaultServiceQuotas",
    "servicequotas:ListServiceQuotas",
];

/// What the statement with those is called.
pub(crate) const ASK: &str = "Ask";

/// What is read inside buckets.
const IN_OBJECTS: [&str; 2] = ["s3:GetObject", "s3:GetObjectVersion"];

/// These have statements of their own.
const SPECIAL: [&str; 4] =
    ["iam:CreateServiceLinkedRole", "iam:PassRole", "logs:CreateLogDelivery", "logs:DeleteLogDelivery"];

/// An action, or what stands behind a pattern.
fn whole(action: &'static str) -> Vec<&'static str> {
    match PATTERNS.iter().find(|(pattern, _)| *pattern == action) {
        Some((_, actions)) => actions.to_vec(),
        None if action.contains('*') => Vec::new(),
        None => vec![action],
    }
}

fn service(action: &str) -> &str {
    action.split_once(':').map_or(action, |(service, _)| service)
}

/// Verbs of calls that make something, or set its tags while it is made.
const MAKING: [&str; 9] = ["Add", "Allocate", "Authorize", "Create", "Import", "Put", "Register", "Request", "Run"];

fn makes(action: &str) -> bool {
    is(action, &MAKING) || is(action, &["Tag"]) || action == "iam:AttachRolePolicy"
}

impl Life<'_> {
    /// What makes new things: those with names by their names, the others by the tags that they get.
    fn make(&self, rest: &BTreeSet<&str>, tagged: &dyn Fn() -> Condition, out: &mut Vec<Grant>) {
        let services: BTreeSet<&str> = rest.iter().map(|action| service(action)).collect();
        for one in services {
            let makes: Vec<&str> = rest.iter().copied().filter(|a| service(a) == one && makes(a)).collect();
            let makes = makes.into_iter().filter(|a| !SPECIAL.contains(a) && untagged(a).is_none());
            match NAMED.iter().find(|(known, _)| *known == one) {
                _ if one == "s3" => {}
                Some((_, arns)) => out.push(Grant::new(&format!("Make{}", title(one)), makes, self.filled(arns, one))),
                None if one == "ec2" => self.make_in_ec2(makes.collect(), tagged, out),
                // Only an id tells these apart, which nobody knows before they are made.
                None => {
                    out.push(Grant::new(&format!("Make{}", title(one)), makes, vec!["*".to_owned()]).when(tagged()));
                }
            }
        }
    }

    fn make_in_ec2(&self, makes: Vec<&str>, tagged: &dyn Fn() -> Condition, out: &mut Vec<Grant>) {
        let makes: Vec<&str> = makes.into_iter().filter(|a| !INSIDE.contains(a) && !a.ends_with("Tags")).collect();
        let known = |action: &str| MADE.iter().find(|(known, _)| *known == action).map(|(_, types)| *types);
        let types: BTreeSet<&str> = makes.iter().flat_map(|a| known(a).unwrap_or(&["*"])).copied().collect();
        let arn = |kind: &str| self.ground.fill(&format!("arn:{{partition}}:ec2:{{region}}:{{account}}:{kind}/*"));
        out.push(Grant::new("MakeEc2", makes.clone(), types.into_iter().map(arn).collect()).when(tagged()));
        // Tags come with what they are on: nothing that is there can be taken over by them.
        let new = Condition::new("Null", "ec2:CreateAction", "false");
        if !makes.is_empty() {
            out.push(Grant::new("TagNew", ["ec2:CreateTags"], vec!["*".to_owned()]).when(tagged()).when(new));
        }
        // Machines are made from what belongs to AWS, and things are made in networks that exist already.
        let mut used: BTreeSet<String> = self.existing_in_ec2();
        if makes.contains(&"ec2:RunInstances") {
            used.extend(
                ["arn:{partition}:ec2:{region}::image/*", "arn:{partition}:ec2:{region}::snapshot/*"]
                    .map(str::to_owned),
            );
            used.extend(
                self.texts("key_name")
                    .into_iter()
                    .map(|name| format!("arn:{{partition}}:ec2:{{region}}:{{account}}:key-pair/{name}")),
            );
            used.extend(
                self.texts("reservation")
                    .into_iter()
                    .map(|id| format!("arn:{{partition}}:ec2:{{region}}:{{account}}:capacity-reservation/{id}")),
            );
        }
        if !used.is_empty() {
            out.push(Grant::new("Use", makes, used.iter().map(|arn| self.ground.fill(arn)).collect()));
        }
    }

    /// What is bounded by where it is.
    fn by_place(&self, rest: &BTreeSet<&str>, out: &mut Vec<Grant>) {
        let mut places: BTreeMap<Vec<String>, BTreeSet<String>> = BTreeMap::new();
        for action in rest {
            if let Some((_, arn)) = UNTAGGED.iter().chain(CONTENTS).find(|(known, _)| known == action) {
                places.entry(self.filled(&[*arn], service(action))).or_default().insert((*action).to_owned());
            }
        }
        for (number, (arns, actions)) in places.into_iter().enumerate() {
            out.push(Grant::new(&format!("In{number}"), actions, arns));
        }
        let buckets: Vec<&str> = rest.iter().copied().filter(|a| a.starts_with("s3:") && !of_objects(a)).collect();
        let objects: Vec<&str> = rest.iter().copied().filter(|a| of_objects(a)).collect();
        let (mut own, mut inside) = (self.filled(&["arn:{partition}:s3:::{name}"], "s3"), Vec::new());
        own.extend(
            self.existing_buckets().iter().map(|name| self.ground.fill(&format!("arn:{{partition}}:s3:::{name}"))),
        );
        inside.extend(own.iter().map(|arn| format!("{arn}/*")));
        out.push(Grant::new("Buckets", buckets, own));
        out.push(Grant::new("Objects", objects, inside));
    }

    /// Roles that are handed to services, roles of services, and commands on machines.
    fn special(&self, rest: &BTreeSet<&str>, out: &mut Vec<Grant>) {
        let has = |action: &str| rest.contains(action);
        if has("iam:PassRole") {
            let mut roles: BTreeSet<String> = BTreeSet::from([self
                .ground
                .fill(&format!("arn:{{partition}}:iam::{{account}}:role/dlinfra/{}/*", self.stack))]);
            for item in self.items {
                roles_in(item.spec, &mut roles);
            }
            out.push(Grant::new("PassRoles", ["iam:PassRole"], roles.into_iter().collect()));
        }
        if has("iam:CreateServiceLinkedRole") {
            let arn = self.ground.fill("arn:{partition}:iam::{account}:role/aws-service-role/*");
            out.push(Grant::new("ServiceRoles", ["iam:CreateServiceLinkedRole"], vec![arn]));
        }
        if has("ssm:SendCommand") {
            // On which machines is said by their tag.
            let arn = self.ground.fill("arn:{partition}:ssm:{region}::document/AWS-*");
            out.push(Grant::new("Commands", ["ssm:SendCommand"], vec![arn]));
        }
        let deliveries = ["logs:CreateLogDelivery", "logs:DeleteLogDelivery"].into_iter().filter(|a| has(a));
        out.push(Grant::new("Deliveries", deliveries, vec!["*".to_owned()]));
    }

    fn journal(&self) -> Vec<Grant> {
        let (bucket, prefix) = match self.backend {
            Some(Backend::Local) => return Vec::new(),
            Some(Backend::S3 { bucket, prefix }) => (bucket.as_str(), prefix.clone()),
            None => (self.ground.bucket.as_str(), format!("journal/{}", self.stack)),
        };
        let arn = self.ground.fill(&format!("arn:{{partition}}:s3:::{bucket}"));
        let objects = if prefix.is_empty() { format!("{arn}/*") } else { format!("{arn}/{prefix}/*") };
        // Without the right to list, S3 refuses what is not there as if it were forbidden, so that no prefix bounds this.
        let mut on_bucket = vec!["s3:ListBucket"];
        if self.backend.is_none() {
            on_bucket.extend(OWN_BUCKET);
        }
        vec![
            Grant::new("JournalBucket", on_bucket, vec![arn]),
            Grant::new("Journal", ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"], vec![objects]),
        ]
    }

    /// ARNs with every name that objects of a service can have here.
    fn filled(&self, arns: &[&str], service: &str) -> Vec<String> {
        let mut out = BTreeSet::new();
        for arn in arns {
            let arn = self.ground.fill(arn).replace("{stack}", self.stack);
            out.extend(self.names(service).iter().map(|name| arn.replace("{name}", name)));
        }
        out.into_iter().collect()
    }

    /// Names that objects of a service can have, as patterns: what dlinfra chooses, and what the blueprint says.
    fn names(&self, of: &str) -> BTreeSet<String> {
        let mut out = BTreeSet::new();
        let in_service = |item: &&Item<'_>| item.kind.about().iam.iter().any(|action| service(action) == of);
        for item in self.items.iter().filter(|item| item.existing.is_none()).filter(in_service) {
            let rule = item.kind.about().name.unwrap_or(NameRule { max: 32, extra: "-", lower: false });
            out.insert(format!("{}*", name_prefix(self.stack, &rule)));
            out.extend(item.spec.get("name").and_then(Value::as_str).map(|name| format!("{name}*")));
        }
        out
    }

    /// Literal texts of a field, wherever a resource has it.
    fn texts(&self, field: &str) -> BTreeSet<String> {
        let found = self.items.iter().filter_map(|item| item.spec.get(field)?.as_str());
        found.map(str::to_owned).collect()
    }

    fn existing_in_ec2(&self) -> BTreeSet<String> {
        let existing = self.items.iter().filter_map(|item| Some((item, item.existing?)));
        let in_ec2 = existing.filter(|(item, _)| !item.kind.about().id_prefix.is_empty());
        let arn = |(item, lookup): (&Item<'_>, &Lookup)| {
            let prefix = item.kind.about().id_prefix;
            let kind = IDS.iter().find(|(known, _)| *known == prefix).map(|(_, kind)| *kind)?;
            let id = match lookup {
                Lookup::Id(id) => id.clone(),
                Lookup::Name(_) | Lookup::Tags(_) => "*".into(),
            };
            Some(format!("arn:{{partition}}:ec2:{{region}}:{{account}}:{kind}/{id}"))
        };
        in_ec2.filter_map(arn).collect()
    }

    fn existing_buckets(&self) -> BTreeSet<String> {
        let kept = |item: &&Item<'_>| item.kind.about().iam.contains(&"s3:CreateBucket");
        let named = |item: &Item<'_>| match item.existing? {
            Lookup::Id(name) => Some(name.clone()),
            Lookup::Name(name) => Some(name.clone()),
            Lookup::Tags(_) => Some("*".to_owned()),
        };
        let mut out: BTreeSet<String> = self.items.iter().filter(kept).filter_map(named).collect();
        for item in self.items {
            buckets_in(item.spec, &mut out);
        }
        out
    }
}

/// What makes dlinfra's own bucket and closes it.
const OWN_BUCKET: [&str; 9] = [
    "s3:CreateBucket",
    "s3:GetBucketPolicy",
    "s3:GetLifecycleConfiguration",
    "s3:PutBucketPolicy",
    "s3:PutBucketPublicAccessBlock",
    "s3:PutBucketTagging",
    "s3:PutBucketVersioning",
    "s3:PutEncryptionConfiguration",
    "s3:PutLifecycleConfiguration",
];

fn of_objects(action: &str) -> bool {
    action.starts_with("s3:") && action.contains("Object")
}

/// `application-autoscaling` is `ApplicationAutoscaling`: what statements are called has letters and digits only.
fn title(service: &str) -> String {
    let word = |part: &str| {
        let mut chars = part.chars();
        chars.next().map(|first| first.to_ascii_uppercase().to_string() + chars.as_str()).unwrap_or_default()
    };
    service.split('-').map(word).collect()
}

/// ARNs of roles, wherever they stand in a spec.
fn roles_in(value: &Value, out: &mut BTreeSet<String>) {
    each_text(value, &mut |text| {
        if text.starts_with("arn:") && text.contains(":iam::") && text.contains(":role/") {
            out.insert(text.to_owned());
        }
    });
}

/// Buckets that a spec names by `s3://`.
fn buckets_in(value: &Value, out: &mut BTreeSet<String>) {
    each_text(value, &mut |text| {
        let bucket = text.strip_prefix("s3://").and_then(|rest| rest.split('/').next());
        out.extend(bucket.filter(|name| !name.is_empty() && !name.contains('$')).map(str::to_owned));
    });
}

fn each_text(value: &Value, found: &mut dyn FnMut(&str)) {
    match value {
        Value::String(text) => found(text),
        Value::Array(items) => items.iter().for_each(|item| each_text(item, found)),
        Value::Object(map) => map.values().for_each(|item| each_text(item, found)),
        _ => {}
    }
}
