//! Removal: clear what others wait for, ask AWS until a fresh sweep no longer finds the object, and say who holds it.
use super::{Settled, Shared, What, poll_pause, watch::Look};
use crate::{
    address::Address,
    aws::{
        Error, ErrorClass, gone,
        ownership::{Ownership, Whose},
        tags::Tags,
    },
    call::Ctx,
    kind::Kind,
    plan::{Action, Protect, Step},
    resource::{Changes, Id, Live, State},
    spec::{self, Difference},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::{collections::BTreeSet, sync::PoisonError, time::Duration};
use tokio::time::Instant;

/// What is held for so long is perhaps held by something of the same stack that AWS did not show before.
const LOOK_AROUND: Duration = Duration::from_secs(60);
/// What holds an object is asked so often while it waits.
const ASK_AGAIN: SignedDuration = SignedDuration::from_mins(1);
/// So many holders are named.
const NAMED: usize = 8;

impl Shared<'_> {
    /// Something of this stack that nobody has planned with: AWS shows it only now.
    async fn newcomer(&self, now: Instant) -> Result<Option<Address>, Error> {
        // Whoever waits at the same time shares the sweeps.
        let not_before = now.checked_sub(LOOK_AROUND / 2).unwrap_or(now);
        for kind in self.executor.kinds {
            let seen = match self.watch.addresses(*kind, not_before).await {
                // Who may not read a kind is told so by the proof, and nothing of it is known to be in the way.
                Err(e) if e.class == ErrorClass::Denied => continue,
                seen => seen?,
            };
            let planned = |a: &Address| self.known.contains(a) || self.plan.steps.iter().any(|s| s.address == *a);
            if let Some(new) = seen.into_iter().filter(|a| !planned(a)).min() {
                return Ok(Some(new));
            }
        }
        Ok(None)
    }

    /// Takes what goes out of the late fields that point at it, so that mutual references do not hold each other.
    pub(super) async fn clear(&self, step: &Step) -> Result<Settled, Error> {
        let Some(live) = step.live.as_deref() else { return Ok(Settled::Done(String::new())) };
        let kind = step.live_kind.unwrap_or(step.kind);
        let mut clears: Vec<&str> = kind.about().late.to_vec();
        clears.extend(step.lets_go.iter().map(String::as_str));
        let goes = |s: &&Step| matches!(s.action, Action::Replace | Action::Delete) && s.address != step.address;
        let going = self.plan.steps.iter().filter(goes).map(|s| s.address.to_string()).collect();
        let mut want = live.spec.clone();
        spec::without(&mut want, &clears, &going);
        let value = |spec: &Value, field: &str| spec.get(field).cloned().unwrap_or(Value::Null);
        let changed = |field: &&&str| value(&live.spec, field) != value(&want, field);
        let difference = |field: &&str| Difference {
            path: (*field).to_owned(),
            before: value(&live.spec, field),
            after: value(&want, field),
        };
        let fields: Vec<Difference> = clears.iter().filter(changed).map(difference).collect();
        if !fields.is_empty() {
            let changes = Changes { fields, outdated: Vec::new() };
            let live = self.with_ids(live);
            let want = self.with_ids(&live.with_spec(want)).spec;
            // The plan's own sweep is the look before the first change of a run.
            let ctx = Ctx { fresh: true, ..self.ctx(step, String::new()) };
            gone(kind.update(&ctx, &want, &live, &changes).await)?;
        }
        Ok(Settled::Done(live.id.clone()))
    }

    /// Removes one object, parts included.
    pub(super) async fn remove(&self, at: usize) -> Result<Settled, Error> {
        let step = &self.plan.steps[self.plan.tasks[at].step];
        let kind = step.live_kind.unwrap_or(step.kind);
        let Some(planned) = step.live.as_deref() else { return Ok(Settled::Done(String::new())) };
        if step.protect == Protect::Never {
            return Err(protected(step));
        }
        // A successor that turned out to be the same object.
        let aside = step.address == Address::surplus(&planned.id);
        let place = Ownership::address(&planned.tags).filter(|_| aside);
        if place.is_some_and(|a| self.live().get(&a).is_some_and(|l| l.id == planned.id)) {
            return Ok(Settled::Done(planned.id.clone()));
        }
        let ctx = self.ctx(step, String::new());
        let expected = kind.durations(&planned.spec).delete;
        let worst = SignedDuration::try_from(expected.worst).unwrap_or(SignedDuration::from_mins(30));
        let began = self.clock.now();
        let mut live = Some(self.with_ids(planned));
        let mut held: Option<Error> = None;
        let mut asked = Instant::now();
        // What holds it, and when that was asked.
        let mut holders: (String, Option<Timestamp>) = (String::new(), None);
        // Parts that the journal or the object itself knows, and that none of its looks shows by their tags.
        let remembered = &self.executor.sweep.remembered;
        let mut hidden = Hidden { ids: remembered.ids(&step.address), parts: remembered.parts(&step.address) };
        hidden.parts.extend(planned.ids.iter().cloned());
        if !self.executor.delete_data
            && planned.state != State::Deleting
            && kind.holds_data(&planned.spec)
            && let Some(contents) = kind.contents(&self.executor.sweep, planned).await?
        {
            return Err(Error::new(ErrorClass::InUse, format!("{} still holds {contents}", planned.id))
                .help("save what is needed, then run again with `--delete-data`"));
        }
        loop {
            let Some(found) = &live else {
                self.nothing_is_left(step, &hidden).await?;
                self.live().remove(&step.address);
                self.executor.recorder.gone(&step.address).await?;
                return Ok(Settled::Done(planned.id.clone()));
            };
            hidden.shown(found);
            if found.state != State::Deleting {
                let busy = self.watch.busy(kind, at);
                let deleted = kind.delete(&ctx, found).await;
                drop(busy);
                match deleted {
                    // What takes its place must not be mistaken for it, so a replacement waits until AWS shows it no more.
                    Ok(()) if step.action == Action::Delete && kind.goes_at_once(found) => {
                        self.watch.forget(kind);
                        self.removed.lock().unwrap_or_else(PoisonError::into_inner).insert(found.id.clone());
                        live = None;
                        continue;
                    }
                    Ok(()) => held = None,
                    Err(e)
                        if matches!(
                            e.class,
                            ErrorClass::InUse
                                | ErrorClass::WrongState
                                | ErrorClass::Ambiguous
                                | ErrorClass::Throttled
                                | ErrorClass::NotVisibleYet
                        ) =>
                    {
                        let old = |at: Timestamp| self.clock.now().duration_since(at) >= ASK_AGAIN;
                        // What is only not seen to be gone yet is gone at the second try.
                        if e.class == ErrorClass::InUse && held.is_some() && holders.1.is_none_or(old) {
                            let found = self.with_ids(found);
                            holders = (self.holders(kind, &found).await, Some(self.clock.now()));
                        }
                        self.emit(&step.address, What::Waiting { why: format!("{e}{}", holders.0) });
                        held = Some(e);
                    }
                    Err(e) => return Err(e),
                }
            }
            let waited = self.clock.now().duration_since(began);
            if waited > worst {
                return Ok(Settled::Pending(match held {
                    Some(e) => {
                        let next = match holders.0.is_empty() {
                            true => "",
                            false => "; remove that, or what made it, and run the same command again",
                        };
                        format!("{} cannot go yet after {} min: {e}{}{next}", found.id, waited.as_mins(), holders.0)
                    }
                    None => format!("{} is still being deleted after {} min", found.id, waited.as_mins()),
                }));
            }
            if held.is_some() {
                self.watch.tick(Duration::from_secs(5)).await;
                if asked.elapsed() >= LOOK_AROUND {
                    asked = Instant::now();
                    if let Some(name) = self.newcomer(asked).await? {
                        let why = "appeared after the plan was made, and may be what is blocking it";
                        return Ok(Settled::Pending(format!("{} cannot go yet: {name} {why}", found.id)));
                    }
                }
            }
            self.watch.forget(kind);
            // What waits for somebody else has the time to lose its tags; what AWS was asked to remove goes with them.
            let by_tag = held.is_none() && self.by_tag(step);
            let look = || Look { kind, by_tag, id: Some(&planned.id), ..self.whole(step) };
            let seen = self.watch.look_with(look(), |busy| held.is_none() && self.held_up(at, busy)).await?;
            // Part of it went and the rest waits for us (the address of a gateway, the placement group of machines):
            // there is nothing to wait for.
            let next = |now: &Live| now.state != State::Deleting && left(now) != left(found);
            let pause = seen.as_ref().is_some_and(|now| held.is_none() && !next(now));
            live = seen;
            if pause {
                self.watch.tick(poll_pause(expected.typical)).await;
                live = self.watch.look(look()).await?;
            }
        }
    }
}

