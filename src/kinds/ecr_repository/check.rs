//! What ECR would refuse of a repository.
use super::{EcrRepository, lifecycle::Lifecycle};
use crate::{
    diagnostic::codes,
    field::Field,
    kinds::{document::Document, key_arn::is_key, named::Named},
    resource::Problem,
};
use serde_json::Value;

codes! {
    pub(super) CODES:
    NAME = "DL2601", "Not a legal name of a repository",
        "A repository's name has 2 to 256 lower-case letters and digits, with `.`, `_`, `__` or dashes between them; `/` \
         parts it into several such words.";
    LIFECYCLE = "DL2602", "A lifecycle that ECR would refuse",
        "`untagged` is a number of whole days and `keep` a number of images, both 1 or more. In their place `document` has \
         a lifecycle policy in AWS's own words: a map with `rules`, 100 to 30,720 characters long.";
    KEY = "DL2603", "Not the ARN of a KMS key",
        "ECR shows the ARN of the key that encrypts a repository, whatever it was called when the repository was made. \
         Another name for the same key would look like another key, which replaces the repository.";
    POLICY = "DL2604", "A policy of a repository that ECR would refuse",
        "The policy is a map with `Statement`, a list of { Effect, Principal, Action }. It is about this repository, so its \
         statements have no `Resource`.";
}

/// The longest policy, and the bounds of a lifecycle policy (AWS's model of the operations).
const LONGEST: usize = 10_240;
const LIFECYCLE_TEXT: [usize; 2] = [100, 30_720];

pub(super) fn check(repository: &EcrRepository, problems: &mut Vec<Problem>) {
    let mut add = |code, path: &str, summary: String, help: &str| {
        problems.push(Problem { code, path: path.to_owned(), summary, help: help.to_owned() });
    };
    if let Some(name) = repository.name.as_deref().filter(|name| !EcrRepository::legal(name)) {
        let summary = format!("`{name}` is not a legal name of a repository");
        add(&NAME, "name", summary, "write for example `training/llm`");
    }
    if let Some((path, summary, help)) = repository.lifecycle.as_ref().and_then(wrong) {
        add(&LIFECYCLE, path, summary, help);
    }
    let key = repository.kms_key.as_ref().and_then(Field::known);
    if let Some(key) = key.filter(|key| !is_key(key)) {
        let summary = format!("`{key}` is not the ARN of a KMS key");
        add(&KEY, "kms_key", summary, "write `arn:aws:kms:REGION:ACCOUNT:key/…`, or leave `kms_key` out");
    }
    if let Some((summary, help)) = repository.policy.as_ref().and_then(|policy| policy.about_one(LONGEST)) {
        add(&POLICY, "policy", summary, &help);
    }
}

/// What is wrong with a lifecycle: the field, what it is, and what to write.
fn wrong(lifecycle: &Lifecycle) -> Option<(&'static str, String, &'static str)> {
    let fields = lifecycle.untagged.is_some() || lifecycle.keep.is_some();
    if lifecycle.untagged.is_some_and(|age| age.whole_days().is_none_or(|days| days == 0)) {
        let summary = "images without a tag go after whole days".to_owned();
        return Some(("lifecycle.untagged", summary, "write for example `14d`"));
    }
    if lifecycle.keep == Some(0) {
        let summary = "a repository that keeps no image".to_owned();
        return Some(("lifecycle.keep", summary, "write 1 or more, or leave `keep` out"));
    }
    let Some(document) = &lifecycle.document else {
        let summary = "a lifecycle that says nothing".to_owned();
        return (!fields).then_some(("lifecycle", summary, "write `untagged: 14d`, `keep: 100`, or both"));
    };
    if fields {
        let summary = "a lifecycle policy beside rules".to_owned();
        return Some(("lifecycle.document", summary, "write either `document`, or `untagged` and `keep`"));
    }
    refused(document).map(|summary| ("lifecycle.document", summary, "write `rules: [ … ]` as ECR documents them"))
}

fn refused(document: &Document) -> Option<String> {
    if !document.is_known() {
        return None;
    }
    if document.0.get("rules").and_then(Value::as_array).is_none_or(Vec::is_empty) {
        return Some("a lifecycle policy has a list of `rules`".to_owned());
    }
    let (length, [least, most]) = (document.text().len(), LIFECYCLE_TEXT);
    (!(least..=most).contains(&length))
        .then(|| format!("the lifecycle policy has {length} characters; ECR takes {least} to {most}"))
}
