//! Network interfaces of endpoints in a VPC: they stay for a while when their endpoint is gone, and hold their subnet.

use super::models::Model;
use super::refused;
use super::variants::Variant;
use crate::services::ec2::interfaces::{ManagedInterface, create_managed};
use crate::services::prelude::*;

/// One interface in each subnet of the variants' models, or of the network that the configuration gives all of them.
pub(super) fn make(
    call: &mut Call<'_>,
    endpoint: &str,
    variants: &[Variant],
    of_all: Option<&Value>,
) -> Result<Vec<String>, ApiError> {
    let networks = variants.iter().filter_map(|one| call.get::<Model>(&one.model)?.network().cloned());
    let networks = networks.chain(of_all.cloned());
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(|one| one.as_str().map(str::to_owned)).collect()
    };
    let mut out = Vec::new();
    for network in networks.collect::<Vec<_>>() {
        for subnet in texts(&network["Subnets"]) {
            let wanted = ManagedInterface {
                subnet: &subnet,
                groups: texts(&network["SecurityGroupIds"]),
                interface_type: "interface",
                description: format!("[DO NOT DELETE] ENI managed by SageMaker for endpoint {endpoint}"),
                requester: "amazon-sagemaker",
            };
            let made = create_managed(call.world, call.region, call.now, wanted);
            out.push(made.map_err(|error| refused(error.message))?);
        }
    }
    Ok(out)
}
