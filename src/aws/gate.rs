//! What every request passes on its way out: a name, a count, a rate bucket, and the guard that may forbid mutations.
use super::{
    class::is_throttle,
    operation::{Operation, Refusal},
    rate::{Buckets, Ticket},
};
use crate::clock::Clock;
use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
    },
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use aws_smithy_types::{
    body::SdkBody,
    byte_stream::{AggregatedBytes, ByteStream},
};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use jiff::SignedDuration;
use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

/// Says why no mutation may leave this process now (the lease was lost, the run was cancelled), or nothing.
pub type Guard = Arc<dyn Fn() -> Option<String> + Send + Sync>;

/// Shared by all clients of one connection.
#[derive(Clone)]
pub struct Gate(Arc<Shared>);

/// A request is refused for so long before its caller hears of it. Its signature is good for five minutes.
const PATIENCE: SignedDuration = SignedDuration::from_secs(150);
const NAMELESS: &str = "a request without a name came to the gate; this is a bug in dlinfra";
/// The body of a refusal is a few hundred bytes; longer ones are something else.
const LONGEST: u64 = 64 << 10;

struct Shared {
    clock: Clock,
    buckets: Buckets,
    counts: Mutex<BTreeMap<String, u64>>,
    guard: Mutex<Option<Guard>>,
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Gate")
    }
}

impl Gate {
    pub(super) fn new(clock: Clock) -> Self {
        let buckets = Buckets::new(clock.clone());
        let shared = Shared { clock, buckets, counts: Mutex::default(), guard: Mutex::default() };
        Self(Arc::new(shared))
    }

    pub(super) fn wrap(&self, inner: SharedHttpClient) -> Gated {
        Gated { inner, gate: self.clone() }
    }

    /// From now on every mutation asks this first.
    pub fn set_guard(&self, guard: Option<Guard>) {
        *self.0.guard.lock().unwrap_or_else(PoisonError::into_inner) = guard;
    }

    /// Requests sent so far by `service:Operation`.
    pub fn counts(&self) -> BTreeMap<String, u64> {
        self.0.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many of these requests could change something.
    pub fn mutations(&self) -> u64 {
        self.counts().iter().filter(|(name, _)| mutates(name)).map(|(_, n)| n).sum()
    }

    async fn pass(&self, name: &str) -> Result<Ticket, ConnectorError> {
        let ticket = self.0.buckets.take(name).await;
        if mutates(name) {
            let guard = self.0.guard.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if let Some(why) = guard.and_then(|g| g()) {
                return Err(ConnectorError::user(Refusal(why).into()));
            }
        }
        *self.0.counts.lock().unwrap_or_else(PoisonError::into_inner).entry(name.to_owned()).or_default() += 1;
        Ok(ticket)
    }

    /// Asks the guard again when the connection takes the body, which is after it was made and right before the bytes
    /// are written: a process that was stopped in between sends a head without its body, and AWS executes nothing.
    ///
    /// A change without a body (a DELETE) has no such moment: it is asked for each time that the connection goes on.
    fn guard_late(&self, name: &str, request: &mut HttpRequest) -> Late {
        let mut late = Late::default();
        let guard = self.0.guard.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(guard) = guard.filter(|_| mutates(name)) else { return late };
        match request.body().bytes() {
            Some([]) => late.bodiless = Some(guard),
            Some(bytes) => {
                let body = GuardedBody { bytes: Some(bytes.to_vec().into()), guard, why: late.why.clone() };
                *request.body_mut() = SdkBody::from_body_1_x(body);
            }
            None => {}
        }
        late
    }

    /// Sends a request. One that AWS refuses for its rate was not executed, so it is sent again, as fast as AWS grants.
    async fn send(
        &self,
        inner: &SharedHttpConnector,
        mut request: HttpRequest,
    ) -> Result<HttpResponse, ConnectorError> {
        // Whatever comes from a client of this connection carries its name.
        let name = request.extension::<Operation>().cloned().ok_or_else(|| ConnectorError::user(NAMELESS.into()))?;
        let began = self.0.clock.now();
        let mut pause = Duration::from_millis(250);
        loop {
            let again = request.try_clone();
            let head = request.method() == "HEAD";
            let ticket = self.pass(name.as_str()).await?;
            let late = self.guard_late(name.as_str(), &mut request);
            let mut response = late.watch(inner.call(request)).await?;
            // Errors are told with the name.
            response.add_extension(name.clone());
            if !refused(&mut response, head).await {
                self.0.buckets.granted(name.as_str(), ticket);
                return Ok(response);
            }
            self.0.buckets.refused(name.as_str(), ticket);
            let Some(next) = again.filter(|_| self.0.clock.now().duration_since(began) < PATIENCE) else {
                return Ok(response);
            };
            tracing::debug!(operation = name.as_str(), "AWS refused a request for its rate");
            self.0.clock.sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(8));
            request = next;
        }
    }
}

/// The guard on the way from the gate to the wire.
#[derive(Default)]
struct Late {
    /// Why a body was not sent after all.
    why: Arc<OnceLock<String>>,
    /// Who is asked where there is no body.
    bodiless: Option<Guard>,
}

