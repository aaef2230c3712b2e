//! Every rule has an explanation and a failing example; a clean stack and an unknown one give nothing. One file: the examples
//! are changes of one good stack.
use super::{Allow, Resource, RuleInput, Stack, check, over, rules};
use crate::{
    diagnostic::{Diagnostics, Places, Severity},
    kind::Fields,
    kinds::KINDS,
};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A network, a Lustre cache and a cluster as the modules make them.
fn good() -> Value {
    let all = json!({ "protocol": "all", "self": true });
    let lustre = |ports: &str, from: Value| {
        let mut rule = json!({ "protocol": "tcp", "ports": ports });
        rule.as_object_mut().unwrap().extend(from.as_object().unwrap().clone());
        rule
    };
    let clients = json!({ "source": { "$ref": "nodes" } });
    let itself = json!({ "self": true });
    json!({
        "vpc": { "kind": "vpc", "cidr": "10.0.0.0/16" },
        "igw": { "kind": "internet-gateway", "vpc": { "$ref": "vpc" } },
        "public": { "kind": "subnet", "vpc": { "$ref": "vpc" }, "cidr": "10.0.240.0/24", "zone": "us-east-1a" },
        "private": { "kind": "subnet", "vpc": { "$ref": "vpc" }, "cidr": "10.0.0.0/20", "zone": "us-east-1a" },
        "out": {
            "kind": "route-table", "vpc": { "$ref": "vpc" }, "subnets": [{ "$ref": "public" }],
            "routes": [{ "to": "0.0.0.0/0", "internet_gateway": { "$ref": "igw" } }]
        },
        "nat": { "kind": "nat-gateway", "subnet": { "$ref": "public" } },
        "in": {
            "kind": "route-table", "vpc": { "$ref": "vpc" }, "subnets": [{ "$ref": "private" }],
            "routes": [{ "to": "0.0.0.0/0", "nat_gateway": { "$ref": "nat" } }]
        },
        "nodes": { "kind": "security-group", "vpc": { "$ref": "vpc" }, "ingress": [all.clone()], "egress": [all] },
        "lustre": {
            "kind": "security-group", "vpc": { "$ref": "vpc" },
            "ingress": [
                lustre("988", itself.clone()), lustre("1018-1023", itself),
                lustre("988", clients.clone()), lustre("1018-1023", clients)
            ]
        },
        "cache": {
            "kind": "fsx-lustre", "subnet": { "$ref": "private" }, "security_groups": [{ "$ref": "lustre" }],
            "size": "9600 GiB", "throughput": "500 MB/s/TiB"
        },
        "role": { "kind": "iam-role", "trust": ["ec2.amazonaws.com"], "instance_profile": true },
        "train": {
            "kind": "instance-group", "instance_type": "p5.48xlarge", "count": 4, "subnet": { "$ref": "private" },
            "image": "dlami-base-ubuntu-22.04", "role": { "$ref": "role" },
            "interfaces": { "layout": "ip", "security_groups": [{ "$ref": "nodes" }] },
            "boot": { "script": "#!/bin/bash\n", "env": { "MOUNT": { "$ref": "cache", "attr": "mount" } } }
        }
    })
}

struct Run<'a> {
    tags: BTreeMap<String, String>,
    has_ttl: bool,
    owner: Option<&'a str>,
    allow: &'a [Allow<'a>],
}

/// Address, kind and spec, and its fields if it has the shape of its kind.
type Part = (String, String, Value, Option<Box<Fields>>);

fn parts(stack: &Value) -> Vec<Part> {
    let split = |(address, fields): (&String, &Value)| {
        let mut fields: Map<String, Value> = fields.as_object().unwrap().clone();
        let kind = fields.remove("kind").unwrap().as_str().unwrap().to_owned();
        let spec = Value::Object(fields);
        let checked = KINDS.iter().find(|k| k.name() == kind).unwrap().checked(&spec);
        (address.clone(), kind, spec, checked.ok().map(|checked| checked.fields))
    };
    stack.as_object().unwrap().iter().map(split).collect()
}

