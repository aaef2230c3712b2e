//! Secrets as AWS describes them, which is everything but their values, and how they are found by their names.
use super::Secret;
use crate::{
    address::Address,
    aws::{
        Error, optional,
        tags::{self, Tags},
    },
    call::SweepCtx,
    field::Field,
    kinds::{
        named::{self, Named},
        policy::Policy,
        window,
    },
    resource::Live,
};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// As DescribeSecret and ListSecrets show it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::kinds) struct Found {
    #[serde(rename = "ARN")]
    arn: String,
    name: String,
    description: Option<String>,
    kms_key_id: Option<String>,
    created_date: Option<f64>,
    deleted_date: Option<f64>,
    /// Ids of values.
    #[serde(default, alias = "SecretVersionsToStages")]
    version_ids_to_stages: Map<String, Value>,
    #[serde(default, rename = "Tags")]
    listed_tags: Value,
    #[serde(skip)]
    tags: Tags,
}

impl Found {
    fn new(told: Value) -> Result<Self, Error> {
        let mut found: Self = serde_json::from_value(told).map_err(|_| Error::missing("the secret's ARN and name"))?;
        found.tags = tags::of_pairs(&found.listed_tags);
        Ok(found)
    }

    pub(super) fn arn(&self) -> &str {
        &self.arn
    }

    pub(super) fn all_tags(&self) -> &Tags {
        &self.tags
    }

    pub(super) fn is_filled(&self) -> bool {
        !self.version_ids_to_stages.is_empty()
    }

    /// Was it removed? AWS's words leave open whether the date is that of the request or that of the end.
    pub(super) fn is_removed(&self) -> bool {
        self.deleted_date.is_some()
    }
}

fn time(at: f64) -> Option<Timestamp> {
    Timestamp::from_millisecond((at * 1000.0) as i64).ok()
}

/// Says of a secret of ours that AWS keeps it. What is removed at once is not kept.
fn kept(ctx: &SweepCtx, found: &Found) {
    let days = window::days(window::of(&found.tags));
    if ctx.takes(&found.tags) && days > 0 {
        let name = &found.name;
        ctx.kept.say(format!(
            "Secrets Manager keeps the secret {name} for {days} days after its removal; `aws secretsmanager restore-secret \
             --secret-id {name}` brings it back, and so does another apply"
        ));
    }
}

impl Named for Secret {
    type Found = Found;
    const WHAT: &'static str = "the secret";

    fn legal(name: &str) -> bool {
        let plain = |c: char| c.is_ascii_alphanumeric() || "/_+=.@-".contains(c);
        (1..=512).contains(&name.len()) && name.chars().all(plain)
    }

    /// Six characters of AWS's stand behind the name in an ARN.
    fn name_in(id: &str) -> &str {
        let Some((_, tail)) = id.split_once(":secret:") else { return id };
        let end = tail.len().saturating_sub(7);
        tail.split_at_checked(end).filter(|(_, end)| end.starts_with('-')).map_or(tail, |(name, _)| name)
    }

    fn name(found: &Found) -> &str {
        &found.name
    }

    async fn list(ctx: &SweepCtx, prefix: &str) -> Result<Vec<Found>, Error> {
        let mut input = json!({ "MaxResults": 100, "IncludePlannedDeletion": true });
        if !prefix.is_empty() {
            input["Filters"] = json!([{ "Key": "name", "Values": [prefix] }]);
        }
        let all: Vec<Value> = ctx.aws.secretsmanager().pages("ListSecrets", input, ("SecretList", "NextToken")).await?;
        all.into_iter().map(Found::new).collect()
    }

    async fn get(ctx: &SweepCtx, name: &str) -> Result<Option<Found>, Error> {
        let told = ctx.aws.secretsmanager().call("DescribeSecret", &json!({ "SecretId": name })).await;
        optional(told)?.map(Found::new).transpose()
    }

    /// A secret that AWS only keeps until its time is over counts as gone.
    async fn tags(ctx: &SweepCtx, found: &Found) -> Result<Option<Tags>, Error> {
        if found.is_removed() {
            kept(ctx, found);
            return Ok(None);
        }
        Ok(Some(found.tags.clone()))
    }

    async fn live(ctx: &SweepCtx, found: Found, at: Address, tags: Tags) -> Result<Option<Live<Self>>, Error> {
        // A list may be minutes old.
        let Some(found) = Self::get(ctx, &found.arn).await? else { return Ok(None) };
        if found.is_removed() {
            kept(ctx, &found);
            return Ok(None);
        }
        let asked = json!({ "SecretId": found.arn });
        let told: Option<Value> = optional(ctx.aws.secretsmanager().call("GetResourcePolicy", &asked).await)?;
        let Some(told) = told else { return Ok(None) };
        let mut policy = told["ResourcePolicy"].as_str().map(Policy::parse).transpose()?;
        if let Some(policy) = &mut policy {
            policy.leave_out_one("*");
            policy.leave_out_one(&found.arn);
        }
        let spec = Self {
            name: Some(found.name.clone()),
            description: found.description.clone().filter(|text| !text.is_empty()),
            kms_key: found.kms_key_id.clone().map(Field::Known),
            recovery_window: window::of(&tags),
            policy,
        };
        let mut live = named::live(at, &found.name, found.arn.clone(), tags, spec);
        live.created = found.created_date.and_then(time);
        live.now = Some(if found.is_filled() { "has a value" } else { "has no value yet" }.to_owned());
        Ok(Some(live))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_arns() {
        let arn = |tail: &str| format!("arn:aws:secretsmanager:us-east-1:111122223333:secret:{tail}");
        assert_eq!(Secret::name_in(&arn("train/wandb-AbCdEf")), "train/wandb");
        assert_eq!(Secret::name_in(&arn("a-b-AbCdEf")), "a-b");
        assert_eq!(Secret::name_in("train/wandb-AbCdEf"), "train/wandb-AbCdEf");
        assert_eq!(Secret::name_in(&arn("short")), "short");
    }
}
