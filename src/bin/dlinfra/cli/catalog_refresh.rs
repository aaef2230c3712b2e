//! catalog refresh: reads types, zones and offers from the account into the file that lists and checks use; and lays it.
use super::{Exit, Result, Stop, arguments::Where, document, place, place::Place, prices, prices_refresh, stack};
use crate::cli::codes;
use crate::ui::Ui;
use clap::ArgMatches;
use dlinfra::{
    catalog::{
        instance::instance_types,
        told::{self, Told, ToldError, ToldRegion},
    },
    diagnostic::{Diagnostic, Diagnostics},
    report::counted,
};
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

/// The file of refreshed facts; none where there is no place for one, or none is wanted.
pub(super) fn file(args: &Where, beside: &Path) -> Option<PathBuf> {
    prices::cache(args, beside, "DLINFRA_CATALOG", "catalog")
}

/// Lays what was refreshed over the facts of this version, for the command that was asked for. A file that cannot be used
/// is a warning, because the facts stand without it.
pub(super) fn lay(matches: &ArgMatches) -> Diagnostics {
    let mut last = matches;
    while let Some((_, inside)) = last.subcommand() {
        last = inside;
    }
    // Not every command has these flags, and then they say nothing.
    let text = |name: &str| last.try_get_one::<String>(name).ok().flatten().cloned();
    let args = Where { sandbox: text("sandbox"), endpoint_url: text("endpoint_url"), ..Where::default() };
    let beside = place::beside(last.try_get_one::<PathBuf>("file").ok().flatten().map(PathBuf::as_path));
    let Some(path) = file(&args, &beside) else { return Diagnostics::new() };
    match Told::load(&path) {
        Ok(found) => {
            told::lay(found);
            Diagnostics::new()
        }
        Err(error) => unusable(&error, true).into(),
    }
}

fn unusable(error: &ToldError, warning: bool) -> Diagnostic {
    let text = error.to_string();
    let help = match (warning, matches!(error, ToldError::Damaged { .. })) {
        (true, true) => {
            "the facts that are part of dlinfra are used; delete the file, or run `dlinfra catalog refresh` again"
        }
        (true, false) => {
            "the facts that are part of dlinfra are used; make the file readable, or name another with DLINFRA_CATALOG"
        }
        (false, _) => "make its folder writable, or name another file with DLINFRA_CATALOG=FILE",
    };
    match warning {
        true => Diagnostic::warning(&codes::CATALOG_FILE, text).with_help(help),
        false => Diagnostic::error(&codes::CATALOG_FILE, text).with_help(help),
    }
}

pub(super) async fn run(args: &Where, ui: Ui) -> Result {
    let region = stack::region(args)?;
    let Some(path) = file(args, &place::beside(None)) else {
        return Err(Diagnostic::error(&codes::CATALOG_FILE, "there is no place for refreshed facts")
            .with_help("set DLINFRA_CATALOG=FILE (now it is `embedded`, or neither HOME nor XDG_CACHE_HOME is set)")
            .into());
    };
    if !ui.json {
        ui.say(&format!("asking AWS for the instance types and zones of {region}"));
    }
    let place = Place::open(args, &region, None).await?;
    let found = ToldRegion::ask(&place.aws).await.map_err(Stop::from)?;
    let news = News::of(&found, &region);
    let shown = prices_refresh::shown_path(&path);
    let told = Told { regions: BTreeMap::from([(region.clone(), found.clone())]) };
    told.save(&path).map_err(|error| Stop::from(unusable(&error, false)))?;
    if ui.json {
        let fields = json!({
            "region": region, "file": shown, "account": found.account, "read": found.read, "types": found.types.len(),
            "zones": found.zones, "new": news.new, "changed": news.changed,
        });
        ui.data(&document("catalog", &fields, &Diagnostics::new()).to_string());
        return Ok(Exit::Ok);
    }
    let list = |what: &str, names: &BTreeSet<String>| {
        if names.is_empty() {
            return;
        }
        let some: Vec<&str> = names.iter().take(MOST).map(String::as_str).collect();
        let more = names.len().checked_sub(MOST).filter(|more| *more > 0);
        let more = more.map(|more| format!(" and {more} more")).unwrap_or_default();
        ui.data(&format!("{what}: {}{more}", some.join(", ")));
    };
    list("not in this version of dlinfra", &news.new);
    list("other than this version says", &news.changed);
    ui.data(&format!(
        "{} and {} of {region} read for account {}; lists and checks use them from {shown}",
        counted(found.types.len(), "instance type"),
        counted(found.zones.len(), "zone"),
        found.account
    ));
    Ok(Exit::Ok)
}

/// So many names of types are shown to people.
const MOST: usize = 12;

/// What a refresh brought that was not known.
struct News {
    new: BTreeSet<String>,
    changed: BTreeSet<String>,
}

impl News {
    fn of(found: &ToldRegion, region: &str) -> Self {
        let before: BTreeMap<&str, _> = instance_types().map(|it| (it.name.as_str(), it)).collect();
        let earlier = told::of_region(region).map(|told| &told.types);
        let mut out = Self { new: BTreeSet::new(), changed: BTreeSet::new() };
        for it in &found.types {
            match before.get(it.name.as_str()) {
                None => drop(out.new.insert(it.name.clone())),
                Some(known) if earlier.is_none() => {
                    let same = (known.vcpus, known.efa_interfaces, known.network_cards, known.nvme_gb)
                        == (it.vcpus, it.efa_interfaces, it.network_cards, it.nvme_gb);
                    if !same {
                        out.changed.insert(it.name.clone());
                    }
                }
                Some(_) => {
                    if !earlier.is_some_and(|all| all.contains(it)) {
                        out.changed.insert(it.name.clone());
                    }
                }
            }
        }
        out
    }
}
