//! Images: manifests that are pushed under a tag, listed, and removed.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use super::{named, seen, unfit};
use crate::services::prelude::*;
use crate::wire::params::Params;

pub(super) const OPERATIONS: &[Operation] = &[
    write("PutImage", put),
    read("DescribeImages", describe),
    read("ListImages", list),
    write("BatchDeleteImage", delete),
];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Image {
    digest: String,
    pushed: Timestamp,
    media_type: String,
    bytes: u64,
    tags: BTreeSet<String>,
}

/// What the layers and the configuration of a manifest take.
fn size(manifest: &Value) -> u64 {
    let layers = manifest["layers"].as_array().into_iter().flatten().chain([&manifest["config"]]);
    layers.filter_map(|layer| layer["size"].as_u64()).sum()
}

fn put(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (mut repository, text) = (named(call)?, call.params.text("imageManifest")?);
    let (tag, said) = (call.params.text_opt("imageTag")?, call.params.text_opt("imageManifestMediaType")?);
    let stated = call.params.text_opt("imageDigest")?;
    let manifest: Value =
        serde_json::from_str(&text).map_err(|_| unfit(call, "ImageManifest", "Invalid JSON syntax"))?;
    let media_type = said.or_else(|| manifest["mediaType"].as_str().map(str::to_owned));
    let media_type =
        media_type.ok_or_else(|| call.invalid("image manifest mediatype not provided in manifest or parameter"))?;
    let hex: String = Sha256::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect();
    let digest = format!("sha256:{hex}");
    if stated.is_some_and(|stated| stated != digest) {
        let message = format!("The calculated digest {digest} is not the one that was given.");
        return Err(ApiError::bad("ImageDigestDoesNotMatchException", message));
    }
    if let Some(tag) = &tag {
        let old = repository.images.values().find(|image| image.tags.contains(tag));
        if old.is_some_and(|old| old.digest == digest) {
            let message = format!(
                "Image with digest '{digest}' and tag '{tag}' already exists in the repository with name '{}' in \
                 registry with id '{}'",
                repository.name,
                call.account()
            );
            return Err(ApiError::bad("ImageAlreadyExistsException", message));
        }
        if old.is_some() && repository.mutability == "IMMUTABLE" {
            let message = format!(
                "The image tag '{tag}' already exists in the '{}' repository and cannot be overwritten because the \
                 repository is immutable.",
                repository.name
            );
            return Err(ApiError::bad("ImageTagAlreadyExistsException", message));
        }
        repository.images.values_mut().for_each(|image| image.tags.retain(|it| it != tag));
    }
    let (pushed, bytes, tags) = (call.now, size(&manifest), BTreeSet::new());
    let new = Image { digest: digest.clone(), pushed, media_type: media_type.clone(), bytes, tags };
    repository.images.entry(digest.clone()).or_insert(new).tags.extend(tag.clone());
    let image = json!({
        "registryId": call.account(), "repositoryName": repository.name, "imageManifest": text,
        "imageManifestMediaType": media_type, "imageId": {"imageDigest": digest, "imageTag": tag},
    });
    call.put(repository);
    Ok(Reply::json(json!({"image": image})))
}

/// An image by its digest, its tag, or both.
#[derive(Debug, Clone)]
struct Named {
    digest: Option<String>,
    tag: Option<String>,
}

impl Named {
    fn take(mut params: Params) -> Result<Self, ApiError> {
        Ok(Self { digest: params.text_opt("imageDigest")?, tag: params.text_opt("imageTag")? })
    }

    fn is(&self, image: &Image) -> bool {
        self.digest.as_ref().is_none_or(|it| *it == image.digest)
            && self.tag.as_ref().is_none_or(|it| image.tags.contains(it))
            && (self.digest.is_some() || self.tag.is_some())
    }

    fn shown(&self) -> Value {
        json!({"imageDigest": self.digest, "imageTag": self.tag})
    }
}

fn wanted(call: &mut Call<'_>) -> Result<Vec<Named>, ApiError> {
    call.params.structs("imageIds")?.into_iter().map(Named::take).collect()
}

/// Which images a filter lets through: those with tags, those without.
fn status(call: &mut Call<'_>) -> Result<[bool; 2], ApiError> {
    let said = call.params.child_opt("filter")?.map(|mut filter| filter.text_opt("tagStatus")).transpose()?.flatten();
    Ok([said.as_deref() != Some("UNTAGGED"), said.as_deref() != Some("TAGGED")])
}

fn describe(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (repository, named, [tagged, untagged]) = (seen(call)?, wanted(call)?, status(call)?);
    let page = Page::take(call, 100)?;
    if let Some(none) = named.iter().find(|it| !repository.images.values().any(|image| it.is(image))) {
        let message = format!(
            "The image with imageId {} does not exist within the repository with name '{}' in the registry with id '{}'",
            none.shown(),
            repository.name,
            call.account()
        );
        return Err(ApiError::bad("ImageNotFoundException", message));
    }
    let found = repository.images.values().filter(|image| {
        (named.is_empty() || named.iter().any(|it| it.is(image)))
            && if image.tags.is_empty() { untagged } else { tagged }
    });
    let shown = |image: &&Image| {
        json!({
            "registryId": call.account(), "repositoryName": repository.name, "imageDigest": image.digest,
            "imageTags": (!image.tags.is_empty()).then_some(&image.tags), "imageSizeInBytes": image.bytes,
            "imagePushedAt": image.pushed.as_second(), "imageManifestMediaType": image.media_type,
        })
    };
    Ok(page.reply(found, |image| &image.digest, shown))
}

fn list(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (repository, [tagged, untagged]) = (seen(call)?, status(call)?);
    let page = Page::take(call, 100)?;
    let mut found = Vec::new();
    for image in repository.images.values() {
        let id = |tag: Option<&String>| json!({"imageDigest": image.digest, "imageTag": tag});
        if image.tags.is_empty() && untagged {
            found.push((image.digest.clone(), id(None)));
        }
        let tags = image.tags.iter().filter(|_| tagged);
        found.extend(tags.map(|tag| (format!("{} {tag}", image.digest), id(Some(tag)))));
    }
    Ok(page.reply(&found, |(key, _)| key, |(_, id)| id.clone()))
}

fn delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (mut repository, named) = (named(call)?, wanted(call)?);
    let (mut gone, mut failures) = (Vec::new(), Vec::new());
    for it in named {
        let found = repository.images.values_mut().find(|image| it.is(image));
        let Some(image) = found else {
            let why = "Requested image not found";
            failures.push(json!({"imageId": it.shown(), "failureCode": "ImageNotFound", "failureReason": why}));
            continue;
        };
        let digest = image.digest.clone();
        // By a tag alone only the tag goes, and with the last one the image.
        let whole = it.digest.is_some() || image.tags.len() == 1;
        let tags: Vec<String> =
            image.tags.iter().filter(|tag| whole || it.tag.as_ref() == Some(*tag)).cloned().collect();
        image.tags.retain(|tag| !tags.contains(tag));
        if whole {
            repository.images.remove(&digest);
        }
        gone.extend(tags.iter().map(|tag| json!({"imageDigest": digest, "imageTag": tag})));
        if tags.is_empty() {
            gone.push(json!({"imageDigest": digest}));
        }
    }
    call.put(repository);
    Ok(Reply::json(json!({"imageIds": gone, "failures": failures})))
}
