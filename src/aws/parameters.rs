//! Public parameters of Systems Manager: what names of machine images stand for now.
use super::{Aws, Error};
use serde::Deserialize;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// A parameter, as Systems Manager returns it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parameter {
    name: String,
    value: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Several {
    #[serde(default)]
    parameters: Vec<Parameter>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct One {
    parameter: Parameter,
}

/// GetParameters takes so many names.
const AT_ONCE: usize = 10;

impl Aws {
    /// The values of those of these parameters that exist; ten a request.
    ///
    /// # Errors
    /// As of any call; a parameter that does not exist is none.
    pub async fn parameters(&self, names: &BTreeSet<String>) -> Result<BTreeMap<String, String>, Error> {
        let names: Vec<&String> = names.iter().collect();
        let mut out = BTreeMap::new();
        for some in names.chunks(AT_ONCE) {
            let answer: Several = self.ssm().call("GetParameters", &json!({ "Names": some })).await?;
            out.extend(answer.parameters.into_iter().map(|p| (p.name, p.value)));
        }
        Ok(out)
    }

    /// The value of a parameter.
    ///
    /// # Errors
    /// As of any call; one that does not exist is not found.
    pub async fn parameter(&self, name: &str) -> Result<String, Error> {
        let answer: One = self.ssm().call("GetParameter", &json!({ "Name": name })).await?;
        Ok(answer.parameter.value)
    }
}
