//! The sandbox on a loopback port, for the AWS CLI, boto3 or Terraform.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

use crate::faults::FaultRule;
use crate::measurement::Measurement;
use crate::sandbox::{HandleOutcome, Sandbox};

/// A body may be so long: the code of a function in base64, and an object for a test.
const LONGEST: usize = 68 << 20;
/// A client has so long for the head of a request, and so long for its body.
const PATIENCE: Duration = Duration::from_secs(60);

/// Answers requests on `listener`, which must be bound to a loopback address, until the future is dropped, and keeps up
/// what nobody waits for ([`Sandbox::attend`]).
///
/// Clients use `http://127.0.0.1:PORT` as their endpoint for every service and any credentials. Under `/_sandbox/`
/// are `status`, `requests`, `operations`, `reset` (POST), `faults` (GET shows the rules, POST replaces them) and `metrics`
/// (POST publishes values, also of AWS's own metrics).
pub async fn serve(sandbox: Sandbox, listener: TcpListener) -> io::Result<()> {
    if !listener.local_addr()?.ip().is_loopback() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the sandbox checks no credentials and is served on loopback addresses only",
        ));
    }
    tokio::select! {
        () = accept(&sandbox, &listener) => {}
        () = sandbox.attend() => {}
    }
    Ok(())
}

async fn accept(sandbox: &Sandbox, listener: &TcpListener) {
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
            let mut server = http1::Builder::new();
            server.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
            let _ = server.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(sandbox: Sandbox, request: http::Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
    let (parts, body) = request.into_parts();
    if let Some(why) = foreign(&parts) {
        return Ok(plain(StatusCode::FORBIDDEN, why.to_owned()).map(Full::new));
    }
    let body = match tokio::time::timeout(PATIENCE, Limited::new(body, LONGEST).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            let text = format!("the sandbox takes bodies of up to {} MiB", LONGEST >> 20);
            return Ok(plain(StatusCode::PAYLOAD_TOO_LARGE, text).map(Full::new));
        }
        Ok(Err(error)) => return Err(io::Error::other(error)),
        Err(_) => return Ok(plain(StatusCode::REQUEST_TIMEOUT, "the body did not come".to_owned()).map(Full::new)),
    };
    if let Some(page) = parts.uri.path().strip_prefix("/_sandbox/") {
        return Ok(control(&sandbox, &parts.method, page, &body).map(Full::new));
    }
    match sandbox.handle(http::Request::from_parts(parts, body)).await {
        HandleOutcome::Response(response) => Ok(response.map(Full::new)),
        // An error makes hyper drop the socket.
        HandleOutcome::Cut => Err(io::ErrorKind::ConnectionReset.into()),
    }
}

/// Why a request is not one of a program that means this sandbox. A page in a browser can send requests to loopback
/// addresses too, under the name of its own site where it has that name point there.
fn foreign(parts: &Parts) -> Option<&'static str> {
    let text = |name: &str| parts.headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let host = parts.uri.authority().map(http::uri::Authority::as_str).or_else(|| text("host"));
    if host.is_some_and(|host| !is_ours(host, parts.uri.path().starts_with("/_sandbox/"))) {
        return Some("the sandbox is served for loopback addresses, and this request names another host");
    }
    if from_a_page(&parts.headers, host) {
        return Some("the sandbox answers no pages of other sites");
    }
    None
}

/// A loopback address, `localhost`, and for AWS's own requests the names that their clients use.
fn is_ours(host: &str, own_routes: bool) -> bool {
    let port = host.rfind(':').filter(|at| !host[*at..].contains(']'));
    let name = port.map_or(host, |at| &host[..at]).trim_matches(['[', ']']).to_ascii_lowercase();
    if name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()) {
        return true;
    }
    !own_routes && [".localhost", ".amazonaws.com", ".amazonaws.com.cn"].iter().any(|end| name.ends_with(end))
}

/// Browsers say where a request comes from; programs do not.
fn from_a_page(headers: &HeaderMap, host: Option<&str>) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let same = |origin: &str| host.is_some_and(|host| origin.strip_prefix("http://") == Some(host));
    text("origin").is_some_and(|origin| !same(origin))
        || text("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none"))
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
        (true, "metrics") => match serde_json::from_slice::<Vec<Measurement>>(body) {
            Ok(values) => {
                sandbox.publish(&values);
                serde_json::to_value(sandbox.status())
            }
            Err(error) => return plain(StatusCode::BAD_REQUEST, error.to_string()),
        },
        _ => {
            return plain(
                StatusCode::NOT_FOUND,
                "GET status, requests, operations, faults; POST reset, faults, metrics".to_owned(),
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
