//! Which subnets follow which route table.

use super::routes::{RouteTable, missing};
use super::subnets::{self, Subnet};
use super::{done, invalid};
use crate::call::Call;
use crate::error::ApiError;
use crate::service::{Operation, write};
use crate::wire::reply::Reply;
use crate::wire::xml::Xml;

pub(super) const OPERATIONS: &[Operation] = &[
    write("AssociateRouteTable", associate),
    write("ReplaceRouteTableAssociation", replace_association),
    write("DisassociateRouteTable", disassociate),
];

fn associated(name: &'static str, id: &str) -> Reply {
    let state = Xml::new().text("state", "associated");
    Reply::xml(Xml::new().text(name, id).child("associationState", state))
}

fn associate(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = call.params.text("RouteTableId")?;
    let subnet_id = call.params.text("SubnetId")?;
    let mut table = call.find::<RouteTable>(&id).cloned().ok_or_else(|| missing(&id))?;
    let subnet = call.find::<Subnet>(&subnet_id).ok_or_else(|| subnets::missing(&subnet_id))?;
    if subnet.vpc != table.vpc {
        return Err(invalid(format!("Route table {id} and subnet {subnet_id} belong to different networks")));
    }
    // The same pair again gives the same association back.
    if let Some((existing, _)) = table.associations.iter().find(|(_, it)| it.as_ref() == Some(&subnet_id)) {
        return Ok(associated("associationId", existing));
    }
    let holds = |other: &RouteTable| other.associations.values().flatten().any(|it| *it == subnet_id);
    if call.all::<RouteTable>().any(holds) {
        let message = format!("the specified association for route table {id} conflicts with an existing association");
        return Err(ApiError::bad("Resource.AlreadyAssociated", message));
    }
    let association = call.world.new_id("rtbassoc-");
    table.associations.insert(association.clone(), Some(subnet_id));
    call.put(table);
    Ok(associated("associationId", &association))
}

fn find_association(call: &Call<'_>, id: &str) -> Result<RouteTable, ApiError> {
    let table = call.all::<RouteTable>().find(|table| table.associations.contains_key(id)).cloned();
    table.ok_or_else(|| {
        let message = format!("The association ID '{id}' does not exist");
        ApiError::bad("InvalidAssociationID.NotFound", message)
    })
}

fn replace_association(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = call.params.text("AssociationId")?;
    let table_id = call.params.text("RouteTableId")?;
    let mut old = find_association(call, &id)?;
    let new = call.find::<RouteTable>(&table_id).ok_or_else(|| missing(&table_id))?;
    if new.vpc != old.vpc {
        return Err(invalid(format!("Route tables {} and {table_id} belong to different networks", old.id)));
    }
    let subnet = old.associations.remove(&id).flatten();
    call.put(old);
    let association = call.world.new_id("rtbassoc-");
    call.update::<RouteTable>(&table_id, |table| {
        table.associations.insert(association.clone(), subnet);
    });
    Ok(associated("newAssociationId", &association))
}

fn disassociate(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = call.params.text("AssociationId")?;
    let mut table = find_association(call, &id)?;
    if table.associations.get(&id).is_some_and(Option::is_none) {
        return Err(invalid("cannot disassociate the main route table association"));
    }
    table.associations.remove(&id);
    call.put(table);
    done()
}
