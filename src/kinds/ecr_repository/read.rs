//! Repositories as ECR shows them, and how they are found by their names.
use super::{EcrRepository, TagMutability, lifecycle::Lifecycle};
use crate::{
    address::Address,
    aws::{Error, optional, tags::Tags},
    call::SweepCtx,
    field::Field,
    kinds::{
        named::{self, Named},
        policy::Policy,
    },
    resource::Live,
};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

/// As DescribeRepositories shows it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::kinds) struct Repository {
    repository_arn: String,
    repository_name: String,
    repository_uri: String,
    created_at: Option<f64>,
    image_tag_mutability: Option<String>,
    image_scanning_configuration: Option<Scanning>,
    encryption_configuration: Option<Encryption>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Scanning {
    #[serde(default)]
    scan_on_push: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Encryption {
    kms_key: Option<String>,
}

/// As DescribeImages shows it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Image {
    pub(super) image_size_in_bytes: Option<u64>,
}

impl Named for EcrRepository {
    type Found = Repository;
    const WHAT: &'static str = "the repository";

    fn legal(name: &str) -> bool {
        let joins = |run: &str| matches!(run, "." | "_" | "__") || run.chars().all(|c| c == '-');
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let word = |word: &str| {
            let mut runs = word.split(plain).filter(|run| !run.is_empty());
            word.starts_with(plain) && word.ends_with(plain) && runs.all(joins)
        };
        (2..=256).contains(&name.len()) && name.split('/').all(word)
    }

    fn name_in(id: &str) -> &str {
        id.split_once(":repository/").map_or(id, |(_, name)| name)
    }

    fn name(found: &Repository) -> &str {
        &found.repository_name
    }

    /// ECR cannot be asked for a prefix.
    async fn list(ctx: &SweepCtx, prefix: &str) -> Result<Vec<Repository>, Error> {
        let (input, names) = (json!({ "maxResults": 1000 }), ("repositories", "nextToken"));
        let mut found: Vec<Repository> = ctx.aws.ecr().pages("DescribeRepositories", input, names).await?;
        found.retain(|it| it.repository_name.starts_with(prefix));
        Ok(found)
    }

    async fn get(ctx: &SweepCtx, name: &str) -> Result<Option<Repository>, Error> {
        let (input, names) = (json!({ "repositoryNames": [name] }), ("repositories", "nextToken"));
        let found: Option<Vec<_>> = optional(ctx.aws.ecr().pages("DescribeRepositories", input, names).await)?;
        Ok(found.and_then(|found| found.into_iter().next()))
    }

    async fn tags(ctx: &SweepCtx, found: &Repository) -> Result<Option<Tags>, Error> {
        named::tags_by_arn::<Self>(ctx, &found.repository_arn).await
    }

    async fn live(ctx: &SweepCtx, found: Repository, at: Address, tags: Tags) -> Result<Option<Live<Self>>, Error> {
        let name = &found.repository_name;
        let mutability = found.image_tag_mutability.as_deref().unwrap_or("MUTABLE");
        // Not found means that there is none, or no repository any more, which the next look tells.
        let text = async |action, field: &str| {
            let told: Option<Value> = optional(ctx.aws.ecr().call(action, &json!({ "repositoryName": name })).await)?;
            Ok::<_, Error>(told.and_then(|told| told[field].as_str().map(str::to_owned)))
        };
        let lifecycle = text("GetLifecyclePolicy", "lifecyclePolicyText").await?;
        let policy = text("GetRepositoryPolicy", "policyText").await?;
        let spec = Self {
            name: Some(name.clone()),
            tag_mutability: match mutability {
                "IMMUTABLE" => TagMutability::Immutable,
                _ => TagMutability::Mutable,
            },
            scan_on_push: found.image_scanning_configuration.is_some_and(|scanning| scanning.scan_on_push),
            kms_key: found.encryption_configuration.and_then(|it| it.kms_key).map(Field::Known),
            lifecycle: lifecycle.as_deref().map(Lifecycle::parse).transpose()?,
            policy: policy.as_deref().map(Policy::parse).transpose()?,
        };
        let mut live = named::live(at, name, found.repository_arn, tags, spec);
        live.outputs.insert("uri", json!(found.repository_uri));
        live.created = found.created_at.and_then(|at| Timestamp::from_millisecond((at * 1000.0) as i64).ok());
        if !["MUTABLE", "IMMUTABLE"].contains(&mutability) {
            live.novel.insert("tag_mutability".to_owned(), mutability.to_owned());
        }
        Ok(Some(live))
    }
}
