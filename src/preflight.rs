//! What a blueprint needs of an account before anything is made: quotas, less what others use of them, and types on offer.
pub mod codes;

pub use codes::CODES;

use crate::{
    address::Address,
    aws::{Aws, Error, Machines, simulate::Question, tags},
    catalog::{
        self,
        quota::{self, Quota},
    },
    diagnostic::Diagnostic,
    plan::{Action, Plan, Wanted},
    resource::Need,
};
use std::collections::{BTreeMap, BTreeSet};

/// So much of one quota is needed.
#[derive(Debug, Clone)]
pub struct Demand {
    /// Of which.
    pub quota: &'static Quota,
    /// By everything together.
    pub needed: u64,
    /// By each resource.
    pub by: BTreeMap<Address, u64>,
}

/// What an account has, as far as it could be asked.
#[derive(Debug, Clone, Default)]
pub struct Room {
    /// Limits, by code.
    pub limits: BTreeMap<String, u64>,
    /// What others than this stack use, by code.
    pub used: BTreeMap<String, u64>,
    /// The zones in which each type is on offer.
    pub offers: BTreeMap<String, BTreeSet<String>>,
    /// What could not be asked, and why.
    pub unchecked: Vec<(String, String)>,
}

/// A demand beside what there is of it.
#[derive(Debug, Clone)]
pub struct Held {
    /// What is needed.
    pub demand: Demand,
    /// How much there may be; nothing where nobody knows.
    pub limit: Option<u64>,
    /// What others use; nothing where nobody counted.
    pub used: Option<u64>,
}

impl Held {
    /// So much is missing.
    pub fn short(&self) -> u64 {
        let used = self.used.unwrap_or_default();
        self.limit.map_or(0, |limit| self.demand.needed.saturating_add(used).saturating_sub(limit))
    }

    /// The command that asks AWS for as much as is needed.
    pub fn request(&self) -> String {
        let quota = self.demand.quota;
        let wanted = self.demand.needed.saturating_add(self.used.unwrap_or_default());
        format!(
            "aws service-quotas request-service-quota-increase --service-code {} --quota-code {} --desired-value {wanted}",
            quota.service, quota.code
        )
    }

    /// What is too small, in words.
    pub fn problem(&self) -> Option<Diagnostic> {
        let quota = self.demand.quota;
        let limit = self.limit.filter(|_| self.short() > 0)?;
        let used = self.used.filter(|used| *used > 0).map(|used| format!(", {used} in use by others"));
        let text = format!(
            "`{}` ({}, {}) is too small: {} needed{}, limit {limit}",
            quota.name,
            quota.code,
            quota.unit,
            self.demand.needed,
            used.unwrap_or_default()
        );
        let by = self.demand.by.keys().next().map(ToString::to_string).unwrap_or_default();
        Some(
            Diagnostic::error(&codes::QUOTA, text)
                .at_address(by)
                .with_help(format!("request an increase: {}", self.request())),
        )
    }
}

/// What resources take of quotas, in order of their codes: all of them, whether they are live or not, since what is live of
/// them is left out of what is in use.
pub fn demands(wanted: &[Wanted]) -> Vec<Demand> {
    let mut out: BTreeMap<&str, Demand> = BTreeMap::new();
    for item in wanted.iter().filter(|item| item.existing.is_none()) {
        for Need { quota, amount } in item.kind.needs(&item.spec).into_iter().filter(|need| need.amount > 0) {
            let demand = out.entry(quota.code).or_insert_with(|| Demand { quota, needed: 0, by: BTreeMap::new() });
            demand.needed = demand.needed.saturating_add(amount);
            demand.by.insert(item.address.clone(), amount);
        }
    }
    out.into_values().collect()
}

/// The actions that the life of what a plan touches takes, each with the kinds that take it. Patterns of actions, which IAM
/// cannot be asked about, are left out.
pub fn actions(plan: &Plan) -> BTreeMap<String, BTreeSet<&'static str>> {
    let mut out: BTreeMap<String, BTreeSet<&'static str>> = BTreeMap::new();
    for step in plan.steps.iter().filter(|step| !matches!(step.action, Action::Keep | Action::Read)) {
        for action in step.kind.about().iam.iter().filter(|action| !action.contains('*')) {
            out.entry((*action).to_owned()).or_default().insert(step.kind.name());
        }
    }
    out
}

