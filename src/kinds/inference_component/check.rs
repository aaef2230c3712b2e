//! What SageMaker would refuse of a component, or accept and never bring into service (Developer Guide, "Inference
//! components"; API reference of InferenceComponentSpecification).
use super::{InferenceComponent, wire::mib};
use crate::{
    diagnostic::{Code, codes},
    field::Field,
    kinds::{
        hosting::{check as hosting, fields::Measure, found::legal},
        log_group,
    },
    resource::Problem,
    units::Span,
};
use std::collections::BTreeMap;

codes! {
    pub(super) CODES:
    NAME = "DL1801", "Not a legal name of a component or a variant",
        "The name of an inference component, and of the variant that it runs on, has 1 to 63 letters, digits and `-`, and begins and ends with a letter or a digit. A component's name is in lower case here.";
    CONTAINER = "DL1802", "A component needs `container` or `model`",
        "A component runs a `container` under the endpoint's role, with one archive of data, or a `model` of its own with a role and data of any form; not both.";
    MEMORY = "DL1803", "Not what a copy can have of a machine",
        "A copy has 128 MiB of memory and more, `max_memory` is not below `memory`, and a part of a core is a quarter at least. Without accelerators it needs `cpus`.";
    COPIES = "DL1804", "A component without copies",
        "SageMaker makes no component without a copy. To have none while nobody asks, use `scaling` with `min: 0`. With `scaling`, leave `copies` out: AWS decides.";
    SCALING = "DL1805", "Scaling of copies that cannot work",
        "`min` is not above `max`; `backlog` measures endpoints with `async` and nothing else. A component with `min: 0` needs a `target` or `steps` with `down`, or nothing ever takes its last copy away. Either a `target` or `steps` decides; a step has a value of its own and adds or removes something, and what removes lies below what adds.";
    ENVIRONMENT = "DL1806", "Not an environment for a container",
        "The environment of a container has at most 100 entries of at most 1024 characters and 32 KiB in all.";
    TOKEN = "DL1807", "A token in the environment of a component",
        "Whoever may describe a component can read its environment, so a token does not belong there. Let the container read a secret by its role, or take the weights from a bucket.";
    DATA = "DL1808", "Not a place for a component's data",
        "The `artifact` of a container is one archive, `s3://…/….tar.gz`. The data of a `model` is everything under a `prefix` that ends with `/`, or one `object`.";
    TIMEOUT = "DL1809", "Not a time that SageMaker waits",
        "The health check and the download of the data may take 1m to 1h each; a batch of a rollout is watched up to 1h.";
    WINDOW = "DL1810", "A language model without the time that it needs",
        "Images that serve language models (vLLM, SGLang, DJL, TGI) load for minutes: write `health_check_timeout` of 15m and longer.";
    SCHEDULE = "DL1811", "Not a schedule of copies",
        "Each time of a schedule has a name of its own, `at` with `cron(minutes hours day-of-month month day-of-week year)` or `rate(12 hours)`, and sets `min`, `max` or both; of the two days of `cron` one is `?`. A change that is to happen once is a change of `min` and `max`.";
}

const HOUR: u64 = 3600;

type Add<'a> = dyn FnMut(&'static Code, String, String, &str) + 'a;

pub(super) fn check(it: &InferenceComponent, problems: &mut Vec<Problem>) {
    let mut add = |code: &'static Code, path: String, summary: String, help: &str| {
        problems.push(Problem { code, path, summary, help: help.to_owned() });
    };
    let lower = |name: &&str| legal(name) && !name.contains(|c: char| c.is_ascii_uppercase());
    if let Some(name) = it.name.as_deref().filter(|name| !lower(name)) {
        add(
            &NAME,
            "name".into(),
            format!("`{name}` is not a legal name of a component"),
            "write for example `chat-8b`",
        );
    }
    if !legal(&it.variant) {
        let summary = format!("`{}` is not a legal name of a variant", it.variant);
        add(&NAME, "variant".into(), summary, "write the name of a variant of the endpoint");
    }
    content(it, &mut add);
    resources(it, &mut add);
    copies(it, &mut add);
    let waits = [("health_check_timeout", it.health_check_timeout), ("download_timeout", it.download_timeout)];
    for (field, time) in waits {
        if time.is_some_and(|time| !(60..=HOUR).contains(&time.seconds())) {
            add(&TIMEOUT, field.into(), "SageMaker waits 1m to 1h".into(), "write for example `15m`");
        }
    }
    if it.rollout.as_ref().is_some_and(|rollout| rollout.bake.seconds() > HOUR) {
        add(&TIMEOUT, "rollout.bake".into(), "a batch is watched for up to 1h".into(), "write for example `10m`");
    }
    if let Some((summary, help)) = it.log_retention.and_then(log_group::check::not_kept) {
        add(&log_group::check::RETENTION, "log_retention".into(), summary, &help);
    }
}

