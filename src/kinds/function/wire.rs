//! A function as Lambda has it.
use super::{Architecture, Function, archive};
use crate::{
    address::Address,
    aws::{
        Error,
        json::rest::{Rest, segment},
        optional,
        tags::Tags,
    },
    call::SweepCtx,
    field::{Field, Ref},
    kinds::{
        hosting,
        named::{self, Named},
    },
    resource::{Live, State},
    spec,
    units::{Size, Span},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

pub(super) fn path(name: &str, below: &str) -> String {
    format!("/2015-03-31/functions/{}{below}", segment(name))
}

/// The archive of a source; nothing of what is no source.
pub(super) fn archive(of: &Function) -> Option<Vec<u8>> {
    let file = if of.runtime.starts_with("nodejs") { "index.mjs" } else { "index.py" };
    archive::of(file, of.source.as_ref()?.as_bytes(), false).ok()
}

/// The code, or where it lies.
pub(super) fn code(of: &Function) -> Result<Value, Error> {
    if let Some(zip) = archive(of) {
        return Ok(json!({ "ZipFile": STANDARD.encode(zip) }));
    }
    let code = of.code.as_ref().ok_or_else(|| Error::bug("a function without code".to_owned()))?;
    Ok(json!({ "S3Bucket": code.bucket.get()?, "S3Key": code.key.get()? }))
}

/// Everything but its name and its code.
pub(super) fn configuration(of: &Function, role: &str) -> Result<Value, Error> {
    let environment: Map<String, Value> =
        of.environment.iter().map(|(k, v)| Ok((k.clone(), json!(v.get()?)))).collect::<Result<_, Error>>()?;
    let mut out = json!({
        "Role": role, "Runtime": of.runtime, "Handler": of.handler, "MemorySize": mebibytes(of.memory),
        "Timeout": of.timeout.seconds(), "Description": of.description.clone().unwrap_or_default(),
        "Environment": { "Variables": environment },
    });
    if let Some(group) = &of.log_group {
        out["LoggingConfig"] = json!({ "LogGroup": group.id()? });
    }
    Ok(out)
}

/// Where Lambda writes what a function of this name says, unless it is told otherwise.
pub(super) fn own_group(name: &str) -> String {
    format!("/aws/lambda/{name}")
}

/// What Lambda calls the processors.
pub(super) fn architecture(of: Architecture) -> &'static str {
    match of {
        Architecture::X86 => "x86_64",
        Architecture::Arm => "arm64",
    }
}

/// Lambda counts memory in these, and calls them MB.
pub(super) fn mebibytes(size: Size) -> u64 {
    size.bytes() >> 20
}

/// As ListFunctions and GetFunction show it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::kinds) struct Found {
    function_name: String,
    function_arn: String,
    runtime: Option<String>,
    role: String,
    handler: Option<String>,
    #[serde(default)]
    description: String,
    timeout: u64,
    memory_size: u64,
    code_sha256: String,
    #[serde(default)]
    architectures: Vec<String>,
    environment: Option<Environment>,
    logging_config: Option<Logging>,
    state: Option<String>,
    state_reason: Option<String>,
    last_update_status: Option<String>,
    last_update_status_reason: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Environment {
    #[serde(default)]
    variables: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Logging {
    log_group: Option<String>,
}

impl Found {
    fn state(&self) -> State {
        let why = |reason: &Option<String>| reason.clone().unwrap_or_else(|| "AWS gives no reason".to_owned());
        match (self.state.as_deref(), self.last_update_status.as_deref()) {
            (Some("Failed"), _) => State::Failed(why(&self.state_reason)),
            (Some("Pending"), _) | (_, Some("InProgress")) => State::Pending,
            (_, Some("Failed")) => {
                State::Degraded(format!("its last update failed: {}", why(&self.last_update_status_reason)))
            }
            _ => State::Ready,
        }
    }

    /// In hexadecimal, as people compare it.
    fn sha256(&self) -> Result<String, Error> {
        let bytes = STANDARD.decode(&self.code_sha256).map_err(|_| Error::missing("the digest of a function"))?;
        Ok(spec::hex(&bytes))
    }

    fn spec(&self) -> Result<Function, Error> {
        let group = self.logging_config.as_ref().and_then(|logging| logging.log_group.clone());
        let variables = self.environment.clone().unwrap_or_default().variables;
        Ok(Function {
            name: Some(self.function_name.clone()),
            description: Some(self.description.clone()).filter(|text| !text.is_empty()),
            // Nobody tells where it came from.
            source: None,
            code: None,
            sha256: Some(Field::Known(self.sha256()?)),
            runtime: self.runtime.clone().unwrap_or_default(),
            handler: self.handler.clone(),
            architecture: match self.architectures.first().map(String::as_str) {
                Some("arm64") => Architecture::Arm,
                _ => Architecture::X86,
            },
            role: Ref::to_id(hosting::parts::name_in(&self.role)),
            log_group: group.map(Ref::to_id),
            memory: Size::from_bytes(self.memory_size << 20),
            timeout: Span::from_seconds(self.timeout),
            environment: variables.into_iter().map(|(key, value)| (key, Field::Known(value))).collect(),
        })
    }
}

impl Named for Function {
    type Found = Found;
    const WHAT: &'static str = "the function";

    fn legal(name: &str) -> bool {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        (1..=64).contains(&name.len()) && name.chars().all(plain)
    }

    fn name_in(id: &str) -> &str {
        id.rsplit(':').next().unwrap_or(id)
    }

    fn name(found: &Found) -> &str {
        &found.function_name
    }

    async fn list(ctx: &SweepCtx, prefix: &str) -> Result<Vec<Found>, Error> {
        let words = ["Functions", "NextMarker", "Marker"];
        let mut found: Vec<Found> =
            ctx.aws.lambda().rest_pages("ListFunctions", "/2015-03-31/functions", words).await?;
        // It has no filter.
        found.retain(|it| it.function_name.starts_with(prefix));
        Ok(found)
    }

    async fn get(ctx: &SweepCtx, name: &str) -> Result<Option<Found>, Error> {
        let found: Option<Value> = optional(ctx.aws.lambda().rest("GetFunction", Rest::get(path(name, ""))).await)?;
        let read = |mut found: Value| serde_json::from_value(found["Configuration"].take());
        found.map(read).transpose().map_err(|_| Error::missing("a function's configuration"))
    }

    async fn tags(ctx: &SweepCtx, found: &Found) -> Result<Option<Tags>, Error> {
        named::tags_by_arn::<Self>(ctx, &found.function_arn).await
    }

    /// A list does not say in which state a function is.
    async fn live(ctx: &SweepCtx, found: Found, at: Address, tags: Tags) -> Result<Option<Live<Self>>, Error> {
        let known = Some(found.clone()).filter(|found| found.state.is_some());
        let Some(found) = (match known {
            Some(found) => Some(found),
            None => Self::get(ctx, &found.function_name).await?,
        }) else {
            return Ok(None);
        };
        let mut live = named::live(at, &found.function_name, found.function_arn.clone(), tags, found.spec()?);
        live.state = found.state();
        Ok(Some(live))
    }
}
