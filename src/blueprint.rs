//! The blueprint language: text → typed, plain resources.
//!
//! `compile` reads a file and the modules that it uses, settles variables, modules, `for_each` and `when`, evaluates
//! every expression as far as values are known, checks everything against the types of the dialect, and returns
//! resources in canonical JSON. It reports every problem in one run and never talks to AWS.
//!
//! **Invariant:** nothing after this step sees a variable, a module, a `for_each` or a `when`.
//! **Invariant:** no input makes it panic or overflow the stack: trees, expressions, values and residuals have bounded
//! depth, and names are computed by a loop with a stack of its own.

mod check;
mod checks;
pub mod codes;
mod collected;
mod declare;
mod emit;
mod expand;
mod files;
mod idle;
mod inputs;
pub mod keys;
mod module;
mod names;
mod origin;
mod partly;
mod policy;
mod schema;
mod scope;
mod shape;
mod source;
mod top;
mod variables;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value as Json;

use crate::diagnostic::{Diagnostic, Diagnostics, Label, Places, Severity, SourceFile};
use crate::expression::{self, Type};
use crate::resource::Problem;
use crate::units::{Money, Span};

pub use codes::CODES;
pub use files::{FileError, FileKind, Files, MemoryFiles, RealFiles};
pub use idle::Idle;
pub use policy::{CODES as POLICY_CODES, Fact, Facts, NAMES, Policy};
pub use schema::blueprint_schema;

/// What the language does not know by itself: kinds of resources, modules, facts about hardware.
#[derive(Clone)]
pub struct Dialect {
    /// The kinds by name.
    pub kinds: BTreeMap<String, KindSchema>,
    /// The modules in the program: name and YAML text; a file beside a module is called `MODULE/FILE`.
    pub modules: &'static [(&'static str, &'static str)],
    /// Facts about an instance type, for `instance(type)`.
    pub instance: fn(&str) -> Option<Json>,
    /// The availability zones of a region, for `zones(region)`.
    pub zones: fn(&str) -> Option<Vec<String>>,
    /// The instance type that a mistyped one most probably means.
    pub near_instance: fn(&str) -> Option<&'static str>,
    /// The region that a mistyped one most probably means.
    pub near_region: fn(&str) -> Option<&'static str>,
    /// What a kind's own checks find in a spec, asked only when something else is wrong already, so that all problems
    /// are told at once.
    pub check: fn(&str, &Json) -> Vec<Problem>,
}

/// A kind of resource as the language sees it.
#[derive(Clone, Debug)]
pub struct KindSchema {
    /// One line for people.
    pub doc: String,
    /// An object type.
    pub fields: Type,
    /// Output attributes; `id` exists without being listed.
    pub outputs: BTreeMap<String, Type>,
}

/// What is compiled, and the variables given from outside.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// The blueprint.
    pub file: PathBuf,
    /// `--var NAME=VALUE`, the strongest.
    pub vars: BTreeMap<String, String>,
    /// `--var-file PATH`, later ones stronger.
    pub var_files: Vec<PathBuf>,
    /// The environment; only `DLINFRA_VAR_NAME` counts.
    pub env: BTreeMap<String, String>,
}

/// A blueprint with everything settled that can be settled without AWS.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The name of the blueprint.
    pub blueprint: String,
    /// The environment, when there is one.
    pub environment: Option<String>,
    /// The name of the stack: `BLUEPRINT` or `BLUEPRINT-ENVIRONMENT`.
    pub stack: String,
    /// The only account that may be used.
    pub account: Option<String>,
    /// The region.
    pub region: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// One line for people.
    pub description: Option<String>,
    /// Tags of everything.
    pub tags: BTreeMap<String, String>,
    /// How long it is meant to live.
    pub ttl: Option<Span>,
    /// Does its end also remove what holds data?
    pub ttl_data: bool,
    /// When machines of the shipped modules end themselves before.
    pub idle: Option<Idle>,
    /// Limits of cost.
    pub budget: Option<Budget>,
    /// Where the journal lives; `None`: the account's own bucket.
    pub backend: Option<Backend>,
    /// Pins of software: an object.
    pub software: Json,
    /// Assumptions for prices: an object.
    pub usage: Json,
    /// Rules of the author about plans.
    pub policies: Vec<Policy>,
    /// Silenced rules.
    pub allow: Vec<Allow>,
    /// New addresses of old resources, those of resources' own `moved` included.
    pub moved: Vec<Moved>,
    /// The variables with their values.
    pub variables: BTreeMap<String, Json>,
    /// The resources, in the order of the files.
    pub resources: Vec<ResourceDecl>,
    /// The outputs.
    pub outputs: BTreeMap<String, OutputDecl>,
    /// Positions of top-level values by key.
    pub spans: Places,
    /// What is not wrong but worth saying.
    pub warnings: Diagnostics,
    /// Every file that was read, with its SHA-256.
    pub files: BTreeMap<String, String>,
}

