//! Policies: rules of the author about a plan. They are read with the blueprint and computed when a plan is known.
//!
//! A policy keeps its text and the values of the names that it uses, so that a compiled blueprint is plain data; what it
//! says about the plan (`cost`, `resources`, …) is given when it is checked.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use rust_decimal::Decimal;
use serde_json::Value as Json;

use super::Dialect;
use super::codes;
use super::names::Names;
use super::scope::{HEADER, Scope, World};
use super::source::{Node, NodeKind, Scalar, Span, label, label_inside};
use crate::diagnostic::{Diagnostic, SourceFile, codes, did_you_mean, suggestion};
use crate::expression::{
    self, Env, Evaluator, ExprError, Fail, Key, ModuleValue, Nothing, Null, Outcome, Place, Purpose, ROOTS, RefValue,
    Residual, Target, Template, Type, Value,
};

codes! {
    /// What a policy says.
    pub CODES:
    VIOLATED = "DL0608", "The plan breaks a policy of the blueprint",
        "Each entry of `policies:` is a rule about the plan. Its `rule` came out false, so nothing is changed, and the \
         exit code is 5. The message says what the author of the policy wants instead. `destroy` asks no policy.";
    BROKEN = "DL0609", "A policy cannot be computed",
        "The `rule` of a policy is true or false for every plan. It may look at `cost`, `plan`, `resources`, `removed`, \
         `stack`, `region`, `owner` and `ttl`, and at variables and locals. A rule that cannot be computed lets \
         nothing through. Fields that only some kinds have need a condition: \
         `[for r in resources : r.instance_type if r.kind == \"instance-group\"]`.";
}

/// The names that policies have beside those of the blueprint.
pub const NAMES: [&str; 8] = ["cost", "plan", "resources", "removed", "stack", "region", "owner", "ttl"];

/// One policy.
#[derive(Clone, Debug)]
pub struct Policy {
    /// `policies[0]`
    pub address: String,
    rule: Text,
    message: Text,
    /// `var.nodes` and the like with their types, as far as they are known before apply.
    known: BTreeMap<String, (Json, Type)>,
    /// Those that only apply will know.
    late: BTreeSet<String>,
}

/// A scalar, kept as text.
#[derive(Clone, Debug)]
struct Text {
    source: Arc<SourceFile>,
    span: Span,
    scalar: Scalar,
}

/// A value that a policy looks at.
#[derive(Clone, Debug)]
pub enum Fact {
    /// Nothing is given.
    Null,
    /// An exact number.
    Number(Decimal),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Fact>),
    /// A mapping.
    Map(BTreeMap<String, Fact>),
    /// A part of a spec, in canonical JSON.
    Spec(Json),
}

impl Fact {
    /// A mapping from its entries.
    pub fn map<K: Into<String>>(entries: impl IntoIterator<Item = (K, Fact)>) -> Self {
        Self::Map(entries.into_iter().map(|(k, v)| (k.into(), v)).collect())
    }

    /// Text, or nothing.
    pub fn text(text: Option<&str>) -> Self {
        text.map_or(Self::Null, |t| Self::Text(t.to_owned()))
    }

    fn value(&self) -> Option<Value> {
        Some(match self {
            Self::Null => Value::Null(Null::Expression),
            Self::Number(n) => Value::Number(n.normalize()),
            Self::Text(text) => Value::text(text),
            Self::List(all) => Value::list(all.iter().map(Self::value).collect::<Option<_>>()?).ok()?,
            Self::Map(all) => {
                let entry = |(k, v): (&String, &Self)| Some((Key::new(k), v.value()?));
                Value::map(all.iter().map(entry).collect::<Option<_>>()?).ok()?
            }
            Self::Spec(json) => spec(json)?,
        })
    }
}

/// A pointer is the address or id that it points to; what AWS decides later stays unknown.
fn spec(json: &Json) -> Option<Value> {
    let text = |key: &str| json.get(key).and_then(Json::as_str);
    match json {
        Json::Object(map) => match (text("$ref"), text("attr"), text("$id")) {
            (Some(address), Some(attr), _) => {
                Some(Value::unknown(Type::Any, Residual::attr(&address.into(), &"".into(), attr)))
            }
            (Some(address), None, _) => Some(Value::text(address)),
            (None, _, Some(id)) => Some(Value::text(id)),
            _ if map.contains_key("$expr") => {
                let text = text("text").unwrap_or("an expression");
                Some(Value::unknown(Type::Any, Residual::variable(text)))
            }
            _ => {
                let entry = |(k, v): (&String, &Json)| Some((Key::new(k), spec(v)?));
                Value::map(map.iter().map(entry).collect::<Option<_>>()?).ok()
            }
        },
        Json::Array(items) => Value::list(items.iter().map(spec).collect::<Option<_>>()?).ok(),
        plain => Value::from_json(plain).ok(),
    }
}

