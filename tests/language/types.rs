//! Types: their text, where they come from, and what they take.

use dlinfra::expression::Type;
use serde_json::json;

use crate::support::*;

#[test]
fn the_text_of_types_round_trips() {
    for text in [
        "string",
        "int",
        "number",
        "bool",
        "size",
        "throughput",
        "bandwidth",
        "duration",
        "money",
        "cidr",
        "ref",
        "ref(subnet)",
        "list(string)",
        "map(list(int))",
        "object({a = string, b = optional(list(ref(vpc)))})",
        "secret",
        "script",
        "any",
    ] {
        assert_eq!(text.parse::<Type>().unwrap().to_string(), text);
    }
    assert_eq!(
        "list( object( {name=string,} ) )".parse::<Type>().unwrap().to_string(),
        "list(object({name = string}))"
    );
    for (text, want) in [
        ("strin", "did you mean `string`?"),
        ("list", "`(` is expected before the end"),
        ("list(string", "`)` is expected before the end"),
        ("string int", "`int` follows a complete type"),
        ("object({a})", "`:` is expected before `})`"),
        ("", "a type is missing"),
    ] {
        assert!(text.parse::<Type>().unwrap_err().to_string().contains(want), "{text}");
    }
    assert!("list(".repeat(10_000).parse::<Type>().is_err());
}

mod derived {
    use schemars::JsonSchema;
    use std::collections::BTreeMap;

    /// A kind as kinds are written.
    #[derive(JsonSchema)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    pub(super) struct Kind {
        /// How large.
        pub size: dlinfra::units::Size,
        pub count: u16,
        pub big: Option<u64>,
        pub throughput: Option<dlinfra::units::PerTib>,
        pub tags: BTreeMap<String, String>,
        pub class: Option<Class>,
        pub rules: Vec<Rule>,
        pub source: Source,
        #[serde(default)]
        pub flag: bool,
        pub anything: serde_json::Value,
    }

    #[derive(JsonSchema)]
    #[serde(rename_all = "kebab-case")]
    #[allow(dead_code)]
    pub(super) enum Class {
        /// The usual one.
        Standard,
        IntelligentTiering,
    }

    #[derive(JsonSchema)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    pub(super) struct Rule {
        pub days: i32,
        pub inner: Option<Box<Rule>>,
    }

    #[derive(JsonSchema)]
    #[serde(untagged)]
    #[allow(dead_code)]
    pub(super) enum Source {
        One(String),
        Many(Vec<String>),
    }
}

