//! What a rehearsal teaches: how long each phase takes and what it waits for, what a run costs, and how it goes on when
//! something fails. The lives themselves are lived by the command, in a simulated AWS.
use crate::{
    address::Address,
    apply::{Event, What},
    catalog,
    cost::Bill,
    diagnostic::{Diagnostic, Diagnostics},
    engine::codes,
    kind::Kind,
    plan::{Operation, Plan, Protect, Wanted},
    preflight::Held,
    resource::Lookup,
    spec,
};
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc};

/// What one resource adds to the longest path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Leg {
    /// The resource.
    pub address: Address,
    /// `created`, `updated`, `deleted`.
    pub what: &'static str,
    /// Seconds from the end of what it waited for to its own end.
    pub seconds: u64,
}

/// What was not done, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// The resource.
    pub address: String,
    /// In AWS's words.
    pub error: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// One execution.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Phase {
    /// From the first request to the last word.
    pub seconds: u64,
    /// What the end waited for, from the first to the last.
    pub path: Vec<Leg>,
    /// How many requests AWS got, looks included.
    pub requests: u64,
    /// How many of them change something.
    pub mutating: u64,
    /// What was not done.
    pub failed: Vec<Refused>,
}

/// What goes wrong in the second life, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Second {
    /// What capacity was refused to at first.
    pub refused: Vec<Refused>,
    /// How many applies it took until everything was there; none = it was not within as many as were tried.
    pub applies: Option<usize>,
    /// All of them together, without what lies between.
    pub seconds: u64,
    /// The machine that died, where there is one.
    pub loss: Option<Loss>,
}

/// A machine that died, and the apply that made it good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Loss {
    /// Its group.
    pub address: String,
    /// Its id.
    pub id: String,
    /// Was it bought on the spot market?
    pub spot: bool,
    /// What the next plan changes.
    pub plan: Vec<String>,
    /// What the next apply did not do; nothing = it was complete.
    pub failed: Vec<Refused>,
    /// How long that took.
    pub seconds: u64,
}

/// What a run costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spending {
    /// Dollars from the first object to the last, with the hours between.
    pub run: Decimal,
    /// Of those, while it is made and removed.
    pub overhead: Decimal,
    /// Hours between apply and destroy, where somebody said them.
    pub hours: Option<Decimal>,
    /// How many lines have no price.
    pub unpriced: usize,
}

/// Everything.
#[derive(Debug, Clone)]
pub struct Rehearsal {
    /// The stack.
    pub stack: String,
    /// Its region.
    pub region: String,
    /// The account whose quotas and offers held; none where nobody could be asked.
    pub account: Option<String>,
    /// What is needed of quotas.
    pub quotas: Vec<Held>,
    /// What could not be asked, and why.
    pub unchecked: Vec<(String, String)>,
    /// Making everything.
    pub apply: Phase,
    /// Removing it.
    pub destroy: Phase,
    /// What it costs.
    pub money: Spending,
    /// What goes wrong in a second life; none where there are no machines.
    pub second: Option<Second>,
}

/// When each task began and ended.
#[derive(Debug, Default)]
pub struct Course {
    began: BTreeMap<(Address, Operation), Timestamp>,
    ended: BTreeMap<(Address, Operation), (Timestamp, &'static str)>,
}

impl Course {
    /// Out of the events of an execution.
    pub fn of(events: &[Event]) -> Self {
        let mut out = Self::default();
        for Event { time, address, what } in events {
            match what {
                What::Started { operation, .. } => {
                    out.began.entry((address.clone(), *operation)).or_insert(*time);
                }
                What::Done { operation, verb, .. } => {
                    out.ended.insert((address.clone(), *operation), (*time, verb));
                }
                _ => {}
            }
        }
        out
    }

    /// The longest path backwards from what ended last: of what each waited for, that which ended last.
    pub fn path(&self, plan: &Plan, begin: Timestamp) -> Vec<Leg> {
        let end = |task: usize| {
            let step = plan.tasks.get(task)?;
            let address = &plan.steps.get(step.step)?.address;
            self.ended.get(&(address.clone(), step.operation)).map(|(at, verb)| (*at, address, *verb))
        };
        // Among equals, the first in the plan's order.
        let last = |tasks: &mut dyn Iterator<Item = usize>| {
            tasks.filter_map(|task| Some((end(task)?.0, std::cmp::Reverse(task)))).max().map(|(_, task)| task.0)
        };
        let mut legs = Vec::new();
        let mut task = last(&mut (0..plan.tasks.len()));
        while let Some(now) = task {
            let before = last(&mut plan.dag.parents(now).iter().copied());
            let from = before.and_then(end).map_or(begin, |(at, ..)| at);
            if let Some((at, address, what)) = end(now) {
                legs.push(Leg { address: address.clone(), what, seconds: whole_seconds(from, at) });
            }
            task = before;
        }
        legs.reverse();
        legs
    }

    /// When a resource began to be made.
    fn made(&self, address: &str) -> Option<Timestamp> {
        self.began.get(&(Address::parse(address)?, Operation::Make)).copied()
    }

