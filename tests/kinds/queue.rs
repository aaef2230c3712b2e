//! queue: example, life, dead letters, and who may send.
use super::{Own, codes};
use crate::{
    crash_lives::{self, Life},
    examples::{Example, IT, in_place, merged, replace},
    stage::{Stage, wanted},
};
use dlinfra::{
    aws::tags::{self, Carrier},
    plan::{Action, Wanted},
};
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use std::time::Duration;

pub(crate) const OWN: Own = Own {
    kind: "queue",
    examples,
    life,
    object: "sqs/queue",
    carrier: |name| Carrier::own(&tags::QUEUES, format!("arn:aws:sqs:us-east-1:000000000000:{name}")),
    theirs: |aws, name| {
        Box::pin(async move {
            // Equal in everything to what is wanted: AWS would answer as if it had just been made.
            aws.sqs().once::<IgnoredAny>("CreateQueue", &json!({ "QueueName": name })).await.unwrap();
        })
    },
};

const KEY: &str = "arn:aws:kms:us-east-1:000000000000:key/11111111-2222-3333-4444-555555555555";

fn url(name: &str) -> String {
    format!("https://sqs.us-east-1.amazonaws.com/000000000000/{name}")
}

fn events_may_send() -> Value {
    json!({ "Statement": { "Effect": "Allow", "Principal": { "Service": "events.amazonaws.com" }, "Action": "sqs:SendMessage" } })
}

fn examples() -> Vec<Example> {
    let letters = Example {
        kind: "queue",
        needs: &["queue"],
        spec: json!({}),
        changes: vec![
            in_place("dead_letter", json!({ "dead_letter": { "queue": { "$ref": "queue" }, "max_receives": 3 } })),
            in_place("dead_letter", json!({ "dead_letter": { "queue": { "$ref": "queue" }, "max_receives": 4 } })),
            in_place("dead_letter", json!({ "dead_letter": null })),
        ],
        silent: &[],
    };
    let alone = Example {
        kind: "queue",
        needs: &[],
        spec: json!({}),
        changes: vec![
            in_place("retention", json!({ "retention": "14d" })),
            in_place("visibility_timeout", json!({ "visibility_timeout": "0s" })),
            in_place("policy", json!({ "policy": events_may_send() })),
            in_place("kms_key", json!({ "kms_key": KEY })),
            in_place("kms_key", json!({ "kms_key": null })),
            in_place("encrypted", json!({ "encrypted": false })),
            in_place("policy", json!({ "policy": null })),
            replace("name", json!({ "name": "another" })),
        ],
        silent: &[],
    };
    vec![alone, letters]
}

fn life() -> Life {
    let changes = [
        ("update", json!({ "policy": events_may_send(), "kms_key": KEY })),
        ("extend", json!({})),
        ("replace", json!({ "name": "another" })),
    ];
    crash_lives::life("queue", 0, &json!({}), &changes)
}

#[test]
fn what_sqs_refuses_is_found_beforehand() {
    let codes = |spec: Value| codes("queue", &spec);
    let none = Vec::<&str>::new();
    assert_eq!(codes(json!({ "name": "dead_letters-1" })), none);
    for name in ["", "dead.letters", "in-order.fifo", &"x".repeat(81)] {
        assert_eq!(codes(json!({ "name": name })), ["DL1301"], "{name}");
    }
    for (time, expected) in
        [("59s", vec!["DL1302"]), ("60s", none.clone()), ("14d", none.clone()), ("15d", vec!["DL1302"])]
    {
        assert_eq!(codes(json!({ "retention": time })), expected, "{time}");
    }
    assert_eq!(codes(json!({ "visibility_timeout": "12h" })), none);
    assert_eq!(codes(json!({ "visibility_timeout": "13h" })), ["DL1302"]);
    assert_eq!(codes(json!({ "kms_key": KEY })), none);
    assert_eq!(codes(json!({ "kms_key": KEY, "encrypted": false })), ["DL1303"]);
    assert_eq!(codes(json!({ "policy": events_may_send() })), none);
    for (key, value) in [("Resource", json!("*")), ("Principal", json!(null)), ("Effect", json!("allow"))] {
        let mut policy = events_may_send();
        policy["Statement"][key] = value;
        if key == "Principal" {
            policy["Statement"].as_object_mut().unwrap().remove(key);
        }
        assert_eq!(codes(json!({ "policy": policy })), ["DL1304"], "{key}");
    }
    let letters = |count: u32| json!({ "dead_letter": { "queue": { "$ref": "other" }, "max_receives": count } });
    assert_eq!(codes(letters(1000)), none);
    assert_eq!(codes(letters(0)), ["DL1305"]);
    assert_eq!(codes(letters(1001)), ["DL1305"]);
}

