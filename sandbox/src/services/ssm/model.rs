//! Commands and their invocations, one for each machine, as stored.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::commands::Outcome;
use crate::life::after;
use crate::services::prelude::*;
use crate::store::{Due, Object, World};

/// How long AWS remembers a command.
const MEMORY: Duration = Duration::from_secs(30 * 24 * 3600);
/// The longest outputs that an invocation shows.
const OUTPUTS: (usize, usize) = (24_000, 8_000);
const CUT: &str = "--output truncated--";

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Command {
    pub(super) id: String,
    pub(super) created: Timestamp,
    pub(super) comment: String,
    pub(super) parameters: BTreeMap<String, Vec<String>>,
    pub(super) instances: Vec<String>,
    /// Seconds until a machine must have begun.
    pub(super) patience: i64,
    pub(super) max_concurrency: String,
    pub(super) max_errors: String,
    forgotten: Option<Timestamp>,
}

object!(Command, "ssm/command", id, due forgotten);

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Invocation {
    /// Command and instance.
    pub(super) id: String,
    pub(super) created: Timestamp,
    pub(super) command: String,
    pub(super) instance: String,
    pub(super) status: Status,
    pub(super) code: i64,
    pub(super) began: Option<Timestamp>,
    pub(super) ended: Option<Timestamp>,
    pub(super) stdout: String,
    pub(super) stderr: String,
    /// When it will not be begun any more, or is taken to have taken too long, or is forgotten.
    timer: Option<Timestamp>,
}

object!(Invocation, "ssm/invocation", id, due timer);

/// The statuses of invocations, with their details.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Status {
    Pending,
    InProgress,
    Cancelling,
    Success,
    Failed,
    Cancelled,
    /// It took too long.
    ExecutionTimedOut,
    /// It did not begin in time.
    DeliveryTimedOut,
}

impl Status {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::ExecutionTimedOut | Self::DeliveryTimedOut => "TimedOut",
            other => other.details(),
        }
    }

    pub(super) fn details(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::InProgress => "InProgress",
            Self::Cancelling => "Cancelling",
            Self::Success => "Success",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
            Self::ExecutionTimedOut => "ExecutionTimedOut",
            Self::DeliveryTimedOut => "DeliveryTimedOut",
        }
    }

    pub(super) fn is_final(self) -> bool {
        !matches!(self, Self::Pending | Self::InProgress | Self::Cancelling)
    }

    /// What is said of a command whose invocations are in these states.
    pub(super) fn of_all(all: &[Self]) -> Self {
        let has = |status: Self| all.contains(&status);
        let order = [Self::Failed, Self::ExecutionTimedOut, Self::DeliveryTimedOut, Self::Cancelled];
        if all.iter().all(|status| *status == Self::Pending) {
            return Self::Pending;
        }
        if !all.iter().all(|status| status.is_final()) {
            return if has(Self::Cancelling) { Self::Cancelling } else { Self::InProgress };
        }
        order.into_iter().find(|status| has(*status)).unwrap_or(Self::Success)
    }
}

impl Command {
    /// A new command, with an invocation for each of its machines.
    pub(super) fn send(mut self, call: &mut Call<'_>) -> Self {
        self.forgotten = Some(after(self.created, MEMORY));
        for instance in &self.instances {
            call.put(Invocation {
                id: invocation_id(&self.id, instance),
                created: self.created,
                command: self.id.clone(),
                instance: instance.clone(),
                status: Status::Pending,
                code: -1,
                began: None,
                ended: None,
                stdout: String::new(),
                stderr: String::new(),
                timer: Some(self.expires()),
            });
        }
        call.put(self.clone());
        self
    }

    /// A command that was not sent yet.
    pub(super) fn new(id: String, created: Timestamp, instances: Vec<String>) -> Self {
        Self {
            id,
            created,
            comment: String::new(),
            parameters: BTreeMap::new(),
            instances,
            patience: 3600,
            max_concurrency: "50".to_owned(),
            max_errors: "0".to_owned(),
            forgotten: None,
        }
    }

