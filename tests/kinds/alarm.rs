//! alarm: example, life, and what crosses the line.
use super::{Own, codes, monthly};
use crate::{
    crash_lives::{self, Life},
    examples::{Example, IT, in_place, merged, replace},
    stage::{Stage, wanted},
};
use dlinfra::{
    aws::tags::{self, Carrier},
    plan::{Action, Plan},
};
use serde::de::IgnoredAny;
use serde_json::{Value, json};

pub(crate) const OWN: Own = Own {
    kind: "alarm",
    examples,
    life,
    object: "monitoring/alarm",
    carrier: |name| Carrier::own(&tags::CLOUDWATCH, format!("arn:aws:cloudwatch:us-east-1:000000000000:alarm:{name}")),
    theirs: |aws, name| {
        Box::pin(async move {
            let alarm = json!({
                "AlarmName": name, "Namespace": "Theirs", "MetricName": "m", "Statistic": "Sum", "Period": 60,
                "EvaluationPeriods": 1, "ComparisonOperator": "GreaterThanThreshold", "Threshold": 1,
            });
            aws.cloudwatch().once::<IgnoredAny>("PutMetricAlarm", &alarm).await.unwrap();
        })
    },
};

const TOPIC: &str = "arn:aws:sns:us-east-1:000000000000:people";

/// Machines that are paid for and do nothing.
fn idle() -> Value {
    json!({
        "metric": { "namespace": "CWAgent", "name": "nvidia_smi_utilization_gpu", "dimensions": { "InstanceId": "i-1" } },
        "comparison": "less-than-threshold",
        "threshold": 5,
        "periods": 3,
    })
}

/// Errors among calls.
fn queries() -> Value {
    let metric = |name: &str| json!({ "namespace": "AWS/SageMaker", "name": name, "statistic": "sum" });
    json!([
        { "id": "errors", "metric": metric("Invocation5XXErrors") },
        { "id": "calls", "metric": metric("Invocations") },
        { "id": "ratio", "expression": "errors / calls", "label": "failed", "returns": true },
    ])
}

fn examples() -> Vec<Example> {
    let band = json!([
        { "id": "seen", "metric": { "namespace": "CWAgent", "name": "power", "statistic": "p90", "period": "5m" }, "returns": true },
        { "id": "usual", "expression": "ANOMALY_DETECTION_BAND(seen, 2)", "returns": true },
    ]);
    let metric = Example {
        kind: "alarm",
        needs: &[],
        spec: idle(),
        changes: vec![
            in_place("description", json!({ "description": "somebody pays for nothing" })),
            in_place(
                "metric",
                json!({ "metric": { "namespace": "CWAgent", "name": "mem_used_percent", "statistic": "p99.9", "period": "2m" } }),
            ),
            in_place("comparison", json!({ "comparison": "greater-than-or-equal-to-threshold" })),
            in_place("threshold", json!({ "threshold": 97.5 })),
            in_place("periods", json!({ "periods": 5 })),
            in_place("datapoints", json!({ "datapoints": 2 })),
            in_place("missing", json!({ "missing": "not-breaching" })),
            in_place("actions_enabled", json!({ "actions_enabled": false })),
            in_place("alarm_actions", json!({ "alarm_actions": [TOPIC] })),
            in_place("ok_actions", json!({ "ok_actions": [TOPIC] })),
            in_place("insufficient_data_actions", json!({ "insufficient_data_actions": [TOPIC] })),
            in_place("queries", json!({ "metric": null, "queries": queries() })),
            in_place(
                "band",
                json!({
                    "queries": band, "threshold": null, "band": "usual", "comparison": "greater-than-upper-threshold",
                }),
            ),
            in_place("warm_up", json!({ "warm_up": "30m" })),
            replace("name", json!({ "name": "gpus idle" })),
        ],
        silent: &[],
    };
    let composite = Example {
        kind: "alarm",
        needs: &["fever", "fire"],
        spec: json!({ "rule": "ALARM(fever)" }),
        changes: vec![
            in_place("rule", json!({ "rule": "ALARM(\"fever\") OR NOT OK(fire)" })),
            in_place("description", json!({ "description": "somebody is ill" })),
            in_place("alarm_actions", json!({ "alarm_actions": [TOPIC] })),
            in_place("suppressor", json!({ "suppressor": { "alarm": { "$ref": "fire", "attr": "name" } } })),
            in_place(
                "suppressor",
                json!({ "suppressor": { "alarm": { "$ref": "fire", "attr": "name" }, "wait": "1m", "extension": "0s" } }),
            ),
            in_place("suppressor", json!({ "suppressor": null })),
            replace("rule", merged(&idle(), &json!({ "rule": null }))),
        ],
        silent: &[],
    };
    vec![metric, composite]
}

