//! The bill: priced lines of every resource, and their sums by module, kind or owner.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::price::{Amount, LineState, PriceLine};

/// The lines of one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its address.
    pub address: String,
    /// Its kind.
    pub kind: String,
    /// Who owns it.
    pub owner: Option<String>,
    /// What it costs; empty when it is free.
    pub lines: Vec<PriceLine>,
}

impl Item {
    /// The module instance that it lies in; empty for a resource of the blueprint itself.
    #[must_use]
    pub fn module(&self) -> &str {
        self.address.rsplit_once('.').map_or("", |(module, _)| module)
    }

    /// What its lines come to.
    #[must_use]
    pub fn sum(&self) -> Sum {
        self.lines.iter().map(Sum::of).fold(Sum::default(), Sum::plus)
    }
}

/// How long a run lasts, for $/run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Hours from the first to the last.
    pub hours: Decimal,
    /// Who says so.
    pub source: RunSource,
}

/// Where the length of a run comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunSource {
    /// `ttl:` of the blueprint.
    Ttl,
    /// `--hours`.
    Flag,
}

impl RunSource {
    /// The word used in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ttl => "ttl",
            Self::Flag => "--hours",
        }
    }
}

/// Lines added up: certain money and money by use apart, the rest counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sum {
    /// Of priced and upfront lines.
    pub fixed: Amount,
    /// The part of `fixed` that is paid only while something has scaled up.
    pub scales: Amount,
    /// Of lines by use, under their stated or assumed quantities.
    pub by_use: Amount,
    /// How many lines are priced.
    pub priced: usize,
    /// How many go by use.
    pub used: usize,
    /// How many have no price.
    pub unpriced: usize,
    /// How many something else pays.
    pub paid_elsewhere: usize,
    /// How many are paid upfront.
    pub upfront: usize,
}

impl Sum {
    /// One line as a sum.
    #[must_use]
    pub fn of(line: &PriceLine) -> Self {
        let amount = line.amount();
        match &line.state {
            LineState::Priced => {
                let scales = if line.scales { amount } else { Amount::default() };
                Self { fixed: amount, scales, priced: 1, ..Self::default() }
            }
            LineState::ByUse { .. } => Self { by_use: amount, used: 1, ..Self::default() },
            LineState::Unpriced { .. } => Self { unpriced: 1, ..Self::default() },
            LineState::PaidElsewhere { .. } => Self { paid_elsewhere: 1, ..Self::default() },
            LineState::Upfront => Self { fixed: amount, upfront: 1, ..Self::default() },
        }
    }

    /// Both sums together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            fixed: self.fixed + other.fixed,
            scales: self.scales + other.scales,
            by_use: self.by_use + other.by_use,
            priced: self.priced + other.priced,
            used: self.used + other.used,
            unpriced: self.unpriced + other.unpriced,
            paid_elsewhere: self.paid_elsewhere + other.paid_elsewhere,
            upfront: self.upfront + other.upfront,
        }
    }

    /// Certain money and money by use together.
    #[must_use]
    pub fn total(&self) -> Amount {
        self.fixed + self.by_use
    }

    /// The same as long as nothing has scaled up.
    #[must_use]
    pub fn least(&self) -> Amount {
        self.total() - self.scales
    }

    /// How many lines there are.
    #[must_use]
    pub fn lines(&self) -> usize {
        self.priced + self.used + self.unpriced + self.paid_elsewhere + self.upfront
    }
}

/// What the sums are grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupBy {
    /// Module instances, by their address.
    Module,
    /// Kinds.
    Kind,
    /// Owners.
    Owner,
}

/// Every resource of a stack (or of several) with its lines.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bill {
    /// In order of their addresses.
    pub items: Vec<Item>,
    /// How long a run lasts, where that is known.
    pub run: Option<Run>,
}

impl Bill {
    /// A bill over items in any order.
    #[must_use]
    pub fn new(mut items: Vec<Item>, run: Option<Run>) -> Self {
        items.sort_by(|a, b| a.address.cmp(&b.address));
        for item in &mut items {
            for line in &mut item.lines {
                line.address.get_or_insert_with(|| item.address.clone());
            }
        }
        Self { items, run }
    }

    /// Everything added up.
    #[must_use]
    pub fn sum(&self) -> Sum {
        self.items.iter().map(Item::sum).fold(Sum::default(), Sum::plus)
    }

    /// Sums by group, the most expensive hour first, then by name.
    #[must_use]
    pub fn grouped(&self, by: GroupBy) -> Vec<(String, Sum)> {
        let mut groups: BTreeMap<&str, Sum> = BTreeMap::new();
        for item in &self.items {
            let name = match by {
                GroupBy::Module => item.module(),
                GroupBy::Kind => item.kind.as_str(),
                GroupBy::Owner => item.owner.as_deref().unwrap_or_default(),
            };
            let sum = groups.entry(name).or_default();
            *sum = sum.plus(item.sum());
        }
        let mut groups: Vec<(String, Sum)> = groups.into_iter().map(|(name, sum)| (name.to_owned(), sum)).collect();
        groups.sort_by_key(|(_, sum)| std::cmp::Reverse(sum.total().hourly()));
        groups
    }

