//! Which images of a repository go by themselves: the two usual rules, or a document of ECR's.
use crate::{aws::Error, kinds::document::Document, spec, units::Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fmt;

/// Which images go by themselves, within a day.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lifecycle {
    /// Images without a tag go this many days after they were pushed, such as `14d`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untagged: Option<Span>,
    /// Only so many images are kept, the newest ones, whether they have a tag or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<u32>,
    /// A lifecycle policy with AWS's own keys (`rules`), instead of the two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<Document>,
}

impl fmt::Display for Lifecycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.untagged, self.keep) {
            (Some(age), Some(most)) => write!(f, "untagged images kept {age}, {most} images in all"),
            (Some(age), None) => write!(f, "untagged images kept {age}"),
            (None, Some(most)) => write!(f, "{most} images kept"),
            (None, None) => f.write_str("a lifecycle policy of its own"),
        }
    }
}

impl Lifecycle {
    /// As ECR takes it.
    pub(super) fn text(&self) -> String {
        self.document.as_ref().map_or_else(|| spec::canonical(&json!({ "rules": self.rules() })), Document::text)
    }

    /// As ECR returns it.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let document = Document::parse(text, "a lifecycle policy")?;
        let mut out = Self { document: Some(document), ..Self::default() };
        out.normalize();
        Ok(out)
    }

    /// The rules of the two fields. ECR wants the rule for any image behind all others.
    fn rules(&self) -> Vec<Value> {
        let untagged = self.untagged.and_then(Span::whole_days).map(|days| {
            json!({
                "tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": days,
            })
        });
        let keep =
            self.keep.map(|most| json!({ "tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": most }));
        let rule = |(at, selection): (usize, Value)| json!({ "rulePriority": at + 1, "selection": selection, "action": { "type": "expire" } });
        untagged.into_iter().chain(keep).enumerate().map(rule).collect()
    }

    /// Rules in the order of their priority; a document that says what the two fields can say is written in them.
    pub(super) fn normalize(&mut self) {
        let Some(document) = self.document.as_mut().filter(|document| document.is_known()) else { return };
        let Some(Value::Array(rules)) = document.0.get_mut("rules") else { return };
        rules.sort_by_key(|rule| rule["rulePriority"].as_u64());
        let count = |status: &str| {
            let rule = rules.iter().find(|rule| rule["selection"]["tagStatus"] == status);
            rule.and_then(|rule| rule["selection"]["countNumber"].as_u64())
        };
        let said = Self {
            untagged: count("untagged").map(|days| Span::from_hours(days.saturating_mul(24))),
            keep: count("any").and_then(|most| most.try_into().ok()),
            document: None,
        };
        if self.untagged.is_none() && self.keep.is_none() && !rules.is_empty() && said.rules() == *rules {
            *self = said;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usual() -> Lifecycle {
        Lifecycle { untagged: Some(Span::from_hours(14 * 24)), keep: Some(100), document: None }
    }

    #[test]
    fn the_usual_rules_are_read_back_as_they_were_written() {
        let both = usual();
        let one = Lifecycle { untagged: None, ..both.clone() };
        for lifecycle in [both.clone(), one, Lifecycle { keep: None, ..both }] {
            let text = lifecycle.text();
            // ECR takes 100 characters and more.
            assert!(text.len() >= 100, "{text}");
            assert_eq!(Lifecycle::parse(&text).unwrap(), lifecycle);
        }
    }

    #[test]
    fn what_the_fields_cannot_say_stays_a_document() {
        let mut rules = usual().rules();
        rules[0]["description"] = json!("old ones");
        rules.reverse();
        let read = Lifecycle::parse(&json!({ "rules": rules }).to_string()).unwrap();
        assert_eq!((read.untagged, read.keep), (None, None));
        assert_eq!(read.document.unwrap().0["rules"][0]["rulePriority"], 1);
    }
}
