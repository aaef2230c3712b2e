//! What sends requests to members of fleets must let them go before they end.
use super::{Ctx, backoff};
use crate::{
    aws::{Error, ErrorClass},
    resource::{Id, Released},
};
use futures_util::future::BoxFuture;
use std::time::Duration;

/// What else of the stack sends something to members of fleets.
pub trait Senders: Send + Sync {
    /// Asks all of it once to let these go, and to take on those that stay.
    fn release<'a>(&'a self, ending: &'a [Id], staying: &'a [Id]) -> BoxFuture<'a, Result<Released, Error>>;
}

/// Nothing does.
impl Senders for () {
    fn release<'a>(&'a self, _: &'a [Id], _: &'a [Id]) -> BoxFuture<'a, Result<Released, Error>> {
        Box::pin(async { Ok(Released::Free) })
    }
}

impl Ctx {
    /// Before members of a fleet end: waits until nobody sends them anything any more, and they are done with what they
    /// have. Those that stay take over.
    ///
    /// # Errors
    /// Those that stay do not come to work, so that the others are kept.
    pub async fn let_go(&self, ending: &[Id], staying: &[Id]) -> Result<(), Error> {
        let (mut began, mut patience) = (self.clock.now(), Duration::ZERO);
        let mut tries = 0;
        loop {
            let Released::Waits { why, at_most } = self.senders.release(ending, staying).await? else { return Ok(()) };
            // Another reason has its own time.
            if at_most != patience {
                (began, patience) = (self.clock.now(), at_most);
            }
            let why = Error::new(ErrorClass::WrongState, format!("{} cannot end yet: {why}", ending.join(", ")));
            if self.clock.now().duration_since(began).unsigned_abs() > at_most {
                return Err(Error { class: ErrorClass::Other, ..why }
                    .help("find out why the other members do not work or these do not finish, and apply again: none of these has ended"));
            }
            self.waiting(&why);
            self.clock.sleep(backoff(tries)).await;
            tries += 1;
        }
    }
}
