//! What names mean in a scope: `var`, `local`, `each`, the roots, resources and modules.

use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use serde_json::Value as Json;

use super::codes;
use super::scope::{HEADER, Scope, What, World};
use super::source::label;
use crate::diagnostic::{did_you_mean, suggestion};
use crate::expression::{
    Env, ExprError, Fail, Key, ModuleValue, Null, Origin, Outcome, Place, ROOTS, RefValue, Residual, Type, Value,
    too_large,
};

/// A scope, and an instance of a resource in it.
pub(crate) struct Names<'w, 'a> {
    pub(crate) world: &'w World<'a>,
    pub(crate) scope: Rc<Scope>,
    pub(crate) each: Option<(Value, Value)>,
}

impl<'w, 'a> Names<'w, 'a> {
    pub(crate) fn new(world: &'w World<'a>, scope: &Rc<Scope>, each: Option<(Value, Value)>) -> Self {
        Names { world, scope: scope.clone(), each }
    }

    fn unknown(&self, name: &str, place: Place) -> Box<ExprError> {
        let file = &self.scope.file;
        let e = ExprError::new(&codes::UNKNOWN_NAME, place, format!("there is no `{name}` here"));
        if ROOTS.contains(&name) {
            let what = match name {
                "var" => "a variable: `var.NAME`",
                "local" => "a local: `local.NAME`",
                "each" => "`each.key` or `each.value`",
                "blueprint" => "`blueprint.name`, `blueprint.region`, …",
                "dlinfra" => "`dlinfra.version`",
                "path" => "`path.root` or `path.module`",
                _ => "a name after it",
            };
            return ExprError::new(&codes::UNKNOWN_NAME, place, format!("`{name}` alone means nothing"))
                .help(format!("write {what}"));
        }
        if file.input_names.contains_key(name) {
            return e.help(format!("write `var.{name}` for the variable"));
        }
        if file.local_names.contains_key(name) {
            return e.help(format!("write `local.{name}` for the local"));
        }
        if let Some(guess) = self.world.guess(name, file) {
            return e.help(format!("did you mean `{guess}`?"));
        }
        if name.starts_with(|c: char| c.is_ascii_uppercase()) {
            return e.help(format!("write `$${{{name}}}` for the text `${{{name}}}`"));
        }
        let inputs = file.inputs.iter().map(|i| &*i.name).chain(file.locals.iter().map(|l| &*l.name));
        match did_you_mean(name, inputs) {
            Some(guess) if file.input_names.contains_key(guess) => e.help(format!("did you mean `var.{guess}`?")),
            Some(guess) => e.help(format!("did you mean `local.{guess}`?")),
            None if self.scope.call.is_some() => {
                e.help("inside a module only its own inputs, locals and resources exist")
            }
            None if name.starts_with("aws_") || ["resource", "resources", "module", "data"].contains(&name) => {
                e.help("a resource, or a module, is called by its own name: `${NAME}`, `${NAME.ATTRIBUTE}`")
            }
            None => e.help("names are those of resources in this file; variables are `var.NAME`, locals `local.NAME`"),
        }
    }

    /// `var.nodes-1` is one name; the author meant a subtraction.
    fn unknown_attr<'n>(
        &self,
        root: &str,
        what: &str,
        attr: &str,
        place: Place,
        names: impl Iterator<Item = &'n str> + Clone,
    ) -> Fail {
        let e = ExprError::new(&codes::UNKNOWN_NAME, place, format!("there is no {what} `{attr}`"));
        if let Some((before, after)) = attr.split_once('-')
            && names.clone().any(|n| n == before)
        {
            return e.help(format!("write `{root}.{before} - {after}` with spaces for a subtraction")).into();
        }
        match suggestion(attr, names.clone()) {
            Some(guess) => e.help(guess).into(),
            None => {
                let all: Vec<&str> = names.take(20).collect();
                match all.is_empty() {
                    true => e
                        .help(format!("declare it under `{}:`", if root == "var" { "variables" } else { "locals" }))
                        .into(),
                    false => e.help(format!("there are {}", all.join(", "))).into(),
                }
            }
        }
    }

    fn root_scope(&self) -> Rc<Scope> {
        self.world.scope(0)
    }

    fn header(&self, name: &str, place: Place) -> Outcome<Value> {
        let index = HEADER.iter().position(|h| *h == name).unwrap_or(0);
        self.world.value(self.root_scope().thunk(What::Header(index)), place)
    }

    fn blueprint(&self, attr: &str, place: Place) -> Outcome<Value> {
        match attr {
            "name" => self.header("blueprint", place),
            "environment" | "region" | "account" | "owner" | "description" => self.header(attr, place),
            "stack" => {
                let name = self.header("blueprint", place)?.to_text().unwrap_or_default();
                Ok(match self.header("environment", place)?.to_text() {
                    Some(environment) => Value::text(&format!("{name}-{environment}")),
                    None => Value::String(name),
                })
            }
            _ => {
                let names = ["name", "environment", "region", "account", "owner", "description", "stack"];
                Err(self.unknown_attr("blueprint", "attribute of the blueprint", attr, place, names.into_iter()))
            }
        }
    }
}

