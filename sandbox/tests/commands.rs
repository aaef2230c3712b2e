//! Commands that are sent to machines: when they can be, and what comes of them; by a fake and by real processes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod client;

use std::collections::BTreeSet;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use client::{config, ec2, iam, network, send_as, ssm, wait};
use dlinfra_sandbox::{Boot, Commands, Machines, Order, Outcome, Sandbox, SandboxConfig, ami_for};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

/// Takes a minute for every command, and notes what it is told.
#[derive(Debug, Default)]
struct Fake {
    orders: Mutex<Vec<Order>>,
    boots: Mutex<Vec<Boot>>,
    running: Mutex<BTreeSet<String>>,
}

impl Commands for Fake {
    fn run(&self, order: Order) -> Pin<Box<dyn Future<Output = Outcome> + Send>> {
        self.orders.lock().unwrap().push(order.clone());
        Box::pin(async move {
            tokio::time::sleep(Duration::from_secs(60)).await;
            match order.script.as_str() {
                "lost\n" => Outcome::Lost,
                "slow\n" => Outcome::TimedOut { stdout: "began".to_owned(), stderr: String::new() },
                "long\n" => Outcome::Ended { code: 0, stdout: "o".repeat(30_000), stderr: "e".repeat(9_000) },
                _ => Outcome::Ended { code: 7, stdout: "out".to_owned(), stderr: "err".to_owned() },
            }
        })
    }

    fn boot(&self, boot: Boot) -> Pin<Box<dyn Future<Output = bool> + Send>> {
        self.boots.lock().unwrap().push(boot);
        Box::pin(async { true })
    }

    fn keep(&self, running: &BTreeSet<String>) {
        self.running.lock().unwrap().clone_from(running);
    }
}

/// A role with a profile of its name, and AWS's policy for machines of Systems Manager.
async fn role(sandbox: &Sandbox) {
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
    iam(sandbox, "CreateRole", &format!("RoleName=m AssumeRolePolicyDocument={trust}")).await.ok();
    let policy = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore";
    iam(sandbox, "AttachRolePolicy", &format!("RoleName=m PolicyArn={policy}")).await.ok();
    iam(sandbox, "CreateInstanceProfile", "InstanceProfileName=m").await.ok();
    iam(sandbox, "AddRoleToInstanceProfile", "InstanceProfileName=m RoleName=m").await.ok();
    wait(sandbox, 11).await;
}

/// Machines in a network of their own; parameters of the launch besides.
async fn launch(sandbox: &Sandbox, count: usize, more: &str) -> Vec<String> {
    let (_, subnet, _) = network(sandbox, "us-east-1a").await;
    let image = ami_for("/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64", "us-east-1").unwrap();
    let params =
        format!("ImageId={image} InstanceType=m5.large MinCount={count} MaxCount={count} SubnetId={subnet} {more}");
    let answer = ec2(sandbox, "RunInstances", &params).await.ok();
    answer.body.split("<instanceId>").skip(1).map(|rest| rest.split('<').next().unwrap().to_owned()).collect()
}

/// Machines that are registered.
async fn online(sandbox: &Sandbox, count: usize, more: &str) -> Vec<String> {
    role(sandbox).await;
    let ids = launch(sandbox, count, &format!("IamInstanceProfile.Name=m {more}")).await;
    wait(sandbox, 125).await;
    ids
}

async fn json_of(sandbox: &Sandbox, action: &str, params: Value) -> Value {
    serde_json::from_str(&ssm(sandbox, action, params).await.ok().body).unwrap()
}

fn order(ids: &[String], lines: &[&str]) -> Value {
    json!({"InstanceIds": ids, "DocumentName": "AWS-RunShellScript", "Parameters": {"commands": lines}})
}

async fn send(sandbox: &Sandbox, params: Value) -> String {
    json_of(sandbox, "SendCommand", params).await["Command"]["CommandId"].as_str().unwrap().to_owned()
}

async fn invocation(sandbox: &Sandbox, command: &str, instance: &str) -> Value {
    json_of(sandbox, "GetCommandInvocation", json!({"CommandId": command, "InstanceId": instance})).await
}

