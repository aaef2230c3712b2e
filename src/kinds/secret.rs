//! secret: a place for a secret in Secrets Manager. What is in it is never read or written here.
mod check;
mod read;
mod restore;

use crate::{
    aws::{Error, gone, tags},
    call::{Ctx, SweepCtx},
    field::Field,
    kinds::{
        named::{self, Named},
        policy::Policy,
        window,
    },
    price::{PriceContext, PriceLine, service},
    record::mint,
    resource::{
        About, Call, Changes, Class, DefaultValue, Discovery, Durations, Gone, HoldsData, Id, Live, Lookup, NameRule,
        Output, Problem, Resource,
    },
    units::Span,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::{Value, json};

/// A secret of Secrets Manager without a value: a person or a machine fills it (`aws secretsmanager put-secret-value`), and
/// dlinfra never reads or writes what is in it.
///
/// AWS keeps a secret that was removed for some days, and its name with it. An apply in that time restores it, value
/// included, if it is this stack's; if it is somebody else's, the error says what to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Secret {
    /// Its name, such as `train/wandb`; without one, the stack's and its own with ten characters more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it is for, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The ARN of the KMS key that encrypts it; without it, a key of AWS's, which other accounts cannot use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<Field<String>>,
    /// How long AWS keeps it after it was removed, 7 to 30 days. `0d` removes it at once and for good.
    #[serde(default = "window::longest")]
    pub recovery_window: Span,
    /// Who beside those whom IAM policies of this account let read it may do so, in AWS's policy language; without
    /// `Resource`, which is this secret. Nobody can let everybody in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Policy>,
}

const CREATE: Call = Call::new("secretsmanager:CreateSecret", Class::Name);
const RULE: NameRule = NameRule { max: 200, extra: "-", lower: false };

impl Resource for Secret {
    const KIND: &'static str = "secret";
    const ABOUT: About = About {
        codes: check::CODES,
        outputs: &[
            Output { name: "name", ty: "string", doc: "the secret's name" },
            Output { name: "arn", ty: "string", doc: "the secret's ARN, by which programs ask for its value" },
        ],
        fixed: &["name"],
        discovery: Discovery::Prefix,
        tagger: &tags::SECRETS,
        terraform: "aws_secretsmanager_secret",
        calls: &[CREATE],
        name: Some(RULE),
        iam: &[
            "secretsmanager:CreateSecret",
            "secretsmanager:ListSecrets",
            "secretsmanager:DescribeSecret",
            "secretsmanager:UpdateSecret",
            "secretsmanager:RestoreSecret",
            "secretsmanager:GetResourcePolicy",
            "secretsmanager:PutResourcePolicy",
            "secretsmanager:DeleteResourcePolicy",
            "secretsmanager:TagResource",
            "secretsmanager:UntagResource",
            "secretsmanager:DeleteSecret",
        ],
        prices: "secrets-manager",
        defaults: &[
            ("description", DefaultValue::Nothing),
            ("kms_key", DefaultValue::Nothing),
            ("policy", DefaultValue::Nothing),
        ],
        durations: Some(Durations::quick(3, 3, 3)),
        gone: Gone::AtOnce,
        stand_in: r#"{}"#,
        ..About::new("A place for a secret in Secrets Manager, which somebody else fills")
    };

    fn summary(&self) -> String {
        let key = if self.kms_key.is_some() { "a key of its own" } else { "a key of AWS's" };
        format!("encrypted with {key}, filled by others")
    }

    fn check(&self, problems: &mut Vec<Problem>) {
        check::check(self, problems);
    }

    fn normalize(&mut self) {
        self.description.take_if(|text| text.is_empty());
        if let Some(policy) = &mut self.policy {
            policy.normalize();
        }
    }

    fn price(&self, ctx: &PriceContext<'_>) -> Vec<PriceLine> {
        service::secret(ctx)
    }

    async fn sweep(ctx: &SweepCtx) -> Result<Vec<Live<Self>>, Error> {
        named::sweep(ctx).await
    }

