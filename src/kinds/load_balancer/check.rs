//! What Elastic Load Balancing would refuse, or accept and then not serve.
use super::{
    LoadBalancer, TargetGroup, Type,
    fields::{ListenerProtocol, TargetProtocol},
};
use crate::{
    diagnostic::{Code, codes},
    kinds::named::Named,
    resource::Problem,
    units::Span,
};
use std::collections::BTreeSet;

codes! {
    pub(super) CODES:
    NAME = "DL1701", "Not a legal name of a load balancer or a target group",
        "A load balancer's name has 1 to 32 letters, digits and `-`, begins and ends with a letter or a digit, and does not begin with `internal-`. What listeners call a target group follows the same rule, and is used once.";
    PLACE = "DL1702", "A load balancer that AWS would not place",
        "An application load balancer stands in two zones at least, and needs a security group: without one AWS gives it the default group of the VPC, which lets in only itself.";
    PROTOCOL = "DL1703", "A protocol that this type of load balancer does not speak",
        "An application load balancer listens to `http` and `https`, and speaks `http` or `https` to targets. A network load balancer listens to `tcp` and `tls`, and speaks `tcp`.";
    CERTIFICATE = "DL1704", "A certificate where none is used, or none where one is",
        "`https` and `tls` listeners have a `certificate`, and may have a `policy`; others have neither.";
    GROUP = "DL1705", "A target group that is not there, or to which nothing leads",
        "`to` names one of the load balancer's own target groups, and each of them is named by a listener or a rule: AWS sends nothing to others, nor asks whether they work.";
    LOG = "DL1710", "A log that would stay empty",
        "A network load balancer logs what comes to its `tls` listeners and nothing else.";
    PORT = "DL1706", "Two listeners at one port",
        "Each port of a load balancer has one listener. Other requests at the same port go elsewhere by `rules`.";
    RULE = "DL1707", "A rule that AWS would refuse",
        "A rule has a path or a host, up to five patterns in all, and a priority from 1 to 50000 of its own. Network load balancers have no rules.";
    HEALTH = "DL1708", "A health check that AWS would refuse",
        "`interval` is 5s to 5m, `timeout` is 2s to 2m and shorter than `interval`; `healthy` and `unhealthy` are 2 to 10. A path begins with `/`, and codes are those of HTTP: 200 to 499, up to 599 for a network load balancer.";
    TIMES = "DL1709", "A time that this load balancer does not take",
        "`idle_timeout` is 1s to 4000s and only of application load balancers; `drain` is up to 1h; `stickiness` is 1s to 7d and only of `http` and `https` target groups.";
}

type Add<'a> = dyn FnMut(&'static Code, String, String, &str) + 'a;

pub(super) fn check(balancer: &LoadBalancer, problems: &mut Vec<Problem>) {
    let mut add = |code: &'static Code, path: String, summary: String, help: &str| {
        problems.push(Problem { code, path, summary, help: help.to_owned() });
    };
    if let Some(name) = balancer.name.as_deref().filter(|name| !LoadBalancer::legal(name)) {
        let summary = format!("`{name}` is not a legal name of a load balancer");
        add(&NAME, "name".into(), summary, "write for example `chat-prod`");
    }
    place(balancer, &mut add);
    let logs = balancer.listeners.iter().any(|one| one.protocol == ListenerProtocol::Tls);
    if balancer.access_log.is_some() && balancer.class == Type::Network && !logs {
        add(
            &LOG,
            "access_log".into(),
            "nothing would be logged".into(),
            "leave `access_log` out, or add a `tls` listener",
        );
    }
    let application = balancer.class == Type::Application;
    let idle = |span: &Span| !application || !(1..=4000).contains(&span.seconds());
    if balancer.idle_timeout.as_ref().is_some_and(idle) {
        let summary = "not a time that this load balancer waits".into();
        add(
            &TIMES,
            "idle_timeout".into(),
            summary,
            "an application load balancer waits 1s to 4000s, others take no time",
        );
    }
    let mut names = BTreeSet::new();
    for (i, group) in balancer.target_groups.iter().enumerate() {
        if !LoadBalancer::legal(&group.name) || !names.insert(group.name.as_str()) {
            let summary = format!("`{}` is not a legal name of a target group, or is used twice", group.name);
            add(&NAME, format!("target_groups.{i}.name"), summary, "write for example `api`");
        }
        let leads = |to: &String| *to == group.name;
        if !balancer.listeners.iter().any(|one| leads(&one.to) || one.rules.iter().any(|rule| leads(&rule.to))) {
            let summary = format!("nothing leads to the target group `{}`", group.name);
            add(&GROUP, format!("target_groups.{i}.name"), summary, "name it in `to` of a listener or a rule");
        }
        target_group(balancer, i, group, &mut add);
    }
    listeners(balancer, &names, &mut add);
}

fn place(balancer: &LoadBalancer, add: &mut Add<'_>) {
    let application = balancer.class == Type::Application;
    if balancer.subnets.len() < if application { 2 } else { 1 } {
        let summary = "too few subnets for this load balancer".into();
        add(&PLACE, "subnets".into(), summary, "name one subnet in each of two zones or more");
    }
    if application && balancer.security_groups.is_empty() {
        let summary = "an application load balancer without a security group".into();
        add(&PLACE, "security_groups".into(), summary, "name a group that lets its clients in");
    }
}

