//! What SNS would refuse of a topic, and what it would take and then drop messages for.
use super::{Protocol, Subscription, Topic};
use crate::{diagnostic::codes, field::Field, kinds::named::Named, resource::Problem};

codes! {
    pub(super) CODES:
    NAME = "DL1501", "Not a legal name of a topic",
        "A topic's name has 1 to 256 of the characters a-z, A-Z, 0-9, `-` and `_`.";
    ENDPOINT = "DL1502", "Not an endpoint of this protocol",
        "The endpoint of `email` is a mail address, that of `https` begins with `https://`, and those of `sqs` and `lambda` \
         are ARNs. Each stands once.";
    KEY = "DL1503", "A key with which alarms are dropped",
        "`alias/aws/sns` is AWS's own key, whose policy nobody can change: it does not let CloudWatch and EventBridge in, \
         and what they publish is dropped without a word. Use a key of your own that allows them `kms:Decrypt` and \
         `kms:GenerateDataKey*`, or none.";
    POLICY = "DL1504", "A policy of a topic that SNS would refuse",
        "The policy is a map with `Statement`, a list of { Effect, Principal, Action }. It is about this topic, so its \
         statements have no `Resource`.";
}

/// The longest policy, without the statement for the account.
const LONGEST: usize = 30 * 1024 - 1024;

pub(super) fn check(topic: &Topic, problems: &mut Vec<Problem>) {
    let mut add = |code, path: &str, summary: String, help: &str| {
        problems.push(Problem { code, path: path.to_owned(), summary, help: help.to_owned() });
    };
    if let Some(name) = topic.name.as_deref().filter(|name| !Topic::legal(name)) {
        add(&NAME, "name", format!("`{name}` is not a legal name of a topic"), "write for example `people`");
    }
    let key = topic.kms_key.as_ref().and_then(Field::known);
    if let Some(key) = key.filter(|key| key.ends_with("alias/aws/sns")) {
        let help = "leave `kms_key` out, or name a key of your own that lets `cloudwatch.amazonaws.com` in";
        add(&KEY, "kms_key", format!("with `{key}` alarms never arrive"), help);
    }
    if let Some((summary, help)) = topic.policy.as_ref().and_then(|policy| policy.about_one(LONGEST)) {
        add(&POLICY, "policy", summary, &help);
    }
    for (i, one) in topic.subscriptions.iter().enumerate() {
        let path = format!("subscriptions.{i}.endpoint");
        if let Some(help) = wrong(one) {
            add(&ENDPOINT, &path, format!("`{}` is not an endpoint of this protocol", one.endpoint), help);
        } else if topic.subscriptions.iter().take(i).any(|other| other == one) {
            add(&ENDPOINT, &path, format!("`{}` is subscribed twice", one.endpoint), "leave one of them out");
        }
    }
}

/// What to write in place of an endpoint that does not fit.
fn wrong(one: &Subscription) -> Option<&'static str> {
    let endpoint = one.endpoint.known()?;
    let arn = |service: &str| endpoint.starts_with("arn:") && endpoint.split(':').nth(2) == Some(service);
    let (fits, help) = match one.protocol {
        Protocol::Email => (endpoint.contains('@') && !endpoint.contains(char::is_whitespace), "write a mail address"),
        Protocol::Https => (endpoint.starts_with("https://"), "write `https://…`"),
        Protocol::Lambda => (arn("lambda"), "write the ARN of a function"),
        Protocol::Sqs => (arn("sqs"), "write the ARN of a queue, such as `${queue.arn}`"),
    };
    (!fits).then_some(help)
}
