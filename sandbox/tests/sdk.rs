//! The real SDK through the in-process client: its serialisation, retries, errors and waits.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use aws_sdk_fsx::config::retry::RetryConfig;
use aws_sdk_fsx::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_fsx::error::ProvideErrorMetadata;
use aws_sdk_fsx::types::FileSystemType;
use dlinfra_sandbox::{FaultAction, FaultRule, Sandbox, SandboxConfig};

fn fsx(sandbox: &Sandbox, attempts: u32) -> aws_sdk_fsx::Client {
    let config = aws_sdk_fsx::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::new("AKID", "secret", None, None, "test"))
        .http_client(sandbox.http_client())
        .retry_config(RetryConfig::standard().with_max_attempts(attempts))
        .build();
    aws_sdk_fsx::Client::from_conf(config)
}

#[tokio::test(start_paused = true)]
async fn queries_and_their_answers() {
    let sandbox = Sandbox::open(SandboxConfig::default()).unwrap();
    let config = aws_sdk_sts::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::new("AKID", "secret", None, None, "test"))
        .http_client(sandbox.http_client())
        .build();
    let identity = aws_sdk_sts::Client::from_conf(config).get_caller_identity().send().await.unwrap();
    assert_eq!(identity.account(), Some("000000000000"));
}

#[tokio::test(start_paused = true)]
async fn errors_keep_their_codes() {
    let sandbox = Sandbox::open(SandboxConfig::default()).unwrap();
    let client = fsx(&sandbox, 1);
    let error = client.describe_file_systems().file_system_ids("fs-00000001").send().await.unwrap_err();
    assert!(error.as_service_error().unwrap().is_file_system_not_found(), "{error:?}");
    let error = client
        .create_file_system()
        .file_system_type(FileSystemType::Windows)
        .subnet_ids("subnet-00000001")
        .send()
        .await
        .unwrap_err();
    assert_eq!(error.as_service_error().unwrap().code(), Some("NotImplemented"));
}

#[tokio::test(start_paused = true)]
async fn cut_connections_and_throttling_are_retried_by_the_sdk() {
    let sandbox = Sandbox::open(SandboxConfig::default()).unwrap();
    sandbox.set_faults(vec![
        FaultRule::new("fsx:*", FaultAction::CutAfter).nth(1),
        FaultRule::new("fsx:*", FaultAction::Throttle).nth(2),
        FaultRule::new("fsx:*", FaultAction::ErrorBefore { code: "InternalServerError".into(), status: 500 }).nth(3),
    ]);
    fsx(&sandbox, 4).describe_file_systems().send().await.unwrap();
    assert_eq!(sandbox.requests().count("fsx:DescribeFileSystems"), 4);
    sandbox.set_faults(vec![FaultRule::new("fsx:*", FaultAction::CutAfter)]);
    let error = fsx(&sandbox, 1).describe_file_systems().send().await.unwrap_err();
    assert!(matches!(&error, aws_sdk_fsx::error::SdkError::DispatchFailure(failure) if failure.is_io()), "{error:?}");
}
