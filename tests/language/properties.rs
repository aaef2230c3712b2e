//! Whatever is given, the language answers: with a result or with messages, never with a panic.

use dlinfra::blueprint::{MemoryFiles, eval_text};
use dlinfra::diagnostic::render;
use proptest::prelude::*;

use crate::support::*;

const PIECES: &[&str] = &[
    "a",
    "b: ",
    "- ",
    "\n",
    "  ",
    "    ",
    "[",
    "]",
    "{",
    "}",
    ", ",
    ": ",
    "'",
    "\"",
    "${",
    "}",
    "$${",
    "%{",
    "|\n",
    ">-\n",
    "# c\n",
    "&a ",
    "*a",
    "<<: ",
    "!t ",
    "---\n",
    "resources:\n",
    "  r:\n",
    "    kind: vpc\n",
    "    use: network\n",
    "    cidr: 10.0.0.0/16\n",
    "var.x",
    "local.y",
    "for_each: ",
    "when: ",
    "null",
    "~",
    "1.10",
    "ä",
    "\u{feff}",
    "\r\n",
    "\t",
    "each.key",
    "outputs:\n",
    "locals:\n",
    "variables:\n",
    "type: int",
    "\\x4",
    "\u{0}",
];

const TOKENS: &[&str] = &[
    "1",
    "0.5",
    "9e99",
    "-",
    "+",
    "*",
    "/",
    "%",
    "==",
    "!=",
    "<",
    ">=",
    "&&",
    "||",
    "!",
    "?",
    ":",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ".",
    "...",
    "\"",
    "\"a\"",
    "\"${",
    "}",
    "null",
    "true",
    "v",
    "v.arn",
    "g.addresses",
    "s[*]",
    "for",
    "x",
    "in",
    "if",
    "=>",
    "=",
    "length(",
    "join(",
    "range(",
    "size(\"1 GiB\")",
    "try(",
    "regex(",
    "format(\"%d\", ",
    "cidrsubnet(",
    "zipmap(",
    "instance(\"p5.48xlarge\")",
    " ",
    "\n",
    "ä",
    "%{",
    "<<A",
    "'",
    "\\",
    "jsondecode(",
    "element(",
    "[0]",
    ".0",
    ".*",
];

fn text(pieces: &'static [&'static str], most: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(pieces), 0..most).prop_map(|all| all.concat())
}

const RESOURCES: &str = "resources:
  v: { kind: vpc, cidr: 10.0.0.0/16 }
  g: { kind: instance-group, instance_type: g5.xlarge, subnet: subnet-1 }
  s: { kind: vpc, cidr: 10.0.0.0/16, for_each: [a, b] }
";

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_answered(text in ".{0,200}") {
        if let Err(d) = try_with(&inputs(), MemoryFiles::new(), &text) {
            prop_assert!(d.has_errors());
            let _ = render(&d, false, 80);
            let _ = serde_json::to_string(&d);
        }
    }

    #[test]
    fn any_yaml_like_text_is_answered(text in text(PIECES, 60)) {
        for text in [blueprint(&text), text] {
            if let Err(d) = try_with(&inputs(), MemoryFiles::new(), &text) {
                for one in d.iter() {
                    for label in &one.labels {
                        prop_assert!(label.source.text.get(label.span.clone()).is_some(), "{one} {:?}", label.span);
                    }
                }
                let _ = render(&d, true, 80);
            }
        }
    }

    #[test]
    fn any_expression_is_answered(tokens in text(TOKENS, 20)) {
        let files = MemoryFiles::new().with("main.yaml", blueprint(RESOURCES));
        if let Ok(json) = eval_text(&dialect(), &inputs(), &files, &tokens) {
            let _ = json.to_string();
        }
        if let Err(d) = try_compile(&format!("{RESOURCES}outputs:\n  x: '${{{}}}'\n", tokens.replace('\'', "''"))) {
            let _ = render(&d, false, 80);
        }
    }

    #[test]
    fn any_call_is_answered(name in prop::sample::select(dlinfra::expression::functions().iter().map(|f| f.name).collect::<Vec<_>>()), args in prop::collection::vec(prop::sample::select(&[
        "1", "-1", "9e20", "0.5", "\"\"", "\"a\"", "\"10.0.0.0/8\"", "\"0.0.0.0/0\"", "32", "9223372036854775807", "-9223372036854775807", "null", "true", "[]", "[1, 2]", "[\"a\", null]", "{}", "{ a = 1 }", "v", "v.arn",
        "g.addresses", "s", "[v.arn]", "size(\"16383 PiB\")", "money(\"1 USD/h\")", "duration(\"1d\")", "\"%d%s%9.3f\"", "\"[a-z]+\"", "[[1], [2, [3]]]", "g",
    ][..]), 0..4)) {
        let files = MemoryFiles::new().with("main.yaml", blueprint(RESOURCES));
        let expression = format!("{name}({})", args.join(", "));
        if let Ok(json) = eval_text(&dialect(), &inputs(), &files, &expression) {
            let _ = json.to_string();
        }
        // What stays unknown can be computed later, whatever AWS answers.
        if let Ok(c) = try_compile(&format!("{RESOURCES}outputs:\n  x: '${{{expression}}}'\n")) {
            let value = &c.outputs["x"].value;
            for answer in [serde_json::json!("x"), serde_json::json!([1]), serde_json::json!({ "a": null }), serde_json::json!(null), serde_json::json!(1e300)] {
                let _ = dlinfra::expression::evaluate(value, &|_, _| Some(answer.clone()));
            }
            prop_assert_eq!(&dlinfra::expression::evaluate(value, &|_, _| None).unwrap(), value);
        }
    }

    #[test]
    fn units_read_back_what_they_write(bytes in any::<u64>(), seconds in 0_u64..31_622_400_000, address in any::<u32>(), prefix in 0_u8..=32) {
        use dlinfra::units::{Cidr, Size, Span};
        let size = Size::from_bytes(bytes);
        prop_assert_eq!(size.to_string().parse::<Size>().unwrap(), size);
        let span = Span::from_seconds(seconds);
        prop_assert_eq!(span.to_string().parse::<Span>().unwrap(), span);
        let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
        let cidr = Cidr::new((address & mask).into(), prefix).unwrap();
        prop_assert_eq!(cidr.to_string().parse::<Cidr>().unwrap(), cidr);
    }

    #[test]
    fn units_answer_any_text(text in "[0-9a-zA-Z./ $_-]{0,20}") {
        let _ = text.parse::<dlinfra::units::Size>();
        let _ = text.parse::<dlinfra::units::Span>();
        let _ = text.parse::<dlinfra::units::Money>();
        let _ = text.parse::<dlinfra::units::Cidr>();
        let _ = text.parse::<dlinfra::units::Bandwidth>();
        let _ = text.parse::<dlinfra::units::PerTib>();
        let _ = text.parse::<dlinfra::expression::Type>();
    }
}
