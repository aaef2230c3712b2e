//! Targets of a rule. AWS answers for each of them alone, inside of a success.
use super::{EventRule, Target, Transformer};
use crate::{
    aws::{Error, ErrorClass},
    call::{Ctx, SweepCtx},
    field::Field,
    kinds::document::Document,
    resource::Live,
};
use serde::Deserialize;
use serde_json::{Value, json};

/// What became of the targets of a call.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Told {
    failed_entry_count: u32,
    #[serde(default)]
    failed_entries: Vec<Failed>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Failed {
    target_id: Option<String>,
    error_code: Option<String>,
    error_message: Option<String>,
}

impl Told {
    /// The first failure; all of them are tried again with it.
    fn check(&self, operation: &str) -> Result<(), Error> {
        let of = |failed: &Failed| {
            let code = failed.error_code.as_deref().unwrap_or_default();
            let (target, why) = (failed.target_id.as_deref(), failed.error_message.as_deref());
            let message = format!("target `{}`: {}", target.unwrap_or("?"), why.unwrap_or("AWS gave no reason"));
            Error::inside(operation, code, &message)
        };
        match self.failed_entries.first() {
            Some(failed) => Err(of(failed)),
            None if self.failed_entry_count > 0 => {
                let text =
                    format!("{operation}: {} targets failed, and AWS does not say which", self.failed_entry_count);
                Err(Error::new(ErrorClass::Ambiguous, text))
            }
            None => Ok(()),
        }
    }
}

pub(super) async fn list(ctx: &SweepCtx, rule: &str) -> Result<Vec<Target>, Error> {
    let found: Vec<Value> =
        ctx.aws.events().pages("ListTargetsByRule", json!({ "Rule": rule }), ("Targets", "NextToken")).await?;
    found.iter().map(read).collect()
}

/// Takes away what is not wanted, which makes room, and puts what is new or differs.
pub(super) async fn bring(want: &[Target], ctx: &Ctx, live: &Live<EventRule>) -> Result<(), Error> {
    let now = &live.spec.targets;
    let ends = now.iter().map(|target| target.name.as_str()).filter(|name| want.iter().all(|one| one.name != *name));
    remove(ctx, &live.id, ends.collect()).await?;
    let new: Vec<Value> = want.iter().filter(|one| !now.contains(one)).map(request).collect::<Result<_, _>>()?;
    if new.is_empty() {
        return Ok(());
    }
    let input = json!({ "Rule": live.id, "Targets": new });
    ctx.aws.events().call::<Told>("PutTargets", &input).await?.check("events:PutTargets")
}

pub(super) async fn remove(ctx: &Ctx, rule: &str, names: Vec<&str>) -> Result<(), Error> {
    if names.is_empty() {
        return Ok(());
    }
    let input = json!({ "Rule": rule, "Ids": names });
    let told = ctx.aws.events().call::<Told>("RemoveTargets", &input).await;
    crate::aws::gone(told.and_then(|told| told.check("events:RemoveTargets")))
}

fn request(target: &Target) -> Result<Value, Error> {
    let mut out = json!({ "Id": target.name, "Arn": target.arn.get()? });
    if let Some(input) = &target.input {
        out["Input"] = json!(input.text());
    }
    if let Some(path) = &target.input_path {
        out["InputPath"] = json!(path);
    }
    if let Some(Transformer { paths, template }) = &target.transformer {
        out["InputTransformer"] = json!({ "InputPathsMap": paths, "InputTemplate": template.get()? });
    }
    if let Some(queue) = &target.dead_letter {
        out["DeadLetterConfig"] = json!({ "Arn": queue.get()? });
    }
    if let Some(role) = &target.role {
        out["RoleArn"] = json!(role.get()?);
    }
    Ok(out)
}

fn read(found: &Value) -> Result<Target, Error> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let stated = |member: &str| text(&found[member]).ok_or_else(|| Error::missing(&format!("{member} of a target")));
    let transformer = |found: &Value| {
        let paths = found["InputPathsMap"].as_object().into_iter().flatten();
        let paths = paths.filter_map(|(name, path)| Some((name.clone(), text(path)?))).collect();
        Some(Transformer { paths, template: Field::Known(text(&found["InputTemplate"])?) })
    };
    Ok(Target {
        name: stated("Id")?,
        arn: Field::Known(stated("Arn")?),
        input: text(&found["Input"]).map(|text| Document::parse(&text, "the input of a target")).transpose()?,
        input_path: text(&found["InputPath"]),
        transformer: transformer(&found["InputTransformer"]),
        dead_letter: text(&found["DeadLetterConfig"]["Arn"]).map(Field::Known),
        role: text(&found["RoleArn"]).map(Field::Known),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(answer: Value) -> Result<(), Error> {
        serde_json::from_value::<Told>(answer).unwrap().check("events:PutTargets")
    }

    #[test]
    fn a_failure_inside_of_a_success_is_one() {
        assert_eq!(told(json!({ "FailedEntryCount": 0, "FailedEntries": [] })), Ok(()));
        let failed = json!({ "TargetId": "a", "ErrorCode": "ConcurrentModificationException", "ErrorMessage": "busy" });
        let error = told(json!({ "FailedEntryCount": 1, "FailedEntries": [failed] })).unwrap_err();
        assert_eq!(error.class, ErrorClass::WrongState, "which is tried again");
        assert_eq!(error.to_string(), "events:PutTargets: ConcurrentModificationException: target `a`: busy");
        assert_eq!(told(json!({ "FailedEntryCount": 2 })).unwrap_err().class, ErrorClass::Ambiguous);
    }
}
