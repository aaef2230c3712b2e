//! volume: example, life, price, what EBS refuses, and volumes that follow their machines.
use super::{Nameless, codes, monthly};
use crate::{
    crash_lives::{self, Life},
    examples::{Example, IT, destroys, in_place, merged},
    stage::{Stage, wanted},
};
use dlinfra::{
    address::Address,
    aws::ErrorClass,
    kinds::KINDS,
    plan::{Action, Wanted},
};
use dlinfra_sandbox::StoredObject;
use serde_json::{Value, json};
use std::time::Duration;

pub(crate) const OWN: Nameless = Nameless { kind: "volume", examples, life };

const KEY: &str = "arn:aws:kms:us-east-1:000000000000:key/11111111-2222-3333-4444-555555555555";

fn to(address: &str) -> Value {
    json!({ "$ref": address })
}

fn on(address: &str) -> Value {
    json!({ "instances": { "$ref": address, "attr": "instance_ids" }, "device": "/dev/sdf" })
}

fn examples() -> Vec<Example> {
    vec![Example {
        kind: "volume",
        needs: &["vpc", "a", "group", "servers"],
        spec: json!({ "zone": "us-east-1a", "size": "6 GiB" }),
        // Four changes of size, type and rates are all that EBS takes in a day.
        changes: vec![
            in_place("size", json!({ "size": "8 GiB" })),
            in_place("iops", json!({ "iops": 4000 })),
            in_place("attach", json!({ "attach": on("servers") })),
            in_place("throughput", json!({ "throughput": "250 MiB/s" })),
            in_place("type", json!({ "type": "io2", "throughput": null })),
            in_place("attach", json!({ "attach": merged(&on("servers"), &json!({ "device": "/dev/sdg" })) })),
            in_place("attach", json!({ "attach": null })),
            destroys("size", json!({ "size": "6 GiB" })),
            destroys("zone", json!({ "zone": "us-east-1b" })),
            destroys("encrypted", json!({ "encrypted": false })),
            destroys("kms_key", json!({ "kms_key": KEY })),
            destroys("snapshot", json!({ "snapshot": "snap-0123456789abcdef0" })),
        ],
        silent: &[],
    }]
}

fn life() -> Life {
    let changes = [
        ("update", json!({ "size": "8 GiB", "throughput": "250 MiB/s" })),
        ("extend", json!({})),
        ("detach", json!({ "attach": null })),
    ];
    crash_lives::life("volume", 0, &json!({ "attach": on("servers") }), &changes)
}

#[test]
fn a_volume_costs_by_its_size_and_what_is_above_the_free_rates() {
    let of = |spec: Value| monthly("volume", &merged(&json!({ "zone": "us-east-1a" }), &spec));
    // 100 × 0.08
    assert_eq!(of(json!({ "size": "100 GiB" })), "8");
    // 8 + 1000 × 0.005 + 125 × 0.04
    assert_eq!(of(json!({ "size": "100 GiB", "iops": 4000, "throughput": "250 MiB/s" })), "18");
    // 100 × 0.125 + 4000 × 0.065
    assert_eq!(of(json!({ "size": "100 GiB", "type": "io2", "iops": 4000 })), "272.5");
    assert_eq!(of(json!({ "size": "500 GiB", "type": "st1" })), "22.5");
}

