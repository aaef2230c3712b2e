//! Canonical spec values: pointers, unknowns and digests inside plain JSON, with one walk for all of them.
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// What a JSON value means in a canonical spec.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Node<'v> {
    /// `{"$ref": address}`, `{"$id": id}` or both: a pointer to a resource.
    Pointer {
        /// The address, unless the pointer is a literal id.
        address: Option<&'v str>,
        /// The id, where it is known.
        id: Option<&'v str>,
    },
    /// `{"$ref": address, "attr": name}`: an output that is not known yet.
    Attribute {
        /// The resource that has the output.
        address: &'v str,
        /// The output's name.
        name: &'v str,
    },
    /// `{"$expr": …}`: a value to be computed when its attributes are known.
    Expression(&'v Value),
    /// `{"$digest": hex}`: stands for what cannot be read back.
    Digest(&'v str),
    /// `{"$novel": text, "as": …}`: a value in AWS's words that this dlinfra does not know, and what kinds take it for.
    Novel(&'v str),
    /// Anything else.
    Plain,
}

/// Reads the meaning of one value (not of what is inside it).
pub fn node(value: &Value) -> Node<'_> {
    let Value::Object(map) = value else { return Node::Plain };
    // What means something has a key with a dollar sign, which stands before every letter: most maps need no more than
    // a look at their first key.
    if map.keys().next().is_none_or(|first| first.as_str() >= "%") {
        return Node::Plain;
    }
    let text = |key: &str| map.get(key).and_then(Value::as_str);
    if let (Some(address), Some(name)) = (text("$ref"), text("attr")) {
        return Node::Attribute { address, name };
    }
    if map.contains_key("$ref") || map.contains_key("$id") {
        return Node::Pointer { address: text("$ref"), id: text("$id") };
    }
    if let Some(inner) = map.get("$expr") {
        return Node::Expression(inner);
    }
    match (text("$digest"), text("$novel")) {
        (Some(hex), _) => Node::Digest(hex),
        (None, Some(text)) => Node::Novel(text),
        (None, None) => Node::Plain,
    }
}

/// A value that this dlinfra does not know, and what kinds shall take it for.
pub fn novel(text: &str, taken_for: &Value) -> Value {
    json!({ "$novel": text, "as": taken_for })
}

/// The fields whose values this dlinfra does not know, with AWS's words.
pub fn novelties(spec: &Value) -> impl Iterator<Item = (&str, &str)> {
    spec.as_object().into_iter().flatten().filter_map(|(field, value)| match node(value) {
        Node::Novel(text) => Some((field.as_str(), text)),
        _ => None,
    })
}

/// A pointer to `address`.
pub fn pointer(address: &str) -> Value {
    json!({ "$ref": address })
}

/// Is this value, or something inside it, not known yet?
pub fn has_unknown(value: &Value) -> bool {
    match node(value) {
        Node::Attribute { .. } | Node::Expression(_) => true,
        Node::Pointer { .. } | Node::Digest(_) | Node::Novel(_) => false,
        Node::Plain => match value {
            Value::Object(map) => map.values().any(has_unknown),
            Value::Array(items) => items.iter().any(has_unknown),
            _ => false,
        },
    }
}

/// Every address that `value` points at, with the top-level field through which it does.
pub fn references(spec: &Value) -> Vec<(String, String)> {
    let mut out = Vec::new();
    if let Value::Object(map) = spec {
        for (field, value) in map {
            let mut found = BTreeSet::new();
            addresses(value, &mut found);
            out.extend(found.into_iter().map(|a| (field.clone(), a)));
        }
    }
    out
}

/// Collects every address inside `value`, residual expressions included.
pub fn addresses(value: &Value, out: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(address)) = map.get("$ref") {
                out.insert(address.clone());
            }
            for (key, inner) in map {
                if key != "$ref" && key != "text" {
                    addresses(inner, out);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|v| addresses(v, out)),
        _ => {}
    }
}

