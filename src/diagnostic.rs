//! Problems as data: a code, a severity, words, positions in files and ways to repair them, always in a collection.

mod places;
mod render;
mod source;

use std::collections::BTreeMap;
use std::fmt;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

pub use places::{Places, Written};
pub use render::{render, render_within};
pub use source::{Label, Position, SourceFile};

/// How much a diagnostic matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing goes on while one of these stands.
    Error,
    /// Work goes on; the author should look.
    Warning,
    /// A fact worth knowing.
    Note,
}

impl Severity {
    /// The word that people and JSON see.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A code with its explanation: what `dlinfra explain CODE` prints. It is a value, made in one place by `codes!`, so
/// that a problem without an explanation does not compile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// `DL0101`
    pub code: &'static str,
    /// A few words naming the problem.
    pub title: &'static str,
    /// What it means, why it is refused, and what to write instead.
    pub explain: &'static str,
}

/// Declares codes as values, and the table of all of them: `NAME = code, title, explanation;`. A code is as public as the
/// module that it stands in.
#[macro_export]
macro_rules! codes {
    ($(#[$doc:meta])* $vis:vis $table:ident: $($name:ident = $code:literal, $title:literal, $explain:literal;)+) => {
        $(
            #[doc = $title]
            #[allow(unreachable_pub, reason = "the module decides who sees it")]
            pub static $name: $crate::diagnostic::Code =
                $crate::diagnostic::Code { code: $code, title: $title, explain: $explain };
        )+
        $(#[$doc])*
        $vis static $table: &[&$crate::diagnostic::Code] = &[$(&$name),+];
    };
}
pub use codes;

/// One problem, complete enough to be understood and repaired without anything else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The code, unique over the whole product (`DL0101`).
    pub code: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// One sentence, no full stop.
    pub summary: String,
    /// More sentences, when one is not enough.
    pub detail: Option<String>,
    /// What to do next, one action each.
    pub help: Vec<String>,
    /// Positions in files; the first primary one is *the* position.
    pub labels: Vec<Label>,
    /// The resource concerned.
    pub address: Option<String>,
    /// The field of the resource, for whoever knows where it was written.
    pub field: Option<String>,
}

impl Diagnostic {
    /// A diagnostic of any severity.
    #[must_use]
    pub fn new(severity: Severity, code: &'static Code, summary: impl Into<String>) -> Self {
        Diagnostic {
            code: code.code,
            severity,
            summary: summary.into(),
            detail: None,
            help: Vec::new(),
            labels: Vec::new(),
            address: None,
            field: None,
        }
    }

    /// An error.
    #[must_use]
    pub fn error(code: &'static Code, summary: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, summary)
    }

    /// A warning.
    #[must_use]
    pub fn warning(code: &'static Code, summary: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, summary)
    }

    /// A note.
    #[must_use]
    pub fn note(code: &'static Code, summary: impl Into<String>) -> Self {
        Self::new(Severity::Note, code, summary)
    }

    /// Adds sentences below the summary.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds one way out.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Adds one way out when there is one.
    #[must_use]
    pub fn with_help_opt(mut self, help: Option<String>) -> Self {
        self.help.extend(help);
        self
    }

    /// Adds a position.
    #[must_use]
    pub fn with_label(mut self, label: Label) -> Self {
        self.labels.push(label);
        self
    }

    /// Adds positions.
    #[must_use]
    pub fn with_labels(mut self, labels: impl IntoIterator<Item = Label>) -> Self {
        self.labels.extend(labels);
        self
    }

    /// Names the resource concerned.
    #[must_use]
    pub fn at_address(mut self, address: impl Into<String>) -> Self {
        self.address = Some(address.into());
        self
    }

    /// Names the field of the resource that is concerned.
    #[must_use]
    pub fn at_field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// The label that carries *the* position: the first primary one, or the first.
    #[must_use]
    pub fn primary(&self) -> Option<&Label> {
        self.labels.iter().find(|l| l.primary).or_else(|| self.labels.first())
    }

    /// `file:line:column` of the primary label.
    #[must_use]
    pub fn location(&self) -> Option<String> {
        self.primary().map(Label::location)
    }
}

/// `main.yaml:3:7: error[DL0101]: summary`
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(location) = self.location() {
            write!(f, "{location}: ")?;
        }
        write!(f, "{}[{}]: {}", self.severity, self.code, self.summary)
    }
}

