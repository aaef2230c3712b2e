//! vpc-endpoint: examples, life, prices, what EC2 refuses, and names and interfaces that are held.
use super::{Nameless, codes, monthly};
use crate::{
    crash_lives::{self, Life},
    examples::{Example, IT, in_place, replace},
    stage::{Stage, wanted},
};
use dlinfra::{aws::ErrorClass, plan::Wanted};
use serde_json::{Value, json};

pub(crate) const OWN: Nameless = Nameless { kind: "vpc-endpoint", examples, life };

fn to(address: &str) -> Value {
    json!({ "$ref": address })
}

fn gateway(fields: &Value) -> Value {
    let mut out = json!({ "vpc": to("vpc"), "service": "s3", "route_tables": [to("table")] });
    out.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    out
}

fn interface(fields: &Value) -> Value {
    let mut out = json!({ "vpc": to("vpc"), "service": "ssm", "subnets": [to("a")], "security_groups": [to("group")] });
    out.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    out
}

fn policy() -> Value {
    json!({ "Statement": { "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*" } })
}

fn examples() -> Vec<Example> {
    let gateways = Example {
        kind: "vpc-endpoint",
        needs: &["vpc", "other-vpc", "table", "other-table", "far-table", "a", "group"],
        spec: gateway(&json!({})),
        changes: vec![
            in_place("route_tables", json!({ "route_tables": [to("other-table"), to("table")] })),
            in_place("policy", json!({ "policy": policy() })),
            in_place("route_tables", json!({ "route_tables": [to("other-table")] })),
            in_place("policy", json!({ "policy": null })),
            replace("service", json!({ "service": "dynamodb" })),
            replace("vpc", json!({ "vpc": to("other-vpc"), "route_tables": [to("far-table")] })),
            replace(
                "type",
                json!({ "type": "interface", "service": "s3", "vpc": to("vpc"), "route_tables": [], "subnets": [to("a")],
                    "security_groups": [to("group")] }),
            ),
        ],
        silent: &[],
    };
    let interfaces = Example {
        kind: "vpc-endpoint",
        needs: &["vpc", "a", "c", "group", "other-group"],
        spec: interface(&json!({})),
        changes: vec![
            in_place("subnets", json!({ "subnets": [to("a"), to("c")] })),
            in_place("security_groups", json!({ "security_groups": [to("group"), to("other-group")] })),
            in_place("security_groups", json!({ "security_groups": [to("other-group")] })),
            in_place("private_dns", json!({ "private_dns": false })),
            in_place("private_dns", json!({ "private_dns": null })),
            in_place("subnets", json!({ "subnets": [to("c")] })),
        ],
        silent: &[],
    };
    vec![gateways, interfaces]
}

fn life() -> Life {
    let changes = [
        ("update", json!({ "subnets": [to("a"), to("c")], "private_dns": false })),
        ("extend", json!({})),
        ("replace", json!({ "service": "ssmmessages" })),
    ];
    crash_lives::life("vpc-endpoint", 1, &json!({}), &changes)
}

#[test]
fn what_ec2_refuses_is_found_beforehand() {
    let codes = |spec: Value| codes("vpc-endpoint", &spec);
    let none = Vec::<&str>::new();
    for service in ["ssm", "ecr.api", "com.amazonaws.vpce.us-east-1.vpce-svc-0123", "aws.sagemaker.us-east-1.studio"] {
        assert_eq!(codes(interface(&json!({ "service": service }))), none, "{service}");
    }
    for service in ["", "s s m", "com.amazonaws.us-east-1.ssm", "com.amazonaws.ssm"] {
        assert_eq!(codes(interface(&json!({ "service": service }))), ["DL2201"], "{service}");
    }
    assert_eq!(codes(gateway(&json!({}))), none);
    assert_eq!(codes(gateway(&json!({ "service": "ssm", "type": "gateway" }))), ["DL2202"]);
    assert_eq!(codes(gateway(&json!({ "subnets": [to("a")] }))), ["DL2202"]);
    assert_eq!(codes(gateway(&json!({ "route_tables": [] }))), ["DL2203"]);
    assert_eq!(codes(interface(&json!({ "route_tables": [to("table")] }))), ["DL2202"]);
    assert_eq!(codes(interface(&json!({ "subnets": [], "security_groups": [] }))), ["DL2203", "DL2203"]);
    assert_eq!(codes(gateway(&json!({ "policy": { "Statement": [] } }))), ["DL2204"]);
}

