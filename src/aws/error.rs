//! What an AWS answer means: the one table of error classes, and errors that say who is to blame and what to do.
//!
//! One file: the classes, the words and the advice of an AWS answer are one table, read side by side.
use crate::{
    address::Address,
    diagnostic::{Code, Diagnostic, Diagnostics},
};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use jiff::Timestamp;
use std::fmt;

/// What the engine may do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// The object does not exist (or is not visible yet).
    NotFound,
    /// The name is taken.
    Exists,
    /// Something still uses the object.
    InUse,
    /// A dependency made minutes ago is not visible to this service yet.
    NotVisibleYet,
    /// Too many requests; certainly not executed.
    Throttled,
    /// The caller may not do this. Never read as "not found".
    Denied,
    /// Credentials are missing, wrong or expired.
    Credentials,
    /// No connection was made; certainly not executed.
    Unreachable,
    /// Nobody knows whether it happened.
    Ambiguous,
    /// AWS has no capacity now.
    Capacity,
    /// A quota of the account is used up.
    Quota,
    /// The token was used with other parameters: an earlier call landed.
    TokenMismatch,
    /// The object exists, but is not in a state for this call; later it may be.
    WrongState,
    /// The request is wrong.
    Invalid,
    /// The object belongs to somebody else.
    Stranger,
    /// Money may have been spent, and nobody knows: only a person decides whether it is tried again.
    Purchase,
    /// The lock was lost or the run was cancelled: no call was made.
    Stopped,
    /// The journal could not be written.
    Journal,
    /// dlinfra did something wrong.
    Bug,
    /// AWS answered something that nobody foresaw.
    Other,
}

/// An error of a call, or of what surrounds one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// What may be done about it.
    pub class: ErrorClass,
    /// AWS's code (`InvalidSubnet.Conflict`), if AWS answered.
    pub code: Option<String>,
    /// `ec2:CreateSubnet`, if a call was made.
    pub operation: Option<String>,
    /// What happened, in AWS's or our words.
    pub message: String,
    /// What to do next.
    pub help: Option<String>,
    /// AWS's request id.
    pub request_id: Option<String>,
}

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.operation, &self.code) {
            (Some(operation), Some(code)) => write!(f, "{operation}: {code}: {}", self.message),
            (Some(operation), None) => write!(f, "{operation}: {}", self.message),
            _ => f.write_str(&self.message),
        }
    }
}

impl Error {
    /// An error of this class in our own words.
    pub fn new(class: ErrorClass, message: impl Into<String>) -> Self {
        Self { class, code: None, operation: None, message: message.into(), help: None, request_id: None }
    }

    /// dlinfra broke a promise of its own.
    pub fn bug(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Bug, message)
            .help("this is a bug in dlinfra: please report it with the command and the blueprint")
    }

    /// AWS left out something that it always sends.
    pub fn missing(what: &str) -> Self {
        Self::new(ErrorClass::Other, format!("AWS answered without {what}"))
    }

    /// The name belongs to an object that this stack does not own.
    pub fn stranger(what: &str, stack: Option<&str>) -> Self {
        let owner = stack.map_or("was not made by dlinfra".to_owned(), |s| format!("belongs to the stack `{s}`"));
        Self::new(ErrorClass::Stranger, format!("{what} exists already and {owner}"))
            .help("use it with `existing:`, take it over with `dlinfra import`, or choose another name")
    }

    /// A call that spends money got no answer, now or in an earlier run.
    pub fn purchase(api: &str, address: &Address, when: Timestamp) -> Self {
        let when = when.round(jiff::Unit::Second).unwrap_or(when);
        let text = format!(
            "{api} was sent for {address} at {when}, and nobody knows whether AWS executed it; it spends money, so it is \
             not sent again by itself"
        );
        Self::new(ErrorClass::Purchase, text).help(format!(
            "look in the AWS console: if it was bought, apply again when AWS shows it, and it is taken over by its tags; \
             if it was not, `dlinfra apply … --not-bought {address}` lets it be bought again"
        ))
    }

    /// The same error with advice.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The error of a read that follows "it exists already": not found then means not shown yet.
    #[must_use]
    pub fn after_exists(mut self) -> Self {
        if self.class == ErrorClass::NotFound {
            self.class = ErrorClass::NotVisibleYet;
        }
        self
    }

    /// Is this AWS code?
    pub fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }
}

