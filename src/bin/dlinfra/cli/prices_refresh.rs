//! prices refresh: reads prices of today from AWS into the file that plans use, and says what changed and what did not.
use super::{
    Exit, Result, Stop, arguments, document, load, place,
    place::Place,
    prices::{Request, columns, file, priced_kinds, prices, unknown, unusable},
    stack,
};
use crate::ui::Ui;
use dlinfra::{
    blueprint::Compiled,
    catalog,
    diagnostic::{Diagnostic, Diagnostics, Severity, did_you_mean},
    price::{
        Market, PriceBook, Prices,
        cache::Key,
        list::{ListError, Query},
        refresh::{self, Outcome, RefreshError},
        show,
    },
};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    fmt::Write as _,
    path::{Path, PathBuf},
};

/// What to ask for.
#[derive(Default)]
struct Wanted {
    queries: Vec<Query>,
    spot: Vec<String>,
    blocks: Vec<String>,
    /// Everything was asked for, so that what a region does not sell is no error.
    everything: bool,
}

impl Wanted {
    /// On demand, spot, and a Capacity Block where the type may have one.
    fn instance(&mut self, name: &str, region: &str) {
        if self.spot.iter().any(|known| known == name) {
            return;
        }
        self.queries.push(Query::instance(name, region));
        let usage = catalog::instance_type(name).map(|known| known.usage).ok().filter(|usage| usage.is_known());
        self.spot.push(name.to_owned());
        if usage.is_some_and(|usage| usage.capacity_block) {
            self.blocks.push(name.to_owned());
        }
    }

    fn of(names: &[String], blueprint: Option<&Compiled>, region: &str) -> std::result::Result<Self, Stop> {
        let mut wanted = Self::default();
        let services = Query::services(region);
        if let Some(blueprint) = blueprint {
            for name in instance_types(blueprint) {
                wanted.instance(&name, region);
            }
            wanted.queries.extend(services);
            return Ok(wanted);
        }
        if names.is_empty() {
            wanted.everything = true;
            for known in catalog::instance::instance_types() {
                wanted.instance(&known.name, region);
            }
            wanted.queries.extend(services);
            return Ok(wanted);
        }
        let (book, kinds) = (PriceBook::embedded(), priced_kinds());
        for name in names {
            let service = show::service_of(name, &kinds);
            let of_service: Vec<&Query> = services.iter().filter(|query| query.service == service).collect();
            if catalog::instance_type(name).is_ok() || is_type(name) {
                wanted.instance(name, region);
            } else if !of_service.is_empty() {
                wanted.queries.extend(of_service.into_iter().cloned());
            } else if service == Market::OnDemand.service() {
                for item in book.items(service) {
                    wanted.instance(item, region);
                }
            } else {
                let types = catalog::instance::instance_types().map(|known| known.name.as_str());
                let asked = services.iter().map(|query| query.service);
                return Err(unknown(name, did_you_mean(name, types.chain(asked))));
            }
        }
        Ok(wanted)
    }
}

/// AWS has types that are newer than the catalog.
fn is_type(name: &str) -> bool {
    let part = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    name.split_once('.')
        .is_some_and(|(family, size)| part(family) && part(size) && family.bytes().any(|b| b.is_ascii_digit()))
}

/// Every instance type that a blueprint names anywhere.
fn instance_types(blueprint: &Compiled) -> BTreeSet<String> {
    fn walk(value: &Value, out: &mut BTreeSet<String>) {
        match value {
            Value::String(text) if catalog::instance_type(text).is_ok() => {
                out.insert(text.clone());
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, out)),
            Value::Object(map) => map.values().for_each(|item| walk(item, out)),
            _ => {}
        }
    }
    let mut out = BTreeSet::new();
    for resource in &blueprint.resources {
        walk(&resource.spec, &mut out);
    }
    out
}

pub(super) async fn run(request: &Request, ui: Ui) -> Result {
    let Request { names, vars, var_files, place: args } = request;
    let is_file = |name: &String| name.ends_with(".yaml") || name.ends_with(".yml") || Path::new(name).is_file();
    let blueprint = match names.as_slice() {
        [name] if is_file(name) => {
            let source =
                arguments::Source { file: Some(PathBuf::from(name)), vars: vars.clone(), var_files: var_files.clone() };
            Some((load::load(&source)?.compiled, PathBuf::from(name)))
        }
        _ => {
            if let Some(name) = names.iter().find(|name| is_file(name)) {
                return Err(Diagnostic::error(
                    &dlinfra::price::NO_PRICE,
                    format!("`{name}` is a blueprint, so no other names can be given with it"),
                )
                .with_help("name one blueprint, or types and kinds")
                .into());
            }
            None
        }
    };
    let region = match &blueprint {
        Some((compiled, _)) => compiled.region.clone(),
        None => stack::region(args)?,
    };
    let wanted = Wanted::of(names, blueprint.as_ref().map(|(compiled, _)| compiled), &region)?;
    let beside = place::beside(blueprint.as_ref().map(|(_, file)| file.as_path()));
    let Some(file) = file(args, &beside) else {
        return Err(Diagnostic::error(&dlinfra::price::PRICE_FILE, "there is no place for refreshed prices")
            .with_help("set DLINFRA_PRICES=FILE (now it is `embedded`, or neither HOME nor XDG_CACHE_HOME is set)")
            .into());
    };
    let (before, notes) = prices(args, &beside);
    if !ui.json {
        ui.diagnostics(&notes);
        let all = wanted.queries.len() + wanted.spot.len() + wanted.blocks.len();
        ui.say(&format!("asking AWS for {all} prices of {region}"));
    }
    let place = Place::open(args, &region, blueprint.as_ref().map(|(_, file)| file.as_path())).await?;
    let outcome = ask(&place, &wanted).await;
    if !outcome.cache.rows.is_empty() {
        outcome.cache.save(&file).map_err(|error| Stop::from(unusable(&error, false)))?;
    }
    let problems = problems(&outcome, &wanted);
    let failed = problems.has_errors();
    if ui.json {
        let mut all = notes;
        all.extend(problems);
        ui.data(&document("prices", &json_of(&outcome, &before, &region, &file), &all).to_string());
    } else {
        ui.data(&text_of(&outcome, &before, &region, &file, names.is_empty()));
        ui.diagnostics(&problems);
    }
    Ok(if failed { Exit::Error } else { Exit::Ok })
}

