//! Rules of what AWS has, sells and lets an account use.
use super::{Findings, Rule, Stack, view};
use crate::{
    catalog::Driver,
    diagnostic::{Code, Severity},
    price::{Market, PriceBook},
    spec,
};
use serde_json::Value;
use std::collections::BTreeMap;

/// Instances in one Capacity Block.
const BLOCK: u64 = 64;
/// Instances that one RunInstances call starts.
const GANG: u64 = 256;

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: Code {
            code: "DL0203",
            title: "Placement group in a Capacity Block",
            explain: "AWS places the instances of a Capacity Block close together by itself and refuses a placement \
                      group for them. Remove `placement: cluster`.",
        },
        severity: Severity::Error,
        check: block_placement,
    },
    Rule {
        code: Code {
            code: "DL0204",
            title: "More instances than a Capacity Block has",
            explain: "A Capacity Block has at most 64 instances, and an account at most 256 in all its blocks. Use one \
                      group for each block.",
        },
        severity: Severity::Error,
        check: block_size,
    },
    Rule {
        code: Code {
            code: "DL0205",
            title: "Type perhaps not offered in the region",
            explain: "The price book has prices of this type in other regions, but none in the region of the stack: AWS \
                      probably does not offer it there. `aws ec2 describe-instance-type-offerings` is the truth.",
        },
        severity: Severity::Warning,
        check: offered,
    },
    Rule {
        code: Code {
            code: "DL0206",
            title: "Quota that new accounts do not have",
            explain: "EC2 quotas count vCPUs of running instances per family; accelerated families start at 0 in a new \
                      account. Ask early: large raises take days. Instances in a Capacity Block do not count.",
        },
        severity: Severity::Note,
        check: quota,
    },
    Rule {
        code: Code {
            code: "DL0207",
            title: "Larger than one launch",
            explain: "One call starts up to 256 instances all or nothing. A larger group is started in several such \
                      calls: a later one may fail for want of capacity while the earlier ones run and cost.",
        },
        severity: Severity::Note,
        check: gang,
    },
    Rule {
        code: Code {
            code: "DL0208",
            title: "Image parameter that does not fit the type",
            explain: "The path of an image parameter names a processor architecture and a driver. x86_64 images do not \
                      start on Graviton (and the other way round), the open NVIDIA driver does not run P2 and P3, and \
                      NVIDIA images do not run Trainium and Inferentia.",
        },
        severity: Severity::Error,
        check: image,
    },
    Rule {
        code: Code {
            code: "DL0209",
            title: "No way to log in",
            explain: "Without a role that allows Session Manager and without a key pair nobody can enter the machines. \
                      Give them a `role` with the managed policy AmazonSSMManagedInstanceCore.",
        },
        severity: Severity::Note,
        check: login,
    },
];

fn in_block(resource: &super::Resource<'_>) -> bool {
    view::text(resource, "market") == Some("capacity-block")
}

/// The markets whose quotas a group may need.
fn markets(resource: &super::Resource<'_>) -> Vec<String> {
    let first = Some(view::text(resource, "market").unwrap_or("on-demand")).filter(|_| !in_block(resource));
    let others = resource.spec.get("fallback").and_then(Value::as_array);
    let others = others.into_iter().flatten().filter_map(Value::as_str);
    first.into_iter().chain(others).map(str::to_owned).collect()
}

fn block_placement(stack: &Stack<'_>, found: &mut Findings<'_>) {
    for group in stack.all("instance-group") {
        if in_block(group) && view::text(group, "placement") == Some("cluster") {
            let summary = format!("{} asks for a placement group in a Capacity Block", group.address);
            found.at(
                group,
                "placement",
                summary,
                "remove `placement`: a Capacity Block is placed close together anyway",
            );
        }
    }
}

fn block_size(stack: &Stack<'_>, found: &mut Findings<'_>) {
    for group in stack.all("instance-group").filter(|g| in_block(g)) {
        if let Some(count) = view::whole(group, "count").filter(|n| *n > BLOCK) {
            let summary = format!("{count} instances do not fit into a Capacity Block, which has {BLOCK} at most");
            found.at(group, "count", summary, "use one group for each block");
        }
    }
}

