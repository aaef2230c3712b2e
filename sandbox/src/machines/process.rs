//! A process on a machine: a group of its own, which ends as one.

use std::fs;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Command as Helper, Stdio};
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::sync::watch;

use super::folder::Folder;
use crate::processes::{PATH, started};

/// How a process ended.
pub(super) enum Ended {
    Code(i32),
    TimedOut,
    /// With its machine.
    Gone,
}

/// A process that runs. Dropped before its end, it is ended with all that it has started in its group.
pub(super) struct Process {
    child: Child,
    /// The number of its group; nothing once it has ended.
    group: Option<u32>,
    /// Where a machine that shuts down finds the group.
    note: PathBuf,
}

impl Process {
    pub(super) async fn start(command: &mut Command, folder: &Folder) -> io::Result<Self> {
        let child = started(command).await?;
        let group = child.id();
        let id = group.unwrap_or_default().to_string();
        let note = folder.path().join("run/commands").join(&id);
        let process = Self { child, group, note };
        fs::write(&process.note, format!("{id}\n"))?;
        // Should this process be killed, somebody else must end what it has started.
        let mut watch = folder.helper("watch");
        watch.arg(&id).process_group(0);
        drop(Command::from(watch).spawn()?);
        Ok(process)
    }

    pub(super) async fn wait(mut self, budget: Duration, mut gone: watch::Receiver<bool>) -> io::Result<Ended> {
        let ended = tokio::select! {
            status = self.child.wait() => {
                let status = status?;
                // A shell says it the same way.
                let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
                Ended::Code(code)
            }
            () = tokio::time::sleep(budget) => Ended::TimedOut,
            // An error is a machine that is not there any more either.
            _ = gone.wait_for(|gone| *gone) => Ended::Gone,
        };
        // Of a machine that shuts down, nobody hears how it went.
        let ended = if *gone.borrow() { Ended::Gone } else { ended };
        match ended {
            // What it has left in the background goes on, as on a machine.
            Ended::Code(_) => self.group = None,
            // The machine is shutting down, and lets its processes end.
            Ended::Gone => {
                self.group = None;
                let _ = self.child.wait().await;
            }
            Ended::TimedOut => {}
        }
        let _ = fs::remove_file(&self.note);
        Ok(ended)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let Some(group) = self.group else { return };
        let mut kill = Helper::new("/bin/sh");
        kill.args(["-c", "kill -s KILL -- \"-$1\"", "sh", &group.to_string()]).env_clear().env("PATH", PATH);
        let _ = kill.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        let _ = fs::remove_file(&self.note);
    }
}
