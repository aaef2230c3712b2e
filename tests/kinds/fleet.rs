//! Instance groups through their whole life, driven by the real planner and executor against the simulated AWS.
#![allow(clippy::needless_pass_by_value, reason = "callers write the spec in place")]
use crate::stage::{Memory, Stage, wanted};
use dlinfra::{
    address::Address,
    apply::{Executor, Outcome},
    aws::Aws,
    call::{Scope, SweepCtx},
    kind::{Kind, Of},
    kinds::InstanceGroup,
    plan::{self, Action, Plan, Wanted},
    resource::{Live, Lookup, State},
    snapshot::{self, Snapshot},
};
use dlinfra_sandbox::{Behaviour, FaultAction, FaultRule, Sandbox, SandboxConfig};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

static KINDS: &[&dyn Kind] = &[&Of::<InstanceGroup>::KIND.fleet().compares().asks().teardown()];

/// An account with a network, and a stack that holds one group.
struct World {
    sandbox: Sandbox,
    aws: Aws,
    sweep: SweepCtx,
    memory: Arc<Memory>,
    subnet: String,
    group: String,
    /// Tags beside those of every test.
    more_tags: BTreeMap<String, String>,
}

impl World {
    async fn new(behaviour: Behaviour) -> Self {
        let start = "2026-01-01T00:00:00Z".parse().unwrap();
        let stage = Stage::with(SandboxConfig { start: Some(start), behaviour, ..Default::default() }).await;
        let aws = stage.aws().await;
        let scope = Arc::new(Scope {
            partition: "aws".to_owned(),
            account: "000000000000".to_owned(),
            region: "us-east-1".to_owned(),
            stack: "demo".to_owned(),
            stack_id: "5f3c".to_owned(),
        });
        let sweep = SweepCtx::new(aws.clone(), scope);
        let ec2 = aws.ec2();
        let vpc = ec2.create_vpc().cidr_block("10.0.0.0/16").send().await.unwrap().vpc.unwrap().vpc_id.unwrap();
        aws.clock().sleep(std::time::Duration::from_secs(5)).await;
        let subnet = ec2.create_subnet().vpc_id(&vpc).cidr_block("10.0.0.0/20").availability_zone("us-east-1a");
        let subnet = subnet.send().await.unwrap().subnet.unwrap().subnet_id.unwrap();
        let group = ec2.create_security_group().group_name("fleet").description("fleet").vpc_id(&vpc);
        let group = group.send().await.unwrap().group_id.unwrap();
        aws.clock().sleep(std::time::Duration::from_secs(5)).await;
        Self { sandbox: stage.sandbox, aws, sweep, memory: Arc::default(), subnet, group, more_tags: BTreeMap::new() }
    }

    fn spec(&self, changes: Value) -> Value {
        let mut spec = json!({
            "instance_type": "p5.48xlarge",
            "count": 4,
            "subnet": { "$id": self.subnet },
            "image": "dlami-base-ubuntu-22.04",
            "interfaces": { "security_groups": [{ "$id": self.group }] },
            "boot": { "script": "#!/bin/bash\necho ready\n", "env": { "MOUNT": "it's here" } },
        });
        for (key, value) in changes.as_object().unwrap() {
            match value.is_null() {
                true => drop(spec.as_object_mut().unwrap().remove(key)),
                false => drop(spec.as_object_mut().unwrap().insert(key.clone(), value.clone())),
            }
        }
        spec
    }

    async fn snapshot(&self) -> Snapshot {
        Snapshot::build(snapshot::take(KINDS, &self.sweep).await.unwrap(), BTreeMap::new()).unwrap()
    }

