//! Commands of the real binary: what they print, where, and how they end. Bad input: a code, exit 1, nothing half-written.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "cli/beforehand.rs"]
mod beforehand;
#[path = "cli/behind.rs"]
mod behind;
mod desk;
#[path = "cli/mistakes.rs"]
mod mistakes;
#[path = "cli/purchases.rs"]
mod purchases;
#[path = "cli/serving.rs"]
mod serving;
#[path = "cli/spent.rs"]
mod spent;

use desk::{Desk, Said, finish};
use serde_json::Value;
use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Stdio},
};

const SMALL: &str = "blueprint: small\nregion: us-east-1\nvariables:\n  names: { type: bool, default: true }\nresources:\n  vpc: { kind: vpc, cidr: 10.0.0.0/16, dns_hostnames: '${var.names}' }\noutputs:\n  range: ${vpc.cidr}\n";

impl Desk {
    /// With keys that nobody checks.
    fn run_with_keys(&self, args: &[&str]) -> Said {
        let mut command = self.command(args);
        command.env("AWS_ACCESS_KEY_ID", "x").env("AWS_SECRET_ACCESS_KEY", "x");
        finish(command)
    }

    /// `validate` of a file with this text.
    fn validate(&self, text: impl AsRef<[u8]>) -> Said {
        self.write("bad.yaml", text).run(&["validate", "bad.yaml"])
    }

    fn has_state(&self) -> bool {
        self.path().join(".dlinfra/state").exists()
    }
}

#[test]
fn a_stack_in_the_sandbox_from_plan_to_proof() {
    let desk = Desk::new();
    desk.write("dlinfra.yaml", SMALL);
    let plan = desk.run(&["plan", "--sandbox"]).code(0);
    let plan = plan.says(&[
        "SANDBOX .dlinfra/sandbox (nothing real is touched)",
        "+   vpc",
        "Plan: 1 to create",
        "Next: dlinfra apply --sandbox",
    ]);
    assert_eq!(plan.err, "");
    desk.run(&["plan", "--sandbox", "--detailed-exitcode"]).code(2);
    let json = desk.run(&["plan", "--sandbox", "--format", "json"]).code(0).json();
    assert_eq!((&json["format_version"], &json["command"]), (&1.into(), &"plan".into()));
    assert_eq!((&json["steps"][0]["address"], &json["steps"][0]["action"]), (&"vpc".into(), &"create".into()));
    assert_eq!(json["summary"]["create"], 1);

    desk.run(&["apply", "--sandbox"]).refuses("DL0708").says(&["--yes"]);
    desk.run(&["destroy", "--sandbox"]).refuses("DL0708");
    desk.run(&["drift", "--sandbox"]).code(0).says(&["nothing was applied"]);
    let speed = ["--sandbox-speed", "max"];
    desk.run(&[&["apply", "--sandbox", "--yes"][..], &speed].concat())
        .code(0)
        .says(&["applied: 1 created", "10.0.0.0/16"]);
    desk.run(&[&["apply", "--sandbox", "--yes"][..], &speed].concat()).code(0).says(&["No changes"]);
    desk.run(&["plan", "--sandbox", "--detailed-exitcode"]).code(0);
    desk.run(&["plan", "--sandbox", "--var", "names=false", "--detailed-exitcode"]).code(2).says(&["1 to update"]);
    let status = desk.run(&["status", "--sandbox", "--format", "json"]).code(0).json();
    assert_eq!(
        (&status["resources"][0]["address"], &status["resources"][0]["state"]),
        (&"vpc".into(), &"ready".into())
    );
    desk.run(&["output", "--sandbox"]).code(0).says(&["10.0.0.0/16"]);
    desk.run(&["list", "--sandbox"]).code(0).says(&["small"]);
    desk.run(&["drift", "--sandbox"]).code(0).says(&["no drift"]);
    let not_bought = |address| desk.run(&["apply", "--sandbox", "--yes", "--not-bought", address]);
    not_bought("vpc").refuses("DL0549").says(&["no purchase at vpc waits for an answer", "leave out `--not-bought`"]);
    not_bought("nothing").refuses("DL0707");

    let proof = "Proof: account 000000000000, region us-east-1, stack small: 0 resources, $0.00/h left";
    desk.run(&[&["destroy", "--sandbox", "--yes"][..], &speed].concat()).code(0).says(&["destroyed: 1 deleted", proof]);
    desk.run(&["destroy", "--sandbox", "--yes"]).code(0).says(&["Nothing to destroy.", proof]);
    desk.run(&["sandbox", "reset"]).code(0).says(&["is empty"]);
    assert!(!desk.path().join(".dlinfra/sandbox").exists());
}

