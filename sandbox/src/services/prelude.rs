//! What a service in a file of its own is written with.

pub(in crate::services) use jiff::Timestamp;
pub(in crate::services) use serde::{Deserialize, Serialize};
pub(in crate::services) use serde_json::{Value, json};

pub(in crate::services) use crate::call::Call;
pub(in crate::services) use crate::error::ApiError;
pub(in crate::services) use crate::model::facts;
pub(in crate::services) use crate::page::Page;
pub(in crate::services) use crate::service::{Operation, Service, read, write};
pub(in crate::services) use crate::store::{ObjectKind, Tags, object};
pub(in crate::services) use crate::tagged;
pub(in crate::services) use crate::wire::Protocol;
pub(in crate::services) use crate::wire::params::InputErrors;
pub(in crate::services) use crate::wire::reply::Reply;
