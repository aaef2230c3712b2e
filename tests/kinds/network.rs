//! The network kinds through their whole life, driven by the real engine against the simulated AWS.
use crate::stage::{self, Stage};
use dlinfra::{
    address::Address,
    apply::Outcome,
    aws::Aws,
    call::{Scope, SweepCtx},
    engine::{Engine, Execution, Target, View},
    journal::Backend,
    kinds::KINDS,
    plan::{Action, Plan, Wanted},
    resource::{Live, Lookup, State},
};
use dlinfra_sandbox::{Behaviour, Consistency, FaultAction, FaultRule, Sandbox, SandboxConfig};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

/// A blueprint: specs by address and kind.
type Blueprint = BTreeMap<(&'static str, &'static str), Value>;

struct World {
    sandbox: Sandbox,
    aws: Aws,
    backend: Arc<dyn Backend>,
}

impl World {
    async fn new(behaviour: Behaviour) -> Self {
        let start = "2026-01-01T00:00:00Z".parse().unwrap();
        let stage = Stage::with(SandboxConfig { start: Some(start), behaviour, ..Default::default() }).await;
        let aws = stage.aws().await;
        Self { sandbox: stage.sandbox, aws, backend: stage.backend }
    }

    async fn look(&self, blueprint: &Blueprint) -> (Engine, View, Plan, Vec<Wanted>) {
        let wanted: Vec<Wanted> =
            blueprint.iter().map(|((address, kind), spec)| stage::wanted(address, kind, spec.clone())).collect();
        let target = Target { stack: "demo".to_owned(), owner: Some("tests".to_owned()), ..Target::default() };
        let engine = Engine::connect(self.aws.clone(), KINDS, target, self.backend.clone(), true).await.unwrap();
        let view = engine.look(&wanted).await.unwrap();
        let plan = engine.plan(&wanted, &view, &BTreeSet::new()).unwrap();
        (engine, view, plan, wanted)
    }

    async fn try_apply(&self, blueprint: &Blueprint) -> Outcome {
        let (engine, view, plan, wanted) = self.look(blueprint).await;
        let (_keep, cancel) = tokio::sync::watch::channel(false);
        let run = Execution { command: "apply", presence: None, delete_data: true, sink: Arc::new(|_| {}), cancel };
        engine.execute(&plan, &view, &wanted, run).await.unwrap()
    }

    /// Applies; the plan after it is empty.
    async fn apply(&self, blueprint: &Blueprint) {
        let outcome = self.try_apply(blueprint).await;
        assert!(outcome.complete(), "{outcome:#?}");
        self.settle().await;
        let plan = self.look(blueprint).await.2;
        let left: Vec<_> = plan
            .steps
            .iter()
            .filter(|s| s.action != Action::Keep)
            .map(|s| (&s.address, &s.reason, &s.fields))
            .collect();
        assert!(plan.is_empty(), "{left:#?}");
    }

    /// Removes everything, with no blueprint to tell the order.
    async fn destroy(&self) {
        let outcome = self.try_apply(&Blueprint::new()).await;
        assert!(outcome.complete(), "{outcome:#?}");
        assert_eq!(self.live().await, BTreeMap::new());
        let ec2 = self.aws.ec2();
        assert!(ec2.describe_vpcs().send().await.unwrap().vpcs().is_empty());
        assert!(ec2.describe_addresses().send().await.unwrap().addresses().is_empty());
        assert!(ec2.describe_internet_gateways().send().await.unwrap().internet_gateways().is_empty());
    }

    /// What AWS hides for a moment becomes visible.
    async fn settle(&self) {
        self.aws.clock().sleep(Duration::from_secs(120)).await;
    }

    async fn live(&self) -> BTreeMap<String, Live> {
        let owned = self.look(&Blueprint::new()).await.1.snapshot.owned;
        owned.into_iter().map(|(address, found)| (address.to_string(), Arc::unwrap_or_clone(found.live))).collect()
    }

    async fn steps(&self, blueprint: &Blueprint) -> Vec<(String, Action, Vec<String>)> {
        let steps = self.look(blueprint).await.2.steps.into_iter().filter(|s| s.action != Action::Keep);
        let paths = |fields: &[dlinfra::plan::FieldChange]| fields.iter().map(|f| f.path.clone()).collect();
        steps.map(|s| (s.address.to_string(), s.action, paths(&s.fields))).collect()
    }

    fn count(&self, operation: &str) -> u64 {
        self.sandbox.requests().count(&format!("ec2:{operation}"))
    }
}

fn to(address: &str) -> Value {
    json!({ "$ref": address })
}

