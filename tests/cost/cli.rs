//! Money on the command line: reports in every form, budgets and policies that refuse before anything is changed.

use crate::desk::{Desk, Said, finish};
use serde_json::Value;
use std::fs;

/// A folder with this blueprint as `a.yaml`.
fn desk(text: &str) -> Desk {
    let desk = Desk::new();
    desk.write("a.yaml", text);
    desk
}

impl Desk {
    /// In the sandbox, as fast as it goes.
    fn sandbox(&self, line: &str) -> Said {
        self.run(&format!("{line} --sandbox --sandbox-speed max"))
    }

    fn git(&self, line: &str) {
        let mut git = self.program("git", line);
        git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
        for who in ["AUTHOR", "COMMITTER"] {
            git.env(format!("GIT_{who}_NAME"), "a").env(format!("GIT_{who}_EMAIL"), "a@example.com");
        }
        let said = finish(git);
        assert_eq!(said.code, 0, "git {line}: {}", said.err);
    }

    /// Requests of the last command that changed something.
    fn mutating(&self) -> u64 {
        self.run("sandbox requests --format json").code(0).json()["mutating"].as_u64().unwrap()
    }

    fn requests(&self) -> String {
        self.run("sandbox requests").code(0).out
    }
}

/// Machines without EFA in a network of their own; `head` goes to the top level.
fn machines(region: &str, head: &str) -> String {
    format!(
        "blueprint: small\nregion: {region}\nowner: ml\nvariables:\n  nodes: {{ type: int, default: 2 }}\n  \
         limit: {{ type: money, default: 5 USD/h }}\n{head}resources:\n  network:\n    use: network\n    zones: 1\n  \
         train:\n    use: efa-cluster\n    instance_type: g5.xlarge\n    nodes: ${{var.nodes}}\n    \
         subnet: ${{network.private[0]}}\n"
    )
}

#[test]
fn a_budget_refuses_before_anything_is_changed() {
    let desk = desk(&machines("us-east-1", "ttl: 24h\nbudget: { hourly: 2 USD/h, run: 5000 USD }\n"));
    let words =
        ["error[DL0601]", "$2.11/h is above budget.hourly of $2.00", "train.group: 2 x g5.xlarge, on-demand: $2.01/h"];
    let plan = desk.sandbox("plan a.yaml").code(5).says(&words).says(&["Plan: 10 to create", "budget: { hourly"]);
    assert!(!plan.out.contains("Next:"));
    assert_eq!(plan.err.matches("/h\n").count(), 3, "three lines and no more: {}", plan.err);
    assert_eq!(desk.mutating(), 0);
    desk.sandbox("apply a.yaml --yes").code(5).says(&words);
    assert_eq!(desk.mutating(), 0);
    assert!(desk.sandbox("status a.yaml").code(0).out.contains("nothing is live"));
    let json = desk.sandbox("plan a.yaml --format json").code(5).json();
    assert_eq!(json["diagnostics"].as_array().unwrap().iter().filter(|d| d["code"] == "DL0601").count(), 1);
    assert_eq!(json["cost"]["after"]["hourly"], "2.1120");
    let json = desk.sandbox("apply a.yaml --yes --format json").code(5).json();
    assert_eq!((&json["command"], &json["diagnostics"][0]["code"]), (&"apply".into(), &"DL0601".into()));
    // Over the run budget too, with the length from the flag; and near a limit.
    desk.sandbox("plan a.yaml --hours 3000").code(5).says(&["a run is above budget.run of $5,000.00", "in 3000 h"]);
    desk.sandbox("plan a.yaml --var nodes=1 --max-hourly 1.20").code(0).says(&["warning[DL0602]", "of --max-hourly"]);
    desk.sandbox("plan a.yaml --var nodes=1 --max-hourly 1").code(5).says(&["above --max-hourly of $1.00"]);
    desk.run("plan a.yaml --max-hourly many").code(1).says(&["dollars per hour"]);
}

/// The most expensive way of buying counts, and all are named.
#[test]
fn a_budget_counts_the_fallback() {
    let ways = "    market: spot\n    fallback: [on-demand]\n";
    let desk = desk(&(machines("us-east-1", "budget: { hourly: 2 USD/h }\n") + ways));
    let both = "the most expensive of: 2 x g5.xlarge, spot: $0.83/h; 2 x g5.xlarge, on-demand: $2.01/h";
    desk.sandbox("apply a.yaml --yes").code(5).says(&[
        "above budget.hourly",
        both,
        "2 x g5.xlarge, spot, else on-demand",
    ]);
    assert_eq!(desk.mutating(), 0);
}

