//! From bytes of a decoded scalar back to bytes of the file.

use std::ops::Range;

use super::{Scalar, Span, Style};
use crate::expression::Place;

/// Folding, indentation, quotes and escapes change only white space and escaped characters, so the n-th visible
/// character of the decoded text is the n-th visible character of the raw text.
pub(crate) fn locate(file: &str, span: Span, scalar: &Scalar, inside: Place) -> Range<usize> {
    let raw = file.get(span.range()).unwrap_or_default();
    let base = span.start as usize;
    let (start, end) = (inside.start as usize, (inside.end as usize).min(scalar.text.len()));
    if raw == &*scalar.text {
        return base + start.min(raw.len())..base + end.min(raw.len());
    }
    let visible = |text: &str| text.chars().filter(|c| !is_space(*c)).count();
    let before = visible(scalar.text.get(..start).unwrap_or(&scalar.text));
    let within = visible(scalar.text.get(start..end).unwrap_or_default());
    let mut units =
        Units { raw, style: scalar.style, at: usize::from(matches!(scalar.style, Style::Single | Style::Double)) };
    let Some(first) = units.by_ref().nth(before) else {
        return base + raw.len()..base + raw.len();
    };
    let last = if within > 1 { units.nth(within - 2).unwrap_or_else(|| first.clone()) } else { first.clone() };
    base + first.start..base + last.end.max(first.end)
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

/// The visible characters of a raw scalar, each with its bytes.
struct Units<'a> {
    raw: &'a str,
    style: Style,
    at: usize,
}

impl Iterator for Units<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        loop {
            let rest = self.raw.get(self.at..)?;
            let c = rest.chars().next()?;
            let start = self.at;
            let (length, shown) = match (self.style, c) {
                (Style::Single, '\'') => (2, true),
                (Style::Double, '\\') => escape(rest),
                _ => (c.len_utf8(), !is_space(c)),
            };
            self.at += length;
            if shown {
                return Some(start..self.at.min(self.raw.len()));
            }
        }
    }
}

/// The length of an escape sequence and whether it stands for something visible.
fn escape(rest: &str) -> (usize, bool) {
    match rest.as_bytes().get(1) {
        Some(b'x') => (4, visible_code(rest.get(2..4))),
        Some(b'u') => (6, visible_code(rest.get(2..6))),
        Some(b'U') => (10, visible_code(rest.get(2..10))),
        Some(b'n' | b't' | b'r' | b' ' | b'\t' | b'\n' | b'\r') => (2, false),
        Some(_) => (1 + rest[1..].chars().next().map_or(0, char::len_utf8), true),
        None => (1, true),
    }
}

fn visible_code(hex: Option<&str>) -> bool {
    hex.and_then(|h| u32::from_str_radix(h, 16).ok()).and_then(char::from_u32).is_none_or(|c| !is_space(c))
}
