//! The HTML reports in a real browser: nothing on the console, the same totals as the JSON, nothing wider than the
//! window at 320 and 1440 px, in light and dark.
//!
//! Needs Chromium (`DLINFRA_CHROMIUM`, or `chromium` in the path); CI sets `DLINFRA_CHROMIUM_REQUIRED`, so that a missing
//! browser fails there instead of passing silently.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test fails by panicking")]

#[path = "cost_page/live.rs"]
mod live;

use std::path::{Path, PathBuf};
use std::process::Command;

use dlinfra::cost::{Bill, Budget, Comparison, Item, Run, RunSource, advice};
use dlinfra::price::{Market, PriceBook, PriceContext, PriceLine, Unit, Usage, compute, network, storage};
use dlinfra::report::{
    cost::{CostReport, Format, Heading},
    screen::Screen,
};
use rust_decimal::Decimal;
use serde_json::Value;

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
    let group = compute::most_expensive(vec![
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

/// A page, and what its totals are in the JSON, by their place on it.
struct Sample {
    name: &'static str,
    html: String,
    totals: Vec<(&'static str, String)>,
}

/// The three pages.
fn samples(hostile: bool) -> [Sample; 3] {
    let report = report(hostile);
    let cost = &report.cost;
    let totals = vec![
        ("total-hourly", cost.hourly.clone()),
        ("total-run", cost.run.clone().unwrap()),
        ("total-monthly", cost.monthly.clone()),
        ("total-upfront", cost.upfront.clone()),
    ];
    let html = report.render(Format::Html, Screen::PLAIN).unwrap();
    [Sample { name: "cost-report", html, totals }, live::bills(hostile), live::account(hostile)]
}

struct Browser {
    program: PathBuf,
    folder: tempfile::TempDir,
}

/// Measures every frame: its widths, what its totals show, and the colour of its paper.
const MEASURE: &str = "onload = () => { document.title = JSON.stringify([...document.querySelectorAll('iframe')].map(frame => { \
    const page = frame.contentDocument, root = page.documentElement; \
    const over = [...page.querySelectorAll('.scroll')].map(inner => inner.scrollWidth - inner.clientWidth); \
    return { inner: page.defaultView.innerWidth, scroll: root.scrollWidth, over: Math.max(0, ...over), \
      paper: page.defaultView.getComputedStyle(page.body).backgroundColor, \
      shown: Object.fromEntries([...page.querySelectorAll('[data-value]')].map(at => [at.id, at.firstChild.data.trim()])) } })) }";

impl Browser {
    /// Runs the browser once over a file, and returns what it prints and what it says about the page.
    fn run(&self, page: &Path, window: &str, dark: bool, flags: &[&str]) -> (String, String) {
        let scheme = if dark { "0" } else { "1" };
        let output = Command::new(&self.program)
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr"])
            .arg(format!("--user-data-dir={}", self.folder.path().join("profile").display()))
            .arg(format!("--window-size={window}"))
            .arg(format!("--blink-settings=preferredColorScheme={scheme}"))
            .args(flags)
            .arg(format!("file://{}", page.display()))
            .output()
            .unwrap();
        assert!(output.status.success());
        let console = String::from_utf8_lossy(&output.stderr).lines().filter(|line| line.contains("CONSOLE")).collect();
        (String::from_utf8_lossy(&output.stdout).into_owned(), console)
    }

    /// Measures pages at widths, in one run.
    ///
    /// A window cannot be narrower than 500 px, a frame can; the measuring script belongs to the frames' page.
    fn measured(&self, samples: &[Sample], widths: &[u32], dark: bool) -> Vec<Value> {
        let mut text =
            format!("<meta name=\"color-scheme\" content=\"light dark\"><title></title><script>{MEASURE}</script>");
        for sample in samples {
            let inside = sample.html.replace('&', "&amp;").replace('"', "&quot;");
            for width in widths {
                let style = format!("width:{width}px;height:2000px;border:0");
                text += &format!("<iframe style=\"{style}\" srcdoc=\"{inside}\"></iframe>");
            }
        }
        let frames = self.folder.path().join("frames.html");
        std::fs::write(&frames, text).unwrap();
        let (dom, console) = self.run(&frames, "1600,2400", dark, &["--dump-dom"]);
        assert_eq!(console, "");
        let (_, title) = dom.split_once("<title>").unwrap();
        let (title, _) = title.split_once("</title>").unwrap();
        serde_json::from_str(&title.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")).unwrap()
    }
}

#[test]
fn the_pages_in_a_browser() {
    let Some(program) = chromium() else {
        eprintln!("skipped: no Chromium here");
        return;
    };
    let browser = Browser { program, folder: tempfile::tempdir().unwrap() };
    let samples = samples(true);
    let widths = [320, 768, 1440];
    let [light, dark] = [false, true].map(|dark| browser.measured(&samples, &widths, dark));
    let wanted = samples.iter().flat_map(|sample| widths.map(|width| (sample, width)));
    for ((sample, width), (light, dark)) in wanted.zip(light.iter().zip(&dark)) {
        let name = sample.name;
        assert!(!sample.html.contains("<script"), "{name}");
        for frame in [light, dark] {
            assert_eq!(frame["inner"], width, "{name}: {frame}");
            assert!(frame["scroll"].as_u64() <= Some(u64::from(width)), "{name} is wider than {width} px: {frame}");
            assert!(width > 768 || frame["over"] == 0, "a table of {name} is wider than {width} px: {frame}");
            for (id, figure) in &sample.totals {
                let shown = frame["shown"][id].as_str().unwrap_or_default().replace(['$', ',', '+'], "");
                // Totals are to the cent, whatever the data has.
                let whole = |text: &str| Decimal::from_str_exact(text).unwrap_or_default().round_dp(2);
                assert_eq!(whole(&shown), whole(figure), "{name}: {id}");
                assert!(shown.split_once('.').is_none_or(|(_, places)| places.len() == 2), "{name}: {id}: {shown}");
            }
        }
        assert_ne!(light["paper"], dark["paper"], "{name}: light and dark look the same");
    }
    examples(&browser);
}

/// The examples in the docs: compared with what is there, or written again with `DLINFRA_BLESS=1`, with their pictures.
fn examples(browser: &Browser) {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/examples");
    for Sample { name, html, .. } in samples(false) {
        let page = docs.join(format!("{name}.html"));
        if std::env::var_os("DLINFRA_BLESS").is_some() {
            std::fs::create_dir_all(&docs).unwrap();
            std::fs::write(&page, &html).unwrap();
            let picture = format!("--screenshot={}", docs.join(format!("{name}.png")).display());
            let window = if name == "cost-report" { "1200,2400" } else { "1200,1500" };
            browser.run(&page, window, false, &[&picture]);
        }
        let written = std::fs::read_to_string(&page).unwrap_or_default();
        assert_eq!(written, html, "docs/examples/{name}.html is old: run this test with DLINFRA_BLESS=1");
    }
}
