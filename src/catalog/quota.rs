//! Service Quotas that a deployment runs into: codes, names, what new accounts usually have.
//!
//! Sources: the accelerator quota mapping of SkyPilot, public code and the Service Quotas console; not checked against a
//! live account. Every EC2 instance quota counts the vCPUs of running instances.

use super::instance::InstanceType;

/// One quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Service code of Service Quotas.
    pub service: &'static str,
    /// Quota code.
    pub code: &'static str,
    /// AWS's name.
    pub name: &'static str,
    /// What it counts.
    pub unit: &'static str,
    /// What new accounts usually have; `None` when not known.
    pub default: Option<u32>,
}

const fn ec2(code: &'static str, name: &'static str, default: Option<u32>) -> Quota {
    Quota { service: "ec2", code, name, unit: "vCPU", default }
}

const P: Quota = ec2("L-417A185B", "Running On-Demand P instances", Some(0));
const G: Quota = ec2("L-DB2E81BA", "Running On-Demand G and VT instances", Some(0));
const TRN: Quota = ec2("L-2C3B7624", "Running On-Demand Trn instances", Some(0));
const INF: Quota = ec2("L-1945791B", "Running On-Demand Inf instances", Some(0));
const DL: Quota = ec2("L-6E869C2A", "Running On-Demand DL instances", Some(0));
const F: Quota = ec2("L-74FC7D96", "Running On-Demand F instances", Some(0));
const HPC: Quota = ec2("L-F7808C92", "Running On-Demand HPC instances", None);
const STANDARD: Quota = ec2("L-1216C47A", "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", Some(5));
const P_SPOT: Quota = ec2("L-7212CCBC", "All P4, P3 and P2 Spot Instance Requests", Some(0));
const P5_SPOT: Quota = ec2("L-C4BD4855", "All P5 Spot Instance Requests", Some(0));
const G_SPOT: Quota = ec2("L-3819A6DF", "All G and VT Spot Instance Requests", Some(0));
const TRN_SPOT: Quota = ec2("L-6B0D517C", "All Trn Spot Instance Requests", Some(0));
const INF_SPOT: Quota = ec2("L-B5D1601B", "All Inf Spot Instance Requests", Some(0));
const DL_SPOT: Quota = ec2("L-85EED4F7", "All DL Spot Instance Requests", Some(0));
const STANDARD_SPOT: Quota =
    ec2("L-34B43A08", "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests", Some(5));

/// Each NAT gateway takes one.
pub const ELASTIC_IPS: Quota =
    Quota { service: "ec2", code: "L-0263D0A3", name: "EC2-VPC Elastic IPs", unit: "address", default: Some(5) };
/// VPCs of a region.
pub const VPCS: Quota =
    Quota { service: "vpc", code: "L-F678F1CE", name: "VPCs per Region", unit: "VPC", default: Some(5) };
/// GiB of Lustre of the scratch types.
pub const LUSTRE_SCRATCH: Quota = lustre("L-AD2FC696", "Lustre Scratch storage capacity");
/// GiB of Lustre of the first persistent type.
pub const LUSTRE_PERSISTENT_1: Quota = lustre("L-C8640C82", "Lustre Persistent_1 storage capacity");
/// GiB of Lustre of the second persistent type.
pub const LUSTRE_PERSISTENT_2: Quota = lustre("L-8F1B9C74", "Lustre Persistent_2 storage capacity");

const fn lustre(code: &'static str, name: &'static str) -> Quota {
    Quota { service: "fsx", code, name, unit: "GiB", default: Some(100_800) }
}

impl InstanceType {
    /// The quota that its on-demand instances count against, by vCPU; `None` when unknown.
    ///
    /// Instances in a Capacity Block have limits of their own.
    #[must_use]
    pub fn on_demand_quota(&self) -> Option<&'static Quota> {
        match self.quota_class() {
            "p" => Some(&P),
            "g" | "gr" | "vt" => Some(&G),
            "trn" => Some(&TRN),
            "inf" => Some(&INF),
            "dl" => Some(&DL),
            "f" => Some(&F),
            "hpc" => Some(&HPC),
            class if is_standard(class) => Some(&STANDARD),
            _ => None,
        }
    }

    /// The quota that its spot instances count against, by vCPU; `None` when unknown.
    ///
    /// Sources disagree about P6, so it is unknown: ask Service Quotas by name.
    #[must_use]
    pub fn spot_quota(&self) -> Option<&'static Quota> {
        match self.quota_class() {
            "p" if self.name.starts_with("p5") => Some(&P5_SPOT),
            "p" if ["p2", "p3", "p4"].iter().any(|generation| self.name.starts_with(generation)) => Some(&P_SPOT),
            "g" | "gr" | "vt" => Some(&G_SPOT),
            "trn" => Some(&TRN_SPOT),
            "inf" => Some(&INF_SPOT),
            "dl" => Some(&DL_SPOT),
            class if is_standard(class) => Some(&STANDARD_SPOT),
            _ => None,
        }
    }

    /// The letters before the generation number.
    fn quota_class(&self) -> &str {
        let end = self.name.find(|character: char| character.is_ascii_digit()).unwrap_or(self.name.len());
        &self.name[..end]
    }
}

fn is_standard(class: &str) -> bool {
    matches!(class, "a" | "c" | "d" | "h" | "i" | "im" | "is" | "m" | "r" | "t" | "z")
}

#[cfg(test)]
mod tests {
    use super::super::instance::{instance_type, instance_types};
    use super::*;

    fn codes(name: &str) -> (Option<&'static str>, Option<&'static str>) {
        let instance = instance_type(name).unwrap();
        (instance.on_demand_quota().map(|quota| quota.code), instance.spot_quota().map(|quota| quota.code))
    }

    #[test]
    fn quotas_of_types() {
        assert_eq!(codes("p5.48xlarge"), (Some("L-417A185B"), Some("L-C4BD4855")));
        assert_eq!(codes("p4d.24xlarge"), (Some("L-417A185B"), Some("L-7212CCBC")));
        assert_eq!(codes("p6-b200.48xlarge"), (Some("L-417A185B"), None));
        assert_eq!(codes("gr6.4xlarge"), (Some("L-DB2E81BA"), Some("L-3819A6DF")));
        assert_eq!(codes("trn2.48xlarge"), (Some("L-2C3B7624"), Some("L-6B0D517C")));
        assert_eq!(codes("m5.large"), (Some("L-1216C47A"), Some("L-34B43A08")));
        assert_eq!(codes("hpc7a.96xlarge"), (Some("L-F7808C92"), None));
        assert_eq!(codes("dl1.24xlarge").0, Some("L-6E869C2A"));
    }

    #[test]
    fn only_the_x_family_has_no_known_quota() {
        let unknown: Vec<&str> = instance_types()
            .filter(|instance| instance.on_demand_quota().is_none())
            .map(InstanceType::family)
            .collect();
        assert!(unknown.iter().all(|family| *family == "x2idn"), "{unknown:?}");
    }
}
