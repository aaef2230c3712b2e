//! What a plan says of what ends: machines, what is protected, data, and what stays although everything goes.
use crate::{
    plans::{Account, address, to},
    stage::{Stage, text, wanted},
};
use dlinfra::{
    engine::Execution,
    plan::{Action, Plan, Protect, Wanted},
    report::plan as report,
    resource::State,
};
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

fn machines(count: u32, kind: &str, protect: Option<Protect>) -> Vec<Wanted> {
    let spec = json!({ "instance_type": kind, "count": count, "subnet": to("sub"), "image": "al2023",
        "interfaces": { "security_groups": [to("nodes")] } });
    let mut group = wanted("group", "instance-group", spec);
    group.protect = protect;
    vec![
        wanted("vpc", "vpc", json!({ "cidr": "10.0.0.0/16" })),
        wanted("sub", "subnet", json!({ "vpc": to("vpc"), "cidr": "10.0.1.0/24", "zone": "us-east-1a" })),
        wanted("nodes", "security-group", json!({ "vpc": to("vpc") })),
        group,
    ]
}

fn shown(plan: &Plan) -> String {
    let word = String::new;
    let header = report::Header {
        stack: word(),
        region: word(),
        account: word(),
        place: word(),
        journal: word(),
        new_bucket: None,
        end: None,
        idle: None,
    };
    report::text(&header, plan, &report::Show { full: true, ..report::Show::PLAIN })
}

fn codes(plan: &Plan) -> Vec<(String, String)> {
    let refused = plan.refused(&BTreeSet::new(), true, &BTreeMap::new());
    refused.iter().map(|d| (d.code.to_owned(), d.address.clone().unwrap_or_default())).collect()
}

#[tokio::test(start_paused = true)]
async fn machines_that_end_are_named_and_protected() {
    let stage = Stage::new().await;
    stage.settle(&machines(3, "m5.large", None)).await;
    let (_, view, plan) = stage.look(&machines(1, "m5.large", None)).await;
    let members: Vec<String> =
        view.snapshot.owned[&address("group")].live.members.iter().map(|m| m.id.clone()).collect();
    let step = plan.steps.iter().find(|s| s.address.as_str() == "group").unwrap();
    assert_eq!(step.ending, members[1..], "the oldest stays");
    let text = shown(&plan);
    assert!(text.contains(&format!("members to end: {}, {}", members[1], members[2])), "{text}");
    assert!(text.contains("Risk: terminates 2 machines of group"), "{text}");
    let all = shown(&stage.plan(&machines(0, "m5.large", None)).await);
    assert!(all.contains("Risk: terminates 3 machines of group"), "{all}");
    assert!(codes(&plan).is_empty());

    // Growing ends nobody and takes the time of a launch; what ends is not started again.
    let seconds = |plan: &Plan| plan.steps.iter().find(|s| s.address.as_str() == "group").unwrap().expected_seconds;
    let grown = stage.plan(&machines(5, "m5.large", Some(Protect::Never))).await;
    assert!(codes(&grown).is_empty());
    let made = Stage::new().await.plan(&machines(5, "m5.large", None)).await;
    assert_eq!(seconds(&grown), seconds(&made));

    // Fewer, and one after the other.
    for (count, kind) in [(1, "m5.large"), (0, "m5.large"), (3, "m5.xlarge")] {
        let want = machines(count, kind, Some(Protect::Never));
        let plan = stage.plan(&want).await;
        assert_eq!(codes(&plan), [("DL0552".to_owned(), "group".to_owned())], "{count} {kind}");
        // Whoever executes it all the same ends nobody.
        let outcome = stage.try_apply(&want).await;
        assert!(
            outcome.failed.iter().any(|(a, e)| a.as_str() == "group" && e.message.contains("protected")),
            "{outcome:?}"
        );
        let (_, view, _) = stage.look(&[]).await;
        let now: Vec<String> =
            view.snapshot.owned[&address("group")].live.members.iter().map(|m| m.id.clone()).collect();
        assert_eq!(now, members);
    }
    stage.settle(&machines(0, "m5.large", Some(Protect::Off))).await;
}

