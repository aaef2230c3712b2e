//! elastic-ip: a public IPv4 address that stays when what uses it is replaced.
use crate::{
    aws::{Error, gone, tags},
    call::{Ctx, SweepCtx},
    catalog::quota,
    diagnostic::codes,
    kinds::ec2,
    price::{PriceContext, PriceLine, network},
    resource::{
        About, Call, Changes, Class, Durations, Gone, Id, Live, Lookup, Need, Output, Problem, Quota, Resource,
    },
};
use aws_sdk_ec2::types::{Address, DomainType, Filter, ResourceType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// A public IPv4 address of the account's own: others can let it through their firewalls, because it stays when the NAT
/// gateway that uses it is replaced. It costs the same whether it is used or not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ElasticIp {
    /// A pool of addresses that you have brought to AWS (`ipv4pool-ec2-…`), which cost nothing; without it, EC2 gives one
    /// of Amazon's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
}

const ALLOCATE: Call = Call::new("ec2:AllocateAddress", Class::Tags);

/// What EC2 calls the pool of its own addresses.
const AMAZON: &str = "amazon";

codes! {
    CODES:
    POOL = "DL2401", "Not the id of a pool of addresses",
        "`pool` is the id of a range of public IPv4 addresses that you have brought to AWS, and starts with \
         `ipv4pool-ec2-`. Without it EC2 gives one of Amazon's addresses.";
}

impl Resource for ElasticIp {
    const KIND: &'static str = "elastic-ip";
    const ABOUT: About = About {
        outputs: &[
            Output { name: "id", ty: "string", doc: "eipalloc-…" },
            Output { name: "public_ip", ty: "string", doc: "the address" },
        ],
        fixed: &["pool"],
        id_prefix: "eipalloc-",
        terraform: "aws_eip",
        calls: &[ALLOCATE],
        iam: &[
            "ec2:AllocateAddress",
            "ec2:DescribeAddresses",
            "ec2:ReleaseAddress",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ],
        quotas: &[Quota { code: "L-0263D0A3", name: "EC2-VPC Elastic IPs" }],
        codes: CODES,
        spends: true,
        prices: "vpc",
        durations: Some(Durations::quick(2, 2, 2)),
        gone: Gone::AtOnce,
        stand_in: "{}",
        ..About::new("A public IPv4 address that stays when what uses it is replaced")
    };

    fn summary(&self) -> String {
        self.pool.as_ref().map_or("an address of Amazon's".to_owned(), |pool| format!("an address of {pool}"))
    }

    fn check(&self, problems: &mut Vec<Problem>) {
        if let Some(pool) = self.pool.as_deref().filter(|pool| !pool.starts_with("ipv4pool-ec2-")) {
            problems.push(Problem {
                code: &POOL,
                path: "pool".to_owned(),
                summary: format!("`{pool}` is not the id of a pool of addresses"),
                help: "write `ipv4pool-ec2-…`, or leave `pool` out".to_owned(),
            });
        }
    }

    fn price(&self, ctx: &PriceContext<'_>) -> Vec<PriceLine> {
        if self.pool.is_some() { Vec::new() } else { vec![network::public_addresses(ctx, 1)] }
    }

    fn needs(&self) -> Vec<Need> {
        // A range of your own has addresses of its own.
        let amazons = self.pool.is_none().then_some(Need { quota: &quota::ELASTIC_IPS, amount: 1 });
        amazons.into_iter().collect()
    }

    async fn sweep(ctx: &SweepCtx) -> Result<Vec<Live<Self>>, Error> {
        let mut found = all(ctx, ec2::owned(ctx)).await?;
        // A part belongs to a NAT gateway, which has one for its own use.
        found.retain(|address| !ec2::tags(address.tags()).contains_key(tags::PART));
        found.iter().map(|address| read(ctx, address)).collect()
    }

    async fn create(&self, ctx: &Ctx, _: Option<&Live<Self>>) -> Result<Id, Error> {
        let ids = ctx
            .call(&ALLOCATE, "", &json!({ "domain": "vpc", "pool": self.pool }), |attempt| async move {
                let tags = ec2::tag_specification(ResourceType::ElasticIp, &attempt.tags);
                let call = ctx.aws.ec2_once().allocate_address().domain(DomainType::Vpc).tag_specifications(tags);
                let id = call.set_public_ipv4_pool(self.pool.clone()).send().await?.allocation_id;
                Ok(vec![id.ok_or_else(|| Error::missing("the elastic address's allocation id"))?])
            })
            .await?;
        ec2::only(ids, "the elastic address's allocation id")
    }

    async fn update(_: &Self, _: &Ctx, _: &Live<Self>, _: &Changes) -> Result<(), Error> {
        Ok(())
    }

    async fn delete(ctx: &Ctx, live: &Live<Self>) -> Result<(), Error> {
        gone(ctx.aws.ec2().release_address().allocation_id(&live.id).send().await.map_err(Error::from))
    }

    async fn lookup(ctx: &SweepCtx, by: &Lookup) -> Result<Vec<Live<Self>>, Error> {
        all(ctx, ec2::lookup_filters("allocation-id", by)).await?.iter().map(|address| read(ctx, address)).collect()
    }

    async fn lookup_ids(ctx: &SweepCtx, ids: &[Id]) -> Result<Vec<Live<Self>>, Error> {
        let find = |filters| async move { all(ctx, filters).await?.iter().map(|address| read(ctx, address)).collect() };
        ec2::with_ids("allocation-id", ids, find).await
    }
}

/// Every address that matches; DescribeAddresses has no pages.
async fn all(ctx: &SweepCtx, filters: Vec<Filter>) -> Result<Vec<Address>, Error> {
    Ok(ctx.aws.ec2().describe_addresses().set_filters(Some(filters)).send().await?.addresses.unwrap_or_default())
}

fn read(ctx: &SweepCtx, address: &Address) -> Result<Live<ElasticIp>, Error> {
    let tags = ec2::tags(address.tags());
    let id = address.allocation_id().ok_or_else(|| Error::missing("the elastic address's allocation id"))?;
    let spec = ElasticIp { pool: address.public_ipv4_pool().filter(|pool| *pool != AMAZON).map(str::to_owned) };
    let mut live = Live::new(ctx.address(id, &tags), id, tags, spec);
    live.outputs = ec2::outputs([("id", json!(id)), ("public_ip", json!(address.public_ip()))]);
    Ok(live)
}
