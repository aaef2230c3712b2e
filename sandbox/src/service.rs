//! The table of services and operations, and how a request finds its handler.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde_json::{Map, Value};

use crate::call::Call;
use crate::client_token::Token;
use crate::error::ApiError;
use crate::faults::FaultAction;
use crate::model::Model;
use crate::regions;
use crate::store::{Due, ObjectKind, World};
use crate::throttle::{Rate, ec2_rate, rate};
use crate::wire::Protocol;
use crate::wire::cbor;
use crate::wire::form;
use crate::wire::params::{InputErrors, Params};
use crate::wire::reply::{Body, Reply};
use crate::wire::request::{Incoming, Signature};

/// One API action.
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    pub(crate) mutating: bool,
    pub(crate) handler: Handler,
}

/// How an operation is executed, and how answered when a request comes again with its client token.
pub(crate) enum Handler {
    /// A repeated request gets the first answer.
    Whole(Whole),
    /// Does something to one object and shows that: a repeated request is shown the object as it is by then.
    Shown(fn(&mut Call<'_>) -> Result<String, ApiError>, fn(&Call<'_>, &str) -> Option<Reply>),
}

type Whole = fn(&mut Call<'_>) -> Result<Reply, ApiError>;

/// An action that changes nothing.
pub(crate) const fn read(name: &'static str, handler: Whole) -> Operation {
    Operation { name, mutating: false, handler: Handler::Whole(handler) }
}

/// An action that changes the account.
pub(crate) const fn write(name: &'static str, handler: Whole) -> Operation {
    Operation { name, mutating: true, handler: Handler::Whole(handler) }
}

/// An action that makes or changes an object, whose id `make` gives, and that answers with what `show` shows of it.
pub(crate) const fn create(
    name: &'static str,
    make: fn(&mut Call<'_>) -> Result<String, ApiError>,
    show: fn(&Call<'_>, &str) -> Option<Reply>,
) -> Operation {
    Operation { name, mutating: true, handler: Handler::Shown(make, show) }
}

/// What a request of a REST protocol asks for.
pub(crate) struct Routed {
    pub(crate) operation: String,
    pub(crate) params: Map<String, Value>,
}

/// Reads a REST request.
pub(crate) type Route = fn(&Incoming) -> Result<Routed, ApiError>;

/// One AWS service.
pub(crate) struct Service {
    /// The signing name, by which requests are recognised.
    pub(crate) name: &'static str,
    pub(crate) protocol: Protocol,
    pub(crate) xmlns: Option<&'static str>,
    pub(crate) input: InputErrors,
    pub(crate) operations: &'static [&'static [Operation]],
    /// Every type of object that the service keeps.
    pub(crate) objects: fn() -> Vec<ObjectKind>,
    /// Brings an object whose timer has come due to its next state.
    pub(crate) settle: fn(&mut World, &Due),
    /// Reads operation and parameters from method, path and query (REST protocols only).
    pub(crate) route: Option<Route>,
    /// What AWS publishes of its operations; none = the service words its refusals by hand.
    pub(crate) model: Option<&'static Model>,
    /// What a page token that is none is refused with, where it is not as every other parameter is.
    pub(crate) no_page: Option<fn() -> ApiError>,
    /// What is said of a token that came with another request before.
    pub(crate) token_differs: fn() -> ApiError,
    /// How a resource that an ARN does not name is refused.
    pub(crate) no_resource: fn(&str) -> ApiError,
    /// What more tags than a resource can have are refused with.
    pub(crate) too_many_tags: fn() -> ApiError,
}

impl Service {
    /// A service with what most services have in common; the rest is stated with `..Service::new(…)`.
    pub(crate) const fn new(name: &'static str, protocol: Protocol, model: &'static Model) -> Self {
        Self {
            name,
            protocol,
            xmlns: None,
            input: InputErrors::both("ValidationException"),
            operations: &[],
            objects: Vec::new,
            settle: |_, _| {},
            route: None,
            model: Some(model),
            no_page: None,
            token_differs: || ApiError::bad("ConflictException", "The client token came with another request before."),
            no_resource: |_| ApiError::bad("ResourceNotFoundException", "The specified resource does not exist."),
            too_many_tags: || ApiError::bad("TooManyTagsException", "A resource has at most 50 tags."),
        }
    }

    /// The protocol of a request.
    pub(crate) fn spoken(&self, request: &Incoming) -> Protocol {
        let cbor = request.header("smithy-protocol") == Some("rpc-v2-cbor");
        if cbor && matches!(self.protocol, Protocol::AwsJson(_)) { Protocol::RpcV2Cbor } else { self.protocol }
    }

    /// Refuses who comes without a signature, or for a region that AWS does not have. S3 decides by bucket
    /// what anybody may do.
    pub(crate) fn admit(&self, request: &Incoming) -> Result<(), ApiError> {
        // STS has ways to get credentials for those who have none; which of them are here, its table says.
        let takes_nobody = self.protocol == Protocol::RestXml || self.name == "sts";
        if request.signature != Signature::V4 && !takes_nobody {
            return Err(unsigned(self.protocol));
        }
        let region = request.region.as_str();
        if regions::exists(region) {
            return Ok(());
        }
        let scope = "Credential should be scoped to a valid region.";
        Err(match self.protocol {
            Protocol::Ec2Query => {
                let message = "AWS was not able to validate the provided access credentials";
                ApiError::new(401, "AuthFailure", message)
            }
            Protocol::RestXml => {
                let message = format!(
                    "The authorization header is malformed; the region '{region}' is wrong; expecting 'us-east-1'"
                );
                ApiError::bad("AuthorizationHeaderMalformed", message).with("Region", "us-east-1")
            }
            Protocol::AwsQuery => ApiError::new(403, "SignatureDoesNotMatch", scope),
            _ => ApiError::bad("InvalidSignatureException", scope),
        })
    }

    /// The operation's name, as far as it is known, and the parameters.
    pub(crate) fn parse(&self, request: &Incoming) -> (String, Result<Params, ApiError>) {
        let unknown = |error| ("Unknown".to_owned(), Err(error));
        match self.spoken(request) {
            Protocol::RpcV2Cbor => {
                // /service/NAME/operation/NAME
                let action = request.path.rsplit('/').next().unwrap_or_default().to_owned();
                let body: &[u8] = if request.body.is_empty() { b"\xa0" } else { &request.body };
                let params = match cbor::decode(body) {
                    Ok(Value::Object(fields)) => Ok(Params::new(fields, self.input)),
                    Ok(_) => Err(ApiError::bad("SerializationException", "The body is not a CBOR map")),
                    Err(error) => Err(ApiError::bad("SerializationException", error)),
                };
                (action, params)
            }
            Protocol::Ec2Query | Protocol::AwsQuery => {
                let text = String::from_utf8_lossy(&request.body);
                let mut fields = form::tree(&text);
                for (name, value) in &request.query {
                    fields.entry(name.clone()).or_insert_with(|| Value::String(value.clone()));
                }
                fields.remove("Version");
                match fields.remove("Action") {
                    Some(Value::String(action)) => (action, Ok(Params::new(fields, self.input))),
                    _ => unknown(ApiError::bad("MissingAction", "The request must contain the parameter Action")),
                }
            }
            Protocol::AwsJson(_) => {
                let target = request.header("x-amz-target").unwrap_or_default();
                let action = target.rsplit('.').next().unwrap_or_default().to_owned();
                let body: &[u8] = if request.body.is_empty() { b"{}" } else { &request.body };
                let params = match serde_json::from_slice(body) {
                    Ok(Value::Object(fields)) => Ok(Params::new(fields, self.input)),
                    Ok(_) => Err(ApiError::bad("SerializationException", "The body is not a JSON object")),
                    Err(error) => Err(ApiError::bad("SerializationException", error.to_string())),
                };
                (action, params)
            }
            Protocol::RestJson | Protocol::RestXml => {
                let Some(route) = self.route else {
                    return unknown(ApiError::not_implemented(format!("{} requests", self.name)));
                };
                match route(request) {
                    Ok(routed) => (routed.operation, Ok(Params::new(routed.params, self.input))),
                    Err(error) => unknown(error),
                }
            }
        }
    }

    pub(crate) fn operation(&self, name: &str) -> Option<&'static Operation> {
        self.operations.iter().flat_map(|group| group.iter()).find(|operation| operation.name == name)
    }

    /// The rate bucket of an operation.
    pub(crate) fn rate(&self, operation: &Operation, params: &Params) -> Rate {
        match self.protocol {
            Protocol::Ec2Query => {
                const NARROWING: [&str; 6] =
                    ["Filter", "MaxResults", "InstanceId", "NetworkInterfaceId", "GroupId", "VolumeId"];
                let narrow = params.names().any(|name| NARROWING.contains(&name));
                ec2_rate(operation.name, operation.mutating, narrow)
            }
            // Not published either; known to be low.
            Protocol::AwsJson(_) if self.name == "ce" => rate(10.0, 2.0),
            // Their limits are not published; ample for a client that paces itself.
            Protocol::RestXml => rate(5000.0, 3500.0),
            _ => rate(50.0, 10.0),
        }
    }

    pub(crate) fn throttled(&self) -> fn() -> ApiError {
        match self.protocol {
            // Cost Explorer has a code of its own.
            Protocol::AwsJson(_) if self.name == "ce" => {
                || ApiError::bad("LimitExceededException", "You made too many calls in a short period of time")
            }
            Protocol::Ec2Query => || ApiError::new(503, "RequestLimitExceeded", "Request limit exceeded."),
            Protocol::AwsQuery => || ApiError::bad("Throttling", "Rate exceeded"),
            Protocol::RestXml => || ApiError::new(503, "SlowDown", "Please reduce your request rate."),
            Protocol::AwsJson(_) | Protocol::RestJson | Protocol::RpcV2Cbor => {
                || ApiError::bad("ThrottlingException", "Rate exceeded")
            }
        }
    }

    pub(crate) fn access_denied(&self, operation: &str) -> ApiError {
        match self.protocol {
            Protocol::Ec2Query => {
                ApiError::new(403, "UnauthorizedOperation", "You are not authorized to perform this operation.")
            }
            Protocol::RestXml => ApiError::new(403, "AccessDenied", "Access Denied"),
            Protocol::AwsQuery => ApiError::new(
                403,
                "AccessDenied",
                format!("User: sandbox is not authorized to perform: {}:{operation}", self.name),
            ),
            Protocol::AwsJson(_) | Protocol::RestJson | Protocol::RpcV2Cbor => ApiError::bad(
                "AccessDeniedException",
                format!("User: sandbox is not authorized to perform: {}:{operation}", self.name),
            ),
        }
    }

    pub(crate) fn expired_token(&self) -> ApiError {
        match self.protocol {
            Protocol::Ec2Query => ApiError::bad("RequestExpired", "Request has expired."),
            Protocol::RestXml => ApiError::bad("ExpiredToken", "The provided token has expired."),
            Protocol::AwsQuery => {
                ApiError::new(403, "ExpiredToken", "The security token included in the request is expired")
            }
            Protocol::AwsJson(_) | Protocol::RestJson | Protocol::RpcV2Cbor => {
                ApiError::bad("ExpiredTokenException", "The security token included in the request is expired")
            }
        }
    }

    /// The error that a fault rule answers with instead of executing.
    pub(crate) fn injected_before(&self, operation: &str, action: &FaultAction) -> Option<ApiError> {
        match action {
            FaultAction::ErrorBefore { code, status } => {
                Some(ApiError::new(*status, code.clone(), "Injected before execution"))
            }
            FaultAction::Throttle => Some((self.throttled())()),
            FaultAction::AccessDenied => Some(self.access_denied(operation)),
            FaultAction::ExpiredToken => Some(self.expired_token()),
            _ => None,
        }
    }

    /// How a dry run that would have succeeded is answered.
    pub(crate) fn dry_run() -> ApiError {
        ApiError::new(412, "DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
    }
}

/// Parameters that a handler asked for and `PARAMETERS` does not know.
fn lacking(name: &str, asked: &BTreeSet<String>) -> String {
    let known = PARAMETERS.get(name);
    // Every call of EC2 takes it, and no handler reads it.
    let lacks = |asked: &&String| *asked != "DryRun" && known.is_none_or(|known| !known.contains(asked.as_str()));
    asked.iter().filter(lacks).map(String::as_str).collect::<Vec<_>>().join(" ")
}

/// What a request without a signature is answered with.
pub(crate) fn unsigned(protocol: Protocol) -> ApiError {
    match protocol {
        Protocol::Ec2Query | Protocol::AwsQuery | Protocol::RestXml => {
            ApiError::new(403, "MissingAuthenticationToken", "Request is missing Authentication Token")
        }
        Protocol::AwsJson(_) | Protocol::RestJson | Protocol::RpcV2Cbor => {
            ApiError::bad("MissingAuthenticationTokenException", "Request is missing Authentication Token")
        }
    }
}

/// The parameters that each operation reads at the top of its requests, one operation a line.
///
/// Without it a parameter that is not simulated would be found out only if the handler got to its end: before that, a
/// form of the request that lacks what the handler wants would be answered with an error that AWS does not give.
static PARAMETERS: LazyLock<BTreeMap<&'static str, BTreeSet<&'static str>>> = LazyLock::new(|| {
    let lines = include_str!("../data/parameters.txt").lines();
    let line = |line: &'static str| {
        let (operation, names) = line.split_once(' ').unwrap_or((line, ""));
        (operation, names.split_whitespace().collect())
    };
    lines.map(line).collect()
});

/// Refuses parameters that an operation never reads.
fn check_parameters(name: &str, params: &Params) -> Result<(), ApiError> {
    let Some(known) = PARAMETERS.get(name) else { return Ok(()) };
    let strange = params.besides(known);
    if strange.is_empty() {
        return Ok(());
    }
    Err(ApiError::not_implemented(format!("{name} with {}", strange.join(", "))))
}

/// Runs a handler, unless the request came before with the same client token.
fn answer(operation: &Operation, call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let facts = call.model().filter(|_| operation.mutating);
    let token = facts.and_then(|model| model.token(operation.name)).map(|name| Token::take(call, operation.name, name));
    let token = token.transpose()?;
    let earlier = token.as_ref().map(|token| token.earlier(call, call.service.token_differs)).transpose()?.flatten();
    let again = earlier.and_then(|kept| match &operation.handler {
        Handler::Whole(_) => serde_json::from_str(&kept).ok().map(Reply::json),
        Handler::Shown(_, show) => show(call, &kept),
    });
    if let Some(again) = again {
        // What was understood the first time.
        drop(call.params.rest());
        return Ok(again);
    }
    let (reply, kept) = match &operation.handler {
        Handler::Whole(handler) => {
            let reply = handler(call)?;
            let kept = match &reply.body {
                Body::Json(value) => value.to_string(),
                _ => String::new(),
            };
            (reply, kept)
        }
        Handler::Shown(make, show) => {
            let id = make(call)?;
            let shown = show(call, &id);
            (shown.ok_or_else(|| ApiError::new(500, "InternalFailure", format!("{id} is not there")))?, id)
        }
    };
    if let Some(token) = token {
        token.remember(call, &kept);
    }
    Ok(reply)
}

/// Runs a handler as one transaction: nothing stays of it on an error, a dry run or an unread parameter.
pub(crate) fn execute(service: &Service, operation: &Operation, mut call: Call<'_>) -> Result<Reply, ApiError> {
    let checkpoint = call.world.checkpoint();
    let unread = call.params.unread();
    let dry_run = match service.protocol {
        Protocol::Ec2Query => call.params.flag("DryRun")?,
        _ => false,
    };
    if let Some(model) = service.model {
        model.check(operation.name, call.params.fields(), service.input.invalid)?;
    }
    let name = format!("{}:{}", service.name, operation.name);
    check_parameters(&name, &call.params)?;
    let asked = call.params.asked();
    let mut result = answer(operation, &mut call);
    debug_assert_eq!(stranger(service, operation, &result), None, "a member that AWS's reply does not have");
    debug_assert_eq!(lacking(&name, &asked.borrow()), "", "data/parameters.txt lacks parameters of {name}");
    let Call { world, params, .. } = call;
    drop(params);
    let unread = unread.take();
    if result.is_ok() && !unread.is_empty() {
        let names = unread.join(", ");
        result = Err(ApiError::not_implemented(format!("{name} with {names}")));
    }
    if result.is_ok() && dry_run {
        result = Err(Service::dry_run());
    }
    if result.is_err() {
        world.roll_back(checkpoint);
    }
    result
}

/// The first member of a reply that AWS's model does not have.
fn stranger(service: &Service, operation: &Operation, result: &Result<Reply, ApiError>) -> Option<String> {
    match (service.model, result) {
        (Some(model), Ok(Reply { body: Body::Json(value), .. })) => model.stranger(operation.name, value),
        _ => None,
    }
}
