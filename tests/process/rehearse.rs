//! `rehearse`: what it foretells is what the same blueprint then takes in a served sandbox, whose time is real.
use crate::driver::{Account, Cli, blueprint};
use dlinfra_sandbox::Behaviour;
use serde_json::Value;
use std::collections::BTreeMap;

fn account(quotas: &[(&str, u64)]) -> Account {
    let quotas: BTreeMap<String, u64> = quotas.iter().map(|(code, value)| ((*code).to_owned(), *value)).collect();
    Account::serve(20, Behaviour { quotas, ..Behaviour::default() })
}

fn rehearsed(cli: &Cli, more: &[&str], code: i32) -> Value {
    let ran = cli.run(&[&["rehearse", "--format", "json"], more].concat()).must(code, "a rehearsal");
    serde_json::from_str(&ran.out).unwrap()
}

#[test]
fn an_apply_takes_what_was_rehearsed() {
    let account = account(&[]);
    let cli = Cli::new(account.port, &blueprint("efa-training.yaml"));
    let told = rehearsed(&cli, &["--hours", "10"], 0);
    assert_eq!((&told["account"], &told["fails"]), (&"000000000000".into(), &false.into()), "{told}");
    assert!(account.requests().mutating == 0 && account.live().is_empty(), "the account is only asked");
    let began = account.now();
    let requests = account.requests().mutating;
    cli.run(&["apply", "--yes"]).must(0, "the real one");
    let took = account.now().duration_since(began).as_secs_f64();
    let foretold = told["apply"]["seconds"].as_f64().unwrap();
    assert!((foretold / took - 1.0).abs() < 0.05, "foretold {foretold} s, took {took} s");
    // The journal's bucket and its objects are all that a rehearsal does not make.
    let made =
        account.requests().counts.iter().filter(|(name, _)| !name.starts_with("s3:")).map(|(_, n)| n).sum::<u64>();
    assert!(account.requests().mutating > requests && made > 0);
    // The path explains all of it.
    let path = told["apply"]["path"].as_array().unwrap();
    let along: f64 = path.iter().map(|leg| leg["seconds"].as_f64().unwrap()).sum();
    assert!((along / foretold - 1.0).abs() < 0.05, "{path:?} of {foretold} s");
    assert!(path.iter().any(|leg| leg["address"].as_str().unwrap().starts_with("cache.")), "{path:?}");
}

#[test]
fn a_quota_that_is_too_small_is_named() {
    // Four p5 need 768.
    let account = account(&[("L-417A185B", 700), ("L-0263D0A3", 0)]);
    let cli = Cli::new(account.port, &blueprint("efa-training.yaml"));
    let told = rehearsed(&cli, &[], 5);
    let short: BTreeMap<&str, u64> = told["quotas"]
        .as_array()
        .unwrap()
        .iter()
        .map(|quota| (quota["code"].as_str().unwrap(), quota["short"].as_u64().unwrap()))
        .filter(|(_, short)| *short > 0)
        .collect();
    assert_eq!(short, BTreeMap::from([("L-0263D0A3", 1), ("L-417A185B", 68)]), "{told}");
    let failed = told["apply"]["failed"].as_array().unwrap();
    assert!(failed.iter().any(|f| f["address"].as_str().unwrap().contains("nat")), "{failed:?}");
    assert_eq!(told["second"], Value::Null, "what cannot be made is not made twice");
    let ran = cli.run(&["rehearse"]).must(5, "for people");
    for text in ["DL0728", "768 needed", "limit 700", "request-service-quota-increase", "68 too few"] {
        assert!(ran.err.contains(text) || ran.out.contains(text), "{text}\n{}{}", ran.out, ran.err);
    }
    // What nobody asks limits nothing.
    let told = rehearsed(&cli, &["--quotas", "none"], 0);
    assert_eq!((&told["account"], &told["quotas"][0]["limit"]), (&Value::Null, &Value::Null));
    let told = rehearsed(&cli, &["--quotas", "new-account"], 5);
    assert_eq!(told["quotas"].as_array().unwrap().iter().filter(|q| q["short"] != 0).count(), 1, "{told}");
}

