//! Bills: a stack that ran, its estimate against what Cost Explorer says, days that cannot be compared, and owners.
use crate::{account::desk, desk::Desk};
use dlinfra_sandbox::{Behaviour, Billing, FaultAction, FaultRule};
use serde_json::Value;

const STACK: &str = "blueprint: small\nregion: us-east-1\nowner: ml\nttl: 24h\nresources:\n  network:\n    use: network\n    zones: 1\n  cache:\n    kind: fsx-lustre\n    deployment: scratch-2\n    size: 1200 GiB\n    subnet: ${network.private[0]}\n    security_groups: ['${group}']\n  group:\n    kind: security-group\n    vpc: ${network.vpc}\n    ingress:\n      - { protocol: tcp, ports: \"988\", self: true }\n      - { protocol: tcp, ports: 1018-1023, self: true }\n";

fn apply(desk: &Desk) {
    desk.write("dlinfra.yaml", STACK).run(&["apply", "--sandbox-speed", "max", "--yes"]).code(0);
}

fn number(value: &Value) -> f64 {
    value.as_str().unwrap_or_else(|| panic!("{value}")).parse().unwrap()
}

/// Activates the tags at noon of some day and lets three days pass: two whole days are billed with tags.
async fn two_days(desk: &Desk) {
    apply(desk);
    desk.run(&["cost", "--actual"]).code(1).says(&["error[DL0630]", "`dlinfra:stack` is not known to AWS yet"]);
    desk.run(&["cost", "--actual", "--activate-tags"]).code(1).says(&["error[DL0631]"]);
    desk.pass(30).await;
    desk.run(&["cost", "--actual"]).code(1).says(&["error[DL0630]", "is not active", "--activate-tags"]);
    desk.run(&["cost", "--actual", "--activate-tags"])
        .code(0)
        .says(&["activated for the whole account: dlinfra:stack"]);
    // No bill carries the tags yet: that is told, and not taken for a stack that costs nothing.
    desk.run(&["cost", "--actual"])
        .code(0)
        .says(&["warning[DL0632]", "no day of the stack `small` can be compared yet", "ask again tomorrow"])
        .never_says("$0.00");
    desk.pass(96).await;
}

