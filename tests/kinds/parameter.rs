//! parameter: example, life, what Parameter Store refuses, secrets that stay out, and images.
use super::{Own, codes, monthly};
use crate::{
    crash_lives::{self, Life},
    examples::{Example, IT, in_place, replace},
    stage::{Stage, wanted},
};
use dlinfra::{
    aws::tags::{self, Carrier},
    engine::By,
    kinds::KINDS,
    plan::{Action, Wanted},
};
use serde::de::IgnoredAny;
use serde_json::{Value, json};

pub(crate) const OWN: Own = Own {
    kind: "parameter",
    examples,
    life,
    object: "ssm/parameter",
    carrier: |name| Carrier::own(&tags::PARAMETERS, name),
    theirs: |aws, name| {
        Box::pin(async move {
            let theirs = json!({ "Name": name, "Value": "theirs", "Type": "String" });
            aws.ssm().once::<IgnoredAny>("PutParameter", &theirs).await.unwrap();
        })
    },
};

fn examples() -> Vec<Example> {
    let plain = Example {
        kind: "parameter",
        needs: &[],
        spec: json!({ "value": "0.001" }),
        changes: vec![
            in_place("value", json!({ "value": "0.0003" })),
            in_place("allowed_pattern", json!({ "allowed_pattern": "^[0-9.]+$" })),
            in_place("description", json!({ "description": "how fast it learns" })),
            in_place("allowed_pattern", json!({ "allowed_pattern": null })),
            in_place("description", json!({ "description": null })),
            in_place("tier", json!({ "tier": "advanced" })),
            replace("tier", json!({ "tier": "standard" })),
            replace("type", json!({ "type": "string-list" })),
            replace("name", json!({ "name": "/train/learning-rate" })),
        ],
        silent: &[("data_type", "AWS looks at what it is told: see the tests of images")],
    };
    vec![plain]
}

fn life() -> Life {
    let changes = [
        ("update", json!({ "value": "0.0003", "description": "how fast it learns" })),
        ("extend", json!({})),
        ("replace", json!({ "type": "string-list" })),
    ];
    crash_lives::life("parameter", 0, &json!({}), &changes)
}

