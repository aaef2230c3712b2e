//! function: code that Lambda runs when somebody calls it.
pub(crate) mod archive;
mod check;
mod wire;

use super::{iam_role::IamRole, log_group::LogGroup, named};
use crate::{
    aws::{Error, gone, json::rest::Rest, tags},
    call::{Ctx, SweepCtx},
    field::{Field, Ref},
    kinds::hosting,
    price::{PriceContext, PriceLine, service},
    resource::{
        About, Call, Changes, Class, Compares, DefaultValue, Discovery, Durations, Gone, Id, Live, Lookup, NameRule,
        Output, Problem, Quota, Resource,
    },
    spec,
    units::{Size, Span},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A Lambda function: a short one whose source stands here, or one whose code is an archive in a bucket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Function {
    /// Its name; without one, the stack's and its own with ten characters more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it does, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its source, for a short function in Python or Node.js: a module `index` with a function `handler`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Where its code lies, if it is not `source`. Lambda copies it from there, so that the object may go later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// The SHA-256 of the archive in hexadecimal, as `sha256sum` prints it: what tells whether the code has changed. That
    /// of `source` is known without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Field<String>>,
    /// What runs it: `python3.13`, `nodejs22.x`, or `provided.al2023` for a program of your own called `bootstrap`.
    pub runtime: String,
    /// What is called in it (`train.start`): `index.handler` of `source`, otherwise `bootstrap`, which a program of your
    /// own need not heed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handler: Option<String>,
    /// The processors that it is built for.
    #[serde(default)]
    pub architecture: Architecture,
    /// The role that it has: it must trust `lambda.amazonaws.com`, and may write its log.
    pub role: Ref<IamRole>,
    /// The log group that it writes to, which may have the name that Lambda would give one (`/aws/lambda/NAME`). Without
    /// one, Lambda makes that itself, it keeps everything for ever, and it outlives the stack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_group: Option<Ref<LogGroup>>,
    /// Its memory: 128 MiB to 10240 MiB. A processor comes with each 1769 MiB.
    #[serde(default = "small")]
    pub memory: Size,
    /// How long a call may take: 1s to 15m.
    #[serde(default = "short")]
    pub timeout: Span,
    /// Variables of its environment. Whoever may look at the function reads them, so a secret does not belong here.
    #[serde(default)]
    pub environment: BTreeMap<String, Field<String>>,
}

/// An archive in a bucket of the function's region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Code {
    /// The bucket's name.
    pub bucket: Field<String>,
    /// The key of the archive, a zip.
    pub key: Field<String>,
}

/// Processors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Architecture {
    /// Of Intel and AMD.
    #[default]
    #[serde(rename = "x86-64")]
    X86,
    /// Of AWS, Graviton.
    #[serde(rename = "arm64")]
    Arm,
}

fn small() -> Size {
    Size::from_bytes(128 << 20)
}
fn short() -> Span {
    Span::from_seconds(3)
}

const CREATE: Call = Call::new("lambda:CreateFunction", Class::Name);
const RULE: NameRule = NameRule { max: 64, extra: "-", lower: false };

impl Resource for Function {
    const KIND: &'static str = "function";
    const ABOUT: About = About {
        codes: check::CODES,
        outputs: &[
            Output { name: "name", ty: "string", doc: "the function's name" },
            Output { name: "arn", ty: "string", doc: "the function's ARN, by which others call it" },
        ],
        fixed: &["name"],
        local: &["code", "source"],
        discovery: Discovery::Prefix,
        tagger: &tags::FUNCTIONS,
        terraform: "aws_lambda_function",
        calls: &[CREATE],
        name: Some(RULE),
        iam: &[
            "lambda:CreateFunction",
            "lambda:GetFunction",
            "lambda:ListFunctions",
            "lambda:UpdateFunctionCode",
            "lambda:UpdateFunctionConfiguration",
            "lambda:DeleteFunction",
            "lambda:ListTags",
            "lambda:TagResource",
            "lambda:UntagResource",
            "iam:GetRole",
            "iam:PassRole",
            "s3:GetObject",
        ],
        quotas: &[Quota { code: "L-2ACBD22F", name: "Function and layer storage" }],
        prices: "lambda",
        defaults: &[
            ("description", DefaultValue::Nothing),
            ("environment", DefaultValue::Other(|| json!({}))),
            ("log_group", DefaultValue::Nothing),
        ],
        durations: Some(Durations::quick(8, 6, 2)),
        gone: Gone::AtOnce,
        ..About::new("A Lambda function: code that runs when somebody calls it")
    };

