//! Whose an object is: tags that somebody removed, copied or wrote by hand, sweeps that lag, kinds that may not be read.
//! Nothing of others is changed, nothing is made twice, and no proof says "nothing" while something is there.
use crate::{
    crash_lives,
    crash_matrix::{apart, census, config, in_virtual_time, nothing},
    examples::IT,
    kinds,
    stage::{Stage, never, text, wanted, wire::wire},
};
use aws_smithy_runtime_api::client::{
    http::{HttpConnector, SharedHttpConnector},
    orchestrator::HttpRequest,
};
use dlinfra::{
    address::Address,
    aws::tags::{self, Carrier, Tags},
    engine::{Engine, Proof},
    journal::MemoryBackend,
    kind::Kind,
    kinds::KINDS,
    plan::{Action, Wanted},
};
use dlinfra_sandbox::{FaultAction, FaultRule, Sandbox, StoredObject};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

/// The first command of a kind's life, what it needs included.
fn life(kind: &str) -> Vec<Wanted> {
    crash_lives::of(kind).commands.swap_remove(0).1
}

/// A stack that was applied, to be tried in many copies.
struct Applied {
    stage: Stage,
    journal: MemoryBackend,
}

impl Applied {
    async fn of(wanted: &[Wanted]) -> Self {
        let journal = MemoryBackend::new();
        let stage = Stage::on(Sandbox::open(config()).unwrap(), Arc::new(journal.clone()));
        stage.settle(wanted).await;
        Self { stage, journal }
    }

    fn copy(&self) -> Stage {
        let journal = MemoryBackend::new();
        for (key, bytes) in self.journal.objects() {
            journal.set(&key, &bytes);
        }
        Stage::on(Sandbox::from_image(&self.stage.sandbox.image()), Arc::new(journal))
    }
}

/// What carries a stack's tags, those of its machines included.
fn tagged(sandbox: &Sandbox) -> Vec<StoredObject> {
    let live = sandbox.objects().into_iter().filter(StoredObject::is_live);
    live.filter(|o| o.tags.contains_key("dlinfra:address")).collect()
}

fn id(object: &StoredObject) -> String {
    object.value.get("id").and_then(Value::as_str).unwrap_or(&object.id).to_owned()
}

fn is_there(stage: &Stage, object: &StoredObject) -> bool {
    stage.sandbox.objects().iter().any(|o| o.kind == object.kind && o.id == object.id && o.is_live())
}

fn carrier(object: &StoredObject) -> Carrier {
    let arn = |rest: String| Carrier::own(&tags::FSX, format!("arn:aws:fsx:us-east-1:000000000000:{rest}"));
    match object.kind.as_str() {
        "iam/role" => Carrier::own(&tags::ROLES, &object.id),
        "iam/instance-profile" => Carrier::own(&tags::INSTANCE_PROFILES, &object.id),
        "s3/bucket" => Carrier::own(&tags::BUCKETS, &object.id),
        "fsx/file-system" => arn(format!("file-system/{}", object.id)),
        "fsx/data-repository-association" => {
            let file_system = object.value["file_system"].as_str().unwrap();
            arn(format!("association/{file_system}/{}", object.id))
        }
        "sagemaker/model" | "sagemaker/endpoint-config" => {
            let what = object.kind.split('/').nth(1).unwrap();
            let arn = format!("arn:aws:sagemaker:us-east-1:000000000000:{what}/{}", object.id);
            Carrier::own(&tags::SAGEMAKER, arn)
        }
        kind if kind.starts_with("elasticloadbalancing/") => {
            let text = |field: &str| object.value[field].as_str().unwrap();
            let short = if object.value["class"] == "network" { "net" } else { "app" };
            let tail = match kind {
                "elasticloadbalancing/load-balancer" => {
                    format!("loadbalancer/{short}/{}/{}", text("name"), text("hex"))
                }
                "elasticloadbalancing/target-group" => format!("targetgroup/{}/{}", text("name"), text("hex")),
                "elasticloadbalancing/listener" => format!("listener/{}/{}", text("tail"), text("id")),
                _ => format!("listener-rule/{}/{}", text("tail"), text("id")),
            };
            let arn = format!("arn:aws:elasticloadbalancing:us-east-1:000000000000:{tail}");
            Carrier::own(&tags::BALANCERS, arn)
        }
        kind if kind.starts_with("ec2/") => Carrier::own(&tags::EC2, id(object)),
        other => {
            let own = kinds::own_object(object).unwrap_or_else(|| panic!("{other} is to be tried here too"));
            (own.carrier)(&object.id)
        }
    }
}

