//! The ladder of capacity: rungs that hold nobody are passed over, remembered, and leave nothing behind.
use super::codes;
use crate::{
    crash_lives::Life,
    crash_matrix::die_everywhere,
    crash_tape::Store,
    stage::{Stage, text, wanted},
};
use aws_sdk_ec2::types::{CapacityReservationInstancePlatform, InstanceMatchCriteria};
use dlinfra::{apply::What, plan::Wanted};
use dlinfra_sandbox::{Behaviour, SandboxConfig};
use serde_json::{Value, json};
use std::time::Duration;

const ZONES: [&str; 3] = ["a", "b", "c"];

fn to(address: &str) -> Value {
    json!({ "$ref": address })
}

/// A network in three zones.
fn network() -> Vec<Wanted> {
    let mut out = vec![wanted("vpc", "vpc", json!({ "cidr": "10.0.0.0/16" }))];
    for (n, zone) in ZONES.iter().enumerate() {
        let spec =
            json!({ "vpc": to("vpc"), "cidr": format!("10.0.{}.0/20", n * 16), "zone": format!("us-east-1{zone}") });
        out.push(wanted(zone, "subnet", spec));
    }
    out.push(wanted("group", "security-group", json!({ "vpc": to("vpc") })));
    out
}

/// The network, and so many machines on this ladder.
fn machines(count: u32, capacity: &Value) -> Vec<Wanted> {
    let spec = json!({ "instance_type": "p4d.24xlarge", "count": count, "subnet": to("a"), "image": "dlami-base-ubuntu-22.04",
        "interfaces": { "layout": "plain", "security_groups": [to("group")] }, "capacity": capacity });
    let mut out = network();
    out.push(wanted("train", "instance-group", spec));
    out
}

/// What was told while it waited, in order.
fn waits(stage: &Stage) -> Vec<String> {
    let why = |event: &dlinfra::apply::Event| match &event.what {
        What::Waiting { why } => Some(why.clone()),
        _ => None,
    };
    stage.events.lock().unwrap().iter().filter_map(why).collect()
}

/// Types and zones of what runs.
async fn running(stage: &Stage) -> Vec<(String, String, bool)> {
    let out = stage.aws().await.ec2().describe_instances().send().await.unwrap();
    let all = out.reservations().iter().flat_map(|r| r.instances().to_vec());
    let alive = all.filter(|i| ["running", "pending"].contains(&i.state().unwrap().name().unwrap().as_str()));
    let row = |i: aws_sdk_ec2::types::Instance| {
        let zone = i.placement().unwrap().availability_zone().unwrap().to_owned();
        (i.instance_type().unwrap().as_str().to_owned(), zone, i.instance_lifecycle().is_some())
    };
    let mut rows: Vec<_> = alive.map(row).collect();
    rows.sort();
    rows
}

async fn reserve(stage: &Stage, count: i32) -> String {
    let call = stage.aws().await.ec2().create_capacity_reservation().instance_type("p4d.24xlarge");
    let call = call.instance_platform(CapacityReservationInstancePlatform::LinuxUnix).instance_count(count);
    let call = call.availability_zone("us-east-1b").instance_match_criteria(InstanceMatchCriteria::Targeted);
    call.send().await.unwrap().capacity_reservation.unwrap().capacity_reservation_id.unwrap()
}

/// A block that begins tomorrow.
async fn block(stage: &Stage) -> String {
    let ec2 = stage.aws().await;
    let ec2 = ec2.ec2();
    let offers = ec2.describe_capacity_block_offerings().instance_type("p4d.24xlarge").instance_count(2);
    let offers = offers.capacity_duration_hours(24).send().await.unwrap();
    let later = offers.capacity_block_offerings().last().unwrap().capacity_block_offering_id().unwrap().to_owned();
    let bought = ec2.purchase_capacity_block().capacity_block_offering_id(later);
    let bought = bought.instance_platform(CapacityReservationInstancePlatform::LinuxUnix).send().await.unwrap();
    bought.capacity_reservation.unwrap().capacity_reservation_id.unwrap()
}

