//! The parts of a component's schema.
use crate::{
    field::{Field, Ref},
    kinds::{IamRole, hosting::fields::ModelData},
    units::Size,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Number;
use std::collections::BTreeMap;

/// A container that runs under the endpoint's role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Container {
    /// Its image in a registry of ECR, with a tag or, better, a digest.
    pub image: Field<String>,
    /// Its environment. Everybody who may look at the component can read it: no tokens.
    #[serde(default)]
    pub environment: BTreeMap<String, Field<String>>,
    /// The archive that is unpacked to `/opt/ml/model`: `s3://bucket/key.tar.gz`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<Field<String>>,
}

/// A container under a role of its own, whose data need not be an archive: dlinfra makes a model of SageMaker for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnModel {
    /// The role that it has: it must trust `sagemaker.amazonaws.com` and may read image and data.
    pub role: Ref<IamRole>,
    /// Its image in a registry of ECR, with a tag or, better, a digest.
    pub image: Field<String>,
    /// Its environment. Everybody who may look at the model can read it: no tokens.
    #[serde(default)]
    pub environment: BTreeMap<String, Field<String>>,
    /// What it finds under `/opt/ml/model`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<ModelData>,
}

/// What each copy has of a machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resources {
    /// GPUs, or devices of Inferentia and Trainium.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub accelerators: Option<u32>,
    /// Cores: 0.25 and more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpus: Option<Number>,
    /// The memory of the machine, not of its GPUs, that is set aside for it: 128 MiB and more. The machine keeps a part of
    /// its memory for itself.
    pub memory: Size,
    /// The memory above which it is ended; without it, as much as there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_memory: Option<Size>,
}

/// How copies are placed on the machines of a variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Placement {
    /// On as many machines as there are.
    Spread,
    /// On as few machines as can be, so that others can go.
    Binpack,
}

/// How it moves to a new version: copies are replaced in batches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rollout {
    /// The size of a batch, in percent of the copies.
    #[serde(default = "quarter")]
    #[schemars(range(min = 1, max = 50))]
    pub percent: u32,
    /// How long each batch is watched before the next one.
    #[serde(default)]
    pub bake: crate::units::Span,
    /// Names of alarms; any of them rolls the update back. None may be in ALARM when it begins.
    #[serde(default)]
    pub alarms: Vec<Field<String>>,
}

fn quarter() -> u32 {
    25
}
