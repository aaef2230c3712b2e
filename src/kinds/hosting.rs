//! What endpoints and inference components of SageMaker share: models, log groups, how counts follow the load.
pub(crate) mod check;
pub(super) mod fields;
pub(super) mod found;
pub(super) mod models;
pub(super) mod parts;
pub(super) mod scaling;

use crate::{
    aws::tags::{self, Tags},
    resource::{Call, Class, NameRule},
};

pub(super) const MODEL: Call = Call::new("sagemaker:CreateModel", Class::Name);
pub(super) const LOGS: Call = Call::new("logs:CreateLogGroup", Class::Name);
// A put takes over whatever has the name, without a word.
pub(super) const WAKE: Call = Call::new("cloudwatch:PutMetricAlarm", Class::NameIdempotent);
pub(super) const RULE: NameRule = NameRule { max: 63, extra: "-", lower: true };

/// What the part tag of a model of a component begins with: models of endpoints have names of the same form.
pub(super) const COMPONENT_MODEL: &str = "component-model";

/// Is it a model that belongs to a component?
pub(super) fn is_of_component(found: &Tags) -> bool {
    found.get(tags::PART).is_some_and(|part| part.starts_with(COMPONENT_MODEL))
}
