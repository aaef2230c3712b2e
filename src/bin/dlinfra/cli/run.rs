//! run: apply, run a command on every machine, bring back what it left, remove the stack; whatever happened.
mod ended;
mod follow;
mod ready;

use super::{
    Exit, Result, Stop, apply, destroy,
    forms::{self, Forms},
    money::Limits,
    patience::Patience,
    place,
    reaper::{Chosen, Keeping},
    signals,
    stack::{self, Found, Which},
};
use crate::{cli::codes, ui::Ui};
use dlinfra::{
    diagnostic::{Diagnostic, Diagnostics},
    journal::Holder,
    plan::Wanted,
    report::counted,
    run::{self, End, Job, Keep, Watch},
    spec,
    units::Span,
};
use follow::{Signals, Told};
use serde_json::json;
use std::path::PathBuf;

/// Apply a blueprint, run a command on every machine, bring back what it left, and remove the stack.
#[derive(clap::Args)]
#[command(after_help = AFTER, override_usage = "dlinfra run [OPTIONS] [FILE] -- COMMAND…\n       dlinfra run [OPTIONS] [FILE] --attach ID")]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) which: Which,
    /// Only on the machines of this group or module; may be repeated.
    #[arg(long = "on", value_name = "ADDRESS", conflicts_with = "attach")]
    on: Vec<String>,
    /// For how long the command may run; then it gets SIGTERM, and the exit code is 124.
    #[arg(long, value_name = "TIME", default_value = "2h")]
    timeout: Span,
    /// Start the command with torchrun, one process for each GPU of each machine.
    #[arg(long, conflicts_with = "attach")]
    torchrun: bool,
    /// Bring PATH of each machine back into the folder DIR, as rank-N.tar.gz; the logs come with it.
    #[arg(long, value_name = "PATH:DIR", value_parser = collect)]
    collect: Option<Collect>,
    /// What happens to the stack afterwards. Without it, a stack that this run has made is removed, and one that was there
    /// before stays.
    #[arg(long, value_name = "never|on-failure|always", value_enum, hide_possible_values = true)]
    keep: Option<Kept>,
    /// Follow a job that was begun before.
    #[arg(long, value_name = "ID")]
    attach: Option<String>,
    /// Do not ask.
    #[arg(long, short)]
    pub(super) yes: bool,
    /// Also remove buckets and file systems that hold data.
    #[arg(long)]
    delete_data: bool,
    #[command(flatten)]
    pub(super) forms: Forms,
    #[command(flatten)]
    pub(super) patience: Patience,
    #[command(flatten)]
    pub(super) keeping: Keeping,
    #[command(flatten)]
    pub(super) program: Chosen,
    #[command(flatten)]
    pub(super) limits: Limits,
    /// What each machine runs: one word is a script for bash, several are a program and its arguments.
    #[arg(last = true, value_name = "COMMAND", required_unless_present = "attach", conflicts_with = "attach")]
    command: Vec<String>,
}

const AFTER: &str = "\
Examples:
  dlinfra run train.yaml --yes --timeout 4h --collect out:results -- python train.py --epochs 3
  dlinfra run train.yaml --yes --torchrun -- train.py --epochs 3
  dlinfra run train.yaml --on train -- 'nvidia-smi; echo rank $NODE_RANK of $NNODES'
  dlinfra run train.yaml --attach 01KBC3ZK3V8Q4M5N6P7R8S9T0V

Each machine has NODE_RANK, NNODES, GPUS_PER_NODE, MASTER_ADDR, MASTER_PORT, HOSTFILE and RUN_ID. The
command is written into the journal and the history of Systems Manager: pass secrets by reference.

The job belongs to the machines: it goes on when this process dies, `--attach` follows it again, and the
stack's ttl ends it. Exit code: that of the rank that failed first; 124 after `--timeout`; 130 when
interrupted; 3 when the job succeeded and something of the stack is left.";

/// What is brought back, and where to.
#[derive(Debug, Clone)]
struct Collect {
    path: String,
    folder: PathBuf,
}

