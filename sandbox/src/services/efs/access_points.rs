//! Access points: a directory of a file system, and who its clients are there.

use super::file_systems::{self, FileSystem, available};
use super::{bad, id_in, refused};
use crate::services::prelude::*;
use crate::store::Object;

pub(super) const OPERATIONS: &[Operation] =
    &[write("CreateAccessPoint", create), read("DescribeAccessPoints", describe), write("DeleteAccessPoint", delete)];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct AccessPoint {
    id: String,
    created: Timestamp,
    token: String,
    pub(super) file_system: String,
    user: Option<Value>,
    root: Value,
    tags: Tags,
}

impl Object for AccessPoint {
    const KIND: &'static str = "elasticfilesystem/access-point";
    fn id(&self) -> &str {
        &self.id
    }
    fn created(&self) -> Timestamp {
        self.created
    }
    fn tags(&self) -> Option<&Tags> {
        Some(&self.tags)
    }
    fn tags_mut(&mut self) -> Option<&mut Tags> {
        Some(&mut self.tags)
    }
    fn arn(&self) -> Option<(String, String)> {
        Some(("elasticfilesystem".to_owned(), format!("access-point/{}", self.id)))
    }
}

pub(super) fn missing(id: &str) -> ApiError {
    refused(404, "AccessPointNotFound", format!("Access point '{id}' does not exist."))
}

fn create(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let file_system = available(call)?;
    let token = call.params.text("ClientToken")?;
    let user = call.params.raw("PosixUser");
    let root = call.params.raw("RootDirectory");
    let tags = tagged::take(call)?;
    if let Some(there) = call.all::<AccessPoint>().find(|it| it.token == token) {
        let message = format!("Access point already exists with client token '{token}'");
        return Err(refused(409, "AccessPointAlreadyExists", message).with("AccessPointId", there.id.clone()));
    }
    let mut root = root.unwrap_or_else(|| json!({}));
    if root.get("Path").is_none() {
        root["Path"] = json!("/");
    }
    let it = AccessPoint {
        id: call.world.new_id("fsap-"),
        created: call.now,
        token,
        file_system: file_system.id,
        user,
        root,
        tags,
    };
    let reply = shown(call, &it);
    call.put(it);
    Ok(Reply::json(reply))
}

fn shown(call: &Call<'_>, it: &AccessPoint) -> Value {
    let mut value = json!({
        "ClientToken": it.token, "Tags": tagged::pairs(&it.tags), "AccessPointId": it.id,
        "AccessPointArn": call.arn(format_args!("access-point/{}", it.id)), "FileSystemId": it.file_system,
        "RootDirectory": it.root, "OwnerId": call.account(), "LifeCycleState": "available",
    });
    if let Some(user) = &it.user {
        value["PosixUser"] = user.clone();
    }
    if let Some(name) = it.tags.get("Name") {
        value["Name"] = json!(name);
    }
    value
}

fn describe(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let page = Page::take(call, 100)?;
    let file_system = call.params.text_opt("FileSystemId")?;
    let id = call.params.text_opt("AccessPointId")?;
    if file_system.is_some() && id.is_some() {
        return Err(bad("Either FileSystemId or AccessPointId can be given"));
    }
    if let Some(id) = &id
        && call.see::<AccessPoint>(id_in(id)).is_none()
    {
        return Err(missing(id));
    }
    if let Some(owner) = &file_system
        && call.see::<FileSystem>(id_in(owner)).is_none()
    {
        return Err(file_systems::missing(owner));
    }
    let is_asked = |it: &&AccessPoint| {
        id.as_deref().is_none_or(|id| id_in(id) == it.id)
            && file_system.as_deref().is_none_or(|owner| id_in(owner) == it.file_system)
    };
    let found: Vec<&AccessPoint> = call.seen::<AccessPoint>().filter(is_asked).collect();
    Ok(page.reply(found, |it| &it.id, |it| shown(call, it)))
}

fn delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = call.params.text("AccessPointId")?;
    call.find::<AccessPoint>(id_in(&id)).ok_or_else(|| missing(&id))?;
    call.remove::<AccessPoint>(id_in(&id));
    Ok(Reply::empty())
}
