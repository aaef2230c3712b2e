//! load-balancer: example, life, and that nobody ends who still has requests.
#![allow(clippy::needless_pass_by_value, reason = "callers write the spec in place")]
use super::{Own, codes, monthly};
use crate::{
    crash_lives::{self, Life},
    crash_matrix::{apart, census, nothing},
    examples::{self, Example, IT, in_place, replace},
    stage::{Stage, text, wire::wire},
};
use aws_sdk_elasticloadbalancingv2::types::LoadBalancerSchemeEnum;
use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use dlinfra::{
    aws::{
        Aws,
        tags::{self, Carrier},
    },
    plan::{Action, Wanted},
};
use dlinfra_sandbox::{Behaviour, Sandbox, SandboxConfig};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

pub(crate) const OWN: Own = Own {
    kind: "load-balancer",
    examples,
    life,
    object: "elasticloadbalancing/load-balancer",
    carrier: |arn| Carrier::own(&tags::BALANCERS, arn),
    theirs: |aws, name| Box::pin(async move { theirs(&aws, &name).await }),
};

/// Somebody's load balancer, in the network that is there or in one of its own.
async fn theirs(aws: &Aws, name: &str) {
    let ec2 = aws.ec2();
    let found = ec2.describe_subnets().send().await.unwrap().subnets.unwrap_or_default();
    let of = |zone: &str| found.iter().find(|s| s.availability_zone() == Some(zone)).and_then(|s| s.subnet_id.clone());
    let mut subnets: Vec<String> = ["us-east-1a", "us-east-1b"].iter().filter_map(|zone| of(zone)).collect();
    if subnets.is_empty() {
        let vpc = ec2.create_vpc().cidr_block("10.9.0.0/16").send().await.unwrap().vpc.unwrap().vpc_id.unwrap();
        aws.clock().sleep(Duration::from_secs(5)).await;
        for (zone, cidr) in [("us-east-1a", "10.9.0.0/24"), ("us-east-1b", "10.9.1.0/24")] {
            let make = ec2.create_subnet().vpc_id(&vpc).cidr_block(cidr).availability_zone(zone);
            subnets.push(make.send().await.unwrap().subnet.unwrap().subnet_id.unwrap());
        }
        aws.clock().sleep(Duration::from_secs(5)).await;
    }
    let make = aws.elb().create_load_balancer().name(name).set_subnets(Some(subnets));
    make.scheme(LoadBalancerSchemeEnum::Internal).send().await.unwrap();
}

const CERTIFICATE: &str = "arn:aws:acm:us-east-1:000000000000:certificate/11111111-2222-3333-4444-555555555555";

fn to(address: &str) -> Value {
    json!({ "$ref": address })
}

fn servers() -> Value {
    json!({ "$ref": "servers", "attr": "instance_ids" })
}

/// A target group with these fields besides.
fn group(name: &str, more: Value) -> Value {
    let usual = json!({ "name": name, "port": 8000, "protocol": "http", "targets": servers() });
    examples::merged(&usual, &more)
}

fn listener(more: Value) -> Value {
    examples::merged(&json!({ "port": 80, "protocol": "http", "to": "api" }), &more)
}

fn balancer() -> Value {
    json!({ "subnets": [to("a"), to("c")], "security_groups": [to("group")],
        "target_groups": [group("api", json!({}))], "listeners": [listener(json!({}))] })
}

