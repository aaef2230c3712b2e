//! dashboard: example, life, and bodies that CloudWatch refuses.
use super::{Own, codes};
use crate::{
    crash_lives::{self, Life},
    examples::{Example, in_place, replace},
};
use dlinfra::aws::tags::{self, Carrier};
use serde::de::IgnoredAny;
use serde_json::{Value, json};

pub(crate) const OWN: Own = Own {
    kind: "dashboard",
    examples,
    life,
    object: "monitoring/dashboard",
    carrier: |name| Carrier::own(&tags::CLOUDWATCH, format!("arn:aws:cloudwatch::000000000000:dashboard/{name}")),
    theirs: |aws, name| {
        Box::pin(async move {
            let dashboard = json!({ "DashboardName": name, "DashboardBody": r#"{"widgets":[]}"# });
            aws.cloudwatch().once::<IgnoredAny>("PutDashboard", &dashboard).await.unwrap();
        })
    },
};

fn chart(metric: &str) -> Value {
    let properties = json!({ "region": "us-east-1", "metrics": [["AWS/EC2", metric]], "period": 300 });
    json!({ "widgets": [{ "type": "metric", "width": 12, "height": 6, "properties": properties }] })
}

fn examples() -> Vec<Example> {
    vec![Example {
        kind: "dashboard",
        needs: &[],
        spec: json!({ "body": chart("CPUUtilization") }),
        changes: vec![
            in_place("body", json!({ "body": chart("NetworkIn") })),
            replace("name", json!({ "name": "another" })),
        ],
        silent: &[],
    }]
}

fn life() -> Life {
    let changes = [
        ("update", json!({ "body": chart("NetworkOut") })),
        ("extend", json!({})),
        ("replace", json!({ "name": "another" })),
    ];
    crash_lives::life("dashboard", 0, &json!({}), &changes)
}

#[test]
fn bodies_and_names_that_cloudwatch_refuses() {
    let codes = |spec: Value| codes("dashboard", &spec);
    let none = Vec::<&str>::new();
    assert_eq!(codes(json!({ "name": "training_1", "body": chart("x") })), none);
    assert_eq!(codes(json!({ "name": "training 1", "body": chart("x") })), ["DL1201"]);
    assert_eq!(codes(json!({ "body": {} })), ["DL1202"]);
    assert_eq!(codes(json!({ "body": { "widgets": [] } })), none);
    let widget = |widget: Value| codes(json!({ "body": { "widgets": [widget] } }));
    assert_eq!(widget(json!({ "type": "text", "properties": { "markdown": "hello" } })), none);
    assert_eq!(widget(json!({ "type": "picture", "properties": {} })), ["DL1202"]);
    assert_eq!(widget(json!({ "type": "text" })), ["DL1202"]);
    assert_eq!(widget(json!({ "type": "metric", "properties": { "metrics": [] } })), ["DL1202"]);
    assert_eq!(widget(json!({ "type": "text", "width": 25, "properties": {} })), ["DL1202"]);
    assert_eq!(widget(json!({ "type": "text", "width": 24, "properties": {} })), none);
}
