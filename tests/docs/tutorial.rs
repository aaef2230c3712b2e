//! What the tutorial says that commands print is what they print, ids and times aside; `…` stands for lines left out.
//!
//! A `text` block right after an `sh` block is its output, one that begins with `error[` is what `validate` says to the
//! blueprint of the page with the mistake in it. `DLINFRA_BLESS=1` writes the blocks that differ anew.

use super::{clean, copy, program, read, root, shell};
use regex_lite::Regex;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const PAGE: &str = "docs/tutorial.md";
/// The run is killed after it says this, when AWS has accepted the gateway: for two minutes nothing else happens.
const ACCIDENT: &str = "creating network.nat/us-east-1a";

/// One fenced block: its mark, and its lines in the page.
struct Block {
    mark: String,
    from: usize,
    to: usize,
}

fn fenced(lines: &[String]) -> Vec<Block> {
    let mut out = Vec::new();
    let mut open: Option<(String, usize)> = None;
    for (n, line) in lines.iter().enumerate() {
        match &open {
            None => open = line.strip_prefix("```").map(|mark| (mark.to_owned(), n + 1)),
            Some((mark, from)) if line == "```" => {
                out.push(Block { mark: mark.clone(), from: *from, to: n });
                open = None;
            }
            Some(_) => {}
        }
    }
    out
}

/// Runs an `sh` block; both streams as a terminal would show them.
fn run(folder: &Path, script: &str) -> String {
    if !script.contains("kill -9") {
        let output = shell(folder, &format!("{{\n{script}\n}} 2>&1"));
        assert!(output.status.success(), "{PAGE}:\n{script}\n{}", String::from_utf8_lossy(&output.stdout));
        return String::from_utf8(output.stdout).unwrap();
    }
    let words = script.lines().next().and_then(|line| line.strip_prefix("dlinfra ")).unwrap();
    let mut command = Command::new(program());
    command.args(words.trim_end_matches('&').split_whitespace()).current_dir(folder);
    let mut child = clean(&mut command).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        said.push_str(&line.unwrap());
        said.push('\n');
        if said.contains(ACCIDENT) {
            break;
        }
    }
    let end = Instant::now() + Duration::from_secs(20);
    while !accepted(&folder.join(".dlinfra/sandbox/state")) && Instant::now() < end {
        thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    let mut plan = String::new();
    child.stdout.take().unwrap().read_to_string(&mut plan).unwrap();
    child.wait().unwrap();
    assert!(said.contains(ACCIDENT), "the run ended before its accident:\n{said}");
    format!("{plan}{said}Killed\n")
}

/// Does a record of the journal have the gateway's id?
fn accepted(folder: &Path) -> bool {
    fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok).any(|entry| match entry.path() {
        path if path.is_dir() => accepted(&path),
        path => fs::read_to_string(path).is_ok_and(|text| text.contains("\"nat-")),
    })
}

/// Ids, names and times are those of one run.
fn plain(text: &str) -> Vec<String> {
    let mut text = text.to_owned();
    for (pattern, word) in [
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
        (r"\b(vpc|subnet|igw|nat|rtb|sg|i|eipalloc)-[0-9a-f]{17}\b", "ID"),
        (r"(cpu-smoke-[a-z-]+)-[a-z2-7]{10}\b", "$1-NAME"),
        (r"\((\d+h)?(\d+m)?\d+s\)", "(DURATION)"),
        (r"\d+ (s|min) ago", "AGO"),
    ] {
        text = Regex::new(pattern).unwrap().replace_all(&text, word).into_owned();
    }
    text.lines().map(|line| line.trim_end().to_owned()).collect()
}

/// Do the lines fit, where `…` fits any lines?
fn fits(shown: &[String], said: &[String]) -> bool {
    match shown.split_first() {
        None => said.is_empty(),
        Some((dots, rest)) if dots == "…" => (0..=said.len()).any(|n| fits(rest, &said[n..])),
        Some((line, rest)) => said.split_first().is_some_and(|(first, others)| line == first && fits(rest, others)),
    }
}

#[test]
fn tutorial_prints_what_it_says() {
    let folder = copy();
    let mut lines: Vec<String> = read(PAGE).lines().map(str::to_owned).collect();
    let bless = std::env::var_os("DLINFRA_BLESS").is_some();
    let (mut said, mut compared, mut wrong) = (None, 0, Vec::new());
    let mut at = 0;
    while let Some(block) = fenced(&lines).into_iter().nth(at) {
        at += 1;
        let text = lines[block.from..block.to].join("\n");
        match block.mark.as_str() {
            "sh" => said = Some(run(folder.path(), &text)),
            "yaml" => {
                assert_eq!(text.trim(), fs::read_to_string(folder.path().join("dlinfra.yaml")).unwrap().trim());
            }
            "text" => {
                let output = match said.take() {
                    Some(said) if !text.starts_with("error[") => said,
                    _ => mistake(folder.path()),
                };
                let (shown, printed) = (plain(&text), plain(&output));
                compared += 1;
                if fits(&shown, &printed) {
                    continue;
                }
                if bless {
                    let fresh: Vec<String> = output.trim_end().lines().map(|line| line.trim_end().to_owned()).collect();
                    lines.splice(block.from..block.to, fresh);
                } else {
                    wrong.push(format!("{PAGE}:{}:\n{}\nit prints:\n{output}", block.from, text));
                }
            }
            other => panic!("{PAGE}: what is ```{other}?"),
        }
    }
    if bless {
        fs::write(root().join(PAGE), lines.join("\n") + "\n").unwrap();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(compared >= 7, "only {compared} blocks were compared: has the form of the page changed?");
}

/// What `validate` says to the blueprint with `disk: 30`.
fn mistake(folder: &Path) -> String {
    let file = folder.join("dlinfra.yaml");
    let right = fs::read_to_string(&file).unwrap();
    fs::write(&file, right.replace("disk: 30 GiB", "disk: 30")).unwrap();
    let mut command = Command::new(program());
    let output = clean(command.arg("validate").current_dir(folder)).output().unwrap();
    fs::write(&file, right).unwrap();
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr).unwrap().trim_end().to_owned()
}
