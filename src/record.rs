//! What the journal records, and the seam through which kinds and engine write it.
use crate::{
    address::Address,
    aws::{Error, tags::Tags},
    kind::Boxed,
    packed::Packed,
    resource::Class,
    units::Span,
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{collections::BTreeSet, fmt, str::FromStr};

/// One call that is about to make something.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// ULID; also in the object's `dlinfra:intent` tag.
    pub id: String,
    /// The resource.
    pub address: Address,
    /// `ec2:RunInstances`.
    pub call: String,
    /// How it is recovered.
    pub class: Class,
    /// The part that it makes; empty = the primary object.
    pub part: String,
    /// Which call of its step it is.
    pub ordinal: u32,
    /// What the call says, without token and tags; secrets are references.
    pub params: Value,
    /// SHA-256 of `params`.
    pub params_digest: String,
    /// The names that the call gives, by which what it makes is found again where no prefix leads to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// The exact tags.
    pub tags: Tags,
    /// When.
    pub time: Timestamp,
}

/// What dlinfra applied last to a resource: the memory of the three-way diff.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Applied {
    /// The kind's name.
    pub kind: String,
    /// Its id.
    pub id: String,
    /// The canonical spec, pointers by address, what cannot be read back as digests.
    pub spec: Value,
    /// Outputs at that time.
    pub outputs: Packed<Value>,
    /// The tags that dlinfra set.
    #[serde(default)]
    pub tags: Tags,
}

/// What a run is about to set for the first time: it is ours from then on, although the run may never report it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// Fields that go back to AWS's default once they are no longer wanted.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub fields: BTreeSet<String>,
    /// Keys of tags.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<String>,
}

impl Setting {
    /// Nothing new?
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.tags.is_empty()
    }
}

/// Until when a stack may live, and by which `ttl` that was reckoned. Both are one value: a new `ttl` beside an old
/// moment would be taken for one that was settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expiry {
    /// What the blueprint said.
    pub ttl: Span,
    /// In whole seconds, as the tag says it.
    pub at: Timestamp,
    /// Does its end also remove what holds data? The blueprint says `ttl_data: delete`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub delete_data: bool,
    /// May the reaper keep it? Not where `--no-reaper` was said, nor for a stack of a dlinfra that did not write down what
    /// is protected.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub enforced: bool,
}

impl Expiry {
    /// This long from now; nothing where the calendar ends before.
    pub fn after(now: Timestamp, ttl: Span) -> Option<Self> {
        let length = SignedDuration::from_secs(i64::try_from(ttl.seconds()).ok()?);
        Some(Self::at(now.checked_add(length).ok()?, ttl))
    }

    /// At a moment that is known.
    pub fn at(at: Timestamp, ttl: Span) -> Self {
        Self { ttl, at: Timestamp::from_second(at.as_second()).unwrap_or(at), delete_data: false, enforced: false }
    }
}

/// What the journal keeps under a key of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pin {
    /// An [`Expiry`].
    Expiry,
    /// The image that a group's machines start from.
    Image(Address),
    /// What was chosen among the alternatives of a field.
    Choice(Address),
    /// Whether a resource must never be removed, as the last blueprint said.
    Protected(Address),
    /// A [`Setting`]; gone as soon as the resource is stable or gone.
    Setting(Address),
    /// A [`crate::run::Job`], by its id.
    Job(String),
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expiry => f.write_str("expiry"),
            Self::Image(address) => write!(f, "image:{address}"),
            Self::Choice(address) => write!(f, "choice:{address}"),
            Self::Protected(address) => write!(f, "protected:{address}"),
            Self::Setting(address) => write!(f, "setting:{address}"),
            Self::Job(id) => write!(f, "job:{id}"),
        }
    }
}

impl FromStr for Pin {
    type Err = ();

    fn from_str(key: &str) -> Result<Self, ()> {
        let address = |text| Address::parse(text).ok_or(());
        match key.split_once(':') {
            None if key == "expiry" => Ok(Self::Expiry),
            Some(("image", text)) => Ok(Self::Image(address(text)?)),
            Some(("choice", text)) => Ok(Self::Choice(address(text)?)),
            Some(("protected", text)) => Ok(Self::Protected(address(text)?)),
            Some(("setting", text)) => Ok(Self::Setting(address(text)?)),
            Some(("job", id)) => Ok(Self::Job(id.to_owned())),
            _ => Err(()),
        }
    }
}

/// One record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum Record {
    /// The first record: whose journal this is.
    Claim {
        /// The stack's name.
        stack: String,
        /// Its uuid-like id, minted once.
        stack_id: String,
        /// Account.
        account: String,
        /// Region.
        region: String,
        /// When.
        time: Timestamp,
    },
    /// A mutating command began.
    Run {
        /// `apply`, `destroy`, …
        command: String,
        /// Who and where.
        holder: String,
        /// When.
        time: Timestamp,
    },
    /// About to call.
    Intent(Intent),
    /// AWS answered with ids.
    Accepted {
        /// The resource.
        address: Address,
        /// The intent's id.
        intent: String,
        /// What AWS returned.
        ids: Vec<String>,
        /// When.
        time: Timestamp,
    },
    /// AWS refused: nothing was made.
    Failed {
        /// The resource.
        address: Address,
        /// The intent's id.
        intent: String,
        /// Why, without secrets.
        error: String,
        /// When.
        time: Timestamp,
    },
    /// The resource is as wanted.
    Stable {
        /// The resource.
        address: Address,
        /// What was applied.
        applied: Applied,
        /// When.
        time: Timestamp,
    },
    /// The resource is gone.
    Gone {
        /// The resource.
        address: Address,
        /// When.
        time: Timestamp,
    },
    /// Resolved and kept: images, the time of expiry, what a run is about to set.
    Pinned {
        /// A [`Pin`]: `image:train.group`, `expiry`, `setting:role`.
        key: String,
        /// The value; null = nothing is kept any more.
        value: Value,
        /// When.
        time: Timestamp,
    },
    /// The command ended.
    End {
        /// `ok`, `partial`, `interrupted`, `failed`.
        outcome: String,
        /// When.
        time: Timestamp,
    },
}

