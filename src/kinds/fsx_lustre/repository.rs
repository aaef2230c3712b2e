//! Links between directories of a file system and buckets (FSx calls them data repository associations).
use super::{FsxLustre, LINK, request};
use crate::{
    aws::{Error, ErrorClass, gone, ownership::Ownership, tags::Tags},
    call::{Ctx, SweepCtx},
    field::Ref,
    kinds::Bucket,
    resource::Live,
    spec,
};
use aws_sdk_fsx::types::{
    AutoExportPolicy, AutoImportPolicy, DataRepositoryAssociation, DataRepositoryLifecycle, EventType, Filter,
    FilterName, S3DataRepositoryConfiguration,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// A directory of the file system that mirrors a bucket, or the part of it under a prefix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Repository {
    /// The directory: `/data`.
    pub path: String,
    /// The bucket: a resource, a name, or `s3://name/prefix`.
    pub bucket: Ref<Bucket>,
    /// Only objects whose key starts with this directory.
    #[serde(default)]
    pub prefix: String,
    /// Which changes in the bucket appear in the file system by themselves; all by default.
    #[serde(default = "Event::all")]
    pub import: Vec<Event>,
    /// Which changes in the file system are written to the bucket by themselves; none by default.
    #[serde(default)]
    pub export: Vec<Event>,
    /// Lists what is in the bucket already when the link is made. Another answer later links the directory anew.
    #[serde(default = "yes")]
    pub import_metadata_on_create: bool,
}

/// What can happen to an object or a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// It is written for the first time.
    New,
    /// It is written again.
    Changed,
    /// It is deleted.
    Deleted,
}

fn yes() -> bool {
    true
}

impl Event {
    fn all() -> Vec<Self> {
        vec![Self::New, Self::Changed, Self::Deleted]
    }

    fn to_aws(self) -> EventType {
        match self {
            Self::New => EventType::New,
            Self::Changed => EventType::Changed,
            Self::Deleted => EventType::Deleted,
        }
    }

    fn from_aws(events: &[EventType]) -> Vec<Self> {
        Self::all().into_iter().filter(|e| events.contains(&e.to_aws())).collect()
    }
}

/// A link as AWS shows it.
pub(super) struct Link {
    pub(super) id: String,
    pub(super) file_system: String,
    pub(super) state: DataRepositoryLifecycle,
    pub(super) why: String,
    pub(super) tags: Tags,
    pub(super) repository: Repository,
}

impl Repository {
    pub(super) fn normalize(&mut self) {
        if self.path.len() > 1 {
            self.path = self.path.trim_end_matches('/').to_owned();
        }
        // A literal address of S3 is a bucket and a prefix.
        let literal = self.bucket.id.as_deref().filter(|_| self.bucket.address.is_none());
        if let Some(rest) = literal.and_then(|id| id.strip_prefix("s3://")) {
            let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
            if self.prefix.is_empty() {
                self.prefix = prefix.to_owned();
            }
            self.bucket = Ref::to_id(bucket);
        }
        self.prefix = self.prefix.trim_matches('/').to_owned();
        for events in [&mut self.import, &mut self.export] {
            events.sort();
            events.dedup();
        }
    }

    /// The part's name: FSx's tags take no path as it stands.
    pub(super) fn part(&self) -> String {
        format!("repository-{}", spec::hashed_name(&[&self.path], 10))
    }

    fn target(&self) -> Result<String, Error> {
        let bucket = self.bucket.id()?;
        Ok(if self.prefix.is_empty() { format!("s3://{bucket}") } else { format!("s3://{bucket}/{}/", self.prefix) })
    }

    fn policies(&self) -> S3DataRepositoryConfiguration {
        let events = |list: &[Event]| Some(list.iter().map(|e| e.to_aws()).collect());
        S3DataRepositoryConfiguration::builder()
            .auto_import_policy(AutoImportPolicy::builder().set_events(events(&self.import)).build())
            .auto_export_policy(AutoExportPolicy::builder().set_events(events(&self.export)).build())
            .build()
    }
}

/// The ARN of a link, which FSx builds from those of the file system and the link.
pub(super) fn arn(file_system_arn: &str, file_system: &str, link: &str) -> Option<String> {
    let (account, _) = file_system_arn.split_once(":file-system/")?;
    Some(format!("{account}:association/{file_system}/{link}"))
}

/// Every link, or those of one file system; whoever owns it.
pub(super) async fn links(ctx: &SweepCtx, file_system: Option<&str>) -> Result<Vec<Link>, Error> {
    let filter = file_system.map(|id| vec![Filter::builder().name(FilterName::FileSystemId).values(id).build()]);
    let call = ctx.aws.fsx().describe_data_repository_associations().set_filters(filter);
    let mut pages = call.into_paginator().send();
    let mut out = Vec::new();
    while let Some(page) = pages.next().await {
        for found in page?.associations.unwrap_or_default() {
            // File caches have associations too.
            if found.file_system_id.is_some() {
                out.push(link(found)?);
            }
        }
    }
    Ok(out)
}

