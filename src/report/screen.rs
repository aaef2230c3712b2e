//! How wide the place is in which a report is read, whether it shows colour, and how text is laid out in it.
use anstyle::{AnsiColor, Style};
use std::fmt::Write as _;

/// What comes into being.
pub const MADE: Style = AnsiColor::Green.on_default();
/// What changes where it is.
pub const CHANGED: Style = AnsiColor::Yellow.on_default();
/// What goes, also to be made again.
pub const GONE: Style = AnsiColor::Red.on_default();
/// What is lost for good.
pub const LOST: Style = AnsiColor::Red.on_default().bold();
/// What is taken over.
pub const TAKEN: Style = AnsiColor::Cyan.on_default();
/// What is only there for completeness.
pub const QUIET: Style = Style::new().dimmed();
/// Headings.
pub const STRONG: Style = Style::new().bold();

/// Where a report is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Screen {
    /// Columns.
    pub width: usize,
    /// Does it show colour?
    pub color: bool,
}

impl Screen {
    /// A file, a pipe, a log.
    pub const PLAIN: Self = Self { width: 100, color: false };

    /// The text in a style, if there is colour.
    #[must_use]
    pub fn paint(self, style: Style, text: &str) -> String {
        if self.color && !text.is_empty() && style != Style::new() {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    /// The same with so many columns less, for what stands further right.
    #[must_use]
    pub fn less(self, columns: usize) -> Self {
        Self { width: self.width.saturating_sub(columns).max(1), ..self }
    }

    /// Appends `head` and then `text`, broken at spaces; further lines begin `indent` columns from the left.
    pub fn paragraph(self, out: &mut String, head: &str, style: Style, text: &str, indent: usize) {
        let first = self.width.saturating_sub(columns(head));
        for (number, line) in wrap(text, first, self.width.saturating_sub(indent)).iter().enumerate() {
            // Writing into a String cannot fail.
            let strong = if head.trim().is_empty() { Style::new() } else { STRONG };
            let _ = match number {
                0 => writeln!(out, "{}{}", self.paint(strong, head), self.paint(style, line)),
                _ => writeln!(out, "{:indent$}{}", "", self.paint(style, line)),
            };
        }
    }
}

/// How many columns a text takes.
#[must_use]
pub fn columns(text: &str) -> usize {
    text.chars().count()
}

/// Lines of at most `first` columns, then of at most `rest`, broken at spaces. A word that is too long is broken behind
/// its last `/`, `.`, `,`, `-` or `_` that still fits.
#[must_use]
pub fn wrap(text: &str, first: usize, rest: usize) -> Vec<String> {
    let rest = rest.max(8);
    // A first line with hardly any room stays empty only where a whole line takes the word.
    let mut room = first;
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    let mut pending = 0;
    for piece in pieces(text) {
        if piece.chars().all(|c| c == ' ') {
            pending += piece.len();
            continue;
        }
        let mut word = piece;
        loop {
            let gap = if line.is_empty() && !lines.is_empty() { 0 } else { pending };
            let length = columns(word);
            if used + gap + length <= room {
                line.extend(std::iter::repeat_n(' ', gap));
                line.push_str(word);
                used += gap + length;
                pending = 0;
                break;
            }
            if line.trim().is_empty() && (length > rest || room >= rest) {
                let at = cut(word, room.saturating_sub(if lines.is_empty() { pending } else { 0 }).max(1));
                line.extend(std::iter::repeat_n(' ', if lines.is_empty() { pending } else { 0 }));
                line.push_str(&word[..at]);
                word = &word[at..];
            }
            lines.push(std::mem::take(&mut line));
            (used, pending, room) = (0, 0, rest);
            if word.is_empty() {
                break;
            }
        }
    }
    lines.push(line);
    lines
}

/// Words and the spaces between them.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let end = rest.find(|c| (c == ' ') != (first == ' ')).unwrap_or(rest.len());
        let (piece, after) = rest.split_at(end);
        rest = after;
        Some(piece)
    })
}

/// Where a word is cut so that at most `room` characters come before.
fn cut(word: &str, room: usize) -> usize {
    let hard = word.char_indices().nth(room).map_or(word.len(), |(at, _)| at);
    match word[..hard].rfind(['/', '.', ',', '-', '_']) {
        Some(at) if hard < word.len() && at > 0 => at + 1,
        _ => hard,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_breaks_at_spaces() {
        assert_eq!(wrap("one two three", 7, 20), ["one two", "three"]);
        assert_eq!(wrap("one two three", 100, 20), ["one two three"]);
        assert_eq!(wrap("", 10, 10), [""]);
        assert_eq!(wrap("a   b", 10, 10), ["a   b"]);
        assert_eq!(wrap("one  twelve letters", 6, 10), ["one", "twelve", "letters"]);
    }

    #[test]
    fn a_word_that_is_too_long_breaks_where_it_may() {
        assert_eq!(wrap("in network.public/us-east-1a", 20, 20), ["in", "network.public/us-", "east-1a"]);
        assert_eq!(wrap("abcdefghijklmnop", 10, 10), ["abcdefghij", "klmnop"]);
        assert_eq!(wrap("é".repeat(12).as_str(), 8, 8), ["é".repeat(8), "é".repeat(4)]);
    }

    #[test]
    fn a_word_goes_to_the_next_line_rather_than_being_cut() {
        assert_eq!(wrap("network.public", 3, 20), ["", "network.public"]);
    }

    #[test]
    fn no_line_is_wider_than_its_room() {
        let text = "9600 GiB, persistent-2, 500 MB/s/TiB, 1 repository in network.private-routes/us-east-1a";
        for room in 8..90 {
            for line in wrap(text, room, room) {
                assert!(columns(&line) <= room, "{room}: {line}");
            }
            assert_eq!(wrap(text, room, room).concat().replace(' ', ""), text.replace(' ', ""));
        }
    }

    #[test]
    fn paint_only_where_there_is_colour() {
        assert_eq!(Screen::PLAIN.paint(MADE, "x"), "x");
        let screen = Screen { color: true, ..Screen::PLAIN };
        assert_eq!(screen.paint(MADE, "x"), "\u{1b}[32mx\u{1b}[0m");
        assert_eq!(screen.paint(Style::new(), "x"), "x");
    }
}
