//! The real binary in a folder of its own, and what it said.
#![allow(dead_code, reason = "each program that uses this file uses a part of it")]
use serde_json::Value;
use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

/// A folder to work in. Nothing of the machine's own settings reaches the programs that run in it.
pub(crate) struct Desk {
    folder: tempfile::TempDir,
    env: Vec<(String, String)>,
}

/// What a program said, and how it ended.
pub(crate) struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// The arguments of a command: a list, or one line with a space between them.
pub(crate) trait Words {
    fn words(&self) -> Vec<&str>;
}

impl Words for str {
    fn words(&self) -> Vec<&str> {
        self.split(' ').collect()
    }
}

impl Words for String {
    fn words(&self) -> Vec<&str> {
        self.as_str().words()
    }
}

impl Words for [&str] {
    fn words(&self) -> Vec<&str> {
        self.to_vec()
    }
}

impl<const N: usize> Words for [&str; N] {
    fn words(&self) -> Vec<&str> {
        self.to_vec()
    }
}

impl Words for Vec<&str> {
    fn words(&self) -> Vec<&str> {
        self.clone()
    }
}

impl Said {
    /// The command ended so; its whole words stand in the failure.
    #[track_caller]
    pub(crate) fn code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    #[track_caller]
    pub(crate) fn says(self, words: &[&str]) -> Self {
        let all = format!("{}{}", self.out, self.err);
        for word in words {
            assert!(all.contains(word), "{word:?} is missing in:\n{all}");
        }
        self
    }

    #[track_caller]
    pub(crate) fn never_says(self, word: &str) -> Self {
        assert!(!self.out.contains(word) && !self.err.contains(word), "{word:?} stands in:\n{}{}", self.out, self.err);
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {}{}", self.out, self.err))
    }

    /// The diagnostic with this code, exit 1, no panic.
    #[track_caller]
    pub(crate) fn refuses(self, code: &str) -> Self {
        let said = self.code(1).says(&[&format!("error[{code}]")]);
        assert!(!said.err.contains("has a fault"), "{}", said.err);
        said
    }
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), env: Vec::new() }
    }

    /// Every program here has this in its environment.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> &Self {
        fs::write(self.path().join(name), text).unwrap();
        self
    }

    pub(crate) fn program(&self, program: &str, words: &(impl Words + ?Sized)) -> Command {
        let mut command = Command::new(program);
        command.args(words.words()).current_dir(self.path()).stdin(Stdio::null());
        let ours = |name: &str| ["AWS_", "DLINFRA_", "GIT_"].iter().any(|p| name.starts_with(p));
        for (name, _) in std::env::vars().filter(|(name, _)| ours(name)) {
            command.env_remove(name);
        }
        command.env_remove("XDG_CACHE_HOME").env("HOME", self.path()).env("NO_COLOR", "1");
        command.env("AWS_EC2_METADATA_DISABLED", "true").envs(self.env.iter().map(|(n, v)| (n, v)));
        command
    }

    pub(crate) fn command(&self, words: &(impl Words + ?Sized)) -> Command {
        self.program(env!("CARGO_BIN_EXE_dlinfra"), words)
    }

    pub(crate) fn run(&self, words: &(impl Words + ?Sized)) -> Said {
        finish(self.command(words))
    }
}

/// Waits for the end.
pub(crate) fn finish(mut command: Command) -> Said {
    let out = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said { code: out.status.code().unwrap_or(-1), out: text(&out.stdout), err: text(&out.stderr) }
}