fn attended(sandbox: &Sandbox) -> JoinHandle<()> {
    let sandbox = sandbox.clone();
    tokio::spawn(async move { sandbox.attend().await })
}

fn faked() -> (Sandbox, Arc<Fake>) {
    let fake = Arc::new(Fake::default());
    let commands: Arc<dyn Commands> = Arc::<Fake>::clone(&fake);
    (Sandbox::open(SandboxConfig { commands: Some(commands), ..config() }).unwrap(), fake)
}

#[tokio::test(start_paused = true)]
async fn machines_register_when_they_are_up_and_their_role_lets_them() {
    let (sandbox, fake) = faked();
    let attendant = attended(&sandbox);
    let list = || json_of(&sandbox, "DescribeInstanceInformation", json!({}));
    let bare = launch(&sandbox, 1, "").await;
    role(&sandbox).await;
    let script = STANDARD.encode("#!/bin/sh\necho up\n");
    let ids = launch(&sandbox, 2, &format!("IamInstanceProfile.Name=m UserData={script}")).await;
    wait(&sandbox, 110).await;
    // They run, but no agent has said so.
    assert_eq!(list().await["InstanceInformationList"], json!([]));
    ssm(&sandbox, "SendCommand", order(&ids, &["true"])).await.is("InvalidInstanceId");
    assert_eq!(fake.running.lock().unwrap().len(), 3);
    wait(&sandbox, 15).await;
    let listed = list().await;
    assert_eq!(listed["InstanceInformationList"].as_array().unwrap().len(), 2, "{listed}");
    let one = json!({"Filters": [{"Key": "InstanceIds", "Values": [ids[0]]}]});
    let one = json_of(&sandbox, "DescribeInstanceInformation", one).await;
    let one = &one["InstanceInformationList"][0];
    assert_eq!((&one["InstanceId"], &one["PingStatus"]), (&json!(ids[0]), &json!("Online")), "{one}");
    assert_eq!((&one["PlatformName"], &one["ResourceType"]), (&json!("Amazon Linux"), &json!("EC2Instance")));
    let refused = ssm(&sandbox, "SendCommand", order(&[ids[0].clone(), bare[0].clone()], &["true"])).await;
    assert!(refused.body.contains(&format!("[[{}]] not in a valid state", bare[0])), "{}", refused.body);
    // What is stopped keeps nothing, and is not what it was.
    ec2(&sandbox, "StopInstances", &format!("InstanceId.1={}", ids[0])).await.ok();
    wait(&sandbox, 1).await;
    assert!(!fake.running.lock().unwrap().contains(&ids[0]));
    assert_eq!(list().await.to_string().matches("ConnectionLost").count(), 1);
    ssm(&sandbox, "SendCommand", order(&ids[..1], &["true"])).await.is("InvalidInstanceId");
    wait(&sandbox, 60).await;
    ec2(&sandbox, "StartInstances", &format!("InstanceId.1={}", ids[0])).await.ok();
    wait(&sandbox, 125).await;
    assert_eq!(list().await.to_string().matches("Online").count(), 2);
    assert!(fake.running.lock().unwrap().contains(&ids[0]));
    // User data are for the first start.
    let boots = fake.boots.lock().unwrap().clone();
    assert_eq!(boots.len(), 2);
    assert!(boots.iter().all(|boot| boot.script == "#!/bin/sh\necho up\n" && boot.machine.credentials.is_some()));
    attendant.abort();
}

