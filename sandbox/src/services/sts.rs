//! STS: who is calling.

use crate::authorize::caller;
use crate::call::Call;
use crate::error::ApiError;
use crate::iam_model::Role;
use crate::model::facts;
use crate::service::{Service, read, unsigned};
use crate::session::{Signer, signer};
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
    let (arn, id) = match signer(call.world, &call.request.access_key) {
        Signer::Role(session) => {
            let role = call.all::<Role>().find(|role| role.arn == session.role);
            let id = role.map_or("", |role| &role.unique_id);
            (caller(call.world, call.region, &session), format!("{id}:{}", session.name))
        }
        _ => (call.iam_arn("user/sandbox"), "AIDASANDBOX0000000000".to_owned()),
    };
    Ok(Reply::xml(Xml::new().text("Arn", arn).text("UserId", id).text("Account", account)))
}