#[test]
fn a_budget_never_keeps_a_stack_dear() {
    let desk = desk(&machines("us-east-1", "budget: { hourly: 3 USD/h }\n"));
    desk.sandbox("apply a.yaml --yes --var nodes=2").code(0).says(&["applied: 10 created"]);
    assert!(desk.mutating() > 0);
    let lower = "budget: { hourly: 1 USD/h }\n";
    desk.write("a.yaml", machines("us-east-1", lower));
    let tolerated =
        ["warning[DL0607]", "$2.11/h is above budget.hourly of $1.00; this plan does not make it more expensive"];
    desk.sandbox("plan a.yaml --var nodes=2").code(0).says(&tolerated).says(&["No changes"]);
    desk.sandbox("apply a.yaml --yes --var nodes=3").code(5).says(&["error[DL0601]"]);
    assert_eq!(desk.mutating(), 0);
    let words = ["warning[DL0607]", "$1.08/h is above", "(-$1.03/h)"];
    desk.sandbox("apply a.yaml --yes --var nodes=1").code(0).says(&words).says(&["1 updated"]);
}

#[test]
fn what_has_no_price_is_said_and_refuses_a_budget() {
    // No row of the price book is from this region.
    let desk = desk(&machines("eu-south-2", "budget: { hourly: 100 USD/h }\n"));
    let why = "no on-demand price of g5.xlarge in eu-south-2";
    desk.run("cost a.yaml").code(0).says(&["unpriced", "in no total", why, "Budget:   refuses: "]);
    let json = desk.run("cost a.yaml --format json").code(0).json();
    assert!(json["unpriced"].as_array().unwrap().iter().any(|line| line["why"] == why), "{json}");
    assert_eq!(json["cost"]["hourly"], "0.0050");
    for form in ["html", "markdown", "csv"] {
        desk.run(&format!("cost a.yaml --format {form}")).code(0).says(&[why, "unpriced"]);
    }
    desk.sandbox("plan a.yaml").code(5).says(&["error[DL0603]", why, "--allow-unpriced", "unpriced"]);
    desk.sandbox("apply a.yaml --yes").code(5).says(&["error[DL0603]"]);
    assert_eq!(desk.mutating(), 0);
    desk.sandbox("plan a.yaml --allow-unpriced").code(0).says(&["lines unpriced"]).never_says("error[");
    let json = desk.sandbox("plan a.yaml --allow-unpriced --format json").code(0).json();
    assert!(!json["cost"]["unpriced"].as_array().unwrap().is_empty());
    // Without a budget nothing has to be checked.
    desk.write("a.yaml", machines("eu-south-2", ""));
    desk.sandbox("plan a.yaml").code(0).says(&["unpriced"]).never_says("error[");
}

#[test]
fn what_goes_by_use_never_refuses() {
    let desk = desk(
        "blueprint: a\nregion: us-east-1\nttl: 24h\nbudget: { hourly: 1 USD/h }\nresources:\n  corpus:\n    kind: bucket\n    \
         usage: { stored_gb: 1000000 }\n",
    );
    desk.sandbox("plan a.yaml").code(0).says(&["warning[DL0605]", "above budget.hourly of $1.00"]);
    desk.sandbox("apply a.yaml --yes").code(0).says(&["warning[DL0605]", "applied: 1 created"]);
    desk.run("cost a.yaml").code(0).says(&["1,000,000 GB a month, stated in usage", "By use:"]);
}

