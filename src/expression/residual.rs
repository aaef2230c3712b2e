//! What remains of an expression when some attributes are not known yet: small, shared, and JSON at the end.

use std::rc::Rc;

use serde_json::{Value as Json, json};

use super::value::{Null, TooLarge, Unit, Unknown, Value, number_to_json};

/// The largest and the deepest residual: they grow along chains of locals, and everything that reads them recurses.
const MAX_SIZE: u64 = 20_000;
const MAX_DEPTH: u16 = 100;

#[derive(Debug)]
pub(crate) struct Residual {
    pub(crate) kind: ResidualKind,
    size: u64,
    depth: u16,
}

#[derive(Debug)]
pub(crate) enum ResidualKind {
    /// A known value.
    Known(Value),
    /// An attribute of a resource.
    Attr {
        address: Rc<str>,
        kind: Rc<str>,
        attr: Rc<str>,
    },
    /// A variable of a `for` whose list is not known yet.
    Variable(Rc<str>),
    List(Vec<Rc<Residual>>),
    Call {
        name: Rc<str>,
        args: Vec<Rc<Residual>>,
    },
}

impl Residual {
    pub(crate) fn attr(address: &Rc<str>, kind: &Rc<str>, attr: &str) -> Rc<Residual> {
        let kind = ResidualKind::Attr { address: address.clone(), kind: kind.clone(), attr: attr.into() };
        Rc::new(Residual { kind, size: 1, depth: 0 })
    }

