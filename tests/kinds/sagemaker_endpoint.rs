//! sagemaker-endpoint: example, life, and that the old version serves until the new one does, whatever happens.
use super::{Own, codes};
use crate::{
    crash_lives::{self, Life},
    crash_matrix::{apart, census, comes_out, config, in_virtual_time, nothing},
    crash_tape::{Store, Tape},
    examples::{self, Example, change, in_place, replace},
    stage::{Stage, text, wanted, wire::wire},
};
use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use dlinfra::{
    aws::tags::{self, Carrier},
    journal::MemoryBackend,
    plan::{ChangeClass, Wanted},
    price::{Amount, PriceBook, PriceContext, PriceLine, Usage},
};
use dlinfra_sandbox::{Ailment, Behaviour, HandleOutcome, Sandbox, SandboxConfig};
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

pub(crate) const OWN: Own = Own {
    kind: "sagemaker-endpoint",
    examples,
    life,
    object: "sagemaker/endpoint",
    carrier: |name| Carrier::own(&tags::SAGEMAKER, format!("arn:aws:sagemaker:us-east-1:000000000000:endpoint/{name}")),
    theirs: |aws, name| {
        Box::pin(async move {
            let trust = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "sts:AssumeRole",
                "Principal": { "Service": "sagemaker.amazonaws.com" } }] });
            let role = aws.iam().create_role().role_name("theirs").assume_role_policy_document(trust.to_string());
            let role = role.send().await.unwrap().role.unwrap().arn;
            aws.clock().sleep(std::time::Duration::from_secs(15)).await;
            let sagemaker = aws.sagemaker();
            let model =
                json!({ "ModelName": "theirs", "ExecutionRoleArn": role, "PrimaryContainer": { "Image": IMAGE } });
            sagemaker.once::<IgnoredAny>("CreateModel", &model).await.unwrap();
            let variant = json!({ "VariantName": "main", "ModelName": "theirs", "InstanceType": "ml.m5.xlarge",
                "InitialInstanceCount": 1 });
            let config = json!({ "EndpointConfigName": "theirs", "ProductionVariants": [variant] });
            sagemaker.once::<IgnoredAny>("CreateEndpointConfig", &config).await.unwrap();
            let endpoint = json!({ "EndpointName": name, "EndpointConfigName": "theirs" });
            sagemaker.once::<IgnoredAny>("CreateEndpoint", &endpoint).await.unwrap();
        })
    },
};

const IMAGE: &str = "000000000000.dkr.ecr.us-east-1.amazonaws.com/serve:1";
const PLAN: &str = "arn:aws:sagemaker:us-east-1:000000000000:training-plan/chat";
const KEY: &str = "arn:aws:kms:us-east-1:000000000000:key/11111111-2222-3333-4444-555555555555";

#[allow(clippy::needless_pass_by_value, reason = "callers write it in place")]
/// One variant on machines with these fields besides.
fn variant(more: Value) -> Value {
    examples::merged(
        &json!({ "name": "main", "container": { "image": IMAGE }, "instance_type": "ml.m5.xlarge" }),
        &more,
    )
}

#[allow(clippy::needless_pass_by_value, reason = "callers write it in place")]
/// Machines for inference components.
fn bare(more: Value) -> Value {
    examples::merged(&json!({ "name": "main", "instance_type": "ml.m5.xlarge" }), &more)
}

/// One variant whose machines follow the requests that wait.
fn queued(min: u32, wake: bool) -> Value {
    let target = json!({ "metric": "backlog", "value": 5 });
    variant(json!({ "scaling": { "min": min, "max": 2, "wake": wake, "target": target } }))
}

/// A variant that gets copies of requests.
#[allow(clippy::needless_pass_by_value, reason = "callers write the fields in place")]
fn shadow(more: Value) -> Value {
    variant(examples::merged(&json!({ "name": "next", "container": version(9) }), &more))
}

#[allow(clippy::needless_pass_by_value, reason = "callers write it in place")]
/// One variant with two types to choose from, one of which runs a container of its own.
fn chosen(more: Value) -> Value {
    let pools = json!([
        { "instance_type": "ml.g6.xlarge" },
        { "instance_type": "ml.g5.xlarge", "container": version(8) },
    ]);
    variant(examples::merged(&json!({ "instance_type": null, "instance_pools": pools }), &more))
}

#[allow(clippy::needless_pass_by_value, reason = "callers write it in place")]
/// One variant of 1 to 6 machines.
fn scaled_by(more: Value) -> Value {
    variant(json!({ "scaling": examples::merged(&json!({ "min": 1, "max": 6 }), &more) }))
}

fn steps(at: u32) -> Value {
    json!({ "metric": "invocations", "up": [{ "at": at, "by": 1 }, { "at": 5 * at, "by": 3 }],
        "down": [{ "at": 2, "by": 1 }, { "at": 1, "by": 2 }] })
}

fn night(min: u32) -> Value {
    json!({ "name": "night", "at": "cron(0 20 ? * MON-FRI *)", "min": min, "max": 2 })
}

fn morning() -> Value {
    json!({ "name": "morning", "at": "cron(0 6 ? * MON-FRI *)", "time_zone": "Europe/Berlin", "min": 3 })
}

/// A container that runs this version.
fn version(number: u32) -> Value {
    json!({ "image": format!("000000000000.dkr.ecr.us-east-1.amazonaws.com/serve:v{number}"),
        "environment": { "WORKERS": "2" } })
}

fn to(address: &str) -> Value {
    json!({ "$ref": address })
}

