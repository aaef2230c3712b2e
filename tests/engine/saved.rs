//! Saved plans: what is applied is what was saved, or nothing; and images stay what they were.
use crate::stage::{Stage, text, wanted};
use dlinfra::{
    apply::Outcome,
    blueprint::{Inputs, MemoryFiles, compile},
    compose::{Deployment, compose},
    diagnostic::Diagnostics,
    engine::{Engine, Execution, Settled, View},
    kinds::{KINDS, dialect},
    plan::{Action, Plan, Wanted},
    saved::{Recording, SavedInputs, SavedPlan, is_saved},
    spec,
};
use dlinfra_sandbox::{SandboxConfig, StoredObject};
use serde_json::{Value, json};
use std::{collections::BTreeSet, sync::Arc};

const BLUEPRINT: &str = r#"blueprint: small
region: us-east-1
owner: ml-platform
ttl: 72h
variables:
  nodes: { type: int, default: 2 }
resources:
  network: { use: ./net, cidr: 10.20.0.0/16 }
  machines:
    kind: instance-group
    instance_type: m5.large
    count: ${var.nodes}
    image: al2023
    subnet: ${network.subnet}
    interfaces: { security_groups: ["${network.group}"] }
    boot: { script: boot.sh }
"#;
const NETWORK: &str = r#"module: net
inputs:
  cidr: { type: cidr }
resources:
  vpc: { kind: vpc, cidr: "${var.cidr}" }
  subnet: { kind: subnet, vpc: "${vpc}", cidr: "${cidrsubnet(var.cidr, 8, 1)}", zone: us-east-1a }
  group: { kind: security-group, vpc: "${vpc}" }
outputs:
  subnet: ${subnet}
  group: ${group}
"#;

fn files() -> MemoryFiles {
    MemoryFiles::new()
        .with("b/small.yaml", BLUEPRINT)
        .with("b/net.yaml", NETWORK)
        .with("b/boot.sh", "#!/bin/sh\ntrue\n")
}

fn inputs(nodes: u32) -> Inputs {
    let pair = |k: &str, v: &str| (k.to_owned(), v.to_owned());
    Inputs {
        file: "b/small.yaml".into(),
        vars: [pair("nodes", &nodes.to_string())].into(),
        env: [pair("DLINFRA_VAR_nodes", "1"), pair("DLINFRA_VAR_other", "hunter2")].into(),
        ..Inputs::default()
    }
}

fn settled() -> Settled {
    Settled {
        now: "2026-03-01T12:00:00Z".parse().unwrap(),
        stack_id: "6f8b0c52-7d2e-4a7a-9f43-3d1c5f0b9a11".to_owned(),
        ..Settled::default()
    }
}

async fn stage() -> Stage {
    let start = Some("2026-03-01T12:00:00Z".parse().unwrap());
    Stage::with(SandboxConfig { start, ..SandboxConfig::default() }).await
}

struct Made {
    deployment: Deployment,
    engine: Engine,
    view: View,
    plan: Plan,
}

async fn make(
    stage: &Stage,
    deployment: Deployment,
    settled: Settled,
    replace: &BTreeSet<dlinfra::address::Address>,
) -> Made {
    let backend = stage.backend.clone();
    let mut engine = Engine::connect(stage.aws().await, KINDS, deployment.target(), backend, true).await.unwrap();
    engine.settle(settled);
    let view = engine.look(&deployment.wanted).await.unwrap();
    let plan = engine.plan(&deployment.wanted, &view, replace).unwrap();
    Made { deployment, engine, view, plan }
}

async fn try_save(stage: &Stage, files: &MemoryFiles, inputs: &Inputs) -> Result<SavedPlan, Diagnostics> {
    let recording = Recording::new(files);
    let deployment = compose(compile(dialect(), inputs, &recording)?)?;
    let inputs = SavedInputs::of(inputs, recording)?;
    let none = BTreeSet::new();
    let Made { deployment, engine, view, plan } = make(stage, deployment, settled(), &none).await;
    SavedPlan::new(&engine, &deployment, &view, &plan, inputs, &none)
}

async fn save(stage: &Stage, nodes: u32) -> SavedPlan {
    try_save(stage, &files(), &inputs(nodes)).await.unwrap_or_else(|d| panic!("{d}"))
}

/// As the command line does it.
async fn apply(stage: &Stage, text: &str) -> Result<Outcome, Diagnostics> {
    let saved = SavedPlan::decode(text.as_bytes())?;
    saved.check_version()?;
    let deployment = saved.compile()?;
    let Made { deployment, engine, view, plan } = make(stage, deployment, saved.settled(), &saved.replace).await;
    saved.check_place(&engine)?;
    saved.check_steps(&view, &plan)?;
    let (_keep, cancel) = tokio::sync::watch::channel(false);
    let run = Execution { command: "apply", presence: None, delete_data: false, sink: Arc::new(|_| {}), cancel };
    engine.execute(&plan, &view, &deployment.wanted, run).await
}

