//! Service Quotas: the limits that bite in the sandbox, and a few beside them. Increases are not simulated.
//!
//! Codes, names and defaults: the public mapping of SkyPilot and the Service Quotas console; defaults of new accounts differ.

use super::prelude::*;

pub(crate) static SERVICE: Service = Service {
    operations: &[&[
        read("ListServiceQuotas", list_service_quotas),
        read("ListAWSDefaultServiceQuotas", list_defaults),
        read("GetServiceQuota", get_service_quota),
        read("GetAWSDefaultServiceQuota", get_default),
    ]],
    ..Service::new("servicequotas", Protocol::AwsJson("1.1"), facts!("service_quotas"))
};

/// What the sandbox has of everything that is not configured.
pub(crate) const AMPLE: u64 = 1_000_000;

struct Quota {
    service: &'static str,
    code: &'static str,
    name: &'static str,
    default: u64,
}

const fn quota(service: &'static str, code: &'static str, name: &'static str, default: u64) -> Quota {
    Quota { service, code, name, default }
}

/// By service, then by code.
const QUOTAS: &[Quota] = &[
    quota("ec2", "L-0263D0A3", "EC2-VPC Elastic IPs", 5),
    quota("ec2", "L-1216C47A", "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", 5),
    quota("ec2", "L-1945791B", "Running On-Demand Inf instances", 0),
    quota("ec2", "L-2C3B7624", "Running On-Demand Trn instances", 0),
    quota("ec2", "L-34B43A08", "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests", 5),
    quota("ec2", "L-3819A6DF", "All G and VT Spot Instance Requests", 0),
    quota("ec2", "L-417A185B", "Running On-Demand P instances", 0),
    quota("ec2", "L-6B0D517C", "All Trn Spot Instance Requests", 0),
    quota("ec2", "L-6E869C2A", "Running On-Demand DL instances", 0),
    quota("ec2", "L-7212CCBC", "All P4, P3 and P2 Spot Instance Requests", 0),
    quota("ec2", "L-74FC7D96", "Running On-Demand F instances", 0),
    quota("ec2", "L-85EED4F7", "All DL Spot Instance Requests", 0),
    quota("ec2", "L-B5D1601B", "All Inf Spot Instance Requests", 0),
    quota("ec2", "L-C4BD4855", "All P5 Spot Instance Requests", 0),
    quota("ec2", "L-DB2E81BA", "Running On-Demand G and VT instances", 0),
    quota("ec2", "L-F7808C92", "Running On-Demand HPC instances", 0),
    quota("fsx", "L-8F1B9C74", "Lustre Persistent_2 storage capacity", 100_800),
    quota("fsx", "L-AD2FC696", "Lustre Scratch storage capacity", 100_800),
    quota("fsx", "L-C8640C82", "Lustre Persistent_1 storage capacity", 100_800),
    quota("vpc", "L-F678F1CE", "VPCs per Region", 5),
    quota("vpc", "L-FE5A380F", "NAT gateways per Availability Zone", 5),
];

fn of_service(service: &str) -> Result<impl Iterator<Item = &'static Quota>, ApiError> {
    if QUOTAS.iter().all(|quota| quota.service != service) {
        let message = "The request failed because the specified service does not exist.";
        return Err(ApiError::bad("NoSuchResourceException", message));
    }
    Ok(QUOTAS.iter().filter(move |quota| quota.service == service))
}

fn named(call: &mut Call<'_>) -> Result<&'static Quota, ApiError> {
    let (service, code) = (call.params.text("ServiceCode")?, call.params.text("QuotaCode")?);
    of_service(&service)?.find(|quota| quota.code == code).ok_or_else(|| {
        ApiError::bad("NoSuchResourceException", "The request failed because the specified quota does not exist.")
    })
}

fn shown(call: &Call<'_>, quota: &Quota, value: u64) -> Value {
    let Quota { service, code, name, .. } = quota;
    json!({
        "ServiceCode": service,
        "QuotaArn": format!("arn:{}:servicequotas:{}:{}:{service}/{code}", call.partition(), call.region, call.account()),
        "QuotaCode": code,
        "QuotaName": name,
        "Value": value as f64,
        "Unit": "None",
        "Adjustable": true,
        "GlobalQuota": false,
    })
}

fn applied(call: &Call<'_>, quota: &Quota) -> u64 {
    call.world.config.behaviour.quotas.get(quota.code).copied().unwrap_or(AMPLE)
}

fn list_service_quotas(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let service = call.params.text("ServiceCode")?;
    let code = call.params.text_opt("QuotaCode")?;
    let page = Page::take(call, 100)?;
    let found = of_service(&service)?.filter(|quota| code.as_deref().is_none_or(|code| quota.code == code));
    Ok(page.reply(found, |quota| quota.code, |quota| shown(call, quota, applied(call, quota))))
}

fn list_defaults(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let service = call.params.text("ServiceCode")?;
    let page = Page::take(call, 100)?;
    Ok(page.reply(of_service(&service)?, |quota| quota.code, |quota| shown(call, quota, quota.default)))
}

fn get_service_quota(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let quota = named(call)?;
    Ok(Reply::json(json!({ "Quota": shown(call, quota, applied(call, quota)) })))
}

fn get_default(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let quota = named(call)?;
    Ok(Reply::json(json!({ "Quota": shown(call, quota, quota.default) })))
}
