//! Commands that work with or without a blueprint: `FILE`, or `--stack NAME` with live tags and journal only.
use super::{
    Stop,
    arguments::{Source, Where},
    load,
    place::Place,
};
use crate::{
    blueprint::Compiled,
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
    #[command(flatten)]
    pub place: Where,
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
        let engine = place.engine(Target { stack: stack.clone(), ..Target::default() }, None).await?;
        return Ok(Found { place, engine, wanted: Vec::new(), compiled: None, stack: stack.clone() });
    }
    let opened = load::open(&which.source)?;
    let deployment = opened.deployment()?.0;
    let file = opened.blueprint();
    let place = Place::open(&which.place, &deployment.compiled.region, Some(&file)).await?;
    let engine = place.engine(deployment.target(), deployment.compiled.backend.as_ref()).await?;
    let stack = deployment.compiled.stack.clone();
    Ok(Found { place, engine, wanted: deployment.wanted, compiled: Some(deployment.compiled), stack })
}

/// Without a blueprint the region comes from the flag or the environment.
pub(super) fn region(place: &Where) -> Result<String, Stop> {
    let var = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
    let found = place.region.clone().or_else(|| var("AWS_REGION")).or_else(|| var("AWS_DEFAULT_REGION"));
    let found = found.or_else(|| super::place::sandboxed(place).then(|| "us-east-1".to_owned()));
    found.ok_or_else(|| {
        Diagnostic::error("DL0709", "which region?").with_help("give `--region`, or set AWS_REGION").into()
    })
}
