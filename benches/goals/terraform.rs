//! Terraform's side of the goals, with its built-in resource, so that no provider and no network take part.
use crate::{
    dag::{self, Shape},
    process::{self, Cost},
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// An installed Terraform.
pub(crate) struct Terraform {
    pub(crate) version: String,
}

impl Terraform {
    /// The one on the PATH.
    pub(crate) fn find() -> Option<Self> {
        let out = Command::new("terraform").arg("version").env("CHECKPOINT_DISABLE", "1").output().ok()?;
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        let version = text.lines().next()?.strip_prefix("Terraform v")?.to_owned();
        Some(Self { version })
    }

    fn command(folder: &Path, words: &[&str]) -> Command {
        let mut command = Command::new("terraform");
        command.args(words).current_dir(folder).env("CHECKPOINT_DISABLE", "1").env("TF_IN_AUTOMATION", "1");
        command
    }

    /// CPU seconds of `terraform version`.
    pub(crate) fn start(&self, folder: &Path) -> f64 {
        process::short(5, 10, || Self::command(folder, &["version"]))
    }

    pub(crate) fn validate(&self, folder: &Path, runs: usize, count: usize) -> Cost {
        let place = self.prepare(folder, count, false);
        process::median(runs, || Self::command(&place, &["validate", "-no-color"]))
    }

    /// A plan without changes.
    pub(crate) fn plan(&self, folder: &Path, runs: usize, count: usize) -> Cost {
        let place = self.prepare(folder, count, true);
        process::median(runs, || {
            Self::command(&place, &["plan", "-input=false", "-no-color", "-lock=false", "-detailed-exitcode"])
        })
    }

    pub(crate) fn apply(&self, folder: &Path, runs: usize, count: usize) -> Cost {
        let place = self.prepare(folder, count, false);
        process::median(runs, || {
            for state in ["terraform.tfstate", "terraform.tfstate.backup"] {
                let _ = fs::remove_file(place.join(state));
            }
            Self::command(&place, &["apply", "-input=false", "-no-color", "-auto-approve"])
        })
    }

    fn prepare(&self, folder: &Path, count: usize, state: bool) -> PathBuf {
        let place = folder.join(format!("terraform-{count}-{state}"));
        fs::create_dir_all(&place).unwrap();
        fs::write(place.join("main.tf"), dag::configuration(Shape::Dag, count)).unwrap();
        if state {
            fs::write(place.join("terraform.tfstate"), dag::state(Shape::Dag, count)).unwrap();
        }
        let init = Self::command(&place, &["init", "-input=false", "-no-color"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        assert!(init.unwrap().success(), "terraform init");
        place
    }
}
