//! log-group: example, life, names of its author's and of others, and what its lines are counted for.
use super::{Own, codes};
use crate::{
    crash_lives::{self, Life},
    examples::{Example, IT, destroys, in_place, merged},
    stage::{Stage, wanted},
};
use dlinfra::{
    aws::tags::{self, Carrier},
    engine::By,
    kinds::KINDS,
    plan::Action,
};
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use std::time::Duration;

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

/// Errors of GPUs, counted.
fn xid() -> Value {
    json!({ "name": "xid", "pattern": "\"NVRM: Xid\"", "metric": "XidErrors", "namespace": "Training", "value": "1" })
}

/// How long steps take that are slow.
fn slow() -> Value {
    json!({
        "name": "a-slow", "pattern": "{ $.ms > 100 }", "metric": "SlowSteps", "namespace": "Training", "value": "$.ms",
        "dimensions": { "Node": "$.node" }, "unit": "Milliseconds",
    })
}

fn examples() -> Vec<Example> {
    let counted = merged(&xid(), &json!({ "default": 0, "unit": "Count" }));
    vec![Example {
        kind: "log-group",
        needs: &[],
        spec: json!({ "retention": "30d" }),
        changes: vec![
            in_place("retention", json!({ "retention": "90d" })),
            in_place("kms_key", json!({ "kms_key": KEY })),
            in_place("retention", json!({ "retention": null })),
            in_place("metric_filters", json!({ "metric_filters": [xid()] })),
            in_place("metric_filters", json!({ "metric_filters": [counted, slow()] })),
            in_place("metric_filters", json!({ "metric_filters": [slow()] })),
            in_place("metric_filters", json!({ "metric_filters": null })),
            destroys("name", json!({ "name": "/train/another" })),
            destroys("class", json!({ "class": "infrequent-access" })),
        ],
        silent: &[],
    }]
}

