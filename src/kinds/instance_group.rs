//! instance-group: equal EC2 instances that are one resource; launched all or nothing, replaced one batch at a time.
//!
//! **Invariant:** a fleet has `count` members at the wanted spec and no others. A member is what EC2 still runs:
//! instances that shut down or are terminated count no more, stopped ones are replaced.
//!
//! **Images.** AWS moves `latest` on; a running fleet does not follow. The *name* of the image is compared (through the
//! digest in `dlinfra:spec`), and members that are added later get the `ami-` id of the members that were launched with
//! the same name. A group without members gets the id that the plan has resolved, which the journal keeps. To take a newer
//! build, write another name or the `ami-` id, or replace the group.
//!
//! One file: the fields and the life of a fleet are read side by side.
pub(crate) mod agent;
mod boot;
mod booted;
mod check;
mod console;
mod disks;
mod fields;
mod foresee;
mod launch;
mod live;
mod machine_image;
mod machines;
mod placement;
mod profile;
mod read;
mod user_data;

use check::CODES;

pub(crate) use boot::Boot;
use fields::{Interfaces, LayoutProfile, Rolling, RootVolume, one_hop, root_volume};
pub(crate) use fields::{Market, Placement};

use crate::{
    address::Address,
    aws::{
        Error,
        tags::{self, Carrier, Tags},
    },
    call::{self, Ctx, Scope, SweepCtx},
    catalog::{self, durations},
    field::{Field, Ref},
    kinds::{
        IamRole, PlacementGroup, Subnet, ec2,
        fleet::{self, Step, Wanted},
    },
    packed::Packed,
    price::{
        Market as PriceMarket, PriceContext, PriceLine,
        compute::{detailed_monitoring, instances, most_expensive, reserved_instances},
        service::custom_metrics,
        storage::{Volume, volumes},
    },
    resource::{
        About, Advised, Asks, Call, Changes, Claim, Class, Compares, DefaultValue, Durations, Expected, Fleet,
        Foreseen, Gone, Id, Live, Lookup, MEMBERS, NameRule, NamedImage, Need, Output, Problem, Quota, Resource,
        Revealed, State, Teardown,
    },
    spec::Difference,
    topology,
    units::Span,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{collections::BTreeSet, time::Duration};

/// Equal EC2 instances: a training cluster, a pool of servers, one development machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InstanceGroup {
    /// EC2 instance type, such as `p5.48xlarge`.
    pub instance_type: String,
    /// How many; they are launched all or nothing, up to 256 in one call. 0 = none, the rest of the stack stays.
    pub count: u32,
    /// Where they run: one subnet, so one zone.
    pub subnet: Ref<Subnet>,
    /// A named image (`dlami-base-ubuntu-22.04`), an `ami-` id, or a public SSM parameter (`/aws/service/…`).
    /// A name is resolved when the first member is launched; a later `latest` changes nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(required)]
    pub image: Option<String>,
    /// Network interfaces.
    pub interfaces: Interfaces,
    /// `cluster` puts all into one placement group, `none` leaves it to AWS. Without it: `cluster` for more than one
    /// instance of a type with EFA outside reservations, decided when the group is created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<Placement>,
    /// A placement group that instance groups share, in place of one of the group's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement_group: Option<Ref<PlacementGroup>>,
    /// The role that programs on the machines have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Ref<IamRole>>,
    /// The root volume; always encrypted.
    #[serde(default = "root_volume", skip_serializing_if = "Option::is_none")]
    pub root_volume: Option<RootVolume>,
    /// ARN of the KMS key of the root volume; without it AWS's own key for EBS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<Field<String>>,
    /// How the instances are bought.
    #[serde(default)]
    pub market: Market,
    /// Id of a capacity reservation or a Capacity Block (`cr-…`) to launch into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reservation: Option<String>,
    /// How they are bought when `market` (or the reservation) has no capacity, in this order. Members that run stay as
    /// they were bought.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fallback: Vec<Market>,
    /// What runs at the first start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<Boot>,
    /// How long the first start of a machine may take, such as `20m`. With it the group is ready only when cloud-init has
    /// ended well on every machine, which dlinfra asks through Systems Manager; a machine whose `boot` has failed is
    /// replaced by the next apply. Without it nobody waits for `boot`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_within: Option<Span>,
    /// Name of an EC2 key pair, `${KEY.name}` for one of the blueprint; without it, use SSM Session Manager.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_name: Option<Field<String>>,
    /// How many network hops the metadata service answers over: 1 reaches programs on the machine and containers in its
    /// own network, 2 also containers behind a bridge, which then have the machine's role. IMDSv2 is always required.
    #[serde(default = "one_hop")]
    pub metadata_hops: u32,
    /// Metrics each minute instead of every five.
    #[serde(default)]
    pub monitoring: bool,
    /// How members are replaced when their spec changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolling: Option<Rolling>,
}

