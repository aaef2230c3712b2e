//! What an account has room for: its quotas, what its running machines and addresses take of them, and where types are on
//! offer.
use super::{Aws, Error, ErrorClass};
use aws_credential_types::provider::ProvideCredentials;
use aws_sdk_ec2::types::{Filter, InstanceLifecycleType, InstanceStateName, InstanceType as Ec2Type, LocationType};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Quota {
    quota_code: String,
    #[serde(default)]
    value: Option<f64>,
}

/// Running machines of one type and one way of paying.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Machines {
    /// `p5.48xlarge`.
    pub instance_type: String,
    /// Spot, not on demand. Those of Capacity Blocks are left out: they count against no quota of vCPUs.
    pub spot: bool,
}

impl Aws {
    /// Whose policies hold for the caller: the ARN of a user, or of the role that a session is of.
    ///
    /// # Errors
    /// The root of an account, or another caller who has none; IAM, which is asked for the path of a role.
    pub async fn principal(&self) -> Result<String, Error> {
        let identity = self.identity().await?;
        // `arn:aws:sts::1:assumed-role/NAME/SESSION`, without the role's path.
        let session = identity.arn.split_once(":assumed-role/").and_then(|(_, rest)| rest.split('/').next());
        match session {
            Some(name) => {
                let role = self.iam().get_role().role_name(name).send().await?.role;
                Ok(role.ok_or_else(|| Error::missing("the role"))?.arn)
            }
            None if identity.arn.contains(":user/") => Ok(identity.arn.clone()),
            None => Err(Error::new(ErrorClass::Invalid, format!("IAM has no policies of {}", identity.arn))),
        }
    }

    /// When the caller's credentials end; nothing of those that do not.
    pub async fn credentials_end(&self) -> Option<Timestamp> {
        let found = self.0.config.credentials_provider()?.provide_credentials().await.ok()?;
        Timestamp::try_from(found.expiry()?).ok()
    }

    /// The limits of a service (`ec2`) in this account and region, by code: those that were raised as they are now, the
    /// others as AWS gives them to everybody.
    ///
    /// Service Quotas leaves out of the first list what nobody has a value of his own for
    /// (<https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_ListServiceQuotas.html>).
    ///
    /// # Errors
    /// A caller who may not ask, throttling, no connection.
    pub async fn limits(&self, service: &str) -> Result<BTreeMap<String, u64>, Error> {
        let mut out = BTreeMap::new();
        for operation in ["ListAWSDefaultServiceQuotas", "ListServiceQuotas"] {
            let (input, pages) = (json!({ "ServiceCode": service, "MaxResults": 100 }), ("Quotas", "NextToken"));
            let found = self.service_quotas().pages::<Quota>(operation, input, pages).await;
            let found = found.map_err(|error| match error.class {
                ErrorClass::Denied => error.help(format!("allow the caller the action `servicequotas:{operation}`")),
                _ => error,
            })?;
            // Limits are whole numbers, as large as the largest account.
            let whole = |value: f64| value.clamp(0.0, 1e15) as u64;
            out.extend(found.into_iter().filter_map(|quota| Some((quota.quota_code, whole(quota.value?)))));
        }
        Ok(out)
    }

    /// How many machines run, or start, in the account and region, without those that carry the tag `key` = `value`.
    ///
    /// # Errors
    /// As of any call.
    pub async fn machines_without(&self, (key, value): (&str, &str)) -> Result<BTreeMap<Machines, u64>, Error> {
        let up = [InstanceStateName::Pending, InstanceStateName::Running].map(|state| state.as_str().to_owned());
        let filter = Filter::builder().name("instance-state-name").set_values(Some(up.to_vec())).build();
        let mut pages = self.ec2().describe_instances().filters(filter).into_paginator().send();
        let mut out = BTreeMap::new();
        while let Some(page) = pages.next().await {
            for instance in
                page?.reservations.unwrap_or_default().into_iter().flat_map(|r| r.instances.unwrap_or_default())
            {
                let ours = instance.tags().iter().any(|tag| tag.key() == Some(key) && tag.value() == Some(value));
                let spot = match instance.instance_lifecycle() {
                    Some(InstanceLifecycleType::Spot) => true,
                    Some(InstanceLifecycleType::CapacityBlock) => continue,
                    _ => false,
                };
                if let Some(name) = instance.instance_type().map(Ec2Type::as_str).filter(|_| !ours) {
                    *out.entry(Machines { instance_type: name.to_owned(), spot }).or_default() += 1;
                }
            }
        }
        Ok(out)
    }

    /// How many elastic addresses and VPCs there are, without those that carry the tag `key` = `value`.
    ///
    /// # Errors
    /// As of any call.
    pub async fn addresses_and_vpcs_without(&self, (key, value): (&str, &str)) -> Result<(u64, u64), Error> {
        let strange = |tags: &[aws_sdk_ec2::types::Tag]| {
            !tags.iter().any(|tag| tag.key() == Some(key) && tag.value() == Some(value))
        };
        let addresses = self.ec2().describe_addresses().send().await?;
        let addresses = addresses.addresses().iter().filter(|one| strange(one.tags())).count();
        let (mut vpcs, mut pages) = (0, self.ec2().describe_vpcs().into_paginator().send());
        while let Some(page) = pages.next().await {
            vpcs += page?.vpcs().iter().filter(|one| strange(one.tags())).count();
        }
        Ok((addresses as u64, vpcs as u64))
    }

    /// The zones in which each of these types is on offer; a type that the region does not have has none.
    ///
    /// # Errors
    /// As of any call.
    pub async fn offers(&self, types: &BTreeSet<String>) -> Result<BTreeMap<String, BTreeSet<String>>, Error> {
        let mut out: BTreeMap<String, BTreeSet<String>> = types.iter().map(|t| (t.clone(), BTreeSet::new())).collect();
        if types.is_empty() {
            return Ok(out);
        }
        let filter = Filter::builder().name("instance-type").set_values(Some(types.iter().cloned().collect())).build();
        let call = self.ec2().describe_instance_type_offerings().location_type(LocationType::AvailabilityZone);
        let mut pages = call.filters(filter).into_paginator().send();
        while let Some(page) = pages.next().await {
            for offer in page?.instance_type_offerings.unwrap_or_default() {
                if let (Some(name), Some(zone)) = (offer.instance_type, offer.location) {
                    out.entry(name.as_str().to_owned()).or_default().insert(zone);
                }
            }
        }
        Ok(out)
    }
}
