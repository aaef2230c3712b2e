//! What single services and single calls mean by a code that others use in another way.
use super::Answer;
use crate::aws::ErrorClass;

/// Per call, the answers that mean "what you made a moment ago has not reached me yet".
pub(super) fn not_visible_yet(answer: &Answer<'_>) -> bool {
    let Answer { operation, status, code, message } = *answer;
    if status >= 500 {
        return false;
    }
    match operation {
        // IAM reaches EC2 seconds after the profile was made.
        "ec2:RunInstances" if code == "InvalidParameterValue" => message.contains("IAM Instance Profile"),
        "s3:PutBucketPolicy" => code == "MalformedPolicy" && message.contains("rincipal"),
        "iam:UpdateAssumeRolePolicy" | "iam:CreateRole" => {
            // A star is not a principal that will come into being.
            code == "MalformedPolicyDocument" && message.contains("rincipal") && !message.contains("\"STAR\"")
        }
        "iam:AddRoleToInstanceProfile" => code == "NoSuchEntity",
        "ec2:CreateNatGateway" if code == "InvalidSubnet" => true,
        // A VPC, subnet or gateway that DescribeVpcs shows may still be unknown to the next call.
        _ if operation.starts_with("ec2:") && creates(operation) => code.ends_with(".NotFound"),
        // A new role, a new model, a new configuration: each is known to the next call some seconds later.
        "sagemaker:CreateModel" => {
            message.starts_with("Could not assume role") || message.starts_with("Could not access model data")
        }
        "sagemaker:CreateEndpointConfig" => {
            message.starts_with("Could not find model \"") || message.starts_with("Could not assume role")
        }
        "sagemaker:CreateInferenceComponent" | "sagemaker:UpdateInferenceComponent" => {
            message.starts_with("Could not find model \"") || message.starts_with("Could not assume role")
        }
        "sagemaker:CreateEndpoint" | "sagemaker:UpdateEndpoint" => {
            message.starts_with("Could not find endpoint configuration")
        }
        // The name of a queue is free again a minute after it was deleted.
        "sqs:CreateQueue" if code == "QueueDeletedRecently" => true,
        // A queue can be used a second after it was made, and a role be named some seconds after.
        "sqs:CreateQueue" | "sqs:SetQueueAttributes" => {
            message.contains("Dead letter target does not exist") || message.contains("the parameter Policy")
        }
        // A new role takes seconds to reach those who are to have it.
        "lambda:CreateFunction" | "lambda:UpdateFunctionConfiguration" => {
            code == "InvalidParameterValueException" && message.contains("cannot be assumed by Lambda")
        }
        "scheduler:CreateSchedule" | "scheduler:UpdateSchedule" => {
            code == "ValidationException" && message.contains("to assume the role")
        }
        "sns:SetTopicAttributes" => message.contains("PrincipalNotFound"),
        "fsx:CreateFileSystem" => code == "BadRequest" && message.contains("does not exist"),
        // EC2 showed these a moment ago.
        _ if operation.starts_with("elasticfilesystem:") => matches!(code, "SubnetNotFound" | "SecurityGroupNotFound"),
        _ if operation.starts_with("elasticloadbalancing:") => code == "SubnetNotFound",
        _ => code == "ResourcePropagationDelayException",
    }
}

fn creates(operation: &str) -> bool {
    let verb = operation.split(':').nth(1).unwrap_or("");
    ["Create", "Run", "Attach", "Associate", "Authorize", "Modify", "Replace"].iter().any(|v| verb.starts_with(v))
}

/// Cost Explorer calls a throttle a limit.
pub(super) fn is_throttle(service: &str, code: &str) -> bool {
    service == "ce" && code == "LimitExceededException"
}

/// What a service says in words alone. SageMaker refuses almost everything with one code.
pub(super) fn by_words(answer: &Answer<'_>) -> Option<ErrorClass> {
    let says = |text: &str| answer.message.starts_with(text);
    if answer.operation == "sns:CreateTopic" && answer.message.contains("Topic already exists with different") {
        return Some(ErrorClass::Exists);
    }
    if !answer.operation.starts_with("sagemaker:") || answer.code != "ValidationException" {
        return None;
    }
    match () {
        // Data that is not there is a mistake in the request.
        () if says("Could not find model data") => Some(ErrorClass::Invalid),
        () if says("Could not find ") => Some(ErrorClass::NotFound),
        () if says("Cannot create already existing") || answer.message.contains("already exists") => {
            Some(ErrorClass::Exists)
        }
        () if says("Cannot update in-progress") => Some(ErrorClass::WrongState),
        () => None,
    }
}

/// The codes that mean something else in this service than their words say elsewhere.
pub(super) fn class(service: &str, action: &str, code: &str) -> Option<ErrorClass> {
    use ErrorClass as C;
    Some(match (service, code) {
        // An object that is still to be made can only be in use because its name is.
        ("eks" | "sagemaker", "ResourceInUseException" | "ResourceInUse") if action.starts_with("Create") => C::Exists,
        ("lambda", "ResourceConflictException") if action.starts_with("Create") => C::Exists,
        ("scheduler", "ConflictException") if action.starts_with("Create") => C::Exists,
        ("elasticfilesystem", "MountTargetConflict") => C::Exists,
        // The token of a task, not of the caller.
        ("states", "InvalidToken") => C::Invalid,
        // The key that a topic names, not the topic.
        ("sns", "KMSNotFound") => C::Invalid,
        // The signature of the request.
        ("sns" | "sqs", "InvalidSecurity") => C::Credentials,
        ("sqs", "QueueNameExists") => C::Exists,
        ("sqs", "OverLimit") => C::Quota,
        ("sqs", "KmsNotFound") => C::Invalid,
        ("iam", "FeatureDisabled" | "FeatureEnabled" | "ReportInProgress") => C::WrongState,
        ("iam", "NotSupportedService") => C::Invalid,
        ("kms", "DisabledException") => C::WrongState,
        ("ssm", "TooManyUpdates" | "OpsMetadataTooManyUpdatesException") => C::WrongState,
        ("s3", "MethodNotAllowed") => C::Invalid,
        _ => return None,
    })
}
