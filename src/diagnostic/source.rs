//! Files and places in them.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

/// A file as it was read: positions are computed from its text when somebody asks.
#[derive(Debug)]
pub struct SourceFile {
    /// The name that people see; a path as it was given.
    pub name: String,
    /// The whole text, byte order mark and carriage returns included, so that offsets are those of the file.
    pub text: String,
    line_starts: OnceLock<Vec<usize>>,
}

impl PartialEq for SourceFile {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.text == other.text
    }
}

impl Eq for SourceFile {}

/// A line and a column, both from 1, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// From 1.
    pub line: usize,
    /// From 1, in characters, not counting a byte order mark.
    pub column: usize,
}

impl SourceFile {
    /// A file that others may point into.
    #[must_use]
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(SourceFile { name: name.into(), text: text.into(), line_starts: OnceLock::new() })
    }

    fn line_starts(&self) -> &[usize] {
        self.line_starts
            .get_or_init(|| std::iter::once(0).chain(self.text.match_indices('\n').map(|(i, _)| i + 1)).collect())
    }

    /// The largest character boundary that is not after `offset`.
    fn floor(&self, offset: usize) -> usize {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }

    /// Where a byte offset is; offsets after the end are the end.
    #[must_use]
    pub fn position(&self, offset: usize) -> Position {
        let offset = self.floor(offset);
        let starts = self.line_starts();
        let line = starts.partition_point(|&start| start <= offset).max(1);
        let before = self.text.get(starts[line - 1]..offset).unwrap_or_default();
        Position { line, column: before.trim_start_matches('\u{feff}').chars().count() + 1 }
    }

    /// How many lines there are; text after the last line break counts as one.
    #[must_use]
    pub fn line_count(&self) -> usize {
        self.line_starts().len()
    }

    /// The text of a line (from 1) without its line break.
    #[must_use]
    pub fn line(&self, line: usize) -> &str {
        let range = self.lines_range(line, line);
        self.text.get(range).unwrap_or_default().trim_end_matches('\r')
    }

    /// The bytes of some whole lines (from 1, both ends included), without the last line break.
    #[must_use]
    pub fn lines_range(&self, first: usize, last: usize) -> Range<usize> {
        let starts = self.line_starts();
        let at = |line: usize| starts.get(line.saturating_sub(1)).copied().unwrap_or(self.text.len());
        let start = at(first);
        let end = starts.get(last).map_or(self.text.len(), |next| next - 1);
        start..end.max(start)
    }

    /// A label on some bytes of this file.
    #[must_use]
    pub fn label(self: &Arc<Self>, span: Range<usize>, text: impl Into<String>) -> Label {
        Label { source: Arc::clone(self), span, text: text.into(), primary: true }
    }
}

/// A stretch of a file with words about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The file.
    pub source: Arc<SourceFile>,
    /// Bytes of it.
    pub span: Range<usize>,
    /// A few words; may be empty.
    pub text: String,
    /// The problem itself (carets), not a related place (dashes).
    pub primary: bool,
}

impl Label {
    /// The place of the problem.
    #[must_use]
    pub fn primary(source: &Arc<SourceFile>, span: Range<usize>, text: impl Into<String>) -> Self {
        source.label(span, text)
    }

    /// A related place.
    #[must_use]
    pub fn secondary(source: &Arc<SourceFile>, span: Range<usize>, text: impl Into<String>) -> Self {
        Label { primary: false, ..source.label(span, text) }
    }

    /// The same place with other words.
    #[must_use]
    pub fn with_text(mut self, text: impl Into<String>) -> Self {
        self.text = text.into();
        self
    }

    /// The same place as a related one.
    #[must_use]
    pub fn as_secondary(mut self) -> Self {
        self.primary = false;
        self
    }

    /// Where it starts.
    #[must_use]
    pub fn start(&self) -> Position {
        self.source.position(self.span.start)
    }

    /// Where it ends (the column after the last character).
    #[must_use]
    pub fn end(&self) -> Position {
        self.source.position(self.span.end.max(self.span.start))
    }

    /// `file:line:column`
    #[must_use]
    pub fn location(&self) -> String {
        let at = self.start();
        format!("{}:{}:{}", self.source.name, at.line, at.column)
    }
}

impl Serialize for Label {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (start, end) = (self.start(), self.end());
        let mut s = serializer.serialize_struct("Label", 7)?;
        s.serialize_field("file", &self.source.name)?;
        s.serialize_field("line", &start.line)?;
        s.serialize_field("column", &start.column)?;
        s.serialize_field("end_line", &end.line)?;
        s.serialize_field("end_column", &end.column)?;
        s.serialize_field("text", &self.text)?;
        s.serialize_field("primary", &self.primary)?;
        s.end()
    }
}
