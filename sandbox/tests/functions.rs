//! Functions: who waits for them, who does not, and what the clock brings; by a fake and by real processes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::future::Future;
use std::io::{Cursor, Write};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use dlinfra_sandbox::{Answer, Functions, HandleOutcome, Invocation, Processes, Sandbox, SandboxConfig, serve};
use serde_json::{Value, json};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// Answers what it is told, and notes when it was asked.
#[derive(Debug, Default)]
struct Fake {
    seen: Mutex<Vec<(Invocation, jiff::Timestamp)>>,
    sandbox: Mutex<Option<Sandbox>>,
    running: Arc<Mutex<usize>>,
    most: Arc<Mutex<usize>>,
}

impl Functions for Fake {
    fn run(&self, invocation: Invocation) -> Pin<Box<dyn Future<Output = Answer> + Send>> {
        let sandbox = self.sandbox.lock().unwrap().clone().unwrap();
        let at = sandbox.clock().now();
        self.seen.lock().unwrap().push((invocation.clone(), at));
        let (running, most) = (Arc::clone(&self.running), Arc::clone(&self.most));
        Box::pin(async move {
            {
                let mut running = running.lock().unwrap();
                *running += 1;
                let mut most = most.lock().unwrap();
                *most = (*most).max(*running);
            }
            sandbox.clock().sleep(Duration::from_secs(5)).await;
            *running.lock().unwrap() -= 1;
            let event: Value = serde_json::from_slice(&invocation.payload).unwrap();
            if event["fail"] == true {
                return Answer { log: "no".to_owned(), ..Answer::failed("Failed", "no") };
            }
            // It asks the account that runs it.
            let who =
                ask(&sandbox, &invocation.credentials.access_key, "sts", "POST", "/", b"Action=GetCallerIdentity");
            let who = who.await.1;
            Answer { payload: json!({"who": who}).to_string().into(), error: None, log: "one\ntwo".to_owned() }
        })
    }
}

/// A request; status, body and the headers of the answer.
async fn ask(sandbox: &Sandbox, key: &str, service: &str, method: &str, path: &str, body: &[u8]) -> (u16, String) {
    let (status, body, _) = ask_all(sandbox, key, service, method, path, body, &[]).await;
    (status, body)
}

async fn ask_all(
    sandbox: &Sandbox,
    key: &str,
    service: &str,
    method: &str,
    path: &str,
    body: &[u8],
    headers: &[(&str, &str)],
) -> (u16, String, http::HeaderMap) {
    let scope = format!("AWS4-HMAC-SHA256 Credential={key}/20260101/us-east-1/{service}/aws4_request, Signature=x");
    let mut request = http::Request::builder()
        .method(method)
        .uri(format!("http://127.0.0.1:1{path}"))
        .header("authorization", scope)
        .header("content-type", "application/x-www-form-urlencoded");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    match sandbox.handle(request.body(Bytes::copy_from_slice(body)).unwrap()).await {
        HandleOutcome::Response(response) => {
            let (parts, body) = response.into_parts();
            (parts.status.as_u16(), String::from_utf8(body.to_vec()).unwrap(), parts.headers)
        }
        HandleOutcome::Cut => panic!("the connection was cut"),
    }
}

async fn json_of(sandbox: &Sandbox, service: &str, method: &str, path: &str, body: Value) -> (u16, Value) {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let (status, text) = ask(sandbox, "AKID", service, method, path, body.as_bytes()).await;
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

fn zip(bootstrap: &str) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    let mut writer = ZipWriter::new(&mut out);
    writer.start_file("bootstrap", SimpleFileOptions::default().unix_permissions(0o755)).unwrap();
    writer.write_all(bootstrap.as_bytes()).unwrap();
    writer.finish().unwrap();
    out.into_inner()
}

const ROLE: &str = "arn:aws:iam::000000000000:role/run";

