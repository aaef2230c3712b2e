//! topic: example, life, who has not confirmed, and what is dropped.
use super::{Own, codes};
use crate::{
    crash_lives::{self, Life},
    examples::{Example, IT, in_place, replace},
    stage::{Stage, text, wanted},
};
use dlinfra::{
    aws::tags::{self, Carrier},
    plan::{Action, Plan, Wanted},
};
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use std::time::Duration;

pub(crate) const OWN: Own = Own {
    kind: "topic",
    examples,
    life,
    object: "sns/topic",
    carrier: |name| Carrier::own(&tags::TOPICS, arn(name)),
    theirs: |aws, name| {
        Box::pin(async move {
            aws.sns().create_topic().name(name).send().await.unwrap();
        })
    },
};

const KEY: &str = "arn:aws:kms:us-east-1:000000000000:key/11111111-2222-3333-4444-555555555555";

fn arn(name: &str) -> String {
    format!("arn:aws:sns:us-east-1:000000000000:{name}")
}

fn queue(name: &str) -> Value {
    json!({ "protocol": "sqs", "endpoint": format!("arn:aws:sqs:us-east-1:000000000000:{name}") })
}

fn mail(who: &str) -> Value {
    json!({ "protocol": "email", "endpoint": format!("{who}@example.com") })
}

fn events_may_publish() -> Value {
    json!({ "Statement": { "Effect": "Allow", "Principal": { "Service": "events.amazonaws.com" }, "Action": "sns:Publish" } })
}

fn examples() -> Vec<Example> {
    let function = "arn:aws:lambda:us-east-1:000000000000:function:tell";
    let several =
        json!([queue("b"), { "protocol": "lambda", "endpoint": function }, queue("a"), mail("ops"), mail("lead")]);
    vec![Example {
        kind: "topic",
        needs: &[],
        spec: json!({}),
        changes: vec![
            in_place("kms_key", json!({ "kms_key": KEY })),
            in_place("policy", json!({ "policy": events_may_publish() })),
            in_place("subscriptions", json!({ "subscriptions": several })),
            in_place("subscriptions", json!({ "subscriptions": [queue("a"), mail("ops")] })),
            in_place("policy", json!({ "policy": null, "kms_key": null })),
            replace("name", json!({ "name": "people" })),
        ],
        silent: &[],
    }]
}

fn life() -> Life {
    let changes = [
        ("update", json!({ "policy": events_may_publish(), "subscriptions": [queue("b"), mail("ops")] })),
        ("extend", json!({})),
        ("replace", json!({ "name": "another" })),
    ];
    crash_lives::life("topic", 0, &json!({ "subscriptions": [queue("a")] }), &changes)
}

#[test]
fn what_sns_refuses_or_drops_is_found_beforehand() {
    let codes = |spec: Value| codes("topic", &spec);
    let none = Vec::<&str>::new();
    assert_eq!(codes(json!({ "name": "people_1" })), none);
    for name in ["", "people.fifo", "to people", &"x".repeat(257)] {
        assert_eq!(codes(json!({ "name": name })), ["DL1501"], "{name}");
    }
    let endpoint = |protocol: &str, endpoint: &str| {
        codes(json!({ "subscriptions": [{ "protocol": protocol, "endpoint": endpoint }] }))
    };
    let arn = "arn:aws:sqs:us-east-1:000000000000:a";
    for (protocol, good) in [("email", "a@b.org"), ("https", "https://a.org/x"), ("sqs", arn)] {
        assert_eq!(endpoint(protocol, good), none, "{protocol}");
    }
    for (protocol, bad) in [("email", "a"), ("https", "http://a.org"), ("sqs", "a"), ("lambda", arn), ("sqs", "arn:x")]
    {
        assert_eq!(endpoint(protocol, bad), ["DL1502"], "{protocol}");
    }
    assert_eq!(codes(json!({ "subscriptions": [mail("a"), mail("a")] })), ["DL1502"]);
    assert_eq!(codes(json!({ "kms_key": "alias/aws/sns" })), ["DL1503"]);
    assert_eq!(codes(json!({ "kms_key": "arn:aws:kms:us-east-1:000000000000:alias/aws/sns" })), ["DL1503"]);
    assert_eq!(codes(json!({ "kms_key": "alias/people" })), none);
    assert_eq!(codes(json!({ "policy": events_may_publish() })), none);
    assert_eq!(codes(json!({ "policy": { "Statement": [] } })), ["DL1504"]);
}

fn people(who: &[&str]) -> Vec<Wanted> {
    let subscriptions: Vec<Value> = who.iter().map(|one| mail(one)).collect();
    vec![wanted(IT, "topic", json!({ "name": "people", "subscriptions": subscriptions }))]
}

