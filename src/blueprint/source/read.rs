//! The reader: parser events → tree, with limits and with errors for what the language does not use.
//!
//! One file: each event of the parser is handled in one place, with its limits and its complaints.

use std::collections::HashMap;
use std::sync::Arc;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, StructureStyle};

use super::{Document, Entry, Node, NodeKind, Scalar, Span, Style, label, label_inside, mistake};
use crate::blueprint::codes;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Label, SourceFile};
use crate::expression::Template;

/// The largest file that is read.
pub(crate) const MAX_FILE: u64 = 5_000_000;
/// Deeper trees are a mistake or an attack, and everything that walks a tree may recurse below this.
const MAX_DEPTH: usize = 64;
/// A mapping with so few keys is small.
const FEW: usize = 12;

/// The tree of a file. Problems that leave a tree behind are added to `problems`; the others leave nothing.
pub(crate) fn parse(name: &str, bytes: &[u8], problems: &mut Diagnostics) -> Option<Document> {
    let source = match text(name, bytes) {
        Ok(source) => source,
        Err(problem) => {
            problems.push(*problem);
            return None;
        }
    };
    let mut builder = Builder::new(&source, problems);
    let root = builder.run();
    let root = root?;
    Some(Document { source, root })
}

fn text(name: &str, bytes: &[u8]) -> Result<Arc<SourceFile>, Box<Diagnostic>> {
    if bytes.contains(&0) {
        let d = Diagnostic::error(&codes::NOT_TEXT, format!("`{name}` is a binary file, not YAML"));
        return Err(Box::new(d.with_help("name the blueprint file itself")));
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(e) => {
            let good = String::from_utf8_lossy(&bytes[..e.valid_up_to()]).into_owned();
            let source = SourceFile::new(name, good);
            let at = source.text.len();
            let d = Diagnostic::error(&codes::NOT_TEXT, format!("`{name}` is not UTF-8 text"))
                .with_label(source.label(at..at, "the first wrong byte follows here"))
                .with_help("save the file as UTF-8");
            return Err(Box::new(d));
        }
    };
    let source = SourceFile::new(name, text);
    if text.trim_start_matches('\u{feff}').lines().all(|l| l.trim().is_empty() || l.trim_start().starts_with('#')) {
        let d = Diagnostic::error(&codes::EMPTY, format!("`{name}` is empty"))
            .with_label(source.label(0..0, ""))
            .with_help("a blueprint starts with `blueprint: NAME`, `region: REGION` and `resources:`");
        return Err(Box::new(d));
    }
    Ok(source)
}

/// A collection that is being read.
enum Open {
    Sequence { span: Span, flow: bool, anchor: usize, items: Vec<Node> },
    Mapping { span: Span, flow: bool, anchor: usize, entries: Vec<Entry>, key: Option<(Scalar, Span)> },
}

impl Open {
    /// Where its bracket is, if it has one.
    fn bracket(&self) -> Option<usize> {
        match self {
            Open::Sequence { span, flow: true, .. } | Open::Mapping { span, flow: true, .. } => {
                Some(span.start as usize)
            }
            _ => None,
        }
    }
}

/// A finished node with an anchor: how many nodes and levels an alias to it adds.
struct Anchored {
    node: Node,
    nodes: usize,
    depth: usize,
}

struct Builder<'a> {
    source: &'a Arc<SourceFile>,
    problems: &'a mut Diagnostics,
    stack: Vec<Open>,
    anchors: HashMap<usize, Anchored>,
    root: Option<Node>,
    /// How many nodes aliases have added, and how many they may.
    added: usize,
    allowance: usize,
}

impl<'a> Builder<'a> {
    fn new(source: &'a Arc<SourceFile>, problems: &'a mut Diagnostics) -> Self {
        // Written nodes need two bytes each, so only repetition by aliases can pass a limit that grows with the file.
        let allowance = 10_000 + source.text.len() / 2;
        Builder { source, problems, stack: Vec::new(), anchors: HashMap::new(), root: None, added: 0, allowance }
    }

    fn problem(&mut self, code: &'static Code, span: Span, summary: impl Into<String>, text: &str, help: Option<&str>) {
        let d = Diagnostic::error(code, summary).with_label(label(self.source, span, text));
        self.problems.push(d.with_help_opt(help.map(str::to_string)));
    }