#[track_caller]
fn refused(result: Result<Outcome, Diagnostics>, code: &str, words: &[&str]) {
    let found = result.expect_err("it was applied");
    let all = format!("{found}{}", found.iter().filter_map(|d| d.detail.as_deref()).collect::<String>());
    assert!(found.iter().any(|d| d.code == code), "{all}");
    for word in words {
        assert!(all.contains(word), "{word:?} is missing in {all}");
    }
}

/// The file with its inputs changed and a digest that fits again, as somebody would forge it.
fn forged(text: &str, change: impl Fn(&mut Value)) -> String {
    let mut value: Value = serde_json::from_str(text).unwrap();
    change(&mut value);
    let mut inputs = value.clone();
    for key in ["digest", "steps"] {
        inputs.as_object_mut().unwrap().remove(key);
    }
    value["digest"] = spec::sha256(spec::canonical(&inputs).as_bytes()).into();
    value.to_string()
}

#[tokio::test(start_paused = true)]
async fn the_same_inputs_give_the_same_bytes() {
    let first = save(&stage().await, 2).await.encode().unwrap();
    let second = save(&stage().await, 2).await.encode().unwrap();
    assert_eq!(first, second);
    assert!(first.starts_with("{\n  \"format_version\": 1,\n"), "{first}");
    assert!(is_saved(first.as_bytes()));
    for text in ["hunter2", "DLINFRA_VAR_other"] {
        assert!(!first.contains(text), "the environment belongs to many programs: {text}");
    }
    // A form that was written once can be read for ever.
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/saved-plan-v1.json");
    if std::env::var_os("DLINFRA_BLESS").is_some() && !std::path::Path::new(path).exists() {
        std::fs::write(path, &first).unwrap();
    }
    let golden = std::fs::read_to_string(path).unwrap();
    let read = SavedPlan::decode(golden.as_bytes()).unwrap_or_else(|d| panic!("{d}"));
    assert_eq!(read.encode().unwrap(), golden);
    let wanted = read.compile().unwrap_or_else(|d| panic!("{d}")).wanted;
    let addresses: Vec<&str> = wanted.iter().map(|w| w.address.as_str()).collect();
    assert_eq!(addresses, ["network.vpc", "network.subnet", "network.group", "machines"]);
}

#[tokio::test(start_paused = true)]
async fn a_saved_plan_is_applied_once() {
    let stage = stage().await;
    let plan = save(&stage, 2).await.encode().unwrap();
    let outcome = apply(&stage, &plan).await.unwrap_or_else(|d| panic!("{d}"));
    assert!(outcome.complete(), "{:?}", outcome.failed);
    let mutating = stage.sandbox.requests().mutating;
    refused(apply(&stage, &plan).await, "DL0750", &["applied already", "machines: saved create", "now keep"]);
    // A second plan of the same moment was for a stack that did not exist.
    let update = save(&stage, 3).await.encode().unwrap();
    assert_eq!(stage.sandbox.requests().mutating, mutating, "looking and refusing change nothing");
    apply(&stage, &update).await.unwrap_or_else(|d| panic!("{d}"));
    assert!(stage.sandbox.requests().mutating > mutating);
    refused(apply(&stage, &update).await, "DL0750", &["machines: saved update (count); now keep"]);
}