/// What every plan says of the topic that works, but not as it should.
fn said(plan: &Plan) -> Vec<String> {
    plan.notes.iter().filter(|note| note.code == "DL0566").map(|note| note.summary.clone()).collect()
}

impl Stage {
    fn asked(&self, operation: &str) -> usize {
        self.sandbox.requests().entries.iter().filter(|e| e.service == "sns" && e.operation == operation).count()
    }

    fn subscriptions(&self) -> Vec<Value> {
        self.sandbox.objects().into_iter().filter(|o| o.kind == "sns/subscription").map(|o| o.value).collect()
    }

    /// Somebody answers the mail.
    async fn confirm(&self, who: &str) {
        let found = self.subscriptions();
        let it = found.iter().find(|it| it["endpoint"] == format!("{who}@example.com")).unwrap();
        let token = it["token"].as_str().unwrap();
        self.aws().await.sns().confirm_subscription().topic_arn(arn("people")).token(token).send().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn who_has_not_confirmed_is_said_each_time_and_asked_once() {
    let stage = Stage::new().await;
    let stack = people(&["ops"]);
    stage.settle(&stack).await;
    for _ in 0..2 {
        let plan = stage.plan(&stack).await;
        assert!(plan.is_empty(), "{}", text(&plan));
        let [note] = &said(&plan)[..] else { panic!("{:?}", plan.notes) };
        assert!(note.contains("ops@example.com has not confirmed"), "{note}");
        stage.apply(&stack).await;
    }
    assert_eq!(stage.asked("Subscribe"), 1);
    stage.confirm("ops").await;
    assert_eq!(said(&stage.plan(&stack).await), Vec::<String>::new());
    // Another change asks nobody again.
    stage.settle(&people(&["ops", "lead"])).await;
    assert_eq!(stage.asked("Subscribe"), 2);
}

/// Who has not answered cannot be taken away: that is nothing to be done, and goes with the topic.
#[tokio::test(start_paused = true)]
async fn who_is_no_longer_wanted_and_has_not_answered_goes_with_the_topic() {
    let stage = Stage::new().await;
    stage.settle(&people(&["ops", "lead"])).await;
    stage.settle(&people(&["lead"])).await;
    assert_eq!((stage.subscriptions().len(), stage.asked("Unsubscribe")), (2, 0));
    let [note] = &said(&stage.plan(&people(&["lead"])).await)[..] else { panic!() };
    assert!(note.contains("lead@example.com, ops@example.com have not"), "{note}");
    // Who answers after all is not wanted any more.
    stage.confirm("ops").await;
    let plan = stage.plan(&people(&["lead"])).await;
    assert_eq!(plan.steps[0].action, Action::Update, "{}", text(&plan));
    stage.settle(&people(&["lead"])).await;
    assert_eq!((stage.subscriptions().len(), stage.asked("Unsubscribe")), (1, 1));
    stage.settle(&[]).await;
    assert_eq!(stage.subscriptions(), Vec::<Value>::new());
}

/// Somebody unsubscribes, or the mail was never answered: both differ from what is wanted, and whoever applies asks again.
#[tokio::test(start_paused = true)]
async fn who_left_is_missing() {
    let stage = Stage::new().await;
    let stack = people(&["ops"]);
    stage.settle(&stack).await;
    stage.confirm("ops").await;
    let it = stage.subscriptions()[0]["arn"].as_str().unwrap().to_owned();
    let aws = stage.aws().await;
    aws.sns().unsubscribe().subscription_arn(it).send().await.unwrap();
    assert_eq!(stage.plan(&stack).await.steps[0].action, Action::Update);
    stage.settle(&stack).await;
    aws.clock().sleep(Duration::from_secs(4 * 24 * 3600)).await;
    assert_eq!(stage.plan(&stack).await.steps[0].action, Action::Update, "nobody answered in time");
}

/// Somebody takes away the statement by which the account's own alarms may publish.
#[tokio::test(start_paused = true)]
async fn the_account_itself_may_always_publish() {
    let stage = Stage::new().await;
    let stack = [wanted(IT, "topic", json!({ "name": "people", "policy": events_may_publish() }))];
    stage.settle(&stack).await;
    let mut policy = events_may_publish();
    policy["Statement"]["Resource"] = json!(arn("people"));
    let set = stage.aws().await.sns().set_topic_attributes().topic_arn(arn("people")).attribute_name("Policy");
    set.attribute_value(policy.to_string()).send().await.unwrap();
    assert_eq!(stage.plan(&stack).await.steps[0].action, Action::Update);
    stage.settle(&stack).await;
}

/// From an event by a rule and a topic to a queue: each lets the one before it in.
#[tokio::test(start_paused = true)]
async fn an_event_reaches_who_is_subscribed() {
    let stage = Stage::new().await;
    let aws = stage.aws().await;
    let policy = json!({ "Statement": { "Effect": "Allow", "Principal": { "Service": "sns.amazonaws.com" },
        "Action": "sqs:SendMessage", "Condition": { "ArnEquals": { "aws:SourceArn": arn("people") } } } });
    let stack = |policy_of_topic: Value| {
        let inbox = json!([{ "protocol": "sqs", "endpoint": { "$ref": "inbox", "attr": "arn" } }]);
        let target = json!({ "name": "people", "arn": { "$ref": IT, "attr": "arn" }, "input": "a run failed" });
        vec![
            wanted("inbox", "queue", json!({ "name": "inbox", "policy": policy })),
            wanted(IT, "topic", json!({ "name": "people", "subscriptions": inbox, "policy": policy_of_topic })),
            wanted("rule", "event-rule", json!({ "pattern": { "source": ["train"] }, "targets": [target] })),
        ]
    };
    let put = async || {
        let entry = json!({ "Source": "train", "DetailType": "Run State Change", "Detail": "{}" });
        aws.events().call::<IgnoredAny>("PutEvents", &json!({ "Entries": [entry] })).await.unwrap();
        let url = "https://sqs.us-east-1.amazonaws.com/000000000000/inbox";
        let found: Value = aws.sqs().call("ReceiveMessage", &json!({ "QueueUrl": url })).await.unwrap();
        found["Messages"][0]["Body"].as_str().map(|body| serde_json::from_str::<Value>(body).unwrap())
    };
    stage.settle(&stack(json!(null))).await;
    assert_eq!(put().await, None, "a topic takes nothing from EventBridge by itself");
    stage.settle(&stack(events_may_publish())).await;
    let told = put().await.unwrap();
    assert_eq!((&told["Message"], &told["TopicArn"]), (&json!("\"a run failed\""), &json!(arn("people"))));
}

/// An alarm reaches who is subscribed, also where the author's policy names somebody else only; without the statement for
/// the account, or with AWS's own key, it would be dropped, and CloudWatch would not say so.
#[tokio::test(start_paused = true)]
async fn an_alarm_reaches_who_is_subscribed() {
    let stage = Stage::new().await;
    let aws = stage.aws().await;
    let policy = json!({ "Statement": { "Effect": "Allow", "Principal": { "Service": "sns.amazonaws.com" },
        "Action": "sqs:SendMessage" } });
    let inbox = json!([{ "protocol": "sqs", "endpoint": { "$ref": "inbox", "attr": "arn" } }]);
    let people = json!({ "name": "people", "subscriptions": inbox, "policy": events_may_publish() });
    let alarm = json!({ "name": "idle", "metric": { "namespace": "CWAgent", "name": "gpu" }, "threshold": 5,
        "comparison": "less-than-threshold", "alarm_actions": [{ "$ref": IT, "attr": "arn" }] });
    let stack = [
        wanted("inbox", "queue", json!({ "name": "inbox", "policy": policy })),
        wanted(IT, "topic", people),
        wanted("alarm", "alarm", alarm),
    ];
    stage.settle(&stack).await;
    let told = async || {
        for state in ["OK", "ALARM"] {
            let set = json!({ "AlarmName": "idle", "StateValue": state, "StateReason": "a test" });
            aws.cloudwatch().call::<IgnoredAny>("SetAlarmState", &set).await.unwrap();
        }
        let url = "https://sqs.us-east-1.amazonaws.com/000000000000/inbox";
        let found: Value = aws.sqs().call("ReceiveMessage", &json!({ "QueueUrl": url })).await.unwrap();
        found["Messages"][0]["Body"].as_str().map(|body| serde_json::from_str::<Value>(body).unwrap())
    };
    let message: Value = serde_json::from_str(told().await.unwrap()["Message"].as_str().unwrap()).unwrap();
    assert_eq!((&message["AlarmName"], &message["NewStateValue"]), (&json!("idle"), &json!("ALARM")));
    let set = async |name: &str, value: String| {
        let set = aws.sns().set_topic_attributes().topic_arn(arn("people")).attribute_name(name);
        set.attribute_value(value).send().await.unwrap();
    };
    set("KmsMasterKeyId", "alias/aws/sns".to_owned()).await;
    assert_eq!(told().await, None);
    set("KmsMasterKeyId", String::new()).await;
    let mut alone = events_may_publish();
    alone["Statement"]["Resource"] = json!(arn("people"));
    set("Policy", alone.to_string()).await;
    assert_eq!(told().await, None);
    stage.settle(&stack).await;
    assert!(told().await.is_some());
}
