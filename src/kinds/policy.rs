//! IAM policy documents in one form, so that two ways of writing the same policy compare equal. It is also the form that
//! is sent, so it is one that every service takes.
use crate::{
    aws::{Error, ErrorClass},
    call::Ctx,
    spec::{self, Node},
};
use jiff::{SignedDuration, Timestamp};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::{borrow::Cow, collections::BTreeSet};

/// The version of the policy language in which variables such as `${aws:username}` work.
pub(super) const VERSION: &str = "2012-10-17";

/// So long after it was made a role may be unknown to a service that reads a policy.
const YOUNG: SignedDuration = SignedDuration::from_mins(10);

/// A policy document, written as YAML with AWS's own keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Policy(pub Value);

impl JsonSchema for Policy {
    fn schema_name() -> Cow<'static, str> {
        "Policy".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "x-dlinfra": "any", "x-deferred": true })
    }
}

impl Policy {
    /// A document of these statements.
    pub(super) fn of(statements: &[Value]) -> Self {
        let mut out = Self(json!({ "Version": VERSION, "Statement": statements }));
        out.normalize();
        out
    }

    /// The same document with these statements.
    pub(super) fn with(&self, statements: &[Value]) -> Self {
        let mut out = self.clone();
        if let Value::Object(map) = &mut out.0 {
            map.insert("Statement".to_owned(), json!(statements));
        }
        out.normalize();
        out
    }

    /// Lets services take a role.
    pub(super) fn trusting(services: &[String]) -> Self {
        Self::of(&[json!({ "Effect": "Allow", "Principal": { "Service": services }, "Action": "sts:AssumeRole" })])
    }

    /// The services, if all that the document does is let them take a role.
    pub(super) fn trusted_services(&self) -> Option<Vec<String>> {
        let [Value::Object(one)] = self.statements() else { return None };
        let services = match one.get("Principal")?.get("Service")? {
            Value::String(one) => vec![one.clone()],
            Value::Array(all) => all.iter().map(|s| s.as_str().map(str::to_owned)).collect::<Option<_>>()?,
            _ => return None,
        };
        (*self == Self::trusting(&services)).then_some(services)
    }

