//! S3 as raw requests: addressing, chunked bodies, strangers' buckets, persistence.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::time::Duration;

use bytes::Bytes;
use dlinfra_sandbox::{Behaviour, HandleOutcome, Sandbox, SandboxConfig};

fn config() -> SandboxConfig {
    SandboxConfig { start: Some("2026-01-01T00:00:00Z".parse().unwrap()), ..SandboxConfig::default() }
}

/// Status, headers as text and body of the answer to a request signed for us-east-1.
async fn send(
    sandbox: &Sandbox,
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> (u16, String, Bytes) {
    let scope = "AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/s3/aws4_request, Signature=x";
    let mut request = http::Request::builder().method(method).uri(url).header("authorization", scope);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    match sandbox.handle(request.body(Bytes::copy_from_slice(body)).unwrap()).await {
        HandleOutcome::Response(answer) => {
            (answer.status().as_u16(), format!("{:?}", answer.headers()), answer.into_body())
        }
        HandleOutcome::Cut => panic!("cut"),
    }
}

#[tokio::test(start_paused = true)]
async fn both_styles_of_addresses_reach_the_same_object() {
    let sandbox = Sandbox::open(config()).unwrap();
    let virtual_host = "https://my.bucket.s3.amazonaws.com";
    assert_eq!(send(&sandbox, "PUT", virtual_host, &[], b"").await.0, 200);
    let url = format!("{virtual_host}/a%20b%2Bc");
    assert_eq!(send(&sandbox, "PUT", &url, &[("content-type", "text/plain")], b"hello").await.0, 200);
    let path_style = "https://s3.us-east-1.amazonaws.com/my.bucket/a%20b%2Bc";
    let (status, headers, body) = send(&sandbox, "GET", path_style, &[], b"").await;
    assert!(status == 200 && headers.contains("text/plain") && body == "hello", "{headers}");
    // HEAD says how long the body would be and sends none, in errors too.
    let (status, headers, body) = send(&sandbox, "HEAD", path_style, &[], b"").await;
    assert!(status == 200 && headers.contains("\"content-length\": \"5\"") && body.is_empty(), "{headers}");
    let (status, _, body) = send(&sandbox, "HEAD", &format!("{path_style}x"), &[], b"").await;
    assert!(status == 404 && body.is_empty());
}

#[tokio::test(start_paused = true)]
async fn chunked_bodies_are_unwrapped_and_their_trailers_compared() {
    let sandbox = Sandbox::open(config()).unwrap();
    let bucket = "https://my-bucket.s3.amazonaws.com";
    send(&sandbox, "PUT", bucket, &[], b"").await;
    let url = format!("{bucket}/k");
    let headers = [
        ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
        ("content-encoding", "aws-chunked"),
        ("x-amz-decoded-content-length", "9"),
        ("x-amz-trailer", "x-amz-checksum-crc32"),
        ("x-amz-sdk-checksum-algorithm", "CRC32"),
    ];
    let body = |checksum: &str| format!("4\r\n1234\r\n5\r\n56789\r\n0\r\nx-amz-checksum-crc32:{checksum}\r\n\r\n");
    let (status, _, answer) = send(&sandbox, "PUT", &url, &headers, body("AAAAAA==").as_bytes()).await;
    assert!(status == 400 && String::from_utf8_lossy(&answer).contains("BadDigest"), "{answer:?}");
    let cut = body("y/Q5Jg==").replace("5\r\n56789\r\n", "");
    let (status, _, answer) = send(&sandbox, "PUT", &url, &headers, cut.as_bytes()).await;
    assert!(status == 400 && String::from_utf8_lossy(&answer).contains("IncompleteBody"), "{answer:?}");
    let (status, _, answer) = send(&sandbox, "PUT", &url, &headers, body("y/Q5Jg==").as_bytes()).await;
    assert_eq!(status, 200, "{answer:?}");
    let (_, headers, body) = send(&sandbox, "GET", &url, &[("x-amz-checksum-mode", "ENABLED")], b"").await;
    assert_eq!(body, "123456789");
    assert!(headers.contains("y/Q5Jg==") && !headers.contains("aws-chunked"), "{headers}");
}

#[tokio::test(start_paused = true)]
async fn the_buckets_of_strangers_are_taken_and_closed() {
    let behaviour = Behaviour { foreign_buckets: ["theirs".to_owned()].into(), ..Behaviour::default() };
    let sandbox = Sandbox::open(SandboxConfig { behaviour, ..config() }).unwrap();
    let url = "https://theirs.s3.amazonaws.com";
    let (status, _, body) = send(&sandbox, "PUT", url, &[], b"").await;
    assert!(status == 409 && String::from_utf8_lossy(&body).contains("BucketAlreadyExists"));
    assert_eq!(send(&sandbox, "HEAD", url, &[], b"").await.0, 403);
    assert_eq!(send(&sandbox, "GET", &format!("{url}/?list-type=2"), &[], b"").await.0, 403);
}

#[tokio::test(start_paused = true)]
async fn objects_outlive_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let folder = Some(folder.path().to_owned());
        Sandbox::open(SandboxConfig { folder, lock_wait: Duration::ZERO, ..config() }).unwrap()
    };
    let url = "https://my-bucket.s3.amazonaws.com";
    let bytes: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    {
        let sandbox = open();
        send(&sandbox, "PUT", url, &[], b"").await;
        send(&sandbox, "PUT", &format!("{url}/k"), &[], &bytes).await;
        send(&sandbox, "PUT", &format!("{url}/gone"), &[], b"x").await;
        assert_eq!(send(&sandbox, "DELETE", &format!("{url}/gone"), &[], b"").await.0, 204);
    }
    let sandbox = open();
    assert_eq!(send(&sandbox, "GET", &format!("{url}/k"), &[], b"").await.2, bytes);
    assert_eq!(send(&sandbox, "GET", &format!("{url}/gone"), &[], b"").await.0, 404);
    let large = vec![7; (16 << 20) + 1];
    assert_eq!(send(&sandbox, "PUT", &format!("{url}/large"), &[], &large).await.0, 200);
    let (_, _, begun) = send(&sandbox, "POST", &format!("{url}/parts?uploads"), &[], b"").await;
    let begun = String::from_utf8(begun.to_vec()).unwrap();
    let upload = begun.split("<UploadId>").nth(1).unwrap().split('<').next().unwrap();
    let part = format!("{url}/parts?uploadId={upload}&partNumber=1");
    assert_eq!(send(&sandbox, "PUT", &part, &[], b"part").await.0, 200);
    drop(sandbox);
    // What is under way goes on after a restart, and large objects come back.
    let sandbox = open();
    assert_eq!(send(&sandbox, "GET", &format!("{url}/large"), &[], b"").await.2, large);
    let parts = "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>\
                 <ETag>d5b1da9e6d1c5a1fe5b4a3f2dd0ab2a5</ETag></Part></CompleteMultipartUpload>";
    let whole = format!("{url}/parts?uploadId={upload}");
    let (status, _, body) = send(&sandbox, "POST", &whole, &[], parts.as_bytes()).await;
    assert!(status == 400 && String::from_utf8_lossy(&body).contains("InvalidPart"));
    let (_, _, listed) = send(&sandbox, "GET", &whole, &[], b"").await;
    assert!(String::from_utf8_lossy(&listed).contains("<Size>4</Size>"));
}
