//! Rules of VPC endpoints: names, routes and zones that two of them would want.
use super::{Findings, Rule, Stack, view::Item};
use crate::{
    diagnostic::{Code, Severity},
    kinds::{
        VpcEndpoint,
        vpc_endpoint::Type::{self, Gateway, Interface},
    },
};
use std::collections::BTreeMap;

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: Code {
            code: "DL0275",
            title: "Two endpoints for one private name",
            explain: "With `private_dns` the name of a service resolves to one interface endpoint in the whole VPC. AWS \
                      refuses a second one (`InvalidParameter`: there is already a conflicting DNS domain). Give one \
                      endpoint all the subnets, or write `private_dns: false` and let programs use the other's own \
                      names.",
        },
        severity: Severity::Error,
        check: private_names,
    },
    Rule {
        code: Code {
            code: "DL0276",
            title: "Two interfaces of an endpoint in one zone",
            explain: "An interface endpoint has at most one subnet in each zone; AWS refuses a second one \
                      (`DuplicateSubnetsInSameZone`). Machines in other subnets of the zone use it as well.",
        },
        severity: Severity::Error,
        check: zones,
    },
    Rule {
        code: Code {
            code: "DL0277",
            title: "Two routes of a table to one service",
            explain: "A route table has at most one route to S3 and one to DynamoDB. AWS refuses a second gateway \
                      endpoint there (`RouteAlreadyExists`). Name all tables in one endpoint.",
        },
        severity: Severity::Error,
        check: routes,
    },
    Rule {
        code: Code {
            code: "DL0278",
            title: "Private DNS name in a VPC without DNS",
            explain: "`private_dns` changes what the VPC's own DNS server answers, so the VPC needs `dns_support` and \
                      `dns_hostnames`; AWS refuses the endpoint otherwise.",
        },
        severity: Severity::Error,
        check: without_dns,
    },
];

fn of_type<'a>(stack: &Stack<'a>, class: Type) -> impl Iterator<Item = Item<'a, VpcEndpoint>> {
    stack.all::<VpcEndpoint>().filter(move |endpoint| endpoint.class() == class)
}

fn private_names(stack: &Stack<'_>, found: &mut Findings<'_>) {
    let mut first = BTreeMap::new();
    for endpoint in of_type(stack, Interface).filter(|endpoint| endpoint.private_dns) {
        // The same id is the same VPC, also of one outside the stack.
        let place = (endpoint.fields.vpc.to_string(), endpoint.fields.service.as_str());
        if let Some(other) = first.get(&place).copied() {
            let other: Item<'_, VpcEndpoint> = other;
            let summary =
                format!("{} and {} both take the name of {}", other.address(), endpoint.address(), endpoint.service);
            let help = "write `private_dns: false`, or one endpoint with the subnets of both";
            found.with(endpoint.resource, "service", summary, help, Some((other.resource, "service", "the other one")));
        } else {
            first.insert(place, endpoint);
        }
    }
}

fn zones(stack: &Stack<'_>, found: &mut Findings<'_>) {
    for endpoint in of_type(stack, Interface) {
        let mut first = BTreeMap::new();
        for subnet in &endpoint.subnets {
            let Some(zone) = stack.zone(subnet) else { continue };
            if let Some(other) = first.insert(zone, subnet) {
                let summary = format!("{other} and {subnet} are both in {zone}");
                found.at(endpoint.resource, "subnets", summary, "name one subnet of each zone");
            }
        }
    }
}

fn routes(stack: &Stack<'_>, found: &mut Findings<'_>) {
    let mut first: BTreeMap<_, Item<'_, VpcEndpoint>> = BTreeMap::new();
    for endpoint in of_type(stack, Gateway) {
        for table in &endpoint.fields.route_tables {
            let other = *first.entry((table.to_string(), endpoint.fields.service.as_str())).or_insert(endpoint);
            if other.address() != endpoint.address() {
                let summary = format!("{table} has a route to {} already, of {}", endpoint.service, other.address());
                let help = "name each table in one endpoint of the service";
                let related = Some((other.resource, "route_tables", "the other one"));
                found.with(endpoint.resource, "route_tables", summary, help, related);
            }
        }
    }
}

fn without_dns(stack: &Stack<'_>, found: &mut Findings<'_>) {
    for endpoint in of_type(stack, Interface).filter(|endpoint| endpoint.private_dns) {
        let Some(vpc) = stack.follow(&endpoint.vpc) else { continue };
        let off = [(vpc.dns_support, "dns_support"), (vpc.dns_hostnames, "dns_hostnames")];
        if let Some((_, field)) = off.into_iter().find(|(on, _)| !on) {
            let summary = format!("{} has no `{field}`, so no private name works in it", vpc.address());
            let help = format!("remove `{field}: false` there, or write `private_dns: false` here");
            found.with(endpoint.resource, "private_dns", summary, help, Some((vpc.resource, field, "switched off")));
        }
    }
}
