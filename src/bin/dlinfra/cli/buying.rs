//! What is bought for good: named on the command line, or refused before anything is changed.
use super::{Exit, Stop, plan};
use crate::cli::codes;
use dlinfra::{
    address::Address,
    diagnostic::{Diagnostic, Diagnostics},
    plan::Plan,
    price::line::Dollars,
};
use std::collections::BTreeSet;

/// What `--buy` names: resources that are bought. Where one is there already, nothing is bought again.
pub(super) fn named(buy: &[String], prepared: &plan::Prepared) -> std::result::Result<BTreeSet<Address>, Stop> {
    let wanted = &prepared.deployment.wanted;
    let addresses = plan::addresses(buy, &prepared.deployment)?;
    let others = addresses.iter().filter(|a| wanted.iter().any(|w| w.address == **a && !w.kind.is_bought()));
    let problems: Diagnostics = others
        .map(|address| {
            Diagnostic::error(&codes::NOTHING_TO_BUY, format!("{address} is nothing that is bought"))
                .with_help("leave out `--buy` for it: it is paid for as it is used")
        })
        .collect();
    Ok(problems.into_result(addresses).map(|(addresses, _)| addresses)?)
}

/// Money that cannot be had back is spent only on what was named.
pub(super) fn refuse(plan: &Plan) -> std::result::Result<(), Stop> {
    let refused = plan.unagreed().map(|step| {
        let address = &step.address;
        let waiting: Vec<String> = plan.waiting_for(address).into_iter().map(|a| format!("`{a}`")).collect();
        let waiting = match waiting.is_empty() {
            true => String::new(),
            false => format!("; {} would wait for it", waiting.join(", ")),
        };
        let text = format!("`{address}` ({}) is bought only when you say so{waiting}", step.summary);
        let help = match plan.purchases.offers.get(address) {
            Some(offer) => format!(
                "`--buy {address}` buys {} for {}, and nobody gives the money back; nothing was bought or changed",
                offer.words,
                Dollars(offer.price)
            ),
            None => {
                "what AWS offers could not be asked (see the notes above); nothing was bought or changed".to_owned()
            }
        };
        Diagnostic::error(&codes::NOT_TO_BUY, text).with_help(help)
    });
    let refused: Diagnostics = refused.collect();
    if refused.is_empty() { Ok(()) } else { Err(Stop { exit: Exit::Refused, diagnostics: refused }) }
}
