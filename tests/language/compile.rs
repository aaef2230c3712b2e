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
fn what_counts_as_idle_has_defaults_and_bounds() {
    let idle = |text: &str| good(&format!("idle: {text}\n")).idle.map(|idle| (idle.tag(), idle.to_string()));
    let words = |tag: &str, words: &str| Some((tag.to_owned(), words.to_owned()));
    assert_eq!(good("").idle, None);
    assert_eq!(idle("{}"), words("5/120", "every GPU below 5 % for 2h"));
    for percent in ["10", "10%", "10 %", "'10'", "\"10%\""] {
        assert_eq!(idle(&format!("{{ gpu_below: {percent} }}")), words("10/120", "every GPU below 10 % for 2h"));
    }
    assert_eq!(idle("{ gpu_below: 1%, for: 90m }"), words("1/90", "every GPU below 1 % for 1h30m"));
    let limit = "variables: { p: { type: int, default: 7 } }\nidle: { gpu_below: '${var.p}%' }\n";
    assert_eq!(good(limit).idle.unwrap().tag(), "7/120");
    for (text, code, words) in [
        ("{ gpu_below: 0 }", "DL0145", "write whole percent from `1%` to `100%`"),
        ("{ gpu_below: 101% }", "DL0145", "`101%` is no part of a GPU's time"),
        ("{ gpu_below: 2.5% }", "DL0145", "write whole percent"),
        ("{ gpu_below: little }", "DL0145", "write whole percent"),
        ("{ for: 5m }", "DL0145", "write whole minutes, from `10m` to `7d`"),
        ("{ for: 30d }", "DL0145", "machines cannot wait for 30d"),
        ("{ for: 90s }", "DL0145", "write whole minutes"),
        ("{ for: 2 }", "DL0", "not a duration"),
        ("{ until: 2h }", "DL0", "until"),
        ("2h", "DL0", "idle"),
    ] {
        let said = bad(&format!("idle: {text}\n"));
        assert!(said.contains(&format!("error[{code}")) && said.contains(words), "{text}:\n{said}");
    }
}

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
        *resource(&c, "cache.file-system").spec,
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

#[test]
fn references_in_all_their_forms() {
    let c = good(
        "resources:
  v: { kind: vpc, cidr: 10.0.0.0/16 }
  a: { kind: subnet, vpc: '${v}', cidr: 10.0.1.0/24 }
  b: { kind: subnet, vpc: '${v.id}', cidr: 10.0.2.0/24 }
  c: { kind: subnet, vpc: vpc-0ab, cidr: 10.0.3.0/24 }
  d: { kind: subnet, vpc: '${local.v}', cidr: 10.0.4.0/24 }
  e: { kind: fsx-lustre, subnet: '${f.subnet_id}', size: 1200 GiB, bucket: '${null}' }
  f: { kind: fsx-lustre, subnet: '${a}', size: 1200 GiB }
  g: { kind: instance-group, instance_type: g5.xlarge, subnet: '${a}', subnets: '${[for s in [a, b] : s]}' }
locals:
  v: ${v}
",
    );
    let vpc = |name: &str| resource(&c, name).spec["vpc"].clone();
    assert_eq!(
        [vpc("a"), vpc("b"), vpc("d")],
        [json!({ "$ref": "v" }), json!({ "$ref": "v" }), json!({ "$ref": "v" })]
    );
    assert_eq!(vpc("c"), json!({ "$id": "vpc-0ab" }));
    assert_eq!(*resource(&c, "e").spec, json!({ "subnet": { "$ref": "f", "attr": "subnet_id" }, "size": "1200 GiB" }));
    assert_eq!(resource(&c, "g").spec["subnets"], json!([{ "$ref": "a" }, { "$ref": "b" }]));
}

#[test]
fn for_each_over_everything() {
    let c = good(
        "locals:
  disks: [{ name: fast, days: 1 }, { name: slow, days: 30 }]
resources:
  list: { for_each: [b, a], kind: bucket, name: 'x-${each.key}' }
  map: { for_each: { x: 1, y: 2 }, kind: bucket, retention: '${each.value}' }
  numbers: { for_each: '${range(11)}', kind: bucket, name: 'n${each.value}' }
  objects: { for_each: '${local.disks}', key: name, kind: bucket, retention: '${each.value.days}' }
  computed: { for_each: '${local.disks}', key: '${upper(each.value.name)}', kind: bucket }
  some: { for_each: '${local.disks}', key: name, when: '${each.value.days > 1}', kind: bucket }
  none: { for_each: [], kind: bucket }
outputs:
  all: ${list[*].id}
  one: ${numbers[3].id}
  ten: '${[for b in numbers : b.name][10]}'
  keys: ${keys(objects)}
  count: ${length(none)}
  names: '${[for k, b in list : \"${k}=x\"]}'
",
    );
    assert_eq!(
        addresses(&c),
        [
            "list/b",
            "list/a",
            "map/x",
            "map/y",
            "numbers/0",
            "numbers/1",
            "numbers/2",
            "numbers/3",
            "numbers/4",
            "numbers/5",
            "numbers/6",
            "numbers/7",
            "numbers/8",
            "numbers/9",
            "numbers/10",
            "objects/fast",
            "objects/slow",
            "computed/FAST",
            "computed/SLOW",
            "some/slow",
        ]
    );
    assert_eq!(*resource(&c, "list/a").spec, json!({ "name": "x-a" }));
    assert_eq!(*resource(&c, "map/y").spec, json!({ "retention": 2 }));
    assert_eq!(*resource(&c, "objects/slow").spec, json!({ "retention": 30 }));
    let out = |name: &str| c.outputs[name].value.clone();
    assert_eq!(out("all"), json!([{ "$ref": "list/a", "attr": "id" }, { "$ref": "list/b", "attr": "id" }]));
    assert_eq!(out("one"), json!({ "$ref": "numbers/3", "attr": "id" }));
    assert_eq!(out("ten"), json!({ "$ref": "numbers/10", "attr": "name" }));
    assert_eq!(out("keys"), json!(["fast", "slow"]));
    assert_eq!(out("count"), json!(0));
    assert_eq!(out("names"), json!(["a=x", "b=x"]));
}

