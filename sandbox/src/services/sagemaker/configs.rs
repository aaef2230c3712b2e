//! Endpoint configurations: what an endpoint shall run. Nothing of one changes but its tags.

use serde_json::Map;

use super::models::Model;
use super::variants::Variant;
use super::{missing, named, refused, seconds, taken};
use crate::iam_model;
use crate::services::prelude::*;

/// Regions in which a variant keeps one instance.
const NEVER_EMPTY: [&str; 1] = ["eu-west-3"];

pub(super) const OPERATIONS: &[Operation] = &[
    write("CreateEndpointConfig", create),
    read("DescribeEndpointConfig", describe),
    read("ListEndpointConfigs", list),
    write("DeleteEndpointConfig", delete),
];

/// What is kept of a request, and shown as it came.
const FIELDS: [&str; 9] = [
    "ProductionVariants",
    "ShadowProductionVariants",
    "DataCaptureConfig",
    "KmsKeyId",
    "AsyncInferenceConfig",
    "ExecutionRoleArn",
    "VpcConfig",
    "EnableNetworkIsolation",
    "MetricsConfig",
];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Config {
    pub(super) name: String,
    created: Timestamp,
    fields: Map<String, Value>,
    tags: Tags,
}

object!(Config, "sagemaker/endpoint-config", name, tags of "sagemaker" "endpoint-config/{name}");

impl Config {
    pub(super) fn variants(&self) -> Vec<Variant> {
        let shadow = self.shadow().map(|raw| Variant { shadow: true, ..Variant::new(raw) });
        self.raw_variants().map(Variant::new).chain(shadow).collect()
    }

    fn shadow(&self) -> impl Iterator<Item = &Value> {
        self.fields.get("ShadowProductionVariants").and_then(Value::as_array).into_iter().flatten()
    }

    pub(super) fn raw_variants(&self) -> impl Iterator<Item = &Value> {
        self.fields.get("ProductionVariants").and_then(Value::as_array).into_iter().flatten()
    }

    /// What its containers reach, where inference components bring them.
    pub(super) fn network(&self) -> Option<&Value> {
        self.fields.get("VpcConfig")
    }

    pub(super) fn is_async(&self) -> bool {
        self.fields.contains_key("AsyncInferenceConfig")
    }

    /// Where responses and errors of requests that wait are written.
    pub(super) fn output(&self) -> (String, Option<String>) {
        let output = self.fields.get("AsyncInferenceConfig").map(|it| it["OutputConfig"].clone()).unwrap_or_default();
        let text = |name: &str| output[name].as_str().map(str::to_owned);
        (text("S3OutputPath").unwrap_or_default(), text("S3FailurePath"))
    }

    /// How its requests are captured, as an endpoint shows it.
    pub(super) fn capture(&self) -> Option<Value> {
        let capture = self.fields.get("DataCaptureConfig")?;
        let on = capture["EnableCapture"] != json!(false);
        Some(json!({
            "EnableCapture": on, "CaptureStatus": if on { "Started" } else { "Stopped" },
            "CurrentSamplingPercentage": capture["InitialSamplingPercentage"],
            "DestinationS3Uri": capture["DestinationS3Uri"], "KmsKeyId": capture.get("KmsKeyId").cloned().unwrap_or_default(),
        }))
    }
}

/// Families whose disks are in the machine: they take no volume and no key (SageMaker Developer Guide, "Host instance
/// storage volumes").
fn has_own_disks(machine: &str) -> bool {
    let family = machine.trim_start_matches("ml.").split('.').next().unwrap_or_default();
    let with_d = family.trim_start_matches(char::is_alphabetic).contains('d');
    with_d || ["g5", "g6", "p5", "trn1"].iter().any(|own| family.starts_with(own))
}

fn create(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let name = call.params.text("EndpointConfigName")?;
    let tags = tagged::take(call)?;
    let kept = FIELDS.iter().filter_map(|field| Some(((*field).to_owned(), call.params.raw(field)?)));
    let fields: Map<String, Value> = kept.collect();
    let config = Config { name, created: call.now, fields, tags };
    if call.get::<Config>(&config.name).is_some() {
        return Err(taken(call, "endpoint configuration", &format!("endpoint-config/{}", config.name)));
    }
    let mut names = std::collections::BTreeSet::new();
    if config.shadow().next().is_some() {
        check_shadow(&config)?;
    }
    for variant in config.raw_variants().chain(config.shadow()) {
        let name = variant["VariantName"].as_str().unwrap_or_default();
        if !names.insert(name) {
            return Err(refused(format!("Variant name {name} is used more than once.")));
        }
        check(call, &config, variant)?;
    }
    let arn = call.arn(format_args!("endpoint-config/{}", config.name));
    call.put(config);
    Ok(Reply::json(json!({"EndpointConfigArn": arn})))
}