fn examples() -> Vec<Example> {
    let everything = variant(json!({
        "container": { "image": IMAGE, "model": { "bucket": { "$id": "weights" }, "prefix": "v1/" } },
        "volume": "50 GiB", "health_check_timeout": "15m", "download_timeout": "20m", "weight": 3, "count": 2,
        "routing": "least-outstanding-requests",
    }));
    let scaled =
        variant(json!({ "scaling": { "min": 1, "max": 4, "target": { "metric": "invocations", "value": 70 } } }));
    let answers = json!({ "output": "s3://answers/out/", "concurrency": 4 });
    vec![
        Example {
            kind: "sagemaker-endpoint",
            needs: &["serve-role", "other-serve-role", "vpc", "a", "b", "group"],
            spec: json!({ "role": to("serve-role"), "variants": [variant(json!({}))] }),
            changes: vec![
                in_place("variants", json!({ "variants": [everything] })),
                in_place("role", json!({ "role": to("other-serve-role") })),
                in_place(
                    "network",
                    json!({ "network": { "subnets": [to("a"), to("b")], "security_groups": [to("group")] } }),
                ),
                in_place("isolation", json!({ "isolation": true })),
                in_place("capture", json!({ "capture": { "destination": "s3://seen/x", "percent": 20 } })),
                in_place("kms_key", json!({ "kms_key": KEY })),
                in_place("log_retention", json!({ "log_retention": "7d" })),
                in_place("shadow", json!({ "shadow": shadow(json!({})) })),
                in_place("shadow", json!({ "shadow": shadow(json!({ "weight": 2, "count": 2 })) })),
                in_place("shadow", json!({ "shadow": null })),
                in_place("async", json!({ "async": answers })),
                replace("name", json!({ "name": "chat-prod" })),
            ],
            silent: &[("rollout", "how dlinfra asks for a change")],
        },
        Example {
            kind: "sagemaker-endpoint",
            needs: &["serve-role"],
            spec: json!({ "role": to("serve-role"), "variants": [scaled] }),
            changes: vec![change(
                "variants",
                json!({ "variants": [{ "name": "main", "container": { "image": IMAGE },
                    "serverless": { "memory": "2 GiB", "concurrency": 5 } }] }),
                ChangeClass::Replace,
                true,
            )],
            silent: &[],
        },
        // Types to choose from, machines of a training plan, and back.
        Example {
            kind: "sagemaker-endpoint",
            needs: &["serve-role"],
            spec: json!({ "role": to("serve-role"), "variants": [chosen(json!({}))] }),
            changes: vec![
                in_place("variants", json!({ "variants": [chosen(json!({ "capacity_timeout": "30m" }))] })),
                in_place("variants", json!({ "variants": [variant(json!({ "capacity_reservation": PLAN }))] })),
                in_place("variants", json!({ "variants": [variant(json!({}))] })),
            ],
            silent: &[],
        },
        // Steps and times that its author wrote.
        Example {
            kind: "sagemaker-endpoint",
            needs: &["serve-role"],
            spec: json!({ "role": to("serve-role"), "variants": [scaled_by(json!({ "steps": steps(10) }))] }),
            changes: vec![
                in_place("variants", json!({ "variants": [scaled_by(json!({ "steps": steps(20) }))] })),
                in_place(
                    "variants",
                    json!({ "variants": [scaled_by(json!({ "steps": { "metric": "concurrent-requests",
                        "up": [{ "at": 8, "by": 1 }] }, "schedule": [night(1), morning()] }))] }),
                ),
                in_place("variants", json!({ "variants": [scaled_by(json!({ "schedule": [night(2)] }))] })),
                in_place("variants", json!({ "variants": [scaled_by(json!({}))] })),
            ],
            silent: &[],
        },
        // Machines for inference components.
        Example {
            kind: "sagemaker-endpoint",
            needs: &["serve-role", "other-serve-role", "vpc", "a", "b", "group"],
            spec: json!({ "role": to("serve-role"), "variants": [bare(json!({}))] }),
            changes: vec![
                in_place("variants", json!({ "variants": [bare(json!({ "count": 2 }))] })),
                in_place(
                    "variants",
                    json!({ "variants": [bare(json!({ "managed_scaling": { "min": 0, "max": 3 } }))] }),
                ),
                in_place("role", json!({ "role": to("other-serve-role") })),
                in_place(
                    "network",
                    json!({ "network": { "subnets": [to("a"), to("b")], "security_groups": [to("group")] } }),
                ),
                in_place("isolation", json!({ "isolation": true })),
                in_place("variants", json!({ "variants": [variant(json!({}))] })),
            ],
            silent: &[],
        },
        // One request wakes what has no machine.
        Example {
            kind: "sagemaker-endpoint",
            needs: &["serve-role"],
            spec: json!({ "role": to("serve-role"), "async": { "output": "s3://answers/out/" },
                "variants": [queued(0, true)] }),
            changes: vec![
                in_place("variants", json!({ "variants": [queued(0, false)] })),
                in_place("variants", json!({ "variants": [queued(0, true)] })),
                in_place("variants", json!({ "variants": [queued(1, true)] })),
                in_place("variants", json!({ "variants": [queued(0, true)] })),
            ],
            silent: &[],
        },
    ]
}

fn life() -> Life {
    let next =
        |more: Value| json!({ "variants": [variant(examples::merged(&json!({ "container": version(2) }), &more))] });
    let scaling = json!({ "scaling": { "min": 1, "max": 3, "target": { "metric": "invocations", "value": 50 } } });
    let changes = [
        ("update", next(json!({ "count": 2 }))),
        ("scale", next(scaling)),
        ("extend", json!({})),
        ("replace", json!({ "name": "chat-prod" })),
    ];
    crash_lives::life("sagemaker-endpoint", 0, &json!({}), &changes)
}

#[allow(clippy::needless_pass_by_value, reason = "callers write it in place")]
/// A stack of one endpoint with these fields, and its role.
fn stack(fields: Value) -> Vec<Wanted> {
    let trust = json!({ "trust": ["sagemaker.amazonaws.com"] });
    let spec = examples::merged(&json!({ "role": to("role") }), &fields);
    vec![wanted("role", "iam-role", trust), wanted("it", "sagemaker-endpoint", spec)]
}

/// The same at a version.
fn at(number: u32) -> Vec<Wanted> {
    stack(json!({ "variants": [variant(json!({ "container": version(number) }))] }))
}

/// What live endpoints name is there, and who was in service before is.
fn held(sandbox: &Sandbox) -> Result<(), String> {
    let all = sandbox.objects();
    let ids = |kind: &str| all.iter().filter(|o| o.kind == kind).map(|o| o.id.clone()).collect::<BTreeSet<_>>();
    let (configs, models) = (ids("sagemaker/endpoint-config"), ids("sagemaker/model"));
    for endpoint in all.iter().filter(|o| o.kind == "sagemaker/endpoint" && o.value["status"] != "Deleting") {
        let config = endpoint.value["config"].as_str().unwrap_or_default();
        if !configs.contains(config) {
            return Err(format!("{} names the configuration {config}, which is gone", endpoint.id));
        }
        for one in endpoint.value["variants"].as_array().into_iter().flatten() {
            let model = one["model"].as_str().unwrap_or_default();
            if !models.contains(model) {
                return Err(format!("{} runs the model {model}, which is gone", endpoint.id));
            }
        }
    }
    Ok(())
}

/// A stage that notes each request that takes something away from an endpoint.
fn watched(mut stage: Stage, broken: &Arc<Mutex<Vec<String>>>) -> Stage {
    let (sandbox, broken) = (stage.sandbox.clone(), broken.clone());
    stage.http = Some(wire(move |request| {
        let (sandbox, broken) = (sandbox.clone(), broken.clone());
        let inner = SharedHttpConnector::new(sandbox.clone());
        async move {
            let answer = inner.call(request).await;
            broken.lock().unwrap().extend(held(&sandbox).err());
            answer
        }
    }));
    stage
}