const RUN: Call = Call::new("ec2:RunInstances", Class::Token);

/// The name of a group, which is its id in dlinfra: EC2 knows only the instances.
const NAME: NameRule = NameRule { max: 100, extra: "-", lower: true };

fn group_id(scope: &Scope, address: &Address) -> Id {
    call::name(scope, address, &NAME, "")
}

impl InstanceGroup {
    /// What the catalog knows about its type; AWS may have newer types.
    fn facts(&self) -> Option<&'static catalog::InstanceType> {
        catalog::instance_type(&self.instance_type).ok()
    }

    /// The interfaces of one instance; a type that the catalog does not know has one.
    fn layout(&self) -> Vec<topology::Interface> {
        match self.facts() {
            Some(facts) => topology::Layout::of(facts, self.interfaces.layout.into()).interfaces,
            None => {
                vec![topology::Interface { card: 0, device: 0, interface_type: topology::InterfaceType::Interface }]
            }
        }
    }

    /// Does a new group of this spec get a placement group?
    fn clustered(&self) -> bool {
        match self.placement {
            _ if self.placement_group.is_some() => false,
            Some(placement) => placement == Placement::Cluster,
            // A reservation takes a placement group only if it was made in that group.
            None => {
                self.count > 1
                    && self.reservation.is_none()
                    && self.market != Market::CapacityBlock
                    && self.facts().is_some_and(catalog::InstanceType::supports_efa)
            }
        }
    }

    /// The ways of buying it, a reservation or a market, the first to try first.
    fn ways(&self) -> impl Iterator<Item = (Option<&str>, Market)> {
        let others = self.fallback.iter().map(|market| (None, *market));
        std::iter::once((self.reservation.as_deref(), self.market)).chain(others)
    }

    /// The group bought in each of these ways.
    fn rungs(&self) -> Vec<Self> {
        let bought = |(reservation, market): (Option<&str>, Market)| {
            let reservation = reservation.map(str::to_owned);
            Self { market, reservation, ..self.clone() }
        };
        self.ways().map(bought).collect()
    }

    /// Words for how it is bought.
    fn bought(&self) -> String {
        match (&self.reservation, self.market) {
            (Some(id), _) => format!("in {id}"),
            (None, market) => market.name().to_owned(),
        }
    }

    fn instances(&self, ctx: &PriceContext<'_>, reservation: Option<&str>, market: Market) -> PriceLine {
        match (reservation, market) {
            (Some(id), _) => reserved_instances(&self.instance_type, self.count, id),
            (None, Market::Spot) => instances(ctx, &self.instance_type, self.count, PriceMarket::Spot),
            (None, _) => instances(ctx, &self.instance_type, self.count, PriceMarket::OnDemand),
        }
    }

    fn batch(&self) -> usize {
        self.rolling.as_ref().map_or(1, |r| r.batch.max(1) as usize)
    }
}

