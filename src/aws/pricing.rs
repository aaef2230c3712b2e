//! The Price List API: one page of the products that exact filters leave, as the JSON texts that AWS sends.
use super::{Aws, Error, ErrorClass, patience};
use serde::Deserialize;
use serde_json::{Value, json};

/// What a caller needs to read prices, as a statement of a policy.
pub const POLICY: &str = r#"{"Effect":"Allow","Action":"pricing:GetProducts","Resource":"*"}"#;

/// One page of products.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProductPage {
    /// One JSON document per product, as a string of its own.
    pub documents: Vec<String>,
    /// Where the next page begins; none on the last.
    pub next: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Products {
    #[serde(default)]
    price_list: Vec<String>,
    next_token: Option<String>,
}

/// The region whose endpoint of the Price List is asked for prices of `region`. The API has three endpoints, and each
/// knows the prices of every region.
///
/// # Errors
/// A region of another partition: its prices are in another list, in China in another currency.
pub fn endpoint(region: &str) -> Result<&'static str, Error> {
    if ["cn-", "us-gov-", "us-iso", "eu-isoe-", "eusc-"].iter().any(|prefix| region.starts_with(prefix)) {
        let text = format!("the Price List of the public partition has no prices of {region}");
        return Err(Error::new(ErrorClass::Invalid, text)
            .help("prices of other partitions cannot be refreshed; the plan shows them as unpriced"));
    }
    Ok(match region.split('-').next().unwrap_or_default() {
        "eu" | "af" | "me" | "il" => "eu-central-1",
        "ap" => "ap-south-1",
        _ => "us-east-1",
    })
}

/// One page of the products of a service that match every filter exactly.
///
/// # Errors
/// A partition without a list, a caller who may not read prices, throttling for ten minutes, no connection.
pub async fn products(
    aws: &Aws,
    service: &str,
    filters: &[(&str, &str)],
    token: Option<&str>,
) -> Result<ProductPage, Error> {
    let client = aws.pricing().at(endpoint(aws.region())?);
    let exact = |(field, value): &(&str, &str)| json!({ "Type": "TERM_MATCH", "Field": field, "Value": value });
    let mut input = json!({
        "ServiceCode": service, "FormatVersion": "aws_v1", "MaxResults": 100,
        "Filters": filters.iter().map(exact).collect::<Vec<Value>>(),
    });
    if let Some(token) = token {
        input["NextToken"] = token.into();
    }
    let answer = patience::read(aws.clock(), || client.call::<Products>("GetProducts", &input));
    let answer = answer.await.map_err(|error| match error.class {
        ErrorClass::Denied => error.help(format!("allow the action `pricing:GetProducts` to the caller: {POLICY}")),
        _ => error,
    })?;
    Ok(ProductPage { documents: answer.price_list, next: answer.next_token.filter(|token| !token.is_empty()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_endpoint() {
        for (region, expected) in
            [("us-west-2", "us-east-1"), ("eu-west-1", "eu-central-1"), ("ap-northeast-1", "ap-south-1")]
        {
            assert_eq!(endpoint(region).unwrap(), expected);
        }
        assert!(endpoint("cn-north-1").unwrap_err().message.contains("cn-north-1"));
        assert!(endpoint("us-gov-west-1").is_err());
    }
}
