//! A component in AWS's words, and back.
use super::{
    InferenceComponent,
    fields::{Container, OwnModel, Placement, Resources, Rollout},
};
use crate::{
    aws::Error,
    call::Ctx,
    field::{Field, Ref},
    kinds::hosting::{
        MODEL, RULE, fields,
        models::{self, compact, text, there},
        parts::name_in,
        scaling::whole,
    },
    spec,
    units::{Size, Span},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

const MIB: u64 = 1 << 20;

/// Memory in MiB, which AWS calls MB, rounded up.
pub(super) fn mib(size: Size) -> u64 {
    u64::try_from((size.gib() * rust_decimal::Decimal::from(1024)).ceil().mantissa()).unwrap_or(u64::MAX)
}

/// A model is a container with data of its own.
fn whole_container(of: &OwnModel) -> fields::Container {
    fields::Container { image: of.image.clone(), environment: of.environment.clone(), model: of.data.clone() }
}

/// The name of a component's own model: another content, another name.
pub(super) fn model_name(ctx: &Ctx, of: &OwnModel) -> Result<String, Error> {
    let container = compact(models::primary(&whole_container(of))?);
    let content = json!({ "call": MODEL.api, "role": of.role.id()?, "model": container });
    Ok(ctx.name(&RULE, &spec::canonical(&content)))
}

/// What CreateModel is asked for, without tags.
pub(super) fn model_input(ctx: &Ctx, of: &OwnModel, role: &str) -> Result<Value, Error> {
    let container = models::primary(&whole_container(of))?;
    Ok(compact(json!({
        "ModelName": model_name(ctx, of)?, "ExecutionRoleArn": role, "PrimaryContainer": container,
    })))
}

/// What a component is, without its copies.
pub(super) fn specification(ctx: &Ctx, of: &InferenceComponent) -> Result<Value, Error> {
    let container = match &of.container {
        None => Value::Null,
        Some(it) => json!({
            "Image": it.image.get()?, "ArtifactUrl": text(it.artifact.as_ref())?,
            "Environment": models::environment(&it.environment)?,
        }),
    };
    let seconds = |span: Option<Span>| span.map(Span::seconds);
    let startup = json!({
        "ModelDataDownloadTimeoutInSeconds": seconds(of.download_timeout),
        "ContainerStartupHealthCheckTimeoutInSeconds": seconds(of.health_check_timeout),
    });
    let is_said = of.download_timeout.is_some() || of.health_check_timeout.is_some();
    let needs = &of.resources;
    Ok(compact(json!({
        "ModelName": of.model.as_ref().map(|model| model_name(ctx, model)).transpose()?,
        "Container": container,
        "StartupParameters": is_said.then_some(startup),
        "ComputeResourceRequirements": {
            "NumberOfAcceleratorDevicesRequired": needs.accelerators, "NumberOfCpuCoresRequired": needs.cpus,
            "MinMemoryRequiredInMb": mib(needs.memory), "MaxMemoryRequiredInMb": needs.max_memory.map(mib),
        },
        "SchedulingConfig": of.placement.map(|placement| json!({ "PlacementStrategy": match placement {
            Placement::Spread => "SPREAD",
            Placement::Binpack => "BINPACK",
        } })),
    })))
}

/// What UpdateInferenceComponent is asked for besides what it shall be.
pub(super) fn deployment(of: Option<&Rollout>) -> Result<Value, Error> {
    let Some(rollout) = of else { return Ok(Value::Null) };
    let mut out = json!({ "RollingUpdatePolicy": {
        "MaximumBatchSize": { "Type": "CAPACITY_PERCENT", "Value": rollout.percent },
        "WaitIntervalInSeconds": rollout.bake.seconds(),
    } });
    if !rollout.alarms.is_empty() {
        let alarms = rollout.alarms.iter().map(|name| Ok(json!({ "AlarmName": name.get()? })));
        out["AutoRollbackConfiguration"] = json!({ "Alarms": alarms.collect::<Result<Vec<_>, Error>>()? });
    }
    Ok(out)
}

/// As DescribeModel shows it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Model {
    primary_container: Map<String, Value>,
    execution_role_arn: String,
}

impl Model {
    fn own(&self) -> OwnModel {
        let fields::Container { image, environment, model } = models::container(&self.primary_container);
        OwnModel { role: Ref::to_id(name_in(&self.execution_role_arn)), image, environment, data: model }
    }
}

/// The fields that a specification tells, put into a component, and what of it this dlinfra does not know.
pub(super) fn read(raw: &Value, model: Option<&Model>, into: &mut InferenceComponent) -> Option<String> {
    let number = |value: &Value| value.as_f64().filter(|n| *n >= 0.0).map(|n| n as u64);
    let needs = &raw["ComputeResourceRequirements"];
    let size = |name: &str| number(&needs[name]).map(|mb| Size::from_bytes(mb * MIB));
    let span = |name: &str| number(&raw["StartupParameters"][name]).map(Span::from_seconds);
    into.model = model.map(Model::own);
    into.container = there(raw, "Container").filter(|_| model.is_none()).map(|it| {
        let image = [&it["DeployedImage"]["SpecifiedImage"], &it["Image"]].into_iter().find_map(Value::as_str);
        Container {
            image: Field::Known(image.unwrap_or_default().to_owned()),
            environment: models::variables(&it["Environment"]),
            artifact: it["ArtifactUrl"].as_str().map(|url| Field::Known(url.to_owned())),
        }
    });
    into.resources = Resources {
        accelerators: number(&needs["NumberOfAcceleratorDevicesRequired"]).and_then(|n| u32::try_from(n).ok()),
        cpus: needs["NumberOfCpuCoresRequired"].as_number().map(whole),
        memory: size("MinMemoryRequiredInMb").unwrap_or_default(),
        max_memory: size("MaxMemoryRequiredInMb"),
    };
    into.download_timeout = span("ModelDataDownloadTimeoutInSeconds");
    into.health_check_timeout = span("ContainerStartupHealthCheckTimeoutInSeconds");
    let strategy = raw["SchedulingConfig"]["PlacementStrategy"].as_str();
    into.placement = match strategy {
        Some("SPREAD") => Some(Placement::Spread),
        Some("BINPACK") => Some(Placement::Binpack),
        _ => None,
    };
    let strange = [
        strategy.filter(|_| into.placement.is_none()),
        there(raw, "BaseInferenceComponentName").map(|_| "an adapter of another component"),
        there(needs, "AcceleratorPartitionType").map(|_| "a part of an accelerator"),
    ];
    strange.into_iter().flatten().next().map(str::to_owned)
}
