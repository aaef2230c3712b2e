//! What AWS's front end refuses before anything else, in its words: every problem of a request at once.

use serde_json::{Map, Value};

use super::{Facts, Shape, Type, join};
use crate::error::ApiError;

/// How many problems AWS names in one answer.
const MOST: usize = 10;

impl Facts {
    /// Checks a request: everything that AWS's front end would refuse, in its words.
    pub(crate) fn check(
        &self,
        operation: &str,
        fields: &Map<String, Value>,
        code: &'static str,
    ) -> Result<(), ApiError> {
        let mut problems = Vec::new();
        if let Some(shape) = self.input(operation) {
            self.structure(shape, "", fields, &mut problems);
        }
        if problems.is_empty() {
            return Ok(());
        }
        let (count, s) = (problems.len(), if problems.len() == 1 { "" } else { "s" });
        problems.truncate(MOST);
        Err(ApiError::bad(code, format!("{count} validation error{s} detected: {}", problems.join("; "))))
    }

    fn structure(&self, shape: &Shape, path: &str, fields: &Map<String, Value>, problems: &mut Vec<String>) {
        for (name, member) in &shape.members {
            let path = join(path, &lower(name));
            let given = fields.get(member.name.as_ref().unwrap_or(name));
            match given.filter(|value| !value.is_null()) {
                Some(value) => self.value(&member.shape, &path, value, problems),
                None if shape.required.contains(name) => {
                    problems.push(problem(Some("null"), &path, "Member must not be null"));
                }
                None => {}
            }
        }
    }

    fn value(&self, name: &str, path: &str, value: &Value, problems: &mut Vec<String>) {
        let Some(shape) = self.shapes.get(name) else { return };
        match (shape.r#type, value) {
            (Type::Structure, Value::Object(fields)) => self.structure(shape, path, fields, problems),
            (Type::List, _) => {
                let items = items(value);
                let shown = || format!("[{}]", items.iter().map(|item| plain(item)).collect::<Vec<_>>().join(", "));
                shape.check(&shape.sizes(items.len()), path, shown, problems);
                for (at, item) in items.iter().enumerate() {
                    let path = format!("{path}.{}.member", at + 1);
                    shape.member.as_deref().into_iter().for_each(|inner| self.value(inner, &path, item, problems));
                }
            }
            (Type::Map, Value::Object(map)) => self.map(shape, path, map, problems),
            (Type::String, Value::String(text)) => shape.check(&shape.texts(text), path, || text.clone(), problems),
            (Type::Integer | Type::Long | Type::Float | Type::Double, _) => {
                shape.check(&shape.numbers(value), path, || plain(value), problems);
            }
            _ => {}
        }
    }

    fn map(&self, shape: &Shape, path: &str, map: &Map<String, Value>, problems: &mut Vec<String>) {
        let pair = |(key, value): (&String, &Value)| format!("{key}={}", plain(value));
        let shown = || format!("{{{}}}", map.iter().map(pair).collect::<Vec<_>>().join(", "));
        let mut say = |rule: String| shape.check(&[rule], path, shown, problems);
        shape.sizes(map.len()).into_iter().for_each(&mut say);
        let of = |name: &Option<String>| name.as_ref().and_then(|name| self.shapes.get(name));
        if let Some(rules) = of(&shape.key).and_then(|inner| map.keys().map(|key| inner.texts(key)).find(is_broken)) {
            say(format!("Map keys must satisfy constraint: [{}]", rules.join(", ")));
        }
        let texts = || map.values().filter_map(Value::as_str);
        if let Some(rules) = of(&shape.value).and_then(|inner| texts().map(|text| inner.texts(text)).find(is_broken)) {
            say(format!("Map value must satisfy constraint: [{}]", rules.join(", ")));
        }
    }
}

#[allow(clippy::ptr_arg, reason = "what `find` takes")]
fn is_broken(rules: &Vec<String>) -> bool {
    !rules.is_empty()
}

impl Shape {
    /// The rules of its length that something of a size breaks.
    fn sizes(&self, size: usize) -> Vec<String> {
        let few = self.min.filter(|min| (size as f64) < *min);
        let many = self.max.filter(|max| size as f64 > *max);
        let few = few.map(|min| format!("Member must have length greater than or equal to {min}"));
        let many = many.map(|max| format!("Member must have length less than or equal to {max}"));
        few.into_iter().chain(many).collect()
    }

    fn texts(&self, text: &str) -> Vec<String> {
        if !self.values.is_empty() {
            let is_known = self.values.iter().any(|value| value == text);
            let rule = || format!("Member must satisfy enum value set: [{}]", self.values.join(", "));
            return (!is_known).then(rule).into_iter().collect();
        }
        let mut rules = self.sizes(text.chars().count());
        if let (Some(pattern), Some(regex)) = (&self.pattern, self.regex())
            && !regex.is_match(text)
        {
            let stated = self.stated.as_ref().unwrap_or(pattern);
            rules.push(format!("Member must satisfy regular expression pattern: {stated}"));
        }
        rules
    }

    fn numbers(&self, value: &Value) -> Vec<String> {
        let number = value.as_f64().or_else(|| value.as_str()?.parse().ok());
        let Some(number) = number else { return Vec::new() };
        let few = self.min.filter(|min| number < *min);
        let many = self.max.filter(|max| number > *max);
        let few = few.map(|min| format!("Member must have value greater than or equal to {min}"));
        let many = many.map(|max| format!("Member must have value less than or equal to {max}"));
        few.into_iter().chain(many).collect()
    }

    fn check(&self, broken: &[String], path: &str, shown: impl Fn() -> String, problems: &mut Vec<String>) {
        for rule in broken {
            let quoted = (!self.sensitive).then(|| format!("'{}'", shown()));
            problems.push(problem(quoted.as_deref(), path, rule));
        }
    }
}

/// A sentence of AWS's front end; nothing = the value is secret.
fn problem(value: Option<&str>, path: &str, rule: &str) -> String {
    let value = value.map(|text| format!(" {text}")).unwrap_or_default();
    format!("Value{value} at '{path}' failed to satisfy constraint: {rule}")
}

/// AWS's front end names members as its own code does: `SubnetIds` is `subnetIds`.
fn lower(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A list as JSON has it, or as a form has it: `1`, `2`, … perhaps under `member`; an empty text is an empty list.
fn items(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::String(text) if text.is_empty() => Vec::new(),
        Value::Object(map) => {
            let map = map.get("member").and_then(Value::as_object).filter(|_| map.len() == 1).unwrap_or(map);
            let mut items: Vec<_> = map.iter().collect();
            items.sort_by_key(|(key, _)| key.parse::<u64>().unwrap_or(u64::MAX));
            items.into_iter().map(|(_, item)| item).collect()
        }
        scalar => vec![scalar],
    }
}
