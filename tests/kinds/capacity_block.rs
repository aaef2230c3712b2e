//! capacity-block: example, life, price, what is refused, what is offered, and machines in one from its start to its end.
use super::{Nameless, codes};
use crate::{
    crash_lives::{self, Life},
    examples::{Example, IT, change, merged},
    stage::{Stage, never, text, wanted},
};
use aws_sdk_ec2::types::CapacityReservation;
use dlinfra::{
    address::Address,
    plan::{Action, ChangeClass, Plan, Wanted},
    price::{PriceBook, UsageBook},
};
use dlinfra_sandbox::{FaultAction, FaultRule};
use serde_json::{Value, json};
use std::time::Duration;

pub(crate) const OWN: Nameless = Nameless { kind: "capacity-block", examples, life };

pub(crate) fn spec(fields: &Value) -> Value {
    let first = json!({ "instance_type": "p5.48xlarge", "count": 2, "duration": "1d", "zone": "us-east-1a",
        "latest": "2099-01-31T00:00:00Z", "max_price": "70000 USD" });
    merged(&first, fields)
}

fn examples() -> Vec<Example> {
    // What differs is bought beside it, which stays until its end.
    let replace = |field, patch| change(field, patch, ChangeClass::Replace, false);
    vec![Example {
        kind: "capacity-block",
        needs: &[],
        spec: spec(&json!({})),
        changes: vec![
            replace("instance_type", json!({ "instance_type": "p4d.24xlarge" })),
            replace("count", json!({ "count": 3 })),
            replace("duration", json!({ "duration": "2d" })),
            replace("zone", json!({ "zone": "us-east-1b" })),
            replace("platform", json!({ "platform": "Ubuntu Pro" })),
        ],
        silent: &[
            ("earliest", "what is bought keeps its time"),
            ("latest", "what is bought keeps its time"),
            ("max_price", "what is bought is paid"),
        ],
    }]
}

fn life() -> Life {
    crash_lives::life("capacity-block", 0, &json!({}), &[("extend", json!({}))])
}

#[test]
fn what_aws_refuses_is_found_beforehand() {
    let codes = |fields: Value| codes("capacity-block", &spec(&fields));
    let none = Vec::<&str>::new();
    assert_eq!(codes(json!({})), none);
    for other in ["p5.49xlarge", "c5.large"] {
        assert_eq!(codes(json!({ "instance_type": other })), ["DL3601"], "{other}");
    }
    for duration in ["12h", "25h", "15d", "20d", "189d"] {
        assert_eq!(codes(json!({ "duration": duration })), ["DL3602"], "{duration}");
    }
    for duration in ["24h", "14d", "21d", "182d"] {
        assert_eq!(codes(json!({ "duration": duration })), none, "{duration}");
    }
    assert_eq!(codes(json!({ "latest": "2099-01-31" })), ["DL3603"]);
    assert_eq!(codes(json!({ "earliest": "tomorrow" })), ["DL3603"]);
    assert_eq!(codes(json!({ "earliest": "2099-02-01T00:00:00Z" })), ["DL3603"]);
    assert_eq!(codes(json!({ "earliest": "2099-01-31T00:00:00Z" })), none);
    assert_eq!(codes(json!({ "max_price": "60 USD/h" })), ["DL3604"]);
    assert_eq!(codes(json!({ "zone": "use1-az1" })), ["DL3605"]);
}

/// What an apply of this would show.
async fn shown(stage: &Stage, stack: &[Wanted]) -> Result<Plan, String> {
    let (engine, view, mut plan) = stage.look(stack).await;
    engine.foresee(&mut plan, &view).await.map_err(|problems| problems.to_string())?;
    Ok(plan)
}

fn block(fields: &Value) -> Wanted {
    wanted(IT, "capacity-block", spec(fields))
}

fn upfront(plan: &Plan) -> String {
    let pricing = dlinfra::cost::Pricing {
        book: PriceBook::embedded(),
        region: "us-east-1",
        usage: &UsageBook::default(),
        owner: None,
        run: None,
    };
    pricing.plan(plan).after.sum().total().upfront.normalize().to_string()
}

