//! Finding and loading modules: beside the blueprint, in the binary, or by path; each file once.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::Dialect;
use super::codes;
use super::declare::{Declarer, File, Resource, Target};
use super::files::{FileError, FileKind, Recorder, clean};
use super::keys;
use super::source::{MAX_FILE, label, parse};
use crate::diagnostic::{Diagnostic, Diagnostics, Label, SourceFile, suggestion};

/// Modules nest up to this deep; the walks over modules recurse.
const MAX_NESTING: usize = 16;

/// Loads a file and every module that it uses.
pub(crate) struct Loader<'a> {
    pub(crate) dialect: &'a Dialect,
    pub(crate) files: &'a Recorder<'a>,
    pub(crate) root_folder: PathBuf,
    pub(crate) problems: &'a mut Diagnostics,
    loaded: HashMap<Place, Option<Rc<File>>>,
    /// The modules that are being loaded, outermost first, with the `use:` that asked for each.
    open: Vec<(Place, Label)>,
}

/// Where a module is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Place {
    File(PathBuf),
    BuiltIn(&'static str),
}

impl<'a> Loader<'a> {
    pub(crate) fn new(
        dialect: &'a Dialect,
        files: &'a Recorder<'a>,
        root: &Path,
        problems: &'a mut Diagnostics,
    ) -> Self {
        let root_folder = root.parent().map(Path::to_path_buf).unwrap_or_default();
        Loader { dialect, files, root_folder, problems, loaded: HashMap::new(), open: Vec::new() }
    }

    /// The blueprint itself.
    pub(crate) fn blueprint(&mut self, path: &Path) -> Option<Rc<File>> {
        let name = path.display().to_string();
        let bytes = match self.files.read(path, MAX_FILE) {
            Ok(bytes) => bytes,
            Err(e) => {
                self.problems.push(unreadable(&name, &e));
                return None;
            }
        };
        let document = parse(&name, &bytes, self.problems)?;
        if let Some(module) = document.root.entry("module").filter(|_| document.root.get("blueprint").is_none()) {
            let d = Diagnostic::error(&codes::TOP_LEVEL, format!("`{name}` is a module, not a blueprint"))
                .with_label(label(&document.source, module.key_span, ""))
                .with_help("use it from a blueprint: `use: ./path`");
            self.problems.push(d);
            return None;
        }
        let folder = self.root_folder.clone();
        let mut declarer = Declarer { source: document.source.clone(), problems: self.problems };
        let mut file = declarer.file(document, Some(folder), "variables");
        declarer.check_keys(&file.header, keys::TOP_LEVEL, "in a blueprint");
        self.resources(&mut file);
        Some(Rc::new(file))
    }

    /// Decides for each resource what it is.
    fn resources(&mut self, file: &mut File) {
        let (source, folder) = (file.source.clone(), file.folder.clone());
        let mut resources = std::mem::take(&mut file.resources);
        for r in &mut resources {
            r.target = self.target(&source, folder.as_deref(), r);
            if let Target::Module(module) = &r.target {
                let module = module.clone();
                self.check_call(&source, r, &module);
            }
        }
        file.resources = resources;
    }

    fn target(&mut self, source: &std::sync::Arc<SourceFile>, folder: Option<&Path>, r: &Resource) -> Target {
        let (kind, module) = (r.body.entry("kind"), r.body.entry("use"));
        let entry = match (kind, module) {
            (Some(e), None) | (None, Some(e)) => e,
            (Some(kind), Some(module)) => {
                let d = Diagnostic::error(&codes::KIND_OR_USE, format!("`{}` has both `kind` and `use`", r.name))
                    .with_label(label(source, module.key_span, ""))
                    .with_label(Label::secondary(source, kind.key_span.range(), ""))
                    .with_help("keep one of the two");
                self.problems.push(d);
                return Target::Nothing;
            }
            (None, None) => {
                let mut d =
                    Diagnostic::error(&codes::KIND_OR_USE, format!("`{}` has neither `kind` nor `use`", r.name))
                        .with_label(label(source, r.span, ""));
                let near =
                    r.entries().iter().find(|e| matches!(&*e.key.text, "type" | "module" | "source" | "resource"));
                d = match near {
                    Some(e) => d.with_help(format!("write `kind:` or `use:` in place of `{}:`", e.key.text)),
                    None => d.with_help("add `kind: …` (an AWS resource) or `use: …` (a module)"),
                };
                self.problems.push(d);
                return Target::Nothing;
            }
        };
        let text = entry.value.scalar().filter(|s| s.template.is_none() && !s.is_null()).map(|s| s.text.clone());
        let Some(text) = text else {
            let d = Diagnostic::error(&codes::KIND_OR_USE, format!("`{}` takes a plain name", entry.key.text))
                .with_label(label(source, entry.value.span, ""))
                .with_help("what a resource is cannot be computed; use `when` to choose between two");
            self.problems.push(d);
            return Target::Nothing;
        };
        let at = label(source, entry.value.span, "");
        if kind.is_some() {
            if self.dialect.kinds.contains_key(&*text) {
                return Target::Kind((*text).into());
            }
            let mut d = Diagnostic::error(&codes::UNKNOWN_KIND, format!("there is no kind `{text}`")).with_label(at);
            d = if self.dialect.modules.iter().any(|(n, _)| *n == &*text) {
                d.with_help(format!("`{text}` is a module: write `use: {text}`"))
            } else {
                let kinds = || self.dialect.kinds.keys().map(String::as_str);
                match suggestion(&text, kinds()).or_else(|| by_its_words(&text, kinds())) {
                    Some(guess) => d.with_help(guess),
                    None => d.with_help("`dlinfra kinds` lists all kinds"),
                }
            };
            self.problems.push(d);
            return Target::Nothing;
        }
        self.module(&text, folder, at).map_or(Target::Nothing, Target::Module)
    }

