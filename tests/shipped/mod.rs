//! The blueprints that belong to the repository, whatever else a user's runs and drafts leave in the folder.
use std::path::{Path, PathBuf};

/// Every blueprint of `blueprints/`, by name. A new one is added here; `every_shipped_blueprint_is_tested` says so.
pub(crate) const BLUEPRINTS: [&str; 8] = [
    "cpu-smoke.yaml",
    "efa-training.yaml",
    "endpoint-async.yaml",
    "endpoint-components.yaml",
    "endpoint-serverless.yaml",
    "endpoint.yaml",
    "gpu-dev-box.yaml",
    "llm-on-ec2.yaml",
];

/// Their paths.
pub(crate) fn blueprints() -> impl Iterator<Item = PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("blueprints");
    BLUEPRINTS.iter().map(move |name| folder.join(name))
}
