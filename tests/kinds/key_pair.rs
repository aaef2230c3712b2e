//! key-pair: example, life, keys that EC2 refuses, and machines that are told of another key.
use super::{Own, codes};
use crate::{
    crash_lives::{self, Life},
    examples::{Example, IT, replace},
    stage::{Stage, wanted},
};
use aws_smithy_types::Blob;
use dlinfra::{
    aws::tags::{self, Carrier},
    plan::{Action, ChangeClass, Wanted},
};
use serde_json::{Value, json};

pub(crate) const OWN: Own = Own {
    kind: "key-pair",
    examples,
    life,
    object: "ec2/key-pair",
    carrier: |id| Carrier::own(&tags::EC2, id),
    theirs: |aws, name| {
        Box::pin(async move {
            let call = aws.ec2().import_key_pair().key_name(name).public_key_material(Blob::new(ONE));
            call.send().await.unwrap();
        })
    },
};

const ONE: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJqkCkTxTZtkGIGrMgWTVQS4Bv0jfVtXxKzLjHHlyDSV";
const TWO: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBobtzWJxNCpXuMdXnyU3vVfS2t5PqkS6dZ0mYrWJ0aB";

fn examples() -> Vec<Example> {
    vec![Example {
        kind: "key-pair",
        needs: &[],
        spec: json!({ "public_key": format!("{ONE} me@laptop\n") }),
        changes: vec![
            replace("public_key", json!({ "public_key": TWO })),
            replace("name", json!({ "name": "another" })),
        ],
        silent: &[],
    }]
}

fn life() -> Life {
    let changes = [("extend", json!({})), ("replace", json!({ "public_key": TWO }))];
    crash_lives::life("key-pair", 0, &json!({}), &changes)
}

#[test]
fn what_ec2_refuses_is_found_beforehand() {
    let codes = |name: &str, key: &str| codes("key-pair", &json!({ "name": name, "public_key": key }));
    assert_eq!(codes("my laptop", ONE), Vec::<&str>::new());
    for name in ["", " a", "größer"] {
        assert_eq!(codes(name, ONE), ["DL2301"], "{name}");
    }
    let private = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjE=\n-----END OPENSSH PRIVATE KEY-----\n";
    for key in ["", "ssh-dss AAAA", private] {
        assert_eq!(codes("laptop", key), ["DL2302"], "{key}");
    }
}

fn stack(key: &str, name: Option<&str>) -> Vec<Wanted> {
    let mut pair = json!({ "public_key": key });
    if let Some(name) = name {
        pair["name"] = json!(name);
    }
    let to = |address: &str| json!({ "$ref": address });
    let machines = json!({ "instance_type": "t3.micro", "count": 1, "subnet": to("a"), "image": "al2023",
        "interfaces": { "security_groups": [to("group")] }, "key_name": { "$ref": IT, "attr": "name" } });
    vec![
        wanted("vpc", "vpc", json!({ "cidr": "10.0.0.0/16" })),
        wanted("a", "subnet", json!({ "vpc": to("vpc"), "cidr": "10.0.16.0/20", "zone": "us-east-1a" })),
        wanted("group", "security-group", json!({ "vpc": to("vpc") })),
        wanted(IT, "key-pair", pair),
        wanted("machines", "instance-group", machines),
    ]
}

/// The names of the keys of the running machines.
async fn keys(stage: &Stage) -> Vec<String> {
    let out = stage.aws().await.ec2().describe_instances().send().await.unwrap();
    let all = out.reservations().iter().flat_map(aws_sdk_ec2::types::Reservation::instances);
    let runs = all.filter(|i| i.state().and_then(|s| s.name()).is_some_and(|name| name.as_str() == "running"));
    runs.filter_map(|i| i.key_name().map(str::to_owned)).collect()
}

#[tokio::test(start_paused = true)]
async fn machines_are_replaced_for_another_key() {
    let stage = Stage::new().await;
    stage.settle(&stack(ONE, None)).await;
    let before = keys(&stage).await;
    // A comment is no other key.
    assert!(stage.plan(&stack(&format!("{ONE} me@laptop\n"), None)).await.is_empty());
    let plan = stage.plan(&stack(TWO, None)).await;
    let of = |address: &str| plan.steps.iter().find(|s| s.address.as_str() == address).unwrap();
    assert_eq!((of(IT).action, of("machines").class), (Action::Create, Some(ChangeClass::Rolling)));
    stage.settle(&stack(TWO, None)).await;
    let after = keys(&stage).await;
    assert_eq!((before.len(), after.len()), (1, 1));
    assert_ne!(before, after);
    stage.settle(&[]).await;
    assert_eq!(stage.left().await, Vec::<String>::new());
}

/// Somebody has put another key under the same name.
#[tokio::test(start_paused = true)]
async fn another_key_under_the_same_name_is_a_difference() {
    let stage = Stage::new().await;
    let wanted = stack(ONE, Some("laptop"));
    stage.settle(&wanted).await;
    let ec2 = stage.aws().await.ec2().clone();
    let found = ec2.describe_key_pairs().key_names("laptop").send().await.unwrap();
    let tags = found.key_pairs()[0].tags().to_vec();
    ec2.delete_key_pair().key_name("laptop").send().await.unwrap();
    let tags = aws_sdk_ec2::types::TagSpecification::builder()
        .resource_type(aws_sdk_ec2::types::ResourceType::KeyPair)
        .set_tags(Some(tags))
        .build();
    let call = ec2.import_key_pair().key_name("laptop").public_key_material(Blob::new(TWO)).tag_specifications(tags);
    call.send().await.unwrap();
    stage.clock.sleep(std::time::Duration::from_secs(90)).await;
    let plan = stage.plan(&wanted).await;
    let step = plan.steps.iter().find(|s| s.address.as_str() == IT).unwrap();
    let changed: Vec<Value> = step.fields.iter().map(|f| json!(f.path)).collect();
    assert_eq!((step.action, changed), (Action::Replace, vec![json!("public_key")]));
    stage.settle(&wanted).await;
}
