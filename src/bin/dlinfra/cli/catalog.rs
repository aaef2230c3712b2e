//! catalog: instance types, images, regions, zones and quotas that blueprints may name; asks nobody.
use super::{Exit, Result, Stop, arguments::Where, document, place, prices, stack};
use crate::cli::codes;
use crate::ui::Ui;
use anstyle::Style;
use dlinfra::{
    catalog::{
        self, InstanceType,
        image::{Image, images},
        instance::instance_types,
        region::regions,
    },
    diagnostic::{Diagnostic, Diagnostics, did_you_mean},
    price::{
        Market, Prices,
        line::{grouped, rounded},
    },
    report::table::{Column, Table},
};
use rust_decimal::Decimal;
use serde_json::{Value, json};

/// Show instance types, images, regions, zones and quotas, as this version knows them.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Show instance types with their accelerators, network and price.
    Types {
        /// Only names with this in them, such as p5 or 48xlarge.
        name: Option<String>,
        /// Only with this accelerator, such as H100 or Trainium.
        #[arg(long, value_name = "NAME")]
        gpu: Option<String>,
        /// Only with EFA.
        #[arg(long)]
        efa: bool,
        #[command(flatten)]
        place: Where,
    },
    /// Show images by name; `image:` of a group takes them.
    Images {
        /// Only those that run on this instance type.
        #[arg(long = "type", value_name = "TYPE")]
        instance_type: Option<String>,
    },
    /// Show the regions of AWS.
    Regions,
    /// Show the zones of a region, as accounts usually see them.
    Zones {
        #[command(flatten)]
        place: Where,
    },
    /// Show the vCPU quotas of instance types, and what new accounts usually have.
    Quotas {
        /// Only those of this instance type.
        #[arg(long = "type", value_name = "TYPE")]
        instance_type: Option<String>,
    },
}

pub(super) fn run(args: &Args, ui: Ui) -> Result {
    let (fields, table) = match &args.command {
        Command::Types { name, gpu, efa, place } => types(name.as_deref(), gpu.as_deref(), *efa, place, ui)?,
        Command::Images { instance_type } => named(instance_type.as_deref())?,
        Command::Regions => all_regions(),
        Command::Zones { place } => zones(place)?,
        Command::Quotas { instance_type } => quotas(instance_type.as_deref())?,
    };
    if ui.json {
        ui.data(&document("catalog", &fields, &Diagnostics::new()).to_string());
    } else {
        let mut out = String::new();
        table.render(ui.screen, &mut out);
        ui.data(if table.is_empty() { "nothing in the catalog is like that" } else { &out });
    }
    Ok(Exit::Ok)
}

type Shown = std::result::Result<(Value, Table), Stop>;

fn region_of(place: &Where) -> std::result::Result<String, Stop> {
    let region = stack::region(place).unwrap_or_else(|_| "us-east-1".to_owned());
    if catalog::is_known_region(&region) {
        return Ok(region);
    }
    let near = did_you_mean(&region, regions().map(|r| r.code.as_str())).map(|near| format!("did you mean `{near}`?"));
    Err(Diagnostic::error(&codes::UNKNOWN_REGION, format!("`{region}` is not an AWS region"))
        .with_help(near.unwrap_or_else(|| "`dlinfra catalog regions` lists them".to_owned()))
        .into())
}

/// The type, or what to look at instead.
pub(super) fn known_type(name: &str) -> std::result::Result<&'static InstanceType, Stop> {
    catalog::instance_type(name).map_err(|_| {
        let near = did_you_mean(name, instance_types().map(|t| t.name.as_str()));
        let help =
            near.map_or("`dlinfra catalog types` lists them".to_owned(), |near| format!("did you mean `{near}`?"));
        Diagnostic::error(&codes::UNKNOWN_TYPE, format!("the catalog has no instance type `{name}`"))
            .with_help(help)
            .into()
    })
}

