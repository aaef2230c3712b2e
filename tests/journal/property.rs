//! Whatever is recorded, in whatever portions: every prefix folds, and portions do not matter.
use crate::samples::*;
use dlinfra::{
    journal::{self, Journal, Memory, MemoryBackend, fold},
    record::Record,
    resource::Class,
};
use proptest::prelude::*;
use serde_json::json;
use std::{collections::BTreeMap, sync::Arc};

#[derive(Debug, Clone)]
enum Step {
    Intent(u8, u8),
    Accepted(u8, u8),
    Failed(u8, u8),
    Stable(u8),
    Gone(u8),
    Pin(u8),
    Run,
    End,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..4u8, 0..12u8).prop_map(|(a, i)| Step::Intent(a, i)),
        3 => (0..4u8, 0..12u8).prop_map(|(a, i)| Step::Accepted(a, i)),
        1 => (0..4u8, 0..12u8).prop_map(|(a, i)| Step::Failed(a, i)),
        2 => (0..4u8).prop_map(Step::Stable),
        1 => (0..4u8).prop_map(Step::Gone),
        1 => (0..3u8).prop_map(Step::Pin),
        1 => Just(Step::Run),
        1 => Just(Step::End),
    ]
}

fn record(step: &Step) -> Record {
    let at = |a: &u8| format!("worker/{a}.group");
    let id = |i: &u8| format!("I{i}");
    match step {
        Step::Intent(a, i) => {
            let class = if i % 3 == 0 { Class::Name } else { Class::Tags };
            intent(&at(a), &id(i), class, json!({"name": format!("name-{i}")}))
        }
        Step::Accepted(a, i) => accepted(&at(a), &id(i), &[&format!("x-{i}")]),
        Step::Failed(a, i) => failed(&at(a), &id(i)),
        Step::Stable(a) => stable(&at(a), "x-1"),
        Step::Gone(a) => gone(&at(a)),
        Step::Pin(k) => pin(&format!("image:{k}"), json!("ami-1")),
        Step::Run => run(),
        Step::End => end("ok"),
    }
}

/// The memory of open and accepted calls by the plainest means: for each address, what came since it settled.
type ByAddress = BTreeMap<String, Vec<String>>;
fn plainly(records: &[Record]) -> (ByAddress, ByAddress) {
    let (mut open, mut accepted) = (ByAddress::new(), ByAddress::new());
    for record in records {
        match record {
            Record::Intent(i) => {
                let list = open.entry(i.address.to_string()).or_default();
                if !list.contains(&i.id) {
                    list.push(i.id.clone());
                }
            }
            Record::Accepted { address, intent, .. } => {
                open.entry(address.to_string()).or_default().retain(|i| i != intent);
                let list = accepted.entry(address.to_string()).or_default();
                if !list.contains(intent) {
                    list.push(intent.clone());
                }
            }
            Record::Failed { address, intent, .. } => {
                open.entry(address.to_string()).or_default().retain(|i| i != intent);
            }
            Record::Stable { address, .. } | Record::Gone { address, .. } => {
                open.remove(address.as_str());
                accepted.remove(address.as_str());
            }
            _ => {}
        }
    }
    open.retain(|_, l| !l.is_empty());
    (open, accepted)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_prefix_folds(steps in prop::collection::vec(step(), 0..60)) {
        let records: Vec<_> = std::iter::once(claim()).chain(steps.iter().map(record)).collect();
        let mut grown = Memory::default();
        for (index, record) in records.iter().enumerate() {
            grown.apply(record);
            let prefix = &records[..=index];
            prop_assert_eq!(&fold(prefix), &grown);
            let (open, accepted) = plainly(prefix);
            let of_open = grown.open.iter().map(|(a, l)| (a.to_string(), l.iter().map(|i| i.id.clone()).collect()));
            prop_assert_eq!(of_open.collect::<ByAddress>(), open);
            let of_accepted = grown.accepted.iter();
            let of_accepted = of_accepted.map(|(a, l)| (a.to_string(), l.iter().map(|i| i.intent.clone()).collect()));
            prop_assert_eq!(of_accepted.collect::<ByAddress>(), accepted);
        }
        let text = serde_json::to_string(&grown).unwrap();
        prop_assert_eq!(serde_json::from_str::<Memory>(&text).unwrap(), grown);
    }

    #[test]
    fn portions_reopening_and_the_cache_do_not_matter(
        portions in prop::collection::vec((prop::collection::vec(step(), 1..6), any::<bool>()), 0..50),
    ) {
        let records: Vec<_> =
            std::iter::once(claim()).chain(portions.iter().flat_map(|(p, _)| p.iter().map(record))).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let read = runtime.block_on(async {
            let backend = Arc::new(MemoryBackend::new());
            let mut journal = Journal::open(backend.clone(), clock()).await.unwrap();
            journal.append(claim()).await.unwrap();
            for (portion, reopen) in &portions {
                journal.append_all(portion.iter().map(record).collect()).await.unwrap();
                if *reopen {
                    journal.compact().await;
                    journal = Journal::open(backend.clone(), clock()).await.unwrap();
                }
            }
            journal::read(&*backend).await.unwrap()
        });
        prop_assert_eq!(read.next.number as usize, portions.len() + 2);
        prop_assert_eq!(Memory { next: Memory::default().next, ..read }, fold(&records));
    }
}