/// How far a long piece of work is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Things done (objects, versions and markers of a bucket).
    pub count: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// Nothing is left.
    pub complete: bool,
}

/// Where records go. Every method returns only when the record is durable.
pub trait Recorder: Send + Sync {
    /// Before a call.
    fn intent(&self, intent: Intent) -> Boxed<'_, ()>;
    /// After AWS's answer.
    fn accepted<'a>(&'a self, address: &'a Address, intent: &'a str, ids: &'a [String]) -> Boxed<'a, ()>;
    /// After AWS's refusal.
    fn failed<'a>(&'a self, address: &'a Address, intent: &'a str, error: &'a str) -> Boxed<'a, ()>;
    /// The resource is as wanted.
    fn stable<'a>(&'a self, address: &'a Address, applied: Applied) -> Boxed<'a, ()>;
    /// The resource is gone.
    fn gone<'a>(&'a self, address: &'a Address) -> Boxed<'a, ()>;
    /// Before fields and tags are set that were not ours.
    fn setting<'a>(&'a self, _: &'a Address, _: &'a Setting) -> Boxed<'a, ()> {
        Box::pin(async { Ok(()) })
    }
    /// For people: the call waits (for IAM, for a throttle); not recorded.
    fn waiting(&self, address: &Address, why: &Error);
    /// For people: how far a long piece of work is; not recorded. False = the run was stopped: begin nothing new.
    fn progress(&self, _address: &Address, _progress: Progress) -> bool {
        true
    }

    /// Intents on this address without an answer, those of this run included. None where nothing is recorded.
    fn unanswered(&self, _address: &Address) -> Vec<Intent> {
        Vec::new()
    }
}

/// A new ULID at this time.
pub fn mint(now: Timestamp) -> String {
    let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
    ulid::Ulid::from_parts(millis, random()).to_string()
}

/// When an id of [`mint`] was made; nothing for other texts.
pub fn minted(id: &str) -> Option<Timestamp> {
    let millis = ulid::Ulid::from_string(id).ok()?.timestamp_ms();
    Timestamp::from_millisecond(i64::try_from(millis).ok()?).ok()
}

/// A new stack-id in the form of a random UUID (version 4).
pub fn uuid() -> String {
    let bits = (random() & !(0xF << 76) & !(0b11 << 62)) | (4 << 76) | (0b10 << 62);
    let hex = format!("{bits:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// Sixteen hexadecimal digits that no other process has.
pub fn nonce() -> String {
    format!("{:032x}", random())[..16].to_owned()
}

/// 128 random bits from the operating system's hasher keys; uniqueness is needed, secrecy is not.
fn random() -> u128 {
    use std::hash::{BuildHasher, Hasher};
    let word = || std::collections::hash_map::RandomState::new().build_hasher().finish();
    (u128::from(word()) << 64) | u128::from(word())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_come_back_from_their_keys() {
        let role = Address::parse("m.role").unwrap();
        let pins =
            [Pin::Image(role.clone()), Pin::Choice(role.clone()), Pin::Protected(role.clone()), Pin::Setting(role)];
        for pin in pins.into_iter().chain([Pin::Expiry, Pin::Job("01JD".to_owned())]) {
            assert_eq!(pin.to_string().parse(), Ok(pin));
        }
        assert_eq!("expires".parse::<Pin>(), Err(()));
    }

    #[test]
    fn an_expiry_is_told_as_its_tag_tells_it() {
        let now: Timestamp = "2026-06-01T08:00:00.75Z".parse().unwrap();
        let expiry = Expiry::after(now, Span::from_hours(72)).unwrap();
        assert_eq!(expiry.at.to_string(), "2026-06-04T08:00:00Z");
        let value = serde_json::to_value(expiry).unwrap();
        assert_eq!(value, serde_json::json!({ "ttl": "72h", "at": "2026-06-04T08:00:00Z" }));
        assert_eq!(serde_json::from_value::<Expiry>(value).unwrap(), expiry);
        assert_eq!(Expiry::after(Timestamp::MAX, Span::from_hours(1)), None);
    }

    #[test]
    fn stack_ids_look_like_random_uuids_and_differ() {
        let (one, two) = (uuid(), uuid());
        assert_ne!(one, two);
        assert_ne!(nonce(), nonce());
        let parts: Vec<_> = one.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12]);
        assert_eq!(&one[14..15], "4");
        assert!("89ab".contains(&one[19..20]), "{one}");
    }
}
