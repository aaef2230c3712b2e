//! What can go wrong with the memory and the lock: who is to blame, what to do next, and a code for each.
use crate::{
    aws,
    diagnostic::{Code, Diagnostic},
};
use std::io;

/// A failure of the journal, of the place where it lies, or of the lock.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// The file system refused for a reason of its own.
    #[error("cannot {doing} {path}: {why}")]
    Io {
        /// `read`, `write`, …
        doing: &'static str,
        /// The file or folder.
        path: String,
        /// The operating system's words.
        why: String,
    },
    /// The folder cannot be written.
    #[error("the journal folder {path} is read-only")]
    ReadOnly {
        /// The folder or file.
        path: String,
    },
    /// No space is left.
    #[error("no space is left for the journal in {path}")]
    DiskFull {
        /// The folder or file.
        path: String,
    },
    /// AWS refused; never read as "not there".
    #[error("the caller may not use the journal in {place}: {why}")]
    Denied {
        /// The bucket and prefix.
        place: String,
        /// AWS's words.
        why: String,
        /// Which permission is missing, where AWS said so.
        help: Option<String>,
    },
    /// Credentials are missing, wrong or expired.
    #[error("the journal in {place} cannot be used with these credentials: {why}")]
    Credentials {
        /// The bucket and prefix.
        place: String,
        /// AWS's words.
        why: String,
    },
    /// No answer, or none that says what happened.
    #[error("the journal in {place} does not answer: {why}")]
    Unreachable {
        /// The bucket and prefix.
        place: String,
        /// What was heard instead.
        why: String,
    },
    /// Another process wrote this number.
    #[error("another process writes this journal: {at} exists already and is not ours")]
    Conflict {
        /// The object or file.
        at: String,
    },
    /// A record that cannot be read.
    #[error("the journal is damaged at {at}{}: {why}", line.map(|l| format!(" line {l}")).unwrap_or_default())]
    Damaged {
        /// The object or file.
        at: String,
        /// The line, from 1.
        line: Option<usize>,
        /// What is wrong with it.
        why: String,
    },
    /// Written by a newer dlinfra.
    #[error("{at} was written by a newer dlinfra (journal format {found}; this one reads up to {known})")]
    NewerVersion {
        /// The object or file.
        at: String,
        /// The version that it says.
        found: u64,
        /// The newest version that this program knows.
        known: u64,
    },
    /// The bucket belongs to another account.
    #[error("the bucket {bucket} does not belong to account {account}")]
    ForeignOwner {
        /// The bucket.
        bucket: String,
        /// Whose it should be.
        account: String,
    },
    /// The journal is another stack's.
    #[error("{place} is the journal of {found}, not of {wanted}")]
    OtherStack {
        /// Where.
        place: String,
        /// Whose it is.
        found: String,
        /// Whose it should be.
        wanted: String,
    },
    /// Somebody else worked on the stack since it was planned.
    #[error("the stack has changed since this was planned: {by}")]
    Changed {
        /// Which command, by whom.
        by: String,
    },
    /// The bucket that the blueprint names does not exist.
    #[error("the bucket {bucket} of `backend:` does not exist")]
    NoBucket {
        /// The bucket.
        bucket: String,
    },
    /// Somebody else works on this stack.
    #[error("the stack is locked by {holder} ({command}, since {since})")]
    Locked {
        /// `user@host pid 4711`.
        holder: String,
        /// The command that runs.
        command: String,
        /// Since when, RFC 3339.
        since: String,
        /// When it was last seen alive, RFC 3339.
        renewed: String,
        /// The run in a CI system.
        ci: Option<String>,
    },
    /// The lock is no longer ours.
    #[error("the lease was lost: {why}")]
    Lost {
        /// How.
        why: String,
    },
    /// Live objects name more than one stack-id.
    #[error("live objects of this stack carry different stack-ids: {}", ids.join(" and "))]
    SeveralOwners {
        /// The ids, each with its owner where known.
        ids: Vec<String>,
    },
    /// There is nothing from which a journal could be rebuilt.
    #[error("no live object carries the tags of stack {stack}: there is nothing to rebuild a journal from")]
    NothingLive {
        /// The stack.
        stack: String,
    },
    /// A record would have held a secret, or could not be written as JSON.
    #[error("a record was refused: {why}")]
    Refused {
        /// Why.
        why: String,
    },
}