/// Takes what points at one of `addresses` out of these top-level fields: elements of lists, keys of maps, or the field.
pub fn without(spec: &mut Value, fields: &[&str], addresses: &BTreeSet<String>) {
    let points = |value: &Value| {
        let mut found = BTreeSet::new();
        self::addresses(value, &mut found);
        !found.is_disjoint(addresses)
    };
    let Value::Object(map) = spec else { return };
    for field in fields {
        match map.get_mut(*field) {
            Some(Value::Array(items)) => items.retain(|v| !points(v)),
            Some(value) if points(value) => {
                let plain = node(value) == Node::Plain;
                match value {
                    Value::Object(inner) if plain => inner.retain(|_, v| !points(v)),
                    _ => drop(map.remove(*field)),
                }
            }
            _ => {}
        }
    }
}

/// Rewrites every pointer by id to a pointer by address where `known` has the id, so that both sides of a diff
/// compare by name; a pointer that carries both keeps the address.
pub fn by_address(value: &mut Value, known: &BTreeMap<String, String>) {
    if let Node::Pointer { address, id } = node(value) {
        let name = address.map(str::to_owned).or_else(|| id.and_then(|id| known.get(id).cloned()));
        if let Some(name) = name {
            *value = pointer(&name);
        }
        return;
    }
    match value {
        Value::Object(map) => map.values_mut().for_each(|v| by_address(v, known)),
        Value::Array(items) => items.iter_mut().for_each(|v| by_address(v, known)),
        _ => {}
    }
}

/// Gives pointers by one address another one.
pub fn rename(value: &mut Value, names: &BTreeMap<String, String>) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(address)) = map.get_mut("$ref")
                && let Some(new) = names.get(address)
            {
                address.clone_from(new);
            }
            map.values_mut().for_each(|v| rename(v, names));
        }
        Value::Array(items) => items.iter_mut().for_each(|v| rename(v, names)),
        _ => {}
    }
}

/// Adds the id to every pointer by address (`{"$ref": A, "$id": X}`), for calls to AWS.
/// Returns the addresses that have no id.
pub fn with_ids(value: &mut Value, id_of: &dyn Fn(&str) -> Option<String>, missing: &mut BTreeSet<String>) {
    if let Node::Pointer { address: Some(address), id: None } = node(value) {
        match id_of(address) {
            Some(id) => *value = json!({ "$ref": address, "$id": id }),
            None => {
                missing.insert(address.to_owned());
            }
        }
        return;
    }
    match value {
        Value::Object(map) => map.values_mut().for_each(|v| with_ids(v, id_of, missing)),
        Value::Array(items) => items.iter_mut().for_each(|v| with_ids(v, id_of, missing)),
        _ => {}
    }
}

/// The canonical text of a value: keys sorted, no spaces (RFC 8785 for the values that specs hold).
pub fn canonical(value: &Value) -> String {
    // serde_json's map is a BTreeMap here, so keys are sorted already.
    value.to_string()
}

/// SHA-256 of bytes as lower-case hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Bytes as hexadecimal digits, in small letters.
pub fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        out.push_str(&format!("{byte:02x}"));
    }
    out
}

/// The first 16 hexadecimal digits of the digest of a value, pointers taken by address.
pub fn digest(value: &Value) -> String {
    let mut plain = value.clone();
    by_address(&mut plain, &BTreeMap::new());
    let mut hex = sha256(canonical(&plain).as_bytes());
    hex.truncate(16);
    hex
}

/// RFC 4648 base32 in lower case, without padding.
pub fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let (mut out, mut buffer, mut bits) = (String::new(), 0u32, 0u32);
    for byte in bytes {
        buffer = (buffer << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            out.push(char::from(ALPHABET[((buffer >> bits) & 31) as usize]));
        }
        buffer &= (1 << bits) - 1;
    }
    if bits > 0 {
        out.push(char::from(ALPHABET[((buffer << (5 - bits)) & 31) as usize]));
    }
    out
}

