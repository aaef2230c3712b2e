//! log-group: where logs of machines and endpoints are kept, for how long, and what is counted in them.
pub(super) mod check;
mod filters;

use crate::{
    address::Address,
    aws::{
        Error, gone,
        log_events::{LogLine, log_lines},
        optional,
        tags::{self, Tags},
    },
    call::{Ctx, Scope, SweepCtx},
    field::Field,
    kinds::named::{self, Named},
    price::{PriceContext, PriceLine, service},
    resource::{
        About, Call, Changes, Class, DefaultValue, Discovery, Durations, Gone, HoldsData, Id, Live, Logs, Lookup,
        NameRule, Output, Problem, Quota, Resource,
    },
    units::{Size, Span},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::{Number, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A log group of CloudWatch Logs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogGroup {
    /// Its name, such as `/train/nodes`; without one, the stack's and its own with ten characters more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How long logs are kept, such as `30d`; indefinitely without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<Span>,
    /// `infrequent-access` costs half to write, and has no metric filters and no live view.
    #[serde(default)]
    pub class: LogClass,
    /// The ARN of the KMS key that encrypts what is written from now on. The key's policy must allow the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<Field<String>>,
    /// Metrics that are made of its lines, up to 100. A filter that is not in the list is removed, whoever added it; a
    /// blueprint without the list leaves all of them alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric_filters: Option<Vec<MetricFilter>>,
}

/// A metric that is made of lines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetricFilter {
    /// What the group calls it.
    pub name: String,
    /// Which lines count: words (`"NVRM: Xid"`), or comparisons of fields of JSON (`{ $.ms > 100 }`).
    pub pattern: String,
    /// The metric's name.
    pub metric: String,
    /// Its namespace, one of your own: `Training`.
    pub namespace: String,
    /// What each such line adds: a number in quotes, or the field that has one (`$.ms`).
    pub value: String,
    /// The value of a minute with lines of which none counts; without it, the metric has none then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Number>,
    /// Up to three dimensions, each with the field that has its value (`$.gpu`). Every value makes a metric that is paid
    /// for.
    #[serde(default)]
    pub dimensions: BTreeMap<String, String>,
    /// Its unit in CloudWatch's words, such as `Count`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

/// What can be done with the logs of a group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LogClass {
    /// Everything.
    #[default]
    Standard,
    /// Queries only.
    InfrequentAccess,
}

/// In days (API reference of PutRetentionPolicy).
const DAYS: [u64; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];
const DAY: u64 = 24 * 3600;
const CREATE: Call = Call::new("logs:CreateLogGroup", Class::Name);
const RULE: NameRule = NameRule { max: 512, extra: "-", lower: false };

/// As DescribeLogGroups shows it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Group {
    log_group_name: String,
    retention_in_days: Option<u64>,
    log_group_class: Option<String>,
    kms_key_id: Option<String>,
    creation_time: Option<i64>,
    stored_bytes: Option<u64>,
    metric_filter_count: Option<u32>,
}

impl Resource for LogGroup {
    const KIND: &'static str = "log-group";
    const ABOUT: About = About {
        codes: check::CODES,
        outputs: &[
            Output { name: "name", ty: "string", doc: "the group's name" },
            Output { name: "arn", ty: "string", doc: "the group's ARN" },
        ],
        fixed: &["name", "class"],
        discovery: Discovery::Prefix,
        tagger: &tags::LOGS,
        terraform: "aws_cloudwatch_log_group",
        calls: &[CREATE],
        name: Some(RULE),
        iam: &[
            "logs:CreateLogGroup",
            "logs:DescribeLogGroups",
            "logs:PutRetentionPolicy",
            "logs:DeleteRetentionPolicy",
            "logs:AssociateKmsKey",
            "logs:DisassociateKmsKey",
            "logs:FilterLogEvents",
            "logs:DescribeMetricFilters",
            "logs:PutMetricFilter",
            "logs:DeleteMetricFilter",
            "logs:ListTagsForResource",
            "logs:TagResource",
            "logs:UntagResource",
            "logs:DeleteLogGroup",
        ],
        quotas: &[Quota { code: "L-D2832119", name: "Log groups" }],
        prices: "cloudwatch",
        defaults: &[
            ("retention", DefaultValue::Nothing),
            ("kms_key", DefaultValue::Nothing),
            ("metric_filters", DefaultValue::EmptyList),
        ],
        durations: Some(Durations::quick(2, 2, 2)),
        gone: Gone::AtOnce,
        stand_in: r#"{}"#,
        ..About::new("A log group of CloudWatch Logs: how long logs are kept, and with which key")
    };

