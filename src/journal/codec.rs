//! Records as text: canonical JSON, one record a line, each line complete, checked and versioned in itself.
//!
//! `{"v":1,` comes first, so that any reader can tell the format before anything else; the other keys are sorted.
//! `line` says which line of how many in its object, `sum` is a check sum of the line without it, and `writer` tells
//! which process wrote it.
use super::JournalError;
use crate::{record::Record, spec};
use serde_json::{Map, Value};

/// The format that is written.
pub const FORMAT: u64 = 1;
/// The oldest format that is read: the one before, once there is one.
pub const OLDEST: u64 = 1;

/// The bytes of one journal object.
///
/// # Errors
/// A record that is no JSON object or that holds the value of a secret.
pub fn encode(records: &[Record], writer: &str) -> Result<Vec<u8>, JournalError> {
    let mut out = Vec::new();
    for (index, record) in records.iter().enumerate() {
        let mut body = body(record)?;
        body.insert("line".to_owned(), format!("{}/{}", index + 1, records.len()).into());
        body.insert("writer".to_owned(), writer.into());
        out.extend_from_slice(line(body).as_bytes());
    }
    Ok(out)
}

/// The records of one journal object; `at` is its name for messages.
///
/// # Errors
/// [`JournalError::Damaged`] with the line, or [`JournalError::NewerVersion`].
pub fn decode(at: &str, bytes: &[u8]) -> Result<Vec<Record>, JournalError> {
    let damaged =
        |line: usize, why: &str| JournalError::Damaged { at: at.to_owned(), line: Some(line), why: why.to_owned() };
    let text = std::str::from_utf8(bytes).map_err(|e| {
        let before = bytes.get(..e.valid_up_to()).unwrap_or_default();
        damaged(before.iter().filter(|b| **b == b'\n').count() + 1, "it is not UTF-8")
    })?;
    let count = text.lines().count();
    if count == 0 {
        return Err(damaged(1, "it is empty"));
    }
    if !text.ends_with('\n') {
        return Err(damaged(count, "the line does not end"));
    }
    let mut out = Vec::with_capacity(count);
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let mut body = read_line(at, line, &|why| damaged(number, why))?;
        let place = body.remove("line");
        if place.as_ref().and_then(Value::as_str) != Some(&format!("{number}/{count}")) {
            return Err(damaged(number, "lines are missing"));
        }
        body.remove("writer");
        let record = serde_json::from_value(Value::Object(body));
        out.push(record.map_err(|e| damaged(number, &format!("no known record: {e}")))?);
    }
    Ok(out)
}

/// A line: version first, the rest sorted, with its check sum.
pub(super) fn line(mut body: Map<String, Value>) -> String {
    let sum = sum(&body);
    body.insert("sum".to_owned(), sum.into());
    let text = spec::canonical(&Value::Object(body));
    format!("{{\"v\":{FORMAT},{}\n", text.trim_start_matches('{'))
}

/// Checks version and sum of a line; the body without both.
pub(super) fn read_line(
    at: &str,
    line: &str,
    damaged: &dyn Fn(&str) -> JournalError,
) -> Result<Map<String, Value>, JournalError> {
    let version = line.strip_prefix("{\"v\":").and_then(|rest| rest.split(',').next()).map(str::parse::<u64>);
    match version {
        Some(Ok(found)) if found > FORMAT => {
            return Err(JournalError::NewerVersion { at: at.to_owned(), found, known: FORMAT });
        }
        Some(Ok(found)) if found >= OLDEST => {}
        _ => return Err(damaged("it does not start with its format")),
    }
    let Ok(Value::Object(mut body)) = serde_json::from_str(line) else { return Err(damaged("it is not JSON")) };
    body.remove("v");
    let stated = body.remove("sum");
    if stated.as_ref().and_then(Value::as_str) != Some(&sum(&body)) {
        return Err(damaged("its check sum is wrong"));
    }
    Ok(body)
}

fn sum(body: &Map<String, Value>) -> String {
    let mut hex = spec::sha256(spec::canonical(&Value::Object(body.clone())).as_bytes());
    hex.truncate(16);
    hex
}

fn body(record: &Record) -> Result<Map<String, Value>, JournalError> {
    let refused = |why: String| JournalError::Refused { why };
    let value = serde_json::to_value(record).map_err(|e| refused(e.to_string()))?;
    if let Some(key) = secret_value(&value) {
        return Err(refused(format!("`{key}` beside a reference to a secret")));
    }
    match value {
        Value::Object(map) => Ok(map),
        _ => Err(refused("it is no object".to_owned())),
    }
}

/// A reference to a secret stands alone: anything beside it could be what it refers to.
fn secret_value(value: &Value) -> Option<String> {
    match value {
        Value::Object(map) => {
            let reference = map.contains_key("$secret");
            map.iter()
                .find(|(k, v)| reference && (k.as_str() != "$secret" || !v.is_string()))
                .map_or_else(|| map.values().find_map(secret_value), |(k, _)| Some(k.clone()))
        }
        Value::Array(items) => items.iter().find_map(secret_value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use serde_json::json;

    fn records() -> Vec<Record> {
        let time: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        vec![
            Record::Run { command: "apply".into(), holder: "a@b pid 1".into(), time },
            Record::Pinned { key: "image".into(), value: json!({"id": "ami-1", "price": "1.10"}), time },
        ]
    }

    #[test]
    fn a_line_starts_with_its_format_and_comes_back() {
        let bytes = encode(&records(), "w").unwrap();
        let text = std::str::from_utf8(&bytes).unwrap();
        assert!(text.lines().all(|l| l.starts_with("{\"v\":1,\"")), "{text}");
        assert_eq!(decode("x", &bytes).unwrap(), records());
    }

    #[test]
    fn every_changed_byte_and_every_cut_is_noticed() {
        let bytes = encode(&records(), "w").unwrap();
        for cut in 0..bytes.len() {
            assert!(decode("x", &bytes[..cut]).is_err(), "cut at {cut}");
        }
        for index in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] ^= 1;
            assert!(decode("x", &changed).is_err(), "byte {index}");
        }
    }

    #[test]
    fn damage_names_the_line_and_a_newer_format_says_so() {
        let text = String::from_utf8(encode(&records(), "w").unwrap()).unwrap();
        let worse = text.replace("ami-1", "ami-2");
        let error = decode("log/1", worse.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), "the journal is damaged at log/1 line 2: its check sum is wrong");
        assert!(error.help().contains("dlinfra recover"));
        let newer = text.replace("{\"v\":1,", "{\"v\":2,");
        let error = decode("log/1", newer.as_bytes()).unwrap_err();
        assert!(matches!(error, JournalError::NewerVersion { found: 2, known: 1, .. }), "{error}");
    }

    #[test]
    fn a_secret_never_leaves() {
        let time: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let pin = |value| [Record::Pinned { key: "k".into(), value, time }];
        assert!(encode(&pin(json!([{"$secret": "arn:aws:x"}])), "w").is_ok());
        for bad in [json!({"$secret": "arn:aws:x", "value": "hunter2"}), json!([{"$secret": {"value": 1}}])] {
            assert!(matches!(encode(&pin(bad), "w"), Err(JournalError::Refused { .. })));
        }
    }
}