/// One resource, plain.
#[derive(Clone, Debug)]
pub struct ResourceDecl {
    /// `train.group`
    pub address: String,
    /// `instance-group`
    pub kind: String,
    /// Canonical JSON, shared with what is wanted where the kind has no other form of it.
    pub spec: Arc<Json>,
    /// Positions by path (`interfaces.layout`, `subnets[0]`); the empty path is the resource's name.
    pub spans: Places,
    /// Addresses that must be ready before.
    pub depends_on: Vec<String>,
    /// What may be deleted; `None`: the kind decides.
    pub protect: Option<Protect>,
    /// Only read, and how it is found.
    pub existing: Option<Existing>,
    /// Rules that are silenced here.
    pub allow: Vec<Allow>,
    /// Assumptions for its price: an object.
    pub usage: Json,
    /// Its old addresses.
    pub moved: Vec<String>,
    /// The address of the module instance that it is in; empty at the top.
    pub module_path: String,
}

/// What may be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protect {
    /// Never deleted or replaced.
    Never,
    /// Not while it holds data.
    Data,
    /// Like anything else.
    Off,
}

/// How an existing resource is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Existing {
    /// By its id.
    Id(String),
    /// By its name.
    Name(String),
    /// By tags that exactly one has.
    Tags(BTreeMap<String, String>),
}

/// A silenced rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allow {
    /// Its code.
    pub rule: String,
    /// Why it does not matter.
    pub reason: String,
    /// Where this is written.
    pub label: Label,
}

/// An old address and the new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The old address.
    pub from: String,
    /// The new address.
    pub to: String,
    /// Where this is written.
    pub label: Label,
}

/// Limits of cost.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Budget {
    /// Per hour.
    pub hourly: Option<Money>,
    /// Of the whole run.
    pub run: Option<Money>,
    /// Per month.
    pub monthly: Option<Money>,
    /// Where this is written.
    pub label: Option<Label>,
}

/// Where the journal lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backend {
    /// A folder beside the blueprint.
    Local,
    /// A bucket of the author's choice.
    S3 {
        /// The bucket.
        bucket: String,
        /// The prefix, without slashes at its ends.
        prefix: String,
    },
}

impl Backend {
    /// `local` or `s3://bucket/prefix`.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "local" {
            return Some(Self::Local);
        }
        let rest = text.strip_prefix("s3://")?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let legal = (3..=63).contains(&bucket.len())
            && bucket.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.');
        legal.then(|| Self::S3 { bucket: bucket.to_owned(), prefix: prefix.trim_matches('/').to_owned() })
    }
}

/// An output of the blueprint.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputDecl {
    /// Canonical JSON, known or not.
    pub value: Json,
    /// Its type.
    pub r#type: Type,
    /// One line for people.
    pub description: String,
}