/// A queue, and the one for what nobody could take.
fn work() -> Vec<Wanted> {
    let letters = json!({ "queue": { "$ref": "dead" }, "max_receives": 2 });
    vec![
        wanted("dead", "queue", json!({ "name": "dead", "retention": "14d" })),
        wanted(IT, "queue", json!({ "name": "work", "visibility_timeout": "1m", "dead_letter": letters })),
    ]
}

#[tokio::test(start_paused = true)]
async fn what_nobody_can_take_becomes_a_dead_letter() {
    let stage = Stage::new().await;
    let aws = stage.aws().await;
    stage.settle(&work()).await;
    let send = json!({ "QueueUrl": url("work"), "MessageBody": "retrain" });
    aws.sqs().call::<IgnoredAny>("SendMessage", &send).await.unwrap();
    let receive = async |name: &str| {
        let found: Value = aws.sqs().call("ReceiveMessage", &json!({ "QueueUrl": url(name) })).await.unwrap();
        found["Messages"][0]["Body"].as_str().map(str::to_owned)
    };
    for _ in 0..2 {
        assert_eq!(receive("work").await.as_deref(), Some("retrain"));
        assert_eq!(receive("work").await, None, "somebody works on it");
        aws.clock().sleep(Duration::from_secs(61)).await;
    }
    assert_eq!(receive("work").await, None);
    assert_eq!(receive("dead").await.as_deref(), Some("retrain"));
}

/// A name is free again a minute after its queue was deleted: an apply waits for that.
#[tokio::test(start_paused = true)]
async fn a_name_that_was_used_a_moment_ago_is_waited_for() {
    let stage = Stage::new().await;
    stage.settle(&work()).await;
    stage.settle(&[]).await;
    let before = stage.clock.now();
    stage.settle(&work()).await;
    let waited = stage.clock.now().duration_since(before).as_secs();
    assert!((30..180).contains(&waited), "{waited}");
}

/// Whoever changes the policy by hand is seen, and a policy that AWS wrote in other words is not.
#[tokio::test(start_paused = true)]
async fn its_policy_is_compared_and_not_its_text() {
    let stage = Stage::new().await;
    let mut policy = events_may_send();
    policy["Statement"]["Principal"] = json!({ "AWS": "000000000000" });
    let stack = [wanted(IT, "queue", json!({ "name": "work", "policy": policy }))];
    stage.settle(&stack).await;
    let theirs = json!({ "Statement": [{ "Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": "*" }] });
    let set = json!({ "QueueUrl": url("work"), "Attributes": { "Policy": theirs.to_string() } });
    stage.aws().await.sqs().call::<IgnoredAny>("SetQueueAttributes", &set).await.unwrap();
    let plan = stage.plan(&stack).await;
    assert_eq!(plan.steps[0].action, Action::Update);
    stage.settle(&stack).await;
}

/// It follows the queue for its dead letters to another name.
#[tokio::test(start_paused = true)]
async fn dead_letters_follow_their_queue() {
    let stage = Stage::new().await;
    stage.settle(&work()).await;
    let mut stack = work();
    let spec = merged(&stack[0].spec, &json!({ "name": "dead-2" }));
    stack[0] = wanted("dead", "queue", spec);
    stage.settle(&stack).await;
    let read = json!({ "QueueUrl": url("work"), "AttributeNames": ["RedrivePolicy"] });
    let found: Value = stage.aws().await.sqs().call("GetQueueAttributes", &read).await.unwrap();
    assert!(found["Attributes"]["RedrivePolicy"].as_str().unwrap().contains(":dead-2\""), "{found}");
}
