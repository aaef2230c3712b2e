//! SARIF 2.1.0 (<https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>), as code scanning takes it.
use super::{Told, gitlab::fingerprint};
use crate::diagnostic::{Diagnostic, Severity};
use serde_json::{Value, json};

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

/// What was found, with what each code means.
pub fn sarif(told: &Told<'_>) -> Value {
    let used: Vec<&str> = told.found.by_code().into_keys().collect();
    let rules: Vec<Value> = used
        .iter()
        .map(|id| {
            let (title, explain) = (told.code)(id).map_or((*id, ""), |code| (code.title, code.explain));
            json!({
                "id": id, "name": id, "shortDescription": { "text": title },
                "fullDescription": { "text": if explain.is_empty() { title } else { explain } },
                "help": { "text": format!("dlinfra explain {id}") },
            })
        })
        .collect();
    let results: Vec<Value> = told.found.iter().map(|found| result(told, found, &used)).collect();
    json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "dlinfra", "semanticVersion": env!("CARGO_PKG_VERSION"), "rules": rules } },
            // Stacks of one repository stay apart.
            "automationDetails": { "id": format!("dlinfra/{}/", told.stack) },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn result(told: &Told<'_>, found: &Diagnostic, used: &[&str]) -> Value {
    let mut out = json!({
        "ruleId": found.code, "ruleIndex": used.iter().position(|id| *id == found.code),
        "level": level(found.severity), "message": { "text": super::words(found) },
        "partialFingerprints": { "dlinfra/v1": fingerprint(found) },
    });
    // Code scanning refuses the whole file for one result without a place.
    let (file, region) = match (super::place(found), found.primary()) {
        (Some((file, ..)), Some(label)) => {
            let (from, to) = (label.source.position(label.span.start), label.source.position(label.span.end));
            let (start, end) = ((from.line, from.column), (to.line, to.column));
            (file, json!({ "startLine": start.0, "startColumn": start.1, "endLine": end.0, "endColumn": end.1 }))
        }
        _ => (told.blueprint(), json!({ "startLine": 1 })),
    };
    out["locations"] = json!([{ "physicalLocation": {
        "artifactLocation": { "uri": uri(file) }, "region": region,
    } }]);
    out
}

/// A relative reference to a file.
fn uri(file: &str) -> String {
    file.split('/').map(crate::aws::json::rest::segment).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Diagnostics, SourceFile};

    #[test]
    fn results_point_at_their_rules_and_lines() {
        let source = SourceFile::new("./stacks/my train.yaml", "a: 1\nb: 2\n");
        let label = || source.label(5..6, "");
        let found: Diagnostics = [
            Diagnostic::warning(&crate::aws::codes::DENIED, "not allowed"),
            Diagnostic::error(&crate::aws::codes::BUG, "wrong").with_label(label()),
        ]
        .into_iter()
        .collect();
        let told = super::super::told(&found);
        let run = &sarif(&told)["runs"][0];
        let rules: Vec<&Value> = run["tool"]["driver"]["rules"].as_array().unwrap().iter().collect();
        assert_eq!(rules.len(), 2);
        for result in run["results"].as_array().unwrap() {
            let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
            assert_eq!(rules[index]["id"], result["ruleId"]);
            assert_ne!(rules[index]["fullDescription"]["text"], "");
        }
        let place = &run["results"][1]["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "stacks/my%20train.yaml");
        assert_eq!(place["region"]["startLine"], 2);
        let other = &run["results"][0]["locations"][0]["physicalLocation"];
        assert_eq!(
            (&other["artifactLocation"]["uri"], &other["region"]["startLine"]),
            (&json!("stacks/my%20train.yaml"), &json!(1))
        );
    }
}
