//! iam-policy: the least that a role must be allowed to plan, apply, change and destroy one blueprint; asks nobody.
use super::{Exit, Result, arguments::Source, document, load};
use crate::cli::codes;
use crate::ui::Ui;
use dlinfra::{
    catalog::region::partition,
    diagnostic::{Diagnostic, Diagnostics},
    grants::{Ground, Item, Life, MOST, Part, boundary, life, parts},
    journal::own_bucket,
    preflight::codes::POLICY,
};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Print the IAM policies for a role that applies this blueprint and nothing else.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    source: Source,
    /// The account, for ARNs, where the blueprint has no `account:`.
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// Print a permissions boundary instead: what the role can be allowed at most.
    #[arg(long)]
    boundary: bool,
    /// Write each policy into a file of this folder, by its name.
    #[arg(long, short, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(super) fn run(args: &Args, ui: Ui) -> Result {
    let deployment = load::load(&args.source)?;
    let compiled = &deployment.compiled;
    let account = args.account.clone().or_else(|| compiled.account.clone());
    let mut notes = Diagnostics::new();
    if account.is_none() {
        let text = "nobody says which account it is for, so the policies hold in any";
        notes.push(Diagnostic::note(&POLICY, text).with_help("give `--account`, or write `account:` in the blueprint"));
    }
    if compiled.ttl.is_some() {
        let text = "the stack has a ttl, and what makes the reaper is not among this";
        let help = "make it once with `dlinfra reaper install`, or apply with `--no-reaper`";
        notes.push(Diagnostic::note(&POLICY, text).with_help(help));
    }
    let account = account.unwrap_or_else(|| "*".to_owned());
    let region = compiled.region.clone();
    let ground = Ground {
        partition: partition(&region).to_owned(),
        bucket: own_bucket(&account, &region),
        account,
        region,
        data: true,
    };
    let items: Vec<Item<'_>> = deployment.wanted.iter().map(Item::from).collect();
    let of = Life {
        items: &items,
        stack: &compiled.stack,
        backend: compiled.backend.as_ref(),
        ends: compiled.ttl.is_some(),
        ground: &ground,
    };
    let grants = life(of);
    let found = match args.boundary {
        true => vec![Part { name: format!("dlinfra-{}-boundary", compiled.stack), document: boundary(of, &grants) }],
        false => parts(&grants, &compiled.stack),
    };
    let mut files = Vec::new();
    if let Some(folder) = &args.out {
        for part in &found {
            let file = folder.join(format!("{}.json", part.name));
            write(folder, &file, &part.document)?;
            files.push(file.display().to_string());
        }
    }
    if ui.json {
        let rows: Vec<Value> = found
            .iter()
            .map(|part| json!({ "name": part.name, "characters": part.length(), "document": part.document }))
            .collect();
        let fields = json!({ "stack": compiled.stack, "region": compiled.region, "policies": rows, "files": files });
        ui.data(&document("iam-policy", &fields, &notes).to_string());
        return Ok(Exit::Ok);
    }
    for part in &found {
        ui.say(&format!("{}: {} of {MOST} characters", part.name, part.length()));
        if args.out.is_none() {
            ui.data(&pretty(&part.document));
        }
    }
    files.iter().for_each(|file| ui.data(file));
    ui.diagnostics(&notes);
    Ok(Exit::Ok)
}

fn pretty(document: &Value) -> String {
    // A document of texts and lists always has this form.
    serde_json::to_string_pretty(document).unwrap_or_default()
}

fn write(folder: &std::path::Path, file: &std::path::Path, document: &Value) -> std::result::Result<(), Diagnostic> {
    std::fs::create_dir_all(folder).and_then(|()| std::fs::write(file, format!("{}\n", pretty(document)))).map_err(
        |e| {
            Diagnostic::error(&codes::REPORT_NOT_WRITTEN, format!("{} cannot be written: {e}", file.display()))
                .with_help("name a folder that you may write")
        },
    )
}