    fn run(&mut self) -> Option<Node> {
        let mut options = granit_parser::options! {
            disallow_directives: true, flow_nesting_limit: MAX_DEPTH, block_nesting_limit: MAX_DEPTH,
            simple_key_max_lookahead: 4096
        };
        options.set_emit_comments(false);
        let source = Arc::clone(self.source);
        let mut documents = 0;
        let mut last = None;
        for event in Parser::new_from_str_with_options(&source.text, options) {
            let (event, at) = match event {
                Ok(event) => event,
                Err(e) => {
                    self.syntax(e.kind(), e.marker().byte_offset().unwrap_or_default(), last);
                    return None;
                }
            };
            let range = at.byte_range().unwrap_or_default();
            last = Some(range.clone());
            let span = Span { start: clamp(range.start), end: clamp(range.end) };
            match event {
                Event::DocumentStart(..) => {
                    documents += 1;
                    if documents > 1 {
                        let help = "split the file: one blueprint or module per file";
                        self.problem(
                            &codes::DOCUMENTS,
                            span,
                            "a file holds one YAML document",
                            "the second starts here",
                            Some(help),
                        );
                        return None;
                    }
                }
                Event::Scalar(text, style, anchor, tag) => {
                    if tag.is_some() {
                        self.tag(span);
                    }
                    self.scalar(&text, style, anchor, span);
                }
                Event::SequenceStart(style, anchor, tag) => {
                    if tag.is_some() {
                        self.tag(span);
                    }
                    self.open(span)?;
                    let flow = style == StructureStyle::Flow;
                    self.stack.push(Open::Sequence { span, flow, anchor, items: Vec::new() });
                }
                Event::MappingStart(style, anchor, tag) => {
                    if tag.is_some() {
                        self.tag(span);
                    }
                    self.open(span)?;
                    let flow = style == StructureStyle::Flow;
                    self.stack.push(Open::Mapping { span, flow, anchor, entries: Vec::new(), key: None });
                }
                Event::SequenceEnd | Event::MappingEnd => self.close(span),
                Event::Alias(id) => self.alias(id, span)?,
                _ => {}
            }
        }
        self.root.take()
    }

    fn syntax(&mut self, kind: &ErrorKind, at: usize, last: Option<std::ops::Range<usize>>) {
        let at = at.min(self.source.text.len());
        if matches!(kind, ErrorKind::RecursionLimitExceeded) {
            let span = Span { start: clamp(at), end: clamp(at) };
            let summary = format!("collections are nested more than {MAX_DEPTH} deep");
            self.problem(&codes::TOO_LARGE, span, summary, "", Some("split the structure, or use a module"));
            return;
        }
        let place = self.source.label(at..at, "");
        let line = place.start().line;
        // A scalar that YAML cut short has half an expression; this error explains both.
        let same_line =
            |d: &Diagnostic| d.primary().is_some_and(|l| Arc::ptr_eq(&l.source, self.source) && l.end().line == line);
        let kept: Vec<Diagnostic> = std::mem::take(self.problems).into_iter().filter(|d| !same_line(d)).collect();
        self.problems.extend(kept);
        if let Some(cause) = mistake::cause(&self.source.text, at, last) {
            let d = Diagnostic::error(&codes::SYNTAX, cause.summary).with_label(self.source.label(cause.at, ""));
            self.problems.push(d.with_help(cause.help));
            return;
        }
        let separator =
            matches!(kind, ErrorKind::ExpectedFlowMappingSeparator | ErrorKind::ExpectedFlowSequenceSeparator);
        if separator
            && let Some(open) = self.stack.iter().rev().find_map(Open::bracket)
            && self.source.position(open).line < line
            && mistake::quoted(self.source.line(line)).is_none()
        {
            let bracket = if self.source.text[open..].starts_with('[') { ('[', ']') } else { ('{', '}') };
            let d = Diagnostic::error(&codes::SYNTAX, format!("the closing bracket of `{}` is missing", bracket.0))
                .with_label(self.source.label(open..open + 1, "opened here"))
                .with_label(place.with_text("still open here").as_secondary())
                .with_help(format!("write `{}` where it ends", bracket.1));
            self.problems.push(d);
            return;
        }
        let mut d = Diagnostic::error(&codes::SYNTAX, mistake::words(kind)).with_label(place);
        // A flow collection that spans lines is reported where it broke, which may be one line late.
        let repair = mistake::quoted(self.source.line(line))
            .or_else(|| (line > 1).then(|| mistake::quoted(self.source.line(line - 1)))?);
        if let Some(repair) = repair {
            d = d.with_help(format!("quote the expression: `{repair}`"));
        }
        self.problems.push(d.with_help_opt(mistake::help(kind).map(str::to_string)));
    }