impl Late {
    async fn watch(&self, sending: HttpConnectorFuture) -> Result<HttpResponse, ConnectorError> {
        let mut sending = std::pin::pin!(sending);
        let answer = std::future::poll_fn(|cx| match self.bodiless.as_ref().and_then(|guard| guard()) {
            // A connection that was still being made is given up. If it was made and the answer is on its way, so is
            // that: what it says of something that went, the next look says too.
            Some(why) => Poll::Ready(Err(ConnectorError::user(Refusal(why).into()))),
            None => sending.as_mut().poll(cx),
        });
        answer.await.map_err(|error| match self.why.get() {
            Some(why) => ConnectorError::user(Refusal(why.clone()).into()),
            None => error,
        })
    }
}

/// A body that asks the guard before it is sent.
struct GuardedBody {
    bytes: Option<Bytes>,
    guard: Guard,
    why: Arc<OnceLock<String>>,
}

impl Body for GuardedBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let Some(bytes) = self.bytes.take() else { return Poll::Ready(None) };
        Poll::Ready(Some(match (self.guard)() {
            None => Ok(Frame::data(bytes)),
            Some(why) => Err(std::io::Error::other(self.why.get_or_init(|| why).clone())),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    /// Exact, so that the request says its length as before.
    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |b| b.len() as u64))
    }
}

/// Could this operation change something? Everything that is not known to read counts as a mutation.
pub fn mutates(name: &str) -> bool {
    let verb = name.split_once(':').map_or(name, |(_, action)| action);
    ["Describe", "Get", "List", "Head", "Lookup", "Assume", "BatchGet", "BatchCheck", "Simulate", "Decode"]
        .iter()
        .all(|v| !verb.starts_with(v))
}

/// Did AWS refuse this for its rate alone? An answer in doubt is none.
async fn refused(response: &mut HttpResponse, head: bool) -> bool {
    let status = response.status().as_u16();
    if status == 429 {
        return true;
    }
    if !matches!(status, 400 | 403 | 503) {
        return false;
    }
    // An answer to HEAD has no body; S3 says with this status that it wants fewer requests.
    if head {
        return status == 503;
    }
    if response.body().content_length().is_some_and(|length| length > LONGEST) {
        return false;
    }
    // Read whole, and put back: the SDK reads it again.
    let Ok(bytes) = ByteStream::new(response.take_body()).collect().await.map(AggregatedBytes::into_bytes) else {
        return false;
    };
    let said = String::from_utf8_lossy(&bytes).into_owned();
    *response.body_mut() = SdkBody::from(bytes);
    let header = response.headers().get("x-amzn-errortype").unwrap_or("").to_owned();
    is_throttle(header.split([':', '#']).next().unwrap_or("")) || codes(&said).any(is_throttle)
}

/// What stands where codes stand: the content of an element `Code`, or the end of the JSON string `__type` or `code`.
fn codes(text: &str) -> impl Iterator<Item = &str> {
    let element = text.split("<Code>").skip(1).filter_map(|rest| rest.split('<').next());
    let field = |name: &'static str| text.split(name).skip(1).filter_map(|rest| rest.split('"').nth(1));
    let names = field("\"__type\"").chain(field("\"code\""));
    element.chain(names.map(|name| name.rsplit('#').next().unwrap_or(name)))
}

/// An HTTP client behind the gate.
#[derive(Debug)]
pub(super) struct Gated {
    inner: SharedHttpClient,
    gate: Gate,
}

impl HttpClient for Gated {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(GatedConnector { inner, gate: self.gate.clone() })
    }
}

#[derive(Debug)]
struct GatedConnector {
    inner: SharedHttpConnector,
    gate: Gate,
}

impl HttpConnector for GatedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (inner, gate) = (self.inner.clone(), self.gate.clone());
        HttpConnectorFuture::new(async move { gate.send(&inner, request).await })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_to_read_changes_something() {
        for name in
            ["batch:DescribeJobs", "ecr:BatchGetImage", "s3:HeadBucket", "s3:GetObject", "logs:ListTagsForResource"]
        {
            assert!(!mutates(name), "{name}");
        }
        for name in ["s3:PutObject", "s3:DeleteObjects", "batch:SubmitJob", "ecr:BatchDeleteImage", "eks:Anything", "x"]
        {
            assert!(mutates(name), "{name}");
        }
    }

    #[tokio::test]
    async fn refusals_of_every_protocol_are_known() {
        let answer = |status: u16, body: &'static str| {
            HttpResponse::new(status.try_into().unwrap_or_else(|e| panic!("{e}")), SdkBody::from(body))
        };
        let is = async |status, body| refused(&mut answer(status, body), false).await;
        assert!(
            is(503, "<Response><Errors><Error><Code>RequestLimitExceeded</Code></Error></Errors></Response>").await
        );
        assert!(is(503, "<Error><Code>SlowDown</Code></Error>").await);
        assert!(is(400, "<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>").await);
        assert!(is(400, r#"{"__type":"com.amazonaws#ThrottlingException","message":"Rate exceeded"}"#).await);
        assert!(!is(400, r#"{"__type":"ValidationException","message":"no ThrottlingException here"}"#).await);
        assert!(!is(503, "<Error><Code>ServiceUnavailable</Code></Error>").await);
        assert!(!is(200, "<Code>SlowDown</Code>").await);
        assert!(is(429, "").await);
        assert!(is(400, r#"{"code":"x.y#TooManyRequestsException"}"#).await);

        let mut read = answer(400, "<Error><Code>Other</Code></Error>");
        assert!(!refused(&mut read, false).await);
        assert_eq!(read.body().bytes(), Some(&b"<Error><Code>Other</Code></Error>"[..]), "the SDK reads it too");
        assert!(refused(&mut answer(503, ""), true).await);
    }
}
