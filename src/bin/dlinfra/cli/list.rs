//! list: every stack in the account and region, from tags alone.
use super::{Exit, Result, arguments::Where, document, place::Place, reaper, stack};
use crate::ui::Ui;
use anstyle::Style;
use dlinfra::{
    aws::ownership::Ownership,
    engine::Engine,
    kinds::KINDS,
    report::{
        screen,
        table::{Column, Table},
    },
};
use jiff::Timestamp;
use serde_json::json;
use std::collections::BTreeMap;

/// List every stack in the account and region, with owner, objects and expiry.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    place: Where,
}

#[derive(Default)]
struct Row {
    owner: Option<String>,
    objects: usize,
    expires: Option<String>,
}

pub(super) async fn run(args: &Args, ui: Ui) -> Result {
    let region = stack::region(&args.place)?;
    let place = Place::open(&args.place, &region, None).await?;
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    let (found, notes) = Engine::all_stacks(&place.aws, KINDS).await?;
    for owner in found.iter().filter_map(|f| Ownership::read(&f.live.tags)) {
        let row = rows.entry(owner.stack).or_default();
        row.objects += 1;
        row.owner = row.owner.take().or(owner.owner);
        // An extension that was cut off is not in every tag: the latest end counts.
        row.expires = row.expires.take().max(owner.expires);
    }
    if ui.json {
        let stacks: Vec<_> = rows
            .iter()
            .map(|(s, r)| json!({ "stack": s, "owner": r.owner, "objects": r.objects, "expires": r.expires }))
            .collect();
        let last = reaper::last(&place).await;
        let fields =
            json!({ "account": place.aws.account().await?, "region": region, "stacks": stacks, "last_pass": last });
        ui.data(&document("list", &fields, &notes).to_string());
        return Ok(Exit::Ok);
    }
    let mut out = String::new();
    ui.screen.paragraph(&mut out, &region, Style::new(), &format!("   {}", place.heading().await?), 2);
    if rows.is_empty() {
        out.push_str("no stacks\n");
    } else {
        let now = place.aws.clock().now();
        let mut table = Table::new(&[
            Column::whole("STACK"),
            Column::words("OWNER"),
            Column::figures("OBJECTS"),
            Column::whole("EXPIRES"),
        ]);
        for (stack, row) in &rows {
            let owner = row.owner.clone().unwrap_or_else(|| "-".to_owned());
            let expires = row.expires.clone().unwrap_or_else(|| "never".to_owned());
            let expired = expires.parse::<Timestamp>().is_ok_and(|at| at <= now);
            let expires = if expired { format!("{expires} (expired)") } else { expires };
            let style = if expired { screen::GONE } else { Style::new() };
            table.row(style, [stack.clone(), owner, row.objects.to_string(), expires]);
        }
        table.render(ui.screen, &mut out);
    }
    ui.data(&out);
    reaper::in_list(&place, rows.values().any(|row| row.expires.is_some()), ui).await;
    ui.diagnostics(&notes);
    Ok(Exit::Ok)
}
