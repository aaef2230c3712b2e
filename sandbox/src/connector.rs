//! The SDK's HTTP seam: requests of the real SDK are answered in process.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use http_body_util::BodyExt;

use crate::sandbox::{HandleOutcome, Sandbox};

impl Sandbox {
    /// An HTTP client for SDK configurations; everything that it is asked goes to this sandbox.
    pub fn http_client(&self) -> SharedHttpClient {
        SharedHttpClient::new(self.clone())
    }
}

impl HttpClient for Sandbox {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Sandbox {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let sandbox = self.clone();
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let (parts, body) = request.into_parts();
            let body = body.collect().await.map_err(ConnectorError::user)?.to_bytes();
            match sandbox.handle(http::Request::from_parts(parts, body)).await {
                HandleOutcome::Response(response) => HttpResponse::try_from(response.map(SdkBody::from))
                    .map_err(|error| ConnectorError::other(error.into(), None)),
                HandleOutcome::Cut => {
                    let error = std::io::Error::new(
                        std::io::ErrorKind::ConnectionReset,
                        "the connection was cut by the sandbox",
                    );
                    Err(ConnectorError::io(error.into()))
                }
            }
        })
    }
}
