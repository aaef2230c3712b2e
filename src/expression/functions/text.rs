//! Functions on text.

use std::fmt::Write as _;

use rust_decimal::Decimal;

use super::Arguments;
use crate::expression::codes;
use crate::expression::value::{Key, MAX_TEXT, Value};
use crate::expression::{Evaluator, ExprError, Outcome};

type Args<'a, 'b> = &'a Arguments<'b>;

pub(super) fn join(e: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    let separator = a.text(0)?;
    let mut out = String::new();
    let mut first = true;
    for v in a.list(1)?.items().iter().filter(|v| !v.is_null()) {
        if !first {
            out.push_str(&separator);
        }
        first = false;
        out.push_str(&e.text_of(v, a.at(1))?);
        if out.len() > MAX_TEXT {
            break;
        }
    }
    a.made_text(&out)
}

pub(super) fn split(_: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    let (separator, text) = (a.text(0)?, a.text(1)?);
    if separator.is_empty() {
        return Err(a.wrong(0, "the separator is empty").into());
    }
    a.made(Value::list(text.split(&*separator).map(Value::text).collect()))
}

pub(super) fn lower(_: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    a.made_text(&a.text(0)?.to_lowercase())
}

pub(super) fn upper(_: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    a.made_text(&a.text(0)?.to_uppercase())
}

pub(super) fn replace(_: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    let (text, from, to) = (a.text(0)?, a.text(1)?, a.text(2)?);
    if from.is_empty() {
        return Err(a.wrong(1, "the text to replace is empty").into());
    }
    let count = text.matches(&*from).count();
    if text.len().saturating_add(count.saturating_mul(to.len())) > MAX_TEXT {
        return Err(crate::expression::eval::too_long(a.place).into());
    }
    a.made_text(&text.replace(&*from, &to))
}

pub(super) fn startswith(_: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    Ok(Value::Bool(a.text(0)?.starts_with(&*a.text(1)?)))
}

pub(super) fn endswith(_: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    Ok(Value::Bool(a.text(0)?.ends_with(&*a.text(1)?)))
}

pub(super) fn trim(_: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    let characters = a.text(1)?;
    a.made_text(a.text(0)?.trim_matches(|c| characters.contains(c)))
}

pub(super) fn trimspace(_: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    a.made_text(a.text(0)?.trim())
}

pub(super) fn trimprefix(_: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    let (text, prefix) = (a.text(0)?, a.text(1)?);
    a.made_text(text.strip_prefix(&*prefix).unwrap_or(&text))
}

pub(super) fn trimsuffix(_: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    let (text, suffix) = (a.text(0)?, a.text(1)?);
    a.made_text(text.strip_suffix(&*suffix).unwrap_or(&text))
}

pub(super) fn tostring(_: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    Ok(Value::String(a.text(0)?))
}

pub(super) fn tonumber(_: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    if let Value::Number(_) = a.value(0) {
        return Ok(a.value(0).clone());
    }
    let text = a.text(0)?;
    match Decimal::from_str_exact(text.trim()).or_else(|_| Decimal::from_scientific(text.trim())) {
        Ok(n) => Ok(Value::Number(n.normalize())),
        Err(_) => Err(a.wrong(0, format!("`{}` is not a number", shorten(&text))).into()),
    }
}

