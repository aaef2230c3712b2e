//! What a whole process costs: CPU seconds, peak memory and bytes written, from Linux's `/proc`.
use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

/// The cost of one process with its threads and children.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    /// User and system seconds.
    pub(crate) cpu: f64,
    /// Bytes: the largest resident set, sampled every 2 ms.
    pub(crate) peak: u64,
    /// Bytes that it asked to write, sampled every 2 ms.
    pub(crate) written: u64,
}

/// Can costs be measured here?
pub(crate) fn can_measure() -> bool {
    Path::new("/proc/self/stat").exists()
}

/// Runs a command to its end, which must be a success, and says what it cost.
pub(crate) fn run(command: &mut Command) -> (Cost, String) {
    let before = children();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let [stdout, stderr] = [read(stdout), read(stderr)];
    let mut cost = Cost::default();
    let status = loop {
        // Both only grow, so that the last look is near the end is all that is needed.
        cost.peak = field(child.id(), "status", "VmHWM:").map_or(cost.peak, |kib| kib * 1024).max(cost.peak);
        cost.written = field(child.id(), "io", "wchar:").unwrap_or(0).max(cost.written);
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        thread::sleep(Duration::from_millis(2));
    };
    cost.cpu = children() - before;
    let (out, err) = (stdout.join().unwrap(), stderr.join().unwrap());
    assert!(status.success(), "{command:?}: {status}\n{out}\n{err}");
    (cost, out)
}

/// The median of so many runs, field by field.
pub(crate) fn median(runs: usize, mut command: impl FnMut() -> Command) -> Cost {
    let all: Vec<Cost> = (0..runs).map(|_| run(&mut command()).0).collect();
    let middle = |field: &dyn Fn(&Cost) -> f64| {
        let mut values: Vec<f64> = all.iter().map(field).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    Cost {
        cpu: middle(&|c| c.cpu),
        peak: middle(&|c| c.peak as f64) as u64,
        written: middle(&|c| c.written as f64) as u64,
    }
}

/// CPU seconds of one run of a command that is over in milliseconds: the median of batches, since the kernel tells
/// time in hundredths of a second.
pub(crate) fn short(batches: usize, each: usize, mut command: impl FnMut() -> Command) -> f64 {
    let mut all: Vec<f64> = (0..batches)
        .map(|_| {
            let before = children();
            for _ in 0..each {
                let status = command().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
                assert!(status.unwrap().success());
            }
            (children() - before) / each as f64
        })
        .collect();
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// CPU seconds of all children that have ended.
fn children() -> f64 {
    let text = fs::read_to_string("/proc/self/stat").unwrap();
    // The name in parentheses may hold anything; user and system time of waited-for children are fields 16 and 17.
    let fields: Vec<&str> = text.rsplit_once(')').unwrap().1.split_whitespace().collect();
    // Linux shows 100 ticks a second whatever its own clock is.
    fields[13..15].iter().map(|f| f.parse::<f64>().unwrap() / 100.0).sum()
}

/// A number in a file of a process, as long as it lives.
pub(crate) fn field(pid: impl std::fmt::Display, file: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/{file}")).ok()?;
    text.lines().find_map(|l| l.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

fn read(mut from: impl std::io::Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut out = Vec::new();
        let _ = from.read_to_end(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    })
}