#[test]
fn machines_of_others_use_quotas() {
    let account = account(&[("L-1216C47A", 4)]);
    let other = Cli::new(account.port, &blueprint("cpu-smoke.yaml"));
    assert_eq!(rehearsed(&other, &[], 0)["quotas"][1]["used"], 0);
    other.run(&["apply", "--yes"]).must(0, "two of four are used");
    // What this stack has already is not in its own way.
    assert_eq!(rehearsed(&other, &[], 0)["quotas"][1]["used"], 0);
    let text = blueprint("cpu-smoke.yaml").replace("blueprint: cpu-smoke", "blueprint: second");
    let cli = Cli::new(account.port, &text);
    let told = rehearsed(&cli, &["--var", "machines=2"], 5);
    let quota = told["quotas"].as_array().unwrap().iter().find(|quota| quota["code"] == "L-1216C47A").unwrap();
    assert_eq!(
        (&quota["needed"], &quota["used"], &quota["limit"], &quota["short"]),
        (&4.into(), &2.into(), &4.into(), &2.into())
    );
    assert_eq!(rehearsed(&cli, &["--var", "machines=1"], 0)["fails"], false);
}

#[test]
fn limits_of_time_and_money() {
    let account = account(&[]);
    let cli = Cli::new(account.port, &blueprint("cpu-smoke.yaml"));
    for (limit, code) in [(["--max-time", "10s"], "DL0730"), (["--max-cost", "0.01"], "DL0731")] {
        let ran = cli.run(&[&["rehearse", "--hours", "10"], &limit[..]].concat()).must(5, "a limit");
        assert!(ran.err.contains(code), "{}", ran.err);
    }
    rehearsed(&cli, &["--hours", "10", "--max-time", "1h", "--max-cost", "100 USD"], 0);
    let ran = cli.run(&["rehearse", "--sandbox"]).must(1, "whose sandbox?");
    assert!(ran.err.contains("DL0727"), "{}", ran.err);
}

#[test]
fn in_a_second_life_things_go_wrong() {
    let account = account(&[]);
    let text = "
blueprint: spot
region: us-east-1
resources:
  network: { use: network, zones: 1 }
  data: { kind: bucket, existing: acme-corpus }
  vpc: { kind: vpc, existing: vpc-0123456789abcdef0 }
  inner: { kind: subnet, existing: { tags: { Name: inner } } }
  group: { kind: security-group, vpc: '${vpc}', egress: [{ protocol: all, cidr: 0.0.0.0/0, description: out }] }
  steady: { kind: instance-group, instance_type: t3.small, count: 1, image: al2023, subnet: '${inner}', interfaces: { security_groups: ['${group}'] } }
  spare: { kind: instance-group, instance_type: t3.small, count: 3, market: spot, image: al2023, subnet: '${inner}', interfaces: { security_groups: ['${group}'] } }
";
    let cli = Cli::new(account.port, text);
    let told = rehearsed(&cli, &[], 0);
    let second = &told["second"];
    assert_eq!(second["refused"].as_array().unwrap().len(), 1, "{second}");
    assert_eq!(second["applies"], 2, "{second}");
    let loss = &second["loss"];
    assert_eq!(
        (&loss["address"], &loss["spot"], &loss["failed"]),
        (&"spare".into(), &true.into(), &serde_json::json!([])),
        "{second}"
    );
    assert_eq!(loss["plan"], serde_json::json!(["spare"]), "only that group changes");
    // What exists is not paid for again: machines and the NAT gateway are.
    assert!(told["cost"]["run"].as_str().unwrap().parse::<f64>().unwrap() > 0.0, "{told}");
}

#[test]
fn without_credentials_everything_else_is_rehearsed() {
    let cli = Cli::new(1, &blueprint("cpu-smoke.yaml"));
    let told = rehearsed(&cli, &[], 0);
    assert_eq!(told["account"], Value::Null, "{told}");
    assert_eq!(told["unchecked"].as_array().unwrap().len(), 1, "{told}");
    assert!(told["apply"]["seconds"].as_u64().unwrap() > 30, "{told}");
}
