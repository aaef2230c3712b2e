//! The reaper as it is in the account: which program it runs, what it did last, and a call to it.
use super::{
    Event, Mode, NAME, Package, Pass, codes,
    grants::Ground,
    rehearsal::Rehearsal,
    stack::{DATA, VERSION},
};
use crate::{
    aws::{
        Aws, Error,
        json::rest::{Rest, segment},
        objects::Objects,
        optional,
    },
    diagnostic::Diagnostic,
    journal::own_bucket,
};
use serde_json::{Value, json};

/// Where the last pass is written down.
const LAST: &str = "reaper/last.json";

/// The function that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// Which dlinfra it is; nothing = somebody else's function has the name.
    pub version: Option<String>,
    /// May it empty what holds data?
    pub data: bool,
    /// Does its schedule call it?
    pub scheduled: bool,
}

impl Installed {
    /// Is it newer than this?
    pub fn is_newer_than(&self, version: &str) -> bool {
        let numbers = |text: &str| -> Vec<u64> { text.split('.').map(|part| part.parse().unwrap_or(0)).collect() };
        self.version.as_deref().is_some_and(|own| numbers(own) > numbers(version))
    }
}

/// The account and region that a reaper works in.
///
/// # Errors
/// Nobody says who the caller is.
pub async fn ground(aws: &Aws) -> Result<Ground, Error> {
    let identity = aws.identity().await?;
    let (account, region) = (identity.account.clone(), aws.region().to_owned());
    let bucket = own_bucket(&account, &region);
    Ok(Ground { partition: identity.partition.clone(), account, region, bucket, data: false })
}

/// The reaper's function, if it is there.
///
/// # Errors
/// Lambda does not say.
pub async fn installed(aws: &Aws) -> Result<Option<Installed>, Error> {
    let ask = Rest::get(format!("/2015-03-31/functions/{NAME}"));
    let found: Option<Value> = optional(aws.lambda().rest("GetFunction", ask).await)?;
    let Some(found) = found else { return Ok(None) };
    let variables = &found["Configuration"]["Environment"]["Variables"];
    let ask = Rest::get(format!("/schedules/pass?groupName={NAME}"));
    let schedule: Option<Value> = optional(aws.scheduler().rest("GetSchedule", ask).await)?;
    Ok(Some(Installed {
        version: variables[VERSION].as_str().map(str::to_owned),
        data: variables[DATA] == "true",
        scheduled: schedule.is_some_and(|schedule| schedule["State"] == "ENABLED"),
    }))
}

async fn objects(aws: &Aws) -> Result<Objects, Error> {
    let ground = ground(aws).await?;
    Ok(Objects::new(aws.apart(), &ground.account, &ground.bucket))
}

/// Puts the program where Lambda can read it. The bucket of the journals must be there.
///
/// # Errors
/// Whatever S3 answers.
pub async fn upload(aws: &Aws, package: &Package) -> Result<(), Error> {
    // Its name is its digest: what is there already is the same.
    objects(aws).await?.put_if_absent(&package.key(), &package.zip).await.map(drop)
}

/// Removes programs that the function does not run any more; Lambda has a copy of its own.
///
/// # Errors
/// Whatever S3 answers.
pub async fn forget_programs(aws: &Aws) -> Result<(), Error> {
    let objects = objects(aws).await?;
    for key in objects.list("reaper/", "", 100).await?.unwrap_or_default() {
        if key.ends_with(".zip") {
            objects.delete(&key).await?;
        }
    }
    Ok(())
}

/// Calls the reaper, which looks at everything and changes nothing.
///
/// # Errors
/// It cannot be called, or fails: what it says is in the error.
pub async fn rehearse(aws: &Aws) -> Result<Rehearsal, Diagnostic> {
    let failed = |why: String| {
        Diagnostic::error(&codes::NOT_REHEARSED, format!("the reaper could not be rehearsed: {why}"))
            .with_help("`dlinfra reaper check` tries again; without it, `--no-reaper` and end the stack yourself")
    };
    let event = json!(Event { mode: Mode::Check });
    let path = format!("/2015-03-31/functions/{}/invocations", segment(NAME));
    let body = event.to_string().into_bytes();
    let answer = aws.lambda().patient().post("Invoke", path, "application/json", Vec::new(), body).await;
    let answer = answer.map_err(|e| failed(e.to_string()))?;
    let value: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if answer.headers.contains_key("x-amz-function-error") {
        let why = value["errorMessage"].as_str().map_or_else(|| value.to_string(), str::to_owned);
        return Err(failed(why));
    }
    serde_json::from_value(value).map_err(|e| failed(format!("its answer is not as expected: {e}")))
}

/// Writes and reads in the bucket of the journals, as every removal does.
pub(super) async fn try_bucket(aws: &Aws) -> Result<(), Error> {
    const TRY: &str = "reaper/rehearsal.json";
    let objects = objects(aws).await?;
    objects.put_over(TRY, b"{}").await?;
    objects.get(TRY).await?;
    objects.delete(TRY).await
}

/// Writes down what a pass did, for `dlinfra list`.
///
/// # Errors
/// Whatever S3 answers.
pub async fn keep(aws: &Aws, pass: &Pass) -> Result<(), Error> {
    objects(aws).await?.put_over(LAST, json!(pass).to_string().as_bytes()).await
}

/// What the last pass did; nothing where there was none.
///
/// # Errors
/// Whatever S3 answers.
pub async fn last_pass(aws: &Aws) -> Result<Option<Pass>, Error> {
    let found = optional(objects(aws).await?.get(LAST).await)?.flatten();
    Ok(found.and_then(|object| serde_json::from_slice(&object.bytes).ok()))
}
