//! Public parameters of Systems Manager: what names of machine images stand for now.
use super::{Aws, Error};
use std::collections::{BTreeMap, BTreeSet};

/// GetParameters takes so many names.
const AT_ONCE: usize = 10;

impl Aws {
    /// The values of those of these parameters that exist; ten a request.
    ///
    /// # Errors
    /// As of any call; a parameter that does not exist is none.
    pub async fn parameters(&self, names: &BTreeSet<String>) -> Result<BTreeMap<String, String>, Error> {
        let names: Vec<&String> = names.iter().collect();
        let mut out = BTreeMap::new();
        for some in names.chunks(AT_ONCE) {
            let names = some.iter().map(|n| (*n).clone()).collect();
            let answer = self.ssm().get_parameters().set_names(Some(names)).send().await?;
            let found = answer.parameters.unwrap_or_default().into_iter();
            out.extend(found.filter_map(|p| Some((p.name?, p.value?))));
        }
        Ok(out)
    }
}
