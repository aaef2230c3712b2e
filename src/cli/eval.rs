//! eval: one expression against a blueprint.
use super::{Exit, Result, arguments::Source, document, load};
use crate::{
    blueprint::{RealFiles, eval_text},
    diagnostic::Diagnostics,
    kinds::dialect,
    ui::Ui,
};
use serde_json::json;

/// Evaluate an expression against a blueprint: `dlinfra eval 'instance("p5.48xlarge").gpus' FILE`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The expression, without `${` and `}`.
    expression: String,
    #[command(flatten)]
    source: Source,
}

pub(super) fn run(args: &Args, ui: Ui) -> Result {
    let value = eval_text(dialect(), &load::inputs(&args.source)?, &RealFiles, &args.expression)?;
    if ui.json {
        ui.data(&document("eval", &json!({ "value": value }), &Diagnostics::new()).to_string());
    } else {
        ui.data(&value.as_str().map_or_else(|| format!("{value:#}"), str::to_owned));
    }
    Ok(Exit::Ok)
}
