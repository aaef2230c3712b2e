//! The examples of pipelines: their shell steps, run as GitHub and GitLab run them, with the real program.
use super::{clean, copy, program, read};
use std::{fs, path::Path, process::Command};

/// The scripts of a pipeline that have this in them: `run: …` or `- …` on a line, or a block behind `|`.
fn scripts(page: &str, with: &str) -> Vec<String> {
    let text = read(page);
    let lines: Vec<&str> = text.lines().collect();
    let depth = |line: &str| line.len() - line.trim_start().len();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let inner = line.trim_start().trim_start_matches("- ").trim_start_matches("run: ");
        if inner == "|" {
            let block =
                lines[at + 1..].iter().take_while(|next| next.trim().is_empty() || depth(next) > depth(line) + 1);
            let indent = lines.get(at + 1).map_or(0, |next| depth(next));
            found.push(block.map(|next| format!("{}\n", next.get(indent..).unwrap_or(""))).collect::<String>());
        } else if line.trim_start().starts_with("- ") && inner.starts_with("dlinfra") {
            found.push(inner.to_owned());
        }
    }
    found.retain(|script| script.contains(with));
    found
}

/// One step: `bash -e`, without `pipefail`, which is what both use when nothing else is said. Returns how it ended.
fn step(folder: &Path, script: &str) -> Option<i32> {
    let path = format!("{}:{}", program().parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("bash");
    command.args(["--noprofile", "--norc", "-e", "-c", script]).current_dir(folder);
    let command = clean(&mut command).env("PATH", path).env("DLINFRA_SANDBOX", "1");
    let command =
        command.env("BLUEPRINT", "blueprints/cpu-smoke.yaml").env("GITHUB_STEP_SUMMARY", folder.join("summary.md"));
    command.output().unwrap().status.code()
}

const PAGES: [&str; 2] = ["examples/ci/github-actions.yml", "examples/ci/gitlab-ci.yml"];

#[test]
fn a_plan_that_is_refused_ends_the_pipeline() {
    for page in PAGES {
        let plans = scripts(page, "dlinfra plan");
        assert!(!plans.is_empty(), "{page}");
        for script in plans {
            let folder = copy();
            assert_eq!(step(folder.path(), &script), Some(0), "{page}: {script}");
            let file = folder.path().join("blueprints/cpu-smoke.yaml");
            fs::write(&file, format!("{}\nbudget: {{ hourly: 0.01 USD/h }}\n", fs::read_to_string(&file).unwrap()))
                .unwrap();
            assert_eq!(step(folder.path(), &script), Some(5), "{page}: {script}");
            let shown = fs::read_to_string(folder.path().join("plan.txt")).unwrap();
            assert!(shown.contains("Plan: 11 to create") && shown.contains("error[DL06"), "{shown}");
        }
    }
}

#[test]
fn the_summary_keeps_its_columns_and_what_stands_in_it_already() {
    for script in scripts(PAGES[0], "dlinfra plan") {
        let folder = copy();
        fs::write(folder.path().join("summary.md"), "before\n").unwrap();
        assert_eq!(step(folder.path(), &script), Some(0));
        let summary = fs::read_to_string(folder.path().join("summary.md")).unwrap();
        assert!(summary.starts_with("before\n```text\n") && summary.ends_with("```\n"), "{summary}");
        assert!(summary.contains("+   network.vpc  "), "{summary}");
    }
}

#[test]
fn the_saved_plan_is_applied() {
    for page in PAGES {
        let folder = copy();
        for script in scripts(page, "plan.json") {
            assert_eq!(step(folder.path(), &script), Some(0), "{page}: {script}");
        }
        let folder = copy();
        for script in scripts(page, "dlinfra validate").into_iter().chain(scripts(page, "dlinfra apply \"$BLUEPRINT\""))
        {
            assert_eq!(step(folder.path(), &script), Some(0), "{page}: {script}");
        }
    }
}
