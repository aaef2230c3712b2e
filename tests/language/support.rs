//! A small dialect, and ways to compile a text.

use std::collections::BTreeMap;

use dlinfra::blueprint::{self, Compiled, Dialect, Inputs, KindSchema, MemoryFiles, ResourceDecl, compile};
use dlinfra::diagnostic::{Code, Diagnostics, render};
use dlinfra::expression::{self, Type};
use serde_json::{Value as Json, json};

pub(crate) static MODULES: &[(&str, &str)] = &[
    ("network", include_str!("modules/network.yaml")),
    ("lustre-cache", include_str!("modules/lustre-cache.yaml")),
    ("efa-cluster", include_str!("modules/efa-cluster.yaml")),
];

fn kind(name: &str, fields: &str, outputs: &[(&str, &str)]) -> (String, KindSchema) {
    let fields: Type = fields.parse().unwrap();
    let outputs: BTreeMap<String, Type> = outputs.iter().map(|(n, t)| (n.to_string(), t.parse().unwrap())).collect();
    let doc = format!("The kind {name} of the tests");
    (name.to_string(), KindSchema { doc, fields, outputs })
}

fn instance(name: &str) -> Option<Json> {
    match name {
        "p5.48xlarge" => Some(json!({ "gpus": 8, "vcpus": 192, "memory": "2048 GiB", "efa_interfaces": 32 })),
        "g5.xlarge" => Some(json!({ "gpus": 1, "vcpus": 4, "memory": "16 GiB", "efa_interfaces": 0 })),
        _ => None,
    }
}

fn zones(region: &str) -> Option<Vec<String>> {
    (region == "us-east-1").then(|| ["a", "b", "c"].iter().map(|z| format!("us-east-1{z}")).collect())
}

pub(crate) fn dialect() -> Dialect {
    let mut kinds: BTreeMap<String, KindSchema> = [
        kind("vpc", "object({cidr = cidr, tags = optional(map(string)), dns = optional(bool)})", &[("arn", "string"), ("cidr", "cidr")]),
        kind("subnet", "object({vpc = ref(vpc), cidr = cidr, zone = optional(string), public = optional(bool)})", &[("arn", "string"), ("zone", "string")]),
        kind("bucket", "object({name = optional(string), versioning = optional(bool), policy = optional(any), lifecycle = optional(object({days = int, prefix = optional(string)}))})", &[("arn", "string"), ("name", "string")]),
        kind(
            "fsx-lustre",
            "object({subnet = ref(subnet), size = size, throughput = optional(throughput), bucket = optional(ref(bucket)), backup = optional(duration)})",
            &[("dns", "string"), ("mount", "string"), ("capacity", "size"), ("subnet_id", "ref(subnet)")],
        ),
        kind(
            "instance-group",
            "object({instance_type = string, count = optional(int), subnet = ref(subnet), subnets = optional(list(ref(subnet))), \
             boot = optional(object({script = script, env = optional(map(string))})), mounts = optional(list(string)), \
             interfaces = optional(object({layout = optional(string), count = optional(int)})), budget_limit = optional(money), \
             ebs = optional(bandwidth), token = optional(secret), ratio = optional(number)})",
            &[("head_address", "string"), ("addresses", "list(string)"), ("ports", "map(int)"), ("size", "int"), ("role", "object({arn = string, name = string})")],
        ),
    ]
    .into();
    // What the text form of types has no words for.
    if let Some(Type::Object(o)) = kinds.get_mut("bucket").map(|k| &mut k.fields) {
        let mut fields = o.fields.clone();
        let one_of = Type::OneOf(["standard".to_string(), "intelligent-tiering".to_string()].into());
        fields.insert("class".into(), dlinfra::expression::Field::new(one_of, false, "The storage class"));
        let mut old = dlinfra::expression::Field::new(Type::String, false, "The old name of `class`");
        old.deprecated = Some("write `class`".into());
        fields.insert("tier".into(), old);
        let bounded = Type::Bounded(
            Type::Int.into(),
            dlinfra::expression::Bounds { min: Some("1".into()), max: Some("365".into()) },
        );
        fields.insert("retention".into(), dlinfra::expression::Field::new(bounded, false, "In days"));
        let either = Type::AnyOf([Type::Int, Type::list(Type::Int)].into());
        fields.insert("ports".into(), dlinfra::expression::Field::new(either, false, "One port or several"));
        kinds.get_mut("bucket").unwrap().fields = Type::object(fields);
    }
    let near_instance = |name: &str| (name == "p5.48xlrge").then_some("p5.48xlarge");
    let near_region = |_: &str| None;
    Dialect { kinds, modules: MODULES, instance, zones, near_instance, near_region, check: |_, _| Vec::new() }
}

/// A blueprint with the usual first lines.
pub(crate) fn blueprint(rest: &str) -> String {
    format!("blueprint: test\nregion: us-east-1\n{rest}")
}

pub(crate) fn inputs() -> Inputs {
    Inputs { file: "main.yaml".into(), ..Inputs::default() }
}

pub(crate) fn try_with(inputs: &Inputs, files: MemoryFiles, text: &str) -> Result<Compiled, Diagnostics> {
    compile(&dialect(), inputs, &files.with("main.yaml", text))
}

pub(crate) fn try_compile(rest: &str) -> Result<Compiled, Diagnostics> {
    try_with(&inputs(), MemoryFiles::new(), &blueprint(rest))
}

#[track_caller]
pub(crate) fn good(rest: &str) -> Compiled {
    match try_compile(rest) {
        Ok(c) => c,
        Err(d) => panic!("{}", render(&d, false, 120)),
    }
}

/// The rendered problems of a text that must not compile.
#[track_caller]
pub(crate) fn bad(rest: &str) -> String {
    match try_compile(rest) {
        Ok(c) => panic!("compiles: {:#?}", c.resources),
        Err(d) => render(&d, false, 120),
    }
}

/// One line per problem.
#[track_caller]
pub(crate) fn problems(rest: &str) -> Vec<String> {
    match try_compile(rest) {
        Ok(_) => Vec::new(),
        Err(d) => d.iter().map(ToString::to_string).collect(),
    }
}

#[track_caller]
pub(crate) fn resource<'c>(c: &'c Compiled, address: &str) -> &'c ResourceDecl {
    c.resources
        .iter()
        .find(|r| r.address == address)
        .unwrap_or_else(|| panic!("no {address} in {:?}", c.resources.iter().map(|r| &r.address).collect::<Vec<_>>()))
}

pub(crate) fn addresses(c: &Compiled) -> Vec<&str> {
    c.resources.iter().map(|r| r.address.as_str()).collect()
}

/// The value of an expression, through the output `x` of a blueprint.
#[track_caller]
pub(crate) fn value(rest: &str, expression: &str) -> Json {
    let quoted = expression.replace('\'', "''");
    good(&format!("{rest}\noutputs: {{ x: '${{{quoted}}}' }}\n")).outputs["x"].value.clone()
}

/// All codes of the language, sorted.
pub(crate) fn codes() -> Vec<&'static Code> {
    let mut all = [blueprint::CODES, expression::CODES].concat();
    all.sort_by_key(|c| c.code);
    all
}
