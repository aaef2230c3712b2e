//! Each kind through its whole life in the sandbox: make, read back, no difference, change, delete.
//!
//! A part of the engine's tests, so that the SDK is linked once for both.
mod alarm;
mod dashboard;
mod data;
mod elastic_ip;
mod event_rule;
mod fleet;
mod flow_log;
mod function;
pub(crate) mod inference_component;
mod key_pair;
mod load_balancer;
mod log_group;
mod network;
mod placement_group;
mod queue;
mod sagemaker_endpoint;
mod schedule_group;
mod topic;
mod vpc_endpoint;

use crate::{
    crash_lives::{self, Life},
    examples::{Example, IT},
    stage::Stage,
};
use dlinfra::{
    aws::{Aws, ErrorClass, tags::Carrier},
    kinds::KINDS,
    price::{Amount, PriceBook, PriceContext, PriceLine, Usage},
};
use dlinfra_sandbox::StoredObject;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};

/// What the tests of all kinds are told of a kind with a file of its own.
pub(crate) struct Own {
    /// Its name.
    pub(crate) kind: &'static str,
    /// Its examples of a whole life.
    pub(crate) examples: fn() -> Vec<Example>,
    /// The life that dies everywhere.
    pub(crate) life: fn() -> Life,
    /// What the sandbox calls such an object.
    pub(crate) object: &'static str,
    /// What carries its tags, by its name.
    pub(crate) carrier: fn(&str) -> Carrier,
    /// Somebody else makes one of this name.
    pub(crate) theirs: fn(Aws, String) -> BoxFuture<'static, ()>,
}

/// What something of a kind costs in a month in us-east-1, without stated use.
pub(crate) fn monthly(kind: &str, spec: &Value) -> String {
    let kind = KINDS.iter().find(|k| k.name() == kind).unwrap();
    let (spec, usage) = (kind.canonical(spec).unwrap(), Usage::default());
    let lines = kind.price(&spec, &PriceContext::new(PriceBook::embedded(), "us-east-1", &usage));
    lines.iter().map(PriceLine::amount).sum::<Amount>().monthly().normalize().to_string()
}

/// The codes of what is wrong with the fields of something of a kind.
pub(crate) fn codes(kind: &str, spec: &Value) -> Vec<&'static str> {
    let kind = KINDS.iter().find(|k| k.name() == kind).unwrap();
    let spec = kind.canonical(spec).unwrap_or_else(|p| panic!("{}", p.summary));
    kind.check(&spec).iter().map(|p| p.code.code).collect()
}

/// Kinds with a file of their own, one line each.
pub(crate) const OWN: &[&Own] = &[
    &alarm::OWN,
    &dashboard::OWN,
    &event_rule::OWN,
    &function::OWN,
    &inference_component::OWN,
    &key_pair::OWN,
    &load_balancer::OWN,
    &log_group::OWN,
    &placement_group::OWN,
    &queue::OWN,
    &sagemaker_endpoint::OWN,
    &schedule_group::OWN,
    &topic::OWN,
];

/// A kind with a file of its own whose objects have no name that somebody else could have taken.
pub(crate) struct Nameless {
    kind: &'static str,
    examples: fn() -> Vec<Example>,
    life: fn() -> Life,
}

const NAMELESS: &[&Nameless] = &[&elastic_ip::OWN, &flow_log::OWN, &vpc_endpoint::OWN];

/// Has it this name? Some objects have an id besides.
pub(crate) fn is_called(object: &StoredObject, name: &str) -> bool {
    object.id == name || object.value["name"] == name
}

/// What is known of a kind with a file of its own.
pub(crate) fn own(kind: &str) -> Option<&'static Own> {
    OWN.iter().find(|own| own.kind == kind).copied()
}

/// The same, by an object of the sandbox.
pub(crate) fn own_object(object: &StoredObject) -> Option<&'static Own> {
    OWN.iter().find(|own| own.object == object.kind).copied()
}

/// The examples of a kind; none = the kind needs one.
pub(crate) fn examples(kind: &str) -> Vec<Example> {
    let nameless = || NAMELESS.iter().find(|it| it.kind == kind).map(|it| it.examples);
    own(kind).map(|own| own.examples).or_else(nameless).map(|examples| examples()).unwrap_or_default()
}

/// The life of a kind.
pub(crate) fn life(kind: &str) -> Option<Life> {
    let nameless = || NAMELESS.iter().find(|it| it.kind == kind).map(|it| it.life);
    own(kind).map(|own| own.life).or_else(nameless).map(|life| life())
}

#[tokio::test(start_paused = true)]
async fn what_has_the_name_already_and_is_somebody_elses_is_left_alone() {
    const NAME: &str = "somebodys";
    for own in OWN {
        let stage = Stage::new().await;
        (own.theirs)(stage.aws().await, NAME.to_owned()).await;
        let theirs = || stage.sandbox.objects().into_iter().find(|o| o.kind == own.object && is_called(o, NAME));
        let before = theirs();
        assert!(before.is_some(), "{}", own.kind);
        let mut wanted = crash_lives::of(own.kind).commands.swap_remove(0).1;
        let it = wanted.iter_mut().find(|w| w.address.as_str() == IT).unwrap();
        std::sync::Arc::make_mut(&mut it.spec)["name"] = json!(NAME);
        let outcome = stage.try_apply(&wanted).await;
        let [(_, error)] = &outcome.failed[..] else { panic!("{}: {outcome:?}", own.kind) };
        assert_eq!(error.class, ErrorClass::Stranger, "{}: {error:?}", own.kind);
        assert!(error.help.as_deref().is_some_and(|h| h.contains("existing:")), "{error:?}");
        assert_eq!(theirs(), before, "{}", own.kind);
    }
}
