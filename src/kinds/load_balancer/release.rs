//! Members of a fleet that are about to end: who stays is taken on first, and who ends finishes what it has.
use super::{
    NAME,
    groups::{self, Which},
    targets::{self, Target},
};
use crate::{
    aws::Error,
    call::{self, SweepCtx},
    resource::{Id, Released},
};
use std::time::Duration;

/// A program that loads a large model takes this long until it answers.
const UNTIL_HEALTHY: Duration = Duration::from_secs(45 * 60);
/// The longest drain, and a little more.
const UNTIL_DRAINED: Duration = Duration::from_secs(65 * 60);

/// One look at every target group of the stack; what waits is asked again.
pub(super) async fn release(ctx: &SweepCtx, ending: &[Id], staying: &[Id]) -> Result<Released, Error> {
    let prefix = call::name_prefix(&ctx.scope.stack, &NAME);
    let mut waits = Released::Free;
    for group in groups::list(ctx, Which::Named(&prefix)).await? {
        if !ctx.scope.owns(&group.tags) {
            continue;
        }
        let all = targets::of(&ctx.aws, &group.arn).await?;
        // Where nothing leads to, only what was begun before counts.
        let counts = |one: &&Target| group.used || one.is_draining();
        let of = |ids: &[Id]| all.iter().filter(counts).filter(|one| ids.contains(&one.id)).collect::<Vec<&Target>>();
        let leaving = of(ending);
        if leaving.is_empty() {
            continue;
        }
        let here: Vec<&Target> = leaving.iter().filter(|one| !one.is_draining()).copied().collect();
        // Who takes over must work first, as long as there is something to take over.
        let others = of(staying);
        let missing = staying.iter().filter(|id| !others.iter().any(|one| one.id == **id && !one.is_draining()));
        let missing: Vec<Id> = missing.cloned().collect();
        let works = here.iter().any(|one| one.is_healthy());
        if works && !missing.is_empty() {
            targets::register(&ctx.aws, &group.arn, &missing).await?;
        }
        if works && (!missing.is_empty() || others.iter().any(|one| !one.is_healthy())) {
            let state = others.iter().find(|one| !one.is_healthy()).map_or("registered".to_owned(), |one| one.words());
            let why = format!("the other members must be healthy in {} first: {state}", group.group.name);
            waits = Released::Waits { why, at_most: UNTIL_HEALTHY };
            continue;
        }
        targets::deregister(&ctx.aws, &group.arn, &here).await?;
        let why = format!("{} of {} finish what they have", leaving.len(), group.group.name);
        if matches!(waits, Released::Free) {
            waits = Released::Waits { why, at_most: UNTIL_DRAINED };
        }
    }
    Ok(waits)
}