/// Somebody with the console.
async fn retag(stage: &Stage, object: &StoredObject, set: &[(&str, &str)], remove: &[&str]) {
    let set: Tags = set.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let remove: Vec<String> = remove.iter().map(|k| (*k).to_owned()).collect();
    carrier(object).retag(&stage.aws().await, &set, &remove).await.unwrap();
    // What is changed shows a moment later.
    stage.clock.sleep(std::time::Duration::from_secs(90)).await;
}

/// Destroys as far as it goes; what the proof says.
async fn destroy(stage: &Stage) -> Proof {
    let engine = stage.engine().await;
    let view = engine.look_everywhere(&[]).await.unwrap();
    let plan = engine.plan(&[], &view, &BTreeSet::new()).unwrap();
    let (_keep, cancel) = never();
    let run = dlinfra::engine::Execution {
        command: "destroy",
        presence: None,
        delete_data: true,
        sink: Arc::new(|_| {}),
        cancel,
    };
    if !plan.is_empty() {
        engine.execute(&plan, &view, &[], run).await.unwrap();
    }
    engine.prove(&[]).await.unwrap()
}

fn named(proof: &Proof) -> String {
    format!("{:?}", proof.left)
}

#[test]
fn what_has_lost_its_tags_is_neither_made_again_nor_passed_over_by_the_proof() {
    for kind in KINDS.iter().map(|k| k.name()) {
        in_virtual_time(async {
            let wanted = life(kind);
            let base = Applied::of(&wanted).await;
            let objects = tagged(&base.stage.sandbox);
            let mut own: Vec<_> = objects.iter().filter(|o| o.tags["dlinfra:address"] == IT).collect();
            assert!(!own.is_empty(), "{kind}");
            // Two of each sort: what is true of two machines or rules is true of the third.
            let mut sorts: BTreeMap<&str, usize> = BTreeMap::new();
            own.retain(|object| {
                let nth = sorts.entry(&object.kind).or_default();
                *nth += 1;
                *nth <= 2
            });
            for object in own {
                let what = format!("{kind}: {} {}", object.kind, id(object));
                let stage = base.copy();
                let keys: Vec<&str> = object.tags.keys().map(String::as_str).collect();
                retag(&stage, object, &[], &keys).await;
                let count = |stage: &Stage| {
                    stage.sandbox.objects().iter().filter(|o| o.kind == object.kind && o.is_live()).count()
                };
                let before = count(&stage);
                let again = stage.resume(&wanted).await;
                assert_eq!(count(&stage), before, "{what}: {again:?}");
                if let Err(why) = &again {
                    assert!(why.contains(&id(object)) || why.contains("of /data"), "{what}: {why}");
                }
                // Twice: a run of a destroy must not make the journal forget it.
                for _ in 0..2 {
                    let proof = destroy(&stage).await;
                    match is_there(&stage, object) {
                        true => assert!(named(&proof).contains(&id(object)), "{what}: {}", named(&proof)),
                        false => assert_eq!(apart(&census(&stage.sandbox), &nothing()), "", "{what}"),
                    }
                    let clean = apart(&census(&stage.sandbox), &nothing()).is_empty();
                    assert_eq!((proof.left.is_empty(), proof.holds()), (clean, clean), "{what}: {}", named(&proof));
                }
                // Only what goes with something else may go without its tags.
                let goes = [
                    "ec2/volume",
                    "ec2/network-interface",
                    "elasticloadbalancing/listener",
                    "elasticloadbalancing/rule",
                    "fsx/data-repository-association",
                ]
                .contains(&object.kind.as_str());
                assert_eq!(is_there(&stage, object), !goes, "{what}");
            }
        });
    }
}

