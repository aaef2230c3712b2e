//! Which object of a state is which resource of the blueprint: by what they are first, by what they are called second.
use super::state::Object;
use crate::{
    address::Address,
    plan::{self, Wanted},
    resource::Live,
    spec::{self, Node},
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// An object of the state as it is now.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// What the state says.
    pub object: Object,
    /// What AWS says.
    pub live: Live,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Matched {
    /// Candidate by number, and its address.
    pub pairs: BTreeMap<usize, Address>,
    /// Candidates that could be several resources, or that differ from all: with those resources and what differs.
    pub open: BTreeMap<usize, Vec<(Address, Vec<String>)>>,
    /// Candidates for which the blueprint has no resource of their kind left.
    pub left: Vec<usize>,
}

/// How an object compares with a resource.
struct Fit {
    /// Fields that differ, and cannot be changed in place.
    conflicts: Vec<String>,
    /// Other fields that differ.
    differs: usize,
    /// Fields that point at something that is not matched yet.
    unknown: usize,
}

/// Finds pairs until nothing new follows: each pair tells more about what points at it.
///
/// `given` holds the pairs that a person named; `ids` maps what is known already (ids of the stack's objects).
pub fn matching(
    wanted: &[&Wanted],
    candidates: &[Candidate],
    given: BTreeMap<usize, Address>,
    mut ids: BTreeMap<String, String>,
) -> Matched {
    let mut out = Matched { pairs: given, ..Matched::default() };
    for (index, address) in &out.pairs {
        learn(&candidates[*index].live, address, &mut ids);
    }
    loop {
        let fits = fits(wanted, candidates, &out.pairs, &ids);
        let good = |f: &Fit| f.conflicts.is_empty();
        let exact = |_: &Candidate, _: &Wanted, f: &Fit| good(f) && f.differs == 0 && f.unknown == 0;
        let named = |c: &Candidate, w: &Wanted, f: &Fit| good(f) && same_name(c, w);
        let any = |_: &Candidate, _: &Wanted, f: &Fit| good(f);
        let found = unique(wanted, candidates, &fits, &exact)
            .or_else(|| unique(wanted, candidates, &fits, &named))
            .or_else(|| unique(wanted, candidates, &fits, &any));
        let Some((index, address)) = found else {
            for index in (0..candidates.len()).filter(|i| !out.pairs.contains_key(i)).collect::<Vec<_>>() {
                let mut near: Vec<(Address, Vec<String>)> = Vec::new();
                for (w, f) in wanted.iter().enumerate().filter_map(|(w, _)| Some((w, fits.get(&(index, w))?))) {
                    near.push((wanted[w].address.clone(), f.conflicts.clone()));
                }
                // What fits is what it could be; only if nothing does, what it nearly is.
                if near.iter().any(|(_, conflicts)| conflicts.is_empty()) {
                    near.retain(|(_, conflicts)| conflicts.is_empty());
                }
                if near.is_empty() { out.left.push(index) } else { drop(out.open.insert(index, near)) }
            }
            return out;
        };
        learn(&candidates[index].live, &address, &mut ids);
        out.pairs.insert(index, address);
    }
}

fn learn(live: &Live, address: &Address, ids: &mut BTreeMap<String, String>) {
    let all = live.ids.iter().chain([&live.id]).chain(live.parts.values()).filter(|i| !i.is_empty());
    ids.extend(all.map(|id| (id.clone(), address.to_string())));
}

/// Every pair of one kind that is still possible, by number of candidate and of resource.
fn fits(
    wanted: &[&Wanted],
    candidates: &[Candidate],
    pairs: &BTreeMap<usize, Address>,
    ids: &BTreeMap<String, String>,
) -> BTreeMap<(usize, usize), Fit> {
    let mut out = BTreeMap::new();
    let matched: BTreeSet<&str> = ids.values().map(String::as_str).collect();
    for (c, candidate) in candidates.iter().enumerate().filter(|(i, _)| !pairs.contains_key(i)) {
        let mut live = candidate.live.clone();
        crate::snapshot::by_address(&mut live, ids);
        for (w, item) in wanted.iter().enumerate() {
            if item.kind.name() == candidate.object.kind && !pairs.values().any(|a| *a == item.address) {
                out.insert((c, w), fit(item, &live, ids, &matched));
            }
        }
    }
    out
}

fn fit(item: &Wanted, live: &Live, ids: &BTreeMap<String, String>, matched: &BTreeSet<&str>) -> Fit {
    let about = item.kind.about();
    let mut want = Value::clone(&item.spec);
    spec::by_address(&mut want, ids);
    crate::kind::conceal(about, &mut want);
    let (fields, _) = plan::differences(item.kind, &want, live);
    let mut out = Fit { conflicts: Vec::new(), differs: 0, unknown: 0 };
    for field in fields {
        let top = field.path.split('.').next().unwrap_or("");
        if about.unreadable.contains(&top) {
            continue;
        }
        if spec::has_unknown(&field.after) || pending(&field.before, matched) || pending(&field.after, matched) {
            out.unknown += 1;
        } else if about.fixed.iter().any(|f| *f == top || *f == field.path) {
            out.conflicts.push(field.path);
        } else {
            out.differs += 1;
        }
    }
    out
}

/// Does it point at something that is not matched yet?
fn pending(value: &Value, matched: &BTreeSet<&str>) -> bool {
    match spec::node(value) {
        Node::Pointer { address: Some(address), .. } => !matched.contains(address),
        Node::Pointer { .. } => true,
        _ => match value {
            Value::Object(map) => map.values().any(|v| pending(v, matched)),
            Value::Array(items) => items.iter().any(|v| pending(v, matched)),
            _ => false,
        },
    }
}

/// A pair that is each other's only one.
fn unique(
    wanted: &[&Wanted],
    candidates: &[Candidate],
    fits: &BTreeMap<(usize, usize), Fit>,
    rule: &dyn Fn(&Candidate, &Wanted, &Fit) -> bool,
) -> Option<(usize, Address)> {
    let good: Vec<(usize, usize)> =
        fits.iter().filter(|((c, w), f)| rule(&candidates[*c], wanted[*w], f)).map(|(pair, _)| *pair).collect();
    let alone = |(c, w): &&(usize, usize)| good.iter().filter(|(x, y)| x == c || y == w).count() == 1;
    good.iter().find(alone).map(|(c, w)| (*c, wanted[*w].address.clone()))
}

/// `net-private-0`, `private[0]` and `network.private-0` are near enough when one has all the letters of the other's
/// last name.
fn same_name(candidate: &Candidate, item: &Wanted) -> bool {
    let plain = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let object = &candidate.object;
    let index = object.name.rsplit_once('[').map_or("", |(_, key)| key);
    let theirs = [
        Some(plain(&object.label)),
        Some(plain(&format!("{}{index}", object.label))),
        object.name_tag.as_deref().map(plain),
        candidate.live.tags.get("Name").map(|n| plain(n)),
    ];
    let address = item.address.as_str();
    let first = address.split(['.', '/']).next().unwrap_or(address);
    let ours = [plain(address), plain(item.address.leaf()), plain(first)];
    theirs.iter().flatten().any(|t| ours.contains(t))
}
