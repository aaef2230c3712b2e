//! The Price List API: GetProducts over a small list of real prices.

mod products;

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::json;

use crate::call::Call;
use crate::error::ApiError;
use crate::model::facts;
use crate::service::{Service, read};
use crate::wire::Protocol;
use crate::wire::params::InputErrors;
use crate::wire::reply::Reply;
use products::{Product, products};

pub(crate) static SERVICE: Service = Service {
    input: InputErrors::both("InvalidParameterException"),
    operations: &[&[
        read("GetProducts", get_products),
        read("DescribeServices", describe_services),
        read("GetAttributeValues", get_attribute_values),
    ]],
    ..Service::new("pricing", Protocol::AwsJson("1.1"), facts!("pricing"))
};

/// The regions that have an endpoint of this API.
const ENDPOINTS: [&str; 3] = ["us-east-1", "eu-central-1", "ap-south-1"];

fn bad(message: impl Into<String>) -> ApiError {
    ApiError::bad("InvalidParameterException", message)
}

fn check_endpoint(call: &Call<'_>) -> Result<(), ApiError> {
    if ENDPOINTS.contains(&call.region) {
        return Ok(());
    }
    // The real name does not resolve, which no answer can express.
    Err(ApiError::not_implemented(format!("the Price List API in {}: it is in {}", call.region, ENDPOINTS.join(", "))))
}

fn check_format(call: &mut Call<'_>) -> Result<(), ApiError> {
    match call.params.text_opt("FormatVersion")?.as_deref() {
        None | Some("aws_v1") => Ok(()),
        Some(other) => Err(bad(format!("Unsupported format version: {other}. Valid values: [aws_v1]"))),
    }
}

/// One page of `items`, and the token of the next.
fn page<T>(call: &mut Call<'_>, items: Vec<T>, largest: i64) -> Result<(Vec<T>, Option<String>), ApiError> {
    let size = call.params.int_opt("MaxResults")?.unwrap_or(largest);
    if !(1..=largest).contains(&size) {
        return Err(bad(format!("Max results {size} is not between 1 and {largest}")));
    }
    let size = usize::try_from(size).unwrap_or(1);
    let token = call.params.text_opt("NextToken")?;
    let invalid = |token: &str| ApiError::bad("InvalidNextTokenException", format!("Invalid next token {token}"));
    let skip = match token.filter(|token| !token.is_empty()) {
        None => 0,
        Some(token) => {
            let text = STANDARD_NO_PAD.decode(&token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            text.and_then(|text| text.parse::<usize>().ok()).ok_or_else(|| invalid(&token))?
        }
    };
    let more = items.len() > skip + size;
    let shown = items.into_iter().skip(skip).take(size).collect();
    Ok((shown, more.then(|| STANDARD_NO_PAD.encode((skip + size).to_string()))))
}

fn of_service(code: &str) -> Result<Vec<&'static Product>, ApiError> {
    let found: Vec<_> = products().iter().filter(|product| product.service == code).collect();
    if found.is_empty() { Err(no_service(code)) } else { Ok(found) }
}

fn no_service(code: &str) -> ApiError {
    bad(format!("Invalid service code {code}, or one that the sandbox has no prices of"))
}

/// Whether a field of a product passes a filter.
fn passes(kind: &str, found: Option<&str>, wanted: &str) -> bool {
    let listed = |found: &str| wanted.split(',').any(|value| value.trim() == found);
    match (kind, found) {
        ("NONE_OF", found) => !found.is_some_and(listed),
        (_, None) => false,
        ("CONTAINS", Some(found)) => found.contains(wanted),
        ("ANY_OF", Some(found)) => listed(found),
        (_, Some(found)) => found == wanted,
    }
}

fn get_products(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    check_endpoint(call)?;
    check_format(call)?;
    let code = call.params.text("ServiceCode")?;
    let recorded: Vec<Product> = call.world.config.behaviour.products.iter().map(Product::recorded).collect();
    let recorded = recorded.iter().filter(|product| product.service == code);
    let mut found: Vec<&Product> =
        products().iter().filter(|product| product.service == code).chain(recorded).collect();
    if found.is_empty() {
        return Err(no_service(&code));
    }
    let filters = call.params.structs("Filters")?;
    if filters.len() > 50 {
        return Err(bad("At most 50 filters can be given"));
    }
    for mut filter in filters {
        let (kind, field, value) = (filter.text("Type")?, filter.text("Field")?, filter.text("Value")?);
        if !["TERM_MATCH", "EQUALS", "CONTAINS", "ANY_OF", "NONE_OF"].contains(&kind.as_str()) {
            return Err(bad(format!("Invalid filter type {kind}")));
        }
        found.retain(|product| passes(&kind, product.field(&field), &value));
    }
    let (shown, next) = page(call, found, 100)?;
    let list: Vec<String> = shown.iter().map(|product| product.document().to_string()).collect();
    let mut answer = json!({"FormatVersion": "aws_v1", "PriceList": list});
    if let Some(next) = next {
        answer["NextToken"] = next.into();
    }
    Ok(Reply::json(answer))
}

fn describe_services(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    check_endpoint(call)?;
    check_format(call)?;
    let codes: BTreeSet<&str> = match call.params.text_opt("ServiceCode")? {
        Some(code) => of_service(&code)?.into_iter().map(|product| product.service.as_str()).collect(),
        None => products().iter().map(|product| product.service.as_str()).collect(),
    };
    let (shown, next) = page(call, codes.into_iter().collect(), 100)?;
    let services = shown.into_iter().map(|code| {
        let of = products().iter().filter(|product| product.service == code);
        let names: BTreeSet<&str> = of.flat_map(Product::field_names).collect();
        json!({"ServiceCode": code, "AttributeNames": names})
    });
    let mut answer = json!({"FormatVersion": "aws_v1", "Services": services.collect::<Vec<_>>()});
    if let Some(next) = next {
        answer["NextToken"] = next.into();
    }
    Ok(Reply::json(answer))
}

fn get_attribute_values(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    check_endpoint(call)?;
    let found = of_service(&call.params.text("ServiceCode")?)?;
    let name = call.params.text("AttributeName")?;
    let values: BTreeSet<&str> = found.into_iter().filter_map(|product| product.field(&name)).collect();
    if values.is_empty() {
        return Err(ApiError::bad("NotFoundException", format!("No values found for attribute {name}")));
    }
    let (shown, next) = page(call, values.into_iter().collect(), 10_000)?;
    let values: Vec<_> = shown.into_iter().map(|value| json!({"Value": value})).collect();
    let mut answer = json!({"AttributeValues": values});
    if let Some(next) = next {
        answer["NextToken"] = next.into();
    }
    Ok(Reply::json(answer))
}

/// The prefix of usage types in a region.
pub(crate) fn prefix(region: &str) -> &'static str {
    products::prefix(region)
}

/// Dollars per unit of a usage type, given without its prefix; what has no price in a region costs what it costs in
/// us-east-1, and spot instances a third of what they cost on demand.
pub(crate) fn hourly(region: &str, usage: &str) -> f64 {
    if let Some(kind) = usage.strip_prefix("SpotUsage:") {
        return hourly(region, &format!("BoxUsage:{kind}")) / 3.0;
    }
    [region, "us-east-1"].iter().find_map(|region| products::rate(region, usage)).unwrap_or_default()
}
