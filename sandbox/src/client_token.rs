//! Client tokens: a repeated create call gives back the first one's object, or is refused if it differs.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::error::ApiError;
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

/// The client token of a create call, or that it has none.
pub(crate) struct Token {
    operation: &'static str,
    /// As the caller gave it.
    text: Option<String>,
    /// Every other parameter.
    fingerprint: String,
}

impl Token {
    /// Takes the token out of the parameters.
    pub(crate) fn take(call: &mut Call<'_>, operation: &'static str, parameter: &str) -> Result<Self, ApiError> {
        let text = call.params.text_opt(parameter)?;
        call.token.clone_from(&text);
        let fingerprint = if text.is_some() { call.params.fingerprint() } else { String::new() };
        Ok(Self { operation, text, fingerprint })
    }

    fn key(&self, call: &Call<'_>) -> Option<String> {
        Some(format!("{}:{}/{}", call.service.name, self.operation, self.text.as_ref()?))
    }

    /// The id of what the first call with this token created, if there was one; the service's error if that call was
    /// another one.
    pub(crate) fn earlier(
        &self,
        call: &Call<'_>,
        differs: impl FnOnce() -> ApiError,
    ) -> Result<Option<String>, ApiError> {
        match self.key(call).and_then(|key| call.get::<ClientToken>(&key)) {
            None => Ok(None),
            Some(known) if known.fingerprint == self.fingerprint => Ok(Some(known.result.clone())),
            Some(_) => Err(differs()),
        }
    }

    /// This call was the first one, and created this.
    pub(crate) fn remember(&self, call: &mut Call<'_>, result: &str) {
        if let Some(id) = self.key(call) {
            let (created, fingerprint) = (call.now, self.fingerprint.clone());
            call.put(ClientToken { id, created, fingerprint, result: result.to_owned() });
        }
    }
}
