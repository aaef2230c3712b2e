//! The only writer to the terminal: data to stdout, talk to stderr, colour where it is wanted, prompts.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is the one place that prints")]
mod progress;

pub use progress::Progress;

use crate::diagnostic::{Diagnostics, render};
use std::{
    io::{BufRead, IsTerminal, Write},
    sync::OnceLock,
};

/// How to show things.
#[derive(Debug, Clone, Copy)]
pub struct Ui {
    /// One JSON document (or lines) instead of text.
    pub json: bool,
    /// Colour in text.
    pub color: bool,
    /// A person sits before stderr.
    pub terminal: bool,
    /// Columns.
    pub width: usize,
}

/// Why data did not reach stdout, the first time that it did not.
static LOSS: OnceLock<String> = OnceLock::new();

/// Remembers that data was lost. A closed pipe (`| head`) is no loss: whoever closed it wanted no more.
pub fn note_loss(written: std::io::Result<()>) {
    if let Err(e) = written.and_then(|()| std::io::stdout().flush())
        && e.kind() != std::io::ErrorKind::BrokenPipe
    {
        LOSS.get_or_init(|| e.to_string());
    }
}

/// Why data did not reach stdout, if any was lost.
pub fn loss() -> Option<&'static str> {
    LOSS.get().map(String::as_str)
}

impl Ui {
    /// Looks at the terminal and at NO_COLOR.
    pub fn new(json: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let plain = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty())
            || std::env::var_os("TERM").is_some_and(|t| t == "dumb");
        let width = std::env::var("COLUMNS").ok().and_then(|c| c.parse().ok()).unwrap_or(110);
        Self { json, color: terminal && !plain, terminal, width }
    }

    /// Data.
    pub fn data(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        let end: &[u8] = if text.ends_with('\n') { b"" } else { b"\n" };
        let written = out.write_all(text.as_bytes()).and_then(|()| out.write_all(end));
        drop(out);
        note_loss(written);
    }

    /// Talk.
    pub fn say(&self, text: &str) {
        let mut err = anstream::stderr().lock();
        let _ = writeln!(err, "{}", text.trim_end_matches('\n'));
    }

    /// Problems, warnings and notes.
    pub fn diagnostics(&self, found: &Diagnostics) {
        if !found.is_empty() {
            self.say(&render(found, self.color, self.width));
        }
    }

    /// Asks on the terminal; `None` when nobody can answer.
    pub fn ask(&self, question: &str) -> Option<String> {
        if !self.terminal || !std::io::stdin().is_terminal() {
            return None;
        }
        let mut err = std::io::stderr().lock();
        let _ = write!(err, "{question} ");
        let _ = err.flush();
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).ok()?;
        Some(line.trim().to_owned())
    }
}
