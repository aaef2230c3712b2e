//! The shape of a resource: `when`, `for_each` and `key`, and the instances that come out.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::check::Checker;
use super::codes;
use super::declare::{Resource, Target};
use super::expand::place_of;
use super::names::null_from;
use super::scope::{Instance, Scope, World, instance_address};
use super::source::{Node, label};
use crate::diagnostic::Diagnostic;
use crate::expression::{
    ExprError, Fail, Key, ModuleValue, Outcome, Purpose, RefValue, Type, Value, as_condition, for_each_name,
    null_error, shorten,
};

/// The longest address; it becomes a tag.
const MAX_ADDRESS: usize = 200;
/// The longest key of an instance.
const MAX_KEY: usize = 63;

impl World<'_> {
    /// Which instances a resource or a module call has.
    pub(crate) fn shape(&self, id: usize, scope: &Rc<Scope>, n: usize, scope_id: usize) -> Outcome<Value> {
        let resource = &scope.file.resources[n];
        if matches!(resource.target, Target::Nothing) {
            return Err(Fail::Reported);
        }
        let when = resource.body.get("when");
        let per_instance = when.is_some_and(mentions_each);
        if let Some(node) = when.filter(|_| !per_instance)
            && !self.condition(scope, None, node)?
        {
            self.instances.borrow_mut().insert(id, Rc::default());
            let words = format!("`{}` does not exist, because `when` is false", resource.name);
            return Ok(null_from(&scope.file, node.span, &words));
        }
        let Some(node) = resource.body.get("for_each") else {
            if let Some(e) = resource.body.entry("key") {
                let d = Diagnostic::error(&codes::FOR_EACH, "`key` goes with `for_each`");
                self.report(d.with_label(label(&scope.file.source, e.key_span, "")));
                return Err(Fail::Reported);
            }
            let address: Rc<str> = instance_address(scope, resource, None).into();
            self.check_address(scope, resource, &address)?;
            self.check_room(scope, resource)?;
            let instance = self.instance(scope_id, n, resource, None, address);
            let value = value_of(resource, &instance);
            self.instances.borrow_mut().insert(id, Rc::new(vec![instance]));
            return Ok(value);
        };
        let pairs = self.with_checker(scope, None, Purpose::Value, |c| {
            let value = c.convert(node, &Type::Any, "for_each")?;
            elements(c, node, &value, resource)
        })?;
        let mut instances = Vec::new();
        let mut all = BTreeMap::new();
        for (key, value) in pairs {
            let key = match key {
                Some(key) => key,
                None => self.computed_key(scope, resource, &value)?,
            };
            let each = (Value::String(key.0.clone()), value);
            if let Some(when) = when.filter(|_| per_instance)
                && !self.condition(scope, Some(each.clone()), when)?
            {
                continue;
            }
            self.check_key(scope, node, &key)?;
            let address: Rc<str> = instance_address(scope, resource, Some(&key)).into();
            self.check_address(scope, resource, &address)?;
            if all.contains_key(&key) {
                let d = Diagnostic::error(&codes::KEYS, format!("the key `{}` occurs twice", key.0))
                    .with_label(label(&scope.file.source, node.span, ""))
                    .with_help("use `distinct(…)`, or a mapping whose keys are unique");
                self.report(d);
                return Err(Fail::Reported);
            }
            self.check_room(scope, resource)?;
            let instance = self.instance(scope_id, n, resource, Some(each), address);
            all.insert(key, value_of(resource, &instance));
            instances.push(instance);
        }
        self.instances.borrow_mut().insert(id, Rc::new(instances));
        Value::map(all).map_err(|_| {
            let d = Diagnostic::error(&codes::LIMIT, format!("`{}` has too many instances", resource.name));
            self.report(d.with_label(label(&scope.file.source, node.span, "")));
            Fail::Reported
        })
    }

    fn instance(
        &self,
        scope: usize,
        n: usize,
        resource: &Resource,
        each: Option<(Value, Value)>,
        address: Rc<str>,
    ) -> Instance {
        let inner = match &resource.target {
            Target::Module(file) => Some(self.open(file, address.clone(), Some((scope, n, each.clone())))),
            _ => None,
        };
        Instance { each, address, scope: inner }
    }

    fn condition(&self, scope: &Rc<Scope>, each: Option<(Value, Value)>, node: &Node) -> Outcome<bool> {
        self.with_checker(scope, each, Purpose::Value, |c| {
            let value = c.convert(node, &Type::Bool, "when")?;
            if let Value::Unknown(u) = &value {
                return Err(c.refuse_unknown(node, u, "`when`"));
            }
            c.settle(node, as_condition(&value, place_of(node)))
        })
    }

    /// `key: name` is a field of each object, `key: ${each.value.name}` anything known.
    fn computed_key(&self, scope: &Rc<Scope>, resource: &Resource, value: &Value) -> Outcome<Key> {
        let Some(e) = resource.body.entry("key") else {
            let at = resource.body.get("for_each").map_or(resource.span, |n| n.span);
            let d = Diagnostic::error(&codes::FOR_EACH, "a list of objects needs `key`")
                .with_label(label(&scope.file.source, at, ""))
                .with_help("add `key: ${each.value.name}`, naming what is unique in each element");
            self.report(d);
            return Err(Fail::Reported);
        };
        let each = (value.clone(), value.clone());
        self.with_checker(scope, Some(each), Purpose::Value, |c| {
            let made = match (e.value.scalar(), value) {
                (Some(s), Value::Map(m)) if s.template.is_none() && m.get(&s.text).is_some() => {
                    m.get(&s.text).cloned().unwrap_or(Value::Bool(false))
                }
                _ => c.convert(&e.value, &Type::String, "key")?,
            };
            match (&made, made.to_text()) {
                (_, Some(text)) => Ok(Key(text)),
                (Value::Null(n), _) => {
                    c.settle(&e.value, Err(null_error(n, place_of(&e.value), "a key must not be null").into()))
                }
                (Value::Unknown(u), _) => Err(c.refuse_unknown(&e.value, u, "a key")),
                (other, _) => {
                    let error = ExprError::new(
                        &codes::FOR_EACH,
                        place_of(&e.value),
                        format!("a key is text, not {}", other.noun()),
                    );
                    c.settle(&e.value, Err(error.into()))
                }
            }
        })
    }

    fn check_key(&self, scope: &Rc<Scope>, node: &Node, key: &Key) -> Outcome<()> {
        let text = &*key.0;
        let legal = (1..=MAX_KEY).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
        // In an address a dot before a small letter starts the next name.
        let ambiguous = text.as_bytes().windows(2).any(|w| w[0] == b'.' && w[1].is_ascii_lowercase());
        if legal && !ambiguous {
            return Ok(());
        }
        let d = Diagnostic::error(&codes::KEYS, format!("`{}` cannot be the key of an instance", shorten(text)))
            .with_label(label(&scope.file.source, node.span, ""))
            .with_detail(
                "keys become part of addresses: 1 to 63 letters, digits, `-`, `_` and `.` (not before a small letter)",
            )
            .with_help("go over a mapping with plain keys: `{ for x in list : replace(x, \"/\", \"-\") => x }`");
        self.report(d);
        Err(Fail::Reported)
    }

    fn check_room(&self, scope: &Rc<Scope>, resource: &Resource) -> Outcome<()> {
        let is_module = matches!(resource.target, Target::Module(_));
        let at = || {
            let node = resource.body.get("for_each").map_or(resource.span, |n| n.span);
            label(&scope.file.source, node, "one of them is this")
        };
        if is_module && !self.has_room(at) { Err(Fail::Reported) } else { Ok(()) }
    }

    fn check_address(&self, scope: &Rc<Scope>, resource: &Resource, address: &str) -> Outcome<()> {
        if address.len() <= MAX_ADDRESS {
            return Ok(());
        }
        let d = Diagnostic::error(
            &codes::ADDRESS,
            format!("the address `{}` has {} characters", shorten(address), address.len()),
        )
        .with_label(label(&scope.file.source, resource.span, ""))
        .with_help(format!("addresses have up to {MAX_ADDRESS}: use shorter names"));
        self.report(d);
        Err(Fail::Reported)
    }
}

