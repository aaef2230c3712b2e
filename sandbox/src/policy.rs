//! Policy documents: the checks of their grammar that IAM and S3 make when one is stored, and what they say.

mod conditions;
pub(crate) mod decide;

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::faults::matches;

/// Where a policy is attached; that decides which elements it must and must not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use<'a> {
    /// A role's trust policy.
    Trust,
    /// A policy of an identity.
    Identity,
    /// The policy of the bucket with this name.
    Bucket(&'a str),
    /// The policy of a queue or a topic.
    Object,
}

/// Checks a document. The error is AWS's sentence about it.
pub(crate) fn check(text: &str, place: Use<'_>) -> Result<Value, String> {
    let syntax = || "Syntax errors in policy.".to_owned();
    let json = match place {
        Use::Bucket(_) => "Policies must be valid JSON and the first byte must be '{'",
        _ => "This policy contains invalid Json",
    };
    if !text.starts_with('{') && matches!(place, Use::Bucket(_)) {
        return Err(json.to_owned());
    }
    let document: Value = serde_json::from_str(text).map_err(|_| json.to_owned())?;
    let fields = document.as_object().ok_or_else(syntax)?;
    if !fields.keys().all(|key| ["Version", "Id", "Statement"].contains(&key.as_str())) {
        return Err(syntax());
    }
    match fields.get("Version") {
        None => {}
        Some(Value::String(version)) if version == "2012-10-17" || version == "2008-10-17" => {}
        Some(_) => return Err("The policy must contain a valid version string".to_owned()),
    }
    let statements: Vec<&Value> = match fields.get("Statement") {
        Some(Value::Array(items)) if !items.is_empty() => items.iter().collect(),
        Some(single @ Value::Object(_)) => vec![single],
        _ => return Err("Missing required field Statement".to_owned()),
    };
    let mut names = BTreeSet::new();
    for statement in statements {
        let statement = statement.as_object().ok_or_else(syntax)?;
        if let Some(sid) = check_statement(statement, place)?
            && !names.insert(sid)
        {
            return Err("Statement IDs (SID) in a single policy must be unique.".to_owned());
        }
    }
    Ok(document)
}

/// Checks one statement; gives its name.
fn check_statement(statement: &Map<String, Value>, place: Use<'_>) -> Result<Option<String>, String> {
    const KNOWN: [&str; 9] =
        ["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"];
    if let Some(unknown) = statement.keys().find(|key| !KNOWN.contains(&key.as_str())) {
        return Err(format!("Syntax errors in policy: unknown field {unknown}."));
    }
    match statement.get("Effect").and_then(Value::as_str) {
        Some("Allow" | "Deny") => {}
        Some(other) => return Err(format!("Invalid effect: {other}")),
        None => return Err("Missing required field Effect".to_owned()),
    }
    let has = |names: [&str; 2]| names.iter().any(|name| statement.contains_key(*name));
    let principal = has(["Principal", "NotPrincipal"]);
    match place {
        Use::Identity if principal => return Err("Policy document should not specify a principal.".to_owned()),
        Use::Trust | Use::Bucket(_) | Use::Object if !principal => {
            return Err("Missing required field Principal".to_owned());
        }
        _ => {}
    }
    for name in ["Principal", "NotPrincipal"] {
        if let Some(value) = statement.get(name) {
            check_principal(value, place)?;
        }
    }
    check_actions(statement, place)?;
    let resources = has(["Resource", "NotResource"]);
    match place {
        Use::Trust if resources => return Err("Has prohibited field Resource".to_owned()),
        Use::Identity if !resources => return Err("Policy statement must contain resources.".to_owned()),
        Use::Bucket(_) | Use::Object if !resources => return Err("Missing required field Resource".to_owned()),
        _ => {}
    }
    for name in ["Resource", "NotResource"] {
        for resource in statement.get(name).map(texts).transpose()?.unwrap_or_default() {
            check_resource(resource, place)?;
        }
    }
    match statement.get("Condition") {
        None => {}
        Some(Value::Object(operators)) if operators.values().all(Value::is_object) => {}
        Some(_) => return Err("Syntax errors in policy.".to_owned()),
    }
    match statement.get("Sid") {
        None => Ok(None),
        Some(Value::String(sid)) => {
            let plain = sid.chars().all(|ch| ch.is_ascii_alphanumeric());
            if place == Use::Identity && !plain {
                return Err("Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular \
                            expression [0-9A-Za-z]*"
                    .to_owned());
            }
            Ok(Some(sid.clone()).filter(|sid| !sid.is_empty()))
        }
        Some(_) => Err("Syntax errors in policy.".to_owned()),
    }
}

