//! kms-key: a key that encrypts what is kept, with an alias, and who may use it.
mod alias;
mod check;
mod policy;
mod read;

use crate::{
    aws::{Error, gone, tags},
    call::{Ctx, SweepCtx},
    kinds::{policy::Policy, window},
    price::{PriceContext, PriceLine, service},
    resource::{
        About, Call, Changes, Claim, Class, DefaultValue, Discovery, Durations, Gone, HoldsData, Id, Live, Lookup,
        NameRule, Output, Problem, Resource,
    },
    units::Span,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::{Value, json};

/// A symmetric key of KMS, for one region. `${KEY.arn}` is what other kinds take as `kms_key`.
///
/// AWS keeps a key that was removed for 7 to 30 days, and it costs nothing then. An apply in that time makes a new key and
/// leaves the old one alone: what was removed, and proved to be gone, does not come back with another policy and other
/// grants than the blueprint says. Whoever wants it back runs `aws kms cancel-key-deletion` and then `dlinfra import`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KmsKey {
    /// Its alias, such as `training`, with or without `alias/` before it; without one, the stack's name and its own with
    /// ten characters more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// What it is for, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How often KMS takes new material for what is encrypted from then on, 90 to 2560 days: `365d`; never without it. The
    /// first two rotations each add the price of a key (<https://aws.amazon.com/kms/pricing/>).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<Span>,
    /// Who may use it beside those whom IAM policies of this account let use it: services such as
    /// `logs.us-east-1.amazonaws.com`, other accounts. Statements are without `Resource`, which is this key. The statement
    /// that leaves everything else to IAM is always there, so that nobody is locked out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Policy>,
    /// Can it be used? What is encrypted with a key that is disabled cannot be read until it is enabled again.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// How long AWS keeps the key after it was removed, 7 to 30 days.
    #[serde(default = "window::longest")]
    pub deletion_window: Span,
    // Always true in what is wanted, so they are no fields of a blueprint; on live data false once somebody took the
    // account's statement out of the policy, or every alias away, which `update` repairs.
    #[serde(default = "yes")]
    #[schemars(skip)]
    #[doc(hidden)]
    pub delegates: bool,
    #[serde(default = "yes")]
    #[schemars(skip)]
    #[doc(hidden)]
    pub named: bool,
    // All that it has, on live data.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(skip)]
    #[doc(hidden)]
    pub aliases: Vec<String>,
}

fn yes() -> bool {
    true
}

const CREATE: Call = Call::new("kms:CreateKey", Class::Tags);
const RULE: NameRule = NameRule { max: 250, extra: "-", lower: false };

impl Resource for KmsKey {
    const KIND: &'static str = "kms-key";
    const ABOUT: About = About {
        codes: check::CODES,
        outputs: &[
            Output { name: "id", ty: "string", doc: "the key's id" },
            Output { name: "arn", ty: "string", doc: "the key's ARN" },
            Output { name: "alias", ty: "string", doc: "`alias/…`" },
        ],
        unsettled: &[("alias", &["alias"])],
        claims: &[Claim::of("alias")],
        discovery: Discovery::ListAndMatch,
        tagger: &tags::KEYS,
        terraform: "aws_kms_key",
        calls: &[CREATE],
        iam: &[
            "kms:CreateKey",
            "kms:ListKeys",
            "kms:DescribeKey",
            "kms:ListAliases",
            "kms:CreateAlias",
            "kms:DeleteAlias",
            "kms:UpdateKeyDescription",
            "kms:GetKeyRotationStatus",
            "kms:EnableKeyRotation",
            "kms:DisableKeyRotation",
            "kms:GetKeyPolicy",
            "kms:PutKeyPolicy",
            "kms:EnableKey",
            "kms:DisableKey",
            "kms:ListResourceTags",
            "kms:TagResource",
            "kms:UntagResource",
            "kms:ScheduleKeyDeletion",
        ],
        prices: "kms",
        defaults: &[
            ("description", DefaultValue::Nothing),
            ("rotation", DefaultValue::Nothing),
            ("policy", DefaultValue::Nothing),
        ],
        durations: Some(Durations::quick(3, 3, 3)),
        gone: Gone::AtOnce,
        stand_in: r#"{}"#,
        ..About::new("A key of KMS: what it is called, how often it rotates, and who may use it")
    };

    fn summary(&self) -> String {
        let name = self.alias.as_deref().map_or("a key".to_owned(), |alias| format!("alias/{alias}"));
        let rotation = self.rotation.map_or(String::new(), |time| format!(", rotated every {time}"));
        format!("{name}{rotation}{}", if self.enabled { "" } else { ", disabled" })
    }

    fn check(&self, problems: &mut Vec<Problem>) {
        check::check(self, problems);
    }

