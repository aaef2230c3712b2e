//! What holds for every stack: what was applied needs nothing more, plans are deterministic, and a teardown that knows
//! only the live objects goes against the edges of the blueprint.
use crate::stage::{Stage, text, wanted};
use dlinfra::{
    journal::MemoryBackend,
    plan::{Operation, Plan, Wanted},
    spec,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::Arc;

fn to(address: &str) -> Value {
    json!({ "$ref": address })
}

/// A random network: what it has, and what points at what.
#[derive(Debug, Clone)]
struct Shape {
    gateway: bool,
    /// By subnet: public, and which route table it uses (beyond the last = none).
    subnets: Vec<(bool, usize)>,
    tables: usize,
    /// Which group lets which in; `(1, 1)` is itself, `(0, 1)` and `(1, 0)` are mutual.
    groups: usize,
    rules: Vec<(usize, usize)>,
    buckets: usize,
    /// The order in which everything is written.
    order: Vec<u16>,
}

fn shapes() -> impl Strategy<Value = Shape> {
    let subnets = prop::collection::vec((any::<bool>(), 0..3_usize), 0..4);
    let rules = prop::collection::vec((0..4_usize, 0..4_usize), 0..8);
    let order = prop::collection::vec(any::<u16>(), 16);
    (any::<bool>(), subnets, 0..3_usize, 0..5_usize, rules, 0..3_usize, order).prop_map(
        |(gateway, subnets, tables, groups, rules, buckets, order)| Shape {
            gateway,
            subnets,
            tables,
            groups,
            rules,
            buckets,
            order,
        },
    )
}

impl Shape {
    fn wanted(&self) -> Vec<Wanted> {
        let mut out = vec![wanted("vpc", "vpc", json!({ "cidr": "10.0.0.0/16" }))];
        if self.gateway {
            out.push(wanted("gateway", "internet-gateway", json!({ "vpc": to("vpc") })));
        }
        for (i, (public, _)) in self.subnets.iter().enumerate() {
            let cidr = format!("10.0.{i}.0/24");
            let subnet = json!({ "vpc": to("vpc"), "cidr": cidr, "zone": "us-east-1a", "public": public });
            out.push(wanted(&format!("subnet/{i}"), "subnet", subnet));
        }
        for table in 0..self.tables {
            let users = self.subnets.iter().enumerate().filter(|(_, s)| s.1 == table);
            let users: Vec<Value> = users.map(|(i, _)| to(&format!("subnet/{i}"))).collect();
            let route = json!({ "to": "0.0.0.0/0", "internet_gateway": to("gateway") });
            let routes = if self.gateway { vec![route] } else { Vec::new() };
            let spec = json!({ "vpc": to("vpc"), "subnets": users, "routes": routes });
            out.push(wanted(&format!("table/{table}"), "route-table", spec));
        }
        for group in 0..self.groups {
            let mut rules: Vec<Value> = Vec::new();
            for (_, from) in self.rules.iter().filter(|(g, from)| *g == group && *from < self.groups) {
                let rule = match group == *from {
                    true => json!({ "protocol": "all", "self": true }),
                    false => json!({ "protocol": "all", "source": to(&format!("group/{from}")) }),
                };
                if !rules.contains(&rule) {
                    rules.push(rule);
                }
            }
            let spec = json!({ "vpc": to("vpc"), "ingress": rules });
            out.push(wanted(&format!("group/{group}"), "security-group", spec));
        }
        for bucket in 0..self.buckets {
            out.push(wanted(&format!("bucket/{bucket}"), "bucket", json!({})));
        }
        let mut keyed: Vec<_> = out.into_iter().enumerate().map(|(i, w)| (self.order.get(i).copied(), i, w)).collect();
        keyed.sort_by_key(|(key, i, _)| (*key, *i));
        keyed.into_iter().map(|(_, _, w)| w).collect()
    }
}

/// Everything that a plan says, in the order in which it would be done.
fn bytes(plan: &Plan) -> String {
    let parents: Vec<&[usize]> = (0..plan.tasks.len()).map(|n| plan.dag.parents(n)).collect();
    format!("{}{:?}{parents:?}{:?}{}", text(plan), plan.tasks, plan.critical_path, plan.expected_seconds)
}

/// For each edge of the blueprint that orders creation: the child goes before its parent.
fn assert_against_edges(wanted: &[Wanted], plan: &Plan) {
    let removal = |address: &str| {
        let of = |t: &dlinfra::plan::Task| plan.steps[t.step].address.as_str() == address;
        plan.tasks.iter().position(|t| t.operation == Operation::Remove && of(t)).unwrap()
    };
    for child in wanted {
        for (field, parent) in spec::references(&child.spec) {
            if !child.kind.about().late.contains(&field.as_str()) {
                let (first, then) = (removal(child.address.as_str()), removal(&parent));
                assert!(plan.dag.reaches(first, then), "{} before {parent}:\n{}", child.address, text(plan));
            }
        }
    }
}

async fn holds(shape: Shape) {
    let mut stage = Stage::new().await;
    let all = shape.wanted();
    let (first, second) = (stage.plan(&all).await, stage.plan(&all).await);
    assert_eq!(bytes(&first), bytes(&second), "a plan is the same twice");
    assert_eq!(first.summary.create, all.len());
    stage.settle(&all).await;

    let known = stage.plan(&[]).await;
    assert_eq!(known.summary.delete, all.len());
    assert_against_edges(&all, &known);
    // Neither the blueprint nor the journal: the live objects say everything.
    stage.backend = Arc::new(MemoryBackend::new());
    let found = stage.plan(&[]).await;
    assert_eq!(bytes(&found), bytes(&known), "a teardown without a journal is the same");
    stage.apply(&[]).await;
    assert_eq!(stage.left().await, Vec::<String>::new());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]
    #[test]
    fn every_stack_settles_and_goes(shape in shapes()) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().start_paused(true).build().unwrap().block_on(holds(shape));
    }
}
