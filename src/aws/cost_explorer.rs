//! Cost Explorer: what AWS billed by day and by a tag, and the cost-allocation tags without which it knows no tag.
//!
//! AWS charges each request of this API (a cent in 2026), so nothing here asks twice for the same.
use super::{Aws, Error, ErrorClass, json::Json, patience};
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What a caller needs to read bills, as a statement of a policy.
pub const POLICY: &str =
    r#"{"Effect":"Allow","Action":["ce:GetCostAndUsage","ce:ListCostAllocationTags"],"Resource":"*"}"#;

/// Whether bills carry a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagStatus {
    /// Bills carry it, from this day on where AWS says so.
    Active(Option<Date>),
    /// AWS knows the key, and bills do not carry it.
    Inactive,
    /// AWS has not seen the key: it lists a key up to a day after its first use.
    Unknown,
}

/// What AWS billed on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Day {
    /// The day, UTC.
    pub date: Date,
    /// Dollars by value of the tag; the empty key is what carries no tag.
    pub dollars: BTreeMap<String, Decimal>,
    /// The same by value of the tag and usage type (`BoxUsage:p5.48xlarge`).
    pub usage: BTreeMap<String, BTreeMap<String, Decimal>>,
    /// Whether AWS may still change it.
    pub estimated: bool,
}

/// What to ask for: one stack's days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The first day, UTC.
    pub from: Date,
    /// The day after the last.
    pub to: Date,
    /// Only usage of this region.
    pub region: String,
    /// Only usage that carries this tag with this value.
    pub tag: (String, String),
    /// The tag by whose values the answer is grouped.
    pub by: String,
}

/// More than any question has.
const MOST_PAGES: usize = 200;

