//! data-repository-association: example, life, what FSx refuses, and links beside those of the file system.
use super::{Nameless, codes};
use crate::{
    crash_lives::{self, Life},
    examples::{Example, IT, change, in_place, merged, replace},
    stage::{Stage, wanted},
};
use dlinfra::plan::{Action, ChangeClass, Wanted};
use serde_json::{Value, json};

pub(crate) const OWN: Nameless = Nameless { kind: "data-repository-association", examples, life };

fn to(address: &str) -> Value {
    json!({ "$ref": address })
}

fn link() -> Value {
    json!({ "file_system": to("files"), "path": "/data", "bucket": to("bucket") })
}

fn examples() -> Vec<Example> {
    vec![Example {
        kind: "data-repository-association",
        needs: &["vpc", "a", "group", "bucket", "files", "other-files"],
        spec: link(),
        changes: vec![
            in_place("export", json!({ "export": ["new", "changed"] })),
            in_place("import", json!({ "import": [] })),
            replace("path", json!({ "path": "/sets" })),
            replace("prefix", json!({ "prefix": "train" })),
            replace("import_metadata_on_create", json!({ "import_metadata_on_create": false })),
            change("bucket", json!({ "bucket": { "$id": "elsewhere" } }), ChangeClass::Replace, false),
            replace("file_system", json!({ "file_system": to("other-files") })),
        ],
        silent: &[],
    }]
}

fn life() -> Life {
    let changes = [
        ("update", json!({ "export": ["new"] })),
        ("extend", json!({})),
        ("replace", json!({ "path": "/sets", "prefix": "train" })),
    ];
    // A test makes twins of what has no name: a bucket of the stack would have one.
    crash_lives::life("data-repository-association", 0, &json!({ "bucket": { "$id": "sets" } }), &changes)
}

#[test]
fn a_directory_begins_at_the_root() {
    let of = |path: &str| codes("data-repository-association", &merged(&link(), &json!({ "path": path })));
    assert_eq!(of("data"), ["DL3301"]);
    assert_eq!(of("/a//b"), ["DL3301"]);
    assert_eq!(of("/data/sets/"), Vec::<&str>::new());
    let address = merged(&link(), &json!({ "bucket": { "$id": "s3://sets/imagenet/" } }));
    assert_eq!(codes("data-repository-association", &address), Vec::<&str>::new());
}

/// A file system with a link of its own, and one beside it.
fn stack(beside: bool, own: &[&str]) -> Vec<Wanted> {
    let repositories: Vec<Value> =
        own.iter().map(|path| json!({ "path": path, "bucket": to("bucket"), "prefix": &path[1..] })).collect();
    let files = json!({ "subnet": to("a"), "security_groups": [to("group")], "deployment": "scratch-2",
        "size": "1200 GiB", "repositories": repositories });
    let all = json!({ "vpc": to("vpc"), "ingress": [{ "protocol": "all", "self": true }] });
    let mut out = vec![
        wanted("vpc", "vpc", json!({ "cidr": "10.0.0.0/16" })),
        wanted("a", "subnet", json!({ "vpc": to("vpc"), "cidr": "10.0.16.0/20", "zone": "us-east-1a" })),
        wanted("group", "security-group", all),
        wanted("bucket", "bucket", json!({})),
        wanted("files", "fsx-lustre", files),
    ];
    if beside {
        out.push(wanted(IT, "data-repository-association", merged(&link(), &json!({ "prefix": "beside" }))));
    }
    out
}

fn count(stage: &Stage) -> usize {
    stage.sandbox.objects().iter().filter(|o| o.kind == "fsx/data-repository-association" && o.is_live()).count()
}

#[tokio::test(start_paused = true)]
async fn a_file_system_leaves_links_alone_that_are_not_its_own() {
    let stage = Stage::new().await;
    stage.settle(&stack(true, &["/one"])).await;
    assert_eq!(count(&stage), 2);
    // It changes its own, and only those.
    stage.settle(&stack(true, &["/two", "/three"])).await;
    assert_eq!(count(&stage), 3);
    let plan = stage.plan(&stack(true, &["/two", "/three"])).await;
    assert!(plan.steps.iter().all(|step| step.action == Action::Keep), "{}", crate::stage::text(&plan));
    // The link goes alone.
    stage.settle(&stack(false, &["/two", "/three"])).await;
    assert_eq!(count(&stage), 2);
    stage.settle(&stack(true, &[])).await;
    assert_eq!(count(&stage), 1);
    stage.settle(&[]).await;
    assert_eq!((count(&stage), stage.left().await), (0, Vec::<String>::new()));
}
