//! One file as declarations: inputs, locals, resources and outputs, their names checked, their values not yet read.
//!
//! One file: the sections of a blueprint are read in one pass by one declarer.

use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use super::codes;
use super::keys::{self, KeyDoc};
use super::source::{Document, Entry, Node, NodeKind, Span, label};
use crate::diagnostic::{Diagnostic, Diagnostics, Label, SourceFile, suggestion};
use crate::expression::{ROOTS, Type, Value};

/// A blueprint or a module.
pub(crate) struct File {
    pub(crate) source: Arc<SourceFile>,
    /// The folder for `file()`, scripts and module paths; modules in the binary have none.
    pub(crate) folder: Option<PathBuf>,
    /// Variables of a blueprint, inputs of a module.
    pub(crate) inputs: Vec<Input>,
    pub(crate) locals: Vec<Named>,
    pub(crate) resources: Vec<Resource>,
    pub(crate) outputs: Vec<Output>,
    pub(crate) input_names: Names,
    pub(crate) local_names: Names,
    pub(crate) resource_names: Names,
    pub(crate) output_names: Names,
    /// The other keys.
    pub(crate) header: Vec<Entry>,
    /// Where the file says what it is.
    pub(crate) start: Span,
}

pub(crate) type Names = HashMap<Rc<str>, usize>;

/// A name and a value that is not read yet.
pub(crate) struct Named {
    pub(crate) name: Rc<str>,
    pub(crate) span: Span,
    pub(crate) node: Node,
}

/// A variable of a blueprint or an input of a module.
pub(crate) struct Input {
    pub(crate) name: Rc<str>,
    pub(crate) span: Span,
    pub(crate) r#type: Type,
    pub(crate) optional: bool,
    pub(crate) default: Option<Node>,
    pub(crate) one_of: Option<Vec<Value>>,
    pub(crate) description: String,
    /// Wrongly declared, which has been reported.
    pub(crate) broken: bool,
}

/// An output.
pub(crate) struct Output {
    pub(crate) name: Rc<str>,
    pub(crate) node: Node,
    pub(crate) r#type: Option<Type>,
    pub(crate) description: String,
}

/// A resource or a module call.
pub(crate) struct Resource {
    pub(crate) name: Rc<str>,
    pub(crate) span: Span,
    pub(crate) body: Node,
    pub(crate) target: Target,
}

/// What a resource is.
pub(crate) enum Target {
    Kind(Rc<str>),
    Module(Rc<File>),
    /// Reported already.
    Nothing,
}

impl Resource {
    pub(crate) fn entries(&self) -> &[Entry] {
        self.body.entries().unwrap_or_default()
    }
}

/// Reads declarations out of a tree.
pub(crate) struct Declarer<'a> {
    pub(crate) source: Arc<SourceFile>,
    pub(crate) problems: &'a mut Diagnostics,
}

