//! Every answer to every call that makes something: each code that AWS states for its service, codes that nobody knows by
//! their statuses, and connections that are cut. Nothing is made twice, and the next apply comes out as if nothing had
//! happened.
//!
//! What a run does depends on the class of an answer, so each call meets each class, and each code is met by one call.
use crate::{
    crash_lives,
    crash_matrix::{Census, apart, census, config, in_virtual_time},
    examples::merged,
    stage::{Stage, text},
};
use dlinfra::{journal::MemoryBackend, kinds::KINDS, plan::Wanted};
use dlinfra_sandbox::{FaultAction, FaultRule, Image, LogEntry, Sandbox};
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Every stated code with its class, as `src/aws/class/tests.rs` writes it down.
const CLASSES: &str = include_str!("../golden/error_classes.txt");

/// One answer, and whether AWS may have done what was asked for.
#[derive(Debug, Clone, PartialEq)]
struct Answer {
    /// Its class.
    class: &'static str,
    how: FaultAction,
}

impl Answer {
    /// Is it done before it is answered?
    fn executed(&self) -> bool {
        matches!(self.how, FaultAction::ErrorAfter { .. } | FaultAction::CutAfter)
    }
}

/// A code that nobody foresaw.
const UNKNOWN: &str = "NobodyKnowsThis";

fn after(code: &str, status: u16) -> FaultAction {
    FaultAction::ErrorAfter { code: code.to_owned(), status }
}

fn before(code: &str, status: u16) -> FaultAction {
    FaultAction::ErrorBefore { code: code.to_owned(), status }
}

/// What is stated for a service, or for all of them.
fn stated(service: &str) -> Vec<Answer> {
    let mut class = "";
    let mut out = Vec::new();
    for line in CLASSES.lines() {
        let Some(row) = line.strip_prefix("    ") else {
            class = line;
            continue;
        };
        let mut words = row.split(' ');
        let (of, code) = (words.next().unwrap(), words.next().unwrap());
        if of != "*" && of != service {
            continue;
        }
        let status = words.next().map_or(400, |s| s.parse().unwrap());
        // Only of these nobody knows whether it was done.
        let how = if class == "Ambiguous" { after(code, status) } else { before(code, status) };
        out.push(Answer { class, how });
    }
    out
}

/// What every call may be answered.
fn everywhere() -> Vec<Answer> {
    let answers = [
        before(UNKNOWN, 409),
        before(UNKNOWN, 429),
        FaultAction::CutBefore,
        FaultAction::CutAfter,
        after(UNKNOWN, 500),
    ];
    answers.into_iter().map(|how| Answer { class: "", how }).collect()
}

/// More of the same, shared among the calls of a service as its codes are.
fn by_status() -> impl Iterator<Item = Answer> {
    let refused = [400, 401, 403, 404, 405, 412, 423].map(|status| before(UNKNOWN, status));
    let failed = [502, 503, 504, 599].map(|status| after(UNKNOWN, status));
    refused.into_iter().chain(failed).map(|how| Answer { class: "", how })
}

/// The answers that one of the calls of a service meets: the first of each class, and its share of all codes. Those that
/// AWS gives before it does anything come first.
fn share(service: &str, place: usize, of: usize) -> Vec<Answer> {
    let mut classes = BTreeSet::from([""]);
    let all = stated(service).into_iter().chain(by_status()).enumerate();
    let own = all.filter(|(n, answer)| classes.insert(answer.class) || n % of == place);
    let mut out: Vec<Answer> = own.map(|(_, answer)| answer).chain(everywhere()).collect();
    out.sort_by_key(Answer::executed);
    out
}

/// The calls that make something, by service, and the first kind that makes each.
fn calls() -> BTreeMap<&'static str, BTreeMap<&'static str, &'static str>> {
    let mut out: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
    for (kind, call) in KINDS.iter().flat_map(|k| k.about().calls.iter().map(move |c| (k.name(), c.api))) {
        out.entry(call.split(':').next().unwrap()).or_default().entry(call).or_insert(kind);
    }
    out
}

/// A life up to the moment at which the resource itself is to be made.
struct Eve {
    wanted: Vec<Wanted>,
    image: Image,
    journal: BTreeMap<String, Vec<u8>>,
    expected: Census,
}

