//! GitLab: what a plan changes, and what was found.
use super::Told;
use crate::{
    diagnostic::{Diagnostic, Severity},
    spec,
};
use serde_json::{Value, json};

/// As `artifacts: reports: terraform` takes it; a replacement is a deletion and a creation.
pub fn counts(told: &Told<'_>) -> Value {
    let s = told.plan.map(|plan| &plan.summary);
    let count = |pick: fn(&crate::plan::Summary) -> usize| s.map_or(0, pick);
    json!({
        "create": count(|s| s.create + s.replace), "update": count(|s| s.update + s.adopt),
        "delete": count(|s| s.delete + s.replace),
    })
}

/// As `artifacts: reports: codequality` takes it.
pub fn code_quality(told: &Told<'_>) -> Value {
    told.found.iter().map(|found| entry(told, found)).collect()
}

fn entry(told: &Told<'_>, found: &Diagnostic) -> Value {
    let (path, line, _) = super::place(found).unwrap_or((told.blueprint(), 1, 1));
    let severity = match found.severity {
        Severity::Error => "critical",
        Severity::Warning => "major",
        Severity::Note => "info",
    };
    json!({
        "description": super::words(found), "check_name": found.code, "severity": severity,
        "fingerprint": fingerprint(found), "location": { "path": path, "lines": { "begin": line } },
    })
}

/// The same for the same problem in another run, also when lines have moved.
pub(super) fn fingerprint(found: &Diagnostic) -> String {
    let file = super::place(found).map_or("", |(file, ..)| file);
    let address = found.address.as_deref().unwrap_or_default();
    spec::sha256([found.code, file, address, &found.summary].join("\n").as_bytes())
}
