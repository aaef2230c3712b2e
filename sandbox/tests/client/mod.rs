//! A client for tests: signed requests straight into a sandbox, answers as text.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::time::Duration;

use bytes::Bytes;
use dlinfra_sandbox::{HandleOutcome, Sandbox, SandboxConfig};

pub(crate) fn config() -> SandboxConfig {
    SandboxConfig { start: Some("2026-01-01T00:00:00Z".parse().unwrap()), ..SandboxConfig::default() }
}

/// Status and body of an answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.status, 200, "{}", self.body);
        self
    }

    /// Asserts an error code.
    pub(crate) fn is(self, code: &str) {
        let (xml, json) = (format!("<Code>{code}</Code>"), format!("\"__type\":\"{code}\""));
        assert!(self.status >= 400, "{code} was expected, not {}", self.body);
        assert!(self.body.contains(&xml) || self.body.contains(&json), "{code} was expected, not {}", self.body);
    }

    /// The text of the first XML element or JSON member of this name.
    pub(crate) fn get(&self, name: &str) -> String {
        let xml = format!("<{name}>");
        let json = format!("\"{name}\":\"");
        let (start, end) = if self.body.contains(&xml) { (xml, '<') } else { (json, '"') };
        let rest = self.body.split(&start).nth(1).unwrap_or_else(|| panic!("no {name} in {}", self.body));
        rest.split(end).next().unwrap().to_owned()
    }

    pub(crate) fn count(&self, text: &str) -> usize {
        self.body.matches(text).count()
    }
}

fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

async fn send(sandbox: &Sandbox, service: &str, target: &str, body: String) -> Answer {
    send_as(sandbox, "AKID", service, target, body).await
}

/// A request that is signed with this key.
pub(crate) async fn send_as(sandbox: &Sandbox, key: &str, service: &str, target: &str, body: String) -> Answer {
    let scope = format!("AWS4-HMAC-SHA256 Credential={key}/20260101/us-east-1/{service}/aws4_request, Signature=x");
    let request = http::Request::post("http://127.0.0.1:1/")
        .header("authorization", scope)
        .header("x-amz-target", target)
        .body(Bytes::from(body))
        .unwrap();
    match sandbox.handle(request).await {
        HandleOutcome::Response(response) => {
            Answer { status: response.status().as_u16(), body: String::from_utf8(response.body().to_vec()).unwrap() }
        }
        HandleOutcome::Cut => panic!("the connection was cut"),
    }
}

/// A call of EC2. Parameters are `Name=value`, separated by spaces.
pub(crate) async fn ec2(sandbox: &Sandbox, action: &str, params: &str) -> Answer {
    query(sandbox, "ec2", action, params).await
}

/// The same of IAM.
pub(crate) async fn iam(sandbox: &Sandbox, action: &str, params: &str) -> Answer {
    query(sandbox, "iam", action, params).await
}

async fn query(sandbox: &Sandbox, service: &str, action: &str, params: &str) -> Answer {
    let mut form = format!("Action={action}");
    for (name, value) in params.split_whitespace().filter_map(|pair| pair.split_once('=')) {
        form.push_str(&format!("&{name}={}", encode(value)));
    }
    send(sandbox, service, "", form).await
}

pub(crate) async fn fsx(sandbox: &Sandbox, action: &str, params: serde_json::Value) -> Answer {
    send(sandbox, "fsx", &format!("AWSSimbaAPIService_v20180301.{action}"), params.to_string()).await
}

pub(crate) async fn ssm(sandbox: &Sandbox, action: &str, params: serde_json::Value) -> Answer {
    send(sandbox, "ssm", &format!("AmazonSSM.{action}"), params.to_string()).await
}

pub(crate) async fn wait(sandbox: &Sandbox, seconds: u64) {
    sandbox.clock().sleep(Duration::from_secs(seconds)).await;
}

/// A VPC, a subnet in a zone and a group that is open to itself.
pub(crate) async fn network(sandbox: &Sandbox, zone: &str) -> (String, String, String) {
    let vpc = ec2(sandbox, "CreateVpc", "CidrBlock=10.0.0.0/16").await.ok().get("vpcId");
    let subnet = format!("VpcId={vpc} CidrBlock=10.0.0.0/20 AvailabilityZone={zone}");
    let subnet = ec2(sandbox, "CreateSubnet", &subnet).await.ok().get("subnetId");
    let group = format!("VpcId={vpc} GroupName=g GroupDescription=d");
    let group = ec2(sandbox, "CreateSecurityGroup", &group).await.ok().get("groupId");
    let open = format!("GroupId={group} IpPermissions.1.IpProtocol=-1 IpPermissions.1.Groups.1.GroupId={group}");
    ec2(sandbox, "AuthorizeSecurityGroupIngress", &open).await.ok();
    ec2(sandbox, "AuthorizeSecurityGroupEgress", &open).await.ok();
    (vpc, subnet, group)
}