#[test]
fn policies_refuse_with_their_own_words() {
    let policies = "policies:\n  - rule: ${cost.hourly < 500}\n    message: never seen\n  \
                    - rule: cost.hourly < var.limit / money(\"1 USD/h\")\n    message: '${cost.hourly} USD/h, and ${var.limit} are allowed'\n  \
                    - rule: '${alltrue([for r in resources : contains([\"p5.48xlarge\"], r.instance_type) if r.kind == \"instance-group\"])}'\n    message: only p5 here.\n  \
                    - rule: '${alltrue(resources[*].owner != null ? [true] : [false])}'\n    message: no owner\n";
    let desk = desk(&machines("us-east-1", policies));
    desk.run("validate a.yaml").code(0).says(&["small is valid"]);
    let words = ["error[DL0608]: only p5 here\n", "this rule is false", "a.yaml:12:"];
    desk.sandbox("plan a.yaml").code(5).says(&words).never_says("never seen").never_says("no owner");
    desk.sandbox("apply a.yaml --yes").code(5).says(&words);
    assert_eq!(desk.mutating(), 0);
    let json = desk.sandbox("plan a.yaml --format json --var limit=1USD/h").code(5).json();
    let found: Vec<(&str, &str)> = json["diagnostics"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|d| d["code"] == "DL0608")
        .map(|d| (d["address"].as_str().unwrap(), d["summary"].as_str().unwrap()))
        .collect();
    let expected = [("policies[1]", "2.112 USD/h, and 1 USD/h are allowed"), ("policies[2]", "only p5 here")];
    assert_eq!(found, expected);
    // What is removed is no longer asked for its type, and destroy asks nothing.
    desk.write("a.yaml", machines("us-east-1", ""));
    desk.sandbox("apply a.yaml --yes").code(0);
    let without = machines("us-east-1", policies);
    desk.write("a.yaml", &without[..without.find("  train:").unwrap()]);
    desk.sandbox("plan a.yaml").code(0).says(&["3 to delete"]);
    desk.write("a.yaml", &without);
    desk.sandbox("destroy a.yaml --yes").code(0).says(&["0 resources"]);
}

#[test]
fn blueprints_share_policies() {
    let desk =
        desk(&machines("us-east-1", "policies:\n  - from: rules/team.yaml\n  - { rule: 'true', message: never }\n"));
    let team = |rules: &str| {
        fs::create_dir_all(desk.path().join("rules")).unwrap();
        fs::write(desk.path().join("rules/team.yaml"), rules).unwrap();
    };
    desk.run("validate a.yaml").code(1).says(&["rules/team.yaml", "there is no such file", "a.yaml:"]);
    team("- rule: cost.hourly < 5\n  message: never seen\n- rule: ${cost.hourly < 0.1}\n  message: the team says no\n");
    desk.run("validate a.yaml").code(0);
    desk.sandbox("plan a.yaml")
        .code(5)
        .says(&["error[DL0608]: the team says no", "rules/team.yaml:3:"])
        .never_says("never");
    let json = desk.sandbox("plan a.yaml --format json").code(5).json();
    let found = json["diagnostics"].as_array().unwrap().iter().find(|d| d["code"] == "DL0608").unwrap();
    assert_eq!(found["address"], "policies[0] (rules/team.yaml)[1]", "{found}");
    // A saved plan remembers the rules as they were.
    team("- rule: cost.hourly < 5\n  message: never seen\n");
    desk.sandbox("plan a.yaml --out plan.json").code(0);
    for (rules, word) in [
        ("rule: 'true'\nmessage: m\n", "`policies` is a list of rules"),
        ("- from: other.yaml\n", "a policy has no `from`"),
        ("- rule: cost.hourly < \n  message: m\n", "rules/team.yaml:1:"),
        ("- rule: cost.hourly < 5\n  mesage: m\n", "did you mean `message`?"),
    ] {
        team(rules);
        desk.run("validate a.yaml").code(1).says(&[word]);
    }
}

#[test]
fn mistakes_in_policies_are_found_without_aws() {
    let wrong = |rule: &str| {
        let desk = desk(&format!(
            "blueprint: a\nregion: us-east-1\npolicies:\n  - rule: {rule}\n    message: m\nresources:\n  data: {{ kind: bucket }}\n"
        ));
        desk.run("validate a.yaml").code(1).says(&["a.yaml:4:"])
    };
    wrong("${cost.hourly < \"500\"}").says(&["error[DL0609]", "`<` does not go with a number and text"]);
    wrong("${cost.hourli < 500}").says(&["error[DL0609]", "there is no `hourli` here", "did you mean `hourly`?"]);
    wrong("${costs.hourly < 500}").says(&["a policy has no `costs`", "did you mean `cost`?"]);
    wrong("${cost.hourly}").says(&["a condition is `true` or `false`, not a number"]);
    wrong("'${resources[0].instance_type == \"a\"}'").says(&["there is no `instance_type` here"]);
    wrong("${var.limit > 1}").says(&["there is no `var.limit`"]);
    wrong("${1 +}").says(&["error[DL0110]"]);
    wrong("cost ${cost.hourly < 1}").says(&["a rule is one expression"]);
    // The length of a run is not known before the flags are.
    let desk = desk(
        "blueprint: a\nregion: us-east-1\npolicies:\n  - rule: ${cost.run < 5}\n    message: m\nresources:\n  data: { kind: bucket }\n",
    );
    desk.run("validate a.yaml").code(0);
    desk.sandbox("plan a.yaml --hours 24").code(0);
    desk.sandbox("plan a.yaml").code(5).says(&["error[DL0609]", "null"]);
}

