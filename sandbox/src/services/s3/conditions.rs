//! Conditions of reading requests, and of the sources of copies.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::model::Version;
use super::objects::{precondition, same_etag};
use crate::call::Call;
use crate::error::ApiError;

/// Entity tags and moments that an object is compared with.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    only_match: Option<String>,
    none_match: Option<String>,
    since: Option<Timestamp>,
    unmodified: Option<Timestamp>,
}

impl Conditions {
    /// Takes the headers with a prefix: none, or `x-amz-copy-source-`.
    pub(super) fn take(call: &mut Call<'_>, prefix: &str) -> Result<Self, ApiError> {
        let mut header = |name: &str| call.params.text_opt(&format!("{prefix}{name}"));
        Ok(Self {
            only_match: header("if-match")?,
            none_match: header("if-none-match")?,
            // As HTTP says, a date that cannot be read is none.
            since: header("if-modified-since")?.and_then(|text| read_date(&text)),
            unmodified: header("if-unmodified-since")?.and_then(|text| read_date(&text)),
        })
    }

    /// Whether the object has not changed for a client that knows it. An error if a demand on it is not met.
    pub(super) fn is_known(&self, version: &Version) -> Result<bool, ApiError> {
        let second = version.modified.as_second();
        match (&self.only_match, self.unmodified) {
            (Some(given), _) if !same_etag(given, version) => return Err(precondition("If-Match")),
            (None, Some(moment)) if second > moment.as_second() => return Err(precondition("If-Unmodified-Since")),
            _ => {}
        }
        Ok(match (&self.none_match, self.since) {
            (Some(given), _) => same_etag(given, version),
            (None, Some(moment)) => second <= moment.as_second(),
            (None, None) => false,
        })
    }
}

/// A moment as HTTP writes it.
pub(super) fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

fn read_date(text: &str) -> Option<Timestamp> {
    let civil = DateTime::strptime("%a, %d %b %Y %H:%M:%S GMT", text).ok()?;
    Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_as_they_are_written() {
        let moment = Timestamp::from_second(1_767_225_600).unwrap();
        assert_eq!(http_date(moment), "Thu, 01 Jan 2026 00:00:00 GMT");
        assert_eq!(read_date(&http_date(moment)), Some(moment));
        assert_eq!(read_date("tomorrow"), None);
    }
}
