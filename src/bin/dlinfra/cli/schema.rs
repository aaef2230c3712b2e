//! schema: JSON Schema of blueprints, for editors.
use super::{Exit, Result};
use crate::ui::Ui;
use dlinfra::{blueprint::blueprint_schema, kinds::dialect};

pub(super) fn run(ui: Ui) -> Result {
    ui.data(&format!("{:#}", blueprint_schema(dialect())));
    Ok(Exit::Ok)
}