/// Lower-case base32 of the SHA-256 of parts joined by a byte that no part contains.
pub fn hashed_name(parts: &[&str], length: usize) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let mut text = base32(&hash.finalize());
    text.truncate(length);
    text
}

/// One difference between two canonical values.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Dotted path from the top of the spec.
    pub path: String,
    /// What is live (`null` = absent).
    pub before: Value,
    /// What is wanted (`null` = AWS's default).
    pub after: Value,
}

/// Compares what `want` states with `have`, recursing into plain objects; what `want` leaves out is left alone.
/// Lists are compared whole: kinds sort those that AWS treats as sets in `normalize`. Of a value that nobody knows
/// nothing is known to differ.
pub fn diff(want: &Value, have: &Value) -> Vec<Difference> {
    let mut out = Vec::new();
    if let (Value::Object(want), Value::Object(have)) = (want, have) {
        diff_maps("", want, have, &mut out);
    }
    out
}

fn diff_maps(prefix: &str, want: &Map<String, Value>, have: &Map<String, Value>, out: &mut Vec<Difference>) {
    for (key, after) in want {
        let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        let before = have.get(key).unwrap_or(&Value::Null);
        match (after, before) {
            (Value::Object(a), Value::Object(b))
                if node(after) == Node::Plain && node(before) == Node::Plain && !a.is_empty() =>
            {
                diff_maps(&path, a, b, out);
                // A map's key that is live but not wanted is a difference too: user maps are stated whole.
                for (extra, value) in b.iter().filter(|(k, v)| !a.contains_key(*k) && !v.is_null()) {
                    out.push(Difference { path: format!("{path}.{extra}"), before: value.clone(), after: Value::Null });
                }
            }
            (a, b) if equal(a, b) || matches!(node(b), Node::Novel(_)) => {}
            _ => out.push(Difference { path, before: before.clone(), after: after.clone() }),
        }
    }
}

fn equal(a: &Value, b: &Value) -> bool {
    match (node(a), node(b)) {
        (Node::Pointer { address: Some(x), .. }, Node::Pointer { address: Some(y), .. }) => x == y,
        (Node::Pointer { id: Some(x), .. }, Node::Pointer { id: Some(y), .. }) => x == y,
        _ => match (a, b) {
            (Value::Array(x), Value::Array(y)) => {
                x.len() == y.len() && (x.iter().zip(y).all(|(x, y)| equal(x, y)) || points(x) && same_set(x, y))
            }
            (Value::Object(x), Value::Object(y)) if node(a) == Node::Plain && node(b) == Node::Plain => {
                x.len() == y.len() && x.iter().all(|(k, v)| y.get(k).is_some_and(|w| equal(v, w)))
            }
            // An integer that was written 1.0 is the same number.
            (Value::Number(x), Value::Number(y)) => x == y || x.as_f64() == y.as_f64(),
            _ => a == b,
        },
    }
}

/// Does anything in this list point at a resource?
fn points(items: &[Value]) -> bool {
    items.iter().any(|item| match (node(item), item) {
        (Node::Pointer { .. }, _) => true,
        (Node::Plain, Value::Object(map)) => map.values().any(|v| matches!(node(v), Node::Pointer { .. })),
        _ => false,
    })
}

/// The same elements in any order. AWS keeps no order among the objects that a list points at, and kinds sort such
/// lists by id on the live side and by address on the wanted side.
fn same_set(x: &[Value], y: &[Value]) -> bool {
    // Plain pointers are sorted: a route table may name hundreds of subnets.
    if let (Some(x), Some(y)) = (pointed_at(x), pointed_at(y)) {
        return x == y;
    }
    let mut left: Vec<&Value> = y.iter().collect();
    x.iter().all(|a| left.iter().position(|b| equal(a, b)).map(|i| left.swap_remove(i)).is_some())
}

