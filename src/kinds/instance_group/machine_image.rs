//! From what an author calls an image to the `ami-` id and root device that a launch needs.
use crate::{
    aws::{Error, ErrorClass, optional},
    call::Ctx,
    catalog::{self, Arch, image},
    resource::NamedImage,
};

/// An image as a launch needs it.
pub(super) struct MachineImage {
    pub(super) id: String,
    pub(super) root_device: String,
}

/// A name whose meaning moves on, for the processor of a type; nothing for an `ami-` id.
pub(super) fn named(name: &str, instance_type: &str) -> Option<NamedImage> {
    let arch = catalog::instance_type(instance_type).map_or(Arch::X86, |t| t.arch);
    let shown = if name.starts_with('/') { name.to_owned() } else { format!("{name}/{arch}") };
    (!name.starts_with("ami-")).then(|| NamedImage { name: shown, parameters: parameters(name, arch) })
}

fn parameters(name: &str, arch: Arch) -> Vec<String> {
    match name.starts_with('/') {
        true => vec![name.to_owned()],
        false => image::image(name).map(|i| i.parameters(arch)).unwrap_or_default(),
    }
}

/// The `ami-` id that a name stands for now.
pub(super) async fn resolve(ctx: &Ctx, name: &str, instance_type: &str) -> Result<String, Error> {
    if name.starts_with("ami-") {
        return Ok(name.to_owned());
    }
    let arch = catalog::instance_type(instance_type).map_or(Arch::X86, |t| t.arch);
    let candidates = parameters(name, arch);
    for parameter in &candidates {
        if let Some(id) = optional(ctx.aws.parameter(parameter).await)? {
            return Ok(id);
        }
    }
    let tried = if candidates.is_empty() { "nothing to try".to_owned() } else { candidates.join(", ") };
    let message = format!("no image `{name}` for {arch} in {} (tried: {tried})", ctx.scope.region);
    Err(Error::new(ErrorClass::Invalid, message)
        .help("AWS renames its parameters: write the `ami-` id, or the parameter's path, as `image`"))
}

/// What EC2 says about an image.
pub(super) async fn describe(ctx: &Ctx, id: String) -> Result<MachineImage, Error> {
    let out = ctx.aws.ec2().describe_images().image_ids(&id).send().await?;
    let image = out.images.unwrap_or_default().into_iter().next();
    let missing = || {
        Error::new(ErrorClass::NotFound, format!("the image {id} is not in {}", ctx.scope.region))
            .help("images belong to one region, and AWS withdraws old builds: write another `image`")
    };
    let root_device = image.ok_or_else(missing)?.root_device_name;
    Ok(MachineImage { root_device: root_device.ok_or_else(|| Error::missing("the image's root device"))?, id })
}
