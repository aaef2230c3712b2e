//! catalog: instance types, images, regions, zones and quotas that blueprints may name; only `refresh` asks anybody.
use super::{Exit, Result, Stop, arguments::Where, catalog_refresh, catalog_types, document, stack};
use crate::cli::codes;
use crate::ui::Ui;
use anstyle::Style;
use dlinfra::{
    catalog::{
        self, InstanceType,
        image::{Image, images},
        instance::instance_types,
        offer,
        region::regions,
        told,
    },
    diagnostic::{Diagnostic, Diagnostics, did_you_mean},
    report::table::{Column, Table},
};
use serde_json::{Value, json};

/// Show instance types, images, regions, zones and quotas, as this version or the account knows them.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Show instance types: accelerators, network, disks, zones, price, quota.
    Types(catalog_types::Request),
    /// Show images by name, with the SSM parameter of each; `image:` of a group takes them.
    Images {
        /// Only names with this in them, such as pytorch.
        name: Option<String>,
        /// Only those that run on this instance type.
        #[arg(long = "type", value_name = "TYPE")]
        instance_type: Option<String>,
    },
    /// Show the regions of AWS.
    Regions,
    /// Show the zones of a region: as AWS told the account, else as accounts usually see them.
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
    /// Read instance types, zones and what is on offer where from the account. Lists and checks use them from then on.
    Refresh {
        #[command(flatten)]
        place: Where,
    },
}

pub(super) async fn run(args: &Args, ui: Ui) -> Result {
    let Page { fields, mut table, least, under } = match &args.command {
        Command::Types(request) => catalog_types::types(request, ui)?,
        Command::Images { name, instance_type } => named(name.as_deref(), instance_type.as_deref())?,
        Command::Regions => all_regions(),
        Command::Zones { place } => zones(place)?,
        Command::Quotas { instance_type } => quotas(instance_type.as_deref())?,
        Command::Refresh { place } => return catalog_refresh::run(place, ui).await,
    };
    if ui.json {
        ui.data(&document("catalog", &fields, &Diagnostics::new()).to_string());
        return Ok(Exit::Ok);
    }
    if table.is_empty() {
        ui.data("nothing in the catalog is like that");
    } else {
        let gone = table.narrow(ui.screen, least);
        let mut out = String::new();
        table.render(ui.screen, &mut out);
        ui.data(&out);
        if !gone.is_empty() {
            ui.say(&format!("no room for {}: a wider window or `--format json` has them", gone.join(", ")));
        }
    }
    under.iter().for_each(|line| ui.say(line));
    Ok(Exit::Ok)
}

/// A list: for programs, and for people.
pub(super) struct Page {
    pub fields: Value,
    pub table: Table,
    /// The titles of columns that go first where there is no room.
    pub least: &'static [&'static str],
    /// What is said of it all.
    pub under: Vec<String>,
}

impl Page {
    fn new(fields: Value, table: Table) -> Self {
        Self { fields, table, least: &[], under: Vec::new() }
    }
}

pub(super) type Shown = std::result::Result<Page, Stop>;