/// A role with a policy that Lambda and the scheduler can take, and a function of it.
async fn function(sandbox: &Sandbox, bootstrap: &str, policy: Value, timeout: i64) {
    let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"Service": ["lambda.amazonaws.com", "scheduler.amazonaws.com"]}}]});
    let form = |pairs: &[(&str, &str)]| {
        let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        pairs.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect::<Vec<_>>().join("&")
    };
    let (trust, policy) = (trust.to_string(), policy.to_string());
    let create = form(&[("Action", "CreateRole"), ("RoleName", "run"), ("AssumeRolePolicyDocument", &trust)]);
    assert_eq!(ask(sandbox, "AKID", "iam", "POST", "/", create.as_bytes()).await.0, 200);
    let put =
        form(&[("Action", "PutRolePolicy"), ("RoleName", "run"), ("PolicyName", "own"), ("PolicyDocument", &policy)]);
    assert_eq!(ask(sandbox, "AKID", "iam", "POST", "/", put.as_bytes()).await.0, 200);
    sandbox.clock().sleep(Duration::from_secs(11)).await;
    let body = json!({
        "FunctionName": "f", "Runtime": "provided.al2023", "Handler": "bootstrap", "Role": ROLE, "Timeout": timeout,
        "Code": {"ZipFile": STANDARD.encode(zip(bootstrap))}, "Environment": {"Variables": {"WORD": "hello"}},
    });
    let (status, made) = json_of(sandbox, "lambda", "POST", "/2015-03-31/functions", body).await;
    assert_eq!(status, 201, "{made}");
    // On a clock that runs, these seconds are over soon.
    if sandbox.status().speed <= 1.0 {
        let (status, early) = invoke(sandbox, "RequestResponse", json!({})).await;
        assert!(status == 409 && early.contains("Pending"), "{early}");
    }
    sandbox.clock().sleep(Duration::from_secs(5)).await;
}

async fn invoke(sandbox: &Sandbox, kind: &str, payload: Value) -> (u16, String) {
    let path = "/2015-03-31/functions/f/invocations";
    let headers = [("x-amz-invocation-type", kind)];
    let payload = payload.to_string();
    let (status, body, _) = ask_all(sandbox, "AKID", "lambda", "POST", path, payload.as_bytes(), &headers).await;
    (status, body)
}

async fn lines(sandbox: &Sandbox) -> Vec<String> {
    let objects = sandbox.objects();
    let streams = objects.iter().filter(|it| it.kind == "logs/stream" && it.id.starts_with("/aws/lambda/f"));
    let mut all: Vec<(i64, String)> = streams
        .flat_map(|it| it.value["events"].as_array().unwrap().clone())
        .map(|event| (event["at"].as_i64().unwrap(), event["message"].as_str().unwrap().to_owned()))
        .collect();
    all.sort_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, line)| line).collect()
}

fn everything() -> Value {
    json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}})
}

fn config(functions: Option<Arc<dyn Functions>>) -> SandboxConfig {
    let start = Some("2026-01-01T00:00:00Z".parse().unwrap());
    SandboxConfig { start, functions, ..SandboxConfig::default() }
}

async fn faked() -> (Sandbox, Arc<Fake>) {
    let fake = Arc::new(Fake::default());
    let functions: Arc<dyn Functions> = Arc::<Fake>::clone(&fake);
    let sandbox = Sandbox::open(config(Some(functions))).unwrap();
    *fake.sandbox.lock().unwrap() = Some(sandbox.clone());
    function(&sandbox, "", everything(), 900).await;
    (sandbox, fake)
}