#[tokio::test(start_paused = true)]
async fn a_plan_shows_the_exact_offer_and_its_price() {
    let stage = Stage::new().await;
    let plan = shown(&stage, &[block(&json!({}))]).await.unwrap();
    let [step] = &plan.steps[..] else { panic!("{}", text(&plan)) };
    let offer = &plan.purchases.offers[&step.address];
    // 8 accelerators × 2 × 24 h × $4.00, as the sandbox has it.
    assert_eq!(offer.price.to_string(), "1536.00");
    assert!(offer.words.starts_with("2 x p5.48xlarge in us-east-1a from "), "{offer:?}");
    assert!(step.reason.contains("for $1,536.00, once; it is bought only with `--buy it`"), "{}", step.reason);
    // The book has an estimate, the offer the price.
    assert_eq!(upfront(&plan), "1536");
    assert_eq!(upfront(&stage.plan(&[block(&json!({}))]).await), "1509.12");
    assert_eq!(plan.unagreed().count(), 1);
    // What is not said is not bought, whatever executes the plan.
    let (engine, view, _) = stage.look(&[block(&json!({}))]).await;
    let (_keep, cancel) = never();
    let run = dlinfra::engine::Execution {
        command: "apply",
        presence: None,
        delete_data: false,
        sink: std::sync::Arc::new(|_| {}),
        cancel,
    };
    let outcome = engine.execute(&plan, &view, &[block(&json!({}))], run).await.unwrap();
    assert!(outcome.failed[0].1.help.as_ref().is_some_and(|h| h.contains("--buy it")), "{outcome:?}");
    assert_eq!(stage.sandbox.requests().count("ec2:PurchaseCapacityBlock"), 0);
}

#[tokio::test(start_paused = true)]
async fn the_cheapest_that_fits_is_offered_or_it_is_said_why_none_is() {
    let stage = Stage::new().await;
    let now = stage.clock.now();
    let at = |hours| (now + jiff::SignedDuration::from_hours(hours)).round(jiff::Unit::Second).unwrap().to_string();
    let offer = async |fields: Value| {
        let plan = shown(&stage, &[block(&fields)]).await?;
        Ok::<_, String>(plan.purchases.offers[&Address::parse(IT).unwrap()].words.clone())
    };
    // The first of those that begin in the window.
    let first = offer(json!({})).await.unwrap();
    let later = offer(json!({ "earliest": at(25), "latest": at(70) })).await.unwrap();
    assert_ne!(first, later);
    assert!(offer(json!({ "zone": null })).await.is_ok());
    for (fields, code, words) in [
        (json!({ "latest": at(-1) }), "DL3603", "no block can begin before"),
        (
            json!({ "earliest": at(2000), "latest": at(2001) }),
            "DL3606",
            "AWS offers no 2 x p5.48xlarge for 24h in us-east-1a",
        ),
        (json!({ "zone": "us-east-1z" }), "DL3606", "in us-east-1z"),
        (json!({ "max_price": "1535.99 USD" }), "DL3607", "costs $1,536.00, and `max_price` is $1,535.99"),
    ] {
        let refused = offer(fields).await.unwrap_err();
        assert!(refused.contains(code) && refused.contains(words), "{refused}");
    }
    let denied = FaultRule::new("ec2:DescribeCapacityBlockOfferings", FaultAction::AccessDenied);
    stage.sandbox.set_faults(vec![denied]);
    let plan = shown(&stage, &[block(&json!({}))]).await.unwrap();
    assert!(plan.purchases.offers.is_empty() && plan.unagreed().count() == 1);
    assert!(plan.notes.to_string().contains("DL0541") || plan.notes.iter().count() == 1, "{}", plan.notes);
}

