//! What stands in the lists of a load balancer: target groups with their health checks, listeners with their rules.
use crate::{field::Field, units::Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a load balancer understands of the requests that it passes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// HTTP: paths, hosts, health checks of answers.
    #[default]
    Application,
    /// Connections, whatever is in them.
    Network,
}

/// Who can reach it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    /// Who is in the VPC, or in a network that is connected with it.
    #[default]
    Internal,
    /// Everybody whom its security groups let in. Its subnets must be public.
    InternetFacing,
}

/// How clients speak to a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ListenerProtocol {
    /// HTTP in the clear.
    Http,
    /// HTTP over TLS, which ends here.
    Https,
    /// Connections, as they are.
    Tcp,
    /// TLS, which ends here.
    Tls,
}

/// How a load balancer speaks to targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TargetProtocol {
    /// HTTP in the clear.
    Http,
    /// HTTP over TLS; the certificate of a target is not checked.
    Https,
    /// Connections, as they are.
    Tcp,
}

/// Where it writes a line for each request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccessLog {
    /// The bucket's name. Its policy must let `logdelivery.elasticloadbalancing.amazonaws.com` write; for a network load
    /// balancer `delivery.logs.amazonaws.com`, and only `tls` listeners are logged there.
    pub bucket: Field<String>,
    /// What the keys begin with, without a slash at the end.
    #[serde(default)]
    pub prefix: String,
}

/// Equal machines that answer at a port.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetGroup {
    /// What listeners and rules call it.
    pub name: String,
    /// The port at which targets answer. With another one the group is made anew, listeners move to it, and the old one
    /// goes last; the same holds for `protocol`.
    #[schemars(range(min = 1, max = 65535))]
    pub port: u32,
    /// How targets are spoken to.
    pub protocol: TargetProtocol,
    /// Ids of instances, usually all of a group: `${servers.instance_ids}`. They follow the group: new members are
    /// registered, and those that are about to end get no more requests and the time of `drain` for those they have.
    #[serde(default = "nobody")]
    pub targets: Field<Vec<String>>,
    /// How targets are asked whether they work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    /// How long a target that leaves may go on with what it has: up to 1h.
    #[serde(default = "five_minutes")]
    pub drain: Span,
    /// For how long a client stays with one target, by a cookie: up to 7d. Without it each request goes to any target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stickiness: Option<Span>,
}

/// How a target is asked whether it works.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Health {
    /// The path that is asked for; `/` where nothing is said. A `tcp` group without it is only connected to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Another port than that of the group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<u32>,
    /// How often: 5s to 5m, and longer than `timeout`; 30s where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Span>,
    /// How long an answer may take: 2s to 2m; 5s where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
    /// After how many good answers in a row a target gets requests; 5 where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2, max = 10))]
    pub healthy: Option<u32>,
    /// After how many failures in a row it gets none any more; 2 where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2, max = 10))]
    pub unhealthy: Option<u32>,
    /// The status codes of a good answer, such as `200`, `200,202` or `200-299`; `200` where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codes: Option<String>,
}

/// A port of the load balancer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Listener {
    /// The port.
    #[schemars(range(min = 1, max = 65535))]
    pub port: u32,
    /// How clients speak.
    pub protocol: ListenerProtocol,
    /// The ARN of the certificate of `https` and `tls`, in Certificate Manager or IAM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Field<String>>,
    /// Which versions and ciphers of TLS it takes, as AWS calls the policy; without it one with TLS 1.2 and 1.3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// The target group of requests that no rule takes.
    pub to: String,
    /// What goes elsewhere (application load balancers only).
    #[serde(default)]
    pub rules: Vec<Rule>,
}

/// Requests that go elsewhere: those with one of the paths and one of the hosts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Rules are tried from the lowest to the highest; without it, one more than that of the rule before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 50000))]
    pub priority: Option<u32>,
    /// Patterns of paths, such as `/v1/*`.
    #[serde(default)]
    pub path: Vec<String>,
    /// Patterns of hosts, such as `*.example.com`.
    #[serde(default)]
    pub host: Vec<String>,
    /// Their target group.
    pub to: String,
}

fn nobody() -> Field<Vec<String>> {
    Field::Known(Vec::new())
}
fn five_minutes() -> Span {
    Span::from_seconds(300)
}

/// TLS 1.2 and 1.3, with ciphers that keep what was said before a key was lost.
const POLICY: &str = "ELBSecurityPolicy-TLS13-1-2-2021-06";

impl ListenerProtocol {
    pub(super) fn is_secure(self) -> bool {
        matches!(self, Self::Https | Self::Tls)
    }

    pub(super) fn is_of(self, class: Class) -> bool {
        matches!(self, Self::Http | Self::Https) == (class == Class::Application)
    }
}

impl TargetProtocol {
    pub(super) fn is_of(self, class: Class) -> bool {
        (self != Self::Tcp) == (class == Class::Application)
    }
}

impl TargetGroup {
    /// The health check with everything that AWS would choose.
    pub(super) fn asked(&self) -> Health {
        let mut health = self.health.clone().unwrap_or_default();
        health.interval.get_or_insert(Span::from_seconds(30));
        health.timeout.get_or_insert(Span::from_seconds(5));
        health.healthy.get_or_insert(5);
        health.unhealthy.get_or_insert(2);
        if self.protocol != TargetProtocol::Tcp {
            health.path.get_or_insert_with(|| "/".to_owned());
        }
        if health.path.is_some() {
            health.codes.get_or_insert_with(|| "200".to_owned());
        }
        health
    }

    pub(super) fn normalize(&mut self) {
        self.health = Some(self.asked());
        if let Field::Known(targets) = &mut self.targets {
            targets.sort();
            targets.dedup();
        }
    }
}

impl Listener {
    pub(super) fn normalize(&mut self) {
        if self.protocol.is_secure() {
            self.policy.get_or_insert_with(|| POLICY.to_owned());
        }
        let mut last = 0;
        for rule in &mut self.rules {
            last = *rule.priority.get_or_insert(last + 1);
            rule.path.sort();
            rule.host.sort();
        }
        self.rules.sort_by_key(|rule| rule.priority);
    }
}
