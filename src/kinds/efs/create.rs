//! The call that makes a file system. EFS refuses a token that it has seen, so what has it is asked for then.
use super::{CREATE, Efs, FILE_SYSTEMS, read};
use crate::{
    aws::{
        Error, ErrorClass,
        json::rest::{Rest, segment},
        tags,
    },
    call::Ctx,
    field::Field,
    resource::Id,
    units::Bandwidth,
};
use serde_json::json;

pub(super) async fn create(want: &Efs, ctx: &Ctx) -> Result<Id, Error> {
    let mut input =
        json!({ "Encrypted": want.encrypted, "ThroughputMode": want.throughput.name(), "Backup": want.backup });
    let key = want.kms_key.as_ref().map(Field::get).transpose()?;
    let more = [
        ("KmsKeyId", json!(key)),
        ("AvailabilityZoneName", json!(want.zone)),
        ("ProvisionedThroughputInMibps", json!(want.provisioned.map(Bandwidth::mib_per_second))),
    ];
    more.into_iter().filter(|(_, value)| !value.is_null()).for_each(|(name, value)| input[name] = value);
    let ids = ctx
        .call(&CREATE, "", &input, |attempt| {
            let mut body = input.clone();
            (body["CreationToken"], body["Tags"]) = (json!(attempt.token), tags::pairs(&attempt.tags));
            async move {
                let made = ctx.aws.efs().rest_once("CreateFileSystem", Rest::post(FILE_SYSTEMS, body)).await;
                let found: read::Found = match made {
                    // The token is this attempt's own, so what has it is what an earlier call of it made.
                    Err(e) if e.class == ErrorClass::Exists => by_token(ctx, &attempt.token).await?,
                    other => other?,
                };
                Ok(vec![found.file_system_id])
            }
        })
        .await?;
    ids.into_iter().next().ok_or_else(|| Error::missing("the file system's id"))
}

async fn by_token(ctx: &Ctx, token: &str) -> Result<read::Found, Error> {
    let found = read::list(&ctx.sweep(), &format!("?CreationToken={}", segment(token))).await?;
    found.into_iter().next().ok_or_else(|| Error::new(ErrorClass::NotVisibleYet, "the file system is not shown yet"))
}
