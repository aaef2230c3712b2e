//! A plan as text and as JSON.
use super::{
    change::{self, Revealed},
    cost::PlanFigures,
    screen::{self, Screen},
    table::{Column, Table},
};
use crate::{
    plan::{Action, ChangeClass, Plan, Step},
    spec::{self, Node},
};
use anstyle::Style;
use serde_json::{Value, json};
use std::{collections::BTreeMap, fmt::Write as _};

/// What stands above a plan.
#[derive(Debug, Clone)]
pub struct Header {
    /// The stack.
    pub stack: String,
    /// The region.
    pub region: String,
    /// Twelve digits.
    pub account: String,
    /// `account 1234 (caller)` or `SANDBOX …`.
    pub place: String,
    /// Where the journal lies.
    pub journal: String,
    /// The bucket that apply makes for the journal first, if there is none yet.
    pub new_bucket: Option<String>,
    /// How the end of a stack with a ttl is kept.
    pub end: Option<String>,
    /// When machines end themselves before that.
    pub idle: Option<String>,
}

/// More steps than this are folded by module.
const FOLD: usize = 60;

/// Seconds as people read them: `5s`, `8m00s`, `1h05m`.
pub fn time(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

fn symbol(step: &Step) -> &'static str {
    match (step.action, step.class) {
        (Action::Replace | Action::Delete, Some(ChangeClass::DestroysData)) => "!",
        (Action::Create, _) => "+",
        (Action::Update, _) => "~",
        (Action::Replace, _) => "-/+",
        (Action::Delete, _) => "-",
        (Action::Adopt, _) => ">",
        (Action::Keep | Action::Read, _) => "=",
    }
}

/// A value on one line; scripts and secrets are never shown.
pub fn value(value: &Value) -> String {
    match spec::node(value) {
        Node::Pointer { address, id } => return address.or(id).unwrap_or("nothing").to_owned(),
        Node::Attribute { address, name } => return format!("{address}.{name} (known after apply)"),
        Node::Expression(_) => return "(known after apply)".to_owned(),
        Node::Digest(hex) => return format!("(digest {hex})"),
        Node::Novel(text) => return text.to_owned(),
        Node::Plain => {}
    }
    match value {
        Value::Null => "(AWS's default)".to_owned(),
        // On one line, whatever is in it.
        Value::String(text) => text.replace('\n', "\\n"),
        Value::Array(items) => {
            let texts: Vec<String> = items.iter().map(self::value).collect();
            format!("[{}]", texts.join(", "))
        }
        // A script is shown by its name and digest, never as text.
        Value::Object(map) if map.contains_key("text") && map.contains_key("sha256") => {
            let part = |key: &str| map.get(key).and_then(Value::as_str).unwrap_or("");
            format!("{} (sha256 {})", part("name"), part("sha256").get(..12).unwrap_or(""))
        }
        Value::Object(map) if map.contains_key("$secret") || map.contains_key("$parameter") => "(secret)".to_owned(),
        Value::Object(map) => {
            let texts: Vec<String> = map.iter().map(|(k, v)| format!("{k}: {}", self::value(v))).collect();
            format!("{{{}}}", texts.join(", "))
        }
        other => other.to_string(),
    }
}

fn class(step: &Step) -> Option<&'static str> {
    match (step.action, step.class?) {
        (_, ChangeClass::DestroysData) => Some("destroys data"),
        (Action::Update, ChangeClass::Rolling) => Some("rolling"),
        (Action::Update, _) => Some("in place"),
        (Action::Replace, _) => Some("replace"),
        _ => None,
    }
}

/// How a plan is shown.
#[derive(Debug, Clone, Copy)]
pub struct Show<'a> {
    /// Where it is read.
    pub screen: Screen,
    /// Every resource of a large plan.
    pub full: bool,
    /// What it costs.
    pub cost: Option<&'a PlanFigures>,
    /// What stands behind digests.
    pub revealed: Option<&'a Revealed>,
}

