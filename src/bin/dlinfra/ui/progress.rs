//! The events of an execution: moving bars on a terminal, dated lines elsewhere, JSON lines on request.
use super::{Ui, clean::clean};
use dlinfra::{
    address::Address,
    engine::{Event, What},
    plan::Plan,
    report::plan::time,
    units::{Size, grouped},
};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use jiff::Timestamp;
use serde_json::json;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// At most one sign of life in this time when nothing happens.
const HEARTBEAT: Duration = Duration::from_secs(30);
/// At most one line of progress in this time, for people and for programs; the first and the last always come.
const LINES: Duration = Duration::from_secs(10);
const EVENTS: Duration = Duration::from_millis(500);

struct State {
    ui: Ui,
    bars: Option<(MultiProgress, ProgressBar)>,
    running: BTreeMap<Address, (ProgressBar, Timestamp, u64)>,
    left: BTreeMap<Address, u64>,
    /// How far long pieces of work are, and when that was said last.
    words: BTreeMap<Address, String>,
    told: BTreeMap<Address, Instant>,
    done: usize,
    total: usize,
    spoke: Instant,
}

/// Shows events.
#[derive(Clone)]
pub(crate) struct Progress(Arc<Mutex<State>>);

impl Progress {
    /// For the tasks of a plan.
    pub(crate) fn new(ui: Ui, plan: &Plan) -> Self {
        let mut left: BTreeMap<Address, u64> = BTreeMap::new();
        for (task, remaining) in plan.tasks.iter().zip(&plan.remaining) {
            let slot = left.entry(plan.steps[task.step].address.clone()).or_default();
            *slot = (*slot).max(*remaining);
        }
        let bars = (ui.terminal && !ui.json).then(|| {
            let multi = MultiProgress::new();
            let total = multi.add(ProgressBar::new(plan.tasks.len() as u64));
            total.set_style(style("{bar:24.cyan/dim} {pos}/{len}  {msg}"));
            total.enable_steady_tick(Duration::from_millis(120));
            (multi, total)
        });
        let total = plan.tasks.len();
        Self(Arc::new(Mutex::new(State {
            ui,
            bars,
            running: BTreeMap::new(),
            left,
            words: BTreeMap::new(),
            told: BTreeMap::new(),
            done: 0,
            total,
            spoke: Instant::now(),
        })))
    }