/// What was made is seen by the next command, however little real time lies between, at any speed.
#[test]
fn the_next_command_in_the_sandbox_sees_what_the_last_one_made() {
    for speed in ["max", "600", "10000"] {
        let desk = Desk::new();
        let subnet = "  a: { kind: subnet, vpc: '${vpc}', cidr: 10.0.1.0/24, zone: us-east-1a }\noutputs:";
        desk.write("dlinfra.yaml", SMALL.replace("outputs:", subnet));
        let run = |args: &[&str]| desk.run(&[args, &["--sandbox", "--sandbox-speed", speed]].concat());
        run(&["apply", "--yes"]).code(0);
        run(&["plan", "--detailed-exitcode"]).code(0);
        run(&["apply", "--yes"]).code(0).says(&["No changes"]);
        run(&["destroy", "--yes"]).code(0).says(&["2 deleted", "0 resources"]);
    }
}

#[test]
fn what_is_under_dlinfra_is_its_owners_alone_and_no_link() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let desk = Desk::new();
    desk.write("dlinfra.yaml", SMALL);
    let apply = ["apply", "--sandbox", "--yes", "--sandbox-speed", "max"];
    desk.run(&apply).code(0);
    let own = desk.path().join(".dlinfra");
    let mut open = vec![own.clone()];
    while let Some(path) = open.pop() {
        let about = fs::metadata(&path).unwrap();
        let expected = if about.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(about.permissions().mode() & 0o777, expected, "{}", path.display());
        if about.is_dir() {
            open.extend(fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()));
        }
    }
    // As a repository could bring them.
    let mine = desk.path().join("mine");
    for name in ["requests.json", "log.jsonl", "head.json", "snapshot.json"] {
        fs::write(&mine, "mine").unwrap();
        let file = own.join("sandbox").join(name);
        let kept = fs::read(&file).ok();
        let _ = fs::remove_file(&file);
        symlink(&mine, &file).unwrap();
        let _ = desk.run(&["plan", "--sandbox"]);
        assert_eq!(fs::read_to_string(&mine).unwrap(), "mine", "{name}");
        fs::remove_file(&file).unwrap();
        kept.into_iter().for_each(|bytes| fs::write(&file, bytes).unwrap());
    }
    let elsewhere = desk.path().join("elsewhere");
    fs::rename(&own, &elsewhere).unwrap();
    symlink(&elsewhere, &own).unwrap();
    desk.run(&apply).refuses("DL0705").says(&[".dlinfra is a link"]);
}

/// A full device, for every kind of output; a closed pipe is not an error.
#[test]
fn output_that_does_not_arrive_is_an_error() {
    let desk = Desk::new();
    desk.write("dlinfra.yaml", SMALL);
    for args in [
        &["plan", "--sandbox"][..],
        &["plan", "--sandbox", "--format", "json"],
        &["apply", "--sandbox", "--yes", "--format", "json"],
        &["output", "--sandbox"],
        &["destroy", "--sandbox", "--yes"],
        &["kinds"],
        &["schema"],
        &["explain", "DL0575"],
        &["cost", "dlinfra.yaml", "--format", "csv"],
        &["completions", "bash"],
        &["--help"],
        &["--version"],
    ] {
        let mut command = desk.command(args);
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let out = command.stdout(full).stderr(Stdio::piped()).output().unwrap();
        let err = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(1), "{args:?}: {err}");
        assert!(err.contains("DL0575") && err.contains("could not be written"), "{args:?}: {err}");
    }
}

