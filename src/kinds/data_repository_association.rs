//! data-repository-association: a link between a bucket and a directory of a file system that is made elsewhere.
use crate::{
    aws::{Error, ErrorClass, gone, tags},
    call::{Ctx, SweepCtx},
    catalog::durations,
    diagnostic::codes,
    field::Ref,
    kinds::{
        Bucket, FsxLustre, ec2,
        fsx_lustre::{
            repository::{Event, Link, Repository, every_link, links},
            request,
        },
    },
    resource::{
        About, Call, Changes, Claim, Class, Discovery, Durations, Expected, Id, Live, Lookup, Output, Problem,
        Resource, State,
    },
};
use aws_sdk_fsx::types::DataRepositoryLifecycle as Life;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// A directory of a Lustre file system that mirrors a bucket, for file systems that another stack has made, or whose links
/// come and go by themselves. Those that stay as long as their file system stand in its `repositories`. Removing a link
/// leaves the data where it is, on both sides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataRepositoryAssociation {
    /// The file system: any deployment but `scratch-1`, without backups.
    pub file_system: Ref<FsxLustre>,
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
    /// Lists what is in the bucket already when the link is made.
    #[serde(default = "yes")]
    pub import_metadata_on_create: bool,
}

fn yes() -> bool {
    true
}

const CREATE: Call = Call::new("fsx:CreateDataRepositoryAssociation", Class::Token);

codes! {
    CODES:
    PATH = "DL3301", "Not a directory of a file system",
        "`path` starts at the root of the file system, `/data/sets`, and has no empty parts.";
}

impl Resource for DataRepositoryAssociation {
    const KIND: &'static str = "data-repository-association";
    const ABOUT: About = About {
        outputs: &[
            Output { name: "id", ty: "string", doc: "dra-…" },
            Output { name: "arn", ty: "string", doc: "its ARN" },
            Output { name: "path", ty: "string", doc: "the directory" },
        ],
        fixed: &["file_system", "path", "bucket", "prefix", "import_metadata_on_create"],
        // Whoever moves a link makes the old one go first.
        claims: &[Claim { field: "path", within: "file_system", choices: "" }],
        tagger: &tags::FSX,
        discovery: Discovery::ListAndMatch,
        id_prefix: "dra-",
        calls: &[CREATE],
        iam: &[
            "fsx:CreateDataRepositoryAssociation",
            "fsx:DescribeDataRepositoryAssociations",
            "fsx:UpdateDataRepositoryAssociation",
            "fsx:DeleteDataRepositoryAssociation",
            "fsx:TagResource",
            "fsx:UntagResource",
            "iam:CreateServiceLinkedRole",
            "iam:AttachRolePolicy",
            "iam:PutRolePolicy",
            "s3:Get*",
            "s3:List*",
            "s3:PutBucketNotification",
        ],
        codes: CODES,
        free: true,
        ..About::new("A link between a bucket and a directory of a Lustre file system that is made elsewhere")
    };

    fn summary(&self) -> String {
        let prefix = if self.prefix.is_empty() { String::new() } else { format!("/{}", self.prefix) };
        format!("{} to {}{prefix}", self.path, self.bucket)
    }

    fn check(&self, problems: &mut Vec<Problem>) {
        if !self.path.starts_with('/') || self.path.contains("//") {
            problems.push(Problem {
                code: &PATH,
                path: "path".to_owned(),
                summary: format!("`{}` is not a path from the file system's root", self.path),
                help: format!("write `/{}`", self.path.trim_matches('/')),
            });
        }
    }

    fn normalize(&mut self) {
        let mut it = self.repository();
        it.normalize();
        (self.path, self.bucket, self.prefix) = (it.path, it.bucket, it.prefix);
        (self.import, self.export) = (it.import, it.export);
    }

    fn durations(&self) -> Durations {
        let typical = durations::LUSTRE_ASSOCIATION_CREATE;
        // An import of millions of names takes an hour and more.
        let worst = if self.import_metadata_on_create { Expected::secs(0, 3 * 3600).worst } else { typical.worst };
        let create = Expected { worst, ..typical };
        Durations { create, update: typical, delete: typical }
    }

