//! Import: finding objects that exist, and planning to take them up as resources of the blueprint.
use super::{Engine, View, find::described};
use crate::engine::codes;
use crate::{
    address::Address,
    apply,
    aws::tags::Carrier,
    aws::{Error, tags},
    call::SweepCtx,
    diagnostic::{Diagnostic, Diagnostics},
    expression,
    kind::{self, Kind},
    plan::{self, Action, Plan, Step, Wanted},
    resource::{Discovery, Id, Live, Lookup, State},
    snapshot::{self, Found, Snapshot},
    spec,
};
use futures_util::{StreamExt, stream};
use serde_json::{Map, Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// How an object to be imported is named.
#[derive(Debug, Clone, PartialEq)]
pub enum By {
    /// By its id, or by the ids of all members of a fleet; ARNs are ids too.
    Ids(Vec<Id>),
    /// By name, or by tags.
    Lookup(Lookup),
}

/// An object that shall become a resource of the blueprint.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Which resource.
    pub address: Address,
    /// The object, as a lookup found it.
    pub live: Live,
}

/// What an import will do, and what is left to do after it.
#[derive(Clone)]
pub struct Import {
    /// One step for each object; its tags are exactly those that are set.
    pub plan: Plan,
    /// What carries the tags of each step.
    pub carriers: BTreeMap<Address, Vec<Carrier>>,
    /// The plan that `dlinfra plan` will show afterwards.
    pub after: Plan,
    /// Fields that AWS does not return: the blueprint is believed.
    pub believed: BTreeMap<Address, Vec<String>>,
    /// Fields that AWS does not return and that are known to differ.
    pub unlike: BTreeMap<Address, Vec<String>>,
    /// Objects with names of their own: without the journal no sweep finds them.
    pub hidden: Vec<Address>,
    /// What the stack has already.
    pub owned: Vec<(Address, Id)>,
}

/// So many objects are looked at together.
const READERS: usize = 8;

impl Engine {
    /// Plans to take up these objects: nothing is changed yet.
    ///
    /// # Errors
    /// Objects that belong to somebody else, addresses that have an object already, one object for two addresses.
    pub async fn plan_import(&self, claims: Vec<Claim>, wanted: &[Wanted], view: &View) -> Result<Import, Diagnostics> {
        let mut problems = Diagnostics::new();
        let mut taken: BTreeMap<&str, &Address> = BTreeMap::new();
        let (mut new, mut owned) = (Vec::new(), Vec::new());
        for claim in &claims {
            let Some(item) = wanted.iter().find(|w| w.address == claim.address) else { continue };
            if let Some(other) = taken.insert(&claim.live.id, &claim.address) {
                let text = format!("{} cannot be both {other} and {}", claim.live.id, claim.address);
                problems
                    .push(Diagnostic::error(&codes::NOT_ONE_TO_ONE, text).with_help("give each object to one address"));
                continue;
            }
            match view.snapshot.owned.get(&claim.address) {
                // What an interrupted import has tagged already is still to be recorded.
                _ if self.importing(&claim.address) => new.push((item, claim)),
                Some(found) if is_same(&found.live, &claim.live) => {
                    owned.push((claim.address.clone(), claim.live.id.clone()));
                }
                Some(found) if found.live.state != State::Partial => {
                    let text = format!("{} is {} already", claim.address, described(&found.live));
                    problems.push(
                        Diagnostic::error(&codes::NOT_ONE_TO_ONE, text)
                            .at_address(claim.address.as_str())
                            .with_help("import the object under an address of its own"),
                    );
                }
                _ => new.push((item, claim)),
            }
        }
        let carriers = self.free_carriers(&new, view, &mut problems).await;
        problems.into_result(()).map(|_| ())?;
        self.planned(&new, carriers, owned, wanted, view).await
    }

