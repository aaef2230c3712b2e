//! The erased form of a kind: specs are canonical JSON here, so graph, diff, plan and execution stay generic.
//!
//! `Of<R>` is the only place that crosses between the typed and the erased world.
mod capability;
pub(crate) mod codes;

pub use capability::Capabilities;

use crate::{
    aws::{Error, tags::Carrier},
    call::{Ctx, SweepCtx},
    price::{PriceContext, PriceLine, Unit},
    resource::{About, Changes, Durations, Gone, Id, Live, Lookup, Need, Problem, Resource, State},
    spec::{self, Node},
};
use serde_json::{Map, Value};
use std::{any::Any, future::Future, marker::PhantomData, pin::Pin};

/// A boxed future, since a trait object cannot return an opaque one.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// The struct of a kind with its type forgotten.
pub type Fields = dyn Any + Send + Sync;

/// A spec that has the shape of its kind.
pub struct Checked {
    /// Its canonical form.
    pub spec: Value,
    /// The same as the struct of its kind, for the checks across resources.
    pub fields: Box<Fields>,
    /// What the checks of the kind find in it.
    pub problems: Vec<Problem>,
}

/// A kind with its type forgotten. The engine takes a slice of these, so tests bring their own.
pub trait Kind: Send + Sync {
    /// The kind's name in a blueprint.
    fn name(&self) -> &'static str;
    /// What the kind states about itself.
    fn about(&self) -> &'static About;
    /// What it does beside what every kind does.
    fn has(&self) -> &Capabilities;
    /// JSON Schema of its fields.
    fn schema(&self) -> Value;
    /// Checks a spec and puts it into canonical form (normalised; nulls that the author wrote are kept).
    fn canonical(&self, raw: &Value) -> Result<Value, Problem>;
    /// Checks of fields against each other.
    #[cfg(any(test, feature = "internals"))]
    fn check(&self, spec: &Value) -> Vec<Problem>;
    /// All of it, read once.
    fn checked(&self, raw: &Value) -> Result<Checked, Problem>;
    /// The path of a problem as its author counts: elements of lists that the canonical form sorts stand elsewhere there.
    fn written(&self, raw: &Value, path: &str) -> String;
    /// One line for a plan.
    fn summary(&self, spec: &Value) -> String;
    /// AWS's default of a removed field.
    fn default_of(&self, path: &str) -> Option<Value> {
        self.about().default_of(path)
    }
    /// Is nothing left as soon as `delete` has succeeded?
    fn goes_at_once(&self, live: &Live) -> bool {
        match self.about().gone {
            Gone::AtOnce => true,
            Gone::PartsAtOnce => live.state == State::Partial,
            Gone::Later => false,
        }
    }
    /// Expected times.
    fn durations(&self, spec: &Value) -> Durations;
    /// Price lines.
    fn price(&self, spec: &Value, ctx: &PriceContext<'_>) -> Vec<PriceLine>;
    /// What it takes of quotas; nothing of a spec that is not known yet.
    fn needs(&self, spec: &Value) -> Vec<Need>;
    /// Every owned object.
    fn sweep<'a>(&'a self, ctx: &'a SweepCtx) -> Boxed<'a, Vec<Live>>;
    /// Makes the primary object.
    fn create<'a>(&'a self, ctx: &'a Ctx, want: &'a Value, found: Option<&'a Live>) -> Boxed<'a, Id>;
    /// Brings the live object nearer to what is wanted.
    fn update<'a>(&'a self, ctx: &'a Ctx, want: &'a Value, live: &'a Live, changes: &'a Changes) -> Boxed<'a, ()>;
    /// Asks AWS to remove it.
    fn delete<'a>(&'a self, ctx: &'a Ctx, live: &'a Live) -> Boxed<'a, ()>;
    /// Objects that match, whoever owns them.
    fn lookup<'a>(&'a self, ctx: &'a SweepCtx, by: &'a Lookup) -> Boxed<'a, Vec<Live>>;
    /// Objects with these ids, whoever owns them; a fleet is one object.
    fn lookup_ids<'a>(&'a self, ctx: &'a SweepCtx, ids: &'a [Id]) -> Boxed<'a, Vec<Live>>;
    /// What carries this object's tags, each with its part.
    ///
    /// # Errors
    /// A spec that does not have the shape of its kind.
    fn carriers(&self, live: &Live) -> Result<Vec<Carrier>, Error>;
}

/// Turns the typed trait into the erased one.
pub struct Of<R> {
    has: Capabilities,
    resource: PhantomData<fn() -> R>,
}

impl<R> Of<R> {
    /// A kind that does what every kind does.
    pub const KIND: Self = Self { has: Capabilities::NONE, resource: PhantomData };
}

