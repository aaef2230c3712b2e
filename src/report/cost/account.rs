//! Every stack of an account by its owner as text, JSON, CSV, Markdown and a page: expired ones first.

use std::fmt::Write;

use jiff::Timestamp;
use serde_json::{Value, json};

use anstyle::Style;

use super::super::screen::{GONE, STRONG, Screen};
use super::super::table::{Column, Table};
use super::csv::field;
use super::markdown::cell;
use super::{Forms, Heading, RenderError, grouped, html};
use crate::cost::Sum;
use crate::cost::account::{Account, Owner, Stack};
use crate::cost::pricing::Spent;
use crate::price::line::rounded;

/// The stacks of an account, as strings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountReport<'a> {
    pub(super) heading: &'a Heading,
    pub(super) account: &'a str,
    pub(super) all: &'a Account,
    /// Of when the figures are.
    pub(super) at: Timestamp,
}

/// What the sums leave out.
const LIVE_ONLY: &str = "Spent: on what is live; `dlinfra status` of a stack counts what is gone as well.";

/// An owner as people read it.
pub(super) fn owner(name: &str) -> &str {
    if name.is_empty() { "(no owner)" } else { name }
}

/// Dollars an hour, and how many lines are missing from it.
fn hourly(sum: &Sum) -> String {
    let text = grouped(&rounded(sum.total().hourly(), 4));
    if sum.unpriced > 0 { format!("{text} + {} unpriced", sum.unpriced) } else { text }
}

/// Dollars until now, and how many objects are missing from it.
fn spent(spent: &Spent) -> String {
    let text = grouped(&rounded(spent.dollars, 2));
    if spent.unknown_age > 0 { format!("{text} + {} of unknown age", spent.unknown_age) } else { text }
}

fn figures(sum: &Sum, so_far: &Spent) -> Value {
    json!({
        "hourly": rounded(sum.total().hourly(), 4), "monthly": rounded(sum.total().monthly(), 2),
        "spent": rounded(so_far.dollars, 2), "unpriced_lines": sum.unpriced, "unknown_age": so_far.unknown_age,
    })
}

impl<'a> AccountReport<'a> {
    /// The report of a moment; the heading names region and place.
    #[must_use]
    pub fn new(heading: &'a Heading, account: &'a str, all: &'a Account, at: Timestamp) -> Self {
        Self { heading, account, all, at }
    }

    fn stack_cells(s: &Stack) -> [String; 6] {
        let expires = s.expires.map_or("never".to_owned(), |at| at.strftime("%Y-%m-%d %H:%MZ").to_string());
        let expires = if s.expired { format!("EXPIRED {expires}") } else { expires };
        let who = owner(s.owner.as_deref().unwrap_or_default()).to_owned();
        [s.name.clone(), who, expires, s.objects.to_string(), hourly(&s.sum), spent(&s.spent)]
    }

    fn owner_cells(o: &Owner) -> [String; 5] {
        let stacks = if o.expired > 0 { format!("{} ({} expired)", o.stacks, o.expired) } else { o.stacks.to_string() };
        [
            owner(&o.name).to_owned(),
            stacks,
            hourly(&o.sum),
            grouped(&rounded(o.sum.total().monthly(), 2)),
            spent(&o.spent),
        ]
    }
}

