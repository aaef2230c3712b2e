//! VPC endpoints as AWS shows them, and the names of services.
use super::{Type, VpcEndpoint};
use crate::{
    aws::Error,
    call::SweepCtx,
    field::Ref,
    kinds::{ec2, policy::Policy},
    resource::{Live, State},
};
use aws_sdk_ec2::types::{Filter, VpcEndpoint as Endpoint, VpcEndpointType};
use serde_json::json;

/// The name of a service in AWS's words: a short one is that of AWS's service in the region.
pub(super) fn full_name(service: &str, region: &str) -> String {
    let is_full = ["com.amazonaws.", "cn.com.amazonaws.", "aws."].iter().any(|start| service.starts_with(start));
    if is_full { service.to_owned() } else { format!("com.amazonaws.{region}.{service}") }
}

/// The same as a blueprint writes it.
fn short_name(service: &str, region: &str) -> String {
    service.strip_prefix(&format!("com.amazonaws.{region}.")).unwrap_or(service).to_owned()
}

/// Does it let everybody do everything, as what AWS makes without a policy?
pub(super) fn is_open(policy: &Policy) -> bool {
    let open = json!({ "Effect": "Allow", "Principal": { "AWS": "*" }, "Action": "*", "Resource": "*" });
    policy.statements() == [open]
}

/// Every endpoint that matches and is not gone; AWS shows deleted ones for a while.
pub(super) async fn find(ctx: &SweepCtx, filters: Vec<Filter>) -> Result<Vec<Live<VpcEndpoint>>, Error> {
    let mut out = Vec::new();
    let mut pages = ctx.aws.ec2().describe_vpc_endpoints().set_filters(Some(filters)).into_paginator().send();
    while let Some(page) = pages.next().await {
        for endpoint in page?.vpc_endpoints.unwrap_or_default() {
            if word(&endpoint) != "deleted" {
                out.push(read(ctx, &endpoint)?);
            }
        }
    }
    Ok(out)
}

/// Its state; AWS's answers have small letters where its model has capitals.
fn word(endpoint: &Endpoint) -> String {
    endpoint.state().map(|state| state.as_str().to_ascii_lowercase()).unwrap_or_default()
}

fn read(ctx: &SweepCtx, endpoint: &Endpoint) -> Result<Live<VpcEndpoint>, Error> {
    let tags = ec2::tags(endpoint.tags());
    let id = endpoint.vpc_endpoint_id().ok_or_else(|| Error::missing("the endpoint's id"))?;
    let vpc = endpoint.vpc_id().ok_or_else(|| Error::missing("the endpoint's VPC"))?;
    let said = endpoint.vpc_endpoint_type().map_or("", VpcEndpointType::as_str);
    let class = match said {
        "Gateway" => Some(Type::Gateway),
        "Interface" => Some(Type::Interface),
        _ => None,
    };
    let spec = VpcEndpoint {
        vpc: Ref::to_id(vpc),
        service: short_name(endpoint.service_name().unwrap_or_default(), &ctx.scope.region),
        class: Some(class.unwrap_or(Type::Interface)),
        route_tables: endpoint.route_table_ids().iter().map(Ref::to_id).collect(),
        subnets: endpoint.subnet_ids().iter().map(Ref::to_id).collect(),
        security_groups: endpoint.groups().iter().filter_map(|g| g.group_id()).map(Ref::to_id).collect(),
        private_dns: endpoint.private_dns_enabled().unwrap_or(false),
        policy: endpoint.policy_document().map(Policy::parse).transpose()?,
    };
    let mut live = Live::new(ctx.address(id, &tags), id, tags, spec);
    live.novel.extend(class.is_none().then(|| ("type".to_owned(), said.to_owned())));
    live.state = match word(endpoint).as_str() {
        "available" => State::Ready,
        "deleting" => State::Deleting,
        // The service's owner has to accept it, which may take days: nobody waits for that.
        "pendingacceptance" => State::Degraded("the owner of the service has not accepted it yet".to_owned()),
        "rejected" => State::Failed("the owner of the service has rejected it".to_owned()),
        "failed" | "expired" | "partial" => State::Failed(reason(endpoint)),
        _ => State::Pending,
    };
    live.created = ec2::time(endpoint.creation_timestamp().copied());
    let names: Vec<_> = endpoint.dns_entries().iter().filter_map(|entry| entry.dns_name()).collect();
    let interfaces = endpoint.network_interface_ids();
    live.outputs =
        ec2::outputs([("id", json!(id)), ("dns_names", json!(names)), ("network_interfaces", json!(interfaces))]);
    Ok(live)
}

fn reason(endpoint: &Endpoint) -> String {
    let error = endpoint.last_error().and_then(|error| error.message()).or(endpoint.failure_reason());
    format!("{}: {}", word(endpoint), error.unwrap_or("AWS gives no reason"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_have_short_and_full_names() {
        for short in ["s3", "ecr.api"] {
            let full = full_name(short, "eu-west-1");
            assert_eq!(full, format!("com.amazonaws.eu-west-1.{short}"));
            assert_eq!(short_name(&full, "eu-west-1"), short);
            assert_eq!(short_name(&full, "us-east-1"), full);
        }
        for full in ["com.amazonaws.vpce.eu-west-1.vpce-svc-1", "aws.sagemaker.eu-west-1.studio"] {
            assert_eq!(full_name(full, "eu-west-1"), full);
            assert_eq!(short_name(full, "eu-west-1"), full);
        }
    }
}