fn machines(fields: &Value) -> Vec<Wanted> {
    let group = merged(
        &json!({ "instance_type": "p5.48xlarge", "count": 2, "subnet": { "$ref": "a" },
            "image": "dlami-base-ubuntu-22.04", "interfaces": { "security_groups": [{ "$ref": "group" }] },
            "market": "capacity-block", "reservation": { "$ref": IT } }),
        fields,
    );
    vec![
        wanted("vpc", "vpc", json!({ "cidr": "10.0.0.0/16" })),
        wanted("a", "subnet", json!({ "vpc": { "$ref": "vpc" }, "cidr": "10.0.16.0/20", "zone": "us-east-1a" })),
        wanted(
            "group",
            "security-group",
            json!({ "vpc": { "$ref": "vpc" }, "ingress": [{ "protocol": "all", "self": true }],
                "egress": [{ "protocol": "all", "self": true }] }),
        ),
        block(&json!({})),
        wanted("machines", "instance-group", group),
    ]
}

async fn blocks(stage: &Stage) -> Vec<CapacityReservation> {
    let out = stage.aws().await.ec2().describe_capacity_reservations().send().await.unwrap();
    out.capacity_reservations.unwrap_or_default()
}

/// What `status` says of the block.
async fn now(stage: &Stage) -> String {
    let found = stage.engine().await.look_everywhere(&[]).await.unwrap();
    found.snapshot.owned[&Address::parse(IT).unwrap()].live.now.clone().unwrap()
}

#[tokio::test(start_paused = true)]
async fn machines_wait_for_its_start_and_go_with_its_end() {
    let stage = Stage::new().await;
    let all = machines(&json!({}));
    // Bought, and everything else made: the machines are no failure before the block begins.
    let outcome = stage.try_apply(&all).await;
    assert!(outcome.failed.is_empty() && outcome.pending.len() == 1, "{outcome:?}");
    let (address, why) = &outcome.pending[0];
    assert_eq!(address.as_str(), "machines");
    assert!(why.contains("is scheduled and begins at "), "{why}");
    assert!(now(&stage).await.starts_with("begins at "));
    let [bought] = &blocks(&stage).await[..] else { panic!("one block") };
    let start = bought.start_date.unwrap().secs();
    let wait = start - stage.clock.now().as_second() + 60;
    stage.clock.sleep(Duration::from_secs(wait.try_into().unwrap())).await;
    stage.settle(&all).await;
    assert!(now(&stage).await.starts_with("2 of 2 in use until "));
    // It ends by its time: what remains of the stack is what it was, and nothing is bought again by itself.
    stage.clock.sleep(Duration::from_secs(25 * 3600)).await;
    let plan = stage.plan(&all).await;
    let actions: Vec<_> = plan.steps.iter().filter(|s| s.action != Action::Keep).map(|s| s.address.as_str()).collect();
    assert_eq!(actions, [IT, "machines"], "{}", text(&plan));
    assert_eq!(plan.unagreed().count(), 1);
    assert_eq!(stage.sandbox.requests().count("ec2:PurchaseCapacityBlock"), 1);
    stage.settle(&[]).await;
    let proof = stage.engine().await.prove(&[]).await.unwrap();
    assert!(proof.holds() && proof.bought.is_empty(), "{proof:?}");
}

