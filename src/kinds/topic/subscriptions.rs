//! Subscriptions of a topic: asked for once, and ended where AWS lets that happen.
use super::{Protocol, Subscription};
use crate::{
    aws::{Aws, Error, gone},
    call::Ctx,
    field::Field,
    resource::State,
};

/// What AWS shows in place of an ARN until somebody has confirmed, and for a while after somebody unsubscribed.
const PENDING: &str = "PendingConfirmation";
const DELETED: &str = "Deleted";

impl Protocol {
    fn word(&self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Https => "https",
            Self::Lambda => "lambda",
            Self::Sqs => "sqs",
        }
    }

    fn of(word: &str) -> Option<Self> {
        [Self::Email, Self::Https, Self::Lambda, Self::Sqs].into_iter().find(|one| one.word() == word)
    }
}

impl Subscription {
    fn is(&self, other: &Self) -> bool {
        (&self.protocol, &self.endpoint) == (&other.protocol, &other.endpoint)
    }
}

/// Every subscription with its ARN. Telephones and what else a blueprint cannot name are somebody's own, and stay.
pub(super) async fn list(aws: &Aws, topic: &str) -> Result<Vec<(String, Subscription)>, Error> {
    let mut pages = aws.sns().list_subscriptions_by_topic().topic_arn(topic).into_paginator().send();
    let mut out = Vec::new();
    while let Some(page) = pages.next().await {
        for one in page?.subscriptions.unwrap_or_default() {
            let arn = one.subscription_arn.unwrap_or_default();
            let protocol = one.protocol.as_deref().and_then(Protocol::of).filter(|_| arn != DELETED);
            if let (Some(protocol), Some(endpoint)) = (protocol, one.endpoint) {
                let pending = arn == PENDING;
                out.push((arn, Subscription { protocol, endpoint: Field::Known(endpoint), pending }));
            }
        }
    }
    Ok(out)
}

/// Asks those who are missing, and ends what is not wanted.
pub(super) async fn bring(want: &[Subscription], ctx: &Ctx, topic: &str) -> Result<(), Error> {
    // Who was asked a moment ago must not be asked again: each time is a mail.
    let now = list(&ctx.aws, topic).await?;
    for one in want.iter().filter(|one| now.iter().all(|(_, known)| !known.is(one))) {
        let call = ctx.aws.sns().subscribe().topic_arn(topic).protocol(one.protocol.word());
        call.endpoint(one.endpoint.get()?).return_subscription_arn(true).send().await?;
    }
    for (arn, _) in now.iter().filter(|(_, known)| !known.pending && want.iter().all(|one| !known.is(one))) {
        gone(ctx.aws.sns().unsubscribe().subscription_arn(arn).send().await.map_err(Error::from))?;
    }
    Ok(())
}

/// A topic that somebody has not answered tells fewer than it should.
pub(super) fn state(all: &[Subscription]) -> State {
    let waiting: Vec<String> = all.iter().filter(|one| one.pending).map(|one| one.endpoint.to_string()).collect();
    match waiting.len() {
        0 => State::Ready,
        1 => State::Degraded(format!("{} has not confirmed its subscription and is told nothing", waiting[0])),
        _ => State::Degraded(format!(
            "{} have not confirmed their subscriptions and are told nothing",
            waiting.join(", ")
        )),
    }
}
