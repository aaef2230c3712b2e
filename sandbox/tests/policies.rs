//! What policies allow: a table of policies and requests, and requests that a function makes in the name of its role.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::needless_pass_by_value, reason = "rows of the table are made of what they are given")]

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use dlinfra_sandbox::{Answer, Functions, HandleOutcome, Invocation, Sandbox, SandboxConfig};
use serde_json::{Value, json};

/// Makes the requests that it is called with, each `[service, method, path, body]`, and answers what came of each.
#[derive(Debug, Default)]
struct Asker(Mutex<Option<Sandbox>>);

impl Functions for Asker {
    fn run(&self, invocation: Invocation) -> Pin<Box<dyn Future<Output = Answer> + Send>> {
        let sandbox = self.0.lock().unwrap().clone().unwrap();
        Box::pin(async move {
            let asked: Vec<[String; 4]> = serde_json::from_slice(&invocation.payload).unwrap();
            let mut said = Vec::new();
            for [service, method, path, body] in asked {
                said.push(ask(&sandbox, &invocation.credentials.access_key, &service, &method, &path, &body).await);
            }
            Answer { payload: json!(said).to_string().into(), ..Answer::default() }
        })
    }
}

async fn ask(sandbox: &Sandbox, key: &str, service: &str, method: &str, path: &str, body: &str) -> (u16, String) {
    let scope = format!("AWS4-HMAC-SHA256 Credential={key}/20260101/us-east-1/{service}/aws4_request, Signature=x");
    let target = match service {
        "fsx" => "AWSSimbaAPIService_v20180301.",
        "logs" => "Logs_20140328.",
        _ => "",
    };
    // JSON protocols say the operation in a header: here before the body.
    let (target, body) = match body.split_once(' ').filter(|_| !target.is_empty()) {
        Some((operation, body)) => (format!("{target}{operation}"), body),
        None => (String::new(), body),
    };
    let request = http::Request::builder()
        .method(method)
        .uri(format!("http://127.0.0.1:1{path}"))
        .header("authorization", scope)
        .header(if target.is_empty() { "accept" } else { "x-amz-target" }, target)
        .body(Bytes::from(body.to_owned()))
        .unwrap();
    match sandbox.handle(request).await {
        HandleOutcome::Response(response) => {
            (response.status().as_u16(), String::from_utf8(response.body().to_vec()).unwrap())
        }
        HandleOutcome::Cut => panic!("the connection was cut"),
    }
}

fn form(pairs: &[(&str, &str)]) -> String {
    let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    pairs.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect::<Vec<_>>().join("&")
}

async fn iam(sandbox: &Sandbox, pairs: &[(&str, &str)]) -> String {
    let (status, body) = ask(sandbox, "AKID", "iam", "POST", "/", &form(pairs)).await;
    assert_eq!(status, 200, "{body}");
    body
}

/// A sandbox with the role `run`, which has no policies.
async fn with_role() -> (Sandbox, Arc<Asker>) {
    let asker = Arc::new(Asker::default());
    let functions: Arc<dyn Functions> = Arc::<Asker>::clone(&asker);
    let start = Some("2026-01-01T00:00:00Z".parse().unwrap());
    let config = SandboxConfig { start, functions: Some(functions), ..SandboxConfig::default() };
    let sandbox = Sandbox::open(config).unwrap();
    *asker.0.lock().unwrap() = Some(sandbox.clone());
    let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"Service": ["lambda.amazonaws.com", "ec2.amazonaws.com"]}}]});
    let trust = trust.to_string();
    iam(&sandbox, &[("Action", "CreateRole"), ("RoleName", "run"), ("AssumeRolePolicyDocument", &trust)]).await;
    (sandbox, asker)
}

fn allow(action: &str, resource: &str) -> Value {
    json!({"Effect": "Allow", "Action": action, "Resource": resource})
}

fn when(operator: &str, key: &str, value: Value) -> Value {
    json!([{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {operator: {key: value}}}])
}