#[test]
fn what_has_lost_its_address_keeps_its_place_by_the_journal_and_goes_without_it() {
    for kind in KINDS.iter().map(|k| k.name()) {
        in_virtual_time(async {
            let wanted = life(kind);
            let base = Applied::of(&wanted).await;
            for object in tagged(&base.stage.sandbox).iter().filter(|o| o.tags["dlinfra:address"] == IT) {
                for legal in [false, true] {
                    let what = format!("{kind}: {} {}, {legal}", object.kind, id(object));
                    let mut stage = base.copy();
                    match legal {
                        true => retag(&stage, object, &[], &["dlinfra:address"]).await,
                        false => retag(&stage, object, &[("dlinfra:address", "NOT AN ADDRESS")], &[]).await,
                    }
                    let plan = stage.plan(&wanted).await;
                    let changed = plan.steps.iter().filter(|s| !matches!(s.action, Action::Keep | Action::Update));
                    assert_eq!(changed.count(), 0, "{what}: {}", text(&plan));
                    let (found, notes) = Engine::all_stacks(&stage.aws().await, KINDS).await.unwrap();
                    assert!(!found.is_empty() && notes.is_empty(), "{what}: {notes}");
                    stage.settle(&wanted).await;
                    // A removal does not pass it over either.
                    stage = base.copy();
                    retag(&stage, object, &[], &["dlinfra:address"]).await;
                    let proof = destroy(&stage).await;
                    assert_eq!(
                        (named(&proof), apart(&census(&stage.sandbox), &nothing())),
                        ("[]".to_owned(), String::new()),
                        "{what}"
                    );
                    // Nobody knows its address without the journal.
                    stage = base.copy();
                    stage.backend = Arc::new(MemoryBackend::new());
                    retag(&stage, object, &[], &["dlinfra:address"]).await;
                    let proof = destroy(&stage).await;
                    assert_eq!(
                        (named(&proof), apart(&census(&stage.sandbox), &nothing())),
                        ("[]".to_owned(), String::new()),
                        "{what}"
                    );
                }
            }
        });
    }
}

#[test]
fn what_loses_its_address_among_many_is_found_where_the_others_are_asked_for_by_theirs() {
    in_virtual_time(async {
        let stack = |port: &str| {
            let rule = json!({ "protocol": "tcp", "ports": port, "cidr": "10.0.0.0/8" });
            let spec = json!({ "vpc": { "$ref": "net" }, "ingress": [rule] });
            let group = |i: usize| wanted(&format!("group{i}"), "security-group", spec.clone());
            let net = wanted("net", "vpc", json!({ "cidr": "10.0.0.0/16" }));
            std::iter::once(net).chain((0..6).map(group)).collect::<Vec<_>>()
        };
        let mut stage = Applied::of(&stack("22")).await.stage;
        let before = census(&stage.sandbox);
        let groups: Vec<_> = tagged(&stage.sandbox).into_iter().filter(|o| o.kind == "ec2/security-group").collect();
        assert_eq!(groups.len(), 6);
        // One before the plan, and one as soon as it has been read to be changed.
        retag(&stage, &groups[0], &[], &["dlinfra:address"]).await;
        let (inner, aws, victim) = (connector(&stage.sandbox), stage.aws().await, groups[1].clone());
        let shown = Arc::new(AtomicUsize::new(0));
        let seen = shown.clone();
        stage.http = Some(wire(move |request: HttpRequest| {
            let (inner, aws, victim, seen) = (inner.clone(), aws.clone(), victim.clone(), seen.clone());
            async move {
                let answer = inner.call(request).await?;
                let body = String::from_utf8_lossy(answer.body().bytes().unwrap_or_default()).into_owned();
                // To the sweep of the plan, and to the look before the change.
                if body.contains("<DescribeSecurityGroupsResponse")
                    && body.contains(&id(&victim))
                    && seen.fetch_add(1, Ordering::Relaxed) == 1
                {
                    carrier(&victim).retag(&aws, &Tags::new(), &["dlinfra:address".to_owned()]).await.unwrap();
                }
                Ok(answer)
            }
        }));
        stage.apply(&stack("443")).await;
        assert!(shown.load(Ordering::Relaxed) > 1);
        // It has got its tag again, as the other one.
        assert_eq!(tagged(&stage.sandbox).iter().filter(|o| o.kind == "ec2/security-group").count(), 6);
        stage.http = None;
        stage.settle(&stack("443")).await;
        assert_eq!(apart(&census(&stage.sandbox), &before), "");
        assert_eq!(named(&destroy(&stage).await), "[]");
        assert_eq!(apart(&census(&stage.sandbox), &nothing()), "");
    });
}

