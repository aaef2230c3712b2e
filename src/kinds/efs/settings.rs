//! What is said of a file system in calls of their own: throughput, when files become cheaper to keep, backups.
use super::{Efs, FILE_SYSTEMS};
use crate::{
    aws::{
        Error,
        json::rest::{Rest, segment},
        optional,
    },
    call::{Ctx, SweepCtx},
    resource::Changes,
    units::{Bandwidth, Span},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::{Map, Value, json};

/// How fast a file system is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Throughput {
    /// As fast as it is asked to be; each GB that is read or written is paid for.
    #[default]
    Elastic,
    /// The more is kept, the faster: 50 KiB/s for each GiB, and more for a while.
    Bursting,
    /// A rate that is paid for whether it is used or not.
    Provisioned,
}

impl Throughput {
    pub(super) const ALL: [Self; 3] = [Self::Elastic, Self::Bursting, Self::Provisioned];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Elastic => "elastic",
            Self::Bursting => "bursting",
            Self::Provisioned => "provisioned",
        }
    }
}

/// When files that nobody reads move: after 1, 7, 14, 30, 60, 90, 180, 270 or 365 days.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lifecycle {
    /// To infrequent access, after this time without a reader: `30d`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub infrequent_access: Option<Span>,
    /// To the archive, after this time without a reader, which is longer: `90d`. For `elastic` throughput only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<Span>,
    /// Back to the standard class when somebody reads them.
    #[serde(default)]
    pub back_on_access: bool,
}

const DAY: u64 = 24 * 3600;
const TO_INFREQUENT: &str = "TransitionToIA";
const TO_ARCHIVE: &str = "TransitionToArchive";
const BACK: &str = "TransitionToPrimaryStorageClass";

impl Lifecycle {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// In AWS's words, which have one transition in each policy.
    fn policies(&self) -> Value {
        let after = |span: Span| match span.seconds() / DAY {
            1 => "AFTER_1_DAY".to_owned(),
            days => format!("AFTER_{days}_DAYS"),
        };
        let rules = [
            (TO_INFREQUENT, self.infrequent_access.map(after)),
            (TO_ARCHIVE, self.archive.map(after)),
            (BACK, self.back_on_access.then(|| "AFTER_1_ACCESS".to_owned())),
        ];
        rules.into_iter().filter_map(|(rule, when)| Some(json!({ rule: when? }))).collect()
    }

    fn read(policies: &[Map<String, Value>]) -> Option<Self> {
        let said = |rule: &str| policies.iter().find_map(|policy| policy.get(rule)?.as_str());
        let days = |rule| said(rule)?.strip_prefix("AFTER_")?.split('_').next()?.parse::<u64>().ok();
        let span = |rule| days(rule).map(|days| Span::from_hours(days * 24));
        let out = Self {
            infrequent_access: span(TO_INFREQUENT),
            archive: span(TO_ARCHIVE),
            back_on_access: said(BACK).is_some(),
        };
        Some(out).filter(|it| !it.is_empty())
    }
}

fn path(id: &str, what: &str) -> String {
    format!("{FILE_SYSTEMS}/{}/{what}", segment(id))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Policies {
    #[serde(default)]
    lifecycle_policies: Vec<Map<String, Value>>,
}

/// Lifecycle, and whether there are backups; nothing = the file system is gone meanwhile.
pub(super) async fn read(ctx: &SweepCtx, id: &str) -> Result<Option<(Option<Lifecycle>, bool)>, Error> {
    let efs = ctx.aws.efs();
    let ask = Rest::get(path(id, "lifecycle-configuration"));
    let Some(found) = optional(efs.rest::<Policies>("DescribeLifecycleConfiguration", ask).await)? else {
        return Ok(None);
    };
    let ask = Rest::get(path(id, "backup-policy"));
    let backup: Option<Value> = optional(efs.rest("DescribeBackupPolicy", ask).await)?;
    let status = backup.as_ref().and_then(|it| it["BackupPolicy"]["Status"].as_str()).unwrap_or("DISABLED");
    let backup = ["ENABLED", "ENABLING"].contains(&status);
    Ok(Some((Lifecycle::read(&found.lifecycle_policies), backup)))
}

/// Changes what differs; the throughput last, because EFS takes nothing else while it changes that.
pub(super) async fn bring(want: &Efs, ctx: &Ctx, id: &str, changes: &Changes) -> Result<(), Error> {
    let efs = ctx.aws.efs();
    if changes.touches("lifecycle") {
        let policies = want.lifecycle.clone().unwrap_or_default().policies();
        let ask = Rest::put(path(id, "lifecycle-configuration"), json!({ "LifecyclePolicies": policies }));
        efs.rest::<IgnoredAny>("PutLifecycleConfiguration", ask).await?;
    }
    if changes.touches("backup") {
        let status = if want.backup { "ENABLED" } else { "DISABLED" };
        let ask = Rest::put(path(id, "backup-policy"), json!({ "BackupPolicy": { "Status": status } }));
        efs.rest::<IgnoredAny>("PutBackupPolicy", ask).await?;
    }
    if changes.touches("throughput") || changes.touches("provisioned") {
        let mut body = json!({ "ThroughputMode": want.throughput.name() });
        if let Some(rate) = want.provisioned {
            body["ProvisionedThroughputInMibps"] = json!(Bandwidth::mib_per_second(rate));
        }
        let ask = Rest::put(format!("{FILE_SYSTEMS}/{}", segment(id)), body);
        // Once: what EFS says of a day would be taken for its rate, and tried again.
        efs.rest_once::<IgnoredAny>("UpdateFileSystem", ask).await.map(drop).map_err(|error| match error.is("TooManyRequests") {
            true => error.help(
                "EFS changes the throughput mode, and lowers provisioned throughput, once in 24 hours: apply again a day \
                 after the last change",
            ),
            false => error,
        })?;
    }
    Ok(())
}
