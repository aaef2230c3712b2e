//! What a request needs: its own action on what it is for, and what goes with it: tags of what it makes, roles that it
//! passes, objects that it copies from.

use serde_json::{Map, Value};

use super::{Need, Resource, actions, resources};
use crate::iam_model::InstanceProfile;
use crate::policy::decide::Context;
use crate::regions;
use crate::service::Service;
use crate::store::{GLOBAL, World};
use crate::wire::request::Incoming;

/// Everything that a request needs.
pub(super) fn of(
    world: &World,
    request: &Incoming,
    service: &Service,
    operation: &str,
    fields: &Map<String, Value>,
) -> Vec<Need> {
    let prefix = service.prefix;
    let place = resources::Place { world, region: &request.region, prefix };
    let tags = tags(service, operation, fields);
    let mut context = Context::new();
    let keys: Vec<String> =
        tags.iter().map(|(key, _)| key.clone()).chain(untagged(service, operation, fields)).collect();
    if !keys.is_empty() {
        context.insert("aws:tagkeys".to_owned(), keys);
    }
    for (key, value) in &tags {
        context.insert(format!("aws:requesttag/{}", key.to_lowercase()), vec![value.clone()]);
    }
    let action = actions::of(prefix, operation, fields);
    let found = resources::of(place, operation, fields);
    let mut needs = Vec::new();
    if let Some(tagging) = actions::tagging(prefix, operation).filter(|_| !tags.is_empty())
        && !actions::is_for_tags(operation)
    {
        let mut context = context.clone();
        context.insert("ec2:createaction".to_owned(), vec![operation.to_owned()]);
        // Only what is made gets tags.
        let made: Vec<Resource> =
            found.iter().filter(|it| prefix != "ec2" || it.arns[0].ends_with("/*")).cloned().collect();
        needs.push(Need { action: tagging.to_owned(), resources: made, context });
    }
    if prefix == "s3" {
        s3_context(fields, &mut context);
        needs.extend(copied(request));
        needs.extend(tagged_object(request, operation, &found));
    }
    if prefix == "iam" {
        iam_context(fields, &mut context);
    }
    needs.extend(passes(world, request, prefix, operation, fields));
    if operation == "DeleteObjects" {
        let (keys, versions) = resources::s3_deleted(place, fields);
        for (action, resources) in [("s3:DeleteObject", keys), ("s3:DeleteObjectVersion", versions)] {
            let (action, context) = (action.to_owned(), context.clone());
            needs.extend((!resources.is_empty()).then_some(Need { action, resources, context }));
        }
        return needs;
    }
    needs.insert(0, Need { action, resources: found, context });
    needs
}

/// An object that is written with tags.
fn tagged_object(request: &Incoming, operation: &str, found: &[Resource]) -> Option<Need> {
    let writes = matches!(operation, "PutObject" | "CopyObject" | "CreateMultipartUpload");
    request.header("x-amz-tagging").filter(|tags| writes && !tags.is_empty())?;
    let action = "s3:PutObjectTagging".to_owned();
    Some(Need { action, resources: found.to_vec(), context: Context::new() })
}

/// The text at a path of parameters.
fn at<'f>(fields: &'f Map<String, Value>, path: &[&str]) -> Option<&'f str> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(fields.get(*first)?, |value, key| value.get(key))?.as_str()
}

/// The roles that a request hands to a service.
fn passes(
    world: &World,
    request: &Incoming,
    prefix: &str,
    operation: &str,
    fields: &Map<String, Value>,
) -> Option<Need> {
    let own = |name: &str| {
        let partition = regions::partition(&request.region);
        format!("arn:{partition}:iam::{}:role/{name}", world.config.account)
    };
    let (to, role) = match (prefix, operation) {
        ("iam", "AddRoleToInstanceProfile") => ("ec2.amazonaws.com", own(at(fields, &["RoleName"])?)),
        ("ec2", "RunInstances") => {
            let profile = at(fields, &["IamInstanceProfile", "Name"])
                .or_else(|| at(fields, &["IamInstanceProfile", "Arn"])?.rsplit('/').next())?;
            let role = world.get::<InstanceProfile>(GLOBAL, profile)?.role.clone()?;
            ("ec2.amazonaws.com", own(&role))
        }
        _ => {
            let (to, path) = actions::passed(prefix, operation)?;
            (to, at(fields, path)?.to_owned())
        }
    };
    let role = resources::role(world, role.rsplit('/').next().unwrap_or_default())
        .unwrap_or(Resource { arns: vec![role], ..Resource::default() });
    let context = Context::from([("iam:passedtoservice".to_owned(), vec![to.to_owned()])]);
    Some(Need { action: "iam:PassRole".to_owned(), resources: vec![role], context })
}