fn shown(path: &Path) -> Value {
    let text = path.display().to_string();
    Value::text(if text.is_empty() { "." } else { &text })
}

impl Env for Names<'_, '_> {
    fn name(&self, name: &str, place: Place) -> Outcome<Value> {
        if let Some(id) = World::resource_thunk(&self.scope, name) {
            return self.world.value(id, place);
        }
        if name == "software" {
            return self.header("software", place);
        }
        Err(self.unknown(name, place).into())
    }

    fn root(&self, root: &str, attr: &str, place: Place) -> Outcome<Value> {
        let file = &self.scope.file;
        match root {
            "var" => match file.input_names.get(attr) {
                Some(n) => self.world.value(self.scope.thunk(What::Input(*n)), place),
                None => Err(self.unknown_attr("var", "variable", attr, place, file.inputs.iter().map(|i| &*i.name))),
            },
            "local" => match file.local_names.get(attr) {
                Some(n) => self.world.value(self.scope.thunk(What::Local(*n)), place),
                None => Err(self.unknown_attr("local", "local", attr, place, file.locals.iter().map(|l| &*l.name))),
            },
            "each" => match (&self.each, attr) {
                (Some((key, _)), "key") => Ok(key.clone()),
                (Some((_, value)), "value") => Ok(value.clone()),
                (None, "key" | "value") => {
                    let e = ExprError::new(&codes::UNKNOWN_NAME, place, "`each` is for what has `for_each`");
                    Err(e.help("add `for_each:` to this resource").into())
                }
                _ => Err(self.unknown_attr("each", "attribute of `each`", attr, place, ["key", "value"].into_iter())),
            },
            "blueprint" => self.blueprint(attr, place),
            "software" => {
                let all = self.header("software", place)?;
                match &all {
                    Value::Map(m) => m.get(attr).cloned().ok_or_else(|| {
                        let names: Vec<&str> = m.entries().keys().map(|k| &*k.0).collect();
                        self.unknown_attr("software", "software", attr, place, names.iter().copied())
                    }),
                    _ => Err(self.unknown_attr("software", "software", attr, place, std::iter::empty())),
                }
            }
            "path" => match attr {
                "root" => Ok(shown(self.root_scope().file.folder.as_deref().unwrap_or(Path::new("")))),
                "module" => Ok(shown(file.folder.as_deref().unwrap_or(Path::new("")))),
                _ => Err(self.unknown_attr("path", "path", attr, place, ["root", "module"].into_iter())),
            },
            "dlinfra" if attr == "version" => Ok(Value::text(env!("CARGO_PKG_VERSION"))),
            "dlinfra" => {
                Err(self.unknown_attr("dlinfra", "attribute of `dlinfra`", attr, place, ["version"].into_iter()))
            }
            other => Err(ExprError::new(&codes::RESERVED, place, format!("`{other}` is reserved")).into()),
        }
    }

