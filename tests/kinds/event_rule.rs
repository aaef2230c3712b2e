//! event-rule: example, life, what it tells whom, and failures that AWS calls a success.
use super::{Own, codes};
use crate::{
    crash_lives::{self, Life},
    examples::{Example, IT, in_place, merged, replace},
    novel::reworded,
    stage::{Stage, wanted, wire::wire},
};
use aws_smithy_runtime_api::client::{
    http::{HttpConnector, SharedHttpConnector},
    orchestrator::{HttpRequest, HttpResponse},
};
use dlinfra::{
    aws::{
        ErrorClass,
        tags::{self, Carrier},
    },
    engine::By,
    kinds::KINDS,
    plan::{Action, Wanted},
    terraform::export,
};
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

pub(crate) const OWN: Own = Own {
    kind: "event-rule",
    examples,
    life,
    object: "events/rule",
    carrier: |name| Carrier::own(&tags::EVENTS, format!("arn:aws:events:us-east-1:000000000000:rule/{name}")),
    theirs: |aws, name| {
        Box::pin(async move {
            let rule = json!({ "Name": name, "ScheduleExpression": "rate(1 day)" });
            aws.events().once::<IgnoredAny>("PutRule", &rule).await.unwrap();
        })
    },
};

/// The ARN of a queue.
fn queue(name: &str) -> String {
    format!("arn:aws:sqs:us-east-1:000000000000:{name}")
}

const STREAM: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/runs";
const ROLE: &str = "arn:aws:iam::000000000000:role/events";

/// Runs that ended badly.
fn failures() -> Value {
    json!({ "source": ["train"], "detail": { "status": ["FAILED", { "prefix": "Out" }], "exit": [{ "numeric": [">", 0] }] } })
}

fn examples() -> Vec<Example> {
    let (one, two) = (json!({ "name": "a", "arn": queue("one") }), json!({ "name": "b", "arn": queue("two") }));
    let more = |what: Value| json!({ "targets": [one, merged(&two, &what)] });
    let told = json!({ "paths": { "status": "$.detail.status" }, "template": "\"ended: <status>\"" });
    vec![Example {
        kind: "event-rule",
        needs: &[],
        spec: json!({ "pattern": failures() }),
        changes: vec![
            in_place("description", json!({ "description": "somebody must look" })),
            in_place("pattern", json!({ "pattern": { "source": ["aws.ec2"] } })),
            in_place("state", json!({ "state": "disabled" })),
            in_place("targets", more(json!({}))),
            in_place("targets", more(json!({ "input": { "text": "a run failed", "level": 3 } }))),
            in_place("targets", more(json!({ "input_path": "$.detail", "dead_letter": queue("dead") }))),
            in_place("targets", more(json!({ "transformer": told, "arn": STREAM, "role": ROLE }))),
            in_place("targets", json!({ "targets": [two] })),
            in_place("schedule", json!({ "pattern": null, "schedule": "cron(0 8 ? * MON-FRI *)" })),
            in_place("description", json!({ "description": null })),
            replace("name", json!({ "name": "runs.failed" })),
        ],
        silent: &[],
    }]
}

fn life() -> Life {
    let targets = json!({ "targets": [{ "name": "a", "arn": queue("one") }, { "name": "b", "arn": queue("two") }] });
    let changes = [
        ("update", json!({ "description": "x", "targets": [{ "name": "b", "arn": queue("three") }] })),
        ("extend", json!({})),
        ("replace", json!({ "name": "another" })),
    ];
    crash_lives::life("event-rule", 0, &targets, &changes)
}

