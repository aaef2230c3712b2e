//! recover: a lost or damaged journal is begun again from the tags of what is live.
use super::{
    Exit, Result, Stop, apply, document, plan,
    stack::{self, Located, Which},
};
use crate::cli::codes;
use crate::ui::Ui;
use dlinfra::{
    diagnostic::{Diagnostic, Diagnostics},
    engine::{Live, View},
    journal::{self, Backend, ByKind, Holder, JournalError, Lease, LocalBackend, Lost, Memory, Recovered, Request},
    plan::Wanted,
    report::plan::Header,
};
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Rebuild a lost or damaged journal from the tags of what is live, or move it to where the blueprint says.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    which: Which,
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
    /// The journal is intact, but every object was removed by hand: start it again without them.
    #[arg(long)]
    forget: bool,
}

/// What has to be done.
enum Case {
    /// Nothing.
    Whole(Memory),
    /// There is none, or it cannot be read: begin it again from tags.
    Rebuild(Option<JournalError>),
    /// It lies in a folder, and the blueprint means the account's bucket.
    Move(Arc<LocalBackend>),
    /// Every object of it is gone.
    Forget(Memory),
}

pub(super) async fn run(args: &Args, ui: Ui) -> Result {
    let mut found = stack::locate(&args.which).await?;
    found.engine.search().await?;
    let wanted = found.deployment.as_ref().map(|d| d.wanted.clone()).unwrap_or_default();
    let view = found.engine.look(&wanted).await?;
    let header = plan::header(&found.place, &found.engine, &found.stack).await?;
    let case = case(&found, &view, args.forget).await?;
    if !ui.json {
        ui.say(&words(&found, &view, &header, &case));
        ui.diagnostics(&view.notes);
    }
    if let Case::Whole(memory) = &case {
        if ui.json {
            ui.data(&summary(&header, "whole", memory, None));
        }
        return Ok(Exit::Ok);
    }
    // What would be written was shown: without a terminal this was the dry look.
    apply::can_answer(args.yes, ui, "recover")?;
    if !args.yes {
        let question = format!("Write the journal of {} in {}? [y/N]", found.stack, header.journal);
        if !ui.ask(&question).is_some_and(|a| matches!(a.as_str(), "y" | "Y" | "yes")) {
            ui.say("nothing was changed");
            return Ok(Exit::Error);
        }
    }
    let backend = found.engine.backend();
    backend.prepare().await.map_err(|e| e.diagnostic())?;
    let lease = lease(&found, backend.clone(), ui).await?;
    let done = write(&found, &view, &wanted, &case, ui).await;
    let released = lease.release().await;
    let (memory, aside) = done?;
    released.map_err(|e| e.diagnostic())?;
    if ui.json {
        let did = match case {
            Case::Move(_) => "moved",
            Case::Forget(_) => "forgotten",
            Case::Rebuild(_) | Case::Whole(_) => "rebuilt",
        };
        ui.data(&summary(&header, did, &memory, aside.as_deref()));
        return Ok(Exit::Ok);
    }
    let aside = aside.map(|path| format!("; the old folder is {path}")).unwrap_or_default();
    ui.say(&format!("the journal in {} knows {} resources{aside}", header.journal, known(&memory)));
    Ok(Exit::Ok)
}

fn known(memory: &Memory) -> usize {
    let all: BTreeSet<_> = memory.applied.keys().chain(memory.accepted.keys()).collect();
    all.len()
}

/// What is wrong with the journal?
async fn case(found: &Located, view: &View, forget: bool) -> std::result::Result<Case, Stop> {
    let backend = found.engine.backend();
    let live = !view.snapshot.owned.is_empty();
    let refuse =
        |text: String, help: &str| -> Stop { Diagnostic::error(&codes::STILL_LIVE, text).with_help(help).into() };
    let damage = match journal::read(&**backend).await {
        Ok(memory) if !memory.is_empty() => {
            found.engine.check_claim(&memory)?;
            if !forget {
                return Ok(Case::Whole(memory));
            }
            if live {
                let text = format!("{} objects of {} are live", view.snapshot.owned.len(), found.stack);
                return Err(refuse(
                    text,
                    "`--forget` is for a stack that has nothing left; `dlinfra destroy` removes it",
                ));
            }
            return Ok(Case::Forget(memory));
        }
        Ok(_) => None,
        Err(error @ JournalError::Damaged { .. }) => Some(error),
        // A newer format is no damage, and a refusal is no absence.
        Err(error) => return Err(error.diagnostic().into()),
    };
    if backend.bucket().is_some()
        && let Some(local) = found.place.local(&found.stack).await?
        && found.deployment.as_ref().is_none_or(|d| d.compiled.backend.is_none())
    {
        return Ok(Case::Move(local));
    }
    if !live {
        return Err(JournalError::NothingLive { stack: found.stack.clone() }.diagnostic().into());
    }
    Ok(Case::Rebuild(damage))
}