/// What the only endpoint of an account is.
fn endpoint(sandbox: &Sandbox) -> Value {
    let mut all = sandbox.objects().into_iter().filter(|o| o.kind == "sagemaker/endpoint");
    let found = all.next().map(|o| o.value).unwrap_or_default();
    assert!(all.next().is_none(), "more than one endpoint");
    found
}

/// The image that serves.
fn serves(sandbox: &Sandbox) -> String {
    let model = endpoint(sandbox)["variants"][0]["model"].as_str().unwrap().to_owned();
    let found = sandbox.objects().into_iter().find(|o| o.kind == "sagemaker/model" && o.id == model).unwrap();
    found.value["fields"]["PrimaryContainer"]["Image"].as_str().unwrap().rsplit(':').next().unwrap().to_owned()
}

fn count(sandbox: &Sandbox, kind: &str) -> usize {
    sandbox.objects().iter().filter(|o| o.kind == kind).count()
}

/// What the endpoint of an account answers now: the status, and the model that served.
async fn asked(sandbox: &Sandbox) -> (u16, String) {
    let name = endpoint(sandbox)["name"].as_str().unwrap_or_default().to_owned();
    let request = http::Request::post(format!("http://runtime.localhost/endpoints/{name}/invocations"))
        .header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=A/20260601/us-east-1/sagemaker/aws4_request, SignedHeaders=host, Signature=0",
        )
        .body(Vec::from("{}").into())
        .unwrap();
    let HandleOutcome::Response(answer) = sandbox.handle(request).await else { panic!("no answer") };
    let body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    (answer.status().as_u16(), body["model"].as_str().unwrap_or_default().to_owned())
}

