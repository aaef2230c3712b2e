//! The parts of an endpoint's schema.
use crate::{
    field::{Field, Ref},
    kinds::{
        SecurityGroup, Subnet,
        hosting::fields::{Container, Scaling},
    },
    price::PriceContext,
    units::{Size, Span},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One model on machines of one type, with its share of the requests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// Its name. Guardrails of a rollout want the same names before and after.
    pub name: String,
    /// The container that answers requests; without one the machines are for inference components, which bring theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<Container>,
    /// The type of its machines, such as `ml.g5.xlarge`; or `serverless`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_type: Option<String>,
    /// Up to five types for its machines, the best first: where SageMaker has no capacity of one it takes the next. In
    /// place of `instance_type`.
    #[serde(default)]
    pub instance_pools: Vec<Pool>,
    /// How long SageMaker looks for capacity before it gives up: 5m to 1h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity_timeout: Option<Span>,
    /// The ARN of the training plan, bought for endpoints, whose machines it runs on, and on no others. When the plan ends,
    /// it stops serving.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity_reservation: Option<Field<String>>,
    /// How many machines; 1 by default. With `scaling` it starts at `min`, and AWS decides from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub count: Option<u32>,
    /// Its share of the requests, relative to the sum of all weights.
    #[serde(default = "one")]
    pub weight: u32,
    /// The disk of each machine. Types with disks of their own take none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume: Option<Size>,
    /// How long the container may take until it answers `/ping`: 1m to 1h. Large language models need 15m and more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check_timeout: Option<Span>,
    /// How long the download of the model's data may take: 1m to 1h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub download_timeout: Option<Span>,
    /// Drivers and CUDA of the machines. Current images for language models need a newer one than AWS's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ami_version: Option<AmiVersion>,
    /// How requests are spread over machines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routing: Option<Routing>,
    /// No machines of its own: paid by use, without GPUs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serverless: Option<Serverless>,
    /// How its count follows the load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scaling: Option<Scaling>,
    /// How its count follows the inference components on it; for a variant without a container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_scaling: Option<ManagedScaling>,
}

/// A type that the machines of a variant may have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// The type, such as `ml.g6.2xlarge`.
    pub instance_type: String,
    /// Another container than the variant's, for machines of this type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<Container>,
}

/// How many machines a variant may have: as many as its inference components need.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ManagedScaling {
    /// The fewest machines; with 0 there is none while no component has a copy.
    pub min: u32,
    /// The most machines: budgets count them.
    #[schemars(range(min = 1))]
    pub max: u32,
}

impl Variant {
    /// The fewest and the most machines, where AWS decides between them.
    pub(super) fn bounds(&self) -> Option<(u32, u32)> {
        let managed = self.managed_scaling.as_ref().map(|it| (it.min, it.max));
        self.scaling.as_ref().map(Scaling::bounds).or(managed)
    }

    /// The types that its machines may have, the best first.
    pub(crate) fn types(&self) -> impl Iterator<Item = &str> {
        let pools = self.instance_pools.iter().map(|pool| pool.instance_type.as_str());
        self.instance_type.as_deref().into_iter().chain(pools)
    }

    /// Every container that it may run.
    pub(super) fn containers(&self) -> impl Iterator<Item = &Container> {
        self.container.iter().chain(self.instance_pools.iter().filter_map(|pool| pool.container.as_ref()))
    }

    /// How many machines it has at the moment, where what is live is priced and AWS decides how many there are.
    pub(super) fn served(&self, ctx: &PriceContext<'_>) -> Option<u32> {
        ctx.running.filter(|_| self.bounds().is_some())?.get(&self.name).copied()
    }
}

fn one() -> u32 {
    1
}

/// Drivers and CUDA of machines that serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AmiVersion {
    /// NVIDIA driver 535 and CUDA 12.2, Amazon Linux 2.
    #[serde(rename = "al2-ami-sagemaker-inference-gpu-2")]
    Gpu2,
    /// The same with a newer container toolkit.
    #[serde(rename = "al2-ami-sagemaker-inference-gpu-2-1")]
    Gpu21,
    /// NVIDIA driver 550 and CUDA 12.4, Amazon Linux 2.
    #[serde(rename = "al2-ami-sagemaker-inference-gpu-3-1")]
    Gpu31,
    /// NVIDIA driver 580 and CUDA 13.0, Amazon Linux 2023.
    #[serde(rename = "al2023-ami-sagemaker-inference-gpu-4-1")]
    Gpu41,
    /// For Inferentia and Trainium.
    #[serde(rename = "al2-ami-sagemaker-inference-neuron-2")]
    Neuron2,
}

/// How requests are spread over the machines of a variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Routing {
    /// To the machine with the fewest requests under way: for answers that take long.
    LeastOutstandingRequests,
    /// To any.
    Random,
}

/// A variant without machines of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Serverless {
    /// Memory: 1 GiB to 6 GiB, whole.
    pub memory: Size,
    /// How many requests at a time.
    #[schemars(range(min = 1, max = 200))]
    pub concurrency: u32,
    /// How many of these are kept warm, and paid for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 200))]
    pub provisioned: Option<u32>,
}

/// Where the network interfaces of an endpoint are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// Subnets in two zones at least, with a way to S3 and two free addresses for each machine.
    #[schemars(length(min = 1, max = 16))]
    pub subnets: Vec<Ref<Subnet>>,
    /// Their security groups.
    #[schemars(length(min = 1, max = 5))]
    pub security_groups: Vec<Ref<SecurityGroup>>,
}

/// Requests may wait, and responses are written to a bucket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Async {
    /// Where responses are written: `s3://bucket/prefix/`.
    pub output: Field<String>,
    /// Where errors are written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Field<String>>,
    /// The ARN of the topic that is notified of responses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success_topic: Option<Field<String>>,
    /// The ARN of the topic that is notified of errors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_topic: Option<Field<String>>,
    /// How many requests a machine works on at a time; AWS decides by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub concurrency: Option<u32>,
}

/// Captures requests and responses in a bucket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Capture {
    /// Where to: `s3://bucket/prefix`.
    pub destination: Field<String>,
    /// The percentage of requests that is captured.
    #[serde(default = "all")]
    #[schemars(range(min = 0, max = 100))]
    pub percent: u32,
}

fn all() -> u32 {
    100
}

/// How an endpoint moves to a new version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rollout {
    /// How traffic moves.
    #[serde(default)]
    pub strategy: Strategy,
    /// The size of the canary, of a step or of a batch, in percent of the machines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 5, max = 50))]
    pub percent: Option<u32>,
    /// How long each step is watched before the next one.
    #[serde(default = "ten_minutes")]
    pub bake: Span,
    /// Names of alarms; any of them rolls the update back. None may be in ALARM when it begins.
    #[serde(default)]
    pub alarms: Vec<Field<String>>,
}

fn ten_minutes() -> Span {
    Span::from_seconds(600)
}

/// How traffic moves from the old machines to the new ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// All of it, when the new machines answer: twice the machines for a while.
    #[default]
    AllAtOnce,
    /// A part first, then the rest: twice the machines for a while.
    Canary,
    /// In equal steps: twice the machines for a while.
    Linear,
    /// Machines are replaced in batches: only one batch more than before.
    Rolling,
}