#[test]
fn what_parameter_store_refuses_is_found_beforehand() {
    let with = |patch: Value| {
        let mut spec = json!({ "value": "1" });
        spec.as_object_mut().unwrap().extend(patch.as_object().unwrap().clone());
        codes("parameter", &spec)
    };
    let none = Vec::<&str>::new();
    let deep = |words: usize| "/x".repeat(words);
    for name in ["lr", "/train/lr_1.2-b", "train.aws", "/train/aws", &deep(15)] {
        assert_eq!(with(json!({ "name": name })), none, "{name}");
    }
    for name in ["", "/", "train/lr", "/train/", "/train//lr", "a b", "lr:1", &deep(16), &"x".repeat(1000)] {
        assert_eq!(with(json!({ "name": name })), ["DL2701"], "{name}");
    }
    for name in ["aws", "/aws/service/mine", "AWSmine", "ssm", "/ssm/a", "/SSMa"] {
        assert_eq!(with(json!({ "name": name })), ["DL2702"], "{name}");
    }
    let value = |value: &str| with(json!({ "value": value }));
    assert_eq!(value(&"x".repeat(4096)), none);
    assert_eq!(value(&"x".repeat(4097)), ["DL2704"]);
    assert_eq!(value(""), ["DL2704"]);
    assert_eq!(value("{{ssm:/train/lr}}"), ["DL2704"]);
    assert_eq!(value("{ \"a\": { \"b\": 1 } }"), none);
    let large = |bytes: usize| with(json!({ "value": "x".repeat(bytes), "tier": "advanced" }));
    assert_eq!(large(8192), none);
    assert_eq!(large(8193), ["DL2704"]);
    let image =
        |value: &str, r#type: &str| with(json!({ "value": value, "type": r#type, "data_type": "aws:ec2:image" }));
    assert_eq!(image("ami-0123456789abcdef0", "string"), none);
    for (value, r#type) in [("ami-1", "string"), ("al2023", "string"), ("ami-0123456789abcdef0", "string-list")] {
        assert_eq!(image(value, r#type), ["DL2705"], "{value}");
    }
    for field in ["description", "allowed_pattern"] {
        assert_eq!(with(json!({ field: "x".repeat(1024) })), none);
        assert_eq!(with(json!({ field: "x".repeat(1025) })), ["DL2706"], "{field}");
    }
}

/// What stands in a blueprint is in the repository, in plans and in the journal.
#[test]
fn a_secret_is_no_parameter() {
    let kind = KINDS.iter().find(|k| k.name() == "parameter").unwrap();
    let spec = kind.canonical(&json!({ "value": "hunter2", "type": "secure-string" })).unwrap();
    let [problem] = &kind.check(&spec)[..] else { panic!() };
    assert_eq!((problem.code.code, problem.path.as_str()), ("DL2703", "type"));
    assert!(problem.help.contains("`secret`") && !problem.summary.contains("hunter2"), "{problem:?}");
}

#[test]
fn only_large_parameters_cost_money() {
    let lines = |tier: &str| monthly("parameter", &json!({ "value": "1", "tier": tier }));
    assert_eq!((lines("standard"), lines("advanced")), ("0".to_owned(), "0".to_owned()), "nobody has a rate for it");
}

/// The image of machines, which AWS looks at after it has answered.
fn images(id: &str) -> [Wanted; 1] {
    [wanted(IT, "parameter", json!({ "name": "/train/image", "value": id, "data_type": "aws:ec2:image" }))]
}

#[tokio::test(start_paused = true)]
async fn an_image_is_taken_where_it_is_one() {
    let stage = Stage::new().await;
    let public = json!({ "Name": "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64" });
    let found: Value = stage.aws().await.ssm().call("GetParameter", &public).await.unwrap();
    let id = found["Parameter"]["Value"].as_str().unwrap();
    stage.settle(&images(id)).await;
    let plan = stage.plan(&[wanted(IT, "parameter", json!({ "name": "/train/image", "value": id }))]).await;
    assert_eq!(plan.steps[0].action, Action::Replace, "another data type is another parameter");
    stage.settle(&[]).await;
    // AWS has said yes, and nothing is there.
    let outcome = stage.try_apply(&images("ami-0123456789abcdef0")).await;
    assert!(!outcome.complete(), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn parameters_are_found_by_name_and_arn() {
    let stage = Stage::new().await;
    let kind = *KINDS.iter().find(|k| k.name() == "parameter").unwrap();
    for name in ["lr", "/train/lr"] {
        (OWN.theirs)(stage.aws().await, name.to_owned()).await;
        let (engine, view, _) = stage.look(&[]).await;
        let arn = format!("arn:aws:ssm:us-east-1:000000000000:parameter/{}", name.trim_start_matches('/'));
        for by in [name.to_owned(), arn.clone()] {
            let found = engine.find(kind, &By::Ids(vec![by]), &view).await.unwrap();
            let told: Vec<_> = found.iter().map(|l| (l.id.as_str(), l.outputs["arn"].as_str().unwrap())).collect();
            assert_eq!(told, [(name, arn.as_str())]);
        }
    }
}

/// Somebody changed it by hand: the next plan sees it.
#[tokio::test(start_paused = true)]
async fn another_value_is_seen() {
    let stage = Stage::new().await;
    let stack = [wanted(IT, "parameter", json!({ "name": "/train/lr", "value": "0.001" }))];
    stage.settle(&stack).await;
    let theirs = json!({ "Name": "/train/lr", "Value": "1", "Overwrite": true });
    stage.aws().await.ssm().call::<IgnoredAny>("PutParameter", &theirs).await.unwrap();
    assert_eq!(stage.plan(&stack).await.steps[0].action, Action::Update);
    stage.settle(&stack).await;
}
