//! Filter patterns: which lines they fit. Words and comparisons of fields of JSON; the rest is refused.

use crate::services::prelude::*;

/// A pattern that has been understood.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Pattern {
    /// All of these are there, and none of those.
    Words { all: Vec<String>, none: Vec<String> },
    /// One of these is there.
    Any(Vec<String>),
    /// All of these comparisons hold.
    Fields(Vec<Comparison>),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Comparison {
    /// `$.detail.code`.
    selector: String,
    operator: &'static str,
    value: Wanted,
}

#[derive(Debug, Clone, PartialEq)]
enum Wanted {
    Number(f64),
    Text(String),
}

/// The longer ones first: each is looked for at the start of what is left.
const OPERATORS: [&str; 6] = ["!=", ">=", "<=", "=", ">", "<"];

fn wrong(why: impl std::fmt::Display) -> ApiError {
    ApiError::bad("InvalidParameterException", format!("Invalid filter pattern: {why}"))
}

fn missing(what: &str) -> ApiError {
    ApiError::not_implemented(format!("{what} in filter patterns"))
}

/// May it stand without quotes? Everything else may not, says the documentation of patterns.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || c == '_')
}

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Self, ApiError> {
        let text = text.trim();
        match text.strip_prefix('{') {
            Some(inside) => {
                let inside = inside.strip_suffix('}').ok_or_else(|| wrong("a closing brace is missing"))?;
                fields(inside).map(Self::Fields)
            }
            None if text.starts_with('[') => Err(missing("fields between spaces")),
            None => words(text),
        }
    }

    pub(super) fn fits(&self, line: &str) -> bool {
        let has = |word: &String| line.contains(word.as_str());
        match self {
            Self::Words { all, none } => all.iter().all(has) && !none.iter().any(has),
            Self::Any(words) => words.iter().any(has),
            Self::Fields(wanted) => {
                serde_json::from_str(line).is_ok_and(|line| wanted.iter().all(|one| one.holds(&line)))
            }
        }
    }
}

/// The part of a line in JSON that a selector means.
pub(super) fn select<'v>(line: &'v Value, selector: &str) -> Option<&'v Value> {
    selector.strip_prefix("$.")?.split('.').try_fold(line, |value, key| value.get(key))
}

impl Comparison {
    /// What a line does not have equals nothing, and differs from nothing.
    fn holds(&self, line: &Value) -> bool {
        let Some(found) = select(line, &self.selector) else { return false };
        match (&self.value, found) {
            (Wanted::Number(wanted), Value::Number(found)) => {
                let order = found.as_f64().and_then(|found| found.partial_cmp(wanted));
                order.is_some_and(|order| match self.operator {
                    "=" => order.is_eq(),
                    "!=" => order.is_ne(),
                    ">" => order.is_gt(),
                    ">=" => order.is_ge(),
                    "<" => order.is_lt(),
                    _ => order.is_le(),
                })
            }
            (Wanted::Text(wanted), Value::String(found)) => (wanted == found) == (self.operator == "="),
            _ => self.operator == "!=",
        }
    }
}

/// `NVRM "fell off the bus" -test`.
fn words(text: &str) -> Result<Pattern, ApiError> {
    let (mut all, mut none, mut any) = (Vec::new(), Vec::new(), Vec::new());
    let mut rest = text;
    while !rest.is_empty() {
        let into = match rest.as_bytes()[0] {
            b'-' => &mut none,
            b'?' => &mut any,
            _ => &mut all,
        };
        let (word, after) = one(rest.strip_prefix(['-', '?']).unwrap_or(rest))?;
        into.push(word);
        rest = after.trim_start();
    }
    match (any.is_empty(), all.is_empty() && none.is_empty()) {
        (true, _) => Ok(Pattern::Words { all, none }),
        (false, true) => Ok(Pattern::Any(any)),
        (false, false) => Err(missing("terms with `?` beside others")),
    }
}

/// The first word or phrase, and what is behind it.
fn one(text: &str) -> Result<(String, &str), ApiError> {
    if text.starts_with('"') {
        return phrase(text);
    }
    if text.starts_with('%') {
        return Err(missing("regular expressions"));
    }
    let (word, rest) = text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()));
    if is_plain(word) {
        Ok((word.to_owned(), rest))
    } else {
        Err(wrong(format!("Invalid character(s) in term '{word}'")))
    }
}

/// A text in double quotes, in which a backslash stands before a quote, and what is behind it.
fn phrase(text: &str) -> Result<(String, &str), ApiError> {
    let mut out = String::new();
    let mut letters = text.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Ok((out, &text[at + 1..])),
            '\\' => out.extend(letters.next().map(|(_, letter)| letter)),
            _ => out.push(letter),
        }
    }
    Err(wrong("a closing quote is missing"))
}

