//! inference-component: example, life, copies that are kept, scaling to zero and back, and what is taken back.
use super::{Own, codes, monthly};
use crate::{
    crash_lives::{self, Life},
    crash_matrix::{apart, census, config, in_virtual_time, nothing},
    crash_tape::{Store, Tape},
    examples::{self, Example, in_place, replace},
    stage::{Stage, text, wanted},
};
use dlinfra::{
    aws::tags::{self, Carrier},
    journal::MemoryBackend,
    plan::Wanted,
};
use dlinfra_sandbox::{Ailment, Behaviour, HandleOutcome, Sandbox, SandboxConfig};
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

pub(crate) const OWN: Own = Own {
    kind: "inference-component",
    examples,
    life,
    object: "sagemaker/inference-component",
    carrier: |name| {
        let arn = format!("arn:aws:sagemaker:us-east-1:000000000000:inference-component/{name}");
        Carrier::own(&tags::SAGEMAKER, arn)
    },
    theirs: |aws, name| {
        Box::pin(async move {
            let trust = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "sts:AssumeRole",
                "Principal": { "Service": "sagemaker.amazonaws.com" } }] });
            let role = aws.iam().create_role().role_name("theirs").assume_role_policy_document(trust.to_string());
            let role = role.send().await.unwrap().role.unwrap().arn;
            aws.clock().sleep(Duration::from_secs(15)).await;
            let sagemaker = aws.sagemaker();
            let variant = json!({ "VariantName": "main", "InstanceType": "ml.m5.xlarge", "InitialInstanceCount": 1 });
            let config = json!({ "EndpointConfigName": "theirs", "ExecutionRoleArn": role,
                "ProductionVariants": [variant] });
            sagemaker.once::<IgnoredAny>("CreateEndpointConfig", &config).await.unwrap();
            let endpoint = json!({ "EndpointName": "theirs", "EndpointConfigName": "theirs" });
            sagemaker.once::<IgnoredAny>("CreateEndpoint", &endpoint).await.unwrap();
            aws.clock().sleep(Duration::from_secs(900)).await;
            theirs_on(&aws, "theirs", &name).await;
            aws.clock().sleep(Duration::from_secs(900)).await;
        })
    },
};

/// Somebody else's component.
async fn theirs_on(aws: &dlinfra::aws::Aws, endpoint: &str, name: &str) {
    let input = json!({ "InferenceComponentName": name, "EndpointName": endpoint, "VariantName": "main",
        "RuntimeConfig": { "CopyCount": 1 }, "Specification": { "Container": { "Image": IMAGE },
            "ComputeResourceRequirements": { "MinMemoryRequiredInMb": 256, "NumberOfCpuCoresRequired": 0.25 } } });
    aws.sagemaker().once::<IgnoredAny>("CreateInferenceComponent", &input).await.unwrap();
}

const IMAGE: &str = "000000000000.dkr.ecr.us-east-1.amazonaws.com/serve:1";

fn to(address: &str) -> Value {
    json!({ "$ref": address })
}

/// A container that runs this version.
fn version(number: u32) -> Value {
    json!({ "image": format!("000000000000.dkr.ecr.us-east-1.amazonaws.com/serve:v{number}"),
        "environment": { "WORKERS": "2" } })
}

fn small() -> Value {
    json!({ "cpus": 1, "memory": "1 GiB" })
}

/// A component of the ground's endpoint.
fn plain() -> Value {
    json!({ "endpoint": to("host"), "variant": "main", "container": { "image": IMAGE }, "resources": small() })
}

fn scaling(min: u32) -> Value {
    json!({ "min": min, "max": 4, "target": { "metric": "invocations", "value": 5 } })
}

/// Steps and a time that its author wrote.
fn stepped() -> Value {
    json!({ "min": 1, "max": 4, "steps": { "metric": "concurrent-requests", "up": [{ "at": 8, "by": 1 }],
        "down": [{ "at": 1, "by": 1 }] }, "scale_in_cooldown": "10m",
        "schedule": [{ "name": "night", "at": "cron(0 20 ? * MON-FRI *)", "min": 0 }] })
}

