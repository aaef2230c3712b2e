//! A network is made, kept, changed and removed; who holds it is said, and what AWS refuses.
use crate::stage::{self, Stage, wanted, wire::wire};
use aws_sdk_ec2::types::{IpPermission, UserIdGroupPair, VpcEndpointType};
use aws_smithy_runtime_api::client::{
    http::{HttpConnector, SharedHttpConnector},
    orchestrator::HttpRequest,
};
use aws_smithy_types::body::SdkBody;
use dlinfra::{address::Address, apply::What, engine::Execution};
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn a_network_is_made_kept_changed_and_removed() {
    let stage = Stage::new().await;
    let network = |cidr: &str, public: bool| {
        vec![
            wanted("vpc", "vpc", json!({"cidr": cidr})),
            wanted("gateway", "internet-gateway", json!({"vpc": {"$ref": "vpc"}})),
            wanted(
                "a",
                "subnet",
                json!({"vpc": {"$ref": "vpc"}, "cidr": "10.0.1.0/24", "zone": "us-east-1a", "public": public}),
            ),
        ]
    };
    let plan = stage.plan(&network("10.0.0.0/16", false)).await;
    assert_eq!(plan.summary.create, 3);
    stage.apply(&network("10.0.0.0/16", false)).await;

    let before = stage.sandbox.requests().mutating;
    let plan = stage.plan(&network("10.0.0.0/16", false)).await;
    assert!(plan.is_empty(), "{}", stage::text(&plan));
    assert_eq!(stage.sandbox.requests().mutating, before);

    let plan = stage.plan(&network("10.0.0.0/16", true)).await;
    assert_eq!((plan.summary.update, plan.summary.keep), (1, 2), "{}", stage::text(&plan));
    stage.apply(&network("10.0.0.0/16", true)).await;
    assert!(stage.plan(&network("10.0.0.0/16", true)).await.is_empty());

    // A new range for the VPC reaches everything that stands in it.
    let plan = stage.plan(&network("10.0.0.0/20", true)).await;
    assert_eq!(plan.summary.replace, 3, "{}", stage::text(&plan));
    stage.apply(&network("10.0.0.0/20", true)).await;
    assert!(stage.plan(&network("10.0.0.0/20", true)).await.is_empty());

    stage.apply(&[]).await;
    assert_eq!(stage.left().await, Vec::<String>::new());
    assert!(stage.plan(&[]).await.is_empty());
}

/// The lines about waiting, in their order.
fn waits(stage: &Stage) -> Vec<String> {
    let why = |e: &dlinfra::apply::Event| match &e.what {
        What::Waiting { why } => Some(why.clone()),
        _ => None,
    };
    stage.events.lock().unwrap().iter().filter_map(why).collect()
}

