//! What a command found and did, in the forms that CI systems show: to stdout, into files, and to GitHub's own files.
use super::{Result, Stop, arguments::Source};
use crate::cli::codes;
use crate::ui::Ui;
use dlinfra::{
    diagnostic::{Code, Diagnostic, Diagnostics},
    engine::Outcome,
    report::ci::{Form, Told, markdown, outputs},
};
use std::{
    fs::OpenOptions,
    io::Write as _,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

/// Flags of commands whose result CI systems show.
#[derive(clap::Args, Clone, Default)]
pub(super) struct Forms {
    /// Write the result into a file as well: `sarif=found.sarif`. Forms: markdown, github, gitlab, codequality, sarif, junit.
    #[arg(long = "report", value_name = "FORM=FILE", value_parser = pair)]
    reports: Vec<(Form, PathBuf)>,
    /// The most characters of a comment (`markdown`); GitHub takes 65536.
    #[arg(long, value_name = "N", default_value = "65536", hide_default_value = true)]
    max_chars: usize,
}

fn pair(text: &str) -> std::result::Result<(Form, PathBuf), String> {
    let (form, file) = text.split_once('=').ok_or("write FORM=FILE, such as `sarif=found.sarif`")?;
    match file.is_empty() {
        true => Err("write a file behind the `=`".to_owned()),
        false => Ok((form.parse()?, file.into())),
    }
}

/// GitHub takes so much of a step's summary, in bytes (https://docs.github.com/actions); a character has 4 at most.
const SUMMARY: usize = (1 << 20) / 4;

/// The code that a problem has.
fn code(id: &str) -> Option<&'static Code> {
    dlinfra::explain::codes().chain(codes::CODES.iter().copied()).find(|code| code.code == id)
}

impl Forms {
    /// Can every file be written? Asked before anything is done.
    pub(super) fn check(&self) -> std::result::Result<(), Stop> {
        self.reports.iter().try_for_each(|(_, file)| write(file, "", false))
    }

    /// Does anybody want a form?
    pub(super) fn wanted(&self, ui: Ui) -> bool {
        ui.form.is_some() || !self.reports.is_empty()
    }

    /// Tells it in every form that is wanted.
    pub(super) fn tell(&self, ui: Ui, told: &Told<'_>) -> std::result::Result<(), Stop> {
        TOLD.store(true, Ordering::SeqCst);
        if let Some(form) = ui.form {
            ui.result(&told.render(form, self.max_chars));
        }
        for (form, file) in &self.reports {
            write(file, &told.render(*form, self.max_chars), false)?;
        }
        let github = ui.form == Some(Form::Github) || self.reports.iter().any(|(form, _)| *form == Form::Github);
        if github {
            if let Some(file) = named("GITHUB_STEP_SUMMARY") {
                write(&file, &format!("{}\n", markdown(told, SUMMARY)), true)?;
            }
            if let Some(file) = named("GITHUB_OUTPUT") {
                // One line each: a line break would end the value.
                let lines =
                    outputs(told).into_iter().map(|(name, value)| format!("{name}={}\n", value.replace('\n', " ")));
                write(&file, &lines.collect::<String>(), true)?;
            }
        }
        Ok(())
    }

    /// The result of a command, told where it ended early.
    pub(super) fn around(&self, command: &str, file: &str, ui: Ui, result: Result) -> Result {
        let Err(mut stop) = result else { return result };
        if self.wanted(ui) && !TOLD.load(Ordering::SeqCst) {
            let told = told(command, ("", file), &stop.diagnostics, stop.exit.code());
            if let Err(also) = self.tell(ui, &told) {
                stop.diagnostics.extend(also.diagnostics);
            }
        }
        Err(stop)
    }
}

/// What there is to tell of a stack and its file, without a plan.
pub(super) fn told<'a>(
    command: &'a str,
    (stack, file): (&'a str, &'a str),
    found: &'a Diagnostics,
    exit: u8,
) -> Told<'a> {
    let (header, plan, money, closing, next) = (None, None, None, None, None);
    Told { command, stack, file, header, plan, money, found, closing, next, exit, code }
}

/// What an execution did not bring about, as problems.
pub(super) fn undone(outcome: &Outcome) -> Diagnostics {
    let failed = outcome.failed.iter().map(|(address, e)| e.diagnostic().at_address(address.as_str()));
    let pending = outcome
        .pending
        .iter()
        .map(|(address, why)| Diagnostic::warning(&codes::PENDING, why.clone()).at_address(address.as_str()));
    failed.chain(pending).chain(outcome.trouble.clone()).collect()
}

/// Has the result been told? It is told once.
static TOLD: AtomicBool = AtomicBool::new(false);

/// Which stack a command line is about, without reading anything: the file, and with variables a digest of them, since one
/// blueprint may stand for several stacks.
pub(super) fn file(source: &Source) -> String {
    let file = source.file.as_deref().unwrap_or(Path::new("dlinfra.yaml")).display().to_string();
    let file = file.strip_prefix("./").unwrap_or(&file).to_owned();
    if source.vars.is_empty() && source.var_files.is_empty() {
        return file;
    }
    let files = source.var_files.iter().map(|path| path.display().to_string());
    let all: Vec<String> = source.vars.iter().cloned().chain(files).collect();
    let digest = dlinfra::spec::sha256(all.join("\n").as_bytes());
    format!("{file}#{}", digest.get(..8).unwrap_or_default())
}

/// The file that a variable of the environment names.
fn named(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from)
}

fn write(file: &Path, text: &str, append: bool) -> std::result::Result<(), Stop> {
    let opened = OpenOptions::new().create(true).write(true).append(append).truncate(!append).open(file);
    let text = Ui::harmless(text);
    opened.and_then(|mut out| out.write_all(text.as_bytes())).map_err(|e| {
        Diagnostic::error(&codes::OUTPUT_NOT_WRITTEN, format!("{} cannot be written: {e}", file.display()))
            .with_help("name a file in a folder that exists and may be written")
            .into()
    })
}
