//! The account's objects: typed tables with transactions, timers and change tracking.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::config::SandboxConfig;
use crate::history::{Meter, Past};
pub(crate) use crate::table::ObjectKind;
pub(crate) use crate::table::Tagged;
use crate::table::{AnyTable, Erased, Table};
use crate::throttle::Throttle;

pub(crate) type Tags = BTreeMap<String, String>;

/// The place of objects that belong to no region (IAM, bucket names).
pub(crate) const GLOBAL: &str = "global";

/// Something that the account holds.
pub(crate) trait Object: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    /// `service/type`, unique, kept in files: do not rename.
    const KIND: &'static str;
    /// Belongs to no region.
    const GLOBAL: bool = false;
    fn id(&self) -> &str;
    fn created(&self) -> Timestamp;
    /// When the service's `settle` has to look at this object next; it must move on when settled.
    fn due(&self) -> Option<Timestamp> {
        None
    }
    /// Where it is in its life cycle, if it has one.
    fn state(&self, _now: Timestamp) -> &str {
        ""
    }
    /// Its tags, if it carries tags itself.
    fn tags(&self) -> Option<&Tags> {
        None
    }
    /// The same, to be changed by the operations that name resources by ARN.
    fn tags_mut(&mut self) -> Option<&mut Tags> {
        None
    }
    /// The service and the last part of its ARN, if it carries tags itself.
    fn arn(&self) -> Option<(String, String)> {
        None
    }
    /// What it is billed for.
    fn meters(&self) -> Vec<Meter> {
        Vec::new()
    }
    /// Kept, but no longer shown to any call.
    fn is_hidden(&self, _now: Timestamp) -> bool {
        false
    }
}

/// What most objects with a name or an id and a field `created` say of themselves: type, `service/type`, the field of
/// the id; the field of its timer, if it has one; and with tags in a field `tags`, the service and the last part of the
/// ARN, in which the id stands and maybe one field more.
macro_rules! object {
    ($type:ty, $kind:literal, $id:ident $(, global $global:literal)? $(, due $due:ident)? $(, tags of $service:literal $arn:literal $(with $more:ident)?)?) => {
        impl $crate::store::Object for $type {
            const KIND: &'static str = $kind;
            $(const GLOBAL: bool = $global;)?
            fn id(&self) -> &str {
                &self.$id
            }
            fn created(&self) -> jiff::Timestamp {
                self.created
            }
            $(
                fn due(&self) -> Option<jiff::Timestamp> {
                    self.$due
                }
            )?
            $(
                fn tags(&self) -> Option<&$crate::store::Tags> {
                    Some(&self.tags)
                }
                fn tags_mut(&mut self) -> Option<&mut $crate::store::Tags> {
                    Some(&mut self.tags)
                }
                fn arn(&self) -> Option<(String, String)> {
                    Some(($service.to_owned(), format!($arn, $id = self.$id $(, $more = self.$more)?)))
                }
            )?
        }
    };
}
pub(crate) use object;

/// A timer that has come due.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Due {
    pub(crate) at: Timestamp,
    pub(crate) kind: &'static str,
    pub(crate) region: String,
    pub(crate) id: String,
}

/// One change, as written to disk; `None` is a removal.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) kind: &'static str,
    pub(crate) region: String,
    pub(crate) id: String,
    pub(crate) value: Option<Value>,
}

struct Undo {
    kind: &'static str,
    region: String,
    id: String,
    old: Option<Erased>,
}

/// Everything that the simulated account holds.
pub(crate) struct World {
    pub(crate) config: Arc<SandboxConfig>,
    pub(crate) throttle: Throttle,
    /// The time of the request, or of the timer, that is being served.
    pub(crate) now: Timestamp,
    /// How many newer builds of each image AWS has published.
    pub(crate) newer_images: u32,
    tables: BTreeMap<&'static str, Box<dyn AnyTable>>,
    timers: BTreeSet<Due>,
    counter: u64,
    /// How often anything was set or removed: between two equal numbers nothing changed.
    revision: u64,
    undo: Vec<Undo>,
    dirty: BTreeSet<(&'static str, String, String)>,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").field("objects", &self.counts()).finish_non_exhaustive()
    }
}

impl World {
    pub(crate) fn new(config: Arc<SandboxConfig>, kinds: &[ObjectKind]) -> Self {
        Self {
            throttle: Throttle::new(config.behaviour.throttle),
            now: Timestamp::UNIX_EPOCH,
            newer_images: config.behaviour.newer_images,
            config,
            tables: kinds.iter().map(|kind| (kind.name, (kind.table)())).collect(),
            timers: BTreeSet::new(),
            counter: 0,
            revision: 0,
            undo: Vec::new(),
            dirty: BTreeSet::new(),
        }
    }

    /// A duration of AWS, as configured for this account.
    pub(crate) fn scaled(&self, duration: Duration) -> Duration {
        let factor = self.config.behaviour.durations;
        if factor.is_finite() && factor >= 0.0 { duration.mul_f64(factor) } else { duration }
    }

    pub(crate) fn place<T: Object>(region: &str) -> &str {
        if T::GLOBAL { GLOBAL } else { region }
    }

