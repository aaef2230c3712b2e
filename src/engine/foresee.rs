//! What only AWS knows and an apply would meet half-way, asked while there is only a plan.
use super::{Engine, View};
use crate::engine::codes;
use crate::{
    diagnostic::{Diagnostic, Diagnostics},
    plan::{Action, Plan, Step},
    resource::Foreseen,
    spec::{self, Node},
};
use futures_util::future::join_all;
use serde_json::Value;
use std::collections::BTreeMap;

impl Engine {
    /// Asks AWS about what the plan makes: zones, types in zones, reservations, images, key pairs, policies. Who may
    /// not ask, or asks an
    /// emulator that does not know, is told so and meets it in the apply.
    ///
    /// # Errors
    /// Everything that AWS would refuse, all at once.
    pub async fn foresee(&self, plan: &mut Plan, view: &View) -> Result<(), Diagnostics> {
        let mut problems = Diagnostics::default();
        let ctx = self.sweep(&view.scope.stack_id, &[]);
        let steps: Vec<&Step> = plan.steps.iter().filter(|s| makes(s)).collect();
        let by_kind = self.kinds.iter().map(|kind| {
            let own: Vec<&Step> = steps.iter().copied().filter(|s| s.kind.name() == kind.name()).collect();
            let made: Vec<Foreseen> = own.iter().filter_map(|s| self.foreseen(s, plan)).collect();
            (*kind, own, made)
        });
        let asked: Vec<_> = by_kind.filter(|(.., made)| !made.is_empty()).collect();
        let answers = join_all(asked.iter().map(|(kind, _, made)| kind.foresee(&ctx, made))).await;
        let mut notes = Vec::new();
        for ((kind, own, _), answer) in asked.iter().zip(answers) {
            match answer {
                Ok(found) => problems.extend(found.into_iter().filter_map(|(n, p)| {
                    let address = own.get(n)?.address.as_str();
                    Some(Diagnostic::error(p.code, p.summary).at_address(address).at_field(p.path).with_help(p.help))
                })),
                Err(e) => {
                    let text = format!("it could not be checked whether AWS accepts the new {}: {e}", kind.name());
                    notes.push(Diagnostic::note(&codes::NOT_FORESEEN, text).with_help_opt(e.help.clone()));
                }
            }
        }
        // Names of images have been looked up already, unless that was not allowed.
        let looked_up = view.notes.iter().all(|d| d.code != codes::IMAGES_NOT_READ.code);
        for step in steps.iter().filter(|_| looked_up) {
            let named = step.want.as_deref().and_then(|want| step.kind.image(want));
            if let Some(named) = named.filter(|_| !plan.images.contains_key(&step.address)) {
                let region = self.aws.region();
                let text =
                    format!("there is no image `{}` in {region} (tried: {})", named.name, named.parameters.join(", "));
                let help =
                    "AWS renames its parameters: write the `ami-` id, or the path of a parameter that the region has";
                let at = step.address.as_str();
                problems.push(
                    Diagnostic::error(&crate::catalog::codes::IMAGE_NOT_THERE, text)
                        .at_address(at)
                        .at_field("image")
                        .with_help(help),
                );
            }
        }
        drop(steps);
        plan.notes.extend(notes);
        problems.into_result(()).map(|((), _)| ())
    }

    fn foreseen(&self, step: &Step, plan: &Plan) -> Option<Foreseen> {
        let want = step.want.as_deref().cloned()?;
        let spec_of = |value: &Value| match spec::node(value) {
            Node::Pointer { address: Some(address), .. } => {
                let target = plan.steps.iter().find(|s| s.address.as_str() == address)?;
                let read = || target.live.as_ref().map(|live| live.spec.clone());
                if target.action == Action::Read { read() } else { target.want.as_deref().cloned().or_else(read) }
            }
            _ => None,
        };
        let fields = want.as_object().into_iter().flatten();
        let targets: BTreeMap<String, Value> = fields.filter_map(|(k, v)| Some((k.clone(), spec_of(v)?))).collect();
        Some(Foreseen { want, targets, rehearsed: self.imagine })
    }
}

/// Does the step make something: the object, members that differ from those that there are, or what only AWS knows to
/// be possible?
fn makes(step: &Step) -> bool {
    let (about, want) = (step.kind.about(), step.want.as_deref());
    let concerned = |path: &str| about.rolling.contains(&path) || about.asked.contains(&path);
    let renewed = || step.fields.iter().any(|f| concerned(f.path.split('.').next().unwrap_or("")));
    match step.action {
        Action::Create | Action::Replace => want.is_some_and(|want| !step.kind.is_empty(want)),
        Action::Update => renewed() && want.is_some_and(|want| !step.kind.is_empty(want)),
        _ => false,
    }
}
