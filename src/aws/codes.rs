//! What `dlinfra explain` says about the errors of this room.
use crate::diagnostic::codes;

codes! {
    /// What `dlinfra explain` says about them.
    pub CODES:
    DENIED = "DL0401", "AWS denied a call",
        "The caller's policies do not allow the action named in the message. dlinfra never reads this as \"does not exist\": it stops, so that nothing is made twice. Allow the action, or use other credentials. `dlinfra kinds KIND` lists the actions that a kind needs.";
    CREDENTIALS = "DL0402", "No usable credentials",
        "AWS credentials are missing, wrong or expired. dlinfra looks where the AWS CLI looks: environment, profile, SSO, container and instance role. After logging in, run the same command again: it goes on where it stopped. With `--sandbox` no credentials are needed.";
    UNREACHABLE = "DL0403", "AWS cannot be reached",
        "No connection to the endpoint was made, so nothing was changed. Check the network, a proxy, the region's name and `--endpoint-url`.";
    OTHER_ACCOUNT_OR_REGION = "DL0404", "Another account or region than stated",
        "The blueprint states an account or a region and the caller is in another. Every command that reads AWS stops then, so that a stack is never planned against the wrong account.";
    THROTTLED = "DL0405", "Throttled for too long",
        "AWS refused requests for ten minutes although dlinfra stays below the published rates. Something else uses up the rate of this account; run the command again later.";
    CAPACITY = "DL0406", "No capacity",
        "AWS has no free machines of this type in this zone now. Groups launch all or nothing, so nothing half-launched is left. Try another zone, type or market, or reserve capacity.";
    QUOTA = "DL0407", "A quota is used up",
        "The account's quota named in the message does not allow more. EC2 quotas count vCPUs. Ask for more in Service Quotas; `dlinfra kinds KIND` names the quotas that a kind counts against.";
    STRANGER = "DL0408", "The object belongs to somebody else",
        "An object with this name exists and does not carry this stack's tags. dlinfra never changes what it does not own. Read it with `existing:`, or choose another name.";
    REFUSED = "DL0409", "AWS refused a call",
        "AWS answered with the error in the message. What was done before stays and is recorded; correct the cause and apply again.";
    STOPPED = "DL0410", "The run was stopped",
        "The run was cancelled or lost its lock before this call, which was therefore not made. Apply again to go on.";
    PURCHASE_UNKNOWN = "DL0411", "Nobody knows whether something was bought",
        "A call that spends money that cannot be refunded (the purchase of a Capacity Block, for example) was sent, and its answer never arrived: the run was killed, or the connection was cut. dlinfra looks for what may have been bought and takes it over when AWS shows it, but it never automatically buys a second time. If nothing was bought, say so with `--not-bought ADDRESS`.";
    KEYS_IN_THE_CLEAR = "DL0412", "Keys would travel without encryption",
        "The endpoint (`--endpoint-url`, AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_S3 and the like, or `endpoint_url` of a profile) is plain http on another machine, and the credentials have the form of AWS's own. Everybody on the way could read what is sent: session tokens, scripts, the journal. Use https, or an endpoint on this machine; emulators take any keys, so give them others.";
    BUG = "DL0499", "A bug in dlinfra",
        "dlinfra broke a promise of its own. Nothing is lost: the journal and the tags know what exists. Please report it with the command and the blueprint.";
}
