//! What no kind can be made from, with its explanations.
use crate::diagnostic::codes;

codes! {
    /// All of them.
    pub(crate) CODES:
    KNOWN_TOO_LATE = "DL0301", "A field must be known before anything is made",
        "The field decides something that must be settled before the first call, so it cannot wait for another resource's attribute. Use a value that is known: a variable, a local, or another resource as a pointer.";
    SHAPE = "DL0302", "A resource does not have the shape of its kind",
        "The fields do not fit together in a way that the kind can read. `dlinfra kinds KIND` shows the fields.";
}
