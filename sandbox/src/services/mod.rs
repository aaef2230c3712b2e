//! The services that the sandbox simulates, one module each.

pub(crate) mod application_autoscaling;
mod ce;
pub(crate) mod ec2;
mod elbv2;
mod events;
mod fsx;
mod iam;
pub(crate) mod lambda;
mod logs;
pub(crate) mod monitoring;
mod prelude;
mod pricing;
mod s3;
mod sagemaker;
mod sagemaker_runtime;
pub(crate) mod scheduler;
mod service_quotas;
mod sns;
mod sqs;
pub(crate) mod ssm;
mod sts;
mod tagging;

use crate::service::Service;

/// Every service; a request is for the first one whose name is in its signature and whose path it has.
pub(crate) static SERVICES: &[&Service] = &[
    &application_autoscaling::SERVICE,
    &ce::SERVICE,
    &ec2::SERVICE,
    &elbv2::SERVICE,
    &events::SERVICE,
    &fsx::SERVICE,
    &iam::SERVICE,
    &lambda::SERVICE,
    &logs::SERVICE,
    &monitoring::SERVICE,
    &pricing::SERVICE,
    &s3::SERVICE,
    // Before the service that takes every path.
    &sagemaker_runtime::SERVICE,
    &sagemaker::SERVICE,
    &scheduler::SERVICE,
    &service_quotas::SERVICE,
    &sns::SERVICE,
    &sqs::SERVICE,
    &ssm::SERVICE,
    &sts::SERVICE,
    &tagging::SERVICE,
];
