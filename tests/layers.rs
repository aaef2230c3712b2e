//! The architecture, checked: imports point down, SDK types and output stay in their places, files stay small.
//!
//! The crate docs (`src/lib.rs`) describe what this test enforces; change both together.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "layers/dependencies.rs"]
mod dependencies;
#[path = "layers/facts.rs"]
mod facts;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use regex_lite::Regex;

/// The modules of the library, and above them those of the command, from the bottom up. A module may import its own layer
/// and those below it.
const LAYERS: &[&[&str]] = &[
    &["address", "clock", "diagnostic", "facts", "graph", "packed", "private", "spec", "units"],
    &["aws"],
    &["call", "catalog", "expression", "field", "kind", "price", "record", "resource"],
    &["blueprint", "topology"],
    &["snapshot"],
    &["plan"],
    &["apply", "journal", "run"],
    &["engine"],
    &["cost", "preflight", "rehearsal"],
    &["report", "terraform"],
    &["kinds", "rules"],
    &["compose"],
    &["explain", "reaper", "saved"],
    &["ui"],
    &["cli"],
    &["function"],
];

/// The modules of the command, a crate of its own.
const COMMAND: &str = "src/bin/dlinfra";

/// Modules that stand high in the list, so that nothing below can import them, and yet import only what is low.
const CEILINGS: &[(&str, &str)] = &[("kinds", "blueprint"), ("rules", "blueprint")];

/// Lines of code, without comments, blank lines and test modules, above which a file must say why it is one file.
const LARGE: usize = 350;

