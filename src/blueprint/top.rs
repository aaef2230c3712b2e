//! The top level of a blueprint: who, where, for how long, for how much.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::Value as Json;

use super::codes;
use super::emit::allow;
use super::expand::known;
use super::scope::{Scope, What, World};
use super::source::{Entry, Node, label};
use super::{Allow, Backend, Budget, Moved};
use crate::diagnostic::{Diagnostic, Label};
use crate::expression::{Field, Place, Purpose, Type, Value, shorten};
use crate::units::{Money, Per, Span};

/// What the header says, checked.
#[derive(Default)]
pub(crate) struct Top {
    pub(crate) blueprint: String,
    pub(crate) environment: Option<String>,
    pub(crate) account: Option<String>,
    pub(crate) region: String,
    pub(crate) owner: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) ttl: Option<Span>,
    pub(crate) ttl_data: bool,
    pub(crate) idle: Option<super::Idle>,
    pub(crate) budget: Option<Budget>,
    pub(crate) backend: Option<Backend>,
    pub(crate) software: Json,
    pub(crate) usage: Json,
    pub(crate) policies: Vec<super::Policy>,
    pub(crate) allow: Vec<Allow>,
    pub(crate) moved: Vec<Moved>,
    pub(crate) spans: BTreeMap<String, Label>,
}

/// Whether a text has the form of a region's name.
pub(crate) fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.len() >= 3
        && parts[0].len() == 2
        && parts.iter().all(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))
        && parts.last().is_some_and(|p| p.len() == 1 && p.bytes().all(|b| b.is_ascii_digit()))
}

struct Reader<'w, 'a> {
    world: &'w World<'a>,
    scope: Rc<Scope>,
}

pub(crate) fn read(world: &World<'_>) -> Top {
    let reader = Reader { world, scope: world.scope(0) };
    let mut top = Top {
        software: Json::Object(serde_json::Map::new()),
        usage: Json::Object(serde_json::Map::new()),
        ..Top::default()
    };
    for e in &reader.scope.file.header {
        top.spans.insert(e.key.text.to_string(), label(&reader.scope.file.source, e.value.span, ""));
    }
    top.blueprint = reader.name("blueprint", 0).unwrap_or_default();
    top.environment = reader.name("environment", 1);
    top.region = reader.region();
    top.account = reader.account();
    top.owner = reader.text(4);
    top.description = reader.text(5);
    top.software = reader.value(6).map_or(top.software, |v| v.to_json());
    reader.required();
    let entries: Vec<&Entry> = reader.scope.file.header.iter().collect();
    for e in entries {
        let node = &e.value;
        match &*e.key.text {
            "tags" => top.tags = reader.tags(node),
            "ttl" => top.ttl = reader.typed(node, &Type::Duration, "ttl").and_then(|v| v.to_text()?.parse().ok()),
            "ttl_data" => top.ttl_data = reader.deletes_data(node),
            "idle" => top.idle = super::idle::read(world, &reader.scope, node),
            "budget" => top.budget = reader.budget(node),
            "backend" => top.backend = reader.backend(node),
            "dlinfra" => reader.version(node),
            "usage" => {
                if let Some(v) = reader.typed(node, &Type::map(Type::Any), "usage") {
                    top.usage = v.to_json();
                }
            }
            "policies" => top.policies = super::policy::read(world, &reader.scope, node),
            "allow" => {
                top.allow = world.settle(&reader.scope, &None, Purpose::Value, |c| allow(c, node)).unwrap_or_default();
            }
            "moved" => top.moved = reader.moved(node),
            _ => {}
        }
    }
    top
}

impl Reader<'_, '_> {
    fn value(&self, header: usize) -> Option<Value> {
        let id = self.scope.thunk(What::Header(header));
        self.world.force(id);
        self.world.value(id, Place::default()).ok()
    }

    fn text(&self, header: usize) -> Option<String> {
        self.value(header)?.to_text().map(|t| t.to_string())
    }

    fn node(&self, key: &str) -> Option<&Node> {
        self.scope.file.header.iter().find(|e| &*e.key.text == key).map(|e| &e.value)
    }

    fn wrong(&self, node: &Node, summary: String, help: &str) {
        let d = Diagnostic::error(&codes::TOP_LEVEL, summary).with_label(label(&self.scope.file.source, node.span, ""));
        self.world.report(d.with_help(help));
    }

