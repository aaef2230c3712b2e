//! What Secrets Manager would refuse of a secret.
use super::Secret;
use crate::{
    diagnostic::codes,
    field::Field,
    kinds::{key_arn::is_key, named::Named, policy::Policy, window},
    resource::Problem,
};
use serde_json::Value;

codes! {
    pub(super) CODES:
    NAME = "DL2901", "Not a legal name of a secret",
        "A secret's name has 1 to 512 of the characters a-z, A-Z, 0-9, `/`, `_`, `+`, `=`, `.`, `@` and `-`.";
    WINDOW = "DL2902", "Secrets Manager does not keep a secret for this long",
        "A secret that was removed is kept for 7 to 30 whole days, in which it can be restored, or not at all (`0d`).";
    KEY = "DL2903", "Not the ARN of a KMS key",
        "The key that encrypts a secret is named by its ARN: it can be compared with what AWS shows then, and it is the same \
         key when somebody moves an alias.";
    POLICY = "DL2904", "A policy of a secret that Secrets Manager would refuse",
        "The policy is a map with `Statement`, a list of { Effect, Principal, Action }, up to 20,480 characters long. It is \
         about this secret, so its statements have no `Resource`, and none lets everybody in.";
    TEXT = "DL2905", "A description that is too long",
        "A description has up to 2048 characters.";
}

/// Of a policy and a description (AWS's model of the operations).
const LONGEST_POLICY: usize = 20_480;
const LONGEST_TEXT: usize = 2048;

pub(super) fn check(secret: &Secret, problems: &mut Vec<Problem>) {
    let mut add = |code, path: &str, summary: String, help: &str| {
        problems.push(Problem { code, path: path.to_owned(), summary, help: help.to_owned() });
    };
    if let Some(name) = secret.name.as_deref().filter(|name| !Secret::legal(name)) {
        add(&NAME, "name", format!("`{name}` is not a legal name of a secret"), "write for example `train/wandb`");
    }
    let days = secret.recovery_window.whole_days();
    if !days.is_some_and(|days| days == 0 || (window::SHORTEST..=window::LONGEST).contains(&days)) {
        let summary = format!("a secret that was removed cannot be kept for {}", secret.recovery_window);
        add(&WINDOW, "recovery_window", summary, "write `7d` to `30d`, or `0d`");
    }
    let key = secret.kms_key.as_ref().and_then(Field::known);
    if let Some(key) = key.filter(|key| !is_key(key)) {
        let summary = format!("`{key}` is not the ARN of a KMS key");
        add(&KEY, "kms_key", summary, "write `arn:aws:kms:REGION:ACCOUNT:key/…`, or leave `kms_key` out");
    }
    if let Some(policy) = &secret.policy {
        if let Some((summary, help)) = policy.about_one(LONGEST_POLICY) {
            add(&POLICY, "policy", summary, &help);
        } else if opens(policy) {
            let summary = "the policy lets everybody in".to_owned();
            add(&POLICY, "policy", summary, "name accounts or roles as `Principal`, or add a `Condition`");
        }
    }
    let length = secret.description.as_ref().map_or(0, |text| text.chars().count());
    if length > LONGEST_TEXT {
        let summary = format!("{length} characters; Secrets Manager takes {LONGEST_TEXT}");
        add(&TEXT, "description", summary, "write fewer");
    }
}

fn opens(policy: &Policy) -> bool {
    let everybody = |statement: &Value| match &statement["Principal"]["AWS"] {
        Value::Array(all) => all.iter().any(|id| id == "*"),
        one => one == "*",
    };
    let open = |s: &Value| s["Effect"] == "Allow" && s.get("Condition").is_none() && everybody(s);
    policy.statements().iter().any(open)
}
