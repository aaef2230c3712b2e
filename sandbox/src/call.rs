//! One request as its handler sees it: parameters, the account, the time.

use jiff::Timestamp;

use crate::config::Consistency;
use crate::error::ApiError;
use crate::life;
use crate::model::Facts;
use crate::regions;
use crate::service::Service;
use crate::store::{Object, World};
use crate::throttle::Rate;
use crate::wire::params::Params;
use crate::wire::request::Incoming;

/// What a handler works with. Every change goes through it and is rolled back if the handler fails.
pub(crate) struct Call<'w> {
    pub(crate) world: &'w mut World,
    pub(crate) request: &'w Incoming,
    pub(crate) service: &'static Service,
    /// The operation's name.
    pub(crate) operation: &'static str,
    pub(crate) region: &'w str,
    pub(crate) now: Timestamp,
    /// The client token that the request came with.
    pub(crate) token: Option<String>,
    pub(crate) params: Params,
    pub(crate) window: Consistency,
    pub(crate) throttled: fn() -> ApiError,
}

impl Call<'_> {
    pub(crate) fn account(&self) -> String {
        self.world.config.account.clone()
    }

    /// What AWS publishes of the call's service.
    pub(crate) fn model(&self) -> &'static Facts {
        self.service.model
    }

    /// A refusal of a parameter for which the service has no code of its own.
    pub(crate) fn invalid(&self, message: impl Into<String>) -> ApiError {
        ApiError::bad(self.service.input.invalid, message)
    }

    /// The first part of ARNs in this region: `aws`, `aws-cn` or `aws-us-gov`.
    pub(crate) fn partition(&self) -> &'static str {
        regions::partition(self.region)
    }

    /// An ARN of the call's service in this region.
    pub(crate) fn arn(&self, resource: impl std::fmt::Display) -> String {
        self.arn_of(self.service.prefix, resource)
    }

    /// An ARN of another service in this region.
    pub(crate) fn arn_of(&self, service: &str, resource: impl std::fmt::Display) -> String {
        format!("arn:{}:{service}:{}:{}:{resource}", self.partition(), self.region, self.world.config.account)
    }

    /// An ARN of IAM, which has no region.
    pub(crate) fn iam_arn(&self, resource: impl std::fmt::Display) -> String {
        format!("arn:{}:iam::{}:{resource}", self.partition(), self.world.config.account)
    }

    /// Whatever its age; for uniqueness, ownership and settling.
    pub(crate) fn get<T: Object>(&self, id: &str) -> Option<&T> {
        self.world.get(self.region, id)
    }

    pub(crate) fn all<T: Object>(&self) -> impl Iterator<Item = &T> {
        self.world.all(self.region)
    }

    /// As `all`, beginning with the first id that is not before `start`.
    pub(crate) fn all_from<'c, T: Object>(&'c self, start: String) -> impl Iterator<Item = &'c T> + use<'c, T> {
        self.world.all_from(self.region, start)
    }

    /// An object that a change refers to; one inside its consistency window is not found.
    pub(crate) fn find<T: Object>(&self, id: &str) -> Option<&T> {
        self.get::<T>(id).filter(|object| self.is_shown(*object, self.window.reference))
    }

    /// An object for a reading call; one inside its consistency window is not found.
    pub(crate) fn see<T: Object>(&self, id: &str) -> Option<&T> {
        self.get::<T>(id).filter(|object| self.is_shown(*object, self.window.describe))
    }

    /// All objects that a reading call may show.
    pub(crate) fn seen<T: Object>(&self) -> impl Iterator<Item = &T> {
        self.all::<T>().filter(|object| self.is_shown(*object, self.window.describe))
    }

    fn is_shown<T: Object>(&self, object: &T, window: f64) -> bool {
        !object.is_hidden(self.now) && self.is_old_enough(object.created(), window)
    }

    /// Whether something made then is outside of a consistency window.
    pub(crate) fn is_old_enough(&self, created: Timestamp, window: f64) -> bool {
        window <= 0.0 || self.now.duration_since(created).as_secs_f64() >= window
    }

    pub(crate) fn put<T: Object>(&mut self, object: T) {
        self.world.put(self.region, object);
    }

    pub(crate) fn remove<T: Object>(&mut self, id: &str) {
        self.world.remove::<T>(self.region, id);
    }

    pub(crate) fn update<T: Object>(&mut self, id: &str, change: impl FnOnce(&mut T)) -> bool {
        self.world.update(self.region, id, change)
    }

    /// When something that takes AWS this long, begun now, is done.
    pub(crate) fn done_after(&self, duration: std::time::Duration) -> Timestamp {
        life::after(self.now, self.world.scaled(duration))
    }

    /// Takes tokens from a bucket of its own beside the one of the API action.
    pub(crate) fn charge(&mut self, bucket: &str, rate: Rate, cost: f64) -> Result<(), ApiError> {
        if self.world.throttle.take(self.region, bucket, rate, cost, self.now) {
            Ok(())
        } else {
            Err((self.throttled)())
        }
    }
}
