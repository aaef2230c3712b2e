//! output: the blueprint's outputs, from what is live.
use super::{
    Exit, Result, Stop, document,
    stack::{self, Which},
};
use crate::cli::codes;
use crate::ui::Ui;
use dlinfra::{
    blueprint::Compiled,
    compose,
    diagnostic::{Diagnostic, Diagnostics},
    engine::Snapshot,
    expression, spec,
};
use serde_json::{Map, Value, json};

/// Print the outputs of a stack.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    which: Which,
    /// Only this output, as plain text.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

/// `dlinfra output bucket` asks for an output by its name, and FILE is what stands there.
fn with_tip(mut stop: Stop, args: &Args) -> Stop {
    let name = args.which.source.file.as_ref().and_then(|f| f.to_str());
    let name = name.filter(|n| !n.contains(['.', '/', '\\']) && args.name.is_none());
    if let Some(name) = name.filter(|n| !std::path::Path::new(n).exists()) {
        let tip = format!("for the output `{name}`, write `dlinfra output --name {name}`");
        stop.diagnostics = stop
            .diagnostics
            .iter()
            .cloned()
            .map(|d| if d.code == dlinfra::blueprint::codes::UNREADABLE.code { d.with_help(tip.clone()) } else { d })
            .collect();
    }
    stop
}

/// Every output, as far as it is known now: what comes from something that is not live is null, and lists of a group that
/// shall be empty are empty.
pub(super) fn values(compiled: &Compiled, snapshot: &Snapshot) -> Map<String, Value> {
    let known =
        |address: &str, name: &str| snapshot.output(address, name).or_else(|| of_nothing(compiled, address, name));
    let mut out = Map::new();
    for (name, output) in &compiled.outputs {
        let mut value = expression::evaluate(&output.value, &known).unwrap_or_else(|_| output.value.clone());
        settle(&mut value, snapshot);
        out.insert(name.clone(), value);
    }
    out
}

/// An output of a resource that is wanted to be nothing: a list without elements, or the number of none.
fn of_nothing(compiled: &Compiled, address: &str, name: &str) -> Option<Value> {
    let decl = compiled.resources.iter().find(|d| d.address == address && d.existing.is_none())?;
    let kind = compose::kind(&decl.kind).filter(|kind| kind.is_empty(&decl.spec))?;
    match kind.about().outputs.iter().find(|o| o.name == name)?.ty {
        "int" => Some(json!(0)),
        list if list.starts_with("list(") => Some(json!([])),
        _ => None,
    }
}

/// Pointers become ids, and what is not known null.
fn settle(value: &mut Value, snapshot: &Snapshot) {
    match spec::node(value) {
        spec::Node::Pointer { address: Some(address), .. } => {
            *value = snapshot.get(address).map_or(Value::Null, |f| json!(f.live.id));
        }
        spec::Node::Pointer { id, .. } => *value = json!(id),
        spec::Node::Attribute { .. } | spec::Node::Expression(_) => *value = Value::Null,
        spec::Node::Digest(_) | spec::Node::Novel(_) => {}
        spec::Node::Plain => match value {
            Value::Object(map) => map.values_mut().for_each(|v| settle(v, snapshot)),
            Value::Array(items) => items.iter_mut().for_each(|v| settle(v, snapshot)),
            _ => {}
        },
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// After an apply.
pub(super) fn show(compiled: &Compiled, snapshot: &Snapshot, ui: Ui) {
    let values = values(compiled, snapshot);
    if !values.is_empty() {
        let lines: Vec<String> = values.iter().map(|(k, v)| format!("{k} = {}", plain(v))).collect();
        ui.data(&lines.join("\n"));
    }
}

pub(super) async fn run(args: &Args, ui: Ui) -> Result {
    let found = stack::find(&args.which).await.map_err(|stop| with_tip(stop, args))?;
    let view = found.engine.look(&found.wanted).await?;
    let values = match &found.compiled {
        Some(compiled) => values(compiled, &view.snapshot),
        // Without the blueprint nobody knows its outputs: every resource's own are shown.
        None => view.snapshot.owned.iter().map(|(a, f)| (a.to_string(), Value::from(f.live.outputs.clone()))).collect(),
    };
    if let Some(name) = &args.name {
        let Some(value) = values.get(name) else {
            let names: Vec<&str> = values.keys().map(String::as_str).collect();
            let help = match names.as_slice() {
                [] => "the blueprint has no `outputs:`".to_owned(),
                names => format!("outputs: {}", names.join(", ")),
            };
            let stop: Stop =
                Diagnostic::error(&codes::NO_OUTPUT, format!("there is no output `{name}`")).with_help(help).into();
            return Err(stop);
        };
        if value.is_null() {
            let stop: Stop = Diagnostic::error(&codes::NO_OUTPUT, format!("the output `{name}` has no value"))
                .with_help("what it comes from does not exist now: `dlinfra plan` shows what is missing")
                .into();
            return Err(stop);
        }
        if ui.json {
            let fields = json!({ "stack": found.stack, "name": name, "value": value });
            ui.data(&document("output", &fields, &Diagnostics::new()).to_string());
        } else {
            ui.data(&plain(value));
        }
        return Ok(Exit::Ok);
    }
    if ui.json {
        ui.data(
            &document("output", &json!({ "stack": found.stack, "outputs": values }), &Diagnostics::new()).to_string(),
        );
    } else if values.is_empty() {
        ui.say(match &found.compiled {
            Some(_) => "the blueprint has no `outputs:`",
            None => "nothing is live, so there are no outputs",
        });
    } else {
        let lines: Vec<String> = values.iter().map(|(k, v)| format!("{k} = {}", plain(v))).collect();
        ui.data(&lines.join("\n"));
    }
    Ok(Exit::Ok)
}
