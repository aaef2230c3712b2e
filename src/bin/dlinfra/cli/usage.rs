//! Command lines that cannot be read: what clap says, with a tip for those who come from other tools.
use super::{Cli, Exit, document};
use crate::cli::codes;
use clap::{CommandFactory, error::ErrorKind};
use dlinfra::diagnostic::{Diagnostic, Diagnostics};
use serde_json::Value;

/// A long flag with one dash, as Terraform takes it: `-out=x` would be the short flag `-o` with the value `ut=x`.
pub(super) fn one_dash(args: &[String]) -> Option<Diagnostic> {
    let cli = Cli::command();
    let known = |name: &str| {
        let own = cli.get_arguments().chain(cli.get_subcommands().flat_map(clap::Command::get_arguments));
        own.filter_map(clap::Arg::get_long).any(|long| long == name) || tip(&format!("--{name}")).is_some()
    };
    let flag = args.iter().skip(1).take_while(|a| *a != "--").find_map(|arg| {
        let name = arg.strip_prefix('-').filter(|rest| !rest.starts_with('-'))?.split('=').next()?;
        (name.len() > 1 && known(name)).then_some((arg, name))
    });
    let (arg, name) = flag?;
    let help = tip(&format!("--{name}")).map_or_else(|| format!("write `-{arg}`"), str::to_owned);
    Some(
        Diagnostic::error(&codes::COMMAND_LINE, format!("`{arg}` has one dash, and long flags have two"))
            .with_help(help),
    )
}

/// What a command or a flag of another tool is called here.
fn tip(word: &str) -> Option<&'static str> {
    Some(match word {
        "--auto-approve" => "write `--yes`; data that would be destroyed needs `--allow-destroy` as well",
        "--target" => {
            "there is no `--target`: a plan is for the whole stack; split what lives apart into two blueprints"
        }
        "--refresh" | "--refresh-only" => "every plan looks at what is live; `dlinfra drift` shows only that",
        "--json" => "write `--format json`",
        "--quiet" | "--no-color" => "set NO_COLOR=1 for plain text, or write `--format json`",
        "show" => "`dlinfra plan PLAN.json` shows a saved plan, `dlinfra status` what is live",
        "version" => "write `dlinfra --version`",
        "preview" | "diff" => "write `dlinfra plan`",
        "up" | "deploy" | "create" => "write `dlinfra apply`",
        "down" | "delete" | "rm" => "write `dlinfra destroy`",
        "ls" | "stacks" => "write `dlinfra list`",
        "check" | "lint" => "write `dlinfra validate`",
        "state" => "there is no state file: `dlinfra status` shows what is live, `dlinfra recover` mends the journal",
        "refresh" => "every plan looks at what is live; `dlinfra drift` shows only that",
        "outputs" => "write `dlinfra output`",
        "unlock" | "force-unlock" => "write `dlinfra lock --help`",
        "console" => "write `dlinfra eval EXPRESSION`",
        _ => return None,
    })
}

/// What a wrong command line is answered with.
pub(super) fn wrong(error: &clap::Error) -> Diagnostic {
    let text = error.render().to_string();
    let mut lines = text.lines();
    let mut summary = lines.next().unwrap_or_default().trim_start_matches("error: ").to_owned();
    // What a colon announces stands in lines of its own.
    if summary.ends_with(':') {
        let names = lines.map_while(|line| line.strip_prefix("  ")).map(str::trim).collect::<Vec<_>>().join(", ");
        summary = format!("{summary} {names}");
    }
    let mut out = Diagnostic::error(&codes::COMMAND_LINE, summary);
    let word = error.context().find_map(|(kind, value)| match (kind, value) {
        (
            clap::error::ContextKind::InvalidArg | clap::error::ContextKind::InvalidSubcommand,
            clap::error::ContextValue::String(word),
        ) => Some(word.as_str()),
        _ => None,
    });
    if let Some(tip) = word.and_then(|w| tip(w.split('=').next().unwrap_or(w))) {
        return out.with_help(tip);
    }
    for line in text.lines().map(str::trim).filter_map(|l| l.strip_prefix("tip: ")) {
        out = out.with_help(line.to_owned());
    }
    let usage = text.lines().find_map(|l| l.strip_prefix("Usage: "));
    out.with_help(usage.map_or_else(|| "`dlinfra --help` lists the commands".to_owned(), |u| format!("usage: {u}")))
}

/// Does the command line ask for JSON? It could not be read, so only the flag itself is looked for.
pub(super) fn wants_json(args: &[String]) -> bool {
    args.iter().any(|a| a == "--format=json") || args.windows(2).any(|w| w[0] == "--format" && w[1] == "json")
}

/// Is the answer a page of help or the version, in clap's own words?
pub(super) fn is_answer(error: &clap::Error) -> bool {
    use ErrorKind::{DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand, DisplayVersion};
    matches!(error.kind(), DisplayHelp | DisplayVersion | DisplayHelpOnMissingArgumentOrSubcommand)
}

/// Help that nobody asked for is an error: no command was named.
pub(super) fn exit(error: &clap::Error) -> Exit {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand { Exit::Error } else { Exit::Ok }
}

/// The whole answer as JSON.
pub(super) fn json(args: &[String], problem: Diagnostic) -> String {
    let cli = Cli::command();
    let command = args.iter().skip(1).find(|a| cli.get_subcommands().any(|c| c.get_name() == a.as_str()));
    document(command.map_or("", String::as_str), &Value::Null, &Diagnostics::from(problem)).to_string()
}