impl<'a> Forms for AccountReport<'a> {
    fn text(&self, screen: Screen) -> String {
        let heading = self.heading;
        let mut out = String::new();
        screen.paragraph(&mut out, &heading.region, Style::new(), &format!("   {}", heading.place), 2);
        if self.all.stacks.is_empty() {
            out.push_str("no stacks\n");
            return out;
        }
        let (sum, so_far) = self.all.total();
        let mut stacks = Table::new(&[
            Column::whole("STACK"),
            Column::words("OWNER"),
            Column::whole("EXPIRES"),
            Column::figures("OBJECTS"),
            Column::figures("$/h"),
            Column::figures("SPENT SO FAR"),
        ]);
        for stack in &self.all.stacks {
            stacks.row(if stack.expired { GONE } else { Style::new() }, Self::stack_cells(stack));
        }
        let mut owners = Table::new(&[
            Column::words("OWNER"),
            Column::figures("STACKS"),
            Column::figures("$/h"),
            Column::figures("$/month"),
            Column::figures("SPENT SO FAR"),
        ]);
        for owner in &self.all.owners {
            owners.row(if owner.expired > 0 { GONE } else { Style::new() }, Self::owner_cells(owner));
        }
        let count = self.all.stacks.len().to_string();
        let monthly = grouped(&rounded(sum.total().monthly(), 2));
        owners.row(STRONG, ["total".to_owned(), count, hourly(&sum), monthly, spent(&so_far)]);
        out.push('\n');
        stacks.render(screen, &mut out);
        out.push('\n');
        owners.render(screen, &mut out);
        screen.paragraph(&mut out, "", Style::new(), LIVE_ONLY, 0);
        out
    }

    fn json(&self) -> Value {
        let with = |mut fields: Value, sum: &Sum, so_far: &Spent| {
            if let (Some(fields), Value::Object(more)) = (fields.as_object_mut(), figures(sum, so_far)) {
                fields.extend(more);
            }
            fields
        };
        let owners = self.all.owners.iter().map(|o| {
            let name = (!o.name.is_empty()).then_some(&o.name);
            with(json!({ "owner": name, "stacks": o.stacks, "expired": o.expired }), &o.sum, &o.spent)
        });
        let stacks = self.all.stacks.iter().map(|s| {
            let fields = json!({
                "stack": s.name, "stack_id": s.id, "owner": s.owner, "expires": s.expires, "expired": s.expired,
                "objects": s.objects,
            });
            with(fields, &s.sum, &s.spent)
        });
        let (sum, so_far) = self.all.total();
        json!({
            "account": self.account, "region": self.heading.region, "currency": "USD",
            "total": figures(&sum, &so_far), "owners": owners.collect::<Vec<_>>(), "stacks": stacks.collect::<Vec<_>>(),
        })
    }

    fn csv(&self) -> String {
        let mut out = String::from(
            "owner,stack,stack_id,expires,expired,objects,hourly,monthly,spent,unpriced_lines,unknown_age\r\n",
        );
        for s in &self.all.stacks {
            let cells = [
                s.owner.clone().unwrap_or_default(),
                s.name.clone(),
                s.id.clone(),
                s.expires.map(|at| at.to_string()).unwrap_or_default(),
                s.expired.to_string(),
                s.objects.to_string(),
                rounded(s.sum.total().hourly(), 4),
                rounded(s.sum.total().monthly(), 2),
                rounded(s.spent.dollars, 2),
                s.sum.unpriced.to_string(),
                s.spent.unknown_age.to_string(),
            ];
            out.push_str(&cells.map(|cell| field(&cell)).join(","));
            out.push_str("\r\n");
        }
        out
    }

    fn write_markdown(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "## Stacks of account {} in {}\n", self.account, self.heading.region)?;
        writeln!(out, "| owner | stacks | $/h | $/month | spent so far |\n|---|---:|---:|---:|---:|")?;
        for o in &self.all.owners {
            writeln!(out, "| {} |", Self::owner_cells(o).map(|text| cell(&text)).join(" | "))?;
        }
        let (sum, so_far) = self.all.total();
        let monthly = grouped(&rounded(sum.total().monthly(), 2));
        let count = self.all.stacks.len();
        writeln!(out, "| **total** | {count} | {} | {monthly} | {} |", hourly(&sum), spent(&so_far))?;
        writeln!(out, "\n| stack | owner | expires | objects | $/h | spent so far |\n|---|---|---|---:|---:|---:|")?;
        for s in &self.all.stacks {
            writeln!(out, "| {} |", Self::stack_cells(s).map(|text| cell(&text)).join(" | "))?;
        }
        writeln!(out, "\n{LIVE_ONLY}")
    }

    fn html(&self) -> Result<String, RenderError> {
        html::account::render(self)
    }
}
