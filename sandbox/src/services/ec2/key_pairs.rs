//! Key pairs that somebody brings. None is made here: nobody could log in with it, because no machine runs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::filters::{Filters, tags_of};
use super::invalid;
use super::tags::{TagSpecs, erase, tag_set};
use crate::call::Call;
use crate::error::ApiError;
use crate::service::{Operation, read, write};
use crate::store::Object;
use crate::wire::reply::Reply;
use crate::wire::xml::Xml;

pub(super) const OPERATIONS: &[Operation] =
    &[write("ImportKeyPair", import), read("DescribeKeyPairs", describe), write("DeleteKeyPair", delete)];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct KeyPair {
    pub(super) id: String,
    created: Timestamp,
    pub(super) name: String,
    /// `rsa` or `ed25519`.
    key_type: String,
    fingerprint: String,
    public_key: String,
}

impl Object for KeyPair {
    const KIND: &'static str = "ec2/key-pair";
    fn id(&self) -> &str {
        &self.id
    }
    fn created(&self) -> Timestamp {
        self.created
    }
}

fn missing(name: &str) -> ApiError {
    ApiError::bad("InvalidKeyPair.NotFound", format!("The key pair '{name}' does not exist"))
}

fn import(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let name = call.params.text("KeyName")?;
    let material = call.params.text("PublicKeyMaterial")?;
    let tags = TagSpecs::take(call, &["key-pair"])?;
    if name.is_empty() || name.len() > 255 || !name.is_ascii() {
        return Err(invalid(format!("Value ({name}) for parameter keyName is invalid.")));
    }
    let unfit = || ApiError::bad("InvalidKey.Format", "Key is not in valid OpenSSH public key format");
    let text = STANDARD.decode(&material).ok().and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(unfit)?;
    let mut words = text.split_whitespace();
    let key_type = match words.next() {
        Some("ssh-rsa") => "rsa",
        Some("ssh-ed25519") => "ed25519",
        _ => return Err(unfit()),
    };
    let key = words.next().and_then(|word| STANDARD.decode(word).ok()).ok_or_else(unfit)?;
    if call.all::<KeyPair>().any(|other| other.name == name) {
        return Err(ApiError::bad("InvalidKeyPair.Duplicate", format!("The keypair '{name}' already exists.")));
    }
    // Of an RSA key AWS shows another digest, which nothing here depends on.
    let fingerprint = STANDARD.encode(Sha256::digest(&key));
    let id = call.world.new_id("key-");
    let pair = KeyPair {
        id: id.clone(),
        created: call.now,
        name,
        key_type: key_type.to_owned(),
        fingerprint,
        public_key: text,
    };
    tags.apply(call, "key-pair", &id);
    let xml = Xml::new().text("keyFingerprint", &pair.fingerprint).text("keyName", &pair.name).text("keyPairId", &id);
    let xml = xml.extend(tag_set(call, &id));
    call.put(pair);
    Ok(Reply::xml(xml))
}

fn describe(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let names = call.params.texts("KeyName")?;
    let ids = call.params.texts("KeyPairId")?;
    let with_key = call.params.flag("IncludePublicKey")?;
    let filters = Filters::take(call, &["key-name", "key-pair-id", "fingerprint"])?;
    if let Some(name) = names.iter().find(|name| !call.seen::<KeyPair>().any(|pair| pair.name == **name)) {
        return Err(missing(name));
    }
    if let Some(id) = ids.iter().find(|id| call.see::<KeyPair>(id).is_none()) {
        return Err(ApiError::bad("InvalidKeyPair.NotFound", format!("The key pair ID '{id}' does not exist")));
    }
    let items = call
        .seen::<KeyPair>()
        .filter(|pair| names.is_empty() || names.contains(&pair.name))
        .filter(|pair| ids.is_empty() || ids.contains(&pair.id))
        .filter(|pair| {
            filters.pass(tags_of(call, &pair.id), |name| {
                vec![match name {
                    "key-name" => pair.name.clone(),
                    "key-pair-id" => pair.id.clone(),
                    _ => pair.fingerprint.clone(),
                }]
            })
        })
        .map(|pair| {
            Xml::new()
                .text("keyPairId", &pair.id)
                .text("keyFingerprint", &pair.fingerprint)
                .text("keyName", &pair.name)
                .text("keyType", &pair.key_type)
                .text("createTime", pair.created)
                .text_opt("publicKey", with_key.then_some(&pair.public_key))
                .extend(tag_set(call, &pair.id))
        });
    Ok(Reply::xml(Xml::new().list("keySet", "item", items)))
}

/// A key pair that is not there counts as deleted.
fn delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let name = call.params.text_opt("KeyName")?;
    let id = call.params.text_opt("KeyPairId")?;
    if name.is_none() && id.is_none() {
        return Err(call.params.missing("KeyName"));
    }
    let named = |pair: &&KeyPair| Some(&pair.name) == name.as_ref() || Some(&pair.id) == id.as_ref();
    let found = call.all::<KeyPair>().find(named).map(|pair| pair.id.clone());
    if let Some(id) = &found {
        erase::<KeyPair>(call.world, call.region, id);
    }
    Ok(Reply::xml(Xml::new().text("return", true).text_opt("keyPairId", found)))
}