/// What a policy may look at, made once for all policies of a plan.
pub struct Facts(BTreeMap<&'static str, Value>);

impl Facts {
    /// The facts by name; a fact that is larger than an expression can hold is left out.
    pub fn new(facts: impl IntoIterator<Item = (&'static str, Fact)>) -> Self {
        Self(facts.into_iter().filter_map(|(name, fact)| Some((name, fact.value()?))).collect())
    }
}

/// Reads `policies:`: rules, and files of rules that blueprints share (`from`).
pub(crate) fn read(world: &World<'_>, scope: &Rc<Scope>, node: &Node) -> Vec<Policy> {
    let mut reader = Reader { world, scope, source: scope.file.source.clone(), out: Vec::new() };
    reader.list(node, "policies", |reader, item, address| match item.get("from") {
        Some(from) => reader.shared(item, from, &address),
        None => reader.rule(item, address),
    });
    reader.out
}

struct Reader<'w, 'a> {
    world: &'w World<'a>,
    scope: &'w Rc<Scope>,
    /// Where the rules stand that are read now.
    source: Arc<SourceFile>,
    out: Vec<Policy>,
}

impl Reader<'_, '_> {
    fn wrong(&self, span: Span, summary: String) {
        let d = Diagnostic::error(&codes::TOP_LEVEL, summary).with_label(label(&self.source, span, ""));
        let help = "write `- rule: ${cost.hourly < 500}` and below it `message: what to do instead`";
        self.world.report(d.with_help(help));
    }

    fn list(&mut self, node: &Node, name: &str, each: impl Fn(&mut Self, &Node, String)) {
        let NodeKind::Sequence(items) = &node.kind else {
            if !node.is_null() {
                self.wrong(node.span, format!("`{name}` is a list of rules, not {}", node.noun()));
            }
            return;
        };
        for (index, item) in items.iter().enumerate() {
            each(self, item, format!("{name}[{index}]"));
        }
    }

    /// Are these all the keys that it has? Others are reported.
    fn known(&self, item: &Node, known: &[&'static str]) {
        for e in item.entries().into_iter().flatten().filter(|e| !known.contains(&&*e.key.text)) {
            let help = suggestion(&e.key.text, known.iter().copied());
            let d = Diagnostic::error(&codes::UNKNOWN_KEY, format!("a policy has no `{}`", e.key.text))
                .with_label(label(&self.source, e.key_span, ""))
                .with_help(help.unwrap_or_else(|| format!("it has `{}`", known.join("` and `"))));
            self.world.report(d);
        }
    }

    /// A file of rules, which may lie above the blueprint: others use it, too.
    fn shared(&mut self, item: &Node, from: &Node, address: &str) {
        self.known(item, &["from"]);
        let Some(name) = from.scalar().filter(|s| !s.is_null() && !s.text.contains("${")).map(|s| s.text.to_string())
        else {
            return self.wrong(from.span, "`from` is the name of a file of rules".to_owned());
        };
        let path = self.scope.file.folder.as_ref().map_or_else(|| name.clone().into(), |folder| folder.join(&name));
        let at = label(&self.source, from.span, "");
        let Some(document) = super::variables::document(self.world, &path, Some(at)) else { return };
        let outer = std::mem::replace(&mut self.source, document.source.clone());
        let prefix = format!("{address} ({name})");
        self.list(&document.root, "policies", |reader, item, at| {
            let at = at.trim_start_matches("policies");
            reader.rule(item, format!("{prefix}{at}"));
        });
        self.source = outer;
    }

    fn rule(&mut self, item: &Node, address: String) {
        if item.entries().is_none() {
            return self
                .wrong(item.span, format!("a policy is a mapping with `rule` and `message`, not {}", item.noun()));
        }
        self.known(item, &["rule", "message"]);
        let text = |key: &str| {
            let found = item.get(key);
            match found.and_then(|n| Some((n.span, n.scalar()?))).filter(|(_, s)| !s.is_null()) {
                Some((span, s)) => {
                    let scalar = Scalar { text: s.text.clone(), style: s.style, template: None };
                    Some(Text { source: self.source.clone(), span, scalar })
                }
                None => {
                    self.wrong(found.map_or(item.span, |n| n.span), format!("this policy has no `{key}`"));
                    None
                }
            }
        };
        let (Some(rule), Some(message)) = (text("rule"), text("message")) else { return };
        let mut policy = Policy { address, rule, message, known: BTreeMap::new(), late: BTreeSet::new() };
        let parsed = [policy.rule.template(true), policy.message.template(false)];
        let mut broken = false;
        for problem in parsed.into_iter().filter_map(Result::err) {
            broken = true;
            self.world.report(problem);
        }
        if !broken && policy.learn(self.world, self.scope) {
            self.out.push(policy);
        }
    }
}

impl Text {
    /// The text as a template; that of a rule is one expression, with or without `${…}` around it.
    fn template(&self, rule: bool) -> Result<Template, Diagnostic> {
        let text = &*self.scalar.text;
        let parsed = if rule && !text.contains("${") {
            expression::parse_expression(text, 0, Place::whole(text)).map(Template::of)
        } else {
            Template::parse(text).map_err(|mut all| all.swap_remove(0))
        };
        let template = parsed.map_err(|e| self.problem(e))?;
        if rule && template.single().is_none() {
            let d = Diagnostic::error(&codes::TOP_LEVEL, "a rule is one expression that is true or false")
                .with_label(label(&self.source, self.span, ""));
            return Err(d.with_help("write `rule: ${cost.hourly < 500}`"));
        }
        Ok(template)
    }

    #[allow(clippy::boxed_local, reason = "errors are boxed everywhere")]
    fn problem(&self, e: Box<ExprError>) -> Diagnostic {
        let at = label_inside(&self.source, self.span, &self.scalar, e.place, "");
        e.into_diagnostic(at)
    }
}

impl Policy {
    /// Computes the names of the blueprint that stand in the text. False when one of them has failed.
    fn learn(&mut self, world: &World<'_>, scope: &Rc<Scope>) -> bool {
        let file = &scope.file;
        let both = format!("{} {}", self.rule.scalar.text, self.message.scalar.text);
        let inputs = file.inputs.iter().map(|i| ("var", i.name.to_string()));
        let locals = file.locals.iter().map(|l| ("local", l.name.to_string()));
        let header = HEADER.iter().map(|h| if *h == "blueprint" { "name" } else { h }).chain(["stack"]);
        let header = header.filter(|h| *h != "software").map(|h| ("blueprint", h.to_owned()));
        let others = [("path", "root"), ("path", "module"), ("dlinfra", "version")].map(|(r, a)| (r, a.to_owned()));
        let all = inputs.chain(locals).chain(header).chain(others).filter(|(root, name)| {
            // A name that is only the beginning of another one is learned too, which does no harm.
            both.contains(&format!("{root}.{name}"))
        });
        let mut wanted: Vec<(String, &str, String)> = all.map(|(r, a)| (format!("{r}.{a}"), r, a)).collect();
        if both.contains("software") {
            wanted.push(("software".to_owned(), "software", String::new()));
        }
        let place = Place::default();
        for (full, root, name) in wanted {
            let found = world.settle(scope, &None, Purpose::Value, |_| {
                let names = Names::new(world, scope, None);
                if name.is_empty() { names.name(root, place) } else { names.root(root, &name, place) }
            });
            let Some(value) = found else { return false };
            if value.has_unknown() {
                self.late.insert(full);
            } else {
                self.known.insert(full, (value.to_json(), value.r#type()));
            }
        }
        true
    }

    /// What is wrong with a plan by this policy; nothing when it holds.
    ///
    /// # Errors
    /// The rule cannot be computed.
    pub fn check(&self, dialect: &Dialect, facts: &Facts) -> Result<Option<Diagnostic>, Diagnostic> {
        let env = PolicyNames { policy: self, dialect, facts };
        let rule = self.rule.template(true)?;
        let evaluator = Evaluator::new(&env);
        let place = Place::whole(&self.rule.scalar.text);
        let broken = |fail: Fail| match fail {
            Fail::Error(e) => {
                let mut d = self.rule.problem(e);
                d.code = BROKEN.code;
                d.at_address(&self.address)
            }
            Fail::Need(..) | Fail::Reported => {
                Diagnostic::error(&BROKEN, "this policy cannot be computed").at_address(&self.address)
            }
        };
        let value = evaluator.template(&rule, None).map_err(broken)?;
        if expression::as_condition(&value, place).map_err(broken)? {
            return Ok(None);
        }
        Ok(Some(
            Diagnostic::error(&VIOLATED, self.words(&evaluator))
                .with_label(label(&self.rule.source, self.rule.span, "this rule is false"))
                .at_address(&self.address),
        ))
    }

    /// The message; as it is written when its expressions cannot be computed.
    fn words(&self, evaluator: &Evaluator<'_>) -> String {
        let made = self.message.template(false).ok().and_then(|t| evaluator.template(&t, None).ok()?.to_text());
        let text = made.map_or_else(|| self.message.scalar.text.to_string(), |t| t.to_string());
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        text.trim_end_matches('.').to_owned()
    }
}

/// What names mean in a policy.
struct PolicyNames<'a> {
    policy: &'a Policy,
    dialect: &'a Dialect,
    facts: &'a Facts,
}

impl PolicyNames<'_> {
    fn known(&self, full: &str, place: Place) -> Outcome<Value> {
        if self.policy.late.contains(full) {
            let e = ExprError::new(&codes::UNKNOWN, place, format!("a policy cannot depend on `{full}`"));
            return Err(e.label("AWS decides this during apply").into());
        }
        let Some((json, r#type)) = self.policy.known.get(full) else {
            let e = ExprError::new(&codes::UNKNOWN_NAME, place, format!("there is no `{full}`"));
            let guess = did_you_mean(full, self.policy.known.keys().map(String::as_str));
            return Err(e.help_opt(guess.map(|g| format!("did you mean `{g}`?"))).into());
        };
        let value = Value::from_json(json).map_err(|_| Fail::from(expression::too_large(place)))?;
        let target = Target { env: &Nothing, purpose: Purpose::Value, place, field: full, siblings: &|_| false };
        target.coerce(value, r#type)
    }
}

impl Env for PolicyNames<'_> {
    fn name(&self, name: &str, place: Place) -> Outcome<Value> {
        if let Some(value) = self.facts.0.get(name) {
            return Ok(value.clone());
        }
        if name == "software" {
            return self.known(name, place);
        }
        if NAMES.contains(&name) {
            return Err(expression::too_large(place).into());
        }
        let e = ExprError::new(&codes::UNKNOWN_NAME, place, format!("a policy has no `{name}`"));
        let e = match did_you_mean(name, NAMES) {
            Some(guess) => e.help(format!("did you mean `{guess}`?")),
            None if ROOTS.contains(&name) => e.help(format!("write a name after it: `{name}.NAME`")),
            None => e.help(format!("it looks at {}, variables and locals", NAMES.join(", "))),
        };
        Err(e.into())
    }

    fn root(&self, root: &str, attr: &str, place: Place) -> Outcome<Value> {
        match root {
            "var" | "local" | "blueprint" | "path" | "dlinfra" => self.known(&format!("{root}.{attr}"), place),
            "software" => {
                let Value::Map(all) = self.known(root, place)? else { return Err(Fail::Reported) };
                let missing = || ExprError::new(&codes::UNKNOWN_NAME, place, format!("there is no software `{attr}`"));
                all.get(attr).cloned().ok_or_else(|| missing().into())
            }
            _ => Err(ExprError::new(&codes::UNKNOWN_NAME, place, format!("`{root}` means nothing in a policy")).into()),
        }
    }

    fn resource_attr(&self, r: &RefValue, _: &str, place: Place) -> Outcome<Value> {
        self.name(&r.address, place)
    }
    fn module_attr(&self, m: &ModuleValue, _: &str, place: Place) -> Outcome<Value> {
        self.name(&m.address, place)
    }
    fn module_value(&self, m: &ModuleValue, place: Place) -> Outcome<Value> {
        self.name(&m.address, place)
    }
    fn read_file(&self, _: &str, place: Place) -> Outcome<String> {
        let e = ExprError::new(&codes::FILE, place, "a policy reads no files");
        Err(e.help("read it in a local, and use the local here").into())
    }
    fn instance(&self, name: &str) -> Option<Json> {
        (self.dialect.instance)(name)
    }
    fn zones(&self, region: &str) -> Option<Vec<String>> {
        (self.dialect.zones)(region)
    }
    fn outputs_of(&self, _: &RefValue) -> Vec<String> {
        Vec::new()
    }
}
