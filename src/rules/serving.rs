//! Rules of what serves: inference components and the endpoints whose machines they share.
use super::{Findings, Rule, Stack, view::Item};
use crate::{
    catalog::{self, InstanceType},
    diagnostic::{Code, Severity, suggestion},
    kinds::{
        InferenceComponent, SagemakerEndpoint,
        hosting::check::{loads_long, needs_new_driver},
        sagemaker_endpoint::{Variant, check::known_types},
    },
};
use rust_decimal::Decimal;

/// Regions in which a variant keeps one machine.
const NEVER_EMPTY: [&str; 1] = ["eu-west-3"];

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: Code {
            code: "DL0260",
            title: "A component without machines",
            explain: "An inference component runs on a variant of its endpoint that has no container of its own. The \
                      endpoint has no such variant: leave `container` out there, or name another variant.",
        },
        severity: Severity::Error,
        check: places,
    },
    Rule {
        code: Code {
            code: "DL0261",
            title: "A copy that is larger than a machine",
            explain: "A copy of an inference component runs on one machine. It asks for more accelerators, cores or memory \
                      than the variant's type has, so SageMaker finds no place for it and the component fails after \
                      minutes. The machine keeps a part of its memory for itself.",
        },
        severity: Severity::Error,
        check: sizes,
    },
    Rule {
        code: Code {
            code: "DL0262",
            title: "A region in which an endpoint keeps a machine",
            explain: "SageMaker refuses `managed_scaling` with `min: 0` in eu-west-3. Keep one machine there, or serve in \
                      another region.",
        },
        severity: Severity::Error,
        check: regions,
    },
    Rule {
        code: Code {
            code: "DL0263",
            title: "Machines without a component",
            explain: "A variant without a container serves nothing by itself, and its machines cost money from the first \
                      minute on. No inference component of the stack runs on it: make one, or give the variant a \
                      `container`. Components that others make are not seen here.",
        },
        severity: Severity::Warning,
        check: idle,
    },
    Rule {
        code: Code {
            code: "DL0264",
            title: "A component whose machines have an old driver",
            explain: "Current images for language models (vLLM, SGLang) need a newer driver than the one that AWS gives \
                      machines by default: the container ends before it writes a line. Write `ami_version` for the \
                      endpoint's variant.",
        },
        severity: Severity::Warning,
        check: drivers,
    },
    Rule {
        code: Code {
            code: "DL0265",
            title: "A SageMaker instance type that this version does not know",
            explain: "AWS's service model, in the version that dlinfra has, does not list this type for hosting. It may be a \
                      typo, or AWS has added it since: then allow this rule and say so. It has no price either.",
        },
        severity: Severity::Warning,
        check: types,
    },
];

fn types(stack: &Stack<'_>, found: &mut Findings<'_>) {
    for endpoint in stack.all::<SagemakerEndpoint>() {
        let variants = endpoint.fields.variants.iter().enumerate();
        let variants = variants.map(|(i, one)| (format!("variants[{i}]"), one));
        let all = variants.chain(endpoint.fields.shadow.iter().map(|one| ("shadow".to_owned(), one)));
        let types = all.flat_map(|(path, one)| {
            let pools = one.instance_pools.iter().enumerate();
            let pools = pools.map(|(i, pool)| (format!(".instance_pools[{i}].instance_type"), &pool.instance_type));
            let own = one.instance_type.iter().map(|machine| (".instance_type".to_owned(), machine));
            own.chain(pools).map(move |(end, machine)| (format!("{path}{end}"), machine)).collect::<Vec<_>>()
        });
        for (path, machine) in types.filter(|(_, machine)| known_types().all(|known| known != machine.as_str())) {
            let help = suggestion(machine, known_types())
                .unwrap_or_else(|| "look for the type in SageMaker's prices".to_owned());
            found.at(
                endpoint.resource,
                &path,
                format!("`{machine}` is not a SageMaker instance type that this version knows"),
                help,
            );
        }
    }
}

type Component<'a> = Item<'a, InferenceComponent>;
type Endpoint<'a> = Item<'a, SagemakerEndpoint>;

