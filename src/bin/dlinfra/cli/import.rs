//! import: take up objects that exist, by id, name, tags, or from a Terraform state file.
mod terraform;

use super::{
    Exit, Result, Stop, apply,
    arguments::{Source, Where},
    document, load, money,
    place::Place,
    plan,
};
use crate::cli::codes;
use crate::ui::Ui;
use dlinfra::{
    compose::Deployment,
    diagnostic::{Diagnostic, codes, did_you_mean},
    engine::{By, ImportClaim, Lookup},
    plan::Wanted,
    price::PriceBook,
    report::{cost::PlanFigures, import as report},
    terraform::state,
};
use serde_json::json;
use std::{collections::BTreeMap, path::PathBuf};

/// Take over existing objects as resources of the blueprint. Only ownership tags are set.
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(super) struct Args {
    #[command(flatten)]
    source: Source,
    /// The resource of the blueprint that the object becomes.
    #[arg(value_name = "ADDRESS")]
    address: Option<String>,
    /// Its id or ARN; of an instance group, the ids of all its instances.
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// Find it by name (or by its Name tag, where the kind has no name).
    #[arg(long, conflicts_with = "ids")]
    name: Option<String>,
    /// Find it by tags, all of which must match.
    #[arg(long = "tag", value_name = "KEY=VALUE", conflicts_with_all = ["ids", "name"])]
    tags: Vec<String>,
    /// Take up what a Terraform state file (version 4) lists.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["address", "ids", "name", "tags"])]
    from_terraform: Option<PathBuf>,
    /// Which resource an object of the state becomes, where that cannot be told.
    #[arg(long, value_name = "aws_x.y=ADDRESS", requires = "from_terraform")]
    map: Vec<String>,
    /// An object of the state that stays as it is.
    #[arg(long, value_name = "aws_x.y", requires = "from_terraform")]
    skip: Vec<String>,
    #[command(flatten)]
    place: Where,
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
    /// Only show what would be done.
    #[arg(long)]
    dry_run: bool,
}

const AFTER: &str = "\
Examples:
  dlinfra import train.yaml network.vpc vpc-0a1b2c3d
  dlinfra import train.yaml corpus --name acme-corpus
  dlinfra import train.yaml train.group i-0aa i-0bb i-0cc
  dlinfra import train.yaml --from-terraform terraform.tfstate --map aws_subnet.a=network.private/a";

/// What was named, and what is not imported.
struct Chosen {
    claims: Vec<ImportClaim>,
    notes: Vec<String>,
    /// Names in the state of what is imported, parts included.
    state: Vec<String>,
}

pub(super) async fn run(args: &Args, ui: Ui) -> Result {
    let (address, tags) = (args.address.as_deref(), tags(&args.tags)?);
    let by = by(args, tags)?;
    if !args.dry_run {
        apply::can_answer(args.yes, ui, "import")?;
    }
    let deployment = load::load(&args.source)?;
    if !ui.json {
        ui.diagnostics(&deployment.notes);
    }
    let file = load::inputs(&args.source)?.file;
    let place = Place::open(&args.place, &deployment.compiled.region, Some(&file)).await?;
    let engine = place.engine(deployment.target(), deployment.compiled.backend.as_ref()).await?;
    let wanted = &deployment.wanted;
    let view = engine.look(wanted).await?;
    if let Some(error) = engine.no_memory(&view) {
        return Err(error.diagnostic().into());
    }
    let chosen = match (&args.from_terraform, address) {
        (Some(path), _) => {
            let text = std::fs::read_to_string(path).map_err(|e| {
                Diagnostic::error(
                    &dlinfra::terraform::codes::TERRAFORM_STATE,
                    format!("the Terraform state {} cannot be read: {e}", path.display()),
                )
                .with_help("name a file, for example one from `terraform state pull > terraform.tfstate`")
            })?;
            terraform::from_terraform(args, &state::parse(&text, dlinfra::kinds::KINDS)?, &engine, &view, wanted)
                .await?
        }
        (None, Some(address)) => {
            let item = resource(address, &deployment)?;
            let claim = engine.find_one(item, &by, &view).await?;
            Chosen { claims: vec![claim], notes: Vec::new(), state: Vec::new() }
        }
        (None, None) => return Err(nothing_named()),
    };
    let import = engine.plan_import(chosen.claims, wanted, &view).await?;
    let header = plan::header(&place, &engine, &deployment.compiled.stack).await?;
    if ui.json && (args.dry_run || import.plan.is_empty()) {
        let mut fields = report::json(&header, &import);
        fields["notes"] = json!(chosen.notes);
        ui.data(&document("import", &fields, &deployment.notes).to_string());
    }
    if !ui.json {
        let text = report::text(&header, &import, ui.screen);
        let notes: String = chosen.notes.iter().map(|n| format!("Note: {n}\n")).collect();
        let text = format!("{text}{notes}");
        if args.dry_run { ui.data(&text) } else { ui.say(&text) }
    }
    if args.dry_run || import.plan.is_empty() {
        return Ok(Exit::Ok);
    }
    let count = import.plan.steps.len();
    let what = if count == 1 { "1 resource".to_owned() } else { format!("{count} resources") };
    let question = format!("Take up {what} in account {} {}? [y/N]", header.account, header.region);
    if !args.yes && !ui.ask(&question).is_some_and(|a| matches!(a.as_str(), "y" | "Y" | "yes")) {
        ui.say("nothing was changed");
        return Ok(Exit::Error);
    }
    let job = apply::Job {
        engine: &engine,
        plan: &import.plan,
        view: &view,
        wanted,
        command: "import",
        delete_data: false,
        presence: place.presence(),
    };
    let outcome = apply::execute(job, ui).await?;
    if ui.json {
        // An import itself costs nothing; the stack that it leads to does.
        let stated = money::stated(&deployment.compiled, &money::Limits::default())?.0;
        let pricing = money::pricing(&deployment.compiled, &stated, PriceBook::embedded());
        let figures = PlanFigures::new(&pricing.plan(&import.after));
        let mut last = apply::summary("import", &header, &import.plan, &outcome, &figures, &deployment.notes);
        last["import"] = report::json(&header, &import);
        last["notes"] = json!(chosen.notes);
        ui.data(&last.to_string());
        return Ok(apply::exit(&outcome));
    }
    ui.say(&apply::closing("import", &import.plan, &outcome).replace("adopted", "taken up"));
    if outcome.complete() {
        if !chosen.state.is_empty() {
            ui.say("Terraform still lists these objects. Let it forget them before its next apply, which would remove their tags:");
            let quoted: Vec<String> = chosen.state.iter().map(|n| shell(n)).collect();
            ui.say(&format!("  terraform state rm {}", quoted.join(" ")));
        }
        ui.say(&format!("Next: {}", plan::next("plan", &args.source, &place)));
    } else {
        ui.say("Next: the same command again; it continues");
    }
    Ok(apply::exit(&outcome))
}

