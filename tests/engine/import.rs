//! Import as the engine sees it: what is refused and who is named, fleets, and lookups by name and tags.
use crate::stage::{Stage, wanted};
use dlinfra::{
    address::Address,
    apply::Outcome,
    engine::{By, Engine, Execution, Import, ImportClaim, View},
    plan::{Action, Wanted},
    resource::Lookup,
};
use serde_json::json;
use std::sync::Arc;

async fn vpc(stage: &Stage, cidr: &str, name: &str) -> String {
    let aws = stage.aws().await;
    let made = aws.ec2().create_vpc().cidr_block(cidr).send().await.unwrap().vpc.unwrap().vpc_id.unwrap();
    stage.clock.sleep(std::time::Duration::from_secs(30)).await;
    let tag = aws_sdk_ec2::types::Tag::builder().key("Name").value(name).build();
    aws.ec2().create_tags().resources(&made).tags(tag).send().await.unwrap();
    stage.clock.sleep(std::time::Duration::from_secs(30)).await;
    made
}

fn network(cidr: &str) -> Vec<Wanted> {
    vec![wanted("net.vpc", "vpc", json!({ "cidr": cidr, "dns_hostnames": false }))]
}

async fn look(stage: &Stage, wanted: &[Wanted]) -> (Engine, View) {
    let engine = stage.engine().await;
    let view = engine.look(wanted).await.unwrap();
    (engine, view)
}

async fn plan(stage: &Stage, wanted: &[Wanted], by: By) -> Result<Import, String> {
    let (engine, view) = look(stage, wanted).await;
    let words = |d: dlinfra::diagnostic::Diagnostics| {
        d.iter()
            .map(|d| format!("{} {} {}", d.code, d.summary, d.detail.clone().unwrap_or_default()))
            .collect::<String>()
    };
    let claim: ImportClaim = engine.find_one(&wanted[0], &by, &view).await.map_err(words)?;
    engine.plan_import(vec![claim], wanted, &view).await.map_err(words)
}

async fn import(stage: &Stage, wanted: &[Wanted], by: By) -> Outcome {
    let (engine, view) = look(stage, wanted).await;
    let claim = engine.find_one(&wanted[0], &by, &view).await.unwrap();
    let found = engine.plan_import(vec![claim], wanted, &view).await.unwrap();
    let (_keep, cancel) = tokio::sync::watch::channel(false);
    let run = Execution { command: "import", presence: None, delete_data: false, sink: Arc::new(|_| {}), cancel };
    let outcome = engine.execute(&found.plan, &view, wanted, run).await.unwrap();
    assert!(outcome.complete(), "{outcome:?}");
    outcome
}

fn id(id: &str) -> By {
    By::Ids(vec![id.to_owned()])
}

