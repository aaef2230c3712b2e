//! Jobs of a stack, as its journal keeps them.
use super::{Engine, Execution, Object, View};
use crate::{
    address::Address,
    apply::Outcome,
    diagnostic::{Diagnostic, Diagnostics},
    journal::Presence,
    record::{self, Pin, Record},
    resource::Machine,
    run::{Job, codes},
};
use serde_json::json;
use std::sync::Arc;

impl Engine {
    /// The jobs that the journal knows, the oldest first.
    pub fn jobs(&self) -> Vec<Job> {
        let keys = self.memory.pins.keys().filter_map(|key| key.parse::<Pin>().ok());
        keys.filter(|pin| matches!(pin, Pin::Job(_))).filter_map(|pin| self.memory.pinned(&pin)).collect()
    }

    /// A job by its id.
    ///
    /// # Errors
    /// The journal knows none of this id.
    pub fn job(&self, id: &str) -> Result<Job, Diagnostics> {
        self.memory.pinned(&Pin::Job(id.to_owned())).ok_or_else(|| {
            let last: Vec<String> = self.jobs().iter().rev().take(3).map(|job| job.id.clone()).collect();
            let help = match last.is_empty() {
                true => "no job was begun on this stack, or its journal lies elsewhere".to_owned(),
                false => format!("the last ones are {}", last.join(", ")),
            };
            let text = format!("the journal of {} knows no job `{id}`", self.target.stack);
            Diagnostic::error(&codes::NO_JOB, text).with_help(help).into()
        })
    }

    /// An id for a new job.
    pub fn new_job(&self) -> String {
        record::mint(self.now())
    }

    /// Writes down where a job is, under the stack's lock.
    ///
    /// # Errors
    /// A lock that somebody holds; a journal that cannot be written.
    pub async fn note_job(&self, view: &View, job: &Job, presence: Presence) -> Result<(), Diagnostics> {
        let (_, cancel) = tokio::sync::watch::channel(false);
        let presence = Some(presence);
        let run = Execution { command: "run", presence, delete_data: false, sink: Arc::new(|_| {}), cancel };
        let Some(held) = self.hold(view, run).await? else { return Ok(()) };
        let time = self.now();
        let word = Record::Pinned { key: Pin::Job(job.id.clone()).to_string(), value: json!(job), time };
        let written = held.session.recorder().journal().append_all(vec![word]).await.map_err(|e| e.diagnostic());
        let outcome = written.map(|()| Outcome::default()).map_err(Diagnostics::from);
        self.let_go(held, outcome).await.map(drop)
    }

    /// A machine that AWS may take away: of the spot market where there is one.
    pub fn a_machine(&self, view: &View) -> Option<(Address, Machine)> {
        let groups = view.snapshot.owned.iter();
        let all = groups.flat_map(|(at, object)| object.kind.machines(&object.live).into_iter().map(move |m| (at, m)));
        let all: Vec<_> = all.collect();
        let chosen = all.iter().find(|(_, machine)| machine.spot).or(all.first())?;
        Some((chosen.0.clone(), chosen.1.clone()))
    }

    /// The machines on which a command runs, in the order of their ranks, and the resources that they are of: those that
    /// are named, or the only ones that there are.
    ///
    /// # Errors
    /// None runs, several groups and no name, a name of something else.
    pub fn machines(&self, view: &View, on: &[String]) -> Result<(Vec<Address>, Vec<Machine>), Diagnostics> {
        let able = view.snapshot.owned.iter().filter(|(_, object)| object.kind.runs_commands());
        let able: Vec<(&Address, &Object)> = able.collect();
        let wrong =
            |text: String, help: String| Err(Diagnostic::error(&codes::NO_MACHINES, text).with_help(help).into());
        let names = || able.iter().map(|(address, _)| address.as_str()).collect::<Vec<_>>().join(", ");
        let is_in = |address: &Address, word: &str| {
            address.as_str().strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '/']))
        };
        if let Some(word) = on.iter().find(|word| !able.iter().any(|(address, _)| is_in(address, word))) {
            let help = if able.is_empty() {
                "the stack has no machines".to_owned()
            } else {
                format!("machines are in {}", names())
            };
            return wrong(format!("no machines have the address `{word}`"), help);
        }
        let chosen: Vec<_> =
            able.iter().filter(|(address, _)| on.is_empty() || on.iter().any(|word| is_in(address, word))).collect();
        if on.is_empty() && chosen.len() > 1 {
            return wrong(format!("there are machines in {}", names()), "say which with `--on ADDRESS`".to_owned());
        }
        let machines: Vec<Machine> = chosen.iter().flat_map(|(_, object)| object.kind.machines(&object.live)).collect();
        if machines.is_empty() {
            let help = "`dlinfra status` shows what is live".to_owned();
            return wrong(format!("no machine of {} runs", self.target.stack), help);
        }
        Ok((chosen.iter().map(|(address, _)| (*address).clone()).collect(), machines))
    }
}