#[test]
fn imports_point_down() {
    let layer: BTreeMap<&str, usize> =
        LAYERS.iter().enumerate().flat_map(|(n, modules)| modules.iter().map(move |module| (*module, n))).collect();
    let mut wrong = BTreeSet::new();
    for file in sources("src") {
        let Some(module) = module_of(&file) else { continue };
        let Some(&own) = layer.get(module.as_str()) else {
            wrong.insert(format!("{}: the module `{module}` has no layer in tests/layers.rs", show(&file)));
            continue;
        };
        let ceiling = CEILINGS.iter().find(|(name, _)| *name == module).map_or(own, |(_, top)| layer[top]);
        for used in imports(&code(&file)) {
            match layer.get(used.as_str()) {
                _ if used == module => {}
                Some(&theirs) if theirs <= ceiling || theirs == own => {}
                Some(_) => {
                    wrong.insert(format!("{}: `{module}` must not import `{used}`, which is above it", show(&file)));
                }
                None => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{}", lines(&wrong));
}

#[test]
fn every_layer_exists() {
    let found: BTreeSet<String> = sources("src").iter().filter_map(|file| module_of(file)).collect();
    let stale: Vec<_> = LAYERS.iter().flat_map(|layer| layer.iter()).filter(|name| !found.contains(**name)).collect();
    assert!(stale.is_empty(), "in tests/layers.rs, but not in src/: {stale:?}");
}

#[test]
fn sdk_types_stay_in_aws_and_kinds() {
    let sdk = Regex::new(r"\b(aws_sdk_\w+|aws_config|aws_smithy_\w+|aws_credential_types)\b").unwrap();
    let mut wrong = BTreeSet::new();
    for file in sources("src") {
        if matches!(module_of(&file).as_deref(), Some("aws" | "kinds")) {
            continue;
        }
        for (number, line) in code(&file).lines().enumerate() {
            if let Some(found) = sdk.find(line) {
                wrong.insert(format!("{}:{}: {}", show(&file), number + 1, found.as_str()));
            }
        }
    }
    assert!(wrong.is_empty(), "SDK types outside src/aws and src/kinds:\n{}", lines(&wrong));
}

#[test]
fn only_the_ui_prints() {
    let print = Regex::new(r"\b(print|println|eprint|eprintln|dbg)!|\bio::(stdout|stderr)\(").unwrap();
    let mut wrong = BTreeSet::new();
    let ui = Path::new(COMMAND).join("ui");
    for file in sources("src").into_iter().filter(|file| !file.starts_with(&ui)) {
        for (number, line) in code(&file).lines().enumerate() {
            if print.is_match(line) {
                wrong.insert(format!("{}:{}: {}", show(&file), number + 1, line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "output outside {}:\n{}", show(&ui), lines(&wrong));
}

#[test]
fn only_the_command_exits() {
    let exit = Regex::new(r"\bprocess::(exit|abort)\b").unwrap();
    let files = sources("src");
    let (command, library): (Vec<_>, Vec<_>) = files.iter().partition(|file| file.starts_with(COMMAND));
    assert!(command.iter().any(|file| exit.is_match(&code(file))), "does this test still see it?");
    let wrong: Vec<_> = library.iter().filter(|file| exit.is_match(&code(file))).map(|file| show(file)).collect();
    assert!(wrong.is_empty(), "the library ends the process: {wrong:?}");
}

/// What is known of a kind stands in the kind: nobody else names one. Names without a dash are words of other things
/// too (a `vpc` of the price book, a `bucket` of a journal), so those with one are looked for.
#[test]
fn kinds_are_named_in_kinds_and_rules_only() {
    let names: Vec<String> = dlinfra::kinds::KINDS
        .iter()
        .map(|kind| kind.name())
        .filter(|n| n.contains('-'))
        .map(|n| format!("\"{n}\""))
        .collect();
    assert!(names.len() > 6, "{names:?}");
    // The price book has a service of the name of the kind.
    let allowed = ["src/price/list.rs", "src/price/storage.rs"];
    let mut wrong = BTreeSet::new();
    for file in sources("src").into_iter().filter(|f| !f.ends_with("tests.rs")) {
        if matches!(module_of(&file).as_deref(), Some("kinds" | "rules")) || allowed.contains(&show(&file).as_str()) {
            continue;
        }
        for line in before_tests(&fs::read_to_string(&file).unwrap()) {
            if names.iter().any(|name| line.contains(name)) {
                wrong.insert(format!("{}: {}", show(&file), line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "state it in the kind (`About`):\n{}", lines(&wrong));
}

/// A code that is a string somewhere else may have no explanation, or say something else than it.
#[test]
fn codes_are_values_declared_in_one_place() {
    let literal = Regex::new(r#""DL\d{4}""#).unwrap();
    let declared = Regex::new(r#"^\s*([A-Z_0-9]+ = |code: )"DL\d{4}","#).unwrap();
    let (mut declarations, mut wrong) = (0, BTreeSet::new());
    for file in sources("src").into_iter().filter(|f| !f.ends_with("tests.rs")) {
        for line in before_tests(&fs::read_to_string(&file).unwrap()) {
            match literal.is_match(line) {
                true if declared.is_match(line) => declarations += 1,
                true => drop(wrong.insert(format!("{}: {}", show(&file), line.trim()))),
                false => {}
            }
        }
    }
    assert!(declarations > 250, "{declarations}");
    assert!(wrong.is_empty(), "use the code's own value here:\n{}", lines(&wrong));
}

/// A rule that no test has seen to find something may be one that finds nothing.
#[test]
fn every_rule_of_a_kind_or_across_kinds_is_shown_at_work() {
    let declared = Regex::new(r#"(?:[A-Z_0-9]+ = |code: )"(DL\d{4})","#).unwrap();
    let mut rules = BTreeSet::new();
    for file in sources("src/kinds").into_iter().chain(sources("src/rules")).filter(|f| !f.ends_with("tests.rs")) {
        let text = fs::read_to_string(&file).unwrap();
        rules.extend(declared.captures_iter(&text).map(|found| found[1].to_owned()));
    }
    let mut tests: String = sources("tests").iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    for file in sources("src") {
        let text = fs::read_to_string(&file).unwrap();
        let own = if file.ends_with("tests.rs") { Some(text.as_str()) } else { text.split("#[cfg(test)]").nth(1) };
        tests += own.unwrap_or_default();
    }
    assert!(rules.len() > 170, "{}", rules.len());
    rules.retain(|code| !tests.contains(code.as_str()));
    assert!(rules.is_empty(), "no test shows that these find anything:\n{}", lines(&rules));
}

/// A file of `src/kinds/` that declares a kind and is missing in the table would be compiled and never used.
#[test]
fn every_kind_is_in_the_table() {
    let declares = Regex::new(r"impl Resource for (\w+)").unwrap();
    let table = code(Path::new("src/kinds/mod.rs"));
    let table = &table[table.find("KINDS").expect("src/kinds/mod.rs has the table KINDS")..];
    let mut seen = 0;
    for file in sources("src/kinds") {
        for found in declares.captures_iter(&code(&file)) {
            seen += 1;
            let kind = &found[1];
            let entry = Regex::new(&format!(r"\b{kind}\b")).unwrap();
            assert!(entry.is_match(table), "{}: `{kind}` is not in the table of src/kinds/mod.rs", show(&file));
        }
    }
    assert_eq!(seen, dlinfra::kinds::KINDS.len(), "kinds declared in src/kinds/ and lines of the table");
}

/// What the table does not say of a kind nobody asks it: a fleet would count as one object, and data as none.
#[test]
fn the_table_says_what_a_kind_does_besides() {
    const WORDS: &[(&str, &str)] = &[
        ("Answers", "answers"),
        ("Asks", "asks"),
        ("Compares", "compares"),
        ("Drains", "drains"),
        ("Fleet", "fleet"),
        ("HoldsData", "data"),
        ("Logs", "logs"),
        ("Runs", "runs"),
        ("Serves", "serves"),
        ("Teardown", "teardown"),
    ];
    let declared = Regex::new(r"pub trait (\w+): Resource").unwrap();
    let capabilities = code(Path::new("src/resource/capability.rs"));
    let traits: Vec<&str> = declared.captures_iter(&capabilities).map(|found| found.get(1).unwrap().as_str()).collect();
    let named = |name: &str| WORDS.iter().find(|(known, _)| *known == name).map(|(_, word)| *word);
    assert!(traits.iter().all(|name| named(name).is_some()) && traits.len() == WORDS.len(), "{traits:?}");
    let implements = Regex::new(&format!(r"impl ({}) for (\w+)", traits.join("|"))).unwrap();
    let table = code(Path::new("src/kinds/mod.rs"));
    let (mut seen, mut wrong) = (0, BTreeSet::new());
    for file in sources("src/kinds") {
        for found in implements.captures_iter(&code(&file)) {
            seen += 1;
            let (word, kind) = (named(&found[1]).unwrap(), &found[2]);
            let line = table.lines().find(|line| line.contains(&format!("::{kind}"))).unwrap_or_default();
            if !line.split(|c: char| !c.is_alphanumeric()).skip(1).any(|said| said == word) {
                wrong.insert(format!("{}: `{kind}` implements {}: add `{word}` to its line", show(&file), &found[1]));
            }
        }
    }
    assert!(seen > 20, "{seen}");
    assert!(wrong.is_empty(), "in the table of src/kinds/mod.rs:\n{}", lines(&wrong));
}

#[test]
fn names_say_what_a_file_is_for() {
    let vague = ["util", "utils", "common", "helper", "helpers", "misc"];
    let wrong: BTreeSet<String> = ["src", "sandbox/src", "tests", "sandbox/tests"]
        .iter()
        .flat_map(|folder| sources(folder))
        .filter(|file| file.iter().any(|part| vague.contains(&part.to_string_lossy().trim_end_matches(".rs"))))
        .map(|file| show(&file))
        .collect();
    assert!(wrong.is_empty(), "{}", lines(&wrong));
}

#[test]
fn files_begin_with_their_job_and_stay_small() {
    let mut wrong = BTreeSet::new();
    for file in ["src", "sandbox/src"].iter().flat_map(|folder| sources(folder)) {
        let text = fs::read_to_string(&file).unwrap();
        let head: Vec<&str> = text.lines().take_while(|line| line.starts_with("//!")).collect();
        if head.is_empty() {
            wrong.insert(format!("{}: the first line says the file's one job, as `//! …`", show(&file)));
        }
        let size = size(&text);
        if size > LARGE && !head.iter().any(|line| line.to_lowercase().contains("one file")) {
            wrong.insert(format!(
                "{}: {size} lines of code and no comment at its top that says why it is one file",
                show(&file)
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", lines(&wrong));
}

/// Every Rust file under a folder, sorted.
fn sources(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![PathBuf::from(folder)];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                open.push(entry);
            } else if entry.extension().is_some_and(|ending| ending == "rs") {
                found.push(entry);
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no Rust file in {folder}");
    found
}

/// The top module that a file belongs to; none for `lib.rs`, `main.rs` and `whole.rs`.
fn module_of(file: &Path) -> Option<String> {
    let inside = file.strip_prefix(COMMAND).or_else(|_| file.strip_prefix("src")).ok()?;
    let first = inside.iter().next()?.to_string_lossy().into_owned();
    let name = first.trim_end_matches(".rs").to_owned();
    (!matches!(name.as_str(), "lib" | "main" | "whole")).then_some(name)
}

/// The text without comments and without what only tests compile; lines keep their numbers.
fn code(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let mut out = String::new();
    for line in before_tests(&text) {
        let comment = line.match_indices("//").map(|(at, _)| at).find(|&at| at == 0 || line[..at].ends_with(' '));
        out.push_str(&line[..comment.unwrap_or(line.len())]);
        out.push('\n');
    }
    out
}

/// The lines before the test module, which stands last in a file; none of a file of tests.
fn before_tests(text: &str) -> Vec<&str> {
    let all: Vec<&str> = text.lines().collect();
    let end = all
        .windows(2)
        .position(|pair| pair[0] == "#[cfg(test)]" && pair[1].contains("mod ") && pair[1].ends_with('{'))
        .unwrap_or(all.len());
    all[..end].to_vec()
}

fn size(text: &str) -> usize {
    before_tests(text).iter().map(|line| line.trim()).filter(|line| !line.is_empty() && !line.starts_with("//")).count()
}

/// The top modules named by `crate::…`, also inside `crate::{…}`; the command names those of the library by `dlinfra::…`.
fn imports(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let all = ["crate::", "dlinfra::"].into_iter().flat_map(|root| text.match_indices(root));
    for (at, root) in all {
        if text[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_' || before == '$') {
            continue;
        }
        let rest = &text[at + root.len()..];
        let Some(list) = rest.strip_prefix('{') else {
            found.insert(word(rest));
            continue;
        };
        let mut depth = 0;
        let mut start = true;
        for (at, letter) in list.char_indices() {
            match letter {
                '}' if depth == 0 => break,
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => start = true,
                _ if start && depth == 0 && !letter.is_whitespace() => {
                    found.insert(word(&list[at..]));
                    start = false;
                }
                _ => {}
            }
        }
    }
    found
}

fn word(text: &str) -> String {
    text.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect()
}

fn show(file: &Path) -> String {
    file.display().to_string()
}

fn lines(all: &BTreeSet<String>) -> String {
    all.iter().map(|line| format!("  {line}\n")).collect()
}
