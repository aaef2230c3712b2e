//! `${…}`: finding it, parsing it, evaluating it as far as values are known, and fitting the result to a type.
//!
//! It knows values and types, but neither YAML nor names: whoever evaluates brings an `Env` that answers for those.

mod access;
mod build;
mod close;
pub mod codes;
mod coerce;
mod eval;
mod evaluate;
mod fail;
mod fits;
pub(crate) mod functions;
mod loops;
mod nothing;
mod operators;
mod residual;
mod template;
mod types;
mod value;

use std::rc::Rc;

pub use codes::CODES;
pub use evaluate::{Lookup, evaluate};
pub use functions::Function;
pub use types::{Bounds, Field, ObjectType, Type, TypeError};

pub(crate) use build::parse_expression;
pub(crate) use close::find_close;
pub(crate) use coerce::{Purpose, Target, shorten};
pub(crate) use eval::{Env, Evaluator, as_condition, later, null_error, too_large, unknown_error};
pub(crate) use evaluate::shown;
pub(crate) use fail::{ExprError, Fail, Outcome};
pub(crate) use nothing::Nothing;
pub(crate) use operators::{binary, compare, negate, not};
pub(crate) use residual::{Residual, ResidualKind};
pub(crate) use template::{Part, Template, for_each_name, for_each_root, part_at};
pub(crate) use value::{Key, Map, ModuleValue, Null, Origin, RefValue, Unit, Unknown, Value};

/// Bytes of the decoded text of a scalar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Place {
    pub(crate) fn new(start: usize, end: usize) -> Place {
        let clamp = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Place { start: clamp(start), end: clamp(end) }
    }

    /// The whole of a text.
    pub(crate) fn whole(text: &str) -> Place {
        Place::new(0, text.len())
    }
}

/// An expression and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Expr {
    pub(crate) kind: ExprKind,
    pub(crate) place: Place,
}

#[derive(Clone, Debug)]
pub(crate) enum ExprKind {
    Literal(Value),
    Template(Vec<Expr>),
    List(Vec<Expr>),
    Object(Vec<(Expr, Expr)>),
    Name(Rc<str>),
    Attr(Box<Expr>, Rc<str>),
    Index(Box<Expr>, Box<Expr>),
    Splat(Box<Expr>, Vec<Step>),
    Call(Box<Call>),
    Not(Box<Expr>),
    Negate(Box<Expr>),
    Binary(Operator, Box<(Expr, Expr)>),
    Conditional(Box<(Expr, Expr, Expr)>),
    For(Box<For>),
}

/// What follows `[*]`.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) kind: StepKind,
    pub(crate) place: Place,
}

#[derive(Clone, Debug)]
pub(crate) enum StepKind {
    Attr(Rc<str>),
    Index(Expr),
}

#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) function: &'static functions::Function,
    pub(crate) args: Vec<Expr>,
    /// `f(list...)`
    pub(crate) spread: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct For {
    pub(crate) key: Option<Rc<str>>,
    pub(crate) value: Rc<str>,
    pub(crate) collection: Expr,
    /// `{for … : key => result}`
    pub(crate) key_result: Option<Expr>,
    pub(crate) result: Expr,
    /// `key => result...`
    pub(crate) group: bool,
    pub(crate) condition: Option<Expr>,
}

/// The operators between two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    And,
    Or,
}

impl Operator {
    pub(crate) const ALL: [Operator; 13] = [
        Operator::Add,
        Operator::Subtract,
        Operator::Multiply,
        Operator::Divide,
        Operator::Remainder,
        Operator::Equal,
        Operator::NotEqual,
        Operator::Less,
        Operator::LessOrEqual,
        Operator::Greater,
        Operator::GreaterOrEqual,
        Operator::And,
        Operator::Or,
    ];

    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Operator::Add => "+",
            Operator::Subtract => "-",
            Operator::Multiply => "*",
            Operator::Divide => "/",
            Operator::Remainder => "%",
            Operator::Equal => "==",
            Operator::NotEqual => "!=",
            Operator::Less => "<",
            Operator::LessOrEqual => "<=",
            Operator::Greater => ">",
            Operator::GreaterOrEqual => ">=",
            Operator::And => "&&",
            Operator::Or => "||",
        }
    }
}

/// The names that start with a meaning of their own.
pub(crate) const ROOTS: [&str; 8] = ["var", "local", "each", "blueprint", "software", "self", "path", "dlinfra"];

/// All functions of expressions, in the order of the documentation.
#[must_use]
pub fn functions() -> &'static [Function] {
    functions::FUNCTIONS
}
