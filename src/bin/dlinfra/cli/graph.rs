//! graph: the resource graph as Graphviz DOT, or JSON.
use super::{Exit, Result, arguments::Source, document, load};
use crate::ui::Ui;
use dlinfra::spec;
use serde_json::json;

/// Print the resource graph, as Graphviz DOT.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    source: Source,
}

pub(super) fn run(args: &Args, ui: Ui) -> Result {
    let deployment = load::load(&args.source)?;
    let mut edges = Vec::new();
    for wanted in &deployment.wanted {
        let late = wanted.kind.about().late;
        for (field, address) in spec::references(&wanted.spec) {
            edges.push((wanted.address.to_string(), address, late.contains(&field.as_str()), field));
        }
        edges.extend(
            wanted.depends_on.iter().map(|a| (wanted.address.to_string(), a.clone(), false, "depends_on".to_owned())),
        );
    }
    edges.retain(|e| e.0 != e.1);
    edges.sort();
    if ui.json {
        let nodes: Vec<_> =
            deployment.wanted.iter().map(|w| json!({ "address": w.address, "kind": w.kind.name() })).collect();
        let edges: Vec<_> = edges
            .iter()
            .map(|(from, to, late, field)| json!({ "from": from, "to": to, "field": field, "late": late }))
            .collect();
        ui.data(&document("graph", &json!({ "nodes": nodes, "edges": edges }), &deployment.notes).to_string());
        return Ok(Exit::Ok);
    }
    let mut out = String::from("digraph dlinfra {\n  rankdir = BT;\n  node [shape = box];\n");
    for wanted in &deployment.wanted {
        out.push_str(&format!("  \"{}\" [label = \"{}\\n{}\"];\n", wanted.address, wanted.address, wanted.kind.name()));
    }
    for (from, to, late, field) in &edges {
        let style = if *late { ", style = dashed" } else { "" };
        out.push_str(&format!("  \"{from}\" -> \"{to}\" [label = \"{field}\"{style}];\n"));
    }
    out.push_str("}\n");
    ui.data(&out);
    // As in `validate`: the process ends here.
    std::mem::forget((deployment, edges));
    Ok(Exit::Ok)
}
