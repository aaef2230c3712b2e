//! What happens on machines: user data at their first start, and the commands that are sent to them.

use std::collections::BTreeMap;
use std::future::pending;
use std::time::Duration;

use tokio::task::{AbortHandle, Id, JoinSet};

use crate::sandbox::Sandbox;
use crate::services::ssm::{self, Begun, Look};

/// How long to wait when what is to be done cannot be written down.
const PATIENCE: Duration = Duration::from_secs(1);

/// Region and id of an invocation.
type Name = (String, String);

/// What runs on machines.
#[derive(Default)]
struct Running {
    tasks: JoinSet<()>,
    /// The invocations among the tasks; user data are none.
    names: BTreeMap<Id, Name>,
    handles: BTreeMap<Name, AbortHandle>,
}

impl Sandbox {
    /// Keeps up what runs on machines, where there is something that runs it.
    pub(crate) async fn attend_machines(&self) {
        let Some(commands) = self.config().commands.clone() else { return };
        let clock = self.clock();
        let mut running = Running::default();
        loop {
            let Ok(look) = self.transact(ssm::look) else {
                // A failure to store is one of the disk; requests are told of it.
                tokio::time::sleep(PATIENCE).await;
                continue;
            };
            let Look { running: machines, boots, begun, cancelling, next } = look;
            commands.keep(&machines);
            for boot in boots {
                let user_data = commands.boot(boot);
                running.tasks.spawn(async move {
                    // cloud-init says on the machine how it went.
                    let _ = user_data.await;
                });
            }
            for begun in begun {
                self.start(&mut running, begun);
            }
            for name in cancelling {
                match running.handles.get(&name) {
                    Some(handle) => handle.abort(),
                    None => self.cancelled(&name),
                }
            }
            let wait = next.map(|at| Duration::try_from(at.duration_since(clock.now())).unwrap_or_default());
            let due = async {
                match wait {
                    Some(wait) => clock.sleep(wait).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                () = self.bells().machines.notified() => {}
                () = due => {}
                Some(done) = running.tasks.join_next_with_id() => {
                    let (id, was_ended) = match done {
                        Ok((id, ())) => (id, false),
                        Err(error) => (error.id(), true),
                    };
                    if let Some(name) = running.names.remove(&id) {
                        running.handles.remove(&name);
                        if was_ended {
                            self.cancelled(&name);
                        }
                    }
                }
            }
        }
    }

    fn start(&self, running: &mut Running, begun: Begun) {
        let Some(commands) = self.config().commands.clone() else { return };
        let (name, sandbox) = ((begun.region, begun.id), self.clone());
        let (timeout, ran) = (begun.order.timeout, commands.run(begun.order));
        let (region, id) = name.clone();
        let handle = running.tasks.spawn(async move {
            let outcome = ran.await;
            let _ = sandbox.transact(|world, now| ssm::ended(world, (&region, &id), timeout, outcome, now));
        });
        running.names.insert(handle.id(), name.clone());
        running.handles.insert(name, handle);
    }

    fn cancelled(&self, (region, id): &Name) {
        let _ = self.transact(|world, now| ssm::cancelled(world, (region, id), now));
    }
}
