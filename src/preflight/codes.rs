//! What an account lacks, with its explanations.
use crate::diagnostic::codes;

codes! {
    /// All of them.
    pub CODES:
    QUOTA = "DL0728", "A quota is too small",
        "The blueprint needs more of this quota than others leave free in the account, so AWS would refuse a part of it. The help is the command that requests an increase; for machines with GPUs the answer takes hours to days.";
    NOT_ALLOWED = "DL0732", "The caller may not do what the blueprint needs",
        "IAM's policy simulator says that the caller would be denied actions that are needed to make, change or remove these resources: by the caller's policies, a permissions boundary, or a policy of the organisation. It was asked about objects with the tags and names that this stack gives them. `dlinfra iam-policy` prints the policies that are enough; `dlinfra kinds KIND` lists the actions of a kind.";
    POLICY = "DL0740", "What printed policies leave open",
        "`dlinfra iam-policy` prints what a role must be allowed for one blueprint. What it says beside them is something that a blueprint cannot say: for which account they are, or that the reaper of a stack with a `ttl` is made by somebody who may do more.";
    NAME_TAKEN = "DL0746", "The name is taken",
        "Names of buckets are unique in all accounts of a partition, and a bucket of this name exists: in another account, or in this one without the tags of the stack. Choose another name, leave `name` out, or take the bucket up with `dlinfra import`.";
    NOT_CHECKED = "DL0745", "Something was not checked beforehand",
        "A plan with new machines asks the account for its quotas, and for what others use of them. Some of that it may not ask, or AWS did not answer; the plan is the same without it. `dlinfra preflight` lists each point with the action that is missing, and `--no-preflight` asks nothing.";
    CREDENTIALS_END = "DL0733", "The credentials expire before the apply ends",
        "The caller's credentials are temporary, and the apply is expected to take longer than they are valid. A run that loses them stops cleanly, and the next one goes on. Use credentials that last longer or renew themselves.";
}