/// Another stack of the same blueprint in the same account, whose objects get this stack's name in their tags.
async fn twins(stage: &Stage, wanted: &[Wanted], set: &[(&str, &str)], remove: &[&str]) -> Vec<StoredObject> {
    let mut other = Stage::on(stage.sandbox.clone(), Arc::new(MemoryBackend::new()));
    other.clock = stage.clock.clone();
    other.target.stack = "other".to_owned();
    other.settle(wanted).await;
    let theirs: Vec<_> = tagged(&stage.sandbox).into_iter().filter(|o| o.tags["dlinfra:stack"] == "other").collect();
    for object in &theirs {
        let set: Vec<_> = set.iter().copied().chain([("dlinfra:stack", "test")]).collect();
        retag(stage, object, &set, remove).await;
    }
    let ids: BTreeSet<String> = theirs.iter().map(|o| o.id.clone()).collect();
    stage.sandbox.objects().into_iter().filter(|o| o.is_live() && ids.contains(&o.id)).collect()
}

#[test]
fn what_carries_our_name_and_another_id_or_none_is_never_changed() {
    for kind in KINDS.iter().map(|k| k.name()) {
        for remove in [&[][..], &["dlinfra:stack-id"]] {
            in_virtual_time(async {
                let wanted = life(kind);
                let what = format!("{kind}, without {remove:?}");
                let stage = Applied::of(&wanted).await.stage;
                let theirs = twins(&stage, &wanted, &[], remove).await;
                let view = stage.look(&wanted).await.1;
                let codes: BTreeSet<&str> = view.notes.iter().map(|d| d.code).collect();
                if theirs.iter().any(|o| o.kind.starts_with("ec2/") || o.kind == "fsx/file-system") {
                    let code = if remove.is_empty() { "DL0532" } else { "DL0565" };
                    assert_eq!(codes, [code].into(), "{what}: {}", view.notes);
                }
                let again = stage.settle(&wanted).await;
                assert_eq!(again.done, 0, "{what}");
                assert_eq!(named(&destroy(&stage).await), "[]", "{what}");
                let left: Vec<_> = tagged(&stage.sandbox).into_iter().map(|o| (o.id, o.tags, o.state)).collect();
                let before = theirs.into_iter().filter(|o| o.tags.contains_key("dlinfra:address"));
                let before: Vec<_> = before.into_iter().map(|o| (o.id, o.tags, o.state)).collect();
                assert_eq!(left, before, "{what}");
            });
        }
    }
}

#[test]
fn of_two_at_one_address_the_journals_stays_and_both_go() {
    for kind in KINDS.iter().map(|k| k.name()) {
        in_virtual_time(async {
            // These names are given by dlinfra, so another stack's twin is found by its name only here.
            let by_name = ["iam-role", "bucket"].contains(&kind) || kinds::own(kind).is_some();
            let mut wanted = life(kind);
            if !by_name {
                wanted.retain(|w| !["iam-role", "bucket"].contains(&w.kind.name()));
                for field in ["role", "repositories"] {
                    wanted.iter_mut().for_each(|w| {
                        drop(std::sync::Arc::make_mut(&mut w.spec).as_object_mut().unwrap().remove(field));
                    });
                }
            }
            let stage = Applied::of(&wanted).await.stage;
            let engine = stage.engine().await;
            let applied = engine.memory().applied.clone();
            let own = engine.memory().claim.clone().unwrap().stack_id;
            match by_name {
                true => copied(&stage, &applied[&Address::parse(IT).unwrap()].id).await,
                false => drop(twins(&stage, &wanted, &[("dlinfra:stack-id", &own)], &[]).await),
            }
            let (_, view, plan) = stage.look(&wanted).await;
            // Where a kind has successors, the second one is taken for what the first has replaced, and goes.
            let replaced = KINDS.iter().any(|k| k.name() == kind && k.about().successors);
            assert_eq!(view.notes.iter().any(|d| d.code == "DL0560"), !replaced, "{kind}: {}", view.notes);
            for (address, found) in &view.snapshot.owned {
                assert_eq!(found.live.id, applied[address].id, "{kind}: {address}");
            }
            // Machines of one group are one object, of which there are too many.
            assert!(plan.is_empty() || replaced || kind == "instance-group", "{kind}: {}", text(&plan));
            assert!(!replaced || plan.summary.delete == 1, "{kind}: {}", text(&plan));
            stage.settle(&wanted).await;
            let proof = destroy(&stage).await;
            // Parts that both name go when both are gone, and the proof says so.
            let versions = ["inference-component", "sagemaker-endpoint"].contains(&kind);
            let shared = versions && !proof.left.is_empty();
            let proof = if shared { destroy(&stage).await } else { proof };
            assert_eq!(named(&proof), "[]", "{kind}");
            let mut left = census(&stage.sandbox);
            // The containers of the copy made themselves a log group, which is nobody's.
            left.retain(|(object, address, _), _| !(object.starts_with("logs/") && address.is_empty()));
            assert_eq!(apart(&left, &nothing()), "", "{kind}");
        });
    }
}

