//! What Lambda would refuse of a function.
use super::{Function, wire};
use crate::{
    diagnostic::codes,
    kinds::{hosting, named::Named},
    resource::Problem,
};

codes! {
    pub(super) CODES:
    NAME = "DL1901", "Not a legal name of a function",
        "A function's name has 1 to 64 of the characters a-z, A-Z, 0-9, `-` and `_`.";
    LIMIT = "DL1902", "A limit of a function that Lambda does not take",
        "A function has 128 MiB to 10240 MiB of memory, in whole MiB, and a call of it takes 1 second to 15 minutes. What takes longer belongs on a machine.";
    DIGEST = "DL1903", "Not a SHA-256",
        "The digest of the archive has 64 hexadecimal digits, as `sha256sum code.zip` prints them. By it dlinfra knows whether the code has changed.";
    ENVIRONMENT = "DL1904", "An environment that Lambda does not take",
        "The variables of a function have at most 4 KiB together; their names begin with a letter and have letters, digits and `_`. Names such as `AWS_REGION` and `LAMBDA_TASK_ROOT` are Lambda's own.";
    TOKEN = "DL1905", "A secret in the environment of a function",
        "Whoever may look at a function reads its environment. Let the function read a secret by its role.";
    CODE = "DL1907", "No code, or too much of it",
        "The code of a function is a short `source` in Python or Node.js, which stands in the blueprint, or an archive in a bucket: `code` says where it lies, and `sha256` what is in it.";
    RUNTIME = "DL1906", "Not a runtime of Lambda",
        "A runtime is called after its language and version: `python3.13`, `nodejs22.x`, `java21`, `ruby3.4`, `dotnet8`; a program of your own runs on `provided.al2023`.";
}

/// Names that Lambda sets itself
/// (https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime).
const RESERVED: [&str; 19] = [
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_METADATA_API",
    "AWS_LAMBDA_METADATA_TOKEN",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_TASK_ROOT",
];
const FAMILIES: [&str; 7] = ["python", "nodejs", "java", "ruby", "dotnet", "go", "provided"];

pub(super) fn check(of: &Function, problems: &mut Vec<Problem>) {
    let mut add = |code, path: &str, summary: String, help: &str| {
        problems.push(Problem { code, path: path.to_owned(), summary, help: help.to_owned() });
    };
    if let Some(name) = of.name.as_deref().filter(|name| !Function::legal(name)) {
        add(&NAME, "name", format!("`{name}` is not a legal name of a function"), "write for example `retrain`");
    }
    if !(128..=10240).contains(&wire::mebibytes(of.memory)) || !of.memory.bytes().is_multiple_of(1 << 20) {
        let summary = format!("a function cannot have {} of memory", of.memory);
        add(&LIMIT, "memory", summary, "write 128 MiB to 10240 MiB, whole");
    }
    if !(1..=900).contains(&of.timeout.seconds()) {
        let summary = format!("a call cannot take {}", of.timeout);
        add(&LIMIT, "timeout", summary, "write 1s to 15m");
    }
    let hex = |text: &&String| text.len() == 64 && text.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
    let help = "write `source`, or `code` with `sha256`";
    match (&of.source, &of.code) {
        (Some(_), Some(_)) => add(&CODE, "code", "a function has one code, and here are two".to_owned(), help),
        (None, None) => add(&CODE, "", "the function has no code".to_owned(), help),
        (None, Some(_)) if of.sha256.is_none() => {
            add(&CODE, "code", "nothing tells whether the code has changed".to_owned(), help);
        }
        (Some(_), None) if !["python", "nodejs"].iter().any(|family| of.runtime.starts_with(family)) => {
            let summary = format!("`source` cannot be run by `{}`", of.runtime);
            add(&CODE, "source", summary, "it is Python or Node.js; what is compiled comes as an archive in a bucket");
        }
        _ => {}
    }
    if let Some(text) = of.sha256.as_ref().and_then(|field| field.known()).filter(|text| !hex(text)) {
        let summary = format!("`{text}` is not a SHA-256 in hexadecimal");
        add(&DIGEST, "sha256", summary, "write what `sha256sum code.zip` prints: 64 digits, small letters");
    }
    if !FAMILIES.iter().any(|family| of.runtime.starts_with(family)) {
        let summary = format!("Lambda has no runtime `{}`", of.runtime);
        add(&RUNTIME, "runtime", summary, "write for example `python3.13`, or `provided.al2023` for a program");
    }
    let bytes: usize = of.environment.iter().filter_map(|(k, v)| Some(k.len() + v.known()?.len())).sum();
    if bytes > 4096 {
        let summary = "the environment is larger than Lambda takes".to_owned();
        add(&ENVIRONMENT, "environment", summary, "at most 4 KiB: put a file into the archive instead");
    }
    let plain = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    for name in of.environment.keys().filter(|name| !plain(name) || RESERVED.contains(&name.as_str())) {
        let summary = format!("a function cannot have the variable `{name}`");
        add(&ENVIRONMENT, &format!("environment.{name}"), summary, "choose another name");
    }
    for (path, _, help) in hosting::check::tokens(&of.environment) {
        let name = path.strip_prefix("environment.").unwrap_or(&path);
        let summary = format!("`{name}` looks like a secret, and everybody who sees the function reads it");
        add(&TOKEN, &path, summary, &help.replace("the container", "the function"));
    }
}
