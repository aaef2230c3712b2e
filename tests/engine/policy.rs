//! What `iam-policy` prints is enough for the whole life of each shipped blueprint, and `preflight` names what is missing.
use crate::{
    reaper::furnish,
    shipped::blueprints,
    stage::{Stage, blueprint},
};
use dlinfra::{
    engine::Target,
    grants::{Ground, Item, Life, MOST, boundary, life, parts},
    journal::S3Backend,
    plan::Wanted,
    preflight::{self, Room},
};
use dlinfra_sandbox::{Sandbox, SandboxConfig};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

fn ground() -> Ground {
    Ground {
        partition: "aws".to_owned(),
        account: "000000000000".to_owned(),
        region: "us-east-1".to_owned(),
        bucket: "dlinfra-000000000000-us-east-1".to_owned(),
        data: true,
    }
}

/// Does something with the life of a blueprint as a stack of this name.
fn with<T>(wanted: &[Wanted], stack: &str, then: impl FnOnce(Life<'_>) -> T) -> T {
    let items: Vec<Item<'_>> = wanted.iter().map(Item::from).collect();
    then(Life { items: &items, stack, backend: None, ends: false, ground: &ground() })
}

fn documents(wanted: &[Wanted], stack: &str) -> Vec<Value> {
    with(wanted, stack, |of| parts(&life(of), stack).into_iter().map(|part| part.document).collect())
}

fn actions(documents: &[Value]) -> BTreeSet<String> {
    let statements = documents.iter().flat_map(|document| document["Statement"].as_array().unwrap());
    statements.flat_map(|s| s["Action"].as_array().unwrap()).map(|a| a.as_str().unwrap().to_owned()).collect()
}

/// The same documents without one action.
fn without(documents: &[Value], action: &str) -> Vec<Value> {
    let mut out = documents.to_vec();
    for statement in out.iter_mut().flat_map(|document| document["Statement"].as_array_mut().unwrap()) {
        statement["Action"].as_array_mut().unwrap().retain(|one| one != action);
    }
    for document in &mut out {
        document["Statement"].as_array_mut().unwrap().retain(|s| !s["Action"].as_array().unwrap().is_empty());
    }
    out.retain(|document| !document["Statement"].as_array().unwrap().is_empty());
    out
}

fn shipped() -> impl Iterator<Item = (String, Vec<Wanted>)> {
    blueprints().map(|path| {
        let text = std::fs::read_to_string(&path).unwrap();
        let vars: &[(&str, &str)] = if text.contains("\n  mail:") { &[("mail", "[ops@example.com]")] } else { &[] };
        (path.file_stem().unwrap().to_str().unwrap().to_owned(), blueprint(&text, vars))
    })
}

async fn stage(name: &str) -> Stage {
    let sandbox = Sandbox::open(SandboxConfig::default()).unwrap();
    let mut stage = Stage::on(sandbox, Arc::new(dlinfra::journal::MemoryBackend::new()));
    stage.backend = Arc::new(S3Backend::own(&stage.aws().await, "000000000000", name));
    stage.target = Target { stack: name.to_owned(), ..Target::default() };
    stage
}

#[test]
fn policies_are_short_and_name_every_action() {
    for (name, wanted) in shipped() {
        with(&wanted, &name, |of| {
            let grants = life(of);
            for part in parts(&grants, &name) {
                assert!(part.length() <= MOST, "{}: {}", part.name, part.length());
                for statement in part.document["Statement"].as_array().unwrap() {
                    let all = actions(&[json!({ "Statement": [statement] })]);
                    assert!(all.iter().all(|action| !action.contains('*')), "{name}: {all:?}");
                    // What is not only looked at is bound to tags or to places.
                    let bound = statement["Condition"].is_object() || statement["Resource"] != json!(["*"]);
                    let free = ["Look", "Ask", "Deliveries"]
                        .iter()
                        .any(|sid| statement["Sid"].as_str().unwrap().starts_with(sid));
                    assert!(bound || free, "{name}: {statement}");
                }
            }
            let bound = boundary(of, &grants);
            assert!(bound.to_string().len() < MOST, "{name}: {bound}");
        });
    }
}

#[tokio::test(start_paused = true)]
async fn each_blueprint_lives_under_its_own_policies() {
    let mut wrong = Vec::new();
    for (name, wanted) in shipped() {
        let mut stage = stage(&name).await;
        furnish(&stage, &wanted).await;
        let own = documents(&wanted, &name);
        let bound = vec![with(&wanted, &name, |of| boundary(of, &life(of)))];
        // The boundary leaves room for all of it.
        for documents in [own, bound] {
            stage.sandbox.set_caller(Some(documents));
            // A second time every object that has tags gets another one.
            for team in ["vision", "speech"] {
                stage.target.tags = BTreeMap::from([("team".to_owned(), team.to_owned())]);
                let outcome = stage.try_apply(&wanted).await;
                let failed = outcome.failed.iter().map(|(address, error)| format!("{name} {address}: {error}"));
                wrong.extend(failed);
                assert!(outcome.complete() || !wrong.is_empty(), "{name}");
            }
            assert!(wrong.is_empty(), "{}", wrong.join("\n"));
            let outcome = stage.try_apply(&[]).await;
            wrong.extend(outcome.failed.iter().map(|(address, error)| format!("{name} without {address}: {error}")));
            stage.sandbox.set_caller(None);
            stage.apply(&[]).await;
            assert_eq!(stage.left().await, Vec::<String>::new(), "{name}");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What belongs to others is out of reach, though its kind is in the blueprint.
#[tokio::test(start_paused = true)]
async fn what_is_not_the_stacks_own_is_refused() {
    let (name, wanted) = shipped().find(|(name, _)| name == "cpu-smoke").unwrap();
    let stage = stage(&name).await;
    let aws = stage.aws().await;
    let theirs = aws.ec2().create_vpc().cidr_block("10.99.0.0/16").send().await.unwrap().vpc.unwrap().vpc_id.unwrap();
    aws.s3().create_bucket().bucket("theirs").send().await.unwrap();
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
    aws.iam().create_role().role_name("theirs").assume_role_policy_document(trust).send().await.unwrap();
    stage.sandbox.set_caller(Some(documents(&wanted, &name)));
    let denied = |text: String| assert!(text.contains("not authorized") || text.contains("AccessDenied"), "{text}");
    denied(format!("{:?}", aws.ec2().delete_vpc().vpc_id(&theirs).send().await.unwrap_err()));
    denied(format!("{:?}", aws.s3().delete_bucket().bucket("theirs").send().await.unwrap_err()));
    denied(format!("{:?}", aws.iam().delete_role().role_name("theirs").send().await.unwrap_err()));
    let tag = aws_sdk_ec2::types::Tag::builder().key("dlinfra:stack").value(&name).build();
    denied(format!("{:?}", aws.ec2().create_tags().resources(&theirs).tags(tag).send().await.unwrap_err()));
    let tag = aws_sdk_iam::types::Tag::builder().key("dlinfra:stack").value(&name).build().unwrap();
    denied(format!("{:?}", aws.iam().tag_role().role_name("theirs").tags(tag).send().await.unwrap_err()));
    denied(format!("{:?}", aws.ec2().create_vpc().cidr_block("10.98.0.0/16").send().await.unwrap_err()));
}

#[tokio::test(start_paused = true)]
async fn whatever_is_missing_is_named_beforehand() {
    for (name, wanted) in shipped() {
        let stage = stage(&name).await;
        let aws = stage.aws().await;
        let whole = documents(&wanted, &name);
        let all = actions(&whole);
        // All of the smallest and of one with everything of an endpoint; of the others a part.
        let step = if name == "cpu-smoke" || name == "endpoint" { 1 } else { 9 };
        stage.sandbox.set_caller(Some(whole.clone()));
        assert_eq!(named(&aws, &wanted, &name).await, "", "{name}: nothing is missing");
        for action in all.iter().step_by(step).filter(|a| *a != "sts:GetCallerIdentity") {
            stage.sandbox.set_caller(Some(without(&whole, action)));
            let told = named(&aws, &wanted, &name).await;
            assert!(told.contains(action.as_str()), "{name}: {action} is not named: {told}");
        }
    }
}

/// What `preflight` says of permissions.
async fn named(aws: &dlinfra::aws::Aws, wanted: &[Wanted], stack: &str) -> String {
    let items: Vec<Item<'_>> = wanted.iter().map(Item::from).collect();
    let ground = ground();
    let of = Life { items: &items, stack, backend: None, ends: false, ground: &ground };
    let mut out = match preflight::refused(aws, of).await {
        Ok(refused) => refused.into_iter().map(|one| one.problem().summary).collect::<Vec<_>>().join("\n"),
        Err(error) => error.to_string(),
    };
    let room = Room::ask(aws, &preflight::demands(wanted), stack, &preflight::machine_types(wanted)).await.unwrap();
    room.unchecked.iter().for_each(|(what, why)| out.push_str(&format!("\n{what}: {why}")));
    out
}
