//! What a command found and did, in the forms that CI systems show: to stdout, into files, and to GitHub's own files.
use super::{Result, Stop, arguments::Source, stack::Which};
use crate::cli::codes;
use crate::ui::Ui;
use dlinfra::{
    diagnostic::{Code, Diagnostic, Diagnostics},
    engine::Outcome,
    plan::Plan,
    report::{
        ci::{Form, Told, annotations, markdown, outputs},
        cost::PlanFigures,
        plan::Header,
    },
};
use std::{
    fs::OpenOptions,
    io::Write as _,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
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
    /// A command that another one runs tells nobody but that one.
    #[arg(skip)]
    within: bool,
    #[arg(skip)]
    heard: Arc<Mutex<Heard>>,
}

/// What the parts of a command found and did, for it to tell at its end.
#[derive(Default)]
struct Heard {
    found: Diagnostics,
    words: Vec<String>,
    plan: Option<(Header, Plan, PlanFigures)>,
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
        self.within || ui.form.is_some() || !self.reports.is_empty()
    }

    /// For a command that this one runs.
    pub(super) fn inner(&self) -> Self {
        Self { within: true, heard: self.heard.clone(), ..Self::default() }
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what was found, for the end.
    pub(super) fn hear(&self, found: &Diagnostics) {
        self.heard().found.extend(found.clone());
    }

    /// Keeps words about the whole, for the end.
    pub(super) fn hear_words(&self, words: String) {
        self.heard().words.push(words);
    }

    /// Tells what was heard.
    pub(super) fn tell_heard(
        &self,
        ui: Ui,
        command: &str,
        (stack, file): (&str, &str),
        exit: u8,
    ) -> std::result::Result<(), Stop> {
        if !self.wanted(ui) {
            return Ok(());
        }
        let heard = self.heard();
        let words = heard.words.join("; ");
        let (header, plan, money) = match &heard.plan {
            Some((header, plan, money)) => (Some(header), Some(plan), Some(money)),
            None => (None, None, None),
        };
        let stack = header.map_or(stack, |header| header.stack.as_str());
        let closing = Some(words.as_str()).filter(|words| !words.is_empty());
        let mut found = heard.found.clone();
        found.sort();
        self.tell(ui, &Told { header, plan, money, closing, ..told(command, (stack, file), &found, exit) })
    }

    /// Tells it in every form that is wanted.
    pub(super) fn tell(&self, ui: Ui, told: &Told<'_>) -> std::result::Result<(), Stop> {
        if self.within {
            let mut heard = self.heard();
            heard.found.extend(told.found.clone());
            heard.words.push(told.headline());
            if let (None, Some(header), Some(plan), Some(money)) = (&heard.plan, told.header, told.plan, told.money) {
                heard.plan = Some((header.clone(), plan.clone(), money.clone()));
            }
            return Ok(());
        }
        TOLD.store(true, Ordering::SeqCst);
        if let Some(form) = ui.form {
            ui.result(&told.render(form, self.max_chars));
        }
        for (form, file) in &self.reports {
            write(file, &told.render(*form, self.max_chars), false)?;
        }
        let github = ui.form == Some(Form::Github) || self.reports.iter().any(|(form, _)| *form == Form::Github);
        if github { beside(told, &markdown(told, SUMMARY)) } else { Ok(()) }
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

/// GitHub's form of a result that has a page of its own, which becomes the summary of the step.
pub(super) fn github(ui: Ui, told: &Told<'_>, page: &str) -> std::result::Result<(), Stop> {
    TOLD.store(true, Ordering::SeqCst);
    ui.result(&annotations(told));
    let page = if page.chars().count() > SUMMARY { "The report is too long for a summary.\n" } else { page };
    beside(told, page)
}

/// What goes into GitHub's own files.
fn beside(told: &Told<'_>, summary: &str) -> std::result::Result<(), Stop> {
    if let Some(file) = named("GITHUB_STEP_SUMMARY") {
        write(&file, &format!("{summary}\n"), true)?;
    }
    if let Some(file) = named("GITHUB_OUTPUT") {
        // One line each: a line break would end the value.
        let lines = outputs(told).into_iter().map(|(name, value)| format!("{name}={}\n", value.replace('\n', " ")));
        write(&file, &lines.collect::<String>(), true)?;
    }
    Ok(())
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

/// The same of a command that works with a name alone.
pub(super) fn stack_or_file(which: &Which) -> String {
    which.stack.clone().unwrap_or_else(|| file(&which.source))
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
