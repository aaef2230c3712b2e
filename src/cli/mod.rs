//! The command line: each command parses its flags, makes one library call and shows the result.
//!
//! One file: the table of commands, their help and the codes of the command line are one page.
//! One file: the commands, what `--help` says of them and the codes that they end with are read side by side.
mod apply;
mod arguments;
mod codes;
mod compare;
mod cost;
mod cost_actual;
mod cost_all;
mod destroy;
mod drift;
mod eval;
mod explain;
mod functions;
mod git;
mod graph;
mod init;
mod kinds;
mod list;
mod load;
mod lock;
mod modules;
mod money;
mod output;
mod place;
mod plan;
mod prices;
mod prices_refresh;
mod recover;
mod sandbox;
mod schema;
mod served;
mod stack;
mod status;
mod topology;
mod validate;

pub use codes::CODES;

use crate::{
    diagnostic::{Diagnostic, Diagnostics},
    saved,
    ui::Ui,
};
use clap::{CommandFactory, Parser, Subcommand, error::ErrorKind};
use serde_json::{Value, json};
use std::process::ExitCode;

/// How a command ended; the numbers are documented in `dlinfra --help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything as asked.
    Ok = 0,
    /// Any error.
    Error = 1,
    /// Changes are present (`plan --detailed-exitcode`).
    Changes = 2,
    /// Partly applied, or AWS still works on it.
    Partial = 3,
    /// Another run holds the lock.
    Locked = 4,
    /// Refused by a budget or a policy.
    Refused = 5,
    /// A saved plan is out of date.
    Stale = 6,
    /// Interrupted, after a clean stop.
    Interrupted = 130,
}

/// What ends a command early.
pub(crate) struct Stop {
    exit: Exit,
    diagnostics: Diagnostics,
}

impl From<Diagnostics> for Stop {
    fn from(diagnostics: Diagnostics) -> Self {
        let any = |codes: &[&str]| diagnostics.iter().any(|d| codes.contains(&d.code.as_str()));
        let exit = match () {
            () if any(&["DL0510"]) => Exit::Locked,
            () if any(saved::STALE) => Exit::Stale,
            () => Exit::Error,
        };
        Self { exit, diagnostics }
    }
}
impl From<Diagnostic> for Stop {
    fn from(diagnostic: Diagnostic) -> Self {
        Diagnostics::from(diagnostic).into()
    }
}
impl From<crate::aws::Error> for Stop {
    fn from(error: crate::aws::Error) -> Self {
        error.diagnostic().into()
    }
}

pub(crate) type Result = std::result::Result<Exit, Stop>;

const AFTER: &str = "\
Exit codes:
  0 ok   1 error   2 changes (with --detailed-exitcode)   3 partly applied or pending   4 locked
  5 refused by budget or policy   6 saved plan out of date   130 interrupted after a clean stop

Environment:
  DLINFRA_VAR_name  value of the variable `name`      DLINFRA_SANDBOX=1  as --sandbox
  DLINFRA_LOG       log filter, for example debug     NO_COLOR           no colour
  CI                plain output, no prompts          AWS_*              as for the AWS CLI
  DLINFRA_PRICES    the file of refreshed prices, or `embedded` for none

Start here:
  dlinfra init                            writes a first blueprint
  dlinfra plan --sandbox                  shows what it would make, without an AWS account
  dlinfra apply --sandbox --yes           makes it in a simulated AWS";

const HELP: &str = "\
{name} {version}
{about}

Usage: {usage}

Work:
  init        Write a first blueprint
  validate    Check a blueprint without AWS
  plan        Show what apply would do, with money, time and risk
  apply       Bring AWS to what the blueprint says
  destroy     Remove a stack, and prove that nothing is left
  status      Show what is live
  drift       Show what was changed behind dlinfra's back
  cost        What a blueprint costs, as text, JSON, CSV, Markdown or HTML
  output      Print outputs
  list        List every stack in the account and region
  lock        Show who works on a stack, or end a lock by hand
  recover     Rebuild a lost or damaged journal from the tags of what is live

Money:
  prices      Show prices, and refresh them from AWS

