//! What is said of a file system in calls of their own: when files become cheaper to keep, and whether it is backed up.

use super::file_systems::{FileSystem, available, missing};
use super::{bad, id_in, refused};
use crate::services::prelude::*;

pub(super) const OPERATIONS: &[Operation] = &[
    write("PutLifecycleConfiguration", put_lifecycle),
    read("DescribeLifecycleConfiguration", describe_lifecycle),
    write("PutBackupPolicy", put_backup),
    read("DescribeBackupPolicy", describe_backup),
];

const RULES: [&str; 3] = ["TransitionToIA", "TransitionToArchive", "TransitionToPrimaryStorageClass"];

fn seen(call: &mut Call<'_>) -> Result<FileSystem, ApiError> {
    let text = call.params.text("FileSystemId")?;
    call.see::<FileSystem>(id_in(&text)).cloned().ok_or_else(|| missing(&text))
}

fn put_lifecycle(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let mut it = available(call)?;
    let mut policies = Vec::new();
    for mut policy in call.params.structs("LifecyclePolicies")? {
        let mut said = Vec::new();
        for rule in RULES {
            said.extend(policy.text_opt(rule)?.map(|when| (rule, when)));
        }
        let [(rule, when)] = said.as_slice() else { return Err(bad("One lifecycle policy has one transition")) };
        if policies.iter().any(|other: &Value| other.get(rule).is_some()) {
            return Err(bad(format!("{rule} is given twice")));
        }
        policies.push(json!({ *rule: when }));
    }
    it.lifecycle.clone_from(&policies);
    call.put(it);
    Ok(Reply::json(json!({ "LifecyclePolicies": policies })))
}

fn describe_lifecycle(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    Ok(Reply::json(json!({ "LifecyclePolicies": seen(call)?.lifecycle })))
}

fn policy(on: bool) -> Reply {
    Reply::json(json!({ "BackupPolicy": { "Status": if on { "ENABLED" } else { "DISABLED" } } }))
}

fn put_backup(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let mut it = available(call)?;
    let on = match call.params.child("BackupPolicy")?.text("Status")?.as_str() {
        "ENABLED" => true,
        "DISABLED" => false,
        other => return Err(bad(format!("{other} is what EFS says, and cannot be asked for"))),
    };
    it.backup = Some(on);
    call.put(it);
    Ok(policy(on))
}

fn describe_backup(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let it = seen(call)?;
    let none = || refused(404, "PolicyNotFound", format!("There is no backup policy for file system '{}'", it.id));
    it.backup.map(policy).ok_or_else(none)
}
