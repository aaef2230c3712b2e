//! cost: what a blueprint costs, offline, as a report in several forms.
use super::{
    Exit, Format, Result, Stop,
    arguments::Source,
    load,
    money::{self, Limits},
    place,
};
use crate::{
    compose::Deployment,
    cost::{Bill, advice, stated},
    diagnostic::Diagnostic,
    kinds::KINDS,
    price::PriceBook,
    report::cost::{CostReport, Heading},
    ui::Ui,
};
use std::path::PathBuf;

/// What a blueprint costs: no AWS call, no key, no network.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    limits: Limits,
    /// Write the report to this file.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) async fn run(args: &Args, format: Format, ui: Ui) -> Result {
    let opened = load::open(&args.source)?;
    let (deployment, file) = (opened.deployment()?.0, opened.blueprint());
    let book = money::book(&place::beside(Some(&file)))?;
    let report = report(&deployment, &args.limits, &book)?;
    write(&report, format, args, ui)
}

/// The report of a blueprint as it is written.
fn report(deployment: &Deployment, limits: &Limits, book: &PriceBook) -> std::result::Result<CostReport, Stop> {
    let compiled = &deployment.compiled;
    let (stated, _) = money::stated(compiled, limits)?;
    let bill: Bill = stated::bill(compiled, KINDS, &money::pricing(compiled, &stated, book));
    let heading = Heading {
        stack: compiled.stack.clone(),
        region: compiled.region.clone(),
        owner: compiled.owner.clone(),
        place: String::new(),
    };
    let advice = advice::advise(book, &compiled.region, &stated::subjects(compiled, &stated.usage));
    let verdict = stated.budget.check(&bill, limits.allow_unpriced);
    Ok(CostReport::new(&heading, &bill).with_budget(&verdict).with_advice(&advice))
}

/// Prints the report, or writes it to the file that was asked for.
fn write(report: &CostReport, format: Format, args: &Args, ui: Ui) -> Result {
    let text = report.render(format.report()).map_err(|e| Diagnostic::error("DL0499", e.to_string()))?;
    match &args.output {
        None => ui.data(&text),
        Some(file) => {
            std::fs::write(file, text).map_err(|e| {
                Diagnostic::error("DL0742", format!("{} cannot be written: {e}", file.display()))
                    .with_help("name a file in a folder that exists and that you may write")
            })?;
            if !ui.json {
                ui.say(&format!("wrote {}", file.display()));
            }
        }
    }
    Ok(Exit::Ok)
}