#[test]
fn what_ebs_refuses_is_found_beforehand() {
    let of = |spec: Value| codes("volume", &merged(&json!({ "zone": "us-east-1a", "size": "100 GiB" }), &spec));
    let none = Vec::<&str>::new();
    for fine in [
        json!({}),
        json!({ "iops": 50_000, "throughput": "2000 MiB/s" }),
        json!({ "type": "io2", "iops": 100_000 }),
        json!({ "type": "st1", "size": "125 GiB" }),
        json!({ "type": "gp2", "zone": { "$ref": "a", "attr": "zone" } }),
        json!({ "kms_key": KEY, "snapshot": "snap-0123456789abcdef0" }),
        json!({ "attach": on("servers") }),
        json!({ "attach": { "instances": [], "device": "/dev/xvdp" } }),
    ] {
        assert_eq!(of(fine.clone()), none, "{fine}");
    }
    for (wrong, code) in [
        (json!({ "size": "1 MiB" }), "DL3001"),
        (json!({ "size": "65537 GiB" }), "DL3001"),
        (json!({ "type": "st1" }), "DL3001"),
        (json!({ "iops": 2000 }), "DL3002"),
        (json!({ "size": "6 GiB", "iops": 3001 }), "DL3002"),
        (json!({ "throughput": "1000 MiB/s" }), "DL3002"),
        (json!({ "type": "io2" }), "DL3002"),
        (json!({ "type": "io2", "iops": 100, "throughput": "125 MiB/s" }), "DL3002"),
        (json!({ "type": "gp2", "iops": 3000 }), "DL3002"),
        (json!({ "kms_key": KEY, "encrypted": false }), "DL3003"),
        (json!({ "kms_key": "alias/mine" }), "DL3003"),
        (json!({ "attach": { "instances": ["i-1"], "device": "/dev/sda" } }), "DL3004"),
        (json!({ "attach": { "instances": ["i-1", "i-2"], "device": "/dev/sdf" } }), "DL3004"),
        (json!({ "zone": "use1-az4" }), "DL3005"),
        (json!({ "snapshot": "vol-1" }), "DL3005"),
    ] {
        assert_eq!(of(wrong.clone()), [code], "{wrong}");
    }
}

/// A machine, and a volume that it has.
fn stack(machine: &Value, volume: &Value) -> Vec<Wanted> {
    let group = json!({ "vpc": to("vpc"), "egress": [{ "protocol": "all", "cidr": "0.0.0.0/0" }] });
    let own = json!({ "instance_type": "t3.micro", "count": 1, "subnet": to("a"), "image": "al2023",
        "interfaces": { "security_groups": [to("group")] } });
    let data = json!({ "zone": { "$ref": "a", "attr": "zone" }, "size": "4 GiB", "attach": on("box") });
    vec![
        wanted("vpc", "vpc", json!({ "cidr": "10.0.0.0/16" })),
        wanted("a", "subnet", json!({ "vpc": to("vpc"), "cidr": "10.0.16.0/20", "zone": "us-east-1a" })),
        wanted("group", "security-group", group),
        wanted("box", "instance-group", merged(&own, machine)),
        wanted(IT, "volume", merged(&data, volume)),
    ]
}

fn of(stage: &Stage, kind: &str) -> Vec<StoredObject> {
    stage.sandbox.objects().into_iter().filter(|o| o.kind == kind && o.is_live()).collect()
}

