//! The journal in S3, against the sandbox: conditions, lost answers, refusals.
use crate::samples::*;
use dlinfra::{
    aws::{Aws, Options},
    blueprint,
    clock::Clock,
    journal::{
        self, Backend, Journal, JournalError, Lease, Place, Put, Request, S3Backend,
        lock::{self, Holder},
    },
};
use dlinfra_sandbox::{Behaviour, FaultAction, FaultRule, Sandbox, SandboxConfig};
use std::{path::Path, sync::Arc, time::Duration};

const SANDBOX_ACCOUNT: &str = "000000000000";

fn sandbox() -> Sandbox {
    let start = Some(time(0));
    Sandbox::open(SandboxConfig { start, behaviour: Behaviour::default(), ..SandboxConfig::default() }).unwrap()
}

async fn connect(sandbox: &Sandbox, region: &str) -> Aws {
    let clock = Clock::scaled(sandbox.clock().now(), 1);
    let http = Some(sandbox.http_client());
    Aws::connect(Options { region: region.into(), profile: None, endpoint_url: None, http, clock }).await
}

async fn own(sandbox: &Sandbox) -> Arc<S3Backend> {
    Arc::new(S3Backend::own(&connect(sandbox, "eu-west-1").await, SANDBOX_ACCOUNT, STACK))
}

#[tokio::test(start_paused = true)]
async fn the_bucket_is_made_once_private_versioned_and_encrypted() {
    let sandbox = sandbox();
    let backend = own(&sandbox).await;
    assert_eq!(backend.place(), format!("s3://dlinfra-{SANDBOX_ACCOUNT}-eu-west-1/journal/{STACK}/"));
    assert_eq!(backend.look().await.unwrap(), Place::ToBeMade);
    assert!(journal::read(&*backend).await.unwrap().is_empty());
    assert_eq!(sandbox.requests().mutating, 0, "looking makes nothing");
    backend.prepare().await.unwrap();
    let log = sandbox.requests();
    for call in [
        "s3:CreateBucket",
        "s3:PutPublicAccessBlock",
        "s3:PutBucketVersioning",
        "s3:PutBucketEncryption",
        "s3:PutBucketPolicy",
        "s3:PutBucketLifecycleConfiguration",
    ] {
        assert_eq!(log.count(call), 1, "{call}: {:?}", log.counts);
    }
    assert_eq!(backend.look().await.unwrap(), Place::There);
    let journal = Journal::open(backend.clone(), clock()).await.unwrap();
    journal.claim(STACK, SANDBOX_ACCOUNT, "eu-west-1").await.unwrap();
    let before = sandbox.requests().mutating;
    backend.prepare().await.unwrap();
    assert_eq!(sandbox.requests().mutating, before, "later commands only look");
}

/// Plain http is refused, old versions go, and what somebody else has set in the bucket stays.
#[tokio::test(start_paused = true)]
async fn the_bucket_refuses_plain_http_and_forgets_old_versions() {
    let sandbox = sandbox();
    let aws = connect(&sandbox, "eu-west-1").await;
    let bucket = format!("dlinfra-{SANDBOX_ACCOUNT}-eu-west-1");
    own(&sandbox).await.prepare().await.unwrap();
    let policy = || async { aws.s3().get_bucket_policy().bucket(&bucket).send().await.unwrap().policy.unwrap() };
    let made: serde_json::Value = serde_json::from_str(&policy().await).unwrap();
    let statement = &made["Statement"][0];
    assert_eq!((&statement["Effect"], &statement["Principal"]), (&"Deny".into(), &"*".into()));
    assert_eq!(statement["Condition"], serde_json::json!({ "Bool": { "aws:SecureTransport": "false" } }));
    let arn = format!("arn:aws:s3:::{bucket}");
    assert_eq!(statement["Resource"], serde_json::json!([arn, format!("{arn}/*")]));
    let rules = aws.s3().get_bucket_lifecycle_configuration().bucket(&bucket).send().await.unwrap().rules.unwrap();
    let days = rules[0].noncurrent_version_expiration.as_ref().unwrap().noncurrent_days;
    assert_eq!((rules.len(), days), (1, Some(90)));

    let own_policy = made.to_string().replace("OnlyEncryptedConnections", "Ours");
    aws.s3().put_bucket_policy().bucket(&bucket).policy(own_policy).send().await.unwrap();
    let other = S3Backend::own(&aws, SANDBOX_ACCOUNT, "another");
    other.prepare().await.unwrap();
    assert!(policy().await.contains("Ours"), "a policy that is there is kept");

    // Behind plain http stands an emulator, which such a policy would lock out.
    let plain = Options {
        region: "eu-west-2".into(),
        profile: None,
        endpoint_url: Some("http://127.0.0.1:1".into()),
        http: Some(sandbox.http_client()),
        clock: Clock::scaled(sandbox.clock().now(), 1),
    };
    let before = sandbox.requests().count("s3:PutBucketPolicy");
    S3Backend::own(&Aws::connect(plain).await, SANDBOX_ACCOUNT, STACK).prepare().await.unwrap();
    assert_eq!(sandbox.requests().count("s3:PutBucketPolicy"), before);
}

