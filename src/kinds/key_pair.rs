//! key-pair: a public key with which people log in to machines; the private key stays with them.
mod material;

use crate::{
    aws::{Error, ErrorClass, gone, optional},
    call::{self, Ctx, SweepCtx},
    diagnostic::codes,
    kinds::ec2,
    resource::{
        About, Call, Changes, Claim, Class, Durations, Gone, Id, Live, Lookup, NameRule, Output, Problem, Resource,
    },
    spec,
};
use aws_sdk_ec2::types::{Filter, KeyPairInfo, ResourceType};
use aws_smithy_types::Blob;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// A public key for SSH, which an instance group names with `key_name: ${KEY.name}`.
///
/// It is imported only: a key that EC2 makes has a private half, which nobody would have again after a lost answer.
/// Machines read the key when they start for the first time. Session Manager (`dlinfra ssh`) needs none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyPair {
    /// Its name. Without one: the stack's and its own, with ten more characters that depend on the key. A changed key is
    /// then made beside the old one, and machines take it one after the other. With a name of your own only one exists at
    /// a time, and machines that use it are replaced all at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The public key as OpenSSH writes it: `ssh-ed25519 AAAA…` or `ssh-rsa AAAA…`, as in a file `.pub`. A comment after
    /// it is ignored.
    pub public_key: String,
}

const IMPORT: Call = Call::new("ec2:ImportKeyPair", Class::Name);
const RULE: NameRule = NameRule { max: 255, extra: "-_", lower: false };

codes! {
    CODES:
    NAME = "DL2301", "Not a legal name of a key pair",
        "A key pair has a name of 1 to 255 ASCII characters, without spaces at its ends. Names are unique in an account \
         and region. Without `name` dlinfra gives one.";
    PUBLIC_KEY = "DL2302", "Not a public key that EC2 takes",
        "EC2 takes public keys of the types ssh-ed25519 and ssh-rsa (1024, 2048 or 4096 bits) as OpenSSH writes them: the \
         first line of a file `.pub`. `ssh-keygen -t ed25519` makes a pair; `ssh-keygen -y -f FILE` shows the public half \
         of a private key. A private key does not belong in a blueprint: whoever reads it can log in.";
}

impl Resource for KeyPair {
    const KIND: &'static str = "key-pair";
    const ABOUT: About = About {
        outputs: &[
            Output { name: "id", ty: "string", doc: "key-…" },
            Output { name: "name", ty: "string", doc: "its name, for the `key_name` of machines" },
            Output {
                name: "fingerprint",
                ty: "string",
                doc: "as EC2 shows it; for an RSA key, not what ssh-keygen shows",
            },
        ],
        // EC2 has no call that changes one.
        fixed: &["name", "public_key"],
        successors: true,
        claims: &[Claim::of("name")],
        id_prefix: "key-",
        terraform: "aws_key_pair",
        calls: &[IMPORT],
        name: Some(RULE),
        iam: &["ec2:ImportKeyPair", "ec2:DescribeKeyPairs", "ec2:DeleteKeyPair", "ec2:CreateTags", "ec2:DeleteTags"],
        codes: CODES,
        free: true,
        durations: Some(Durations::quick(2, 2, 2)),
        gone: Gone::AtOnce,
        ..About::new("A public key with which people log in to machines by SSH")
    };

    fn summary(&self) -> String {
        let class = self.public_key.split_whitespace().next().unwrap_or_default();
        format!("a key of the type {}", class.strip_prefix("ssh-").unwrap_or("unknown"))
    }

    fn check(&self, problems: &mut Vec<Problem>) {
        let mut add = |code, path: &str, summary: String, help: &str| {
            problems.push(Problem { code, path: path.to_owned(), summary, help: help.to_owned() });
        };
        let legal = |name: &str| (1..=255).contains(&name.len()) && name.is_ascii() && name.trim() == name;
        if let Some(name) = self.name.as_deref().filter(|name| !legal(name)) {
            let summary = format!("`{name}` is not a legal name of a key pair");
            add(&NAME, "name", summary, "write 1 to 255 ASCII characters, such as `laptop`");
        }
        if let Some(why) = material::problem(&self.public_key) {
            let help = "write the line of a file `.pub`, such as `ssh-ed25519 AAAA…`";
            add(&PUBLIC_KEY, "public_key", why.to_owned(), help);
        }
    }

    fn normalize(&mut self) {
        if let Some(key) = material::bare(&self.public_key) {
            self.public_key = key;
        }
    }