/// Somebody makes another one after the example of this one, its tags included, under a name that starts alike.
async fn copied(stage: &Stage, id: &str) {
    let is = |o: &StoredObject| (o.id == id || self::id(o) == id) && !o.kind.ends_with("profile");
    let original = tagged(&stage.sandbox).into_iter().find(is).unwrap();
    let (aws, name) = (stage.aws().await, format!("{id}-copy"));
    match original.kind.as_str() {
        "iam/role" => {
            let found = aws.iam().get_role().role_name(id).send().await.unwrap().role.unwrap();
            let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
            let create = aws.iam().create_role().role_name(&name).path(found.path);
            create.assume_role_policy_document(trust).send().await.unwrap();
        }
        "s3/bucket" => drop(aws.s3().create_bucket().bucket(&name).send().await.unwrap()),
        "sagemaker/endpoint" => {
            let input = json!({ "EndpointName": name, "EndpointConfigName": original.value["config"] });
            aws.sagemaker().once::<serde::de::IgnoredAny>("CreateEndpoint", &input).await.unwrap();
        }
        "sagemaker/inference-component" => {
            let input = json!({ "InferenceComponentName": name, "EndpointName": original.value["endpoint"],
                "VariantName": original.value["variant"], "Specification": original.value["specification"],
                "RuntimeConfig": { "CopyCount": 1 } });
            aws.sagemaker().once::<serde::de::IgnoredAny>("CreateInferenceComponent", &input).await.unwrap();
        }
        _ => (kinds::own_object(&original).unwrap().theirs)(aws, name.clone()).await,
    }
    let copy = stage.sandbox.objects().into_iter().find(|o| o.kind == original.kind && kinds::is_called(o, &name));
    let copy = copy.unwrap();
    let set: Vec<_> = original.tags.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    retag(stage, &copy, &set, &[]).await;
}

/// While `lags`, EC2 finds nothing by the stack's tag; by id it does.
fn lagging(sandbox: &Sandbox, lags: Arc<AtomicBool>) -> aws_smithy_runtime_api::client::http::SharedHttpClient {
    let inner = connector(sandbox);
    wire(move |mut request: HttpRequest| {
        let (inner, lags) = (inner.clone(), lags.load(Ordering::Relaxed));
        async move {
            if lags && let Some(body) = request.body().bytes().map(|b| String::from_utf8_lossy(b).into_owned()) {
                let blind = body.replace("tag%3Adlinfra%3Astack", "tag%3Anobody");
                if body.contains("Action=Describe") && blind != body {
                    *request.body_mut() = blind.into();
                }
            }
            inner.call(request).await
        }
    })
}

fn connector(sandbox: &Sandbox) -> SharedHttpConnector {
    SharedHttpConnector::new(sandbox.clone())
}

#[test]
fn a_sweep_that_lags_makes_nothing_twice() {
    for kind in KINDS.iter().map(|k| k.name()) {
        in_virtual_time(async {
            let wanted = life(kind);
            let mut stage = Applied::of(&wanted).await.stage;
            let before = census(&stage.sandbox);
            let lags = Arc::new(AtomicBool::new(true));
            stage.http = Some(lagging(&stage.sandbox, lags.clone()));
            let plan = stage.plan(&wanted).await;
            assert!(plan.is_empty(), "{kind}: {}", text(&plan));
            // A change meanwhile may fail, and makes no second object.
            stage.target.tags = [("team".to_owned(), "ml".to_owned())].into();
            let (_keep, cancel) = never();
            drop(stage.command(&wanted, cancel).await.unwrap());
            assert_eq!(apart(&census(&stage.sandbox), &before), "", "{kind}");
            lags.store(false, Ordering::Relaxed);
            stage.settle(&wanted).await;
            assert_eq!(apart(&census(&stage.sandbox), &before), "", "{kind}");
        });
    }
}

