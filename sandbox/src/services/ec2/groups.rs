//! Security groups.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::filters::{Query, listing};
use super::interfaces::Interface;
use super::rules::{Peer, Rule, permissions_xml};
use super::tags::{TagSet, TagSpecs, erase, tag_set};
use super::vpc::{self, Vpc};
use super::{dependency, invalid};
use crate::call::Call;
use crate::error::ApiError;
use crate::service::{Operation, read, write};
use crate::store::Object;
use crate::wire::reply::Reply;
use crate::wire::xml::Xml;

pub(super) const OPERATIONS: &[Operation] = &[
    write("CreateSecurityGroup", create),
    read("DescribeSecurityGroups", describe),
    write("DeleteSecurityGroup", delete),
];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Group {
    pub(crate) id: String,
    pub(crate) created: Timestamp,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) vpc: String,
    /// By rule id.
    pub(super) rules: BTreeMap<String, Rule>,
}

impl Object for Group {
    const KIND: &'static str = "ec2/security-group";
    fn id(&self) -> &str {
        &self.id
    }
    fn created(&self) -> Timestamp {
        self.created
    }
}

pub(crate) fn missing(id: &str) -> ApiError {
    ApiError::bad("InvalidGroup.NotFound", format!("The security group '{id}' does not exist"))
}

/// What needs a default VPC, in an account that has none.
pub(super) fn no_default_vpc() -> ApiError {
    let message = "No default VPC for this user. GroupName is only supported for EC2-Classic and default VPC.";
    ApiError::bad("VPCIdNotSpecified", message)
}

/// The id of the group that a call is about. Names mean groups of the default VPC.
pub(super) fn take_id(call: &mut Call<'_>) -> Result<String, ApiError> {
    match (call.params.text_opt("GroupId")?, call.params.text_opt("GroupName")?) {
        (Some(id), None) => Ok(id),
        (None, Some(_)) => Err(no_default_vpc()),
        (Some(_), Some(_)) => {
            let message = "The parameters GroupId and GroupName cannot both be given";
            Err(ApiError::bad("InvalidParameterCombination", message))
        }
        (None, None) => {
            let message = "The request must contain the parameter groupName or groupId";
            Err(ApiError::bad("MissingParameter", message))
        }
    }
}

/// The groups that a call names, all of them in one VPC.
pub(crate) fn check_groups(
    world: &crate::store::World,
    region: &str,
    ids: &[String],
    vpc: &str,
) -> Result<(), ApiError> {
    for id in ids {
        let group = world.get::<Group>(region, id).ok_or_else(|| missing(id))?;
        if group.vpc != vpc {
            return Err(invalid(format!("Security group {id} and subnet belong to different networks.")));
        }
    }
    Ok(())
}

/// Whether some of the groups let Lustre clients reach a file system; with EFA, whether one is open to itself.
pub(crate) fn allows_lustre(world: &crate::store::World, region: &str, ids: &[String], efa: bool) -> bool {
    let groups: Vec<&Group> = ids.iter().filter_map(|id| world.get::<Group>(region, id)).collect();
    if efa {
        return groups.iter().any(|group| {
            let to_itself = |egress: bool| {
                group
                    .rules
                    .values()
                    .any(|rule| rule.egress == egress && rule.protocol == "-1" && rule.group() == Some(&group.id))
            };
            to_itself(false) && to_itself(true)
        });
    }
    let rules = || groups.iter().flat_map(|group| group.rules.values()).filter(|rule| !rule.egress);
    let open = |low: i64, high: i64| {
        rules().any(|rule| match rule.protocol.as_str() {
            "-1" => true,
            "tcp" => rule.ports.is_some_and(|(from, to)| from <= low && high <= to),
            _ => false,
        })
    };
    open(988, 988) && open(1018, 1023)
}

/// The id of a VPC's default group.
pub(crate) fn default_group(world: &crate::store::World, region: &str, vpc: &str) -> Option<String> {
    let mut groups = world.all::<Group>(region);
    groups.find(|group| group.vpc == vpc && group.name == "default").map(|group| group.id.clone())
}

/// Makes a group with the egress rule that every group begins with.
pub(super) fn add(call: &mut Call<'_>, name: String, description: String, vpc: String) -> String {
    let id = call.world.new_id("sg-");
    let mut rules = BTreeMap::new();
    let everything = Rule {
        egress: true,
        protocol: "-1".to_owned(),
        ports: None,
        peer: Peer::Ipv4("0.0.0.0/0".to_owned()),
        description: None,
    };
    rules.insert(call.world.new_id("sgr-"), everything);
    if name == "default" {
        let from_itself = Rule {
            egress: false,
            protocol: "-1".to_owned(),
            ports: None,
            peer: Peer::Group(id.clone()),
            description: None,
        };
        rules.insert(call.world.new_id("sgr-"), from_itself);
    }
    let created = call.now;
    call.put(Group { id: id.clone(), created, name, description, vpc, rules });
    id
}

