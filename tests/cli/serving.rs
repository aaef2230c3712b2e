//! `logs` and `invoke`: what an endpoint in the sandbox answers and writes, and what cannot be asked.
use crate::desk::Desk;

const BLUEPRINT: &str = "blueprint: serve\nregion: us-east-1\nttl: 1h\nresources:\n  models: { kind: bucket, existing: theirs }\n  notes: { kind: log-group, retention: 7d }\n  chat:\n    use: endpoint\n    image: 123456789012.dkr.ecr.us-east-1.amazonaws.com/serve:1\n    bucket: ${models}\n    prefix: v1/\n    instance_type: ml.m5.xlarge\n";

#[test]
fn an_endpoint_is_asked_and_its_log_is_read() {
    let desk = Desk::new();
    desk.write("dlinfra.yaml", BLUEPRINT);
    let run = |args: &[&str]| desk.run(&[args, &["--sandbox", "--sandbox-speed", "max"]].concat());
    run(&["apply", "--yes"]).code(0).says(&["applied: 5 created"]);

    // The answer alone is on stdout, so that a script can read it.
    let said = run(&["invoke", "chat"]).code(0);
    let answer: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((&answer["variant"], &answer["bytes"]), (&"main".into(), &2.into()));
    assert!(said.err.starts_with("chat.endpoint answered by main in "), "{}", said.err);
    desk.write("body.json", r#"{"inputs": "hello"}"#);
    let json =
        run(&["invoke", "dlinfra.yaml", "chat.endpoint", "--body", "body.json", "--format", "json"]).code(0).json();
    assert_eq!(
        (&json["address"], &json["sent_bytes"], &json["by"]),
        (&"chat.endpoint".into(), &19.into(), &"main".into())
    );
    run(&["invoke", "chat", "--body", "missing.json"]).refuses("DL0724").says(&["missing.json"]);

    let log = run(&["logs", "chat", "--since", "1h"]).code(0);
    let lines: Vec<&str> = log.out.lines().collect();
    assert_eq!(lines.len(), 3, "{}", log.out);
    assert!(lines[0].ends_with("INFO: the model is loaded, listening on port 8080"), "{}", log.out);
    assert!(lines.iter().all(|line| line.contains("Z main/i-")), "{}", log.out);
    let json = run(&["logs", "chat", "--since", "1h", "--format", "json"]).code(0).json();
    assert_eq!(json["lines"].as_array().map(Vec::len), Some(3));
    let empty = run(&["logs", "notes"]).code(0);
    assert_eq!((empty.out.as_str(), empty.err.as_str()), ("", "nothing was written in the last 10m\n"));
    run(&["logs", "--stack", "serve", "--region", "us-east-1", "chat", "--since", "1h"]).code(0).says(&["8080"]);

    run(&["invoke", "notes"]).refuses("DL0723").says(&["chat.endpoint"]);
    run(&["logs", "chat.role"]).refuses("DL0723").says(&["chat.endpoint, notes"]);
    run(&["logs", "chatt"]).refuses("DL0722").says(&["did you mean `chat`?"]);
    run(&["logs"]).refuses("DL0701");
    run(&["destroy", "--yes"]).code(0).says(&["0 resources, $0.00/h left"]);
    run(&["invoke", "chat"]).refuses("DL0722");
}

const COMPONENTS: &str = "blueprint: share\nregion: us-east-1\nttl: 1h\nresources:\n  role: { kind: iam-role, trust: [sagemaker.amazonaws.com] }\n  machines:\n    kind: sagemaker-endpoint\n    role: ${role}\n    variants: [{ name: main, instance_type: ml.m5.xlarge, managed_scaling: { min: 1, max: 2 } }]\n  chat:\n    kind: inference-component\n    endpoint: ${machines}\n    variant: main\n    container: { image: '123456789012.dkr.ecr.us-east-1.amazonaws.com/serve:1' }\n    resources: { cpus: 1, memory: 1 GiB }\n";

#[test]
fn a_component_is_asked_and_its_log_is_read() {
    let desk = Desk::new();
    desk.write("dlinfra.yaml", COMPONENTS);
    let run = |args: &[&str]| desk.run(&[args, &["--sandbox", "--sandbox-speed", "max"]].concat());
    run(&["apply", "--yes"]).code(0).says(&["applied: 3 created"]);

    let said = run(&["invoke", "chat"]).code(0);
    let answer: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert!(answer["component"].as_str().unwrap().starts_with("share-chat-"), "{answer}");
    assert_eq!((&answer["variant"], &answer["bytes"]), (&"main".into(), &2.into()));
    assert!(said.err.starts_with("chat answered by main in "), "{}", said.err);
    desk.write("body.json", r#"{"inputs": "hello"}"#);
    let json = run(&["invoke", "chat", "--body", "body.json", "--format", "json"]).code(0).json();
    assert_eq!((&json["address"], &json["sent_bytes"], &json["by"]), (&"chat".into(), &19.into(), &"main".into()));
    // Its endpoint has nobody of its own to answer.
    run(&["invoke", "machines"]).refuses("DL0409").says(&["InferenceComponentName is required"]);

    let log = run(&["logs", "chat", "--since", "1h"]).code(0);
    let lines: Vec<&str> = log.out.lines().collect();
    assert_eq!(lines.len(), 3, "{}", log.out);
    assert!(lines[0].ends_with("INFO: the model is loaded, listening on port 8080"), "{}", log.out);
    assert!(lines.iter().all(|line| line.contains("Z main/copy-1")), "{}", log.out);
    run(&["destroy", "--yes"]).code(0).says(&["0 resources, $0.00/h left"]);
}
