//! What a request is for: the ARNs of what its parameters name, with the tags of what is there.

use serde_json::{Map, Value};

use super::Resource;
use crate::iam_model::{InstanceProfile, Role};
use crate::regions;
use crate::services::{application_autoscaling, ec2};
use crate::store::{GLOBAL, Tags, World};

/// Where a request is made.
#[derive(Clone, Copy)]
pub(super) struct Place<'w> {
    pub(super) world: &'w World,
    pub(super) region: &'w str,
    /// The service's, in policies.
    pub(super) prefix: &'static str,
}

/// Parameters that hold the names of resources, and the last parts of their ARNs.
const NAMES: [(&str, &str, &str); 22] = [
    ("cloudwatch", "AlarmName", "alarm:{}"),
    ("cloudwatch", "AlarmNames", "alarm:{}"),
    ("events", "Name", "rule/{}"),
    ("events", "Rule", "rule/{}"),
    ("fsx", "FileSystemId", "file-system/{}"),
    ("fsx", "TaskId", "task/{}"),
    ("lambda", "FunctionName", "function:{}"),
    ("logs", "logGroupName", "log-group:{}"),
    ("logs", "logGroupIdentifier", "log-group:{}"),
    ("sagemaker", "EndpointConfigName", "endpoint-config/{}"),
    ("sagemaker", "EndpointName", "endpoint/{}"),
    ("sagemaker", "InferenceComponentName", "inference-component/{}"),
    ("sagemaker", "ModelName", "model/{}"),
    ("sns", "Name", "{}"),
    ("sqs", "QueueName", "{}"),
    ("sqs", "QueueUrl", "{}"),
    ("ssm", "Name", "parameter/{}"),
    ("ssm", "Names", "parameter/{}"),
    ("ssm", "Path", "parameter/{}"),
    ("elasticloadbalancing", "Name", "{}"),
    ("fsx", "AssociationId", "association/*/{}"),
    ("fsx", "AssociationIds", "association/*/{}"),
];

/// Services whose reading operations are for everything or nothing.
const READ_ALL: [&str; 7] =
    ["ec2", "elasticloadbalancing", "fsx", "application-autoscaling", "ce", "pricing", "tagging"];

/// Everything that a request is for.
pub(super) fn of(place: Place<'_>, operation: &str, fields: &Map<String, Value>) -> Vec<Resource> {
    let reads = ["Describe", "Get", "List"].iter().any(|word| operation.starts_with(word));
    if reads && READ_ALL.contains(&place.prefix) && !operation.starts_with("ListTags") {
        return Vec::new();
    }
    let mut out = match place.prefix {
        "ec2" => ec2_resources(place, operation, fields),
        "s3" => s3_resources(place, fields),
        "iam" => iam_resources(place, fields),
        "ssm" if operation == "SendCommand" => command_resources(place, fields),
        "scheduler" => scheduler_resources(place, operation, fields),
        "application-autoscaling" => scaled(place, fields),
        "cloudwatch" if operation.contains("Dashboard") => dashboards(place, fields),
        _ => Vec::new(),
    };
    let names = NAMES.iter().filter(|(prefix, ..)| *prefix == place.prefix);
    for (_, field, tail) in names {
        for name in strings(fields.get(*field)) {
            out.extend(named(place, operation, tail, name));
        }
    }
    // ARNs of the service's own, wherever they stand, but not in what only mentions them.
    const MENTIONS: [&str; 3] = ["PermissionsBoundary", "PolicyArn", "Target"];
    let own = fields.keys().filter(|name| !MENTIONS.contains(&name.as_str()));
    for name in own {
        for text in strings(fields.get(name)) {
            let of_service = text.split(':').nth(2) == Some(place.prefix);
            if text.starts_with("arn:") && of_service && out.iter().all(|it| !it.arns.iter().any(|arn| arn == text)) {
                out.push(by_arn(place, text));
            }
        }
    }
    if place.prefix == "logs" && out.is_empty() {
        // All groups, as AWS puts it.
        out.push(Resource { arns: vec![place.arn("log-group::log-stream:")], tags: Tags::new() });
    }
    out
}

/// Every text in a value, however deep.
fn strings(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(items)) => items.iter().flat_map(|item| strings(Some(item))).collect(),
        Some(Value::Object(map)) => map.values().flat_map(|item| strings(Some(item))).collect(),
        _ => Vec::new(),
    }
}