/// Compiles a blueprint.
///
/// # Errors
/// Every problem of the blueprint, its modules and the given variables.
pub fn compile(dialect: &Dialect, inputs: &Inputs, files: &dyn Files) -> Result<Compiled, Diagnostics> {
    let recorder = files::Recorder::new(files, dialect.modules);
    let mut problems = Diagnostics::new();
    let root = module::Loader::new(dialect, &recorder, &inputs.file, &mut problems).blueprint(&inputs.file);
    let Some(root) = root else { return Err(problems.sorted()) };
    let world = scope::World::new(dialect, inputs, &recorder);
    world.problems.borrow_mut().extend(problems);
    variables::read(&world, &root);
    world.open(&root, "".into(), None);
    let top = top::read(&world);
    let (resources, partly) = emit::resources(&world);
    checks::hold(&world);
    let scope = world.scope(0);
    let mut moved = top.moved;
    for r in &resources {
        let at = || r.spans.get("").cloned().unwrap_or_else(|| Label::primary(&root.source, root.start.range(), ""));
        moved.extend(r.moved.iter().map(|from| Moved { from: from.clone(), to: r.address.clone(), label: at() }));
    }
    let value = |what| world.value(scope.thunk(what), expression::Place::default()).ok();
    let variables = root.inputs.iter().enumerate();
    let variables =
        variables.filter_map(|(i, v)| Some((v.name.to_string(), value(scope::What::Input(i))?.to_json()))).collect();
    let outputs = root.outputs.iter().enumerate();
    let outputs = outputs
        .filter_map(|(i, o)| {
            let v = value(scope::What::Output(i))?;
            let r#type = o.r#type.clone().unwrap_or_else(|| v.r#type());
            Some((o.name.to_string(), OutputDecl { value: v.to_json(), r#type, description: o.description.clone() }))
        })
        .collect();
    let mut problems = world.problems.take();
    if problems.has_errors() {
        problems.extend(also_wrong(dialect, &resources, &partly, &top.allow));
    }
    drop(world);
    let stack = top.environment.as_ref().map_or_else(|| top.blueprint.clone(), |e| format!("{}-{e}", top.blueprint));
    let ((), warnings) = problems.into_result(())?;
    Ok(Compiled {
        blueprint: top.blueprint,
        environment: top.environment,
        stack,
        account: top.account,
        region: top.region,
        owner: top.owner,
        description: top.description,
        tags: top.tags,
        ttl: top.ttl,
        ttl_data: top.ttl_data,
        idle: top.idle,
        budget: top.budget,
        backend: top.backend,
        software: top.software,
        usage: top.usage,
        policies: top.policies,
        allow: top.allow,
        moved,
        variables,
        resources,
        outputs,
        spans: top.spans.into(),
        warnings,
        files: recorder.into_digests(),
    })
}

/// What the kinds find in resources that can be read although others, or parts of them, cannot.
fn also_wrong(
    dialect: &Dialect,
    resources: &[ResourceDecl],
    partly: &[partly::Partly],
    allow: &[Allow],
) -> Vec<Diagnostic> {
    let whole = resources.iter().filter(|r| r.existing.is_none());
    let whole = whole.flat_map(|r| (dialect.check)(&r.kind, &r.spec).into_iter().map(move |p| (r, p)));
    let parts = partly.iter().flat_map(|p| p.check(dialect).into_iter().map(move |found| (&p.resource, found)));
    whole.chain(parts).map(|(resource, problem)| resource.problem(&problem, allow)).collect()
}

impl ResourceDecl {
    /// A problem of a field at its line, or at the nearest one around it. `allow:` turns it into a note that stays on
    /// record.
    #[must_use]
    pub fn problem(&self, problem: &Problem, allow: &[Allow]) -> Diagnostic {
        let help = (!problem.help.is_empty()).then(|| problem.help.clone());
        let mut found = Diagnostic::error(problem.code, problem.summary.clone())
            .with_help_opt(help)
            .with_labels(self.spans.labels(&problem.path))
            .at_address(&self.address);
        if let Some(allow) = self.allow.iter().chain(allow).find(|a| a.rule == problem.code.code) {
            found.severity = Severity::Note;
            found.detail = Some(format!("allowed: {}", allow.reason));
        }
        found
    }
}

/// The value of one expression among the names of a blueprint, as JSON; unknown parts are `{"$unknown": true, …}`.
///
/// The text is an expression with or without `${…}` around it. Without a blueprint (an empty `inputs.file`) only
/// functions and literals can be used.
///
/// # Errors
/// What is wrong with the expression, or with the parts of the blueprint that it needs.
pub fn eval_text(dialect: &Dialect, inputs: &Inputs, files: &dyn Files, text: &str) -> Result<Json, Diagnostics> {
    use expression::{Env, Evaluator, Fail, Template};
    let source = SourceFile::new("expression", text);
    let report = |e: Box<expression::ExprError>| {
        let label = source.label(e.place.start as usize..e.place.end as usize, "");
        Diagnostics::from(e.into_diagnostic(label))
    };
    // `[for x in y : "${x}"]` is an expression although it has `${`, `n is ${n}` is text around one.
    let template = match expression::parse_expression(text, 0, expression::Place::whole(text)) {
        Ok(e) => Template::of(e),
        Err(_) if text.contains("${") => Template::parse(text).map_err(|mut all| report(all.swap_remove(0)))?,
        Err(e) => return Err(report(e)),
    };
    let recorder = files::Recorder::new(files, dialect.modules);
    let mut problems = Diagnostics::new();
    let world = scope::World::new(dialect, inputs, &recorder);
    let file = if inputs.file.as_os_str().is_empty() {
        let document = source::parse("nothing", b"blueprint: nothing\nregion: us-east-1\n", &mut problems);
        document.map(|document| {
            let mut declarer = declare::Declarer { source: document.source.clone(), problems: &mut problems };
            std::rc::Rc::new(declarer.file(document, Some(PathBuf::new()), "variables"))
        })
    } else {
        module::Loader::new(dialect, &recorder, &inputs.file, &mut problems).blueprint(&inputs.file)
    };
    let Some(file) = file else { return Err(problems.sorted()) };
    world.problems.borrow_mut().extend(problems);
    variables::read(&world, &file);
    world.open(&file, "".into(), None);
    let names = names::Names::new(&world, &world.scope(0), None);
    loop {
        let made = Evaluator::new(&names).template(&template, None);
        match made.and_then(|v| expression::shown(&v, &names as &dyn Env)) {
            Ok(json) => return Ok(json),
            Err(Fail::Need(id, _)) => world.force(id),
            Err(Fail::Error(e)) => return Err(report(e)),
            Err(Fail::Reported) => return Err(world.problems.take().sorted()),
        }
    }
}
