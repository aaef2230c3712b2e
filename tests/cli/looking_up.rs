//! `catalog`: lists of what blueprints may name, from the embedded facts and from what the account was asked.
use super::{Desk, SMALL};
use serde_json::{Value, json};

/// A list in a window of this width.
fn narrow(desk: &Desk, words: &str, width: &str) -> super::Said {
    let mut command = desk.command(words);
    command.env("COLUMNS", width);
    super::finish(command).code(0)
}

#[test]
fn types_are_chosen_put_in_order_and_fit_the_window() {
    let desk = Desk::new();
    let all = desk.run("catalog types --format json").code(0).json();
    let p5 = all["types"].as_array().unwrap().iter().find(|t| t["type"] == "p5.48xlarge").unwrap().clone();
    assert_eq!(
        json!([p5["vcpus"], p5["memory_gib"], p5["efa_interfaces"], p5["network_gbps"], p5["nvme_gb"], p5["per_gpu"]]),
        json!([192, "2048", 32, "3200", 30400, "6.88"]),
        "{p5}"
    );
    assert_eq!((&p5["quota"]["code"], &p5["spot_quota"]["code"]), (&"L-417A185B".into(), &"L-C4BD4855".into()));
    assert!(p5["zones"].as_array().unwrap().contains(&"use1-az6".into()), "{p5}");
    let ordered = |sort: &str, key: &str| -> Vec<f64> {
        let line = format!("catalog types --gpu nvidia --sort {sort} --format json");
        let said = desk.run(&line).code(0).json();
        let number = |row: &Value| row.pointer(key)?.as_str()?.parse::<f64>().ok();
        said["types"].as_array().unwrap().iter().filter_map(number).collect()
    };
    let rises = |numbers: &[f64]| numbers.len() > 20 && numbers.windows(2).all(|two| two[0] <= two[1]);
    assert!(rises(&ordered("price", "/on_demand")) && rises(&ordered("price-per-gpu", "/per_gpu")));
    let falls = |mut numbers: Vec<f64>| {
        numbers.reverse();
        rises(&numbers)
    };
    assert!(falls(ordered("gpus", "/accelerator/count")) && falls(ordered("memory", "/memory_gib")));

    for width in ["80", "50", "30"] {
        let said = narrow(&desk, "catalog types --gpu H100", width);
        let wide: usize = width.parse().unwrap();
        assert!(said.out.lines().all(|line| line.chars().count() <= wide), "{}", said.out);
        said.says(&["p5.48xlarge", "no room for"]);
    }
    narrow(&desk, "catalog types --gpu H100", "200").says(&["QUOTA", "L-417A185B"]).never_says("no room for");
    for line in ["catalog images", "catalog regions", "catalog zones", "catalog quotas", "catalog types"] {
        let said = narrow(&desk, line, "80");
        assert!(said.out.lines().all(|line| line.chars().count() <= 80), "{line}: {}", said.out);
    }
}

#[test]
fn names_that_do_not_exist_get_near_ones() {
    let desk = Desk::new();
    desk.run("catalog types --gpu H1000").refuses("DL0737").says(&["did you mean `H100`?"]);
    desk.run("catalog types --gpu trainum").refuses("DL0737").says(&["did you mean `Trainium`?"]);
    desk.run("catalog types --gpu abacus").refuses("DL0737").says(&["H100", "there are"]);
    desk.run("catalog types --region us-esat-1").refuses("DL0706").says(&["did you mean `us-east-1`?"]);
    desk.run("catalog types --zone use1-az9").refuses("DL0738").says(&["did you mean `use1-az"]);
    desk.run("catalog types --zone us-east-1z").refuses("DL0738").says(&["did you mean `us-east-1"]);
    let unasked = desk.run("catalog types --zone us-east-1a").refuses("DL0738");
    unasked.says(&["depends on the account", "dlinfra catalog refresh --region us-east-1", "use1-az1"]);
    desk.run("catalog types --sort beauty").refuses("DL0701");
    let there = desk.run("catalog types --gpu A100 --zone usw2-az4").code(0);
    there.says(&["types and zones of us-west-2"]).never_says("p4de");
    desk.run("catalog types --gpu H200 --region sa-east-1").code(0).says(&["not on offer in sa-east-1"]);
}

