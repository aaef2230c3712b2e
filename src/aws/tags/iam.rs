//! Tags of IAM's objects: by name, each kind with calls of its own.
use super::{Tagger, Tags};
use crate::aws::{Aws, Error};
use aws_sdk_iam::types::Tag;
use futures_util::future::BoxFuture;
use std::collections::BTreeMap;

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
    let build = |(k, v): (&String, &String)| Tag::builder().key(k).value(v).build();
    tags.iter().map(build).collect::<Result<_, _>>().map_err(|e| Error::bug(e.to_string()))
}

/// `type: list, tag, untag, the name's member`. An object has 50 tags at most, which is one page.
macro_rules! by_name {
    ($Type:ident: $list:ident, $tag:ident, $untag:ident, $name:ident) => {
        impl Tagger for $Type {
            fn read<'a>(
                &'a self,
                aws: &'a Aws,
                ids: &'a [String],
            ) -> BoxFuture<'a, Result<BTreeMap<String, Tags>, Error>> {
                Box::pin(async move {
                    let mut out = BTreeMap::new();
                    for name in ids {
                        let tags = aws.iam().$list().$name(name).send().await?.tags;
                        out.insert(name.clone(), tags.into_iter().map(|t| (t.key, t.value)).collect());
                    }
                    Ok(out)
                })
            }

            fn retag<'a>(
                &'a self,
                aws: &'a Aws,
                ids: &'a [String],
                set: &'a Tags,
                remove: &'a [String],
            ) -> BoxFuture<'a, Result<(), Error>> {
                Box::pin(async move {
                    let tags = to_tags(set)?;
                    for name in ids {
                        if !set.is_empty() {
                            aws.iam().$tag().$name(name).set_tags(Some(tags.clone())).send().await?;
                        }
                        if !remove.is_empty() {
                            aws.iam().$untag().$name(name).set_tag_keys(Some(remove.to_vec())).send().await?;
                        }
                    }
                    Ok(())
                })
            }
        }
    };
}

by_name!(Roles: list_role_tags, tag_role, untag_role, role_name);
by_name!(InstanceProfiles: list_instance_profile_tags, tag_instance_profile, untag_instance_profile, instance_profile_name);
