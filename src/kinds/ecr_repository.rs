//! ecr-repository: where images of containers are kept, for how long, and who may pull them.
mod check;
mod lifecycle;
mod read;

use lifecycle::Lifecycle;

use crate::{
    aws::{Error, gone, optional, tags},
    call::{Ctx, SweepCtx},
    field::Field,
    kinds::{named, policy::Policy},
    price::{PriceContext, PriceLine, storage},
    resource::{
        About, Call, Changes, Class, DefaultValue, Discovery, Durations, Gone, HoldsData, Id, Live, Lookup, NameRule,
        Output, Problem, Quota, Resource,
    },
    units::{Size, grouped},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::{Value, json};

/// A private repository of Elastic Container Registry: the images of one name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EcrRepository {
    /// Its name, such as `training/llm`; without one, the stack's and its own with ten characters more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// May a tag be given to another image later? `immutable` refuses that: what is pulled by a tag is always the same.
    #[serde(default)]
    pub tag_mutability: TagMutability,
    /// Is each image that is pushed searched for known vulnerabilities? ECR's basic scanning costs nothing.
    #[serde(default = "yes")]
    pub scan_on_push: bool,
    /// The ARN of the KMS key that encrypts the images; without it, ECR's own encryption (AES-256).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<Field<String>>,
    /// Which images go by themselves; all are kept without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifecycle: Option<Lifecycle>,
    /// Who beside this account's own policies may pull and push, in AWS's policy language; without `Resource`, which is
    /// this repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Policy>,
}

/// What may become of the tags of images.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TagMutability {
    /// A push moves a tag to another image.
    #[default]
    Mutable,
    /// A push under a tag that exists is refused.
    Immutable,
}

impl TagMutability {
    fn aws(self) -> &'static str {
        match self {
            Self::Mutable => "MUTABLE",
            Self::Immutable => "IMMUTABLE",
        }
    }
}

fn yes() -> bool {
    true
}

const CREATE: Call = Call::new("ecr:CreateRepository", Class::Name);
const RULE: NameRule = NameRule { max: 256, extra: "-", lower: true };

impl Resource for EcrRepository {
    const KIND: &'static str = "ecr-repository";
    const ABOUT: About = About {
        codes: check::CODES,
        outputs: &[
            Output { name: "name", ty: "string", doc: "the repository's name" },
            Output { name: "arn", ty: "string", doc: "the repository's ARN" },
            Output { name: "uri", ty: "string", doc: "what images are pushed to and pulled from, without a tag" },
        ],
        // Which key encrypts is said once, when a repository is made.
        fixed: &["name", "kms_key"],
        discovery: Discovery::Prefix,
        tagger: &tags::ECR,
        terraform: "aws_ecr_repository",
        calls: &[CREATE],
        name: Some(RULE),
        iam: &[
            "ecr:CreateRepository",
            "ecr:DescribeRepositories",
            "ecr:DescribeImages",
            "ecr:PutImageTagMutability",
            "ecr:PutImageScanningConfiguration",
            "ecr:GetLifecyclePolicy",
            "ecr:PutLifecyclePolicy",
            "ecr:DeleteLifecyclePolicy",
            "ecr:GetRepositoryPolicy",
            "ecr:SetRepositoryPolicy",
            "ecr:DeleteRepositoryPolicy",
            "ecr:ListTagsForResource",
            "ecr:TagResource",
            "ecr:UntagResource",
            "ecr:DeleteRepository",
        ],
        quotas: &[Quota { code: "L-CFEB8E8D", name: "Registered repositories" }],
        prices: "ecr",
        defaults: &[
            ("kms_key", DefaultValue::Nothing),
            ("lifecycle", DefaultValue::Nothing),
            ("policy", DefaultValue::Nothing),
        ],
        durations: Some(Durations::quick(2, 2, 2)),
        gone: Gone::AtOnce,
        stand_in: r#"{}"#,
        ..About::new("A repository of ECR: images of containers, how long they are kept, and who may pull them")
    };

    fn summary(&self) -> String {
        let tags = if self.tag_mutability == TagMutability::Immutable { "immutable tags" } else { "mutable tags" };
        self.lifecycle.as_ref().map_or(format!("{tags}, all images kept"), |kept| format!("{tags}, {kept}"))
    }

