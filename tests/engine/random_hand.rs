//! What somebody with the console does to objects of a stack. AWS may refuse; then nothing happened.
use crate::stage::{Stage, wire::wire};
use aws_sdk_ec2::types::{AttributeBooleanValue, ResourceType, Tag, TagSpecification};
use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use aws_smithy_runtime_api::client::{
    http::{HttpConnector, SharedHttpConnector},
    orchestrator::HttpRequest,
};
use dlinfra::{
    aws::tags::{self, Carrier, Tags},
    plan::Wanted,
};
use dlinfra_sandbox::StoredObject;
use jiff::SignedDuration;
use std::time::Duration;

/// The nth live object of the stack, in the order of kinds and ids.
pub(crate) fn nth(stage: &Stage, n: u8) -> Option<StoredObject> {
    let all = stage.sandbox.objects().into_iter();
    let ours: Vec<_> = all.filter(|o| o.is_live() && o.tags.contains_key("dlinfra:stack")).collect();
    let at = usize::from(n).checked_rem(ours.len())?;
    ours.into_iter().nth(at)
}

/// Deletes it, if AWS lets that happen.
pub(crate) async fn delete(stage: &Stage, n: u8) {
    let Some(object) = nth(stage, n) else { return };
    // With the last of them gone, people are asked whether this is the right account.
    if nth(stage, n.wrapping_add(1)).is_none_or(|next| next.id == object.id) {
        return;
    }
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

/// Takes the tags off the nth object, lets somebody apply, and sets them again. Meanwhile nothing may take its place.
pub(crate) async fn untag(stage: &Stage, wanted: &[Wanted], n: u8) -> Result<(), String> {
    let Some(object) = nth(stage, n) else { return Ok(()) };
    let id = object.id.clone();
    let carrier = match object.kind.as_str() {
        "iam/role" => Carrier::own(&tags::ROLES, &id),
        "iam/instance-profile" => Carrier::own(&tags::INSTANCE_PROFILES, &id),
        "s3/bucket" => Carrier::own(&tags::BUCKETS, &id),
        // What goes with its machine, and machines, of which a group has several.
        "ec2/volume" | "ec2/network-interface" | "ec2/instance" => return Ok(()),
        "ec2/placement-group" => Carrier::own(&tags::EC2, object.value["id"].as_str().unwrap_or(object.id.as_str())),
        _ => Carrier::own(&tags::EC2, &id),
    };
    // What was made a moment ago AWS may not show yet, and of what a killed run made nobody knows the id.
    stage.clock.sleep(Duration::from_secs(120)).await;
    let _recorded = stage.resume(wanted).await;
    let there = |o: &&StoredObject| o.kind == object.kind && o.id == object.id && o.is_live();
    let Some(object) = stage.sandbox.objects().iter().find(there).cloned() else { return Ok(()) };
    let (aws, keys): (_, Vec<String>) = (stage.aws().await, object.tags.keys().cloned().collect());
    carrier.retag(&aws, &Tags::new(), &keys).await.map_err(|e| e.to_string())?;
    stage.clock.sleep(Duration::from_secs(90)).await;
    let tried = stage.resume(wanted).await;
    let tag = |o: &StoredObject, key: &str| o.tags.get(key).cloned().unwrap_or_default();
    let place = |o: &StoredObject| (o.kind.clone(), tag(o, "dlinfra:address"), tag(o, "dlinfra:part"));
    let twin = stage.sandbox.objects().into_iter().find(|o| o.is_live() && place(o) == place(&object));
    if let Some(twin) = twin {
        return Err(format!("{} took the place of {id}, which had only lost its tags: {tried:?}", twin.id));
    }
    let proof = stage.engine().await.prove(&[]).await.map_err(|e| e.to_string())?;
    if stage.sandbox.objects().iter().any(|o| there(&o)) {
        let known = object.value.get("id").and_then(serde_json::Value::as_str).unwrap_or(&id).to_owned();
        if !proof.left.iter().any(|(_, left, ..)| *left == id || *left == known) {
            return Err(format!("the proof does not name {id}: {:?}", proof.left));
        }
        carrier.retag(&aws, &object.tags.clone().into(), &[]).await.map_err(|e| e.to_string())?;
        stage.clock.sleep(Duration::from_secs(90)).await;
    }
    Ok(())
}

/// The stack-id of somebody else's stack of the same name.
pub(crate) const STRANGER: &str = "11111111-2222-4333-8444-555555555555";

/// Somebody makes a gateway and an address with the tags of the nth object, but for the stack-id.
pub(crate) async fn stranger(stage: &Stage, n: u8) -> Vec<StoredObject> {
    // With nothing of ours in sight, nobody could tell whose stack it is.
    stage.clock.sleep(Duration::from_secs(120)).await;
    let Some(object) = nth(stage, n) else { return Vec::new() };
    let mut tags = object.tags;
    tags.insert("dlinfra:stack-id".to_owned(), STRANGER.to_owned());
    let spec = |kind: ResourceType| {
        let all = tags.iter().map(|(k, v)| Tag::builder().key(k).value(v).build()).collect();
        TagSpecification::builder().resource_type(kind).set_tags(Some(all)).build()
    };
    let aws = stage.aws().await;
    let gateway = aws.ec2().create_internet_gateway().tag_specifications(spec(ResourceType::InternetGateway));
    gateway.send().await.unwrap();
    let address = aws.ec2().allocate_address().tag_specifications(spec(ResourceType::ElasticIp));
    address.send().await.unwrap();
    stage.clock.sleep(Duration::from_secs(60)).await;
    strangers(stage)
}

pub(crate) fn strangers(stage: &Stage) -> Vec<StoredObject> {
    let theirs = |o: &StoredObject| o.tags.get("dlinfra:stack-id").is_some_and(|id| id == STRANGER);
    stage.sandbox.objects().into_iter().filter(|o| o.is_live() && theirs(o)).collect()
}

/// And takes them away again.
pub(crate) async fn goes(stage: &Stage) {
    let aws = stage.aws().await;
    for object in strangers(stage) {
        match object.kind.as_str() {
            "ec2/elastic-ip" => drop(aws.ec2().release_address().allocation_id(&object.id).send().await.unwrap()),
            _ => drop(aws.ec2().delete_internet_gateway().internet_gateway_id(&object.id).send().await.unwrap()),
        }
    }
}

/// For half a minute EC2 finds nothing by the stack's tag; by id it does.
pub(crate) fn lag(stage: &mut Stage) {
    let (sandbox, clock) = (stage.sandbox.clone(), stage.clock.clone());
    let end = clock.now() + SignedDuration::from_secs(30);
    stage.http = Some(wire(move |mut request: HttpRequest| {
        let (inner, lags) = (SharedHttpConnector::new(sandbox.clone()), clock.now() < end);
        async move {
            if lags && let Some(body) = request.body().bytes().map(|b| String::from_utf8_lossy(b).into_owned()) {
                let blind = body.replace("tag%3Adlinfra%3Astack", "tag%3Anobody");
                if body.contains("Action=Describe") && blind != body {
                    *request.body_mut() = blind.into();
                }
            }
            inner.call(request).await
        }
    }));
}