fn denied_when(operator: &str, key: &str, value: Value) -> Value {
    let condition = json!({operator: {key: value}});
    json!([allow("*", "*"), {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition}])
}

const VPC: &str = "arn:aws:ec2:us-east-1:000000000000:vpc/vpc-1";
const KEY: &str = "aws:ResourceTag/team";

/// Statements, action, resource, what is known of the request, and the decision.
type Row<'a> = (Value, &'a str, &'a str, Vec<(&'a str, Vec<String>)>, &'a str);

#[tokio::test(start_paused = true)]
#[allow(clippy::too_many_lines, reason = "a table")]
async fn policies_decide() {
    let (sandbox, _) = with_role().await;
    let team = |value: &str| vec![(KEY, vec![value.to_owned()])];
    let keys = |all: &[&str]| vec![("aws:TagKeys", all.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>())];
    let none = Vec::new;
    let (yes, no, never) = ("allowed", "implicitDeny", "explicitDeny");
    let rows: Vec<Row<'_>> = vec![
        // Nothing is allowed that no statement allows.
        (json!([]), "ec2:DeleteVpc", VPC, none(), no),
        (json!([allow("ec2:DeleteVpc", "*")]), "ec2:DeleteVpc", VPC, none(), yes),
        (json!([allow("EC2:deletevpc", "*")]), "ec2:DeleteVpc", VPC, none(), yes),
        (json!([allow("ec2:Delete*", "*")]), "ec2:DeleteVpc", VPC, none(), yes),
        (json!([allow("ec2:DeleteVp?", "*")]), "ec2:DeleteVpc", VPC, none(), yes),
        (json!([allow("ec2:DeleteVp?", "*")]), "ec2:DeleteVpcEndpoints", VPC, none(), no),
        (json!([allow("ec2:DeleteSubnet", "*")]), "ec2:DeleteVpc", VPC, none(), no),
        // Resources.
        (json!([allow("ec2:*", VPC)]), "ec2:DeleteVpc", VPC, none(), yes),
        (json!([allow("ec2:*", "arn:aws:ec2:*:*:vpc/*")]), "ec2:DeleteVpc", VPC, none(), yes),
        (json!([allow("ec2:*", "arn:aws:ec2:*:*:vpc/*")]), "ec2:DescribeVpcs", "*", none(), no),
        (json!([allow("s3:*", "arn:aws:s3:::b")]), "s3:GetObject", "arn:aws:s3:::b/k", none(), no),
        (json!([allow("s3:*", "arn:aws:s3:::b/*")]), "s3:GetObject", "arn:aws:s3:::b/x/y", none(), yes),
        (json!([allow("s3:*", "arn:aws:s3:::B/*")]), "s3:GetObject", "arn:aws:s3:::b/x", none(), no),
        // What is denied stays denied, in any order.
        (
            json!([{"Effect": "Deny", "Action": "ec2:*", "Resource": "*"}, allow("*", "*")]),
            "ec2:DeleteVpc",
            VPC,
            none(),
            never,
        ),
        (
            json!([allow("*", "*"), {"Effect": "Deny", "Action": "ec2:*", "Resource": "*"}]),
            "ec2:DeleteVpc",
            VPC,
            none(),
            never,
        ),
        (
            json!([allow("*", "*"), {"Effect": "Deny", "NotAction": "ec2:*", "Resource": "*"}]),
            "ec2:DeleteVpc",
            VPC,
            none(),
            yes,
        ),
        (
            json!([allow("*", "*"), {"Effect": "Deny", "NotAction": "ec2:*", "Resource": "*"}]),
            "s3:GetObject",
            VPC,
            none(),
            never,
        ),
        (json!([{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}]), "iam:CreateUser", "*", none(), no),
        (json!([{"Effect": "Allow", "NotAction": ["iam:*"], "Resource": "*"}]), "ec2:DeleteVpc", VPC, none(), yes),
        (
            json!([{"Effect": "Allow", "Action": "s3:*", "NotResource": "arn:aws:s3:::secret/*"}]),
            "s3:GetObject",
            "arn:aws:s3:::b/k",
            none(),
            yes,
        ),
        (
            json!([{"Effect": "Allow", "Action": "s3:*", "NotResource": "arn:aws:s3:::secret/*"}]),
            "s3:GetObject",
            "arn:aws:s3:::secret/k",
            none(),
            no,
        ),
        // Conditions with a value, another one, and none.
        (when("StringEquals", KEY, json!("a")), "ec2:DeleteVpc", VPC, team("a"), yes),
        (when("StringEquals", KEY, json!(["b", "a"])), "ec2:DeleteVpc", VPC, team("a"), yes),
        (when("StringEquals", "AWS:resourcetag/TEAM", json!("a")), "ec2:DeleteVpc", VPC, team("a"), yes),
        (when("StringEquals", KEY, json!("A")), "ec2:DeleteVpc", VPC, team("a"), no),
        (when("StringEqualsIgnoreCase", KEY, json!("A")), "ec2:DeleteVpc", VPC, team("a"), yes),
        (when("StringEquals", KEY, json!("a*")), "ec2:DeleteVpc", VPC, team("ab"), no),
        (when("StringLike", KEY, json!("a*")), "ec2:DeleteVpc", VPC, team("ab"), yes),
        (when("StringEquals", KEY, json!("a")), "ec2:DeleteVpc", VPC, none(), no),
        (when("StringEqualsIfExists", KEY, json!("a")), "ec2:DeleteVpc", VPC, none(), yes),
        (when("StringEqualsIfExists", KEY, json!("a")), "ec2:DeleteVpc", VPC, team("b"), no),
        (when("StringNotEquals", KEY, json!("a")), "ec2:DeleteVpc", VPC, none(), yes),
        (when("StringNotEquals", KEY, json!(["a", "b"])), "ec2:DeleteVpc", VPC, team("b"), no),
        (when("StringNotLike", KEY, json!("a*")), "ec2:DeleteVpc", VPC, team("ab"), no),
        (denied_when("StringNotEquals", KEY, json!("a")), "ec2:DeleteVpc", VPC, none(), never),
        (denied_when("StringNotEqualsIfExists", KEY, json!("a")), "ec2:DeleteVpc", VPC, none(), never),
        (denied_when("StringNotEquals", KEY, json!("a")), "ec2:DeleteVpc", VPC, team("a"), yes),
        (when("Null", KEY, json!("true")), "ec2:DeleteVpc", VPC, none(), yes),
        (when("Null", KEY, json!(false)), "ec2:DeleteVpc", VPC, none(), no),
        (when("Null", KEY, json!("false")), "ec2:DeleteVpc", VPC, team("a"), yes),
        (
            when("Bool", "aws:SecureTransport", json!(true)),
            "s3:GetObject",
            "*",
            vec![("aws:SecureTransport", vec!["true".to_owned()])],
            yes,
        ),
        (
            when("Bool", "aws:SecureTransport", json!("true")),
            "s3:GetObject",
            "*",
            vec![("aws:SecureTransport", vec!["false".to_owned()])],
            no,
        ),
        // Sets: all of nothing is met, any of nothing is not.
        (
            when("ForAllValues:StringEquals", "aws:TagKeys", json!(["a", "b"])),
            "ec2:CreateTags",
            VPC,
            keys(&["a", "b"]),
            yes,
        ),
        (
            when("ForAllValues:StringEquals", "aws:TagKeys", json!(["a", "b"])),
            "ec2:CreateTags",
            VPC,
            keys(&["a", "c"]),
            no,
        ),
        (when("ForAllValues:StringEquals", "aws:TagKeys", json!(["a"])), "ec2:CreateTags", VPC, none(), yes),
        (when("ForAnyValue:StringEquals", "aws:TagKeys", json!(["a"])), "ec2:CreateTags", VPC, keys(&["a", "c"]), yes),
        (when("ForAnyValue:StringEquals", "aws:TagKeys", json!(["a"])), "ec2:CreateTags", VPC, none(), no),
        (
            when("ForAnyValue:StringLike", "aws:TagKeys", json!("dlinfra:*")),
            "ec2:CreateTags",
            VPC,
            keys(&["x", "dlinfra:v"]),
            yes,
        ),
        (
            denied_when("ForAnyValue:StringLike", "aws:TagKeys", json!("dlinfra:*")),
            "ec2:CreateTags",
            VPC,
            keys(&["dlinfra:v"]),
            never,
        ),
        // ARNs are compared part by part.
        (
            when("ArnLike", "aws:PrincipalArn", json!("arn:aws:iam::*:role/run*")),
            "sqs:SendMessage",
            "*",
            vec![("aws:PrincipalArn", vec!["arn:aws:iam::1:role/runner".to_owned()])],
            yes,
        ),
        (
            when("ArnLike", "aws:SourceArn", json!("arn:aws:*:topic")),
            "sqs:SendMessage",
            "*",
            vec![("aws:SourceArn", vec!["arn:aws:sns:r:1:topic".to_owned()])],
            no,
        ),
        (
            when("ArnEquals", "aws:SourceArn", json!("arn:aws:sns:*:*:topic")),
            "sqs:SendMessage",
            "*",
            vec![("aws:SourceArn", vec!["arn:aws:sns:r:1:topic".to_owned()])],
            yes,
        ),
        (
            when("StringEquals", "iam:PassedToService", json!("lambda.amazonaws.com")),
            "iam:PassRole",
            "arn:aws:iam::000000000000:role/r",
            vec![("iam:PassedToService", vec!["ec2.amazonaws.com".to_owned()])],
            no,
        ),
        // All operators and all keys of a condition must hold.
        (
            json!([{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {
            "StringEquals": {KEY: "a"}, "Null": {"aws:TagKeys": "true"}}}]),
            "ec2:DeleteVpc",
            VPC,
            team("a"),
            yes,
        ),
        (
            json!([{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {
            "StringEquals": {KEY: "a", "aws:RequestTag/x": "y"}}}]),
            "ec2:DeleteVpc",
            VPC,
            team("a"),
            no,
        ),
        // Variables have the values of keys.
        (
            json!([allow("s3:*", "arn:aws:s3:::b/${aws:ResourceTag/team}/*")]),
            "s3:GetObject",
            "arn:aws:s3:::b/a/k",
            team("a"),
            yes,
        ),
        (json!([allow("s3:*", "arn:aws:s3:::b/${aws:username}/*")]), "s3:GetObject", "arn:aws:s3:::b/a/k", none(), no),
        // What is not simulated does not match.
        (
            when("DateLessThan", "aws:CurrentTime", json!("2030-01-01T00:00:00Z")),
            "s3:GetObject",
            "*",
            vec![("aws:CurrentTime", vec!["2026-01-01T00:00:00Z".to_owned()])],
            no,
        ),
    ];
    assert!(rows.len() >= 25);
    for (statements, action, resource, context, wanted) in rows {
        let wrapped = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
        let mut pairs = vec![
            ("Action".to_owned(), "SimulatePrincipalPolicy".to_owned()),
            ("PolicySourceArn".to_owned(), "arn:aws:iam::000000000000:role/run".to_owned()),
            ("ActionNames.member.1".to_owned(), action.to_owned()),
            ("ResourceArns.member.1".to_owned(), resource.to_owned()),
        ];
        if statements != json!([]) {
            pairs.push(("PolicyInputList.member.1".to_owned(), wrapped.clone()));
        }
        for (at, (key, values)) in context.iter().enumerate() {
            let entry = format!("ContextEntries.member.{}", at + 1);
            pairs.push((format!("{entry}.ContextKeyName"), (*key).to_owned()));
            pairs.push((format!("{entry}.ContextKeyType"), "stringList".to_owned()));
            for (at, value) in values.iter().enumerate() {
                pairs.push((format!("{entry}.ContextKeyValues.member.{}", at + 1), value.clone()));
            }
        }
        // As fast as the table goes, IAM would not take it.
        sandbox.clock().sleep(Duration::from_secs(1)).await;
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let body = iam(&sandbox, &pairs).await;
        let found = body.split("<EvalDecision>").nth(1).unwrap().split('<').next().unwrap();
        assert_eq!(found, wanted, "{action} on {resource} with {context:?} by {wrapped}");
    }
}

