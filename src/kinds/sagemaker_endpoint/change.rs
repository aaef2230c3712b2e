//! How an endpoint moves to what is wanted, and how it goes.
use super::{SagemakerEndpoint, Variant, parts, read, wire};
use crate::{
    aws::{Error, ErrorClass, gone},
    call::Ctx,
    kinds::hosting::{found, models, scaling},
    resource::{Changes, Live, PARTS, State},
};
use serde::de::IgnoredAny;
use serde_json::{Value, json};

/// One thing at a time, each waited for: another version, other counts, other scaling; and what is left over goes last.
pub(super) async fn update(
    want: &SagemakerEndpoint,
    ctx: &Ctx,
    live: &Live<SagemakerEndpoint>,
    changes: &Changes,
) -> Result<(), Error> {
    let want = &whole(want, live, changes);
    if changes.touches("log_retention") {
        parts::logs(ctx, want, &live.id, &live.parts).await?;
    }
    let wanted = wire::config_name(ctx, want)?;
    // Names say all of a configuration: whoever has the wanted one needs no other, however AWS shows it, unless somebody
    // removed one of its models.
    let has = live.outputs.get("config").and_then(Value::as_str) == Some(&wanted);
    let mut containers = live.spec.all().flat_map(Variant::containers);
    let has = has && containers.all(|it| it.image.known().is_some_and(|image| !image.is_empty()));
    if !has && wire::config_name(ctx, &live.spec).ok().as_ref() != Some(&wanted) {
        return roll_out(want, ctx, live, &wanted).await;
    }
    let counts: Vec<Value> = want.variants.iter().filter_map(|new| counts(new, &live.spec)).collect();
    if !counts.is_empty() {
        let input = json!({ "EndpointName": live.id, "DesiredWeightsAndCapacities": counts });
        return ctx.aws.sagemaker().call::<IgnoredAny>("UpdateEndpointWeightsAndCapacities", &input).await.map(drop);
    }
    for new in &want.variants {
        let old = live.spec.variants.iter().find(|one| one.name == new.name).and_then(|one| one.scaling.as_ref());
        scaling::update(ctx, &read::scaled(&live.id, new), new.scaling.as_ref(), old, &live.parts).await?;
    }
    if changes.touches(PARTS) {
        return clean(ctx, live).await;
    }
    Ok(())
}

/// What nobody wrote stays as it is: another configuration has to say it all the same.
fn whole(want: &SagemakerEndpoint, live: &Live<SagemakerEndpoint>, changes: &Changes) -> SagemakerEndpoint {
    fn kept<T: Clone>(want: &Option<T>, live: &Option<T>, changed: bool) -> Option<T> {
        if changed { want.clone() } else { want.clone().or_else(|| live.clone()) }
    }
    let (spec, changed) = (&live.spec, |field| changes.touches(field));
    SagemakerEndpoint {
        shadow: kept(&want.shadow, &spec.shadow, changed("shadow")),
        network: kept(&want.network, &spec.network, changed("network")),
        asynchronous: kept(&want.asynchronous, &spec.asynchronous, changed("async")),
        capture: kept(&want.capture, &spec.capture, changed("capture")),
        kms_key: kept(&want.kms_key, &spec.kms_key, changed("kms_key")),
        ..want.clone()
    }
}

/// Is its count AWS's to say?
fn scales(variant: &Variant) -> bool {
    variant.scaling.is_some() || variant.managed_scaling.is_some()
}

/// What of a variant's count and weight is to be changed; who scales has the count that AWS gives it.
fn counts(new: &Variant, live: &SagemakerEndpoint) -> Option<Value> {
    let old = live.variants.iter().find(|one| one.name == new.name)?;
    let count = new.count.filter(|_| !scales(new) && !scales(old) && new.count != old.count);
    let weight = (new.weight != old.weight).then_some(new.weight);
    (count.is_some() || weight.is_some()).then(|| {
        models::compact(json!({ "VariantName": new.name, "DesiredInstanceCount": count, "DesiredWeight": weight }))
    })
}

