//! The examples of pipelines: their shell steps, run as GitHub and GitLab run them, with the real program.
use super::{clean, copy, dlinfra, program, read};
use std::{fs, path::Path, process::Command};

/// The scripts of a pipeline that have this in them: `run: …` or `- …` on a line, or a block behind `run: |` or another
/// word.
fn scripts(page: &str, with: &str) -> Vec<String> {
    let text = read(page);
    let lines: Vec<&str> = text.lines().collect();
    let depth = |line: &str| line.len() - line.trim_start().len();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let inner = line.trim_start().trim_start_matches("- ").trim_start_matches("run: ");
        if inner == "|" || inner.ends_with(": |") {
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

/// Jenkins and Buildkite: a refusal fails the build, and the saved plan is applied.
#[test]
fn other_systems_pass_refusals_on_and_apply_what_was_planned() {
    let jenkins = read("examples/ci/Jenkinsfile");
    let shell = |line: &str| Some(line.split_once("sh '")?.1.rsplit_once('\'')?.0.to_owned());
    let jenkins: Vec<String> = jenkins.lines().filter_map(shell).collect();
    let buildkite = scripts("examples/ci/buildkite.yml", "dlinfra");
    // What Buildkite's own program does is not what is tried.
    let agent = "buildkite-agent() { cat > /dev/null; }\n";
    let buildkite: Vec<String> = buildkite.iter().map(|s| format!("{agent}{}", s.replace("$$", "$"))).collect();
    for steps in [jenkins, buildkite] {
        let [before @ .., plan, apply] = &steps[..] else { panic!("{steps:?}") };
        assert!(plan.contains("dlinfra plan") && apply.contains("exec dlinfra apply plan.json"), "{steps:?}");
        let folder = copy();
        for script in before.iter().chain([plan, apply]) {
            assert_eq!(step(folder.path(), script), Some(0), "{script}");
        }
        let file = folder.path().join("blueprints/cpu-smoke.yaml");
        let text = fs::read_to_string(&file).unwrap().replace("t3.small", "t3.large");
        fs::write(&file, format!("{text}\nbudget: {{ hourly: 0.01 USD/h }}\n")).unwrap();
        assert_eq!(step(folder.path(), plan), Some(5), "{plan}");
    }
}

/// Machines by a schedule: two in the morning, none in the evening, and what else stands stays.
#[test]
fn the_number_of_machines_follows_a_schedule() {
    let [scale] = &scripts("examples/ci/github-scale.yml", "exec dlinfra")[..] else {
        panic!("it has changed its form")
    };
    let folder = copy();
    let file = folder.path().join("blueprints/cpu-smoke.yaml");
    // The bucket is somebody's; here it is the stack's own. `step` names this file.
    let text = read("blueprints/llm-on-ec2.yaml").replace("existing: ${var.bucket}", "name: my-models");
    fs::write(&file, text).unwrap();
    for (cron, machines) in [("0 6 * * 1-5", 2), ("0 20 * * 1-5", 0), ("0 6 * * 1-5", 2)] {
        assert_eq!(step(folder.path(), &format!("export SCHEDULE='{cron}'\n{scale}")), Some(0), "{cron}");
        let plan = |count: u32| {
            let count = format!("machines={count}");
            let plan =
                ["plan", "blueprints/cpu-smoke.yaml", "--sandbox", "--detailed-exitcode", "--var", count.as_str()];
            dlinfra(folder.path(), &plan).status.code()
        };
        assert_eq!((plan(machines), plan(1)), (Some(0), Some(2)), "{cron}");
    }
    // By hand the schedule is empty.
    assert_eq!(step(folder.path(), &format!("export SCHEDULE= MACHINES=1\n{scale}")), Some(0));
}

/// What stands for GitHub's own program: comments are files.
const GH: &str = r#"#!/bin/bash
folder=$(dirname "$0")/comments
mkdir -p "$folder"
file=$(printf '%s\n' "$@" | sed -n 's/^body=@//p')
case "$*" in
*"--method POST"*) cp "$file" "$folder/$(($(ls "$folder" | wc -l) + 1))" ;;
*"--method PATCH"*) cp "$file" "$folder/$(printf '%s\n' "$@" | sed -n 's|.*/comments/||p')" ;;
*) for one in "$folder"/*; do [ "$(head -n 1 "$one" 2>/dev/null)" = "$MARKER" ] && basename "$one"; done ;;
esac
exit 0
"#;

/// A step of the action.
fn action_step(folder: &Path, script: &str, command: &str) -> Option<i32> {
    let bin = folder.join("bin");
    fs::create_dir_all(&bin).unwrap();
    let gh = bin.join("gh");
    fs::write(&gh, GH).unwrap();
    fs::set_permissions(&gh, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{}:{path}", bin.display(), program().parent().unwrap().display());
    let mut run = Command::new("bash");
    run.args(["--noprofile", "--norc", "-e", "-o", "pipefail", "-c", script]).current_dir(folder);
    let run = clean(&mut run).env("PATH", path).env("DLINFRA_SANDBOX", "1").env("COMMAND", command);
    let run = run.env("BLUEPRINT", "blueprints/cpu-smoke.yaml").env("ARGS", "").env("FOLDER", folder);
    let run = run.env("GITHUB_OUTPUT", folder.join("output")).env("GITHUB_STEP_SUMMARY", folder.join("summary.md"));
    let run = run.env("GITHUB_REPOSITORY", "team/infra").env("NUMBER", "7").env("GH_TOKEN", "none");
    run.output().unwrap().status.code()
}

#[test]
fn the_action_keeps_one_comment_and_passes_refusals_on() {
    let [run] = &scripts("action.yml", "exec dlinfra")[..] else { panic!("the step has changed its form") };
    let [comment] = &scripts("action.yml", "gh api")[..] else { panic!("the step has changed its form") };
    let folder = copy();
    let file = folder.path().join("blueprints/cpu-smoke.yaml");
    let before = fs::read_to_string(&file).unwrap();
    for push in 0..3 {
        assert_eq!(action_step(folder.path(), run, "plan"), Some(0), "push {push}");
        assert_eq!(action_step(folder.path(), comment, "plan"), Some(0), "push {push}");
        fs::write(&file, before.replace("t3.small", if push == 0 { "t3.medium" } else { "t3.large" })).unwrap();
    }
    let comments: Vec<_> = fs::read_dir(folder.path().join("bin/comments")).unwrap().collect();
    assert_eq!(comments.len(), 1, "one comment after three pushes");
    let text = fs::read_to_string(folder.path().join("bin/comments/1")).unwrap();
    assert!(text.starts_with("<!-- dlinfra:blueprints/cpu-smoke.yaml -->\n") && text.contains("t3.large"), "{text}");
    assert!(text.contains("```diff\n") && text.contains("\n+ network.vpc"), "{text}");
    let output = fs::read_to_string(folder.path().join("output")).unwrap();
    assert!(output.contains("create=11\n") && output.contains("refused=false\n"), "{output}");
    fs::write(&file, format!("{before}\nbudget: {{ hourly: 0.01 USD/h }}\n")).unwrap();
    assert_eq!(action_step(folder.path(), run, "plan"), Some(5), "a refusal fails the job");
    let output = fs::read_to_string(folder.path().join("output")).unwrap();
    assert!(output.contains("refused=true\n") && output.contains("exit=5\n"), "{output}");
    assert_eq!(action_step(folder.path(), comment, "plan"), Some(0));
    let text = fs::read_to_string(folder.path().join("bin/comments/1")).unwrap();
    assert!(text.contains("**error** `DL06"), "{text}");
    let found: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.path().join("dlinfra.sarif")).unwrap()).unwrap();
    let result = &found["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(result["artifactLocation"]["uri"], "blueprints/cpu-smoke.yaml", "{found}");
    let line = usize::try_from(result["region"]["startLine"].as_u64().unwrap()).unwrap();
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.lines().nth(line - 1).unwrap().starts_with("budget:"), "{line}");
}

#[test]
fn a_comment_about_two_thousand_resources_is_taken_by_github() {
    let folder = copy();
    let file = folder.path().join("blueprints/cpu-smoke.yaml");
    let text = "
blueprint: many
region: us-east-1
resources:
  logs: { for_each: '${range(2000)}', kind: log-group, name: '/a-rather-long-name-of-a-team/${each.value}', retention: 30d }
  queues: { for_each: '${range(40)}', kind: queue, name: 'queue-${each.value}' }
";
    fs::write(&file, text).unwrap();
    let plan = ["plan", "blueprints/cpu-smoke.yaml", "--sandbox", "--full", "--format", "markdown"];
    let ran = dlinfra(folder.path(), &plan);
    let comment = String::from_utf8(ran.stdout).unwrap();
    assert_eq!(ran.status.code(), Some(0), "{}", String::from_utf8_lossy(&ran.stderr));
    assert!((20_000..=65_536).contains(&comment.chars().count()), "{}", comment.chars().count());
    assert!(comment.contains("2040 to create") && comment.trim_end().ends_with("```"), "{comment}");
}