    fn tag(&mut self, span: Span) {
        let help = "remove the tag: the type of each field decides how its text is read";
        self.problem(&codes::UNSUPPORTED, span, "YAML tags are not used here", "", Some(help));
    }

    /// A new collection at this place: a key must be a scalar, and depth is limited by the parser and here.
    fn open(&mut self, span: Span) -> Option<()> {
        if let Some(Open::Mapping { key: None, flow, .. }) = self.stack.last() {
            let unquoted = *flow && self.source.text[..span.start as usize].ends_with('$');
            let help = if unquoted { "quote the expression: '${…}'" } else { "write the key as text" };
            self.problem(&codes::UNSUPPORTED, span, "a key must be text", "a collection", Some(help));
            return None;
        }
        if self.stack.len() >= MAX_DEPTH {
            let summary = format!("collections are nested more than {MAX_DEPTH} deep");
            self.problem(&codes::TOO_LARGE, span, summary, "", Some("split the structure, or use a module"));
            return None;
        }
        Some(())
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, anchor: usize, span: Span) {
        let style = match style {
            ScalarStyle::Plain => Style::Plain,
            ScalarStyle::SingleQuoted => Style::Single,
            ScalarStyle::DoubleQuoted => Style::Double,
            ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
        };
        // The parser hands out `~` for a value that was left out.
        let text = if span.start == span.end { "" } else { text };
        let mut scalar = Scalar { text: text.into(), style, template: None };
        if text.contains("${") {
            match Template::parse(text) {
                Ok(template) => scalar.template = Some(Box::new(template)),
                Err(errors) => {
                    for e in errors {
                        let at = label_inside(self.source, span, &scalar, e.place, e.label.clone());
                        let mut d = e.into_diagnostic(at);
                        if style == Style::Plain
                            && self.source.text[span.end as usize..].trim_start_matches(' ').starts_with('#')
                        {
                            d = d.with_help("` #` starts a comment in YAML: quote the whole value");
                        }
                        self.problems.push(d);
                    }
                    // A template without parts stands for text that nobody can use but that has been complained about.
                    scalar.template = Some(Box::new(Template::broken()));
                }
            }
        }
        let is_key = matches!(self.stack.last(), Some(Open::Mapping { key: None, .. }));
        if is_key && scalar.style == Style::Plain && &*scalar.text == "<<" {
            let help = "write the keys out, or put them into a module or a local";
            self.problem(&codes::UNSUPPORTED, span, "merge keys (`<<`) are not used here", "", Some(help));
        }
        let node = Node { span, kind: NodeKind::Scalar(scalar) };
        self.add(node, anchor, 1, 0);
    }

    /// A finished node goes into the collection that is open.
    fn add(&mut self, node: Node, anchor: usize, nodes: usize, depth: usize) {
        if anchor != 0 {
            // Copies made for anchors are bounded like those made by aliases.
            self.added += nodes;
            if self.added <= self.allowance {
                self.anchors.insert(anchor, Anchored { node: node.clone(), nodes, depth });
            }
        }
        match self.stack.last_mut() {
            None => self.root = Some(node),
            Some(Open::Sequence { items, .. }) => items.push(node),
            Some(Open::Mapping { entries, key, .. }) => match key.take() {
                Some((k, key_span)) => entries.push(Entry { key: k, key_span, value: node }),
                None => {
                    if let NodeKind::Scalar(s) = node.kind {
                        *key = Some((s, node.span));
                    }
                }
            },
        }
    }

