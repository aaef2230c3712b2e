//! A compiled blueprint as the engine wants it: kinds found, specs canonical, every check run, problems at their lines.
use crate::{
    address::Address,
    aws::tags,
    blueprint::{self, Compiled, Existing, ResourceDecl},
    cost::{Pricing, Run, RunSource, Stated, policy},
    diagnostic::{Diagnostic, Diagnostics, codes, suggestion},
    engine::Target,
    kind::{Fields, Kind},
    kinds::{KINDS, dialect},
    plan::{self, Protect, Wanted},
    price::PriceBook,
    resource::Lookup,
    rules,
};
use rust_decimal::Decimal;
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

/// The kind of this name.
pub fn kind(name: &str) -> Option<&'static dyn Kind> {
    KINDS.iter().copied().find(|k| k.name() == name)
}

/// What the engine needs of a blueprint.
pub struct Deployment {
    /// The blueprint.
    pub compiled: Compiled,
    /// Its resources.
    pub wanted: Vec<Wanted>,
    /// Warnings and notes; no errors.
    pub notes: Diagnostics,
}

impl Deployment {
    /// Who the stack is.
    pub fn target(&self) -> Target {
        let mut tags = self.compiled.tags.clone();
        tags.extend(self.compiled.idle.map(|idle| (tags::IDLE.to_owned(), idle.tag())));
        Target {
            stack: self.compiled.stack.clone(),
            account: self.compiled.account.clone(),
            owner: self.compiled.owner.clone(),
            ttl: self.compiled.ttl,
            ttl_data: self.compiled.ttl_data,
            ttl_enforced: self.compiled.backend.is_none(),
            tags,
        }
    }

    /// Problems that know only the address of a resource, at the line where its author wrote it.
    pub fn located(&self, problems: Diagnostics) -> Diagnostics {
        let locate = |problem: Diagnostic| {
            let at = problem.address.as_ref().filter(|_| problem.labels.is_empty());
            let decl = at.and_then(|address| self.compiled.resources.iter().find(|d| d.address == *address));
            let written = |d: &ResourceDecl| {
                let field = problem.field.as_deref().unwrap_or_default();
                d.spans.labels(&kind(&d.kind).map_or_else(String::new, |kind| kind.written(&d.spec, field)))
            };
            let labels = decl.map(written).unwrap_or_default();
            problem.with_labels(labels)
        };
        problems.into_iter().map(locate).collect()
    }
}

/// Runs every check that needs no AWS.
///
/// # Errors
/// Everything that is wrong, all at once.
pub fn compose(mut compiled: Compiled) -> Result<Deployment, Diagnostics> {
    let mut problems = Diagnostics::new();
    problems.extend(compiled.warnings.iter().cloned());
    let mut moved: HashMap<&str, Vec<&str>> = HashMap::new();
    for step in &compiled.moved {
        moved.entry(&step.to).or_default().push(&step.from);
    }
    let mut wanted = Vec::with_capacity(compiled.resources.len());
    let mut fields = Vec::with_capacity(compiled.resources.len());
    for decl in &compiled.resources {
        let moved = moved.get(decl.address.as_str()).map_or(&[][..], Vec::as_slice);
        match one(decl, moved, &compiled) {
            Ok((item, own, found)) => {
                wanted.push(item);
                fields.push(own);
                problems.extend(found);
            }
            Err(found) => problems.extend(found),
        }
    }
    if !problems.has_errors() {
        problems.extend(check_order(&compiled, &wanted));
        problems.extend(check_rules(&compiled, &wanted, &fields));
        problems.extend(check_money(&compiled, &wanted));
    }
    check_tags(&compiled, &mut problems);
    check_allowed(&compiled, &mut problems);
    problems.sort();
    let ((), notes) = problems.into_result(())?;
    // Every field has been checked: what is said from here on is said of whole resources, or of fields that decide
    // about what AWS has.
    for (decl, wanted) in compiled.resources.iter_mut().zip(&wanted) {
        let about = wanted.kind.about();
        let claimed = |field: &str| about.claims.iter().any(|c| field == c.field || field == c.choices);
        let kept =
            |field: &str| matches!(field, "existing" | "protect") || about.asked.contains(&field) || claimed(field);
        decl.spans = std::mem::take(&mut decl.spans).only(kept);
    }
    Ok(Deployment { compiled, wanted, notes })
}

