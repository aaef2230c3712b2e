//! schedule-group: example, life, what Scheduler refuses, and what is in the group.
use super::{Own, codes, monthly};
use crate::{
    crash_lives::{self, Life},
    examples::{Example, IT, in_place, replace},
    stage::{Stage, wanted},
};
use dlinfra::{
    aws::{
        json::rest::Rest,
        tags::{self, Carrier},
    },
    plan::Wanted,
};
use serde::de::IgnoredAny;
use serde_json::{Value, json};

pub(crate) const OWN: Own = Own {
    kind: "schedule-group",
    examples,
    life,
    object: "scheduler/schedule-group",
    carrier: |name| {
        let arn = format!("arn:aws:scheduler:us-east-1:000000000000:schedule-group/{name}");
        Carrier::own(&tags::SCHEDULE_GROUPS, arn)
    },
    theirs: |aws, name| {
        Box::pin(async move {
            let ask = Rest::post(format!("/schedule-groups/{name}"), json!({}));
            aws.scheduler().rest_once::<IgnoredAny>("CreateScheduleGroup", ask).await.unwrap();
        })
    },
};

fn call(fields: &Value) -> Value {
    let mut out = json!({
        "expression": "rate(15 minutes)",
        "target": {
            "arn": "arn:aws:scheduler:::aws-sdk:ec2:stopInstances", "role": { "$ref": "schedule-role", "attr": "arn" },
            "input": { "InstanceIds": ["i-1"] },
        },
    });
    out.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    out
}

fn one(fields: &Value) -> Value {
    json!({ "schedules": { "stop": call(fields) } })
}

fn examples() -> Vec<Example> {
    let two =
        json!({ "schedules": { "stop": call(&json!({})), "again": call(&json!({ "expression": "rate(1 hour)" })) } });
    vec![Example {
        kind: "schedule-group",
        needs: &["schedule-role"],
        spec: one(&json!({})),
        changes: vec![
            in_place("schedules", two),
            in_place(
                "schedules",
                one(&json!({ "expression": "cron(0 20 ? * MON-FRI *)", "description": "ends the day" })),
            ),
            in_place("schedules", one(&json!({ "enabled": false, "window": "10m" }))),
            in_place("schedules", json!({ "schedules": {} })),
            replace("name", json!({ "name": "another" })),
        ],
        silent: &[],
    }]
}

fn life() -> Life {
    let changes = [
        ("update", one(&json!({ "enabled": false }))),
        ("extend", json!({})),
        ("replace", json!({ "name": "another" })),
    ];
    crash_lives::life("schedule-group", 0, &one(&json!({})), &changes)
}

#[test]
fn what_scheduler_refuses_is_found_beforehand() {
    let codes = |spec: Value| codes("schedule-group", &spec);
    let none = Vec::<&str>::new();
    for name in ["", "default", "a/b", &"x".repeat(65)] {
        assert_eq!(codes(json!({ "name": name })), ["DL2001"], "{name}");
    }
    assert_eq!(codes(json!({ "name": "nightly_1.a" })), none);
    assert_eq!(codes(json!({ "schedules": { "a/b": call(&json!({})) } })), ["DL2001"]);
    for legal in ["rate(1 minute)", "rate(2 hours)", "cron(0 20 ? * MON-FRI *)", "at(2027-01-31T08:00:00)"] {
        assert_eq!(codes(one(&json!({ "expression": legal }))), none, "{legal}");
    }
    for wrong in ["rate(1 minutes)", "rate(2 hour)", "cron(0 20 * * * *)", "at(2027-01-31T08:00:00Z)", "15 minutes"] {
        assert_eq!(codes(one(&json!({ "expression": wrong }))), ["DL2002"], "{wrong}");
    }
    assert_eq!(codes(one(&json!({ "window": "10m" }))), none);
    assert_eq!(codes(one(&json!({ "window": "90s" }))), ["DL2003"]);
    assert_eq!(codes(one(&json!({ "timezone": "America/Argentina/Buenos_Aires" }))), none);
    assert_eq!(codes(one(&json!({ "timezone": "Berlin (Europe)" }))), ["DL2004"]);
    let target = |arn: &str| {
        let mut spec = one(&json!({}));
        spec["schedules"]["stop"]["target"]["arn"] = json!(arn);
        spec
    };
    assert_eq!(codes(target("arn:aws:scheduler:::aws-sdk:ec2:stopInstances")), none);
    for wrong in ["ec2:describeInstances", "EC2:stopInstances", "ec2:StopInstances", "ec2"] {
        assert_eq!(codes(target(&format!("arn:aws:scheduler:::aws-sdk:{wrong}"))), ["DL2005"], "{wrong}");
    }
    let mut tries = one(&json!({}));
    tries["schedules"]["stop"]["target"]["retries"] = json!(186);
    tries["schedules"]["stop"]["target"]["max_age"] = json!("59s");
    assert_eq!(codes(tries), ["DL2003", "DL2003"]);
}

#[test]
fn it_costs_what_it_calls() {
    // 10,000 calls at 0.001 for 1,000.
    assert_eq!(monthly("schedule-group", &one(&json!({}))), "0.01");
}

fn stack() -> Vec<Wanted> {
    let role = wanted("schedule-role", "iam-role", json!({ "trust": ["scheduler.amazonaws.com"] }));
    let mut group = one(&json!({}));
    group["name"] = json!("nightly");
    vec![role, wanted(IT, "schedule-group", group)]
}

/// The group is ours, and so is everything in it.
#[tokio::test(start_paused = true)]
async fn what_somebody_puts_into_the_group_is_removed() {
    let stage = Stage::new().await;
    stage.settle(&stack()).await;
    let aws = stage.aws().await;
    let path = "/schedules/stop?groupName=nightly";
    let mut body: Value = aws.scheduler().rest("GetSchedule", Rest::get(path)).await.unwrap();
    for told in ["Arn", "CreationDate", "LastModificationDate", "Name"] {
        body.as_object_mut().unwrap().remove(told);
    }
    let ask = Rest::post("/schedules/theirs", body);
    aws.scheduler().rest_once::<IgnoredAny>("CreateSchedule", ask).await.unwrap();
    let plan = stage.plan(&stack()).await;
    assert_eq!(plan.summary.update, 1);
    stage.settle(&stack()).await;
    let left: Value =
        aws.scheduler().rest("ListSchedules", Rest::get("/schedules?ScheduleGroup=nightly")).await.unwrap();
    assert_eq!(left["Schedules"].as_array().unwrap().len(), 1);
}
