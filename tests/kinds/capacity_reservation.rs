//! capacity-reservation: example, life, price, what is refused, its end, and machines that run in one.
use super::{Nameless, codes, monthly};
use crate::{
    crash_lives::{self, Life},
    examples::{Example, IT, in_place, replace},
    stage::{Stage, text, wanted},
};
use aws_sdk_ec2::types::{CapacityReservation, Filter};
use dlinfra::plan::{Action, Wanted};
use serde_json::{Value, json};
use std::time::Duration;

pub(crate) const OWN: Nameless = Nameless { kind: "capacity-reservation", examples, life };

fn spec(fields: &Value) -> Value {
    let mut out = json!({ "instance_type": "g5.xlarge", "count": 2, "zone": "us-east-1a" });
    out.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    out
}

fn examples() -> Vec<Example> {
    vec![Example {
        kind: "capacity-reservation",
        needs: &[],
        spec: spec(&json!({})),
        changes: vec![
            in_place("count", json!({ "count": 3 })),
            in_place("match", json!({ "match": "open" })),
            in_place("end", json!({ "end": "2099-01-31T18:00:00Z" })),
            in_place("end", json!({ "end": null })),
            replace("instance_type", json!({ "instance_type": "g5.2xlarge" })),
            replace("zone", json!({ "zone": "us-east-1b" })),
            replace("tenancy", json!({ "tenancy": "dedicated" })),
            // The sandbox keeps Linux machines only.
            crate::examples::change(
                "platform",
                json!({ "platform": "Ubuntu Pro" }),
                dlinfra::plan::ChangeClass::Replace,
                false,
            ),
        ],
        silent: &[],
    }]
}

fn life() -> Life {
    let changes = [
        ("update", json!({ "count": 3, "end": "2099-01-31T18:00:00Z" })),
        ("extend", json!({})),
        ("replace", json!({ "instance_type": "g5.2xlarge" })),
    ];
    crash_lives::life("capacity-reservation", 0, &json!({}), &changes)
}

#[test]
fn what_ec2_refuses_is_found_beforehand() {
    let codes = |fields: Value| codes("capacity-reservation", &spec(&fields));
    let none = Vec::<&str>::new();
    assert_eq!(codes(json!({ "instance_type": "p5.49xlarge" })), ["DL3501"]);
    assert_eq!(codes(json!({ "instance_type": "p5.48xlarge" })), none);
    assert_eq!(codes(json!({ "zone": "use1-az1" })), ["DL3502"]);
    for end in ["2027-01-31", "2027-01-31T18:00:00", "2027-01-31T18:00:00+01:00", "2027-01-31T18:00:00.5Z", "tomorrow"]
    {
        assert_eq!(codes(json!({ "end": end })), ["DL3503"], "{end}");
    }
    assert_eq!(codes(json!({ "end": "2027-01-31T18:00:00Z" })), none);
    assert_eq!(codes(json!({ "end": "2027-01-31T18:00Z" })), none);
}

#[test]
fn it_costs_what_its_machines_cost_on_demand_and_they_cost_nothing_more() {
    // 2 × 1.006 × 730
    assert_eq!(monthly("capacity-reservation", &spec(&json!({}))), "1468.76");
    // No rate of these is known, which is not the same as free.
    assert_eq!(monthly("capacity-reservation", &spec(&json!({ "tenancy": "dedicated" }))), "0");
    let group = |reservation: Value| monthly("instance-group", &group(&json!({ "reservation": reservation })));
    // What is left is their disks: 2 × 200 × 0.08
    assert_eq!(group(json!({ "$ref": IT })), "32");
    assert_eq!(group(json!("cr-0123456789abcdef0")), "32");
    assert_eq!(group(Value::Null), "1500.76");
}

fn group(fields: &Value) -> Value {
    let mut out = json!({ "instance_type": "g5.xlarge", "count": 2, "subnet": { "$ref": "a" }, "image": "al2023",
        "interfaces": { "security_groups": [{ "$ref": "group" }] } });
    out.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    out
}

/// A network, a reservation and machines in it.
fn stack(reservation: &Value, machines: &Value) -> Vec<Wanted> {
    vec![
        wanted("vpc", "vpc", json!({ "cidr": "10.0.0.0/16" })),
        wanted("a", "subnet", json!({ "vpc": { "$ref": "vpc" }, "cidr": "10.0.16.0/20", "zone": "us-east-1a" })),
        wanted("group", "security-group", json!({ "vpc": { "$ref": "vpc" } })),
        wanted(IT, "capacity-reservation", spec(reservation)),
        wanted("machines", "instance-group", group(machines)),
    ]
}

fn inside() -> Value {
    json!({ "reservation": { "$ref": IT } })
}

/// Every reservation that EC2 shows, the latest last.
async fn reservations(stage: &Stage) -> Vec<CapacityReservation> {
    let out = stage.aws().await.ec2().describe_capacity_reservations().send().await.unwrap();
    let mut all = out.capacity_reservations.unwrap_or_default();
    all.sort_by_key(|r| r.create_date.map(|at| at.secs()));
    all
}

/// In which reservation each running machine is.
async fn machines(stage: &Stage) -> Vec<(String, Option<String>)> {
    let up = Filter::builder().name("instance-state-name").values("running").build();
    let out = stage.aws().await.ec2().describe_instances().filters(up).send().await.unwrap();
    let all = out.reservations.unwrap_or_default().into_iter().flat_map(|r| r.instances.unwrap_or_default());
    let mut all: Vec<_> = all.map(|i| (i.instance_id.unwrap(), i.capacity_reservation_id)).collect();
    all.sort();
    all
}

