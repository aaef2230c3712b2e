//! prices: what things cost by the price book, and the file of refreshed prices that goes over it.
use super::{Exit, Result, Stop, arguments::Where, document, place, prices_refresh, stack};
use crate::cli::codes;
use crate::ui::Ui;
use dlinfra::{
    catalog,
    diagnostic::{Diagnostic, Diagnostics, did_you_mean},
    kinds::KINDS,
    price::{
        Cache, Market, Prices, Rate,
        cache::{CacheError, age},
        show::{self, Shown},
    },
};
use serde_json::json;
use std::{
    collections::BTreeSet,
    fmt::Write as _,
    path::{Path, PathBuf},
};

/// Show prices, and refresh them from AWS.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Show what an instance type, a kind or a service costs; asks nobody.
    Show {
        /// An instance type (p5.48xlarge), a kind (fsx-lustre) or a service of the price book (ebs).
        #[arg(value_name = "TYPE|KIND")]
        name: String,
        #[command(flatten)]
        place: Where,
    },
    /// Read prices of today from AWS: Price List, spot prices, Capacity Blocks. Plans use them from then on.
    Refresh(Request),
}

/// What `refresh` asks for.
#[derive(clap::Args)]
pub(super) struct Request {
    /// Instance types, kinds or services, or the blueprint whose types are asked for; without one, everything.
    #[arg(value_name = "TYPE|KIND|FILE")]
    pub names: Vec<String>,
    /// Set a variable of the blueprint.
    #[arg(long = "var", value_name = "NAME=VALUE")]
    pub vars: Vec<String>,
    /// Read variables of the blueprint from a YAML file.
    #[arg(long = "var-file", value_name = "FILE")]
    pub var_files: Vec<PathBuf>,
    #[command(flatten)]
    pub place: Where,
}

pub(super) async fn run(args: &Args, ui: Ui) -> Result {
    match &args.command {
        Command::Show { name, place } => shown(name, place, ui),
        Command::Refresh(request) => prices_refresh::run(request, ui).await,
    }
}

/// The file of refreshed prices; none when there is no place for one, or none is wanted.
pub(super) fn file(args: &Where, beside: &Path) -> Option<PathBuf> {
    let var = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    match var("DLINFRA_PRICES") {
        Some(none) if none == "embedded" => return None,
        Some(file) => return Some(PathBuf::from(file)),
        None => {}
    }
    // Prices of the sandbox and of emulators are never mistaken for those of AWS.
    if place::sandboxed(args) {
        return Some(place::sandbox_folder(args, beside).join("prices.json"));
    }
    let home = || var("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let caches = var("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute()).or_else(home);
    let caches = caches.or_else(|| var("LOCALAPPDATA").map(PathBuf::from))?;
    let name = match &args.endpoint_url {
        None => "prices.json".to_owned(),
        Some(url) => {
            let host = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
            let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
            format!("prices-{}.json", host.trim_end_matches('/').chars().map(plain).collect::<String>())
        }
    };
    Some(caches.join("dlinfra").join(name))
}

/// The prices that commands count with: what was refreshed over the embedded book. A file that cannot be used is a
/// warning, because the book stands without it.
pub(super) fn prices(args: &Where, beside: &Path) -> (Prices, Diagnostics) {
    let mut notes = Diagnostics::new();
    let loaded = file(args, beside).map(|path| Cache::load(&path));
    let cache = loaded.and_then(|loaded| loaded.map_err(|error| notes.push(unusable(&error, true))).ok());
    (Prices::new(cache.unwrap_or_default()), notes)
}

pub(super) fn unusable(error: &CacheError, warning: bool) -> Diagnostic {
    let text = error.to_string();
    match (warning, error) {
        (true, CacheError::Damaged { .. }) => Diagnostic::warning(&dlinfra::price::PRICE_FILE, text).with_help(
            "the prices that are part of dlinfra are used; delete the file, or run `dlinfra prices refresh` again",
        ),
        (true, CacheError::Disk { .. }) => Diagnostic::warning(&dlinfra::price::PRICE_FILE, text).with_help(
            "the prices that are part of dlinfra are used; make the file readable, or name another with DLINFRA_PRICES",
        ),
        (false, _) => Diagnostic::error(&dlinfra::price::PRICE_FILE, text)
            .with_help("make its folder writable, or name another file with DLINFRA_PRICES=FILE"),
    }
}