    fn summary(&self) -> String {
        self.retention.map_or("kept indefinitely".to_owned(), |time| format!("kept {time}"))
    }

    fn check(&self, problems: &mut Vec<Problem>) {
        check::check(self, problems);
    }

    fn normalize(&mut self) {
        if let Some(filters) = &mut self.metric_filters {
            filters.iter_mut().for_each(MetricFilter::normalize);
            filters.sort_by(|one, other| one.name.cmp(&other.name));
        }
    }

    fn price(&self, ctx: &PriceContext<'_>) -> Vec<PriceLine> {
        let mut lines = service::log_group(ctx);
        // Each value of a dimension makes one more, but nobody knows how many there will be.
        let metrics = self.metric_filters.iter().flatten().map(|filter| (&filter.namespace, &filter.metric));
        let count = metrics.collect::<BTreeSet<_>>().len();
        if count > 0 {
            lines.push(service::custom_metrics(ctx, u32::try_from(count).unwrap_or(u32::MAX), "out of its lines"));
        }
        lines
    }

    async fn sweep(ctx: &SweepCtx) -> Result<Vec<Live<Self>>, Error> {
        named::sweep(ctx).await
    }

    async fn create(&self, ctx: &Ctx, _: Option<&Live<Self>>) -> Result<Id, Error> {
        let name = &self.name.clone().unwrap_or_else(|| ctx.name(&RULE, ""));
        let class = if self.class == LogClass::Standard { "STANDARD" } else { "INFREQUENT_ACCESS" };
        let key = self.kms_key.as_ref().and_then(Field::known);
        named::create::<Self, _, _>(ctx, &CREATE, name, self, |attempt| async move {
            let mut input = json!({ "logGroupName": name, "logGroupClass": class, "tags": attempt.tags });
            if let Some(key) = key {
                input["kmsKeyId"] = json!(key);
            }
            ctx.aws.logs().once::<IgnoredAny>("CreateLogGroup", &input).await.map(drop)
        })
        .await
    }

    async fn update(want: &Self, ctx: &Ctx, live: &Live<Self>, changes: &Changes) -> Result<(), Error> {
        let logs = ctx.aws.logs();
        let call = async |action, mut input: Value| {
            input["logGroupName"] = json!(live.id);
            logs.call::<IgnoredAny>(action, &input).await.map(drop)
        };
        if changes.touches("retention") {
            match want.retention {
                Some(time) => call("PutRetentionPolicy", json!({ "retentionInDays": time.seconds() / DAY })).await?,
                None => gone(call("DeleteRetentionPolicy", json!({})).await)?,
            }
        }
        if changes.touches("kms_key") {
            match want.kms_key.as_ref().and_then(Field::known) {
                Some(key) => call("AssociateKmsKey", json!({ "kmsKeyId": key })).await?,
                None => call("DisassociateKmsKey", json!({})).await?,
            }
        }
        if changes.touches("metric_filters") { filters::bring(want.filters(), ctx, live).await } else { Ok(()) }
    }

    async fn delete(ctx: &Ctx, live: &Live<Self>) -> Result<(), Error> {
        let input = json!({ "logGroupName": live.id });
        gone(ctx.aws.logs().call::<IgnoredAny>("DeleteLogGroup", &input).await)
    }

