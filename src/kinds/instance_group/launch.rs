//! Starting, changing and ending instances.
use super::{
    Boot, InstanceGroup, Market, RUN,
    ladder::{self, Known},
    live,
    live::Fleet,
    machine_image::{self, MachineImage},
    placement, profile,
    request::Plan,
    reserved,
};
use crate::{
    aws::{Error, ErrorClass, tags},
    call::{Ctx, backoff},
    catalog,
    kinds::ec2,
    resource::Id,
};
use aws_sdk_ec2::types::{HttpTokensState, InstanceType, Placement};
use jiff::SignedDuration;
use std::{collections::BTreeSet, time::Duration};
use tokio::sync::OnceCell;

/// RunInstances starts this many at once, all or nothing.
const GANG: u32 = 256;

/// The time between two questions for capacity that AWS does not have.
const AGAIN: Duration = Duration::from_secs(30);

/// Starts `count` more members beside those of `fleet`.
pub(super) async fn launch(want: &InstanceGroup, ctx: &Ctx, fleet: &Fleet, count: u32) -> Result<(), Error> {
    let first = fleet.members.is_empty();
    let (ways, put_off) = ladder::remembered(ctx, ladder::beside(want.rungs(), &fleet.members))?;
    let known = Known::ask(ctx, &ways).await?;
    let profile = profile::of(want, ctx).await?;
    let image = image(want, ctx, fleet).await?;
    let user_data = want.boot.as_ref().map(Boot::user_data).transpose()?;
    let one = |way| Plan { way, image: &image, profile: profile.as_deref(), user_data: user_data.as_deref() };
    let plans: Vec<Plan<'_>> = ways.iter().map(one).collect();
    let mut beside: BTreeSet<Id> = fleet.members.iter().filter_map(|m| m.instance_id().map(str::to_owned)).collect();
    let group = OnceCell::new();
    let mut left = count;
    while left > 0 {
        let gang = left.min(GANG);
        let launch = Launch { want, plans: &plans, known: &known, first, gang, count, beside: &beside, group: &group };
        let started = match launch.start(ctx, put_off.clone()).await {
            Ok(started) => started,
            Err(error) => return Err(reserved::not_yet(want, ctx, error).await),
        };
        wait_until_seen(ctx, &started).await?;
        beside.extend(started);
        left -= gang;
    }
    Ok(())
}

/// One gang, all or nothing.
struct Launch<'l> {
    /// The group with all its ways.
    want: &'l InstanceGroup,
    plans: &'l [Plan<'l>],
    known: &'l Known,
    /// Is it the fleet's first?
    first: bool,
    gang: u32,
    /// Of so many altogether.
    count: u32,
    beside: &'l BTreeSet<Id>,
    /// The placement group of all ways that take one: what was just made is not looked for again.
    group: &'l OnceCell<Option<Placement>>,
}

impl Launch<'_> {
    /// Starts the gang in the first of the ways for which AWS has room.
    async fn start(&self, ctx: &Ctx, mut refused: Vec<String>) -> Result<Vec<Id>, Error> {
        for (at, plan) in self.plans.iter().enumerate() {
            let mut error = match self.in_this_way(ctx, plan).await {
                Ok(ids) => return Ok(ids),
                Err(error) => error,
            };
            if ladder::is_wall(&error) && self.plans.len() > 1 {
                error.message = format!("{}: {}", plan.want().bought(), error.message);
                if at + 1 < self.plans.len() {
                    ctx.waiting(&error);
                    refused.push(error.message);
                    continue;
                }
            }
            if !refused.is_empty() {
                refused.push(error.message);
                error.message = refused.join("; ");
            }
            return Err(explain(error, plan.want(), self.gang, self.count));
        }
        Err(Error::bug("a group is bought in no way"))
    }

    /// Asks again as long as the way says.
    async fn in_this_way(&self, ctx: &Ctx, plan: &Plan<'_>) -> Result<Vec<Id>, Error> {
        if let Some(why) = self.known.refuses(plan.want(), self.gang) {
            let id = plan.want().reservation.as_ref().map(ToString::to_string).unwrap_or_default();
            return Err(Error::new(ErrorClass::Capacity, format!("{id} {why}")));
        }
        let patience = SignedDuration::from_secs(plan.way.wait.map_or(0, |wait| wait.seconds().cast_signed()));
        let began = ctx.clock.now();
        loop {
            let error = match self.send(ctx, plan).await {
                Err(error) if error.class == ErrorClass::Capacity => error,
                other => return other,
            };
            let left = patience - ctx.clock.now().duration_since(began);
            if !left.is_positive() {
                return Err(error);
            }
            ctx.waiting(&error);
            ctx.clock.sleep(left.unsigned_abs().min(AGAIN)).await;
        }
    }

    async fn send(&self, ctx: &Ctx, plan: &Plan<'_>) -> Result<Vec<Id>, Error> {
        // A reservation takes a placement group only if it was made in that group.
        let none =
            self.first && self.plans.len() > 1 && !plan.want().clustered() && plan.want().placement_group.is_none();
        // One for all ways: an empty one stands in no zone yet.
        let group = match none {
            true => None,
            false => self.group.get_or_try_init(|| placement::ensure(self.want, ctx, self.first)).await?.clone(),
        };
        let params = plan.params(group.as_ref(), self.gang, self.beside)?;
        ctx.call(&RUN, "", &params, |attempt| {
            let call = plan.request(ctx, group.as_ref(), self.gang, &attempt);
            async move {
                let out = call?.send().await?;
                Ok(out.instances.unwrap_or_default().into_iter().filter_map(|i| i.instance_id).collect())
            }
        })
        .await
    }
}

