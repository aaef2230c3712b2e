//! Every blueprint in the repository compiles, passes every check without errors or warnings, and has a price.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#[path = "blueprints/ends.rs"]
mod ends;
#[path = "shipped/mod.rs"]
mod shipped;

use dlinfra::{
    blueprint::{Compiled, Inputs, MemoryFiles, RealFiles, compile},
    compose::{Deployment, compose},
    diagnostic::{Severity, render},
    kinds::dialect,
    price::{PriceBook, PriceContext, Usage},
};
use std::{collections::BTreeMap, path::PathBuf};

fn compiled(name: &str, vars: &[(&str, &str)]) -> Compiled {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("blueprints").join(name);
    let vars = vars.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let inputs = Inputs { file, vars, ..Inputs::default() };
    match compile(dialect(), &inputs, &RealFiles) {
        Ok(compiled) => compiled,
        Err(problems) => panic!("{name}:\n{problems}"),
    }
}

/// What every command does before it asks AWS: canonical specs, field checks, rules.
fn deployment(name: &str, vars: &[(&str, &str)]) -> Deployment {
    match compose(compiled(name, vars)) {
        Ok(deployment) => deployment,
        Err(problems) => panic!("{name}:\n{problems}"),
    }
}

fn names() -> impl Iterator<Item = &'static str> {
    shipped::BLUEPRINTS.into_iter()
}

