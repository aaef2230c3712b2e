//! What a request is called: the SDK says it, and every request carries its name to the gate and back.
use super::service::services;
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{Intercept, context::BeforeTransmitInterceptorContextMut},
        orchestrator::Metadata,
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::config_bag::ConfigBag;
use std::fmt;

/// `ec2:RunInstances`: the prefix that the service has in policies, and the operation of its API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Operation(String);

impl Operation {
    /// From the SDK's own names.
    fn new(service: &str, action: &str) -> Self {
        let known = services().find(|s| s.sdk == service).map(|s| s.prefix.to_owned());
        // A service without a line is only ever reached by the SDK itself, for credentials.
        let prefix = known.unwrap_or_else(|| service.to_ascii_lowercase().replace(' ', "-"));
        Self(format!("{prefix}:{action}"))
    }

    /// From the name of the SDK's error type, for a request that never left.
    pub(super) fn of_error(name: &str) -> Self {
        let package = name.split("::").next().unwrap_or("");
        let service = services().find(|s| s.package == package).map_or("aws", |s| s.prefix);
        let last = name.rsplit("::").next().unwrap_or(name);
        Self(format!("{service}:{}", last.strip_suffix("Error").unwrap_or(last)))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Writes the name onto each request.
#[derive(Debug)]
pub(super) struct Naming;

impl Intercept for Naming {
    fn name(&self) -> &'static str {
        "Naming"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(metadata) = cfg.load::<Metadata>() {
            let operation = Operation::new(metadata.service(), metadata.name());
            context.request_mut().add_extension(operation);
        }
        Ok(())
    }
}

/// The gate's reason why a mutation may not leave this process.
#[derive(Debug)]
pub(super) struct Refusal(pub(super) String);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::Operation;

    #[test]
    fn both_ways_give_one_name() {
        fn of<E>() -> Operation {
            Operation::of_error(std::any::type_name::<E>())
        }
        assert_eq!(of::<aws_sdk_ec2::operation::create_vpc::CreateVpcError>(), Operation::new("EC2", "CreateVpc"));
        assert_eq!(of::<aws_sdk_s3::operation::head_bucket::HeadBucketError>(), Operation::new("S3", "HeadBucket"));
        assert_eq!(Operation::new("Cost Explorer", "GetCostAndUsage").as_str(), "ce:GetCostAndUsage");
        assert_eq!(Operation::new("SSO OIDC", "CreateToken").as_str(), "sso-oidc:CreateToken");
    }
}
