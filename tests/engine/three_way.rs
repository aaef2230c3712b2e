//! Each field of a live object three ways: what was applied last, what the blueprint says, what is live. The table in
//! docs/plans.md is made here, so that it cannot say anything else than the planner.
use super::plans::{Account, address};
use crate::stage::wanted;
use dlinfra::{
    aws::tags,
    kinds::KINDS,
    plan::{Action, Wanted},
    record::Setting,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A role's field: what was applied last, what the blueprint says, what is live.
struct Case {
    what: &'static str,
    last: Value,
    wanted: Value,
    live: Value,
    /// A run was killed after it had told the journal that it sets this field.
    begun: bool,
    plan: &'static str,
}

/// The word for a field that is not there.
const ABSENT: &str = "absent";

fn case(what: &'static str, last: Value, wanted: Value, live: Value, plan: &'static str) -> Case {
    Case { what, last, wanted, live, begun: false, plan }
}

fn killed(what: &'static str, last: Value, wanted: Value, live: Value, plan: &'static str) -> Case {
    Case { begun: true, ..case(what, last, wanted, live, plan) }
}

fn role(field: &str, value: &Value) -> Wanted {
    let mut spec = json!({ "trust": ["ec2.amazonaws.com"] });
    if *value != json!(ABSENT) {
        spec[field] = value.clone();
    }
    wanted("role", "iam-role", spec)
}

/// The planner's word on one field.
fn says(field: &str, case: &Case) -> String {
    let mut account = Account::with(&[role(field, &case.last)]);
    let live = role(field, &case.live).spec;
    match live.get(field) {
        Some(value) => account.live("role").spec[field] = value.clone(),
        None => drop(account.live("role").spec.as_object_mut().unwrap().remove(field)),
    }
    if case.begun {
        let setting = Setting { fields: BTreeSet::from([field.to_owned()]), tags: BTreeSet::new() };
        account.settings.insert(address("role"), setting);
    }
    let plan = account.plan(&[role(field, &case.wanted)]);
    let step = &plan.steps[0];
    match step.fields.as_slice() {
        [] => {
            assert_eq!(step.action, Action::Keep);
            "nothing".to_owned()
        }
        [one] => {
            assert_eq!((step.action, one.path.split('.').next()), (Action::Update, Some(field)));
            // What a role gets by default is known, so a null stands for that.
            let default = || step.kind.default_of(&one.path).unwrap_or(Value::Null);
            let after = if one.after.is_null() { default() } else { one.after.clone() };
            if after.is_null() {
                return format!("`{}`: {} is removed", one.path.replace("policies.", ""), short(&one.before));
            }
            format!("{} → {}", short(&one.before), short(&after))
        }
        more => panic!("{more:?}"),
    }
}

fn short(value: &Value) -> String {
    match value {
        Value::String(text) if text.starts_with("arn:") => text.rsplit('/').next().unwrap().to_owned(),
        Value::String(text) => text.clone(),
        Value::Null => "null".to_owned(),
        Value::Array(items) => format!("[{}]", items.iter().map(short).collect::<Vec<_>>().join(", ")),
        Value::Object(map) if map.contains_key("Statement") => "a policy".to_owned(),
        Value::Object(map) => format!("{{{}}}", map.keys().cloned().collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

fn scalars() -> Vec<Case> {
    let not = || json!(ABSENT);
    let is = |t: &str| json!(t);
    vec![
        case("as it was", is("4h"), is("4h"), is("4h"), "nothing"),
        case("changed in the blueprint", is("4h"), is("2h"), is("4h"), "4h → 2h"),
        case("changed behind dlinfra's back", is("4h"), is("4h"), is("8h"), "8h → 4h"),
        case("both at once", is("4h"), is("2h"), is("8h"), "8h → 2h"),
        case("both, to the same value", is("4h"), is("2h"), is("2h"), "nothing"),
        case("removed from the blueprint: AWS's default", is("4h"), not(), is("4h"), "4h → 1h"),
        case("removed, and changed by others", is("4h"), not(), is("8h"), "8h → 1h"),
        case("removed, and at the default already", is("4h"), not(), is("1h"), "nothing"),
        case("never ours: left alone", not(), not(), is("8h"), "nothing"),
        case("new in the blueprint", not(), is("4h"), is("1h"), "1h → 4h"),
        case("new, and live already: ours from now on", not(), is("4h"), is("4h"), "nothing"),
        case("`null`: AWS's default, managed", is("4h"), Value::Null, is("4h"), "4h → 1h"),
        case("`null`, never ours, and changed by others", not(), Value::Null, is("8h"), "8h → 1h"),
        case("`null`, and at the default", not(), Value::Null, is("1h"), "nothing"),
        case("`null` before, no longer written: left alone", Value::Null, not(), is("8h"), "nothing"),
        case("a run was killed before its change", is("4h"), is("2h"), is("4h"), "4h → 2h"),
        case("a run was killed after its change", is("4h"), is("2h"), is("2h"), "nothing"),
        killed("a first value, killed after the change, and removed again", not(), not(), is("4h"), "4h → 1h"),
        killed("a first value, killed before the change, and removed again", not(), not(), is("1h"), "nothing"),
        killed("a first value, killed after the change, and kept", not(), is("4h"), is("4h"), "nothing"),
    ]
}

fn lists() -> Vec<Case> {
    let list = |names: &[&str]| -> Value {
        names.iter().map(|n| json!(format!("arn:aws:iam::aws:policy/{n}"))).collect::<Vec<_>>().into()
    };
    vec![
        case("another order is no difference", list(&["A", "B"]), list(&["B", "A"]), list(&["A", "B"]), "nothing"),
        case("an element is added", list(&["A"]), list(&["A", "B"]), list(&["A"]), "[A] → [A, B]"),
        case("an element is removed", list(&["A", "B"]), list(&["A"]), list(&["A", "B"]), "[A, B] → [A]"),
        case(
            "others have added one: a list is stated whole",
            list(&["A"]),
            list(&["A"]),
            list(&["A", "C"]),
            "[A, C] → [A]",
        ),
        case("others have removed one, one is added", list(&["A"]), list(&["A", "B"]), list(&[]), "[] → [A, B]"),
        case("the list is emptied", list(&["A"]), list(&[]), list(&["A"]), "[A] → []"),
    ]
}

fn maps() -> Vec<Case> {
    let policy = |action: &str| json!({ "Statement": [{ "Effect": "Allow", "Action": action, "Resource": "*" }] });
    let map = |keys: &[&str]| -> Value {
        Value::Object(keys.iter().map(|k| ((*k).to_owned(), policy("s3:GetObject"))).collect())
    };
    vec![
        case("a key is added", map(&["read"]), map(&["read", "list"]), map(&["read"]), "null → a policy"),
        case(
            "a key is removed",
            map(&["read", "list"]),
            map(&["read"]),
            map(&["read", "list"]),
            "`list`: a policy is removed",
        ),
        case(
            "others have added a key: a map is stated whole",
            map(&["read"]),
            map(&["read"]),
            map(&["read", "x"]),
            "`x`: a policy is removed",
        ),
    ]
}

/// The rows of one field, checked.
fn rows(field: &str, cases: &[Case]) -> String {
    let mut out = format!("\n`{field}`:\n\n| case | applied last | blueprint | live | plan |\n|---|---|---|---|---|\n");
    for case in cases {
        let found = says(field, case);
        assert_eq!(found, case.plan, "{field}: {}", case.what);
        let cell = |value: &Value| if *value == json!(ABSENT) { "-".to_owned() } else { short(value) };
        let last = if case.begun { format!("{} (begun)", cell(&case.last)) } else { cell(&case.last) };
        out.push_str(&format!(
            "| {} | {last} | {} | {} | {found} |\n",
            case.what,
            cell(&case.wanted),
            cell(&case.live)
        ));
    }
    out
}

#[test]
fn the_table_in_the_docs_is_what_the_planner_does() {
    let table =
        [rows("max_session", &scalars()), rows("managed_policies", &lists()), rows("policies", &maps())].concat();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/plans.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (start, end) = ("<!-- three ways: made by a test -->\n", "\n<!-- end -->");
    let (head, rest) = page.split_once(start).unwrap();
    let (found, tail) = rest.split_once(end).unwrap();
    if std::env::var_os("DLINFRA_BLESS").is_some() {
        std::fs::write(path, [head, start, &table, end, tail].concat()).unwrap();
        return;
    }
    assert_eq!(found, table, "run the test with DLINFRA_BLESS=1");
}

/// A field that can be left out and changed in place has an AWS default, or it says that it stays as it is.
#[test]
fn what_can_be_removed_has_a_default() {
    // AWS chooses these when they are not given, and has no state "not given" afterwards: a removed one stays.
    const CHOSEN: &[(&str, &str)] = &[
        ("fsx-lustre", "backup_time"),
        ("fsx-lustre", "maintenance"),
        ("fsx-lustre", "read_cache"),
        ("fsx-lustre", "read_cache_size"),
        ("fsx-lustre", "security_groups"),
        ("fsx-lustre", "size"),
        ("fsx-lustre", "throughput"),
        ("fsx-lustre", "throughput_capacity"),
        // Filled in, as `source` or an archive of one's own wants it.
        ("function", "handler"),
        // That of `source` is computed; an archive's is required.
        ("function", "sha256"),
        // One of the two is required.
        ("iam-role", "trust"),
        ("iam-role", "trust_policy"),
        // One is filled in, unless scaling has it.
        ("inference-component", "copies"),
        // A minute is filled in where it counts.
        ("load-balancer", "idle_timeout"),
        // Says only what must come first.
        ("nat-gateway", "internet_gateway"),
        // Says what else would do; without it the range stays what it is.
        ("subnet", "alternatives"),
    ];
    let mut without = Vec::new();
    for kind in KINDS {
        let schema = kind.schema();
        let required: BTreeSet<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let about = kind.about();
        for (name, field) in schema["properties"].as_object().unwrap() {
            let listed = |list: &[&str]| list.contains(&name.as_str());
            let filled = field.get("default").is_some_and(|d| !d.is_null());
            let settled = required.contains(name.as_str()) || filled || kind.default_of(name).is_some();
            if !settled && !listed(about.fixed) && !listed(about.rolling) && !listed(about.local) {
                without.push((kind.name(), name.clone()));
            }
        }
    }
    let without: Vec<(&str, &str)> = without.iter().map(|(k, f)| (*k, f.as_str())).collect();
    assert_eq!(without, CHOSEN);
}

#[test]
fn owner_tags_and_time_of_expiry_change_tags_only() {
    let all = [role("max_session", &json!("4h")), wanted("vpc", "vpc", json!({ "cidr": "10.0.0.0/16" }))];
    let mut account = Account::with(&all);
    account.tags.extend([
        (tags::OWNER.to_owned(), "you".to_owned()),
        (tags::EXPIRES.to_owned(), "2026-02-01T00:00:00Z".to_owned()),
        ("Team".to_owned(), "vision".to_owned()),
    ]);
    let plan = account.plan(&all);
    assert_eq!((plan.summary.update, plan.summary.replace, plan.destructive().count()), (2, 0, 0));
    for step in &plan.steps {
        assert!(step.fields.iter().all(|f| f.path.starts_with("tags.")), "{:?}", step.fields);
        assert_eq!(step.setting.tags, BTreeSet::from(["Team".to_owned()]), "the journal is told before");
    }
}

#[test]
fn a_tag_that_a_killed_run_set_is_removed_again() {
    let all = [role("max_session", &json!("4h"))];
    let mut account = Account::with(&all);
    for key in ["Team", "theirs"] {
        account.live("role").tags.insert(key, "vision".to_owned());
    }
    account
        .settings
        .insert(address("role"), Setting { tags: BTreeSet::from(["Team".to_owned()]), ..Setting::default() });
    assert_eq!(account.plan(&all).steps[0].untag, ["Team"]);
}

#[test]
fn what_is_live_already_is_remembered_without_a_change() {
    let mut account = Account::with(&[role("max_session", &json!(ABSENT))]);
    account.live("role").spec["max_session"] = json!("4h");
    let wanted = [role("max_session", &json!("4h"))];
    let plan = account.plan(&wanted);
    assert!(plan.is_empty());
    let (at, applied) = plan.unrecorded().next().expect("the journal must learn that the field is ours");
    assert_eq!(applied.spec["max_session"], "4h");
    account.applied.insert(at.clone(), applied.clone());
    assert_eq!(account.plan(&wanted).unrecorded().count(), 0);
    // And so it goes back to the default when it is no longer wanted.
    let plan = account.plan(&[role("max_session", &json!(ABSENT))]);
    assert_eq!(
        (plan.steps[0].fields[0].path.as_str(), plan.steps[0].fields[0].after.clone()),
        ("max_session", json!("1h"))
    );
}

#[test]
fn a_lost_journal_is_remembered_again() {
    let all = [role("max_session", &json!("4h")), wanted("vpc", "vpc", json!({ "cidr": "10.0.0.0/16" }))];
    let mut account = Account::with(&all);
    let before = std::mem::take(&mut account.applied);
    let plan = account.plan(&all);
    assert!(plan.is_empty());
    for (at, applied) in plan.unrecorded() {
        assert_eq!(applied.spec, before[at].spec);
    }
    assert_eq!(plan.unrecorded().count(), 2);
}

/// What a moved resource had set is still known at its new address.
#[test]
fn a_move_keeps_the_memory() {
    let account = Account::with(&[role("max_session", &json!("4h"))]);
    for (from, to) in [("role", "roles/a"), ("role", "net.role")] {
        let mut moved = role("max_session", &json!(ABSENT));
        moved.address = address(to);
        moved.moved.push(address(from));
        let plan = account.plan(&[moved]);
        let step = &plan.steps[0];
        let paths: Vec<&str> = step.fields.iter().map(|f| f.path.as_str()).collect();
        assert_eq!((step.action, paths), (Action::Update, vec!["max_session", "tags.dlinfra:address"]));
        assert_eq!((plan.summary.create, plan.summary.delete, plan.summary.replace), (0, 0, 0));
    }
}

/// Whoever moves several objects at once sees some of them later at their new address: none is made again.
#[tokio::test(start_paused = true)]
async fn moved_objects_are_not_made_again() {
    let vpc = |at: &str| wanted(at, "vpc", json!({ "cidr": "10.0.0.0/16" }));
    let stage = crate::stage::Stage::new().await;
    stage.settle(&["vpc/a", "vpc/b", "vpc/c"].map(vpc)).await;
    let ids = |stage: &crate::stage::Stage| -> BTreeSet<String> {
        let all = stage.sandbox.objects();
        all.into_iter().filter(|o| o.kind == "ec2/vpc" && o.is_live()).map(|o| o.id).collect()
    };
    let before = ids(&stage);
    // From for_each to single ones, into a module, and to another key.
    let moved = [("vpc/a", "main"), ("vpc/b", "net.vpc"), ("vpc/c", "vpc/d")].map(|(from, to)| {
        let mut item = vpc(to);
        item.moved.push(address(from));
        item
    });
    stage.settle(&moved).await;
    assert_eq!(ids(&stage), before);
    // The memory has moved too, and nothing of the old addresses is left.
    let engine = stage.engine().await;
    let known: Vec<&str> = engine.memory().applied.keys().map(dlinfra::address::Address::as_str).collect();
    assert_eq!(known, ["main", "net.vpc", "vpc/d"]);
    stage.settle(&[]).await;
    assert_eq!(stage.left().await, Vec::<String>::new());
}
