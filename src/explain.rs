//! Every code that the library can tell, from the tables of its rooms.
use crate::{
    aws, blueprint, catalog, compose,
    cost::{actual, budget, stated},
    diagnostic::Code,
    engine, expression, journal, kind,
    kinds::KINDS,
    plan, preflight, price, reaper, rules, run, saved, terraform,
};

/// All codes, each once, in no particular order.
pub fn codes() -> impl Iterator<Item = &'static Code> {
    let fixed = [
        expression::CODES,
        blueprint::CODES,
        blueprint::POLICY_CODES,
        aws::CODES,
        engine::CODES,
        journal::CODES,
        compose::CODES,
        saved::CODES,
        reaper::CODES,
        preflight::CODES,
        run::CODES,
        price::CODES,
        actual::CODES,
        budget::CODES,
        stated::CODES,
        kind::codes::CODES,
        catalog::codes::CODES,
        plan::codes::CODES,
        terraform::codes::CODES,
    ];
    let kinds = KINDS.iter().flat_map(|k| k.about().codes).copied();
    fixed.into_iter().flatten().copied().chain(rules::codes()).chain(kinds)
}