impl Resource for InstanceGroup {
    const KIND: &'static str = "instance-group";
    const ABOUT: About = About {
        outputs: &[
            Output { name: "id", ty: "string", doc: "the group's name in dlinfra; EC2 knows only the instances" },
            Output { name: "instance_ids", ty: "list(string)", doc: "i-…, oldest first" },
            Output { name: "private_ips", ty: "list(string)", doc: "primary addresses, oldest first" },
            Output { name: "private_dns", ty: "list(string)", doc: "private DNS names, oldest first" },
            Output { name: "head_address", ty: "string", doc: "private address of the oldest member: rank 0" },
            Output { name: "count", ty: "int", doc: "how many members there are" },
            Output { name: "image_id", ty: "string", doc: "the ami- id that the oldest member runs" },
            Output { name: "zone", ty: "string", doc: "the availability zone" },
            Output { name: "placement_group", ty: "string", doc: "the placement group's name, if it has one" },
        ],
        fixed: &["subnet", "placement", "placement_group"],
        unsettled: &[
            ("instance_ids", &[MEMBERS, "count"]),
            ("private_ips", &[MEMBERS, "count"]),
            ("private_dns", &[MEMBERS, "count"]),
            ("head_address", &[MEMBERS]),
            ("count", &["count"]),
            ("image_id", &[MEMBERS]),
        ],
        rolling: &[
            "instance_type",
            "image",
            "interfaces",
            "role",
            "root_volume",
            "kms_key",
            "market",
            "reservation",
            "boot",
            "key_name",
        ],
        asked: &["instance_type", "image", "reservation", "key_name"],
        unreadable: &["image", "boot"],
        local: &["rolling"],
        // Its room is taken until those that leave are terminated.
        claims: &[Claim::of("reservation")],
        id_prefix: "i-",
        terraform: "aws_instance",
        calls: &[placement::CREATE, RUN],
        name: Some(NAME),
        iam: &[
            "ec2:RunInstances",
            "ec2:TerminateInstances",
            "ec2:DescribeInstances",
            "ec2:DescribeVolumes",
            "ec2:GetConsoleOutput",
            "ec2:DescribeImages",
            "ec2:DescribeInstanceTypeOfferings",
            "ec2:DescribeCapacityReservations",
            "ec2:DescribeKeyPairs",
            "ec2:CreatePlacementGroup",
            "ec2:DescribePlacementGroups",
            "ec2:DeletePlacementGroup",
            "ec2:MonitorInstances",
            "ec2:UnmonitorInstances",
            "ec2:ModifyInstanceMetadataOptions",
            "ec2:CreateTags",
            "ec2:DeleteTags",
            "ssm:GetParameter",
            "ssm:GetParameters",
            "ssm:DescribeInstanceInformation",
            "ssm:SendCommand",
            "ssm:ListCommandInvocations",
            "ssm:GetCommandInvocation",
            "iam:PassRole",
            "iam:GetInstanceProfile",
            "iam:ListInstanceProfilesForRole",
        ],
        quotas: &[
            Quota { code: "L-417A185B", name: "Running On-Demand P instances" },
            Quota { code: "L-DB2E81BA", name: "Running On-Demand G and VT instances" },
            Quota { code: "L-2C3B7624", name: "Running On-Demand Trn instances" },
            Quota { code: "L-1945791B", name: "Running On-Demand Inf instances" },
            Quota { code: "L-1216C47A", name: "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances" },
        ],
        codes: CODES,
        // A boot script that finds no way to the internet fails for good.
        starts: true,
        spends: true,
        prices: "ec2-on-demand",
        advised: Some(Advised::Machines),
        // A machine without it is what AWS makes when nothing is said.
        defaults: &[
            ("role", DefaultValue::Nothing),
            ("placement_group", DefaultValue::Nothing),
            ("kms_key", DefaultValue::Nothing),
            ("reservation", DefaultValue::Nothing),
            ("boot", DefaultValue::Nothing),
            ("boot_within", DefaultValue::Nothing),
            ("key_name", DefaultValue::Nothing),
            ("fallback", DefaultValue::EmptyList),
            ("metadata_hops", DefaultValue::Other(|| json!(one_hop()))),
            ("monitoring", DefaultValue::Flag(false)),
        ],
        // Machines shut down for a while, a placement group alone does not.
        gone: Gone::PartsAtOnce,
        ..About::new("Equal EC2 instances: a training cluster, a pool of servers, one development machine")
    };

    fn summary(&self) -> String {
        let mut out = format!("{} x {}", self.count, self.instance_type);
        if self.reservation.is_some() || self.market == Market::Spot || !self.fallback.is_empty() {
            out.push_str(&format!(", {}", self.bought()));
        }
        for market in &self.fallback {
            out.push_str(&format!(", else {}", market.name()));
        }
        out
    }

    fn check(&self, problems: &mut Vec<Problem>) {
        check::check(self, problems);
    }

    fn normalize(&mut self) {
        self.interfaces.security_groups.sort();
        self.interfaces.security_groups.dedup();
        // A literal ARN ends with the role's name.
        if let Some(role) = self.role.as_mut().filter(|r| r.address.is_none())
            && let Some(id) = &mut role.id
        {
            *id = profile::name(id).to_owned();
        }
        // Most types have one layout; then all words mean it.
        if let Some(facts) = self.facts() {
            let of = |profile: LayoutProfile| topology::Layout::of(facts, profile.into()).interfaces;
            if of(self.interfaces.layout) == of(LayoutProfile::Ip) {
                self.interfaces.layout = LayoutProfile::Ip;
            }
        }
    }