fn target_group(balancer: &LoadBalancer, i: usize, group: &TargetGroup, add: &mut Add<'_>) {
    let at = |field: &str| format!("target_groups.{i}.{field}");
    let help = "use `http` or `https` with an application load balancer, `tcp` with a network load balancer";
    if !group.protocol.is_of(balancer.class) {
        add(&PROTOCOL, at("protocol"), "this load balancer does not speak so to targets".into(), help);
    }
    port(group.port, &at("port"), add);
    if group.drain.seconds() > 3600 {
        add(&TIMES, at("drain"), "a target drains for an hour at most".into(), "write for example `5m`");
    }
    let sticky = |span: &Span| group.protocol == TargetProtocol::Tcp || !(1..=604_800).contains(&span.seconds());
    if group.stickiness.as_ref().is_some_and(sticky) {
        let summary = "a client does not stay so long, or not with this protocol".into();
        add(&TIMES, at("stickiness"), summary, "use `http` or `https`, and 1s to 7d");
    }
    let health = group.asked();
    let seconds = |span: Option<Span>| span.map_or(0, Span::seconds);
    let (interval, timeout) = (seconds(health.interval), seconds(health.timeout));
    let help = "ask every 5s to 5m, and wait 2s to 2m for an answer, less than that";
    if !(5..=300).contains(&interval) || !(2..=120).contains(&timeout) || timeout >= interval {
        add(&HEALTH, at("health.interval"), "`interval` and `timeout` do not fit".into(), help);
    }
    for (field, count) in [("healthy", health.healthy), ("unhealthy", health.unhealthy)] {
        if count.is_some_and(|count| !(2..=10).contains(&count)) {
            add(&HEALTH, at(&format!("health.{field}")), "2 to 10 answers decide".into(), "write for example `3`");
        }
    }
    if let Some(other) = health.port {
        port(other, &at("health.port"), add);
    }
    if health.path.as_ref().is_some_and(|path| !path.starts_with('/') || path.len() > 1024) {
        add(&HEALTH, at("health.path"), "not a path".into(), "write for example `/health`");
    }
    let last = if balancer.class == Type::Application { 499 } else { 599 };
    if health.codes.as_ref().is_some_and(|codes| health.path.is_none() || !are_codes(codes, last)) {
        let help = "write for example `200`, `200,202` or `200-299`; connections alone have no codes";
        add(&HEALTH, at("health.codes"), "not codes that a health check takes".into(), help);
    }
}

fn port(number: u32, path: &str, add: &mut Add<'_>) {
    if !(1..=65535).contains(&number) {
        add(&PORT, path.to_owned(), format!("{number} is not a port"), "use 1 to 65535");
    }
}

/// `200`, `200,202`, `200-299`
fn are_codes(text: &str, last: u32) -> bool {
    let code = |text: &str| text.parse().ok().filter(|code: &u32| (200..=last).contains(code));
    let one = |part: &str| match part.split_once('-') {
        Some((low, high)) => matches!((code(low), code(high)), (Some(low), Some(high)) if low < high),
        None => code(part).is_some(),
    };
    text.split(',').all(one)
}

fn listeners(balancer: &LoadBalancer, groups: &BTreeSet<&str>, add: &mut Add<'_>) {
    let mut ports = BTreeSet::new();
    if balancer.listeners.is_empty() {
        add(&GROUP, "listeners".into(), "nothing comes in without a listener".into(), "add `listeners`");
    }
    for (i, one) in balancer.listeners.iter().enumerate() {
        let at = |field: &str| format!("listeners.{i}.{field}");
        port(one.port, &at("port"), add);
        if !ports.insert(one.port) {
            let help = "give one of them another port, or use `rules`";
            add(&PORT, at("port"), format!("two listeners at port {}", one.port), help);
        }
        if !one.protocol.is_of(balancer.class) {
            let help = "use `http` or `https` with an application load balancer, `tcp` or `tls` with a network one";
            add(&PROTOCOL, at("protocol"), "this load balancer does not listen so".into(), help);
        }
        let secure = one.protocol.is_secure();
        if one.certificate.is_some() != secure {
            let summary = if secure { "TLS without a certificate" } else { "a certificate without TLS" };
            add(&CERTIFICATE, at("certificate"), summary.into(), "name a certificate with `https` and `tls` only");
        }
        if one.policy.is_some() && !secure {
            add(&CERTIFICATE, at("policy"), "a policy of TLS without TLS".into(), "leave it out");
        }
        let known = |to: &str| groups.contains(to);
        let help = "name one of `target_groups`";
        if !known(&one.to) {
            add(&GROUP, at("to"), format!("there is no target group `{}`", one.to), help);
        }
        let mut priorities = BTreeSet::new();
        for (j, rule) in one.rules.iter().enumerate() {
            let at = |field: &str| format!("listeners.{i}.rules.{j}.{field}");
            if !known(&rule.to) {
                add(&GROUP, at("to"), format!("there is no target group `{}`", rule.to), help);
            }
            let priority = rule.priority.unwrap_or(0);
            if !(1..=50_000).contains(&priority) || !priorities.insert(priority) {
                let summary = format!("{priority} is no priority, or that of another rule");
                add(&RULE, at("priority"), summary, "use 1 to 50000, each once");
            }
            if balancer.class == Type::Network || !(1..=5).contains(&(rule.path.len() + rule.host.len())) {
                let help = "write `path` or `host`, and up to five patterns; network load balancers have no rules";
                add(&RULE, at("path"), "a rule that no request can meet here".into(), help);
            }
        }
    }
}
