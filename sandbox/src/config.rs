//! What a sandbox is opened with.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::Clock;
use crate::commands::Commands;
use crate::faults::FaultRule;
use crate::functions::Functions;

/// How to open a sandbox. `SandboxConfig::default()` is an in-memory account at real speed.
#[derive(Debug, Clone)]
pub struct SandboxConfig {
    /// Where the account is kept between processes; `None` keeps it in memory.
    pub folder: Option<PathBuf>,
    /// The twelve-digit account number.
    pub account: String,
    /// Identifiers and random faults follow from this number.
    pub seed: u64,
    /// Sandbox seconds per second of tokio's clock.
    pub speed: f64,
    /// tokio's clock is paused, and the caller lets it pass at `speed` or jump: sandbox time is tokio's own. Nobody else
    /// works with the account meanwhile.
    pub paused: bool,
    /// The sandbox time to start from (for reproducible tests); by default the wall clock. A stored account never
    /// goes back before the time at which it was left.
    pub start: Option<Timestamp>,
    /// A clock of the caller's own; `speed` and `start` are then unused.
    pub clock: Option<Arc<dyn Clock>>,
    /// How long to wait for another process to let go of `folder`.
    pub lock_wait: Duration,
    /// What runs the code of functions; `None` only records their invocations.
    pub functions: Option<Arc<dyn Functions>>,
    /// What runs commands on machines, and their user data; without it (`None`) commands are refused.
    pub commands: Option<Arc<dyn Commands>>,
    /// The traits of the simulated account.
    pub behaviour: Behaviour,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self {
            folder: None,
            account: "000000000000".to_owned(),
            seed: 0,
            speed: 1.0,
            paused: false,
            start: None,
            clock: None,
            lock_wait: Duration::from_secs(2),
            functions: None,
            commands: None,
            behaviour: Behaviour::default(),
        }
    }
}

/// The traits of the simulated account; readable from JSON, every field may be left out.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Behaviour {
    /// Windows in which a new object is not yet seen, by service (`ec2`); others are consistent at once.
    pub consistency: BTreeMap<String, Consistency>,
    /// Scales AWS's request-rate buckets: 0.5 halves them, 0 switches throttling off.
    pub throttle: f64,
    /// vCPU limits by quota code, for example `{"L-417A185B": 192}`, and for endpoints by the quota's name; others are
    /// ample.
    pub quotas: BTreeMap<String, u64>,
    /// Free instances by `type@zone`, for example `{"p5.48xlarge@us-east-1a": 4}`, and for endpoints by `type@region`;
    /// others are ample.
    pub capacity: BTreeMap<String, u64>,
    /// What is wrong with containers of endpoints whose image or model data has this text in it.
    pub containers: BTreeMap<String, Ailment>,
    /// Model data is wherever an endpoint looks for it, also in buckets that hold nothing.
    pub assumed_model_data: bool,
    /// Paths of health checks of load balancers that every target answers with 503.
    pub failing_paths: BTreeSet<String>,
    /// Names of buckets that belong to somebody else.
    pub foreign_buckets: BTreeSet<String>,
    /// How many newer builds (up to 3) of each machine image AWS has published: what `latest` stands for.
    pub newer_images: u32,
    /// Scales how long AWS takes for things: 0 makes every life cycle immediate.
    pub durations: f64,
    /// Faults to inject from the beginning.
    pub faults: Vec<FaultRule>,
    /// Further products of the Price List, each a document as GetProducts returns it (recorded answers).
    pub products: Vec<Value>,
    /// What Cost Explorer knows of what was used.
    pub billing: Billing,
}

/// Why a container of an endpoint does not serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ailment {
    /// There is no such image.
    Image,
    /// Its data cannot be downloaded.
    ModelData,
    /// It never answers the health check.
    HealthCheck,
    /// It answers after fifteen minutes only.
    Slow,
}

/// How bills differ from usage at list prices.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Billing {
    /// Days, UTC, of which Cost Explorer has no data.
    pub silent_days: BTreeSet<Date>,
    /// What every amount is multiplied by: 0.9 is a discount of ten percent.
    pub factor: f64,
    /// How many groups a page of an answer holds.
    pub page: usize,
}

impl Default for Billing {
    fn default() -> Self {
        Self { silent_days: BTreeSet::new(), factor: 1.0, page: 500 }
    }
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            consistency: BTreeMap::from([("ec2".to_owned(), Consistency { describe: 1.0, reference: 0.0 })]),
            throttle: 1.0,
            quotas: BTreeMap::new(),
            capacity: BTreeMap::new(),
            containers: BTreeMap::new(),
            assumed_model_data: false,
            failing_paths: BTreeSet::new(),
            foreign_buckets: BTreeSet::new(),
            newer_images: 0,
            durations: 1.0,
            faults: Vec::new(),
            products: Vec::new(),
            billing: Billing::default(),
        }
    }
}

/// For how many seconds a new object is not yet seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Consistency {
    /// By reading calls: lists leave it out, a read by id answers not found.
    pub describe: f64,
    /// By calls that refer to it in a change (a subnet in a new VPC).
    pub reference: f64,
}
