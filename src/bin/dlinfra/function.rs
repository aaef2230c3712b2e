//! dlinfra as a Lambda function: the reaper's end of it.
use dlinfra::{
    aws::Aws,
    diagnostic::Diagnostics,
    kinds::KINDS,
    reaper::{self, Event, Reap},
};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;
use std::time::{Duration, SystemTime};

/// Lambda ends a call at its deadline. So long before it nothing new starts, and the lease is given back; of a short call,
/// the last fifth.
const PARTING: Duration = Duration::from_secs(45);

/// Is this process the reaper's function? Another function may start dlinfra as a command, and has the same variables.
pub(crate) fn is_one() -> bool {
    let name = std::env::var("AWS_LAMBDA_FUNCTION_NAME");
    std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some() && name.is_ok_and(|name| name == reaper::NAME)
}

/// Answers calls until Lambda ends the process.
pub(crate) fn serve() -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(lambda_runtime::run(service_fn(answer)))
}

async fn answer(call: LambdaEvent<Event>) -> Result<Value, Error> {
    let region = std::env::var("AWS_REGION").unwrap_or_default();
    let aws = crate::cli::connect(&region).await;
    let (stop, cancel) = tokio::sync::watch::channel(false);
    let deadline = call.context.deadline();
    let watch = tokio::spawn(async move {
        let left = deadline.duration_since(SystemTime::now()).unwrap_or_default();
        tokio::time::sleep(left.saturating_sub(PARTING.min(left / 5))).await;
        // Nobody listens any more when the work is done.
        let _ = stop.send(true);
    });
    let done = work(&aws, call.payload, cancel).await;
    watch.abort();
    done.map_err(|problems| Error::from(words(&problems)))
}

async fn work(aws: &Aws, event: Event, cancel: tokio::sync::watch::Receiver<bool>) -> Result<Value, Diagnostics> {
    reaper::handle(aws, KINDS, event, Reap { stack: None, dry_run: false, cancel }).await
}

/// Every problem, as the function's log and its caller see them.
fn words(problems: &Diagnostics) -> String {
    problems.iter().map(|d| format!("{}: {}", d.code, d.summary)).collect::<Vec<_>>().join("; ")
}