fn life() -> Life {
    let changes = [
        ("update", json!({ "threshold": 10, "alarm_actions": [TOPIC] })),
        ("extend", json!({})),
        ("replace", json!({ "name": "gpus-idle" })),
    ];
    crash_lives::life("alarm", 0, &idle(), &changes)
}

#[test]
fn what_cloudwatch_refuses_is_found_beforehand() {
    let codes = |change: Value| {
        let mut spec = idle();
        for (field, value) in change.as_object().unwrap() {
            spec[field] = value.clone();
        }
        codes("alarm", &spec)
    };
    let metric = |change: Value| {
        let mut metric = idle()["metric"].clone();
        change.as_object().unwrap().iter().for_each(|(field, value)| metric[field] = value.clone());
        json!({ "metric": metric })
    };
    let none = Vec::<&str>::new();
    assert_eq!(codes(json!({})), none);
    assert_eq!(codes(json!({ "name": "" })), ["DL1101"]);
    assert_eq!(codes(json!({ "name": "héllo" })), ["DL1101"]);
    assert_eq!(codes(json!({ "metric": null })), ["DL1102"]);
    assert_eq!(codes(json!({ "queries": queries() })), ["DL1102"], "both");
    assert_eq!(codes(json!({ "metric": null, "queries": queries() })), none);
    let mut two = queries();
    two[0]["returns"] = json!(true);
    assert_eq!(codes(json!({ "metric": null, "queries": two })), ["DL1102"]);
    let mut twice = queries();
    twice[1]["id"] = json!("errors");
    assert_eq!(codes(json!({ "metric": null, "queries": twice })), ["DL1102"]);
    assert_eq!(codes(json!({ "threshold": null })), ["DL1103"]);
    assert_eq!(codes(json!({ "comparison": "greater-than-upper-threshold" })), ["DL1103"]);
    for (statistic, expected) in
        [("p101", vec!["DL1104"]), ("median", vec!["DL1104"]), ("p99.9", none.clone()), ("tm90", none.clone())]
    {
        assert_eq!(codes(metric(json!({ "statistic": statistic }))), expected, "{statistic}");
    }
    for (period, expected) in
        [("45s", vec!["DL1105"]), ("90s", vec!["DL1105"]), ("10s", none.clone()), ("2m", none.clone())]
    {
        assert_eq!(codes(metric(json!({ "period": period }))), expected, "{period}");
    }
    assert_eq!(codes(json!({ "periods": 1441 })), ["DL1105"], "more than a day");
    assert_eq!(codes(json!({ "periods": 1440 })), none);
    assert_eq!(codes(json!({ "ok_actions": [TOPIC, "b", "c", "d", "e", "f"] })), ["DL1106"]);
    assert_eq!(codes(json!({ "datapoints": 4 })), ["DL1107"]);
    assert_eq!(codes(json!({ "datapoints": 3 })), none);
    assert_eq!(codes(json!({ "periods": 0 })), ["DL1107"]);
    let composite = |change: Value| {
        let nothing = json!({ "metric": null, "comparison": null, "threshold": null, "periods": null });
        codes(merged(&nothing, &change))
    };
    assert_eq!(composite(json!({ "rule": "ALARM(a) AND NOT OK(\"b c\")" })), none);
    assert_eq!(composite(json!({ "rule": "ALARM(a) ALARM(b)" })), ["DL1108"]);
    assert_eq!(composite(json!({ "rule": "ALARM(a)".to_owned() + &" OR ALARM(a)".repeat(100) })), ["DL1108"]);
    assert_eq!(composite(json!({ "rule": "ALARM(a)", "threshold": 5 })), ["DL1102"]);
    assert_eq!(composite(json!({ "rule": "ALARM(a)", "warm_up": "5m" })), ["DL1109"]);
    assert_eq!(codes(json!({ "rule": "ALARM(a)" })), ["DL1102"], "both");
    assert_eq!(codes(json!({ "suppressor": { "alarm": "a" } })), ["DL1108"]);
    assert_eq!(codes(json!({ "warm_up": "90s" })), ["DL1109"]);
    assert_eq!(codes(json!({ "warm_up": "49h" })), ["DL1109"]);
    assert_eq!(codes(json!({ "warm_up": "30m" })), none);
}

