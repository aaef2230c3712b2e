//! Totals of whole blueprints against numbers worked out by hand, to the cent.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test fails by panicking")]

#[path = "cost/cli.rs"]
mod cli;
mod desk;

use dlinfra::blueprint::{Compiled, Inputs, MemoryFiles, RealFiles, compile};
use dlinfra::cost::{Pricing, Refusal, Stated, Sum, advice, stated};
use dlinfra::kinds::{KINDS, dialect};
use dlinfra::price::{PriceBook, UsageBook};
use dlinfra::report::{
    cost::{CostReport, Format, Heading},
    screen::Screen,
};
use rust_decimal::Decimal;

fn compiled(region: &str, head: &str, resources: &str) -> Compiled {
    let text = format!(
        "blueprint: test\nregion: {region}\nowner: ml\n{head}\nresources:\n  vpc:\n    kind: vpc\n    cidr: 10.0.0.0/16\n  \
         subnet:\n    kind: subnet\n    vpc: ${{vpc}}\n    cidr: 10.0.0.0/24\n    zone: {region}a\n  \
         group:\n    kind: security-group\n    vpc: ${{vpc}}\n{resources}"
    );
    let inputs = Inputs { file: "main.yaml".into(), ..Inputs::default() };
    compile(dialect(), &inputs, &MemoryFiles::new().with("main.yaml", text)).unwrap_or_else(|problems| {
        panic!(
            "{:#?}",
            problems.iter().map(|problem| (&problem.code, &problem.summary, problem.location())).collect::<Vec<_>>()
        )
    })
}

struct Priced {
    sum: Sum,
    report: CostReport,
    stated: Stated,
    bill: dlinfra::cost::Bill,
}

fn priced(region: &str, head: &str, resources: &str) -> Priced {
    price(&compiled(region, head, resources))
}

/// A blueprint of the project.
fn shipped(name: &str) -> Priced {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("blueprints").join(name);
    price(&compile(dialect(), &Inputs { file, ..Inputs::default() }, &RealFiles).unwrap())
}

fn price(blueprint: &Compiled) -> Priced {
    let region = blueprint.region.as_str();
    let (stated, problems) = Stated::of(blueprint, None, None);
    assert!(problems.is_empty(), "{:?}", problems.iter().collect::<Vec<_>>());
    let pricing = Pricing {
        book: PriceBook::embedded(),
        region,
        usage: &stated.usage,
        owner: blueprint.owner.as_deref(),
        run: stated.run,
    };
    let bill = stated::bill(blueprint, KINDS, &pricing);
    let heading = Heading { stack: blueprint.stack.clone(), region: region.to_owned(), ..Heading::default() };
    Priced { sum: bill.sum(), report: CostReport::new(&heading, &bill), stated, bill }
}

/// A group of machines, at the indentation of resources.
fn machines(name: &str, count: u32, rest: &str) -> String {
    format!(
        "  {name}:\n    kind: instance-group\n    instance_type: {rest}\n    count: {count}\n    subnet: ${{subnet}}\n    \
         image: dlami-base-ubuntu-22.04\n    interfaces:\n      security_groups: ['${{group}}']\n"
    )
}

fn lustre(rest: &str) -> String {
    format!("  cache:\n    kind: fsx-lustre\n    subnet: ${{subnet}}\n    security_groups: ['${{group}}']\n{rest}")
}

#[track_caller]
fn expect(priced: &Priced, hourly: &str, monthly: &str) {
    assert_eq!((priced.report.cost.hourly.as_str(), priced.report.cost.monthly.as_str()), (hourly, monthly));
}

#[test]
fn the_smoke_test() {
    let priced = shipped("cpu-smoke.yaml");
    // Hours: 0.0208 + 0.045 + 0.005; months: 30 × 0.08, NAT 100 × 0.045, bucket 3.20
    expect(&priced, "0.0846", "61.78");
    assert_eq!(priced.report.cost.run.as_deref(), Some("0.17"));
}

#[test]
fn the_training_cluster() {
    let priced = shipped("efa-training.yaml");
    // Hours: 4 × 55.04 + 0.045 + 0.005; months: 4 × 200 × 0.08, 9,600 × 0.34, NAT 4.50, two buckets of 3.20
    expect(&priced, "224.7838", "164092.20");
    assert_eq!(priced.report.cost.run.as_deref(), Some("16184.44"));
    assert!(priced.stated.budget.check(&priced.bill, false).refusals.is_empty());
}

#[test]
fn an_endpoint_that_scales_costs_something_between_least_and_most() {
    let priced = shipped("endpoint.yaml");
    // Hours: 4 × 1.408, or one; months: two alarms of 0.10
    expect(&priced, "5.6323", "4111.56");
    let least = priced.report.least.as_ref().unwrap();
    assert_eq!((least.hourly.as_str(), least.monthly.as_str()), ("1.4083", "1028.04"));
    assert!(shipped("cpu-smoke.yaml").report.least.is_none(), "nothing scales there");
}

