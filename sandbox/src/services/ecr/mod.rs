//! ECR: private repositories with their settings and policies, and images by their manifests. Layers are not simulated:
//! every digest of one stands for one that was uploaded. Lifecycle policies are kept, and nothing expires.

mod images;
mod policies;
mod repositories;

use super::prelude::*;
use repositories::Repository;

pub(crate) static SERVICE: Service = Service {
    input: InputErrors::both("InvalidParameterException"),
    operations: &[repositories::OPERATIONS, policies::OPERATIONS, images::OPERATIONS, tagged::OPERATIONS],
    objects: || vec![ObjectKind::of::<Repository>()],
    no_resource: |_| ApiError::bad("RepositoryNotFoundException", "The repository does not exist."),
    ..Service::new("ecr", Protocol::AwsJson("1.1"), facts!("ecr"))
};

/// Refuses the registry of another account.
fn registry(call: &mut Call<'_>) -> Result<(), ApiError> {
    match call.params.text_opt("registryId")? {
        Some(other) if other != call.account() => Err(ApiError::not_implemented("registries of other accounts")),
        _ => Ok(()),
    }
}

/// The repository that a request changes.
fn named(call: &mut Call<'_>) -> Result<Repository, ApiError> {
    registry(call)?;
    let name = call.params.text("repositoryName")?;
    call.find::<Repository>(&name).cloned().ok_or_else(|| missing(call, &name))
}

/// The repository that a request reads.
fn seen(call: &mut Call<'_>) -> Result<Repository, ApiError> {
    registry(call)?;
    let name = call.params.text("repositoryName")?;
    call.see::<Repository>(&name).cloned().ok_or_else(|| missing(call, &name))
}

fn missing(call: &Call<'_>, name: &str) -> ApiError {
    let message =
        format!("The repository with name '{name}' does not exist in the registry with id '{}'", call.account());
    ApiError::bad("RepositoryNotFoundException", message)
}

/// A refusal of a parameter in ECR's sentence.
fn unfit(call: &Call<'_>, parameter: &str, why: &str) -> ApiError {
    call.invalid(format!("Invalid parameter at '{parameter}' failed to satisfy constraint: '{why}'"))
}

/// With name and registry, as most answers have them.
fn about(call: &Call<'_>, repository: &Repository, mut fields: Value) -> Reply {
    fields["registryId"] = json!(call.account());
    fields["repositoryName"] = json!(repository.name);
    Reply::json(fields)
}
