//! Lists in pages, under the names that the model gives to tokens, limits and lists.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use crate::call::Call;
use crate::error::ApiError;
use crate::model::PageFacts;
use crate::wire::reply::Reply;

/// The page of a list that a request asks for. The list is sorted by keys that are unique.
pub(crate) struct Page {
    facts: &'static PageFacts,
    size: usize,
    /// The key of the last item of the page before.
    after: Option<String>,
}

impl Page {
    /// Reads what page is asked for; `usual` is how long one is where the request does not say it.
    pub(crate) fn take(call: &mut Call<'_>, usual: usize) -> Result<Self, ApiError> {
        let facts = call.model().operations.get(call.operation).and_then(|facts| facts.page.as_ref());
        let facts = facts.ok_or_else(|| ApiError::not_implemented(format!("pages of {}", call.operation)))?;
        let size = match &facts.limit {
            // Out of AWS's bounds, it was refused by the model.
            Some(name) => call.params.int_opt(name)?.map(|size| usize::try_from(size).unwrap_or(1).max(1)),
            None => None,
        };
        let token = call.params.text_opt(&facts.token)?;
        let read = |token: String| {
            let bytes = STANDARD.decode(token).ok();
            let unknown =
                || call.service.no_page.map_or_else(|| call.invalid("The token is not valid."), |told| told());
            bytes.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(unknown)
        };
        let after = token.filter(|token| !token.is_empty()).map(read).transpose()?;
        Ok(Self { facts, size: size.unwrap_or(usual), after })
    }

    /// Cuts the page out of the list; gives the token of the next one where there is one.
    pub(crate) fn cut<T>(
        &self,
        items: impl IntoIterator<Item = T>,
        key: impl Fn(&T) -> &str,
    ) -> (Vec<T>, Option<String>) {
        let begun = |item: &T| self.after.as_deref().is_none_or(|after| key(item) > after);
        let mut rest = items.into_iter().filter(begun);
        let page: Vec<T> = rest.by_ref().take(self.size).collect();
        let more = rest.next().is_some();
        let next = page.last().filter(|_| more).map(|last| STANDARD.encode(key(last)));
        (page, next)
    }

    /// The reply with the page and the token of the next one.
    pub(crate) fn reply<T>(
        &self,
        items: impl IntoIterator<Item = T>,
        key: impl Fn(&T) -> &str,
        show: impl Fn(&T) -> Value,
    ) -> Reply {
        let (page, next) = self.cut(items, key);
        let mut fields = Map::new();
        if let Some(name) = &self.facts.items {
            fields.insert(name.clone(), page.iter().map(show).collect());
        }
        if let Some(next) = next {
            fields.insert(self.facts.next.clone(), next.into());
        }
        Reply::json(Value::Object(fields))
    }
}
