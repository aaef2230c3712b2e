//! drift: what differs between the last apply and what is live, whoever changed it.
use super::{
    Exit, Result, document, plan,
    stack::{self, Which},
};
use crate::ui::Ui;
use anstyle::Style;
use dlinfra::{
    plan::{self as planner, FieldChange},
    report::{
        plan::{heading, value},
        screen,
    },
};
use serde_json::json;
use std::collections::BTreeMap;

/// Show what was changed behind dlinfra's back since the last apply.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    which: Which,
    /// Exit 2 when something was changed, 0 when nothing was.
    #[arg(long)]
    detailed_exitcode: bool,
}

pub(super) async fn run(args: &Args, ui: Ui) -> Result {
    let found = stack::find(&args.which).await?;
    let view = found.engine.look(&found.wanted).await?;
    let header = plan::header(&found.place, &found.engine, &found.stack).await?;
    let mut rows: BTreeMap<String, Vec<FieldChange>> = BTreeMap::new();
    let mut gone = Vec::new();
    for (address, applied) in &found.engine.memory().applied {
        match view.snapshot.owned.get(address) {
            None => gone.push((address.to_string(), applied.kind.clone(), applied.id.clone())),
            Some(live) => {
                let (fields, _) = planner::differences(live.kind, &applied.spec, &live.live);
                let fields = fields.into_iter().filter(|f| !f.after.is_null()).map(FieldChange::from);
                let fields: Vec<_> = fields.chain(planner::changed_tags(&applied.tags, &live.live)).collect();
                if !fields.is_empty() {
                    rows.insert(address.to_string(), fields);
                }
            }
        }
    }
    let drifted = !rows.is_empty() || !gone.is_empty();
    if ui.json {
        let changed: Vec<_> = rows
            .iter()
            .map(|(a, f)| json!({ "address": a, "fields": f.iter().map(|d| json!({ "path": d.path, "applied": d.after, "live": d.before })).collect::<Vec<_>>() }))
            .collect();
        let missing: Vec<_> = gone.iter().map(|(a, k, id)| json!({ "address": a, "kind": k, "id": id })).collect();
        let fields = json!({ "stack": found.stack, "account": header.account, "region": header.region, "changed": changed, "missing": missing });
        ui.data(&document("drift", &fields, &view.notes).to_string());
    } else {
        let screen = ui.screen;
        let mut out = String::new();
        heading(&header, screen, &mut out);
        for (address, kind, id) in &gone {
            let head = screen.paint(screen::GONE, &format!("-   {address}"));
            out.push_str(&format!("{head}\n      the {kind} {id} is gone\n"));
        }
        for (address, fields) in &rows {
            out.push_str(&format!("{}\n", screen.paint(screen::CHANGED, &format!("~   {address}"))));
            for field in fields {
                let words = format!("{}: applied {}, live {}", field.path, value(&field.after), value(&field.before));
                screen.paragraph(&mut out, "      ", Style::new(), &words, 8);
            }
        }
        out.push_str(match drifted {
            true => "`dlinfra apply` brings it back\n",
            false if found.engine.memory().applied.is_empty() => "nothing was applied, so nothing can have drifted\n",
            false => "no drift: what is live is what was applied\n",
        });
        ui.data(&out);
        ui.diagnostics(&view.notes);
    }
    Ok(if drifted && args.detailed_exitcode { Exit::Changes } else { Exit::Ok })
}