/// A function of the role `run` with this policy, and what comes of the requests that it makes.
async fn made(sandbox: &Sandbox, statements: Value, requests: &[(&str, &str, &str, &str)]) -> Vec<(u16, String)> {
    let policy = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    let put = [("Action", "PutRolePolicy"), ("RoleName", "run"), ("PolicyName", "own"), ("PolicyDocument", &policy)];
    iam(sandbox, &put).await;
    sandbox.clock().sleep(Duration::from_secs(11)).await;
    let zip = {
        use base64::Engine as _;
        let mut out = std::io::Cursor::new(Vec::new());
        let mut writer = zip::ZipWriter::new(&mut out);
        writer.start_file("bootstrap", zip::write::SimpleFileOptions::default()).unwrap();
        writer.finish().unwrap();
        base64::engine::general_purpose::STANDARD.encode(out.into_inner())
    };
    let body = json!({"FunctionName": "f", "Runtime": "provided.al2023", "Handler": "x", "Code": {"ZipFile": zip},
        "Role": "arn:aws:iam::000000000000:role/run"});
    ask(sandbox, "AKID", "lambda", "POST", "/2015-03-31/functions", &body.to_string()).await;
    sandbox.clock().sleep(Duration::from_secs(5)).await;
    let payload = json!(requests.iter().map(|(a, b, c, d)| [a, b, c, d]).collect::<Vec<_>>()).to_string();
    let (status, body) = ask(sandbox, "AKID", "lambda", "POST", "/2015-03-31/functions/f/invocations", &payload).await;
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap_or_else(|_| panic!("{body}"))
}

