//! How long AWS takes: the time to expect, and the time after which to say that something is slow.
//!
//! Observed in public apply and destroy logs where there are any; the rest are planning values. None is a time-out: a
//! resource that takes longer is pending, not failed.

use super::instance::InstanceType;
use crate::resource::Expected;

const fn seconds(typical: u64, worst: u64) -> Expected {
    Expected::secs(typical, worst)
}

const fn minutes(typical: u64, worst: u64) -> Expected {
    seconds(typical * 60, worst * 60)
}

/// A call whose effect is there when it returns, give or take consistency.
pub const IMMEDIATE: Expected = seconds(2, 120);
/// A VPC: 13 to 24 s in logs, most of it the tool's own waiting.
pub const VPC_CREATE: Expected = seconds(5, 120);
/// A subnet: 3 to 10 s in logs.
pub const SUBNET_CREATE: Expected = seconds(3, 120);
/// A subnet waits for the interfaces in it.
pub const SUBNET_DELETE: Expected = seconds(5, 1200);
/// An internet gateway and its attachment.
pub const INTERNET_GATEWAY_CREATE: Expected = seconds(3, 120);
/// A route table with its routes and associations.
pub const ROUTE_TABLE_CREATE: Expected = seconds(3, 120);
/// A security group with its rules.
pub const SECURITY_GROUP_CREATE: Expected = seconds(3, 120);
/// A security group waits for the interfaces that use it.
pub const SECURITY_GROUP_DELETE: Expected = seconds(5, 1200);
/// A NAT gateway: 84 to 121 s in logs.
pub const NAT_GATEWAY_CREATE: Expected = minutes(2, 10);
/// A NAT gateway: 42 to 61 s in logs.
pub const NAT_GATEWAY_DELETE: Expected = minutes(1, 30);
/// A VPC endpoint with interfaces, made, changed or deleted: one to three minutes, unverified; Terraform waits ten at most.
pub const VPC_ENDPOINT: Expected = minutes(2, 10);
/// FSx for Lustre: 5 to 20 minutes in logs.
pub const LUSTRE_CREATE: Expected = minutes(8, 30);
/// FSx for Lustre grows: a capacity update test took 57 minutes with its create and delete.
pub const LUSTRE_UPDATE: Expected = minutes(15, 60);
/// FSx for Lustre.
pub const LUSTRE_DELETE: Expected = minutes(8, 30);
/// A data repository association can take more than ten minutes, and an hour with millions of objects.
pub const LUSTRE_ASSOCIATION_CREATE: Expected = minutes(5, 30);

/// From the launch call until every member runs.
///
/// Machines with many accelerators or without hypervisor boot slowly; their times are unverified planning values.
#[must_use]
pub fn instance_launch(instance: Option<&InstanceType>) -> Expected {
    match instance {
        Some(instance) if is_large(instance) => minutes(6, 20),
        Some(instance) if instance.accelerator.is_some() => minutes(2, 10),
        _ => seconds(45, 600),
    }
}

/// From the terminate call until every member is gone; large accelerated machines can take more than ten minutes.
#[must_use]
pub fn instance_termination(instance: Option<&InstanceType>) -> Expected {
    match instance {
        Some(instance) if is_large(instance) => minutes(8, 20),
        _ => minutes(1, 20),
    }
}

fn is_large(instance: &InstanceType) -> bool {
    instance.is_metal() || instance.accelerator.is_some() && instance.vcpus >= 96
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::instance::instance_type;
    use super::*;

    #[test]
    fn large_machines_take_longer() {
        let large = instance_launch(instance_type("p5.48xlarge").ok());
        assert_eq!(large.typical, Duration::from_secs(360));
        assert!(instance_launch(instance_type("g5.xlarge").ok()).typical < large.typical);
        assert_eq!(instance_launch(None), instance_launch(instance_type("t3.micro").ok()));
        assert_eq!(instance_termination(instance_type("p4d.24xlarge").ok()).worst, Duration::from_secs(1200));
    }
}