impl<R: Resource> Of<R> {
    fn typed(spec: &Value) -> Result<R, Error> {
        // Nulls say "AWS's default", digests "cannot be read back" and novel values "not known" to the planner; the typed
        // form has none of them.
        let typed = |v: &Value| !v.is_null() && !matches!(spec::node(v), Node::Digest(_) | Node::Novel(_));
        let plain = |v: &Value| match spec::node(v) {
            Node::Novel(_) => v.get("as").filter(|v| !v.is_null()).cloned(),
            _ => Some(v.clone()).filter(typed),
        };
        let read = match spec {
            Value::Object(map) if !map.values().all(typed) => {
                let plain = map.iter().filter_map(|(k, v)| Some((k.clone(), plain(v)?))).collect();
                R::deserialize(&Value::Object(plain))
            }
            // Most specs have neither, and need not be copied to be read.
            plain => R::deserialize(plain),
        };
        read.map_err(|e| Error::bug(format!("a {} does not have the shape of its kind: {e}", R::KIND)))
    }

    /// The canonical form of a typed spec, with the nulls that its author wrote.
    fn untyped(typed: &R, raw: &Value) -> Result<Value, Problem> {
        let mut value = serde_json::to_value(typed).map_err(|e| shape_problem(raw, &Error::bug(e.to_string())))?;
        if let (Value::Object(map), Value::Object(raw)) = (&mut value, raw) {
            for key in raw.iter().filter(|(_, v)| v.is_null()).map(|(k, _)| k) {
                if !map.contains_key(key) {
                    map.insert(key.clone(), Value::Null);
                }
            }
        }
        Ok(value)
    }

    /// Which element of a list the author wrote is known by its canonical form, alone in the list. Without an answer the
    /// whole list is meant.
    fn as_written(raw: &Value, spec: &Value, path: &str) -> String {
        let Some((list, (index, rest))) = path.split_once('[').and_then(|(l, r)| Some((l, r.split_once(']')?))) else {
            return path.to_owned();
        };
        let element = index.parse::<usize>().ok().and_then(|n| spec.get(list)?.get(n));
        let all = raw.get(list).and_then(Value::as_array);
        let alone = |value: &Value| {
            let mut only = raw.clone();
            *only.get_mut(list)? = Value::Array(vec![value.clone()]);
            let mut typed = Self::typed(&only).ok()?;
            typed.normalize();
            Self::untyped(&typed, &only).ok()?.get(list)?.get(0).cloned()
        };
        let found = element.and_then(|e| all?.iter().position(|value| alone(value).as_ref() == Some(e)));
        found.map_or_else(|| list.to_owned(), |n| format!("{list}[{n}]{rest}"))
    }

    fn typed_live(live: &Live) -> Result<Live<R>, Error> {
        Ok(live.with_spec(Self::typed(&live.spec)?))
    }

    fn erase(live: &Live<R>) -> Result<Live, Error> {
        let mut form = live.spec.clone();
        form.normalize();
        let mut value = serde_json::to_value(&form).map_err(|e| Error::bug(format!("{}: {e}", R::KIND)))?;
        for (field, text) in &live.novel {
            let taken_for = value.get(field).cloned().unwrap_or(Value::Null);
            value[field] = spec::novel(text, &taken_for);
        }
        Ok(live.with_spec(value))
    }
}