impl Declarer<'_> {
    pub(super) fn label(&self, span: Span) -> Label {
        label(&self.source, span, "")
    }

    pub(super) fn report(&mut self, d: Diagnostic) {
        self.problems.push(d);
    }

    /// Complains about keys that a table does not have.
    pub(crate) fn check_keys(&mut self, entries: &[Entry], table: &'static [KeyDoc], place: &str) {
        for e in entries {
            if table.iter().any(|k| k.name == &*e.key.text) {
                continue;
            }
            let mut d = Diagnostic::error(&codes::UNKNOWN_KEY, format!("there is no key `{}` {place}", e.key.text))
                .with_label(self.label(e.key_span));
            d = match suggestion(&e.key.text, keys::names(table)) {
                Some(guess) => d.with_help(guess),
                None => d.with_help(format!("the keys are {}", keys::names(table).collect::<Vec<_>>().join(", "))),
            };
            self.report(d);
        }
    }

    /// A mapping's entries; complains about anything else. Null is an empty mapping.
    fn mapping(&mut self, node: Node, what: &str) -> Vec<Entry> {
        match node.kind {
            NodeKind::Mapping(entries) => entries,
            NodeKind::Scalar(s) if s.is_null() => Vec::new(),
            _ => {
                let d = Diagnostic::error(&codes::FIELD_TYPE, format!("`{what}` takes a mapping, not {}", node.noun()))
                    .with_label(self.label(node.span))
                    .with_help(format!("write `{what}:` and below it, indented, `name: …`"));
                self.report(d);
                Vec::new()
            }
        }
    }

    /// A name of `[a-z][a-z0-9…]*`; the text after `extra` may occur inside.
    fn name(&mut self, e: &Entry, what: &str, extra: char) -> Rc<str> {
        let name = &*e.key.text;
        let legal = name.len() <= 63
            && name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == extra);
        if !legal {
            let mut d = Diagnostic::error(&codes::BAD_NAME, format!("`{name}` is not a name for {what}"))
                .with_label(self.label(e.key_span))
                .with_detail(format!("small letters, digits and `{extra}`, a letter first, up to 63 characters"));
            if let Some(better) = better_name(name, extra) {
                d = d.with_help(format!("write `{better}`"));
            }
            self.report(d);
        } else if extra == '-' && ROOTS.contains(&name) {
            let d = Diagnostic::error(&codes::RESERVED, format!("`{name}` has a meaning of its own"))
                .with_label(self.label(e.key_span))
                .with_help(format!("choose another name, such as `{name}-1`"));
            self.report(d);
        }
        name.into()
    }

    /// Everything that blueprints and modules have in common.
    pub(crate) fn file(&mut self, document: Document, folder: Option<PathBuf>, inputs_key: &str) -> File {
        let start = document.root.entries().and_then(|e| e.first()).map_or(document.root.span, |e| e.key_span);
        let mut file = File {
            source: document.source,
            folder,
            inputs: Vec::new(),
            locals: Vec::new(),
            resources: Vec::new(),
            outputs: Vec::new(),
            input_names: Names::new(),
            local_names: Names::new(),
            resource_names: Names::new(),
            output_names: Names::new(),
            header: Vec::new(),
            start,
        };
        for entry in self.mapping(document.root, "the file") {
            match &*entry.key.text {
                k if k == inputs_key => {
                    for e in self.mapping(entry.value, inputs_key) {
                        let name = self.name(&e, "a variable", '_');
                        if inputs_key == "inputs" && keys::is_resource_key(&name) {
                            let d = Diagnostic::error(&codes::RESERVED, format!("an input cannot be called `{name}`"))
                                .with_label(self.label(e.key_span))
                                .with_help("every resource has a key of this name; choose another one");
                            self.report(d);
                        }
                        file.input_names.insert(name.clone(), file.inputs.len());
                        let input = self.input(&name, e);
                        file.inputs.push(input);
                    }
                }
                "locals" => {
                    for e in self.mapping(entry.value, "locals") {
                        let name = self.name(&e, "a local", '_');
                        file.local_names.insert(name.clone(), file.locals.len());
                        file.locals.push(Named { name, span: e.key_span, node: e.value });
                    }
                }
                "resources" => {
                    // The fields of a resource that is indented too little follow it as if they were resources.
                    let mut empty = false;
                    for e in self.mapping(entry.value, "resources") {
                        if empty && matches!(e.value.kind, NodeKind::Scalar(_)) && !e.value.is_null() {
                            continue;
                        }
                        empty = e.value.is_null();
                        let name = self.name(&e, "a resource", '-');
                        if !matches!(e.value.kind, NodeKind::Mapping(_)) {
                            let d = Diagnostic::error(
                                &codes::KIND_OR_USE,
                                format!("`{name}` is {}, not a resource", e.value.noun()),
                            )
                            .with_label(self.label(e.key_span))
                            .with_help(format!("write `{name}:` and below it, indented, `kind: …` or `use: …`"));
                            self.report(d);
                            continue;
                        }
                        file.resource_names.insert(name.clone(), file.resources.len());
                        file.resources.push(Resource {
                            name,
                            span: e.key_span,
                            body: e.value,
                            target: Target::Nothing,
                        });
                    }
                }
                "outputs" => {
                    for e in self.mapping(entry.value, "outputs") {
                        let name = self.name(&e, "an output", '_');
                        file.output_names.insert(name.clone(), file.outputs.len());
                        let output = self.output(name, e);
                        file.outputs.push(output);
                    }
                }
                _ => file.header.push(entry),
            }
        }
        file
    }
}

fn better_name(name: &str, extra: char) -> Option<String> {
    let mut out = String::new();
    for c in name.trim().chars() {
        match c {
            'a'..='z' | '0'..='9' => out.push(c),
            'A'..='Z' => {
                if out.ends_with(|p: char| p.is_ascii_lowercase()) {
                    out.push(extra);
                }
                out.push(c.to_ascii_lowercase());
            }
            '-' | '_' | ' ' | '.' => out.push(extra),
            _ => return None,
        }
    }
    let out = out.trim_start_matches(|c: char| !c.is_ascii_lowercase()).to_string();
    (!out.is_empty() && out.len() <= 63 && out != name).then_some(out)
}
