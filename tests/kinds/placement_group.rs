//! placement-group: example, life, what EC2 refuses, and instance groups that share one.
use super::{Own, codes};
use crate::{
    crash_lives::{self, Life},
    examples::{Example, IT, replace},
    stage::{Stage, wanted},
};
use aws_sdk_ec2::types::PlacementStrategy;
use dlinfra::{
    aws::tags::{self, Carrier},
    plan::{Action, Wanted},
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) const OWN: Own = Own {
    kind: "placement-group",
    examples,
    life,
    object: "ec2/placement-group",
    carrier: |id| Carrier::own(&tags::EC2, id),
    theirs: |aws, name| {
        Box::pin(async move {
            let call = aws.ec2().create_placement_group().group_name(name).strategy(PlacementStrategy::Cluster);
            call.send().await.unwrap();
        })
    },
};

fn examples() -> Vec<Example> {
    vec![Example {
        kind: "placement-group",
        needs: &[],
        spec: json!({}),
        changes: vec![
            replace("strategy", json!({ "strategy": "spread" })),
            replace("partitions", json!({ "strategy": "partition", "partitions": 3 })),
            replace("name", json!({ "name": "another" })),
        ],
        silent: &[],
    }]
}

fn life() -> Life {
    let changes = [("extend", json!({})), ("replace", json!({ "strategy": "partition" }))];
    crash_lives::life("placement-group", 0, &json!({}), &changes)
}

#[test]
fn what_ec2_refuses_is_found_beforehand() {
    let codes = |spec: Value| codes("placement-group", &spec);
    let none = Vec::<&str>::new();
    for name in ["", " a", "b ", "größer", &"x".repeat(256)] {
        assert_eq!(codes(json!({ "name": name })), ["DL2101"], "{name}");
    }
    assert_eq!(codes(json!({ "name": "train nodes" })), none);
    for count in [0, 8] {
        assert_eq!(codes(json!({ "strategy": "partition", "partitions": count })), ["DL2102"], "{count}");
    }
    assert_eq!(codes(json!({ "strategy": "partition", "partitions": 7 })), none);
    assert_eq!(codes(json!({ "strategy": "spread", "partitions": 2 })), ["DL2102"]);
}

#[test]
fn an_instance_group_stands_in_one_of_its_own_or_in_a_shared_one() {
    let codes = |fields: Value| codes("instance-group", &group(&fields));
    assert_eq!(codes(json!({ "placement_group": { "$ref": IT } })), Vec::<&str>::new());
    assert_eq!(codes(json!({ "placement": "none", "placement_group": { "$ref": IT } })), ["DL0389"]);
}

fn group(fields: &Value) -> Value {
    let mut out = json!({ "instance_type": "c5.large", "count": 1, "subnet": { "$ref": "a" }, "image": "al2023",
        "interfaces": { "security_groups": [{ "$ref": "group" }] } });
    out.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    out
}

/// A network and two instance groups with these fields besides.
fn stack(strategy: &str, one: &Value, two: &Value) -> Vec<Wanted> {
    vec![
        wanted("vpc", "vpc", json!({ "cidr": "10.0.0.0/16" })),
        wanted("a", "subnet", json!({ "vpc": { "$ref": "vpc" }, "cidr": "10.0.16.0/20", "zone": "us-east-1a" })),
        wanted("group", "security-group", json!({ "vpc": { "$ref": "vpc" } })),
        wanted(IT, "placement-group", json!({ "strategy": strategy })),
        wanted("one", "instance-group", group(one)),
        wanted("two", "instance-group", group(two)),
    ]
}

/// The names of the placement groups of the running machines, by address.
async fn placed(stage: &Stage) -> BTreeMap<String, String> {
    let out = stage.aws().await.ec2().describe_instances().send().await.unwrap();
    let all = out.reservations().iter().flat_map(aws_sdk_ec2::types::Reservation::instances);
    let runs = all.filter(|i| i.state().and_then(|s| s.name()).is_some_and(|name| name.as_str() == "running"));
    let tag = |i: &aws_sdk_ec2::types::Instance| {
        let of = i.tags().iter().find(|t| t.key() == Some("dlinfra:address"));
        of.and_then(|t| t.value()).unwrap_or_default().to_owned()
    };
    runs.map(|i| (tag(i), i.placement().and_then(|p| p.group_name()).unwrap_or_default().to_owned())).collect()
}

fn groups(stage: &Stage) -> usize {
    stage.sandbox.objects().iter().filter(|o| o.kind == OWN.object && o.is_live()).count()
}

#[tokio::test(start_paused = true)]
async fn several_instance_groups_share_one() {
    let stage = Stage::new().await;
    let (shared, own) = (json!({ "placement_group": { "$ref": IT } }), json!({ "placement": "cluster" }));
    stage.settle(&stack("cluster", &shared, &shared)).await;
    let names = placed(&stage).await;
    assert!(!names["one"].is_empty() && names["one"] == names["two"], "{names:?}");
    assert_eq!(groups(&stage), 1);
    // One of its own again, which is another one.
    stage.settle(&stack("cluster", &shared, &own)).await;
    let names = placed(&stage).await;
    assert!(!names["two"].is_empty() && names["one"] != names["two"], "{names:?}");
    assert_eq!(groups(&stage), 2);
    // Another strategy is another group, which its machines follow.
    let next = stack("spread", &shared, &own);
    let plan = stage.plan(&next).await;
    let replaced = plan.steps.iter().filter(|s| s.action == Action::Replace).map(|s| s.address.as_str());
    assert_eq!(replaced.collect::<BTreeSet<_>>(), [IT, "one"].into());
    stage.settle(&next).await;
    stage.settle(&[]).await;
    assert_eq!((groups(&stage), stage.left().await), (0, Vec::<String>::new()));
}

#[tokio::test(start_paused = true)]
async fn one_of_somebody_else_is_used_and_stays_as_it_is() {
    let stage = Stage::new().await;
    let ec2 = stage.aws().await.ec2().clone();
    let made = ec2.create_placement_group().group_name("theirs").strategy(PlacementStrategy::Cluster).send().await;
    let id = made.unwrap().placement_group.and_then(|group| group.group_id).unwrap();
    stage.clock.sleep(std::time::Duration::from_secs(90)).await;
    let theirs = json!({ "placement_group": { "$id": id } });
    let mut stack = stack("cluster", &theirs, &theirs);
    stack.retain(|w| w.address.as_str() != IT);
    stage.settle(&stack).await;
    assert_eq!(placed(&stage).await.into_values().collect::<Vec<_>>(), ["theirs", "theirs"]);
    let of_theirs = || stage.sandbox.objects().into_iter().find(|o| o.kind == OWN.object).map(|o| (o.id, o.tags));
    assert_eq!(of_theirs(), Some(("theirs".to_owned(), BTreeMap::new())));
    stage.settle(&[]).await;
    assert_eq!(of_theirs(), Some(("theirs".to_owned(), BTreeMap::new())));
}
