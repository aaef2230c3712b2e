//! What a plan would destroy: how much data lies in what goes.
use super::{Engine, View};
use crate::{
    address::Address,
    aws::Error,
    call::SweepCtx,
    plan::{Action, Plan},
    resource::State,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use std::collections::BTreeMap;

impl Engine {
    /// How much data each resource holds that the plan removes or replaces, for people; what is empty is not there.
    ///
    /// # Errors
    /// Anything that could not be read: nobody knows then what would be lost.
    pub async fn contents(&self, plan: &Plan, view: &View) -> Result<BTreeMap<Address, String>, Error> {
        let ctx = &SweepCtx { scope: view.scope.clone(), ..self.sweep("", &[]) };
        let goes = plan.steps.iter().filter(|s| matches!(s.action, Action::Delete | Action::Replace));
        let reads: Vec<_> = goes
            .filter_map(|step| {
                let kind = step.live_kind.unwrap_or(step.kind);
                let live = step.live.as_ref().filter(|l| l.state != State::Deleting && kind.holds_data(&l.spec))?;
                Some(async move { Ok::<_, Error>((step.address.clone(), kind.contents(ctx, live).await?)) })
            })
            .collect();
        let found: Vec<_> = stream::iter(reads).buffered(8).try_collect().await?;
        Ok(found.into_iter().filter_map(|(address, contents)| Some((address, contents?))).collect())
    }
}