#[test]
fn two_models_on_the_same_machines() {
    let priced = shipped("endpoint-components.yaml");
    // Hours: 2 × 4.89, or one; components cost nothing of their own.
    expect(&priced, "9.7800", "7139.40");
    let least = priced.report.least.as_ref().unwrap();
    assert_eq!((least.hourly.as_str(), least.monthly.as_str()), ("4.8900", "3569.70"));
}

#[test]
fn the_development_box() {
    let priced = shipped("gpu-dev-box.yaml");
    // Hours: 1.006 + 0.045 + 0.005; months: 250 × 0.08, NAT 4.50
    expect(&priced, "1.0896", "795.38");
    assert_eq!(priced.report.cost.run.as_deref(), Some("13.07"));
}

#[test]
fn four_p5_for_three_days() {
    let priced = priced("us-east-1", "ttl: 72h", &machines("train", 4, "p5.48xlarge"));
    // 4 × 55.04 an hour; 4 × 200 GiB × 0.08 a month
    expect(&priced, "220.2477", "160780.80");
    // 220.16 × 72 + 64 × 72 ÷ 730
    assert_eq!(priced.report.cost.run.as_deref(), Some("15857.83"));
}

#[test]
fn spot_with_a_fast_disk() {
    let disk = "g5.xlarge\n    market: spot\n    root_volume:\n      size: 100 GiB\n      iops: 4000\n      throughput: 250 MiB/s";
    // 2 × 0.4125; 2 × (100 × 0.08 + 1,000 × 0.005 + 125 × 0.04)
    expect(&priced("us-east-1", "", &machines("dev", 2, disk)), "0.8743", "638.25");
}

#[test]
fn spot_or_on_demand_counts_as_the_more_expensive() {
    let bare = |ways: &str| {
        let group = format!("g5.xlarge\n    root_volume:\n      size: 100 GiB\n    {ways}");
        priced("us-east-1", "", &machines("dev", 2, &group))
    };
    // 2 × 1.006 and 2 × 100 × 0.08 ÷ 730
    expect(&bare("market: on-demand"), "2.0339", "1484.76");
    let either = bare("market: spot\n    fallback: [on-demand]");
    expect(&either, "2.0339", "1484.76");
    let json: serde_json::Value =
        serde_json::from_str(&either.report.render(Format::Json, Screen::PLAIN).unwrap()).unwrap();
    let line =
        json["resources"].as_array().unwrap().iter().find(|r| r["address"] == "dev").unwrap()["lines"][0].clone();
    assert_eq!(
        line["alternatives"],
        serde_json::json!(["2 x g5.xlarge, spot: $0.83/h", "2 x g5.xlarge, on-demand: $2.01/h"])
    );
}

#[test]
fn another_region() {
    let disk = "g5.xlarge\n    root_volume:\n      size: 100 GiB";
    // 1.258 × 730 + 100 × 0.0952
    expect(&priced("eu-central-1", "", &machines("dev", 1, disk)), "1.2710", "927.86");
}

#[test]
fn scratch_lustre() {
    let priced = priced("us-east-1", "", &lustre("    deployment: scratch-2\n    size: 1200 GiB\n"));
    expect(&priced, "0.2301", "168.00");
}

#[test]
fn persistent_lustre_with_metadata_iops() {
    let fields = "    size: 9600 GiB\n    throughput: 500 MB/s/TiB\n    metadata_iops: 12000\n";
    // 9,600 × 0.34 + (12,000 − 6,000) × 0.055
    expect(&priced("us-east-1", "", &lustre(fields)), "4.9233", "3594.00");
}

#[test]
fn lustre_on_disks() {
    let fields = "    deployment: persistent-1\n    storage: hdd\n    size: 6000 GiB\n    throughput: 12 MB/s/TiB\n";
    expect(&priced("us-east-1", "", &lustre(fields)), "0.2055", "150.00");
}

#[test]
fn lustre_with_backups() {
    let fields =
        "    size: 2400 GiB\n    throughput: 125 MB/s/TiB\n    backup_days: 7\n    usage: { backup_gb: 1000 }\n";
    // 2,400 × 0.145 + 1,000 × 0.05
    expect(&priced("us-east-1", "", &lustre(fields)), "0.5452", "398.00");
}

#[test]
fn lustre_that_moves_data_between_tiers() {
    let fields = "    storage: intelligent-tiering\n    throughput_capacity: 4000\n    usage: { stored_gb: 10000 }\n";
    // 4,000 × 0.52 + 10,000 × 0.023
    let priced = priced("us-east-1", "", &lustre(fields));
    expect(&priced, "3.1644", "2310.00");
    assert_eq!(priced.report.by_use.monthly, "230.00");
}

#[test]
fn lustre_in_tokyo() {
    let fields = "    size: 4800 GiB\n    throughput: 250 MB/s/TiB\n";
    expect(&priced("ap-northeast-1", "", &lustre(fields)), "1.8549", "1354.08");
}

#[test]
fn a_bucket_by_stated_use() {
    let usage = "    usage: { stored_gb: 60000, put_requests: 2000000, get_requests: 50000000 }\n";
    let priced = priced("us-east-1", "", &format!("  corpus:\n    kind: bucket\n{usage}"));
    // 51,200 × 0.023 + 8,800 × 0.022 + 2,000 × 0.005 + 50,000 × 0.0004
    expect(&priced, "1.9195", "1401.20");
    assert!(priced.sum.fixed.is_zero());
}

