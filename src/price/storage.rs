//! Lines for what keeps data: volumes, FSx for Lustre, elastic file systems, buckets, image registries.

use rust_decimal::Decimal;

use super::PriceContext;
use super::book::Unit;
use super::line::{PriceLine, UseItem};
use super::usage::Usage;

/// A block volume, `count` times.
#[derive(Debug, Clone, Copy)]
pub struct Volume<'a> {
    /// `gp3`, `io2` and so on.
    pub volume_type: &'a str,
    /// GiB of one volume.
    pub size_gib: u64,
    /// Provisioned IOPS of one volume.
    pub iops: Option<u64>,
    /// Provisioned MiB/s of one volume.
    pub throughput: Option<u64>,
    /// How many volumes.
    pub count: u64,
}

/// The IOPS and MiB/s that every gp3 volume has without paying for them.
const GP3_INCLUDED: (u64, u64) = (3000, 125);

/// Storage, IOPS and throughput of block volumes.
#[must_use]
pub fn volumes(context: &PriceContext<'_>, volume: &Volume<'_>) -> Vec<PriceLine> {
    let Volume { volume_type, size_gib, iops, throughput, count } = *volume;
    let times = Decimal::from(count);
    let of = |item: &str, unit, what: String, quantity| PriceLine::of(context, "ebs", item, unit, what, quantity);
    let storage = Decimal::from(size_gib).saturating_mul(times);
    let what = format!("{count} x {size_gib} GiB {volume_type} volume");
    let mut lines = vec![of(&format!("{volume_type}-storage"), Unit::GbMonth, what, storage)];
    match volume_type {
        "gp3" => {
            let above = iops.unwrap_or(0).saturating_sub(GP3_INCLUDED.0);
            if above > 0 {
                let what = format!("{count} x {above} IOPS above {}", GP3_INCLUDED.0);
                lines.push(of("gp3-iops", Unit::IopsMonth, what, Decimal::from(above).saturating_mul(times)));
            }
            let above = throughput.unwrap_or(0).saturating_sub(GP3_INCLUDED.1);
            if above > 0 {
                let what = format!("{count} x {above} MiB/s above {}", GP3_INCLUDED.1);
                lines.push(of("gp3-throughput", Unit::MibpsMonth, what, Decimal::from(above).saturating_mul(times)));
            }
        }
        "io1" | "io2" => {
            // Tiers hold for each volume by itself.
            let item = format!("{volume_type}-iops");
            let what = format!("{count} x provisioned IOPS");
            let item = UseItem {
                service: "ebs",
                item: &item,
                unit: Unit::IopsMonth,
                what: &what,
                noun: "IOPS",
                key: "",
                unit_size: Decimal::ONE,
            };
            for mut line in PriceLine::tiered(context, &item, Decimal::from(iops.unwrap_or(0))) {
                line.quantity = line.quantity.saturating_mul(times);
                lines.push(line);
            }
        }
        _ => {}
    }
    lines
}

/// What of an FSx for Lustre file system costs money.
#[derive(Debug, Clone, Copy)]
pub struct Lustre<'a> {
    /// AWS's word: `SCRATCH_1`, `SCRATCH_2`, `PERSISTENT_1`, `PERSISTENT_2`.
    pub deployment: &'a str,
    /// AWS's word: `SSD`, `HDD`, `INTELLIGENT_TIERING`.
    pub storage: &'a str,
    /// Capacity in GiB; not used by intelligent tiering.
    pub size_gib: u64,
    /// MB/s per TiB of a persistent file system.
    pub throughput_per_tib: Option<u64>,
    /// Provisioned MB/s in all, of intelligent tiering.
    pub throughput_capacity: Option<u64>,
    /// Metadata IOPS stated by the user; `None` in automatic mode, whose IOPS are included.
    pub metadata_iops: Option<u64>,
    /// Whether an SSD read cache is added (HDD, intelligent tiering).
    pub read_cache: bool,
    /// Whether backups are kept.
    pub backups: bool,
}

