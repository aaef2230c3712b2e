//! How a component becomes what is wanted, and how it goes.
use super::{InferenceComponent, LOGS_OF, read, wire};
use crate::{
    aws::{Error, ErrorClass, gone},
    call::Ctx,
    kinds::hosting::{COMPONENT_MODEL, found, parts, scaling, watches},
    resource::{Changes, Live, PARTS, State},
};
use serde::de::IgnoredAny;
use serde_json::{Value, json};

/// The log group and the model, where they are not there yet.
pub(super) async fn prepare(
    want: &InferenceComponent,
    ctx: &Ctx,
    name: &str,
    there: &parts::There,
) -> Result<(), Error> {
    parts::logs(ctx, &format!("{LOGS_OF}{name}"), want.log_retention, there).await?;
    model(want, ctx, there).await
}

async fn model(want: &InferenceComponent, ctx: &Ctx, there: &parts::There) -> Result<(), Error> {
    let Some(model) = &want.model else { return Ok(()) };
    let name = &wire::model_name(ctx, model)?;
    if there.contains_key(&parts::part(COMPONENT_MODEL, name)) {
        return Ok(());
    }
    let role = &parts::role_arn(ctx, model.role.id()?).await?;
    parts::model(ctx, COMPONENT_MODEL, name, &wire::model_input(ctx, model, role)?, there).await
}

/// One thing at a time, each waited for: another version, other copies, other scaling; and what is left over goes last.
pub(super) async fn update(
    want: &InferenceComponent,
    ctx: &Ctx,
    live: &Live<InferenceComponent>,
    changes: &Changes,
) -> Result<(), Error> {
    let want = &whole(want, live, changes);
    if changes.touches("log_retention") {
        parts::logs(ctx, &format!("{LOGS_OF}{}", live.id), want.log_retention, &live.parts).await?;
    }
    let has = |field: &&&str| changes.touches(field);
    let content = ["container", "model", "resources", "health_check_timeout", "download_timeout", "placement"];
    if content.iter().find(has).is_some() {
        return roll(want, ctx, live).await;
    }
    if let Some(copies) = want.copies.filter(|_| changes.touches("copies") && live.spec.scaling.is_none()) {
        return copy(ctx, live, copies).await;
    }
    let scaled = read::scaled(&live.id);
    scaling::update(ctx, &scaled, want.scaling.as_ref(), live.spec.scaling.as_ref(), &live.parts).await?;
    if changes.touches(PARTS) {
        return clean(ctx, live).await;
    }
    Ok(())
}

/// What nobody wrote stays as it is: a specification is said whole.
fn whole(want: &InferenceComponent, live: &Live<InferenceComponent>, changes: &Changes) -> InferenceComponent {
    fn kept<T: Clone>(want: &Option<T>, live: &Option<T>, changed: bool) -> Option<T> {
        if want.is_none() && !changed { live.clone() } else { want.clone() }
    }
    let (spec, changed) = (&live.spec, |field| changes.touches(field));
    InferenceComponent {
        health_check_timeout: kept(
            &want.health_check_timeout,
            &spec.health_check_timeout,
            changed("health_check_timeout"),
        ),
        download_timeout: kept(&want.download_timeout, &spec.download_timeout, changed("download_timeout")),
        placement: kept(&want.placement, &spec.placement, changed("placement")),
        ..want.clone()
    }
}

async fn copy(ctx: &Ctx, live: &Live<InferenceComponent>, copies: u32) -> Result<(), Error> {
    let input = json!({ "InferenceComponentName": live.id, "DesiredRuntimeConfig": { "CopyCount": copies } });
    let tried = format!("{copies} copies");
    refused(ctx, live, &tried).await?;
    let sent = ctx.aws.sagemaker().call::<IgnoredAny>("UpdateInferenceComponentRuntimeConfig", &input).await;
    noted(ctx, &tried, sent)
}

/// Another version: copies are replaced in batches, and as many stay as there are. It ends in service either way, so a
/// component that comes back to the old version has refused the new one.
async fn roll(want: &InferenceComponent, ctx: &Ctx, live: &Live<InferenceComponent>) -> Result<(), Error> {
    let specification = wire::specification(ctx, want)?;
    let tried = crate::spec::canonical(&specification);
    refused(ctx, live, &tried).await?;
    model(want, ctx, &live.parts).await?;
    let mut input = json!({ "InferenceComponentName": live.id, "Specification": specification });
    let deployment = wire::deployment(want.rollout.as_ref())?;
    if !deployment.is_null() {
        input["DeploymentConfig"] = deployment;
    }
    let sent = ctx.aws.sagemaker().call::<IgnoredAny>("UpdateInferenceComponent", &input).await;
    noted(ctx, &tried, sent)
}

fn noted(ctx: &Ctx, tried: &str, sent: Result<IgnoredAny, Error>) -> Result<(), Error> {
    if sent.as_ref().map_or_else(|e| e.class == ErrorClass::Ambiguous, |_| true) {
        ctx.tried(tried);
    }
    sent.map(drop)
}

/// What this run has asked for before, and is not so, AWS has taken back.
async fn refused(ctx: &Ctx, live: &Live<InferenceComponent>, tried: &str) -> Result<(), Error> {
    if !ctx.has_tried(tried) {
        return Ok(());
    }
    let name = &live.id;
    let now: Option<read::Component> = read::running(&ctx.sweep(), name).await?;
    let why = now.and_then(|now| now.why()).unwrap_or_else(|| "AWS gave no reason".to_owned());
    let log = found::last_lines(&ctx.sweep(), &format!("{LOGS_OF}{name}")).await;
    let text = format!("the update of {name} was rolled back, and what was there before still serves: {why}{log}");
    Err(Error::new(ErrorClass::Other, text).help("correct the cause and apply again: it is tried anew"))
}

/// Removes models that the component does not name, after another look at what it names, and alarms that start nothing.
async fn clean(ctx: &Ctx, live: &Live<InferenceComponent>) -> Result<(), Error> {
    let Some(now) = read::running(&ctx.sweep(), &live.id).await? else { return Ok(()) };
    if now.is_changing() || now.model() != live.outputs.get("model").and_then(Value::as_str) {
        let text = format!("{} is being changed by somebody else", live.id);
        return Err(Error::new(ErrorClass::WrongState, text));
    }
    parts::remove(ctx, &live.parts, |part| live.left_over.contains(part)).await
}

/// Lets go of what scales it, asks AWS to remove it, and removes its parts when it is gone.
pub(super) async fn delete(ctx: &Ctx, live: &Live<InferenceComponent>) -> Result<(), Error> {
    match live.state {
        State::Partial => {
            // A component that nobody finds by its tags any more may yet serve.
            for (name, model) in read::users(&ctx.sweep()).await? {
                if live.parts.contains_key(&parts::part(COMPONENT_MODEL, &model)) {
                    let text = format!(
                        "the inference component {name}, which does not carry this stack's tags, still uses {model}"
                    );
                    return Err(Error::new(ErrorClass::InUse, text));
                }
            }
            parts::remove(ctx, &live.parts, |_| true).await
        }
        State::Deleting => Ok(()),
        _ => {
            let scaled = read::scaled(&live.id);
            let watched = watches::Watch::ALL.into_iter().any(|watch| live.parts.contains_key(&scaled.part(watch)));
            if live.spec.scaling.is_some() || watched {
                scaling::release(ctx, &scaled, &live.parts).await?;
            }
            let input = json!({ "InferenceComponentName": live.id });
            gone(ctx.aws.sagemaker().call::<IgnoredAny>("DeleteInferenceComponent", &input).await)
        }
    }
}