    fn summary(&self) -> String {
        format!("{}, {}, up to {}", self.runtime, self.memory.rough(), self.timeout)
    }

    fn check(&self, problems: &mut Vec<Problem>) {
        check::check(self, problems);
    }

    fn normalize(&mut self) {
        if let Some(bytes) = self.source.as_ref().and_then(|_| wire::archive(self)) {
            self.sha256 = Some(Field::Known(spec::sha256(&bytes)));
        }
        let usual = if self.source.is_some() { "index.handler" } else { "bootstrap" };
        self.handler.get_or_insert_with(|| usual.to_owned());
    }

    fn price(&self, ctx: &PriceContext<'_>) -> Vec<PriceLine> {
        service::function(ctx, self.memory, self.architecture == Architecture::Arm)
    }

    async fn sweep(ctx: &SweepCtx) -> Result<Vec<Live<Self>>, Error> {
        named::sweep(ctx).await
    }

    async fn create(&self, ctx: &Ctx, _: Option<&Live<Self>>) -> Result<Id, Error> {
        let name = &self.name.clone().unwrap_or_else(|| ctx.name(&RULE, ""));
        let role = hosting::parts::role_arn(ctx, self.role.id()?).await?;
        let mut input = wire::configuration(self, &role)?;
        input["FunctionName"] = json!(name);
        input["PackageType"] = json!("Zip");
        input["Code"] = wire::code(self)?;
        input["Architectures"] = json!([wire::architecture(self.architecture)]);
        let input = &input;
        named::create::<Self, _, _>(ctx, &CREATE, name, self, |attempt| async move {
            let mut input = input.clone();
            input["Tags"] = json!(attempt.tags);
            let ask = Rest::post("/2015-03-31/functions", input);
            ctx.aws.lambda().rest_once::<IgnoredAny>("CreateFunction", ask).await.map(drop)
        })
        .await
    }

    /// One change at a time: Lambda takes no second one before it has settled the first.
    async fn update(want: &Self, ctx: &Ctx, live: &Live<Self>, changes: &Changes) -> Result<(), Error> {
        if changes.touches("sha256") || changes.touches("architecture") {
            let mut input = wire::code(want)?;
            input["Architectures"] = json!([wire::architecture(want.architecture)]);
            let ask = Rest::put(wire::path(&live.id, "/code"), input);
            return ctx.aws.lambda().rest::<IgnoredAny>("UpdateFunctionCode", ask).await.map(drop);
        }
        let role = hosting::parts::role_arn(ctx, want.role.id()?).await?;
        let mut input = wire::configuration(want, &role)?;
        if changes.touches("log_group") && want.log_group.is_none() {
            input["LoggingConfig"] = json!({ "LogGroup": wire::own_group(&live.id) });
        }
        let ask = Rest::put(wire::path(&live.id, "/configuration"), input);
        ctx.aws.lambda().rest::<IgnoredAny>("UpdateFunctionConfiguration", ask).await.map(drop)
    }

    async fn delete(ctx: &Ctx, live: &Live<Self>) -> Result<(), Error> {
        let ask = Rest::delete(wire::path(&live.id, ""));
        gone(ctx.aws.lambda().rest::<IgnoredAny>("DeleteFunction", ask).await.map(drop))
    }

    async fn lookup(ctx: &SweepCtx, by: &Lookup) -> Result<Vec<Live<Self>>, Error> {
        named::lookup(ctx, by).await
    }
}

impl Compares for Function {
    /// Without a log group it writes to its own.
    fn accept(want: &Value, found: &Value) -> Option<Value> {
        let own = json!({ "$id": wire::own_group(found.get("name")?.as_str()?) });
        let same = want.get("log_group").is_none_or(Value::is_null) && found.get("log_group") == Some(&own);
        let mut seen = found.as_object().filter(|_| same)?.clone();
        seen.remove("log_group");
        Some(Value::Object(seen))
    }
}
