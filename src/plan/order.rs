//! The order of execution: creates follow edges, deletes run against them, and a deletion waits for whoever lets go.
use super::{Action, Decision, Edge, Operation, Plan, Summary, Task, decide};
use crate::{diagnostic::Diagnostics, graph::Dag, spec};
use std::collections::{BTreeMap, BTreeSet};

/// Arranges decisions into tasks with their order.
pub(super) fn arrange(decisions: Vec<Decision>) -> Result<Plan, Diagnostics> {
    let mut tasks = tasks(&decisions);
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
                edge((i, Operation::Make), (parent, Operation::Remove));
            }
        }
    }
    link(&decisions, &by_address, &at, &mut tasks, &mut dag);
    complete(&decisions, &at, &mut dag);
    let key = |n: usize| {
        let (task, decision) = (&tasks[n], &decisions[tasks[n].step]);
        let spends = task.operation == Operation::Remove && decision.step.kind.about().spends;
        (!spends, task.step, task.operation)
    };
    let order = dag.order(key).map_err(|ring| {
        decide::cycle(&ring.iter().map(|n| decisions[tasks[*n].step].step.address.as_str()).collect::<Vec<_>>())
    })?;
    let remaining = dag.remaining(&order, |n| tasks[n].seconds);
    let path = dag.critical_path(&remaining);
    let expected_seconds = path.first().map_or(0, |n| remaining[*n]);
    let mut critical_path: Vec<_> = path.iter().map(|n| decisions[tasks[*n].step].step.address.clone()).collect();
    critical_path.dedup();
    finish(decisions, tasks, dag, &order, remaining, critical_path, expected_seconds)
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
                if holds && decision.used.iter().filter(points_at_going).any(|u| decision.needs.contains(u)) {
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
    decisions: Vec<Decision>,
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
    let mut slots: Vec<Option<_>> = decisions.into_iter().map(|d| Some(d.step)).collect();
    let steps: Vec<_> = new_order.into_iter().filter_map(|i| slots[i].take()).collect();
    let mut summary = Summary::default();
    for step in &steps {
        match step.action {
            Action::Create => summary.create += 1,
            Action::Update => summary.update += 1,
            Action::Replace => summary.replace += 1,
            Action::Delete => summary.delete += 1,
            Action::Adopt => summary.adopt += 1,
            Action::Keep => summary.keep += 1,
            Action::Read => summary.read += 1,
        }
    }
    let (images, notes) = (BTreeMap::new(), Diagnostics::new());
    Ok(Plan { steps, tasks, dag, remaining, critical_path, expected_seconds, summary, images, notes })
}
