//! What SageMaker would refuse of a container, wherever it stands: each finding with the field under the container, what is
//! wrong, and what to write instead.
use super::fields::ModelData;
use crate::field::Field;
use std::collections::BTreeMap;

/// The field, what is wrong with it, and what to write instead.
pub(in crate::kinds) type Finding = (String, String, String);

/// Images that serve language models.
const LANGUAGE: [&str; 5] = ["vllm", "sglang", "djl-inference", "text-generation-inference", "-tgi-"];
/// Those that need a newer driver than AWS's default.
const NEW_DRIVER: [&str; 2] = ["vllm", "sglang"];

fn known(of: &BTreeMap<String, Field<String>>) -> impl Iterator<Item = (&String, &String)> {
    of.iter().filter_map(|(key, value)| Some((key, value.known()?)))
}

/// Is it larger than SageMaker takes?
pub(in crate::kinds) fn environment(of: &BTreeMap<String, Field<String>>) -> Option<Finding> {
    let long = known(of).any(|(key, value)| key.len() > 1024 || value.len() > 1024);
    let bytes: usize = known(of).map(|(key, value)| key.len() + value.len()).sum();
    (long || of.len() > 100 || bytes > 32 * 1024).then(|| {
        let summary = "the environment is larger than SageMaker takes";
        ("environment".into(), summary.into(), "put a file into the model's data instead".into())
    })
}

/// Entries that look like a secret.
pub(in crate::kinds) fn tokens(of: &BTreeMap<String, Field<String>>) -> Vec<Finding> {
    let is_token = |(key, value): &(&String, &String)| {
        let name = key.to_ascii_uppercase();
        let named = ["TOKEN", "SECRET", "PASSWORD", "API_KEY"].iter().any(|word| name.contains(word));
        // A number of tokens is none.
        let number = value.parse::<f64>().is_ok() || value.starts_with("arn:") || value.is_empty();
        named && !number || value.starts_with("hf_")
    };
    let told = |(key, _): (&String, &String)| {
        let summary = format!("`{key}` looks like a secret, and everybody who sees the model reads it");
        (format!("environment.{key}"), summary, "remove it: let the container read a secret by its role".to_owned())
    };
    known(of).filter(is_token).map(told).collect()
}

/// Is it a place of data?
pub(in crate::kinds) fn data(of: &ModelData) -> Option<Finding> {
    match (&of.prefix, &of.object) {
        (Some(_), Some(_)) | (None, None) => {
            Some((String::new(), "the data is a `prefix` or an `object`".into(), "write one of them".into()))
        }
        (Some(prefix), None) => {
            let prefix = prefix.known().filter(|prefix| !prefix.ends_with('/'))?;
            Some((".prefix".into(), "the prefix does not end with `/`".into(), format!("write `{prefix}/`")))
        }
        _ => None,
    }
}

fn is_among(words: &[&str], image: &Field<String>) -> bool {
    let image = image.known().map(|image| image.to_ascii_lowercase()).unwrap_or_default();
    words.iter().any(|word| image.contains(word))
}

/// Does it serve a language model, which loads longer than AWS waits where nothing is said?
pub(crate) fn loads_long(image: &Field<String>) -> bool {
    is_among(&LANGUAGE, image)
}

/// Does it end before it writes a line, with the driver that machines have where nothing is said?
pub(crate) fn needs_new_driver(image: &Field<String>) -> bool {
    is_among(&NEW_DRIVER, image)
}