    /// Until when its machines must have begun.
    pub(super) fn expires(&self) -> Timestamp {
        after(self.created, Duration::from_secs(u64::try_from(self.patience).unwrap_or_default()))
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name)?.first().map(String::as_str)
    }

    pub(super) fn script(&self) -> String {
        let lines = self.parameters.get("commands").map(|lines| lines.join("\n")).unwrap_or_default();
        format!("{lines}\n")
    }

    pub(super) fn directory(&self) -> Option<&str> {
        self.parameter("workingDirectory").filter(|directory| !directory.is_empty())
    }

    /// How long it may take on a machine.
    pub(super) fn timeout(&self) -> Duration {
        let seconds = self.parameter("executionTimeout").and_then(|text| text.parse().ok());
        Duration::from_secs(seconds.unwrap_or(3600))
    }
}

pub(super) fn invocation_id(command: &str, instance: &str) -> String {
    format!("{command}/{instance}")
}

impl Invocation {
    pub(super) fn begin(&mut self, now: Timestamp) {
        (self.status, self.began, self.timer) = (Status::InProgress, Some(now), None);
    }

    /// What came of it on its machine. Of one that is lost AWS learns nothing until its time is over.
    pub(super) fn end(&mut self, outcome: Outcome, timeout: Duration, now: Timestamp) {
        let (status, code, stdout, stderr) = match outcome {
            Outcome::Lost => {
                self.timer = Some(after(self.began.unwrap_or(now), timeout));
                return;
            }
            Outcome::Ended { code: 0, stdout, stderr } => (Status::Success, 0, stdout, stderr),
            Outcome::Ended { code, stdout, stderr } => (Status::Failed, code.into(), stdout, stderr),
            // What the agent says of what it has ended.
            Outcome::TimedOut { stdout, stderr } => (Status::ExecutionTimedOut, 137, stdout, stderr),
        };
        self.stdout = cut(&stdout, OUTPUTS.0);
        self.stderr = cut(&stderr, OUTPUTS.1);
        self.code = code;
        self.finish(status, now);
    }

    /// Nothing more comes of it.
    pub(super) fn finish(&mut self, status: Status, now: Timestamp) {
        (self.status, self.ended) = (status, Some(now));
        self.timer = Some(after(self.created, MEMORY));
    }
}

/// A text of at most so many characters, the last of which say that there was more.
pub(super) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - CUT.len()).chain(CUT.chars()).collect()
}

/// What the clock brings: a machine that did not begin, one that was lost, and the end of AWS's memory.
pub(super) fn settle(world: &mut World, due: &Due) {
    if due.kind == Command::KIND {
        world.remove::<Command>(&due.region, &due.id);
        return;
    }
    let Some(mut it) = world.get::<Invocation>(&due.region, &due.id).cloned() else { return };
    match it.status {
        Status::Pending => it.finish(Status::DeliveryTimedOut, due.at),
        Status::InProgress => it.finish(Status::ExecutionTimedOut, due.at),
        Status::Cancelling => it.finish(Status::Cancelled, due.at),
        _ => {
            world.remove::<Invocation>(&due.region, &due.id);
            return;
        }
    }
    world.put(&due.region, it);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_as_its_machines_are() {
        use Status::{Cancelled, Cancelling, ExecutionTimedOut, Failed, InProgress, Pending, Success};
        for (all, wanted) in [
            (vec![Pending, Pending], Pending),
            (vec![Pending, Success], InProgress),
            (vec![InProgress, Failed], InProgress),
            (vec![InProgress, Cancelling], Cancelling),
            (vec![Success, Success], Success),
            (vec![Success, Cancelled], Cancelled),
            (vec![Cancelled, ExecutionTimedOut, Success], ExecutionTimedOut),
            (vec![Failed, ExecutionTimedOut], Failed),
        ] {
            assert_eq!(Status::of_all(&all), wanted, "{all:?}");
        }
        assert_eq!((ExecutionTimedOut.name(), ExecutionTimedOut.details()), ("TimedOut", "ExecutionTimedOut"));
    }

    #[test]
    fn outputs_are_cut_and_say_so() {
        assert_eq!(cut("äbc", 3), "äbc");
        let long = cut(&"ä".repeat(30), 25);
        assert_eq!((long.chars().count(), long.as_str()), (25, "äääää--output truncated--"));
    }
}
