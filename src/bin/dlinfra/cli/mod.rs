//! The command line: each command parses its flags, makes one library call and shows the result.
//!
//! One file: the table of commands, their help and the codes of the command line are one page.
mod apply;
mod arguments;
mod catalog;
mod codes;
mod compare;
mod cost;
mod cost_actual;
mod cost_all;
mod destroy;
mod drift;
mod eval;
mod explain;
mod export;
mod extend;
mod fault;
mod forms;
mod functions;
mod git;
mod graph;
mod import;
mod init;
mod invoke;
mod kinds;
mod list;
mod load;
mod lock;
mod logs;
mod modules;
mod money;
mod output;
mod patience;
mod place;
mod plan;
mod preflight;
mod prices;
mod prices_refresh;
mod reap;
mod reaper;
mod recover;
mod rehearse;
mod run;
mod sandbox;
mod schema;
mod served;
mod signals;
mod ssh;
mod stack;
mod status;
mod topology;
mod usage;
mod validate;
mod wait;

pub(crate) use codes::CODES;
pub(crate) use place::connect;

use crate::ui::{self, Color, Ui};
use clap::{CommandFactory, Parser, Subcommand, ValueEnum};
use dlinfra::{
    diagnostic::{Code, Diagnostic, Diagnostics},
    report::ci::Form,
    saved,
};
use serde_json::{Value, json};
use std::process::ExitCode;

/// How a command ended; the numbers are documented in `dlinfra --help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything as asked.
    Ok,
    /// Any error.
    Error,
    /// Changes are present (`plan --detailed-exitcode`).
    Changes,
    /// Partly applied, or AWS still works on it.
    Partial,
    /// Another run holds the lock.
    Locked,
    /// Refused by a budget, a policy, `preflight` or `rehearse`.
    Refused,
    /// A saved plan is out of date.
    Stale,
    /// Interrupted, after a clean stop.
    Interrupted,
    /// What a job on machines ended with.
    Job(u8),
}

impl Exit {
    /// As the system sees it.
    const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Error => 1,
            Self::Changes => 2,
            Self::Partial => 3,
            Self::Locked => 4,
            Self::Refused => 5,
            Self::Stale => 6,
            Self::Interrupted => 130,
            Self::Job(code) => code,
        }
    }
}

/// What ends a command early.
pub(crate) struct Stop {
    exit: Exit,
    diagnostics: Diagnostics,
}