/// A user's drafts and what runs leave beside the blueprints are no tests; what the repository tracks is.
#[test]
fn every_shipped_blueprint_is_tested() {
    let git = std::process::Command::new("git")
        .args(["ls-files", "--", "blueprints"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .ok()
        .filter(|listed| listed.status.success() && !listed.stdout.is_empty());
    let tracked = git.map(|listed| String::from_utf8(listed.stdout).unwrap());
    if let Some(tracked) = tracked {
        let wanted: Vec<String> = names().map(|name| format!("blueprints/{name}")).collect();
        assert_eq!(tracked.lines().collect::<Vec<_>>(), wanted);
    }
    assert!(shipped::blueprints().all(|file| file.is_file()));
}

#[test]
fn every_blueprint_is_clean() {
    for name in names() {
        let deployment = deployment(name, &[]);
        let loud: Vec<String> =
            deployment.notes.iter().filter(|d| d.severity != Severity::Note).map(ToString::to_string).collect();
        assert!(loud.is_empty(), "{name}: {loud:#?}");
        assert!(deployment.compiled.description.is_some() && deployment.compiled.ttl.is_some(), "{name}");
        assert_eq!(format!("{}.yaml", deployment.compiled.blueprint), name, "a blueprint has the name of its file");
    }
}

/// Somebody is told, and that is all that changes.
#[test]
fn every_blueprint_with_somebody_to_tell_is_clean() {
    let watched: Vec<&str> = names().filter(|name| compiled(name, &[]).variables.contains_key("mail")).collect();
    assert_eq!(watched.len(), 4);
    for name in watched {
        let alone = deployment(name, &[]);
        let told = deployment(name, &[("mail", "[ops@example.com]")]);
        let loud: Vec<String> =
            told.notes.iter().filter(|d| d.severity != Severity::Note).map(ToString::to_string).collect();
        assert!(loud.is_empty(), "{name}: {loud:#?}");
        let more = told.wanted.iter().filter(|w| alone.wanted.iter().all(|other| other.address != w.address));
        assert!(more.clone().count() > 3 && more.clone().all(|w| w.address.as_str().starts_with("watch.")), "{name}");
    }
}

#[test]
fn every_blueprint_has_a_price() {
    let usage = Usage::default();
    for name in names() {
        let deployment = deployment(name, &[]);
        let context = PriceContext::new(PriceBook::embedded(), &deployment.compiled.region, &usage);
        for wanted in deployment.wanted.iter().filter(|w| w.existing.is_none()) {
            for line in wanted.kind.price(&wanted.spec, &context) {
                assert_ne!(line.state.name(), "unpriced", "{name}: {}: {line:?}", wanted.address);
            }
        }
    }
}

#[test]
fn the_training_blueprint_is_what_it_says() {
    let deployment = deployment("efa-training.yaml", &[]);
    let spec: BTreeMap<&str, _> = deployment.wanted.iter().map(|w| (w.address.as_str(), &w.spec)).collect();
    let group = spec["train.group"];
    assert_eq!((&group["count"], &group["instance_type"]), (&4.into(), &"p5.48xlarge".into()));
    assert_eq!(group["subnet"]["$ref"], "network.private/us-east-1a");
    assert_eq!(group["boot"]["env"]["EFA_DEVICES"], "32");
    assert_eq!(group["boot"]["env"]["MOUNTS"]["$expr"]["fn"], "join");
    assert!(group["boot"]["script"].as_str().unwrap().starts_with("#!/bin/bash\n"));
    let files = spec["cache.file-system"];
    assert_eq!((&files["size"], &files["throughput"]), (&"9600 GiB".into(), &"500 MB/s/TiB".into()));
    assert_eq!(files["repositories"][0]["bucket"]["$ref"], "corpus");
    let policies = spec["train.role"]["policies"].as_object().unwrap();
    assert_eq!(policies.keys().collect::<Vec<_>>(), ["read", "write"]);
    assert_eq!(spec["network.private/us-east-1a"]["cidr"], "10.20.0.0/20");
}

#[test]
fn no_nodes_keep_the_rest() {
    let deployment = deployment("efa-training.yaml", &[("nodes", "0")]);
    let group = deployment.wanted.iter().find(|w| w.address.as_str() == "train.group").unwrap();
    assert!(group.kind.is_empty(&group.spec));
}

#[test]
fn problems_in_a_copy_point_at_its_lines() {
    let text = std::fs::read_to_string(format!("{}/blueprints/efa-training.yaml", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let text = text.replace("p5.48xlarge\n    nodes", "p5.48xlage\n    nodes");
    let files = MemoryFiles::new().with("a.yaml", text);
    let inputs = Inputs { file: "a.yaml".into(), ..Inputs::default() };
    let problems = match compile(dialect(), &inputs, &files).and_then(|c| compose(c).map(|_| ())) {
        Ok(()) => panic!("an unknown type was taken"),
        Err(problems) => problems,
    };
    let shown = render(&problems, false, 120);
    assert!(shown.contains("p5.48xlarge"), "{shown}");
}

mod life {
    //! Every blueprint is applied to the simulated AWS, needs nothing more then, and goes without a trace.
    use super::{Deployment, deployment, names};
    use dlinfra::{
        address::Address,
        apply::{Outcome, What},
        aws::{Aws, Options},
        clock::Clock,
        engine::{Engine, Execution, View},
        journal::MemoryBackend,
        kinds::KINDS,
        plan::{Plan, Wanted},
    };
    use dlinfra_sandbox::{Sandbox, SandboxConfig};
    use std::{
        collections::BTreeSet,
        sync::{Arc, Mutex},
    };

    struct World {
        sandbox: Sandbox,
        aws: Aws,
        journal: Arc<MemoryBackend>,
    }

    impl World {
        async fn new() -> Self {
            let start = "2026-01-01T00:00:00Z".parse().unwrap();
            let sandbox = Sandbox::open(SandboxConfig { start: Some(start), ..SandboxConfig::default() }).unwrap();
            let aws = Aws::connect(Options {
                region: "us-east-1".to_owned(),
                profile: None,
                endpoint_url: None,
                http: Some(sandbox.http_client()),
                clock: Clock::scaled(start, 1),
            })
            .await;
            Self { sandbox, aws, journal: Arc::default() }
        }

        async fn engine(&self, deployment: &Deployment) -> Engine {
            Engine::connect(self.aws.clone(), KINDS, deployment.target(), self.journal.clone(), true).await.unwrap()
        }

        async fn plan(&self, deployment: &Deployment, wanted: &[Wanted]) -> (Engine, View, Plan) {
            let engine = self.engine(deployment).await;
            let view = engine.look(wanted).await.unwrap_or_else(|e| panic!("{e}"));
            let plan = engine.plan(wanted, &view, &BTreeSet::new()).unwrap_or_else(|e| panic!("{e}"));
            (engine, view, plan)
        }

        /// Applies, and expects the next plan to be empty.
        async fn apply(&self, deployment: &Deployment, wanted: &[Wanted]) -> Outcome {
            let (engine, view, plan) = self.plan(deployment, wanted).await;
            let events = Arc::new(Mutex::new(Vec::new()));
            let (_stop, cancel) = tokio::sync::watch::channel(false);
            let told = events.clone();
            let run = Execution {
                command: "apply",
                presence: None,
                delete_data: true,
                sink: Arc::new(move |event| {
                    if matches!(event.what, What::Failed { .. } | What::Pending { .. }) {
                        told.lock().unwrap().push(format!("{event:?}"));
                    }
                }),
                cancel,
            };
            let outcome = engine.execute(&plan, &view, wanted, run).await.unwrap_or_else(|e| panic!("{e}"));
            assert!(outcome.complete(), "{:#?}", events.lock().unwrap());
            let (_, _, again) = self.plan(deployment, wanted).await;
            let left: Vec<_> = again
                .steps
                .iter()
                .filter(|s| !s.reason.is_empty())
                .map(|s| (&s.address, s.action, &s.fields))
                .collect();
            assert!(again.is_empty(), "{}: {left:#?}", deployment.compiled.blueprint);
            outcome
        }
    }

    #[tokio::test(start_paused = true)]
    async fn every_blueprint_lives_and_goes() {
        for name in names() {
            let world = World::new().await;
            let deployment = deployment(name, &[]);
            let all = &deployment.wanted;
            let outcome = world.apply(&deployment, all).await;
            assert_eq!(outcome.live.len(), all.len(), "{name}");
            world.apply(&deployment, &[]).await;
            let proof = world.engine(&deployment).await.prove(&[]).await.unwrap_or_else(|e| panic!("{e}"));
            assert!(proof.left.is_empty(), "{name}: {:?}", proof.left);
            let ours = |o: &dlinfra_sandbox::StoredObject| o.is_live() && o.tags.contains_key("dlinfra:stack");
            let left: Vec<_> = world.sandbox.objects().into_iter().filter(ours).map(|o| (o.kind, o.id)).collect();
            assert!(left.is_empty(), "{name}: {left:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn training_shrinks_to_its_data_and_comes_back() {
        let world = World::new().await;
        let full = deployment("efa-training.yaml", &[]);
        world.apply(&full, &full.wanted).await;
        let none = deployment("efa-training.yaml", &[("nodes", "0")]);
        let outcome = world.apply(&none, &none.wanted).await;
        let group = Address::parse("train.group").unwrap();
        assert!(!outcome.live.contains_key(&group));
        let outcome = world.apply(&full, &full.wanted).await;
        assert_eq!(outcome.live[&group].members.len(), 4);
    }
}
