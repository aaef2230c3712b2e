//! From FILE to a checked deployment.
use super::{Stop, arguments::Source};
use crate::{
    blueprint::{Inputs, RealFiles, compile},
    compose::{Deployment, compose},
    diagnostic::Diagnostic,
    kinds::dialect,
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// Finds, compiles and checks the blueprint.
pub(super) fn load(source: &Source) -> Result<Deployment, Stop> {
    Ok(compose(compile(dialect(), &inputs(source)?, &RealFiles)?)?)
}

/// The file and every way to give it variables.
pub(super) fn inputs(source: &Source) -> Result<Inputs, Stop> {
    let mut vars = BTreeMap::new();
    for pair in &source.vars {
        let Some((name, value)) = pair.split_once('=') else {
            return Err(Diagnostic::error("DL0701", format!("`--var {pair}` has no `=`"))
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
    let mut out = Diagnostic::error("DL0702", "no blueprint was named, and there is no ./dlinfra.yaml");
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
