//! explain: what a diagnostic code means.
use super::{Exit, Result, document};
use crate::{
    aws, blueprint, cli,
    diagnostic::{Code, Diagnostic, Diagnostics, did_you_mean},
    engine, journal,
    kinds::KINDS,
    rules,
    ui::Ui,
};
use serde_json::json;
use std::collections::BTreeMap;

/// What a diagnostic code means, and what to do.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Such as DL0203; without one, all of them.
    code: Option<String>,
}

/// Every code of the program.
pub(crate) fn codes() -> BTreeMap<&'static str, &'static Code> {
    let fixed = [
        blueprint::CODES,
        aws::CODES,
        engine::CODES,
        journal::CODES,
        cli::CODES,
        cli::import::CODES,
        crate::compose::CODES,
        crate::saved::CODES,
        crate::price::CODES,
        crate::cost::actual::CODES,
        crate::cost::budget::CODES,
    ];
    let kinds = KINDS.iter().flat_map(|k| k.about().codes);
    fixed.into_iter().flatten().chain(rules::codes()).chain(kinds).map(|c| (c.code, c)).collect()
}

pub(super) fn run(args: &Args, ui: Ui) -> Result {
    let all = codes();
    let Some(name) = &args.code else {
        if ui.json {
            let rows: Vec<_> = all.values().map(|c| json!({ "code": c.code, "title": c.title })).collect();
            ui.data(&document("explain", &json!({ "codes": rows }), &Diagnostics::new()).to_string());
        } else {
            let rows: Vec<String> = all.values().map(|c| format!("{}  {}", c.code, c.title)).collect();
            ui.data(&rows.join("\n"));
        }
        return Ok(Exit::Ok);
    };
    let wanted = name.to_ascii_uppercase();
    let Some(code) = all.get(wanted.as_str()) else {
        let help = did_you_mean(&wanted, all.keys().copied()).map(|n| format!("did you mean `{n}`?"));
        return Err(Diagnostic::error("DL0714", format!("there is no code `{name}`"))
            .with_help_opt(help.or_else(|| Some("`dlinfra explain` lists them".to_owned())))
            .into());
    };
    if ui.json {
        let fields = json!({ "code": code.code, "title": code.title, "explain": code.explain });
        ui.data(&document("explain", &fields, &Diagnostics::new()).to_string());
    } else {
        ui.data(&format!("{}: {}\n\n{}", code.code, code.title, code.explain));
    }
    Ok(Exit::Ok)
}
