//! The erased form of what people, and those who use a resource, ask of it.
use super::super::{Boxed, Of};
use crate::{
    aws::log_events::LogLine,
    call::SweepCtx,
    resource::{Drains, Id, Live, Logs, Machine, Released, Runs, Served, Serves},
};
use jiff::Timestamp;
use serde_json::Value;

pub(super) trait ErasedLogs: Send + Sync {
    fn lines<'a>(&self, ctx: &'a SweepCtx, live: &'a Live, since: Timestamp) -> Boxed<'a, Vec<LogLine>>;
}

impl<R: Logs> ErasedLogs for Of<R> {
    fn lines<'a>(&self, ctx: &'a SweepCtx, live: &'a Live, since: Timestamp) -> Boxed<'a, Vec<LogLine>> {
        Box::pin(async move { R::lines(ctx, &Self::typed_live(live)?, since).await })
    }
}

pub(super) trait ErasedServes: Send + Sync {
    fn invoke<'a>(&self, ctx: &'a SweepCtx, live: &'a Live, content_type: &'a str, body: Vec<u8>) -> Boxed<'a, Served>;
}

impl<R: Serves> ErasedServes for Of<R> {
    fn invoke<'a>(&self, ctx: &'a SweepCtx, live: &'a Live, content_type: &'a str, body: Vec<u8>) -> Boxed<'a, Served> {
        Box::pin(async move { R::invoke(ctx, &Self::typed_live(live)?, content_type, body).await })
    }
}

pub(super) trait ErasedDrains: Send + Sync {
    fn release<'a>(&self, ctx: &'a SweepCtx, ending: &'a [Id], staying: &'a [Id]) -> Boxed<'a, Released>;
}

impl<R: Drains> ErasedDrains for Of<R> {
    fn release<'a>(&self, ctx: &'a SweepCtx, ending: &'a [Id], staying: &'a [Id]) -> Boxed<'a, Released> {
        Box::pin(R::release(ctx, ending, staying))
    }
}

pub(super) trait ErasedRuns: Send + Sync {
    fn machines(&self, live: &Live) -> Vec<Machine>;
    fn machine_type(&self, spec: &Value) -> Option<String>;
}

impl<R: Runs> ErasedRuns for Of<R> {
    fn machines(&self, live: &Live) -> Vec<Machine> {
        Self::typed_live(live).map(|live| R::machines(&live)).unwrap_or_default()
    }
    fn machine_type(&self, spec: &Value) -> Option<String> {
        Self::typed(spec).ok().map(|typed| typed.machine_type().to_owned())
    }
}
