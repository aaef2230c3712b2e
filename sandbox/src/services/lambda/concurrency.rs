//! Reserved concurrency: how often a function may run at the same time.

use super::{asked, found, seen};
use crate::services::prelude::*;

pub(super) const OPERATIONS: &[Operation] = &[
    write("PutFunctionConcurrency", put),
    read("GetFunctionConcurrency", get),
    write("DeleteFunctionConcurrency", |call| set(call, None)),
];

fn put(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let count = call.params.int("ReservedConcurrentExecutions")?;
    set(call, Some(count))?;
    Ok(Reply::json(json!({"ReservedConcurrentExecutions": count})))
}

fn set(call: &mut Call<'_>, reserved: Option<i64>) -> Result<Reply, ApiError> {
    let name = asked(call)?;
    let mut it = found(call, &name)?;
    it.reserved = reserved;
    call.put(it);
    Ok(Reply::empty())
}

fn get(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let name = asked(call)?;
    Ok(Reply::json(json!({"ReservedConcurrentExecutions": seen(call, &name)?.reserved})))
}
