//! The folders of machines: what a machine has before anything runs on it, and where what runs leaves something.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::processes::PATH;
use crate::scratch::{Scratch, private};

/// Stand-ins for programs of a machine, and what they and the sandbox need themselves.
const PROGRAMS: [(&str, &str); 3] = [
    ("systemd-run", include_str!("systemd-run.sh")),
    ("systemctl", include_str!("systemctl.sh")),
    ("cloud-init", include_str!("cloud-init.sh")),
];
const HELPERS: [(&str, &str); 3] =
    [("watch", include_str!("watch.sh")), ("unit", include_str!("unit.sh")), ("end", include_str!("end.sh"))];

/// Where machines and the programs of all of them are.
#[derive(Debug)]
pub(super) struct Machines {
    scratch: Scratch,
    made: AtomicU64,
}

impl Machines {
    pub(super) fn new() -> io::Result<Self> {
        let scratch = Scratch::new("machines")?;
        for (folder, files) in [("bin", PROGRAMS), ("lib", HELPERS)] {
            let folder = scratch.path().join(folder);
            private(&folder)?;
            for (name, text) in files {
                write(&folder.join(name), text, 0o755)?;
            }
        }
        Ok(Self { scratch, made: AtomicU64::new(0) })
    }

    /// A new folder for a machine, which may have had one before that is being removed.
    pub(super) fn machine(&self, instance: &str) -> io::Result<Folder> {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let path = self.scratch.path().join(format!("{instance}-{number}"));
        private(&path)?;
        for name in ["root", "tmp", "run/units", "run/commands", "run/cloud-init", "var/log/journal", "etc"] {
            fs::create_dir_all(path.join(name))?;
        }
        for name in ["var/lib/cloud/data", "var/lib/cloud/instance/scripts", "var/lib/amazon/ssm"] {
            fs::create_dir_all(path.join(name))?;
        }
        // The files themselves were written before anything ran: one that is open for writing cannot be started.
        private(&path.join("bin"))?;
        for (name, _) in PROGRAMS {
            symlink(self.scratch.path().join("bin").join(name), path.join("bin").join(name))?;
        }
        symlink(self.scratch.path().join("lib"), path.join("run/lib"))?;
        fs::write(path.join("run/owner"), format!("{}\n", std::process::id()))?;
        fs::write(path.join("var/lib/cloud/data/instance-id"), format!("{instance}\n"))?;
        let folder = Folder { path, instance: instance.to_owned() };
        folder.cloud_init("done")?;
        Ok(folder)
    }
}

/// The folder of one machine.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    instance: String,
}

/// Where a command has its script and what it prints.
pub(super) struct Place {
    path: PathBuf,
    pub(super) script: PathBuf,
}

impl Folder {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where a command runs: in its folder on the machine, in one of this machine, or in the machine's own.
    pub(super) fn directory(&self, wanted: Option<&str>) -> PathBuf {
        let Some(wanted) = wanted.filter(|wanted| !wanted.is_empty()) else { return self.path.clone() };
        let there = self.path.join(wanted.trim_start_matches('/'));
        if there.is_dir() { there } else { PathBuf::from(wanted) }
    }

    /// Writes the script of a command where the agent writes it.
    pub(super) fn orchestration(&self, command: &str, script: &str) -> io::Result<Place> {
        let path = self.path.join("var/lib/amazon/ssm").join(&self.instance).join("document/orchestration");
        let path = path.join(command).join("awsrunShellScript/0.awsrunShellScript");
        fs::create_dir_all(&path)?;
        let script_file = path.join("_script.sh");
        write(&script_file, script, 0o700)?;
        Ok(Place { path, script: script_file })
    }

    /// Writes user data where cloud-init writes them; gives the script and the log.
    pub(super) fn user_data(&self, script: &str) -> io::Result<(PathBuf, File)> {
        let file = self.path.join("var/lib/cloud/instance/scripts/part-001");
        write(&file, script, 0o700)?;
        Ok((file, File::create(self.path.join("var/log/cloud-init-output.log"))?))
    }

    /// What the stand-in for cloud-init says.
    pub(super) fn cloud_init(&self, status: &str) -> io::Result<()> {
        let file = self.path.join("run/cloud-init/status");
        let new = file.with_extension("new");
        fs::write(&new, format!("{status}\n"))?;
        fs::rename(new, file)
    }

    /// Runs one of the helpers, with the folder as its first argument.
    pub(super) fn helper(&self, name: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.arg(self.path.join("run/lib").join(name)).arg(&self.path).env_clear().env("PATH", PATH);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Ends everything that runs there and removes the folder.
    pub(super) fn end(&self, patience: Duration) {
        let _ = self.helper("end").arg(patience.as_secs().to_string()).status();
        // What ends may still write something.
        for _ in 0..50 {
            match fs::remove_dir_all(&self.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => std::thread::sleep(Duration::from_millis(20)),
                _ => return,
            }
        }
    }
}

impl Place {
    pub(super) fn create(&self, name: &str) -> io::Result<File> {
        File::create(self.path.join(name))
    }

    /// The beginning of what was printed.
    pub(super) fn read(&self, name: &str, most: u64) -> io::Result<String> {
        let mut bytes = Vec::new();
        File::open(self.path.join(name))?.take(most).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

fn write(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(path)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_has_its_stand_ins_and_goes_with_them() {
        let machines = Machines::new().unwrap();
        let machine = machines.machine("i-1").unwrap();
        for (name, _) in PROGRAMS {
            let program = machine.path().join("bin").join(name);
            assert!(Command::new("/bin/sh").arg("-n").arg(&program).status().unwrap().success(), "{name}");
        }
        for (name, _) in HELPERS {
            assert!(machine.path().join("run/lib").join(name).is_file(), "{name}");
        }
        let id = fs::read_to_string(machine.path().join("var/lib/cloud/data/instance-id")).unwrap();
        assert_eq!(id, "i-1\n");
        let there = machine.path().join("work");
        fs::create_dir(&there).unwrap();
        assert_eq!(machine.directory(Some("/work")), there);
        assert_eq!(machine.directory(Some("/elsewhere")), Path::new("/elsewhere"));
        assert_eq!(machine.directory(None), machine.path());
        machine.end(Duration::ZERO);
        assert!(!machine.path().exists());
        let of_all = machines.scratch.path().to_owned();
        drop(machines);
        assert!(!of_all.exists());
    }
}
