//! Lines for managed services: clusters, model endpoints, alarms, logs, keys, secrets.

use rust_decimal::Decimal;

use super::PriceContext;
use super::book::Unit;
use super::line::{PriceLine, UseItem};
use super::storage::by_use;

/// An EKS control plane; `extended` support for an old Kubernetes version costs six times as much.
#[must_use]
pub fn eks_cluster(context: &PriceContext<'_>, extended: bool) -> PriceLine {
    let (item, what) = match extended {
        false => ("control-plane", "control plane"),
        true => ("control-plane-extended", "control plane in extended support"),
    };
    PriceLine::of(context, "eks", item, Unit::Hour, what, Decimal::ONE)
}

/// An AWS PCS cluster of a size (`SMALL`, `MEDIUM`, `LARGE`) with so many nodes.
#[must_use]
pub fn pcs_cluster(context: &PriceContext<'_>, size: &str, nodes: u32) -> Vec<PriceLine> {
    let controller = format!("controller-{}", size.to_ascii_lowercase());
    let what = format!("{size} Slurm controller");
    vec![
        PriceLine::of(context, "pcs", &controller, Unit::Hour, what, Decimal::ONE),
        PriceLine::of(context, "pcs", "node", Unit::Hour, format!("management of {nodes} nodes"), Decimal::from(nodes)),
    ]
}

/// Instances behind a SageMaker endpoint or in a SageMaker cluster; `instance_type` starts with `ml.`.
#[must_use]
pub fn sagemaker_instances(context: &PriceContext<'_>, instance_type: &str, count: u32) -> PriceLine {
    let what = format!("{count} x {instance_type}");
    PriceLine::of(context, "sagemaker", instance_type, Unit::Hour, what, Decimal::from(count))
        .running(context.usage.share_of_day())
}

/// Alarms, of high resolution when their period is under a minute.
#[must_use]
pub fn alarms(context: &PriceContext<'_>, count: u32, high_resolution: bool) -> PriceLine {
    let item = if high_resolution { "alarm-high-resolution" } else { "alarm" };
    let what = if count == 1 { "alarm".to_owned() } else { format!("{count} alarms") };
    PriceLine::of(context, "cloudwatch", item, Unit::Month, what, Decimal::from(count))
}

/// A dashboard.
#[must_use]
pub fn dashboard(context: &PriceContext<'_>) -> PriceLine {
    PriceLine::of(context, "cloudwatch", "dashboard", Unit::Month, "dashboard", Decimal::ONE)
}

/// A log group: what is written and what is kept, by use.
#[must_use]
pub fn log_group(context: &PriceContext<'_>) -> Vec<PriceLine> {
    let written = UseItem {
        service: "cloudwatch",
        item: "logs-ingestion",
        unit: Unit::Gb,
        what: "logs written",
        noun: "GB",
        key: "ingested_gb",
        unit_size: Decimal::ONE,
    };
    let kept =
        UseItem { item: "logs-storage", unit: Unit::GbMonth, what: "logs kept", key: "log_stored_gb", ..written };
    [written, kept].iter().flat_map(|item| by_use(context, item)).collect()
}

/// A customer-managed key and the requests to it.
#[must_use]
pub fn key(context: &PriceContext<'_>) -> Vec<PriceLine> {
    let mut lines = vec![PriceLine::of(context, "kms", "key", Unit::Month, "key", Decimal::ONE)];
    lines.extend(by_use(context, &requests("kms")));
    lines
}

/// A secret and the requests to it.
#[must_use]
pub fn secret(context: &PriceContext<'_>) -> Vec<PriceLine> {
    let mut lines = vec![PriceLine::of(context, "secrets-manager", "secret", Unit::Month, "secret", Decimal::ONE)];
    lines.extend(by_use(context, &requests("secrets-manager")));
    lines
}

fn requests(service: &str) -> UseItem<'_> {
    UseItem {
        service,
        item: "requests",
        unit: Unit::Requests10000,
        what: "requests",
        noun: "requests",
        key: "requests",
        unit_size: Decimal::from_parts(10_000, 0, 0, false, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::price::{Amount, Market, PriceBook, Usage};

    fn month(lines: &[PriceLine]) -> String {
        lines.iter().map(PriceLine::amount).sum::<Amount>().monthly().normalize().to_string()
    }

    #[test]
    fn managed_services_to_the_cent() {
        let usage = Usage::default();
        let context = PriceContext::new(PriceBook::embedded(), "us-east-1", &usage);
        assert_eq!(month(&[eks_cluster(&context, false)]), "73");
        assert_eq!(month(&[eks_cluster(&context, true)]), "438");
        assert_eq!(month(&[alarms(&context, 3, true)]), "0.9");
        assert_eq!(month(&[dashboard(&context)]), "3");
        assert_eq!(month(&log_group(&context)), "0.53");
        assert_eq!(month(&key(&context)), "1.03");
        assert_eq!(month(&secret(&context)), "0.45");
        // 2 × 1.408 × 730
        assert_eq!(month(&[sagemaker_instances(&context, "ml.g5.xlarge", 2)]), "2055.68");
    }

    #[test]
    fn what_nobody_published_is_unpriced() {
        let usage = Usage::default();
        let context = PriceContext::new(PriceBook::embedded(), "us-east-1", &usage);
        assert!(pcs_cluster(&context, "SMALL", 4).iter().all(|line| line.state.name() == "unpriced"));
        assert_eq!(sagemaker_instances(&context, "ml.p5.48xlarge", 1).state.name(), "unpriced");
        assert_eq!(super::super::compute::instances(&context, "x9.huge", 1, Market::OnDemand).state.name(), "unpriced");
    }
}
