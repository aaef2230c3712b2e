//! Expressions: what they make, what stays unknown, and what is computed later.

use dlinfra::blueprint::{MemoryFiles, eval_text};
use dlinfra::expression::{evaluate, functions};
use serde_json::{Value as Json, json};

use crate::support::*;

#[track_caller]
fn eval(expression: &str) -> Json {
    match eval_text(&dialect(), &Default::default(), &MemoryFiles::new(), expression) {
        Ok(v) => v,
        Err(d) => panic!("{expression}: {d}"),
    }
}

#[track_caller]
fn fails(expression: &str) -> String {
    eval_text(&dialect(), &Default::default(), &MemoryFiles::new(), expression).unwrap_err().to_string()
}

#[test]
fn every_function_has_a_true_example() {
    for f in functions() {
        assert!(f.example.contains(f.name) && f.signature.starts_with(f.name) && !f.doc.ends_with('.'), "{}", f.name);
        if f.result.is_empty() {
            continue;
        }
        let want: Json = serde_json::from_str(f.result).unwrap_or_else(|e| panic!("{}: {e}", f.name));
        assert_eq!(eval(f.example), want, "{}", f.example);
    }
}

#[test]
fn literals_operators_and_precedence() {
    for (expression, want) in [
        ("1 + 2 * 3", json!(7)),
        ("(1 + 2) * 3", json!(9)),
        ("7 / 2", json!(3.5)),
        ("7 % 4", json!(3)),
        ("-2 + 5", json!(3)),
        ("0.1 + 0.2", json!(0.3)),
        ("10 - 2 - 3", json!(5)),
        ("1 < 2 && !(2 < 1)", json!(true)),
        ("1 == 1.0", json!(true)),
        ("\"a\" == \"a\" ? \"yes\" : \"no\"", json!("yes")),
        ("null == null", json!(true)),
        ("[1, [2]] == [1, [2]]", json!(true)),
        ("{ a = 1 } != { a = 2 }", json!(true)),
        ("\"x${1 + 1}y${\"z\"}\"", json!("x2yz")),
        ("\"a$${b}%%{c}\"", json!("a${b}%{c}")),
        ("size(\"1 TiB\") + size(\"1 GiB\")", json!("1025 GiB")),
        ("size(\"9600 GiB\") / size(\"1200 GiB\")", json!(8)),
        ("duration(\"90m\") * 2", json!("3h")),
        ("money(\"60 USD/h\") >= money(\"59.5 USD/h\")", json!(true)),
        ("max(duration(\"1h\"), duration(\"90m\"))", json!("1h30m")),
        ("123456789012345678 + 1", json!(123_456_789_012_345_679_i64)),
    ] {
        assert_eq!(eval(expression), want, "{expression}");
    }
}

