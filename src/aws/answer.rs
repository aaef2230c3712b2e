//! From the SDK's errors to ours: what AWS answered, what something else answered in its place, or that nobody did.
use super::{
    Error, ErrorClass,
    class::{Answer, advice::advice},
    operation::{Operation, Refusal},
};
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// So much of an answer that is not AWS's is shown.
const SHOWN: usize = 200;

impl<E> From<SdkError<E, HttpResponse>> for Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        // A request that was answered carries its name; one that never left is named by the type of its error.
        let sent = error.raw_response().and_then(|r| r.extension::<Operation>());
        let operation = sent.cloned().unwrap_or_else(|| Operation::of_error(std::any::type_name::<E>()));
        told(&error, operation.as_str())
    }
}

/// What became of a request of this name.
pub(super) fn told<E>(error: &SdkError<E, HttpResponse>, operation: &str) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let mut out = match (error, error.raw_response()) {
        (SdkError::ServiceError(service), Some(raw)) => {
            let (meta, status) = (service.err().meta(), raw.status().as_u16());
            let code = meta.code().unwrap_or("");
            if code.is_empty() && !is_of_aws(raw) {
                strange(raw, None)
            } else {
                let message = meta.message().unwrap_or("");
                let class = Answer { operation, status, code, message }.class();
                let mut out = Error::new(class, message);
                if message.is_empty() {
                    out.message = format!("AWS gave no reason (HTTP {status})");
                }
                out.code = (!code.is_empty()).then(|| code.to_owned());
                out.request_id = meta.extra("aws_request_id").map(str::to_owned);
                out
            }
        }
        (SdkError::ResponseError(_), Some(raw)) => strange(raw, Some(&chain(error))),
        _ => unanswered(error),
    };
    out.operation = Some(operation.to_owned());
    if out.help.is_none() {
        out.help = advice(&out);
    }
    out
}

impl Error {
    /// What an answer says of one of several things that were asked for, although all of it counts as a success.
    pub fn inside(operation: &str, code: &str, message: &str) -> Self {
        let class = Answer { operation, status: 400, code, message }.class();
        let mut out = Self::new(class, message);
        (out.code, out.operation) = (Some(code.to_owned()), Some(operation.to_owned()));
        out.help = advice(&out);
        out
    }
}

/// Does an error without a code come from AWS? Answers to HEAD have no body, but they have an id.
fn is_of_aws(raw: &HttpResponse) -> bool {
    ["x-amzn-requestid", "x-amz-request-id", "x-amz-id-2"].iter().any(|id| raw.headers().contains_key(id))
        && raw.body().bytes().is_none_or(<[u8]>::is_empty)
}

/// An answer that AWS would not give: a proxy's, a login page, another program at this address. Nobody knows what
/// became of the request, unless it was turned away.
fn strange(raw: &HttpResponse, why: Option<&str>) -> Error {
    let status = raw.status().as_u16();
    let class = if (400..500).contains(&status) && status != 408 { ErrorClass::Other } else { ErrorClass::Ambiguous };
    let body = raw.body().bytes().map(begin).unwrap_or_default();
    let body = if body.is_empty() { "nothing".to_owned() } else { format!("`{body}`") };
    let why = why.map(|w| format!(" ({w})")).unwrap_or_default();
    Error::new(class, format!("the answer did not come from AWS: HTTP {status}, {body}{why}"))
        .help("check what is between this machine and AWS: a proxy, `--endpoint-url`, AWS_ENDPOINT_URL")
}

/// The beginning of a body, on one line and without what a terminal would obey.
fn begin(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(8 * SHOWN)]).into_owned();
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = clean.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut short: String = line.chars().take(SHOWN).collect();
    if short.len() < line.len() {
        short.push('…');
    }
    short
}

/// A failure without an answer: did the request leave this machine?
fn unanswered<E>(error: &SdkError<E, HttpResponse>) -> Error
where
    E: std::error::Error + Send + Sync + 'static,
{
    // Our own gate has its own words.
    if let Some(refusal) = find::<Refusal>(error) {
        return Error::new(ErrorClass::Stopped, refusal.0.clone());
    }
    let text = chain(error);
    let has = |words: &[&str]| words.iter().any(|w| text.contains(w));
    let class = match error {
        _ if has(&["credential", "Credential", "SSO", "profile"]) => ErrorClass::Credentials,
        SdkError::ConstructionFailure(_) => ErrorClass::Invalid,
        SdkError::DispatchFailure(d) if d.is_user() => ErrorClass::Invalid,
        SdkError::DispatchFailure(_)
            if has(&[
                "onnection refused",
                "dns error",
                "failed to lookup",
                "unreachable",
                "tcp connect",
                "ConnectorError { kind: Io, source: hyper_util::client::legacy::Error(Connect",
            ]) =>
        {
            ErrorClass::Unreachable
        }
        _ => ErrorClass::Ambiguous,
    };
    Error::new(class, if class == ErrorClass::Credentials { credentials(&text) } else { text })
}

/// The SDK reports every place where it looked for credentials, on a line each; people need to know that none had any,
/// or the one thing that went wrong. The last place is the role of an instance: off EC2 its silence says nothing.
fn credentials(text: &str) -> String {
    let none = [
        "no credentials found in chain",
        "no providers in chain provided credentials",
        "failed to load IMDS session token",
        "169.254.169.254",
    ];
    if none.iter().any(|n| text.contains(n)) || text.contains("IMDS") {
        return "there are no credentials: neither in the environment nor in a profile, and no role of a container or \
                an instance"
            .to_owned();
    }
    if text.contains("the credential provider was not enabled") {
        return "the profile does not exist, or has no credentials".to_owned();
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The error of this type among the reasons of another.
fn find<'a, T: std::error::Error + 'static>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(inner) = next {
        if let Some(found) = inner.downcast_ref() {
            return Some(found);
        }
        next = inner.source();
    }
    None
}

fn chain(error: &dyn std::error::Error) -> String {
    let (mut text, mut next) = (String::new(), error.source());
    while let Some(inner) = next {
        let line = inner.to_string();
        next = inner.source();
        // The SDK's names for kinds of errors say nothing beside the reason.
        if next.is_some() && ["user error", "io error", "other", "unhandled error"].contains(&line.as_str()) {
            continue;
        }
        if !text.ends_with(&line) {
            text.push_str(if text.is_empty() { "" } else { ": " });
            text.push_str(&line);
        }
    }
    if text.is_empty() { error.to_string() } else { text }
}

#[cfg(test)]
mod tests {
    use super::begin;

    #[test]
    fn strange_bodies_are_cut_and_cleaned() {
        assert_eq!(begin(b"<html>\r\n\x1b[31m  <b>Sign in\x07</b>\xc2\x9b2J"), "<html> [31m <b>Sign in </b> 2J");
        let long = begin("ä".repeat(1000).as_bytes());
        assert_eq!((long.chars().count(), long.chars().last()), (201, Some('…')));
    }
}
