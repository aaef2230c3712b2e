//! An endpoint in AWS's words, and back.
use super::{
    Async, Capture, Network, Rollout, SagemakerEndpoint, Variant,
    fields::{AmiVersion, ManagedScaling, Pool, Routing, Serverless, Strategy},
};
use crate::{
    aws::Error,
    call::Ctx,
    field::{Field, Ref},
    kinds::hosting::{
        MODEL, RULE,
        fields::Container,
        models::{self, compact, text, there},
    },
    spec,
    units::{Size, Span},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Which model a container is: all of it, as its name depends on it.
fn model(of: &SagemakerEndpoint, container: &Container) -> Result<Value, Error> {
    Ok(compact(json!({
        "PrimaryContainer": models::primary(container)?, "VpcConfig": network(of.network.as_ref())?,
        "EnableNetworkIsolation": of.isolation,
    })))
}

fn network(of: Option<&Network>) -> Result<Value, Error> {
    let Some(network) = of else { return Ok(Value::Null) };
    let subnets = network.subnets.iter().map(Ref::id).collect::<Result<Vec<_>, _>>()?;
    let groups = network.security_groups.iter().map(Ref::id).collect::<Result<Vec<_>, _>>()?;
    // In one order, whatever the addresses are.
    let sorted = |mut ids: Vec<&str>| {
        ids.sort_unstable();
        json!(ids)
    };
    Ok(json!({ "Subnets": sorted(subnets), "SecurityGroupIds": sorted(groups) }))
}

/// The name of a container's model: another content, another name.
pub(super) fn model_name(ctx: &Ctx, of: &SagemakerEndpoint, container: &Container) -> Result<String, Error> {
    let content = json!({ "call": MODEL.api, "role": of.role.id()?, "model": model(of, container)? });
    Ok(ctx.name(&RULE, &spec::canonical(&content)))
}

/// What CreateModel is asked for, without tags.
pub(super) fn model_input(
    ctx: &Ctx,
    of: &SagemakerEndpoint,
    container: &Container,
    role: &str,
) -> Result<Value, Error> {
    let mut out = model(of, container)?;
    out["ModelName"] = json!(model_name(ctx, of, container)?);
    out["ExecutionRoleArn"] = json!(role);
    Ok(out)
}

/// Do its inference components bring the containers? Then role and network are said of the configuration.
fn is_bare(of: &SagemakerEndpoint) -> bool {
    of.variants.iter().any(|one| one.container.is_none())
}

/// The only preference that AWS knows.
const ONLY_RESERVED: &str = "capacity-reservations-only";

/// A variant without count and weight.
fn content(ctx: &Ctx, of: &SagemakerEndpoint, one: &Variant) -> Result<Value, Error> {
    let seconds = |span: Option<Span>| span.map(Span::seconds);
    let serverless = one.serverless.as_ref().map(|it| {
        json!({
            "MemorySizeInMB": it.memory.gib_rounded_up() * 1024, "MaxConcurrency": it.concurrency,
            "ProvisionedConcurrency": it.provisioned,
        })
    });
    let routing = one.routing.map(|routing| match routing {
        Routing::LeastOutstandingRequests => json!({ "RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS" }),
        Routing::Random => json!({ "RoutingStrategy": "RANDOM" }),
    });
    let model = one.container.as_ref().map(|container| model_name(ctx, of, container)).transpose()?;
    let managed = one
        .managed_scaling
        .as_ref()
        .map(|it| json!({ "Status": "ENABLED", "MinInstanceCount": it.min, "MaxInstanceCount": it.max }));
    let pools = one.instance_pools.iter().zip(1..).map(|(pool, priority)| {
        let own = pool.container.as_ref().map(|container| model_name(ctx, of, container)).transpose()?;
        Ok(json!({ "InstanceType": pool.instance_type, "Priority": priority, "ModelNameOverride": own }))
    });
    let pools = pools.map(|one: Result<Value, Error>| one.map(compact)).collect::<Result<Vec<_>, _>>()?;
    let reservation = text(one.capacity_reservation.as_ref())?
        .map(|arn| json!({ "CapacityReservationPreference": ONLY_RESERVED, "MlReservationArn": arn }));
    Ok(compact(json!({
        "VariantName": one.name, "ModelName": model, "InstanceType": one.instance_type,
        "ManagedInstanceScaling": managed,
        "VolumeSizeInGB": one.volume.map(Size::gib_rounded_up),
        "ContainerStartupHealthCheckTimeoutInSeconds": seconds(one.health_check_timeout),
        "ModelDataDownloadTimeoutInSeconds": seconds(one.download_timeout),
        "InferenceAmiVersion": one.ami_version, "RoutingConfig": routing, "ServerlessConfig": serverless,
        "InstancePools": Some(pools).filter(|pools| !pools.is_empty()),
        "VariantInstanceProvisionTimeoutInSeconds": seconds(one.capacity_timeout),
        "CapacityReservationConfig": reservation,
    })))
}

/// With which count and weight it begins.
fn begin(into: &mut Value, variant: &Variant) {
    into["InitialVariantWeight"] = json!(variant.weight);
    if variant.serverless.is_none() {
        into["InitialInstanceCount"] = json!(begins(variant));
    }
}

/// A configuration without counts and weights, which change without another one.
fn config(ctx: &Ctx, of: &SagemakerEndpoint) -> Result<Value, Error> {
    let variants = of.variants.iter().map(|one| content(ctx, of, one)).collect::<Result<Vec<_>, _>>()?;
    let shadow = match &of.shadow {
        None => Value::Null,
        // Nothing changes its count and its share but another configuration.
        Some(one) => {
            let mut all = content(ctx, of, one)?;
            begin(&mut all, one);
            json!([all])
        }
    };
    let capture = match &of.capture {
        None => Value::Null,
        Some(capture) => json!({
            "EnableCapture": true, "InitialSamplingPercentage": capture.percent,
            "DestinationS3Uri": capture.destination.get()?,
            "CaptureOptions": [{ "CaptureMode": "Input" }, { "CaptureMode": "Output" }],
        }),
    };
    let asynchronous = match &of.asynchronous {
        None => Value::Null,
        Some(it) => {
            let topics = (text(it.success_topic.as_ref())?, text(it.error_topic.as_ref())?);
            let told = json!({ "SuccessTopic": topics.0, "ErrorTopic": topics.1 });
            let client = it.concurrency.map(|most| json!({ "MaxConcurrentInvocationsPerInstance": most }));
            json!({
                "ClientConfig": client,
                "OutputConfig": {
                    "S3OutputPath": it.output.get()?, "S3FailurePath": text(it.failure.as_ref())?,
                    "NotificationConfig": if topics == (None, None) { Value::Null } else { told },
                },
            })
        }
    };
    let mut out = compact(json!({
        "DataCaptureConfig": capture, "AsyncInferenceConfig": asynchronous, "KmsKeyId": text(of.kms_key.as_ref())?,
    }));
    if is_bare(of) {
        let own = json!({
            "ExecutionRoleArn": of.role.id()?, "VpcConfig": network(of.network.as_ref())?,
            "EnableNetworkIsolation": of.isolation,
        });
        out.as_object_mut()
            .into_iter()
            .for_each(|out| out.extend(compact(own.clone()).as_object().cloned().unwrap_or_default()));
    }
    out["ProductionVariants"] = json!(variants);
    if !shadow.is_null() {
        out["ShadowProductionVariants"] = shadow;
    }
    Ok(out)
}

/// The name of the configuration: another content, another name.
pub(super) fn config_name(ctx: &Ctx, of: &SagemakerEndpoint) -> Result<String, Error> {
    Ok(ctx.name(&RULE, &spec::canonical(&config(ctx, of)?)))
}

/// What CreateEndpointConfig is asked for, without tags.
pub(super) fn config_input(ctx: &Ctx, of: &SagemakerEndpoint, role: &str) -> Result<Value, Error> {
    let mut out = config(ctx, of)?;
    if is_bare(of) {
        out["ExecutionRoleArn"] = json!(role);
    }
    let list = out["ProductionVariants"].as_array_mut().into_iter().flatten();
    list.zip(&of.variants).for_each(|(one, variant)| begin(one, variant));
    out["EndpointConfigName"] = json!(config_name(ctx, of)?);
    Ok(out)
}

/// With how many machines a variant begins.
fn begins(variant: &Variant) -> u32 {
    let scaled = variant.scaling.as_ref().map(|s| s.min).or(variant.managed_scaling.as_ref().map(|s| s.min));
    variant.count.or(scaled).unwrap_or(1).max(1)
}

/// What UpdateEndpoint is asked for besides the names.
pub(super) fn deployment(of: Option<&Rollout>) -> Result<Value, Error> {
    let Some(rollout) = of else { return Ok(Value::Null) };
    let size = |usual: u32| json!({ "Type": "CAPACITY_PERCENT", "Value": rollout.percent.unwrap_or(usual) });
    let bake = rollout.bake.seconds();
    let (mut routing, mut policy) = (json!({ "WaitIntervalInSeconds": bake }), json!({}));
    match rollout.strategy {
        Strategy::Rolling => {
            policy["RollingUpdatePolicy"] = json!({ "MaximumBatchSize": size(25), "WaitIntervalInSeconds": bake });
        }
        Strategy::AllAtOnce => {
            routing["Type"] = json!("ALL_AT_ONCE");
            // All of the traffic is watched before the old machines go.
            policy["BlueGreenUpdatePolicy"] =
                json!({ "TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": bake });
        }
        Strategy::Canary => {
            (routing["Type"], routing["CanarySize"]) = (json!("CANARY"), size(10));
            policy["BlueGreenUpdatePolicy"] =
                json!({ "TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": bake });
        }
        Strategy::Linear => {
            (routing["Type"], routing["LinearStepSize"]) = (json!("LINEAR"), size(25));
            policy["BlueGreenUpdatePolicy"] = json!({ "TrafficRoutingConfiguration": routing });
        }
    }
    if !rollout.alarms.is_empty() {
        let alarms = rollout.alarms.iter().map(|name| Ok(json!({ "AlarmName": name.get()? })));
        policy["AutoRollbackConfiguration"] = json!({ "Alarms": alarms.collect::<Result<Vec<_>, Error>>()? });
    }
    Ok(policy)
}

/// As DescribeModel shows it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Model {
    primary_container: Map<String, Value>,
    pub(super) execution_role_arn: String,
    vpc_config: Option<Value>,
    pub(super) enable_network_isolation: bool,
}