fn resource<'a>((address, kind, spec, fields): &'a Part, spans: &'a Places, allow: &'a [Allow<'a>]) -> Resource<'a> {
    Resource { address, kind, spec, fields: fields.as_deref(), spans, allow }
}

fn run(stack: &Value, with: &Run<'_>) -> Diagnostics {
    let parts = parts(stack);
    let spans = Places::default();
    let resources: Vec<Resource<'_>> = parts.iter().map(|part| resource(part, &spans, with.allow)).collect();
    check(&RuleInput {
        region: "us-east-1",
        has_ttl: with.has_ttl,
        owner: with.owner,
        tags: &with.tags,
        resources: &resources,
        allow: &[],
        spans: &spans,
    })
}

fn plain(stack: &Value) -> Diagnostics {
    run(stack, &Run { tags: BTreeMap::new(), has_ttl: true, owner: None, allow: &[] })
}

/// The stack with changes: a path of two steps to a value; null removes.
fn with(changes: &[(&str, &str, Value)]) -> Value {
    let mut stack = good();
    for (address, field, value) in changes {
        let resource = stack.as_object_mut().unwrap().entry(*address).or_insert_with(|| json!({}));
        let mut at = resource;
        let steps: Vec<&str> = field.split('.').collect();
        for step in &steps[..steps.len() - 1] {
            at = at.get_mut(*step).unwrap();
        }
        let last = steps[steps.len() - 1];
        match value.is_null() {
            true => drop(at.as_object_mut().unwrap().remove(last)),
            false => drop(at.as_object_mut().unwrap().insert(last.to_owned(), value.clone())),
        }
    }
    stack
}

/// A failing example for each rule that looks at resources.
fn failing() -> Vec<(&'static str, Value)> {
    let tcp988 = json!([{ "protocol": "tcp", "ports": "988", "cidr": "10.0.0.0/16" }, { "protocol": "tcp", "ports": "988", "self": true }]);
    let second = |changes: &[(&str, Value)]| {
        let mut other = good()["train"].clone();
        for (key, value) in changes {
            other.as_object_mut().unwrap().insert((*key).to_owned(), value.clone());
        }
        other
    };
    let mut two_zones = with(&[("private2", "kind", json!("subnet"))]);
    two_zones["private2"] =
        json!({ "kind": "subnet", "vpc": { "$ref": "vpc" }, "cidr": "10.0.16.0/20", "zone": "us-east-1b" });
    two_zones["train2"] = second(&[("subnet", json!({ "$ref": "private2" }))]);
    let balanced = |scheme: &str, subnets: Value| {
        let group = json!({ "name": "api", "port": 80, "protocol": "http" });
        let mut stack = with(&[("balancer", "kind", json!("load-balancer"))]);
        stack["balancer"] = json!({ "kind": "load-balancer", "scheme": scheme, "subnets": subnets,
            "security_groups": [{ "$ref": "nodes" }], "target_groups": [group],
            "listeners": [{ "port": 80, "protocol": "http", "to": "api" }] });
        stack
    };
    let here = json!([{ "$ref": "public" }, { "$ref": "private" }]);
    vec![
        ("DL0251", balanced("internal", here.clone())),
        ("DL0252", balanced("internet-facing", here)),
        // The default egress rule does not cover EFA.
        ("DL0201", with(&[("nodes", "egress", json!([{ "protocol": "all", "cidr": "0.0.0.0/0" }]))])),
        ("DL0202", two_zones.clone()),
        ("DL0203", with(&[("train", "market", json!("capacity-block")), ("train", "placement", json!("cluster"))])),
        (
            "DL0203",
            with(&[
                ("train", "market", json!("capacity-block")),
                ("train", "placement_group", json!({ "$id": "pg-1" })),
            ]),
        ),
        ("DL0204", with(&[("train", "market", json!("capacity-block")), ("train", "count", json!(65))])),
        ("DL0205", with(&[("train", "instance_type", json!("g4dn.xlarge"))])),
        ("DL0206", good()),
        ("DL0207", with(&[("train", "count", json!(257))])),
        (
            "DL0208",
            with(&[(
                "train",
                "image",
                json!("/aws/service/deeplearning/ami/arm64/base-oss-nvidia-driver-gpu-ubuntu-22.04/latest/ami-id"),
            )]),
        ),
        ("DL0209", with(&[("train", "role", Value::Null)])),
        ("DL0211", with(&[("lustre", "ingress", tcp988)])),
        ("DL0212", two_zones),
        ("DL0213", with(&[("train", "count", json!(64))])),
        ("DL0221", with(&[("train", "subnet", json!({ "$ref": "public" }))])),
        ("DL0222", with(&[("in", "routes", json!([]))])),
        ("DL0223", with(&[("nat", "subnet", json!({ "$ref": "private" }))])),
        ("DL0224", with(&[("private", "cidr", json!("10.0.0.0/28")), ("train", "count", json!(12))])),
        ("DL0225", with(&[("private", "cidr", json!("10.1.0.0/20"))])),
        ("DL0226", with(&[("private", "zone", json!("us-west-2a"))])),
        ("DL0226", with(&[("private", "zone", json!("us-east-1z"))])),
        (
            "DL0246",
            with(&[
                ("b1", "kind", json!("bucket")),
                ("b1", "name", json!("data-1")),
                ("b2", "kind", json!("bucket")),
                ("b2", "name", json!("data-1")),
            ]),
        ),
        ("DL0247", with(&[("role", "instance_profile", json!(false))])),
        ("DL0248", with(&[("train", "reservation", json!("cr-0123"))])),
        ("DL0249", alarmed(&json!({ "namespace": "CWAgent", "name": "mem_used_percent" }))),
        ("DL0250", alarmed(&json!({ "namespace": "AWS/EC2", "name": "StatusCheckFailed" }))),
        ("DL0260", serving(&json!({ "variant": "other" }), &json!({}))),
        ("DL0260", serving(&json!({}), &json!({ "container": { "image": "x" } }))),
        ("DL0261", serving(&json!({ "resources": { "accelerators": 2, "memory": "1 GiB" } }), &json!({}))),
        ("DL0261", serving(&json!({ "resources": { "accelerators": 1, "memory": "16 GiB" } }), &json!({}))),
        ("DL0261", serving(&json!({ "resources": { "cpus": 5, "memory": "1 GiB" } }), &json!({}))),
        ("DL0263", serving(&json!({ "endpoint": { "$id": "elsewhere" } }), &json!({}))),
        ("DL0264", serving(&json!({ "container": { "image": "a/vllm:1" } }), &json!({}))),
        ("DL0265", serving(&json!({}), &json!({ "instance_type": "ml.g5.xlarg" }))),
        ("DL0270", sharing("cluster", ["private", "elsewhere"], 3)),
        ("DL0271", sharing("spread", ["private", "private"], 4)),
        ("DL0275", endpoints(&[("ssm", json!({})), ("more", json!({}))])),
        ("DL0276", endpoints(&[("ssm", json!({ "subnets": [{ "$ref": "private" }, { "$ref": "public" }] }))])),
        ("DL0277", endpoints(&[("s3", gateway("s3", "in")), ("more", gateway("s3", "in"))])),
        ("DL0278", {
            let mut stack = endpoints(&[("ssm", json!({}))]);
            stack["vpc"]["dns_hostnames"] = json!(false);
            stack
        }),
        ("DL0231", with(&[("train", "boot.env", json!({ "HF_TOKEN": "hf_abcdefghijklmnopqrstuvwxyz0123456789" }))])),
    ]
}

/// Two groups of machines in these subnets, which share a placement group.
fn sharing(strategy: &str, subnets: [&str; 2], count: u32) -> Value {
    let mut stack = good();
    stack["shared"] = json!({ "kind": "placement-group", "strategy": strategy });
    stack["elsewhere"] =
        json!({ "kind": "subnet", "vpc": { "$ref": "vpc" }, "cidr": "10.0.16.0/20", "zone": "us-east-1b" });
    for (name, subnet) in ["one", "two"].into_iter().zip(subnets) {
        let mut group = good()["train"].clone();
        let fields = json!({ "instance_type": "c5.large", "count": count, "subnet": { "$ref": subnet },
            "placement_group": { "$ref": "shared" }, "image": "al2023", "boot": null });
        group.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        stack[name] = group;
    }
    stack
}

#[test]
fn placement_groups_that_hold_their_machines_are_no_finding() {
    for fine in [
        sharing("cluster", ["private", "private"], 8),
        sharing("partition", ["private", "elsewhere"], 9),
        sharing("spread", ["private", "private"], 3),
        sharing("spread", ["private", "elsewhere"], 7),
        sharing("cluster", ["private", "elsewhere"], 0),
    ] {
        let found = codes(&plain(&fine));
        assert!(!found.contains("DL0270") && !found.contains("DL0271"), "{found:?}");
    }
}

/// The good stack, and endpoints for Systems Manager with other fields.
fn endpoints(all: &[(&str, Value)]) -> Value {
    let mut stack = good();
    for (name, fields) in all {
        let mut endpoint = json!({ "kind": "vpc-endpoint", "vpc": { "$ref": "vpc" }, "service": "ssm",
            "subnets": [{ "$ref": "private" }], "security_groups": [{ "$ref": "nodes" }] });
        endpoint.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        stack[*name] = endpoint;
    }
    stack
}

fn gateway(service: &str, table: &str) -> Value {
    json!({ "service": service, "subnets": [], "security_groups": [], "route_tables": [{ "$ref": table }] })
}

#[test]
fn endpoints_beside_each_other_are_no_finding() {
    let plain_name = ("more", json!({ "private_dns": false }));
    for fine in [
        endpoints(&[("ssm", json!({})), plain_name]),
        endpoints(&[("ssm", json!({})), ("more", json!({ "service": "ssmmessages" }))]),
        endpoints(&[("ssm", json!({})), ("more", json!({ "vpc": { "$id": "vpc-2" } }))]),
        endpoints(&[("s3", gateway("s3", "in")), ("more", gateway("s3", "out"))]),
        endpoints(&[("s3", gateway("s3", "in")), ("more", gateway("dynamodb", "in"))]),
    ] {
        assert_eq!(codes(&plain(&fine)), ["DL0206".to_owned()].into());
    }
}

/// The good stack, and an alarm on this metric.
fn alarmed(metric: &Value) -> Value {
    let mut stack = good();
    stack["watch"] =
        json!({ "kind": "alarm", "metric": metric, "comparison": "greater-than-threshold", "threshold": 1 });
    stack
}

/// Only what is published wakes an alarm up: by AWS's services, by the agents of the stack, by filters of its logs.
#[test]
fn alarms_watch_what_is_published() {
    let config = r#"{"metrics": {
        "namespace": "Nodes", "append_dimensions": {"InstanceId": "x", "InstanceType": "y"},
        "aggregation_dimensions": [["InstanceType"]],
        "metrics_collected": {
            "nvidia_gpu": {"measurement": ["utilization_gpu"]},
            "efa": {"measurement": ["rx_dropped"], "drop_original_metrics": ["efa_rx_dropped"]}
        }
    }}"#;
    let found = |namespace: &str, name: &str, dimensions: &[&str]| {
        let dimensions: Map<String, Value> = dimensions.iter().map(|name| ((*name).to_owned(), json!("x"))).collect();
        let mut stack = alarmed(&json!({ "namespace": namespace, "name": name, "dimensions": dimensions }));
        stack["train"]["boot"]["env"]["AGENT"] = json!(config);
        stack["log"] = json!({ "kind": "log-group", "metric_filters": [
            { "name": "a", "pattern": "x", "metric": "oops", "namespace": "Logs", "value": "1", "dimensions": { "Rank": "$.rank" } },
            { "name": "b", "pattern": "x", "metric": "all", "namespace": "Logs", "value": "1" }
        ] });
        codes(&plain(&stack)).into_iter().find(|code| matches!(code.as_str(), "DL0249" | "DL0250")).unwrap_or_default()
    };
    for (namespace, name, dimensions, expected) in [
        ("AWS/EC2", "StatusCheckFailed", &["InstanceId"][..], ""),
        ("AWS/EC2", "StatusCheckFailed", &["InstanceId", "InstanceType"], "DL0250"),
        ("AWS/EC2", "statusCheckFailed", &["InstanceId"], "DL0249"),
        ("AWS/EC2", "MetadataNoToken", &["InstanceId"], ""),
        ("AWS/FSx", "NetworkThroughputUtilization", &["FileSystemId"], "DL0250"),
        ("AWS/SageMaker", "InvocationModelError", &["EndpointName", "VariantName"], "DL0249"),
        ("AWS/SageMaker", "ApproximateBacklogSize", &["EndpointName", "VariantName"], "DL0250"),
        ("Nodes", "nvidia_smi_utilization_gpu", &["InstanceType"], ""),
        ("Nodes", "nvidia_smi_utilization_gpu", &["InstanceId"], "DL0250"),
        ("Nodes", "nvidia_smi_utilization_gpu", &["InstanceId", "InstanceType", "arch", "index", "name"], ""),
        ("Nodes", "efa_rx_dropped", &["InstanceId", "InstanceType", "device", "eniId", "port"], "DL0250"),
        ("Nodes", "nvidia_smi_power_draw", &["InstanceType"], "DL0249"),
        ("Logs", "oops", &["Rank"], ""),
        ("Logs", "oops", &[], "DL0250"),
        ("Logs", "all", &[], ""),
        ("Logs", "none", &[], "DL0249"),
        ("Mine", "whatever", &[], ""),
    ] {
        assert_eq!(found(namespace, name, dimensions), expected, "{namespace} {name} {dimensions:?}");
    }
}

