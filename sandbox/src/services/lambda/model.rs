//! Functions as stored, and as Lambda shows them.

use std::collections::BTreeMap;

use crate::services::prelude::*;
use crate::store::Object;

/// A function. Its code is stored beside it, since it is long and seldom changes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) arn: String,
    pub(super) created: Timestamp,
    pub(super) settings: Settings,
    pub(super) architecture: String,
    /// The SHA-256 of the zip, in base64.
    pub(super) code: String,
    pub(super) size: usize,
    pub(super) modified: Timestamp,
    pub(super) revision: String,
    /// From when on it is active.
    pub(super) active: Timestamp,
    /// From when on its last update is done.
    pub(super) updated: Timestamp,
    pub(super) reserved: Option<i64>,
    /// The statements of its policy, by name.
    pub(super) permissions: BTreeMap<String, Value>,
    pub(super) tags: Tags,
}

/// What `UpdateFunctionConfiguration` can change.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Settings {
    pub(super) role: String,
    pub(super) runtime: String,
    pub(super) handler: String,
    pub(super) description: String,
    pub(super) timeout: i64,
    pub(super) memory: i64,
    pub(super) storage: i64,
    pub(super) tracing: String,
    /// Where it logs, if not under its own name.
    pub(super) log_group: Option<String>,
    pub(super) environment: BTreeMap<String, String>,
}

impl Object for Function {
    const KIND: &'static str = "lambda/function";
    fn id(&self) -> &str {
        &self.name
    }
    fn created(&self) -> Timestamp {
        self.created
    }
    fn state(&self, now: Timestamp) -> &str {
        if now < self.active { "Pending" } else { "Active" }
    }
    fn tags(&self) -> Option<&Tags> {
        Some(&self.tags)
    }
    fn tags_mut(&mut self) -> Option<&mut Tags> {
        Some(&mut self.tags)
    }
    fn arn(&self) -> Option<(String, String)> {
        Some(("lambda".to_owned(), format!("function:{}", self.name)))
    }
}

impl Function {
    pub(super) fn log_group(&self) -> String {
        self.settings.log_group.clone().unwrap_or_else(|| format!("/aws/lambda/{}", self.name))
    }

    pub(super) fn is_updating(&self, now: Timestamp) -> bool {
        now < self.updated
    }

    /// The function as every reply has it.
    pub(super) fn shown(&self, now: Timestamp) -> Value {
        let it = &self.settings;
        let pending = self.state(now) == "Pending";
        let status = if self.is_updating(now) { "InProgress" } else { "Successful" };
        // A function that is being made was never updated.
        let status = (!pending).then_some(status);
        let environment = (!it.environment.is_empty()).then(|| json!({"Variables": it.environment}));
        json!({
            "FunctionName": self.name, "FunctionArn": self.arn, "Runtime": it.runtime, "Role": it.role,
            "Handler": it.handler, "CodeSize": self.size, "Description": it.description, "Timeout": it.timeout,
            "MemorySize": it.memory, "CodeSha256": self.code, "Version": "$LATEST", "Environment": environment,
            "LastModified": self.modified.strftime("%Y-%m-%dT%H:%M:%S.%3f+0000").to_string(),
            "TracingConfig": {"Mode": it.tracing}, "RevisionId": self.revision, "PackageType": "Zip",
            "State": self.state(now), "StateReason": pending.then_some("The function is being created."),
            "StateReasonCode": pending.then_some("Creating"),
            "LastUpdateStatus": status,
            "LastUpdateStatusReason": self.is_updating(now).then_some("The function is being created."),
            "LastUpdateStatusReasonCode": self.is_updating(now).then_some("Creating"),
            "Architectures": [self.architecture], "EphemeralStorage": {"Size": it.storage},
            "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
            "LoggingConfig": {"LogFormat": "Text", "LogGroup": self.log_group()},
        })
    }
}