#[test]
fn colour_and_width_are_as_asked_for() {
    let desk = Desk::new();
    desk.write("dlinfra.yaml", SMALL);
    let plan = ["plan", "--sandbox"];
    let with = |name: &str, value: &str, more: &[&str]| {
        let mut command = desk.command(&[&plan, more].concat());
        command.env_remove("NO_COLOR").env(name, value);
        finish(command).code(0)
    };
    // Nobody sees a pipe.
    with("X", "y", &[]).never_says("\u{1b}");
    with("CLICOLOR_FORCE", "1", &[]).says(&["\u{1b}[32m+   vpc\u{1b}[0m"]);
    with("CLICOLOR_FORCE", "1", &["--color", "never"]).never_says("\u{1b}");
    desk.run(&[&plan[..], &["--color", "always"]].concat()).code(0).says(&["\u{1b}[32m"]);
    with("CLICOLOR_FORCE", "1", &["--format", "json"]).never_says("\u{1b}");
    let narrow = with("COLUMNS", "50", &[]);
    assert!(narrow.out.lines().all(|line| line.chars().count() <= 50), "{}", narrow.out);
    // Sentences are broken where somebody looks or says how wide it is, and stay whole in a log; commands stay whole too.
    desk.write("wrong.yaml", format!("{SMALL}nonsense: 1\n"));
    let wrong = ["validate", "wrong.yaml"];
    let keys = "the keys are blueprint, environment, account, region, owner, description, tags, ttl";
    desk.run(&wrong).refuses("DL0120").says(&[keys]);
    let mut command = desk.command(&wrong);
    command.env("COLUMNS", "60");
    let narrow = finish(command).refuses("DL0120").never_says(keys);
    assert!(narrow.err.lines().all(|line| line.chars().count() <= 60), "{}", narrow.err);
    let mut help = desk.command("--help");
    help.env("COLUMNS", "80");
    let page = finish(help).code(0).out;
    assert!(page.lines().all(|line| line.chars().count() <= 80), "{page}");
    // What is no width is none.
    assert_eq!(with("COLUMNS", "wide", &[]).out, with("COLUMNS", "0", &[]).out);
}

#[test]
fn the_catalog_lists_what_blueprints_may_name() {
    let desk = Desk::new();
    let list = |words: &[&str]| desk.run(&[&["catalog"], words].concat()).code(0);
    list(&["types", "--gpu", "h100", "--efa"]).says(&["p5.48xlarge", "8 x NVIDIA H100", "55.040"]).never_says("p4d");
    list(&["types", "g5.xl"]).says(&["g5.xlarge", "A10G"]).never_says("g5.2xlarge");
    list(&["types", "nothing-like-it"]).says(&["nothing in the catalog is like that"]);
    list(&["images"]).says(&["al2023", "dlami-base-ubuntu-24.04", "ec2-user"]);
    list(&["images", "--type", "trn1.32xlarge"]).never_says("dlami-base");
    list(&["regions"]).says(&["us-east-1", "eu-north-1"]);
    list(&["zones", "--region", "us-east-1"]).says(&["us-east-1a", "us-east-1f"]);
    list(&["quotas", "--type", "p5.48xlarge"]).says(&["L-417A185B", "0 vCPU"]).never_says("L-DB2E81BA");
    let json = list(&["types", "p5.48xlarge", "--region", "us-east-1", "--format", "json"]).json();
    assert_eq!((&json["format_version"], &json["command"]), (&1.into(), &"catalog".into()));
    assert_eq!((&json["types"][0]["type"], &json["types"][0]["on_demand"]), (&"p5.48xlarge".into(), &"55.04".into()));
    desk.run("catalog zones --region us-esat-1").refuses("DL0706").says(&["did you mean `us-east-1`?"]);
    desk.run("catalog images --type p5.48xlrge").refuses("DL0715").says(&["did you mean `p5.48xlarge`?"]);
    desk.run("topology quite-another-thing").refuses("DL0715").says(&["`dlinfra catalog types` lists them"]);
}

#[test]
fn every_json_document_says_its_version() {
    let desk = Desk::new();
    desk.write("dlinfra.yaml", SMALL);
    let places = " --sandbox --sandbox-speed max";
    let apply = desk.run(&format!("apply --yes --format json{places}")).code(0);
    let last: Value = serde_json::from_str(apply.out.lines().last().unwrap()).unwrap();
    assert_eq!((&last["type"], &last["outputs"]["range"]), (&"summary".into(), &"10.0.0.0/16".into()));
    for (line, key) in [
        (format!("output --name range{places}"), "value"),
        ("topology p5.48xlarge".to_owned(), "interfaces"),
        ("sandbox status".to_owned(), "account"),
        ("sandbox requests".to_owned(), "total"),
        ("completions bash".to_owned(), "script"),
        ("modules network".to_owned(), "text"),
        (format!("drift{places}"), "changed"),
    ] {
        let json = desk.run(&format!("{line} --format json")).code(0).json();
        assert_eq!(json["format_version"], 1, "{line}");
        assert!(json["command"].is_string() && !json[key].is_null(), "{line}: {json}");
    }
    assert_eq!(desk.run(&format!("output --name range{places}")).code(0).out, "10.0.0.0/16\n");
}

#[test]
fn what_is_shown_cannot_steer_a_terminal() {
    let desk = Desk::new();
    let name = "a\u{1b}]0;x\u{7}\u{9b}31m\u{202e}b";
    for words in [["kinds", name], ["explain", name], ["output", name]] {
        for more in [&[][..], &["--format", "json"], &["--color", "always"]] {
            let said = desk.run(&[&words, more].concat());
            let all = format!("{}{}", said.out, said.err);
            for raw in ["\u{1b}]", "\u{7}", "\u{9b}", "\u{202e}"] {
                assert!(!all.contains(raw), "{words:?} {more:?}: {raw:?} in {all:?}");
            }
        }
    }
}