fn collect(text: &str) -> std::result::Result<Collect, String> {
    match text.rsplit_once(':') {
        Some((path, folder)) if !path.is_empty() && !folder.is_empty() && !path.starts_with('-') => {
            Ok(Collect { path: path.to_owned(), folder: folder.into() })
        }
        _ => Err("write PATH:DIR, such as `out:results`".to_owned()),
    }
}

/// As on the command line.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Kept {
    Never,
    OnFailure,
    Always,
}

impl From<Kept> for Keep {
    fn from(kept: Kept) -> Self {
        match kept {
            Kept::Never => Self::Never,
            Kept::OnFailure => Self::OnFailure,
            Kept::Always => Self::Always,
        }
    }
}

pub(super) async fn run(args: &Args, ui: Ui) -> Result {
    let exit = work(args, ui).await?;
    let (stack, file) = (args.which.stack.clone().unwrap_or_default(), forms::stack_or_file(&args.which));
    let told = args.forms.tell_heard(ui, "run", (&stack, &file), exit.code());
    // What cannot be written does not hide how the job ended.
    if let Err(stop) = told {
        super::report(ui, "run", &stop.diagnostics);
        return Ok(if exit == Exit::Ok { stop.exit } else { exit });
    }
    Ok(exit)
}

/// Shows problems that do not end the run at once, and keeps them for its end.
fn problems(args: &Args, found: &Diagnostics, ui: Ui) {
    args.forms.hear(found);
    super::report(ui, "run", found);
}

async fn work(args: &Args, ui: Ui) -> Result {
    if place::sandboxed(&args.which.place) {
        let help =
            "`dlinfra sandbox serve --run-commands` has machines that run commands: use it with `--endpoint-url`";
        return Err(Diagnostic::error(
            &codes::COMMAND_LINE,
            "machines of the sandbox run nothing while no command works with it",
        )
        .with_help(help)
        .into());
    }
    let mut signals = Signals::listen(ui);
    let found = stack::find(&args.which).await?;
    let job = match &args.attach {
        Some(id) => attach(id, found, ui).await?,
        None => make(args, found, &mut signals, ui).await?,
    };
    let job = match job {
        Begun::Runs(job) => *job,
        Begun::Never(exit) => return Ok(exit),
        Begun::Failed(exit, keep) => return over(args, exit, keep, args.delete_data, ui).await,
    };
    let (keep, delete_data) = (args.keep.map_or(job.keep, Keep::from), args.delete_data || job.delete_data);
    let exit = match &job.ended {
        Some(end) => exit_of(end.code),
        None => match follow(args, &job, &mut signals, ui).await {
            Ok(Some(exit)) => exit,
            // Whoever interrupts twice leaves the job alone.
            Ok(None) => {
                ui.say(&format!("the job goes on: {}", again(args, &job.id)));
                return Ok(Exit::Interrupted);
            }
            Err(stop) => {
                problems(args, &stop.diagnostics, ui);
                stop.exit
            }
        },
    };
    over(args, exit, keep, delete_data, ui).await
}

/// How far the beginning of a job came.
enum Begun {
    /// It runs, or has run.
    Runs(Box<Job>),
    /// There is none, and nothing to remove.
    Never(Exit),
    /// There is none, and this run may have made something.
    Failed(Exit, Keep),
}

const fn exit_of(code: u8) -> Exit {
    if code == 0 { Exit::Ok } else { Exit::Job(code) }
}

/// A job that was begun before. One that has ended, and whose machines are gone, is only told.
async fn attach(id: &str, found: Found, ui: Ui) -> std::result::Result<Begun, Stop> {
    let job = found.engine.job(id)?;
    let Some(end) = &job.ended else { return Ok(Begun::Runs(Box::new(job))) };
    ui.say(&format!("job {} ended at {} with exit code {}", job.id, end.at, end.code));
    let view = found.engine.look(&found.wanted).await?;
    let live: Vec<_> = view.snapshot.owned.values().flat_map(|object| &object.live.members).collect();
    let stands = job.machines.iter().any(|machine| live.iter().any(|member| member.id == machine.id));
    // What stands there now may be another stack of the same name.
    Ok(if stands { Begun::Runs(Box::new(job)) } else { Begun::Never(exit_of(end.code)) })
}

