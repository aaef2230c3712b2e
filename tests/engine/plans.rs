//! What the planner says, one behaviour each: pure, on imagined live objects.
use crate::stage::{text, wanted};
use dlinfra::{
    address::Address,
    aws::tags,
    diagnostic::Diagnostics,
    kind,
    kinds::KINDS,
    plan::{self, Input, Plan, Wanted},
    record::{Applied, Setting},
    resource::{Live, Lookup, State},
    snapshot::{Found, Snapshot},
};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

pub(crate) fn to(address: &str) -> Value {
    json!({ "$ref": address })
}

pub(crate) fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

/// An account in which everything that was once wanted has been made.
pub(crate) struct Account {
    pub(crate) snapshot: Snapshot,
    pub(crate) applied: BTreeMap<Address, Applied>,
    pub(crate) interrupted: BTreeMap<Address, Timestamp>,
    pub(crate) settings: BTreeMap<Address, Setting>,
    pub(crate) pinned: BTreeMap<Address, Value>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) replace: BTreeSet<Address>,
}

impl Account {
    pub(crate) fn with(made: &[Wanted]) -> Self {
        let tags = BTreeMap::from([(tags::OWNER.to_owned(), "me".to_owned())]);
        let (mut snapshot, mut applied) = (Snapshot::default(), BTreeMap::new());
        for item in made {
            let mut own = tags.clone();
            own.insert(tags::ADDRESS.to_owned(), item.address.to_string());
            let mut spec = Value::clone(&item.spec);
            kind::conceal(item.kind.about(), &mut spec);
            let id = format!("id-{}", item.address);
            let mut live = Live::new(item.address.clone(), &id, own.clone(), spec.clone());
            live.outputs.insert("arn", json!(format!("arn:{id}")));
            snapshot.owned.insert(item.address.clone(), Found { kind: item.kind, live: live.into() });
            let memory =
                Applied { kind: item.kind.name().to_owned(), id, spec, outputs: Default::default(), tags: own.into() };
            applied.insert(item.address.clone(), memory);
        }
        Self {
            snapshot,
            applied,
            interrupted: BTreeMap::new(),
            settings: BTreeMap::new(),
            pinned: BTreeMap::new(),
            tags,
            replace: BTreeSet::new(),
        }
    }

    pub(crate) fn live(&mut self, at: &str) -> &mut Live {
        Arc::make_mut(&mut self.snapshot.owned.get_mut(&address(at)).unwrap().live)
    }

    /// Somebody changed a field behind dlinfra's back.
    pub(crate) fn drift(&mut self, at: &str, field: &str, value: Value) {
        self.live(at).spec[field] = value;
    }

    pub(crate) fn plan(&self, wanted: &[Wanted]) -> Plan {
        self.try_plan(wanted).unwrap()
    }

    pub(crate) fn try_plan(&self, wanted: &[Wanted]) -> Result<Plan, Diagnostics> {
        plan::plan(&Input {
            wanted,
            snapshot: &self.snapshot,
            applied: &self.applied,
            interrupted: &self.interrupted,
            settings: &self.settings,
            pinned: &self.pinned,
            tags: &self.tags,
            replace: &self.replace,
            now: "2026-01-01T00:10:00Z".parse().unwrap(),
        })
    }

    #[track_caller]
    fn says(&self, wanted: &[Wanted], expected: &str) {
        let found = text(&self.plan(wanted));
        let plain = |t: &str| t.lines().map(str::trim).filter(|l| !l.is_empty()).collect::<Vec<_>>().join("\n");
        assert_eq!(plain(&found), plain(expected), "\n{found}");
    }
}

fn vpc(cidr: &str) -> Wanted {
    wanted("vpc", "vpc", json!({ "cidr": cidr }))
}
fn subnet(public: bool) -> Wanted {
    wanted("sub", "subnet", json!({ "vpc": to("vpc"), "cidr": "10.0.1.0/24", "zone": "us-east-1a", "public": public }))
}
fn group(name: &str, from: &str) -> Wanted {
    let rules = json!([{ "protocol": "all", "source": to(from) }]);
    wanted(name, "security-group", json!({ "vpc": to("vpc"), "ingress": rules }))
}
fn role(extra: &Value) -> Wanted {
    let mut spec = json!({ "trust": ["ec2.amazonaws.com"] });
    spec.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    wanted("role", "iam-role", spec)
}
fn files(subnet: &str, deployment: &str) -> Wanted {
    let spec = json!({ "subnet": to(subnet), "deployment": deployment, "size": "1200 GiB", "security_groups": [to("g")],
        "maintenance": "7:03:30", "throughput": (deployment == "persistent-2").then_some("125 MB/s/TiB") });
    let mut item = wanted("vpc", "vpc", json!({ "cidr": "10.0.0.0/16" }));
    let kind = *KINDS.iter().find(|k| k.name() == "fsx-lustre").unwrap();
    (item.address, item.kind, item.spec) = (address("files"), kind, kind.canonical(&spec).unwrap().into());
    item
}
fn machines(count: u32) -> Wanted {
    let spec = json!({ "instance_type": "m5.large", "count": count, "subnet": to("sub"), "image": "al2023",
        "interfaces": { "security_groups": [to("g")] } });
    wanted("machines", "instance-group", spec)
}