    fn table<T: Object>(&self) -> Option<&Table<T>> {
        let table = self.tables.get(T::KIND).and_then(|table| table.as_any().downcast_ref());
        debug_assert!(table.is_some(), "{} is not registered with its service", T::KIND);
        table
    }

    pub(crate) fn get<T: Object>(&self, region: &str, id: &str) -> Option<&T> {
        self.table::<T>()?.0.get(Self::place::<T>(region))?.get(id).map(|object| &**object)
    }

    /// All objects of a type, in the order of their ids.
    pub(crate) fn all<T: Object>(&self, region: &str) -> impl Iterator<Item = &T> {
        let rows = self.table::<T>().and_then(|table| table.0.get(Self::place::<T>(region)));
        rows.into_iter().flat_map(|rows| rows.values().map(|object| &**object))
    }

    /// As `all`, beginning with the first id that is not before `start`.
    pub(crate) fn all_from<'w, T: Object>(
        &'w self,
        region: &str,
        start: String,
    ) -> impl Iterator<Item = &'w T> + use<'w, T> {
        let rows = self.table::<T>().and_then(|table| table.0.get(Self::place::<T>(region)));
        let range = (Bound::Included(start), Bound::Unbounded);
        rows.into_iter().flat_map(move |rows| rows.range::<String, _>(range.clone())).map(|(_, object)| &**object)
    }

    pub(crate) fn put<T: Object>(&mut self, region: &str, object: T) {
        let id = object.id().to_owned();
        self.set(T::KIND, Self::place::<T>(region), &id, Some(Arc::new(object)));
    }

    pub(crate) fn remove<T: Object>(&mut self, region: &str, id: &str) {
        self.set(T::KIND, Self::place::<T>(region), id, None);
    }

    /// Changes one object in place; false when there is none.
    pub(crate) fn update<T: Object>(&mut self, region: &str, id: &str, change: impl FnOnce(&mut T)) -> bool {
        let Some(mut object) = self.get::<T>(region, id).cloned() else { return false };
        change(&mut object);
        self.put(region, object);
        true
    }

    /// A fresh hexadecimal suffix that depends on the seed and on how many were given before.
    pub(crate) fn new_hex(&mut self, digits: usize) -> String {
        self.counter += 1;
        let digest = Sha256::digest(format!("{}/{}", self.config.seed, self.counter));
        let mut hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        hex.truncate(digits);
        hex
    }

    /// A fresh identifier such as `vpc-0` and 16 more digits: AWS's new ids are 17 long and begin with a zero.
    pub(crate) fn new_id(&mut self, prefix: &str) -> String {
        format!("{prefix}0{}", self.new_hex(16))
    }

    pub(crate) fn new_uuid(&mut self) -> String {
        let hex = self.new_hex(32);
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }

    fn set(&mut self, kind: &'static str, region: &str, id: &str, object: Option<Erased>) {
        let is_removal = object.is_none();
        let old = self.place_object(kind, region, id, object);
        let past = match (&old, self.tables.get(kind)) {
            (Some(old), Some(table)) if is_removal => table.past(old, self.now),
            _ => None,
        };
        self.dirty.insert((kind, region.to_owned(), id.to_owned()));
        self.undo.push(Undo { kind, region: region.to_owned(), id: id.to_owned(), old });
        if let Some(past) = past {
            self.put(region, past);
        }
    }

    /// What every tagged or billed object of a region is, as if it were remembered now, with when it was made.
    pub(crate) fn present(&self, region: &str) -> Vec<(Timestamp, Past)> {
        self.tables.values().flat_map(|table| table.present(region, self.now)).collect()
    }

    /// The object with tags that the last part of an ARN names.
    pub(crate) fn tagged(&self, region: &str, service: &str, tail: &str) -> Option<Tagged> {
        self.tables.values().find_map(|table| table.tagged(region, service, tail, self.now))
    }

    /// Gives an object other tags.
    pub(crate) fn retag(&mut self, found: &Tagged, tags: Tags) {
        let changed = self.tables.get(found.kind).and_then(|table| table.retagged(&found.region, &found.id, tags));
        if let Some(object) = changed {
            self.set(found.kind, &found.region, &found.id, Some(object));
        }
    }

    /// Every region in which there ever was an object of a type.
    pub(crate) fn places<T: Object>(&self) -> Vec<String> {
        self.table::<T>().map(|table| table.0.keys().cloned().collect()).unwrap_or_default()
    }

    /// Every region in which there is anything.
    pub(crate) fn regions(&self) -> BTreeSet<String> {
        self.tables.values().flat_map(|table| table.keys()).map(|(region, _)| region).collect()
    }

    fn place_object(&mut self, kind: &'static str, region: &str, id: &str, object: Option<Erased>) -> Option<Erased> {
        self.revision += 1;
        let table = self.tables.get_mut(kind)?;
        let timer = |at| Due { at, kind, region: region.to_owned(), id: id.to_owned() };
        let next = object.as_ref().and_then(|object| table.due(object)).map(timer);
        let old = table.set(region, id, object);
        if let Some(at) = old.as_ref().and_then(|object| table.due(object)) {
            self.timers.remove(&timer(at));
        }
        self.timers.extend(next);
        old
    }

    /// The earliest timer that has come due.
    pub(crate) fn next_due(&self, now: Timestamp) -> Option<Due> {
        self.timers.first().filter(|due| due.at <= now).cloned()
    }

    /// When the next timer comes due.
    pub(crate) fn next_timer(&self) -> Option<Timestamp> {
        self.timers.first().map(|due| due.at)
    }

    /// Forgets a timer that its service did not move on.
    pub(crate) fn drop_timer(&mut self, due: &Due) {
        self.timers.remove(due);
    }

    /// A point to roll back to.
    pub(crate) fn checkpoint(&self) -> usize {
        self.undo.len()
    }

    pub(crate) fn roll_back(&mut self, checkpoint: usize) {
        while self.undo.len() > checkpoint {
            if let Some(undo) = self.undo.pop() {
                self.place_object(undo.kind, &undo.region, &undo.id, undo.old);
            }
        }
        self.dirty = self.undo.iter().map(|undo| (undo.kind, undo.region.clone(), undo.id.clone())).collect();
    }

    /// What changed since the last commit, with new values.
    pub(crate) fn changes(&self) -> Result<Vec<Change>, serde_json::Error> {
        let change = |(kind, region, id): &(&'static str, String, String)| {
            let value = self.tables.get(kind).map(|table| table.encode(region, id)).transpose()?.flatten();
            Ok(Change { kind, region: region.clone(), id: id.clone(), value })
        };
        self.dirty.iter().map(change).collect()
    }

    /// Makes the changes since the last commit final.
    pub(crate) fn commit(&mut self) {
        self.undo.clear();
        self.dirty.clear();
    }

    /// Every object, as written to a snapshot.
    pub(crate) fn everything(&self) -> Result<Vec<Change>, serde_json::Error> {
        let mut out = Vec::new();
        for (kind, table) in &self.tables {
            for (region, id) in table.keys() {
                let value = table.encode(&region, &id)?;
                out.push(Change { kind, region, id, value });
            }
        }
        Ok(out)
    }

    /// The state of an object, unless it is no longer shown.
    pub(crate) fn shown(&self, kind: &str, region: &str, id: &str, now: Timestamp) -> Option<String> {
        self.tables.get(kind)?.shown(region, id, now)
    }

    /// Applies a change that was read from disk. A kind of another version of the crate is an error.
    pub(crate) fn load(&mut self, kind: &str, region: &str, id: &str, value: Option<Value>) -> Result<(), String> {
        let Some((kind, table)) = self.tables.get_key_value(kind) else {
            return Err(format!("unknown kind of object {kind}"));
        };
        let kind = *kind;
        let object =
            value.map(|value| table.decode(value)).transpose().map_err(|error| format!("{kind} {id}: {error}"))?;
        self.place_object(kind, region, id, object);
        Ok(())
    }

    /// The same account beside this one: what happens to one does not happen to the other. Request rates start full.
    pub(crate) fn copy(&self) -> Self {
        Self {
            config: Arc::clone(&self.config),
            throttle: Throttle::new(self.config.behaviour.throttle),
            now: self.now,
            newer_images: self.newer_images,
            tables: self.tables.iter().map(|(kind, table)| (*kind, table.copy())).collect(),
            timers: self.timers.clone(),
            counter: self.counter,
            revision: self.revision,
            undo: Vec::new(),
            dirty: BTreeSet::new(),
        }
    }

    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    pub(crate) fn counter(&self) -> u64 {
        self.counter
    }

    pub(crate) fn set_counter(&mut self, counter: u64) {
        self.counter = counter;
    }

    /// How many objects there are of each kind that has any.
    pub(crate) fn counts(&self) -> BTreeMap<String, usize> {
        let counts = self.tables.iter().map(|(kind, table)| ((*kind).to_owned(), table.len()));
        // What is only remembered is no object of the account.
        counts.filter(|(kind, count)| *count > 0 && kind != Past::KIND).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Clone, Serialize, Deserialize)]
    struct Thing {
        id: String,
        due: Option<Timestamp>,
    }

    impl Object for Thing {
        const KIND: &'static str = "test/thing";
        fn id(&self) -> &str {
            &self.id
        }
        fn created(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH
        }
        fn due(&self) -> Option<Timestamp> {
            self.due
        }
    }

    #[test]
    fn a_rollback_restores_objects_and_timers() {
        let mut world = World::new(Arc::default(), &[ObjectKind::of::<Thing>()]);
        let at = Timestamp::UNIX_EPOCH;
        world.put("r", Thing { id: "a".into(), due: Some(at) });
        world.commit();
        let point = world.checkpoint();
        world.put("r", Thing { id: "a".into(), due: None });
        world.put("r", Thing { id: "b".into(), due: None });
        assert!(world.next_due(at).is_none());
        world.roll_back(point);
        assert_eq!(world.next_due(at).unwrap().id, "a");
        assert_eq!(world.counts().get("test/thing"), Some(&1));
        assert!(world.changes().unwrap().is_empty());
    }
}
