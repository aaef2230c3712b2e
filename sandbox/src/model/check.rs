//! What AWS's front end refuses before anything else, in its words: every problem of a request at once.

use serde_json::{Map, Value};

use super::{Facts, Shape, Type};
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
        let problems = self.problems(operation, fields);
        if problems.is_empty() {
            return Ok(());
        }
        let (count, s) = (problems.len(), if problems.len() == 1 { "" } else { "s" });
        let said: Vec<String> = problems.iter().take(MOST).map(Problem::sentence).collect();
        Err(ApiError::bad(code, format!("{count} validation error{s} detected: {}", said.join("; "))))
    }

    fn problems(&self, operation: &str, fields: &Map<String, Value>) -> Vec<Problem> {
        let mut problems = Vec::new();
        if let Some(shape) = self.input(operation) {
            self.structure(shape, &Path(None, ""), fields, &mut problems);
        }
        problems
    }

    /// Checks a request to EC2, which stops at the first problem and has words of its own. `own` are the types that the
    /// operations word for themselves.
    pub(crate) fn check_ec2(&self, operation: &str, fields: &Map<String, Value>, own: &[&str]) -> Result<(), ApiError> {
        let invalid = |message: String| Err(ApiError::bad("InvalidParameterValue", message));
        for problem in self.problems(operation, fields) {
            let (value, path) = (problem.value.unwrap_or_default(), problem.path.replace(".member", ""));
            match problem.rule {
                // Which parameter is named first where several are missing, the handlers know.
                Rule::Missing => {}
                Rule::Enum(shape, _) if own.contains(&shape.as_str()) => {}
                Rule::Enum(..) => return invalid(format!("Value ({value}) for parameter {path} is invalid.")),
                Rule::Below(least, most) | Rule::Above(least, most) => {
                    let bounds = match (least, most) {
                        (Some(least), Some(most)) => format!("a value between {least} and {most}"),
                        (Some(least), None) => format!("a value greater than or equal to {least}"),
                        (None, most) => format!("a value less than or equal to {}", most.unwrap_or_default()),
                    };
                    return invalid(format!("Value ( {value} ) for parameter {path} is invalid. Expecting {bounds}."));
                }
                // Lengths and patterns of texts and lists EC2 words by what they are about.
                Rule::Length(..) | Rule::Pattern(_) | Rule::Map(..) => {}
            }
        }
        Ok(())
    }

    /// Whether the XML body of a request is of the form that AWS publishes: what is required is there, and no text is
    /// outside of its enum, but for the types in `own`.
    pub(crate) fn admits_body(&self, operation: &str, fields: &Map<String, Value>, own: &[&str]) -> bool {
        let Some(input) = self.input(operation) else { return true };
        let Some((name, member)) = input.payload.as_ref().and_then(|name| input.members.get_key_value(name)) else {
            return true;
        };
        let mut problems = Vec::new();
        if let (Some(Value::Object(body)), Some(shape)) =
            (fields.get(member.asked(name)), self.shapes.get(&member.shape))
        {
            self.structure(shape, &Path(None, ""), body, &mut problems);
        }
        let is_wrong = |problem: &Problem| match &problem.rule {
            Rule::Missing => true,
            Rule::Enum(shape, _) => !own.contains(&shape.as_str()),
            _ => false,
        };
        !problems.iter().any(is_wrong)
    }

    fn structure(&self, shape: &Shape, path: &Path<'_>, fields: &Map<String, Value>, problems: &mut Vec<Problem>) {
        for (name, member) in &shape.members {
            // A form that was read by the model has the model's names already.
            let renamed = || fields.get(name).filter(|_| member.name.is_some());
            let given = fields.get(member.asked(name)).or_else(renamed).filter(|value| !value.is_null());
            let path = Path(Some(path), name);
            match given {
                Some(value) => self.value(&member.shape, &path, value, problems),
                None if shape.required.contains(name) => {
                    problems.push(Problem { value: Some("null".to_owned()), path: path.text(), rule: Rule::Missing });
                }
                None => {}
            }
        }
    }

    fn value(&self, name: &str, path: &Path<'_>, value: &Value, problems: &mut Vec<Problem>) {
        let Some(shape) = self.shapes.get(name) else { return };
        match (shape.r#type, value) {
            (Type::Structure, Value::Object(fields)) => self.structure(shape, path, fields, problems),
            (Type::List, _) => {
                let items = items(shape, value);
                let shown = || format!("[{}]", items.iter().map(|item| plain(item)).collect::<Vec<_>>().join(", "));
                shape.say(shape.sizes(items.len()), path, shown, problems);
                for (at, item) in items.iter().enumerate() {
                    let number = (at + 1).to_string();
                    let path = Path(Some(path), &number);
                    let path = Path(Some(&path), "member");
                    shape.member.as_deref().into_iter().for_each(|inner| self.value(inner, &path, item, problems));
                }
            }
            (Type::Map, Value::Object(map)) => self.map(shape, path, map, problems),
            (Type::String, Value::String(text)) => shape.say(shape.texts(name, text), path, || text.clone(), problems),
            (Type::Integer | Type::Long | Type::Float | Type::Double, _) => {
                shape.say(shape.numbers(value), path, || plain(value), problems);
            }
            _ => {}
        }
    }

    fn named<'f>(&'f self, name: Option<&'f String>) -> Option<(&'f String, &'f Shape)> {
        Some((name?, self.shapes.get(name?)?))
    }

    fn map(&self, shape: &Shape, path: &Path<'_>, map: &Map<String, Value>, problems: &mut Vec<Problem>) {
        let pair = |(key, value): (&String, &Value)| format!("{key}={}", plain(value));
        let shown = || format!("{{{}}}", map.iter().map(pair).collect::<Vec<_>>().join(", "));
        shape.say(shape.sizes(map.len()), path, shown, problems);
        let mut texts = |what: &'static str, (name, inner): (&String, &Shape), text: &str| {
            let rules: Vec<String> = inner.texts(name, text).iter().map(Rule::words).collect();
            let is_broken = !rules.is_empty();
            shape.say(is_broken.then_some(Rule::Map(what, rules)).into_iter().collect(), path, shown, problems);
            is_broken
        };
        if let Some(inner) = self.named(shape.key.as_ref()) {
            let _first = map.keys().find(|key| texts("keys", inner, key));
        }
        if let Some(inner) = self.named(shape.value.as_ref()) {
            let _first = map.values().filter_map(Value::as_str).find(|text| texts("value", inner, text));
        }
    }
}