#[test]
fn the_plan_of_an_apply_is_data() {
    let desk = Desk::new();
    desk.write("dlinfra.yaml", SMALL);
    let speed = ["--sandbox", "--sandbox-speed", "max", "--yes"];
    let apply = desk.run(&[&["apply"][..], &speed].concat()).code(0);
    assert!(apply.out.contains("+   vpc") && apply.out.contains("Plan: 1 to create"), "{}", apply.out);
    let destroy = desk.run(&[&["destroy"][..], &speed].concat()).code(0);
    assert!(destroy.out.contains("-   vpc") && destroy.out.contains("Proof: "), "{}", destroy.out);
}

#[test]
fn a_saved_plan_is_applied_as_it_was_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let desk = Desk::new();
    let speed = ["--sandbox", "--sandbox-speed", "max"];
    let run = |args: &[&str]| desk.run(&[args, &speed].concat());
    desk.write("dlinfra.yaml", SMALL);
    run(&["plan", "-o", "p.json"]).code(0).says(&["Saved: p.json", "Next: dlinfra apply p.json --sandbox"]);
    let file = desk.path().join("p.json");
    let saved = fs::read_to_string(&file).unwrap();
    assert!(saved.starts_with("{\n  \"format_version\": 1,"), "{saved}");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(
        !fs::read_dir(desk.path()).unwrap().any(|e| e.unwrap().file_name().to_string_lossy().starts_with(".p.json"))
    );
    run(&["plan", "p.json"]).code(0).says(&["the saved plan is up to date", "+   vpc"]);
    desk.run(&["validate", "p.json"]).code(0);

    // Inputs are in the file: flags are refused, an edited blueprint has no effect.
    run(&["apply", "p.json", "--var", "names=false"]).refuses("DL0755");
    run(&["apply", "p.json", "--replace", "vpc"]).refuses("DL0755");
    desk.write("dlinfra.yaml", SMALL.replace("10.0.0.0/16", "10.1.0.0/16"));
    // Nobody is asked, although nobody could answer.
    run(&["apply", "p.json"]).code(0).says(&["note[DL0760]", "dlinfra.yaml", "applied: 1 created", "10.0.0.0/16"]);
    for command in ["apply", "plan"] {
        run(&[command, "p.json"]).code(6).says(&["error[DL0750]", "applied already", "vpc: saved create"]);
    }
    let one = run(&["plan", "p.json", "--format", "json"]).code(6).json();
    assert_eq!(one["diagnostics"][0]["code"], "DL0750", "one document, also when it is out of date");
    let refused = run(&["apply", "p.json", "--format", "json"]).code(6);
    let last: Value = serde_json::from_str(refused.out.lines().last().unwrap()).unwrap();
    assert_eq!(last["diagnostics"][0]["code"], "DL0750");

    // What was edited, cut off or made for something else.
    desk.write("dlinfra.yaml", SMALL);
    run(&["plan", "--var", "names=false", "-o", "p.json"]).code(0).says(&["1 to update"]);
    let saved = fs::read_to_string(&file).unwrap();
    desk.write("edited.json", saved.replace("\"after\": false", "\"after\": true"));
    run(&["apply", "edited.json"]).code(6).says(&["DL0750", "dns_hostnames: saved true -> true, now true -> false"]);
    desk.write("edited.json", saved.replace("10.0.0.0/16", "10.2.0.0/16"));
    run(&["apply", "edited.json"]).code(6).says(&["DL0751"]);
    desk.write("edited.json", saved.replace("\"format_version\": 1", "\"format_version\": 7"));
    run(&["apply", "edited.json"]).refuses("DL0753");
    desk.write("edited.json", &saved[..saved.len() / 2]);
    run(&["apply", "edited.json"]).refuses("DL0752").says(&["ends too early"]);
    desk.write("report.json", run(&["plan", "--format", "json"]).out);
    run(&["plan", "report.json"]).refuses("DL0752").says(&["is a report"]);
    run(&["plan", "-o", "dlinfra.yaml"]).refuses("DL0757");
    assert_eq!(fs::read_to_string(desk.path().join("dlinfra.yaml")).unwrap(), SMALL);
    run(&["plan", "-o", "no/such/folder.json"]).refuses("DL0757");
    run(&["apply", "p.json"]).code(0).says(&["applied: 1 updated"]);
    run(&["plan", "-o", "p.json", "--var", "names=false"]).code(0).says(&["No changes"]);
    run(&["apply", "p.json"]).code(0).says(&["No changes"]);
}

