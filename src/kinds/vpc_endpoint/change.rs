//! Brings a VPC endpoint to what is wanted.
use super::{VpcEndpoint, ids, read};
use crate::{
    aws::Error,
    call::Ctx,
    field::Ref,
    kinds::ec2,
    resource::{Changes, Id, Live},
};
use std::collections::BTreeSet;

/// All changes in one call: while one is carried out, AWS takes no other.
pub(super) async fn bring(
    want: &VpcEndpoint,
    ctx: &Ctx,
    live: &Live<VpcEndpoint>,
    changes: &Changes,
) -> Result<(), Error> {
    let sweep = ctx.sweep();
    let now = ec2::now(ctx, live, read::find(&sweep, vec![ec2::filter("vpc-endpoint-id", &live.id)])).await?;
    let tables = change(&want.route_tables, &now.route_tables)?;
    let subnets = change(&want.subnets, &now.subnets)?;
    let groups = change(&want.security_groups, &now.security_groups)?;
    let policy = changes.touches("policy").then_some(want.policy.as_ref());
    let dns = changes.touches("private_dns").then_some(want.private_dns);
    let call = ctx.aws.ec2().modify_vpc_endpoint().vpc_endpoint_id(&live.id).set_private_dns_enabled(dns);
    let call = call.set_add_route_table_ids(tables.0).set_remove_route_table_ids(tables.1);
    let call = call.set_add_subnet_ids(subnets.0).set_remove_subnet_ids(subnets.1);
    let call = call.set_add_security_group_ids(groups.0).set_remove_security_group_ids(groups.1);
    let call = match policy {
        Some(Some(policy)) => call.policy_document(policy.text()),
        Some(None) => call.reset_policy(true),
        None => call,
    };
    ec2::patient(ctx, || async { Ok(call.clone().send().await.map(drop)?) }).await
}

/// What is to be added and what is to be removed, each if there is any.
#[allow(clippy::type_complexity, reason = "as the SDK's setters take them")]
fn change<K>(want: &[Ref<K>], have: &[Ref<K>]) -> Result<(Option<Vec<Id>>, Option<Vec<Id>>), Error> {
    let (want, have) = (ids(want)?, ids(have)?);
    let only = |one: &BTreeSet<&str>, other: &BTreeSet<&str>| {
        let out: Vec<Id> = one.difference(other).map(|id| (*id).to_owned()).collect();
        (!out.is_empty()).then_some(out)
    };
    Ok((only(&want, &have), only(&have, &want)))
}
