//! Saved plans: the resolved inputs of a plan, and the steps that came of them, in one file.
//!
//! Nothing in the file is executed. Applying it runs the normal pipeline on its inputs over a fresh look at AWS, and goes
//! on only if the very same steps come out: a change of the steps in the file, or of the account since, is a refusal.
//!
//! The file holds the text of every file that was read, so editing the blueprint afterwards changes nothing. It holds no
//! secret: secrets are references in the language, and what looks like one is refused when the plan is saved.
pub mod codes;
mod compare;
mod files;

pub use codes::{CODES, STALE, changed_since};
pub use files::{Recorded, Recording};

pub use crate::rules::looks_like_secret;

use crate::{
    address::Address,
    blueprint::{Inputs, compile},
    compose::{Deployment, compose},
    diagnostic::{Diagnostic, Diagnostics},
    engine::{Engine, Settled, View},
    kinds::dialect,
    plan::{Action, Image, Plan},
    rules, spec,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

/// The form that this version writes and reads.
pub const FORMAT_VERSION: u32 = 1;

/// Larger files are no saved plans: 64 MB.
pub const MAX_BYTES: u64 = 64 << 20;

/// This program's version: kinds, defaults and catalogs come with it.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A saved plan as it stands in its file, `format_version` first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SavedPlan {
    /// [`FORMAT_VERSION`].
    pub format_version: u32,
    /// The version of dlinfra that made it.
    pub dlinfra: String,
    /// The stack.
    pub stack: String,
    /// Its id: of the claim, of the live objects, or minted for it.
    pub stack_id: String,
    /// Twelve digits.
    pub account: String,
    /// `us-east-1`.
    pub region: String,
    /// When it was made, in whole seconds; times in its steps are told from here.
    pub made: Timestamp,
    /// The number of the journal's next object at that time.
    pub journal: String,
    /// The tags of every object, the time of expiry among them.
    pub tags: BTreeMap<String, String>,
    /// What named images stand for.
    pub images: BTreeMap<Address, Image>,
    /// What shall be replaced although nothing forces it.
    pub replace: BTreeSet<Address>,
    /// Files and variables.
    pub inputs: SavedInputs,
    /// SHA-256 of the canonical JSON of everything but `digest` and `steps`.
    pub digest: String,
    /// What was planned, in order of execution; compared, never executed.
    pub steps: Vec<Value>,
}

/// What a blueprint is compiled from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SavedInputs {
    /// The blueprint's path, as it was given.
    pub file: String,
    /// `--var NAME=VALUE`.
    pub vars: BTreeMap<String, String>,
    /// `--var-file`, the weakest first.
    pub var_files: Vec<String>,
    /// Variables of the environment that the blueprint declares.
    pub environment: BTreeMap<String, String>,
    /// Every file that was read, by path.
    pub files: BTreeMap<String, String>,
    /// Paths that were looked at and that are something else than the files above say: `link`, `folder`, …
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub looked: BTreeMap<String, String>,
}

/// Do these bytes begin like a saved plan? Its first key is `format_version`.
#[must_use]
pub fn is_saved(bytes: &[u8]) -> bool {
    let text = |b: &[u8]| b.trim_ascii_start().to_vec();
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    text(bytes).strip_prefix(b"{").is_some_and(|rest| text(rest).starts_with(b"\"format_version\""))
}

