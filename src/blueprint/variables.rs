//! Variables given from outside: `--var`, `--var-file`, the environment; text is read as the declared type.

use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use super::check::Checker;
use super::codes;
use super::declare::{File, Input};
use super::module::unreadable;
use super::scope::World;
use super::source::{Document, MAX_FILE, Node, NodeKind, Scalar, Span, Style, label, parse};
use crate::diagnostic::{Diagnostic, Diagnostics, Label, SourceFile, suggestion};
use crate::expression::{ExprError, Nothing, Place, Purpose, Type, Value};

/// The prefix of environment variables that set variables.
const PREFIX: &str = "DLINFRA_VAR_";

/// Reads every given variable, weakest first, into the world.
pub(crate) fn read(world: &World<'_>, file: &Rc<File>) {
    let find = |name: &str| file.input_names.get(name).map(|n| &file.inputs[*n]);
    for (key, text) in &world.inputs.env {
        // The environment belongs to many programs: what is unknown there is no mistake.
        if let Some(input) = key.strip_prefix(PREFIX).and_then(find) {
            set(world, file, input, &from_text(key, text, input));
        }
    }
    for path in &world.inputs.var_files {
        if let Some(document) = load(world, path) {
            for e in document.root.entries().unwrap_or_default() {
                match find(&e.key.text) {
                    Some(input) => {
                        set(world, file, input, &Given { source: document.source.clone(), node: e.value.clone() });
                    }
                    None => {
                        let d = unknown(&e.key.text, file).with_label(label(&document.source, e.key_span, ""));
                        world.report(d);
                    }
                }
            }
        }
    }
    for (name, text) in &world.inputs.vars {
        match find(name) {
            Some(input) => set(world, file, input, &from_text(&format!("--var {name}"), text, input)),
            None => world.report(unknown(name, file)),
        }
    }
}

fn unknown(name: &str, file: &File) -> Diagnostic {
    let d = Diagnostic::error(&codes::UNKNOWN_VARIABLE, format!("the blueprint declares no variable `{name}`"));
    let names = || file.inputs.iter().map(|i| &*i.name);
    match suggestion(name, names()) {
        Some(guess) => d.with_help(guess),
        None if file.inputs.is_empty() => d.with_help("it declares no variables at all"),
        None => d.with_help(format!("its variables are {}", names().collect::<Vec<_>>().join(", "))),
    }
}

/// A YAML file beside the blueprint, and where it is named; what is wrong with it is reported.
pub(crate) fn document(world: &World<'_>, path: &Path, named: Option<Label>) -> Option<Document> {
    let shown = path.display().to_string();
    let bytes = match world.files.read(path, MAX_FILE) {
        Ok(bytes) => bytes,
        Err(e) => {
            let problem = unreadable(&shown, &e);
            world.report(match named {
                Some(at) => problem.with_label(at),
                None => problem,
            });
            return None;
        }
    };
    let mut problems = Diagnostics::new();
    let document = parse(&shown, &bytes, &mut problems);
    world.problems.borrow_mut().extend(problems);
    document
}

fn load(world: &World<'_>, path: &Path) -> Option<Document> {
    let shown = path.display().to_string();
    let document = document(world, path, None)?;
    if !matches!(document.root.kind, NodeKind::Mapping(_)) {
        let d = Diagnostic::error(&codes::NOT_SET, format!("`{shown}` is not a mapping of variables"))
            .with_label(label(&document.source, document.root.span, ""))
            .with_help("write one `name: value` per line");
        world.report(d);
        return None;
    }
    Some(document)
}

/// The text of a variable from outside.
#[derive(Clone)]
pub(crate) struct Given {
    pub(crate) source: Arc<SourceFile>,
    pub(crate) node: Node,
}

/// Text of the command line: one scalar as it stands, or YAML for what has structure.
fn from_text(shown: &str, text: &str, input: &Input) -> Given {
    let structured =
        matches!(input.r#type.unbounded(), Type::List(_) | Type::Map(_) | Type::Object(_) | Type::Any | Type::Secret);
    if structured && text.trim_start().starts_with(['[', '{']) {
        let mut problems = Diagnostics::new();
        if let Some(document) = parse(shown, text.as_bytes(), &mut problems)
            && problems.is_empty()
        {
            return Given { source: document.source, node: document.root };
        }
    }
    let end = u32::try_from(text.len()).unwrap_or(u32::MAX);
    let style = if matches!(input.r#type, Type::Any) || text == "null" { Style::Plain } else { Style::Double };
    let scalar = Scalar { text: text.into(), style, template: None };
    Given {
        source: SourceFile::new(shown, text),
        node: Node { span: Span { start: 0, end }, kind: NodeKind::Scalar(scalar) },
    }
}

fn set(world: &World<'_>, file: &Rc<File>, input: &Input, given: &Given) {
    let checker = Checker::new(&Nothing, &given.source, Purpose::Value);
    let value = checker.convert(&given.node, &input.r#type, &input.name);
    let mut problems = checker.problems.take();
    world.given_at.borrow_mut().insert(input.name.to_string(), given.clone());
    if let Ok(value) = value {
        if let Some(e) = not_one_of(input, &value) {
            problems.push(e.into_diagnostic(label(&given.source, given.node.span, "")));
        } else if !value.is_null() {
            world.given.borrow_mut().insert(input.name.to_string(), value);
        } else {
            world.given.borrow_mut().remove(&*input.name);
            world.given_at.borrow_mut().remove(&*input.name);
        }
    }
    for d in problems {
        let declared = label(&file.source, input.span, "declared here").as_secondary();
        world.report(d.with_label(declared));
    }
}

fn not_one_of(input: &Input, value: &Value) -> Option<Box<ExprError>> {
    let all = input.one_of.as_ref()?;
    let text = value.to_text()?;
    let texts: Vec<Rc<str>> = all.iter().filter_map(Value::to_text).collect();
    if texts.contains(&text) {
        return None;
    }
    let list = texts.iter().map(|t| format!("`{t}`")).collect::<Vec<_>>().join(", ");
    let e = ExprError::new(&codes::ONE_OF, Place::default(), format!("`{}` cannot be `{text}`", input.name));
    Some(e.help(format!("it is one of {list}")))
}
