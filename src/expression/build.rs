//! From hcl-edit's syntax tree to our own: exact numbers, positions in the scalar, old forms refused.

use std::rc::Rc;

use hcl_edit::Span as _;
use hcl_edit::expr::{BinaryOperator, Expression, ForExpr, ObjectKey, TraversalOperator, UnaryOperator};
use hcl_edit::template::Element;
use rust_decimal::Decimal;

use super::close::join_lines;
use super::value::{Null, Value};
use super::{Call, Expr, ExprError, ExprKind, For, Operator, Place, Step, StepKind, functions};
use crate::diagnostic::did_you_mean;
use crate::expression::codes;

/// The longest chain of attributes and indexes.
const MAX_STEPS: usize = 64;

type Built<T> = Result<T, Box<ExprError>>;

/// An expression whose text starts at `offset` of its scalar and whose `${…}` is `whole`.
pub(crate) fn parse_expression(inside: &str, offset: usize, whole: Place) -> Built<Expr> {
    let trimmed = inside.trim();
    let offset = offset + (inside.len() - inside.trim_start().len());
    if trimmed.is_empty() {
        let e = ExprError::new(&codes::EXPRESSION, whole, "there is nothing between the braces");
        return Err(e.help("write `$${}` for the text `${}`"));
    }
    if let Some(expr) = dotted(trimmed, offset) {
        return Ok(expr);
    }
    let text = join_lines(trimmed);
    let builder = Builder { text: &text, offset, whole };
    match hcl_edit::parser::parse_expr(&text) {
        Ok(parsed) => builder.expr(&parsed),
        Err(e) => Err(builder.syntax(e.location().offset(), e.message())),
    }
}

/// Names with dots between them, which most expressions are, without the grammar's parser: `vpc`, `local.zones`.
fn dotted(text: &str, offset: usize) -> Option<Expr> {
    let is_name = |name: &str| {
        let bytes = name.as_bytes();
        let legal = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
        bytes.first().is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_')
            && bytes.last().is_some_and(|b| *b != b'-')
            && bytes.iter().all(legal)
    };
    let mut names = text.split('.');
    let first = names.next().filter(|n| is_name(n) && !matches!(*n, "true" | "false" | "null" | "for" | "if"))?;
    let mut end = offset + first.len();
    let mut expr = Expr { kind: ExprKind::Name(first.into()), place: Place::new(offset, end) };
    for (step, name) in names.enumerate() {
        if step == MAX_STEPS || !is_name(name) {
            return None;
        }
        end += 1 + name.len();
        expr = Expr { kind: ExprKind::Attr(Box::new(expr), name.into()), place: Place::new(offset, end) };
    }
    Some(expr)
}

struct Builder<'a> {
    text: &'a str,
    offset: usize,
    whole: Place,
}