fn types(name: Option<&str>, gpu: Option<&str>, efa: bool, place: &Where, ui: Ui) -> Shown {
    let region = region_of(place)?;
    let (prices, notes): (Prices, Diagnostics) = prices::prices(place, &place::beside(None));
    if !ui.json {
        ui.diagnostics(&notes);
    }
    let has = |text: &str, part: &str| text.to_lowercase().contains(&part.to_lowercase());
    let mut table = Table::new(&[
        Column::whole("TYPE"),
        Column::words("ACCELERATORS"),
        Column::figures("vCPU"),
        Column::figures("GiB"),
        Column::figures("Gbit/s"),
        Column::figures("EFA"),
        Column::figures("$/h"),
        Column::figures("spot $/h"),
    ]);
    let mut rows = Vec::new();
    for it in instance_types() {
        let accelerator = it.accelerator.as_ref();
        let like = |part: &str| accelerator.is_some_and(|a| has(&a.name, part) || has(&a.vendor, part));
        if name.is_some_and(|part| !has(&it.name, part))
            || gpu.is_some_and(|part| !like(part))
            || efa && !it.supports_efa()
        {
            continue;
        }
        let price = |market| prices.book.instance(&it.name, &region, market).map(|rate| rate.amount.normalize());
        let (on_demand, spot) = (price(Market::OnDemand), price(Market::Spot));
        let figure = |amount: Option<Decimal>| amount.map_or("-".to_owned(), |a| grouped(&rounded(a, 3)));
        let words = accelerator.map_or(String::new(), |a| {
            format!("{} x {} {}, {} GiB", a.count.normalize(), a.vendor, a.name, a.memory_gib.normalize())
        });
        let count = if it.efa_interfaces == 0 { "-".to_owned() } else { it.efa_interfaces.to_string() };
        table.row(
            Style::new(),
            [
                it.name.clone(),
                words,
                it.vcpus.to_string(),
                it.memory_gib.normalize().to_string(),
                it.network_gbps.normalize().to_string(),
                count,
                figure(on_demand),
                figure(spot),
            ],
        );
        rows.push(json!({
            "type": it.name, "vcpus": it.vcpus, "memory_gib": it.memory_gib.normalize().to_string(), "arch": it.arch.name(),
            "accelerator": accelerator.map(|a| json!({
                "vendor": a.vendor, "name": a.name, "count": a.count.normalize().to_string(),
                "memory_gib": a.memory_gib.normalize().to_string(),
            })),
            "network_gbps": it.network_gbps.normalize().to_string(), "efa_interfaces": it.efa_interfaces,
            "nvme_gb": it.nvme_gb, "on_demand": on_demand.map(|a| a.to_string()), "spot": spot.map(|a| a.to_string()),
        }));
    }
    Ok((json!({ "region": region, "currency": "USD", "types": rows }), table))
}

fn named(instance_type: Option<&str>) -> Shown {
    let on = instance_type.map(known_type).transpose()?;
    let fits = |image: &Image| on.is_none_or(|it| image.unfit_for(it).is_none());
    let mut table = Table::new(&[Column::whole("IMAGE"), Column::whole("USER"), Column::words("WHAT")]);
    let mut rows = Vec::new();
    for image in images().into_iter().filter(fits) {
        let archs = [catalog::Arch::X86, catalog::Arch::Arm];
        let archs: Vec<&str> =
            archs.into_iter().filter(|arch| !image.parameters(*arch).is_empty()).map(catalog::Arch::name).collect();
        let what = format!("{} ({})", image.description, archs.join(", "));
        rows.push(json!({
            "image": image.name, "description": image.description, "user": image.user, "driver": image.driver.name(),
            "architectures": archs,
        }));
        table.row(Style::new(), [image.name.clone(), image.user.to_owned(), what]);
    }
    Ok((json!({ "images": rows }), table))
}

fn all_regions() -> (Value, Table) {
    let mut table = Table::new(&[Column::whole("REGION"), Column::words("PLACE"), Column::figures("ZONES")]);
    let mut rows = Vec::new();
    for region in regions() {
        table.row(Style::new(), [region.code.clone(), region.name.clone(), region.zones.len().to_string()]);
        rows.push(json!({ "region": region.code, "name": region.name, "zones": region.zones }));
    }
    (json!({ "regions": rows }), table)
}

fn zones(place: &Where) -> Shown {
    let region = region_of(place)?;
    let zones = catalog::zones(&region).unwrap_or_default();
    let mut table = Table::new(&[Column::whole("ZONE")]);
    for zone in &zones {
        table.row(Style::new(), [zone.clone()]);
    }
    Ok((json!({ "region": region, "zones": zones }), table))
}

fn quotas(instance_type: Option<&str>) -> Shown {
    let only = instance_type.map(known_type).transpose()?;
    let mut found = std::collections::BTreeMap::new();
    for it in instance_types().filter(|it| only.is_none_or(|only| only.name == it.name)) {
        for quota in [it.on_demand_quota(), it.spot_quota()].into_iter().flatten() {
            found.insert(quota.code, quota);
        }
    }
    let mut table = Table::new(&[Column::whole("CODE"), Column::words("QUOTA"), Column::figures("NEW ACCOUNTS")]);
    let mut rows = Vec::new();
    for quota in found.values() {
        let usual = quota.default.map_or("-".to_owned(), |n| format!("{n} {}", quota.unit));
        table.row(Style::new(), [quota.code.to_owned(), quota.name.to_owned(), usual]);
        rows.push(json!({
            "service": quota.service, "code": quota.code, "name": quota.name, "unit": quota.unit, "default": quota.default,
        }));
    }
    Ok((json!({ "quotas": rows }), table))
}
