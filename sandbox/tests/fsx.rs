//! FSx's rules: networks, tokens, growth, repositories, time.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod client;

use client::{config, ec2, fsx, network, wait};
use dlinfra_sandbox::Sandbox;
use serde_json::{Value, json};

fn request(subnet: &str, group: &str) -> Value {
    json!({
        "ClientRequestToken": "t",
        "FileSystemType": "LUSTRE",
        "FileSystemTypeVersion": "2.15",
        "StorageCapacity": 1200,
        "SubnetIds": [subnet],
        "SecurityGroupIds": [group],
        "Tags": [{"Key": "dlinfra:address", "Value": "train.data"}],
        "LustreConfiguration": {"DeploymentType": "PERSISTENT_2", "PerUnitStorageThroughput": 125},
    })
}

fn changed(request: &Value, field: &str, value: Value) -> Value {
    let mut request = request.clone();
    request["ClientRequestToken"] = json!("u");
    request[field] = value;
    request
}

#[tokio::test(start_paused = true)]
async fn a_file_system_lives_grows_and_goes() {
    let sandbox = Sandbox::open(config()).unwrap();
    let (_, subnet, group) = network(&sandbox, "us-east-1a").await;
    let request = request(&subnet, &group);
    let id = fsx(&sandbox, "CreateFileSystem", request.clone()).await.ok().get("FileSystemId");
    assert_eq!(fsx(&sandbox, "CreateFileSystem", request.clone()).await.ok().get("FileSystemId"), id);
    let mut other = request.clone();
    other["StorageCapacity"] = json!(2400);
    fsx(&sandbox, "CreateFileSystem", other).await.is("IncompatibleParameterError");
    let describe = async || fsx(&sandbox, "DescribeFileSystems", json!({"FileSystemIds": [id]})).await;
    let update =
        async |gib: i64| fsx(&sandbox, "UpdateFileSystem", json!({"FileSystemId": id, "StorageCapacity": gib})).await;
    update(2400).await.is("BadRequest");
    wait(&sandbox, 479).await;
    assert_eq!(describe().await.ok().get("Lifecycle"), "CREATING");
    wait(&sandbox, 1).await;
    let shown = describe().await.ok();
    assert_eq!(shown.get("Lifecycle"), "AVAILABLE");
    assert!(!shown.body.contains("SecurityGroup"), "security groups are not described");
    update(1200).await.is("BadRequest");
    update(3600).await.is("BadRequest");
    assert_eq!(update(4800).await.ok().get("Lifecycle"), "UPDATING");
    // Settings may change beside it, sizes not.
    let compress = json!({"FileSystemId": id, "LustreConfiguration": {"DataCompressionType": "LZ4"}});
    fsx(&sandbox, "UpdateFileSystem", compress).await.ok();
    update(7200).await.is("BadRequest");
    wait(&sandbox, 600).await;
    let shown = describe().await.ok();
    assert_eq!((shown.get("Lifecycle"), shown.count("\"StorageCapacity\":4800")), ("AVAILABLE".to_owned(), 2));
    assert!(shown.body.contains("UPDATED_OPTIMIZING"), "{}", shown.body);
    assert_eq!(shown.count("\"DataCompressionType\":\"LZ4\""), 2, "{}", shown.body);
    update(7200).await.is("BadRequest");

    ec2(&sandbox, "DeleteSubnet", &format!("SubnetId={subnet}")).await.is("DependencyViolation");
    fsx(&sandbox, "DeleteFileSystem", json!({"FileSystemId": id})).await.ok();
    wait(&sandbox, 240).await;
    describe().await.is("FileSystemNotFound");
    ec2(&sandbox, "DeleteSubnet", &format!("SubnetId={subnet}")).await.ok();
}

#[tokio::test(start_paused = true)]
async fn create_calls_are_checked() {
    let sandbox = Sandbox::open(config()).unwrap();
    let (vpc, subnet, group) = network(&sandbox, "us-east-1a").await;
    let request = request(&subnet, &group);
    let closed = format!("VpcId={vpc} GroupName=closed GroupDescription=d");
    let closed = ec2(&sandbox, "CreateSecurityGroup", &closed).await.ok().get("groupId");
    for (field, value, code) in [
        ("SubnetIds", json!([subnet, subnet]), "BadRequest"),
        ("SubnetIds", json!(["subnet-00000000"]), "InvalidNetworkSettings"),
        ("SecurityGroupIds", json!([closed]), "InvalidNetworkSettings"),
        ("StorageCapacity", json!(3600), "BadRequest"),
        ("Tags", json!([{"Key": "a[0]", "Value": "b"}]), "BadRequest"),
        ("FileSystemType", json!("WINDOWS"), "NotImplemented"),
        ("NetworkType", json!("DUAL"), "NotImplemented"),
        (
            "LustreConfiguration",
            json!({"DeploymentType": "PERSISTENT_2", "PerUnitStorageThroughput": 200}),
            "InvalidPerUnitStorageThroughput",
        ),
    ] {
        fsx(&sandbox, "CreateFileSystem", changed(&request, field, value)).await.is(code);
    }
    assert!(!sandbox.status().objects.contains_key("fsx/file-system"));
}

#[tokio::test(start_paused = true)]
async fn repositories_do_not_overlap_and_go_with_their_file_system() {
    let sandbox = Sandbox::open(config()).unwrap();
    let (_, subnet, group) = network(&sandbox, "us-east-1a").await;
    let id = fsx(&sandbox, "CreateFileSystem", request(&subnet, &group)).await.ok().get("FileSystemId");
    let link = |path: &str, repository: &str| json!({"FileSystemId": id, "FileSystemPath": path, "DataRepositoryPath": repository});
    let create = async |path: &str, repository: &str| {
        fsx(&sandbox, "CreateDataRepositoryAssociation", link(path, repository)).await
    };
    create("/a", "s3://bucket/a").await.is("BadRequest");
    wait(&sandbox, 480).await;
    create("a", "s3://bucket/a").await.is("BadRequest");
    let first = create("/a", "s3://bucket/a").await.ok().get("AssociationId");
    create("/a/b", "s3://bucket/b").await.is("BadRequest");
    create("/", "s3://bucket/b").await.is("BadRequest");
    create("/b", "s3://bucket/a/b").await.is("BadRequest");
    create("/ab", "s3://bucket/ab").await.ok();
    wait(&sandbox, 300).await;
    let by_id = json!({"AssociationIds": [first]});
    let shown = fsx(&sandbox, "DescribeDataRepositoryAssociations", by_id.clone()).await.ok();
    assert_eq!(shown.get("Lifecycle"), "AVAILABLE");
    fsx(&sandbox, "DeleteFileSystem", json!({"FileSystemId": id})).await.ok();
    wait(&sandbox, 240).await;
    fsx(&sandbox, "DescribeDataRepositoryAssociations", by_id).await.is("DataRepositoryAssociationNotFound");
}
