//! function: example, life, what Lambda refuses, and what it costs.
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
    plan::{Action, Wanted},
};
use serde::de::IgnoredAny;
use serde_json::{Value, json};

pub(crate) const OWN: Own = Own {
    kind: "function",
    examples,
    life,
    object: "lambda/function",
    carrier: |name| Carrier::own(&tags::FUNCTIONS, format!("arn:aws:lambda:us-east-1:000000000000:function:{name}")),
    theirs: |aws, name| {
        Box::pin(async move {
            let trust = json!({ "Version": "2012-10-17", "Statement": [{
                "Effect": "Allow", "Principal": { "Service": "lambda.amazonaws.com" }, "Action": "sts:AssumeRole",
            }] });
            let role = aws.iam().create_role().role_name("theirs").assume_role_policy_document(trust.to_string());
            let role = role.send().await.unwrap().role.unwrap().arn;
            // A new role is known to Lambda some seconds later, and a new function is settled some seconds later.
            let a_while = std::time::Duration::from_secs(20);
            aws.clock().sleep(a_while).await;
            let body = json!({
                "FunctionName": name, "Role": role, "Runtime": "python3.13", "Handler": "index.handler",
                "Code": { "ZipFile": "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA==" },
            });
            let ask = Rest::post("/2015-03-31/functions", body);
            aws.lambda().rest_once::<IgnoredAny>("CreateFunction", ask).await.unwrap();
            aws.clock().sleep(a_while).await;
            // Only the function is what tests look for.
            aws.iam().delete_role().role_name("theirs").send().await.unwrap();
        })
    },
};

fn source(answer: &str) -> Value {
    json!(format!("def handler(event, context):\n    return '{answer}'\n"))
}

fn spec() -> Value {
    json!({ "source": source("one"), "runtime": "python3.13", "role": { "$ref": "function-role" } })
}

fn examples() -> Vec<Example> {
    vec![Example {
        kind: "function",
        needs: &["function-role", "other-function-role", "log"],
        spec: spec(),
        changes: vec![
            in_place("sha256", json!({ "source": source("two") })),
            in_place("memory", json!({ "memory": "256 MiB" })),
            in_place("timeout", json!({ "timeout": "1m" })),
            in_place("description", json!({ "description": "retrains" })),
            in_place("environment", json!({ "environment": { "BUCKET": "results" } })),
            in_place("environment", json!({ "environment": {} })),
            in_place("runtime", json!({ "runtime": "python3.12" })),
            in_place("handler", json!({ "handler": "index.other" })),
            in_place("log_group", json!({ "log_group": { "$ref": "log" } })),
            in_place("log_group", json!({ "log_group": null })),
            in_place("description", json!({ "description": null })),
            in_place("architecture", json!({ "architecture": "arm64" })),
            in_place("role", json!({ "role": { "$ref": "other-function-role" } })),
            replace("name", json!({ "name": "another" })),
        ],
        silent: &[("source", "AWS shows its digest"), ("code", "where it came from is no property of the function")],
    }]
}

fn life() -> Life {
    let changes = [
        ("update", json!({ "memory": "256 MiB", "source": source("two") })),
        ("extend", json!({})),
        ("replace", json!({ "name": "another" })),
    ];
    crash_lives::life("function", 0, &spec(), &changes)
}

fn with(fields: &Value) -> Value {
    let mut out = spec();
    out.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    out
}