/// The region that was stated anywhere, else us-east-1.
pub(super) fn region_of(place: &Where) -> std::result::Result<String, Stop> {
    let region = stack::region(place).unwrap_or_else(|_| "us-east-1".to_owned());
    if catalog::is_known_region(&region) || told::of_region(&region).is_some() {
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

/// Since when the zones and offers of a region are known, in words.
pub(super) fn since(region: &str) -> String {
    match told::of_region(region) {
        Some(told) => format!("as AWS told account {} on {}", told.account, told.date()),
        None => format!("as part of this dlinfra; `dlinfra catalog refresh --region {region}` asks the account"),
    }
}

fn named(name: Option<&str>, instance_type: Option<&str>) -> Shown {
    let on = instance_type.map(known_type).transpose()?;
    let fits = |image: &Image| {
        name.is_none_or(|part| image.name.contains(&part.to_lowercase()))
            && on.is_none_or(|it| image.unfit_for(it).is_none())
    };
    let columns = [
        Column::whole("IMAGE"),
        Column::whole("USER"),
        Column::whole("DRIVER"),
        Column::figures("TYPES"),
        Column::words("WHAT"),
    ];
    let mut table = Table::new(&columns);
    let mut rows = Vec::new();
    let (mut whole, mut under) = (Vec::new(), Vec::new());
    for image in images().into_iter().filter(fits) {
        let archs: Vec<catalog::Arch> = match on {
            Some(it) => vec![it.arch],
            None => vec![catalog::Arch::X86, catalog::Arch::Arm],
        };
        let archs: Vec<_> = archs.into_iter().filter(|arch| !image.parameters(*arch).is_empty()).collect();
        let words: Vec<&str> = archs.iter().map(|arch| arch.name()).collect();
        // On a type without accelerators any driver is only idle, so that those say nothing of what an image is for.
        let suits = |it: &&InstanceType| image.unfit_for(it).is_none();
        let all: Vec<&str> = instance_types().filter(suits).map(|it| it.name.as_str()).collect();
        let own = instance_types().filter(suits).filter(|it| it.driver() == image.driver).count();
        let parameters: Value =
            archs.iter().map(|arch| (arch.name().to_owned(), json!(image.parameters(*arch)))).collect();
        rows.push(json!({
            "image": image.name, "description": image.description, "user": image.user, "driver": image.driver.name(),
            "architectures": words, "parameters": parameters, "types": all,
        }));
        let what = format!("{} ({})", image.description, words.join(", "));
        let driver = image.driver.name().to_owned();
        table.row(Style::new(), [image.name.clone(), image.user.to_owned(), driver, own.to_string(), what]);
        whole.extend(archs.iter().filter_map(|arch| image.parameters(*arch).into_iter().next()));
    }
    // A few parameters are worth their lines.
    if whole.len() <= FEW {
        under.extend(whole.iter().map(|parameter| format!("SSM parameter {parameter}")));
    } else {
        under.push("the name of an image shows its SSM parameter, as `--format json` does for all".to_owned());
    }
    under.push("TYPES counts those with accelerators for the driver, or with none for `none`".to_owned());
    Ok(Page { least: &["TYPES", "USER", "DRIVER"], under, ..Page::new(json!({ "images": rows }), table) })
}

/// So many parameters are shown to people.
const FEW: usize = 6;

fn all_regions() -> Page {
    let columns = [
        Column::whole("REGION"),
        Column::words("PLACE"),
        Column::figures("ZONES"),
        Column::figures("TYPES"),
        Column::whole("ASKED"),
    ];
    let mut table = Table::new(&columns);
    let mut rows = Vec::new();
    for region in regions() {
        let told = told::of_region(&region.code);
        let zones = catalog::zones(&region.code).unwrap_or_default();
        let offered = instance_types().filter(|it| catalog_types::is_on_offer(it, &region.code) == Some(true)).count();
        let known = told.is_some() || !offer::recorded_zones(&region.code).is_empty();
        let types = if known { offered.to_string() } else { "?".to_owned() };
        let date = told.map_or_else(|| "-".to_owned(), told::ToldRegion::date);
        table.row(Style::new(), [region.code.clone(), region.name.clone(), zones.len().to_string(), types, date]);
        rows.push(json!({
            "region": region.code, "name": region.name, "zones": zones, "types": known.then_some(offered),
            "read": told.map(|told| told.read),
        }));
    }
    let under = vec!["ASKED is when `dlinfra catalog refresh` read the region from the account".to_owned()];
    Page { least: &["ASKED", "TYPES"], under, ..Page::new(json!({ "regions": rows }), table) }
}

fn zones(place: &Where) -> Shown {
    let region = region_of(place)?;
    let told = told::of_region(&region);
    let mut table = Table::new(&[Column::whole("ZONE"), Column::whole("ID"), Column::words("KIND")]);
    let zones = catalog::zones(&region).unwrap_or_default();
    let mut rows = Vec::new();
    for zone in told.into_iter().flat_map(|told| &told.zones) {
        let kind = if zone.state == "available" { zone.kind.clone() } else { format!("{}, {}", zone.kind, zone.state) };
        table.row(Style::new(), [zone.name.clone(), zone.id.clone(), kind]);
        rows.push(json!({ "zone": zone.name, "id": zone.id, "kind": zone.kind, "state": zone.state }));
    }
    if told.is_none() {
        for zone in &zones {
            table.row(Style::new(), [zone.clone(), "?".to_owned(), "availability-zone".to_owned()]);
            rows.push(json!({ "zone": zone, "id": null, "kind": "availability-zone", "state": null }));
        }
    }
    let fields = json!({
        "region": region, "zones": zones, "about": rows, "ids": offer::recorded_zones(&region),
        "read": told.map(|told| told.read),
    });
    let under = vec![format!("zones of {region}, {}", since(&region))];
    Ok(Page { under, ..Page::new(fields, table) })
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
    Ok(Page::new(json!({ "quotas": rows }), table))
}
