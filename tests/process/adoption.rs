//! A stack that somebody made with boto3 and manages with Terraform is taken over, killed on the way, and left again.
//!
//! `adoption/stack.py` makes it and writes its state; `adoption/stack.yaml` describes it. Without Python or the package
//! index the tests say so and are skipped, except on continuous integration (`CI=true`), where that is a failure.
use crate::{
    driver::{Account, Cli, local_journal},
    moto_server::python,
    proxy::{Proxy, Trap, mutates},
};
use dlinfra_sandbox::Behaviour;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// What stands in the state and must never be shown.
const SECRET: &str = "HUNTER2";

/// An account with the stack in it, and a folder with state, script and blueprint.
struct Taken {
    account: Account,
    proxy: Proxy,
    cli: Cli,
    ids: Value,
}

impl Taken {
    fn make() -> Option<Self> {
        let python = python()?;
        // What is consistent at once leaves no race with a client on this clock.
        let behaviour = Behaviour { durations: 0.02, consistency: BTreeMap::new(), ..Behaviour::default() };
        let account = Account::serve(60, behaviour);
        let proxy = Proxy::start(account.port, None);
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/process/adoption");
        let blueprint = fs::read_to_string(here.join("stack.yaml")).unwrap();
        let cli = Cli::new(proxy.port, &local_journal(&blueprint));
        let url = format!("http://127.0.0.1:{}", account.port);
        let made = Command::new(python).arg(here.join("stack.py")).arg(url).arg(cli.folder()).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let ids = serde_json::from_slice(&made.stdout).unwrap();
        proxy.clear();
        Some(Self { account, proxy, cli, ids })
    }

    /// Everything that exists, without ownership tags.
    fn untagged(&self) -> BTreeMap<(String, String), Value> {
        let plain = |object: dlinfra_sandbox::StoredObject| {
            let mut value = object.value;
            without_tags(&mut value);
            ((object.kind, object.id), value)
        };
        self.account.live().into_iter().map(plain).collect()
    }

    /// Ids of objects that carry the tag of a stack.
    fn tagged(&self) -> BTreeSet<String> {
        let ours = |o: &dlinfra_sandbox::StoredObject| o.tags.contains_key("dlinfra:stack");
        self.account.live().into_iter().filter(ours).map(|o| o.id).collect()
    }
}

fn without_tags(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|key, _| !key.starts_with("dlinfra:"));
            map.values_mut().for_each(without_tags);
        }
        Value::Array(items) => {
            // Lists of pairs, as some services keep tags.
            items.retain(|item| {
                let key = item.get("Key").or_else(|| item.get("key")).and_then(Value::as_str);
                !key.is_some_and(|k| k.starts_with("dlinfra:"))
            });
            items.iter_mut().for_each(without_tags);
        }
        _ => {}
    }
}

const FROM_STATE: [&str; 4] = ["import", "--from-terraform", "terraform.tfstate", "--yes"];