#[test]
fn types_come_from_json_schema() {
    let schema = serde_json::to_value(schemars::schema_for!(derived::Kind)).unwrap();
    let Type::Object(o) = Type::from_schema(&schema) else { panic!("{schema}") };
    let shown = |name: &str| o.fields[name].r#type.to_string();
    assert_eq!(shown("size"), "size");
    assert_eq!(o.fields["size"].doc, "How large.");
    assert!(o.fields["size"].required && !o.fields["class"].required && !o.fields["flag"].required);
    assert_eq!(o.fields["count"].r#type.noun(), "a whole number from 0 to 65535");
    assert_eq!(o.fields["big"].r#type.noun(), "a whole number of at least 0");
    assert_eq!(shown("throughput"), "throughput");
    assert_eq!(shown("tags"), "map(string)");
    assert_eq!(
        shown("class"),
        "one_of(\"intelligent-tiering\", \"standard\")"
            .replace("\"intelligent-tiering\", \"standard\"", &shown("class")[7..shown("class").len() - 1])
    );
    assert!(shown("class").contains("standard") && shown("class").contains("intelligent-tiering"));
    assert!(shown("rules").starts_with("list(object({days = int"));
    assert_eq!(shown("source"), "any_of(string, list(string))");
    assert_eq!(shown("anything"), "any");
}

#[test]
fn every_type_takes_its_text() {
    let c = good(
        "variables:
  n: { type: int, default: 3 }
  text: { type: string, default: 9600 GiB }
resources:
  g:
    kind: instance-group
    instance_type: ${upper(\"x\")}
    count: ${var.n * 2}
    subnet: subnet-0ab
    subnets: [subnet-1, '${null}', '${if(true, \"subnet-2\", null)}']
    budget_limit: 60.50 USD/h
    ebs: 1 GiB/s
    ratio: 0.25
    token: { parameter: /hf/token }
    mounts: ['${var.n}', 5, true, '${size(\"1 TiB\")}']
    interfaces: { count: '${null}' }
  f:
    kind: fsx-lustre
    subnet: '${g == null ? \"a\" : \"b\"}'
    size: ${var.text}
    backup: ${duration(\"12h\") * 2}
  h: { kind: instance-group, instance_type: x, count: 1, subnet: subnet-0ab, ratio: 2.5e-3 }
",
    );
    assert_eq!(resource(&c, "h").spec["ratio"], json!(0.0025));
    assert_eq!(
        *resource(&c, "g").spec,
        json!({
            "instance_type": "X", "count": 6, "subnet": { "$id": "subnet-0ab" },
            "subnets": [{ "$id": "subnet-1" }, { "$id": "subnet-2" }], "budget_limit": "60.5 USD/h", "ebs": "1024 MiB/s",
            "ratio": 0.25, "token": { "$parameter": "/hf/token" }, "mounts": ["3", "5", "true", "1024 GiB"], "interfaces": {},
        })
    );
    assert_eq!(*resource(&c, "f").spec, json!({ "subnet": { "$id": "b" }, "size": "9600 GiB", "backup": "24h" }));
}

#[test]
fn any_of_chooses_by_shape() {
    let c = good(
        "resources:\n  a: { kind: bucket, ports: 22 }\n  b: { kind: bucket, ports: [22, '${1 + 1}'] }\n  c: { kind: bucket, ports: '${[1]}' }\n",
    );
    assert_eq!(resource(&c, "a").spec["ports"], json!(22));
    assert_eq!(resource(&c, "b").spec["ports"], json!([22, 2]));
    assert_eq!(resource(&c, "c").spec["ports"], json!([1]));
    assert_eq!(
        problems("resources:\n  a: { kind: bucket, ports: [x] }\n  b: { kind: bucket, ports: x }\n"),
        [
            "main.yaml:4:30: error[DL0122]: `ports[0]` takes a whole number, not `x`",
            "main.yaml:5:29: error[DL0122]: `ports` takes a whole number, not `x`",
        ]
    );
}

#[test]
fn fields_without_room_for_unknowns_say_so() {
    let schema = json!({
        "type": "object", "additionalProperties": false, "required": ["count"],
        "properties": {
            "count": { "type": "integer", "format": "uint32", "minimum": 0 },
            "name": { "type": ["string", "null"], "x-deferred": true },
            "names": { "type": "array", "items": { "type": "string", "x-deferred": true } },
            "plain": { "type": "array", "items": { "type": "string" } },
            "vpc": { "anyOf": [{ "x-dlinfra": { "ref": "vpc" } }, { "type": "null" }] },
            "policy": { "x-dlinfra": "any" },
        },
    });
    let mut dialect = dialect();
    let fields = Type::from_schema(&schema);
    dialect
        .kinds
        .insert("thing".into(), dlinfra::blueprint::KindSchema { doc: String::new(), fields, outputs: [].into() });
    let compile = |rest: &str| {
        let text = blueprint(&format!(
            "resources:\n  g: {{ kind: instance-group, instance_type: x, subnet: subnet-1 }}\n  v: {{ kind: vpc, cidr: 10.0.0.0/16 }}\n  t: {{ kind: thing, {rest} }}\n"
        ));
        let files = dlinfra::blueprint::MemoryFiles::new().with("main.yaml", text);
        dlinfra::blueprint::compile(&dialect, &inputs(), &files)
            .map(|c| resource(&c, "t").spec.clone())
            .map_err(|d| d.to_string())
    };
    assert_eq!(
        *compile("count: 2, name: '${v.arn}', names: ['${v.arn}'], vpc: '${v.id}', policy: { A: '${v.arn}' }").unwrap(),
        json!({
            "count": 2, "name": { "$ref": "v", "attr": "arn" }, "names": [{ "$ref": "v", "attr": "arn" }], "vpc": { "$ref": "v" },
            "policy": { "A": { "$ref": "v", "attr": "arn" } },
        })
    );
    for (rest, want) in [
        ("count: '${1 + g.size}'", "main.yaml:6:35: error[DL0118]: `count` cannot depend on `${1 + g.size}`"),
        (
            "count: 1, names: '${g.addresses}'",
            "main.yaml:6:41: error[DL0118]: `names` cannot depend on `${g.addresses}`",
        ),
        ("count: 1, plain: ['${v.arn}']", "main.yaml:6:42: error[DL0118]: `plain[0]` cannot depend on `${v.arn}`"),
        ("count: 1, plain: ['a-${v.arn}']", "error[DL0118]: `plain[0]` cannot depend on `a-${v.arn}`"),
    ] {
        let message = compile(rest).unwrap_err();
        assert!(message.contains(want), "{message}");
    }
}
