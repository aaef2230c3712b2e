//! Lifecycle rules of a bucket, to AWS's form and back.
use super::built;
use crate::{aws::Error, spec, units::Span};
use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, ExpirationStatus, LifecycleExpiration, LifecycleRule as Rule, LifecycleRuleFilter,
    NoncurrentVersionExpiration, TransitionStorageClass,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What happens to objects as they grow old.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LifecycleRule {
    /// Only objects whose key starts with this; empty = all.
    #[serde(default)]
    pub prefix: String,
    /// Deletes objects after this many days (with versioning they become old versions).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expire: Option<Span>,
    /// Deletes versions this many days after they were overwritten or deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expire_noncurrent: Option<Span>,
    /// Keeps this many old versions whatever their age, 1 to 100; needs `expire_noncurrent`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_noncurrent: Option<u32>,
    /// Moves objects to cheaper storage.
    #[serde(default)]
    pub transitions: Vec<Transition>,
    // A rule that was made elsewhere and that the fields above cannot say: it shows as a difference and is replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    #[doc(hidden)]
    pub foreign: Option<String>,
}

/// A move to cheaper storage.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Transition {
    /// After this many days.
    pub after: Span,
    /// Where to.
    pub class: StorageClass,
}

/// S3's storage classes that objects can be moved to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StorageClass {
    /// Infrequent access, several zones.
    StandardIa,
    /// Infrequent access, one zone.
    OnezoneIa,
    /// S3 moves each object by how it is used.
    IntelligentTiering,
    /// Archive, read at once.
    GlacierIr,
    /// Archive, read within minutes to hours.
    Glacier,
    /// Archive, read within half a day.
    DeepArchive,
}

impl StorageClass {
    fn to_aws(self) -> TransitionStorageClass {
        match self {
            Self::StandardIa => TransitionStorageClass::StandardIa,
            Self::OnezoneIa => TransitionStorageClass::OnezoneIa,
            Self::IntelligentTiering => TransitionStorageClass::IntelligentTiering,
            Self::GlacierIr => TransitionStorageClass::GlacierIr,
            Self::Glacier => TransitionStorageClass::Glacier,
            Self::DeepArchive => TransitionStorageClass::DeepArchive,
        }
    }

    fn from_aws(class: &TransitionStorageClass) -> Option<Self> {
        let all = [
            Self::StandardIa,
            Self::OnezoneIa,
            Self::IntelligentTiering,
            Self::GlacierIr,
            Self::Glacier,
            Self::DeepArchive,
        ];
        all.into_iter().find(|c| c.to_aws() == *class)
    }
}

impl LifecycleRule {
    pub(super) fn normalize(&mut self) {
        self.transitions.sort();
        self.transitions.dedup();
    }

    /// Does it do anything?
    pub(super) fn acts(&self) -> bool {
        self.expire.is_some() || self.expire_noncurrent.is_some() || !self.transitions.is_empty()
    }

    fn to_aws(&self) -> Result<Rule, Error> {
        use aws_sdk_s3::types::Transition as Move;
        let expiration = match (self.expire, self.expire_noncurrent) {
            (Some(age), _) => Some(LifecycleExpiration::builder().days(days(age)).build()),
            // A delete marker with nothing behind it only costs list requests.
            (None, Some(_)) => Some(LifecycleExpiration::builder().expired_object_delete_marker(true).build()),
            (None, None) => None,
        };
        let noncurrent = self.expire_noncurrent.map(|age| {
            NoncurrentVersionExpiration::builder()
                .noncurrent_days(days(age))
                .set_newer_noncurrent_versions(self.keep_noncurrent.and_then(|n| i32::try_from(n).ok()))
                .build()
        });
        let moves: Vec<Move> = self
            .transitions
            .iter()
            .map(|t| Move::builder().days(days(t.after)).storage_class(t.class.to_aws()).build())
            .collect();
        let text = serde_json::to_string(self).map_err(|e| Error::bug(e.to_string()))?;
        Rule::builder()
            .id(format!("dlinfra-{}", spec::hashed_name(&[&text], 10)))
            .status(ExpirationStatus::Enabled)
            .filter(LifecycleRuleFilter::builder().prefix(&self.prefix).build())
            .set_expiration(expiration)
            .set_noncurrent_version_expiration(noncurrent)
            .set_transitions((!moves.is_empty()).then_some(moves))
            .build()
            .map_err(built)
    }

