//! The order of execution: creates follow edges, deletes run against them, a deletion waits for whoever lets go, and what
//! only one may have at a time is free before another one takes it.
//!
//! Whoever stays lets go of what goes as it is brought to what is wanted, which is least disturbing: a route table leaves
//! the old subnet when the new one is there. Where the new one cannot come before the old one is gone (both have one
//! range), that is a ring. Then the table lets go first, in a task of its own, and only in the fields that close the ring.
//! A ring in which nobody can let go is refused here, before anything ends.
use super::{Action, Decision, Edge, Operation, Plan, Summary, Task, claims, decide};
use crate::plan::codes;
use crate::{
    diagnostic::{Diagnostic, Diagnostics},
    graph::Dag,
    spec,
};
use std::collections::{BTreeMap, BTreeSet};

/// Arranges decisions into tasks with their order.
pub(super) fn arrange(mut decisions: Vec<Decision>) -> Result<Plan, Diagnostics> {
    let contested = claims::contested(&decisions);
    loop {
        let (tasks, dag, order) = match order(&decisions, &contested) {
            (tasks, dag, Ok(order)) => (tasks, dag, order),
            (tasks, _, Err(ring)) => {
                let ring: Vec<Task> = ring.into_iter().map(|n| tasks[n]).collect();
                let Some((step, fields)) = can_let_go(&decisions, &ring) else {
                    return Err(refused(&decisions, &contested, &ring));
                };
                decisions[step].step.lets_go.extend(fields);
                continue;
            }
        };
        let remaining = dag.remaining(&order, |n| tasks[n].seconds);
        let path = dag.critical_path(&remaining);
        let expected_seconds = path.first().map_or(0, |n| remaining[*n]);
        let mut critical_path: Vec<_> = path.iter().map(|n| decisions[tasks[*n].step].step.address.clone()).collect();
        critical_path.dedup();
        return finish(decisions, tasks, dag, &order, remaining, critical_path, expected_seconds);
    }
}

/// The fields through which the live object of a step points at an address.
fn through(decision: &Decision, address: &str) -> BTreeSet<String> {
    let Some(live) = &decision.step.live else { return BTreeSet::new() };
    spec::references(&live.spec).into_iter().filter(|(_, a)| a == address).map(|(field, _)| field).collect()
}

/// Who stays in a ring and can let go of what goes before it gets what takes its place, and in which fields.
fn can_let_go(decisions: &[Decision], ring: &[Task]) -> Option<(usize, BTreeSet<String>)> {
    let next = ring.iter().cycle().skip(1);
    ring.iter().zip(next).find_map(|(from, to)| {
        let (stays, goes) = (&decisions[from.step], &decisions[to.step].step);
        let after = from.operation == Operation::Make && to.operation == Operation::Remove && from.step != to.step;
        if !after || stays.step.action != Action::Update {
            return None;
        }
        let fields = through(stays, goes.address.as_str());
        let about = stays.step.kind.about();
        let names = |f: &&str| fields.contains(f.split('.').next().unwrap_or(f));
        let held = about.fixed.iter().chain(about.rolling).chain(about.holds).any(names);
        // What is left must be something that AWS can be asked for.
        let mut without = stays.step.live.as_ref()?.spec.clone();
        let lets: Vec<&str> = fields.iter().map(String::as_str).collect();
        spec::without(&mut without, &lets, &[goes.address.to_string()].into());
        let free = !held && !fields.is_subset(&stays.step.lets_go) && stays.step.kind.canonical(&without).is_ok();
        free.then_some((from.step, fields))
    })
}

/// A ring that nothing opens.
fn refused(decisions: &[Decision], contested: &[(usize, usize)], ring: &[Task]) -> Diagnostics {
    let addresses: Vec<&str> = ring.iter().map(|t| decisions[t.step].step.address.as_str()).collect();
    let in_ring = |step: usize| ring.iter().any(|t| t.step == step);
    let Some((holder, claimer)) = contested.iter().find(|(h, c)| in_ring(*h) && in_ring(*c)) else {
        return decide::in_a_ring(&addresses).into();
    };
    let (holder, claimer) = (&decisions[*holder].step, &decisions[*claimer].step);
    let text = format!(
        "{} can be created only after {} is deleted, and {} can be deleted only after {} exists",
        claimer.address, holder.address, holder.address, claimer.address
    );
    let fields: Vec<&str> = claimer.kind.about().claims.iter().map(|c| c.field).collect();
    let help = format!(
        "give {} another `{}`, or take it out of the blueprint, apply that, and put it back",
        claimer.address,
        fields.join("` or `")
    );
    Diagnostic::error(&codes::ENDLESS_MOVE, text)
        .at_address(claimer.address.as_str())
        .at_field(fields.first().copied().unwrap_or_default())
        .with_detail(format!("they wait for each other: {}", addresses.join(" > ")))
        .with_help(help)
        .into()
}

