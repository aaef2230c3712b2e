//! Commands that work with or without a blueprint: `FILE`, or `--stack NAME` with live tags and journal only.
use super::{
    Stop,
    arguments::{Source, Where},
    load,
    place::Place,
};
use crate::cli::codes;
use dlinfra::{
    blueprint::{Backend, Compiled},
    compose::Deployment,
    diagnostic::Diagnostic,
    engine::{Engine, Target},
    plan::Wanted,
};

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