impl Builder<'_> {
    fn place(&self, span: Option<std::ops::Range<usize>>) -> Place {
        span.map_or(self.whole, |s| Place::new(self.offset + s.start, self.offset + s.end))
    }

    /// The parser stops at its first problem; its words are for people who know its grammar.
    fn syntax(&self, at: usize, message: &str) -> Box<ExprError> {
        // The parser steps back over white space before it gives up.
        // Its offset may be inside of a character.
        let mut at = at.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        let at = at + self.text[at..].len() - self.text[at..].trim_start().len();
        let next = self.text.get(at..).and_then(|t| t.chars().next());
        let place = Place::new(self.offset + at, self.offset + at + next.map_or(0, char::len_utf8));
        let e = |summary: String| ExprError::new(&codes::EXPRESSION, place, summary);
        if message.contains("nesting depth")
            || message.contains("nested levels")
            || message.contains("operator") && message.contains("at most")
        {
            return ExprError::new(&codes::LIMIT, self.whole, "this expression is nested too deep")
                .help("split it into locals");
        }
        let operator_only = |rest: &str| rest.chars().all(|c| "+-*/%<>=!&|?:.,".contains(c));
        let Some(next) = next.filter(|_| !operator_only(&self.text[at..])) else {
            return e("the expression ends too early".to_string()).label("something is missing here");
        };
        let rest = &self.text[at..];
        let e = e(format!("`{next}` cannot stand here")).label("the expression is readable up to here");
        match next {
            '\'' => e.help("text inside an expression takes double quotes: \"text\""),
            '=' => e.help("compare with `==`"),
            ':' => e.help("write `$${` for the text `${`, as in policy variables: `$${aws:username}`"),
            '|' | '&' => e.help("the operators are `&&` and `||`"),
            _ if ["and ", "or ", "not "].iter().any(|w| rest.starts_with(w)) => {
                e.help("the operators are `&&`, `||` and `!`")
            }
            _ => e.help("write `$${` for the text `${`"),
        }
    }

    fn refused(&self, place: Place, what: &str, help: &str) -> Box<ExprError> {
        ExprError::new(&codes::OLD_FORM, place, what).help(help)
    }

    fn expr(&self, e: &Expression) -> Built<Expr> {
        let place = self.place(e.span());
        let kind = match e {
            Expression::Null(_) => ExprKind::Literal(Value::Null(Null::Expression)),
            Expression::Bool(b) => ExprKind::Literal(Value::Bool(*b.value())),
            Expression::Number(_) => {
                let span = e.span().unwrap_or_default();
                let digits: String =
                    self.text.get(span).unwrap_or_default().chars().filter(|c| !c.is_whitespace()).collect();
                let number = Decimal::from_str_exact(&digits).or_else(|_| Decimal::from_scientific(&digits));
                let Ok(number) = number.map(|n| n.normalize()) else {
                    let e = ExprError::new(&codes::LIMIT, place, format!("`{digits}` has too many digits"));
                    return Err(e.help("numbers have up to 28 digits"));
                };
                ExprKind::Literal(Value::Number(number))
            }
            Expression::String(s) => ExprKind::Literal(Value::text(s.value())),
            Expression::Array(items) => ExprKind::List(items.iter().map(|i| self.expr(i)).collect::<Built<_>>()?),
            Expression::Object(object) => {
                let mut entries = Vec::new();
                for (key, value) in object {
                    let key = match key {
                        ObjectKey::Ident(name) => Expr {
                            kind: ExprKind::Literal(Value::text(name.value().as_str())),
                            place: self.place(name.span()),
                        },
                        ObjectKey::Expression(e) => self.expr(e)?,
                    };
                    entries.push((key, self.expr(value.expr())?));
                }
                ExprKind::Object(entries)
            }
            Expression::StringTemplate(t) => {
                let mut elements = Vec::new();
                for element in t.iter() {
                    elements.push(self.element(element)?);
                }
                ExprKind::Template(elements)
            }
            Expression::HeredocTemplate(_) => {
                return Err(self.refused(place, "heredocs are not used here", "use a YAML block scalar (`|`)"));
            }
            Expression::Parenthesis(inner) => return self.expr(inner.inner()).map(|e| Expr { place, ..e }),
            Expression::Variable(name) => ExprKind::Name(name.value().as_str().into()),
            Expression::Conditional(c) => {
                let three = (self.expr(&c.cond_expr)?, self.expr(&c.true_expr)?, self.expr(&c.false_expr)?);
                ExprKind::Conditional(Box::new(three))
            }
            Expression::FuncCall(call) => self.call(call, place)?,
            Expression::Traversal(t) => return self.traversal(&t.expr, &t.operators, place),
            Expression::UnaryOp(op) => {
                let inner = Box::new(self.expr(&op.expr)?);
                match *op.operator.value() {
                    UnaryOperator::Neg => ExprKind::Negate(inner),
                    UnaryOperator::Not => ExprKind::Not(inner),
                }
            }
            Expression::BinaryOp(op) => {
                let both = (self.expr(&op.lhs_expr)?, self.expr(&op.rhs_expr)?);
                ExprKind::Binary(operator(*op.operator.value()), Box::new(both))
            }
            Expression::ForExpr(f) => self.for_expr(f)?,
        };
        Ok(Expr { kind, place })
    }

    fn element(&self, element: &Element) -> Built<Expr> {
        match element {
            Element::Literal(text) => {
                Ok(Expr { kind: ExprKind::Literal(Value::text(text.value())), place: self.place(text.span()) })
            }
            Element::Interpolation(i) => self.expr(&i.expr),
            Element::Directive(d) => {
                let help = "use a `for` or conditional expression; write `%%{` for the text `%{`";
                Err(self.refused(self.place(d.span()), "`%{` directives are not used here", help))
            }
        }
    }

    fn call(&self, call: &hcl_edit::expr::FuncCall, place: Place) -> Built<ExprKind> {
        let name = call.name.name.value().as_str();
        let at = self.place(call.name.name.span());
        let Some(function) = functions::find(name).filter(|_| !call.name.is_namespaced()) else {
            let e = ExprError::new(&codes::UNKNOWN_FUNCTION, at, format!("there is no function `{name}`"));
            let guess = did_you_mean(name, functions::FUNCTIONS.iter().map(|f| f.name));
            let help = match (functions::other_names(name), guess) {
                (Some(other), _) => other.to_string(),
                (None, Some(guess)) => format!("did you mean `{guess}`?"),
                (None, None) => "`dlinfra functions` lists all functions".to_string(),
            };
            return Err(e.help(help));
        };
        let args = call.args.iter().map(|a| self.expr(a)).collect::<Built<Vec<_>>>()?;
        let spread = call.args.expand_final();
        let count = args.len();
        if !spread && (count < function.min || function.max.is_some_and(|max| count > max)) {
            let e = ExprError::new(&codes::ARGUMENTS, place, format!("`{name}` is given {}", arguments(count)));
            return Err(e
                .label(format!("it is {}", function.signature))
                .help(format!("for example `{}`", function.example)));
        }
        Ok(ExprKind::Call(Box::new(Call { function, args, spread })))
    }

    fn traversal(
        &self,
        base: &Expression,
        operators: &[hcl_edit::Decorated<TraversalOperator>],
        place: Place,
    ) -> Built<Expr> {
        // The parser keeps these in a list, our tree nests them.
        if operators.len() > MAX_STEPS {
            let e =
                ExprError::new(&codes::LIMIT, place, format!("there are more than {MAX_STEPS} `.` and `[` in a row"));
            return Err(e.help("split it into locals"));
        }
        let mut current = self.expr(base)?;
        let start = current.place.start.min(place.start);
        let mut steps: Option<Vec<Step>> = None;
        for operator in operators {
            let at = self.place(operator.span());
            let upto = Place { start, end: at.end };
            let step = match operator.value() {
                TraversalOperator::AttrSplat(_) => {
                    return Err(self.refused(at, "`.*` is an old form", "write `[*]`"));
                }
                TraversalOperator::LegacyIndex(i) => {
                    return Err(self.refused(
                        at,
                        &format!("`.{}` is an old form", i.value()),
                        &format!("write `[{}]`", i.value()),
                    ));
                }
                TraversalOperator::FullSplat(_) => {
                    current = finish(current, steps.take(), upto);
                    steps = Some(Vec::new());
                    continue;
                }
                TraversalOperator::GetAttr(name) => StepKind::Attr(name.value().as_str().into()),
                TraversalOperator::Index(index) => StepKind::Index(self.expr(index)?),
            };
            match &mut steps {
                Some(steps) => steps.push(Step { kind: step, place: at }),
                None => {
                    let base = Box::new(current);
                    let kind = match step {
                        StepKind::Attr(name) => ExprKind::Attr(base, name),
                        StepKind::Index(index) => ExprKind::Index(base, Box::new(index)),
                    };
                    current = Expr { kind, place: upto };
                }
            }
        }
        Ok(finish(current, steps, place))
    }

    fn for_expr(&self, f: &ForExpr) -> Built<ExprKind> {
        Ok(ExprKind::For(Box::new(For {
            key: f.intro.key_var.as_ref().map(|k| Rc::from(k.value().as_str())),
            value: f.intro.value_var.value().as_str().into(),
            collection: self.expr(&f.intro.collection_expr)?,
            key_result: f.key_expr.as_ref().map(|e| self.expr(e)).transpose()?,
            result: self.expr(&f.value_expr)?,
            group: f.grouping,
            condition: f.cond.as_ref().map(|c| self.expr(&c.expr)).transpose()?,
        })))
    }
}

