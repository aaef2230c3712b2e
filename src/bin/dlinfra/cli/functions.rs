//! functions: the table of functions of the expression language.
use super::{Exit, Result, document};
use crate::cli::codes;
use crate::ui::Ui;
use dlinfra::{
    diagnostic::{Diagnostic, Diagnostics, did_you_mean},
    expression,
};
use serde_json::json;

/// Show the functions of the expression language.
#[derive(clap::Args)]
pub(super) struct Args {
    /// A function; without one, all of them.
    function: Option<String>,
}

pub(super) fn run(args: &Args, ui: Ui) -> Result {
    let all = expression::functions();
    let chosen: Vec<_> = all.iter().filter(|f| args.function.as_ref().is_none_or(|n| n == f.name)).collect();
    if let (Some(name), true) = (&args.function, chosen.is_empty()) {
        let help = did_you_mean(name, all.iter().map(|f| f.name)).map(|n| format!("did you mean `{n}`?"));
        return Err(Diagnostic::error(&codes::NO_FUNCTION, format!("there is no function `{name}`"))
            .with_help_opt(help.or_else(|| Some("`dlinfra functions` lists them".to_owned())))
            .into());
    }
    if ui.json {
        let rows: Vec<_> = chosen.iter().map(|f| json!({ "name": f.name, "signature": f.signature, "doc": f.doc, "example": f.example, "result": f.result })).collect();
        ui.data(&document("functions", &json!({ "functions": rows }), &Diagnostics::new()).to_string());
    } else {
        let width = chosen.iter().map(|f| f.signature.len()).max().unwrap_or(0);
        let rows: Vec<String> = chosen
            .iter()
            .map(|f| {
                let example =
                    if args.function.is_some() { format!("\n  {} = {}", f.example, f.result) } else { String::new() };
                format!("{:width$}  {}{example}", f.signature, f.doc)
            })
            .collect();
        ui.data(&rows.join("\n"));
    }
    Ok(Exit::Ok)
}