/// A VPC with a public and a private subnet, a NAT gateway, and two groups that refer to each other.
fn network() -> Blueprint {
    let everywhere = "0.0.0.0/0";
    Blueprint::from([
        (("vpc", "vpc"), json!({ "cidr": "10.0.0.0/16" })),
        (("igw", "internet-gateway"), json!({ "vpc": to("vpc") })),
        (
            ("public", "subnet"),
            json!({ "vpc": to("vpc"), "cidr": "10.0.0.0/24", "zone": "us-east-1a", "public": true }),
        ),
        (("private", "subnet"), json!({ "vpc": to("vpc"), "cidr": "10.0.16.0/20", "zone": "us-east-1a" })),
        (("spare", "subnet"), json!({ "vpc": to("vpc"), "cidr": "10.0.32.0/20", "zone": "us-east-1b" })),
        (("nat", "nat-gateway"), json!({ "subnet": to("public"), "internet_gateway": to("igw") })),
        (
            ("out", "route-table"),
            json!({
                "vpc": to("vpc"), "subnets": [to("public")],
                "routes": [{ "to": everywhere, "internet_gateway": to("igw") }],
            }),
        ),
        (
            ("inside", "route-table"),
            json!({
                "vpc": to("vpc"), "subnets": [to("spare"), to("private")],
                "routes": [{ "to": everywhere, "nat_gateway": to("nat") }],
            }),
        ),
        (
            ("nodes", "security-group"),
            json!({
                "vpc": to("vpc"),
                "ingress": [
                    { "protocol": "all", "self": true, "description": "EFA" },
                    { "protocol": "tcp", "ports": "22", "source": to("head") },
                ],
                "egress": [{ "protocol": "all", "self": true }, { "protocol": "all", "cidr": everywhere }],
            }),
        ),
        (
            ("head", "security-group"),
            json!({
                "vpc": to("vpc"),
                "ingress": [
                    { "protocol": "tcp", "ports": "22", "cidr": "10.0.0.0/8" },
                    { "protocol": "tcp", "ports": "1018-1023", "source": to("nodes") },
                ],
            }),
        ),
    ])
}

#[test]
fn ranges_and_owners_that_aws_refuses_are_found_beforehand() {
    let none = Vec::<&str>::new();
    let vpc = |cidr: &str| super::codes("vpc", &json!({ "cidr": cidr }));
    assert_eq!((vpc("10.0.0.0/16"), vpc("10.0.0.0/28")), (none.clone(), none.clone()));
    assert_eq!((vpc("10.0.0.0/15"), vpc("10.0.0.0/29")), (vec!["DL0310"], vec!["DL0310"]));
    let group = |owner: Value| super::codes("security-group", &owner);
    assert_eq!(group(json!({ "vpc": { "$id": "vpc-1" } })), none);
    assert_eq!(group(json!({ "subnet": { "$id": "subnet-1" } })), none);
    assert_eq!(group(json!({})), ["DL0326"]);
    assert_eq!(group(json!({ "vpc": { "$id": "vpc-1" }, "subnet": { "$id": "subnet-1" } })), ["DL0326"]);
}

#[tokio::test(start_paused = true)]
async fn a_network_lives_through_every_change() {
    let world = World::new(Behaviour::default()).await;
    let mut blueprint = network();
    world.apply(&blueprint).await;
    let first = world.live().await;
    assert_eq!(first.len(), 10);
    assert!(first.values().all(|l| l.state == State::Ready));
    assert!(first["nat"].outputs["public_ip"].is_string());
    assert_eq!(first["nat"].spec["internet_gateway"], to("igw"));
    assert!(first["nat"].parts["address"].starts_with("eipalloc-"));

    // Everything that AWS can change in place, at once.
    blueprint.get_mut(&("vpc", "vpc")).unwrap()["dns_hostnames"] = json!(false);
    blueprint.get_mut(&("public", "subnet")).unwrap()["public"] = json!(false);
    let inside = blueprint.get_mut(&("inside", "route-table")).unwrap();
    inside["routes"] = json!([
        { "to": "192.168.0.0/16", "nat_gateway": to("nat") },
        { "to": "0.0.0.0/0", "internet_gateway": to("igw") },
    ]);
    inside["subnets"] = json!([to("private")]);
    blueprint.get_mut(&("out", "route-table")).unwrap()["subnets"] = json!([to("public"), to("spare")]);
    blueprint.get_mut(&("nodes", "security-group")).unwrap()["ingress"] = json!([
        { "protocol": "all", "self": true, "description": "EFA and NCCL" },
        { "protocol": "tcp", "ports": "2222", "source": to("head") },
    ]);
    blueprint.get_mut(&("head", "security-group")).unwrap()["egress"] = json!([]);
    let steps = world.steps(&blueprint).await;
    assert!(steps.iter().all(|(_, action, _)| *action == Action::Update), "{steps:#?}");
    assert_eq!(steps.len(), 6);
    world.apply(&blueprint).await;
    let second = world.live().await;
    let ids = |live: &BTreeMap<String, Live>| live.values().map(|l| l.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&first), ids(&second));
    assert_eq!(world.count("UpdateSecurityGroupRuleDescriptionsIngress"), 1);

    // Back again: what is no longer written returns to its default.
    world.apply(&network()).await;
    world.destroy().await;
}

