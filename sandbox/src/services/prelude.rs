//! What a service in a file of its own is written with.

pub(super) use jiff::Timestamp;
pub(super) use serde::{Deserialize, Serialize};
pub(super) use serde_json::{Value, json};

pub(super) use crate::call::Call;
pub(super) use crate::error::ApiError;
pub(super) use crate::model::facts;
pub(super) use crate::page::Page;
pub(super) use crate::service::{Service, read, write};
pub(super) use crate::store::{ObjectKind, Tags, object};
pub(super) use crate::tagged;
pub(super) use crate::wire::Protocol;
pub(super) use crate::wire::params::InputErrors;
pub(super) use crate::wire::reply::Reply;
