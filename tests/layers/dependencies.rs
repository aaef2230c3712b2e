//! What dependencies may be: licences, sources and versions by `deny.toml`, and none that nothing uses.
//!
//! `cargo deny check` says the same and more (advisories, yanked versions) where it is installed.
use super::{code, sources};
use regex_lite::Regex;
use serde_json::Value;
use std::{collections::BTreeSet, fs, process::Command};

/// Named in a manifest for what they switch on in other crates, as a comment there says.
const FOR_FEATURES: [&str; 2] = ["num-traits", "regex-syntax"];

/// What Rust calls a package; not always its own name (`md-5` is `md5`).
fn library(metadata: &Value, package: &str) -> String {
    let is = |p: &&Value| p["name"] == package;
    let targets = packages(metadata).iter().filter(is).flat_map(|p| p["targets"].as_array().unwrap());
    let mut names = targets.filter(|t| t["kind"] != serde_json::json!(["custom-build"])).map(|t| &t["name"]);
    names.next().and_then(Value::as_str).unwrap().replace('-', "_")
}

/// Everything that the lock file holds, as cargo sees it.
fn metadata() -> Value {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let ask = |more: &[&str]| {
        let mut command = Command::new(&cargo);
        command.args(["metadata", "--format-version=1", "--locked"]).args(more);
        command.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap()
    };
    let mut output = ask(&["--offline"]);
    if !output.status.success() {
        // Crates of other platforms are part of the lock file, and a build here does not fetch them.
        output = ask(&[]);
    }
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn packages(metadata: &Value) -> &[Value] {
    let found = metadata["packages"].as_array().unwrap();
    assert!(found.len() > 100, "only {} packages: has the form of the answer changed?", found.len());
    found
}

/// The words of a list in `deny.toml`.
fn stated(list: &str) -> BTreeSet<String> {
    let text = fs::read_to_string("deny.toml").unwrap();
    let line = text.lines().find_map(|l| l.strip_prefix(list)?.trim_start().strip_prefix('=')).unwrap();
    let words: BTreeSet<String> =
        Regex::new(r#""([^"]+)""#).unwrap().captures_iter(line).map(|c| c[1].to_owned()).collect();
    assert!(!words.is_empty(), "deny.toml states no `{list}`");
    words
}

/// Does this SPDX expression leave a choice that is allowed? `AND` binds before `OR`; older manifests write `/` for it.
fn permits(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let (met, rest) = any(&words, allowed);
    assert!(rest.is_empty(), "{expression} is not a licence expression");
    met
}

fn any<'a, 'b>(words: &'a [&'b str], allowed: &BTreeSet<String>) -> (bool, &'a [&'b str]) {
    let (mut met, mut rest) = all(words, allowed);
    while let ["OR", after @ ..] = rest {
        let (next, left) = all(after, allowed);
        (met, rest) = (met || next, left);
    }
    (met, rest)
}

fn all<'a, 'b>(words: &'a [&'b str], allowed: &BTreeSet<String>) -> (bool, &'a [&'b str]) {
    let (mut met, mut rest) = one(words, allowed);
    while let ["AND", after @ ..] = rest {
        let (next, left) = one(after, allowed);
        (met, rest) = (met && next, left);
    }
    (met, rest)
}

fn one<'a, 'b>(words: &'a [&'b str], allowed: &BTreeSet<String>) -> (bool, &'a [&'b str]) {
    match words {
        ["(", inner @ ..] => {
            let (met, rest) = any(inner, allowed);
            (met, rest.strip_prefix(&[")"]).unwrap_or(rest))
        }
        // An exception only adds rights.
        [licence, "WITH", _, rest @ ..] | [licence, rest @ ..] => (allowed.contains(*licence), rest),
        [] => (false, words),
    }
}

#[test]
fn expressions_of_licences_are_read() {
    let allowed = BTreeSet::from(["MIT".to_owned(), "ISC".to_owned()]);
    assert!(permits("MIT", &allowed) && permits("GPL-3.0 OR MIT", &allowed) && permits("MIT/GPL-3.0", &allowed));
    assert!(permits("ISC AND (GPL-3.0 OR MIT)", &allowed) && permits("MIT WITH LLVM-exception OR X", &allowed));
    assert!(!permits("MIT AND GPL-3.0", &allowed) && !permits("GPL-3.0", &allowed) && !permits("", &allowed));
}

#[test]
fn licences_are_allowed_and_sources_known() {
    let (metadata, allowed) = (metadata(), stated("allow"));
    let members: BTreeSet<&str> =
        metadata["workspace_members"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let mut wrong = Vec::new();
    for package in packages(&metadata) {
        let (name, licence) = (&package["name"], package["license"].as_str().unwrap_or(""));
        if !permits(licence, &allowed) {
            wrong.push(format!("{name}: the licence `{licence}` is not in deny.toml"));
        }
        let known = match package["source"].as_str() {
            None => members.contains(package["id"].as_str().unwrap()),
            Some(source) => source == "registry+https://github.com/rust-lang/crates.io-index",
        };
        if !known {
            wrong.push(format!("{name}: comes from {}, and deny.toml knows crates.io only", package["source"]));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_dependency_has_a_version_and_is_used() {
    let metadata = metadata();
    let mut wrong = Vec::new();
    let mut seen = 0;
    for package in packages(&metadata).iter().filter(|p| p["source"].is_null()) {
        let (folders, manifest): (&[&str], _) = match package["name"].as_str().unwrap() {
            "dlinfra" => (&["src", "tests", "benches", "examples"], "Cargo.toml"),
            _ => (&["sandbox/src", "sandbox/tests"], "sandbox/Cargo.toml"),
        };
        let text: String = folders.iter().flat_map(|folder| sources(folder)).map(|file| code(&file)).collect();
        for dependency in package["dependencies"].as_array().unwrap() {
            seen += 1;
            let name = dependency["name"].as_str().unwrap();
            if dependency["req"] == "*" && dependency["path"].is_null() {
                wrong.push(format!("{manifest}: {name} has no version"));
            }
            let library = library(&metadata, name);
            // A table for a macro may name a library without a path.
            let used = text.contains(&format!("{library}::")) || text.contains(&format!(" {library},"));
            if !used && !FOR_FEATURES.contains(&name) {
                wrong.push(format!("{manifest}: nothing uses {name}"));
            }
        }
    }
    assert!(seen > 40 && wrong.is_empty(), "{seen} seen: {wrong:#?}");
}