/// What dlinfra makes watches the metric that it names, with all of its dimensions.
#[tokio::test(start_paused = true)]
async fn it_fires_when_its_cause_is_there_and_only_then() {
    let stage = Stage::new().await;
    let aws = stage.aws().await;
    stage.apply(&[wanted("idle", "alarm", idle())]).await;
    let put = async |value: f64, machine: &str| {
        let data = json!({
            "Namespace": "CWAgent",
            "MetricData": [{
                "MetricName": "nvidia_smi_utilization_gpu", "Value": value,
                "Dimensions": [{ "Name": "InstanceId", "Value": machine }],
            }],
        });
        aws.cloudwatch().call::<IgnoredAny>("PutMetricData", &data).await.unwrap();
        aws.clock().sleep(std::time::Duration::from_secs(60)).await;
    };
    let state = async || {
        let all: Value = aws.cloudwatch().call("DescribeAlarms", &json!({})).await.unwrap();
        all["MetricAlarms"][0]["StateValue"].as_str().unwrap().to_owned()
    };
    assert_eq!(state().await, "INSUFFICIENT_DATA");
    for _ in 0..4 {
        put(0.0, "i-2").await;
    }
    assert_eq!(state().await, "INSUFFICIENT_DATA", "another machine's");
    for value in [90.0, 80.0, 85.0, 2.0, 1.0] {
        put(value, "i-1").await;
        assert_eq!(state().await, "OK", "{value}");
    }
    put(0.0, "i-1").await;
    assert_eq!(state().await, "ALARM");
    put(70.0, "i-1").await;
    assert_eq!(state().await, "OK");
}

/// The metric of a machine that is replaced is another one: the alarm is changed by the same apply.
#[tokio::test(start_paused = true)]
async fn it_follows_the_machines_that_it_watches() {
    let stage = Stage::new().await;
    let stack = |count: u32, script: &str| {
        let mut stack = crash_lives::of("instance-group").commands.swap_remove(0).1;
        let group = stack.iter_mut().find(|w| w.address.as_str() == IT).unwrap();
        std::sync::Arc::make_mut(&mut group.spec)["count"] = json!(count);
        std::sync::Arc::make_mut(&mut group.spec)["boot"] = json!({ "script": format!("#!/bin/sh\n{script}\n") });
        let mut alarm = idle();
        alarm["metric"]["dimensions"] = json!({ "Host": { "$ref": IT, "attr": "head_address" } });
        stack.push(wanted("idle", "alarm", alarm));
        stack
    };
    let action = |plan: &Plan| plan.steps.iter().find(|s| s.address.as_str() == "idle").unwrap().action;
    stage.apply(&stack(1, "one")).await;
    // More machines leave the first one as it is.
    assert_eq!(action(&stage.plan(&stack(2, "one")).await), Action::Keep);
    stage.apply(&stack(2, "one")).await;
    let rolled = stack(2, "two");
    let plan = stage.plan(&rolled).await;
    assert_eq!(action(&plan), Action::Update);
    stage.apply(&rolled).await;
    assert!(stage.plan(&rolled).await.is_empty());
}

/// By the month: each metric of it, three times as much under a minute, and a band counts as two more.
#[test]
fn it_costs_by_its_metrics() {
    let month = |change: Value| monthly("alarm", &merged(&idle(), &change));
    let fast = json!({ "metric": { "namespace": "CWAgent", "name": "x", "period": "10s" } });
    let band = json!({
        "metric": null, "threshold": null, "band": "b", "comparison": "greater-than-upper-threshold",
        "queries": [
            { "id": "m", "metric": { "namespace": "CWAgent", "name": "x" }, "returns": true },
            { "id": "b", "expression": "ANOMALY_DETECTION_BAND(m, 2)", "returns": true },
        ],
    });
    assert_eq!(month(json!({})), "0.1");
    assert_eq!(month(fast), "0.3");
    assert_eq!(month(json!({ "metric": null, "queries": queries() })), "0.2");
    assert_eq!(month(band), "0.3");
    let composite = json!({ "metric": null, "comparison": null, "threshold": null, "periods": null, "rule": "ALARM(a) OR ALARM(b)" });
    assert_eq!(month(composite), "0.5");
}