#[tokio::test(start_paused = true)]
async fn who_invokes_gets_the_answer_of_a_function_that_asks_the_sandbox() {
    let (sandbox, fake) = faked().await;
    let (status, body) = invoke(&sandbox, "RequestResponse", json!({"n": 1})).await;
    assert_eq!(status, 200, "{body}");
    let who: Value = serde_json::from_str(&body).unwrap();
    let who = who["who"].as_str().unwrap();
    assert!(who.contains("arn:aws:sts::000000000000:assumed-role/run/f"), "{who}");
    let seen = fake.seen.lock().unwrap().clone();
    let (invocation, _) = &seen[0];
    assert_eq!((invocation.function.as_str(), &invocation.payload[..]), ("f", &b"{\"n\":1}"[..]));
    assert_eq!(invocation.environment["WORD"], "hello");
    assert_eq!(invocation.timeout, Duration::from_secs(900));
    let lines = lines(&sandbox).await;
    assert!(lines[0].starts_with("START RequestId: ") && lines[1..3] == ["one", "two"], "{lines:?}");
    assert!(lines[4].contains("Duration: 5000.00 ms"), "{lines:?}");
    // The session has ended with it.
    let ended =
        ask(&sandbox, &invocation.credentials.access_key, "sts", "POST", "/", b"Action=GetCallerIdentity").await;
    assert!(ended.0 == 403 && ended.1.contains("ExpiredToken"), "{ended:?}");
    // One change at a time.
    let update = |seconds: i64| {
        let path = "/2015-03-31/functions/f/configuration";
        json_of(&sandbox, "lambda", "PUT", path, json!({"Timeout": seconds}))
    };
    assert_eq!(update(30).await.1["LastUpdateStatus"], "InProgress");
    let (status, early) = update(31).await;
    assert!(status == 409 && early.to_string().contains("An update is in progress"), "{early}");
    sandbox.clock().sleep(Duration::from_secs(4)).await;
    assert_eq!(update(31).await.0, 200);
    let failed = invoke(&sandbox, "RequestResponse", json!({"fail": true})).await;
    assert_eq!(failed, (200, r#"{"errorMessage":"no","errorType":"Failed"}"#.to_owned()));
}

#[tokio::test(start_paused = true)]
async fn events_are_run_one_by_one_and_failures_three_times() {
    let (sandbox, fake) = faked().await;
    let attending = sandbox.clone();
    let attendant = tokio::spawn(async move { attending.attend().await });
    for n in 0..3 {
        assert_eq!(invoke(&sandbox, "Event", json!({"n": n})).await, (202, String::new()));
    }
    assert_eq!(invoke(&sandbox, "Event", json!({"fail": true})).await.0, 202);
    let start = sandbox.clock().now();
    sandbox.clock().sleep(Duration::from_secs(600)).await;
    let seen: Vec<(String, i64)> = fake
        .seen
        .lock()
        .unwrap()
        .iter()
        .map(|(it, at)| (String::from_utf8(it.payload.to_vec()).unwrap(), at.duration_since(start).as_secs()))
        .collect();
    let wanted = [
        (r#"{"n":0}"#, 0),
        (r#"{"n":1}"#, 5),
        (r#"{"n":2}"#, 10),
        (r#"{"fail":true}"#, 15),
        (r#"{"fail":true}"#, 80),
        (r#"{"fail":true}"#, 205),
    ];
    let wanted: Vec<(String, i64)> = wanted.iter().map(|(text, at)| ((*text).to_owned(), *at)).collect();
    assert_eq!(seen, wanted);
    assert_eq!(*fake.most.lock().unwrap(), 1);
    attendant.abort();
}

#[tokio::test(start_paused = true)]
async fn schedules_are_kept_by_the_clock() {
    let (sandbox, fake) = faked().await;
    let attending = sandbox.clone();
    let attendant = tokio::spawn(async move { attending.attend().await });
    let start = sandbox.clock().now();
    let schedule = |expression: String, name: &'static str, more: Value| {
        let sandbox = sandbox.clone();
        async move {
            let mut body = json!({"ScheduleExpression": expression, "FlexibleTimeWindow": {"Mode": "OFF"}, "Target": {
                "Arn": "arn:aws:lambda:us-east-1:000000000000:function:f", "RoleArn": ROLE,
                "Input": json!({"from": name}).to_string()}});
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let (status, made) = json_of(&sandbox, "scheduler", "POST", &format!("/schedules/{name}"), body).await;
            assert_eq!(status, 200, "{made}");
        }
    };
    let at =
        |seconds: i64| (start + jiff::SignedDuration::from_secs(seconds)).strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let until = start.as_second() + 3000;
    schedule("rate(15 minutes)".to_owned(), "rate", json!({"EndDate": until})).await;
    schedule(format!("at({})", at(1000)), "once", json!({"ActionAfterCompletion": "DELETE"})).await;
    schedule("rate(1 minute)".to_owned(), "off", json!({"State": "DISABLED"})).await;
    sandbox.clock().sleep(Duration::from_secs(10_000)).await;
    let seen: Vec<(String, i64)> = fake
        .seen
        .lock()
        .unwrap()
        .iter()
        .map(|(it, at)| {
            let event: Value = serde_json::from_slice(&it.payload).unwrap();
            (event["from"].as_str().unwrap().to_owned(), at.duration_since(start).as_secs())
        })
        .collect();
    let wanted = [("rate", 0), ("rate", 900), ("once", 1000), ("rate", 1800), ("rate", 2700)];
    let wanted: Vec<(String, i64)> = wanted.iter().map(|(name, at)| ((*name).to_owned(), *at)).collect();
    assert_eq!(seen, wanted);
    assert_eq!(json_of(&sandbox, "scheduler", "GET", "/schedules/once", Value::Null).await.0, 404);
    assert_eq!(json_of(&sandbox, "scheduler", "GET", "/schedules/rate", Value::Null).await.0, 200);
    attendant.abort();
}

#[tokio::test(start_paused = true)]
async fn without_functions_invocations_are_recorded() {
    let sandbox = Sandbox::open(config(None)).unwrap();
    function(&sandbox, "", everything(), 3).await;
    let (status, body) = invoke(&sandbox, "RequestResponse", json!({"n": 1})).await;
    assert!(status == 501 && body.contains("running functions"), "{body}");
    assert_eq!(invoke(&sandbox, "Event", json!({"n": 2})).await.0, 202);
    let mut said = lines(&sandbox).await;
    said.sort_by_key(|line| line.ends_with("Payload: {\"n\":2}"));
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].contains("was not run") && said[1].ends_with("Payload: {\"n\":2}"), "{said:?}");
}

/// A shell script that answers with the length of what it was called with, and what it finds around it.
const SCRIPT: &str = r#"#!/bin/sh
base="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
event=$(curl -s -D "$TMPDIR/headers" "$base/next")
id=$(tr -d '\r' < "$TMPDIR/headers" | sed -n 's/^lambda-runtime-aws-request-id: //p')
echo "called with $event"
case "$event" in
*sleep*) sleep 600 & exec sleep 600 ;;
*exit*) exit 3 ;;
esac
touch "$HOME/mine"
curl -s "$base/$id/response" -d "{\"word\": \"$WORD\", \"home\": \"$HOME\", \"url\": \"$AWS_ENDPOINT_URL\"}" > /dev/null
curl -s "$base/next" > /dev/null
"#;

#[tokio::test]
async fn processes_run_what_is_in_the_zip() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let functions: Arc<dyn Functions> = Arc::new(Processes::new(&url, 600.0).unwrap());
    let sandbox = Sandbox::open(SandboxConfig { speed: 600.0, ..config(Some(functions)) }).unwrap();
    let serving = tokio::spawn(serve(sandbox.clone(), listener));
    function(&sandbox, SCRIPT, everything(), 3).await;
    for _ in 0..2 {
        let (status, body) = invoke(&sandbox, "RequestResponse", json!({"n": 1})).await;
        let answer: Value = serde_json::from_str(&body).unwrap();
        assert!(status == 200 && answer["word"] == "hello" && answer["url"] == url, "{body}");
        let home = std::path::PathBuf::from(answer["home"].as_str().unwrap());
        assert!(!home.exists(), "what a run left behind is gone");
        assert!(home.parent().unwrap().exists());
    }
    let (_, body) = invoke(&sandbox, "RequestResponse", json!({"do": "exit"})).await;
    assert!(body.contains("Runtime.ExitError") && body.contains("exit status: 3"), "{body}");
    assert!(lines(&sandbox).await.iter().any(|line| line == "called with {\"n\":1}"));
    serving.abort();
}

#[tokio::test]
async fn a_process_that_takes_too_long_is_ended_with_its_children() {
    let short = Duration::from_secs(2);
    let functions: Arc<dyn Functions> = Arc::new(Processes::at_least("http://127.0.0.1:1", 600.0, short).unwrap());
    let sandbox = Sandbox::open(SandboxConfig { speed: 600.0, ..config(Some(functions)) }).unwrap();
    function(&sandbox, SCRIPT, everything(), 3).await;
    let (_, body) = invoke(&sandbox, "RequestResponse", json!({"do": "sleep"})).await;
    assert!(body.contains("Task timed out after 3.00 seconds"), "{body}");
}

#[tokio::test(start_paused = true)]
async fn functions_and_their_queues_outlive_a_process() {
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let fake = Arc::new(Fake::default());
        let functions: Arc<dyn Functions> = Arc::<Fake>::clone(&fake);
        let config = SandboxConfig { folder: Some(folder.path().to_owned()), ..config(Some(functions)) };
        let sandbox = Sandbox::open(config).unwrap();
        *fake.sandbox.lock().unwrap() = Some(sandbox.clone());
        (sandbox, fake)
    };
    {
        let (sandbox, fake) = open();
        function(&sandbox, "code", everything(), 900).await;
        assert_eq!(invoke(&sandbox, "Event", json!({"n": 1})).await.0, 202);
        // The fake holds the account that holds it.
        *fake.sandbox.lock().unwrap() = None;
    }
    let (sandbox, fake) = open();
    let attending = sandbox.clone();
    let attendant = tokio::spawn(async move { attending.attend().await });
    sandbox.clock().sleep(Duration::from_secs(60)).await;
    attendant.abort();
    let seen = fake.seen.lock().unwrap().clone();
    assert_eq!(seen.len(), 1);
    assert_eq!((&seen[0].0.payload[..], seen[0].0.code.to_vec()), (&b"{\"n\":1}"[..], zip("code")));
    assert_eq!(invoke(&sandbox, "RequestResponse", json!({})).await.0, 200);
    *fake.sandbox.lock().unwrap() = None;
}
