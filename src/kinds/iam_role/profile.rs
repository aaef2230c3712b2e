//! The instance profile of a role: a secondary object of the same name.
use super::{ADD_TO_PROFILE, CREATE_PROFILE, IamRole, PROFILE, from_tags, path, read, to_tags};
use crate::{
    aws::{Error, ErrorClass, gone},
    call::Ctx,
    resource::Live,
};
use serde_json::json;

pub(super) async fn add(ctx: &Ctx, live: &Live<IamRole>) -> Result<(), Error> {
    let name = &live.id;
    if !live.parts.contains_key(PROFILE) {
        ctx.call_named(&CREATE_PROFILE, PROFILE, name, &json!({ "name": name }), |attempt| async move {
            let call = ctx.aws.iam_once().create_instance_profile().instance_profile_name(name);
            let call = call.path(path(&ctx.scope.stack)).set_tags(Some(to_tags(&attempt.tags)?));
            match call.send().await.map_err(Error::from) {
                Ok(_) => Ok(vec![name.clone()]),
                Err(e) if e.class == ErrorClass::Exists => {
                    let found = ctx.aws.iam().get_instance_profile().instance_profile_name(name).send().await;
                    let out = found.map_err(|e| Error::from(e).after_exists())?;
                    let profile = out.instance_profile.ok_or_else(|| Error::missing("the instance profile"))?;
                    ctx.ours(&format!("the instance profile {name}"), &from_tags(profile.tags()))?;
                    ctx.doubtful();
                    Ok(vec![name.clone()])
                }
                Err(e) => Err(e),
            }
        })
        .await?;
    }
    let profile = live.parts.get(PROFILE).unwrap_or(name);
    let params = json!({ "profile": profile, "role": name });
    ctx.call(&ADD_TO_PROFILE, PROFILE, &params, |_| async move {
        let add = ctx.aws.iam().add_role_to_instance_profile().instance_profile_name(profile).role_name(name);
        match add.send().await.map_err(Error::from) {
            // A profile holds one role: it may be there already, which the next sweep will show.
            Err(e) if e.class == ErrorClass::Quota => {
                ctx.doubtful();
                Ok(vec![profile.clone()])
            }
            added => added.map(|_| vec![profile.clone()]),
        }
    })
    .await?;
    Ok(())
}

pub(super) async fn remove(ctx: &Ctx, live: &Live<IamRole>) -> Result<(), Error> {
    let Some(profile) = live.parts.get(PROFILE) else { return Ok(()) };
    let iam = ctx.aws.iam();
    // Its place and its name said so far that it is ours; its tags must say so too before it goes.
    let Some(tags) = read::profile_tags(&ctx.sweep(), profile).await? else { return Ok(()) };
    if !ctx.scope.owns(&tags) {
        let text = format!("the instance profile {profile} of {} does not carry the tags of this stack", live.id);
        return Err(Error::new(ErrorClass::Stranger, text)
            .help("delete it by hand if nobody needs it, or take the role out of it; then run again"));
    }
    let remove = iam.remove_role_from_instance_profile().instance_profile_name(profile).role_name(&live.id);
    gone(remove.send().await.map_err(Error::from))?;
    gone(iam.delete_instance_profile().instance_profile_name(profile).send().await.map_err(Error::from))
}