    /// A document as AWS returns it: text, in IAM percent-encoded.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let plain = if text.trim_start().starts_with('{') { Cow::Borrowed(text) } else { Cow::Owned(decode(text)) };
        let mut value: Value = serde_json::from_str(&plain).map_err(|_| Error::missing("a policy in JSON"))?;
        if let Value::Object(map) = &mut value {
            // What a document without a version means, as opposed to what dlinfra writes.
            map.entry("Version").or_insert_with(|| json!("2008-10-17"));
        }
        let mut out = Self(value);
        out.normalize();
        Ok(out)
    }

    /// The document as AWS takes it.
    pub(super) fn text(&self) -> String {
        spec::canonical(&self.0)
    }

    /// Its statements, once normalised.
    pub(super) fn statements(&self) -> &[Value] {
        self.0.get("Statement").and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// One form: version stated, statements a sorted list, single values plain, several sorted, values of conditions text.
    pub(super) fn normalize(&mut self) {
        if spec::node(&self.0) != Node::Plain {
            return;
        }
        let Value::Object(map) = &mut self.0 else { return };
        map.entry("Version").or_insert_with(|| json!(VERSION));
        let Some(statements) = map.get_mut("Statement") else { return };
        if statements.is_object() && spec::node(statements) == Node::Plain {
            *statements = Value::Array(vec![statements.take()]);
        }
        if let Value::Array(all) = statements {
            all.iter_mut().for_each(normalize_statement);
            all.sort_by_key(spec::canonical);
        }
    }

    /// Takes out `Resource` where a statement names a bucket and everything in it, which is what one without `Resource`
    /// means in the policy of that bucket. The partition is not looked at: the bucket is in one only.
    pub(super) fn leave_out(&mut self, bucket: &str) {
        let Some(all) = self.0.get_mut("Statement").and_then(Value::as_array_mut) else { return };
        let names = |value: &Value, end: &str| {
            let name = value.as_str().and_then(|arn| arn.strip_prefix("arn:")?.split_once(":s3:::").map(|(_, n)| n));
            name.and_then(|n| n.strip_prefix(bucket)) == Some(end)
        };
        for statement in all.iter_mut().filter_map(Value::as_object_mut) {
            let whole = match statement.get("Resource") {
                Some(Value::Array(both)) => {
                    both.len() == 2 && both.iter().any(|v| names(v, "")) && both.iter().any(|v| names(v, "/*"))
                }
                _ => false,
            };
            if whole {
                statement.remove("Resource");
            }
        }
        all.sort_by_key(spec::canonical);
    }

    /// The policy of one queue or topic: every statement is about it.
    pub(super) fn of_one(&self, arn: &str) -> Self {
        let about = |statement: &Value| {
            let mut statement = statement.clone();
            if let Value::Object(map) = &mut statement {
                map.insert("Resource".to_owned(), json!(arn));
            }
            statement
        };
        self.with(&self.statements().iter().map(about).collect::<Vec<_>>())
    }

    /// The same, read back: takes out `Resource` where it is the object itself.
    pub(super) fn leave_out_one(&mut self, arn: &str) {
        let Some(all) = self.0.get_mut("Statement").and_then(Value::as_array_mut) else { return };
        for statement in all.iter_mut().filter_map(Value::as_object_mut) {
            if statement.get("Resource").and_then(Value::as_str) == Some(arn) {
                statement.remove("Resource");
            }
        }
        all.sort_by_key(spec::canonical);
    }

    /// What is wrong with the policy of one queue or topic, if anything.
    pub(super) fn about_one(&self, longest: usize) -> Option<(String, String)> {
        let states = |key: &str| self.statements().iter().any(|s| s.get(key).is_some());
        if states("Resource") || states("NotResource") {
            let help = "leave `Resource` out: it is about this object";
            return Some(("a statement has a `Resource`".to_owned(), help.to_owned()));
        }
        let who = |s: &Value| s.get("Principal").or(s.get("NotPrincipal")).is_some();
        if self.statements().iter().any(|s| s.is_object() && spec::node(s) == Node::Plain && !who(s)) {
            let help = "write for example `Principal: { Service: events.amazonaws.com }`";
            return Some(("a statement has no `Principal`".to_owned(), help.to_owned()));
        }
        self.problem(longest)
    }

    /// What a service's refusal of this document means. IAM and S3 refuse a principal that does not exist and one that
    /// was made a moment ago in the same words: only a role of this account that is minutes old is worth waiting for.
    pub(super) async fn refused(&self, ctx: &Ctx, error: Error) -> Error {
        if error.class != ErrorClass::NotVisibleYet {
            return error;
        }
        let everywhere = self.statements().iter().filter_map(|s| s.get("Principal")?.get("AWS")).flat_map(texts);
        let own = format!("arn:{}:iam::{}:role/", ctx.scope.partition, ctx.scope.account);
        let (mut young, mut lacking) = (false, Vec::new());
        for arn in everywhere.filter(|arn| arn.starts_with(&own)) {
            let name = arn.rsplit('/').next().unwrap_or(arn);
            match ctx.aws.iam().get_role().role_name(name).send().await.map_err(Error::from) {
                Ok(out) => {
                    let made = out.role.and_then(|r| Timestamp::from_second(r.create_date.secs()).ok());
                    young |= made.is_none_or(|at| ctx.clock.now().duration_since(at) < YOUNG);
                }
                Err(e) if e.class == ErrorClass::NotFound => lacking.push(format!("`{arn}`")),
                // Who may not look at roles cannot tell.
                Err(_) => young = true,
            }
        }
        match (lacking.is_empty(), young) {
            (true, true) => error,
            (true, false) => Error { class: ErrorClass::Invalid, ..error }.help(
                "check the principals of the policy: each account, role, user and service must exist; a role of this \
                 blueprint is named by `${role.arn}`",
            ),
            (false, _) => Error { class: ErrorClass::Invalid, ..error }.help(format!(
                "there is no role {}; one of this blueprint is named by `${{role.arn}}`",
                lacking.join(", ")
            )),
        }
    }

    /// What is wrong with its shape, if anything; what is not known yet is not judged.
    pub(super) fn problem(&self, longest: usize) -> Option<(String, String)> {
        if spec::node(&self.0) != Node::Plain {
            return None;
        }
        let shape = "write a map with `Statement`, a list of { Effect, Action, Resource }";
        let Value::Object(map) = &self.0 else {
            return Some(("a policy is a map".to_owned(), shape.to_owned()));
        };
        if let Some(key) = map.keys().find(|k| !["Version", "Id", "Statement"].contains(&k.as_str())) {
            return Some((format!("a policy has no key `{key}`"), shape.to_owned()));
        }
        if self.statements().is_empty() && map.get("Statement").is_none_or(|s| spec::node(s) == Node::Plain) {
            return Some(("a policy needs at least one statement".to_owned(), shape.to_owned()));
        }
        for statement in self.statements().iter().filter_map(Value::as_object) {
            if !matches!(statement.get("Effect").and_then(Value::as_str), Some("Allow" | "Deny")) {
                return Some((
                    "a statement's `Effect` is `Allow` or `Deny`".to_owned(),
                    "write `Effect: Allow`".to_owned(),
                ));
            }
            if !statement.contains_key("Action") && !statement.contains_key("NotAction") {
                return Some((
                    "a statement has no `Action`".to_owned(),
                    "write for example `Action: s3:GetObject`".to_owned(),
                ));
            }
            let principals = ["Principal", "NotPrincipal"].iter().filter_map(|key| statement.get(*key)?.get("AWS"));
            if let Some(id) = principals.flat_map(texts).find(|id| !is_principal(id)) {
                return Some((
                    format!("`{id}` is not an AWS principal"),
                    "write an account's twelve digits in quotes, the ARN of a role or user, or `*`".to_owned(),
                ));
            }
        }
        let sids = self.statements().iter().filter_map(|s| s.get("Sid").and_then(Value::as_str));
        let mut seen = BTreeSet::new();
        if let Some(twice) = sids.into_iter().find(|sid| !seen.insert(*sid)) {
            return Some((
                format!("two statements have the `Sid` {twice}"),
                "give each statement another `Sid`, or leave `Sid` out".to_owned(),
            ));
        }
        let length = self.text().len();
        (!spec::has_unknown(&self.0) && length > longest).then(|| {
            let help = "give fewer statements, use wildcards, or attach a managed policy";
            (format!("the policy has {length} characters; AWS takes {longest}"), help.to_owned())
        })
    }
}