    /// Every line, in order of addresses.
    pub fn lines(&self) -> impl Iterator<Item = &PriceLine> {
        self.items.iter().flat_map(|item| &item.lines)
    }

    /// The lines that cost most, by `weight`; lines that cost nothing are left out.
    #[must_use]
    pub fn largest(&self, count: usize, weight: impl Fn(&Amount) -> Decimal) -> Vec<&PriceLine> {
        let mut lines: Vec<(Decimal, &PriceLine)> =
            self.lines().map(|line| (weight(&line.amount()), line)).filter(|(weight, _)| !weight.is_zero()).collect();
        lines.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
        lines.into_iter().take(count).map(|(_, line)| line).collect()
    }

    /// The lines without a price.
    pub fn unpriced(&self) -> impl Iterator<Item = &PriceLine> {
        self.lines().filter(|line| matches!(line.state, LineState::Unpriced { .. }))
    }

    /// Dollars spent from the start until `hours` later, upfront fees included.
    #[must_use]
    pub fn spent_after(&self, hours: Decimal) -> Decimal {
        let total = self.sum().total();
        total.run(hours).saturating_add(total.upfront)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::price::storage::{Lustre, lustre};
    use crate::price::{Market, PriceBook, PriceContext, Usage, compute, network};

    /// Four p5, a Lustre cache, a NAT gateway with its address, a VPC: the numbers are worked out in `totals`.
    pub(crate) fn cluster() -> Bill {
        let usage = Usage::default();
        let context = PriceContext::new(PriceBook::embedded(), "us-east-1", &usage);
        let item = |address: &str, kind: &str, lines| Item {
            address: address.to_owned(),
            kind: kind.to_owned(),
            owner: Some("ml-platform".to_owned()),
            lines,
        };
        let cache = Lustre {
            deployment: "PERSISTENT_2",
            storage: "SSD",
            size_gib: 4800,
            throughput_per_tib: Some(500),
            throughput_capacity: None,
            metadata_iops: None,
            read_cache: false,
            backups: false,
        };
        let mut nat = network::nat_gateway(&context);
        nat.push(network::public_addresses(&context, 1));
        let items = vec![
            item(
                "train.group",
                "instance-group",
                vec![compute::instances(&context, "p5.48xlarge", 4, Market::OnDemand)],
            ),
            item("cache.file-system", "fsx-lustre", lustre(&context, &cache)),
            item("network.nat", "nat-gateway", nat),
            item("network.vpc", "vpc", Vec::new()),
        ];
        Bill::new(items, Some(Run { hours: Decimal::from(72), source: RunSource::Ttl }))
    }

    #[test]
    fn totals() {
        let sum = cluster().sum();
        // Hours: 4 × 55.04 + 0.045 + 0.005 = 220.21; months: 4,800 × 0.34 = 1,632 and by use 100 × 0.045 = 4.50
        assert_eq!(sum.fixed.hour, Decimal::new(22_021, 2));
        assert_eq!(sum.fixed.month, Decimal::from(1632));
        assert_eq!(sum.by_use.month, Decimal::new(45, 1));
        assert_eq!(sum.total().monthly(), Decimal::new(16_238_980, 2));
        // 220.21 × 72 + 1,636.50 × 72 ÷ 730 = 15,855.12 + 161.407…
        assert_eq!(sum.total().run(Decimal::from(72)).round_dp(2), Decimal::new(1_601_653, 2));
        assert_eq!((sum.priced, sum.used, sum.unpriced, sum.lines()), (4, 1, 0, 5));
    }

    #[test]
    fn groups() {
        let names = |by| cluster().grouped(by).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(names(GroupBy::Module), ["train", "cache", "network"]);
        assert_eq!(names(GroupBy::Kind), ["instance-group", "fsx-lustre", "nat-gateway", "vpc"]);
        assert_eq!(names(GroupBy::Owner), ["ml-platform"]);
    }

    #[test]
    fn largest_lines() {
        let bill = cluster();
        let largest: Vec<&str> =
            bill.largest(2, Amount::hourly).into_iter().filter_map(|line| line.address.as_deref()).collect();
        assert_eq!(largest, ["train.group", "cache.file-system"]);
    }

    #[test]
    fn groups_add_up_to_the_total() {
        let bill = cluster();
        for by in [GroupBy::Module, GroupBy::Kind, GroupBy::Owner] {
            let whole = bill.grouped(by).into_iter().map(|(_, sum)| sum).fold(Sum::default(), Sum::plus);
            assert_eq!(whole, bill.sum());
        }
    }
}
