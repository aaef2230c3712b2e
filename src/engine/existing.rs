//! What `existing:` names: exactly one object each, read and never changed; in the sandbox imagined where it is not there.
use super::{Engine, codes, find};
use crate::{
    address::Address,
    aws::{ErrorClass, tags::Tags},
    call::SweepCtx,
    diagnostic::{Diagnostic, Diagnostics},
    packed::Packed,
    plan::Wanted,
    resource::{Live, Lookup},
    snapshot::Found,
};
use serde_json::json;
use std::{collections::BTreeMap, sync::Arc};

/// So many candidates are shown.
const SHOWN: usize = 5;

impl Engine {
    /// Each of them, and what was imagined.
    pub(super) async fn existing(
        &self,
        ctx: &SweepCtx,
        wanted: &[Wanted],
    ) -> Result<(BTreeMap<Address, Found>, Diagnostics), Diagnostics> {
        let mut out = BTreeMap::new();
        let (mut problems, mut notes) = (Diagnostics::default(), Diagnostics::default());
        for item in wanted {
            let Some(by) = &item.existing else { continue };
            let address = item.address.as_str();
            let mut lives = match item.kind.lookup(ctx, by).await {
                Ok(lives) => lives,
                Err(e) if e.class == ErrorClass::NotFound => Vec::new(),
                Err(e) => {
                    problems.push(e.diagnostic().at_address(address).at_field("existing"));
                    continue;
                }
            };
            let live = match lives.len() {
                1 => {
                    let mut live = lives.remove(0);
                    live.address = item.address.clone();
                    live
                }
                0 if self.imagine => {
                    let text = format!(
                        "the sandbox has no {} with {}, so {address} is invented",
                        item.kind.name(),
                        find::said(by)
                    );
                    let help = "plans work; for an apply make it in the sandbox first (`dlinfra sandbox serve` and the AWS CLI)";
                    notes.push(
                        Diagnostic::note(&codes::IMAGINED, text)
                            .at_address(address)
                            .at_field("existing")
                            .with_help(help),
                    );
                    imagined(item, by)
                }
                n => {
                    problems.push(self.ambiguous(ctx, item, by, &lives, n).await);
                    continue;
                }
            };
            out.insert(item.address.clone(), Found { kind: item.kind, live: Arc::new(live) });
        }
        problems.into_result(()).map(|_| (out, notes))
    }

    /// None or several: those that match, or those that there are.
    async fn ambiguous(&self, ctx: &SweepCtx, item: &Wanted, by: &Lookup, lives: &[Live], n: usize) -> Diagnostic {
        let kind = item.kind.name();
        let place = format!("account {}, region {}", ctx.scope.account, ctx.scope.region);
        let (text, detail, help) = match n {
            0 => {
                // Whoever may read one may mostly read all; if not, nobody is told of others.
                let all = item.kind.lookup(ctx, &Lookup::Tags(Tags::new())).await.unwrap_or_default();
                let there = match all.as_slice() {
                    [] => String::new(),
                    some => format!("; there are {}", candidates(some)),
                };
                let help = "check the id, the name or the tags, the account (`--profile`) and the region";
                (format!("there is no {kind} with {}", find::said(by)), format!("{place}{there}"), help)
            }
            _ => {
                let text = format!("`existing:` of {} matches {n} objects and must match one", item.address);
                (text, format!("{place}: {}", candidates(lives)), "name it by its id, or give more tags")
            }
        };
        let problem =
            Diagnostic::error(&codes::EXISTING_AMBIGUOUS, text).at_address(item.address.as_str()).at_field("existing");
        problem.with_detail(detail).with_help(help)
    }
}

/// Objects by id and, where they have one, by name.
fn candidates(lives: &[Live]) -> String {
    let one = |live: &Live| match live.tags.get("Name") {
        Some(name) if *name != live.id => format!("{} (`{name}`)", find::described(live)),
        _ => find::described(live),
    };
    let mut all: Vec<String> = lives.iter().map(one).collect();
    all.sort();
    let more = all.len().saturating_sub(SHOWN);
    all.truncate(SHOWN);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{rest}", all.join(", "))
}

/// Stands for an object that exists in the real account, but not in the sandbox.
fn imagined(item: &Wanted, by: &Lookup) -> Live {
    let id = match by {
        Lookup::Id(id) => id.clone(),
        Lookup::Name(name) => name.clone(),
        Lookup::Tags(_) => format!("imagined-{}", item.address),
    };
    let mut outputs = Packed::new();
    for output in item.kind.about().outputs {
        let value = match output.name {
            "id" | "name" => json!(id),
            // Policies take nothing else.
            "arn" => json!(format!("arn:aws:imagined:::{id}")),
            other => json!(format!("imagined-{other}")),
        };
        outputs.insert(output.name, if output.ty.starts_with("list") { json!([]) } else { value });
    }
    let mut live = Live::new(item.address.clone(), id, Tags::new(), serde_json::Value::clone(&item.spec));
    live.outputs = outputs;
    live
}