impl Show<'_> {
    /// For a file, with nothing beside the plan.
    pub const PLAIN: Show<'static> = Show { screen: Screen::PLAIN, full: false, cost: None, revealed: None };
}

/// The plan as text.
pub fn text(header: &Header, plan: &Plan, show: &Show<'_>) -> String {
    let mut out = String::new();
    heading(header, show.screen, &mut out);
    if let Some(bucket) = header.new_bucket.as_ref().filter(|_| !plan.is_empty()) {
        let words = format!(
            "The bucket {bucket} will be made for the journal: private, versioned, encrypted (this account has none yet)"
        );
        show.screen.paragraph(&mut out, "", Style::new(), &words, 2);
    }
    for words in [&header.end, &header.idle].into_iter().flatten().filter(|_| !plan.is_empty()) {
        show.screen.paragraph(&mut out, "", Style::new(), words, 2);
    }
    let shown: Vec<&Step> = plan.steps.iter().filter(|s| s.action != Action::Keep || !s.reason.is_empty()).collect();
    let changing = shown.iter().any(|s| !matches!(s.action, Action::Keep | Action::Read));
    if changing {
        if shown.len() > FOLD && !show.full {
            folded(&mut out, &shown, show);
        } else {
            steps(&mut out, &shown, plan, show);
        }
    }
    footer(&mut out, plan, show);
    out
}

/// The line above every report of a stack.
pub fn heading(header: &Header, screen: Screen, out: &mut String) {
    let rest = format!("   {}   {}", header.region, header.place);
    screen.paragraph(out, &header.stack, Style::new(), &rest, 2);
}

fn style(step: &Step) -> Style {
    match (step.action, step.class) {
        (Action::Replace | Action::Delete, Some(ChangeClass::DestroysData)) => screen::LOST,
        (Action::Create, _) => screen::MADE,
        (Action::Update, _) => screen::CHANGED,
        (Action::Replace | Action::Delete, _) => screen::GONE,
        (Action::Adopt, _) => screen::TAKEN,
        (Action::Keep | Action::Read, _) => screen::QUIET,
    }
}

/// What a step is about, on one line.
fn subject(step: &Step) -> String {
    if step.action != Action::Read {
        return step.summary.clone();
    }
    let id = step.live.as_ref().map_or(String::new(), |live| format!(" {}", live.id));
    let comma = if step.summary.is_empty() { "" } else { ", " };
    format!("{}{comma}existing{id}, only read", step.summary)
}

fn steps(out: &mut String, shown: &[&Step], plan: &Plan, show: &Show<'_>) {
    let mut table =
        Table::new(&[Column::whole(""), Column::words(""), Column::figures("$/h"), Column::figures("time")]);
    for step in shown {
        let money = show.cost.and_then(|c| c.steps.get(step.address.as_str()));
        let money = money.map_or("-".to_owned(), |figures| figures.column(step.action == Action::Delete));
        let time = if step.expected_seconds == 0 { "-".to_owned() } else { time(step.expected_seconds) };
        table.row(style(step), [format!("{:3} {}", symbol(step), step.address), subject(step), money, time]);
        table.under(&details(step, plan, show));
    }
    table.render(show.screen, out);
}

/// Why, and which fields change.
fn details(step: &Step, plan: &Plan, show: &Show<'_>) -> String {
    let screen = show.screen;
    let mut out = String::new();
    if matches!(step.action, Action::Create | Action::Read) && step.reason.starts_with("it does not exist") {
        return out;
    }
    if step.action != Action::Read {
        let words = match (class(step), step.reason.as_str()) {
            (Some(class), "") => class.to_owned(),
            (Some(class), reason) => format!("{class}: {reason}"),
            (None, reason) => reason.to_owned(),
        };
        if !words.is_empty() {
            screen.paragraph(&mut out, "      ", Style::new(), &words, 8);
        }
    }
    let revealed = show.revealed.and_then(|all| all.get(&step.address));
    for field in &step.fields {
        let known = revealed.and_then(|fields| fields.get(field.path.as_str()));
        change::field(&mut out, screen, step, plan, field, known);
    }
    if !step.outdated.is_empty() {
        let words = format!("members to replace, one after the other: {}", step.outdated.join(", "));
        screen.paragraph(&mut out, "      ", Style::new(), &words, 8);
    }
    if !step.ending.is_empty() {
        let words = format!("members to end: {}", step.ending.join(", "));
        screen.paragraph(&mut out, "      ", Style::new(), &words, 8);
    }
    out
}