    fn typed(&self, node: &Node, want: &Type, name: &str) -> Option<Value> {
        self.world.settle(&self.scope, &None, Purpose::Field, |c| {
            let value = c.convert(node, want, name)?;
            known(c, node, value, &format!("`{name}`"))
        })
    }

    fn required(&self) {
        for (key, help) in
            [("blueprint", "add `blueprint: NAME` as the first line"), ("region", "add `region: us-east-1`")]
        {
            match self.node(key) {
                None => {
                    let d = Diagnostic::error(&codes::MISSING, format!("the key `{key}` is missing"))
                        .with_label(label(&self.scope.file.source, self.scope.file.start, ""));
                    self.world.report(d.with_help(help));
                }
                Some(node) if node.is_null() => self.wrong(node, format!("`{key}` has no value"), help),
                Some(_) => {}
            }
        }
    }

    fn name(&self, key: &str, header: usize) -> Option<String> {
        let text = self.text(header)?;
        let legal = text.len() <= 40
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && !text.ends_with('-')
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !legal && let Some(node) = self.node(key) {
            let summary = format!("`{}` is not a name", shorten(&text));
            self.wrong(node, summary, "names are small letters, digits and `-`, a letter first, up to 40 characters");
        }
        Some(text)
    }

    fn region(&self) -> String {
        let Some(text) = self.text(2) else { return String::new() };
        let legal = is_region(&text);
        if !legal && let Some(node) = self.node("region") {
            let zone = text
                .strip_suffix(|c: char| c.is_ascii_lowercase())
                .filter(|t| t.ends_with(|c: char| c.is_ascii_digit()));
            let help = match zone {
                Some(region) => format!("`{text}` is a zone; its region is `{region}`"),
                None => "write for example `us-east-1`".to_string(),
            };
            self.wrong(node, format!("`{}` is not a region", shorten(&text)), &help);
        }
        text
    }

    fn account(&self) -> Option<String> {
        let text = self.text(3)?;
        if (text.len() != 12 || !text.bytes().all(|b| b.is_ascii_digit()))
            && let Some(node) = self.node("account")
        {
            let summary = format!("`{}` is not an AWS account", shorten(&text));
            self.wrong(node, summary, "an account is 12 digits");
        }
        Some(text)
    }

    fn tags(&self, node: &Node) -> BTreeMap<String, String> {
        let Some(Value::Map(m)) = self.typed(node, &Type::map(Type::String), "tags") else { return BTreeMap::new() };
        let mut out = BTreeMap::new();
        for (k, v) in m.entries() {
            let node = node.get(&k.0).unwrap_or(node);
            let (key, value) = (k.0.to_string(), v.to_text().unwrap_or_default().to_string());
            let legal = |t: &str| t.chars().all(|c| c.is_alphanumeric() || " _.:/=+-@".contains(c));
            let lower = key.to_ascii_lowercase();
            if lower.starts_with("aws:") || lower.starts_with("dlinfra:") {
                self.wrong(
                    node,
                    format!("the tag `{key}` is reserved"),
                    "tags that start with `aws:` or `dlinfra:` are not yours to set",
                );
            } else if key.is_empty()
                || key.chars().count() > 128
                || value.chars().count() > 256
                || !legal(&key)
                || !legal(&value)
            {
                let help = "letters, digits, spaces and `_.:/=+-@`; keys up to 128, values up to 256 characters";
                self.wrong(node, format!("AWS does not take the tag `{}: {}`", shorten(&key), shorten(&value)), help);
            }
            out.insert(key, value);
        }
        if out.len() > 40 {
            self.wrong(
                node,
                format!("there are {} tags", out.len()),
                "AWS takes 50 per resource, and dlinfra and the resources need some: up to 40",
            );
        }
        out
    }