/// Nobody may end it.
pub(super) fn protected(step: &Step) -> Error {
    Error::new(ErrorClass::Invalid, format!("{} is protected (`protect: never`)", step.address))
        .help("set `protect: off` in the blueprint and apply that first")
}

/// What the journal knows of an address, and no look of its removal has shown.
struct Hidden {
    ids: BTreeSet<Id>,
    parts: BTreeSet<Id>,
}

impl Hidden {
    fn shown(&mut self, found: &Live) {
        self.parts.retain(|id| !found.parts.values().any(|part| part == id));
        // What is left of a part does not show the whole, whose name it may have.
        if found.state != State::Partial {
            self.ids.retain(|id| *id != found.id && !found.members.iter().any(|m| m.id == *id));
        }
    }
}

impl Shared<'_> {
    /// `; it is held by …`, or nothing where nobody knows. Nothing is lost if that cannot be read.
    async fn holders(&self, kind: &'static dyn Kind, live: &Live) -> String {
        match kind.held_by(&self.executor.sweep, live).await {
            Ok(found) if found.is_empty() => String::new(),
            Ok(found) => {
                let more = found.len().saturating_sub(NAMED);
                let more = if more == 0 { String::new() } else { format!(", and {more} more") };
                format!("; it is held by {}{more}", found.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", "))
            }
            Err(e) => format!("; what holds it cannot be read: {e}"),
        }
    }

    /// What has lost its tags stays, and is named: as long as it is there, the journal keeps its id.
    async fn nothing_is_left(&self, step: &Step, hidden: &Hidden) -> Result<(), Error> {
        let kind = step.live_kind.unwrap_or(step.kind);
        let sweep = &self.executor.sweep;
        let mut there = Vec::new();
        if !hidden.parts.is_empty() {
            there.extend(kind.parts_there(sweep, &hidden.parts).await?);
        }
        if !hidden.ids.is_empty() {
            let ids: Vec<Id> = hidden.ids.iter().cloned().collect();
            let found = match kind.lookup_ids(sweep, &ids).await {
                Err(e) if e.class == ErrorClass::NotFound => Vec::new(),
                other => other?,
            };
            let named = |live: Live| (live.members.into_iter().next().map_or(live.id, |m| m.id), live.tags);
            there.extend(found.into_iter().map(named));
        }
        let nobodys = |tags: &Tags| self.executor.scope.whose(Ownership::read(tags).as_ref()) == Whose::Nobodys;
        let left: Vec<&str> = there.iter().filter(|(_, tags)| nobodys(tags)).map(|(id, _)| id.as_str()).collect();
        if left.is_empty() {
            return Ok(());
        }
        let text = format!("{} of {} exists without this stack's tags, so it is kept", left.join(", "), step.address);
        Err(Error::new(ErrorClass::Stranger, text).help("delete it by hand, or set its tags again; then run again"))
    }
}

/// What of an object is there, to see whether a delete got further.
fn left(live: &Live) -> (&State, usize, usize) {
    (&live.state, live.parts.len(), live.members.len())
}