#[test]
fn a_bucket_that_was_made_without_its_tags_is_named() {
    in_virtual_time(async {
        let mut stage = Stage::on(Sandbox::open(config()).unwrap(), Arc::new(MemoryBackend::new()));
        let (inner, aws) = (connector(&stage.sandbox), stage.aws().await);
        // What is made has no tags as soon as it is there.
        stage.http = Some(wire(move |request: HttpRequest| {
            let (inner, aws) = (inner.clone(), aws.clone());
            async move {
                let name = request
                    .uri()
                    .strip_prefix("https://")
                    .and_then(|rest| rest.strip_suffix(".s3.us-east-1.amazonaws.com/"));
                let name = name.filter(|_| request.method() == "PUT").map(str::to_owned);
                let answer = inner.call(request).await;
                if let Some(name) = name {
                    aws.s3().delete_bucket_tagging().bucket(name).send().await.unwrap();
                }
                answer
            }
        }));
        let wanted = [wanted("data", "bucket", json!({}))];
        let outcome = stage.try_apply(&wanted).await;
        let made = stage.sandbox.objects().into_iter().find(|o| o.kind == "s3/bucket");
        let made = made.unwrap_or_else(|| panic!("{outcome:?}"));
        assert!(made.tags.is_empty(), "{:?}", made.tags);
        let [(_, why)] = &outcome.failed[..] else { panic!("{outcome:?}") };
        assert!(why.message.contains(&made.id) && !why.message.contains("not made by dlinfra"), "{why}");
        // Not again, and never "nothing is left".
        let again = stage.resume(&wanted).await.unwrap_err();
        assert!(again.contains("DL0562") && again.contains(&made.id), "{again}");
        for _ in 0..2 {
            let proof = destroy(&stage).await;
            assert!(named(&proof).contains(&made.id) && !proof.holds(), "{}", named(&proof));
        }
        assert!(is_there(&stage, &made));
    });
}

/// The reads of a plan.
async fn reads(stage: &Stage, wanted: &[Wanted]) -> BTreeSet<String> {
    let before = stage.sandbox.requests().entries.len();
    stage.plan(wanted).await;
    let log = stage.sandbox.requests();
    log.entries[before..].iter().map(|e| format!("{}:{}", e.service, e.operation)).collect()
}

#[test]
fn a_kind_that_nobody_uses_may_be_denied() {
    let mut denied = BTreeSet::new();
    for kind in KINDS.iter().map(|k| k.name()) {
        let wanted = life(kind);
        let (all, own) = in_virtual_time(async {
            let stage = Stage::on(Sandbox::open(config()).unwrap(), Arc::new(MemoryBackend::new()));
            let all = reads(&stage, &wanted).await;
            stage.settle(&wanted).await;
            (all, reads(&stage, &wanted).await)
        });
        let foreign: Vec<&String> = all.difference(&own).collect();
        // Everything that a life of all kinds reads is own to a few.
        assert!(!foreign.is_empty() || wanted.len() > 6, "{kind}: {all:?}");
        // All at once: one refusal hides no other.
        in_virtual_time(async {
            let stage = Stage::on(Sandbox::open(config()).unwrap(), Arc::new(MemoryBackend::new()));
            let deny = |denied: &&String| FaultRule::new(denied.as_str(), FaultAction::AccessDenied);
            stage.sandbox.set_faults(foreign.iter().map(deny).collect());
            stage.settle(&wanted).await;
            let proof = destroy(&stage).await;
            assert_eq!(apart(&census(&stage.sandbox), &nothing()), "", "{kind}");
            assert!(proof.holds() && proof.left.is_empty(), "{kind}: {}", named(&proof));
            let notes = proof.notes().to_string();
            assert!(foreign.is_empty() || notes.contains("DL0564"), "{kind}: {notes}");
        });
        denied.extend(foreign.into_iter().cloned());
    }
    // Each that a proof could not see stands in it.
    assert!(denied.len() > 20, "{denied:?}");
    for read in denied {
        in_virtual_time(async {
            let stage = Stage::on(Sandbox::open(config()).unwrap(), Arc::new(MemoryBackend::new()));
            stage.sandbox.set_faults(vec![FaultRule::new(&read, FaultAction::AccessDenied)]);
            let notes = destroy(&stage).await.notes().to_string();
            assert!(notes.contains("DL0564") && notes.contains(&read), "{read}: {notes}");
        });
    }
}