    async fn lookup(ctx: &SweepCtx, by: &Lookup) -> Result<Vec<Live<Self>>, Error> {
        named::lookup(ctx, by).await
    }
}

impl LogGroup {
    fn filters(&self) -> &[MetricFilter] {
        self.metric_filters.as_deref().unwrap_or_default()
    }
}

impl HoldsData for LogGroup {
    /// Logs that are to be kept indefinitely are data; those with an end are meant to go.
    fn holds_data(&self) -> bool {
        self.retention.is_none()
    }

    async fn contents(ctx: &SweepCtx, live: &Live<Self>) -> Result<Option<String>, Error> {
        let bytes = Self::get(ctx, &live.id).await?.and_then(|g| g.stored_bytes).unwrap_or(0);
        // AWS counts what is stored once a day or so: new logs are not in it.
        Ok(Some(format!("logs, {} as AWS counts them", Size::from_bytes(bytes).rough())))
    }
}

impl Logs for LogGroup {
    async fn lines(ctx: &SweepCtx, live: &Live<Self>, since: jiff::Timestamp) -> Result<Vec<LogLine>, Error> {
        log_lines(&ctx.aws, &live.id, since).await
    }
}

impl Named for LogGroup {
    type Found = Group;
    const WHAT: &'static str = "the log group";

    fn legal(name: &str) -> bool {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-/.#".contains(c);
        (1..=512).contains(&name.len()) && name.chars().all(plain) && !name.starts_with("aws/")
    }

    fn name_in(id: &str) -> &str {
        let name = id.split_once(":log-group:").map_or(id, |(_, name)| name);
        name.strip_suffix(":*").unwrap_or(name)
    }

    fn name(found: &Group) -> &str {
        &found.log_group_name
    }

    async fn list(ctx: &SweepCtx, prefix: &str) -> Result<Vec<Group>, Error> {
        let input = if prefix.is_empty() { json!({}) } else { json!({ "logGroupNamePrefix": prefix }) };
        ctx.aws.logs().pages("DescribeLogGroups", input, ("logGroups", "nextToken")).await
    }

    async fn get(ctx: &SweepCtx, name: &str) -> Result<Option<Group>, Error> {
        let found = Self::list(ctx, name).await?;
        Ok(found.into_iter().find(|g| g.log_group_name == name))
    }

    async fn tags(ctx: &SweepCtx, found: &Group) -> Result<Option<Tags>, Error> {
        named::tags_by_arn::<Self>(ctx, &arn(&ctx.scope, &found.log_group_name)).await
    }

    async fn live(ctx: &SweepCtx, found: Group, address: Address, tags: Tags) -> Result<Option<Live<Self>>, Error> {
        let name = &found.log_group_name;
        let class = found.log_group_class.as_deref().unwrap_or("STANDARD");
        // They are asked for where there are some only.
        let metric_filters = match found.metric_filter_count {
            Some(0) => Vec::new(),
            _ => match optional(filters::list(ctx, name).await)? {
                Some(filters) => filters,
                None => return Ok(None),
            },
        };
        let spec = Self {
            name: Some(name.clone()),
            retention: found.retention_in_days.map(|days| Span::from_hours(days * 24)),
            class: if class == "INFREQUENT_ACCESS" { LogClass::InfrequentAccess } else { LogClass::Standard },
            kms_key: found.kms_key_id.map(Field::Known),
            metric_filters: Some(metric_filters),
        };
        let mut live = named::live(address, name, arn(&ctx.scope, name), tags, spec);
        live.created = found.creation_time.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
        if !["STANDARD", "INFREQUENT_ACCESS"].contains(&class) {
            live.novel.insert("class".to_owned(), class.to_owned());
        }
        Ok(Some(live))
    }
}

/// Without the `:*` that stands for its streams, as calls for tags want it.
pub(super) fn arn(scope: &Scope, name: &str) -> String {
    let Scope { partition, region, account, .. } = scope;
    format!("arn:{partition}:logs:{region}:{account}:log-group:{name}")
}
