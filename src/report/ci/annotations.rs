//! GitHub Actions: commands that put a problem beside its line, and outputs for later steps.
use super::Told;
use crate::diagnostic::{Diagnostic, Severity};
use std::fmt::Write as _;

/// GitHub shows ten errors, ten warnings and ten notices of a step
/// (https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands); some of the notices are said here.
const SHOWN: usize = 7;

/// One line about it all, then everything that was found, the worst first.
pub fn annotations(told: &Told<'_>) -> String {
    let mut out =
        format!("::notice title=dlinfra {} {}::{}\n", told.command, property(told.stack), data(&told.headline()));
    for severity in [Severity::Error, Severity::Warning, Severity::Note] {
        let all: Vec<&Diagnostic> = told.found.iter().filter(|d| d.severity == severity).collect();
        out.extend(all.iter().take(SHOWN).map(|one| command(one)));
        if all.len() > SHOWN {
            // Writing to a text cannot fail.
            let _ = writeln!(out, "::notice title=dlinfra::{} more of this kind, in the log", all.len() - SHOWN);
        }
    }
    out
}

fn command(found: &Diagnostic) -> String {
    let word = match found.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "notice",
    };
    let mut properties = Vec::new();
    if let Some((file, line, column)) = super::place(found) {
        properties.extend([format!("file={}", property(file)), format!("line={line}"), format!("col={column}")]);
    }
    properties.push(format!("title={}", property(found.code)));
    format!("::{word} {}::{}\n", properties.join(","), data(&super::words(found)))
}

/// As GitHub reads it back.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// What later steps may ask: `changes`, `create`, `update`, `replace`, `delete`, `refused`, `exit`, `headline`.
pub fn outputs(told: &Told<'_>) -> Vec<(&'static str, String)> {
    let mut out = vec![
        ("headline", told.headline()),
        ("refused", told.found.has_errors().to_string()),
        ("exit", told.exit.to_string()),
    ];
    if let Some(plan) = told.plan {
        let s = &plan.summary;
        out.push(("changes", (!plan.is_empty()).to_string()));
        let counts = [("create", s.create), ("update", s.update), ("replace", s.replace), ("delete", s.delete)];
        out.extend(counts.map(|(name, n)| (name, n.to_string())));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::SourceFile;

    #[test]
    fn a_problem_stands_beside_its_line_and_cannot_end_its_command() {
        let source = SourceFile::new("a,b.yaml", "one: 1\ntwo: 2\n");
        let found = Diagnostic::error(&crate::aws::codes::BUG, "100% wrong\n::error::forged")
            .with_help("mend it")
            .with_label(source.label(7..10, ""));
        let text = command(&found);
        assert_eq!(
            text,
            format!(
                "::error file=a%2Cb.yaml,line=2,col=1,title={}::100%25 wrong%0A::error::forged%0Amend it\n",
                found.code
            )
        );
        assert_eq!(text.lines().count(), 1);
    }
}
