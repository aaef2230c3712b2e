//! Facts about AWS that the engine needs before it asks AWS: instance types, regions, images, quotas, durations.
//!
//! The facts are data (`data/*.csv`), embedded in the binary, each with its source, date and confidence. Live AWS wins
//! wherever it is asked; the catalog answers offline, so that a plan needs no account.

pub(crate) mod codes;
pub mod durations;
pub mod image;
pub mod instance;
pub mod quota;
pub mod region;

pub use crate::facts::Confidence;
pub use instance::{Accelerator, Arch, Driver, InstanceType, UnknownType, instance_facts, instance_type};
pub use region::{is_known_region, zones};
