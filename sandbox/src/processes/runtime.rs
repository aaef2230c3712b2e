//! Lambda's Runtime API, version 2018-06-01, for one invocation: the process asks for it, and says what came of it.

use std::future::pending;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinSet;

use crate::functions::{Answer, Invocation};

const PREFIX: &str = "/2018-06-01/runtime/";
/// A function may answer with so much, and a little more is read to say so.
const LARGEST: usize = 6_291_556;

/// The server's side of one invocation.
#[derive(Debug)]
pub(super) struct Runtime {
    invocation: Invocation,
    /// Milliseconds since 1970, by the clock of this machine.
    deadline: u128,
    is_taken: AtomicBool,
    answer: Mutex<Option<oneshot::Sender<Answer>>>,
    asks_again: Notify,
}

impl Runtime {
    pub(super) fn new(invocation: Invocation, deadline: u128) -> (Self, oneshot::Receiver<Answer>) {
        let (answer, answered) = oneshot::channel();
        let answer = Mutex::new(Some(answer));
        let (is_taken, asks_again) = (AtomicBool::new(false), Notify::new());
        (Self { invocation, deadline, is_taken, answer, asks_again }, answered)
    }

    /// The process has asked for another invocation: it is done with this one.
    pub(super) async fn idle(&self) {
        self.asks_again.notified().await;
    }

    /// Answers the process until the future is dropped.
    pub(super) async fn serve(self: Arc<Self>, listener: TcpListener) {
        let mut connections = JoinSet::new();
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                // Files ran out for a moment.
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            };
            let runtime = Arc::clone(&self);
            connections.spawn(async move {
                let service = service_fn(move |request| Arc::clone(&runtime).take(request));
                // An error here is a process that ended.
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    }

    async fn take(self: Arc<Self>, request: http::Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path().strip_prefix(PREFIX).unwrap_or_default();
        let own = path.strip_prefix("invocation/").and_then(|rest| rest.strip_prefix(&self.invocation.request_id));
        match (&parts.method, path, own) {
            (&Method::GET, "invocation/next", _) => {
                if self.is_taken.swap(true, Ordering::SeqCst) {
                    self.asks_again.notify_one();
                    pending::<()>().await;
                }
                Ok(self.invitation())
            }
            (&Method::POST, _, Some("/response")) => Ok(self.answered(body, None).await),
            (&Method::POST, "init/error", _) | (&Method::POST, _, Some("/error")) => {
                Ok(self.answered(body, Some("Unhandled")).await)
            }
            _ => Ok(said(StatusCode::NOT_FOUND, "{\"errorType\":\"NotFound\",\"errorMessage\":\"no such call\"}")),
        }
    }

    /// The invocation, as the process gets it.
    fn invitation(&self) -> Response<Full<Bytes>> {
        let it = &self.invocation;
        let mut response = Response::new(Full::new(it.payload.clone()));
        for (name, value) in [
            ("content-type", "application/json"),
            ("lambda-runtime-aws-request-id", &it.request_id),
            ("lambda-runtime-deadline-ms", &self.deadline.to_string()),
            ("lambda-runtime-invoked-function-arn", &it.arn),
        ] {
            if let Ok(value) = HeaderValue::from_str(value) {
                response.headers_mut().insert(HeaderName::from_static(name), value);
            }
        }
        response
    }

    async fn answered(&self, body: Incoming, error: Option<&str>) -> Response<Full<Bytes>> {
        let answer = match Limited::new(body, LARGEST + 1).collect().await {
            Ok(body) => Answer { payload: body.to_bytes(), error: error.map(str::to_owned), log: String::new() },
            Err(why) => Answer::failed("Function.ResponseSizeTooLarge", &why.to_string()),
        };
        let sender = self.answer.lock().unwrap_or_else(PoisonError::into_inner).take();
        match sender {
            Some(sender) => {
                // Nobody waits any more for an answer that came too late.
                let _ = sender.send(answer);
                said(StatusCode::ACCEPTED, "{\"status\":\"OK\"}")
            }
            None => said(
                StatusCode::BAD_REQUEST,
                "{\"errorType\":\"InvalidStateTransition\",\"errorMessage\":\"it was answered before\"}",
            ),
        }
    }
}

fn said(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
