//! The Resource Groups Tagging API: a hint at what is tagged, with its delays and its ghosts.
//!
//! Like the real service it learns of new tags late, and goes on for hours naming resources that are gone and
//! resources whose tags were all removed. It knows EC2, FSx, log groups and S3 here.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::call::Call;
use crate::error::ApiError;
use crate::history::Past;
use crate::life::after;
use crate::model::facts;
use crate::service::{Service, read};
use crate::store::GLOBAL;
use crate::wire::Protocol;
use crate::wire::params::InputErrors;
use crate::wire::reply::Reply;

pub(crate) static SERVICE: Service = Service {
    input: InputErrors::both("InvalidParameterException"),
    operations: &[&[read("GetResources", get_resources)]],
    ..Service::new("tagging", Protocol::AwsJson("1.1"), facts!("tagging"))
};

/// How long a new resource is not listed.
const LATE: Duration = Duration::from_secs(60);
/// How long a removed one still is.
const GHOST: Duration = Duration::from_secs(12 * 3600);

fn bad(message: impl Into<String>) -> ApiError {
    ApiError::bad("InvalidParameterException", message)
}

/// ARN and tags of everything that the service knows of in the call's region.
fn known(call: &Call<'_>) -> BTreeMap<String, BTreeMap<String, String>> {
    let (now, world) = (call.now, &*call.world);
    let passed = |since: Timestamp, wait: Duration| now >= after(since, world.scaled(wait));
    let mut out = BTreeMap::new();
    let mut add = |region: &str, past: &Past| {
        if let (Some((service, tail)), Some(tags)) = (&past.arn, &past.tags) {
            out.insert(arn(call, service, region, tail), tags.clone());
        }
    };
    for past in world.all::<Past>(call.region).filter(|past| !passed(past.removed, GHOST)) {
        add(call.region, past);
    }
    let own = crate::services::s3::names_in(call);
    let of_here = |past: &Past| past.arn.as_ref().is_some_and(|(service, tail)| service == "s3" && own.contains(tail));
    for past in world.all::<Past>(GLOBAL).filter(|past| of_here(past) && !passed(past.removed, GHOST)) {
        add(call.region, past);
    }
    for (created, past) in world.present(call.region) {
        if passed(created, LATE) {
            add(call.region, &past);
        }
    }
    for (created, past) in world.present(GLOBAL) {
        // A bucket that never had tags is not listed; in other services nobody could tell.
        if passed(created, LATE) && of_here(&past) && past.tags.as_ref().is_some_and(|tags| !tags.is_empty()) {
            add(call.region, &past);
        }
    }
    out
}

fn arn(call: &Call<'_>, service: &str, region: &str, tail: &str) -> String {
    if service == "s3" {
        return format!("arn:{}:s3:::{tail}", call.partition());
    }
    format!("arn:{}:{service}:{region}:{}:{tail}", call.partition(), call.account())
}

/// Whether an ARN is of a type such as `ec2:vpc`, or of a service such as `ec2`.
fn is_type(arn: &str, wanted: &str) -> bool {
    let mut parts = arn.splitn(6, ':').skip(2);
    let service = parts.next().unwrap_or_default();
    let kind = parts.nth(2).and_then(|tail| tail.split_once(['/', ':'])).map(|(kind, _)| kind);
    match wanted.split_once(':') {
        None => service == wanted,
        Some(("s3", "bucket")) => service == "s3",
        Some((wanted, wanted_kind)) => service == wanted && kind == Some(wanted_kind),
    }
}

fn get_resources(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let size = call.params.int_opt("ResourcesPerPage")?.unwrap_or(50);
    let size = usize::try_from(size).ok().filter(|size| (1..=100).contains(size));
    let size = size.ok_or_else(|| bad("ResourcesPerPage should be between 1 and 100"))?;
    let types = call.params.texts("ResourceTypeFilters")?;
    let arns = call.params.texts("ResourceARNList")?;
    let mut filters: Vec<(String, Vec<String>)> = Vec::new();
    for mut filter in call.params.structs("TagFilters")? {
        filters.push((filter.text("Key")?, filter.texts("Values")?));
    }
    if !arns.is_empty() && (!types.is_empty() || !filters.is_empty()) {
        return Err(bad("ResourceARNList excludes TagFilters and ResourceTypeFilters"));
    }
    let expired = || ApiError::bad("PaginationTokenExpiredException", "The pagination token is not valid");
    let begin = match call.params.text_opt("PaginationToken")?.filter(|token| !token.is_empty()) {
        None => String::new(),
        Some(token) => {
            let bytes = STANDARD_NO_PAD.decode(token).map_err(|_| expired())?;
            String::from_utf8(bytes).map_err(|_| expired())?
        }
    };
    let passes = |tags: &BTreeMap<String, String>| {
        filters
            .iter()
            .all(|(key, values)| tags.get(key).is_some_and(|value| values.is_empty() || values.contains(value)))
    };
    let mut found: Vec<(String, BTreeMap<String, String>)> = known(call)
        .into_iter()
        .filter(|(arn, tags)| *arn > begin && passes(tags))
        .filter(|(arn, _)| types.is_empty() || types.iter().any(|wanted| is_type(arn, wanted)))
        .filter(|(arn, _)| arns.is_empty() || arns.contains(arn))
        .take(size + 1)
        .collect();
    let more = found.len() > size;
    found.truncate(size);
    let token = found.last().filter(|_| more).map(|(arn, _)| STANDARD_NO_PAD.encode(arn)).unwrap_or_default();
    let items: Vec<Value> = found
        .iter()
        .map(|(arn, tags)| {
            let tags: Vec<Value> = tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
            json!({"ResourceARN": arn, "Tags": tags})
        })
        .collect();
    Ok(Reply::json(json!({"PaginationToken": token, "ResourceTagMappingList": items})))
}