    /// What carries tags, each asked for its owner.
    async fn free_carriers(
        &self,
        new: &[(&Wanted, &Claim)],
        view: &View,
        problems: &mut Diagnostics,
    ) -> BTreeMap<Address, Vec<Carrier>> {
        let one = |item: &'static dyn Kind, claim: Claim| async move {
            let carriers = apply::carriers(item, &claim.live)?;
            for carrier in &carriers {
                for (id, found) in carrier.read(&self.aws).await? {
                    apply::free(&view.scope, &claim.address, &id, &found)?;
                }
            }
            Ok::<_, Error>((claim.address, carriers))
        };
        let reads: Vec<_> = new.iter().map(|(item, claim)| one(item.kind, (*claim).clone())).collect();
        let found: Vec<_> = stream::iter(reads).buffered(READERS).collect().await;
        let mut out = BTreeMap::new();
        for ((_, claim), result) in new.iter().zip(found) {
            match result {
                Ok((address, carriers)) => drop(out.insert(address, carriers)),
                Err(e) => problems.push(e.diagnostic().at_address(claim.address.as_str())),
            }
        }
        out
    }

    async fn planned(
        &self,
        new: &[(&Wanted, &Claim)],
        carriers: BTreeMap<Address, Vec<Carrier>>,
        owned: Vec<(Address, Id)>,
        wanted: &[Wanted],
        view: &View,
    ) -> Result<Import, Diagnostics> {
        // As if it were done: the objects with the tags that they will have.
        let ownership: tags::Tags = view
            .tags
            .iter()
            .filter(|(k, _)| k.starts_with(tags::PREFIX))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        let mut sets: BTreeMap<Address, tags::Tags> = BTreeMap::new();
        for (_, claim) in new {
            let mut set = ownership.clone();
            set.insert(tags::ADDRESS, claim.address.to_string());
            sets.insert(claim.address.clone(), set);
        }
        let snapshot = with(view, new, &sets)?;
        let (mut believed, mut unlike) = (BTreeMap::new(), BTreeMap::new());
        let ctx = SweepCtx { scope: view.scope.clone(), ..self.sweep("", wanted) };
        for (item, claim) in new.iter().filter(|(item, _)| !item.kind.about().unreadable.is_empty()) {
            let raw = settled(item, &snapshot)?;
            let mut want = raw.clone();
            spec::by_address(&mut want, &snapshot.ids);
            let tag = kind::conceal(item.kind.about(), &mut want);
            if tag.is_empty() {
                continue;
            }
            let asked = match spec::has_unknown(&raw) {
                true => Vec::new(),
                false => item.kind.inspect(&ctx, &raw, &claim.live).await?,
            };
            let said = |pair: &str, verdict: bool| asked.iter().any(|(f, same)| field(pair) == *f && *same == verdict);
            let (lost, kept): (Vec<&str>, Vec<&str>) = tag.split('/').partition(|pair| said(pair, false));
            if !kept.is_empty() {
                let set = sets.entry(claim.address.clone()).or_default();
                set.insert(tags::SPEC, kept.join("/"));
            }
            let names = |pairs: Vec<&str>| pairs.into_iter().map(|p| field(p).to_owned()).collect::<Vec<_>>();
            let doubtful = names(kept.into_iter().filter(|pair| !said(pair, true)).collect());
            for (list, fields) in [(&mut believed, doubtful), (&mut unlike, names(lost))] {
                if !fields.is_empty() {
                    list.insert(claim.address.clone(), fields);
                }
            }
        }
        let snapshot = with(view, new, &sets)?;
        let steps = new
            .iter()
            .map(|(item, claim)| step(item, claim, &snapshot, sets.remove(&claim.address).unwrap_or_default()))
            .collect::<Result<Vec<_>, _>>()?;
        let stays = |address: &Address| new.iter().all(|(_, c)| c.address != *address);
        let open = self.memory.open.iter().filter(|(a, _)| stays(a));
        let accepted = self.memory.accepted.iter().filter(|(a, _)| stays(a));
        let interrupted = open
            .filter_map(|(a, i)| Some((a.clone(), i.first()?.time)))
            .chain(accepted.filter_map(|(a, i)| Some((a.clone(), i.first()?.time))))
            .collect();
        let after = plan::plan(&plan::Input {
            settings: &self.memory.settings(),
            pinned: &BTreeMap::new(),
            wanted,
            snapshot: &snapshot,
            applied: &self.memory.applied,
            interrupted: &interrupted,
            tags: &view.tags,
            replace: &BTreeSet::new(),
            now: self.aws.clock().now(),
        })?;
        let named = |item: &Wanted| matches!(item.kind.about().discovery, Discovery::Prefix);
        let said = |item: &Wanted, id: &str| item.spec.get("name").and_then(Value::as_str) == Some(id);
        let hidden = new.iter().filter(|(item, c)| named(item) && !said(item, &c.live.id));
        Ok(Import {
            plan: Plan::adopting(steps),
            carriers,
            after,
            believed,
            unlike,
            hidden: hidden.map(|(_, c)| c.address.clone()).collect(),
            owned,
        })
    }

    /// Is there an import on this address that was not finished?
    fn importing(&self, address: &Address) -> bool {
        self.memory.open_at(address).iter().any(|i| i.call == apply::IMPORT)
            || self.memory.accepted.get(address).is_some_and(|all| all.iter().any(|a| a.call == apply::IMPORT))
    }

    /// An import that was killed half-way is finished before anything is planned on what it left: the plan would make a
    /// second object, or remove a part of the first.
    ///
    /// # Errors
    /// Each address with the command that finishes it.
    pub(super) fn imports_are_whole(&self, wanted: &[Wanted], view: &View) -> Result<(), Diagnostics> {
        let mut problems = Diagnostics::new();
        for (address, intents) in &self.memory.open {
            let live = view.snapshot.owned.get(address).map(|f| &*f.live);
            let concerned = live.is_some() || wanted.iter().any(|w| w.address == *address);
            for intent in intents.iter().filter(|i| i.call == apply::IMPORT && concerned && !apply::taken(i, live)) {
                let text = |key: &str| intent.params.get(key).and_then(Value::as_str);
                let members: Vec<&str> = match intent.params.get("members").and_then(Value::as_array) {
                    Some(all) => all.iter().filter_map(Value::as_str).collect(),
                    None => text("id").or_else(|| text("name")).into_iter().collect(),
                };
                let ids = members.join(" ");
                problems.push(
                    Diagnostic::error(
                        &codes::IMPORT_INTERRUPTED,
                        format!("the import of {ids} as {address} was interrupted"),
                    )
                    .at_address(address.as_str())
                    .with_help(format!("finish it first: `dlinfra import FILE {address} {ids}`")),
                );
            }
        }
        problems.into_result(()).map(|_| ())
    }
}