#[tokio::test(start_paused = true)]
async fn the_estimate_is_held_against_the_bill() {
    let desk = desk();
    two_days(&desk).await;
    let report = desk.run(&["cost", "--actual", "--format", "json"]).code(0).json();
    let days = report["days"].as_array().unwrap();
    assert!(days.len() >= 2, "{report}");
    // 1,200 GiB × 0.14 ÷ 730 × 24 of Lustre; NAT, its address and by use the traffic that the sandbox does not count.
    let cache = report["resources"].as_array().unwrap().iter().find(|r| r["address"] == "cache").unwrap();
    let whole = 1200.0 * 0.14 / 730.0 * 24.0 * days.len() as f64;
    assert!((number(&cache["expected"]) - whole).abs() < 0.01, "{cache} {whole}");
    assert!((number(&cache["billed"]) - whole).abs() < 0.01, "{cache} {whole}");
    let nat = report["kinds"].as_array().unwrap().iter().find(|r| r["kind"] == "nat-gateway").unwrap();
    assert!((number(&nat["billed"]) - 0.05 * 24.0 * days.len() as f64).abs() < 0.01, "{nat}");
    let largest = &report["largest_difference"];
    assert_eq!(largest["address"], "network.nat/us-east-1a", "{report}");
    assert!(largest["reason"].as_str().unwrap().contains("less was used"), "{largest}");
    // The day of the activation and those before carry the tags in part or not at all, the last ones are not in yet.
    assert!(!report["days_before_tag"].as_array().unwrap().is_empty(), "{report}");
    let sum: f64 = days.iter().map(|day| number(&day["billed"])).sum();
    assert!((sum - number(&report["total"]["billed"])).abs() < 0.02);
    let text = desk.run(&["cost", "--actual"]).code(0);
    text.says(&["Billed by AWS against the estimate", "Largest difference: network.nat/us-east-1a", "not compared"]);
    let csv = desk.run(&["cost", "--actual", "--format", "csv"]).code(0).out;
    assert!(csv.starts_with("by,name,expected,billed,difference,percent\r\nday,"), "{csv}");
    assert!(csv.contains("\r\nresource,cache,") && csv.contains("\r\ntotal,total,"), "{csv}");
    desk.run(&["cost", "--actual", "--format", "markdown"])
        .code(0)
        .says(&["| kind | estimate | billed |", "| fsx-lustre |"]);
    desk.run(&["cost", "--actual", "--format", "html", "-o", "bills.html"]).code(0).says(&["wrote bills.html"]);
    let page = std::fs::read_to_string(desk.path().join("bills.html")).unwrap();
    for (id, key) in [("total-expected", "expected"), ("total-billed", "billed"), ("total-difference", "difference")] {
        let figure = report["total"][key].as_str().unwrap();
        assert!(page.contains(&format!("id=\"{id}\" data-value=\"{figure}\">")), "{id} {figure}: {page}");
    }
    for words in
        ["<title>Billed cost of small in us-east-1<", ": before the tags</th>", "network.nat/us-east-1a</strong>"]
    {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert_eq!(page.matches("<rect class=\"hit\"").count(), days.len());

    // When it is destroyed, the journal still knows what ran.
    desk.run(&["destroy", "--sandbox-speed", "max", "--yes", "--delete-data"]).code(0);
    let after = desk.run(&["cost", "--actual", "--stack", "small", "--format", "json"]).code(0).json();
    let gone = after["resources"].as_array().unwrap().iter().find(|r| r["address"] == "cache").unwrap();
    assert!(number(&gone["expected"]) >= whole - 0.01, "{after}");
}

#[tokio::test(start_paused = true)]
async fn discounts_and_days_without_data_are_told_apart() {
    let desk = desk();
    two_days(&desk).await;
    let first = desk.run(&["cost", "--actual", "--format", "json"]).code(0).json();
    let silent = first["days"][0]["date"].as_str().unwrap().parse().unwrap();
    // The same account through a server that knows nothing of one day and bills a tenth less.
    let billing = Billing { silent_days: [silent].into(), factor: 0.9, page: 2 };
    let sandbox = desk.open(Behaviour { billing, ..Behaviour::default() });
    let aws = dlinfra::aws::Aws::connect(dlinfra::aws::Options {
        region: "us-east-1".to_owned(),
        profile: None,
        endpoint_url: None,
        http: Some(sandbox.http_client()),
        clock: dlinfra::clock::Clock::scaled(sandbox.clock().now(), 1),
    })
    .await;
    let until: jiff::civil::Date = first["to"].as_str().unwrap().parse().unwrap();
    let question = dlinfra::aws::cost_explorer::Question {
        from: silent,
        to: until.tomorrow().unwrap(),
        region: "us-east-1".to_owned(),
        tag: ("dlinfra:stack".to_owned(), "small".to_owned()),
        by: "dlinfra:address".to_owned(),
    };
    let days = dlinfra::aws::cost_explorer::daily(&aws, &question).await.unwrap();
    assert!(days.iter().find(|day| day.date == silent).is_none_or(|day| day.dollars.is_empty()));
    let whole = days.iter().find(|day| day.date == silent.tomorrow().unwrap()).unwrap();
    let lustre = whole.dollars["cache"].to_string().parse::<f64>().unwrap();
    assert!((lustre - 0.9 * 1200.0 * 0.14 / 730.0 * 24.0).abs() < 0.001, "{lustre}");
    assert!(whole.usage["cache"].keys().any(|name| name.contains("scratch-2-ssd")), "{:?}", whole.usage);
    // Two groups a page: the answer was put together from several.
    assert!(sandbox.requests().counts["ce:GetCostAndUsage"] > 2);

    // A throttle of Cost Explorer has a code of its own, and a denial names action and policy.
    sandbox.set_faults(vec![FaultRule::new("ce:GetCostAndUsage", FaultAction::Throttle).times(6)]);
    // The last days grow while the throttle is waited out; a whole day stays.
    let again = dlinfra::aws::cost_explorer::daily(&aws, &question).await.unwrap();
    assert_eq!(again.iter().find(|day| day.date == whole.date), Some(whole));
    sandbox.set_faults(vec![FaultRule::new("ce:*", FaultAction::AccessDenied)]);
    let denied = dlinfra::aws::cost_explorer::daily(&aws, &question).await.unwrap_err();
    assert_eq!(denied.operation.as_deref(), Some("ce:GetCostAndUsage"));
    assert!(denied.help.unwrap().contains(r#""ce:ListCostAllocationTags""#));
}

#[tokio::test(start_paused = true)]
async fn a_day_without_data_is_named_and_not_compared() {
    let desk = desk();
    two_days(&desk).await;
    let before = desk.run(&["cost", "--actual", "--format", "json"]).code(0).json();
    let dates = |report: &Value| -> Vec<String> {
        report["days"].as_array().unwrap().iter().map(|d| d["date"].as_str().unwrap().to_owned()).collect()
    };
    let silent = dates(&before)[0].clone();
    let billing = Billing { silent_days: [silent.parse().unwrap()].into(), ..Billing::default() };
    let behaviour = Behaviour { billing, ..Behaviour::default() };
    let said = desk.run_served(behaviour, &["cost", "served.yaml", "--actual", "--format", "json"]).code(0);
    let after = said.json();
    assert_eq!(dates(&after), dates(&before)[1..], "{after}");
    let named = format!("no data, although something ran, not compared: {silent}");
    assert!(after["notes"].as_array().unwrap().iter().any(|note| *note == named.as_str()), "{after}");
    assert!(number(&after["total"]["expected"]) < number(&before["total"]["expected"]), "{after}");
}

/// S3 does not tell reliably when a bucket was made; the tag of the call that made it does.
#[tokio::test(start_paused = true)]
async fn a_bucket_costs_since_it_was_intended() {
    let desk = desk();
    desk.write("dlinfra.yaml", "blueprint: small\nregion: us-east-1\nresources:\n  data: { kind: bucket }\n");
    desk.run(&["apply", "--sandbox-speed", "max", "--yes"]).code(0);
    desk.pass(1000).await;
    let status = desk.run(&["status", "--format", "json"]).code(0).json();
    assert_eq!(status["cost"]["unknown_age"], 0, "{status}");
    let spent = number(&status["cost"]["spent"]) / number(&status["cost"]["hourly"]);
    assert!((995.0..1010.0).contains(&spent), "{status}");
}

#[tokio::test(start_paused = true)]
async fn every_stack_by_owner_with_expired_ones_first() {
    let desk = desk();
    desk.run(&["cost", "--all"]).code(0).says(&["no stacks"]);
    apply(&desk);
    let lasting = STACK
        .replace("blueprint: small", "blueprint: lasting")
        .replace("ttl: 24h\n", "")
        .replace("owner: ml", "owner: infra");
    desk.write("lasting.yaml", lasting.replace("1200 GiB", "2400 GiB"));
    desk.run(&["apply", "lasting.yaml", "--sandbox-speed", "max", "--yes"]).code(0);
    desk.pass(48).await;
    let report = desk.run(&["cost", "--all", "--format", "json"]).code(0).json();
    let stacks = report["stacks"].as_array().unwrap();
    let names: Vec<(&str, bool)> =
        stacks.iter().map(|s| (s["stack"].as_str().unwrap(), s["expired"].as_bool().unwrap())).collect();
    assert_eq!(names, [("small", true), ("lasting", false)], "the expired one is first although it is cheaper");
    // 1,200 and 2,400 GiB × 0.14 ÷ 730; each has a NAT gateway with its address and 100 GB of traffic assumed.
    let nat = 0.05 + 4.5 / 730.0;
    for (stack, gib) in stacks.iter().zip([1200.0, 2400.0]) {
        let hourly = gib * 0.14 / 730.0 + nat;
        assert!((number(&stack["hourly"]) - hourly).abs() < 1e-4, "{stack}");
        let spent = number(&stack["spent"]);
        assert!(spent > hourly * 47.0 && spent < hourly * 49.5, "{spent} {hourly}");
    }
    let owners: Vec<&str> = report["owners"].as_array().unwrap().iter().map(|o| o["owner"].as_str().unwrap()).collect();
    assert_eq!(owners, ["ml", "infra"]);
    let sum: f64 = stacks.iter().map(|s| number(&s["hourly"])).sum();
    assert!((number(&report["total"]["hourly"]) - sum).abs() < 2e-4);
    desk.run(&["cost", "--all"]).code(0).says(&["EXPIRED", "OWNER", "(nothing real is touched)"]);
    let csv = desk.run(&["cost", "--all", "--format", "csv"]).code(0).out;
    assert!(csv.lines().nth(1).unwrap().starts_with("ml,small,"), "{csv}");
    desk.run(&["cost", "--all", "--format", "markdown"]).code(0).says(&["| owner | stacks | $/h |"]);
    let page = desk.run(&["cost", "--all", "--format", "html"]).code(0).out;
    let hourly = format!("data-value=\"{}\">$", report["total"]["hourly"].as_str().unwrap());
    let (first, last) = (page.find("small <span class=\"tag bad\">expired</span></th>"), page.find(">lasting</th>"));
    assert!(first.is_some() && first < last && page.contains(&hourly), "{page}");
    assert!(page.contains("1 of 2 stacks has outlived its time."), "{page}");
}
