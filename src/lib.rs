//! dlinfra: declarative infrastructure as code for deep learning on AWS.
pub mod address;
pub mod aws;
pub mod call;
pub mod catalog;
pub mod clock;
pub mod diagnostic;
pub mod facts;
pub mod field;
pub mod journal;
pub mod kind;
pub mod kinds;
pub mod price;
pub mod record;
pub mod resource;
pub mod spec;
pub mod topology;
pub mod units;
