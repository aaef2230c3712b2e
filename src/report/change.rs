//! One changed field as people read it: both values where they fit on a line, else only the lines that differ.
use super::{
    plan::value,
    screen::{self, Screen, columns},
};
use crate::{
    address::Address,
    catalog::image::images,
    plan::{FieldChange, Plan, Step},
    spec::{self, Node},
};
use anstyle::Style;
use serde_json::Value;
use similar::{Algorithm, DiffTag};
use std::collections::BTreeMap;

/// What stands behind digests, by address and field: the text that is live, and the one that is wanted.
pub type Revealed = BTreeMap<Address, BTreeMap<&'static str, (String, String)>>;

/// Unchanged lines around those that differ.
const CONTEXT: usize = 1;
/// A list on one line is at most this long.
const SHORT: usize = 60;
/// Where a field begins, and where the lines of its difference do.
const FIELD: usize = 6;
const LINES: usize = 8;

/// Appends one field.
pub fn field(
    out: &mut String,
    screen: Screen,
    step: &Step,
    plan: &Plan,
    field: &FieldChange,
    known: Option<&(String, String)>,
) {
    let forces = if field.forces { "   (forces the replacement)" } else { "" };
    // The same names, of which one stands for something new.
    if known.is_none() && value(&field.before) == value(&field.after) && field.path != "image" {
        let words = format!("{}, made anew{forces}", value(&field.after));
        screen.paragraph(out, &format!("{:FIELD$}{}: ", "", field.path), Style::new(), &words, LINES);
        return;
    }
    if let Some((before, after)) = known {
        title(out, screen, &field.path, forces);
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        return lines_that_differ(out, screen, &lines(before), &lines(after));
    }
    if let (Value::Array(before), Value::Array(after)) = (&field.before, &field.after)
        && before.len() + after.len() > 2
        && !before.iter().chain(after).any(is_record)
    {
        title(out, screen, &field.path, forces);
        return elements(out, screen, before, after);
    }
    let image = (field.path == "image").then(|| image(step, plan, field)).flatten();
    let (before, after) = image.unwrap_or_else(|| (value(&field.before), value(&field.after)));
    let taken = FIELD + columns(&field.path) + columns(&before) + columns(&after) + columns(forces) + ": -> ".len() + 1;
    let record = is_record(&field.before) || is_record(&field.after);
    if taken <= screen.width && !record {
        let (before, after) = (screen.paint(screen::GONE, &before), screen.paint(screen::MADE, &after));
        let forces = screen.paint(screen::GONE, forces);
        out.push_str(&format!("{:FIELD$}{}: {before} -> {after}{forces}\n", "", field.path));
        return;
    }
    title(out, screen, &field.path, forces);
    if record {
        let (before, after, kept) = without_common(&field.before, &field.after);
        lines_that_differ(out, screen, &written(&before), &written(&after));
        return unchanged(out, screen, kept);
    }
    line(out, screen, '-', &before);
    line(out, screen, '+', &after);
}

fn title(out: &mut String, screen: Screen, path: &str, forces: &str) {
    out.push_str(&format!("{:FIELD$}{path}:{}\n", "", screen.paint(screen::GONE, forces)));
}

/// Has it parts of its own, so that one line says too much at once?
fn is_record(value: &Value) -> bool {
    match value {
        Value::Object(map) => {
            spec::node(value) == Node::Plain && map.len() > 1 && map.values().any(|v| v.is_object() || v.is_array())
        }
        Value::Array(items) => items.iter().any(is_record),
        _ => false,
    }
}

/// An image by its name and its id, where only digests are compared.
fn image(step: &Step, plan: &Plan, field: &FieldChange) -> Option<(String, String)> {
    let known = |name: Option<String>, id: Option<&str>| match (name, id) {
        (Some(name), Some(id)) if name != id => Some(format!("{name} ({id})")),
        (Some(name), _) => Some(name),
        (None, Some(id)) => Some(id.to_owned()),
        (None, None) => None,
    };
    let id = step.live.as_ref().and_then(|live| live.outputs.get("image_id")).and_then(Value::as_str);
    let before = known(name_of(&field.before), id)?;
    let wanted = step.want.as_deref().and_then(|want| want.get("image")).and_then(Value::as_str).map(str::to_owned);
    let after =
        known(wanted.or_else(|| name_of(&field.after)), plan.images.get(&step.address).map(|image| image.id.as_str()))?;
    Some((before, after))
}

