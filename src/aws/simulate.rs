//! What policies allow, asked of IAM before it matters.
use super::{Aws, Error};
use aws_sdk_iam::types::{ContextEntry, ContextKeyTypeEnum, PolicyEvaluationDecisionType};
use std::collections::BTreeSet;

/// A question to IAM: may a role do this?
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// The role's ARN.
    pub role: &'a str,
    /// `ec2:DeleteVpc`.
    pub actions: &'a [String],
    /// The ARNs that it is about; empty = any.
    pub resources: &'a [String],
    /// Keys of conditions with the values that a request would have.
    pub context: &'a [(String, String)],
}

impl Aws {
    /// The actions that IAM would refuse, by the role's policies, its boundary and those of the organisation.
    ///
    /// # Errors
    /// Whatever IAM answers.
    pub async fn refused(&self, ask: &Question<'_>) -> Result<BTreeSet<String>, Error> {
        if ask.actions.is_empty() {
            return Ok(BTreeSet::new());
        }
        let context: Vec<ContextEntry> = ask
            .context
            .iter()
            .map(|(key, value)| {
                let entry = ContextEntry::builder().context_key_name(key).context_key_values(value);
                entry.context_key_type(ContextKeyTypeEnum::String).build()
            })
            .collect();
        let (mut out, mut marker) = (BTreeSet::new(), None);
        loop {
            let call = self.iam().simulate_principal_policy().policy_source_arn(ask.role);
            let call = call.set_action_names(Some(ask.actions.to_vec())).set_context_entries(Some(context.clone()));
            let resources = (!ask.resources.is_empty()).then(|| ask.resources.to_vec());
            let told = call.set_resource_arns(resources).set_marker(marker).send().await?;
            for result in told.evaluation_results() {
                if result.eval_decision != PolicyEvaluationDecisionType::Allowed {
                    out.insert(result.eval_action_name.clone());
                }
            }
            match told.marker.filter(|_| told.is_truncated) {
                Some(next) => marker = Some(next),
                None => return Ok(out),
            }
        }
    }
}