impl JournalError {
    /// The error of a file operation.
    pub fn io(doing: &'static str, path: &std::path::Path, error: &io::Error) -> Self {
        let path = path.display().to_string();
        match error.kind() {
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { path },
            io::ErrorKind::PermissionDenied if doing != "read" => Self::ReadOnly { path },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path },
            _ => Self::Io { doing, path, why: error.to_string() },
        }
    }

    /// Its code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "DL0501",
            Self::ReadOnly { .. } => "DL0502",
            Self::DiskFull { .. } => "DL0503",
            Self::Denied { .. } => "DL0504",
            Self::Unreachable { .. } => "DL0505",
            Self::Conflict { .. } => "DL0506",
            Self::Damaged { .. } => "DL0507",
            Self::NewerVersion { .. } => "DL0508",
            Self::ForeignOwner { .. } => "DL0509",
            Self::Locked { .. } => "DL0510",
            Self::OtherStack { .. } => "DL0511",
            Self::Lost { .. } => "DL0512",
            Self::NoBucket { .. } => "DL0513",
            Self::SeveralOwners { .. } => "DL0514",
            Self::Credentials { .. } => "DL0515",
            Self::NothingLive { .. } => "DL0516",
            Self::Refused { .. } => "DL0517",
            Self::Changed { .. } => "DL0518",
        }
    }

    /// What to do next.
    pub fn help(&self) -> String {
        match self {
            Self::Io { .. } => "repair the file system, or choose another place with `backend:`".to_owned(),
            Self::ReadOnly { path } => {
                format!("make {path} writable for this user, or run in a folder that is; nothing was changed")
            }
            Self::DiskFull { .. } => {
                "free some space and run the same command again; no call was made without a record".to_owned()
            }
            Self::Denied { help, .. } => format!(
                "{}; or choose another place with `backend:` (a bucket of another account is refused in the same way)",
                help.as_deref().unwrap_or("allow reading and writing of the journal's bucket")
            ),
            Self::Unreachable { .. } => {
                "check the network and run the same command again: it goes on where this one stopped".to_owned()
            }
            Self::Conflict { .. } => "wait until the other process ends (`dlinfra lock status` names it), then run \
                                      the same command again"
                .to_owned(),
            Self::Damaged { .. } => "`dlinfra recover` rebuilds the journal from the tags of what is live".to_owned(),
            Self::NewerVersion { .. } => "upgrade dlinfra to the version that wrote it, or newer".to_owned(),
            Self::ForeignOwner { .. } => {
                "use credentials of the account that owns it, or another bucket with `backend: s3://BUCKET/PREFIX`"
                    .to_owned()
            }
            Self::Locked { .. } => "wait for it; if that process is certainly dead, `dlinfra lock break`".to_owned(),
            Self::OtherStack { .. } => {
                "check `--profile`, `account:` and the stack's name, or choose another place with `backend:`".to_owned()
            }
            Self::Lost { .. } => {
                "see `dlinfra lock status`; run the same command again when the other process has ended".to_owned()
            }
            Self::Changed { .. } => "run the same command again: it plans on what is there now".to_owned(),
            Self::NoBucket { bucket } => {
                format!("create {bucket}, or leave `backend:` out: dlinfra then makes a bucket of its own")
            }
            Self::SeveralOwners { .. } => "two journals made objects under one stack name: give one of the stacks \
                                           another name, or destroy one from the machine that holds its journal"
                .to_owned(),
            Self::Credentials { .. } => {
                "log in again and run the same command again: it goes on where this one stopped".to_owned()
            }
            Self::NothingLive { .. } => {
                "check account and region; a stack that has nothing needs no journal".to_owned()
            }
            Self::Refused { .. } => {
                "this is a bug in dlinfra: please report it with the command and the blueprint".to_owned()
            }
        }
    }

    /// The same for a report.
    pub fn diagnostic(&self) -> Diagnostic {
        let out = Diagnostic::error(self.code(), self.to_string()).with_help(self.help());
        match self {
            Self::Locked { renewed, ci: Some(ci), .. } => {
                out.with_detail(format!("last seen alive {renewed}; its run: {ci}"))
            }
            Self::Locked { renewed, .. } => out.with_detail(format!("last seen alive {renewed}")),
            _ => out,
        }
    }
}

impl From<JournalError> for aws::Error {
    fn from(error: JournalError) -> Self {
        let class = match &error {
            JournalError::Lost { .. } => aws::ErrorClass::Stopped,
            JournalError::Credentials { .. } => aws::ErrorClass::Credentials,
            _ => aws::ErrorClass::Journal,
        };
        let mut out = Self::new(class, error.to_string()).help(error.help());
        out.code = Some(error.code().to_owned());
        out
    }
}

