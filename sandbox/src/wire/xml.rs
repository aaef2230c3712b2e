//! XML: a small tree to write replies from, and a reader for request bodies.

use std::borrow::Cow;
use std::fmt::Write as _;

use jiff::Timestamp;
use quick_xml::events::Event;
use serde_json::{Map, Value};

use crate::model::{Cursor, Kind};

/// The content of an element.
#[derive(Debug, Clone, Default)]
pub(crate) struct Xml(Vec<(Cow<'static, str>, Content)>);

#[derive(Debug, Clone)]
enum Content {
    Text(String),
    Tree(Xml),
}

impl Xml {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds `<name>value</name>`.
    #[must_use]
    // By value, so that numbers, times and addresses can be given as they are.
    #[allow(clippy::needless_pass_by_value)]
    pub(crate) fn text(mut self, name: impl Into<Cow<'static, str>>, value: impl ToString) -> Self {
        self.0.push((name.into(), Content::Text(value.to_string())));
        self
    }

    /// Adds `<name>value</name>` unless there is no value.
    #[must_use]
    pub(crate) fn text_opt(self, name: impl Into<Cow<'static, str>>, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.text(name, value),
            None => self,
        }
    }

    #[must_use]
    pub(crate) fn child(mut self, name: impl Into<Cow<'static, str>>, child: Xml) -> Self {
        self.0.push((name.into(), Content::Tree(child)));
        self
    }

    #[must_use]
    pub(crate) fn child_opt(self, name: impl Into<Cow<'static, str>>, child: Option<Xml>) -> Self {
        match child {
            Some(child) => self.child(name, child),
            None => self,
        }
    }

    /// Adds `<name><item>…</item>…</name>`; an empty list is an empty element. The query protocol says `member`.
    #[must_use]
    pub(crate) fn list(
        self,
        name: impl Into<Cow<'static, str>>,
        item: &'static str,
        children: impl IntoIterator<Item = Xml>,
    ) -> Self {
        let inner = Xml(children.into_iter().map(|child| (Cow::Borrowed(item), Content::Tree(child))).collect());
        self.child(name, inner)
    }

    /// As `list`, of plain texts.
    #[must_use]
    pub(crate) fn texts(
        self,
        name: impl Into<Cow<'static, str>>,
        item: &'static str,
        values: impl IntoIterator<Item = impl ToString>,
    ) -> Self {
        let inner =
            Xml(values.into_iter().map(|value| (Cow::Borrowed(item), Content::Text(value.to_string()))).collect());
        self.child(name, inner)
    }

    /// Adds all elements of another tree.
    #[must_use]
    pub(crate) fn extend(mut self, other: Xml) -> Self {
        self.0.extend(other.0);
        self
    }

    /// A JSON reply of a service that answers in XML.
    pub(crate) fn of(value: &Value, of: Cursor<'_>) -> Self {
        let mut xml = Self::new();
        let Value::Object(fields) = value else { return xml };
        for (name, value) in fields {
            let inner = of.member(name);
            xml.add(of.wire_name(name).to_owned(), value, inner);
        }
        xml
    }

    fn add(&mut self, name: String, value: &Value, of: Cursor<'_>) {
        let content = match (of.kind(), value) {
            (Kind::List, Value::Array(items)) if of.items().flat => {
                return items.iter().for_each(|item| self.add(name.clone(), item, of.inner()));
            }
            (Kind::List, Value::Array(items)) => {
                let mut list = Self::new();
                items.iter().for_each(|item| list.add(of.items().name.to_owned(), item, of.inner()));
                Content::Tree(list)
            }
            (Kind::Map, Value::Object(map)) => {
                let mut entries = Self::new();
                for (key, value) in map {
                    let mut entry = Self::new().text("key", key);
                    entry.add("value".to_owned(), value, of.inner());
                    entries = entries.child("entry", entry);
                }
                Content::Tree(entries)
            }
            (Kind::Timestamp, Value::Number(number)) => {
                let at = Timestamp::from_millisecond((number.as_f64().unwrap_or_default() * 1000.0) as i64);
                Content::Text(at.unwrap_or_default().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string())
            }
            (_, Value::Object(_)) => Content::Tree(Self::of(value, of)),
            (_, Value::String(text)) => Content::Text(text.clone()),
            (_, other) => Content::Text(other.to_string()),
        };
        self.0.push((Cow::Owned(name), content));
    }

    /// The tree as `parse` reads it.
    pub(crate) fn value(&self) -> Value {
        let mut fields = Map::new();
        for (name, content) in &self.0 {
            let value = match content {
                Content::Text(text) => Value::String(text.clone()),
                Content::Tree(tree) => tree.value(),
            };
            add(&mut fields, name.split(' ').next().unwrap_or(name).to_owned(), value);
        }
        Value::Object(fields)
    }

    pub(crate) fn write(&self, out: &mut String) {
        for (name, content) in &self.0 {
            let _ = write!(out, "<{name}>");
            match content {
                Content::Text(text) => escape(text, out),
                Content::Tree(tree) => tree.write(out),
            }
            // An attribute (S3's xsi:type) belongs to the opening tag only.
            let bare = name.split(' ').next().unwrap_or(name);
            let _ = write!(out, "</{bare}>");
        }
    }

    /// The document with this one root element, which may carry an attribute.
    pub(crate) fn document(&self, root: &str, xmlns: Option<&str>) -> String {
        let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        match xmlns {
            Some(xmlns) => {
                let _ = write!(out, "<{root} xmlns=\"{xmlns}\">");
            }
            None => {
                let _ = write!(out, "<{root}>");
            }
        }
        self.write(&mut out);
        let _ = write!(out, "</{root}>");
        out
    }
}

fn escape(text: &str, out: &mut String) {
    for ch in text.chars() {
        match ch {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // Escaped so that a parser's line-end normalisation does not change values.
            '\r' => out.push_str("&#13;"),
            other => out.push(other),
        }
    }
}

/// Reads a document: an element is an object of its children (repeated names become arrays) or a string.
/// Returns the name of the root element and its content.
pub(crate) fn parse(text: &str) -> Result<(String, Value), String> {
    let mut reader = quick_xml::Reader::from_str(text);
    let mut stack: Vec<(String, Map<String, Value>, String)> = Vec::new();
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(start) => {
                let name = start.local_name().as_ref().to_owned();
                stack.push((name, Map::new(), String::new()));
            }
            Event::Empty(start) => {
                let name = start.local_name().as_ref().to_owned();
                match stack.last_mut() {
                    Some((_, fields, _)) => add(fields, name, Value::String(String::new())),
                    None => return Ok((name, Value::Object(Map::new()))),
                }
            }
            Event::Text(part) => {
                if let Some((_, _, text)) = stack.last_mut() {
                    text.push_str(&part.xml10_content());
                }
            }
            Event::CData(part) => {
                if let Some((_, _, text)) = stack.last_mut() {
                    text.push_str(&part.xml10_content());
                }
            }
            Event::GeneralRef(entity) => {
                if let Some((_, _, text)) = stack.last_mut() {
                    match entity.resolve_char_ref().map_err(|error| error.to_string())? {
                        Some(ch) => text.push(ch),
                        None => {
                            let name = entity.xml10_content();
                            match quick_xml::escape::resolve_predefined_entity(&name) {
                                Some(value) => text.push_str(value),
                                None => return Err(format!("unknown entity &{name};")),
                            }
                        }
                    }
                }
            }
            Event::End(_) => {
                let Some((name, fields, text)) = stack.pop() else {
                    return Err("unbalanced end tag".to_owned());
                };
                let value = if fields.is_empty() { Value::String(text) } else { Value::Object(fields) };
                match stack.last_mut() {
                    Some((_, parent, _)) => add(parent, name, value),
                    None => return Ok((name, value)),
                }
            }
            Event::Eof => return Err("the document ends early".to_owned()),
            _ => {}
        }
    }
}