/// `Ok(None)` when the object is not there.
pub fn optional<T>(result: Result<T, Error>) -> Result<Option<T>, Error> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(e) if e.class == ErrorClass::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

/// Success when the object is gone already.
pub fn gone<T>(result: Result<T, Error>) -> Result<(), Error> {
    optional(result).map(|_| ())
}

impl<E, R> From<SdkError<E, R>> for Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: fmt::Debug,
{
    fn from(error: SdkError<E, R>) -> Self {
        let operation = operation::<E>();
        let mut out = Self::new(ErrorClass::Other, String::new());
        match &error {
            SdkError::ServiceError(service) => {
                let meta = service.err().meta();
                let code = meta.code().unwrap_or("Unknown");
                out.class = classify(&operation, code, meta.message().unwrap_or(""));
                out.code = Some(code.to_owned());
                // An answer that the SDK cannot read has no code and no message; what is wrong with it stands below.
                out.message = meta.message().map_or_else(|| chain(&error), str::to_owned);
                out.request_id = meta.extra("aws_request_id").map(str::to_owned);
            }
            SdkError::ConstructionFailure(_)
            | SdkError::DispatchFailure(_)
            | SdkError::TimeoutError(_)
            | SdkError::ResponseError(_) => {
                let text = chain(&error);
                out.class = transport(&error, &text);
                out.message = if out.class == ErrorClass::Credentials { credentials(&text) } else { text };
            }
            _ => out.message = chain(&error),
        }
        out.operation = Some(operation);
        if out.help.is_none() {
            out.help = advice(&out);
        }
        out
    }
}

/// A failure without an answer: did the request leave this machine?
fn transport<E, R>(error: &SdkError<E, R>, text: &str) -> ErrorClass {
    let has = |words: &[&str]| words.iter().any(|w| text.contains(w));
    if has(&["the lease was lost", "the run was cancelled"]) {
        return ErrorClass::Stopped;
    }
    if has(&["credential", "Credential", "SSO", "profile"]) && !matches!(error, SdkError::ResponseError(_)) {
        return ErrorClass::Credentials;
    }
    match error {
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
    }
}

