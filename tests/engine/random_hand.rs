//! What somebody with the console does to objects of a stack. AWS may refuse; then nothing happened.
use crate::stage::Stage;
use aws_sdk_ec2::types::{AttributeBooleanValue, Tag};
use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use dlinfra_sandbox::StoredObject;

/// The nth live object of the stack, in the order of kinds and ids.
fn nth(stage: &Stage, n: u8) -> Option<StoredObject> {
    let all = stage.sandbox.objects().into_iter();
    let ours: Vec<_> = all.filter(|o| o.is_live() && o.tags.contains_key("dlinfra:stack")).collect();
    let at = usize::from(n).checked_rem(ours.len())?;
    ours.into_iter().nth(at)
}

/// Deletes it, if AWS lets that happen.
pub(crate) async fn delete(stage: &Stage, n: u8) {
    let Some(object) = nth(stage, n) else { return };
    let aws = stage.aws().await;
    let (ec2, iam, id) = (aws.ec2(), aws.iam(), object.id.as_str());
    match object.kind.as_str() {
        "ec2/instance" => drop(ec2.terminate_instances().instance_ids(id).send().await),
        "ec2/subnet" => drop(ec2.delete_subnet().subnet_id(id).send().await),
        "ec2/security-group" => drop(ec2.delete_security_group().group_id(id).send().await),
        "ec2/nat-gateway" => drop(ec2.delete_nat_gateway().nat_gateway_id(id).send().await),
        "ec2/elastic-ip" => drop(ec2.release_address().allocation_id(id).send().await),
        "ec2/vpc" => drop(ec2.delete_vpc().vpc_id(id).send().await),
        "ec2/internet-gateway" => {
            let found = ec2.describe_internet_gateways().internet_gateway_ids(id).send().await;
            for gateway in found.ok().and_then(|out| out.internet_gateways).unwrap_or_default() {
                for vpc in gateway.attachments().iter().filter_map(|a| a.vpc_id()) {
                    drop(ec2.detach_internet_gateway().internet_gateway_id(id).vpc_id(vpc).send().await);
                }
            }
            drop(ec2.delete_internet_gateway().internet_gateway_id(id).send().await);
        }
        "iam/role" | "iam/instance-profile" => {
            drop(iam.remove_role_from_instance_profile().instance_profile_name(id).role_name(id).send().await);
            match object.kind.as_str() {
                "iam/role" => drop(iam.delete_role().role_name(id).send().await),
                _ => drop(iam.delete_instance_profile().instance_profile_name(id).send().await),
            }
        }
        "s3/bucket" => drop(aws.s3().delete_bucket().bucket(id).send().await),
        // Disks and interfaces go with their instance.
        _ => {}
    }
}

/// Changes it: another owner in its tags, and something of its own.
pub(crate) async fn change(stage: &Stage, n: u8) {
    let Some(object) = nth(stage, n) else { return };
    let aws = stage.aws().await;
    let (ec2, id) = (aws.ec2(), object.id.as_str());
    let on = |on: bool| AttributeBooleanValue::builder().value(on).build();
    match object.kind.as_str() {
        "ec2/subnet" => {
            drop(ec2.modify_subnet_attribute().subnet_id(id).map_public_ip_on_launch(on(true)).send().await);
        }
        "ec2/vpc" => drop(ec2.modify_vpc_attribute().vpc_id(id).enable_dns_hostnames(on(false)).send().await),
        "ec2/security-group" => {
            let open = ec2.authorize_security_group_ingress().group_id(id).ip_protocol("tcp");
            drop(open.from_port(22).to_port(22).cidr_ip("0.0.0.0/0").send().await);
        }
        "iam/role" => drop(aws.iam().update_role().role_name(id).max_session_duration(7200).send().await),
        "s3/bucket" => {
            let how = VersioningConfiguration::builder().status(BucketVersioningStatus::Suspended).build();
            drop(aws.s3().put_bucket_versioning().bucket(id).versioning_configuration(how).send().await);
        }
        _ => {}
    }
    if object.kind.starts_with("ec2/") {
        let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
        let tags = [tag("dlinfra:owner", "somebody"), tag("Color", "blue")];
        drop(ec2.create_tags().resources(id).set_tags(Some(tags.to_vec())).send().await);
    }
}