#[test]
fn what_needs_no_account() {
    let desk = Desk::new();
    desk.run(&["--help"]).code(0).says(&["Work:", "Look up:", "Exit codes:", "Environment:"]);
    desk.run(&["--nonsense"]).code(1);
    desk.run(&["init"]).code(0).says(&["wrote dlinfra.yaml (cpu-smoke)", "Next: dlinfra plan --sandbox"]);
    desk.run(&["init"]).refuses("DL0717");
    desk.run(&["init", "nothing"]).refuses("DL0716");
    desk.run(&["validate"]).code(0).says(&["cpu-smoke is valid: 11 resources in us-east-1"]);
    desk.run(&["kinds"]).code(0).says(&["vpc", "fsx-lustre", "instance-group"]);
    desk.run(&["kinds", "vpc"]).code(0).says(&["dns_hostnames", "ec2:CreateVpc"]);
    desk.run(&["kinds", "vpcs"]).refuses("DL0711");
    desk.run(&["explain", "DL0402"]).code(0).says(&["No usable credentials"]);
    desk.run(&["eval", "1 + 1"]).code(0).says(&["2"]);
    desk.write("zones.yaml", "blueprint: z\nregion: us-east-1\nresources:\n  net: { use: network, zones: 3 }\n");
    for side in ["public", "private"] {
        let subnet = desk.run(&["eval", &format!("net.{side}_by_zone[\"us-east-1c\"]"), "zones.yaml"]).code(0);
        subnet.says(&[&format!("net.{side}/us-east-1c")]);
    }
    desk.run(&["graph"]).code(0).says(&["digraph", "network.vpc"]);
    desk.run(&["completions", "bash"]).code(0).says(&["dlinfra"]);
    let schema = desk.run(&["schema"]).code(0).json();
    assert!(schema["$schema"].is_string() && schema["properties"].is_object());
    for (layout, count) in [("ip", 32), ("bandwidth", 33)] {
        let json = desk.run(&["topology", "p5.48xlarge", "--layout", layout, "--format", "json"]).code(0).json();
        let efa = json["efa"].as_u64().unwrap_or_else(|| panic!("{json}"));
        let interfaces = json["interfaces"].as_array().unwrap();
        assert!(efa == 32 && interfaces.len() >= count, "{layout}: {efa} {}", interfaces.len());
    }
    desk.run(&["topology", "p5.48xlarg"]).refuses("DL0715").says(&["p5.48xlarge"]);
}

#[test]
fn bad_files_are_refused_with_a_code() {
    let desk = Desk::new();
    desk.run(&["validate"]).refuses("DL0702").never_says("--stack");
    for command in ["destroy --yes", "status", "drift", "output", "lock status", "recover"] {
        desk.run(command).refuses("DL0702").says(&["`--stack NAME`", "`dlinfra list --region REGION`"]);
    }
    desk.run(&["validate", "absent.yaml"]).refuses("DL0101");
    desk.run(&["validate", "."]).refuses("DL0101");
    desk.validate([0, 159, 146, 150, 255]).refuses("DL0102");
    desk.validate("").refuses("DL0103");
    let head = "blueprint: a\nregion: us-east-1\n";
    desk.validate(format!("{head}resources: {{}}\n---\nblueprint: b\n")).refuses("DL0105");
    desk.validate(format!("{head}blueprint: b\n")).refuses("DL0106");
    let mut bomb = format!("{head}resources: {{}}\nlocals:\n  l0: &l0 [x, x, x, x, x, x, x, x, x]\n");
    for n in 1..9 {
        let all = format!("*l{}, ", n - 1).repeat(9);
        bomb.push_str(&format!("  l{n}: &l{n} [{}]\n", all.trim_end_matches(", ")));
    }
    desk.validate(bomb).refuses("DL0108");
    desk.validate(format!("{head}locals:\n  a: {}{}\n", "[".repeat(100_000), "]".repeat(100_000))).refuses("DL0108");
    let deep = format!("{head}locals:\n  a: ${{{}1{}}}\n", "(".repeat(100_000), ")".repeat(100_000));
    desk.validate(deep).refuses("DL0117");
    let one = |line: &str| format!("{head}resources:\n  a: {line}\n");
    desk.validate(one("{ kind: vpc, cidr: 10.0.0.0/16, cidrr: 1 }")).refuses("DL0120").says(&["did you mean `cidr`?"]);
    desk.validate(one("{ kind: vpc, cidr: 5 }")).refuses("DL0123");
    desk.validate(one("{ kind: internet-gateway, vpc: '${nothing}' }")).refuses("DL0112");
    desk.validate(one("{ kind: bucket, name: '${file(\"../x\")}' }")).refuses("DL0143");
    desk.validate(format!("{}variables:\n  x: {{ type: string }}\n", one("{ kind: bucket, name: '${var.x}' }")))
        .refuses("DL0130");
    let ring = "{ kind: bucket, name: '${b.name}' }\n  b: { kind: bucket, name: '${a.name}' }";
    desk.validate(one(ring)).code(1).says(&["error[DL"]);
    let mut big = format!("{head}resources: {{}}\nlocals:\n");
    for n in 0..100_000 {
        big.push_str(&format!("  key{n}: a value that is long enough to fill five megabytes {n}\n"));
    }
    let said = desk.validate(big);
    assert!(said.code == 0 || said.code == 1 && said.err.contains("error[DL"), "{} {}", said.code, said.err);
    assert!(!desk.path().join(".dlinfra").exists(), "validate writes nothing");
}

