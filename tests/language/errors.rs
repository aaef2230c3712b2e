//! One golden for each code: the input in `golden/CODE*.in`, what people are told in `golden/CODE*.out`.
//!
//! `UPDATE_GOLDEN=1` writes the outputs anew; read them before committing.

use std::collections::BTreeSet;
use std::path::PathBuf;

use dlinfra::blueprint::{Inputs, MemoryFiles, compile};
use dlinfra::diagnostic::render;

use crate::support::{codes, dialect};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/language/golden")
}

/// `=== name` starts a file, `=== var name=value` gives a variable, `=== bytes name` a file of one NUL byte.
fn parts(text: &str) -> (Inputs, MemoryFiles) {
    let mut inputs = Inputs { file: "main.yaml".into(), ..Inputs::default() };
    let mut files = MemoryFiles::new();
    let mut name = "main.yaml".to_string();
    let mut body = String::new();
    for line in text.lines() {
        let Some(rest) = line.strip_prefix("=== ") else {
            body.push_str(line);
            body.push('\n');
            continue;
        };
        if !body.is_empty() {
            files = files.with(&name, std::mem::take(&mut body));
        }
        if let Some((n, v)) = rest.strip_prefix("var ").and_then(|v| v.split_once('=')) {
            inputs.vars.insert(n.to_string(), v.to_string());
        } else if let Some(n) = rest.strip_prefix("bytes ") {
            files = files.with(n, [0_u8]);
        } else if let Some(n) = rest.strip_prefix("large ") {
            files = files.with(n, "# large\n".repeat(700_000));
        } else {
            name = rest.to_string();
        }
    }
    if !body.is_empty() {
        files = files.with(&name, body);
    }
    (inputs, files)
}

#[test]
fn goldens() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    let mut names: Vec<PathBuf> = std::fs::read_dir(folder()).unwrap().map(|e| e.unwrap().path()).collect();
    names.sort();
    for input in names.iter().filter(|p| p.extension().is_some_and(|e| e == "in")) {
        let (inputs, files) = parts(&std::fs::read_to_string(input).unwrap());
        let shown = match compile(&dialect(), &inputs, &files) {
            Ok(c) => render(&c.warnings, false, 100),
            Err(d) => render(&d, false, 100),
        };
        let output = input.with_extension("out");
        let code = &input.file_stem().unwrap().to_str().unwrap()[..6];
        assert!(shown.contains(&format!("[{code}]")), "{}:\n{shown}", input.display());
        if update {
            std::fs::write(&output, &shown).unwrap();
        } else if std::fs::read_to_string(&output).unwrap_or_default() != shown {
            wrong.push(format!("{}:\n{shown}", output.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_code_has_a_golden_and_an_explanation() {
    let have: BTreeSet<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|e| e.unwrap().file_name().to_str().unwrap()[..6].to_string())
        .collect();
    let mut seen = BTreeSet::new();
    for code in codes() {
        assert!(seen.insert(code.code), "{} twice", code.code);
        assert!(
            code.code.starts_with("DL01") && code.explain.len() > 40 && !code.title.ends_with('.'),
            "{}",
            code.code
        );
        assert!(have.contains(code.code), "{} has no golden", code.code);
    }
}
