//! Finding what a person names: by id, name or tags, in this account and region only.
use super::{
    Engine, View,
    import::{By, Claim},
};
use crate::engine::codes;
use crate::{
    aws::ErrorClass,
    call::SweepCtx,
    diagnostic::{Diagnostic, Diagnostics},
    kind::Kind,
    plan::Wanted,
    resource::{Live, Lookup},
};

impl Engine {
    /// The objects of a kind that match, whoever owns them.
    ///
    /// # Errors
    /// An ARN of another account or region, an id of another kind, or a read that AWS refuses.
    pub async fn find(&self, kind: &'static dyn Kind, by: &By, view: &View) -> Result<Vec<Live>, Diagnostics> {
        let ctx = SweepCtx { scope: view.scope.clone(), ..self.sweep("", &[]) };
        let found = match by {
            By::Ids(ids) => {
                for id in ids {
                    self.check_place(id)?;
                    self.right_kind(kind, id)?;
                }
                // An ARN ends with the id; what goes by its name reads ARNs itself.
                let short = |id: &String| match id.starts_with("arn:") && !kind.about().id_prefix.is_empty() {
                    true => id.rsplit('/').next().unwrap_or(id).to_owned(),
                    false => id.clone(),
                };
                kind.lookup_ids(&ctx, &ids.iter().map(short).collect::<Vec<_>>()).await
            }
            By::Lookup(by) => kind.lookup(&ctx, by).await,
        };
        match found {
            Ok(lives) => Ok(lives),
            Err(e) if e.class == ErrorClass::NotFound => Ok(Vec::new()),
            Err(e) => Err(e.into()),
        }
    }

    /// The one object that a person names for an address.
    ///
    /// # Errors
    /// As [`Engine::find`]; none, or several.
    pub async fn find_one(&self, wanted: &Wanted, by: &By, view: &View) -> Result<Claim, Diagnostics> {
        let (kind, address) = (wanted.kind, wanted.address.clone());
        let mut found = self.find(kind, by, view).await?;
        let place = format!("account {}, region {}", view.scope.account, view.scope.region);
        if found.len() > 1 {
            let ids: Vec<String> = found.iter().map(described).collect();
            return Err(Diagnostic::error(
                &codes::SEVERAL_MATCH,
                format!("{} objects match {}, and one is needed", found.len(), named(by)),
            )
            .at_address(address.as_str())
            .with_detail(format!("{place}: {}", ids.join(", ")))
            .with_help("name it by its id")
            .into());
        }
        let missing = |text: String| {
            Diagnostics::from(
                Diagnostic::error(&codes::NOTHING_TO_IMPORT, text)
                    .at_address(address.as_str())
                    .with_detail(place.clone())
                    .with_help("check the id, the account (`--profile`) and the region of the blueprint"),
            )
        };
        let Some(live) = found.pop() else {
            return Err(missing(format!("there is no {} with {}", kind.name(), named(by))));
        };
        if let By::Ids(ids) = by
            && !live.members.is_empty()
            && let Some(id) = ids.iter().find(|id| !live.members.iter().any(|m| id.ends_with(&m.id)))
        {
            return Err(missing(format!("there is no instance {id}")));
        }
        Ok(Claim { address, live })
    }

    /// Is an ARN of this account and region? Anything else passes.
    ///
    /// # Errors
    /// Names both accounts or regions.
    pub fn check_place(&self, id: &str) -> Result<(), Diagnostics> {
        let Some(rest) = id.strip_prefix("arn:") else { return Ok(()) };
        let mut parts = rest.split(':').skip(2);
        let (region, account) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        let wrong = |what: &str, theirs: &str, ours: &str| {
            Diagnostic::error(
                &crate::aws::codes::OTHER_ACCOUNT_OR_REGION,
                format!("{id} is in the {what} {theirs}, this stack is in {ours}"),
            )
            .with_help("a stack lives in one account and region: use the credentials and the blueprint of that one")
        };
        if !account.is_empty() && account != self.identity.account {
            return Err(wrong("account", account, &self.identity.account).into());
        }
        if !region.is_empty() && region != self.aws.region() {
            return Err(wrong("region", region, self.aws.region()).into());
        }
        Ok(())
    }
}

/// An object for people: its id, or those of its members.
pub(super) fn described(live: &Live) -> String {
    match live.members.as_slice() {
        [] => live.id.clone(),
        members => members.iter().map(|m| m.id.as_str()).collect::<Vec<_>>().join(", "),
    }
}

fn named(by: &By) -> String {
    match by {
        By::Ids(ids) if ids.len() == 1 => format!("the id {}", ids.join("")),
        By::Ids(ids) => format!("the ids {}", ids.join(", ")),
        By::Lookup(by) => said(by),
    }
}

/// How something is looked for, in words.
pub(super) fn said(by: &Lookup) -> String {
    match by {
        Lookup::Id(id) => format!("the id {id}"),
        Lookup::Name(name) => format!("the name `{name}`"),
        Lookup::Tags(tags) => {
            let pairs: Vec<String> = tags.iter().map(|(k, v)| format!("{k}={v}")).collect();
            format!("the tags {}", pairs.join(", "))
        }
    }
}

impl Engine {
    /// Is this the id of another kind of object? Names are free, so kinds with names take anything.
    fn right_kind(&self, kind: &dyn Kind, id: &str) -> Result<(), Diagnostics> {
        let prefix = kind.about().id_prefix;
        let id = if id.starts_with("arn:") { id.rsplit('/').next().unwrap_or(id) } else { id };
        if id.starts_with(prefix) {
            return Ok(());
        }
        let is = |k: &&&dyn Kind| !k.about().id_prefix.is_empty() && id.starts_with(k.about().id_prefix);
        let text = match self.kinds.iter().find(is) {
            Some(other) => format!("{id} is the id of a {}, and the resource is a {}", other.name(), kind.name()),
            None => format!("{id} is not an id of a {}: those start with `{prefix}`", kind.name()),
        };
        let help = "name the object by its id in AWS, or use `--name`";
        Err(Diagnostic::error(&codes::OTHER_KIND, text).with_help(help).into())
    }
}
