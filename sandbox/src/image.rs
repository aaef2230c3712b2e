//! An account as it was at one moment, from which any number of accounts can go on: what crash tests start from.

use std::sync::Arc;

use jiff::Timestamp;

use crate::config::SandboxConfig;
use crate::store::World;

/// What an account held at one moment. Rates of requests and the request log are no part of it: they belong to whoever
/// sends the requests.
pub struct Image {
    pub(crate) config: Arc<SandboxConfig>,
    pub(crate) world: World,
    pub(crate) at: Timestamp,
}

impl Image {
    /// The sandbox time of the moment.
    pub fn time(&self) -> Timestamp {
        self.at
    }

    /// Grows with every change of the account: two images of one sandbox with the same number hold the same.
    pub fn revision(&self) -> u64 {
        self.world.revision()
    }
}

impl std::fmt::Debug for Image {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Image({} at {})", self.revision(), self.at)
    }
}