/// Where a value stands; written out only when there is something to say of it.
struct Path<'p>(Option<&'p Path<'p>>, &'p str);

impl Path<'_> {
    fn text(&self) -> String {
        match self.0 {
            Some(outer) if !outer.1.is_empty() => format!("{}.{}", outer.text(), lower(self.1)),
            _ => lower(self.1),
        }
    }
}

/// What breaks the model.
struct Problem {
    /// Nothing = it is secret.
    value: Option<String>,
    path: String,
    rule: Rule,
}

enum Rule {
    Missing,
    /// The name of the type, and what it may be.
    Enum(String, Vec<String>),
    /// The bound of a length that is broken: the least or the most.
    Length(Option<f64>, Option<f64>),
    /// The bounds of a number that is too small.
    Below(Option<f64>, Option<f64>),
    /// The bounds of a number that is too large.
    Above(Option<f64>, Option<f64>),
    Pattern(String),
    /// What the keys or the value of a map break.
    Map(&'static str, Vec<String>),
}

impl Rule {
    fn words(&self) -> String {
        match self {
            Self::Missing => "Member must not be null".to_owned(),
            Self::Enum(_, values) => format!("Member must satisfy enum value set: [{}]", values.join(", ")),
            Self::Length(Some(min), _) => format!("Member must have length greater than or equal to {min}"),
            Self::Length(_, max) => {
                format!("Member must have length less than or equal to {}", max.unwrap_or_default())
            }
            Self::Below(min, _) => {
                format!("Member must have value greater than or equal to {}", min.unwrap_or_default())
            }
            Self::Above(_, max) => format!("Member must have value less than or equal to {}", max.unwrap_or_default()),
            Self::Pattern(stated) => format!("Member must satisfy regular expression pattern: {stated}"),
            Self::Map(what, rules) => format!("Map {what} must satisfy constraint: [{}]", rules.join(", ")),
        }
    }
}

impl Problem {
    /// A sentence of AWS's front end.
    fn sentence(&self) -> String {
        let value = match (&self.value, &self.rule) {
            (Some(_), Rule::Missing) => " null".to_owned(),
            (Some(value), _) => format!(" '{value}'"),
            (None, _) => String::new(),
        };
        format!("Value{value} at '{}' failed to satisfy constraint: {}", self.path, self.rule.words())
    }
}

impl Shape {
    /// The rules of its length that something of a size breaks.
    fn sizes(&self, size: usize) -> Vec<Rule> {
        let few = self.min.filter(|min| (size as f64) < *min).map(|min| Rule::Length(Some(min), None));
        let many = self.max.filter(|max| size as f64 > *max).map(|max| Rule::Length(None, Some(max)));
        few.into_iter().chain(many).collect()
    }

