//! What `cost --compare` puts beside a blueprint: another blueprint, a saved plan, or the same file at a commit.
use super::{
    Stop,
    arguments::Source,
    git::Commit,
    load,
    money::{self, Limits},
};
use crate::cli::codes;
use dlinfra::{
    blueprint::{Files, Inputs, RealFiles, compile},
    compose::{Deployment, compose},
    cost::{Bill, stated},
    diagnostic::{Diagnostic, Diagnostics},
    kinds::{KINDS, dialect},
    price::PriceBook,
};
use std::path::Path;

/// What it costs, and what it is called.
pub(super) struct Other {
    /// `old.yaml`, `main (0123456789)`.
    pub words: String,
    /// Its lines.
    pub bill: Bill,
}

/// Finds and prices what FILE is compared with. A file goes before a commit of the same name.
pub(super) fn find(with: &str, source: &Source, limits: &Limits, book: &PriceBook) -> Result<Other, Stop> {
    let path = Path::new(with);
    if path.exists() {
        let deployment = match load::read_saved(path)? {
            Some(plan) => plan.compile()?,
            None => {
                let inputs = Inputs { file: path.to_owned(), ..load::inputs(source)? };
                compiled(inputs, &RealFiles).map_err(|found| named(found, with))?
            }
        };
        return Ok(Other { words: with.to_owned(), bill: bill(&deployment, limits, book)? });
    }
    let inputs = match load::open(source)? {
        load::Opened::Blueprint(inputs) => inputs,
        load::Opened::Saved(plan) => plan.inputs.inputs(),
    };
    let Some(commit) = Commit::find(with, &inputs.file, inputs.var_files.clone())? else {
        let summary =
            format!("`{with}` is no file here, and no commit of a repository around {}", inputs.file.display());
        return Err(Diagnostic::error(&codes::NOTHING_TO_COMPARE, summary)
            .with_help("name a blueprint, a saved plan, or a branch, tag or commit: `--compare main`")
            .into());
    };
    let words = format!("{with} ({})", commit.short());
    if commit.kind(&inputs.file).is_none() {
        // A new blueprint: everything that it makes is new.
        return Ok(Other { words: format!("{words}, which has no {}", inputs.file.display()), bill: Bill::default() });
    }
    let deployment = compiled(inputs, &commit).map_err(|found| named(found, with))?;
    Ok(Other { words, bill: bill(&deployment, limits, book)? })
}

/// Compiles the other one. Variables that it does not declare are left out: they may be newer than it.
fn compiled(mut inputs: Inputs, files: &dyn Files) -> Result<Deployment, Diagnostics> {
    let first = compile(dialect(), &inputs, files);
    if let Err(found) = &first {
        let unknown = |name: &String| {
            found.iter().any(|d| {
                d.code == dlinfra::blueprint::codes::UNKNOWN_VARIABLE.code && d.summary.contains(&format!("`{name}`"))
            })
        };
        let before = inputs.vars.len();
        inputs.vars.retain(|name, _| !unknown(name));
        if inputs.vars.len() < before {
            return compose(compile(dialect(), &inputs, files)?);
        }
    }
    compose(first?)
}

fn named(found: Diagnostics, with: &str) -> Diagnostics {
    let name = |mut d: Diagnostic| {
        d.summary = format!("in {with}: {}", d.summary);
        d
    };
    found.into_iter().map(name).collect()
}

fn bill(deployment: &Deployment, limits: &Limits, book: &PriceBook) -> Result<Bill, Stop> {
    let compiled = &deployment.compiled;
    let (stated, _) = money::stated(compiled, limits)?;
    Ok(stated::bill(compiled, KINDS, &money::pricing(compiled, &stated, book)))
}
