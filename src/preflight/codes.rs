//! What an account lacks, with its explanations.
use crate::diagnostic::codes;

codes! {
    /// All of them.
    pub CODES:
    QUOTA = "DL0728", "A quota is too small",
        "The blueprint needs more of this quota than others leave free in the account, so AWS would refuse a part of it. The help is the command that requests an increase; for machines with GPUs the answer takes hours to days.";
    NOT_ALLOWED = "DL0732", "The caller may not do what the blueprint needs",
        "IAM's policy simulator says that the caller would be denied actions that are needed to make, change or remove these resources: by the caller's policies, a permissions boundary, or a policy of the organisation. It was asked without tags and single objects, so policies that depend on these may decide otherwise. `dlinfra kinds KIND` lists the actions of a kind.";
    CREDENTIALS_END = "DL0733", "The credentials expire before the apply ends",
        "The caller's credentials are temporary, and the apply is expected to take longer than they are valid. A run that loses them stops cleanly, and the next one goes on. Use credentials that last longer or renew themselves.";
}