    /// When it was gone.
    fn gone(&self, address: &str) -> Option<Timestamp> {
        self.ended.get(&(Address::parse(address)?, Operation::Remove)).map(|(time, _)| *time)
    }
}

/// Seconds between two moments, rounded.
pub fn whole_seconds(from: Timestamp, to: Timestamp) -> u64 {
    let milliseconds = to.duration_since(from).as_millis().max(0);
    u64::try_from((milliseconds + 500) / 1000).unwrap_or(u64::MAX)
}

fn hours(from: Timestamp, to: Timestamp) -> Decimal {
    let milliseconds = i64::try_from(to.duration_since(from).as_millis()).unwrap_or(i64::MAX);
    Decimal::from(milliseconds.max(0)) / Decimal::from(3_600_000)
}

impl Spending {
    /// Each resource is paid for from the moment at which it begins to be made until it is gone.
    pub fn of(
        bill: &Bill,
        (apply, applied): (&Course, Timestamp),
        destroy: (&Course, Timestamp),
        run: Option<Decimal>,
    ) -> Self {
        let (removal, began) = destroy;
        let mut out =
            Self { run: Decimal::ZERO, overhead: Decimal::ZERO, hours: run, unpriced: bill.unpriced().count() };
        for item in &bill.items {
            let amount = item.sum().total();
            let making = apply.made(&item.address).map_or(Decimal::ZERO, |made| hours(made, applied));
            let going = removal.gone(&item.address).map_or(Decimal::ZERO, |gone| hours(began, gone));
            let overhead = amount.run(making.saturating_add(going));
            out.overhead = out.overhead.saturating_add(overhead);
            let between = amount.run(run.unwrap_or_default()).saturating_add(amount.upfront);
            out.run = out.run.saturating_add(overhead).saturating_add(between);
        }
        out
    }
}

/// What stands for objects that exist, and everything with these in their places.
///
/// # Errors
/// Something for which nothing can stand.
pub fn grounded(
    kinds: &'static [&'static dyn Kind],
    wanted: &[Wanted],
    region: &str,
) -> Result<(Vec<Wanted>, Vec<Wanted>), Diagnostics> {
    let mut out = Ground { kinds, region, made: Vec::new(), nets: 0 };
    let mut problems = Diagnostics::new();
    for item in wanted {
        if let Some(by) = &item.existing
            && let Err(problem) = out.make(item, by)
        {
            problems.push(problem);
        }
    }
    let mut all = out.made.clone();
    all.extend(wanted.iter().filter(|item| item.existing.is_none()).cloned());
    Ok(problems.into_result((out.made, all))?.0)
}

/// Stand-ins, each after what it needs itself.
struct Ground<'a> {
    kinds: &'static [&'static dyn Kind],
    region: &'a str,
    made: Vec<Wanted>,
    nets: u32,
}

/// Ranges of stand-ins have so many addresses: sixteen of them fill a VPC.
const NET_STEP: u32 = 16;

impl Ground<'_> {
    fn make(&mut self, item: &Wanted, by: &Lookup) -> Result<(), Diagnostic> {
        let refused = |why: String| {
            Diagnostic::error(&codes::NO_STAND_IN, format!("there is no stand-in for {}: {why}", item.address))
                .at_address(item.address.as_str())
        };
        let about = item.kind.about();
        if about.stand_in.is_empty() {
            return Err(refused(format!("an existing {} cannot be rehearsed", item.kind.name()))
                .with_help("rehearse a blueprint that creates it, or apply in a served sandbox"));
        }
        let mut spec: Value = serde_json::from_str(about.stand_in).map_err(|e| refused(e.to_string()))?;
        let name = match by {
            Lookup::Id(name) | Lookup::Name(name) => name.clone(),
            Lookup::Tags(_) => item.address.as_str().replace(['.', '/'], "-"),
        };
        for value in spec.as_object_mut().into_iter().flat_map(|fields| fields.values_mut()) {
            let Some(word) = value.as_str() else { continue };
            *value = match word {
                "@name" => json!(name),
                "@zone" => json!(catalog::zones(self.region).and_then(|zones| zones.into_iter().next())),
                "@net" => {
                    self.nets += 1;
                    json!(format!("10.0.{}.0/20", (self.nets - 1) * NET_STEP % 256))
                }
                other => match other.strip_prefix('@') {
                    Some(kind) => spec::pointer(self.one_of(kind, &refused)?.as_str()),
                    None => continue,
                },
            };
        }
        let spec = item.kind.canonical(&spec).map_err(|problem| refused(problem.summary))?;
        self.made.push(Wanted { spec: Arc::new(spec), existing: None, protect: Some(Protect::Off), ..item.clone() });
        Ok(())
    }

    /// The first stand-in of a kind; where there is none yet, one more is made.
    fn one_of(&mut self, kind: &str, refused: &dyn Fn(String) -> Diagnostic) -> Result<Address, Diagnostic> {
        if let Some(found) = self.made.iter().find(|w| w.kind.name() == kind) {
            return Ok(found.address.clone());
        }
        let kind =
            self.kinds.iter().find(|k| k.name() == kind).ok_or_else(|| refused(format!("there is no kind {kind}")))?;
        let address = Address::parse(&format!("rehearsed-{}", kind.name()))
            .ok_or_else(|| refused("it has no address".to_owned()))?;
        let by = Lookup::Name(address.to_string());
        let (spec, existing) = (Arc::new(Value::Null), Some(by.clone()));
        let item = Wanted {
            address: address.clone(),
            kind: *kind,
            spec,
            depends_on: Vec::new(),
            protect: None,
            existing,
            moved: Vec::new(),
        };
        self.make(&item, &by)?;
        Ok(address)
    }
}

impl Rehearsal {
    /// What would fail: quotas that are too small, and what AWS refused.
    pub fn fails(&self) -> bool {
        self.quotas.iter().any(|held| held.short() > 0)
            || !self.apply.failed.is_empty()
            || !self.destroy.failed.is_empty()
    }
}