fn examples() -> Vec<Example> {
    let health = json!({ "path": "/health", "port": 9090, "interval": "10s", "timeout": "3s", "healthy": 2,
        "unhealthy": 4, "codes": "200-204" });
    let rules = json!([{ "path": ["/v1/*"], "to": "api" }, { "host": ["*.example.com"], "to": "web", "priority": 20 }]);
    let secure = json!({ "port": 443, "protocol": "https", "certificate": CERTIFICATE });
    let two =
        json!([group("api", json!({ "port": 9000 })), group("web", json!({ "protocol": "https", "targets": [] }))]);
    vec![
        Example {
            kind: "load-balancer",
            needs: &["vpc", "igw", "a", "c", "d", "group", "other-group", "servers"],
            spec: balancer(),
            changes: vec![
                in_place("subnets", json!({ "subnets": [to("a"), to("c"), to("d")] })),
                in_place("security_groups", json!({ "security_groups": [to("group"), to("other-group")] })),
                in_place("idle_timeout", json!({ "idle_timeout": "10m" })),
                in_place("access_log", json!({ "access_log": { "bucket": "logs", "prefix": "lb" } })),
                in_place(
                    "target_groups",
                    json!({ "target_groups": [group("api", json!({ "health": health, "drain": "1m", "stickiness": "1h" }))] }),
                ),
                in_place("target_groups", json!({ "target_groups": [group("api", json!({ "port": 9000 }))] })),
                in_place(
                    "listeners",
                    json!({ "target_groups": two, "listeners": [listener(json!({ "rules": rules })), listener(secure)] }),
                ),
                in_place(
                    "listeners",
                    json!({ "target_groups": [group("api", json!({}))],
                    "listeners": [listener(json!({ "port": 8080 }))] }),
                ),
                in_place("access_log", json!({ "access_log": null, "idle_timeout": null })),
                replace("name", json!({ "name": "chat-prod" })),
                replace("scheme", json!({ "scheme": "internet-facing" })),
            ],
            silent: &[],
        },
        Example {
            kind: "load-balancer",
            needs: &["vpc", "a", "c", "group", "servers"],
            spec: json!({ "type": "network", "subnets": [to("a")], "security_groups": [to("group")],
                "target_groups": [group("api", json!({ "protocol": "tcp" }))],
                "listeners": [listener(json!({ "protocol": "tcp" }))] }),
            changes: vec![
                in_place(
                    "listeners",
                    json!({ "listeners": [listener(json!({ "protocol": "tls", "certificate": CERTIFICATE }))] }),
                ),
                in_place(
                    "target_groups",
                    json!({ "target_groups": [group("api", json!({ "protocol": "tcp", "health": { "path": "/" } }))] }),
                ),
                replace("security_groups", json!({ "security_groups": [] })),
                replace(
                    "type",
                    balancer().as_object().unwrap().iter().fold(json!({ "type": "application" }), |mut all, (k, v)| {
                        all[k] = v.clone();
                        all
                    }),
                ),
            ],
            silent: &[],
        },
    ]
}

fn life() -> Life {
    let rules = |path: &str| json!({ "listeners": [listener(json!({ "rules": [{ "path": [path], "to": "api" }] }))] });
    let port = json!({ "target_groups": [group("api", json!({ "port": 9000, "drain": "30s" }))] });
    let changes = [
        ("update", examples::merged(&rules("/v2/*"), &port)),
        ("extend", json!({})),
        ("replace", json!({ "name": "chat-prod" })),
    ];
    crash_lives::life("load-balancer", 0, &rules("/v1/*"), &changes)
}