fn content(it: &InferenceComponent, add: &mut Add<'_>) {
    match (&it.container, &it.model) {
        (None, None) => {
            add(&CONTAINER, "container".into(), "a component runs something".into(), "write `container`, or `model`");
        }
        (Some(_), Some(_)) => {
            add(&CONTAINER, "model".into(), "a component runs one thing".into(), "leave `container` or `model` out");
        }
        (Some(container), None) => {
            inside("container", &container.environment, add);
            let url = container.artifact.as_ref().and_then(Field::known);
            if url.is_some_and(|url| !url.starts_with("s3://") || !url.ends_with(".tar.gz")) {
                let help = "write `s3://bucket/key.tar.gz`, or a `model`, whose data need not be an archive";
                add(&DATA, "container.artifact".into(), "this is no archive in a bucket".into(), help);
            }
            window(it, &container.image, add);
        }
        (None, Some(model)) => {
            inside("model", &model.environment, add);
            if let Some((field, summary, help)) = model.data.as_ref().and_then(hosting::data) {
                add(&DATA, format!("model.data{field}"), summary, &help);
            }
            window(it, &model.image, add);
        }
    }
}

fn inside(place: &str, environment: &BTreeMap<String, Field<String>>, add: &mut Add<'_>) {
    if let Some((field, summary, help)) = hosting::environment(environment) {
        add(&ENVIRONMENT, format!("{place}.{field}"), summary, &help);
    }
    for (field, summary, help) in hosting::tokens(environment) {
        add(&TOKEN, format!("{place}.{field}"), summary, &help);
    }
}

fn window(it: &InferenceComponent, image: &Field<String>, add: &mut Add<'_>) {
    if hosting::loads_long(image) && it.health_check_timeout.map_or(0, Span::seconds) < 900 {
        let summary = "a language model loads longer than AWS waits for it".to_owned();
        add(&WINDOW, "health_check_timeout".into(), summary, "write `health_check_timeout: 15m` or longer");
    }
}

fn resources(it: &InferenceComponent, add: &mut Add<'_>) {
    let needs = &it.resources;
    let mut bad = |field: &str, summary: &str, help: &str| {
        add(&MEMORY, format!("resources.{field}"), summary.to_owned(), help);
    };
    if mib(needs.memory) < 128 {
        bad("memory", "a copy has 128 MiB and more", "write for example `1 GiB`");
    }
    if needs.max_memory.is_some_and(|most| most < needs.memory) {
        bad("max_memory", "`max_memory` is below `memory`", "exchange them");
    }
    if needs.cpus.as_ref().and_then(serde_json::Number::as_f64).is_some_and(|cores| cores < 0.25) {
        bad("cpus", "a quarter of a core is the least", "write `0.25` or more");
    }
    if needs.cpus.is_none() && needs.accelerators.is_none() {
        bad("cpus", "a copy without accelerators needs cores", "write `cpus: 1`, or `accelerators: 1`");
    }
}

fn copies(it: &InferenceComponent, add: &mut Add<'_>) {
    let Some(scaling) = &it.scaling else {
        if it.copies == Some(0) {
            let help = "write `scaling` with `min: 0`, or remove the component";
            add(&COPIES, "copies".into(), "SageMaker makes no component without a copy".into(), help);
        }
        return;
    };
    if it.copies.is_some() {
        add(&COPIES, "copies".into(), "what scales has the copies that AWS gives it".into(), "leave `copies` out");
    }
    let mut bad = |field: &str, summary: &str, help: &str| {
        add(&SCALING, format!("scaling{field}"), summary.to_owned(), help);
    };
    if scaling.min > scaling.max {
        bad(".min", "`min` is above `max`", "exchange them");
    }
    let falls = scaling.target.is_some() || scaling.steps.as_ref().is_some_and(|steps| !steps.down.is_empty());
    if scaling.bounds().0 == 0 && !falls {
        bad(".target", "nothing takes the last copy away", "write a `target`, or `min: 1`");
    }
    if let Some(target) = &scaling.target {
        if target.metric == Measure::Backlog {
            let help = "write `invocations` or `concurrent-requests`";
            bad(".target.metric", "no backlog is measured of a component", help);
        }
        if target.value.as_f64().is_none_or(|value| value <= 0.0) {
            bad(".target.value", "the value is not above 0", "write how much one copy bears");
        }
    }
    for (field, summary, help) in hosting::steps(scaling, |measure| measure != Measure::Backlog) {
        add(&SCALING, format!("scaling.{field}"), summary, &help);
    }
    for (field, summary, help) in hosting::times(scaling, true) {
        add(&SCHEDULE, format!("scaling.{field}"), summary, &help);
    }
}
