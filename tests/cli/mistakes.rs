//! What people are told about the mistakes that they make: one case each, in `golden/mistakes/*.txt`.
//!
//! A case is a title, files and commands; what a command says stands below it. `DLINFRA_BLESS=1` writes the answers anew.

use crate::desk::{Desk, Said, finish};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/mistakes")
}

/// Runs a command line; `< FILE` feeds the standard input.
fn run(desk: &Desk, line: &str) -> Said {
    let (words, input) = match line.split_once(" < ") {
        Some((words, file)) => (words, Some(file)),
        None => (line, None),
    };
    let words: Vec<&str> = words.split(' ').filter(|w| !w.is_empty()).collect();
    let mut command: Command = desk.command(&words[..]);
    let Some(file) = input else { return finish(command) };
    let text = fs::read(desk.path().join(file)).unwrap();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(&text).unwrap();
    let out = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said { code: out.status.code().unwrap(), out: text(out.stdout), err: text(out.stderr) }
}

fn shown(said: &Said) -> String {
    let mut out = format!("exit {}\n", said.code);
    for (name, text) in [("stdout", &said.out), ("stderr", &said.err)] {
        if !text.is_empty() {
            out.push_str(&format!("--- {name}\n{}\n", text.trim_end()));
        }
    }
    out
}

/// The file as it should be: every command with what it says now. Also how many cases there are.
fn answered(text: &str) -> (String, usize) {
    let (head, cases) = text.split_once("\n## ").unwrap();
    let mut out = format!("{}\n", head.trim_end());
    let mut count = 0;
    for case in cases.split("\n## ") {
        count += 1;
        let (title, body) = case.split_once('\n').unwrap();
        out.push_str(&format!("\n## {title}\n"));
        let desk = Desk::new();
        // What follows a command up to the next file or command is its old answer.
        let mut file: Option<(&str, String)> = None;
        for line in body.lines().chain(["$"]) {
            let starts = line.strip_prefix("=== ").or_else(|| line.strip_prefix('$'));
            if starts.is_some()
                && let Some((name, text)) = file.take()
            {
                let path = desk.path().join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, &text).unwrap();
                out.push_str(&format!("=== {name}\n{text}"));
            }
            if let Some(name) = line.strip_prefix("=== ") {
                file = Some((name, String::new()));
            } else if let Some(command) = line.strip_prefix("$ dlinfra ") {
                out.push_str(&format!("$ dlinfra {command}\n{}", shown(&run(&desk, command))));
            } else if let Some((_, text)) = &mut file {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    (out, count)
}

/// The first place of each error: where its author has to look.
fn first_places(text: &str) -> Vec<&str> {
    let mut waiting = false;
    let mut out = Vec::new();
    for line in text.lines() {
        waiting |= line.starts_with("error[");
        if let Some(place) = line.trim_start().strip_prefix("--> ").filter(|_| waiting) {
            out.push(place);
            waiting = false;
        }
    }
    out
}

#[test]
fn each_mistake_is_told_at_its_authors_line() {
    let bless = std::env::var_os("DLINFRA_BLESS").is_some();
    let mut all = 0;
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let (answered, count) = answered(&text);
        all += count;
        if bless {
            fs::write(&path, &answered).unwrap();
        } else {
            similar_or_panic(&path, &text, &answered);
        }
        for place in first_places(&answered) {
            assert!(!place.contains("(built in)"), "{}: {place}", path.display());
        }
    }
    assert!(all >= 78, "{all} cases");
}

fn similar_or_panic(path: &Path, old: &str, new: &str) {
    let wrong = old.lines().zip(new.lines()).enumerate().find(|(_, (a, b))| a != b);
    if let Some((line, (old, new))) = wrong {
        panic!("{}:{}:\n- {old}\n+ {new}\nDLINFRA_BLESS=1 writes it anew", path.display(), line + 1);
    }
    assert_eq!(old.lines().count(), new.lines().count(), "{}", path.display());
}
