//! A life for each kind: made, changed, replaced or rolled, removed, on top of the parents that it needs.
use crate::{
    examples::{self, Example, IT, merged},
    kinds,
};
use dlinfra::{plan::Wanted, units::Span};
use serde_json::{Value, json};

/// What no file may hold: it goes into a boot script, which AWS gets and nobody else.
pub(crate) const SECRET: &str = "hunter2-is-not-for-files";

/// The life of one resource.
pub(crate) struct Life {
    pub(crate) kind: &'static str,
    /// Made before the life begins.
    pub(crate) parents: Vec<Wanted>,
    /// Each a process of its own: what it is called, and what it brings about.
    pub(crate) commands: Vec<(&'static str, Vec<Wanted>)>,
}

impl Life {
    /// How long the stack may live when this command is given: longer from `extend` on.
    pub(crate) fn ttl(&self, command: &str) -> Span {
        let at = |name: &str| self.commands.iter().position(|(n, _)| *n == name);
        let extended = at("extend").is_some_and(|extend| at(command) >= Some(extend));
        Span::from_hours(if extended { 96 } else { 72 })
    }
}

/// The example of a kind with these values on top, and its changes one after the other.
pub(crate) fn life(kind: &'static str, example: usize, first: &Value, changes: &[(&'static str, Value)]) -> Life {
    let example: Example = examples::of(kind).into_iter().nth(example).unwrap();
    let mut spec = merged(&example.spec, first);
    let mut commands = vec![("create", example.stack(&spec))];
    for (name, patch) in changes {
        spec = merged(&spec, patch);
        commands.push((name, example.stack(&spec)));
    }
    commands.push(("destroy", Vec::new()));
    let parents = example.stack(&spec).into_iter().filter(|w| w.address.as_str() != IT).collect();
    Life { kind, parents, commands }
}

fn to(address: &str) -> Value {
    json!({ "$ref": address })
}

/// Every kind's life.
pub(crate) fn of(kind: &str) -> Life {
    let boot = |what: &str| json!({ "script": format!("#!/bin/sh\nexport TOKEN={SECRET}\necho {what}\n") });
    match kind {
        "vpc" => life(
            "vpc",
            0,
            &json!({ "dns_hostnames": false }),
            &[
                ("update", json!({ "dns_hostnames": true, "dns_support": true })),
                ("extend", json!({})),
                ("replace", json!({ "cidr": "10.1.0.0/16" })),
            ],
        ),
        "subnet" => life(
            "subnet",
            0,
            &json!({}),
            &[
                ("update", json!({ "public": true })),
                ("extend", json!({})),
                ("replace", json!({ "cidr": "10.0.1.0/24" })),
            ],
        ),
        "internet-gateway" => life("internet-gateway", 0, &json!({}), &[("update", json!({ "vpc": to("other-vpc") }))]),
        "nat-gateway" => life("nat-gateway", 0, &json!({}), &[("replace", json!({ "subnet": to("b") }))]),
        "route-table" => life(
            "route-table",
            0,
            &json!({ "routes": [{ "to": "0.0.0.0/0", "internet_gateway": to("igw") }] }),
            &[("update", json!({ "subnets": [to("b")], "routes": [] }))],
        ),
        "security-group" => life(
            "security-group",
            0,
            &json!({}),
            &[(
                "update",
                json!({ "ingress": [{ "protocol": "tcp", "ports": "22", "cidr": "10.0.0.0/8" },
                    { "protocol": "all", "self": true }], "egress": [] }),
            )],
        ),
        "iam-role" => life(
            "iam-role",
            0,
            &json!({ "instance_profile": true, "managed_policies": ["AmazonSSMManagedInstanceCore"] }),
            &[(
                "update",
                json!({ "policies": { "read": { "Statement": { "Effect": "Allow", "Action": "s3:GetObject",
                    "Resource": "*" } } }, "managed_policies": [], "instance_profile": false }),
            )],
        ),
        "bucket" => life(
            "bucket",
            0,
            &json!({}),
            &[(
                "update",
                json!({ "versioning": false, "lifecycle": [{ "prefix": "logs/", "expire": "30d" }],
                    "policy": { "Statement": { "Effect": "Allow", "Principal": { "AWS": "000000000000" },
                        "Action": "s3:GetObject" } } }),
            )],
        ),
        "fsx-lustre" => life(
            "fsx-lustre",
            2,
            &json!({ "repositories": [{ "path": "/data", "bucket": to("bucket"), "export": ["new", "changed"] }],
                "backup_days": 0 }),
            &[("update", json!({ "throughput": "500 MB/s/TiB", "repositories": [] }))],
        ),
        "instance-group" => life(
            "instance-group",
            0,
            &json!({ "count": 1, "placement": "cluster", "role": to("role"), "boot": boot("one") }),
            &[
                ("grow", json!({ "count": 2 })),
                ("roll", json!({ "boot": boot("two") })),
                ("empty", json!({ "count": 0 })),
            ],
        ),
        other => kinds::life(other).unwrap_or_else(|| panic!("{other} has no life")),
    }
}
