//! Inference components: containers with a share of the machines of an endpoint whose variants have no models.

use super::endpoints::Endpoint;
use super::models::{self, Model};
use super::variants::Variant;
use super::{missing, named, placing, refused, seconds, taken};
use crate::life::durations;
use crate::services::prelude::*;
use crate::store::{Object, World};

pub(super) const OPERATIONS: &[Operation] = &[
    write("CreateInferenceComponent", create),
    read("DescribeInferenceComponent", describe),
    read("ListInferenceComponents", list),
    write("UpdateInferenceComponent", update),
    write("UpdateInferenceComponentRuntimeConfig", copy),
    write("DeleteInferenceComponent", delete),
];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Component {
    pub(super) name: String,
    created: Timestamp,
    pub(super) modified: Timestamp,
    pub(crate) status: String,
    pub(crate) endpoint: String,
    pub(crate) variant: String,
    /// What serves.
    pub(super) specification: Value,
    pub(crate) copies: i64,
    pub(super) next: Option<Next>,
    /// How the last change was asked for.
    pub(super) last: Option<Value>,
    pub(super) failure: Option<String>,
    tags: Tags,
    pub(super) timer: Option<Timestamp>,
}

/// What a component is on its way to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Next {
    pub(super) specification: Value,
    pub(super) copies: i64,
    /// Why it fails, if it does.
    pub(super) fails: Option<String>,
}

impl Object for Component {
    const KIND: &'static str = "sagemaker/inference-component";
    fn id(&self) -> &str {
        &self.name
    }
    fn created(&self) -> Timestamp {
        self.created
    }
    fn due(&self) -> Option<Timestamp> {
        self.timer
    }
    fn state(&self, _now: Timestamp) -> &str {
        &self.status
    }
    fn tags(&self) -> Option<&Tags> {
        Some(&self.tags)
    }
    fn tags_mut(&mut self) -> Option<&mut Tags> {
        Some(&mut self.tags)
    }
    fn arn(&self) -> Option<(String, String)> {
        Some(("sagemaker".to_owned(), tail(&self.name)))
    }
}

const WHAT: &str = "inference component";

fn tail(name: &str) -> String {
    format!("inference-component/{name}")
}

fn create(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let name = call.params.text("InferenceComponentName")?;
    let (endpoint, variant) = (call.params.text("EndpointName")?, call.params.text_opt("VariantName")?);
    let specification = call.params.raw("Specification").ok_or_else(|| call.params.missing("Specification"))?;
    let copies = call.params.child_opt("RuntimeConfig")?.map_or(Ok(1), |mut config| config.int("CopyCount"))?;
    let tags = tagged::take(call)?;
    if call.get::<Component>(&name).is_some() {
        return Err(taken(call, WHAT, &tail(&name)));
    }
    let found = call.find::<Endpoint>(&endpoint).cloned();
    let found = found.ok_or_else(|| missing(call, "endpoint", &format!("endpoint/{endpoint}")))?;
    if !found.serves() {
        return Err(refused(format!("Endpoint {endpoint} is not in service.")));
    }
    let is_it = |one: &&Variant| variant.as_ref().is_none_or(|name| one.name == *name);
    let Some(variant) = found.variants.iter().find(is_it) else {
        return Err(refused(format!("Could not find variant {} of {endpoint}.", variant.unwrap_or_default())));
    };
    if !variant.model.is_empty() {
        return Err(refused(format!("Variant {} of {endpoint} has a model of its own.", variant.name)));
    }
    if copies == 0 {
        return Err(refused("CopyCount must be greater than 0 for a new inference component."));
    }
    check(call, &specification)?;
    let variant = variant.name.clone();
    let fails = placing::ailing(call, &endpoint, &specification);
    let component = Component {
        created: call.now,
        modified: call.now,
        status: "Creating".to_owned(),
        timer: Some(placing::done(call, fails.as_ref())),
        next: Some(Next { specification: specification.clone(), copies, fails }),
        copies: 0,
        last: None,
        failure: None,
        name,
        endpoint,
        variant,
        specification,
        tags,
    };
    let arn = call.arn(tail(&component.name));
    call.put(component);
    Ok(Reply::json(json!({"InferenceComponentArn": arn})))
}

/// What is refused of a specification beyond what the model says (API reference of InferenceComponentSpecification).
fn check(call: &Call<'_>, specification: &Value) -> Result<(), ApiError> {
    let (model, container) = (specification["ModelName"].as_str(), &specification["Container"]);
    if specification.get("BaseInferenceComponentName").is_some() {
        return Err(ApiError::not_implemented("adapters of inference components"));
    }
    match model {
        Some(_) if !container.is_null() => {
            return Err(refused("A specification has either a ModelName or a Container."));
        }
        Some(model) if call.get::<Model>(model).is_none() => {
            return Err(missing(call, "model", &format!("model/{model}")));
        }
        Some(_) => {}
        None if container.is_null() => return Err(refused("A specification needs a ModelName or a Container.")),
        None => models::check_container(container)?,
    }
    let needs = &specification["ComputeResourceRequirements"];
    let Some(least) = needs["MinMemoryRequiredInMb"].as_i64() else {
        return Err(refused("ComputeResourceRequirements are required."));
    };
    if needs["MaxMemoryRequiredInMb"].as_i64().is_some_and(|most| most < least) {
        return Err(refused("MaxMemoryRequiredInMb must not be below MinMemoryRequiredInMb."));
    }
    Ok(())
}