#[test]
fn what_aws_refuses_or_never_serves_is_found_beforehand() {
    let codes = |patch: Value| codes("load-balancer", &examples::merged(&balancer(), &patch));
    let groups = |more: Value| codes(json!({ "target_groups": [group("api", more)] }));
    let listens = |more: Value| codes(json!({ "listeners": [listener(more)] }));
    let none = Vec::<&str>::new();
    assert_eq!(codes(json!({ "name": "chat-1" })), none);
    for name in ["", "-a", "a-", "a_b", "internal-a", &"x".repeat(33)] {
        assert_eq!(codes(json!({ "name": name })), ["DL1701"], "{name}");
    }
    assert_eq!(codes(json!({ "subnets": [to("a")] })), ["DL1702"]);
    assert_eq!(codes(json!({ "security_groups": [] })), ["DL1702"]);
    assert_eq!(groups(json!({ "protocol": "tcp" })), ["DL1703"]);
    assert_eq!(listens(json!({ "protocol": "tcp" })), ["DL1703"]);
    assert_eq!(listens(json!({ "protocol": "https" })), ["DL1704"]);
    assert_eq!(listens(json!({ "certificate": CERTIFICATE })), ["DL1704"]);
    assert_eq!(listens(json!({ "policy": "ELBSecurityPolicy-2016-08" })), ["DL1704"]);
    assert_eq!(listens(json!({ "protocol": "https", "certificate": CERTIFICATE })), none);
    assert_eq!(codes(json!({ "target_groups": [group("api", json!({})), group("web", json!({}))] })), ["DL1705"]);
    assert_eq!(
        codes(json!({ "target_groups": [group("api", json!({})), group("api", json!({ "port": 1 }))] })),
        ["DL1701"]
    );
    assert_eq!(listens(json!({ "rules": [{ "path": ["/a"], "to": "web" }] })), ["DL1705"]);
    assert_eq!(codes(json!({ "listeners": [listener(json!({})), listener(json!({}))] })), ["DL1706"]);
    let rule =
        |more: Value| listens(json!({ "rules": [examples::merged(&json!({ "path": ["/a"], "to": "api" }), &more)] }));
    assert_eq!(rule(json!({})), none);
    for wrong in [json!({ "path": [] }), json!({ "path": ["/1", "/2", "/3"], "host": ["a.b", "a.c", "a.d"] })] {
        assert_eq!(rule(wrong), ["DL1707"]);
    }
    let health = |more: Value| groups(json!({ "health": more }));
    assert_eq!(health(json!({ "path": "/health", "interval": "10s", "timeout": "9s", "codes": "200,202-204" })), none);
    for wrong in [
        json!({ "interval": "5s", "timeout": "5s" }),
        json!({ "interval": "6m" }),
        json!({ "path": "health" }),
        json!({ "codes": "500" }),
        json!({ "codes": "299-200" }),
    ] {
        assert_eq!(health(wrong.clone()), ["DL1708"], "{wrong}");
    }
    assert_eq!(groups(json!({ "drain": "2h" })), ["DL1709"]);
    assert_eq!(groups(json!({ "stickiness": "8d" })), ["DL1709"]);
    assert_eq!(codes(json!({ "idle_timeout": "2h" })), ["DL1709"]);
    let network = json!({ "type": "network", "idle_timeout": "1m", "target_groups": [group("api", json!({ "protocol": "tcp" }))],
        "listeners": [listener(json!({ "protocol": "tcp" }))] });
    assert_eq!(codes(network.clone()), ["DL1709"]);
    let logs = json!({ "idle_timeout": null, "access_log": { "bucket": "logs" } });
    assert_eq!(codes(examples::merged(&network, &logs)), ["DL1710"]);
    let tls = json!({ "listeners": [listener(json!({ "protocol": "tls", "certificate": CERTIFICATE }))] });
    assert_eq!(codes(examples::merged(&examples::merged(&network, &logs), &tls)), none);
}

/// By the hour and by capacity units; one that is open to the internet pays an address in each zone too.
#[test]
fn it_costs_by_the_hour_and_by_its_addresses() {
    // Hours: 0.0225; units: one on average, 0.008
    assert_eq!(monthly("load-balancer", &balancer()), "22.265");
    let open = examples::merged(&balancer(), &json!({ "scheme": "internet-facing" }));
    // Two addresses of 0.005
    assert_eq!(monthly("load-balancer", &open), "29.565");
}

/// A load balancer and as many servers.
fn stack(count: u32, more: Value) -> Vec<Wanted> {
    let example = examples().swap_remove(0);
    let mut out = example.stack(&examples::merged(&balancer(), &more));
    let servers = out.iter_mut().find(|w| w.address.as_str() == "servers").unwrap();
    Arc::make_mut(&mut servers.spec)["count"] = json!(count);
    out
}

fn objects(sandbox: &Sandbox, kind: &str) -> Vec<Value> {
    sandbox.objects().into_iter().filter(|o| o.kind == kind && o.is_live()).map(|o| o.value).collect()
}

/// Who is registered and does not leave, by target group.
fn registered(sandbox: &Sandbox) -> Vec<BTreeSet<String>> {
    let here = |group: &Value| {
        let all = group["targets"].as_array().unwrap().iter();
        all.filter(|one| one["leaves"].is_null()).map(|one| one["id"].as_str().unwrap().to_owned()).collect()
    };
    objects(sandbox, "elasticloadbalancing/target-group").iter().map(here).collect()
}

