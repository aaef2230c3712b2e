//! The configuration of an endpoint, and the models that it names: made where they are not there yet.
use super::{CONFIG, SagemakerEndpoint, Variant, wire};
use crate::{
    aws::{Error, tags},
    call::Ctx,
    kinds::hosting,
};

pub(super) use hosting::parts::{CONFIG_PART, MODEL_PART, There, arn, made, part, remove, there};

/// SageMaker writes what containers say to this group.
pub(super) fn log_group_of(endpoint: &str) -> String {
    format!("{}{endpoint}", <SagemakerEndpoint as hosting::found::Hosted>::LOGS)
}

/// The log group, before a container makes one that nobody owns and that never ends.
pub(super) async fn logs(ctx: &Ctx, want: &SagemakerEndpoint, endpoint: &str, there: &There) -> Result<(), Error> {
    hosting::parts::logs(ctx, &log_group_of(endpoint), want.log_retention, there).await
}

/// The configuration of what is wanted, with the models that it names.
pub(super) async fn config(ctx: &Ctx, want: &SagemakerEndpoint, there: &There) -> Result<String, Error> {
    let role = &hosting::parts::role_arn(ctx, want.role.id()?).await?;
    let mut there = there.clone();
    for container in want.all().flat_map(Variant::containers) {
        let name = &wire::model_name(ctx, want, container)?;
        hosting::parts::model(ctx, MODEL_PART, name, &wire::model_input(ctx, want, container, role)?, &there).await?;
        // Two variants may run the same model.
        there.insert(part(MODEL_PART, name), name.clone());
    }
    let (name, input) = (&wire::config_name(ctx, want)?, &wire::config_input(ctx, want, role)?);
    if there.contains_key(&part(CONFIG_PART, name)) {
        return Ok(name.clone());
    }
    ctx.call_named(&CONFIG, &part(CONFIG_PART, name), name, input, |attempt| async move {
        let mut input = input.clone();
        input["Tags"] = tags::pairs(&attempt.tags);
        let answer = ctx.aws.sagemaker().once("CreateEndpointConfig", &input).await;
        made(ctx, answer, "EndpointConfigArn", &format!("{CONFIG_PART}/{name}")).await
    })
    .await?;
    Ok(name.clone())
}
