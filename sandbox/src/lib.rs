//! A simulated AWS for people without an account, and for tests.
//!
//! The crate answers the HTTP requests of a real AWS client: the SDK in process through
//! [`Sandbox::http_client`], or any client on a loopback port through [`serve`]. What it does not know it
//! refuses with `NotImplemented` naming the operation or the parameter; nothing is ignored.
//!
//! One request goes through these layers, each in its own module:
//! `connector` or `server` (transport) → `sandbox` (log, faults, throttling) → `wire` (protocols) →
//! `service` (a table of operations) → `services` (behaviour) → `store` (objects) → `disk` (persistence).
//!
//! What a request or a schedule sets going outside of the account, the code of functions, runs behind [`Functions`]:
//! in `processes` for a served sandbox, in a fake of their own for tests; what is sent to machines runs behind
//! [`Commands`], in `machines`. Nothing is locked meanwhile.
//!
//! Invariants:
//! - A handler is one transaction: on an error, on a dry run or on an unread parameter nothing changes.
//! - Every change is on disk before its response leaves, so a killed client never makes an object vanish.
//! - Time is the sandbox's own [`Clock`]: it never runs backwards, also not between processes.
//! - Same seed and same requests, same identifiers.
//! - A request that is signed with the credentials of a role may do what the role may; all others may do everything.
//! - Nothing here is shared with dlinfra itself, or the two would agree on mistakes.

mod archive;
mod attend;
mod attend_machines;
mod authorize;
mod bells;
mod call;
mod client_token;
mod clock;
mod commands;
mod config;
mod connector;
mod content;
mod disk;
mod error;
mod execute;
mod faults;
mod functions;
mod history;
mod iam_model;
mod image;
mod images;
mod inventory;
mod life;
mod machines;
mod measurement;
mod model;
mod page;
mod policy;
mod processes;
mod regions;
mod request_log;
mod sandbox;
mod scratch;
mod server;
mod service;
mod services;
mod session;
mod status;
mod store;
mod table;
mod tagged;
mod throttle;
mod timeline;
mod wire;

pub use clock::{Clock, ScaledClock};
pub use commands::{Boot, Commands, Machine, Order, Outcome};
pub use config::{Ailment, Behaviour, Billing, Consistency, SandboxConfig};
pub use disk::OpenError;
pub use faults::{FaultAction, FaultRule};
pub use functions::{Answer, Credentials, Functions, Invocation};
pub use image::Image;
pub use images::ami_for;
pub use inventory::StoredObject;
pub use machines::Machines;
pub use measurement::Measurement;
pub use processes::Processes;
pub use request_log::{LogEntry, RequestLog};
pub use sandbox::{HandleOutcome, Sandbox};
pub use server::serve;
pub use status::Status;