/// `$.level = "error" && $.ms > 100`.
fn fields(text: &str) -> Result<Vec<Comparison>, ApiError> {
    let mut out = Vec::new();
    let mut rest = text.trim();
    loop {
        let (comparison, after) = comparison(rest)?;
        out.push(comparison);
        rest = after.trim_start();
        match rest.strip_prefix("&&") {
            Some(more) => rest = more.trim_start(),
            None if rest.is_empty() => return Ok(out),
            None => return Err(missing("anything but `&&` between comparisons")),
        }
    }
}

fn comparison(text: &str) -> Result<(Comparison, &str), ApiError> {
    let end = text.find(|c: char| c.is_whitespace() || "!=<>".contains(c)).unwrap_or(text.len());
    let (selector, rest) = text.split_at(end);
    let path = selector.strip_prefix("$.").ok_or_else(|| missing("anything but comparisons of `$.field`"))?;
    if !path.split('.').all(|key| !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')) {
        return Err(missing("selectors other than `$.field.field`"));
    }
    let rest = rest.trim_start();
    let operator = OPERATORS.into_iter().find(|operator| rest.starts_with(operator));
    let operator = operator.ok_or_else(|| missing("comparisons other than =, !=, >, <, >= and <="))?;
    let rest = rest[operator.len()..].trim_start();
    let (value, rest) = if rest.starts_with('"') {
        let (text, rest) = phrase(rest)?;
        (Wanted::Text(text), rest)
    } else {
        let (word, rest) = rest.split_at(rest.find(|c: char| c.is_whitespace() || c == '&').unwrap_or(rest.len()));
        let number = word.parse().ok().filter(|number: &f64| number.is_finite()).map(Wanted::Number);
        let text = || if is_plain(word) { Ok(Wanted::Text(word.to_owned())) } else { Err(missing("such values")) };
        (number.map_or_else(text, Ok)?, rest)
    };
    match &value {
        Wanted::Text(text) if text.contains('*') => Err(missing("wildcards")),
        Wanted::Text(_) if !matches!(operator, "=" | "!=") => Err(wrong("texts are equal or not")),
        _ => Ok((Comparison { selector: selector.to_owned(), operator, value }, rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(pattern: &str, line: &str) -> bool {
        Pattern::parse(pattern).unwrap().fits(line)
    }

    #[test]
    fn words_are_there_or_not() {
        let line = "kernel: NVRM: Xid (PCI:0000:10:1c): 79, GPU has fallen off the bus.";
        for pattern in ["", "NVRM Xid", "\"NVRM: Xid\"", "Xid -test", "?Oops ?Xid", "Xid -\"Xid: 43\""] {
            assert!(fits(pattern, line), "{pattern}");
        }
        for pattern in ["xid", "NVRM Oops", "\"Xid NVRM\"", "Xid -fallen", "-\"the bus\"", "?Oops ?Panic"] {
            assert!(!fits(pattern, line), "{pattern}");
        }
        assert!(fits(r#""say \"no\"""#, r#"they say "no" to it"#));
    }

    #[test]
    fn fields_are_compared() {
        let line = r#"{"level": "error", "ms": 120.5, "detail": {"code": 7, "on": true}, "run-id": "a && b"}"#;
        for pattern in [
            "{ $.level = \"error\" }",
            "{$.level=error}",
            "{ $.level != \"warn\" && $.ms > 100 }",
            "{ $.ms >= 120.5 && $.ms <= 120.5 && $.detail.code < 8 }",
            "{ $.detail.code = 7 }",
            "{ $.run-id = \"a && b\" }",
            "{ $.detail.on != 1 }",
        ] {
            assert!(fits(pattern, line), "{pattern}");
        }
        for pattern in [
            "{ $.level = \"warn\" }",
            "{ $.ms > 120.5 }",
            "{ $.ms = 120 }",
            "{ $.ms < 100 && $.level = error }",
            "{ $.none != 1 }",
            "{ $.level > 1 }",
        ] {
            assert!(!fits(pattern, line), "{pattern}");
        }
        assert!(!fits("{ $.level = error }", "level = error"), "no JSON");
    }

    #[test]
    fn what_cannot_be_judged_is_refused() {
        let code = |pattern: &str| Pattern::parse(pattern).unwrap_err().code;
        for pattern in ["NVRM: Xid", "\"open", "{ $.a = 1", "a.b", "{ $.a > \"x\" }", "-"] {
            assert_eq!(code(pattern), "InvalidParameterException", "{pattern}");
        }
        let known = code("[a, b]");
        for pattern in [
            "%x%",
            "?a b",
            "{ $.a = 1 || $.b = 2 }",
            "{ ($.a = 1) }",
            "{ $.a IS NULL }",
            "{ $.a[0] = 1 }",
            "{ $.a = x* }",
            "{ $.a = \"x*\" }",
            "{ $.a = %x% }",
        ] {
            assert_eq!(code(pattern), known, "{pattern}");
        }
    }
}