/// What `dlinfra explain` says about them.
pub static CODES: &[Code] = &[
    Code {
        code: "DL0501",
        title: "The journal's folder cannot be used",
        explain: "dlinfra writes down every call before it makes it. The file system refused to read or write the \
                  file named in the message, so no call was made. Repair it, or choose another place with `backend:`.",
    },
    Code {
        code: "DL0502",
        title: "The journal's folder is read-only",
        explain: "Nothing is changed in AWS without a record of it, so a mutating command needs a journal that it can \
                  write. Make the folder writable, run elsewhere, or keep the journal in S3 (`backend:` left out).",
    },
    Code {
        code: "DL0503",
        title: "No space for the journal",
        explain: "A record could not be written, so the call that it announces was not made. What was in flight is \
                  found again by its tags. Free some space and run the same command again.",
    },
    Code {
        code: "DL0504",
        title: "The journal may not be used",
        explain: "AWS refused a call to the journal's bucket. dlinfra never takes a refusal for absence: without its \
                  memory it does not act. The journal needs s3:ListBucket, s3:GetObject and s3:PutObject, and once \
                  s3:CreateBucket, s3:PutBucketVersioning, s3:PutEncryptionConfiguration and \
                  s3:PutBucketPublicAccessBlock.",
    },
    Code {
        code: "DL0505",
        title: "The journal does not answer",
        explain: "The bucket could not be reached, also after repeated tries, so nothing more was changed. The next \
                  run reads what was recorded, looks for what was in flight and goes on.",
    },
    Code {
        code: "DL0506",
        title: "Two processes write one journal",
        explain: "Every journal object has a number and is written only if the number is free. This number was taken \
                  by another process, so this one stopped changing things at once. It happens after the lock was \
                  broken or had expired. Look who works (`dlinfra lock status`), then run the command again.",
    },
    Code {
        code: "DL0507",
        title: "The journal is damaged",
        explain: "A record cannot be read, its check sum is wrong, or a number is missing. dlinfra does not guess. \
                  `dlinfra recover` starts a new journal from the tags of the live objects; the old records stay \
                  where they are. What is lost is the memory of fields that were removed from the blueprint since.",
    },
    Code {
        code: "DL0508",
        title: "The journal is newer than this program",
        explain: "Each record says its format. This program reads its own format and the one before. Upgrade dlinfra.",
    },
    Code {
        code: "DL0509",
        title: "The bucket belongs to another account",
        explain: "Every call names the account that must own the journal's bucket, so that a bucket of the same name \
                  in a stranger's account never receives a record. Use another bucket or other credentials.",
    },
    Code {
        code: "DL0510",
        title: "The stack is locked",
        explain: "One process at a time changes a stack. The message names the holder, its command and, in CI, its \
                  run. A holder that died on this machine is recognised at once; one elsewhere must be silent for 90 \
                  seconds before its lock is taken over. `dlinfra lock break` ends a lock by hand.",
    },
    Code {
        code: "DL0511",
        title: "The journal is another stack's",
        explain: "The first record of a journal says whose it is: stack, account and region. These are others.",
    },
    Code {
        code: "DL0512",
        title: "The lock was lost",
        explain: "The lock could not be renewed in time, or somebody broke it or took it over, so this process made \
                  no further change. A machine that slept loses its lock. Run the command again.",
    },
    Code {
        code: "DL0513",
        title: "The bucket of `backend:` does not exist",
        explain: "dlinfra makes only its own bucket, `dlinfra-<account>-<region>`; a bucket that you name must exist.",
    },
    Code {
        code: "DL0514",
        title: "Two stacks share one name",
        explain: "Every stack gets an id when its journal is begun, and every object carries it. Here objects under \
                  one stack name carry different ids: two journals (two laptops with `backend: local`, most often) \
                  worked on the same name. Each must be destroyed with its own journal, or renamed.",
    },
    Code {
        code: "DL0515",
        title: "The credentials cannot use the journal",
        explain: "Credentials are missing, wrong, or expired in the middle. Nothing more was changed. Log in again \
                  and run the same command: it goes on where it stopped.",
    },
    Code {
        code: "DL0516",
        title: "Nothing to rebuild a journal from",
        explain: "`dlinfra recover` reads the tags of live objects, and none of them names this stack in this account \
                  and region.",
    },
    Code {
        code: "DL0517",
        title: "A record was refused",
        explain: "Records hold references to secrets, never values. dlinfra was about to write something else, and \
                  stopped. This is a bug: please report it.",
    },
    Code {
        code: "DL0518",
        title: "The stack changed while you were deciding",
        explain: "The lock is taken when work begins, not while a plan is read. Between this plan and its execution \
                  another run changed the stack, so the plan may be wrong. Nothing was changed: plan again.",
    },
];
