//! Asking what is hosted what its users ask.
use crate::{aws::Error, call::SweepCtx, resource::Served};

/// Sends a request to an endpoint, with headers that say which of its components or variants it is for.
pub(in crate::kinds) async fn ask(
    ctx: &SweepCtx,
    endpoint: &str,
    headers: Vec<(&'static str, String)>,
    content_type: &str,
    body: Vec<u8>,
) -> Result<Served, Error> {
    let path = format!("/endpoints/{endpoint}/invocations");
    let mut answer = ctx.aws.sagemaker_runtime().post("InvokeEndpoint", path, content_type, headers, body).await?;
    let mut header = |name: &str| answer.headers.remove(name).unwrap_or_default();
    let (content_type, by) = (header("content-type"), header("x-amzn-invoked-production-variant"));
    Ok(Served { body: answer.body, content_type, by })
}
