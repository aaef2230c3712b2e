//! A proxy on 127.0.0.1 between the binary and a simulated AWS: it counts requests, and at one of them it springs a trap.
//!
//! Plain HTTP/1.1 with bodies of known length, one request per connection to the server behind it.
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
};

/// What happens at the request with this number, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trap {
    pub(crate) at: u64,
    /// The server executes the request before the trap springs.
    pub(crate) executes: bool,
}

/// A trap that springs: the connection stays open and unanswered until `Sprung` is dropped, then it is cut.
pub(crate) struct Sprung {
    /// The request, as `ec2:RunInstances` or `PUT /bucket`.
    pub(crate) request: String,
    hold: Sender<()>,
}

impl Sprung {
    /// Lets the request go its way after all.
    pub(crate) fn answer(self) {
        let _ = self.hold.send(());
    }
}

/// Called after each request that may have changed something, with its name, before it is answered.
pub(crate) type Watcher = Box<dyn Fn(&str) + Send + Sync>;

/// Ends with the test that holds it.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    upstream: u16,
    count: AtomicU64,
    ended: AtomicBool,
    /// Only requests that may change something are counted.
    changes_only: AtomicBool,
    trap: Mutex<Option<(Trap, Sender<Sprung>)>>,
    names: Mutex<Vec<String>>,
    watcher: Option<Watcher>,
    header: Option<String>,
}

impl Proxy {
    /// Listens in front of a server on 127.0.0.1.
    pub(crate) fn start(upstream: u16, watcher: Option<Watcher>) -> Self {
        Self::with_header(upstream, watcher, None)
    }

    /// The same, with a header more in every request.
    pub(crate) fn with_header(upstream: u16, watcher: Option<Watcher>, header: Option<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            upstream,
            count: AtomicU64::new(0),
            ended: AtomicBool::new(false),
            changes_only: AtomicBool::new(false),
            trap: Mutex::new(None),
            names: Mutex::default(),
            watcher,
            header,
        });
        let accepting = shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if accepting.ended.load(Ordering::SeqCst) {
                    return;
                }
                let shared = accepting.clone();
                // A client that is killed ends its connections in the middle: no error of ours.
                std::thread::spawn(move || shared.serve(stream));
            }
        });
        Self { port, shared }
    }

    /// The same at a request that may change something; `at` counts only those.
    pub(crate) fn set_at_change(&self, trap: Trap) -> Receiver<Sprung> {
        let sprung = self.set(trap);
        self.shared.changes_only.store(true, Ordering::SeqCst);
        sprung
    }

    /// Counts from 1 again, and sets a trap.
    pub(crate) fn set(&self, trap: Trap) -> Receiver<Sprung> {
        self.shared.changes_only.store(false, Ordering::SeqCst);
        let (send, receive) = channel();
        self.shared.names.lock().unwrap().clear();
        *self.shared.trap.lock().unwrap() = Some((trap, send));
        self.shared.count.store(0, Ordering::SeqCst);
        receive
    }

    /// Counts from 1 again, without a trap.
    pub(crate) fn clear(&self) {
        *self.shared.trap.lock().unwrap() = None;
        self.shared.names.lock().unwrap().clear();
        self.shared.count.store(0, Ordering::SeqCst);
    }

    /// The requests since the last `set` or `clear`, in the order in which they arrived.
    pub(crate) fn names(&self) -> Vec<String> {
        self.shared.names.lock().unwrap().clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Shared {
    fn serve(&self, stream: TcpStream) -> Option<()> {
        stream.set_nodelay(true).ok()?;
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        let mut writer = stream;
        let (head, body) = request(&mut reader)?;
        let name = name(&head, &body);
        let number = {
            // One lock, so that names stand in the order of their numbers.
            let mut names = self.names.lock().unwrap();
            names.push(name.clone());
            let counts = !self.changes_only.load(Ordering::SeqCst) || mutates(&name);
            if counts { self.count.fetch_add(1, Ordering::SeqCst) + 1 } else { 0 }
        };
        let sprung = {
            let mut trap = self.trap.lock().unwrap();
            if trap.as_ref().is_some_and(|(t, _)| t.at == number) { trap.take() } else { None }
        };
        if let Some((trap, send)) = sprung {
            let executed = if trap.executes { Some(self.forward(&head, &body, &name)?) } else { None };
            let (hold, wait) = channel();
            let _ = send.send(Sprung { request: name.clone(), hold });
            // The driver answers, or drops its end when it has done what it wants.
            if wait.recv().is_err() {
                let _ = writer.shutdown(Shutdown::Both);
                return None;
            }
            let answer = executed.map_or_else(|| self.forward(&head, &body, &name), Some)?;
            writer.write_all(&answer).ok()?;
            return writer.shutdown(Shutdown::Write).ok();
        }
        let answer = self.forward(&head, &body, &name)?;
        writer.write_all(&answer).ok()?;
        let _ = writer.shutdown(Shutdown::Write);
        Some(())
    }

    fn forward(&self, head: &[String], body: &[u8], name: &str) -> Option<Vec<u8>> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.upstream)).ok()?;
        stream.set_nodelay(true).ok()?;
        let mut out = Vec::with_capacity(body.len() + 1024);
        for line in head.iter().filter(|l| !l.to_ascii_lowercase().starts_with("connection:")) {
            out.extend_from_slice(line.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        out.extend(self.header.iter().flat_map(|h| [h.as_bytes(), b"\r\n"].concat()));
        // The answer then says so too, and the client opens a connection for each request: no lengths to follow.
        out.extend_from_slice(b"Connection: close\r\n\r\n");
        out.extend_from_slice(body);
        stream.write_all(&out).ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        if let Some(watcher) = &self.watcher
            && mutates(name)
        {
            watcher(name);
        }
        Some(answer)
    }
}

/// Head lines (the first is the request line) and body.
fn request(reader: &mut impl BufRead) -> Option<(Vec<String>, Vec<u8>)> {
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        head.push(line.to_owned());
    }
    let length = header(&head, "content-length").map_or(Some(0), |v| v.parse::<usize>().ok())?;
    assert!(header(&head, "transfer-encoding").is_none(), "a request of unknown length: {head:?}");
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((head, body))
}

fn header<'a>(head: &'a [String], name: &str) -> Option<&'a str> {
    head.iter().skip(1).find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// `ec2:RunInstances`; for S3 `PUT /bucket?tagging`.
fn name(head: &[String], body: &[u8]) -> String {
    let service = header(head, "authorization")
        .and_then(|a| a.split("Credential=").nth(1)?.split('/').nth(3))
        .unwrap_or("unknown");
    if let Some(target) = header(head, "x-amz-target") {
        return format!("{service}:{}", target.rsplit('.').next().unwrap_or(target));
    }
    let text = String::from_utf8_lossy(&body[..body.len().min(200)]);
    if let Some(action) = text.split('&').find_map(|p| p.strip_prefix("Action=")) {
        return format!("{service}:{action}");
    }
    let line = head.first().map(String::as_str).unwrap_or_default();
    line.rsplit_once(' ').map_or(line, |(request, _)| request).to_owned()
}

/// Could this request change something?
pub(crate) fn mutates(name: &str) -> bool {
    let reads = ["Describe", "List", "Get", "Lookup", "GET ", "HEAD "];
    let verb = name.split_once(':').filter(|(service, _)| !service.contains(' ')).map_or(name, |(_, action)| action);
    !reads.iter().any(|r| verb.starts_with(r))
}