#[test]
fn a_proof_without_a_journal_does_not_hold_where_it_could_not_look() {
    in_virtual_time(async {
        let stage = Applied::of(&life("subnet")).await.stage;
        let mut blind = Stage::on(stage.sandbox.clone(), Arc::new(MemoryBackend::new()));
        blind.clock = stage.clock.clone();
        blind.sandbox.set_faults(vec![FaultRule::new("fsx:Describe*", FaultAction::AccessDenied)]);
        let proof = destroy(&blind).await;
        assert!(proof.left.is_empty() && !proof.holds(), "{}", named(&proof));
        let (found, notes) = Engine::all_stacks(&blind.aws().await, KINDS).await.unwrap();
        assert!(found.is_empty());
        assert!(notes.to_string().contains("fsx:DescribeFileSystems"), "{notes}");
    });
}

#[test]
fn a_plan_asks_for_no_kind_that_nobody_uses() {
    for kind in KINDS.iter().map(|k| k.name()) {
        in_virtual_time(async {
            let wanted = life(kind);
            let mut stage = Applied::of(&wanted).await.stage;
            let mut asks = Vec::new();
            for kinds in [KINDS, used(&wanted)] {
                stage.kinds = kinds;
                let before = stage.sandbox.requests().total;
                assert!(stage.plan(&wanted).await.is_empty(), "{kind}");
                asks.push(stage.sandbox.requests().total - before);
            }
            assert_eq!(asks[0], asks[1], "{kind}");
        });
    }
}

/// The kinds of which something is wanted.
pub(crate) fn used(wanted: &[Wanted]) -> &'static [&'static dyn Kind] {
    let names: BTreeSet<&str> = wanted.iter().map(|w| w.kind.name()).collect();
    Box::leak(KINDS.iter().copied().filter(|k| names.contains(k.name())).collect())
}

/// A journal was lost: who asks for the right one is told whose objects these are, by what their tags say.
#[test]
fn a_lost_journal_is_asked_for_by_the_stack_id_of_what_is_live() {
    in_virtual_time(async {
        let wanted = life("vpc");
        let base = Applied::of(&wanted).await;
        let own = base.stage.engine().await.memory().claim.clone().unwrap().stack_id;
        for named in [true, false] {
            let mut stage = base.copy();
            stage.backend = Arc::new(MemoryBackend::new());
            for object in tagged(&stage.sandbox).iter().filter(|_| !named) {
                retag(&stage, object, &[], &["dlinfra:stack-id", "dlinfra:owner"]).await;
            }
            let (engine, view, _) = stage.look(&wanted).await;
            let minted = view.scope.stack_id.clone();
            let words = engine.no_memory(&view).map(|e| e.diagnostic());
            // Without the id nothing proves that they are the stack's, so nobody is asked for a journal.
            let Some(words) = words else {
                assert!(!named && view.snapshot.owned.is_empty(), "{view:?}");
                assert!(view.notes.iter().all(|d| d.code == "DL0565") && !view.notes.is_empty(), "{}", view.notes);
                continue;
            };
            let text = words.to_string();
            assert!(named && words.code == "DL0520", "{text}");
            assert!(text.contains(&own) && (minted == own || !text.contains(&minted)), "{text}");
            assert!(text.contains("by tests") && words.help.iter().any(|h| h.contains("dlinfra recover")), "{words:?}");
        }
    });
}

#[test]
fn what_was_renamed_after_it_had_lost_its_tags_is_not_made_again() {
    in_virtual_time(async {
        let stage = Applied::of(&[wanted("data", "bucket", json!({}))]).await.stage;
        let bucket = tagged(&stage.sandbox).into_iter().find(|o| o.kind == "s3/bucket").unwrap();
        let keys: Vec<&str> = bucket.tags.keys().map(String::as_str).collect();
        retag(&stage, &bucket, &[], &keys).await;
        let mut renamed = wanted("store", "bucket", json!({}));
        renamed.moved = vec![Address::parse("data").unwrap()];
        let refused = stage.resume(&[renamed]).await.unwrap_err();
        assert!(refused.contains("DL0562") && refused.contains(&bucket.id), "{refused}");
        assert_eq!(stage.sandbox.objects().iter().filter(|o| o.kind == "s3/bucket" && o.is_live()).count(), 1);
    });
}
