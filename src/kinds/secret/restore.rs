//! A secret that was removed, and whose name AWS keeps with it: ours comes back, and of another one people are told.
use super::Secret;
use crate::{
    aws::{Error, ErrorClass, tags::Tags},
    call::Ctx,
    kinds::{named::Named, window},
    resource::Resource,
};
use serde::de::IgnoredAny;
use serde_json::json;

/// AWS's answer where a secret is kept only until its time is over.
pub(super) fn is_kept(error: &Error) -> bool {
    let says = |words: &str| error.message.contains(words);
    error.is("InvalidRequestException") && (says("scheduled for deletion") || says("marked for deletion"))
}

/// In the place of a create: the secret of this name that AWS keeps is there again, with the tags of this attempt.
pub(super) async fn restore(ctx: &Ctx, name: &str, tags: &Tags) -> Result<(), Error> {
    let what = format!("the secret {name}");
    let waits =
        || Error::new(ErrorClass::NotVisibleYet, format!("{what} was removed a moment ago; its name is not free yet"));
    let found = Secret::get(&ctx.sweep(), name).await?.ok_or_else(waits)?;
    if !found.is_removed() {
        // Somebody was faster: whose it is decides.
        return Err(Error::new(ErrorClass::Exists, format!("{what} exists")));
    }
    if !ctx.owns(found.all_tags()) {
        return Err(stranger(name));
    }
    // What is removed for good cannot come back.
    if window::days(window::of(found.all_tags())) == 0 {
        return Err(waits());
    }
    ctx.aws.secretsmanager().call::<IgnoredAny>("RestoreSecret", &json!({ "SecretId": found.arn() })).await?;
    Secret::ABOUT.tagger.retag(&ctx.aws, &[found.arn().to_owned()], tags, &[]).await?;
    // It is as it was, which only a look tells.
    ctx.doubtful();
    Ok(())
}

fn stranger(name: &str) -> Error {
    let text = format!(
        "the secret {name} is not this resource's and is scheduled for deletion: until then AWS keeps it and its name"
    );
    Error::new(ErrorClass::Stranger, text).help(format!(
        "choose another name, wait until it is gone, or run `aws secretsmanager restore-secret --secret-id {name}` and use it \
         with `existing:` or take it over with `dlinfra import`"
    ))
}
