//! What every request passes on its way out: a name, a count, a rate bucket, and the guard that may forbid mutations.
use super::rate::Buckets;
use crate::clock::Clock;
use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
    },
    orchestrator::HttpRequest,
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// Says why no mutation may leave this process now (the lease was lost, the run was cancelled), or nothing.
pub type Guard = Arc<dyn Fn() -> Option<String> + Send + Sync>;

/// Shared by all clients of one connection.
#[derive(Clone)]
pub struct Gate(Arc<Shared>);

struct Shared {
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
        let shared = Shared { buckets: Buckets::new(clock), counts: Mutex::default(), guard: Mutex::default() };
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

    async fn pass(&self, request: &HttpRequest) -> Result<(), ConnectorError> {
        let name = operation(request);
        self.0.buckets.take(&name).await;
        if mutates(&name) {
            let guard = self.0.guard.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if let Some(why) = guard.and_then(|g| g()) {
                return Err(ConnectorError::user(why.into()));
            }
        }
        *self.0.counts.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default() += 1;
        Ok(())
    }
}

/// Could this operation change something? Everything that is not known to read counts as a mutation.
pub fn mutates(name: &str) -> bool {
    let verb = name.split(':').nth(1).unwrap_or(name);
    !["Describe", "Get", "List", "Head", "Lookup", "Assume"].iter().any(|v| verb.starts_with(v))
}

/// `ec2:RunInstances`, `s3:PUT`, from what is on the wire.
fn operation(request: &HttpRequest) -> String {
    let header = |name: &str| request.headers().get(name).unwrap_or("");
    let target = header("x-amz-target");
    let service = service(header("authorization"));
    if let Some((_, name)) = target.rsplit_once('.') {
        return format!("{service}:{name}");
    }
    let body = request.body().bytes().and_then(|b| std::str::from_utf8(b.get(..200.min(b.len()))?).ok()).unwrap_or("");
    if let Some(action) = body.split('&').find_map(|p| p.strip_prefix("Action=")) {
        return format!("{service}:{action}");
    }
    let verb = match request.method() {
        "GET" => "Get",
        "HEAD" => "Head",
        "PUT" => "Put",
        "DELETE" => "Delete",
        _ => "Post",
    };
    format!("{service}:{verb}")
}

/// The service in a SigV4 credential scope.
fn service(authorization: &str) -> &str {
    authorization
        .split("Credential=")
        .nth(1)
        .and_then(|c| c.split(',').next())
        .and_then(|c| c.split('/').nth(3))
        .unwrap_or("aws")
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
        HttpConnectorFuture::new(async move {
            gate.pass(&request).await?;
            inner.call(request).await
        })
    }
}
