//! The graphs that both sides get: blueprints for dlinfra, configurations and states for Terraform.
use serde_json::{Value, json};
use std::fmt::Write as _;

/// How blocks refer to each other.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One to three earlier blocks, drawn evenly, so that the depth grows with the logarithm.
    Dag,
    /// Each to the one before.
    Chain,
}

/// The earlier blocks that each block refers to; the same in every run.
pub(crate) fn edges(shape: Shape, count: usize) -> Vec<Vec<usize>> {
    let mut seed = 42_u64;
    let mut draw = |below: usize| {
        // Knuth's multiplier; the high bits are good enough for a graph.
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((seed >> 33) % below.max(1) as u64).unwrap_or(0)
    };
    let block = |i: usize| match (shape, i) {
        (_, 0) => Vec::new(),
        (Shape::Chain, i) => vec![i - 1],
        (Shape::Dag, i) => {
            let mut parents: Vec<usize> = (0..1 + draw(3)).map(|_| draw(i)).collect();
            parents.sort_unstable();
            parents.dedup();
            parents
        }
    };
    (0..count).map(block).collect()
}

/// A blueprint of resources with three plain fields and one to three references each, as the other side has them.
pub(crate) fn blueprint(shape: Shape, count: usize) -> String {
    let mut out = String::from("blueprint: growth\nregion: us-east-1\nresources:\n");
    for (i, parents) in edges(shape, count).into_iter().enumerate() {
        let _ = writeln!(out, "  r{i:05}:\n    kind: vpc\n    cidr: 10.0.0.0/16");
        let _ = writeln!(out, "    dns_support: true\n    dns_hostnames: true");
        if !parents.is_empty() {
            let names: Vec<String> = parents.iter().map(|p| format!("'${{r{p:05}}}'")).collect();
            let _ = writeln!(out, "    depends_on: [{}]", names.join(", "));
        }
    }
    out
}

/// So many of one resource, without references.
pub(crate) fn many(count: usize) -> String {
    format!(
        "blueprint: growth\nregion: us-east-1\nresources:\n  many:\n    kind: vpc\n    for_each: ${{range({count})}}\n    \
         cidr: 10.0.0.0/16\n    dns_support: true\n    dns_hostnames: true\n"
    )
}

/// Terraform's built-in `terraform_data`, which needs no provider, with the same references.
pub(crate) fn configuration(shape: Shape, count: usize) -> String {
    let mut out = String::new();
    for (i, parents) in edges(shape, count).into_iter().enumerate() {
        let refs: Vec<String> = parents.iter().map(|p| format!("terraform_data.r{p:05}.id")).collect();
        let _ = writeln!(
            out,
            "resource \"terraform_data\" \"r{i:05}\" {{\n  input = {{ name = \"node-{i}\", type = \"p5.48xlarge\", az = \"us-east-1a\", refs = [{}] }}\n}}\n",
            refs.join(", ")
        );
    }
    out
}

/// The state that `terraform apply` of that configuration leaves: making it by applying would take hours. Terraform
/// records the dependencies of each resource with everything that they depend on.
pub(crate) fn state(shape: Shape, count: usize) -> String {
    let id = |i: usize| format!("00000000-0000-0000-0000-{i:012x}");
    let edges = edges(shape, count);
    let words = count.div_ceil(64);
    let mut ancestors: Vec<Vec<u64>> = Vec::with_capacity(count);
    let mut resources = Vec::with_capacity(count);
    for (i, parents) in edges.iter().enumerate() {
        let mut all = vec![0_u64; words];
        for &p in parents {
            all.iter_mut().zip(&ancestors[p]).for_each(|(a, b)| *a |= b);
            all[p / 64] |= 1 << (p % 64);
        }
        let dependencies: Vec<String> =
            (0..i).filter(|j| all[j / 64] >> (j % 64) & 1 == 1).map(|j| format!("terraform_data.r{j:05}")).collect();
        ancestors.push(all);
        let refs: Vec<String> = parents.iter().map(|p| id(*p)).collect();
        let kind = json!(["object", { "az": "string", "name": "string", "refs": ["tuple", vec!["string"; refs.len()]], "type": "string" }]);
        let value = json!({ "az": "us-east-1a", "name": format!("node-{i}"), "refs": refs, "type": "p5.48xlarge" });
        let whole = json!({ "value": value, "type": kind });
        let mut instance = json!({
            "schema_version": 0, "sensitive_attributes": [],
            "attributes": { "id": id(i), "input": whole, "output": whole, "triggers_replace": null },
        });
        if !dependencies.is_empty() {
            instance["dependencies"] = json!(dependencies);
        }
        resources.push(json!({
            "mode": "managed", "type": "terraform_data", "name": format!("r{i:05}"),
            "provider": "provider[\"terraform.io/builtin/terraform\"]", "instances": [instance],
        }));
    }
    let state = json!({
        "version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "00000000-0000-0000-0000-000000000000",
        "outputs": {}, "resources": resources, "check_results": Value::Null,
    });
    state.to_string()
}
