//! What others change behind dlinfra's back, as `drift` and `plan` tell it.
use crate::{SMALL, desk::Desk, serve};
use std::{
    io::{Read, Write},
    net::TcpStream,
};

/// A request to EC2 in a served sandbox, as another program sends it.
fn ec2(url: &str, form: &str) {
    let host = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    let head = format!(
        "POST / HTTP/1.1\r\nHost: {host}\r\nAuthorization: AWS4-HMAC-SHA256 \
         Credential=A/20260101/us-east-1/ec2/aws4_request, SignedHeaders=host, Signature=x\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n{form}",
        form.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn a_tag_that_others_changed_is_drift_as_it_is_in_the_plan() {
    let desk = Desk::new();
    desk.write("dlinfra.yaml", format!("tags: {{ team: ml }}\n{SMALL}"));
    let served = serve(&desk, "{}");
    let run = |args: &[&str]| desk.run_with_keys(&[args, &["--endpoint-url", &served.1]].concat());
    run(&["apply", "--yes"]).code(0);
    run(&["drift", "--detailed-exitcode"]).code(0).says(&["no drift"]);
    let status = run(&["status", "--format", "json"]).code(0).json();
    let id = status["resources"][0]["id"].as_str().unwrap().to_owned();
    ec2(&served.1, &format!("Action=CreateTags&ResourceId.1={id}&Tag.1.Key=team&Tag.1.Value=others"));
    run(&["plan", "--detailed-exitcode"]).code(2).says(&["tags.team: others -> ml"]);
    let told = ["~   vpc", "tags.team: applied ml, live others", "`dlinfra apply` brings it back"];
    // The exit code says so only when it was asked to.
    run(&["drift"]).code(0).says(&told);
    run(&["drift", "--detailed-exitcode"]).code(2).says(&told);
    // A tag of others under a key of their own is nobody's drift.
    run(&["apply", "--yes"]).code(0);
    ec2(&served.1, &format!("Action=CreateTags&ResourceId.1={id}&Tag.1.Key=theirs&Tag.1.Value=x"));
    run(&["drift", "--detailed-exitcode"]).code(0).says(&["no drift"]);
    run(&["plan", "--detailed-exitcode"]).code(0);
}