/// A component that is to be changed.
fn settled(call: &mut Call<'_>) -> Result<Component, ApiError> {
    let name = call.params.text("InferenceComponentName")?;
    let found = call.find::<Component>(&name).cloned();
    let component = found.ok_or_else(|| missing(call, WHAT, &tail(&name)))?;
    if !matches!(component.status.as_str(), "InService" | "Failed") {
        return Err(refused(format!("Cannot update in-progress {WHAT} \"{}\".", call.arn(tail(&name)))));
    }
    Ok(component)
}

fn begin(call: &mut Call<'_>, mut it: Component, next: Next, timer: Timestamp) -> Reply {
    let arn = call.arn(tail(&it.name));
    (it.status, it.modified, it.failure) = ("Updating".to_owned(), call.now, None);
    (it.timer, it.next) = (Some(timer), Some(next));
    call.put(it);
    Reply::json(json!({"InferenceComponentArn": arn}))
}

fn update(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let mut it = settled(call)?;
    let specification = call.params.raw("Specification").unwrap_or_else(|| it.specification.clone());
    let copies = call.params.child_opt("RuntimeConfig")?.map_or(Ok(it.copies), |mut config| config.int("CopyCount"))?;
    it.last = call.params.raw("DeploymentConfig").or(it.last);
    check(call, &specification)?;
    let fails = placing::ailing(call, &it.endpoint, &specification);
    let timer = placing::done(call, fails.as_ref());
    Ok(begin(call, it, Next { specification, copies, fails }, timer))
}

fn copy(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let it = settled(call)?;
    let copies = call.params.child("DesiredRuntimeConfig")?.int("CopyCount")?;
    let timer = call.done_after(durations::HOSTING_RESIZE);
    let next = Next { specification: it.specification.clone(), copies, fails: None };
    Ok(begin(call, it, next, timer))
}

/// A container is shown with the image that was deployed.
fn shown(specification: &Value) -> Value {
    let mut out = specification.clone();
    if let Some(container) = out.get_mut("Container").and_then(Value::as_object_mut) {
        let image = container.remove("Image");
        container.insert("DeployedImage".to_owned(), json!({"SpecifiedImage": image}));
    }
    out
}

fn describe(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let name = call.params.text("InferenceComponentName")?;
    let found = call.see::<Component>(&name).cloned();
    let it = found.ok_or_else(|| missing(call, WHAT, &tail(&name)))?;
    let desired = it.next.as_ref().map_or(it.copies, |next| next.copies);
    Ok(Reply::json(json!({
        "InferenceComponentName": it.name, "InferenceComponentArn": call.arn(tail(&it.name)),
        "EndpointName": it.endpoint, "EndpointArn": call.arn(format_args!("endpoint/{}", it.endpoint)),
        "VariantName": it.variant, "FailureReason": it.failure, "Specification": shown(&it.specification),
        "RuntimeConfig": {"DesiredCopyCount": desired, "CurrentCopyCount": it.copies},
        "CreationTime": seconds(it.created), "LastModifiedTime": seconds(it.modified),
        "InferenceComponentStatus": it.status, "LastDeploymentConfig": it.last,
    })))
}

fn list(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let part = call.params.text_opt("NameContains")?;
    let (endpoint, variant) = (call.params.text_opt("EndpointNameEquals")?, call.params.text_opt("VariantNameEquals")?);
    let page = Page::take(call, 10)?;
    let wanted = |it: &&Component| {
        endpoint.as_ref().is_none_or(|name| it.endpoint == *name)
            && variant.as_ref().is_none_or(|name| it.variant == *name)
    };
    let shown = |it: &&Component| {
        json!({
            "InferenceComponentName": it.name, "InferenceComponentArn": call.arn(tail(&it.name)),
            "EndpointName": it.endpoint, "EndpointArn": call.arn(format_args!("endpoint/{}", it.endpoint)),
            "VariantName": it.variant, "InferenceComponentStatus": it.status,
            "CreationTime": seconds(it.created), "LastModifiedTime": seconds(it.modified),
        })
    };
    Ok(page.reply(named::<Component>(call, part).filter(wanted), |it| &it.name, shown))
}

fn delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let mut it = settled(call)?;
    (it.status, it.next, it.modified) = ("Deleting".to_owned(), None, call.now);
    it.timer = Some(call.done_after(durations::HOSTING_DELETE));
    call.put(it);
    Ok(Reply::empty())
}

/// How many copies a component has now, or shall have; nothing where there is none, or not yet.
pub(crate) fn copies(world: &World, region: &str, name: &str) -> Option<i64> {
    let found =
        world.get::<Component>(region, name).filter(|it| matches!(it.status.as_str(), "InService" | "Updating"));
    found.map(|it| it.next.as_ref().map_or(it.copies, |next| next.copies))
}

/// Application Auto Scaling gives a component this many copies, unless it is being changed.
pub(crate) fn give(world: &mut World, region: &str, now: Timestamp, name: &str, copies: i64) {
    let Some(mut it) = world.get::<Component>(region, name).cloned() else { return };
    if it.status != "InService" {
        return;
    }
    let timer = crate::life::after(now, world.scaled(durations::HOSTING_RESIZE));
    it.next = Some(Next { specification: it.specification.clone(), copies, fails: None });
    (it.status, it.modified, it.timer) = ("Updating".to_owned(), now, Some(timer));
    world.put(region, it);
}
