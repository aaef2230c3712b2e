//! Models: a container and its data under a name. Nothing of one changes but its tags.

use serde_json::Map;

use super::{missing, named, refused, seconds, taken};
use crate::iam_model;
use crate::services::prelude::*;
use crate::services::s3;

pub(super) const OPERATIONS: &[Operation] = &[
    write("CreateModel", create),
    read("DescribeModel", describe),
    read("ListModels", list),
    write("DeleteModel", delete),
];

/// What is kept of a request, and shown as it came.
const FIELDS: [&str; 6] = [
    "PrimaryContainer",
    "Containers",
    "InferenceExecutionConfig",
    "ExecutionRoleArn",
    "VpcConfig",
    "EnableNetworkIsolation",
];
/// All names and values of a container's environment, in bytes.
const ENVIRONMENT: usize = 32 * 1024;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Model {
    name: String,
    created: Timestamp,
    fields: Map<String, Value>,
    tags: Tags,
}

object!(Model, "sagemaker/model", name, tags of "sagemaker" "model/{name}");

impl Model {
    /// Images and places of data of its containers, as they were written.
    pub(super) fn contents(&self) -> Vec<String> {
        let of = |one: &Value| [one["Image"].as_str().map(str::to_owned), data(one).map(str::to_owned)];
        self.containers().flat_map(of).flatten().collect()
    }

    pub(super) fn images(&self) -> Vec<String> {
        self.containers().filter_map(|one| one["Image"].as_str()).map(str::to_owned).collect()
    }

    pub(super) fn network(&self) -> Option<&Value> {
        self.fields.get("VpcConfig")
    }

    fn containers(&self) -> impl Iterator<Item = &Value> {
        let more = self.fields.get("Containers").and_then(Value::as_array);
        self.fields.get("PrimaryContainer").into_iter().chain(more.into_iter().flatten())
    }
}

/// Where the data of a container is.
fn data(container: &Value) -> Option<&str> {
    container["ModelDataUrl"].as_str().or_else(|| container["ModelDataSource"]["S3DataSource"]["S3Uri"].as_str())
}

fn create(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let name = call.params.text("ModelName")?;
    let tags = tagged::take(call)?;
    let kept = FIELDS.iter().filter_map(|field| Some(((*field).to_owned(), call.params.raw(field)?)));
    let fields: Map<String, Value> = kept.collect();
    let model = Model { name, created: call.now, fields, tags };
    if call.get::<Model>(&model.name).is_some() {
        return Err(taken(call, "model", &format!("model/{}", model.name)));
    }
    if model.fields.contains_key("PrimaryContainer") == model.fields.contains_key("Containers") {
        return Err(refused("Exactly one of PrimaryContainer and Containers must be given."));
    }
    let role = model.fields.get("ExecutionRoleArn").and_then(Value::as_str);
    let role = role.ok_or_else(|| refused("ExecutionRoleArn is required."))?;
    for container in model.containers() {
        check(call, container, role)?;
    }
    if !iam_model::trusts(call.world, role, "sagemaker.amazonaws.com", call.now) {
        return Err(refused(format!(
            "Could not assume role {role}. Please ensure that the role exists and allows principal \
             'sagemaker.amazonaws.com' to assume the role."
        )));
    }
    let arn = call.arn(format_args!("model/{}", model.name));
    call.put(model);
    Ok(Reply::json(json!({"ModelArn": arn})))
}

/// What is refused of an image and an environment, wherever they stand.
pub(super) fn check_container(container: &Value) -> Result<(), ApiError> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let environment = container["Environment"].as_object().into_iter().flatten();
    if environment.map(|(key, value)| key.len() + text(value).len()).sum::<usize>() > ENVIRONMENT {
        return Err(refused("The environment of a container has at most 32 KB."));
    }
    let image = text(&container["Image"]);
    let is_ours = image.split('/').next().is_some_and(|host| host.contains(".dkr.ecr."));
    if !is_ours && container["ImageConfig"]["RepositoryAccessMode"] != "Vpc" {
        return Err(refused(format!(
            "Using non-ECR image \"{image}\" without Vpc repository access mode is not supported."
        )));
    }
    Ok(())
}

/// What is refused of a container beyond what the model says (API reference of CreateModel).
fn check(call: &Call<'_>, container: &Value, role: &str) -> Result<(), ApiError> {
    check_container(container)?;
    let source = &container["ModelDataSource"]["S3DataSource"];
    let prefix = source["S3DataType"] == "S3Prefix";
    let Some(uri) = data(container) else { return Ok(()) };
    if prefix && !uri.ends_with('/') {
        return Err(refused(format!("S3Uri {uri} of type S3Prefix must end with a forward slash.")));
    }
    let (bucket, key) = uri.trim_start_matches("s3://").split_once('/').unwrap_or_default();
    match s3::holds(call.world, bucket, key, prefix) {
        // A bucket of another account is not simulated: what is in it is taken to be there.
        Some(true) | None => Ok(()),
        Some(false) if call.world.config.behaviour.assumed_model_data => Ok(()),
        Some(false) => Err(refused(format!(
            "Could not find model data at {uri}. Please ensure that the role \"{role}\" exists and that its trust \
             relationship policy allows the action \"sts:AssumeRole\" for the service principal \
             \"sagemaker.amazonaws.com\"."
        ))),
    }
}

fn find(call: &mut Call<'_>) -> Result<Model, ApiError> {
    let name = call.params.text("ModelName")?;
    let found = call.find::<Model>(&name).cloned();
    found.ok_or_else(|| missing(call, "model", &format!("model/{name}")))
}

fn describe(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let it = find(call)?;
    let mut out = json!({
        "ModelName": it.name, "ModelArn": call.arn(format_args!("model/{}", it.name)),
        "CreationTime": seconds(it.created), "EnableNetworkIsolation": false,
    });
    if let Value::Object(map) = &mut out {
        map.extend(it.fields);
    }
    Ok(Reply::json(out))
}

fn list(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let part = call.params.text_opt("NameContains")?;
    let page = Page::take(call, 10)?;
    let shown = |it: &&Model| {
        let arn = call.arn(format_args!("model/{}", it.name));
        json!({"ModelName": it.name, "ModelArn": arn, "CreationTime": seconds(it.created)})
    };
    Ok(page.reply(named::<Model>(call, part), |it| &it.name, shown))
}

/// Also one that an endpoint uses: AWS lets it go.
fn delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let name = find(call)?.name;
    call.remove::<Model>(&name);
    Ok(Reply::empty())
}
