//! STS: who is calling.

use crate::call::Call;
use crate::error::ApiError;
use crate::model::{Facts, Model};
use crate::service::{Service, read, unsigned};
use crate::wire::Protocol;
use crate::wire::params::InputErrors;
use crate::wire::reply::Reply;
use crate::wire::request::Signature;
use crate::wire::xml::Xml;

pub(crate) static SERVICE: Service = Service {
    name: "sts",
    protocol: Protocol::AwsQuery,
    xmlns: Some("https://sts.amazonaws.com/doc/2011-06-15/"),
    input: InputErrors { missing: "ValidationError", invalid: "ValidationError" },
    operations: &[&[read("GetCallerIdentity", get_caller_identity)]],
    objects: Vec::new,
    settle: |_, _| {},
    route: None,
    model: Some(&MODEL),
};

static MODEL: Model = Model::new(|| Facts::read(include_str!("../../models/sts.json")));

fn get_caller_identity(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    if call.request.signature != Signature::V4 {
        return Err(unsigned(SERVICE.protocol));
    }
    let account = call.account();
    Ok(Reply::xml(
        Xml::new()
            .text("Arn", call.iam_arn("user/sandbox"))
            .text("UserId", "AIDASANDBOX0000000000")
            .text("Account", account),
    ))
}