impl Place<'_> {
    fn partition(self) -> &'static str {
        regions::partition(self.region)
    }

    fn arn(self, tail: &str) -> String {
        let account = &self.world.config.account;
        format!("arn:{}:{}:{}:{account}:{tail}", self.partition(), self.prefix, self.region)
    }

    fn tags(self, tail: &str) -> Tags {
        let here = self.world.tagged(self.region, self.prefix, tail);
        here.or_else(|| self.world.tagged(GLOBAL, self.prefix, tail)).map(|found| found.tags).unwrap_or_default()
    }
}

fn by_arn(place: Place<'_>, arn: &str) -> Resource {
    let tail = arn.splitn(6, ':').nth(5).unwrap_or_default();
    let tail = tail.strip_suffix(":$LATEST").unwrap_or(tail);
    Resource { arns: vec![arn.to_owned()], tags: place.tags(tail) }
}

/// What a name stands for; nothing where the parameter has an ARN, which is found as such.
fn named(place: Place<'_>, operation: &str, tail: &str, name: &str) -> Option<Resource> {
    if name.starts_with("arn:") {
        return None;
    }
    let name = match place.prefix {
        // An address that ends in the name.
        "sqs" => name.rsplit('/').next().unwrap_or(name),
        "ssm" => name.trim_start_matches('/'),
        "lambda" => name.split(':').rfind(|part| *part != "$LATEST").unwrap_or(name),
        _ => name,
    };
    let tail = match (place.prefix, operation) {
        ("elasticloadbalancing", "CreateLoadBalancer") => "loadbalancer/*/{}/*",
        ("elasticloadbalancing", "CreateTargetGroup") => "targetgroup/{}/*",
        ("elasticloadbalancing", _) => return None,
        // The tagging operations name the topic by an ARN.
        ("sns", operation) if operation != "CreateTopic" => return None,
        _ => tail,
    };
    let tail = tail.replace("{}", name);
    let mut arns = vec![place.arn(&tail)];
    if place.prefix == "ssm" && name.starts_with("aws/service/") {
        // AWS's own parameters belong to no account.
        arns = vec![format!("arn:{}:ssm:{}::{tail}", place.partition(), place.region)];
    }
    if place.prefix == "logs" {
        // Policies name a group with and without what follows it.
        arns.push(format!("{}:log-stream:", arns[0]));
    }
    Some(Resource { tags: place.tags(&tail), arns })
}

fn ec2_resources(place: Place<'_>, operation: &str, fields: &Map<String, Value>) -> Vec<Resource> {
    let mut out = Vec::new();
    if let Some(kind) = ec2::made_by(operation) {
        out.push(Resource { arns: vec![place.arn(&format!("{kind}/*"))], tags: Tags::new() });
    }
    // What these say names nothing.
    const OTHER: [&str; 5] = ["ClientToken", "DryRun", "Tag", "TagSpecification", "TagSpecifications"];
    let given = fields.iter().filter(|(name, _)| !OTHER.contains(&name.as_str()));
    let mut ids: Vec<&str> = given.flat_map(|(_, value)| strings(Some(value))).collect();
    ids.sort_unstable();
    ids.dedup();
    for id in ids {
        if let Some((tail, tags)) = ec2::resource(place.world, place.region, operation, id) {
            out.push(Resource { arns: vec![place.arn(&tail)], tags });
        }
    }
    out
}

/// Tags of buckets are no part of decisions until a bucket says that they are, which is not simulated.
fn s3_resources(place: Place<'_>, fields: &Map<String, Value>) -> Vec<Resource> {
    let text = |name: &str| fields.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let bucket = text("Bucket").map(|bucket| s3_resource(place, bucket, text("Key")));
    bucket.into_iter().collect()
}

fn s3_resource(place: Place<'_>, bucket: &str, key: Option<&str>) -> Resource {
    let key = key.map(|key| format!("/{key}")).unwrap_or_default();
    Resource { arns: vec![format!("arn:{}:s3:::{bucket}{key}", place.partition())], tags: Tags::new() }
}

