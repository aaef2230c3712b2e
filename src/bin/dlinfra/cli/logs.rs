//! logs: what an endpoint's containers or a log group hold.
use super::{
    Exit, Result, Stop, document,
    stack::{Chosen, One},
};
use crate::ui::Ui;
use dlinfra::{diagnostic::Diagnostics, engine::LogLine, units::Span};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::{collections::BTreeSet, time::Duration};

/// Show the logs of an endpoint or a log group.
#[derive(clap::Args)]
#[command(after_help = AFTER, override_usage = "dlinfra logs [OPTIONS] [FILE] ADDRESS")]
pub(super) struct Args {
    #[command(flatten)]
    one: One,
    /// How far back: `30m`, `2h`, `1d`.
    #[arg(long, value_name = "TIME", default_value = "10m")]
    since: Span,
    /// Go on until interrupted.
    #[arg(long, short)]
    follow: bool,
}

const AFTER: &str = "\
Examples:
  dlinfra logs endpoint.yaml serve
  dlinfra logs endpoint.yaml serve.endpoint --since 2h
  dlinfra logs --stack endpoint --region us-east-1 serve --follow";

/// How often a followed log is read.
const PAUSE: Duration = Duration::from_secs(2);
/// CloudWatch shows lines in the order of their times, but some of them late.
const LATE: SignedDuration = SignedDuration::from_secs(60);

pub(super) async fn run(args: &Args, ui: Ui) -> Result {
    let chosen = args.one.choose(|object| object.kind.writes_logs()).await?;
    let clock = chosen.found.engine.aws().clock().clone();
    let back = i64::try_from(args.since.seconds()).unwrap_or(i64::MAX);
    let now = clock.now();
    let mut since = now.checked_sub(SignedDuration::from_secs(back)).unwrap_or(Timestamp::UNIX_EPOCH);
    let mut shown = BTreeSet::new();
    if ui.json && !args.follow {
        let lines: Vec<_> = read(&chosen, since).await?.iter().map(value).collect();
        ui.data(
            &document("logs", &json!({ "address": chosen.address, "lines": lines }), &Diagnostics::new()).to_string(),
        );
        return Ok(Exit::Ok);
    }
    let mut none = true;
    loop {
        for line in read(&chosen, since).await? {
            if !shown.insert(line.id.clone()) {
                continue;
            }
            none = false;
            since = since.max(line.time.checked_sub(LATE).unwrap_or(since));
            match ui.json {
                true => ui.data(&value(&line).to_string()),
                false => ui.data(&text(&line)),
            }
        }
        if !args.follow {
            break;
        }
        tokio::select! {
            _ = tokio::signal::ctrl_c() => break,
            () = clock.sleep(PAUSE) => {}
        }
    }
    if none && !args.follow {
        ui.say(&format!("nothing was written in the last {}", args.since));
    }
    Ok(Exit::Ok)
}

async fn read(chosen: &Chosen, since: Timestamp) -> std::result::Result<Vec<LogLine>, Stop> {
    let lines = chosen.found.engine.lines(&chosen.object, since).await;
    Ok(lines.map_err(|e| e.diagnostic().at_address(chosen.address.as_str()))?)
}

/// `2026-11-29T12:00:00Z main/i-0abc  the line`
fn text(line: &LogLine) -> String {
    let time = line.time.round(jiff::Unit::Second).unwrap_or(line.time);
    format!("{time} {}  {}", line.source, line.text)
}

fn value(line: &LogLine) -> serde_json::Value {
    json!({ "time": line.time, "source": line.source, "text": line.text })
}
