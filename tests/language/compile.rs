//! Blueprints that compile.

use serde_json::json;

use crate::support::*;

const EXAMPLE: &str = r#"
blueprint: llama-pretrain
environment: prod
account: "123456789012"
region: us-east-1
owner: ml-platform
description: 16 × p5 pretraining with a Lustre cache over the corpus bucket
tags: { CostCenter: "4711" }
ttl: 72h
budget: { hourly: 1000 USD/h, run: 70000 USD }

variables:
  nodes: { type: int, default: 16, min: 1, max: 64, description: training nodes }

resources:
  network:
    use: network
    cidr: 10.20.0.0/16
    zones: 2

  corpus:
    kind: bucket
    existing: acme-corpus

  cache:
    use: lustre-cache
    subnet: ${network.private[0]}
    size: 9600 GiB
    throughput: 500 MB/s/TiB
    bucket: ${corpus}

  train:
    use: efa-cluster
    instance_type: p5.48xlarge
    nodes: ${var.nodes}
    subnet: ${network.private[0]}
    mounts: ["${cache.mount}"]

outputs:
  head: ${train.head_address}
"#;

#[test]
fn the_example_of_the_language() {
    let c = match try_with(&inputs(), Default::default(), EXAMPLE) {
        Ok(c) => c,
        Err(d) => panic!("{}", dlinfra::diagnostic::render(&d, false, 120)),
    };
    assert_eq!(c.stack, "llama-pretrain-prod");
    assert_eq!(c.ttl.unwrap().to_string(), "72h");
    assert_eq!(c.budget.as_ref().unwrap().hourly.unwrap().to_string(), "1000 USD/h");
    assert_eq!(
        addresses(&c),
        [
            "network.vpc",
            "network.private/us-east-1a",
            "network.private/us-east-1b",
            "corpus",
            "cache.file-system",
            "train.group"
        ]
    );
    assert_eq!(
        resource(&c, "cache.file-system").spec,
        json!({
            "subnet": { "$ref": "network.private/us-east-1a" }, "size": "9600 GiB", "throughput": "500 MB/s/TiB",
            "bucket": { "$ref": "corpus" },
        })
    );
    assert_eq!(
        resource(&c, "train.group").spec["mounts"],
        json!([{
            "$expr": { "fn": "template", "args": [
                { "$ref": "cache.file-system", "attr": "dns" }, ":/", { "$ref": "cache.file-system", "attr": "mount" }
            ] },
            "type": "string", "text": "${cache.file-system.dns}:/${cache.file-system.mount}",
        }])
    );
    assert_eq!(resource(&c, "network.private/us-east-1b").spec["cidr"], json!("10.20.16.0/20"));
    assert_eq!(c.outputs["head"].value, json!({ "$ref": "train.group", "attr": "head_address" }));
    assert_eq!(c.variables["nodes"], json!(16));
    assert_eq!(resource(&c, "train.group").module_path, "train");
}