/// Applies the blueprint, and begins the job.
async fn make(args: &Args, found: Found, signals: &mut Signals, ui: Ui) -> std::result::Result<Begun, Stop> {
    if found.compiled.as_ref().is_some_and(|c| c.ttl.is_none()) {
        ui.say("note: the stack has no `ttl`, so nothing ends it if this process dies");
    }
    let there = !found.engine.look(&found.wanted).await?.snapshot.owned.is_empty();
    let keep = args.keep.map_or(if there { Keep::Always } else { Keep::Never }, Keep::from);
    let applied = match found.compiled {
        Some(_) => apply(args, found, ui).await?,
        // By its name alone, there is nothing to apply.
        None => Exit::Ok,
    };
    match applied {
        Exit::Ok if signals.count() == 0 => {}
        Exit::Ok => return Ok(Begun::Failed(Exit::Interrupted, keep)),
        Exit::Partial | Exit::Interrupted => return Ok(Begun::Failed(applied, keep)),
        // Nothing was changed: what stands there is not of this run.
        _ => return Ok(Begun::Never(applied)),
    }
    Ok(match begin(args, keep, signals, ui).await {
        Ok(job) => Begun::Runs(Box::new(job)),
        Err(stop) => {
            problems(args, &stop.diagnostics, ui);
            Begun::Failed(stop.exit, keep)
        }
    })
}

/// What follows a job again.
fn again(args: &Args, id: &str) -> String {
    let which = match (&args.which.stack, &args.which.source.file) {
        (Some(stack), _) => format!(" --stack {stack}"),
        (None, Some(file)) => format!(" {}", file.display()),
        (None, None) => String::new(),
    };
    let place = args.which.place.endpoint_url.as_ref().map(|url| format!(" --endpoint-url {url}")).unwrap_or_default();
    format!("`dlinfra run{which}{place} --attach {id}`")
}

/// How what surrounds a job is shown: on stdout stands what the job writes. JSON lines say what each of them is.
const fn beside(mut ui: Ui) -> Ui {
    ui.aside = !ui.json;
    ui
}

async fn apply(args: &Args, found: Found, ui: Ui) -> Result {
    drop(found);
    let exit = apply::run(&apply::Args::of_run(args), beside(ui)).await;
    signals::unwatch();
    exit
}

/// Waits for the machines, writes the job down, and starts it.
async fn begin(args: &Args, keep: Keep, signals: &mut Signals, ui: Ui) -> std::result::Result<Job, Stop> {
    let found = stack::find(&args.which).await?;
    let engine = &found.engine;
    let view = engine.look(&found.wanted).await?;
    let (on, machines) = engine.machines(&view, &args.on)?;
    let ids: Vec<String> = machines.iter().map(|m| m.id.clone()).collect();
    ready::reached(engine, &ids, signals, ui).await?;
    ready::started(engine, &ids, signals, ui).await?;
    let now = engine.now();
    let job = Job {
        id: engine.new_job(),
        command: if args.torchrun { run::torchrun(&args.command) } else { run::command_line(&args.command) },
        on,
        machines,
        limit: args.timeout,
        collect: args.collect.as_ref().map(|c| c.path.clone()),
        keep,
        delete_data: args.delete_data,
        by: Holder::current("run").name,
        blueprint: found.compiled.is_some().then(|| digest(&found.wanted)),
        begun: now,
        ended: None,
    };
    if job.collect.is_some() {
        ended::bucket(engine)?;
    }
    engine.note_job(&view, &job, found.place.presence()).await?;
    let watch = Watch::new(engine.aws(), &job);
    if let Err(why) = watch.start().await {
        return Err(ended::not_begun(args, &watch, &why, &job).await);
    }
    ui.say(&format!("job {} runs on {}", job.id, counted(job.machines.len(), "machine")));
    Ok(job)
}

fn digest(wanted: &[Wanted]) -> String {
    spec::digest(&json!(wanted.iter().map(|w| (w.address.as_str(), &*w.spec)).collect::<Vec<_>>()))
}

