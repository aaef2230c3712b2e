//! What happens outside of requests: machines do what they are told, and functions run, at once for who waits for them, or from their queue and by the clock.

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::time::Duration;

use tokio::task::{Id, JoinSet};

use crate::error::ApiError;
use crate::functions::Answer;
use crate::sandbox::Sandbox;
use crate::services::lambda::{self, Job};
use crate::services::scheduler;
use crate::wire::reply::Reply;

impl Sandbox {
    /// Keeps up what nobody waits for, as long as the future is not dropped: waits until a schedule is due by the
    /// account's clock, and runs the functions that are called by schedules and by `Event` invocations, each function
    /// once at a time. A function that fails is run again after a minute, and once more after two. Machines run what is
    /// sent to them, all at the same time.
    ///
    /// [`crate::serve`] does this beside answering. Without it such calls and commands stay in their queues.
    pub async fn attend(&self) {
        tokio::join!(self.attend_functions(), self.attend_machines());
    }

    async fn attend_functions(&self) {
        let clock = self.clock();
        let mut running = JoinSet::new();
        let mut busy: BTreeMap<Id, (String, String)> = BTreeMap::new();
        loop {
            let names: BTreeSet<_> = busy.values().cloned().collect();
            // A failure to store is one of the disk; requests are told of it.
            let looked = self.transact(|world, now| {
                let begun = lambda::next(world, now, &names);
                let times = [lambda::next_time(world, now), scheduler::next_time(world)];
                let wait = times.into_iter().flatten().min().map(|at| at.duration_since(now));
                (begun, wait)
            });
            let (begun, wait) = looked.unwrap_or((None, None));
            if let Some(begun) = begun {
                let name = (begun.region.clone(), begun.function.clone());
                let sandbox = self.clone();
                let task = running.spawn(async move {
                    let answer = sandbox.run(&begun.job).await;
                    let failed = answer.error.is_some();
                    let _ = sandbox.transact(|world, now| lambda::answered(world, &begun, failed, now));
                });
                busy.insert(task.id(), name);
                continue;
            }
            let wait = wait.map(|wait| Duration::try_from(wait).unwrap_or_default());
            let due = async {
                match wait {
                    Some(wait) => clock.sleep(wait).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                () = self.bells().functions.notified() => {}
                () = due => {}
                Some(done) = running.join_next_with_id() => {
                    let id = done.map_or_else(|error| error.id(), |(id, ())| id);
                    busy.remove(&id);
                }
            }
        }
    }

    /// Runs a function for who waits for its answer.
    pub(crate) async fn perform(&self, job: Job) -> Result<Reply, ApiError> {
        if self.config().functions.is_none() {
            self.transact(|world, now| lambda::not_run(world, &job, now))?;
            let what = "running functions here: it was opened without them, and only recorded this invocation";
            return Err(ApiError::not_implemented(what));
        }
        let sandbox = self.clone();
        // A function that has begun goes on when its caller goes away.
        let task = tokio::spawn(async move {
            let answer = sandbox.run(&job).await;
            lambda::reply(&job, answer, sandbox.clock().now())
        });
        task.await.map_err(|error| ApiError::new(500, "ServiceException", format!("The function was lost: {error}")))
    }

    /// Runs a function and writes down what came of it.
    async fn run(&self, job: &Job) -> Answer {
        let mut answer = match &self.config().functions {
            Some(functions) => functions.run(job.invocation.clone()).await,
            None => Answer::default(),
        };
        let _ = self.transact(|world, now| lambda::finish(world, job, &mut answer, now));
        self.bells().ring();
        answer
    }
}