    pub(crate) fn variable(name: &str) -> Rc<Residual> {
        Rc::new(Residual { kind: ResidualKind::Variable(name.into()), size: 1, depth: 0 })
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// A call whose arguments are values, known or not.
    pub(crate) fn call(name: &str, args: &[Value]) -> Result<Rc<Residual>, TooLarge> {
        let args = args.iter().map(Residual::of).collect::<Result<Vec<_>, _>>()?;
        Residual::of_parts(name, args)
    }

    pub(crate) fn of_parts(name: &str, args: Vec<Rc<Residual>>) -> Result<Rc<Residual>, TooLarge> {
        // Text in text is one text: long chains of templates stay flat.
        let args = if name == "template" {
            let mut flat = Vec::with_capacity(args.len());
            for a in args {
                match &a.kind {
                    ResidualKind::Call { name, args } if &**name == "template" => flat.extend(args.iter().cloned()),
                    _ => flat.push(a),
                }
            }
            flat
        } else {
            args
        };
        let (size, depth) = measure(&args)?;
        Ok(Rc::new(Residual { kind: ResidualKind::Call { name: name.into(), args }, size, depth }))
    }

    fn of(value: &Value) -> Result<Rc<Residual>, TooLarge> {
        Ok(match value {
            Value::Unknown(u) => u.typed()?,
            Value::List(l) if value.has_unknown() => {
                let items = l.items().iter().map(Residual::of).collect::<Result<Vec<_>, _>>()?;
                let (size, depth) = measure(&items)?;
                Rc::new(Residual { kind: ResidualKind::List(items), size, depth })
            }
            Value::Map(m) if value.has_unknown() => {
                let mut args = Vec::with_capacity(2 * m.entries().len());
                for (key, v) in m.entries() {
                    args.push(Residual::of(&Value::String(key.0.clone()))?);
                    args.push(Residual::of(v)?);
                }
                Residual::of_parts("map", args)?
            }
            known => Rc::new(Residual { kind: ResidualKind::Known(known.clone()), size: known.weight(), depth: 0 }),
        })
    }

    /// The contract's JSON: constants, `{"$ref", "attr"}`, `{"fn", "args"}`.
    pub(crate) fn to_json(&self) -> Json {
        match &self.kind {
            ResidualKind::Known(v) => known_to_json(v),
            ResidualKind::Attr { address, attr, .. } => json!({ "$ref": &**address, "attr": &**attr }),
            ResidualKind::Variable(name) => json!({ "$var": &**name }),
            ResidualKind::List(items) => Json::Array(items.iter().map(|i| i.to_json()).collect()),
            ResidualKind::Call { name, args } => {
                json!({ "fn": &**name, "args": args.iter().map(|a| a.to_json()).collect::<Vec<_>>() })
            }
        }
    }

    /// For people: close to what the author wrote.
    pub(crate) fn to_text(&self) -> String {
        match &self.kind {
            ResidualKind::Call { name, args } if &**name == "template" => {
                let mut out = String::new();
                for a in args {
                    match &a.kind {
                        ResidualKind::Known(v) if v.to_text().is_some() => {
                            out.push_str(&v.to_text().unwrap_or_default().replace("${", "$${"));
                        }
                        _ => out.push_str(&format!("${{{}}}", a.inner_text())),
                    }
                }
                out
            }
            _ => {
                let text = self.inner_text();
                // Operators come in parentheses; the outermost say nothing.
                let bare = match &self.kind {
                    ResidualKind::Call { name, .. } if !name.starts_with(|c: char| c.is_ascii_lowercase()) => {
                        text.strip_prefix('(').and_then(|t| t.strip_suffix(')')).unwrap_or(&text)
                    }
                    _ => &text,
                };
                format!("${{{bare}}}")
            }
        }
    }

    fn inner_text(&self) -> String {
        let list = |args: &[Rc<Residual>]| args.iter().map(|a| a.inner_text()).collect::<Vec<_>>().join(", ");
        match &self.kind {
            ResidualKind::Known(v) => match v {
                Value::String(s) => format!("{s:?}"),
                Value::Unit(u) => format!("{}({:?})", Unit::function(&u.r#type()).unwrap_or_default(), u.to_string()),
                v => v.to_json().to_string(),
            },
            ResidualKind::Attr { address, attr, .. } => format!("{address}.{attr}"),
            ResidualKind::Variable(name) => name.to_string(),
            ResidualKind::List(items) => format!("[{}]", list(items)),
            ResidualKind::Call { name, args } => match (&**name, args.as_slice()) {
                ("template", _) => format!("{:?}", self.to_text()).replace("\\\"", "\""),
                ("index", [base, key]) => format!("{}[{}]", base.inner_text(), key.inner_text()),
                ("attr", [base, key]) => match &key.kind {
                    ResidualKind::Known(Value::String(key)) => format!("{}.{key}", base.inner_text()),
                    _ => format!("{}[{}]", base.inner_text(), key.inner_text()),
                },
                ("not", [a]) => format!("!{}", a.inner_text()),
                ("neg", [a]) => format!("-{}", a.inner_text()),
                ("for", [collection, key, value, result]) => {
                    let name = |r: &Residual| match &r.kind {
                        ResidualKind::Known(v) => v.to_text().unwrap_or_default().to_string(),
                        _ => String::new(),
                    };
                    let (key, value) = (name(key), name(value));
                    let names = if key.is_empty() { value } else { format!("{key}, {value}") };
                    format!("[for {names} in {} : {}]", collection.inner_text(), result.inner_text())
                }
                ("map", args) => {
                    let pairs =
                        args.chunks(2).map(|p| p.iter().map(|a| a.inner_text()).collect::<Vec<_>>().join(" = "));
                    format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
                }
                (operator, [a, b]) if !operator.starts_with(|c: char| c.is_ascii_lowercase()) => {
                    format!("({} {operator} {})", a.inner_text(), b.inner_text())
                }
                (name, args) => format!("{name}({})", list(args)),
            },
        }
    }
}

impl Unknown {
    /// With a call around an attribute whose text alone would not tell its unit.
    fn typed(&self) -> Result<Rc<Residual>, TooLarge> {
        match (&self.residual.kind, Unit::function(&self.r#type)) {
            (ResidualKind::Attr { .. } | ResidualKind::Variable(_), Some(function)) => {
                Residual::of_parts(function, vec![self.residual.clone()])
            }
            _ => Ok(self.residual.clone()),
        }
    }
}

fn measure(args: &[Rc<Residual>]) -> Result<(u64, u16), TooLarge> {
    let size = args.iter().fold(1_u64, |n, a| n.saturating_add(a.size));
    let depth = args.iter().map(|a| a.depth).max().unwrap_or(0) + 1;
    if size > MAX_SIZE || depth > MAX_DEPTH { Err(TooLarge) } else { Ok((size, depth)) }
}

/// Constants keep their type: units and exact decimals as calls, mappings too, because `{"fn": …}` would be ambiguous.
fn known_to_json(value: &Value) -> Json {
    match value {
        Value::Null(Null::Written | Null::Expression | Null::From(_)) => Json::Null,
        Value::Unit(u) => json!({ "fn": Unit::function(&u.r#type()), "args": [u.to_string()] }),
        Value::Number(n) => {
            let plain = number_to_json(*n);
            // As text: JSON numbers are equal to many decimals that they only come near to.
            let text = plain.to_string();
            if text == n.normalize().to_string() {
                plain
            } else {
                json!({ "fn": "tonumber", "args": [n.normalize().to_string()] })
            }
        }
        Value::List(l) => Json::Array(l.items().iter().map(known_to_json).collect()),
        Value::Map(m) => {
            let args: Vec<Json> =
                m.entries().iter().flat_map(|(k, v)| [Json::String(k.0.to_string()), known_to_json(v)]).collect();
            json!({ "fn": "map", "args": args })
        }
        other => other.to_json(),
    }
}
