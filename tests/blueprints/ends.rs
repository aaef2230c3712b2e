//! How machines of the shipped modules end themselves: their script, run by bash with stand-ins for what it asks.
use jiff::{SignedDuration, Timestamp};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
    time::{Duration, SystemTime},
};

const MODULES: [&str; 2] = ["efa-cluster", "llm-on-ec2"];

fn boot(module: &str) -> String {
    fs::read_to_string(format!("{}/modules/{module}/boot.sh", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// The text between two others.
fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let rest = text.split_once(from).unwrap_or_else(|| panic!("no {from}")).1;
    rest.split_once(to).unwrap_or_else(|| panic!("no {to}")).0
}

/// What each program says comes from a file of the same folder; one that is missing is a program that fails.
const STAND_INS: [(&str, &str); 5] = [
    (
        "curl",
        "for word; do case $word in */api/token) exec cat $at/token ;; */dlinfra:*) exec cat $at/${word##*:} ;; esac; done; exit 1",
    ),
    ("systemctl", "case $1 in poweroff) touch $at/off ;; list-units) cat $at/units ;; esac"),
    ("nvidia-smi", "cat $at/gpus"),
    ("who", "cat $at/sessions"),
    ("pgrep", "cat $at/workers"),
];

/// A machine with a ttl that is far away, and two idle GPUs.
struct Machine(tempfile::TempDir);

impl Machine {
    fn new() -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        let bin = machine.0.path().join("bin");
        fs::create_dir(&bin).unwrap();
        for (name, script) in STAND_INS {
            let file = bin.join(name);
            fs::write(&file, format!("#!/bin/bash\nat={}\n{script}\n", machine.0.path().display())).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        }
        machine.says("token", "secret").says("gpus", "0\n4\n").says("units", "").says("sessions", "").ends_in(6 * 60)
    }

    fn says(self, what: &str, text: &str) -> Self {
        fs::write(self.0.path().join(what), text).unwrap();
        self
    }

    fn without(self, what: &str) -> Self {
        let _ = fs::remove_file(self.0.path().join(what));
        self
    }

    /// Minutes until the end that the tag says; over where it is less than 0.
    fn ends_in(self, minutes: i64) -> Self {
        let end = Timestamp::now() + SignedDuration::from_mins(minutes);
        self.says("expires", &end.to_string())
    }

    /// It may be idle for two hours, and has been since so many minutes; somebody looked a minute ago.
    fn idle_since(self, minutes: i64) -> Self {
        let since = (Timestamp::now() - SignedDuration::from_mins(minutes)).as_second();
        fs::create_dir_all(self.state()).unwrap();
        fs::write(self.state().join("idle"), format!("{since}\n")).unwrap();
        let seen = SystemTime::now() - Duration::from_mins(1);
        fs::File::options().append(true).open(self.state().join("idle")).unwrap().set_modified(seen).unwrap();
        self.says("idle", "5/120")
    }

    fn state(&self) -> std::path::PathBuf {
        self.0.path().join("root/run/dlinfra")
    }

    /// Is it on its way down after a look?
    fn is_off(&self, script: &str) -> bool {
        let path = format!("{}:{}", self.0.path().join("bin").display(), std::env::var("PATH").unwrap());
        let mut bash = Command::new("bash");
        bash.args(["-c", script]).env("PATH", path).env("DLINFRA_ROOT", self.0.path().join("root"));
        bash.output().unwrap();
        self.0.path().join("off").exists()
    }

    /// Does the time for which it may be idle go on, since when?
    fn counts_since(&self) -> Option<i64> {
        fs::read_to_string(self.state().join("idle")).ok()?.trim().parse().ok()
    }
}

fn script(module: &str) -> String {
    between(&boot(module), "cat >/usr/local/sbin/dlinfra-end <<'END'\n", "\nEND\n").to_owned()
}

#[test]
fn both_modules_end_their_machines_in_the_same_way() {
    let part = |module| {
        let timer = "systemctl enable --now dlinfra-end.timer\n";
        between(&boot(module), "# The machine ends itself half an hour after its stack", timer).to_owned()
    };
    assert_eq!(part(MODULES[0]), part(MODULES[1]));
    assert!(Path::new("/bin/bash").exists(), "the tests below need it");
}

#[test]
fn a_machine_ends_half_an_hour_after_its_stack() {
    let script = script(MODULES[0]);
    assert!(Machine::new().ends_in(-31).is_off(&script), "31 minutes after it");
    assert!(!Machine::new().ends_in(-10).is_off(&script), "10 minutes after it");
    assert!(!Machine::new().ends_in(-31).ends_in(60).is_off(&script), "extended");
    assert!(!Machine::new().without("expires").is_off(&script), "no tag");
    assert!(!Machine::new().says("expires", "").is_off(&script), "an empty tag is no time");
    assert!(!Machine::new().says("expires", "soon").is_off(&script), "neither is a word");
    assert!(!Machine::new().ends_in(-31).without("token").is_off(&script), "no token");
    assert!(!Machine::new().ends_in(-31).says("token", "").is_off(&script), "an empty token");
}

#[test]
fn a_machine_with_nothing_to_do_ends_after_its_time() {
    let script = script(MODULES[0]);
    let now = Timestamp::now().as_second();
    assert!(Machine::new().idle_since(121).is_off(&script));
    assert!(Machine::new().idle_since(121).without("expires").is_off(&script), "a stack without an end");
    let early = Machine::new().idle_since(119);
    assert!(!early.is_off(&script));
    assert!(early.counts_since().unwrap() < now - 118 * 60, "it goes on to count");
    let first = Machine::new().says("idle", "5/120");
    assert!(!first.is_off(&script) && first.counts_since().unwrap() >= now, "it begins to count");
    // While nobody looked, as in a machine that slept, it may have worked.
    let slept = Machine::new().idle_since(121);
    let mark = fs::File::options().append(true).open(slept.state().join("idle")).unwrap();
    mark.set_modified(SystemTime::now() - Duration::from_mins(10)).unwrap();
    assert!(!slept.is_off(&script) && slept.counts_since().unwrap() >= now, "it begins anew");
    let job = "dlinfra-01KBC3ZK3V8Q4M5N6P7R8S9T0V.service loaded active running a job\n";
    let timer = "dlinfra-end.service loaded activating start this\n";
    assert!(Machine::new().idle_since(121).says("units", timer).is_off(&script), "its own look is no job");
    let busy: [(&str, Machine); 9] = [
        ("a GPU at the threshold", Machine::new().says("gpus", "0\n5\n")),
        ("a GPU that says nothing", Machine::new().says("gpus", "0\n[N/A]\n")),
        ("no GPU", Machine::new().says("gpus", "")),
        ("no nvidia-smi", Machine::new().without("gpus")),
        ("somebody is logged in", Machine::new().says("sessions", "ubuntu pts/0 2026-01-01 10:00 (10.0.0.7)\n")),
        ("a command or a session of Systems Manager", Machine::new().says("workers", "4711\n")),
        ("a job of `dlinfra run`", Machine::new().says("units", &format!("{timer}{job}"))),
        ("no tag", Machine::new()),
        ("a tag of somebody else", Machine::new()),
    ];
    for (why, machine) in busy {
        let machine = machine.idle_since(121);
        let machine = match why {
            "no tag" => machine.without("idle"),
            "a tag of somebody else" => machine.says("idle", "never"),
            _ => machine,
        };
        assert!(!machine.is_off(&script), "{why}");
        assert_eq!(machine.counts_since(), None, "{why}: it begins anew afterwards");
    }
    let kept = Machine::new().idle_since(121);
    fs::write(kept.state().join("keep"), "").unwrap();
    assert!(!kept.is_off(&script) && kept.counts_since().is_none(), "the file that keeps it");
}
