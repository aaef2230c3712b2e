//! YAML's own errors in words for people, with the line as it should have been written.

use granit_parser::ErrorKind;

use crate::blueprint::expression::find_close;

/// A summary for the kinds of error that authors meet; the parser's words for the rest.
pub(super) fn words(kind: &ErrorKind) -> String {
    match kind {
        ErrorKind::TabNotAllowed | ErrorKind::TabInBlockIndentation | ErrorKind::TabInIndentation => {
            "a tab stands where YAML wants spaces".to_string()
        }
        ErrorKind::MappingValueNotAllowed => {
            "`: ` cannot stand here: YAML would read a second key on this line".to_string()
        }
        ErrorKind::UnclosedQuotedScalar => "the closing quote is missing".to_string(),
        ErrorKind::UnclosedFlowCollection { open } => format!("the closing bracket of `{open}` is missing"),
        ErrorKind::UnknownAnchor => "this alias names an anchor that does not exist".to_string(),
        ErrorKind::DirectiveDisallowed => "YAML directives are not used here".to_string(),
        ErrorKind::InvalidIndentation => "the indentation does not fit the lines above".to_string(),
        other => format!("this is not YAML: {}", other.to_string().replace('\n', " ")),
    }
}

pub(super) fn help(kind: &ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::TabNotAllowed | ErrorKind::TabInBlockIndentation | ErrorKind::TabInIndentation => {
            Some("indent with spaces, two per level")
        }
        ErrorKind::UnknownAnchor => Some("text that starts with `*` must be quoted: '*.example'"),
        _ => None,
    }
}

/// The line with the quotes that its `${…}` needs, when that is the likely repair.
pub(super) fn quoted(line: &str) -> Option<String> {
    let line = line.trim_end();
    if !line.contains("${") {
        return None;
    }
    let (head, value) = split(line);
    let fixed = match value.as_bytes().first()? {
        b'[' | b'{' => quote_inside(value),
        b'\'' => return None,
        b'"' => {
            let inner = value.strip_prefix('"').map(|v| v.strip_suffix('"').unwrap_or(v))?;
            format!("'{}'", inner.replace("\\\"", "\"").replace('\'', "''"))
        }
        _ => format!("'{}'", value.replace('\'', "''")),
    };
    (fixed != value).then(|| format!("{}{fixed}", head.trim_start()))
}

/// The indentation, dashes and key of a line, and the rest.
fn split(line: &str) -> (&str, &str) {
    let mut at = line.len() - line.trim_start().len();
    while line[at..].starts_with("- ") {
        at += 2 + (line[at + 2..].len() - line[at + 2..].trim_start().len());
    }
    let key = line[at..].find(|c: char| !(c.is_ascii_alphanumeric() || "_-./".contains(c))).unwrap_or(0);
    if key > 0 && line[at + key..].starts_with(": ") {
        at += key + 1;
        at += line[at..].len() - line[at..].trim_start().len();
    }
    line.split_at(at)
}

/// Quotes around each bare `${…}` of a flow collection.
fn quote_inside(value: &str) -> String {
    let mut out = String::new();
    let mut at = 0;
    let mut quote = None;
    while let Some(c) = value[at..].chars().next() {
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(q), _) if c == q => quote = None,
            (None, '$') if value[at..].starts_with("${") => {
                if let Some(close) = find_close(value, at + 2) {
                    let end = close + 1;
                    out.push('\'');
                    out.push_str(&value[at..end].replace('\'', "''"));
                    out.push('\'');
                    at = end;
                    continue;
                }
            }
            _ => {}
        }
        out.push(c);
        at += c.len_utf8();
    }
    out
}