    fn find(&self, name: &str, folder: Option<&Path>) -> Option<Place> {
        let file = |path: PathBuf| match self.files.kind(&path) {
            Some(FileKind::Folder) => Some(path.join("module.yaml")).filter(|p| self.files.kind(p).is_some()),
            Some(_) => Some(path),
            None => None,
        };
        if name.starts_with("./") || name.starts_with("../") || name.ends_with(".yaml") {
            let path = clean(&folder?.join(name));
            let with_extension = PathBuf::from(format!("{}.yaml", path.display()));
            return file(path).or_else(|| file(with_extension)).map(Place::File);
        }
        let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        let beside = self.root_folder.join("modules");
        let found =
            plain.then(|| file(beside.join(format!("{name}.yaml"))).or_else(|| file(beside.join(name)))).flatten();
        found.map(Place::File).or_else(|| {
            self.dialect.modules.iter().filter(|_| plain).find(|(n, _)| *n == name).map(|(n, _)| Place::BuiltIn(n))
        })
    }

    fn module(&mut self, name: &str, folder: Option<&Path>, at: Label) -> Option<Rc<File>> {
        let Some(place) = self.find(name, folder) else {
            let mut d = Diagnostic::error(&codes::MODULE, format!("there is no module `{name}`")).with_label(at);
            d = if self.dialect.kinds.contains_key(name) {
                d.with_help(format!("`{name}` is a kind: write `kind: {name}`"))
            } else {
                match suggestion(name, self.dialect.modules.iter().map(|(n, _)| *n).filter(|n| !n.contains('/'))) {
                    Some(guess) => d.with_help(guess),
                    None => d.with_help(
                        "modules are found in `modules/` beside the blueprint, in the program, or by `./path`",
                    ),
                }
            };
            self.problems.push(d);
            return None;
        };
        if let Some(start) = self.open.iter().position(|(p, _)| *p == place) {
            let mut d = Diagnostic::error(&codes::MODULE_RING, format!("the module `{name}` uses itself"))
                .with_label(at.with_text("used again here"));
            for (_, used) in &self.open[start..] {
                d = d.with_label(used.clone().as_secondary().with_text("used here"));
            }
            self.problems.push(d.with_help("break the ring"));
            return None;
        }
        if let Some(loaded) = self.loaded.get(&place) {
            return loaded.clone();
        }
        if self.open.len() >= MAX_NESTING {
            let d = Diagnostic::error(&codes::MODULE_RING, format!("modules nest more than {MAX_NESTING} deep"))
                .with_label(at);
            self.problems.push(d);
            return None;
        }
        self.open.push((place.clone(), at.clone()));
        let file = self.load(&place, name, &at);
        self.open.pop();
        self.loaded.insert(place, file.clone());
        file
    }