/// Tasks, who waits for whom, and an order; the nodes of a ring where there is none.
fn order(decisions: &[Decision], contested: &[(usize, usize)]) -> (Vec<Task>, Dag, Result<Vec<usize>, Vec<usize>>) {
    let mut tasks = tasks(decisions);
    let at: BTreeMap<(usize, Operation), usize> =
        tasks.iter().enumerate().map(|(i, t)| ((t.step, t.operation), i)).collect();
    let by_address: BTreeMap<&str, usize> =
        decisions.iter().enumerate().map(|(i, d)| (d.step.address.as_str(), i)).collect();
    let mut dag = Dag::new(tasks.len());
    let mut edge = |before: (usize, Operation), after: (usize, Operation)| {
        if let (Some(a), Some(b)) = (at.get(&before), at.get(&after)) {
            dag.edge(*a, *b);
        }
    };
    for (i, decision) in decisions.iter().enumerate() {
        edge((i, Operation::Clear), (i, Operation::Remove));
        edge((i, Operation::Clear), (i, Operation::Make));
        edge((i, Operation::Remove), (i, Operation::Make));
        for need in decision.needs.iter().filter(|n| !n.late) {
            if let Some(parent) = by_address.get(need.address.as_str()) {
                edge((*parent, Operation::Make), (i, Operation::Make));
            }
        }
        let needs: BTreeSet<&str> = decision.needs.iter().map(|n| n.address.as_str()).collect();
        for used in &decision.used {
            let Some(&parent) = by_address.get(used.address.as_str()) else { continue };
            if used.late {
                // Cleared first, so that neither side of a mutual reference holds the other.
                edge((i, Operation::Clear), (parent, Operation::Remove));
            } else {
                edge((i, Operation::Remove), (parent, Operation::Remove));
            }
            // Whoever stays must have let go before the parent can go.
            if !needs.contains(used.address.as_str()) && decision.step.action == Action::Update {
                let first = lets_go(decision, used.address.as_str());
                let lets = if first { Operation::Clear } else { Operation::Make };
                edge((i, lets), (parent, Operation::Remove));
            }
        }
    }
    for (holder, claimer) in contested {
        edge((*holder, Operation::Remove), (*claimer, Operation::Make));
    }
    link(decisions, &by_address, &at, &mut tasks, &mut dag);
    complete(decisions, &at, &mut dag);
    let key = |n: usize| {
        let (task, decision) = (&tasks[n], &decisions[tasks[n].step]);
        let spends = task.operation == Operation::Remove && decision.step.kind.about().spends;
        (!spends, task.step, task.operation)
    };
    let order = dag.order(key);
    (tasks, dag, order)
}

/// Does this step let go of an address before it is brought to what is wanted?
fn lets_go(decision: &Decision, address: &str) -> bool {
    !decision.step.lets_go.is_empty() && through(decision, address).is_subset(&decision.step.lets_go)
}

/// Late fields: what they point at comes first where that closes no ring; where it does, a task of its own applies them
/// once both ends are there. Whoever needs the resource waits for that task too, unless the ring goes through it.
fn link(
    decisions: &[Decision],
    by_address: &BTreeMap<&str, usize>,
    at: &BTreeMap<(usize, Operation), usize>,
    tasks: &mut Vec<Task>,
    dag: &mut Dag,
) {
    let made = |step: usize| at.get(&(step, Operation::Make)).copied();
    let mut late: Vec<(usize, (usize, usize))> = Vec::new();
    for (i, decision) in decisions.iter().enumerate() {
        let Some(make) = made(i) else { continue };
        for need in decision.needs.iter().filter(|n| n.late) {
            let parent = by_address.get(need.address.as_str()).copied().filter(|p| *p != i).and_then(made);
            late.extend(parent.map(|parent| (i, (parent, make))));
        }
    }
    let edges: Vec<(usize, usize)> = late.iter().map(|(_, edge)| *edge).collect();
    let added = dag.join(&edges);
    let mut links: BTreeMap<usize, usize> = BTreeMap::new();
    for ((i, (parent, make)), _) in late.into_iter().zip(added).filter(|(_, added)| !added) {
        let link = *links.entry(i).or_insert_with(|| {
            tasks.push(Task { step: i, operation: Operation::Link, seconds: 2 });
            let link = dag.node();
            dag.edge(make, link);
            link
        });
        dag.edge(parent, link);
    }
    let mut waits = Vec::new();
    for (i, decision) in decisions.iter().enumerate() {
        let Some(make) = made(i) else { continue };
        for need in decision.needs.iter().filter(|n| !n.late) {
            let link = by_address.get(need.address.as_str()).and_then(|p| links.get(p));
            waits.extend(link.map(|link| (*link, make)));
        }
    }
    dag.join(&waits);
}

