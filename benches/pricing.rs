//! What pricing adds to a plan of 10,000 resources; the goal is a twentieth of the plan's CPU at most.
//!
//! `cargo bench --bench pricing` prints one table: from the text of the blueprint to the plan, and the money of that plan
//! from the price book to the figures that are shown.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints its table, and fails by panicking")]
use dlinfra::{
    blueprint::{Inputs, MemoryFiles, compile},
    compose::{Deployment, compose},
    cost::{Pricing, Stated},
    kinds::dialect,
    plan::{Input, Plan, plan},
    price::PriceBook,
    report::cost::PlanFigures,
    snapshot::Snapshot,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    time::{Duration, Instant},
};

/// Resources of one cell: a network, a group of machines, a cache and a bucket, as real stacks have them.
const CELL: usize = 10;

fn main() {
    println!("{:<12}{:>12}{:>12}{:>10}{:>8}", "resources", "plan", "pricing", "part", "goal");
    for count in [1_000, 10_000] {
        let text = blueprint(count / CELL);
        let (mut plans, mut prices) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            let start = Instant::now();
            let deployment = load(&text);
            let made = planned(&deployment);
            plans.push(start.elapsed());
            assert_eq!(made.steps.len(), count);
            let start = Instant::now();
            let figures = priced(&deployment, &made);
            prices.push(start.elapsed());
            assert_eq!(figures.steps.len(), count / CELL * 4, "each cell has four resources that cost money");
        }
        let (plan, price) = (median(plans), median(prices));
        let part = price.as_secs_f64() / plan.as_secs_f64() * 100.0;
        let verdict = if part <= 5.0 { "met" } else { "missed" };
        println!("{count:<12}{plan:>12.1?}{price:>12.1?}{part:>8.1} %{verdict:>8}");
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn load(text: &str) -> Deployment {
    let inputs = Inputs { file: "main.yaml".into(), ..Inputs::default() };
    let compiled = compile(dialect(), &inputs, &MemoryFiles::new().with("main.yaml", text.to_owned()));
    compose(compiled.map_err(|e| e.iter().next().unwrap().to_string()).unwrap()).unwrap()
}

fn planned(deployment: &Deployment) -> Plan {
    plan(&Input {
        wanted: &deployment.wanted,
        snapshot: &Snapshot::build(Vec::new(), BTreeMap::new()).unwrap(),
        applied: &BTreeMap::new(),
        interrupted: &BTreeMap::new(),
        tags: &BTreeMap::new(),
        replace: &BTreeSet::new(),
        settings: &BTreeMap::new(),
        pinned: &BTreeMap::new(),
        now: jiff::Timestamp::UNIX_EPOCH,
    })
    .unwrap()
}

/// What `plan` does about money, from what is stated to the figures that it shows.
fn priced(deployment: &Deployment, plan: &Plan) -> PlanFigures {
    let compiled = &deployment.compiled;
    let (stated, problems) = Stated::of(compiled, None, None);
    assert!(problems.is_empty());
    let pricing = Pricing {
        book: PriceBook::embedded(),
        region: &compiled.region,
        usage: &stated.usage,
        owner: compiled.owner.as_deref(),
        run: stated.run,
    };
    PlanFigures::new(&pricing.plan(plan))
}

fn blueprint(cells: usize) -> String {
    let mut out = String::from("blueprint: wide\nregion: us-east-1\nowner: ml\nttl: 72h\nresources:\n");
    for n in 0..cells {
        let (a, b) = (n / 256 % 256, n % 256);
        write!(
            out,
            "  vpc-{n}:\n    kind: vpc\n    cidr: 10.{b}.0.0/16\n  \
             public-{n}:\n    kind: subnet\n    vpc: ${{vpc-{n}}}\n    cidr: 10.{b}.{a}.0/28\n    zone: us-east-1a\n  \
             private-{n}:\n    kind: subnet\n    vpc: ${{vpc-{n}}}\n    cidr: 10.{b}.240.0/24\n    zone: us-east-1a\n  \
             gateway-{n}:\n    kind: internet-gateway\n    vpc: ${{vpc-{n}}}\n  \
             nat-{n}:\n    kind: nat-gateway\n    subnet: ${{public-{n}}}\n  \
             routes-{n}:\n    kind: route-table\n    vpc: ${{vpc-{n}}}\n    subnets: ['${{public-{n}}}']\n    \
             routes: [{{ to: 0.0.0.0/0, internet_gateway: '${{gateway-{n}}}' }}]\n  \
             group-{n}:\n    kind: security-group\n    vpc: ${{vpc-{n}}}\n    ingress: [{{ protocol: all, self: true }}]\n  \
             bucket-{n}:\n    kind: bucket\n    usage: {{ stored_gb: 500 }}\n  \
             cache-{n}:\n    kind: fsx-lustre\n    subnet: ${{private-{n}}}\n    security_groups: ['${{group-{n}}}']\n    \
             deployment: scratch-2\n    size: 1200 GiB\n  \
             train-{n}:\n    kind: instance-group\n    instance_type: g5.xlarge\n    count: 4\n    \
             subnet: ${{private-{n}}}\n    image: dlami-base-ubuntu-22.04\n    \
             interfaces: {{ security_groups: ['${{group-{n}}}'] }}\n"
        )
        .unwrap();
    }
    out
}