fn examples() -> Vec<Example> {
    let model = json!({ "role": to("serve-role"), "image": IMAGE, "environment": { "A": "1" },
        "data": { "bucket": { "$id": "weights" }, "prefix": "v1/" } });
    vec![Example {
        kind: "inference-component",
        needs: &["serve-role", "host", "other-host"],
        spec: plain(),
        changes: vec![
            in_place(
                "container",
                json!({ "container": { "image": IMAGE, "environment": { "A": "1" },
                "artifact": "s3://weights/model.tar.gz" } }),
            ),
            in_place("resources", json!({ "resources": { "cpus": 0.5, "memory": "2 GiB", "max_memory": "3 GiB" } })),
            in_place("copies", json!({ "copies": 2 })),
            in_place("health_check_timeout", json!({ "health_check_timeout": "15m" })),
            in_place("download_timeout", json!({ "download_timeout": "20m" })),
            in_place("placement", json!({ "placement": "spread" })),
            in_place("log_retention", json!({ "log_retention": "7d" })),
            in_place("scaling", json!({ "scaling": scaling(1), "copies": null })),
            in_place("scaling", json!({ "scaling": scaling(0) })),
            in_place("scaling", json!({ "scaling": stepped() })),
            in_place("scaling", json!({ "scaling": scaling(0) })),
            in_place("model", json!({ "model": model, "container": null })),
            replace("variant", json!({ "variant": "second" })),
            replace("endpoint", json!({ "endpoint": to("other-host") })),
            replace("name", json!({ "name": "chat-8b" })),
        ],
        silent: &[("rollout", "how dlinfra asks for a change")],
    }]
}

fn life() -> Life {
    let model = |key: &str| {
        json!({ "role": to("serve-role"), "image": IMAGE,
            "data": { "bucket": { "$id": "weights" }, "prefix": key } })
    };
    let changes = [
        ("update", json!({ "model": model("v2/") })),
        ("scale", json!({ "scaling": scaling(0), "copies": null })),
        ("extend", json!({})),
        ("replace", json!({ "name": "chat-8b" })),
    ];
    let first = json!({ "container": null, "model": model("v1/") });
    crash_lives::life("inference-component", 0, &first, &changes)
}

/// What an endpoint for components is.
pub(crate) fn host(more: &Value) -> Value {
    let variant = json!({ "name": "main", "instance_type": "ml.m5.xlarge", "managed_scaling": { "min": 1, "max": 4 } });
    json!({ "role": to("serve-role"), "variants": [examples::merged(&variant, more)] })
}

#[allow(clippy::needless_pass_by_value, reason = "callers write it in place")]
/// A stack of one endpoint and one component with these fields.
fn stack(fields: Value) -> Vec<Wanted> {
    hosted(json!({}), fields)
}

#[allow(clippy::needless_pass_by_value, reason = "callers write it in place")]
fn hosted(variant: Value, fields: Value) -> Vec<Wanted> {
    let trust = json!({ "trust": ["sagemaker.amazonaws.com"] });
    vec![
        wanted("serve-role", "iam-role", trust),
        wanted("host", "sagemaker-endpoint", host(&variant)),
        wanted("it", "inference-component", examples::merged(&plain(), &fields)),
    ]
}

fn at(number: u32) -> Vec<Wanted> {
    stack(json!({ "container": version(number) }))
}

/// What the only component of an account is.
fn component(sandbox: &Sandbox) -> Value {
    let mut all = sandbox.objects().into_iter().filter(|o| o.kind == "sagemaker/inference-component");
    let found = all.next().map(|o| o.value).unwrap_or_default();
    assert!(all.next().is_none(), "more than one component");
    found
}

fn serves(sandbox: &Sandbox) -> String {
    let image = component(sandbox)["specification"]["Container"]["Image"].as_str().unwrap_or_default().to_owned();
    image.rsplit(':').next().unwrap_or_default().to_owned()
}

fn count(sandbox: &Sandbox, kind: &str) -> usize {
    sandbox.objects().iter().filter(|o| o.kind == kind).count()
}