/// What is refused of a variant beyond what the model says (API reference of ProductionVariant).
fn check(call: &Call<'_>, config: &Config, variant: &Value) -> Result<(), ApiError> {
    let has = |field: &str| variant.get(field).is_some();
    let Some(model) = variant["ModelName"].as_str() else { return check_bare(call, config, variant) };
    if config.raw_variants().any(|one| one.get("ModelName").is_none()) {
        return Err(refused("Either all variants of a configuration have a ModelName, or none has."));
    }
    let managed = &variant["ManagedInstanceScaling"];
    if managed["Status"] == "ENABLED" && managed["MinInstanceCount"] == json!(0) {
        return Err(refused("Min instance count needs to be greater than 0 for a variant with a ModelName."));
    }
    let Some(model) = call.get::<Model>(model) else {
        return Err(missing(call, "model", &format!("model/{model}")));
    };
    if has("ServerlessConfig") {
        let memory = variant["ServerlessConfig"]["MemorySizeInMB"].as_i64().unwrap_or_default();
        if has("InstanceType") || has("InitialInstanceCount") {
            return Err(refused("A variant has either a ServerlessConfig or an InstanceType."));
        }
        if memory % 1024 != 0 {
            return Err(refused("MemorySizeInMB must be 1024, 2048, 3072, 4096, 5120 or 6144."));
        }
        let single = config.raw_variants().count() == 1;
        if !single || model.network().is_some() || config.capture().is_some() || config.is_async() {
            return Err(refused(
                "Serverless variants stand alone, without a VPC, data capture and asynchronous inference.",
            ));
        }
        return Ok(());
    }
    check_machines(call, variant)?;
    let own = Variant::new(variant).types().into_iter().find(|machine| has_own_disks(machine)).map(str::to_owned);
    if let Some(machine) = own.filter(|_| has("VolumeSizeInGB")) {
        return Err(refused(format!("VolumeSize parameter is not allowed for the selected Instance type {machine}")));
    }
    Ok(())
}

/// Which instances: one type, or several to choose from.
fn check_machines(call: &Call<'_>, variant: &Value) -> Result<(), ApiError> {
    let has = |field: &str| variant.get(field).is_some();
    if has("InstanceType") && has("InstancePools") {
        return Err(refused("A variant has either an InstanceType or InstancePools."));
    }
    if !(has("InstanceType") || has("InstancePools")) || !has("InitialInstanceCount") {
        return Err(refused("InstanceType and InitialInstanceCount are required of a variant on instances."));
    }
    let pools = || variant["InstancePools"].as_array().into_iter().flatten();
    let types: std::collections::BTreeSet<_> = pools().filter_map(|pool| pool["InstanceType"].as_str()).collect();
    if types.len() < pools().count() {
        return Err(refused("An instance type is used in more than one of the InstancePools."));
    }
    for model in pools().filter_map(|pool| pool["ModelNameOverride"].as_str()) {
        if call.get::<Model>(model).is_none() {
            return Err(missing(call, "model", &format!("model/{model}")));
        }
    }
    // A training plan has instances of one type.
    if has("InstancePools") && has("CapacityReservationConfig") {
        return Err(refused("CapacityReservationConfig needs an InstanceType."));
    }
    Ok(())
}

/// What does not go with a variant in the shadow (SageMaker Developer Guide, "Shadow tests: exclusions").
fn check_shadow(config: &Config) -> Result<(), ApiError> {
    if config.raw_variants().count() != 1 || config.shadow().count() != 1 {
        return Err(refused("One variant for ProductionVariants goes with one for ShadowProductionVariants."));
    }
    let mut all = config.raw_variants().chain(config.shadow());
    if config.is_async() || all.any(|one| one.get("ServerlessConfig").is_some() || one.get("ModelName").is_none()) {
        return Err(refused(
            "Shadow variants do not go with serverless and asynchronous inference and inference components.",
        ));
    }
    Ok(())
}

/// The same of a variant for inference components.
fn check_bare(call: &Call<'_>, config: &Config, variant: &Value) -> Result<(), ApiError> {
    let Some(role) = config.fields.get("ExecutionRoleArn").and_then(Value::as_str) else {
        return Err(refused("ExecutionRoleArn is required when a production variant has no ModelName."));
    };
    if !iam_model::trusts(call.world, role, "sagemaker.amazonaws.com", call.now) {
        return Err(refused(format!(
            "Could not assume role {role}. Please ensure that the role exists and allows principal \
             'sagemaker.amazonaws.com' to assume the role."
        )));
    }
    if variant.get("ServerlessConfig").is_some() || config.is_async() {
        return Err(refused("Inference components need instances, and answer at once."));
    }
    check_machines(call, variant)?;
    let managed = &variant["ManagedInstanceScaling"];
    if managed["Status"] == "ENABLED" && managed["MinInstanceCount"] == json!(0) && NEVER_EMPTY.contains(&call.region) {
        return Err(refused(format!("Min instance count needs to be greater than 0 in {}.", call.region)));
    }
    let (least, most) = (&managed["MinInstanceCount"], &managed["MaxInstanceCount"]);
    if least.as_i64() > most.as_i64() && !most.is_null() {
        return Err(refused("MinInstanceCount must not be above MaxInstanceCount."));
    }
    Ok(())
}

fn find(call: &mut Call<'_>) -> Result<Config, ApiError> {
    let name = call.params.text("EndpointConfigName")?;
    let found = call.find::<Config>(&name).cloned();
    found.ok_or_else(|| missing(call, "endpoint configuration", &format!("endpoint-config/{name}")))
}

fn describe(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let it = find(call)?;
    let arn = call.arn(format_args!("endpoint-config/{}", it.name));
    let mut out = json!({"EndpointConfigName": it.name, "EndpointConfigArn": arn, "CreationTime": seconds(it.created)});
    if let Value::Object(map) = &mut out {
        // New configurations have it, whatever was said.
        map.insert("MetricsConfig".to_owned(), json!({"EnableDetailedObservability": true}));
        map.extend(it.fields);
    }
    Ok(Reply::json(out))
}

fn list(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let part = call.params.text_opt("NameContains")?;
    let page = Page::take(call, 10)?;
    let shown = |it: &&Config| {
        let arn = call.arn(format_args!("endpoint-config/{}", it.name));
        json!({"EndpointConfigName": it.name, "EndpointConfigArn": arn, "CreationTime": seconds(it.created)})
    };
    Ok(page.reply(named::<Config>(call, part), |it| &it.name, shown))
}

/// Also one that an endpoint uses: AWS lets it go, and the endpoint can no longer be patched.
fn delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let name = find(call)?.name;
    call.remove::<Config>(&name);
    Ok(Reply::empty())
}