/// The actions that a trust policy can speak of, in lower case.
const TRUST: [&str; 6] = [
    "sts:assumerole",
    "sts:assumerolewithsaml",
    "sts:assumerolewithwebidentity",
    "sts:setcontext",
    "sts:setsourceidentity",
    "sts:tagsession",
];

fn check_actions(statement: &Map<String, Value>, place: Use<'_>) -> Result<(), String> {
    let actions = match (statement.get("Action"), statement.get("NotAction")) {
        (Some(actions), None) | (None, Some(actions)) => texts(actions)?,
        (Some(_), Some(_)) => return Err("Syntax errors in policy.".to_owned()),
        (None, None) => return Err("Policy statement must contain actions.".to_owned()),
    };
    if actions.is_empty() {
        return Err("Policy statement must contain actions.".to_owned());
    }
    for action in actions {
        let service = action.split_once(':').map(|(service, _)| service.to_ascii_lowercase());
        match (place, service.as_deref()) {
            (Use::Trust, Some("sts")) if TRUST.iter().any(|known| matches(&action.to_lowercase(), known)) => {}
            (Use::Bucket(_), Some("s3")) => {}
            (Use::Trust, _) => return Err("AssumeRole policy may only specify STS AssumeRole actions.".to_owned()),
            (Use::Bucket(_), _) if action != "*" => return Err("Policy has invalid action".to_owned()),
            (Use::Identity, None) if action != "*" => {
                return Err("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.".to_owned());
            }
            _ => {}
        }
    }
    Ok(())
}

fn check_resource(resource: &str, place: Use<'_>) -> Result<(), String> {
    match place {
        Use::Bucket(bucket) => {
            let own = resource.split_once(":s3:::").filter(|(partition, _)| is_partition(partition));
            let own = own.and_then(|(_, rest)| rest.strip_prefix(bucket));
            if own.is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || rest.starts_with('*')) {
                Ok(())
            } else {
                Err("Policy has invalid resource".to_owned())
            }
        }
        _ if resource == "*" || resource.starts_with("arn:") => Ok(()),
        _ => Err(format!("Resource {resource} must be in ARN format or \"*\".")),
    }
}

fn is_partition(text: &str) -> bool {
    ["arn:aws", "arn:aws-cn", "arn:aws-us-gov"].contains(&text)
}

fn check_principal(value: &Value, place: Use<'_>) -> Result<(), String> {
    let Value::Object(kinds) = value else {
        return match value == "*" {
            true if place == Use::Trust => {
                Err("AssumeRole policy contained an invalid principal: \"STAR\":\"*\".".to_owned())
            }
            true => Ok(()),
            false => Err("Invalid principal in policy".to_owned()),
        };
    };
    for (kind, names) in kinds {
        for name in texts(names)? {
            let valid = match kind.as_str() {
                "Service" => name.contains('.') && name.contains(".amazonaws.com"),
                "AWS" => name == "*" || name.starts_with("arn:") || is_account(name),
                "Federated" => name.starts_with("arn:") || name.contains('.'),
                "CanonicalUser" => !name.is_empty(),
                _ => return Err("Syntax errors in policy.".to_owned()),
            };
            if !valid {
                return Err(format!("Invalid principal in policy: \"{}\":\"{name}\"", kind.to_uppercase()));
            }
        }
    }
    Ok(())
}

/// Calls `see` with every AWS principal of a document, which may change it.
fn principals(document: &mut Value, see: &mut impl FnMut(&mut String)) {
    let statements = match document.get_mut("Statement") {
        Some(Value::Array(items)) => items.as_mut_slice(),
        Some(single) => std::slice::from_mut(single),
        None => &mut [],
    };
    for statement in statements.iter_mut().filter_map(Value::as_object_mut) {
        for (_, value) in statement.iter_mut().filter(|(key, _)| matches!(key.as_str(), "Principal" | "NotPrincipal")) {
            match value.get_mut("AWS") {
                Some(Value::Array(items)) => items.iter_mut().for_each(|item| {
                    if let Value::String(text) = item {
                        see(text);
                    }
                }),
                Some(Value::String(text)) => see(text),
                _ => {}
            }
        }
    }
}

/// The first role of this account that a checked document names and that is not there, or not known everywhere yet.
pub(crate) fn unknown_role(
    document: &Value,
    partition: &str,
    account: &str,
    is_known: impl Fn(&str) -> bool,
) -> Option<String> {
    let own = format!("arn:{partition}:iam::{account}:role/");
    let mut unknown = None;
    principals(&mut document.clone(), &mut |name| {
        if name.starts_with(&own) && unknown.is_none() && !is_known(name) {
            unknown = Some(name.clone());
        }
    });
    unknown
}

