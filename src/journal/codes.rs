//! The codes of the journal and the lock, with what `dlinfra explain` says about them.
use crate::diagnostic::codes;

codes! {
    /// One row for each [`super::JournalError`].
    pub CODES:
    FOLDER_UNUSABLE = "DL0501", "The journal's folder cannot be used",
        "dlinfra writes down every call before it makes it. The file system refused to read or write the \
         file named in the message, so no call was made. Repair it, or choose another place with `backend:`.";
    READ_ONLY = "DL0502", "The journal's folder is read-only",
        "Nothing is changed in AWS without a record of it, so a mutating command needs a journal that it can \
         write. Make the folder writable, run elsewhere, or keep the journal in S3 (`backend:` left out).";
    DISK_FULL = "DL0503", "No space for the journal",
        "A record could not be written, so the call that it announces was not made. What was in flight is \
         found again by its tags. Free some space and run the same command again.";
    JOURNAL_DENIED = "DL0504", "The journal may not be used",
        "AWS refused a call to the journal's bucket. dlinfra never takes a refusal for absence: without its \
         memory it does not act. The journal needs s3:ListBucket, s3:GetObject and s3:PutObject, and once \
         s3:CreateBucket, s3:PutBucketVersioning, s3:PutEncryptionConfiguration, s3:GetBucketPolicy, \
         s3:PutBucketPolicy, s3:GetLifecycleConfiguration, s3:PutLifecycleConfiguration and \
         s3:PutBucketPublicAccessBlock.";
    JOURNAL_UNREACHABLE = "DL0505", "The journal does not answer",
        "The bucket could not be reached, also after repeated tries, so nothing more was changed. The next \
         run reads what was recorded, looks for what was in flight and goes on.";
    CONFLICT = "DL0506", "Two processes write one journal",
        "Every journal object has a number and is written only if the number is free. This number was taken \
         by another process, so this one stopped changing things at once. It happens after the lock was \
         broken or had expired. Look who works (`dlinfra lock status`), then run the command again.";
    DAMAGED = "DL0507", "The journal is damaged",
        "A record cannot be read, its check sum is wrong, or a number is missing. dlinfra does not guess. \
         `dlinfra recover` starts a new journal from the tags of the live objects; the old records stay \
         where they are. What is lost is the memory of fields that were removed from the blueprint since.";
    NEWER_VERSION = "DL0508", "The journal is newer than this program",
        "Each record says its format. This program reads its own format and the one before. Upgrade dlinfra.";
    FOREIGN_OWNER = "DL0509", "The bucket belongs to another account",
        "Every call names the account that must own the journal's bucket, so that a bucket of the same name \
         in a stranger's account never receives a record. Use another bucket or other credentials.";
    LOCKED = "DL0510", "The stack is locked",
        "One process at a time changes a stack. The message names the holder, its command and, in CI, its \
         run. A holder that died on this machine, or ended without giving its lock back, is recognised at once; \
         one elsewhere must be silent for 90 seconds, and is then watched for as long before its lock is taken \
         over. The message says when that begins. `dlinfra lock break` ends a lock by hand.";
    OTHER_STACK = "DL0511", "The journal is another stack's",
        "The first record of a journal says whose it is: stack, account and region. These are others.";
    LOCK_LOST = "DL0512", "The lock was lost",
        "The lock could not be renewed in time, or somebody broke it or took it over, so this process made \
         no further change. A machine that slept loses its lock. Run the command again.";
    NO_BUCKET = "DL0513", "The bucket of `backend:` does not exist",
        "dlinfra makes only its own bucket, `dlinfra-<account>-<region>`; a bucket that you name must exist.";
    SEVERAL_OWNERS = "DL0514", "Two stacks share one name",
        "Every stack gets an id when its journal is begun, and every object carries it. Here objects under \
         one stack name carry different ids: two journals (two laptops with `backend: local`, most often) \
         worked on the same name. Each must be destroyed with its own journal, or renamed.";
    JOURNAL_CREDENTIALS = "DL0515", "The credentials cannot use the journal",
        "Credentials are missing, wrong, or expired in the middle. Nothing more was changed. Log in again \
         and run the same command: it goes on where it stopped.";
    NOTHING_LIVE = "DL0516", "Nothing to rebuild a journal from",
        "`dlinfra recover` reads the tags of live objects, and none of them names this stack in this account \
         and region.";
    RECORD_REFUSED = "DL0517", "A record was refused",
        "Records hold references to secrets, never values. dlinfra was about to write something else, and \
         stopped. This is a bug: please report it.";
    STACK_CHANGED = "DL0518", "The stack changed while you were deciding",
        "The lock is taken when work begins, not while a plan is read. Between this plan and its execution \
         another run changed the stack, so the plan may be wrong. Nothing was changed: plan again.";
    JOURNAL_ELSEWHERE = "DL0519", "The journal lies elsewhere",
        "Without `backend:` a stack's journal lies in the account's own bucket. This stack's lies in a folder \
         beside the blueprint, and the bucket has none. Say `backend: local` to keep it there, or move it with \
         `dlinfra recover`, which copies every record and sets the folder aside.";
    NO_MEMORY = "DL0520", "The stack's journal is not here",
        "Objects carry this stack's tags, and the journal that the blueprint names knows nothing of them. \
         Either somebody works on the stack with another journal (two laptops with `backend: local`, most \
         often), and two journals are two locks; or the journal was lost. A plan shows what it can; nothing \
         is changed before the right journal is named or `dlinfra recover` has rebuilt it.";
    LOCK_CHANGED = "DL0521", "The lock changed hands",
        "Between showing the lock and breaking it, its holder renewed it, gave it back, or somebody else took \
         it. Nothing was broken.";
}
