//! The services that the sandbox simulates, one module each.

mod ce;
mod ec2;
mod events;
mod fsx;
mod iam;
mod logs;
mod monitoring;
mod prelude;
mod pricing;
mod s3;
mod sns;
mod sqs;
mod ssm;
mod sts;
mod tagging;

use crate::service::Service;

/// Every service; a request is for the one whose name is in its signature.
pub(crate) static SERVICES: &[&Service] = &[
    &ce::SERVICE,
    &ec2::SERVICE,
    &events::SERVICE,
    &fsx::SERVICE,
    &iam::SERVICE,
    &logs::SERVICE,
    &monitoring::SERVICE,
    &pricing::SERVICE,
    &s3::SERVICE,
    &sns::SERVICE,
    &sqs::SERVICE,
    &ssm::SERVICE,
    &sts::SERVICE,
    &tagging::SERVICE,
];
