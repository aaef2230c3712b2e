//! Named machine images: the public SSM parameters that hold their ids.
//!
//! AWS publishes only the latest id of an image; a plan resolves it once and records the `ami-` id. Parameter names have
//! changed over time, so each image has candidates, tried in order.

use super::instance::{Arch, Driver, InstanceType};

/// A machine image that authors may name instead of an `ami-` id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The name, such as `dlami-base-ubuntu-24.04`.
    pub name: String,
    /// What it is, in words.
    pub description: String,
    /// The user to log in as.
    pub user: &'static str,
    /// The driver that it carries.
    pub driver: Driver,
    templates: Vec<String>,
    architectures: &'static [Arch],
}

const BOTH: &[Arch] = &[Arch::X86, Arch::Arm];
const X86: &[Arch] = &[Arch::X86];

/// Every named image in order of its name.
#[must_use]
pub fn images() -> Vec<Image> {
    let mut images = vec![
        plain(
            "al2023",
            "Amazon Linux 2023",
            "ec2-user",
            &["/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-{arch}"],
        ),
        plain(
            "ubuntu-22.04",
            "Ubuntu 22.04 LTS",
            "ubuntu",
            &["/aws/service/canonical/ubuntu/server/22.04/stable/current/{debian-arch}/hvm/ebs-gp2/ami-id"],
        ),
        plain(
            "ubuntu-24.04",
            "Ubuntu 24.04 LTS",
            "ubuntu",
            &["/aws/service/canonical/ubuntu/server/24.04/stable/current/{debian-arch}/hvm/ebs-gp3/ami-id"],
        ),
    ];
    for system in ["ubuntu-22.04", "ubuntu-24.04", "al2023"] {
        // The guide's own example lacks `-gpu`; newer parameters have it.
        let types = [
            format!("base-oss-nvidia-driver-gpu-{}", long(system)),
            format!("base-oss-nvidia-driver-{}", long(system)),
        ];
        images.push(deep_learning(
            &format!("dlami-base-{system}"),
            "driver, CUDA, EFA, no framework",
            system,
            &types,
            BOTH,
        ));
    }
    for system in ["ubuntu-22.04", "ubuntu-24.04"] {
        let types = [format!("base-with-single-cuda-{system}")];
        images.push(deep_learning(&format!("dlami-cuda-{system}"), "driver, one CUDA, EFA", system, &types, X86));
    }
    let pytorch: &[(&str, &str, &[Arch])] = &[
        ("2.7", "ubuntu-22.04", BOTH),
        ("2.8", "ubuntu-24.04", BOTH),
        ("2.8", "al2023", BOTH),
        ("2.9", "ubuntu-24.04", BOTH),
        ("2.9", "al2023", BOTH),
        ("2.10", "ubuntu-24.04", BOTH),
        ("2.10", "al2023", BOTH),
        ("2.12", "ubuntu-24.04", BOTH),
    ];
    for (version, system, architectures) in pytorch {
        let types = [format!("oss-nvidia-driver-gpu-pytorch-{version}-{}", long(system))];
        let name = format!("dlami-pytorch-{version}-{system}");
        images.push(deep_learning(&name, &format!("PyTorch {version}"), system, &types, architectures));
    }
    for system in ["ubuntu-22.04", "al2023"] {
        let types = [format!("oss-nvidia-driver-gpu-tensorflow-2.18-{}", long(system))];
        images.push(deep_learning(&format!("dlami-tensorflow-2.18-{system}"), "TensorFlow 2.18", system, &types, X86));
    }
    images.push(Image {
        name: "pcs-dlami-ubuntu-24.04".to_owned(),
        description: "Deep learning image for AWS PCS with its agent and Slurm, Ubuntu 24.04".to_owned(),
        user: "ubuntu",
        driver: Driver::Nvidia,
        templates: vec!["/aws/service/pcs/ami/dlami-base-ubuntu2404/{arch}/latest/ami-id".to_owned()],
        architectures: BOTH,
    });
    images.sort_by(|a, b| a.name.cmp(&b.name));
    images
}

fn plain(name: &str, description: &str, user: &'static str, templates: &[&str]) -> Image {
    Image {
        name: name.to_owned(),
        description: description.to_owned(),
        user,
        driver: Driver::None,
        templates: templates.iter().map(|&template| template.to_owned()).collect(),
        architectures: BOTH,
    }
}

fn deep_learning(name: &str, holds: &str, system: &str, types: &[String], architectures: &'static [Arch]) -> Image {
    let template = |kind: &String| format!("/aws/service/deeplearning/ami/{{arch}}/{kind}/latest/ami-id");
    Image {
        name: name.to_owned(),
        description: format!("Deep learning image for NVIDIA: {holds}, {system}"),
        user: if system == "al2023" { "ec2-user" } else { "ubuntu" },
        driver: Driver::Nvidia,
        templates: types.iter().map(template).collect(),
        architectures,
    }
}

