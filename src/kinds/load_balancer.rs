//! load-balancer: what passes requests on to instances, with its listeners, their rules, and its target groups.
//!
//! Port and protocol of a target group never change: its name carries a digest of them. A new one is made beside the old
//! one, listeners and rules move to it, and what nothing leads to any more is drained and removed last.
mod change;
mod check;
mod fields;
mod groups;
mod listeners;
mod read;
mod release;
mod targets;

use fields::{AccessLog, Class as Type, Listener, ListenerProtocol, Scheme, TargetGroup};

use crate::{
    aws::{
        Error,
        tags::{self, Carrier, Tags},
    },
    call::{Ctx, SweepCtx},
    field::Ref,
    kinds::{SecurityGroup, Subnet, named},
    price::{PriceContext, PriceLine, network},
    resource::{
        About, Call, Changes, Class, Compares, DefaultValue, Discovery, Drains, Durations, Expected, Gone, Id, Live,
        Lookup, NameRule, Output, Problem, Quota, Released, Resource, State, Teardown,
    },
    spec::Difference,
    units::Span,
};
use aws_sdk_elasticloadbalancingv2::types::{LoadBalancerSchemeEnum, LoadBalancerTypeEnum};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;

/// An application or network load balancer, with its listeners and target groups.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoadBalancer {
    /// Its name; without one, the stack's and its own with ten characters more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it understands of requests.
    #[serde(default, rename = "type")]
    pub class: Type,
    /// Who can reach it: only networks of your own unless you write `internet-facing`.
    #[serde(default)]
    pub scheme: Scheme,
    /// One subnet in each zone that it stands in; an application load balancer needs two zones.
    pub subnets: Vec<Ref<Subnet>>,
    /// Who may send it requests. A network load balancer that is made without any never gets one.
    #[serde(default)]
    pub security_groups: Vec<Ref<SecurityGroup>>,
    /// How long a connection may be silent (application load balancers only): 1s to 4000s, 60s where nothing is said. Must
    /// be longer than the slowest answer takes to begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_timeout: Option<Span>,
    /// Where it writes a line for each request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_log: Option<AccessLog>,
    /// Who answers.
    pub target_groups: Vec<TargetGroup>,
    /// Where requests come in.
    pub listeners: Vec<Listener>,
}

// A name that exists with equal settings is answered as if it had been made, whoever owns it.
const BALANCER: Call = Call::new("elasticloadbalancing:CreateLoadBalancer", Class::NameIdempotent);
const GROUP: Call = Call::new("elasticloadbalancing:CreateTargetGroup", Class::NameIdempotent);
// Described with the load balancer and with the listener.
const LISTENER: Call = Call::new("elasticloadbalancing:CreateListener", Class::Parent);
const RULE: Call = Call::new("elasticloadbalancing:CreateRule", Class::Parent);
const NAME: NameRule = NameRule { max: 32, extra: "-", lower: false };

impl LoadBalancer {
    /// The ports at which the internet may come in without TLS.
    pub(crate) fn ports_in_the_clear(&self) -> Vec<u32> {
        let open = self.listeners.iter().filter(|one| one.protocol == ListenerProtocol::Http);
        open.map(|one| one.port).filter(|_| self.scheme == Scheme::InternetFacing).collect()
    }
}

impl Resource for LoadBalancer {
    const KIND: &'static str = "load-balancer";
    const ABOUT: About = About {
        codes: check::CODES,
        outputs: &[
            Output { name: "name", ty: "string", doc: "the load balancer's name" },
            Output { name: "arn", ty: "string", doc: "the load balancer's ARN" },
            Output { name: "dns_name", ty: "string", doc: "the name under which clients reach it" },
            Output { name: "zone_id", ty: "string", doc: "the hosted zone of that name, for an alias in Route 53" },
            Output { name: "url", ty: "string", doc: "the first listener as a URL; nothing where none speaks HTTP" },
        ],
        unsettled: &[("url", &["listeners"])],
        fixed: &["name", "type", "scheme"],
        holds: &["subnets"],
        defaults: &[("access_log", DefaultValue::Nothing)],
        discovery: Discovery::Prefix,
        tagger: &tags::BALANCERS,
        terraform: "aws_lb",
        calls: &[BALANCER, GROUP, LISTENER, RULE],
        name: Some(NAME),
        iam: &[
            "elasticloadbalancing:CreateLoadBalancer",
            "elasticloadbalancing:DescribeLoadBalancers",
            "elasticloadbalancing:DescribeLoadBalancerAttributes",
            "elasticloadbalancing:ModifyLoadBalancerAttributes",
            "elasticloadbalancing:SetSubnets",
            "elasticloadbalancing:SetSecurityGroups",
            "elasticloadbalancing:DeleteLoadBalancer",
            "elasticloadbalancing:CreateListener",
            "elasticloadbalancing:DescribeListeners",
            "elasticloadbalancing:ModifyListener",
            "elasticloadbalancing:DeleteListener",
            "elasticloadbalancing:CreateRule",
            "elasticloadbalancing:DescribeRules",
            "elasticloadbalancing:ModifyRule",
            "elasticloadbalancing:DeleteRule",
            "elasticloadbalancing:CreateTargetGroup",
            "elasticloadbalancing:DescribeTargetGroups",
            "elasticloadbalancing:DescribeTargetGroupAttributes",
            "elasticloadbalancing:ModifyTargetGroup",
            "elasticloadbalancing:ModifyTargetGroupAttributes",
            "elasticloadbalancing:DeleteTargetGroup",
            "elasticloadbalancing:RegisterTargets",
            "elasticloadbalancing:DeregisterTargets",
            "elasticloadbalancing:DescribeTargetHealth",
            "elasticloadbalancing:AddTags",
            "elasticloadbalancing:RemoveTags",
            "elasticloadbalancing:DescribeTags",
            "ec2:DescribeSubnets",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeVpcs",
            "ec2:DescribeInternetGateways",
            "ec2:DescribeInstances",
            "iam:CreateServiceLinkedRole",
        ],
        quotas: &[
            Quota { code: "L-53DA6B97", name: "Application Load Balancers per Region" },
            Quota { code: "L-69A177A2", name: "Network Load Balancers per Region" },
        ],
        // An internet-facing one cannot be made before its VPC leads to the internet.
        starts: true,
        spends: true,
        prices: "elb",
        // Its target groups are left, and go at once then.
        gone: Gone::PartsAtOnce,
        ..About::new("A load balancer with its listeners, rules and target groups")
    };