/// A network and a machine in it; `REST` stands at the machine.
const MACHINE: &str = r"
blueprint: machine
region: us-east-1
ttl: 1h
variables: { zone: { type: string, default: us-east-1a }, count: { type: int, default: 1 } }
resources:
  vpc: { kind: vpc, cidr: 10.0.0.0/16 }
  subnet: { kind: subnet, vpc: '${vpc}', cidr: 10.0.0.0/20, zone: '${var.zone}' }
  group: { kind: security-group, vpc: '${vpc}' }
  box:
    kind: instance-group
    count: ${var.count}
    subnet: ${subnet}
    interfaces: { security_groups: ['${group}'] }
    REST
outputs:
  ids: ${box.instance_ids}
  head: ${box.head_address}
  hosts: '${{ first = box.head_address, all = box.private_ips }}'
  vpc: ${vpc.id}
";

/// What AWS would refuse in the middle of an apply is said before anything is made.
#[test]
fn a_plan_asks_aws_what_only_aws_knows() {
    let desk = Desk::new();
    for (rest, zone, code, words) in [
        ("instance_type: p5.48xlarge\n    image: al2023", "us-east-1-bos-1a", "DL0383", "us-east-1-bos-1a"),
        ("instance_type: t3.micro\n    image: /aws/service/ecs/no-such-image", "us-east-1a", "DL0386", "no-such-image"),
        ("instance_type: t3.micro\n    image: ami-0123456789abcdef0", "us-east-1a", "DL0386", "ami-0123456789abcdef0"),
        (
            "instance_type: t3.micro\n    image: al2023\n    reservation: cr-0123456789abcdef0",
            "us-east-1a",
            "DL0385",
            "no reservation",
        ),
    ] {
        desk.write("machine.yaml", MACHINE.replace("REST", rest));
        for command in ["plan", "apply"] {
            let mut words_of = vec![command, "machine.yaml", "--sandbox", "--var"];
            let zone = format!("zone={zone}");
            words_of.push(&zone);
            if command == "apply" {
                words_of.push("--yes");
            }
            let place = match code {
                "DL0383" => "passed on by `var.zone`",
                "DL0385" => "--> machine.yaml:17:",
                _ => "--> machine.yaml:16:",
            };
            desk.run(&words_of).code(1).says(&[code, words, place]);
        }
        desk.run("list --sandbox --region us-east-1").never_says("machine ");
    }
}

#[test]
fn outputs_without_a_value_are_null_or_empty() {
    let desk = Desk::new();
    desk.write("machine.yaml", MACHINE.replace("REST", "instance_type: t3.micro\n    image: al2023"));
    for state in ["before", "after"] {
        if state == "after" {
            desk.run("apply machine.yaml --sandbox --yes --var count=0 --sandbox-speed max").code(0);
        }
        let said =
            desk.run("output machine.yaml --sandbox --var count=0 --format json").code(0).never_says("$unknown").json();
        let outputs = &said["data"]["outputs"];
        let outputs = if outputs.is_null() { &said["outputs"] } else { outputs };
        assert_eq!(outputs["ids"], serde_json::json!([]), "{state}: {said}");
        assert_eq!(outputs["head"], serde_json::Value::Null);
        assert_eq!(outputs["hosts"], serde_json::json!({ "first": null, "all": [] }));
        assert_eq!(outputs["vpc"].is_string(), state == "after");
        desk.run("output machine.yaml --sandbox --var count=0").code(0).says(&["ids = []", "head = null"]);
        desk.run("output --stack other --sandbox --region us-east-1").code(0).says(&["nothing is live"]);
        desk.run("output machine.yaml --sandbox --var count=0 --name head").code(1).says(&["DL0710", "has no value"]);
    }
}

