//! Rules as AWS shows them, and how they are found by their names.
use super::{EventRule, RuleState, targets};
use crate::{
    address::Address,
    aws::{Error, optional, tags::Tags},
    call::SweepCtx,
    kinds::{
        document::Document,
        named::{self, Named},
    },
    resource::Live,
};
use serde::Deserialize;
use serde_json::json;

/// As ListRules and DescribeRule show it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::kinds) struct Found {
    name: String,
    arn: String,
    event_pattern: Option<String>,
    schedule_expression: Option<String>,
    state: String,
    description: Option<String>,
    /// The service of AWS that made it for itself.
    managed_by: Option<String>,
}

impl Named for EventRule {
    type Found = Found;
    const WHAT: &'static str = "the rule";

    fn legal(name: &str) -> bool {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        (1..=64).contains(&name.len()) && name.chars().all(plain)
    }

    fn name_in(id: &str) -> &str {
        id.rsplit('/').next().unwrap_or(id)
    }

    fn name(found: &Found) -> &str {
        &found.name
    }

    async fn list(ctx: &SweepCtx, prefix: &str) -> Result<Vec<Found>, Error> {
        let input = if prefix.is_empty() { json!({}) } else { json!({ "NamePrefix": prefix }) };
        let mut found: Vec<Found> = ctx.aws.events().pages("ListRules", input, ("Rules", "NextToken")).await?;
        // Services of AWS make rules for themselves, which are nobody's business.
        found.retain(|rule| rule.managed_by.is_none());
        Ok(found)
    }

    async fn get(ctx: &SweepCtx, name: &str) -> Result<Option<Found>, Error> {
        optional(ctx.aws.events().call("DescribeRule", &json!({ "Name": name })).await)
    }

    async fn tags(ctx: &SweepCtx, found: &Found) -> Result<Option<Tags>, Error> {
        named::tags_by_arn::<Self>(ctx, &found.arn).await
    }

    async fn live(ctx: &SweepCtx, found: Found, at: Address, tags: Tags) -> Result<Option<Live<Self>>, Error> {
        // A look by name or id shows them too.
        if found.managed_by.is_some() {
            return Ok(None);
        }
        let Some(targets) = optional(targets::list(ctx, &found.name).await)? else { return Ok(None) };
        let pattern = found.event_pattern.map(|text| Document::parse(&text, "the pattern of a rule")).transpose()?;
        let spec = Self {
            name: Some(found.name.clone()),
            description: found.description.filter(|text| !text.is_empty()),
            pattern,
            schedule: found.schedule_expression.filter(|text| !text.is_empty()),
            state: if found.state == "DISABLED" { RuleState::Disabled } else { RuleState::Enabled },
            targets,
        };
        let mut live = named::live(at, &found.name, found.arn, tags, spec);
        if !["ENABLED", "DISABLED"].contains(&found.state.as_str()) {
            live.novel.insert("state".to_owned(), found.state);
        }
        Ok(Some(live))
    }
}