#[test]
fn null_is_not_written_and_when_drops() {
    let c = good(
        "variables:
  name: { type: string, optional: true }
  on: { type: bool, default: false }
resources:
  v: { kind: vpc, cidr: 10.0.0.0/16, when: '${var.on}' }
  b: { kind: bucket, name: '${var.name}', versioning: null, policy: { A: '${var.name}', B: 1 }, lifecycle: { days: 1, prefix: '${var.name}' } }
  g: { kind: instance-group, instance_type: a, subnet: subnet-1, mounts: ['${var.name}', x], depends_on: [v, b] }
outputs:
  gone: ${v}
  test: ${v == null}
  or: '${v == null ? \"none\" : v.arn}'
  safe: '${try(v.arn, \"none\")}'
",
    );
    assert_eq!(addresses(&c), ["b", "g"]);
    assert_eq!(
        *resource(&c, "b").spec,
        json!({ "versioning": null, "policy": { "B": 1 }, "lifecycle": { "days": 1 } })
    );
    assert_eq!(resource(&c, "g").spec["mounts"], json!(["x"]));
    assert_eq!(resource(&c, "g").depends_on, ["b"]);
    assert_eq!(c.outputs["gone"].value, json!(null));
    assert_eq!(c.outputs["test"].value, json!(true));
    assert_eq!(c.outputs["or"].value, json!("none"));
    assert_eq!(c.outputs["safe"].value, json!("none"));
    let on = dlinfra::blueprint::Inputs { vars: [("on".to_string(), "true".to_string())].into(), ..inputs() };
    let text = blueprint(
        "variables: { on: { type: bool } }\nresources: { v: { kind: vpc, cidr: 10.0.0.0/16, when: '${var.on}' } }\n",
    );
    assert_eq!(addresses(&try_with(&on, Default::default(), &text).unwrap()), ["v"]);
}

#[test]
fn the_life_of_a_resource() {
    use dlinfra::blueprint::{Existing, Protect};
    let c = good(
        "variables: { id: { type: string, optional: true } }
allow: [{ rule: DL0201, reason: a test }]
moved: [{ from: old.place, to: new.place }]
resources:
  a: { kind: bucket, protect: never, moved: older, allow: [{ rule: DL0203, reason: not here }], usage: { gib: 5 } }
  b: { kind: bucket, existing: my-bucket }
  c: { kind: bucket, existing: { name: my-bucket } }
  d: { kind: vpc, existing: { tags: { Name: main, Team: '${blueprint.name}' } } }
  e: { kind: bucket, existing: '${var.id}', name: made-here }
  f: { kind: bucket, name: x, depends_on: ['${a}', b] }
",
    );
    let a = resource(&c, "a");
    assert_eq!(
        (a.protect, a.moved.as_slice(), a.usage.clone()),
        (Some(Protect::Never), &["older".to_string()][..], json!({ "gib": 5 }))
    );
    assert_eq!((a.allow[0].rule.as_str(), a.allow[0].reason.as_str()), ("DL0203", "not here"));
    assert_eq!(
        c.moved.iter().map(|m| (m.from.as_str(), m.to.as_str())).collect::<Vec<_>>(),
        [("old.place", "new.place"), ("older", "a")]
    );
    assert_eq!(resource(&c, "b").existing, Some(Existing::Id("my-bucket".into())));
    assert_eq!(resource(&c, "c").existing, Some(Existing::Name("my-bucket".into())));
    let tags = [("Name".to_string(), "main".to_string()), ("Team".to_string(), "test".to_string())];
    assert_eq!(resource(&c, "d").existing, Some(Existing::Tags(tags.into())));
    assert_eq!((&resource(&c, "e").existing, &*resource(&c, "e").spec), (&None, &json!({ "name": "made-here" })));
    assert_eq!(resource(&c, "f").depends_on, ["a", "b"]);
    assert_eq!(c.allow[0].rule, "DL0201");
}

