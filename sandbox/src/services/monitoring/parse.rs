//! Reads expressions of metric math and rules of composite alarms into trees.

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Ast {
    Number(f64),
    Text(String),
    Id(String),
    List(Vec<Ast>),
    Negative(Box<Ast>),
    Operation(&'static str, Box<Ast>, Box<Ast>),
    Call(String, Vec<Ast>),
}

/// Operators by how strongly they bind, the weakest first; of one line the longer ones first.
const LEVELS: [&[(&str, &str)]; 5] = [
    &[("||", "||"), ("OR", "||")],
    &[("&&", "&&"), ("AND", "&&")],
    &[("==", "=="), ("!=", "!="), ("<=", "<="), (">=", ">="), ("<", "<"), (">", ">")],
    &[("+", "+"), ("-", "-")],
    &[("*", "*"), ("/", "/")],
];

/// What an operator makes of two numbers; a comparison gives 1 or 0.
pub(super) fn operation(operator: &str) -> Option<fn(f64, f64) -> f64> {
    let truth: fn(f64, f64) -> f64 = match operator {
        "||" => |l, r| f64::from(l != 0.0 || r != 0.0),
        "&&" => |l, r| f64::from(l != 0.0 && r != 0.0),
        "==" => |l, r| f64::from((l - r).abs() < f64::EPSILON),
        "!=" => |l, r| f64::from((l - r).abs() >= f64::EPSILON),
        "<=" => |l, r| f64::from(l <= r),
        ">=" => |l, r| f64::from(l >= r),
        "<" => |l, r| f64::from(l < r),
        ">" => |l, r| f64::from(l > r),
        "+" => |l, r| l + r,
        "-" => |l, r| l - r,
        "*" => |l, r| l * r,
        "/" => |l, r| l / r,
        _ => return None,
    };
    Some(truth)
}

/// A whole expression, or what cannot be read in it.
pub(super) fn expression(text: &str) -> Result<Ast, String> {
    let mut rest = text;
    let ast = level(&mut rest, 0)?;
    if rest.trim().is_empty() { Ok(ast) } else { Err(format!("Unexpected `{}`", rest.trim())) }
}

fn level(rest: &mut &str, at: usize) -> Result<Ast, String> {
    let Some(operators) = LEVELS.get(at) else { return one(rest) };
    let mut left = level(rest, at + 1)?;
    while let Some(operator) = operators.iter().find_map(|(word, is)| took(rest, word).then_some(*is)) {
        left = Ast::Operation(operator, Box::new(left), Box::new(level(rest, at + 1)?));
    }
    Ok(left)
}

/// Takes a word, if it is next; letters end where letters end.
fn took(rest: &mut &str, word: &str) -> bool {
    let Some(after) = rest.trim_start().strip_prefix(word) else { return false };
    let letters = word.starts_with(|c: char| c.is_ascii_alphabetic());
    if letters && after.starts_with(is_plain) {
        return false;
    }
    *rest = after;
    true
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn one(rest: &mut &str) -> Result<Ast, String> {
    if took(rest, "-") {
        return Ok(Ast::Negative(Box::new(one(rest)?)));
    }
    if took(rest, "(") {
        let inside = level(rest, 0)?;
        return if took(rest, ")") { Ok(inside) } else { Err("A closing bracket is missing".to_owned()) };
    }
    if took(rest, "[") {
        return items(rest, "]").map(Ast::List);
    }
    *rest = rest.trim_start();
    if let Some(after) = rest.strip_prefix('"') {
        let (text, after) = after.split_once('"').ok_or("A closing quote is missing")?;
        *rest = after;
        return Ok(Ast::Text(text.to_owned()));
    }
    let is_number = rest.starts_with(|c: char| c.is_ascii_digit());
    let end = rest.find(|c: char| !(is_plain(c) || is_number && c == '.')).unwrap_or(rest.len());
    let (word, after) = rest.split_at(end);
    if word.is_empty() {
        return Err(format!("Unexpected `{}`", rest.chars().next().unwrap_or(' ')));
    }
    *rest = after;
    if is_number {
        return word.parse().map(Ast::Number).map_err(|_| format!("`{word}` is not a number"));
    }
    Ok(if took(rest, "(") { Ast::Call(word.to_owned(), items(rest, ")")?) } else { Ast::Id(word.to_owned()) })
}

fn items(rest: &mut &str, end: &str) -> Result<Vec<Ast>, String> {
    let mut out = Vec::new();
    while !took(rest, end) {
        if !out.is_empty() && !took(rest, ",") {
            return Err(format!("`{end}` is missing"));
        }
        out.push(level(rest, 0)?);
    }
    Ok(out)
}

/// Functions of metric math that are computed here.
const FUNCTIONS: [&str; 12] =
    ["METRICS", "ABS", "CEIL", "FLOOR", "FILL", "IF", "DIFF", "RATE", "MAX", "MIN", "SUM", "AVG"];

/// What is wrong with an expression over these ids; a function that is not known here is told apart.
pub(super) enum Wrong {
    Refused(String),
    NotHere(String),
}

pub(super) fn check(ast: &Ast, ids: &[&str]) -> Result<(), Wrong> {
    match ast {
        Ast::Number(_) | Ast::Text(_) => Ok(()),
        Ast::Id(id) if ids.contains(&id.as_str()) => Ok(()),
        Ast::Id(id) => Err(Wrong::Refused(format!("Undeclared variable: {id}"))),
        Ast::Negative(of) => check(of, ids),
        Ast::Operation(_, left, right) => check(left, ids).and_then(|()| check(right, ids)),
        Ast::Call(name, _) if name == "SEARCH" => {
            Err(Wrong::Refused("SEARCH is not supported on Metric Alarms".to_owned()))
        }
        Ast::Call(name, _) if !FUNCTIONS.contains(&name.as_str()) && name != super::band::FUNCTION => {
            Err(Wrong::NotHere(format!("the function {name} of metric math")))
        }
        Ast::Call(_, items) | Ast::List(items) => items.iter().try_for_each(|item| check(item, ids)),
    }
}