/// The objects that a request deletes, those that it names by a version apart from the others.
pub(super) fn s3_deleted(place: Place<'_>, fields: &Map<String, Value>) -> (Vec<Resource>, Vec<Resource>) {
    let bucket = fields.get("Bucket").and_then(Value::as_str).unwrap_or_default();
    let objects = match fields.get("Delete").and_then(|body| body.get("Object")) {
        Some(Value::Array(objects)) => objects.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    let (versions, keys): (Vec<&Value>, Vec<&Value>) =
        objects.iter().partition(|it| it.get("VersionId").is_some_and(|version| !version.is_null()));
    let named = |all: Vec<&Value>| {
        let keys = all.into_iter().filter_map(|it| it.get("Key")?.as_str());
        keys.map(|key| s3_resource(place, bucket, Some(key))).collect()
    };
    (named(keys), named(versions))
}

/// A role by its name.
pub(super) fn role(world: &World, name: &str) -> Option<Resource> {
    let role = world.get::<Role>(GLOBAL, name)?;
    Some(Resource { arns: vec![role.arn.clone()], tags: role.tags.clone() })
}

fn iam_resources(place: Place<'_>, fields: &Map<String, Value>) -> Vec<Resource> {
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    let path = text("Path").unwrap_or("/");
    let new = |kind: &str, name: &str| Resource {
        arns: vec![format!("arn:{}:iam::{}:{kind}{path}{name}", place.partition(), place.world.config.account)],
        tags: Tags::new(),
    };
    // What adds a role to a profile is about the profile; the role is passed.
    if let Some(name) = text("InstanceProfileName") {
        let found = place.world.get::<InstanceProfile>(GLOBAL, name);
        let found = found.map(|it| Resource { arns: vec![it.arn.clone()], tags: it.tags.clone() });
        return vec![found.unwrap_or_else(|| new("instance-profile", name))];
    }
    let role = text("RoleName").map(|name| role(place.world, name).unwrap_or_else(|| new("role", name)));
    role.into_iter().collect()
}

fn scheduler_resources(place: Place<'_>, operation: &str, fields: &Map<String, Value>) -> Vec<Resource> {
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    let tail = match (operation, text("Name")) {
        ("ListSchedules", _) => format!("schedule/{}/*", text("GroupName").unwrap_or("*")),
        ("ListScheduleGroups", _) => "schedule-group/*".to_owned(),
        (_, Some(name)) if operation.ends_with("Group") => format!("schedule-group/{name}"),
        (_, Some(name)) => format!("schedule/{}/{name}", text("GroupName").unwrap_or("default")),
        _ => return Vec::new(),
    };
    vec![Resource { arns: vec![place.arn(&tail)], tags: place.tags(&tail) }]
}

/// The document of a command, and its machines.
fn command_resources(place: Place<'_>, fields: &Map<String, Value>) -> Vec<Resource> {
    let (partition, region) = (place.partition(), place.region);
    let document = fields.get("DocumentName").and_then(Value::as_str).unwrap_or_default();
    let name = document.rsplit('/').next().unwrap_or_default();
    // AWS's own documents belong to no account.
    let owner = if name.starts_with("AWS-") { "" } else { &place.world.config.account };
    let document = format!("arn:{partition}:ssm:{region}:{owner}:document/{name}");
    let instances = strings(fields.get("InstanceIds")).into_iter().map(|id| Resource {
        arns: vec![format!("arn:{partition}:ec2:{region}:{}:instance/{id}", place.world.config.account)],
        tags: ec2::resource(place.world, region, "", id).map(|(_, tags)| tags).unwrap_or_default(),
    });
    let document = Resource { arns: vec![document], tags: Tags::new() };
    std::iter::once(document).chain(instances).collect()
}

/// What scales, by the resource whose number it decides.
fn scaled(place: Place<'_>, fields: &Map<String, Value>) -> Vec<Resource> {
    let resource = fields.get("ResourceId").and_then(Value::as_str);
    let tail = resource.and_then(|resource| application_autoscaling::target(place.world, place.region, resource));
    tail.map(|tail| Resource { arns: vec![place.arn(&tail)], tags: place.tags(&tail) }).into_iter().collect()
}

/// Dashboards belong to no region.
fn dashboards(place: Place<'_>, fields: &Map<String, Value>) -> Vec<Resource> {
    let names = ["DashboardName", "DashboardNames"].iter().flat_map(|field| strings(fields.get(*field)));
    let resource = |name: &str| {
        let tail = format!("dashboard/{name}");
        let arn = format!("arn:{}:cloudwatch::{}:{tail}", place.partition(), place.world.config.account);
        Resource { arns: vec![arn], tags: place.tags(&tail) }
    };
    names.map(resource).collect()
}