#[tokio::test(start_paused = true)]
async fn commands_have_a_life() {
    let (sandbox, fake) = faked();
    let attendant = attended(&sandbox);
    let ids = online(&sandbox, 3, "").await;
    let wanted = json!({"Comment": "c", "TimeoutSeconds": 30, "MaxConcurrency": "100%", "MaxErrors": "100%",
        "Parameters": {"commands": ["a", "b"], "workingDirectory": ["/w"], "executionTimeout": ["172800"]}});
    let mut params = order(&ids, &[]);
    params.as_object_mut().unwrap().extend(wanted.as_object().unwrap().clone());
    let sent = json_of(&sandbox, "SendCommand", params).await["Command"].clone();
    assert_eq!((&sent["Status"], &sent["TargetCount"], &sent["Comment"]), (&json!("Pending"), &json!(3), &json!("c")));
    let id = sent["CommandId"].as_str().unwrap().to_owned();
    let get = json!({"CommandId": id, "InstanceId": ids[0]});
    ssm(&sandbox, "GetCommandInvocation", get.clone()).await.is("InvocationDoesNotExist");
    wait(&sandbox, 2).await;
    let found = invocation(&sandbox, &id, &ids[0]).await;
    assert_eq!((&found["Status"], &found["ResponseCode"]), (&json!("InProgress"), &json!(-1)), "{found}");
    assert_eq!(found["StandardOutputContent"], "");
    // All at the same time, with the credentials of their role.
    let orders = fake.orders.lock().unwrap().clone();
    assert_eq!(orders.len(), 3);
    assert_eq!((orders[0].script.as_str(), orders[0].directory.as_deref()), ("a\nb\n", Some("/w")));
    assert_eq!(orders[0].timeout, Duration::from_secs(172_800));
    wait(&sandbox, 60).await;
    let found = invocation(&sandbox, &id, &ids[0]).await;
    assert_eq!((&found["Status"], &found["ResponseCode"]), (&json!("Failed"), &json!(7)), "{found}");
    assert_eq!(found["ExecutionElapsedTime"], "PT60.000S");
    let all = json!({"CommandId": id, "Details": true});
    let listed = json_of(&sandbox, "ListCommandInvocations", all).await["CommandInvocations"].clone();
    assert_eq!(listed.as_array().unwrap().len(), 3);
    assert_eq!(listed[0]["CommandPlugins"][0]["Output"], "out\n----------ERROR-------\nerr");
    let command = json_of(&sandbox, "ListCommands", json!({"CommandId": id})).await["Commands"][0].clone();
    assert_eq!((&command["Status"], &command["ErrorCount"]), (&json!("Failed"), &json!(3)), "{command}");

    let long = send(&sandbox, order(&ids[..1], &["long"])).await;
    let slow = send(&sandbox, order(&ids[..1], &["slow"])).await;
    let lost = send(&sandbox, order(&ids[..1], &["lost"])).await;
    let ended = send(&sandbox, order(&ids[..2], &["ended"])).await;
    wait(&sandbox, 5).await;
    json_of(&sandbox, "CancelCommand", json!({"CommandId": ended, "InstanceIds": [ids[0]]})).await;
    wait(&sandbox, 1).await;
    assert_eq!(invocation(&sandbox, &ended, &ids[0]).await["Status"], "Cancelled");
    assert_eq!(invocation(&sandbox, &ended, &ids[1]).await["Status"], "InProgress");
    wait(&sandbox, 60).await;
    let found = invocation(&sandbox, &long, &ids[0]).await;
    let length = |name: &str| found[name].as_str().unwrap().len();
    assert_eq!((length("StandardOutputContent"), length("StandardErrorContent")), (24_000, 8_000));
    let listed = json_of(&sandbox, "ListCommandInvocations", json!({"CommandId": long, "Details": true})).await;
    let output = listed["CommandInvocations"][0]["CommandPlugins"][0]["Output"].as_str().unwrap().to_owned();
    assert_eq!(output.len(), 2500);
    let found = invocation(&sandbox, &slow, &ids[0]).await;
    assert_eq!((&found["Status"], &found["StatusDetails"]), (&json!("TimedOut"), &json!("ExecutionTimedOut")));
    assert_eq!(found["StandardOutputContent"], "began");
    // Of a machine that went away AWS learns nothing until the command has had its time.
    assert_eq!(invocation(&sandbox, &lost, &ids[0]).await["Status"], "InProgress");
    wait(&sandbox, 3600).await;
    assert_eq!(invocation(&sandbox, &lost, &ids[0]).await["Status"], "TimedOut");
    let first = json_of(&sandbox, "ListCommands", json!({"MaxResults": 2})).await;
    let rest = json_of(&sandbox, "ListCommands", json!({"NextToken": first["NextToken"]})).await;
    assert_eq!((first["Commands"].as_array().unwrap().len(), rest["Commands"].as_array().unwrap().len()), (2, 3));
    attendant.abort();
}