impl Eve {
    async fn of(kind: &str, call: &str) -> Self {
        let life = crash_lives::of(kind);
        let mut wanted = life.commands.into_iter().next().unwrap().1;
        if call == "ec2:AuthorizeSecurityGroupEgress" {
            let it = wanted.last_mut().unwrap();
            let rule = json!({ "egress": [{ "protocol": "tcp", "ports": "443", "cidr": "10.0.0.0/8" }] });
            it.spec = it.kind.canonical(&merged(&it.spec, &rule)).unwrap().into();
        }
        if call == "cloudwatch:PutCompositeAlarm" {
            let it = wanted.last_mut().unwrap();
            it.spec = it.kind.canonical(&json!({ "rule": "TRUE" })).unwrap().into();
        }
        let journal = MemoryBackend::new();
        let stage = Stage::on(Sandbox::open(config()).unwrap(), Arc::new(journal.clone()));
        stage.resume(&life.parents).await.unwrap();
        let (image, objects) = (stage.sandbox.image(), journal.objects());
        stage.resume(&wanted).await.unwrap();
        Self { wanted, image, journal: objects, expected: census(&stage.sandbox) }
    }

    fn stage(&self) -> Stage {
        let journal = MemoryBackend::new();
        self.journal.iter().for_each(|(key, bytes)| journal.set(key, bytes));
        Stage::on(Sandbox::from_image(&self.image), Arc::new(journal))
    }

    /// Meets the answers one after the other, each in a run of its own. A refusal leaves things as they are for the next
    /// one; after anything else it must come out right, and the next one begins on the eve again.
    async fn meets(&self, call: &str, answers: &[Answer], wrong: &mut Vec<String>) {
        let mut stage = self.stage();
        for (n, answer) in answers.iter().enumerate() {
            let asked = stage.sandbox.requests().total;
            stage.sandbox.set_faults(vec![FaultRule::new(call, answer.how.clone()).times(1)]);
            let ended = stage.resume(&self.wanted).await;
            stage.sandbox.set_faults(Vec::new());
            let met = |e: &LogEntry| {
                e.number > asked && (e.cut || e.code.is_some()) && format!("{}:{}", e.service, e.operation) == call
            };
            let mut found = match stage.sandbox.requests().entries.iter().any(met) {
                true => self.none_twice(&stage),
                false => Err("nobody was answered so".to_owned()),
            };
            if ended.is_ok() || answer.executed() || n + 1 == answers.len() {
                found = match found {
                    Ok(()) => self.comes_out(&stage).await.map_err(|e| format!("after {ended:?}: {e}")),
                    other => other,
                };
                stage = self.stage();
            }
            if let Err(why) = found {
                wrong.push(format!("{call}, {} {:?}: {why}", answer.class, answer.how));
                stage = self.stage();
            }
        }
    }

    fn none_twice(&self, stage: &Stage) -> Result<(), String> {
        let live = census(&stage.sandbox);
        let twice = |(what, count): (_, &usize)| *count > self.expected.get(what).copied().unwrap_or_default();
        if live.iter().any(twice) { Err(format!("at once: {}", apart(&live, &self.expected))) } else { Ok(()) }
    }

    async fn comes_out(&self, stage: &Stage) -> Result<(), String> {
        stage.resume(&self.wanted).await?;
        let plan = stage.look_again(&self.wanted).await?;
        let live = census(&stage.sandbox);
        match plan.is_empty() && live == self.expected {
            true => Ok(()),
            false => Err(format!("{}{}", apart(&live, &self.expected), text(&plan))),
        }
    }
}

/// A part of the calls, so that the parts run side by side.
fn part(which: usize, of: usize) {
    let (mut tried, mut wrong) = (0, Vec::new());
    let all = calls().into_iter().flat_map(|(service, calls)| {
        let many = calls.len();
        calls.into_iter().enumerate().map(move |(n, (call, kind))| (service, n, many, call, kind))
    });
    for (_, (service, place, many, call, kind)) in all.enumerate().filter(|(n, _)| n % of == which) {
        let answers = share(service, place, many);
        tried += answers.len();
        in_virtual_time(async { Eve::of(kind, call).await.meets(call, &answers, &mut wrong).await });
    }
    assert!(tried > 100, "{tried} answers are not all");
    assert!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn no_answer_to_a_create_makes_a_second_object_1() {
    part(0, 3);
}
#[test]
fn no_answer_to_a_create_makes_a_second_object_2() {
    part(1, 3);
}
#[test]
fn no_answer_to_a_create_makes_a_second_object_3() {
    part(2, 3);
}

#[test]
fn every_stated_code_is_met() {
    for (service, calls) in calls() {
        let shares = (0..calls.len()).flat_map(|n| share(service, n, calls.len())).collect::<Vec<_>>();
        assert!(stated(service).len() > 10, "{service}: {}", stated(service).len());
        for answer in stated(service) {
            assert!(shares.contains(&answer), "{service}: {answer:?}");
        }
    }
}
