//! The plan of a stack that is as its blueprint says, without AWS: everything between the file and the text on the
//! screen, with live objects as a sweep would return them and a memory as the journal would.
use dlinfra::{
    address::Address,
    blueprint::{Inputs, RealFiles, compile},
    compose::compose,
    kinds::dialect,
    plan::{Input, Wanted, plan},
    record::Applied,
    report::plan as report,
    resource::Live,
    snapshot::{Found, Snapshot},
};
use serde_json::{Map, Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

/// Plans the blueprint twice: nothing exists, or all of it does and nothing changed. Prints the plan.
pub(crate) fn plan_of(file: &Path, exists: bool) {
    let inputs = Inputs { file: file.to_owned(), ..Inputs::default() };
    let deployment = compile(dialect(), &inputs, &RealFiles).and_then(compose).unwrap();
    let tags = BTreeMap::from(
        [("v", "1"), ("stack", "growth"), ("stack-id", "8f4e0c9a-0000-4000-8000-000000000000"), ("owner", "me")]
            .map(|(k, v)| (format!("dlinfra:{k}"), v.to_owned())),
    );
    let (mut found, mut applied) = (Vec::new(), BTreeMap::new());
    for wanted in deployment.wanted.iter().filter(|_| exists) {
        let live = live(wanted, &tags);
        let memory = Applied {
            kind: wanted.kind.name().to_owned(),
            id: live.id.clone(),
            spec: wanted.spec.clone(),
            outputs: live.outputs.clone(),
            tags: live.tags.clone(),
        };
        applied.insert(wanted.address.clone(), memory);
        found.push(Found { kind: wanted.kind, live });
    }
    let snapshot = Snapshot::build(found, BTreeMap::new()).unwrap();
    let made = plan(&Input {
        wanted: &deployment.wanted,
        snapshot: &snapshot,
        applied: &applied,
        interrupted: &BTreeMap::new(),
        settings: &BTreeMap::new(),
        tags: &tags,
        replace: &BTreeSet::new(),
        now: jiff::Timestamp::UNIX_EPOCH,
    })
    .unwrap();
    assert_eq!(made.is_empty(), exists, "{}", report::text(&header(), &made, None, true));
    assert_eq!(made.steps.len(), deployment.wanted.len());
    println!("{}", report::text(&header(), &made, None, false));
}

fn header() -> report::Header {
    report::Header {
        stack: "growth".to_owned(),
        region: "us-east-1".to_owned(),
        account: "000000000000".to_owned(),
        place: "account 000000000000".to_owned(),
        journal: String::new(),
        new_bucket: None,
    }
}

/// What a sweep would find: ids instead of addresses, tags as dlinfra sets them.
fn live(wanted: &Wanted, tags: &BTreeMap<String, String>) -> Live {
    let mut spec = wanted.spec.clone();
    by_id(&mut spec);
    let mut tags = tags.clone();
    tags.insert("dlinfra:address".to_owned(), wanted.address.to_string());
    let id = id(wanted.address.as_str());
    let mut live = Live::new(Address::parse(wanted.address.as_str()).unwrap(), id.clone(), tags, spec);
    live.outputs = Map::from_iter([("id".to_owned(), json!(id))]);
    live
}

fn id(address: &str) -> String {
    format!("id-0123456789-{address}")
}

fn by_id(value: &mut Value) {
    if let Some(address) = value.get("$ref").and_then(Value::as_str) {
        *value = json!({ "$id": id(address) });
        return;
    }
    match value {
        Value::Object(map) => map.values_mut().for_each(by_id),
        Value::Array(items) => items.iter_mut().for_each(by_id),
        _ => {}
    }
}