fn finish(base: Expr, steps: Option<Vec<Step>>, place: Place) -> Expr {
    match steps {
        Some(steps) => Expr { kind: ExprKind::Splat(Box::new(base), steps), place },
        None => base,
    }
}

fn arguments(count: usize) -> String {
    match count {
        0 => "no argument".to_string(),
        1 => "1 argument".to_string(),
        n => format!("{n} arguments"),
    }
}

fn operator(op: BinaryOperator) -> Operator {
    match op {
        BinaryOperator::Eq => Operator::Equal,
        BinaryOperator::NotEq => Operator::NotEqual,
        BinaryOperator::LessEq => Operator::LessOrEqual,
        BinaryOperator::GreaterEq => Operator::GreaterOrEqual,
        BinaryOperator::Less => Operator::Less,
        BinaryOperator::Greater => Operator::Greater,
        BinaryOperator::Plus => Operator::Add,
        BinaryOperator::Minus => Operator::Subtract,
        BinaryOperator::Mul => Operator::Multiply,
        BinaryOperator::Div => Operator::Divide,
        BinaryOperator::Mod => Operator::Remainder,
        BinaryOperator::And => Operator::And,
        BinaryOperator::Or => Operator::Or,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_the_same_without_the_parser() {
        let whole = Place::new(0, 99);
        for text in ["vpc", "a-b_c9", "_x", "local.zones", "var.a.b-c.d", "null-ish", "format.x", "iffy.for", "a.true"]
        {
            let parsed = hcl_edit::parser::parse_expr(text).unwrap();
            let slow = Builder { text, offset: 7, whole }.expr(&parsed).unwrap();
            let fast = dotted(text, 7).unwrap();
            assert_eq!(format!("{fast:?}"), format!("{slow:?}"), "{text}");
        }
        for text in
            ["", "true", "null", "for", "1", "a.", ".a", "a.0", "a.*", "a b", "a-", "a.b-", "-a", "é", "f(x)", "a\n.b"]
        {
            assert!(dotted(text, 0).is_none(), "{text}");
        }
        assert!(dotted(&vec!["a"; MAX_STEPS + 2].join("."), 0).is_none());
    }
}
