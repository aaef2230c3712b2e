//! What SageMaker would refuse of the machines of an endpoint: types, disks, training plans, and a variant in the shadow.
use super::{
    SagemakerEndpoint, Variant,
    check::{Add, DISKS, MACHINE, NOT_HOSTED, POOLS, RESERVATION, SHADOW, scales, serverless},
};
use std::collections::BTreeSet;

/// Families of EC2 that SageMaker does not serve on (enum ProductionVariantInstanceType).
const ABSENT: [&str; 5] = ["g4ad", "g5g", "gr6", "m7g", "p3dn"];
/// Families whose machines have disks of their own, besides those with a `d`.
const OWN_DISKS: [&str; 4] = ["g5", "g6", "p5", "trn1"];

pub(super) fn family(machine: &str) -> &str {
    machine.trim_start_matches("ml.").split('.').next().unwrap_or_default()
}

/// Do its machines have disks of their own? The rule of the SDK of SageMaker, 2026-08.
fn has_own_disks(machine: &str) -> bool {
    let rest = family(machine).trim_start_matches(|c: char| c.is_ascii_alphabetic());
    rest.contains('d') || OWN_DISKS.iter().any(|own| family(machine).starts_with(own))
}

pub(super) fn machines(
    endpoint: &SagemakerEndpoint,
    variant: &Variant,
    at: &dyn Fn(&str) -> String,
    add: &mut Add<'_>,
) {
    if variant.types().next().is_none() {
        match &variant.serverless {
            Some(_) => serverless(endpoint, variant, at, add),
            None => add(
                &MACHINE,
                at("instance_type"),
                format!("the variant `{}` has no machines", variant.name),
                "write `instance_type: ml.g5.xlarge`, or `serverless`",
            ),
        }
        return;
    }
    if variant.serverless.is_some() {
        add(&MACHINE, at("serverless"), "a variant has machines or is serverless".into(), "leave one of them out");
    }
    let pools = variant.instance_pools.iter().enumerate();
    let pools = pools.map(|(i, pool)| (at(&format!("instance_pools.{i}.instance_type")), &pool.instance_type));
    for (path, machine) in variant.instance_type.iter().map(|machine| (at("instance_type"), machine)).chain(pools) {
        let parts: Vec<&str> = machine.split('.').collect();
        if parts.len() != 3 || parts[0] != "ml" || parts.iter().any(|part| part.is_empty()) {
            let help = format!("write `ml.{}`", machine.trim_start_matches("ml."));
            add(&MACHINE, path, format!("`{machine}` is not a type of SageMaker"), &help);
        } else if ABSENT.contains(&family(machine)) || parts[2].starts_with("metal") {
            add(&NOT_HOSTED, path, format!("SageMaker does not serve on {machine}"), "take another family");
        }
    }
    if let Some(machine) = variant.types().find(|machine| has_own_disks(machine)) {
        if variant.volume.is_some() {
            add(&DISKS, at("volume"), format!("{machine} has disks of its own"), "leave `volume` out");
        }
        if endpoint.kms_key.is_some() {
            add(&DISKS, "kms_key".into(), format!("{machine} has disks of its own"), "leave `kms_key` out");
        }
    }
    if variant.volume.is_some_and(|size| !(1..=512).contains(&size.gib_rounded_up())) {
        add(&DISKS, at("volume"), "a volume has 1 to 512 GiB".into(), "write for example `100GiB`");
    }
    if let Some(scaling) = &variant.scaling {
        scales(endpoint, variant, scaling, at, add);
    }
    choice(variant, at, add);
    reservation(endpoint, variant, at, add);
}

/// Several types to choose from.
fn choice(variant: &Variant, at: &dyn Fn(&str) -> String, add: &mut Add<'_>) {
    let pools = &variant.instance_pools;
    let mut bad = |field: &str, summary: &str, help: &str| add(&POOLS, at(field), summary.to_owned(), help);
    if !pools.is_empty() && variant.instance_type.is_some() {
        bad("instance_pools", "a variant has one type or several to choose from", "leave `instance_type` out");
    }
    if pools.len() > 5 {
        bad("instance_pools", "more than five types", "leave the last ones out");
    }
    let mut seen = BTreeSet::new();
    for (i, pool) in pools.iter().enumerate() {
        if !seen.insert(&pool.instance_type) {
            bad(&format!("instance_pools.{i}.instance_type"), "this type is in the list already", "leave it out");
        }
        if pool.container.is_some() && variant.container.is_none() {
            let help = "write `container` for the variant, or leave it out here";
            bad(&format!("instance_pools.{i}.container"), "the variant has no container", help);
        }
    }
}

/// Machines of a training plan.
fn reservation(endpoint: &SagemakerEndpoint, variant: &Variant, at: &dyn Fn(&str) -> String, add: &mut Add<'_>) {
    let Some(plan) = &variant.capacity_reservation else { return };
    let mut bad = |summary: &str, help: &str| {
        add(&RESERVATION, at("capacity_reservation"), summary.to_owned(), help);
    };
    let parts = |arn: &String| arn.splitn(6, ':').map(str::to_owned).collect::<Vec<_>>();
    let is_plan = |arn: &String| match &parts(arn)[..] {
        [arn, partition, service, _, account, tail] => {
            arn == "arn"
                && partition.starts_with("aws")
                && service == "sagemaker"
                && account.len() == 12
                && account.chars().all(|c| c.is_ascii_digit())
                && tail.split_once('/').is_some_and(|(what, name)| !what.is_empty() && !name.is_empty())
        }
        _ => false,
    };
    if plan.known().is_some_and(|arn| !is_plan(arn)) {
        bad(
            "this is not the ARN of a training plan",
            "write for example `arn:aws:sagemaker:us-east-1:123456789012:training-plan/chat`",
        );
    }
    if !variant.instance_pools.is_empty() {
        bad("a training plan has machines of one type", "write `instance_type`");
    }
    let first = endpoint.all().find_map(|one| one.capacity_reservation.as_ref());
    if first.is_some_and(|first| first != plan) {
        bad("an endpoint takes one training plan", "write the same plan for every variant");
    }
}

/// What does not go with a variant in the shadow (SageMaker Developer Guide, "Shadow tests: exclusions").
pub(super) fn shadow(endpoint: &SagemakerEndpoint, variant: &Variant, add: &mut Add<'_>) {
    let mut bad = |path: &str, summary: &str, help: &str| add(&SHADOW, path.to_owned(), summary.to_owned(), help);
    if endpoint.variants.len() != 1 {
        bad("variants", "only one variant has a shadow", "leave all variants but one out, or `shadow`");
    }
    if endpoint.all().any(|one| one.serverless.is_some()) {
        bad("shadow", "what has a shadow runs on machines", "leave `serverless` out, or `shadow`");
    }
    if endpoint.all().any(|one| one.container.is_none()) {
        bad("shadow", "inference components have no shadow", "write `container` for both variants");
    }
    if endpoint.all().flat_map(Variant::types).any(|machine| family(machine) == "inf1") {
        bad("shadow", "Inferentia 1 has no shadow", "take ml.inf2 or another family");
    }
    if endpoint.asynchronous.is_some() {
        bad("async", "what waits has no shadow", "leave `async` out, or `shadow`");
    }
    for (field, there) in
        [("scaling", variant.scaling.is_some()), ("managed_scaling", variant.managed_scaling.is_some())]
    {
        if there {
            bad(&format!("shadow.{field}"), "the machines of a shadow are counted", "write `count`");
        }
    }
}