#[test]
fn what_lambda_refuses_is_found_beforehand() {
    let none = Vec::<&str>::new();
    let codes = |spec: &Value| codes("function", spec);
    assert_eq!(codes(&spec()), none);
    for name in ["", "re.train", &"x".repeat(65)] {
        assert_eq!(codes(&with(&json!({ "name": name }))), ["DL1901"], "{name}");
    }
    assert_eq!(codes(&with(&json!({ "name": "re-train_1" }))), none);
    for (memory, expected) in
        [("127 MiB", vec!["DL1902"]), ("128 MiB", none.clone()), ("10 GiB", none.clone()), ("11 GiB", vec!["DL1902"])]
    {
        assert_eq!(codes(&with(&json!({ "memory": memory }))), expected, "{memory}");
    }
    assert_eq!(codes(&with(&json!({ "timeout": "15m" }))), none);
    assert_eq!(codes(&with(&json!({ "timeout": "16m" }))), ["DL1902"]);
    let archive = |sha256: Value| {
        let code = json!({ "bucket": "code", "key": "retrain.zip" });
        json!({ "code": code, "sha256": sha256, "runtime": "provided.al2023", "role": { "$ref": "function-role" } })
    };
    assert_eq!(codes(&archive(json!("a".repeat(64)))), none);
    assert_eq!(codes(&archive(json!("A".repeat(64)))), ["DL1903"]);
    assert_eq!(codes(&archive(Value::Null)), ["DL1907"], "nothing tells whether it has changed");
    assert_eq!(codes(&with(&json!({ "source": null }))), ["DL1907"]);
    assert_eq!(codes(&with(&json!({ "code": { "bucket": "code", "key": "a.zip" } }))), ["DL1907"]);
    assert_eq!(codes(&with(&json!({ "runtime": "java21" }))), ["DL1907"], "a source is Python or Node.js");
    assert_eq!(codes(&with(&json!({ "environment": { "BUCKET": "results" } }))), none);
    assert_eq!(codes(&with(&json!({ "environment": { "AWS_REGION": "us-east-1" } }))), ["DL1904"]);
    assert_eq!(codes(&with(&json!({ "environment": { "TEXT": "x".repeat(4096) } }))), ["DL1904"]);
    assert_eq!(codes(&with(&json!({ "environment": { "API_TOKEN": "hf_abc" } }))), ["DL1905"]);
    assert_eq!(codes(&with(&json!({ "environment": { "API_TOKEN": "arn:aws:ssm:1" } }))), none);
    let archive = with(&json!({ "source": null, "code": { "bucket": "b", "key": "k" }, "sha256": "a".repeat(64) }));
    let mut unknown = archive.clone();
    unknown["runtime"] = json!("cobol85");
    assert_eq!(codes(&archive), none);
    assert_eq!(codes(&unknown), ["DL1906"]);
}

#[test]
fn it_costs_what_it_runs() {
    // 10,000 calls at 0.0002 for 1,000, and 10,000 s x 0.125 GB at 0.0000166667.
    assert_eq!(monthly("function", &spec()), "0.022833375");
    // 10,000 s x 1 GB at 0.0000133334.
    assert_eq!(monthly("function", &with(&json!({ "memory": "1 GiB", "architecture": "arm64" }))), "0.135334");
}

fn stack(fields: &Value) -> Vec<Wanted> {
    let role = wanted("function-role", "iam-role", json!({ "trust": ["lambda.amazonaws.com"] }));
    vec![role, wanted(IT, "function", with(fields))]
}

/// Its log group is made first, under the name that Lambda would give it, so that it ends with the stack.
#[tokio::test(start_paused = true)]
async fn the_group_of_its_own_name_can_be_the_stacks() {
    let stage = Stage::new().await;
    let mut all = stack(&json!({ "name": "retrain", "log_group": { "$ref": "log" } }));
    all.push(wanted("log", "log-group", json!({ "name": "/aws/lambda/retrain", "retention": "30d" })));
    stage.settle(&all).await;
    stage.settle(&[]).await;
}

/// Where the code came from is no property of the function, and what is in it is.
#[tokio::test(start_paused = true)]
async fn only_another_content_is_another_code() {
    let stage = Stage::new().await;
    stage.settle(&stack(&json!({ "name": "retrain" }))).await;
    let put = json!({ "ZipFile": "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA==" });
    let ask = Rest::put("/2015-03-31/functions/retrain/code", put);
    stage.aws().await.lambda().rest::<IgnoredAny>("UpdateFunctionCode", ask).await.unwrap();
    let plan = stage.plan(&stack(&json!({ "name": "retrain" }))).await;
    let step = plan.steps.iter().find(|s| s.address.as_str() == IT).unwrap();
    assert_eq!(step.action, Action::Update);
    assert_eq!(step.fields.iter().map(|f| f.path.as_str()).collect::<Vec<_>>(), ["sha256"]);
    stage.settle(&stack(&json!({ "name": "retrain" }))).await;
}
