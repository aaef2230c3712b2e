//! cost --actual: what AWS billed for a stack, held against the estimate, from Cost Explorer.
use super::{
    Exit, Format, Result, Stop,
    arguments::{Source, Where},
    cost, document,
    money::{self, Limits},
    place, prices,
    stack::{self, Found, Which},
};
use crate::ui::Ui;
use dlinfra::{
    aws::{
        Aws,
        cost_explorer::{self, Question, TagStatus},
        tags,
    },
    cost::{
        Past, Pricing,
        actual::{Actual, Life, Period},
    },
    diagnostic::{Diagnostic, Diagnostics},
    engine::View,
    kinds::KINDS,
    price::{Prices, UsageBook},
    report::cost::{ActualReport, Heading},
};
use jiff::{SignedDuration, Span, Timestamp, civil::Date, tz::TimeZone};
use serde_json::json;
use std::collections::BTreeMap;

/// What `--actual` asks for.
#[derive(clap::Args, Clone, Default)]
pub(super) struct Bills {
    /// Compare the estimate with what AWS billed. Asks Cost Explorer, which charges about a cent a request.
    #[arg(long, help_heading = "Bills")]
    pub actual: bool,
    /// A stack by name: no blueprint is needed.
    #[arg(long, value_name = "NAME", requires = "actual", conflicts_with_all = ["file", "vars", "var_files"], help_heading = "Bills")]
    pub stack: Option<String>,
    /// The first day, UTC; without it the stack's first day, a month ago at most.
    #[arg(long, value_name = "YYYY-MM-DD", requires = "actual", help_heading = "Bills")]
    pub from: Option<Date>,
    /// The last day, UTC; without it yesterday.
    #[arg(long, value_name = "YYYY-MM-DD", requires = "actual", help_heading = "Bills")]
    pub to: Option<Date>,
    /// Activate the ownership tags as cost-allocation tags, for the whole account: bills carry them from then on.
    #[arg(long, requires = "actual", help_heading = "Bills")]
    pub activate_tags: bool,
}

/// The tags without which bills do not know a stack.
const NEEDED: [&str; 2] = [tags::STACK, tags::ADDRESS];
/// The tags that are activated: the console can then sum by them, too.
const ACTIVATED: [&str; 4] = [tags::STACK, tags::STACK_ID, tags::ADDRESS, tags::OWNER];
/// How late Cost Explorer is.
const LATE: SignedDuration = SignedDuration::from_hours(24);

pub(super) async fn run(
    source: &Source,
    at: &Where,
    bills: &Bills,
    output: cost::Output<'_>,
    format: Format,
    ui: Ui,
) -> Result {
    let which = Which { source: source.clone(), stack: bills.stack.clone(), backend: None, place: at.clone() };
    let found = stack::find(&which).await?;
    let aws = &found.place.aws;
    let now = aws.clock().now();
    check_days(bills, now)?;
    let (prices, mut notes) = prices::prices(at, &place::beside(source.file.as_deref()));
    let view = found.engine.look(&found.wanted).await?;
    let lives = lives(&found, &view, &prices, now).await?;
    if !ui.json {
        ui.say("asking Cost Explorer (AWS charges about a cent a request)");
    }
    let statuses = cost_explorer::tag_statuses(aws, &ACTIVATED).await?;
    if bills.activate_tags && activate(aws, &statuses, format, ui).await? {
        return Ok(Exit::Ok);
    }
    let tagged_from = tagged(&statuses, &found.stack)?;
    let period = period(bills, &lives, tagged_from, now);
    let question = Question {
        from: period.from,
        to: period.to,
        region: aws.region().to_owned(),
        tag: (tags::STACK.to_owned(), found.stack.clone()),
        by: tags::ADDRESS.to_owned(),
    };
    let days = cost_explorer::daily(aws, &question).await?;
    let actual = Actual::of(&lives, &days, &period);
    if actual.days.is_empty() {
        let text = format!("no day of the stack `{}` can be compared yet", found.stack);
        let words: Vec<String> = actual.notes();
        let help = "Cost Explorer is about a day late, and knows tags from their activation on: ask again tomorrow";
        notes.push(
            Diagnostic::warning(&dlinfra::cost::actual::NO_BILLS, text).with_detail(words.join("; ")).with_help(help),
        );
    }
    let heading = Heading {
        stack: found.stack.clone(),
        region: aws.region().to_owned(),
        owner: found.compiled.as_ref().and_then(|compiled| compiled.owner.clone()),
        place: found.place.heading().await?,
    };
    let report = ActualReport::new(&heading, &period, &actual);
    cost::show(&report, format, &notes, output, ui)
}

fn today(now: Timestamp) -> Date {
    now.to_zoned(TimeZone::UTC).date()
}

fn before(date: Date, span: Span) -> Date {
    date.checked_sub(span).unwrap_or(date)
}

