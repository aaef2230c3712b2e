//! Internet gateways.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::filters::{Query, listing};
use super::interfaces::Interface;
use super::tags::{TagSpecs, erase, tag_set};
use super::vpc::{self, Vpc};
use super::{dependency, done, invalid, not_found};
use crate::call::Call;
use crate::error::ApiError;
use crate::service::{Operation, read, write};
use crate::store::Object;
use crate::wire::reply::Reply;
use crate::wire::xml::Xml;

pub(super) const OPERATIONS: &[Operation] = &[
    write("CreateInternetGateway", create),
    write("AttachInternetGateway", attach),
    write("DetachInternetGateway", detach),
    read("DescribeInternetGateways", describe),
    write("DeleteInternetGateway", delete),
];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct InternetGateway {
    pub(super) id: String,
    pub(super) created: Timestamp,
    pub(super) vpc: Option<String>,
}

impl Object for InternetGateway {
    const KIND: &'static str = "ec2/internet-gateway";
    fn id(&self) -> &str {
        &self.id
    }
    fn created(&self) -> Timestamp {
        self.created
    }
}

pub(super) fn missing(id: &str) -> ApiError {
    not_found("InvalidInternetGatewayID.NotFound", "internetGateway", id)
}

fn create(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let tags = TagSpecs::take(call, &["internet-gateway"])?;
    let gateway = InternetGateway { id: call.world.new_id("igw-"), created: call.now, vpc: None };
    tags.apply(call, "internet-gateway", &gateway.id);
    let xml = gateway_xml(call, &gateway);
    call.put(gateway);
    Ok(Reply::xml(Xml::new().child("internetGateway", xml)))
}

fn gateway_xml(call: &Call<'_>, gateway: &InternetGateway) -> Xml {
    let attachments = gateway.vpc.iter().map(|vpc| Xml::new().text("vpcId", vpc).text("state", "available"));
    Xml::new()
        .text("internetGatewayId", &gateway.id)
        .text("ownerId", call.account())
        .list("attachmentSet", "item", attachments)
        .extend(tag_set(call, &gateway.id))
}

fn attach(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = call.params.text("InternetGatewayId")?;
    let vpc = call.params.text("VpcId")?;
    let gateway = call.find::<InternetGateway>(&id).ok_or_else(|| missing(&id))?;
    if gateway.vpc.is_some() {
        let message = format!("resource {id} is already attached to network {}", gateway.vpc.as_deref().unwrap_or(""));
        return Err(ApiError::bad("Resource.AlreadyAssociated", message));
    }
    call.find::<Vpc>(&vpc).ok_or_else(|| vpc::missing(&vpc))?;
    if call.all::<InternetGateway>().any(|other| other.vpc.as_deref() == Some(&vpc)) {
        return Err(invalid(format!("Network {vpc} already has an internet gateway attached")));
    }
    call.update::<InternetGateway>(&id, |gateway| gateway.vpc = Some(vpc));
    done()
}

fn detach(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = call.params.text("InternetGatewayId")?;
    let vpc = call.params.text("VpcId")?;
    let gateway = call.find::<InternetGateway>(&id).ok_or_else(|| missing(&id))?;
    if gateway.vpc.as_deref() != Some(&vpc) {
        let message = format!("resource {id} is not attached to network {vpc}");
        return Err(ApiError::bad("Gateway.NotAttached", message));
    }
    if call.all::<Interface>().any(|eni| eni.vpc == vpc && eni.public.is_some()) {
        return Err(dependency(format!(
            "Network {vpc} has some mapped public address(es). Please unmap those public address(es) before \
             detaching the gateway."
        )));
    }
    call.update::<InternetGateway>(&id, |gateway| gateway.vpc = None);
    done()
}

fn describe(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let known = ["internet-gateway-id", "attachment.vpc-id", "attachment.state", "owner-id"];
    let query = Query::take(call, "InternetGatewayId", &known)?;
    let account = call.account();
    let (found, next) = query.run::<InternetGateway>(call, missing, |gateway, name| match name {
        "internet-gateway-id" => vec![gateway.id.clone()],
        "owner-id" => vec![account.clone()],
        "attachment.vpc-id" => gateway.vpc.iter().cloned().collect(),
        _ => gateway.vpc.iter().map(|_| "available".to_owned()).collect(),
    })?;
    Ok(listing("internetGatewaySet", found.into_iter().map(|gateway| gateway_xml(call, gateway)), next))
}

fn delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = call.params.text("InternetGatewayId")?;
    let gateway = call.find::<InternetGateway>(&id).ok_or_else(|| missing(&id))?;
    if gateway.vpc.is_some() {
        let message = format!("The internetGateway '{id}' has dependencies and cannot be deleted.");
        return Err(dependency(message));
    }
    erase::<InternetGateway>(call.world, call.region, &id);
    done()
}
