//! The codes of the journal and the lock, with what `dlinfra explain` says about them.
use crate::diagnostic::Code;

/// One row for each [`super::JournalError`].
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
                  s3:CreateBucket, s3:PutBucketVersioning, s3:PutEncryptionConfiguration, s3:GetBucketPolicy, \
                  s3:PutBucketPolicy, s3:GetLifecycleConfiguration, s3:PutLifecycleConfiguration and \
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
                  run. A holder that died on this machine, or ended without giving its lock back, is recognised at once; \
                  one elsewhere must be silent for 90 seconds, and is then watched for as long before its lock is taken \
                  over. The message says when that begins. `dlinfra lock break` ends a lock by hand.",
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
    Code {
        code: "DL0519",
        title: "The journal lies elsewhere",
        explain: "Without `backend:` a stack's journal lies in the account's own bucket. This stack's lies in a folder \
                  beside the blueprint, and the bucket has none. Say `backend: local` to keep it there, or move it with \
                  `dlinfra recover`, which copies every record and sets the folder aside.",
    },
    Code {
        code: "DL0520",
        title: "The stack's journal is not here",
        explain: "Objects carry this stack's tags, and the journal that the blueprint names knows nothing of them. \
                  Either somebody works on the stack with another journal (two laptops with `backend: local`, most \
                  often), and two journals are two locks; or the journal was lost. A plan shows what it can; nothing \
                  is changed before the right journal is named or `dlinfra recover` has rebuilt it.",
    },
    Code {
        code: "DL0521",
        title: "The lock changed hands",
        explain: "Between showing the lock and breaking it, its holder renewed it, gave it back, or somebody else took \
                  it. Nothing was broken.",
    },
];