fn is_text(text: &str) -> bool {
    let allowed = |ch: char| ch.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(ch);
    !text.is_empty() && text.len() <= 255 && text.chars().all(allowed)
}

fn create(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let name = call.params.text("GroupName")?;
    let description = call.params.text_opt("GroupDescription")?.filter(|text| !text.is_empty());
    let description = description.ok_or_else(|| call.params.missing("GroupDescription"))?;
    // Without one, EC2 means the default VPC, and the account has none.
    let vpc = call.params.text_opt("VpcId")?.ok_or_else(no_default_vpc)?;
    let tags = TagSpecs::take(call, &["security-group"])?;
    if !is_text(&name) || name.starts_with("sg-") {
        let message = format!("Value ({name}) for parameter GroupName is invalid.");
        return Err(invalid(message));
    }
    if !is_text(&description) {
        let message = format!("Value ({description}) for parameter GroupDescription is invalid.");
        return Err(invalid(message));
    }
    call.find::<Vpc>(&vpc).ok_or_else(|| vpc::missing(&vpc))?;
    if call.all::<Group>().any(|group| group.vpc == vpc && group.name == name) {
        let message = format!("The security group '{name}' already exists for VPC '{vpc}'");
        return Err(ApiError::bad("InvalidGroup.Duplicate", message));
    }
    let id = add(call, name, description, vpc);
    tags.apply(call, "security-group", &id);
    let xml = Xml::new()
        .text("return", true)
        .text("groupId", &id)
        .text("securityGroupArn", call.arn(format!("security-group/{id}")))
        .extend(tag_set(call, &id));
    Ok(Reply::xml(xml))
}

fn group_xml(call: &Call<'_>, group: &Group) -> Xml {
    Xml::new()
        .text("groupId", &group.id)
        .text("groupName", &group.name)
        .text("groupDescription", &group.description)
        .text("vpcId", &group.vpc)
        .text("ownerId", call.account())
        .text("securityGroupArn", call.arn(format!("security-group/{}", group.id)))
        .child("ipPermissions", permissions_xml(call, group, false))
        .child("ipPermissionsEgress", permissions_xml(call, group, true))
        .extend(tag_set(call, &group.id))
}

fn describe(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let names = call.params.texts("GroupName")?;
    let known = ["group-id", "group-name", "vpc-id", "description", "owner-id", "ip-permission.group-id"];
    let query = Query::take(call, "GroupId", &known)?;
    if !names.is_empty() {
        return Err(no_default_vpc());
    }
    let account = call.account();
    let (found, next) = query.run::<Group>(call, missing, |group, name| match name {
        "group-id" => vec![group.id.clone()],
        "group-name" => vec![group.name.clone()],
        "vpc-id" => vec![group.vpc.clone()],
        "description" => vec![group.description.clone()],
        "owner-id" => vec![account.clone()],
        _ => group.rules.values().filter(|rule| !rule.egress).filter_map(Rule::group).map(str::to_owned).collect(),
    })?;
    Ok(listing("securityGroupInfo", found.into_iter().map(|group| group_xml(call, group)), next))
}

fn delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = take_id(call)?;
    let group = call.find::<Group>(&id).ok_or_else(|| missing(&id))?;
    if group.name == "default" {
        let message = format!("the specified group: \"{id}\" name: \"default\" cannot be deleted by a user");
        return Err(ApiError::bad("CannotDelete", message));
    }
    let in_use = call.all::<Interface>().any(|eni| eni.groups.contains(&id));
    let referenced = call
        .all::<Group>()
        .filter(|other| other.id != id)
        .any(|other| other.rules.values().any(|rule| rule.group() == Some(&id)));
    if in_use || referenced {
        return Err(dependency(format!("resource {id} has a dependent object")));
    }
    remove(call, &id);
    Ok(Reply::xml(Xml::new().text("return", true).text("groupId", id)))
}

/// Removes a group with its rules' tags.
pub(super) fn remove(call: &mut Call<'_>, id: &str) {
    let rules: Vec<String> =
        call.get::<Group>(id).map(|group| group.rules.keys().cloned().collect()).unwrap_or_default();
    for rule in rules {
        call.remove::<TagSet>(&rule);
    }
    erase::<Group>(call.world, call.region, id);
}