/// The field of a pair in the tag `dlinfra:spec`.
fn field(pair: &str) -> &str {
    pair.split('=').next().unwrap_or("")
}

/// The stack as it will be.
fn with(view: &View, new: &[(&Wanted, &Claim)], sets: &BTreeMap<Address, tags::Tags>) -> Result<Snapshot, Error> {
    let replaced: BTreeSet<&Address> = new.iter().map(|(_, c)| &c.address).collect();
    let mut all: Vec<Found> =
        view.snapshot.owned.iter().filter(|(a, _)| !replaced.contains(a)).map(|(_, f)| f.clone()).collect();
    for (item, claim) in new {
        let set = sets.get(&claim.address).cloned().unwrap_or_default();
        let mut live = claim.live.clone();
        live.address = claim.address.clone();
        live.tags.extend(set.clone());
        live.members.iter_mut().for_each(|m| m.tags.extend(set.clone()));
        snapshot::reveal(&mut live);
        all.push(Found { kind: item.kind, live: Arc::new(live) });
    }
    Snapshot::build(all, view.snapshot.existing.clone())
}

/// What is wanted, as far as it can be computed once everything is taken up.
fn settled(item: &Wanted, snapshot: &Snapshot) -> Result<Value, Diagnostics> {
    let known = |address: &str, name: &str| snapshot.output(address, name);
    let want =
        expression::evaluate(&item.spec, &known).map_err(|d| Diagnostics::from(d.at_address(item.address.as_str())))?;
    Ok(item.kind.canonical(&want).unwrap_or(want))
}

/// The memory of an import is what the blueprint says and the object is already: what differs was never applied, and
/// what the blueprint leaves out was never ours.
fn step(item: &Wanted, claim: &Claim, snapshot: &Snapshot, set: tags::Tags) -> Result<Step, Diagnostics> {
    let mut want = settled(item, snapshot)?;
    let summary = item.kind.summary(&claim.live.spec);
    spec::by_address(&mut want, &snapshot.ids);
    kind::conceal(item.kind.about(), &mut want);
    let mut agreed = Map::new();
    if let (Some(found), Some(want)) = (snapshot.owned.get(&claim.address), want.as_object()) {
        let (fields, _) = plan::differences(item.kind, &Value::Object(want.clone()), &found.live);
        let differs = |key: &str| fields.iter().any(|f| f.path.split('.').next() == Some(key));
        let same = want.iter().filter(|(k, v)| !v.is_null() && !spec::has_unknown(v) && !differs(k));
        agreed.extend(same.map(|(k, v)| (k.clone(), v.clone())));
    }
    Ok(Step {
        address: claim.address.clone(),
        kind: item.kind,
        action: Action::Adopt,
        class: None,
        fields: Vec::new(),
        outdated: Vec::new(),
        ending: Vec::new(),
        reason: String::new(),
        summary,
        expected_seconds: 2,
        want: Some(json!(agreed).into()),
        live: Some(Arc::new(claim.live.clone())),
        live_kind: None,
        stack_tags: Arc::new(set),
        untag: Vec::new(),
        protect: plan::Protect::Off,
        setting: Default::default(),
        lets_go: Default::default(),
        remember: None,
    })
}

fn is_same(ours: &Live, claimed: &Live) -> bool {
    if claimed.members.is_empty() {
        return ours.state != State::Partial && ours.id == claimed.id;
    }
    claimed.members.iter().all(|m| ours.members.iter().any(|o| o.id == m.id))
}
