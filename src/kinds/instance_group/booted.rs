//! How machines end their first start. A group with `boot_within` is as wanted only when the boot script of each member
//! has ended well; a member whose script has failed is dead, and the next apply replaces it alone.
//!
//! cloud-init knows how a start ended, and Systems Manager is the way to ask it, so that machines need no permission to
//! report. What was heard is kept as a tag of the machine: later runs ask only those that they know nothing of.
use super::live::Fleet;
use crate::{
    aws::{
        Error, ErrorClass,
        commands::{FirstStart, is_unreached},
        tags,
    },
    call::Ctx,
    resource::Id,
};
use std::collections::BTreeMap;

/// The words of the tag [`tags::BOOT`].
const DONE: &str = "done";
const FAILED: &str = "failed";

/// Has it ended well?
pub(super) fn is_done(tags: &tags::Tags) -> bool {
    tags.get(tags::BOOT).is_some_and(|word| word == DONE)
}

/// Has it failed?
pub(super) fn has_failed(tags: &tags::Tags) -> bool {
    tags.get(tags::BOOT).is_some_and(|word| word == FAILED)
}

/// Asks the machines of which nothing is known yet, once, and remembers what they say.
///
/// # Errors
/// Some of them still start; some have failed, with the end of the first one's log.
pub(super) async fn ask(ctx: &Ctx, fleet: &Fleet) -> Result<(), Error> {
    let open = fleet.unheard();
    if open.is_empty() {
        return Ok(());
    }
    let waiting = |why: String| Error::new(ErrorClass::WrongState, why);
    let there = ctx.aws.reached(&open).await?;
    let asked: Vec<Id> = open.iter().filter(|id| there.contains(*id)).cloned().collect();
    if asked.is_empty() {
        return Err(waiting(format!("Systems Manager does not reach {} yet", some(&open)))
            .help("`dlinfra explain DL0388` says what a machine needs for that"));
    }
    let starts = match ctx.aws.first_starts(&asked).await {
        // It went away between the two.
        Err(e) if is_unreached(&e) => return Err(waiting(e.to_string())),
        other => other?,
    };
    let mut heard: BTreeMap<&str, Vec<Id>> = BTreeMap::new();
    let mut log = None;
    for (id, start) in starts {
        match start {
            FirstStart::Running => {}
            FirstStart::Done => heard.entry(DONE).or_default().push(id),
            FirstStart::Failed(text) => {
                log.get_or_insert_with(|| (id.clone(), text));
                heard.entry(FAILED).or_default().push(id);
            }
        }
    }
    let known: usize = heard.values().map(Vec::len).sum();
    for (word, ids) in heard {
        let tags: tags::Tags = [(tags::BOOT.to_owned(), word.to_owned())].into_iter().collect();
        tags::Tagger::retag(&tags::EC2, &ctx.aws, &ids, &tags, &[]).await?;
    }
    match log {
        Some((id, log)) => Err(Error::new(
            ErrorClass::Other,
            format!("the first start of {id} failed; its log ends with:\n{log}"),
        )
        .help(
            "mend the script and apply again: what has failed is replaced, the others stay unless the script changed",
        )),
        None if known < open.len() => Err(waiting(format!("the first start of {} goes on", some(&open)))),
        None => Ok(()),
    }
}

fn some(ids: &[Id]) -> String {
    match ids {
        [one] => one.clone(),
        [first, rest @ ..] => format!("{first} and {} more", rest.len()),
        [] => "nobody".to_owned(),
    }
}
