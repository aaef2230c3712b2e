//! Errors that say who is to blame and what to do next.
use crate::aws::codes;
use crate::{
    address::Address,
    diagnostic::{Code, Diagnostic, Diagnostics},
};
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
    /// What refused, if it was not AWS.
    pub own: Option<&'static Code>,
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
        Self { class, code: None, operation: None, message: message.into(), help: None, request_id: None, own: None }
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

impl Error {
    /// The code that `dlinfra explain` knows.
    pub fn diagnostic_code(&self) -> &'static Code {
        match self.class {
            ErrorClass::Denied => &codes::DENIED,
            ErrorClass::Credentials => &codes::CREDENTIALS,
            ErrorClass::Unreachable => &codes::UNREACHABLE,
            ErrorClass::Throttled => &codes::THROTTLED,
            ErrorClass::Capacity => &codes::CAPACITY,
            ErrorClass::Quota => &codes::QUOTA,
            ErrorClass::Stranger => &codes::STRANGER,
            ErrorClass::Stopped => &codes::STOPPED,
            ErrorClass::Purchase => &codes::PURCHASE_UNKNOWN,
            ErrorClass::Bug => &codes::BUG,
            ErrorClass::Journal => self.own.unwrap_or(&codes::REFUSED),
            _ => &codes::REFUSED,
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
