//! An import as text and as JSON: which objects get tags, which fields are believed, and what is left to apply.
use super::{
    plan::{self as plan_report, Header, Show},
    screen::{self, Screen},
    table::{Column, Table},
};
use crate::{aws::tags::Carrier, engine::Import, plan::Step};
use anstyle::Style;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// More ids than this are counted instead of listed.
const LISTED: usize = 6;

/// What will be tagged, and what that leaves.
pub fn text(header: &Header, import: &Import, screen: Screen) -> String {
    let mut out = String::new();
    plan_report::heading(header, screen, &mut out);
    let steps = &import.plan.steps;
    let mut table = Table::new(&[Column::whole(""), Column::whole(""), Column::words("")]);
    for step in steps {
        let objects = import.carriers.get(&step.address).map(Vec::as_slice).unwrap_or_default();
        table.row(screen::TAKEN, [format!(">   {}", step.address), step.summary.clone(), ids(step, objects)]);
        let mut under = |fields: &[String], words: String| {
            let mut lines = String::new();
            screen.paragraph(&mut lines, "      ", Style::new(), &format!("{} {words}", fields.join(", ")), 8);
            table.under(&lines);
        };
        if let Some(fields) = import.believed.get(&step.address) {
            let verb = if fields.len() == 1 { "is" } else { "are" };
            under(fields, format!("{verb} taken as the blueprint says: AWS does not return this"));
        }
        if let Some(fields) = import.unlike.get(&step.address) {
            let verb = if fields.len() == 1 { "differs" } else { "differ" };
            under(fields, format!("{verb} from the blueprint"));
        }
    }
    table.render(screen, &mut out);
    for (address, id) in &import.owned {
        let _ = writeln!(out, "=   {address}: {id} belongs to this stack already");
    }
    if steps.is_empty() {
        out.push_str("Nothing to import\n");
        return out;
    }
    let objects: usize = import.carriers.values().flatten().map(|c| c.ids.len()).sum();
    let _ = writeln!(
        out,
        "Import: {}; {} {} ownership tags, nothing else is changed",
        count(steps.len(), "resource"),
        count(objects, "object"),
        if objects == 1 { "gets" } else { "get" }
    );
    if let Some(step) = steps.first() {
        let varies = ["dlinfra:address", "dlinfra:spec"];
        let tags = step.stack_tags.iter().filter(|(k, _)| !varies.contains(k)).map(|(k, v)| format!("{k}={v}"));
        let _ = writeln!(
            out,
            "Tags: {}, and dlinfra:address, :intent, :part, :spec of each",
            tags.collect::<Vec<_>>().join(", ")
        );
    }
    if let Some(bucket) = &header.new_bucket {
        let _ = writeln!(
            out,
            "The bucket {bucket} will be made for the journal: private, versioned, encrypted (this account has none yet)"
        );
    }
    if !import.hidden.is_empty() {
        let names: Vec<&str> = import.hidden.iter().map(crate::address::Address::as_str).collect();
        let _ = writeln!(
            out,
            "Note: the names of {} do not follow from the blueprint: the journal keeps them, do not lose it",
            names.join(", ")
        );
    }
    if import.after.is_empty() {
        out.push_str("After it the plan is empty: what is live is what the blueprint says\n");
    } else {
        out.push_str("After it `dlinfra plan` will show what differs from the blueprint:\n");
        let whole = plan_report::text(
            &Header { new_bucket: None, end: None, idle: None, ..header.clone() },
            &import.after,
            &Show { screen: screen.less(2), ..Show::PLAIN },
        );
        // The heading stands above already.
        let mut heading = String::new();
        plan_report::heading(header, screen.less(2), &mut heading);
        for line in whole.lines().skip(heading.lines().count()) {
            let _ = writeln!(out, "  {line}");
        }
    }
    out
}

fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// An ARN ends with the id, which of a name may be several words of a path.
fn short<'a>(step: &'a Step, id: &'a str) -> &'a str {
    match &step.live {
        _ if !id.starts_with("arn:") => id,
        Some(live) if id.ends_with(&live.id) => &live.id,
        _ => id.rsplit('/').next().unwrap_or(id),
    }
}

/// The primary object first, then what goes with it by part.
fn ids(step: &Step, carriers: &[Carrier]) -> String {
    let (main, parts): (Vec<&Carrier>, Vec<&Carrier>) = carriers.iter().partition(|c| c.is_primary());
    let list = |ids: &[&str]| match ids.len() {
        0..=LISTED => ids.iter().map(|id| short(step, id)).collect::<Vec<_>>().join(", "),
        n => format!("{} and {} more", ids[..LISTED].join(", "), n - LISTED),
    };
    let mut main: Vec<&str> = main.iter().flat_map(|c| c.ids.iter().map(String::as_str)).collect();
    if main.is_empty() {
        main = step.live.iter().map(|l| l.id.as_str()).collect();
    }
    let parts: Vec<String> = parts
        .iter()
        .map(|c| match c.ids.as_slice() {
            [one] => format!("{} {}", c.part, short(step, one)),
            many => format!("{} x {}", many.len(), c.part),
        })
        .collect();
    match parts.as_slice() {
        [] => list(&main),
        some => format!("{}, with {}", list(&main), some.join(", ")),
    }
}

/// The same as fields of a JSON document.
pub fn json(header: &Header, import: &Import) -> Value {
    let steps: Vec<Value> = import
        .plan
        .steps
        .iter()
        .map(|step| {
            let carriers = import.carriers.get(&step.address).map(Vec::as_slice).unwrap_or_default();
            let objects: Vec<Value> = carriers
                .iter()
                .flat_map(|c| c.ids.iter().map(|id| json!({ "id": id, "part": c.part })).collect::<Vec<_>>())
                .collect();
            json!({
                "address": step.address, "kind": step.kind.name(), "id": step.live.as_ref().map(|l| l.id.clone()),
                "objects": objects, "tags": step.tags(),
                "believed": import.believed.get(&step.address).cloned().unwrap_or_default(),
                "differs": import.unlike.get(&step.address).cloned().unwrap_or_default(),
            })
        })
        .collect();
    let owned: Vec<Value> = import.owned.iter().map(|(a, id)| json!({ "address": a, "id": id })).collect();
    json!({
        "stack": header.stack, "account": header.account, "region": header.region, "imports": steps, "owned": owned,
        "journal": { "place": header.journal, "makes_bucket": header.new_bucket },
        "hidden": import.hidden, "after": plan_report::json(header, "plan", &import.after, None, &json!([])),
    })
}
