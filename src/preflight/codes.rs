//! What an account lacks, with its explanations.
use crate::diagnostic::codes;

codes! {
    /// All of them.
    pub CODES:
    QUOTA = "DL0728", "A quota is too small",
        "The account may not have as much as the blueprint needs, beside what others use of it. AWS would refuse to make it. The help is the command that asks AWS for more; for machines with GPUs the answer takes hours to days.";
    NOT_ALLOWED = "DL0732", "The caller may not do what the blueprint needs",
        "IAM says that the caller would be refused actions that making, changing or removing these resources takes: by the caller's policies, a permissions boundary, or a policy of the organisation. Conditions of policies that look at tags or at single objects may differ from what was asked. `dlinfra kinds KIND` lists the actions of a kind.";
    CREDENTIALS_END = "DL0733", "The credentials end before the apply does",
        "The caller's credentials are temporary, and the plan takes longer than they hold. A run that loses them stops cleanly, and the next one goes on; better use credentials that last longer, or renew themselves.";
}