/// The name behind a digest, if it is one of the catalog's.
fn name_of(value: &Value) -> Option<String> {
    match spec::node(value) {
        Node::Digest(hex) => {
            images().into_iter().map(|i| i.name).find(|name| spec::digest(&Value::String(name.clone())) == hex)
        }
        _ => value.as_str().map(str::to_owned),
    }
}

/// Only the elements that come or go, one a line.
fn elements(out: &mut String, screen: Screen, before: &[Value], after: &[Value]) {
    let kept = before.iter().filter(|v| after.contains(v)).count();
    for gone in before.iter().filter(|v| !after.contains(v)) {
        line(out, screen, '-', &value(gone));
    }
    for new in after.iter().filter(|v| !before.contains(v)) {
        line(out, screen, '+', &value(new));
    }
    unchanged(out, screen, kept);
}

fn unchanged(out: &mut String, screen: Screen, kept: usize) {
    if kept > 0 {
        screen.paragraph(out, &format!("{:LINES$}", ""), screen::QUIET, &format!("({kept} unchanged)"), LINES);
    }
}

/// Lists without the elements that both have, and how many those are; anything else as it is.
fn without_common(before: &Value, after: &Value) -> (Value, Value, usize) {
    let (Value::Array(old), Value::Array(new)) = (before, after) else { return (before.clone(), after.clone(), 0) };
    let only = |of: &[Value], other: &[Value]| -> Vec<Value> {
        of.iter().filter(|item| !other.contains(item)).cloned().collect()
    };
    let (gone, come) = (only(old, new), only(new, old));
    let kept = old.len() - gone.len();
    // Only their order differs: that is the difference.
    if gone.is_empty() && come.is_empty() {
        return (before.clone(), after.clone(), 0);
    }
    (Value::Array(gone), Value::Array(come), kept)
}

/// The lines that differ, with a little around them.
fn lines_that_differ(out: &mut String, screen: Screen, before: &[String], after: &[String]) {
    let all = similar::capture_diff_slices(Algorithm::Patience, before, after);
    let groups = similar::group_diff_ops(all, CONTEXT);
    let mut next = 0;
    for group in &groups {
        for op in group {
            let (tag, old, new) = op.as_tag_tuple();
            skipped(out, screen, &before[next..old.start.max(next)]);
            next = old.end;
            if tag == DiffTag::Equal {
                before[old].iter().for_each(|text| line(out, screen, ' ', text));
                continue;
            }
            before[old].iter().for_each(|text| line(out, screen, '-', text));
            after[new].iter().for_each(|text| line(out, screen, '+', text));
        }
    }
    skipped(out, screen, &before[next..]);
}

/// A note takes a line itself, so one line stands for itself.
fn skipped(out: &mut String, screen: Screen, lines: &[String]) {
    if lines.len() < 2 {
        return lines.iter().for_each(|text| line(out, screen, ' ', text));
    }
    let words = format!("({} lines unchanged)", lines.len());
    screen.paragraph(out, &format!("{:LINES$}", ""), screen::QUIET, &words, LINES);
}

/// One line of a difference; its own indentation is kept.
fn line(out: &mut String, screen: Screen, sign: char, text: &str) {
    let style = match sign {
        '-' => screen::GONE,
        '+' => screen::MADE,
        _ => Style::new(),
    };
    let room = screen.width.saturating_sub(LINES + 2);
    for (number, part) in screen::wrap(text, room, room).iter().enumerate() {
        let sign = if number == 0 { sign } else { ' ' };
        let shown = screen.paint(style, format!("{sign} {part}").trim_end());
        out.push_str(&format!("{:LINES$}{shown}\n", ""));
    }
}

