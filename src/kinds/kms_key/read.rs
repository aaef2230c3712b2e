//! Keys as KMS shows them: found by their tags, which each has for itself, or by id, ARN or alias. A key that AWS only keeps
//! until its time is over counts as gone.
use super::{KmsKey, RULE, policy};
use crate::{
    aws::{
        Error, ErrorClass, optional,
        tags::{self, Tags},
    },
    call::{self, Ctx, SweepCtx},
    kinds::window,
    resource::{Live, Lookup, Resource, State},
    units::Span,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

/// How many keys are read at the same time.
const AT_ONCE: usize = 8;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    key_arn: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Alias {
    alias_name: String,
}

/// As DescribeKey shows it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Key {
    arn: String,
    key_id: String,
    creation_date: Option<f64>,
    description: Option<String>,
    key_state: String,
    deletion_date: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Rotation {
    #[serde(default)]
    key_rotation_enabled: bool,
    rotation_period_in_days: Option<u64>,
}

/// All items of a list. KMS calls the token otherwise in a request than in an answer.
async fn listed<T: DeserializeOwned>(
    ctx: &SweepCtx,
    action: &'static str,
    mut input: Value,
    list: &str,
) -> Result<Vec<T>, Error> {
    let mut out = Vec::new();
    loop {
        let mut page: Value = ctx.aws.kms().call(action, &input).await?;
        let items: Vec<T> = serde_json::from_value(page[list].take()).map_err(|e| Error::bug(e.to_string()))?;
        out.extend(items);
        match page["NextMarker"].as_str() {
            Some(next) => input["Marker"] = json!(next),
            None => return Ok(out),
        }
    }
}

/// The ARNs of all keys of account and region.
async fn keys(ctx: &SweepCtx) -> Result<Vec<String>, Error> {
    let all: Vec<Listed> = listed(ctx, "ListKeys", json!({ "Limit": 1000 }), "Keys").await?;
    Ok(all.into_iter().map(|key| key.key_arn).collect())
}

/// The tags of a key; nothing where there is no such key. Whose keys the caller may not look at are not ours, unless the
/// journal says that they are.
async fn tags_of(ctx: &SweepCtx, arn: &str) -> Result<Option<Tags>, Error> {
    let read = KmsKey::ABOUT.tagger.read(&ctx.aws, &[arn.to_owned()]).await;
    match optional(read) {
        Err(e) if e.class == ErrorClass::Denied && ctx.remembered.address(arn).is_none() => Ok(None),
        read => Ok(read?.and_then(|mut all| all.remove(arn))),
    }
}

async fn tagged(
    ctx: &SweepCtx,
    arns: Vec<String>,
    wanted: impl Fn(&Tags) -> bool + Send + Sync,
) -> Result<Vec<Live<KmsKey>>, Error> {
    let wanted = &wanted;
    let read = |arn: String| async move {
        let Some(tags) = tags_of(ctx, &arn).await?.filter(|tags| wanted(tags)) else { return Ok(None) };
        match describe(ctx, &arn).await? {
            Some(key) => live(ctx, key, tags).await,
            None => Ok(None),
        }
    };
    let reads: Vec<_> = arns.into_iter().map(read).collect();
    let lives: Vec<Option<_>> = stream::iter(reads).buffered(AT_ONCE).try_collect().await?;
    Ok(lives.into_iter().flatten().collect())
}

pub(super) async fn sweep(ctx: &SweepCtx) -> Result<Vec<Live<KmsKey>>, Error> {
    let arns = match ctx.only_ids() {
        Some(ids) => ids.into_iter().cloned().collect(),
        None => keys(ctx).await?,
    };
    tagged(ctx, arns, |tags| ctx.takes(tags)).await
}

pub(super) async fn lookup(ctx: &SweepCtx, by: &Lookup) -> Result<Vec<Live<KmsKey>>, Error> {
    match by {
        Lookup::Id(id) | Lookup::Name(id) => {
            let Some(key) = describe(ctx, &named(id)).await? else { return Ok(Vec::new()) };
            let tags = tags_of(ctx, &key.arn).await?.unwrap_or_default();
            Ok(live(ctx, key, tags).await?.into_iter().collect())
        }
        Lookup::Tags(wanted) => {
            tagged(ctx, keys(ctx).await?, |tags| wanted.iter().all(|(k, v)| tags.get(k) == Some(v))).await
        }
    }
}

/// Ids and ARNs are taken as they are; anything else is an alias.
fn named(id: &str) -> String {
    let is_id = id.len() == 36 && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    if id.starts_with("arn:") || id.starts_with("alias/") || is_id { id.to_owned() } else { format!("alias/{id}") }
}

async fn describe(ctx: &SweepCtx, id: &str) -> Result<Option<Key>, Error> {
    let told: Option<Value> = optional(ctx.aws.kms().call("DescribeKey", &json!({ "KeyId": id })).await)?;
    let key = told.map(|mut told| serde_json::from_value(told["KeyMetadata"].take()));
    key.transpose().map_err(|_| Error::missing("the key's metadata"))
}

/// Does this alias lead to the key already? That of another key is refused.
pub(super) async fn leads_to(ctx: &Ctx, alias: &str, arn: &str) -> Result<bool, Error> {
    let sweep = ctx.sweep();
    match describe(&sweep, &format!("alias/{alias}")).await? {
        None => Ok(false),
        Some(key) if key.arn == arn => Ok(true),
        Some(key) => {
            let stack = tags_of(&sweep, &key.arn).await?.and_then(|tags| tags.get(tags::STACK).cloned());
            Err(Error::stranger(&format!("the alias {alias}"), stack.as_deref()))
        }
    }
}

async fn live(ctx: &SweepCtx, key: Key, tags: Tags) -> Result<Option<Live<KmsKey>>, Error> {
    let about = json!({ "KeyId": key.arn });
    let state = match key.key_state.as_str() {
        "PendingDeletion" => {
            kept(ctx, &key, &tags);
            return Ok(None);
        }
        "Enabled" | "Disabled" => State::Ready,
        "Creating" | "Updating" | "PendingImport" => State::Pending,
        other => State::Degraded(other.to_owned()),
    };
    let kms = ctx.aws.kms();
    let Some(told) =
        optional(kms.call::<Value>("GetKeyPolicy", &json!({ "KeyId": key.arn, "PolicyName": "default" })).await)?
    else {
        return Ok(None);
    };
    let (policy, delegates) = policy::parse(told["Policy"].as_str().unwrap_or("{}"), &ctx.scope)?;
    let rotation = match kms.call::<Rotation>("GetKeyRotationStatus", &about).await {
        Ok(told) => told.key_rotation_enabled.then_some(told.rotation_period_in_days.unwrap_or(365)),
        Err(e) if e.class == ErrorClass::NotFound => return Ok(None),
        // A key of another sort, which somebody names.
        Err(e) if e.is("UnsupportedOperationException") => None,
        Err(e) => return Err(e),
    };
    let aliases: Vec<Alias> = listed(ctx, "ListAliases", about, "Aliases").await?;
    let bare = |alias: Alias| alias.alias_name.strip_prefix("alias/").map(str::to_owned);
    let mut aliases: Vec<String> = aliases.into_iter().filter_map(bare).collect();
    aliases.sort();
    let address = ctx.address(&key.arn, &tags);
    let ours = call::name(&ctx.scope, &address, &RULE, "");
    let alias = aliases.iter().find(|alias| **alias == ours).or(aliases.first()).cloned();
    let window = window::of(&tags);
    let spec = KmsKey {
        alias: alias.clone(),
        description: key.description.filter(|text| !text.is_empty()),
        rotation: rotation.map(|days| Span::from_hours(days * 24)),
        policy,
        enabled: key.key_state != "Disabled",
        deletion_window: window,
        delegates,
        named: alias.is_some(),
        aliases: aliases.clone(),
    };
    let mut live = Live::new(address, &key.arn, tags, spec);
    live.state = state;
    live.ids = vec![key.key_id.clone()];
    live.ids.extend(aliases.iter().map(|alias| format!("alias/{alias}")));
    live.outputs.insert("id", json!(key.key_id));
    live.outputs.insert("arn", json!(key.arn));
    live.outputs.insert("alias", json!(alias.map(|alias| format!("alias/{alias}"))));
    live.created = key.creation_date.and_then(time);
    Ok(Some(live))
}

fn time(at: f64) -> Option<Timestamp> {
    Timestamp::from_millisecond((at * 1000.0) as i64).ok()
}

/// Says of a key of ours until when AWS keeps it.
fn kept(ctx: &SweepCtx, key: &Key, tags: &Tags) {
    let Some(until) = key.deletion_date.and_then(time).filter(|_| ctx.takes(tags)) else { return };
    let until = until.strftime("%Y-%m-%d");
    ctx.kept.say(format!(
        "KMS keeps the key {} until {until}; `aws kms cancel-key-deletion --key-id {}` brings it back",
        key.arn, key.key_id
    ));
}
