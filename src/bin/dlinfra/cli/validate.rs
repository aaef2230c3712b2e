//! validate: everything that can be checked without AWS.
use super::{
    Exit, Result,
    arguments::Source,
    document,
    forms::{self, Forms},
    load,
};
use crate::ui::Ui;
use dlinfra::report::counted;
use serde_json::json;

/// Check a blueprint without AWS: language, types, hardware rules. All problems at once.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) source: Source,
    #[command(flatten)]
    pub(super) forms: Forms,
}

pub(super) fn run(args: &Args, ui: Ui) -> Result {
    let deployment = load::load(&args.source)?;
    let compiled = &deployment.compiled;
    if ui.json {
        let fields =
            json!({ "stack": compiled.stack, "region": compiled.region, "resources": deployment.wanted.len() });
        ui.data(&document("validate", &fields, &deployment.notes).to_string());
    } else {
        ui.diagnostics(&deployment.notes);
        ui.data(&format!(
            "{} is valid: {} in {}",
            compiled.stack,
            counted(deployment.wanted.len(), "resource"),
            compiled.region
        ));
    }
    args.forms.tell(
        ui,
        &forms::told("validate", (&compiled.stack, &forms::file(&args.source)), &deployment.notes, Exit::Ok.code()),
    )?;
    // The process ends here; taking a large blueprint apart again would only cost time.
    std::mem::forget(deployment);
    Ok(Exit::Ok)
}