    async fn create(&self, ctx: &Ctx, _: Option<&Live<Self>>) -> Result<Id, Error> {
        let name = &self.name.clone().unwrap_or_else(|| ctx.name(&RULE, ""));
        let key = self.kms_key.as_ref().map(Field::get).transpose()?;
        named::create::<Self, _, _>(ctx, &CREATE, name, self, |attempt| async move {
            let tags = window::with(&attempt.tags, self.recovery_window);
            let mut input = json!({ "Name": name, "ClientRequestToken": attempt.token, "Tags": tags::pairs(&tags) });
            if let Some(text) = &self.description {
                input["Description"] = json!(text);
            }
            if let Some(key) = key {
                input["KmsKeyId"] = json!(key);
            }
            match ctx.aws.secretsmanager().once::<IgnoredAny>("CreateSecret", &input).await {
                Err(e) if restore::is_kept(&e) => restore::restore(ctx, name, &tags).await,
                done => done.map(drop),
            }
        })
        .await
    }

    async fn update(want: &Self, ctx: &Ctx, live: &Live<Self>, changes: &Changes) -> Result<(), Error> {
        let arn = live.outputs.get("arn").and_then(Value::as_str).unwrap_or(&live.id);
        let call = async |action, mut input: Value| {
            input["SecretId"] = json!(arn);
            ctx.aws.secretsmanager().call::<IgnoredAny>(action, &input).await.map(drop)
        };
        if changes.touches("description") || changes.touches("kms_key") {
            // An empty text takes away what was there.
            let key = want.kms_key.as_ref().map(Field::get).transpose()?.map_or("", String::as_str);
            let text = want.description.as_deref().unwrap_or_default();
            // AWS asks for one of who writes requests itself; it means something for values only.
            let token = format!("dlinfra-{}", mint(ctx.clock.now()));
            let mut input = json!({ "Description": text, "ClientRequestToken": token });
            // Who changes the key must be allowed to use both, so it is named only where it changes.
            if changes.touches("kms_key") {
                input["KmsKeyId"] = json!(key);
            }
            call("UpdateSecret", input).await?;
        }
        if changes.touches("recovery_window") {
            window::change(ctx, Self::ABOUT.tagger, arn, want.recovery_window).await?;
        }
        if !changes.touches("policy") {
            return Ok(());
        }
        let Some(policy) = &want.policy else { return gone(call("DeleteResourcePolicy", json!({})).await) };
        let document = policy.of_one("*").text();
        match call("PutResourcePolicy", json!({ "ResourcePolicy": document, "BlockPublicPolicy": true })).await {
            Err(e) => Err(policy.refused(ctx, e).await),
            done => done,
        }
    }

    async fn delete(ctx: &Ctx, live: &Live<Self>) -> Result<(), Error> {
        let mut input = json!({ "SecretId": live.outputs.get("arn") });
        match window::days(live.spec.recovery_window) {
            0 => input["ForceDeleteWithoutRecovery"] = json!(true),
            days => input["RecoveryWindowInDays"] = json!(days),
        }
        match gone(ctx.aws.secretsmanager().call::<IgnoredAny>("DeleteSecret", &input).await) {
            // By an earlier call whose answer was lost.
            Err(e) if restore::is_kept(&e) => Ok(()),
            done => done,
        }
    }

    async fn lookup(ctx: &SweepCtx, by: &Lookup) -> Result<Vec<Live<Self>>, Error> {
        named::lookup(ctx, by).await
    }
}

impl HoldsData for Secret {
    fn holds_data(&self) -> bool {
        true
    }

    /// Whether there is a value, and not what it is.
    async fn contents(ctx: &SweepCtx, live: &Live<Self>) -> Result<Option<String>, Error> {
        let found = Self::get(ctx, &live.id).await?;
        Ok(found.filter(read::Found::is_filled).map(|_| "a value that somebody filled in".to_owned()))
    }
}
