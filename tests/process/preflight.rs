//! `preflight`: what the account lacks, before the first request that changes anything.
use crate::driver::{Account, Cli, blueprint};
use dlinfra_sandbox::{Behaviour, FaultAction, FaultRule};
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn asked(cli: &Cli, code: i32) -> Value {
    let ran = cli.run(&["preflight", "--format", "json"]).must(code, "preflight");
    serde_json::from_str(&ran.out).unwrap()
}

#[test]
fn each_shortage_is_named_with_its_numbers() {
    let quotas = [("L-417A185B", 700), ("L-0263D0A3", 0), ("L-8F1B9C74", 1200)];
    let quotas: BTreeMap<String, u64> = quotas.map(|(code, limit)| (code.to_owned(), limit)).into();
    let account = Account::serve(60, Behaviour { quotas, ..Behaviour::default() });
    let cli = Cli::new(account.port, &blueprint("efa-training.yaml"));
    let told = asked(&cli, 5);
    let mut short: Vec<_> = told["findings"].as_array().unwrap().iter().filter(|f| f["code"] == "DL0728").collect();
    short.sort_by_key(|f| f["address"].to_string());
    let numbers: Vec<_> = short.iter().map(|f| json!([f["address"], f["needed"], f["used"], f["limit"]])).collect();
    assert_eq!(
        json!(numbers),
        json!([
            ["cache.file-system", 9600, null, 1200],
            ["network.nat/us-east-1a", 1, 0, 0],
            ["train.group", 768, 0, 700],
        ]),
        "{told}"
    );
    let request = short[2]["request"].as_str().unwrap();
    assert!(request.ends_with("--service-code ec2 --quota-code L-417A185B --desired-value 768"), "{request}");
    assert!(account.requests().mutating == 0 && account.live().is_empty(), "nothing was changed");
    // The sandbox knows no policies of its caller.
    let unchecked: Vec<&str> =
        told["unchecked"].as_array().unwrap().iter().filter_map(|u| u["what"].as_str()).collect();
    assert_eq!(unchecked, ["permissions of the caller"], "{told}");
    let ran = cli.run(&["preflight"]).must(5, "for people");
    assert!(ran.out.contains(": 68 too few") && ran.err.contains("DL0728"), "{}{}", ran.out, ran.err);
}

#[test]
fn what_is_there_needs_no_room_again() {
    let quotas = BTreeMap::from([("L-1216C47A".to_owned(), 4)]);
    let account = Account::serve(60, Behaviour { quotas, durations: 0.1, ..Behaviour::default() });
    let cli = Cli::new(account.port, &blueprint("cpu-smoke.yaml"));
    assert_eq!(asked(&cli, 0)["findings"], json!([]));
    cli.run(&["apply", "--yes"]).must(0, "two of four are used");
    cli.write(&blueprint("cpu-smoke.yaml").replace("default: 1", "default: 2"));
    assert_eq!(asked(&cli, 0)["findings"], json!([]), "two more fit");
    cli.write(&blueprint("cpu-smoke.yaml").replace("default: 1", "default: 3"));
    let told = asked(&cli, 5);
    let found = &told["findings"][0];
    assert_eq!(json!([found["needed"], found["used"], found["limit"]]), json!([6, 0, 4]), "{told}");
}

#[test]
fn what_a_plan_refuses_and_what_nobody_may_ask_is_told() {
    let account = Account::serve(60, Behaviour::default());
    let text = blueprint("cpu-smoke.yaml").replace("image: al2023", "image: ami-0123456789abcdef0");
    let cli = Cli::new(account.port, &text);
    let told = asked(&cli, 5);
    assert!(told["findings"].to_string().contains("ami-0123456789abcdef0"), "{told}");
    cli.write(&blueprint("cpu-smoke.yaml"));
    account.set_faults(vec![FaultRule::new("servicequotas:*", FaultAction::AccessDenied)]);
    let told = asked(&cli, 0);
    let unchecked = told["unchecked"].to_string();
    assert!(unchecked.contains("quotas of ec2") && unchecked.contains("servicequotas:List"), "{told}");
}
