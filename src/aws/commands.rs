//! Run Command of Systems Manager: shell scripts on machines, without an open port.
//!
//! The limits are those of the documents of Systems Manager: 50 machines by their ids in one call, 24,000 characters of
//! what a script printed, an execution of an hour where nothing is said.
use super::{Aws, Error, ErrorClass};
use futures_util::future::{join_all, try_join_all};
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Value, json};
use std::{collections::BTreeSet, time::Duration};

/// So many machines in one call.
const AT_ONCE: usize = 50;
/// The lists of invocations show so much of an output; what is longer is asked for by itself.
const SHOWN: usize = 2_400;
/// How often the end of a script is looked for.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a script of dlinfra's may take until a machine counts as one that does not answer.
const PATIENCE: SignedDuration = SignedDuration::from_secs(90);
/// The same in the words of Systems Manager: when an agent is not reached, and how long the script may run.
const DELIVERY: u32 = 60;
const EXECUTION: &str = "900";

/// What a script did on one machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// The machine.
    pub id: String,
    /// The script's exit code; nothing while it runs, or where it never ran.
    pub code: Option<i32>,
    /// What it printed to its standard output.
    pub output: String,
    /// AWS's word for how it ended or where it is: `Success`, `Undeliverable`, …
    pub status: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Sent {
    command: Command,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Command {
    command_id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Invocation {
    instance_id: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    status_details: String,
    #[serde(default)]
    command_plugins: Vec<Plugin>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Plugin {
    #[serde(default)]
    response_code: i32,
    #[serde(default)]
    output: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Whole {
    #[serde(default)]
    standard_output_content: String,
}

impl Invocation {
    fn is_over(&self) -> bool {
        !matches!(self.status.as_str(), "Pending" | "InProgress" | "Delayed" | "Cancelling" | "")
    }

    fn ran(self) -> Ran {
        let (plugin, over) = (self.command_plugins.into_iter().next(), !self.status.is_empty());
        let code = plugin.as_ref().map(|p| p.response_code).filter(|code| over && *code >= 0);
        let status = if self.status_details.is_empty() { self.status } else { self.status_details };
        Ran { id: self.instance_id, code, output: plugin.map(|p| p.output).unwrap_or_default(), status }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Reached {
    instance_id: String,
    #[serde(default)]
    ping_status: String,
}

/// How the first start of a machine ended, as cloud-init knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FirstStart {
    /// It goes on, or the machine does not say.
    Running,
    /// Well, or the machine has no cloud-init.
    Done,
    /// Not well: the end of its log.
    Failed(String),
}

impl Ran {
    fn first_start(&self) -> FirstStart {
        let (word, rest) = self.output.split_once('\n').unwrap_or((&self.output, ""));
        match (self.code, word.trim()) {
            (Some(0), "done") => FirstStart::Done,
            (Some(0), "failed") => FirstStart::Failed(rest.trim_end().to_owned()),
            _ => FirstStart::Running,
        }
    }
}

impl Aws {
    /// How the first starts of these machines ended.
    ///
    /// # Errors
    /// As [`Aws::on_machines`].
    pub async fn first_starts(&self, ids: &[String]) -> Result<Vec<(String, FirstStart)>, Error> {
        let ran = self.on_machines(ids, include_str!("first_start.sh"), "dlinfra: first start").await?;
        Ok(ran.into_iter().map(|one| (one.id.clone(), one.first_start())).collect())
    }

    /// Those of these machines whose agent Systems Manager reaches now.
    ///
    /// # Errors
    /// Whatever Systems Manager answers.
    pub async fn reached(&self, ids: &[String]) -> Result<BTreeSet<String>, Error> {
        let mut out = BTreeSet::new();
        for some in ids.chunks(AT_ONCE) {
            let ask = json!({ "Filters": [{ "Key": "InstanceIds", "Values": some }], "MaxResults": AT_ONCE });
            let lists = ("InstanceInformationList", "NextToken");
            let found: Vec<Reached> = self.ssm().pages("DescribeInstanceInformation", ask, lists).await?;
            out.extend(found.into_iter().filter(|m| m.ping_status == "Online").map(|m| m.instance_id));
        }
        Ok(out)
    }

    /// Runs a script on all of these machines at the same time, and waits until each has ended, or does not answer. The
    /// script may run twice, since an answer can be lost: it must be one that may.
    ///
    /// # Errors
    /// Whatever Systems Manager answers; one machine that it does not reach, where it says so at once, is an error of all
    /// that are asked with it.
    pub async fn on_machines(&self, ids: &[String], script: &str, why: &str) -> Result<Vec<Ran>, Error> {
        let batches = ids.chunks(AT_ONCE).map(|some| self.on_some(some, script, why));
        Ok(try_join_all(batches).await?.into_iter().flatten().collect())
    }

    async fn on_some(&self, ids: &[String], script: &str, why: &str) -> Result<Vec<Ran>, Error> {
        let ask = json!({
            "DocumentName": "AWS-RunShellScript",
            "InstanceIds": ids,
            "Comment": why,
            "TimeoutSeconds": DELIVERY,
            // All at once, and all of them: the defaults would hold back the fifty-first, and stop at the first failure.
            "MaxConcurrency": "100%",
            "MaxErrors": "100%",
            "Parameters": { "commands": [script], "executionTimeout": [EXECUTION] },
        });
        let sent: Sent = self.ssm().call("SendCommand", &ask).await?;
        let (clock, id) = (self.clock(), sent.command.command_id);
        let begun = clock.now();
        loop {
            clock.sleep(PAUSE).await;
            let found = self.invocations(&id).await?;
            let over = found.iter().filter(|i| i.is_over()).count() == ids.len();
            if over || clock.now().duration_since(begun) > PATIENCE {
                let ran = found.into_iter().map(Invocation::ran);
                return join_all(ran.map(|ran| self.whole(&id, ran))).await.into_iter().collect();
            }
        }
    }

    async fn invocations(&self, id: &str) -> Result<Vec<Invocation>, Error> {
        let ask = json!({ "CommandId": id, "Details": true, "MaxResults": AT_ONCE });
        self.ssm().pages("ListCommandInvocations", ask, ("CommandInvocations", "NextToken")).await
    }

    /// The same with all of its output.
    async fn whole(&self, id: &str, ran: Ran) -> Result<Ran, Error> {
        if ran.output.len() < SHOWN {
            return Ok(ran);
        }
        let ask: Value = json!({ "CommandId": id, "InstanceId": ran.id });
        let whole: Whole = self.ssm().call("GetCommandInvocation", &ask).await?;
        Ok(Ran { output: whole.standard_output_content, ..ran })
    }
}

/// Does this refusal say that a machine is not, or not yet, or no more known to Systems Manager?
pub fn is_unreached(error: &Error) -> bool {
    error.is("InvalidInstanceId") || error.class == ErrorClass::NotFound
}