#[test]
fn a_bucket_by_assumption() {
    let priced = priced("us-east-1", "", "  corpus:\n    kind: bucket\n");
    expect(&priced, "0.0044", "3.20");
    assert!(priced.report.assumptions.iter().all(|line| line.assumption.contains("assumed")));
}

#[test]
fn a_nat_gateway_by_the_usage_of_the_blueprint() {
    let nat = "  internet:\n    kind: internet-gateway\n    vpc: ${vpc}\n  nat:\n    kind: nat-gateway\n    subnet: ${subnet}\n";
    // 0.045 × 730 + 1,000 × 0.045 + 0.005 × 730
    expect(&priced("us-east-1", "usage: { processed_gb: 1000 }", nat), "0.1116", "81.50");
}

#[test]
fn instances_for_eight_hours_a_day() {
    let priced = priced("us-east-1", "usage: { hours_per_day: 8 }", &machines("dev", 3, "g5.xlarge"));
    // 3 × 1.006 × 730 ÷ 3 + 3 × 200 × 0.08
    expect(&priced, "3.0838", "782.38");
}

#[test]
fn reserved_instances_are_paid_elsewhere() {
    let group = machines("train", 4, "p5.48xlarge\n    reservation: cr-0123456789abcdef0");
    let priced = priced("us-east-1", "", &group);
    expect(&priced, "0.0877", "64.00");
    assert_eq!(priced.report.paid_elsewhere_lines, 1);
}

#[test]
fn metrics_of_each_minute() {
    // 2 × 1.006 an hour; 2 × 200 × 0.08 + 2 × 7 × 0.30 a month
    expect(&priced("us-east-1", "", &machines("dev", 2, "g5.xlarge\n    monitoring: true")), "2.0616", "1504.96");
}

#[test]
fn an_empty_group_is_free() {
    expect(&priced("us-east-1", "", &machines("train", 0, "p5.48xlarge")), "0.0000", "0.00");
}

#[test]
fn no_price_is_said_and_refuses_a_budget() {
    let priced = priced("us-east-1", "budget: { hourly: 10 USD/h }", &machines("train", 2, "p6e-gb200.36xlarge"));
    expect(&priced, "0.0438", "32.00");
    let why = "no on-demand price of p6e-gb200.36xlarge in us-east-1";
    for format in [Format::Text, Format::Json, Format::Html, Format::Markdown, Format::Csv] {
        let screen = Screen { width: 200, color: false };
        assert!(priced.report.render(format, screen).unwrap().contains(why), "{format}");
    }
    let verdict = priced.stated.budget.check(&priced.bill, false);
    assert!(matches!(&verdict.refusals[..], [Refusal::Unpriced { lines }] if lines.len() == 1));
    assert!(priced.stated.budget.check(&priced.bill, true).refusals.is_empty());
}

#[test]
fn a_budget_is_held_and_capped() {
    let priced = priced(
        "us-east-1",
        "ttl: 72h\nbudget: { hourly: 1000 USD/h, run: 15000 USD }",
        &machines("train", 4, "p5.48xlarge"),
    );
    let verdict = priced.stated.budget.check(&priced.bill, false);
    let [Refusal::Over { check, largest }] = &verdict.refusals[..] else { panic!("{verdict:?}") };
    assert_eq!((check.limit.name(), largest[0].0.as_str()), ("run", "train"));
    let blueprint = compiled("us-east-1", "budget: { hourly: 1000 USD/h }", "");
    let (stated, _) = Stated::of(&blueprint, Some(Decimal::TEN), Some(Decimal::ONE_HUNDRED));
    assert_eq!(stated.budget.hourly, Some(Decimal::ONE_HUNDRED));
    assert_eq!(stated.run.unwrap().hours, Decimal::TEN);
}

#[test]
fn usage_that_means_nothing_is_pointed_at() {
    let blueprint = compiled("us-east-1", "", "  corpus:\n    kind: bucket\n    usage: { storedgb: 5 }\n");
    let (_, problems) = Stated::of(&blueprint, None, None);
    let problem = problems.iter().next().unwrap();
    assert_eq!((problem.code, problem.address.as_deref()), ("DL0606", Some("corpus")));
    assert!(problem.location().is_some());
}

#[test]
fn advice_comes_from_the_blueprint() {
    let blueprint = compiled("us-east-1", "", &machines("train", 4, "p5.48xlarge"));
    let subjects = stated::subjects(&blueprint, KINDS, &UsageBook::default());
    let found = advice::advise(PriceBook::embedded(), "us-east-1", &subjects);
    assert!(found.iter().any(|advice| advice.topic == advice::Topic::Spot && advice.address == "train"));
}

#[test]
fn the_docs_list_every_key_of_usage() {
    let docs = include_str!("../docs/prices.md");
    for key in dlinfra::price::usage::KEYS {
        let row = format!("| `{}` | {} | {} |", key.name, key.assumed, key.meaning);
        assert!(docs.contains(&row), "{row}");
    }
}