#[tokio::test(start_paused = true)]
async fn differences_are_shown_and_left_for_apply() {
    let stage = Stage::new().await;
    let made = vpc(&stage, "10.1.0.0/16", "acme").await;
    let mut wanted = network("10.1.0.0/16");
    let found = plan(&stage, &wanted, id(&made)).await.unwrap();
    assert!(found.after.is_empty());
    // The blueprint says more than is live.
    std::sync::Arc::make_mut(&mut wanted[0].spec)["dns_hostnames"] = json!(true);
    let found = plan(&stage, &wanted, By::Lookup(Lookup::Name("acme".to_owned()))).await.unwrap();
    assert_eq!(found.after.steps[0].action, Action::Update);
    let before = stage.sandbox.requests().counts;
    import(&stage, &wanted, By::Lookup(Lookup::Tags([("Name".to_owned(), "acme".to_owned())].into()))).await;
    let after = stage.sandbox.requests().counts;
    let sent = |name: &str| after.get(name).copied().unwrap_or(0) - before.get(name).copied().unwrap_or(0);
    assert_eq!((sent("ec2:CreateTags"), sent("ec2:ModifyVpcAttribute")), (1, 0));
    stage.settle(&wanted).await;
    let object = stage.sandbox.objects().into_iter().find(|o| o.id == made).unwrap();
    assert_eq!(object.tags["Name"], "acme", "tags of others stay");
    assert_eq!(object.tags["dlinfra:address"], "net.vpc");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_taken_is_refused_and_named() {
    let stage = Stage::new().await;
    let (first, second) = (vpc(&stage, "10.1.0.0/16", "twin").await, vpc(&stage, "10.2.0.0/16", "twin").await);
    let wanted = network("10.1.0.0/16");
    let before = stage.sandbox.requests().mutating;
    let refused = async |by: By| match plan(&stage, &wanted, by).await {
        Ok(_) => panic!("it was not refused"),
        Err(words) => words,
    };
    let words = refused(By::Lookup(Lookup::Name("twin".to_owned()))).await;
    assert!(words.contains("DL0542") && words.contains(&first) && words.contains(&second), "{words}");
    let words = refused(id("vpc-00000000000000000")).await;
    assert!(words.contains("DL0541") && words.contains("000000000000") && words.contains("us-east-1"), "{words}");
    let words = refused(id("subnet-00000000000000000")).await;
    assert!(words.contains("DL0544") && words.contains("id of a subnet"), "{words}");
    let words = refused(id(&format!("arn:aws:ec2:eu-west-1:000000000000:vpc/{first}"))).await;
    assert!(words.contains("DL0404") && words.contains("eu-west-1"), "{words}");
    let words = refused(id(&format!("arn:aws:ec2:us-east-1:111122223333:vpc/{first}"))).await;
    assert!(words.contains("DL0404") && words.contains("111122223333"), "{words}");
    // A stack of another name has the second one.
    assert_eq!(stage.sandbox.requests().mutating, before, "nothing was changed");
    let mut other = Stage::new().await;
    other.sandbox = stage.sandbox.clone();
    other.clock = stage.clock.clone();
    other.target.stack = "others".to_owned();
    import(&other, &network("10.2.0.0/16"), id(&second)).await;
    let before = stage.sandbox.requests().mutating;
    let words = refused(id(&second)).await;
    assert!(words.contains("belongs to the stack `others`") && words.contains("owner tests"), "{words}");
    // An address has one object, an object one address.
    assert_eq!(stage.sandbox.requests().mutating, before, "nothing was changed");
    import(&stage, &wanted, id(&first)).await;
    let third = vpc(&stage, "10.1.0.0/16", "third").await;
    let before = stage.sandbox.requests().mutating;
    let words = refused(id(&third)).await;
    assert!(words.contains("DL0543") && words.contains(&first), "{words}");
    let mut moved = network("10.1.0.0/16");
    moved[0].address = Address::parse("elsewhere").unwrap();
    let words = plan(&stage, &moved, id(&first)).await.err().unwrap();
    assert!(words.contains("belongs to this stack already, as net.vpc"), "{words}");
    assert_eq!(stage.sandbox.requests().mutating, before, "nothing was changed");
    // The other stack is as it was.
    assert!(other.plan(&network("10.2.0.0/16")).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_was_never_written_stays_as_it_is_and_what_was_written_is_kept() {
    let stage = Stage::new().await;
    let made = vpc(&stage, "10.1.0.0/16", "acme").await;
    let wanted = network("10.1.0.0/16");
    import(&stage, &wanted, id(&made)).await;
    stage.settle(&wanted).await;
    let engine = stage.engine().await;
    let applied = &engine.memory().applied[&Address::parse("net.vpc").unwrap()];
    assert_eq!(applied.id, made);
    assert_eq!(applied.spec["dns_hostnames"], json!(false));
    assert!(engine.memory().open.is_empty() && engine.memory().accepted.is_empty());
    // A user's tag of the blueprint is no ownership: the plan shows it.
    let mut tagged = Stage::new().await;
    tagged.sandbox = stage.sandbox.clone();
    tagged.clock = stage.clock.clone();
    tagged.backend = stage.backend.clone();
    tagged.target.tags = [("team".to_owned(), "ml".to_owned())].into();
    let plan = tagged.plan(&wanted).await;
    assert_eq!(plan.steps[0].fields[0].path, "tags.team");
}