/// Those of them that IAM would refuse to the caller.
///
/// # Errors
/// A caller of whom IAM knows no policies, such as the root of an account; whatever IAM answers.
pub async fn refused(aws: &Aws, actions: &BTreeMap<String, BTreeSet<&'static str>>) -> Result<BTreeSet<String>, Error> {
    let caller = aws.principal().await?;
    let actions: Vec<String> = actions.keys().cloned().collect();
    let mut out = BTreeSet::new();
    for some in actions.chunks(AT_ONCE) {
        out.extend(aws.refused(&Question { role: &caller, actions: some, resources: &[], context: &[] }).await?);
    }
    Ok(out)
}

/// So many actions are asked about at once.
const AT_ONCE: usize = 100;

/// The types of their machines.
pub fn machine_types(wanted: &[Wanted]) -> BTreeSet<String> {
    wanted.iter().filter(|item| item.existing.is_none()).filter_map(|item| item.kind.machine_type(&item.spec)).collect()
}

impl Room {
    /// Asks the account. What it may not say is left out, and named.
    ///
    /// # Errors
    /// No credentials or no connection: nothing can be asked then.
    pub async fn ask(aws: &Aws, demands: &[Demand], stack: &str, types: &BTreeSet<String>) -> Result<Self, Error> {
        aws.identity().await?;
        let mut out = Self::default();
        for service in demands.iter().map(|demand| demand.quota.service).collect::<BTreeSet<_>>() {
            match aws.limits(service).await {
                Ok(limits) => out.limits.extend(limits),
                Err(error) => out.not_asked(&format!("quotas of {service}"), &error),
            }
        }
        let needed = |service: &str| demands.iter().any(|demand| demand.quota.service == service);
        if needed("ec2") {
            match aws.machines_without((tags::STACK, stack)).await {
                Ok(machines) => out.count(&machines),
                Err(error) => out.not_asked("machines that run", &error),
            }
        }
        if needed("ec2") || needed("vpc") {
            match aws.addresses_and_vpcs_without((tags::STACK, stack)).await {
                Ok((addresses, vpcs)) => {
                    out.used.insert(quota::ELASTIC_IPS.code.to_owned(), addresses);
                    out.used.insert(quota::VPCS.code.to_owned(), vpcs);
                }
                Err(error) => out.not_asked("elastic addresses and VPCs in use", &error),
            }
        }
        match aws.offers(types).await {
            Ok(offers) => out.offers = offers,
            Err(error) => out.not_asked("where types are on offer", &error),
        }
        Ok(out)
    }

    /// What AWS gives to new accounts.
    pub fn of_a_new_account(demands: &[Demand]) -> Self {
        let known = demands.iter().filter_map(|d| Some((d.quota.code.to_owned(), u64::from(d.quota.default?))));
        Self { limits: known.collect(), ..Self::default() }
    }

    fn not_asked(&mut self, what: &str, why: &Error) {
        self.unchecked.push((what.to_owned(), why.to_string()));
    }

    fn count(&mut self, machines: &BTreeMap<Machines, u64>) {
        for (one, count) in machines {
            let Ok(facts) = catalog::instance_type(&one.instance_type) else { continue };
            let quota = if one.spot { facts.spot_quota() } else { facts.on_demand_quota() };
            if let Some(quota) = quota {
                *self.used.entry(quota.code.to_owned()).or_default() += count.saturating_mul(u64::from(facts.vcpus));
            }
        }
        // What was counted and not met is not in use.
        for quota in catalog::instance::instance_types().flat_map(|t| [t.on_demand_quota(), t.spot_quota()]).flatten() {
            self.used.entry(quota.code.to_owned()).or_default();
        }
    }

    /// Each demand beside what there is.
    pub fn hold(&self, demands: Vec<Demand>) -> Vec<Held> {
        let held = |demand: Demand| {
            let limit = self.limits.get(demand.quota.code).copied();
            let used = self.used.get(demand.quota.code).copied();
            Held { demand, limit, used }
        };
        demands.into_iter().map(held).collect()
    }
}