/// Storage, metadata IOPS, throughput, cache and backups of an FSx for Lustre file system.
#[must_use]
pub fn lustre(context: &PriceContext<'_>, file_system: &Lustre<'_>) -> Vec<PriceLine> {
    let size = Decimal::from(file_system.size_gib);
    let deployment = file_system.deployment.to_ascii_lowercase().replace('_', "-");
    let storage = file_system.storage.to_ascii_lowercase();
    let of =
        |item: &str, unit, what: String, quantity| PriceLine::of(context, "fsx-lustre", item, unit, what, quantity);
    let mut lines = Vec::new();
    if storage == "intelligent_tiering" {
        let throughput = file_system.throughput_capacity.unwrap_or(0);
        let what = format!("{throughput} MB/s throughput capacity");
        lines.push(of("tiering-throughput", Unit::MbpsMonth, what, Decimal::from(throughput)));
        let stored = UseItem {
            service: "fsx-lustre",
            item: "tiering-frequent",
            unit: Unit::GbMonth,
            what: "data in the frequent-access tier",
            noun: "GB",
            key: "stored_gb",
            unit_size: Decimal::ONE,
        };
        lines.extend(by_use(context, &stored));
        let infrequent = UseItem {
            item: "tiering-infrequent",
            what: "data in the infrequent-access tier",
            key: "infrequent_gb",
            ..stored
        };
        lines.extend(by_use(context, &infrequent));
    } else {
        let item = match file_system.throughput_per_tib {
            Some(throughput) => format!("{deployment}-{storage}-{throughput}"),
            None => format!("{deployment}-{storage}"),
        };
        let throughput =
            file_system.throughput_per_tib.map(|throughput| format!(", {throughput} MB/s/TiB")).unwrap_or_default();
        let what =
            format!("{} GiB {} {}{throughput}", file_system.size_gib, file_system.deployment, file_system.storage);
        lines.push(of(&item, Unit::GbMonth, what, size));
    }
    if file_system.read_cache {
        let what = "SSD read cache".to_owned();
        lines.push(of(&format!("{storage}-read-cache"), Unit::GbMonth, what, Decimal::ONE));
    }
    if let Some(iops) = file_system.metadata_iops {
        let above = iops.saturating_sub(included_metadata_iops(file_system.size_gib));
        if above > 0 {
            let what = format!("{above} metadata IOPS above those of the size");
            lines.push(of("metadata-iops", Unit::IopsMonth, what, Decimal::from(above)));
        }
    }
    if file_system.backups {
        let stored = UseItem {
            service: "fsx-lustre",
            item: "backup",
            unit: Unit::GbMonth,
            what: "backups",
            noun: "GB",
            key: "backup_gb",
            unit_size: Decimal::ONE,
        };
        lines.extend(PriceLine::by_use(context, &stored, context.usage.stated("backup_gb"), size));
    }
    lines
}

/// The metadata IOPS that automatic mode gives to a size and that are not charged (FSx for Lustre user guide).
#[must_use]
pub fn included_metadata_iops(size_gib: u64) -> u64 {
    match size_gib {
        0..2400 => 1500,
        2400..4800 => 3000,
        4800..12_000 => 6000,
        12_000..48_000 => 12_000,
        _ => size_gib.div_ceil(24_000).saturating_mul(12_000),
    }
}

/// Storage and requests of a bucket.
#[must_use]
pub fn bucket(context: &PriceContext<'_>) -> Vec<PriceLine> {
    let stored = UseItem {
        service: "s3",
        item: "standard-storage",
        unit: Unit::GbMonth,
        what: "standard storage",
        noun: "GB",
        key: "stored_gb",
        unit_size: Decimal::ONE,
    };
    let put = UseItem {
        item: "standard-put",
        unit: Unit::Requests1000,
        what: "writing requests",
        noun: "requests",
        key: "put_requests",
        unit_size: Decimal::ONE_THOUSAND,
        ..stored
    };
    let get = UseItem { item: "standard-get", what: "reading requests", key: "get_requests", ..put };
    let infrequent =
        UseItem { item: "standard-ia-storage", what: "infrequent-access storage", key: "infrequent_gb", ..stored };
    [stored, infrequent, put, get].iter().flat_map(|item| by_use(context, item)).collect()
}