    fn normalize(&mut self) {
        if let Some(bare) = self.alias.as_deref().and_then(|alias| alias.strip_prefix("alias/")) {
            self.alias = Some(bare.to_owned());
        }
        self.description.take_if(|text| text.is_empty());
        if let Some(policy) = &mut self.policy {
            policy.normalize();
        }
    }

    fn price(&self, ctx: &PriceContext<'_>) -> Vec<PriceLine> {
        service::key(ctx)
    }

    async fn sweep(ctx: &SweepCtx) -> Result<Vec<Live<Self>>, Error> {
        read::sweep(ctx).await
    }

    async fn create(&self, ctx: &Ctx, _: Option<&Live<Self>>) -> Result<Id, Error> {
        let params = json!({ "spec": self });
        let ids = ctx
            .call(&CREATE, "", &params, |attempt| async move {
                let tags = tags::key_pairs(&window::with(&attempt.tags, self.deletion_window));
                let input = json!({
                    "KeySpec": "SYMMETRIC_DEFAULT", "KeyUsage": "ENCRYPT_DECRYPT", "MultiRegion": false, "Tags": tags,
                    "Description": self.description.as_deref().unwrap_or_default(),
                });
                let made: Value = ctx.aws.kms().once("CreateKey", &input).await?;
                let arn = made["KeyMetadata"]["Arn"].as_str().ok_or_else(|| Error::missing("the key's ARN"))?;
                Ok(vec![arn.to_owned()])
            })
            .await?;
        ids.into_iter().next().ok_or_else(|| Error::missing("the key's ARN"))
    }

    async fn update(want: &Self, ctx: &Ctx, live: &Live<Self>, changes: &Changes) -> Result<(), Error> {
        let call = async |action, mut input: Value| {
            input["KeyId"] = json!(bare(&live.id));
            ctx.aws.kms().call::<IgnoredAny>(action, &input).await.map(drop)
        };
        // What is disabled cannot be changed otherwise.
        if changes.touches("enabled") && want.enabled {
            call("EnableKey", json!({})).await?;
        }
        if changes.touches("named") || changes.touches("alias") {
            alias::rename(want, ctx, live).await?;
        }
        if changes.touches("description") {
            let text = want.description.as_deref().unwrap_or_default();
            call("UpdateKeyDescription", json!({ "Description": text })).await?;
        }
        if changes.touches("rotation") {
            match want.rotation {
                Some(time) => call("EnableKeyRotation", json!({ "RotationPeriodInDays": window::days(time) })).await?,
                None => call("DisableKeyRotation", json!({})).await?,
            }
        }
        if changes.touches("policy") || changes.touches("delegates") {
            // Statements of others stay unless the blueprint has, or had, a policy.
            let own = want.policy.as_ref().or(live.spec.policy.as_ref().filter(|_| !changes.touches("policy")));
            let document = policy::document(&ctx.scope, own);
            let put = call("PutKeyPolicy", json!({ "PolicyName": "default", "Policy": document.text() })).await;
            if let Err(e) = put {
                return Err(document.refused(ctx, e).await);
            }
        }
        if changes.touches("deletion_window") {
            window::change(ctx, Self::ABOUT.tagger, &live.id, want.deletion_window).await?;
        }
        if changes.touches("enabled") && !want.enabled {
            call("DisableKey", json!({})).await?;
        }
        Ok(())
    }

    /// The alias goes first: it is free for another key then, while AWS keeps this one.
    async fn delete(ctx: &Ctx, live: &Live<Self>) -> Result<(), Error> {
        for alias in &live.spec.aliases {
            alias::unname(ctx, alias).await?;
        }
        let days = window::days(live.spec.deletion_window);
        let input = json!({ "KeyId": bare(&live.id), "PendingWindowInDays": days });
        match gone(ctx.aws.kms().call::<IgnoredAny>("ScheduleKeyDeletion", &input).await) {
            // By an earlier call whose answer was lost.
            Err(e) if e.is("KMSInvalidStateException") && e.message.contains("pending deletion") => Ok(()),
            done => done,
        }
    }

    async fn lookup(ctx: &SweepCtx, by: &Lookup) -> Result<Vec<Live<Self>>, Error> {
        read::lookup(ctx, by).await
    }
}

/// The id in an ARN. KMS takes both; not everything that speaks its protocol does.
fn bare(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

impl HoldsData for KmsKey {
    fn holds_data(&self) -> bool {
        true
    }

    /// Nobody knows what that is.
    async fn contents(_: &SweepCtx, _: &Live<Self>) -> Result<Option<String>, Error> {
        Ok(Some("the only way to read what it has encrypted".to_owned()))
    }
}