/// Notes whoever is ended while a target group still sends something, and each moment at which nobody would be left.
fn watched(mut stage: Stage, broken: &Arc<Mutex<Vec<String>>>) -> Stage {
    let (sandbox, broken, clock) = (stage.sandbox.clone(), broken.clone(), stage.clock.clone());
    stage.http = Some(wire(move |request| {
        let (sandbox, broken, now) = (sandbox.clone(), broken.clone(), clock.now());
        let inner = SharedHttpConnector::new(sandbox.clone());
        async move {
            let body = request.body().bytes().map(|b| String::from_utf8_lossy(b).into_owned()).unwrap_or_default();
            if body.contains("Action=TerminateInstances") {
                for group in objects(&sandbox, "elasticloadbalancing/target-group") {
                    let all = group["targets"].as_array().unwrap();
                    let done =
                        |one: &Value| one["leaves"].as_str().is_some_and(|at| at.parse::<Timestamp>().unwrap() <= now);
                    let ends = |one: &&Value| body.contains(one["id"].as_str().unwrap()) && !done(one);
                    broken.lock().unwrap().extend(all.iter().filter(ends).map(|one| format!("{one} is ended")));
                    if !all.is_empty() && all.iter().all(|one| !one["leaves"].is_null()) {
                        broken.lock().unwrap().push("nobody is left".to_owned());
                    }
                }
            }
            inner.call(request).await
        }
    }));
    stage
}

#[tokio::test(start_paused = true)]
async fn targets_follow_their_group_and_are_drained_before_they_end() {
    let broken = Arc::default();
    let stage = watched(Stage::new().await, &broken);
    for count in [2, 3, 1] {
        stage.settle(&stack(count, json!({}))).await;
        let [all] = &registered(&stage.sandbox)[..] else { panic!() };
        assert_eq!(all.len(), count as usize);
        assert_eq!(*broken.lock().unwrap(), Vec::<String>::new(), "{count}");
    }
    let asked = |operation: &str| stage.sandbox.requests().entries.iter().filter(|e| e.operation == operation).count();
    assert_eq!((asked("DeregisterTargets"), asked("TerminateInstances")), (1, 1));
    stage.settle(&[]).await;
    assert_eq!(apart(&census(&stage.sandbox), &nothing()), "");
}

/// It may stand before nobody: at first, and again later.
#[tokio::test(start_paused = true)]
async fn it_may_have_no_servers_at_all() {
    let stage = Stage::new().await;
    for count in [0, 2, 0] {
        stage.settle(&stack(count, json!({}))).await;
        let [all] = &registered(&stage.sandbox)[..] else { panic!() };
        assert_eq!(all.len(), count as usize);
    }
    stage.settle(&[]).await;
    assert_eq!(apart(&census(&stage.sandbox), &nothing()), "");
}

