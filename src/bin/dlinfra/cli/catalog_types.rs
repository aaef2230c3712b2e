//! catalog types: instance types with their accelerators, network, disks, zones, prices and quotas, chosen and in order.
use super::{
    Stop,
    arguments::Where,
    catalog::{Page, Shown, region_of, since},
    place, prices,
};
use crate::cli::codes;
use crate::ui::Ui;
use anstyle::Style;
use dlinfra::{
    catalog::{InstanceType, instance::instance_types, is_known_region, offer, region::regions, told},
    diagnostic::{Diagnostic, Diagnostics, did_you_mean},
    price::{
        Market, Prices,
        line::{grouped, rounded},
    },
    report::table::{Column, Table},
};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use std::cmp::Reverse;

/// Which types, in which order.
#[derive(clap::Args)]
pub(super) struct Request {
    /// Only names with this in them, such as p5 or 48xlarge.
    name: Option<String>,
    /// Only with this accelerator or maker, such as H100, Trainium or NVIDIA.
    #[arg(long, value_name = "NAME")]
    gpu: Option<String>,
    /// Only with EFA.
    #[arg(long)]
    efa: bool,
    /// Only those on offer in this zone: a name (after `catalog refresh`) or an id such as use1-az6.
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
    /// The order: cheapest first, or most first.
    #[arg(long, value_enum, default_value = "name")]
    sort: Sort,
    #[command(flatten)]
    place: Where,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Sort {
    PricePerGpu,
    Price,
    Gpus,
    Memory,
    Name,
}

/// A type with what depends on the region.
struct Row {
    it: &'static InstanceType,
    /// As their names where AWS told them, else as their ids; none where nobody knows.
    zones: Option<Vec<String>>,
    on_demand: Option<Decimal>,
    spot: Option<Decimal>,
}

impl Row {
    fn accelerators(&self) -> Decimal {
        self.it.accelerator.as_ref().map_or(Decimal::ZERO, |a| a.count)
    }