fn value_of(resource: &Resource, instance: &Instance) -> Value {
    match (&resource.target, instance.scope) {
        (Target::Module(_), Some(scope)) => {
            Value::Module(Rc::new(ModuleValue { scope, address: instance.address.clone() }))
        }
        (Target::Kind(kind), _) => {
            Value::Ref(Rc::new(RefValue { address: instance.address.clone(), kind: kind.clone() }))
        }
        _ => Value::Bool(false),
    }
}

/// What `for_each` goes over, each with its key when that is clear.
fn elements(c: &Checker<'_>, node: &Node, value: &Value, resource: &Resource) -> Outcome<Vec<(Option<Key>, Value)>> {
    let place = place_of(node);
    let wrong = |summary: String, help: &str| {
        c.settle(node, Err(ExprError::new(&codes::FOR_EACH, place, summary).help(help).into()))
    };
    let has_key = resource.body.get("key").is_some();
    match value {
        Value::Map(m) if !has_key => Ok(m.entries().iter().map(|(k, v)| (Some(k.clone()), v.clone())).collect()),
        Value::Map(m) => Ok(m.entries().values().map(|v| (None, v.clone())).collect()),
        Value::List(l) => l
            .items()
            .iter()
            .filter(|v| !v.is_null())
            .map(|v| match v {
                v if has_key => Ok((None, v.clone())),
                Value::String(s) => Ok((Some(Key(s.clone())), v.clone())),
                Value::Number(n) if n.is_integer() && !n.is_sign_negative() => {
                    Ok((Some(Key::new(&n.to_string())), v.clone()))
                }
                Value::Unknown(u) => Err(c.refuse_unknown(node, u, "an element of `for_each`")),
                Value::Map(_) | Value::Ref(_) | Value::Module(_) => Ok((None, v.clone())),
                other => c.settle(
                    node,
                    Err(ExprError::new(&codes::FOR_EACH, place, format!("{} cannot be a key", other.noun())).into()),
                ),
            })
            .collect(),
        Value::Number(n) => wrong(
            "`for_each` goes over elements, not over a number".to_string(),
            &format!("write `for_each: ${{range({n})}}`"),
        ),
        Value::Unknown(u) => Err(c.refuse_unknown(node, u, "`for_each`")),
        Value::Null(n) => c.settle(
            node,
            Err(null_error(n, place, "`for_each` must not be null")
                .help("give an empty list: `coalesce(x, [])`")
                .into()),
        ),
        other => wrong(
            format!("`for_each` goes over a list or a mapping, not over {}", other.noun()),
            "write `for_each: [a, b]`",
        ),
    }
}

fn mentions_each(node: &Node) -> bool {
    let mut found = false;
    if let Some(template) = node.scalar().and_then(|s| s.template.as_ref()) {
        for_each_name(template, &mut |root, _, _| found |= root == "each");
    }
    found
}