fn normalize_statement(statement: &mut Value) {
    if spec::node(statement) != Node::Plain {
        return;
    }
    let Value::Object(map) = statement else { return };
    if map.get("Sid").and_then(Value::as_str) == Some("") {
        map.remove("Sid");
    }
    if map.get("Condition").and_then(Value::as_object).is_some_and(Map::is_empty) {
        map.remove("Condition");
    }
    for key in ["Action", "NotAction", "Resource", "NotResource"] {
        if let Some(value) = map.get_mut(key) {
            one_or_many(value);
        }
    }
    for key in ["Principal", "NotPrincipal"] {
        if let Some(value) = map.get_mut(key) {
            normalize_principal(value);
        }
    }
    if let Some(Value::Object(operators)) = map.get_mut("Condition") {
        for keys in operators.values_mut().filter_map(Value::as_object_mut) {
            keys.values_mut().for_each(one_or_many);
        }
    }
}

/// Everybody is written `{ AWS: "*" }`: a trust policy takes no plain `"*"`, and all others take both.
fn normalize_principal(value: &mut Value) {
    if *value == json!("*") {
        *value = json!({ "AWS": "*" });
    }
    if spec::node(value) != Node::Plain {
        return;
    }
    let Value::Object(map) = value else { return };
    for (who, ids) in map.iter_mut() {
        if who == "AWS" {
            match &mut *ids {
                Value::Array(all) => all.iter_mut().for_each(account),
                one => account(one),
            }
        }
        one_or_many(ids);
    }
}