impl<R: Resource> Kind for Of<R> {
    fn name(&self) -> &'static str {
        R::KIND
    }
    fn about(&self) -> &'static About {
        const { &R::ABOUT }
    }
    fn has(&self) -> &Capabilities {
        &self.has
    }
    fn schema(&self) -> Value {
        schemars::SchemaGenerator::new(
            schemars::generate::SchemaSettings::draft2020_12().with(|s| s.inline_subschemas = true),
        )
        .into_root_schema_for::<R>()
        .to_value()
    }
    fn canonical(&self, raw: &Value) -> Result<Value, Problem> {
        let mut typed = Self::typed(raw).map_err(|e| shape_problem(raw, &e))?;
        typed.normalize();
        Self::untyped(&typed, raw)
    }
    fn checked(&self, raw: &Value) -> Result<Checked, Problem> {
        let mut typed = Self::typed(raw).map_err(|e| shape_problem(raw, &e))?;
        typed.normalize();
        let mut problems = Vec::new();
        typed.check(&mut problems);
        let spec = Self::untyped(&typed, raw)?;
        for problem in problems.iter_mut().filter(|p| p.path.contains('[')) {
            problem.path = Self::as_written(raw, &spec, &problem.path);
        }
        Ok(Checked { spec, fields: Box::new(typed), problems })
    }
    fn written(&self, raw: &Value, path: &str) -> String {
        match self.canonical(raw) {
            Ok(spec) if path.contains('[') => Self::as_written(raw, &spec, path),
            _ => path.to_owned(),
        }
    }
    #[cfg(any(test, feature = "internals"))]
    fn check(&self, spec: &Value) -> Vec<Problem> {
        let mut out = Vec::new();
        match Self::typed(spec) {
            Ok(typed) => typed.check(&mut out),
            Err(e) => out.push(shape_problem(spec, &e)),
        }
        out
    }
    fn summary(&self, spec: &Value) -> String {
        let mut out = Self::typed(spec).map(|r| r.summary()).unwrap_or_default();
        spec::novelties(spec).for_each(|(field, text)| out.push_str(&format!(", {field} {text}")));
        out
    }
    fn durations(&self, spec: &Value) -> Durations {
        // Most kinds state them once and for all, so that no spec is read for them.
        R::ABOUT.durations.unwrap_or_else(|| Self::typed(spec).map_or(Durations::SECONDS, |r| r.durations()))
    }
    fn price(&self, spec: &Value, ctx: &PriceContext<'_>) -> Vec<PriceLine> {
        if R::ABOUT.free {
            return Vec::new();
        }
        let unpriced = |why: &str| vec![PriceLine::unpriced(R::KIND, rust_decimal::Decimal::ONE, Unit::Hour, why)];
        if let Some((field, text)) = spec::novelties(spec).next() {
            return unpriced(&format!("dlinfra does not know its `{field}` {text}"));
        }
        match Self::typed(spec) {
            Ok(typed) => typed.price(ctx),
            Err(_) => unpriced("its fields are not known yet"),
        }
    }
    fn needs(&self, spec: &Value) -> Vec<Need> {
        Self::typed(spec).map(|r| r.needs()).unwrap_or_default()
    }
    fn sweep<'a>(&'a self, ctx: &'a SweepCtx) -> Boxed<'a, Vec<Live>> {
        Box::pin(async move { R::sweep(ctx).await?.iter().map(Self::erase).collect() })
    }
    fn create<'a>(&'a self, ctx: &'a Ctx, want: &'a Value, found: Option<&'a Live>) -> Boxed<'a, Id> {
        Box::pin(async move {
            let found = found.map(Self::typed_live).transpose()?;
            Self::typed(want)?.create(ctx, found.as_ref()).await
        })
    }
    fn update<'a>(&'a self, ctx: &'a Ctx, want: &'a Value, live: &'a Live, changes: &'a Changes) -> Boxed<'a, ()> {
        Box::pin(async move { R::update(&Self::typed(want)?, ctx, &Self::typed_live(live)?, changes).await })
    }
    fn delete<'a>(&'a self, ctx: &'a Ctx, live: &'a Live) -> Boxed<'a, ()> {
        Box::pin(async move { R::delete(ctx, &Self::typed_live(live)?).await })
    }
    fn lookup<'a>(&'a self, ctx: &'a SweepCtx, by: &'a Lookup) -> Boxed<'a, Vec<Live>> {
        Box::pin(async move { R::lookup(ctx, by).await?.iter().map(Self::erase).collect() })
    }
    fn lookup_ids<'a>(&'a self, ctx: &'a SweepCtx, ids: &'a [Id]) -> Boxed<'a, Vec<Live>> {
        Box::pin(async move { R::lookup_ids(ctx, ids).await?.iter().map(Self::erase).collect() })
    }
    fn carriers(&self, live: &Live) -> Result<Vec<Carrier>, Error> {
        Ok(R::carriers(&Self::typed_live(live)?))
    }
}

/// The language has checked shapes before; what is left is a field that must be known but waits for another resource.
fn shape_problem(raw: &Value, error: &Error) -> Problem {
    let waiting = raw.as_object().and_then(|map| {
        map.iter()
            .find(|(_, v)| matches!(spec::node(v), Node::Attribute { .. } | Node::Expression(_)))
            .map(|(k, _)| k.clone())
    });
    match waiting {
        Some(path) => Problem {
            code: &codes::KNOWN_TOO_LATE,
            summary: format!("`{path}` must be known before anything is made"),
            path,
            help: "use a value that does not depend on another resource's attribute".to_owned(),
        },
        None => Problem { code: &codes::SHAPE, path: String::new(), summary: error.to_string(), help: String::new() },
    }
}

/// Replaces every field that AWS does not return by its digest, so that both sides of a diff can be compared, and
/// returns the value of the `dlinfra:spec` tag (empty when the kind has no such field). Fields that are no property of
/// the object are dropped: nothing in AWS compares with them.
pub fn conceal(about: &About, spec: &mut Value) -> String {
    let mut tag = String::new();
    if let Value::Object(map) = spec {
        map.retain(|field, _| !about.local.contains(&field.as_str()));
        for field in about.unreadable {
            let Some(value) = map.get(*field).filter(|v| !v.is_null()) else { continue };
            let hex = match spec::node(value) {
                Node::Digest(hex) => hex.to_owned(),
                // Nobody can digest what is not known yet; the diff then shows it as unknown.
                _ if spec::has_unknown(value) => continue,
                _ => spec::digest(value),
            };
            tag.push_str(&format!("{}{field}={hex}", if tag.is_empty() { "" } else { "/" }));
            map.insert((*field).to_owned(), serde_json::json!({ "$digest": hex }));
        }
    }
    tag
}

/// Reads the `dlinfra:spec` tag back into fields.
pub fn revealed(tag: &str) -> Map<String, Value> {
    tag.split('/')
        .filter_map(|pair| pair.split_once('='))
        .map(|(field, hex)| (field.to_owned(), serde_json::json!({ "$digest": hex })))
        .collect()
}