    fn summary(&self) -> String {
        let kind = if self.class == Type::Network { "network" } else { "application" };
        let open = if self.scheme == Scheme::InternetFacing { ", internet-facing" } else { "" };
        let ports: Vec<String> = self.listeners.iter().map(|one| one.port.to_string()).collect();
        format!("{kind} at {}{open}", ports.join(", "))
    }

    fn check(&self, problems: &mut Vec<Problem>) {
        check::check(self, problems);
    }

    fn normalize(&mut self) {
        self.subnets.sort();
        self.security_groups.sort();
        if self.class == Type::Application {
            self.idle_timeout.get_or_insert(Span::from_seconds(60));
        }
        self.target_groups.iter_mut().for_each(TargetGroup::normalize);
        self.target_groups.sort_by(|a, b| (&a.name, a.port).cmp(&(&b.name, b.port)));
        self.listeners.iter_mut().for_each(Listener::normalize);
        self.listeners.sort_by_key(|one| one.port);
    }

    fn durations(&self) -> Durations {
        let drain = self.target_groups.iter().map(|group| group.drain.seconds()).max().unwrap_or(0);
        Durations {
            create: Expected::secs(150, 1200),
            update: Expected::secs(5, 600 + drain),
            delete: Expected::secs(10, 600),
        }
    }

    fn price(&self, ctx: &PriceContext<'_>) -> Vec<PriceLine> {
        let mut lines = network::load_balancer(ctx, self.class == Type::Network);
        if self.scheme == Scheme::InternetFacing {
            // One in each zone at least.
            lines.push(network::public_addresses(ctx, u32::try_from(self.subnets.len()).unwrap_or(u32::MAX)));
        }
        lines
    }

    async fn sweep(ctx: &SweepCtx) -> Result<Vec<Live<Self>>, Error> {
        read::sweep(ctx).await
    }

    async fn create(&self, ctx: &Ctx, _: Option<&Live<Self>>) -> Result<Id, Error> {
        let name = &self.name.clone().unwrap_or_else(|| ctx.name(&NAME, ""));
        let (subnets, groups) = change::places(self)?;
        let (subnets, groups) = (&subnets, &groups);
        named::create::<Self, _, _>(ctx, &BALANCER, name, self, |attempt| async move {
            let call = ctx.aws.elb_once().create_load_balancer().name(name).set_subnets(Some(subnets.clone()));
            let call = call.r#type(match self.class {
                Type::Application => LoadBalancerTypeEnum::Application,
                Type::Network => LoadBalancerTypeEnum::Network,
            });
            let call = call.scheme(match self.scheme {
                Scheme::Internal => LoadBalancerSchemeEnum::Internal,
                Scheme::InternetFacing => LoadBalancerSchemeEnum::InternetFacing,
            });
            let call = call.set_security_groups(Some(groups.clone()).filter(|groups| !groups.is_empty()));
            call.set_tags(Some(groups::tags(&attempt.tags))).send().await.map(drop).map_err(Error::from)
        })
        .await
    }

    async fn update(want: &Self, ctx: &Ctx, live: &Live<Self>, changes: &Changes) -> Result<(), Error> {
        change::update(want, ctx, live, changes).await
    }

    async fn delete(ctx: &Ctx, live: &Live<Self>) -> Result<(), Error> {
        change::delete(ctx, live).await
    }

    async fn lookup(ctx: &SweepCtx, by: &Lookup) -> Result<Vec<Live<Self>>, Error> {
        named::lookup(ctx, by).await
    }

    fn carriers(live: &Live<Self>) -> Vec<Carrier> {
        let own = live.outputs.get("arn").and_then(Value::as_str).filter(|_| live.state != State::Partial);
        let parts = live.parts.iter().map(|(part, arn)| Carrier::part(part, &tags::BALANCERS, arn));
        own.map(|arn| Carrier::own(&tags::BALANCERS, arn)).into_iter().chain(parts).collect()
    }
}

impl Compares for LoadBalancer {
    /// A network load balancer keeps what it was made with: security groups or none.
    fn must_replace(&self, change: &Difference) -> bool {
        let none = |value: &Value| value.as_array().is_none_or(Vec::is_empty);
        self.class == Type::Network && change.path == "security_groups" && none(&change.before) != none(&change.after)
    }
}

impl Drains for LoadBalancer {
    async fn release(ctx: &SweepCtx, ending: &[Id], staying: &[Id]) -> Result<Released, Error> {
        release::release(ctx, ending, staying).await
    }
}

impl Teardown for LoadBalancer {
    async fn parts_there(ctx: &SweepCtx, ids: &BTreeSet<Id>) -> Result<Vec<(Id, Tags)>, Error> {
        read::there(ctx, ids).await
    }
}
