//! Access points: a directory of a file system, and who its clients are there. They never change: another one is made.
use super::{Efs, POINT};
use crate::{
    aws::{
        Error, ErrorClass, gone,
        json::rest::{Rest, segment},
        optional,
        ownership::Ownership,
        tags::{self, Tags},
    },
    call::{Ctx, SweepCtx},
    resource::{Id, Live},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::{Value, json};

const PATH: &str = "/2015-02-01/access-points";
/// What the part of an access point is called before its name.
const PART: &str = "access-point-";

/// A directory that is mounted as if it were the whole file system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccessPoint {
    /// The directory: `/home/anna`, up to four deep.
    #[serde(default = "root")]
    pub path: String,
    /// Who every client is there, whatever it says of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<PosixUser>,
    /// Makes the directory when it is first mounted and not there, owned like this. Without it, it must be there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create: Option<Owner>,
}

/// A user with its groups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PosixUser {
    /// The user's number.
    pub uid: u32,
    /// Its group's number.
    pub gid: u32,
    /// More groups, up to 16.
    #[serde(default)]
    pub groups: Vec<u32>,
}

/// Who owns a new directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Owner {
    /// The user's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
    /// Three or four octal digits: `"0750"`.
    pub permissions: String,
}

fn root() -> String {
    "/".to_owned()
}

/// As DescribeAccessPoints shows it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Point {
    access_point_id: String,
    life_cycle_state: String,
    #[serde(default)]
    tags: Value,
    #[serde(default)]
    posix_user: Value,
    #[serde(default)]
    root_directory: Value,
}

impl Point {
    fn tags(&self) -> Tags {
        tags::of_pairs(&self.tags)
    }

    fn spec(&self) -> AccessPoint {
        let number = |value: &Value| value.as_u64().and_then(|n| u32::try_from(n).ok()).unwrap_or_default();
        let (user, root, create) = (&self.posix_user, &self.root_directory, &self.root_directory["CreationInfo"]);
        let groups = user["SecondaryGids"].as_array().into_iter().flatten().map(number).collect();
        let mut out = AccessPoint {
            path: root["Path"].as_str().unwrap_or("/").to_owned(),
            user: user.is_object().then(|| PosixUser { uid: number(&user["Uid"]), gid: number(&user["Gid"]), groups }),
            create: create.is_object().then(|| Owner {
                uid: number(&create["OwnerUid"]),
                gid: number(&create["OwnerGid"]),
                permissions: create["Permissions"].as_str().unwrap_or_default().to_owned(),
            }),
        };
        out.normalize();
        out
    }
}

impl AccessPoint {
    pub(super) fn normalize(&mut self) {
        if self.path.len() > 1 {
            self.path = self.path.trim_end_matches('/').to_owned();
        }
        if let Some(user) = &mut self.user {
            user.groups.sort_unstable();
            user.groups.dedup();
        }
    }

    fn body(&self, file_system: &str) -> Value {
        let mut root = json!({ "Path": self.path });
        if let Some(Owner { uid, gid, permissions }) = &self.create {
            root["CreationInfo"] = json!({ "OwnerUid": uid, "OwnerGid": gid, "Permissions": permissions });
        }
        let mut out = json!({ "FileSystemId": file_system, "RootDirectory": root });
        if let Some(PosixUser { uid, gid, groups }) = &self.user {
            out["PosixUser"] = json!({ "Uid": uid, "Gid": gid, "SecondaryGids": groups });
        }
        out
    }
}

/// The ARN of an access point, which EFS builds like that of its file system.
pub(super) fn arn(file_system: &str, id: &str) -> Option<String> {
    let (account, _) = file_system.split_once(":file-system/")?;
    Some(format!("{account}:access-point/{id}"))
}

