//! The table of services and operations, and how a request finds its handler.

use serde_json::{Map, Value};

use crate::call::Call;
use crate::error::ApiError;
use crate::faults::FaultAction;
use crate::model::{Facts, Model};
use crate::regions;
use crate::store::{Due, ObjectKind, World};
use crate::throttle::{Rate, ec2_rate, rate};
use crate::wire::Protocol;
use crate::wire::cbor;
use crate::wire::form;
use crate::wire::params::{InputErrors, Params};
use crate::wire::reply::Reply;
use crate::wire::request::{Incoming, Signature};
use crate::wire::rest;

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
pub(crate) type Route = fn(&Facts, &Incoming) -> Result<Routed, ApiError>;

/// An operation that was found, and the parameters that it is asked for with.
pub(crate) type Found = Result<(&'static Operation, Map<String, Value>), ApiError>;

/// The operation that a request asks for: its name as far as it is known, itself and its parameters if it is.
pub(crate) struct Parsed {
    pub(crate) name: String,
    pub(crate) found: Found,
}

/// One AWS service.
pub(crate) struct Service {
    /// The signing name, by which requests are recognised.
    pub(crate) name: &'static str,
    /// What the paths of its requests begin with, where another service has the same name in signatures.
    pub(crate) under: &'static str,
    /// Its name in policies and in most ARNs, and so in everything that people read here.
    pub(crate) prefix: &'static str,
    pub(crate) protocol: Protocol,
    pub(crate) xmlns: Option<&'static str>,
    pub(crate) input: InputErrors,
    pub(crate) operations: &'static [&'static [Operation]],
    /// Every type of object that the service keeps.
    pub(crate) objects: fn() -> Vec<ObjectKind>,
    /// Brings an object whose timer has come due to its next state.
    pub(crate) settle: fn(&mut World, &Due),
    /// Reads operation and parameters from method, path and query (XML over REST only; JSON goes by the model).
    pub(crate) route: Option<Route>,
    /// What AWS publishes of its operations.
    pub(crate) model: &'static Model,
    /// Types whose values the operations refuse in words of their own (EC2, S3).
    pub(crate) worded: &'static [&'static str],
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
            under: "",
            prefix: name,
            protocol,
            xmlns: None,
            input: InputErrors::both("ValidationException"),
            operations: &[],
            objects: Vec::new,
            settle: |_, _| {},
            route: None,
            model,
            worded: &[],
            no_page: None,
            token_differs: || ApiError::bad("ConflictException", "The client token came with another request before."),
            no_resource: |_| ApiError::bad("ResourceNotFoundException", "The specified resource does not exist."),
            too_many_tags: || ApiError::bad("TooManyTagsException", "A resource has at most 50 tags."),
        }
    }

    /// The protocol of a request: clients of most services have the choice.
    pub(crate) fn spoken(&self, request: &Incoming) -> Protocol {
        let is_rest = matches!(self.protocol, Protocol::RestJson | Protocol::RestXml | Protocol::Ec2Query);
        if !is_rest && request.header("smithy-protocol") == Some("rpc-v2-cbor") {
            return Protocol::RpcV2Cbor;
        }
        match self.protocol {
            Protocol::RpcV2Cbor if request.header("x-amz-target").is_some() => Protocol::AwsJson("1.0"),
            Protocol::RpcV2Cbor => Protocol::AwsQuery,
            other => other,
        }
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
    pub(crate) fn parse(&self, request: &Incoming) -> Parsed {
        let (name, fields) = self.fields(request);
        let found = fields.and_then(|fields| match self.operation(&name) {
            Some(operation) => Ok((operation, fields)),
            None => Err(ApiError::not_implemented(format!("{}:{name}", self.prefix))),
        });
        Parsed { name, found }
    }

    fn fields(&self, request: &Incoming) -> (String, Result<Map<String, Value>, ApiError>) {
        let unknown = |error| ("Unknown".to_owned(), Err(error));
        let object = |read: Result<Value, String>, what: &str| match read {
            Ok(Value::Object(fields)) => Ok(fields),
            Ok(_) => Err(ApiError::bad("SerializationException", format!("The body is not {what}"))),
            Err(error) => Err(ApiError::bad("SerializationException", error)),
        };
        match self.spoken(request) {
            Protocol::RpcV2Cbor => {
                // /service/NAME/operation/NAME
                let action = request.path.rsplit('/').next().unwrap_or_default().to_owned();
                let body: &[u8] = if request.body.is_empty() { b"\xa0" } else { &request.body };
                (action, object(cbor::decode(body), "a CBOR map"))
            }
            protocol @ (Protocol::Ec2Query | Protocol::AwsQuery) => {
                let text = String::from_utf8_lossy(&request.body);
                let mut fields = form::tree(&text);
                for (name, value) in &request.query {
                    fields.entry(name.clone()).or_insert_with(|| Value::String(value.clone()));
                }
                fields.remove("Version");
                let Some(Value::String(action)) = fields.remove("Action") else {
                    return unknown(ApiError::bad("MissingAction", "The request must contain the parameter Action"));
                };
                if protocol == Protocol::Ec2Query {
                    return (action, Ok(fields));
                }
                let fields = self.model.asked(&action).canonical(Value::Object(fields));
                (action, object(Ok(fields), "a form"))
            }
            Protocol::AwsJson(_) => {
                let target = request.header("x-amz-target").unwrap_or_default();
                let action = target.rsplit('.').next().unwrap_or_default().to_owned();
                let body: &[u8] = if request.body.is_empty() { b"{}" } else { &request.body };
                (action, object(serde_json::from_slice(body).map_err(|error| error.to_string()), "a JSON object"))
            }
            Protocol::RestJson => rest::read(self.model, request),
            Protocol::RestXml => {
                let Some(route) = self.route else {
                    return unknown(ApiError::not_implemented(format!("{} requests", self.name)));
                };
                match route(self.model, request) {
                    Ok(routed) => (routed.operation, Ok(routed.params)),
                    Err(error) => unknown(error),
                }
            }
        }
    }

    /// Refuses what AWS's front end refuses, by the model.
    pub(crate) fn check(&self, operation: &str, params: &Params) -> Result<(), ApiError> {
        match self.protocol {
            Protocol::Ec2Query => self.model.check_ec2(operation, params.fields(), self.worded),
            Protocol::RestXml if self.model.admits_body(operation, params.fields(), self.worded) => Ok(()),
            Protocol::RestXml => Err(ApiError::bad(
                "MalformedXML",
                "The XML you provided was not well-formed or did not validate against our published schema",
            )),
            _ => self.model.check(operation, params.fields(), self.input.invalid),
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
            Protocol::RestJson if self.name == "lambda" => || {
                ApiError::new(429, "TooManyRequestsException", "Rate exceeded")
                    .with("Reason", "CallerRateLimitExceeded")
            },
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
                format!("User: sandbox is not authorized to perform: {}:{operation}", self.prefix),
            ),
            Protocol::AwsJson(_) | Protocol::RestJson | Protocol::RpcV2Cbor => ApiError::bad(
                "AccessDeniedException",
                format!("User: sandbox is not authorized to perform: {}:{operation}", self.prefix),
            ),
        }
    }

    /// A refusal of what a role may not do, with AWS's sentence about it.
    pub(crate) fn denied(&self, message: String) -> ApiError {
        match self.protocol {
            Protocol::Ec2Query => {
                let message = format!("You are not authorized to perform this operation. {message}");
                ApiError::new(403, "UnauthorizedOperation", message)
            }
            Protocol::RestXml | Protocol::AwsQuery => ApiError::new(403, "AccessDenied", message),
            Protocol::RestJson => ApiError::new(403, "AccessDeniedException", message),
            Protocol::AwsJson(_) | Protocol::RpcV2Cbor => ApiError::bad("AccessDeniedException", message),
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