    fn from_aws(rule: &Rule) -> Self {
        let foreign = || Self {
            prefix: prefix(rule).unwrap_or_default(),
            foreign: Some(rule.id().unwrap_or("without a name").to_owned()),
            ..Self::default()
        };
        Self::expressed(rule).unwrap_or_else(foreign)
    }

    /// The rule in our fields, if they can say it.
    fn expressed(rule: &Rule) -> Option<Self> {
        if rule.status != ExpirationStatus::Enabled
            || rule.abort_incomplete_multipart_upload.is_some()
            || !rule.noncurrent_version_transitions().is_empty()
        {
            return None;
        }
        let mut out = Self { prefix: prefix(rule)?, ..Self::default() };
        if let Some(expiration) = &rule.expiration {
            if expiration.date.is_some() {
                return None;
            }
            out.expire = expiration.days.and_then(from_days);
        }
        if let Some(noncurrent) = &rule.noncurrent_version_expiration {
            out.expire_noncurrent = Some(from_days(noncurrent.noncurrent_days?)?);
            out.keep_noncurrent = noncurrent.newer_noncurrent_versions.and_then(|n| u32::try_from(n).ok());
        }
        for step in rule.transitions() {
            let class = StorageClass::from_aws(step.storage_class.as_ref()?)?;
            out.transitions.push(Transition { after: from_days(step.days?)?, class });
        }
        out.normalize();
        out.acts().then_some(out)
    }
}

/// The prefix, where that is all that a rule chooses by.
#[allow(deprecated, reason = "rules made long ago have their prefix in the old place")]
fn prefix(rule: &Rule) -> Option<String> {
    let Some(filter) = &rule.filter else { return Some(rule.prefix.clone().unwrap_or_default()) };
    let other = filter.tag.is_some()
        || filter.and.is_some()
        || filter.object_size_greater_than.is_some()
        || filter.object_size_less_than.is_some();
    (!other).then(|| filter.prefix.clone().unwrap_or_default())
}

fn days(span: Span) -> i32 {
    span.whole_days().and_then(|d| i32::try_from(d).ok()).unwrap_or(i32::MAX)
}

fn from_days(days: i32) -> Option<Span> {
    u64::try_from(days).ok().map(|d| Span::from_hours(d * 24))
}

/// All rules of a bucket, the one about unfinished uploads included.
pub(super) fn to_aws(rules: &[LifecycleRule], abort: Option<Span>) -> Result<Vec<Rule>, Error> {
    let mut out = rules.iter().map(LifecycleRule::to_aws).collect::<Result<Vec<_>, _>>()?;
    if let Some(age) = abort {
        let abort = AbortIncompleteMultipartUpload::builder().days_after_initiation(days(age)).build();
        let rule = Rule::builder()
            .id("dlinfra-abort-incomplete-uploads")
            .status(ExpirationStatus::Enabled)
            .filter(LifecycleRuleFilter::builder().prefix("").build())
            .abort_incomplete_multipart_upload(abort);
        out.push(rule.build().map_err(built)?);
    }
    Ok(out)
}

/// Our rules, and after how long unfinished uploads go.
pub(super) fn from_aws(rules: &[Rule]) -> (Vec<LifecycleRule>, Option<Span>) {
    let (mut out, mut abort) = (Vec::new(), None);
    for rule in rules {
        match whole_bucket_abort(rule) {
            Some(age) if abort.is_none() => abort = Some(age),
            _ => out.push(LifecycleRule::from_aws(rule)),
        }
    }
    (out, abort)
}

/// The age, if the rule does nothing but end unfinished uploads anywhere in the bucket.
fn whole_bucket_abort(rule: &Rule) -> Option<Span> {
    let alone = rule.status == ExpirationStatus::Enabled
        && rule.expiration.is_none()
        && rule.noncurrent_version_expiration.is_none()
        && rule.transitions().is_empty()
        && rule.noncurrent_version_transitions().is_empty()
        && prefix(rule).is_some_and(|p| p.is_empty());
    let age = rule.abort_incomplete_multipart_upload.as_ref()?.days_after_initiation?;
    from_days(age).filter(|_| alone)
}