impl SavedPlan {
    /// Saves a plan that was just made.
    ///
    /// # Errors
    /// An input that looks like a secret: it would stand in the file.
    pub fn new(
        engine: &Engine,
        deployment: &Deployment,
        view: &View,
        plan: &Plan,
        inputs: SavedInputs,
        replace: &BTreeSet<Address>,
    ) -> Result<Self, Diagnostics> {
        let mut out = Self {
            format_version: FORMAT_VERSION,
            dlinfra: VERSION.to_owned(),
            stack: deployment.compiled.stack.clone(),
            stack_id: view.scope.stack_id.clone(),
            account: view.scope.account.clone(),
            region: view.scope.region.clone(),
            made: engine.now(),
            journal: engine.memory().next.to_string(),
            tags: view.tags.clone(),
            images: plan.images.clone(),
            replace: replace.clone(),
            inputs: inputs.declared(&deployment.compiled.variables),
            digest: String::new(),
            steps: plan.steps.iter().map(compare::row).collect(),
        };
        out.refuse_secrets(deployment)?;
        out.need_images(plan)?;
        out.digest = digest(&serde_json::to_value(&out).map_err(|e| codes::unreadable(&e.to_string()))?);
        Ok(out)
    }

    /// The text of the file: indented JSON that ends in a line break. The same plan gives the same bytes.
    ///
    /// # Errors
    /// None that a saved plan can have.
    pub fn encode(&self) -> Result<String, Diagnostics> {
        let mut text = serde_json::to_string_pretty(self).map_err(|e| codes::unreadable(&e.to_string()))?;
        text.push('\n');
        Ok(text)
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// No JSON, a truncated file, another format, inputs that were changed by hand.
    pub fn decode(bytes: &[u8]) -> Result<Self, Diagnostics> {
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        let value: Value = serde_json::from_slice(bytes).map_err(|e| {
            let end = if e.is_eof() { "; the file ends too early, as if it had not been copied whole" } else { "" };
            codes::unreadable(&format!("{e}{end}"))
        })?;
        match value.get("format_version").and_then(Value::as_u64) {
            Some(found) if found == u64::from(FORMAT_VERSION) => {}
            found => return Err(codes::other_format(found).into()),
        }
        let out: Self = serde_json::from_value(value.clone()).map_err(|e| codes::unreadable(&e.to_string()))?;
        if out.digest != digest(&value) {
            return Err(codes::tampered().into());
        }
        Ok(out)
    }

    /// Was it made by this version of the program?
    ///
    /// # Errors
    /// Another version, whose kinds and defaults may be different.
    pub fn check_version(&self) -> Result<(), Diagnostics> {
        if self.dlinfra == VERSION { Ok(()) } else { Err(codes::other_version(&self.dlinfra, VERSION).into()) }
    }

    /// The blueprint in it, compiled and checked as on the day when it was saved.
    ///
    /// # Errors
    /// Whatever is wrong with the blueprint; nothing, when the file comes from the same version.
    pub fn compile(&self) -> Result<Deployment, Diagnostics> {
        compose(compile(dialect(), &self.inputs.inputs(), &Recorded::new(&self.inputs))?)
    }

    /// Is this the place that it was made for, and does the journal reach as far as it did then?
    ///
    /// # Errors
    /// Another account or region; a journal that knows less, and so is another one.
    pub fn check_place(&self, engine: &Engine) -> Result<(), Diagnostics> {
        let (account, region) = (&engine.identity().account, engine.aws().region());
        if *account != self.account || region != self.region {
            return Err(codes::elsewhere(self, account, region).into());
        }
        let then: Option<crate::journal::Sequence> = self.journal.parse().ok();
        if then.is_none_or(|then| engine.memory().next < then) {
            return Err(codes::other_journal(&engine.journal_place()).into());
        }
        Ok(())
    }

    /// What the engine must take from here instead of settling it anew.
    #[must_use]
    pub fn settled(&self) -> Settled {
        Settled { now: self.made, stack_id: self.stack_id.clone(), images: self.images.clone() }
    }

    /// Did the same steps come out?
    ///
    /// # Errors
    /// Each step that is different, in words.
    pub fn check_steps(&self, view: &View, plan: &Plan) -> Result<(), Diagnostics> {
        compare::check(self, view, plan)
    }

    /// Machines that start must start from an image that the file names.
    fn need_images(&self, plan: &Plan) -> Result<(), Diagnostics> {
        let mut out = Diagnostics::new();
        for step in plan.steps.iter().filter(|s| matches!(s.action, Action::Create | Action::Update | Action::Replace))
        {
            let Some(want) = step.want.as_deref().filter(|w| !step.kind.is_empty(w)) else { continue };
            if let Some(named) = step.kind.image(want).filter(|_| !self.images.contains_key(&step.address)) {
                out.push(codes::no_image(&step.address, &named.name));
            }
        }
        if out.is_empty() { Ok(()) } else { Err(out) }
    }

    /// Files beside us that are not any more as they are in the plan; those that are not here do not count.
    pub fn changed_since(&self, files: &dyn crate::blueprint::Files) -> Vec<&str> {
        let differs = |path: &str, text: &str| {
            files.read(std::path::Path::new(path), MAX_BYTES).is_ok_and(|found| found != text.as_bytes())
        };
        self.inputs.files.iter().filter(|(path, text)| differs(path, text)).map(|(path, _)| path.as_str()).collect()
    }

    fn refuse_secrets(&self, deployment: &Deployment) -> Result<(), Diagnostics> {
        let compiled = &deployment.compiled;
        let allowed = compiled.resources.iter().flat_map(|r| &r.allow).chain(&compiled.allow);
        if allowed.into_iter().any(|a| a.rule == rules::SECRET.code) {
            return Ok(());
        }
        let mut out = Diagnostics::new();
        let inputs = &self.inputs;
        for (name, text) in inputs.vars.iter().chain(&inputs.environment) {
            let plain = name.strip_prefix("DLINFRA_VAR_").unwrap_or(name);
            if let Some(what) = looks_like_secret(plain, text) {
                out.push(codes::secret(&format!("the variable `{plain}`"), what));
            }
        }
        for (path, text) in &inputs.files {
            for (number, line) in text.lines().enumerate() {
                if let Some(what) = looks_like_secret("", line) {
                    out.push(codes::secret(&format!("{path}, line {},", number + 1), what));
                }
            }
        }
        if out.is_empty() { Ok(()) } else { Err(out) }
    }
}

impl SavedInputs {
    /// What was compiled, with the files that were read for it.
    ///
    /// # Errors
    /// A file that is no text.
    pub fn of(inputs: &Inputs, files: Recording<'_>) -> Result<Self, Diagnostics> {
        let mut out = Self {
            file: inputs.file.display().to_string(),
            vars: inputs.vars.clone(),
            var_files: inputs.var_files.iter().map(|p| p.display().to_string()).collect(),
            environment: inputs.env.clone(),
            ..Self::default()
        };
        files.into_inputs(&mut out)?;
        Ok(out)
    }

