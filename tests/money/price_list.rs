//! The Price List and EC2's own prices: answers as AWS records them, pages, tiers, no match and two, throttles, denial.
use crate::account::desk;
use dlinfra::{
    aws::{Aws, ErrorClass, Options},
    clock::Clock,
    price::{
        Cache, Market, PriceBook,
        list::{ListError, Query},
        refresh::{RefreshError, refresh, refresh_blocks, refresh_spot},
    },
};
use dlinfra_sandbox::{Behaviour, FaultAction, FaultRule, Sandbox, SandboxConfig};
use serde_json::{Map, Value, json};

/// A document as GetProducts records it: the price, and beside it the many reservations that real products carry.
fn product(service: &str, family: &str, usage_type: &str, usd: &str, more: &[(&str, &str)], reserved: usize) -> Value {
    let mut attributes = Map::from_iter([
        ("servicecode".to_owned(), json!(service)),
        ("regionCode".to_owned(), json!("us-east-1")),
        ("location".to_owned(), json!("US East (N. Virginia)")),
        ("locationType".to_owned(), json!("AWS Region")),
        ("usagetype".to_owned(), json!(usage_type)),
    ]);
    attributes.extend(more.iter().map(|(k, v)| ((*k).to_owned(), json!(v))));
    let term = |n: usize, usd: &str| {
        json!({ "offerTermCode": "JRTCKXETXF", "sku": usage_type, "effectiveDate": "2026-07-01T00:00:00Z",
            "termAttributes": { "LeaseContractLength": "1yr", "OfferingClass": "standard", "PurchaseOption": "No Upfront" },
            "priceDimensions": { format!("{usage_type}.{n}"): { "unit": "Hrs", "beginRange": "0", "endRange": "Inf",
                "description": "an hour, under one of very many reservations that nobody asked for", "appliesTo": [],
                "rateCode": format!("{usage_type}.{n}"), "pricePerUnit": { "USD": usd } } } })
    };
    let reserved: Map<String, Value> = (0..reserved).map(|n| (format!("R{n}"), term(n, "0.1234560000"))).collect();
    json!({
        "product": { "sku": usage_type, "productFamily": family, "attributes": attributes },
        "serviceCode": service,
        "terms": { "OnDemand": { "T": term(0, usd) }, "Reserved": reserved },
        "version": "20260801000000",
        "publicationDate": "2026-08-01T00:00:00Z",
    })
}

async fn connect(behaviour: Behaviour, region: &str) -> (Sandbox, Aws) {
    let sandbox = Sandbox::open(SandboxConfig { behaviour, ..SandboxConfig::default() }).unwrap();
    let clock = Clock::scaled(sandbox.clock().now(), 1);
    let http = Some(sandbox.http_client());
    let aws = Aws::connect(Options { region: region.to_owned(), profile: None, endpoint_url: None, http, clock }).await;
    (sandbox, aws)
}

fn of_service(item: &str) -> Query {
    Query::services("us-east-1").into_iter().find(|query| query.item == item).unwrap()
}

fn dollars(cache: &Cache, service: &str, item: &str, region: &str) -> Vec<(String, String)> {
    let key = (service.to_owned(), item.to_owned(), region.to_owned());
    let tiers = &cache.rows[&key].tiers;
    tiers.iter().map(|tier| (tier.from.to_string(), tier.rate.amount.to_string())).collect()
}

#[tokio::test(start_paused = true)]
async fn exact_queries_find_one_price_in_every_region() {
    for (region, usd) in [("us-east-1", "1.006"), ("eu-central-1", "1.258")] {
        let (sandbox, aws) = connect(Behaviour::default(), region).await;
        let outcome = refresh(&aws, &[Query::instance("g5.xlarge", region)], aws.clock().now()).await;
        assert_eq!(dollars(&outcome.cache, "ec2-on-demand", "g5.xlarge", region), [("0".to_owned(), usd.to_owned())]);
        assert_eq!(sandbox.requests().counts["pricing:GetProducts"], 1);
    }
}

