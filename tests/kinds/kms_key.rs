//! kms-key: example, life, aliases that others have, and what AWS keeps of a key that was removed.
use super::{Nameless, codes, monthly};
use crate::{
    crash_lives::{self, Life},
    examples::{Example, IT, in_place},
    stage::{Stage, never, wanted},
};
use dlinfra::{
    aws::ErrorClass,
    engine::{By, Execution},
    kinds::KINDS,
    plan::{Action, Wanted},
    resource::Lookup,
};
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use std::sync::Arc;

pub(crate) const OWN: Nameless = Nameless { kind: "kms-key", examples, life };

fn logs_may_use_it() -> Value {
    json!({ "Statement": {
        "Effect": "Allow", "Principal": { "Service": "logs.us-east-1.amazonaws.com" },
        "Action": ["kms:Encrypt*", "kms:Decrypt*", "kms:GenerateDataKey*"],
    } })
}

fn examples() -> Vec<Example> {
    vec![Example {
        kind: "kms-key",
        needs: &[],
        spec: json!({}),
        changes: vec![
            in_place("alias", json!({ "alias": "training" })),
            in_place("alias", json!({ "alias": "alias/train/data" })),
            in_place("description", json!({ "description": "of the data" })),
            in_place("rotation", json!({ "rotation": "365d" })),
            in_place("rotation", json!({ "rotation": "90d" })),
            in_place("policy", json!({ "policy": logs_may_use_it() })),
            in_place("enabled", json!({ "enabled": false })),
            in_place("enabled", json!({ "enabled": true, "rotation": null })),
            in_place("deletion_window", json!({ "deletion_window": "7d" })),
            in_place("policy", json!({ "policy": null })),
            in_place("description", json!({ "description": null })),
        ],
        silent: &[],
    }]
}

fn life() -> Life {
    let changes = [
        ("update", json!({ "alias": "training", "rotation": "365d", "policy": logs_may_use_it() })),
        ("extend", json!({})),
    ];
    crash_lives::life("kms-key", 0, &json!({}), &changes)
}

#[test]
fn what_kms_refuses_is_found_beforehand() {
    let codes = |spec: Value| codes("kms-key", &spec);
    let none = Vec::<&str>::new();
    for alias in ["training", "alias/training", "train/data_1-2", &"x".repeat(250)] {
        assert_eq!(codes(json!({ "alias": alias })), none, "{alias}");
    }
    for alias in ["", "alias/", "aws/s3", "alias/aws/s3", "a b", "a.b", "a:b", &"x".repeat(251)] {
        assert_eq!(codes(json!({ "alias": alias })), ["DL2801"], "{alias}");
    }
    for (time, expected) in [("90d", vec![]), ("2560d", vec![]), ("89d", vec!["DL2802"]), ("2561d", vec!["DL2802"])] {
        assert_eq!(codes(json!({ "rotation": time })), expected, "{time}");
    }
    assert_eq!(codes(json!({ "rotation": "2161h" })), ["DL2802"]);
    for (time, expected) in [("7d", vec![]), ("30d", vec![]), ("6d", vec!["DL2803"]), ("31d", vec!["DL2803"])] {
        assert_eq!(codes(json!({ "deletion_window": time })), expected, "{time}");
    }
    assert_eq!(codes(json!({ "policy": logs_may_use_it() })), none);
    for (key, value) in [("Resource", "*"), ("Sid", "Enable IAM User Permissions")] {
        let mut policy = logs_may_use_it();
        policy["Statement"][key] = json!(value);
        assert_eq!(codes(json!({ "policy": policy })), ["DL2804"], "{key}");
    }
    assert_eq!(codes(json!({ "description": "x".repeat(8192) })), none);
    assert_eq!(codes(json!({ "description": "x".repeat(8193) })), ["DL2805"]);
}

#[test]
fn a_key_costs_by_the_month_and_by_requests() {
    // 1 + 10,000 requests, as long as nobody says how many, at 0.03 for so many.
    assert_eq!(monthly("kms-key", &json!({})), "1.03");
}

fn stack(alias: &str) -> [Wanted; 1] {
    [wanted(IT, "kms-key", json!({ "alias": alias, "deletion_window": "7d" }))]
}

/// The keys of the account, by what state they are in.
fn keys(stage: &Stage) -> Vec<String> {
    stage.sandbox.objects().into_iter().filter(|o| o.kind == "kms/key").map(|o| o.state).collect()
}

