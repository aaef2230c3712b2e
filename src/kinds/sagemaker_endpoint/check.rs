//! What SageMaker would refuse of an endpoint, or accept and never bring into service (Developer Guide, "Deploy models
//! for real-time inference", "Serverless endpoint", "Asynchronous inference").
use super::{
    SagemakerEndpoint, Variant,
    check_machines::{family, machines, shadow},
    fields::Strategy,
};
use crate::{
    diagnostic::{Code, codes},
    kinds::{
        hosting::{
            self,
            fields::{Container, Measure, Scaling},
            found::legal,
        },
        log_group,
    },
    resource::Problem,
};
use std::collections::BTreeSet;

codes! {
    pub(super) CODES:
    NAME = "DL1601", "Not a legal name of an endpoint or a variant",
        "The name of an endpoint, and of a variant, has 1 to 63 letters, digits and `-`, and begins and ends with a letter or a digit. An endpoint's name is in lower case here: SageMaker takes names that differ in case only for the same, but answers requests under the exact name alone.";
    MACHINE = "DL1602", "A variant needs machines or `serverless`",
        "A variant runs on machines (`instance_type`, with `count` or `scaling`) or is `serverless`, not both. A type is written as SageMaker does, such as `ml.g5.xlarge`.";
    NOT_HOSTED = "DL1603", "SageMaker does not serve on this type",
        "Not every type of EC2 can serve: there are no bare-metal types, and no g4ad, g5g, gr6, m7g and p3dn.";
    SERVERLESS = "DL1604", "This does not go with `serverless`",
        "A serverless variant stands alone, has 1 to 6 GiB of memory, and goes without GPUs, volumes, network, isolation, `capture` and `async`. What is kept warm is not more than the concurrency.";
    TIMEOUT = "DL1605", "Not a time that SageMaker waits",
        "The health check and the download of the data may take 1m to 1h each, the search for capacity 5m to 1h; steps of a rollout up to 1h.";
    DISKS = "DL1606", "This type has disks of its own",
        "Machines with disks of their own (the families with a `d`, g5, g6, p5, trn1) take neither `volume` nor `kms_key`. A volume of other types has 1 to 512 GiB.";
    SCALING = "DL1607", "Scaling that cannot work",
        "`min` is not above `max`, and 0 only for an endpoint with `async`, since a request to no machine is refused. `backlog` measures asynchronous requests and nothing else. With `scaling` there is no `count`, and burstable types do not scale. Either a `target` or `steps` decides; a step has a value of its own and adds or removes something, and what removes lies below what adds.";
    DATA = "DL1608", "Not a place for a model's data",
        "The data of a model is everything under a `prefix` that ends with `/`, or one `object`. Without the slash, SageMaker would take every key that begins so.";
    ENVIRONMENT = "DL1609", "Not an environment for a container",
        "The environment of a container has at most 100 entries of at most 1024 characters and 32 KiB in all.";
    TOKEN = "DL1610", "A token in the environment of a container",
        "Whoever may describe a model can read its environment, so a token does not belong there. Let the container read a secret by the endpoint's role, or take the weights from a bucket.";
    ROLLOUT = "DL1611", "A rollout that SageMaker would refuse",
        "A canary and a batch are 5 to 50 percent, a step 10 to 50; up to ten alarms are watched. Rolling needs one variant on machines.";
    WINDOW = "DL1612", "A language model without the time and the driver that it needs",
        "Images that serve language models (vLLM, SGLang, DJL, TGI) load for minutes, and AWS gives up after four unless `health_check_timeout` says more: 15m and longer. Current ones need `ami_version` too: with AWS's default driver the container ends before it writes a line.";
    COMPONENTS = "DL1613", "This does not go with inference components",
        "A variant without `container` is for inference components, which bring their containers: its machines follow them by `managed_scaling`, `min` is not above `max`, and it is neither serverless nor `async`. Either every variant of an endpoint has a container, or none has.";
    POOLS = "DL1614", "Not a choice of types",
        "A variant has one `instance_type`, or up to five different ones in `instance_pools`. A pool has a `container` of its own only where the variant has one.";
    RESERVATION = "DL1615", "Not a training plan for this endpoint",
        "`capacity_reservation` is the ARN of a training plan that was bought for endpoints, `arn:aws:sagemaker:…:training-plan/…`. Such a plan has machines of one type, so it does not go with `instance_pools`, and an endpoint takes one plan.";
    SHADOW = "DL1616", "Not a variant for the shadow",
        "A variant in the shadow stands beside exactly one that answers; both run containers on machines. It does not go with `serverless`, `async`, inference components, Inferentia 1 and a rolling update. Its machines are counted: only what answers scales.";
    SCHEDULE = "DL1617", "Not a schedule of bounds",
        "Each time of a schedule has a name of its own, `at` with `cron(minutes hours day-of-month month day-of-week year)` or `rate(12 hours)`, and sets `min`, `max` or both; of the two days of `cron` one is `?`. A change that is to happen once is a change of `min` and `max`. Times without machines are for `async` only, as `min: 0` is.";
}