#[test]
fn every_form_of_the_report_has_the_same_total() {
    let desk = desk(&machines("us-east-1", "ttl: 24h\nbudget: { hourly: 3 USD/h }\n"));
    let json = desk.run("cost a.yaml --format json").code(0).json();
    assert_eq!((&json["format_version"], &json["command"]), (&1.into(), &"cost".into()));
    assert_eq!((&json["cost"]["hourly"], &json["cost"]["monthly"]), (&"2.1120".into(), &"1541.76".into()));
    for (form, total) in [("text", "$2.11/h"), ("markdown", "| **total** | $2.11 |"), ("html", "data-value=\"2.1120\"")]
    {
        desk.run(&format!("cost a.yaml --format {form}")).code(0).says(&[total]);
    }
    let csv = desk.run("cost a.yaml --format csv").code(0).out;
    assert!(csv.starts_with("address,module,kind,") && csv.contains("\r\ntrain.group,train,instance-group,"), "{csv}");
    desk.run("cost a.yaml").code(0).says(&[
        "By module",
        "By kind",
        "Advice:",
        "assumed",
        "Budget:   hourly $2.11 of $3.00, 70 %",
    ]);
    desk.run("cost a.yaml --by kind").code(0).says(&["By kind"]).never_says("By module");
    let groups = desk.run("cost a.yaml --by module --format csv").code(0).out;
    assert!(groups.starts_with("module,hourly,run,monthly,upfront,percent,unpriced\r\ntrain,2.0558,"), "{groups}");
    desk.run("cost a.yaml --by owner --format html").code(0).says(&["By owner"]).never_says("By module");
    desk.run("cost a.yaml --format html -o report.html").code(0).says(&["wrote report.html"]);
    assert!(fs::read_to_string(desk.path().join("report.html")).unwrap().starts_with("<!DOCTYPE html>"));
    desk.run("cost a.yaml -o none/report.html").code(1).says(&["error[DL0742]"]);
    desk.run("plan a.yaml --format html").code(1).says(&["error[DL0741]", "`dlinfra plan` has no html form"]);
    // Nothing was asked of AWS, and nothing was written.
    assert!(!desk.path().join(".dlinfra").exists());
}

/// What GitHub shows: the total and the budget beside its line, and the report as the summary of the step.
#[test]
fn github_shows_the_total_and_what_the_budget_says() {
    let desk = desk(&machines("us-east-1", "budget: { hourly: 1 USD/h }\n"));
    let run = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let mut command = desk.command(&words[..]);
        command.env("GITHUB_STEP_SUMMARY", desk.path().join("summary.md"));
        command.env("GITHUB_OUTPUT", desk.path().join("output"));
        finish(command)
    };
    let said = run("cost a.yaml --format github").code(0);
    let line = 1 + fs::read_to_string(desk.path().join("a.yaml"))
        .unwrap()
        .lines()
        .position(|line| line.starts_with("budget:"))
        .unwrap();
    let lines: Vec<&str> = said.out.lines().collect();
    assert!(lines[0].starts_with("::notice title=dlinfra cost ") && lines[0].contains("::$2.11/h, "), "{lines:?}");
    assert!(lines[1].starts_with(&format!("::error file=a.yaml,line={line},col=")), "{lines:?}");
    assert!(lines[1].contains("$2.11/h is above budget.hourly of $1.00"), "{lines:?}");
    assert_eq!(lines.len(), 2, "{lines:?}");
    let summary = fs::read_to_string(desk.path().join("summary.md")).unwrap();
    assert!(summary.starts_with("## Cost of ") && summary.contains("| **total** | $2.11 |"), "{summary}");
    let output = fs::read_to_string(desk.path().join("output")).unwrap();
    assert!(output.contains("headline=$2.11/h, ") && output.contains("refused=true\n"), "{output}");
    // A file gets the report; problems of a blueprint have their lines.
    run("cost a.yaml --format github --out report.md").code(0);
    assert!(fs::read_to_string(desk.path().join("report.md")).unwrap().starts_with("## Cost of "));
    desk.write("b.yaml", "blueprint: b\nregion: us-east-1\nresources:\n  v: { kind: vpcc }\n");
    let said = run("cost b.yaml --format github").code(1);
    assert!(said.out.contains("\n::error file=b.yaml,line=4,col="), "{}", said.out);
    run("cost a.yaml --format sarif").code(1).says(&["error[DL0741]", "`html` and `github`"]);
}