impl Model {
    pub(super) fn container(&self) -> Container {
        models::container(&self.primary_container)
    }

    /// What a configuration says of all of its variants, where components bring the containers.
    pub(super) fn of_config(config: &Value) -> Option<Self> {
        let role = config["ExecutionRoleArn"].as_str()?.to_owned();
        Some(Self {
            primary_container: Map::new(),
            execution_role_arn: role,
            vpc_config: there(config, "VpcConfig").cloned(),
            enable_network_isolation: config["EnableNetworkIsolation"] == json!(true),
        })
    }

    pub(super) fn network(&self) -> Option<Network> {
        let of = self.vpc_config.as_ref()?;
        let ids = |name: &str| -> Vec<String> { serde_json::from_value(of[name].clone()).unwrap_or_default() };
        Some(Network {
            subnets: ids("Subnets").into_iter().map(Ref::to_id).collect(),
            security_groups: ids("SecurityGroupIds").into_iter().map(Ref::to_id).collect(),
        })
    }
}

/// A variant as a configuration states it, with the containers of the models that it names, and what of it this dlinfra
/// does not know.
pub(super) fn variant(raw: &Value, container: &dyn Fn(&str) -> Container) -> (Variant, Option<String>) {
    let span = |name: &str| raw[name].as_u64().map(Span::from_seconds);
    let strategy = raw["RoutingConfig"]["RoutingStrategy"].as_str();
    let known: Option<AmiVersion> = serde_json::from_value(raw["InferenceAmiVersion"].clone()).ok();
    let number = |value: &Value| value.as_u64().and_then(|number| u32::try_from(number).ok());
    let reservation = &raw["CapacityReservationConfig"];
    let preference = reservation["CapacityReservationPreference"].as_str();
    let serverless = there(raw, "ServerlessConfig").map(|it| Serverless {
        memory: Size::from_bytes(it["MemorySizeInMB"].as_u64().unwrap_or(0) * 1024 * 1024),
        concurrency: number(&it["MaxConcurrency"]).unwrap_or_default(),
        provisioned: number(&it["ProvisionedConcurrency"]),
    });
    let out = Variant {
        name: raw["VariantName"].as_str().unwrap_or_default().to_owned(),
        container: raw["ModelName"].as_str().map(container),
        instance_type: raw["InstanceType"].as_str().map(str::to_owned),
        instance_pools: pools(raw, container),
        capacity_timeout: span("VariantInstanceProvisionTimeoutInSeconds"),
        capacity_reservation: reservation["MlReservationArn"].as_str().map(|arn| Field::Known(arn.to_owned())),
        count: number(&raw["InitialInstanceCount"]),
        weight: weight(&raw["InitialVariantWeight"]),
        volume: raw["VolumeSizeInGB"].as_u64().map(Size::from_gib),
        health_check_timeout: span("ContainerStartupHealthCheckTimeoutInSeconds"),
        download_timeout: span("ModelDataDownloadTimeoutInSeconds"),
        ami_version: known,
        routing: match strategy {
            Some("LEAST_OUTSTANDING_REQUESTS") => Some(Routing::LeastOutstandingRequests),
            Some("RANDOM") => Some(Routing::Random),
            _ => None,
        },
        serverless,
        scaling: None,
        managed_scaling: there(raw, "ManagedInstanceScaling").filter(|it| it["Status"] != "DISABLED").map(|it| {
            ManagedScaling {
                min: number(&it["MinInstanceCount"]).unwrap_or_default(),
                max: number(&it["MaxInstanceCount"]).unwrap_or_default(),
            }
        }),
    };
    let strange = [
        raw["InferenceAmiVersion"].as_str().filter(|_| known.is_none()),
        strategy.filter(|_| out.routing.is_none()),
        there(&raw["ManagedInstanceScaling"], "ScaleInPolicy").map(|_| "a policy of managed instance scaling"),
        preference.filter(|it| *it != ONLY_RESERVED),
    ];
    (out, strange.into_iter().flatten().next().map(str::to_owned))
}

