//! What SQS would refuse of a queue.
use super::Queue;
use crate::{diagnostic::codes, kinds::named::Named, resource::Problem, units::Span};

codes! {
    pub(super) CODES:
    NAME = "DL1301", "Not a legal name of a queue",
        "A queue's name has 1 to 80 of the characters a-z, A-Z, 0-9, `-` and `_`.";
    TIME = "DL1302", "Not a time that SQS takes",
        "Messages are kept for 1 minute to 14 days, and hidden for up to 12 hours while somebody works on them.";
    KEY = "DL1303", "A key without encryption",
        "`kms_key` says which key encrypts, and `encrypted: false` that nothing does. Leave one of them out.";
    POLICY = "DL1304", "A policy of a queue that SQS would refuse",
        "The policy is a map with `Statement`, a list of { Effect, Principal, Action }. It is about this queue, so its \
         statements have no `Resource`.";
    RECEIVES = "DL1305", "Not a number of receives",
        "A message goes to the dead letters after it was received 1 to 1000 times.";
}

/// In seconds.
const RETENTION: [u64; 2] = [60, 14 * 24 * 3600];
const HIDDEN: u64 = 12 * 3600;
/// The longest policy (SQS quotas).
const LONGEST: usize = 8192;

pub(super) fn check(queue: &Queue, problems: &mut Vec<Problem>) {
    let mut add = |code, path: &str, summary: String, help: &str| {
        problems.push(Problem { code, path: path.to_owned(), summary, help: help.to_owned() });
    };
    if let Some(name) = queue.name.as_deref().filter(|name| !Queue::legal(name)) {
        add(&NAME, "name", format!("`{name}` is not a legal name of a queue"), "write for example `dead-letters`");
    }
    let [least, most] = RETENTION;
    if !(least..=most).contains(&queue.retention.seconds()) {
        let summary = format!("messages cannot be kept for {}", queue.retention);
        add(&TIME, "retention", summary, "write 1m to 14d");
    }
    if queue.visibility_timeout > Span::from_seconds(HIDDEN) {
        let summary = format!("messages cannot be hidden for {}", queue.visibility_timeout);
        add(&TIME, "visibility_timeout", summary, "write 12h at most");
    }
    if queue.kms_key.is_some() && !queue.encrypted {
        add(&KEY, "kms_key", "there is a key, and nothing is encrypted".to_owned(), "leave out `encrypted`");
    }
    if let Some((summary, help)) = queue.policy.as_ref().and_then(|policy| policy.about_one(LONGEST)) {
        add(&POLICY, "policy", summary, &help);
    }
    if let Some(to) = queue.dead_letter.as_ref().filter(|to| !(1..=1000).contains(&to.max_receives)) {
        let summary = format!("a message cannot be received {} times", to.max_receives);
        add(&RECEIVES, "dead_letter.max_receives", summary, "write 1 to 1000; 3 to 10 is usual");
    }
}