#[test]
fn rings_are_found_without_aws() {
    let desk = Desk::new();
    let text = MACHINE.replace("REST", "instance_type: t3.micro\n    image: al2023\n    role: ${role}").replace(
        "outputs:",
        "  role:\n    kind: iam-role\n    trust: [ec2.amazonaws.com]\n    instance_profile: true\n    policies:\n      \
         own: { Statement: [{ Effect: Allow, Action: 'ec2:*', Resource: '${box.placement_group}' }] }\noutputs:",
    );
    desk.validate(text).code(1).says(&["DL0530", "box", "role"]);
}

#[test]
fn wrong_places_are_refused_before_anything_is_written() {
    let desk = Desk::new();
    desk.write("dlinfra.yaml", SMALL);
    let none = desk.run(&["plan"]).refuses("DL0402").says(&["there are no credentials", "--sandbox"]);
    assert!(none.err.lines().count() <= 4, "{}", none.err);
    desk.run(&["plan", "--profile", "nobody"]).refuses("DL0402");
    // A profile that was asked for is not replaced by keys that lie about.
    desk.run_with_keys(&["plan", "--profile", "nobody"]).refuses("DL0402").says(&["the profile does not exist"]);
    // Whoever names an endpoint: it is shown without its password, and keys of AWS do not go there in the open.
    for name in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS"] {
        let mut command = desk.command(&["plan"]);
        command.env(name, "http://user:pw1234@192.0.2.1:9/").env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE");
        command.env("AWS_SECRET_ACCESS_KEY", "x");
        let said = finish(command).refuses("DL0412").says(&["http://192.0.2.1:9/"]);
        assert!(!said.err.contains("pw1234"), "{}", said.err);
    }
    desk.run_with_keys(&["apply", "--yes", "--endpoint-url", "http://127.0.0.1:1"]).refuses("DL0403");
    desk.run(&["plan", "--sandbox", "--region", "eu-west-1"]).refuses("DL0404");
    assert!(!desk.has_state());
    desk.write("other.yaml", format!("account: '111111111111'\n{SMALL}"));
    desk.run(&["plan", "other.yaml", "--sandbox"]).refuses("DL0404").says(&["000000000000", "111111111111"]);
    // A file where the folder should be: also root cannot write there.
    let closed = Desk::new();
    closed.write("dlinfra.yaml", SMALL).write(".dlinfra", "");
    closed.run(&["apply", "--sandbox", "--yes"]).refuses("DL0705");
}

/// A served sandbox, ended with the test.
struct Served(Child, String);

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn serve(desk: &Desk, behaviour: &str) -> Served {
    desk.write("behaviour.json", behaviour);
    let args = ["sandbox", "serve", "--port", "0", "--memory", "--speed", "600", "--behaviour", "behaviour.json"];
    let mut child = desk.command(&args).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    Served(child, line.trim().to_owned())
}

