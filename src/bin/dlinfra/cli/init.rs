//! init: a first blueprint, ready for the sandbox.
use super::{Exit, Result, document, plan::quoted};
use crate::cli::codes;
use crate::ui::Ui;
use dlinfra::diagnostic::{Diagnostic, Diagnostics, did_you_mean};
use serde_json::json;
use std::{io::Write, path::PathBuf};

/// The blueprints that `init` can write.
pub(crate) static TEMPLATES: &[(&str, &str)] = &[
    ("cpu-smoke", include_str!("../../../../blueprints/cpu-smoke.yaml")),
    ("gpu-dev-box", include_str!("../../../../blueprints/gpu-dev-box.yaml")),
    ("efa-training", include_str!("../../../../blueprints/efa-training.yaml")),
    ("endpoint", include_str!("../../../../blueprints/endpoint.yaml")),
    ("endpoint-async", include_str!("../../../../blueprints/endpoint-async.yaml")),
    ("endpoint-components", include_str!("../../../../blueprints/endpoint-components.yaml")),
    ("endpoint-serverless", include_str!("../../../../blueprints/endpoint-serverless.yaml")),
    ("llm-on-ec2", include_str!("../../../../blueprints/llm-on-ec2.yaml")),
];

/// Write a first blueprint.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Which one: cpu-smoke, gpu-dev-box, efa-training, endpoint, endpoint-async, endpoint-components,
    /// endpoint-serverless, llm-on-ec2.
    #[arg(default_value = "cpu-smoke")]
    template: String,
    /// Where to; an existing file is never overwritten.
    #[arg(long = "out", alias = "output", short, value_name = "FILE", default_value = "dlinfra.yaml")]
    output: PathBuf,
}

pub(super) fn run(args: &Args, ui: Ui) -> Result {
    let Some((name, text)) = TEMPLATES.iter().find(|(n, _)| *n == args.template) else {
        let help = did_you_mean(&args.template, TEMPLATES.iter().map(|t| t.0)).map(|n| format!("did you mean `{n}`?"));
        let all: Vec<&str> = TEMPLATES.iter().map(|t| t.0).collect();
        return Err(Diagnostic::error(&codes::NO_TEMPLATE, format!("there is no template `{}`", args.template))
            .with_help_opt(help.or_else(|| Some(format!("templates: {}", all.join(", ")))))
            .into());
    };
    let path = args.output.display();
    let written = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&args.output)
        .and_then(|mut f| f.write_all(text.as_bytes()));
    if let Err(e) = written {
        let (summary, help) = if e.kind() == std::io::ErrorKind::AlreadyExists {
            (format!("{path} exists already and is left as it is"), "name another file with `--out`")
        } else {
            (format!("{path} was not written: {e}"), "choose a folder in which you may write")
        };
        return Err(Diagnostic::error(&codes::BLUEPRINT_NOT_WRITTEN, summary).with_help(help).into());
    }
    if ui.json {
        ui.data(&document("init", &json!({ "template": name, "file": args.output }), &Diagnostics::new()).to_string());
    } else {
        ui.say(&format!("wrote {path} ({name})"));
        let file = if args.output.as_os_str() == "dlinfra.yaml" {
            String::new()
        } else {
            format!(" {}", quoted(&path.to_string()))
        };
        ui.say(&format!("Next: dlinfra plan{file} --sandbox"));
    }
    Ok(Exit::Ok)
}
