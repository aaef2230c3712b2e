//! Diagnostics as people read them: the source, a caret under the place, help below.

use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Element, Group, Level, Renderer, Snippet};

use super::{Diagnostic, Diagnostics, Label, Severity, SourceFile};

/// Labels further apart than this get their own excerpt: copying megabytes for two carets helps nobody.
const FAR_APART: usize = 200;

/// All diagnostics as text, separated by empty lines, each ending with a line break.
#[must_use]
pub fn render(diagnostics: &Diagnostics, color: bool, width: usize) -> String {
    render_within(diagnostics, color, width, usize::MAX)
}

/// The same with words broken at spaces, so that no line is longer than `prose`; what stands in backquotes stays whole.
#[must_use]
pub fn render_within(diagnostics: &Diagnostics, color: bool, width: usize, prose: usize) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() }.term_width(width.max(40));
    let mut out = String::new();
    for (i, diagnostic) in diagnostics.iter().enumerate() {
        if i > 0 {
            out.push('\n');
        }
        out.push_str(&one(diagnostic, &renderer, prose));
        out.push('\n');
    }
    out
}

fn one(diagnostic: &Diagnostic, renderer: &Renderer, prose: usize) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let summary = match &diagnostic.address {
        Some(address) if !diagnostic.summary.contains(address.as_str()) && diagnostic.labels.is_empty() => {
            format!("{address}: {}", diagnostic.summary)
        }
        _ => diagnostic.summary.clone(),
    };
    // `error[DL0101]: ` before the first line, `   = help: ` and the number of the last line before the others.
    let title = broken(&summary, prose, level_width(diagnostic.severity) + diagnostic.code.len() + 4);
    let title = level.primary_title(title).id(diagnostic.code);
    let number = diagnostic.labels.iter().map(|l| l.end().line.to_string().len()).max().unwrap_or(0);
    let words = |text: &str| broken(text, prose, number + 10);
    let mut elements: Vec<Element<'_>> = Vec::new();
    for excerpt in excerpts(&diagnostic.labels) {
        elements.push(Element::from(excerpt.snippet()));
    }
    if let Some(detail) = &diagnostic.detail {
        elements.push(Element::from(Level::NOTE.message(words(detail))));
    }
    for help in &diagnostic.help {
        elements.push(Element::from(Level::HELP.message(words(help))));
    }
    let group = elements.into_iter().fold(Group::with_title(title), Group::element);
    renderer.render(&[group])
}

fn level_width(severity: Severity) -> usize {
    severity.as_str().len()
}

/// Text in lines of at most `width` columns, of which `before` are taken.
fn broken(text: &str, width: usize, before: usize) -> String {
    let room = width.saturating_sub(before).max(20);
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let (mut out, mut column, mut quoted) = (String::new(), 0, false);
    let mut word = String::new();
    let mut put = |word: &mut String| {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > room {
            out.push('\n');
            column = 0;
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
        word.clear();
    };
    for c in text.chars() {
        quoted ^= c == '`';
        match c {
            ' ' if !quoted => put(&mut word),
            c => word.push(c),
        }
    }
    put(&mut word);
    out
}

/// Neighbouring labels of one file.
struct Excerpt<'a> {
    source: &'a Arc<SourceFile>,
    first: usize,
    last: usize,
    labels: Vec<&'a Label>,
}

fn excerpts(labels: &[Label]) -> Vec<Excerpt<'_>> {
    let mut all: Vec<Excerpt<'_>> = Vec::new();
    let mut ordered: Vec<&Label> = labels.iter().collect();
    // The file of the primary label comes first: its position is the one in the header.
    ordered.sort_by_key(|l| !l.primary);
    for label in ordered {
        let (first, last) = (label.start().line, label.end().line);
        let near = all.iter_mut().find(|e| {
            Arc::ptr_eq(e.source, &label.source)
                && first.saturating_sub(e.last) < FAR_APART
                && e.first.saturating_sub(last) < FAR_APART
        });
        match near {
            Some(excerpt) => {
                excerpt.first = excerpt.first.min(first);
                excerpt.last = excerpt.last.max(last);
                excerpt.labels.push(label);
            }
            None => all.push(Excerpt { source: &label.source, first, last, labels: vec![label] }),
        }
    }
    all
}

impl<'a> Excerpt<'a> {
    fn snippet(&self) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
        let lines = self.source.lines_range(self.first, self.last);
        let text = self.source.text.get(lines.clone()).unwrap_or_default();
        let bom = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        // The break of the last line is cut off; half of a CRLF would show up as a symbol.
        let text = text[bom..].trim_end_matches('\r');
        let within = |span: &Range<usize>| {
            let clamp = |offset: usize| {
                let mut offset = offset.saturating_sub(lines.start + bom).min(text.len());
                while !text.is_char_boundary(offset) {
                    offset -= 1;
                }
                offset
            };
            let (start, mut end) = (clamp(span.start), clamp(span.end.max(span.start)));
            // A span that stops just after a line break would underline the next, unrelated line.
            while end > start + 1 && text[..end].ends_with(['\n', '\r']) {
                end -= 1;
            }
            start..end
        };
        let mut snippet = Snippet::source(text).line_start(self.first).path(self.source.name.as_str());
        for label in &self.labels {
            let kind = if label.primary { AnnotationKind::Primary } else { AnnotationKind::Context };
            let annotation = kind.span(within(&label.span));
            snippet = snippet.annotation(match label.text.as_str() {
                "" => annotation,
                words => annotation.label(words),
            });
        }
        snippet
    }
}
