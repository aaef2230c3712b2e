//! The reaper as a stack: a function, who calls it, what both may do. It is planned, applied and removed like any other.
use super::{
    NAME,
    grants::{self, Ground},
};
use crate::{
    blueprint::{Inputs, MemoryFiles, compile},
    compose::{Deployment, compose},
    diagnostic::Diagnostics,
    kinds::{KINDS, dialect},
};
use serde_json::{Value, json};
use std::path::PathBuf;

/// What the function runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// As Lambda calls it.
    pub architecture: String,
    /// SHA-256 of the archive.
    pub sha256: String,
    /// Where the archive lies in the bucket of the journals.
    pub key: String,
    /// The version of dlinfra that it is.
    pub version: String,
}

/// The variable that says which dlinfra the function is.
pub(super) const VERSION: &str = "DLINFRA_REAPER_VERSION";
/// The variable that says whether it may empty what holds data.
pub(super) const DATA: &str = "DLINFRA_REAPER_DATA";

/// The blueprint of the reaper.
fn blueprint(ground: &Ground, program: &Program) -> Value {
    let Ground { partition, account, region, bucket, data } = ground;
    let function = format!("arn:{partition}:lambda:{region}:{account}:function:{NAME}");
    let group = format!("arn:{partition}:scheduler:{region}:{account}:schedule-group/{NAME}");
    // Nobody else's schedule may take the role.
    let trust = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "Service": "scheduler.amazonaws.com" }, "Action": "sts:AssumeRole",
        "Condition": { "StringEquals": { "aws:SourceAccount": account, "aws:SourceArn": group } },
    }] });
    let call = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": function,
    }] });
    json!({
        "blueprint": NAME, "region": region, "account": account,
        "description": "Ends stacks whose time is over",
        "resources": {
            "log": { "kind": "log-group", "name": format!("/aws/lambda/{NAME}"), "retention": "30d" },
            "role": {
                "kind": "iam-role", "trust": ["lambda.amazonaws.com"],
                "policies": { "teardown": grants::document(&grants::grants(KINDS, ground)) },
            },
            "caller": { "kind": "iam-role", "trust_policy": trust, "policies": { "call": call } },
            "function": {
                "kind": "function", "name": NAME, "runtime": "provided.al2023", "architecture": program.architecture,
                "description": "dlinfra: ends stacks whose time is over",
                "code": { "bucket": bucket, "key": program.key }, "sha256": program.sha256,
                "role": "${role}", "log_group": "${log}", "memory": "1024 MiB", "timeout": "15m",
                "environment": { VERSION: program.version, DATA: data.to_string() },
            },
            "schedule": {
                "kind": "schedule-group", "name": NAME,
                "schedules": { "pass": {
                    "expression": "rate(15 minutes)", "description": "Ends stacks whose time is over",
                    "target": {
                        "arn": "${function.arn}", "role": "${caller.arn}", "input": { "mode": "pass" },
                        "retries": 0, "max_age": "1m",
                    },
                } },
            },
        },
    })
}

/// The reaper of an account and region, as any other stack.
///
/// # Errors
/// None, unless dlinfra is wrong about its own kinds.
pub fn deployment(ground: &Ground, program: &Program) -> Result<Deployment, Diagnostics> {
    let file = PathBuf::from(format!("{NAME}.yaml"));
    let text = blueprint(ground, program).to_string();
    let files = MemoryFiles::new().with(file.clone(), text);
    compose(compile(dialect(), &Inputs { file, ..Inputs::default() }, &files)?)
}