#[tokio::test(start_paused = true)]
async fn a_key_that_was_removed_is_gone_and_can_be_had_back() {
    let stage = Stage::new().await;
    let made = stage.settle(&stack("training")).await;
    let first = made.live.values().next().unwrap().id.clone();
    // Nobody loses what it has encrypted without saying so.
    let (engine, view, plan) = stage.look(&[]).await;
    let (_keep, cancel) = never();
    let run = Execution { command: "destroy", presence: None, delete_data: false, sink: Arc::new(|_| {}), cancel };
    let outcome = engine.execute(&plan, &view, &[], run).await.unwrap();
    assert!(outcome.failed[0].1.message.contains("the only way to read what it has encrypted"), "{outcome:?}");
    stage.settle(&[]).await;
    assert_eq!(keys(&stage), ["PendingDeletion"]);
    // The proof holds, and says what AWS keeps and until when.
    let proof = stage.engine().await.prove(&[]).await.unwrap();
    assert!(proof.holds() && proof.left.is_empty(), "{proof:?}");
    let [kept] = &proof.kept[..] else { panic!("{proof:?}") };
    let id = first.rsplit('/').next().unwrap();
    assert!(kept.starts_with(&format!("KMS keeps the key {first} until 20")), "{kept}");
    assert!(kept.ends_with(&format!("`aws kms cancel-key-deletion --key-id {id}` brings it back")), "{kept}");
    assert_eq!(proof.notes().iter().map(|n| n.code).collect::<Vec<_>>(), ["DL0579"]);
    // Its alias is free: another apply makes another key under it.
    let again = stage.settle(&stack("training")).await;
    let second = &again.live.values().next().unwrap();
    assert_ne!(second.id, first);
    assert_eq!(second.outputs["alias"], "alias/training");
    let mut all = keys(&stage);
    all.sort();
    assert_eq!(all, ["Enabled", "PendingDeletion"]);
    // A week later AWS has removed the first for good.
    stage.aws().await.clock().sleep(std::time::Duration::from_secs(8 * 24 * 3600)).await;
    assert_eq!(stage.plan(&stack("training")).await.steps[0].action, Action::Keep);
    assert_eq!(keys(&stage), ["Enabled"]);
}

/// Its key is somebody else's.
#[tokio::test(start_paused = true)]
async fn an_alias_that_somebody_has_is_left_alone() {
    let stage = Stage::new().await;
    let aws = stage.aws().await;
    let made: Value = aws.kms().once("CreateKey", &json!({})).await.unwrap();
    let theirs = json!({ "AliasName": "alias/training", "TargetKeyId": made["KeyMetadata"]["KeyId"] });
    aws.kms().once::<IgnoredAny>("CreateAlias", &theirs).await.unwrap();
    let outcome = stage.try_apply(&stack("training")).await;
    let [(_, error)] = &outcome.failed[..] else { panic!("{outcome:?}") };
    assert_eq!(error.class, ErrorClass::Stranger, "{error:?}");
    // What was made of it is had by another name.
    stage.settle(&stack("training-2")).await;
    assert_eq!(keys(&stage).len(), 2);
}

/// Aliases of others stay as they are, and what somebody took away comes back.
#[tokio::test(start_paused = true)]
async fn what_others_do_to_a_key() {
    let stage = Stage::new().await;
    let aws = stage.aws().await;
    let made = stage.settle(&stack("training")).await;
    let id = made.live.values().next().unwrap().id.clone();
    let call = async |action: &'static str, mut input: Value| {
        let name = if input.get("AliasName").is_some() { "TargetKeyId" } else { "KeyId" };
        if action != "DeleteAlias" {
            input[name] = json!(id);
        }
        aws.kms().call::<IgnoredAny>(action, &input).await.unwrap();
    };
    call("CreateAlias", json!({ "AliasName": "alias/a-first" })).await;
    assert_eq!(stage.plan(&stack("training")).await.steps[0].action, Action::Keep);
    call("DeleteAlias", json!({ "AliasName": "alias/training" })).await;
    let alone = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "AWS": "000000000000" }, "Action": "kms:Decrypt", "Resource": "*",
    }] });
    call("PutKeyPolicy", json!({ "PolicyName": "default", "Policy": alone.to_string() })).await;
    call("DisableKey", json!({})).await;
    let plan = stage.plan(&stack("training")).await;
    let mut fields: Vec<_> = plan.steps[0].fields.iter().map(|f| f.path.as_str()).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["alias", "delegates", "enabled"]);
    stage.settle(&stack("training")).await;
    let told: Value = aws.kms().call("GetKeyPolicy", &json!({ "KeyId": id })).await.unwrap();
    let policy = told["Policy"].as_str().unwrap();
    assert!(policy.contains("kms:*") && policy.contains("kms:Decrypt"), "{policy}");
}

#[tokio::test(start_paused = true)]
async fn keys_are_found_by_alias_arn_and_id() {
    let stage = Stage::new().await;
    let made = stage.settle(&stack("training")).await;
    let arn = made.live.values().next().unwrap().id.clone();
    let kind = *KINDS.iter().find(|k| k.name() == "kms-key").unwrap();
    let (engine, view, _) = stage.look(&[]).await;
    let alias = "arn:aws:kms:us-east-1:000000000000:alias/training";
    let ids = [arn.as_str(), arn.rsplit('/').next().unwrap(), "alias/training", alias];
    let by = ids.map(|id| By::Ids(vec![id.to_owned()])).into_iter();
    for by in by.chain([By::Lookup(Lookup::Name("training".to_owned()))]) {
        let found = engine.find(kind, &by, &view).await.unwrap();
        assert_eq!(found.iter().map(|l| l.id.as_str()).collect::<Vec<_>>(), [arn.as_str()], "{by:?}");
    }
}

/// What others take as `kms_key` is its ARN.
#[tokio::test(start_paused = true)]
async fn others_are_encrypted_with_it() {
    let stage = Stage::new().await;
    let to = json!({ "$ref": IT, "attr": "arn" });
    let key = wanted(IT, "kms-key", json!({}));
    let stack = [
        key,
        wanted("logs", "log-group", json!({ "kms_key": to })),
        wanted("images", "ecr-repository", json!({ "kms_key": to })),
        wanted("letters", "queue", json!({ "kms_key": to })),
        wanted("data", "bucket", json!({ "encryption": { "kms_key": to } })),
    ];
    let made = stage.settle(&stack).await;
    assert!(made.complete(), "{made:?}");
    stage.settle(&[]).await;
    assert_eq!(stage.left().await, Vec::<String>::new());
}
