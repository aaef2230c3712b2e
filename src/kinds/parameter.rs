//! parameter: a plain value in Parameter Store, which programs and machines read by its name.
mod check;
mod read;

use crate::{
    aws::{Error, gone, tags},
    call::{Ctx, SweepCtx},
    field::Field,
    kinds::named,
    price::{PriceContext, PriceLine, service},
    resource::{
        About, Call, Changes, Class, Compares, DefaultValue, Discovery, Durations, Gone, Id, Live, Lookup, NameRule,
        Output, Problem, Resource,
    },
    spec::Difference,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::{Value, json};

/// A parameter of Systems Manager's Parameter Store. It is no secret: its value stands in the blueprint, in plans and in
/// the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// Its name, such as `/train/learning-rate`; without one, the stack's and its own with ten characters more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its value, up to 4 KB; 8 KB in the tier `advanced`. Of a `string-list`, words with commas between them.
    pub value: Field<String>,
    /// Text, or a list of words.
    #[serde(default)]
    pub r#type: ParameterType,
    /// `advanced` takes larger values and costs money by the month. AWS lets nobody go back to `standard`: the parameter is
    /// replaced for that.
    #[serde(default)]
    pub tier: Tier,
    /// What the value is: `aws:ec2:image` is the id of a machine image that the account may use. AWS looks at it a moment
    /// after it has taken the value, and drops what is no such image.
    #[serde(default)]
    pub data_type: DataType,
    /// A regular expression that every value must match, whoever writes it: `^[0-9.]+$`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_pattern: Option<String>,
    /// What it is for, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// What a value is made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ParameterType {
    /// A text.
    #[default]
    String,
    /// Words with commas between them.
    StringList,
    /// Not taken: a value that is in a blueprint is no secret. The kind `secret` makes a place for one.
    SecureString,
}

impl ParameterType {
    const ALL: [(Self, &str); 3] =
        [(Self::String, "String"), (Self::StringList, "StringList"), (Self::SecureString, "SecureString")];
}

/// What a parameter can hold, and what it costs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// Up to 4 KB, for nothing.
    #[default]
    Standard,
    /// Up to 8 KB.
    Advanced,
}

impl Tier {
    const ALL: [(Self, &str); 2] = [(Self::Standard, "Standard"), (Self::Advanced, "Advanced")];
}

/// What AWS makes sure of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DataType {
    /// Nothing.
    #[default]
    #[serde(rename = "text")]
    Text,
    /// That it is the id of a machine image.
    #[serde(rename = "aws:ec2:image")]
    Image,
}

impl DataType {
    const ALL: [(Self, &str); 2] = [(Self::Text, "text"), (Self::Image, "aws:ec2:image")];
}

/// AWS's word for something.
fn word<T: PartialEq>(all: &[(T, &'static str)], it: &T) -> &'static str {
    all.iter().find(|(known, _)| known == it).map_or("", |(_, word)| word)
}

const CREATE: Call = Call::new("ssm:PutParameter", Class::Name);
const RULE: NameRule = NameRule { max: 512, extra: "-", lower: false };

impl Parameter {
    /// What a change says too. AWS keeps what it is not told, so that what is not wanted is taken away by an empty text.
    fn input(&self, name: &str) -> Result<Value, Error> {
        Ok(json!({
            "Name": name, "Value": self.value.get()?, "Type": word(&ParameterType::ALL, &self.r#type),
            "Tier": word(&Tier::ALL, &self.tier), "AllowedPattern": self.allowed_pattern.as_deref().unwrap_or_default(),
            "Description": self.description.as_deref().unwrap_or_default(),
        }))
    }
}

impl Resource for Parameter {
    const KIND: &'static str = "parameter";
    const ABOUT: About = About {
        codes: check::CODES,
        outputs: &[
            Output { name: "name", ty: "string", doc: "the parameter's name" },
            Output { name: "arn", ty: "string", doc: "the parameter's ARN" },
        ],
        // AWS refuses another type under the same name (errors of PutParameter).
        fixed: &["name", "type", "data_type"],
        discovery: Discovery::Prefix,
        tagger: &tags::PARAMETERS,
        terraform: "aws_ssm_parameter",
        calls: &[CREATE],
        name: Some(RULE),
        iam: &[
            "ssm:PutParameter",
            "ssm:DescribeParameters",
            "ssm:GetParameter",
            "ssm:ListTagsForResource",
            "ssm:AddTagsToResource",
            "ssm:RemoveTagsFromResource",
            "ssm:DeleteParameter",
        ],
        defaults: &[("allowed_pattern", DefaultValue::Nothing), ("description", DefaultValue::Nothing)],
        durations: Some(Durations::quick(2, 2, 2)),
        gone: Gone::AtOnce,
        stand_in: r#"{"value":"stand-in"}"#,
        ..About::new("A plain value in Parameter Store, which programs and machines read by its name")
    };

    fn summary(&self) -> String {
        let advanced = if self.tier == Tier::Advanced { ", advanced" } else { "" };
        match self.value.known() {
            Some(value) if value.chars().count() <= 40 && !value.contains('\n') => format!("`{value}`{advanced}"),
            Some(value) => format!("{} bytes{advanced}", value.len()),
            None => format!("{}{advanced}", self.value),
        }
    }

    fn check(&self, problems: &mut Vec<Problem>) {
        check::check(self, problems);
    }

    /// An empty text says nothing.
    fn normalize(&mut self) {
        self.allowed_pattern.take_if(|pattern| pattern.is_empty());
        self.description.take_if(|text| text.is_empty());
    }

    fn price(&self, ctx: &PriceContext<'_>) -> Vec<PriceLine> {
        if self.tier == Tier::Advanced { vec![service::advanced_parameter(ctx)] } else { Vec::new() }
    }

    async fn sweep(ctx: &SweepCtx) -> Result<Vec<Live<Self>>, Error> {
        named::sweep(ctx).await
    }

    async fn create(&self, ctx: &Ctx, _: Option<&Live<Self>>) -> Result<Id, Error> {
        let name = &self.name.clone().unwrap_or_else(|| ctx.name(&RULE, ""));
        let mut input = self.input(name)?;
        input["DataType"] = json!(word(&DataType::ALL, &self.data_type));
        let input = &input;
        named::create::<Self, _, _>(ctx, &CREATE, name, self, |attempt| async move {
            let mut input = input.clone();
            input["Tags"] = tags::pairs(&attempt.tags);
            ctx.aws.ssm().once::<IgnoredAny>("PutParameter", &input).await.map(drop)
        })
        .await
    }

    async fn update(want: &Self, ctx: &Ctx, live: &Live<Self>, _: &Changes) -> Result<(), Error> {
        let mut input = want.input(&live.id)?;
        // AWS takes tags with a new parameter only.
        input["Overwrite"] = json!(true);
        ctx.aws.ssm().call::<IgnoredAny>("PutParameter", &input).await.map(drop)
    }

    async fn delete(ctx: &Ctx, live: &Live<Self>) -> Result<(), Error> {
        gone(ctx.aws.ssm().call::<IgnoredAny>("DeleteParameter", &json!({ "Name": live.id })).await)
    }

    async fn lookup(ctx: &SweepCtx, by: &Lookup) -> Result<Vec<Live<Self>>, Error> {
        named::lookup(ctx, by).await
    }
}

impl Compares for Parameter {
    fn must_replace(&self, change: &Difference) -> bool {
        change.path == "tier" && self.tier == Tier::Advanced
    }
}
