//! `idle:` says when machines end themselves although their stack has not ended yet.
use super::{
    codes,
    expand::known,
    scope::{Scope, World},
    source::{Node, label},
};
use crate::{
    diagnostic::Diagnostic,
    expression::{Field, Purpose, Type, Value, shorten},
    units::Span,
};
use std::{fmt, rc::Rc};

/// When a machine has nothing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Idle {
    /// Each of its GPUs is used for less than this part of the time, in percent.
    pub gpu_below: u8,
    /// For so long; whole minutes.
    pub time: Span,
}

impl Default for Idle {
    fn default() -> Self {
        Self { gpu_below: 5, time: Span::from_hours(2) }
    }
}

impl Idle {
    /// As machines read it from their tags: percent, `/`, minutes.
    pub fn tag(&self) -> String {
        format!("{}/{}", self.gpu_below, self.time.seconds() / MINUTE)
    }
}

impl fmt::Display for Idle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "every GPU below {} % for {}", self.gpu_below, self.time)
    }
}

const MINUTE: u64 = 60;
/// Machines look once in a minute: less than this is a pause, not the end of work.
const SHORTEST: Span = Span::from_seconds(10 * MINUTE);
const LONGEST: Span = Span::from_hours(7 * 24);

/// Reads `idle:`.
pub(crate) fn read(world: &World<'_>, scope: &Rc<Scope>, node: &Node) -> Option<Idle> {
    let field = |name: &str, r#type, doc| (name.to_owned(), Field::new(r#type, false, doc));
    let want = Type::object([
        field("gpu_below", Type::String, "Percent of the time that a GPU is used"),
        field("for", Type::Duration, "For how long"),
    ]);
    let found = world.settle(scope, &None, Purpose::Field, |c| {
        let value = c.convert(node, &want, "idle")?;
        known(c, node, value, "`idle`")
    });
    let Value::Map(found) = found? else { return None };
    let wrong = |key: &str, summary: String, help: &str| {
        let at = node.get(key).unwrap_or(node);
        let problem = Diagnostic::error(&codes::TOP_LEVEL, summary).with_label(label(&scope.file.source, at.span, ""));
        world.report(problem.with_help(help));
    };
    let mut idle = Idle::default();
    if let Some(text) = found.get("gpu_below").and_then(Value::to_text) {
        let number = text.trim().trim_end_matches('%').trim_end().parse().ok().filter(|n| (1..=100).contains(n));
        match number {
            Some(number) => idle.gpu_below = number,
            None => {
                let summary = format!("`{}` is no part of a GPU's time", shorten(&text));
                wrong("gpu_below", summary, "write whole percent from `1%` to `100%`");
            }
        }
    }
    if let Some(time) = found.get("for").and_then(Value::to_text).and_then(|t| t.parse::<Span>().ok()) {
        if time.seconds().is_multiple_of(MINUTE) && (SHORTEST..=LONGEST).contains(&time) {
            idle.time = time;
        } else {
            let summary = format!("machines cannot wait for {time}");
            wrong("for", summary, "write whole minutes, from `10m` to `7d`");
        }
    }
    Some(idle)
}