/// Members are replaced one by one: the new one works before the next one goes.
#[tokio::test(start_paused = true)]
async fn a_rolling_change_never_leaves_nobody() {
    let broken = Arc::default();
    let stage = watched(Stage::new().await, &broken);
    stage.settle(&stack(2, json!({}))).await;
    let [before] = &registered(&stage.sandbox)[..] else { panic!() };
    // They are healthy by then.
    stage.clock.sleep(Duration::from_secs(600)).await;
    let mut next = stack(2, json!({}));
    let servers = next.iter_mut().find(|w| w.address.as_str() == "servers").unwrap();
    Arc::make_mut(&mut servers.spec)["instance_type"] = json!("t3.small");
    stage.settle(&next).await;
    let [after] = &registered(&stage.sandbox)[..] else { panic!() };
    assert!(after.len() == 2 && after.is_disjoint(before), "{before:?} {after:?}");
    assert_eq!(*broken.lock().unwrap(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn another_port_is_a_new_target_group_and_the_old_one_goes_last() {
    let stage = Stage::new().await;
    stage.settle(&stack(1, json!({}))).await;
    let before = stage.sandbox.requests().entries.len();
    let next = stack(1, json!({ "target_groups": [group("api", json!({ "port": 9000 }))] }));
    stage.settle(&next).await;
    let entries = stage.sandbox.requests().entries;
    let calls: Vec<&str> = entries[before..]
        .iter()
        .filter(|e| e.mutating && e.service.starts_with("elastic"))
        .map(|e| e.operation.as_str())
        .collect();
    let order = ["CreateTargetGroup", "ModifyListener", "RegisterTargets", "DeregisterTargets", "DeleteTargetGroup"];
    assert_eq!(calls, order);
    let groups = objects(&stage.sandbox, "elasticloadbalancing/target-group");
    assert_eq!((groups.len(), &groups[0]["port"]), (1, &json!(9000)));
    stage.settle(&[]).await;
    assert_eq!(apart(&census(&stage.sandbox), &nothing()), "");
}

#[tokio::test(start_paused = true)]
async fn what_fails_its_health_checks_is_said_in_plans() {
    let behaviour = Behaviour { failing_paths: ["/broken".to_owned()].into(), ..Behaviour::default() };
    let stage = Stage::with(SandboxConfig { behaviour, ..SandboxConfig::default() }).await;
    let sick = stack(2, json!({ "target_groups": [group("api", json!({ "health": { "path": "/broken" } }))] }));
    stage.settle(&sick).await;
    let said = async |stack: &[Wanted]| {
        let plan = stage.plan(stack).await;
        assert!(plan.is_empty(), "{}", text(&plan));
        plan.notes.iter().filter(|note| note.code == "DL0566").map(|note| note.summary.clone()).collect::<Vec<_>>()
    };
    assert_eq!(said(&sick).await, Vec::<String>::new(), "right after creation they are only asked");
    stage.clock.sleep(Duration::from_secs(300)).await;
    let [note] = &said(&sick).await[..] else { panic!() };
    assert!(note.contains("2 of 2 targets of api fail") && note.contains("[503]"), "{note}");
    stage.settle(&stack(2, json!({}))).await;
    stage.clock.sleep(Duration::from_secs(300)).await;
    assert_eq!(said(&stack(2, json!({}))).await, Vec::<String>::new());
}

/// Somebody adds a listener and a target, and takes a rule away.
#[tokio::test(start_paused = true)]
async fn what_somebody_changed_is_brought_back() {
    let stage = Stage::new().await;
    let rules = json!({ "listeners": [listener(json!({ "rules": [{ "path": ["/v1/*"], "to": "api" }] }))] });
    let stack = stack(2, rules);
    stage.settle(&stack).await;
    let aws = stage.aws().await;
    let elb = aws.elb();
    let arn = elb.describe_load_balancers().send().await.unwrap().load_balancers.unwrap().remove(0).load_balancer_arn;
    let listener =
        elb.describe_listeners().set_load_balancer_arn(arn).send().await.unwrap().listeners.unwrap().remove(0);
    let all = elb.describe_rules().set_listener_arn(listener.listener_arn).send().await.unwrap().rules.unwrap();
    let own = all.iter().find(|rule| rule.is_default() != Some(true)).unwrap();
    elb.delete_rule().set_rule_arn(own.rule_arn.clone()).send().await.unwrap();
    let plan = stage.plan(&stack).await;
    assert_eq!(plan.steps.iter().filter(|s| s.action == Action::Update).count(), 1, "{}", text(&plan));
    stage.settle(&stack).await;
    assert_eq!(objects(&stage.sandbox, "elasticloadbalancing/rule").len(), 1);
}

/// A name that another resource has in the stack's own network.
#[tokio::test(start_paused = true)]
async fn one_without_a_name_is_called_after_the_stack() {
    let stage = Stage::new().await;
    let outcome = stage.settle(&stack(1, json!({}))).await;
    let live = &outcome.live[&dlinfra::address::Address::parse(IT).unwrap()];
    assert!(live.id.starts_with("test-it-"), "{}", live.id);
    assert_eq!(live.outputs["url"], json!(format!("http://{}", live.outputs["dns_name"].as_str().unwrap())));
}
