//! efs: example, life, price, what EFS refuses, and addresses that move.
use super::{Nameless, codes};
use crate::{
    crash_lives::{self, Life},
    examples::{Example, IT, destroys, in_place, merged},
    stage::{Stage, wanted},
};
use dlinfra::{
    address::Address,
    aws::{ErrorClass, tags},
    kinds::KINDS,
    plan::Wanted,
    price::{Amount, PriceBook, PriceContext, PriceLine, Usage},
};
use serde_json::{Value, json};

pub(crate) const OWN: Nameless = Nameless { kind: "efs", examples, life };

const KEY: &str = "arn:aws:kms:us-east-1:000000000000:key/11111111-2222-3333-4444-555555555555";

fn to(address: &str) -> Value {
    json!({ "$ref": address })
}

/// A directory of somebody.
fn home(uid: u32) -> Value {
    json!({ "path": "/home/anna", "user": { "uid": uid, "gid": 100, "groups": [7, 5] },
        "create": { "uid": uid, "gid": 100, "permissions": "0750" } })
}

fn examples() -> Vec<Example> {
    let cheap = json!({ "infrequent_access": "30d", "archive": "90d", "back_on_access": true });
    vec![Example {
        kind: "efs",
        needs: &["vpc", "a", "b", "c", "group", "other-group"],
        spec: json!({ "subnets": [to("a")], "security_groups": [to("group")] }),
        changes: vec![
            in_place("subnets", json!({ "subnets": [to("a"), to("c")] })),
            // In the same zone: the one goes before the other comes.
            in_place("subnets", json!({ "subnets": [to("b"), to("c")] })),
            in_place("security_groups", json!({ "security_groups": [to("other-group")] })),
            in_place("access_points", json!({ "access_points": { "anna": home(1000), "all": {} } })),
            in_place("access_points", json!({ "access_points": { "anna": home(1001) } })),
            in_place("lifecycle", json!({ "lifecycle": cheap })),
            in_place("lifecycle", json!({ "lifecycle": null })),
            in_place("backup", json!({ "backup": true })),
            in_place("throughput", json!({ "throughput": "provisioned", "provisioned": "64 MiB/s" })),
            in_place("provisioned", json!({ "provisioned": "128 MiB/s" })),
            in_place("subnets", json!({ "subnets": [], "security_groups": [] })),
            destroys("zone", json!({ "zone": "us-east-1a" })),
            destroys("encrypted", json!({ "encrypted": false })),
            destroys("kms_key", json!({ "kms_key": KEY })),
        ],
        silent: &[],
    }]
}

fn life() -> Life {
    let changes = [
        ("update", json!({ "subnets": [to("a"), to("c")], "access_points": { "anna": home(1001) }, "backup": true })),
        ("extend", json!({})),
    ];
    crash_lives::life("efs", 0, &json!({ "access_points": { "anna": home(1000) } }), &changes)
}

fn monthly(spec: &Value, usage: &Value) -> String {
    let kind = KINDS.iter().find(|k| k.name() == "efs").unwrap();
    let usage = Usage::from_json(usage).unwrap();
    let spec = kind.canonical(spec).unwrap();
    let lines = kind.price(&spec, &PriceContext::new(PriceBook::embedded(), "us-east-1", &usage));
    lines.iter().map(PriceLine::amount).sum::<Amount>().monthly().normalize().to_string()
}

#[test]
fn a_file_system_costs_what_is_in_it_and_what_goes_through_it() {
    let provisioned = json!({ "throughput": "provisioned", "provisioned": "100 MiB/s" });
    // 1000 × 0.30
    assert_eq!(monthly(&json!({}), &json!({ "stored_gb": 1000 })), "300");
    // 1000 × 0.16
    assert_eq!(monthly(&json!({ "zone": "us-east-1a" }), &json!({ "stored_gb": 1000 })), "160");
    // 300 + 500 × 0.016 + 100 × 0.03 + 50 × 0.06
    let all = json!({ "stored_gb": 1000, "infrequent_gb": 500, "read_gb": 100, "written_gb": 50 });
    assert_eq!(monthly(&json!({}), &all), "314");
    // 300 + 8, and what goes through is in the price
    assert_eq!(monthly(&json!({ "throughput": "bursting" }), &all), "308");
    // 300 + 100 × 6
    assert_eq!(monthly(&provisioned, &json!({ "stored_gb": 1000 })), "900");
}

