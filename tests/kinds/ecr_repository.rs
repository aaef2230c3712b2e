//! ecr-repository: example, life, what ECR refuses, and images that nobody loses by accident.
use super::{Own, codes, monthly};
use crate::{
    crash_lives::{self, Life},
    examples::{Example, IT, destroys, in_place},
    stage::{Stage, never, wanted},
};
use dlinfra::{
    aws::tags::{self, Carrier},
    engine::Execution,
    plan::Action,
};
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use std::sync::Arc;

pub(crate) const OWN: Own = Own {
    kind: "ecr-repository",
    examples,
    life,
    object: "ecr/repository",
    carrier: |name| Carrier::own(&tags::ECR, format!("arn:aws:ecr:us-east-1:000000000000:repository/{name}")),
    theirs: |aws, name| {
        Box::pin(async move {
            aws.ecr().once::<IgnoredAny>("CreateRepository", &json!({ "repositoryName": name })).await.unwrap();
        })
    },
};

const KEY: &str = "arn:aws:kms:us-east-1:000000000000:key/11111111-2222-3333-4444-555555555555";

fn others_may_pull() -> Value {
    json!({ "Statement": {
        "Effect": "Allow", "Principal": { "AWS": "111122223333" },
        "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
    } })
}

/// A rule that the short fields cannot say.
fn nightly() -> Value {
    json!({ "rules": [{
        "rulePriority": 1, "description": "images of the night", "action": { "type": "expire" },
        "selection": {
            "tagStatus": "tagged", "tagPrefixList": ["nightly"], "countType": "imageCountMoreThan", "countNumber": 7,
        },
    }] })
}

fn examples() -> Vec<Example> {
    vec![Example {
        kind: "ecr-repository",
        needs: &[],
        spec: json!({}),
        changes: vec![
            in_place("tag_mutability", json!({ "tag_mutability": "immutable" })),
            in_place("scan_on_push", json!({ "scan_on_push": false })),
            in_place("lifecycle", json!({ "lifecycle": { "untagged": "14d", "keep": 100 } })),
            in_place("lifecycle", json!({ "lifecycle": { "keep": 50 } })),
            in_place("lifecycle", json!({ "lifecycle": { "document": nightly() } })),
            in_place("policy", json!({ "policy": others_may_pull() })),
            in_place("lifecycle", json!({ "lifecycle": null })),
            in_place("policy", json!({ "policy": null })),
            destroys("kms_key", json!({ "kms_key": KEY })),
            destroys("name", json!({ "name": "training/another" })),
        ],
        silent: &[],
    }]
}

fn life() -> Life {
    let changes = [
        ("update", json!({ "lifecycle": { "untagged": "14d" }, "policy": others_may_pull() })),
        ("extend", json!({})),
        ("replace", json!({ "name": "training/another", "kms_key": KEY })),
    ];
    crash_lives::life("ecr-repository", 0, &json!({}), &changes)
}

#[test]
fn what_ecr_refuses_is_found_beforehand() {
    let codes = |spec: Value| codes("ecr-repository", &spec);
    let none = Vec::<&str>::new();
    for name in ["ab", "training/llm", "a.b/c_d/e__f/g---h1"] {
        assert_eq!(codes(json!({ "name": name })), none, "{name}");
    }
    for name in ["", "a", "Training", "a/", "/a", "a..b", "a___b", "a.-b", "-ab", "ab-", "a b", &"x".repeat(257)] {
        assert_eq!(codes(json!({ "name": name })), ["DL2601"], "{name}");
    }
    let lifecycle = |value: Value| codes(json!({ "lifecycle": value }));
    assert_eq!(lifecycle(json!({ "untagged": "14d", "keep": 1 })), none);
    assert_eq!(lifecycle(json!({ "document": nightly() })), none);
    for wrong in [
        json!({}),
        json!({ "untagged": "36h" }),
        json!({ "keep": 0 }),
        json!({ "keep": 5, "document": nightly() }),
        json!({ "document": { "rules": [] } }),
        json!({ "document": { "rules": [{ "rulePriority": 1 }] } }),
    ] {
        assert_eq!(lifecycle(wrong.clone()), ["DL2602"], "{wrong}");
    }
    assert_eq!(codes(json!({ "kms_key": KEY })), none);
    assert_eq!(codes(json!({ "kms_key": { "$ref": "key", "attr": "arn" } })), none);
    for key in ["alias/images", "11111111-2222-3333-4444-555555555555", "arn:aws:kms:us-east-1:1:alias/images"] {
        assert_eq!(codes(json!({ "kms_key": key })), ["DL2603"], "{key}");
    }
    assert_eq!(codes(json!({ "policy": others_may_pull() })), none);
    let mut policy = others_may_pull();
    policy["Statement"]["Resource"] = json!("*");
    assert_eq!(codes(json!({ "policy": policy })), ["DL2604"]);
}

#[test]
fn images_are_paid_for_by_the_gb() {
    // 100 GB as long as nobody says how many, for 0.10.
    assert_eq!(monthly("ecr-repository", &json!({})), "10");
}

/// A document that says what the short fields say is no difference, and neither is the order of its rules.
#[tokio::test(start_paused = true)]
async fn a_lifecycle_is_compared_and_not_its_text() {
    let stage = Stage::new().await;
    let stack = |lifecycle: Value| [wanted(IT, "ecr-repository", json!({ "lifecycle": lifecycle }))];
    stage.settle(&stack(json!({ "untagged": "7d", "keep": 30 }))).await;
    let rule = |at: u32, selection: Value| json!({ "rulePriority": at, "selection": selection, "action": { "type": "expire" } });
    let any = rule(2, json!({ "tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 30 }));
    let age =
        json!({ "tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 7 });
    let same = stack(json!({ "document": { "rules": [any, rule(1, age)] } }));
    assert_eq!(stage.plan(&same).await.steps[0].action, Action::Keep);
}

#[tokio::test(start_paused = true)]
async fn images_are_lost_only_where_that_is_said() {
    let stage = Stage::new().await;
    let stack = [wanted(IT, "ecr-repository", json!({ "name": "training/llm" }))];
    let made = stage.settle(&stack).await;
    let it = made.live.values().next().unwrap();
    assert_eq!(it.outputs["uri"], "000000000000.dkr.ecr.us-east-1.amazonaws.com/training/llm");
    let manifest = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": { "size": 1024 }, "layers": [{ "size": 3_u64 << 30 }],
    });
    let push = json!({ "repositoryName": "training/llm", "imageTag": "1", "imageManifest": manifest.to_string() });
    stage.aws().await.ecr().call::<IgnoredAny>("PutImage", &push).await.unwrap();
    let (engine, view, plan) = stage.look(&[]).await;
    let (_keep, cancel) = never();
    let run = Execution { command: "destroy", presence: None, delete_data: false, sink: Arc::new(|_| {}), cancel };
    let outcome = engine.execute(&plan, &view, &[], run).await.unwrap();
    let [(_, error)] = &outcome.failed[..] else { panic!("{outcome:?}") };
    assert_eq!(error.message, "training/llm still holds 1 image, 3 GiB");
    // Who says that it may go loses it.
    stage.settle(&[]).await;
    assert_eq!(stage.left().await, Vec::<String>::new());
}