    async fn sweep(ctx: &SweepCtx) -> Result<Vec<Live<Self>>, Error> {
        let all = every_link(ctx).await?;
        // The others are parts of their file systems.
        let own = all.iter().filter(|link| ctx.takes(&link.tags) && !link.tags.contains_key(tags::PART));
        Ok(own.map(|link| live(ctx, link)).collect())
    }

    async fn create(&self, ctx: &Ctx, _: Option<&Live<Self>>) -> Result<Id, Error> {
        let (repository, file_system) = (&self.repository(), self.file_system.id()?);
        let target = &repository.target()?;
        let params = json!({ "file_system": file_system, "target": target, "repository": repository });
        let ids = ctx
            .call(&CREATE, "", &params, |attempt| async move {
                repository.link(ctx, file_system, target, attempt).await.map_err(|error| match error.class {
                    // Another link of the file system is being made: that does not take long.
                    ErrorClass::WrongState => Error { class: ErrorClass::NotVisibleYet, ..error },
                    _ => error,
                })
            })
            .await?;
        ec2::only(ids, "the id of a data repository association")
    }

    async fn update(want: &Self, ctx: &Ctx, live: &Live<Self>, changes: &Changes) -> Result<(), Error> {
        if changes.touches("import") || changes.touches("export") {
            let call = ctx.aws.fsx().update_data_repository_association().association_id(&live.id);
            call.s3(want.repository().policies()).send().await.map_err(request::busy)?;
        }
        Ok(())
    }

    async fn delete(ctx: &Ctx, live: &Live<Self>) -> Result<(), Error> {
        let call = ctx.aws.fsx().delete_data_repository_association().association_id(&live.id);
        gone(call.delete_data_in_file_system(false).send().await.map_err(request::busy))
    }

    async fn lookup(ctx: &SweepCtx, by: &Lookup) -> Result<Vec<Live<Self>>, Error> {
        let matches = |link: &&Link| match by {
            Lookup::Id(id) => link.id == *id,
            Lookup::Name(name) => link.tags.get("Name") == Some(name),
            Lookup::Tags(wanted) => wanted.iter().all(|(k, v)| link.tags.get(k) == Some(v)),
        };
        Ok(links(ctx, None).await?.iter().filter(matches).map(|link| live(ctx, link)).collect())
    }
}

impl DataRepositoryAssociation {
    /// As a file system would have it in its own list.
    pub(crate) fn repository(&self) -> Repository {
        Repository {
            path: self.path.clone(),
            bucket: self.bucket.clone(),
            prefix: self.prefix.clone(),
            import: self.import.clone(),
            export: self.export.clone(),
            import_metadata_on_create: self.import_metadata_on_create,
        }
    }
}

fn live(ctx: &SweepCtx, link: &Link) -> Live<DataRepositoryAssociation> {
    let Repository { path, bucket, prefix, import, export, import_metadata_on_create } = link.repository.clone();
    let (id, scope) = (&link.id, &ctx.scope);
    let arn =
        format!("arn:{}:fsx:{}:{}:association/{}/{id}", scope.partition, scope.region, scope.account, link.file_system);
    let outputs = ec2::outputs([("id", json!(id)), ("arn", json!(arn)), ("path", json!(path))]);
    let file_system = Ref::to_id(&link.file_system);
    let spec =
        DataRepositoryAssociation { file_system, path, bucket, prefix, import, export, import_metadata_on_create };
    let mut live = Live::new(ctx.address(id, &link.tags), id, link.tags.clone(), spec);
    (live.outputs, live.ids) = (outputs, vec![arn]);
    live.state = match link.state {
        Life::Creating | Life::Updating => State::Pending,
        Life::Deleting => State::Deleting,
        Life::Failed => State::Failed(link.why.clone()),
        Life::Misconfigured => State::Degraded(format!("it is misconfigured: {}", link.why)),
        _ => State::Ready,
    };
    live
}
