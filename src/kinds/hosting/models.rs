//! A model in AWS's words, and back.
use super::fields::{Container, ModelData, Packing};
use crate::{
    aws::Error,
    field::{Field, Ref},
};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Takes null members out: AWS has no place for what is not there.
pub(in crate::kinds) fn compact(mut value: Value) -> Value {
    fn clean(value: &mut Value) {
        if let Value::Object(map) = value {
            map.retain(|_, inner| !inner.is_null());
            map.values_mut().for_each(clean);
        }
    }
    clean(&mut value);
    value
}

/// A member that is there and not null.
pub(in crate::kinds) fn there<'a>(of: &'a Value, name: &str) -> Option<&'a Value> {
    of.get(name).filter(|value| !value.is_null())
}

pub(in crate::kinds) fn text(field: Option<&Field<String>>) -> Result<Option<&String>, Error> {
    field.map(Field::get).transpose()
}

/// An environment; nothing where it is empty.
pub(in crate::kinds) fn environment(of: &BTreeMap<String, Field<String>>) -> Result<Value, Error> {
    let known: BTreeMap<&String, &String> =
        of.iter().map(|(key, value)| Ok((key, value.get()?))).collect::<Result<_, Error>>()?;
    Ok(if known.is_empty() { Value::Null } else { json!(known) })
}

/// The same, as AWS shows it.
pub(in crate::kinds) fn variables(raw: &Value) -> BTreeMap<String, Field<String>> {
    let pairs = raw.as_object().into_iter().flatten();
    pairs.map(|(key, value)| (key.clone(), Field::Known(value.as_str().unwrap_or_default().to_owned()))).collect()
}

/// The container of a model.
pub(in crate::kinds) fn primary(of: &Container) -> Result<Value, Error> {
    let source = match &of.model {
        None => Value::Null,
        Some(data) => {
            let (key, kind) = match (&data.prefix, &data.object) {
                (Some(prefix), _) => (prefix.get()?.as_str(), "S3Prefix"),
                (None, object) => (text(object.as_ref())?.map_or("", String::as_str), "S3Object"),
            };
            let packing = if data.compression == Packing::Gzip { "Gzip" } else { "None" };
            let uri = format!("s3://{}/{key}", data.bucket.id()?);
            json!({ "S3DataSource": { "S3Uri": uri, "S3DataType": kind, "CompressionType": packing } })
        }
    };
    Ok(json!({
        "Image": of.image.get()?, "Environment": environment(&of.environment)?, "ModelDataSource": source,
    }))
}

/// The same, as DescribeModel shows it.
pub(in crate::kinds) fn container(raw: &Map<String, Value>) -> Container {
    let it = |name: &str| raw.get(name).unwrap_or(&Value::Null);
    let (source, url) = (&it("ModelDataSource")["S3DataSource"], it("ModelDataUrl"));
    let place = |value: &Value| {
        let (bucket, key) = value.as_str()?.strip_prefix("s3://")?.split_once('/')?;
        Some((Ref::to_id(bucket), Field::Known(key.to_owned())))
    };
    let model = match (place(&source["S3Uri"]), place(url)) {
        (Some((bucket, key)), _) => {
            let compression = if source["CompressionType"] == "Gzip" { Packing::Gzip } else { Packing::None };
            let whole = source["S3DataType"] == "S3Prefix";
            let (prefix, object) = if whole { (Some(key), None) } else { (None, Some(key)) };
            Some(ModelData { bucket, prefix, object, compression })
        }
        // The older way to say it: one archive.
        (None, Some((bucket, key))) => {
            Some(ModelData { bucket, prefix: None, object: Some(key), compression: Packing::Gzip })
        }
        (None, None) => None,
    };
    Container {
        image: Field::Known(it("Image").as_str().unwrap_or_default().to_owned()),
        environment: variables(it("Environment")),
        model,
    }
}