    fn resource_attr(&self, r: &RefValue, attr: &str, place: Place) -> Outcome<Value> {
        let kind = self.world.dialect.kinds.get(&*r.kind);
        let r#type = match kind.and_then(|k| k.outputs.get(attr)) {
            Some(t) => t.clone(),
            None if attr == "id" => Type::String,
            None => {
                let e =
                    ExprError::new(&codes::NO_ATTRIBUTE, place, format!("`{}` has no attribute `{attr}`", r.address));
                let outputs = self.outputs_of(r);
                let field = matches!(kind.map(|k| &k.fields), Some(Type::Object(o)) if o.fields.contains_key(attr));
                let e = match suggestion(attr, outputs.iter().map(String::as_str)) {
                    _ if field => e.help(format!(
                        "`{attr}` is a field that you write; put its value into a local to use it twice"
                    )),
                    Some(guess) => e.help(guess),
                    None => e,
                };
                return Err(e
                    .help(format!("the attributes of the kind `{}` are {}", r.kind, outputs.join(", ")))
                    .into());
            }
        };
        Ok(Value::unknown(r#type, Residual::attr(&r.address, &r.kind, attr)))
    }

    fn module_attr(&self, m: &ModuleValue, attr: &str, place: Place) -> Outcome<Value> {
        let scope = self.world.scope(m.scope);
        match scope.file.output_names.get(attr) {
            Some(n) => self.world.value(scope.thunk(What::Output(*n)), place),
            None => {
                let e = ExprError::new(
                    &codes::NO_ATTRIBUTE,
                    place,
                    format!("the module `{}` has no output `{attr}`", m.address),
                );
                let names = || scope.file.outputs.iter().map(|o| &*o.name);
                let e = match suggestion(attr, names()) {
                    Some(guess) => e.help(guess),
                    None if scope.file.outputs.is_empty() => e.label("it has no outputs"),
                    None => e.help(format!("its outputs are {}", names().collect::<Vec<_>>().join(", "))),
                };
                Err(e.into())
            }
        }
    }

    fn module_value(&self, m: &ModuleValue, place: Place) -> Outcome<Value> {
        let scope = self.world.scope(m.scope);
        let mut all = BTreeMap::new();
        for (i, output) in scope.file.outputs.iter().enumerate() {
            all.insert(Key(output.name.clone()), self.world.value(scope.thunk(What::Output(i)), place)?);
        }
        Value::map(all).map_err(|_| too_large(place).into())
    }

    fn read_file(&self, path: &str, place: Place) -> Outcome<String> {
        let Some(folder) = &self.scope.file.folder else {
            return Err(ExprError::new(&codes::FILE, place, "a module of the program has no files beside it").into());
        };
        self.world
            .files
            .read_beside(folder, path)
            .map_err(|(summary, help)| ExprError::new(&codes::FILE, place, summary).help(help).into())
    }

    fn instance(&self, name: &str) -> Option<Json> {
        (self.world.dialect.instance)(name)
    }

    fn zones(&self, region: &str) -> Option<Vec<String>> {
        (self.world.dialect.zones)(region)
    }

    fn near_instance(&self, name: &str) -> Option<&'static str> {
        (self.world.dialect.near_instance)(name)
    }

    fn near_region(&self, name: &str) -> Option<&'static str> {
        (self.world.dialect.near_region)(name)
    }

    fn outputs_of(&self, r: &RefValue) -> Vec<String> {
        let mut all = vec!["id".to_string()];
        if let Some(kind) = self.world.dialect.kinds.get(&*r.kind) {
            all.extend(kind.outputs.keys().filter(|k| *k != "id").cloned());
        }
        all
    }
}

/// Null with the place that explains it.
pub(crate) fn null_from(file: &super::declare::File, span: super::source::Span, words: &str) -> Value {
    let label = label(&file.source, span, words);
    Value::Null(Null::From(Rc::new(Origin { label: label.as_secondary(), help: None })))
}

/// The null of a key at the top level that is not written.
pub(crate) fn null_header(file: &super::declare::File, key: &str) -> Value {
    let label = label(&file.source, file.start, format!("the blueprint has no `{key}`"));
    let example = match key {
        "account" => "'123456789012'",
        "environment" => "dev",
        "owner" => "team@example.com",
        _ => "…",
    };
    let help = Some(format!("add `{key}: {example}` at the top level"));
    Value::Null(Null::From(Rc::new(Origin { label: label.as_secondary(), help })))
}