#[tokio::test(start_paused = true)]
async fn nothing_removes_it_and_that_is_no_failure() {
    let stage = Stage::new().await;
    stage.settle(&[wanted("vpc", "vpc", json!({ "cidr": "10.0.0.0/16" })), block(&json!({}))]).await;
    // Taken out of the blueprint it stays, and the plan says so.
    let plan = stage.plan(&[]).await;
    let step = plan.steps.iter().find(|s| s.address.as_str() == IT).unwrap();
    assert_eq!(step.action, Action::Keep);
    let words = "stays: it was bought for $1,536.00 and cannot be given back; it ends by itself at ";
    assert!(step.reason.starts_with(words), "{}", step.reason);
    let only = [wanted("vpc", "vpc", json!({ "cidr": "10.0.0.0/16" }))];
    stage.settle(&only).await;
    // So it does when everything goes.
    let engine = stage.engine().await;
    let removal = engine.plan_removal(&[], true).await.unwrap();
    assert_eq!(removal.stays.keys().map(Address::as_str).collect::<Vec<_>>(), [IT]);
    let (_keep, cancel) = never();
    let run = dlinfra::engine::Execution {
        command: "destroy",
        presence: None,
        delete_data: false,
        sink: std::sync::Arc::new(|_| {}),
        cancel,
    };
    let removed = engine.destroy(&removal.plan, &removal.view, &[], run).await.unwrap();
    let proof = removed.proof.unwrap();
    assert!(removed.outcome.complete() && proof.holds() && proof.left.is_empty(), "{proof:?}");
    let [(kind, _, address, why)] = &proof.bought[..] else { panic!("{proof:?}") };
    assert_eq!((kind.as_str(), address.as_str()), ("capacity-block", IT));
    assert!(why.contains("$1,536.00"), "{why}");
    assert_eq!(blocks(&stage).await.len(), 1);
    // Wanted again it is still there: nothing is bought a second time.
    stage.settle(&[block(&json!({}))]).await;
    assert_eq!(stage.sandbox.requests().count("ec2:PurchaseCapacityBlock"), 1);
}

#[tokio::test(start_paused = true)]
async fn what_differs_is_bought_beside_it() {
    let stage = Stage::new().await;
    stage.settle(&[block(&json!({}))]).await;
    // A window that has changed is no other block.
    let plan = stage.plan(&[block(&json!({ "latest": "2098-01-31T00:00:00Z", "max_price": "1 USD" }))]).await;
    assert!(plan.is_empty(), "{}", text(&plan));
    let plan = stage.plan(&[block(&json!({ "zone": null }))]).await;
    assert!(plan.is_empty(), "{}", text(&plan));
    let more = [block(&json!({ "count": 3 }))];
    let plan = shown(&stage, &more).await.unwrap();
    assert_eq!((plan.summary.create, plan.summary.delete, plan.summary.replace), (1, 0, 0), "{}", text(&plan));
    assert_eq!(plan.unagreed().count(), 1);
    stage.settle(&more).await;
    let mut counts: Vec<_> = blocks(&stage).await.iter().filter_map(|b| b.total_instance_count).collect();
    counts.sort_unstable();
    assert_eq!(counts, [2, 3]);
    let proof = stage.engine().await.prove(&more).await.unwrap();
    assert_eq!(proof.bought.len(), 2, "{proof:?}");
    // Nothing else takes its place.
    let (engine, view, _) = stage.look(&more).await;
    let forced = engine.plan(&more, &view, &[Address::parse(IT).unwrap()].into()).err().unwrap().to_string();
    assert!(forced.contains("DL3609"), "{forced}");
    let other = [wanted(IT, "vpc", json!({ "cidr": "10.0.0.0/16" }))];
    let (engine, view) = (stage.engine().await, stage.engine().await.look(&other).await.unwrap());
    let forced = engine.plan(&other, &view, &Default::default()).err().unwrap().to_string();
    assert!(forced.contains("DL3609"), "{forced}");
}

#[tokio::test(start_paused = true)]
async fn what_is_sold_meanwhile_is_not_bought() {
    let stage = Stage::new().await;
    let code = "InvalidCapacityBlockOfferingId.NotFound".to_owned();
    let gone = FaultAction::ErrorBefore { code, status: 400 };
    stage.sandbox.set_faults(vec![FaultRule::new("ec2:PurchaseCapacityBlock", gone).times(1)]);
    let outcome = stage.try_apply(&[block(&json!({}))]).await;
    assert!(outcome.failed[0].1.help.as_ref().is_some_and(|h| h.contains("nothing was bought")), "{outcome:?}");
    stage.settle(&[block(&json!({}))]).await;
    assert_eq!(blocks(&stage).await.len(), 1);
}
