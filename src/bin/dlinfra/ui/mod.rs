//! The only writer to the terminal: data to stdout, talk to stderr, colour where it is wanted, prompts.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is the one place that prints")]
mod clean;
mod progress;

pub(crate) use progress::Progress;

use dlinfra::{
    diagnostic::{Diagnostics, render_within},
    report::{ci::Form, screen::Screen},
};
use std::{
    io::{BufRead, IsTerminal, Write},
    os::fd::AsFd,
    sync::OnceLock,
};

/// Colour on the command line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR says no or CLICOLOR_FORCE says yes.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How to show things.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ui {
    /// One JSON document (or lines) instead of text.
    pub json: bool,
    /// Colour in talk.
    pub color: bool,
    /// A person sits before stderr.
    pub terminal: bool,
    /// Where data is read.
    pub screen: Screen,
    /// Columns for talk.
    width: usize,
    /// Columns for sentences: those of a window that somebody looks at or states. A log takes whole lines.
    prose: usize,
    /// A person sees stdout.
    seen: bool,
    /// The form of the result on stdout; what is data otherwise is talk then.
    pub form: Option<Form>,
    /// What is data otherwise is talk: the data of the command that shows it are others.
    pub aside: bool,
}

/// Why data did not reach stdout, the first time that it did not.
static LOSS: OnceLock<String> = OnceLock::new();

/// Remembers that data was lost. A closed pipe (`| head`) is no loss: whoever closed it wanted no more.
pub(crate) fn note_loss(written: std::io::Result<()>) {
    if let Err(e) = written.and_then(|()| std::io::stdout().flush())
        && e.kind() != std::io::ErrorKind::BrokenPipe
    {
        LOSS.get_or_init(|| e.to_string());
    }
}

/// Why data did not reach stdout, if any was lost.
pub(crate) fn loss() -> Option<&'static str> {
    LOSS.get().map(String::as_str)
}

/// Narrower than this is not a width that anybody works in.
const NARROWEST: usize = 40;

impl Ui {
    /// For a command whose words another one says: it shows nothing by the way.
    pub(crate) fn silent(self) -> Self {
        Self { json: true, ..self }
    }

    /// Looks at the terminal and at COLUMNS, NO_COLOR, CLICOLOR_FORCE and TERM.
    pub(crate) fn new(json: bool, form: Option<Form>, color: Color) -> Self {
        let (seen, terminal) = (std::io::stdout().is_terminal(), std::io::stderr().is_terminal());
        let stated = var("COLUMNS").and_then(|c| c.parse().ok()).filter(|c| *c > 0);
        let width = |size: std::io::Result<rustix::termios::Winsize>| -> usize {
            let own = || size.ok().map(|s| usize::from(s.ws_col)).filter(|c| *c > 0);
            stated.or_else(own).unwrap_or(Screen::PLAIN.width).max(NARROWEST)
        };
        let out = Screen {
            width: width(rustix::termios::tcgetwinsize(std::io::stdout().as_fd()).map_err(Into::into)),
            color: colored(color, seen, &var) && !json,
        };
        let talk = width(rustix::termios::tcgetwinsize(std::io::stderr().as_fd()).map_err(Into::into));
        let prose = if terminal || stated.is_some() { talk } else { usize::MAX };
        Self {
            json,
            color: colored(color, terminal, &var),
            terminal,
            screen: out,
            width: talk,
            prose,
            seen,
            form,
            aside: false,
        }
    }

    /// Data, or talk where the result has a form of its own.
    pub(crate) fn data(&self, text: &str) {
        match self.form.is_some() || self.aside {
            true => self.say(text),
            false => self.result(text),
        }
    }

    /// Data, whatever form it has.
    pub(crate) fn result(&self, text: &str) {
        let text = clean::clean(text, self.screen.color);
        let mut out = std::io::stdout().lock();
        let end: &[u8] = if text.ends_with('\n') { b"" } else { b"\n" };
        let written = out.write_all(text.as_bytes()).and_then(|()| out.write_all(end));
        drop(out);
        note_loss(written);
    }

    /// Talk.
    pub(crate) fn say(&self, text: &str) {
        let text = match self.form {
            // A line of a log must not be taken for a command of GitHub's.
            Some(Form::Github) => &harmless_lines(text),
            _ => text,
        };
        let text = clean::clean(text.trim_end_matches('\n'), self.color);
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    }

    /// Data that somebody is asked about next: who does not see stdout reads it as talk, too.
    pub(crate) fn propose(&self, text: &str, asks: bool) {
        self.data(text);
        if asks && !self.seen {
            self.say(text);
        }
    }

    /// As it may be written to a file.
    pub(crate) fn harmless(text: &str) -> std::borrow::Cow<'_, str> {
        clean::clean(text, false)
    }

    /// Problems, warnings and notes.
    pub(crate) fn diagnostics(&self, found: &Diagnostics) {
        if !found.is_empty() {
            self.say(&render_within(found, self.color, self.width, self.prose));
        }
    }

    /// Asks on the terminal; `None` when nobody can answer.
    pub(crate) fn ask(&self, question: &str) -> Option<String> {
        if !self.terminal || !std::io::stdin().is_terminal() {
            return None;
        }
        let mut err = std::io::stderr().lock();
        let _ = write!(err, "{} ", clean::clean(question, self.color));
        let _ = err.flush();
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).ok()?;
        Some(line.trim().to_owned())
    }
}

/// The same lines, of which none begins as a command of GitHub Actions does.
fn harmless_lines(text: &str) -> String {
    let command = |line: &str| ["::", "##["].iter().any(|start| line.trim_start().starts_with(start));
    let line = |line: &str| if command(line) { format!("| {line}") } else { line.to_owned() };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn var(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The flag goes before NO_COLOR, which goes before CLICOLOR_FORCE, which goes before what is seen.
fn colored(color: Color, seen: bool, var: &dyn Fn(&str) -> Option<String>) -> bool {
    let forced = var("CLICOLOR_FORCE").is_some_and(|v| v != "0");
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto if var("NO_COLOR").is_some() => false,
        Color::Auto => forced || seen && var("TERM").is_none_or(|t| t != "dumb"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_decides_about_colour() {
        let with = |color, seen, set: &'static [(&str, &str)]| {
            colored(color, seen, &|name| set.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
        };
        assert!(with(Color::Auto, true, &[]));
        assert!(!with(Color::Auto, false, &[]));
        assert!(!with(Color::Auto, true, &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")]));
        assert!(!with(Color::Auto, true, &[("TERM", "dumb")]));
        assert!(with(Color::Auto, false, &[("CLICOLOR_FORCE", "1"), ("TERM", "dumb")]));
        assert!(!with(Color::Auto, false, &[("CLICOLOR_FORCE", "0")]));
        assert!(with(Color::Always, false, &[("NO_COLOR", "1")]));
        assert!(!with(Color::Never, true, &[("CLICOLOR_FORCE", "1")]));
    }
}