/// A line by use under the table's assumption; none when nobody states it and the table assumes nothing.
pub(super) fn by_use(context: &PriceContext<'_>, item: &UseItem<'_>) -> Vec<PriceLine> {
    let stated = context.usage.stated(item.key);
    let assumed = Usage::assumed(item.key);
    if stated.is_none() && assumed.is_zero() {
        return Vec::new();
    }
    PriceLine::by_use(context, item, stated, assumed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::price::{Amount, PriceBook};
    use serde_json::json;

    fn in_region<'a>(region: &'a str, usage: &'a Usage) -> PriceContext<'a> {
        PriceContext::new(PriceBook::embedded(), region, usage)
    }

    fn month(lines: &[PriceLine]) -> String {
        lines.iter().map(PriceLine::amount).sum::<Amount>().monthly().normalize().to_string()
    }

    const LUSTRE: Lustre<'static> = Lustre {
        deployment: "PERSISTENT_2",
        storage: "SSD",
        size_gib: 4800,
        throughput_per_tib: Some(500),
        throughput_capacity: None,
        metadata_iops: None,
        read_cache: false,
        backups: false,
    };

    #[test]
    fn lustre_by_size_and_throughput() {
        let usage = Usage::default();
        let context = in_region("us-east-1", &usage);
        let lines = lustre(&context, &LUSTRE);
        assert_eq!(month(&lines), "1632");
        assert_eq!(lines[0].amount().hourly().round_dp(3).to_string(), "2.236");
        let scratch = Lustre { deployment: "SCRATCH_2", throughput_per_tib: None, size_gib: 1200, ..LUSTRE };
        assert_eq!(month(&lustre(&context, &scratch)), "168");
        let hdd = Lustre {
            deployment: "PERSISTENT_1",
            storage: "HDD",
            size_gib: 6000,
            throughput_per_tib: Some(12),
            ..LUSTRE
        };
        assert_eq!(month(&lustre(&context, &hdd)), "150");
        let unpriced = lustre(&in_region("eu-west-1", &usage), &LUSTRE);
        assert_eq!(unpriced[0].state.name(), "unpriced");
        let scratch_1 = Lustre { deployment: "SCRATCH_1", ..scratch };
        assert_eq!(lustre(&context, &scratch_1)[0].state.name(), "unpriced");
    }

    #[test]
    fn lustre_metadata_and_backups() {
        let usage = Usage::default();
        let context = in_region("us-east-1", &usage);
        // 12,000 − 6,000 included = 6,000 × 0.055 = 330
        let lines = lustre(&context, &Lustre { metadata_iops: Some(12_000), ..LUSTRE });
        assert_eq!(month(&lines[1..]), "330");
        // A full backup assumed: 4,800 × 0.05 = 240
        let lines = lustre(&context, &Lustre { backups: true, ..LUSTRE });
        assert_eq!((lines[1].state.name(), month(&lines[1..]).as_str()), ("by use", "240"));
        let usage = Usage::from_json(&json!({ "backup_gb": 100 })).unwrap();
        let lines = lustre(&in_region("us-east-1", &usage), &Lustre { backups: true, ..LUSTRE });
        assert_eq!(month(&lines[1..]), "5");
    }

    #[test]
    fn lustre_tiering() {
        let usage = Usage::from_json(&json!({ "stored_gb": 10_000, "infrequent_gb": 20_000 })).unwrap();
        let file_system =
            Lustre { storage: "INTELLIGENT_TIERING", throughput_capacity: Some(4000), read_cache: true, ..LUSTRE };
        let lines = lustre(&in_region("us-east-1", &usage), &file_system);
        // 4,000 × 0.52 + 10,000 × 0.023 + 20,000 × 0.0125; the cache has no rate
        assert_eq!(month(&lines), "2560");
        assert_eq!(lines.iter().filter(|line| line.state.name() == "unpriced").count(), 1);
    }

    #[test]
    fn volumes_to_the_cent() {
        let usage = Usage::default();
        let context = in_region("us-east-1", &usage);
        let gp3 = Volume { volume_type: "gp3", size_gib: 500, iops: Some(6000), throughput: Some(500), count: 4 };
        // 4 × (500 × 0.08 + 3,000 × 0.005 + 375 × 0.04) = 4 × 70
        assert_eq!(month(&volumes(&context, &gp3)), "280");
        let plain = Volume { iops: None, throughput: Some(125), ..gp3 };
        assert_eq!(month(&volumes(&context, &plain)), "160");
        let io2 = Volume { volume_type: "io2", size_gib: 1000, iops: Some(70_000), throughput: None, count: 2 };
        // 2 × (125 + 32,000 × 0.065 + 32,000 × 0.0455 + 6,000 × 0.03185)
        assert_eq!(month(&volumes(&context, &io2)), "7704.2");
        let frankfurt = volumes(&in_region("eu-central-1", &usage), &Volume { count: 1, ..plain });
        assert_eq!(month(&frankfurt), "47.6");
        let io1 = Volume { volume_type: "io1", ..io2 };
        assert!(volumes(&context, &io1).iter().all(|line| line.state.name() == "unpriced"));
    }

    #[test]
    fn buckets_by_stated_usage() {
        let usage =
            Usage::from_json(&json!({ "stored_gb": 60_000, "put_requests": 2_000_000, "get_requests": 50_000_000 }));
        let lines = bucket(&in_region("us-east-1", &usage.unwrap()));
        // 51,200 × 0.023 + 8,800 × 0.022 + 2,000 × 0.005 + 50,000 × 0.0004
        assert_eq!(month(&lines), "1401.2");
        assert!(lines.iter().all(|line| line.state.name() == "by use"));
        let usage = Usage::default();
        let lines = bucket(&in_region("us-east-1", &usage));
        // 100 × 0.023 + 100 × 0.005 + 1,000 × 0.0004
        assert_eq!(month(&lines), "3.2");
        let requests = bucket(&in_region("eu-west-1", &usage));
        assert_eq!(requests.iter().filter(|line| line.state.name() == "unpriced").count(), 2);
    }

    #[test]
    fn metadata_iops_included_by_size() {
        assert_eq!(
            [1200, 2400, 4800, 9600, 12_000, 48_000, 72_000].map(included_metadata_iops),
            [1500, 3000, 6000, 6000, 12_000, 24_000, 36_000]
        );
    }
}
