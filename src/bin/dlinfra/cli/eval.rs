//! eval: one expression against a blueprint.
use super::{
    Exit, Result,
    arguments::Source,
    document,
    load::{self, Opened},
};
use crate::ui::Ui;
use dlinfra::{
    blueprint::{RealFiles, eval_text},
    diagnostic::Diagnostics,
    kinds::dialect,
    saved::Recorded,
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
    let value = match load::open(&args.source)? {
        Opened::Blueprint(inputs) => eval_text(dialect(), &inputs, &RealFiles, &args.expression)?,
        Opened::Saved(plan) => {
            eval_text(dialect(), &plan.inputs.inputs(), &Recorded::new(&plan.inputs), &args.expression)?
        }
    };
    if ui.json {
        ui.data(&document("eval", &json!({ "value": value }), &Diagnostics::new()).to_string());
    } else {
        ui.data(&value.as_str().map_or_else(|| format!("{value:#}"), str::to_owned));
    }
    Ok(Exit::Ok)
}
