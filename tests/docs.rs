//! The documentation, run: blueprints compile, commands work in the sandbox, generated pages and pictures are current.
//!
//! `DLINFRA_BLESS=1 cargo test --test docs` writes `docs/kinds.md`, `docs/rules.md`, `docs/images/plan.svg`
//! and the pictures in `tests/golden/screens` again.
//! Each page's `sh` blocks run one after the other in a folder of their own that holds a copy of `blueprints/`; blocks
//! marked `sh aws` need something else and do not run. `docs/language.md` has a test of its own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

#[path = "docs/pipelines.rs"]
mod pipelines;
#[path = "docs/reports.rs"]
mod reports;
#[path = "docs/screens.rs"]
mod screens;
#[path = "shipped/mod.rs"]
mod shipped;
#[path = "docs/tutorial.rs"]
mod tutorial;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use dlinfra::blueprint::{Inputs, RealFiles, compile};
use dlinfra::compose::compose;
use dlinfra::diagnostic::render;
use dlinfra::kinds::dialect;
use regex_lite::Regex;

#[test]
fn readme() {
    run_page("README.md");
}

#[test]
fn recipes() {
    run_page("docs/recipes.md");
}

#[test]
fn sandbox() {
    run_page("docs/sandbox.md");
}

#[test]
fn plans() {
    run_page("docs/plans.md");
}

#[test]
fn ci() {
    run_page("docs/ci.md");
}

#[test]
fn jobs() {
    run_page("docs/jobs.md");
    run_page("docs/rehearse.md");
}

#[test]
fn recovery() {
    run_page("docs/recovery.md");
}

#[test]
fn blueprints_in_the_text_compile() {
    let folder = tempfile::tempdir().unwrap();
    let mut checked = 0;
    for page in pages().iter().filter(|page| *page != "docs/language.md") {
        for block in blocks(page, "yaml") {
            if !block.lines().any(|line| line.starts_with("blueprint:")) {
                continue;
            }
            let file = folder.path().join("blueprint.yaml");
            fs::write(&file, &block).unwrap();
            let inputs = Inputs { file, ..Inputs::default() };
            if let Err(problems) = compile(dialect(), &inputs, &RealFiles).and_then(compose) {
                panic!("{page}:\n{block}\n{}", render(&problems, false, 100));
            }
            checked += 1;
        }
    }
    assert!(checked >= 7, "only {checked} blueprints were found: has the form of the blocks changed?");
}