async fn ask(place: &Place, wanted: &Wanted) -> Outcome {
    let aws = &place.aws;
    let list = refresh::refresh(aws, &wanted.queries, aws.clock().now()).await;
    if list.stopped.is_some() {
        return list;
    }
    let spot = refresh::refresh_spot(aws, &wanted.spot).await;
    if spot.stopped.is_some() {
        return refresh::together([list, spot]);
    }
    let blocks = refresh::refresh_blocks(aws, &wanted.blocks).await;
    refresh::together([list, spot, blocks])
}

/// What was not refreshed. What somebody named and AWS does not price is an error; what a region does not sell, when
/// everything was asked for, or a market that has no offer now, is said in one line.
fn problems(outcome: &Outcome, wanted: &Wanted) -> Diagnostics {
    let mut out = Diagnostics::new();
    let mut absent: Vec<&str> = Vec::new();
    for ((service, item, _), error) in &outcome.failed {
        match error {
            RefreshError::List(ListError::None { .. }) if wanted.everything => absent.push(item),
            RefreshError::NotOffered(_) if wanted.everything => {}
            RefreshError::NotOffered(text) => {
                out.push(Diagnostic::new(Severity::Note, &dlinfra::price::PRICE_NOT_REFRESHED, text.clone()));
            }
            RefreshError::Request(error) => {
                let text = format!("{service} {item} was not refreshed: {error}");
                out.push(
                    Diagnostic::error(&dlinfra::price::PRICE_NOT_REFRESHED, text).with_help_opt(error.help.clone()),
                );
            }
            error => out.push(
                Diagnostic::error(&dlinfra::price::PRICE_NOT_REFRESHED, error.to_string())
                    .with_help("the old price stays; its date is in every report"),
            ),
        }
    }
    if !absent.is_empty() {
        let text = format!("{} prices are not in the Price List of this region: {}", absent.len(), absent.join(", "));
        out.push(Diagnostic::new(Severity::Note, &dlinfra::price::PRICE_NOT_REFRESHED, text));
    }
    if let Some(error) = &outcome.stopped {
        out.push(error.diagnostic());
    }
    out
}

fn difference(old: Option<Decimal>, new: Decimal) -> String {
    match old {
        None => "new".to_owned(),
        Some(old) if old == new => "unchanged".to_owned(),
        Some(old) => format!("was ${}", old.normalize()),
    }
}

fn text_of(outcome: &Outcome, before: &Prices, region: &str, file: &Path, only_changes: bool) -> String {
    let changes = refresh::changes(&outcome.cache, &before.book);
    let shown = outcome.cache.rows.iter().filter(|(key, _)| !only_changes || changes.contains_key(*key));
    let rows: Vec<[String; 5]> = shown
        .filter_map(|((service, item, region), fresh)| {
            let rate = &fresh.tiers.first()?.rate;
            let key: Key = (service.clone(), item.clone(), region.clone());
            let old = before.book.item(service, item, region).map(|rate| rate.amount);
            let change = changes.get(&key).map_or("unchanged".to_owned(), |(_, new)| difference(old, *new));
            let price = rate.words();
            Some([service.clone(), item.clone(), price, rate.date.clone(), change])
        })
        .collect();
    let mut out = columns(&rows);
    let (count, changed) = (outcome.cache.rows.len(), changes.len());
    let _ = writeln!(
        out,
        "{count} prices of {region} refreshed, {changed} changed; plans use them from {}",
        shown_path(file)
    );
    out
}

/// As people write it.
fn shown_path(file: &Path) -> String {
    file.strip_prefix("./").unwrap_or(file).display().to_string()
}

fn json_of(outcome: &Outcome, before: &Prices, region: &str, file: &Path) -> Value {
    let refreshed: Vec<Value> = outcome
        .cache
        .rows
        .iter()
        .flat_map(|((service, item, region), fresh)| {
            fresh.tiers.iter().map(move |tier| (service, item, region, fresh.at, tier))
        })
        .map(|(service, item, region, at, tier)| {
            let old = before.book.tiers(service, item, region).iter().find(|old| old.from == tier.from);
            json!({
                "service": service, "item": item, "region": region, "from": tier.from.normalize().to_string(),
                "rate": tier.rate.amount.normalize().to_string(), "unit": tier.rate.unit.name(),
                "before": old.map(|old| old.rate.amount.normalize().to_string()), "source": tier.rate.source,
                "date": tier.rate.date, "confidence": tier.rate.confidence.name(), "note": tier.rate.note, "read": at,
            })
        })
        .collect();
    let failed: Vec<Value> = outcome
        .failed
        .iter()
        .map(|((service, item, _), error)| json!({ "service": service, "item": item, "why": error.to_string() }))
        .collect();
    json!({
        "region": region, "file": shown_path(file), "refreshed": refreshed, "not_refreshed": failed,
        "complete": outcome.stopped.is_none(),
    })
}