fn long(system: &str) -> &str {
    if system == "al2023" { "amazon-linux-2023" } else { system }
}

/// The image with this name.
#[must_use]
pub fn image(name: &str) -> Option<Image> {
    images().into_iter().find(|image| image.name == name)
}

/// The named image nearest to `name`, for "did you mean".
#[must_use]
pub fn nearest_image(name: &str) -> Option<String> {
    let scored = images().into_iter().map(|image| (strsim::jaro_winkler(&image.name, name), image.name));
    scored.filter(|(score, _)| *score > 0.8).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name)| name)
}

impl Image {
    /// The SSM parameters that may hold its id, in the order to try; empty when it is not made for `arch`.
    #[must_use]
    pub fn parameters(&self, arch: Arch) -> Vec<String> {
        if !self.architectures.contains(&arch) {
            return Vec::new();
        }
        let debian = match arch {
            Arch::X86 => "amd64",
            Arch::Arm => "arm64",
        };
        let fill = |template: &String| template.replace("{arch}", arch.name()).replace("{debian-arch}", debian);
        self.templates.iter().map(fill).collect()
    }

    /// Why the image cannot serve an instance type, if it cannot.
    #[must_use]
    pub fn unfit_for(&self, instance: &InstanceType) -> Option<String> {
        if !self.architectures.contains(&instance.arch) {
            return Some(format!("{} is not made for {} ({})", self.name, instance.arch, instance.name));
        }
        match (self.driver, instance.driver()) {
            (Driver::Nvidia, Driver::Neuron) => {
                Some(format!("{} carries the NVIDIA driver, {} needs AWS Neuron", self.name, instance.name))
            }
            // The open kernel modules of these images need Turing or later.
            (Driver::Nvidia, Driver::Nvidia) if matches!(instance.family(), "p2" | "p3" | "p3dn") => {
                Some(format!("the open NVIDIA driver of {} does not support {}", self.name, instance.name))
            }
            _ => None,
        }
    }
}

/// The names of the images that run on a type, for "write one of".
#[must_use]
pub fn fitting(instance: &InstanceType) -> Vec<String> {
    images().into_iter().filter(|image| image.unfit_for(instance).is_none()).map(|image| image.name).collect()
}

#[cfg(test)]
mod tests {
    use super::super::instance::instance_type;
    use super::*;

    #[test]
    fn candidates_in_order() {
        assert_eq!(
            image("dlami-base-ubuntu-22.04").unwrap().parameters(Arch::X86),
            [
                "/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-ubuntu-22.04/latest/ami-id",
                "/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-ubuntu-22.04/latest/ami-id",
            ]
        );
        assert_eq!(
            image("dlami-pytorch-2.10-al2023").unwrap().parameters(Arch::X86),
            ["/aws/service/deeplearning/ami/x86_64/oss-nvidia-driver-gpu-pytorch-2.10-amazon-linux-2023/latest/ami-id",]
        );
        assert_eq!(
            image("al2023").unwrap().parameters(Arch::Arm),
            ["/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"]
        );
        assert_eq!(
            image("ubuntu-24.04").unwrap().parameters(Arch::X86),
            ["/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"]
        );
        assert!(image("dlami-cuda-ubuntu-22.04").unwrap().parameters(Arch::Arm).is_empty());
    }

    #[test]
    fn names_are_unique_and_filled() {
        let images = images();
        assert!(images.windows(2).all(|pair| pair[0].name < pair[1].name));
        for image in &images {
            assert!(
                image.architectures.iter().flat_map(|&arch| image.parameters(arch)).all(|name| !name.contains('{'))
            );
        }
    }

    #[test]
    fn fit_and_suggestions() {
        let base = image("dlami-base-ubuntu-24.04").unwrap();
        assert_eq!(base.unfit_for(instance_type("p5.48xlarge").unwrap()), None);
        assert!(base.unfit_for(instance_type("trn1.32xlarge").unwrap()).unwrap().contains("Neuron"));
        assert!(base.unfit_for(instance_type("p3.2xlarge").unwrap()).is_some());
        let cuda = image("dlami-cuda-ubuntu-22.04").unwrap();
        assert!(cuda.unfit_for(instance_type("g5g.xlarge").unwrap()).unwrap().contains("arm64"));
        assert_eq!(nearest_image("dlami-base-ubuntu-24.4").as_deref(), Some("dlami-base-ubuntu-24.04"));
    }
}
