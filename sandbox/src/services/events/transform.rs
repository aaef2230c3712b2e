//! What a target gets of an event: all of it, a part, a constant, or a text with values from it.

use serde_json::Value;

pub(super) fn input(target: &Value, event: &Value) -> String {
    if let Some(constant) = target["Input"].as_str() {
        return constant.to_owned();
    }
    if let Some(path) = target["InputPath"].as_str() {
        return at(event, path).map(Value::to_string).unwrap_or_default();
    }
    match target["InputTransformer"]["InputTemplate"].as_str() {
        Some(template) => fill(template, &target["InputTransformer"]["InputPathsMap"], event),
        None => event.to_string(),
    }
}

/// What is at `$.detail.state`.
fn at<'v>(event: &'v Value, path: &str) -> Option<&'v Value> {
    path.strip_prefix('$')?.split('.').filter(|part| !part.is_empty()).try_fold(event, |value, part| value.get(part))
}

/// A template with `<name>` filled in: as it is inside quotes, as JSON elsewhere.
fn fill(template: &str, paths: &Value, event: &Value) -> String {
    let (mut out, mut rest) = (String::new(), template);
    while let Some((before, after)) = rest.split_once('<') {
        out.push_str(before);
        let found = after.split_once('>').and_then(|(name, after)| Some((paths[name].as_str()?, after)));
        let Some((path, after)) = found else {
            out.push('<');
            rest = after;
            continue;
        };
        let quoted = out.replace("\\\"", "").matches('"').count() % 2 == 1;
        match at(event, path) {
            Some(Value::String(text)) if quoted => out.push_str(text),
            Some(value) => out.push_str(&value.to_string()),
            None => {}
        }
        rest = after;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_target_gets_what_it_asked_for() {
        let event = json!({"source": "train", "detail": {"state": "Failed", "exit": 3}});
        let gets = |target: Value| input(&target, &event);
        assert_eq!(gets(json!({})), event.to_string());
        assert_eq!(gets(json!({"Input": "{\"a\": 1}"})), "{\"a\": 1}");
        assert_eq!(gets(json!({"InputPath": "$.detail.exit"})), "3");
        let paths = json!({"state": "$.detail.state", "exit": "$.detail.exit"});
        let fills =
            |template: &str| gets(json!({"InputTransformer": {"InputPathsMap": paths, "InputTemplate": template}}));
        assert_eq!(fills("\"ended <state> with <exit>, not <else>\""), "\"ended Failed with 3, not <else>\"");
        assert_eq!(fills("{\"state\": <state>, \"exit\": <exit>}"), "{\"state\": \"Failed\", \"exit\": 3}");
    }
}