/// A checked document as AWS keeps it: accounts stand there by the ARN of their root. Nothing if it has no account.
pub(crate) fn with_roots(mut document: Value, partition: &str) -> Option<String> {
    let mut changed = false;
    principals(&mut document, &mut |name| {
        if is_account(name) {
            *name = format!("arn:{partition}:iam::{name}:root");
            changed = true;
        }
    });
    changed.then(|| document.to_string())
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// One string or a list of strings.
fn texts(value: &Value) -> Result<Vec<&str>, String> {
    let syntax = || "Syntax errors in policy.".to_owned();
    match value {
        Value::String(text) => Ok(vec![text]),
        Value::Array(items) => items.iter().map(|item| item.as_str().ok_or_else(syntax)).collect(),
        _ => Err(syntax()),
    }
}

/// Whether a policy lets everybody do something with a resource. What holds only under a condition does not count.
pub(crate) fn allows_everybody(document: &Value, action: &str, resource: &str) -> bool {
    let statements = match document.get("Statement") {
        Some(Value::Array(items)) => items.as_slice(),
        Some(single) => std::slice::from_ref(single),
        None => &[],
    };
    let names = |value: Option<&Value>, wanted: &str| {
        value.and_then(|value| texts(value).ok()).is_some_and(|names| names.iter().any(|name| matches(name, wanted)))
    };
    let applies = |statement: &&Value| {
        let everybody = match statement.get("Principal") {
            Some(Value::Object(kinds)) => names(kinds.get("AWS"), "*"),
            Some(other) => other == "*",
            None => false,
        };
        everybody && names(statement.get("Action"), action) && names(statement.get("Resource"), resource)
    };
    let has = |effect: &str| {
        let of = |statement: &&Value| statement.get("Effect").is_some_and(|given| given == effect);
        statements.iter().filter(applies).any(|it| of(&it) && (effect == "Deny" || it.get("Condition").is_none()))
    };
    has("Allow") && !has("Deny")
}

/// Whether the policy of a queue or a topic lets an AWS service (`events.amazonaws.com`) do something. A condition
/// counts as met where the service is named, and as not met where everybody is, or where something is denied.
pub(crate) fn lets_in(text: &str, service: &str, action: &str) -> bool {
    let document: Value = serde_json::from_str(text).unwrap_or_default();
    let fits = |name: &str, wanted: &str| matches(&name.to_lowercase(), &wanted.to_lowercase());
    let names = |value: Option<&Value>, wanted: &str| {
        value.and_then(|value| texts(value).ok()).is_some_and(|names| names.iter().any(|name| fits(name, wanted)))
    };
    let has = |statement: &Value, effect: &str| {
        let who = &statement["Principal"];
        let everybody = who == "*" || names(who.get("AWS"), "*");
        let meant = everybody && statement.get("Condition").is_none() || names(who.get("Service"), service);
        statement["Effect"] == effect && meant && names(statement.get("Action"), action)
    };
    let statements = match document.get("Statement") {
        Some(Value::Array(items)) => items.as_slice(),
        Some(single) => std::slice::from_ref(single),
        None => &[],
    };
    let denied = |it: &Value| has(it, "Deny") && it.get("Condition").is_none();
    statements.iter().any(|it| has(it, "Allow")) && !statements.iter().any(denied)
}

/// Whether a bucket policy lets everybody in, as S3 sees it: an allowed `*` principal without a fixed condition.
pub(crate) fn is_public(document: &Value) -> bool {
    const FIXING: [&str; 9] = [
        "aws:sourcearn",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:sourceip",
        "aws:sourceaccount",
        "aws:sourceowner",
        "aws:principalorgid",
        "aws:userid",
        "s3:dataaccesspointaccount",
    ];
    let statements = match document.get("Statement") {
        Some(Value::Array(items)) => items.as_slice(),
        Some(single) => std::slice::from_ref(single),
        None => &[],
    };
    statements.iter().any(|statement| {
        let everybody = match statement.get("Principal") {
            Some(Value::Object(kinds)) => {
                kinds.get("AWS").is_some_and(|names| texts(names).is_ok_and(|names| names.contains(&"*")))
            }
            Some(other) => other == "*",
            None => false,
        };
        let keys = statement.get("Condition").and_then(Value::as_object).into_iter().flat_map(|operators| {
            operators.values().filter_map(Value::as_object).flat_map(|keys| keys.keys().map(|key| key.to_lowercase()))
        });
        let fixed = keys.into_iter().any(|key| FIXING.contains(&key.as_str()));
        statement.get("Effect").is_some_and(|effect| effect == "Allow") && everybody && !fixed
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_let_in_by_name() {
        let of = |effect: &str, who: &str, action: &str, more: &str| {
            format!(r#"{{"Effect":"{effect}","Principal":{who},"Action":"{action}","Resource":"*"{more}}}"#)
        };
        let lets = |statements: &[String]| {
            let text = format!(r#"{{"Statement":[{}]}}"#, statements.join(","));
            lets_in(&text, "events.amazonaws.com", "sqs:SendMessage")
        };
        let events = of("Allow", r#"{"Service":"events.amazonaws.com"}"#, "sqs:Send*", "");
        assert!(lets(std::slice::from_ref(&events)) && lets(&[of("Allow", "\"*\"", "sqs:SendMessage", "")]));
        assert!(!lets(&[of("Allow", r#"{"Service":"sns.amazonaws.com"}"#, "sqs:SendMessage", "")]) && !lets(&[]));
        assert!(!lets(&[events.clone(), of("Deny", "\"*\"", "sqs:*", "")]));
        let unless_tls = of("Deny", "\"*\"", "sqs:*", r#","Condition":{"Bool":{"aws:SecureTransport":"false"}}"#);
        assert!(lets(&[events, unless_tls]) && !lets_in("", "events.amazonaws.com", "sqs:SendMessage"));
    }

    #[test]
    fn documents_are_checked_for_their_place() {
        let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
            "Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
        check(trust, Use::Trust).unwrap();
        assert!(check(trust, Use::Identity).unwrap_err().contains("principal"));
        let identity = r#"{"Statement":{"Effect":"Allow","Action":["s3:Get*"],"Resource":"*"}}"#;
        check(identity, Use::Identity).unwrap();
        assert!(check(identity, Use::Trust).unwrap_err().contains("Principal"));
        let acts = |action: &str| check(&trust.replace("sts:AssumeRole", action), Use::Trust).is_ok();
        assert!(acts("sts:TagSession") && acts("sts:AssumeRole*") && acts("sts:assumerolewithwebidentity"));
        assert!(!acts("sts:GetCallerIdentity") && !acts("sts:AssumeRol") && !acts("*"));
        assert!(check("{", Use::Identity).unwrap_err().contains("Json"));
        let typo = r#"{"Statement":{"Effect":"Allow","Actoin":"s3:*","Resource":"*"}}"#;
        assert!(check(typo, Use::Identity).unwrap_err().contains("Actoin"));
    }

    #[test]
    fn principals_are_looked_up_and_accounts_kept_by_their_root() {
        let trust = |principal: &str| {
            format!(r#"{{"Statement":{{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{principal}}}}}"#)
        };
        let star = check(&trust("\"*\""), Use::Trust).unwrap_err();
        assert!(star.contains("\"STAR\":\"*\""), "{star}");
        check(&trust(r#"{"AWS":"*"}"#), Use::Trust).unwrap();
        let role = check(&trust(r#"{"AWS":["000000000000","arn:aws:iam::000000000000:role/a"]}"#), Use::Trust).unwrap();
        let unknown = |known: bool| unknown_role(&role, "aws", "000000000000", |_| known);
        assert_eq!((unknown(true), unknown(false).as_deref()), (None, Some("arn:aws:iam::000000000000:role/a")));
        for partition in ["aws", "aws-cn", "aws-us-gov"] {
            let kept = with_roots(role.clone(), partition).unwrap();
            assert!(kept.contains(&format!("arn:{partition}:iam::000000000000:root")), "{kept}");
        }
        assert_eq!(unknown_role(&role, "aws", "111122223333", |_| false), None);
        // A role of another partition is none of this account.
        assert_eq!(unknown_role(&role, "aws-cn", "000000000000", |_| false), None);
        assert_eq!(with_roots(check(&trust(r#"{"AWS":"*"}"#), Use::Trust).unwrap(), "aws"), None);
    }

    #[test]
    fn everybody_without_a_fixed_condition_is_public() {
        let policy = |condition: &str| {
            let text = format!(
                r#"{{"Statement":[{{"Effect":"Allow","Principal":"*","Action":"s3:GetObject",
                "Resource":"arn:aws:s3:::b/*"{condition}}}]}}"#
            );
            check(&text, Use::Bucket("b")).unwrap()
        };
        assert!(is_public(&policy("")));
        assert!(!is_public(&policy(r#","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1"}}"#)));
    }
}
