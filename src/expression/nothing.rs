//! A place without names and files: only functions and literals have values there.

use super::{Env, ExprError, ModuleValue, Outcome, Place, RefValue, Value, codes};

/// Variables from outside and residuals during apply are plain: no names, no files.
pub(crate) struct Nothing;

impl Env for Nothing {
    fn name(&self, name: &str, place: Place) -> Outcome<Value> {
        let e = ExprError::new(&codes::UNKNOWN_NAME, place, format!("there is no `{name}` here"));
        Err(e.help("values of variables are plain; only functions can be used in them").into())
    }
    fn root(&self, root: &str, attr: &str, place: Place) -> Outcome<Value> {
        self.name(&format!("{root}.{attr}"), place)
    }
    fn resource_attr(&self, r: &RefValue, _: &str, place: Place) -> Outcome<Value> {
        self.name(&r.address, place)
    }
    fn module_attr(&self, m: &ModuleValue, _: &str, place: Place) -> Outcome<Value> {
        self.name(&m.address, place)
    }
    fn module_value(&self, m: &ModuleValue, place: Place) -> Outcome<Value> {
        self.name(&m.address, place)
    }
    fn read_file(&self, _: &str, place: Place) -> Outcome<String> {
        Err(ExprError::new(&codes::FILE, place, "files cannot be read here").into())
    }
    fn instance(&self, _: &str) -> Option<serde_json::Value> {
        None
    }
    fn zones(&self, _: &str) -> Option<Vec<String>> {
        None
    }
    fn outputs_of(&self, _: &RefValue) -> Vec<String> {
        Vec::new()
    }
}