impl From<Diagnostics> for Stop {
    fn from(diagnostics: Diagnostics) -> Self {
        let any = |codes: &[&Code]| diagnostics.iter().any(|d| codes.iter().any(|c| c.code == d.code));
        let exit = match () {
            () if any(&[&dlinfra::journal::codes::LOCKED]) => Exit::Locked,
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
impl From<dlinfra::aws::Error> for Stop {
    fn from(error: dlinfra::aws::Error) -> Self {
        error.diagnostic().into()
    }
}

pub(crate) type Result = std::result::Result<Exit, Stop>;

const AFTER: &str = "\
Exit codes:
    0  ok
    1  error
    2  changes (with --detailed-exitcode)
    3  partly applied, or AWS still works on it
    4  another run holds the lock
    5  refused by a budget, a policy, `preflight` or `rehearse`
    6  the saved plan is out of date
  124  the job of `run` took too long
  130  interrupted, after a clean stop
Other codes of `run` are those of its job.

Environment:
  DLINFRA_VAR_name  value of the variable `name`
  DLINFRA_SANDBOX   1 is as --sandbox
  DLINFRA_NO_REAPER 1 is as --no-reaper
  DLINFRA_PRICES    the file of refreshed prices, or `embedded` for none
  DLINFRA_LOG       log filter, for example debug
  AWS_*             as for the AWS CLI
  NO_COLOR          no colour
  CLICOLOR_FORCE    1 is colour also into a pipe
  COLUMNS           the width to fit, else the window's, else 100

Start here:
  dlinfra init                    writes a first blueprint
  dlinfra plan --sandbox          shows what it would make, without an account
  dlinfra apply --sandbox --yes   makes it in a simulated AWS";

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
  cost        Show what a blueprint costs, as text, JSON, CSV, Markdown or HTML
  output      Print the outputs of a stack
  logs        Show the logs of an endpoint or a log group
  invoke      Send one request to an endpoint
  preflight   Ask the account whether a blueprint can be applied
  rehearse    Apply and destroy in a simulated AWS: time, cost, what would fail
  run         Apply, run a command on every machine, and remove the stack
  wait        Wait until a stack works, or until it is gone
  ssh         Open a shell on a machine, through Session Manager
  list        List every stack in the account and region
  lock        Show who works on a stack, or end a lock by hand
  extend      Move the end of a stack with a ttl to a later time
  reap        Remove stacks whose ttl is over, as the reaper does
  reaper      Make, look at, try or remove what ends stacks at their ttl
  recover     Rebuild a lost or damaged journal from the tags of what is live

Money:
  prices      Show prices, and refresh them from AWS

Look up:
  kinds       Show the kinds of resources and their fields
  modules     Show modules and their inputs
  catalog     Show instance types, images, regions, zones and quotas
  functions   Show the functions of the expression language
  explain     Explain a diagnostic code
  topology    Show the network interfaces of an instance type
  schema      Print the JSON Schema of blueprints, for editors
  eval        Evaluate an expression against a blueprint
  graph       Print the resource graph, as Graphviz DOT

More:
  import      Take up objects that exist, also from a Terraform state
  export      Write Terraform import blocks for everything that a stack owns
  sandbox     Serve, reset and inspect the simulated AWS
  completions Print completions for a shell
  help        Show help on a command

Options:
{options}{after-help}";

/// Declarative infrastructure as code for deep learning on AWS.
#[derive(Parser)]
#[command(name = "dlinfra", version, about, help_template = HELP, after_help = AFTER, disable_help_subcommand = false)]
struct Cli {
    /// `json` prints one document (apply, destroy and run: JSON lines); `csv`, `markdown`, `html` and `github` are for
    /// `cost`; `markdown`, `github`, `gitlab`, `codequality`, `sarif` and `junit` for validate, plan, apply, destroy and run.
    #[arg(
        long,
        global = true,
        display_order = 900,
        value_enum,
        default_value = "text",
        hide_possible_values = true,
        value_name = "text|json|…"
    )]
    format: Format,
    /// `auto` shows colour on a terminal.
    #[arg(
        long,
        global = true,
        display_order = 901,
        value_enum,
        default_value = "auto",
        hide_possible_values = true,
        value_name = "auto|always|never"
    )]
    color: Color,
    #[command(subcommand)]
    command: Command,
}

/// The form of the answer: reports have csv, markdown and html; what CI systems show has markdown and the last five.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Text,
    Json,
    Csv,
    Markdown,
    Html,
    Github,
    Gitlab,
    #[value(name = "codequality")]
    CodeQuality,
    Sarif,
    Junit,
}

impl Format {
    /// The form for a CI system, where a command has those.
    fn ci(self) -> Option<Form> {
        Some(match self {
            Self::Markdown => Form::Markdown,
            Self::Github => Form::Github,
            Self::Gitlab => Form::Gitlab,
            Self::CodeQuality => Form::CodeQuality,
            Self::Sarif => Form::Sarif,
            Self::Junit => Form::Junit,
            Self::Text | Self::Json | Self::Csv | Self::Html => return None,
        })
    }

