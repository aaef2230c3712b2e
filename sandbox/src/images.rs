//! Machine images: which public parameters exist, and the image that each stands for in a region.

use sha2::{Digest, Sha256};

/// A public image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Image {
    pub(crate) id: String,
    pub(crate) name: String,
    /// As EC2 says it: `x86_64` or `arm64`.
    pub(crate) architecture: &'static str,
    /// Smallest root volume in GiB.
    pub(crate) root_gib: i64,
    pub(crate) root_device: &'static str,
    /// The account that publishes it.
    pub(crate) owner: &'static str,
}

impl Image {
    /// The snapshot that its root volume is made from.
    pub(crate) fn snapshot(&self) -> String {
        self.id.replace("ami-", "snap-")
    }
}

/// The sandbox knows so many newer builds of each image.
const BUILDS: u32 = 3;

const DLAMI: &str = "/aws/service/deeplearning/ami";

/// The kinds of Deep Learning AMI, with the architectures in which they are published.
const DLAMI_TYPES: &[(&str, bool, bool)] = &[
    ("base-oss-nvidia-driver-gpu-ubuntu-22.04", true, true),
    ("base-oss-nvidia-driver-gpu-ubuntu-24.04", true, true),
    ("base-oss-nvidia-driver-gpu-amazon-linux-2023", true, true),
    ("base-with-single-cuda-ubuntu-22.04", true, false),
    ("base-with-single-cuda-ubuntu-24.04", true, false),
    ("oss-nvidia-driver-gpu-pytorch-2.7-ubuntu-22.04", true, true),
    ("oss-nvidia-driver-gpu-pytorch-2.8-ubuntu-24.04", true, true),
    ("oss-nvidia-driver-gpu-pytorch-2.8-amazon-linux-2023", true, true),
    ("oss-nvidia-driver-gpu-pytorch-2.9-ubuntu-24.04", true, true),
    ("oss-nvidia-driver-gpu-pytorch-2.9-amazon-linux-2023", true, true),
    ("oss-nvidia-driver-gpu-pytorch-2.10-ubuntu-24.04", true, true),
    ("oss-nvidia-driver-gpu-pytorch-2.10-amazon-linux-2023", true, true),
    ("oss-nvidia-driver-gpu-pytorch-2.12-ubuntu-24.04", true, true),
    ("oss-nvidia-driver-gpu-tensorflow-2.18-ubuntu-22.04", true, false),
    ("oss-nvidia-driver-gpu-tensorflow-2.18-amazon-linux-2023", true, false),
    ("multi-framework-oss-nvidia-driver-amazon-linux-2", true, false),
];

/// Every public parameter that holds an image id.
pub(crate) fn parameters() -> Vec<(String, &'static str)> {
    let mut out = Vec::new();
    for (name, x86, arm) in DLAMI_TYPES {
        if *x86 {
            out.push((format!("{DLAMI}/x86_64/{name}/latest/ami-id"), "x86_64"));
        }
        if *arm {
            out.push((format!("{DLAMI}/arm64/{name}/latest/ami-id"), "arm64"));
        }
    }
    for name in include_str!("../data/amazon-linux.txt").lines() {
        let arch = if name.contains("arm64") { "arm64" } else { "x86_64" };
        out.push((format!("/aws/service/ami-amazon-linux-latest/{name}"), arch));
    }
    for (arch, label) in [("x86_64", "amd64"), ("arm64", "arm64")] {
        out.push((format!("/aws/service/pcs/ami/dlami-base-ubuntu2404/{arch}/latest/ami-id"), arch));
        for release in ["22.04", "24.04"] {
            let volume = if release == "22.04" { "ebs-gp2" } else { "ebs-gp3" };
            out.push((
                format!("/aws/service/canonical/ubuntu/server/{release}/stable/current/{label}/hvm/{volume}/ami-id"),
                arch,
            ));
        }
        for version in ["1.31", "1.32", "1.33", "1.34"] {
            for variant in ["standard", "nvidia", "neuron"] {
                if variant == "neuron" && arch == "arm64" {
                    continue;
                }
                let path = "/aws/service/eks/optimized-ami";
                out.push((format!("{path}/{version}/amazon-linux-2023/{arch}/{variant}/recommended/image_id"), arch));
            }
        }
    }
    out
}

/// The image that a public parameter stands for in a region, if the sandbox knows the parameter.
pub fn ami_for(parameter: &str, region: &str) -> Option<String> {
    latest(parameter, region, 0)
}

/// The same after AWS has published so many newer builds.
pub(crate) fn latest(parameter: &str, region: &str, newer: u32) -> Option<String> {
    parameters().iter().any(|(known, _)| known == parameter).then(|| image_id(parameter, region, newer))
}

/// A known image of a region by its id.
pub(crate) fn image(id: &str, region: &str) -> Option<Image> {
    // Older builds stay for a long time.
    let is = |parameter: &str| (0..=BUILDS).any(|newer| image_id(parameter, region, newer) == id);
    let (parameter, architecture) = parameters().into_iter().find(|(parameter, _)| is(parameter))?;
    let linux_2023 = parameter.contains("amazon-linux") || parameter.contains("/eks/");
    Some(Image {
        id: id.to_owned(),
        architecture,
        root_gib: if parameter.starts_with(DLAMI) { 35 } else { 8 },
        root_device: if linux_2023 { "/dev/xvda" } else { "/dev/sda1" },
        owner: match parameter.as_str() {
            it if it.contains("/canonical/") => "099720109477",
            it if it.contains("/ami-amazon-linux-latest/") => "137112412989",
            it if it.contains("/eks/") => "602401143452",
            _ => "898082745236",
        },
        name: parameter.trim_start_matches("/aws/service/").replace('/', "-"),
    })
}

fn image_id(parameter: &str, region: &str, newer: u32) -> String {
    let build = if newer == 0 { String::new() } else { format!("#{}", newer.min(BUILDS)) };
    let digest = Sha256::digest(format!("{region}{parameter}{build}"));
    let hex: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("ami-0{hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_known_by_the_id_that_their_parameter_gives() {
        for (parameter, architecture) in parameters() {
            let id = ami_for(&parameter, "us-east-1").unwrap();
            assert_eq!(image(&id, "us-east-1").unwrap().architecture, architecture);
            assert!(image(&id, "us-west-2").is_none());
        }
        assert_eq!(ami_for("/aws/service/nothing", "us-east-1"), None);
        let al2023 = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64";
        let newer = latest(al2023, "us-east-1", 1).unwrap();
        assert_ne!(Some(&newer), ami_for(al2023, "us-east-1").as_ref());
        assert_eq!(image(&newer, "us-east-1").unwrap().architecture, "arm64");
    }
}
