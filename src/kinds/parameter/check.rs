//! What Parameter Store would refuse of a parameter, and secrets that a blueprint must not hold.
use super::{DataType, Parameter, ParameterType, Tier};
use crate::{diagnostic::codes, kinds::named::Named, resource::Problem};

codes! {
    pub(super) CODES:
    NAME = "DL2701", "Not a legal name of a parameter",
        "A parameter's name has the characters a-z, A-Z, 0-9, `_`, `-`, `.` and `/`. With `/` it starts with one and has up to \
         15 words behind them. Together with the rest of its ARN it has up to 1011 characters.";
    RESERVED = "DL2702", "A name that is AWS's own",
        "Names that start with `aws` or `ssm`, with or without a `/` before it and whether in small or capital letters, are \
         for AWS's own parameters.";
    SECRET = "DL2703", "A secret parameter with its value in a blueprint",
        "A `SecureString` is there to hold a secret, and a value that stands in a blueprint is none: it is in the repository, \
         in plans and in the journal. The kind `secret` makes a place in Secrets Manager that a person or a machine fills.";
    VALUE = "DL2704", "A value that Parameter Store does not take",
        "A value has 1 byte to 4 KB, or 8 KB in the tier `advanced`, and does not refer to other parameters by `{{…}}`.";
    IMAGE = "DL2705", "Not the id of a machine image",
        "A parameter of the data type `aws:ec2:image` is a `string` with the id of an image, `ami-` and 8 or 17 hexadecimal \
         digits. AWS answers that it has taken any other value, and drops it.";
    TEXT = "DL2706", "A text that is too long",
        "A description and an allowed pattern have up to 1024 characters.";
}

/// Bytes of a value, by tier; characters of a description and of a pattern (AWS's model of PutParameter).
const STANDARD: usize = 4096;
const ADVANCED: usize = 8192;
const LONGEST: usize = 1024;

pub(super) fn check(parameter: &Parameter, problems: &mut Vec<Problem>) {
    let mut add = |code, path: &str, summary: String, help: &str| {
        problems.push(Problem { code, path: path.to_owned(), summary, help: help.to_owned() });
    };
    if let Some(name) = &parameter.name {
        if is_reserved(name) {
            let help = "let the name start with another word: `/train/…`";
            add(&RESERVED, "name", format!("`{name}` is a name of AWS's own"), help);
        } else if !Parameter::legal(name) {
            let summary = format!("`{name}` is not a legal name of a parameter");
            add(&NAME, "name", summary, "write for example `/train/learning-rate`");
        }
    }
    if parameter.r#type == ParameterType::SecureString {
        let summary = "a value in a blueprint is no secret".to_owned();
        let help = "make a `secret` instead, which is filled outside of dlinfra, or leave `type` out if it is none";
        add(&SECRET, "type", summary, help);
    }
    if let Some(value) = parameter.value.known() {
        // What cannot be right in two ways is said once.
        if parameter.data_type == DataType::Image && !(is_image(value) && parameter.r#type == ParameterType::String) {
            let summary = "a parameter of images that has no id of one".to_owned();
            add(&IMAGE, "value", summary, "write `ami-…`, and leave `type` out");
        } else if let Some((summary, help)) = refused(value, parameter.tier) {
            add(&VALUE, "value", summary, help);
        }
    }
    for (path, text) in [("description", &parameter.description), ("allowed_pattern", &parameter.allowed_pattern)] {
        let length = text.as_ref().map_or(0, |text| text.chars().count());
        if length > LONGEST {
            let summary = format!("{length} characters; AWS takes {LONGEST}");
            add(&TEXT, path, summary, "write fewer");
        }
    }
}

fn is_reserved(name: &str) -> bool {
    let first = name.trim_start_matches('/').to_ascii_lowercase();
    first.starts_with("aws") || first.starts_with("ssm")
}

fn is_image(value: &str) -> bool {
    let digits = value.strip_prefix("ami-").unwrap_or_default();
    [8, 17].contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn refused(value: &str, tier: Tier) -> Option<(String, &'static str)> {
    let most = if tier == Tier::Advanced { ADVANCED } else { STANDARD };
    if value.is_empty() {
        return Some(("an empty value".to_owned(), "write at least one character"));
    }
    if value.len() > most {
        let help = if value.len() > ADVANCED { "keep it in a bucket" } else { "write `tier: advanced`" };
        return Some((format!("a value of {} bytes; this tier takes {most}", value.len()), help));
    }
    let refers = value.split_once("{{").is_some_and(|(_, rest)| rest.contains("}}"));
    refers.then(|| ("a value that refers to another parameter".to_owned(), "write the value itself, without `{{…}}`"))
}
