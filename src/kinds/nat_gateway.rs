//! nat-gateway: lets instances without public addresses reach the internet; its elastic address is part of it.
use crate::{
    aws::{
        Error, ErrorClass, gone,
        ownership::Ownership,
        tags::{self, Tags},
    },
    call::{Ctx, SweepCtx},
    catalog::{durations, quota},
    field::Ref,
    kinds::{ElasticIp, InternetGateway, Subnet, ec2, internet_gateway},
    price::{PriceContext, PriceLine, network},
    resource::{
        About, Advised, Call, Changes, Class, DefaultValue, Durations, Expected, Gone, Id, Live, Lookup, Need, Output,
        Quota, Resource, State, Teardown,
    },
};
use aws_sdk_ec2::types::{
    Address as ElasticAddress, ConnectivityType, DomainType, Filter, InternetGateway as AwsGateway,
    NatGateway as Gateway, NatGatewayState, ResourceType,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// A public NAT gateway, with an elastic address of its own unless it is given one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NatGateway {
    /// The public subnet that it stands in.
    pub subnet: Ref<Subnet>,
    /// The internet gateway of the subnet's VPC. A NAT gateway fails when its VPC has none attached, so name it here:
    /// it is attached before the NAT gateway is made, and detached after it is gone.
    // Read back from the VPC, not from the NAT gateway: an edge that a teardown without a blueprint can see as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub internet_gateway: Option<Ref<InternetGateway>>,
    /// The address from which its traffic comes, in place of one of its own: it stays when the gateway is replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elastic_ip: Option<Ref<ElasticIp>>,
}

/// The part that is the elastic address.
const ADDRESS: &str = "address";
const ALLOCATE: Call = Call::new("ec2:AllocateAddress", Class::Tags);
const CREATE: Call = Call::new("ec2:CreateNatGateway", Class::Token);

impl Resource for NatGateway {
    const KIND: &'static str = "nat-gateway";
    const ABOUT: About = About {
        outputs: &[
            Output { name: "id", ty: "string", doc: "nat-…" },
            Output { name: "public_ip", ty: "string", doc: "the address from which its traffic comes" },
        ],
        fixed: &["subnet", "elastic_ip"],
        defaults: &[("elastic_ip", DefaultValue::Nothing)],
        id_prefix: "nat-",
        terraform: "aws_nat_gateway",
        calls: &[ALLOCATE, CREATE],
        iam: &[
            "ec2:AllocateAddress",
            "ec2:DescribeAddresses",
            "ec2:ReleaseAddress",
            "ec2:CreateNatGateway",
            "ec2:DescribeNatGateways",
            "ec2:DescribeInternetGateways",
            "ec2:DeleteNatGateway",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ],
        quotas: &[
            Quota { code: "L-FE5A380F", name: "NAT gateways per Availability Zone" },
            Quota { code: "L-0263D0A3", name: "EC2-VPC Elastic IPs" },
        ],
        // It leads nowhere before its subnet's table leads to the internet gateway.
        starts: true,
        spends: true,
        prices: "vpc",
        advised: Some(Advised::Nat),
        durations: Some(Durations {
            create: durations::NAT_GATEWAY_CREATE,
            update: Expected::secs(2, 300),
            delete: durations::NAT_GATEWAY_DELETE,
        }),
        // A gateway is deleted for a minute, and then its address is left, which alone goes at once.
        gone: Gone::PartsAtOnce,
        ..About::new("A way out to the internet for instances without public addresses")
    };

    fn summary(&self) -> String {
        format!("in {}", self.subnet)
    }

    fn price(&self, ctx: &PriceContext<'_>) -> Vec<PriceLine> {
        let mut lines = network::nat_gateway(ctx);
        lines.extend(self.elastic_ip.is_none().then(|| network::public_addresses(ctx, 1)));
        lines
    }

    fn needs(&self) -> Vec<Need> {
        let own = self.elastic_ip.is_none().then_some(Need { quota: &quota::ELASTIC_IPS, amount: 1 });
        own.into_iter().collect()
    }

    async fn sweep(ctx: &SweepCtx) -> Result<Vec<Live<Self>>, Error> {
        let found = tokio::try_join!(gateways(ctx, ec2::owned(ctx)), addresses(ctx, ec2::owned(ctx)))?;
        assemble(ctx, found.0, found.1).await
    }