#[tokio::test(start_paused = true)]
async fn a_role_sends_what_its_policies_let_it_send() {
    let (sandbox, fake) = faked();
    let attendant = attended(&sandbox);
    let ids = online(&sandbox, 2, "").await;
    send(&sandbox, order(&ids[..1], &["true"])).await;
    wait(&sandbox, 1).await;
    let key = fake.orders.lock().unwrap()[0].machine.credentials.clone().unwrap().access_key;
    let ask = |action: &str, params: Value| {
        let (sandbox, key, target) = (sandbox.clone(), key.clone(), format!("AmazonSSM.{action}"));
        async move { send_as(&sandbox, &key, "ssm", &target, params.to_string()).await }
    };
    let refused = ask("SendCommand", order(&ids, &["true"])).await;
    assert!(refused.body.contains("assumed-role/m/i-") && refused.body.contains("AccessDenied"), "{}", refused.body);
    assert!(refused.body.contains("ssm:SendCommand on resource: arn:aws:ssm:us-east-1::document/AWS-RunShellScript"));
    let allow = |instance: &str| {
        let resources = format!(
            r#"["arn:aws:ssm:*::document/AWS-RunShellScript","arn:aws:ec2:us-east-1:000000000000:instance/{instance}"]"#
        );
        let statement = format!(r#"{{"Effect":"Allow","Action":"ssm:SendCommand","Resource":{resources}}}"#);
        format!("RoleName=m PolicyName=p PolicyDocument={{\"Version\":\"2012-10-17\",\"Statement\":{statement}}}")
    };
    iam(&sandbox, "PutRolePolicy", &allow(&ids[0])).await.ok();
    ask("SendCommand", order(&ids[..1], &["true"])).await.ok();
    let refused = ask("SendCommand", order(&ids, &["true"])).await;
    assert!(refused.body.contains(&format!("instance/{}", ids[1])), "{}", refused.body);
    ask("DescribeInstanceInformation", json!({})).await.is("AccessDeniedException");
    // With the machine its credentials end.
    ec2(&sandbox, "StopInstances", &format!("InstanceId.1={}", ids[0])).await.ok();
    wait(&sandbox, 1).await;
    ask("SendCommand", order(&ids[1..], &["true"])).await.is("ExpiredTokenException");
    attendant.abort();
}

#[tokio::test(start_paused = true)]
async fn nobody_begins_what_nobody_attends_to() {
    let (sandbox, fake) = faked();
    let ids = online(&sandbox, 1, "").await;
    let command = send(&sandbox, order(&ids, &["true"])).await;
    wait(&sandbox, 3599).await;
    assert_eq!(invocation(&sandbox, &command, &ids[0]).await["Status"], "Pending");
    wait(&sandbox, 1).await;
    assert_eq!(invocation(&sandbox, &command, &ids[0]).await["StatusDetails"], "DeliveryTimedOut");
    assert!(fake.orders.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn without_commands_nothing_is_sent() {
    let sandbox = Sandbox::open(config()).unwrap();
    let ids = online(&sandbox, 1, "").await;
    let refused = ssm(&sandbox, "SendCommand", order(&ids, &["true"])).await;
    assert!(refused.status == 501 && refused.body.contains("--run-commands"), "{}", refused.body);
    assert_eq!(
        json_of(&sandbox, "DescribeInstanceInformation", json!({})).await.to_string().matches("Online").count(),
        1
    );
}

/// A sandbox whose machines are folders of this machine.
fn real() -> (Sandbox, JoinHandle<()>) {
    let commands: Arc<dyn Commands> = Arc::new(Machines::new("http://127.0.0.1:1", 600.0).unwrap().with_user_data());
    let sandbox = Sandbox::open(SandboxConfig { speed: 600.0, commands: Some(commands), ..config() }).unwrap();
    let attendant = attended(&sandbox);
    (sandbox, attendant)
}

/// Sends a command to machines, and waits until it has ended on all of them: status, code and outputs of each.
async fn run(sandbox: &Sandbox, ids: &[String], lines: &[&str]) -> Vec<(String, i64, String, String)> {
    let command = send(sandbox, order(ids, lines)).await;
    let mut out = Vec::new();
    for id in ids {
        let found = loop {
            wait(sandbox, 30).await;
            let found = invocation(sandbox, &command, id).await;
            if !matches!(found["Status"].as_str().unwrap(), "Pending" | "InProgress") {
                break found;
            }
        };
        let text = |name: &str| found[name].as_str().unwrap().to_owned();
        let code = found["ResponseCode"].as_i64().unwrap();
        out.push((text("Status"), code, text("StandardOutputContent"), text("StandardErrorContent")));
    }
    out
}

async fn one(sandbox: &Sandbox, id: &str, line: &str) -> (String, i64, String, String) {
    run(sandbox, &[id.to_owned()], &[line]).await.remove(0)
}

/// Waits for something in real time.
async fn until(what: &str, is: impl Fn() -> bool) {
    for _ in 0..300 {
        if is() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{what} did not come true");
}

fn is_alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // What has ended and nobody has asked for is a zombie.
    !stat.is_empty() && !stat.contains(") Z ")
}

#[tokio::test]
async fn machines_run_at_the_same_time() {
    let (sandbox, attendant) = real();
    let ids = online(&sandbox, 3, "").await;
    // Each waits for the others: one after the other, none would come to its end.
    let meeting = tempfile::tempdir().unwrap();
    let meet = format!(
        "touch {0}/$(cat $DLINFRA_ROOT/var/lib/cloud/data/instance-id); while [ $(ls {0} | wc -l) -lt 3 ]; do sleep 0.05; done",
        meeting.path().display()
    );
    let lines = [meet.as_str(), "echo $(cat $DLINFRA_ROOT/var/lib/cloud/data/instance-id) $AWS_REGION $PWD", "exit 7"];
    for ((status, code, stdout, stderr), id) in run(&sandbox, &ids, &lines).await.into_iter().zip(&ids) {
        assert_eq!((status.as_str(), code), ("Failed", 7), "{stdout}{stderr}");
        assert!(stdout.starts_with(&format!("{id} us-east-1 /")), "{stdout}");
        assert_eq!(stderr, "failed to run commands: exit status 7");
    }
    let (status, code, stdout, _) = one(&sandbox, &ids[0], "#!/usr/bin/env python3\nprint(6 * 7)").await;
    assert_eq!((status.as_str(), code, stdout.as_str()), ("Success", 0, "42\n"));
    let (_, _, stdout, _) = one(&sandbox, &ids[0], "env | cut -d= -f1 | sort | tr '\\n' ' '").await;
    let names = "AWS_ACCESS_KEY_ID AWS_DEFAULT_REGION AWS_ENDPOINT_URL AWS_REGION AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN \
                 DLINFRA_ROOT HOME PATH PWD TMPDIR ";
    assert_eq!(stdout.replace("OLDPWD ", ""), names);
    attendant.abort();
}

#[tokio::test]
async fn units_outlive_their_command_but_not_their_machine() {
    let (sandbox, attendant) = real();
    let ids = online(&sandbox, 1, "").await;
    let id = ids[0].as_str();
    let job = "trap 'echo term; exit 0' TERM; echo begun $X $$; while :; do sleep 0.1; done";
    let start = format!(
        "systemd-run --unit=job --collect -p StandardOutput=append:$DLINFRA_ROOT/job.log --setenv=X=y sh -c \"{}\"",
        job.replace('$', "\\$")
    );
    assert_eq!(one(&sandbox, id, &start).await.1, 0);
    assert_eq!(one(&sandbox, id, "systemctl is-active job").await.2, "active\n");
    let (status, code, _, stderr) = one(&sandbox, id, &start).await;
    assert_eq!((status.as_str(), code), ("Failed", 1));
    assert!(stderr.starts_with(
        "Failed to start transient service unit: Unit job.service was already loaded or has a fragment file."
    ));
    let (_, _, log, _) =
        one(&sandbox, id, "cat $DLINFRA_ROOT/job.log; systemctl show -p ActiveState --value job").await;
    assert!(log.starts_with("begun y ") && log.ends_with("\nactive\n"), "{log}");
    let (_, _, log, _) = one(&sandbox, id, "systemctl stop job; cat job.log; systemctl is-active job").await;
    assert!(log.ends_with("\nterm\ninactive\n"), "{log}");
    // One that is over and was not collected has its name for itself until it is forgotten.
    let lines = [
        "systemd-run --unit=bad sh -c 'exit 9'; systemd-run --unit=late -p RuntimeMaxSec=1 sleep 600",
        "while [ $(systemctl is-active bad) = active ] || [ $(systemctl is-active late) = active ]; do sleep 0.1; done",
        "systemctl show -p ActiveState,ExecMainStatus bad; systemctl is-active late; systemd-run --unit=bad true",
        "systemctl reset-failed; systemd-run --unit=bad true && echo $?",
        "systemctl stop nothing; echo $?",
    ];
    let (_, _, said, stderr) = run(&sandbox, &ids, &lines).await.remove(0);
    assert_eq!(said, "ActiveState=failed\nExecMainStatus=9\nfailed\n0\n5\n", "{stderr}");
    assert!(stderr.contains("bad.service was already loaded") && stderr.contains("nothing.service not loaded"));

    let (_, _, text, _) =
        one(&sandbox, id, "echo $DLINFRA_ROOT; systemd-run --unit=other sh -c 'echo $$; exec sleep 600'").await;
    let root = PathBuf::from(text.trim());
    let (_, _, pid, _) = one(&sandbox, id, "cat var/log/journal/other.log").await;
    let pid = pid.trim();
    assert!(is_alive(pid) && root.join("run").is_dir());
    ec2(&sandbox, "TerminateInstances", &format!("InstanceId.1={id}")).await.ok();
    until("the machine is gone", || !root.exists() && !is_alive(pid)).await;
    attendant.abort();
}

#[tokio::test]
async fn what_is_cancelled_ends_and_so_does_what_runs_when_the_sandbox_goes() {
    let (sandbox, attendant) = real();
    let ids = online(&sandbox, 1, "").await;
    let place = tempfile::tempdir().unwrap();
    let note = |name: &str| place.path().join(name);
    let line = |name: &str| format!("echo $$ > {}; sleep 600; true", note(name).display());
    let command = send(&sandbox, order(&ids, &[&line("one")])).await;
    until("it runs", || note("one").exists()).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let pid = std::fs::read_to_string(note("one")).unwrap().trim().to_owned();
    assert!(is_alive(&pid));
    json_of(&sandbox, "CancelCommand", json!({"CommandId": command})).await;
    until("it has ended", || !is_alive(&pid)).await;
    assert_eq!(invocation(&sandbox, &command, &ids[0]).await["Status"], "Cancelled");
    let unit = format!("systemd-run --unit=u sh -c 'echo $$ > {}; exec sleep 600'", note("two").display());
    assert_eq!(one(&sandbox, &ids[0], &unit).await.1, 0);
    until("it runs", || note("two").exists()).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let pid = std::fs::read_to_string(note("two")).unwrap().trim().to_owned();
    assert!(is_alive(&pid));
    attendant.abort();
    let _ = attendant.await;
    drop(sandbox);
    until("it has ended with the sandbox", || !is_alive(&pid)).await;
}

#[tokio::test]
async fn user_data_run_at_the_first_start() {
    let (sandbox, attendant) = real();
    let script = "#!/bin/sh\necho hello\nmkdir -p $DLINFRA_ROOT/opt && sleep 1\necho done > $DLINFRA_ROOT/opt/file\n";
    let ids = online(&sandbox, 1, &format!("UserData={}", STANDARD.encode(script))).await;
    let lines = ["cloud-init status --wait", "cat opt/file var/log/cloud-init-output.log"];
    let (status, code, stdout, stderr) = run(&sandbox, &ids, &lines).await.remove(0);
    assert_eq!((status.as_str(), code), ("Success", 0), "{stderr}");
    assert!(stdout.ends_with("status: done\ndone\nhello\n"), "{stdout}");
    let more = format!("IamInstanceProfile.Name=m UserData={}", STANDARD.encode("#!/bin/sh\nexit 3\n"));
    let failing = launch(&sandbox, 1, &more).await;
    wait(&sandbox, 200).await;
    let (_, code, stdout, _) = one(&sandbox, &failing[0], "cloud-init status --wait --format json").await;
    assert!(code == 1 && stdout.contains("\"status\": \"error\""), "{code} {stdout}");
    attendant.abort();
}