#[test]
fn parents_are_made_before_children() {
    let all = [group("x", "y"), group("y", "x"), subnet(false), vpc("10.0.0.0/16")];
    Account::with(&[]).says(
        &all,
        "Create vpc (vpc): it does not exist
         Create y (security-group): it does not exist
         Create x (security-group): it does not exist
         Create sub (subnet): it does not exist",
    );
}

#[test]
fn children_are_removed_before_parents() {
    let account = Account::with(&[vpc("10.0.0.0/16"), subnet(false), group("x", "y"), group("y", "x")]);
    account.says(
        &[],
        "Delete sub (subnet) InPlace: it is not in the blueprint
         Delete x (security-group) InPlace: it is not in the blueprint
         Delete y (security-group) InPlace: it is not in the blueprint
         Delete vpc (vpc) InPlace: it is not in the blueprint",
    );
}

#[test]
fn nothing_to_do_is_an_empty_plan() {
    let all = [vpc("10.0.0.0/16"), subnet(false)];
    let account = Account::with(&all);
    assert!(account.plan(&all).is_empty());
    account.says(&all, "Keep vpc (vpc)\nKeep sub (subnet)");
}

#[test]
fn a_changed_field_is_an_update() {
    Account::with(&[vpc("10.0.0.0/16"), subnet(false)]).says(
        &[vpc("10.0.0.0/16"), subnet(true)],
        "Update sub (subnet) InPlace: public changed
             public: false -> true
         Keep vpc (vpc)",
    );
}

#[test]
fn a_fixed_field_replaces_and_so_does_a_replaced_parent() {
    Account::with(&[vpc("10.0.0.0/16"), subnet(false)]).says(
        &[vpc("10.0.0.0/20"), subnet(false)],
        r#"Replace sub (subnet) Replace: vpc, which `vpc` points at, is replaced
             vpc: {"$ref":"vpc"} -> {"$ref":"vpc"} (forces)
           Replace vpc (vpc) Replace: `cidr` cannot be changed in place
             cidr: "10.0.0.0/16" -> "10.0.0.0/20" (forces)"#,
    );
}

#[test]
fn a_late_field_follows_what_is_replaced() {
    let made = |at: &str| {
        let rules = json!([{ "protocol": "all", "cidr": "10.0.0.0/8" }]);
        wanted("y", "security-group", json!({ "vpc": to(at), "ingress": rules }))
    };
    let other = wanted("other", "vpc", json!({ "cidr": "10.0.0.0/16" }));
    let all = |at: &str| [vpc("10.0.0.0/16"), other.clone(), made(at), group("x", "y")];
    let plan = Account::with(&all("vpc")).plan(&all("other"));
    let shown = text(&plan);
    assert!(shown.contains("Replace y (security-group) Replace: `vpc` cannot be changed in place"), "{shown}");
    assert!(shown.contains("Update x (security-group) InPlace: y, which `ingress` points at, is replaced"), "{shown}");
    assert_eq!((plan.summary.keep, plan.summary.replace, plan.summary.update), (2, 1, 1), "{shown}");
}

#[test]
fn a_removed_field_goes_back_to_the_default() {
    Account::with(&[role(&json!({ "max_session": "4h" }))]).says(
        &[role(&json!({}))],
        r#"Update role (iam-role) InPlace: max_session changed
             max_session: "4h" -> "1h""#,
    );
}

#[test]
fn what_was_never_ours_is_left_alone() {
    let mut account = Account::with(&[role(&json!({}))]);
    account.drift("role", "max_session", json!("4h"));
    account.live("role").tags.insert("team", "theirs".to_owned());
    account.says(&[role(&json!({}))], "Keep role (iam-role)");
}

#[test]
fn null_is_the_default_and_managed() {
    let null = [role(&json!({ "max_session": null }))];
    let mut account = Account::with(&[role(&json!({}))]);
    account.says(&null, "Keep role (iam-role)");
    account.drift("role", "max_session", json!("1h"));
    account.says(&null, "Keep role (iam-role)");
    account.drift("role", "max_session", json!("4h"));
    account.says(
        &null,
        r#"Update role (iam-role) InPlace: max_session changed
             max_session: "4h" -> null"#,
    );
}

#[test]
fn drift_and_a_change_come_together() {
    let mut account = Account::with(&[vpc("10.0.0.0/16"), subnet(false)]);
    account.drift("vpc", "dns_hostnames", json!(false));
    account.says(
        &[vpc("10.0.0.0/16"), subnet(true)],
        "Update vpc (vpc) InPlace: dns_hostnames changed
             dns_hostnames: false -> true
         Update sub (subnet) InPlace: public changed
             public: false -> true",
    );
}