fn machines(sandbox: &Sandbox) -> Value {
    let found = sandbox.objects().into_iter().find(|o| o.kind == "sagemaker/endpoint").unwrap();
    found.value["variants"][0]["count"].clone()
}

/// What the component answers now.
async fn asked(sandbox: &Sandbox) -> (u16, String) {
    let it = component(sandbox);
    let (endpoint, name) = (it["endpoint"].as_str().unwrap(), it["name"].as_str().unwrap());
    let request = http::Request::post(format!("http://runtime.localhost/endpoints/{endpoint}/invocations"))
        .header("x-amzn-sagemaker-inference-component", name)
        .header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=A/20260601/us-east-1/sagemaker/aws4_request, SignedHeaders=host, Signature=0",
        )
        .body(Vec::from("{}").into())
        .unwrap();
    let HandleOutcome::Response(answer) = sandbox.handle(request).await else { panic!("no answer") };
    (answer.status().as_u16(), String::from_utf8_lossy(answer.body()).into_owned())
}

#[tokio::test(start_paused = true)]
async fn copies_that_scaling_has_set_are_kept() {
    let stage = Stage::new().await;
    let at = |number: u32| stack(json!({ "container": version(number), "scaling": scaling(1) }));
    stage.settle(&at(1)).await;
    assert_eq!(component(&stage.sandbox)["copies"], 1);
    let name = component(&stage.sandbox)["name"].clone();
    let three = json!({ "InferenceComponentName": name, "DesiredRuntimeConfig": { "CopyCount": 3 } });
    let aws = stage.aws().await;
    aws.sagemaker().call::<IgnoredAny>("UpdateInferenceComponentRuntimeConfig", &three).await.unwrap();
    stage.clock.sleep(Duration::from_secs(600)).await;
    assert_eq!(component(&stage.sandbox)["copies"], 3);
    assert!(stage.plan(&at(1)).await.is_empty());
    stage.settle(&at(2)).await;
    assert_eq!((serves(&stage.sandbox), component(&stage.sandbox)["copies"].clone()), ("v2".to_owned(), json!(3)));
    // Without scaling they are what is written.
    stage.settle(&stack(json!({ "container": version(2), "copies": 2 }))).await;
    assert_eq!(component(&stage.sandbox)["copies"], 2);
    assert_eq!(count(&stage.sandbox, "application-autoscaling/target"), 0);
}

/// Nobody asks, and the last copy and the last machine go; somebody asks, and both come back.
#[tokio::test(start_paused = true)]
async fn what_nobody_asks_goes_to_zero_and_one_request_wakes_it() {
    let stage = Stage::new().await;
    let wanted = hosted(json!({ "managed_scaling": { "min": 0, "max": 2 } }), json!({ "scaling": scaling(0) }));
    stage.settle(&wanted).await;
    assert_eq!(
        (count(&stage.sandbox, "monitoring/alarm"), count(&stage.sandbox, "application-autoscaling/policy")),
        (1, 2)
    );
    assert_eq!(asked(&stage.sandbox).await.0, 200);
    let after = async |minutes: u64| stage.clock.sleep(Duration::from_secs(minutes * 60)).await;
    after(40).await;
    assert_eq!((component(&stage.sandbox)["copies"].clone(), machines(&stage.sandbox)), (json!(0), json!(0)));
    assert!(stage.plan(&wanted).await.is_empty());
    let (status, text) = asked(&stage.sandbox).await;
    assert!(status == 400 && text.contains("has no capacity"), "{status} {text}");
    after(15).await;
    assert_eq!((component(&stage.sandbox)["copies"].clone(), machines(&stage.sandbox)), (json!(1), json!(1)));
    assert_eq!(asked(&stage.sandbox).await.0, 200);
    // Its alarm goes with the scaling to zero, and with the component.
    stage.settle(&hosted(json!({}), json!({ "scaling": scaling(1) }))).await;
    assert_eq!(
        (count(&stage.sandbox, "monitoring/alarm"), count(&stage.sandbox, "application-autoscaling/policy")),
        (0, 1)
    );
    stage.settle(&wanted).await;
    assert_eq!(count(&stage.sandbox, "monitoring/alarm"), 1);
    stage.settle(&[]).await;
    let mut left = census(&stage.sandbox);
    left.retain(|(object, _, _), _| object != "monitoring/metric");
    assert_eq!(left, nothing(), "{}", apart(&left, &nothing()));
}

