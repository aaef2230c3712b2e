//! Kinds whose identity is their name: found by it, and proved to be ours by the tags of what has it.
use crate::{
    address::Address,
    aws::{
        Error, ErrorClass, optional,
        tags::{self, Tags},
    },
    call::{self, Attempt, Ctx, SweepCtx},
    resource::{Call, Class, Id, Live, Lookup, Resource},
};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::json;
use std::{collections::BTreeSet, future::Future};

/// A kind of object with a name of its own, which is known before the object is made. Names that dlinfra chooses start
/// with the stack's, so one list shows them; others are written in the blueprint or known to the journal. The list does
/// not say whose an object is: its tags do, which most services give to a call of their own.
pub(super) trait Named: Resource {
    /// As a list or a look shows it.
    type Found: Send + Sync + Clone;
    /// What it is called in a sentence: `the log group`.
    const WHAT: &'static str;

    /// Can it be called so? Names of other kinds are among those that the journal gives.
    fn legal(name: &str) -> bool;

    /// The name in an ARN; a name itself is one.
    fn name_in(id: &str) -> &str;

    /// Its name.
    fn name(found: &Self::Found) -> &str;

    /// Everything of this kind whose name starts so, by pages.
    fn list(ctx: &SweepCtx, prefix: &str) -> impl Future<Output = Result<Vec<Self::Found>, Error>> + Send;

    /// What has this name, whoever owns it.
    fn get(ctx: &SweepCtx, name: &str) -> impl Future<Output = Result<Option<Self::Found>, Error>> + Send;

    /// Its tags; nothing = it is gone meanwhile.
    fn tags(ctx: &SweepCtx, found: &Self::Found) -> impl Future<Output = Result<Option<Tags>, Error>> + Send;

    /// The object as a blueprint describes it; nothing = it is gone meanwhile.
    fn live(
        ctx: &SweepCtx,
        found: Self::Found,
        address: Address,
        tags: Tags,
    ) -> impl Future<Output = Result<Option<Live<Self>>, Error>> + Send;
}

/// How many tags are read at the same time: more only wait at the gate.
const AT_ONCE: usize = 8;

/// Every object of the stack: those with its prefix, and those that somebody wrote or the journal knows; or those alone
/// that the sweep is for.
pub(super) async fn sweep<N: Named>(ctx: &SweepCtx) -> Result<Vec<Live<N>>, Error> {
    let rule = N::ABOUT.name.ok_or_else(|| Error::bug(format!("{} has no rule for names", N::KIND)))?;
    let only = ctx.only_ids();
    let prefix = if ctx.all_stacks { String::new() } else { call::name_prefix(&ctx.scope.stack, &rule) };
    let mut found = match &only {
        Some(names) if names.len() <= AT_ONCE => Vec::new(),
        _ => N::list(ctx, &prefix).await?,
    };
    found.retain(|f| only.as_ref().is_none_or(|names| names.iter().any(|n| *n == N::name(f))));
    let names: Vec<String> = match &only {
        Some(names) => names.iter().map(|n| N::name_in(n).to_owned()).collect(),
        None => ctx.names.of(N::KIND).into_iter().filter(|n| N::legal(n)).collect(),
    };
    let listed: BTreeSet<&str> = found.iter().map(N::name).collect();
    let others: Vec<&String> = names.iter().filter(|n| !listed.contains(n.as_str())).collect();
    let reads: Vec<_> = others.into_iter().map(|name| N::get(ctx, name)).collect();
    let others: Vec<_> = stream::iter(reads).buffered(AT_ONCE).try_collect().await?;
    found.extend(others.into_iter().flatten());
    // A part belongs to another kind, which makes such things for its own use.
    tagged(ctx, found, |found| ctx.takes(found) && !found.contains_key(tags::PART)).await
}