/// AWS turns an account's number into the ARN of its root; both mean the account.
fn account(id: &mut Value) {
    let root = |arn: &str| {
        let (_, rest) = arn.strip_prefix("arn:")?.split_once(":iam::")?;
        rest.strip_suffix(":root").filter(|number| is_account(number)).map(str::to_owned)
    };
    if let Some(number) = id.as_str().and_then(root) {
        *id = Value::String(number);
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

/// An account, an ARN, everybody, or the unique id that AWS shows for a principal that was deleted.
fn is_principal(id: &str) -> bool {
    let unique =
        id.len() >= 16 && id.starts_with('A') && id.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    id == "*" || is_account(id) || id.starts_with("arn:") || unique
}

/// One text or several.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    }
}

/// Lists here are sets: sorted, each value once, and a single one stands alone.
fn one_or_many(value: &mut Value) {
    let as_text = |v: &mut Value| {
        if v.is_boolean() || v.is_number() {
            *v = Value::String(v.to_string());
        }
    };
    match value {
        Value::Array(all) => {
            all.iter_mut().for_each(as_text);
            all.sort_by_key(spec::canonical);
            all.dedup();
            if let [one] = all.as_mut_slice() {
                *value = one.take();
            }
        }
        one => as_text(one),
    }
}

/// Percent-decoding (RFC 3986); what is no escape stays as it is.
pub(super) fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut i) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(byte) = bytes.get(i) {
        let escape = text.get(i + 1..i + 3).filter(|_| *byte == b'%').and_then(|h| u8::from_str_radix(h, 16).ok());
        out.push(escape.unwrap_or(*byte));
        i += if escape.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(value: Value) -> Value {
        let mut policy = Policy(value);
        policy.normalize();
        policy.0
    }

    #[test]
    fn two_ways_of_writing_a_policy_are_one() {
        let short = json!({ "Statement": { "Effect": "Allow", "Action": ["s3:PutObject", "s3:GetObject"], "Resource": "*",
            "Condition": { "Bool": { "aws:SecureTransport": true } }, "Principal": { "AWS": ["arn:aws:iam::123456789012:root"] } } });
        let long = json!({ "Version": "2012-10-17", "Statement": [{ "Sid": "", "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:PutObject", "s3:GetObject"], "Resource": ["*"],
            "Condition": { "Bool": { "aws:SecureTransport": ["true"] } }, "Principal": { "AWS": "123456789012" } }] });
        assert_eq!(normal(short), normal(long));
    }

    #[test]
    fn everybody_is_written_in_the_way_that_trust_policies_take_too() {
        let principal = |value: Value| normal(json!({ "Statement": [{ "Effect": "Deny", "Principal": value }] }));
        for everybody in [json!("*"), json!({ "AWS": "*" }), json!({ "AWS": ["*"] })] {
            assert_eq!(principal(everybody)["Statement"][0]["Principal"], json!({ "AWS": "*" }));
        }
    }

    #[test]
    fn the_bucket_and_everything_in_it_need_not_be_named() {
        let of = |resource: Value| {
            let mut policy =
                Policy(json!({ "Statement": [{ "Effect": "Allow", "Action": "s3:*", "Resource": resource }] }));
            policy.normalize();
            policy.leave_out("data");
            policy.0["Statement"][0].get("Resource").cloned()
        };
        let (own, inside) = ("arn:aws:s3:::data", "arn:aws:s3:::data/*");
        assert_eq!(of(json!([inside, own])), None);
        assert_eq!(of(json!([own, inside, own])), None);
        assert_eq!(of(json!(["arn:aws-cn:s3:::data", "arn:aws-cn:s3:::data/*"])), None);
        for part in [json!(own), json!([own]), json!(inside), json!([inside])] {
            assert!(of(part.clone()).unwrap().is_string(), "{part}");
        }
        let other = json!(["arn:aws:s3:::data2", "arn:aws:s3:::data2/*"]);
        assert_eq!(of(other.clone()), Some(other));
    }

    #[test]
    fn principals_and_names_of_statements_are_checked() {
        let problem = |statements: Value| Policy::of(statements.as_array().unwrap()).problem(1000).is_some();
        let principal =
            |id: Value| problem(json!([{ "Effect": "Allow", "Action": "s3:GetObject", "Principal": { "AWS": id } }]));
        for good in [
            json!("*"),
            json!("111122223333"),
            json!(111122223333_u64),
            json!("AROAEXAMPLEEXAMPLE123"),
            json!(["arn:aws:iam::111122223333:role/a", "111122223333"]),
        ] {
            assert!(!principal(good.clone()), "{good}");
        }
        for bad in [json!(11122223333_u64), json!("role/a"), json!(["111122223333", "training"])] {
            assert!(principal(bad.clone()), "{bad}");
        }
        let named = |sid: &str| json!({ "Sid": sid, "Effect": "Allow", "Action": sid });
        assert!(problem(json!([named("a"), named("a")])) && !problem(json!([named("a"), named("b")])));
    }

    #[test]
    fn statements_are_a_set_and_a_missing_version_is_the_old_one() {
        let (a, b) = (json!({ "Effect": "Allow", "Action": "a:B" }), json!({ "Effect": "Deny", "Action": "c:D" }));
        assert_eq!(normal(json!({ "Statement": [a, b] })), normal(json!({ "Statement": [b, a] })));
        assert_eq!(Policy::parse(r#"{"Statement":[]}"#).unwrap().0["Version"], "2008-10-17");
    }

    #[test]
    fn documents_come_percent_encoded_from_iam() {
        let policy = Policy::trusting(&["ec2.amazonaws.com".to_owned(), "batch.amazonaws.com".to_owned()]);
        let encoded: String = policy.text().bytes().map(|b| format!("%{b:02X}")).collect();
        let read = Policy::parse(&encoded).unwrap();
        assert_eq!(read, policy);
        assert_eq!(read.trusted_services().unwrap(), ["batch.amazonaws.com", "ec2.amazonaws.com"]);
        assert_eq!(Policy::parse(r#"{"a":"100%"}"#).unwrap().0["a"], "100%");
        assert_eq!(decode("100%zz%é"), "100%zz%é");
    }

    #[test]
    fn what_is_not_known_yet_stays_as_it_is() {
        let unknown = json!({ "$ref": "data", "attr": "arn" });
        let policy = normal(json!({ "Statement": [{ "Effect": "Allow", "Action": "s3:*", "Resource": [unknown] }] }));
        assert_eq!(policy["Statement"][0]["Resource"], unknown);
        assert!(Policy(policy).problem(100).is_none());
        assert!(Policy(json!({ "Statement": [] })).problem(100).is_some());
        assert!(Policy(json!({ "Statement": [{ "Effect": "allow", "Action": "*" }] })).problem(100).is_some());
    }
}
