//! From a Terraform state to claims: what stays, what was mapped by hand, what matching finds, and what it asks.
use super::{Args, Chosen, importable};
use crate::cli::Stop;
use crate::cli::codes;
use crate::cli::import;
use dlinfra::{
    diagnostic::{Diagnostic, Diagnostics, did_you_mean},
    engine::{By, Engine, ImportClaim, View},
    plan::Wanted,
    terraform::{
        matching::{Candidate, matching},
        state::State,
    },
};
use std::collections::BTreeMap;

pub(super) async fn from_terraform(
    args: &Args,
    state: &State,
    engine: &Engine,
    view: &View,
    wanted: &[Wanted],
) -> std::result::Result<Chosen, Stop> {
    let mut notes = Vec::new();
    let mut problems = Diagnostics::new();
    let mut state = state.clone();
    // What stays with Terraform.
    for name in &args.skip {
        let before = state.objects.len();
        state.objects.retain(|o| o.name != *name);
        if state.objects.len() == before {
            problems.push(unknown(name, &state));
        }
    }
    let mut maps = maps(args, &mut state, wanted, &mut problems);
    let (mut candidates, mut given) = (Vec::new(), BTreeMap::new());
    for object in &state.objects {
        for arn in &object.arns {
            engine.check_place(arn)?;
        }
        let Some(kind) = dlinfra::compose::kind(object.kind) else { continue };
        let mut found = engine.find(kind, &By::Ids(object.ids.clone()), view).await?;
        // Instances of one resource that have several owners are refused below, at the first of them.
        if found.is_empty() {
            notes.push(format!("{} ({}) does not exist any more", object.name, object.ids.join(", ")));
            maps.remove(&object.name);
            continue;
        }
        if let Some(address) = maps.remove(&object.name) {
            given.insert(candidates.len(), address);
        }
        candidates.push(Candidate { object: object.clone(), live: found.remove(0) });
    }
    problems.into_result(()).map(|_| ())?;
    let mut problems = Diagnostics::new();
    // What the stack has already explains what points at it, and is nobody else's.
    let free: Vec<&Wanted> = wanted.iter().filter(|w| w.existing.is_none()).collect();
    let matched = matching(&free, &candidates, given, view.snapshot.ids.clone());
    for (index, near) in &matched.open {
        let object = &candidates[*index].object;
        let options: Vec<String> = near
            .iter()
            .map(|(address, conflicts)| match conflicts.as_slice() {
                [] => address.to_string(),
                some => format!("{address} (differs in {})", some.join(", ")),
            })
            .collect();
        let first = near.first().map_or("ADDRESS", |(a, _)| a.as_str());
        problems.push(
            Diagnostic::error(
                &import::IMPORT_FITS_SEVERAL,
                format!("which resource is {} ({})?", object.name, object.ids.join(", ")),
            )
            .with_detail(format!("it could be {}", options.join(", ")))
            .with_help(format!(
                "say so: `--map '{}={first}'`; or leave it out: `--skip '{}'`",
                object.name, object.name
            )),
        );
    }
    problems.into_result(()).map(|_| ())?;
    for index in &matched.left {
        let object = &candidates[*index].object;
        notes.push(format!(
            "{} ({}) is left: the blueprint has no {} for it",
            object.name,
            object.ids.join(", "),
            object.kind
        ));
    }
    if !state.left.is_empty() {
        notes.push(format!("left to Terraform, dlinfra has no such kind: {}", state.left.join(", ")));
    }
    let mut names = Vec::new();
    let mut by_address: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for (index, address) in &matched.pairs {
        by_address.entry(address.clone()).or_default().push(*index);
    }
    let mut claims = Vec::new();
    for (address, indexes) in by_address {
        let mut ids = Vec::new();
        for index in &indexes {
            let object = &candidates[*index].object;
            names.extend(object.members.iter().cloned());
            ids.extend(object.ids.iter().cloned());
        }
        let of = |name: &str| ids.iter().any(|id| id == name);
        names.extend(state.parts.iter().filter(|p| p.of.iter().any(|id| of(id))).map(|p| p.name.clone()));
        let Some(item) = wanted.iter().find(|w| w.address == address) else { continue };
        match indexes.as_slice() {
            [one] => claims.push(ImportClaim { address, live: candidates[*one].live.clone() }),
            // Instances of several resources of the state are one group here.
            _ => claims.push(engine.find_one(item, &By::Ids(ids), view).await?),
        }
    }
    names.sort();
    names.dedup();
    Ok(Chosen { claims, notes, state: names })
}

fn unknown(name: &str, state: &State) -> Diagnostic {
    let all = state.objects.iter().flat_map(|o| o.members.iter().chain([&o.name])).map(String::as_str);
    let help = did_you_mean(name, all).map(|n| format!("did you mean `{n}`?"));
    Diagnostic::error(&import::MAPPING, format!("the state has no object `{name}` that can be imported"))
        .with_help_opt(help.or_else(|| Some("`terraform state list` shows the names".to_owned())))
}

/// The pairs that a person named. A member of a group can be mapped by itself: it becomes an object of its own.
fn maps(
    args: &Args,
    state: &mut State,
    wanted: &[Wanted],
    problems: &mut Diagnostics,
) -> BTreeMap<String, dlinfra::address::Address> {
    let mut out = BTreeMap::new();
    for pair in &args.map {
        // The last `=`: keys of `for_each` may hold one.
        let Some((name, address)) = pair.rsplit_once('=') else {
            problems.push(
                Diagnostic::error(&import::MAPPING, format!("`--map {pair}` has no `=`"))
                    .with_help("write `--map aws_vpc.main=network.vpc`"),
            );
            continue;
        };
        let Some(item) = wanted.iter().find(|w| w.address.as_str() == address) else {
            let help = did_you_mean(address, wanted.iter().map(|w| w.address.as_str()));
            problems.push(
                Diagnostic::error(&codes::NO_RESOURCE, format!("the blueprint has no resource at `{address}`"))
                    .with_help_opt(help.map(|n| format!("did you mean `{n}`?"))),
            );
            continue;
        };
        if let Err(stop) = importable(item) {
            problems.extend(stop.diagnostics);
            continue;
        }
        split_member(state, name);
        match state.objects.iter().find(|o| o.name == name) {
            None => problems.push(unknown(name, state)),
            Some(object) if object.kind != item.kind.name() => problems.push(
                Diagnostic::error(
                    &import::MAPPING,
                    format!("{name} is a {}, and {address} a {}", object.kind, item.kind.name()),
                )
                .with_help("map it to a resource of its kind"),
            ),
            Some(_) => drop(out.insert(name.to_owned(), item.address.clone())),
        }
    }
    out
}

fn split_member(state: &mut State, name: &str) {
    if state.objects.iter().any(|o| o.name == name) {
        return;
    }
    let Some(group) = state.objects.iter_mut().find(|o| o.members.len() > 1 && o.members.iter().any(|m| m == name))
    else {
        return;
    };
    let Some(at) = group.members.iter().position(|m| m == name) else { return };
    let mut one = group.clone();
    one.name = group.members.remove(at);
    one.members = vec![one.name.clone()];
    one.ids = vec![group.ids.remove(at)];
    state.objects.push(one);
}
