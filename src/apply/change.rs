//! One round of bringing what is live to what is wanted: tags, then the kind's own calls.
use super::{Shared, What, doubt::window, make::Progress, remove::protected};
use crate::{
    aws::{
        Error, ErrorClass,
        tags::{self, Carrier},
    },
    plan::{self, Protect, Step},
    resource::{Changes, Live, PARTS},
};
use jiff::SignedDuration;
use serde_json::Value;
use std::{sync::atomic::Ordering, time::Duration};

/// The same difference after this many updates, and after as long as AWS may hide a change, will not go away by itself.
const FUTILE: u32 = 6;
/// So many rounds go without a pause, if each finds another difference. A fleet may need one for each batch.
const BRISK: usize = 24;

impl Shared<'_> {
    /// One round of tags and updates; true = no difference is left.
    #[allow(clippy::too_many_arguments, reason = "one round of the loop above, split off for reading")]
    pub(super) async fn update(
        &self,
        step: &Step,
        want: &Value,
        call: &Value,
        live: &Live,
        spec_tag: &str,
        progress: &mut Progress,
        moved: &mut bool,
    ) -> Result<bool, Error> {
        self.retag(step, live, spec_tag).await?;
        if std::mem::take(moved) {
            self.look_anew(step, progress);
            return Ok(false);
        }
        let mut want = want.clone();
        self.restore_defaults(step, &mut want);
        let (fields, outdated) = plan::differences(step.kind, &want, live);
        let fields: Vec<_> =
            fields.into_iter().filter(|d| !plan::settled_by_default(step.kind, &d.path, &d.before, &d.after)).collect();
        if fields.is_empty() && outdated.is_empty() {
            return Ok(true);
        }
        progress.outdated = outdated.len();
        if fields == progress.last || progress.known.contains(&fields) {
            progress.same += 1;
            // AWS may show the change a moment later, and what an update made as late as anything else. And what goes
            // to and fro does not get there faster for being asked faster.
            self.watch.tick(Duration::from_secs(u64::from(progress.same.min(5)) * 2)).await;
        } else {
            (progress.same, progress.stuck) = (0, self.clock.now());
            progress.known.push(fields.clone());
            if progress.known.len() > BRISK {
                self.watch.tick(Duration::from_secs(5)).await;
            }
        }
        let booting = SignedDuration::try_from(step.kind.booting(&want)).unwrap_or_default();
        let patience = window(step.kind.about()) + booting;
        let futile = progress.same >= FUTILE && self.clock.now().duration_since(progress.stuck) > patience;
        if futile && let Some(refused) = progress.refused.take() {
            return Err(last_word(refused));
        }
        if futile && outdated.is_empty() {
            let names: Vec<&str> = fields.iter().map(|f| f.path.as_str()).collect();
            return Err(Error::new(
                ErrorClass::Other,
                format!("{} does not take the change of {}", live.id, names.join(", ")),
            )
            .help("AWS accepted the update but still shows the old value; look at the object in AWS"));
        }
        if step.protect == Protect::Never && (!outdated.is_empty() || !step.kind.leaving(&want, live).is_empty()) {
            return Err(protected(step));
        }
        self.stop_if_cancelled()?;
        progress.last.clone_from(&fields);
        let changes = Changes { fields, outdated };
        let mut want_call = call.clone();
        self.restore_defaults(step, &mut want_call);
        let mut ctx = self.ctx(step, spec_tag.to_owned());
        // What was tried before may be done, and not be shown yet.
        let looked = progress.looked && progress.same == 0 && step.kind.about().looked_at_first;
        ctx.fresh = progress.created.is_some() || looked;
        let target = self.with_ids(live);
        let busy = self.watch.busy(step.kind, progress.task);
        let updated = step.kind.update(&ctx, &want_call, &target, &changes).await;
        drop(busy);
        match updated {
            Ok(()) => {
                // What AWS takes at last counts as new: the refusals before say nothing of whether it helps.
                if progress.refused.take().is_some() {
                    (progress.same, progress.stuck) = (0, self.clock.now());
                }
                if progress.created.is_some() && !ctx.doubt.load(Ordering::Relaxed) {
                    progress.told = step.kind.updated(&ctx, &want_call, &target)?;
                    progress.shown = true;
                }
            }
            Err(e)
                if matches!(
                    e.class,
                    ErrorClass::WrongState
                        | ErrorClass::NotVisibleYet
                        | ErrorClass::NotFound
                        | ErrorClass::InUse
                        | ErrorClass::Ambiguous
                        | ErrorClass::Throttled
                ) && !futile =>
            {
                self.emit(&step.address, What::Waiting { why: e.to_string() });
                progress.same += 1;
                self.watch.tick(Duration::from_secs(5)).await;
                if e.class == ErrorClass::Ambiguous {
                    self.look_for_doubtful(step).await?;
                }
                progress.refused = Some(e);
            }
            Err(e) => return Err(e),
        }
        self.look_anew(step, progress);
        Ok(false)
    }

    /// Fields that the plan resets to AWS's default are wanted with that value now.
    fn restore_defaults(&self, step: &Step, want: &mut Value) {
        let Value::Object(map) = want else { return };
        // What is made says what it differs in from its predecessor: that resets nothing.
        if step.action == plan::Action::Create {
            return;
        }
        // What is no property of the object is in no look either: nothing would ever equal it.
        let local = step.kind.about().local;
        let own =
            |path: &str| !path.starts_with("tags.") && !path.contains('.') && !local.contains(&path) && path != PARTS;
        for field in step.fields.iter().filter(|f| own(&f.path)) {
            // A default of null says that AWS's state is "none", which an update must bring about.
            let has_default = !field.after.is_null() || step.kind.default_of(&field.path).is_some();
            if has_default && map.get(&field.path).is_none_or(Value::is_null) {
                map.insert(field.path.clone(), field.after.clone());
            }
        }
    }

    /// Is it this stack's? What was found by its tags is.
    async fn may_tag(&self, carrier: &Carrier) -> Result<bool, Error> {
        if !carrier.by_name {
            return Ok(true);
        }
        let found = carrier.read(&self.executor.aws).await?;
        Ok(found.values().all(|tags| self.executor.scope.owns(tags)))
    }

    /// Sets and removes what the plan found different, and the digest of what cannot be read back.
    async fn retag(&self, step: &Step, live: &Live, spec_tag: &str) -> Result<(), Error> {
        let mut set = step.tags();
        // Members carry their own digest, set when they were launched.
        if live.members.is_empty() && !spec_tag.is_empty() {
            set.insert(tags::SPEC, spec_tag.to_owned());
        }
        let carriers: Vec<_> =
            if live.members.is_empty() { vec![&live.tags] } else { live.members.iter().map(|m| &m.tags).collect() };
        set.retain(|k, v| k != tags::SPEC && carriers.iter().any(|t| t.get(k) != Some(v)));
        let remove: Vec<String> =
            step.untag.iter().filter(|k| carriers.iter().any(|t| t.contains_key(k))).cloned().collect();
        if set.is_empty() && remove.is_empty() {
            return Ok(());
        }
        self.stop_if_cancelled()?;
        for carrier in tags::together(step.kind.carriers(live)?) {
            if !self.may_tag(&carrier).await? {
                continue;
            }
            carrier.retag(&self.executor.aws, &set, &remove).await?;
        }
        Ok(())
    }
}

/// AWS's own refusal, with what to do if it has nothing better to say.
fn last_word(refused: Error) -> Error {
    match refused.class {
        _ if refused.help.is_some() => refused,
        ErrorClass::NotFound | ErrorClass::NotVisibleYet => refused
            .help("something that the change names does not exist: correct the name, or make it, and apply again"),
        ErrorClass::Ambiguous | ErrorClass::Throttled => refused.help("apply again later: it goes on from here"),
        _ => refused.help("correct the cause and apply again: it goes on from here"),
    }
}