    /// As reports name it.
    fn report(self) -> dlinfra::report::cost::Format {
        use dlinfra::report::cost::Format as Report;
        match self {
            Self::Text => Report::Text,
            Self::Json => Report::Json,
            Self::Csv => Report::Csv,
            Self::Html => Report::Html,
            _ => Report::Markdown,
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
    /// Show what a blueprint costs, as text, JSON, CSV, Markdown or HTML.
    Cost(cost::Args),
    /// Print the outputs of a stack.
    Output(output::Args),
    /// Show the logs of an endpoint or a log group.
    Logs(logs::Args),
    /// Send one request to an endpoint.
    Invoke(invoke::Args),
    /// Ask the account whether a blueprint can be applied: quotas, offers, images, reservations, permissions.
    Preflight(preflight::Args),
    /// Apply and destroy a blueprint in a simulated AWS: how long it takes, what it costs, what would fail.
    Rehearse(rehearse::Args),
    /// Apply, run a command on every machine, and remove the stack.
    Run(run::Args),
    /// Wait until a stack works, or until it is gone.
    Wait(wait::Args),
    /// Open a shell on a machine, through Session Manager.
    Ssh(ssh::Args),
    /// List every stack in the account and region.
    List(list::Args),
    /// Show prices, and refresh them from AWS.
    Prices(prices::Args),
    /// Show who works on a stack, or end a lock by hand.
    Lock(lock::Args),
    /// Move the end of a stack with a ttl to a later time.
    Extend(extend::Args),
    /// Remove stacks whose ttl is over, as the reaper does.
    Reap(reap::Args),
    /// Make, look at, try or remove what ends stacks at their ttl.
    Reaper(reaper::Args),
    /// Rebuild a lost or damaged journal from the tags of what is live.
    Recover(recover::Args),
    /// Show the kinds of resources and their fields.
    Kinds(kinds::Args),
    /// Show modules and their inputs.
    Modules(modules::Args),
    /// Show instance types, images, regions, zones and quotas.
    Catalog(catalog::Args),
    /// Show the functions of the expression language.
    Functions(functions::Args),
    /// Explain a diagnostic code.
    Explain(explain::Args),
    /// Show the network interfaces of an instance type.
    Topology(topology::Args),
    /// Print the JSON Schema of blueprints, for editors.
    Schema,
    /// Evaluate an expression against a blueprint.
    Eval(eval::Args),
    /// Print the resource graph, as Graphviz DOT.
    Graph(graph::Args),
    /// Take up objects that exist: by id, name, tags, or from a Terraform state.
    Import(import::Args),
    /// Write Terraform import blocks for everything that a stack owns.
    Export(export::Args),
    /// Serve, reset and inspect the simulated AWS.
    Sandbox(sandbox::Args),
    /// Print completions for a shell.
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
            Self::Logs(_) => "logs",
            Self::Invoke(_) => "invoke",
            Self::Preflight(_) => "preflight",
            Self::Rehearse(_) => "rehearse",
            Self::Run(_) => "run",
            Self::Wait(_) => "wait",
            Self::Ssh(_) => "ssh",
            Self::List(_) => "list",
            Self::Prices(_) => "prices",
            Self::Lock(_) => "lock",
            Self::Extend(_) => "extend",
            Self::Reap(_) => "reap",
            Self::Reaper(_) => "reaper",
            Self::Recover(_) => "recover",
            Self::Kinds(_) => "kinds",
            Self::Modules(_) => "modules",
            Self::Catalog(_) => "catalog",
            Self::Functions(_) => "functions",
            Self::Explain(_) => "explain",
            Self::Topology(_) => "topology",
            Self::Schema => "schema",
            Self::Eval(_) => "eval",
            Self::Graph(_) => "graph",
            Self::Import(_) => "import",
            Self::Export(_) => "export",
            Self::Sandbox(_) => "sandbox",
            Self::Completions { .. } => "completions",
        }
    }

    /// Has it forms for CI systems?
    fn has_forms(&self) -> bool {
        matches!(self, Self::Validate(_) | Self::Plan(_) | Self::Apply(_) | Self::Destroy(_) | Self::Run(_))
    }

    /// Does it make reports, which have more forms than text and JSON?
    fn reports(&self) -> bool {
        matches!(self, Self::Cost(_))
    }
}

/// Parses, runs, and says how it ended.
pub(crate) fn main() -> ExitCode {
    fault::watch();
    let args: Vec<String> = std::env::args_os().map(|a| a.to_string_lossy().into_owned()).collect();
    let parsed = match usage::one_dash(&args) {
        Some(problem) => Err(problem),
        None => match Cli::try_parse() {
            Err(e) if usage::is_answer(&e) => {
                ui::note_loss(e.print());
                return ExitCode::from(whole(usage::exit(&e), Ui::new(false, None, Color::Auto)).code());
            }
            parsed => parsed.map_err(|e| usage::wrong(&e)),
        },
    };
    let cli = match parsed {
        Ok(cli) => cli,
        Err(problem) => {
            let ui = Ui::new(usage::wants_json(&args), None, Color::Auto);
            match ui.json {
                true => ui.data(&usage::json(&args, problem)),
                false => ui.diagnostics(&problem.into()),
            }
            return ExitCode::from(Exit::Error.code());
        }
    };
    log();
    let reported = cli.command.reports() && cli.format == Format::Github;
    let form = cli.format.ci().filter(|_| cli.command.has_forms() || reported);
    let ui = Ui::new(cli.format == Format::Json, form, cli.color);
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
    ExitCode::from(whole(exit, ui).code())
}

