//! Answers that are lost, wrong or refused, without a death: nothing is made twice, nothing of others is touched, and a
//! refusal is never taken for absence.
use crate::{
    crash_lives,
    crash_matrix::{apart, census, config, in_virtual_time, nothing},
    crash_tape::bucket,
    kinds,
    random_fate::{End, Fate},
    random_model::{Model, Named},
    stage::Stage,
};
use dlinfra::{
    aws::ErrorClass,
    journal::{MemoryBackend, lock},
    kinds::KINDS,
    resource::Class,
};
use dlinfra_sandbox::{Behaviour, FaultAction, FaultRule, Sandbox, SandboxConfig};
use serde_json::Value;
use std::{collections::BTreeSet, sync::Arc, time::Duration};

fn stage() -> Stage {
    Stage::on(Sandbox::open(config()).unwrap(), Arc::new(MemoryBackend::new()))
}

/// Every call that makes something, of every kind.
fn creates() -> BTreeSet<&'static str> {
    KINDS.iter().flat_map(|k| k.about().calls).map(|c| c.api).collect()
}

/// A bit of everything.
fn model() -> Model {
    Model {
        groups: [(0, 2), (1, 2)].into(),
        role: Some(Named { is: true, names: 0 }),
        bucket: Some(Named { is: true, names: 0 }),
        nat: Some(Named::default()),
        fleet: Some(Named { is: (2, false), names: 0 }),
        ..Model::default()
    }
}

/// While every create is answered like this.
fn after_every_create(how: &FaultAction) -> Vec<FaultRule> {
    creates().into_iter().map(|api| FaultRule::new(api, how.clone())).collect()
}

/// The first command of every kind's life, parents included, while AWS behaves like this.
fn nothing_twice(rules: &[FaultRule]) {
    for kind in KINDS {
        let (_, wanted) = crash_lives::of(kind.name()).commands.swap_remove(0);
        let expected = in_virtual_time(async {
            let stage = stage();
            stage.resume(&wanted).await.unwrap();
            census(&stage.sandbox)
        });
        in_virtual_time(async {
            let stage = stage();
            stage.sandbox.set_faults(rules.to_vec());
            let what = format!("{}, {:?}", kind.name(), rules[0].action);
            stage.resume(&wanted).await.unwrap_or_else(|e| panic!("{what}: {e}"));
            assert_eq!(apart(&census(&stage.sandbox), &expected), "", "{what}");
            stage.settle(&wanted).await;
            stage.resume(&[]).await.unwrap_or_else(|e| panic!("{what}: {e}"));
            assert_eq!(apart(&census(&stage.sandbox), &nothing()), "", "{what}");
        });
    }
}

#[test]
fn a_connection_cut_after_every_create_makes_nothing_twice() {
    nothing_twice(&after_every_create(&FaultAction::CutAfter));
}

#[test]
fn an_error_500_after_every_create_makes_nothing_twice() {
    nothing_twice(&after_every_create(&FaultAction::ErrorAfter { code: "InternalError".to_owned(), status: 500 }));
}

#[test]
fn a_500_that_nobody_foresaw_after_every_create_makes_nothing_twice() {
    nothing_twice(&after_every_create(&FaultAction::ErrorAfter { code: "ServerException".to_owned(), status: 500 }));
}

#[test]
fn what_is_hidden_for_a_minute_after_every_create_is_not_made_twice() {
    // What hides is the look, not the call that makes something; these two say that they show what is new later.
    let hide =
        |reads| FaultRule { mutating: Some(false), ..FaultRule::new(reads, FaultAction::HideNew { seconds: 60.0 }) };
    nothing_twice(&[hide("ec2:*"), hide("iam:*")]);
}

#[test]
fn a_refusal_is_never_absence() {
    in_virtual_time(async {
        let stage = stage();
        let wanted = model().wanted();
        stage.settle(&wanted).await;
        let before = stage.sandbox.requests();
        stage.plan(&wanted).await;
        let log = stage.sandbox.requests();
        let reads: BTreeSet<String> = log.entries[before.entries.len()..]
            .iter()
            .map(|e| format!("{}:{}", e.service, e.operation))
            // What the name of an image stands for says nothing of what is owned.
            .filter(|o| o != "sts:GetCallerIdentity" && o != "ssm:GetParameters")
            .collect();
        assert!(reads.len() > 15, "{reads:?}");
        for read in &reads {
            stage.sandbox.set_faults(vec![FaultRule::new(read, FaultAction::AccessDenied)]);
            for wanted in [&wanted[..], &[]] {
                let why = stage.resume(wanted).await.expect_err(read);
                assert!(why.contains("DL0401"), "{read}: {why}");
            }
            assert_eq!(stage.sandbox.requests().mutating, log.mutating, "{read}");
        }
        stage.sandbox.set_faults(Vec::new());
        assert!(stage.plan(&wanted).await.is_empty());
    });
}