    fn check(&self, problems: &mut Vec<Problem>) {
        check::check(self, problems);
    }

    fn normalize(&mut self) {
        if let Some(lifecycle) = &mut self.lifecycle {
            lifecycle.normalize();
        }
        if let Some(policy) = &mut self.policy {
            policy.normalize();
        }
    }

    fn price(&self, ctx: &PriceContext<'_>) -> Vec<PriceLine> {
        storage::images(ctx)
    }

    async fn sweep(ctx: &SweepCtx) -> Result<Vec<Live<Self>>, Error> {
        named::sweep(ctx).await
    }

    async fn create(&self, ctx: &Ctx, _: Option<&Live<Self>>) -> Result<Id, Error> {
        let name = &self.name.clone().unwrap_or_else(|| ctx.name(&RULE, ""));
        let encryption = match &self.kms_key {
            Some(key) => json!({ "encryptionType": "KMS", "kmsKey": key.get()? }),
            None => json!({ "encryptionType": "AES256" }),
        };
        let encryption = &encryption;
        named::create::<Self, _, _>(ctx, &CREATE, name, self, |attempt| async move {
            let input = json!({
                "repositoryName": name, "tags": tags::pairs(&attempt.tags), "encryptionConfiguration": encryption,
                "imageTagMutability": self.tag_mutability.aws(),
                "imageScanningConfiguration": { "scanOnPush": self.scan_on_push },
            });
            ctx.aws.ecr().once::<IgnoredAny>("CreateRepository", &input).await.map(drop)
        })
        .await
    }

    async fn update(want: &Self, ctx: &Ctx, live: &Live<Self>, changes: &Changes) -> Result<(), Error> {
        let call = async |action, mut input: Value| {
            input["repositoryName"] = json!(live.id);
            ctx.aws.ecr().call::<IgnoredAny>(action, &input).await.map(drop)
        };
        if changes.touches("tag_mutability") {
            call("PutImageTagMutability", json!({ "imageTagMutability": want.tag_mutability.aws() })).await?;
        }
        if changes.touches("scan_on_push") {
            let scanning = json!({ "imageScanningConfiguration": { "scanOnPush": want.scan_on_push } });
            call("PutImageScanningConfiguration", scanning).await?;
        }
        if changes.touches("lifecycle") {
            match &want.lifecycle {
                Some(rules) => call("PutLifecyclePolicy", json!({ "lifecyclePolicyText": rules.text() })).await?,
                None => gone(call("DeleteLifecyclePolicy", json!({})).await)?,
            }
        }
        if !changes.touches("policy") {
            return Ok(());
        }
        let Some(policy) = &want.policy else { return gone(call("DeleteRepositoryPolicy", json!({})).await) };
        match call("SetRepositoryPolicy", json!({ "policyText": policy.text() })).await {
            Err(e) => Err(policy.refused(ctx, e).await),
            done => done,
        }
    }

    /// The engine has asked what is in it, and whether that may be lost: only then images go too.
    async fn delete(ctx: &Ctx, live: &Live<Self>) -> Result<(), Error> {
        let remove = async |force: bool| {
            let input = json!({ "repositoryName": live.id, "force": force });
            gone(ctx.aws.ecr().call::<IgnoredAny>("DeleteRepository", &input).await)
        };
        match remove(false).await {
            Err(e) if e.is("RepositoryNotEmptyException") => remove(true).await,
            done => done,
        }
    }

    async fn lookup(ctx: &SweepCtx, by: &Lookup) -> Result<Vec<Live<Self>>, Error> {
        named::lookup(ctx, by).await
    }
}

impl HoldsData for EcrRepository {
    fn holds_data(&self) -> bool {
        true
    }

    async fn contents(ctx: &SweepCtx, live: &Live<Self>) -> Result<Option<String>, Error> {
        let input = json!({ "repositoryName": live.id, "maxResults": 1000 });
        let images = ctx.aws.ecr().pages("DescribeImages", input, ("imageDetails", "nextToken")).await;
        let images: Vec<read::Image> = optional(images)?.unwrap_or_default();
        let count = images.len() as u64;
        let size = Size::from_bytes(images.iter().filter_map(|image| image.image_size_in_bytes).sum());
        let several = if count == 1 { "" } else { "s" };
        Ok((count > 0).then(|| format!("{} image{several}, {}", grouped(count), size.rough())))
    }
}
