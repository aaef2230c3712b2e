//! The real binary and the real SDK against moto: another simulator than ours, written by other people.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, missing_docs)]

use serde_json::Value;
use server::Server;
use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

#[allow(dead_code, reason = "the tests of processes use the rest")]
#[path = "moto/server.rs"]
mod server;

/// What moto cannot show, and why. Our own sandbox shows all of it.
const SKIPPED: &[(&str, &str)] = &[
    ("dashboard", "moto keeps no tags of dashboards"),
    ("fsx-lustre", "moto knows no throughput, life cycle or repository associations of Lustre"),
    ("inference-component", "moto has no inference components, and no variants without a model"),
    ("instance-group: EFA", "moto ignores network cards and interface types"),
    ("instance-group: placement groups", "moto has none; tests/moto/serve.py answers that there are none"),
    (
        "instance-group: rates of volumes",
        "moto forgets them; tests/moto/serve.py gives every gp3 volume AWS's defaults",
    ),
    ("instance-group: tokens", "moto launches again for a token that it has seen"),
    ("placement-group", "moto has none; tests/moto/serve.py answers that there are none"),
    ("sagemaker-endpoint: new versions", "moto has no UpdateEndpoint"),
    ("load-balancer: another port of a target group", "moto never lets a target group go that its listeners have left"),
    ("log-group: metric filters", "moto shows none in the count of a group"),
    ("vpc-endpoint: another route table", "moto makes no route for a table that is added later"),
    ("bucket: tags at creation", "moto ignores them; tests/moto/serve.py sets them"),
];

/// A moto of its own for one test, and a folder for blueprints.
struct Moto {
    server: Server,
    folder: tempfile::TempDir,
}

impl Moto {
    fn start() -> Option<Self> {
        Some(Self { server: Server::start()?, folder: tempfile::tempdir().unwrap() })
    }

    /// Requests since the last call that may have changed something.
    fn mutations(&self) -> Vec<String> {
        let reads = ["Describe", "List", "Get", "GET", "HEAD", "Head"];
        let mut all: Vec<String> = self.server.counts().unwrap().into_keys().collect();
        all.retain(|name| !reads.iter().any(|read| name.split(':').nth(1).unwrap_or("").starts_with(read)));
        all
    }

    fn write(&self, text: &str) {
        fs::write(self.folder.path().join("dlinfra.yaml"), text).unwrap();
    }

    fn run(&self, args: &[&str]) -> Output {
        let out = Command::new(env!("CARGO_BIN_EXE_dlinfra"))
            .args(args)
            .args(["--endpoint-url", &format!("http://127.0.0.1:{}", self.server.port)])
            .current_dir(self.folder.path())
            .env_remove("DLINFRA_SANDBOX")
            // moto runs functions in containers, which nothing here has.
            .env("DLINFRA_NO_REAPER", "1")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .output()
            .unwrap();
        let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
        let allowed = [Some(0), Some(2)];
        assert!(
            allowed.contains(&out.status.code()),
            "{args:?}: {:?}\n{}{}",
            out.status,
            text(&out.stdout),
            text(&out.stderr)
        );
        out
    }

    /// Applies, sees that nothing is left to do, and that looking changed nothing. Answers the applied plan.
    fn apply(&self, vars: &[&str]) -> Value {
        let vars: Vec<&str> = vars.iter().flat_map(|v| ["--var", v]).collect();
        let plan = self.plan(&vars);
        self.run(&[&["apply", "--yes", "--delete-data"], vars.as_slice()].concat());
        self.mutations();
        let after = self.plan(&vars);
        let open: Vec<&Value> = after["steps"].as_array().unwrap().iter().filter(|s| s["action"] != "keep").collect();
        assert!(open.is_empty(), "something is left to do after apply: {open:#?}");
        assert_eq!(self.mutations(), Vec::<String>::new(), "a plan changed something");
        self.run(&[&["apply", "--yes"], vars.as_slice()].concat());
        assert_eq!(self.mutations(), Vec::<String>::new(), "an apply without changes changed something");
        plan["summary"].clone()
    }

    fn plan(&self, vars: &[&str]) -> Value {
        let out = self.run(&[&["plan", "--format", "json"], vars].concat());
        serde_json::from_slice(&out.stdout).unwrap()
    }

    /// Destroys, and reads the proof.
    fn destroy(&self) {
        let out = self.run(&["destroy", "--yes", "--delete-data"]);
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(text.contains(": 0 resources, $0.00/h left"), "{text}");
    }

    /// The whole life of a blueprint with the variable `change`.
    fn life(&self, blueprint: &str) {
        self.write(blueprint);
        let made = self.apply(&[]);
        assert_eq!((&made["update"], &made["delete"]), (&0.into(), &0.into()), "{made}");
        let changed = self.apply(&["change=true"]);
        let n = ["create", "update", "replace", "delete"].iter().map(|k| changed[k].as_u64().unwrap()).sum::<u64>();
        assert!(n > 0, "the variable changes nothing: {changed}");
        self.destroy();
    }
}

/// One blueprint per kind, each with a change in place (or a replacement where everything is fixed).
fn blueprint(kind: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/moto").join(format!("{kind}.yaml"));
    fs::read_to_string(path).unwrap()
}

#[test]
fn cpu_smoke_is_applied_changed_and_destroyed() {
    for (what, why) in SKIPPED {
        eprintln!("not on moto: {what}: {why}");
    }
    let Some(moto) = Moto::start() else { return };
    moto.life(&blueprint("cpu-smoke"));
}

/// Kinds that moto cannot live through; SKIPPED says why.
const NOT_THERE: &[&str] = &["dashboard", "fsx-lustre", "inference-component", "placement-group"];

#[test]
fn every_kind_that_moto_has_lives_its_life() {
    let Some(moto) = Moto::start() else { return };
    for kind in dlinfra::kinds::KINDS.iter().map(|k| k.name()).filter(|k| !NOT_THERE.contains(k)) {
        eprintln!("{kind}");
        moto.life(&blueprint(kind));
    }
}