/// Another version: made beside the old one, which serves until the new one does. It ends in service either way, so an
/// endpoint that comes back to the old configuration has refused the new one.
async fn roll_out(
    want: &SagemakerEndpoint,
    ctx: &Ctx,
    live: &Live<SagemakerEndpoint>,
    wanted: &str,
) -> Result<(), Error> {
    let name = &live.id;
    if ctx.has_tried(wanted) {
        let why = match &live.state {
            State::Degraded(why) => why.trim_start_matches(read::ROLLED_BACK).trim_start_matches(": ").to_owned(),
            _ => "AWS gave no reason".to_owned(),
        };
        let log = found::last_lines(&ctx.sweep(), &parts::log_group_of(name)).await;
        let text = format!("the update of {name} was rolled back, and the old version still serves: {why}{log}");
        return Err(Error::new(ErrorClass::Other, text).help("correct the cause and apply again: it is tried anew"));
    }
    make_way(want, ctx, live).await?;
    let config = parts::config(ctx, want, &live.parts).await?;
    let mut input = json!({ "EndpointName": name, "EndpointConfigName": config });
    // AWS sets counts back to where they began unless it is told to keep them.
    if want.variants.iter().chain(&live.spec.variants).any(scales) {
        input["RetainAllVariantProperties"] = json!(true);
        input["ExcludeRetainedVariantProperties"] =
            json!(["DesiredWeight", "DataCaptureConfig"].map(|what| json!({ "VariantPropertyType": what })));
    }
    let deployment = wire::deployment(want.rollout.as_ref())?;
    if !deployment.is_null() {
        input["DeploymentConfig"] = deployment;
    }
    let sent = ctx.aws.sagemaker().call::<IgnoredAny>("UpdateEndpoint", &input).await;
    if sent.as_ref().map_or_else(|e| e.class == ErrorClass::Ambiguous, |_| true) {
        ctx.tried(wanted);
    }
    sent.map(drop)
}

/// Lets go of variants that scale and of which AWS would refuse the update: those that go, and those of another type.
async fn make_way(want: &SagemakerEndpoint, ctx: &Ctx, live: &Live<SagemakerEndpoint>) -> Result<(), Error> {
    for old in live.spec.variants.iter().filter(|one| one.scaling.is_some()) {
        let new = want.variants.iter().find(|one| one.name == old.name);
        if new.is_none_or(|new| new.types().ne(old.types())) {
            scaling::release(ctx, &read::scaled(&live.id, old), &live.parts).await?;
        }
    }
    Ok(())
}

/// Removes versions that the endpoint does not name, after another look at what it names.
async fn clean(ctx: &Ctx, live: &Live<SagemakerEndpoint>) -> Result<(), Error> {
    let Some(now) = read::serving(&ctx.sweep(), &live.id).await? else { return Ok(()) };
    if now.is_changing() || live.outputs.get("config").and_then(Value::as_str) != Some(now.config()) {
        let text = format!("{} is being changed by somebody else", live.id);
        return Err(Error::new(ErrorClass::WrongState, text));
    }
    parts::remove(ctx, &live.parts, |part| live.left_over.contains(part)).await
}

/// Lets go of what scales, asks AWS to remove the endpoint, and removes its parts when it is gone.
pub(super) async fn delete(ctx: &Ctx, live: &Live<SagemakerEndpoint>) -> Result<(), Error> {
    match live.state {
        State::Partial => {
            // An endpoint that nobody finds by its tags any more may yet serve.
            for (name, uses) in read::users(&ctx.sweep()).await? {
                if let Some(part) = live.parts.keys().find(|part| uses.contains(*part)) {
                    let text =
                        format!("the endpoint {name}, which does not carry this stack's tags, still uses {part}");
                    return Err(Error::new(ErrorClass::InUse, text));
                }
            }
            parts::remove(ctx, &live.parts, |_| true).await
        }
        State::Deleting => Ok(()),
        _ => {
            if let Some(component) = read::components(&ctx.sweep(), live).await?.first() {
                let text = format!("the inference component {component} still runs on {}", live.id);
                return Err(Error::new(ErrorClass::InUse, text));
            }
            for variant in live.spec.variants.iter().filter(|one| one.scaling.is_some()) {
                scaling::release(ctx, &read::scaled(&live.id, variant), &live.parts).await?;
            }
            let input = json!({ "EndpointName": live.id });
            gone(ctx.aws.sagemaker().call::<IgnoredAny>("DeleteEndpoint", &input).await)
        }
    }
}