/// Are the days that were asked for days of bills?
fn check_days(bills: &Bills, now: Timestamp) -> std::result::Result<(), Stop> {
    let today = today(now);
    let refuse = |text: String, help: String| -> std::result::Result<(), Stop> {
        Err(Diagnostic::error(&dlinfra::cost::actual::PERIOD, text).with_help(help).into())
    };
    let oldest = before(today, Span::new().months(14));
    for (flag, date) in [("--from", bills.from), ("--to", bills.to)] {
        let Some(date) = date else { continue };
        if date > today {
            return refuse(
                format!("`{flag} {date}` is in the future: today is {today} UTC"),
                "name a day that is over".to_owned(),
            );
        }
        if date < oldest {
            return refuse(
                format!("`{flag} {date}` is older than fourteen months, as far back as Cost Explorer goes"),
                format!("name a day from {oldest} on"),
            );
        }
    }
    match (bills.from, bills.to) {
        (Some(from), Some(to)) if from > to => {
            refuse(format!("`--from {from}` is after `--to {to}`"), "name the earlier day first".to_owned())
        }
        _ => Ok(()),
    }
}

/// The days that are compared: those asked for, else from the first that ran until yesterday.
fn period(bills: &Bills, lives: &[Life], tagged_from: Option<Date>, now: Timestamp) -> Period {
    let today = today(now);
    // What is free has no days of its own.
    let paid = lives.iter().filter(|life| life.item.sum().lines() > 0);
    let first = paid.map(|life| life.from.to_zoned(TimeZone::UTC).date()).min();
    let last = bills.to.unwrap_or_else(|| before(today, Span::new().days(1)));
    let month = before(last, Span::new().days(30));
    let from = bills.from.unwrap_or_else(|| first.unwrap_or(month).max(month)).min(last);
    let to = last.tomorrow().unwrap_or(last);
    Period { from, to, known_until: now.checked_sub(LATE).unwrap_or(now), tagged_from }
}

/// What ran, priced.
async fn lives(found: &Found, view: &View, prices: &Prices, now: Timestamp) -> std::result::Result<Vec<Life>, Stop> {
    let stated = match &found.compiled {
        Some(compiled) => money::stated(compiled, &Limits::default())?.0.usage,
        None => UsageBook::default(),
    };
    let pricing =
        Pricing { book: &prices.book, region: found.engine.aws().region(), usage: &stated, owner: None, run: None };
    let history = found.engine.history().await?;
    Ok(Past::of(&pricing, &history, &view.snapshot.owned, KINDS, now).lives())
}

/// Since when bills carry the tags, or what to do about it.
fn tagged(statuses: &BTreeMap<String, TagStatus>, stack: &str) -> std::result::Result<Option<Date>, Stop> {
    let mut since: Option<Date> = None;
    let mut missing = Vec::new();
    for key in NEEDED {
        match statuses.get(key).copied().unwrap_or(TagStatus::Unknown) {
            TagStatus::Active(day) => since = since.max(day),
            TagStatus::Inactive => missing.push(format!("`{key}` is not active")),
            TagStatus::Unknown => missing.push(format!("`{key}` is not known to AWS yet")),
        }
    }
    if missing.is_empty() {
        return Ok(since);
    }
    let unknown = NEEDED.iter().any(|key| statuses.get(*key).is_none_or(|status| *status == TagStatus::Unknown));
    let help = if unknown {
        "AWS lists a tag up to a day after its first use: then run `dlinfra cost --actual --activate-tags`"
    } else {
        "run `dlinfra cost --actual --activate-tags`, or activate them under Cost allocation tags in the Billing and \
         Cost Management console; bills carry tags from then on"
    };
    Err(Diagnostic::error(
        &dlinfra::cost::actual::BILLS_WITHOUT_TAGS,
        format!("what AWS billed for the stack `{stack}` is not known: bills do not carry its tags"),
    )
    .with_detail(missing.join(", "))
    .with_help(help)
    .into())
}

/// Activates what is not active; true when something was, and there is nothing to compare yet.
async fn activate(
    aws: &Aws,
    statuses: &BTreeMap<String, TagStatus>,
    format: Format,
    ui: Ui,
) -> std::result::Result<bool, Stop> {
    let wanted: Vec<&str> = ACTIVATED
        .into_iter()
        // A key that nobody uses yet, such as that of owners, cannot be activated and is not needed.
        .filter(|key| match statuses.get(*key) {
            Some(TagStatus::Active(_)) => false,
            Some(TagStatus::Inactive) => true,
            _ => NEEDED.contains(key),
        })
        .collect();
    if wanted.is_empty() {
        if !ui.json {
            ui.say("the ownership tags are active already");
        }
        return Ok(false);
    }
    let refused = cost_explorer::activate(aws, &wanted).await?;
    let done: Vec<&str> = wanted.iter().copied().filter(|key| !refused.contains_key(*key)).collect();
    if !refused.is_empty() {
        let mut out = Diagnostics::new();
        for (key, why) in &refused {
            out.push(Diagnostic::error(&dlinfra::cost::actual::TAG_NOT_ACTIVATED, format!("`{key}` was not activated: {why}")).with_help(
                "AWS lists a tag up to a day after its first use: try again then; in an organization ask its management account",
            ));
        }
        if !done.is_empty() && !ui.json {
            ui.say(&format!("activated: {}", done.join(", ")));
        }
        return Err(out.into());
    }
    if format == Format::Json {
        ui.data(&document("cost", &json!({ "activated": done }), &Diagnostics::new()).to_string());
    } else {
        ui.say(&format!(
            "activated for the whole account: {}\nbills carry them from now on; ask again in two days for the first whole day",
            done.join(", ")
        ));
    }
    Ok(true)
}