impl std::error::Error for Diagnostic {}

impl Serialize for Diagnostic {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut s = serializer.serialize_struct("Diagnostic", 7)?;
        s.serialize_field("code", &self.code)?;
        s.serialize_field("severity", &self.severity)?;
        s.serialize_field("summary", &self.summary)?;
        s.serialize_field("detail", &self.detail)?;
        s.serialize_field("help", &self.help)?;
        s.serialize_field("address", &self.address)?;
        s.serialize_field("labels", &self.labels)?;
        s.end()
    }
}

/// Every problem found in one run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// An empty collection.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one.
    pub fn push(&mut self, diagnostic: impl Into<Diagnostic>) {
        self.0.push(diagnostic.into());
    }

    /// Whether an error is among them.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|d| d.severity == Severity::Error)
    }

    /// Whether there is nothing to say.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// In the order of the collection; sorted after [`Diagnostics::sort`].
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }

    /// How many have a severity.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.0.iter().filter(|d| d.severity == severity).count()
    }

    /// Orders by severity, file, position, code and words, and drops exact repetitions, so that the same input always
    /// prints the same text.
    pub fn sort(&mut self) {
        // The place is looked up once per diagnostic: a comparison that did it would cost more than the sort.
        let mut keyed: Vec<_> = std::mem::take(&mut self.0)
            .into_iter()
            .map(|d| {
                let place = d.primary().map(|l| (l.source.name.clone(), l.span.start));
                ((d.severity, place.is_none(), place, d.code, d.summary.clone(), d.address.clone()), d)
            })
            .collect();
        keyed.sort_by(|a, b| a.0.cmp(&b.0));
        keyed.dedup_by(|a, b| a.1 == b.1);
        self.0 = keyed.into_iter().map(|(_, d)| d).collect();
    }

    /// The same collection, sorted.
    #[must_use]
    pub fn sorted(mut self) -> Self {
        self.sort();
        self
    }

    /// The value with what remains to be said, or everything when there is an error.
    ///
    /// # Errors
    /// The whole collection, sorted, when one of them is an error.
    pub fn into_result<T>(self, value: T) -> Result<(T, Diagnostics), Diagnostics> {
        if self.has_errors() { Err(self.sorted()) } else { Ok((value, self.sorted())) }
    }

    /// How often each code occurs.
    #[must_use]
    pub fn by_code(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for d in &self.0 {
            *counts.entry(d.code).or_insert(0) += 1;
        }
        counts
    }
}

/// One line each.
impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, d) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{d}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

impl Serialize for Diagnostics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(d: Diagnostic) -> Self {
        Diagnostics(vec![d])
    }
}

impl From<Box<Diagnostic>> for Diagnostic {
    fn from(d: Box<Diagnostic>) -> Self {
        *d
    }
}

impl FromIterator<Diagnostic> for Diagnostics {
    fn from_iter<I: IntoIterator<Item = Diagnostic>>(iter: I) -> Self {
        Diagnostics(iter.into_iter().collect())
    }
}

impl Extend<Diagnostic> for Diagnostics {
    fn extend<I: IntoIterator<Item = Diagnostic>>(&mut self, iter: I) {
        self.0.extend(iter);
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// The candidate that a mistyped word most probably means.
#[must_use]
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    candidates
        .into_iter()
        .filter_map(|c| {
            let lowered = c.to_lowercase();
            if lowered == lower {
                return Some((0, c));
            }
            let distance = strsim::damerau_levenshtein(&lower, &lowered);
            // A third of the word may be wrong; more than that is another word.
            (distance <= (word.chars().count().max(c.chars().count()) / 3).max(1) && distance < word.chars().count())
                .then_some((distance, c))
        })
        .min()
        .map(|(_, c)| c)
}

/// `did you mean `x`?`, ready for [`Diagnostic::with_help_opt`].
#[must_use]
pub fn suggestion<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    did_you_mean(word, candidates).map(|c| format!("did you mean `{c}`?"))
}
