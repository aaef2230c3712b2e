//! modules: those in the program and those beside the blueprints here, as they are written.
use super::{Exit, Result, document};
use crate::cli::codes;
use crate::ui::Ui;
use dlinfra::{
    diagnostic::{Diagnostic, Diagnostics, did_you_mean},
    kinds::MODULES,
};
use serde_json::json;
use std::path::Path;

/// Show modules in the program and in ./modules; with a name, its text, ready to be copied into modules/.
#[derive(clap::Args)]
pub(super) struct Args {
    /// A module; without one, all of them.
    module: Option<String>,
}

/// A module that a blueprint here can use by its name.
struct Module {
    name: String,
    text: String,
    /// Where it is: a file, or nothing for a module in the program.
    file: Option<String>,
}

impl Module {
    /// The line that the module says about itself.
    fn about(&self) -> &str {
        let line = self.text.lines().find_map(|l| l.strip_prefix("description:"));
        line.map_or("", |l| l.trim().trim_matches(['\'', '"']))
    }
}

/// Every module, those here first: they hide those of the same name in the program.
fn modules(folder: &Path) -> Vec<Module> {
    let mut own: Vec<Module> = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().filter_map(std::result::Result::ok) {
        let path = entry.path();
        let file = if path.is_dir() { path.join("module.yaml") } else { path.clone() };
        let is_yaml = file.extension().is_some_and(|e| e == "yaml" || e == "yml");
        let (Some(stem), true) = (path.file_stem(), is_yaml) else { continue };
        if let Ok(text) = std::fs::read_to_string(&file)
            && text.lines().any(|l| l.starts_with("module:"))
        {
            own.push(Module {
                name: stem.to_string_lossy().into_owned(),
                text,
                file: Some(file.display().to_string()),
            });
        }
    }
    own.sort_by(|a, b| a.name.cmp(&b.name));
    for (name, text) in MODULES.iter().filter(|(n, _)| !n.contains('/')) {
        if own.iter().all(|m| m.name != *name) {
            own.push(Module { name: (*name).to_owned(), text: (*text).to_owned(), file: None });
        }
    }
    own
}

pub(super) fn run(args: &Args, ui: Ui) -> Result {
    let all = modules(Path::new("modules"));
    let Some(name) = &args.module else {
        if ui.json {
            let rows: Vec<_> =
                all.iter().map(|m| json!({ "module": m.name, "doc": m.about(), "file": m.file })).collect();
            ui.data(&document("modules", &json!({ "modules": rows }), &Diagnostics::new()).to_string());
        } else {
            let width = all.iter().map(|m| m.name.len()).max().unwrap_or_default();
            let row = |m: &Module| {
                let place = m.file.as_ref().map(|f| format!("  ({f})")).unwrap_or_default();
                format!("{:width$}  {}{place}", m.name, m.about())
            };
            ui.data(&all.iter().map(row).collect::<Vec<_>>().join("\n"));
        }
        return Ok(Exit::Ok);
    };
    let text = match all.iter().find(|m| m.name == *name) {
        Some(module) => module.text.as_str(),
        // A file beside a module of the program is named like `efa-cluster/boot.sh`.
        None => match MODULES.iter().find(|(n, _)| n == name) {
            Some((_, text)) => text,
            None => {
                let help =
                    did_you_mean(name, all.iter().map(|m| m.name.as_str())).map(|n| format!("did you mean `{n}`?"));
                return Err(Diagnostic::error(
                    &codes::NO_MODULE,
                    format!("there is no module `{name}` in the program or in ./modules"),
                )
                .with_help_opt(help.or_else(|| Some("`dlinfra modules` lists them".to_owned())))
                .into());
            }
        },
    };
    if ui.json {
        let file = all.iter().find(|m| m.name == *name).and_then(|m| m.file.clone());
        let fields = json!({ "module": name, "file": file, "text": text });
        ui.data(&document("modules", &fields, &Diagnostics::new()).to_string());
    } else {
        ui.data(text);
    }
    Ok(Exit::Ok)
}
