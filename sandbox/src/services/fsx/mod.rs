//! FSx for Lustre.

mod describe;
mod file_systems;
mod lustre;
mod repositories;
mod tags;
mod tasks;
mod update;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use crate::call::Call;
use crate::error::ApiError;
use crate::model::{Facts, Model};
use crate::service::Service;
use crate::store::{Due, Object, ObjectKind, World};
use crate::wire::Protocol;
use crate::wire::params::InputErrors;

pub(crate) static SERVICE: Service = Service {
    name: "fsx",
    protocol: Protocol::AwsJson("1.1"),
    xmlns: None,
    input: InputErrors { missing: "BadRequest", invalid: "BadRequest" },
    operations: &[
        file_systems::OPERATIONS,
        describe::OPERATIONS,
        update::OPERATIONS,
        repositories::OPERATIONS,
        tasks::OPERATIONS,
        tags::OPERATIONS,
    ],
    objects: || {
        vec![
            ObjectKind::of::<file_systems::FileSystem>(),
            ObjectKind::of::<repositories::Association>(),
            ObjectKind::of::<tasks::Task>(),
        ]
    },
    settle,
    route: None,
    model: Some(&MODEL),
};

static MODEL: Model = Model::new(|| Facts::read(include_str!("../../../models/fsx.json")));

fn settle(world: &mut World, due: &Due) {
    match due.kind {
        file_systems::FileSystem::KIND => file_systems::settle(world, &due.region, &due.id, due.at),
        repositories::Association::KIND => repositories::settle(world, &due.region, &due.id),
        _ => {}
    }
}

fn bad(message: impl Into<String>) -> ApiError {
    ApiError::bad("BadRequest", message)
}

fn token_mismatch() -> ApiError {
    let message = "A request with the same client request token but different parameters was made before";
    ApiError::bad("IncompatibleParameterError", message).with("Parameter", "ClientRequestToken")
}

/// JSON has no place for what is not there.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(name, value)| (name, without_nulls(value))).collect::<Map<_, _>>())
        }
        other => other,
    }
}

/// Times are numbers of seconds in this protocol.
fn seconds(at: jiff::Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1000.0
}

/// The page of a list that a request asks for, and the next token. The items are sorted by `key`.
fn page<T>(call: &mut Call<'_>, items: Vec<T>, key: impl Fn(&T) -> &str) -> Result<(Vec<T>, Option<String>), ApiError> {
    let size = call.params.int_opt("MaxResults")?;
    let after = call.params.text_opt("NextToken")?.map(|token| {
        let text = STANDARD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        text.ok_or_else(|| bad("NextToken is invalid"))
    });
    let after = after.transpose()?;
    let size = match size {
        None => usize::MAX,
        Some(size) => {
            usize::try_from(size).ok().filter(|size| *size > 0).ok_or_else(|| bad("MaxResults is invalid"))?
        }
    };
    let mut rest: Vec<T> =
        items.into_iter().filter(|item| after.as_deref().is_none_or(|after| key(item) > after)).collect();
    let more = rest.len() > size;
    rest.truncate(size);
    let next = rest.last().filter(|_| more).map(|last| STANDARD.encode(key(last)));
    Ok((rest, next))
}
