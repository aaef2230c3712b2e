//! What is measured for each goal.
use crate::{
    dag::{self, Shape},
    mixed,
    process::{self, Cost},
    served,
    stack::{self, Phase, READ, Stack},
    table::{self, Row},
    terraform::Terraform,
};
use dlinfra::{apply::Event, apply::What, plan::Plan};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// The program as it is published, but for the optimisation of the generated clients.
const DLINFRA: &str = env!("CARGO_BIN_EXE_dlinfra");
const MB: f64 = 1e6;
const NO_TERRAFORM: &str = "no `terraform` on the PATH";

/// Measures these goals, or all when none is named, and prints the table.
pub(crate) fn measure(chosen: &BTreeSet<u8>) {
    assert!(process::can_measure(), "costs of processes are read from /proc, which only Linux has");
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench { folder: folder.path().to_owned(), terraform: Terraform::find(), rows: Vec::new() };
    bench.run(chosen);
}

/// Its number, what it is about, and how it is measured.
type Goal = (u8, &'static str, fn(&mut Bench));
/// What is done with a blueprint.
type Work<'a> = (&'a str, &'a dyn Fn(&Path) -> Command);

struct Bench {
    folder: PathBuf,
    terraform: Option<Terraform>,
    rows: Vec<Row>,
}

impl Bench {
    fn run(mut self, chosen: &BTreeSet<u8>) {
        let goals: [Goal; 9] = [
            (1, "plan without changes", Self::plan),
            (2, "growth", Self::growth),
            (3, "validate", Self::validate),
            (4, "bookkeeping of an apply", Self::bookkeeping),
            (5, "requests of a refresh", Self::refresh),
            (6, "time of the executor", Self::time),
            (7, "requests of the executor", Self::requests),
            (8, "start and size", Self::start),
            (9, "the served sandbox", Self::served),
        ];
        for (number, what, goal) in goals {
            if chosen.is_empty() || chosen.contains(&number) {
                eprintln!("{number} {what}");
                goal(&mut self);
            }
        }
        let other = self.terraform.as_ref().map_or(NO_TERRAFORM.to_owned(), |t| format!("Terraform {}", t.version));
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        println!("dlinfra {} and {other}, {cores} cores\n", env!("CARGO_PKG_VERSION"));
        println!("{}", table::print(&self.rows));
        if cfg!(debug_assertions) {
            println!("This is a build without optimisation: its times say nothing.");
        }
    }

    /// A comparison with Terraform: a goal of `share` means at most a share-th of its cost.
    fn against(&mut self, goal: u8, what: &str, ours: f64, theirs: Option<f64>, share: f64, text: fn(f64) -> String) {
        self.rows.push(Row {
            goal,
            what: what.to_owned(),
            ours: text(ours),
            theirs: theirs.map_or("not installed".to_owned(), text),
            ratio: theirs.map_or("-".to_owned(), |t| format!("1/{:.0}", t / ours)),
            wanted: format!("1/{share}"),
            met: theirs.map(|t| ours * share <= t),
            note: if theirs.is_some() { "" } else { NO_TERRAFORM },
        });
    }

    /// At most so much.
    fn at_most(&mut self, goal: u8, what: &str, ours: f64, most: f64, text: fn(f64) -> String, note: &'static str) {
        self.rows.push(Row {
            goal,
            what: what.to_owned(),
            ours: text(ours),
            theirs: "-".to_owned(),
            ratio: "-".to_owned(),
            wanted: format!("≤ {}", text(most)),
            met: Some(ours <= most),
            note,
        });
    }

    fn blueprint(&self, shape: Shape, count: usize) -> PathBuf {
        let name = if shape == Shape::Dag { "dag" } else { "chain" };
        let file = self.folder.join(format!("{name}-{count}.yaml"));
        if !file.exists() {
            fs::write(&file, dag::blueprint(shape, count)).unwrap();
        }
        file
    }

    fn mixed(&self, count: usize) -> PathBuf {
        let file = self.folder.join(format!("mixed-{count}.yaml"));
        for (file, text) in [
            (&file, mixed::blueprint(count)),
            (&self.folder.join("cell.yaml"), mixed::module()),
            (&self.folder.join("boot.sh"), mixed::SCRIPT.to_owned()),
        ] {
            fs::write(file, text).unwrap();
        }
        file
    }

    fn plan(&mut self) {
        let file = self.blueprint(Shape::Dag, 10_000);
        let ours = process::median(5, || child(&["plan"], &file));
        let theirs = self.terraform.as_ref().map(|t| t.plan(&self.folder, 1, 10_000));
        self.against(1, "no-change plan of 10,000: CPU", ours.cpu, theirs.map(|c| c.cpu), 200.0, seconds);
        let (ours, theirs) = (ours.peak as f64, theirs.map(|c| c.peak as f64));
        self.against(1, "no-change plan of 10,000: memory", ours, theirs, 30.0, bytes);
        let file = self.folder.join("many.yaml");
        fs::write(&file, dag::many(100_000)).unwrap();
        let large = process::median(1, || child(&["plan"], &file));
        self.at_most(1, "no-change plan of 100,000: memory", large.peak as f64, 600.0 * MB, bytes, "");
    }

    fn growth(&mut self) {
        let dlinfra = |word: &'static str| move |file: &Path| program(&[word], file);
        let works: [Work<'_>; 4] = [
            ("validate", &dlinfra("validate")),
            ("plan, no change", &|file| child(&["plan"], file)),
            ("plan, all new", &|file| child(&["create"], file)),
            ("graph", &dlinfra("graph")),
        ];
        for (shape, name) in [(Shape::Dag, "dag"), (Shape::Chain, "chain")] {
            let (small, large) = (self.blueprint(shape, 2_000), self.blueprint(shape, 20_000));
            for work in works {
                self.grows(work, name, (&small, "2,000"), (&large, "20,000"));
            }
        }
        let works: [Work<'_>; 5] = [
            ("validate", &dlinfra("validate")),
            ("plan, no change", &|file| child(&["plan", "--prices"], file)),
            ("plan, all new", &|file| child(&["create", "--prices"], file)),
            ("graph", &dlinfra("graph")),
            ("cost", &dlinfra("cost")),
        ];
        let (small, large) = (self.mixed(1_000), self.mixed(10_000));
        for work in works {
            self.grows(work, "mixed", (&small, "1,000"), (&large, "10,000"));
        }
    }

    /// Ten times as much takes at most eleven times as long.
    fn grows(&mut self, (work, command): Work<'_>, shape: &str, small: (&Path, &str), large: (&Path, &str)) {
        let few = process::short(3, 20, || command(small.0));
        let many = process::short(3, 3, || command(large.0));
        self.rows.push(Row {
            goal: 2,
            what: format!("{work}, {shape} of {}", large.1),
            ours: seconds(many),
            theirs: format!("{} for {}", seconds(few), small.1),
            ratio: format!("{:.1}", many / few),
            wanted: "11".to_owned(),
            met: Some(many <= 11.0 * few),
            note: "",
        });
    }

    fn validate(&mut self) {
        let file = self.blueprint(Shape::Dag, 10_000);
        let ours = process::short(5, 5, || program(&["validate"], &file));
        let theirs = self.terraform.as_ref().map(|t| t.validate(&self.folder, 3, 10_000).cpu);
        self.against(3, "validate 10,000 blocks: CPU", ours, theirs, 60.0, seconds);
    }

    fn bookkeeping(&mut self) {
        let mut all: Vec<(f64, Vec<u64>)> = (0..3).map(|_| self.apply(1_000)).collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (cpu, written) = all.swap_remove(1);
        let theirs: Option<Cost> = self.terraform.as_ref().map(|t| t.apply(&self.folder, 1, 1_000));
        self.against(4, "apply 1,000 no-cost resources: CPU", cpu, theirs.map(|c| c.cpu), 50.0, seconds);
        let twice = self.apply(2_000).1;
        let (ours, double) = (written[0] as f64, twice[0] as f64);
        self.rows.push(Row {
            goal: 4,
            what: "bytes written for 1,000".to_owned(),
            ours: bytes(ours),
            theirs: theirs.map_or("not installed".to_owned(), |c| bytes(c.written as f64)),
            ratio: theirs.map_or("-".to_owned(), |c| format!("1/{:.0}", c.written as f64 / ours)),
            wanted: "-".to_owned(),
            met: None,
            note: "",
        });
        self.rows.push(Row {
            goal: 4,
            what: "bytes written for 2,000 ÷ 1,000".to_owned(),
            ours: bytes(double),
            theirs: bytes(ours),
            ratio: format!("{:.2}", double / ours),
            wanted: "O(n): 2.1".to_owned(),
            met: Some(double <= 2.1 * ours),
            note: "",
        });
        self.many();
    }

    /// Many of one kind in the simulated AWS: work and requests grow with them, and no faster.
    fn many(&mut self) {
        const COUNTS: [usize; 2] = [125, 1_000];
        let sent = |command: &str, count: usize| {
            let mut child = Command::new(std::env::current_exe().unwrap());
            let (cost, out) = process::run(child.args(["--child", "groups", command, &count.to_string()]));
            let words: Vec<f64> = out.split_whitespace().map(|w| w.parse().unwrap()).collect();
            (cost.cpu, words[0], words[1])
        };
        let applied = COUNTS.map(|count| sent("apply", count));
        let both = COUNTS.map(|count| sent("destroy", count));
        self.at_most(4, "apply 1,000 security groups: CPU, the sandbox's with it", applied[1].0, 4.0, seconds, "");
        // What is destroyed was applied before, by the same process.
        let destroyed = [0, 1].map(|at| (both[at].0 - applied[at].0, both[at].1, both[at].2));
        for (command, [few, many]) in [("apply", applied), ("destroy", destroyed)] {
            self.rows.push(Row {
                goal: 4,
                what: format!("{command} 1,000 security groups ÷ 125: CPU"),
                ours: seconds(many.0),
                theirs: seconds(few.0),
                ratio: format!("{:.2}", many.0 / few.0),
                wanted: "O(n): 10".to_owned(),
                met: Some(many.0 <= 10.0 * few.0),
                note: "",
            });
            self.rows.push(Row {
                goal: 4,
                what: format!("{command} 1,000 security groups: requests ÷ changes"),
                ours: format!("{:.0}", many.1),
                theirs: format!("{:.0}", many.2),
                ratio: format!("{:.2}", many.1 / many.2),
                wanted: "1.15".to_owned(),
                met: Some(many.1 <= 1.15 * many.2),
                note: "",
            });
        }
    }

    /// CPU seconds, and bytes and objects written.
    fn apply(&self, count: usize) -> (f64, Vec<u64>) {
        let place = tempfile::tempdir_in(&self.folder).unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--child", "apply", &count.to_string()]).arg(place.path());
        let (cost, out) = process::run(&mut command);
        (cost.cpu, out.split_whitespace().map(|w| w.parse().unwrap()).collect())
    }

    fn refresh(&mut self) {
        let looks = |deployment| {
            stack::virtual_time(async {
                let stack = Stack::new(deployment);
                stack.run("apply").await;
                let (phases, plan, _) = stack.run("plan").await;
                assert!(plan.is_empty());
                of(&phases, "sweep")
            })
        };
        for (name, most, make) in [
            ("cluster", 30.0, stack::cluster as fn(u32, &str) -> _),
            ("efa-training.yaml", 50.0, stack::training as fn(u32, &str) -> _),
        ] {
            // One interface each with a thousand, so that the sandbox has less to do; requests are the same for 32.
            let (few, many) = (looks(make(4, "p5.48xlarge")), looks(make(1000, "c5n.18xlarge")));
            let what = format!("refresh of {name}, 4 nodes: requests");
            self.at_most(5, &what, few.requests as f64, most, count, SETTINGS);
            self.rows.push(Row {
                goal: 5,
                what: format!("refresh of {name}, 1,000 nodes: requests"),
                ours: many.requests.to_string(),
                theirs: format!("{} for 4", few.requests),
                ratio: format!("{:.2}", many.requests as f64 / few.requests as f64),
                wanted: "1, none of them changing".to_owned(),
                met: Some(many.requests == few.requests && few.mutating + many.mutating == 0),
                note: "",
            });
        }
    }

    fn time(&mut self) {
        let runs = cluster();
        for (command, by_hand, goal) in [("apply", 1.03, 1.5), ("destroy", 0.77, 1.3)] {
            let run = &runs[command];
            let took = of(&run.phases, "executor").time.as_secs_f64();
            let bound = longest(&run.plan, &run.events).as_secs_f64();
            self.rows.push(Row {
                goal: 6,
                what: format!("{command}: executor against its longest chain of tasks"),
                ours: seconds(took),
                theirs: seconds(bound),
                ratio: format!("{:.2}", took / bound),
                wanted: "1.05".to_owned(),
                met: Some(took <= 1.05 * bound),
                note: "",
            });
            self.rows.push(Row {
                goal: 6,
                what: format!("{command}: executor against the fewest calls, written by hand"),
                ours: seconds(took),
                theirs: seconds(by_hand),
                ratio: format!("{:.2}", took / by_hand),
                wanted: goal.to_string(),
                met: Some(took <= goal * by_hand),
                note: READ_BACK,
            });
        }
        let others = |command: &str| {
            let run = &runs[command];
            let part = |p: &&(&str, Phase)| p.0 != "executor";
            let texts =
                run.phases.iter().filter(part).map(|(name, p)| format!("{name} {}", seconds(p.time.as_secs_f64())));
            texts.collect::<Vec<_>>().join(", ")
        };
        for command in ["apply", "destroy"] {
            self.rows.push(Row {
                goal: 6,
                what: format!("{command}: beside the executor"),
                ours: others(command),
                theirs: "-".to_owned(),
                ratio: "-".to_owned(),
                wanted: "-".to_owned(),
                met: None,
                note: "",
            });
        }
        let sweep = of(&runs["plan"].phases, "sweep");
        let bound = READ.as_secs_f64() * sweep.requests.div_ceil(16) as f64;
        let took = sweep.time.as_secs_f64();
        self.rows.push(Row {
            goal: 6,
            what: format!("sweep of {} requests, 16 in flight", sweep.requests),
            ours: seconds(took),
            theirs: seconds(bound),
            ratio: format!("{:.2}", took / bound),
            wanted: "1.15".to_owned(),
            met: Some(took <= 1.15 * bound),
            note: SERIAL_READS,
        });
    }

    fn requests(&mut self) {
        let runs = cluster();
        for (command, by_hand) in [("apply", 44.0), ("destroy", 27.0)] {
            let executor = of(&runs[command].phases, "executor");
            for (what, ours, note) in [
                ("requests that change something", executor.mutating as f64, ""),
                ("all requests", executor.requests as f64, READ_BACK),
            ] {
                self.rows.push(Row {
                    goal: 7,
                    what: format!("{command}: {what}"),
                    ours: count(ours),
                    theirs: count(by_hand),
                    ratio: format!("{:.2}", ours / by_hand),
                    wanted: "1.1".to_owned(),
                    met: Some(ours <= 1.1 * by_hand),
                    note,
                });
            }
        }
    }

    fn served(&mut self) {
        let mut rates: Vec<f64> = (0..3).map(|_| served::rate(DLINFRA, &self.folder)).collect();
        rates.sort_by(f64::total_cmp);
        let ours = rates[1];
        self.rows.push(Row {
            goal: 9,
            what: "served sandbox: requests a second".to_owned(),
            ours: count(ours),
            theirs: "-".to_owned(),
            ratio: "-".to_owned(),
            wanted: "≥ 5000".to_owned(),
            met: Some(ours >= 5_000.0),
            note: "",
        });
    }

    fn start(&mut self) {
        let ours = process::short(5, 40, || {
            let mut command = Command::new(DLINFRA);
            command.arg("--version");
            command
        });
        let theirs = self.terraform.as_ref().map(|t| t.start(&self.folder));
        self.against(8, "start (`version`): CPU", ours, theirs, 12.0, milliseconds);
        let size = fs::metadata(DLINFRA).unwrap().len() as f64;
        self.at_most(8, "size of the program, stripped", size, 75.0 * MB, bytes, "");
        let file = self.folder.join("cluster.yaml");
        fs::write(&file, include_str!("cluster.yaml")).unwrap();
        let plan = || {
            let mut command = program(&["plan", "--sandbox", "--sandbox-speed", "max"], &file);
            command.current_dir(&self.folder);
            command
        };
        let peak = process::median(5, plan).peak as f64;
        self.at_most(8, "plan of the cluster: memory", peak, 60.0 * MB, bytes, "");
    }
}

const READ_BACK: &str = "each new object is seen once, and what AWS still works on is waited for; a script that trusts \
    each answer saves these reads, and makes things twice when AWS hides them for a moment";
const SETTINGS: &str =
    "each bucket costs seven reads, a role five: S3 and IAM have no call that reads several settings";
const SERIAL_READS: &str = "policies, links and volumes are asked for when it is known of what";

/// What a command did in the cluster.
struct Run {
    phases: Vec<(&'static str, Phase)>,
    plan: Plan,
    events: Vec<Event>,
}

/// The life of the cluster with four nodes.
fn cluster() -> BTreeMap<&'static str, Run> {
    stack::virtual_time(async {
        let stack = Stack::new(stack::cluster(4, "p5.48xlarge"));
        let mut out = BTreeMap::new();
        for command in ["apply", "plan", "destroy"] {
            let (phases, plan, events) = stack.run(command).await;
            out.insert(command, Run { phases, plan, events });
        }
        out
    })
}

fn of(phases: &[(&'static str, Phase)], name: &str) -> Phase {
    phases.iter().find(|(n, _)| *n == name).unwrap().1.clone()
}

/// The longest chain of tasks, each of which waits for the one before, by the time that each took.
fn longest(plan: &Plan, events: &[Event]) -> Duration {
    let at = |index: usize, done: bool| {
        let task = plan.tasks[index];
        let address = &plan.steps[task.step].address;
        let event = events.iter().find(|e| {
            e.address == *address
                && match &e.what {
                    What::Started { operation, .. } => !done && *operation == task.operation,
                    What::Done { operation, .. } => done && *operation == task.operation,
                    _ => false,
                }
        });
        event.unwrap().time
    };
    let mut ends: Vec<Option<Duration>> = vec![None; plan.tasks.len()];
    let order = plan.dag.order(|n| n).unwrap();
    for task in order {
        let before = plan.dag.parents(task).iter().filter_map(|p| ends[*p]).max().unwrap_or_default();
        ends[task] = Some(before + at(task, true).duration_since(at(task, false)).unsigned_abs());
    }
    ends.into_iter().flatten().max().unwrap_or_default()
}

fn child(words: &[&str], file: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg("--child").args(words).arg(file);
    command
}

fn program(words: &[&str], file: &Path) -> Command {
    let mut command = Command::new(DLINFRA);
    command.arg(words[0]).arg(file).args(&words[1..]).env_remove("DLINFRA_SANDBOX");
    command
}

fn seconds(value: f64) -> String {
    format!("{value:.2} s")
}

fn milliseconds(value: f64) -> String {
    format!("{:.1} ms", value * 1000.0)
}

fn bytes(value: f64) -> String {
    if value < MB { format!("{:.0} kB", value / 1e3) } else { format!("{:.1} MB", value / MB) }
}

fn count(value: f64) -> String {
    format!("{value:.0}")
}
