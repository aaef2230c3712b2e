//! The plan of a stack that is as its blueprint says, without AWS: everything between the file and the text on the
//! screen, with live objects as a sweep would return them and a memory as the journal would.
use dlinfra::{
    address::Address,
    blueprint::{Inputs, RealFiles, compile},
    compose::{Deployment, compose},
    cost::{Pricing, Stated},
    expression, kind,
    kinds::dialect,
    plan::{Input, Plan, Wanted, plan},
    price::PriceBook,
    record::Applied,
    report::{cost::PlanFigures, plan as report},
    resource::Live,
    snapshot::{Found, Snapshot},
    spec,
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

/// Plans the blueprint: nothing exists, or all of it does and nothing changed. Prints the plan.
pub(crate) fn plan_of(file: &Path, exists: bool, priced: bool) {
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
            spec: Value::clone(&wanted.spec),
            outputs: live.outputs.clone(),
            tags: live.tags.clone(),
        };
        applied.insert(wanted.address.clone(), memory);
        found.push(Found { kind: wanted.kind, live: live.into() });
    }
    let snapshot = Snapshot::build(found, BTreeMap::new()).unwrap();
    let made = plan(&Input {
        wanted: &deployment.wanted,
        snapshot: &snapshot,
        applied: &applied,
        interrupted: &BTreeMap::new(),
        settings: &BTreeMap::new(),
        pinned: &BTreeMap::new(),
        tags: &tags,
        replace: &BTreeSet::new(),
        now: jiff::Timestamp::UNIX_EPOCH,
    })
    .unwrap();
    assert_eq!(
        made.is_empty(),
        exists,
        "{}",
        report::text(&header(), &made, &report::Show { full: true, ..report::Show::PLAIN })
    );
    assert_eq!(made.steps.len(), deployment.wanted.len());
    let figures = priced.then(|| price(&deployment, &made));
    println!("{}", report::text(&header(), &made, &report::Show { cost: figures.as_ref(), ..report::Show::PLAIN }));
    // As `dlinfra plan` does.
    std::mem::forget((deployment, snapshot, applied, made));
}

fn price(deployment: &Deployment, made: &Plan) -> PlanFigures {
    let compiled = &deployment.compiled;
    let (stated, _) = Stated::of(compiled, None, None);
    let (book, region) = (PriceBook::embedded(), compiled.region.as_str());
    let pricing = Pricing { book, region, usage: &stated.usage, owner: compiled.owner.as_deref(), run: stated.run };
    PlanFigures::new(&pricing.plan(made))
}

fn header() -> report::Header {
    report::Header {
        stack: "growth".to_owned(),
        region: "us-east-1".to_owned(),
        account: "000000000000".to_owned(),
        place: "account 000000000000".to_owned(),
        journal: String::new(),
        new_bucket: None,
        end: None,
        idle: None,
    }
}

/// What a sweep would find: ids instead of addresses, outputs instead of references to them, digests of what AWS does not
/// return, tags as dlinfra sets them.
fn live(wanted: &Wanted, tags: &BTreeMap<String, String>) -> Live {
    let known = |address: &str, name: &str| Some(output(address, name));
    let mut spec = match spec::has_unknown(&wanted.spec) {
        true => wanted.kind.canonical(&expression::evaluate(&wanted.spec, &known).unwrap()).unwrap(),
        false => Value::clone(&wanted.spec),
    };
    kind::conceal(wanted.kind.about(), &mut spec);
    by_id(&mut spec);
    let address = wanted.address.as_str();
    let mut tags = tags.clone();
    tags.insert("dlinfra:address".to_owned(), address.to_owned());
    let mut live = Live::new(Address::parse(address).unwrap(), id(address), tags, spec);
    let outputs = wanted.kind.about().outputs.iter().map(|o| o.name).chain(["id"]);
    live.outputs = outputs.map(|name| (name.to_owned(), output(address, name))).collect();
    live
}

/// The outputs that references of the graphs ask for are texts.
fn output(address: &str, name: &str) -> Value {
    json!(if name == "id" { id(address) } else { format!("{name}-{address}") })
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