fn offered(stack: &Stack<'_>, found: &mut Findings<'_>) {
    let (book, region) = (PriceBook::embedded(), stack.input.region);
    for m in stack.machines() {
        let name = &m.facts.name;
        let service = Market::OnDemand.service();
        if in_block(m.resource) || book.instance(name, region, Market::OnDemand).is_some() {
            continue;
        }
        let elsewhere: Vec<&str> = book.regions(service, name).map(|(region, _)| region).collect();
        if !elsewhere.is_empty() {
            let summary = format!("{name} has no price in {region}: AWS may not offer it there");
            let help = format!("regions with a price: {}", elsewhere.join(", "));
            found.at(m.resource, "instance_type", summary, help);
        }
    }
}

fn quota(stack: &Stack<'_>, found: &mut Findings<'_>) {
    let mut need: BTreeMap<&str, (u64, Vec<super::Resource<'_>>, &crate::catalog::quota::Quota)> = BTreeMap::new();
    let ways = stack.machines().flat_map(|m| markets(m.resource).into_iter().map(move |market| (m, market)));
    for (m, market) in ways {
        let quota = if market == "spot" { m.facts.spot_quota() } else { m.facts.on_demand_quota() };
        if let (Some(quota), Some(count)) = (quota, m.count) {
            let entry = need.entry(quota.code).or_insert((0, Vec::new(), quota));
            entry.0 += u64::from(m.facts.vcpus).saturating_mul(count);
            entry.1.push(*m.resource);
        }
    }
    for (code, (vcpus, groups, quota)) in need {
        let (Some(default), Some(first)) = (quota.default, groups.first()) else { continue };
        if vcpus > u64::from(default) {
            let summary = format!("{vcpus} vCPU of `{}` ({code}) are needed; new accounts have {default}", quota.name);
            found.at(first, "count", summary, "check the account's value in Service Quotas and ask for more in time");
        }
    }
}

fn gang(stack: &Stack<'_>, found: &mut Findings<'_>) {
    for group in stack.all("instance-group") {
        if let Some(count) = view::whole(group, "count").filter(|n| *n > GANG) {
            let calls = count.div_ceil(GANG);
            let summary = format!("{count} instances start in {calls} launches, each all or nothing by itself");
            found.at(group, "count", summary, "reserve capacity if a part of the group is of no use");
        }
    }
}

fn image(stack: &Stack<'_>, found: &mut Findings<'_>) {
    for m in stack.machines() {
        let Some(path) = view::text(m.resource, "image").filter(|i| i.starts_with('/')) else { continue };
        let words: Vec<&str> = path.split(['/', '-']).collect();
        let has = |word: &str| words.contains(&word);
        let (arm, x86) = (has("arm64"), has("x86_64") || has("amd64"));
        let nvidia = has("nvidia");
        let wrong = match m.facts.arch {
            crate::catalog::Arch::X86 if arm && !x86 => Some("is for arm64"),
            crate::catalog::Arch::Arm if x86 && !arm => Some("is for x86_64"),
            _ if nvidia && m.facts.driver() == Driver::Neuron => {
                Some("carries the NVIDIA driver instead of AWS Neuron")
            }
            _ if nvidia && has("oss") && matches!(m.facts.family(), "p2" | "p3" | "p3dn") => {
                Some("carries the open NVIDIA driver, which needs a newer GPU")
            }
            _ => None,
        };
        if let Some(why) = wrong {
            let summary = format!("the image {why}, {} is {}", m.facts.name, m.facts.arch);
            let fit = crate::catalog::image::fitting(m.facts).join("`, `");
            let help = match fit.is_empty() {
                true => "choose the parameter of an image that is made for the type".to_owned(),
                false => format!("choose a parameter for the type, or one of `{fit}`"),
            };
            found.at(m.resource, "image", summary, help);
        }
    }
}

fn login(stack: &Stack<'_>, found: &mut Findings<'_>) {
    for group in stack.all("instance-group") {
        let has = |field: &str| spec::at(group.spec, field).is_some_and(|v| !v.is_null());
        if !has("role") && !has("key_name") && view::whole(group, "count") != Some(0) {
            let summary = format!("nobody can log in to the machines of {}", group.address);
            found.at(group, "", summary, "give it a `role` with the managed policy `AmazonSSMManagedInstanceCore`");
        }
    }
}
