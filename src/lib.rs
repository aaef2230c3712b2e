//! dlinfra: declarative infrastructure as code for deep learning on AWS.
//!
//! This page is the architecture of the project. `tests/layers.rs` enforces what it says about modules.
//!
//! # In one line
//!
//! blueprint text → typed blueprint → resource graph → live snapshot → plan → execution → report
//!
//! Data flows down this line and never up. `plan` and `apply` share every step until execution.
//!
//! # Layers
//!
//! A module imports its own layer and those below it, never one above.
//!
//! | layer | modules | what it is |
//! |---|---|---|
//! | 14 | `cli` | one file per command: parse flags, one library call, show the result |
//! | 13 | `ui` | the only writer to the terminal: data to stdout, talk to stderr |
//! | 12 | [`compose`], [`saved`], [`reaper`], [`explain`] | a compiled blueprint as the engine wants it: kinds found, every check run; saved plans; what ends stacks at their time; every code |
//! | 11 | [`kinds`], [`rules`] | one file per kind of resource; checks across resources, one code each |
//! | 10 | [`report`], [`terraform`] | one model per report, several renderers; Terraform's state and import blocks |
//! | 9 | [`cost`], [`preflight`], [`rehearsal`] | lines added up, budgets, comparisons, advice; what an account must have; what a life in a simulated AWS teaches |
//! | 8 | [`engine`] | the commands as library calls: connect, look, plan, execute, prove |
//! | 7 | [`apply`], [`journal`], [`run`] | execution without waves; the write-ahead memory and the lease; jobs on machines |
//! | 6 | [`plan`] | graph × snapshot × last-applied → plan |
//! | 5 | [`snapshot`] | one sweep per kind, all at once: what the stack owns, by address |
//! | 4 | [`blueprint`], [`topology`] | the language; network interfaces of instance types |
//! | 3 | [`resource`], [`kind`], [`field`], [`call`], [`record`], [`catalog`], [`price`], [`expression`] | the vocabulary of kinds; values, types and `${…}` |
//! | 2 | [`aws`] | SDK configuration, error classes, rates, ownership tags |
//! | 1 | [`address`], [`clock`], [`diagnostic`], [`facts`], [`graph`], [`packed`], [`private`], [`spec`], [`units`] | what everything stands on |
//!
//! [`kinds`] and [`rules`] stand high so that nothing in the engine can name them: the engine takes a slice of kinds,
//! and tests bring their own. They themselves import nothing above [`blueprint`].
//!
//! `cli` and `ui` are modules of the command (`src/bin/dlinfra/`), a crate of its own: what they need, the library offers
//! to everybody.
//!
//! The sandbox, a simulated AWS behind the SDK's HTTP seam, is the crate `dlinfra-sandbox`. It knows nothing of
//! dlinfra; what the SDK would send to AWS goes to it unchanged.
//!
//! # Invariants
//!
//! **Live AWS is the truth, the journal is the memory, and there is no state file to lose.** Every object carries its
//! ownership tags from the create call on. Without a journal the next `plan` still finds everything.
//!
//! **A run may be killed at any instant.** The intent is durable before a call is sent, and the answer before anything
//! depends on it. The next `apply` looks first and only then makes: one live object per address, no orphan, no twin.
//!
//! **Ownership comes only from a create call.** What exists without our tags is never tagged, changed or deleted.
//! [`aws::ownership`] reads them for every kind and every part; stack name and stack-id together prove that it is ours.
//! "Access denied" is never read as "not found".
//!
//! **Requests of a plan grow with the number of kinds in use, not of objects.** A sweep is paginated, per kind; there is
//! no call per node, and a fleet of a thousand instances is one resource. With a journal, kinds of which nothing is
//! wanted or remembered are not asked. The looks of a run grow with what it does: each asks for what is waited for, by the
//! tag with its address where everything carries that, and one answers all who may wait a moment for each other.
//!
//! **The planner is pure.** No clock, no AWS, no randomness: the same inputs give the same bytes.
//!
//! **Creation ends at a fixpoint.** `create` makes the primary object; `update` brings live to wanted, from a fresh
//! difference each time, until there is none. Only then do dependants start. Each new object is seen once, so that no
//! later run can miss it; of what the same step has made, AWS's answers then count as much as another look.
//!
//! **A successor stands before its predecessor goes**, where a kind can have both at once: the new one is made, whoever
//! points at the old one moves, and the old one goes last. The planner only takes the old one out of its place; what follows
//! is an ordinary plan, also from whatever a killed run leaves.
//!
//! **What one kind owns in versions goes last as well.** An endpoint makes its next models and configuration, moves, and
//! then says what nothing uses any more (`Live::left_over`): a change of the plan like any other. A change that AWS may take
//! back is asked for once in a run (`Ctx::tried`): what comes back to the old state has refused the new one.
//!
//! **Who sends requests lets go first.** Before members of a fleet end, every kind that sends them something (`Drains`) has
//! taken on those that stay and let these go. It reads AWS and nothing else, so that a killed run asks again.
//!
//! **Nothing is rolled back.** A failed step stops its descendants only; the next `apply` continues.
//!
//! **Data needs a second word.** What holds data is not deleted or replaced because a field changed: `--yes` does not
//! cover it.
//!
//! **Teardown ends in proof.** A full sweep after the last delete, and a look at every id that the journal knows: 0
//! resources, or each blocker by name.
//!
//! **A `ttl` is kept inside the account.** The reaper is dlinfra itself as a Lambda function, called by EventBridge
//! Scheduler: it runs the ordinary removal on stacks whose tags *and* journal say that their time is over, and whose lease
//! nobody holds. It is a stack like any other, made and rehearsed before the first object that costs money. A generated
//! state machine in its place would be a second implementation of teardown.
//!
//! **A job belongs to its machines, not to who began it.** [`run`] starts a unit of systemd through Systems Manager, looks
//! at it and stops it; its log and its end are files on the machine, so that a client may die and another one go on. What
//! is known of a job stands in the journal, and what ends the stack for certain is its `ttl`.
//!
//! **Money is decimal, time is UTC.** An unknown price is "unpriced", never zero. What AWS scales is priced at the most
//! before it is made, which budgets count, and by the machines of the moment (`Live::running`) once it is live.
//!
//! **The library never prints**, never exits and never panics. Errors say who is to blame and what to do next.
//!
//! # Deliberately absent
//!
//! A state file; waves; retry as a way of ordering; resources that appear while a plan runs; a second implementation of
//! teardown; `--target`; a configuration file of the user.
//!
//! # From Rust
//!
//! `examples/` holds a program that compiles a blueprint and prints what it will make. A module is public when the
//! command or a program needs it; [`engine`] and [`kinds`] name again what their own functions take and give. The others
//! are public with the feature `internals`, which is for tests and benchmarks: it promises nothing.
#![cfg_attr(not(feature = "internals"), allow(unreachable_pub, reason = "they are public with it"))]