/// Shows a job until it has ended, brings back what it left, and writes that down. Nothing = left alone.
async fn follow(args: &Args, job: &Job, signals: &mut Signals, ui: Ui) -> std::result::Result<Option<Exit>, Stop> {
    let found = stack::find(&args.which).await?;
    let aws = found.engine.aws();
    let mut watch = Watch::new(aws, job);
    let told = follow::until_over(&mut watch, signals, &aws.clock().clone(), ui).await?;
    let (exit, why) = match told {
        Told::Left => return Ok(None),
        Told::Ended => (exit_of(watch.code().unwrap_or(1)), None),
        Told::TimedOut => (Exit::Job(124), Some(format!("it ran for longer than {}", job.limit))),
        Told::Interrupted => (Exit::Interrupted, Some("it was interrupted".to_owned())),
    };
    let summary = ended::words(&watch, exit);
    let problem = match (&why, exit) {
        (Some(why), _) => Some(Diagnostic::error(&run::codes::JOB_STOPPED, format!("the job was stopped: {why}"))),
        (None, Exit::Ok) => None,
        (None, _) => Some(Diagnostic::error(&run::codes::JOB_FAILED, format!("the job failed: {summary}"))),
    };
    if let Some(problem) = problem {
        let problem = problem.into();
        args.forms.hear(&problem);
        if !ui.json {
            ui.diagnostics(&problem);
        }
    }
    let collected = ended::brought(args, &watch, &found, ui).await;
    let codes = watch.codes();
    let took = found.engine.now().duration_since(job.begun);
    // What goes wrong now does not hide how the job ended.
    let cost = match note(args, job, found, (exit, &codes), ui).await {
        Ok(cost) => cost,
        Err(stop) => {
            problems(args, &stop.diagnostics, ui);
            None
        }
    };
    let dollars = cost.as_ref().map(|cost| format!(", about ${cost}")).unwrap_or_default();
    let words = format!("job {}: {summary}; {}{dollars}", job.id, ended::lasted(took));
    if ui.json {
        let artifacts =
            collected.as_ref().map(|c| json!({ "place": c.place, "artifacts": c.artifacts, "failed": c.failed }));
        ui.data(
            &json!({ "type": "job", "format_version": 1, "id": job.id, "code": exit.code(), "ranks": codes,
                     "seconds": took.as_secs(), "cost": cost, "collected": artifacts })
            .to_string(),
        );
    } else {
        ui.say(&words);
    }
    args.forms.hear_words(words);
    Ok(Some(exit))
}

/// Writes down how a job ended, and says what the stack cost meanwhile.
async fn note(
    args: &Args,
    job: &Job,
    found: Found,
    (exit, ranks): (Exit, &[Option<u8>]),
    ui: Ui,
) -> std::result::Result<Option<String>, Stop> {
    // Opened anew: others may have worked on the stack meanwhile.
    drop(found);
    let found = stack::find(&args.which).await?;
    let view = found.engine.look(&found.wanted).await?;
    let at = found.engine.now();
    let cost = ended::cost(args, &found, &view, at.duration_since(job.begun), ui)?;
    let end = End { at, code: exit.code(), ranks: ranks.to_vec(), cost: cost.clone() };
    let job = Job { ended: Some(end), ..job.clone() };
    found.engine.note_job(&view, &job, found.place.presence()).await?;
    Ok(cost)
}

/// The end of a run: the stack goes, unless it shall stay.
async fn over(args: &Args, exit: Exit, keep: Keep, delete_data: bool, ui: Ui) -> Result {
    let stays = match keep {
        Keep::Always => true,
        Keep::OnFailure => exit != Exit::Ok,
        Keep::Never => false,
    };
    if stays {
        ui.say("the stack stays");
        return Ok(exit);
    }
    signals::unwatch();
    let removed = destroy::run(&destroy::Args::of_run(args, delete_data), beside(ui)).await;
    let removed = removed.unwrap_or_else(|stop| {
        problems(args, &stop.diagnostics, ui);
        stop.exit
    });
    Ok(match (exit, removed) {
        (Exit::Ok, Exit::Ok) => Exit::Ok,
        (Exit::Ok, Exit::Interrupted) => Exit::Interrupted,
        (Exit::Ok, _) => Exit::Partial,
        (job, _) => job,
    })
}