/// What a command printed is its result: without it the command did not succeed.
fn whole(exit: Exit, ui: Ui) -> Exit {
    let Some(why) = ui::loss() else { return exit };
    let error = Diagnostic::error(&codes::OUTPUT_NOT_WRITTEN, format!("the output could not be written: {why}"))
        .with_help("free some space, or write it elsewhere; what the command did, it did");
    ui.diagnostics(&error.into());
    if exit == Exit::Ok { Exit::Error } else { exit }
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

fn log() {
    if let Ok(filter) = std::env::var("DLINFRA_LOG") {
        let filter = tracing_subscriber::EnvFilter::new(filter);
        let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
        // A line that cannot be written is lost: telling that on the same stream would end the program.
        let _ = log.log_internal_errors(false).try_init();
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
    let has = match format {
        Format::Text | Format::Json => true,
        Format::Csv | Format::Html => command.reports(),
        Format::Markdown | Format::Github => command.reports() || command.has_forms(),
        _ => command.has_forms(),
    };
    if !has {
        let form = format.to_possible_value().map_or_else(String::new, |v| v.get_name().to_owned());
        let help = match (command.reports(), command.has_forms()) {
            (true, _) => "it has `text`, `json`, `csv`, `markdown`, `html` and `github`",
            (_, true) => "it has `text`, `json`, `markdown`, `github`, `gitlab`, `codequality`, `sarif` and `junit`",
            _ => "write `--format text` or `--format json`",
        };
        return Err(Diagnostic::error(&codes::FORMAT, format!("`dlinfra {}` has no {form} form", command.name()))
            .with_help(help)
            .into());
    }
    match command {
        Command::Init(args) => init::run(&args, ui),
        Command::Validate(args) => {
            args.forms.check()?;
            args.forms.around("validate", &forms::file(&args.source), ui, validate::run(&args, ui))
        }
        Command::Plan(args) => {
            args.forms.check()?;
            args.forms.around("plan", &forms::file(&args.source), ui, plan::run(&args, ui).await)
        }
        Command::Apply(args) => {
            args.forms.check()?;
            args.forms.around("apply", &forms::file(&args.source), ui, apply::run(&args, ui).await)
        }
        Command::Destroy(args) => {
            args.forms.check()?;
            args.forms.around("destroy", &forms::stack_or_file(&args.which), ui, destroy::run(&args, ui).await)
        }
        Command::Status(args) => status::run(&args, ui).await,
        Command::Drift(args) => drift::run(&args, ui).await,
        Command::Cost(args) => {
            let (forms, file) = (forms::Forms::default(), forms::file(args.source()));
            forms.around("cost", &file, ui, cost::run(&args, format, ui).await)
        }
        Command::Output(args) => output::run(&args, ui).await,
        Command::Logs(args) => logs::run(&args, ui).await,
        Command::Invoke(args) => invoke::run(&args, ui).await,
        Command::Preflight(args) => preflight::run(&args, ui).await,
        Command::Rehearse(args) => rehearse::run(&args, ui).await,
        Command::Run(args) => {
            args.forms.check()?;
            args.forms.around("run", &forms::stack_or_file(&args.which), ui, run::run(&args, ui).await)
        }
        Command::Wait(args) => wait::run(&args, ui).await,
        Command::Ssh(args) => ssh::run(&args, ui).await,
        Command::List(args) => list::run(&args, ui).await,
        Command::Prices(args) => prices::run(&args, ui).await,
        Command::Lock(args) => lock::run(&args, ui).await,
        Command::Extend(args) => extend::run(&args, ui).await,
        Command::Reap(args) => reap::run(&args, ui).await,
        Command::Reaper(args) => reaper::run(&args, ui).await,
        Command::Recover(args) => recover::run(&args, ui).await,
        Command::Kinds(args) => kinds::run(&args, ui),
        Command::Modules(args) => modules::run(&args, ui),
        Command::Catalog(args) => catalog::run(&args, ui),
        Command::Functions(args) => functions::run(&args, ui),
        Command::Explain(args) => explain::run(&args, ui),
        Command::Topology(args) => topology::run(&args, ui),
        Command::Schema => schema::run(ui),
        Command::Eval(args) => eval::run(&args, ui),
        Command::Graph(args) => graph::run(&args, ui),
        Command::Import(args) => import::run(&args, ui).await,
        Command::Export(args) => export::run(&args, ui).await,
        Command::Sandbox(args) => sandbox::run(&args, ui).await,
        Command::Completions { shell } => {
            let mut out = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "dlinfra", &mut out);
            let script = String::from_utf8_lossy(&out);
            if ui.json {
                let fields = json!({ "shell": shell.to_string(), "script": script });
                ui.data(&document("completions", &fields, &Diagnostics::new()).to_string());
            } else {
                ui.data(&script);
            }
            Ok(Exit::Ok)
        }
    }
}