    async fn create(&self, ctx: &Ctx, found: Option<&Live<Self>>) -> Result<Id, Error> {
        let allocation = match (&self.elastic_ip, found.and_then(|live| live.parts.get(ADDRESS))) {
            (Some(shared), _) => shared.id()?.to_owned(),
            (None, Some(id)) => id.clone(),
            (None, None) => allocate(ctx).await?,
        };
        let (subnet, allocation) = (self.subnet.id()?, &allocation);
        let params = json!({ "subnet": subnet, "allocation": allocation });
        let ids = ctx
            .call(&CREATE, "", &params, |attempt| async move {
                let call = ctx.aws.ec2_once().create_nat_gateway().subnet_id(subnet).allocation_id(allocation);
                let tags = ec2::tag_specification(ResourceType::Natgateway, &attempt.tags);
                let call = call.connectivity_type(ConnectivityType::Public).client_token(attempt.token);
                let id = call.tag_specifications(tags).send().await?.nat_gateway.and_then(|g| g.nat_gateway_id);
                Ok(vec![id.ok_or_else(|| Error::missing("the NAT gateway's id"))?])
            })
            .await?;
        ec2::only(ids, "the NAT gateway's id")
    }

    async fn update(want: &Self, _: &Ctx, live: &Live<Self>, changes: &Changes) -> Result<(), Error> {
        // Which internet gateway a VPC has is decided by that gateway, so there is nothing to change here.
        match (changes.touches("internet_gateway"), &want.internet_gateway) {
            (true, Some(wanted)) => Err(Error::new(
                ErrorClass::WrongState,
                format!("{wanted} is not the internet gateway of the VPC that {} is in", live.id),
            )
            .help("name the gateway whose `vpc` is the VPC of this NAT gateway's subnet")),
            _ => Ok(()),
        }
    }

    async fn delete(ctx: &Ctx, live: &Live<Self>) -> Result<(), Error> {
        match live.state {
            // The address can be released only when AWS has let go of it; the next call does that.
            State::Deleting => Ok(()),
            State::Partial => {
                for allocation in live.parts.values() {
                    let call = ctx.aws.ec2().release_address().allocation_id(allocation);
                    gone(call.send().await.map_err(Error::from))?;
                }
                Ok(())
            }
            _ => gone(ctx.aws.ec2().delete_nat_gateway().nat_gateway_id(&live.id).send().await.map_err(Error::from)),
        }
    }

    async fn lookup(ctx: &SweepCtx, by: &Lookup) -> Result<Vec<Live<Self>>, Error> {
        looked_up(ctx, ec2::lookup_filters("nat-gateway-id", by)).await
    }

    async fn lookup_ids(ctx: &SweepCtx, ids: &[Id]) -> Result<Vec<Live<Self>>, Error> {
        ec2::with_ids("nat-gateway-id", ids, |filters| looked_up(ctx, filters)).await
    }
}

impl Teardown for NatGateway {
    async fn parts_there(ctx: &SweepCtx, ids: &BTreeSet<Id>) -> Result<Vec<(Id, Tags)>, Error> {
        let ids: Vec<&str> = ids.iter().map(String::as_str).filter(|id| id.starts_with("eipalloc-")).collect();
        let mut out = Vec::new();
        for some in ids.chunks(200) {
            let filter = ec2::filter_any("allocation-id", some.iter().copied());
            let found = ctx.aws.ec2().describe_addresses().filters(filter).send().await?.addresses.unwrap_or_default();
            out.extend(found.iter().filter_map(|a| Some((a.allocation_id()?.to_owned(), ec2::tags(a.tags())))));
        }
        Ok(out)
    }
}

/// What a lookup finds. No tag says whose the address is; the gateway itself does.
async fn looked_up(ctx: &SweepCtx, filters: Vec<Filter>) -> Result<Vec<Live<NatGateway>>, Error> {
    let found = gateways(ctx, filters).await?;
    let mut out = assemble(ctx, found, Vec::new()).await?;
    for live in &mut out {
        let address = live.ids.first().or(live.spec.elastic_ip.as_ref().and_then(|shared| shared.id.as_ref())).cloned();
        // Where the journal knows better, it is that of another resource.
        let other = |id: &Id| ctx.remembered.address(id).is_some_and(|at| *at != live.address);
        if let Some(id) = address.filter(|id| !other(id)) {
            live.spec.elastic_ip = None;
            live.ids = vec![id.clone()];
            live.parts.insert(ADDRESS.to_owned(), id);
        }
    }
    Ok(out)
}

