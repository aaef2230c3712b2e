//! What AWS told an account about types, zones and offers, kept in a file, and laid over the embedded facts.
//!
//! The file is a cache: it can be deleted at any time, and `dlinfra catalog refresh` makes it again. The command lays it
//! over the facts before it looks at any of them; nothing in the library reads it by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{LazyLock, OnceLock};

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::instance::{Accelerator, Arch, InstanceType, UsageClasses};
use crate::aws::{Aws, DescribedType, DescribedZone, Error};
use crate::facts::{Confidence, Source};
use crate::private;

/// What AWS said of one region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldRegion {
    /// When it was asked.
    pub read: Timestamp,
    /// The account that asked: names of zones, and which of them there are, depend on it.
    pub account: String,
    /// Zones in order of their names.
    pub zones: Vec<DescribedZone>,
    /// Names of zones, by type.
    pub offers: BTreeMap<String, BTreeSet<String>>,
    /// Every type of the region.
    pub types: Vec<DescribedType>,
}

/// What AWS said, by region.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Told {
    /// By code.
    pub regions: BTreeMap<String, ToldRegion>,
}

/// A file of refreshed facts that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ToldError {
    /// Not in the form that this version writes.
    #[error("the file of refreshed facts {path} cannot be read: {why}")]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// The disk refuses.
    #[error("the file of refreshed facts {path} cannot be used: {why}")]
    Disk {
        /// The file.
        path: String,
        /// In the words of the operating system.
        why: String,
    },
}

#[derive(Serialize, Deserialize)]
struct Document {
    v: u32,
    regions: BTreeMap<String, ToldRegion>,
}

impl ToldRegion {
    /// Asks AWS. Nothing is half read: what cannot be asked is the error.
    ///
    /// # Errors
    /// As of any call.
    pub async fn ask(aws: &Aws) -> Result<Self, Error> {
        let account = aws.identity().await?.account.clone();
        let zones = aws.described_zones().await?;
        let offers = aws.all_offers().await?;
        let types = aws.instance_types().await?;
        Ok(Self { read: aws.clock().now(), account, zones, offers, types })
    }

    /// `2026-12-01`
    #[must_use]
    pub fn date(&self) -> String {
        self.read.strftime("%Y-%m-%d").to_string()
    }
}

impl Told {
    /// What is in a file; nothing when there is none.
    ///
    /// # Errors
    /// A file that is damaged or may not be read.
    pub fn load(path: &Path) -> Result<Self, ToldError> {
        let shown = || path.display().to_string();
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(ToldError::Disk { path: shown(), why: error.to_string() }),
        };
        let damaged = |why: String| ToldError::Damaged { path: shown(), why };
        let read: Document = serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
        if read.v != 1 {
            return Err(damaged(format!("version {} is not known", read.v)));
        }
        Ok(Self { regions: read.regions })
    }

    /// Puts these regions into the file beside those that it has; a damaged file is replaced.
    ///
    /// # Errors
    /// A folder that may not be written; the old file stays whole.
    pub fn save(&self, path: &Path) -> Result<(), ToldError> {
        let text = || {
            let mut all = Self::load(path).unwrap_or_default();
            all.regions.extend(self.regions.clone());
            // Strings, numbers and times always have a JSON form.
            let mut text = serde_json::to_string(&Document { v: 1, regions: all.regions }).unwrap_or_default();
            text.push('\n');
            text
        };
        let disk = |error: std::io::Error| ToldError::Disk { path: path.display().to_string(), why: error.to_string() };
        private::replace(path, text).map_err(disk)
    }
}

static LAID: OnceLock<Told> = OnceLock::new();

/// Lays facts over the embedded ones. It is for the beginning of a process: what was looked at before stays as it was.
pub fn lay(told: Told) {
    // The first one holds.
    let _ = LAID.set(told);
}

/// What AWS told of a region.
#[must_use]
pub fn of_region(region: &str) -> Option<&'static ToldRegion> {
    LAID.get()?.regions.get(region)
}

/// The types that were told of, over those that are known; what was asked last counts.
pub(super) fn over(known: &mut BTreeMap<String, InstanceType>) {
    let Some(told) = LAID.get() else { return };
    let mut regions: Vec<&ToldRegion> = told.regions.values().collect();
    regions.sort_by_key(|region| region.read);
    for described in regions.into_iter().flat_map(|region| &region.types) {
        if let Some(one) = one(described, known.get(&described.name)) {
            known.insert(described.name.clone(), one);
        }
    }
}

