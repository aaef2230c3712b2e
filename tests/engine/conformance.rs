//! Every kind keeps the contract of `resource::Resource`, tried on its examples.
use crate::{
    examples::{self, Change, Example, IT, merged},
    stage::{Stage, text},
};
use dlinfra::{
    address::Address,
    engine::By,
    kind::Kind,
    kinds::KINDS,
    plan::{Action, ChangeClass, Plan, Step, Wanted},
    resource::Live,
};
use serde_json::Value;
use std::collections::BTreeSet;

fn step(plan: &Plan) -> &Step {
    plan.steps.iter().find(|s| s.address.as_str() == IT).unwrap()
}

#[test]
fn every_field_of_every_kind_has_an_example() {
    for kind in KINDS {
        let examples = examples::of(kind.name());
        assert!(!examples.is_empty(), "{} has no example in tests/engine/examples.rs", kind.name());
        let changed: BTreeSet<&str> = examples.iter().flat_map(|e| e.changes.iter().map(|c| c.field)).collect();
        let silent: BTreeSet<&str> = examples.iter().flat_map(|e| e.silent.iter().map(|(f, _)| *f)).collect();
        let schema = kind.schema();
        for field in schema["properties"].as_object().unwrap().keys().map(String::as_str) {
            assert!(changed.contains(field) != silent.contains(field), "{}: no change of `{field}`", kind.name());
        }
        let about = kind.about();
        for field in about.fixed.iter().filter(|f| !silent.contains(*f)) {
            let replaces = |c: &Change| matches!(c.class, ChangeClass::Replace | ChangeClass::DestroysData);
            let shown = examples.iter().flat_map(|e| &e.changes).any(|c| c.field == *field && replaces(c));
            assert!(shown, "{}: `{field}` is fixed and no example replaces it", kind.name());
        }
        for field in about.rolling {
            let shown = examples.iter().flat_map(|e| &e.changes);
            assert!(
                shown.clone().any(|c| c.field == *field && c.class == ChangeClass::Rolling),
                "{}: `{field}` is rolling and no example rolls it",
                kind.name()
            );
        }
    }
}

#[test]
fn every_kind_describes_itself() {
    for kind in KINDS {
        let about = kind.about();
        assert!(!about.doc.is_empty() && !about.calls.is_empty() && !about.outputs.is_empty(), "{}", kind.name());
        described(kind.name(), &kind.schema());
        for action in about.iam {
            let (service, name) = action.split_once(':').unwrap_or_default();
            let plain = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric());
            // FSx asks for `s3:Get*` on a bucket that it is linked with.
            let legal = plain(&service.replace('-', ""))
                && plain(name.trim_end_matches('*'))
                && service.chars().all(|c| !c.is_ascii_uppercase())
                && name.starts_with(|c: char| c.is_ascii_uppercase());
            assert!(legal, "{}: {action} is no IAM action", kind.name());
        }
        let file = format!("{}/src/kinds/{}.rs", env!("CARGO_MANIFEST_DIR"), kind.name().replace('-', "_"));
        let priced = std::fs::read_to_string(&file).unwrap().contains("fn price(");
        assert_eq!(about.free, !priced, "{}: either it is free or it has a price", kind.name());
        let actions: BTreeSet<&&str> = about.iam.iter().collect();
        assert_eq!(actions.len(), about.iam.len(), "{}: an IAM action stands twice", kind.name());
        for call in about.calls {
            assert!(actions.contains(&call.api), "{}: {} is not among its IAM actions", kind.name(), call.api);
        }
        for output in about.outputs {
            assert!(!output.doc.is_empty(), "{}: {} has no description", kind.name(), output.name);
        }
        let fields = kind.schema()["properties"].clone();
        let named = about.fixed.iter().chain(about.rolling).chain(about.late).chain(about.holds);
        let defaults = about.defaults.iter().map(|(path, _)| path);
        for field in named.chain(about.unreadable).chain(about.local).chain(defaults) {
            let top = field.split('.').next().unwrap_or_default();
            assert!(fields.get(top).is_some(), "{}: there is no field `{field}`", kind.name());
        }
    }
}

