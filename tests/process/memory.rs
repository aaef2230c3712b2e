//! The journal of the real binary: lost, damaged, moved, full, closed, down, a stranger's. No change without a record.
use crate::driver::{Account, Cli, Running, blueprint, local_journal};
use crate::proxy::mutates;
use dlinfra_sandbox::{Behaviour, FaultAction, FaultRule};
use std::{fs, path::PathBuf, process::Command};

const SMALL: &str = "blueprint: small
region: us-east-1
owner: ada
variables:
  names: { type: bool, default: true }
resources:
  vpc: { kind: vpc, cidr: 10.0.0.0/16, dns_hostnames: '${var.names}' }
  logs: { kind: bucket, name: acme-logs-of-the-journal }
";

fn account() -> Account {
    Account::serve(60, Behaviour { durations: 0.02, ..Behaviour::default() })
}

/// Requests that change something of a stack.
fn changes(account: &Account) -> u64 {
    let log = account.requests();
    log.counts.iter().filter(|(name, _)| mutates(name) && *name != "s3:PutObject").map(|(_, n)| n).sum()
}

fn state(cli: &Cli, stack: &str) -> PathBuf {
    cli.folder().join(".dlinfra/state/000000000000/us-east-1").join(stack)
}

#[track_caller]
fn says(err: &str, words: &[&str]) {
    // However the lines are broken.
    let flat = err.split_whitespace().collect::<Vec<_>>().join(" ");
    for word in words {
        assert!(flat.contains(word), "{word} is missing in\n{err}");
    }
}

#[test]
fn the_journals_bucket_is_in_the_plan_and_made_by_the_first_apply() {
    let account = account();
    let cli = Cli::new(account.port, SMALL);
    let line = "The bucket dlinfra-000000000000-us-east-1 will be made for the journal: private, versioned, encrypted";
    let plan = cli.run(&["plan"]).must(0, "plan");
    says(&plan.out, &[line]);
    assert_eq!(account.requests().mutating, 0, "a plan makes nothing");
    assert!(!cli.folder().join(".dlinfra").exists(), "a plan writes nothing");
    cli.run(&["apply", "--yes"]).must(0, "apply");
    for call in ["s3:PutPublicAccessBlock", "s3:PutBucketVersioning", "s3:PutBucketEncryption"] {
        assert!(account.requests().count(call) > 0, "{call}");
    }
    assert!(!state(&cli, "small").exists(), "nothing of the journal lies here");
    let other = Cli::new(account.port, &SMALL.replace("small", "second").replace("acme-logs", "acme-more"));
    let plan = other.run(&["plan"]).must(0, "another stack's plan");
    assert!(!plan.out.contains("will be made"), "{}", plan.out);
    // Another folder, another machine: the same stack.
    let elsewhere = Cli::new(account.port, SMALL);
    elsewhere.run(&["plan", "--detailed-exitcode"]).must(0, "the journal is the account's");
    fs::remove_file(elsewhere.folder().join("dlinfra.yaml")).unwrap();
    let by_name = ["--stack", "small", "--region", "us-east-1"];
    let done = elsewhere.run(&[&["destroy", "--yes"][..], &by_name].concat()).must(0, "destroy by name");
    says(&done.out, &["stack small: 0 resources, $0.00/h left"]);
    says(&done.err, &["The journal stays in s3://dlinfra-000000000000-us-east-1/journal/small/"]);
    assert!(account.live().is_empty(), "{:?}", account.live());
}

