//! Nobody hears the binary: stdout and stderr that are full, closed or cut off change nothing of what it does in AWS and
//! writes into its journal, and what was lost of its result is no success.
use crate::driver::{Account, Cli};
use dlinfra_sandbox::Behaviour;
use std::{
    fs,
    process::{Command, ExitStatus, Stdio},
};

const SMALL: &str = "blueprint: small
region: us-east-1
resources:
  vpc: { kind: vpc, cidr: 10.0.0.0/16 }
  a: { kind: subnet, vpc: '${vpc}', cidr: 10.0.1.0/24, zone: us-east-1a }
  logs: { kind: bucket }
outputs:
  range: ${vpc.cidr}
";

/// What becomes of a stream.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Stream {
    /// Everything is read.
    Heard,
    /// Every write fails as on a full disk.
    Full,
    /// It was closed before the program began.
    Closed,
    /// The other end of the pipe is gone.
    Cut,
}

fn run(cli: &Cli, args: &[&str], out: Stream, err: Stream) -> (ExitStatus, String) {
    let inner = cli.command(args);
    // A shell closes streams.
    let mut command = Command::new("sh");
    let close = |stream, number| if stream == Stream::Closed { format!(" {number}>&-") } else { String::new() };
    let script = format!("exec \"$0\" \"$@\"{}{}", close(out, 1), close(err, 2));
    command.args(["-c", &script]).arg(inner.get_program()).args(inner.get_args());
    command.current_dir(cli.folder()).env_clear().envs(inner.get_envs().filter_map(|(k, v)| Some((k, v?))));
    // The SDK has much to say.
    command.env("DLINFRA_LOG", "trace").stdin(Stdio::null());
    let stdio = |stream| match stream {
        Stream::Full => Stdio::from(fs::OpenOptions::new().write(true).open("/dev/full").unwrap()),
        Stream::Heard | Stream::Cut => Stdio::piped(),
        Stream::Closed => Stdio::null(),
    };
    let mut child = command.stdout(stdio(out)).stderr(stdio(err)).spawn().unwrap();
    drop(child.stdout.take_if(|_| out == Stream::Cut));
    drop(child.stderr.take_if(|_| err == Stream::Cut));
    let ended = child.wait_with_output().unwrap();
    (ended.status, String::from_utf8_lossy(&ended.stderr).into_owned())
}

fn lives(out: Stream, err: Stream, format: &str) {
    use Stream::{Closed, Cut, Full, Heard};
    let what = format!("stdout {out:?}, stderr {err:?}, {format}");
    let account = Account::serve(60, Behaviour { durations: 0.02, ..Behaviour::default() });
    let cli = Cli::new(account.port, SMALL);
    let form = ["--format", format];
    let (ended, said) = run(&cli, &[&["apply", "--yes"][..], &form].concat(), out, err);
    // Whoever closed a pipe or a stream wanted no more; what a full disk lost is missed.
    let code = if out == Full { 1 } else { 0 };
    assert_eq!(ended.code(), Some(code), "{what}\n{said}");
    if (out, err) == (Full, Heard) {
        assert!(said.contains("DL0575") && said.contains("what the command did, it did"), "{what}\n{said}");
    }
    // Everything is there, and the journal knows it.
    cli.run(&["plan", "--detailed-exitcode"]).must(0, &what);
    cli.run(&["lock", "status"]).must(0, &what);
    let (ended, said) = run(&cli, &[&["destroy", "--yes"][..], &form].concat(), out, err);
    assert_eq!(ended.code(), Some(code), "{what}\n{said}");
    assert!(account.live().is_empty(), "{what}: {:?}", account.live());
    let proof = cli.run(&["destroy", "--yes"]).must(0, &what);
    assert!(proof.out.contains("Proof: ") && [Heard, Full, Closed, Cut].contains(&err), "{what}\n{}", proof.out);
}

#[test]
fn a_stream_that_nobody_hears_breaks_nothing() {
    use Stream::{Closed, Cut, Full, Heard};
    std::thread::scope(|scope| {
        for (streams, format) in [
            (vec![(Heard, Full), (Heard, Closed), (Heard, Cut)], "text"),
            (vec![(Full, Heard), (Closed, Heard), (Cut, Heard)], "text"),
            (vec![(Full, Full), (Closed, Closed), (Cut, Cut)], "json"),
        ] {
            scope.spawn(move || streams.into_iter().for_each(|(out, err)| lives(out, err, format)));
        }
    });
}

/// The line that people keep says where it was: not in AWS.
#[test]
fn the_proof_names_what_stands_for_aws() {
    let account = Account::serve(60, Behaviour { durations: 0.02, ..Behaviour::default() });
    let cli = Cli::new(account.port, SMALL);
    let what = format!("endpoint http://127.0.0.1:{} (a served sandbox: nothing real is touched)", account.port);
    let plan = cli.run(&["plan"]).must(0, "plan");
    assert!(plan.out.contains(&what), "{}", plan.out);
    cli.run(&["apply", "--yes"]).must(0, "apply");
    let place = format!("{what}, account 000000000000, region us-east-1, stack small: ");
    let proof = cli.run(&["destroy", "--yes"]).must(0, "destroy");
    assert!(proof.out.contains(&format!("Proof: {place}0 resources, $0.00/h left\n")), "{}", proof.out);
    // So does the line that names what is left.
    cli.run(&["apply", "--yes"]).must(0, "apply");
    cli.write(&SMALL.replace("{ kind: bucket }", "{ kind: bucket, protect: never }"));
    let left = cli.run(&["destroy", "--yes"]).must(3, "a protected bucket");
    assert!(left.out.contains(&format!("Left: {place}1 resource")), "{}", left.out);
}
