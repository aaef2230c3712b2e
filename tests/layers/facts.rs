//! Kinds against AWS's facts: every enum, bound and pattern of a kind's schema is the one that AWS publishes for the
//! member which the field becomes, or `src/kinds/facts.txt` states the difference and its reason.
use dlinfra::kinds::KINDS;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

const TABLE: &str = include_str!("../../src/kinds/facts.txt");

/// What a schema or a model says of the values of a field.
#[derive(Debug, Default, Clone, PartialEq)]
struct Said {
    values: BTreeSet<String>,
    least: Option<f64>,
    most: Option<f64>,
    pattern: Option<String>,
    /// The bounds are those of a length.
    is_text: bool,
}

impl Said {
    fn is_something(&self) -> bool {
        !self.values.is_empty() || self.least.is_some() || self.most.is_some() || self.pattern.is_some()
    }
}

/// Every field of a schema, by its path without the items of lists.
fn fields(schema: &Value, path: &str, out: &mut BTreeMap<String, Said>) {
    let mut said = Said { is_text: schema["type"] == "string", ..Said::default() };
    said.values.extend(schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
    said.values.extend(schema["const"].as_str().map(str::to_owned));
    // An unsigned number says that it is not below zero, which is no bound of AWS's.
    let own = schema["format"].as_str().is_some_and(|format| format.starts_with("uint"));
    said.least = schema["minimum"].as_f64().filter(|least| !own || *least > 0.0).or(schema["minLength"].as_f64());
    said.most = schema["maximum"].as_f64().or(schema["maxLength"].as_f64());
    said.pattern = schema["pattern"].as_str().map(str::to_owned);
    let known = out.entry(path.to_owned()).or_default();
    known.values.extend(said.values);
    (known.least, known.most) = (known.least.or(said.least), known.most.or(said.most));
    known.pattern = known.pattern.take().or(said.pattern);
    known.is_text |= said.is_text;
    for key in ["anyOf", "oneOf", "allOf"] {
        schema[key].as_array().into_iter().flatten().for_each(|inner| fields(inner, path, out));
    }
    if schema["items"].is_object() {
        fields(&schema["items"], path, out);
    }
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        fields(inner, &path, out);
    }
}

/// What AWS says of a member; lists are stepped into.
fn member(service: &str, operation: &str, path: &str) -> Said {
    let file = format!("{}/sandbox/models/{service}.json", env!("CARGO_MANIFEST_DIR"));
    let model: Value = serde_json::from_str(&fs::read_to_string(&file).expect(&file)).unwrap();
    let item = |mut name: String| {
        while let Some(inner) = model["shapes"][&name]["member"].as_str() {
            name = inner.to_owned();
        }
        name
    };
    let mut shape = model["operations"][operation]["input"].as_str().expect(operation).to_owned();
    for part in path.split('.') {
        let found = &model["shapes"][&shape]["members"][part];
        let name = found.as_str().or(found["shape"].as_str());
        assert!(name.is_some(), "{service}:{operation} has no {path}: {part} is not there");
        shape = item(name.unwrap().to_owned());
    }
    let found = &model["shapes"][&shape];
    let values = found["enum"].as_array().into_iter().flatten().filter_map(Value::as_str);
    Said {
        values: values.map(word).collect(),
        least: found["min"].as_f64(),
        most: found["max"].as_f64(),
        pattern: found["stated"].as_str().or(found["pattern"].as_str()).map(str::to_owned),
        is_text: found["type"] == "string",
    }
}

/// A value of AWS's as kinds write it: `STANDARD_IA` and `GreaterThanThreshold` with small letters and dashes.
fn word(value: &str) -> String {
    let mut out = String::new();
    for (i, c) in value.char_indices() {
        let begins = c.is_ascii_uppercase() && value[..i].ends_with(|before: char| before.is_ascii_lowercase());
        out.extend(begins.then_some('-'));
        out.push(if c == '_' { '-' } else { c.to_ascii_lowercase() });
    }
    out
}

