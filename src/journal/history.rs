//! What existed when: the stretches of time in which the journal knows a resource, each with what was applied.
use super::{Backend, JournalError, Sequence, codec, full, key, sequence};
use crate::{
    address::Address,
    record::{Applied, Record},
};
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// A resource as it was for a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Stretch {
    /// The resource.
    pub address: Address,
    /// What was applied: kind, id and spec.
    pub applied: Applied,
    /// From AWS's first answer to its creation, or from the change that made it so.
    pub from: Timestamp,
    /// Until the next change, or until it was gone; nothing while it exists.
    pub to: Option<Timestamp>,
}

/// Every stretch of this place's newest journal, in the order of addresses and times. The whole journal is read.
///
/// # Errors
/// A place that cannot be read, a damaged record, or a newer format.
pub async fn history(backend: &dyn Backend) -> Result<Vec<Stretch>, JournalError> {
    let mut found: Vec<Sequence> = backend.list(super::FOLDER, "").await?.iter().filter_map(|k| sequence(k)).collect();
    found.sort_unstable();
    let newest = found.last().map(|s| s.generation);
    found.retain(|s| Some(s.generation) == newest);
    let read = |at: Sequence| async move {
        let name = key(at);
        let lost = || JournalError::Damaged { at: full(backend, &name), line: None, why: "it is missing".to_owned() };
        let stored = backend.get(&name).await?.ok_or_else(lost)?;
        codec::decode(&full(backend, &name), &stored.bytes)
    };
    let objects: Vec<Vec<Record>> =
        stream::iter(found.into_iter().map(read)).buffered(super::READERS).try_collect().await?;
    Ok(stretches(objects.iter().flatten()))
}

/// The same from records in their order.
pub fn stretches<'r>(records: impl IntoIterator<Item = &'r Record>) -> Vec<Stretch> {
    let mut done: Vec<Stretch> = Vec::new();
    let mut open: BTreeMap<Address, Stretch> = BTreeMap::new();
    // AWS counts from its answer on, which comes before the resource is as wanted.
    let mut answered: BTreeMap<Address, Timestamp> = BTreeMap::new();
    for record in records {
        match record {
            Record::Accepted { address, time, .. } => {
                answered.entry(address.clone()).or_insert(*time);
            }
            Record::Stable { address, applied, time } => {
                let first = answered.remove(address).unwrap_or(*time);
                let from = match open.get_mut(address) {
                    // What runs on unchanged is one stretch.
                    Some(known) if (&known.applied.kind, &known.applied.spec) == (&applied.kind, &applied.spec) => {
                        continue;
                    }
                    Some(_) => *time,
                    None => first,
                };
                let next = Stretch { address: address.clone(), applied: applied.clone(), from, to: None };
                if let Some(before) = open.insert(address.clone(), next) {
                    done.push(Stretch { to: Some(from), ..before });
                }
            }
            Record::Gone { address, time } => {
                answered.remove(address);
                done.extend(open.remove(address).map(|before| Stretch { to: Some(*time), ..before }));
            }
            _ => {}
        }
    }
    done.extend(open.into_values());
    done.sort_by(|a, b| (&a.address, a.from).cmp(&(&b.address, b.from)));
    done
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packed::Packed;
    use serde_json::json;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(hour * 3600).unwrap()
    }

    fn address() -> Address {
        Address::parse("train.group").unwrap()
    }

    fn stable(count: u32, hour: i64) -> Record {
        let applied = Applied {
            kind: "instance-group".to_owned(),
            id: "train".to_owned(),
            spec: json!({ "count": count }),
            outputs: Packed::new(),
            tags: Packed::new(),
        };
        Record::Stable { address: address(), applied, time: at(hour) }
    }

    fn accepted(hour: i64) -> Record {
        Record::Accepted { address: address(), intent: "i".to_owned(), ids: Vec::new(), time: at(hour) }
    }

    fn shown(records: &[Record]) -> Vec<(i64, Option<i64>, u64)> {
        let hour = |t: Timestamp| t.as_second() / 3600;
        let all = stretches(records);
        all.iter().map(|s| (hour(s.from), s.to.map(hour), s.applied.spec["count"].as_u64().unwrap())).collect()
    }

    #[test]
    fn a_resource_that_grew_and_went() {
        let gone = Record::Gone { address: address(), time: at(50) };
        let records = [accepted(1), stable(2, 2), stable(2, 10), accepted(20), stable(4, 21), gone];
        assert_eq!(shown(&records), [(1, Some(21), 2), (21, Some(50), 4)]);
    }

    #[test]
    fn one_that_was_made_again_and_still_runs() {
        let gone = Record::Gone { address: address(), time: at(5) };
        let records = [accepted(1), stable(2, 2), gone, accepted(30), stable(2, 31)];
        assert_eq!(shown(&records), [(1, Some(5), 2), (30, None, 2)]);
    }
}