Look up:
  kinds       Kinds of resources and their fields
  modules     Modules and their inputs
  functions   Functions of the expression language
  explain     What a diagnostic code means
  topology    Network interfaces of an instance type
  schema      JSON Schema of blueprints, for editors
  eval        Evaluate an expression against a blueprint
  graph       The resource graph, as Graphviz DOT

More:
  sandbox     Serve, reset and inspect the simulated AWS
  completions Completions for your shell
  help        Help on a command

Options:
{options}{after-help}";

/// Declarative infrastructure as code for deep learning on AWS.
#[derive(Parser)]
#[command(name = "dlinfra", version, about, help_template = HELP, after_help = AFTER, disable_help_subcommand = false)]
struct Cli {
    /// `json` prints one document (apply and destroy: JSON lines); `csv`, `markdown` and `html` are for `cost`.
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "text",
        hide_possible_values = true,
        value_name = "text|json"
    )]
    format: Format,
    #[command(subcommand)]
    command: Command,
}

/// The form of the answer; only reports have the last three.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Text,
    Json,
    Csv,
    Markdown,
    Html,
}

impl Format {
    /// As reports name it.
    fn report(self) -> crate::report::cost::Format {
        use crate::report::cost::Format as Report;
        match self {
            Self::Text => Report::Text,
            Self::Json => Report::Json,
            Self::Csv => Report::Csv,
            Self::Markdown => Report::Markdown,
            Self::Html => Report::Html,
        }
    }
}

#[derive(Subcommand)]
enum Command {
    /// Write a first blueprint.
    Init(init::Args),
    /// Check a blueprint without AWS.
    Validate(validate::Args),
    /// Show what apply would do, with money, time and risk.
    Plan(plan::Args),
    /// Bring AWS to what the blueprint says.
    Apply(apply::Args),
    /// Remove a stack, and prove that nothing is left.
    Destroy(destroy::Args),
    /// Show what is live.
    Status(status::Args),
    /// Show what was changed behind dlinfra's back.
    Drift(drift::Args),
    /// What a blueprint costs, as text, JSON, CSV, Markdown or HTML.
    Cost(cost::Args),
    /// Print outputs.
    Output(output::Args),
    /// List every stack in the account and region.
    List(list::Args),
    /// Show prices, and refresh them from AWS.
    Prices(prices::Args),
    /// Show who works on a stack, or end a lock by hand.
    Lock(lock::Args),
    /// Rebuild a lost or damaged journal from the tags of what is live.
    Recover(recover::Args),
    /// Kinds of resources and their fields.
    Kinds(kinds::Args),
    /// Modules and their inputs.
    Modules(modules::Args),
    /// Functions of the expression language.
    Functions(functions::Args),
    /// What a diagnostic code means.
    Explain(explain::Args),
    /// Network interfaces of an instance type.
    Topology(topology::Args),
    /// JSON Schema of blueprints, for editors.
    Schema,
    /// Evaluate an expression against a blueprint.
    Eval(eval::Args),
    /// The resource graph, as Graphviz DOT.
    Graph(graph::Args),
    /// Serve, reset and inspect the simulated AWS.
    Sandbox(sandbox::Args),
    /// Completions for your shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

impl Command {
    fn name(&self) -> &'static str {
        match self {
            Self::Init(_) => "init",
            Self::Validate(_) => "validate",
            Self::Plan(_) => "plan",
            Self::Apply(_) => "apply",
            Self::Destroy(_) => "destroy",
            Self::Status(_) => "status",
            Self::Drift(_) => "drift",
            Self::Cost(_) => "cost",
            Self::Output(_) => "output",
            Self::List(_) => "list",
            Self::Prices(_) => "prices",
            Self::Lock(_) => "lock",
            Self::Recover(_) => "recover",
            Self::Kinds(_) => "kinds",
            Self::Modules(_) => "modules",
            Self::Functions(_) => "functions",
            Self::Explain(_) => "explain",
            Self::Topology(_) => "topology",
            Self::Schema => "schema",
            Self::Eval(_) => "eval",
            Self::Graph(_) => "graph",
            Self::Sandbox(_) => "sandbox",
            Self::Completions { .. } => "completions",
        }
    }

    /// Does it make reports, which have more forms than text and JSON?
    fn reports(&self) -> bool {
        matches!(self, Self::Cost(_))
    }
}