/// The SDK reports every place where it looked for credentials, on a line each; people need to know that none had any,
/// or the one thing that went wrong.
fn credentials(text: &str) -> String {
    if text.contains("no credentials found in chain") || text.contains("no providers in chain provided credentials") {
        return "there are no credentials: neither in the environment nor in a profile, and no role of a container or \
                an instance"
            .to_owned();
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn chain(error: &dyn std::error::Error) -> String {
    let (mut text, mut next) = (String::new(), error.source());
    while let Some(inner) = next {
        let line = inner.to_string();
        if !text.ends_with(&line) {
            text.push_str(if text.is_empty() { "" } else { ": " });
            text.push_str(&line);
        }
        next = inner.source();
    }
    if text.is_empty() { error.to_string() } else { text }
}

/// `ec2:CreateVpc` from the SDK's error type of that operation.
fn operation<E>() -> String {
    let name = std::any::type_name::<E>();
    let service = name.strip_prefix("aws_sdk_").and_then(|n| n.split("::").next()).unwrap_or("aws");
    // Policies and requests call it by its short name.
    let service = if service == "costexplorer" { "ce" } else { service };
    let last = name.rsplit("::").next().unwrap_or(name);
    format!("{service}:{}", last.strip_suffix("Error").unwrap_or(last))
}

/// The codes that mean "too many requests": nothing was executed.
pub(super) const THROTTLES: &[&str] = &[
    "Throttling",
    "ThrottlingException",
    "RequestLimitExceeded",
    "TooManyRequestsException",
    "SlowDown",
    "RequestThrottled",
    "ThrottledException",
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
];

/// The one table of AWS codes.
fn classify(operation: &str, code: &str, message: &str) -> ErrorClass {
    use ErrorClass as C;
    if not_visible_yet(operation, code, message) {
        return C::NotVisibleYet;
    }
    // Cost Explorer calls a throttle a limit.
    if THROTTLES.contains(&code) || operation.starts_with("ce:") && code == "LimitExceededException" {
        return C::Throttled;
    }
    match code {
        "UnauthorizedOperation" | "AccessDenied" | "AccessDeniedException" | "AllAccessDisabled" | "Forbidden" => {
            C::Denied
        }
        "AuthFailure"
        | "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "SignatureDoesNotMatch"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "RequestExpired"
        | "TokenRefreshRequired"
        | "InvalidAccessKeyId"
        | "InvalidToken"
        | "IncompleteSignature"
        | "MissingAuthenticationToken" => C::Credentials,
        "IdempotentParameterMismatch" | "IncompatibleParameterError" | "IdempotentInstanceTerminated" => {
            C::TokenMismatch
        }
        "InsufficientInstanceCapacity"
        | "InsufficientHostCapacity"
        | "ReservationCapacityExceeded"
        | "InsufficientCapacity"
        | "InsufficientReservedInstanceCapacity"
        | "SpotMaxPriceTooLow"
        | "MaxSpotInstanceCountExceeded" => C::Capacity,
        "VcpuLimitExceeded"
        | "InstanceLimitExceeded"
        | "LimitExceeded"
        | "LimitExceededException"
        | "ServiceQuotaExceededException"
        | "AddressLimitExceeded"
        | "NatGatewayLimitExceeded"
        | "ServiceLimitExceeded"
        | "TooManyBuckets" => C::Quota,
        "DependencyViolation"
        | "DeleteConflict"
        | "DeleteConflictException"
        | "InvalidPlacementGroup.InUse"
        | "BucketNotEmpty"
        | "InvalidGroup.InUse"
        | "ResourceInUseException"
        | "ResourceInUse"
        | "InvalidIPAddress.InUse"
        | "InvalidNetworkInterface.InUse" => C::InUse,
        "IncorrectState"
        | "IncorrectInstanceState"
        | "InvalidState"
        | "ConcurrentModification"
        | "ConcurrentModificationException"
        | "OperationAborted"
        | "UnmodifiableEntity"
        | "EntityTemporarilyUnmodifiable"
        | "Gateway.NotAttached" => C::WrongState,
        "NoSuchEntity"
        | "NoSuchEntityException"
        | "NoSuchBucket"
        | "NoSuchKey"
        | "NotFound"
        | "ParameterNotFound"
        | "FileSystemNotFound"
        | "DataRepositoryAssociationNotFound"
        | "ResourceNotFoundException"
        | "ResourceNotFound"
        | "NatGatewayNotFound"
        | "NoSuchBucketPolicy"
        | "NoSuchLifecycleConfiguration"
        | "NoSuchTagSet"
        | "NoSuchPublicAccessBlockConfiguration"
        | "ServerSideEncryptionConfigurationNotFoundError"
        | "InvalidPlacementGroup.Unknown"
        | "InvalidAssociationID.NotFound"
        | "OwnershipControlsNotFoundError" => C::NotFound,
        "EntityAlreadyExists"
        | "EntityAlreadyExistsException"
        | "BucketAlreadyOwnedByYou"
        | "BucketAlreadyExists"
        | "ResourceAlreadyExistsException"
        | "RouteAlreadyExists"
        | "Resource.AlreadyAssociated" => C::Exists,
        "InternalError"
        | "InternalFailure"
        | "InternalServerError"
        | "ServiceUnavailable"
        | "ServiceUnavailableException"
        | "Unavailable"
        | "RequestTimeout"
        | "RequestTimeoutException"
        | "ServerInternal"
        | "InternalServiceError" => C::Ambiguous,
        _ if code.ends_with(".NotFound") || code.ends_with(".Malformed") && code.contains("ID") => C::NotFound,
        _ if code.ends_with(".Duplicate") => C::Exists,
        // VpcLimitExceeded, RulesPerSecurityGroupLimitExceeded, RouteLimitExceeded, …
        _ if code.ends_with("LimitExceeded") => C::Quota,
        _ if code.starts_with("Invalid")
            || code.starts_with("Malformed")
            || code.starts_with("Missing")
            || code.starts_with("Validation")
            || code == "BadRequest"
            || code == "NotImplemented"
            || code.contains("Unsupported") =>
        {
            C::Invalid
        }
        _ => C::Other,
    }
}

/// Per call, the answers that mean "what you made a moment ago has not reached me yet".
fn not_visible_yet(operation: &str, code: &str, message: &str) -> bool {
    match operation {
        // IAM reaches EC2 seconds after the profile was made.
        "ec2:RunInstances" => code == "InvalidParameterValue" && message.contains("IAM Instance Profile"),
        "s3:PutBucketPolicy" => code == "MalformedPolicy" && message.contains("rincipal"),
        "iam:UpdateAssumeRolePolicy" | "iam:CreateRole" => {
            code == "MalformedPolicyDocument" && message.contains("rincipal")
        }
        "iam:AddRoleToInstanceProfile" => code == "NoSuchEntity",
        "ec2:CreateNatGateway" if code == "InvalidSubnet" => true,
        // A VPC, subnet or gateway that DescribeVpcs shows may still be unknown to the next call.
        _ if operation.starts_with("ec2:") && creates(operation) => code.ends_with(".NotFound"),
        "fsx:CreateFileSystem" => code == "BadRequest" && message.contains("does not exist"),
        _ => false,
    }
}

fn creates(operation: &str) -> bool {
    let verb = operation.split(':').nth(1).unwrap_or("");
    ["Create", "Run", "Attach", "Associate", "Authorize", "Modify", "Replace"].iter().any(|v| verb.starts_with(v))
}

/// What to do next, where that is the same for every call.
fn advice(error: &Error) -> Option<String> {
    let operation = error.operation.as_deref().unwrap_or("the action");
    match error.class {
        ErrorClass::Denied => Some(format!("allow the action `{}` to the caller", iam_action(operation))),
        ErrorClass::Credentials => Some(
            "log in again (`aws sso login`, or new keys), or give `--profile`; with `--sandbox` none are needed"
                .to_owned(),
        ),
        ErrorClass::Unreachable => Some("check the network, `--endpoint-url` and the region's name".to_owned()),
        ErrorClass::Quota => Some("ask for more in Service Quotas, or use fewer".to_owned()),
        ErrorClass::Capacity => Some("try another zone, type or market, or reserve capacity".to_owned()),
        _ => None,
    }
}

/// The IAM action of a call; a few have another name than the call.
fn iam_action(operation: &str) -> String {
    match operation {
        "s3:HeadBucket" | "s3:ListObjectsV2" => "s3:ListBucket".to_owned(),
        "s3:ListBuckets" => "s3:ListAllMyBuckets".to_owned(),
        "s3:GetPublicAccessBlock" => "s3:GetBucketPublicAccessBlock".to_owned(),
        "s3:PutPublicAccessBlock" => "s3:PutBucketPublicAccessBlock".to_owned(),
        "s3:GetBucketLifecycleConfiguration" => "s3:GetLifecycleConfiguration".to_owned(),
        "s3:PutBucketLifecycleConfiguration" => "s3:PutLifecycleConfiguration".to_owned(),
        "s3:GetBucketEncryption" => "s3:GetEncryptionConfiguration".to_owned(),
        "s3:PutBucketEncryption" => "s3:PutEncryptionConfiguration".to_owned(),
        "s3:GetBucketTagging" | "s3:PutBucketTagging" => operation.to_owned(),
        other => other.to_owned(),
    }
}

impl Error {
    /// The code that `dlinfra explain` knows.
    pub fn diagnostic_code(&self) -> &str {
        match self.class {
            ErrorClass::Denied => "DL0401",
            ErrorClass::Credentials => "DL0402",
            ErrorClass::Unreachable => "DL0403",
            ErrorClass::Throttled => "DL0405",
            ErrorClass::Capacity => "DL0406",
            ErrorClass::Quota => "DL0407",
            ErrorClass::Stranger => "DL0408",
            ErrorClass::Stopped => "DL0410",
            ErrorClass::Purchase => "DL0411",
            ErrorClass::Bug => "DL0499",
            ErrorClass::Journal => self.code.as_deref().unwrap_or("DL0501"),
            _ => "DL0409",
        }
    }

    /// The same for a report.
    pub fn diagnostic(&self) -> Diagnostic {
        let mut out = Diagnostic::error(self.diagnostic_code(), self.to_string()).with_help_opt(self.help.clone());
        if let Some(id) = &self.request_id {
            out = out.with_detail(format!("AWS request id {id}"));
        }
        out
    }
}

impl From<Error> for Diagnostic {
    fn from(error: Error) -> Self {
        error.diagnostic()
    }
}

impl From<Error> for Diagnostics {
    fn from(error: Error) -> Self {
        error.diagnostic().into()
    }
}

/// What `dlinfra explain` says about them.
pub static CODES: &[Code] = &[
    Code {
        code: "DL0401",
        title: "AWS denied a call",
        explain: "The caller's policies do not allow the action named in the message. dlinfra never reads this as \"does not exist\": it stops, so that nothing is made twice. Allow the action, or use other credentials. `dlinfra kinds KIND` lists the actions that a kind needs.",
    },
    Code {
        code: "DL0402",
        title: "No usable credentials",
        explain: "AWS credentials are missing, wrong or expired. dlinfra looks where the AWS CLI looks: environment, profile, SSO, container and instance role. After logging in, run the same command again: it goes on where it stopped. With `--sandbox` no credentials are needed.",
    },
    Code {
        code: "DL0403",
        title: "AWS cannot be reached",
        explain: "No connection to the endpoint was made, so nothing was changed. Check the network, a proxy, the region's name and `--endpoint-url`.",
    },
    Code {
        code: "DL0404",
        title: "Another account or region than stated",
        explain: "The blueprint states an account or a region and the caller is in another. Every command that reads AWS stops then, so that a stack is never planned against the wrong account.",
    },
    Code {
        code: "DL0405",
        title: "Throttled for too long",
        explain: "AWS refused requests for ten minutes although dlinfra stays below the published rates. Something else uses up the rate of this account; run the command again later.",
    },
    Code {
        code: "DL0406",
        title: "No capacity",
        explain: "AWS has no free machines of this type in this zone now. Groups launch all or nothing, so nothing half-launched is left. Try another zone, type or market, or reserve capacity.",
    },
    Code {
        code: "DL0407",
        title: "A quota is used up",
        explain: "The account's quota named in the message does not allow more. EC2 quotas count vCPUs. Ask for more in Service Quotas; `dlinfra kinds KIND` names the quotas that a kind counts against.",
    },
    Code {
        code: "DL0408",
        title: "The object belongs to somebody else",
        explain: "An object with this name exists and does not carry this stack's tags. dlinfra never changes what it does not own. Read it with `existing:`, or choose another name.",
    },
    Code {
        code: "DL0409",
        title: "AWS refused a call",
        explain: "AWS answered with the error in the message. What was done before stays and is recorded; correct the cause and apply again.",
    },
    Code {
        code: "DL0410",
        title: "The run was stopped",
        explain: "The run was cancelled or lost its lock before this call, which was therefore not made. Apply again to go on.",
    },
    Code {
        code: "DL0411",
        title: "Nobody knows whether something was bought",
        explain: "A call that spends money which cannot be had back (the purchase of a Capacity Block, for example) was sent, and its answer never came: the run was killed, or the connection was cut. dlinfra looks for what may have been bought and takes it over when AWS shows it, but it never buys a second time by itself. If nothing was bought, say so with `--not-bought ADDRESS`.",
    },
    Code {
        code: "DL0499",
        title: "A bug in dlinfra",
        explain: "dlinfra broke a promise of its own. Nothing is lost: the journal and the tags know what exists. Please report it with the command and the blueprint.",
    },
];