/// Every field, also of nested objects, says what it is.
fn described(place: &str, schema: &Value) {
    match schema {
        Value::Object(map) => {
            for (name, field) in map.get("properties").and_then(Value::as_object).into_iter().flatten() {
                let text = field.get("description").and_then(Value::as_str).unwrap_or_default();
                assert!(!text.is_empty(), "{place}.{name} has no description");
                described(&format!("{place}.{name}"), field);
            }
            for (key, inner) in map.iter().filter(|(k, _)| *k != "properties") {
                if matches!(inner, Value::Object(_) | Value::Array(_)) && key != "x-dlinfra" {
                    described(place, inner);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| described(place, item)),
        _ => {}
    }
}

/// What the console shows beside an id leads to the object too.
async fn found_by_its_arn(stage: &Stage, stack: &[Wanted], kind: &dyn Kind, live: &Live) {
    let kind = *KINDS.iter().find(|k| k.name() == kind.name()).unwrap();
    let (engine, view, _) = stage.look(stack).await;
    let prefix = kind.about().id_prefix;
    assert!(live.members.iter().map(|m| &m.id).chain([&live.id]).any(|id| id.starts_with(prefix)), "{prefix}");
    let own = |arn: &&String| arn.starts_with("arn:") && arn.ends_with(&live.id);
    for arn in live.ids.iter().filter(own) {
        let found = engine.find(kind, &By::Ids(vec![arn.clone()]), &view).await.unwrap();
        let ids: Vec<&str> = found.iter().map(|l| l.id.as_str()).collect();
        assert_eq!(ids, [live.id.as_str()], "{arn}");
    }
}

/// Made, kept, changed field by field, lost, made again, removed.
async fn live_through(kind: &dyn Kind, example: &Example) {
    let name = kind.name();
    let stage = Stage::new().await;
    let mut spec = example.spec.clone();
    let stack = example.stack(&spec);
    let plan = stage.plan(&stack).await;
    assert_eq!(plan.summary.create, stack.len(), "{name}: {}", text(&plan));
    let outcome = stage.settle(&stack).await;

    let live = &outcome.live[&Address::parse(IT).unwrap()];
    let declared: BTreeSet<&str> = kind.about().outputs.iter().map(|o| o.name).collect();
    let found: BTreeSet<&str> = live.outputs.keys().collect();
    assert_eq!(found, declared, "{name}: outputs");
    assert!(!kind.summary(&live.spec).is_empty(), "{name}: summary");
    assert!(!kind.carriers(live).unwrap().is_empty(), "{name}: what carries its tags");
    found_by_its_arn(&stage, &stack, kind, live).await;

    for change in &example.changes {
        let next = merged(&spec, &change.patch);
        let stack = example.stack(&next);
        let plan = stage.plan(&stack).await;
        let step = step(&plan);
        let shown = || format!("{name}.{}: {}", change.field, text(&plan));
        let wanted = match change.class {
            ChangeClass::InPlace | ChangeClass::Rolling => Action::Update,
            // What replaces it is made beside it.
            ChangeClass::Replace if kind.about().successors && step.action == Action::Create => Action::Create,
            ChangeClass::Replace | ChangeClass::DestroysData => Action::Replace,
        };
        let class = (wanted != Action::Create).then_some(change.class);
        assert_eq!((step.action, step.class), (wanted, class), "{}", shown());
        assert_eq!(plan.summary.keep + 1, stack.len(), "{}", shown());
        assert_eq!(step.fields.iter().any(|f| f.forces), wanted != Action::Update, "{}", shown());
        assert!(!step.reason.is_empty(), "{}", shown());
        if change.applied {
            stage.settle(&stack).await;
            spec = next;
        }
    }

    let stack = example.stack(&spec);
    stage.lose(&stack, IT).await;
    let plan = stage.plan(&stack).await;
    assert_eq!((step(&plan).action, plan.summary.keep), (Action::Create, stack.len() - 1), "{name}: {}", text(&plan));
    stage.settle(&stack).await;

    stage.settle(&[]).await;
    assert_eq!(stage.left().await, Vec::<String>::new(), "{name}");
}

async fn live_all(name: &str) {
    let kind = *KINDS.iter().find(|k| k.name() == name).unwrap();
    for example in examples::of(name) {
        live_through(kind, &example).await;
    }
}

macro_rules! lives {
    ($($test:ident: $Type:ident),+) => {
        $(
            #[tokio::test(start_paused = true)]
            async fn $test() {
                live_all(<dlinfra::kinds::$Type as dlinfra::resource::Resource>::KIND).await;
            }
        )+
    };
}

dlinfra::for_each_kind!(lives);
