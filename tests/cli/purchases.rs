//! Purchases on the command line: nothing is bought that nobody has named, and a person decides about one without an answer.
use crate::{SMALL, desk::Desk};
use dlinfra::{
    address::Address,
    clock::Clock,
    journal::{Journal, LocalBackend},
    record::{Intent, Record},
    resource::Class,
};
use serde_json::json;
use std::sync::Arc;

/// In the sandbox a command holds the folder that its second plan needs too.
#[test]
fn what_was_not_bought_is_decided_in_the_sandbox_too() {
    let desk = Desk::new();
    desk.write("dlinfra.yaml", SMALL);
    let apply = ["apply", "--sandbox", "--sandbox-speed", "max", "--yes"];
    desk.run(&apply).code(0);
    let decided = [&apply[..], &["--not-bought", "vpc"]].concat();
    desk.run(&decided).refuses("DL0549");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let backend = LocalBackend::new(desk.path().join(".dlinfra/sandbox"), "000000000000", "us-east-1", "small");
        let journal = Journal::open(Arc::new(backend), Clock::system()).await.unwrap();
        assert!(!journal.memory().is_empty(), "the journal of the sandbox");
        let intent = Intent {
            id: "01JZZZZZZZZZZZZZZZZZZZZZZZ".to_owned(),
            address: Address::parse("vpc").unwrap(),
            call: "ec2:PurchaseCapacityBlock".to_owned(),
            class: Class::Money,
            part: String::new(),
            ordinal: 0,
            params: json!({}),
            params_digest: String::new(),
            names: Vec::new(),
            tags: Default::default(),
            time: Clock::system().now(),
        };
        journal.append(Record::Intent(intent)).await.unwrap();
    });
    desk.run(&decided).code(0);
    desk.run(&decided).refuses("DL0549");
}

const BLOCK: &str = "blueprint: bought
region: us-east-1
variables:
  count: { type: int, default: 2 }
  group: { type: int, default: 0 }
resources:
  vpc: { kind: vpc, cidr: 10.0.0.0/16 }
  subnet: { kind: subnet, vpc: '${vpc}', cidr: 10.0.16.0/20, zone: us-east-1a }
  inside:
    kind: security-group
    vpc: ${vpc}
    ingress: [{ protocol: all, self: true }]
    egress: [{ protocol: all, self: true }]
  block:
    kind: capacity-block
    instance_type: p5.48xlarge
    count: ${var.count}
    duration: 1d
    zone: us-east-1a
    latest: 2099-01-31T00:00:00Z
    max_price: 70000 USD
  machines:
    kind: instance-group
    instance_type: p5.48xlarge
    count: ${var.count}
    subnet: ${subnet}
    image: dlami-base-ubuntu-22.04
    interfaces: { security_groups: ['${inside}'] }
    market: capacity-block
    allow: [{ rule: DL0209, reason: nobody logs in }]
    reservation: ${block}
outputs:
  start: ${block.start}
";

/// A blueprint with a Capacity Block and machines in it, in a sandbox.
struct Buyer(Desk);

impl Buyer {
    fn new() -> Self {
        let desk = Desk::new();
        desk.write("dlinfra.yaml", BLOCK);
        Self(desk)
    }

    fn run(&self, words: &str) -> crate::desk::Said {
        let sandbox = ["--sandbox", "--sandbox-speed", "max"];
        self.0.run(&words.split(' ').chain(sandbox).collect::<Vec<_>>())
    }

    /// How often somebody has tried to buy, since the last command began.
    fn purchases(&self) -> usize {
        let said = self.0.run("sandbox requests --format json").code(0);
        let times = said.json()["counts"]["ec2:PurchaseCapacityBlock"].as_u64().unwrap_or(0);
        usize::try_from(times).unwrap()
    }
}

/// Plan, apply, destroy, apply: without `--buy` nothing is bought, and nothing is changed.
#[test]
fn nothing_is_bought_that_nobody_has_named() {
    let buyer = Buyer::new();
    let plan = buyer.run("plan").code(0);
    let plan =
        plan.says(&["AWS offers 2 x p5.48xlarge in us-east-1a", "$1,536.00, once", "bought only with `--buy block`"]);
    plan.says(&["buys for good: block", "Next: dlinfra apply --sandbox --buy block"]);
    assert_eq!(buyer.purchases(), 0);
    for _ in 0..2 {
        let refused = buyer.run("apply --yes").code(5);
        let refused = refused.says(&["error[DL0734]", "`machines` would wait for it", "`--buy block` buys"]);
        refused.says(&["nothing was bought or changed"]);
        assert_eq!(buyer.purchases(), 0);
        buyer.run("destroy --yes").code(0).says(&["Nothing to destroy."]);
    }
    // A saved plan does not say it either.
    buyer.run("plan -o p.json").code(0).says(&["apply p.json", "--buy block"]);
    buyer.run("apply p.json").code(5).says(&["error[DL0734]"]);
    buyer.run("apply --yes --buy vpc").refuses("DL0735");
    buyer.run("apply --yes --buy blok").refuses("DL0707");
    assert_eq!(buyer.purchases(), 0);
    buyer.run("destroy --yes").code(0).says(&["Nothing to destroy."]);
}

/// Bought once, however often it is said; it stays until it ends, which is no failure of a removal.
#[test]
fn what_was_bought_is_not_bought_again() {
    let buyer = Buyer::new();
    buyer.run("plan -o p.json").code(0);
    // The machines wait for its start.
    let applied = buyer.run("apply p.json --buy block").code(3);
    applied.says(&["not complete", "machines: cr-", "is scheduled and begins at"]);
    assert_eq!(buyer.purchases(), 1);
    for command in ["plan", "apply --yes --buy block", "apply --yes"] {
        buyer.run(command).never_says("DL0734");
        assert_eq!(buyer.purchases(), 0, "{command}");
    }
    buyer.run("status").code(0).says(&["begins at"]);
    let removed = buyer.run("destroy --yes").code(0);
    let removed = removed.says(&["Proof: ", "0 resources, $0.00/h left", "Stays: block  capacity-block  cr-"]);
    removed.says(&["it was bought for $1,536.00 and cannot be given back", "note[DL0736]"]);
    let again = buyer.run("destroy --yes --format json").code(0).json();
    assert_eq!(
        (again["left"].as_array().map(Vec::len), again["bought"][0]["address"].as_str()),
        (Some(0), Some("block"))
    );
    // Wanted again it is there; another one is bought only when somebody says so.
    buyer.run("plan").never_says("DL0734").says(&["1 unchanged"]);
    buyer.run("apply --yes --var count=3").code(5).says(&["error[DL0734]", "3 x p5.48xlarge"]);
    assert_eq!(buyer.purchases(), 0);
}