#[test]
fn what_efs_refuses_is_found_beforehand() {
    let none = Vec::<&str>::new();
    let of = |spec: Value| codes("efs", &spec);
    let placed = json!({ "subnets": [to("a")], "security_groups": [to("group")] });
    let point = |change: Value| json!({ "access_points": { "anna": merged(&home(1), &change) } });
    for fine in [
        json!({}),
        placed.clone(),
        merged(&placed, &json!({ "zone": "us-east-1a" })),
        json!({ "throughput": "provisioned", "provisioned": "3414 MiB/s" }),
        json!({ "lifecycle": { "infrequent_access": "1d", "archive": "365d" } }),
        json!({ "lifecycle": { "archive": "90d" } }),
        json!({ "kms_key": KEY }),
        point(json!({ "path": "/" })),
        point(json!({ "path": "/a/b/c/d" })),
    ] {
        assert_eq!(of(fine.clone()), none, "{fine}");
    }
    for (wrong, code) in [
        (json!({ "throughput": "provisioned" }), "DL3101"),
        (json!({ "throughput": "provisioned", "provisioned": "4000 MiB/s" }), "DL3101"),
        (json!({ "provisioned": "64 MiB/s" }), "DL3101"),
        (json!({ "lifecycle": { "infrequent_access": "2d" } }), "DL3102"),
        (json!({ "lifecycle": { "infrequent_access": "90d", "archive": "30d" } }), "DL3102"),
        (json!({ "throughput": "bursting", "lifecycle": { "archive": "30d" } }), "DL3102"),
        (json!({ "subnets": [to("a")] }), "DL3103"),
        (json!({ "security_groups": [to("group")] }), "DL3103"),
        (merged(&placed, &json!({ "zone": "us-east-1a", "subnets": [to("a"), to("b")] })), "DL3103"),
        (json!({ "zone": "use1-az4" }), "DL3103"),
        (json!({ "kms_key": "alias/mine" }), "DL3104"),
        (json!({ "kms_key": KEY, "encrypted": false }), "DL3104"),
        (json!({ "access_points": { "Anna": {} } }), "DL3105"),
        (point(json!({ "path": "home" })), "DL3105"),
        (point(json!({ "path": "/a/b/c/d/e" })), "DL3105"),
        (point(json!({ "path": "/a/../b" })), "DL3105"),
        (point(json!({ "create": { "uid": 1, "gid": 1, "permissions": "rwx" } })), "DL3105"),
        (point(json!({ "user": { "uid": 1, "gid": 1, "groups": (0..17).collect::<Vec<_>>() } })), "DL3105"),
    ] {
        assert_eq!(of(wrong.clone()), [code], "{wrong}");
    }
}

fn stack(spec: &Value) -> Vec<Wanted> {
    let part = |range: &str, zone: &str| json!({ "vpc": to("vpc"), "cidr": range, "zone": zone });
    let own = json!({ "subnets": [to("a")], "security_groups": [to("group")] });
    vec![
        wanted("vpc", "vpc", json!({ "cidr": "10.0.0.0/16" })),
        wanted("a", "subnet", part("10.0.16.0/20", "us-east-1a")),
        wanted("b", "subnet", part("10.0.32.0/20", "us-east-1a")),
        wanted("group", "security-group", json!({ "vpc": to("vpc") })),
        wanted(IT, "efs", merged(&own, spec)),
    ]
}

fn count(stage: &Stage, kind: &str) -> usize {
    stage.sandbox.objects().iter().filter(|o| o.kind == kind && o.is_live()).count()
}

#[tokio::test(start_paused = true)]
async fn a_file_system_goes_with_everything_that_leads_to_it() {
    let stage = Stage::new().await;
    let made = stage.settle(&stack(&json!({ "access_points": { "anna": home(1), "all": {} } }))).await;
    let live = &made.live[&Address::parse(IT).unwrap()];
    assert_eq!(live.outputs["dns_name"], format!("{}.efs.us-east-1.amazonaws.com", live.id));
    assert_eq!(live.outputs["access_points"].as_array().unwrap().len(), 2);
    assert_eq!(
        (count(&stage, "elasticfilesystem/mount-target"), count(&stage, "elasticfilesystem/access-point")),
        (1, 2)
    );
    // Its address lies in the subnet, which cannot go before.
    assert_eq!(count(&stage, "ec2/network-interface"), 1);
    stage.settle(&[]).await;
    assert_eq!(
        (count(&stage, "elasticfilesystem/mount-target"), count(&stage, "elasticfilesystem/access-point")),
        (0, 0)
    );
    assert_eq!((count(&stage, "ec2/network-interface"), stage.left().await), (0, Vec::<String>::new()));
}

#[tokio::test(start_paused = true)]
async fn two_subnets_of_one_zone_are_refused_with_what_to_write() {
    let stage = Stage::new().await;
    let outcome = stage.try_apply(&stack(&json!({ "subnets": [to("a"), to("b")] }))).await;
    let [(_, error)] = &outcome.failed[..] else { panic!("{outcome:?}") };
    assert!(error.is("MountTargetConflict"), "{error:?}");
    assert!(error.help.as_deref().is_some_and(|help| help.contains("one subnet of each zone")), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_second_mode_in_a_day_is_refused_and_not_asked_for_again() {
    let stage = Stage::new().await;
    let mode = |mode: &str| stack(&json!({ "throughput": mode }));
    stage.settle(&mode("elastic")).await;
    stage.settle(&mode("bursting")).await;
    let calls = || stage.sandbox.requests().entries.iter().filter(|e| e.operation == "UpdateFileSystem").count();
    let before = calls();
    let outcome = stage.try_apply(&mode("elastic")).await;
    let [(_, error)] = &outcome.failed[..] else { panic!("{outcome:?}") };
    assert_eq!((error.class, calls() - before), (ErrorClass::Other, 1), "{error:?}");
    assert!(error.help.as_deref().is_some_and(|help| help.contains("once in 24 hours")), "{error:?}");
    stage.clock.sleep(std::time::Duration::from_secs(24 * 3600)).await;
    stage.settle(&mode("elastic")).await;
}

#[tokio::test(start_paused = true)]
async fn an_access_point_of_somebody_else_stays() {
    let stage = Stage::new().await;
    let made = stage.settle(&stack(&json!({}))).await;
    let id = made.live[&Address::parse(IT).unwrap()].id.clone();
    let theirs = json!({ "FileSystemId": id, "ClientToken": "theirs", "Tags": tags::pairs(&tags::Tags::new()) });
    let ask = dlinfra::aws::json::rest::Rest::post("/2015-02-01/access-points", theirs);
    stage.aws().await.efs().rest_once::<Value>("CreateAccessPoint", ask).await.unwrap();
    stage.settle(&stack(&json!({ "access_points": { "anna": home(1) } }))).await;
    stage.settle(&stack(&json!({ "access_points": {} }))).await;
    assert_eq!(count(&stage, "elasticfilesystem/access-point"), 1);
}
