//! schema: JSON Schema of blueprints, for editors.
use super::{Exit, Result};
use crate::{blueprint::blueprint_schema, kinds::dialect, ui::Ui};

pub(super) fn run(ui: Ui) -> Result {
    ui.data(&format!("{:#}", blueprint_schema(dialect())));
    Ok(Exit::Ok)
}
