//! Requests to endpoints: answered with the variant, the model and the configuration that served, so that tests can see
//! which, or put into the queue of an endpoint that answers later.

use super::application_autoscaling;
use super::monitoring::publish;
use super::prelude::*;
use super::sagemaker::{Component, Endpoint, Variant, log, log_component, wait};

/// How long a model takes, in microseconds.
const LATENCY: f64 = 25_000.0;

/// Another host than SageMaker's own, with the same name in signatures.
pub(crate) static SERVICE: Service = Service {
    under: "/endpoints/",
    input: InputErrors::both("ValidationError"),
    operations: &[&[write("InvokeEndpoint", invoke), write("InvokeEndpointAsync", queue)]],
    ..Service::new("sagemaker", Protocol::RestJson, facts!("sagemaker_runtime"))
};

fn invoke(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let name = call.params.text("EndpointName")?;
    let body = call.params.text_opt("Body")?.unwrap_or_default();
    let target = call.params.text_opt("TargetVariant")?;
    let id = call.params.text_opt("InferenceId")?;
    let component = call.params.text_opt("InferenceComponentName")?;
    for header in ["ContentType", "Accept", "CustomAttributes"] {
        call.params.text_opt(header)?;
    }
    let refuse = |message: String| Err(ApiError::bad("ValidationError", message));
    let Some(endpoint) = call.get::<Endpoint>(&name).filter(|it| it.serves()).cloned() else {
        return refuse(format!("Endpoint {name} of account {} not found.", call.account()));
    };
    if endpoint.is_async {
        return refuse(format!("Endpoint {name} takes asynchronous requests only."));
    }
    if let Some(component) = component {
        return component_of(call, &name, &component, body.len());
    }
    if endpoint.variants.iter().all(|one| one.model.is_empty()) {
        return refuse(format!("InferenceComponentName is required to invoke endpoint {name}."));
    }
    let draw = draw(call);
    let (config, variants) = endpoint.fleet(call.now, draw % 100);
    let (shadows, variants): (Vec<Variant>, Vec<Variant>) = variants.iter().cloned().partition(|one| one.shadow);
    let chosen = match &target {
        Some(target) => variants.iter().find(|one| one.name == *target),
        None => weighted(&variants, f64::from(draw % 1000) / 1000.0),
    };
    let Some(variant) = chosen.cloned() else {
        return refuse(format!("Variant {} of endpoint {name} not found.", target.unwrap_or_default()));
    };
    let answer = json!({
        "endpoint": name, "config": config, "variant": variant.name, "model": variant.model, "bytes": body.len(),
        "inference": id,
    });
    serve(call, &name, &variant);
    // One in the shadow gets a copy of as many requests as its weight is to that of the one that answers.
    for shadow in shadows.iter().filter(|shadow| f64::from(draw % 1000) / 1000.0 * variant.weight < shadow.weight) {
        serve(call, &name, shadow);
    }
    let resource = format!("endpoint/{name}/variant/{}", variant.name);
    application_autoscaling::asked(call.world, call.region, call.now, &resource);
    Ok(Reply::raw(200, answer.to_string())
        .header("content-type", "application/json")
        .header("x-amzn-invoked-production-variant", variant.name))
}

/// What a request leaves behind.
fn serve(call: &mut Call<'_>, endpoint: &str, variant: &Variant) {
    log(call.world, call.region, endpoint, variant, call.now, "POST /invocations 200");
    let seen = [
        ("Invocations", 1.0),
        ("InvocationsPerInstance", 1.0 / variant.instances()),
        ("Invocation4XXErrors", 0.0),
        ("Invocation5XXErrors", 0.0),
        ("ModelLatency", LATENCY),
    ];
    publish(call, "AWS/SageMaker", &[("EndpointName", endpoint), ("VariantName", &variant.name)], &seen);
}

/// A request that waits: the answer says where the response will be.
fn queue(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let name = call.params.text("EndpointName")?;
    let (place, body) = (call.params.text_opt("InputLocation")?, call.params.text_opt("Body")?);
    let id = call.params.text_opt("InferenceId")?;
    for header in ["ContentType", "Accept", "CustomAttributes"] {
        call.params.text_opt(header)?;
    }
    for header in ["RequestTTLSeconds", "InvocationTimeoutSeconds"] {
        call.params.int_opt(header)?;
    }
    let refuse = |message: String| Err(ApiError::bad("ValidationError", message));
    let Some(endpoint) = call.get::<Endpoint>(&name).filter(|it| it.serves()).cloned() else {
        return refuse(format!("Endpoint {name} of account {} not found.", call.account()));
    };
    if !endpoint.is_async {
        return refuse(format!("Endpoint {name} does not take asynchronous requests."));
    }
    let body = body.filter(|body| !body.is_empty());
    if place.is_some() == body.is_some() {
        return refuse("Exactly one of InputLocation and Body is required.".to_owned());
    }
    let id = id.unwrap_or_else(|| call.world.new_uuid());
    let (output, failure) = wait(call, &endpoint, place);
    let mut reply = Reply::json(json!({"InferenceId": id})).header("x-amzn-sagemaker-outputlocation", output);
    if let Some(failure) = failure {
        reply = reply.header("x-amzn-sagemaker-failurelocation", failure);
    }
    reply.status = 202;
    Ok(reply)
}

/// A component answers, if it has a copy; if it has none, that is counted.
fn component_of(call: &mut Call<'_>, endpoint: &str, name: &str, bytes: usize) -> Result<Reply, ApiError> {
    let found = call.get::<Component>(name).filter(|it| it.endpoint == endpoint).cloned();
    let Some(it) = found else {
        return Err(ApiError::bad("ValidationError", format!("Inference Component {name} not found.")));
    };
    let missed = it.copies == 0;
    let seen = [("Invocations", 1.0), ("InvocationsPerCopy", 1.0), ("ModelLatency", LATENCY)];
    let seen = if missed { &[("NoCapacityInvocationFailures", 1.0)][..] } else { &seen[..] };
    publish(call, "AWS/SageMaker", &[("InferenceComponentName", name)], seen);
    application_autoscaling::asked(call.world, call.region, call.now, &format!("inference-component/{name}"));
    if missed {
        // It is counted all the same.
        let message = "Inference Component has no capacity to process this request. ApplicationAutoScaling may be \
                       in-progress (if configured) or try to increase the capacity by invoking \
                       UpdateInferenceComponentRuntimeConfig API.";
        let body = json!({"Message": message}).to_string();
        return Ok(Reply::raw(400, body)
            .header("content-type", "application/json")
            .header("x-amzn-errortype", "ValidationError"));
    }
    log_component(call.world, call.region, &it, call.now, "POST /invocations 200");
    let answer = json!({"endpoint": endpoint, "component": name, "variant": it.variant, "bytes": bytes});
    Ok(Reply::raw(200, answer.to_string())
        .header("content-type", "application/json")
        .header("x-amzn-invoked-production-variant", it.variant))
}

/// A number that depends on the account's seed and on how many were drawn before.
fn draw(call: &mut Call<'_>) -> u32 {
    u32::from_str_radix(&call.world.new_hex(7), 16).unwrap_or_default()
}

/// The variant into whose share of the weights a number of 0 to 1 falls.
fn weighted(variants: &[Variant], at: f64) -> Option<&Variant> {
    let all: f64 = variants.iter().map(|one| one.weight).sum();
    let mut left = at * all;
    let hit = variants.iter().find(|one| {
        left -= one.weight;
        left < 0.0
    });
    hit.or(variants.first())
}