#[test]
fn what_eventbridge_refuses_is_found_beforehand() {
    let codes = |change: Value| codes("event-rule", &merged(&json!({ "pattern": failures() }), &change));
    let none = Vec::<&str>::new();
    assert_eq!(codes(json!({ "name": "runs.failed_1" })), none);
    assert_eq!(codes(json!({ "name": "runs failed" })), ["DL1401"]);
    assert_eq!(codes(json!({ "pattern": null })), ["DL1402"]);
    assert_eq!(codes(json!({ "schedule": "rate(1 hour)" })), ["DL1402"]);
    for pattern in [
        json!([]),
        json!({}),
        json!({ "source": "train" }),
        json!({ "source": [] }),
        json!({ "detail": { "x": {} } }),
        json!({ "source": ["x".repeat(5000)] }),
    ] {
        assert_eq!(codes(json!({ "pattern": pattern })), ["DL1403"], "{pattern}");
    }
    let of = json!({ "$expr": "run.name" });
    assert_eq!(codes(json!({ "pattern": { "$or": [{ "source": ["a"] }], "detail": { "run": [of] } } })), none);
    let schedule = |text: &str| codes(json!({ "pattern": null, "schedule": text }));
    for text in ["rate(1 hour)", "rate(5 minutes)", "cron(0 8 ? * MON-FRI *)", "cron(15 10 1 * ? 2027)"] {
        assert_eq!(schedule(text), none, "{text}");
    }
    for text in
        ["5 minutes", "rate(1 hours)", "rate(5 minute)", "rate(0 minutes)", "cron(0 8 * * * *)", "cron(0 8 * *)"]
    {
        assert_eq!(schedule(text), ["DL1404"], "{text}");
    }
    let target = |change: Value| {
        let target = merged(&json!({ "name": "a", "arn": queue("one") }), &change);
        codes(json!({ "targets": [target] }))
    };
    assert_eq!(target(json!({ "input": { "a": 1 } })), none);
    assert_eq!(target(json!({ "name": "a b" })), ["DL1401"]);
    assert_eq!(target(json!({ "input": { "a": 1 }, "input_path": "$.detail" })), ["DL1405"]);
    assert_eq!(target(json!({ "input_path": "detail" })), ["DL1405"]);
    assert_eq!(target(json!({ "transformer": { "paths": { "a": "x" }, "template": "<a>" } })), ["DL1405"]);
    assert_eq!(target(json!({ "arn": "people" })), ["DL1405"]);
    assert_eq!(target(json!({ "role": ROLE })), ["DL1405"]);
    assert_eq!(target(json!({ "role": ROLE, "arn": STREAM })), none);
    let many = |names: &[&str]| {
        let targets = names.iter().map(|name| json!({ "name": name, "arn": queue("one") }));
        codes(json!({ "targets": targets.collect::<Vec<_>>() }))
    };
    assert_eq!(many(&["a", "b", "c", "d", "e"]), none);
    assert_eq!(many(&["a", "b", "c", "d", "e", "f"]), ["DL1405"]);
    assert_eq!(many(&["a", "a"]), ["DL1405"]);
}

/// A rule that tells a queue which lets it in, and one that does not and has a queue for dead letters.
fn told() -> Vec<Wanted> {
    let policy = json!({ "Statement": { "Effect": "Allow", "Principal": { "Service": "events.amazonaws.com" },
        "Action": "sqs:SendMessage", "Condition": { "ArnEquals": { "aws:SourceArn": { "$ref": IT, "attr": "arn" } } } } });
    let open = json!({ "Statement": { "Effect": "Allow", "Principal": { "Service": "events.amazonaws.com" },
        "Action": "sqs:SendMessage" } });
    let arn = |queue: &str| json!({ "$ref": queue, "attr": "arn" });
    let transformer = json!({ "paths": { "s": "$.detail.status" }, "template": "\"the run ended: <s>\"" });
    let targets = json!([
        { "name": "people", "arn": queue("people"), "transformer": transformer },
        { "name": "closed", "arn": arn("closed"), "dead_letter": arn("dead") },
    ]);
    vec![
        wanted("people", "queue", json!({ "name": "people", "policy": policy })),
        wanted("closed", "queue", json!({ "name": "closed" })),
        wanted("dead", "queue", json!({ "name": "dead", "policy": open })),
        wanted(IT, "event-rule", json!({ "name": "failed", "pattern": failures(), "targets": targets })),
    ]
}

#[tokio::test(start_paused = true)]
async fn who_is_to_be_told_is_told_and_nobody_else() {
    let stage = Stage::new().await;
    let aws = stage.aws().await;
    stage.settle(&told()).await;
    let put = async |status: &str, exit: i64| {
        let detail = json!({ "status": status, "exit": exit }).to_string();
        let entry = json!({ "Source": "train", "DetailType": "Run State Change", "Detail": detail });
        let answer: Value = aws.events().call("PutEvents", &json!({ "Entries": [entry] })).await.unwrap();
        assert_eq!(answer["FailedEntryCount"], 0, "{answer}");
    };
    let receive = async |name: &str| {
        let url = format!("https://sqs.us-east-1.amazonaws.com/000000000000/{name}");
        let input = json!({ "QueueUrl": url, "MaxNumberOfMessages": 10 });
        let found: Value = aws.sqs().call("ReceiveMessage", &input).await.unwrap();
        let body = |one: &Value| one["Body"].as_str().unwrap().to_owned();
        found["Messages"].as_array().into_iter().flatten().map(body).collect::<Vec<_>>()
    };
    put("DONE", 1).await;
    put("FAILED", 0).await;
    assert_eq!(receive("people").await, Vec::<String>::new());
    put("OutOfMemory", 137).await;
    assert_eq!(receive("people").await, ["\"the run ended: OutOfMemory\""]);
    assert_eq!(receive("closed").await, Vec::<String>::new());
    let dead = receive("dead").await;
    assert!(dead.len() == 1 && dead[0].contains("\"exit\":137"), "{dead:?}");
}