/// Machines that start in a subnet wait for its route table, and so for the gateway that it leads to, unless the table
/// itself waits for them.
fn complete(decisions: &[Decision], at: &BTreeMap<(usize, Operation), usize>, dag: &mut Dag) {
    let made = |step: usize| at.get(&(step, Operation::Make)).copied();
    let mut completed_by: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (i, decision) in decisions.iter().enumerate() {
        let fields = decision.step.kind.about().completes;
        let (Some(make), Some(want), false) = (made(i), &decision.step.want, fields.is_empty()) else { continue };
        for (_, address) in spec::references(want).into_iter().filter(|(field, _)| fields.contains(&field.as_str())) {
            completed_by.entry(address).or_default().push(make);
        }
    }
    let mut waits = Vec::new();
    for (i, decision) in decisions.iter().enumerate().filter(|(_, d)| d.step.kind.about().starts) {
        let Some(make) = made(i) else { continue };
        let completers = decision.needs.iter().filter_map(|n| completed_by.get(&n.address)).flatten();
        waits.extend(completers.map(|completer| (*completer, make)));
    }
    dag.join(&waits);
}

fn tasks(decisions: &[Decision]) -> Vec<Task> {
    let mut out = Vec::new();
    let goes = |d: &Decision| matches!(d.step.action, Action::Replace | Action::Delete);
    let going: BTreeSet<&str> = decisions.iter().filter(|d| goes(d)).map(|d| d.step.address.as_str()).collect();
    for (step, decision) in decisions.iter().enumerate() {
        let s = &decision.step;
        let mut push = |operation, seconds| out.push(Task { step, operation, seconds });
        let removing = || {
            let kind = s.live_kind.unwrap_or(s.kind);
            s.live.as_ref().map_or(0, |l| kind.durations(&l.spec).delete.typical.as_secs())
        };
        let points_at_going =
            |u: &&Edge| u.late && u.address != s.address.as_str() && going.contains(u.address.as_str());
        let holds = decision.used.iter().any(|u| points_at_going(&u));
        match s.action {
            Action::Create | Action::Update | Action::Adopt => {
                // What it points at goes and comes back: it lets go, and points there again afterwards.
                let again = holds && decision.used.iter().filter(points_at_going).any(|u| decision.needs.contains(u));
                if again || !s.lets_go.is_empty() {
                    push(Operation::Clear, 1);
                }
                push(Operation::Make, s.expected_seconds);
            }
            Action::Replace | Action::Delete => {
                if holds {
                    push(Operation::Clear, 1);
                }
                push(Operation::Remove, removing());
                if s.action == Action::Replace {
                    push(Operation::Make, s.expected_seconds.saturating_sub(removing()));
                }
            }
            Action::Keep | Action::Read => {}
        }
    }
    out
}

/// Puts steps in order of execution (those without a task last, by address) and renumbers the tasks.
fn finish(
    mut decisions: Vec<Decision>,
    mut tasks: Vec<Task>,
    dag: Dag,
    order: &[usize],
    remaining: Vec<u64>,
    critical_path: Vec<crate::address::Address>,
    expected_seconds: u64,
) -> Result<Plan, Diagnostics> {
    let mut rank: Vec<usize> = vec![usize::MAX; decisions.len()];
    for (position, task) in order.iter().enumerate() {
        let slot = &mut rank[tasks[*task].step];
        *slot = (*slot).min(position);
    }
    let mut new_order: Vec<usize> = (0..decisions.len()).collect();
    new_order.sort_by_key(|i| (rank[*i], *i));
    let mut place = vec![0; decisions.len()];
    for (new, old) in new_order.iter().enumerate() {
        place[*old] = new;
    }
    tasks.iter_mut().for_each(|t| t.step = place[t.step]);
    // In place, so that a large plan is not held twice.
    for at in 0..place.len() {
        while place[at] != at {
            let to = place[at];
            decisions.swap(at, to);
            place.swap(at, to);
        }
    }
    let steps: Vec<_> = decisions.into_iter().map(|d| d.step).collect();
    let summary = Summary::of(&steps);
    let (images, choices, notes) = (BTreeMap::new(), BTreeMap::new(), Diagnostics::new());
    Ok(Plan { steps, tasks, dag, remaining, critical_path, expected_seconds, summary, images, choices, notes })
}
