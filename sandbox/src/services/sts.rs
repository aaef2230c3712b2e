//! STS: who is calling.

use crate::call::Call;
use crate::error::ApiError;
use crate::model::facts;
use crate::service::{Service, read, unsigned};
use crate::wire::Protocol;
use crate::wire::params::InputErrors;
use crate::wire::reply::Reply;
use crate::wire::request::Signature;
use crate::wire::xml::Xml;

pub(crate) static SERVICE: Service = Service {
    xmlns: Some("https://sts.amazonaws.com/doc/2011-06-15/"),
    input: InputErrors::both("ValidationError"),
    operations: &[&[read("GetCallerIdentity", get_caller_identity)]],
    ..Service::new("sts", Protocol::AwsQuery, facts!("sts"))
};

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
