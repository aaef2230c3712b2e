//! Commands that work with or without a blueprint: `FILE`, or `--stack NAME` with live tags and journal only.
use super::{
    Stop,
    arguments::{Source, Where},
    load,
    place::Place,
};
use crate::cli::codes;
use dlinfra::{
    address::Address,
    blueprint::{Backend, Compiled},
    compose::Deployment,
    diagnostic::{Diagnostic, did_you_mean},
    engine::{Engine, Object, Target},
    plan::Wanted,
};
use std::path::PathBuf;

/// Which stack.
#[derive(clap::Args, Clone, Default)]
pub(super) struct Which {
    #[command(flatten)]
    pub source: Source,
    /// A stack by name: no blueprint is needed.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["file", "vars", "var_files"])]
    pub stack: Option<String>,
    /// Where the journal of that stack lies, if its blueprint says `backend:`: `local` or `s3://BUCKET/PREFIX`.
    #[arg(long, value_name = "PLACE", requires = "stack", value_parser = backend)]
    pub backend: Option<Backend>,
    #[command(flatten)]
    pub place: Where,
}

fn backend(text: &str) -> Result<Backend, String> {
    Backend::parse(text).ok_or_else(|| "write `local` or `s3://BUCKET/PREFIX`".to_owned())
}

/// The blueprint is not there, and is not needed.
fn or_by_name(mut stop: Stop) -> Stop {
    let help = "without a blueprint, name the stack with `--stack NAME`: `dlinfra list --region REGION` shows them";
    let told = |d: Diagnostic| {
        if [dlinfra::blueprint::codes::UNREADABLE.code, codes::NO_BLUEPRINT.code].contains(&d.code) {
            d.with_help(help)
        } else {
            d
        }
    };
    stop.diagnostics = stop.diagnostics.into_iter().map(told).collect();
    stop
}

/// A stack that can be looked at.
pub(super) struct Found {
    pub place: Place,
    pub engine: Engine,
    pub wanted: Vec<Wanted>,
    pub compiled: Option<Compiled>,
    pub stack: String,
}

/// Connects to the stack.
pub(super) async fn find(which: &Which) -> Result<Found, Stop> {
    if let Some(stack) = &which.stack {
        let region = region(&which.place)?;
        let place = Place::open(&which.place, &region, None).await?;
        let mut engine = place.engine_by_name(stack, which.backend.as_ref()).await?;
        if engine.memory().is_empty() {
            engine.search().await?;
        }
        return Ok(Found { place, engine, wanted: Vec::new(), compiled: None, stack: stack.clone() });
    }
    let opened = load::open(&which.source).map_err(or_by_name)?;
    let deployment = opened.deployment()?.0;
    let file = opened.blueprint();
    let place = Place::open(&which.place, &deployment.compiled.region, Some(&file)).await?;
    let engine = place.engine(deployment.target(), deployment.compiled.backend.as_ref()).await?;
    let stack = deployment.compiled.stack.clone();
    Ok(Found { place, engine, wanted: deployment.wanted, compiled: Some(deployment.compiled), stack })
}

/// A stack's place and journal, which may be held, lost or damaged.
pub(super) struct Located {
    pub place: Place,
    /// Without what the journal remembers.
    pub engine: Engine,
    /// What the blueprint wants; nothing without one.
    pub deployment: Option<Deployment>,
    pub stack: String,
}

/// Finds the stack's journal, and does not read it.
pub(super) async fn locate(which: &Which) -> Result<Located, Stop> {
    if let Some(stack) = &which.stack {
        let place = Place::open(&which.place, &region(&which.place)?, None).await?;
        let backend = place.backend_by_name(stack, which.backend.as_ref()).await?;
        let target = Target { stack: stack.clone(), ..Target::default() };
        let engine = place.engine_without_memory(target, backend).await?;
        return Ok(Located { place, engine, deployment: None, stack: stack.clone() });
    }
    let opened = load::open(&which.source).map_err(or_by_name)?;
    let deployment = opened.deployment()?.0;
    let place = Place::open(&which.place, &deployment.compiled.region, Some(&opened.blueprint())).await?;
    let stack = deployment.compiled.stack.clone();
    let backend = place.backend(&stack, deployment.compiled.backend.as_ref()).await?;
    let engine = place.engine_without_memory(deployment.target(), backend).await?;
    Ok(Located { place, engine, deployment: Some(deployment), stack })
}

/// Without a blueprint the region comes from the flag or the environment.
pub(super) fn region(place: &Where) -> Result<String, Stop> {
    let var = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
    let found = place.region.clone().or_else(|| var("AWS_REGION")).or_else(|| var("AWS_DEFAULT_REGION"));
    let found = found.or_else(|| super::place::sandboxed(place).then(|| "us-east-1".to_owned()));
    found.ok_or_else(|| {
        Diagnostic::error(&codes::NO_REGION, "which region?").with_help("give `--region`, or set AWS_REGION").into()
    })
}

