//! The policy of a function: who may invoke it. It is kept and shown; nothing asks it.

use super::{asked_latest, conflict, found, seen};
use crate::services::prelude::*;

pub(super) const OPERATIONS: &[Operation] =
    &[write("AddPermission", add), read("GetPolicy", get), write("RemovePermission", remove)];

fn nothing() -> ApiError {
    let message = "The resource you requested does not exist.";
    ApiError::new(404, "ResourceNotFoundException", message).with("Type", "User")
}

fn add(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let name = asked_latest(call)?;
    let mut it = found(call, &name)?;
    let (id, action) = (call.params.text("StatementId")?, call.params.text("Action")?);
    let who = call.params.text("Principal")?;
    let (source, account) = (call.params.text_opt("SourceArn")?, call.params.text_opt("SourceAccount")?);
    if it.permissions.contains_key(&id) {
        let message = format!(
            "The statement id ({id}) provided already exists. Please provide a new statement id, or remove the \
             existing statement."
        );
        return Err(conflict(message));
    }
    let principal = match who.as_str() {
        "*" => json!("*"),
        service if service.contains(".amazonaws.com") => json!({"Service": service}),
        account if account.len() == 12 => json!({"AWS": call.iam_arn("root").replace(&call.account(), account)}),
        arn => json!({"AWS": arn}),
    };
    let mut statement = json!({
        "Sid": id, "Effect": "Allow", "Principal": principal, "Action": action, "Resource": it.arn,
    });
    if let Some(source) = source {
        statement["Condition"]["ArnLike"]["AWS:SourceArn"] = source.into();
    }
    if let Some(account) = account {
        statement["Condition"]["StringEquals"]["AWS:SourceAccount"] = account.into();
    }
    let text = statement.to_string();
    it.permissions.insert(id, statement);
    it.revision = call.world.new_uuid();
    call.put(it);
    Ok(Reply::json(json!({"Statement": text})))
}

fn get(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let name = asked_latest(call)?;
    let it = seen(call, &name)?;
    if it.permissions.is_empty() {
        return Err(nothing());
    }
    let statements: Vec<&Value> = it.permissions.values().collect();
    let policy = json!({"Version": "2012-10-17", "Id": "default", "Statement": statements}).to_string();
    Ok(Reply::json(json!({"Policy": policy, "RevisionId": it.revision})))
}

fn remove(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let name = asked_latest(call)?;
    let mut it = found(call, &name)?;
    let id = call.params.text("StatementId")?;
    it.permissions.remove(&id).ok_or_else(nothing)?;
    it.revision = call.world.new_uuid();
    call.put(it);
    Ok(Reply::empty())
}