#[test]
fn positions_of_a_spec_are_kept() {
    let c = good(
        "resources:
  g:
    kind: instance-group
    instance_type: g5.xlarge
    subnet: subnet-1
    subnets: [subnet-1, subnet-2]
    interfaces: { layout: full }
    boot: { script: b.sh, env: { \"A.B\": x } }
"
        .replace("    boot: { script: b.sh, env: { \"A.B\": x } }\n", "")
        .as_str(),
    );
    let g = resource(&c, "g");
    let at = |path: &str| g.spans.get(path).unwrap().location();
    assert_eq!(at(""), "main.yaml:4:3");
    assert_eq!(at("subnets[1]"), "main.yaml:8:25");
    assert_eq!(at("interfaces.layout"), "main.yaml:9:27");
    assert_eq!(g.spans.nearest("interfaces.layout.deep").unwrap().location(), "main.yaml:9:27");
    assert_eq!(g.spans.nearest("nothing").unwrap().location(), "main.yaml:4:3");
}

#[test]
fn variables_in_order_of_strength() {
    use dlinfra::blueprint::{Inputs, MemoryFiles};
    let text = blueprint(
        "variables:
  a: { type: int, default: 1 }
  b: { type: int, default: 1 }
  c: { type: int, default: 1 }
  d: { type: int, default: 1 }
  list: { type: list(string), default: [x] }
  object: { type: 'object({size = size, name = optional(string)})' }
  text: { type: string }
",
    );
    let pairs = |all: &[(&str, &str)]| all.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    let inputs = Inputs {
        file: "main.yaml".into(),
        vars: pairs(&[("d", "4"), ("list", "[y, \"2.10\"]"), ("object", "{size: 1 TiB}"), ("text", "a ${b} 1.10")]),
        var_files: vec!["vars.yaml".into()],
        env: pairs(&[
            ("DLINFRA_VAR_b", "2"),
            ("DLINFRA_VAR_c", "2"),
            ("DLINFRA_VAR_d", "2"),
            ("DLINFRA_VAR_other", "2"),
            ("HOME", "/"),
        ]),
    };
    let files = MemoryFiles::new().with("vars.yaml", "c: 3\nd: 3\n");
    let c = try_with(&inputs, files, &text).unwrap();
    assert_eq!(
        serde_json::to_value(&c.variables).unwrap(),
        json!({ "a": 1, "b": 2, "c": 3, "d": 4, "list": ["y", "2.10"], "object": { "size": "1024 GiB" }, "text": "a ${b} 1.10" })
    );
    let wrong = Inputs {
        vars: pairs(&[("a", "x"), ("object", "{}"), ("text", "t")]),
        file: "main.yaml".into(),
        ..Inputs::default()
    };
    let lines: Vec<String> =
        try_with(&wrong, MemoryFiles::new(), &text).unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "--var a:1:1: error[DL0122]: `a` takes a whole number, not `x`",
            "--var object:1:1: error[DL0121]: the key `size` is missing in `object`",
        ]
    );
}

#[test]
fn the_roots() {
    let c = try_with(
        &inputs(),
        Default::default(),
        "blueprint: test
environment: dev
region: us-east-1
owner: me
software: { image: { ami: ami-1 }, driver: \"550.1\" }
outputs:
  a: ${blueprint.stack} ${blueprint.region} ${blueprint.owner} ${blueprint.environment}
  b: ${software.image.ami} ${software.driver}
  c: ${path.root}
  d: ${dlinfra.version != \"\"}
  e: ${blueprint.account == null}
",
    )
    .unwrap();
    let out = |name: &str| c.outputs[name].value.clone();
    assert_eq!(out("a"), json!("test-dev us-east-1 me dev"));
    assert_eq!(out("b"), json!("ami-1 550.1"));
    assert_eq!((out("c"), out("d"), out("e")), (json!("."), json!(true), json!(true)));
    assert_eq!(c.software, json!({ "image": { "ami": "ami-1" }, "driver": "550.1" }));
}

#[test]
fn the_json_schema_covers_keys_and_kinds() {
    let schema = dlinfra::blueprint::blueprint_schema(&dialect());
    assert_eq!(schema["required"], json!(["blueprint", "region"]));
    let size = &schema["$defs"]["kind-fsx-lustre"]["properties"]["size"];
    assert_eq!(size["anyOf"][1], json!({ "$ref": "#/$defs/expression" }));
    assert!(schema["$defs"]["kind-bucket"]["properties"]["for_each"].is_object());
    assert_eq!(schema["$defs"]["kind-vpc"]["then"]["required"], json!(["cidr"]));
}

#[test]
fn the_same_text_gives_the_same_result() {
    let once = || {
        let c = try_with(&inputs(), Default::default(), EXAMPLE).unwrap();
        format!("{:?}", c.resources)
    };
    assert_eq!(once(), once());
}
