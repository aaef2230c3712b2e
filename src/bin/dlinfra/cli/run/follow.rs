//! Following a job: lines of all ranks as they come, until it has ended, is too old, or somebody has had enough.
use super::super::Stop;
use crate::ui::Ui;
use dlinfra::{aws::ErrorClass, clock::Clock, run::Watch};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::time::Duration;
use tokio::sync::watch;

/// Interrupts, counted.
pub(super) struct Signals(watch::Receiver<u32>);

impl Signals {
    /// Counts SIGINT and SIGTERM from now on.
    pub(super) fn listen(ui: Ui) -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let (count, counted) = watch::channel(0);
        if let (Ok(mut int), Ok(mut term)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
            tokio::spawn(async move {
                loop {
                    tokio::select! {
                        _ = int.recv() => {}
                        _ = term.recv() => {}
                    }
                    count.send_modify(|n| *n += 1);
                }
            });
        } else {
            ui.say("note: signals cannot be listened to; an interrupt leaves the job running");
        }
        Self(counted)
    }

    /// How many there were.
    pub(super) fn count(&self) -> u32 {
        *self.0.borrow()
    }

    /// The next one.
    pub(super) async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Why nobody follows any more.
pub(super) enum Told {
    /// Every rank has ended.
    Ended,
    /// It was stopped, since it took too long.
    TimedOut,
    /// It was stopped, since somebody asked for that.
    Interrupted,
    /// It goes on, and nobody looks.
    Left,
}

/// How long the others may go on when one rank has failed: they may wait for it for ever.
const AFTER_FAILURE: SignedDuration = SignedDuration::from_secs(30);
/// Machines end a job at its limit themselves; this much later they are asked.
const AFTER_LIMIT: SignedDuration = SignedDuration::from_secs(120);
/// A rank that was asked to end is gone after SIGTERM, 60 seconds, and SIGKILL.
const AFTER_STOP: SignedDuration = SignedDuration::from_secs(120);
/// How long Systems Manager may be away.
const AWAY: SignedDuration = SignedDuration::from_mins(10);
/// The pauses between two looks: of a job that writes, and of one that is silent.
const SHORTEST: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(10);

/// Shows what a job writes, until it is over.
pub(super) async fn until_over(
    watch: &mut Watch<'_>,
    signals: &mut Signals,
    clock: &Clock,
    ui: Ui,
) -> Result<Told, Stop> {
    let mut screen = Screen::new(ui, watch.ranks().len());
    let (begun, limit) = watch.bounds();
    let limit = SignedDuration::from_secs(i64::try_from(limit.seconds()).unwrap_or(i64::MAX));
    let (mut failed, mut stopped, mut heard): (Option<Timestamp>, Option<Timestamp>, _) = (None, None, clock.now());
    let (mut told, mut pause, mut seen) = (Told::Ended, SHORTEST, signals.count());
    loop {
        match watch.look().await {
            Ok(news) => {
                heard = clock.now();
                pause = if news.is_empty() { (pause + Duration::from_secs(1)).min(LONGEST) } else { SHORTEST };
                news.into_iter().for_each(|(rank, bytes)| screen.take(rank, &bytes));
            }
            // A short absence of AWS is no end of the job.
            Err(e) if passes(e.class) && clock.now().duration_since(heard) < AWAY => {}
            Err(e) => return Err(e.into()),
        }
        let now = clock.now();
        if watch.is_over() {
            break;
        }
        if watch.first_failure().is_some() {
            failed.get_or_insert(now);
        }
        let since = |at: Option<Timestamp>, time| at.is_some_and(|at| now.duration_since(at) > time);
        if since(stopped, AFTER_STOP) {
            ui.say("some ranks did not end in time, or do not answer");
            break;
        }
        let late = now.duration_since(begun) > limit.saturating_add(AFTER_LIMIT);
        if stopped.is_none() && (late || since(failed, AFTER_FAILURE)) {
            if late {
                told = Told::TimedOut;
            }
            let word = if late { "the job takes too long" } else { "one rank has failed" };
            ui.say(&format!("{word}: stopping the others"));
            stop(watch).await?;
            stopped = Some(now);
        }
        if signals.count() == seen && !watch.is_behind() {
            tokio::select! {
                () = signals.next() => {}
                () = clock.sleep(pause) => {}
            }
        }
        if signals.count() > seen {
            seen = signals.count();
            if matches!(told, Told::Interrupted) {
                screen.end();
                return Ok(Told::Left);
            }
            told = Told::Interrupted;
            ui.say("stopping the job: each rank gets SIGTERM, and 60 s (interrupt again to leave it running)");
            stop(watch).await?;
            stopped = Some(clock.now());
        }
    }
    screen.end();
    // The machines have ended it themselves.
    if matches!(told, Told::Ended) && watch.is_late() {
        return Ok(Told::TimedOut);
    }
    Ok(told)
}

async fn stop(watch: &Watch<'_>) -> Result<(), Stop> {
    match watch.stop().await {
        Err(e) if !passes(e.class) => Err(e.into()),
        _ => Ok(()),
    }
}

/// Does trying again help?
fn passes(class: ErrorClass) -> bool {
    matches!(class, ErrorClass::Throttled | ErrorClass::Unreachable | ErrorClass::Ambiguous)
}

/// Lines of ranks that are not whole yet.
struct Screen {
    ui: Ui,
    parts: Vec<Vec<u8>>,
    width: usize,
}

impl Screen {
    fn new(ui: Ui, ranks: usize) -> Self {
        Self { ui, parts: vec![Vec::new(); ranks], width: ranks.saturating_sub(1).to_string().len() }
    }

    fn take(&mut self, rank: usize, bytes: &[u8]) {
        let Some(part) = self.parts.get_mut(rank) else { return };
        part.extend_from_slice(bytes);
        let Some(end) = part.iter().rposition(|b| *b == b'\n') else { return };
        let rest = part.split_off(end + 1);
        let lines = std::mem::replace(part, rest);
        for line in lines[..end].split(|b| *b == b'\n') {
            self.show(rank, line);
        }
    }

    fn show(&self, rank: usize, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        // A progress bar writes one line again and again: what it said last counts.
        let text = text.trim_end_matches('\r');
        let text = text.rsplit('\r').next().unwrap_or(text);
        match self.ui.json {
            true => self.ui.data(&json!({ "type": "log", "rank": rank, "text": text }).to_string()),
            false => self.ui.data(&format!("[{rank:width$}] {text}", width = self.width)),
        }
    }

    /// What does not end with a line's end.
    fn end(&mut self) {
        for (rank, part) in std::mem::take(&mut self.parts).into_iter().enumerate() {
            if !part.is_empty() {
                self.show(rank, &part);
            }
        }
    }
}