/// Somebody else has the names that a stack would give.
#[test]
fn objects_of_others_with_the_same_name_are_left_alone() {
    let named = |class| matches!(class, Class::Name | Class::NameIdempotent);
    let calls: BTreeSet<_> =
        KINDS.iter().flat_map(|k| k.about().calls).filter(|c| named(c.class)).map(|c| c.api).collect();
    let tried = [
        "ec2:CreatePlacementGroup",
        "ec2:CreateSecurityGroup",
        "iam:CreateInstanceProfile",
        "iam:CreateRole",
        "s3:CreateBucket",
    ];
    // Kinds with a file of their own are tried in tests/kinds/mod.rs.
    let own = KINDS.iter().filter(|k| kinds::own(k.name()).is_some());
    let own = own.flat_map(|k| k.about().calls).filter(|c| named(c.class)).map(|c| c.api);
    assert_eq!(calls, tried.into_iter().chain(own).collect(), "a new call with a name is to be tried here");
    let ours = model();
    // The same names in an account of the same number.
    let of = |kind: &'static str, ours: &Model| {
        let wanted = ours.wanted();
        in_virtual_time(async move {
            let stage = stage();
            stage.resume(&wanted[..3]).await.unwrap();
            stage.resume(&wanted).await.unwrap();
            let found =
                stage.sandbox.objects().into_iter().find(|o| o.kind == kind && o.tags.contains_key("dlinfra:address"));
            found.unwrap_or_else(|| panic!("no {kind}")).value
        })
    };
    for kind in ["ec2/placement-group", "ec2/security-group", "iam/instance-profile", "iam/role", "s3/bucket"] {
        let known = of(kind, &ours);
        let text = |key: &str| known.get(key).and_then(Value::as_str).map(str::to_owned);
        let name = text("name").or_else(|| text("id")).unwrap_or_else(|| panic!("{kind} has no name: {known}"));
        in_virtual_time(async {
            let stage = stage();
            let wanted = ours.wanted();
            stage.resume(&wanted[..3]).await.unwrap();
            let aws = stage.aws().await;
            match kind {
                "ec2/placement-group" => drop(aws.ec2().create_placement_group().group_name(&name)
                    .strategy(aws_sdk_ec2::types::PlacementStrategy::Cluster).send().await.unwrap()),
                "ec2/security-group" => {
                    let vpc = text("vpc_id").or_else(|| text("vpc")).unwrap();
                    drop(aws.ec2().create_security_group().group_name(&name).vpc_id(vpc).description("mine").send().await.unwrap());
                }
                "iam/instance-profile" => drop(aws.iam().create_instance_profile().instance_profile_name(&name).send().await.unwrap()),
                "iam/role" => drop(aws.iam().create_role().role_name(&name).assume_role_policy_document(
                    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#,
                ).send().await.unwrap()),
                _ => drop(aws.s3().create_bucket().bucket(&name).send().await.unwrap()),
            }
            let theirs = |stage: &Stage| {
                let all = stage.sandbox.objects().into_iter();
                all.filter(|o| o.kind == kind && !o.tags.contains_key("dlinfra:address")).collect::<Vec<_>>()
            };
            let before = theirs(&stage);
            assert!(!before.is_empty());
            let outcome = stage.try_apply(&wanted).await;
            let why = outcome.failed.iter().find(|(_, e)| e.class == ErrorClass::Stranger);
            let (_, error) = why.unwrap_or_else(|| panic!("{kind}: {:?}", outcome.failed));
            assert!(error.help.as_deref().is_some_and(|h| h.contains("existing:")), "{error:?}");
            assert_eq!(theirs(&stage), before, "{kind}");
            // Everything else can go; theirs stays, and the VPC with it if theirs is in it.
            let gone = stage.try_apply(&[]).await;
            assert_eq!(gone.complete(), kind != "ec2/security-group", "{kind}: {gone:?}");
            assert_eq!(theirs(&stage), before, "{kind}");
        });
    }
}

