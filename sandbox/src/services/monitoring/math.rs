//! Metric math: what an expression over other queries makes of their values, period by period.

use super::parse::{self, Ast};

/// The values of the last periods, the latest first; nothing where a period has none.
pub(super) type Values = Vec<Option<f64>>;

/// What a part of an expression is.
#[derive(Debug, Clone)]
enum Part {
    Number(f64),
    Series(Values),
    All(Vec<Values>),
}

/// The values of the query of this id, and of every metric among the queries.
pub(super) struct Known<'k> {
    pub(super) of: &'k dyn Fn(&str) -> Option<Values>,
    pub(super) metrics: &'k dyn Fn() -> Vec<Values>,
    /// How many periods are looked at, and how long one is.
    pub(super) count: usize,
    pub(super) period: i64,
}

/// The values of an expression.
pub(super) fn evaluate(text: &str, known: &Known<'_>) -> Option<Values> {
    match part(&parse::expression(text).ok()?, known)? {
        Part::Number(one) => Some(vec![Some(one); known.count]),
        Part::Series(values) => Some(values),
        Part::All(mut several) => (several.len() == 1).then(|| several.swap_remove(0)),
    }
}

fn part(ast: &Ast, known: &Known<'_>) -> Option<Part> {
    Some(match ast {
        Ast::Number(one) => Part::Number(*one),
        Ast::Text(_) => return None,
        Ast::Id(id) => Part::Series((known.of)(id)?),
        Ast::List(items) => {
            let series = |item| Some(spread(&part(item, known)?, known.count));
            Part::All(items.iter().map(series).collect::<Option<Vec<_>>>()?.concat())
        }
        Ast::Negative(of) => map(&part(of, known)?, |x| -x),
        Ast::Operation(operator, left, right) => {
            let by = parse::operation(operator)?;
            pair(&part(left, known)?, &part(right, known)?, by, known.count)
        }
        Ast::Call(name, arguments) => return function(name, arguments, known),
    })
}

fn function(name: &str, arguments: &[Ast], known: &Known<'_>) -> Option<Part> {
    let argument = |i: usize| part(arguments.get(i)?, known);
    let series = |i: usize| Some(spread(&argument(i)?, known.count).swap_remove(0));
    Some(match name {
        "METRICS" => Part::All((known.metrics)()),
        "ABS" => map(&argument(0)?, f64::abs),
        "CEIL" => map(&argument(0)?, f64::ceil),
        "FLOOR" => map(&argument(0)?, f64::floor),
        "FILL" => {
            let (of, with) = (argument(0)?, series(1)?);
            let fill = |values: Values| values.iter().zip(&with).map(|(one, with)| one.or(*with)).collect();
            match of {
                Part::All(several) => Part::All(several.into_iter().map(fill).collect()),
                other => Part::Series(fill(spread(&other, known.count).swap_remove(0))),
            }
        }
        "IF" => {
            let (condition, yes, no) = (series(0)?, series(1)?, series(2).unwrap_or_else(|| vec![None; known.count]));
            let choose = |i: usize| if condition[i]? == 0.0 { no[i] } else { yes[i] };
            Part::Series((0..known.count).map(choose).collect())
        }
        // The latest is the first, so what came before stands after it.
        "DIFF" | "RATE" => {
            let values = series(0)?;
            let per = if name == "RATE" { known.period as f64 } else { 1.0 };
            let step = |i: usize| Some((values[i]? - values.get(i + 1).copied().flatten()?) / per);
            Part::Series((0..values.len()).map(step).collect())
        }
        "MAX" => reduce(&argument(0)?, known, |all| all.iter().copied().fold(f64::MIN, f64::max)),
        "MIN" => reduce(&argument(0)?, known, |all| all.iter().copied().fold(f64::MAX, f64::min)),
        "SUM" => reduce(&argument(0)?, known, |all| all.iter().sum()),
        "AVG" => reduce(&argument(0)?, known, |all| all.iter().sum::<f64>() / all.len() as f64),
        _ => return None,
    })
}

