//! What may reach a terminal or a file: text, line breaks, tabs and our own colours. Everything else is shown, not sent.
//!
//! Tags, names, error messages and bills come from outside, and a control character in them could move the cursor, set
//! the window's title or hide a line. So every text passes here on its way out, whoever wrote it.
use std::borrow::Cow;

/// The text with every control character written out as `\u001b`, which is also how JSON writes it. Colours stay where
/// there is colour.
pub(super) fn clean(text: &str, color: bool) -> Cow<'_, str> {
    if !text.chars().any(|c| harmful(c) || c == '\r') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if c == '\u{1b}'
            && color
            && let Some(end) = style(rest)
        {
            out.push_str(&rest[..end]);
            rest = &rest[end..];
            continue;
        }
        let whole = c != '\r' || rest.starts_with("\r\n");
        if whole && !harmful(c) {
            out.push(c);
        } else {
            out.push_str(&format!("\\u{:04x}", c as u32));
        }
        rest = &rest[c.len_utf8()..];
    }
    Cow::Owned(out)
}

/// Controls of both sets, and the marks that turn the direction of what follows.
fn harmful(c: char) -> bool {
    match c {
        '\n' | '\t' | '\r' => false,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}' => true,
        c => c.is_control(),
    }
}

/// The end of a style at the beginning of the text: bold, dim, a bright or plain colour of letters, or their end. Nothing
/// that could hide text.
fn style(text: &str) -> Option<usize> {
    let inner = text.strip_prefix("\u{1b}[")?;
    let end = inner.find('m').filter(|end| *end <= 12)?;
    let known = |code: &str| matches!(code.parse::<u8>(), Ok(0..=4 | 22 | 31..=36 | 39 | 91..=96));
    let all = &inner[..end];
    (all.is_empty() || all.split(';').all(known)).then_some("\u{1b}[".len() + end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_are_written_out() {
        assert_eq!(
            clean("a\u{1b}[2Jb\u{7}\u{9b}31m\u{7f}\u{202e}", false),
            "a\\u001b[2Jb\\u0007\\u009b31m\\u007f\\u202e"
        );
        assert_eq!(clean("one\r\ntwo\tthree\n", false), "one\r\ntwo\tthree\n");
        assert_eq!(clean("over\rwritten", false), "over\\u000dwritten");
        assert!(matches!(clean("plain é ✓", true), Cow::Borrowed(_)));
    }

    #[test]
    fn colours_stay_where_there_is_colour() {
        let text = "\u{1b}[1m\u{1b}[31mred\u{1b}[0m";
        assert_eq!(clean(text, true), text);
        assert_eq!(clean(text, false), "\\u001b[1m\\u001b[31mred\\u001b[0m");
        // Hidden, black or reversed letters, and everything that is no colour.
        for other in
            ["\u{1b}[8m", "\u{1b}[30m", "\u{1b}[7m", "\u{1b}[48;5;1m", "\u{1b}]0;title\u{7}", "\u{1b}[2K", "\u{1b}"]
        {
            assert!(clean(other, true).starts_with("\\u001b"), "{other:?}");
        }
    }

    #[test]
    fn a_json_document_stays_one() {
        let text = serde_json::json!({ "name": "a\u{9b}b\u{7f}" }).to_string();
        let read: serde_json::Value = serde_json::from_str(&clean(&text, false)).unwrap();
        assert_eq!(read["name"], "a\u{9b}b\u{7f}");
    }
}
