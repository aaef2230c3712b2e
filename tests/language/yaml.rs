//! YAML: the field's type decides, and every problem knows its exact place.

use dlinfra::blueprint::MemoryFiles;
use serde_json::json;

use crate::support::*;

#[test]
fn text_stays_as_it_was_written() {
    let files = MemoryFiles::new().with("b.sh", "#!/bin/sh\necho ${not} $an {{expression}}\n");
    let c = try_with(&inputs(), files, &blueprint(
        "resources:
  g:
    kind: instance-group
    instance_type: 1234e5
    subnet: subnet-1
    boot: { script: b.sh, env: { A: 2.10, B: 012345678901, C: no, D: 0x1F, E: '', F: \"q\\n\", G: 1e3, H: true, I: 2026-11-23 } }
",
    ))
    .unwrap();
    let spec = &resource(&c, "g").spec;
    assert_eq!(spec["instance_type"], "1234e5");
    assert_eq!(
        spec["boot"]["env"],
        json!({ "A": "2.10", "B": "012345678901", "C": "no", "D": "0x1F", "E": "", "F": "q\n", "G": "1e3", "H": "true", "I": "2026-11-23" })
    );
    assert_eq!(spec["boot"]["script"]["name"], "b.sh");
    assert_eq!(spec["boot"]["script"]["text"], "#!/bin/sh\necho ${not} $an {{expression}}\n");
    assert_eq!(spec["boot"]["script"]["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(c.files["b.sh"], spec["boot"]["script"]["sha256"].as_str().unwrap());
}

#[test]
fn positions_are_exact_everywhere() {
    // The same wrong name in every kind of scalar, with CRLF line ends and a byte order mark.
    let text = "\u{feff}blueprint: test
region: us-east-1
outputs:
  plain: ä ${nope} b
  single: 'it''s ${nope} b'
  double: \"a\\tb \\u00e4 \\\"${nope}\\\"\"
  literal: |
    first
      ${nope} ä

    last
  folded: >-
    some words
    ${nope}

      more ${nope}
  flow: [a, {b: \"${nope}\"}, '${nope}']
  long: words that go on
    and on ${nope} and
    on
";
    for text in [text.to_string(), text.replace('\n', "\r\n")] {
        let problems = try_with(&inputs(), MemoryFiles::new(), &text).unwrap_err();
        let mut places = Vec::new();
        for d in problems.iter() {
            let label = d.primary().unwrap();
            assert_eq!(&label.source.text[label.span.clone()], "nope", "{d}");
            places.push((label.start().line, label.start().column));
        }
        assert_eq!(places, [(4, 14), (5, 20), (6, 28), (9, 9), (14, 7), (16, 14), (17, 20), (17, 32), (19, 14)]);
    }
}

#[test]
fn null_is_written_only_without_quotes() {
    let c = good(
        "resources:\n  a: { kind: bucket, name: null, versioning: ~ }\n  b: { kind: bucket, name: 'null', policy: '~' }\n",
    );
    assert_eq!(*resource(&c, "a").spec, json!({ "name": null, "versioning": null }));
    assert_eq!(*resource(&c, "b").spec, json!({ "name": "null", "policy": "~" }));
}

#[test]
fn untyped_places_read_yaml_core() {
    let c = good(
        "resources:
  a:
    kind: bucket
    policy:
      Version: 2012-10-17
      Statement: [{ Effect: Allow, Count: 3, Ratio: 0.5, On: true, Off: no, Text: \"1.10\", Resource: 'arn:aws:s3:::$${aws:username}/*' }]
",
    );
    assert_eq!(
        resource(&c, "a").spec["policy"],
        json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Count": 3, "Ratio": 0.5, "On": true, "Off": "no", "Text": "1.10",
            "Resource": "arn:aws:s3:::${aws:username}/*",
        }] })
    );
}

#[test]
fn aliases_work_and_bombs_do_not() {
    let c = good("locals:\n  a: &a [x, y]\n  b: { c: *a }\noutputs: { o: '${local.b.c[1]}' }\n");
    assert_eq!(c.outputs["o"].value, json!("y"));
    let mut bomb = String::from("locals:\n  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for i in 1..12 {
        let list = vec![format!("*a{}", i - 1); 10].join(", ");
        bomb.push_str(&format!("  a{i}: &a{i} [{list}]\n"));
    }
    assert!(problems(&bomb)[0].contains("error[DL0108]: aliases repeat too much"), "{:?}", problems(&bomb));
    let mut tower = String::from("locals:\n  a0: &a0 [x]\n");
    for i in 1..100 {
        tower.push_str(&format!("  a{i}: &a{i} [*a{}]\n", i - 1));
    }
    assert!(problems(&tower)[0].contains("error[DL0108]: aliases nest too deep"), "{:?}", problems(&tower));
    assert!(problems("locals:\n  a: &a [*a]\n")[0].contains("inside its own anchor"));
    assert!(problems("locals:\n  a: *none\n")[0].contains("names an anchor that does not exist"));
}

#[test]
fn all_problems_in_one_run() {
    let lines = problems(
        "owner: { a: b }
ttl: 72
variables: { n: { type: int } }
locals: { x: '${1 +}' }
resources:
  v: { kind: vpc, cidr: 10.0.0.1/16 }
  s: { kind: subnet, vpc: '${w}', cidr: 10.0.0.0/24, zonee: a }
outputs: { o: '${v.nope}' }
",
    );
    let codes: Vec<&str> = lines.iter().map(|l| &l[l.find('[').unwrap() + 1..][..6]).collect();
    assert_eq!(codes, ["DL0122", "DL0123", "DL0130", "DL0110", "DL0123", "DL0112", "DL0120", "DL0116"], "{lines:#?}");
}
