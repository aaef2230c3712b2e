//! Bad hours of AWS: every action at a tenth of its rate, and new objects that nothing shows for a minute.
use crate::stage::{Stage, wanted};
use dlinfra::plan::Wanted;
use dlinfra_sandbox::{Behaviour, FaultAction, FaultRule, SandboxConfig, StoredObject};
use jiff::SignedDuration;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// Of each kind.
const MANY: usize = 24;
/// Refused for the rate.
const THROTTLES: [&str; 4] = ["RequestLimitExceeded", "Throttling", "ThrottlingException", "SlowDown"];

/// More of everything than a tenth of the rates' bursts lets through at once.
fn crowd() -> Vec<Wanted> {
    let mut out = vec![wanted("vpc", "vpc", json!({ "cidr": "10.0.0.0/16" }))];
    for n in 0..MANY {
        let spec = json!({ "vpc": { "$ref": "vpc" }, "cidr": format!("10.0.{n}.0/24"), "zone": "us-east-1a" });
        out.push(wanted(&format!("subnet/{n}.it"), "subnet", spec));
        out.push(wanted(&format!("group/{n}.it"), "security-group", json!({ "vpc": { "$ref": "vpc" } })));
        let spec = json!({ "trust": ["ec2.amazonaws.com"], "instance_profile": true });
        out.push(wanted(&format!("role/{n}.it"), "iam-role", spec));
        let subnet = json!({ "$ref": format!("subnet/{n}.it") });
        let spec = json!({ "vpc": { "$ref": "vpc" }, "subnets": [subnet], "routes": [] });
        out.push(wanted(&format!("table/{n}.it"), "route-table", spec));
    }
    out
}

fn all_at(part: f64) -> SandboxConfig {
    SandboxConfig { behaviour: Behaviour { throttle: part, ..Behaviour::default() }, ..SandboxConfig::default() }
}

/// Sent and refused after the first ten seconds, and what was refused.
fn refused(stage: &Stage) -> (usize, usize, BTreeMap<String, usize>) {
    let log = stage.sandbox.requests();
    let start = log.entries.iter().map(|e| e.time).min().unwrap() + SignedDuration::from_secs(10);
    let late: Vec<_> = log.entries.iter().filter(|e| e.time > start).collect();
    let mut by = BTreeMap::new();
    for entry in late.iter().filter(|e| e.code.as_deref().is_some_and(|c| THROTTLES.contains(&c))) {
        *by.entry(format!("{}:{}", entry.service, entry.operation)).or_default() += 1;
    }
    (late.len(), by.values().sum(), by)
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_throttling_is_weathered() {
    let stage = Stage::with(all_at(0.1)).await;
    let began = stage.clock.now();
    stage.settle(&crowd()).await;
    let seconds = stage.clock.now().duration_since(began).as_secs();
    stage.settle(&[]).await;
    let (sent, refused, by) = refused(&stage);
    println!("{refused} of {sent} requests refused after the first 10 s; the apply took {seconds} s: {by:?}");
    assert!(sent > 300, "{sent} requests are no storm");
    assert!(refused * 20 <= sent, "{refused} of {sent} refused: {by:?}");
    // A tenth of the rates makes it slower, not endless.
    assert!(seconds < 1200, "{seconds} s");
}

#[tokio::test(start_paused = true)]
async fn at_the_published_rates_nothing_is_refused() {
    let stage = Stage::with(all_at(1.0)).await;
    stage.settle(&crowd()).await;
    stage.settle(&[]).await;
    let log = stage.sandbox.requests();
    let throttle = |name: &str| THROTTLES.iter().any(|t| name.ends_with(&format!(" {t}")));
    let throttled: Vec<_> = log.errors.iter().filter(|(name, _)| throttle(name)).collect();
    assert!(throttled.is_empty(), "{throttled:?}");
}

/// No address has two live objects.
fn once(stage: &Stage) {
    let mut seen = BTreeSet::new();
    for object in stage.sandbox.objects().into_iter().filter(StoredObject::is_live) {
        let tag = |key: &str| object.tags.get(key).cloned().unwrap_or_default();
        if matches!(object.kind.as_str(), "ec2/instance" | "ec2/volume" | "ec2/network-interface") {
            continue;
        }
        let (address, part) = (tag("dlinfra:address"), tag("dlinfra:part"));
        assert!(
            address.is_empty() || seen.insert((object.kind.clone(), address.clone(), part)),
            "{address} twice: {}",
            object.kind
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_aws_hides_for_a_minute_is_not_made_again() {
    let hide = FaultRule { mutating: Some(false), ..FaultRule::new("*", FaultAction::HideNew { seconds: 60.0 }) };
    // Alone, and together with the answers to the creates getting lost.
    for cut in [false, true] {
        let stage = Stage::new().await;
        stage.sandbox.add_fault(hide.clone());
        for operation in ["ec2:Create*", "ec2:RunInstances", "ec2:AllocateAddress", "iam:Create*", "s3:CreateBucket"] {
            if cut {
                stage
                    .sandbox
                    .add_fault(FaultRule { every: Some(2), ..FaultRule::new(operation, FaultAction::CutAfter) });
            }
        }
        let stack = crowd();
        // What is hidden for longer than its typical time may become pending: the next apply goes on.
        for _ in 0..3 {
            let outcome = stage.try_apply(&stack).await;
            assert_eq!(outcome.failed, [], "cut: {cut}");
            once(&stage);
        }
        let kinds = stage.sandbox.objects().into_iter().filter(|o| o.is_live() && o.tags.contains_key("dlinfra:stack"));
        let subnets = kinds.filter(|o| o.kind == "ec2/subnet").count();
        assert_eq!(subnets, MANY, "cut: {cut}");
        stage.sandbox.set_faults(Vec::new());
        assert!(stage.plan(&stack).await.is_empty(), "cut: {cut}");
        stage.settle(&[]).await;
        assert_eq!(stage.left().await, Vec::<String>::new());
    }
}