#[test]
fn refusals_of_aws_stop_before_a_change_or_name_what_was_not_done() {
    let desk = Desk::new();
    desk.write("dlinfra.yaml", SMALL);
    let rule = |operation: &str, what: &str| {
        format!(r#"{{"faults": [{{"operation": "{operation}", "action": {{"do": "{what}"}}}}]}}"#)
    };
    let expired = serve(&desk, &rule("sts:*", "expired-token"));
    desk.run_with_keys(&["apply", "--yes", "--endpoint-url", &expired.1]).refuses("DL0402").says(&["ExpiredToken"]);
    let open = serve(&desk, "{}");
    let mut command = desk.command(&["plan"]);
    command.env("AWS_ENDPOINT_URL", &open.1).env("AWS_ACCESS_KEY_ID", "x").env("AWS_SECRET_ACCESS_KEY", "x");
    let said = finish(command);
    let told = format!("{}{}", said.out, said.err);
    assert!(told.contains(&format!("endpoint {}", open.1)) && told.contains("a served sandbox"), "{told}");
    let denied = serve(&desk, &rule("ec2:DescribeVpcs", "access-denied"));
    let said = desk.run_with_keys(&["apply", "--yes", "--endpoint-url", &denied.1]);
    said.refuses("DL0401").says(&["allow the action `ec2:DescribeVpcs`"]);
    assert!(!desk.has_state(), "nothing was begun");
    let denied = serve(&desk, &rule("ec2:CreateVpc", "access-denied"));
    let said = desk.run_with_keys(&["apply", "--yes", "--endpoint-url", &denied.1]);
    said.code(1).says(&["failed vpc: ec2:CreateVpc", "allow the action `ec2:CreateVpc`"]);
    desk.run_with_keys(&["destroy", "--yes", "--endpoint-url", &denied.1]).code(0).says(&["0 resources"]);
}

/// What commands print, word by word: stdout, stderr and exit code, with ids and times replaced.
/// `DLINFRA_BLESS=1 cargo test --test cli` writes it again.
#[test]
fn a_session_is_printed_as_it_was() {
    let desk = Desk::new();
    desk.write("small.yaml", SMALL)
        .write("wrong.yaml", SMALL.replace("cidr: 10.0.0.0/16", "cidr: 10.0.0.1/16, zome: a"));
    let places = "--sandbox --sandbox-speed max";
    let commands = [
        "validate small.yaml".to_owned(),
        "validate wrong.yaml".to_owned(),
        format!("plan small.yaml {places} --detailed-exitcode"),
        format!("plan small.yaml {places} --format json"),
        format!("apply small.yaml {places}"),
        format!("apply small.yaml {places} --yes"),
        format!("apply small.yaml {places} --yes"),
        format!("plan small.yaml {places} --var names=false"),
        format!("apply small.yaml {places} --yes --var names=false --format json"),
        format!("output small.yaml {places} --var names=false"),
        format!("status small.yaml {places} --var names=false"),
        format!("drift small.yaml {places} --var names=false"),
        format!("destroy small.yaml {places} --yes"),
        format!("destroy small.yaml {places} --yes"),
        "topology p5.4xlarge".to_owned(),
        "explain DL0534".to_owned(),
        "kinds nothing".to_owned(),
        "frobnicate".to_owned(),
    ];
    let mut session = String::new();
    for line in &commands {
        let said = desk.run(&line.split(' ').collect::<Vec<_>>());
        session.push_str(&format!("$ dlinfra {line}\nexit {}\n", said.code));
        for (name, text) in [("stdout", &said.out), ("stderr", &said.err)].into_iter().filter(|(_, t)| !t.is_empty()) {
            session.push_str(&format!("--- {name}\n{}\n", text.trim_end()));
        }
        session.push('\n');
    }
    let id = regex_lite::Regex::new(r"vpc-[0-9a-f]{17}").unwrap();
    let time = regex_lite::Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z").unwrap();
    let took = regex_lite::Regex::new(r"\(\d+s\)|(?P<key>.seconds.:)\d+").unwrap();
    let session = id.replace_all(&session, "vpc-ID");
    let session = time.replace_all(&session, "TIME");
    let session = took.replace_all(&session, "${key}SECONDS").into_owned();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/session.txt");
    if std::env::var_os("DLINFRA_BLESS").is_some() {
        fs::write(&file, &session).unwrap();
    }
    let kept = fs::read_to_string(&file).unwrap();
    assert!(kept == session, "the session differs from {}:\n{session}", file.display());
}

/// The page of commands and each command's own page are two texts about one thing.
#[test]
fn every_command_is_said_to_do_what_it_does() {
    let desk = Desk::new();
    let page = desk.run("--help").code(0).out;
    let mut seen = 0;
    for line in page.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   ")) {
        let (name, what) = line.trim().split_once(' ').unwrap();
        let what = what.trim();
        let known = name.chars().all(|c| c.is_ascii_lowercase()) && !what.starts_with("ok ");
        if !known || name == "dlinfra" || name == "help" {
            continue;
        }
        seen += 1;
        // An order: what the command does when it is given.
        let verb = what.split([' ', ',']).next().unwrap();
        let verbs = [
            "Write", "Check", "Show", "Bring", "Remove", "Print", "List", "Rebuild", "Explain", "Evaluate", "Take",
            "Serve", "Send", "Move", "Make", "Wait", "Open", "Apply", "Ask",
        ];
        assert!(verbs.contains(&verb) && !what.ends_with('.'), "{line}");
        let own = desk.run(&format!("{name} --help")).code(0).out;
        let first = own.lines().next().unwrap();
        assert!(first.starts_with(verb) && !first.ends_with('.'), "{name}: {first}");
        assert!(own.lines().all(|l| !l.contains("[possible values: text")), "{own}");
    }
    assert!(seen >= 25, "{seen} commands");
    // One flag for a file to write, whichever command.
    for line in
        ["init --out a.yaml", "init --output b.yaml", "init -o c.yaml", "cost a.yaml --format csv --out cost.csv"]
    {
        desk.run(line).code(0);
    }
    desk.run("plan a.yaml --sandbox --output plan.json").code(0).says(&["Saved: plan.json"]);
}
