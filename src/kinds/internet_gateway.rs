//! internet-gateway: the way between a VPC and the internet.
use crate::{
    aws::{Error, gone},
    call::{Ctx, SweepCtx},
    catalog::durations,
    diagnostic::codes,
    field::Ref,
    kinds::{Vpc, ec2, holders},
    resource::{
        About, Answers, Call, Changes, Class, Durations, Expected, Gone, Id, Live, Lookup, Output, Problem, Quota,
        Resource, Teardown,
    },
};
use aws_sdk_ec2::types::{AttachmentStatus, Filter, InternetGateway as Gateway, ResourceType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;

/// The way between a VPC and the internet; a VPC has one at most.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InternetGateway {
    /// The VPC that it is attached to. A live gateway may have none: it was made, and not attached yet.
    // No `default`: it would make the field optional for authors too.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(required)]
    pub vpc: Option<Ref<Vpc>>,
}

const CREATE: Call = Call::new("ec2:CreateInternetGateway", Class::Tags);
const ATTACH: Call = Call::new("ec2:AttachInternetGateway", Class::Parent);

codes! {
    CODES:
    VPC = "DL0313", "Internet gateway without a VPC",
        "An internet gateway does something only while it is attached to a VPC. Write `vpc:` with the VPC; the \
         attachment is made and removed with the gateway.";
}

impl Resource for InternetGateway {
    const KIND: &'static str = "internet-gateway";
    const ABOUT: About = About {
        holds: &["vpc"],
        outputs: &[Output { name: "id", ty: "string", doc: "igw-…" }],
        id_prefix: "igw-",
        terraform: "aws_internet_gateway",
        calls: &[CREATE, ATTACH],
        iam: &[
            "ec2:CreateInternetGateway",
            "ec2:AttachInternetGateway",
            "ec2:DescribeInternetGateways",
            "ec2:DetachInternetGateway",
            "ec2:DeleteInternetGateway",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ],
        quotas: &[Quota { code: "L-A4707A72", name: "Internet gateways per Region" }],
        codes: CODES,
        free: true,
        durations: Some(Durations {
            create: durations::INTERNET_GATEWAY_CREATE,
            update: durations::IMMEDIATE,
            // Detaching waits until no public address is mapped in the VPC.
            delete: Expected::secs(5, 1200),
        }),
        gone: Gone::AtOnce,
        stand_in: r#"{"vpc":"@vpc"}"#,
        ..About::new("The way between a VPC and the internet")
    };

    fn summary(&self) -> String {
        self.vpc.as_ref().map_or("not attached".to_owned(), |vpc| format!("of {vpc}"))
    }

    fn check(&self, problems: &mut Vec<Problem>) {
        if self.vpc.is_none() {
            problems.push(Problem {
                code: &VPC,
                path: "vpc".to_owned(),
                summary: "an internet gateway needs a VPC".to_owned(),
                help: "write `vpc: ${…}` with the VPC that it serves".to_owned(),
            });
        }
    }

    async fn sweep(ctx: &SweepCtx) -> Result<Vec<Live<Self>>, Error> {
        owned(ctx).await?.iter().map(|gateway| read(ctx, gateway)).collect()
    }

    async fn create(&self, ctx: &Ctx, _: Option<&Live<Self>>) -> Result<Id, Error> {
        let ids = ctx
            .call(&CREATE, "", &json!({}), |attempt| async move {
                let tags = ec2::tag_specification(ResourceType::InternetGateway, &attempt.tags);
                let out = ctx.aws.ec2_once().create_internet_gateway().tag_specifications(tags).send().await?;
                let id = out.internet_gateway.and_then(|g| g.internet_gateway_id);
                Ok(vec![id.ok_or_else(|| Error::missing("the internet gateway's id"))?])
            })
            .await?;
        ec2::only(ids, "the internet gateway's id")
    }

    async fn update(want: &Self, ctx: &Ctx, live: &Live<Self>, changes: &Changes) -> Result<(), Error> {
        if !changes.touches("vpc") {
            return Ok(());
        }
        let sweep = ctx.sweep();
        let now = ec2::now(ctx, live, find(&sweep, vec![ec2::filter("internet-gateway-id", &live.id)])).await?;
        let wanted = want.vpc.as_ref().map(Ref::id).transpose()?;
        let attached = now.vpc.as_ref().map(Ref::id).transpose()?;
        if wanted == attached {
            return Ok(());
        }
        if let Some(vpc) = attached {
            detach(ctx, &live.id, vpc).await?;
        }
        if let Some(vpc) = wanted {
            let call = || ctx.aws.ec2().attach_internet_gateway().internet_gateway_id(&live.id).vpc_id(vpc);
            ec2::patient(ctx, || async { ec2::there(ctx, call().send().await.map_err(Error::from)) }).await?;
        }
        Ok(())
    }