#[test]
fn a_stack_made_by_boto3_is_taken_over_by_tags_alone() {
    let Some(taken) = Taken::make() else { return };
    let (cli, account) = (&taken.cli, &taken.account);
    let (before, requests) = (taken.untagged(), account.requests());
    assert!(taken.tagged().is_empty());

    let shown = cli.run(&["import", "--from-terraform", "terraform.tfstate", "--dry-run"]).must(0, "a look");
    assert!(shown.out.contains("Import: 12 resources; 20 objects get ownership tags"), "{}", shown.out);
    assert!(shown.out.contains("After it the plan is empty"), "{}", shown.out);
    assert!(shown.out.contains("aws_db_instance.experiments"), "{}", shown.out);
    assert_eq!(account.requests().mutating, requests.mutating, "a look changes nothing");

    let ran = cli.run(&FROM_STATE).must(0, "the import");
    // Nothing but tags: by what was asked, and by what is there.
    let after = account.requests();
    let tagging = ["ec2:CreateTags", "iam:TagRole", "iam:TagInstanceProfile", "fsx:TagResource", "s3:PutBucketTagging"];
    let changed = |(name, count): (&String, &u64)| (*count - requests.count(name) > 0).then(|| name.clone());
    let reads = ["Describe", "Get", "List", "Head"];
    let mutating = |name: &String| !reads.iter().any(|r| name.split(':').nth(1).is_some_and(|n| n.starts_with(r)));
    let asked: BTreeSet<String> = after.counts.iter().filter_map(changed).filter(mutating).collect();
    assert_eq!(asked, tagging.iter().map(|t| (*t).to_owned()).collect(), "{}", ran.err);
    let sent: u64 = tagging.iter().map(|t| after.count(t) - requests.count(t)).sum();
    assert_eq!(after.mutating - requests.mutating, sent);
    assert_eq!(taken.untagged(), before, "the objects are as they were");
    // Secondary objects too: the address of the gateway, the profile of the role, the link of the file system, disks.
    assert_eq!(taken.tagged().len(), 20, "{:?}", taken.tagged());
    for id in ["vpc", "nat", "eip", "link", "system", "bucket"] {
        assert!(taken.tagged().contains(taken.ids[id].as_str().unwrap()), "{id}");
    }
    eprintln!("{sent} tagging requests for 20 objects, nothing else");
    // Terraform must let go of all of them.
    assert!(ran.err.contains("terraform state rm "), "{}", ran.err);
    assert!(ran.err.contains("'aws_instance.node[1]'") && ran.err.contains("module.net.aws_eip.nat"), "{}", ran.err);

    let planned = cli.run(&["plan", "--detailed-exitcode"]).must(0, "the plan after it is empty");
    cli.run(&["drift"]).must(0, "nothing drifted");
    let again = cli.run(&FROM_STATE).must(0, "once more");
    assert!(again.err.contains("Nothing to import"), "{}", again.err);
    assert_eq!(account.requests().mutating, after.mutating, "what is done is done");
    for text in [&shown.out, &ran.out, &ran.err, &planned.out, &again.err] {
        assert!(!text.contains(SECRET), "{text}");
    }
    let secrets = files(cli.folder()).into_iter().filter(|f| fs::read_to_string(f).is_ok_and(|t| t.contains(SECRET)));
    let names: Vec<String> = secrets.filter_map(|f| Some(f.file_name()?.to_string_lossy().into_owned())).collect();
    assert_eq!(names, ["terraform.tfstate"], "a secret of the state was written down");

    let out = cli.folder().join("terraform");
    fs::create_dir(&out).unwrap();
    cli.run(&["export", "--out", "terraform/imports.tf"]).must(0, "the export");
    cli.run(&["export", "--out", "terraform/imports.tf"]).must(1, "never over a file");
    exported(&out, &taken.ids);

    cli.run(&["destroy", "--yes", "--delete-data"]).must(0, "the end");
    let left: Vec<String> = account.live().into_iter().map(|o| format!("{} {}", o.kind, o.id)).collect();
    assert_eq!(left, Vec::<String>::new());
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() { out.extend(files(&path)) } else { out.push(path) }
    }
    out
}

