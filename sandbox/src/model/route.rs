//! Routes: which operation of a REST service a method, a path and a query stand for.
//!
//! The facts have the routes of every operation that AWS publishes: what is not simulated must not be taken for
//! something else, and is refused by its name.

use http::HeaderMap;
use serde::Deserialize;

use super::Facts;
use crate::wire::form::decode;

/// The route of one operation.
#[derive(Debug, Deserialize)]
#[serde(from = "Vec<String>")]
pub(super) struct Route {
    method: String,
    path: Vec<Segment>,
    /// What must stand in the query, with this value where there is one.
    query: Vec<(String, Option<String>)>,
    /// Parameters in the query and headers that the operation cannot be without.
    needs: Vec<String>,
}

#[derive(Debug)]
enum Segment {
    Text(String),
    Label(String),
    /// Everything that is left, with its slashes.
    Rest(String),
}

/// What a request was found to ask for.
#[derive(Debug)]
pub(crate) struct Found<'m> {
    pub(crate) operation: &'m str,
    /// What the path says, decoded, by its labels.
    pub(crate) labels: Vec<(&'m str, String)>,
    /// Names in the query that are no parameters but belong to the route.
    pub(crate) fixed: Vec<&'m str>,
}

impl From<Vec<String>> for Route {
    fn from(stated: Vec<String>) -> Self {
        let mut stated = stated.into_iter();
        let (method, uri) = (stated.next().unwrap_or_default(), stated.next().unwrap_or_default());
        let (path, query) = uri.split_once('?').unwrap_or((&uri, ""));
        let segment = |text: &str| match text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(label) => match label.strip_suffix('+') {
                Some(label) => Segment::Rest(label.to_owned()),
                None => Segment::Label(label.to_owned()),
            },
            None => Segment::Text(text.to_owned()),
        };
        let pair = |text: &str| match text.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (text.to_owned(), None),
        };
        Self {
            method,
            path: path.split('/').filter(|text| !text.is_empty()).map(segment).collect(),
            query: query.split('&').filter(|text| !text.is_empty()).map(pair).collect(),
            needs: stated.collect(),
        }
    }
}

impl Route {
    /// The labels of a path that has this form.
    fn labels(&self, path: &str) -> Option<Vec<(&str, String)>> {
        let mut rest = path.strip_prefix('/').unwrap_or(path);
        let mut labels = Vec::new();
        for segment in &self.path {
            let (first, after) = rest.split_once('/').unwrap_or((rest, ""));
            match segment {
                Segment::Text(text) if *text == decode(first) => {}
                Segment::Label(label) if !first.is_empty() => labels.push((label.as_str(), plus(first))),
                Segment::Rest(label) if !rest.is_empty() => {
                    labels.push((label.as_str(), plus(rest)));
                    return Some(labels);
                }
                _ => return None,
            }
            rest = after;
        }
        rest.is_empty().then_some(labels)
    }
}

/// A plus sign in a path is a plus sign.
fn plus(text: &str) -> String {
    decode(&text.replace('+', "%2B"))
}

impl Facts {
    /// The operation that a request asks for: of all that fit the one of which most is there.
    pub(crate) fn route(
        &self,
        method: &str,
        path: &str,
        query: &[(String, String)],
        headers: &HeaderMap,
    ) -> Option<Found<'_>> {
        let asked = |name: &str| query.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str());
        let fixed = |(name, wanted): &(String, Option<String>)| match (asked(name), wanted) {
            (Some(given), Some(wanted)) => given == wanted,
            (given, None) => given.is_some(),
            (None, Some(_)) => false,
        };
        let mut best = None;
        for (name, route) in self.routes.iter().filter(|(_, route)| route.method == method) {
            // Naming the operation (`x-id`) is no condition.
            if !route.query.iter().filter(|(name, _)| name != "x-id").all(fixed) {
                continue;
            }
            let Some(labels) = route.labels(path) else { continue };
            let texts = route.path.iter().filter(|segment| matches!(segment, Segment::Text(_))).count();
            let is_there = |name: &&String| asked(name).is_some() || headers.contains_key(name.as_str());
            let there = route.needs.iter().filter(is_there).count();
            let lacking = route.needs.len() - there;
            let rank = (texts, route.query.len(), there, usize::MAX - lacking, self.operations.contains_key(name));
            if best.as_ref().is_none_or(|(before, _)| rank > *before) {
                let fixed = route.query.iter().map(|(name, _)| name.as_str()).collect();
                best = Some((rank, Found { operation: name, labels, fixed }));
            }
        }
        best.map(|(_, found)| found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_all_routes_that_fit_the_most_exact_one_is_taken() {
        let facts = serde_json::json!({"operations": {}, "shapes": {}, "routes": {
            "List": ["GET", "/jobs"],
            "Describe": ["GET", "/jobs/{name}"],
            "Summary": ["GET", "/jobs/summary"],
            "File": ["GET", "/jobs/{name}/{path+}"],
            "Part": ["GET", "/jobs/{name}/{path+}", "part"],
            "Tags": ["GET", "/jobs/{name}?tags"],
            "Delete": ["DELETE", "/jobs/{name}?x-id=Delete"],
        }});
        let facts = Facts::read(&facts.to_string());
        let found = |method: &str, path: &str, query: &[&str]| {
            let query: Vec<_> = query.iter().map(|name| ((*name).to_owned(), String::new())).collect();
            let found = facts.route(method, path, &query, &HeaderMap::new())?;
            Some((found.operation.to_owned(), found.labels.into_iter().map(|(_, text)| text).collect::<Vec<_>>()))
        };
        let is =
            |name: &str, labels: &[&str]| Some((name.to_owned(), labels.iter().map(|&it| it.to_owned()).collect()));
        assert_eq!(found("GET", "/jobs", &[]), is("List", &[]));
        assert_eq!(found("GET", "/jobs/a%2Fb+c", &[]), is("Describe", &["a/b+c"]));
        assert_eq!(found("GET", "/jobs/summary", &[]), is("Summary", &[]));
        assert_eq!(found("GET", "/jobs/a/x/y", &[]), is("File", &["a", "x/y"]));
        assert_eq!(found("GET", "/jobs/a/x/y", &["part"]), is("Part", &["a", "x/y"]));
        assert_eq!(found("GET", "/jobs/a", &["tags"]), is("Tags", &["a"]));
        assert_eq!(found("DELETE", "/jobs/a", &[]), is("Delete", &["a"]));
        assert_eq!((found("PUT", "/jobs/a", &[]), found("GET", "/none", &[])), (None, None));
    }
}