/// An endpoint and a component on it, with other fields of the component and of the variant.
fn serving(component: &Value, variant: &Value) -> Value {
    let merged = |mut all: Value, more: &Value| {
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    let machines = merged(
        json!({ "name": "main", "instance_type": "ml.g5.xlarge", "managed_scaling": { "min": 0, "max": 2 } }),
        variant,
    );
    let it = json!({ "kind": "inference-component", "endpoint": { "$ref": "host" }, "variant": "main",
        "container": { "image": "a/serve:1" }, "resources": { "accelerators": 1, "memory": "4 GiB" } });
    json!({
        "host": { "kind": "sagemaker-endpoint", "role": { "$id": "r" }, "variants": [machines] },
        "it": merged(it, component),
    })
}

#[test]
fn components_that_fit_are_no_finding() {
    let none = |stack: &Value| assert_eq!(codes(&plain(stack)), BTreeSet::new());
    none(&serving(&json!({}), &json!({})));
    none(&serving(&json!({ "resources": { "accelerators": 1, "cpus": 4, "memory": "15 GiB" } }), &json!({})));
    let new = json!({ "ami_version": "al2-ami-sagemaker-inference-gpu-3-1" });
    none(&serving(&json!({ "container": { "image": "a/vllm:1" } }), &new));
    // What the catalogue does not know may have room for everything.
    let huge = json!({ "resources": { "accelerators": 64, "memory": "9999 GiB" } });
    let newer = plain(&serving(&huge, &json!({ "instance_type": "ml.x99.huge" })));
    assert_eq!(codes(&newer), ["DL0265".to_owned()].into());
    assert!(!newer.has_errors(), "AWS may have more types than this version knows");
}

#[test]
fn a_region_without_empty_endpoints_is_told() {
    let (spans, tags) = (Places::default(), BTreeMap::new());
    let parts = parts(&serving(&json!({}), &json!({})));
    let resources: Vec<Resource<'_>> = parts.iter().map(|part| resource(part, &spans, &[])).collect();
    let input = |region| RuleInput {
        region,
        has_ttl: true,
        owner: None,
        tags: &tags,
        resources: &resources,
        allow: &[],
        spans: &spans,
    };
    assert_eq!(codes(&check(&input("eu-west-3"))), ["DL0262".to_owned()].into());
    assert!(check(&input("eu-west-1")).is_empty());
}

fn codes(found: &Diagnostics) -> BTreeSet<String> {
    found.iter().map(|d| d.code.to_owned()).collect()
}

#[test]
fn every_rule_has_an_explanation_and_a_failing_example() {
    let mut shown: BTreeSet<String> = failing()
        .into_iter()
        .map(|(code, stack)| {
            // A price may be missing in another region only; this one is checked by region below.
            if code != "DL0205" {
                assert!(codes(&plain(&stack)).contains(code), "{code}: {:?}", plain(&stack));
            }
            code.to_owned()
        })
        .collect();
    shown.extend(["DL0232".to_owned(), "DL0233".to_owned(), "DL0245".to_owned(), "DL0262".to_owned()]);
    let all: Vec<&str> = rules().map(|r| r.code.code).collect();
    let sorted: BTreeSet<&str> = all.iter().copied().collect();
    assert_eq!(sorted.len(), all.len(), "codes are unique");
    for rule in rules() {
        assert!(rule.code.explain.len() > 80 && !rule.code.title.is_empty(), "{}", rule.code.code);
        assert!(shown.contains(rule.code.code), "{} has no failing example", rule.code.code);
    }
    assert_eq!(shown.len(), all.len());
}

#[test]
fn machines_that_do_not_work_together_need_no_efa() {
    let closed = ("nodes", "egress", json!([{ "protocol": "all", "cidr": "0.0.0.0/0" }]));
    let plain_interfaces = json!({ "layout": "plain", "security_groups": [{ "$ref": "nodes" }] });
    let found = codes(&plain(&with(&[closed, ("train", "interfaces", plain_interfaces)])));
    assert!(!found.contains("DL0201"), "{found:?}");
}

#[test]
fn a_clean_stack_has_no_findings_but_the_note_on_quotas() {
    let found = plain(&good());
    assert_eq!(codes(&found), ["DL0206".to_owned()].into(), "{found}");
    assert_eq!(found.count(Severity::Note), 1);
}

#[test]
fn what_is_not_known_is_no_finding() {
    let unknown = json!({ "$expr": { "$ref": "x", "attr": "y" }, "type": "string", "text": "${x.y}" });
    let mut stack = good();
    for resource in stack.as_object_mut().unwrap().values_mut() {
        for (key, value) in resource.as_object_mut().unwrap() {
            if key != "kind" && key != "instance_type" {
                *value = unknown.clone();
            }
        }
    }
    let found = plain(&stack);
    assert!(found.is_empty(), "{found}");
    // Neither is a value inside of a resource whose other fields are known.
    let range = json!([{ "protocol": "all", "cidr": unknown }]);
    let mut waiting = with(&[("lustre", "ingress", range), ("train", "boot.env", json!({ "HF_TOKEN": unknown }))]);
    waiting["train"]["kms_key"] = unknown;
    assert_eq!(codes(&plain(&waiting)), ["DL0206".to_owned()].into());
    // Pointers out of the stack say nothing about what they point at.
    let mut outside = good();
    let train = outside["train"].as_object_mut().unwrap();
    train["subnet"] = json!({ "$id": "subnet-0ab" });
    train["interfaces"]["security_groups"] = json!([{ "$id": "sg-0ab" }]);
    outside["cache"]["security_groups"] = json!([{ "$id": "sg-0cd" }]);
    assert_eq!(codes(&plain(&outside)), ["DL0206".to_owned()].into());
}

#[test]
fn a_missing_end_and_bad_tags_are_told() {
    let none = run(&good(), &Run { tags: BTreeMap::new(), has_ttl: false, owner: None, allow: &[] });
    assert!(codes(&none).contains("DL0232"));
    for (key, value) in [
        ("aws:x", "y"),
        ("AWS:x", "y"),
        ("dlinfra:x", "y"),
        ("Dlinfra:x", "y"),
        ("", "y"),
        ("k", "🚀"),
        ("a", "b\u{7}"),
        ("k", &"v".repeat(257)),
    ] {
        let tags = [(key.to_owned(), value.to_owned())].into();
        let found = run(&good(), &Run { tags, has_ttl: true, owner: None, allow: &[] });
        assert!(codes(&found).contains("DL0233"), "{key}: {found}");
    }
    for (owner, is_legal) in
        [("ml team@example.com", true), ("équipe", true), ("team 🚀", false), ("", false), (&*"x".repeat(257), false)]
    {
        let found = run(&good(), &Run { tags: BTreeMap::new(), has_ttl: true, owner: Some(owner), allow: &[] });
        assert_eq!(codes(&found).contains("DL0233"), !is_legal, "{owner}: {found}");
    }
    let cases: BTreeMap<String, String> =
        ["Environment", "environment"].map(|k| (k.to_owned(), "prod".to_owned())).into();
    let found = run(&good(), &Run { tags: cases.clone(), has_ttl: true, owner: None, allow: &[] });
    assert!(codes(&found).contains("DL0245"));
    // Only IAM takes them as one.
    let no_role = json!({ "vpc": { "kind": "vpc", "cidr": "10.0.0.0/16" } });
    assert!(run(&no_role, &Run { tags: cases, has_ttl: true, owner: None, allow: &[] }).is_empty());
    let many = (0..41).map(|n| (format!("k{n}"), String::new())).collect();
    assert!(codes(&run(&good(), &Run { tags: many, has_ttl: true, owner: None, allow: &[] })).contains("DL0233"));
}

#[test]
fn an_allowed_finding_is_a_note_with_its_reason() {
    let allow = [Allow { rule: "DL0222", reason: "the VPC has endpoints" }];
    let stack = with(&[("in", "routes", json!([]))]);
    let found = run(&stack, &Run { tags: BTreeMap::new(), has_ttl: true, owner: None, allow: &allow });
    let note = found.iter().find(|d| d.code == "DL0222").unwrap();
    assert_eq!(note.severity, Severity::Note);
    assert_eq!(note.detail.as_deref(), Some("allowed here: the VPC has endpoints"));
}

#[test]
fn a_type_without_a_price_in_the_region_is_doubted() {
    let spans = Places::default();
    let tags = BTreeMap::new();
    let part = parts(&json!({ "g": {
        "kind": "instance-group", "instance_type": "p5.48xlarge", "count": 1, "role": { "$id": "r" },
        "subnet": { "$id": "subnet-0ab" }, "interfaces": { "security_groups": [] }
    } }));
    let group = [resource(&part[0], &spans, &[])];
    let input = |region| RuleInput {
        region,
        has_ttl: true,
        owner: None,
        tags: &tags,
        resources: &group,
        allow: &[],
        spans: &spans,
    };
    assert!(!codes(&check(&input("us-east-1"))).contains("DL0205"));
    assert!(codes(&check(&input("af-south-1"))).contains("DL0205"));
}

/// The stack so many times, and as many subnets with machines more in its first VPC, all of which mount its cache.
fn copies(count: usize) -> Value {
    let one = good();
    let one = one.as_object().unwrap();
    let mut out = Map::new();
    for number in 0..count {
        for (address, resource) in one {
            let text = one.keys().fold(resource.to_string(), |text, other| {
                text.replace(&format!("\"$ref\":\"{other}\""), &format!("\"$ref\":\"{other}-{number}\""))
            });
            out.insert(format!("{address}-{number}"), serde_json::from_str(&text).unwrap());
        }
        let mut subnet = out["private-0"].clone();
        subnet["cidr"] = json!(format!("10.0.{}.{}/28", 64 + number / 16, number % 16 * 16));
        out.insert(format!("wide-{number}"), subnet);
        let mut machines = out["train-0"].clone();
        machines["subnet"] = json!({ "$ref": format!("wide-{number}") });
        out.insert(format!("many-{number}"), machines);
        let subnets = out["in-0"]["subnets"].as_array_mut().unwrap();
        subnets.push(json!({ "$ref": format!("wide-{number}") }));
    }
    Value::Object(out)
}

#[test]
fn what_rules_look_at_grows_with_the_stack_and_no_faster() {
    let looked = |count: usize| {
        let stack = copies(count);
        let resources = parts(&stack);
        let spans = Places::default();
        let resources: Vec<Resource<'_>> = resources.iter().map(|part| resource(part, &spans, &[])).collect();
        let (tags, region) = (BTreeMap::new(), "us-east-1");
        let input = RuleInput {
            region,
            has_ttl: true,
            owner: None,
            tags: &tags,
            resources: &resources,
            allow: &[],
            spans: &spans,
        };
        let view = Stack::new(&input);
        let found = over(&view);
        assert_eq!(found.count(Severity::Error), 0, "{found}");
        view.looked.get()
    };
    let (few, many) = (looked(10), looked(100));
    assert!(many > 9 * few && many < 11 * few, "{few} looks for 10 stacks, {many} for 100");
}

#[test]
fn the_first_subnet_that_overlaps_is_named() {
    let ranges =
        ["10.0.0.0/24", "10.0.2.0/24", "10.0.0.0/22", "10.0.3.0/24", "10.0.0.0/22", "10.0.0.128/25", "10.0.4.0/24"];
    let mut stack = json!({ "vpc": { "kind": "vpc", "cidr": "10.0.0.0/16" } });
    for (number, range) in ranges.iter().enumerate() {
        let subnet = json!({ "kind": "subnet", "vpc": { "$ref": "vpc" }, "cidr": range, "zone": "us-east-1a" });
        stack[format!("s{number}")] = subnet;
    }
    let found: Vec<String> = plain(&stack).iter().map(|d| d.summary.clone()).collect();
    let expected = [
        "10.0.0.0/22 of s2 overlaps 10.0.0.0/24 of s0",
        "10.0.0.0/22 of s4 overlaps 10.0.0.0/24 of s0",
        "10.0.0.128/25 of s5 overlaps 10.0.0.0/24 of s0",
        "10.0.3.0/24 of s3 overlaps 10.0.0.0/22 of s2",
    ];
    assert_eq!(found, expected);
}

#[test]
fn zones_are_those_of_the_region_where_they_are_known() {
    let found = |zone: &str| codes(&plain(&with(&[("private", "zone", json!(zone))]))).contains("DL0226");
    for good in ["us-east-1a", "us-east-1f", "us-east-1-bos-1a", "us-east-1-wl1-bos-wlz-1"] {
        assert!(!found(good), "{good}");
    }
    for bad in ["us-east-1z", "us-east-1", "us-east-1A", "us-east-1aa", "use1-az1", "us-west-2a"] {
        assert!(found(bad), "{bad}");
    }
}

#[test]
fn settings_are_no_secrets() {
    for (key, value) in [
        ("TOKEN", "/prod/hf-token"),
        ("WANDB_API_KEY_SECRET", "arn:aws:secretsmanager:us-east-1:1:secret:x"),
        ("HTTP_TOKENS", "required"),
        ("PASSWORD", "${PASSWORD}"),
        ("MOUNT", "fs-0123456789abcdef0.fsx.us-east-1.amazonaws.com@tcp:/abcdef01"),
        ("TOKEN", "team-hf-token"),
        ("SECRET", "team/hf-token"),
        ("PASSWORD", "required"),
        ("PASSWORD", ""),
        ("PASSWORD_FILE", "secret.txt"),
        ("PAD_TOKEN", "endoftext"),
        ("EOS_TOKEN", "<|endoftext|>"),
        ("MAX_TOKENS", "8192abc"),
        ("BYPASS", "hunter2"),
        ("TOKENIZER", "llama3tokenizer"),
    ] {
        let found = plain(&with(&[("train", "boot.env", json!({ key: value }))]));
        assert!(!codes(&found).contains("DL0231"), "{key}: {found}");
    }
    for (key, value) in [
        ("A", "AKIAIOSFODNN7EXAMPLE"),
        ("WANDB_API_KEY", "0123456789abcdef0123456789abcdef01234567"),
        ("B", "-----BEGIN RSA PRIVATE KEY-----"),
        ("C", "https://user:hunter2secret@example.com"),
        ("PASSWORD", "hunter2"),
        ("DB_PASSWORD", "correct horse battery"),
        ("PGPASSWORD", "postgres"),
        ("MYSQL_PWD", "abc"),
        ("ADMIN_PASS", "letmein"),
        ("TOKEN", "supersecret"),
        ("HF_TOKEN", "abcdef123456"),
        ("apiKey", "AbCdEfGh"),
        ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
        ("D", "npm_abcdefghijklmnopqrstuvwxyz0123456789"),
        ("E", &format!("{}_{}", "sk_live", "4eC39HqLyjWDarjtT1zdp7dc")),
        ("F", "AIzaSyA-1234567890abcdefghijklmnopqrstu"),
        ("G", "ghs_abcdefghijklmnopqrstuvwxyz0123456789"),
        ("H", &format!("{}-123456789012-123456789012-abcdefghijkl", "xoxb")),
        ("I", &format!("https://{}/services/T00000000/B00000000/XXXXXXXXXXXXXXXX", "hooks.slack.com")),
    ] {
        let found = plain(&with(&[("train", "boot.env", json!({ key: value }))]));
        assert!(codes(&found).contains("DL0231"), "{key}: {found}");
    }
}
