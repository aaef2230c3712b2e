//! Bands of expected values: what a metric was before, give or take some standard deviations. AWS's own model knows hours
//! and weekdays as well.

use super::math::Values;
use super::parse::{self, Ast};

pub(super) const FUNCTION: &str = "ANOMALY_DETECTION_BAND";

/// So many periods are needed to say what is usual, and so many are looked at.
const FEWEST: usize = 15;
pub(super) const LOOKED_AT: usize = 500;

/// The query that a band is around, and how wide it is.
pub(super) fn around(expression: &str) -> Option<(String, f64)> {
    let Ast::Call(name, arguments) = parse::expression(expression).ok()? else { return None };
    let [Ast::Id(id), rest @ ..] = &arguments[..] else { return None };
    let width = match rest {
        [Ast::Number(width)] => *width,
        _ => 2.0,
    };
    (name == FUNCTION).then(|| (id.clone(), width))
}

/// From what to what a value is usual, by those before the `count` that are evaluated.
pub(super) fn of(values: &Values, count: usize, width: f64) -> Option<(f64, f64)> {
    let before: Vec<f64> = values.iter().skip(count).flatten().copied().collect();
    if before.len() < FEWEST {
        return None;
    }
    let number = before.len() as f64;
    let mean = before.iter().sum::<f64>() / number;
    let deviation = (before.iter().map(|one| (one - mean).powi(2)).sum::<f64>() / number).sqrt();
    Some((mean - width * deviation, mean + width * deviation))
}