#[tokio::test(start_paused = true)]
async fn what_somebody_changed_is_put_right() {
    let world = World::new(Behaviour::default()).await;
    let blueprint = network();
    world.apply(&blueprint).await;
    let live = world.live().await;
    let id = |address: &str| live[address].id.clone();
    let ec2 = world.aws.ec2();

    // The NAT gateway is deleted (its route leads nowhere), a subnet loses its table, a group gains and loses rules.
    ec2.delete_nat_gateway().nat_gateway_id(id("nat")).send().await.unwrap();
    let tables = ec2.describe_route_tables().route_table_ids(id("out")).send().await.unwrap();
    let association = tables.route_tables()[0].associations()[0].route_table_association_id().unwrap();
    ec2.disassociate_route_table().association_id(association).send().await.unwrap();
    ec2.create_route()
        .route_table_id(id("out"))
        .destination_cidr_block("172.16.0.0/12")
        .gateway_id(id("igw"))
        .send()
        .await
        .unwrap();
    let open = aws_sdk_ec2::types::IpPermission::builder()
        .ip_protocol("tcp")
        .from_port(443)
        .to_port(443)
        .ip_ranges(aws_sdk_ec2::types::IpRange::builder().cidr_ip("0.0.0.0/0").build());
    ec2.authorize_security_group_ingress().group_id(id("head")).ip_permissions(open.build()).send().await.unwrap();
    let all = aws_sdk_ec2::types::IpPermission::builder()
        .ip_protocol("-1")
        .ip_ranges(aws_sdk_ec2::types::IpRange::builder().cidr_ip("0.0.0.0/0").build());
    ec2.revoke_security_group_egress().group_id(id("head")).ip_permissions(all.build()).send().await.unwrap();
    world.settle().await;

    // Only the address of the NAT gateway is left of it, and is used again.
    let now = world.live().await;
    assert_eq!((now["nat"].state.clone(), &now["nat"].parts), (State::Partial, &live["nat"].parts));
    let steps: BTreeMap<String, Vec<String>> =
        world.steps(&blueprint).await.into_iter().map(|(address, _, paths)| (address, paths)).collect();
    let changed: Vec<&str> = steps.keys().map(String::as_str).collect();
    assert_eq!(changed, ["head", "inside", "nat", "out"]);
    assert_eq!(steps["head"], ["egress", "ingress"]);
    assert_eq!(steps["out"], ["routes", "subnets"]);
    world.apply(&blueprint).await;
    assert_eq!(world.live().await["nat"].parts, live["nat"].parts);
    assert_eq!(world.count("AllocateAddress"), 1);
    world.destroy().await;
}

