//! CloudWatch Logs: log groups, what is written to their streams, and what metric filters make of it.

mod events;
mod filters;
mod patterns;

use std::collections::BTreeMap;

use super::prelude::*;
use crate::store::World;

pub(crate) use events::{record, record_all};

pub(crate) static SERVICE: Service = Service {
    input: InputErrors::both("InvalidParameterException"),
    operations: &[
        &[
            write("CreateLogGroup", create),
            write("DeleteLogGroup", delete),
            read("DescribeLogGroups", describe),
            write("PutRetentionPolicy", |call| change(call, retain)),
            write("DeleteRetentionPolicy", |call| change(call, |_, group| Ok(LogGroup { days: None, ..group }))),
            write("AssociateKmsKey", |call| change(call, encrypt)),
            write("DisassociateKmsKey", |call| change(call, |_, group| Ok(LogGroup { key: None, ..group }))),
            write("PutLogGroupDeletionProtection", |call| change(call, protect)),
        ],
        events::OPERATIONS,
        filters::OPERATIONS,
        tagged::OPERATIONS,
    ],
    objects: || vec![ObjectKind::of::<LogGroup>(), ObjectKind::of::<events::Stream>()],
    ..Service::new("logs", Protocol::AwsJson("1.1"), facts!("logs"))
};

/// Whether there is a group of this name.
pub(crate) fn has_group(world: &World, region: &str, name: &str) -> bool {
    world.get::<LogGroup>(region, name).is_some()
}

/// The days that events may be kept, from the documentation: AWS's model does not have them.
const DAYS: [i64; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

#[derive(Debug, Clone, Serialize, Deserialize)]
struct LogGroup {
    name: String,
    created: Timestamp,
    class: String,
    days: Option<i64>,
    key: Option<String>,
    protected: bool,
    /// By name.
    #[serde(default)]
    filters: BTreeMap<String, filters::Filter>,
    tags: Tags,
}

object!(LogGroup, "logs/log-group", name, tags of "logs" "log-group:{name}");

impl LogGroup {
    /// As a service makes it that wants to write.
    fn new(name: &str, created: Timestamp) -> Self {
        let (name, class) = (name.to_owned(), "STANDARD".to_owned());
        let (filters, tags) = (BTreeMap::new(), Tags::new());
        Self { name, created, class, days: None, key: None, protected: false, filters, tags }
    }
}

/// The log group that a request names; an identifier is a name or an ARN.
fn named(call: &mut Call<'_>) -> Result<LogGroup, ApiError> {
    let by_arn = call.params.has("logGroupIdentifier");
    let wanted = call.params.text(if by_arn { "logGroupIdentifier" } else { "logGroupName" })?;
    let name = tagged::here(call, &wanted).and_then(|tail| tail.strip_prefix("log-group:")).unwrap_or(&wanted);
    call.find::<LogGroup>(name).cloned().ok_or_else(missing)
}

fn missing() -> ApiError {
    ApiError::bad("ResourceNotFoundException", "The specified log group does not exist.")
}

fn create(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let name = call.params.text("logGroupName")?;
    let class = call.params.text_opt("logGroupClass")?.unwrap_or_else(|| "STANDARD".to_owned());
    let protected = call.params.flag("deletionProtectionEnabled")?;
    let key = if call.params.has("kmsKeyId") { Some(key(call, &name)?) } else { None };
    let tags = tagged::take(call)?;
    if name.to_ascii_lowercase().starts_with("aws/") {
        return Err(call.invalid("Log groups starting with AWS/ are reserved for AWS."));
    }
    if call.get::<LogGroup>(&name).is_some() {
        return Err(ApiError::bad("ResourceAlreadyExistsException", "The specified log group already exists"));
    }
    call.put(LogGroup { name, created: call.now, class, days: None, key, protected, filters: BTreeMap::new(), tags });
    Ok(Reply::empty())
}

/// The key of a request. Keys are not simulated: every ARN of one in this region stands for one that may be used.
fn key(call: &mut Call<'_>, group: &str) -> Result<String, ApiError> {
    let (key, arn) = (call.params.text("kmsKeyId")?, call.arn(format_args!("log-group:{group}")));
    if key.starts_with(&format!("arn:{}:kms:{}:", call.partition(), call.region)) && key.contains(":key/") {
        return Ok(key);
    }
    let message = format!("The specified KMS key does not exist or is not allowed to be used with LogGroup '{arn}'");
    Err(call.invalid(message))
}

fn delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let group = named(call)?;
    if group.protected {
        return Err(ApiError::bad("ValidationException", "The log group is protected from deletion."));
    }
    events::forget(call.world, call.region, &group.name);
    call.remove::<LogGroup>(&group.name);
    Ok(Reply::empty())
}

fn describe(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (prefix, part) = (call.params.text_opt("logGroupNamePrefix")?, call.params.text_opt("logGroupNamePattern")?);
    if prefix.is_some() && part.is_some() {
        return Err(call.invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."));
    }
    let class = call.params.text_opt("logGroupClass")?;
    let page = Page::take(call, 50)?;
    // The two classes that are cheaper are shown together.
    let cheap = |class: &str| matches!(class, "INFREQUENT_ACCESS" | "ESSENTIALS");
    let wanted = |it: &&LogGroup| {
        prefix.as_ref().is_none_or(|prefix| it.name.starts_with(prefix))
            && part.as_ref().is_none_or(|part| it.name.contains(part))
            && class.as_ref().is_none_or(|class| it.class == *class || (cheap(&it.class) && cheap(class)))
    };
    Ok(page.reply(call.seen::<LogGroup>().filter(wanted), |it| &it.name, |it| shown(call, it, part.is_some())))
}

/// A log group. Who looks for a part of a name is told three things only.
fn shown(call: &Call<'_>, it: &LogGroup, short: bool) -> Value {
    let (arn, made) = (call.arn(format_args!("log-group:{}", it.name)), it.created.as_millisecond());
    if short {
        return json!({"logGroupName": it.name, "creationTime": made, "arn": format!("{arn}:*")});
    }
    json!({
        "logGroupName": it.name, "creationTime": made, "arn": format!("{arn}:*"), "logGroupArn": arn,
        "logGroupClass": it.class, "retentionInDays": it.days, "kmsKeyId": it.key, "metricFilterCount": it.filters.len(),
        "storedBytes": 0, "deletionProtectionEnabled": it.protected,
    })
}

type Change = fn(&mut Call<'_>, LogGroup) -> Result<LogGroup, ApiError>;

fn change(call: &mut Call<'_>, how: Change) -> Result<Reply, ApiError> {
    let group = named(call)?;
    let group = how(call, group)?;
    call.put(group);
    Ok(Reply::empty())
}

fn retain(call: &mut Call<'_>, group: LogGroup) -> Result<LogGroup, ApiError> {
    let days = call.params.int("retentionInDays")?;
    if !DAYS.contains(&days) {
        return Err(call.invalid(format!("Invalid retentionInDays value: {days}. Valid values: {DAYS:?}")));
    }
    if group.class == "DELIVERY" {
        return Err(ApiError::not_implemented("retention of log groups of class DELIVERY"));
    }
    Ok(LogGroup { days: Some(days), ..group })
}

fn encrypt(call: &mut Call<'_>, group: LogGroup) -> Result<LogGroup, ApiError> {
    Ok(LogGroup { key: Some(key(call, &group.name)?), ..group })
}

fn protect(call: &mut Call<'_>, group: LogGroup) -> Result<LogGroup, ApiError> {
    Ok(LogGroup { protected: call.params.flag("deletionProtectionEnabled")?, ..group })
}
