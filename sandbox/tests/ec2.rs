//! EC2's rules: dependencies, tokens, launches, capacity, time.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod client;

use client::{config, ec2, network, wait};
use dlinfra_sandbox::{Behaviour, Sandbox, SandboxConfig, StoredObject, ami_for};

const DLAMI: &str = "/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-ubuntu-22.04/latest/ami-id";

fn with(behaviour: Behaviour) -> Sandbox {
    Sandbox::open(SandboxConfig { behaviour, ..config() }).unwrap()
}

fn open() -> Sandbox {
    with(Behaviour::default())
}

/// Parameters of a launch.
fn launch(kind: &str, subnet: &str, count: u64, token: &str) -> String {
    let image = ami_for(DLAMI, "us-east-1").unwrap();
    format!(
        "ImageId={image} InstanceType={kind} SubnetId={subnet} MinCount={count} MaxCount={count} ClientToken={token}"
    )
}

#[tokio::test(start_paused = true)]
async fn what_is_in_use_cannot_be_deleted() {
    let sandbox = open();
    let (vpc, subnet, group) = network(&sandbox, "us-east-1a").await;
    ec2(&sandbox, "DeleteVpc", &format!("VpcId={vpc}")).await.is("DependencyViolation");
    let params = format!("{} SecurityGroupId.1={group}", launch("g5.xlarge", &subnet, 1, "a"));
    let instance = ec2(&sandbox, "RunInstances", &params).await.ok().get("instanceId");
    ec2(&sandbox, "DeleteSubnet", &format!("SubnetId={subnet}")).await.is("DependencyViolation");
    ec2(&sandbox, "DeleteSecurityGroup", &format!("GroupId={group}")).await.is("DependencyViolation");
    ec2(&sandbox, "TerminateInstances", &format!("InstanceId.1={instance}")).await.ok();
    wait(&sandbox, 179).await;
    ec2(&sandbox, "DeleteSubnet", &format!("SubnetId={subnet}")).await.is("DependencyViolation");
    wait(&sandbox, 1).await;
    ec2(&sandbox, "DeleteSubnet", &format!("SubnetId={subnet}")).await.ok();
    ec2(&sandbox, "DeleteSecurityGroup", &format!("GroupId={group}")).await.ok();
    ec2(&sandbox, "DeleteVpc", &format!("VpcId={vpc}")).await.ok();
    let ended = sandbox.objects().into_iter().find(|it| it.kind == "ec2/instance").unwrap();
    assert!(ended.state == "terminated" && !ended.is_live());
    // Terminated instances stay visible for an hour.
    let by_id = format!("InstanceId.1={instance}");
    assert_eq!(ec2(&sandbox, "DescribeInstances", &by_id).await.ok().get("name"), "terminated");
    wait(&sandbox, 3600).await;
    ec2(&sandbox, "DescribeInstances", &by_id).await.is("InvalidInstanceID.NotFound");
    wait(&sandbox, 26 * 3600).await;
    assert_eq!(sandbox.status().objects.keys().filter(|kind| kind.starts_with("ec2/")).count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_token_gives_back_the_first_launch_even_when_it_is_terminated() {
    let sandbox = open();
    let (_, subnet, _) = network(&sandbox, "us-east-1a").await;
    let params = launch("g5.xlarge", &subnet, 2, "t");
    let first = ec2(&sandbox, "RunInstances", &params).await.ok();
    assert!(sandbox.objects().iter().filter(|it| it.kind == "ec2/instance").all(StoredObject::is_live));
    let again = ec2(&sandbox, "RunInstances", &params).await.ok();
    assert_eq!((first.get("reservationId"), again.count("<instanceId>")), (again.get("reservationId"), 2));
    ec2(&sandbox, "RunInstances", &launch("g5.xlarge", &subnet, 1, "t")).await.is("IdempotentParameterMismatch");
    let id = first.get("instanceId");
    ec2(&sandbox, "TerminateInstances", &format!("InstanceId.1={id}")).await.ok();
    wait(&sandbox, 4 * 3600).await;
    let late = ec2(&sandbox, "RunInstances", &params).await.ok();
    assert_eq!((late.get("instanceId"), late.get("name")), (id, "terminated".to_owned()));
    assert_eq!(sandbox.status().objects["ec2/instance"], 2);
}

#[tokio::test(start_paused = true)]
async fn launches_are_all_or_nothing_within_quota_and_capacity() {
    let sandbox = with(Behaviour {
        quotas: [("L-417A185B".to_owned(), 192 * 3)].into(),
        capacity: [("g5.xlarge@us-east-1a".to_owned(), 3)].into(),
        ..Behaviour::default()
    });
    let (_, subnet, _) = network(&sandbox, "us-east-1a").await;
    let run = async |kind: &str, count: u64, token: &str| {
        ec2(&sandbox, "RunInstances", &launch(kind, &subnet, count, token)).await
    };
    run("p5.48xlarge", 4, "a").await.is("VcpuLimitExceeded");
    run("p5.48xlarge", 3, "b").await.ok();
    wait(&sandbox, 60).await;
    run("p4d.24xlarge", 1, "c").await.is("VcpuLimitExceeded");
    run("g5.xlarge", 4, "d").await.is("InsufficientInstanceCapacity");
    let some = launch("g5.xlarge", &subnet, 1, "e").replace("MaxCount=1", "MaxCount=9");
    assert_eq!(ec2(&sandbox, "RunInstances", &some).await.ok().count("<instanceId>"), 3);
    assert_eq!(sandbox.status().objects["ec2/instance"], 6);
}

/// What is stopped counts against no quota; what is started again needs room like a launch.
#[tokio::test(start_paused = true)]
async fn stopped_instances_free_their_quota() {
    let quotas = [("L-DB2E81BA".to_owned(), 8)].into();
    let sandbox = with(Behaviour { quotas, ..Behaviour::default() });
    let (_, subnet, _) = network(&sandbox, "us-east-1a").await;
    let run = async |token: &str| ec2(&sandbox, "RunInstances", &launch("g5.xlarge", &subnet, 1, token)).await;
    let first = run("a").await.ok().get("instanceId");
    run("b").await.ok();
    run("c").await.is("VcpuLimitExceeded");
    wait(&sandbox, 300).await;
    let named = format!("InstanceId.1={first}");
    ec2(&sandbox, "StopInstances", &named).await.ok();
    wait(&sandbox, 600).await;
    assert_eq!(ec2(&sandbox, "DescribeInstances", &named).await.ok().get("name"), "stopped");
    run("d").await.ok();
    ec2(&sandbox, "StartInstances", &named).await.is("VcpuLimitExceeded");
    assert_eq!(ec2(&sandbox, "DescribeInstances", &named).await.ok().get("name"), "stopped");
}

#[tokio::test(start_paused = true)]
async fn key_pairs_are_those_that_somebody_brought() {
    use base64::Engine as _;
    let sandbox = open();
    let key = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let named = "KeyName.1=mine";
    ec2(&sandbox, "DescribeKeyPairs", named).await.is("InvalidKeyPair.NotFound");
    let import = |text: &str| format!("KeyName=mine PublicKeyMaterial={}", key(text));
    ec2(&sandbox, "ImportKeyPair", &import("not a key")).await.is("InvalidKey.Format");
    let made = ec2(&sandbox, "ImportKeyPair", &import(&format!("ssh-ed25519 {} me", key("k")))).await.ok();
    ec2(&sandbox, "ImportKeyPair", &import(&format!("ssh-ed25519 {} me", key("k"))))
        .await
        .is("InvalidKeyPair.Duplicate");
    wait(&sandbox, 60).await;
    let shown = ec2(&sandbox, "DescribeKeyPairs", named).await.ok();
    assert_eq!((shown.get("keyPairId"), shown.get("keyType")), (made.get("keyPairId"), "ed25519".to_owned()));
    let filter = |name: &str| format!("Filter.1.Name=key-name Filter.1.Value.1={name}");
    assert_eq!(ec2(&sandbox, "DescribeKeyPairs", &filter("other")).await.ok().count("<keyName>"), 0);
    assert_eq!(ec2(&sandbox, "DescribeKeyPairs", &filter("mine")).await.ok().count("<keyName>"), 1);
    for _ in 0..2 {
        ec2(&sandbox, "DeleteKeyPair", "KeyName=mine").await.ok();
    }
}

#[tokio::test(start_paused = true)]
async fn launches_are_checked() {
    let sandbox = with(Behaviour { throttle: 0.0, ..Behaviour::default() });
    let (_, subnet, group) = network(&sandbox, "us-east-1d").await;
    let base = launch("g5.xlarge", &subnet, 1, "a");
    let run = async |params: String| ec2(&sandbox, "RunInstances", &params).await;
    run(launch("trn2.48xlarge", &subnet, 1, "a")).await.is("Unsupported");
    run(launch("x9.huge", &subnet, 1, "a")).await.is("InvalidParameterValue");
    run(launch("g5g.xlarge", &subnet, 1, "a")).await.is("InvalidParameterValue");
    run(format!("{base} UserData={}", "QUJD".repeat(6000))).await.is("InvalidParameterValue");
    run(format!("{base} Placement.GroupName=none")).await.is("InvalidPlacementGroup.Unknown");
    run(format!("{base} IamInstanceProfile.Name=none")).await.is("InvalidParameterValue");
    run(format!("{base} BlockDeviceMapping.1.DeviceName=/dev/sda1 BlockDeviceMapping.1.Ebs.VolumeSize=8"))
        .await
        .is("InvalidBlockDeviceMapping");
    run(format!("{base} NetworkInterface.1.DeviceIndex=0 NetworkInterface.1.SubnetId={subnet}"))
        .await
        .is("InvalidParameterCombination");
    run(format!("{base} InstanceMarketOptions.MarketType=capacity-block")).await.is("Unsupported");
    run(format!("{base} SecurityGroupId.1={group} CpuOptions.CoreCount=1")).await.is("NotImplemented");
    run(format!("{base} TagSpecification.1.ResourceType=vpc TagSpecification.1.Tag.1.Key=a"))
        .await
        .is("InvalidParameterValue");
    run(format!("{base} DryRun=true")).await.is("DryRunOperation");
}

#[tokio::test(start_paused = true)]
async fn nat_gateways_take_their_time_and_hold_their_address() {
    let sandbox = open();
    let (vpc, subnet, _) = network(&sandbox, "us-east-1a").await;
    let address = ec2(&sandbox, "AllocateAddress", "Domain=vpc").await.ok().get("allocationId");
    let create = format!("SubnetId={subnet} AllocationId={address}");
    let failed = ec2(&sandbox, "CreateNatGateway", &create).await.ok().get("natGatewayId");
    wait(&sandbox, 60).await;
    let shown = ec2(&sandbox, "DescribeNatGateways", &format!("NatGatewayId.1={failed}")).await.ok();
    assert_eq!((shown.get("state"), shown.get("failureCode")), ("failed".into(), "Gateway.NotAttached".into()));

    let gateway = ec2(&sandbox, "CreateInternetGateway", "").await.ok().get("internetGatewayId");
    ec2(&sandbox, "AttachInternetGateway", &format!("InternetGatewayId={gateway} VpcId={vpc}")).await.ok();
    let nat = ec2(&sandbox, "CreateNatGateway", &create).await.ok().get("natGatewayId");
    let state = async || {
        let shown = ec2(&sandbox, "DescribeNatGateways", &format!("NatGatewayId.1={nat}")).await.ok();
        shown.get("state")
    };
    wait(&sandbox, 119).await;
    assert_eq!(state().await, "pending");
    wait(&sandbox, 1).await;
    assert_eq!(state().await, "available");
    ec2(&sandbox, "DeleteNatGateway", &format!("NatGatewayId={nat}")).await.ok();
    ec2(&sandbox, "ReleaseAddress", &format!("AllocationId={address}")).await.is("InvalidIPAddress.InUse");
    wait(&sandbox, 50).await;
    assert_eq!(state().await, "deleted");
    ec2(&sandbox, "ReleaseAddress", &format!("AllocationId={address}")).await.ok();
    wait(&sandbox, 3600).await;
    ec2(&sandbox, "DescribeNatGateways", &format!("NatGatewayId.1={nat}")).await.is("NatGatewayNotFound");
}

#[tokio::test(start_paused = true)]
async fn rules_are_unique_and_found_again() {
    let sandbox = open();
    let (vpc, _, group) = network(&sandbox, "us-east-1a").await;
    let rule = format!(
        "GroupId={group} IpPermissions.1.IpProtocol=tcp IpPermissions.1.FromPort=22 IpPermissions.1.ToPort=22 \
         IpPermissions.1.IpRanges.1.CidrIp=10.1.2.3/8"
    );
    let id = ec2(&sandbox, "AuthorizeSecurityGroupIngress", &rule).await.ok().get("securityGroupRuleId");
    ec2(&sandbox, "AuthorizeSecurityGroupIngress", &rule).await.is("InvalidPermission.Duplicate");
    let again = format!("VpcId={vpc} GroupName=g GroupDescription=d");
    ec2(&sandbox, "CreateSecurityGroup", &again).await.is("InvalidGroup.Duplicate");
    let renamed = format!("{rule} IpPermissions.1.IpRanges.1.Description=ssh");
    ec2(&sandbox, "UpdateSecurityGroupRuleDescriptionsIngress", &renamed).await.ok();
    wait(&sandbox, 2).await;
    let shown = ec2(&sandbox, "DescribeSecurityGroups", &format!("GroupId.1={group}")).await.ok();
    assert!(shown.body.contains("<cidrIp>10.0.0.0/8</cidrIp><description>ssh</description>"), "{}", shown.body);
    let by_id = format!("GroupId={group} SecurityGroupRuleId.1={id}");
    ec2(&sandbox, "RevokeSecurityGroupIngress", &by_id).await.ok();
    ec2(&sandbox, "RevokeSecurityGroupIngress", &rule).await.is("InvalidPermission.NotFound");
}

#[tokio::test(start_paused = true)]
async fn pages_and_filters_meet() {
    let sandbox = open();
    let (_, subnet, _) = network(&sandbox, "us-east-1a").await;
    let tags =
        "TagSpecification.1.ResourceType=instance TagSpecification.1.Tag.1.Key=team TagSpecification.1.Tag.1.Value=a/b";
    ec2(&sandbox, "RunInstances", &format!("{} {tags}", launch("g5.xlarge", &subnet, 7, "a"))).await.ok();
    ec2(&sandbox, "RunInstances", &launch("g5.xlarge", &subnet, 6, "b")).await.ok();
    ec2(&sandbox, "DescribeInstances", "Filter.1.Name=colour Filter.1.Value.1=red").await.is("NotImplemented");
    assert_eq!(ec2(&sandbox, "DescribeInstances", "").await.ok().count("<instanceId>"), 0, "too new to be seen");
    wait(&sandbox, 60).await;
    let query = "Filter.1.Name=tag:team Filter.1.Value.1=a* Filter.2.Name=instance-state-name Filter.2.Value.1=running";
    let first = ec2(&sandbox, "DescribeInstances", &format!("{query} MaxResults=5")).await.ok();
    assert_eq!(first.count("<amiLaunchIndex>"), 5);
    let token = first.get("nextToken");
    let second = ec2(&sandbox, "DescribeInstances", &format!("{query} MaxResults=5 NextToken={token}")).await.ok();
    assert_eq!((second.count("<amiLaunchIndex>"), second.count("nextToken")), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_capacity_block_starts_and_ends() {
    let sandbox = open();
    let (_, subnet, _) = network(&sandbox, "us-east-1a").await;
    ec2(&sandbox, "DescribeCapacityBlockOfferings", "InstanceType=p5.48xlarge CapacityDurationHours=30")
        .await
        .is("InvalidParameterValue");
    let offers = "InstanceType=p5.48xlarge InstanceCount=2 CapacityDurationHours=24";
    let offer = ec2(&sandbox, "DescribeCapacityBlockOfferings", offers).await.ok().get("capacityBlockOfferingId");
    let buy = format!("CapacityBlockOfferingId={offer} InstancePlatform=Linux/UNIX");
    let block = ec2(&sandbox, "PurchaseCapacityBlock", &buy).await.ok().get("capacityReservationId");
    let target = format!("CapacityReservationSpecification.CapacityReservationTarget.CapacityReservationId={block}");
    let params =
        format!("{} {target} InstanceMarketOptions.MarketType=capacity-block", launch("p5.48xlarge", &subnet, 2, "a"));
    ec2(&sandbox, "RunInstances", &params).await.is("InvalidCapacityReservationState");
    wait(&sandbox, 12 * 3600).await;
    let id = ec2(&sandbox, "RunInstances", &params).await.ok().get("instanceId");
    let more = params.replace("ClientToken=a", "ClientToken=b");
    ec2(&sandbox, "RunInstances", &more).await.is("ReservationCapacityExceeded");
    wait(&sandbox, 23 * 3600 + 300).await;
    let shown = ec2(&sandbox, "DescribeInstances", &format!("InstanceId.1={id}")).await.ok();
    assert_eq!(shown.get("name"), "terminated");
    assert!(shown.body.contains("Server.CapacityBlockExpired"));
}
