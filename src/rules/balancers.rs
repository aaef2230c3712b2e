//! Rules of load balancers: zones, and what crosses the internet.
use super::{Findings, Rule, Stack};
use crate::{
    diagnostic::{Code, Severity},
    kinds::LoadBalancer,
};
use std::collections::BTreeMap;

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: Code {
            code: "DL0251",
            title: "Subnets of a load balancer in one zone",
            explain: "A load balancer takes one subnet of each zone, and an application load balancer stands in two zones \
                      at least, whatever zones its targets are in. Add a small subnet in another zone.",
        },
        severity: Severity::Error,
        check: zones,
    },
    Rule {
        code: Code {
            code: "DL0252",
            title: "HTTP without TLS over the internet",
            explain: "What reaches an internet-facing load balancer has crossed networks of others. With `http`, everybody \
                      on the way reads requests, tokens and answers. Use `https` with a certificate, or keep the load \
                      balancer internal.",
        },
        severity: Severity::Warning,
        check: in_the_clear,
    },
];

fn zones(stack: &Stack<'_>, found: &mut Findings<'_>) {
    for balancer in stack.all::<LoadBalancer>() {
        let mut first = BTreeMap::new();
        for subnet in &balancer.subnets {
            let Some(zone) = stack.zone(subnet) else { continue };
            if let Some(other) = first.insert(zone, subnet) {
                let summary = format!("{other} and {subnet} are both in {zone}");
                found.at(balancer.resource, "subnets", summary, "name one subnet of each zone, and two zones or more");
            }
        }
    }
}

fn in_the_clear(stack: &Stack<'_>, found: &mut Findings<'_>) {
    for balancer in stack.all::<LoadBalancer>() {
        for port in balancer.ports_in_the_clear() {
            let summary = format!("everybody on the way can read what comes in at port {port}");
            found.at(balancer.resource, "listeners", summary, "use `https` with a certificate, or `scheme: internal`");
        }
    }
}
