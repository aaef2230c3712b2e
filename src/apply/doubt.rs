//! After a lost answer: what it may have made is looked for before anything is sent again.
use super::Shared;
use crate::{
    aws::{Error, tags},
    plan::Step,
    resource::{About, Class},
};
use jiff::SignedDuration;
use std::{collections::BTreeSet, time::Duration};

impl Shared<'_> {
    /// Looks for the object through the consistency window; true = it is there.
    pub(super) async fn look_first(&self, step: &Step) -> Result<bool, Error> {
        let end = self.clock.now() + window(step.kind.about());
        loop {
            if self.watch.look(self.whole(step)).await?.is_some() {
                return Ok(true);
            }
            if self.clock.now() >= end {
                return Ok(false);
            }
            self.watch.tick(Duration::from_secs(5)).await;
        }
    }

    /// An update's call may have made something: looks for what carries its intent, through the consistency window.
    pub(super) async fn look_for_doubtful(&self, step: &Step) -> Result<(), Error> {
        let end = self.clock.now() + window(step.kind.about());
        let mut doubtful = self.executor.recorder.unanswered(&step.address);
        doubtful.retain(|i| matches!(i.class, Class::Token | Class::Tags));
        while !doubtful.is_empty() && self.clock.now() < end {
            let live = self.watch.look(self.whole(step)).await?;
            let tags = live.iter().flat_map(|l| std::iter::once(&l.tags).chain(l.members.iter().map(|m| &m.tags)));
            let shown: BTreeSet<&String> = tags.filter_map(|t| t.get(tags::INTENT)).collect();
            doubtful.retain(|i| !shown.contains(&i.id));
            if !doubtful.is_empty() {
                self.watch.tick(Duration::from_secs(5)).await;
            }
        }
        Ok(())
    }
}

/// How long AWS may hide what a call of this kind made.
pub(super) fn window(about: &About) -> SignedDuration {
    let longest = about.calls.iter().map(|c| c.visible_within).max().unwrap_or(Duration::from_secs(60));
    SignedDuration::try_from(longest).unwrap_or(SignedDuration::from_mins(1))
}
