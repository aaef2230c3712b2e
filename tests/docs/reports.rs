//! The reports for CI systems against the schemas of those who read them, and the places that they name.
//!
//! `tests/reports/check.py` validates, in a virtual environment under `target/`. Without Python or a network the test says
//! so and is skipped, except on continuous integration (`CI=true`), where that is a failure.
use super::{copy, dlinfra, program, root};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Names with everything that JSON, XML, a URI and GitHub's commands give a meaning to.
const ODD: &str = "odd & <b>, \"é\": 100% 🚀.yaml";

/// A command, how it ends, and what its two reports are called.
struct Case<'a> {
    name: &'a str,
    exit: i32,
    words: &'a [&'a str],
}

#[test]
fn reports_are_as_their_schemas_say() {
    let folder = copy();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let smoke = fs::read_to_string(folder.path().join("blueprints/cpu-smoke.yaml")).unwrap();
    let efa = fs::read_to_string(folder.path().join("blueprints/efa-training.yaml")).unwrap();
    let kept = |line: &&str| !line.starts_with("ttl:") && !line.starts_with("budget:");
    let endless: Vec<&str> = efa.lines().filter(kept).collect();
    write("endless.yaml", &endless.join("\n"));
    write("broken.yaml", "blueprint: broken\nregion: us-east-1\nresources:\n  \"a\\u0001<&🚀\": { kind: vpcc }\n");
    write(
        ODD,
        "blueprint: odd\nregion: us-east-1\nresources:\n  v: { kind: \"<v & \\\"p\\\"c\\u0007 ]]> 🚀>\" }\n  w: { kind: subnet }\n",
    );
    write(
        "refused.yaml",
        &format!(
            "{smoke}\nbudget: {{ hourly: 0.01 USD/h }}\npolicies:\n  - rule: ${{1 > 2}}\n    message: \"<never> & \\\"ever\\\" 🚀 ::error::\"\n"
        ),
    );
    let cases = [
        Case { name: "clean", exit: 0, words: &["validate", "blueprints/cpu-smoke.yaml"] },
        Case { name: "planned", exit: 0, words: &["plan", "blueprints/cpu-smoke.yaml", "--sandbox"] },
        Case { name: "warned", exit: 0, words: &["plan", "endless.yaml", "--sandbox"] },
        Case { name: "broken", exit: 1, words: &["validate", "broken.yaml"] },
        Case { name: "odd", exit: 1, words: &["plan", ODD, "--sandbox"] },
        Case { name: "missing", exit: 1, words: &["validate", "nowhere.yaml"] },
        Case { name: "refused", exit: 5, words: &["plan", "refused.yaml", "--sandbox"] },
        Case { name: "applied", exit: 0, words: &["apply", "blueprints/cpu-smoke.yaml", "--sandbox", "--yes"] },
        Case { name: "destroyed", exit: 0, words: &["destroy", "blueprints/cpu-smoke.yaml", "--sandbox", "--yes"] },
    ];
    let mut files = Vec::new();
    for Case { name, exit, words } in cases {
        let (sarif, junit) = (format!("{name}.sarif"), format!("{name}.xml"));
        let reports = [format!("sarif={sarif}"), format!("junit={junit}")];
        let out = dlinfra(
            folder.path(),
            &[words, &["--report", reports[0].as_str(), "--report", reports[1].as_str()]].concat(),
        );
        assert_eq!(out.status.code(), Some(exit), "{name}: {}", String::from_utf8_lossy(&out.stderr));
        let found = results(&read(folder.path(), &sarif));
        let (errors, all) = (found.iter().filter(|r| r["level"] == "error").count(), found.len());
        assert_eq!(errors > 0, !matches!(exit, 0), "{name}: {found:?}");
        assert!(all > 0 || matches!(name, "clean" | "planned" | "applied" | "destroyed"), "{name} is no example");
        files.extend([folder.path().join(sarif), folder.path().join(junit)]);
    }
    let Some(python) = python() else { return };
    let check = |files: &[PathBuf]| {
        Command::new(&python).arg(root().join("tests/reports/check.py")).args(files).output().unwrap()
    };
    let out = check(&files);
    assert!(out.status.success(), "{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    // It can say no.
    let wrong = read(folder.path(), "refused.sarif").replace("\"startLine\":", "\"startLine\":-");
    write("wrong.sarif", &wrong);
    write("wrong.xml", &read(folder.path(), "refused.xml").replace("<testsuite name=", "<testsuite nome="));
    for name in ["wrong.sarif", "wrong.xml"] {
        assert!(!check(&[folder.path().join(name)]).status.success(), "{name}");
    }
}

/// Every form points at the words that are wrong, also behind signs of several bytes and in a file of any name.
#[test]
fn what_is_found_stands_at_its_line() {
    let folder = copy();
    let text = "blueprint: odd\nregion: us-east-1\nresources:\n  v: { kind: vpc, cidr: 10.0.0.0/16 }\noutputs:\n  # 🚀\n  o: { description: \"é🚀\", value: 1, wrong: 1 }\n";
    fs::write(folder.path().join(ODD), text).unwrap();
    let out = dlinfra(
        folder.path(),
        &["validate", ODD, "--format", "github", "--report", "sarif=a.sarif", "--report", "junit=a.xml"]
            .into_iter()
            .chain(["--report", "codequality=a.json"])
            .collect::<Vec<_>>(),
    );
    let found = results(&read(folder.path(), "a.sarif"));
    let [result] = &found[..] else { panic!("{found:?}") };
    let place = &result["locations"][0]["physicalLocation"];
    let uri = place["artifactLocation"]["uri"].as_str().unwrap();
    assert_eq!(unescaped(uri), ODD);
    let at = |key: &str| usize::try_from(place["region"][key].as_u64().unwrap()).unwrap();
    assert_eq!((at("startLine"), at("endLine")), (7, 7), "{place}");
    let line: Vec<char> = text.lines().nth(6).unwrap().chars().collect();
    let marked: String = line[at("startColumn") - 1..at("endColumn") - 1].iter().collect();
    assert_eq!(marked, "wrong");
    let annotations = super::text(&out);
    let file = "odd & <b>%2C \"é\"%3A 100%25 🚀.yaml";
    let wanted = format!("::error file={file},line=7,col={},title=", at("startColumn"));
    assert!(annotations.lines().any(|line| line.starts_with(&wanted)), "{annotations}");
    let quality: Value = serde_json::from_str(&read(folder.path(), "a.json")).unwrap();
    assert_eq!((&quality[0]["location"]["path"], &quality[0]["location"]["lines"]["begin"]), (&ODD.into(), &7.into()));
    let wanted = format!("odd &amp; &lt;b&gt;, &quot;é&quot;: 100% 🚀.yaml:7:{}: error", at("startColumn"));
    let junit = read(folder.path(), "a.xml");
    assert!(junit.contains(&wanted), "{junit}");
}

/// What has no line stands at the blueprint, also where variables make one file several stacks.
#[test]
fn what_has_no_line_stands_at_the_blueprint() {
    let folder = copy();
    fs::write(
        folder.path().join("a.yaml"),
        "blueprint: small\nregion: us-east-1\nvariables: { n: { type: int } }\nresources:\n  v: { kind: vpc, cidr: 10.0.0.0/16 }\n",
    )
    .unwrap();
    let mistaken = ["validate", "a.yaml", "--var", "n=one"];
    let reports = ["--report", "sarif=a.sarif", "--report", "codequality=a.json", "--format", "markdown"];
    let out = dlinfra(folder.path(), &[&mistaken[..], &reports].concat());
    let found = results(&read(folder.path(), "a.sarif"));
    assert!(!found.is_empty(), "{}", String::from_utf8_lossy(&out.stderr));
    for result in found {
        assert_eq!(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"], "a.yaml", "{result}");
    }
    let quality: Value = serde_json::from_str(&read(folder.path(), "a.json")).unwrap();
    assert_eq!(quality[0]["location"]["path"], "a.yaml");
    let comment = super::text(&out);
    assert!(comment.starts_with("<!-- dlinfra:a.yaml#"), "comments of two stacks stay apart: {comment}");
}

fn read(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).unwrap()
}

fn results(text: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(text).unwrap();
    all["runs"][0]["results"].as_array().unwrap().clone()
}

/// A URI without its `%20`.
fn unescaped(uri: &str) -> String {
    let (mut bytes, mut out) = (uri.bytes(), Vec::new());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
        out.push(u8::from_str_radix(str::from_utf8(&digits).unwrap(), 16).unwrap());
    }
    String::from_utf8(out).unwrap()
}

/// The Python that has what `check.py` needs; nothing where it cannot be had and nobody insists.
fn python() -> Option<PathBuf> {
    match installed() {
        Ok(python) => Some(python),
        Err(why) => {
            assert!(!std::env::var("CI").is_ok_and(|ci| ci == "true" || ci == "1"), "{why}");
            println!("skipped: {why}");
            None
        }
    }
}

fn installed() -> Result<PathBuf, String> {
    let folder = program().ancestors().nth(2).unwrap().join("reports-environment");
    let (python, done) = (folder.join("bin/python"), folder.join("installed.txt"));
    let requirements = root().join("tests/reports/requirements.txt");
    let wanted = fs::read_to_string(&requirements).map_err(|e| e.to_string())?;
    if fs::read_to_string(&done).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    let run = |what: &str, command: &mut Command| match command.output() {
        Ok(out) if out.status.success() => Ok(()),
        Ok(out) => Err(format!("{what} failed: {}", String::from_utf8_lossy(&out.stderr).trim())),
        Err(e) => Err(format!("{what} failed: {e}")),
    };
    run("making a virtual environment with python3", Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
    run("installing packages", install.arg(&requirements))?;
    fs::write(&done, wanted).map_err(|e| e.to_string())?;
    Ok(python)
}