    async fn sweep(ctx: &SweepCtx) -> Result<Vec<Live<Self>>, Error> {
        find(ctx, ec2::owned(ctx)).await
    }

    async fn create(&self, ctx: &Ctx, _: Option<&Live<Self>>) -> Result<Id, Error> {
        // Another key has another name, so that machines can be told to take it.
        let name = &self.name.clone().unwrap_or_else(|| ctx.name(&RULE, &self.public_key));
        let key = &self.public_key;
        let params = json!({ "name": name, "public_key": spec::sha256(key.as_bytes()) });
        let ids = ctx
            .call_named(&IMPORT, "", name, &params, |attempt| async move {
                let tags = ec2::tag_specification(ResourceType::KeyPair, &attempt.tags);
                let call = ctx.aws.ec2_once().import_key_pair().key_name(name).tag_specifications(tags);
                match call.public_key_material(Blob::new(key.as_bytes())).send().await.map_err(Error::from) {
                    Ok(out) => Ok(vec![out.key_pair_id.ok_or_else(|| Error::missing("the key pair's id"))?]),
                    Err(e) if e.class == ErrorClass::Exists => Ok(vec![taken(ctx, name).await?]),
                    Err(e) => Err(e),
                }
            })
            .await?;
        ec2::only(ids, "the key pair's id")
    }

    async fn update(_: &Self, _: &Ctx, _: &Live<Self>, _: &Changes) -> Result<(), Error> {
        Ok(())
    }

    async fn delete(ctx: &Ctx, live: &Live<Self>) -> Result<(), Error> {
        gone(ctx.aws.ec2().delete_key_pair().key_pair_id(&live.id).send().await.map_err(Error::from))
    }

    async fn lookup(ctx: &SweepCtx, by: &Lookup) -> Result<Vec<Live<Self>>, Error> {
        let filters = match by {
            Lookup::Name(name) => vec![ec2::filter("key-name", name)],
            other => ec2::lookup_filters("key-pair-id", other),
        };
        find(ctx, filters).await
    }

    async fn lookup_ids(ctx: &SweepCtx, ids: &[Id]) -> Result<Vec<Live<Self>>, Error> {
        ec2::with_ids("key-pair-id", ids, |filters| find(ctx, filters)).await
    }
}

/// What has the name already, if it is ours.
async fn taken(ctx: &Ctx, name: &str) -> Result<Id, Error> {
    let found = find(&ctx.sweep(), vec![ec2::filter("key-name", name)]).await?.into_iter().next();
    let hidden = || Error::new(ErrorClass::NotVisibleYet, format!("the key pair {name} is not shown yet"));
    let found = found.ok_or_else(hidden)?;
    ctx.ours(&format!("the key pair {name}"), &found.tags)?;
    ctx.doubtful();
    Ok(found.id)
}

/// Every key pair that matches; one request, since EC2 does not paginate them.
async fn find(ctx: &SweepCtx, filters: Vec<Filter>) -> Result<Vec<Live<KeyPair>>, Error> {
    let call = ctx.aws.ec2().describe_key_pairs().include_public_key(true).set_filters(Some(filters));
    let found = optional(call.send().await.map_err(Error::from))?.and_then(|out| out.key_pairs);
    found.unwrap_or_default().iter().map(|pair| read(ctx, pair)).collect()
}

fn read(ctx: &SweepCtx, pair: &KeyPairInfo) -> Result<Live<KeyPair>, Error> {
    let tags = ec2::tags(pair.tags());
    let id = pair.key_pair_id().ok_or_else(|| Error::missing("the key pair's id"))?;
    let name = pair.key_name().ok_or_else(|| Error::missing("the key pair's name"))?;
    let key = pair.public_key().ok_or_else(|| Error::missing("the public key of a key pair"))?;
    let address = ctx.address(id, &tags);
    let mut spec = KeyPair { name: Some(name.to_owned()), public_key: key.to_owned() };
    spec.normalize();
    // One that dlinfra gives is no claim: another key has another one.
    spec.name.take_if(|name| *name == call::name(&ctx.scope, &address, &RULE, &spec.public_key));
    let mut live = Live::new(address, id, tags, spec);
    live.created = ec2::time(pair.create_time().copied());
    let fingerprint = json!(pair.key_fingerprint());
    live.outputs = ec2::outputs([("id", json!(id)), ("name", json!(name)), ("fingerprint", fingerprint)]);
    Ok(live)
}
