//! What the language is told from outside: the kinds, the modules in the binary, and facts about hardware.
use super::KINDS;
use crate::{
    blueprint::{Dialect, KindSchema},
    catalog,
    expression::Type,
    kind::Kind,
    resource::Problem,
};
use serde_json::Value;
use std::sync::LazyLock;

/// Modules in the binary, and the files beside them as `MODULE/FILE`.
pub static MODULES: &[(&str, &str)] = &[
    ("efa-cluster", include_str!("../../modules/efa-cluster/module.yaml")),
    ("efa-cluster/boot.sh", include_str!("../../modules/efa-cluster/boot.sh")),
    ("endpoint", include_str!("../../modules/endpoint.yaml")),
    ("llm-endpoint", include_str!("../../modules/llm-endpoint.yaml")),
    ("llm-on-ec2", include_str!("../../modules/llm-on-ec2/module.yaml")),
    ("llm-on-ec2/boot.sh", include_str!("../../modules/llm-on-ec2/boot.sh")),
    ("lustre-cache", include_str!("../../modules/lustre-cache.yaml")),
    ("network", include_str!("../../modules/network.yaml")),
    ("watch-endpoint", include_str!("../../modules/watch-endpoint.yaml")),
    ("watch-training", include_str!("../../modules/watch-training.yaml")),
];

/// The language with every kind and module of this version.
pub fn dialect() -> &'static Dialect {
    static DIALECT: LazyLock<Dialect> = LazyLock::new(|| Dialect {
        kinds: KINDS.iter().map(|kind| (kind.name().to_owned(), schema(*kind))).collect(),
        modules: MODULES,
        instance: catalog::instance_facts,
        zones: catalog::zones,
        near_instance: |name| catalog::instance_type(name).err()?.suggestion,
        near_region: catalog::region::nearest_region,
        check,
    });
    &DIALECT
}

fn check(kind: &str, spec: &Value) -> Vec<Problem> {
    match KINDS.iter().find(|k| k.name() == kind).map(|k| k.checked(spec)) {
        Some(Ok(checked)) => checked.problems,
        Some(Err(problem)) => vec![problem],
        None => Vec::new(),
    }
}

fn schema(kind: &dyn Kind) -> KindSchema {
    let about = kind.about();
    // A type that the language does not know is a mistake of the kind; a test finds it.
    let output = |o: &crate::resource::Output| (o.name.to_owned(), o.ty.parse().unwrap_or(Type::Any));
    KindSchema {
        doc: about.doc.to_owned(),
        fields: Type::from_schema(&kind.schema()),
        outputs: about.outputs.iter().map(output).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_output_has_a_type_of_the_language() {
        for kind in KINDS {
            for output in kind.about().outputs {
                assert!(output.ty.parse::<Type>().is_ok(), "{} of {}: {}", output.name, kind.name(), output.ty);
            }
            assert!(matches!(dialect().kinds[kind.name()].fields, Type::Object(_)), "{}", kind.name());
        }
    }
}