#[tokio::test(start_paused = true)]
async fn destroy_says_what_holds_a_subnet_a_group_and_a_table() {
    let stage = Stage::new().await;
    let network = vec![
        wanted("vpc", "vpc", json!({"cidr": "10.0.0.0/16"})),
        wanted("a", "subnet", json!({"vpc": {"$ref": "vpc"}, "cidr": "10.0.1.0/24", "zone": "us-east-1a"})),
        wanted("group", "security-group", json!({"vpc": {"$ref": "vpc"}})),
        wanted("table", "route-table", json!({"vpc": {"$ref": "vpc"}})),
    ];
    let outcome = stage.apply(&network).await;
    let id = |address: &str| outcome.live[&Address::parse(address).unwrap()].id.clone();
    let aws = stage.aws().await;
    let ec2 = aws.ec2();
    let endpoint = |kind: VpcEndpointType, service: &str| {
        let call = ec2.create_vpc_endpoint().vpc_id(id("vpc")).vpc_endpoint_type(kind);
        call.service_name(format!("com.amazonaws.us-east-1.{service}"))
    };
    let made = endpoint(VpcEndpointType::Interface, "ssm").subnet_ids(id("a")).send().await.unwrap();
    let interface = made.vpc_endpoint.and_then(|e| e.vpc_endpoint_id).unwrap();
    let made = endpoint(VpcEndpointType::Gateway, "s3").route_table_ids(id("table")).send().await.unwrap();
    let gateway = made.vpc_endpoint.and_then(|e| e.vpc_endpoint_id).unwrap();
    let other = ec2.create_security_group().group_name("other").description("others").vpc_id(id("vpc"));
    let other = other.send().await.unwrap().group_id.unwrap();
    let pair = UserIdGroupPair::builder().group_id(id("group")).build();
    let rule = IpPermission::builder().ip_protocol("tcp").from_port(1).to_port(2).user_id_group_pairs(pair).build();
    ec2.authorize_security_group_ingress().group_id(&other).ip_permissions(rule).send().await.unwrap();

    let outcome = stage.try_apply(&[]).await;
    let of = |address: &str| {
        let all = outcome.pending.iter().map(|(a, why)| (a.as_str(), why.clone()));
        all.filter(|(a, _)| *a == address).map(|(_, why)| why).collect::<String>()
    };
    let subnet = of("a");
    assert!(subnet.contains("network interface eni-") && subnet.contains("run the same command again"), "{outcome:?}");
    assert!(of("group").contains(&format!("the security group {other} (other)")), "{outcome:?}");
    assert!(of("table").contains(&format!("the endpoint {gateway}")), "{outcome:?}");
    let waits = waits(&stage);
    // Three wait for twenty minutes each: a line when something is new, and one a minute.
    assert!(waits.len() <= 3 * 23, "{} lines", waits.len());
    assert!(waits.iter().filter(|line| line.contains("held by")).count() * 10 >= waits.len() * 8, "{waits:?}");

    ec2.delete_vpc_endpoints().vpc_endpoint_ids(&interface).vpc_endpoint_ids(&gateway).send().await.unwrap();
    ec2.delete_security_group().group_id(&other).send().await.unwrap();
    stage.apply(&[]).await;
    assert_eq!(stage.left().await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn destroy_says_what_holds_a_vpc_and_its_gateway() {
    let stage = Stage::new().await;
    let network = vec![
        wanted("vpc", "vpc", json!({"cidr": "10.0.0.0/16"})),
        wanted("gateway", "internet-gateway", json!({"vpc": {"$ref": "vpc"}})),
    ];
    let outcome = stage.apply(&network).await;
    let vpc = outcome.live[&Address::parse("vpc").unwrap()].id.clone();
    let aws = stage.aws().await;
    let ec2 = aws.ec2();
    // Of others: a subnet, a group, a table, and a gateway with a public address.
    let subnet = ec2.create_subnet().vpc_id(&vpc).cidr_block("10.0.9.0/24").send().await.unwrap();
    let subnet = subnet.subnet.and_then(|s| s.subnet_id).unwrap();
    let group = ec2.create_security_group().group_name("other").description("others").vpc_id(&vpc);
    let group = group.send().await.unwrap().group_id.unwrap();
    let table = ec2.create_route_table().vpc_id(&vpc).send().await.unwrap();
    let table = table.route_table.and_then(|t| t.route_table_id).unwrap();
    let address = ec2.allocate_address().send().await.unwrap().allocation_id.unwrap();
    let nat = ec2.create_nat_gateway().subnet_id(&subnet).allocation_id(&address).send().await.unwrap();
    let nat = nat.nat_gateway.and_then(|n| n.nat_gateway_id).unwrap();
    let minutes = |n: u64| stage.clock.sleep(std::time::Duration::from_secs(60 * n));
    minutes(5).await;

    let outcome = stage.try_apply(&[]).await;
    let why = |outcome: &dlinfra::apply::Outcome, address: &str| {
        let all = outcome.pending.iter().filter(|(a, _)| a.as_str() == address);
        all.map(|(_, why)| why.clone()).collect::<String>()
    };
    let gateway = why(&outcome, "gateway");
    assert!(gateway.contains("the network interface eni-") && gateway.contains(&nat), "{outcome:?}");
    assert!(gateway.contains("run the same command again") && !gateway.contains(&table), "{outcome:?}");

    ec2.delete_nat_gateway().nat_gateway_id(&nat).send().await.unwrap();
    minutes(10).await;
    ec2.release_address().allocation_id(&address).send().await.unwrap();
    let outcome = stage.try_apply(&[]).await;
    let held = why(&outcome, "vpc");
    for id in [&subnet, &group, &table] {
        assert!(held.contains(id.as_str()), "{id}: {outcome:?}");
    }
    assert!(why(&outcome, "gateway").is_empty(), "{outcome:?}");

    ec2.delete_route_table().route_table_id(&table).send().await.unwrap();
    ec2.delete_security_group().group_id(&group).send().await.unwrap();
    ec2.delete_subnet().subnet_id(&subnet).send().await.unwrap();
    stage.apply(&[]).await;
    assert_eq!(stage.left().await, Vec::<String>::new());
}

/// AWS accepts a change and goes on to show the old value; or somebody changes it back as often.
#[tokio::test(start_paused = true)]
async fn an_update_that_helps_nothing_is_given_up_after_few_requests() {
    let network = |public: bool| {
        let subnet = json!({"vpc": {"$ref": "vpc"}, "cidr": "10.0.1.0/24", "zone": "us-east-1a", "public": public});
        vec![wanted("vpc", "vpc", json!({"cidr": "10.0.0.0/16"})), wanted("a", "subnet", subnet)]
    };
    let mut stage = Stage::new().await;
    stage.settle(&network(false)).await;
    let sandbox = stage.sandbox.clone();
    // Nothing becomes of it.
    stage.http = Some(wire(move |mut request: HttpRequest| {
        let inner = SharedHttpConnector::new(sandbox.clone());
        async move {
            let body = bytes(std::mem::replace(request.body_mut(), SdkBody::empty())).await;
            let body = String::from_utf8(body).unwrap();
            let futile = body.replace("MapPublicIpOnLaunch.Value=true", "MapPublicIpOnLaunch.Value=false");
            *request.body_mut() = futile.into();
            inner.call(request).await
        }
    }));
    let (began, before) = (stage.clock.now(), stage.sandbox.requests().total);
    let outcome = stage.try_apply(&network(true)).await;
    let [(address, error)] = &outcome.failed[..] else { panic!("{outcome:?}") };
    assert!(address.as_str() == "a" && error.message.contains("does not take the change of public"), "{error:?}");
    let (took, sent) = (stage.clock.now().duration_since(began), stage.sandbox.requests().total - before);
    assert!((60..300).contains(&took.as_secs()), "it waits as long as AWS may hide a change: {took:?}");
    assert!(sent < 60, "{sent} requests in {took:?}");
    stage.http = None;
    stage.settle(&network(true)).await;
}

async fn bytes(body: SdkBody) -> Vec<u8> {
    aws_smithy_types::byte_stream::ByteStream::new(body).collect().await.unwrap().to_vec()
}

#[tokio::test(start_paused = true)]
async fn the_last_word_of_a_refused_update_is_the_refusal() {
    let stage = Stage::new().await;
    let role = |policies: serde_json::Value| {
        vec![wanted("role", "iam-role", json!({"trust": ["ec2.amazonaws.com"], "managed_policies": policies}))]
    };
    stage.apply(&role(json!([]))).await;
    let outcome = stage.try_apply(&role(json!(["AmazonS3ReadOnlyAcess"]))).await;
    let [(_, error)] = &outcome.failed[..] else { panic!("{outcome:?}") };
    assert_eq!(error.operation.as_deref(), Some("iam:AttachRolePolicy"), "{error:?}");
    assert!(error.is("NoSuchEntity") && error.help.is_some(), "{error:?}");
    let waits = waits(&stage);
    let same = waits.iter().filter(|w| w.contains("NoSuchEntity")).count();
    assert!((1..=4).contains(&same), "{waits:?}");
}

/// What the gate counts is what AWS was asked, by AWS's own names.
#[tokio::test(start_paused = true)]
async fn every_request_carries_its_name() {
    let stage = Stage::new().await;
    let wanted = vec![
        wanted("vpc", "vpc", json!({"cidr": "10.0.0.0/16"})),
        wanted("role", "iam-role", json!({"trust": ["ec2.amazonaws.com"]})),
        wanted("data", "bucket", json!({})),
    ];
    let before = stage.sandbox.requests().entries.len();
    let (engine, view, plan) = stage.look(&wanted).await;
    let (_keep, cancel) = stage::never();
    let run =
        Execution { command: "apply", presence: None, delete_data: false, sink: std::sync::Arc::new(|_| {}), cancel };
    assert!(engine.execute(&plan, &view, &wanted, run).await.unwrap().complete());
    let mut asked = std::collections::BTreeMap::new();
    for entry in &stage.sandbox.requests().entries[before..] {
        *asked.entry(format!("{}:{}", entry.service, entry.operation)).or_insert(0u64) += 1;
    }
    assert_eq!(engine.aws().gate().counts(), asked);
    assert_eq!(engine.aws().gate().mutations(), stage.sandbox.requests().mutating);
}
