//! Which subnets use a route table.
use super::{RouteTable, tables};
use crate::{
    aws::{Error, ErrorClass, gone, ownership::Ownership},
    call::Ctx,
    field::Ref,
    kinds::{Subnet, ec2},
};
use aws_sdk_ec2::types::{RouteTable as Table, RouteTableAssociationStateCode as Association};
use futures_util::future::join_all;
use std::collections::{BTreeMap, BTreeSet};

/// Moves subnets to this table and then lets go of those that are not wanted any more. A subnet that another table of
/// the stack holds is moved in one call, so that it is never without a table.
pub(super) async fn associate(ctx: &Ctx, id: &str, want: &RouteTable, now: &RouteTable) -> Result<(), Error> {
    let ids = |refs: &[Ref<Subnet>]| refs.iter().map(|r| r.id().map(str::to_owned)).collect::<Result<BTreeSet<_>, _>>();
    let (wanted, mut have) = (ids(&want.subnets)?, ids(&now.subnets)?);
    if ctx.fresh {
        // A new table: its subnets mostly have none yet, and AWS says which do.
        let moves = wanted.difference(&have).map(|subnet| async move {
            let call = || ctx.aws.ec2().associate_route_table().route_table_id(id).subnet_id(subnet);
            match ec2::patient(ctx, || async { Ok(call().send().await?) }).await {
                Ok(_) => Ok(Some(subnet.clone())),
                Err(e) if e.class == ErrorClass::Exists => Ok(None),
                Err(e) => Err(e),
            }
        });
        let moved = join_all(moves).await.into_iter().collect::<Result<Vec<_>, Error>>()?;
        have.extend(moved.into_iter().flatten());
        if have == wanted {
            return Ok(());
        }
    }
    let changing: Vec<&str> = wanted.symmetric_difference(&have).map(String::as_str).collect();
    let mut holders = BTreeMap::new();
    for changing in changing.chunks(200) {
        let filter = ec2::filter_any("association.subnet-id", changing.iter().copied());
        for table in tables(&ctx.sweep(), vec![filter]).await? {
            for (subnet, association) in associations(&table) {
                holders.insert(subnet.to_owned(), (association.to_owned(), table.clone()));
            }
        }
    }
    // All at once; each answer is awaited, so that no call is given up half-way.
    let holders = &holders;
    let moves = wanted.difference(&have).map(|subnet| async move {
        let call = || ctx.aws.ec2().associate_route_table().route_table_id(id).subnet_id(subnet);
        let Some((association, table)) = holders.get(subnet) else {
            return ec2::patient(ctx, || async { ec2::there(ctx, call().send().await.map_err(Error::from)) }).await;
        };
        let owner = ec2::tags(table.tags());
        if !ctx.scope.owns(&owner) {
            let holder = format!("the route table {} of {subnet}", table.route_table_id().unwrap_or_default());
            return Err(Error::stranger(&holder, Ownership::read(&owner).map(|o| o.stack).as_deref()));
        }
        let call = ctx.aws.ec2().replace_route_table_association().route_table_id(id);
        call.association_id(association).send().await.map(|_| ()).map_err(Error::from)
    });
    join_all(moves).await.into_iter().collect::<Result<(), _>>()?;
    for subnet in have.difference(&wanted) {
        // Another table of the stack may have taken it over meanwhile.
        if let Some((association, _)) = holders.get(subnet).filter(|(_, t)| t.route_table_id() == Some(id)) {
            disassociate(ctx, association).await?;
        }
    }
    Ok(())
}

pub(super) async fn disassociate(ctx: &Ctx, association: &str) -> Result<(), Error> {
    gone(ctx.aws.ec2().disassociate_route_table().association_id(association).send().await.map_err(Error::from))
}

/// The subnets that use a table, with the ids of their associations; without those that are on their way out.
pub(super) fn associations(table: &Table) -> Vec<(&str, &str)> {
    let holds = |state: Option<&Association>| !matches!(state, Some(s) if *s != Association::Associated && *s != Association::Associating);
    let associations = table.associations().iter();
    let held = associations.filter(|a| holds(a.association_state().and_then(|s| s.state())));
    held.filter_map(|a| Some((a.subnet_id()?, a.route_table_association_id()?))).collect()
}