fn link(found: DataRepositoryAssociation) -> Result<Link, Error> {
    let (import, export) = match &found.s3 {
        Some(s3) => (
            s3.auto_import_policy.as_ref().map(|p| Event::from_aws(p.events())).unwrap_or_default(),
            s3.auto_export_policy.as_ref().map(|p| Event::from_aws(p.events())).unwrap_or_default(),
        ),
        None => Default::default(),
    };
    let mut repository = Repository {
        path: found.file_system_path.clone().ok_or_else(|| Error::missing("the path of a repository"))?,
        bucket: Ref::to_id(
            found.data_repository_path.as_deref().ok_or_else(|| Error::missing("a repository's bucket"))?,
        ),
        prefix: String::new(),
        import,
        export,
        import_metadata_on_create: found.batch_import_meta_data_on_create.unwrap_or(false),
    };
    repository.normalize();
    Ok(Link {
        id: found.association_id.clone().ok_or_else(|| Error::missing("the id of a repository"))?,
        file_system: found.file_system_id.clone().unwrap_or_default(),
        tags: request::from_tags(found.tags()),
        why: found.failure_details.and_then(|d| d.message).unwrap_or_else(|| "AWS gives no reason".to_owned()),
        state: found.lifecycle.ok_or_else(|| Error::missing("the state of a repository"))?,
        repository,
    })
}

/// Links, changes and unlinks directories, as far as AWS lets it now; the next round goes on.
pub(super) async fn update(ctx: &Ctx, live: &Live<FsxLustre>, want: &[Repository]) -> Result<(), Error> {
    use DataRepositoryLifecycle as State;
    let found = links(&ctx.sweep(), Some(&live.id)).await?;
    let ours = |link: &Link| ctx.scope.owns(&link.tags);
    // A place, in the file system or in a bucket, must be free before another link can have it.
    let mut leaving = found.iter().any(|l| l.state == State::Deleting);
    for link in found.iter().filter(|l| ours(l) && l.state != State::Deleting) {
        if !want.iter().any(|r| r.path == link.repository.path) {
            unlink(ctx, link).await?;
            leaving = true;
        }
    }
    let mut missing = Vec::new();
    for repository in want {
        let target = repository.target()?;
        let Some(link) = found.iter().find(|l| l.repository.path == repository.path) else {
            missing.push((repository, target));
            continue;
        };
        if !ours(link) {
            let what = format!("the link of {} in {}", repository.path, live.id);
            return Err(Error::stranger(&what, Ownership::read(&link.tags).map(|o| o.stack).as_deref()));
        }
        let same = link.repository.target()? == target
            && link.repository.import_metadata_on_create == repository.import_metadata_on_create;
        match link.state {
            State::Deleting | State::Creating | State::Updating => {}
            _ if !same || link.state == State::Failed => {
                unlink(ctx, link).await?;
                leaving = true;
            }
            _ if (&link.repository.import, &link.repository.export) != (&repository.import, &repository.export) => {
                let call = ctx.aws.fsx().update_data_repository_association().association_id(&link.id);
                call.s3(repository.policies()).send().await.map_err(request::busy)?;
            }
            _ => {}
        }
    }
    if !leaving {
        for (repository, target) in missing {
            create(ctx, live, repository, &target).await?;
        }
    }
    Ok(())
}

async fn create(ctx: &Ctx, live: &Live<FsxLustre>, repository: &Repository, target: &str) -> Result<(), Error> {
    let params = json!({ "file_system": live.id, "target": target, "repository": repository });
    ctx.call(&LINK, &repository.part(), &params, |attempt| async move {
        let mut call = ctx
            .aws
            .fsx_once()
            .create_data_repository_association()
            .file_system_id(&live.id)
            .file_system_path(&repository.path)
            .data_repository_path(target)
            .batch_import_meta_data_on_create(repository.import_metadata_on_create)
            .client_request_token(attempt.token)
            .set_tags(Some(request::to_tags(&attempt.tags)));
        if !repository.import.is_empty() || !repository.export.is_empty() {
            call = call.s3(repository.policies());
        }
        let made = call.send().await.map_err(request::busy)?.association.and_then(|a| a.association_id);
        Ok(vec![made.ok_or_else(|| Error::missing("the id of a repository"))?])
    })
    .await?;
    Ok(())
}

/// The data stays on both sides.
async fn unlink(ctx: &Ctx, link: &Link) -> Result<(), Error> {
    let call = ctx.aws.fsx().delete_data_repository_association().association_id(&link.id);
    match gone(call.delete_data_in_file_system(false).send().await.map_err(Error::from)) {
        Err(e) if e.class == ErrorClass::WrongState => Ok(()),
        other => other,
    }
}