    fn load(&mut self, place: &Place, name: &str, at: &Label) -> Option<Rc<File>> {
        let (shown, bytes, folder) = match place {
            Place::BuiltIn(n) => {
                let text = self.dialect.modules.iter().find(|(m, _)| m == n).map(|(_, text)| *text)?;
                let folder = Path::new(super::files::BUILT_IN).join(n);
                (format!("modules/{n}.yaml (built in)"), text.as_bytes().to_vec(), Some(folder))
            }
            Place::File(path) => match self.files.read(path, MAX_FILE) {
                Ok(bytes) => (path.display().to_string(), bytes, path.parent().map(Path::to_path_buf)),
                Err(e) => {
                    let shown = path.display().to_string();
                    self.problems.push(unreadable(&shown, &e).with_label(at.clone()));
                    return None;
                }
            },
        };
        let document = parse(&shown, &bytes, self.problems)?;
        if document.root.get("module").is_none() {
            let d = Diagnostic::error(&codes::MODULE, format!("`{shown}` is not a module"))
                .with_label(at.clone())
                .with_help(format!("its first line is `module: {}`", name.rsplit('/').next().unwrap_or(name)));
            self.problems.push(d);
            return None;
        }
        let mut declarer = Declarer { source: document.source.clone(), problems: self.problems };
        let mut file = declarer.file(document, folder, "inputs");
        declarer.check_keys(&file.header, keys::MODULE, "in a module");
        if let Some(checks) = file.header.iter().find(|e| &*e.key.text == "checks") {
            declarer.checks(&checks.value);
        }
        self.resources(&mut file);
        Some(Rc::new(file))
    }

    /// The keys beside `use:` against the module's inputs.
    fn check_call(&mut self, source: &std::sync::Arc<SourceFile>, r: &Resource, module: &File) {
        for e in r.entries() {
            let name = &*e.key.text;
            if keys::is_resource_key(name) {
                if name == "existing" {
                    let d = Diagnostic::error(&codes::EXISTING, "a module cannot be existing")
                        .with_label(label(source, e.key_span, ""))
                        .with_help("give the module's inputs what exists, or write `existing:` on a kind");
                    self.problems.push(d);
                }
                continue;
            }
            if module.input_names.contains_key(name) {
                continue;
            }
            let mut d =
                Diagnostic::error(&codes::UNKNOWN_KEY, format!("the module of `{}` has no input `{name}`", r.name))
                    .with_label(label(source, e.key_span, ""));
            let names = || module.inputs.iter().map(|i| &*i.name);
            d = match suggestion(name, names()) {
                Some(guess) => d.with_help(guess),
                None => d.with_help(format!("its inputs are {}", names().collect::<Vec<_>>().join(", "))),
            };
            self.problems.push(d);
        }
        for input in &module.inputs {
            let given = r.body.get(&input.name).is_some();
            if given || input.optional || input.default.is_some() {
                continue;
            }
            let mut d =
                Diagnostic::error(&codes::MISSING, format!("`{}` does not give the input `{}`", r.name, input.name))
                    .with_label(label(source, r.span, ""))
                    .with_label(Label::secondary(&module.source, input.span.range(), "declared here"))
                    .with_help(format!("add `{}: {}`", input.name, input.r#type.example()));
            if !input.description.is_empty() {
                d = d.with_detail(format!("{}: {}", input.name, input.description));
            }
            self.problems.push(d);
        }
    }
}

pub(crate) fn unreadable(name: &str, e: &FileError) -> Diagnostic {
    match e {
        FileError::TooLarge(limit) => {
            Diagnostic::error(&codes::TOO_LARGE, format!("`{name}` is larger than {} MB", limit / 1_000_000))
                .with_help("split it into modules")
        }
        e => Diagnostic::error(&codes::UNREADABLE, format!("`{name}` cannot be read: {e}")),
    }
}

/// Other tools call the same things `aws_s3_bucket` and `AWS::EC2::VPC`: the kind that has the most words of such a name,
/// and the fewest others.
fn by_its_words<'k>(text: &str, kinds: impl Iterator<Item = &'k str>) -> Option<String> {
    let mut words: Vec<String> = Vec::new();
    let mut small = false;
    for c in text.chars() {
        // `SecurityGroup` is two words, `VPC` is one.
        if !c.is_ascii_alphanumeric() || c.is_ascii_uppercase() && small {
            words.push(String::new());
        }
        small = c.is_ascii_lowercase();
        if c.is_ascii_alphanumeric() {
            match words.last_mut() {
                Some(word) => word.push(c.to_ascii_lowercase()),
                None => words.push(c.to_ascii_lowercase().to_string()),
            }
        }
    }
    let scored = kinds.map(|kind| {
        let (has, lacks): (Vec<&str>, Vec<&str>) = kind.split('-').partition(|part| words.iter().any(|w| w == part));
        (has.len(), std::cmp::Reverse(lacks.len()), kind)
    });
    let mut best: Vec<_> = scored.filter(|(has, ..)| *has > 0).collect();
    best.sort_by(|a, b| (b.0, b.1).cmp(&(a.0, a.1)).then(a.2.cmp(b.2)));
    match best.as_slice() {
        [first, second, ..] if (first.0, first.1) == (second.0, second.1) => None,
        [first, ..] => Some(format!("did you mean `{}`?", first.2)),
        [] => None,
    }
}