#[test]
fn images_say_their_parameter_and_what_they_are_for() {
    let desk = Desk::new();
    let json = desk.run("catalog images --format json").code(0).json();
    let of = |name: &str| json["images"].as_array().unwrap().iter().find(|i| i["image"] == name).unwrap().clone();
    let neuron = of("dlami-neuron-ubuntu-24.04");
    assert_eq!(
        neuron["parameters"]["x86_64"],
        json!(["/aws/service/neuron/dlami/base/ubuntu-24.04/latest/image_id"]),
        "{neuron}"
    );
    assert!(neuron["types"].as_array().unwrap().contains(&"trn2.48xlarge".into()));
    assert!(!neuron["types"].as_array().unwrap().contains(&"p5.48xlarge".into()));
    assert_eq!((&of("al2023")["driver"], &neuron["driver"]), (&"none".into(), &"neuron".into()));
    let one = desk.run("catalog images pytorch-2.12 --type p5.48xlarge").code(0);
    one.says(&["dlami-pytorch-2.12-ubuntu-24.04", "SSM parameter /aws/service/deeplearning/ami/x86_64/"]);
    desk.run("catalog images --type trn1.32xlarge").code(0).says(&["dlami-neuron-al2023"]).never_says("pytorch");
}

#[test]
fn what_the_account_was_asked_goes_over_the_embedded_facts() {
    let desk = Desk::new();
    desk.write("dlinfra.yaml", SMALL);
    let said = desk.run("catalog refresh --sandbox --region us-east-1 --sandbox-speed max").code(0);
    said.says(&["6 zones of us-east-1 read for account 000000000000", ".dlinfra/sandbox/catalog.json"])
        // The two sources of facts agree about every type that both know.
        .never_says("other than this version says");
    desk.run("catalog zones --sandbox --region us-east-1")
        .code(0)
        .says(&["use1-az6", "as AWS told account 000000000000 on"]);
    let there = desk.run("catalog types --sandbox --gpu H100 --zone us-east-1a --region us-east-1").code(0);
    there.says(&["p5.48xlarge", "as AWS told account 000000000000 on"]);
    let by_id = desk.run("catalog types --sandbox --zone use1-az1 --format json").code(0).json();
    let by_name = desk.run("catalog types --sandbox --zone us-east-1a --format json").code(0).json();
    assert_eq!((&by_id["types"], by_id["read"].is_string()), (&by_name["types"], true));
    desk.run("catalog types --sandbox --zone us-east-1q --region us-east-1").refuses("DL0738").says(&["did you mean"]);
    // Facts of the sandbox are nobody else's.
    desk.run("catalog zones --region us-east-1").code(0).never_says("use1-az6");
    desk.run("catalog refresh").refuses("DL0709");

    // What AWS says is newer than this version: a type that it does not know, and a zone that is gone.
    let file = desk.path().join(".dlinfra/sandbox/catalog.json");
    let mut facts: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let region = &mut facts["regions"]["us-east-1"];
    region["zones"].as_array_mut().unwrap().retain(|zone| zone["name"] != "us-east-1e");
    let types = region["types"].as_array_mut().unwrap();
    let mut new = types.iter().find(|t| t["name"] == "p5.48xlarge").unwrap().clone();
    new["name"] = "p99.48xlarge".into();
    types.push(new);
    std::fs::write(&file, facts.to_string()).unwrap();
    desk.run("catalog types p99 --sandbox").code(0).says(&["p99.48xlarge", "8 x NVIDIA H100"]);
    desk.run("topology p99.48xlarge").refuses("DL0715");
    let subnet = "  a: { kind: subnet, vpc: '${vpc}', cidr: 10.0.1.0/24, zone: us-east-1e }\noutputs:";
    desk.write("dlinfra.yaml", SMALL.replace("outputs:", subnet));
    desk.run("validate").code(0);
    desk.run("plan --sandbox").code(1).says(&["us-east-1e is not in us-east-1"]);

    std::fs::write(&file, "{").unwrap();
    let said = desk.run("catalog zones --sandbox --region us-east-1").code(0);
    said.says(&["warning[DL0739]", "dlinfra catalog refresh"]).never_says("use1-az6");
    let elsewhere =
        desk.command("catalog zones --sandbox --region us-east-1").env("DLINFRA_CATALOG", "embedded").output();
    assert!(!String::from_utf8_lossy(&elsewhere.unwrap().stderr).contains("DL0739"));
}
