//! Listeners: a port of a load balancer, and what happens to what comes in there.

use super::balancers::{self, Balancer};
use super::rules::Rule;
use super::{actions, balancer, listener};
use crate::services::prelude::*;

pub(super) const OPERATIONS: &[Operation] = &[
    write("CreateListener", create),
    read("DescribeListeners", describe),
    write("ModifyListener", modify),
    write("DeleteListener", delete),
];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Listener {
    pub(super) id: String,
    pub(super) created: Timestamp,
    /// The load balancer's name, and the end of its ARN.
    pub(super) balancer: String,
    pub(super) tail: String,
    pub(super) port: i64,
    pub(super) protocol: String,
    pub(super) certificate: Option<String>,
    pub(super) policy: Option<String>,
    pub(super) actions: Value,
    pub(super) tags: Tags,
}

object!(Listener, "elasticloadbalancing/listener", id, tags of "elasticloadbalancing" "listener/{tail}/{id}" with tail);

impl Listener {
    pub(super) fn arn(&self, call: &Call<'_>) -> String {
        call.arn(format_args!("listener/{}/{}", self.tail, self.id))
    }

    fn shown(&self, call: &Call<'_>) -> Value {
        let mut out = json!({
            "ListenerArn": self.arn(call), "LoadBalancerArn": call.arn(format_args!("loadbalancer/{}", self.tail)),
            "Port": self.port, "Protocol": self.protocol, "DefaultActions": self.actions,
        });
        if let Some(certificate) = &self.certificate {
            out["Certificates"] = json!([{"CertificateArn": certificate}]);
            out["SslPolicy"] = json!(self.policy);
        }
        out
    }
}

/// The certificate and the policy of a request; certificates are not simulated: every ARN of one stands for one.
fn secured(call: &mut Call<'_>) -> Result<(Option<String>, Option<String>), ApiError> {
    let mut certificates = call.params.structs("Certificates")?;
    let certificate = certificates.pop().map(|mut one| one.text("CertificateArn")).transpose()?;
    if let Some(arn) = certificate.as_ref().filter(|arn| !arn.contains(":acm:") && !arn.contains(":iam:")) {
        return Err(ApiError::bad("CertificateNotFound", format!("Certificate ARN '{arn}' is not valid")));
    }
    let policy = call.params.text_opt("SslPolicy")?;
    if let Some(policy) = policy.as_ref().filter(|policy| !policy.starts_with("ELBSecurityPolicy-")) {
        return Err(ApiError::bad("SSLPolicyNotFound", format!("SSL policy '{policy}' not found")));
    }
    Ok((certificate, policy))
}

fn check_port(call: &Call<'_>, of: &Balancer, id: &str, port: i64) -> Result<(), ApiError> {
    if call.all::<Listener>().any(|it| it.balancer == of.name && it.port == port && it.id != id) {
        let arn = of.arn(call);
        let message = format!("A listener already exists on this port for this load balancer '{arn}'");
        return Err(ApiError::bad("DuplicateListener", message));
    }
    Ok(())
}

const POLICY: &str = "ELBSecurityPolicy-2016-08";

fn create(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let arn = call.params.text("LoadBalancerArn")?;
    let (of, port) = (balancer(call, &arn)?, call.params.int("Port")?);
    let protocol = call.params.text("Protocol")?;
    let (certificate, policy) = secured(call)?;
    let (tags, actions) = (tagged::take(call)?, actions::take(call, "DefaultActions", &of)?.unwrap_or_default());
    actions::check_protocol(&of, &protocol, certificate.is_some())?;
    let policy = certificate.as_ref().map(|_| policy.unwrap_or_else(|| POLICY.to_owned()));
    let known = call.all::<Listener>().find(|it| it.balancer == of.name && it.port == port);
    if let Some(same) = known.filter(|it| {
        (&it.protocol, &it.certificate, &it.policy, &it.actions, &it.tags)
            == (&protocol, &certificate, &policy, &actions, &tags)
    }) {
        return Ok(Reply::json(json!({"Listeners": [same.shown(call)]})));
    }
    check_port(call, &of, "", port)?;
    let it = Listener {
        id: call.world.new_hex(16),
        created: call.now,
        tail: of.tail(),
        balancer: of.name,
        port,
        protocol,
        certificate,
        policy,
        actions,
        tags,
    };
    let shown = it.shown(call);
    call.put(it);
    Ok(Reply::json(json!({"Listeners": [shown]})))
}

fn describe(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (of, arns) = (call.params.text_opt("LoadBalancerArn")?, call.params.texts("ListenerArns")?);
    let page = Page::take(call, 400)?;
    let of =
        of.map(|arn| call.seen::<Balancer>().find(|it| it.arn(call) == arn).ok_or_else(|| balancers::missing(&arn)));
    let of = of.transpose()?.map(|it| it.name.clone());
    for arn in &arns {
        listener(call, arn)?;
    }
    let wanted = |it: &&Listener| of.as_ref().map_or_else(|| arns.contains(&it.arn(call)), |name| it.balancer == *name);
    Ok(page.reply(call.seen::<Listener>().filter(wanted), |it| &it.id, |it| it.shown(call)))
}

fn modify(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let arn = call.params.text("ListenerArn")?;
    let mut it = listener(call, &arn)?;
    let of = call.get::<Balancer>(&it.balancer).cloned().ok_or_else(|| balancers::missing(&it.balancer))?;
    it.port = call.params.int_opt("Port")?.unwrap_or(it.port);
    it.protocol = call.params.text_opt("Protocol")?.unwrap_or(it.protocol);
    let (certificate, policy) = secured(call)?;
    let secure = matches!(it.protocol.as_str(), "HTTPS" | "TLS");
    actions::check_protocol(&of, &it.protocol, certificate.is_some() || secure && it.certificate.is_some())?;
    it.certificate = certificate.or(it.certificate).filter(|_| secure);
    it.policy = policy.or(it.policy).or_else(|| Some(POLICY.to_owned())).filter(|_| secure);
    it.actions = actions::take(call, "DefaultActions", &of)?.unwrap_or(it.actions);
    check_port(call, &of, &it.id, it.port)?;
    let shown = it.shown(call);
    call.put(it);
    Ok(Reply::json(json!({"Listeners": [shown]})))
}

fn delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let arn = call.params.text("ListenerArn")?;
    let it = listener(call, &arn)?;
    let rules = call.all::<Rule>().filter(|rule| rule.listener == it.id).map(|rule| rule.id.clone());
    for rule in rules.collect::<Vec<_>>() {
        call.remove::<Rule>(&rule);
    }
    call.remove::<Listener>(&it.id);
    Ok(Reply::empty())
}