#[tokio::test(start_paused = true)]
async fn a_cut_connection_makes_nothing_twice() {
    let calls = [
        "CreateVpc",
        "CreateSubnet",
        "CreateInternetGateway",
        "AttachInternetGateway",
        "AllocateAddress",
        "CreateNatGateway",
        "CreateRouteTable",
        "CreateRoute",
        "AssociateRouteTable",
        "CreateSecurityGroup",
        "AuthorizeSecurityGroupIngress",
        "RevokeSecurityGroupEgress",
    ];
    for call in calls {
        for action in [FaultAction::CutAfter, FaultAction::CutBefore] {
            let world = World::new(Behaviour::default()).await;
            world.sandbox.add_fault(FaultRule::new(format!("ec2:{call}"), action.clone()).nth(1));
            let mut blueprint = network();
            blueprint.get_mut(&("head", "security-group")).unwrap()["egress"] = json!([]);
            // One run may stop; the next one goes on.
            if !world.try_apply(&blueprint).await.complete() {
                world.settle().await;
            }
            world.apply(&blueprint).await;
            let made = world.live().await;
            assert_eq!(made.len(), 10, "{call} {action:?}");
            let ec2 = world.aws.ec2();
            let vpcs = ec2.describe_vpcs().send().await.unwrap().vpcs().len();
            let subnets = ec2.describe_subnets().send().await.unwrap().subnets().len();
            let gateways = ec2.describe_internet_gateways().send().await.unwrap().internet_gateways().len();
            let nat = ec2.describe_nat_gateways().send().await.unwrap().nat_gateways().len();
            let addresses = ec2.describe_addresses().send().await.unwrap().addresses().len();
            // With the VPC's own table and group.
            let tables = ec2.describe_route_tables().send().await.unwrap().route_tables().len();
            let groups = ec2.describe_security_groups().send().await.unwrap().security_groups().len();
            let found = (vpcs, subnets, gateways, nat, addresses, tables, groups);
            assert_eq!(found, (1, 3, 1, 1, 1, 3, 3), "{call} {action:?}");
            world.destroy().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_region_is_waited_for() {
    // Lists lag behind what calls accept, or calls lag behind what lists show.
    for (describe, reference) in [(20.0, 8.0), (0.0, 8.0), (40.0, 0.0)] {
        let consistency = BTreeMap::from([("ec2".to_owned(), Consistency { describe, reference })]);
        let world = World::new(Behaviour { consistency, ..Behaviour::default() }).await;
        world.apply(&network()).await;
        let gateways = world.aws.ec2().describe_nat_gateways().send().await.unwrap().nat_gateways().len();
        assert_eq!((world.count("AllocateAddress"), gateways), (1, 1), "{describe} {reference}");
        world.destroy().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_replaced_group_is_pointed_at_again() {
    let world = World::new(Behaviour::default()).await;
    let mut blueprint = network();
    blueprint.insert(("other", "vpc"), json!({ "cidr": "10.1.0.0/16" }));
    blueprint.insert(
        ("client", "security-group"),
        json!({ "vpc": to("vpc"), "egress": [{ "protocol": "tcp", "ports": "22", "source": to("head") }] }),
    );
    world.apply(&blueprint).await;
    let before = world.live().await;
    // Two groups that point at each other are replaced, a third that points at one of them stays.
    let (engine, view, _, wanted) = world.look(&blueprint).await;
    let again = ["head", "nodes"].map(|a| Address::parse(a).unwrap()).into();
    let plan = engine.plan(&wanted, &view, &again).unwrap();
    let actions: BTreeMap<&str, Action> = plan.steps.iter().map(|s| (s.address.as_str(), s.action)).collect();
    assert_eq!((actions["head"], actions["client"]), (Action::Replace, Action::Update));
    let (_keep, cancel) = tokio::sync::watch::channel(false);
    let run = Execution { command: "apply", presence: None, delete_data: true, sink: Arc::new(|_| {}), cancel };
    let outcome = engine.execute(&plan, &view, &wanted, run).await.unwrap();
    assert!(outcome.complete(), "{outcome:#?}");
    world.apply(&blueprint).await;
    let after = world.live().await;
    assert_ne!(before["head"].id, after["head"].id);
    assert_eq!(before["client"].id, after["client"].id);
    world.destroy().await;
}

#[tokio::test(start_paused = true)]
async fn a_group_of_somebody_else_is_refused() {
    let world = World::new(Behaviour::default()).await;
    let mut blueprint = network();
    blueprint.retain(|(address, _), _| ["vpc", "head"].contains(address));
    blueprint.get_mut(&("head", "security-group")).unwrap()["ingress"] = json!([]);
    world.apply(&blueprint).await;
    // The same name in the same VPC, without our tags.
    let group = world.live().await["head"].clone();
    let name = group.outputs["name"].as_str().unwrap();
    let vpc = world.live().await["vpc"].id.clone();
    let ec2 = world.aws.ec2();
    ec2.delete_security_group().group_id(&group.id).send().await.unwrap();
    let other = ec2.create_security_group().group_name(name).description("not ours").vpc_id(vpc).send().await.unwrap();
    world.settle().await;
    let outcome = world.try_apply(&blueprint).await;
    let error = &outcome.failed[0].1;
    assert!(error.message.contains("was not made by dlinfra"), "{error}");
    ec2.delete_security_group().group_id(other.group_id().unwrap()).send().await.unwrap();
    world.apply(&blueprint).await;
    world.destroy().await;
}

#[tokio::test(start_paused = true)]
async fn machines_wait_for_the_way_out_of_their_subnet() {
    let world = World::new(Behaviour::default()).await;
    let mut blueprint = network();
    blueprint.insert(
        ("train", "instance-group"),
        json!({
            "instance_type": "m5.large", "count": 1, "image": "al2023", "subnet": to("private"),
            "interfaces": { "security_groups": [to("nodes")] },
        }),
    );
    let plan = world.look(&blueprint).await.2;
    let made = |address: &str| {
        let of = |t: &&dlinfra::plan::Task| plan.steps[t.step].address.as_str() == address;
        let task = |t: &&dlinfra::plan::Task| of(t) && t.operation == dlinfra::plan::Operation::Make;
        plan.tasks.iter().position(|t| task(&t)).unwrap()
    };
    for first in ["inside", "nat", "out", "igw"] {
        assert!(plan.dag.reaches(made(first), made("train")), "{first}");
    }
    world.apply(&blueprint).await;
    world.destroy().await;
}

#[tokio::test(start_paused = true)]
async fn a_nat_gateway_that_failed_is_made_again() {
    let world = World::new(Behaviour::default()).await;
    let mut blueprint = network();
    blueprint.retain(|(address, _), _| ["vpc", "public", "nat"].contains(address));
    blueprint.insert(("nat", "nat-gateway"), json!({ "subnet": to("public") }));
    let outcome = world.try_apply(&blueprint).await;
    let error = &outcome.failed[0].1;
    assert!(error.message.contains("has no Internet gateway attached"), "{error}");
    assert!(matches!(world.live().await["nat"].state, State::Failed(_)));
    blueprint.insert(("igw", "internet-gateway"), json!({ "vpc": to("vpc") }));
    blueprint.insert(("nat", "nat-gateway"), json!({ "subnet": to("public"), "internet_gateway": to("igw") }));
    world.apply(&blueprint).await;
    world.destroy().await;
}

#[tokio::test(start_paused = true)]
async fn a_table_of_somebody_else_keeps_its_subnet() {
    let world = World::new(Behaviour::default()).await;
    let ec2 = world.aws.ec2();
    let mut blueprint = network();
    blueprint.retain(|(address, _), _| ["vpc", "private"].contains(address));
    world.apply(&blueprint).await;
    let live = world.live().await;
    let other = ec2.create_route_table().vpc_id(&live["vpc"].id).send().await.unwrap().route_table.unwrap();
    let other = other.route_table_id.unwrap();
    let call = ec2.associate_route_table().route_table_id(&other).subnet_id(&live["private"].id);
    let association = call.send().await.unwrap().association_id.unwrap();
    world.settle().await;
    blueprint.insert(("inside", "route-table"), json!({ "vpc": to("vpc"), "subnets": [to("private")] }));
    let outcome = world.try_apply(&blueprint).await;
    let error = &outcome.failed[0].1;
    assert!(error.message.contains(&other) && error.message.contains("was not made by dlinfra"), "{error}");
    ec2.disassociate_route_table().association_id(association).send().await.unwrap();
    ec2.delete_route_table().route_table_id(other).send().await.unwrap();
    world.apply(&blueprint).await;
    world.destroy().await;
}

#[tokio::test(start_paused = true)]
async fn what_others_made_can_be_looked_up() {
    let world = World::new(Behaviour::default()).await;
    world.apply(&network()).await;
    let owned = world.live().await;
    let (engine, _, _, _) = world.look(&Blueprint::new()).await;
    let scope = Scope { stack: "another".to_owned(), ..scope(&engine) };
    let ctx = SweepCtx::new(world.aws.clone(), Arc::new(scope));
    for ((address, kind), _) in network() {
        let kind = *KINDS.iter().find(|k| k.name() == kind).unwrap();
        let mut ways =
            vec![Lookup::Id(owned[address].id.clone()), Lookup::Tags([("dlinfra:address", address.to_owned())].into())];
        ways.extend(owned[address].outputs.get("name").map(|n| Lookup::Name(n.as_str().unwrap().to_owned())));
        for by in ways {
            let found = kind.lookup(&ctx, &by).await.unwrap();
            assert_eq!(found.len(), 1, "{by:?}");
            assert_eq!((&found[0].id, &found[0].address), (&owned[address].id, &Address::unowned()));
            assert_eq!(found[0].outputs, owned[address].outputs);
        }
        let absent = kind.lookup(&ctx, &Lookup::Name("nobody".to_owned())).await.unwrap();
        assert!(absent.is_empty(), "{address}");
        assert!(kind.sweep(&ctx).await.unwrap().is_empty(), "{address}");
    }
}

fn scope(engine: &Engine) -> Scope {
    Scope {
        partition: "aws".to_owned(),
        account: engine.identity().account.clone(),
        region: "us-east-1".to_owned(),
        stack: "demo".to_owned(),
        stack_id: "00000000".to_owned(),
    }
}
