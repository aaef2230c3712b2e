//! Moves of a live stack, each in one apply: another zone, another order of zones, a range or a name that changes hands.
use crate::{
    crash_lives::Life,
    crash_matrix::die_everywhere,
    crash_tape::Store,
    plans::{Account, address, to},
    stage::{Stage, blueprint, text, wanted},
};
use dlinfra::{
    aws::Error,
    call::{Ctx, SweepCtx},
    field::Ref,
    kind::Of,
    kinds::Subnet,
    plan::{Operation, Plan, Wanted},
    resource::{About, Changes, Durations, Id, Live, Lookup, Resource},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc};

const NETWORK: &str = "blueprint: test
region: us-east-1
ttl: 24h
variables: { zones: { type: list(string) }, nat: { type: string, default: one } }
resources:
  net: { use: network, zone_names: '${var.zones}', nat: '${var.nat}' }
";

/// The network of these zones.
fn network(zones: &str, nat: &str) -> Vec<Wanted> {
    let zones: Vec<String> = zones.chars().map(|letter| format!("us-east-1{letter}")).collect();
    blueprint(NETWORK, &[("zones", &format!("[{}]", zones.join(", "))), ("nat", nat)])
}

/// The same with ranges by place and nothing else, as the module had them once.
fn by_place(zones: &str, nat: &str) -> Vec<Wanted> {
    let mut out = network(zones, nat);
    for item in &mut out {
        Arc::make_mut(&mut item.spec).as_object_mut().unwrap().remove("alternatives");
    }
    out
}

/// Ids and ranges of the subnets by address.
async fn subnets(stage: &Stage) -> BTreeMap<String, (String, String)> {
    let (_, view, _) = stage.look(&[]).await;
    let subnets = view.snapshot.owned.values().filter(|f| f.kind.name() == "subnet");
    let row = |l: &dlinfra::resource::Live| (l.id.clone(), l.spec["cidr"].as_str().unwrap().to_owned());
    subnets.map(|f| (f.live.address.to_string(), row(&f.live))).collect()
}

