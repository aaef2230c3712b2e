//! log-group: example, life, names of its author's and of others.
use super::Own;
use crate::{
    crash_lives::{self, Life},
    examples::{Example, destroys, in_place},
    stage::Stage,
};
use dlinfra::{
    aws::tags::{self, Carrier},
    engine::By,
    kinds::KINDS,
};
use serde::de::IgnoredAny;
use serde_json::json;

pub(crate) const OWN: Own = Own {
    kind: "log-group",
    examples,
    life,
    object: "logs/log-group",
    carrier: |name| Carrier::own(&tags::LOGS, format!("arn:aws:logs:us-east-1:000000000000:log-group:{name}")),
    theirs: |aws, name| {
        Box::pin(async move {
            aws.logs().once::<IgnoredAny>("CreateLogGroup", &json!({ "logGroupName": name })).await.unwrap();
        })
    },
};

const KEY: &str = "arn:aws:kms:us-east-1:000000000000:key/11111111-2222-3333-4444-555555555555";

fn examples() -> Vec<Example> {
    vec![Example {
        kind: "log-group",
        needs: &[],
        spec: json!({ "retention": "30d" }),
        changes: vec![
            in_place("retention", json!({ "retention": "90d" })),
            in_place("kms_key", json!({ "kms_key": KEY })),
            in_place("retention", json!({ "retention": null })),
            destroys("name", json!({ "name": "/train/another" })),
            destroys("class", json!({ "class": "infrequent-access" })),
        ],
        silent: &[],
    }]
}

fn life() -> Life {
    let changes = [
        ("update", json!({ "retention": "7d", "kms_key": KEY })),
        ("extend", json!({})),
        ("replace", json!({ "class": "infrequent-access" })),
    ];
    crash_lives::life("log-group", 0, &json!({}), &changes)
}

#[tokio::test(start_paused = true)]
async fn a_name_of_several_words_is_found_by_its_arn() {
    let stage = Stage::new().await;
    let theirs = json!({ "logGroupName": "/train/nodes" });
    stage.aws().await.logs().once::<IgnoredAny>("CreateLogGroup", &theirs).await.unwrap();
    let (engine, view, _) = stage.look(&[]).await;
    let kind = *KINDS.iter().find(|k| k.name() == "log-group").unwrap();
    for end in ["", ":*"] {
        let by = By::Ids(vec![format!("arn:aws:logs:us-east-1:000000000000:log-group:/train/nodes{end}")]);
        let found = engine.find(kind, &by, &view).await.unwrap();
        assert_eq!(found.iter().map(|l| l.id.as_str()).collect::<Vec<_>>(), ["/train/nodes"]);
    }
}

#[test]
fn names_and_times_that_aws_refuses() {
    let kind = KINDS.iter().find(|k| k.name() == "log-group").unwrap();
    let codes = |spec| kind.check(&kind.canonical(&spec).unwrap()).iter().map(|p| p.code.code).collect::<Vec<_>>();
    for name in ["", "aws/lambda", "with space", &"x".repeat(513)] {
        assert_eq!(codes(json!({ "name": name })), ["DL1001"], "{name}");
    }
    assert_eq!(codes(json!({ "name": "/train/nodes_1.2#3" })), Vec::<&str>::new());
    assert_eq!(codes(json!({ "retention": "31d" })), ["DL1002"]);
    assert_eq!(codes(json!({ "retention": "36h" })), ["DL1002"]);
    assert_eq!(codes(json!({ "retention": "24h" })), Vec::<&str>::new());
    let problem = kind.check(&kind.canonical(&json!({ "retention": "31d" })).unwrap()).remove(0);
    assert_eq!(problem.help, "the nearest is `30d`");
}