/// Members that were launched with the same name of an image decide what that name means here; then the plan, which
/// the journal keeps.
async fn image(want: &InstanceGroup, ctx: &Ctx, fleet: &Fleet) -> Result<MachineImage, Error> {
    let name = want.image.as_deref().ok_or_else(|| Error::bug("a group without an image was not refused"))?;
    let digest = |tag: &str| tag.split('/').find_map(|pair| pair.strip_prefix("image=")).map(str::to_owned);
    let wanted = digest(&ctx.spec_tag);
    let same = fleet.members.iter().find(|m| {
        let tag = ec2::tags(m.tags()).get(tags::SPEC).and_then(|t| digest(t));
        tag.is_some() && tag == wanted && m.instance_type().map(InstanceType::as_str) == Some(&want.instance_type)
    });
    let id = match same.and_then(|m| m.image_id()).or(ctx.image.as_deref()) {
        Some(id) => id.to_owned(),
        None => machine_image::resolve(ctx, name, &want.instance_type).await?,
    };
    machine_image::describe(ctx, id).await
}

/// EC2 may hide for a while what it just started; a second launch in that time would be one too many.
async fn wait_until_seen(ctx: &Ctx, ids: &[Id]) -> Result<(), Error> {
    let began = ctx.clock.now();
    let mut tries = 0;
    loop {
        let fleet = live::fleet(ctx).await?;
        if ids.iter().all(|id| fleet.shows(id)) {
            return Ok(());
        }
        if ctx.clock.now().duration_since(began) > SignedDuration::from_mins(5) {
            return Err(Error::new(
                ErrorClass::Other,
                "EC2 started instances that it does not show after five minutes",
            )
            .help("apply again: what was started is found by its tags"));
        }
        ctx.clock.sleep(backoff(tries)).await;
        tries += 1;
    }
}

/// Ends instances, when nobody sends them anything any more; TerminateInstances is all or nothing and takes 1,000.
pub(super) async fn terminate(ctx: &Ctx, ids: &[Id], staying: &[Id]) -> Result<(), Error> {
    if !ids.is_empty() {
        ctx.let_go(ids, staying).await?;
    }
    for some in ids.chunks(1000) {
        let sent = ctx.aws.ec2().terminate_instances().set_instance_ids(Some(some.to_vec())).send().await;
        crate::aws::gone(sent.map_err(Error::from))?;
    }
    Ok(())
}

/// Changes what EC2 changes while instances run. The sweep looks at the oldest, so it comes last: a run that was killed
/// half-way is seen as unfinished.
pub(super) async fn change_in_place(want: &InstanceGroup, ctx: &Ctx, ids: &[Id]) -> Result<(), Error> {
    let ec2 = ctx.aws.ec2();
    let ids: Vec<Id> = ids.iter().rev().cloned().collect();
    for some in ids.chunks(500) {
        match want.monitoring {
            true => drop(ec2.monitor_instances().set_instance_ids(Some(some.to_vec())).send().await?),
            false => drop(ec2.unmonitor_instances().set_instance_ids(Some(some.to_vec())).send().await?),
        }
    }
    let hops = i32::try_from(want.metadata_hops).unwrap_or(2);
    for id in ids {
        let call = ec2.modify_instance_metadata_options().instance_id(id).http_put_response_hop_limit(hops);
        call.http_tokens(HttpTokensState::Required).send().await?;
    }
    Ok(())
}

/// Capacity and quota errors in words that say what to do.
fn explain(error: Error, want: &InstanceGroup, gang: u32, count: u32) -> Error {
    let what = format!("{gang} x {}", want.instance_type);
    let gangs = match count > gang {
        true => format!(" ({count} are wanted; each {GANG} start all or nothing, by themselves)"),
        false => " (all or nothing: none of them was started)".to_owned(),
    };
    let help = match error.class {
        ErrorClass::Capacity => match want.reservation {
            Some(_) => {
                "the reservation is full, over, or for another type or zone: check it, or lower `count`".to_owned()
            }
            None => "apply again later, or use a subnet in another zone, another type, another `market` or a `fallback`, or \
                     buy a Capacity Block and name it in `reservation`"
                .to_owned(),
        },
        ErrorClass::Quota => {
            let facts = catalog::instance_type(&want.instance_type).ok();
            let quota = facts.and_then(|f| match want.market {
                Market::Spot => f.spot_quota(),
                _ => f.on_demand_quota(),
            });
            let need = facts.map_or(0, |f| f.vcpus.saturating_mul(want.count));
            match quota {
                Some(q) => {
                    format!("ask for {need} vCPU of `{}` ({}) in Service Quotas, or lower `count`", q.name, q.code)
                }
                None => format!("ask for {need} vCPU of this family in Service Quotas, or lower `count`"),
            }
        }
        ErrorClass::NotVisibleYet if error.message.contains("Instance Profile") => return profile::refused(error, want),
        _ => return error,
    };
    let message = format!("{what}{gangs}: {}", error.message);
    Error { message, ..error }.help(help)
}
