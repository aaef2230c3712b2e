//! What can be wrong with a saved plan, each with its own code and its own way out.
use super::SavedPlan;
use crate::diagnostic::{Code, Diagnostic, codes};

codes! {
    /// What `dlinfra explain` says about saved plans.
    pub CODES:
    OUT_OF_DATE = "DL0750", "A saved plan is out of date",
        "`apply plan.json` plans again from the inputs in the file and a fresh read of AWS, and continues only if exactly the same steps result. Something was changed since: by another apply, by hand, by AWS, or in the file's steps. The steps that differ are listed. A plan that was applied before is out of date too. Make a new plan with `dlinfra plan FILE -o plan.json`, and read it. The exit code is 6.";
    TAMPERED = "DL0751", "A saved plan was changed by hand",
        "The inputs in a saved plan (files, variables, images, times) do not have the digest that was written with them. A saved plan is never edited: change the blueprint, and plan again. The exit code is 6.";
    UNREADABLE = "DL0752", "A saved plan cannot be read",
        "The file begins like a saved plan, but it is not JSON, ends too early, or lacks something. Copy it again, or plan again. What `plan --format json` prints is a report; only `plan -o FILE` saves a plan.";
    OTHER_FORMAT = "DL0753", "A saved plan has another format",
        "The `format_version` of a saved plan says which versions of dlinfra can read it. Use the version that wrote it, or plan again with this one.";
    OTHER_VERSION = "DL0754", "A saved plan comes from another version of dlinfra",
        "Kinds, their defaults, modules and catalogs come with the program, so another version may do something else for the same inputs. Plan and apply with one version. The exit code is 6.";
    INPUTS_INSIDE = "DL0755", "A saved plan has its inputs in it",
        "Variables and `--replace` are settled when a plan is saved. Give them to `dlinfra plan … -o plan.json`; with `apply plan.json` only flags that say where and how are possible, such as `--profile` and `--allow-destroy`.";
    SECRET_INSIDE = "DL0756", "A saved plan would hold a secret",
        "A saved plan holds the text of the blueprint, its modules and scripts, and the variables, and it is handed from one CI job to another. Something in them looks like a key, a token or a password. Store it in Secrets Manager or Parameter Store and write its name here. If it is no secret, allow DL0231 in the blueprint and say why.";
    NOT_SAVED = "DL0757", "The plan was not saved",
        "The file cannot be written, or it already exists and is not a saved plan, so it is not overwritten. Give `-o` another path.";
    OTHER_PLACE = "DL0758", "A saved plan is for another place",
        "A saved plan belongs to one account and region, and to the sandbox if it was made there. Use the same credentials, `--sandbox` or not as before, and the folder in which the plan was made: paths in it, and the local journal, are found from there.";
    UNKNOWN_IMAGE = "DL0759", "A plan with an unknown image cannot be saved",
        "A saved plan says which `ami-` id machines start from. The name of the image could not be looked up, or AWS has no such parameter here. Allow `ssm:GetParameters`, or write the `ami-` id as `image`.";
    BLUEPRINT_CHANGED = "DL0760", "The blueprint was changed after the plan was saved",
        "A saved plan holds the text of every file that it was made from, and that is what is applied. What was written since has no effect until the next plan.";
}

/// The codes that say that a saved plan must be made again.
pub const STALE: &[&Code] = &[&OUT_OF_DATE, &TAMPERED, &OTHER_VERSION];

pub(super) fn unreadable(why: &str) -> Diagnostic {
    Diagnostic::error(&UNREADABLE, format!("this saved plan cannot be read: {why}"))
        .with_help("copy the file again, or plan again: `dlinfra plan FILE -o plan.json`")
}

pub(super) fn no_text(path: &str) -> Diagnostic {
    Diagnostic::error(&UNREADABLE, format!("`{path}` is not UTF-8 text and cannot stand in a saved plan"))
}

pub(super) fn other_format(found: Option<u64>) -> Diagnostic {
    let found = found.map_or("no number".to_owned(), |n| n.to_string());
    Diagnostic::error(&OTHER_FORMAT, format!("the saved plan's `format_version` is {found}, and this version reads 1"))
        .with_help("use the version of dlinfra that wrote it, or plan again with this one")
}

pub(super) fn tampered() -> Diagnostic {
    Diagnostic::error(&TAMPERED, "the inputs in the saved plan were changed after it was made")
        .with_help("change the blueprint instead, and plan again: `dlinfra plan FILE -o plan.json`")
}

pub(super) fn other_version(made_by: &str, this: &str) -> Diagnostic {
    Diagnostic::error(&OTHER_VERSION, format!("the saved plan was made by dlinfra {made_by}, and this is {this}"))
        .with_help(format!("apply it with dlinfra {made_by}, or plan again with {this}"))
}

pub(super) fn elsewhere(plan: &SavedPlan, account: &str, region: &str) -> Diagnostic {
    let text = format!(
        "the saved plan is for account {} in {}, and this is account {account} in {region}",
        plan.account, plan.region
    );
    Diagnostic::error(&OTHER_PLACE, text)
        .with_help("use the credentials and the flags (`--profile`, `--sandbox`) that the plan was made with")
}

pub(super) fn other_journal(place: &str) -> Diagnostic {
    Diagnostic::error(
        &OTHER_PLACE,
        format!("the saved plan knows more than the journal in {place}: it is another journal"),
    )
    .with_help("run in the folder where the plan was made, with the journal that it saw; or plan again here")
}

pub(super) fn secret(where_: &str, what: &str) -> Diagnostic {
    Diagnostic::error(&SECRET_INSIDE, format!("the plan is not saved: {where_} looks like {what}"))
        .with_help("store it in Secrets Manager and write its name; if it is no secret, allow DL0231 and say why")
}

pub(super) fn no_image(address: &crate::address::Address, name: &str) -> Diagnostic {
    Diagnostic::error(
        &UNKNOWN_IMAGE,
        format!("the plan is not saved: nobody knows what the image {name} of {address} is"),
    )
    .with_help("allow `ssm:GetParameters`, or write the `ami-` id as `image`")
    .at_address(address.as_str())
}

/// The plan's own copy is applied, whatever stands in the files now.
pub fn changed_since(files: &[&str]) -> Diagnostic {
    Diagnostic::note(
        &BLUEPRINT_CHANGED,
        format!("changed since the plan was saved, without effect: {}", files.join(", ")),
    )
    .with_help("plan again to take the changes in")
}
