//! Field checks of a role.
use super::IamRole;
use crate::{diagnostic::codes, resource::Problem};

/// All inline policies of a role together.
const LONGEST_POLICIES: usize = 10_240;
/// The most that AWS raises the quota of a trust policy to.
const LONGEST_TRUST: usize = 8192;

codes! {
    /// Field checks, for `explain`.
    pub(super) CODES:
    TRUST = "DL0330", "Nobody, or two different answers, may take the role",
        "A role says who may take it: `trust`, a list of services, or `trust_policy`, a whole policy document. \
         Exactly one of the two must be written.";
    TRUSTED_SERVICE = "DL0331", "Not a service that can take a role",
        "Services are named by their principal, which is a domain name: `ec2.amazonaws.com`, \
         `sagemaker.amazonaws.com`, `fsx.amazonaws.com`.";
    SESSION = "DL0332", "Session length out of range",
        "IAM takes a longest session of 1 to 12 hours. Instances renew their credentials by themselves and are \
         not bound by it.";
    POLICY = "DL0333", "A policy that AWS would refuse",
        "A policy is a map with `Statement`, a list of statements; each has an `Effect` (Allow or Deny) and an \
         `Action`. All inline policies of a role together have at most 10,240 characters.";
    POLICY_NAME = "DL0334", "A policy's name is not legal",
        "Names of inline policies have 1 to 128 characters out of letters, digits and `_+=,.@-`.";
    MANAGED_POLICY = "DL0335", "Managed policy not named as AWS names it, or too many",
        "`managed_policies` holds names of AWS's own policies (`AmazonSSMManagedInstanceCore`, \
         `service-role/AmazonEC2ContainerServiceforEC2Role`) or ARNs of yours. A role has at most 20 of them \
         (10 unless the quota was raised).";
    NO_SUCH_POLICY = "DL0336", "Managed policy that does not exist",
        "IAM has no policy of this name or ARN, so the role could not be finished. AWS's own policies are named with \
         their path where they have one (`service-role/AWSBatchServiceRole`); policies of the account by their ARN.";
}

pub(super) fn check(role: &IamRole, problems: &mut Vec<Problem>) {
    let mut add = |code, path: &str, summary: String, help: &str| {
        problems.push(Problem { code, path: path.to_owned(), summary, help: help.to_owned() });
    };
    match (role.trust.is_empty(), &role.trust_policy) {
        (true, None) => add(
            &TRUST,
            "trust",
            "nobody may take this role".to_owned(),
            "write `trust: [ec2.amazonaws.com]` for instances, or a `trust_policy`",
        ),
        (false, Some(_)) => add(
            &TRUST,
            "trust_policy",
            "both `trust` and `trust_policy` are written".to_owned(),
            "keep one: a policy document can name services as well",
        ),
        _ => {}
    }
    for (i, service) in role.trust.iter().enumerate().filter(|(_, s)| !s.contains(".amazonaws.")) {
        add(
            &TRUSTED_SERVICE,
            &format!("trust[{i}]"),
            format!("`{service}` is not a service principal"),
            &format!("write `{}.amazonaws.com`", service.split('.').next().unwrap_or("ec2")),
        );
    }
    if role.max_session.is_some_and(|s| !(3600..=43_200).contains(&s.seconds())) {
        add(&SESSION, "max_session", "the longest session is 1h to 12h".to_owned(), "write for example `4h`");
    }
    if let Some((summary, help)) = role.trust_policy.as_ref().and_then(|p| p.problem(LONGEST_TRUST)) {
        add(&POLICY, "trust_policy", summary, &help);
    }
    for (name, policy) in &role.policies {
        let path = format!("policies.{name}");
        if !legal_name(name) {
            add(
                &POLICY_NAME,
                &path,
                format!("`{name}` is not a legal policy name"),
                "use up to 128 letters, digits and `_+=,.@-`",
            );
        }
        if let Some((summary, help)) = policy.problem(LONGEST_POLICIES) {
            add(&POLICY, &path, summary, &help);
        }
    }
    let total: usize = role.policies.values().map(|p| p.text().len()).sum();
    if role.policies.len() > 1 && total > LONGEST_POLICIES {
        add(
            &POLICY,
            "policies",
            format!("the policies have {total} characters together; AWS takes {LONGEST_POLICIES}"),
            "give fewer statements, use wildcards, or attach a managed policy",
        );
    }
    let managed = role.managed_policies.iter().enumerate().map(|(i, name)| (format!("managed_policies[{i}]"), name));
    let boundary = role.permissions_boundary.iter().map(|name| ("permissions_boundary".to_owned(), name));
    for (path, name) in managed.chain(boundary) {
        let arn = name.starts_with("arn:");
        if arn && !name.contains(":policy/") || !arn && !name.split('/').all(legal_name) {
            add(
                &MANAGED_POLICY,
                &path,
                format!("`{name}` is neither the name of an AWS policy nor a policy's ARN"),
                "write for example `AmazonSSMManagedInstanceCore` or `arn:aws:iam::123456789012:policy/mine`",
            );
        }
    }
    if role.managed_policies.len() > 20 {
        add(
            &MANAGED_POLICY,
            "managed_policies",
            format!("{} managed policies; a role takes 20", role.managed_policies.len()),
            "put statements together into `policies`",
        );
    }
}

pub(super) fn legal_name(name: &str) -> bool {
    (1..=128).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c))
}
