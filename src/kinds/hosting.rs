//! What endpoints and inference components of SageMaker share: models, log groups, how counts follow the load.
pub(crate) mod check;
pub(super) mod fields;
pub(super) mod found;
pub(super) mod models;
pub(super) mod parts;
pub(super) mod runtime;
pub(super) mod scaling;
pub(super) mod schedule;
pub(super) mod watches;

use crate::{
    aws::tags::{self, Tags},
    resource::{Call, Class, NameRule},
};

pub(super) const MODEL: Call = Call::new("sagemaker:CreateModel", Class::Name);
pub(super) const LOGS: Call = Call::new("logs:CreateLogGroup", Class::Name);
// A put takes over whatever has the name, without a word.
pub(super) const WAKE: Call = Call::new("cloudwatch:PutMetricAlarm", Class::NameIdempotent);
pub(super) const RULE: NameRule = NameRule { max: 63, extra: "-", lower: true };

/// What both are allowed for models, logs, scaling and those who ask them.
const ACTIONS: [&str; 38] = [
    "sagemaker:CreateModel",
    "sagemaker:DescribeModel",
    "sagemaker:ListModels",
    "sagemaker:DeleteModel",
    "sagemaker:ListInferenceComponents",
    "sagemaker:AddTags",
    "sagemaker:DeleteTags",
    "sagemaker:ListTags",
    "application-autoscaling:RegisterScalableTarget",
    "application-autoscaling:DescribeScalableTargets",
    "application-autoscaling:DeregisterScalableTarget",
    "application-autoscaling:PutScalingPolicy",
    "application-autoscaling:DescribeScalingPolicies",
    "application-autoscaling:DeleteScalingPolicy",
    "application-autoscaling:PutScheduledAction",
    "application-autoscaling:DescribeScheduledActions",
    "application-autoscaling:DeleteScheduledAction",
    "application-autoscaling:TagResource",
    "cloudwatch:PutMetricAlarm",
    "cloudwatch:DescribeAlarms",
    "cloudwatch:DeleteAlarms",
    "cloudwatch:ListTagsForResource",
    "cloudwatch:TagResource",
    "cloudwatch:UntagResource",
    "sagemaker:InvokeEndpoint",
    "iam:CreateServiceLinkedRole",
    "iam:GetRole",
    "iam:PassRole",
    "logs:CreateLogGroup",
    "logs:DescribeLogGroups",
    "logs:PutRetentionPolicy",
    "logs:DeleteLogGroup",
    "logs:DescribeLogStreams",
    "logs:GetLogEvents",
    "logs:FilterLogEvents",
    "logs:ListTagsForResource",
    "logs:TagResource",
    "logs:UntagResource",
];

/// The actions of a kind: its own, and what both need.
pub(super) const fn actions<const N: usize>(own: &[&'static str]) -> [&'static str; N] {
    assert!(own.len() + ACTIONS.len() == N, "as many as there are");
    let mut out = [""; N];
    let mut i = 0;
    while i < N {
        out[i] = if i < own.len() { own[i] } else { ACTIONS[i - own.len()] };
        i += 1;
    }
    out
}

/// What the part tag of a model of a component begins with: models of endpoints have names of the same form.
pub(super) const COMPONENT_MODEL: &str = "component-model";

/// Is it a model that belongs to a component?
pub(super) fn is_of_component(found: &Tags) -> bool {
    found.get(tags::PART).is_some_and(|part| part.starts_with(COMPONENT_MODEL))
}