    async fn delete(ctx: &Ctx, live: &Live<Self>) -> Result<(), Error> {
        match live.spec.vpc.as_ref().map(Ref::id) {
            Some(Ok(vpc)) => detach(ctx, &live.id, vpc).await?,
            // Attached to something that nobody knows any more.
            Some(Err(_)) => {
                let now = find(&ctx.sweep(), vec![ec2::filter("internet-gateway-id", &live.id)]).await?;
                if let Some(vpc) = now.first().and_then(|live| live.spec.vpc.as_ref()) {
                    detach(ctx, &live.id, vpc.id()?).await?;
                }
            }
            None => {}
        }
        gone(ctx.aws.ec2().delete_internet_gateway().internet_gateway_id(&live.id).send().await.map_err(Error::from))
    }

    async fn lookup(ctx: &SweepCtx, by: &Lookup) -> Result<Vec<Live<Self>>, Error> {
        find(ctx, ec2::lookup_filters("internet-gateway-id", by)).await
    }

    async fn lookup_ids(ctx: &SweepCtx, ids: &[Id]) -> Result<Vec<Live<Self>>, Error> {
        ec2::with_ids("internet-gateway-id", ids, |filters| find(ctx, filters)).await
    }
}

impl Answers for InternetGateway {
    fn updated(want: &Self, _: &Ctx, live: &Live<Self>) -> Option<Live<Self>> {
        Some(live.with_spec(want.clone()))
    }
}

impl Teardown for InternetGateway {
    async fn held_by(ctx: &SweepCtx, live: &Live<Self>) -> Result<Vec<String>, Error> {
        match live.spec.vpc.as_ref().map(Ref::id) {
            Some(Ok(vpc)) => holders::public_interfaces(ctx, vpc).await,
            _ => Ok(Vec::new()),
        }
    }
}

async fn detach(ctx: &Ctx, id: &str, vpc: &str) -> Result<(), Error> {
    let call = ctx.aws.ec2().detach_internet_gateway().internet_gateway_id(id).vpc_id(vpc);
    match gone(call.send().await.map_err(Error::from)) {
        Err(e) if e.is("Gateway.NotAttached") => Ok(()),
        other => other,
    }
}

/// The stack's gateways as AWS shows them, which the sweep of NAT gateways needs too.
pub(super) async fn owned(ctx: &SweepCtx) -> Result<Arc<Vec<Gateway>>, Error> {
    match &ctx.answers {
        Some(answers) => answers.once("internet gateways", all(ctx, ec2::owned(ctx))).await,
        None => all(ctx, ec2::owned(ctx)).await.map(Arc::new),
    }
}

/// Every gateway that matches.
pub(super) async fn all(ctx: &SweepCtx, filters: Vec<Filter>) -> Result<Vec<Gateway>, Error> {
    let mut out = Vec::new();
    let mut pages = ctx.aws.ec2().describe_internet_gateways().set_filters(Some(filters)).into_paginator().send();
    while let Some(page) = pages.next().await {
        out.extend(page?.internet_gateways.unwrap_or_default());
    }
    Ok(out)
}

async fn find(ctx: &SweepCtx, filters: Vec<Filter>) -> Result<Vec<Live<InternetGateway>>, Error> {
    all(ctx, filters).await?.iter().map(|gateway| read(ctx, gateway)).collect()
}

/// The VPC that it is attached to.
pub(super) fn attached(gateway: &Gateway) -> Option<&str> {
    // AWS calls an attached internet gateway `available`, a word that the SDK's enum does not have.
    let gone = |s: &AttachmentStatus| matches!(s, AttachmentStatus::Detached | AttachmentStatus::Detaching);
    gateway.attachments().iter().find(|a| !a.state().is_some_and(gone))?.vpc_id()
}

fn read(ctx: &SweepCtx, gateway: &Gateway) -> Result<Live<InternetGateway>, Error> {
    let tags = ec2::tags(gateway.tags());
    let id = gateway.internet_gateway_id().ok_or_else(|| Error::missing("the internet gateway's id"))?;
    let spec = InternetGateway { vpc: attached(gateway).map(Ref::to_id) };
    let mut live = Live::new(ctx.address(id, &tags), id, tags, spec);
    live.outputs = ec2::outputs([("id", json!(id))]);
    Ok(live)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authors_must_name_a_vpc_and_live_gateways_need_not() {
        let schema = crate::kind::Kind::schema(&crate::kind::Of::<InternetGateway>::KIND);
        assert_eq!(schema["required"], json!(["vpc"]));
        assert_eq!(schema["properties"]["vpc"]["x-dlinfra"], json!({ "ref": "vpc" }));
        let loose: InternetGateway = serde_json::from_value(json!({})).unwrap();
        let mut problems = Vec::new();
        loose.check(&mut problems);
        assert_eq!(problems[0].code.code, "DL0313");
        assert_eq!(serde_json::to_value(&loose).unwrap(), json!({}));
    }
}
