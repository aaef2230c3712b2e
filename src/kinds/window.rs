//! How long AWS keeps what was removed. AWS is told that only when the object is removed, perhaps without a blueprint, so
//! until then it stands in a tag.
use crate::{
    aws::tags::{self, Tags},
    call::Ctx,
    units::Span,
};

/// The longest that KMS and Secrets Manager know, in days; both keep for at least seven.
pub(super) const LONGEST: u64 = 30;
pub(super) const SHORTEST: u64 = 7;

/// The longest, which loses the least.
pub(super) fn longest() -> Span {
    Span::from_hours(LONGEST * 24)
}

/// What an object's tags say.
pub(super) fn of(tags: &Tags) -> Span {
    let days = tags.get(tags::WINDOW).and_then(|days| days.parse::<u64>().ok());
    days.map_or_else(longest, |days| Span::from_hours(days.saturating_mul(24)))
}

/// As AWS takes it.
pub(super) fn days(window: Span) -> u64 {
    window.seconds() / (24 * 3600)
}

/// Tags with the one that says it.
pub(super) fn with(tags: &Tags, window: Span) -> Tags {
    let mut out = tags.clone();
    out.insert(tags::WINDOW, days(window).to_string());
    out
}

/// Changes the tag of what carries it.
pub(super) async fn change(
    ctx: &Ctx,
    tagger: &'static dyn tags::Tagger,
    arn: &str,
    window: Span,
) -> Result<(), crate::aws::Error> {
    let only = with(&Tags::new(), window);
    tagger.retag(&ctx.aws, &[arn.to_owned()], &only, &[]).await
}
