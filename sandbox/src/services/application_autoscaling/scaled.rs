//! What has a count that scales: the instances of a variant, or the copies of an inference component.

use super::refused;
use crate::services::prelude::*;
use crate::services::sagemaker;
use crate::store::World;

/// A resource as its id says it.
pub(super) enum Scaled<'a> {
    Variant(&'a str, &'a str),
    Component(&'a str),
}

const INSTANCES: &str = "sagemaker:variant:DesiredInstanceCount";
const COPIES: &str = "sagemaker:inference-component:DesiredCopyCount";

impl<'a> Scaled<'a> {
    /// `endpoint/E/variant/V` or `inference-component/C`.
    pub(super) fn parse(resource: &'a str) -> Option<Self> {
        let variant = || resource.strip_prefix("endpoint/")?.split_once("/variant/");
        let component = || resource.strip_prefix("inference-component/").map(Self::Component);
        variant().map(|(endpoint, variant)| Self::Variant(endpoint, variant)).or_else(component)
    }

    pub(super) fn dimension(&self) -> &'static str {
        match self {
            Self::Variant(..) => INSTANCES,
            Self::Component(_) => COPIES,
        }
    }

    /// How many there are, or shall be; nothing where there is no such resource.
    pub(super) fn count(&self, world: &World, region: &str) -> Option<i64> {
        match self {
            Self::Variant(endpoint, variant) => sagemaker::capacity(world, region, endpoint, variant),
            Self::Component(name) => sagemaker::copies(world, region, name),
        }
    }

    pub(super) fn is_changing(&self, world: &World, region: &str) -> bool {
        match self {
            Self::Variant(endpoint, _) => sagemaker::is_changing(world, region, endpoint),
            Self::Component(name) => {
                world.get::<sagemaker::Component>(region, name).is_some_and(|it| it.status != "InService")
            }
        }
    }

    pub(super) fn resize(&self, world: &mut World, region: &str, now: Timestamp, count: i64) {
        match self {
            Self::Variant(endpoint, variant) => sagemaker::resize(world, region, now, endpoint, variant, count),
            Self::Component(name) => sagemaker::give(world, region, now, name, count),
        }
    }

    /// The dimensions of what is measured of it.
    pub(super) fn measured(&self) -> Vec<(&'static str, &'a str)> {
        match self {
            Self::Variant(endpoint, variant) => vec![("EndpointName", *endpoint), ("VariantName", *variant)],
            Self::Component(name) => vec![("InferenceComponentName", *name)],
        }
    }
}

/// The resource that a request names.
pub(super) fn resource(call: &mut Call<'_>) -> Result<String, ApiError> {
    let (space, resource) = (call.params.text("ServiceNamespace")?, call.params.text("ResourceId")?);
    let dimension = call.params.text("ScalableDimension")?;
    if space != "sagemaker" || ![INSTANCES, COPIES].contains(&dimension.as_str()) {
        return Err(ApiError::not_implemented(format!("{dimension} of {space}")));
    }
    match Scaled::parse(&resource) {
        Some(it) if it.dimension() == dimension => Ok(resource),
        _ => Err(refused("ResourceId does not go with ScalableDimension")),
    }
}

/// The dimension of a resource that is registered.
pub(super) fn dimension(resource: &str) -> &'static str {
    Scaled::parse(resource).map_or(INSTANCES, |it| it.dimension())
}