/// Every kind, with the service of the price book that has its prices.
pub(super) fn priced_kinds() -> Vec<(&'static str, &'static str)> {
    KINDS.iter().map(|kind| (kind.name(), kind.about().prices)).collect()
}

pub(super) fn unknown(name: &str, near: Option<&str>) -> Stop {
    let help = near.map_or(
        "instance types, kinds (`dlinfra kinds`) and services such as ebs, s3, vpc have prices".to_owned(),
        |near| format!("did you mean `{near}`?"),
    );
    Diagnostic::error(&dlinfra::price::NO_PRICE, format!("nothing called `{name}` has a price")).with_help(help).into()
}

/// Without a region that somebody stated, prices are those of us-east-1: the page says so.
fn shown(name: &str, args: &Where, ui: Ui) -> Result {
    let region = stack::region(args).unwrap_or_else(|_| "us-east-1".to_owned());
    if !catalog::is_known_region(&region) {
        let near = did_you_mean(&region, catalog::region::regions().map(|r| r.code.as_str()));
        let help =
            near.map_or("`dlinfra catalog regions` lists them".to_owned(), |near| format!("did you mean `{near}`?"));
        return Err(Diagnostic::error(&codes::UNKNOWN_REGION, format!("`{region}` is not an AWS region"))
            .with_help(help)
            .into());
    }
    let (prices, notes) = prices(args, &place::beside(None));
    let found = show::show(&prices.book, name, &region, &priced_kinds());
    let found = found.map_err(|near| unknown(name, near.as_deref()))?;
    let now = jiff::Timestamp::now();
    if ui.json {
        let mut fields = found.to_json();
        fields["prices"] = json!(prices.age(&region, now));
        if let Shown::Instance { instance_type, .. } = &found {
            fields["refreshed"] = json!(prices.cache.read_at(Market::OnDemand.service(), instance_type, &region));
        }
        ui.data(&document("prices", &fields, &notes).to_string());
        return Ok(Exit::Ok);
    }
    ui.diagnostics(&notes);
    ui.data(&page(&found, &prices, now));
    Ok(Exit::Ok)
}

/// `show` for people.
fn page(found: &Shown, prices: &Prices, now: jiff::Timestamp) -> String {
    let mut rows: Vec<[String; 4]> = Vec::new();
    let mut notes: BTreeSet<String> = BTreeSet::new();
    let mut row = |name: &str, service: &str, item: &str, region: &str, rate: &Rate| {
        let read = prices.cache.read_at(service, item, region);
        let date = match read {
            Some(at) => format!("read {} ago", age(at, now)),
            None if rate.date.is_empty() => "undated".to_owned(),
            None => rate.date.clone(),
        };
        let trust = format!("{} confidence", rate.confidence.name());
        rows.push([name.to_owned(), rate.words(), date, format!("{trust}, {}", rate.source)]);
        if !rate.note.is_empty() {
            notes.insert(format!("{name}: {}", rate.note));
        }
    };
    let mut out = String::new();
    let mut unpriced: Vec<String> = Vec::new();
    match found {
        Shown::Instance { instance_type, region, rates } => {
            let _ = writeln!(out, "{instance_type}   {region}");
            for (market, rate) in rates {
                match rate {
                    Some(rate) => row(market.name(), market.service(), instance_type, region, rate),
                    None => unpriced.push(market.name().to_owned()),
                }
            }
        }
        Shown::Service { service, region, rows: found, missing } => {
            let _ = writeln!(out, "{service}   {region}");
            for (item, from, rate) in found {
                let name = if from.is_zero() { item.clone() } else { format!("{item}, above {}", from.normalize()) };
                row(&name, service, item, region, rate);
            }
            unpriced.clone_from(missing);
        }
        Shown::Free { kind, region } => {
            let _ = writeln!(out, "{kind}   {region}\n  costs nothing by itself");
            return out;
        }
    }
    out.push_str(&columns(&rows));
    for note in notes {
        let _ = writeln!(out, "  note, {note}");
    }
    if !unpriced.is_empty() {
        let _ = writeln!(out, "  without a price here: {}", unpriced.join(", "));
        let _ = writeln!(out, "  `dlinfra prices refresh` asks AWS for what it sells here");
    }
    out
}

/// Rows of cells, each column as wide as its widest cell.
pub(super) fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (at, cell) in row.iter().enumerate() {
            let width = rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
            let _ = write!(line, "  {cell:width$}");
        }
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}