#[tokio::test(start_paused = true)]
async fn whoever_edits_the_file_is_refused() {
    let stage = stage().await;
    let plan = save(&stage, 2).await.encode().unwrap();
    let edit = |path: &str, to: Value| {
        let mut value: Value = serde_json::from_str(&plan).unwrap();
        *value.pointer_mut(path).unwrap_or_else(|| panic!("{path}")) = to;
        value.to_string()
    };
    // Steps are compared, whatever stands in them.
    let machines = plan.find("\"address\": \"machines\"").is_some();
    assert!(machines);
    for (path, to) in [
        ("/steps/0/action", json!("delete")),
        ("/steps/0/want/cidr", json!("10.99.0.0/16")),
        ("/steps/0/summary", json!("nothing special")),
        ("/steps/1/reason", json!("because")),
        ("/steps", json!([])),
    ] {
        refused(apply(&stage, &edit(path, to)).await, "DL0750", &["out of date"]);
    }
    refused(
        apply(&stage, &edit("/steps/0/want/cidr", json!("10.99.0.0/16"))).await,
        "DL0750",
        &["network.vpc: create both times, but want.cidr: saved \"10.99.0.0/16\", now \"10.20.0.0/16\""],
    );
    // Inputs have a digest; with a digest that fits they give other steps.
    let file = "/inputs/files/b~1small.yaml";
    let more = BLUEPRINT.replace("m5.large", "m5.xlarge");
    let inputs: [(&str, Value); 5] = [
        (file, json!(more)),
        ("/inputs/vars/nodes", json!("64")),
        ("/inputs/files/b~1boot.sh", json!("#!/bin/sh\ncurl evil\n")),
        ("/images/machines/id", json!("ami-0123456789abcdef0")),
        ("/tags/dlinfra:owner", json!("somebody")),
    ];
    for (path, to) in inputs {
        refused(apply(&stage, &edit(path, to.clone())).await, "DL0751", &["changed after it was made"]);
        if path.starts_with("/images") {
            continue;
        }
        let forged = forged(&plan, |value| *value.pointer_mut(path).unwrap() = to.clone());
        refused(apply(&stage, &forged).await, "DL0750", &[]);
    }
    assert_eq!(stage.sandbox.requests().mutating, 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_saved_plan_is_told_so() {
    let stage = stage().await;
    let plan = save(&stage, 1).await.encode().unwrap();
    let decode = |text: &str| SavedPlan::decode(text.as_bytes()).map(|_| Outcome::default());
    refused(decode(&plan[..plan.len() / 2]), "DL0752", &["ends too early"]);
    refused(decode("{\"format_version\": 1"), "DL0752", &[]);
    refused(decode("{\"format_version\": 1}"), "DL0752", &["missing field"]);
    refused(decode("{\"format_version\": 2}"), "DL0753", &["is 2", "reads 1"]);
    refused(decode("{\"format_version\": \"x\"}"), "DL0753", &[]);
    let other = forged(&plan, |value| value["dlinfra"] = json!("0.0.1"));
    refused(apply(&stage, &other).await, "DL0754", &["dlinfra 0.0.1"]);
    assert!(is_saved(b"\xEF\xBB\xBF \n{ \"format_version\":1}"));
    assert!(!is_saved(b"{\"command\":\"plan\",\"format_version\":1}") && !is_saved(b"format_version: 1"));
}

#[tokio::test(start_paused = true)]
async fn what_changed_in_between_is_named() {
    let stage = stage().await;
    apply(&stage, &save(&stage, 2).await.encode().unwrap()).await.unwrap_or_else(|d| panic!("{d}"));
    let plan = save(&stage, 3).await.encode().unwrap();
    // The journal may move on as long as the steps stay.
    let same = save(&stage, 2).await.encode().unwrap();
    apply(&stage, &same).await.unwrap_or_else(|d| panic!("{d}"));
    let wanted: Vec<Wanted> = SavedPlan::decode(plan.as_bytes()).unwrap().compile().unwrap().wanted;
    {
        let mut other =
            Stage { target: dlinfra::engine::Target { stack: "small".into(), ..stage.target.clone() }, ..stage };
        other.lose(&wanted, "machines").await;
        refused(
            apply(&other, &plan).await,
            "DL0750",
            &["machines: saved update (count); now create (it was made before and is gone)"],
        );
        // A journal that knows less than the plan is another one.
        other.backend = Arc::new(dlinfra::journal::MemoryBackend::new());
        refused(apply(&other, &plan).await, "DL0758", &["another journal"]);
    }
    let elsewhere = Stage::with(SandboxConfig { account: "111122223333".into(), ..SandboxConfig::default() }).await;
    refused(apply(&elsewhere, &plan).await, "DL0758", &["account 000000000000", "this is account 111122223333"]);
}

#[tokio::test(start_paused = true)]
async fn a_saved_plan_holds_no_secret() {
    let stage = stage().await;
    let key = format!("AKIA{}", "ABCDEFGHIJKLMNOP");
    let script = files().with("b/boot.sh", format!("#!/bin/sh\n# {key}\n"));
    // The rule refuses scripts before; a comment in the blueprint is seen by nobody else.
    let comment = files().with("b/small.yaml", format!("# {key}\n{BLUEPRINT}"));
    for files in [script, comment] {
        let found = try_save(&stage, &files, &inputs(2)).await.expect_err("it was saved");
        assert!(found.iter().any(|d| matches!(d.code, "DL0231" | "DL0756")), "{found}");
        assert!(!found.to_string().contains(&key), "{found}");
    }
    let allowed = "allow: [{ rule: DL0231, reason: the key of an example }]\nvariables";
    let comment = files().with("b/small.yaml", format!("# {key}\n{}", BLUEPRINT.replace("variables", allowed)));
    try_save(&stage, &comment, &inputs(2)).await.unwrap_or_else(|d| panic!("{d}"));
}

// --- images ---

fn group(count: u32, image: &str) -> Vec<Wanted> {
    let to = |a: &str| json!({ "$ref": a });
    let group = json!({ "instance_type": "m5.large", "count": count, "subnet": to("sub"), "image": image,
        "interfaces": { "security_groups": [to("g")] } });
    vec![
        wanted("vpc", "vpc", json!({ "cidr": "10.0.0.0/16" })),
        wanted("sub", "subnet", json!({ "vpc": to("vpc"), "cidr": "10.0.1.0/24", "zone": "us-east-1a" })),
        wanted("g", "security-group", json!({ "vpc": to("vpc") })),
        wanted("m", "instance-group", group),
    ]
}

/// The images that instances run, without repetition.
async fn running(stage: &Stage) -> BTreeSet<String> {
    let all = stage.sandbox.objects();
    let live = all.iter().filter(|o| o.kind == "ec2/instance" && o.is_live());
    // Stored as an id, or inside of the launch that made it.
    let image = |o: &StoredObject| {
        let text = o.value.to_string();
        let at = text.find("\"ami-").unwrap_or_else(|| panic!("{text}"));
        text[at + 1..].chars().take_while(|c| *c != '"').collect()
    };
    live.map(image).collect()
}

#[tokio::test(start_paused = true)]
async fn a_group_stays_on_the_build_of_its_members() {
    let stage = stage().await;
    stage.settle(&group(2, "al2023")).await;
    let first = running(&stage).await;
    assert_eq!(first.len(), 1, "{:?}", stage.sandbox.objects());
    stage.sandbox.publish_images();
    // Nothing to do, and a word about the newer build.
    let plan = stage.plan(&group(2, "al2023")).await;
    assert!(plan.is_empty(), "{}", text(&plan));
    let note = plan.notes.iter().find(|d| d.code == "DL0536").expect("a note");
    assert!(
        note.summary.contains("m stays on ami-") && note.help.iter().any(|h| h.contains("--replace m")),
        "{note:?}"
    );
    stage.settle(&group(3, "al2023")).await;
    assert_eq!(running(&stage).await, first);
    // Nobody is left, and the journal still knows the build.
    stage.settle(&group(0, "al2023")).await;
    stage.settle(&group(2, "al2023")).await;
    assert_eq!(running(&stage).await, first);
    // Another spec rolls the members, on the same build.
    let mut changed = group(2, "al2023");
    std::sync::Arc::make_mut(&mut changed[3].spec)["boot"] =
        json!({ "script": { "name": "b.sh", "text": "#!/bin/sh\n", "sha256": spec::sha256(b"#!/bin/sh\n") } });
    changed[3].spec = changed[3].kind.canonical(&changed[3].spec).unwrap_or_else(|p| panic!("{}", p.summary)).into();
    stage.settle(&changed).await;
    assert_eq!(running(&stage).await, first);
    // Another name, and what was asked for with --replace, take the newest.
    stage.settle(&group(2, "ubuntu-24.04")).await;
    let second = running(&stage).await;
    assert!(second.is_disjoint(&first));
    stage.sandbox.publish_images();
    let engine = stage.engine().await;
    let wanted = group(2, "ubuntu-24.04");
    let view = engine.look(&wanted).await.unwrap();
    let replace = BTreeSet::from([dlinfra::address::Address::parse("m").unwrap()]);
    let plan = engine.plan(&wanted, &view, &replace).unwrap();
    assert!(plan.notes.is_empty(), "{}", plan.notes);
    assert_eq!(plan.steps.iter().filter(|s| s.action == Action::Replace).count(), 1);
    let (_keep, cancel) = tokio::sync::watch::channel(false);
    let run = Execution { command: "apply", presence: None, delete_data: false, sink: Arc::new(|_| {}), cancel };
    assert!(engine.execute(&plan, &view, &wanted, run).await.unwrap().complete());
    let third = running(&stage).await;
    assert!(third.is_disjoint(&second) && third.len() == 1, "{second:?} {third:?}");
}

#[tokio::test(start_paused = true)]
async fn a_saved_plan_starts_machines_from_its_own_image() {
    let stage = stage().await;
    let saved = save(&stage, 2).await;
    let image = saved.images.values().next().unwrap().id.clone();
    stage.sandbox.publish_images();
    apply(&stage, &saved.encode().unwrap()).await.unwrap_or_else(|d| panic!("{d}"));
    assert_eq!(running(&stage).await, BTreeSet::from([image]));
}