fn life() -> Life {
    let changes = [
        ("update", json!({ "retention": "7d", "kms_key": KEY, "metric_filters": [xid()] })),
        ("extend", json!({})),
        ("replace", json!({ "class": "infrequent-access", "metric_filters": null })),
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
    let codes = |spec: Value| codes("log-group", &spec);
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

#[test]
fn filters_that_aws_refuses_or_that_never_count() {
    let codes = |spec: Value| codes("log-group", &spec);
    let none = Vec::<&str>::new();
    let cheap = |filters: Value| codes(json!({ "class": "infrequent-access", "metric_filters": filters }));
    assert_eq!(cheap(json!([xid()])), ["DL1003"]);
    assert_eq!(cheap(json!([])), none);
    let one = |change: Value| codes(json!({ "metric_filters": [merged(&xid(), &change)] }));
    assert_eq!(one(json!({})), none);
    for change in [
        json!({ "name": "" }),
        json!({ "name": "a:b" }),
        json!({ "metric": "a*" }),
        json!({ "namespace": "" }),
        json!({ "value": "one" }),
        json!({ "unit": "Lines" }),
    ] {
        assert_eq!(one(change.clone()), ["DL1004"], "{change}");
    }
    for pattern in ["NVRM: Xid", "ERROR -a.b", "\"a b\" c:", &"x".repeat(1025)] {
        assert_eq!(one(json!({ "pattern": pattern })), ["DL1005"], "{pattern}");
    }
    for pattern in
        ["", "NVRM Xid", "?ERROR ?FATAL", "\"a.b \\\"c:\\\"\" -test", "%Xid [0-9]+%", "{ $.a = 1 }", "[a, b]"]
    {
        assert_eq!(one(json!({ "pattern": pattern })), none, "{pattern}");
    }
    assert_eq!(one(json!({ "value": "$.ms" })), ["DL1005"], "words have no fields");
    let fields = |change: Value| codes(json!({ "metric_filters": [merged(&slow(), &change)] }));
    assert_eq!(fields(json!({})), none);
    assert_eq!(fields(json!({ "default": 0 })), ["DL1004"]);
    assert_eq!(fields(json!({ "dimensions": { "Node": "one" } })), ["DL1004"]);
    let dimensions =
        |count: usize| (0..count).map(|i| (format!("d{i}"), json!("$.x"))).collect::<serde_json::Map<_, _>>();
    assert_eq!(fields(json!({ "dimensions": dimensions(3) })), none);
    assert_eq!(fields(json!({ "dimensions": dimensions(4) })), ["DL1004"]);
    let many = |count: usize| {
        let filters = (0..count).map(|i| merged(&xid(), &json!({ "name": format!("f{i}") })));
        codes(json!({ "metric_filters": filters.collect::<Vec<_>>() }))
    };
    assert_eq!(many(100), none);
    assert_eq!(many(101), ["DL1004"]);
    assert_eq!(codes(json!({ "metric_filters": [xid(), xid()] })), ["DL1004"], "one name");
}

/// Requests for metric filters so far.
fn asked(stage: &Stage) -> usize {
    stage.sandbox.requests().entries.iter().filter(|e| e.operation == "DescribeMetricFilters").count()
}

/// What somebody added goes where the blueprint has a list, and stays where it has none. Groups without filters are not
/// asked for them.
#[tokio::test(start_paused = true)]
async fn filters_of_others_go_where_there_is_a_list() {
    let stage = Stage::new().await;
    let aws = stage.aws().await;
    let stack = |filters: Value| {
        let spec = if filters.is_null() {
            json!({ "name": "/g" })
        } else {
            json!({ "name": "/g", "metric_filters": filters })
        };
        [wanted(IT, "log-group", spec)]
    };
    let add = async || {
        let made = json!({ "metricName": "m", "metricNamespace": "Theirs", "metricValue": "1" });
        let theirs = json!({
            "logGroupName": "/g", "filterName": "theirs", "filterPattern": "x", "metricTransformations": [made],
        });
        aws.logs().call::<IgnoredAny>("PutMetricFilter", &theirs).await.unwrap();
    };
    let there = async || {
        let found: Value = aws.logs().call("DescribeMetricFilters", &json!({ "logGroupName": "/g" })).await.unwrap();
        let name = |filter: &Value| filter["filterName"].as_str().unwrap().to_owned();
        found["metricFilters"].as_array().unwrap().iter().map(name).collect::<Vec<_>>()
    };
    stage.settle(&stack(Value::Null)).await;
    assert_eq!(asked(&stage), 0, "there are none");
    add().await;
    assert_eq!(stage.plan(&stack(Value::Null)).await.steps[0].action, Action::Keep);
    assert!(asked(&stage) > 0);
    assert_eq!(stage.plan(&stack(json!([xid()]))).await.steps[0].action, Action::Update);
    stage.settle(&stack(json!([xid()]))).await;
    assert_eq!(there().await, ["xid"]);
    add().await;
    stage.settle(&stack(json!([]))).await;
    assert_eq!(there().await, Vec::<String>::new());
}

/// A line that names an error of a GPU sets the alarm off, and nothing else does.
#[tokio::test(start_paused = true)]
async fn a_line_becomes_a_metric_and_an_alarm() {
    let stage = Stage::new().await;
    let aws = stage.aws().await;
    let alarm = json!({
        "metric": { "namespace": "Training", "name": "XidErrors", "statistic": "sum" }, "threshold": 1,
        "comparison": "greater-than-or-equal-to-threshold", "missing": "not-breaching",
    });
    let group = json!({ "name": "/train/nodes", "metric_filters": [merged(&xid(), &json!({ "default": 0 }))] });
    stage.settle(&[wanted(IT, "log-group", group), wanted("xid", "alarm", alarm)]).await;
    let stream = json!({ "logGroupName": "/train/nodes", "logStreamName": "i-1" });
    aws.logs().call::<IgnoredAny>("CreateLogStream", &stream).await.unwrap();
    let state = async |line: &str| {
        let events = json!([{ "timestamp": aws.clock().now().as_millisecond(), "message": line }]);
        let input = merged(&stream, &json!({ "logEvents": events }));
        aws.logs().call::<IgnoredAny>("PutLogEvents", &input).await.unwrap();
        aws.clock().sleep(Duration::from_secs(60)).await;
        let all: Value = aws.cloudwatch().call("DescribeAlarms", &json!({})).await.unwrap();
        all["MetricAlarms"][0]["StateValue"].as_str().unwrap().to_owned()
    };
    for line in ["step 1", "NVRM: loading", "Xid of something else", "nvrm: xid"] {
        assert_eq!(state(line).await, "OK", "{line}");
    }
    assert_eq!(state("kernel: NVRM: Xid (PCI:0000:10:1c): 79, GPU has fallen off the bus.").await, "ALARM");
    assert_eq!(state("step 2").await, "OK");
}

#[tokio::test(start_paused = true)]
async fn terraform_is_told_of_filters() {
    let stage = Stage::new().await;
    let stack = [wanted(IT, "log-group", json!({ "name": "/g", "metric_filters": [xid()] }))];
    stage.settle(&stack).await;
    let (_, view, _) = stage.look(&stack).await;
    let blocks = dlinfra::terraform::export::export(&view.scope, &view.snapshot).blocks;
    let ids: Vec<_> = blocks.iter().map(|block| (block.to.as_str(), block.id.as_str())).collect();
    assert_eq!(ids, [("aws_cloudwatch_log_group.it", "/g"), ("aws_cloudwatch_log_metric_filter.it_xid", "/g:xid")]);
}