fn folded(out: &mut String, shown: &[&Step], show: &Show<'_>) {
    let mut modules: BTreeMap<String, BTreeMap<&str, (usize, Style)>> = BTreeMap::new();
    for step in shown {
        let address = step.address.as_str();
        let module = address.split(['.', '/']).next().unwrap_or(address).to_owned();
        modules.entry(module).or_default().entry(symbol(step)).or_insert((0, style(step))).0 += 1;
    }
    for (module, counts) in modules {
        let texts: Vec<String> =
            counts.iter().map(|(s, (n, style))| show.screen.paint(*style, &format!("{s} {n}"))).collect();
        let _ = writeln!(out, "    {module}: {}", texts.join("   "));
    }
    let _ = writeln!(out, "    (folded by module; `--full` shows every resource)");
}

fn footer(out: &mut String, plan: &Plan, show: &Show<'_>) {
    let s = &plan.summary;
    let screen = show.screen;
    let plain = Style::new();
    if plan.is_empty() {
        let read = if s.read > 0 { format!("; {} only read", s.read) } else { String::new() };
        let words = format!(
            " {} as the blueprint says{read}",
            if s.keep == 1 { "1 resource is".to_owned() } else { format!("{} resources are", s.keep) }
        );
        return screen.paragraph(out, "No changes:", plain, &words, 2);
    }
    let mut tail = String::new();
    let stay = plan.staying().count();
    let counts = [(s.adopt, "to adopt"), (stay, "to stay"), (s.keep - stay, "unchanged"), (s.read, "only read")];
    for (n, what) in counts {
        if n > 0 {
            let _ = write!(tail, "; {n} {what}");
        }
    }
    let counts = format!(
        " {} to create, {} to update, {} to replace, {} to delete{tail}",
        s.create, s.update, s.replace, s.delete
    );
    screen.paragraph(out, "Plan:", plain, &counts, 6);
    if let Some(cost) = show.cost {
        let line = cost.line();
        let (head, figures) = line.split_once(": ").unwrap_or(("Cost", &line));
        screen.paragraph(out, &format!("{head}:"), plain, &format!(" {figures}"), 6);
        if cost.prices.refreshed > 0 {
            screen.paragraph(out, "Prices:", plain, &format!(" {}", cost.prices.words()), 6);
        }
        if let Some(hint) = &cost.hint {
            screen.paragraph(out, "Hint:", plain, &format!(" {hint}"), 6);
        }
    }
    let path: Vec<&str> = plan.critical_path.iter().map(crate::address::Address::as_str).collect();
    let minutes = plan.expected_seconds.div_ceil(60).max(1);
    let about = if plan.expected_seconds < 60 { time(plan.expected_seconds) } else { format!("{minutes}m") };
    screen.paragraph(out, "Time:", plain, &format!(" about {about} ({})", path.join(" > ")), 6);
    let (words, style) = risk(plan);
    screen.paragraph(out, "Risk:", style, &format!(" {words}"), 6);
}