/// `dlinfra WORD` in running text names a command that exists.
#[test]
fn commands_in_the_text_exist() {
    let help = text(&dlinfra(Path::new("."), &["--help"]));
    let known: BTreeSet<&str> = help
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let named = Regex::new(r"`dlinfra ([a-z]+)").unwrap();
    let mut wrong = Vec::new();
    for page in pages() {
        for found in named.captures_iter(&read(&page)) {
            if !known.contains(&found[1]) {
                wrong.push(format!("{page}: there is no `dlinfra {}`", &found[1]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Links between pages lead somewhere.
#[test]
fn links_lead_to_files() {
    let link = Regex::new(r"\]\(([^)#:]+)(#[^)]*)?\)").unwrap();
    let mut wrong = Vec::new();
    for page in pages() {
        let folder = Path::new(&page).parent().unwrap().to_owned();
        for found in link.captures_iter(&read(&page)) {
            if !root().join(&folder).join(&found[1]).exists() {
                wrong.push(format!("{page}: {}", &found[1]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn kinds_page_is_current() {
    let mut page = String::from(
        "# Kinds\n\nEvery kind of resource that a blueprint can have, as `dlinfra kinds KIND` shows it. This page is generated\n\
         from the program: `DLINFRA_BLESS=1 cargo test --test docs`.\n\n| kind | what it is |\n|---|---|\n",
    );
    let all = json(&["kinds", "--format", "json"]);
    let kinds: Vec<(&str, &str)> = all["kinds"]
        .as_array()
        .unwrap()
        .iter()
        .map(|kind| (kind["kind"].as_str().unwrap(), kind["doc"].as_str().unwrap()))
        .collect();
    for (kind, doc) in &kinds {
        writeln!(page, "| [{kind}](#{kind}) | {doc} |").unwrap();
    }
    for (kind, _) in &kinds {
        let shown = text(&dlinfra(Path::new("."), &["kinds", kind]));
        let (_, body) = shown.split_once("\n\n").unwrap();
        write!(page, "\n## {kind}\n\n```text\n{}\n```\n", body.trim_end()).unwrap();
    }
    current("docs/kinds.md", &page);
}

#[test]
fn rules_page_is_current() {
    let chapters = [
        ("DL01", "The language"),
        ("DL02", "Rules across resources"),
        ("DL03", "Fields of a resource"),
        ("DL04", "AWS"),
        ("DL05", "Engine and journal"),
        ("DL06", "Cost"),
        ("DL07", "The command line"),
        ("DL08", "Stacks that end by themselves, and jobs"),
        ("DL1 DL2", "Fields of further kinds, a hundred numbers each"),
    ];
    let all = json(&["explain", "--format", "json"]);
    let codes: Vec<&str> = all["codes"].as_array().unwrap().iter().map(|code| code["code"].as_str().unwrap()).collect();
    let rules = codes.iter().filter(|code| ["DL02", "DL03", "DL1", "DL2"].iter().any(|p| code.starts_with(p))).count();
    let mut page = format!(
        "# Codes\n\nEvery code that dlinfra can show, as `dlinfra explain CODE` explains it. This page is generated from the\n\
         program: `DLINFRA_BLESS=1 cargo test --test docs`. {rules} of the {} are rules about what a blueprint describes; the\n\
         tests show each of them something that it finds and something that passes. `allow:` in a blueprint silences a\n\
         rule, with a reason.\n",
        codes.len()
    );
    let mut written = 0;
    for (prefix, title) in chapters {
        write!(page, "\n## {title}\n").unwrap();
        for code in codes.iter().filter(|code| prefix.split(' ').any(|p| code.starts_with(p))) {
            let one = json(&["explain", code, "--format", "json"]);
            let (title, explain) = (one["title"].as_str().unwrap(), one["explain"].as_str().unwrap());
            write!(page, "\n### {code}: {title}\n\n{}\n", explain.trim()).unwrap();
            written += 1;
        }
    }
    assert_eq!(written, codes.len(), "a code belongs to no chapter");
    current("docs/rules.md", &page);
}

#[test]
fn picture_of_a_plan_is_current() {
    let folder = copy();
    let plan = screens::screen(folder.path(), 112, "plan blueprints/efa-training.yaml");
    let shown =
        format!("$ dlinfra plan blueprints/efa-training.yaml --sandbox\n{plan}").replace(" --sandbox-speed max", "");
    current("docs/images/plan.svg", &screens::picture(&shown));
}

/// Runs the `sh` blocks of a page.
fn run_page(page: &str) {
    let folder = copy();
    let mut ran = 0;
    for block in blocks(page, "sh") {
        // Cargo would build the program again; it is here already.
        let script: String = block
            .lines()
            .filter(|line| !line.starts_with("cargo test"))
            .map(|line| format!("{}\n", line.replace("cargo run --release -- ", "dlinfra ")))
            .collect();
        let output = shell(folder.path(), &script);
        assert!(
            output.status.success(),
            "{page}:\n{script}\n{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        ran += 1;
    }
    assert!(ran > 0, "{page} has no `sh` block");
}

/// A folder with a copy of the blueprints, as somebody would have it who has just begun.
fn copy() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let blueprints = folder.path().join("blueprints");
    fs::create_dir(&blueprints).unwrap();
    for file in shipped::blueprints() {
        fs::copy(&file, blueprints.join(file.file_name().unwrap())).unwrap();
    }
    folder
}

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_dlinfra"))
}

/// Without the caller's settings, so that a page means the same everywhere.
fn clean(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars() {
        if name.starts_with("DLINFRA_") || name.starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    command.env("NO_COLOR", "1").env_remove("COLUMNS")
}

fn dlinfra(folder: &Path, arguments: &[&str]) -> Output {
    clean(Command::new(program()).args(arguments).current_dir(folder)).output().unwrap()
}

fn shell(folder: &Path, script: &str) -> Output {
    let path = format!("{}:{}", program().parent().unwrap().display(), std::env::var("PATH").unwrap());
    clean(Command::new("sh").args(["-eu", "-c", script]).current_dir(folder).env("PATH", path)).output().unwrap()
}

fn json(arguments: &[&str]) -> serde_json::Value {
    serde_json::from_slice(&dlinfra(Path::new("."), arguments).stdout).unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(page: &str) -> String {
    fs::read_to_string(root().join(page)).unwrap()
}

/// README, CONTRIBUTING and everything in `docs/`.
fn pages() -> Vec<String> {
    let mut pages = vec!["README.md".to_owned(), "CONTRIBUTING.md".to_owned()];
    for file in fs::read_dir(root().join("docs")).unwrap().map(|file| file.unwrap().path()) {
        if file.extension().is_some_and(|ending| ending == "md") {
            pages.push(format!("docs/{}", file.file_name().unwrap().to_string_lossy()));
        }
    }
    pages.sort();
    pages
}

/// The fenced blocks of a page with exactly this mark.
fn blocks(page: &str, mark: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open: Option<(bool, String)> = None;
    for line in read(page).lines() {
        match &mut open {
            None => open = line.strip_prefix("```").map(|it| (it.trim() == mark, String::new())),
            Some((wanted, block)) if line.starts_with("```") => {
                if *wanted {
                    found.push(std::mem::take(block));
                }
                open = None;
            }
            Some((_, block)) => {
                block.push_str(line);
                block.push('\n');
            }
        }
    }
    found
}

/// Compares a generated file, or writes it when `DLINFRA_BLESS` is set.
fn current(file: &str, wanted: &str) {
    let path = root().join(file);
    if std::env::var_os("DLINFRA_BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, wanted).unwrap();
        return;
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == wanted, "{file} is not current; write it again with DLINFRA_BLESS=1 cargo test --test docs");
}
