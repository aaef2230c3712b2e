//! Small stories of deaths that once went wrong, each in a few lines.
use crate::{
    crash_matrix::{apart, census, config, in_virtual_time, nothing},
    crash_tape::{Act, Moment, Store, Tape},
    stage::{Stage, never, wanted},
};
use dlinfra::{journal::MemoryBackend, plan::Wanted};
use dlinfra_sandbox::{FaultAction, FaultRule, Sandbox, SandboxConfig};
use serde_json::json;
use std::{sync::Arc, time::Duration};

pub(crate) fn vpc() -> Wanted {
    wanted("vpc", "vpc", json!({ "cidr": "10.0.0.0/16" }))
}

pub(crate) fn subnet(number: u8) -> Wanted {
    let cidr = format!("10.0.{number}.0/24");
    let spec = json!({ "vpc": { "$ref": "vpc" }, "cidr": cidr, "zone": "us-east-1a" });
    wanted(&format!("subnet/{number}"), "subnet", spec)
}

/// What is left when an apply of `then`, on top of `first`, dies right after AWS executed the nth request of this name.
async fn died(config: SandboxConfig, first: &[Wanted], then: &[Wanted], operation: &str, nth: usize) -> Moment {
    let journal = Arc::new(MemoryBackend::new());
    let mut stage = Stage::on(Sandbox::open(config).unwrap(), journal.clone());
    stage.resume(first).await.unwrap();
    let mut tape = Tape::record(&mut stage, &journal, Store::Memory, then).await;
    let is = |a: &Act| matches!(a, Act::Request { operation: o, .. } if o == operation);
    let at = tape.events.iter().filter(|e| is(&e.act)).nth(nth).unwrap().after;
    tape.moments.swap_remove(at)
}

#[test]
fn a_destroy_that_died_after_its_last_delete_is_finished() {
    in_virtual_time(async {
        let stack = [vpc(), wanted("other", "vpc", json!({ "cidr": "10.1.0.0/16" }))];
        let stage = died(config(), &stack, &[], "ec2:DeleteVpc", 1).await.stage().await;
        assert_eq!(stage.engine().await.memory().applied.len(), 2, "neither end was recorded");
        stage.resume(&[]).await.unwrap();
        assert_eq!(apart(&census(&stage.sandbox), &nothing()), "");
        let memory = stage.engine().await.memory().clone();
        assert!(memory.applied.is_empty(), "{:?}", memory.applied);
        assert!(stage.plan(&stack).await.summary.create == 2);
    });
}

#[test]
fn a_destroy_waits_for_what_a_killed_apply_made_and_aws_still_hides() {
    in_virtual_time(async {
        let mut config = config();
        config.behaviour.faults = vec![FaultRule::new("ec2:DescribeSubnets", FaultAction::HideNew { seconds: 40.0 })];
        let stack = [vpc(), subnet(1)];
        let stage = died(config, &stack[..1], &stack, "ec2:CreateSubnet", 0).await.stage().await;
        stage.resume(&[]).await.unwrap();
        assert_eq!(apart(&census(&stage.sandbox), &nothing()), "");
    });
}

/// The sweep of the next run is old when what it made waits for is there, and AWS hid the object from that sweep only.
#[test]
fn what_an_earlier_run_made_is_looked_for_also_when_its_turn_comes_late() {
    in_virtual_time(async {
        let stage = Stage::on(Sandbox::open(config()).unwrap(), Arc::new(MemoryBackend::new()));
        let to = |address: &str| json!({ "$ref": address });
        let public = json!({ "vpc": to("vpc"), "cidr": "10.0.1.0/24", "zone": "us-east-1a", "public": true });
        let table = |routes| wanted("table", "route-table", json!({ "vpc": to("vpc"), "routes": routes }));
        let mut stack = vec![
            vpc(),
            wanted("igw", "internet-gateway", json!({ "vpc": to("vpc") })),
            wanted("net", "subnet", public),
        ];
        stage.settle(&stack).await;
        stage
            .sandbox
            .set_faults(vec![FaultRule::new("ec2:DescribeRouteTables", FaultAction::HideNew { seconds: 50.0 })]);
        stack.push(table(json!([])));
        let (_keep, cancel) = never();
        let killed = tokio::time::timeout(Duration::from_secs(10), stage.command(&stack, cancel)).await;
        assert!(killed.is_err(), "{killed:?}");
        assert_eq!(stage.engine().await.memory().unseen().len(), 1, "its answer came, and no look showed it");
        // Now it leads to a gateway on which AWS works for longer than it hides anything.
        stack.pop();
        stack.push(wanted("nat", "nat-gateway", json!({ "subnet": to("net"), "internet_gateway": to("igw") })));
        stack.push(table(json!([{ "to": "0.0.0.0/0", "nat_gateway": to("nat") }])));
        stage.resume(&stack).await.unwrap();
        let tables = stage.sandbox.objects().into_iter().filter(|o| o.kind == "ec2/route-table" && o.is_live());
        assert_eq!(tables.filter(|o| o.tags.contains_key("dlinfra:address")).count(), 1);
    });
}

#[test]
fn a_sweep_passes_over_a_vpc_that_goes_meanwhile() {
    in_virtual_time(async {
        let mut config = config();
        let gone = FaultAction::ErrorBefore { code: "InvalidVpcID.NotFound".to_owned(), status: 400 };
        config.behaviour.faults = vec![FaultRule::new("ec2:DescribeVpcAttribute", gone).times(2)];
        let stage = Stage::with(config).await;
        stage.resume(&[vpc()]).await.unwrap();
        assert!(stage.plan(&[vpc()]).await.is_empty());
    });
}

#[test]
fn a_file_system_is_not_asked_twice_for_what_it_is_doing() {
    in_virtual_time(async {
        // The links are on their way out when the next run looks, and the update is due at the moment they are gone.
        let life = crate::crash_lives::of("fsx-lustre");
        let (first, then) = (&life.commands[0].1, &life.commands[1].1);
        let moment = died(config(), first, then, "fsx:DeleteDataRepositoryAssociation", 0).await;
        moment.stage().await.resume(then).await.unwrap();
    });
}