#[test]
fn collections_splats_and_for() {
    for (expression, want) in [
        ("[1, 2, 3][1]", json!(2)),
        ("{ a = { b = 1 } }.a.b", json!(1)),
        ("{ a = 1 }[\"a\"]", json!(1)),
        ("[{ a = 1 }, { a = 2 }][*].a", json!([1, 2])),
        ("[[1, 2], [3]][*][0]", json!([1, 3])),
        ("null[*].a", json!([])),
        ("[for x in [1, 2, 3] : x * 2 if x != 2]", json!([2, 6])),
        ("[for i, x in [\"a\", \"b\"] : \"${i}${x}\"]", json!(["0a", "1b"])),
        ("{ for k, v in { a = 1, b = 2 } : upper(k) => v + 1 }", json!({ "A": 2, "B": 3 })),
        ("{ for x in [\"a\", \"b\", \"ab\"] : length(x) => x... }", json!({ "1": ["a", "b"], "2": ["ab"] })),
        ("[for a in [1, 2] : [for b in [10, 20] : a * b]]", json!([[10, 20], [20, 40]])),
        ("{ (\"x${1}\") = 1, \"y\" = 2, z : 3 }", json!({ "x1": 1, "y": 2, "z": 3 })),
        ("keys({ for n in range(12) : n => n })[10]", json!("10")),
        ("max([1, 5, 3]...)", json!(5)),
        ("try(regex(\"x\", \"y\"), \"none\")", json!("none")),
        ("can([1][3])", json!(false)),
        ("if(false, [1][3], \"lazy\")", json!("lazy")),
        ("coalesce(null, \"\", \"a\")", json!("")),
        ("regex(\"([a-z]+)-([0-9]+)\", \"node-12\")", json!(["node", "12"])),
        ("format(\"%-5s|%5.1f|%%|%q\", \"ab\", 2.25, \"c\")", json!("ab   |  2.2|%|\"c\"")),
        ("cidrhost(\"10.0.0.0/24\", -2)", json!("10.0.0.254")),
        (
            "yamlencode({ a = { b = [] }, c = [{ d = null }] })",
            json!("\"a\":\n  \"b\": []\n\"c\":\n  -\n    \"d\": null\n"),
        ),
        ("instance(\"p5.48xlarge\").gpus * 4", json!(32)),
        ("zones(\"us-east-1\")[0]", json!("us-east-1a")),
        ("sort(toset([\"b\", \"a\", \"b\"]))", json!(["a", "b"])),
        ("slice(range(5), 1, 3)", json!([1, 2])),
    ] {
        assert_eq!(eval(expression), want, "{expression}");
    }
}

#[test]
fn errors_say_what_to_do() {
    for (expression, want) in [
        ("1 + \"a\"", "`+` does not go with a number and text"),
        ("\"a\" + \"b\"", "`+` does not go with text and text"),
        ("size(\"1 GiB\") - size(\"2 GiB\")", "negative, not whole, or too large"),
        ("money(\"1 USD/h\") + money(\"1 USD\")", "negative, not whole, or too large"),
        ("size(\"5\")", "the unit is missing"),
        ("null.a", "null has no `a`"),
        ("[1].a", "a list has no `a`"),
        ("{ for x in [1, 1] : x => x }", "the key `1` occurs twice"),
        ("{ \"$x\" = 1 }", "starts with `$`"),
        ("1 / 0", "division by zero"),
        ("99999999999999999999 * 99999999999999999999", "too many digits"),
        ("regex(\"(\", \"x\")", "this is not a pattern"),
        ("tonumber(\"x\")", "`x` is not a number"),
        ("jsondecode(\"{\")", "this is not JSON"),
        ("format(\"%s\")", "there is no value for `%s`"),
        ("format(\"a\", 1)", "does not use this value"),
        ("one([1, 2])", "has 2 elements, not one"),
        ("slice([1], 0, 2)", "outside of the list"),
        ("instance(\"x9.large\")", "the catalog has no instance type"),
        ("sort([1, \"a\"])", "can be sorted"),
        ("file(\"/etc/passwd\")", "is not a relative path"),
        ("true && \"x\"", "`&&` takes `true` or `false`, not text"),
        ("a::b(1)", "there is no function"),
    ] {
        let message = fails(expression);
        assert!(message.contains(want), "{expression}: {message}");
    }
}

const RESOURCES: &str = "
resources:
  v: { kind: vpc, cidr: 10.0.0.0/16 }
  s: { kind: subnet, vpc: '${v}', cidr: 10.0.0.0/24 }
  g: { kind: instance-group, instance_type: g5.xlarge, subnet: '${s}' }
  f: { kind: fsx-lustre, subnet: '${s}', size: 1200 GiB }
";

