//! What wakes those who attend to what happens outside of requests.

use tokio::sync::Notify;

/// They ring after every request: there may be something to attend to.
#[derive(Debug, Default)]
pub(crate) struct Bells {
    pub(crate) functions: Notify,
    pub(crate) machines: Notify,
}

impl Bells {
    pub(crate) fn ring(&self) {
        self.functions.notify_one();
        self.machines.notify_one();
    }
}