/// What is wanted, its fields unless it is only read, and what is to be said about it.
type Composed = (Wanted, Option<Box<Fields>>, Vec<Diagnostic>);

fn one(decl: &ResourceDecl, moved: &[&str], compiled: &Compiled) -> Result<Composed, Vec<Diagnostic>> {
    let bug = |text: String| vec![Diagnostic::error(&crate::aws::codes::BUG, text).at_address(&decl.address)];
    let kind = kind(&decl.kind).ok_or_else(|| bug(format!("the kind {} is not in the table", decl.kind)))?;
    let address = Address::parse(&decl.address).ok_or_else(|| {
        vec![
            Diagnostic::error(&LONG_ADDRESS, format!("`{}` is too long for an address", decl.address))
                .with_help(format!("at most {} characters: shorten names or keys", Address::MAX))
                .with_labels(decl.spans.labels("")),
        ]
    })?;
    let existing = decl.existing.as_ref().map(|e| match e {
        Existing::Id(id) => Lookup::Id(id.clone()),
        Existing::Name(name) => Lookup::Name(name.clone()),
        Existing::Tags(tags) => Lookup::Tags(tags.clone().into()),
    });
    let (spec, fields, found) = if existing.is_some() {
        (Arc::clone(&decl.spec), None, Vec::new())
    } else {
        let checked = kind.checked(&decl.spec).map_err(|p| vec![decl.problem(&p, &[])])?;
        let found = checked.problems.iter().map(|p| decl.problem(p, &compiled.allow)).collect();
        let spec = if checked.spec == *decl.spec { Arc::clone(&decl.spec) } else { checked.spec.into() };
        (spec, Some(checked.fields), found)
    };
    let protect = decl.protect.map(|p| match p {
        blueprint::Protect::Never => Protect::Never,
        blueprint::Protect::Data => Protect::Data,
        blueprint::Protect::Off => Protect::Off,
    });
    let moved = moved.iter().filter_map(|from| Address::parse(from)).collect();
    let wanted = Wanted { address, kind, spec, depends_on: decl.depends_on.clone(), protect, existing, moved };
    Ok((wanted, fields, found))
}

/// Resources that need each other in a ring cannot be made in any order.
fn check_order(compiled: &Compiled, wanted: &[Wanted]) -> Option<Diagnostic> {
    let ring = plan::ring(wanted)?;
    let names: Vec<&str> = ring.iter().map(|n| wanted[*n].address.as_str()).collect();
    let places =
        |name: &str| compiled.resources.iter().find(|d| d.address == name).and_then(|d| d.spans.get("").cloned());
    let mut labels = names.iter().filter_map(|name| places(name));
    let first = labels.next();
    let others = labels.map(|label| label.as_secondary().with_text("needs it too"));
    Some(
        plan::in_a_ring(&names)
            .at_address(names.first().copied().unwrap_or_default())
            .with_labels(first)
            .with_labels(others),
    )
}

