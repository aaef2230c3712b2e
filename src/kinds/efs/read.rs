//! File systems as EFS shows them, with what each of its other calls says of them.
use super::{
    Efs, FILE_SYSTEMS, Throughput, points,
    settings::{self, Lifecycle},
    targets::{self, Target},
};
use crate::{
    aws::{
        Error,
        json::rest::segment,
        optional,
        ownership::Ownership,
        tags::{self, Tags},
    },
    call::SweepCtx,
    field::Ref,
    resource::{Live, Lookup, State},
    units::Bandwidth,
};
use jiff::Timestamp;
use rust_decimal::{Decimal, prelude::ToPrimitive};
use serde::Deserialize;
use serde_json::{Number, Value, json};
use std::{collections::BTreeMap, str::FromStr};

/// As DescribeFileSystems shows it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Found {
    pub(super) file_system_id: String,
    file_system_arn: Option<String>,
    creation_time: Option<Number>,
    life_cycle_state: String,
    #[serde(default)]
    encrypted: bool,
    kms_key_id: Option<String>,
    throughput_mode: Option<String>,
    provisioned_throughput_in_mibps: Option<Number>,
    availability_zone_name: Option<String>,
    #[serde(default)]
    size_in_bytes: Value,
    #[serde(default)]
    tags: Value,
}

impl Found {
    pub(super) fn tags(&self) -> Tags {
        tags::of_pairs(&self.tags)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.size_in_bytes["Value"].as_u64().unwrap_or(0)
    }
}

/// A number of AWS's without what stands behind the point.
fn whole(number: &Number) -> Option<u64> {
    Decimal::from_str(&number.to_string()).or_else(|_| Decimal::from_scientific(&number.to_string())).ok()?.to_u64()
}

/// Every file system that a query asks for; none where it names one that is not there.
pub(super) async fn list(ctx: &SweepCtx, query: &str) -> Result<Vec<Found>, Error> {
    let path = format!("{FILE_SYSTEMS}{query}");
    let words = ["FileSystems", "NextMarker", "Marker"];
    let mut all: Vec<Found> =
        optional(ctx.aws.efs().rest_pages("DescribeFileSystems", &path, words).await)?.unwrap_or_default();
    all.retain(|one| one.life_cycle_state != "deleted");
    Ok(all)
}

pub(super) async fn lookup(ctx: &SweepCtx, by: &Lookup) -> Result<Vec<Live<Efs>>, Error> {
    let query = match by {
        Lookup::Id(id) => format!("?FileSystemId={}", segment(id)),
        _ => String::new(),
    };
    let mut found = list(ctx, &query).await?;
    found.retain(|one| match by {
        Lookup::Id(_) => true,
        Lookup::Name(name) => one.tags().get("Name") == Some(name),
        Lookup::Tags(wanted) => wanted.iter().all(|(key, value)| one.tags().get(key) == Some(value)),
    });
    describe(ctx, found).await
}

/// What is around a file system.
#[derive(Default)]
struct Around {
    targets: Vec<Target>,
    points: Vec<points::Point>,
    lifecycle: Option<Lifecycle>,
    backup: bool,
}

/// Adds what DescribeFileSystems does not return: addresses, access points, lifecycle, backups.
pub(super) async fn describe(ctx: &SweepCtx, found: Vec<Found>) -> Result<Vec<Live<Efs>>, Error> {
    let mut all = Vec::new();
    for one in found {
        let around = match one.life_cycle_state.as_str() {
            // It has nothing yet, or nothing that anybody asks for any more.
            "creating" | "deleting" => Around::default(),
            _ => {
                let id = &one.file_system_id;
                let Some((lifecycle, backup)) = settings::read(ctx, id).await? else { continue };
                let (targets, points) = tokio::try_join!(targets::list(ctx, id), points::list(ctx, id))?;
                Around { targets, points, lifecycle, backup }
            }
        };
        all.push((one, around));
    }
    let staying: Vec<&Target> =
        all.iter().flat_map(|(_, around)| &around.targets).filter(|target| !target.goes()).collect();
    let groups = targets::groups(ctx, &staying).await?;
    all.iter().map(|(one, around)| live(ctx, one, around, &groups)).collect()
}

fn live(
    ctx: &SweepCtx,
    found: &Found,
    around: &Around,
    groups: &BTreeMap<String, Vec<String>>,
) -> Result<Live<Efs>, Error> {
    let (id, own) = (&found.file_system_id, found.tags());
    let here: Vec<&Target> = around.targets.iter().filter(|target| !target.goes()).collect();
    let mut sets: Vec<&Vec<String>> = here.iter().filter_map(|target| groups.get(&target.subnet_id)).collect();
    sets.dedup();
    let mode = found.throughput_mode.as_deref().unwrap_or("bursting");
    let known = Throughput::ALL.into_iter().find(|known| known.name() == mode);
    let spec = Efs {
        subnets: here.iter().map(|target| Ref::to_id(&target.subnet_id)).collect(),
        // Where its addresses have different groups, none are those that are wanted.
        security_groups: match sets.as_slice() {
            [one] => one.iter().map(Ref::to_id).collect(),
            _ => Vec::new(),
        },
        zone: found.availability_zone_name.clone(),
        throughput: known.unwrap_or_default(),
        provisioned: found.provisioned_throughput_in_mibps.as_ref().and_then(whole).map(Bandwidth::new),
        lifecycle: around.lifecycle.clone(),
        backup: around.backup,
        encrypted: found.encrypted,
        kms_key: found.kms_key_id.clone().map(Into::into),
        access_points: BTreeMap::new(),
    };
    let scope = &ctx.scope;
    let arn = found.file_system_arn.clone().unwrap_or_else(|| {
        format!("arn:{}:elasticfilesystem:{}:{}:file-system/{id}", scope.partition, scope.region, scope.account)
    });
    let end = if scope.partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
    let owner = ctx.owner(id, &own);
    let mut live = Live::new(ctx.address(id, &own), id, own, spec);
    live.outputs = [
        ("id", json!(id)),
        ("arn", json!(arn)),
        ("dns_name", json!(format!("{id}.efs.{}.{end}", scope.region))),
        ("access_points", json!([])),
    ]
    .into();
    points::read(&mut live, &around.points, |tags| {
        let its = Ownership::read(tags);
        owner.as_ref().zip(its.as_ref()).is_some_and(|(a, b)| (&a.stack, &a.stack_id) == (&b.stack, &b.stack_id))
    });
    if known.is_none() {
        live.novel.insert("throughput".to_owned(), mode.to_owned());
    }
    live.state = state(found, &around.targets);
    live.created =
        found.creation_time.as_ref().and_then(whole).and_then(|s| Timestamp::from_second(i64::try_from(s).ok()?).ok());
    live.ids = vec![arn];
    Ok(live)
}

fn state(found: &Found, targets: &[Target]) -> State {
    match found.life_cycle_state.as_str() {
        "creating" | "updating" => return State::Pending,
        "deleting" => return State::Deleting,
        "error" => return State::Failed("EFS gives no reason".to_owned()),
        _ => {}
    }
    let of = |state: &str| targets.iter().find(|target| target.life_cycle_state == state);
    if ["creating", "updating", "deleting"].iter().any(|state| of(state).is_some()) {
        return State::Pending;
    }
    match of("error") {
        Some(target) => State::Degraded(format!("its address in {} is in the state error", target.subnet_id)),
        None => State::Ready,
    }
}
