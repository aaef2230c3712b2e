//! What stands between the engine and the sandbox: requests pass through a function.
use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
    },
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use std::{fmt, sync::Arc};

type Pass = dyn Fn(HttpRequest) -> HttpConnectorFuture + Send + Sync;

#[derive(Clone)]
struct Wire(Arc<Pass>);

/// A client whose requests pass through `pass`.
pub(crate) fn wire<F>(pass: impl Fn(HttpRequest) -> F + Send + Sync + 'static) -> SharedHttpClient
where
    F: Future<Output = Result<HttpResponse, ConnectorError>> + Send + 'static,
{
    SharedHttpClient::new(Wire(Arc::new(move |request| HttpConnectorFuture::new(pass(request)))))
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

impl HttpClient for Wire {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        (self.0)(request)
    }
}