#[tokio::test(start_paused = true)]
async fn every_rung_that_holds_nobody_is_passed_over_and_remembered() {
    let full = ["p4d.24xlarge@us-east-1a", "p4d.24xlarge@us-east-1b", "p4d.24xlarge@us-east-1c"];
    let capacity = full.iter().map(|at| ((*at).to_owned(), 1)).collect();
    let behaviour = Behaviour { capacity, ..Behaviour::default() };
    let stage = Stage::with(SandboxConfig { behaviour, ..SandboxConfig::default() }).await;
    stage.apply(&network()).await;
    let (block, reservation) = (block(&stage).await, reserve(&stage, 1).await);
    // Until the block is paid for, and both are seen.
    stage.clock.sleep(Duration::from_secs(600)).await;
    let ladder = json!([
        { "reservation": block, "market": "capacity-block", "subnets": [to("a"), to("b")] },
        { "reservation": reservation, "subnets": [to("b")] },
        { "subnets": [to("a"), to("b")] },
        { "market": "spot", "subnets": [to("c")], "types": ["p4d.24xlarge", "g5.48xlarge"], "max_price": "0.05 USD/h" },
        { "types": ["g5.48xlarge"], "subnets": [to("c")] },
    ]);
    let began = stage.clock.now();
    stage.apply(&machines(2, &ladder)).await;
    let here = ("g5.48xlarge".to_owned(), "us-east-1c".to_owned(), false);
    assert_eq!(running(&stage).await, [here.clone(), here.clone()], "two of the second type, in one zone");
    let trail = waits(&stage);
    let told = |words: &[&str]| trail.iter().any(|line| words.iter().all(|word| line.contains(word)));
    assert!(told(&[&block, "is scheduled"]), "{trail:#?}");
    assert!(told(&[&reservation, "has 1 of 1 free, and 2 are wanted"]), "{trail:#?}");
    assert!(told(&["on-demand in a", "us-east-1a"]) && told(&["on-demand in b", "us-east-1b"]), "{trail:#?}");
    assert!(told(&["p4d.24xlarge spot in c", "SpotMaxPriceTooLow"]) && told(&["g5.48xlarge spot in c"]), "{trail:#?}");
    // Machines take a minute; each rung that refuses takes a request.
    let took = stage.clock.now().duration_since(began).as_secs();
    assert!(took < 60 + 8 * 10, "{took} s");
    let plan = stage.plan(&machines(2, &ladder)).await;
    assert!(plan.is_empty(), "{}", text(&plan));
    let groups = stage.sandbox.objects().iter().filter(|o| o.kind == "ec2/placement-group" && o.is_live()).count();
    assert_eq!(groups, 1, "the one that they stand in, and none of rungs that failed");

    // More of them stand beside those that run.
    stage.apply(&machines(3, &ladder)).await;
    assert_eq!(running(&stage).await, vec![here.clone(); 3]);
    // Another apply at once does not run against the same walls.
    stage.apply(&network()).await;
    stage.events.lock().unwrap().clear();
    let before = stage.sandbox.requests().count("ec2:RunInstances");
    stage.apply(&machines(2, &ladder)).await;
    assert_eq!(running(&stage).await, vec![here; 2]);
    assert_eq!(stage.sandbox.requests().count("ec2:RunInstances") - before, 1, "{:#?}", waits(&stage));
    // After some minutes the walls may be gone.
    stage.apply(&network()).await;
    stage.clock.sleep(Duration::from_secs(11 * 60)).await;
    let before = stage.sandbox.requests().count("ec2:RunInstances");
    stage.apply(&machines(1, &ladder)).await;
    let reserved = ("p4d.24xlarge".to_owned(), "us-east-1b".to_owned(), false);
    assert_eq!(running(&stage).await, [reserved], "one has room in the reservation");
    assert_eq!(stage.sandbox.requests().count("ec2:RunInstances") - before, 1);
    stage.apply(&[]).await;
    assert_eq!(stage.left().await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_rung_is_asked_again_for_as_long_as_it_says() {
    let capacity = [("p4d.24xlarge@us-east-1a".to_owned(), 0)].into();
    let behaviour = Behaviour { capacity, ..Behaviour::default() };
    let stage = Stage::with(SandboxConfig { behaviour, ..SandboxConfig::default() }).await;
    stage.apply(&network()).await;
    let began = stage.clock.now();
    let outcome = stage.try_apply(&machines(1, &json!([{ "wait": "15m" }, { "market": "spot" }]))).await;
    let [(_, error)] = &outcome.failed[..] else { panic!("{outcome:?}") };
    assert!(error.message.contains("on-demand in a: ") && error.message.contains("spot in a: "), "{error}");
    let took = stage.clock.now().duration_since(began).as_secs();
    assert!((900..1100).contains(&took), "{took} s");
    assert!(stage.sandbox.requests().count("ec2:RunInstances") >= 30);
}

#[test]
fn a_ladder_may_be_killed_anywhere() {
    let ladder = json!([
        { "reservation": "cr-0123456789abcdef0", "subnets": [to("b")] },
        { "market": "spot", "max_price": "0.01 USD/h", "subnets": [to("a"), to("b")] },
        { "types": ["g5.48xlarge"], "subnets": [to("b")] },
    ]);
    let commands = vec![("make", machines(2, &ladder)), ("extend", machines(3, &ladder)), ("destroy", Vec::new())];
    let row = die_everywhere(&Life { kind: "ladder", parents: network(), commands }, Store::Memory);
    assert_eq!(row.failures, Vec::<String>::new());
}

#[test]
fn rungs_that_cannot_hold_anybody_are_refused() {
    let group = |changes: Value| {
        let mut spec = json!({ "instance_type": "p4d.24xlarge", "count": 2, "subnet": to("a"), "image": "dlami-base-ubuntu-22.04",
            "interfaces": { "security_groups": [to("group")] } });
        spec.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        codes("instance-group", &spec)
    };
    let none = Vec::<&str>::new();
    let id = "cr-0123456789abcdef0";
    let fleet = "arn:aws:resource-groups:us-east-1:123456789012:group/blocks";
    for fine in [
        json!([{ "reservation": id, "market": "capacity-block" }, {}, { "market": "spot", "max_price": "12.5 USD/h" }]),
        json!([{ "reservation": fleet }, { "types": ["p4de.24xlarge"], "subnets": [to("b"), to("c")], "wait": "10m" }]),
    ] {
        assert_eq!(group(json!({ "capacity": fine })), none, "{fine}");
    }
    for wrong in [
        json!([{ "reservation": "block-1" }]),
        json!([{ "reservation": id, "market": "spot" }]),
        json!([{ "market": "capacity-block" }]),
        json!([{ "max_price": "12 USD/h" }]),
        json!([{ "market": "spot", "max_price": "12 USD" }]),
        json!([{}, {}]),
        json!([{ "types": ["p4d.25xlarge"] }]),
        json!([{ "types": ["c7g.large"] }]),
    ] {
        assert_eq!(group(json!({ "capacity": wrong })), ["DL0391"], "{wrong}");
    }
    assert_eq!(group(json!({ "capacity": [{}], "market": "spot" })), ["DL0391"]);
    assert_eq!(group(json!({ "capacity": [{}], "fallback": ["spot"] })), ["DL0391"]);
    assert_eq!(group(json!({ "public_ip": true })), ["DL0390"]);
    assert_eq!(
        group(json!({ "public_ip": true, "interfaces": { "layout": "plain", "security_groups": [to("group")] } })),
        none
    );
}
