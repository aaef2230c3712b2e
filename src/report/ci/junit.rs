//! JUnit's XML: one test case for each code that something was found under, and one for everything else.
use super::Told;
use crate::diagnostic::{Diagnostic, Severity};
use std::{collections::BTreeMap, fmt::Write as _};

/// Errors fail, warnings and notes are what a case says.
pub fn junit(told: &Told<'_>) -> String {
    let mut cases: BTreeMap<(&str, &str), Vec<&Diagnostic>> = BTreeMap::new();
    for found in told.found {
        cases.entry((found.address.as_deref().unwrap_or(told.stack), found.code)).or_default().push(found);
    }
    let failed = |all: &[&Diagnostic]| all.iter().any(|d| d.severity == Severity::Error);
    // What a run could not do fails it, also where nothing else is wrong with the stack.
    let whole = matches!(told.exit, 0 | 2) || told.found.has_errors();
    let failures = cases.values().filter(|all| failed(all)).count() + usize::from(!whole);
    let tests = cases.len() + 1;
    let name = format!("dlinfra {} {}", told.command, told.stack);
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to a text cannot fail.
    let _ = writeln!(out, "<testsuites tests=\"{tests}\" failures=\"{failures}\" errors=\"0\">");
    let _ = writeln!(
        out,
        "  <testsuite name=\"{}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" skipped=\"0\">",
        escaped(&name)
    );
    let (class, name) = (escaped(told.stack), escaped(told.command));
    let failure = match whole {
        true => String::new(),
        false => format!("<failure message=\"exit {}\">{}</failure>", told.exit, escaped(&told.headline())),
    };
    let _ = writeln!(out, "    <testcase classname=\"{class}\" name=\"{name}\">{failure}</testcase>");
    for ((class, code), all) in &cases {
        let _ = writeln!(out, "    <testcase classname=\"{}\" name=\"{code}\">", escaped(class));
        let text = all.iter().map(|d| line(d)).collect::<Vec<_>>().join("\n");
        if failed(all) {
            let first = all.iter().find(|d| d.severity == Severity::Error).map_or("", |d| d.summary.as_str());
            let _ = writeln!(
                out,
                "      <failure message=\"{}\" type=\"{code}\">{}</failure>",
                escaped(first),
                escaped(&text)
            );
        } else {
            let _ = writeln!(out, "      <system-out>{}</system-out>", escaped(&text));
        }
        out.push_str("    </testcase>\n");
    }
    out.push_str("  </testsuite>\n</testsuites>\n");
    out
}

fn line(found: &Diagnostic) -> String {
    let place = super::place(found).map(|(file, line, column)| format!("{file}:{line}:{column}: ")).unwrap_or_default();
    format!("{place}{}: {}", found.severity, super::words(found))
}

/// As text or as an attribute. Characters that XML does not have are left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Diagnostics;

    #[test]
    fn a_case_fails_where_something_is_wrong() {
        let found: Diagnostics = [
            Diagnostic::error(&crate::aws::codes::BUG, "a < b & \"c\"\u{1}").at_address("nodes"),
            Diagnostic::warning(&crate::aws::codes::DENIED, "odd"),
        ]
        .into_iter()
        .collect();
        let told = super::super::told(&found);
        let text = junit(&told);
        assert!(text.contains("tests=\"3\" failures=\"1\""), "{text}");
        assert!(text.contains("<failure message=\"a &lt; b &amp; &quot;c&quot;\""), "{text}");
        assert!(text.contains("<system-out>warning: odd</system-out>"), "{text}");
    }
}