async fn allocate(ctx: &Ctx) -> Result<Id, Error> {
    let ids = ctx
        .call(&ALLOCATE, ADDRESS, &json!({ "domain": "vpc" }), |attempt| async move {
            let tags = ec2::tag_specification(ResourceType::ElasticIp, &attempt.tags);
            let call = ctx.aws.ec2_once().allocate_address().domain(DomainType::Vpc).tag_specifications(tags);
            let id = call.send().await?.allocation_id;
            Ok(vec![id.ok_or_else(|| Error::missing("the elastic address's allocation id"))?])
        })
        .await?;
    ec2::only(ids, "the elastic address's allocation id")
}

/// Gateways that are not deleted yet; AWS shows deleted ones for about an hour.
async fn gateways(ctx: &SweepCtx, filters: Vec<Filter>) -> Result<Vec<Gateway>, Error> {
    let mut out = Vec::new();
    let mut pages = ctx.aws.ec2().describe_nat_gateways().set_filter(Some(filters)).into_paginator().send();
    while let Some(page) = pages.next().await {
        out.extend(page?.nat_gateways.unwrap_or_default());
    }
    out.retain(|g| g.state != Some(NatGatewayState::Deleted));
    Ok(out)
}

/// Elastic addresses that are parts of NAT gateways; DescribeAddresses has no pages.
async fn addresses(ctx: &SweepCtx, mut filters: Vec<Filter>) -> Result<Vec<ElasticAddress>, Error> {
    filters.push(ec2::filter(&format!("tag:{}", tags::PART), ADDRESS));
    Ok(ctx.aws.ec2().describe_addresses().set_filters(Some(filters)).send().await?.addresses.unwrap_or_default())
}

/// Internet gateways by the VPC that they are attached to: the stack's own ones are read anyway when all kinds are swept
/// together, and a VPC has one at most, so only what they do not serve is asked for.
async fn internet_gateways(ctx: &SweepCtx, vpcs: &BTreeSet<&str>) -> Result<BTreeMap<String, String>, Error> {
    let mut out = BTreeMap::new();
    let pair = |g: &AwsGateway| Some((internet_gateway::attached(g)?.to_owned(), g.internet_gateway_id()?.to_owned()));
    if ctx.answers.is_some() && !vpcs.is_empty() {
        out.extend(internet_gateway::owned(ctx).await?.iter().filter_map(pair));
    }
    let left: Vec<&str> = vpcs.iter().copied().filter(|vpc| !out.contains_key(*vpc)).collect();
    // A filter takes 200 values at most.
    for vpcs in left.chunks(200) {
        let filter = ec2::filter_any("attachment.vpc-id", vpcs.iter().copied());
        out.extend(internet_gateway::all(ctx, vec![filter]).await?.iter().filter_map(pair));
    }
    Ok(out)
}

/// Puts gateways and addresses together; an address that no gateway uses stands alone.
async fn assemble(
    ctx: &SweepCtx,
    gateways: Vec<Gateway>,
    mut loose: Vec<ElasticAddress>,
) -> Result<Vec<Live<NatGateway>>, Error> {
    // Who polls one that is being made learns nothing from its VPC.
    let settled = |g: &&Gateway| ctx.answers.is_some() || g.state != Some(NatGatewayState::Pending);
    let vpcs: BTreeSet<&str> = gateways.iter().filter(settled).filter_map(|g| g.vpc_id()).collect();
    let internet = internet_gateways(ctx, &vpcs).await?;
    let mut out: Vec<Live<NatGateway>> = Vec::new();
    for gateway in gateways {
        let used: BTreeSet<&str> = gateway.nat_gateway_addresses().iter().filter_map(|a| a.allocation_id()).collect();
        // What it uses is its part only if it belongs to the same place of the same stack.
        let owner = gateway.nat_gateway_id().and_then(|id| ctx.owner(id, &ec2::tags(gateway.tags())));
        let mine = loose
            .iter()
            .position(|a| a.allocation_id().is_some_and(|id| used.contains(id)) && is_of(ctx, a, owner.as_ref()));
        let address = mine.map(|index| loose.swap_remove(index));
        out.push(live_gateway(ctx, gateway, &internet, address.as_ref())?);
    }
    for address in loose {
        let tags = ec2::tags(address.tags());
        // A gateway that failed has let go of its address; more than one address is one too many, and goes with it.
        let its = |l: &&mut Live<NatGateway>| is_of(ctx, &address, ctx.owner(&l.id, &l.tags).as_ref());
        let gateway = out.iter_mut().find(its);
        let id = address.allocation_id.ok_or_else(|| Error::missing("the elastic address's allocation id"))?;
        if let Some(live) = gateway {
            let part = if live.parts.contains_key(ADDRESS) { format!("{ADDRESS} {id}") } else { ADDRESS.to_owned() };
            live.parts.insert(part, id);
            continue;
        }
        let spec = NatGateway { subnet: Ref::to_id(""), internet_gateway: None, elastic_ip: None };
        let mut live = Live::new(ctx.address(&id, &tags), &id, tags, spec);
        live.state = State::Partial;
        live.parts.insert(ADDRESS.to_owned(), id);
        live.outputs = ec2::outputs([("id", json!(null)), ("public_ip", json!(address.public_ip))]);
        out.push(live);
    }
    Ok(out)
}