/// Objects that match, whoever owns them.
pub(super) async fn lookup<N: Named>(ctx: &SweepCtx, by: &Lookup) -> Result<Vec<Live<N>>, Error> {
    match by {
        Lookup::Id(id) | Lookup::Name(id) => {
            let found = N::get(ctx, N::name_in(id)).await?;
            tagged(ctx, found.into_iter().collect(), |_| true).await
        }
        Lookup::Tags(wanted) => {
            let all = N::list(ctx, "").await?;
            tagged(ctx, all, |tags| wanted.iter().all(|(k, v)| tags.get(k) == Some(v))).await
        }
    }
}

/// What has the name is ours if its tags say so; nothing = nothing is shown that has it.
async fn present<N: Named>(ctx: &Ctx, name: &str) -> Result<Option<Vec<Id>>, Error> {
    let sweep = ctx.sweep();
    let Some(found) = N::get(&sweep, name).await? else { return Ok(None) };
    let Some(tags) = N::tags(&sweep, &found).await? else { return Ok(None) };
    ctx.ours(&format!("{} {name}", N::WHAT), &tags)?;
    ctx.doubtful();
    Ok(Some(vec![name.to_owned()]))
}

/// After "it exists already".
async fn taken<N: Named>(ctx: &Ctx, name: &str) -> Result<Vec<Id>, Error> {
    let hidden = || Error::new(ErrorClass::NotVisibleYet, format!("{} {name} is not shown yet", N::WHAT));
    present::<N>(ctx, name).await?.ok_or_else(hidden)
}

/// The tags of the object with this ARN, by a call of their own; nothing = it is gone meanwhile.
pub(super) async fn tags_by_arn<N: Named>(ctx: &SweepCtx, arn: &str) -> Result<Option<Tags>, Error> {
    let read = N::ABOUT.tagger.read(&ctx.aws, &[arn.to_owned()]).await;
    Ok(optional(read)?.and_then(|mut all| all.remove(arn)))
}

/// The object, with its name and its ARN as outputs.
pub(super) fn live<N: Named>(address: Address, name: &str, arn: String, tags: Tags, spec: N) -> Live<N> {
    let mut live = Live::new(address, name, tags, spec);
    live.outputs.insert("name", json!(name));
    live.outputs.insert("arn", json!(arn));
    live.ids = vec![arn];
    live
}

async fn tagged<N: Named>(
    ctx: &SweepCtx,
    found: Vec<N::Found>,
    wanted: impl Fn(&Tags) -> bool + Send + Sync,
) -> Result<Vec<Live<N>>, Error> {
    let wanted = &wanted;
    let read = |found: N::Found| async move {
        let Some(tags) = N::tags(ctx, &found).await?.filter(|tags| wanted(tags)) else { return Ok(None) };
        let address = ctx.address(N::name(&found), &tags);
        N::live(ctx, found, address, tags).await
    };
    let reads: Vec<_> = found.into_iter().map(read).collect();
    let lives: Vec<Option<Live<N>>> = stream::iter(reads).buffered(AT_ONCE).try_collect().await?;
    Ok(lives.into_iter().flatten().collect())
}

/// Makes an object with a name: what has the name already is ours if its tags say so. A call that would take over what
/// has the name is sent only where nothing has it; what is faster in between carries no tag of ours afterwards, and the
/// engine's look at what was made says so.
pub(super) async fn create<N, F, Fut>(
    ctx: &Ctx,
    call: &'static Call,
    name: &str,
    spec: &N,
    send: F,
) -> Result<Id, Error>
where
    N: Named,
    F: Fn(Attempt) -> Fut,
    Fut: Future<Output = Result<(), Error>>,
{
    let params = json!({ "name": name, "spec": spec });
    ctx.call_named(call, "", name, &params, |attempt| {
        let sent = send(attempt);
        async move {
            if call.class == Class::NameIdempotent
                && let Some(ids) = present::<N>(ctx, name).await?
            {
                return Ok(ids);
            }
            match sent.await {
                Ok(()) => Ok(vec![name.to_owned()]),
                Err(e) if e.class == ErrorClass::Exists => taken::<N>(ctx, name).await,
                Err(e) => Err(e),
            }
        }
    })
    .await?;
    Ok(name.to_owned())
}