/// The client, where the service is.
fn client(aws: &Aws) -> Json<'_> {
    aws.cost_explorer().at(if aws.region().starts_with("cn-") { "cn-northwest-1" } else { "us-east-1" })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TagPage {
    #[serde(default)]
    cost_allocation_tags: Vec<TagRow>,
    next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TagRow {
    tag_key: String,
    status: String,
    last_updated_date: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Activated {
    #[serde(default)]
    errors: Vec<RefusedTag>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RefusedTag {
    #[serde(default)]
    tag_key: String,
    code: Option<String>,
    message: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct BillPage {
    #[serde(default)]
    results_by_time: Vec<BillDay>,
    next_page_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct BillDay {
    time_period: Option<Period>,
    #[serde(default)]
    groups: Vec<BillGroup>,
    #[serde(default)]
    estimated: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Period {
    start: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct BillGroup {
    #[serde(default)]
    keys: Vec<String>,
    #[serde(default)]
    metrics: BTreeMap<String, Metric>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Metric {
    amount: Option<String>,
    unit: Option<String>,
}

/// Says what is missing in words that lead somewhere.
fn explain(error: Error, action: &str) -> Error {
    match (error.class, error.code.as_deref()) {
        (ErrorClass::Denied, _) if error.message.contains("not enabled") => error.help(
            "switch on Cost Explorer once in the Billing and Cost Management console; its first data come a day later",
        ),
        (ErrorClass::Denied, _) => error.help(format!(
            "allow the action `{action}` to the caller: {POLICY}; in an organization the management account decides \
             whether its members see bills and tags"
        )),
        (_, Some("DataUnavailableException")) => {
            error.help("Cost Explorer has no data of these days yet: it begins a day after it is switched on")
        }
        _ => error,
    }
}

/// Which of these tag keys bills carry.
///
/// # Errors
/// A caller who may not ask, throttling, no connection.
pub async fn tag_statuses(aws: &Aws, keys: &[&str]) -> Result<BTreeMap<String, TagStatus>, Error> {
    let mut out: BTreeMap<String, TagStatus> = keys.iter().map(|key| ((*key).to_owned(), TagStatus::Unknown)).collect();
    let client = client(aws);
    let mut input = json!({ "TagKeys": keys });
    for _ in 0..MOST_PAGES {
        let ask = || client.call::<TagPage>("ListCostAllocationTags", &input);
        let answer = patience::read(aws.clock(), ask).await.map_err(|e| explain(e, "ce:ListCostAllocationTags"))?;
        for tag in answer.cost_allocation_tags {
            let status = match tag.status.as_str() {
                "Active" => TagStatus::Active(
                    tag.last_updated_date.as_deref().and_then(|text| text.get(..10)?.parse::<Date>().ok()),
                ),
                _ => TagStatus::Inactive,
            };
            if let Some(known) = out.get_mut(&tag.tag_key) {
                *known = status;
            }
        }
        match answer.next_token.filter(|token| !token.is_empty()) {
            Some(next) => input["NextToken"] = next.into(),
            None => return Ok(out),
        }
    }
    Err(Error::new(ErrorClass::Other, "the list of cost-allocation tags does not end"))
}

/// From now on bills carry these tags, for the whole account. The answer names the keys that AWS refused, and why.
///
/// # Errors
/// A caller who may not, throttling, no connection.
pub async fn activate(aws: &Aws, keys: &[&str]) -> Result<BTreeMap<String, String>, Error> {
    let entries: Vec<Value> = keys.iter().map(|key| json!({ "TagKey": key, "Status": "Active" })).collect();
    let client = client(aws);
    let input = json!({ "CostAllocationTagsStatus": entries });
    let ask = || client.call::<Activated>("UpdateCostAllocationTagsStatus", &input);
    let answer = patience::read(aws.clock(), ask).await.map_err(|error| match error.class {
        ErrorClass::Denied => error.help(
            r#"allow the action to the caller: {"Effect":"Allow","Action":"ce:UpdateCostAllocationTagsStatus","Resource":"*"}; in an organization only its management account may"#,
        ),
        _ => error,
    })?;
    let refused = answer.errors.into_iter();
    Ok(refused
        .map(|error| {
            let why = error.message.or(error.code).unwrap_or_else(|| "no reason given".to_owned());
            (error.tag_key, why)
        })
        .collect())
}

/// What was billed, day by day, in unblended dollars.
///
/// # Errors
/// A caller who may not ask, throttling, no connection, amounts that are not dollars.
pub async fn daily(aws: &Aws, question: &Question) -> Result<Vec<Day>, Error> {
    let client = client(aws);
    let (key, value) = &question.tag;
    let mut input = json!({
        "TimePeriod": { "Start": question.from.to_string(), "End": question.to.to_string() },
        "Granularity": "DAILY", "Metrics": ["UnblendedCost"],
        "Filter": { "And": [
            { "Tags": { "Key": key, "Values": [value] } },
            { "Dimensions": { "Key": "REGION", "Values": [question.region] } },
        ] },
        "GroupBy": [{ "Type": "TAG", "Key": question.by }, { "Type": "DIMENSION", "Key": "USAGE_TYPE" }],
    });
    let mut days: BTreeMap<Date, Day> = BTreeMap::new();
    for _ in 0..MOST_PAGES {
        let ask = || client.call::<BillPage>("GetCostAndUsage", &input);
        let answer = patience::read(aws.clock(), ask).await.map_err(|e| explain(e, "ce:GetCostAndUsage"))?;
        for result in answer.results_by_time {
            let date = result.time_period.as_ref().and_then(|period| period.start.get(..10)?.parse().ok());
            let date = date.ok_or_else(|| Error::missing("the day of a bill"))?;
            let day = days.entry(date).or_insert_with(|| Day {
                date,
                dollars: BTreeMap::new(),
                usage: BTreeMap::new(),
                estimated: false,
            });
            day.estimated |= result.estimated;
            for mut group in result.groups {
                let keys = group.keys;
                // `dlinfra:address$train.group`
                let name = keys.first().map(String::as_str).unwrap_or_default();
                let name = name.split_once('$').map_or(name, |(_, value)| value).to_owned();
                let usage = keys.get(1).cloned().unwrap_or_default();
                let metric = group.metrics.remove("UnblendedCost");
                let metric = metric.ok_or_else(|| Error::missing("the dollars of a bill"))?;
                let dollars = dollars(metric.amount.as_deref(), metric.unit.as_deref())?;
                let sum = day.dollars.entry(name.clone()).or_default();
                *sum = sum.saturating_add(dollars);
                let sum = day.usage.entry(name).or_default().entry(usage).or_default();
                *sum = sum.saturating_add(dollars);
            }
        }
        match answer.next_page_token.filter(|token| !token.is_empty()) {
            Some(next) => input["NextPageToken"] = next.into(),
            None => return Ok(days.into_values().collect()),
        }
    }
    Err(Error::new(ErrorClass::Other, "the answer of Cost Explorer does not end"))
}

/// Amounts are decimal strings; very small ones come as `1.2E-7`.
fn dollars(amount: Option<&str>, unit: Option<&str>) -> Result<Decimal, Error> {
    let unreadable = |what: String| {
        Error::new(ErrorClass::Other, what).help("only bills in US dollars can be held against the estimate")
    };
    if let Some(unit) = unit.filter(|unit| !["USD", "N/A"].contains(unit)) {
        return Err(unreadable(format!("the account is billed in {unit}")));
    }
    let text = amount.unwrap_or_default();
    // More digits than a Decimal has are worth less than anybody pays.
    let exact = Decimal::from_str_exact(text).or_else(|_| Decimal::from_scientific(text)).or_else(|_| text.parse());
    exact.map_err(|_| unreadable(format!("Cost Explorer answered with `{text}`, which is not an amount")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts() {
        let read = |text| dollars(Some(text), Some("USD")).map(|d| d.normalize().to_string());
        assert_eq!(read("1320.9600000000").unwrap(), "1320.96");
        assert_eq!(read("1.2E-7").unwrap(), "0.00000012");
        assert_eq!(read("-0.5").unwrap(), "-0.5");
        assert!(read("0.1234567890123456789012345678901234").unwrap().starts_with("0.12345678901234567890"));
        assert!(read("much").is_err());
        let error = dollars(Some("1"), Some("CNY")).unwrap_err();
        assert_eq!(error.message, "the account is billed in CNY");
    }
}
