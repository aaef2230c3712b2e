//! What a plan buys: what is offered, what a person has agreed to, and what stays because nobody can give it back.
use super::{Action, Plan, Step};
use crate::plan::codes;
use crate::{
    address::Address,
    diagnostic::{Diagnostic, Diagnostics},
    resource::Offer,
};
use std::collections::{BTreeMap, BTreeSet};

/// Purchases of a plan. Nothing is bought that is not offered here and agreed to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Purchases {
    /// What AWS offers, by address.
    pub offers: BTreeMap<Address, Offer>,
    /// What may be bought.
    agreed: BTreeSet<Address>,
    /// Where an earlier purchase has no answer: it is looked for, and nothing is bought.
    pub(crate) in_doubt: BTreeSet<Address>,
}

impl Purchases {
    /// The offer at an address, if it may be bought.
    pub fn agreed(&self, address: &Address) -> Option<&Offer> {
        self.offers.get(address).filter(|_| self.agreed.contains(address))
    }
}

impl Plan {
    /// Steps that would buy something, for good.
    pub fn buying(&self) -> impl Iterator<Item = &Step> {
        let new = |s: &&Step| s.action == Action::Create && s.kind.is_bought();
        self.steps.iter().filter(new).filter(|s| !self.purchases.in_doubt.contains(&s.address))
    }

    /// Those of them to which nobody has agreed.
    pub fn unagreed(&self) -> impl Iterator<Item = &Step> {
        self.buying().filter(|s| !self.purchases.agreed.contains(&s.address))
    }

    /// What AWS offers for a step, which is said in its line.
    pub(crate) fn offer(&mut self, address: &Address, offer: Offer) {
        if let Some(step) = self.steps.iter_mut().find(|s| s.address == *address) {
            step.reason = format!("{}; it is bought only with `--buy {address}`", said(step, &offer));
        }
        self.purchases.offers.insert(address.clone(), offer);
    }

    /// A person says that this may be bought, for the price that the plan shows. True = it is something to buy.
    pub fn agree(&mut self, address: &Address) -> bool {
        let Some(offer) = self.purchases.offers.get(address) else { return false };
        if let Some(step) = self.steps.iter_mut().find(|s| s.address == *address) {
            step.reason = format!("{}; it is bought with this apply, for good", said(step, offer));
        }
        self.purchases.agreed.insert(address.clone())
    }

    /// The same for everything: in a simulated account nothing is paid.
    pub fn agree_to_all(&mut self) {
        for address in self.purchases.offers.keys().cloned().collect::<Vec<_>>() {
            self.agree(&address);
        }
    }

    /// What waits for a step, directly or through others.
    pub fn waiting_for(&self, address: &Address) -> BTreeSet<&Address> {
        let mut tasks: Vec<usize> =
            (0..self.tasks.len()).filter(|t| self.steps[self.tasks[*t].step].address == *address).collect();
        let mut out = BTreeSet::new();
        while let Some(task) = tasks.pop() {
            for child in self.dag.children(task) {
                let waits = &self.steps[self.tasks[*child].step].address;
                if waits != address && out.insert(waits) {
                    tasks.push(*child);
                }
            }
        }
        out
    }

    /// The same plan without removing what was bought: nobody can give it back, and it ends by itself.
    ///
    /// # Errors
    /// Something is to take its place.
    pub(super) fn keeping_what_was_bought(self) -> Result<Self, Diagnostics> {
        let stays = |step: &Step| step.live_kind.unwrap_or(step.kind).stays(step.live.as_deref()?);
        let mut problems = Diagnostics::new();
        for step in self.steps.iter().filter(|s| s.action == Action::Replace) {
            let Some(why) = stays(step) else { continue };
            let address = step.address.as_str();
            let text = format!("{address} would be replaced ({}), and cannot be: {why}", step.reason);
            let help = "leave it as it is, and give what is new another address";
            problems.push(Diagnostic::error(&codes::BOUGHT, text).at_address(address).with_help(help));
        }
        let gone = self.steps.iter().filter(|s| s.action == Action::Delete);
        let reasons = gone.filter_map(|s| Some((s.address.clone(), stays(s)?))).collect::<BTreeMap<_, _>>();
        let kept = if reasons.is_empty() { self } else { self.keeping(&reasons) };
        problems.into_result(kept).map(|(plan, _)| plan)
    }
}

/// The offer in words, after why it is wanted, where that is news.
fn said(step: &Step, offer: &Offer) -> String {
    let why = step.reason.split("; AWS offers ").next().unwrap_or_default();
    let why = if why.starts_with("it does not exist") || why.starts_with("AWS offers ") { "" } else { why };
    let price = crate::price::line::Dollars(offer.price);
    let offers = format!("AWS offers {} for {price}, once", offer.words);
    if why.is_empty() { offers } else { format!("{why}; {offers}") }
}
