//! Diagnostics as data and as text.

use dlinfra::diagnostic::{Code, Diagnostic, Diagnostics, Label, SourceFile, did_you_mean, render};
use serde_json::json;

fn source() -> std::sync::Arc<SourceFile> {
    SourceFile::new("a.yaml", "\u{feff}a: 1\r\nb: ü ${x}\r\n\r\nlast")
}

/// A code of a test's own.
fn code(code: &'static str) -> &'static Code {
    Box::leak(Box::new(Code { code, title: "Of a test", explain: "Nothing." }))
}

#[test]
fn positions_count_characters_from_one() {
    let s = source();
    let at = |what: &str| {
        let p = s.position(s.text.find(what).unwrap());
        (p.line, p.column)
    };
    assert_eq!((at("a"), at("b"), at("$"), at("last")), ((1, 1), (2, 1), (2, 6), (4, 1)));
    assert_eq!(s.position(usize::MAX).column, 5);
    // Inside of a character is its start.
    assert_eq!(s.position(s.text.find('ü').unwrap() + 1).column, 4);
    assert_eq!((s.line(1), s.line(2), s.line(3), s.line(4), s.line(9)), ("\u{feff}a: 1", "b: ü ${x}", "", "last", ""));
    assert_eq!(s.line_count(), 4);
    let empty = SourceFile::new("e", "");
    assert_eq!((empty.position(3).line, empty.position(3).column), (1, 1));
}

#[test]
fn the_json_form() {
    let s = source();
    let at = s.text.find("${x}").unwrap();
    let d = Diagnostic::error(code("DL0112"), "there is no `x` here")
        .with_detail("a detail")
        .with_help("a help")
        .at_address("train.group")
        .with_label(s.label(at..at + 4, "here"))
        .with_label(Label::secondary(&s, 3..4, ""));
    assert_eq!(
        serde_json::to_value(&d).unwrap(),
        json!({
            "code": "DL0112", "severity": "error", "summary": "there is no `x` here", "detail": "a detail", "help": ["a help"],
            "address": "train.group",
            "labels": [
                { "file": "a.yaml", "line": 2, "column": 6, "end_line": 2, "end_column": 10, "text": "here", "primary": true },
                { "file": "a.yaml", "line": 1, "column": 1, "end_line": 1, "end_column": 2, "text": "", "primary": false },
            ],
        })
    );
    assert_eq!(d.to_string(), "a.yaml:2:6: error[DL0112]: there is no `x` here");
}

#[test]
fn the_text_form() {
    let s = source();
    let at = s.text.find("${x}").unwrap();
    let mut all = Diagnostics::new();
    all.push(Diagnostic::warning(code("DL0147"), "odd").with_label(s.label(at..at + 4, "here")).with_help("do this"));
    all.push(Diagnostic::note(code("DL0206"), "nowhere").at_address("a.b"));
    let end = s.text.len();
    all.push(Diagnostic::error(code("DL0101"), "at the end").with_label(s.label(end..end + 9, "")));
    let text = render(&all, false, 80);
    assert_eq!(
        text,
        "\
warning[DL0147]: odd
 --> a.yaml:2:6
  |
2 | b: ü ${x}
  |      ^^^^ here
  |
  = help: do this

note[DL0206]: a.b: nowhere

error[DL0101]: at the end
 --> a.yaml:4:5
  |
4 | last
  |     ^
"
    );
    assert!(render(&all, true, 80).contains("\u{1b}["));
}

#[test]
fn collections_are_sorted_without_repetitions() {
    let s = source();
    let at = |n: usize| Diagnostic::error(code("DL0101"), format!("at {n}")).with_label(s.label(n..n, ""));
    let mut all: Diagnostics = [at(9), Diagnostic::warning(code("DL0102"), "w"), at(3), at(9)].into_iter().collect();
    assert!(all.has_errors());
    all.sort();
    assert_eq!(all.iter().map(|d| d.summary.as_str()).collect::<Vec<_>>(), ["at 3", "at 9", "w"]);
    assert!(all.clone().into_result(()).is_err());
    let only: Diagnostics = Diagnostic::warning(code("DL0102"), "w").into();
    assert_eq!(only.into_result(5).unwrap().0, 5);
}

#[test]
fn guesses_are_near() {
    assert_eq!(did_you_mean("netwrok", ["network", "node"]), Some("network"));
    assert_eq!(did_you_mean("Network", ["network"]), Some("network"));
    assert_eq!(did_you_mean("x", ["network", "y"]), None);
    assert_eq!(did_you_mean("zebra", ["network", "node"]), None);
}