    /// For an hour of one accelerator.
    fn per_gpu(&self) -> Option<Decimal> {
        self.on_demand?.checked_div(self.accelerators()).map(|rate| rate.round_dp(6).normalize())
    }
}

/// The zones of a region in which a type is on offer: names where AWS told them, else ids; none where nobody knows.
fn zones_of(it: &InstanceType, region: &str) -> Option<Vec<String>> {
    match told::of_region(region) {
        Some(told) => Some(told.offers.get(&it.name).into_iter().flatten().cloned().collect()),
        None => offer::recorded(&it.name, region),
    }
}

/// Is it on offer anywhere in the region?
pub(super) fn is_on_offer(it: &InstanceType, region: &str) -> Option<bool> {
    zones_of(it, region).map(|zones| !zones.is_empty())
}

pub(super) fn types(request: &Request, ui: Ui) -> Shown {
    let region = region_of(&of_zone(request))?;
    let zone = request.zone.as_deref().map(|zone| known_zone(zone, &region)).transpose()?;
    let (prices, notes): (Prices, Diagnostics) = prices::prices(&request.place, &place::beside(None));
    if !ui.json {
        ui.diagnostics(&notes);
    }
    let chosen = chosen(request)?;
    let price =
        |it: &InstanceType, market| prices.book.instance(&it.name, &region, market).map(|rate| rate.amount.normalize());
    let mut rows: Vec<Row> = chosen
        .into_iter()
        .map(|it| Row {
            it,
            zones: zones_of(it, &region),
            on_demand: price(it, Market::OnDemand),
            spot: price(it, Market::Spot),
        })
        .filter(|row| zone.as_ref().is_none_or(|zone| row.zones.iter().flatten().any(|one| one == zone)))
        .collect();
    let before = rows.len();
    // Whoever names a region wants what is there.
    if request.place.region.is_some() {
        rows.retain(|row| row.zones.as_ref().is_none_or(|zones| !zones.is_empty()));
    }
    let elsewhere = before - rows.len();
    sort(&mut rows, request.sort);
    let mut under = vec![format!("types and zones of {region}, {}", since(&region))];
    if elsewhere > 0 {
        under.push(format!("{elsewhere} more like that are not on offer in {region}"));
    }
    let read = told::of_region(&region).map(|told| told.read);
    let fields = json!({
        "region": region, "currency": "USD", "read": read,
        "types": rows.iter().map(document).collect::<Vec<_>>(),
    });
    Ok(Page { fields, table: table(&rows, &region), least: LEAST, under })
}

/// The place, with the region of the zone where none is stated.
fn of_zone(request: &Request) -> Where {
    let mut place = request.place.clone();
    if let (None, Some(zone)) = (&place.region, &request.zone) {
        let by_name = zone.get(..zone.len().saturating_sub(1)).filter(|region| is_known_region(region));
        let has = |region: &&str| {
            offer::recorded_zones(region).contains(zone)
                || told::of_region(region)
                    .is_some_and(|told| told.zones.iter().any(|z| z.name == *zone || z.id == *zone))
        };
        let region = by_name.or_else(|| regions().map(|r| r.code.as_str()).find(has));
        place.region = region.map(str::to_owned);
    }
    place
}

/// The zone as offers name it.
fn known_zone(zone: &str, region: &str) -> std::result::Result<String, Stop> {
    let (told, recorded) = (told::of_region(region), offer::recorded_zones(region));
    if let Some(found) = told.and_then(|told| told.zones.iter().find(|one| one.name == zone || one.id == zone)) {
        return Ok(found.name.clone());
    }
    if told.is_none() && recorded.iter().any(|one| one == zone) {
        return Ok(zone.to_owned());
    }
    let names: Vec<String> = match told {
        Some(told) => told.zones.iter().flat_map(|one| [one.name.clone(), one.id.clone()]).collect(),
        None => dlinfra::catalog::zones(region).unwrap_or_default(),
    };
    if told.is_none() && names.iter().any(|name| name == zone) {
        let text = format!("which place {zone} is depends on the account, and nobody has asked AWS");
        let ids = if recorded.is_empty() {
            String::new()
        } else {
            format!(", or name it by its id: {}", recorded.join(", "))
        };
        let help = format!("run `dlinfra catalog refresh --region {region}`{ids}");
        return Err(Diagnostic::error(&codes::UNKNOWN_ZONE, text).with_help(help).into());
    }
    let all = || names.iter().chain(&recorded).map(String::as_str);
    let help = match did_you_mean(zone, all()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("`dlinfra catalog zones --region {region}` lists them"),
    };
    Err(Diagnostic::error(&codes::UNKNOWN_ZONE, format!("{region} has no zone `{zone}`")).with_help(help).into())
}

fn chosen(request: &Request) -> std::result::Result<Vec<&'static InstanceType>, Stop> {
    let has = |text: &str, part: &str| text.to_lowercase().contains(&part.to_lowercase());
    let like = |it: &InstanceType, part: &str| {
        it.accelerator.as_ref().is_some_and(|a| has(&a.name, part) || has(&a.vendor, part))
    };
    if let Some(part) = request.gpu.as_deref().filter(|part| !instance_types().any(|it| like(it, part))) {
        let names: Vec<String> = instance_types()
            .filter_map(|it| it.accelerator.as_ref())
            .flat_map(|a| [a.name.clone(), a.vendor.clone()])
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .collect();
        let near = did_you_mean(part, names.iter().map(String::as_str));
        let help =
            near.map_or_else(|| format!("there are {}", names.join(", ")), |near| format!("did you mean `{near}`?"));
        return Err(Diagnostic::error(&codes::UNKNOWN_ACCELERATOR, format!("no instance type has a `{part}`"))
            .with_help(help)
            .into());
    }
    let wanted = |it: &&InstanceType| {
        request.name.as_deref().is_none_or(|part| has(&it.name, part))
            && request.gpu.as_deref().is_none_or(|part| like(it, part))
            && (!request.efa || it.supports_efa())
    };
    Ok(instance_types().filter(wanted).collect())
}

/// What is not priced comes last; the order by name settles the rest.
fn sort(rows: &mut [Row], by: Sort) {
    let last = |price: Option<Decimal>| (price.is_none(), price);
    match by {
        Sort::PricePerGpu => rows.sort_by_key(|row| last(row.per_gpu())),
        Sort::Price => rows.sort_by_key(|row| last(row.on_demand)),
        Sort::Gpus => rows.sort_by_key(|row| Reverse(row.accelerators())),
        Sort::Memory => rows.sort_by_key(|row| Reverse(row.it.memory_gib)),
        Sort::Name => {}
    }
}