/// Those of a file system that carry the name of a part; none of one that is gone.
pub(super) async fn list(ctx: &SweepCtx, id: &str) -> Result<Vec<Point>, Error> {
    let path = format!("{PATH}?FileSystemId={}", segment(id));
    let efs = ctx.aws.efs();
    let pages = efs.rest_pages("DescribeAccessPoints", &path, ["AccessPoints", "NextToken", "NextToken"]);
    let mut all: Vec<Point> = optional(pages.await)?.unwrap_or_default();
    all.retain(|point| !["deleting", "deleted"].contains(&point.life_cycle_state.as_str()));
    all.sort_by(|one, other| one.access_point_id.cmp(&other.access_point_id));
    Ok(all)
}

/// Puts them into what is read of their file system. A second one of a name is one too many.
pub(super) fn read(live: &mut Live<Efs>, all: &[Point], ours: impl Fn(&Tags) -> bool) {
    let mut ids: Vec<(&str, &Id)> = Vec::new();
    let named: Vec<_> = all.iter().map(|point| (point.tags(), point)).filter(|(tags, _)| ours(tags)).collect();
    for (tags, point) in &named {
        let Some(part) = tags.get(tags::PART) else { continue };
        let Some(name) = part.strip_prefix(PART) else { continue };
        let id = &point.access_point_id;
        if live.spec.access_points.contains_key(name) {
            let surplus = format!("{part} {id}");
            live.left_over.insert(surplus.clone());
            live.parts.insert(surplus, id.clone());
            continue;
        }
        live.spec.access_points.insert(name.to_owned(), point.spec());
        live.parts.insert(part.clone(), id.clone());
        ids.push((name, id));
    }
    ids.sort_unstable();
    live.outputs.insert("access_points", ids.into_iter().map(|(_, id)| json!(id)).collect::<Vec<_>>().into());
}

/// Makes those that are wanted and not there, and removes those of the stack that are not wanted.
pub(super) async fn bring(want: &Efs, ctx: &Ctx, file_system: &str) -> Result<(), Error> {
    let mut there: Vec<&str> = Vec::new();
    let all: Vec<_> = list(&ctx.sweep(), file_system).await?.into_iter().map(|point| (point.tags(), point)).collect();
    for (tags, point) in all.iter().filter(|(tags, _)| ctx.scope.owns(tags)) {
        let name = tags.get(tags::PART).and_then(|part| part.strip_prefix(PART)).unwrap_or_default();
        if want.access_points.get(name).is_some_and(|it| *it == point.spec()) && !there.contains(&name) {
            there.push(name);
        } else {
            remove(ctx, point).await?;
        }
    }
    for (name, point) in want.access_points.iter().filter(|(name, _)| !there.contains(&name.as_str())) {
        // One that has lost its tags, or somebody else's: a second one of the same kind would be nobody's gain.
        if let Some((tags, other)) = all.iter().find(|(tags, it)| !ctx.scope.owns(tags) && it.spec() == *point) {
            let what = format!("the access point {} of {}", other.access_point_id, point.path);
            return Err(Error::stranger(&what, Ownership::read(tags).map(|it| it.stack).as_deref()));
        }
        let body = &point.body(file_system);
        ctx.call(&POINT, &format!("{PART}{name}"), body, |attempt| {
            let mut body = body.clone();
            (body["ClientToken"], body["Tags"]) = (json!(attempt.token), tags::pairs(&attempt.tags));
            async move {
                let made = ctx.aws.efs().rest_once::<Point>("CreateAccessPoint", Rest::post(PATH, body)).await;
                match made {
                    // By this attempt's own token: a look shows which.
                    Err(e) if e.class == ErrorClass::Exists => Ok(Vec::new()),
                    other => Ok(vec![other?.access_point_id]),
                }
            }
        })
        .await?;
    }
    Ok(())
}

async fn remove(ctx: &Ctx, point: &Point) -> Result<(), Error> {
    let ask = Rest::delete(format!("{PATH}/{}", segment(&point.access_point_id)));
    gone(ctx.aws.efs().rest::<IgnoredAny>("DeleteAccessPoint", ask).await.map(drop))
}

/// What leads into a file system that goes, whoever made it.
pub(super) async fn remove_all(ctx: &Ctx, file_system: &str) -> Result<(), Error> {
    for point in list(&ctx.sweep(), file_system).await? {
        remove(ctx, &point).await?;
    }
    Ok(())
}
