//! A fault of dlinfra itself: said in plain words, then the process ends at once, as if it had been killed.
//!
//! Nothing that a faulty program goes on doing is worth more than what the journal holds already: every command after a
//! death continues from there. So the release profile has no unwinding either, which makes the program a quarter smaller.
use super::Exit;
use crate::ui::{Color, Ui};
use std::{
    backtrace::{Backtrace, BacktraceStatus},
    panic::PanicHookInfo,
};

/// From now on a panic of any thread or task ends the process.
pub(super) fn watch() {
    std::panic::set_hook(Box::new(|info| {
        Ui::new(false, None, Color::Auto).say(&words(info));
        std::process::exit(i32::from(Exit::Error.code()));
    }));
}

fn words(info: &PanicHookInfo<'_>) -> String {
    let what = info.payload_as_str().unwrap_or("no more is known");
    let place = info.location().map(|l| format!(" ({}:{}:{})", l.file(), l.line(), l.column())).unwrap_or_default();
    // Only when RUST_BACKTRACE asks for it.
    let trace = match Backtrace::capture() {
        trace if trace.status() == BacktraceStatus::Captured => format!("{trace}\n"),
        _ => String::new(),
    };
    format!(
        "{trace}error: dlinfra has a fault: {what}{place}\n \
         = note: it stopped at once; the journal holds what was begun, and its lock ends by itself\n \
         = help: run the same command again: it continues; and please report this with the command and the blueprint\n"
    )
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_fault_ends_the_process_and_says_what_to_do() {
        // The same test again, in a process of its own that shall end.
        if std::env::var_os("DLINFRA_TEST_FAULT").is_some() {
            super::watch();
            let _ = std::thread::spawn(|| panic!("two is three")).join();
            unreachable!("the process has ended");
        }
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture", "cli::fault::tests::a_fault_ends_the_process_and_says_what_to_do"])
            .env("DLINFRA_TEST_FAULT", "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&child.stderr);
        assert_eq!(child.status.code(), Some(1), "{said}");
        assert!(said.contains("dlinfra has a fault: two is three (src/bin/dlinfra/cli/fault.rs:"), "{said}");
        assert!(said.contains("= help: run the same command again"), "{said}");
    }
}