/// A policy whose alarm somebody has removed starts nothing.
#[tokio::test(start_paused = true)]
async fn a_lost_alarm_is_made_again() {
    let stage = Stage::new().await;
    let wanted = stack(json!({ "scaling": scaling(0) }));
    stage.settle(&wanted).await;
    let alarm = stage.sandbox.objects().into_iter().find(|o| o.kind == "monitoring/alarm").unwrap().id;
    let gone = json!({ "AlarmNames": [alarm] });
    stage.aws().await.cloudwatch().call::<IgnoredAny>("DeleteAlarms", &gone).await.unwrap();
    stage.clock.sleep(Duration::from_secs(90)).await;
    let plan = stage.plan(&wanted).await;
    assert!(text(&plan).contains("scaling"), "{}", text(&plan));
    stage.settle(&wanted).await;
    assert_eq!(count(&stage.sandbox, "monitoring/alarm"), 1);
    assert!(stage.plan(&wanted).await.is_empty());
}

async fn sick(version: u32) -> Stage {
    let containers = [(format!("serve:v{version}"), Ailment::HealthCheck)].into();
    let behaviour = Behaviour { containers, ..Behaviour::default() };
    Stage::with(SandboxConfig { behaviour, ..SandboxConfig::default() }).await
}

#[tokio::test(start_paused = true)]
async fn an_update_that_is_taken_back_is_a_failure() {
    let stage = sick(2).await;
    stage.settle(&at(1)).await;
    let outcome = stage.try_apply(&at(2)).await;
    let [(address, error)] = &outcome.failed[..] else { panic!("{outcome:?}") };
    let told = error.to_string();
    assert!(address.as_str() == "it" && told.contains("was rolled back"), "{told}");
    assert!(told.contains("did not pass the ping health check") && told.contains("ERROR: the model server"), "{told}");
    assert_eq!(
        (serves(&stage.sandbox), component(&stage.sandbox)["status"].clone()),
        ("v1".into(), json!("InService"))
    );
    // The reason may be told for ever; what was there before serves all the same.
    assert!(stage.plan(&at(1)).await.is_empty());
    stage.settle(&at(3)).await;
    assert_eq!(serves(&stage.sandbox), "v3");
}

#[tokio::test(start_paused = true)]
async fn one_that_failed_is_replaced_after_its_reason_was_told() {
    let stage = sick(1).await;
    let outcome = stage.try_apply(&at(1)).await;
    let [(_, error)] = &outcome.failed[..] else { panic!("{outcome:?}") };
    assert!(error.to_string().contains("ping health check") && error.to_string().contains("its log ends"), "{error}");
    stage.settle(&at(2)).await;
    assert_eq!(serves(&stage.sandbox), "v2");
}

#[tokio::test(start_paused = true)]
async fn copies_that_find_no_machine_are_a_failure() {
    let stage = Stage::new().await;
    let huge = json!({ "resources": { "cpus": 1, "memory": "64 GiB" } });
    let outcome = stage.try_apply(&stack(huge)).await;
    let [(_, error)] = &outcome.failed[..] else { panic!("{outcome:?}") };
    assert!(error.to_string().contains("not enough hardware resources"), "{error}");
    stage.settle(&stack(json!({}))).await;
    // Four machines have room for sixteen.
    let outcome = stage.try_apply(&stack(json!({ "copies": 40 }))).await;
    let [(_, error)] = &outcome.failed[..] else { panic!("{outcome:?}") };
    assert!(error.to_string().contains("not enough hardware resources"), "{error}");
    assert_eq!(component(&stage.sandbox)["copies"], 1);
}

