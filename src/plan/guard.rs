//! What a plan may not do unless more is said, and what stays: both are known before anything ends.
use super::{Action, ChangeClass, Plan, Protect, Step, Summary, Task};
use crate::plan::codes;
use crate::{
    address::Address,
    diagnostic::{Diagnostic, Diagnostics},
    graph::Dag,
    spec,
};
use std::collections::{BTreeMap, BTreeSet};

impl Step {
    /// Does it end something that lives: the object, or members of it?
    fn ends(&self) -> bool {
        matches!(self.action, Action::Replace | Action::Delete)
            || self.action == Action::Update && !(self.outdated.is_empty() && self.ending.is_empty())
    }
}

impl Plan {
    /// Steps that destroy data, or end what is protected.
    pub fn destructive(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|s| {
            let goes = matches!(s.action, Action::Replace | Action::Delete);
            goes && (s.class == Some(ChangeClass::DestroysData) || s.protect == Protect::Data)
                || s.ends() && s.protect == Protect::Never
        })
    }

    /// Everything that must be said before this may be executed, all at once: `allowed` are the addresses that may go
    /// although they hold data, `contents` is what lies in those that go.
    pub fn refused(
        &self,
        allowed: &BTreeSet<&str>,
        delete_data: bool,
        contents: &BTreeMap<Address, String>,
    ) -> Diagnostics {
        let mut out = Diagnostics::new();
        for step in self.destructive() {
            let address = step.address.as_str();
            if step.protect == Protect::Never {
                let what = match step.action {
                    Action::Replace => "replace it".to_owned(),
                    Action::Delete => "delete it".to_owned(),
                    _ => format!("end {} of its members", step.outdated.len() + step.ending.len()),
                };
                let text = format!("{address} is protected (`protect: never`), and this would {what}");
                let help = "undo the change; or set `protect: off` in the blueprint and apply that first";
                out.push(
                    Diagnostic::error(&codes::PROTECTED, text).at_address(address).at_field("protect").with_help(help),
                );
                continue;
            }
            let holds = contents.get(&step.address);
            let (named, emptied) = (allowed.contains(address), delete_data || holds.is_none());
            if named && emptied {
                continue;
            }
            let what = if step.action == Action::Replace { "replace" } else { "delete" };
            let mut text =
                format!("this would {what} {address} ({}), which destroys data: {}", step.summary, step.reason);
            if let Some(holds) = holds {
                text.push_str(&format!("; it holds {holds}"));
            }
            let flags = [
                (!named).then(|| format!("`--allow-destroy {address}`")),
                (!emptied).then(|| "`--delete-data`".to_owned()),
            ];
            let flags: Vec<String> = flags.into_iter().flatten().collect();
            let help = format!("undo the change; or, if the data may be lost, add {}", flags.join(" and "));
            out.push(Diagnostic::error(&codes::DESTROYS_DATA, text).at_address(address).with_help(help));
        }
        out
    }

    /// The same plan without removing these, each with the reason, nor what they lie in: the sums count what goes.
    #[must_use]
    pub fn keeping(mut self, reasons: &BTreeMap<Address, String>) -> Self {
        let at: BTreeMap<String, usize> =
            self.steps.iter().enumerate().map(|(i, s)| (s.address.to_string(), i)).collect();
        let mut stays: BTreeMap<usize, String> = BTreeMap::new();
        let mut next: Vec<(usize, String)> =
            reasons.iter().filter_map(|(a, why)| Some((*at.get(a.as_str())?, why.clone()))).collect();
        while let Some((step, why)) = next.pop() {
            if self.steps[step].action != Action::Delete || stays.contains_key(&step) {
                continue;
            }
            let holder = self.steps[step].address.clone();
            let held = self.steps[step].live.iter().flat_map(|l| spec::references(&l.spec)).map(|(_, a)| a);
            let held: BTreeSet<String> = held.collect();
            next.extend(held.iter().filter_map(|a| Some((*at.get(a)?, format!("{holder} needs it")))));
            stays.insert(step, why);
        }
        for (step, why) in &stays {
            let step = &mut self.steps[*step];
            (step.action, step.class, step.expected_seconds) = (Action::Keep, None, 0);
            step.reason = format!("stays: {why}");
        }
        let kept: Vec<usize> = (0..self.tasks.len()).filter(|t| !stays.contains_key(&self.tasks[*t].step)).collect();
        let place: BTreeMap<usize, usize> = kept.iter().enumerate().map(|(new, old)| (*old, new)).collect();
        let mut dag = Dag::new(kept.len());
        for (old, new) in &place {
            for child in self.dag.children(*old).iter().filter_map(|c| place.get(c)) {
                dag.edge(*new, *child);
            }
        }
        self.tasks = kept.into_iter().map(|t| self.tasks[t]).collect::<Vec<Task>>();
        self.dag = dag;
        self.timed()
    }

    /// Counts, times and the longest path, from the tasks that there are.
    fn timed(mut self) -> Self {
        self.summary = Summary::of(&self.steps);
        let order = self.dag.order(|n| n).unwrap_or_default();
        self.remaining = self.dag.remaining(&order, |n| self.tasks[n].seconds);
        let path = self.dag.critical_path(&self.remaining);
        self.expected_seconds = path.first().map_or(0, |n| self.remaining[*n]);
        self.critical_path = path.iter().map(|n| self.steps[self.tasks[*n].step].address.clone()).collect();
        self.critical_path.dedup();
        self
    }

    /// What is not removed although everything else is, and why.
    pub fn staying(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|s| s.action == Action::Keep && !s.reason.is_empty())
    }
}