#[tokio::test(start_paused = true)]
async fn machines_run_in_it_and_go_on_when_it_goes() {
    let stage = Stage::new().await;
    stage.settle(&stack(&json!({}), &inside())).await;
    let [one] = &reservations(&stage).await[..] else { panic!("one reservation") };
    assert_eq!((one.total_instance_count, one.available_instance_count), (Some(2), Some(0)));
    assert_eq!(one.instance_match_criteria.as_ref().map(|c| c.as_str()), Some("targeted"));
    let id = one.capacity_reservation_id.clone();
    let running = machines(&stage).await;
    assert!(running.len() == 2 && running.iter().all(|(_, inside)| *inside == id), "{running:?}");
    // Both grow: the reservation first.
    stage.settle(&stack(&json!({ "count": 3 }), &json!({ "count": 3, "reservation": { "$ref": IT } }))).await;
    assert_eq!(machines(&stage).await.len(), 3);
    let found = stage.engine().await.look_everywhere(&[]).await.unwrap();
    let live = &found.snapshot.owned[&dlinfra::address::Address::parse(IT).unwrap()].live;
    assert_eq!(live.now.as_deref(), Some("3 of 3 in use"));
    stage.settle(&[]).await;
    assert_eq!(stage.left().await, Vec::<String>::new());
    assert!(reservations(&stage).await.iter().all(|r| r.state.as_ref().is_some_and(|s| s.as_str() == "cancelled")));
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_a_reservation_of_the_blueprint_is_told_by_the_plan() {
    let stage = Stage::new().await;
    for (reservation, machines, words) in [
        (json!({ "instance_type": "g5.2xlarge" }), inside(), "it is for g5.2xlarge, and g5.xlarge is wanted"),
        (json!({ "zone": "us-east-1b" }), inside(), "it is in us-east-1b, and the subnet in us-east-1a"),
        (json!({}), json!({ "count": 3, "reservation": { "$ref": IT } }), "it keeps 2 machines free, and 3 are wanted"),
    ] {
        let (engine, view, mut plan) = stage.look(&stack(&reservation, &machines)).await;
        let refused = engine.foresee(&mut plan, &view).await.unwrap_err();
        let told: Vec<_> = refused.iter().map(|d| (d.code, d.address.as_deref())).collect();
        assert_eq!(told, [("DL0385", Some("machines"))], "{refused}");
        assert!(refused.to_string().contains(words), "{refused}");
    }
    let (engine, view, mut plan) = stage.look(&stack(&json!({}), &inside())).await;
    engine.foresee(&mut plan, &view).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_zone_without_the_type_is_told_by_the_plan() {
    let stage = Stage::new().await;
    let (engine, view, mut plan) =
        stage.look(&[wanted(IT, "capacity-reservation", spec(&json!({ "zone": "us-east-1e" })))]).await;
    let refused = engine.foresee(&mut plan, &view).await.unwrap_err();
    let told: Vec<_> = refused.iter().map(|d| (d.code, d.address.as_deref())).collect();
    assert_eq!(told, [("DL3504", Some(IT))], "{refused}");
}

#[tokio::test(start_paused = true)]
async fn one_that_has_ended_is_gone_and_its_machines_run_on() {
    let stage = Stage::new().await;
    let day = Duration::from_secs(24 * 3600);
    let end = (stage.clock.now() + jiff::SignedDuration::from_hours(20)).round(jiff::Unit::Second).unwrap();
    let ends = json!({ "end": end.to_string() });
    stage.settle(&stack(&ends, &inside())).await;
    let before: Vec<String> = machines(&stage).await.into_iter().map(|(id, _)| id).collect();
    stage.clock.sleep(day).await;
    let after: Vec<String> = machines(&stage).await.into_iter().map(|(id, _)| id).collect();
    assert_eq!(before, after);
    let (engine, view, mut plan) = stage.look(&stack(&ends, &inside())).await;
    let step = plan.steps.iter().find(|s| s.address.as_str() == IT).unwrap();
    assert_eq!((step.action, step.reason.as_str()), (Action::Create, "it was made before and is gone"));
    let refused = engine.foresee(&mut plan, &view).await.unwrap_err();
    let told: Vec<_> = refused.iter().map(|d| (d.code, d.address.as_deref())).collect();
    assert_eq!(told, [("DL3503", Some(IT))], "{refused}");
    assert!(refused.to_string().contains("has ended at"), "{refused}");
    // Left out, it is forgotten, and nobody is replaced for it.
    let mut without = stack(&ends, &json!({}));
    without.retain(|w| w.address.as_str() != IT);
    let plan = stage.plan(&without).await;
    assert!(plan.is_empty(), "{}", text(&plan));
    stage.settle(&[]).await;
    assert_eq!(stage.left().await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn those_of_others_are_left_alone() {
    let stage = Stage::new().await;
    let ec2 = stage.aws().await.ec2().clone();
    let made = ec2.create_capacity_reservation().instance_type("g5.xlarge").instance_count(1);
    let made = made.instance_platform("Linux/UNIX".into()).availability_zone("us-east-1a").send().await.unwrap();
    let theirs = made.capacity_reservation.and_then(|r| r.capacity_reservation_id).unwrap();
    stage.settle(&[wanted(IT, "capacity-reservation", spec(&json!({})))]).await;
    assert_eq!(reservations(&stage).await.len(), 2);
    stage.settle(&[]).await;
    let active: Vec<_> = reservations(&stage).await.into_iter().filter(|r| r.state == Some("active".into())).collect();
    assert_eq!(
        active.iter().map(|r| r.capacity_reservation_id.as_deref()).collect::<Vec<_>>(),
        [Some(theirs.as_str())]
    );
}