fn nothing_named() -> Stop {
    Diagnostic::error(&IMPORT_NOTHING_NAMED, "what should be imported?")
        .with_help("name the resource and the object: `dlinfra import FILE ADDRESS ID` (or `--name`, or `--tag`)")
        .with_help("or give a Terraform state file: `dlinfra import FILE --from-terraform terraform.tfstate`")
        .into()
}

/// Keys of `for_each` have quotes and brackets.
fn shell(name: &str) -> String {
    if name.contains(['[', '"', ' ']) { format!("'{name}'") } else { name.to_owned() }
}

fn tags(pairs: &[String]) -> std::result::Result<BTreeMap<String, String>, Stop> {
    let mut out = BTreeMap::new();
    for pair in pairs {
        let Some((key, value)) = pair.split_once('=') else {
            return Err(Diagnostic::error(&IMPORT_NOTHING_NAMED, format!("`--tag {pair}` has no `=`"))
                .with_help("write `--tag KEY=VALUE`")
                .into());
        };
        out.insert(key.to_owned(), value.to_owned());
    }
    Ok(out)
}

fn by(args: &Args, tags: BTreeMap<String, String>) -> std::result::Result<By, Stop> {
    if args.from_terraform.is_some() {
        return Ok(By::Ids(Vec::new()));
    }
    match (&args.name, tags.is_empty()) {
        (Some(name), _) => Ok(By::Lookup(Lookup::Name(name.clone()))),
        (None, false) => Ok(By::Lookup(Lookup::Tags(tags.into()))),
        (None, true) if args.address.is_some() && !args.ids.is_empty() => Ok(By::Ids(args.ids.clone())),
        _ => Err(nothing_named()),
    }
}

/// A resource of the blueprint that can take an object.
fn resource<'d>(address: &str, deployment: &'d Deployment) -> std::result::Result<&'d Wanted, Stop> {
    let Some(found) = deployment.wanted.iter().find(|w| w.address.as_str() == address) else {
        let all = deployment.wanted.iter().map(|w| w.address.as_str());
        let help = did_you_mean(address, all).map(|n| format!("did you mean `{n}`?"));
        let help =
            help.unwrap_or_else(|| "`dlinfra plan --full` lists the addresses; write the resource first".to_owned());
        return Err(Diagnostic::error(&codes::NO_RESOURCE, format!("the blueprint has no resource at `{address}`"))
            .with_help(help)
            .into());
    };
    importable(found)?;
    Ok(found)
}

fn importable(item: &Wanted) -> std::result::Result<(), Stop> {
    if item.existing.is_some() {
        return Err(Diagnostic::error(
            &IMPORT_OF_EXISTING,
            format!("{} is `existing:`, so it is only read", item.address),
        )
        .with_help("an object that dlinfra shall manage is written out with its fields, without `existing:`")
        .into());
    }
    Ok(())
}

codes! {
    /// What `dlinfra explain` says about import and export.
    pub(super) CODES:
    IMPORT_NOTHING_NAMED = "DL0781", "What to import is not said",
        "An import names a resource of the blueprint and one object for it (by id, `--name` or `--tag`), or a Terraform state file.";
    IMPORT_OF_EXISTING = "DL0782", "A resource with `existing:` is only read",
        "`existing:` names an object that dlinfra reads and never changes. To manage it, write its fields out, without `existing:`, and import it then.";
    IMPORT_FITS_SEVERAL = "DL0783", "An object of the state fits several resources, or none",
        "Objects of a Terraform state are matched with resources of the blueprint by what they are (ranges, zones, rules, what they point at), then by name. Where that does not decide, say it with `--map aws_subnet.a=network.private/a`, or leave the object with Terraform with `--skip aws_subnet.a`.";
    MAPPING = "DL0784", "A mapping does not fit",
        "`--map` takes an object of the state and a resource of the same kind in the blueprint: `--map aws_vpc.main=network.vpc`. `terraform state list` shows the objects, `dlinfra plan --full` the resources.";
    NOTHING_TO_EXPORT = "DL0785", "Nothing to export",
        "The stack owns no objects in this account and region.";
    EXPORT_NOT_WRITTEN = "DL0786", "The export was not written",
        "`export --out` never writes over a file.";
}
