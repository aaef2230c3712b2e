//! Prices of resources that are alike: those of a large stack often differ only in what they point at.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;

use super::bill::Sum;
use crate::kind::Kind;
use crate::price::{PriceLine, Usage};
use crate::spec::{self, Node};

/// How many specs of a kind are compared with the next one, the latest.
const KEPT: usize = 8;

/// What a resource costs.
#[derive(Clone, Default)]
pub(super) struct Cost {
    pub(super) lines: Vec<PriceLine>,
    pub(super) sum: Sum,
}

/// A spec that has been priced.
struct Known<'a> {
    spec: &'a Value,
    usage: Cow<'a, Usage>,
    cost: Cost,
}

/// What has been priced in one go, by kind.
#[derive(Default)]
pub(super) struct Alike<'a>(BTreeMap<&'static str, Vec<Known<'a>>>);

impl<'a> Alike<'a> {
    /// What a resource costs, which `price` says if nothing like it has been priced a moment ago.
    pub(super) fn cost(
        &mut self,
        kind: &dyn Kind,
        spec: &'a Value,
        usage: impl FnOnce() -> Cow<'a, Usage>,
        price: impl FnOnce(&Usage) -> Vec<PriceLine>,
    ) -> Cost {
        if kind.about().free {
            return Cost::default();
        }
        let usage = usage();
        let known = self.0.entry(kind.name()).or_default();
        if let Some(same) = known.iter().rfind(|known| known.usage == usage && same_price(known.spec, spec)) {
            return same.cost.clone();
        }
        let lines = price(&usage);
        let cost = Cost { sum: lines.iter().map(Sum::of).fold(Sum::default(), Sum::plus), lines };
        if known.len() == KEPT {
            known.remove(0);
        }
        known.push(Known { spec, usage, cost: cost.clone() });
        cost
    }
}

/// Are these the same but for the names of what they point at? Prices have nothing to do with names; they may depend on
/// whether two pointers lead to one object, so different names stand for different ones here too.
fn same_price<'a>(one: &'a Value, other: &'a Value) -> bool {
    same(one, other, &mut Vec::new())
}

type Names<'a> = Vec<[(Option<&'a str>, Option<&'a str>); 2]>;

fn same<'a>(one: &'a Value, other: &'a Value, names: &mut Names<'a>) -> bool {
    match (one, other) {
        (Value::Object(a), Value::Object(b)) => match (spec::node(one), spec::node(other)) {
            (Node::Pointer { address: a, id: i }, Node::Pointer { address: b, id: j }) => {
                let pair = [(a, i), (b, j)];
                let met = names.iter().find(|[a, b]| *a == pair[0] || *b == pair[1]);
                let fits = met.is_none_or(|met| *met == pair);
                if met.is_none() {
                    names.push(pair);
                }
                fits
            }
            (Node::Pointer { .. }, _) | (_, Node::Pointer { .. }) => false,
            _ => a.len() == b.len() && a.iter().zip(b).all(|((k, v), (l, w))| k == l && same(v, w, names)),
        },
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(v, w)| same(v, w, names)),
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::same_price;
    use serde_json::json;

    #[test]
    fn only_the_names_of_what_is_pointed_at_may_differ() {
        let to = |a: &str, b: &str| json!({ "size": 1, "subnets": [{ "$ref": a }, { "$ref": b }] });
        assert!(same_price(&to("a", "b"), &to("c", "d")));
        assert!(same_price(&to("a", "a"), &to("c", "c")));
        assert!(!same_price(&to("a", "a"), &to("c", "d")));
        assert!(!same_price(&to("a", "b"), &to("c", "c")));
        assert!(!same_price(&json!({ "size": 1 }), &json!({ "size": 2 })));
        assert!(!same_price(&json!({ "size": 1 }), &json!({ "count": 1 })));
        assert!(!same_price(&json!({ "key": { "$ref": "a" } }), &json!({ "key": "a" })));
        assert!(!same_price(
            &json!({ "size": { "$ref": "a", "attr": "size" } }),
            &json!({ "size": { "$ref": "b", "attr": "size" } })
        ));
    }
}