#[test]
fn another_account_region_or_an_empty_one_proves_nothing() {
    in_virtual_time(async {
        let here = stage();
        let wanted = model().wanted();
        here.resume(&wanted[..3]).await.unwrap();
        // The same journal with the credentials of another account.
        let there = SandboxConfig { account: "111111111111".to_owned(), ..config() };
        let mut other = Stage::on(Sandbox::open(there).unwrap(), here.backend.clone());
        for wanted in [&wanted[..3], &[]] {
            let why = other.resume(wanted).await.unwrap_err();
            assert!(why.contains("000000000000") && why.contains("111111111111"), "{why}");
        }
        assert_eq!(other.sandbox.requests().mutating, 0);
        // The same number, and nothing in it: an emulator that forgot, or another endpoint.
        other = Stage::on(Sandbox::open(config()).unwrap(), here.backend.clone());
        for wanted in [&wanted[..3], &[]] {
            let why = other.resume(wanted).await.unwrap_err();
            assert!(why.contains("DL0531"), "{why}");
        }
        assert_eq!(other.sandbox.requests().mutating, 0);
    });
}

#[test]
fn an_interrupted_run_stops_within_seconds_and_goes_on_later() {
    for at in [3, 9, 17, 31] {
        in_virtual_time(async {
            let mut stage = stage();
            let wanted = model().wanted();
            let outcome = Fate::meets(&mut stage, &wanted, End::Cancel, at).await.unwrap().unwrap();
            assert!(outcome.cancelled && !outcome.complete() && outcome.failed.is_empty(), "{at}: {outcome:?}");
            let lock = lock::status(&*stage.backend).await.unwrap().unwrap();
            assert!(!lock.held);
            let waited = lock.renewed.unwrap().duration_since(lock.since.unwrap());
            stage.settle(&wanted).await;
            stage.resume(&[]).await.unwrap();
            assert_eq!(apart(&census(&stage.sandbox), &nothing()), "", "{at}, {waited:?}");
        });
    }
}

#[test]
fn a_cancelled_wait_is_given_up_in_time() {
    in_virtual_time(async {
        let slow = SandboxConfig { behaviour: Behaviour::default(), ..config() };
        let stage = Stage::on(Sandbox::open(slow).unwrap(), Arc::new(MemoryBackend::new()));
        let wanted = model().wanted();
        let (stop, cancel) = tokio::sync::watch::channel(false);
        let clock = stage.clock.clone();
        let run = async {
            let outcome = stage.command(&wanted, cancel).await.unwrap();
            (outcome, clock.now())
        };
        let interrupt = async {
            // The NAT gateway takes two minutes: somebody loses patience.
            clock.sleep(Duration::from_secs(60)).await;
            stop.send(true).unwrap();
            clock.now()
        };
        let ((outcome, ended), asked) = tokio::join!(run, interrupt);
        assert!(outcome.cancelled && !outcome.pending.is_empty());
        assert!(ended.duration_since(asked) <= jiff::SignedDuration::from_secs(5), "{asked} {ended}");
        assert!(!lock::status(&*stage.backend).await.unwrap().unwrap().held);
        stage.settle(&wanted).await;
    });
}

#[test]
fn credentials_that_end_stop_the_run_and_fail_nothing() {
    for in_a_bucket in [false, true] {
        for at in [5, 14, 40] {
            in_virtual_time(async {
                let mut stage = stage();
                if in_a_bucket {
                    stage.backend = bucket(&stage).await;
                }
                let wanted = model().wanted();
                let ending = Fate::meets(&mut stage, &wanted, End::Expire, at).await.unwrap();
                let outcome = ending.unwrap_or_else(|e| panic!("{at}: {e}"));
                // One failure says it; everything else waits for the next run.
                let [(_, error)] = &outcome.failed[..] else { panic!("{at}: {outcome:?}") };
                assert_eq!((error.class, error.diagnostic_code().code), (ErrorClass::Credentials, "DL0402"));
                assert!(error.help.as_deref().is_some_and(|h| h.contains("log in again")), "{error:?}");
                // One refusal is enough: what was under way hears of it, and nothing else is tried.
                let refused = stage.sandbox.requests().errors.values().sum::<u64>();
                assert!(refused < 40, "{refused}");
                stage.resume(&wanted).await.unwrap();
                assert!(stage.plan(&wanted).await.is_empty());
            });
        }
    }
}