/// Every kind there is, and the journal is gone: `recover` begins it again from tags, and the next plan is empty.
#[test]
fn a_lost_journal_is_rebuilt_and_the_next_plan_is_empty() {
    let account = account();
    let text = local_journal(&blueprint("efa-training.yaml"));
    let cli = Cli::new(account.port, &text);
    cli.run(&["recover", "--yes"]).must(1, "there is nothing to recover from");
    cli.run(&["apply", "--yes"]).must(0, "apply");
    let whole = cli.run(&["recover", "--yes"]).must(0, "whole");
    says(&whole.err, &["is whole"]);
    fs::remove_dir_all(cli.folder().join(".dlinfra")).unwrap();
    let before = changes(&account);
    let plan = cli.run(&["plan", "--detailed-exitcode"]).must(0, "tags are enough to see it");
    assert!(!plan.err.contains("error"), "{}", plan.err);
    cli.run(&["recover"]).must(1, "recover asks");
    let dry = cli.run(&["recover", "--yes", "--format", "json"]).must(0, "recover");
    says(&dry.out, &[r#""result":"rebuilt""#]);
    assert_eq!(changes(&account), before, "recovery changes nothing in the stack");
    cli.run(&["plan", "--detailed-exitcode"]).must(0, "the plan after it is empty");
    cli.run(&["drift"]).must(0, "and nothing has drifted");
    // One record is damaged.
    let log = fs::read_dir(state(&cli, "efa-training").join("log")).unwrap().next().unwrap().unwrap().path();
    fs::write(&log, b"{\"v\":1,\"cla").unwrap();
    let ran = cli.run(&["apply", "--yes"]).must(1, "a damaged journal");
    says(&ran.err, &["DL0507", "dlinfra recover"]);
    assert_eq!(changes(&account), before, "nothing was changed with a damaged journal");
    cli.run(&["recover", "--yes"]).must(0, "recover again");
    cli.run(&["plan", "--detailed-exitcode"]).must(0, "empty again");
    cli.run(&["destroy", "--yes", "--delete-data"]).must(0, "destroy");
    assert!(account.live().is_empty(), "{:?}", account.live());
}

/// A bucket of the author's own name is found by name alone, so the journal must know it again after `recover`.
#[test]
fn what_only_a_name_finds_is_found_after_a_recovery() {
    let account = account();
    let cli = Cli::new(account.port, &local_journal(SMALL));
    cli.run(&["apply", "--yes"]).must(0, "apply");
    fs::remove_dir_all(cli.folder().join(".dlinfra")).unwrap();
    let refused = cli.run(&["apply", "--yes", "--var", "names=false"]).must(1, "a lost journal");
    says(&refused.err, &["DL0520", "dlinfra recover"]);
    // The blueprint no longer names it either: each bucket of the account is asked for its tags.
    let kept: String = SMALL.lines().filter(|l| !l.contains("logs")).map(|l| format!("{l}\n")).collect();
    cli.write(&local_journal(&kept));
    let words = cli.run(&["recover", "--yes"]).must(0, "recover");
    says(&words.err, &["acme-logs-of-the-journal"]);
    let plan = cli.run(&["plan"]).must(0, "plan");
    says(&plan.out, &["acme-logs-of-the-journal", "1 to delete"]);
    cli.run(&["destroy", "--yes"]).must(0, "destroy");
    assert!(account.live().is_empty(), "{:?}", account.live());
}

#[test]
fn a_journal_in_the_folder_is_not_forgotten_but_moved() {
    let account = account();
    let tagged = format!("{SMALL}tags: {{ team: ml }}\n");
    let cli = Cli::new(account.port, &local_journal(&tagged));
    cli.run(&["apply", "--yes"]).must(0, "apply");
    cli.write(&tagged);
    let before = changes(&account);
    for args in [&["plan"][..], &["apply", "--yes"], &["status"], &["destroy", "--yes"]] {
        let ran = cli.run(args).must(1, "the journal lies elsewhere");
        says(&ran.err, &["DL0519", ".dlinfra/state", "s3://dlinfra-000000000000-us-east-1", "backend: local"]);
    }
    assert_eq!(changes(&account), before);
    let moved = cli.run(&["recover", "--yes", "--format", "json"]).must(0, "moved");
    says(&moved.out, &[r#""result":"moved""#]);
    assert!(!state(&cli, "small").exists(), "the folder is set aside");
    Cli::new(account.port, &tagged).run(&["plan", "--detailed-exitcode"]).must(0, "anywhere");
    // The moved memory knows what was set before: a tag that is taken out of the blueprint is taken off.
    cli.write(SMALL);
    let plan = cli.run(&["plan"]).must(0, "a removed tag");
    says(&plan.out, &["tags.team: ml ->"]);
}

/// Everything was removed by hand: an error until somebody says that it is right.
#[test]
fn what_was_removed_by_hand_is_forgotten_only_when_told() {
    let account = account();
    let cli = Cli::new(account.port, SMALL);
    cli.run(&["apply", "--yes"]).must(0, "apply");
    cli.run(&["recover", "--forget", "--yes"]).must(1, "objects are live");
    // Somebody else removes it all, with another journal.
    let other = Cli::new(account.port, SMALL);
    let by_name = ["--stack", "small", "--region", "us-east-1", "--backend", "local"];
    let gone = other.run(&[&["destroy", "--yes"][..], &by_name].concat());
    let gone = gone.must(0, "destroy by tags");
    says(&gone.err, &["warning[DL0520]", "--backend"]);
    assert!(account.live().is_empty(), "{:?}", account.live());
    let lost = cli.run(&["apply", "--yes"]).must(1, "is this the right account?");
    says(&lost.err, &["DL0531", "recover --forget"]);
    cli.run(&["recover", "--forget", "--yes"]).must(0, "begun again");
    cli.run(&["apply", "--yes"]).must(0, "and made again");
}

#[test]
fn a_full_disk_stops_before_the_call() {
    let account = account();
    let limited = |cli: &Cli, blocks: &str| {
        let inner = cli.command(&["apply", "--yes"]);
        let mut command = Command::new("bash");
        // A file that may not grow is answered like a disk that is full.
        command.args(["-c", &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"")]).arg(inner.get_program());
        command.args(inner.get_args()).current_dir(cli.folder()).env_clear();
        command.envs(inner.get_envs().filter_map(|(k, v)| Some((k, v?))));
        command.stdin(std::process::Stdio::null());
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        Running::new(command).wait()
    };
    let none = Cli::new(account.port, &local_journal(SMALL));
    let ran = limited(&none, "0").must(1, "no space at all");
    says(&ran.err, &["DL0503", "no space is left for the journal"]);
    // Enough for the claim and the lock (512 or 1024 bytes a block), not for an intent with long tags.
    let long: String = (0..8).map(|n| format!("  tag{n}: '{}'\n", "x".repeat(250))).collect();
    let text = local_journal(&format!("{SMALL}tags:\n{long}"));
    let little = Cli::new(account.port, &text);
    let ran = limited(&little, "2").must(3, "the rest is pending");
    says(&ran.err, &["no space is left for the journal"]);
    assert_eq!(changes(&account), 0, "no call without its record\n{}", ran.err);
    assert!(account.live().is_empty());
    little.run(&["apply", "--yes"]).must(0, "with space it goes on");
    little.run(&["plan", "--detailed-exitcode"]).must(0, "and is done");
}

#[test]
fn a_journal_that_cannot_be_written_stops_before_the_call() {
    use std::os::unix::{
        fs::{MetadataExt, PermissionsExt},
        process::CommandExt,
    };
    let account = account();
    let cli = Cli::new(account.port, &local_journal(SMALL));
    let root = fs::metadata(cli.folder()).unwrap().uid() == 0;
    let closed = |command: &mut Command| {
        // Root may write everywhere, so somebody else tries.
        if root {
            command.uid(65534).gid(65534);
        }
    };
    let mut probe = Command::new(env!("CARGO_BIN_EXE_dlinfra"));
    closed(probe.arg("--version"));
    fs::set_permissions(cli.folder(), fs::Permissions::from_mode(0o555)).unwrap();
    if probe.output().is_ok_and(|o| o.status.success()) {
        let mut command = cli.command(&["apply", "--yes"]);
        closed(&mut command);
        let ran = Running::new(command).wait().must(1, "a read-only folder");
        says(&ran.err, &["DL0502", "writable"]);
        let mut command = cli.command(&["plan"]);
        closed(&mut command);
        Running::new(command).wait().must(0, "a plan needs no folder to write in");
    } else {
        eprintln!("not tried: another user cannot start the binary here");
    }
    fs::set_permissions(cli.folder(), fs::Permissions::from_mode(0o755)).unwrap();
    // A file where the folder should be.
    fs::write(cli.folder().join(".dlinfra"), b"").unwrap();
    let ran = cli.run(&["apply", "--yes"]).must(1, "no folder");
    says(&ran.err, &["error[DL05", ".dlinfra"]);
    assert_eq!(changes(&account), 0);
}

#[test]
fn a_bucket_that_is_down_closed_or_a_strangers_stops_before_the_call() {
    let account = account();
    let cli = Cli::new(account.port, SMALL);
    let rule = |operation: &str, action: FaultAction| vec![FaultRule::new(operation, action)];
    let taken = FaultAction::ErrorBefore { code: "BucketAlreadyExists".into(), status: 409 };
    let cases = [
        (rule("s3:ListObjectsV2", FaultAction::CutBefore), "DL0505", "does not answer"),
        (rule("s3:ListObjectsV2", FaultAction::AccessDenied), "DL0504", "s3:ListBucket"),
        (rule("s3:ListObjectsV2", FaultAction::ExpiredToken), "DL0515", "log in again"),
        (rule("s3:CreateBucket", taken), "DL0509", "does not belong to account 000000000000"),
        (rule("s3:CreateBucket", FaultAction::AccessDenied), "DL0504", "s3:CreateBucket"),
        (rule("s3:PutObject", FaultAction::AccessDenied), "DL0504", "s3:PutObject"),
        (rule("s3:PutObject", FaultAction::CutBefore), "DL0505", "does not answer"),
    ];
    for (rules, code, word) in cases {
        let what = format!("{rules:?}");
        account.set_faults(rules);
        let ran = cli.run(&["apply", "--yes"]).must(1, &what);
        says(&ran.err, &[code, word]);
        assert_eq!(account.requests().count("ec2:CreateVpc"), 0, "{what}\n{}", ran.err);
        assert_eq!(account.requests().errors.keys().filter(|e| e.starts_with("ec2:")).count(), 0, "{what}");
    }
    account.set_faults(Vec::new());
    assert!(account.live().is_empty(), "{:?}", account.live());
    cli.run(&["apply", "--yes"]).must(0, "when it is there again");
    // The author's own bucket is never made.
    let own = Cli::new(account.port, &format!("{}backend: s3://acme-ops-none/x\n", SMALL.replace("small", "third")));
    let ran = own.run(&["apply", "--yes"]).must(1, "a bucket that does not exist");
    says(&ran.err, &["DL0513", "acme-ops-none"]);
}

#[test]
fn a_strangers_bucket_of_the_journals_name_gets_no_record() {
    let foreign = ["dlinfra-000000000000-us-east-1".to_owned()].into();
    let account = Account::serve(60, Behaviour { durations: 0.02, foreign_buckets: foreign, ..Behaviour::default() });
    let cli = Cli::new(account.port, SMALL);
    let ran = cli.run(&["apply", "--yes"]).must(1, "a stranger's bucket");
    assert!(ran.err.contains("DL0504") || ran.err.contains("DL0509"), "{}", ran.err);
    assert_eq!(account.requests().count("s3:PutObject"), 0);
    assert_eq!(account.requests().count("ec2:CreateVpc"), 0);
}

/// The fold of a long journal is stored, so that a plan reads a few objects and not all of them.
#[test]
fn a_long_journal_is_read_from_its_stored_fold() {
    let account = account();
    let cli = Cli::new(account.port, SMALL);
    for round in 0..14 {
        let var = format!("names={}", round % 2 == 0);
        cli.run(&["apply", "--yes", "--var", &var]).must(0, "a round");
    }
    let log = account.requests();
    let written = log.count("s3:PutObject");
    assert!(written > 60, "{written} objects were written");
    let before = log.count("s3:GetObject");
    cli.run(&["plan", "--var", "names=false", "--detailed-exitcode"]).must(0, "nothing to do");
    let read = account.requests().count("s3:GetObject") - before;
    assert!(read <= 40, "{read} objects were read of {written}");
}
