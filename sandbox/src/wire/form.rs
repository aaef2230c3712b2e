//! `application/x-www-form-urlencoded` bodies into a tree: `Filter.1.Name=x` is `{"Filter": {"1": {"Name": "x"}}}`.

use serde_json::{Map, Value};

/// Decodes percent signs and plus signs.
pub(crate) fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push(u8::try_from(high * 16 + low).unwrap_or_default());
                at += 2;
            }
            (b'+', _, _) => out.push(b' '),
            (other, _, _) => out.push(*other),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The pairs of a form or of a query string, decoded, in order.
pub(crate) fn pairs(text: &str) -> impl Iterator<Item = (String, String)> + '_ {
    text.split('&').filter(|part| !part.is_empty()).map(|part| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        (decode(name), decode(value))
    })
}

/// The whole form as a tree of objects and strings.
pub(crate) fn tree(text: &str) -> Map<String, Value> {
    let mut root = Map::new();
    for (name, value) in pairs(text) {
        let mut node = &mut root;
        let mut segments = name.split('.').peekable();
        while let Some(segment) = segments.next() {
            if segments.peek().is_none() {
                // `Tags=` beside `Tags.member.1` cannot come from one client; keep the fuller one.
                if !node.get(segment).is_some_and(Value::is_object) {
                    node.insert(segment.to_owned(), Value::String(value.clone()));
                }
                break;
            }
            let slot = node.entry(segment.to_owned()).or_insert_with(|| Value::Object(Map::new()));
            if !slot.is_object() {
                *slot = Value::Object(Map::new());
            }
            match slot {
                Value::Object(map) => node = map,
                _ => break,
            }
        }
    }
    root
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_names_become_a_tree() {
        let tree = tree("Action=X&Filter.1.Name=tag%3Aa&Filter.1.Value.1=b+c&Filter.1.Value.2=%2B");
        assert_eq!(
            Value::Object(tree),
            serde_json::json!({"Action": "X", "Filter": {"1": {"Name": "tag:a", "Value": {"1": "b c", "2": "+"}}}})
        );
    }

    #[test]
    fn a_lonely_percent_sign_stays() {
        assert_eq!(decode("100%"), "100%");
    }
}