    fn budget(&self, node: &Node) -> Option<Budget> {
        let keys = ["hourly", "run", "monthly"];
        let want = Type::object(keys.map(|k| (k.to_string(), Field::new(Type::Money, false, "A limit"))));
        let mut wrong = false;
        for (key, unit) in [("hourly", "USD/h"), ("run", "USD"), ("monthly", "USD/month")] {
            // What a limit is per is known from its key, so the help can say the whole line.
            let plain =
                node.get(key).and_then(|n| Some((n, n.scalar().filter(|s| s.template.is_none() && !s.is_null())?)));
            if let Some((at, s)) = plain
                && let (Err(e), Some(guess)) = (s.text.parse::<Money>(), Money::guess(&s.text))
            {
                let d = Diagnostic::error(&codes::UNIT, e.why).with_label(label(&self.scope.file.source, at.span, ""));
                self.world.report(d.with_help(format!("write `{key}: {} {unit}`", guess.amount())));
                wrong = true;
            }
        }
        if wrong {
            return None;
        }
        let Value::Map(m) = self.typed(node, &want, "budget")? else { return None };
        let mut budget = Budget { label: Some(label(&self.scope.file.source, node.span, "")), ..Budget::default() };
        let limits = [
            (&mut budget.hourly, Per::Hour, "USD/h"),
            (&mut budget.run, Per::Once, "USD"),
            (&mut budget.monthly, Per::Month, "USD/month"),
        ];
        for ((slot, per, unit), key) in limits.into_iter().zip(keys) {
            let Some(money) = m.get(key).and_then(Value::to_text).and_then(|t| t.parse::<Money>().ok()) else {
                continue;
            };
            if money.per() != per {
                let at = node.get(key).unwrap_or(node);
                let help = format!("write `{key}: {} {unit}`", money.amount());
                self.wrong(at, format!("`budget.{key}` is in {unit}, not `{money}`"), &help);
                continue;
            }
            *slot = Some(money);
        }
        Some(budget)
    }

    /// `ttl_data:` says what the end of a stack does with what holds data.
    fn deletes_data(&self, node: &Node) -> bool {
        let text = self.typed(node, &Type::String, "ttl_data").and_then(|v| v.to_text());
        match text.as_deref() {
            Some("delete") => true,
            Some("keep") | None => false,
            Some(other) => {
                let summary = format!("`{}` is not what can become of data", shorten(other));
                self.wrong(node, summary, "write `keep`, which is what happens without it, or `delete`");
                false
            }
        }
    }

    fn backend(&self, node: &Node) -> Option<Backend> {
        let text = self.typed(node, &Type::String, "backend")?.to_text()?;
        if let Some(backend) = Backend::parse(&text) {
            return Some(backend);
        }
        self.wrong(
            node,
            format!("`{}` is not a backend", shorten(&text)),
            "write `local` or `s3://bucket/prefix`; leave it out for the account's own bucket",
        );
        None
    }

    /// `dlinfra:` names the oldest version that understands the blueprint.
    fn version(&self, node: &Node) {
        let text = self.typed(node, &Type::String, "dlinfra").and_then(|v| v.to_text());
        let Some(text) = text else { return };
        let wanted = text.trim_start_matches(">=").trim();
        let numbers = |t: &str| -> Option<Vec<u64>> { t.split('.').map(|p| p.parse().ok()).collect() };
        let (Some(mut want), Some(have)) =
            (numbers(wanted).filter(|w| w.len() <= 3), numbers(env!("CARGO_PKG_VERSION")))
        else {
            self.wrong(
                node,
                format!("`{text}` is not a version"),
                concat!("write for example `dlinfra: \"", env!("CARGO_PKG_VERSION"), "\"`"),
            );
            return;
        };
        want.resize(3, 0);
        if want > have {
            let d = Diagnostic::error(&codes::VERSION, format!("this blueprint needs dlinfra {wanted} or newer"))
                .with_label(label(
                    &self.scope.file.source,
                    node.span,
                    concat!("this is dlinfra ", env!("CARGO_PKG_VERSION")),
                ))
                .with_help("install a newer dlinfra");
            self.world.report(d);
        }
    }

    fn moved(&self, node: &Node) -> Vec<Moved> {
        let entry = Type::object(["from", "to"].map(|k| (k.to_string(), Field::new(Type::String, true, "An address"))));
        let Some(Value::List(l)) = self.typed(node, &Type::list(entry), "moved") else { return Vec::new() };
        l.items()
            .iter()
            .filter_map(|v| {
                let Value::Map(m) = v else { return None };
                let text = |k: &str| m.get(k).and_then(Value::to_text).map(|t| t.to_string());
                Some(Moved {
                    from: text("from")?,
                    to: text("to")?,
                    label: label(&self.scope.file.source, node.span, ""),
                })
            })
            .collect()
    }
}
