//! secret: example, life, values that nobody here sees, and names that AWS keeps.
use super::{Own, codes, monthly};
use crate::{
    crash_lives::{self, Life},
    examples::{Example, IT, destroys, in_place, merged},
    stage::{Stage, never, wanted},
};
use dlinfra::{
    aws::{
        ErrorClass,
        tags::{self, Carrier},
    },
    engine::Execution,
    kinds::KINDS,
    plan::Wanted,
};
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use std::sync::Arc;

pub(crate) const OWN: Own = Own {
    kind: "secret",
    examples,
    life,
    object: "secretsmanager/secret",
    // Six characters of AWS's stand behind its name, and it is known without them too.
    carrier: |name| Carrier::own(&tags::SECRETS, name),
    theirs: |aws, name| {
        Box::pin(async move {
            aws.secretsmanager().once::<IgnoredAny>("CreateSecret", &json!({ "Name": name })).await.unwrap();
        })
    },
};

const KEY: &str = "arn:aws:kms:us-east-1:000000000000:key/11111111-2222-3333-4444-555555555555";

fn others_may_read() -> Value {
    json!({ "Statement": {
        "Effect": "Allow", "Principal": { "AWS": "111122223333" }, "Action": "secretsmanager:GetSecretValue",
    } })
}

fn examples() -> Vec<Example> {
    vec![Example {
        kind: "secret",
        needs: &[],
        spec: json!({}),
        changes: vec![
            in_place("description", json!({ "description": "of the tracker" })),
            in_place("kms_key", json!({ "kms_key": KEY })),
            in_place("recovery_window", json!({ "recovery_window": "7d" })),
            in_place("policy", json!({ "policy": others_may_read() })),
            in_place("kms_key", json!({ "kms_key": null })),
            in_place("policy", json!({ "policy": null })),
            in_place("description", json!({ "description": null })),
            destroys("name", json!({ "name": "train/another" })),
        ],
        silent: &[],
    }]
}

fn life() -> Life {
    let changes = [
        ("update", json!({ "description": "of the tracker", "policy": others_may_read() })),
        ("extend", json!({})),
        ("replace", json!({ "name": "train/another" })),
    ];
    crash_lives::life("secret", 0, &json!({}), &changes)
}

#[test]
fn what_secrets_manager_refuses_is_found_beforehand() {
    let codes = |spec: Value| codes("secret", &spec);
    let none = Vec::<&str>::new();
    for name in ["wandb", "train/wandb_1+2=3.@x-y", &"x".repeat(512)] {
        assert_eq!(codes(json!({ "name": name })), none, "{name}");
    }
    for name in ["", "a b", "pcs!a", "a:b", &"x".repeat(513)] {
        assert_eq!(codes(json!({ "name": name })), ["DL2901"], "{name}");
    }
    for (time, expected) in
        [("0d", vec![]), ("7d", vec![]), ("30d", vec![]), ("1d", vec!["DL2902"]), ("31d", vec!["DL2902"])]
    {
        assert_eq!(codes(json!({ "recovery_window": time })), expected, "{time}");
    }
    assert_eq!(codes(json!({ "kms_key": KEY })), none);
    assert_eq!(codes(json!({ "kms_key": "alias/training" })), ["DL2903"]);
    assert_eq!(codes(json!({ "policy": others_may_read() })), none);
    let policy = |patch: Value| {
        let statement = merged(&others_may_read()["Statement"], &patch);
        codes(json!({ "policy": { "Statement": statement } }))
    };
    let organization = json!({ "StringEquals": { "aws:PrincipalOrgID": "o-1" } });
    assert_eq!(policy(json!({ "Principal": "*", "Condition": organization })), none);
    for wrong in [json!({ "Resource": "*" }), json!({ "Principal": "*" }), json!({ "Effect": "allow" })] {
        assert_eq!(policy(wrong.clone()), ["DL2904"], "{wrong}");
    }
    assert_eq!(codes(json!({ "description": "x".repeat(2048) })), none);
    assert_eq!(codes(json!({ "description": "x".repeat(2049) })), ["DL2905"]);
}

#[test]
fn a_secret_costs_by_the_month_and_by_requests() {
    // 0.40 + 10,000 requests, as long as nobody says how many, at 0.05 for so many.
    assert_eq!(monthly("secret", &json!({})), "0.45");
}

fn stack(window: &str) -> [Wanted; 1] {
    [wanted(IT, "secret", json!({ "name": "train/wandb", "recovery_window": window }))]
}

const VALUE: &str = "hunter2";

