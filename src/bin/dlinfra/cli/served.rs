//! Is the endpoint a sandbox that `dlinfra sandbox serve` serves? Then its time and its speed are this command's too.
use dlinfra::{aws::endpoint::Endpoint, clock::Clock};
use jiff::Timestamp;
use serde_json::Value;
use std::{
    io::{Read, Write},
    net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs},
    time::Duration,
};

/// A served sandbox answers at once; whatever does not is none.
const PATIENCE: Duration = Duration::from_secs(2);
/// A status is a few hundred bytes.
const LONGEST: u64 = 1 << 20;

/// The sandbox's time and how many times faster than real time it runs; nothing for any other endpoint. Only loopback
/// is asked: the sandbox is served nowhere else, and nobody else shall see a question that is not AWS's.
fn ask(url: &str) -> Option<(Timestamp, u32)> {
    let at = loopback(url)?;
    let mut stream = TcpStream::connect_timeout(&at, PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.set_write_timeout(Some(PATIENCE)).ok()?;
    write!(stream, "GET /_sandbox/status HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.take(LONGEST).read_to_string(&mut text).ok()?;
    read(&text)
}

/// The clock of the first of these endpoints that is a served sandbox: waits on it are as much faster as it is, and what
/// is recorded tells its time.
pub(super) fn clock(endpoints: &[Endpoint]) -> Option<Clock> {
    let (time, speed) = endpoints.iter().find_map(|e| ask(&e.url))?;
    Some(Clock::scaled(time, speed))
}

/// The address in `http://127.0.0.1:4566/`.
fn loopback(url: &str) -> Option<SocketAddr> {
    let host = url.strip_prefix("http://")?.trim_end_matches('/');
    if host.contains(['/', '@', '?', '#']) {
        return None;
    }
    let port_at = host.rfind(':').filter(|at| !host[*at..].contains(']'));
    let (name, port) = match port_at {
        Some(at) => (&host[..at], host[at + 1..].parse().ok()?),
        None => (host, 80),
    };
    if name == "localhost" {
        return (name, port).to_socket_addrs().ok()?.find(|a| a.ip().is_loopback());
    }
    let ip: IpAddr = name.trim_matches(['[', ']']).parse().ok()?;
    ip.is_loopback().then(|| SocketAddr::new(ip, port))
}

fn read(answer: &str) -> Option<(Timestamp, u32)> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    if head.lines().next()?.split(' ').nth(1) != Some("200") {
        return None;
    }
    let status: Value = serde_json::from_str(body).ok()?;
    let time = status.get("time")?.as_str()?.parse().ok()?;
    let speed = status.get("speed")?.as_f64()?;
    // Of its own account only: something else may answer this path too.
    status.get("account")?.as_str()?;
    ((1.0..=10_000.0).contains(&speed)).then_some((time, speed.round() as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_asked() {
        let port = |url| loopback(url).map(|a| a.port());
        assert_eq!(port("http://127.0.0.1:4566"), Some(4566));
        assert_eq!(port("http://127.0.0.1:4566/"), Some(4566));
        assert_eq!(port("http://[::1]:4566"), Some(4566));
        assert_eq!(port("http://[::1]"), Some(80));
        assert_eq!(port("http://localhost:4566"), Some(4566));
        for other in
            ["https://127.0.0.1:4566", "http://10.0.0.1:4566", "http://127.0.0.1:4566/aws", "http://x@127.0.0.1"]
        {
            assert_eq!(port(other), None, "{other}");
        }
    }

    #[test]
    fn only_a_status_of_the_sandbox_counts() {
        let body = r#"{"account":"000000000000","time":"2026-01-01T00:00:00Z","speed":60.0,"objects":{},"requests":0}"#;
        let answer = |line: &str, body: &str| read(&format!("{line}\r\ncontent-length: 1\r\n\r\n{body}"));
        let (time, speed) = answer("HTTP/1.1 200 OK", body).unwrap();
        assert_eq!((time.to_string().as_str(), speed), ("2026-01-01T00:00:00Z", 60));
        assert!(answer("HTTP/1.1 404 Not Found", body).is_none());
        assert!(answer("HTTP/1.1 200 OK", "<html>").is_none());
        assert!(answer("HTTP/1.1 200 OK", r#"{"time":"2026-01-01T00:00:00Z"}"#).is_none());
    }
}
