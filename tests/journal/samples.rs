//! Records, addresses and clocks that the tests share.
use dlinfra::{
    address::Address,
    clock::Clock,
    record::{Applied, Intent, Record},
    resource::Class,
};
use jiff::Timestamp;
use serde_json::{Value, json};

pub(crate) const ACCOUNT: &str = "123456789012";
pub(crate) const REGION: &str = "us-east-1";
pub(crate) const STACK: &str = "efa-training";

pub(crate) fn time(second: u64) -> Timestamp {
    let base: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    base + std::time::Duration::from_secs(second)
}

/// Simulated time on tokio's paused clock.
pub(crate) fn clock() -> Clock {
    Clock::scaled(time(0), 1)
}

pub(crate) fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

pub(crate) fn claim() -> Record {
    Record::Claim {
        stack: STACK.into(),
        stack_id: "11111111-2222-4333-8444-555555555555".into(),
        account: ACCOUNT.into(),
        region: REGION.into(),
        time: time(0),
    }
}

pub(crate) fn run() -> Record {
    Record::Run { command: "apply".into(), holder: "ada@host pid 1".into(), time: time(1) }
}

pub(crate) fn intent(at: &str, id: &str, class: Class, params: Value) -> Record {
    Record::Intent(Intent {
        id: id.into(),
        address: address(at),
        call: "ec2:CreateVpc".into(),
        class,
        part: String::new(),
        ordinal: 0,
        params_digest: dlinfra::spec::sha256(dlinfra::spec::canonical(&params).as_bytes()),
        names: Vec::new(),
        params,
        tags: [("dlinfra:address", at.into()), ("dlinfra:intent", id.into())].into(),
        time: time(2),
    })
}

pub(crate) fn accepted(at: &str, id: &str, ids: &[&str]) -> Record {
    let ids = ids.iter().map(|i| (*i).to_owned()).collect();
    Record::Accepted { address: address(at), intent: id.into(), ids, time: time(3) }
}

pub(crate) fn failed(at: &str, id: &str) -> Record {
    Record::Failed { address: address(at), intent: id.into(), error: "no".into(), time: time(3) }
}

pub(crate) fn stable(at: &str, id: &str) -> Record {
    let applied = Applied {
        kind: "vpc".into(),
        id: id.into(),
        spec: json!({"cidr": "10.0.0.0/16"}),
        outputs: [("id", json!(id))].into(),
        tags: [("team", "ml".into())].into(),
    };
    Record::Stable { address: address(at), applied, time: time(4) }
}

pub(crate) fn gone(at: &str) -> Record {
    Record::Gone { address: address(at), time: time(5) }
}

pub(crate) fn pin(key: &str, value: Value) -> Record {
    Record::Pinned { key: key.into(), value, time: time(6) }
}

pub(crate) fn end(outcome: &str) -> Record {
    Record::End { outcome: outcome.into(), time: time(7) }
}

/// The life of a small stack, one tick a batch.
pub(crate) fn story() -> Vec<Vec<Record>> {
    vec![
        vec![claim()],
        vec![run(), pin("ttl", json!("72h"))],
        vec![
            intent("net.vpc", "I1", Class::Tags, json!({"cidr": "10.0.0.0/16"})),
            intent("data.bucket", "I2", Class::NameIdempotent, json!({"name": "acme-corpus-x"})),
        ],
        vec![accepted("net.vpc", "I1", &["vpc-1"])],
        vec![failed("data.bucket", "I2"), stable("net.vpc", "vpc-1")],
        vec![intent("net.subnet", "I3", Class::Tags, json!({"vpc": {"$ref": "net.vpc", "$id": "vpc-1"}}))],
        vec![intent(
            "data.bucket",
            "I4",
            Class::NameIdempotent,
            json!({"name": "acme-corpus-x", "key": {"$secret": "arn:aws:secretsmanager:us-east-1:123456789012:secret:k"}}),
        )],
        vec![accepted("data.bucket", "I4", &["acme-corpus-x"])],
        vec![end("partial")],
    ]
}
