//! Event patterns: which events a rule takes.

use serde_json::{Map, Value};

use crate::faults::matches as fits;

/// Says what is wrong with a pattern.
pub(super) fn check(text: &str) -> Result<(), String> {
    let pattern: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    match &pattern {
        Value::Object(fields) if !fields.is_empty() => fields.iter().try_for_each(|(key, inner)| field(key, inner)),
        Value::Object(_) => Err("Filter is an empty object".to_owned()),
        _ => Err("Filter is not an object".to_owned()),
    }
}

fn field(key: &str, inner: &Value) -> Result<(), String> {
    match inner {
        Value::Object(fields) if !fields.is_empty() => fields.iter().try_for_each(|(key, inner)| field(key, inner)),
        Value::Object(_) => Err(format!("Empty objects are not allowed: \"{key}\"")),
        Value::Array(all) if all.is_empty() => Err(format!("Empty arrays are not allowed: \"{key}\"")),
        Value::Array(all) if key == "$or" => all.iter().try_for_each(|one| field("", one)),
        Value::Array(all) => all.iter().try_for_each(condition),
        _ => Err(format!("\"{key}\" must be an object or an array")),
    }
}

fn condition(one: &Value) -> Result<(), String> {
    const KNOWN: [&str; 7] =
        ["anything-but", "equals-ignore-case", "exists", "numeric", "prefix", "suffix", "wildcard"];
    let Value::Object(words) = one else {
        return if one.is_array() {
            Err("Match value must be String, number, true, false, or null".to_owned())
        } else {
            Ok(())
        };
    };
    let known = words.len() == 1 && words.keys().all(|word| KNOWN.contains(&word.as_str()));
    if known { Ok(()) } else { Err(format!("Unrecognized match type {}", words.keys().cloned().collect::<String>())) }
}

/// Whether a checked pattern takes an event.
pub(super) fn matches(pattern: &str, event: &Value) -> bool {
    let pattern: Value = serde_json::from_str(pattern).unwrap_or_default();
    pattern.as_object().is_some_and(|fields| all(fields, event))
}

fn all(fields: &Map<String, Value>, event: &Value) -> bool {
    fields.iter().all(|(key, wanted)| match (key.as_str(), wanted) {
        ("$or", Value::Array(ways)) => ways.iter().filter_map(Value::as_object).any(|way| all(way, event)),
        (_, Value::Object(inner)) => match event.get(key) {
            Some(Value::Array(items)) => items.iter().any(|item| all(inner, item)),
            found => all(inner, found.unwrap_or(&Value::Null)),
        },
        (_, Value::Array(wanted)) => wanted.iter().any(|one| any(one, event.get(key))),
        _ => false,
    })
}

/// Whether one of the values that were found, or that there is none, is what a condition wants.
fn any(wanted: &Value, found: Option<&Value>) -> bool {
    if let Some(exists) = wanted.get("exists") {
        return found.is_some_and(|found| !found.is_object()) == (*exists == true);
    }
    match found {
        Some(Value::Array(items)) => items.iter().any(|item| is(wanted, item)),
        Some(found) => is(wanted, found),
        None => false,
    }
}

fn is(wanted: &Value, found: &Value) -> bool {
    let Some((word, wanted)) = wanted.as_object().and_then(|words| words.iter().next()) else {
        return same(wanted, found);
    };
    let texts = |test: fn(&str, &str) -> bool| match wanted {
        Value::Array(several) => several.iter().any(|one| texts(one, found, test)),
        one => texts(one, found, test),
    };
    match word.as_str() {
        "prefix" => texts(|wanted, found| found.starts_with(wanted)),
        "suffix" => texts(|wanted, found| found.ends_with(wanted)),
        "equals-ignore-case" => texts(|wanted, found| found.eq_ignore_ascii_case(wanted)),
        "wildcard" => texts(fits),
        "numeric" => wanted.as_array().is_some_and(|bounds| bounds.chunks(2).all(|bound| numeric(bound, found))),
        "anything-but" => match wanted {
            Value::Array(several) => !several.iter().any(|one| same(one, found)),
            Value::Object(_) => !is(wanted, found),
            one => !same(one, found),
        },
        _ => false,
    }
}

fn texts(wanted: &Value, found: &Value, test: fn(&str, &str) -> bool) -> bool {
    wanted.as_str().zip(found.as_str()).is_some_and(|(wanted, found)| test(wanted, found))
}

fn same(wanted: &Value, found: &Value) -> bool {
    match (wanted.as_f64(), found.as_f64()) {
        (Some(wanted), Some(found)) => wanted == found,
        _ => wanted == found,
    }
}

fn numeric(bound: &[Value], found: &Value) -> bool {
    let [sign, bound] = bound else { return false };
    let (Some(sign), Some(bound), Some(found)) = (sign.as_str(), bound.as_f64(), found.as_f64()) else { return false };
    match sign {
        "<" => found < bound,
        "<=" => found <= bound,
        "=" => found == bound,
        ">=" => found >= bound,
        ">" => found > bound,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn takes(pattern: &Value) -> bool {
        let detail = json!({"state": "Failed", "exit": 3, "tags": ["a", "b"], "gpu": {"count": 8}, "none": null});
        let event = json!({"source": "train", "detail-type": "Run State Change", "detail": detail});
        check(&pattern.to_string()).unwrap();
        matches(&pattern.to_string(), &event)
    }

    #[test]
    fn every_field_must_fit_and_one_value_of_each_suffices() {
        let detail = |field: &str, wanted: Value| takes(&json!({"detail": {field: wanted}}));
        assert!(takes(&json!({"source": ["other", "train"], "detail": {"gpu": {"count": [8]}}})));
        assert!(!takes(&json!({"source": ["train"], "detail": {"gpu": {"count": [4]}}})));
        assert!(detail("tags", json!(["b"])) && !detail("tags", json!(["c"])) && detail("none", json!([null])));
        assert!(detail("state", json!([{"prefix": "Fa"}])) && detail("state", json!([{"suffix": "led"}])));
        assert!(
            detail("state", json!([{"equals-ignore-case": "FAILED"}])) && detail("state", json!([{"wildcard": "F*d"}]))
        );
        assert!(
            detail("exit", json!([{"numeric": [">", 2, "<=", 3]}])) && !detail("exit", json!([{"numeric": ["<", 3]}]))
        );
        assert!(
            detail("state", json!([{"anything-but": ["Ok", "Done"]}]))
                && !detail("state", json!([{"anything-but": "Failed"}]))
        );
        assert!(
            detail("state", json!([{"anything-but": {"prefix": "D"}}]))
                && !detail("absent", json!([{"anything-but": "x"}]))
        );
        assert!(detail("state", json!([{"exists": true}])) && detail("absent", json!([{"exists": false}])));
        assert!(takes(&json!({"$or": [{"source": ["x"]}, {"detail": {"exit": [3]}}]})));
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for wrong in
            ["", "[]", "{}", r#"{"source":"train"}"#, r#"{"source":[]}"#, r#"{"detail":{}}"#, r#"{"a":[{"like":"x"}]}"#]
        {
            assert!(check(wrong).is_err(), "{wrong}");
        }
    }
}