/// Asks every second until it is told to stop; gives every answer that was not 200, and the models in the order in which
/// they first served.
async fn looks_on(sandbox: Sandbox, stop: Arc<std::sync::atomic::AtomicBool>) -> (Vec<u16>, Vec<String>) {
    let (mut outages, mut models) = (Vec::new(), Vec::new());
    while !stop.load(std::sync::atomic::Ordering::SeqCst) {
        let (status, model) = asked(&sandbox).await;
        if status != 200 {
            outages.push(status);
        } else if !models.contains(&model) {
            models.push(model);
        }
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
    (outages, models)
}

/// Somebody asks every second while a canary moves to the next version.
#[tokio::test(start_paused = true)]
async fn it_answers_at_every_moment_of_an_update() {
    let stage = Stage::new().await;
    let at = |number: u32| {
        let rollout = json!({ "strategy": "canary", "percent": 20, "bake": "5m" });
        stack(json!({ "variants": [variant(json!({ "container": version(number) }))], "rollout": rollout }))
    };
    stage.settle(&at(1)).await;
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let watcher = tokio::spawn(looks_on(stage.sandbox.clone(), stop.clone()));
    stage.settle(&at(2)).await;
    // For as long as it took, and a little longer.
    tokio::time::sleep(std::time::Duration::from_secs(30)).await;
    stop.store(true, std::sync::atomic::Ordering::SeqCst);
    let (outages, models) = watcher.await.unwrap();
    assert_eq!((outages, models.len()), (Vec::new(), 2), "{models:?}");
    assert_eq!(serves(&stage.sandbox), "v2");
    for _ in 0..50 {
        assert_eq!(asked(&stage.sandbox).await, (200, models[1].clone()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_version_is_made_first_and_the_old_one_goes_last() {
    let broken = Arc::default();
    let stage = watched(Stage::new().await, &broken);
    stage.settle(&at(1)).await;
    assert_eq!(serves(&stage.sandbox), "v1");
    let before = stage.sandbox.requests().entries.len();
    stage.settle(&at(2)).await;
    assert_eq!(serves(&stage.sandbox), "v2");
    let calls: Vec<String> = stage.sandbox.requests().entries[before..]
        .iter()
        .filter(|e| e.mutating && e.service == "sagemaker")
        .map(|e| e.operation.clone())
        .collect();
    let order = ["CreateModel", "CreateEndpointConfig", "UpdateEndpoint", "DeleteEndpointConfig", "DeleteModel"];
    assert_eq!(calls, order);
    let left = |kind| count(&stage.sandbox, kind);
    assert_eq!((left("sagemaker/endpoint-config"), left("sagemaker/model")), (1, 1));
    stage.resume(&[]).await.unwrap();
    assert_eq!(census(&stage.sandbox), nothing(), "{}", apart(&census(&stage.sandbox), &nothing()));
    assert_eq!(*broken.lock().unwrap(), Vec::<String>::new());
}

/// Dies at every request and write of a switch; then it is finished, taken back or changed again.
#[test]
fn a_death_anywhere_leaves_a_version_that_serves() {
    let (tape, expected) = in_virtual_time(async {
        let journal = Arc::new(MemoryBackend::new());
        let mut stage = Stage::on(Sandbox::open(config()).unwrap(), journal.clone());
        stage.resume(&at(1)).await.unwrap();
        let tape = Tape::record(&mut stage, &journal, Store::Memory, &at(2)).await;
        assert!(tape.result.as_ref().unwrap().complete());
        (tape, |sandbox: &Sandbox| {
            let left = |kind| count(sandbox, kind);
            (left("sagemaker/endpoint"), left("sagemaker/endpoint-config"), left("sagemaker/model")) == (1, 1, 1)
        })
    });
    assert!(tape.moments.len() > 10, "{}", tape.moments.len());
    let mut failures = Vec::new();
    for (number, moment) in tape.moments.iter().enumerate() {
        // Each moment meets one of them, and neighbours meet the others.
        let (what, version) = [("finished", 2), ("taken back", 1), ("changed again", 3)][number % 3];
        let broken: Arc<Mutex<Vec<String>>> = Arc::default();
        let result = in_virtual_time(async {
            let stage = watched(moment.stage().await, &broken);
            stage.resume(&at(version)).await?;
            let plan = stage.look_again(&at(version)).await?;
            let right = plan.is_empty() && expected(&stage.sandbox) && serves(&stage.sandbox) == format!("v{version}");
            if right { Ok(()) } else { Err(format!("{}\n{:?}", text(&plan), census(&stage.sandbox))) }
        });
        let seen = broken.lock().unwrap().first().cloned();
        failures.extend(result.err().or(seen).map(|why| format!("moment {number}, {what}: {why}")));
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

/// An account in which some images do not work.
async fn sick(broken: &Arc<Mutex<Vec<String>>>, version: u32, what: Ailment) -> Stage {
    let containers = [(format!("serve:v{version}"), what)].into();
    let behaviour = Behaviour { containers, ..Behaviour::default() };
    watched(Stage::with(SandboxConfig { behaviour, ..SandboxConfig::default() }).await, broken)
}

#[tokio::test(start_paused = true)]
async fn an_update_that_is_taken_back_is_a_failure_and_the_old_version_serves() {
    let broken = Arc::default();
    let stage = sick(&broken, 2, Ailment::HealthCheck).await;
    stage.settle(&at(1)).await;
    let outcome = stage.try_apply(&at(2)).await;
    let [(address, error)] = &outcome.failed[..] else { panic!("{outcome:?}") };
    assert_eq!(address.as_str(), "it");
    let told = error.to_string();
    assert!(told.contains("was rolled back, and the old version still serves"), "{told}");
    assert!(told.contains("did not pass the ping health check") && told.contains("ERROR: the model server"), "{told}");
    assert_eq!(
        (serves(&stage.sandbox), endpoint(&stage.sandbox)["status"].clone()),
        ("v1".to_owned(), json!("InService"))
    );
    // It is offered again, and says what became of it.
    let (_, view, plan) = stage.look(&at(2)).await;
    assert!(text(&plan).contains("Update it (sagemaker-endpoint) InPlace"), "{}", text(&plan));
    let state = format!(
        "{:?}",
        view.snapshot.owned.values().find(|f| f.kind.name() == "sagemaker-endpoint").unwrap().live.state
    );
    assert!(state.contains("its last change was rolled back") && state.contains("ping health check"), "{state}");
    // Whoever goes back has the version that was refused to remove, and nothing else to do.
    let plan = stage.plan(&at(1)).await;
    assert!(text(&plan).contains("parts: ") && plan.summary.update == 1, "{}", text(&plan));
    stage.settle(&at(1)).await;
    let left = |kind| count(&stage.sandbox, kind);
    assert_eq!((left("sagemaker/endpoint-config"), left("sagemaker/model")), (1, 1));
    stage.settle(&at(3)).await;
    assert_eq!(serves(&stage.sandbox), "v3");
    assert_eq!(*broken.lock().unwrap(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_failed_is_replaced_after_its_reason_was_told() {
    let broken = Arc::default();
    let stage = sick(&broken, 1, Ailment::HealthCheck).await;
    let outcome = stage.try_apply(&at(1)).await;
    let [(_, error)] = &outcome.failed[..] else { panic!("{outcome:?}") };
    assert!(error.to_string().contains("ping health check") && error.to_string().contains("its log ends"), "{error}");
    let plan = stage.plan(&at(2)).await;
    assert!(text(&plan).contains("Replace it (sagemaker-endpoint)") && text(&plan).contains("ping health check"));
    stage.settle(&at(2)).await;
    assert_eq!(serves(&stage.sandbox), "v2");
    assert_eq!(count(&stage.sandbox, "sagemaker/model"), 1);
}

#[tokio::test(start_paused = true)]
async fn an_alarm_takes_an_update_back() {
    let broken = Arc::default();
    let stage = watched(Stage::new().await, &broken);
    let alarm = json!({ "name": "errors", "metric": { "namespace": "Mine", "name": "Errors", "statistic": "sum" },
        "comparison": "greater-than-threshold", "threshold": 0, "missing": "breaching" });
    let rollout = json!({ "strategy": "canary", "percent": 10, "bake": "10m", "alarms": ["errors"] });
    let at = |number: u32| {
        let mut out =
            stack(json!({ "variants": [variant(json!({ "container": version(number) }))], "rollout": rollout }));
        out.push(wanted("errors", "alarm", alarm.clone()));
        out
    };
    stage.settle(&at(1)).await;
    let outcome = stage.try_apply(&at(2)).await;
    let [(_, error)] = &outcome.failed[..] else { panic!("{outcome:?}") };
    assert!(error.to_string().contains("went into alarm status: errors"), "{error}");
    assert_eq!(serves(&stage.sandbox), "v1");
    assert_eq!(*broken.lock().unwrap(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn counts_that_scaling_has_set_are_kept() {
    let stage = Stage::new().await;
    let scaling = json!({ "min": 1, "max": 4, "target": { "metric": "invocations", "value": 70 } });
    let at = |number: u32, machine: &str| {
        let more = json!({ "container": version(number), "instance_type": machine, "scaling": scaling });
        stack(json!({ "variants": [variant(more)] }))
    };
    stage.settle(&at(1, "ml.m5.xlarge")).await;
    let count = |stage: &Stage| endpoint(&stage.sandbox)["variants"][0]["count"].clone();
    assert_eq!(count(&stage), 1);
    let name = stage.sandbox.objects().into_iter().find(|o| o.kind == "sagemaker/endpoint").unwrap().id;
    let three = json!({ "EndpointName": name,
        "DesiredWeightsAndCapacities": [{ "VariantName": "main", "DesiredInstanceCount": 3 }] });
    stage.aws().await.sagemaker().call::<IgnoredAny>("UpdateEndpointWeightsAndCapacities", &three).await.unwrap();
    stage.clock.sleep(std::time::Duration::from_secs(600)).await;
    assert_eq!(count(&stage), 3);
    // No drift, also not after another version, nor after another type, for which AWS wants the target to go.
    assert!(stage.plan(&at(1, "ml.m5.xlarge")).await.is_empty());
    stage.settle(&at(2, "ml.m5.xlarge")).await;
    assert_eq!((count(&stage), serves(&stage.sandbox)), (json!(3), "v2".to_owned()));
    stage.settle(&at(3, "ml.g5.xlarge")).await;
    assert_eq!((count(&stage), serves(&stage.sandbox)), (json!(3), "v3".to_owned()));
    // What is live is priced as it is now; what is wanted, at the most.
    let (_, view, _) = stage.look(&[]).await;
    let found = view.snapshot.owned.values().find(|found| found.kind.name() == "sagemaker-endpoint").unwrap();
    assert_eq!((found.live.now.as_deref(), found.live.running["main"]), (Some("main has 3 now"), 3));
    let usage = Usage::default();
    let context = PriceContext::new(PriceBook::embedded(), "us-east-1", &usage);
    let hourly = |context: &PriceContext<'_>| {
        let lines = found.kind.price(&found.live.spec, context);
        lines.iter().map(PriceLine::amount).sum::<Amount>().hourly().normalize().to_string()
    };
    // ml.g5.xlarge costs 1.408 an hour.
    assert_eq!(hourly(&context), "5.632");
    assert_eq!(hourly(&PriceContext { running: Some(&found.live.running), ..context }), "4.224");
    let calls: Vec<String> = stage.sandbox.requests().entries.iter().map(|e| e.operation.clone()).collect();
    let last = |name: &str| calls.iter().rposition(|call| call == name).unwrap();
    assert!(last("DeregisterScalableTarget") < last("UpdateEndpoint"));
    assert!(last("UpdateEndpoint") < last("RegisterScalableTarget"));
    // Without scaling the count is what is written.
    let plain = variant(json!({ "container": version(3), "instance_type": "ml.g5.xlarge", "count": 2 }));
    stage.settle(&stack(json!({ "variants": [plain] }))).await;
    assert_eq!(super::sagemaker_endpoint::count(&stage.sandbox, "application-autoscaling/target"), 0);
    assert_eq!(count(&stage), 2);
}

/// The alarm that wakes it is its own, and goes with what it is for.
#[tokio::test(start_paused = true)]
async fn an_alarm_wakes_what_has_no_machine() {
    let stage = Stage::new().await;
    let at = |number: u32, machine: &str, min: u32| {
        let more = json!({ "container": version(number), "instance_type": machine });
        let variant = examples::merged(&queued(min, true), &more);
        stack(json!({ "async": { "output": "s3://answers/out/" }, "variants": [variant] }))
    };
    let alarm = || {
        let all = stage.sandbox.objects().into_iter().filter(|o| o.kind == "monitoring/alarm");
        all.map(|o| o.value["fields"].clone()).collect::<Vec<_>>()
    };
    let policy = || {
        let all = stage.sandbox.objects().into_iter().filter(|o| o.kind == "application-autoscaling/policy");
        all.map(|o| o.value).find(|it| it["fields"]["PolicyType"] == "StepScaling").unwrap()["arn"].clone()
    };
    stage.settle(&at(1, "ml.m5.xlarge", 0)).await;
    let [made] = &alarm()[..] else { panic!("{:?}", alarm()) };
    assert_eq!((&made["MetricName"], &made["AlarmActions"][0]), (&json!("HasBacklogWithoutCapacity"), &policy()));
    // AWS wants the target to go for another type: the alarm then runs the new policy.
    stage.settle(&at(2, "ml.c5.xlarge", 0)).await;
    let [made] = &alarm()[..] else { panic!("{:?}", alarm()) };
    assert_eq!(made["AlarmActions"][0], policy());
    stage.settle(&at(2, "ml.c5.xlarge", 1)).await;
    assert_eq!(alarm(), Vec::<Value>::new());
    stage.settle(&at(2, "ml.c5.xlarge", 0)).await;
    stage.settle(&[]).await;
    assert_eq!(census(&stage.sandbox), nothing(), "{}", apart(&census(&stage.sandbox), &nothing()));
}

fn hours(number: u64) -> std::time::Duration {
    std::time::Duration::from_secs(number * 3600)
}

/// How many machines the only variant has.
fn machines(stage: &Stage) -> Value {
    endpoint(&stage.sandbox)["variants"][0]["count"].clone()
}

#[tokio::test(start_paused = true)]
async fn the_best_type_that_there_is_capacity_of_serves() {
    let with = async |free: &[(&str, u64)]| {
        let capacity = free.iter().map(|(machine, count)| (format!("{machine}@us-east-1"), *count)).collect();
        let behaviour = Behaviour { capacity, ..Behaviour::default() };
        Stage::with(SandboxConfig { behaviour, ..SandboxConfig::default() }).await
    };
    let wanted = stack(json!({ "variants": [chosen(json!({}))] }));
    let stage = with(&[]).await;
    stage.settle(&wanted).await;
    assert_eq!(endpoint(&stage.sandbox)["variants"][0]["machine"], "ml.g6.xlarge");
    let stage = with(&[("ml.g6.xlarge", 0)]).await;
    stage.settle(&wanted).await;
    assert_eq!(endpoint(&stage.sandbox)["variants"][0]["machine"], "ml.g5.xlarge");
    // That type runs a container of its own, and no model is removed.
    assert_eq!((serves(&stage.sandbox), count(&stage.sandbox, "sagemaker/model")), ("v8".to_owned(), 2));
    assert!(stage.plan(&wanted).await.is_empty());
    stage.settle(&[]).await;
    assert_eq!(census(&stage.sandbox), nothing(), "{}", apart(&census(&stage.sandbox), &nothing()));
    let stage = with(&[("ml.g6.xlarge", 0), ("ml.g5.xlarge", 0)]).await;
    let outcome = stage.try_apply(&wanted).await;
    let [(_, error)] = &outcome.failed[..] else { panic!("{outcome:?}") };
    assert!(error.to_string().contains("InsufficientInstanceCapacity"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_shadow_gets_copies_and_answers_nobody() {
    let broken = Arc::default();
    let stage = watched(Stage::new().await, &broken);
    let with = |next: Option<Value>| stack(json!({ "variants": [variant(json!({}))], "shadow": next }));
    stage.settle(&with(Some(shadow(json!({}))))).await;
    let (_, answers) = asked(&stage.sandbox).await;
    for _ in 0..20 {
        assert_eq!(asked(&stage.sandbox).await, (200, answers.clone()));
    }
    let measured = |name: &str| {
        let wanted = format!(
            "AWS/SageMaker|Invocations|EndpointName={}|VariantName={name}",
            endpoint(&stage.sandbox)["name"].as_str().unwrap()
        );
        let found = stage.sandbox.objects().into_iter().find(|o| o.kind == "monitoring/metric" && o.id == wanted);
        found.map(|o| o.value["values"].as_array().unwrap().len())
    };
    assert_eq!((measured("main"), measured("next")), (Some(21), Some(21)));
    assert_eq!(count(&stage.sandbox, "sagemaker/model"), 2);
    // It is made the one that answers, and then nobody is in the shadow.
    stage.settle(&stack(json!({ "variants": [variant(json!({ "container": version(9) }))] }))).await;
    assert_eq!((serves(&stage.sandbox), count(&stage.sandbox, "sagemaker/model")), ("v9".to_owned(), 1));
    assert_eq!(*broken.lock().unwrap(), Vec::<String>::new());
}

/// Three alarms: one adds, one removes, and both go with what they are for.
#[tokio::test(start_paused = true)]
async fn steps_add_and_remove() {
    let stage = Stage::new().await;
    let wanted = stack(json!({ "variants": [scaled_by(json!({ "steps": steps(10) }))] }));
    stage.settle(&wanted).await;
    let alarms = || count(&stage.sandbox, "monitoring/alarm");
    assert_eq!((alarms(), machines(&stage)), (2, json!(1)));
    // A hundred a minute are more than the second step wants.
    for _ in 0..60 {
        for _ in 0..10 {
            asked(&stage.sandbox).await;
        }
        stage.clock.sleep(std::time::Duration::from_secs(6)).await;
    }
    stage.clock.sleep(std::time::Duration::from_secs(240)).await;
    assert_eq!(machines(&stage), 4);
    assert!(stage.plan(&wanted).await.is_empty());
    // Nobody asks any more: two at a time go, down to the least.
    stage.clock.sleep(hours(2)).await;
    assert_eq!(machines(&stage), 1);
    assert!(stage.plan(&wanted).await.is_empty());
    // Somebody removed an alarm: its step is offered again.
    let lost =
        stage.sandbox.objects().into_iter().find(|o| o.kind == "monitoring/alarm" && o.id.ends_with(".up")).unwrap();
    let gone = json!({ "AlarmNames": [lost.id] });
    stage.aws().await.cloudwatch().call::<IgnoredAny>("DeleteAlarms", &gone).await.unwrap();
    stage.clock.sleep(std::time::Duration::from_secs(90)).await;
    assert!(text(&stage.plan(&wanted).await).contains("variants"));
    stage.settle(&wanted).await;
    assert_eq!(alarms(), 2);
    stage.settle(&stack(json!({ "variants": [scaled_by(json!({}))] }))).await;
    assert_eq!((alarms(), count(&stage.sandbox, "application-autoscaling/policy")), (0, 0));
}

/// What a time has set stays in force: it is no drift, and another change does not set it back.
#[tokio::test(start_paused = true)]
async fn a_schedule_sets_bounds_that_are_no_drift() {
    let stage = Stage::new().await;
    let at = |number: u32, max: u32| {
        let often = json!([{ "name": "often", "at": "rate(3 hours)", "min": 3 }]);
        let scaling = json!({ "min": 1, "max": max, "schedule": often });
        stack(json!({ "variants": [variant(json!({ "container": version(number), "scaling": scaling }))] }))
    };
    stage.settle(&at(1, 6)).await;
    let target = || {
        let mut all = stage.sandbox.objects().into_iter().filter(|o| o.kind == "application-autoscaling/target");
        all.next().map(|o| (o.value["least"].clone(), o.value["most"].clone())).unwrap()
    };
    assert_eq!((machines(&stage), target()), (json!(1), (json!(1), json!(6))));
    stage.clock.sleep(hours(4)).await;
    assert_eq!((machines(&stage), target()), (json!(3), (json!(3), json!(6))));
    assert!(stage.plan(&at(1, 6)).await.is_empty(), "{}", text(&stage.plan(&at(1, 6)).await));
    stage.settle(&at(2, 8)).await;
    assert_eq!((machines(&stage), target()), (json!(3), (json!(3), json!(8))));
    // Without its schedule the bounds are what is written, and nothing of it is left.
    let scaling = json!({ "min": 1, "max": 2 });
    let plain = variant(json!({ "container": version(2), "scaling": scaling }));
    stage.settle(&stack(json!({ "variants": [plain] }))).await;
    stage.clock.sleep(hours(1)).await;
    assert_eq!((machines(&stage), target()), (json!(2), (json!(1), json!(2))));
    assert_eq!(count(&stage.sandbox, "application-autoscaling/scheduled-action"), 0);
    stage.settle(&at(2, 6)).await;
    stage.settle(&[]).await;
    assert_eq!(census(&stage.sandbox), nothing(), "{}", apart(&census(&stage.sandbox), &nothing()));
}

/// Sends a request that waits; gives where the response will be.
async fn queue(sandbox: &Sandbox) -> String {
    let name = endpoint(sandbox)["name"].as_str().unwrap_or_default().to_owned();
    let request = http::Request::post(format!("http://runtime.localhost/endpoints/{name}/async-invocations"))
        .header("x-amzn-sagemaker-inputlocation", "s3://answers/in.json")
        .header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=A/20260601/us-east-1/sagemaker/aws4_request, SignedHeaders=host, Signature=0",
        )
        .body(Vec::new().into())
        .unwrap();
    let HandleOutcome::Response(answer) = sandbox.handle(request).await else { panic!("no answer") };
    assert_eq!(answer.status().as_u16(), 202, "{:?}", answer.body());
    answer.headers()["x-amzn-sagemaker-outputlocation"].to_str().unwrap().to_owned()
}

/// Nothing waits, and the last machine goes; one request waits, and a machine comes for it.
#[tokio::test(start_paused = true)]
async fn what_waits_wakes_an_endpoint_without_machines() {
    let stage = Stage::new().await;
    let mut wanted = stack(json!({ "async": { "output": "s3://answers/out/", "failure": "s3://answers/errors/" },
        "variants": [queued(0, true)] }));
    wanted.push(crate::stage::wanted("answers", "bucket", json!({ "name": "answers" })));
    stage.settle(&wanted).await;
    let written = |place: &str| {
        let key = place.strip_prefix("s3://answers/").unwrap().to_owned();
        stage.sandbox.objects().iter().any(|o| o.value["bucket"] == "answers" && o.value["key"] == key.as_str())
    };
    let after = async |minutes: u64| stage.clock.sleep(std::time::Duration::from_secs(minutes * 60)).await;
    let put = stage.aws().await.s3().put_object().bucket("answers").key("in.json").body(b"{}".to_vec().into());
    put.send().await.unwrap();
    let first = queue(&stage.sandbox).await;
    after(3).await;
    assert!(written(&first));
    after(40).await;
    assert_eq!(machines(&stage), 0);
    assert!(stage.plan(&wanted).await.is_empty());
    let second = queue(&stage.sandbox).await;
    after(2).await;
    assert!(!written(&second));
    after(15).await;
    assert!(written(&second));
    assert_eq!(machines(&stage), 1);
    after(40).await;
    assert_eq!(machines(&stage), 0);
}

/// What is compared is where an endpoint goes: somebody who plans meanwhile sees nothing but what will be left over.
#[tokio::test(start_paused = true)]
async fn a_plan_in_the_middle_of_an_update_knows_where_it_goes() {
    let stage = Stage::new().await;
    let at = |number: u32| {
        let more = json!({ "container": version(number), "scaling": { "min": 1, "max": 4 } });
        stack(json!({ "variants": [variant(more)] }))
    };
    stage.settle(&at(1)).await;
    let (other, next) = (stage.beside(), at(2));
    let look = async {
        while endpoint(&other.sandbox)["status"] != "Updating" {
            other.clock.sleep(std::time::Duration::from_secs(1)).await;
        }
        other.plan(&next).await
    };
    let (applied, plan) = tokio::join!(stage.resume(&next), look);
    applied.unwrap();
    let step = plan.steps.iter().find(|s| s.address.as_str() == "it").unwrap();
    let fields: Vec<&str> = step.fields.iter().map(|f| f.path.as_str()).collect();
    assert_eq!(fields, ["parts"], "{}", text(&plan));
    assert!(stage.plan(&next).await.is_empty());
}

/// Somebody else's change is waited for, not fought with.
#[tokio::test(start_paused = true)]
async fn an_endpoint_that_changes_is_waited_for() {
    let stage = Stage::new().await;
    stage.settle(&at(1)).await;
    let found = endpoint(&stage.sandbox);
    let again = json!({ "EndpointName": found["name"], "EndpointConfigName": found["config"] });
    stage.aws().await.sagemaker().call::<IgnoredAny>("UpdateEndpoint", &again).await.unwrap();
    stage.settle(&at(2)).await;
    assert_eq!(serves(&stage.sandbox), "v2");
    let refused = |e: &&dlinfra_sandbox::LogEntry| e.operation == "UpdateEndpoint" && e.code.is_some();
    assert_eq!(stage.sandbox.requests().entries.iter().filter(refused).count(), 0);
    comes_out(&stage, &[], &nothing(), &mut BTreeSet::new()).await.unwrap();
}

#[test]
fn what_sagemaker_refuses_is_found_beforehand() {
    let codes = |change: Value| {
        let plain = json!({ "role": { "$id": "r" }, "variants": [variant(json!({}))] });
        codes("sagemaker-endpoint", &examples::merged(&plain, &change))
    };
    let none = Vec::<&str>::new();
    let two_types = || json!([{ "instance_type": "ml.g6.xlarge" }, { "instance_type": "ml.g5.xlarge" }]);
    let one = |change: Value| codes(json!({ "variants": [variant(change)] }));
    assert_eq!(one(json!({})), none);
    assert_eq!(codes(json!({ "name": "chat-prod" })), none);
    assert_eq!(codes(json!({ "name": "Chat" })), ["DL1601"]);
    assert_eq!(codes(json!({ "name": "chat-" })), ["DL1601"]);
    assert_eq!(one(json!({ "name": "a b" })), ["DL1601"]);
    assert_eq!(one(json!({ "instance_type": null })), ["DL1602"]);
    assert_eq!(one(json!({ "instance_type": "m5.xlarge" })), ["DL1602"]);
    assert_eq!(one(json!({ "instance_type": "ml.g4ad.xlarge" })), ["DL1603"]);
    assert_eq!(one(json!({ "instance_type": "ml.x99.huge" })), none);
    let serverless = |more: Value| {
        let it = examples::merged(&json!({ "memory": "4 GiB", "concurrency": 5 }), &more);
        json!({ "instance_type": null, "serverless": it })
    };
    assert_eq!(one(serverless(json!({}))), none);
    assert_eq!(one(serverless(json!({ "memory": "8 GiB" }))), ["DL1604"]);
    assert_eq!(one(serverless(json!({ "provisioned": 6 }))), ["DL1604"]);
    let captured = json!({ "capture": { "destination": "s3://a/b" } });
    assert_eq!(
        codes(examples::merged(&captured, &json!({ "variants": [variant(serverless(json!({})))] }))),
        ["DL1604"]
    );
    assert_eq!(codes(captured), none);
    assert_eq!(one(json!({ "health_check_timeout": "15m" })), none);
    assert_eq!(one(json!({ "health_check_timeout": "2h" })), ["DL1605"]);
    assert_eq!(one(json!({ "volume": "100 GiB" })), none);
    assert_eq!(one(json!({ "volume": "600 GiB" })), ["DL1606"]);
    assert_eq!(one(json!({ "volume": "100 GiB", "instance_type": "ml.g5.xlarge" })), ["DL1606"]);
    let scaling = |more: Value| json!({ "scaling": examples::merged(&json!({ "min": 1, "max": 4 }), &more) });
    assert_eq!(one(scaling(json!({}))), none);
    assert_eq!(one(scaling(json!({ "min": 5 }))), ["DL1607"]);
    assert_eq!(one(scaling(json!({ "min": 0 }))), ["DL1607"]);
    assert_eq!(one(scaling(json!({ "target": { "metric": "backlog", "value": 5 } }))), ["DL1607"]);
    assert_eq!(one(scaling(json!({ "target": { "metric": "invocations", "value": 5 } }))), none);
    assert_eq!(one(examples::merged(&scaling(json!({})), &json!({ "count": 2 }))), ["DL1607"]);
    let queued = json!({ "async": { "output": "s3://a/b/" },
        "variants": [variant(scaling(json!({ "min": 0, "target": { "metric": "backlog", "value": 5 } })))] });
    assert_eq!(codes(queued), none);
    let data = |more: Value| {
        let model = examples::merged(&json!({ "bucket": { "$id": "weights" } }), &more);
        json!({ "container": { "image": IMAGE, "model": model } })
    };
    assert_eq!(one(data(json!({ "prefix": "v1/" }))), none);
    assert_eq!(one(data(json!({ "object": "v1.tar.gz", "compression": "gzip" }))), none);
    assert_eq!(one(data(json!({ "prefix": "v1" }))), ["DL1608"]);
    assert_eq!(one(data(json!({}))), ["DL1608"]);
    let environment = |pair: Value| json!({ "container": { "image": IMAGE, "environment": pair } });
    assert_eq!(one(environment(json!({ "A": "x".repeat(1025) }))), ["DL1609"]);
    assert_eq!(one(environment(json!({ "MAX_TOKENS": "4096" }))), none);
    assert_eq!(one(environment(json!({ "HF_TOKEN": "hf_abcdefgh" }))), ["DL1610"]);
    // Machines for inference components.
    let bare = |more: Value| one(examples::merged(&json!({ "container": null }), &more));
    let managed = |min: u32| json!({ "managed_scaling": { "min": min, "max": 4 } });
    assert_eq!(bare(json!({})), none);
    assert_eq!(bare(managed(0)), none);
    assert_eq!(bare(managed(5)), ["DL1613"]);
    assert_eq!(bare(examples::merged(&managed(1), &json!({ "count": 2 }))), ["DL1613"]);
    assert_eq!(one(managed(1)), ["DL1613"]);
    assert_eq!(bare(scaling(json!({}))), ["DL1613"]);
    let mixed = [variant(json!({})), variant(json!({ "name": "other", "container": null }))];
    assert_eq!(codes(json!({ "variants": mixed })), ["DL1613"]);
    // Several types to choose from, and those of a training plan.
    let pools = |all: Value| json!({ "instance_type": null, "instance_pools": all });
    let two = json!([{ "instance_type": "ml.g6.xlarge" }, { "instance_type": "ml.g5.xlarge" }]);
    assert_eq!(one(pools(two.clone())), none);
    assert_eq!(one(json!({ "instance_pools": two })), ["DL1614"]);
    assert_eq!(
        one(pools(json!([{ "instance_type": "ml.g6.xlarge" }, { "instance_type": "ml.g6.xlarge" }]))),
        ["DL1614"]
    );
    let six: Vec<Value> = (0..6).map(|i| json!({ "instance_type": format!("ml.g6.{}xlarge", 1 << i) })).collect();
    assert_eq!(one(pools(json!(six))), ["DL1614"]);
    assert_eq!(one(pools(json!([{ "instance_type": "g6.xlarge" }]))), ["DL1602"]);
    let own = json!([{ "instance_type": "ml.g6.xlarge", "container": { "image": IMAGE } }]);
    assert_eq!(one(pools(own.clone())), none);
    assert_eq!(bare(pools(own)), ["DL1614"]);
    assert_eq!(one(json!({ "capacity_timeout": "5m" })), none);
    assert_eq!(one(json!({ "capacity_timeout": "1m" })), ["DL1605"]);
    assert_eq!(one(json!({ "capacity_reservation": PLAN })), none);
    assert_eq!(one(json!({ "capacity_reservation": "cr-0123" })), ["DL1615"]);
    assert_eq!(one(examples::merged(&pools(two_types()), &json!({ "capacity_reservation": PLAN }))), ["DL1615"]);
    // A variant in the shadow.
    assert_eq!(codes(json!({ "shadow": shadow(json!({})) })), none);
    let pair = [variant(json!({})), variant(json!({ "name": "other" }))];
    assert_eq!(codes(json!({ "shadow": shadow(json!({})), "variants": pair })), ["DL1616"]);
    assert_eq!(codes(json!({ "shadow": shadow(json!({ "name": "main" })) })), ["DL1601"]);
    let async_too = json!({ "shadow": shadow(json!({})), "async": { "output": "s3://a/b/" } });
    assert_eq!(codes(async_too), ["DL1616"]);
    assert_eq!(codes(json!({ "shadow": shadow(json!({ "container": null })) })), ["DL1616"]);
    assert_eq!(codes(json!({ "shadow": shadow(json!({ "scaling": { "min": 1, "max": 2 } })) })), ["DL1616"]);
    assert_eq!(codes(json!({ "shadow": shadow(json!({ "instance_type": "ml.inf1.xlarge" })) })), ["DL1616"]);
    let rolling = json!({ "shadow": shadow(json!({})), "rollout": { "strategy": "rolling" } });
    assert_eq!(codes(rolling), ["DL1611"]);
    // Steps, and times.
    let step = |more: Value| scaling(json!({ "steps": examples::merged(&steps(10), &more) }));
    assert_eq!(one(step(json!({}))), none);
    assert_eq!(one(step(json!({ "metric": "backlog" }))), ["DL1607"]);
    assert_eq!(one(step(json!({ "up": [], "down": [] }))), ["DL1607"]);
    assert_eq!(one(step(json!({ "up": [{ "at": 9, "by": 1 }, { "at": 9, "by": 2 }] }))), ["DL1607"]);
    assert_eq!(one(step(json!({ "up": [{ "at": 9, "by": 0 }] }))), ["DL1607"]);
    assert_eq!(one(step(json!({ "down": [{ "at": 10, "by": 1 }] }))), ["DL1607"]);
    let both = json!({ "steps": steps(10), "target": { "metric": "invocations", "value": 5 } });
    assert_eq!(one(scaling(both)), ["DL1607"]);
    let time = |more: Value| scaling(json!({ "schedule": [examples::merged(&night(1), &more)] }));
    assert_eq!(one(time(json!({}))), none);
    assert_eq!(one(time(json!({ "at": "rate(12 hours)" }))), none);
    assert_eq!(one(time(json!({ "at": "at(2026-12-24T18:00:00)" }))), ["DL1617"]);
    assert_eq!(one(time(json!({ "at": "rate(12 hours)", "time_zone": "Europe/Berlin" }))), ["DL1617"]);
    assert_eq!(one(time(json!({ "name": "a/b" }))), ["DL1617"]);
    assert_eq!(one(time(json!({ "min": null, "max": null }))), ["DL1617"]);
    assert_eq!(one(time(json!({ "min": 3 }))), ["DL1617"]);
    assert_eq!(one(time(json!({ "min": 0 }))), ["DL1617"]);
    assert_eq!(one(scaling(json!({ "schedule": [night(1), night(1)] }))), ["DL1617"]);
    let rollout = |more: Value| json!({ "rollout": more });
    assert_eq!(codes(rollout(json!({ "strategy": "canary", "percent": 10 }))), none);
    assert_eq!(codes(rollout(json!({ "strategy": "linear", "percent": 5 }))), ["DL1611"]);
    assert_eq!(codes(rollout(json!({ "strategy": "all-at-once", "percent": 5 }))), ["DL1611"]);
    assert_eq!(codes(json!({ "log_retention": "30d" })), none);
    assert_eq!(codes(json!({ "log_retention": "31d" })), ["DL1002"]);
    let vllm = |more: Value| {
        let image = "763104351884.dkr.ecr.us-east-1.amazonaws.com/vllm:0.11-gpu-py312";
        one(examples::merged(&json!({ "container": { "image": image }, "instance_type": "ml.g6e.xlarge" }), &more))
    };
    assert_eq!(vllm(json!({})), ["DL1612", "DL1612"]);
    assert_eq!(
        vllm(json!({ "health_check_timeout": "20m", "ami_version": "al2-ami-sagemaker-inference-gpu-3-1" })),
        none
    );
}

/// Budgets count the most that a schedule allows, the dearest type, the shadow, and an alarm for each way.
#[test]
fn what_may_come_has_a_price() {
    let month = |change: Value| {
        let plain = json!({ "role": { "$id": "r" }, "variants": [variant(json!({}))] });
        super::monthly("sagemaker-endpoint", &examples::merged(&plain, &change))
    };
    let one = |change: Value| month(json!({ "variants": [change] }));
    let gpu = |more: Value| examples::merged(&more, &json!({ "instance_type": "ml.g5.xlarge" }));
    // 1.408 x 730
    let plain = gpu(variant(json!({})));
    assert_eq!(one(plain.clone()), "1027.84");
    assert_eq!(month(json!({ "variants": [plain], "shadow": gpu(shadow(json!({ "count": 2 }))) })), "3083.52");
    // 8 x 1.408 x 730, and 2 x 0.10
    let times = json!([{ "name": "day", "at": "rate(1 day)", "max": 8 }]);
    assert_eq!(one(gpu(scaled_by(json!({ "schedule": times, "steps": steps(10) })))), "8222.92");
    // 1.515 x 730: the larger of the two.
    let two = json!([{ "instance_type": "ml.g5.xlarge" }, { "instance_type": "ml.g5.2xlarge" }]);
    assert_eq!(one(chosen(json!({ "instance_pools": two }))), "1105.95");
    assert_eq!(one(variant(json!({ "capacity_reservation": PLAN }))), "0");
}

/// The types that are known are those of AWS's model.
#[test]
fn the_list_of_types_is_that_of_aws() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |file: &str| std::fs::read_to_string(root.join(file)).unwrap();
    let model: Value = serde_json::from_str(&read("sandbox/models/sagemaker.json")).unwrap();
    let published = model["shapes"]["ProductionVariantInstanceType"]["enum"].as_array().unwrap();
    let published: BTreeSet<&str> = published.iter().filter_map(Value::as_str).collect();
    let ours = read("src/kinds/sagemaker_endpoint/types.txt");
    assert_eq!(ours.lines().collect::<BTreeSet<_>>(), published);
}
