//! The HTML cost report in a real browser: nothing on the console, the same totals as the JSON, nothing wider than the
//! window at 320 and 1440 px, in light and dark.
//!
//! Needs Chromium (`DLINFRA_CHROMIUM`, or `chromium` in the path); CI sets `DLINFRA_CHROMIUM_REQUIRED`, so that a missing
//! browser fails there instead of passing silently.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;

use dlinfra::cost::{Bill, Budget, Comparison, Item, Run, RunSource, advice};
use dlinfra::price::{Market, PriceBook, PriceContext, PriceLine, Unit, Usage, compute, network, storage};
use dlinfra::report::cost::{CostReport, Format, Heading};
use rust_decimal::Decimal;

fn chromium() -> Option<PathBuf> {
    let found = std::env::var_os("DLINFRA_CHROMIUM").map(PathBuf::from).or_else(|| {
        let path = std::env::var_os("PATH")?;
        let names = ["chromium", "chromium-browser", "google-chrome"];
        std::env::split_paths(&path).flat_map(|folder| names.map(|name| folder.join(name))).find(|file| file.is_file())
    });
    assert!(
        found.is_some() || std::env::var_os("DLINFRA_CHROMIUM_REQUIRED").is_none(),
        "Chromium is required and missing"
    );
    found
}

/// Every part of the report at once; `hostile` adds names that would break a careless page.
fn report(hostile: bool) -> CostReport {
    let usage = Usage::default();
    let context = PriceContext::new(PriceBook::embedded(), "us-east-1", &usage);
    let item = |address: &str, kind: &str, lines| Item {
        address: address.to_owned(),
        kind: kind.to_owned(),
        owner: Some("ml-platform".to_owned()),
        lines,
    };
    let cache = storage::Lustre {
        deployment: "PERSISTENT_2",
        storage: "SSD",
        size_gib: 4800,
        throughput_per_tib: Some(500),
        throughput_capacity: None,
        metadata_iops: None,
        read_cache: true,
        backups: false,
    };
    let group = compute::dearest(vec![
        compute::instances(&context, "p5.48xlarge", 4, Market::Spot),
        compute::instances(&context, "p5.48xlarge", 4, Market::OnDemand),
    ]);
    let mut items = vec![
        item("train.group", "instance-group", group.into_iter().collect()),
        item("cache.file-system", "fsx-lustre", storage::lustre(&context, &cache)),
        item("network.nat", "nat-gateway", network::nat_gateway(&context)),
        item("reserved", "instance-group", vec![compute::reserved_instances("p5.48xlarge", 2, "cr-0123456789abcdef0")]),
        item("block", "instance-group", vec![compute::capacity_block(&context, "p5.48xlarge", 2, 48, None)]),
        item("corpus", "bucket", storage::bucket(&context)),
        item(
            "odd",
            "bucket",
            vec![PriceLine::unpriced("<script>alert(1)</script>", Decimal::ONE, Unit::Hour, "no & rate")],
        ),
        item("network.vpc", "vpc", Vec::new()),
    ];
    if hostile {
        let long = "a-module-with-a-rather-long-name.another-module-inside-of-it.and-a-resource-in-there";
        items.push(item(long, "bucket", storage::bucket(&context)));
        let script = PriceLine::unpriced("<script>alert(1)</script>", Decimal::ONE, Unit::Hour, "no & rate");
        items.push(item("odd", "bucket", vec![script]));
    }
    let bill = Bill::new(items, Some(Run { hours: Decimal::from(72), source: RunSource::Ttl }));
    let mut smaller = bill.clone();
    smaller.items.retain(|item| !item.address.starts_with("cache"));
    let budget = Budget { hourly: Some(Decimal::from(200)), run: Some(Decimal::from(90_000)), ..Budget::default() };
    let subjects = [advice::Subject::Machines {
        address: "train.group".to_owned(),
        instance_type: "p5.48xlarge".to_owned(),
        count: 4,
        market: Some(Market::OnDemand),
    }];
    let heading = Heading {
        stack: "efa-training".to_owned(),
        region: "us-east-1".to_owned(),
        owner: Some("ml-platform".to_owned()),
        place: "SANDBOX .dlinfra/sandbox".to_owned(),
    };
    CostReport::new(&heading, &bill)
        .with_budget(&budget.check(&bill, false))
        .with_comparison("main", &Comparison::of(&smaller, &bill), Some(Decimal::from(72)))
        .with_advice(&advice::advise(PriceBook::embedded(), "us-east-1", &subjects))
}

struct Browser {
    program: PathBuf,
    folder: tempfile::TempDir,
}