#[tokio::test(start_paused = true)]
async fn every_query_of_services_is_answered_by_one_price_that_agrees_with_the_book() {
    let (_, aws) = connect(Behaviour::default(), "us-east-1").await;
    let queries = Query::services("us-east-1");
    let outcome = refresh(&aws, &queries, aws.clock().now()).await;
    assert_eq!((outcome.failed, outcome.stopped), (vec![], None));
    assert_eq!(outcome.cache.rows.len(), queries.len());
    let tiers = [("0", "0.023"), ("51200", "0.022"), ("512000", "0.021")];
    let tiers: Vec<_> = tiers.iter().map(|(from, usd)| ((*from).to_owned(), (*usd).to_owned())).collect();
    assert_eq!(dollars(&outcome.cache, "s3", "standard-storage", "us-east-1"), tiers);
    // GiB/s in the list, MiB/s in the book; single requests in the list, thousands in the book.
    let embedded = PriceBook::embedded();
    for (service, item) in [("ebs", "gp3-throughput"), ("s3", "standard-get"), ("kms", "key"), ("cloudwatch", "alarm")]
    {
        let book = embedded.item(service, item, "us-east-1").unwrap().amount.normalize().to_string();
        assert_eq!(dollars(&outcome.cache, service, item, "us-east-1")[0].1, book, "{service} {item}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_price_is_found_among_megabytes_over_pages() {
    // As in AWS, usage types of one service share the filters; each document is some 36 KB.
    let other = |n: usize| product("AmazonVPC", "VpcEndpoint", &format!("USE1-Other{n}-Hours"), "0.02", &[], 80);
    let products: Vec<Value> = (0..260).map(other).collect();
    let size: usize = products.iter().map(|p| p.to_string().len()).sum();
    assert!(size > 5_000_000, "{size}");
    let (sandbox, aws) = connect(Behaviour { products, ..Behaviour::default() }, "us-east-1").await;
    let outcome = refresh(&aws, &[of_service("public-ipv4-hour")], aws.clock().now()).await;
    assert_eq!(dollars(&outcome.cache, "vpc", "public-ipv4-hour", "us-east-1")[0].1, "0.005");
    assert!(sandbox.requests().counts["pricing:GetProducts"] >= 3);
}

#[tokio::test(start_paused = true)]
async fn no_match_and_two_matches_are_errors_that_name_the_query() {
    let twin = product(
        "AmazonEC2",
        "Compute Instance",
        "BoxUsage:g5.xlarge",
        "0.99",
        &[
            ("instanceType", "g5.xlarge"),
            ("tenancy", "Shared"),
            ("operatingSystem", "Linux"),
            ("preInstalledSw", "NA"),
            ("capacitystatus", "Used"),
            ("licenseModel", "No License required"),
            ("marketoption", "OnDemand"),
        ],
        0,
    );
    let (_, aws) = connect(Behaviour { products: vec![twin], ..Behaviour::default() }, "us-east-1").await;
    let queries = [Query::instance("g5.xlarge", "us-east-1"), Query::instance("x9.huge", "us-east-1")];
    let outcome = refresh(&aws, &queries, aws.clock().now()).await;
    assert!(outcome.cache.rows.is_empty());
    let words: Vec<String> = outcome.failed.iter().map(|(_, error)| error.to_string()).collect();
    assert_eq!(
        words,
        [
            "the Price List has several ec2-on-demand g5.xlarge in us-east-1: BoxUsage:g5.xlarge, BoxUsage:g5.xlarge",
            "the Price List has no ec2-on-demand x9.huge in us-east-1",
        ]
    );
    assert!(matches!(outcome.failed[1].1, RefreshError::List(ListError::None { .. })));
}

#[tokio::test(start_paused = true)]
async fn throttles_are_waited_out_but_not_for_ever() {
    let rule = FaultRule::new("pricing:GetProducts", FaultAction::Throttle).times(9);
    let (sandbox, aws) = connect(Behaviour { faults: vec![rule], ..Behaviour::default() }, "us-east-1").await;
    let query = [Query::instance("g5.xlarge", "us-east-1")];
    let outcome = refresh(&aws, &query, aws.clock().now()).await;
    assert_eq!((outcome.cache.rows.len(), outcome.stopped), (1, None));
    assert_eq!(sandbox.requests().counts["pricing:GetProducts"], 10);
    sandbox.set_faults(vec![FaultRule::new("pricing:GetProducts", FaultAction::Throttle)]);
    let started = aws.clock().now();
    let outcome = refresh(&aws, &query, started).await;
    assert_eq!(outcome.stopped.map(|error| error.class), Some(ErrorClass::Throttled));
    let waited = aws.clock().now().duration_since(started).as_mins();
    assert!((10..15).contains(&waited), "{waited}");
}

#[tokio::test(start_paused = true)]
async fn a_denied_caller_is_told_once_what_to_allow() {
    let rule = FaultRule::new("pricing:GetProducts", FaultAction::AccessDenied);
    let (sandbox, aws) = connect(Behaviour { faults: vec![rule], ..Behaviour::default() }, "us-east-1").await;
    let outcome = refresh(&aws, &Query::services("us-east-1"), aws.clock().now()).await;
    let error = outcome.stopped.unwrap();
    assert_eq!((error.class, error.operation.as_deref()), (ErrorClass::Denied, Some("pricing:GetProducts")));
    assert!(error.help.unwrap().contains(r#""Action":"pricing:GetProducts""#));
    assert!(sandbox.requests().total <= 8, "{}", sandbox.requests().total);
}

#[tokio::test(start_paused = true)]
async fn spot_prices_and_capacity_blocks_come_from_ec2() {
    let (sandbox, aws) = connect(Behaviour::default(), "us-east-1").await;
    let types = ["p5.48xlarge", "t3.micro"].map(str::to_owned);
    let spot = refresh_spot(&aws, &types).await;
    let rate = &spot.cache.rows[&("ec2-spot".to_owned(), types[0].clone(), "us-east-1".to_owned())].tiers[0].rate;
    assert!(rate.note.starts_with("the most expensive zone of: us-east-1"), "{}", rate.note);
    assert_eq!(sandbox.requests().counts["ec2:DescribeSpotPriceHistory"], 1);
    let blocks = refresh_blocks(&aws, &types).await;
    // The sandbox asks four dollars for an accelerator and hour.
    assert_eq!(dollars(&blocks.cache, Market::CapacityBlock.service(), "p5.48xlarge", "us-east-1")[0].1, "32");
    assert!(matches!(&blocks.failed[..], [((_, name, _), RefreshError::NotOffered(_))] if name == "t3.micro"));
}

#[test]
fn plans_ask_nobody_for_prices_and_count_with_refreshed_ones() {
    let desk = desk();
    desk.write("dlinfra.yaml", include_str!("../../blueprints/gpu-dev-box.yaml"));
    let asked = || -> Vec<String> {
        let counts = desk.run(&["sandbox", "requests", "--format", "json"]).code(0).json();
        let counts = counts["counts"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert!(!counts.is_empty());
        let money = |name: &String| ["pricing:", "ce:"].iter().any(|p| name.starts_with(p)) || name.contains("Price");
        counts.into_iter().filter(money).collect()
    };
    let plan = desk.run(&["plan", "--format", "json"]).code(0).json();
    assert_eq!(plan["cost"]["prices"]["refreshed"], 0);
    assert_eq!(asked(), Vec::<String>::new());
    // The prices of the sandbox's list are those of the book but for spot and Capacity Blocks, so one is put there.
    desk.run(&["prices", "refresh", "g5.xlarge", "p5.48xlarge"])
        .code(0)
        .says(&["plans use them from .dlinfra/sandbox/prices.json", "was $17.6"]);
    assert_eq!(asked(), ["ec2:DescribeSpotPriceHistory", "pricing:GetProducts"]);
    let file = desk.path().join(".dlinfra/sandbox/prices.json");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("\"usd\": \"1.006\""), "{text}");
    std::fs::write(&file, text.replace("\"usd\": \"1.006\"", "\"usd\": \"2.006\"")).unwrap();
    let worse = desk.run(&["plan", "--format", "json"]).code(0).json();
    let hourly = |plan: &Value| plan["cost"]["after"]["hourly"].as_str().unwrap().parse::<f64>().unwrap();
    assert!((hourly(&worse) - hourly(&plan) - 1.0).abs() < 1e-6, "{} {}", hourly(&worse), hourly(&plan));
    assert_eq!(worse["cost"]["prices"]["refreshed"], 5);
    assert_eq!(asked(), Vec::<String>::new());
    desk.run(&["plan"]).code(0).says(&["Prices: 5 refreshed, the oldest ", " ago; the others of 2026-07-20"]);
    let shown = desk.run(&["prices", "show", "g5.xlarge", "--region", "us-east-1", "--format", "json"]).code(0).json();
    assert_eq!((&shown["on_demand"], &shown["source"]), (&json!("2.006"), &json!("AWS Price List")));
    assert!(shown["refreshed"].is_string());
    // Without the file, and with a damaged one, the embedded book stands.
    let none = desk.run_in(&["plan", "--format", "json"], &[("DLINFRA_PRICES", "embedded")]).code(0).json();
    assert!((hourly(&none) - hourly(&plan)).abs() < 1e-9);
    std::fs::write(&file, "{").unwrap();
    desk.run(&["plan"]).code(0).says(&["warning[DL0621]", "delete the file"]);
    desk.run(&["prices", "refresh", "g5.xlarge"]).code(0);
    desk.run(&["plan"]).code(0).says(&["Prices: 2 refreshed"]);
}

#[test]
fn what_is_named_wrongly_is_said_and_nothing_is_asked() {
    let desk = desk();
    desk.run(&["prices", "refresh", "g5.xlrge"])
        .code(1)
        .says(&["error[DL0620]", "the Price List has no ec2-on-demand g5.xlrge"]);
    desk.run(&["prices", "refresh", "subnets"]).code(1).says(&["error[DL0622]", "nothing called `subnets`"]);
    desk.run(&["prices", "show", "p5.48xlarg"]).code(1).says(&["did you mean `p5.48xlarge`?"]);
    desk.run(&["prices", "show", "subnet"]).code(0).says(&["costs nothing by itself"]);
    let shown =
        desk.run(&["prices", "show", "p5.48xlarge", "--region", "us-east-1", "--format", "json"]).code(0).json();
    assert_eq!(
        (&shown["on_demand"], &shown["date"], &shown["confidence"]),
        (&json!("55.04"), &json!("2026-07-20"), &json!("high"))
    );
    assert_eq!(
        (&shown["item"], &shown["region"], &shown["unit"]),
        (&json!("p5.48xlarge"), &json!("us-east-1"), &json!("hour"))
    );
    let none =
        desk.run(&["prices", "show", "p5e.48xlarge", "--region", "eu-west-1", "--format", "json"]).code(0).json();
    assert_eq!(none["on_demand"], Value::Null);
}
