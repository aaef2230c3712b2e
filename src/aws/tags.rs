//! Ownership tags: their names, and the one way to read and change tags of an existing object, whatever service it is in.
mod balancers;
mod by_arn;
mod ec2;
mod iam;
mod rest;
mod s3;

pub use balancers::BALANCERS;
pub use by_arn::{CLOUDWATCH, EVENTS, FSX, LOGS, QUEUES, SAGEMAKER, TOPICS, pairs};
pub use ec2::EC2;
pub use iam::{INSTANCE_PROFILES, ROLES};
pub use rest::{FUNCTIONS, SCHEDULE_GROUPS};
pub use s3::BUCKETS;

use crate::{
    aws::{Aws, Error},
    packed::Packed,
};
use futures_util::future::BoxFuture;
use std::{collections::BTreeMap, fmt::Debug};

/// Version of this scheme.
pub const VERSION: &str = "dlinfra:v";
/// The stack's name.
pub const STACK: &str = "dlinfra:stack";
/// The stack's id.
pub const STACK_ID: &str = "dlinfra:stack-id";
/// The address in the blueprint.
pub const ADDRESS: &str = "dlinfra:address";
/// The attempt that made the object.
pub const INTENT: &str = "dlinfra:intent";
/// Who answers for it.
pub const OWNER: &str = "dlinfra:owner";
/// When it may be removed.
pub const EXPIRES: &str = "dlinfra:expires";
/// When a machine ends itself because it has nothing to do: percent of its GPUs' time, `/`, minutes.
pub const IDLE: &str = "dlinfra:idle";
/// Which secondary object of its address it is.
pub const PART: &str = "dlinfra:part";
/// Digests of what cannot be read back.
pub const SPEC: &str = "dlinfra:spec";
/// How the first start of a machine ended: `done` or `failed`.
pub const BOOT: &str = "dlinfra:boot";
/// The prefix that users' tags may not have.
pub const PREFIX: &str = "dlinfra:";
/// Tags that say something of one object alone, and are never compared.
pub const NEVER_DIFFED: [&str; 4] = [INTENT, SPEC, PART, BOOT];

/// Tags by key.
pub type Tags = Packed<String>;

/// How one kind of thing keeps its tags: what the calls are called differs by service.
pub trait Tagger: Debug + Sync {
    /// Do objects go by their ARN here? Otherwise by id or name.
    fn by_arn(&self) -> bool {
        false
    }

    /// The tags that each of these objects carries now; one without tags is there with none.
    fn read<'a>(&'a self, aws: &'a Aws, ids: &'a [String]) -> BoxFuture<'a, Result<BTreeMap<String, Tags>, Error>>;

    /// Sets and removes tags; others stay as they are.
    fn retag<'a>(
        &'a self,
        aws: &'a Aws,
        ids: &'a [String],
        set: &'a Tags,
        remove: &'a [String],
    ) -> BoxFuture<'a, Result<(), Error>>;
}

/// A service whose calls each know one object.
trait OneByOne: Debug + Sync {
    /// Do objects go by their ARN here?
    const BY_ARN: bool = false;

    /// The tags of one object. It has 50 at most, which is one page everywhere.
    fn tags(&self, aws: &Aws, id: &str) -> impl Future<Output = Result<Tags, Error>> + Send;

    /// Sets and removes tags of one object; others stay as they are.
    fn change(
        &self,
        aws: &Aws,
        id: &str,
        set: &Tags,
        remove: &[String],
    ) -> impl Future<Output = Result<(), Error>> + Send;
}

impl<T: OneByOne> Tagger for T {
    fn by_arn(&self) -> bool {
        T::BY_ARN
    }

    fn read<'a>(&'a self, aws: &'a Aws, ids: &'a [String]) -> BoxFuture<'a, Result<BTreeMap<String, Tags>, Error>> {
        Box::pin(async move {
            let mut out = BTreeMap::new();
            for id in ids {
                out.insert(id.clone(), self.tags(aws, id).await?);
            }
            Ok(out)
        })
    }

    fn retag<'a>(
        &'a self,
        aws: &'a Aws,
        ids: &'a [String],
        set: &'a Tags,
        remove: &'a [String],
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            for id in ids {
                self.change(aws, id, set, remove).await?;
            }
            Ok(())
        })
    }
}

/// Objects that carry the same tags.
#[derive(Debug, Clone)]
pub struct Carrier {
    /// Their `dlinfra:part`; empty for the primary object.
    pub part: String,
    /// Their service's way.
    pub tagger: &'static dyn Tagger,
    /// What they are called there.
    pub ids: Vec<String>,
    /// Were they found by what they are called, and not by their tags? Then whose they are is asked before each change.
    pub by_name: bool,
}

impl Carrier {
    /// The primary object.
    pub fn own(tagger: &'static dyn Tagger, id: impl Into<String>) -> Self {
        Self::part("", tagger, id)
    }

    /// A part of it.
    pub fn part(part: &str, tagger: &'static dyn Tagger, id: impl Into<String>) -> Self {
        Self { part: part.to_owned(), tagger, ids: vec![id.into()], by_name: false }
    }

    /// The tags that each of them carries now.
    ///
    /// # Errors
    /// Whatever the service answers.
    pub async fn read(&self, aws: &Aws) -> Result<BTreeMap<String, Tags>, Error> {
        self.tagger.read(aws, &self.ids).await
    }

    /// Sets and removes tags; others stay as they are.
    ///
    /// # Errors
    /// Whatever the service answers.
    pub async fn retag(&self, aws: &Aws, set: &Tags, remove: &[String]) -> Result<(), Error> {
        self.tagger.retag(aws, &self.ids, set, remove).await
    }

    /// The object itself, or a member of a fleet that has no object of its own.
    #[must_use]
    pub fn is_primary(&self) -> bool {
        self.part.is_empty() || self.part == "member"
    }

    /// Can one call serve both?
    pub(crate) fn goes_with(&self, other: &Self) -> bool {
        let of = |carrier: &Self| std::ptr::from_ref(carrier.tagger).cast::<()>();
        std::ptr::eq(of(self), of(other)) && self.by_name == other.by_name
    }
}

/// The same objects in as few calls as their services allow, where all of them get the same tags.
#[must_use]
pub fn together(carriers: Vec<Carrier>) -> Vec<Carrier> {
    let mut out: Vec<Carrier> = Vec::new();
    for carrier in carriers {
        match out.iter_mut().find(|one| one.goes_with(&carrier)) {
            Some(one) => one.ids.extend(carrier.ids),
            None => out.push(carrier),
        }
    }
    out
}