/// What is copied must be readable.
fn copied(request: &Incoming) -> Option<Need> {
    let source = request.header("x-amz-copy-source")?;
    let source = crate::wire::form::decode(source);
    let (path, version) =
        source.split_once("?versionId=").map_or((source.as_ref(), None), |(path, it)| (path, Some(it)));
    let action = if version.is_some() { "s3:GetObjectVersion" } else { "s3:GetObject" };
    let arn = format!("arn:{}:s3:::{}", regions::partition(&request.region), path.trim_start_matches('/'));
    let resources = vec![Resource { arns: vec![arn], ..Resource::default() }];
    Some(Need { action: action.to_owned(), resources, context: Context::new() })
}

fn s3_context(fields: &Map<String, Value>, context: &mut Context) {
    for name in ["prefix", "delimiter"] {
        if let Some(text) = at(fields, &[name]) {
            context.insert(format!("s3:{name}"), vec![text.to_owned()]);
        }
    }
}

fn iam_context(fields: &Map<String, Value>, context: &mut Context) {
    for (name, key) in [("PolicyArn", "iam:policyarn"), ("PermissionsBoundary", "iam:permissionsboundary")] {
        if let Some(text) = at(fields, &[name]) {
            context.insert(key.to_owned(), vec![text.to_owned()]);
        }
    }
}

/// The items of a list in any of its forms: an array, or numbered members.
fn items(value: Option<&Value>) -> Vec<&Value> {
    match value {
        Some(Value::Array(items)) => items.iter().collect(),
        Some(Value::Object(map)) => match map.get("member") {
            Some(inner) => items(Some(inner)),
            None => map.values().collect(),
        },
        _ => Vec::new(),
    }
}

fn pair(value: &Value, key: &str, text: &str) -> Option<(String, String)> {
    Some((value.get(key)?.as_str()?.to_owned(), value.get(text).and_then(Value::as_str).unwrap_or_default().to_owned()))
}

/// The tags that a request gives to something.
fn tags(service: &Service, operation: &str, fields: &Map<String, Value>) -> Vec<(String, String)> {
    if operation.starts_with("Untag") || operation.starts_with("Delete") || operation.starts_with("Remove") {
        return Vec::new();
    }
    if service.prefix == "ec2" {
        let specs = ["TagSpecification", "TagSpecifications"].iter().flat_map(|name| items(fields.get(*name)));
        let specified = specs.flat_map(|spec| items(spec.get("Tag")));
        let given = items(fields.get("Tag").filter(|_| operation == "CreateTags"));
        return specified.chain(given).filter_map(|tag| pair(tag, "Key", "Value")).collect();
    }
    let Some((name, form)) = service.model.tags_in(operation) else { return Vec::new() };
    match form {
        crate::model::TagForm::Map => {
            let map = fields.get(name).and_then(Value::as_object).into_iter().flatten();
            map.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
        }
        crate::model::TagForm::List { key, value } => {
            items(fields.get(name)).into_iter().filter_map(|tag| pair(tag, &key, &value)).collect()
        }
    }
}

/// The keys of the tags that a request takes away.
fn untagged(service: &Service, operation: &str, fields: &Map<String, Value>) -> Vec<String> {
    if service.prefix == "ec2" {
        let given = items(fields.get("Tag").filter(|_| operation == "DeleteTags"));
        return given.into_iter().filter_map(|tag| Some(tag.get("Key")?.as_str()?.to_owned())).collect();
    }
    let takes = operation.starts_with("Untag") || operation == "DeleteTags" || operation == "RemoveTags";
    let name = service.model.tag_keys(operation).filter(|_| takes);
    let name = name.filter(|name| name.to_lowercase().contains("tag"));
    let given = items(name.and_then(|name| fields.get(name)));
    given.into_iter().filter_map(|key| key.as_str().map(str::to_owned)).collect()
}
