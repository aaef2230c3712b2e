//! Metrics Insights: one line out of all metrics of a namespace with certain dimensions.

use std::collections::BTreeMap;

/// `SELECT MAX(CPUUtilization) FROM SCHEMA("AWS/FSx", FileServer, FileSystemId) WHERE FileSystemId = 'fs-1'`.
#[derive(Debug, PartialEq)]
pub(super) struct Select {
    pub(super) statistic: &'static str,
    pub(super) metric: String,
    pub(super) namespace: String,
    /// Exactly these dimensions; without them, any.
    schema: Option<Vec<String>>,
    equal: Vec<(String, String)>,
}

const STATISTICS: [(&str, &str); 5] =
    [("AVG", "Average"), ("COUNT", "SampleCount"), ("MAX", "Maximum"), ("MIN", "Minimum"), ("SUM", "Sum")];

/// Is this a query of Metrics Insights?
pub(super) fn is_select(text: &str) -> bool {
    text.trim_start().get(..7).is_some_and(|word| word.eq_ignore_ascii_case("SELECT "))
}

/// Words, quoted texts and signs.
fn tokens(text: &str) -> Option<Vec<String>> {
    let (mut out, mut rest) = (Vec::new(), text.trim_start());
    while let Some(first) = rest.chars().next() {
        let end = match first {
            '"' | '\'' => rest[1..].find(first)? + 2,
            '(' | ')' | ',' | '=' => 1,
            _ => rest.find(|c: char| c.is_whitespace() || "(),=\"'".contains(c)).unwrap_or(rest.len()),
        };
        out.push(rest[..end].to_owned());
        rest = rest[end..].trim_start();
    }
    Some(out)
}

fn plain(token: &str) -> String {
    token.trim_matches(['"', '\'']).to_owned()
}

impl Select {
    /// Nothing for what cannot be read here: `GROUP BY` and comparisons other than `=` among it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let tokens = tokens(text)?;
        let mut rest = tokens.iter().map(String::as_str);
        let mut next = || rest.next();
        let is = |token: Option<&str>, word: &str| token.is_some_and(|token| token.eq_ignore_ascii_case(word));
        if !is(next(), "SELECT") {
            return None;
        }
        let function = next()?.to_ascii_uppercase();
        let statistic = STATISTICS.iter().find(|(word, _)| *word == function)?.1;
        let (open, metric, close) = (next()?, next()?, next()?);
        if (open, close) != ("(", ")") || !is(next(), "FROM") {
            return None;
        }
        let mut from = next()?;
        let schema = if from.eq_ignore_ascii_case("SCHEMA") {
            next().filter(|token| *token == "(")?;
            from = next()?;
            let mut dimensions = Vec::new();
            while next()? == "," {
                dimensions.push(plain(next()?));
            }
            dimensions.sort();
            Some(dimensions)
        } else {
            None
        };
        let mut equal = Vec::new();
        let mut word = next();
        while is(word, if equal.is_empty() { "WHERE" } else { "AND" }) {
            let (key, sign, value) = (next()?, next()?, next()?);
            (sign == "=").then(|| equal.push((plain(key), plain(value))))?;
            word = next();
        }
        let select = Self { statistic, metric: plain(metric), namespace: plain(from), schema, equal };
        word.is_none().then_some(select)
    }

    /// Does a metric with these dimensions count?
    pub(super) fn fits(&self, dimensions: &BTreeMap<&str, &str>) -> bool {
        self.schema.as_ref().is_none_or(|schema| schema.iter().eq(dimensions.keys()))
            && self.equal.iter().all(|(key, value)| dimensions.get(key.as_str()) == Some(&value.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_read() {
        let text =
            "SELECT MAX(CPUUtilization) FROM SCHEMA(\"AWS/FSx\", FileServer, FileSystemId) WHERE FileSystemId = 'fs-1'";
        let select = Select::parse(text).unwrap();
        assert_eq!((select.statistic, &*select.metric, &*select.namespace), ("Maximum", "CPUUtilization", "AWS/FSx"));
        let fits = |pairs: &[(&'static str, &'static str)]| select.fits(&pairs.iter().copied().collect());
        assert!(fits(&[("FileServer", "a"), ("FileSystemId", "fs-1")]));
        assert!(!fits(&[("FileServer", "a"), ("FileSystemId", "fs-2")]));
        assert!(!fits(&[("FileSystemId", "fs-1")]));
        assert!(Select::parse("SELECT AVG(x) FROM \"CWAgent\"").unwrap().fits(&BTreeMap::new()));
        assert_eq!(Select::parse("SELECT AVG(x) FROM \"CWAgent\" GROUP BY InstanceId"), None);
    }
}
