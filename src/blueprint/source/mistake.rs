//! YAML's own errors in words for people, with the line as it should have been written.

use granit_parser::ErrorKind;

use crate::expression::find_close;

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
        ErrorKind::SimpleKeyExpected => "a key is written `key: value`, with a space after the colon".to_string(),
        ErrorKind::UnclosedFlowCollection { open } => format!("the closing bracket of `{open}` is missing"),
        ErrorKind::UnknownAnchor => "this alias names an anchor that does not exist".to_string(),
        ErrorKind::DirectiveDisallowed => "YAML directives are not used here".to_string(),
        ErrorKind::InvalidIndentation | ErrorKind::ExpectedBlockMappingKey | ErrorKind::ExpectedBlockSequenceEntry => {
            "the indentation does not fit the lines above".to_string()
        }
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

/// What is wrong with a text that the parser cannot read, when the line that it stops at is not where the mistake is.
pub(super) struct Cause {
    pub(super) at: std::ops::Range<usize>,
    pub(super) summary: String,
    pub(super) help: String,
}

/// A tab in the indentation, a quote that is closed lines later, or a line that is indented like none above it.
pub(super) fn cause(text: &str, at: usize, last: Option<std::ops::Range<usize>>) -> Option<Cause> {
    let start = text.get(..at)?.rfind('\n').map_or(0, |n| n + 1);
    let from = last.as_ref().map_or(0, |l| l.start);
    let next = text[start..].find('\n').map_or(text.len(), |n| start + n + 1);
    tab(text, from, start)
        .or_else(|| unclosed(text, at, last))
        .or_else(|| indented(text, start))
        // A value that seems to go on in the next line, which is only indented with a tab.
        .or_else(|| tab(text, next, next))
}

/// A tab before the first word of a line, from the last thing that was read up to the line of the error.
fn tab(text: &str, from: usize, line: usize) -> Option<Cause> {
    let mut start = text.get(..from)?.rfind('\n').map_or(0, |n| n + 1);
    while start <= line {
        let here = text.get(start..)?.split('\n').next().unwrap_or_default();
        let indent = &here[..here.len() - here.trim_start().len()];
        if let Some(tab) = indent.find('\t').filter(|_| !here.trim().is_empty()) {
            return Some(Cause {
                at: start + tab..start + tab + 1,
                summary: "a tab stands where YAML wants spaces".to_string(),
                help: "indent with spaces, two per level".to_string(),
            });
        }
        start += here.len() + 1;
    }
    None
}

/// A quote that swallows the lines after it, up to the next quote, which was meant to open something else. The parser
/// reads ahead of what it hands out, so the search goes from the last thing that was read.
fn unclosed(text: &str, at: usize, last: Option<std::ops::Range<usize>>) -> Option<Cause> {
    let last = last.unwrap_or_default();
    let read_whole = text.get(last.clone()).is_some_and(|t| t.starts_with(['"', '\'']));
    let mut from = if read_whole { last.start } else { last.end };
    while from < at {
        let rest = text.get(from..at)?;
        let found = rest.char_indices().find(|(i, c)| {
            let before = text[..from + i].chars().next_back();
            let opens = before.is_none_or(|b| b.is_whitespace() || "[{,".contains(b));
            opens && matches!(c, '"' | '\'' | '#')
        });
        let (i, quote) = found?;
        let open = from + i;
        if quote == '#' {
            from = open + text[open..].find('\n').unwrap_or(text.len() - open);
            continue;
        }
        let close = closing(text, open, quote);
        let inside = text.get(open..close.unwrap_or(text.len()))?;
        if inside.lines().skip(1).any(is_key) {
            let line = inside.lines().next()?.trim_end();
            return Some(Cause {
                at: open..open + line.len(),
                summary: "the closing quote is missing".to_string(),
                help: format!("close it on its line: `{line}{quote}`"),
            });
        }
        from = close? + 1;
    }
    None
}

/// Where the quote that opens at a place is closed.
fn closing(text: &str, open: usize, quote: char) -> Option<usize> {
    let mut escaped = false;
    let mut chars = text[open + 1..].char_indices().peekable();
    while let Some((i, c)) = chars.next() {
        if escaped {
            escaped = false;
        } else if quote == '"' && c == '\\' {
            escaped = true;
        } else if c == quote {
            if quote == '\'' && chars.peek().is_some_and(|(_, next)| *next == quote) {
                chars.next();
            } else {
                return Some(open + 1 + i);
            }
        }
    }
    None
}

/// Honest text over several lines has no line that looks like a key.
fn is_key(line: &str) -> bool {
    let name = line.trim_start().trim_start_matches("- ");
    let end = name.find(|c: char| !(c.is_ascii_alphanumeric() || "_-./".contains(c))).unwrap_or(0);
    end > 0 && (name[end..].starts_with(": ") || name[end..].trim_end() == ":")
}

/// A line that is deeper than the value above it, or as deep as no line above.
fn indented(text: &str, line: usize) -> Option<Cause> {
    let depth = |l: &str| l.len() - l.trim_start_matches(' ').len();
    let here = text.get(line..)?.split('\n').next().unwrap_or_default();
    if here.trim().is_empty() || here.trim_start().starts_with(['#', ']', '}']) {
        return None;
    }
    let above: Vec<&str> =
        text.get(..line)?.lines().filter(|l| !l.trim().is_empty() && !l.trim_start().starts_with('#')).collect();
    let deep = depth(here);
    let last = above.last()?;
    let mut levels: Vec<usize> = Vec::new();
    for l in above.iter().rev() {
        let d = depth(l);
        if levels.last().is_none_or(|least| d < *least) {
            levels.push(d);
        }
    }
    let span = line + deep..line + here.trim_end().len();
    let spaces = |n: usize| if n == 1 { "1 space".to_string() } else { format!("{n} spaces") };
    let after_value =
        last.trim_end().split_once(": ").is_some_and(|(_, v)| !v.trim().is_empty() && !v.trim().starts_with('#'));
    if deep > depth(last) && after_value {
        return Some(Cause {
            at: span,
            summary: "this line is indented deeper than the line above it, which has its value already".to_string(),
            help: match depth(last) {
                0 => "remove the spaces before it".to_string(),
                n => format!("indent it by {}, like the line above", spaces(n)),
            },
        });
    }
    if deep <= depth(last) && !levels.contains(&deep) {
        let all: Vec<String> = levels.iter().rev().map(ToString::to_string).collect();
        return Some(Cause {
            at: span,
            summary: "the indentation does not fit the lines above".to_string(),
            help: format!("this line has {}; the lines above it have {}", spaces(deep), all.join(", ")),
        });
    }
    None
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