    async fn plan(&self, spec: Option<Value>) -> (Plan, Snapshot) {
        let wanted: Vec<Wanted> = spec
            .into_iter()
            .map(|spec| {
                let problems = KINDS[0].check(&spec);
                assert_eq!(problems, []);
                Wanted {
                    address: Address::parse("train.group").unwrap(),
                    kind: KINDS[0],
                    spec: KINDS[0].canonical(&spec).unwrap().into(),
                    depends_on: Vec::new(),
                    protect: None,
                    existing: None,
                    moved: Vec::new(),
                }
            })
            .collect();
        let snapshot = self.snapshot().await;
        let tags: BTreeMap<String, String> = [
            ("dlinfra:v", "1"),
            ("dlinfra:stack", "demo"),
            ("dlinfra:stack-id", "5f3c"),
            ("dlinfra:owner", "tests"),
            ("CostCenter", "4711"),
        ]
        .into_iter()
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .chain(self.more_tags.clone())
        .collect();
        let input = plan::Input {
            wanted: &wanted,
            snapshot: &snapshot,
            applied: &self.memory.applied.lock().unwrap().clone(),
            interrupted: &BTreeMap::new(),
            settings: &BTreeMap::new(),
            pinned: &BTreeMap::new(),
            tags: &tags,
            replace: &BTreeSet::new(),
            now: self.aws.clock().now(),
        };
        (plan::plan(&input).unwrap(), snapshot)
    }

    /// Plans and applies; the plan after it must be empty.
    async fn apply(&self, spec: Option<Value>) -> Plan {
        let (plan, outcome) = self.try_apply(spec.clone()).await;
        assert!(outcome.complete(), "{outcome:?}");
        let (again, _) = self.plan(spec).await;
        let left: Vec<_> = again.steps.iter().map(|s| (s.action, &s.reason, &s.fields, &s.outdated)).collect();
        assert!(again.is_empty(), "{left:#?}");
        plan
    }

    async fn try_apply(&self, spec: Option<Value>) -> (Plan, Outcome) {
        let (plan, snapshot) = self.plan(spec).await;
        let (_stop, cancel) = tokio::sync::watch::channel(false);
        let executor = Executor {
            aws: self.aws.clone(),
            scope: self.sweep.scope.clone(),
            kinds: KINDS,
            recorder: self.memory.clone(),
            open: BTreeMap::new(),
            unseen: BTreeMap::new(),
            sweep: self.sweep.clone(),
            sink: Arc::new(|_| {}),
            cancel,
            delete_data: false,
        };
        let outcome = executor.run(&plan, &snapshot).await;
        (plan, outcome)
    }

    async fn live(&self) -> Option<Live> {
        self.snapshot().await.owned.into_values().next().map(|f| Arc::unwrap_or_clone(f.live))
    }

    async fn members(&self) -> Vec<String> {
        self.live().await.map(|l| l.members.into_iter().map(|m| m.id).collect()).unwrap_or_default()
    }

    fn launches(&self) -> u64 {
        self.sandbox.requests().count("ec2:RunInstances")
    }

    /// Everything of the group is gone.
    async fn assert_nothing_is_left(&self) {
        assert!(self.live().await.is_none());
        let groups = self.aws.ec2().describe_placement_groups().send().await.unwrap();
        assert!(groups.placement_groups().is_empty());
        let interfaces = self.aws.ec2().describe_network_interfaces().send().await.unwrap();
        assert!(interfaces.network_interfaces().is_empty());
        let volumes = self.aws.ec2().describe_volumes().send().await.unwrap();
        assert!(volumes.volumes().is_empty());
    }
}

impl World {
    /// The same stack with this tag on everything.
    fn tagged(mut self, key: &str, value: &str) -> Self {
        self.more_tags.insert(key.to_owned(), value.to_owned());
        self
    }

    /// What becomes of each machine that shuts itself down, and whether it may read its tags.
    async fn belts(&self) -> BTreeSet<(String, String)> {
        let out = self.aws.ec2().describe_instances().send().await.unwrap();
        let mut belts = BTreeSet::new();
        for instance in out.reservations().iter().flat_map(aws_sdk_ec2::types::Reservation::instances) {
            let ask = self.aws.ec2().describe_instance_attribute().instance_id(instance.instance_id().unwrap());
            let what = aws_sdk_ec2::types::InstanceAttributeName::InstanceInitiatedShutdownBehavior;
            let answer = ask.attribute(what).send().await.unwrap();
            let shutdown = answer.instance_initiated_shutdown_behavior.and_then(|v| v.value).unwrap();
            let seen = instance.metadata_options().unwrap().instance_metadata_tags().unwrap().as_str().to_owned();
            belts.insert((shutdown, seen));
        }
        belts
    }
}