/// The types that SageMaker serves on (enum `ProductionVariantInstanceType` of its service model).
pub(crate) fn known_types() -> impl Iterator<Item = &'static str> {
    include_str!("types.txt").lines()
}

pub(super) const HOUR: u64 = 3600;

pub(super) type Add<'a> = dyn FnMut(&'static Code, String, String, &str) + 'a;

pub(super) fn check(endpoint: &SagemakerEndpoint, problems: &mut Vec<Problem>) {
    let mut add = |code: &'static Code, path: String, summary: String, help: &str| {
        problems.push(Problem { code, path, summary, help: help.to_owned() });
    };
    let lower = |name: &&str| legal(name) && !name.contains(|c: char| c.is_ascii_uppercase());
    if let Some(name) = endpoint.name.as_deref().filter(|name| !lower(name)) {
        add(
            &NAME,
            "name".into(),
            format!("`{name}` is not a legal name of an endpoint"),
            "write for example `chat-prod`",
        );
    }
    let mut names = BTreeSet::new();
    for (i, variant) in endpoint.variants.iter().enumerate() {
        one(endpoint, variant, &|field| format!("variants.{i}.{field}"), &mut names, &mut add);
    }
    if let Some(variant) = &endpoint.shadow {
        one(endpoint, variant, &|field| format!("shadow.{field}"), &mut names, &mut add);
        shadow(endpoint, variant, &mut add);
    }
    components(endpoint, &mut add);
    rollout(endpoint, &mut add);
    if let Some((summary, help)) = endpoint.log_retention.and_then(log_group::check::not_kept) {
        add(&log_group::check::RETENTION, "log_retention".into(), summary, &help);
    }
}

/// One of its variants.
fn one<'e>(
    endpoint: &SagemakerEndpoint,
    variant: &'e Variant,
    at: &dyn Fn(&str) -> String,
    names: &mut BTreeSet<&'e str>,
    add: &mut Add<'_>,
) {
    if !legal(&variant.name) || !names.insert(&variant.name) {
        let summary = format!("`{}` is not a legal name of a variant, or is used twice", variant.name);
        add(&NAME, at("name"), summary, "write for example `main`");
    }
    machines(endpoint, variant, at, add);
    containers(variant, at, add);
    for (field, time, least) in [
        ("health_check_timeout", variant.health_check_timeout, 60),
        ("download_timeout", variant.download_timeout, 60),
        ("capacity_timeout", variant.capacity_timeout, 300),
    ] {
        if time.is_some_and(|time| !(least..=HOUR).contains(&time.seconds())) {
            let summary = format!("SageMaker waits {}m to 1h", least / 60);
            add(&TIMEOUT, at(field), summary, "write for example `15m`");
        }
    }
}

