//! The core: dispatch, transactions, faults, time and persistence, seen through raw requests.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::time::Duration;

use bytes::Bytes;
use dlinfra_sandbox::{Behaviour, Consistency, FaultAction, FaultRule, HandleOutcome, Sandbox, SandboxConfig};

fn config() -> SandboxConfig {
    SandboxConfig { start: Some("2026-01-01T00:00:00Z".parse().unwrap()), ..SandboxConfig::default() }
}

/// A signed form request; the answer's status and body, or `None` for a cut connection.
async fn try_call(sandbox: &Sandbox, service: &str, form: &str) -> Option<(u16, String)> {
    let scope = format!("AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/{service}/aws4_request, Signature=x");
    let request = http::Request::post("http://127.0.0.1:1/")
        .header("authorization", scope)
        .body(Bytes::from(form.to_owned()))
        .unwrap();
    match sandbox.handle(request).await {
        HandleOutcome::Response(response) => {
            Some((response.status().as_u16(), String::from_utf8(response.body().to_vec()).unwrap()))
        }
        HandleOutcome::Cut => None,
    }
}

async fn call(sandbox: &Sandbox, service: &str, form: &str) -> (u16, String) {
    try_call(sandbox, service, form).await.unwrap()
}

fn vpcs(sandbox: &Sandbox) -> usize {
    sandbox.status().objects.get("ec2/vpc").copied().unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn the_caller_is_the_sandbox_account() {
    let sandbox = Sandbox::open(config()).unwrap();
    let (status, body) = call(&sandbox, "sts", "Action=GetCallerIdentity&Version=2011-06-15").await;
    assert_eq!(status, 200);
    assert!(body.contains("arn:aws:iam::000000000000:user/sandbox"), "{body}");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_known_is_refused_by_name_and_changes_nothing() {
    let sandbox = Sandbox::open(config()).unwrap();
    let (status, body) = call(&sandbox, "ec2", "Action=CreateTimeMachine").await;
    assert!(status == 501 && body.contains("NotImplemented") && body.contains("CreateTimeMachine"), "{body}");
    let (status, body) = call(&sandbox, "ec2", "Action=CreateVpc&CidrBlock=10.0.0.0%2F16&Colour.Hue=red").await;
    assert!(status == 501 && body.contains("Colour.Hue"), "{body}");
    let (status, body) = call(&sandbox, "ec2", "Action=CreateVpc&CidrBlock=10.0.0.0%2F16&DryRun=true").await;
    assert!(status == 412 && body.contains("DryRunOperation"), "{body}");
    assert_eq!(vpcs(&sandbox), 0);
    let (status, body) = call(&sandbox, "chocolate", "Action=X").await;
    assert!(status == 501 && body.contains("chocolate"), "{body}");
    assert_eq!(sandbox.requests().total, 4);
}

#[tokio::test(start_paused = true)]
async fn a_new_object_is_hidden_for_its_window() {
    let behaviour = Behaviour {
        consistency: [("ec2".to_owned(), Consistency { describe: 60.0, reference: 0.0 })].into(),
        ..Behaviour::default()
    };
    let sandbox = Sandbox::open(SandboxConfig { behaviour, ..config() }).unwrap();
    let (_, body) = call(&sandbox, "ec2", "Action=CreateVpc&CidrBlock=10.0.0.0%2F16").await;
    let id = body.split("<vpcId>").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let by_id = format!("Action=DescribeVpcs&VpcId.1={id}");
    let (_, body) = call(&sandbox, "ec2", &by_id).await;
    assert!(body.contains("InvalidVpcID.NotFound"), "{body}");
    sandbox.clock().sleep(Duration::from_secs(60)).await;
    assert_eq!(call(&sandbox, "ec2", &by_id).await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn faults_strike_before_or_after_execution() {
    let sandbox = Sandbox::open(config()).unwrap();
    let create = "Action=CreateVpc&CidrBlock=10.0.0.0%2F16";
    sandbox.set_faults(vec![
        FaultRule::new("ec2:CreateVpc", FaultAction::CutBefore).nth(1),
        FaultRule::new("ec2:CreateVpc", FaultAction::CutAfter).nth(2),
        FaultRule::new("ec2:Create*", FaultAction::ErrorAfter { code: "InternalError".into(), status: 500 }).nth(3),
        FaultRule::new("*", FaultAction::Throttle).at_request(4),
        FaultRule::new("*", FaultAction::Latency { milliseconds: 5000 }).at_request(5),
    ]);
    assert_eq!(try_call(&sandbox, "ec2", create).await, None);
    assert_eq!(vpcs(&sandbox), 0);
    assert_eq!(try_call(&sandbox, "ec2", create).await, None);
    assert_eq!(vpcs(&sandbox), 1);
    let (status, body) = call(&sandbox, "ec2", create).await;
    assert!(status == 500 && body.contains("InternalError"), "{body}");
    assert_eq!(vpcs(&sandbox), 2);
    let (status, body) = call(&sandbox, "ec2", create).await;
    assert!(status == 503 && body.contains("RequestLimitExceeded"), "{body}");
    let before = sandbox.clock().now();
    assert_eq!(call(&sandbox, "ec2", create).await.0, 200);
    assert_eq!(sandbox.clock().now().duration_since(before).as_secs(), 5);
    let log = sandbox.requests();
    assert_eq!((log.total, log.mutating, log.count("ec2:CreateVpc")), (5, 5, 5));
    assert!(log.entries[1].cut && log.entries[1].status == 200);
}

#[tokio::test(start_paused = true)]
async fn requests_above_the_rate_are_throttled() {
    let sandbox = Sandbox::open(config()).unwrap();
    for _ in 0..50 {
        assert_eq!(call(&sandbox, "ec2", "Action=CreateVpc&CidrBlock=10.0.0.0%2F16").await.0, 200);
    }
    let (status, body) = call(&sandbox, "ec2", "Action=CreateVpc&CidrBlock=10.0.0.0%2F16").await;
    assert!(status == 503 && body.contains("RequestLimitExceeded"), "{body}");
    sandbox.clock().sleep(Duration::from_secs(1)).await;
    assert_eq!(call(&sandbox, "ec2", "Action=CreateVpc&CidrBlock=10.0.0.0%2F16").await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn an_account_outlives_its_process_and_a_torn_line() {
    let folder = tempfile::tempdir().unwrap();
    let config = || SandboxConfig { folder: Some(folder.path().to_owned()), lock_wait: Duration::ZERO, ..config() };
    let create = "Action=CreateVpc&CidrBlock=10.0.0.0%2F16&TagSpecification.1.ResourceType=vpc\
                  &TagSpecification.1.Tag.1.Key=a&TagSpecification.1.Tag.1.Value=b";
    let left = {
        let sandbox = Sandbox::open(config()).unwrap();
        assert!(matches!(Sandbox::open(config()), Err(dlinfra_sandbox::OpenError::Locked { .. })));
        call(&sandbox, "ec2", create).await;
        sandbox.clock().sleep(Duration::from_secs(100)).await;
        call(&sandbox, "ec2", create).await;
        sandbox.clock().now()
    };
    let log = folder.path().join("log.jsonl");
    let whole = std::fs::read(&log).unwrap();
    // A process that was killed while it wrote: the line that it did not finish was never acknowledged.
    std::fs::write(&log, [&whole[..], b"{\"seq\":9,\"t\""].concat()).unwrap();
    {
        let sandbox = Sandbox::open(config()).unwrap();
        assert_eq!(vpcs(&sandbox), 2);
        assert!(sandbox.clock().now() >= left, "time went backwards");
        let filter = "Action=DescribeVpcs&Filter.1.Name=tag%3Aa&Filter.1.Value.1=*";
        sandbox.clock().sleep(Duration::from_secs(2)).await;
        assert_eq!(call(&sandbox, "ec2", filter).await.1.matches("<vpcId>").count(), 2);
        call(&sandbox, "ec2", create).await;
    }
    {
        let sandbox = Sandbox::open(config()).unwrap();
        assert_eq!(vpcs(&sandbox), 3);
        sandbox.reset().unwrap();
        call(&sandbox, "ec2", create).await;
    }
    assert_eq!(vpcs(&Sandbox::open(config()).unwrap()), 1);
    std::fs::write(&log, b"rubbish\n").unwrap();
    assert!(matches!(Sandbox::open(config()), Err(dlinfra_sandbox::OpenError::Damaged { line: 1, .. })));
}

#[tokio::test(start_paused = true)]
async fn time_goes_on_where_it_was_left_also_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let config = || SandboxConfig { folder: Some(folder.path().to_owned()), lock_wait: Duration::ZERO, ..config() };
    let sandbox = Sandbox::open(config()).unwrap();
    call(&sandbox, "ec2", "Action=CreateVpc&CidrBlock=10.0.0.0%2F16").await;
    sandbox.clock().sleep(Duration::from_secs(2)).await;
    let seen = call(&sandbox, "ec2", "Action=DescribeVpcs&MaxResults=5").await.1;
    let (count, before) = (seen.matches("<vpcId>").count(), sandbox.clock().now());
    // Nothing is written at the end of a killed process.
    drop(sandbox);
    let sandbox = Sandbox::open(config()).unwrap();
    assert!(sandbox.clock().now() >= before, "{} < {before}", sandbox.clock().now());
    let seen = call(&sandbox, "ec2", "Action=DescribeVpcs&MaxResults=5").await.1;
    assert_eq!(seen.matches("<vpcId>").count(), count, "what was seen is seen");
    sandbox.clock().sleep(Duration::from_secs(3)).await;
    let before = sandbox.clock().now();
    sandbox.rest().unwrap();
    drop(sandbox);
    assert!(Sandbox::open(config()).unwrap().clock().now() >= before, "time without a request counts too");
}

/// What another version kept is not called damaged: nothing is wrong with the disk.
#[tokio::test(start_paused = true)]
async fn an_account_of_another_version_is_told_as_such() {
    use dlinfra_sandbox::OpenError;
    use sha2::{Digest, Sha256};
    let folder = tempfile::tempdir().unwrap();
    let config = || SandboxConfig { folder: Some(folder.path().to_owned()), lock_wait: Duration::ZERO, ..config() };
    let with_sum = |line: &str| {
        let rest = line.strip_prefix('{').unwrap();
        let sum: String = Sha256::digest(rest).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        format!("{{\"sum\":\"{sum}\",{rest}\n")
    };
    let line = |op: &str| {
        let time = "2026-01-01T00:00:00Z";
        format!(r#"{{"seq":1,"t":"{time}","w":"{time}","n":1,"ops":[{op}]}}"#)
    };
    let vpc = r#"{"k":"ec2/vpc","r":"us-east-1","i":"vpc-1","v":{"id":"vpc-1"}}"#;
    for (what, log) in [
        ("the first versions had no sums", line(vpc) + "\n"),
        ("a field is missing", with_sum(&line(vpc))),
        ("a kind is unknown", with_sum(&line(r#"{"k":"ec2/time-machine","r":"us-east-1","i":"x","v":{}}"#))),
        ("lines look otherwise", with_sum(r#"{"number":1,"changes":[]}"#)),
    ] {
        std::fs::write(folder.path().join("log.jsonl"), log).unwrap();
        match Sandbox::open(config()) {
            Err(error @ OpenError::OtherVersion { .. }) => {
                assert!(error.to_string().contains("another version"), "{error}");
            }
            other => panic!("{what}: {other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_damage_loses_a_part_of_an_account_in_silence() {
    use dlinfra_sandbox::OpenError;
    let folder = tempfile::tempdir().unwrap();
    let config = || SandboxConfig { folder: Some(folder.path().to_owned()), lock_wait: Duration::ZERO, ..config() };
    {
        let sandbox = Sandbox::open(config()).unwrap();
        for n in 0..4 {
            call(&sandbox, "ec2", &format!("Action=CreateVpc&CidrBlock=10.{n}.0.0%2F16")).await;
        }
    }
    let (log, head) = (folder.path().join("log.jsonl"), folder.path().join("head.json"));
    let (whole, number) = (std::fs::read(&log).unwrap(), std::fs::read(&head).unwrap());
    let lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
    assert!(lines.len() >= 4);
    let refused = |what: &str, bytes: &[u8]| {
        std::fs::write(&log, bytes).unwrap();
        assert!(matches!(Sandbox::open(config()), Err(OpenError::Damaged { .. })), "{what}");
        std::fs::write(&log, &whole).unwrap();
    };
    for at in 0..lines.len() {
        let without: Vec<u8> =
            lines.iter().enumerate().filter(|(n, _)| *n != at).flat_map(|(_, l)| *l).copied().collect();
        refused(&format!("without line {at}"), &without);
        let twice: Vec<u8> = lines.iter().enumerate().flat_map(|(n, l)| l.repeat(1 + usize::from(n == at))).collect();
        refused(&format!("line {at} twice"), &twice);
        refused(&format!("cut before line {at}"), &lines[..at].concat());
        refused(&format!("cut in line {at}"), &[&lines[..at].concat(), &lines[at][..lines[at].len() / 2]].concat());
    }
    for at in (0..whole.len()).step_by(7) {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        refused(&format!("byte {at}"), &changed);
    }
    std::fs::remove_file(&head).unwrap();
    assert!(matches!(Sandbox::open(config()), Err(OpenError::Damaged { .. })), "without the head");
    std::fs::write(&head, &number).unwrap();
    assert_eq!(vpcs(&Sandbox::open(config()).unwrap()), 4, "whole again");
}

#[tokio::test]
async fn files_are_their_owners_alone_and_no_links() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("sandbox");
    let config = || SandboxConfig { folder: Some(folder.clone()), lock_wait: Duration::ZERO, ..config() };
    let sandbox = Sandbox::open(config()).unwrap();
    call(&sandbox, "ec2", "Action=CreateVpc&CidrBlock=10.0.0.0%2F16").await;
    sandbox.reset().unwrap();
    drop(sandbox);
    assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    let mine = place.path().join("mine");
    std::fs::write(&mine, "mine").unwrap();
    for name in ["lock", "log.jsonl", "snapshot.json", "head.json"] {
        let file = folder.join(name);
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
        let kept = std::fs::read(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        symlink(&mine, &file).unwrap();
        let error = Sandbox::open(config()).unwrap_err().to_string();
        assert!(error.contains("is a link"), "{error}");
        assert_eq!(std::fs::read_to_string(&mine).unwrap(), "mine", "{name}");
        std::fs::remove_file(&file).unwrap();
        std::fs::write(&file, kept).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    Sandbox::open(config()).unwrap();
}

#[tokio::test]
async fn tags_that_no_answer_could_say_are_refused() {
    let sandbox = Sandbox::open(config()).unwrap();
    let create = "Action=CreateVpc&CidrBlock=10.0.0.0%2F16&TagSpecification.1.ResourceType=vpc\
                  &TagSpecification.1.Tag.1.Key=a&TagSpecification.1.Tag.1.Value=";
    for bad in ["%00", "x%1Bc", "%0B", "%EF%BF%BF"] {
        let (status, body) = call(&sandbox, "ec2", &format!("{create}{bad}")).await;
        assert!(status == 400 && body.contains("cannot stand in XML"), "{bad}: {status} {body}");
    }
    let before = vpcs(&sandbox);
    for good in ["tab%09", "%C3%A9", "%F0%9F%98%80"] {
        assert_eq!(call(&sandbox, "ec2", &format!("{create}{good}")).await.0, 200, "{good}");
    }
    assert_eq!(vpcs(&sandbox), before + 3);
}

#[tokio::test]
async fn a_page_in_a_browser_reaches_nothing() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let sandbox = Sandbox::open(config()).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(dlinfra_sandbox::serve(sandbox.clone(), listener));
    let status = async |path: &str, headers: &str| {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = format!("{path} HTTP/1.1\r\n{headers}Connection: close\r\nContent-Length: 0\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer.split(' ').nth(1).unwrap_or_default().to_owned()
    };
    for host in ["127.0.0.1:4566", "localhost:4566", "LOCALHOST", "[::1]:4566", "127.0.0.2"] {
        assert_eq!(status("POST /_sandbox/reset", &format!("Host: {host}\r\n")).await, "200", "{host}");
    }
    for host in [
        "evil.example:4566",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "10.0.0.1",
        "x.amazonaws.com",
        "x.localhost",
    ] {
        for path in ["POST /_sandbox/reset", "GET /_sandbox/status", "POST /_sandbox/faults"] {
            assert_eq!(status(path, &format!("Host: {host}\r\n")).await, "403", "{host} {path}");
        }
    }
    let ours = format!("Host: {address}\r\n");
    for page in [
        "Origin: http://evil.example\r\n",
        "Origin: null\r\n",
        "Origin: http://localhost:3000\r\n",
        "Sec-Fetch-Site: cross-site\r\n",
    ] {
        for path in ["POST /_sandbox/reset", "GET /_sandbox/requests", "GET /"] {
            assert_eq!(status(path, &format!("{ours}{page}")).await, "403", "{page} {path}");
        }
    }
    let same = format!("{ours}Origin: http://{address}\r\nSec-Fetch-Site: same-origin\r\n");
    assert_eq!(status("POST /_sandbox/reset", &same).await, "200");
    // AWS's own requests: the names that its clients use, and no others.
    let signed = "Authorization: AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/s3/aws4_request, Signature=x\r\n";
    for host in ["some-bucket.localhost:4566", "some-bucket.s3.amazonaws.com", "127.0.0.1:4566"] {
        assert_ne!(status("GET /", &format!("Host: {host}\r\n{signed}")).await, "403", "{host}");
    }
    assert_eq!(status("GET /", &format!("Host: evil.example\r\n{signed}")).await, "403");
    // Longer than anything that a client of AWS sends here.
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = format!("PUT /b/k HTTP/1.1\r\n{ours}{signed}Connection: close\r\nContent-Length: 99999999999\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let block = vec![0; 1 << 20];
    while stream.write_all(&block).await.is_ok() {}
    assert_eq!(sandbox.requests().count("s3:PutObject"), 0);
}

/// A connection that says nothing more holds nothing for long.
#[tokio::test(start_paused = true)]
async fn who_does_not_go_on_is_let_go() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let sandbox = Sandbox::open(config()).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(dlinfra_sandbox::serve(sandbox.clone(), listener));
    let half = format!("POST / HTTP/1.1\r\nHost: {address}\r\nContent-Length: 100\r\n\r\nAction=Create");
    for (begun, ends) in [("POST / HT", ""), (half.as_str(), "HTTP/1.1 408 ")] {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(begun.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let read = stream.read_to_string(&mut answer);
        tokio::time::timeout(std::time::Duration::from_secs(600), read).await.unwrap().unwrap();
        assert!(answer.starts_with(ends), "{answer}");
    }
    assert_eq!(vpcs(&sandbox), 0);
}

#[tokio::test]
async fn served_cuts_drop_the_socket() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let sandbox = Sandbox::open(config()).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(dlinfra_sandbox::serve(sandbox.clone(), listener));
    let exchange = async |text: &str| {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let form = "Action=CreateVpc&CidrBlock=10.0.0.0%2F16";
    let length = form.len();
    let request = format!(
        "POST / HTTP/1.1\r\nHost: ec2.eu-west-1.amazonaws.com\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=A/20260101/eu-west-1/ec2/aws4_request\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{form}"
    );
    assert!(exchange(&request).await.starts_with("HTTP/1.1 200"));
    sandbox.add_fault(FaultRule::new("ec2:*", FaultAction::CutAfter));
    assert_eq!(exchange(&request).await, "");
    assert_eq!(vpcs(&sandbox), 2);
    let status = exchange("GET /_sandbox/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    assert!(status.contains("\"ec2/vpc\":2"), "{status}");
}

#[tokio::test(start_paused = true)]
async fn cbor_is_spoken_with_those_who_speak_it() {
    let sandbox = Sandbox::open(config()).unwrap();
    let send = async |operation: &str, body: &'static [u8]| {
        let request = http::Request::post(format!("http://127.0.0.1:1/service/X/operation/{operation}"))
            .header("authorization", "AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/tagging/aws4_request")
            .header("smithy-protocol", "rpc-v2-cbor")
            .header("content-type", "application/cbor")
            .body(bytes::Bytes::from_static(body))
            .unwrap();
        match sandbox.handle(request).await {
            dlinfra_sandbox::HandleOutcome::Response(answer) => answer,
            dlinfra_sandbox::HandleOutcome::Cut => panic!("cut"),
        }
    };
    let answer = send("GetResources", b"\xa1\x70ResourcesPerPage\x05").await;
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["smithy-protocol"]),
        (200, &"rpc-v2-cbor".parse().unwrap())
    );
    assert_eq!(answer.headers()["content-type"], "application/cbor");
    assert_eq!(answer.body().as_ref(), b"\xa2\x6fPaginationToken\x60\x76ResourceTagMappingList\x80".as_slice());
    let refused = send("GetResources", b"\xa1\x70ResourcesPerPage\x18\x65").await;
    assert_eq!(refused.status().as_u16(), 400);
    assert!(refused.body().windows(25).any(|part| part == b"InvalidParameterException"), "{:?}", refused.body());
    assert_eq!(send("GetResources", b"\xff").await.status().as_u16(), 400);
    assert_eq!(send("TagResources", b"\xa0").await.status().as_u16(), 501);
}