#[test]
fn tags_take_a_moment() {
    let all = vec![wanted("data", "bucket", json!({})), wanted("vpc", "vpc", json!({ "cidr": "10.0.0.0/16" }))];
    let mut account = Account::with(&all);
    account.tags.insert("team".to_owned(), "vision".to_owned());
    assert!(account.plan(&all).steps.iter().all(|s| s.action == Action::Update && s.expected_seconds == 2));
}

#[test]
fn what_depends_on_something_moved_stays_as_it_is() {
    let subnet =
        |vpc: &str| wanted("a", "subnet", json!({ "vpc": to(vpc), "cidr": "10.0.1.0/24", "zone": "us-east-1a" }));
    let vpc = |name: &str| wanted(name, "vpc", json!({ "cidr": "10.0.0.0/16" }));
    let account = Account::with(&[vpc("old"), subnet("old")]);
    let mut moved = vpc("new");
    moved.moved = vec![address("old")];
    let plan = account.plan(&[moved, subnet("new")]);
    let actions: Vec<_> = plan.steps.iter().map(|s| (s.address.as_str(), s.action)).collect();
    assert_eq!(actions, [("new", Action::Update), ("a", Action::Keep)], "{}", text(&plan));
}

#[test]
fn both_words_are_asked_for_at_once() {
    let bucket = vec![wanted("data", "bucket", json!({ "name": "one-4711" }))];
    let plan = Account::with(&bucket).plan(&[]);
    let holds = BTreeMap::from([(address("data"), "3 objects".to_owned())]);
    let help = |allowed: &[&str], delete_data: bool, contents: &BTreeMap<_, _>| -> Vec<String> {
        let refused = plan.refused(&allowed.iter().copied().collect(), delete_data, contents);
        refused.iter().flat_map(|d| d.help.clone()).collect()
    };
    let all = help(&[], false, &holds);
    assert!(all.len() == 1 && all[0].contains("`--allow-destroy data` and `--delete-data`"), "{all:?}");
    let rest = help(&["data"], false, &holds);
    assert!(rest.len() == 1 && rest[0].ends_with("add `--delete-data`"), "{rest:?}");
    assert!(help(&["data"], true, &holds).is_empty() && help(&["data"], false, &BTreeMap::new()).is_empty());
}

#[test]
fn what_aws_deletes_already_is_waited_for() {
    let bucket = vec![wanted("data", "bucket", json!({ "name": "one-4711" }))];
    let mut account = Account::with(&bucket);
    account.live("data").state = State::Deleting;
    for want in [&bucket[..], &[]] {
        let plan = account.plan(want);
        assert!(plan.steps.iter().all(|s| matches!(s.action, Action::Replace | Action::Delete)));
        assert_eq!(plan.destructive().count(), 0, "{}", text(&plan));
    }
}

#[tokio::test(start_paused = true)]
async fn what_stays_is_not_promised_to_go() {
    let stage = Stage::new().await;
    let mut all = machines(1, "m5.large", None);
    all.push(wanted("data", "bucket", json!({})));
    stage.settle(&all).await;
    let (engine, view, plan) = stage.look(&[]).await;
    assert_eq!(plan.summary.delete, 5);
    // The group of rules stays, and the VPC that it lies in.
    let why = |text: &str| text.to_owned();
    let plan = plan.keeping(&BTreeMap::from([
        (address("data"), why("it holds 3 objects")),
        (address("nodes"), why("it is protected")),
    ]));
    assert_eq!((plan.summary.delete, plan.summary.keep), (2, 3));
    let staying: Vec<_> = plan.staying().map(|s| (s.address.as_str(), s.reason.as_str())).collect();
    assert_eq!(staying.iter().collect::<BTreeSet<_>>().len(), 3, "{staying:?}");
    assert!(staying.contains(&("vpc", "stays: nodes needs it")), "{staying:?}");
    let text = shown(&plan);
    assert!(text.contains("2 to delete; 3 to stay") && text.contains("stays: it holds 3 objects"), "{text}");
    let (_keep, cancel) = crate::stage::never();
    let run = Execution { command: "destroy", presence: None, delete_data: false, sink: Arc::new(|_| {}), cancel };
    let outcome = engine.execute(&plan, &view, &[], run).await.unwrap();
    assert!(outcome.complete(), "{outcome:?}");
    assert_eq!(stage.left().await.len(), 3);
}

