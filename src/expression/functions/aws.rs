//! Functions on networks, files and the hardware catalog.

use std::rc::Rc;

use super::Arguments;
use crate::expression::codes;
use crate::expression::eval::Variables;
use crate::expression::value::Value;
use crate::expression::{Env, Evaluator, ExprError, Fail, Outcome, Place, Template};
use crate::units::Cidr;

type Args<'a, 'b> = &'a Arguments<'b>;

fn cidr(a: Args<'_, '_>) -> Outcome<Cidr> {
    a.text(0)?
        .parse()
        .map_err(|e: crate::units::UnitError| ExprError::new(&codes::UNIT, a.at(0), e.why).help(e.help).into())
}

pub(super) fn cidrsubnet(_: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    let (net, bits, number) = (cidr(a)?, a.int(1)?, a.int(2)?);
    let made = u8::try_from(bits).ok().zip(u64::try_from(number).ok()).and_then(|(bits, n)| net.subnet(bits, n));
    match made {
        Some(subnet) => Ok(Value::text(&subnet.to_string())),
        None => {
            let room = 32 - i64::from(net.prefix());
            let summary = if (0..=room).contains(&bits) {
                format!(
                    "{net} has {} ranges of /{}, numbered from 0; there is no {number}",
                    1_u64 << bits,
                    i64::from(net.prefix()) + bits
                )
            } else {
                format!("{net} has room for 0 to {room} more bits, not {bits}")
            };
            Err(a.wrong(if (0..=room).contains(&bits) { 2 } else { 1 }, summary).into())
        }
    }
}

pub(super) fn cidrhost(_: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    let (net, number) = (cidr(a)?, a.int(1)?);
    match net.host(number) {
        Some(host) => Ok(Value::text(&host.to_string())),
        None => Err(a.wrong(1, format!("{net} has {} addresses; there is no {number}", net.addresses())).into()),
    }
}

pub(super) fn cidrnetmask(_: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    Ok(Value::text(&cidr(a)?.netmask().to_string()))
}

pub(super) fn file(e: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    a.made_text(&e.env.read_file(&a.text(0)?, a.at(0))?)
}

/// A file's text with its `${…}` computed from the given variables alone.
pub(super) fn templatefile(e: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    let name = a.text(0)?;
    let text = e.env.read_file(&name, a.at(0))?;
    let names: Vec<(Rc<str>, Value)> = a.map(1)?.entries().iter().map(|(k, v)| (k.0.clone(), v.clone())).collect();
    let place_in = |at: Place| {
        let before = text.get(..at.start as usize).unwrap_or(&text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        format!("in {name}:{line}:{column}")
    };
    let outer = |inner: Box<ExprError>| {
        let mut e = ExprError::new(inner.code, a.at(0), inner.summary.clone()).label(place_in(inner.place));
        e.help = inner.help;
        e
    };
    let template = Template::parse(&text).map_err(|mut all| Fail::Error(outer(all.swap_remove(0))))?;
    let inside = Inside { outer: e.env };
    let vars = Variables { parent: None, names: &names };
    match Evaluator::new(&inside).template(&template, Some(&vars)) {
        Ok(v @ Value::Unknown(_)) => Ok(v),
        Ok(v) => {
            let text = e.text_of(&v, a.place)?;
            a.made_text(&text)
        }
        Err(Fail::Error(inner)) => Err(outer(inner).into()),
        Err(other) => Err(other),
    }
}

/// What a template file sees: its variables, the attributes of what it is given, and no files.
struct Inside<'a> {
    outer: &'a dyn Env,
}

impl Env for Inside<'_> {
    fn name(&self, name: &str, place: Place) -> Outcome<Value> {
        let e = ExprError::new(&codes::UNKNOWN_NAME, place, format!("the template has no variable `{name}`"));
        Err(e.help("pass it: `templatefile(\"name\", { variable = value })`; write `$${` for the text `${`").into())
    }
    fn root(&self, root: &str, _: &str, place: Place) -> Outcome<Value> {
        self.name(root, place)
    }
    fn resource_attr(&self, r: &crate::expression::RefValue, attr: &str, place: Place) -> Outcome<Value> {
        self.outer.resource_attr(r, attr, place)
    }
    fn module_attr(&self, m: &crate::expression::ModuleValue, attr: &str, place: Place) -> Outcome<Value> {
        self.outer.module_attr(m, attr, place)
    }
    fn module_value(&self, m: &crate::expression::ModuleValue, place: Place) -> Outcome<Value> {
        self.outer.module_value(m, place)
    }
    fn read_file(&self, _: &str, place: Place) -> Outcome<String> {
        Err(ExprError::new(&codes::FILE, place, "a template file cannot read files")
            .help("pass the text as a variable")
            .into())
    }
    fn instance(&self, name: &str) -> Option<serde_json::Value> {
        self.outer.instance(name)
    }
    fn zones(&self, region: &str) -> Option<Vec<String>> {
        self.outer.zones(region)
    }
    fn near_instance(&self, name: &str) -> Option<&'static str> {
        self.outer.near_instance(name)
    }
    fn near_region(&self, name: &str) -> Option<&'static str> {
        self.outer.near_region(name)
    }
    fn outputs_of(&self, r: &crate::expression::RefValue) -> Vec<String> {
        self.outer.outputs_of(r)
    }
}

pub(super) fn instance(e: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    let name = a.text(0)?;
    match e.env.instance(&name) {
        Some(facts) => a.made(Value::from_json(&facts)),
        None => {
            let help = match e.env.near_instance(&name) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "`dlinfra topology` lists the types that the catalog knows".to_string(),
            };
            Err(a.wrong(0, format!("the catalog has no instance type `{name}`")).help(help).into())
        }
    }
}

pub(super) fn zones(e: &Evaluator<'_>, a: Args<'_, '_>) -> Outcome<Value> {
    let region = a.text(0)?;
    match e.env.zones(&region) {
        Some(all) => a.made(Value::list(all.iter().map(|z| Value::text(z)).collect())),
        None => {
            let near = e.env.near_region(&region).map(|n| format!("did you mean `{n}`?"));
            Err(a.wrong(0, format!("the catalog has no region `{region}`")).help_opt(near).into())
        }
    }
}