/// What was found, and what will be written.
fn words(found: &Located, view: &View, header: &Header, case: &Case) -> String {
    let mut out = format!("{}   {}   {}\n", header.stack, header.region, header.place);
    match case {
        Case::Whole(memory) => {
            let gone = memory.expects_objects() && view.snapshot.owned.is_empty();
            let help =
                if gone { ", but none of them is live: if that is right, `dlinfra recover --forget`" } else { "" };
            out.push_str(&format!(
                "the journal in {} is whole: it knows {} resources{help}\n",
                header.journal,
                known(memory)
            ));
            return out;
        }
        Case::Forget(memory) => {
            out.push_str(&format!(
                "the journal in {} knows {} resources, and none is live: it will be begun again without them\n",
                header.journal,
                known(memory)
            ));
            return out;
        }
        Case::Move(local) => {
            out.push_str(&format!(
                "the journal lies in {}; it will be copied to {}, and the folder set aside\n",
                local.place(),
                header.journal
            ));
            return out;
        }
        Case::Rebuild(Some(damage)) => out.push_str(&format!("{damage}\n")),
        Case::Rebuild(None) => out.push_str(&format!("there is no journal in {}\n", header.journal)),
    }
    out.push_str(&format!(
        "it will be begun again from the tags of what is live (stack-id {}):\n",
        view.scope.stack_id
    ));
    let width = view.snapshot.owned.keys().map(|a| a.as_str().len()).max().unwrap_or(0);
    for (address, live) in &view.snapshot.owned {
        out.push_str(&format!("  {:width$}  {}  {}\n", address.as_str(), live.kind.name(), live.live.id));
    }
    let lost = if found.deployment.is_some() {
        "which fields and tags the blueprint once had and has no more: they are left as they are"
    } else {
        "which fields and tags were set by the blueprint: name it instead of `--stack`, and those that it has are kept"
    };
    out.push_str(&format!("what cannot be rebuilt: calls that were in flight and left nothing; {lost}\n"));
    out.push_str("old records stay where they are\n");
    out
}

async fn lease(found: &Located, backend: Arc<dyn Backend>, ui: Ui) -> std::result::Result<Lease, Stop> {
    let mut request = Request::new(backend, found.engine.aws().clock().clone(), Holder::current("recover"));
    request.presence = Some(found.place.presence());
    request.watching = Arc::new(move |lock| ui.say(&apply::watching(lock)));
    Ok(Lease::acquire(request).await.map_err(|e| e.diagnostic())?)
}

/// Writes the journal; the lease is held. The folder that was set aside, if one was.
async fn write(
    found: &Located,
    view: &View,
    wanted: &[Wanted],
    case: &Case,
    ui: Ui,
) -> std::result::Result<(Memory, Option<String>), Stop> {
    let (backend, clock) = (found.engine.backend(), found.engine.aws().clock());
    let stop = |e: JournalError| -> Stop { e.diagnostic().into() };
    let holder = Holder::current("recover").name;
    match case {
        Case::Whole(memory) => Ok((memory.clone(), None)),
        Case::Forget(memory) => {
            let claim = memory.claim.as_ref().ok_or_else(|| JournalError::NothingLive { stack: found.stack.clone() });
            let claim = claim.map_err(stop)?;
            Ok((journal::forget(&**backend, clock, claim, &holder).await.map_err(stop)?, None))
        }
        Case::Move(local) => {
            let theirs = lease(found, local.clone(), ui).await?;
            let moved = journal::transfer(&**local, &**backend).await;
            theirs.release().await.map_err(stop)?;
            let memory = moved.map_err(stop)?;
            Ok((memory, Some(local.set_aside().map_err(stop)?.display().to_string())))
        }
        Case::Rebuild(_) => {
            let mut live = ByKind::new();
            for item in view.snapshot.owned.values() {
                live.entry(item.kind.name().to_owned()).or_default().push(Live::clone(&item.live));
            }
            let fields = |w: &Wanted| w.spec.as_object().map(|m| m.keys().cloned().collect()).unwrap_or_default();
            let lost = Lost {
                stack: &found.stack,
                account: &found.engine.identity().account,
                region: found.engine.aws().region(),
                holder: &holder,
                live: &live,
                pins: BTreeMap::new(),
                written: wanted.iter().map(|w| (w.address.clone(), fields(w))).collect(),
                tags: found.deployment.iter().flat_map(|d| d.target().tags.into_keys()).collect(),
            };
            match journal::recover(&**backend, clock, &lost).await.map_err(stop)? {
                // Somebody was faster.
                Recovered::Whole(memory) | Recovered::Rebuilt { memory, .. } => Ok((memory, None)),
            }
        }
    }
}

fn summary(header: &Header, did: &str, memory: &Memory, aside: Option<&str>) -> String {
    let fields = json!({
        "stack": header.stack, "account": header.account, "region": header.region, "journal": header.journal,
        "result": did, "resources": known(memory), "set_aside": aside,
        "stack_id": memory.claim.as_ref().map(|c| c.stack_id.clone()),
    });
    document("recover", &fields, &Diagnostics::new()).to_string()
}
