//! Checks of a VPC endpoint's fields, and what `explain` says about them.
use super::{Type, VpcEndpoint};
use crate::{diagnostic::codes, resource::Problem};

codes! {
    /// The codes of this kind.
    pub(super) CODES:
    SERVICE = "DL2201", "Not the name of a service",
        "A service of AWS in the stack's region has a short name: `s3`, `ssm`, `ssmmessages`, `ecr.api`, `ecr.dkr`, `logs`, \
         `sts`. It becomes `com.amazonaws.REGION.NAME`. Services of others, and AWS services whose name starts \
         differently, are written in full: `com.amazonaws.vpce.REGION.vpce-svc-…`, `aws.sagemaker.REGION.studio`. \
         `aws ec2 describe-vpc-endpoint-services` lists them.";
    FIELDS = "DL2202", "Field of the other type of endpoint",
        "A gateway has `route_tables`, and neither subnets nor security groups; an interface has `subnets` and \
         `security_groups`, and no route tables. Only S3 and DynamoDB have gateways.";
    NOWHERE = "DL2203", "Endpoint that nobody can reach",
        "AWS would make a gateway without route tables and an interface without subnets, but no packet would ever get \
         there. Without `security_groups` AWS would take the VPC's default group, which nobody looks at: name one \
         that allows port 443 in.";
    POLICY = "DL2204", "Policy that no endpoint takes",
        "The policy of an endpoint has `Statement`, a list of { Effect, Principal, Action, Resource }. AWS takes at \
         most 20,480 characters.";
}

/// AWS's limit for the policy of an endpoint (Amazon VPC quotas).
const LONGEST: usize = 20_480;

pub(super) fn check(endpoint: &VpcEndpoint, problems: &mut Vec<Problem>) {
    let mut add = |code, path: &str, summary: String, help: &str| {
        problems.push(Problem { code, path: path.to_owned(), summary, help: help.to_owned() });
    };
    let name = endpoint.service.as_str();
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    let own = name.strip_prefix("com.amazonaws.").filter(|rest| !rest.starts_with("vpce."));
    if let Some((_, short)) = own.and_then(|rest| rest.split_once('.')) {
        let help = format!("write `{short}`");
        add(&SERVICE, "service", "the region of a service of AWS is that of the stack".to_owned(), &help);
    } else if own.is_some() || name.is_empty() || !name.chars().all(plain) {
        add(&SERVICE, "service", format!("`{name}` is not the name of a service"), "write for example `ssm`");
    }
    let class = endpoint.class();
    if class == Type::Gateway && !["s3", "dynamodb"].contains(&name) {
        add(&FIELDS, "type", format!("there is no gateway to {name}"), "write `type: interface`, or leave it out");
    }
    let lists = [
        ("route_tables", endpoint.route_tables.is_empty(), Type::Gateway),
        ("subnets", endpoint.subnets.is_empty(), Type::Interface),
        ("security_groups", endpoint.security_groups.is_empty(), Type::Interface),
    ];
    let word = if class == Type::Gateway { "a gateway" } else { "an interface" };
    for (field, is_empty, of) in lists {
        match (is_empty, of == class) {
            (false, false) => {
                add(&FIELDS, field, format!("{word} has no `{field}`"), "remove it, or write the other `type`");
            }
            (true, true) => add(&NOWHERE, field, format!("{word} needs `{field}`"), "name at least one"),
            _ => {}
        }
    }
    let problem = endpoint.policy.as_ref().and_then(|policy| policy.problem(LONGEST));
    if let Some((summary, help)) = problem {
        add(&POLICY, "policy", summary, &help);
    }
}