/// In a narrow window these go first.
const LEAST: &[&str] =
    &["QUOTA", "NVMe GB", "spot $/h", "GiB", "ZONES", "vCPU", "EFA", "Gbit/s", "$/GPU-h", "ACCELERATORS"];

fn table(rows: &[Row], region: &str) -> Table {
    let mut table = Table::new(&[
        Column::whole("TYPE"),
        Column::whole("ACCELERATORS"),
        Column::figures("vCPU"),
        Column::figures("GiB"),
        Column::figures("Gbit/s"),
        Column::figures("EFA"),
        Column::figures("NVMe GB"),
        Column::whole("ZONES"),
        Column::figures("$/h"),
        Column::figures("$/GPU-h"),
        Column::figures("spot $/h"),
        Column::whole("QUOTA"),
    ]);
    let none = || "-".to_owned();
    let figure = |amount: Option<Decimal>| amount.map_or_else(none, |a| grouped(&rounded(a, 3)));
    let count = |n: u32| if n == 0 { none() } else { n.to_string() };
    for row in rows {
        let it = row.it;
        let words = it.accelerator.as_ref().map_or_else(none, |a| {
            format!("{} x {} {}, {} GiB", a.count.normalize(), a.vendor, a.name, a.memory_gib.normalize())
        });
        table.row(
            Style::new(),
            [
                it.name.clone(),
                words,
                it.vcpus.to_string(),
                it.memory_gib.normalize().to_string(),
                it.network_gbps.normalize().to_string(),
                count(it.efa_interfaces),
                count(it.nvme_gb),
                short(row.zones.as_deref(), region),
                figure(row.on_demand),
                figure(row.per_gpu()),
                figure(row.spot),
                it.on_demand_quota().map_or_else(none, |quota| quota.code.to_owned()),
            ],
        );
    }
    table
}

/// `a b d` or `az1 az6`: what comes after the region is enough.
fn short(zones: Option<&[String]>, region: &str) -> String {
    let Some(zones) = zones else { return "?".to_owned() };
    let end = |zone: &String| match zone.strip_prefix(region) {
        Some(rest) => rest.trim_start_matches('-').to_owned(),
        None => zone.split_once('-').map_or_else(|| zone.clone(), |(_, rest)| rest.trim_start_matches("az").to_owned()),
    };
    let ends: Vec<String> = zones.iter().map(end).collect();
    let ids = zones.iter().all(|zone| !zone.starts_with(region));
    match (ends.is_empty(), ids) {
        (true, _) => "-".to_owned(),
        (false, true) => format!("az{}", ends.join(",")),
        (false, false) => ends.join(" "),
    }
}

/// A type for programs: everything that is known.
fn document(row: &Row) -> Value {
    let it = row.it;
    let text = |amount: Option<Decimal>| amount.map(|a| a.to_string());
    let quota = |quota: Option<&'static dlinfra::catalog::quota::Quota>| {
        quota.map(|quota| json!({ "code": quota.code, "name": quota.name }))
    };
    json!({
        "type": it.name, "vcpus": it.vcpus, "memory_gib": it.memory_gib.normalize().to_string(), "arch": it.arch.name(),
        "accelerator": it.accelerator.as_ref().map(|a| json!({
            "vendor": a.vendor, "name": a.name, "count": a.count.normalize().to_string(),
            "memory_gib": a.memory_gib.normalize().to_string(),
        })),
        "network_gbps": it.network_gbps.normalize().to_string(), "network_cards": it.network_cards,
        "network_interfaces": it.enis, "efa_interfaces": it.efa_interfaces, "nvme_gb": it.nvme_gb, "zones": row.zones,
        "on_demand": text(row.on_demand), "per_gpu": text(row.per_gpu()), "spot": text(row.spot),
        "capacity_block": it.usage.capacity_block, "quota": quota(it.on_demand_quota()), "spot_quota": quota(it.spot_quota()),
        "source": it.source.title, "date": it.source.date, "confidence": it.confidence.name(), "note": it.note,
    })
}
