//! Sizes that real blueprints never reach must end in a result or in a message, never in a crash.

use std::fmt::Write as _;

use dlinfra::blueprint::{MemoryFiles, eval_text};
use dlinfra::expression::evaluate;
use serde_json::{Value as Json, json};

use crate::support::*;

#[test]
fn long_chains_compile() {
    const N: usize = 20_000;
    let mut text = String::from("resources:\n  v: { kind: vpc, cidr: 10.0.0.0/16 }\n  r0: { kind: bucket }\n");
    for i in 1..N {
        let _ = writeln!(text, "  r{i}: {{ kind: bucket, name: '${{r{}.arn}}' }}", i - 1);
    }
    let c = good(&text);
    assert_eq!(*resource(&c, "r19999").spec, json!({ "name": { "$ref": "r19998", "attr": "arn" } }));

    let mut text = String::from("locals:\n  l0: ${1}\n");
    for i in 1..N {
        let _ = writeln!(text, "  l{i}: ${{local.l{} + 1}}", i - 1);
    }
    assert_eq!(good(&format!("{text}outputs: {{ x: '${{local.l19999}}' }}\n")).outputs["x"].value, json!(20_000));

    let mut text = String::from("resources:\n  r0: { kind: bucket }\n");
    for i in 1..N {
        let _ = writeln!(text, "  r{i}: {{ kind: bucket, when: '${{r{} == null}}' }}", i - 1);
    }
    assert_eq!(good(&text).resources.len(), N / 2);
}

#[test]
fn long_chains_of_unknowns_end_in_a_message() {
    let mut text = String::from("resources: { v: { kind: vpc, cidr: 10.0.0.0/16 } }\nlocals:\n  l0: ${v.arn}\n");
    for i in 1..20_000 {
        let _ = writeln!(text, "  l{i}: ${{upper(local.l{})}}", i - 1);
    }
    let lines = problems(&text);
    assert!(lines.len() == 1 && lines[0].contains("too much of this expression is not known yet"), "{lines:?}");
    // Text in text stays flat.
    let mut text = String::from("resources: { v: { kind: vpc, cidr: 10.0.0.0/16 } }\nlocals:\n  l0: ${v.arn}\n");
    for i in 1..2_000 {
        let _ = writeln!(text, "  l{i}: ${{local.l{}}}x", i - 1);
    }
    good(&text);
}

#[test]
fn a_long_ring_is_one_message() {
    let mut text = String::from("locals:\n");
    for i in 0..5_000 {
        let _ = writeln!(text, "  l{i}: ${{local.l{}}}", (i + 1) % 5_000);
    }
    let lines = problems(&text);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("error[DL0119]"));
}

#[test]
fn values_cannot_grow_without_end() {
    let mut doubling = String::from("locals:\n  l0: [x, x, x, x, x, x, x, x]\n");
    let mut deeper = String::from("locals:\n  l0: [x]\n");
    for i in 1..500 {
        let _ = writeln!(doubling, "  l{i}: ['${{local.l{0}}}', '${{local.l{0}}}']", i - 1);
        let _ = writeln!(deeper, "  l{i}: ['${{local.l{}}}']", i - 1);
    }
    for text in [doubling, deeper] {
        let lines = problems(&text);
        assert!(lines.len() == 1 && lines[0].contains("error[DL0117]: this value is too large"), "{lines:?}");
    }
    for (expression, want) in [
        ("range(1e9)", "a range has up to"),
        ("range(-9e17, 9e17, 3)", "a range has up to"),
        ("join(\"\", [for x in range(99999) : \"0123456789012345\"])", "too long"),
        ("[for a in range(9999) : [for b in range(9999) : b]]", "too large"),
        ("[for a in range(9999) : length([for b in range(9999) : b])]", "too many steps"),
        ("[for a in range(99999) : a if contains(range(99999), a)]", "too many steps"),
        ("[for a in range(99999) : length(merge({ for b in range(99) : b => b }, { a = a }))]", "too many steps"),
        ("[for a in range(99999) : length(sort(range(999)))]", "too many steps"),
        ("[for a in range(99999) : join(\"\", [for b in range(9999) : \"0123456789012345\"])]", "too many steps"),
        ("regex(\"(a{1000}){1000}\", \"a\")", "this is not a pattern"),
        ("format(\"%9999999999d\", 1)", "a width is up to 1000"),
        (
            "replace(join(\"\", [for x in range(9999) : \"a\"]), \"a\", join(\"\", [for x in range(9999) : \"b\"]))",
            "too long",
        ),
    ] {
        let message =
            eval_text(&dialect(), &Default::default(), &MemoryFiles::new(), expression).unwrap_err().to_string();
        assert!(message.contains(want), "{expression}: {message}");
    }
}

