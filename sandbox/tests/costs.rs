//! Bills and the tagging service: what remains known of objects, and when.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test fails by panicking")]

use std::time::Duration;

use bytes::Bytes;
use dlinfra_sandbox::{HandleOutcome, Sandbox, SandboxConfig};
use serde_json::{Value, json};

const HOUR: Duration = Duration::from_secs(3600);

fn open() -> Sandbox {
    let start = Some("2026-01-01T00:00:00Z".parse().unwrap());
    Sandbox::open(SandboxConfig { start, ..SandboxConfig::default() }).unwrap()
}

async fn send(sandbox: &Sandbox, service: &str, target: &str, body: String) -> (u16, String) {
    let scope = format!("AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/{service}/aws4_request, Signature=x");
    let request = http::Request::post("http://127.0.0.1:1/").header("authorization", scope);
    let request = request.header("x-amz-target", target).body(Bytes::from(body)).unwrap();
    match sandbox.handle(request).await {
        HandleOutcome::Response(response) => {
            (response.status().as_u16(), String::from_utf8(response.body().to_vec()).unwrap())
        }
        HandleOutcome::Cut => panic!("cut"),
    }
}

async fn ask(sandbox: &Sandbox, service: &str, operation: &str, body: Value) -> Value {
    let (status, text) = send(sandbox, service, &format!("X.{operation}"), body.to_string()).await;
    assert_eq!(status, 200, "{text}");
    serde_json::from_str(&text).unwrap()
}

async fn ec2(sandbox: &Sandbox, form: &str) -> String {
    let (status, text) = send(sandbox, "ec2", "", form.to_owned()).await;
    assert_eq!(status, 200, "{text}");
    text
}

fn between<'t>(text: &'t str, name: &str) -> &'t str {
    text.split(&format!("<{name}>")).nth(1).unwrap().split('<').next().unwrap()
}

async fn address(sandbox: &Sandbox, owner: &str) -> String {
    let form = "Action=AllocateAddress&Domain=vpc&TagSpecification.1.ResourceType=elastic-ip\
                &TagSpecification.1.Tag.1.Key=owner&TagSpecification.1.Tag.1.Value=";
    between(&ec2(sandbox, &format!("{form}{owner}")).await, "allocationId").to_owned()
}

/// Dollars by group of one day.
async fn day(sandbox: &Sandbox, date: &str, next: &str, more: Value) -> Value {
    let mut body = json!({"TimePeriod": {"Start": date, "End": next}, "Granularity": "DAILY",
        "Metrics": ["UnblendedCost"], "GroupBy": [{"Type": "TAG", "Key": "owner"}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let answer = ask(sandbox, "ce", "GetCostAndUsage", body).await;
    answer["ResultsByTime"][0]["Groups"].clone()
}

#[tokio::test(start_paused = true)]
async fn usage_is_billed_a_day_late_and_tagged_from_activation_on() {
    let sandbox = open();
    let wait = async |hours: u32| sandbox.clock().sleep(HOUR * hours).await;
    let first = address(&sandbox, "me").await;
    assert_eq!(day(&sandbox, "2026-01-01", "2026-01-02", json!({})).await, json!([]));
    // The tag is not known on the first day.
    let activate = json!({"CostAllocationTagsStatus": [{"TagKey": "owner", "Status": "Active"}]});
    let answer = ask(&sandbox, "ce", "UpdateCostAllocationTagsStatus", activate.clone()).await;
    assert_eq!(answer["Errors"][0]["TagKey"], "owner");
    wait(36).await;
    let answer = ask(&sandbox, "ce", "UpdateCostAllocationTagsStatus", activate).await;
    assert_eq!(answer["Errors"], json!([]));
    let answer = ask(&sandbox, "ce", "ListCostAllocationTags", json!({"Status": "Active"})).await;
    assert_eq!(answer["CostAllocationTags"][0]["TagKey"], "owner");
    wait(36).await;
    ec2(&sandbox, &format!("Action=ReleaseAddress&AllocationId={first}")).await;
    wait(48).await;
    // 2 January: noon is when the tag became active. An idle address costs half a cent an hour.
    let cost = |amount: &str| json!({"UnblendedCost": {"Amount": amount, "Unit": "USD"}});
    assert_eq!(
        day(&sandbox, "2026-01-02", "2026-01-03", json!({})).await,
        json!([
            {"Keys": ["owner$"], "Metrics": cost("0.0600000000")},
            {"Keys": ["owner$me"], "Metrics": cost("0.0600000000")},
        ])
    );
    let mine = json!({"Filter": {"Tags": {"Key": "owner", "Values": ["me"]}},
        "GroupBy": [{"Type": "DIMENSION", "Key": "SERVICE"}]});
    assert_eq!(
        day(&sandbox, "2026-01-03", "2026-01-04", mine).await,
        json!([{"Keys": ["Amazon Virtual Private Cloud"], "Metrics": cost("0.1200000000")}])
    );
    // It was released at the end of 3 January.
    assert_eq!(day(&sandbox, "2026-01-04", "2026-01-05", json!({})).await, json!([]));
}

#[tokio::test(start_paused = true)]
async fn the_tagging_service_is_late_and_names_ghosts() {
    let sandbox = open();
    let list = async || {
        let body = json!({"TagFilters": [{"Key": "owner", "Values": ["me"]}], "ResourceTypeFilters": ["ec2"]});
        let answer = ask(&sandbox, "tagging", "GetResources", body).await;
        answer["ResourceTagMappingList"].as_array().unwrap().len()
    };
    let id = address(&sandbox, "me").await;
    assert_eq!(list().await, 0);
    sandbox.clock().sleep(Duration::from_secs(60)).await;
    assert_eq!(list().await, 1);
    ec2(&sandbox, &format!("Action=ReleaseAddress&AllocationId={id}")).await;
    assert_eq!(list().await, 1);
    sandbox.clock().sleep(HOUR * 12).await;
    assert_eq!(list().await, 0);
    assert!(sandbox.status().objects.is_empty());
}
