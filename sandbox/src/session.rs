//! Sessions: credentials that stand for a role while a function or a machine runs.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::functions::Credentials;
use crate::store::{GLOBAL, World, object};

/// What the access keys of sessions begin with, so that one that has ended is not taken for anybody's key.
const PREFIX: &str = "ASIASANDBOX";

/// A session of a role.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Session {
    /// The access key.
    id: String,
    created: Timestamp,
    /// The ARN of the role.
    pub(crate) role: String,
    /// The name of the session: that of the function, or the id of the machine.
    pub(crate) name: String,
    /// The ARN of what runs.
    pub(crate) function: String,
}

object!(Session, "token/session", id, global true);

/// Who signed a request.
pub(crate) enum Signer {
    /// Somebody of the account who may do everything.
    Anybody,
    /// A role.
    Role(Session),
    /// A role, once.
    Ended,
}

/// Whom an access key stands for.
pub(crate) fn signer(world: &World, access_key: &str) -> Signer {
    match world.get::<Session>(GLOBAL, access_key) {
        Some(session) => Signer::Role(session.clone()),
        None if access_key.starts_with(PREFIX) => Signer::Ended,
        None => Signer::Anybody,
    }
}

/// Begins a session of a role for what has this ARN.
pub(crate) fn begin(world: &mut World, now: Timestamp, role: &str, name: &str, function: &str) -> Credentials {
    let digits = 20 - PREFIX.len();
    let id = format!("{PREFIX}{}", world.new_hex(digits).to_uppercase());
    let (secret, token) = (world.new_hex(40), world.new_hex(64));
    let (role, name, function) = (role.to_owned(), name.to_owned(), function.to_owned());
    world.put(GLOBAL, Session { id: id.clone(), created: now, role, name, function });
    Credentials { access_key: id, secret, token }
}

pub(crate) fn is_live(world: &World, access_key: &str) -> bool {
    world.get::<Session>(GLOBAL, access_key).is_some()
}

/// Ends a session.
pub(crate) fn end(world: &mut World, access_key: &str) {
    world.remove::<Session>(GLOBAL, access_key);
}

/// Ends every session: the process that ran their functions is gone.
pub(crate) fn end_all(world: &mut World) {
    let ids: Vec<String> = world.all::<Session>(GLOBAL).map(|session| session.id.clone()).collect();
    ids.iter().for_each(|id| end(world, id));
}

/// How many sessions a function has: so often it runs now.
pub(crate) fn count(world: &World, function: &str) -> usize {
    world.all::<Session>(GLOBAL).filter(|session| session.function == function).count()
}
