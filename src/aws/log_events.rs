//! What was written to a log group.
use super::{Aws, Error};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

/// A line in a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// When it was written.
    pub time: Timestamp,
    /// Who wrote it: the stream.
    pub source: String,
    /// What.
    pub text: String,
    /// Tells it from every other line of its log.
    pub id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    #[serde(default)]
    event_id: String,
    #[serde(default)]
    log_stream_name: String,
    #[serde(default)]
    timestamp: i64,
    #[serde(default)]
    message: String,
}

/// Everything that was written to a group since then, the oldest first; a group that nobody has made yet is empty.
///
/// # Errors
/// Whatever CloudWatch Logs answers.
pub async fn log_lines(aws: &Aws, group: &str, since: Timestamp) -> Result<Vec<LogLine>, Error> {
    let input = json!({ "logGroupName": group, "startTime": since.as_millisecond().max(0) });
    let found = aws.logs().pages::<Event>("FilterLogEvents", input, ("events", "nextToken")).await;
    let mut out: Vec<LogLine> = super::optional(found)?
        .unwrap_or_default()
        .into_iter()
        .map(|event| LogLine {
            time: Timestamp::from_millisecond(event.timestamp).unwrap_or_default(),
            source: event.log_stream_name,
            text: event.message.trim_end().to_owned(),
            id: event.event_id,
        })
        .collect();
    out.sort_by(|a, b| (a.time, &a.source, &a.id).cmp(&(b.time, &b.source, &b.id)));
    Ok(out)
}
