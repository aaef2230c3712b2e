//! The cost report for programs: one document, money as decimal strings.

use serde::Serialize;

use super::{CostReport, RenderError};

/// The version of the document; fields are only added within a version.
const FORMAT_VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    format_version: u32,
    command: &'static str,
    #[serde(flatten)]
    report: &'a CostReport,
}

pub(super) fn render(report: &CostReport) -> Result<String, RenderError> {
    let document = Document { format_version: FORMAT_VERSION, command: "cost", report };
    let mut text = serde_json::to_string_pretty(&document).map_err(|error| RenderError(error.to_string()))?;
    text.push('\n');
    Ok(text)
}