/// Without errors before there is something wanted for every resource that is declared.
fn check_rules(compiled: &Compiled, wanted: &[Wanted], fields: &[Option<Box<Fields>>]) -> Diagnostics {
    let allow = |list: &'_ [blueprint::Allow]| -> Vec<(String, String)> {
        list.iter().map(|a| (a.rule.clone(), a.reason.clone())).collect()
    };
    let by_resource: Vec<Vec<(String, String)>> = compiled.resources.iter().map(|d| allow(&d.allow)).collect();
    let whole = allow(&compiled.allow);
    fn borrow(list: &[(String, String)]) -> Vec<rules::Allow<'_>> {
        list.iter().map(|(rule, reason)| rules::Allow { rule, reason }).collect()
    }
    let allows: Vec<Vec<rules::Allow<'_>>> = by_resource.iter().map(|l| borrow(l)).collect();
    let resources: Vec<rules::Resource<'_>> = compiled
        .resources
        .iter()
        .zip(wanted)
        .zip(fields)
        .zip(&allows)
        .map(|(((decl, wanted), fields), allow)| rules::Resource {
            address: &decl.address,
            kind: &decl.kind,
            spec: &wanted.spec,
            fields: fields.as_deref(),
            spans: &decl.spans,
            allow,
        })
        .collect();
    rules::check(&rules::RuleInput {
        region: &compiled.region,
        has_ttl: compiled.ttl.is_some(),
        owner: compiled.owner.as_deref(),
        tags: &compiled.tags,
        resources: &resources,
        allow: &borrow(&whole),
        spans: &compiled.spans,
    })
}

/// What blueprints state about cost, and whether their policies can be computed.
fn check_money(compiled: &Compiled, wanted: &[Wanted]) -> Diagnostics {
    let (stated, mut problems) = Stated::of(compiled, None, None);
    if !compiled.policies.is_empty() && !problems.has_errors() {
        let pricing = Pricing {
            book: PriceBook::embedded(),
            region: &compiled.region,
            usage: &stated.usage,
            owner: compiled.owner.as_deref(),
            // `--hours` is not known yet: a rule about a run must not fail for want of it.
            run: stated.run.or(Some(Run { hours: Decimal::ONE, source: RunSource::Flag })),
        };
        problems.extend(policy::rehearse(compiled, dialect(), wanted, &pricing));
    }
    problems
}

fn check_tags(compiled: &Compiled, problems: &mut Diagnostics) {
    for key in compiled.tags.keys().filter(|k| k.starts_with(crate::aws::tags::PREFIX) || k.starts_with("aws:")) {
        problems.push(
            Diagnostic::error(&RESERVED_TAG, format!("the tag `{key}` has a reserved prefix"))
                .with_help("`dlinfra:` tags are ownership, `aws:` tags are AWS's own: choose another key")
                .with_labels(compiled.spans.get("tags").cloned()),
        );
    }
}

/// An `allow:` of a code that no check has silences nothing, which its author would find out too late.
fn check_allowed(compiled: &Compiled, problems: &mut Diagnostics) {
    let known: BTreeSet<&str> =
        rules::codes().chain(KINDS.iter().flat_map(|k| k.about().codes).copied()).map(|c| c.code).collect();
    let all = compiled.resources.iter().flat_map(|r| &r.allow).chain(&compiled.allow);
    for allow in all.filter(|a| !known.contains(a.rule.as_str())) {
        problems.push(
            Diagnostic::warning(
                &NOTHING_TO_ALLOW,
                format!("`allow` names {}, which is not the code of a check", allow.rule),
            )
            .with_help(suggestion(&allow.rule, known.iter().copied()).unwrap_or_else(|| {
                "`dlinfra explain` lists the codes; those that start with DL02 and DL03 can be allowed".to_owned()
            }))
            .with_label(allow.label.clone()),
        );
    }
}

codes! {
    /// What `dlinfra explain` says about them.
    pub CODES:
    NOTHING_TO_ALLOW = "DL0152", "Nothing to allow",
        "`allow` silences a rule (DL02xx) or a check of a kind (DL03xx) and keeps the reason on record. This code belongs to neither, so the entry has no effect. Usually the number is mistyped; problems with other codes cannot be allowed.";
    LONG_ADDRESS = "DL0303", "An address is too long",
        "An address stands in a tag of every object, and tags have at most 256 characters. Shorten names, or keys of `for_each`.";
    RESERVED_TAG = "DL0304", "A tag has a reserved prefix",
        "Tags that start with `dlinfra:` say who owns an object, and those that start with `aws:` are AWS's own. Nobody may set them.";
}
