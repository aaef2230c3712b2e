//! What AWS turned out not to have, with its explanations.
use crate::diagnostic::codes;

codes! {
    /// All of them.
    pub(crate) CODES:
    ZONE_NOT_THERE = "DL0383", "Zone that the account does not have",
        "AWS does not list the zone among those of this account in this region. Names of zones are per account, \
         some zones are closed to new accounts, and Local Zones must be enabled first.";
    IMAGE_NOT_THERE = "DL0386", "Image that does not exist",
        "No image has this id in the region, no public parameter of this name holds one, or it is made for \
         another processor than that of the type.";
}
