//! Services that know their operations by method and path, with JSON in the bodies.
use super::{Draft, Json, read};
use crate::aws::Error;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fmt::Write as _;

/// What a call asks for: the method, the path with its query, and what the body says.
#[derive(Debug, Clone)]
pub struct Rest {
    method: &'static str,
    path: String,
    body: Option<Value>,
}

impl Rest {
    /// Reads something.
    pub fn get(path: impl Into<String>) -> Self {
        Self { method: "GET", path: path.into(), body: None }
    }

    /// Makes or changes something.
    pub fn post(path: impl Into<String>, body: Value) -> Self {
        Self { method: "POST", path: path.into(), body: Some(body) }
    }

    /// Changes something.
    pub fn put(path: impl Into<String>, body: Value) -> Self {
        Self { method: "PUT", path: path.into(), body: Some(body) }
    }

    /// Removes something.
    pub fn delete(path: impl Into<String>) -> Self {
        Self { method: "DELETE", path: path.into(), body: None }
    }

    fn draft(self) -> Result<Draft, Error> {
        let body = self.body.map(|body| serde_json::to_vec(&body)).transpose();
        let body = body.map_err(|e| Error::bug(e.to_string()))?.unwrap_or_default();
        let content = "application/json".to_owned();
        Ok(Draft { method: self.method, path: self.path, target: None, content, headers: Vec::new(), body })
    }
}

impl Json<'_> {
    /// A call that may be repeated, with the SDK's retries.
    ///
    /// # Errors
    /// Whatever the service answers.
    pub async fn rest<O: DeserializeOwned>(&self, action: &'static str, ask: Rest) -> Result<O, Error> {
        let answer = self.perform(&self.aws.0.config, action, ask.draft()?, read).await?;
        self.shape(action, answer)
    }

    /// A call that makes something, whose retry the engine owns.
    ///
    /// # Errors
    /// Whatever the service answers.
    pub async fn rest_once<O: DeserializeOwned>(&self, action: &'static str, ask: Rest) -> Result<O, Error> {
        let answer = self.perform(&self.aws.0.once, action, ask.draft()?, read).await?;
        self.shape(action, answer)
    }

    /// All items of a list, by pages: the path without a token, and what the list and the token are called in an answer
    /// and the token in a query.
    ///
    /// # Errors
    /// Whatever the service answers.
    pub async fn rest_pages<O: DeserializeOwned>(
        &self,
        action: &'static str,
        path: &str,
        [list, told, asked]: [&str; 3],
    ) -> Result<Vec<O>, Error> {
        let (mut out, mut next) = (Vec::new(), String::new());
        loop {
            let mut page: Value = self.rest(action, Rest::get(format!("{path}{next}"))).await?;
            if let Some(Value::Array(items)) = page.get_mut(list).map(Value::take) {
                for item in items {
                    out.push(self.shape(action, item)?);
                }
            }
            match page.get(told).and_then(Value::as_str).filter(|token| !token.is_empty()) {
                Some(token) => {
                    let mark = if path.contains('?') { '&' } else { '?' };
                    next = format!("{mark}{asked}={}", segment(token));
                }
                None => return Ok(out),
            }
        }
    }
}

/// A word as it stands in a path or a query: everything but plain characters encoded (RFC 3986).
pub fn segment(word: &str) -> String {
    word.bytes().fold(String::with_capacity(word.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a text cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_encoded_where_they_must_be() {
        assert_eq!(
            segment("arn:aws:lambda:us-east-1:1:function:a/b"),
            "arn%3Aaws%3Alambda%3Aus-east-1%3A1%3Afunction%3Aa%2Fb"
        );
        assert_eq!(segment("a-b_c.d~e"), "a-b_c.d~e");
        assert_eq!(segment("é "), "%C3%A9%20");
    }
}
