//! The crash matrix as tests, one for each kind, and as the page docs/crash-matrix.md, which is made from their results.
//!
//! `DLINFRA_BLESS=1 cargo test --test engine crash` writes the page again.
use crate::{
    crash_lives,
    crash_matrix::{Cells, Row, die_everywhere, die_twice},
    crash_tape::Store,
};
use std::{
    fmt::Write as _,
    sync::{Mutex, OnceLock},
};

/// Lives whose journal lies in a bucket.
const IN_A_BUCKET: [&str; 1] = ["bucket/subnet"];
/// Lives that die a second time.
const TWICE: [&str; 3] = ["twice/iam-role", "twice/nat-gateway", "twice/security-group"];

/// What is computed once, for the test of the kind and for the page.
fn row(name: &'static str) -> &'static Row {
    static ROWS: Mutex<Vec<(&'static str, &'static OnceLock<Row>)>> = Mutex::new(Vec::new());
    let slot = {
        let mut rows = ROWS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match rows.iter().find(|(n, _)| *n == name) {
            Some((_, slot)) => *slot,
            None => {
                let slot: &'static OnceLock<Row> = Box::leak(Box::default());
                rows.push((name, slot));
                slot
            }
        }
    };
    slot.get_or_init(|| match name.split_once('/') {
        Some(("bucket", kind)) => die_everywhere(&crash_lives::of(kind), Store::Bucket),
        Some((_, kind)) => die_twice(&crash_lives::of(kind)),
        None => die_everywhere(&crash_lives::of(name), Store::Memory),
    })
}

fn survives(name: &'static str) {
    let row = row(name);
    #[expect(clippy::print_stdout, reason = "the numbers are what people look for")]
    {
        println!("{name}: {} requests, {} deaths, {} destroyed", row.requests, row.tried, row.destroyed);
    }
    assert!(row.failures.is_empty(), "{} cells fail:\n{}", row.failures.len(), row.failures.join("\n"));
}

/// A test for each kind, and the kinds in the order of the page.
macro_rules! kinds_die {
    ($($test:ident: $Type:ident),+) => {
        $(
            #[test]
            fn $test() {
                survives(<dlinfra::kinds::$Type as dlinfra::resource::Resource>::KIND);
            }
        )+
        const LIVES: &[&str] = &[$(<dlinfra::kinds::$Type as dlinfra::resource::Resource>::KIND),+];
    };
}

dlinfra::for_each_kind!(kinds_die);

/// The same for lives that are more than a kind's own.
macro_rules! dies {
    ($($test:ident: $name:literal),+ $(,)?) => {
        $(
            #[test]
            fn $test() {
                survives($name);
            }
        )+
        const TESTED: &[&str] = &[$($name),+];
    };
}

dies! {
    iam_role_twice: "twice/iam-role",
    nat_gateway_twice: "twice/nat-gateway",
    security_group_twice: "twice/security-group",
    subnet_with_its_journal_in_a_bucket: "bucket/subnet",
}

#[test]
fn every_further_life_is_on_the_page() {
    assert_eq!(TESTED.len(), IN_A_BUCKET.len() + TWICE.len());
    assert!(IN_A_BUCKET.iter().chain(&TWICE).all(|l| TESTED.contains(l)));
}

fn cell(cells: Cells) -> String {
    match cells.all {
        0 => "-".to_owned(),
        all if all == cells.green => format!("{all}"),
        all => format!("**{} of {all} FAIL**", all - cells.green),
    }
}

fn line(out: &mut String, name: &str, row: &Row) {
    let _ = write!(out, "| {name} | {} | {} | {} ", row.commands.join(", "), row.requests, row.changing);
    for cells in row.columns {
        let _ = write!(out, "| {} ", cell(cells));
    }
    out.push_str("|\n");
}

const HEAD: &str = "| | Commands | Requests | of these changing | Not sent | Executed, unanswered | Answered, unrecorded |\n\
                    |---|---|--:|--:|--:|--:|--:|\n";

fn page() -> String {
    let mut out = String::from(
        "<!-- Made by tests/engine/crash_page.rs: DLINFRA_BLESS=1 cargo test --test engine crash -->\n\
         # Crash matrix\n\n\
         Every kind of resource dies at every request of its life, and is started again. A number is a count of cells, each\n\
         of which is green; a cell that fails is printed here in bold with what happened, and fails the tests. CI runs all\n\
         of them and compares this page.\n\n\
         A cell is green when, after the death, the same command is run again and\n\n\
         - it completes, with one live object for each address and part: counted in the simulated account's own books,\n\
           secondary objects (addresses, profiles, volumes, interfaces, links) included;\n\
         - the plan after it is empty;\n\
         - `destroy` then leaves the account as it was before the stack;\n\
         - neither the journal nor an event nor a tag holds the secret that a boot script of the stack holds.\n\n\
         ## Requests\n\n\
         A life is a series of commands, each a process: the resource is made, changed, replaced or rolled, and everything is\n\
         destroyed; the stack has a `ttl`, which `extend` changes. Its parents are there before. All requests of a process count: the sweeps of its plan, creates, updates,\n\
         every look of every wait, deletes.\n\n\
         - *Not sent*: the process ends right before the request.\n\
         - *Executed, unanswered*: AWS did it, and the process ends before the answer arrives.\n\
         - *Answered, unrecorded*: the answer arrived and the process went on, up to the next record that it would have\n\
           written into the journal, and ended there.\n\n",
    );
    out.push_str(HEAD);
    LIVES.iter().for_each(|kind| line(&mut out, kind, row(kind)));
    out.push_str(
        "\n## Journal and lock\n\n\
         The same for every write of the journal: records, the lock, its renewals and its release. In the last column the\n\
         process lives on and the journal takes no record any more, from each record on: the run stops by itself, whatever is\n\
         live then was intended in the journal before, and the next run, with a journal that works again, is green as above.\n\n\
         | | Writes | Not written | Written, unanswered | Refused from there on |\n|---|--:|--:|--:|--:|\n",
    );
    for kind in LIVES {
        let writes = row(kind).writes;
        let [before, after, refused] = writes.map(cell);
        let _ = writeln!(out, "| {kind} | {} | {before} | {after} | {refused} |", writes[0].all);
    }
    out.push_str(
        "\n## The journal in a bucket\n\n\
         Here every write and every renewal of the lock is a request too, and the lock of a dead process is taken over only\n\
         after 90 seconds of watching.\n\n",
    );
    out.push_str(HEAD);
    IN_A_BUCKET.iter().for_each(|name| line(&mut out, name.trim_start_matches("bucket/"), row(name)));
    out.push_str(
        "\n## Dying twice\n\n\
         The first death is after the first change of each command, executed and unanswered. The run that recovers from it\n\
         dies too, at every one of its requests.\n\n",
    );
    out.push_str(HEAD);
    TWICE.iter().for_each(|name| line(&mut out, name.trim_start_matches("twice/"), row(name)));
    let all = || LIVES.iter().chain(&IN_A_BUCKET).chain(&TWICE).map(|n| row(n));
    let cells: usize = all().flat_map(|r| r.columns.iter().chain(&r.writes)).map(|c| c.all).sum();
    let (tried, destroyed) = all().fold((0, 0), |(t, d), r| (t + r.tried, d + r.destroyed));
    let _ = write!(
        out,
        "\n## How it is run\n\n\
         In one process, against the in-process sandbox, on a clock that jumps: an hour of waiting takes a moment, and every\n\
         run of the tests is the same. The simulated AWS is ten times as fast as usual, so that waits are a few looks.\n\
         What a process leaves behind is the account, the journal and the time, and nothing\n\
         else; so the life is lived once, and each death starts from a copy of these three. Deaths that leave the same three\n\
         are one death, and are tried once: reads at the same moment, for example. Of deaths in a wait, during which neither\n\
         the account nor the journal changes (but for renewals of the lock) nor any object's state, the first and the last\n\
         are tried. In this way {cells}\n\
         cells need {tried} deaths. Stacks that come out of a recovery alike, but for the names of ids and times, in the\n\
         account and in the journal's memory, are destroyed once: {destroyed} of them.\n",
    );
    let failures: Vec<&String> = all().flat_map(|r| &r.failures).collect();
    if !failures.is_empty() {
        out.push_str("\n## Failing\n\n");
        failures.iter().for_each(|f| out.push_str(&format!("- {f}\n")));
    }
    out
}

#[test]
fn the_page_says_what_the_tests_say() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/crash-matrix.md");
    let page = page();
    if std::env::var_os("DLINFRA_BLESS").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(kept == page, "docs/crash-matrix.md is old: DLINFRA_BLESS=1 cargo test --test engine crash\n{page}");
}
