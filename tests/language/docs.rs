//! The language reference: its blocks compile, its wrong blocks are refused, its tables are those of the program.
//!
//! `UPDATE_GOLDEN=1` writes the generated tables anew.

use std::fmt::Write as _;
use std::path::PathBuf;

use dlinfra::blueprint::keys::{self, KeyDoc};
use dlinfra::blueprint::{Inputs, MemoryFiles, compile, eval_text};
use dlinfra::diagnostic::render;
use dlinfra::expression::functions;
use dlinfra::kinds::dialect;

use crate::support::codes;

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/language.md")
}

/// The info string and the text of each fenced block.
fn blocks(text: &str) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in text.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(info)) => open = Some((info.to_string(), String::new())),
            (Some(_), Some(_)) => all.extend(open.take()),
            (Some((_, body)), None) => {
                body.push_str(line);
                body.push('\n');
            }
            (None, None) => {}
        }
    }
    all
}

#[test]
fn every_block_compiles_or_is_wrong_as_it_says() {
    let text = std::fs::read_to_string(path()).unwrap();
    let mut files = MemoryFiles::new();
    let mut checked = 0;
    for (info, body) in blocks(&text) {
        let Some(rest) = info.strip_prefix("yaml") else { continue };
        if let Some(name) = rest.trim().strip_prefix("file=") {
            files = files.with(name, body);
            continue;
        }
        let whole = if body.starts_with("blueprint:") {
            body.clone()
        } else {
            format!("blueprint: docs\nregion: us-east-1\n{body}")
        };
        let inputs = Inputs { file: "main.yaml".into(), ..Inputs::default() };
        let result = compile(dialect(), &inputs, &files.clone().with("main.yaml", whole));
        match (rest.trim().strip_prefix("wrong "), result) {
            (None, Ok(_)) => {}
            (None, Err(d)) => panic!("{body}\n{}", render(&d, false, 120)),
            (Some(code), Ok(_)) => panic!("{code} is expected for:\n{body}"),
            (Some(code), Err(d)) => {
                assert!(
                    d.iter().all(|d| d.code == code),
                    "{code} is expected for:\n{body}\n{}",
                    render(&d, false, 120)
                );
            }
        }
        checked += 1;
    }
    assert!(checked >= 20, "only {checked} blocks");
}

#[test]
fn every_example_of_an_expression_has_its_value() {
    let text = std::fs::read_to_string(path()).unwrap();
    let mut checked = 0;
    let rows = text
        .split("| Expression | Value |")
        .skip(1)
        .flat_map(|table| table.lines().skip(2).take_while(|l| l.starts_with('|')));
    for row in rows {
        let cells: Vec<&str> = row.split('`').collect();
        let [_, expression, _, value, _] = cells.as_slice() else { panic!("{row}") };
        let made = eval_text(dialect(), &Inputs::default(), &MemoryFiles::new(), expression)
            .unwrap_or_else(|d| panic!("{expression}: {d}"));
        let want: serde_json::Value = serde_json::from_str(value).unwrap();
        assert_eq!(made, want, "{expression}");
        checked += 1;
    }
    assert!(checked > 12, "only {checked} rows");
}

fn table(rows: &[KeyDoc]) -> String {
    let mut out = String::from("| Key | Holds | |\n|---|---|---|\n");
    for k in rows {
        let required = if k.required { " **Required.**" } else { "" };
        let _ = writeln!(out, "| `{}` | {} | {}.{required} |", k.name, k.holds, k.doc);
    }
    out
}

fn generated(name: &str) -> String {
    match name {
        "keys of a resource" => table(keys::RESOURCE),
        "keys of a variable" => table(keys::VARIABLE),
        "keys of a module" => table(keys::MODULE),
        "keys of a check" => table(keys::CHECK),
        "keys of an output" => table(keys::OUTPUT),
        "keys of the top level" => table(keys::TOP_LEVEL),
        "functions" => {
            let mut out = String::from("| Function | | Example | Value |\n|---|---|---|---|\n");
            for f in functions() {
                let code = |text: &str| match text {
                    "" => String::new(),
                    text => format!("`{}`", text.replace('|', "\\|")),
                };
                let _ =
                    writeln!(out, "| {} | {}. | {} | {} |", code(f.signature), f.doc, code(f.example), code(f.result));
            }
            out
        }
        "codes" => {
            let mut out = String::from("| Code | |\n|---|---|\n");
            for c in codes() {
                let _ = writeln!(out, "| {} | {} |", c.code, c.title);
            }
            out
        }
        other => panic!("nothing generates `{other}`"),
    }
}

#[test]
fn the_tables_are_those_of_the_program() {
    let text = std::fs::read_to_string(path()).unwrap();
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some(start) = rest.find("<!-- ") {
        let (before, marker) = rest.split_at(start);
        let (name, after) = marker["<!-- ".len()..].split_once(" -->\n").unwrap();
        let end = after.find("<!-- end -->").unwrap();
        let _ = write!(out, "{before}<!-- {name} -->\n{}", generated(name));
        out.push_str("<!-- end -->");
        rest = &after[end + "<!-- end -->".len()..];
    }
    out.push_str(rest);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path(), out).unwrap();
    } else {
        assert!(out == text, "run the test with UPDATE_GOLDEN=1 and read the difference");
    }
}
