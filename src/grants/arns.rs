//! Where things are, for policies: which ARNs bound the actions that no tag bounds, and what makes what.
//!
//! Source: the service authorization reference, <https://docs.aws.amazon.com/service-authorization/latest/reference/>.

/// Actions on what has no tags, or has none that IAM looks at, with the ARNs of it. `{name}` is every name that the
/// blueprint's objects can have.
pub(super) const UNTAGGED: &[(&str, &str)] = &[
    ("cloudwatch:DeleteDashboards", "arn:{partition}:cloudwatch::{account}:dashboard/{name}"),
    ("cloudwatch:PutDashboard", "arn:{partition}:cloudwatch::{account}:dashboard/{name}"),
    ("fsx:CreateDataRepositoryAssociation", "arn:{partition}:fsx:{region}:{account}:association/*"),
    ("fsx:DeleteDataRepositoryAssociation", "arn:{partition}:fsx:{region}:{account}:association/*"),
    ("fsx:UpdateDataRepositoryAssociation", "arn:{partition}:fsx:{region}:{account}:association/*"),
    // It needs the permission of the alias, which has no tags, and of its key.
    ("kms:DeleteAlias", "arn:{partition}:kms:{region}:{account}:*"),
    ("scheduler:CreateSchedule", "arn:{partition}:scheduler:{region}:{account}:schedule/*/{name}"),
    ("scheduler:DeleteSchedule", "arn:{partition}:scheduler:{region}:{account}:schedule/*/{name}"),
    ("scheduler:UpdateSchedule", "arn:{partition}:scheduler:{region}:{account}:schedule/*/{name}"),
];

/// Services whose objects have names in their ARNs. `{name}` is as above, `{stack}` the stack's name.
pub(super) const NAMED: &[(&str, &[&str])] = &[
    (
        "cloudwatch",
        &[
            "arn:{partition}:cloudwatch:{region}:{account}:alarm:{name}",
            "arn:{partition}:cloudwatch::{account}:dashboard/{name}",
        ],
    ),
    (
        "elasticloadbalancing",
        &[
            "arn:{partition}:elasticloadbalancing:{region}:{account}:loadbalancer/*/{name}",
            "arn:{partition}:elasticloadbalancing:{region}:{account}:targetgroup/{name}",
            "arn:{partition}:elasticloadbalancing:{region}:{account}:listener*/{name}",
        ],
    ),
    ("events", &["arn:{partition}:events:{region}:{account}:rule/{name}"]),
    (
        "iam",
        &[
            "arn:{partition}:iam::{account}:role/dlinfra/{stack}/*",
            "arn:{partition}:iam::{account}:instance-profile/dlinfra/{stack}/*",
        ],
    ),
    ("lambda", &["arn:{partition}:lambda:{region}:{account}:function:{name}"]),
    ("logs", &["arn:{partition}:logs:{region}:{account}:log-group:{name}"]),
    ("s3", &["arn:{partition}:s3:::{name}"]),
    (
        "scheduler",
        &[
            "arn:{partition}:scheduler:{region}:{account}:schedule-group/{name}",
            "arn:{partition}:scheduler:{region}:{account}:schedule/*/{name}",
        ],
    ),
    ("sagemaker", &["arn:{partition}:sagemaker:{region}:{account}:*/{name}"]),
    ("sns", &["arn:{partition}:sns:{region}:{account}:{name}"]),
    ("sqs", &["arn:{partition}:sqs:{region}:{account}:{name}"]),
];

/// What calls of EC2 make, as ARNs name it. Those that are not here make something of any sort, with the stack's tags.
pub(super) const MADE: &[(&str, &[&str])] = &[
    ("ec2:AllocateAddress", &["elastic-ip"]),
    ("ec2:AuthorizeSecurityGroupEgress", &["security-group-rule"]),
    ("ec2:AuthorizeSecurityGroupIngress", &["security-group-rule"]),
    ("ec2:CreateFlowLogs", &["vpc-flow-log"]),
    ("ec2:CreateInternetGateway", &["internet-gateway"]),
    ("ec2:CreateNatGateway", &["natgateway"]),
    ("ec2:CreatePlacementGroup", &["placement-group"]),
    ("ec2:CreateRouteTable", &["route-table"]),
    ("ec2:CreateSecurityGroup", &["security-group"]),
    ("ec2:CreateSubnet", &["subnet"]),
    ("ec2:CreateVpc", &["vpc"]),
    ("ec2:CreateVpcEndpoint", &["vpc-endpoint"]),
    ("ec2:ImportKeyPair", &["key-pair"]),
    ("ec2:RunInstances", &["instance", "network-interface", "volume"]),
];

/// Calls of EC2 that make something inside what exists, and take no tags.
pub(super) const INSIDE: [&str; 1] = ["ec2:CreateRoute"];

/// What ids of EC2 begin with, and what ARNs call it.
pub(super) const IDS: &[(&str, &str)] = &[
    ("cr-", "capacity-reservation"),
    ("eipalloc-", "elastic-ip"),
    ("igw-", "internet-gateway"),
    ("key-", "key-pair"),
    ("nat-", "natgateway"),
    ("rtb-", "route-table"),
    ("sg-", "security-group"),
    ("subnet-", "subnet"),
    ("vpc-", "vpc"),
    ("vpce-", "vpc-endpoint"),
];

/// Patterns of actions that AWS documents for callers of a service that goes on with their rights, and the actions that
/// it takes of them: FSx links a file system to a bucket with those of the caller
/// (<https://docs.aws.amazon.com/fsx/latest/LustreGuide/setting-up.html#fsx-adding-permissions-s3>).
pub(super) const PATTERNS: &[(&str, &[&str])] = &[
    (
        "s3:Get*",
        &[
            "s3:GetBucketAcl",
            "s3:GetBucketLocation",
            "s3:GetBucketNotification",
            "s3:GetBucketPolicy",
            "s3:GetEncryptionConfiguration",
            "s3:GetObject",
        ],
    ),
    ("s3:List*", &["s3:ListBucket"]),
];

/// What is read inside things, with where that may be.
pub(super) const CONTENTS: &[(&str, &str)] = &[
    ("logs:FilterLogEvents", "arn:{partition}:logs:{region}:{account}:log-group:*"),
    ("logs:GetLogEvents", "arn:{partition}:logs:{region}:{account}:log-group:*"),
    ("ssm:GetParameter", "arn:{partition}:ssm:{region}::parameter/aws/service/*"),
    ("ssm:GetParameters", "arn:{partition}:ssm:{region}::parameter/aws/service/*"),
];