/// The volume of the stack, which is no part of a machine.
fn data(stage: &Stage) -> StoredObject {
    of(stage, "ec2/volume").into_iter().find(|o| o.tags.get("dlinfra:address").is_some_and(|a| a == IT)).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_volume_follows_a_machine_that_is_replaced() {
    let stage = Stage::new().await;
    let first = stage.settle(&stack(&json!({}), &json!({}))).await;
    let machine = |outcome: &dlinfra::apply::Outcome| {
        outcome.live[&Address::parse("box").unwrap()].outputs["instance_ids"][0].as_str().unwrap().to_owned()
    };
    let before = data(&stage);
    assert_eq!(before.value["instance"], machine(&first).as_str());
    // The group does not take what is attached for a part of its own.
    let group = &first.live[&Address::parse("box").unwrap()];
    assert!(!group.ids.contains(&before.id), "{:?}", group.ids);
    let second = stage.settle(&stack(&json!({ "instance_type": "t3.small" }), &json!({}))).await;
    assert_ne!(machine(&first), machine(&second));
    let after = data(&stage);
    assert_eq!((&after.id, &after.value["instance"]), (&before.id, &json!(machine(&second))));
    // A group of none leaves it alone, and the next machine gets it.
    stage.settle(&stack(&json!({ "count": 0 }), &json!({}))).await;
    assert_eq!((data(&stage).id, of(&stage, "ec2/instance").len()), (before.id.clone(), 0));
    let third = stage.settle(&stack(&json!({}), &json!({}))).await;
    assert_eq!((data(&stage).id, &data(&stage).value["instance"]), (before.id, &json!(machine(&third))));
    stage.settle(&[]).await;
    assert_eq!(stage.left().await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_volume_that_is_attached_goes_when_its_machine_has_let_go() {
    let stage = Stage::new().await;
    let mut wanted = stack(&json!({}), &json!({}));
    stage.settle(&wanted).await;
    wanted.retain(|w| w.address.as_str() != IT);
    stage.settle(&wanted).await;
    assert_eq!((of(&stage, "ec2/volume").len(), of(&stage, "ec2/instance").len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_fifth_change_in_a_day_is_refused_with_its_time() {
    let stage = Stage::new().await;
    let size = |gib: u32| stack(&json!({}), &json!({ "size": format!("{gib} GiB") }));
    stage.settle(&size(4)).await;
    for gib in 5..=8 {
        stage.settle(&size(gib)).await;
        stage.clock.sleep(Duration::from_secs(600)).await;
    }
    let calls = || stage.sandbox.requests().entries.iter().filter(|e| e.operation == "ModifyVolume").count();
    assert_eq!(calls(), 4);
    let outcome = stage.try_apply(&size(9)).await;
    let [(_, error)] = &outcome.failed[..] else { panic!("{outcome:?}") };
    assert_eq!(error.class, ErrorClass::Other, "{error:?}");
    assert!(error.message.contains("again after"), "{error:?}");
    assert!(error.help.as_deref().is_some_and(|help| help.contains("four times in 24 hours")), "{error:?}");
    assert_eq!(calls(), 5, "what AWS refuses for hours is asked for once");
    stage.clock.sleep(Duration::from_secs(24 * 3600)).await;
    stage.settle(&size(9)).await;
}

#[tokio::test(start_paused = true)]
async fn a_change_while_another_one_goes_on_is_told_how_long_it_waits() {
    let stage = Stage::new().await;
    // A large volume is moved for hours.
    let size = |gib: u32| stack(&json!({}), &json!({ "size": format!("{gib} GiB") }));
    stage.settle(&size(4)).await;
    stage.settle(&size(2000)).await;
    stage.clock.sleep(Duration::from_secs(600)).await;
    let outcome = stage.try_apply(&size(3000)).await;
    let [(_, error)] = &outcome.failed[..] else { panic!("{outcome:?}") };
    assert_eq!(error.class, ErrorClass::WrongState, "{error:?}");
    assert!(error.message.contains("is optimizing") && error.message.contains("min more"), "{error:?}");
    stage.clock.sleep(Duration::from_secs(3 * 3600)).await;
    stage.settle(&size(3000)).await;
}

#[tokio::test(start_paused = true)]
async fn a_volume_is_not_removed_without_being_asked() {
    let kind = KINDS.iter().find(|k| k.name() == "volume").unwrap();
    let spec = kind.canonical(&json!({ "zone": "us-east-1a", "size": "1 GiB" })).unwrap();
    assert!(kind.holds_data(&spec));
    let stage = Stage::new().await;
    stage.settle(&stack(&json!({}), &json!({}))).await;
    let plan = stage.plan(&stack(&json!({}), &json!({ "size": "2 GiB" }))).await;
    let step = plan.steps.iter().find(|s| s.address.as_str() == IT).unwrap();
    assert_eq!((step.action, step.class), (Action::Replace, Some(dlinfra::plan::ChangeClass::DestroysData)));
}