fn spread(part: &Part, count: usize) -> Vec<Values> {
    match part {
        Part::Number(one) => vec![vec![Some(*one); count]],
        Part::Series(values) => vec![values.clone()],
        Part::All(several) => several.clone(),
    }
}

fn map(part: &Part, with: impl Fn(f64) -> f64) -> Part {
    let all = |values: &Values| values.iter().map(|one| one.map(&with)).collect();
    match part {
        Part::Number(one) => Part::Number(with(*one)),
        Part::Series(values) => Part::Series(all(values)),
        Part::All(several) => Part::All(several.iter().map(all).collect()),
    }
}

/// Period by period; where one of the two has no value, or it is divided by zero, there is none.
fn pair(left: &Part, right: &Part, by: impl Fn(f64, f64) -> f64, count: usize) -> Part {
    let both = |l: &Values, r: &Values| -> Values {
        l.iter().zip(r).map(|(l, r)| Some(by((*l)?, (*r)?)).filter(|value| value.is_finite())).collect()
    };
    match (left, right) {
        (Part::Number(l), Part::Number(r)) => Part::Number(by(*l, *r)),
        (Part::All(_), _) | (_, Part::All(_)) => {
            let (l, r) = (spread(left, count), spread(right, count));
            let longest = l.len().max(r.len());
            Part::All((0..longest).map(|i| both(&l[i % l.len()], &r[i % r.len()])).collect())
        }
        _ => Part::Series(both(&spread(left, count)[0], &spread(right, count)[0])),
    }
}

/// Of several series one, period by period; of one series one number.
fn reduce(part: &Part, known: &Known<'_>, with: impl Fn(&[f64]) -> f64) -> Part {
    let of = |values: Vec<f64>| (!values.is_empty()).then(|| with(&values));
    match part {
        Part::Number(one) => Part::Number(*one),
        Part::Series(values) => Part::Series(vec![of(values.iter().flatten().copied().collect()); known.count]),
        Part::All(several) => {
            let at = |i: usize| of(several.iter().filter_map(|values| values.get(i).copied().flatten()).collect());
            Part::Series((0..known.count).map(at).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_computed_period_by_period() {
        let of = |id: &str| match id {
            "errors" => Some(vec![Some(1.0), None, Some(6.0)]),
            "calls" => Some(vec![Some(10.0), Some(5.0), Some(0.0)]),
            _ => None,
        };
        let metrics = || vec![of("errors").unwrap(), of("calls").unwrap()];
        let known = Known { of: &of, metrics: &metrics, count: 3, period: 60 };
        let value = |text: &str| evaluate(text, &known);
        let all = |one: f64| Some(vec![Some(one); 3]);
        assert_eq!(value("100 * errors / calls"), Some(vec![Some(10.0), None, None]), "nothing is divided by zero");
        assert_eq!(value("FILL(errors, 0) + 1"), Some(vec![Some(2.0), Some(1.0), Some(7.0)]));
        assert_eq!(value("IF(calls >= 5, FILL(errors, 0), 0)"), Some(vec![Some(1.0), Some(0.0), Some(0.0)]));
        assert_eq!(value("IF(calls > 5 AND errors < 2, 1, 0)"), Some(vec![Some(1.0), None, Some(0.0)]));
        assert_eq!(value("MAX([errors, calls])"), Some(vec![Some(10.0), Some(5.0), Some(6.0)]));
        assert_eq!(value("SUM(METRICS())"), Some(vec![Some(11.0), Some(5.0), Some(6.0)]));
        assert_eq!(value("AVG(calls)"), all(5.0));
        assert_eq!(value("DIFF(calls)"), Some(vec![Some(5.0), Some(5.0), None]));
        assert_eq!(value("-ABS(1 - 3) * (2 + 1)"), all(-6.0));
        assert_eq!(value("other"), None);
    }
}