    fn texts(&self, name: &str, text: &str) -> Vec<Rule> {
        if !self.values.is_empty() {
            let is_known = self.values.iter().any(|value| value == text);
            return (!is_known).then(|| Rule::Enum(name.to_owned(), self.values.clone())).into_iter().collect();
        }
        let mut rules = self.sizes(text.chars().count());
        if let (Some(pattern), Some(regex)) = (&self.pattern, self.regex())
            && !regex.is_match(text)
        {
            rules.push(Rule::Pattern(self.stated.as_ref().unwrap_or(pattern).clone()));
        }
        rules
    }

    fn numbers(&self, value: &Value) -> Vec<Rule> {
        if self.min.is_none() && self.max.is_none() {
            return Vec::new();
        }
        let number = value.as_f64().or_else(|| value.as_str()?.parse().ok());
        let Some(number) = number else { return Vec::new() };
        if self.min.is_some_and(|min| number < min) {
            return vec![Rule::Below(self.min, self.max)];
        }
        let broken = self.max.is_some_and(|max| number > max);
        broken.then_some(Rule::Above(self.min, self.max)).into_iter().collect()
    }

    fn say(&self, broken: Vec<Rule>, path: &Path<'_>, shown: impl Fn() -> String, problems: &mut Vec<Problem>) {
        for rule in broken {
            problems.push(Problem { value: (!self.sensitive).then(&shown), path: path.text(), rule });
        }
    }
}

/// AWS's front end names members as its own code does: `SubnetIds` is `subnetIds`.
fn lower(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A list as JSON has it, as a form has it (`1`, `2`, … perhaps under `member`), or as XML has it (repeated elements,
/// perhaps inside of one); an empty text is an empty list.
fn items<'v>(shape: &Shape, value: &'v Value) -> Vec<&'v Value> {
    let name = shape.item.as_deref().unwrap_or("member");
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::String(text) if text.is_empty() => Vec::new(),
        Value::Object(map) => {
            let numbered = |map: &'v Map<String, Value>| {
                let mut items: Vec<_> = map.iter().map(|(key, item)| (key.parse::<u64>().ok(), item)).collect();
                items.sort_by_key(|(number, _)| *number);
                items.iter().all(|(number, _)| number.is_some()).then(|| items.into_iter().map(|(_, it)| it).collect())
            };
            match map.get(name).filter(|_| map.len() == 1) {
                Some(Value::Array(items)) => items.iter().collect(),
                Some(Value::Object(inner)) => numbered(inner).unwrap_or_else(|| vec![&map[name]]),
                Some(single) => vec![single],
                None => numbered(map).unwrap_or_else(|| vec![value]),
            }
        }
        scalar => vec![scalar],
    }
}
