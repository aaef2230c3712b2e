//! ssh: a shell on a machine through Session Manager, without an open port or a key.
use super::{Exit, Result, document, stack::One};
use crate::{cli::codes, ui::Ui};
use dlinfra::diagnostic::{Diagnostic, Diagnostics};
use serde_json::json;
use std::{os::unix::process::CommandExt, process::Command};

/// Open a shell on a machine, through Session Manager.
#[derive(clap::Args)]
#[command(after_help = AFTER, override_usage = "dlinfra ssh [OPTIONS] [FILE] ADDRESS[N]")]
pub(super) struct Args {
    #[command(flatten)]
    one: One,
    /// Print the command and do not run it.
    #[arg(long)]
    print: bool,
}

const AFTER: &str = "\
Examples:
  dlinfra ssh train            the first machine: rank 0
  dlinfra ssh train.yaml 'train[3]'
  dlinfra ssh --stack efa-training --region us-east-1 train --print

It runs `aws ssm start-session`: the AWS CLI and the Session Manager plugin must be installed here.
The machine's role must have AmazonSSMManagedInstanceCore, as roles of the shipped modules do.";

/// Both are needed: the second is a helper of the first.
const PROGRAMS: [&str; 2] = ["aws", "session-manager-plugin"];

pub(super) async fn run(args: &Args, ui: Ui) -> Result {
    let (one, member) = args.one.indexed()?;
    let chosen = one.choose(|object| object.live.members.iter().any(|m| is_machine(&m.id))).await?;
    let members = &chosen.object.live.members;
    let Some(machine) = members.get(member).filter(|m| is_machine(&m.id)) else {
        let text = format!("{} has {} machines: there is no number {member}", chosen.address, members.len());
        return Err(Diagnostic::error(&codes::CANNOT, text)
            .with_help("they are counted from 0, the oldest first")
            .into());
    };
    let mut words: Vec<String> = ["aws", "ssm", "start-session", "--target", &machine.id].map(str::to_owned).into();
    let place = &chosen.found.place;
    words.extend(["--region".to_owned(), place.aws.region().to_owned()]);
    if place.sandbox.is_none() {
        // The AWS CLI calls these flags the same.
        words.extend(place.flag.split_whitespace().map(str::to_owned));
    }
    let line = words.join(" ");
    if ui.json {
        let fields = json!({ "address": chosen.address, "instance": machine.id, "command": words });
        ui.data(&document("ssh", &fields, &Diagnostics::new()).to_string());
        return Ok(Exit::Ok);
    }
    if args.print {
        ui.data(&line);
        return Ok(Exit::Ok);
    }
    if place.sandbox.is_some() {
        let text = format!("{} is a machine of the sandbox, on which nothing runs", machine.id);
        return Err(Diagnostic::error(&codes::CANNOT, text).with_help("`--print` shows what would be run").into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let missing = PROGRAMS.iter().find(|name| !std::env::split_paths(&path).any(|folder| folder.join(name).is_file()));
    if let Some(name) = missing {
        ui.data(&line);
        let text = format!("`{name}` is not installed here, so this was only printed");
        return Err(Diagnostic::error(&codes::NO_SESSION, text)
            .with_help("`dlinfra explain DL0726` says where it comes from")
            .into());
    }
    let why = Command::new(&words[0]).args(&words[1..]).exec();
    Err(Diagnostic::error(&codes::NO_SESSION, format!("`{line}` cannot be started: {why}")).into())
}

/// Does Session Manager know it? Members of other kinds are parts of a service.
fn is_machine(id: &str) -> bool {
    id.starts_with("i-")
}
