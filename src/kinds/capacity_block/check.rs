//! What EC2 would refuse of a Capacity Block.
use super::CapacityBlock;
use crate::{
    catalog,
    diagnostic::codes,
    kinds::{capacity_reservation::moment, subnet::is_zone_name},
    resource::Problem,
    units::{Per, Span},
};

codes! {
    pub(super) CODES:
    TYPE = "DL3601", "Not a type of which Capacity Blocks are sold",
        "The instance type is not in the catalog of this version, or AWS sells no Capacity Blocks of it. `dlinfra topology` lists \
         the types.";
    DURATION = "DL3602", "A duration that AWS does not sell",
        "A Capacity Block lasts 1 to 14 whole days, or whole weeks up to 26 (182 days): `24h`, `3d`, `21d`.";
    WINDOW = "DL3603", "Not a window of time for a Capacity Block",
        "`earliest` and `latest` are the times between which the block begins, in UTC: `2027-01-31T00:00:00Z`. `latest` is still \
         to come and not before `earliest`. A block that has ended is gone: remove it from the blueprint, or write a window to \
         come, and buy another one.";
    PRICE = "DL3604", "Not a price for a Capacity Block",
        "`max_price` is what the whole block may cost at most, once: `70000 USD`. Prices by the hour belong to machines that are \
         paid by the hour.";
    ZONE = "DL3605", "Not the name of an availability zone",
        "A zone is named by its region and a letter (`us-east-1a`). Without `zone` the cheapest offer of any zone is taken.";
    NO_OFFER = "DL3606", "AWS offers no such Capacity Block",
        "AWS was asked for Capacity Blocks of this type, count and duration that begin in the window, and has none, or none in the \
         zone. A wider window, fewer machines or another duration may have one; what is offered changes from hour to hour. \
         Nothing was bought.";
    TOO_DEAR = "DL3607", "Capacity Blocks cost more than `max_price`",
        "The cheapest Capacity Block that fits costs more than `max_price` allows. Nothing was bought.";
}

/// Is it sold for so long?
fn is_sold(duration: Span) -> bool {
    duration.whole_days().is_some_and(|days| matches!(days, 1..=14) || days <= 182 && days > 0 && days % 7 == 0)
}

pub(super) fn check(it: &CapacityBlock, problems: &mut Vec<Problem>) {
    let mut add = |code, path: &str, summary: String, help: &str| {
        problems.push(Problem { code, path: path.to_owned(), summary, help: help.to_owned() });
    };
    match catalog::instance_type(&it.instance_type) {
        Err(unknown) => {
            let help = "`dlinfra topology` lists the types that the catalog knows";
            add(&TYPE, "instance_type", unknown.to_string(), help);
        }
        Ok(facts) if facts.usage.is_known() && !facts.usage.capacity_block => {
            let summary = format!("AWS sells no Capacity Blocks of {}", it.instance_type);
            add(&TYPE, "instance_type", summary, "choose another type, or make a capacity-reservation");
        }
        Ok(_) => {}
    }
    if !is_sold(it.duration) {
        let summary = format!("AWS sells no Capacity Blocks for {}", it.duration);
        add(&DURATION, "duration", summary, "write 1 to 14 whole days, or whole weeks up to 182 days");
    }
    let window = [("earliest", it.earliest.as_deref()), ("latest", Some(it.latest.as_str()))];
    for (path, at) in window {
        if let Some(at) = at.filter(|at| moment(at).is_none()) {
            let summary = format!("`{at}` is not a time in UTC");
            add(&WINDOW, path, summary, "write for example `2027-01-31T00:00:00Z`");
        }
    }
    if let (Some(earliest), Some(latest)) = (it.earliest.as_deref().and_then(moment), moment(&it.latest))
        && earliest > latest
    {
        let summary = "`latest` is before `earliest`".to_owned();
        add(&WINDOW, "latest", summary, "write the times between which the block begins");
    }
    if it.max_price.per() != Per::Once {
        let summary = format!("`{}` is not the price of a whole block", it.max_price);
        add(&PRICE, "max_price", summary, "write what the block may cost at most, once: `70000 USD`");
    }
    if let Some(zone) = it.zone.as_deref().filter(|zone| !is_zone_name(zone)) {
        let summary = format!("`{zone}` is not the name of an availability zone");
        add(&ZONE, "zone", summary, "write the region and a letter, for example `us-east-1a`");
    }
}
