//! What of the stack sends something to members of fleets, and lets them go before they end.
use crate::{
    aws::Error,
    call::{Senders, SweepCtx},
    kind::Kind,
    plan::Plan,
    resource::{Id, Released},
    snapshot::Snapshot,
};
use futures_util::future::BoxFuture;
use std::sync::Arc;

/// Kinds of which the stack has something, or will have: who has none is not asked, and needs no permission for it.
struct Of {
    kinds: Vec<&'static dyn Kind>,
    sweep: SweepCtx,
}

pub(super) fn of(plan: &Plan, snapshot: &Snapshot, sweep: &SweepCtx) -> Arc<dyn Senders> {
    let mut kinds: Vec<&'static dyn Kind> = Vec::new();
    let live = snapshot.owned.values().chain(snapshot.surplus.values().map(|s| &s.found)).map(|found| found.kind);
    for kind in live.chain(plan.steps.iter().map(|step| step.kind)).filter(|kind| kind.drains()) {
        if kinds.iter().all(|known| known.name() != kind.name()) {
            kinds.push(kind);
        }
    }
    Arc::new(Of { kinds, sweep: sweep.clone() })
}

impl Senders for Of {
    fn release<'a>(&'a self, ending: &'a [Id], staying: &'a [Id]) -> BoxFuture<'a, Result<Released, Error>> {
        Box::pin(async move {
            let mut out = Released::Free;
            // All are asked before anything is waited for.
            for kind in &self.kinds {
                match kind.release(&self.sweep, ending, staying).await? {
                    Released::Free => {}
                    waits => out = waits,
                }
            }
            Ok(out)
        })
    }
}
