//! What can be wrong with a job.
use crate::diagnostic::codes;

codes! {
    /// What `dlinfra explain` says about jobs.
    pub CODES:
    NO_MACHINES = "DL0820", "No machines for a job",
        "`dlinfra run` starts a command on every machine of an `instance-group`. The stack has none that runs, or several groups: then `--on ADDRESS` names those that are meant.";
    NOT_REACHED = "DL0821", "Machines are not reached by Systems Manager",
        "Commands reach machines through the agent of Systems Manager, without an open port. The image must have the agent (Amazon Linux, Ubuntu and the Deep Learning AMIs do), the machines' role the policy AmazonSSMManagedInstanceCore (roles of the shipped modules have it), and the subnet a way to Systems Manager: NAT, or interface endpoints for `ssm` and `ssmmessages`. A machine that is new needs a minute or two.";
    NOT_STARTED = "DL0827", "The first start of a machine failed",
        "Before a job begins, each machine is asked how its first start ended, as cloud-init knows it: what `boot` and the modules of a blueprint have a machine do. One that failed has no environment for a job. The message has the end of its log, which lies in /var/log/cloud-init-output.log.";
    NOT_BEGUN = "DL0828", "A job did not begin on every machine",
        "Either all ranks begin or none goes on: those that had begun were stopped, since they would have waited for the others. The message says what happened on a machine; `dlinfra ssh` opens a shell there. A machine needs systemd, bash, coreutils, and free space in /var/lib/dlinfra.";
    NO_JOB = "DL0822", "No such job",
        "The journal of the stack knows no job of this id. Jobs are written down when they begin; the last ones are named.";
    JOB_FAILED = "DL0823", "A job failed",
        "The exit code of `dlinfra run` is that of the rank that failed first, by the clocks of the machines: what fails after it is often only a consequence. A rank whose machine is gone has no code.";
    JOB_STOPPED = "DL0824", "A job was stopped",
        "It ran for longer than `--timeout` allows (exit code 124), or whoever began it was interrupted (130). Each rank got SIGTERM and 60 seconds for a checkpoint.";
    NOT_COLLECTED = "DL0825", "Artifacts were not collected",
        "`--collect` packs a path on each machine and uploads it to the journal's bucket, below `runs/`. The machines need `tar` and `curl`, and a way to S3; one archive may be 5 GiB. `manifest.json` is written last: without it the collection is not complete.";
    NO_BUCKET = "DL0826", "No bucket for artifacts",
        "`--collect` brings artifacts back through the bucket in which the journal lies, which outlives the stack. A stack whose journal is on this machine (`backend: local`) has none.";
}