/// The types that a variant may have, the best first.
fn pools(raw: &Value, container: &dyn Fn(&str) -> Container) -> Vec<Pool> {
    let mut all: Vec<&Value> = raw["InstancePools"].as_array().into_iter().flatten().collect();
    all.sort_by_key(|pool| pool["Priority"].as_u64());
    let pool = |raw: &Value| Pool {
        instance_type: raw["InstanceType"].as_str().unwrap_or_default().to_owned(),
        container: raw["ModelNameOverride"].as_str().map(container),
    };
    all.into_iter().map(pool).collect()
}

/// A weight as dlinfra writes it: whole.
pub(super) fn weight(value: &Value) -> u32 {
    value.as_f64().map_or(1, |weight| weight.round().clamp(0.0, f64::from(u32::MAX)) as u32)
}

/// How a configuration says that answers are objects.
pub(super) fn asynchronous(raw: &Value) -> Async {
    let field = |value: &Value| value.as_str().map(|text| Field::Known(text.to_owned()));
    let (output, client) = (&raw["OutputConfig"], &raw["ClientConfig"]);
    let concurrency = client["MaxConcurrentInvocationsPerInstance"].as_u64();
    Async {
        output: field(&output["S3OutputPath"]).unwrap_or_else(|| Field::Known(String::new())),
        failure: field(&output["S3FailurePath"]),
        success_topic: field(&output["NotificationConfig"]["SuccessTopic"]),
        error_topic: field(&output["NotificationConfig"]["ErrorTopic"]),
        concurrency: concurrency.and_then(|most| u32::try_from(most).ok()),
    }
}

/// How a configuration says that requests are written down; nothing where that is switched off.
pub(super) fn capture(raw: &Value) -> Option<Capture> {
    let percent = raw["InitialSamplingPercentage"].as_u64().and_then(|percent| u32::try_from(percent).ok());
    let on = raw["EnableCapture"] != json!(false);
    on.then(|| Capture {
        destination: Field::Known(raw["DestinationS3Uri"].as_str().unwrap_or_default().to_owned()),
        percent: percent.unwrap_or(100),
    })
}
