//! Lines for endpoints: machines that serve, their disks, serverless computing.

use rust_decimal::Decimal;

use super::PriceContext;
use super::book::Unit;
use super::compute::{most_expensive, reserved_instances};
use super::line::{PriceLine, UseItem};
use super::storage::by_use;

/// What of a variant costs money.
#[derive(Debug, Clone, Copy)]
pub struct Hosted<'a> {
    /// Its name.
    pub variant: &'a str,
    /// The types that its machines may have, the best first; none of a serverless one.
    pub machines: &'a [&'a str],
    /// What has been paid for its machines already.
    pub reserved: Option<&'a str>,
    /// How many, where nothing scales.
    pub count: u32,
    /// The fewest and the most machines, where something scales.
    pub scaling: Option<(u32, u32)>,
    /// How many machines there are at the moment, of what is live: these cost money, and no others.
    pub now: Option<u32>,
    /// The memory of a serverless one.
    pub memory_gib: Option<u64>,
    /// The disk of each machine, where it was stated.
    pub disk_gib: Option<u64>,
}

/// Machines by the hour, what scaling may add, disks, or seconds of memory. The total is that of the most machines.
#[must_use]
pub fn variant(context: &PriceContext<'_>, hosted: &Hosted<'_>) -> Vec<PriceLine> {
    if let Some(memory) = hosted.memory_gib {
        let what = format!("serverless computing of {}, {memory} GiB", hosted.variant);
        let item = UseItem {
            service: "sagemaker",
            item: "serverless",
            unit: Unit::GbSecond,
            what: &what,
            noun: "seconds",
            key: "inference_seconds",
            unit_size: Decimal::ONE,
        };
        let mut lines = by_use(context, &item);
        lines.iter_mut().for_each(|line| line.quantity = line.quantity.saturating_mul(Decimal::from(memory)));
        return lines;
    }
    let hours = |machine: &str, what: String, count: u32| {
        PriceLine::of(context, "sagemaker", machine, Unit::Hour, what, Decimal::from(count))
    };
    let scaled = hosted.now.map(|now| (now, now)).or(hosted.scaling);
    let (least, most) = scaled.unwrap_or((hosted.count, hosted.count));
    // Any of the types may be the one that there is capacity of: the most expensive counts.
    let dearest = |what: &dyn Fn(&str) -> String, count: u32| {
        most_expensive(hosted.machines.iter().map(|machine| hours(machine, what(machine), count)).collect())
    };
    let mut lines = Vec::new();
    if let (Some(plan), Some(machine)) = (hosted.reserved, hosted.machines.first()) {
        lines.push(reserved_instances(machine, most, plan));
    } else {
        lines.extend(dearest(&|machine| format!("{least} x {machine}, hosting"), least));
        if most > least {
            let more = most - least;
            let what = |machine: &str| format!("up to {more} more x {machine}, when it scales");
            lines.extend(dearest(&what, more).map(PriceLine::scaling));
        }
    }
    if let Some(disk) = hosted.disk_gib {
        let size = Decimal::from(disk).saturating_mul(Decimal::from(most));
        let what = format!("{disk} GiB disk of each machine");
        lines.push(PriceLine::of(context, "sagemaker", "hosting-storage", Unit::GbMonth, what, size));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::price::{Amount, PriceBook, Usage};

    const PLAIN: Hosted<'_> = Hosted {
        variant: "main",
        machines: &["ml.g5.xlarge"],
        reserved: None,
        count: 2,
        scaling: None,
        now: None,
        memory_gib: None,
        disk_gib: None,
    };

    fn month(hosted: &Hosted<'_>) -> String {
        let usage = Usage::default();
        let context = PriceContext::new(PriceBook::embedded(), "us-east-1", &usage);
        variant(&context, hosted).iter().map(PriceLine::amount).sum::<Amount>().monthly().normalize().to_string()
    }

    #[test]
    fn endpoints_to_the_cent() {
        // 2 x 1.408 x 730
        assert_eq!(month(&PLAIN), "2055.68");
        // What it costs at most: 4 x 1.408 x 730.
        assert_eq!(month(&Hosted { scaling: Some((1, 4)), ..PLAIN }), "4111.36");
        // Machines that follow inference components, down to none: 3 x 1.408 x 730 at most, and nothing for components.
        assert_eq!(month(&Hosted { scaling: Some((0, 3)), ..PLAIN }), "3083.52");
        // Any of its types may be the one: 2 x 1.515 x 730.
        assert_eq!(month(&Hosted { machines: &["ml.g5.xlarge", "ml.g5.2xlarge"], ..PLAIN }), "2211.9");
        // A training plan is paid, used or not.
        assert_eq!(month(&Hosted { reserved: Some("plan"), ..PLAIN }), "0");
        assert_eq!(month(&Hosted { disk_gib: Some(50), machines: &["ml.none"], ..PLAIN }), "14");
        // 10,000 s x 3 GB x 0.00002
        assert_eq!(month(&Hosted { machines: &[], memory_gib: Some(3), ..PLAIN }), "0.6");
    }
}