pub(super) fn shorten(text: &str) -> String {
    let mut short: String = text.chars().take(40).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// A match as text, as a list of groups, or as a mapping of named groups.
pub(super) fn regex(_: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    let (pattern, text) = (a.text(0)?, a.text(1)?);
    if pattern.len() > 1000 {
        return Err(ExprError::new(&codes::LIMIT, a.at(0), "a pattern has up to 1000 characters").into());
    }
    let compiled = regex_lite::RegexBuilder::new(&pattern).size_limit(1 << 20).nest_limit(50).build();
    let regex = match compiled {
        Ok(regex) => regex,
        Err(e) => {
            return Err(a
                .wrong(0, format!("this is not a pattern: {e}"))
                .help("for example `regex(\"[0-9]+\", \"node-12\")`")
                .into());
        }
    };
    // Matching takes pattern × text steps; this keeps the product small.
    if pattern.len().saturating_mul(text.len()) > 50_000_000 {
        return Err(ExprError::new(&codes::LIMIT, a.at(1), "the text is too long for this pattern").into());
    }
    let Some(found) = regex.captures(&text) else {
        let e = a.wrong(1, format!("the pattern does not occur in `{}`", shorten(&text)));
        return Err(e.help("wrap it: `try(regex(…), null)` or `can(regex(…))`").into());
    };
    let group = |m: Option<regex_lite::Match<'_>>| {
        m.map_or(Value::Null(crate::expression::Null::Expression), |m| Value::text(m.as_str()))
    };
    let names: Vec<&str> = regex.capture_names().flatten().collect();
    if !names.is_empty() {
        return a.made(Value::map(names.iter().map(|n| (Key::new(n), group(found.name(n)))).collect()));
    }
    if found.len() > 1 {
        return a.made(Value::list((1..found.len()).map(|i| group(found.get(i))).collect()));
    }
    Ok(group(found.get(0)))
}

/// `%s %d %f %x %v %q %%` with width, `0`, `-` and `.digits`.
pub(super) fn format(e: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    let pattern = a.text(0)?;
    let mut out = String::new();
    let mut chars = pattern.chars().peekable();
    let mut next = 1;
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let (mut zero, mut left) = (false, false);
        while let Some(flag) = chars.next_if(|c| matches!(c, '0' | '-')) {
            if flag == '0' { zero = true } else { left = true }
        }
        let number = |chars: &mut std::iter::Peekable<std::str::Chars<'_>>| {
            let mut n = 0_usize;
            while let Some(d) = chars.next_if(char::is_ascii_digit) {
                n = n.saturating_mul(10).saturating_add(d.to_digit(10).unwrap_or(0) as usize);
            }
            n
        };
        let width = number(&mut chars);
        let precision = chars.next_if_eq(&'.').map(|_| number(&mut chars));
        if width > 1000 || precision.is_some_and(|p| p > 28) {
            return Err(a.wrong(0, "a width is up to 1000, a number of decimals up to 28").into());
        }
        let Some(verb) = chars.next() else { return Err(a.wrong(0, "the format ends with `%`").into()) };
        if verb == '%' {
            out.push('%');
            continue;
        }
        if next >= a.len() {
            return Err(a.wrong(0, format!("there is no value for `%{verb}`")).into());
        }
        let text = match verb {
            's' | 'v' => e.text_of(a.value(next), a.at(next))?.to_string(),
            'q' => format!("{:?}", e.text_of(a.value(next), a.at(next))?),
            'd' => a.int(next)?.to_string(),
            'x' => format!("{:x}", a.int(next)?),
            'f' => {
                let places = u32::try_from(precision.unwrap_or(6)).unwrap_or(6);
                let mut n = a.number(next)?.round_dp(places);
                n.rescale(places);
                n.to_string()
            }
            other => {
                return Err(a
                    .wrong(0, format!("there is no `%{other}`"))
                    .help("the verbs are %s, %d, %f, %x, %q and %%")
                    .into());
            }
        };
        next += 1;
        let missing = width.saturating_sub(text.chars().count());
        if left {
            let _ = write!(out, "{text}{}", " ".repeat(missing));
        } else if zero && matches!(verb, 'd' | 'f' | 'x') {
            let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |d| ("-", d));
            let _ = write!(out, "{sign}{}{digits}", "0".repeat(missing));
        } else {
            let _ = write!(out, "{}{text}", " ".repeat(missing));
        }
        if out.len() > MAX_TEXT {
            break;
        }
    }
    if next < a.len() {
        return Err(a.wrong(next, "the format does not use this value").into());
    }
    a.made_text(&out)
}
