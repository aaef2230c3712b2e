//! YAML text → a tree that remembers where each scalar stands, how it was written and what is inside its `${…}`.

mod locate;
mod mistake;
mod read;

use std::sync::Arc;

use crate::diagnostic::{Label, SourceFile};
use crate::expression::{Place, Template};

pub(crate) use locate::locate;
pub(crate) use read::{MAX_FILE, parse};

/// Bytes of a file. Files are at most 5 MB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Span {
    pub(crate) fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// How a scalar was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Single,
    Double,
    Block,
}

/// A scalar, decoded, with its style: the type of the field decides what the text means.
#[derive(Clone, Debug)]
pub(crate) struct Scalar {
    pub(crate) text: Box<str>,
    pub(crate) style: Style,
    /// The parsed expressions, when there is a `${` or a `$${` in the text.
    pub(crate) template: Option<Box<Template>>,
}

impl Scalar {
    /// Whether YAML reads this as null: only without quotes.
    pub(crate) fn is_null(&self) -> bool {
        self.style == Style::Plain && matches!(&*self.text, "" | "~" | "null" | "Null" | "NULL")
    }
}

/// One node of the tree.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) kind: NodeKind,
}

/// What a node is.
#[derive(Clone, Debug)]
pub(crate) enum NodeKind {
    Scalar(Scalar),
    Sequence(Vec<Node>),
    Mapping(Vec<Entry>),
}

/// A key and its value; the key is a scalar.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: Scalar,
    pub(crate) key_span: Span,
    pub(crate) value: Node,
}

impl Node {
    pub(crate) fn scalar(&self) -> Option<&Scalar> {
        match &self.kind {
            NodeKind::Scalar(s) => Some(s),
            _ => None,
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        self.scalar().is_some_and(Scalar::is_null)
    }

    pub(crate) fn entries(&self) -> Option<&[Entry]> {
        match &self.kind {
            NodeKind::Mapping(entries) => Some(entries),
            _ => None,
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|e| &e.value)
    }

    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries()?.iter().find(|e| &*e.key.text == key)
    }

    /// What people call this: `a list`, `a mapping`, `text`.
    pub(crate) fn noun(&self) -> &'static str {
        match &self.kind {
            NodeKind::Scalar(s) if s.is_null() => "null",
            NodeKind::Scalar(_) => "one value",
            NodeKind::Sequence(_) => "a list",
            NodeKind::Mapping(_) => "a mapping",
        }
    }
}

/// A whole file.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) source: Arc<SourceFile>,
    pub(crate) root: Node,
}

/// A label on a node.
pub(crate) fn label(source: &Arc<SourceFile>, span: Span, text: impl Into<String>) -> Label {
    Label::primary(source, span.range(), text)
}

/// A label on a part of a scalar, given in bytes of its decoded text.
pub(crate) fn label_inside(
    source: &Arc<SourceFile>,
    span: Span,
    scalar: &Scalar,
    inside: Place,
    text: impl Into<String>,
) -> Label {
    Label::primary(source, locate(&source.text, span, scalar, inside), text)
}