pub mod address;
pub mod aws;
pub mod blueprint;
pub mod catalog;
pub mod clock;
pub mod compose;
pub mod cost;
pub mod diagnostic;
pub mod engine;
pub mod explain;
pub mod expression;
pub mod journal;
pub mod kinds;
pub mod plan;
pub mod preflight;
pub mod price;
pub mod private;
pub mod reaper;
pub mod rehearsal;
pub mod report;
pub mod run;
pub mod saved;
pub mod spec;
pub mod terraform;
pub mod topology;
pub mod units;

// Not for programs: tests and benchmarks see these.
#[cfg(feature = "internals")]
pub mod apply;
#[cfg(feature = "internals")]
pub mod call;
#[cfg(feature = "internals")]
pub mod facts;
#[cfg(feature = "internals")]
pub mod field;
#[cfg(feature = "internals")]
pub mod graph;
#[cfg(feature = "internals")]
pub mod kind;
#[cfg(feature = "internals")]
pub mod packed;
#[cfg(feature = "internals")]
pub mod record;
#[cfg(feature = "internals")]
pub mod resource;
#[cfg(feature = "internals")]
pub mod rules;
#[cfg(feature = "internals")]
pub mod snapshot;

#[cfg(not(feature = "internals"))]
mod apply;
#[cfg(not(feature = "internals"))]
mod call;
#[cfg(not(feature = "internals"))]
mod facts;
#[cfg(not(feature = "internals"))]
mod field;
#[cfg(not(feature = "internals"))]
mod graph;
#[cfg(not(feature = "internals"))]
mod kind;
#[cfg(not(feature = "internals"))]
mod packed;
#[cfg(not(feature = "internals"))]
mod record;
#[cfg(not(feature = "internals"))]
mod resource;
#[cfg(not(feature = "internals"))]
mod rules;
#[cfg(not(feature = "internals"))]
mod snapshot;