impl Browser {
    /// Runs the browser once over a file, and returns what it prints and what it says about the page.
    fn run(&self, page: &Path, width: u32, dark: bool, flags: &[&str]) -> (String, String) {
        let scheme = if dark { "0" } else { "1" };
        let output = Command::new(&self.program)
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr"])
            .arg(format!("--user-data-dir={}", self.folder.path().join("profile").display()))
            .arg(format!("--window-size={width},2400"))
            .arg(format!("--blink-settings=preferredColorScheme={scheme}"))
            .args(flags)
            .arg(format!("file://{}", page.display()))
            .output()
            .unwrap();
        assert!(output.status.success());
        let console = String::from_utf8_lossy(&output.stderr).lines().filter(|line| line.contains("CONSOLE")).collect();
        (String::from_utf8_lossy(&output.stdout).into_owned(), console)
    }

    /// Checks that the page is not wider than a window of `width`, and returns the colour of its paper.
    ///
    /// A window cannot be narrower than 500 px, a frame can; the measuring script belongs to the frame's page.
    fn measured(&self, html: &str, width: u32, dark: bool) -> String {
        let frame = self.folder.path().join("frame.html");
        let inside = html.replace('&', "&amp;").replace('"', "&quot;");
        let script = "<script>onload = () => { const page = document.querySelector('iframe').contentDocument; \
                      document.title = page.defaultView.innerWidth + ' ' + page.documentElement.scrollWidth + ' ' + \
                      page.defaultView.getComputedStyle(page.body).backgroundColor }</script>";
        let text = format!(
            "<meta name=\"color-scheme\" content=\"light dark\"><title></title>{script}\
             <iframe style=\"width:{width}px;height:2000px;border:0\" srcdoc=\"{inside}\"></iframe>"
        );
        std::fs::write(&frame, text).unwrap();
        let (dom, console) = self.run(&frame, 1600, dark, &["--dump-dom"]);
        assert_eq!(console, "", "at {width} px");
        let (_, title) = dom.split_once("<title>").unwrap();
        let (title, _) = title.split_once("</title>").unwrap();
        let mut parts = title.splitn(3, ' ');
        let inner: u32 = parts.next().unwrap().parse().unwrap();
        let scroll: u32 = parts.next().unwrap().parse().unwrap();
        assert_eq!(inner, width);
        assert!(scroll <= inner, "{scroll} px of page in {inner} px");
        parts.next().unwrap().to_owned()
    }
}

#[test]
fn the_page_in_a_browser() {
    let Some(program) = chromium() else {
        eprintln!("skipped: no Chromium here");
        return;
    };
    let browser = Browser { program, folder: tempfile::tempdir().unwrap() };
    let report = report(true);
    let html = report.render(Format::Html).unwrap();
    assert!(!html.contains("<script"));
    let page = browser.folder.path().join("report.html");
    std::fs::write(&page, &html).unwrap();
    let mut papers = Vec::new();
    for dark in [false, true] {
        let (dom, console) = browser.run(&page, 1440, dark, &["--dump-dom"]);
        assert_eq!(console, "");
        let totals = [
            ("total-hourly", report.cost.hourly.clone()),
            ("total-run", report.cost.run.clone().unwrap()),
            ("total-monthly", report.cost.monthly.clone()),
            ("total-upfront", report.cost.upfront.clone()),
        ];
        for (id, figure) in totals {
            let (_, shown) = dom.split_once(&format!("id=\"{id}\"")).unwrap();
            let (_, shown) = shown.split_once("\">$").unwrap();
            let (shown, _) = shown.split_once('<').unwrap();
            assert_eq!(shown.replace(',', ""), figure, "{id}");
        }
        for width in [320, 1440] {
            papers.push(browser.measured(&html, width, dark));
        }
    }
    assert_ne!(papers[0], papers[2], "light and dark look the same");
    example(&browser);
}

/// The example in the docs: compared with what is there, or written again with `DLINFRA_BLESS=1`, with its picture.
fn example(browser: &Browser) {
    let html = report(false).render(Format::Html).unwrap();
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/examples");
    let page = docs.join("cost-report.html");
    if std::env::var_os("DLINFRA_BLESS").is_some() {
        std::fs::create_dir_all(&docs).unwrap();
        std::fs::write(&page, &html).unwrap();
        let picture = format!("--screenshot={}", docs.join("cost-report.png").display());
        browser.run(&page, 1200, false, &[&picture]);
    }
    let written = std::fs::read_to_string(&page).unwrap_or_default();
    assert_eq!(written, html, "docs/examples/cost-report.html is old: run this test with DLINFRA_BLESS=1");
}
