//! topic: who is told what alarms, rules and programs publish.
mod check;
mod publishers;
mod read;
mod subscriptions;

use crate::{
    aws::{Error, gone, tags},
    call::{Ctx, SweepCtx},
    field::Field,
    kinds::{named, policy::Policy},
    price::{PriceContext, PriceLine, service},
    resource::{
        About, Call, Changes, Class, Compares, DefaultValue, Discovery, Durations, Gone, Id, Live, Lookup, NameRule,
        Output, Problem, Resource,
    },
};
use aws_sdk_sns::types::Tag;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A topic of SNS, with its subscriptions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Topic {
    /// Its name; without one, the stack's and its own with ten characters more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The KMS key that encrypts messages. Its policy must allow `cloudwatch.amazonaws.com` and whoever else publishes,
    /// which that of `alias/aws/sns` does not: alarms would be dropped silently.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<Field<String>>,
    /// Who else may publish, in AWS's policy language; without `Resource`, which is this topic. Without it only this account
    /// may, its alarms included; rules for events need a statement for `events.amazonaws.com`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Policy>,
    /// Who is told. A mail address is asked first: until somebody confirms, the topic counts as degraded.
    #[serde(default)]
    pub subscriptions: Vec<Subscription>,
}

/// Who is told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// A person, by mail.
    Email,
    /// A web server.
    Https,
    /// A function.
    Lambda,
    /// A queue.
    Sqs,
}

/// Somebody who is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Subscription {
    /// How.
    pub protocol: Protocol,
    /// A mail address, a URL, or the ARN of a function or a queue, whose policy must let `sns.amazonaws.com` in.
    pub endpoint: Field<String>,
    /// Waits for its confirmation. Only found, never wanted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schemars(skip)]
    pub pending: bool,
}

// An existing name with the same tags is answered as if it had just been made.
const CREATE: Call = Call::new("sns:CreateTopic", Class::NameIdempotent);
const RULE: NameRule = NameRule { max: 256, extra: "-", lower: false };

impl Resource for Topic {
    const KIND: &'static str = "topic";
    const ABOUT: About = About {
        codes: check::CODES,
        outputs: &[
            Output { name: "name", ty: "string", doc: "the topic's name" },
            Output { name: "arn", ty: "string", doc: "the topic's ARN, which alarms and rules name" },
        ],
        fixed: &["name"],
        discovery: Discovery::Prefix,
        tagger: &tags::TOPICS,
        terraform: "aws_sns_topic",
        calls: &[CREATE],
        name: Some(RULE),
        iam: &[
            "sns:CreateTopic",
            "sns:ListTopics",
            "sns:GetTopicAttributes",
            "sns:SetTopicAttributes",
            "sns:ListSubscriptionsByTopic",
            "sns:Subscribe",
            "sns:Unsubscribe",
            "sns:ListTagsForResource",
            "sns:TagResource",
            "sns:UntagResource",
            "sns:DeleteTopic",
        ],
        prices: "sns",
        defaults: &[("kms_key", DefaultValue::Nothing), ("policy", DefaultValue::Nothing)],
        durations: Some(Durations::quick(2, 2, 2)),
        gone: Gone::AtOnce,
        stand_in: r#"{}"#,
        ..About::new("An SNS topic: who is told by mail, queue, function or web server")
    };

    fn summary(&self) -> String {
        match &self.subscriptions[..] {
            [] => "tells nobody".to_owned(),
            [one] => format!("tells {}", one.endpoint),
            several => format!("tells {}", several.len()),
        }
    }

    fn check(&self, problems: &mut Vec<Problem>) {
        check::check(self, problems);
    }

    fn normalize(&mut self) {
        if let Some(policy) = &mut self.policy {
            policy.normalize();
        }
        self.subscriptions.sort_by_key(|one| (one.protocol.clone(), one.endpoint.to_string()));
    }

    fn price(&self, ctx: &PriceContext<'_>) -> Vec<PriceLine> {
        service::topic(ctx)
    }

    async fn sweep(ctx: &SweepCtx) -> Result<Vec<Live<Self>>, Error> {
        named::sweep(ctx).await
    }

    async fn create(&self, ctx: &Ctx, _: Option<&Live<Self>>) -> Result<Id, Error> {
        let name = &self.name.clone().unwrap_or_else(|| ctx.name(&RULE, ""));
        let key = self.kms_key.as_ref().map(Field::get).transpose()?;
        named::create::<Self, _, _>(ctx, &CREATE, name, self, |attempt| async move {
            let tags = attempt.tags.iter().map(|(k, v)| Tag::builder().key(k).value(v).build());
            let tags = tags.collect::<Result<_, _>>().map_err(|e| Error::bug(e.to_string()))?;
            let mut call = ctx.aws.sns_once().create_topic().name(name).set_tags(Some(tags));
            if let Some(key) = key {
                call = call.attributes("KmsMasterKeyId", key);
            }
            call.send().await.map(drop).map_err(Error::from)
        })
        .await
    }

    async fn update(want: &Self, ctx: &Ctx, live: &Live<Self>, changes: &Changes) -> Result<(), Error> {
        let arn = publishers::arn(&ctx.scope, &live.id);
        let set = async |name: &str, value: String| {
            let call = ctx.aws.sns().set_topic_attributes().topic_arn(&arn).attribute_name(name);
            call.attribute_value(value).send().await.map(drop).map_err(Error::from)
        };
        if changes.touches("kms_key") {
            let key = want.kms_key.as_ref().map(Field::get).transpose()?;
            set("KmsMasterKeyId", key.cloned().unwrap_or_default()).await?;
        }
        if changes.touches("policy") {
            let whole = publishers::document(&ctx.scope, &live.id, want.policy.as_ref());
            match (set("Policy", whole.text()).await, &want.policy) {
                (Err(e), Some(policy)) => return Err(policy.refused(ctx, e).await),
                (done, _) => done?,
            }
        }
        if changes.touches("subscriptions") {
            subscriptions::bring(&want.subscriptions, ctx, &arn).await?;
        }
        Ok(())
    }

    async fn delete(ctx: &Ctx, live: &Live<Self>) -> Result<(), Error> {
        // Its subscriptions go with it, also those that wait for somebody's confirmation and cannot go otherwise.
        let arn = publishers::arn(&ctx.scope, &live.id);
        gone(ctx.aws.sns().delete_topic().topic_arn(arn).send().await.map_err(Error::from))
    }

    async fn lookup(ctx: &SweepCtx, by: &Lookup) -> Result<Vec<Live<Self>>, Error> {
        named::lookup(ctx, by).await
    }
}

impl Compares for Topic {
    /// Whoever has been asked counts as subscribed where that is wanted: asking again would send another mail. Who is no
    /// longer wanted and has not answered cannot be taken away, so that is nothing to be done.
    fn accept(want: &Value, found: &Value) -> Option<Value> {
        let who = |one: &Value| [one["protocol"].clone(), one["endpoint"].clone()];
        let wanted: Vec<_> = want["subscriptions"].as_array()?.iter().map(who).collect();
        let all = found["subscriptions"].as_array()?;
        let waits = |one: &Value| one["pending"] == true;
        let mut seen = found.as_object().filter(|_| all.iter().any(waits))?.clone();
        let stays = all.iter().filter(|one| !waits(one) || wanted.contains(&who(one)));
        let known = |one: &Value| json!({ "protocol": one["protocol"], "endpoint": one["endpoint"] });
        seen.insert("subscriptions".to_owned(), stays.map(known).collect());
        Some(Value::Object(seen))
    }
}
