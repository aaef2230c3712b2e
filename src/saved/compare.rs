//! The steps of a saved plan against those that come out now.
use super::SavedPlan;
use crate::saved::codes;
use crate::{
    diagnostic::{Diagnostic, Diagnostics},
    engine::View,
    plan::{Plan, Step},
};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// More differing steps than this are counted, not listed.
const LISTED: usize = 20;

/// One step as it stands in the file. Scripts are digests here: their text is among the inputs.
pub(super) fn row(step: &Step) -> Value {
    let mut out = json!({
        "address": step.address, "kind": step.kind.name(), "action": step.action, "summary": step.summary,
        "protect": step.protect, "expected_seconds": step.expected_seconds,
    });
    let Some(map) = out.as_object_mut() else { return out };
    let mut put = |key: &str, value: Value| {
        let empty = value.is_null()
            || value.as_str() == Some("")
            || value.as_array().is_some_and(Vec::is_empty)
            || value.as_object().is_some_and(Map::is_empty);
        if !empty {
            map.insert(key.to_owned(), value);
        }
    };
    put("class", json!(step.class));
    put("reason", json!(step.reason));
    let fields: Vec<Value> = step
        .fields
        .iter()
        .map(|f| {
            let mut field = json!({ "path": f.path, "before": plain(&f.before), "after": plain(&f.after) });
            if f.forces {
                field["forces"] = json!(true);
            }
            field
        })
        .collect();
    put("fields", json!(fields));
    put("members", json!(step.outdated));
    put("untag", json!(step.untag));
    put("id", json!(step.live.as_ref().map(|l| l.id.as_str())));
    put("live_kind", json!(step.live_kind.map(crate::kind::Kind::name)));
    put("want", step.want.as_deref().map_or(Value::Null, plain));
    out
}

/// A value without the text of scripts.
fn plain(value: &Value) -> Value {
    match value {
        Value::Object(map) if map.contains_key("text") && map.contains_key("sha256") => {
            json!({ "name": map.get("name"), "sha256": map.get("sha256") })
        }
        Value::Object(map) => Value::Object(map.iter().map(|(k, v)| (k.clone(), plain(v))).collect()),
        Value::Array(items) => Value::Array(items.iter().map(plain).collect()),
        other => other.clone(),
    }
}

/// Compares; the error lists each step that came out differently.
pub(super) fn check(saved: &SavedPlan, view: &View, plan: &Plan) -> Result<(), Diagnostics> {
    let now: Vec<Value> = plan.steps.iter().map(row).collect();
    if now == saved.steps && view.tags == saved.tags && plan.images == saved.images {
        return Ok(());
    }
    let (then, fresh) = (by_address(&saved.steps), by_address(&now));
    let mut lines = Vec::new();
    for address in then.keys().chain(fresh.keys()).collect::<BTreeSet<_>>() {
        let line = match (then.get(address), fresh.get(address)) {
            (Some(a), Some(b)) if a == b => continue,
            (Some(a), Some(b)) => changed(a, b),
            (Some(a), None) => format!("saved {}; now there is no such step", action(a)),
            (None, Some(b)) => format!("not in the saved plan; now {}", told(b)),
            (None, None) => continue,
        };
        lines.push(format!("{address}: {line}"));
    }
    let count = lines.len();
    if count > LISTED {
        lines.truncate(LISTED);
        lines.push(format!("and {} more", count - LISTED));
    }
    for (key, value) in &saved.tags {
        if view.tags.get(key) != Some(value) {
            let found = view.tags.get(key).map_or("is not set", String::as_str);
            lines.push(format!("the tag {key}: saved {value}; now {found}"));
        }
    }
    for (address, image) in &saved.images {
        if plan.images.get(address) != Some(image) {
            let found = plan.images.get(address).map_or("nothing", |i| i.id.as_str());
            lines.push(format!("{address}: saved with the image {}; now {found}", image.id));
        }
    }
    if lines.is_empty() {
        lines.push("the steps come in another order".to_owned());
    }
    let wanted = saved.steps.iter().any(|s| !matches!(action(s), "keep" | "read"));
    let text = match (plan.is_empty() && wanted, count) {
        (true, _) => "the saved plan is out of date: nothing is left to do, it seems to be applied already".to_owned(),
        (false, 0) => "the saved plan is out of date".to_owned(),
        (false, 1) => format!("the saved plan is out of date: 1 of {} steps is different now", now.len()),
        (false, n) => format!("the saved plan is out of date: {n} of {} steps are different now", now.len()),
    };
    Err(Diagnostic::error(&codes::OUT_OF_DATE, text)
        .with_detail(lines.join("\n"))
        .with_help("nothing was changed; make a new plan and read it: `dlinfra plan FILE -o plan.json`")
        .into())
}

