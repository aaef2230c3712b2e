//! queue: where messages wait for who reads them, and where those go that nobody could take.
mod check;
mod wire;

use crate::{
    address::Address,
    aws::{
        Error, gone, optional,
        tags::{self, Tags},
    },
    call::{Ctx, SweepCtx},
    field::{Field, Ref},
    kinds::{
        named::{self, Named},
        policy::Policy,
    },
    price::{PriceContext, PriceLine, service},
    resource::{
        About, Call, Changes, Class, DefaultValue, Discovery, Durations, Id, Live, Lookup, NameRule, Output, Problem,
        Resource,
    },
    units::Span,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::{Map, Value, json};

/// A standard queue of SQS.
///
/// It is no data: a message has an end of its own, after 14 days at most, and says what was to be done or is done already.
/// A teardown that waited for somebody to read notices would leave running what costs money.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Queue {
    /// Its name; without one, the stack's and its own with ten characters more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How long a message waits before SQS drops it: 1 minute to 14 days. Dead letters should wait longer than others.
    #[serde(default = "four_days")]
    pub retention: Span,
    /// How long nobody else sees a message that was received, up to 12 hours: longer than the work takes.
    #[serde(default = "half_a_minute")]
    pub visibility_timeout: Span,
    /// Are messages kept encrypted? Without `kms_key` by a key of SQS, which costs nothing and works with every sender.
    #[serde(default = "yes")]
    pub encrypted: bool,
    /// The KMS key that encrypts messages. Its policy must allow the services that send; that of `alias/aws/sqs` allows
    /// none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<Field<String>>,
    /// Who beside this account may send and receive, in AWS's policy language; without `Resource`, which is this queue. A
    /// service such as `events.amazonaws.com` must be named to send.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Policy>,
    /// Where messages go that were received too often.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letter: Option<DeadLetter>,
}

/// Where messages go that nobody could take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeadLetter {
    /// The queue for them, of this account and region.
    pub queue: Ref<Queue>,
    /// How often a message is received before it goes there: 1 to 1000.
    pub max_receives: u32,
}

fn four_days() -> Span {
    Span::from_hours(96)
}
fn half_a_minute() -> Span {
    Span::from_seconds(30)
}
fn yes() -> bool {
    true
}

// A name that exists with equal attributes is answered as if it had been made, whoever owns it.
const CREATE: Call = Call::new("sqs:CreateQueue", Class::NameIdempotent);
const RULE: NameRule = NameRule { max: 80, extra: "-", lower: false };

impl Resource for Queue {
    const KIND: &'static str = "queue";
    const ABOUT: About = About {
        codes: check::CODES,
        outputs: &[
            Output { name: "name", ty: "string", doc: "the queue's name" },
            Output { name: "arn", ty: "string", doc: "the queue's ARN" },
            Output { name: "url", ty: "string", doc: "the queue's URL, by which programs know it" },
        ],
        fixed: &["name"],
        discovery: Discovery::Prefix,
        tagger: &tags::QUEUES,
        terraform: "aws_sqs_queue",
        calls: &[CREATE],
        name: Some(RULE),
        iam: &[
            "sqs:CreateQueue",
            "sqs:ListQueues",
            "sqs:GetQueueUrl",
            "sqs:GetQueueAttributes",
            "sqs:SetQueueAttributes",
            "sqs:ListQueueTags",
            "sqs:TagQueue",
            "sqs:UntagQueue",
            "sqs:DeleteQueue",
        ],
        prices: "sqs",
        defaults: &[
            ("kms_key", DefaultValue::Nothing),
            ("policy", DefaultValue::Nothing),
            ("dead_letter", DefaultValue::Nothing),
        ],
        // For up to a minute AWS may still answer for a queue that was deleted.
        durations: Some(Durations::quick(2, 2, 10)),
        stand_in: r#"{}"#,
        ..About::new("A queue of SQS: messages that wait for who reads them, and dead letters")
    };

    fn summary(&self) -> String {
        let letters = self.dead_letter.as_ref().map(|to| format!(", dead letters to {}", to.queue)).unwrap_or_default();
        format!("kept {}{letters}", self.retention)
    }

    fn check(&self, problems: &mut Vec<Problem>) {
        check::check(self, problems);
    }

    fn normalize(&mut self) {
        if let Some(policy) = &mut self.policy {
            policy.normalize();
        }
    }

    fn price(&self, ctx: &PriceContext<'_>) -> Vec<PriceLine> {
        service::queue(ctx)
    }