/// Parses, runs, and says how it ended.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => {
            let help = matches!(e.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            let _ = e.print();
            return ExitCode::from(u8::from(!help));
        }
    };
    log();
    let ui = Ui::new(cli.format == Format::Json);
    let name = cli.command.name();
    let exit = match runtime() {
        Ok(runtime) => runtime.block_on(async {
            match dispatch(cli.command, cli.format, ui).await {
                Ok(exit) => exit,
                Err(stop) => {
                    report(ui, name, &stop.diagnostics);
                    stop.exit
                }
            }
        }),
        Err(e) => {
            ui.say(&format!("error: the runtime did not start: {e}"));
            Exit::Error
        }
    };
    ExitCode::from(exit as u8)
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

fn log() {
    if let Ok(filter) = std::env::var("DLINFRA_LOG") {
        let filter = tracing_subscriber::EnvFilter::new(filter);
        let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
    }
}

/// Problems in the form that was asked for.
fn report(ui: Ui, command: &str, found: &Diagnostics) {
    if ui.json {
        ui.data(&document(command, &Value::Null, found).to_string());
    } else {
        ui.diagnostics(found);
    }
}

/// One JSON document: `{format_version, command, …, diagnostics}`.
fn document(command: &str, fields: &Value, found: &Diagnostics) -> Value {
    let mut out = json!({ "format_version": 1, "command": command });
    if let (Some(out), Value::Object(fields)) = (out.as_object_mut(), fields) {
        out.extend(fields.clone());
    }
    out["diagnostics"] = json!(found);
    out
}

async fn dispatch(command: Command, format: Format, ui: Ui) -> Result {
    if !matches!(format, Format::Text | Format::Json) && !command.reports() {
        let form = format.report();
        return Err(Diagnostic::error("DL0741", format!("`dlinfra {}` has no {form} form", command.name()))
            .with_help("write `--format text` or `--format json`; `dlinfra cost` has the other forms")
            .into());
    }
    match command {
        Command::Init(args) => init::run(&args, ui),
        Command::Validate(args) => validate::run(&args, ui),
        Command::Plan(args) => plan::run(&args, ui).await,
        Command::Apply(args) => apply::run(&args, ui).await,
        Command::Destroy(args) => destroy::run(&args, ui).await,
        Command::Status(args) => status::run(&args, ui).await,
        Command::Drift(args) => drift::run(&args, ui).await,
        Command::Cost(args) => cost::run(&args, format, ui).await,
        Command::Output(args) => output::run(&args, ui).await,
        Command::List(args) => list::run(&args, ui).await,
        Command::Prices(args) => prices::run(&args, ui).await,
        Command::Lock(args) => lock::run(&args, ui).await,
        Command::Recover(args) => recover::run(&args, ui).await,
        Command::Kinds(args) => kinds::run(&args, ui),
        Command::Modules(args) => modules::run(&args, ui),
        Command::Functions(args) => functions::run(&args, ui),
        Command::Explain(args) => explain::run(&args, ui),
        Command::Topology(args) => topology::run(&args, ui),
        Command::Schema => schema::run(ui),
        Command::Eval(args) => eval::run(&args, ui),
        Command::Graph(args) => graph::run(&args, ui),
        Command::Sandbox(args) => sandbox::run(&args, ui).await,
        Command::Completions { shell } => {
            let mut out = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "dlinfra", &mut out);
            ui.data(&String::from_utf8_lossy(&out));
            Ok(Exit::Ok)
        }
    }
}

