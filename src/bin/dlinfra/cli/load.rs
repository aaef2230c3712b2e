//! From FILE, a blueprint or a saved plan, to a checked deployment.
use super::{Stop, arguments::Source};
use crate::cli::codes;
use dlinfra::{
    blueprint::{Inputs, RealFiles, compile},
    compose::{Deployment, compose},
    diagnostic::Diagnostic,
    kinds::dialect,
    saved::{self, Recording, SavedInputs, SavedPlan},
};
use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
};

/// What FILE is.
pub(super) enum Opened {
    /// A blueprint and every way to give it variables.
    Blueprint(Inputs),
    /// A saved plan, whose inputs are in it.
    Saved(Box<SavedPlan>),
}

impl Opened {
    /// The file that `.dlinfra` lies beside.
    pub(super) fn blueprint(&self) -> PathBuf {
        match self {
            Self::Blueprint(inputs) => inputs.file.clone(),
            Self::Saved(plan) => plan.inputs.inputs().file,
        }
    }

    /// Compiles and checks; the inputs are what a plan that is saved must hold.
    pub(super) fn deployment(&self) -> Result<(Deployment, SavedInputs), Stop> {
        match self {
            Self::Blueprint(inputs) => {
                let files = Recording::new(&RealFiles);
                let deployment = compose(compile(dialect(), inputs, &files)?)?;
                Ok((deployment, SavedInputs::of(inputs, files)?))
            }
            Self::Saved(plan) => Ok((plan.compile()?, plan.inputs.clone())),
        }
    }
}

/// Finds, compiles and checks the blueprint.
pub(super) fn load(source: &Source) -> Result<Deployment, Stop> {
    Ok(open(source)?.deployment()?.0)
}

/// Finds the file, and reads it if it is a saved plan.
pub(super) fn open(source: &Source) -> Result<Opened, Stop> {
    match read_saved(&file(source)?)? {
        None => Ok(Opened::Blueprint(inputs(source)?)),
        Some(_) if !source.vars.is_empty() || !source.var_files.is_empty() => Err(settled("`--var` and `--var-file`")),
        Some(plan) => Ok(Opened::Saved(Box::new(plan))),
    }
}

/// A flag that a saved plan cannot take.
pub(super) fn settled(flags: &str) -> Stop {
    Diagnostic::error(
        &dlinfra::saved::codes::INPUTS_INSIDE,
        format!("{flags} cannot be given with a saved plan: its inputs are in it"),
    )
    .with_help("plan again with them: `dlinfra plan FILE … -o plan.json`")
    .into()
}

/// Is FILE a saved plan? Only its beginning is looked at.
pub(super) fn is_saved(source: &Source) -> bool {
    source.file.as_deref().is_some_and(|path| saved::is_saved(&beginning(path)))
}

fn beginning(path: &Path) -> Vec<u8> {
    let mut out = Vec::new();
    // Asked before opening: opening a pipe would wait for its writer.
    if path.is_file()
        && let Ok(file) = std::fs::File::open(path)
    {
        // What cannot be read is reported by whoever reads it whole.
        let _ = file.take(4096).read_to_end(&mut out);
    }
    out
}

/// The saved plan at this path, if it is one.
pub(super) fn read_saved(path: &Path) -> Result<Option<SavedPlan>, Stop> {
    let start = beginning(path);
    if !saved::is_saved(&start) {
        let text = String::from_utf8_lossy(&start);
        // What `--format json` prints is a report, and its keys are in another order.
        if text.starts_with('{') && text.contains("\"command\":\"plan\"") {
            return Err(Diagnostic::error(
                &dlinfra::saved::codes::UNREADABLE,
                format!("{} is a report, not a saved plan", path.display()),
            )
            .with_help("save a plan with `dlinfra plan FILE -o plan.json`")
            .into());
        }
        return Ok(None);
    }
    let unreadable = |e: std::io::Error| {
        Diagnostic::error(&dlinfra::saved::codes::UNREADABLE, format!("{} cannot be read: {e}", path.display()))
    };
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(path).map_err(unreadable)?;
    opened.take(saved::MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > saved::MAX_BYTES {
        let text = format!("{} has more than {} MB", path.display(), saved::MAX_BYTES >> 20);
        return Err(Diagnostic::error(&dlinfra::saved::codes::UNREADABLE, text).into());
    }
    Ok(Some(SavedPlan::decode(&bytes)?))
}

/// Writes a saved plan: whole or not at all, for the owner's eyes only.
pub(super) fn write_saved(path: &Path, plan: &SavedPlan) -> Result<(), Stop> {
    can_write_saved(path)?;
    let text = plan.encode()?;
    let denied = |e: std::io::Error| saved::not_written(path, &format!("cannot be written: {e}"));
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let new = folder.join(format!(".{name}.{}", std::process::id()));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written =
        options.open(&new).and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    if let Err(e) = written.and_then(|()| std::fs::rename(&new, path)) {
        let _ = std::fs::remove_file(&new);
        return Err(denied(e).into());
    }
    Ok(())
}

/// Only a saved plan is written over: `-o` with the blueprint's own name must not cost the blueprint.
pub(super) fn can_write_saved(path: &Path) -> Result<(), Stop> {
    let taken = path.symlink_metadata().is_ok() && !saved::is_saved(&beginning(path));
    if taken && path.metadata().map_or(true, |m| m.len() > 0 || !m.is_file()) {
        return Err(saved::not_written(path, "already exists and is not a saved plan").into());
    }
    Ok(())
}

/// The file and every way to give it variables.
pub(super) fn inputs(source: &Source) -> Result<Inputs, Stop> {
    let mut vars = BTreeMap::new();
    for pair in &source.vars {
        let Some((name, value)) = pair.split_once('=') else {
            return Err(Diagnostic::error(&codes::COMMAND_LINE, format!("`--var {pair}` has no `=`"))
                .with_help("write `--var NAME=VALUE`")
                .into());
        };
        vars.insert(name.to_owned(), value.to_owned());
    }
    Ok(Inputs {
        file: file(source)?,
        vars,
        var_files: source.var_files.clone(),
        env: std::env::vars().filter(|(k, _)| k.starts_with("DLINFRA_VAR_")).collect(),
    })
}

/// The named file, or `./dlinfra.yaml`.
fn file(source: &Source) -> Result<PathBuf, Stop> {
    if let Some(file) = &source.file {
        return Ok(file.clone());
    }
    let default = PathBuf::from("dlinfra.yaml");
    if default.is_file() {
        return Ok(default);
    }
    let mut here: Vec<String> = [".", "blueprints"].iter().flat_map(|d| blueprints(Path::new(d))).collect();
    here.sort();
    let mut out = Diagnostic::error(&codes::NO_BLUEPRINT, "no blueprint was named, and there is no ./dlinfra.yaml");
    if !here.is_empty() {
        out = out.with_detail(format!("blueprints here: {}", here.join(", ")));
    }
    Err(out.with_help("name one, or write a first one with `dlinfra init`").into())
}

fn blueprints(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let yaml = |p: &PathBuf| p.extension().is_some_and(|e| e == "yaml" || e == "yml");
    let says = |p: &PathBuf| std::fs::read_to_string(p).is_ok_and(|t| t.lines().any(|l| l.starts_with("blueprint:")));
    let paths = entries.filter_map(|e| Some(e.ok()?.path())).filter(|p| yaml(p) && says(p));
    paths.map(|p| p.display().to_string().trim_start_matches("./").to_owned()).collect()
}
