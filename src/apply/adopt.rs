//! Taking up an object that exists: ownership tags and nothing else, each after a fresh look at who owns what carries it.
use super::{Settled, Shared, What};
use crate::{
    address::Address,
    aws::{
        Error, ErrorClass,
        tags::{self, Carrier, Tags},
    },
    call::Scope,
    kind::Kind,
    plan::Step,
    record::{Applied, Intent, mint},
    resource::{Class, Discovery, Live, State},
    spec,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::time::Duration;

/// The call that an import's intent names: no call of AWS, but all the tagging of one address.
pub const IMPORT: &str = "dlinfra:Import";

/// What carries the ownership tags of an object, parts first and the primary object last: a sweep finds an object that
/// was taken up half-way only by its parts, never as if it were whole.
///
/// # Errors
/// A live object that does not have the shape of its kind.
pub fn carriers(kind: &dyn Kind, live: &Live) -> Result<Vec<Carrier>, Error> {
    let mut out: Vec<Carrier> = Vec::new();
    for carrier in kind.carriers(live)? {
        match out.iter_mut().find(|one| one.part == carrier.part && one.goes_with(&carrier)) {
            Some(one) => one.ids.extend(carrier.ids),
            None => out.push(carrier),
        }
    }
    out.sort_by_key(Carrier::is_primary);
    Ok(out)
}

/// May this address of this stack take up an object with these tags?
///
/// # Errors
/// Names the stack, or the address of this stack, that has it.
pub fn free(scope: &Scope, address: &Address, id: &str, found: &Tags) -> Result<(), Error> {
    let tag = |key: &str| found.get(key).map(String::as_str);
    let refused = |text: String, help: &str| Err(Error::new(ErrorClass::Stranger, text).help(help));
    match (tag(tags::STACK_ID), tag(tags::STACK)) {
        (None, None) => Ok(()),
        (Some(stack_id), _) if stack_id == scope.stack_id => match tag(tags::ADDRESS) {
            Some(other) if other != address.as_str() => refused(
                format!("{id} belongs to this stack already, as {other}"),
                "rename it with `moved:` in the blueprint, instead of importing it again",
            ),
            _ => Ok(()),
        },
        (stack_id, stack) => {
            let owner = tag(tags::OWNER).map(|o| format!(", owner {o}")).unwrap_or_default();
            let stack = stack.unwrap_or("unnamed");
            let stack_id = stack_id.unwrap_or("no stack-id");
            refused(
                format!("{id} belongs to the stack `{stack}` ({stack_id}{owner})"),
                "destroy it there, or take it out of that stack (remove its `dlinfra:` tags) if nobody manages it any more",
            )
        }
    }
}

/// Was what this intent names taken up in full? `live` is the object at its address.
pub fn taken(intent: &Intent, live: Option<&Live>) -> bool {
    let Some(live) = live.filter(|l| l.state != State::Partial) else { return false };
    let members: Vec<&str> = intent
        .params
        .get("members")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    if members.is_empty() {
        let key = if intent.class == Class::NameIdempotent { "name" } else { "id" };
        return intent.params.get(key).and_then(Value::as_str) == Some(live.id.as_str());
    }
    members.iter().all(|id| live.members.iter().any(|m| m.id == *id))
}

/// What is recorded before anything of an import is done: a plan that follows a kill must know all that was meant.
pub fn import_intent(step: &Step, time: Timestamp) -> Option<Intent> {
    let live = step.live.as_ref()?;
    // The names of what is found by name must outlive a kill, since no prefix leads to them.
    let named = matches!(step.kind.about().discovery, Discovery::Prefix);
    let class = if named { Class::NameIdempotent } else { Class::Parent };
    let mut params = json!({ "kind": step.kind.name() });
    params[if named { "name" } else { "id" }] = json!(live.id);
    if !live.members.is_empty() {
        params["members"] = live.members.iter().map(|m| json!(m.id)).collect();
    }
    let id = mint(time);
    let mut tags = step.tags();
    tags.insert(tags::INTENT, id.clone());
    Some(Intent {
        id,
        address: step.address.clone(),
        call: IMPORT.to_owned(),
        class,
        part: String::new(),
        ordinal: 0,
        names: if named { vec![live.id.clone()] } else { Vec::new() },
        params_digest: spec::sha256(spec::canonical(&params).as_bytes()),
        params,
        tags,
        time,
    })
}

impl Shared<'_> {
    /// Sets the ownership tags of one object and everything that belongs to it.
    pub(super) async fn adopt(&self, step: &Step) -> Result<Settled, Error> {
        let live = step.live.as_ref().ok_or_else(|| Error::bug("nothing to take up"))?;
        let (kind, executor) = (step.kind, self.executor);
        let carriers = carriers(kind, live)?;
        let intent = executor.open.get(&step.address).into_iter().flatten().rev().find(|i| i.call == IMPORT);
        let intent = intent.ok_or_else(|| Error::bug("an import without a recorded intent"))?;
        for carrier in &carriers {
            self.stop_if_cancelled()?;
            let mut set = intent.tags.clone();
            if !carrier.part.is_empty() {
                set.insert(tags::PART, carrier.part.clone());
            }
            // Somebody may have been faster since the plan; an earlier run of ours too.
            let mut there = true;
            for (id, found) in carrier.read(&executor.aws).await? {
                free(&executor.scope, &step.address, &id, &found)?;
                there = there && set.iter().all(|(k, v)| k == tags::INTENT || found.get(k) == Some(v));
            }
            if there {
                continue;
            }
            carrier.retag(&executor.aws, &set, &[]).await?;
        }
        executor.recorder.accepted(&step.address, &intent.id, std::slice::from_ref(&live.id)).await?;
        self.emit(&step.address, What::Accepted { id: live.id.clone() });
        let began = self.clock.now();
        loop {
            // AWS may show new tags a moment later.
            if let Some(found) = self.watch.look(self.whole(step)).await?
                && taken(intent, Some(&found))
            {
                let applied = Applied {
                    kind: kind.name().to_owned(),
                    id: found.id.clone(),
                    spec: step.want.as_deref().cloned().unwrap_or_else(|| json!({})),
                    outputs: found.outputs.clone(),
                    tags: step.tags(),
                };
                executor.recorder.stable(&step.address, applied).await?;
                let id = found.id.clone();
                self.live().insert(step.address.clone(), found);
                return Ok(Settled::Done(id));
            }
            if self.clock.now().duration_since(began) > SignedDuration::from_mins(5) {
                return Ok(Settled::Pending(format!("{} has its tags, but AWS does not show them yet", live.id)));
            }
            self.watch.tick(Duration::from_secs(2)).await;
        }
    }
}
