//! A purchase whose answer never came, decided by a person.
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