fn add(fields: &mut Map<String, Value>, name: String, value: Value) {
    match fields.get_mut(&name) {
        None => {
            fields.insert(name, value);
        }
        Some(Value::Array(values)) => values.push(value),
        Some(single) => {
            let first = single.take();
            *single = Value::Array(vec![first, value]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writing_escapes_and_nests() {
        let xml = Xml::new().text("a", "x<&\">").list("set", "item", [Xml::new().text("b", 1)]);
        let document = xml.document("Root", Some("urn:x"));
        assert!(
            document
                .ends_with("<Root xmlns=\"urn:x\"><a>x&lt;&amp;&quot;&gt;</a><set><item><b>1</b></item></set></Root>")
        );
    }

    #[test]
    fn json_becomes_xml_by_the_model_and_a_form_becomes_json() {
        let facts = serde_json::json!({"operations": {"Get": {"input": "All", "output": "All"}}, "shapes": {
            "All": {"type": "structure", "members": {
                "Names": "Texts", "Pairs": "Map", "At": "Time", "Rule": {"shape": "Flat", "name": "rule"}
            }},
            "Texts": {"type": "list", "member": "Text"}, "Flat": {"type": "list", "member": "Text", "flat": true},
            "Map": {"type": "map", "key": "Text", "value": "Text"}, "Text": {"type": "string"},
            "Time": {"type": "timestamp"}
        }});
        let facts = crate::model::Facts::read(&facts.to_string());
        let value = serde_json::json!({"Names": ["a", "b"], "Pairs": {"k": "v"}, "At": 1.5, "Rule": ["x", "y"]});
        let mut out = String::new();
        Xml::of(&value, facts.told("Get")).write(&mut out);
        let wanted = "<At>1970-01-01T00:00:01.500Z</At><Names><member>a</member><member>b</member></Names>\
                      <Pairs><entry><key>k</key><value>v</value></entry></Pairs><rule>x</rule><rule>y</rule>";
        assert_eq!(out, wanted);
        let form = "Names.member.2=b&Names.member.1=a&Pairs.entry.1.key=k&Pairs.entry.1.value=v&rule.1=x&rule.2=y&Z=1";
        let read = facts.asked("Get").canonical(Value::Object(super::super::form::tree(form)));
        let wanted = serde_json::json!({"Names": ["a", "b"], "Pairs": {"k": "v"}, "Rule": ["x", "y"], "Z": "1"});
        assert_eq!(read, wanted);
    }

    #[test]
    fn reading_gives_back_structure() {
        let (root, value) = parse("<R xmlns='u'><T><K>a&amp;b</K></T><T><K>c</K></T><E/></R>").unwrap();
        assert_eq!(root, "R");
        assert_eq!(value, serde_json::json!({"T": [{"K": "a&b"}, {"K": "c"}], "E": ""}));
    }
}