/// Every object has its import block, and Terraform takes the file where it is installed.
fn exported(folder: &Path, ids: &Value) {
    let text = fs::read_to_string(folder.join("imports.tf")).unwrap();
    let mut found: Vec<(&str, &str)> = Vec::new();
    let mut to = "";
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("  to = ") {
            to = name;
        } else if let Some(id) = line.strip_prefix("  id = ") {
            found.push((to.split('.').next().unwrap(), id.trim_matches('"')));
        }
    }
    assert_eq!(found.len(), 26, "{text}");
    let has = |tf_type: &str, id: &str| assert!(found.contains(&(tf_type, id)), "{tf_type} {id}\n{text}");
    let id = |key: &str| ids[key].as_str().unwrap().to_owned();
    has("aws_vpc", &id("vpc"));
    has("aws_eip", &id("eip"));
    has("aws_instance", ids["instances"][1].as_str().unwrap());
    has("aws_fsx_data_repository_association", &id("link"));
    has("aws_s3_bucket_versioning", &id("bucket"));
    has("aws_iam_role_policy", "acme-train:read");
    has("aws_iam_role_policy_attachment", "acme-train/arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore");
    has("aws_iam_instance_profile", "acme-train-machines");
    let joined = found
        .iter()
        .filter(|(t, i)| *t == "aws_route_table_association" && i.starts_with("subnet-") && i.contains("/rtb-"));
    assert_eq!(joined.count(), 2, "{text}");

    let terraform = |args: &[&str]| {
        let mut command = Command::new("terraform");
        command.args(args).current_dir(folder).env("TF_CLI_CONFIG_FILE", "/dev/null").env("CHECKPOINT_DISABLE", "1");
        command.stdin(Stdio::null()).output()
    };
    let formatted = match terraform(&["fmt", "-check", "-diff", "-no-color"]) {
        Ok(out) => out,
        Err(e) => {
            eprintln!("skipped: terraform is not installed ({e}), so the import blocks were not validated by it");
            return;
        }
    };
    assert!(formatted.status.success(), "{}", String::from_utf8_lossy(&formatted.stdout));
    // A folder with the provider, where the registry cannot be reached.
    let plugins = std::env::var("DLINFRA_TERRAFORM_PLUGINS").ok().map(|dir| format!("-plugin-dir={dir}"));
    let mut init = vec!["init", "-input=false", "-no-color"];
    init.extend(plugins.as_deref());
    let ready = terraform(&init).unwrap();
    if !ready.status.success() {
        let why = String::from_utf8_lossy(&ready.stderr).trim().to_owned();
        eprintln!("skipped: terraform has no AWS provider here, so the import blocks were not validated by it: {why}");
        return;
    }
    let valid = terraform(&["validate", "-no-color"]).unwrap();
    let words = format!("{}{}", String::from_utf8_lossy(&valid.stdout), String::from_utf8_lossy(&valid.stderr));
    assert!(valid.status.success(), "{words}\n{text}");
    eprintln!("terraform validate: {}", words.trim());
}

#[test]
fn an_import_that_is_killed_at_each_of_its_changes_goes_on() {
    let Some(taken) = Taken::make() else { return };
    let (cli, proxy) = (&taken.cli, &taken.proxy);
    let before = taken.untagged();
    let mut killed: Vec<String> = Vec::new();
    loop {
        // The first or second change of each run, executed or not: each run goes on where the one before it died.
        let round = killed.len() as u64;
        let trap = Trap { at: 1 + round % 2, executes: round % 4 < 2 };
        let sprung = proxy.set_at_change(trap);
        let died = match cli.run_until(&FROM_STATE, &sprung) {
            Ok((mut running, sprung)) => {
                running.kill();
                sprung.request.clone()
            }
            Err(ran) => {
                ran.must(0, "the import that nothing stops");
                break;
            }
        };
        proxy.clear();
        killed.push(died);
        assert!(killed.len() < 60, "it does not come to an end: {killed:?}");
        // Once anything is taken, a plan proposes neither to make nor to remove what is being imported.
        let some = !taken.tagged().is_empty();
        let plan = cli.run(&["plan", "--format", "json"]);
        match plan.code {
            Some(0) => {
                let document: Value = serde_json::from_str(&plan.out).unwrap();
                let actions = document["steps"].as_array().unwrap().iter().map(|s| s["action"].as_str().unwrap());
                let wrong: Vec<&str> =
                    actions.filter(|a| some && ["create", "delete", "replace", "update"].contains(a)).collect();
                assert!(wrong.is_empty(), "killed at {killed:?}: {}", plan.out);
            }
            _ => assert!(plan.out.contains("DL0540"), "killed at {killed:?}: {}", plan.out),
        }
    }
    eprintln!("killed {} times: {}", killed.len(), killed.join(", "));
    assert!(killed.len() >= 3 && killed.iter().all(|name| mutates(name)), "{killed:?}");
    cli.run(&["plan", "--detailed-exitcode"]).must(0, "the plan after it is empty");
    assert_eq!(taken.untagged(), before, "the objects are as they were");
    assert_eq!(taken.tagged().len(), 20);
}
