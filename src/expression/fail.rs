//! What can go wrong with an expression, positioned in the text of its scalar.

use crate::diagnostic::{Code, Diagnostic, Label};

use super::Place;

/// A problem inside a scalar; whoever knows the file makes it a diagnostic.
#[derive(Clone, Debug)]
pub(crate) struct ExprError {
    pub(crate) code: &'static Code,
    pub(crate) place: Place,
    pub(crate) summary: String,
    pub(crate) label: String,
    pub(crate) detail: Option<String>,
    pub(crate) help: Vec<String>,
    /// Related places in files.
    pub(crate) related: Vec<Label>,
    /// The part of the value that is wrong: indexes and keys from the outside in.
    pub(crate) steps: Vec<std::rc::Rc<str>>,
    /// Further problems of the same scalar.
    pub(crate) also: Vec<ExprError>,
}

impl ExprError {
    pub(crate) fn new(code: &'static Code, place: Place, summary: impl Into<String>) -> Box<ExprError> {
        let summary = summary.into();
        Box::new(ExprError {
            code,
            place,
            summary,
            label: String::new(),
            detail: None,
            help: Vec::new(),
            related: Vec::new(),
            steps: Vec::new(),
            also: Vec::new(),
        })
    }

    pub(crate) fn label(mut self: Box<Self>, label: impl Into<String>) -> Box<Self> {
        self.label = label.into();
        self
    }

    pub(crate) fn help(mut self: Box<Self>, help: impl Into<String>) -> Box<Self> {
        self.help.push(help.into());
        self
    }

    pub(crate) fn help_opt(mut self: Box<Self>, help: Option<String>) -> Box<Self> {
        self.help.extend(help);
        self
    }

    pub(crate) fn related(mut self: Box<Self>, label: Option<Label>) -> Box<Self> {
        self.related.extend(label.map(Label::as_secondary));
        self
    }

    pub(crate) fn into_diagnostic(self, at: Label) -> Diagnostic {
        let at = if at.text.is_empty() { at.with_text(self.label) } else { at };
        let mut d = Diagnostic::error(self.code, self.summary).with_label(at).with_labels(self.related);
        d.detail = self.detail;
        d.help = self.help;
        d
    }
}

/// Why an expression has no value.
#[derive(Debug)]
pub(crate) enum Fail {
    /// Something else must be computed first; then try again.
    Need(usize, Place),
    /// Something that it uses has failed and has been reported.
    Reported,
    /// A problem of its own.
    Error(Box<ExprError>),
}

impl From<Box<ExprError>> for Fail {
    fn from(e: Box<ExprError>) -> Fail {
        Fail::Error(e)
    }
}

pub(crate) type Outcome<T> = Result<T, Fail>;