/// Does this address belong to the same place of the same stack?
fn is_of(ctx: &SweepCtx, address: &ElasticAddress, owner: Option<&Ownership>) -> bool {
    let its = address.allocation_id().and_then(|id| ctx.owner(id, &ec2::tags(address.tags())));
    matches!((its, owner), (Some(its), Some(owner)) if its.address.is_some() && its.is_of(owner))
}

fn live_gateway(
    ctx: &SweepCtx,
    gateway: Gateway,
    internet: &BTreeMap<String, String>,
    address: Option<&ElasticAddress>,
) -> Result<Live<NatGateway>, Error> {
    let tags = ec2::tags(gateway.tags());
    let public_ip = gateway.nat_gateway_addresses().iter().find_map(|a| a.public_ip()).map(str::to_owned);
    let public_ip = public_ip.or_else(|| address.and_then(|a| a.public_ip.clone()));
    let id = gateway.nat_gateway_id.ok_or_else(|| Error::missing("the NAT gateway's id"))?;
    let (subnet, regional) = (gateway.subnet_id.unwrap_or_default(), "none: it is the whole VPC's");
    let at = ctx.address(&id, &tags);
    let mut uses: Vec<Id> =
        gateway.nat_gateway_addresses.unwrap_or_default().into_iter().filter_map(|a| a.allocation_id).collect();
    // An address of its own is a part of it, also one whose tags somebody removed: the proof asks for it.
    let parts = ctx.remembered.parts(&at);
    let is_own = address.is_some() || uses.iter().any(|id| parts.contains(id));
    let shared = if is_own { None } else { uses.drain(..).next() };
    let spec = NatGateway {
        subnet: Ref::to_id(&subnet),
        internet_gateway: gateway.vpc_id.and_then(|vpc| internet.get(&vpc)).map(Ref::to_id),
        elastic_ip: shared.map(Ref::to_id),
    };
    let mut live = Live::new(at, &id, tags, spec);
    live.novel.extend(subnet.is_empty().then(|| ("subnet".to_owned(), regional.to_owned())));
    live.state = match gateway.state {
        Some(NatGatewayState::Pending) => State::Pending,
        Some(NatGatewayState::Deleting) => State::Deleting,
        Some(NatGatewayState::Failed) => {
            let code = gateway.failure_code.unwrap_or_default();
            State::Failed(format!("{code}: {}", gateway.failure_message.unwrap_or_default()))
        }
        _ => State::Ready,
    };
    live.ids = uses;
    live.parts.extend(address.and_then(|a| a.allocation_id.clone()).map(|id| (ADDRESS.to_owned(), id)));
    live.created = ec2::time(gateway.create_time);
    live.outputs = ec2::outputs([("id", json!(id)), ("public_ip", json!(public_ip))]);
    Ok(live)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::price::{PriceBook, Usage};

    #[test]
    fn hours_address_and_data_are_priced() {
        let nat: NatGateway = serde_json::from_value(json!({ "subnet": { "$ref": "a" } })).unwrap();
        let usage = Usage::default();
        let lines = nat.price(&PriceContext::new(PriceBook::embedded(), "us-east-1", &usage));
        let what: Vec<&str> = lines.iter().map(|l| l.what.as_str()).collect();
        assert_eq!(what, ["NAT gateway", "data through the NAT gateway", "public IPv4 address"]);
        assert!(lines.iter().all(|l| l.rate.is_some()));
    }
}
