//! `cargo run -p xtask -- kind NAME --service SERVICE`: the skeleton of a kind that has a name of its own in a service
//! that speaks JSON, with its tests; what is left to fill in is marked TODO.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that talks to its user")]

use std::{env, error::Error, fs, path::Path, process::ExitCode};

const USAGE: &str = "usage: cargo run -p xtask -- kind NAME --service SERVICE\n\n  NAME     of the kind, such as `log-group`\n  SERVICE  the method of `Aws` that gives its client, such as `logs` (src/aws/json.rs)";

/// Where it goes, and what it is made from.
const FILES: &[(&str, &str)] = &[
    ("src/kinds/@file@.rs", include_str!("../templates/kind.rs.txt")),
    ("tests/kinds/@file@.rs", include_str!("../templates/test.rs.txt")),
    ("tests/moto/@name@.yaml", include_str!("../templates/moto.yaml.txt")),
];

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let [kind, name, flag, service] = args[..] else { return wrong(USAGE) };
    if kind != "kind" || flag != "--service" {
        return wrong(USAGE);
    }
    match write(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")), name, service) {
        Ok(next) => {
            println!("{next}");
            ExitCode::SUCCESS
        }
        Err(error) => wrong(&error.to_string()),
    }
}

fn wrong(why: &str) -> ExitCode {
    eprintln!("{why}");
    ExitCode::FAILURE
}

/// Writes every file and every line of a table, or nothing at all; returns what is left to do.
fn write(root: &Path, name: &str, service: &str) -> Result<String, Box<dyn Error>> {
    let plain = |text: &str, extra: &str| {
        text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || extra.contains(c))
    };
    if !plain(name, "-") || !plain(service, "_") {
        return Err(format!("`{name}` and `{service}` are to be lower case, such as `log-group` and `logs`").into());
    }
    let (file, kind) = (name.replace('-', "_"), camel(name));
    let fill = |text: &str| {
        let pairs = [("@name@", name), ("@file@", &file), ("@Type@", &kind), ("@service@", service)];
        pairs.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
    };
    let mut out: Vec<(String, String)> = FILES.iter().map(|(path, text)| (fill(path), fill(text))).collect();
    if let Some((path, _)) = out.iter().find(|(path, _)| root.join(path).exists()) {
        return Err(format!("{path} exists already").into());
    }
    for (path, after, line) in [
        ("src/kinds/mod.rs", "kinds! {\n    $\n", "    @file@::@Type@,\n"),
        ("tests/kinds/mod.rs", "for both.\n", "mod @file@;\n"),
        ("tests/kinds/mod.rs", "const OWN: &[&Own] = &[", "&@file@::OWN, "),
    ] {
        let known = out.iter().position(|(p, _)| p == path);
        let text = match known {
            Some(at) => out.remove(at).1,
            None => fs::read_to_string(root.join(path))?,
        };
        let (before, rest) = text.split_once(after).ok_or_else(|| format!("{path} has no `{}`", after.trim()))?;
        out.push((path.to_owned(), format!("{before}{after}{}", ordered(&fill(line), rest))));
    }
    for (path, text) in &out {
        fs::write(root.join(path), text)?;
    }
    let files: Vec<&str> = out.iter().map(|(path, _)| path.as_str()).collect();
    Ok(format!(
        "wrote {}\n\nnext:\n  - fill in every TODO; take a hundred codes of your own\n  - the sandbox's operations: sandbox/src/services/\n  - rustfmt --edition 2024 src/kinds/{file}.rs && cargo test --test engine {file}\n  - DLINFRA_BLESS=1 cargo test --test docs, and --test engine crash\n  - a line in CHANGELOG.md",
        files.join(", ")
    ))
}

/// A line at its place in the alphabet, among those of its kind at the beginning of the text.
fn ordered(line: &str, rest: &str) -> String {
    let Some(end) = line.strip_suffix('\n').and_then(|line| line.chars().last()) else {
        return format!("{line}{rest}");
    };
    let ends = |other: &&str| other.trim_end().ends_with(end);
    let before: String = rest.split_inclusive('\n').take_while(ends).take_while(|other| *other < line).collect();
    format!("{before}{line}{}", &rest[before.len()..])
}

/// `log-group` as `LogGroup`.
fn camel(name: &str) -> String {
    let part = |part: &str| {
        part.chars().take(1).map(|c| c.to_ascii_uppercase()).chain(part.chars().skip(1)).collect::<String>()
    };
    name.split('-').map(part).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// A copy of what the skeleton touches.
    fn tree() -> std::path::PathBuf {
        let root = env::temp_dir().join(format!("dlinfra-xtask-{}", std::process::id()));
        drop(fs::remove_dir_all(&root));
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        for folder in ["src/kinds", "tests/kinds", "tests/moto"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        for file in ["src/kinds/mod.rs", "tests/kinds/mod.rs"] {
            fs::copy(repository.join(file), root.join(file)).unwrap();
        }
        root
    }

    #[test]
    fn a_skeleton_is_written_once_and_whole() {
        let root = tree();
        let told = write(&root, "dead-letter", "sqs").unwrap();
        assert!(told.contains("src/kinds/dead_letter.rs"), "{told}");
        let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
        let table = read("src/kinds/mod.rs");
        let at = |line: &str| table.find(line).unwrap();
        assert!(at("    bucket::Bucket") < at("    dead_letter::DeadLetter,\n"), "{table}");
        assert!(at("    dead_letter::DeadLetter,\n") < at("    fsx_lustre::FsxLustre"), "{table}");
        assert!(read("tests/kinds/mod.rs").contains("&dead_letter::OWN, "));
        let kind = read("src/kinds/dead_letter.rs");
        assert!(kind.contains("pub struct DeadLetter {") && kind.contains("ctx.aws.sqs()"), "{kind}");
        // What Rust itself puts into a text stays.
        assert!(!kind.contains("@name@") && !kind.contains("@Type@") && kind.contains("`{name}` is not"), "{kind}");
        assert_eq!(
            write(&root, "dead-letter", "sqs").unwrap_err().to_string(),
            "src/kinds/dead_letter.rs exists already"
        );
        assert!(write(&root, "Dead", "sqs").is_err());
        fs::remove_dir_all(&root).unwrap();
    }
}
