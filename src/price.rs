//! The vocabulary of money: rates with their source, priced lines, stated usage; kinds speak it, `cost` adds it up.
//!
//! **Invariant:** a price is never invented. No row for a region means *unpriced*, a state of its own; another
//! region's rate is never used in its place, and zero is only a rate that AWS publishes as zero.

pub mod book;
pub mod cache;
pub mod compute;
pub mod line;
pub mod list;
pub mod network;
pub mod refresh;
pub mod service;
pub mod serving;
pub mod show;
pub mod storage;
pub mod usage;

pub use book::{Confidence, Market, PriceBook, Rate, Tier, Unit};
pub use cache::{Cache, PriceAge, Prices};
pub use line::{Amount, HOURS_PER_MONTH, LineState, PriceLine};
pub use usage::{Usage, UsageBook};

use crate::diagnostic::codes;
use std::collections::BTreeMap;

/// What a kind is given to price itself: the book, the stack's region and the usage stated for this resource.
#[derive(Debug, Clone, Copy)]
pub struct PriceContext<'a> {
    /// The rates; offline, dated.
    pub book: &'a PriceBook,
    /// The region of the stack.
    pub region: &'a str,
    /// `usage:` of the resource over `usage:` of the blueprint.
    pub usage: &'a Usage,
    /// How many machines run at the moment, by variant, where what is live is priced.
    pub running: Option<&'a BTreeMap<String, u32>>,
}

impl<'a> PriceContext<'a> {
    /// A context over `book` for one region.
    #[must_use]
    pub fn new(book: &'a PriceBook, region: &'a str, usage: &'a Usage) -> Self {
        Self { book, region, usage, running: None }
    }
}

codes! {
    /// What `dlinfra explain` says about prices that are asked for.
    pub CODES:
    PRICE_NOT_REFRESHED = "DL0620", "A price was not refreshed",
        "The Price List must answer a query with exactly one price. It had none or several, or EC2 offers \
         nothing of the kind now. The old price stays, and the plan shows its date.";
    PRICE_FILE = "DL0621", "The file of refreshed prices cannot be used",
        "The file is damaged or may not be read, so the prices that are part of dlinfra are used. It is only a \
         cache: delete it, or run `dlinfra prices refresh` again. DLINFRA_PRICES names another file, and \
         DLINFRA_PRICES=embedded uses none.";
    NO_PRICE = "DL0622", "Nothing with this name has a price",
        "`dlinfra prices show` knows instance types, kinds of resources and the services of the price book.";
}