async fn fill(stage: &Stage) {
    let value = json!({
        "SecretId": "train/wandb", "SecretString": VALUE, "ClientRequestToken": "11111111-2222-3333-4444-555555555555",
    });
    stage.aws().await.secretsmanager().call::<IgnoredAny>("PutSecretValue", &value).await.unwrap();
}

async fn value(stage: &Stage) -> Option<String> {
    let ask = json!({ "SecretId": "train/wandb" });
    let told: Value = stage.aws().await.secretsmanager().call("GetSecretValue", &ask).await.ok()?;
    told["SecretString"].as_str().map(str::to_owned)
}

#[test]
fn nobody_here_may_ask_for_a_value() {
    let kind = KINDS.iter().find(|k| k.name() == "secret").unwrap();
    let values = |action: &&&str| action.ends_with("SecretValue") || action.contains('*');
    assert_eq!(kind.about().iam.iter().find(values), None);
}

/// What a person fills in stays theirs: it is neither read nor changed, holds up a removal, and comes back with the secret.
#[tokio::test(start_paused = true)]
async fn a_value_is_seen_by_nobody_and_comes_back_with_the_secret() {
    let stage = Stage::new().await;
    let made = stage.settle(&stack("7d")).await;
    let arn = made.live.values().next().unwrap().outputs["arn"].as_str().unwrap().to_owned();
    assert!(arn.starts_with("arn:aws:secretsmanager:us-east-1:000000000000:secret:train/wandb-"), "{arn}");
    fill(&stage).await;
    stage
        .settle(&[wanted(IT, "secret", json!({ "name": "train/wandb", "recovery_window": "7d", "description": "x" }))])
        .await;
    let (engine, view, plan) = stage.look(&[]).await;
    let (_keep, cancel) = never();
    let run = Execution { command: "destroy", presence: None, delete_data: false, sink: Arc::new(|_| {}), cancel };
    let outcome = engine.execute(&plan, &view, &[], run).await.unwrap();
    assert_eq!(outcome.failed[0].1.message, "train/wandb still holds a value that somebody filled in");
    stage.settle(&[]).await;
    // Whoever removes it has read of its name before.
    let proof = engine.prove(&[]).await.unwrap();
    assert!(proof.holds(), "{proof:?}");
    let [kept] = &proof.kept[..] else { panic!("{proof:?}") };
    assert!(kept.starts_with("Secrets Manager keeps the secret train/wandb for 7 days after its removal"), "{kept}");
    // Another apply restores it.
    stage.settle(&stack("7d")).await;
    assert_eq!(value(&stage).await.as_deref(), Some(VALUE));
    let requests = stage.sandbox.requests();
    let asked = requests.entries.iter().filter(|e| e.operation == "GetSecretValue").count();
    assert_eq!(asked, 1, "by this test alone");
}

/// Without a value nothing is lost.
#[tokio::test(start_paused = true)]
async fn an_empty_secret_goes_at_once() {
    let stage = Stage::new().await;
    stage.settle(&stack("0d")).await;
    let (engine, view, plan) = stage.look(&[]).await;
    let (_keep, cancel) = never();
    let run = Execution { command: "destroy", presence: None, delete_data: false, sink: Arc::new(|_| {}), cancel };
    let outcome = engine.execute(&plan, &view, &[], run).await.unwrap();
    assert!(outcome.complete(), "{outcome:?}");
    assert_eq!(stage.engine().await.prove(&[]).await.unwrap().kept, Vec::<String>::new());
    // For a moment its name is not free yet, which an apply waits for.
    stage.settle(&stack("0d")).await;
    assert_eq!(value(&stage).await, None, "it is another one");
}

#[tokio::test(start_paused = true)]
async fn a_name_that_aws_keeps_for_somebody_else_is_told() {
    let stage = Stage::new().await;
    let aws = stage.aws().await;
    (OWN.theirs)(aws.clone(), "train/wandb".to_owned()).await;
    aws.secretsmanager().call::<IgnoredAny>("DeleteSecret", &json!({ "SecretId": "train/wandb" })).await.unwrap();
    let outcome = stage.try_apply(&stack("7d")).await;
    let [(_, error)] = &outcome.failed[..] else { panic!("{outcome:?}") };
    assert_eq!(error.class, ErrorClass::Stranger, "{error:?}");
    assert!(error.message.contains("is scheduled for deletion"), "{error:?}");
    assert!(error.help.as_deref().unwrap().contains("restore-secret --secret-id train/wandb"), "{error:?}");
}