/// Components whose endpoint is one of the stack's, each with it and with its variant.
fn placed<'s, 'a>(
    stack: &'s Stack<'a>,
) -> impl Iterator<Item = (Component<'a>, Endpoint<'a>, Option<&'a Variant>)> + 's {
    stack.all::<InferenceComponent>().filter_map(|it| {
        let endpoint = stack.follow(&it.endpoint)?;
        let variant = endpoint.fields.variants.iter().find(|one| one.name == it.variant);
        Some((it, endpoint, variant))
    })
}

fn places(stack: &Stack<'_>, found: &mut Findings<'_>) {
    for (it, endpoint, variant) in placed(stack) {
        let why = match variant {
            None => format!("{} has no variant `{}`", endpoint.address(), it.variant),
            Some(one) if one.container.is_some() => {
                format!("the variant `{}` of {} has a container of its own", it.variant, endpoint.address())
            }
            Some(_) => continue,
        };
        let bare = endpoint.fields.variants.iter().find(|one| one.container.is_none());
        let help = match bare {
            Some(one) => format!("write `variant: {}`", one.name),
            None => "leave `container` out of a variant of the endpoint".to_owned(),
        };
        let related = Some((endpoint.resource, "variants", "its variants"));
        found.with(it.resource, "variant", why, help, related);
    }
}

/// What the catalogue knows of a variant's type.
fn facts(variant: &Variant) -> Option<&'static InstanceType> {
    catalog::instance_type(variant.instance_type.as_deref()?.strip_prefix("ml.")?).ok()
}

fn sizes(stack: &Stack<'_>, found: &mut Findings<'_>) {
    for (it, _, variant) in placed(stack) {
        let Some((facts, machine)) = variant.and_then(|one| Some((facts(one)?, one.instance_type.as_deref()?))) else {
            continue;
        };
        let needs = &it.fields.resources;
        let has = facts.accelerator.as_ref().map_or(Decimal::ZERO, |it| it.count);
        if let Some(asked) = needs.accelerators.filter(|asked| Decimal::from(*asked) > has) {
            let summary = format!("a copy asks for {asked} accelerators, and a {machine} has {}", has.normalize());
            found.at(it.resource, "resources.accelerators", summary, "take a larger type, or ask for fewer");
        }
        if needs.memory.gib() >= facts.memory_gib {
            let summary =
                format!("a copy asks for {}, and a {machine} has {} GiB", needs.memory, facts.memory_gib.normalize());
            found.at(it.resource, "resources.memory", summary, "take a larger type, or ask for less");
        }
        let cores = needs.cpus.as_ref().and_then(serde_json::Number::as_f64).unwrap_or_default();
        if cores > f64::from(facts.vcpus) {
            let summary = format!("a copy asks for {cores} cores, and a {machine} has {}", facts.vcpus);
            found.at(it.resource, "resources.cpus", summary, "take a larger type, or ask for fewer");
        }
    }
}

fn regions(stack: &Stack<'_>, found: &mut Findings<'_>) {
    let region = stack.input.region;
    if !NEVER_EMPTY.contains(&region) {
        return;
    }
    for endpoint in stack.all::<SagemakerEndpoint>() {
        for (i, variant) in endpoint.fields.variants.iter().enumerate() {
            if variant.managed_scaling.as_ref().is_some_and(|managed| managed.min == 0) {
                let path = format!("variants[{i}].managed_scaling.min");
                found.at(endpoint.resource, &path, format!("SageMaker refuses this in {region}"), "write `min: 1`");
            }
        }
    }
}

fn idle(stack: &Stack<'_>, found: &mut Findings<'_>) {
    let used: Vec<(&str, &str)> =
        placed(stack).map(|(it, endpoint, _)| (endpoint.address(), it.fields.variant.as_str())).collect();
    for endpoint in stack.all::<SagemakerEndpoint>() {
        for (i, variant) in endpoint.fields.variants.iter().enumerate().filter(|(_, one)| one.container.is_none()) {
            if !used.contains(&(endpoint.address(), variant.name.as_str())) {
                let summary = format!("no component of the stack runs on the variant `{}`", variant.name);
                let help = "make an inference-component, or write `container`";
                found.at(endpoint.resource, &format!("variants[{i}]"), summary, help);
            }
        }
    }
}

fn drivers(stack: &Stack<'_>, found: &mut Findings<'_>) {
    for (it, endpoint, variant) in placed(stack) {
        let fields = it.fields;
        let image = fields.container.as_ref().map(|one| &one.image).or(fields.model.as_ref().map(|one| &one.image));
        let new = image.is_some_and(|image| loads_long(image) && needs_new_driver(image));
        if new && variant.is_some_and(|one| one.ami_version.is_none()) {
            let summary = format!("this image needs a newer driver than {} has", endpoint.address());
            let help = "write `ami_version: al2-ami-sagemaker-inference-gpu-3-1` there, or `al2023-ami-sagemaker-inference-gpu-4-1` for CUDA 13";
            let place = if fields.container.is_some() { "container.image" } else { "model.image" };
            found.with(it.resource, place, summary, help, Some((endpoint.resource, "variants", "its machines")));
        }
    }
}