#[test]
fn a_report_is_compared_with_files_plans_and_commits() {
    let desk = desk(&machines("us-east-1", ""));
    desk.write("old.yaml", machines("us-east-1", "").replace("default: 2", "default: 1"));
    let grown = ["Change:   +$1.03/h", "+$1.03/h  train.group (changed)"];
    desk.run("cost a.yaml --compare old.yaml").code(0).says(&grown).says(&["Before:   $1.08/h", "(old.yaml)"]);
    let json = desk.run("cost a.yaml --compare old.yaml --format json").code(0).json();
    assert_eq!(json["comparison"]["difference"]["hourly"], "1.0279");
    desk.sandbox("plan old.yaml -o plan.json").code(0);
    desk.run("cost a.yaml --compare plan.json").code(0).says(&grown).says(&["(plan.json)"]);

    // A commit with a module and a script of its own, which are other ones by now.
    desk.git("init -q -b main");
    fs::create_dir(desk.path().join("modules")).unwrap();
    let module = |size: &str| {
        format!("module: disk\nresources:\n  data:\n    kind: bucket\n    usage: {{ stored_gb: {size} }}\n")
    };
    desk.write("modules/disk.yaml", module("1000"));
    let with = machines("us-east-1", "") + "  store:\n    use: disk\n";
    desk.write("a.yaml", &with);
    desk.git("add a.yaml modules");
    desk.git("commit -q -m one");
    desk.write("modules/disk.yaml", module("3000"));
    let newer = with.replace("variables:\n", "variables:\n  tier: { type: string, default: x }\n");
    desk.write("a.yaml", &newer);
    let words = ["Before:", "(main (", "store.data (changed)", "Change:   +$0.06/h, +$46.00/month"];
    desk.run("cost a.yaml --compare main --var tier=y --var nodes=3").code(0).says(&words).never_says("train.group (");
    desk.run("cost a.yaml --compare HEAD").code(0).says(&["(HEAD ("]);
    desk.run("cost old.yaml --compare main").code(0).says(&["which has no old.yaml", "(new)"]);
    desk.run("cost a.yaml --compare no-such-branch").code(1).says(&["error[DL0744]", "no commit of a repository"]);
    desk.run("cost a.yaml --compare --upload-pack=x").code(1);
    assert!(!desk.path().join(".git/index.lock").exists());
}

#[test]
fn live_stacks_tell_what_they_cost() {
    let desk = desk(&(machines("us-east-1", "ttl: 24h\n") + "  data: { kind: bucket }\n"));
    let json = desk.sandbox("plan a.yaml --format json").code(0).json();
    assert_eq!(json["cost"]["before"]["hourly"], "0.0000");
    let group = json["steps"].as_array().unwrap().iter().find(|s| s["address"] == "train.group").unwrap();
    assert_eq!((&group["cost"]["after"], &group["cost"]["difference"]), (&"2.0558".into(), &"2.0558".into()));
    // Prices come from the binary: no pricing API and no Cost Explorer is asked.
    let requests = desk.requests();
    assert!(
        requests.contains("ec2:DescribeVpcs") && !requests.contains("pricing:") && !requests.contains("ce:"),
        "{requests}"
    );
    let applied = desk.sandbox("apply a.yaml --yes --format json").code(0).out;
    let last: Value = serde_json::from_str(applied.lines().last().unwrap()).unwrap();
    assert_eq!((&last["type"], &last["cost"]["after"]["hourly"]), (&"summary".into(), &"2.1164".into()));

    let status = desk.sandbox("status a.yaml").code(0).says(&["Burns: $2.12/h", "$1,544.96/month", "Spent: about $"]);
    assert!(!status.out.contains("unpriced"), "{}", status.out);
    let status = desk.sandbox("status a.yaml --format json").code(0).json();
    assert_eq!((&status["cost"]["hourly"], &status["cost"]["monthly"]), (&"2.1164".into(), &"1544.96".into()));
    assert!(status["cost"]["spent"].as_str().unwrap().contains('.'));
    desk.sandbox("plan a.yaml --var nodes=1").code(0).says(&["(-$1.03/h)"]);

    // A bucket that holds something stays without --delete-data, and goes on costing.
    let bucket = status["resources"].as_array().unwrap().iter().find(|r| r["address"] == "data").unwrap();
    assert_eq!(bucket["cost"]["hourly"], "0.0044");
    desk.sandbox("destroy a.yaml --yes")
        .code(0)
        .says(&["Stops: $2.12/h, $1,544.96/month", "0 resources, $0.00/h left"]);
}
