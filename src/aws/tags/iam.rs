//! Tags of IAM's objects: by name, each kind with calls of its own.
use super::{OneByOne, Tags};
use crate::aws::{Aws, Error};
use aws_sdk_iam::types::Tag;

/// Roles.
pub static ROLES: Roles = Roles(());
/// Instance profiles.
pub static INSTANCE_PROFILES: InstanceProfiles = InstanceProfiles(());

/// See [`ROLES`].
#[derive(Debug)]
pub struct Roles(());

/// See [`INSTANCE_PROFILES`].
#[derive(Debug)]
pub struct InstanceProfiles(());

fn to_tags(tags: &Tags) -> Result<Vec<Tag>, Error> {
    let build = |(k, v): (&str, &String)| Tag::builder().key(k).value(v).build();
    tags.iter().map(build).collect::<Result<_, _>>().map_err(|e| Error::bug(e.to_string()))
}

/// `type: list, tag, untag, the name's member`.
macro_rules! by_name {
    ($Type:ident: $list:ident, $tag:ident, $untag:ident, $name:ident) => {
        impl OneByOne for $Type {
            async fn tags(&self, aws: &Aws, name: &str) -> Result<Tags, Error> {
                let tags = aws.iam().$list().$name(name).send().await?.tags;
                Ok(tags.into_iter().map(|t| (t.key, t.value)).collect())
            }

            async fn change(&self, aws: &Aws, name: &str, set: &Tags, remove: &[String]) -> Result<(), Error> {
                if !set.is_empty() {
                    aws.iam().$tag().$name(name).set_tags(Some(to_tags(set)?)).send().await?;
                }
                if !remove.is_empty() {
                    aws.iam().$untag().$name(name).set_tag_keys(Some(remove.to_vec())).send().await?;
                }
                Ok(())
            }
        }
    };
}

by_name!(Roles: list_role_tags, tag_role, untag_role, role_name);
by_name!(InstanceProfiles: list_instance_profile_tags, tag_instance_profile, untag_instance_profile, instance_profile_name);
