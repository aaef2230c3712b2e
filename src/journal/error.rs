//! What can go wrong with the memory and the lock: who is to blame, what to do next, and a code for each.
use crate::journal::codes;
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
        /// When it counts as silent if it is not seen alive again, RFC 3339.
        silent: String,
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
    /// The journal lies where the blueprint does not say that it lies.
    #[error("the journal of {stack} lies in {found}, and its blueprint names no `backend:`, which means {wanted}")]
    Elsewhere {
        /// The stack.
        stack: String,
        /// Where it is.
        found: String,
        /// Where it should be.
        wanted: String,
    },
    /// Objects of the stack are live, and this journal knows nothing of them.
    #[error(
        "{count} objects of {stack} are live, made with another journal by {theirs}; the journal in {place}, used by \
         {ours}, is empty"
    )]
    NoMemory {
        /// The stack.
        stack: String,
        /// How many objects.
        count: usize,
        /// Whose they are: owner and stack-id.
        theirs: String,
        /// Who works here.
        ours: String,
        /// Where the empty journal lies.
        place: String,
    },
    /// The lock is not the one that was looked at.
    #[error("the lock of {stack} changed hands in the meantime")]
    LockChanged {
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
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::DiskFull { path }
            }
            _ => Self::Io { doing, path, why: error.to_string() },
        }
    }

    /// Its code.
    pub fn code(&self) -> &'static Code {
        match self {
            Self::Io { .. } => &codes::FOLDER_UNUSABLE,
            Self::ReadOnly { .. } => &codes::READ_ONLY,
            Self::DiskFull { .. } => &codes::DISK_FULL,
            Self::Denied { .. } => &codes::JOURNAL_DENIED,
            Self::Unreachable { .. } => &codes::JOURNAL_UNREACHABLE,
            Self::Conflict { .. } => &codes::CONFLICT,
            Self::Damaged { .. } => &codes::DAMAGED,
            Self::NewerVersion { .. } => &codes::NEWER_VERSION,
            Self::ForeignOwner { .. } => &codes::FOREIGN_OWNER,
            Self::Locked { .. } => &codes::LOCKED,
            Self::OtherStack { .. } => &codes::OTHER_STACK,
            Self::Lost { .. } => &codes::LOCK_LOST,
            Self::NoBucket { .. } => &codes::NO_BUCKET,
            Self::SeveralOwners { .. } => &codes::SEVERAL_OWNERS,
            Self::Credentials { .. } => &codes::JOURNAL_CREDENTIALS,
            Self::NothingLive { .. } => &codes::NOTHING_LIVE,
            Self::Refused { .. } => &codes::RECORD_REFUSED,
            Self::Changed { .. } => &codes::STACK_CHANGED,
            Self::Elsewhere { .. } => &codes::JOURNAL_ELSEWHERE,
            Self::NoMemory { .. } => &codes::NO_MEMORY,
            Self::LockChanged { .. } => &codes::LOCK_CHANGED,
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
            Self::Damaged { at, .. } if at.ends_with(super::lock::KEY) => {
                "check who is working on the stack; if nobody is, run `dlinfra lock break`".to_owned()
            }
            Self::Damaged { .. } => "`dlinfra recover` rebuilds the journal from the tags of what is live".to_owned(),
            Self::NewerVersion { .. } => "upgrade dlinfra to the version that wrote it, or newer".to_owned(),
            Self::ForeignOwner { .. } => {
                "use credentials of the account that owns it, or another bucket with `backend: s3://BUCKET/PREFIX`"
                    .to_owned()
            }
            Self::Locked { silent, .. } => format!(
                "wait for it; a holder that is dead shows no sign of life until {silent}: from then on the same command \
                 watches the lock for {} s and takes it over by itself; `dlinfra lock break` ends it at once",
                super::TAKEOVER.as_secs()
            ),
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
            Self::Elsewhere { wanted, .. } => format!(
                "write `backend: local` into the blueprint to keep it there, or move it with `dlinfra recover` to {wanted}"
            ),
            Self::NoMemory { .. } => {
                "if the stack has its journal elsewhere, run there or name that place with `backend:`; \
                                      if it is lost, `dlinfra recover` rebuilds it from the tags of what is live"
                    .to_owned()
            }
            Self::LockChanged { .. } => "look again: `dlinfra lock status`".to_owned(),
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
        (out.code, out.own) = (Some(error.code().code.to_owned()), Some(error.code()));
        out
    }
}
