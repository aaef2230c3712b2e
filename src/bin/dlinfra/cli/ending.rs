//! How an execution ended: its exit code, its closing words, and its last line in JSON.
use super::Exit;
use dlinfra::{
    diagnostic::Diagnostics,
    engine::Outcome,
    plan::Plan,
    report::{cost::PlanFigures, plan as report},
};
use serde_json::{Value, json};

/// How an execution ended, as an exit code.
pub(super) fn exit(outcome: &Outcome) -> Exit {
    match outcome {
        o if o.cancelled => Exit::Interrupted,
        o if o.complete() => Exit::Ok,
        // A lock that was lost after everything was done still leaves a journal without its end.
        o if o.trouble.is_some() => Exit::Partial,
        o if o.failed.is_empty() || o.done > 0 || o.taken_on || !o.pending.is_empty() => Exit::Partial,
        _ => Exit::Error,
    }
}

/// The closing words of an execution.
pub(super) fn closing(verb: &str, plan: &Plan, outcome: &Outcome) -> String {
    let s = plan.summary;
    if outcome.complete() {
        let mut parts = Vec::new();
        for (n, what) in [
            (s.create, "created"),
            (s.update, "updated"),
            (s.replace, "replaced"),
            (s.delete, "deleted"),
            (s.adopt, "adopted"),
        ] {
            if n > 0 {
                parts.push(format!("{n} {what}"));
            }
        }
        return format!("{verb}: {}", parts.join(", "));
    }
    let mut out = format!(
        "not complete: {} done, {} failed, {} pending, {} not tried",
        outcome.done,
        outcome.failed.len(),
        outcome.pending.len(),
        outcome.skipped.len()
    );
    for (address, error) in &outcome.failed {
        out.push_str(&format!("\n  {address}: {error}"));
    }
    for (address, why) in &outcome.pending {
        out.push_str(&format!("\n  {address}: {why}"));
    }
    out
}

/// The last JSON line.
pub(super) fn summary(
    command: &str,
    header: &report::Header,
    plan: &Plan,
    outcome: &Outcome,
    money: &PlanFigures,
    notes: &Diagnostics,
) -> Value {
    let failed: Vec<_> = outcome
        .failed
        .iter()
        .map(|(a, e)| json!({ "address": a, "error": e.to_string(), "code": e.code, "help": e.help }))
        .collect();
    let pending: Vec<_> = outcome.pending.iter().map(|(a, why)| json!({ "address": a, "reason": why })).collect();
    json!({
        "type": "summary", "format_version": 1, "command": command, "stack": header.stack, "account": header.account,
        "region": header.region, "summary": plan.summary, "complete": outcome.complete(), "done": outcome.done,
        "failed": failed, "pending": pending, "skipped": outcome.skipped, "cost": money.totals(),
        "diagnostics": notes,
    })
}
