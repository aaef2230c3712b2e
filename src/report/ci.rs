//! What a command found and would do, in the forms that CI systems show: a comment, annotations, reports.
mod annotations;
mod comment;
mod gitlab;
mod junit;
mod sarif;

pub use annotations::{annotations, outputs};
pub use comment::markdown;
pub use gitlab::{code_quality, counts};
pub use junit::junit;
pub use sarif::sarif;

use super::{
    cost::PlanFigures,
    plan::{Header, Show, text},
};
use crate::{
    diagnostic::{Code, Diagnostic, Diagnostics, Severity},
    plan::Plan,
};
use std::{fmt, str::FromStr};

/// A form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A comment for a pull or merge request.
    Markdown,
    /// Annotations of GitHub Actions.
    Github,
    /// How many resources are created, updated and deleted, as GitLab's `reports: terraform` takes it.
    Gitlab,
    /// What was found, as GitLab's `reports: codequality` takes it.
    CodeQuality,
    /// What was found, as SARIF 2.1.0.
    Sarif,
    /// Rules and policies as test cases, as JUnit's XML.
    Junit,
}

impl Form {
    /// Every form.
    pub const ALL: [Self; 6] =
        [Self::Markdown, Self::Github, Self::Gitlab, Self::CodeQuality, Self::Sarif, Self::Junit];
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Markdown => "markdown",
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::CodeQuality => "codequality",
            Self::Sarif => "sarif",
            Self::Junit => "junit",
        })
    }
}

impl FromStr for Form {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let forms = || Self::ALL.map(|form| form.to_string()).join(", ");
        Self::ALL.into_iter().find(|form| form.to_string() == word).ok_or_else(|| format!("write one of {}", forms()))
    }
}

/// What there is to tell.
#[derive(Clone, Copy)]
pub struct Told<'a> {
    /// `plan`, `apply`, `destroy`, `validate`.
    pub command: &'a str,
    /// The stack, as far as a blueprint that does not compile says one.
    pub stack: &'a str,
    /// The blueprint's file, and behind a `#` what else says which stack it is: eight hexadecimal digits of a digest.
    pub file: &'a str,
    /// What stands above the plan; nothing without one.
    pub header: Option<&'a Header>,
    /// The plan.
    pub plan: Option<&'a Plan>,
    /// What it costs.
    pub money: Option<&'a PlanFigures>,
    /// Everything that was found: problems, warnings, verdicts of budgets and policies.
    pub found: &'a Diagnostics,
    /// How an execution ended, in words.
    pub closing: Option<&'a str>,
    /// The command that comes next.
    pub next: Option<&'a str>,
    /// How the command ended.
    pub exit: u8,
    /// What a code means.
    pub code: fn(&str) -> Option<&'static Code>,
}

impl Told<'_> {
    /// In this form; a comment of at most so many characters.
    pub fn render(&self, form: Form, most: usize) -> String {
        match form {
            Form::Markdown => markdown(self, most),
            Form::Github => annotations(self),
            Form::Gitlab => counts(self).to_string(),
            Form::CodeQuality => code_quality(self).to_string(),
            Form::Sarif => sarif(self).to_string(),
            Form::Junit => junit(self),
        }
    }

    /// The blueprint itself: where something stands that has no line.
    fn blueprint(&self) -> &str {
        match self.file.rsplit_once('#') {
            Some((file, digest)) if digest.len() == 8 && digest.chars().all(|c| c.is_ascii_hexdigit()) => file,
            _ => self.file,
        }
    }

    /// One line: what would change, and what that costs.
    pub fn headline(&self) -> String {
        if let Some(closing) = self.closing {
            return closing.lines().next().unwrap_or_default().to_owned();
        }
        let errors = self.found.count(Severity::Error);
        let Some(plan) = self.plan else {
            return match errors {
                0 => "valid".to_owned(),
                n => super::counted(n, "error"),
            };
        };
        let s = &plan.summary;
        let mut out = match plan.is_empty() {
            true => "no changes".to_owned(),
            false => {
                let counts = [(s.create, "to create"), (s.update, "to update"), (s.replace, "to replace")];
                let counts = counts.into_iter().chain([(s.delete, "to delete"), (s.adopt, "to adopt")]);
                let parts: Vec<String> =
                    counts.filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
                parts.join(", ")
            }
        };
        if let Some(money) = self.money.filter(|_| !plan.is_empty()) {
            let line = money.line();
            out.push_str(&format!("; {}", line.strip_prefix("Cost: ").unwrap_or(&line)));
        }
        if errors > 0 {
            out.push_str(&format!("; refused: {}", super::counted(errors, "reason")));
        }
        out
    }

    /// The plan as it stands in a terminal, every resource of it.
    fn plan_text(&self) -> Option<String> {
        let (header, plan) = (self.header?, self.plan?);
        let show = Show { full: true, cost: self.money, ..Show::PLAIN };
        Some(text(header, plan, &show))
    }
}

/// What a plan found, and nothing else.
#[cfg(test)]
fn told(found: &Diagnostics) -> Told<'_> {
    let code = |id: &str| crate::aws::CODES.iter().copied().find(|code| code.code == id);
    let (header, plan, money, closing, next) = (None, None, None, None, None);
    let (command, stack, file) = ("plan", "train", "stacks/my train.yaml");
    Told { command, stack, file, header, plan, money, found, closing, next, exit: 5, code }
}

/// A problem in one paragraph: what is wrong, and what to do.
fn words(found: &Diagnostic) -> String {
    let mut out = found.summary.clone();
    for more in found.detail.iter().chain(&found.help) {
        out.push('\n');
        out.push_str(more);
    }
    out
}

/// Is it a file that a CI system can show? A flag, a variable of the environment, what is built in and the standard input
/// are none.
fn is_in_checkout(name: &str) -> bool {
    let none = ["/", "../", "-", "(", "DLINFRA_VAR_"].iter().any(|start| name.starts_with(start));
    !none && !name.ends_with(')')
}

/// The file, line and column of a problem; files outside of the working folder have none that a CI system knows.
fn place(found: &Diagnostic) -> Option<(&str, usize, usize)> {
    let label = found.primary()?;
    let name = label.source.name.strip_prefix("./").unwrap_or(&label.source.name);
    let at = label.source.position(label.span.start);
    is_in_checkout(name).then_some((name, at.line, at.column))
}
