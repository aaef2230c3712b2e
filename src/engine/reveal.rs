//! What stands behind digests: texts that no sweep returns, asked for only where a plan changes them.
use super::{Engine, View};
use crate::{
    address::Address,
    call::SweepCtx,
    plan::{Plan, Step},
    resource::Live,
};
use futures_util::{StreamExt, stream};
use std::collections::BTreeMap;

impl Engine {
    /// The live and the wanted text of each changed field that is compared by its digest. It is for people only: what
    /// cannot be read (a right that is missing, a machine that is gone) is not there, and its digest is shown.
    pub async fn reveal(
        &self,
        plan: &Plan,
        view: &View,
    ) -> BTreeMap<Address, BTreeMap<&'static str, (String, String)>> {
        let ctx = &SweepCtx { scope: view.scope.clone(), ..self.sweep("", &[]) };
        let asked: Vec<_> = plan
            .steps
            .iter()
            .filter(|step| step.fields.iter().any(|f| step.kind.about().unreadable.contains(&f.path.as_str())))
            .filter_map(|step| {
                let (want, live) = (step.want.as_deref()?, outdated(step)?);
                Some(async move {
                    let found = step.kind.reveal(ctx, want, &live).await.ok()?;
                    let changed = |name: &str| step.fields.iter().any(|f| f.path == name);
                    let texts = found.into_iter().filter(|(name, before, after)| changed(name) && before != after);
                    Some((step.address.clone(), texts.map(|(name, before, after)| (name, (before, after))).collect()))
                })
            })
            .collect();
        stream::iter(asked).buffered(8).filter_map(|found| async { found }).collect().await
    }
}

/// What is live, with those members only that do not match.
fn outdated(step: &Step) -> Option<Live> {
    let mut live = Live::clone(step.live.as_ref().filter(|_| step.live_kind.is_none())?);
    if !step.outdated.is_empty() {
        live.members.retain(|member| step.outdated.contains(&member.id));
    }
    Some(live)
}
