//! flow-log: examples, life, price, and what EC2 refuses.
use super::{Nameless, codes};
use crate::{
    crash_lives::{self, Life},
    examples::{Example, IT, replace},
    stage::Stage,
};
use dlinfra::{
    aws::ErrorClass,
    kinds::KINDS,
    price::{PriceBook, PriceContext, Usage},
};
use serde_json::{Value, json};

pub(crate) const OWN: Nameless = Nameless { kind: "flow-log", examples, life };

fn to(address: &str) -> Value {
    json!({ "$ref": address })
}

fn role(address: &str) -> Value {
    json!({ "$ref": address, "attr": "arn" })
}

fn written() -> Value {
    json!({ "vpc": to("vpc"), "log_group": to("log"), "role": role("flow-role") })
}

fn examples() -> Vec<Example> {
    let needs = &["vpc", "other-vpc", "a", "log", "other-log", "flow-role", "other-flow-role", "bucket"];
    let delivered = json!({ "bucket": to("bucket"), "log_group": null, "role": null });
    let of_others = Example {
        kind: "flow-log",
        needs: &["vpc"],
        spec: json!({ "vpc": to("vpc"), "bucket": { "$id": "flows" } }),
        changes: vec![replace("traffic", json!({ "traffic": "accept" }))],
        silent: &[],
    };
    let own = Example {
        kind: "flow-log",
        needs,
        spec: written(),
        changes: vec![
            replace("traffic", json!({ "traffic": "reject" })),
            replace("interval", json!({ "interval": "1m" })),
            replace("format", json!({ "format": "${srcaddr} ${dstaddr} ${bytes}" })),
            replace("log_group", json!({ "log_group": to("other-log") })),
            replace("role", json!({ "role": role("other-flow-role") })),
            replace("vpc", json!({ "vpc": to("other-vpc") })),
            replace("subnet", json!({ "vpc": null, "subnet": to("a") })),
            replace("bucket", delivered),
        ],
        silent: &[],
    };
    vec![own, of_others]
}

fn life() -> Life {
    let changes = [("extend", json!({})), ("replace", json!({ "traffic": "reject" }))];
    crash_lives::life("flow-log", 1, &json!({}), &changes)
}

#[test]
fn what_ec2_refuses_is_found_beforehand() {
    let with = |fields: Value| {
        let mut spec = written();
        spec.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        codes("flow-log", &spec)
    };
    assert_eq!(with(json!({})), Vec::<&str>::new());
    assert_eq!(with(json!({ "subnet": to("a") })), ["DL2501"]);
    assert_eq!(with(json!({ "vpc": null })), ["DL2501"]);
    assert_eq!(with(json!({ "bucket": to("bucket") })), ["DL2502"]);
    assert_eq!(with(json!({ "log_group": null })), ["DL2502"]);
    assert_eq!(with(json!({ "role": null })), ["DL2502"]);
    assert_eq!(with(json!({ "log_group": null, "bucket": to("bucket") })), ["DL2502"]);
    assert_eq!(with(json!({ "log_group": null, "role": null, "bucket": to("bucket") })), Vec::<&str>::new());
    assert_eq!(with(json!({ "interval": "5m" })), ["DL2503"]);
}

#[test]
fn what_is_delivered_to_a_bucket_has_no_known_price() {
    let states = |spec: &Value| {
        let kind = KINDS.iter().find(|k| k.name() == "flow-log").unwrap();
        let usage = Usage::default();
        let lines =
            kind.price(&kind.canonical(spec).unwrap(), &PriceContext::new(PriceBook::embedded(), "us-east-1", &usage));
        lines.iter().map(|line| line.state.name()).collect::<Vec<_>>()
    };
    // The log group says what it costs.
    assert_eq!(states(&written()), Vec::<&str>::new());
    assert_eq!(states(&json!({ "vpc": to("vpc"), "bucket": to("bucket") })), ["unpriced"]);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_there_already_is_said_in_an_answer_that_is_a_success() {
    let stage = Stage::new().await;
    let example = examples().swap_remove(0);
    let mut stack = example.stack(&written());
    stage.settle(&stack).await;
    stack.push(crate::stage::wanted("second", "flow-log", written()));
    let outcome = stage.try_apply(&stack).await;
    let [(address, error)] = &outcome.failed[..] else { panic!("{outcome:?}") };
    assert_eq!((address.as_str(), error.class), ("second", ErrorClass::Exists));
    assert!(error.is("FlowLogAlreadyExists"), "{error:?}");
    stack.retain(|w| w.address.as_str() != IT);
    stage.settle(&stack).await;
}
