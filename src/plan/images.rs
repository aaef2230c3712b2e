//! Which image the machines of a plan start from: a fleet stays on one build although AWS moves `latest` on.
use super::{Action, Image, Plan, Step};
use crate::plan::codes;
use crate::{
    address::Address,
    diagnostic::Diagnostic,
    resource::NamedImage,
    spec::{self, Node},
};
use serde_json::Value;
use std::collections::BTreeMap;

/// What is known about images, the strongest first after the members themselves.
pub struct Known<'a> {
    /// What a saved plan has settled.
    pub settled: &'a BTreeMap<Address, Image>,
    /// What the journal keeps of resources that it knows.
    pub pinned: &'a BTreeMap<Address, Image>,
    /// What public parameters hold now.
    pub parameters: &'a BTreeMap<String, String>,
}

/// Decides on the image of each group, and says where a newer one is to be had.
pub fn decide(plan: &mut Plan, known: &Known<'_>) {
    for step in &plan.steps {
        let Some(want) = step.want.as_deref().filter(|_| step.action != Action::Read) else { continue };
        let Some(named) = step.kind.image(want) else { continue };
        let latest = named.parameters.iter().find_map(|p| known.parameters.get(p));
        let of = |from: &BTreeMap<Address, Image>| -> Option<String> {
            from.get(&step.address).filter(|i| i.name == named.name).map(|i| i.id.clone())
        };
        // All members are made anew: they need not follow those that go.
        let kept = match step.action {
            Action::Replace => None,
            _ => running(step, want, &named).or_else(|| of(known.settled)).or_else(|| of(known.pinned)),
        };
        let Some(id) = kept.clone().or_else(|| of(known.settled)).or_else(|| latest.cloned()) else { continue };
        if let (Some(kept), Some(latest)) = (&kept, latest)
            && kept != latest
        {
            let text = format!("{} stays on {kept}, and {} stands for {latest} now", step.address, named.name);
            plan.notes.push(
                Diagnostic::note(&codes::NEWER_IMAGE, text)
                    .at_address(step.address.as_str())
                    .at_field("image")
                    .with_help(format!("`--replace {}` takes the newer image", step.address)),
            );
        }
        plan.images.insert(step.address.clone(), Image { name: named.name, id });
    }
}

/// The image of the live members, if they were started with the same name for the same processor.
fn running(step: &Step, want: &Value, named: &NamedImage) -> Option<String> {
    let live = step.live.as_ref().filter(|_| step.live_kind.is_none())?;
    let name = want.get("image")?;
    match spec::node(live.spec.get("image")?) {
        Node::Digest(hex) if hex == spec::digest(name) => {}
        _ => return None,
    }
    let mut same = live.spec.clone();
    same["image"] = name.clone();
    step.kind.image(&same).filter(|i| i == named)?;
    Some(live.outputs.get("image_id")?.as_str()?.to_owned())
}