/// A machine whose stack has an end, or that may be idle for a while only, ends for good when it shuts itself down, and
/// sees the tags that say when.
#[tokio::test(start_paused = true)]
async fn machines_of_a_stack_with_an_end_can_end_themselves() {
    let set = |shutdown: &str, tags: &str| BTreeSet::from([(shutdown.to_owned(), tags.to_owned())]);
    let small = json!({ "instance_type": "t3.small", "image": "al2023", "count": 2 });
    let endless = World::new(Behaviour::default()).await;
    endless.apply(Some(endless.spec(small.clone()))).await;
    assert_eq!(endless.belts().await, set("stop", "disabled"));
    for (key, value) in [("dlinfra:expires", "2026-01-02T00:00:00Z"), ("dlinfra:idle", "5/120")] {
        let world = World::new(Behaviour::default()).await.tagged(key, value);
        world.apply(Some(world.spec(small.clone()))).await;
        assert_eq!(world.belts().await, set("terminate", "enabled"), "{key}");
    }
    // EC2 launches no machine that sees a tag of which the metadata has no name.
    let world = World::new(Behaviour::default()).await.tagged("dlinfra:expires", "2026-01-02T00:00:00Z");
    let world = world.tagged("cost center/team", "4711");
    world.apply(Some(world.spec(small))).await;
    assert_eq!(world.belts().await, set("terminate", "disabled"));
}

/// `dlinfra extend`: the tag that the machine reads moves, and the machine stays.
#[tokio::test(start_paused = true)]
async fn an_end_that_moves_reaches_the_machines() {
    let mut stage = Stage::new().await;
    stage.target.ttl = Some(dlinfra::units::Span::from_hours(2));
    let all = [
        wanted("vpc", "vpc", json!({ "cidr": "10.0.0.0/16" })),
        wanted("subnet", "subnet", json!({ "vpc": { "$ref": "vpc" }, "cidr": "10.0.0.0/20", "zone": "us-east-1a" })),
        wanted("group", "security-group", json!({ "vpc": { "$ref": "vpc" } })),
        wanted(
            "box",
            "instance-group",
            json!({ "instance_type": "t3.micro", "count": 2, "subnet": { "$ref": "subnet" }, "image": "al2023",
                    "interfaces": { "security_groups": [{ "$ref": "group" }] } }),
        ),
    ];
    stage.settle(&all).await;
    let aws = stage.aws().await;
    let read = async || {
        let out = aws.ec2().describe_instances().send().await.unwrap();
        let instances = out.reservations().iter().flat_map(aws_sdk_ec2::types::Reservation::instances);
        let tag = |i: &aws_sdk_ec2::types::Instance| {
            let tag = i.tags().iter().find(|tag| tag.key() == Some("dlinfra:expires"));
            (i.instance_id().unwrap().to_owned(), tag.and_then(|tag| tag.value()).unwrap().to_owned())
        };
        instances.map(tag).collect::<BTreeMap<_, _>>()
    };
    let before = read().await;
    let engine = stage.engine().await;
    let later = engine.ends().unwrap().at + jiff::SignedDuration::from_hours(24);
    let folder = tempfile::tempdir().unwrap();
    engine.extend(later, dlinfra::journal::Presence::new(folder.path())).await.unwrap();
    let after = read().await;
    assert!(before.keys().eq(after.keys()) && before.len() == 2, "{before:?} {after:?}");
    assert!(after.values().all(|end| *end == later.to_string()), "{after:?}");
    assert!(before.values().all(|end| *end != later.to_string()), "{before:?}");
}

fn subset(small: &[String], large: &[String]) -> bool {
    small.iter().all(|id| large.contains(id))
}

