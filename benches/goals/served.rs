//! The sandbox behind a port: requests that it answers in a second, with clients on the same machine.
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Instant,
};

/// Connections at a time, and requests over each of them.
const CLIENTS: usize = 4;
const EACH: usize = 5_000;

/// Ends its process when the measurement is over.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Requests in a second: half of them describe VPCs, half change the tags of one.
pub(crate) fn rate(program: &str, folder: &Path) -> f64 {
    let behaviour = folder.join("behaviour.json");
    fs::write(&behaviour, r#"{ "throttle": 0.0 }"#).unwrap();
    let mut command = Command::new(program);
    command.args(["sandbox", "serve", "--memory", "--port", "0", "--behaviour"]).arg(&behaviour);
    let mut server = Server(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    let mut told = BufReader::new(server.0.stdout.take().unwrap());
    let address = loop {
        let mut line = String::new();
        assert!(told.read_line(&mut line).unwrap() > 0, "the sandbox did not say where it is served");
        if let Some((_, rest)) = line.split_once("http://") {
            break rest.trim_end_matches(|c: char| !c.is_ascii_digit()).split_whitespace().next().unwrap().to_owned();
        }
    };
    let made = ask(&mut connect(&address), &address, "Action=CreateVpc&CidrBlock=10.0.0.0/16");
    let vpc = made.split_once("<vpcId>").and_then(|(_, rest)| rest.split_once('<')).unwrap().0.to_owned();
    let began = Instant::now();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let (address, vpc) = (address.clone(), vpc.clone());
            thread::spawn(move || {
                let mut stream = connect(&address);
                for number in 0..EACH {
                    let body = match number % 2 {
                        0 => "Action=DescribeVpcs".to_owned(),
                        _ => format!("Action=CreateTags&ResourceId.1={vpc}&Tag.1.Key=k{client}&Tag.1.Value=v{number}"),
                    };
                    ask(&mut stream, &address, &body);
                }
            })
        })
        .collect();
    clients.into_iter().for_each(|client| client.join().unwrap());
    (CLIENTS * EACH) as f64 / began.elapsed().as_secs_f64()
}

fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// One request to EC2; the answer's body.
fn ask(stream: &mut TcpStream, address: &str, body: &str) -> String {
    let body = format!("{body}&Version=2016-11-15");
    let credential = "Credential=x/20260101/us-east-1/ec2/aws4_request, SignedHeaders=host, Signature=0";
    write!(
        stream,
        "POST / HTTP/1.1\r\nhost: {address}\r\nauthorization: AWS4-HMAC-SHA256 {credential}\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = BufReader::new(stream);
    let mut length = 0;
    let mut first = String::new();
    answer.read_line(&mut first).unwrap();
    loop {
        let mut line = String::new();
        answer.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        let header = line.to_ascii_lowercase();
        length = header.strip_prefix("content-length:").map_or(length, |n| n.trim().parse().unwrap());
    }
    let mut out = vec![0; length];
    answer.read_exact(&mut out).unwrap();
    let out = String::from_utf8(out).unwrap();
    assert!(first.contains(" 200 "), "{first}{out}");
    out
}