pub(super) fn scales(
    endpoint: &SagemakerEndpoint,
    variant: &Variant,
    scaling: &Scaling,
    at: &dyn Fn(&str) -> String,
    add: &mut Add<'_>,
) {
    let asynchronous = endpoint.asynchronous.is_some();
    let mut bad = |field: &str, summary: &str, help: &str| add(&SCALING, at(field), summary.to_owned(), help);
    if scaling.min > scaling.max {
        bad("scaling.min", "`min` is above `max`", "exchange them");
    }
    if scaling.min == 0 && !asynchronous {
        bad("scaling.min", "an endpoint in real time keeps one machine at least", "write `min: 1`, or use `async`");
    }
    if variant.count.is_some() {
        bad("count", "what scales has the count that AWS gives it", "leave `count` out");
    }
    if variant.types().any(|machine| family(machine).starts_with('t') && !family(machine).starts_with("trn")) {
        bad("scaling", "burstable types do not scale", "take ml.m5 or another family");
    }
    if let Some(target) = &scaling.target {
        if (target.metric == Measure::Backlog) != asynchronous {
            let help =
                "write `backlog` for an endpoint with `async`, `invocations` or `concurrent-requests` for others";
            bad("scaling.target.metric", "this is not measured of such an endpoint", help);
        }
        if target.value.as_f64().is_none_or(|value| value <= 0.0) {
            bad("scaling.target.value", "the value is not above 0", "write how much one machine bears");
        }
    }
    let steps = hosting::check::steps(scaling, |measure| (measure == Measure::Backlog) == asynchronous);
    let times = hosting::check::times(scaling, asynchronous);
    for (code, (field, summary, help)) in
        steps.into_iter().map(|it| (&SCALING, it)).chain(times.into_iter().map(|it| (&SCHEDULE, it)))
    {
        add(code, at(&format!("scaling.{field}")), summary, &help);
    }
}

pub(super) fn serverless(
    endpoint: &SagemakerEndpoint,
    variant: &Variant,
    at: &dyn Fn(&str) -> String,
    add: &mut Add<'_>,
) {
    let Some(serverless) = &variant.serverless else { return };
    let mut bad = |path: String, summary: &str, help: &str| add(&SERVERLESS, path, summary.to_owned(), help);
    if serverless.memory.whole_gib().is_none_or(|gib| !(1..=6).contains(&gib)) {
        bad(at("serverless.memory"), "memory is 1 to 6 GiB, whole", "write for example `4GiB`");
    }
    if serverless.provisioned.is_some_and(|warm| warm > serverless.concurrency) {
        bad(at("serverless.provisioned"), "more is kept warm than can be asked at a time", "raise `concurrency`");
    }
    for (field, there) in [
        ("count", variant.count.is_some()),
        ("volume", variant.volume.is_some()),
        ("ami_version", variant.ami_version.is_some()),
        ("routing", variant.routing.is_some()),
        ("capacity_timeout", variant.capacity_timeout.is_some()),
        ("capacity_reservation", variant.capacity_reservation.is_some()),
        ("scaling", variant.scaling.is_some()),
    ] {
        if there {
            bad(at(field), "a serverless variant has no machines", "leave it out");
        }
    }
    for (field, there) in [
        ("network", endpoint.network.is_some()),
        ("isolation", endpoint.isolation),
        ("capture", endpoint.capture.is_some()),
        ("async", endpoint.asynchronous.is_some()),
        ("variants", endpoint.variants.len() > 1),
    ] {
        if there {
            bad(field.to_owned(), "this does not go with a serverless variant", "leave it out, or take machines");
        }
    }
}

fn containers(variant: &Variant, at: &dyn Fn(&str) -> String, add: &mut Add<'_>) {
    for (i, pool) in variant.instance_pools.iter().enumerate() {
        if let Some(own) = &pool.container {
            content(own, &|field| at(&format!("instance_pools.{i}.container.{field}")), add);
        }
    }
    let Some(container) = &variant.container else { return };
    content(container, &|field| at(&format!("container.{field}")), add);
    if variant.serverless.is_none() && variant.containers().any(|it| hosting::check::loads_long(&it.image)) {
        if variant.health_check_timeout.is_none_or(|time| time.seconds() < 900) {
            let summary = "a language model loads longer than AWS waits for it".to_owned();
            add(&WINDOW, at("health_check_timeout"), summary, "write `health_check_timeout: 15m` or longer");
        }
        let needs_new = |it: &Container| hosting::check::needs_new_driver(&it.image);
        if variant.ami_version.is_none() && variant.containers().any(needs_new) {
            let summary = "this image needs a newer driver than AWS's default".to_owned();
            add(
                &WINDOW,
                at("ami_version"),
                summary,
                "write `ami_version: al2-ami-sagemaker-inference-gpu-3-1`, or `al2023-ami-sagemaker-inference-gpu-4-1` for CUDA 13",
            );
        }
    }
}