#[test]
fn unknown_leaves_stay_and_everything_around_them_is_computed() {
    for (expression, want) in [
        ("v.arn", json!({ "$ref": "v", "attr": "arn" })),
        ("[v.arn, \"a\" == \"a\"]", json!([{ "$ref": "v", "attr": "arn" }, true])),
        ("length([v.arn, s.arn])", json!(2)),
        ("{ a = v.arn, b = 1 + 1 }.b", json!(2)),
        ("v != null", json!(true)),
        ("v == s", json!(false)),
        ("false && v.arn == \"a\"", json!(false)),
        ("[for x in [v, s] : x.id]", json!([{ "$ref": "v", "attr": "id" }, { "$ref": "s", "attr": "id" }])),
        ("concat([v.arn], [\"x\"])[1]", json!("x")),
        ("merge({ a = v.arn }, { a = 2 }).a", json!(2)),
    ] {
        assert_eq!(value(RESOURCES, expression), want, "{expression}");
    }
    let shown = |expression: &str| {
        let v = value(RESOURCES, expression);
        (v["type"].as_str().unwrap().to_string(), v["text"].as_str().unwrap().to_string())
    };
    for (expression, r#type, text) in [
        ("upper(v.arn)", "string", "${upper(v.arn)}"),
        ("\"a-${v.arn}-b\"", "string", "a-${v.arn}-b"),
        ("g.addresses[0]", "string", "${g.addresses[0]}"),
        ("g.role.arn", "string", "${g.role.arn}"),
        ("g.ports[\"ssh\"] + 1", "int", "${g.ports[\"ssh\"] + 1}"),
        ("g.size * 2 > 10", "bool", "${(g.size * 2) > 10}"),
        ("length(g.addresses)", "int", "${length(g.addresses)}"),
        ("[for a in g.addresses : \"${a}:22\"]", "list(string)", "${[for a in g.addresses : \"${a}:22\"]}"),
        ("g.addresses[*]", "list(string)", "${[for item in g.addresses : item]}"),
        ("f.capacity * 2", "size", "${size(f.capacity) * 2}"),
        ("f.capacity / size(\"1200 GiB\")", "number", "${size(f.capacity) / size(\"1200 GiB\")}"),
        ("f.subnet_id", "ref(subnet)", ""),
    ] {
        if text.is_empty() {
            assert_eq!(value(RESOURCES, expression), json!({ "$ref": "f", "attr": "subnet_id" }));
        } else {
            assert_eq!(shown(expression), (r#type.to_string(), text.to_string()), "{expression}");
        }
    }
}

fn live(address: &str, attr: &str) -> Option<Json> {
    Some(match (address, attr) {
        ("v", "arn") => json!("arn:aws:ec2:us-east-1:123456789012:vpc/vpc-1"),
        ("g", "addresses") => json!(["10.0.0.1", "10.0.0.2"]),
        ("g", "size") => json!(4),
        ("g", "ports") => json!({ "ssh": 22 }),
        ("g", "role") => json!({ "arn": "arn:role", "name": "role" }),
        ("f", "capacity") => json!("2400 GiB"),
        _ => return None,
    })
}

#[test]
fn residuals_are_computed_when_attributes_are_known() {
    for (expression, want) in [
        ("v.arn", json!("arn:aws:ec2:us-east-1:123456789012:vpc/vpc-1")),
        ("\"x-${g.size}\"", json!("x-4")),
        ("upper(g.addresses[0])", json!("10.0.0.1")),
        ("[for i, a in g.addresses : \"${i}=${a}\"]", json!(["0=10.0.0.1", "1=10.0.0.2"])),
        ("[for k, p in g.ports : \"${k}=${p}\"]", json!(["ssh=22"])),
        ("g.addresses[*]", json!(["10.0.0.1", "10.0.0.2"])),
        ("f.capacity * 2", json!("4800 GiB")),
        ("f.capacity / size(\"1200 GiB\")", json!(2)),
        ("g.role.arn", json!("arn:role")),
        ("g.size * 2 > 7 ", json!(true)),
        ("!(g.size == 4)", json!(false)),
        (
            "jsonencode({ a = g.addresses, b = [v.arn], c = 0.1 })",
            json!(
                "{\"a\":[\"10.0.0.1\",\"10.0.0.2\"],\"b\":[\"arn:aws:ec2:us-east-1:123456789012:vpc/vpc-1\"],\"c\":0.1}"
            ),
        ),
        ("{ k = \"${g.size}\" }", json!({ "k": "4" })),
        ("-g.size", json!(-4)),
    ] {
        let residual = value(RESOURCES, expression);
        assert_eq!(evaluate(&residual, &live).unwrap(), want, "{expression}: {residual}");
        // What is computed once stays what it is.
        assert_eq!(evaluate(&evaluate(&residual, &live).unwrap(), &live).unwrap(), want);
    }
}

#[test]
fn residuals_stay_while_something_is_missing() {
    let nothing = |_: &str, _: &str| None;
    for expression in [
        "upper(v.arn)",
        "\"a-${v.arn}-${g.size}\"",
        "[for a in g.addresses : \"${a}:22\"]",
        "f.capacity * 2",
        "g.role.arn",
    ] {
        let residual = value(RESOURCES, expression);
        assert_eq!(evaluate(&residual, &nothing).unwrap(), residual, "{expression}");
    }
    // A part becomes known, the rest stays, with its type and text.
    let half = |address: &str, attr: &str| if address == "g" { live(address, attr) } else { None };
    let residual = value(RESOURCES, "\"${v.arn}/${g.size}\"");
    let left = evaluate(&residual, &half).unwrap();
    assert_eq!(left["type"], "string");
    assert_eq!(left["$expr"]["args"][2], json!(4));
    assert_eq!(evaluate(&left, &live).unwrap(), json!("arn:aws:ec2:us-east-1:123456789012:vpc/vpc-1/4"));
}

#[test]
fn what_does_not_fit_later_is_an_error_with_the_text() {
    let odd = |_: &str, _: &str| Some(json!([]));
    let d = evaluate(&value(RESOURCES, "g.addresses[0]"), &odd).unwrap_err();
    assert_eq!(d.to_string(), "error[DL0116]: `${g.addresses[0]}` cannot be computed: there is no element 0");
}

#[test]
fn unknown_values_in_fields_are_typed() {
    let lines = problems(
        "resources:
  g: { kind: instance-group, instance_type: g5.xlarge, subnet: subnet-1 }
  h: { kind: instance-group, instance_type: g5.xlarge, subnet: subnet-1, count: '${g.addresses}', mounts: '${g.head_address}' }
  i: { kind: instance-group, instance_type: '${g.size}', subnet: '${g.id}' }
",
    );
    assert_eq!(
        lines,
        [
            "main.yaml:5:84: error[DL0122]: `count` takes a whole number, not a list of string that is not known yet",
            "main.yaml:5:110: error[DL0122]: `mounts` takes a list of string, not text that is not known yet",
            "main.yaml:6:69: error[DL0125]: `subnet` takes a reference to a resource of kind `subnet`, and `g` is of kind `instance-group`",
        ]
    );
}

#[test]
fn eval_reads_a_blueprint() {
    let files = MemoryFiles::new().with("main.yaml", blueprint("variables: { n: { type: int, default: 2 } }\nlocals: { m: '${var.n * 2}' }\nresources: { v: { kind: vpc, cidr: 10.0.0.0/16 } }\n"));
    let eval = |text: &str| eval_text(&dialect(), &inputs(), &files, text);
    assert_eq!(eval("local.m + 1").unwrap(), json!(5));
    assert_eq!(eval("n is ${var.n}").unwrap(), json!("n is 2"));
    assert_eq!(eval("v.arn").unwrap(), json!({ "$unknown": true, "type": "string", "text": "${v.arn}" }));
    assert_eq!(eval("blueprint.stack").unwrap(), json!("test"));
    assert_eq!(eval("local.k").unwrap_err().to_string(), "expression:1:1: error[DL0112]: there is no local `k`");
}