    /// The environment belongs to many programs: only what the blueprint declares is saved.
    fn declared(mut self, variables: &BTreeMap<String, Value>) -> Self {
        self.environment
            .retain(|key, _| key.strip_prefix("DLINFRA_VAR_").is_some_and(|name| variables.contains_key(name)));
        self
    }

    /// As the compiler takes them.
    #[must_use]
    pub fn inputs(&self) -> Inputs {
        Inputs {
            file: PathBuf::from(&self.file),
            vars: self.vars.clone(),
            var_files: self.var_files.iter().map(PathBuf::from).collect(),
            env: self.environment.clone(),
        }
    }
}

/// The digest of everything that steps are made from.
fn digest(value: &Value) -> String {
    let mut inputs = value.clone();
    if let Some(map) = inputs.as_object_mut() {
        map.remove("digest");
        map.remove("steps");
    }
    spec::sha256(spec::canonical(&inputs).as_bytes())
}

/// A saved plan's own words for what goes wrong on the way to its file.
///
/// # Errors
/// Always; the type is for `?`.
pub fn not_written(path: &std::path::Path, why: &str) -> Diagnostic {
    Diagnostic::error(&codes::NOT_SAVED, format!("the plan was not saved: {} {why}", path.display()))
        .with_help("give `-o` a new path, such as `plan.json`, in a folder that you may write")
}