/// AWS would let the endpoint go, and leave the component behind.
#[tokio::test(start_paused = true)]
async fn an_endpoint_with_somebody_elses_component_stays() {
    let stage = Stage::new().await;
    stage.settle(&at(1)).await;
    let endpoint = component(&stage.sandbox)["endpoint"].as_str().unwrap().to_owned();
    theirs_on(&stage.aws().await, &endpoint, "theirs").await;
    stage.clock.sleep(Duration::from_secs(900)).await;
    let outcome = stage.try_apply(&[]).await;
    let told = format!("{outcome:?}");
    assert!(told.contains("the inference component theirs"), "{told}");
    assert_eq!(
        (count(&stage.sandbox, "sagemaker/endpoint"), component(&stage.sandbox)["name"].clone()),
        (1, json!("theirs"))
    );
    let gone = json!({ "InferenceComponentName": "theirs" });
    stage.aws().await.sagemaker().call::<IgnoredAny>("DeleteInferenceComponent", &gone).await.unwrap();
    stage.settle(&[]).await;
    assert_eq!(count(&stage.sandbox, "sagemaker/endpoint"), 0);
}

/// Dies at every request and write of a switch to another model; then it is finished, taken back or changed again.
#[test]
fn a_death_anywhere_leaves_a_version_that_serves() {
    let at = |number: u32| {
        let model = json!({ "role": to("serve-role"), "image": IMAGE,
            "data": { "bucket": { "$id": "weights" }, "prefix": format!("v{number}/") } });
        stack(json!({ "container": null, "model": model, "scaling": scaling(number % 2) }))
    };
    let tape = in_virtual_time(async {
        let journal = Arc::new(MemoryBackend::new());
        let mut stage = Stage::on(Sandbox::open(config()).unwrap(), journal.clone());
        stage.resume(&at(1)).await.unwrap();
        let tape = Tape::record(&mut stage, &journal, Store::Memory, &at(2)).await;
        assert!(tape.result.as_ref().unwrap().complete());
        tape
    });
    assert!(tape.moments.len() > 10, "{}", tape.moments.len());
    let mut failures = Vec::new();
    for (number, moment) in tape.moments.iter().enumerate() {
        let (what, version) = [("finished", 2), ("taken back", 1), ("changed again", 3)][number % 3];
        let result = in_virtual_time(async {
            let stage = moment.stage().await;
            stage.resume(&at(version)).await?;
            let plan = stage.look_again(&at(version)).await?;
            let left = |kind| count(&stage.sandbox, kind);
            let alarms = usize::from(version == 2);
            let right = plan.is_empty()
                && (left("sagemaker/inference-component"), left("sagemaker/model")) == (1, 1)
                && left("monitoring/alarm") == alarms;
            if right { Ok(()) } else { Err(format!("{}\n{:?}", text(&plan), census(&stage.sandbox))) }
        });
        failures.extend(result.err().map(|why| format!("moment {number}, {what}: {why}")));
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn what_sagemaker_refuses_is_found_beforehand() {
    let codes = |change: Value| {
        let plain = json!({ "endpoint": { "$id": "e" }, "variant": "main", "container": { "image": IMAGE },
            "resources": small() });
        codes("inference-component", &examples::merged(&plain, &change))
    };
    let none = Vec::<&str>::new();
    assert_eq!(codes(json!({})), none);
    assert_eq!(codes(json!({ "name": "chat-8b" })), none);
    assert_eq!(codes(json!({ "name": "Chat" })), ["DL1801"]);
    assert_eq!(codes(json!({ "variant": "a b" })), ["DL1801"]);
    let model = |data: Value| json!({ "role": { "$id": "r" }, "image": IMAGE, "data": examples::merged(&json!({ "bucket": { "$id": "w" } }), &data) });
    let prefix = json!({ "prefix": "v1/" });
    assert_eq!(codes(json!({ "container": null, "model": model(prefix.clone()) })), none);
    assert_eq!(codes(json!({ "container": null })), ["DL1802"]);
    assert_eq!(codes(json!({ "model": model(prefix) })), ["DL1802"]);
    let needs = |more: Value| json!({ "resources": examples::merged(&small(), &more) });
    assert_eq!(codes(needs(json!({ "memory": "128 MiB" }))), none);
    assert_eq!(codes(needs(json!({ "memory": "127 MiB" }))), ["DL1803"]);
    assert_eq!(codes(needs(json!({ "max_memory": "512 MiB" }))), ["DL1803"]);
    assert_eq!(codes(needs(json!({ "cpus": 0.25 }))), none);
    assert_eq!(codes(needs(json!({ "cpus": 0.1 }))), ["DL1803"]);
    assert_eq!(codes(needs(json!({ "cpus": null, "accelerators": 1 }))), none);
    assert_eq!(codes(needs(json!({ "cpus": null }))), ["DL1803"]);
    assert_eq!(codes(json!({ "copies": 2 })), none);
    assert_eq!(codes(json!({ "copies": 0 })), ["DL1804"]);
    assert_eq!(codes(json!({ "scaling": scaling(0) })), none);
    assert_eq!(codes(json!({ "scaling": scaling(0), "copies": 1 })), ["DL1804"]);
    assert_eq!(codes(json!({ "scaling": scaling(5) })), ["DL1805"]);
    assert_eq!(codes(json!({ "scaling": { "min": 0, "max": 1 } })), ["DL1805"]);
    assert_eq!(codes(json!({ "scaling": { "min": 1, "max": 2 } })), none);
    let backlog = json!({ "min": 1, "max": 2, "target": { "metric": "backlog", "value": 1 } });
    assert_eq!(codes(json!({ "scaling": backlog })), ["DL1805"]);
    assert_eq!(codes(json!({ "scaling": stepped() })), none);
    assert_eq!(
        codes(
            json!({ "scaling": examples::merged(&stepped(), &json!({ "steps": { "metric": "backlog", "up": [{ "at": 8, "by": 1 }], "down": [{ "at": 1, "by": 1 }] } })) })
        ),
        ["DL1805"]
    );
    let time = json!([{ "name": "night", "at": "daily", "min": 1 }]);
    assert_eq!(codes(json!({ "scaling": examples::merged(&stepped(), &json!({ "schedule": time })) })), ["DL1811"]);
    let environment = |pair: Value| json!({ "container": { "image": IMAGE, "environment": pair } });
    assert_eq!(codes(environment(json!({ "A": "x".repeat(1024) }))), none);
    assert_eq!(codes(environment(json!({ "A": "x".repeat(1025) }))), ["DL1806"]);
    assert_eq!(codes(environment(json!({ "MAX_TOKENS": "4096" }))), none);
    assert_eq!(codes(environment(json!({ "HF_TOKEN": "hf_abcdefgh" }))), ["DL1807"]);
    let artifact = |url: &str| json!({ "container": { "image": IMAGE, "artifact": url } });
    assert_eq!(codes(artifact("s3://weights/m.tar.gz")), none);
    assert_eq!(codes(artifact("s3://weights/m/")), ["DL1808"]);
    assert_eq!(codes(json!({ "container": null, "model": model(json!({ "prefix": "v1" })) })), ["DL1808"]);
    assert_eq!(codes(json!({ "health_check_timeout": "15m" })), none);
    assert_eq!(codes(json!({ "health_check_timeout": "2h" })), ["DL1809"]);
    assert_eq!(codes(json!({ "rollout": { "bake": "2h" } })), ["DL1809"]);
    let vllm = json!({ "image": "763104351884.dkr.ecr.us-east-1.amazonaws.com/vllm:0.11-gpu-py312" });
    assert_eq!(codes(json!({ "container": vllm })), ["DL1810"]);
    assert_eq!(codes(json!({ "container": vllm, "health_check_timeout": "20m" })), none);
    assert_eq!(codes(json!({ "log_retention": "31d" })), ["DL1002"]);
}

/// Its machines are its endpoint's; what wakes it up is an alarm of its own.
#[test]
fn it_costs_what_wakes_it_up() {
    let month = |min: u32| {
        let mut spec = plain();
        spec["scaling"] = scaling(min);
        monthly("inference-component", &spec)
    };
    assert_eq!((month(0).as_str(), month(1).as_str()), ("0.1", "0"));
}
