//! Diagnostics of the reaper.
use crate::diagnostic::codes;

codes! {
    /// What `dlinfra explain` says about them.
    pub CODES:
    UNFIT_PROGRAM = "DL0801", "Not a program that Lambda can run",
        "The reaper is dlinfra itself, running in Lambda on Amazon Linux 2023 (glibc 2.34), for x86-64 or arm64. On a Mac, or where dlinfra was built for a newer Linux, give a released binary for Linux with `--binary FILE`.";
    NOT_REHEARSED = "DL0802", "The reaper could not be rehearsed",
        "A `ttl` that was never tried is a promise. Each apply of a stack with a `ttl` calls the reaper once in a mode that changes nothing: it looks at everything and asks IAM about every removing action. This call failed, so nobody knows whether the stack would end.";
    MAY_NOT_REMOVE = "DL0803", "The reaper may not remove something of this stack",
        "The rehearsal found actions that the reaper's role is refused: by a permissions boundary, a policy of the organisation, or a change by hand. What it may not remove would go on costing money after the `ttl`. Let the role do it, or apply with `--no-reaper` and end the stack yourself.";
    JOURNAL_ELSEWHERE = "DL0804", "The reaper cannot follow this journal",
        "The reaper ends only stacks whose journal lies in the account's own bucket: there it sees who holds the lease, and what was extended. With `backend:` a stack's `ttl` is a tag, on which neither the reaper nor `dlinfra reap` acts: end it with `dlinfra destroy`.";
    STILL_NEEDED = "DL0805", "Stacks rely on the reaper",
        "Without the reaper nothing in the account ends these stacks at their time. Remove them first, or remove the reaper all the same with `--force`.";
    OLDER = "DL0806", "The reaper is newer than this dlinfra",
        "The reaper of an account is never replaced by an older one: it would not know the kinds that newer blueprints use. Use a dlinfra at least as new.";
}