/// A role by hand, in a profile of another name, as Terraform and the console make them; and a profile that has the
/// role's name and holds another role.
async fn role_in_another_profile(aws: &Aws) {
    let trust = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": { "Service": "ec2.amazonaws.com" } }] });
    let iam = aws.iam();
    for (role, profile) in [("training", "training-profile"), ("other", "training")] {
        iam.create_role().role_name(role).assume_role_policy_document(trust.to_string()).send().await.unwrap();
        iam.create_instance_profile().instance_profile_name(profile).send().await.unwrap();
        iam.add_role_to_instance_profile().instance_profile_name(profile).role_name(role).send().await.unwrap();
    }
    let bare = iam.create_role().role_name("bare").assume_role_policy_document(trust.to_string());
    bare.send().await.unwrap();
    aws.clock().sleep(std::time::Duration::from_secs(60)).await;
}

async fn profiles(aws: &Aws) -> Vec<String> {
    let out = aws.ec2().describe_instances().send().await.unwrap();
    let instances = out.reservations().iter().flat_map(aws_sdk_ec2::types::Reservation::instances);
    instances.filter_map(|i| i.iam_instance_profile()?.arn().map(str::to_owned)).collect()
}

#[tokio::test(start_paused = true)]
async fn machines_take_a_role_through_the_profile_that_holds_it() {
    let world = World::new(Behaviour::default()).await;
    role_in_another_profile(&world.aws).await;
    for role in ["training", "arn:aws:iam::000000000000:role/training"] {
        world.apply(Some(world.spec(json!({ "count": 1, "role": { "$id": role } })))).await;
        let profiles = profiles(&world.aws).await;
        assert!(profiles.iter().all(|arn| arn.ends_with(":instance-profile/training-profile")), "{profiles:?}");
        assert_eq!(world.launches(), 1, "both are one role");
    }
    world.apply(None).await;
    // Without a profile there is nothing to wait for.
    let (_, outcome) = world.try_apply(Some(world.spec(json!({ "count": 1, "role": { "$id": "bare" } })))).await;
    let error = outcome.failed.first().map(|(_, e)| e.to_string()).unwrap();
    assert!(error.contains("no instance profile that holds the role bare"), "{error}");
    assert_eq!(world.launches(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_existing_role_may_have_a_profile_of_another_name() {
    let stage = Stage::new().await;
    let aws = stage.aws().await;
    role_in_another_profile(&aws).await;
    let mut role = wanted("role", "iam-role", json!({ "trust": ["ec2.amazonaws.com"] }));
    role.existing = Some(Lookup::Name("training".to_owned()));
    let all = [
        wanted("vpc", "vpc", json!({ "cidr": "10.0.0.0/16" })),
        wanted("subnet", "subnet", json!({ "vpc": { "$ref": "vpc" }, "cidr": "10.0.0.0/20", "zone": "us-east-1a" })),
        wanted("group", "security-group", json!({ "vpc": { "$ref": "vpc" } })),
        role,
        wanted(
            "box",
            "instance-group",
            json!({ "instance_type": "t3.micro", "count": 1, "subnet": { "$ref": "subnet" },
            "image": "al2023", "role": { "$ref": "role" }, "interfaces": { "security_groups": [{ "$ref": "group" }] } }),
        ),
    ];
    stage.settle(&all).await;
    assert!(profiles(&aws).await[0].ends_with(":instance-profile/training-profile"));
}

#[tokio::test(start_paused = true)]
async fn a_group_lives_through_every_change() {
    let world = World::new(Behaviour::default()).await;

    // Created: all or nothing, with a placement group and 32 EFA interfaces each.
    let plan = world.apply(Some(world.spec(json!({})))).await;
    assert_eq!(plan.steps[0].action, Action::Create);
    let four = world.members().await;
    assert_eq!((four.len(), world.launches()), (4, 1));
    let live = world.live().await.unwrap();
    assert_eq!(live.state, State::Ready);
    assert_eq!(live.outputs["count"], 4);
    assert_eq!(live.outputs["head_address"], live.outputs["private_ips"][0]);
    assert!(live.outputs["image_id"].as_str().unwrap().starts_with("ami-"));
    assert!(live.parts.contains_key("placement"));
    let out = world.aws.ec2().describe_instances().instance_ids(&four[0]).send().await.unwrap();
    let instance = &out.reservations()[0].instances()[0];
    assert_eq!(instance.network_interfaces().len(), 33);
    assert_eq!(instance.metadata_options().unwrap().http_tokens().unwrap().as_str(), "required");
    let volumes = world.aws.ec2().describe_volumes().send().await.unwrap();
    assert!(volumes.volumes().iter().all(|v| v.encrypted() == Some(true) && v.size() == Some(200)));
    let part = |tags: &[aws_sdk_ec2::types::Tag]| {
        tags.iter().find(|t| t.key() == Some("dlinfra:part")).and_then(|t| t.value().map(str::to_owned))
    };
    assert!(volumes.volumes().iter().all(|v| part(v.tags()).as_deref() == Some("volume")));
    assert_eq!(part(instance.tags()).as_deref(), Some("member"));

    // Grown: only the difference is launched, with the image that the others run.
    world.apply(Some(world.spec(json!({ "count": 6 })))).await;
    let six = world.members().await;
    assert_eq!((six.len(), world.launches()), (6, 2));
    assert!(subset(&four, &six));
    assert_eq!(six[..4], four, "the oldest come first");

    // Shrunk: the newest go.
    world.apply(Some(world.spec(json!({ "count": 3 })))).await;
    let three = world.members().await;
    assert_eq!(three, four[..3]);

    // Another boot script: one after the other, never less than two.
    let spec = world.spec(json!({ "count": 3, "boot": { "script": "#!/bin/bash\necho new\n" } }));
    let (plan, _) = world.plan(Some(spec.clone())).await;
    assert_eq!(plan.steps[0].outdated, three);
    assert_eq!(plan.steps[0].class, Some(plan::ChangeClass::Rolling));
    world.apply(Some(spec.clone())).await;
    let new = world.members().await;
    assert_eq!((new.len(), world.launches()), (3, 5));
    assert!(!new.iter().any(|id| three.contains(id)));

    // The batch is no property of the machines.
    let spec =
        world.spec(json!({ "count": 3, "boot": { "script": "#!/bin/bash\necho new\n" }, "rolling": { "batch": 2 } }));
    assert!(world.plan(Some(spec)).await.0.is_empty());

    // In batches.
    let spec = world.spec(json!({ "count": 3, "rolling": { "batch": 2 } }));
    world.apply(Some(spec.clone())).await;
    assert_eq!(world.launches(), 7);

    // Members that somebody terminated are replaced.
    let before = world.members().await;
    world.aws.ec2().terminate_instances().instance_ids(&before[0]).instance_ids(&before[1]).send().await.unwrap();
    assert_eq!(world.live().await.unwrap().state, State::Pending);
    world.aws.clock().sleep(std::time::Duration::from_secs(600)).await;
    assert_eq!(world.live().await.unwrap().outputs["count"], 1);
    let (plan, _) = world.plan(Some(spec.clone())).await;
    assert_eq!(plan.steps[0].action, Action::Update);
    world.apply(Some(spec.clone())).await;
    let after = world.members().await;
    assert_eq!(after.len(), 3);
    assert!(after.contains(&before[2]) && !after.contains(&before[0]) && !after.contains(&before[1]));

    // A new tag reaches machines, disks and interfaces without a replacement.
    let volume = world.aws.ec2().describe_volumes().send().await.unwrap().volumes()[0].volume_id().unwrap().to_owned();
    world
        .aws
        .ec2()
        .delete_tags()
        .resources(&after[1])
        .resources(&volume)
        .tags(aws_sdk_ec2::types::Tag::builder().key("CostCenter").build())
        .send()
        .await
        .unwrap();
    world.apply(Some(spec.clone())).await;
    assert_eq!(world.members().await, after);

    // None at all, and back.
    world.apply(Some(world.spec(json!({ "count": 0 })))).await;
    world.assert_nothing_is_left().await;
    world.apply(Some(spec)).await;
    assert_eq!(world.members().await.len(), 3);

    // Deleted, with its placement group.
    world.apply(None).await;
    world.assert_nothing_is_left().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_no_longer_written_is_taken_away() {
    let world = World::new(Behaviour::default()).await;
    let with = world.spec(json!({ "instance_type": "m5.large", "image": "al2023", "count": 2, "key_name": "mine" }));
    world.apply(Some(with)).await;
    let before = world.members().await;
    let without = world.spec(json!({ "instance_type": "m5.large", "image": "al2023", "count": 2, "boot": null }));
    world.apply(Some(without)).await;
    let after = world.members().await;
    assert!(after.len() == 2 && !after.iter().any(|id| before.contains(id)));
    let live = world.live().await.unwrap();
    assert!(live.spec.get("boot").is_none() && live.spec.get("key_name").is_none(), "{}", live.spec);
}

#[tokio::test(start_paused = true)]
async fn what_ec2_changes_while_instances_run_replaces_nobody() {
    let world = World::new(Behaviour::default()).await;
    let spec = |changes: Value| {
        let mut spec = world.spec(json!({ "instance_type": "m5.large", "image": "al2023", "count": 2 }));
        spec.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        spec
    };
    world.apply(Some(spec(json!({})))).await;
    let before = world.members().await;
    let plan = world.apply(Some(spec(json!({ "monitoring": true, "metadata_hops": 3 })))).await;
    assert_eq!(plan.steps[0].class, Some(plan::ChangeClass::InPlace));
    // A run that ended half-way: the oldest, which the sweep looks at, comes last.
    let change = world.aws.ec2().modify_instance_metadata_options().http_put_response_hop_limit(1);
    change.instance_id(&before[0]).send().await.unwrap();
    world.apply(Some(spec(json!({ "monitoring": true, "metadata_hops": 3 })))).await;
    // Fields that are not written any more go back to their defaults.
    world.apply(Some(spec(json!({})))).await;
    assert_eq!((world.members().await, world.launches()), (before, 1));
}

#[tokio::test(start_paused = true)]
async fn capacity_that_is_not_there_starts_nothing_and_says_what_to_do() {
    let capacity = [("p5.48xlarge@us-east-1a".to_owned(), 3)].into();
    let world = World::new(Behaviour { capacity, ..Behaviour::default() }).await;
    let (_, outcome) = world.try_apply(Some(world.spec(json!({})))).await;
    let error = &outcome.failed[0].1;
    assert!(error.message.contains("4 x p5.48xlarge (all or nothing"), "{error}");
    assert!(error.help.as_ref().unwrap().contains("another zone"), "{error:?}");
    world.aws.clock().sleep(std::time::Duration::from_secs(5)).await;
    assert_eq!(world.live().await.unwrap().state, State::Partial);
    // What was made of it is found, and the smaller group goes on from there.
    world.apply(Some(world.spec(json!({ "count": 3 })))).await;
    world.apply(None).await;
    world.assert_nothing_is_left().await;
}

#[tokio::test(start_paused = true)]
async fn without_capacity_the_fallback_is_tried_and_who_runs_stays() {
    let world = World::new(Behaviour::default()).await;
    let ways = async || {
        let out = world.aws.ec2().describe_instances().send().await.unwrap();
        let all = out.reservations().iter().flat_map(|r| r.instances().to_vec());
        let running = all.filter(|i| i.state().unwrap().name().unwrap().as_str() == "running");
        let mut all: Vec<_> = running.map(|i| i.instance_lifecycle().map(|l| l.as_str().to_owned())).collect();
        all.sort();
        all
    };
    let full = || {
        let code = "InsufficientInstanceCapacity".to_owned();
        world.sandbox.set_faults(Vec::new());
        world
            .sandbox
            .add_fault(FaultRule::new("ec2:RunInstances", FaultAction::ErrorBefore { code, status: 500 }).nth(1));
    };
    let spec = |more: Value| {
        let mut changes = json!({ "market": "spot", "fallback": ["on-demand"], "placement": "none", "count": 2 });
        changes.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        world.spec(changes)
    };
    full();
    world.apply(Some(spec(json!({})))).await;
    let first = world.members().await;
    assert_eq!(ways().await, [None, None], "bought on demand, and the plan after it is empty");
    assert!(world.memory.waits.lock().unwrap().iter().any(|why| why.contains("InsufficientInstanceCapacity")));
    // There is room again: one that is added is bought as `market` says, the others stay.
    world.apply(Some(spec(json!({ "count": 3 })))).await;
    assert_eq!(ways().await, [None, None, Some("spot".to_owned())]);
    assert!(subset(&first, &world.members().await));
    // Another order is no change of what runs.
    let (plan, _) = world.plan(Some(spec(json!({ "market": "on-demand", "fallback": ["spot"], "count": 3 })))).await;
    assert!(plan.is_empty(), "{:?}", plan.steps[0].fields);
    // Without the fallback the machines that were bought otherwise are replaced.
    world.apply(Some(spec(json!({ "fallback": null, "count": 3 })))).await;
    assert_eq!(ways().await, vec![Some("spot".to_owned()); 3]);
    world.apply(None).await;
    world.assert_nothing_is_left().await;
}

#[tokio::test(start_paused = true)]
async fn when_no_way_of_buying_has_capacity_each_says_why() {
    let capacity = [("p5.48xlarge@us-east-1a".to_owned(), 3)].into();
    let world = World::new(Behaviour { capacity, ..Behaviour::default() }).await;
    let (_, outcome) = world.try_apply(Some(world.spec(json!({ "market": "spot", "fallback": ["on-demand"] })))).await;
    let error = &outcome.failed[0].1;
    assert!(error.message.contains("spot: ") && error.message.contains("on-demand: "), "{error}");
    let reserved = json!({ "reservation": "cr-0123456789abcdef0", "fallback": ["on-demand", "spot"] });
    assert_eq!(KINDS[0].check(&world.spec(reserved)), []);
    for (wrong, code) in [
        (json!({ "fallback": ["on-demand"] }), "DL0380"),
        (json!({ "fallback": ["spot", "spot"] }), "DL0380"),
        (json!({ "fallback": ["capacity-block"] }), "DL0380"),
        (json!({ "instance_type": "hpc7a.48xlarge", "market": "on-demand", "fallback": ["spot"] }), "DL0378"),
    ] {
        let found: Vec<&str> = KINDS[0].check(&world.spec(wrong.clone())).iter().map(|p| p.code.code).collect();
        assert!(found.contains(&code), "{wrong}: {found:?}");
    }
}

#[test]
fn what_ec2_or_cloud_init_refuses_is_found_beforehand() {
    let codes = |change: Value| {
        let plain = json!({ "instance_type": "p5.48xlarge", "count": 2, "subnet": { "$id": "s" },
            "image": "dlami-base-ubuntu-22.04", "interfaces": { "security_groups": [{ "$id": "g" }] } });
        super::codes("instance-group", &crate::examples::merged(&plain, &change))
    };
    let boot = |script: &str, env: Value| codes(json!({ "boot": { "script": script, "env": env } }));
    let none = Vec::<&str>::new();
    assert_eq!(codes(json!({})), none);
    assert_eq!(codes(json!({ "instance_type": "p5.480xlarge" })), ["DL0370"]);
    assert_eq!(codes(json!({ "image": "dlami-base-ubuntu-2204" })), ["DL0371"]);
    assert_eq!(codes(json!({ "image": "ami-0123456789abcdef0" })), none);
    assert_eq!(codes(json!({ "interfaces": { "security_groups": [] } })), ["DL0372"]);
    assert_eq!(boot(&format!("#!/bin/bash\n{}", "x".repeat(16_384)), json!({})), ["DL0373"]);
    assert_eq!(boot(&format!("#!/bin/bash\n{}", "x".repeat(16_300)), json!({})), none);
    assert_eq!(boot("#!/bin/bash\n", json!({ "RANK": "1" })), none);
    assert_eq!(boot("#!/bin/bash\n", json!({ "1ST": "1" })), ["DL0374"]);
    assert_eq!(boot("#!/usr/bin/python3\n", json!({ "RANK": "1" })), ["DL0374"]);
    assert_eq!(codes(json!({ "market": "capacity-block" })), ["DL0375"]);
    assert_eq!(codes(json!({ "market": "capacity-block", "reservation": "cr-0123456789abcdef0" })), none);
    assert_eq!(codes(json!({ "market": "spot", "reservation": "cr-0123456789abcdef0" })), ["DL0375"]);
    let root = |size: &str, iops: u32| {
        codes(json!({ "root_volume": { "size": size, "iops": iops, "throughput": "500 MiB/s" } }))
    };
    assert_eq!(root("500 GiB", 6000), none);
    assert_eq!(root("500 GiB", 20_000), ["DL0376"]);
    assert_eq!(root("10 GiB", 6000), ["DL0376"], "500 for each GiB");
    assert_eq!(codes(json!({ "metadata_hops": 64 })), none);
    assert_eq!(codes(json!({ "metadata_hops": 65 })), ["DL0377"]);
    assert_eq!(codes(json!({ "boot_within": "20m" })), ["DL0388"]);
    assert_eq!(codes(json!({ "boot_within": "20m", "role": { "$id": "theirs" } })), none);
    assert_eq!(codes(json!({ "reservation": "crb-1" })), ["DL0379"]);
    assert_eq!(codes(json!({ "kms_key": "alias/mine" })), ["DL0379"]);
    assert_eq!(codes(json!({ "kms_key": "arn:aws:kms:us-east-1:000000000000:key/k" })), none);
    assert_eq!(boot(" #!/bin/bash\n", json!({})), ["DL0381"]);
    assert_eq!(boot("#!/bin/bash\necho a\r\necho b\n", json!({})), ["DL0382"]);
}

#[tokio::test(start_paused = true)]
async fn a_quota_names_itself_and_what_is_needed() {
    let quotas = [("L-417A185B".to_owned(), 192)].into();
    let world = World::new(Behaviour { quotas, ..Behaviour::default() }).await;
    let (_, outcome) = world.try_apply(Some(world.spec(json!({})))).await;
    let help = outcome.failed[0].1.help.clone().unwrap();
    assert!(help.contains("768 vCPU") && help.contains("L-417A185B"), "{help}");
}

#[tokio::test(start_paused = true)]
async fn an_unanswered_launch_is_not_repeated() {
    let world = World::new(Behaviour::default()).await;
    world.sandbox.add_fault(FaultRule::new("ec2:RunInstances", FaultAction::CutAfter).nth(1));
    world.apply(Some(world.spec(json!({})))).await;
    assert_eq!(world.members().await.len(), 4);
    let placed = world.sandbox.status().objects["ec2/instance"];
    assert_eq!(placed, 4);
}

#[tokio::test(start_paused = true)]
async fn requests_do_not_grow_with_the_fleet() {
    let world = World::new(Behaviour { throttle: 0.0, ..Behaviour::default() }).await;
    let spec = |count: u32| world.spec(json!({ "instance_type": "m5.large", "image": "al2023", "count": count }));
    world.apply(Some(spec(2))).await;
    let count = |world: &World| world.sandbox.requests().total;
    let before = count(&world);
    world.snapshot().await;
    let two = count(&world) - before;
    world.apply(Some(spec(300))).await;
    assert_eq!(world.launches(), 3, "256 and the rest");
    let before = count(&world);
    world.snapshot().await;
    assert_eq!(count(&world) - before, two);
    assert_eq!(two, 3, "instances, placement groups, volumes");
}

#[tokio::test(start_paused = true)]
async fn a_long_roll_is_not_given_up() {
    let world = World::new(Behaviour { durations: 4.0, ..Behaviour::default() }).await;
    let spec = |script: &str| {
        let boot = json!({ "script": script });
        world.spec(json!({ "instance_type": "p4d.24xlarge", "count": 4, "boot": boot }))
    };
    world.apply(Some(spec("#!/bin/sh\n"))).await;
    let began = world.aws.clock().now();
    world.apply(Some(spec("#!/bin/sh\necho new\n"))).await;
    let took = world.aws.clock().now().duration_since(began);
    // Longer than the worst time of one replacement, which is 40 minutes.
    assert!(took.as_mins() > 40, "{took:?}");
    assert_eq!(world.launches(), 5);
}