async fn vpc(sandbox: &Sandbox, tag: &str) -> String {
    let body = format!(
        "Action=CreateVpc&CidrBlock=10.0.0.0%2F16&TagSpecification.1.ResourceType=vpc&TagSpecification.1.Tag.1.Key=team\
         &TagSpecification.1.Tag.1.Value={tag}"
    );
    let (status, body) = ask(sandbox, "AKID", "ec2", "POST", "/", &body).await;
    assert_eq!(status, 200, "{body}");
    body.split("<vpcId>").nth(1).unwrap().split('<').next().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_role_may_delete_what_has_its_tag() {
    let (sandbox, _asker) = with_role().await;
    let (own, other) = (vpc(&sandbox, "a").await, vpc(&sandbox, "b").await);
    let bound = json!([
        {"Effect": "Allow", "Action": "ec2:Delete*", "Resource": "*", "Condition": {"StringEquals": {KEY: "a"}}},
        allow("ec2:Describe*", "*"),
    ]);
    let delete = |id: &str, dry: &str| format!("Action=DeleteVpc&VpcId={id}{dry}");
    let (dry_own, dry_other) = (delete(&own, "&DryRun=true"), delete(&other, "&DryRun=true"));
    let (own, other) = (delete(&own, ""), delete(&other, ""));
    let said = made(
        &sandbox,
        bound,
        &[
            ("ec2", "POST", "/", "Action=DescribeVpcs"),
            ("ec2", "POST", "/", &dry_own),
            ("ec2", "POST", "/", &dry_other),
            ("ec2", "POST", "/", &other),
            ("ec2", "POST", "/", &own),
            ("ec2", "POST", "/", "Action=CreateVpc&CidrBlock=10.0.0.0%2F16"),
            ("sts", "POST", "/", "Action=GetCallerIdentity"),
        ],
    )
    .await;
    assert_eq!(said[0].0, 200, "{said:?}");
    assert!(said[1].1.contains("DryRunOperation") && said[2].1.contains("UnauthorizedOperation"), "{said:?}");
    let refusal = &said[3].1;
    assert!(said[3].0 == 403 && refusal.contains("UnauthorizedOperation"), "{refusal}");
    let words = "User: arn:aws:sts::000000000000:assumed-role/run/f is not authorized to perform: ec2:DeleteVpc on \
                 resource: arn:aws:ec2:us-east-1:000000000000:vpc/vpc-";
    assert!(refusal.contains(words), "{refusal}");
    assert!(refusal.contains("because no identity-based policy allows the ec2:DeleteVpc action"), "{refusal}");
    assert_eq!(said[4].0, 200, "{said:?}");
    assert!(said[5].0 == 403 && said[5].1.contains(":vpc/*"), "{said:?}");
    assert_eq!(said[6].0, 200, "{said:?}");
}

#[tokio::test(start_paused = true)]
async fn names_and_arns_are_what_policies_say() {
    let (sandbox, _asker) = with_role().await;
    let statements = json!([
        allow("s3:ListBucket", "arn:aws:s3:::mine"),
        {"Effect": "Allow", "Action": "s3:CreateBucket", "Resource": "arn:aws:s3:::mine*"},
        {"Effect": "Allow", "Action": ["s3:PutObject", "s3:DeleteObject"], "Resource": "arn:aws:s3:::mine/runs/*"},
        allow("logs:*", "arn:aws:logs:us-east-1:000000000000:log-group:/mine/*"),
        allow("lambda:Get*", "arn:aws:lambda:*:*:function:f"),
        {"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*",
            "Condition": {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}},
        allow("iam:*InstanceProfile", "*"),
        {"Effect": "Deny", "Action": "iam:DeleteInstanceProfile", "Resource": "*"},
        {"Effect": "Allow", "Action": "ec2:DeleteVpc", "Resource": "*",
            "Condition": {"NumericLessThan": {"aws:MultiFactorAuthAge": "1"}}},
    ]);
    let said = made(
        &sandbox,
        statements,
        &[
            ("s3", "PUT", "/mine", ""),
            ("s3", "PUT", "/other", ""),
            ("s3", "GET", "/mine?list-type=2", ""),
            ("s3", "PUT", "/mine/runs/1", "x"),
            ("s3", "PUT", "/mine/other", "x"),
            ("s3", "GET", "/mine/runs/1", ""),
            ("s3", "GET", "/", ""),
            ("logs", "POST", "/", "CreateLogGroup {\"logGroupName\": \"/mine/a\"}"),
            ("logs", "POST", "/", "CreateLogGroup {\"logGroupName\": \"/yours\"}"),
            ("lambda", "GET", "/2015-03-31/functions/f", ""),
            ("lambda", "POST", "/2015-03-31/functions/f/invocations", "[]"),
            ("iam", "POST", "/", "Action=CreateInstanceProfile&InstanceProfileName=p"),
            ("iam", "POST", "/", "Action=AddRoleToInstanceProfile&InstanceProfileName=p&RoleName=run"),
            ("iam", "POST", "/", "Action=DeleteInstanceProfile&InstanceProfileName=p"),
            ("ec2", "POST", "/", "Action=DeleteVpc&VpcId=vpc-01234567"),
        ],
    )
    .await;
    let statuses: Vec<u16> = said.iter().map(|(status, _)| *status).collect();
    assert_eq!(statuses, [200, 403, 200, 200, 403, 403, 403, 200, 400, 200, 403, 200, 403, 403, 403], "{said:#?}");
    assert!(said[1].1.contains("<Code>AccessDenied</Code>") && said[1].1.contains("arn:aws:s3:::other"), "{said:?}");
    assert!(said[6].1.contains("s3:ListAllMyBuckets on resource: *"), "{said:?}");
    assert!(said[8].1.contains("AccessDeniedException"), "{said:?}");
    assert!(said[10].1.contains("lambda:InvokeFunction on resource: arn:aws:lambda"), "{said:?}");
    assert!(said[12].1.contains("iam:PassRole"), "{said:?}");
    assert!(said[13].1.contains("with an explicit deny in an identity-based policy"), "{said:?}");
    assert!(said[14].1.contains("does not simulate aws:MultiFactorAuthAge"), "{said:?}");
}

#[tokio::test(start_paused = true)]
async fn without_a_policy_nothing_is_logged() {
    let (sandbox, _asker) = with_role().await;
    made(&sandbox, json!([allow("sqs:*", "*")]), &[]).await;
    assert!(!sandbox.objects().iter().any(|it| it.kind.starts_with("logs/")));
    assert!(sandbox.objects().iter().any(|it| it.kind == "monitoring/metric"));
}

#[tokio::test(start_paused = true)]
async fn what_is_made_is_bound_by_the_tags_that_it_gets() {
    let (sandbox, _asker) = with_role().await;
    let statements = json!([
        {"Effect": "Allow", "Action": "ec2:CreateVpc", "Resource": "arn:aws:ec2:*:*:vpc/*",
            "Condition": {"StringEquals": {"aws:RequestTag/team": "a"}}},
        {"Effect": "Allow", "Action": "ec2:CreateTags", "Resource": "arn:aws:ec2:*:*:vpc/*",
            "Condition": {"StringEquals": {"ec2:CreateAction": "CreateVpc"}}},
        {"Effect": "Allow", "Action": ["s3:DeleteObject", "s3:PutObject"], "Resource": "arn:aws:s3:::mine/*"},
    ]);
    let create = |value: &str| {
        format!(
            "Action=CreateVpc&CidrBlock=10.0.0.0%2F16&TagSpecification.1.ResourceType=vpc\
             &TagSpecification.1.Tag.1.Key=team&TagSpecification.1.Tag.1.Value={value}"
        )
    };
    let (own, other, there) = (create("a"), create("b"), vpc(&sandbox, "a").await);
    let retag = format!("Action=CreateTags&ResourceId.1={there}&Tag.1.Key=x&Tag.1.Value=y");
    assert_eq!(ask(&sandbox, "AKID", "s3", "PUT", "/mine", "").await.0, 200);
    let delete = |more: &str| format!("<Delete><Object><Key>k</Key>{more}</Object></Delete>");
    let (plain, version) = (delete(""), delete("<VersionId>null</VersionId>"));
    let said = made(
        &sandbox,
        statements,
        &[
            ("ec2", "POST", "/", &own),
            ("ec2", "POST", "/", &other),
            ("ec2", "POST", "/", "Action=CreateVpc&CidrBlock=10.0.0.0%2F16"),
            ("ec2", "POST", "/", &retag),
            ("s3", "PUT", "/mine/k", "x"),
            ("s3", "POST", "/mine?delete", &plain),
            ("s3", "POST", "/mine?delete", &version),
        ],
    )
    .await;
    let statuses: Vec<u16> = said.iter().map(|(status, _)| *status).collect();
    // The deletions that are allowed come without a check sum, which S3 wants.
    assert_eq!(statuses, [200, 403, 403, 403, 200, 400, 403], "{said:#?}");
    assert!(said[3].1.contains("ec2:CreateTags on resource: arn:aws:ec2:us-east-1:000000000000:vpc/vpc-"), "{said:?}");
    assert!(said[6].1.contains("s3:DeleteObjectVersion on resource: arn:aws:s3:::mine/k"), "{said:?}");
}
