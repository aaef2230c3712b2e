//! status: what is live, from one sweep.
use super::{
    Exit, Result, document, money, plan,
    stack::{self, Which},
};
use crate::ui::Ui;
use anstyle::Style;
use dlinfra::{
    address::Address,
    aws::ownership::Ownership,
    cost::Past,
    engine::{Engine, State},
    kinds::KINDS,
    plan::ago,
    report::{
        cost::LiveFigures,
        counted,
        plan::heading,
        screen,
        table::{Column, Table},
    },
    run::Job,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

/// Show what is live, with ids and states.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    which: Which,
}

pub(super) fn state(state: &State) -> String {
    match state {
        State::Partial => "partial".to_owned(),
        State::Pending => "pending".to_owned(),
        State::Ready => "ready".to_owned(),
        State::Deleting => "deleting".to_owned(),
        State::Degraded(why) => format!("degraded: {why}"),
        State::Failed(why) => format!("failed: {why}"),
    }
}

fn style(state: &State) -> Style {
    match state {
        State::Ready => Style::new(),
        State::Degraded(_) | State::Failed(_) => screen::LOST,
        State::Partial | State::Pending | State::Deleting => screen::CHANGED,
    }
}

/// So many jobs that have ended are shown.
const ENDED: usize = 3;

/// The jobs of which nobody has seen the end, and the last ones that have ended; the oldest first.
fn jobs(engine: &Engine) -> Vec<Job> {
    let mut all = engine.jobs();
    let mut older = all.iter().filter(|job| job.ended.is_some()).count().saturating_sub(ENDED);
    all.retain(|job| {
        let old = job.ended.is_some() && older > 0;
        older -= usize::from(old);
        !old
    });
    all
}

fn job_line(job: &Job, now: Timestamp) -> String {
    let on = job.on.iter().map(Address::as_str).collect::<Vec<_>>().join(", ");
    let limit = SignedDuration::from_secs(i64::try_from(job.limit.seconds()).unwrap_or(i64::MAX));
    let words = match &job.ended {
        Some(end) => format!("ended {} with exit code {}", ago(end.at, now), end.code),
        None if now.duration_since(job.begun) > limit => "ended meanwhile, and nobody has seen how".to_owned(),
        None => format!("runs for {} at most", job.limit),
    };
    let machines = counted(job.machines.len(), "machine");
    format!("job {} on {on} ({machines}) by {}, begun {}: {words}\n", job.id, job.by, ago(job.begun, now))
}

pub(super) async fn run(args: &Args, ui: Ui) -> Result {
    let found = stack::find(&args.which).await?;
    let view = found.engine.look(&found.wanted).await?;
    let header = plan::header(&found.place, &found.engine, &found.stack).await?;
    let objects = &view.snapshot.owned;
    let expires = objects.values().find_map(|f| Ownership::read(&f.live.tags)?.expires);
    let now = found.engine.now();
    let history = found.engine.history().await?;
    let cost = money::with_pricing(&args.which, &found, ui, |pricing| {
        LiveFigures::new(pricing, objects.values(), &Past::of(pricing, &history, objects, KINDS, now))
    })?;
    let jobs = jobs(&found.engine);
    if ui.json {
        let rows: Vec<_> = objects
            .iter()
            .map(|(a, f)| {
                json!({ "address": a, "kind": f.kind.name(), "id": f.live.id, "state": state(&f.live.state),
                        "summary": f.kind.summary(&f.live.spec), "now": f.live.now, "created": f.live.created, "members": f.live.members.len(), "outputs": f.live.outputs,
                        "cost": cost.resources.get(a.as_str()) })
            })
            .collect();
        let shown: Vec<_> = jobs
            .iter()
            .map(|job| {
                json!({ "id": job.id, "on": job.on, "machines": job.machines.len(), "by": job.by, "begun": job.begun,
                        "limit": job.limit, "ended": job.ended })
            })
            .collect();
        let fields = json!({ "stack": found.stack, "account": header.account, "region": header.region, "expires": expires, "cost": cost, "resources": rows, "jobs": shown });
        ui.data(&document("status", &fields, &view.notes).to_string());
        return Ok(Exit::Ok);
    }
    let mut out = String::new();
    heading(&header, ui.screen, &mut out);
    if objects.is_empty() {
        out.push_str("nothing is live\n");
    }
    let mut table =
        Table::new(&[Column::whole("RESOURCE"), Column::whole("ID"), Column::whole("STATE"), Column::words("WHAT")]);
    for (address, found) in objects {
        let live = &found.live;
        // What is known by its name has it in its summary, too.
        let summary = found.kind.summary(&live.spec);
        let what = summary.strip_prefix(live.id.as_str()).and_then(|rest| rest.strip_prefix(", ")).unwrap_or(&summary);
        let what = live.now.as_ref().map_or(what.to_owned(), |now| format!("{what}; {now}"));
        table.row(style(&live.state), [address.to_string(), live.id.clone(), state(&live.state), what]);
        for member in &live.members {
            let none = String::new();
            table.row(style(&member.state), [none.clone(), member.id.clone(), state(&member.state), none]);
        }
    }
    if !objects.is_empty() {
        table.render(ui.screen, &mut out);
    }
    out.push_str(cost.text());
    if let Some(at) = expires {
        out.push_str(&format!("expires {at}\n"));
    }
    out.extend(jobs.iter().map(|job| job_line(job, now)));
    if let Some(holder) = view.at_work.as_ref().and_then(|lock| lock.holder.as_ref()) {
        out.push_str(&format!("{} is at work (`{}`): `dlinfra lock status`\n", holder.name, holder.command));
    } else if let Some(run) = found.engine.memory().interrupted() {
        out.push_str(&format!(
            "the last `{}` ({}, {}) did not end: `dlinfra apply` continues it\n",
            run.command, run.holder, run.time
        ));
    }
    ui.data(&out);
    ui.diagnostics(&view.notes);
    Ok(Exit::Ok)
}
