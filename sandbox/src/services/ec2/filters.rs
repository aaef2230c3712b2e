//! Filters and pages of EC2's describe calls.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::tags::TagSet;
use super::{Reply, invalid};
use crate::call::Call;
use crate::error::ApiError;
use crate::faults::matches;
use crate::store::Object;
use crate::wire::xml::Xml;

/// The filters of a request; an object passes if every filter has a value that fits.
#[derive(Debug, Default)]
pub(super) struct Filters(Vec<(String, Vec<String>)>);

impl Filters {
    /// Takes `Filter.N` out of a request. `known` are the names that the call understands besides those of tags.
    pub(super) fn take(call: &mut Call<'_>, known: &[&str]) -> Result<Self, ApiError> {
        let mut out = Vec::new();
        for mut filter in call.params.structs("Filter")? {
            let name = filter.text("Name")?;
            let values = filter.texts("Value")?;
            let is_tag = name.starts_with("tag:") || name == "tag-key";
            if !is_tag && !known.contains(&name.as_str()) {
                return Err(ApiError::not_implemented(format!("the filter '{name}' here")));
            }
            if values.len() > 200 {
                return Err(ApiError::bad("FilterLimitExceeded", "The maximum number of filter values is 200"));
            }
            out.push((name, values));
        }
        Ok(Self(out))
    }

    /// What a filter is given.
    pub(super) fn values<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f str> {
        let named = self.0.iter().filter(move |(given, _)| given == name);
        named.flat_map(|(_, values)| values.iter().map(String::as_str))
    }

    /// `values` gives what an object has under a filter's name.
    pub(super) fn pass(&self, tags: &BTreeMap<String, String>, values: impl Fn(&str) -> Vec<String>) -> bool {
        self.0.iter().all(|(name, wanted)| {
            let fits = |value: &str| wanted.iter().any(|pattern| matches(pattern, value));
            if let Some(key) = name.strip_prefix("tag:") {
                tags.get(key).is_some_and(|value| fits(value))
            } else if name == "tag-key" {
                tags.keys().any(|key| fits(key))
            } else {
                values(name).iter().any(|value| fits(value))
            }
        })
    }
}

/// What a describe call was asked for.
#[derive(Debug, Default)]
pub(super) struct Query {
    pub(super) ids: Vec<String>,
    pub(super) filters: Filters,
    size: usize,
    after: Option<String>,
}

impl Query {
    /// Reads ids, filters and page; `id_field` as on the wire (`VpcId`).
    pub(super) fn take(call: &mut Call<'_>, id_field: &str, known: &[&str]) -> Result<Self, ApiError> {
        let ids = if id_field.is_empty() { Vec::new() } else { call.params.texts(id_field)? };
        let filters = Filters::take(call, known)?;
        let size = match call.params.int_opt("MaxResults")? {
            None => usize::MAX,
            Some(size @ 5..=1000) => usize::try_from(size).unwrap_or(1000),
            Some(size) => {
                let message = format!(
                    "Value ( {size} ) for parameter maxResults is invalid. Expecting a value between 5 and 1000."
                );
                return Err(invalid(message));
            }
        };
        let after = call.params.text_opt("NextToken")?.map(|token| read_token(&token)).transpose()?;
        Ok(Self { ids, filters, size, after })
    }

    pub(super) fn is_paged(&self) -> bool {
        self.size != usize::MAX
    }

    /// The objects that were asked for, in the order of their ids, and the token of the next page.
    /// An id that is not there is the error that `missing` makes of it.
    pub(super) fn run<'c, T: Object>(
        &self,
        call: &'c Call<'_>,
        missing: impl Fn(&str) -> ApiError,
        values: impl Fn(&T, &str) -> Vec<String>,
    ) -> Result<(Vec<&'c T>, Option<String>), ApiError> {
        for id in &self.ids {
            if call.see::<T>(id).is_none() {
                return Err(missing(id));
            }
        }
        let candidates: Vec<&T> = if self.ids.is_empty() {
            call.seen::<T>().collect()
        } else {
            let ids: BTreeSet<&String> = self.ids.iter().collect();
            ids.into_iter().filter_map(|id| call.see::<T>(id)).collect()
        };
        let mut found = Vec::new();
        let mut next = None;
        for object in candidates {
            let id = object.id();
            let passed_by = self.after.as_deref().is_some_and(|after| id <= after);
            if passed_by || !self.filters.pass(tags_of(call, id), |name| values(object, name)) {
                continue;
            }
            if found.len() == self.size {
                next = found.last().map(|last: &&T| token(last.id()));
                break;
            }
            found.push(object);
        }
        Ok((found, next))
    }
}

impl Query {
    /// One page of items that are sorted by what `key` gives.
    pub(super) fn page<T>(&self, items: Vec<T>, key: impl Fn(&T) -> &str) -> (Vec<T>, Option<String>) {
        let mut rest: Vec<T> =
            items.into_iter().filter(|item| self.after.as_deref().is_none_or(|after| key(item) > after)).collect();
        let more = rest.len() > self.size;
        rest.truncate(self.size);
        let next = rest.last().filter(|_| more).map(|last| token(key(last)));
        (rest, next)
    }
}

/// A describe reply: a list and the next page's token.
pub(super) fn listing(name: &'static str, items: impl IntoIterator<Item = Xml>, next: Option<String>) -> Reply {
    Reply::xml(Xml::new().list(name, "item", items).text_opt("nextToken", next))
}

static NO_TAGS: BTreeMap<String, String> = BTreeMap::new();

pub(super) fn tags_of<'c>(call: &'c Call<'_>, id: &str) -> &'c BTreeMap<String, String> {
    call.get::<TagSet>(id).map_or(&NO_TAGS, |set| &set.tags)
}

fn token(last: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("after {last}"))
}

fn read_token(token: &str) -> Result<String, ApiError> {
    let decoded = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    decoded
        .and_then(|text| text.strip_prefix("after ").map(str::to_owned))
        .ok_or_else(|| invalid("The nextToken is not valid"))
}