#[tokio::test(start_paused = true)]
async fn zones_come_and_go_and_ranges_stay() {
    for (nats, from, through) in [
        (&["none", "one", "per-zone"][..], "a", vec!["d", "a"]),
        (&["one", "per-zone"], "ab", vec!["ba"]),
        (&["one"], "ab", vec!["cab", "bc", "b"]),
        (&["none"], "abc", vec!["bc", "c", "ac"]),
        (&["per-zone"], "ab", vec!["cd", "ab"]),
        (&["none"], "abcdef", vec!["fedcba", "ad"]),
    ] {
        for nat in nats {
            let stage = Stage::new().await;
            // Made when ranges went by place.
            stage.settle(&by_place(from, nat)).await;
            let plan = stage.plan(&network(from, nat)).await;
            assert!(plan.is_empty(), "{from} {nat}: {}", text(&plan));
            let mut before = from;
            for &to in &through {
                let were = subnets(&stage).await;
                stage.settle(&network(to, nat)).await;
                let are = subnets(&stage).await;
                for letter in before.chars().filter(|letter| to.contains(*letter)) {
                    for which in ["public", "private"] {
                        let address = format!("net.{which}/us-east-1{letter}");
                        assert_eq!(were[&address], are[&address], "{nat}: {from} .. {before} -> {to}: {address}");
                    }
                }
                assert_eq!(are.len(), 2 * to.len());
                before = to;
            }
            stage.apply(&[]).await;
            assert_eq!(stage.left().await, Vec::<String>::new());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn ranges_by_place_move_too() {
    for (nats, from, to) in [
        (&["none", "one", "per-zone"][..], "a", "d"),
        (&["one", "per-zone"], "ab", "ba"),
        (&["one"], "ab", "cab"),
        (&["none"], "ab", "b"),
        (&["per-zone"], "ab", "cd"),
        (&["none"], "abc", "cab"),
    ] {
        for nat in nats {
            let stage = Stage::new().await;
            stage.settle(&by_place(from, nat)).await;
            stage.settle(&by_place(to, nat)).await;
            stage.settle(&by_place(from, nat)).await;
            stage.apply(&[]).await;
            assert_eq!(stage.left().await, Vec::<String>::new());
        }
    }
}

/// One range that goes from one subnet to another, with a table that uses both.
fn handed_over(subnet: &str) -> Vec<Wanted> {
    vec![
        wanted("vpc", "vpc", json!({ "cidr": "10.0.0.0/16" })),
        wanted(subnet, "subnet", json!({ "vpc": to("vpc"), "cidr": "10.0.1.0/24", "zone": "us-east-1a" })),
        wanted("table", "route-table", json!({ "vpc": to("vpc"), "subnets": [to(subnet)] })),
    ]
}

/// The tasks by operation and address, in an order in which they may run.
fn tasks(plan: &Plan) -> Vec<String> {
    let order = plan.dag.order(|n| n).unwrap();
    let task = |n: &usize| &plan.tasks[*n];
    order.iter().map(|n| format!("{:?} {}", task(n).operation, plan.steps[task(n).step].address)).collect()
}

#[test]
fn who_stays_lets_go_only_where_it_must() {
    let account = Account::with(&handed_over("old"));
    let plan = account.plan(&handed_over("new"));
    assert_eq!(tasks(&plan), ["Clear table", "Remove old", "Make new", "Make table"]);
    // With another range the table has a subnet all the time.
    let mut other = handed_over("new");
    Arc::make_mut(&mut other[1].spec)["cidr"] = json!("10.0.2.0/24");
    assert_eq!(tasks(&account.plan(&other)), ["Make new", "Make table", "Remove old"]);
    // A part of it is as good as all of it.
    Arc::make_mut(&mut other[1].spec)["cidr"] = json!("10.0.0.0/20");
    assert_eq!(tasks(&account.plan(&other)), ["Clear table", "Remove old", "Make new", "Make table"]);
}

#[test]
fn names_and_reservations_change_hands() {
    let bucket = |address: &str| vec![wanted(address, "bucket", json!({ "name": "one-name-4711" }))];
    assert_eq!(tasks(&Account::with(&bucket("a")).plan(&bucket("b"))), ["Remove a", "Make b"]);
    let machines = |address: &str| {
        let spec = json!({ "instance_type": "p5.48xlarge", "count": 1, "subnet": to("sub"), "image": "ami-0123456789abcdef0",
            "interfaces": { "security_groups": [] }, "reservation": "cr-0123456789abcdef0" });
        let mut all = handed_over("sub");
        let mut group = wanted("vpc", "vpc", json!({ "cidr": "10.0.0.0/16" }));
        group.address = crate::plans::address(address);
        group.kind = dlinfra::kinds::KINDS.iter().find(|k| k.name() == "instance-group").copied().unwrap();
        group.spec = group.kind.canonical(&spec).unwrap().into();
        all.push(group);
        all
    };
    assert_eq!(tasks(&Account::with(&machines("a")).plan(&machines("b"))), ["Remove a", "Make b"]);
}

/// Holds a subnet, and changes only by replacing its members: it cannot let go in place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Anchor {
    /// What it holds.
    subnet: Ref<Subnet>,
}

impl Resource for Anchor {
    const KIND: &'static str = "anchor";
    const ABOUT: About = About { rolling: &["subnet"], ..About::new("Holds a subnet, for tests") };

    fn summary(&self) -> String {
        "anchor".to_owned()
    }
    fn durations(&self) -> Durations {
        Durations::quick(1, 1, 1)
    }
    async fn sweep(_: &SweepCtx) -> Result<Vec<Live<Self>>, Error> {
        Ok(Vec::new())
    }
    async fn create(&self, _: &Ctx, _: Option<&Live<Self>>) -> Result<Id, Error> {
        Err(Error::bug("only planned"))
    }
    async fn update(_: &Self, _: &Ctx, _: &Live<Self>, _: &Changes) -> Result<(), Error> {
        Err(Error::bug("only planned"))
    }
    async fn delete(_: &Ctx, _: &Live<Self>) -> Result<(), Error> {
        Err(Error::bug("only planned"))
    }
    async fn lookup(_: &SweepCtx, _: &Lookup) -> Result<Vec<Live<Self>>, Error> {
        Ok(Vec::new())
    }
}

#[test]
fn a_move_that_never_ends_is_refused_before_anything_ends() {
    static ANCHOR: Of<Anchor> = Of::KIND;
    let with = |subnet: &str| {
        let mut all = handed_over(subnet);
        let item = Wanted {
            address: address("anchor"),
            kind: &ANCHOR,
            spec: json!({ "subnet": to(subnet) }).into(),
            ..all[2].clone()
        };
        all.push(item);
        all
    };
    let problems = Account::with(&with("old")).try_plan(&with("new")).err().unwrap();
    let found: Vec<_> = problems.iter().map(|d| (d.code, d.address.as_deref(), d.help.len())).collect();
    assert_eq!(found, [("DL0550", Some("new"), 1)], "{problems}");
    // With another range nothing waits for it.
    let mut other = with("new");
    Arc::make_mut(&mut other[1].spec)["cidr"] = json!("10.0.2.0/24");
    assert!(Account::with(&with("old")).try_plan(&other).is_ok());
}

#[test]
fn alternatives_are_chosen_from_what_is_known() {
    let ranges = ["10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24"];
    let subnet = |address: &str, first: &str| {
        wanted(
            address,
            "subnet",
            json!({ "vpc": to("vpc"), "cidr": first, "alternatives": ranges, "zone": "us-east-1a" }),
        )
    };
    let vpc = || wanted("vpc", "vpc", json!({ "cidr": "10.0.0.0/16" }));
    let chosen = |plan: &Plan, address: &str| {
        let step = plan.steps.iter().find(|s| s.address.as_str() == address).unwrap();
        step.want.as_ref().unwrap()["cidr"].clone()
    };
    let none = Account::with(&[]);
    // Two that would like the same.
    let plan = none.plan(&[vpc(), subnet("a", ranges[0]), subnet("b", ranges[0])]);
    assert_eq!((chosen(&plan, "a"), chosen(&plan, "b")), (json!(ranges[0]), json!(ranges[1])));
    // One without a choice comes first.
    let fixed = wanted("z", "subnet", json!({ "vpc": to("vpc"), "cidr": ranges[0], "zone": "us-east-1a" }));
    assert_eq!(chosen(&none.plan(&[vpc(), subnet("a", ranges[0]), fixed]), "a"), json!(ranges[1]));
    // What goes is not waited for while there is another.
    let account = Account::with(&[vpc(), subnet("old", ranges[0])]);
    let plan = account.plan(&[vpc(), subnet("new", ranges[0])]);
    assert_eq!(chosen(&plan, "new"), json!(ranges[1]));
    assert_eq!(plan.choices.values().collect::<Vec<_>>(), [&json!(ranges[1])]);
    let three = |names: [&str; 3]| {
        [vpc(), subnet(names[0], ranges[0]), subnet(names[1], ranges[1]), subnet(names[2], ranges[2])]
    };
    let plan = Account::with(&three(["a", "b", "c"])).plan(&three(["x", "y", "z"]));
    assert_eq!(tasks(&plan).len(), 6);
    assert!(plan.tasks.iter().all(|t| t.operation != Operation::Clear));
    // What the journal keeps for it goes before what is written first.
    let mut account = Account::with(&[vpc()]);
    account.pinned.insert(address("a"), json!(ranges[2]));
    assert_eq!(chosen(&account.plan(&[vpc(), subnet("a", ranges[0])]), "a"), json!(ranges[2]));
    // Nothing is left.
    let four: Vec<Wanted> = std::iter::once(vpc()).chain(["a", "b", "c", "d"].map(|n| subnet(n, ranges[0]))).collect();
    let problems = none.try_plan(&four).err().unwrap();
    assert_eq!(problems.iter().map(|d| (d.code, d.address.as_deref())).collect::<Vec<_>>(), [("DL0551", Some("d"))]);
}

#[tokio::test(start_paused = true)]
async fn a_choice_that_is_taken_back_changes_nothing() {
    let stage = Stage::new().await;
    let with = |alternatives: Value| {
        let subnet =
            json!({ "vpc": to("vpc"), "cidr": "10.0.1.0/24", "alternatives": alternatives, "zone": "us-east-1a" });
        vec![wanted("vpc", "vpc", json!({ "cidr": "10.0.0.0/16" })), wanted("a", "subnet", subnet)]
    };
    stage.settle(&with(json!(["10.0.2.0/24"]))).await;
    let plan = stage.plan(&with(json!([]))).await;
    assert!(plan.is_empty(), "{}", text(&plan));
}

#[tokio::test(start_paused = true)]
async fn a_group_named_by_its_subnet_moves_with_the_vpc() {
    let text = "blueprint: test
region: us-east-1
ttl: 24h
variables: { range: { type: cidr } }
resources:
  net: { use: network, cidr: '${var.range}', zones: 1, nat: none }
  nodes: { kind: security-group, subnet: '${net.private[0]}', ingress: [{ protocol: all, self: true }] }
  shared: { kind: security-group, subnet: '${net.private[0]}', ingress: [{ protocol: all, source: '${nodes}' }] }
";
    let stage = Stage::new().await;
    for range in ["10.0.0.0/16", "10.9.0.0/16", "10.9.0.0/17"] {
        stage.settle(&blueprint(text, &[("range", range)])).await;
    }
}

#[test]
fn a_move_may_be_killed_anywhere() {
    let parents = vec![wanted("vpc", "vpc", json!({ "cidr": "10.0.0.0/16" }))];
    let commands = vec![("make", handed_over("old")), ("move", handed_over("new")), ("destroy", Vec::new())];
    let row = die_everywhere(&Life { kind: "handed over", parents, commands }, Store::Memory);
    assert_eq!(row.failures, Vec::<String>::new());
    let parents = network("a", "none").into_iter().filter(|w| w.address.as_str() == "net.vpc").collect();
    let commands = vec![("make", network("a", "none")), ("move", network("b", "none")), ("destroy", Vec::new())];
    let row = die_everywhere(&Life { kind: "network", parents, commands }, Store::Memory);
    assert_eq!(row.failures, Vec::<String>::new());
}
