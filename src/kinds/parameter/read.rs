//! Parameters as AWS shows them, and how they are found by their names. The value of a secret one is never asked for.
use super::{DataType, Parameter, ParameterType, Tier};
use crate::{
    address::Address,
    aws::{Error, ErrorClass, optional, tags::Tags},
    call::SweepCtx,
    field::Field,
    kinds::named::{self, Named},
    resource::{Live, Resource},
};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

/// As DescribeParameters shows it: everything but the value.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::kinds) struct Found {
    name: String,
    r#type: String,
    last_modified_date: Option<f64>,
    description: Option<String>,
    allowed_pattern: Option<String>,
    tier: Option<String>,
    data_type: Option<String>,
    #[serde(default)]
    version: u64,
}

/// How many characters of an ARN stand before a name, at most: `arn:aws-us-gov:ssm:us-gov-west-1:111122223333:parameter`.
const BEFORE: usize = 60;

/// What AWS's word stands for; the first of all where nobody here knows it, and then the word.
fn known<T: Copy>(all: &[(T, &str)], word: &str) -> (T, Option<String>) {
    let found = all.iter().find(|(_, known)| *known == word);
    (found.map_or(all[0].0, |(it, _)| *it), found.is_none().then(|| word.to_owned()))
}

impl Named for Parameter {
    type Found = Found;
    const WHAT: &'static str = "the parameter";

    fn legal(name: &str) -> bool {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        let words = name.strip_prefix('/').unwrap_or(name);
        let whole = name.starts_with('/') || !name.contains('/');
        whole
            && name.len() <= 1011 - BEFORE
            && words.split('/').count() <= 15
            && words.split('/').all(|word| !word.is_empty() && word.chars().all(plain))
    }

    /// The ARN of a name without `/` has one all the same.
    fn name_in(id: &str) -> &str {
        let name = id.split_once(":parameter").map_or(id, |(_, name)| name);
        let alone = name.strip_prefix('/').filter(|rest| name.len() < id.len() && !rest.contains('/'));
        alone.unwrap_or(name)
    }

    fn name(found: &Found) -> &str {
        &found.name
    }

    async fn list(ctx: &SweepCtx, prefix: &str) -> Result<Vec<Found>, Error> {
        let mut input = json!({ "MaxResults": 50 });
        if !prefix.is_empty() {
            input["ParameterFilters"] = json!([{ "Key": "Name", "Option": "BeginsWith", "Values": [prefix] }]);
        }
        ctx.aws.ssm().pages("DescribeParameters", input, ("Parameters", "NextToken")).await
    }

    async fn get(ctx: &SweepCtx, name: &str) -> Result<Option<Found>, Error> {
        let filter = json!({ "Key": "Name", "Option": "Equals", "Values": [name] });
        let input = json!({ "ParameterFilters": [filter] });
        let found: Vec<Found> = ctx.aws.ssm().pages("DescribeParameters", input, ("Parameters", "NextToken")).await?;
        Ok(found.into_iter().find(|it| it.name == name))
    }

    async fn tags(ctx: &SweepCtx, found: &Found) -> Result<Option<Tags>, Error> {
        let name = found.name.clone();
        let read = Self::ABOUT.tagger.read(&ctx.aws, std::slice::from_ref(&name)).await;
        Ok(optional(read)?.and_then(|mut all| all.remove(&name)))
    }

    async fn live(ctx: &SweepCtx, found: Found, at: Address, tags: Tags) -> Result<Option<Live<Self>>, Error> {
        let name = &found.name;
        let mut novel = Vec::new();
        let (r#type, other) = known(&ParameterType::ALL, &found.r#type);
        novel.extend(other.map(|word| ("type", word)));
        let (tier, other) = known(&Tier::ALL, found.tier.as_deref().unwrap_or("Standard"));
        novel.extend(other.map(|word| ("tier", word)));
        let (data_type, other) = known(&DataType::ALL, found.data_type.as_deref().unwrap_or("text"));
        novel.extend(other.map(|word| ("data_type", word)));
        let mut value = String::new();
        if r#type != ParameterType::SecureString {
            match optional(ctx.aws.ssm().call::<Value>("GetParameter", &json!({ "Name": name })).await) {
                Ok(Some(told)) => told["Parameter"]["Value"].as_str().unwrap_or_default().clone_into(&mut value),
                Ok(None) => return Ok(None),
                // Who may remove parameters need not read them.
                Err(e) if e.class == ErrorClass::Denied => novel.push(("value", "not readable".to_owned())),
                Err(e) => return Err(e),
            }
        }
        let spec = Self {
            name: Some(name.clone()),
            value: Field::Known(value),
            r#type,
            tier,
            data_type,
            allowed_pattern: found.allowed_pattern,
            description: found.description,
        };
        let mut live = named::live(at, name, arn(ctx, name), tags, spec);
        live.novel.extend(novel.into_iter().map(|(field, word)| (field.to_owned(), word)));
        // AWS shows when it was changed last, which of the first version is when it was made.
        let made = found.last_modified_date.filter(|_| found.version == 1);
        live.created = made.and_then(|at| Timestamp::from_millisecond((at * 1000.0) as i64).ok());
        Ok(Some(live))
    }
}

fn arn(ctx: &SweepCtx, name: &str) -> String {
    let (partition, region, account) = (&ctx.scope.partition, &ctx.scope.region, &ctx.scope.account);
    format!("arn:{partition}:ssm:{region}:{account}:parameter/{}", name.trim_start_matches('/'))
}