/// What no zone of the subnet sells is said before the network for it is made, with the zones that do.
#[tokio::test(start_paused = true)]
async fn a_type_that_the_zone_does_not_have_is_refused_in_the_plan() {
    let stage = Stage::new().await;
    let mut elsewhere = machines(1, "m5.large", None);
    let spec = Arc::make_mut(&mut elsewhere.last_mut().unwrap().spec);
    (spec["instance_type"], spec["image"]) = (json!("p4de.24xlarge"), json!("dlami-base-ubuntu-22.04"));
    let (engine, view, mut plan) = stage.look(&elsewhere).await;
    let refused = engine.foresee(&mut plan, &view).await.unwrap_err();
    let told: Vec<_> = refused.iter().map(|d| (d.code, d.address.as_deref())).collect();
    assert_eq!(told, [("DL0384", Some("group"))], "{refused}");
    let help: Vec<&String> = refused.iter().flat_map(|d| &d.help).collect();
    assert_eq!(help, ["zones that have it: us-east-1b, us-east-1c"]);
    let (engine, view, mut plan) = stage.look(&machines(1, "m5.large", None)).await;
    engine.foresee(&mut plan, &view).await.unwrap();
}

/// Machines go on running when their reservation is over; none of them ends for one that cannot be started.
#[tokio::test(start_paused = true)]
async fn a_reservation_that_is_over_costs_no_machine() {
    let stage = Stage::new().await;
    let aws = stage.aws().await;
    let reserve = aws.ec2().create_capacity_reservation().instance_type("g5.xlarge").instance_count(2);
    let reserve = reserve.instance_platform("Linux/UNIX".into()).availability_zone("us-east-1a");
    let made = reserve.instance_match_criteria("targeted".into()).send().await.unwrap();
    let id = made.capacity_reservation.unwrap().capacity_reservation_id.unwrap();
    let mut all = machines(2, "g5.xlarge", None);
    std::sync::Arc::make_mut(&mut all.last_mut().unwrap().spec)["reservation"] = json!(id);
    stage.settle(&all).await;
    let running = || stage.sandbox.objects().into_iter().filter(|o| o.kind == "ec2/instance" && o.state == "running");
    assert_eq!(running().count(), 2);
    aws.ec2().cancel_capacity_reservation().capacity_reservation_id(&id).send().await.unwrap();
    stage.clock.sleep(std::time::Duration::from_secs(60)).await;
    let (engine, view, mut plan) = stage.look(&all).await;
    if !plan.is_empty() {
        let refused = engine.foresee(&mut plan, &view).await.unwrap_err();
        let told: Vec<_> = refused.iter().map(|d| (d.code, d.address.as_deref())).collect();
        assert_eq!(told, [("DL0385", Some("group"))], "{refused}");
        assert!(refused.to_string().contains("is cancelled"), "{refused}");
    }
    // The author leaves it out: who runs goes on.
    let without = machines(2, "g5.xlarge", None);
    let (engine, view, mut plan) = stage.look(&without).await;
    engine.foresee(&mut plan, &view).await.unwrap();
    assert!(plan.is_empty(), "{}", text(&plan));
    assert_eq!(running().count(), 2);
}