/// The addresses of a list of pointers, sorted; nothing if something else is in it.
fn pointed_at(items: &[Value]) -> Option<Vec<&str>> {
    let address = |item| match node(item) {
        Node::Pointer { address, .. } => address,
        _ => None,
    };
    let mut out: Vec<&str> = items.iter().map(address).collect::<Option<_>>()?;
    out.sort_unstable();
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_that_point_at_resources_have_no_order() {
        let want = json!({"subnets": [{"$ref": "a"}, {"$ref": "b"}], "rules": [{"from": {"$ref": "x"}}, {"from": {"$ref": "y"}}]});
        let have = json!({"subnets": [{"$ref": "b"}, {"$ref": "a"}], "rules": [{"from": {"$ref": "y"}}, {"from": {"$ref": "x"}}]});
        assert!(diff(&want, &have).is_empty());
        assert_eq!(diff(&json!({"subnets": [{"$ref": "a"}, {"$ref": "a"}]}), &have).len(), 1);
        assert_eq!(diff(&json!({"l": [1, 2]}), &json!({"l": [2, 1]})).len(), 1);
    }

    #[test]
    fn late_fields_lose_what_points_at_something() {
        let mut spec = json!({"in": [{"from": {"$ref": "a"}}, {"from": {"$ref": "b"}}], "out": {"$ref": "a"}, "vpc": {"$ref": "a"},
            "policies": {"x": {"$ref": "a", "attr": "arn"}, "y": 1}});
        without(&mut spec, &["in", "out", "policies"], &["a".to_owned()].into());
        assert_eq!(spec, json!({"in": [{"from": {"$ref": "b"}}], "vpc": {"$ref": "a"}, "policies": {"y": 1}}));
    }

    #[test]
    fn pointers_compare_by_address_after_mapping() {
        let mut have = json!({"vpc": {"$id": "vpc-1"}, "zones": ["a"]});
        by_address(&mut have, &[("vpc-1".to_owned(), "net.vpc".to_owned())].into());
        assert!(diff(&json!({"vpc": {"$ref": "net.vpc", "$id": "vpc-1"}}), &have).is_empty());
        let changed = diff(&json!({"vpc": {"$ref": "net.other"}, "zones": ["a", "b"]}), &have);
        assert_eq!(changed.iter().map(|d| d.path.as_str()).collect::<Vec<_>>(), ["vpc", "zones"]);
    }

    #[test]
    fn maps_are_compared_by_key_and_absent_fields_are_left_alone() {
        let have = json!({"tags": {"a": "1", "b": "2"}, "extra": true});
        let found = diff(&json!({"tags": {"a": "1", "c": "3"}}), &have);
        assert_eq!(found.iter().map(|d| d.path.as_str()).collect::<Vec<_>>(), ["tags.c", "tags.b"]);
    }

    #[test]
    fn of_a_value_that_nobody_knows_nothing_differs() {
        let have = json!({"version": novel("2.99", &json!("2.15")), "size": 1});
        assert!(diff(&json!({"version": "2.15", "size": 1}), &have).is_empty());
        assert_eq!(diff(&json!({"version": "2.12", "size": 2}), &have).len(), 1);
        assert_eq!(novelties(&have).collect::<Vec<_>>(), [("version", "2.99")]);
    }

    #[test]
    fn references_name_the_field_and_look_into_expressions() {
        let spec = json!({"subnet": {"$ref": "net.a"}, "env": {"X": {"$expr": {"fn": "template", "args": ["x", {"$ref": "fs", "attr": "dns"}]}}}});
        assert_eq!(references(&spec), [("env".into(), "fs".into()), ("subnet".into(), "net.a".into())]);
        assert!(has_unknown(&spec));
    }

    #[test]
    fn base32_follows_rfc_4648() {
        assert_eq!(base32(b"foobar"), "mzxw6ytboi");
        assert_eq!(hashed_name(&["a", "b"], 10).len(), 10);
        assert_ne!(hashed_name(&["a", "b"], 10), hashed_name(&["ab", ""], 10));
    }
}
