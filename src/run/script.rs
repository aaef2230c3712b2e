//! The scripts that machines get, with what they need to know in front.
use super::Job;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::collections::BTreeMap;

/// What a script is preceded by: `NAME='value'`.
fn with(values: &[(&str, String)], script: &str) -> String {
    let lines: String = values.iter().map(|(name, value)| format!("{name}={}\n", quoted(value))).collect();
    lines + script
}

/// One word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A word that means the same to a shell as it stands is left as it is.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=,@%+".contains(c);
    if !text.is_empty() && text.chars().all(plain) { text.to_owned() } else { quoted(text) }
}

/// What stands behind `--` as a script: one word is one already, several are a program with its arguments.
pub fn command_line(words: &[String]) -> String {
    match words {
        [script] => script.clone(),
        words => words.iter().map(|w| word(w)).collect::<Vec<_>>().join(" "),
    }
}

/// The same program, begun on each machine once for each of its GPUs.
pub fn torchrun(words: &[String]) -> String {
    let program = words.iter().map(|w| word(w)).collect::<Vec<_>>().join(" ");
    format!(
        "torchrun --nnodes=\"$NNODES\" --node-rank=\"$NODE_RANK\" --nproc-per-node=\"$((GPUS_PER_NODE > 0 ? GPUS_PER_NODE : 1))\" \
         --max-restarts=0 --rdzv-backend=c10d --rdzv-endpoint=\"$MASTER_ADDR:$MASTER_PORT\" --rdzv-id=\"$RUN_ID\" {program}"
    )
}

/// A shell that is asked to end dies at once, and leaves the program that it has started alone with its checkpoint. With
/// this it waits for that, and ends then. A script may say something else.
const HEAD: &str = "trap 'exit 143' TERM\n";

fn lines<'a>(pairs: impl Iterator<Item = (&'a str, String)>) -> String {
    pairs.map(|(id, text)| format!("{id} {text}")).collect::<Vec<_>>().join("\n")
}

/// Begins it.
pub(super) fn start(job: &Job) -> String {
    let members = lines(job.machines.iter().map(|m| (m.id.as_str(), m.ip.clone())));
    let accelerators = job.machines.iter().map(|m| m.accelerators).min().unwrap_or(0);
    let values = [
        ("JOB", job.id.clone()),
        ("MEMBERS", members),
        ("ACCELERATORS", accelerators.to_string()),
        ("LIMIT", job.limit.seconds().to_string()),
        ("COMMAND", STANDARD.encode(format!("{HEAD}{}\n", job.command))),
        ("LAUNCHER", STANDARD.encode(include_str!("launcher.sh"))),
    ];
    with(&values, include_str!("start.sh"))
}

/// Looks at it; what of each log is known already.
pub(super) fn look<'a>(job: &Job, known: impl Iterator<Item = (&'a str, u64)>) -> String {
    let offsets = lines(known.filter(|(_, offset)| *offset > 0).map(|(id, offset)| (id, offset.to_string())));
    with(&[("JOB", job.id.clone()), ("OFFSETS", offsets)], include_str!("look.sh"))
}

/// Asks it to end.
pub(super) fn stop(job: &Job) -> String {
    with(&[("JOB", job.id.clone())], include_str!("stop.sh"))
}

/// Uploads what it left, each machine to an address of its own.
pub(super) fn collect(job: &Job, path: &str, addresses: &BTreeMap<String, String>) -> String {
    let addresses = lines(addresses.iter().map(|(id, address)| (id.as_str(), address.clone())));
    let values = [("JOB", job.id.clone()), ("COLLECT", path.to_owned()), ("ADDRESSES", addresses)];
    with(&values, include_str!("collect.sh"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(all: &[&str]) -> Vec<String> {
        all.iter().map(|w| (*w).to_owned()).collect()
    }

    #[test]
    fn one_word_is_a_script_and_several_are_a_program() {
        assert_eq!(command_line(&words(&["cd /fsx && ./train.sh"])), "cd /fsx && ./train.sh");
        assert_eq!(
            command_line(&words(&["python", "train.py", "--name", "it's $HOME"])),
            r"python train.py --name 'it'\''s $HOME'"
        );
    }

    #[test]
    fn the_launcher_gets_the_program_as_it_was_written() {
        let line = torchrun(&words(&["train.py", "--lr", "1e-3"]));
        assert!(line.starts_with("torchrun ") && line.ends_with(" train.py --lr 1e-3"), "{line}");
    }
}
