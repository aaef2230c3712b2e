//! What all kinds in EC2 read and write alike: tags, filters, lookups, address ranges, calls that need patience.
use crate::{
    address::Address,
    aws::{
        Error, ErrorClass,
        ownership::Ownership,
        tags::{self, Tags},
    },
    call::{Ctx, SweepCtx, backoff},
    packed::Packed,
    resource::{Id, Live, Lookup},
    units::Cidr,
};
use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification};
use aws_smithy_types::DateTime;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{fmt, future::Future};

/// A filter on one value.
pub(super) fn filter(name: &str, value: impl Into<String>) -> Filter {
    Filter::builder().name(name).values(value).build()
}

/// A filter on any of these values.
pub(super) fn filter_any<'a>(name: &str, values: impl IntoIterator<Item = &'a str>) -> Filter {
    let values = values.into_iter().map(str::to_owned).collect();
    Filter::builder().name(name).set_values(Some(values)).build()
}

/// EC2 takes so many values in a filter.
const VALUES: usize = 200;

/// The filters of a sweep.
pub(super) fn owned(ctx: &SweepCtx) -> Vec<Filter> {
    let stack = filter(&format!("tag:{}", tags::STACK), ctx.stack_filter());
    let only = ctx.only(VALUES).map(|only| filter_any(&format!("tag:{}", tags::ADDRESS), only.map(Address::as_str)));
    std::iter::once(stack).chain(only).collect()
}

/// The filters of what this stack owns at an address.
pub(super) fn of_address(ctx: &Ctx) -> Vec<Filter> {
    let own = Ownership {
        stack: ctx.scope.stack.clone(),
        stack_id: ctx.scope.stack_id.clone(),
        address: Some(ctx.address.clone()),
        ..Ownership::default()
    };
    let mut tags = own.write();
    tags.remove(tags::VERSION);
    tags.into_iter().map(|(key, value)| filter(&format!("tag:{key}"), value)).collect()
}

/// Tags as a map.
pub(super) fn tags(tags: &[Tag]) -> Tags {
    tags.iter().filter_map(|t| Some((t.key()?.to_owned(), t.value().unwrap_or("").to_owned()))).collect()
}

/// Tags in a create call.
pub(super) fn tag_specification(resource: ResourceType, tags: &Tags) -> TagSpecification {
    let tags = tags.iter().map(|(k, v)| Tag::builder().key(k).value(v).build()).collect();
    TagSpecification::builder().resource_type(resource).set_tags(Some(tags)).build()
}

/// The filters of a lookup; names in EC2 are `Name` tags unless the kind has its own.
pub(super) fn lookup_filters(id: &str, by: &Lookup) -> Vec<Filter> {
    match by {
        Lookup::Id(value) => vec![filter(id, value)],
        Lookup::Name(value) => vec![filter("tag:Name", value)],
        Lookup::Tags(tags) => tags.iter().map(|(k, v)| filter(&format!("tag:{k}"), v)).collect(),
    }
}

/// Objects with these ids, whoever owns them, in as few requests as EC2 takes.
pub(super) async fn with_ids<S, F, Fut>(name: &str, ids: &[Id], find: F) -> Result<Vec<Live<S>>, Error>
where
    F: Fn(Vec<Filter>) -> Fut,
    Fut: Future<Output = Result<Vec<Live<S>>, Error>>,
{
    let mut out = Vec::new();
    for some in ids.chunks(VALUES) {
        out.extend(find(vec![filter_any(name, some.iter().map(String::as_str))]).await?);
    }
    Ok(out)
}

/// The id that a create call answered with.
pub(super) fn only(ids: Vec<Id>, what: &str) -> Result<Id, Error> {
    ids.into_iter().next().ok_or_else(|| Error::missing(what))
}

/// Outputs by name.
pub(super) fn outputs<const N: usize>(pairs: [(&'static str, Value); N]) -> Packed<Value> {
    pairs.into()
}

/// The SDK's time as ours.
pub(super) fn time(at: Option<DateTime>) -> Option<Timestamp> {
    at.and_then(|t| Timestamp::from_second(t.secs()).ok())
}

/// The object as it is now, read before a change: pointers of a snapshot may be addresses, and it may be old.
pub(super) fn current<S>(found: Vec<Live<S>>, id: &str) -> Result<Live<S>, Error> {
    found.into_iter().next().ok_or_else(|| {
        Error::new(ErrorClass::NotVisibleYet, format!("{id} is not there"))
            .help("AWS shows changes after some seconds; if it was deleted meanwhile, plan again")
    })
}

/// What it is now: what this run has seen already, or what AWS shows before a change.
pub(super) async fn now<S: Clone>(
    ctx: &Ctx,
    live: &Live<S>,
    find: impl Future<Output = Result<Vec<Live<S>>, Error>>,
) -> Result<S, Error> {
    if ctx.fresh { Ok(live.spec.clone()) } else { Ok(current(find.await?, &live.id)?.spec) }
}

/// Repeats a change of an existing object while AWS does not know yet what it names.
///
/// Not for calls that make something with an id of its own: those go through [`Ctx::call`].
pub(super) async fn patient<T, F, Fut>(ctx: &Ctx, send: F) -> Result<T, Error>
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<T, Error>>,
{
    let started = ctx.clock.now();
    let mut tries = 0;
    loop {
        let error = match send().await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let waited = ctx.clock.now().duration_since(started);
        if error.class != ErrorClass::NotVisibleYet || waited >= SignedDuration::from_secs(120) {
            return Err(error);
        }
        tries += 1;
        ctx.recorder.waiting(&ctx.address, &error);
        ctx.clock.sleep(backoff(tries)).await;
    }
}

/// Success when what was to be made is there already; a look then tells whether it is as wanted.
pub(super) fn there<T>(ctx: &Ctx, result: Result<T, Error>) -> Result<(), Error> {
    match result {
        Ok(_) => Ok(()),
        Err(e) if e.class == ErrorClass::Exists => {
            ctx.doubtful();
            Ok(())
        }
        Err(e) => Err(e),
    }
}

/// An address range in a rule or a route. Blueprints write IPv4; live objects may hold IPv6 ranges too, which are
/// read so that they show up as a difference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Range(pub(super) String);

impl Range {
    /// The form in which AWS returns it (`10.0.0.0/8` for `10.0.0.0/08`).
    pub(super) fn normalize(&mut self) {
        if let Ok(range) = self.0.parse::<Cidr>() {
            self.0 = range.to_string();
        }
    }

    /// The range, if it is one of IPv4.
    pub(crate) fn v4(&self) -> Option<Cidr> {
        self.0.parse().ok()
    }

    /// Is it every address of IPv4?
    pub(crate) fn is_everything(&self) -> bool {
        self.0 == "0.0.0.0/0"
    }

    /// Is it an IPv6 range?
    pub(super) fn is_v6(&self) -> bool {
        self.0.contains(':')
    }

    /// The length of its prefix.
    pub(super) fn prefix(&self) -> Option<u8> {
        self.0.rsplit_once('/').and_then(|(_, bits)| bits.parse().ok())
    }
}
impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl JsonSchema for Range {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        Cidr::schema_name()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Cidr::json_schema(generator)
    }
}