/// Targets that AWS did not take, in an answer with status 200, are put again, and the rule is not called done before.
#[tokio::test(start_paused = true)]
async fn a_target_that_was_not_taken_is_put_again() {
    let mut stage = Stage::new().await;
    let connector = SharedHttpConnector::new(stage.sandbox.clone());
    let puts = Arc::new(AtomicUsize::new(0));
    let seen = puts.clone();
    stage.http = Some(wire(move |request: HttpRequest| {
        let is_put = request.headers().get("x-amz-target") == Some("AWSEvents.PutTargets");
        let fails = is_put && seen.fetch_add(1, Ordering::SeqCst) < 2;
        let connector = connector.clone();
        async move {
            if !fails {
                return connector.call(request).await;
            }
            let failed =
                json!({ "TargetId": "a", "ErrorCode": "ConcurrentModificationException", "ErrorMessage": "busy" });
            let body = json!({ "FailedEntryCount": 1, "FailedEntries": [failed] }).to_string();
            Ok(HttpResponse::new(200.try_into().unwrap(), body.into()))
        }
    }));
    let spec = json!({ "pattern": failures(), "targets": [{ "name": "a", "arn": queue("one") }] });
    stage.settle(&[wanted(IT, "event-rule", spec)]).await;
    assert_eq!(puts.load(Ordering::SeqCst), 3);
}

#[tokio::test(start_paused = true)]
async fn terraform_is_told_the_ids_that_it_goes_by() {
    let stage = Stage::new().await;
    let mut stack = told();
    stack.push(wanted("topic", "topic", json!({ "name": "all" })));
    stage.settle(&stack).await;
    let (_, view, _) = stage.look(&stack).await;
    let blocks = export::export(&view.scope, &view.snapshot).blocks;
    let ids: BTreeMap<&str, &str> = blocks.iter().map(|block| (block.to.as_str(), block.id.as_str())).collect();
    assert_eq!(ids["aws_cloudwatch_event_rule.it"], "failed");
    assert_eq!(ids["aws_cloudwatch_event_target.it_closed"], "failed/closed");
    assert_eq!(ids["aws_sqs_queue.dead"], "https://sqs.us-east-1.amazonaws.com/000000000000/dead");
    assert_eq!(ids["aws_sns_topic.topic"], "arn:aws:sns:us-east-1:000000000000:all");
}

const MANAGED: &[(&str, &str)] = &[(r#""State":"ENABLED""#, r#""State":"ENABLED","ManagedBy":"states.amazonaws.com""#)];

/// A rule that a service of AWS made for itself is neither found nor taken over.
#[tokio::test(start_paused = true)]
async fn what_aws_manages_is_left_alone() {
    let mut stage = Stage::new().await;
    (OWN.theirs)(stage.aws().await, "theirs".to_owned()).await;
    stage.http = Some(reworded(&stage.sandbox, MANAGED));
    let (engine, view, _) = stage.look(&[]).await;
    let kind = *KINDS.iter().find(|k| k.name() == "event-rule").unwrap();
    assert_eq!(engine.find(kind, &By::Ids(vec!["theirs".to_owned()]), &view).await.unwrap(), []);
    let outcome =
        stage.try_apply(&[wanted(IT, "event-rule", json!({ "name": "theirs", "pattern": failures() }))]).await;
    assert_eq!(outcome.failed[0].1.class, ErrorClass::Stranger);
    let puts = stage.sandbox.requests().entries.iter().filter(|e| e.operation == "PutRule").count();
    assert_eq!(puts, 1, "theirs");
}

/// A target that somebody added goes, and with it the rule can be deleted.
#[tokio::test(start_paused = true)]
async fn what_somebody_added_is_taken_away() {
    let stage = Stage::new().await;
    let stack = [wanted(IT, "event-rule", json!({ "name": "failed", "pattern": failures() }))];
    stage.settle(&stack).await;
    let add = json!({ "Rule": "failed", "Targets": [{ "Id": "x", "Arn": queue("theirs"), "Input": "[1]" }] });
    let aws = stage.aws().await;
    aws.events().call::<IgnoredAny>("PutTargets", &add).await.unwrap();
    let plan = stage.plan(&stack).await;
    assert_eq!(plan.steps[0].action, Action::Update);
    stage.settle(&stack).await;
    aws.events().call::<IgnoredAny>("PutTargets", &add).await.unwrap();
    stage.settle(&[]).await;
}