#[test]
fn tags_are_compared_alone() {
    let all = [vpc("10.0.0.0/16")];
    let mut account = Account::with(&all);
    account.tags.insert(tags::OWNER.to_owned(), "you".to_owned());
    account.tags.insert("team".to_owned(), "vision".to_owned());
    account.says(
        &all,
        r#"Update vpc (vpc) InPlace: tags.dlinfra:owner, tags.team changed
             tags.dlinfra:owner: "me" -> "you"
             tags.team: null -> "vision""#,
    );
}

#[test]
fn a_tag_of_ours_that_is_no_longer_wanted_is_removed() {
    let all = [vpc("10.0.0.0/16")];
    let mut account = Account::with(&all);
    account.applied.get_mut(&address("vpc")).unwrap().tags.insert("team", "vision".to_owned());
    account.live("vpc").tags.insert("team", "vision".to_owned());
    account.says(
        &all,
        r#"Update vpc (vpc) InPlace: tags.team changed
             tags.team: "vision" -> null"#,
    );
    assert_eq!(account.plan(&all).steps[0].untag, ["team"]);
}

#[test]
fn another_kind_at_the_same_address_is_a_replacement() {
    let account = Account::with(&[wanted("data", "bucket", json!({})), vpc("10.0.0.0/16")]);
    let all = [vpc("10.0.0.0/16"), wanted("data", "internet-gateway", json!({ "vpc": to("vpc") }))];
    account.says(
        &all,
        "Replace data (internet-gateway) DestroysData: its kind is bucket and shall be internet-gateway
         Keep vpc (vpc)",
    );
    assert_eq!(account.plan(&all).destructive().count(), 1);
}

#[test]
fn replacing_what_holds_data_destroys_it() {
    let plan = |deployment: &str| Account::with(&[files("a", deployment)]).plan(&[files("b", deployment)]);
    let (kept, scratch) = (plan("persistent-2"), plan("scratch-2"));
    let expected = r#"Replace files (fsx-lustre) DestroysData: `subnet` cannot be changed in place
    subnet: {"$ref":"a"} -> {"$ref":"b"} (forces)
"#;
    assert_eq!(text(&kept), expected);
    assert_eq!(text(&scratch), expected.replace("DestroysData", "Replace"));
    assert_eq!((kept.destructive().count(), scratch.destructive().count()), (1, 0));
}

#[test]
fn a_part_of_something_is_completed() {
    let all = [role(&json!({ "instance_profile": true }))];
    let mut account = Account::with(&all);
    account.live("role").state = State::Partial;
    account.says(&all, "Create role (iam-role): an earlier run made part of it");
}

#[test]
fn what_goes_away_or_failed_is_made_again() {
    let all = [vpc("10.0.0.0/16")];
    let mut account = Account::with(&all);
    account.live("vpc").state = State::Deleting;
    account.says(&all, "Replace vpc (vpc) Replace: the live one is being deleted");
    account.live("vpc").state = State::Failed("no room".to_owned());
    account.says(&all, "Replace vpc (vpc) Replace: AWS reports that it failed: no room");
    account.snapshot.owned.clear();
    account.says(&all, "Create vpc (vpc): it was made before and is gone");
}

#[test]
fn a_moved_address_is_a_change_of_a_tag() {
    let account = Account::with(&[vpc("10.0.0.0/16")]);
    let mut moved = wanted("net.vpc", "vpc", json!({ "cidr": "10.0.0.0/16" }));
    moved.moved.push(address("vpc"));
    account.says(
        &[moved],
        r#"Update net.vpc (vpc) InPlace: tags.dlinfra:address changed
             tags.dlinfra:address: "vpc" -> "net.vpc""#,
    );
}

#[test]
fn a_group_of_none_needs_nothing() {
    Account::with(&[]).says(&[machines(0)], "Keep machines (instance-group)");
    Account::with(&[machines(2)]).says(
        &[machines(0)],
        "Update machines (instance-group) InPlace: count changed
             count: 2 -> 0",
    );
}

#[test]
fn what_an_interrupted_run_made_is_adopted() {
    let all = [vpc("10.0.0.0/16")];
    let mut account = Account::with(&all);
    account.applied.clear();
    account.interrupted.insert(address("vpc"), "2026-01-01T00:08:00Z".parse().unwrap());
    account.says(&all, "Adopt vpc (vpc): id-vpc, made by an interrupted run 2 min ago");
}

#[test]
fn a_replacement_can_be_asked_for() {
    let all = [vpc("10.0.0.0/16")];
    let mut account = Account::with(&all);
    account.replace.insert(address("vpc"));
    account.says(&all, "Replace vpc (vpc) Replace: asked for with --replace");
}

#[test]
fn what_belongs_to_others_is_only_read() {
    let mut theirs = vpc("10.0.0.0/16");
    theirs.existing = Some(Lookup::Id("vpc-1".to_owned()));
    Account::with(&[]).says(
        &[theirs, subnet(false)],
        "Create sub (subnet): it does not exist
         Read vpc (vpc): existing: only read",
    );
}