    fn durations(&self) -> Durations {
        let mut create = durations::instance_launch(self.facts());
        create.worst += self.booting();
        let delete = durations::instance_termination(self.facts());
        let update = Expected { typical: create.typical + delete.typical, worst: create.worst + delete.worst };
        Durations { create, update, delete }
    }

    fn needs(&self) -> Vec<Need> {
        // Which of several ways is taken, only AWS's answers say.
        let Some(facts) = catalog::instance_type(&self.instance_type).ok().filter(|_| self.fallback.is_empty()) else {
            return Vec::new();
        };
        let quota = match self.market {
            Market::OnDemand => facts.on_demand_quota(),
            Market::Spot => facts.spot_quota(),
            // Paid for already, with limits of its own.
            Market::CapacityBlock => None,
        };
        let amount = u64::from(facts.vcpus.saturating_mul(self.count));
        quota.map(|quota| Need { quota, amount }).into_iter().collect()
    }

    fn price(&self, ctx: &PriceContext<'_>) -> Vec<PriceLine> {
        if self.count == 0 {
            return Vec::new();
        }
        // Any of them may be used, so the most expensive counts.
        let rungs = self.ways().map(|(reservation, market)| self.instances(ctx, reservation, market)).collect();
        let mut lines: Vec<PriceLine> = most_expensive(rungs).into_iter().collect();
        if let Some(root) = &self.root_volume {
            lines.extend(volumes(
                ctx,
                &Volume {
                    volume_type: "gp3",
                    size_gib: root.size.gib_rounded_up(),
                    iops: Some(u64::from(root.iops)),
                    throughput: Some(root.throughput.mib_per_second()),
                    count: u64::from(self.count),
                },
            ));
        }
        if self.monitoring {
            lines.push(detailed_monitoring(ctx, self.count));
        }
        let facts = self.facts();
        let agents = self.boot.iter().flat_map(Boot::agents);
        let measured: u32 = agents.map(|agent| agent.series(self.count, facts)).fold(0, u32::saturating_add);
        if measured > 0 {
            lines.push(custom_metrics(ctx, measured, "of the CloudWatch agent"));
        }
        lines
    }

    async fn sweep(ctx: &SweepCtx) -> Result<Vec<Live<Self>>, Error> {
        let ((fleets, volumes), groups) = tokio::try_join!(disks::with_volumes(ctx), placement::owned(ctx))?;
        live::assemble(ctx, &fleets, groups, &volumes).await
    }

    async fn create(&self, ctx: &Ctx, _: Option<&Live<Self>>) -> Result<Id, Error> {
        if self.count == 0 {
            // What is left of a group that shall be empty.
            placement::delete(ctx).await?;
            return Ok(group_id(&ctx.scope, &ctx.address));
        }
        if ctx.fresh {
            launch::launch(self, ctx, &live::Fleet::default(), self.count).await?;
            return Ok(group_id(&ctx.scope, &ctx.address));
        }
        let fleet = live::fleet(ctx).await?;
        fleet.explain_casualties(ctx)?;
        // A sweep may be older than what an earlier run launched: what runs already is not launched again.
        if fleet.members.is_empty() && fleet.leaving.is_empty() {
            launch::launch(self, ctx, &fleet, self.count).await?;
        }
        Ok(group_id(&ctx.scope, &ctx.address))
    }

    /// One bounded step; the engine sweeps and calls again until nothing differs.
    async fn update(want: &Self, ctx: &Ctx, _: &Live<Self>, changes: &Changes) -> Result<(), Error> {
        let fleet = live::fleet(ctx).await?;
        let members = fleet.standing();
        let alive = members.alive.clone();
        if changes.touches("metadata_hops") || changes.touches("monitoring") {
            launch::change_in_place(want, ctx, &members.alive).await?;
        }
        let wanted = Wanted { count: want.count as usize, outdated: &changes.outdated, batch: want.batch() };
        match fleet::next(members, &wanted) {
            Step::Wait => Ok(()),
            // It has as many as it shall have, and all of them run.
            Step::End(ids) if ids.is_empty() && changes.touches("boot_within") => booted::ask(ctx, &fleet).await,
            Step::End(ids) => {
                let staying: Vec<Id> = alive.into_iter().filter(|id| !ids.contains(id)).collect();
                launch::terminate(ctx, &ids, &staying).await
            }
            Step::Start(missing) => {
                fleet.explain_casualties(ctx)?;
                launch::launch(want, ctx, &fleet, u32::try_from(missing).unwrap_or(want.count)).await
            }
        }
    }

