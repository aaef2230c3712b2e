//! The sandbox on a loopback port, for the AWS CLI, boto3 or Terraform.

use std::io;

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::faults::FaultRule;
use crate::sandbox::{HandleOutcome, Sandbox};

/// Answers requests on `listener`, which must be bound to a loopback address, until the future is dropped.
///
/// Clients use `http://127.0.0.1:PORT` as their endpoint for every service and any credentials. Under `/_sandbox/`
/// are `status`, `requests`, `operations`, `reset` (POST) and `faults` (GET shows the rules, POST replaces them).
pub async fn serve(sandbox: Sandbox, listener: TcpListener) -> io::Result<()> {
    if !listener.local_addr()?.ip().is_loopback() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the sandbox checks no credentials and is served on loopback addresses only",
        ));
    }
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // The client went away between connecting and now, or files ran out for a moment.
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let sandbox = sandbox.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(sandbox.clone(), request));
            // An error here is a connection that ended early, by the client or by a fault rule.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(sandbox: Sandbox, request: http::Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    if let Some(page) = parts.uri.path().strip_prefix("/_sandbox/") {
        return Ok(control(&sandbox, &parts.method, page, &body).map(Full::new));
    }
    match sandbox.handle(http::Request::from_parts(parts, body)).await {
        HandleOutcome::Response(response) => Ok(response.map(Full::new)),
        // An error makes hyper drop the socket.
        HandleOutcome::Cut => Err(io::ErrorKind::ConnectionReset.into()),
    }
}

fn control(sandbox: &Sandbox, method: &Method, page: &str, body: &Bytes) -> Response<Bytes> {
    let post = *method == Method::POST;
    let answer = match (post, page) {
        (false, "status") => serde_json::to_value(sandbox.status()),
        (false, "objects") => serde_json::to_value(sandbox.objects()),
        (false, "requests") => serde_json::to_value(sandbox.requests()),
        (false, "operations") => serde_json::to_value(Sandbox::operations()),
        (false, "faults") => serde_json::to_value(sandbox.faults()),
        (true, "reset") => match sandbox.reset() {
            Ok(()) => serde_json::to_value(sandbox.status()),
            Err(error) => return plain(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        },
        (true, "faults") => match serde_json::from_slice::<Vec<FaultRule>>(body) {
            Ok(rules) => {
                sandbox.set_faults(rules);
                serde_json::to_value(sandbox.faults())
            }
            Err(error) => return plain(StatusCode::BAD_REQUEST, error.to_string()),
        },
        _ => {
            return plain(
                StatusCode::NOT_FOUND,
                "GET status, requests, operations, faults; POST reset, faults".to_owned(),
            );
        }
    };
    match answer {
        Ok(value) => plain(StatusCode::OK, value.to_string()),
        Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

fn plain(status: StatusCode, text: String) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(text));
    *response.status_mut() = status;
    response
}
