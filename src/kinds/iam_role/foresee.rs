//! What only IAM knows of a role that is to be made or changed: whether the managed policies that it names are there.
use super::{IamRole, arn};
use crate::{
    aws::{Error, ErrorClass},
    call::SweepCtx,
    resource::{Foreseen, Problem},
};
use futures_util::{StreamExt, TryStreamExt, stream};
use std::collections::{BTreeMap, BTreeSet};

/// Where AWS keeps policies whose path people leave out.
const PATHS: [&str; 2] = ["service-role", "job-function"];

/// One request for each policy that is named, by however many roles.
pub(super) async fn ask(ctx: &SweepCtx, made: &[Foreseen<IamRole>]) -> Result<Vec<(usize, Problem)>, Error> {
    fn named(role: &IamRole) -> impl Iterator<Item = (String, &String)> {
        let boundary = role.permissions_boundary.iter().map(|name| ("permissions_boundary".to_owned(), name));
        let managed = role.managed_policies.iter().enumerate();
        managed.map(|(i, name)| (format!("managed_policies[{i}]"), name)).chain(boundary)
    }
    let names: BTreeSet<String> = made.iter().flat_map(|one| named(&one.want)).map(|(_, name)| name.clone()).collect();
    let asked: Vec<_> =
        names.into_iter().map(|name| async move { there(ctx, &name).await.map(|there| (name, there)) }).collect();
    let known: BTreeMap<String, bool> = stream::iter(asked).buffered(4).try_collect().await?;
    let mut out = Vec::new();
    for (number, one) in made.iter().enumerate() {
        for (path, name) in named(&one.want).filter(|(_, name)| known.get(*name) == Some(&false)) {
            let mut help = match name.starts_with("arn:") {
                true => "`aws iam list-policies --scope Local` lists those of the account".to_owned(),
                false => {
                    "`aws iam list-policies --scope AWS` lists them; a path belongs to the name (`service-role/…`)"
                        .to_owned()
                }
            };
            for path in PATHS.iter().filter(|_| !name.contains(['/', ':'])) {
                let other = format!("{path}/{name}");
                if there(ctx, &other).await? {
                    help = format!("did you mean `{other}`?");
                }
            }
            let summary = match name.starts_with("arn:") {
                true => format!("there is no policy {name}"),
                false => format!("AWS has no policy `{name}`"),
            };
            out.push((number, Problem { code: &super::check::NO_SUCH_POLICY, path, summary, help }));
        }
    }
    Ok(out)
}

async fn there(ctx: &SweepCtx, name: &str) -> Result<bool, Error> {
    let asked = ctx.aws.iam().get_policy().policy_arn(arn(&ctx.scope, name)).send().await;
    match asked.map_err(Error::from) {
        Ok(_) => Ok(true),
        Err(e) if e.class == ErrorClass::NotFound => Ok(false),
        Err(e) => Err(e),
    }
}