/// A container, wherever it stands.
fn content(container: &Container, at: &dyn Fn(&str) -> String, add: &mut Add<'_>) {
    let mut tell = |code: &'static Code, (field, summary, help): hosting::check::Finding| {
        add(code, at(&field), summary, &help);
    };
    hosting::check::environment(&container.environment).into_iter().for_each(|found| tell(&ENVIRONMENT, found));
    hosting::check::tokens(&container.environment).into_iter().for_each(|found| tell(&TOKEN, found));
    let data = container.model.as_ref().and_then(hosting::check::data);
    data.into_iter().for_each(|(field, summary, help)| tell(&DATA, (format!("model{field}"), summary, help)));
}

/// Machines without a container are for inference components.
fn components(endpoint: &SagemakerEndpoint, add: &mut Add<'_>) {
    let without = endpoint.variants.iter().filter(|one| one.container.is_none()).count();
    let mut bad = |path: String, summary: &str, help: &str| add(&COMPONENTS, path, summary.to_owned(), help);
    for (i, variant) in endpoint.variants.iter().enumerate() {
        let at = |field: &str| format!("variants.{i}.{field}");
        if let Some(managed) = &variant.managed_scaling {
            if managed.min > managed.max {
                bad(at("managed_scaling.min"), "`min` is above `max`", "exchange them");
            }
            if variant.container.is_some() {
                let help = "write `scaling`, or leave `container` out and make components";
                bad(at("managed_scaling"), "it follows inference components, and this variant has none", help);
            }
            if variant.count.is_some() {
                bad(at("count"), "what scales has the count that AWS gives it", "leave `count` out");
            }
        }
        if variant.container.is_some() {
            if without > 0 {
                let help = "give every variant a container, or none";
                bad(at("container"), "another variant of this endpoint has no container", help);
            }
            continue;
        }
        if variant.serverless.is_some() {
            bad(at("serverless"), "a serverless variant has a container", "write `container`, or take machines");
        }
        if variant.scaling.is_some() {
            bad(at("scaling"), "its machines follow its components", "write `managed_scaling`");
        }
    }
    if without > 0 && endpoint.asynchronous.is_some() {
        bad("async".into(), "inference components answer at once", "leave `async` out, or write `container`");
    }
}

fn rollout(endpoint: &SagemakerEndpoint, add: &mut Add<'_>) {
    let Some(rollout) = &endpoint.rollout else { return };
    if rollout.bake.seconds() > HOUR {
        add(&TIMEOUT, "rollout.bake".into(), "a step is watched for up to 1h".into(), "write for example `10m`");
    }
    let mut bad = |field: &str, summary: &str, help: &str| {
        add(&ROLLOUT, format!("rollout.{field}"), summary.to_owned(), help);
    };
    if rollout.strategy == Strategy::Linear && rollout.percent.is_some_and(|percent| percent < 10) {
        bad("percent", "a step is 10 to 50 percent", "write for example `25`");
    }
    if rollout.strategy == Strategy::AllAtOnce && rollout.percent.is_some() {
        bad("percent", "all at once has no steps", "leave `percent` out, or write `strategy: canary`");
    }
    if rollout.alarms.len() > 10 {
        bad("alarms", "more than ten alarms", "watch one composite of them");
    }
    let serverless = endpoint.variants.iter().any(|one| one.serverless.is_some());
    if rollout.strategy == Strategy::Rolling && (serverless || endpoint.all().count() > 1) {
        bad("strategy", "rolling needs one variant on machines", "write `strategy: canary`");
    }
}