#[tokio::test(start_paused = true)]
async fn a_kill_between_bucket_and_settings_is_mended() {
    let sandbox = sandbox();
    sandbox.add_fault(FaultRule::new("s3:PutBucketVersioning", FaultAction::CutBefore).times(1000));
    let backend = own(&sandbox).await;
    assert!(matches!(backend.prepare().await, Err(JournalError::Unreachable { .. })));
    sandbox.set_faults(Vec::new());
    let before = sandbox.requests().count("s3:PutBucketVersioning");
    own(&sandbox).await.prepare().await.unwrap();
    assert_eq!(sandbox.requests().count("s3:PutBucketVersioning"), before + 1);
}

#[tokio::test(start_paused = true)]
async fn conditions_hold() {
    let sandbox = sandbox();
    let backend = own(&sandbox).await;
    backend.prepare().await.unwrap();
    let Put::Done(first) = backend.put_if_absent("lock.json", b"1").await.unwrap() else { panic!("taken") };
    assert_eq!(backend.put_if_absent("lock.json", b"2").await.unwrap(), Put::Taken);
    assert_eq!(
        backend.put_if_match("lock.json", b"2", "\"0123456789abcdef0123456789abcdef\"").await.unwrap(),
        Put::Taken
    );
    let Put::Done(second) = backend.put_if_match("lock.json", b"2", &first).await.unwrap() else { panic!("taken") };
    assert_eq!(backend.put_if_match("lock.json", b"3", &first).await.unwrap(), Put::Taken);
    let stored = backend.get("lock.json").await.unwrap().unwrap();
    assert_eq!((stored.bytes.as_slice(), stored.version), (b"2".as_slice(), second));
    assert_eq!(backend.get("nothing").await.unwrap(), None);
    assert_eq!(backend.put_if_match("nothing", b"3", &first).await.unwrap(), Put::Taken);
    for key in ["log/3", "log/1", "log/2", "fold/1"] {
        backend.put_if_absent(key, b"x").await.unwrap();
    }
    assert_eq!(backend.list("log/", "").await.unwrap(), ["log/1", "log/2", "log/3"]);
    assert_eq!(backend.list("log/", "log/1").await.unwrap(), ["log/2", "log/3"]);
    backend.remove("fold/1").await.unwrap();
    assert!(backend.list("fold/", "").await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_story_survives_cuts_and_throttles() {
    let sandbox = sandbox();
    let backend = own(&sandbox).await;
    backend.prepare().await.unwrap();
    sandbox.set_faults(vec![
        FaultRule::new("s3:PutObject", FaultAction::CutAfter).nth(2),
        FaultRule::new("s3:PutObject", FaultAction::CutBefore).nth(4),
        FaultRule::new("s3:PutObject", FaultAction::ErrorAfter { code: "InternalError".into(), status: 500 }).nth(6),
        FaultRule::new("s3:PutObject", FaultAction::Throttle).nth(8),
    ]);
    let journal = Journal::open(backend.clone(), clock()).await.unwrap();
    for batch in story() {
        journal.append_all(batch).await.unwrap();
    }
    assert_eq!(journal::read(&*backend).await.unwrap(), journal.memory());
    assert_eq!(journal.memory().next.number as usize, story().len() + 1);
}

#[tokio::test(start_paused = true)]
async fn two_writers_and_two_holders_over_s3() {
    let sandbox = sandbox();
    let (one, two) = (own(&sandbox).await, own(&sandbox).await);
    one.prepare().await.unwrap();
    let holder = |n: &str| Holder { name: n.into(), host: n.into(), command: "apply".into(), ci: None };
    let lease = Lease::acquire(Request::new(one.clone(), clock(), holder("ada"))).await.unwrap();
    let error = Lease::acquire(Request::new(two.clone(), clock(), holder("bob"))).await.unwrap_err();
    assert!(error.to_string().contains("ada"), "{error}");
    sandbox.add_fault(FaultRule::new("s3:PutObject", FaultAction::CutAfter).times(1));
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert_eq!(lease.lost(), None, "a renewal was executed, its answer lost");
    let first = Journal::open(one.clone(), clock()).await.unwrap();
    first.append(claim()).await.unwrap();
    let second = Journal::open(two.clone(), clock()).await.unwrap();
    first.append(run()).await.unwrap();
    assert!(matches!(second.append(run()).await, Err(JournalError::Conflict { .. })));
    lease.release().await.unwrap();
    assert!(!lock::status(&*two).await.unwrap().unwrap().held);
    Lease::acquire(Request::new(two.clone(), clock(), holder("bob"))).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_never_absence() {
    let sandbox = sandbox();
    let backend = own(&sandbox).await;
    backend.prepare().await.unwrap();
    for call in ["s3:ListObjectsV2", "s3:GetObject"] {
        sandbox.set_faults(vec![FaultRule::new(call, FaultAction::AccessDenied).times(100)]);
        let error = match call {
            "s3:GetObject" => backend.get("lock.json").await.unwrap_err(),
            _ => journal::read(&*backend).await.unwrap_err(),
        };
        assert!(matches!(error, JournalError::Denied { .. }), "{call}: {error}");
        assert!(error.help().contains("s3:"), "{}", error.help());
    }
    sandbox.set_faults(vec![FaultRule::new("s3:*", FaultAction::ExpiredToken).times(100)]);
    let error = journal::read(&*backend).await.unwrap_err();
    assert!(matches!(error, JournalError::Credentials { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_strangers_bucket_gets_no_record() {
    let sandbox = sandbox();
    let aws = connect(&sandbox, "us-east-1").await;
    S3Backend::own(&aws, SANDBOX_ACCOUNT, STACK).prepare().await.unwrap();
    // The same bucket name, expected in another account.
    let bucket = format!("dlinfra-{SANDBOX_ACCOUNT}-us-east-1");
    let foreign = S3Backend::named(&aws, "999999999999", STACK, &bucket, "x");
    assert!(matches!(foreign.prepare().await, Err(JournalError::Denied { .. })));
    assert!(matches!(foreign.put_if_absent("log/1", b"x").await, Err(JournalError::Denied { .. })));
    // A bucket that the author names must exist.
    let said = blueprint::Backend::S3 { bucket: "acme-ops".into(), prefix: "iac".into() };
    let backend = journal::backend(Some(&said), Path::new(".dlinfra"), &aws, SANDBOX_ACCOUNT, STACK);
    assert_eq!(backend.place(), format!("s3://acme-ops/iac/{SANDBOX_ACCOUNT}/us-east-1/{STACK}/"));
    for error in [backend.look().await.err(), backend.prepare().await.err(), journal::read(&*backend).await.err()] {
        assert_eq!(error, Some(JournalError::NoBucket { bucket: "acme-ops".into() }));
    }
}

#[tokio::test(start_paused = true)]
async fn the_guard_stops_changes_but_not_the_journal() {
    let sandbox = sandbox();
    let aws = connect(&sandbox, "us-east-1").await;
    let backend = Arc::new(S3Backend::own(&aws, SANDBOX_ACCOUNT, STACK));
    aws.gate().set_guard(Some(Arc::new(|| Some("the lease was lost: x".into()))));
    let refused = aws.ec2_once().create_vpc().cidr_block("10.0.0.0/16").send().await.map_err(dlinfra::aws::Error::from);
    assert_eq!(refused.unwrap_err().class, dlinfra::aws::ErrorClass::Stopped);
    backend.prepare().await.unwrap();
    let journal = Journal::open(backend, clock()).await.unwrap();
    journal.append(claim()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn only_the_version_that_was_seen_is_replaced() {
    use dlinfra::aws::objects::{Objects, Written};
    let sandbox = sandbox();
    let objects = Objects::new(connect(&sandbox, "us-east-1").await, SANDBOX_ACCOUNT, "dlinfra-objects");
    assert_eq!(objects.list("", "", 10).await.unwrap(), None);
    objects.make_bucket("aws").await.unwrap();
    objects.make_bucket("aws").await.unwrap();
    let Written::Done(first) = objects.put_if_absent("a", b"1").await.unwrap() else { panic!("taken") };
    let Written::Done(second) = objects.put_if_match("a", b"2", &first).await.unwrap() else { panic!("taken") };
    assert_eq!(objects.put_if_match("a", b"3", &first).await.unwrap(), Written::Refused);
    assert_eq!(objects.get("a").await.unwrap().unwrap().etag, second);
    objects.delete("a").await.unwrap();
    assert_eq!(objects.get("a").await.unwrap(), None);
    // A deleted object is absent, whatever older versions there are.
    assert!(matches!(objects.put_if_absent("a", b"3").await.unwrap(), Written::Done(_)));
    assert_eq!(objects.list("", "", 10).await.unwrap().unwrap(), ["a"]);
}