    /// Takes an event.
    pub(crate) fn event(&self, event: &Event) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.ui.json { state.json(event) } else { state.text(event) }
    }

    /// Speaks when nobody heard anything for a while; call it now and then.
    pub(crate) fn heartbeat(&self, now: Timestamp) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.tick(now);
        if state.bars.is_none() && !state.ui.json && state.spoke.elapsed() >= HEARTBEAT && !state.running.is_empty() {
            let names: Vec<&str> = state.running.keys().map(Address::as_str).collect();
            let line = format!(
                "{} still working on {} ({} of {} done)",
                stamp(now),
                names.join(", "),
                state.done,
                state.total
            );
            state.line(&line);
        }
    }

    /// Removes what moves.
    pub(crate) fn finish(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (bar, _, _) in std::mem::take(&mut state.running).into_values() {
            bar.finish_and_clear();
        }
        if let Some((multi, total)) = state.bars.take() {
            total.finish_and_clear();
            let _ = multi.clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn stamp(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

impl State {
    fn line(&mut self, text: &str) {
        self.spoke = Instant::now();
        match &self.bars {
            Some((multi, _)) => {
                let _ = multi.println(clean(text, self.ui.color));
            }
            None => self.ui.say(text),
        }
    }

    fn tick(&mut self, now: Timestamp) {
        let mut longest = 0;
        for (address, (bar, since, expected)) in &self.running {
            let gone = u64::try_from(now.duration_since(*since).as_secs()).unwrap_or(0);
            let words =
                if *expected == 0 { time(gone) } else { format!("{} of about {}", time(gone), time(*expected)) };
            let words = match self.words.get(address) {
                Some(more) => format!("{words}, {more}"),
                None => words,
            };
            bar.set_message(words);
            longest = longest.max(self.left.get(address).copied().unwrap_or(0).saturating_sub(gone));
        }
        if let Some((_, total)) = &self.bars {
            total.set_message(if longest == 0 { String::new() } else { format!("about {} left", time(longest)) });
        }
    }

    fn text(&mut self, event: &Event) {
        let at = if self.bars.is_some() { String::new() } else { format!("{} ", stamp(event.time)) };
        let address = &event.address;
        match &event.what {
            What::Started { verb, expected, .. } => {
                let bar = match &self.bars {
                    Some((multi, _)) => multi.add(ProgressBar::new_spinner()),
                    None => ProgressBar::hidden(),
                };
                bar.set_style(style("  {spinner} {prefix}  {msg}"));
                bar.set_prefix(format!("{verb} {address}"));
                if self.bars.is_some() {
                    bar.enable_steady_tick(Duration::from_millis(120));
                } else if *expected >= 30 {
                    self.line(&format!("{at}{verb} {address} (about {})", time(*expected)));
                }
                self.running.insert(address.clone(), (bar, event.time, *expected));
            }
            // What AWS answers while a change spreads reads like an error, and is none.
            What::Waiting { why } => self.line(&format!("{at}  {address}: AWS is not ready yet, trying again ({why})")),
            What::Progress { count, bytes, complete } => {
                let words = format!("{} objects, {} deleted", grouped(*count), Size::from_bytes(*bytes).rough());
                if self.bars.is_none() && self.due(address, *complete, LINES) {
                    self.line(&format!("{at}  {address}: {words}"));
                }
                self.words.insert(address.clone(), words);
            }
            What::Accepted { .. } => {}
            What::Done { verb, id, seconds, .. } => {
                self.close(address);
                let id = if id.is_empty() { String::new() } else { format!(" {id}") };
                self.line(&format!("{at}{verb} {address}{id} ({})", time(*seconds)));
            }
            What::Failed { error, help, .. } => {
                self.close(address);
                self.line(&format!("{at}failed {address}: {error}"));
                if let Some(help) = help {
                    self.line(&format!("{at}  help: {help}"));
                }
            }
            What::Pending { why, .. } => {
                self.close(address);
                self.line(&format!("{at}pending {address}: {why}"));
            }
            What::Skipped { because, .. } => self.line(&format!("{at}skipped {address}: it needs {because}")),
        }
        self.tick(event.time);
    }

    /// Is it time to tell of progress?
    fn due(&mut self, address: &Address, last: bool, pause: Duration) -> bool {
        let now = Instant::now();
        let due = last || self.told.get(address).is_none_or(|t| now.duration_since(*t) >= pause);
        if due {
            self.told.insert(address.clone(), now);
        }
        due
    }

    fn close(&mut self, address: &Address) {
        self.words.remove(address);
        self.done += 1;
        if let Some((bar, _, _)) = self.running.remove(address) {
            bar.finish_and_clear();
        }
        if let Some((_, total)) = &self.bars {
            total.set_position(self.done as u64);
        }
    }

    fn json(&mut self, event: &Event) {
        if let What::Progress { complete, .. } = event.what
            && !self.due(&event.address, complete, EVENTS)
        {
            return;
        }
        let mut row = json!({ "type": "", "time": stamp(event.time), "address": event.address });
        let mut set = |kind: &str, fields: serde_json::Value| {
            row["type"] = json!(kind);
            if let (Some(row), serde_json::Value::Object(fields)) = (row.as_object_mut(), fields) {
                row.extend(fields);
            }
        };
        match &event.what {
            What::Started { verb, expected, .. } => {
                set("started", json!({ "operation": verb, "expected_seconds": expected }));
            }
            What::Waiting { why } => set("waiting", json!({ "reason": why })),
            What::Progress { count, bytes, complete } => {
                set("progress", json!({ "count": count, "bytes": bytes, "complete": complete }));
            }
            What::Accepted { id } => set("accepted", json!({ "id": id })),
            What::Done { verb, id, seconds, .. } => {
                set("done", json!({ "operation": verb, "id": id, "seconds": seconds }));
            }
            What::Failed { error, help, .. } => set("failed", json!({ "error": error, "help": help })),
            What::Pending { why, .. } => set("pending", json!({ "reason": why })),
            What::Skipped { because, .. } => set("skipped", json!({ "because": because })),
        }
        self.ui.data(&row.to_string());
    }
}
