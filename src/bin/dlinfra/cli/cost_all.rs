//! cost --all: what every stack in the account and region costs, by owner, from live tags; expired ones first.
use super::{Format, Result, arguments::Where, cost, place, place::Place, prices, stack};
use crate::ui::Ui;
use dlinfra::{
    cost::{Pricing, account::Account},
    engine::Engine,
    kinds::KINDS,
    price::UsageBook,
    report::cost::{AccountReport, Heading},
};

pub(super) async fn run(at: &Where, output: cost::Output<'_>, format: Format, ui: Ui) -> Result {
    let region = stack::region(at)?;
    let (prices, notes) = prices::prices(at, &place::beside(None));
    let place = Place::open(at, &region, None).await?;
    let (found, unread) = Engine::all_stacks(&place.aws, KINDS).await?;
    ui.diagnostics(&unread);
    // What blueprints state about use is not known here: assumptions stand in its place.
    let usage = UsageBook::default();
    let pricing = Pricing { book: &prices.book, region: &region, usage: &usage, owner: None, run: None };
    let now = place.aws.clock().now();
    let all = Account::of(&found, &pricing, now);
    let account = place.aws.account().await?;
    let heading = Heading { region: region.clone(), place: place.heading().await?, ..Heading::default() };
    let report = AccountReport::new(&heading, &account, &all, now);
    cost::show(&report, format, &notes, output, ui)
}