#[test]
fn deep_nesting_is_refused() {
    for (open, close) in [("[", "]"), ("{a: ", "}")] {
        let text = format!("locals:\n  a: {}x{}\n", open.repeat(100_000), close.repeat(100_000));
        assert!(problems(&text)[0].contains("nested more than 64 deep"), "{open}");
    }
    let mut block = String::from("locals:\n");
    for i in 0..2000 {
        let _ = writeln!(block, "{}a:", " ".repeat(i + 1));
    }
    assert!(problems(&block)[0].contains("nested more than 64 deep"));
    for expression in [
        format!("{}1{}", "(".repeat(50_000), ")".repeat(50_000)),
        format!("{}1", "!".repeat(50_000)),
        format!("{}1{}", "[".repeat(20_000), "]".repeat(20_000)),
        format!("1{}", " + 1".repeat(10_000)),
        format!("{}1", "true ? 1 : ".repeat(5_000)),
        "\"${".repeat(5_000),
        format!("a{}", "[0]".repeat(15_000)),
        format!("a{}", ".b".repeat(30_000)),
    ] {
        let _ = eval_text(&dialect(), &Default::default(), &MemoryFiles::new(), &expression).unwrap_err();
        let _ = problems(&format!("outputs:\n  x: >-\n    ${{{expression}}}\n"));
    }
}

#[test]
fn residuals_from_elsewhere_are_bounded_too() {
    let mut json = json!(1);
    for _ in 0..300 {
        json = json!({ "fn": "neg", "args": [json] });
    }
    let d = evaluate(&json!({ "$expr": json, "type": "int", "text": "x" }), &|_, _| None::<Json>).unwrap_err();
    assert!(d.summary.contains("nested too deep"), "{d}");
    for odd in [
        json!({ "$expr": { "fn": "nope", "args": [] } }),
        json!({ "$expr": { "fn": "+", "args": [1, "a"] } }),
        json!({ "$expr": { "fn": "length", "args": [] } }),
    ] {
        assert!(evaluate(&odd, &|_, _| None::<Json>).is_err());
    }
}

#[test]
fn modules_are_not_used_without_end() {
    let mut files = MemoryFiles::new().with("modules/m8.yaml", "module: m8\nresources: { b: { kind: bucket } }\n");
    for i in 0..8 {
        let uses: String = (0..8).map(|n| format!("  r{n}: {{ use: m{} }}\n", i + 1)).collect();
        files = files.with(format!("modules/m{i}.yaml"), format!("module: m{i}\nresources:\n{uses}"));
    }
    for text in ["resources: { r: { use: m0 } }\n", "resources: { r: { use: m8, for_each: '${range(20000)}' } }\n"] {
        let problems = try_with(&inputs(), files.clone(), &blueprint(text)).unwrap_err();
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert!(lines.len() == 1 && lines[0].contains("used more than 10000 times"), "{lines:?}");
    }
}

#[test]
fn modules_do_not_nest_without_end() {
    let mut files = MemoryFiles::new();
    for i in 0..30 {
        files = files
            .with(format!("modules/m{i}.yaml"), format!("module: m{i}\nresources: {{ r: {{ use: m{} }} }}\n", i + 1));
    }
    files = files.with("modules/m30.yaml", "module: m30\n");
    let problems = try_with(&inputs(), files, &blueprint("resources: { r: { use: m0 } }\n")).unwrap_err();
    assert!(problems.to_string().contains("modules nest more than 16 deep"));
}

#[test]
fn the_deepest_that_is_allowed_works() {
    let deep = format!("{}x{}", "[".repeat(55), "]".repeat(55));
    let mut files = MemoryFiles::new();
    for i in 0..14 {
        let rest =
            format!("inputs: {{ v: {{ type: any }} }}\nresources: {{ r: {{ use: m{}, v: '${{var.v}}' }} }}\n", i + 1);
        files = files.with(format!("modules/m{i}.yaml"), format!("module: m{i}\n{rest}"));
    }
    let last =
        "module: m14\ninputs: { v: { type: any } }\nresources: { b: { kind: bucket, policy: { A: '${var.v}' } } }\n";
    files = files.with("modules/m14.yaml", last);
    let text = blueprint(&format!("resources: {{ r: {{ use: m0, v: {deep} }} }}\n"));
    let c = try_with(&inputs(), files, &text).unwrap();
    assert_eq!(c.resources.len(), 1);
    let nested = format!("{}1{}", "[".repeat(50), "]".repeat(50));
    assert!(eval_text(&dialect(), &Default::default(), &MemoryFiles::new(), &nested).is_ok());
    let chain = format!("1{}", " + (1".repeat(50)) + &")".repeat(50);
    assert_eq!(eval_text(&dialect(), &Default::default(), &MemoryFiles::new(), &chain).unwrap(), json!(51));
    let residual = format!("{}v.arn{}", "upper(".repeat(60), ")".repeat(60));
    let value = value("resources: { v: { kind: vpc, cidr: 10.0.0.0/16 } }", &residual);
    assert_eq!(evaluate(&value, &|_, _| Some(json!("a"))).unwrap(), json!("A"));
}

#[test]
fn thousands_of_mistakes_are_told_in_time() {
    let mut text = String::from("resources:\n");
    for i in 0..3_000 {
        let _ = writeln!(
            text,
            "  resource-number-{i}: {{ kind: bucket, name: '${{resource-nmber-{i}.arn}}', depends_on: [resource-nmber-{i}] }}"
        );
    }
    assert_eq!(problems(&text).len(), 6_000);
}