/// What `dlinfra explain` says about the command line's own codes.
pub static CODES: &[Code] = &[
    Code {
        code: "DL0534",
        title: "The plan would destroy data",
        explain: "A resource that holds data (a bucket, a persistent file system) would be deleted or replaced. `--yes` never covers that. Undo the change, or name the resource with `--allow-destroy ADDRESS` when its data may be lost.",
    },
    Code {
        code: "DL0535",
        title: "What holds data was kept",
        explain: "`destroy` removes everything but what still holds data, and says what that is and that it still costs money. With `--delete-data` it is emptied and removed too.",
    },
    Code {
        code: "DL0701",
        title: "A variable on the command line has no value",
        explain: "Write `--var NAME=VALUE`. The value is read as the variable's declared type.",
    },
    Code {
        code: "DL0702",
        title: "No blueprint",
        explain: "Without a file dlinfra takes ./dlinfra.yaml and nothing else. Name a file, or write a first one with `dlinfra init`.",
    },
    Code {
        code: "DL0703",
        title: "Not a speed",
        explain: "The sandbox runs a whole number of times faster than real time, or at `max`, where time jumps whenever everybody waits.",
    },
    Code {
        code: "DL0704",
        title: "The sandbox cannot be opened",
        explain: "The sandbox's folder is used by another command, cannot be written, or holds something else. One process at a time uses a sandbox.",
    },
    Code {
        code: "DL0705",
        title: "A folder cannot be written",
        explain: "dlinfra keeps its journal and the sandbox in `.dlinfra` beside the blueprint. Run it where you may write.",
    },
    Code {
        code: "DL0706",
        title: "An unknown region",
        explain: "The catalog has no such region. Names look like `us-east-1`.",
    },
    Code {
        code: "DL0707",
        title: "No such resource",
        explain: "An address on the command line does not stand in the blueprint. Addresses are printed by `dlinfra plan --full`.",
    },
    Code {
        code: "DL0708",
        title: "Nobody can answer",
        explain: "The command asks before it changes anything, and there is no terminal to ask on. In scripts say `--yes`; destroyed data needs `--allow-destroy` or `--delete-data` as well.",
    },
    Code {
        code: "DL0709",
        title: "No region",
        explain: "Without a blueprint the region comes from `--region`, AWS_REGION or AWS_DEFAULT_REGION.",
    },
    Code { code: "DL0710", title: "No such output", explain: "The blueprint declares no output of this name." },
    Code { code: "DL0711", title: "No such kind", explain: "`dlinfra kinds` lists the kinds of resources." },
    Code {
        code: "DL0712",
        title: "No such module",
        explain: "`dlinfra modules` lists the modules in the program; others are files in `modules/` beside the blueprint.",
    },
    Code {
        code: "DL0713",
        title: "No such function",
        explain: "`dlinfra functions` lists the functions of the expression language.",
    },
    Code { code: "DL0714", title: "No such code", explain: "`dlinfra explain` lists the codes." },
    Code {
        code: "DL0715",
        title: "Unknown instance type",
        explain: "The catalog has no such instance type, so nothing is known about its network cards and price.",
    },
    Code { code: "DL0716", title: "No such template", explain: "`dlinfra init --help` lists the templates." },
    Code { code: "DL0717", title: "The blueprint was not written", explain: "`init` never writes over a file." },
    Code {
        code: "DL0718",
        title: "A served sandbox cannot jump in time",
        explain: "Clients of a served sandbox have clocks of their own, so it runs at a fixed speed.",
    },
    Code {
        code: "DL0719",
        title: "The sandbox's behaviour cannot be read",
        explain: "The file with faults, quotas, capacity and delays is JSON; docs/sandbox.md lists its fields.",
    },
    Code {
        code: "DL0720",
        title: "The port cannot be used",
        explain: "Another program listens on it, or it needs rights that you do not have.",
    },
    Code {
        code: "DL0721",
        title: "No requests are known",
        explain: "Every command that uses the sandbox leaves its requests in the sandbox's folder; none has used this one.",
    },
    Code {
        code: "DL0741",
        title: "A form that the command does not have",
        explain: "Every command has text and JSON. CSV, Markdown and HTML are forms of reports: `dlinfra cost --format html -o cost.html`.",
    },
    Code {
        code: "DL0742",
        title: "The report was not written",
        explain: "The folder of the file does not exist, or you may not write it.",
    },
    Code {
        code: "DL0743",
        title: "git cannot be asked",
        explain: "`cost --compare` reads a blueprint as it was at a commit through the `git` program, which is not installed or failed. Nothing is checked out, and nothing is fetched.",
    },
    Code {
        code: "DL0744",
        title: "Nothing to compare with",
        explain: "`--compare` takes a blueprint, a saved plan, or a branch, tag or commit of the repository that the blueprint lies in. A file goes before a commit of the same name.",
    },
];
