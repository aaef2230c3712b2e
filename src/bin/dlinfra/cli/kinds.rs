//! kinds: the table of kinds, and one kind's fields, outputs, permissions and quotas.
use super::{Exit, Result, document};
use crate::cli::codes;
use crate::ui::Ui;
use dlinfra::{
    compose,
    diagnostic::{Diagnostic, Diagnostics, did_you_mean},
    expression::Type,
    kinds::{KINDS, Kind},
};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Show the kinds of resources and their fields.
#[derive(clap::Args)]
pub(super) struct Args {
    /// A kind; without one, all of them.
    kind: Option<String>,
}

pub(super) fn run(args: &Args, ui: Ui) -> Result {
    let Some(name) = &args.kind else {
        if ui.json {
            let rows: Vec<_> = KINDS.iter().map(|k| json!({ "kind": k.name(), "doc": k.about().doc })).collect();
            ui.data(&document("kinds", &json!({ "kinds": rows }), &Diagnostics::new()).to_string());
        } else {
            let width = KINDS.iter().map(|k| k.name().len()).max().unwrap_or(0);
            let lines: Vec<String> = KINDS.iter().map(|k| format!("{:width$}  {}", k.name(), k.about().doc)).collect();
            ui.data(&lines.join("\n"));
        }
        return Ok(Exit::Ok);
    };
    let Some(kind) = compose::kind(name) else {
        let help = did_you_mean(name, KINDS.iter().map(|k| k.name())).map(|n| format!("did you mean `{n}`?"));
        return Err(Diagnostic::error(&codes::NO_KIND, format!("there is no kind `{name}`"))
            .with_help_opt(help.or_else(|| Some("`dlinfra kinds` lists them".to_owned())))
            .into());
    };
    if ui.json {
        let about = kind.about();
        let outputs: Vec<_> =
            about.outputs.iter().map(|o| json!({ "name": o.name, "type": o.ty, "doc": o.doc })).collect();
        let quotas: Vec<_> = about.quotas.iter().map(|q| json!({ "code": q.code, "name": q.name })).collect();
        let fields = json!({
            "kind": kind.name(), "doc": about.doc, "schema": kind.schema(), "outputs": outputs, "fixed": about.fixed,
            "rolling": about.rolling, "late": about.late, "iam": about.iam, "quotas": quotas,
        });
        ui.data(&document("kinds", &fields, &Diagnostics::new()).to_string());
    } else {
        ui.data(&text(kind));
    }
    Ok(Exit::Ok)
}

/// One kind for people.
fn text(kind: &dyn Kind) -> String {
    let about = kind.about();
    let mut out = format!("{}: {}\n\nFields\n", kind.name(), about.doc);
    let schema = kind.schema();
    fields(&schema, "", about.fixed, about.rolling, &mut out);
    if !about.outputs.is_empty() {
        out.push_str("\nOutputs\n");
        for o in about.outputs {
            let _ = writeln!(out, "  {} ({})  {}", o.name, o.ty, o.doc);
        }
    }
    if !about.quotas.is_empty() {
        out.push_str("\nQuotas\n");
        for q in about.quotas {
            let _ = writeln!(out, "  {}  {}", q.code, q.name);
        }
    }
    let _ = writeln!(out, "\nIAM actions\n  {}", about.iam.join("\n  "));
    out
}

fn fields(schema: &Value, prefix: &str, fixed: &[&str], rolling: &[&str], out: &mut String) {
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .map(|r| r.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    for (name, field) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        let mut notes = Vec::new();
        if required.contains(&name.as_str()) {
            notes.push("required".to_owned());
        }
        if let Some(default) = field.get("default").filter(|d| !d.is_null()) {
            notes.push(format!("default {}", dlinfra::report::plan::value(default)));
        }
        if fixed.contains(&path.as_str()) {
            notes.push("a change replaces".to_owned());
        } else if rolling.contains(&path.as_str()) {
            notes.push("a change is rolling".to_owned());
        }
        let notes = if notes.is_empty() { String::new() } else { format!(" [{}]", notes.join(", ")) };
        let doc = field.get("description").and_then(Value::as_str).unwrap_or("").replace('\n', " ");
        let ty = Type::from_schema(field);
        let inside = field.get("items").filter(|items| items.get("properties").is_some());
        let shown = match inside {
            _ if field.get("properties").is_some() => "object".to_owned(),
            Some(_) => "list(object)".to_owned(),
            None => ty.to_string(),
        };
        let _ = writeln!(out, "  {path} ({shown}){notes}  {doc}");
        if field.get("properties").is_some() {
            fields(field, &path, fixed, rolling, out);
        } else if let Some(items) = inside {
            fields(items, &format!("{path}[]"), fixed, rolling, out);
        }
    }
}
