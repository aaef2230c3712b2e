//! Requests and replies of the protocol `restJson1`: what stands in path, query, headers and body, by the model.

use serde_json::{Map, Value};

use super::form::decode;
use super::request::Incoming;
use crate::error::ApiError;
use crate::model::{Cursor, Facts, Kind, Location};

/// The operation that a request asks for, as far as it is known, and its parameters under the model's names.
pub(crate) fn read(model: &Facts, request: &Incoming) -> (String, Result<Map<String, Value>, ApiError>) {
    let method = request.method.as_str();
    let Some(found) = model.route(method, &request.path, &request.query, &request.headers) else {
        let what = format!("{method} {}", decode(&request.path));
        return ("Unknown".to_owned(), Err(ApiError::not_implemented(what)));
    };
    (found.operation.to_owned(), parameters(model.asked(found.operation), &found.labels, &found.fixed, request))
}

fn parameters(
    input: Cursor<'_>,
    labels: &[(&str, String)],
    fixed: &[&str],
    request: &Incoming,
) -> Result<Map<String, Value>, ApiError> {
    let mut out = Map::new();
    if let Some(name) = input.payload() {
        let text = String::from_utf8_lossy(&request.body).into_owned();
        out.insert(name.to_owned(), Value::String(text));
    } else if !request.body.is_empty() {
        match serde_json::from_slice(&request.body) {
            Ok(Value::Object(fields)) => out = fields,
            Ok(_) => return Err(ApiError::bad("SerializationException", "The body is not a JSON object")),
            Err(error) => return Err(ApiError::bad("SerializationException", error.to_string())),
        }
    }
    for (name, label, _) in input.placed(Location::Uri) {
        if let Some((_, text)) = labels.iter().find(|(known, _)| *known == label) {
            out.insert(name.to_owned(), text.clone().into());
        }
    }
    let mut query: Vec<&(String, String)> =
        request.query.iter().filter(|(name, _)| name != "x-id" && !fixed.contains(&name.as_str())).collect();
    for (name, at, cursor) in input.placed(Location::Querystring) {
        let mut given = Vec::new();
        query.retain(|(known, text)| {
            let is_it = known == at;
            if is_it {
                given.push(Value::String(text.clone()));
            }
            !is_it
        });
        match cursor.kind() {
            Kind::List if !given.is_empty() => out.insert(name.to_owned(), Value::Array(given)),
            _ => given.pop().and_then(|text| out.insert(name.to_owned(), text)),
        };
    }
    // What the model does not have is refused by its name, as a parameter of a body is.
    for (name, text) in query {
        out.insert(name.clone(), text.clone().into());
    }
    for (name, at, _) in input.placed(Location::Header) {
        if let Some(text) = request.header(&at.to_ascii_lowercase()) {
            out.insert(name.to_owned(), text.into());
        }
    }
    Ok(out)
}

/// Takes what stands in status and headers out of a reply; gives the status, where one is said, and the headers.
pub(crate) fn split(output: Cursor<'_>, reply: &mut Value) -> (Option<u16>, Vec<(String, String)>) {
    let Value::Object(fields) = reply else { return (None, Vec::new()) };
    let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut headers = Vec::new();
    for (name, at, _) in output.placed(Location::Header) {
        headers.extend(fields.remove(name).map(|value| (at.to_owned(), text(value))));
    }
    let status = output.placed(Location::StatusCode).filter_map(|(name, ..)| fields.remove(name)?.as_u64()).next();
    if let Some(body) = output.payload().and_then(|name| fields.remove(name)) {
        *reply = body;
    }
    (status.and_then(|status| u16::try_from(status).ok()), headers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use serde_json::json;

    #[test]
    fn parameters_come_from_everywhere_and_go_back() {
        let facts = json!({
            "operations": {"Make": {"input": "In", "output": "Out"}},
            "routes": {"Make": ["POST", "/jobs/{jobName}"]},
            "shapes": {
                "In": {"type": "structure", "members": {
                    "name": {"shape": "Text", "location": "uri", "at": "jobName"},
                    "states": {"shape": "Texts", "location": "querystring", "at": "state"},
                    "size": {"shape": "Number", "location": "querystring"},
                    "kind": {"shape": "Text", "location": "header", "at": "X-Kind"},
                    "tags": "Map"
                }},
                "Out": {"type": "structure", "members": {
                    "code": {"shape": "Number", "location": "statusCode"},
                    "kind": {"shape": "Text", "location": "header", "at": "X-Kind"},
                    "arn": "Text"
                }},
                "Text": {"type": "string"}, "Number": {"type": "integer"},
                "Texts": {"type": "list", "member": "Text"},
                "Map": {"type": "map", "key": "Text", "value": "Text"}
            }
        });
        let facts = Facts::read(&facts.to_string());
        let request = http::Request::post("http://x.localhost/jobs/a%2Fb?state=A&state=B&size=3&colour=red")
            .header("x-kind", "k")
            .body(Bytes::from_static(br#"{"tags": {"a": "b"}}"#));
        let (operation, params) = read(&facts, &Incoming::new(request.unwrap()));
        assert_eq!(operation, "Make");
        let wanted = json!({
            "name": "a/b", "states": ["A", "B"], "size": "3", "kind": "k", "tags": {"a": "b"}, "colour": "red"
        });
        assert_eq!(Value::Object(params.unwrap()), wanted);
        let mut reply = json!({"code": 202, "kind": "k", "arn": "x"});
        let (status, headers) = split(facts.told("Make"), &mut reply);
        assert_eq!((status, headers), (Some(202), vec![("X-Kind".to_owned(), "k".to_owned())]));
        assert_eq!(reply, json!({"arn": "x"}));
    }
}