#[test]
fn interfaces_cost_by_the_zone_and_gateways_nothing() {
    // 730 × 0.01 for each zone, and 100 GB at 0.01.
    assert_eq!(monthly("vpc-endpoint", &interface(&json!({}))), "8.3");
    assert_eq!(monthly("vpc-endpoint", &interface(&json!({ "subnets": [to("a"), to("c")] }))), "15.6");
    assert_eq!(monthly("vpc-endpoint", &gateway(&json!({}))), "0");
}

/// The example's network with these endpoints.
fn stack(endpoints: &[(&str, Value)]) -> Vec<Wanted> {
    let example = examples().swap_remove(1);
    let mut out = example.stack(&example.spec);
    out.retain(|w| w.address.as_str() != IT);
    out.extend(endpoints.iter().map(|(address, spec)| wanted(address, "vpc-endpoint", spec.clone())));
    out
}

#[tokio::test(start_paused = true)]
async fn a_second_endpoint_of_the_same_private_name_is_refused() {
    let stage = Stage::new().await;
    stage.settle(&stack(&[(IT, interface(&json!({})))])).await;
    let both = |fields| stack(&[(IT, interface(&json!({}))), ("second", interface(&fields))]);
    let outcome = stage.try_apply(&both(json!({ "subnets": [to("c")] }))).await;
    let [(_, error)] = &outcome.failed[..] else { panic!("{outcome:?}") };
    assert!(error.is("InvalidParameter") && error.message.contains("conflicting DNS domain"), "{error:?}");
    assert_eq!(error.class, ErrorClass::Invalid);
    stage.settle(&both(json!({ "private_dns": false }))).await;
}

/// Its interfaces hold subnets and security groups until AWS has taken them away.
#[tokio::test(start_paused = true)]
async fn what_its_interfaces_stand_in_goes_after_them() {
    let stage = Stage::new().await;
    let wanted = stack(&[(IT, interface(&json!({ "subnets": [to("a"), to("c")] })))]);
    let made = stage.settle(&wanted).await;
    let live = made.live.values().find(|live| live.id.starts_with("vpce-")).unwrap();
    assert_eq!(live.outputs["network_interfaces"].as_array().unwrap().len(), 2);
    assert!(live.outputs["dns_names"][0].as_str().unwrap().contains(".ssm.us-east-1.vpce."), "{:?}", live.outputs);
    let began = stage.clock.now();
    stage.settle(&[]).await;
    assert!(stage.clock.now().duration_since(began).as_secs() >= 120);
    assert_eq!(stage.left().await, Vec::<String>::new());
}

/// Whatever AWS writes into the policy of an endpoint without one, it is no difference.
#[tokio::test(start_paused = true)]
async fn a_policy_that_lets_everything_through_is_none() {
    let stage = Stage::new().await;
    let open = json!({ "Statement": { "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*" } });
    let stack = |fields: &Value| {
        let example = examples().swap_remove(0);
        example.stack(&gateway(fields))
    };
    stage.settle(&stack(&json!({ "policy": open }))).await;
    assert!(stage.plan(&stack(&json!({}))).await.is_empty());
    stage.settle(&stack(&json!({ "policy": policy() }))).await;
    assert_eq!(stage.plan(&stack(&json!({ "policy": open }))).await.summary.update, 1);
}
