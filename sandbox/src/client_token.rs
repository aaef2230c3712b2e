//! Client tokens: a repeated create call gives back the first one's object, or is refused if it differs.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::store::Object;

/// A token that a create call was made with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ClientToken {
    id: String,
    created: Timestamp,
    /// The request's parameters.
    fingerprint: String,
    /// What the call created.
    result: String,
}

impl Object for ClientToken {
    const KIND: &'static str = "token/client";
    fn id(&self) -> &str {
        &self.id
    }
    fn created(&self) -> Timestamp {
        self.created
    }
}

/// What a token says about a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Replay {
    /// The first request with this token, or one without a token.
    Fresh,
    /// The same request was made; this is the id of what it created.
    Same(String),
    /// Another request was made with this token.
    Differs,
}

fn key(call: &Call<'_>, operation: &str, token: &str) -> String {
    format!("{}:{operation}/{token}", call.service)
}

pub(crate) fn replay(call: &Call<'_>, operation: &str, token: Option<&str>, fingerprint: &str) -> Replay {
    let known = token.and_then(|token| call.get::<ClientToken>(&key(call, operation, token)));
    match known {
        None => Replay::Fresh,
        Some(known) if known.fingerprint == fingerprint => Replay::Same(known.result.clone()),
        Some(_) => Replay::Differs,
    }
}

pub(crate) fn remember(call: &mut Call<'_>, operation: &str, token: Option<&str>, fingerprint: String, result: &str) {
    if let Some(token) = token {
        let id = key(call, operation, token);
        let created = call.now;
        call.put(ClientToken { id, created, fingerprint, result: result.to_owned() });
    }
}