/// What is lost, and how loud to say it.
fn risk(plan: &Plan) -> (String, Style) {
    let mut parts = Vec::new();
    let mut list = |what: &str, pick: &dyn Fn(&Step) -> bool| {
        let names: Vec<&str> = plan.steps.iter().filter(|s| pick(s)).map(|s| s.address.as_str()).collect();
        match names.len() {
            0 => {}
            1..=4 => parts.push(format!("{what}: {}", names.join(", "))),
            n => parts.push(format!("{what}: {} and {} more", names[..3].join(", "), n - 3)),
        }
    };
    list("DESTROYS DATA", &|s| s.class == Some(ChangeClass::DestroysData));
    list("replaces", &|s| s.action == Action::Replace && s.class != Some(ChangeClass::DestroysData));
    list("replaces members of", &|s| s.class == Some(ChangeClass::Rolling));
    list("deletes", &|s| s.action == Action::Delete && s.class != Some(ChangeClass::DestroysData));
    let ending: usize = plan.steps.iter().map(|s| s.ending.len()).sum();
    if ending > 0 {
        let groups: Vec<&str> =
            plan.steps.iter().filter(|s| !s.ending.is_empty()).map(|s| s.address.as_str()).collect();
        parts.push(format!("terminates {} of {}", crate::report::counted(ending, "machine"), groups.join(", ")));
    }
    let style = match parts.first() {
        None => Style::new(),
        Some(first) if first.starts_with("DESTROYS") => screen::LOST,
        Some(_) => screen::GONE,
    };
    if parts.is_empty() { ("nothing is replaced or destroyed".to_owned(), style) } else { (parts.join("; "), style) }
}

/// Unknowns as JSON shows them.
fn public(value: &Value) -> Value {
    match spec::node(value) {
        Node::Attribute { .. } | Node::Expression(_) => json!({ "$unknown": true }),
        Node::Pointer { address: Some(a), .. } => json!({ "$ref": a }),
        Node::Novel(text) => json!(text),
        Node::Pointer { .. } | Node::Digest(_) => value.clone(),
        Node::Plain => match value {
            // A script is shown as its name and digest.
            Value::Object(map) if map.contains_key("text") && map.contains_key("sha256") => {
                json!({ "name": map.get("name"), "sha256": map.get("sha256") })
            }
            Value::Object(map) => Value::Object(map.iter().map(|(k, v)| (k.clone(), public(v))).collect()),
            Value::Array(items) => Value::Array(items.iter().map(public).collect()),
            other => other.clone(),
        },
    }
}

/// The plan as one JSON document.
pub fn json(header: &Header, command: &str, plan: &Plan, cost: Option<&PlanFigures>, diagnostics: &Value) -> Value {
    let steps: Vec<Value> = plan
        .steps
        .iter()
        .map(|s| {
            let fields: Vec<Value> = s
                .fields
                .iter()
                .map(|f| {
                    let mut row = json!({ "path": f.path, "before": public(&f.before), "after": public(&f.after) });
                    if f.forces {
                        row["forces"] = json!(true);
                    }
                    row
                })
                .collect();
            let mut row = json!({
                "address": s.address, "kind": s.kind.name(), "action": s.action, "class": s.class, "fields": fields,
                "reason": s.reason, "summary": s.summary, "expected_seconds": s.expected_seconds,
                "id": s.live.as_ref().map(|l| l.id.clone()),
            });
            if let Some(cost) = cost.and_then(|c| c.steps.get(s.address.as_str())) {
                row["cost"] = json!(cost);
            }
            if !s.outdated.is_empty() {
                row["members"] = json!(s.outdated);
            }
            if !s.ending.is_empty() {
                row["ending"] = json!(s.ending);
            }
            row
        })
        .collect();
    let mut out = json!({
        "format_version": 1, "command": command, "stack": header.stack, "account": header.account, "region": header.region,
        "steps": steps, "summary": plan.summary, "expected_seconds": plan.expected_seconds,
        "critical_path": plan.critical_path, "diagnostics": diagnostics,
        "journal": { "place": header.journal, "makes_bucket": header.new_bucket },
    });
    if let Some(cost) = cost {
        // Each step carries its own.
        out["cost"] = cost.totals();
    }
    out
}
