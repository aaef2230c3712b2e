//! The one table of AWS's codes: those whose words mislead by name, the others by their words.
use crate::aws::ErrorClass;

/// "Too many requests": nothing was executed.
pub(in crate::aws) fn is_throttle(code: &str) -> bool {
    code.contains("Throttl")
        || code.starts_with("TooManyRequests")
        || matches!(code, "RequestLimitExceeded" | "SlowDown" | "BandwidthLimitExceeded")
}

/// AWS has no room now: nothing was executed.
pub(super) fn is_capacity(code: &str) -> bool {
    code.starts_with("Insufficient") && code.contains("Capacity")
        || matches!(code, "ReservationCapacityExceeded" | "SpotMaxPriceTooLow" | "MaxSpotInstanceCountExceeded")
}

/// What a code means wherever it is answered; nothing for one that says nothing.
pub(super) fn class(code: &str) -> Option<ErrorClass> {
    if code.is_empty() {
        return None;
    }
    by_name(code).or_else(|| by_words(code.strip_suffix("Exception").unwrap_or(code)))
}

fn by_name(code: &str) -> Option<ErrorClass> {
    use ErrorClass as C;
    Some(match code {
        "AuthFailure"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "ExpiredTradeInTokenException"
        | "IncompleteSignature"
        | "InvalidAccessKeyId"
        | "InvalidClientTokenId"
        | "InvalidIdentityToken"
        | "InvalidSignatureException"
        | "InvalidToken"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "RequestExpired"
        | "RequestTimeTooSkewed"
        | "SignatureDoesNotMatch"
        | "TokenRefreshRequired"
        | "UnrecognizedClientException" => C::Credentials,
        "AccountProblem"
        | "AllAccessDisabled"
        | "AuthorizationError"
        | "Blocked"
        | "BlockedByOrganizationPolicyException"
        | "Forbidden"
        | "KMSOptInRequired"
        | "NotAuthorized"
        | "OptInRequired"
        | "PendingVerification"
        | "RegionDisabledException"
        | "UnauthorizedOperation" => C::Denied,
        "IdempotencyParameterMismatch"
        | "IdempotentInstanceTerminated"
        | "IdempotentParameterMismatch"
        | "IncompatibleParameterError" => C::TokenMismatch,
        "CustomKeyStoreHasCMKsException" | "DeleteConflict" | "DeleteConflictException" | "DependencyViolation" => {
            C::InUse
        }
        "BackupBeingCopied"
        | "BackupRestoring"
        | "DataRepositoryTaskEnded"
        | "DataRepositoryTaskExecuting"
        | "EntityTemporarilyUnmodifiable"
        | "Gateway.NotAttached"
        | "IllegalStatusException"
        | "OperationAborted"
        | "OperationAbortedException"
        | "PreconditionFailed"
        | "PreconditionFailedException"
        | "PreconditionNotMetException"
        | "PriorRequestNotComplete"
        | "StateMachineDeleting"
        | "UnmodifiableEntity" => C::WrongState,
        "InvalidPlacementGroup.Unknown" => C::NotFound,
        "CodeStorageExceededException"
        | "ResourceCountExceeded"
        | "ResourceDataSyncCountExceededException"
        | "TargetGroupAssociationLimit"
        | "DocumentPermissionLimit" => C::Quota,
        "DurableExecutionAlreadyStartedException" | "GenerationExistsException" | "ResourceExistsException" => {
            C::Exists
        }
        "DuplicateInstanceId"
        | "DuplicateTagKeys"
        | "TooManyEntriesInBatchRequest"
        | "TooManyParts"
        | "UnknownOperationException" => C::Invalid,
        // AWS failed on its side, also where the status says otherwise.
        "KMSInternalException"
        | "RequestTimeout"
        | "RequestTimeoutException"
        | "ServerException"
        | "ServiceException"
        | "ServiceFailure"
        | "Unavailable" => C::Ambiguous,
        _ => return None,
    })
}

fn by_words(code: &str) -> Option<ErrorClass> {
    use ErrorClass as C;
    let (has, ends, starts) = (|w: &str| code.contains(w), |w: &str| code.ends_with(w), |w: &str| code.starts_with(w));
    Some(match () {
        () if starts("Internal") && !starts("InternetGateway")
            || starts("ServerInternal")
            || starts("ServiceUnavailable")
            || starts("DependencyTimeout")
            || starts("SessionTimeout")
            || starts("SessionStreaming") =>
        {
            C::Ambiguous
        }
        () if has("AccessDenied")
            || has("Unauthorized")
            || starts("CallerIsNot")
            || starts("AccountNot")
            || starts("UnableToAccess") =>
        {
            C::Denied
        }
        () if ends("NotFound")
            || ends("NotFoundError")
            || has("DoesNotExist")
            || starts("NoSuch")
            || ends(".Malformed") && has("ID") =>
        {
            C::NotFound
        }
        () if ends("AlreadyExists")
            || ends("AlreadyOwnedByYou")
            || ends("AlreadyAssociated")
            || ends(".Duplicate")
            || starts("Duplicate") =>
        {
            C::Exists
        }
        () if ends("InUse") || ends("NotEmpty") => C::InUse,
        // Of a name or a text: no quota is raised for it.
        () if has("SizeLimitExceeded") || has("SizeExceeded") || has("LengthExceeded") => C::Invalid,
        () if has("LimitExceeded") || has("QuotaExceeded") || has("LimitReached") || starts("TooMany") => C::Quota,
        () if starts("Concurrent")
            || starts("Incorrect") && ends("State")
            || starts("Invalid") && ends("State")
            || ends("InvalidState")
            || ends("InProgress")
            || ends("NotReady")
            || ends("NotActive")
            || ends("Unavailable")
            || ends("Pending")
            || has("Conflict") && !starts("Invalid") =>
        {
            C::WrongState
        }
        () if starts("Invalid")
            || starts("Malformed")
            || starts("Missing")
            || starts("Validation")
            || starts("BadRequest")
            || has("NotImplemented")
            || has("Unsupported") =>
        {
            C::Invalid
        }
        () => return None,
    })
}