    /// First the instances; the placement group can go only when they are terminated, in a later call.
    async fn delete(ctx: &Ctx, live: &Live<Self>) -> Result<(), Error> {
        if live.state == State::Partial {
            return placement::delete_of(ctx, live).await;
        }
        let running = live.members.iter().filter(|m| m.state != State::Deleting);
        launch::terminate(ctx, &running.map(|m| m.id.clone()).collect::<Vec<_>>(), &[]).await
    }

    async fn lookup(ctx: &SweepCtx, by: &Lookup) -> Result<Vec<Live<Self>>, Error> {
        live::looked_up(ctx, ec2::lookup_filters("instance-id", by)).await
    }

    async fn lookup_ids(ctx: &SweepCtx, ids: &[Id]) -> Result<Vec<Live<Self>>, Error> {
        live::with_ids(ctx, ids).await
    }

    fn carriers(live: &Live<Self>) -> Vec<Carrier> {
        // Disks and interfaces of members, as a launch tags them.
        let part = |id: &Id| if id.starts_with("vol-") { "volume" } else { "interface" };
        let members = live.members.iter().map(|m| Carrier::part("member", &tags::EC2, &m.id));
        let theirs = live.ids.iter().map(|id| Carrier::part(part(id), &tags::EC2, id));
        members.chain(theirs).chain(live.parts.iter().map(|(part, id)| Carrier::part(part, &tags::EC2, id))).collect()
    }
}

impl Fleet for InstanceGroup {
    fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn image(&self) -> Option<NamedImage> {
        machine_image::named(self.image.as_deref()?, &self.instance_type)
    }

    fn booting(&self) -> Duration {
        Duration::from_secs(self.boot_within.map_or(0, Span::seconds))
    }

    /// Those that run longest stay; stopped ones are replaced, and count for nothing.
    fn leaving(want: &Self, live: &Live<Self>) -> Vec<Id> {
        let alive = live.members.iter().filter(|m| matches!(m.state, State::Ready | State::Pending));
        alive.skip(want.count as usize).map(|m| m.id.clone()).collect()
    }

    /// More machines start at once, fewer end at once.
    fn changing(&self, live: &Live<Self>, changes: &[Difference]) -> Expected {
        let durations = self.durations();
        if changes.iter().any(|c| c.path != "count" && c.path != "metadata_hops" && c.path != "monitoring") {
            return durations.update;
        }
        match (self.count as usize).cmp(&live.members.len()) {
            std::cmp::Ordering::Greater => durations.create,
            std::cmp::Ordering::Less => durations.delete,
            std::cmp::Ordering::Equal => durations::IMMEDIATE,
        }
    }

    /// EC2 knows the instances only.
    fn ids_of(_: &Id, outputs: &Packed<Value>) -> Vec<Id> {
        let ids = outputs.get("instance_ids").and_then(Value::as_array).into_iter().flatten();
        ids.filter_map(|id| id.as_str().map(str::to_owned)).collect()
    }
}

impl Compares for InstanceGroup {
    /// A machine that was bought in another of the wanted ways is as good.
    fn accept(want: &Value, found: &Value) -> Option<Value> {
        read::accept(want, found)
    }
}

impl Asks for InstanceGroup {
    async fn foresee(ctx: &SweepCtx, made: &[Foreseen<Self>]) -> Result<Vec<(usize, Problem)>, Error> {
        foresee::ask(ctx, made).await
    }

    async fn inspect(ctx: &SweepCtx, want: &Self, live: &Live<Self>) -> Result<Vec<(&'static str, bool)>, Error> {
        user_data::inspect(ctx, want, live).await
    }

    async fn reveal(ctx: &SweepCtx, want: &Self, live: &Live<Self>) -> Result<Vec<Revealed>, Error> {
        user_data::reveal(ctx, want, live).await
    }
}

impl Teardown for InstanceGroup {
    async fn parts_there(ctx: &SweepCtx, ids: &BTreeSet<Id>) -> Result<Vec<(Id, Tags)>, Error> {
        Ok(placement::with_ids(ctx, ids).await?.into_iter().map(|g| (g.id, g.tags)).collect())
    }
}
