//! A permissions boundary for who applies a blueprint: the services in use, in one region, and nothing of IAM but the
//! stack's own roles. It allows nothing by itself; the policies say what is done inside it.
use super::{Condition, Grant, Life, document};
use serde_json::Value;
use std::collections::BTreeSet;

/// Services without regions of their own, which a condition on the region would shut out.
const GLOBAL: [&str; 2] = ["iam", "sts"];

/// The boundary for a blueprint.
pub fn boundary(of: Life<'_>, grants: &[Grant]) -> Value {
    let service = |action: &String| action.split_once(':').map(|(service, _)| service.to_owned());
    let services: BTreeSet<String> = grants.iter().flat_map(|grant| &grant.actions).filter_map(service).collect();
    let regional = services.iter().filter(|s| !GLOBAL.contains(&s.as_str())).map(|s| format!("{s}:*"));
    let here = Condition::new("StringEquals", "aws:RequestedRegion", &of.ground.region);
    let mut out = vec![Grant::new("Services", regional, vec!["*".to_owned()]).when(here)];
    // What IAM may do is bounded by the policies' own statements.
    for grant in grants {
        let actions: Vec<&String> = grant.actions.iter().filter(|a| GLOBAL.iter().any(|g| a.starts_with(g))).collect();
        if actions.is_empty() {
            continue;
        }
        let mut bounded = Grant { conditions: grant.conditions.clone(), ..Grant::new(&grant.sid, actions, Vec::new()) };
        bounded.resources.clone_from(&grant.resources);
        out.push(bounded);
    }
    document(&out)
}