/// One resource of a stack.
#[derive(clap::Args, Clone)]
pub(super) struct One {
    /// The resource's address, after the blueprint if that is not ./dlinfra.yaml.
    #[arg(value_name = "ADDRESS", num_args = 1..=2, required = true)]
    words: Vec<String>,
    /// Set a variable.
    #[arg(long = "var", value_name = "NAME=VALUE")]
    vars: Vec<String>,
    /// Read variables from a YAML file.
    #[arg(long = "var-file", value_name = "FILE")]
    var_files: Vec<PathBuf>,
    /// A stack by name: no blueprint is needed.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["vars", "var_files"])]
    stack: Option<String>,
    /// Where the journal of that stack lies, if its blueprint says `backend:`: `local` or `s3://BUCKET/PREFIX`.
    #[arg(long, value_name = "PLACE", requires = "stack", value_parser = backend)]
    backend: Option<Backend>,
    #[command(flatten)]
    place: Where,
}

/// A stack, and one of its resources as it is now.
pub(super) struct Chosen {
    pub found: Found,
    pub address: Address,
    pub object: Object,
}

impl One {
    /// The blueprint, if one is named, and the address.
    fn words(&self) -> Result<(Option<PathBuf>, &str), Diagnostic> {
        match &self.words[..] {
            [file, address] if self.stack.is_none() => Ok((Some(file.into()), address)),
            [address] => Ok((None, address)),
            _ => Err(Diagnostic::error(&codes::COMMAND_LINE, "a blueprint and `--stack` both name the stack")
                .with_help("write one of them")),
        }
    }

    /// The same without the number of a member behind the address (`train[3]`), and the number; 0 without one.
    pub(super) fn indexed(&self) -> Result<(Self, usize), Diagnostic> {
        let mut one = self.clone();
        let Some(word) = one.words.last_mut() else { return Ok((one, 0)) };
        let Some((address, rest)) = word.split_once('[') else { return Ok((one, 0)) };
        let number = rest.strip_suffix(']').and_then(|number| number.parse().ok());
        let number = number.ok_or_else(|| {
            Diagnostic::error(&codes::COMMAND_LINE, format!("`{word}` does not name a machine"))
                .with_help("write `ADDRESS[N]`")
        })?;
        *word = address.to_owned();
        Ok((one, number))
    }

    /// The resource of this address, or the only one of a module that can do what is asked.
    pub(super) async fn choose(&self, can: fn(&Object) -> bool) -> Result<Chosen, Stop> {
        let (file, word) = self.words()?;
        let source = Source { file, vars: self.vars.clone(), var_files: self.var_files.clone() };
        let (stack, backend, place) = (self.stack.clone(), self.backend.clone(), self.place.clone());
        let found = find(&Which { source, stack, backend, place }).await?;
        let view = found.engine.look(&found.wanted).await?;
        let owned = &view.snapshot.owned;
        let inside = format!("{word}.");
        let named: Vec<_> =
            owned.iter().filter(|(a, _)| a.as_str() == word || a.as_str().starts_with(&inside)).collect();
        let able: Vec<_> = named.iter().filter(|(_, object)| can(object)).collect();
        match able[..] {
            [(address, object)] => {
                let (address, object) = ((*address).clone(), (*object).clone());
                Ok(Chosen { found, address, object })
            }
            [] if named.is_empty() => {
                let near = did_you_mean(
                    word,
                    owned.keys().flat_map(|a| [a.as_str(), a.as_str().split('.').next().unwrap_or_default()]),
                );
                let text = format!("nothing of the address `{word}` is live");
                Err(Diagnostic::error(&codes::NOT_LIVE, text)
                    .with_help_opt(near.map(|near| format!("did you mean `{near}`?")))
                    .into())
            }
            [] => {
                let all: Vec<&str> = owned.iter().filter(|(_, o)| can(o)).map(|(a, _)| a.as_str()).collect();
                let help = match all.is_empty() {
                    true => "nothing in this stack can".to_owned(),
                    false => format!("in this stack it can be asked of {}", all.join(", ")),
                };
                Err(Diagnostic::error(&codes::CANNOT, format!("this cannot be asked of `{word}`"))
                    .with_help(help)
                    .into())
            }
            _ => {
                let all: Vec<&str> = able.iter().map(|(a, _)| a.as_str()).collect();
                let text = format!("`{word}` stands for several resources");
                Err(Diagnostic::error(&codes::CANNOT, text).with_help(format!("name one of {}", all.join(", "))).into())
            }
        }
    }
}
