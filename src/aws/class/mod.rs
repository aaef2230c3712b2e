//! What an AWS answer means. The status is asked first, since it says whether something may have happened; then what
//! single services mean by a code; then the code itself.
pub(super) mod advice;
mod codes;
mod services;
#[cfg(test)]
mod tests;

pub(super) use codes::is_throttle;

use super::ErrorClass;

/// An error that AWS answered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answer<'a> {
    /// `ec2:CreateVpc`.
    pub operation: &'a str,
    /// The HTTP status.
    pub status: u16,
    /// AWS's code; empty where it gave none.
    pub code: &'a str,
    /// AWS's words.
    pub message: &'a str,
}

impl Answer<'_> {
    /// The class of this answer.
    pub(super) fn class(&self) -> ErrorClass {
        use ErrorClass as C;
        let (service, action) = self.operation.split_once(':').unwrap_or(("", self.operation));
        if services::not_visible_yet(self) {
            return C::NotVisibleYet;
        }
        if self.status == 429 || is_throttle(self.code) || services::is_throttle(service, self.code) {
            return C::Throttled;
        }
        // AWS says that it has no room with a status of its own fault, and has done nothing then.
        if codes::is_capacity(self.code) {
            return C::Capacity;
        }
        // Whatever else is said: AWS failed on its side, and nobody knows whether before or after the work. A 501 alone
        // says that there is nothing that could have worked.
        if self.status == 408 || self.status >= 500 && self.status != 501 {
            return C::Ambiguous;
        }
        services::by_words(self)
            .or_else(|| services::class(service, action, self.code))
            .or_else(|| codes::class(self.code))
            .unwrap_or_else(|| by_status(self.status))
    }
}

/// The class of a code that nobody foresaw.
fn by_status(status: u16) -> ErrorClass {
    match status {
        401 => ErrorClass::Credentials,
        403 => ErrorClass::Denied,
        404 | 410 => ErrorClass::NotFound,
        409 | 412 | 423 | 428 => ErrorClass::WrongState,
        400..=499 | 501 => ErrorClass::Invalid,
        _ => ErrorClass::Other,
    }
}