/// How two differ, in one line; empty where they do not.
fn difference(aws: &Said, here: &Said) -> String {
    let list = |values: BTreeSet<String>| values.into_iter().collect::<Vec<_>>().join(", ");
    if aws.values.is_empty() && !here.values.is_empty() {
        return format!("AWS: any text, here: {}", list(here.values.clone()));
    }
    let mut parts = Vec::new();
    if !aws.values.is_empty() {
        let (also, only) = (&aws.values - &here.values, &here.values - &aws.values);
        if !also.is_empty() {
            parts.push(format!("AWS also: {}", list(also)));
        }
        if !only.is_empty() {
            parts.push(format!("only here: {}", list(only)));
        }
        return parts.join("; ");
    }
    // That a number is not negative, both mean without saying it.
    let least = |said: &Said| said.least.filter(|least| *least > 0.0);
    if (least(aws), aws.most) != (least(here), here.most) {
        let shown = |bound: Option<f64>| bound.map_or("-".to_owned(), |bound| bound.to_string());
        let both = |said: &Said, zero: bool| {
            let least = said.least.or(zero.then_some(0.0));
            format!("{} to {}", shown(least), shown(said.most))
        };
        let zero = !here.is_text && aws.least.is_some();
        parts.push(format!("AWS: {}, here: {}", both(aws, false), both(here, zero)));
    }
    if let Some(pattern) = aws.pattern.as_ref().filter(|pattern| here.pattern.as_ref() != Some(*pattern)) {
        parts.push(format!("AWS's pattern: {pattern}"));
    }
    parts.join("; ")
}

#[test]
fn schemas_say_what_aws_says_or_why_they_do_not() {
    let mut lines = BTreeMap::new();
    for line in TABLE.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let parts: Vec<&str> = line.split(" | ").flat_map(|part| part.split("| ")).map(str::trim).collect();
        let known = lines.insert(parts[0].to_owned(), parts[1..].to_vec());
        assert!(known.is_none(), "{} stands twice in src/kinds/facts.txt", parts[0]);
    }
    let mut wrong = Vec::new();
    let mut held = 0;
    for kind in KINDS {
        let mut found = BTreeMap::new();
        fields(&kind.schema(), "", &mut found);
        for (field, here) in found {
            let name = format!("{}.{field}", kind.name());
            let stated = lines.remove(&name);
            let Some(stated) = stated else {
                if here.is_something() {
                    wrong.push(format!("{name} has no line: {here:?}"));
                }
                continue;
            };
            let part = |at: usize| stated.get(at).copied().unwrap_or_default();
            let Some((operation, path)) = part(0).split_once(' ') else {
                if part(2).is_empty() {
                    wrong.push(format!("{name} becomes no member, and no reason says what it is"));
                }
                continue;
            };
            let (service, operation) = operation.split_once(':').unwrap();
            let found = difference(&member(service, operation, path), &here);
            if found != part(1) {
                wrong.push(format!("{name}: the difference is `{found}`, and the table says `{}`", part(1)));
            }
            if !found.is_empty() && part(2).is_empty() {
                wrong.push(format!("{name}: {found}, and no reason is given"));
            }
            held += 1;
        }
    }
    wrong.extend(lines.keys().map(|name| format!("{name} is in the table, and no kind has it")));
    assert!(wrong.is_empty(), "src/kinds/facts.txt:\n{}", wrong.join("\n"));
    assert!(held >= 20, "{held}");
}

#[test]
fn differences_are_seen_in_each_direction() {
    let said = |values: &[&str]| Said { values: values.iter().map(|&it| it.to_owned()).collect(), ..Said::default() };
    assert_eq!(difference(&said(&["a", "b"]), &said(&["b", "c"])), "AWS also: a; only here: c");
    assert_eq!(difference(&said(&["a"]), &said(&["a"])), "");
    assert_eq!(difference(&said(&[]), &said(&["x"])), "AWS: any text, here: x");
    let bounds = |least, most| Said { least, most, ..Said::default() };
    assert_eq!(difference(&bounds(Some(1.0), Some(9.0)), &bounds(Some(1.0), None)), "AWS: 1 to 9, here: 1 to -");
    assert_eq!(difference(&bounds(None, None), &bounds(Some(1.0), None)), "AWS: - to -, here: 1 to -");
    let aws = Said { pattern: Some("[a-z]+".to_owned()), is_text: true, ..Said::default() };
    assert_eq!(difference(&aws, &Said::default()), "AWS's pattern: [a-z]+");
    assert_eq!(difference(&aws, &aws), "");
}
