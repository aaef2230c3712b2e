//! Rules of what AWS has, sells and lets an account use.
use super::{Findings, Rule, Stack, view::Item};
use crate::{
    catalog::Driver,
    diagnostic::{Code, Severity},
    kinds::{
        InstanceGroup,
        instance_group::{Market, Placement},
    },
    price::{Market as PriceMarket, PriceBook},
};
use std::collections::BTreeMap;

/// Instances in one Capacity Block.
const BLOCK: u32 = 64;
/// Instances that one RunInstances call starts.
const GANG: u32 = 256;

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: Code {
            code: "DL0203",
            title: "Placement group in a Capacity Block",
            explain: "AWS places the instances of a Capacity Block close together by itself and refuses a placement \
                      group for them. Remove `placement: cluster` or `placement_group`.",
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

fn in_block(group: &InstanceGroup) -> bool {
    group.market == Market::CapacityBlock
}

/// The markets whose quotas a group may need.
fn markets(group: &InstanceGroup) -> impl Iterator<Item = Market> {
    let first = Some(group.market).filter(|_| !in_block(group));
    first.into_iter().chain(group.fallback.iter().copied())
}

fn block_placement(stack: &Stack<'_>, found: &mut Findings<'_>) {
    for group in stack.all::<InstanceGroup>().filter(|group| in_block(group)) {
        let own = (group.placement == Some(Placement::Cluster)).then_some("placement");
        for path in own.into_iter().chain(group.placement_group.as_ref().map(|_| "placement_group")) {
            let summary = format!("{} asks for a placement group in a Capacity Block", group.address());
            let help = format!("remove `{path}`: a Capacity Block is placed close together anyway");
            found.at(group.resource, path, summary, help);
        }
    }
}

fn block_size(stack: &Stack<'_>, found: &mut Findings<'_>) {
    for group in stack.all::<InstanceGroup>().filter(|g| in_block(g) && g.count > BLOCK) {
        let count = group.count;
        let summary = format!("{count} instances do not fit into a Capacity Block, which has {BLOCK} at most");
        found.at(group.resource, "count", summary, "use one group for each block");
    }
}

fn offered(stack: &Stack<'_>, found: &mut Findings<'_>) {
    let (book, region) = (PriceBook::embedded(), stack.input.region);
    for m in stack.machines() {
        let name = &m.facts.name;
        let service = PriceMarket::OnDemand.service();
        if in_block(&m.group) || book.instance(name, region, PriceMarket::OnDemand).is_some() {
            continue;
        }
        let elsewhere: Vec<&str> = book.regions(service, name).map(|(region, _)| region).collect();
        if !elsewhere.is_empty() {
            let summary = format!("{name} has no price in {region}: AWS may not offer it there");
            let help = format!("regions with a price: {}", elsewhere.join(", "));
            found.at(m.group.resource, "instance_type", summary, help);
        }
    }
}

fn quota(stack: &Stack<'_>, found: &mut Findings<'_>) {
    let mut need: BTreeMap<&str, (u64, Item<'_, InstanceGroup>, &crate::catalog::quota::Quota)> = BTreeMap::new();
    let ways = stack.machines().flat_map(|m| markets(m.group.fields).map(move |market| (m, market)));
    for (m, market) in ways {
        let quota = if market == Market::Spot { m.facts.spot_quota() } else { m.facts.on_demand_quota() };
        if let Some(quota) = quota {
            let entry = need.entry(quota.code).or_insert((0, m.group, quota));
            entry.0 += u64::from(m.facts.vcpus) * u64::from(m.group.count);
        }
    }
    for (code, (vcpus, first, quota)) in need {
        let Some(default) = quota.default else { continue };
        if vcpus > u64::from(default) {
            let summary = format!("{vcpus} vCPU of `{}` ({code}) are needed; new accounts have {default}", quota.name);
            found.at(
                first.resource,
                "count",
                summary,
                "check the account's value in Service Quotas and ask for more in time",
            );
        }
    }
}

fn gang(stack: &Stack<'_>, found: &mut Findings<'_>) {
    for group in stack.all::<InstanceGroup>().filter(|g| g.count > GANG) {
        let (count, calls) = (group.count, group.count.div_ceil(GANG));
        let summary = format!("{count} instances start in {calls} launches, each all or nothing by itself");
        found.at(group.resource, "count", summary, "reserve capacity if a part of the group is of no use");
    }
}

fn image(stack: &Stack<'_>, found: &mut Findings<'_>) {
    for m in stack.machines() {
        let Some(path) = m.group.image.as_deref().filter(|i| i.starts_with('/')) else { continue };
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
            found.at(m.group.resource, "image", summary, help);
        }
    }
}

fn login(stack: &Stack<'_>, found: &mut Findings<'_>) {
    for group in stack.all::<InstanceGroup>() {
        if group.role.is_none() && group.key_name.is_none() && group.count > 0 {
            let summary = format!("nobody can log in to the machines of {}", group.address());
            found.at(
                group.resource,
                "",
                summary,
                "give it a `role` with the managed policy `AmazonSSMManagedInstanceCore`",
            );
        }
    }
}
