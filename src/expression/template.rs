//! A scalar as text and expressions.

use std::rc::Rc;

use super::build::parse_expression;
use super::close::find_close;
use super::{Expr, ExprError, ExprKind, Place, StepKind, functions};
use crate::expression::codes;

/// A scalar with `${…}` in it.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    pub(crate) parts: Vec<Part>,
    broken: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Part {
    Text(Rc<str>),
    Expr(Expr),
}

/// Longer expressions belong into locals.
const MAX_EXPRESSION: usize = 65_536;

impl Template {
    #[allow(clippy::vec_box, reason = "errors are boxed everywhere")]
    /// The parts of a text, or everything that is wrong with its expressions.
    pub(crate) fn parse(text: &str) -> Result<Template, Vec<Box<ExprError>>> {
        let mut parts = Vec::new();
        let mut errors = Vec::new();
        let mut literal = String::new();
        let mut at = 0;
        while let Some(found) = text.get(at..).and_then(|rest| rest.find("${")).map(|i| i + at) {
            if found > at && text.as_bytes()[found - 1] == b'$' {
                literal.push_str(&text[at..found - 1]);
                literal.push_str("${");
                at = found + 2;
                continue;
            }
            literal.push_str(&text[at..found]);
            let Some(close) = find_close(text, found + 2) else {
                let e = ExprError::new(&codes::EXPRESSION, Place::new(found, text.len()), "this `${` is not closed")
                    .label("no matching `}` follows")
                    .help("write `$${` for the text `${`");
                errors.push(e);
                return Err(errors);
            };
            if !literal.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut literal).into()));
            }
            let whole = Place::new(found, close + 1);
            let inside = &text[found + 2..close];
            if inside.len() > MAX_EXPRESSION {
                errors.push(
                    ExprError::new(&codes::LIMIT, whole, "this expression is longer than 64 KiB")
                        .help("split it into locals"),
                );
            } else {
                match parse_expression(inside, found + 2, whole) {
                    Ok(expr) => parts.push(Part::Expr(expr)),
                    Err(e) => errors.push(e),
                }
            }
            at = close + 1;
        }
        literal.push_str(text.get(at..).unwrap_or_default());
        if !literal.is_empty() {
            parts.push(Part::Text(literal.into()));
        }
        if errors.is_empty() { Ok(Template { parts, broken: false }) } else { Err(errors) }
    }

    /// One expression.
    pub(crate) fn of(e: Expr) -> Template {
        Template { parts: vec![Part::Expr(e)], broken: false }
    }

    /// A template whose problem has been reported.
    pub(crate) fn broken() -> Template {
        Template { parts: Vec::new(), broken: true }
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.broken
    }

    /// The expression, when the scalar is exactly one.
    pub(crate) fn single(&self) -> Option<&Expr> {
        match self.parts.as_slice() {
            [Part::Expr(e)] => Some(e),
            _ => None,
        }
    }

    /// The text, when there is no expression.
    pub(crate) fn literal(&self) -> Option<&Rc<str>> {
        match self.parts.as_slice() {
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }
}

/// Calls back for each name an expression starts from: its root, the attribute after it, and the place of both.
pub(crate) fn for_each_name<'a>(template: &'a Template, found: &mut dyn FnMut(&'a str, Option<&'a str>, Place)) {
    for part in &template.parts {
        if let Part::Expr(e) = part {
            walk(e, &mut Vec::new(), found);
        }
    }
}

/// The part of an expression that stands at a place.
pub(crate) fn part_at(e: &Expr, place: Place) -> Option<&Expr> {
    if e.place == place {
        return Some(e);
    }
    if place.start < e.place.start || place.end > e.place.end {
        return None;
    }
    match &e.kind {
        ExprKind::Literal(_) | ExprKind::Name(_) => None,
        ExprKind::Template(all) | ExprKind::List(all) => all.iter().find_map(|e| part_at(e, place)),
        ExprKind::Object(all) => all.iter().flat_map(|(k, v)| [k, v]).find_map(|e| part_at(e, place)),
        ExprKind::Attr(base, _) | ExprKind::Splat(base, _) => part_at(base, place),
        ExprKind::Index(base, index) => part_at(base, place).or_else(|| part_at(index, place)),
        ExprKind::Call(call) => call.args.iter().find_map(|e| part_at(e, place)),
        ExprKind::Not(e) | ExprKind::Negate(e) => part_at(e, place),
        ExprKind::Binary(_, both) => part_at(&both.0, place).or_else(|| part_at(&both.1, place)),
        ExprKind::Conditional(three) => [&three.0, &three.1, &three.2].into_iter().find_map(|e| part_at(e, place)),
        ExprKind::For(f) => [&f.collection, &f.result].into_iter().find_map(|e| part_at(e, place)),
    }
}

/// Calls back for each `root.attribute` of an expression.
pub(crate) fn for_each_root<'a>(e: &'a Expr, found: &mut dyn FnMut(&'a str, &'a str)) {
    walk(e, &mut Vec::new(), &mut |root, attr, _| {
        if let Some(attr) = attr {
            found(root, attr);
        }
    });
}

/// Expressions nest less deep than a stack is, see the parser's limits.
fn walk<'a>(e: &'a Expr, bound: &mut Vec<&'a str>, found: &mut dyn FnMut(&'a str, Option<&'a str>, Place)) {
    match &e.kind {
        ExprKind::Literal(_) => {}
        ExprKind::Template(all) | ExprKind::List(all) => all.iter().for_each(|e| walk(e, bound, found)),
        ExprKind::Object(all) => all.iter().for_each(|(k, v)| {
            walk(k, bound, found);
            walk(v, bound, found);
        }),
        ExprKind::Name(name) => {
            if !bound.contains(&&**name) {
                found(name, None, e.place);
            }
        }
        ExprKind::Attr(base, attr) => match &base.kind {
            ExprKind::Name(name) => {
                if !bound.contains(&&**name) {
                    found(name, Some(attr), e.place);
                }
            }
            _ => walk(base, bound, found),
        },
        ExprKind::Index(base, index) => {
            walk(base, bound, found);
            walk(index, bound, found);
        }
        ExprKind::Splat(base, steps) => {
            walk(base, bound, found);
            for step in steps {
                if let StepKind::Index(i) = &step.kind {
                    walk(i, bound, found);
                }
            }
        }
        // What these two do not choose or may fail must not be computed beforehand.
        ExprKind::Call(call) if functions::is_lazy(call.function) => {
            if let Some(first) = call.args.first() {
                walk(first, bound, found);
            }
        }
        ExprKind::Call(call) => call.args.iter().for_each(|a| walk(a, bound, found)),
        ExprKind::Not(e) | ExprKind::Negate(e) => walk(e, bound, found),
        ExprKind::Binary(_, both) => {
            walk(&both.0, bound, found);
            walk(&both.1, bound, found);
        }
        ExprKind::Conditional(three) => walk(&three.0, bound, found),
        ExprKind::For(f) => {
            walk(&f.collection, bound, found);
            let before = bound.len();
            bound.extend(f.key.as_deref());
            bound.push(&f.value);
            for inner in f.key_result.iter().chain([&f.result]).chain(f.condition.iter()) {
                walk(inner, bound, found);
            }
            bound.truncate(before);
        }
    }
}
