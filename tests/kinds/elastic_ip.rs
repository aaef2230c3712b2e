//! elastic-ip: example, life, price, and NAT gateways that use one.
use super::{Nameless, codes, monthly};
use crate::{
    crash_lives::{self, Life},
    examples::{Example, IT, change},
    stage::{Stage, wanted},
};
use dlinfra::plan::{Action, ChangeClass, Wanted};
use serde_json::{Value, json};

pub(crate) const OWN: Nameless = Nameless { kind: "elastic-ip", examples, life };

fn examples() -> Vec<Example> {
    // The sandbox has no pool of anybody.
    let pool = json!({ "pool": "ipv4pool-ec2-0123456789abcdef0" });
    let changes = vec![change("pool", pool, ChangeClass::Replace, false)];
    vec![Example { kind: "elastic-ip", needs: &[], spec: json!({}), changes, silent: &[] }]
}

fn life() -> Life {
    crash_lives::life("elastic-ip", 0, &json!({}), &[("extend", json!({}))])
}

#[test]
fn an_address_costs_by_the_hour_and_one_of_your_own_nothing() {
    let own = json!({ "pool": "ipv4pool-ec2-0123456789abcdef0" });
    assert_eq!(codes("elastic-ip", &own), Vec::<&str>::new());
    assert_eq!(codes("elastic-ip", &json!({ "pool": "amazon" })), ["DL2401"]);
    // 730 × 0.005
    assert_eq!(monthly("elastic-ip", &json!({})), "3.65");
    assert_eq!(monthly("elastic-ip", &own), "0");
    let nat = |spec: &Value| monthly("nat-gateway", spec);
    let (to, address) = (json!({ "$ref": "a" }), json!({ "$ref": IT }));
    // The address of another resource is paid for there.
    assert_eq!(nat(&json!({ "subnet": to })), "41");
    assert_eq!(nat(&json!({ "subnet": to, "elastic_ip": address })), "37.35");
}

fn stack(subnet: &str, shared: bool) -> Vec<Wanted> {
    let to = |address: &str| json!({ "$ref": address });
    let mut nat = json!({ "subnet": to(subnet), "internet_gateway": to("igw") });
    if shared {
        nat["elastic_ip"] = to(IT);
    }
    let part = |cidr: &str| json!({ "vpc": to("vpc"), "cidr": cidr, "zone": "us-east-1a" });
    vec![
        wanted("vpc", "vpc", json!({ "cidr": "10.0.0.0/16" })),
        wanted("igw", "internet-gateway", json!({ "vpc": to("vpc") })),
        wanted("a", "subnet", part("10.0.16.0/20")),
        wanted("b", "subnet", part("10.0.32.0/20")),
        wanted(IT, "elastic-ip", json!({})),
        wanted("nat", "nat-gateway", nat),
    ]
}

#[tokio::test(start_paused = true)]
async fn an_address_stays_when_its_nat_gateway_is_replaced() {
    let stage = Stage::new().await;
    let addresses = || stage.sandbox.objects().iter().filter(|o| o.kind == "ec2/elastic-ip" && o.is_live()).count();
    let made = stage.settle(&stack("a", true)).await;
    let of = |outcome: &dlinfra::apply::Outcome, address: &str| {
        outcome.live[&dlinfra::address::Address::parse(address).unwrap()].outputs["public_ip"].clone()
    };
    assert_eq!(of(&made, IT), of(&made, "nat"));
    assert_eq!(addresses(), 1);
    let moved = stage.settle(&stack("b", true)).await;
    assert_eq!(of(&made, IT), of(&moved, "nat"));
    assert_eq!(addresses(), 1);
    // An address of its own is another one, which takes another gateway.
    let plan = stage.plan(&stack("b", false)).await;
    let step = plan.steps.iter().find(|s| s.address.as_str() == "nat").unwrap();
    assert_eq!(step.action, Action::Replace);
    stage.settle(&stack("b", false)).await;
    assert_eq!(addresses(), 2);
    stage.settle(&stack("b", true)).await;
    assert_eq!(addresses(), 1);
    stage.settle(&[]).await;
    assert_eq!((addresses(), stage.left().await), (0, Vec::<String>::new()));
}
