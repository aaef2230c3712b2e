//! The order of execution: creates follow edges, deletes run against them, and a deletion waits for whoever lets go.
use super::{Action, Decision, Operation, Plan, Summary, Task, decide};
use crate::{diagnostic::Diagnostics, graph::Dag};
use std::collections::BTreeMap;

/// Arranges decisions into tasks with their order.
pub(super) fn arrange(decisions: Vec<Decision>) -> Result<Plan, Diagnostics> {
    let tasks = tasks(&decisions);
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
        edge((i, Operation::Remove), (i, Operation::Make));
        for need in decision.needs.iter().filter(|n| !n.late) {
            if let Some(parent) = by_address.get(need.address.as_str()) {
                edge((*parent, Operation::Make), (i, Operation::Make));
            }
        }
        for used in &decision.used {
            let Some(&parent) = by_address.get(used.address.as_str()) else { continue };
            if used.late {
                // Cleared first, so that neither side of a mutual reference holds the other.
                edge((i, Operation::Clear), (parent, Operation::Remove));
            } else {
                edge((i, Operation::Remove), (parent, Operation::Remove));
            }
            // Whoever stays must have let go before the parent can go.
            let lets_go = !decision.needs.iter().any(|n| n.address == used.address);
            if lets_go && decision.step.action == Action::Update {
                edge((i, Operation::Make), (parent, Operation::Remove));
            }
        }
    }
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

fn tasks(decisions: &[Decision]) -> Vec<Task> {
    let mut out = Vec::new();
    for (step, decision) in decisions.iter().enumerate() {
        let s = &decision.step;
        let mut push = |operation, seconds| out.push(Task { step, operation, seconds });
        let removing = || {
            let kind = s.live_kind.unwrap_or(s.kind);
            s.live.as_ref().map_or(0, |l| kind.durations(&l.spec).delete.typical.as_secs())
        };
        match s.action {
            Action::Create | Action::Update | Action::Adopt => push(Operation::Make, s.expected_seconds),
            Action::Replace | Action::Delete => {
                if decision.used.iter().any(|u| u.late && u.address != s.address.as_str()) {
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
    Ok(Plan { steps, tasks, dag, remaining, critical_path, expected_seconds, summary })
}