    fn close(&mut self, at: Span) {
        let Some(open) = self.stack.pop() else { return };
        let (node, anchor) = match open {
            Open::Sequence { span, flow, anchor, items } => {
                let end = if flow { at.end } else { items.first().map_or(span.end, |n| n.span.end) };
                let whole = Span { start: span.start, end };
                let kind = if self.suspect(&items) {
                    let template = Some(Box::new(Template::broken()));
                    NodeKind::Scalar(Scalar { text: "".into(), style: Style::Double, template })
                } else {
                    NodeKind::Sequence(items)
                };
                (Node { span: whole, kind }, anchor)
            }
            Open::Mapping { span, flow, anchor, entries, .. } => {
                let end = if flow { at.end } else { entries.first().map_or(span.end, |e| e.key_span.end) };
                self.duplicates(&entries);
                (Node { span: Span { start: span.start, end }, kind: NodeKind::Mapping(entries) }, anchor)
            }
        };
        let (nodes, depth) = if anchor == 0 { (0, 0) } else { measure(&node) };
        self.add(node, anchor, nodes, depth);
    }

    /// `[for z in zones : upper(z)]` is valid YAML for a list of one mapping.
    fn suspect(&mut self, items: &[Node]) -> bool {
        let [Node { kind: NodeKind::Mapping(entries), span }] = items else { return false };
        let [entry] = entries.as_slice() else { return false };
        if !entry.key.text.starts_with("for ") {
            return false;
        }
        let raw = self.source.text.get(span.range()).unwrap_or_default().trim();
        let help = format!("write it as one: '${{[{raw}]}}'");
        let summary = "is this an expression?";
        self.problem(&codes::LOOKS_LIKE_EXPRESSION, *span, summary, "YAML reads a mapping here", Some(&help));
        true
    }

    fn duplicates(&mut self, entries: &[Entry]) {
        // Most mappings are so small that comparing each key with those before it is faster than a table.
        let again = |(n, e): (usize, &Entry)| entries[..n].iter().any(|before| before.key.text == e.key.text);
        if entries.len() <= FEW && !entries.iter().enumerate().any(again) {
            return;
        }
        let mut seen: HashMap<&str, Span> = HashMap::with_capacity(entries.len());
        let mut found = Vec::new();
        for e in entries {
            match seen.entry(&*e.key.text) {
                std::collections::hash_map::Entry::Occupied(first) => found.push((*first.get(), e)),
                std::collections::hash_map::Entry::Vacant(place) => {
                    place.insert(e.key_span);
                }
            }
        }
        for (first, e) in found {
            let d = Diagnostic::error(&codes::DUPLICATE_KEY, format!("the key `{}` is written twice", e.key.text))
                .with_label(label(self.source, e.key_span, "again here"))
                .with_label(Label::secondary(self.source, first.range(), "first here"))
                .with_help("keep one of the two");
            self.problems.push(d);
        }
    }

    fn alias(&mut self, id: usize, span: Span) -> Option<()> {
        let Some(target) = self.anchors.get(&id) else {
            let too_many = self.added > self.allowance;
            let summary = if too_many { "aliases repeat too much" } else { "an alias stands inside its own anchor" };
            let code = if too_many { &codes::TOO_LARGE } else { &codes::UNSUPPORTED };
            self.problem(code, span, summary, "", Some("write the value out"));
            return None;
        };
        let (nodes, depth, node) = (target.nodes, target.depth, target.node.clone());
        self.added += nodes;
        if self.added > self.allowance || depth + self.stack.len() > MAX_DEPTH {
            let summary = if self.added > self.allowance { "aliases repeat too much" } else { "aliases nest too deep" };
            self.problem(
                &codes::TOO_LARGE,
                span,
                summary,
                "",
                Some("write the value out, or use a module with inputs"),
            );
            return None;
        }
        if matches!((self.stack.last(), &node.kind), (Some(Open::Mapping { key: None, .. }), k) if !matches!(k, NodeKind::Scalar(_)))
        {
            self.problem(&codes::UNSUPPORTED, span, "a key must be text", "an alias of a collection", None);
            return None;
        }
        self.add(node, 0, 0, 0);
        Some(())
    }
}

/// How many nodes a tree has and how deep it is. The reader bounds the depth, so this may recurse.
fn measure(node: &Node) -> (usize, usize) {
    let children = |all: &mut dyn Iterator<Item = &Node>| {
        all.map(measure).fold((1, 0), |(n, d), (nodes, depth)| (n + nodes, d.max(depth)))
    };
    let (nodes, depth) = match &node.kind {
        NodeKind::Scalar(_) => return (1, 0),
        NodeKind::Sequence(items) => children(&mut items.iter()),
        NodeKind::Mapping(entries) => children(&mut entries.iter().map(|e| &e.value)),
    };
    (nodes, depth + 1)
}

fn clamp(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}