fn source() -> &'static Source {
    static SOURCE: LazyLock<Source> = LazyLock::new(|| {
        let regions = LAID.get().into_iter().flat_map(|told| told.regions.values());
        let newest = regions.max_by_key(|region| region.read);
        Source {
            date: newest.map(ToldRegion::date).unwrap_or_default(),
            title: "DescribeInstanceTypes, asked by `dlinfra catalog refresh`".to_owned(),
        }
    });
    &SOURCE
}

/// A type as AWS describes it, with what only the embedded row knows.
fn one(told: &DescribedType, known: Option<&InstanceType>) -> Option<InstanceType> {
    let gib = |mib: u64, digits| (Decimal::from(mib) / Decimal::from(1024)).round_dp(digits).normalize();
    let has = |class: &str| told.usage.iter().any(|usage| usage == class);
    let accelerator = told.accelerator.as_ref().map(|device| Accelerator {
        vendor: device.vendor.clone(),
        name: device.name.clone(),
        count: device.count,
        memory_gib: gib(device.memory_mib, 1),
    });
    Some(InstanceType {
        name: told.name.clone(),
        vcpus: told.vcpus,
        memory_gib: gib(told.memory_mib, 3),
        arch: Arch::from_name(&told.arch)?,
        accelerator: accelerator.or_else(|| known.and_then(|known| known.accelerator.clone())),
        network_gbps: told.network_gbps.or(known.map(|known| known.network_gbps)).unwrap_or_default(),
        efa_interfaces: told.efa_interfaces,
        network_cards: told.network_cards,
        enis: Some(told.enis),
        nvme_gb: told.nvme_gb,
        usage: UsageClasses { on_demand: has("on-demand"), spot: has("spot"), capacity_block: has("capacity-block") },
        interruption: known.and_then(|known| known.interruption),
        source: source(),
        confidence: Confidence::High,
        note: known.map(|known| known.note.clone()).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::instance::instance_type;
    use super::*;
    use crate::aws::DescribedDevice;

    fn told() -> ToldRegion {
        let device = DescribedDevice {
            vendor: "NVIDIA".to_owned(),
            name: "X1".to_owned(),
            count: Decimal::from(8),
            memory_mib: 81_920,
        };
        let new = DescribedType {
            name: "p99.48xlarge".to_owned(),
            vcpus: 192,
            memory_mib: 2_097_152,
            arch: "x86_64".to_owned(),
            accelerator: Some(device),
            network_gbps: None,
            efa_interfaces: 32,
            network_cards: 32,
            enis: 64,
            nvme_gb: 30_400,
            usage: vec!["capacity-block".to_owned()],
        };
        let old = DescribedType { name: "p5.48xlarge".to_owned(), accelerator: None, ..new.clone() };
        ToldRegion {
            read: "2026-12-01T10:00:00Z".parse().unwrap(),
            account: "000000000000".to_owned(),
            zones: Vec::new(),
            offers: BTreeMap::from([("p99.48xlarge".to_owned(), BTreeSet::from(["us-east-1a".to_owned()]))]),
            types: vec![new, old],
        }
    }

    #[test]
    fn a_file_is_read_as_it_was_written_and_keeps_other_regions() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("deep/catalog.json");
        assert_eq!(Told::load(&file), Ok(Told::default()));
        let of = |region: &str| Told { regions: BTreeMap::from([(region.to_owned(), told())]) };
        of("us-east-1").save(&file).unwrap();
        of("eu-west-1").save(&file).unwrap();
        let all = Told::load(&file).unwrap();
        assert_eq!(all.regions.keys().collect::<Vec<_>>(), ["eu-west-1", "us-east-1"]);
        assert_eq!(
            (all.regions["us-east-1"].clone(), all.regions["us-east-1"].date()),
            (told(), "2026-12-01".to_owned())
        );
        for text in ["{", r#"{"v":2,"regions":{}}"#, r#"{"v":1}"#] {
            std::fs::write(&file, text).unwrap();
            assert!(matches!(Told::load(&file), Err(ToldError::Damaged { .. })), "{text}");
        }
        of("us-east-1").save(&file).unwrap();
        assert_eq!(Told::load(&file).unwrap().regions.len(), 1, "a damaged file is replaced");
    }

    #[test]
    fn what_aws_does_not_say_stays_as_it_is_known() {
        let told = told();
        let [new, old] = &told.types[..] else { panic!() };
        let new = one(new, None).unwrap();
        assert_eq!((new.memory_gib, new.network_gbps), (Decimal::from(2048), Decimal::ZERO));
        assert!(new.usage.capacity_block && !new.usage.on_demand);
        let known = instance_type("p5.48xlarge").unwrap();
        let old = one(old, Some(known)).unwrap();
        assert_eq!((&old.accelerator, old.network_gbps), (&known.accelerator, known.network_gbps));
    }
}