fn by_address(steps: &[Value]) -> BTreeMap<&str, &Value> {
    steps.iter().map(|s| (s["address"].as_str().unwrap_or("?"), s)).collect()
}

fn action(step: &Value) -> &str {
    step["action"].as_str().unwrap_or("?")
}

/// `update (size, tags.Team)`.
fn told(step: &Value) -> String {
    let paths: Vec<&str> = step["fields"].as_array().into_iter().flatten().filter_map(|f| f["path"].as_str()).collect();
    let reason = step["reason"].as_str().unwrap_or_default();
    match (paths.as_slice(), reason) {
        ([], "") => action(step).to_owned(),
        ([], reason) => format!("{} ({reason})", action(step)),
        (paths, _) => format!("{} ({})", action(step), paths.join(", ")),
    }
}

/// What is different between two steps on one address.
fn changed(then: &Value, now: &Value) -> String {
    if action(then) != action(now) {
        return format!("saved {}; now {}", told(then), told(now));
    }
    let keys = |v: &Value| v.as_object().into_iter().flat_map(Map::keys).cloned().collect::<BTreeSet<_>>();
    let differ: Vec<String> = keys(then).union(&keys(now)).filter(|k| then.get(k) != now.get(k)).cloned().collect();
    // The fields say it best where they differ; `summary` and the like follow from them.
    let shown = |v: &Value| if v.is_null() { "nothing".to_owned() } else { v.to_string() };
    let told: Vec<String> = differ
        .iter()
        .flat_map(|key| match key.as_str() {
            "fields" => fields(&then["fields"], &now["fields"]),
            "want" => wants(&then["want"], &now["want"]),
            key => vec![format!("{key}: saved {}, now {}", shown(&then[key]), shown(&now[key]))],
        })
        .collect();
    format!("{} both times, but {}", action(then), told.join("; "))
}

fn fields(then: &Value, now: &Value) -> Vec<String> {
    let by_path = |v: &Value| -> BTreeMap<String, String> {
        let rows = v.as_array().into_iter().flatten();
        rows.filter_map(|f| Some((f["path"].as_str()?.to_owned(), format!("{} -> {}", f["before"], f["after"]))))
            .collect()
    };
    paired(&by_path(then), &by_path(now))
}

fn wants(then: &Value, now: &Value) -> Vec<String> {
    let by_key = |v: &Value| -> BTreeMap<String, String> {
        v.as_object().into_iter().flatten().map(|(k, v)| (format!("want.{k}"), v.to_string())).collect()
    };
    paired(&by_key(then), &by_key(now))
}

fn paired(then: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Vec<String> {
    let keys: BTreeSet<&String> = then.keys().chain(now.keys()).collect();
    let text =
        |map: &BTreeMap<String, String>, key: &str| map.get(key).cloned().unwrap_or_else(|| "nothing".to_owned());
    keys.into_iter()
        .filter(|k| then.get(*k) != now.get(*k))
        .map(|k| format!("{k}: saved {}, now {}", text(then, k), text(now, k)))
        .collect()
}
