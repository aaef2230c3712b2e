//! Conditions on usage.

use super::bad;
use crate::error::ApiError;
use crate::wire::params::Params;

/// A condition on usage.
pub(super) enum Filter {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Not(Box<Filter>),
    Dimension(String, Vec<String>),
    Tag(String, Vec<String>),
}

pub(super) fn take_filter(mut params: Params) -> Result<Filter, ApiError> {
    let mut found = Vec::new();
    for (field, make) in [("And", Filter::All as fn(Vec<Filter>) -> Filter), ("Or", Filter::Any)] {
        let parts = params.structs(field)?;
        if !parts.is_empty() {
            found.push(make(parts.into_iter().map(take_filter).collect::<Result<_, _>>()?));
        }
    }
    if let Some(inner) = params.child_opt("Not")? {
        found.push(Filter::Not(Box::new(take_filter(inner)?)));
    }
    for (field, make) in [("Dimensions", Filter::Dimension as fn(String, Vec<String>) -> Filter), ("Tags", Filter::Tag)]
    {
        if let Some(mut inner) = params.child_opt(field)? {
            let key = inner.text("Key")?;
            let values = inner.texts("Values")?;
            if inner.texts("MatchOptions")?.iter().any(|option| option != "EQUALS") {
                return Err(ApiError::not_implemented("match options other than EQUALS"));
            }
            if field == "Dimensions" {
                check_dimension(&key)?;
            }
            found.push(make(key, values));
        }
    }
    match (found.pop(), found.is_empty()) {
        (Some(filter), true) => Ok(filter),
        _ => Err(bad("Expression is invalid: it has exactly one of And, Or, Not, Dimensions, Tags")),
    }
}

pub(super) fn check_dimension(key: &str) -> Result<(), ApiError> {
    if ["SERVICE", "REGION", "USAGE_TYPE", "LINKED_ACCOUNT", "RECORD_TYPE"].contains(&key) {
        Ok(())
    } else {
        Err(ApiError::not_implemented(format!("the dimension {key}")))
    }
}