/// Alarms tell of a change by themselves, once, and those above them as well.
#[tokio::test(start_paused = true)]
async fn it_tells_when_something_changes() {
    let stage = Stage::new().await;
    let aws = stage.aws().await;
    let letters = json!({
        "policy": { "Statement": { "Effect": "Allow", "Principal": { "Service": "sns.amazonaws.com" }, "Action": "sqs:SendMessage" } },
    });
    let topic = json!({ "subscriptions": [{ "protocol": "sqs", "endpoint": { "$ref": "inbox", "attr": "arn" } }] });
    let mut hot = merged(
        &idle(),
        &json!({ "name": "hot", "comparison": "greater-than-threshold", "threshold": 85, "periods": 1 }),
    );
    hot["alarm_actions"] = json!([{ "$ref": "people", "attr": "arn" }]);
    hot["ok_actions"] = hot["alarm_actions"].clone();
    let above = json!({
        "rule": "ALARM(hot) OR ALARM(hot)", "alarm_actions": hot["alarm_actions"],
        "suppressor": { "alarm": "deploying", "wait": "1m", "extension": "2m" },
    });
    let mut deploying = idle();
    deploying["name"] = json!("deploying");
    let mut above = wanted("above", "alarm", above);
    above.depends_on = ["hot", "deploying"].map(|name| name.parse().unwrap()).into();
    stage
        .apply(&[
            wanted("inbox", "queue", letters),
            wanted("people", "topic", topic),
            wanted("hot", "alarm", hot),
            wanted("deploying", "alarm", deploying),
            above,
        ])
        .await;
    let url: Value = aws.sqs().call("ListQueues", &json!({ "MaxResults": 10 })).await.unwrap();
    let minutes = async |count: u32, value: f64| {
        for _ in 0..count {
            let data = json!({
                "Namespace": "CWAgent",
                "MetricData": [{
                    "MetricName": "nvidia_smi_utilization_gpu", "Value": value,
                    "Dimensions": [{ "Name": "InstanceId", "Value": "i-1" }],
                }],
            });
            aws.cloudwatch().call::<IgnoredAny>("PutMetricData", &data).await.unwrap();
            aws.clock().sleep(std::time::Duration::from_secs(60)).await;
        }
    };
    // Who was told, and of what.
    let told = async || {
        let input = json!({ "QueueUrl": url["QueueUrls"][0], "MaxNumberOfMessages": 10, "VisibilityTimeout": 43_200 });
        let found: Value = aws.sqs().call("ReceiveMessage", &input).await.unwrap();
        let mut all: Vec<String> = Vec::new();
        for message in found["Messages"].as_array().into_iter().flatten() {
            let envelope: Value = serde_json::from_str(message["Body"].as_str().unwrap()).unwrap();
            let told: Value = serde_json::from_str(envelope["Message"].as_str().unwrap()).unwrap();
            let name = told["AlarmName"].as_str().unwrap();
            let name = if name.contains("above") { "above" } else { name };
            all.push(format!("{name}: {}", told["NewStateValue"].as_str().unwrap()));
        }
        all.sort();
        all
    };
    minutes(3, 50.0).await;
    assert_eq!(told().await, ["hot: OK"]);
    minutes(1, 90.0).await;
    assert_eq!(told().await, ["hot: ALARM"], "the one above waits for its suppressor");
    minutes(3, 90.0).await;
    assert_eq!(told().await, ["above: ALARM"], "once, however long it lasts");
    minutes(3, 50.0).await;
    assert_eq!(told().await, ["hot: OK"]);
    let set = json!({ "AlarmName": "deploying", "StateValue": "ALARM", "StateReason": "a new version" });
    for _ in 0..6 {
        aws.cloudwatch().call::<IgnoredAny>("SetAlarmState", &set).await.unwrap();
        minutes(1, 90.0).await;
    }
    assert_eq!(told().await, ["hot: ALARM"], "while something is deployed, nobody hears of it twice");
    minutes(5, 90.0).await;
    assert_eq!(told().await, ["above: ALARM"], "it lasts longer than the deployment");
}
