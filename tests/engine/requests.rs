//! How many requests a plan with nothing to change costs, and that a larger fleet costs no more.
use crate::{
    ownership::used,
    stage::{Stage, text},
};
use dlinfra::{
    blueprint::{Inputs, MemoryFiles, compile},
    compose::{Deployment, compose},
    kinds::dialect,
};

/// The training blueprint with so many nodes of this type, more than it allows.
fn training(nodes: u32, of: &str) -> Deployment {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/blueprints/efa-training.yaml");
    let original = std::fs::read_to_string(path).unwrap();
    let more =
        original.replace("max: 64", "max: 1000").replace("instance_type: p5.48xlarge", &format!("instance_type: {of}"));
    assert_ne!(original, more);
    let vars = [("nodes".to_owned(), nodes.to_string())].into();
    let inputs = Inputs { file: "efa-training.yaml".into(), vars, ..Inputs::default() };
    let compiled = compile(dialect(), &inputs, &MemoryFiles::new().with("efa-training.yaml", more));
    compiled.and_then(compose).unwrap_or_else(|problems| panic!("{problems}"))
}

/// The requests of a second plan, and of how many kinds the blueprint has something.
async fn looks(nodes: u32, of: &str) -> (u64, u64) {
    let deployment = training(nodes, of);
    let mut stage = Stage::new().await;
    stage.target = deployment.target();
    stage.apply(&deployment.wanted).await;
    let before = stage.sandbox.requests();
    let plan = stage.plan(&deployment.wanted).await;
    let after = stage.sandbox.requests();
    assert!(plan.is_empty(), "{}", text(&plan));
    assert_eq!(after.mutating, before.mutating, "a plan changes nothing");
    #[expect(clippy::print_stdout, reason = "the number is what people look for")]
    {
        println!("{nodes} nodes: {} requests", after.total - before.total);
    }
    (after.total - before.total, used(&deployment.wanted).len() as u64)
}

#[tokio::test(start_paused = true)]
async fn a_plan_without_changes_is_cheap_for_any_number_of_nodes() {
    // One interface each, so that the sandbox has less to do; requests are the same for 32.
    let ((few, kinds), (many, _)) = (looks(4, "p5.48xlarge").await, looks(1000, "c5n.18xlarge").await);
    // Some kinds take one request, and objects with names some more; other kinds cost nothing.
    assert!(few <= 4 * kinds, "{few} requests for {kinds} kinds, the caller's included");
    assert_eq!(many, few);
}
