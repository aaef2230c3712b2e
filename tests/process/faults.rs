//! What the account does wrong, as the real binary meets it: connections cut after execution, new objects not shown.
use crate::driver::{Account, Cli, blueprint, duplicates};
use dlinfra_sandbox::{Behaviour, FaultAction, FaultRule, Sandbox};

fn account() -> Account {
    Account::serve(60, Behaviour { durations: 0.02, ..Behaviour::default() })
}

/// Applies until it is complete (at most three times: a wait may become pending), then plan and destroy.
fn lives(account: &Account, cli: &Cli) {
    let mut applied = cli.run(&["apply", "--yes"]);
    for _ in 0..2 {
        if applied.code == Some(3) {
            applied = cli.run(&["apply", "--yes"]);
        }
    }
    applied.must(0, "apply");
    assert_eq!(duplicates(&account.live()), Vec::<String>::new());
    account.set_faults(Vec::new());
    cli.run(&["plan", "--detailed-exitcode"]).must(0, "plan");
    cli.run(&["destroy", "--yes", "--delete-data"]).must(0, "destroy");
    let left: Vec<String> = account.live().into_iter().map(|o| format!("{} {}", o.kind, o.id)).collect();
    assert_eq!(left, Vec::<String>::new());
}

#[test]
fn every_create_cut_after_execution_makes_no_duplicate() {
    let account = account();
    let cli = Cli::new(account.port, &blueprint("efa-training.yaml"));
    // The first call of each operation that makes something; a repeated one goes through.
    let operations = Sandbox::operations();
    let makes = |o: &&String| o.contains(":Create") || o.contains(":Run") || o.contains(":Allocate");
    let cut = |o: &String| FaultRule::new(o.as_str(), FaultAction::CutAfter).times(1);
    account.set_faults(operations.iter().filter(makes).map(cut).collect());
    lives(&account, &cli);
    let cut = account.requests().entries.into_iter().filter(|e| e.cut).count();
    assert!(cut >= 12, "only {cut} connections were cut");
}