    async fn sweep(ctx: &SweepCtx) -> Result<Vec<Live<Self>>, Error> {
        named::sweep(ctx).await
    }

    async fn create(&self, ctx: &Ctx, _: Option<&Live<Self>>) -> Result<Id, Error> {
        let name = &self.name.clone().unwrap_or_else(|| ctx.name(&RULE, ""));
        let mut attributes = wire::attributes(self, &ctx.scope, name)?;
        // What is empty takes something away, and there is nothing yet. The policy may name a role that is not known yet,
        // which `update` waits for.
        attributes.retain(|key, value| key != "Policy" && *value != json!(""));
        let attributes = &attributes;
        named::create::<Self, _, _>(ctx, &CREATE, name, self, |attempt| async move {
            let input = json!({ "QueueName": name, "Attributes": attributes, "tags": attempt.tags });
            ctx.aws.sqs().once::<IgnoredAny>("CreateQueue", &input).await.map(drop)
        })
        .await
    }

    async fn update(want: &Self, ctx: &Ctx, live: &Live<Self>, changes: &Changes) -> Result<(), Error> {
        let mut attributes = wire::attributes(want, &ctx.scope, &live.id)?;
        attributes.retain(|key, _| wire::FIELDS.iter().any(|(field, name)| name == key && changes.touches(field)));
        let input = json!({ "QueueUrl": live.outputs.get("url"), "Attributes": attributes });
        match (ctx.aws.sqs().call::<IgnoredAny>("SetQueueAttributes", &input).await, &want.policy) {
            (Err(e), Some(policy)) if changes.touches("policy") => Err(policy.refused(ctx, e).await),
            (done, _) => done.map(drop),
        }
    }

    async fn delete(ctx: &Ctx, live: &Live<Self>) -> Result<(), Error> {
        let input = json!({ "QueueUrl": live.outputs.get("url") });
        gone(ctx.aws.sqs().call::<IgnoredAny>("DeleteQueue", &input).await)
    }

    async fn lookup(ctx: &SweepCtx, by: &Lookup) -> Result<Vec<Live<Self>>, Error> {
        named::lookup(ctx, by).await
    }
}

impl Named for Queue {
    /// Its URL, which ends in its name.
    type Found = String;
    const WHAT: &'static str = "the queue";

    fn legal(name: &str) -> bool {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        (1..=80).contains(&name.len()) && name.chars().all(plain)
    }

    fn name_in(id: &str) -> &str {
        id.rsplit([':', '/']).next().unwrap_or(id)
    }

    fn name(url: &String) -> &str {
        Self::name_in(url)
    }

    async fn list(ctx: &SweepCtx, prefix: &str) -> Result<Vec<String>, Error> {
        // Without a number there are no pages, and only the first thousand.
        let mut input = json!({ "MaxResults": 1000 });
        if !prefix.is_empty() {
            input["QueueNamePrefix"] = json!(prefix);
        }
        ctx.aws.sqs().pages("ListQueues", input, ("QueueUrls", "NextToken")).await
    }

    async fn get(ctx: &SweepCtx, name: &str) -> Result<Option<String>, Error> {
        let found: Option<Value> = optional(ctx.aws.sqs().call("GetQueueUrl", &json!({ "QueueName": name })).await)?;
        Ok(found.and_then(|found| found["QueueUrl"].as_str().map(str::to_owned)))
    }

    async fn tags(ctx: &SweepCtx, url: &String) -> Result<Option<Tags>, Error> {
        named::tags_by_arn::<Self>(ctx, &wire::arn(&ctx.scope, Self::name(url))).await
    }

    async fn live(ctx: &SweepCtx, url: String, at: Address, tags: Tags) -> Result<Option<Live<Self>>, Error> {
        let input = json!({ "QueueUrl": url, "AttributeNames": ["All"] });
        let found: Option<Value> = optional(ctx.aws.sqs().call("GetQueueAttributes", &input).await)?;
        let Some(found) = found.and_then(|mut all| serde_json::from_value::<Map<_, _>>(all["Attributes"].take()).ok())
        else {
            return Ok(None);
        };
        let (name, arn) = (Self::name(&url), wire::arn(&ctx.scope, Self::name(&url)));
        let mut live = named::live(at, name, arn.clone(), tags, wire::read(name, &arn, &found)?);
        let made = found.get("CreatedTimestamp").and_then(wire::number);
        live.created = made.and_then(|at| jiff::Timestamp::from_second(i64::try_from(at).ok()?).ok());
        live.outputs.insert("url", json!(url));
        Ok(Some(live))
    }
}
