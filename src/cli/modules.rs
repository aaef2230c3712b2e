//! modules: those in the program, as they are written.
use super::{Exit, Result, document};
use crate::{
    diagnostic::{Diagnostic, Diagnostics, did_you_mean},
    kinds::MODULES,
    ui::Ui,
};
use serde_json::json;

/// Modules in the program; with a name, its text, ready to be copied into modules/.
#[derive(clap::Args)]
pub(super) struct Args {
    /// A module; without one, all of them.
    module: Option<String>,
}

fn names() -> impl Iterator<Item = &'static str> {
    MODULES.iter().map(|(n, _)| *n).filter(|n| !n.contains('/'))
}

/// The first comment, or the description, of a module.
fn line(text: &str) -> &str {
    text.lines().next().and_then(|l| l.strip_prefix('#')).map_or("", str::trim)
}

pub(super) fn run(args: &Args, ui: Ui) -> Result {
    match &args.module {
        None if ui.json => {
            let rows: Vec<_> = MODULES
                .iter()
                .filter(|(n, _)| !n.contains('/'))
                .map(|(n, t)| json!({ "module": n, "doc": line(t) }))
                .collect();
            ui.data(&document("modules", &json!({ "modules": rows }), &Diagnostics::new()).to_string());
        }
        None => {
            let rows: Vec<String> =
                MODULES.iter().filter(|(n, _)| !n.contains('/')).map(|(n, t)| format!("{n:14}  {}", line(t))).collect();
            ui.data(&rows.join("\n"));
        }
        Some(name) => {
            let Some((_, text)) = MODULES.iter().find(|(n, _)| n == name) else {
                let help = did_you_mean(name, names()).map(|n| format!("did you mean `{n}`?"));
                return Err(Diagnostic::error("DL0712", format!("there is no module `{name}` in the program"))
                    .with_help_opt(help.or_else(|| Some("`dlinfra modules` lists them".to_owned())))
                    .into());
            };
            ui.data(text);
        }
    }
    Ok(Exit::Ok)
}