/// A value over several lines, as a blueprint would write it.
fn written(value: &Value) -> Vec<String> {
    let mut out = Vec::new();
    write(value, 0, &mut out);
    out
}

fn write(value: &Value, indent: usize, out: &mut Vec<String>) {
    let pad = " ".repeat(indent);
    match value {
        Value::Null if indent == 0 => {}
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for item in items {
                let first = out.len();
                write(item, indent + 2, out);
                // The first line of an element carries its dash.
                if let Some(line) = out.get_mut(first) {
                    *line = format!("{pad}- {}", line.trim_start());
                }
            }
        }
        Value::Object(map) if spec::node(value) == Node::Plain && !map.contains_key("sha256") => {
            for (key, inner) in map {
                match inner {
                    Value::String(text) if text.contains('\n') => {
                        out.push(format!("{pad}{key}: |"));
                        out.extend(text.lines().map(|line| format!("{pad}  {line}")));
                    }
                    inner if is_record(inner) || matches!(inner, Value::Object(_)) && plain(inner) => {
                        out.push(format!("{pad}{key}:"));
                        write(inner, indent + 2, out);
                    }
                    Value::Array(items) if columns(&self::value(inner)) + columns(key) + indent > SHORT => {
                        out.push(format!("{pad}{key}:"));
                        out.extend(items.iter().map(|item| format!("{pad}  - {}", self::value(item))));
                    }
                    inner => out.push(format!("{pad}{key}: {}", self::value(inner))),
                }
            }
        }
        other => out.push(format!("{pad}{}", self::value(other))),
    }
}

fn plain(value: &Value) -> bool {
    spec::node(value) == Node::Plain && !["$secret", "$parameter"].iter().any(|key| value.get(key).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn differ(before: &Value, after: &Value) -> String {
        let mut out = String::new();
        lines_that_differ(&mut out, Screen::PLAIN, &written(before), &written(after));
        out
    }

    #[test]
    fn of_a_policy_only_the_statement_that_changed() {
        let statement =
            |action: &str, resource: &str| json!({ "Effect": "Allow", "Action": action, "Resource": resource });
        let before = json!([statement("s3:GetObject", "a"), statement("s3:PutObject", "b"), statement("ec2:*", "*")]);
        let after = json!([statement("s3:GetObject", "a"), statement("s3:PutObject", "c"), statement("ec2:*", "*")]);
        // A statement of words alone is short enough for one line, so lists of them are compared element by element.
        let mut out = String::new();
        let (Value::Array(before), Value::Array(after)) = (&before, &after) else { panic!() };
        elements(&mut out, Screen::PLAIN, before, after);
        assert_eq!(
            out,
            "        - {Action: s3:PutObject, Effect: Allow, Resource: b}\n        + {Action: s3:PutObject, Effect: Allow, Resource: c}\n        (2 unchanged)\n"
        );
    }

    #[test]
    fn of_a_long_record_only_the_lines_that_changed() {
        let record = |actions: &[&str]| json!([{ "Action": actions, "Effect": "Allow", "Resource": ["a", "b"] }, { "Action": ["x", "y"], "Effect": "Deny", "Resource": "*" }]);
        assert_eq!(
            differ(&record(&["s3:GetObject", "s3:ListBucket"]), &record(&["s3:GetObject", "s3:PutObject"])),
            "        - - Action: [s3:GetObject, s3:ListBucket]\n        + - Action: [s3:GetObject, s3:PutObject]\n            Effect: Allow\n        (4 lines unchanged)\n"
        );
    }

    #[test]
    fn secrets_stay_references_and_nothing_is_lost() {
        assert_eq!(
            written(&json!({ "a": { "$secret": "arn" }, "b": { "c": 1, "d": [1, 2] } })),
            ["a: (secret)", "b:", "  c: 1", "  d: [1, 2]"]
        );
        assert_eq!(written(&Value::Null), Vec::<String>::new());
    }
}
